"""A street: people who watch each other, a gateway between them, and what may happen there."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import (
    Accepted,
    Event,
    Failure,
    Item,
    Presence,
    Reason,
    Rejected,
    Revisited,
    Taken,
    WatchBroken,
    WatchEnded,
    WatchFetched,
    WatchNews,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.settings import Patience
from iwf.mapping.turn import Turn
from tests.mapping.presence.couples import Couple, note
from tests.mapping.presence.desk import Desk
from tests.mapping.presence.peers import Looking, Watcher
from tests.support.sample import GATEWAY, LANE_X, TRUNK

PATIENCE = Patience(presence_grace=120.0, question_grace=60.0, ask_again=500.0, pending_max=3000.0)
LANES = (LANE_X, TRUNK)
LONG = 600.0
"""Seconds that a leg of a SIP watcher lasts."""

AWAY = Failure(Reason.UNREACHABLE, permanent=False)
FROM_WATCHER = (WatchRequested, WatchRenewed, WatchFetched, WatchEnded)


class Street:
    """The core between couples."""

    def __init__(self, *couples: Couple) -> None:
        self.desk = Desk(evolve(GATEWAY, patience=PATIENCE), *LANES)
        self.couples = couples
        self.revisits: list[Revisited] = []
        self._taken: set[str] = set()
        self._reported: set[str] = set()
        """Connectors of which the core knows that they are down for long."""
        self._serial = 0

    def is_up(self, lane: str) -> bool:
        return self.desk.lanes[lane].up

    # --- the core -----------------------------------------------------------------------------

    def decide(self, event: Event) -> Turn:
        """A turn; counts what it is to tell."""
        turn = self.desk.turn(event)
        for item in turn.latest:
            couple = self._couple_of(item)
            assert isinstance(item.payload, Presence)
            here = {device.instance for device in item.payload.devices if device.open}
            couple.opened.update(here - couple.open)
            couple.open = here
        for couple in self.couples:
            if not couple.watcher.told_per_leg:  # an edge of XMPP keeps no legs of its own
                alive = self.desk.legs(*couple.keys)
                for name in [name for name in couple.watcher.legs if name not in alive]:
                    del couple.watcher.legs[name]
        return turn

    def is_taken(self, event: Event) -> bool:
        return isinstance(self.decide(event).verdict, Taken)

    def _couple_of(self, item: Item) -> Couple:
        assert isinstance(item.payload, Presence | WatchNews)
        ends = item.payload.target.bare(), item.payload.origin.address
        for couple in self.couples:
            speaker: tuple[object, object] = (couple.watcher.party.address, couple.watcher.presentity)
            if isinstance(item.payload, FROM_WATCHER):
                speaker = couple.presentity.party.address, couple.presentity.watcher
            if speaker == ends:
                return couple
        raise AssertionError(item)

    # --- watchers -----------------------------------------------------------------------------

    def request(self, couple: Couple) -> None:
        """A watcher asks: with a new dialog, or by his bare address."""
        watcher = couple.watcher
        self._serial += 1
        leg = f"d{self._serial}" if watcher.told_per_leg else "bare"
        until = self.desk.now + LONG if watcher.told_per_leg else None
        if self.is_taken(watcher.requests(leg, until)):
            watcher.legs.setdefault(leg, Looking(until))

    def renew(self, watcher: Watcher, name: str) -> None:
        """A dialog is refreshed; if that is refused its agent knows that it is over."""
        until = self.desk.now + LONG
        if self.is_taken(watcher.renews(name, until)):
            watcher.legs[name].until = until
        else:
            del watcher.legs[name]

    def end(self, watcher: Watcher, name: str) -> None:
        del watcher.legs[name]
        self.decide(watcher.ends(name))

    def fetch(self, watcher: Watcher) -> None:
        self._serial += 1
        assert self.is_taken(watcher.fetches_once(f"f{self._serial}"))

    # --- presentities -------------------------------------------------------------------------

    def say(self, couple: Couple, events: list[Event]) -> None:
        """What a presentity says is on its way, unless its connector is down."""
        if self.is_up(couple.presentity.lane):
            couple.news += events

    def fail(self, couple: Couple) -> None:
        """He cannot be watched any more, or not yet."""
        if couple.presentity.is_asked:
            couple.is_broken = True
            self.say(couple, [WatchBroken(couple.presentity.party, couple.presentity.watcher, AWAY)])

    def hear(self, couple: Couple, words: int) -> None:
        """The next words of a presentity arrive."""
        for _ in range(min(words, len(couple.news))):
            event = couple.news.pop(0)
            if isinstance(event, Presence):
                note(couple, event)
            self.decide(event)

    # --- the outbox ---------------------------------------------------------------------------

    def hand_over(self, item: Item, takes: bool) -> None:
        """An item is handed to its peer, who takes it, or not."""
        self.desk.hand_over(item)
        if not takes:
            return
        self._taken.add(item.id)
        couple = self._couple_of(item)
        assert isinstance(item.payload, Presence | WatchNews)
        if isinstance(item.payload, FROM_WATCHER):
            assert not isinstance(item.payload, Presence)
            self.say(couple, couple.presentity.taken(item.payload))
        else:
            self._hold_to_account(couple, item.payload)
            couple.watcher.taken(item.payload)

    def _hold_to_account(self, couple: Couple, state: Presence | WatchNews) -> None:
        """No state without a grant, none that says more than the last document, no device that ends
        twice."""
        if isinstance(state, Presence):
            fetched = any(leg in couple.watcher.fetches for leg in state.legs)
            here = {device.instance: device for device in state.devices if device.open}
            if here and (fetched or couple.watcher.meant(state.legs)):
                watch = self.desk.watch(*couple.keys)
                assert watch is not None and watch.state == "granted", (watch, state)
                assert here.items() <= couple.said.items(), (couple.said, state)
        gone = state.gone if isinstance(state, Presence | WatchRefused) else ()
        couple.ended.update(gone)
        for name in gone:
            assert couple.ended[name] <= couple.opened[name], (name, state)

    def answer(self, item: Item) -> None:
        """The peer's answer to an item arrives."""
        self.decide(Accepted(item) if item.id in self._taken else Rejected(item, AWAY, retry=True))

    # --- connectors and time ------------------------------------------------------------------

    def _may_repeat(self) -> None:
        """What was not confirmed is said again."""
        for couple in self.couples:
            couple.opened.update({"pc", "mobile"})
            couple.may_be_asked_twice = True

    def lose(self, lane: str) -> None:
        """A connector breaks: what was said on it is lost, what was in flight comes back."""
        self.desk.switch(lane, False)
        for couple in self.couples:
            if couple.presentity.lane == lane:
                couple.news.clear()
        for item in list(self.desk.in_flight.values()):
            if item.lane == lane:
                self._may_repeat()
                self.decide(Rejected(item, AWAY, retry=True))

    def regain(self, lane: str) -> None:
        if not self.is_up(lane):
            self.desk.switch(lane, True)
            self._reported.discard(lane)
            self._revisit(lane)

    def _revisit(self, lane: str) -> None:
        """What iwf/engine/revisits.py does, all of it still to come."""
        for couple in self.couples:
            watch = self.desk.watch(*couple.keys)
            if watch is not None and lane in (watch.watcher_lane, watch.presentity_lane):
                self.revisits.append(Revisited(*couple.keys, "default"))

    def restart(self) -> None:
        """The gateway is killed and starts again: all that is volatile is gone."""
        self._may_repeat()
        self.desk.restart()
        self.revisits.clear()
        self._reported.clear()
        for couple in self.couples:
            couple.news.clear()
            couple.watcher.fetches.clear()
            if couple.watcher.told_per_leg:
                for name in sorted(couple.watcher.legs):  # SIP-93
                    self.renew(couple.watcher, name)
        for lane in LANES:
            self._revisit(lane)

    def wait(self, seconds: float) -> None:
        """Time passes; sometimes an edge forgets to say that a leg is over."""
        self.desk.now += seconds
        for couple in self.couples:
            couple.watcher.fetches.clear()  # nobody waits that long (poll_wait)
            for name, leg in list(couple.watcher.legs.items()):
                if leg.until is not None and leg.until <= self.desk.now:
                    if len(name) % 2:
                        del couple.watcher.legs[name]
                    else:
                        self.end(couple.watcher, name)
        for lane, view in self.desk.lanes.items():
            away = not view.up and self.desk.now - view.changed >= PATIENCE.presence_grace
            if away and lane not in self._reported:
                self._reported.add(lane)
                self._revisit(lane)
        for due in self.desk.due():
            self.decide(due)
        assert not self.desk.due(), "a deadline is met once"

    # --- in the end ---------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything that is on its way arrives."""
        for _ in range(1000):
            speaking = [couple for couple in self.couples if couple.news]
            if self.revisits:
                self.decide(self.revisits.pop(0))
            elif self.desk.in_flight:
                self.answer(next(iter(self.desk.in_flight.values())))
            elif ready := self.desk.ready():
                self.hand_over(ready[0], True)
            elif speaking:
                self.hear(speaking[0], 1)
            else:
                return
        raise AssertionError("it never comes to rest")

    def come_to_rest(self) -> None:
        """All connectors are up, all that failed works again, and enough time has passed."""
        for lane in LANES:
            self.regain(lane)
        self.settle()
        for couple in self.couples:
            if couple.is_broken and couple.presentity.is_allowed and couple.presentity.is_asked:
                self.say(couple, couple.presentity.state())
        self.settle()
        self.wait(PATIENCE.presence_grace + LATEST)
        self.settle()

    def is_right(self, couple: Couple) -> None:
        """At rest everybody who may sees what there is to see, and nobody else sees anything."""
        watch, watcher, presentity = self.desk.watch(*couple.keys), couple.watcher, couple.presentity
        state = watch.state if watch is not None else ""
        assert sorted(watcher.legs) == self.desk.legs(*couple.keys), (watcher.legs, watch)
        # An answer may have crossed a newer question, which then stays with the presentity until he
        # answers that one as well.
        crossed = couple.may_be_asked_twice or presentity.has_question
        if state in ("asked", "granted") or not crossed:
            assert presentity.is_asked == (watch is not None and watch.asking), (presentity, watch)
        if state == "asked":
            assert presentity.has_question
        for leg in watcher.legs.values():
            if state == "granted" and presentity.is_allowed:
                assert leg.sees == presentity.document, (leg, presentity)
                assert leg.is_active or not watcher.told_per_leg
            else:
                assert not leg.sees, (leg, watch)


#: Seconds after which also legs have ended that their edge forgot.
LATEST = 11.0
