"""Connectors that come and go make the engine look at the presence behind them again."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.engine import Engine
from iwf.engine.outbox import Outbox
from iwf.engine.revisits import BREATH, LATER, Revisits
from iwf.engine.store.memory import MemoryStore
from iwf.ids import Ids
from iwf.mapping.model import Remember, Revisited
from iwf.mapping.rows import Watch
from iwf.mapping.turn import Turn
from tests.support.outlet import Outlet
from tests.support.sample import GATEWAY, LANE_X, TRUNK

GRACE = 120.0


def watch(number: int, watcher_lane: str = TRUNK, presentity_lane: str = LANE_X) -> Watch:
    """One of many watchers of Ben."""
    return Watch(f"sip:w{number}@sip.example", "xmpp:ben@xmpp.example", "default", "granted", 1.0,
                 watcher_lane, presentity_lane, True)


class RevisitsTests(SynchronousTestCase):
    """Which pairs are looked at, when and how fast."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.seen: list[Revisited] = []
        self.revisits = Revisits(self.store, self.clock, self.submit, GRACE)

    def submit(self, event: Revisited) -> Deferred[Turn]:
        self.seen.append(event)
        return succeed(Turn())

    def keep(self, *rows: Watch) -> None:
        self.store.apply(Turn(puts=rows))

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 20)):
            self.clock.advance(0.05)

    def test_first_opening(self) -> None:
        """After a start everything behind a connector is looked at once (PRES-30)."""
        self.keep(watch(1), watch(2, presentity_lane="xmpp:other"))
        self.revisits.changed(LANE_X, True)
        self.pass_time(1)
        self.assertEqual(self.seen, [Revisited("sip:w1@sip.example", "xmpp:ben@xmpp.example", "default")])

    def test_both_sides(self) -> None:
        """The watchers behind a connector count as well as the presentities, and no pair twice."""
        self.keep(watch(1), watch(2, watcher_lane=LANE_X))
        self.revisits.changed(LANE_X, True)
        self.revisits.changed(TRUNK, True)
        self.pass_time(1)
        self.assertEqual(sorted(event.watcher for event in self.seen),
                         ["sip:w1@sip.example", "sip:w2@sip.example"])

    def test_spread(self) -> None:
        """Ten thousand subscriptions are looked at within half a minute, never all at once."""
        self.keep(*(watch(number) for number in range(10_000)))
        self.revisits.changed(LANE_X, True)
        self.pass_time(1)
        self.assertTrue(100 < len(self.seen) < 1000, len(self.seen))
        self.pass_time(29)
        self.assertEqual(len(self.seen), 10_000)

    def test_out_of_breath(self) -> None:
        """A full buffer, which closes a connector for a moment, is no loss of it."""
        self.keep(watch(1))
        self.revisits.changed(LANE_X, True)
        self.pass_time(1)
        self.revisits.changed(LANE_X, False)
        self.clock.advance(BREATH / 2)
        self.revisits.changed(LANE_X, True)
        self.pass_time(GRACE + 1)
        self.assertEqual(len(self.seen), 1)

    def test_back_after_a_loss(self) -> None:
        """When a connector is back after a real loss, the state is asked for again (PRES-30)."""
        self.keep(watch(1))
        self.revisits.changed(LANE_X, True)
        self.pass_time(1)
        self.revisits.changed(LANE_X, False)
        self.pass_time(BREATH + 1)
        self.revisits.changed(LANE_X, True)
        self.pass_time(1)
        self.assertEqual(len(self.seen), 2)

    def test_away_for_long(self) -> None:
        """When a connector stays away its watchers are told, after the grace (draft 4.3)."""
        self.keep(watch(1))
        self.revisits.changed(LANE_X, True)
        self.pass_time(1)
        self.revisits.changed(LANE_X, False)
        self.pass_time(GRACE - 1)
        self.assertEqual(len(self.seen), 1)
        self.pass_time(2)
        self.assertEqual(len(self.seen), 2)

    def test_not_written(self) -> None:
        """A pair that could not be looked at since the disk was full is looked at when it can be (PRES-30)."""
        self.keep(watch(1), watch(2))
        faults = [OSError("disk full")] * 3

        def submit(event: Revisited) -> Deferred[Turn]:
            if faults:
                return fail(faults.pop())
            return self.submit(event)

        revisits = Revisits(self.store, self.clock, submit, GRACE)
        revisits.changed(LANE_X, True)
        self.pass_time(LATER)
        self.assertEqual(len(faults), 1)  # not again and again while it is full
        self.pass_time(2 * LATER)
        self.assertEqual(sorted(event.watcher for event in self.seen),
                         ["sip:w1@sip.example", "sip:w2@sip.example"])

    def test_stopped(self) -> None:
        """Nothing is looked at after the stop."""
        self.keep(watch(1))
        self.revisits.changed(LANE_X, True)
        self.revisits.changed(TRUNK, False)
        self.revisits.stop()
        self.pass_time(GRACE + 1)
        self.assertEqual((self.seen, self.clock.getDelayedCalls()), ([], []))


class AttachedTests(SynchronousTestCase):
    """Connectors of a daemon that has just started."""

    def test_away_until_it_opens(self) -> None:
        """A connector is away from the start until it opens: if it never does, what was shown and queued
        before the start is not forgotten (draft 4.3)."""
        changes: list[tuple[str, bool]] = []
        outbox = Outbox(Clock(), lambda news: Deferred(), lambda lane, up: changes.append((lane, up)))
        lane = outbox.attach(LANE_X, Outlet(), keeps_order=True)
        self.assertEqual(changes, [(LANE_X, False)])
        lane.grant(5)
        lane.grant(7)
        self.assertEqual(changes, [(LANE_X, False), (LANE_X, True)])


class MemoryTests(SynchronousTestCase):
    """What edges have the engine remember (SIP-93)."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.engine = self.started()

    def started(self) -> Engine:
        engine = Engine(self.store, GATEWAY, self.clock, Ids(seed=1))
        engine.start()
        return engine

    def remember(self, edge: str, key: str, text: str, until: float = 1000.0) -> None:
        self.engine.intake.offer(Remember(edge, key, text, until))
        self.clock.advance(0.01)

    def test_after_a_restart(self) -> None:
        """An edge gets back what it had remembered, as it was last, and nothing of others."""
        self.remember("sip", "a", "1")
        self.remember("sip", "b", "2")
        self.remember("sip", "b", "3")
        self.remember("xmpp", "a", "4")
        self.engine.stop()
        self.assertEqual(sorted(self.started().recall("sip")), [("a", "1"), ("b", "3")])

    def test_forgotten(self) -> None:
        """An empty text forgets."""
        self.remember("sip", "a", "1")
        self.remember("sip", "a", "")
        self.assertEqual(self.engine.recall("sip"), [])

    def test_too_old(self) -> None:
        """What need not be kept any more is swept away."""
        self.remember("sip", "a", "1", until=5.0)
        self.assertEqual(self.engine.recall("sip"), [("a", "1")])
        self.clock.pump([10.0] * 3)
        self.assertEqual(self.engine.recall("sip"), [])
