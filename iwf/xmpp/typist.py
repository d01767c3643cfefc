"""The typing machines of one component with their timer (shell)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.words.xish.domish import Element

from iwf.edge import IIntake
from iwf.mapping.model import Composing, Message, Payload
from iwf.xmpp.elements import Component, octets_of
from iwf.xmpp.receipts import has_state, write_composing
from iwf.xmpp.typing import Heard, Shown


class Typist:
    """Follows what crosses the edge: offers the states of users, says which states they are shown.

    :param write: takes the stanzas for idle states that come due (COMP-2).
    """

    def __init__(
        self,
        component: Component,
        clock: IReactorTime,
        intake: IIntake,
        write: Callable[[bytes], None],
    ) -> None:
        self._component = component
        self._clock = clock
        self._intake = intake
        self._write = write
        self._shown = Shown()
        self._heard = Heard()
        self._call: IDelayedCall | None = None

    def read(self, element: Element, event: Message | Composing) -> None:
        """A user has sent a message or a state; states are offered to the core from here."""
        if isinstance(event, Message):
            self._heard.wrote(event)
            if has_state(element):
                self._shown.heard(event.origin.address, event.target)
            return
        self._shown.heard(event.origin.address, event.target)
        if self._heard.said(event, self._clock.seconds()):
            self._intake.offer(event)  # COMP-8: whatever the verdict, nobody is told
        self._arm()

    def wants(self, payload: Payload) -> bool:
        """Whether a payload is to be written; all are, but for some states (COMP-5)."""
        if not isinstance(payload, Composing):
            return True
        is_wanted = self._shown.told(payload, self._clock.seconds())
        self._arm()
        return is_wanted

    def shows_states(self, payload: Payload) -> bool:
        """Whether a payload is a text that says by a state that its sender has stopped typing."""
        return isinstance(payload, Message) and self._shown.written(payload)

    def stop(self) -> None:
        """Leave no timer behind."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _arm(self) -> None:
        self.stop()
        timers = (self._shown.next_timer(), self._heard.next_timer())
        due = [when for when in timers if when is not None]
        if due:
            delay = max(0.0, min(due) - self._clock.seconds())
            self._call = self._clock.callLater(delay, self._on_timer)

    def _on_timer(self) -> None:
        now = self._clock.seconds()
        for state in self._heard.handle_timer(now):
            self._intake.offer(state)
        for idle in self._shown.handle_timer(now):
            self._write(octets_of(write_composing(idle, self._component)))
        self._arm()
