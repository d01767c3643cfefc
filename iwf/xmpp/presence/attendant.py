"""The presence of one component: its machines, with their timer and their way to the core (shell)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Protocol

from attrs import evolve
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.words.xish.domish import Element

from iwf.edge import IMemory, IReach, Offered
from iwf.mapping.model import (
    SIP,
    TEL,
    Event,
    Item,
    Presence,
    Refused,
    Remember,
    Verdict,
    WatchBroken,
    WatchClosed,
    WatchEnded,
    WatchFetched,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.xmpp.elements import Component, attribute, octets_of
from iwf.xmpp.presence.answers import answer_verdict, available_gateway, unavailable_gateway
from iwf.xmpp.presence.directed import Directed
from iwf.xmpp.presence.fetches import Fetches
from iwf.xmpp.presence.here import Here
from iwf.xmpp.presence.legs import watcher_of_leg
from iwf.xmpp.presence.looks import Looks
from iwf.xmpp.presence.partings import Partings
from iwf.xmpp.presence.shown import Shown
from iwf.xmpp.presence.subscribers import Subscribers
from iwf.xmpp.presence.writing import unavailable, write_presence

#: Seconds between two looks at what is behind the gateway.
LOOK = 5.0

_NOTICES = {SIP: "SIP side down", TEL: "SMS side down"}


class Offer(Protocol):
    """Takes events for the core; see :class:`iwf.xmpp.offers.Offers`."""

    def __call__(self, event: Event, then: Callable[[Verdict], None] | None = None) -> None: ...


class Attendant:
    """Offers what users say of presence, and writes what they are to be told.

    :param memory: what was remembered of the component's lane: who has the gateway in his roster.
    :param write: takes stanzas that belong to no item.
    """

    def __init__(
        self,
        component: Component,
        clock: IReactorTime,
        offer: Offer,
        memory: IMemory,
        write: Callable[[bytes], None],
    ) -> None:
        self.component = component
        """With what is wrong behind the gateway at the moment."""
        self._clock = clock
        self._offer = offer
        self._write = write
        self._shown = Shown()
        self._fetches = Fetches()
        self._here = Here()
        self._looks = Looks()
        self._directed = Directed()
        self._partings = Partings()
        self._subscribers = Subscribers()
        self._reach: IReach | None = None
        self._look_at = inf
        self._is_up = self._is_running = False
        self._call: IDelayedCall | None = None
        for key, jid in memory.recall(component.lane):
            self._subscribers.add(key, jid)

    def watch(self, reach: IReach) -> None:
        """Tell with the gateway's own presence whether those behind it can be reached (XMPP-22)."""
        self._reach = reach

    # --- the life of a stream --------------------------------------------------------------------

    def up(self) -> None:
        """The server takes stanzas: who knows the gateway is told that it is there (XMPP-21)."""
        self._is_up = self._is_running = True
        self._look()
        self._subscribers.started(self._clock.seconds())
        self._arm()

    def down(self) -> None:
        """The stream has ended."""
        self._is_up = False
        self._look_at = inf
        self._subscribers.ended()
        self._here.forget()
        self._looks.forget()
        self._directed.forget()
        self._arm()

    def stop(self) -> None:
        """Take back what was shown, in good order; leave no timer behind."""
        withdrawn = self._shown.withdraw_all()
        if self._is_up:
            for pair in withdrawn:
                self._write(octets_of(unavailable(*pair)))
            for jid in self._subscribers.jids:
                self._write(octets_of(unavailable_gateway(jid, self.component)))
        self._subscribers.ended()
        self._is_running = False
        self._set_call(None)

    # --- out -------------------------------------------------------------------------------------

    def stanzas_of(self, item: Item) -> list[bytes]:
        """The stanzas of an item of presence; none where nothing is to be said.

        :raise Unwritable: when it cannot be said in XMPP.
        """
        now = self._clock.seconds()
        stanzas = write_presence(item, self.component, self._shown, now)
        payload = item.payload
        if isinstance(payload, WatchFetched):
            self._fetches.asked(payload, self.component.lane, now)
            self._arm()
        elif isinstance(payload, WatchRequested | WatchRenewed):
            for presence in self._directed.shown_to(payload.origin.address, payload.target, now):
                self._offer(presence)
        elif isinstance(payload, WatchRefused | WatchClosed):
            self._looks.ended(payload.target, payload.origin.address)  # the core has ended them all
        return [octets_of(stanza) for stanza in stanzas]

    # --- in --------------------------------------------------------------------------------------

    def read(self, element: Element, offered: Offered) -> None:
        """A user has said something of presence: the core is told, and then he, where he asks."""
        for event in (offered.event, *offered.more):
            self._take(element, event)
        self._arm()

    def _take(self, element: Element, event: Event) -> None:
        now = self._clock.seconds()
        if isinstance(event, Presence):
            self._here.showed(event)
            self._directed.showed(event, now)
        elif isinstance(event, WatchRefused):
            self._directed.refused(event.target, event.origin.address)
        match event:
            case Presence() if self._fetches.takes(event, now):
                return
            case WatchRefused() | WatchBroken():
                answer = self._fetches.refused(event.origin.address, event.target, event.failure)
                if answer is not None:
                    self._offer(answer)
            case WatchRenewed():
                is_news = self._looks.wants(event.origin.address, event.target, event.leg, now)
                if not is_news and attribute(element, "type") != "probe":
                    return
            case WatchEnded():
                if self._goes_on(event) or not self._partings.left(event, now):
                    return
                self._looks.ended(event.origin.address, event.target, event.leg)
            case Remember() if not self._may_remember(event):
                # Nothing is to be committed before this answer.
                event = evolve(event, until=0.0)
        self._offer(event, partial(self._on_verdict, element, event))
        if isinstance(event, WatchRefused) and attribute(element, "type") == "unsubscribed":
            for renewed in self._partings.refused(event.origin.address, event.target, now):
                self._take(element, renewed)

    def _goes_on(self, event: WatchEnded) -> bool:
        """PRES-10: who asked as a user, not as one of his resources, looks until the last of them has left."""
        watcher = watcher_of_leg(event.leg)
        return (watcher is not None and not watcher.instance
                and self._here.is_any(event.origin.address, event.target))

    def _may_remember(self, event: Remember) -> bool:
        return not event.text or event.key in self._subscribers or not self._subscribers.is_full

    def _on_verdict(self, element: Element, event: Event, verdict: Verdict) -> None:
        if isinstance(event, Remember) and not isinstance(verdict, Refused):
            if event.text:
                self._subscribers.add(event.key, event.text)
            else:
                self._subscribers.remove(event.key)
        if isinstance(verdict, Refused) and isinstance(event, WatchRenewed):
            # Asked again when he comes again.
            self._looks.ended(event.origin.address, event.target, event.leg)
        answer = answer_verdict(element, event, verdict, self.component)
        if answer:
            self._write(answer)

    # --- timer -----------------------------------------------------------------------------------

    def _arm(self) -> None:
        timers = (self._fetches.next_timer(), self._subscribers.next_timer())
        due = [when for when in (*timers, self._look_at) if when is not None and when < inf]
        if not due or not self._is_running:
            self._set_call(None)
        elif self._call is None or self._call.getTime() > min(due):
            delay = max(0.0, min(due) - self._clock.seconds())
            self._set_call(self._clock.callLater(delay, self._on_timer))

    def _set_call(self, call: IDelayedCall | None) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = call

    def _on_timer(self) -> None:
        self._call = None
        now = self._clock.seconds()
        if self._look_at <= now and self._look():
            self._subscribers.started(now)
        for answer in self._fetches.handle_timer(now):
            self._offer(answer)
        for jid in self._subscribers.handle_timer(now):
            self._write(octets_of(available_gateway(jid, self.component)))
        self._arm()

    def _look(self) -> bool:
        """Look behind the gateway.

        :return: whether it has changed since the last look.
        """
        if self._reach is None:
            return False
        self._look_at = self._clock.seconds() + LOOK
        world = self.component.bridges
        notice = "" if self._reach.serves(world) else _NOTICES[world]
        has_changed = notice != self.component.notice
        self.component = evolve(self.component, notice=notice)
        return has_changed
