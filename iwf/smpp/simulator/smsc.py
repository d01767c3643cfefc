"""The server half: an SMSC with accounts, and phones behind it (shell).

A peer for tests, and what ``python -m iwf.smpp.simulator`` runs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from iwf.ids import Ids
from iwf.smpp.links.connection import SmppConnection
from iwf.smpp.reasons import MessageState
from iwf.smpp.session.states import Bound, Ending, Resolved, Role, State, Timers
from iwf.smpp.simulator.handset import Fate, Handset
from iwf.smpp.simulator.receipt import Submission, receipt_message
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import (
    Bind,
    BindResp,
    Cancel,
    MessageResp,
    MultiMessage,
    MultiResp,
    Outbind,
    Pdu,
    Query,
    QueryResp,
    Replace,
    ShortMessage,
    Sme,
)

# registered_delivery, bits 1-0: final receipts wanted on success, on failure (SMS-14)
_WANTS_SUCCESS = frozenset({1, 3})
_WANTS_FAILURE = frozenset({1, 2})

class Smsc(SmppConnection):
    """The SMSC's end of one connection."""

    log = Logger()

    def __init__(self, factory: SmscFactory, clock: IReactorTime, timers: Timers,
                 outbind: Outbind | None = None) -> None:
        super().__init__(clock, Role.SMSC, timers)
        self._factory = factory
        self._outbind = outbind
        self.account = ""

    @property
    def takes_messages(self) -> bool:
        """Whether deliver_sm may be sent here."""
        return self.session.state in (State.BOUND_RX, State.BOUND_TRX) and self.session.may_send(c.DELIVER_SM)

    def on_bound(self, bound: Bound) -> None:
        self.account = bound.peer
        self._factory.connections.append(self)

    def on_closed(self) -> None:
        if self in self._factory.connections:
            self._factory.connections.remove(self)

    def on_resolved(self, resolved: Resolved) -> None:
        assert isinstance(resolved.tag, Deferred)
        answered = resolved.ending is Ending.ANSWERED and resolved.response is not None
        resolved.tag.callback(resolved.response.status if answered and resolved.response else None)

    def on_open(self) -> None:
        if self._outbind is not None:
            self.session.announce(c.OUTBIND, self._outbind, self.now)
            self._flush()

    def on_request(self, pdu: Pdu) -> None:
        match pdu.body:
            case Bind():
                self._answer_bind(pdu, pdu.body)
            case ShortMessage():
                self._answer_submit(pdu, pdu.body)
            case MultiMessage():
                self._answer_multi(pdu, pdu.body)
            case Query():
                self._answer_query(pdu, pdu.body.message_id)
            case Cancel():
                cancelled = self._factory.cancel(self.account, pdu.body.message_id)
                self.respond(pdu, c.ROK if cancelled else c.RCANCELFAIL)
            case Replace():
                replaced = self._factory.replace(self.account, pdu.body)
                self.respond(pdu, c.ROK if replaced else c.RREPLACEFAIL)
            case _:
                self.respond(pdu, c.RINVCMDID)

    def _answer_bind(self, pdu: Pdu, bind: Bind) -> None:
        status = self._factory.status_of_bind(bind)
        if status != c.ROK:
            self.respond(pdu, status)
            self.close(f"bind of {bind.system_id} refused with {status:#x}")
            return
        version = (c.TLV_SC_INTERFACE_VERSION, bytes([min(bind.interface_version, c.VERSION_5)]))
        self.respond(pdu, c.ROK, BindResp(self._factory.system_id, (version,)))

    def _answer_query(self, pdu: Pdu, message_id: str) -> None:
        kept = self._factory.kept(self.account, message_id)
        if kept is None:
            self.respond(pdu, c.RQUERYFAIL)
        else:
            self.respond(pdu, c.ROK, QueryResp(message_id, message_state=kept.state))

    def _answer_submit(self, pdu: Pdu, message: ShortMessage) -> None:
        status, submission, fate = self._factory.submitted(self.account, message)
        if fate.answers:
            body = None if submission is None else MessageResp(submission.message_id)
            if fate.delay:
                self._clock.callLater(fate.delay, self.respond, pdu, status, body)
            else:
                self.respond(pdu, status, body)
        if submission is not None:
            self._factory.carry_out(submission, fate)

    def _answer_multi(self, pdu: Pdu, multi: MultiMessage) -> None:
        """One id for all; phones only, for this SMSC keeps no lists."""
        failed: list[tuple[Sme, int]] = []
        message_id = self._factory.new_id()
        for destination in multi.destinations:
            sme = destination if isinstance(destination, Sme) else Sme(0, 0, destination)
            message = evolve(multi.message, destination=sme)
            status, submission, fate = (c.RINVDLNAME, None, Fate()) if sme is not destination else (
                self._factory.submitted(self.account, message, message_id))
            if submission is None:
                failed.append((sme, status))
            else:
                self._factory.carry_out(submission, fate)
        self.respond(pdu, c.ROK, MultiResp(message_id, tuple(failed)))


@define
class Kept:
    """A message the SMSC remembers, for query_sm, cancel_sm and replace_sm."""

    submission: Submission
    state: MessageState = MessageState.ENROUTE


