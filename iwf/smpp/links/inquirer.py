"""Asks an operator for receipts that are overdue (shell; SMS-43).

What is awaited outlives the process: it is remembered under the operator's namespace, which no other edge has.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from iwf.edge import IIntake, IMemory
from iwf.mapping.model import Outcome, Receipt, Remember
from iwf.smpp.links.connection import SmppConnection
from iwf.smpp.receipts import receipt_of_query
from iwf.smpp.session.delivery import Awaited
from iwf.smpp.session.overdue import Overdue, read, written
from iwf.smpp.session.states import Ending, Resolved
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import PduFault, Query, QueryResp

#: Seconds to wait for a bind when a question is due and there is none.
LATER = 60.0

#: How long after its time what is awaited is remembered, in seconds; a link that is away longer is asked nothing.
REMEMBERED = 86400.0


class Inquirer:
    """The receipts awaited from one operator, over all of his links.

    :param clock: for the time and one delayed call.
    :param intake: where the answers are offered, as receipts.
    :param peer: the operator's namespace of message ids.
    :param memory: what is awaited since before the restart; None: nothing, and nothing is kept for the next one.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, intake: IIntake, peer: str, memory: IMemory | None = None) -> None:
        self._clock = clock
        self._intake = intake
        self._peer = peer
        self._memory = memory
        self._overdue = Overdue(clock.seconds())
        self._bound: list[SmppConnection] = []
        self._timer: IDelayedCall | None = None
        self._stopped = False

    def start(self) -> None:
        """Go on waiting for what was awaited before the restart."""
        now = self._clock.seconds()
        for ref, text in self._memory.recall(self._peer) if self._memory is not None else ():
            awaited, due = read(ref, text)
            self._overdue.postpone(awaited, max(0.0, due - now), now)
        self._schedule()

    def open(self, connection: SmppConnection) -> None:
        """A connection that may ask is bound."""
        self._bound.append(connection)

    def shut(self, connection: SmppConnection) -> None:
        """It is no more."""
        self._bound.remove(connection)

    def awaits(self, awaited: Awaited) -> None:
        """A text was taken, and a receipt was asked for."""
        due = self._overdue.awaits(awaited, self._clock.seconds())
        if due is not None:
            self._remember(awaited.ref, written(awaited, due), due + REMEMBERED)
            self._schedule()

    def came(self, receipt: Receipt) -> None:
        """A receipt has come."""
        if receipt.outcome not in (Outcome.PROCESSED, Outcome.STORED) and self._overdue.came(receipt.ref):
            self._forget(receipt.ref)

    def _remember(self, ref: str, text: str, until: float) -> None:
        if self._memory is not None:
            self._intake.offer(Remember(self._peer, ref, text, until))

    def _forget(self, ref: str) -> None:
        self._remember(ref, "", 0.0)

    def resolved(self, resolved: Resolved) -> None:
        """A query_sm has ended; an answer, or none in time, is the end of waiting."""
        assert isinstance(resolved.tag, Awaited)
        if resolved.ending is Ending.LOST:
            # Not asked, as far as anybody knows.
            self._overdue.postpone(resolved.tag, LATER, self._clock.seconds())
            self._schedule()
            return
        answer = None
        if resolved.ending is Ending.ANSWERED and resolved.response is not None and resolved.response.status == c.ROK:
            answer = resolved.response.body
        receipt = receipt_of_query(resolved.tag.ref, answer if isinstance(answer, QueryResp) else None,
                                   self._peer, self._clock.seconds())
        self.log.info("{peer}: receipt {ref} did not come, asked: {outcome}", peer=self._peer, ref=receipt.ref,
                      outcome=receipt.outcome.value)
        self._intake.offer(receipt)
        self._forget(receipt.ref)

    def _ask(self, awaited: Awaited) -> None:
        for connection in self._bound:
            if connection.takes_requests and connection.session.may_send(c.QUERY_SM):
                try:
                    connection.request(c.QUERY_SM, Query(awaited.message_id, awaited.source), awaited)
                except PduFault as fault:
                    self.log.warn("{ref} cannot be asked for: {fault}", ref=awaited.ref, fault=fault)
                return
        self._overdue.postpone(awaited, LATER, self._clock.seconds())

    def _schedule(self) -> None:
        due = self._overdue.next_timer()
        if due is None or self._stopped or self._timer is not None and self._timer.getTime() <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for awaited in self._overdue.take(self._clock.seconds()):
            self._ask(awaited)
        self._schedule()

    def stop(self) -> None:
        """Ask for nothing more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
