"""Crashes at any moment of all that phones can do: what was said yes to arrives, and nothing stays for ever."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from iwf.config.catalogues import catalogues
from iwf.engine.engine import Engine
from iwf.engine.outbox import Lane
from iwf.ids import Ids
from iwf.mapping.model import (
    TEL,
    XMPP,
    Address,
    Body,
    Device,
    Enrolled,
    Event,
    Item,
    Message,
    Outcome,
    Party,
    Presence,
    Reason,
    Receipt,
    Refused,
    Verdict,
    WatchEnded,
    WatchGranted,
    WatchRequested,
)
from iwf.mapping.rows import Fragments, Leg, Pace, Parked, Queued, Watch
from iwf.mapping.service.settings import Service
from iwf.mapping.settings import Link, NumberPool
from tests.engine.test_engine import CrashingStore, _Crash
from tests.mapping.test_fragments import part
from tests.support.outlet import Outlet
from tests.support.sample import GATEWAY, LANE_M, LANE_X, LINK, PHONE, TRUNK, M, from_ben_to_phone, from_phone

OTHER, ACCOUNT = "smpp:other", "xmpp-client:joe@a.com"
LANES = (LANE_X, LANE_M, TRUNK, LINK, OTHER, ACCOUNT)
ALL = evolve(GATEWAY, prefix_sender="never", service=Service(catalogues=catalogues(None)), links=(
    evolve(GATEWAY.links[0], ordered=True, resend=True),
    Link(OTHER, ("+",), NumberPool("other", prefix="49900", width=4), service_number="4455", cost=2.0, ordered=True)))

JOE = Address(XMPP, "joe", "a.com")
SUE = Address(TEL, "+447700900123")
BEN = Party(from_ben_to_phone().origin.address.bare(), asserted_by=LANE_M)
IMAGE = Address(XMPP, PHONE.user, M)
EVE = Party(Address(XMPP, "eve", "elsewhere.example", "pc"), asserted_by=ACCOUNT)

#: What the plays say, in order; texts of one word, so that they are found again.
TEXTS: Sequence[Event] = (
    *(from_ben_to_phone(text, id=text, key=text) for text in ("one", "two", "three")),
    part(2, "four", total=3), part(1, "four", total=3), part(3, "four", total=3),
    from_phone("4455", "TO ana@sip.example five"),
    from_phone("4455", f"TO {SUE.user} six"),
    part(1, "TO ana@sip.", reference="q", to="4455"), part(2, "example seven", reference="q", to="4455"),
    Enrolled(PHONE, JOE, ACCOUNT, LANE_M),
    Message("eight", EVE, JOE, (Body("eight"),), lane=ACCOUNT),
    from_ben_to_phone("nine", id="nine", key="nine"))
NAMES = ("one", "two", "three", "fourfourfour", "five", "six", "seven", "eight", "nine")

PRESENCE: Sequence[Event] = (
    from_phone("4455", "LOGIN"),
    WatchRequested(BEN, IMAGE, "b", lane=LANE_M),
    from_phone("4455", "YES"),
    from_phone("4455", "ADD ben@xmpp.example"),
    WatchGranted(BEN, IMAGE, lane=LANE_M),
    Presence(BEN, IMAGE, (Device("pc"),), whole=False, lane=LANE_M),
    from_phone("4455", "STATUS here"))
TAKEN_BACK: Sequence[Event] = (
    from_phone("4455", "DEL ben@xmpp.example"),
    from_phone("4455", "LOGOUT"),
    WatchEnded(BEN, IMAGE, "", forever=True, lane=LANE_M))

#: What must not be there any more in the end.
UNFINISHED = (Queued, Parked, Pace, Fragments, Leg, Watch)
NEVER = 10 ** 9


class Play:
    """A daemon that is killed and started again, and peers who remember what they were given.

    :param chance: what its peers do with items; None: they take all.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self.path = str(Path(mkdtemp(dir=".")) / "iwf.db")
        self.clock = Clock()
        self.clock.rightNow = 1_790_000_000.0
        self.chance = chance
        self.given: dict[str, Item] = {}
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start the daemon, a moment after it has ended."""
        clock = Clock()
        clock.rightNow = self.clock.rightNow + 0.5
        self.clock = clock
        self.starts += 1
        self.store = CrashingStore(self.path)
        self.engine = Engine(self.store, ALL, clock, Ids(seed=self.starts), commit_every=0.0)
        self.outlets = {name: Outlet() for name in LANES}
        self.lanes: dict[str, Lane] = {}
        for name, outlet in self.outlets.items():
            lane = self.engine.outbox.attach(name, outlet, keeps_order=name.startswith("xmpp"))
            assert isinstance(lane, Lane)
            self.lanes[name] = lane
        self.engine.start()
        for lane in self.lanes.values():
            lane.grant(10)
        self.receipts: list[Receipt] = []

    def perform(self, script: Sequence[Event], crash_at: int) -> bool:
        """Play it; who gets no answer says it again.

        :return: whether the crash came.
        """
        self.store.left = crash_at
        for event in script:
            while True:
                verdicts: list[Verdict] = []
                try:
                    self.engine.intake.offer(event).addCallback(verdicts.append)
                    self.settle()
                except _Crash:
                    self.store.close()
                    self.start()
                if verdicts:
                    assert not isinstance(verdicts[0], Refused), (event, verdicts)
                    break
        self.store.left = NEVER
        return self.starts > 1

    def settle(self) -> None:
        """Let everybody answer."""
        for _ in range(6):
            self.clock.advance(0.02)
            for name, outlet in self.outlets.items():
                for item in list(outlet.items):
                    outlet.items.remove(item)
                    self.given[item.id] = item
                    self._answer(name, outlet, item)
            receipts, self.receipts = self.receipts, []
            for receipt in receipts:
                self.engine.intake.offer(receipt)

    def _answer(self, lane: str, outlet: Outlet, item: Item) -> None:
        what = self.chance.random() if self.chance is not None else 1.0
        if what < 0.15:
            outlet.reject(item, Reason.UNREACHABLE, retry=True)
            del self.given[item.id]
        elif what < 0.2:
            outlet.reject(item, Reason.CONGESTED)
            del self.given[item.id]
        elif isinstance(item.payload, Message) and lane.startswith("smpp:"):
            outlet.accept(item, item.id)
            if what > 0.3:
                self.receipts.append(Receipt(lane, item.id, Outcome.UNKNOWN if what < 0.4 else Outcome.DELIVERED))
        else:
            outlet.accept(item)

    def end(self) -> None:
        """Some days pass."""
        self.wait(30.0)
        for _ in range(36):
            self.clock.advance(6 * 3600.0)
            self.settle()

    def wait(self, seconds: float) -> None:
        """Time passes, and everybody answers."""
        for _ in range(int(seconds)):
            self.settle()
            self.clock.advance(1.0)

    def heard(self) -> set[str]:
        """The texts that somebody was given and has taken."""
        return {item.payload.text for item in self.given.values() if isinstance(item.payload, Message)}

    def left(self) -> dict[str, int]:
        """How many rows are left of those that stand for something unfinished."""
        counts = {kind.TABLE: self.store._db.execute(f"SELECT COUNT(*) FROM {kind.TABLE}").fetchone()[0]
                  for kind in UNFINISHED}
        return {name: count for name, count in counts.items() if count}


class CrashTests(SynchronousTestCase):
    """One crash, at any of the effects on the store; the daemon starts again and its peers go on."""

    def after_crashes(self, of: int, script: Sequence[Event]) -> Iterator[tuple[str, Play]]:
        """Plays with a crash at every so manieth effect, until there is none any more."""
        for step in range(0, 1000, of):
            play = Play()
            has_crashed = play.perform(script, step)
            yield f"crash at step {step}", play
            if not has_crashed:
                return
        self.fail("the play has no end")

    def test_texts(self) -> None:
        """A text that was taken arrives: in its turn, in parts, from phone to phone, by a command, to an
        account; and no row is left of it."""
        for when, play in self.after_crashes(5, TEXTS):
            play.end()
            self.assertLessEqual(set(NAMES), play.heard(), when)
            self.assertEqual(play.left(), {}, when)

    def test_presence(self) -> None:
        """Who was asked for and let in sees what is so, whenever the daemon was killed; and when all is
        taken back nothing is left."""
        for when, play in self.after_crashes(5, PRESENCE):
            play.wait(20.0)
            shown = [item.payload for item in play.given.values()
                     if isinstance(item.payload, Presence) and item.lane == LANE_M]
            self.assertEqual(shown[-1].devices[0].notes[0].text, "here", when)
            self.assertIn("ben is online", play.heard(), when)
            play.perform(TAKEN_BACK, NEVER)
            play.end()
            self.assertEqual(play.left(), {}, when)

    def test_unruly(self) -> None:
        """Peers that refuse, stay silent or go away, and several crashes: every text comes to an end."""
        for seed in range(6):
            chance = random.Random(seed)
            play = Play(chance)
            for _ in range(3):
                play.perform(TEXTS, chance.randrange(100))
                for lane in (LINK, LANE_M, ACCOUNT):
                    if chance.random() < 0.3:
                        play.lanes[lane].grant(0)
                play.wait(chance.choice((1.0, 40.0)))
                for opened in play.lanes.values():
                    opened.grant(10)
            play.end()
            self.assertEqual(play.left(), {}, seed)
            self.assertEqual(play.engine.outbox.depth, 0, seed)
            for opened in play.lanes.values():
                self.assertEqual((opened.in_flight, opened.latest, opened.streams), ({}, {}, {}), seed)
