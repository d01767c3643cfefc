"""Watchers and presentities of either world as the core sees them, with all that they remember.

A peer here is an edge and everybody behind it: it takes items and offers events, and keeps what
a user has been shown, so that the machine of test_machine.py can hold it against the truth.
"""

from __future__ import annotations

from attrs import define, evolve, field

from iwf.mapping.model import (
    Address,
    Device,
    Event,
    Failure,
    Party,
    Presence,
    Reason,
    WatchClosed,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchNews,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)

NO = Failure(Reason.FORBIDDEN, text="not you")

Document = dict[str, Device]


@define(eq=False)
class Presentity:
    """One user as one watcher's image sees him, on his own side."""

    party: Party
    watcher: Address
    """The watcher's image."""
    lane: str
    tells_whole: bool
    """A document at a time, as in SIP; else device by device."""
    document: Document = field(factory=dict)
    has_question: bool = False
    is_allowed: bool = False
    is_asked: bool = False

    def taken(self, payload: WatchNews) -> list[Event]:
        """What it says to an item."""
        match payload:
            case WatchRequested():
                self.is_asked = True
                if self.is_allowed:  # RFC 6121 3.1.3: answered by his server
                    return [self._granted(), *self.state()]
                self.has_question = True
                return []
            case WatchRenewed():
                self.is_asked = True
                if self.is_allowed:
                    return self.state()
                self.is_asked = self.has_question
                return [] if self.has_question else [self._refused()]
            case WatchFetched(leg=leg):
                if self.is_allowed:
                    return self.state((leg,) if self.tells_whole else ())
                return [self._refused((leg,) if self.tells_whole else ())]
            case WatchEnded(forever=forever):
                self.is_asked = False
                if forever:
                    self.has_question = self.is_allowed = False
                return []
        raise AssertionError(payload)

    def grants(self) -> list[Event]:
        self.has_question, self.is_allowed = False, True
        return [self._granted(), *self.state()]

    def refuses(self) -> list[Event]:
        self.has_question = self.is_allowed = self.is_asked = False
        return [self._refused()]

    def changes(self, document: Document) -> list[Event]:
        """Something else is to be seen of him."""
        before, self.document = self.document, document
        if not self.is_allowed:
            return []
        if self.tells_whole:
            return self.state() if self.is_asked else []
        news = [device for name, device in document.items() if before.get(name) != device]
        news += [Device(name, open=False) for name in before if name not in document]
        return [self._shows((device,)) for device in news]

    def state(self, legs: tuple[str, ...] = ()) -> list[Event]:
        """All that is to be seen of him."""
        if self.tells_whole:
            return [evolve(self._shows(tuple(self.document.values())), whole=True, legs=legs)]
        if not self.document:
            return [self._shows((Device(open=False),))]
        return [self._shows((device,)) for device in self.document.values()]

    def _shows(self, devices: tuple[Device, ...]) -> Presence:
        return Presence(self.party, self.watcher, devices, whole=False, lane=self.lane)

    def _granted(self) -> Event:
        return WatchGranted(self.party, self.watcher, lane=self.lane)

    def _refused(self, legs: tuple[str, ...] = ()) -> Event:
        return WatchRefused(self.party, self.watcher, NO, legs, lane=self.lane)


@define
class Looking:
    """A leg on the watcher's side."""

    until: float | None
    is_active: bool = False
    sees: Document | None = None
    """None: nothing is known."""


@define(eq=False)
class Watcher:
    """One user and what he sees of one presentity's image."""

    party: Party
    presentity: Address
    """The presentity's image."""
    lane: str
    told_per_leg: bool
    legs: dict[str, Looking] = field(factory=dict)
    fetches: dict[str, Presence | None] = field(factory=dict)
    """The answers."""

    def taken(self, payload: WatchNews | Presence) -> None:
        """Take what he is told."""
        match payload:
            case WatchGranted(legs=legs):
                for name in self.meant(legs):
                    self.legs[name].is_active = True
            case WatchRefused(failure=Failure(permanent=True), legs=legs, gone=gone):
                if self.told_per_leg:
                    self._end(legs)
                for leg in self.legs.values():
                    leg.sees = {name: device for name, device in (leg.sees or {}).items()
                                if name not in gone}
            case WatchClosed(legs=legs):
                self._end(legs)
            case Presence():
                self._sees(payload)

    def _end(self, legs: tuple[str, ...]) -> None:
        for name in legs:
            self.legs.pop(name, None)

    def meant(self, legs: tuple[str, ...]) -> list[str]:
        """Those of his legs that an item is for."""
        return [name for name in self.legs if name in legs or not (legs or self.told_per_leg)]

    def _sees(self, state: Presence) -> None:
        for name in state.legs:
            if name in self.fetches:
                self.fetches[name] = state
        seen = {device.instance: device for device in state.devices if device.open}
        for name in self.meant(state.legs):
            leg = self.legs[name]
            if self.told_per_leg:
                leg.sees = seen if state.known else None
            else:
                kept = {name: device for name, device in (leg.sees or {}).items()
                        if name not in state.gone}
                leg.sees = {**kept, **seen}

    def requests(self, leg: str, until: float | None) -> Event:
        return WatchRequested(self.party, self.presentity, leg, until, lane=self.lane)

    def renews(self, leg: str, until: float | None, instance: str = "") -> Event:
        party = evolve(self.party, address=evolve(self.party.address, instance=instance))
        return WatchRenewed(party, self.presentity, leg, until, lane=self.lane)

    def fetches_once(self, leg: str) -> Event:
        self.fetches[leg] = None
        return WatchFetched(self.party, self.presentity, leg, lane=self.lane)

    def ends(self, leg: str = "", forever: bool = False) -> Event:
        return WatchEnded(self.party, self.presentity, leg, forever, lane=self.lane)
