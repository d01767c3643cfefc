"""One component's traffic: stanzas out in batches with a barrier behind them, stanzas in (shell).

An instance lives as long as the edge and sees one stream after the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure as TwistedFailure
from twisted.words.xish.domish import Element
from zope.interface import implementer

from iwf.edge import Answered, Ignored, IIntake, ILane, IMemory, IOutlet, IReach, Offered, Reading
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Composing,
    Failure,
    Item,
    Message,
    Notification,
    Reason,
    Receipt,
    Refused,
    Rejected,
    Report,
    Verdict,
)
from iwf.xmpp import stanzas
from iwf.xmpp.barrier import Barrier, Outcome, State
from iwf.xmpp.commands.counters import counters_of
from iwf.xmpp.commands.office import Office
from iwf.xmpp.elements import NS_PING, Component, add, attribute, make, octets_of
from iwf.xmpp.entries import Entries, Entry
from iwf.xmpp.envelope import Unwritable
from iwf.xmpp.offers import Offers
from iwf.xmpp.presence.attendant import Attendant
from iwf.xmpp.reasons import error_reply
from iwf.xmpp.settings import ComponentSettings
from iwf.xmpp.typist import Typist
from iwf.xmpp.wokkel_door import XMPPHandler

MOST_OWED = 1000
"""Answers kept for the next stream when one breaks."""
DRAIN_TIMEOUT = 2.0
"""Seconds that a stop waits for what is under way."""

_DOWN = Failure(Reason.UNREACHABLE, permanent=False, text="the XMPP server cannot be reached")
_TOO_BIG = Failure(Reason.TOO_BIG, text="the message is too large")


@implementer(IOutlet, IPushProducer)
class ComponentHandler(XMPPHandler):  # type: ignore[misc]
    """The traffic of one component.

    :param office: does what commands and registrations ask for; None where there are none.

    :ivar lane: the engine's side, set once before the first stream.
    :ivar when_up: called when a stream has been authenticated.
    :ivar when_down: called when a connection has ended, whatever state it was in.
    """

    _log = Logger()
    lane: ILane

    def __init__(
        self,
        component: Component,
        settings: ComponentSettings,
        clock: IReactorTime,
        intake: IIntake,
        ids: Ids,
        memory: IMemory,
        when_up: Callable[[], None],
        when_down: Callable[[], None],
        office: Office | None = None,
    ) -> None:
        super().__init__()
        self._component = component
        self._settings = settings
        self._clock = clock
        self._intake = intake
        self._ids = ids
        self._when_up = when_up
        self._when_down = when_down
        self._barrier: Barrier[Entry] | None = None  # None: no authenticated stream
        self._entries = Entries()
        self._batch: list[bytes] = []
        self._answers: deque[bytes] = deque()  # survive a break of the stream
        self._flush_call: IDelayedCall | None = None
        self._timer: IDelayedCall | None = None
        self._credit = 0
        self._is_paused = False
        self._drain: Deferred[None] | None = None
        self._offers = Offers(intake, self._hold, self._check_drained)
        self._typist = Typist(component, clock, intake, self._answer)
        self._counters = counters_of(component, office, clock, ids, self._answer) if office is not None else ()
        self._attendant = Attendant(component, clock, self._offers.offer, memory, self._answer)

    def watch(self, reach: IReach) -> None:
        """Tell users whether those behind the gateway can be reached (XMPP-22)."""
        self._attendant.watch(reach)

    # --- the life of a stream (wokkel) -----------------------------------------------------------

    def connectionInitialized(self) -> None:
        """The stream is authenticated; the lane opens when the first ping has come back."""
        self.xmlstream.is_authenticated = True
        self._barrier = Barrier(self._ids.token(), self._clock.seconds())
        self._is_paused = False
        self.xmlstream.transport.registerProducer(self, True)
        self._append_ping(self._barrier)
        self._flush()
        self._offers.began()
        self._attendant.up()
        self._when_up()

    def connectionLost(self, reason: TwistedFailure) -> None:
        """The connection has ended: what was not confirmed will be delivered again (XMPP-8)."""
        super().connectionLost(reason)
        barrier, self._barrier = self._barrier, None
        for call in (self._flush_call, self._timer):
            if call is not None:
                call.cancel()
        self._flush_call = self._timer = None
        self._batch.clear()
        if self._drain is not None:
            self._typist.stop()
        self._attendant.down()
        self._update_credit()
        if barrier is not None:
            for entry in barrier.lost():
                self._entries.settle(entry, Rejected(entry.item, _DOWN, retry=True))
        self._when_down()
        self._check_drained()

    def drain(self) -> Deferred[None]:
        """Take no more items and wait a short while for those under way.

        :return: fires when nothing is under way, or after :data:`DRAIN_TIMEOUT`.
        """
        drained: Deferred[None] = Deferred()
        self._drain = drained
        self._typist.stop()
        self._flush()  # what was shown last is taken back after it
        self._attendant.stop()
        self._update_credit()
        self._flush()
        timeout = self._clock.callLater(DRAIN_TIMEOUT, self._end_drain)

        def cancel_timeout(result: None) -> None:
            if timeout.active():
                timeout.cancel()

        drained.addCallback(cancel_timeout)
        self._check_drained()
        return drained

    def resume(self) -> None:
        """Take items again, after :meth:`drain`."""
        self._drain = None

    def _check_drained(self) -> None:
        barrier = self._barrier
        if barrier is None or (barrier.is_clear and not self._offers.pending and not self._answers):
            self._end_drain()

    def _end_drain(self) -> None:
        if self._drain is not None and not self._drain.called:
            self._drain.callback(None)

    # --- out -------------------------------------------------------------------------------------

    def deliver(self, item: Item) -> Deferred[Accepted | Rejected]:
        """Write an item; fires when the server has processed it (IOutlet)."""
        if self._barrier is None or self._drain is not None:
            return succeed(Rejected(item, _DOWN, retry=True))
        if not self._typist.wants(item.payload):
            return succeed(Accepted(item))
        try:
            written = self._stanzas_of(item)
        except Unwritable as fault:
            self._log.error("Item {id} cannot be written: {why}", id=item.id, why=str(fault))
            return succeed(Rejected(item, fault.failure))
        if any(len(octets) > self._settings.max_outbound for octets in written):
            return succeed(Rejected(item, _TOO_BIG))  # MSG-29
        if not written:
            return succeed(Accepted(item))
        entry = self._entries.add(item, stanzas.ref_of_item(item))
        self._barrier.written(entry)
        self._batch += written
        self._schedule_flush()
        if self._barrier.is_long:
            self._append_ping(self._barrier)
        return entry.done

    def _stanzas_of(self, item: Item) -> list[bytes]:
        """What an item becomes.

        :raise Unwritable: when it cannot be said here.
        """
        if isinstance(item.payload, Message | Report | Notification | Composing):
            with_state = self._typist.shows_states(item.payload)
            return [octets_of(stanzas.write(item, self._component, with_state))]
        return self._attendant.stanzas_of(item)

    def _answer(self, octets: bytes) -> None:
        """Write an answer with this turn's batch, or on the next stream."""
        self._answers.append(octets)
        if self._barrier is not None:
            self._schedule_flush()
        elif len(self._answers) > MOST_OWED:
            self._answers.popleft()
            self._log.warn("{lane}: an answer was dropped", lane=self._component.lane)

    def _schedule_flush(self) -> None:
        if self._flush_call is None:
            self._flush_call = self._clock.callLater(0, self._run_flush)

    def _run_flush(self) -> None:
        self._flush_call = None
        self._flush()

    def _flush(self) -> None:
        """Write the batch, with a ping behind it when one is due."""
        barrier = self._barrier
        if barrier is None:
            return
        if barrier.wants_ping():
            self._append_ping(barrier)
        if self._batch or self._answers:
            self.xmlstream.transport.write(b"".join((*self._answers, *self._batch)))
            self._answers.clear()
            self._batch.clear()
            barrier.wrote(self._clock.seconds())
        if barrier.state is State.SILENT and not barrier.is_clear:
            # The transport writes in this turn; what it cannot get rid of makes it pause us.
            self._clock.callLater(0, self._on_drained)
        self._arm_timer()
        self._check_drained()

    def _append_ping(self, barrier: Barrier[Entry]) -> None:
        us = self._component.spelling
        id = barrier.ping(self._clock.seconds())
        ping = make("iq", type="get", **{"from": us}, to=us, id=id)
        add(ping, "ping", uri=NS_PING)
        self._batch.append(octets_of(ping))

    def _on_drained(self) -> None:
        if self._barrier is not None and not self._is_paused and not self._batch:
            self._confirm(self._barrier.drained())

    def _confirm(self, entries: list[Entry]) -> None:
        self._entries.confirm(entries)
        self._check_drained()

    # --- flow control ----------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The transport's buffer is full (IPushProducer; XMPP-9)."""
        self._is_paused = True
        self._update_credit()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again (IPushProducer)."""
        self._is_paused = False
        self._on_drained()
        self._update_credit()

    def stopProducing(self) -> None:
        """The transport is gone (IPushProducer); connectionLost does what is to be done."""

    def _hold(self, is_holding: bool) -> None:
        """Read no more while the core is far behind (XMPP-9)."""
        if self._barrier is not None:
            transport = self.xmlstream.transport
            (transport.pauseProducing if is_holding else transport.resumeProducing)()

    def _update_credit(self) -> None:
        barrier = self._barrier
        is_ready = barrier is not None and barrier.is_open and not self._is_paused
        credit = self._settings.window if is_ready and self._drain is None else 0
        if credit != self._credit:
            self._credit = credit
            self.lane.grant(credit)

    # --- timers ----------------------------------------------------------------------------------

    def _arm_timer(self) -> None:
        if self._barrier is None:
            return
        when = self._barrier.next_timer()
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= when:
                return  # it will find nothing due and be set again
            self._timer.cancel()
        delay = max(0.0, when - self._clock.seconds())
        self._timer = self._clock.callLater(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        barrier = self._barrier
        if barrier is None:
            return
        outcomes = barrier.handle_timer(self._clock.seconds())
        if Outcome.DEAD in outcomes:
            self._log.warn("{lane} does not answer; reconnecting", lane=self._component.lane)
            self.xmlstream.drop()
            return
        if Outcome.GAVE_UP_PROBING in outcomes:
            self._log.warn(
                "{lane}: the server does not route our pings back, so stanzas count as delivered "
                "once they are written",
                lane=self._component.lane,
            )
            self._on_drained()
            self._update_credit()
        if Outcome.PING in outcomes:
            self._append_ping(barrier)
        elif Outcome.SPACE in outcomes:
            self._batch.append(b" ")
        self._flush()

    # --- in --------------------------------------------------------------------------------------

    def receive(self, element: Element) -> None:
        """Take one stanza from the stream.  Never raises: one bad stanza is not the stream's end."""
        try:
            if element.name == "iq" and (self._is_echo(element) or self._takes(element)):
                return
            reading = stanzas.read(element, self._attendant.component, self._clock.seconds())
            self._act(element, reading)
        except Exception:  # noqa: BLE001 - the border: counted as ours, logged, the stream lives on
            self._log.failure("A stanza could not be handled")

    def receive_too_large(self, element: Element) -> None:
        """Take the start tag of a stanza whose content was thrown away."""
        try:
            self._act(element, stanzas.too_large(element, self._component))
        except Exception:  # noqa: BLE001 - as above
            self._log.failure("A large stanza could not be answered")

    def _is_echo(self, element: Element) -> bool:
        barrier = self._barrier
        if barrier is None:
            return False
        confirmed = barrier.echoed(attribute(element, "id"), self._clock.seconds())
        if confirmed is None:
            return False
        self._update_credit()
        self._confirm(confirmed)
        if barrier.wants_ping():
            self._schedule_flush()
        return True

    def _takes(self, iq: Element) -> bool:
        """Whether it is about commands or registration, and was answered."""
        return any(counter.takes(iq) for counter in self._counters)

    def _act(self, element: Element, reading: Reading) -> None:
        if isinstance(reading, Offered):
            self._offer(element, reading)
        elif isinstance(reading, Answered):
            if reading.refused:
                self._log.info("{lane}: refused: {r.why}", lane=self._component.lane, r=reading)
            self._answer(reading.answer)
        elif isinstance(reading, Ignored):
            self._log.debug("{lane}: ignored: {r.why}", lane=self._component.lane, r=reading)

    def _offer(self, element: Element, reading: Offered) -> None:
        event = reading.event
        if isinstance(event, Receipt):
            if not self._entries.refuse(event):
                self._intake.offer(event)
        elif isinstance(event, Composing):
            self._typist.read(element, event)
        elif isinstance(event, Message):
            self._typist.read(element, event)
            self._offers.offer(event, partial(self._on_verdict, element))
        else:
            self._attendant.read(element, reading)

    def _on_verdict(self, element: Element, verdict: Verdict) -> None:
        if isinstance(verdict, Refused):
            self._answer(octets_of(error_reply(element, self._component, verdict.failure)))
