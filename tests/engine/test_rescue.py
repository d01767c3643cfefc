"""Texts that wait for a link which stays away leave by another one."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.rescue import AT_ONCE
from iwf.engine.store.base import IStore
from iwf.engine.store.memory import MemoryStore
from iwf.engine.store.sqlite import SqliteStore
from iwf.mapping.model import Report
from iwf.mapping.settings import Link, NumberPool
from tests.engine.test_engine import Daemon
from tests.support.outlet import Outlet
from tests.support.sample import GATEWAY, LANE_M, LINK, from_ben_to_phone

OTHER = "smpp:other"
TWO = evolve(GATEWAY, links=(*GATEWAY.links,
                             Link(OTHER, ("+",), NumberPool("other", prefix="49900", width=4), cost=2.0)))
FAILOVER = TWO.patience.failover


class RescueTests(SynchronousTestCase):
    """A carrier with two links, of which the first goes away."""

    def make(self) -> IStore:
        return MemoryStore()

    def setUp(self) -> None:
        self.daemon = Daemon(self.make(), TWO)
        self.other = Outlet()
        self.daemon.engine.outbox.attach(OTHER, self.other, keeps_order=False).grant(10)
        self.daemon.lanes[LINK].grant(1)
        self.first = self.daemon.outlets[LINK]

    def texts(self, count: int) -> None:
        for number in range(count):
            self.daemon.offer(from_ben_to_phone(f"{number}", id=f"m{number}"))

    def away(self, seconds: float) -> None:
        self.daemon.lanes[LINK].grant(0)
        for _ in range(int(seconds * 4)):
            self.daemon.clock.advance(0.25)

    def heard(self) -> list[str]:
        """What the other link is to deliver, accepted one by one."""
        texts, done = [], 0
        while len(self.other.items) > done:
            item = self.other.items[done]
            texts.append(item.payload.text)
            self.other.accept(item, f"o{done}")
            self.daemon.clock.advance(0.05)
            done += 1
        return texts

    def test_those_that_wait(self) -> None:
        """What waits leaves by the other link in order and once; what may have been submitted stays
        where it is (SMS-18)."""
        self.texts(4)
        self.away(FAILOVER + 2)
        self.assertEqual(self.heard(), ["1", "2", "3"])
        (item,) = self.first.items
        self.first.reject(item)
        self.daemon.clock.advance(0.1)
        (report,) = self.daemon.take(LANE_M)
        self.assertIsInstance(report, Report)
        self.assertEqual(report.about, "m0")

    def test_behind_those_that_cannot_leave(self) -> None:
        """Texts for which there is no other way do not keep those behind them from leaving."""
        links = (evolve(TWO.links[0], prefixes=("+44", "+49")), evolve(TWO.links[1], prefixes=("+49",)))
        self.daemon = Daemon(self.make(), evolve(TWO, links=links))
        self.other = Outlet()
        self.daemon.engine.outbox.attach(OTHER, self.other, keeps_order=False).grant(10)
        self.daemon.lanes[LINK].grant(0)
        british = evolve(from_ben_to_phone().target, user="+447700900123")
        for number in range(AT_ONCE):
            self.daemon.offer(from_ben_to_phone(id=f"b{number}", target=british))
        self.texts(1)
        self.away(FAILOVER + 3)
        self.assertEqual(len(self.heard()), 1)

    def test_not_at_once(self) -> None:
        """A short absence moves nothing."""
        self.texts(2)
        self.away(FAILOVER - 1)
        self.assertEqual(self.other.items, [])
        self.daemon.lanes[LINK].grant(5)
        for _ in range(200):
            self.daemon.clock.advance(0.25)
        self.assertEqual((self.other.items, len(self.first.items)), ([], 1))

    def test_after_a_crash(self) -> None:
        """What was moved is where it was moved to after a restart as well, and nowhere else."""
        self.texts(3)
        self.away(FAILOVER + 2)
        again = Daemon(self.daemon.store, TWO, self.daemon.clock, up=False)
        lanes = [item.lane for item in sorted(
            (row.item() for row in self.daemon.store.queued()), key=lambda item: item.id)]
        self.assertEqual(sorted(lanes), [LINK, OTHER, OTHER])
        self.assertEqual(again.engine.outbox.depth, 3)


    def test_never_back_after_a_restart(self) -> None:
        """A link that does not come up after a restart of iwf has its texts taken elsewhere as well."""
        self.texts(2)
        again = Daemon(self.daemon.store, TWO, self.daemon.clock, up=False)
        other = Outlet()
        again.engine.outbox.attach(OTHER, other, keeps_order=False).grant(10)
        for _ in range(int(FAILOVER) + 3):
            again.clock.advance(1.0)
        self.assertEqual([item.payload.text for item in other.items], ["ben: 0"])
        other.accept(other.items[0], "o0")
        again.clock.advance(0.1)
        self.assertEqual([item.payload.text for item in other.items], ["ben: 0", "1"])


class SqliteRescueTests(RescueTests):
    """The same over a database."""

    def make(self) -> IStore:
        return SqliteStore(":memory:")
