"""Requests of ours that are no item of the engine, and what became of them.  Shell."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import Deferred

from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request, Response
from iwf.sip.transaction.loops import marked
from iwf.sip.transaction.table import (
    ClientTransaction,
    Deliver,
    Output,
    TimedOut,
    TransactionTable,
    TransportFailed,
)
from iwf.sip.transport.keepalive import agreed


class Unanswered(Enum):
    """Why there is no final response."""

    SILENCE = "silence"          # nobody answered: whether it was taken is unknown
    UNREACHED = "unreached"      # nothing was handed over
    STOPPED = "stopped"          # we do not wait any longer


Answer = Response | Unanswered


class UserAgentClient:
    """Starts client transactions and waits for their ends.

    :param perform: carries out what transactions want.
    :param seconds: UTC seconds.
    :param keep_alive: told of hops that have agreed to be pinged, and at which interval (SIP-48).
    """

    def __init__(self, table: TransactionTable, perform: Callable[[list[Output]], None],
                 seconds: Callable[[], float],
                 keep_alive: Callable[[Hop, tuple[float, float]], object] = lambda hop, interval: None) -> None:
        self._table = table
        self._perform = perform
        self._seconds = seconds
        self._keep_alive = keep_alive
        self._open: dict[ClientTransaction, Deferred[Answer]] = {}

    def __len__(self) -> int:
        """Requests without a final response."""
        return len(self._open)

    def __contains__(self, transaction: object) -> bool:
        """Whether a transaction is one of these."""
        return transaction in self._open

    def ask(self, request: Request, hop: Hop) -> Deferred[Answer]:
        """Send a request.

        :param request: with our Via on top.
        :param hop: numeric.
        :return: fires with the final response, or why there is none; never fails.
        :raises SipSyntaxError: when the request cannot be written.
        """
        done: Deferred[Answer] = Deferred()
        request = marked(request)                            # LOOP-3
        transaction, outputs = self._table.start(request, hop, hop.transport != "udp", self._seconds())
        self._open[transaction] = done
        self._perform(outputs)
        return done

    def take(self, transaction: ClientTransaction, output: Output) -> None:
        """What a transaction of ours has to say."""
        if isinstance(output, Deliver):
            if isinstance(output.message, Response) and output.message.status >= 200:
                if transaction.request.top_via.param("keep") is not None:
                    self._agreed(transaction.peer, output.message)
                self._end(transaction, output.message)
        elif isinstance(output, TimedOut):
            self._end(transaction, Unanswered.SILENCE)
        elif isinstance(output, TransportFailed):
            self._end(transaction, Unanswered.UNREACHED)

    def _agreed(self, hop: Hop, response: Response) -> None:
        interval = agreed(response) if response.status < 300 else None
        if interval is not None:
            self._keep_alive(hop, interval)

    def waiting_for(self, hop: Hop) -> list[ClientTransaction]:
        """The transactions that wait for an answer from there."""
        return [transaction for transaction in self._open if transaction.peer == hop]

    def give_up(self) -> None:
        """Wait for nothing any more."""
        for transaction in list(self._open):
            self._end(transaction, Unanswered.STOPPED)

    def _end(self, transaction: ClientTransaction, answer: Answer) -> None:
        done = self._open.pop(transaction, None)
        if done is not None:
            done.callback(answer)