class SmscFactory(Factory):
    """An SMSC.

    :param accounts: passwords by system_id.
    :param handset: the phones behind it.
    :param clock: for sessions and for receipts that come later.

    :ivar rate: submits in one second above which RTHROTTLED is answered; 0: no limit.
    """

    noisy = False
    #: Messages that are remembered.
    MOST_KEPT = 10_000

    def __init__(
        self, accounts: Mapping[str, str], handset: Handset, clock: IReactorTime, ids: Ids,
        timers: Timers | None = None,
    ) -> None:
        self.system_id = "smsc"
        self.handset = handset
        self.connections: list[Smsc] = []
        self.rate = 0
        self._second = (0, 0)
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._accounts = accounts
        self._clock = clock
        self._ids = ids
        self._timers = timers or Timers()

    def buildProtocol(self, addr: IAddress | None) -> Smsc:
        return self.protocol_for(None)

    def status_of_bind(self, bind: Bind) -> int:
        """What to answer a bind."""
        password = self._accounts.get(bind.system_id)
        if password is None:
            return c.RINVSYSID
        return c.ROK if password == bind.password else c.RINVPASWD

    def new_id(self) -> str:
        """A message_id."""
        return self._ids.token()

    def submitted(self, account: str, message: ShortMessage,
                  message_id: str = "") -> tuple[int, Submission | None, Fate]:
        """Judge a message.

        :return: the command_status, what was taken, and what is to become of it.
        """
        if self._is_too_fast():
            return c.RTHROTTLED, None, Fate()
        fate = self.handset.take(message)
        if fate.status != c.ROK:
            return fate.status, None, fate
        submission = Submission(account, message_id or self.new_id(), message, self._clock.seconds())
        self._kept[submission.message_id] = Kept(submission)
        if len(self._kept) > self.MOST_KEPT:
            self._kept.popitem(last=False)
        return c.ROK, submission, fate

    def _is_too_fast(self) -> bool:
        if not self.rate:
            return False
        second = int(self._clock.seconds())
        self._second = (second, self._second[1] + 1 if self._second[0] == second else 1)
        return self._second[1] > self.rate

    def kept_ids(self) -> list[str]:
        """The ids of what is remembered, oldest first."""
        return list(self._kept)

    def kept(self, account: str, message_id: str) -> Kept | None:
        """A message of an account, if it is remembered."""
        kept = self._kept.get(message_id)
        return kept if kept is not None and kept.submission.account == account else None

    def _changeable(self, account: str, message_id: str) -> Kept | None:
        """The same, while nothing final has become of it."""
        kept = self.kept(account, message_id)
        return kept if kept is not None and kept.state is MessageState.ENROUTE else None

    def cancel(self, account: str, message_id: str) -> bool:
        """cancel_sm; whether the message could still be cancelled."""
        kept = self._changeable(account, message_id)
        if kept is not None:
            kept.state = MessageState.DELETED
        return kept is not None

    def replace(self, account: str, replace: Replace) -> bool:
        """replace_sm; whether the message could still be replaced."""
        kept = self._changeable(account, replace.message_id)
        if kept is not None:
            message = evolve(kept.submission.message, short_message=replace.short_message)
            kept.submission = evolve(kept.submission, message=message)
        return kept is not None

    def outbind(self, endpoint: IStreamClientEndpoint, password: str) -> Deferred[IProtocol]:
        """Connect to an ESME and ask it to bind (SMS-3)."""
        return endpoint.connect(_Calling(self, Outbind(self.system_id, password)))

    def protocol_for(self, outbind: Outbind | None) -> Smsc:
        """Our end of a new connection."""
        return Smsc(self, self._clock, self._timers, outbind)

    def deliver(self, account: str, message: ShortMessage) -> Deferred[int | None]:
        """Send a message or receipt to an account.

        :return: the command_status of the answer; None when there is no receiver or no answer.
        """
        result: Deferred[int | None] = Deferred()
        for connection in self.connections:
            if connection.account == account and connection.takes_messages:
                connection.request(c.DELIVER_SM, message, result)
                return result
        result.callback(None)
        return result

    def send_receipt(self, submission: Submission, state: MessageState, error: str = "000") -> Deferred[int | None]:
        """Send a receipt, whether one was asked for or not."""
        return self.deliver(submission.account, receipt_message(submission, state, error, self._clock.seconds()))

    def carry_out(self, submission: Submission, fate: Fate) -> None:
        """Let a message meet its fate: receipt and replies."""
        wait = max(0.0, fate.delay + fate.after)
        if fate.state is not None:
            self._clock.callLater(wait, self._end, submission, fate.state, fate.error)
        for text in fate.replies:
            reply = ShortMessage(
                source=submission.message.destination, destination=submission.message.source, short_message=text,
            )
            self._clock.callLater(wait, self.deliver, submission.account, reply)

    def _end(self, submission: Submission, state: MessageState, error: str) -> None:
        kept = self.kept(submission.account, submission.message_id)
        if kept is not None:
            if kept.state is MessageState.ENROUTE:
                kept.state = state
            state = kept.state  # cancelled meanwhile
        wants = _WANTS_SUCCESS if state is MessageState.DELIVERED else _WANTS_FAILURE
        if submission.message.registered_delivery & 3 in wants:
            self.send_receipt(submission, state, error)


class _Calling(Factory):
    """Makes the connections that begin with outbind."""

    noisy = False

    def __init__(self, smsc: SmscFactory, outbind: Outbind) -> None:
        self._smsc = smsc
        self._outbind = outbind

    def buildProtocol(self, addr: IAddress | None) -> Smsc:
        return self._smsc.protocol_for(self._outbind)
