"""The table of all SIP transactions: matching and timers (RFC 3261 17.1.3, 17.2.3; SIP-20 to SIP-24).

The machines and their outputs live in :mod:`iwf.sip.transaction.machines` and
:mod:`iwf.sip.transaction.invite` and can be imported from here.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from math import inf
from typing import Any

from iwf.ids import Ids
from iwf.sip.steady import RESOLUTION, Steady
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import COOKIE, Via
from iwf.sip.syntax.message import Request, Response
from iwf.sip.transaction.invite import InviteClientTransaction, InviteServerTransaction
from iwf.sip.transaction.machines import (
    ClientTransaction,
    Deliver,
    Key,
    Output,
    Send,
    ServerTransaction,
    State,
    Stray,
    Terminated,
    TimedOut,
    Transaction,
    TransportFailed,
)

__all__ = [
    "COOKIE", "ClientTransaction", "Deliver", "InviteClientTransaction", "InviteServerTransaction", "Output", "Send",
    "ServerTransaction", "State", "Stray", "Terminated", "TimedOut", "Transaction", "TransactionTable",
    "TransportFailed", "new_branch",
]


def new_branch(ids: Ids) -> str:
    """A branch for a new client transaction (SIP-22)."""
    return COOKIE + ids.token()


def _via_key(side: str, via: Via, method: str) -> Key:
    return side, via.branch, via.host, via.port, method


def _server_key(request: Request, method: str, to_tag: str | None = None) -> Key:
    """The name of the server transaction a request belongs to (SIP-21)."""
    via = request.top_via
    branch = via.branch
    if branch.startswith(COOKIE) and len(branch) > len(COOKIE):
        return _via_key("server", via, method)
    # RFC 3261 17.2.3: a peer of RFC 2543's time.
    tag = request.to.tag if to_tag is None else to_tag
    return "server", request.target, tag, request.from_.tag, request.call_id, request.cseq.number, str(via), method


class TransactionTable:
    """All transactions of one node: finds them, and keeps their timers as one.

    The outputs of any call are to be carried out in order, before the next call.  A clock that
    goes backwards stands still.
    """

    def __init__(self) -> None:
        self._open: dict[Key, Transaction] = {}
        # (due, serial, key), at least one for every transaction with a timer.  A timer that moves
        # away leaves its entry behind, to be corrected when it comes up.  Keys, not transactions,
        # so that an entry left behind holds no memory but its own.
        self._heap: list[tuple[float, int, Key]] = []
        self._serial = count()
        self._clock = Steady()

    def __len__(self) -> int:
        return len(self._open)

    def start(
        self, request: Request, target: Any, reliable: bool, now: float
    ) -> tuple[ClientTransaction, list[Output]]:
        """Start a client transaction.

        :param request: with our Via on top and a new branch in it (:func:`new_branch`).
        :param target: where to send, for the transport.
        :raises SipSyntaxError: when the request cannot be written.
        :raises ValueError: for ACK, which opens none, and when the branch is in use.
        """
        machine = InviteClientTransaction if request.method == "INVITE" else ClientTransaction
        transaction = self._open_client(machine, request, target, reliable, self._clock.time(now))
        return transaction, transaction.start()

    def _open_client(self, machine: type[ClientTransaction], request: Request, target: Any, reliable: bool,
                     now: float) -> ClientTransaction:
        key = _via_key("client", request.top_via, request.method)
        if key in self._open:
            raise ValueError("branch in use")
        transaction = machine(request, target, reliable, now)
        self._add(key, transaction)
        return transaction

    def cancel(self, transaction: InviteClientTransaction, now: float) -> list[Output]:
        """Take an INVITE of ours back, at once or as soon as its peer has shown that he has it (SIP-24).

        The user hears the final response all the same: 487, or another that was quicker.
        """
        transaction.cancel()
        return self._with_cancel(transaction, [], self._clock.time(now))

    def _with_cancel(self, transaction: InviteClientTransaction, outputs: list[Output], now: float) -> list[Output]:
        cancel = transaction.due_cancel(now)
        if cancel is not None:
            outputs += self._open_client(ClientTransaction, cancel, transaction.peer, transaction.reliable, now).start()
        return self._settled(transaction, outputs)

    def receive(self, message: Request | Response, source: Any, reliable: bool, now: float) -> list[Output]:
        """Take a message from a peer that :func:`~iwf.sip.syntax.message.validate` has let pass.

        :param source: where answers go, for the transport.
        :return: a :class:`Deliver` with a :class:`ServerTransaction` for a new request.  Responses
            without transaction are dropped (SIP-20); an ACK without one is a :class:`Stray`.
        """
        now = self._clock.time(now)
        if isinstance(message, Response):
            return self._receive_response(message, now)
        if message.method == "ACK":
            return self._receive_ack(message, source, now)
        key = _server_key(message, message.method)
        known = self._open.get(key)
        if isinstance(known, ServerTransaction):
            return self._settled(known, known.repeated(now))
        machine = InviteServerTransaction if message.method == "INVITE" else ServerTransaction
        transaction = machine(message, source, reliable, now)
        self._add(key, transaction)
        return [Deliver(transaction, message)]

    def knows(self, request: Request) -> bool:
        """Whether a request is a repetition of one that has a transaction."""
        return _server_key(request, request.method) in self._open

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> list[Output]:
        """Answer a request.  A late or forbidden response (SIP-23) gives no output.

        :raises SipSyntaxError: when the response cannot be written.
        """
        return self._settled(transaction, transaction.respond(response, self._clock.time(now)))

    def transport_failed(self, transaction: Transaction, now: float) -> list[Output]:
        """The transport could not send for this transaction (SIP-46)."""
        return self._settled(transaction, transaction.transport_failed(self._clock.time(now)))

    def invite_of(self, cancel: Request) -> InviteServerTransaction | None:
        """The transaction that a CANCEL is about (SIP-24)."""
        found = self._open.get(_server_key(cancel, "INVITE"))
        return found if isinstance(found, InviteServerTransaction) else None

    @property
    def soonest(self) -> float:
        """A moment before which there is nothing to do; quicker than :meth:`next_timer`, but may be too early."""
        return self._clock.wall(self._heap[0][0]) if self._heap else inf

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None: not at all."""
        transaction = self._next()
        return None if transaction is None else self._clock.wall(transaction.queued)

    def _next(self) -> Transaction | None:
        """The transaction whose timer is the next, with its entry on top of the heap."""
        heap = self._heap
        while heap:
            due, _, key = heap[0]
            transaction = self._open.get(key)
            if transaction is None or transaction.queued != due:
                heappop(heap)
                continue
            actual = min(transaction._act_at, transaction._end_at)
            if actual == inf:
                transaction.queued = inf
                heappop(heap)
            elif actual > due:
                transaction.queued = actual
                heapreplace(heap, (actual, next(self._serial), key))
            else:
                return transaction
        return None

    def handle_timer(self, now: float) -> list[Output]:
        """Do all that is due."""
        now = self._clock.time(now)
        outputs: list[Output] = []
        while self._heap and self._heap[0][0] <= now + RESOLUTION:
            transaction = self._next()
            if transaction is None or transaction.queued > now + RESOLUTION:
                break
            heappop(self._heap)
            due, transaction.queued = transaction.queued, inf
            outputs += self._settled(transaction, transaction.handle_timer(max(now, due)))
        return outputs

    def _receive_response(self, response: Response, now: float) -> list[Output]:
        try:
            transaction = self._open.get(_via_key("client", response.top_via, response.cseq.method))
        except SipSyntaxError:
            return []  # SIP-12
        if not isinstance(transaction, ClientTransaction):
            return []
        outputs = transaction.receive(response, now)
        if isinstance(transaction, InviteClientTransaction):
            return self._with_cancel(transaction, outputs, now)
        return self._settled(transaction, outputs)

    def _receive_ack(self, ack: Request, source: Any, now: float) -> list[Output]:
        found = self._open.get(_server_key(ack, "INVITE"))
        if found is None:
            # 17.2.3: without cookie an INVITE outside a dialog is known without To tag, and the
            # ACK carries the tag of our answer.
            found = self._open.get(_server_key(ack, "INVITE", ""))
            if isinstance(found, InviteServerTransaction) and found.to_tag != ack.to.tag:
                return []
        if not isinstance(found, InviteServerTransaction):
            return [Stray(ack, source)]
        return self._settled(found, found.acknowledged(ack, now))

    def _add(self, key: Key, transaction: Transaction) -> None:
        transaction.key = key
        self._open[key] = transaction
        self._settled(transaction, [])

    def _settled(self, transaction: Transaction, outputs: list[Output]) -> list[Output]:
        """Bring table and heap up to date with a transaction, and pass its outputs on."""
        if transaction.ended:
            if self._open.get(transaction.key) is transaction:
                del self._open[transaction.key]
            if len(self._heap) > 2 * len(self._open) + 1024:
                self._tidy()
            return outputs
        due = min(transaction._act_at, transaction._end_at)
        if due < transaction.queued:
            transaction.queued = due
            heappush(self._heap, (due, next(self._serial), transaction.key))
        return outputs

    def _tidy(self) -> None:
        """Drop the entries left behind; seldom enough to cost next to nothing for each transaction."""
        self._heap = []
        for key, transaction in self._open.items():
            due = transaction.next_timer()
            transaction.queued = inf if due is None else due
            if due is not None:
                self._heap.append((due, next(self._serial), key))
        heapify(self._heap)
