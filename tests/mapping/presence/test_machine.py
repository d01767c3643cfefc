"""Watchers, presentities, connectors and restarts in any order: what always holds."""

from __future__ import annotations

from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Address, Device, Show
from tests.mapping.presence.couples import Couple, sip_watches_xmpp, xmpp_watches_sip
from tests.mapping.presence.peers import Document, Looking
from tests.mapping.presence.street import LANES, Street
from tests.support.sample import ANA, BEN

EVA = evolve(ANA, user="eva")

documents = st.dictionaries(st.sampled_from(["pc", "mobile"]),
                            st.sampled_from([Show.ONLINE, Show.AWAY])).map(
    lambda shows: {name: Device(name, show=show) for name, show in shows.items()})
couples = st.integers(0, 2)
choices = st.integers(0, 7)


class Presences(RuleBasedStateMachine):
    """Two SIP users watch an XMPP user, who watches one of them: different watchers of one
    presentity, and both sides at once."""

    def __init__(self) -> None:
        super().__init__()
        self.couples = (sip_watches_xmpp(ANA, BEN), sip_watches_xmpp(EVA, BEN), xmpp_watches_sip(BEN, ANA))
        self.by_device = self.couples[2].watcher
        self.street = Street(*self.couples)

    @initialize(first=documents, second=documents, granted=st.sampled_from([(0, 1, 2), (0, 2), (1,), ()]))
    def begin(self, first: Document, second: Document, granted: tuple[int, ...]) -> None:
        """Most often some of them see each other already."""
        for number in granted:
            couple = self.couples[number]
            couple.presentity.document = first if number < 2 else second
            self.street.request(couple)
            self.street.settle()
            self.street.say(couple, couple.presentity.grants())
            self.street.settle()

    @invariant()
    def asked_exactly_while_needed(self) -> None:
        """The presentity is asked exactly while a leg is alive or the question is open, and no leg
        lives without a question or a grant."""
        desk = self.street.desk
        for couple in self.couples:
            watch, legs = desk.watch(*couple.keys), desk.legs(*couple.keys)
            if watch is None or watch.state == "refused":
                assert not legs and (watch is None or not watch.asking)
            else:
                assert watch.asking == (watch.state == "asked" or bool(legs)), watch

    def teardown(self) -> None:
        """When everything has been delivered everybody sees what there is to see."""
        self.street.come_to_rest()
        for couple in self.couples:
            self.street.is_right(couple)

    # --- watchers -----------------------------------------------------------------------------

    def _active(self, number: int) -> list[str]:
        """The legs of a watcher who can speak to us."""
        watcher = self.couples[number].watcher
        return sorted(watcher.legs) if self.street.is_up(watcher.lane) else []

    @rule(number=couples)
    def request(self, number: int) -> None:
        if self.street.is_up(self.couples[number].watcher.lane):
            self.street.request(self.couples[number])

    @rule(instance=st.sampled_from(["desk", "bus"]))
    def look(self, instance: str) -> None:
        """A resource of the XMPP user comes online."""
        watcher = self.by_device
        if self.street.is_up(watcher.lane) and self.street.is_taken(watcher.renews(instance, None, instance)):
            watcher.legs[instance] = Looking(None)

    @rule(number=st.integers(0, 1), choice=choices)
    def renew(self, number: int, choice: int) -> None:
        """A SIP watcher refreshes a dialog."""
        if legs := self._active(number):
            self.street.renew(self.couples[number].watcher, legs[choice % len(legs)])

    @rule(number=couples, choice=choices)
    def look_away(self, number: int, choice: int) -> None:
        if legs := self._active(number):
            self.street.end(self.couples[number].watcher, legs[choice % len(legs)])

    @precondition(lambda self: self._active(2))
    @rule(forever=st.booleans(), sure=st.sampled_from([False, False, True]))
    def leave(self, forever: bool, sure: bool) -> None:
        """The XMPP user is online no more, or takes his subscription back."""
        if sure:
            self.couples[2].may_be_asked_twice |= forever
            self.street.decide(self.by_device.ends(forever=forever))

    @rule(number=st.integers(0, 1))
    def fetch(self, number: int) -> None:
        if self.street.is_up(self.couples[number].watcher.lane):
            self.street.fetch(self.couples[number].watcher)

    # --- presentities -------------------------------------------------------------------------

    def _asked(self) -> list[Couple]:
        return [couple for couple in self.couples if couple.presentity.has_question]

    def _concerned(self) -> list[Couple]:
        return [couple for couple in self.couples
                if couple.presentity.has_question or couple.presentity.is_allowed]

    def _speaking(self) -> list[Couple]:
        return [couple for couple in self.couples if couple.news]

    @precondition(lambda self: self._asked())
    @rule(choice=choices)
    def grant(self, choice: int) -> None:
        couple = self._asked()[choice % len(self._asked())]
        self.street.say(couple, couple.presentity.grants())

    @precondition(lambda self: self._concerned())
    @rule(choice=choices, sure=st.booleans())
    def refuse(self, choice: int, sure: bool) -> None:
        if sure:
            couple = self._concerned()[choice % len(self._concerned())]
            self.street.say(couple, couple.presentity.refuses())

    @rule(document=documents, whose=st.sampled_from([BEN, ANA]))
    def change(self, document: Document, whose: Address) -> None:
        for couple in self.couples:
            if couple.presentity.party.address == whose:
                self.street.say(couple, couple.presentity.changes(document))

    @precondition(lambda self: self._concerned())
    @rule(choice=choices)
    def fail(self, choice: int) -> None:
        self.street.fail(self._concerned()[choice % len(self._concerned())])

    @precondition(lambda self: self._speaking())
    @rule(choice=choices, words=st.integers(1, 3))
    def hear(self, choice: int, words: int) -> None:
        self.street.hear(self._speaking()[choice % len(self._speaking())], words)

    # --- items, connectors, time --------------------------------------------------------------

    @precondition(lambda self: self.street.desk.ready())
    @rule(choice=choices, takes=st.sampled_from([True, True, True, False]))
    def hand_over(self, choice: int, takes: bool) -> None:
        ready = self.street.desk.ready()
        self.street.hand_over(ready[choice % len(ready)], takes)

    @precondition(lambda self: self.street.desk.in_flight)
    @rule(choice=choices)
    def answer(self, choice: int) -> None:
        """The peer's answer to an item arrives, late and in any order."""
        items = list(self.street.desk.in_flight.values())
        self.street.answer(items[choice % len(items)])

    @precondition(lambda self: self.street.revisits)
    @rule()
    def revisit(self) -> None:
        self.street.decide(self.street.revisits.pop(0))

    @rule(lane=st.sampled_from(LANES))
    def lose(self, lane: str) -> None:
        self.street.lose(lane)

    @rule(lane=st.sampled_from(LANES))
    def regain(self, lane: str) -> None:
        self.street.regain(lane)

    @rule()
    def restart(self) -> None:
        self.street.restart()

    @rule(seconds=st.sampled_from([1.0, 70.0, 130.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.street.wait(seconds)

    @rule()
    def settle(self) -> None:
        self.street.settle()


class MachineTests(SynchronousTestCase):
    def test_any_order(self) -> None:
        """Whatever happens in whatever order: the presentity is asked exactly while somebody looks or
        the question is open, nobody is told without a grant or more than the last document says,
        what is gone is told once, and in the end everybody sees what there is to see
        (PRES-8, 12, 22, 24, 26, 30, 32, 33, 35)."""
        run_state_machine_as_test(Presences, settings=settings(
            max_examples=80, stateful_step_count=50, deadline=None,
            suppress_health_check=list(HealthCheck)))
