"""A store that cannot be written for a while: nothing grows, and nothing is forgotten."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.outbox import EXPIRY_ROUND, News, Outbox
from iwf.engine.owed import MOST_TRIES, Owed
from iwf.engine.revisits import LATER
from iwf.engine.store.memory import MemoryStore
from iwf.mapping.model import (
    XMPP,
    Address,
    Device,
    Failure,
    Item,
    Outcome,
    Party,
    Presence,
    Reason,
    Receipt,
    Refused,
    Report,
    Taken,
    WatchRenewed,
)
from iwf.mapping.rows import Leg
from iwf.mapping.turn import Turn
from tests.engine.test_engine import Daemon
from tests.engine.test_revisits import watch
from tests.support.outlet import Outlet
from tests.support.sample import BEN_PC, LANE_X, TRUNK, X, from_ana, from_ben


class ExpiryTests(SynchronousTestCase):
    """Items whose time is over, in an outbox whose news the test judges."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.is_full = True
        self.asked = 0
        self.outbox = Outbox(self.clock, self.news, lambda lane, up: None)
        self.outlet = Outlet()
        self.lane = self.outbox.attach(TRUNK, self.outlet, keeps_order=False)
        self.item = Item("i", TRUNK, "s", from_ben(), "", 0.0, expires_at=1.0)
        self.outbox.start([self.item])

    def news(self, news: News) -> Deferred[Turn]:
        self.asked += 1
        if self.is_full:
            return fail(OSError("disk full"))
        turn = Turn(done=(self.item,))
        self.outbox.released(turn)
        return succeed(turn)

    def rounds(self, number: int) -> None:
        for _ in range(number * 5):
            self.clock.advance(EXPIRY_ROUND / 5)

    def test_full_for_long(self) -> None:
        """However long the disk is full, an expired item costs one attempt a round."""
        self.rounds(20)
        self.assertLessEqual(self.asked, 20)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.is_full = False
        self.rounds(1)
        self.assertEqual(self.outbox.depth, 0)

    def test_full_when_it_opens(self) -> None:
        """An expired item whose connector opens while the disk is full ends when there is room again."""
        self.clock.advance(2.0)
        self.lane.grant(1)
        self.rounds(5)
        self.assertEqual((self.outbox.depth, self.outlet.items), (1, []))
        self.is_full = False
        self.rounds(1)
        self.assertEqual(self.outbox.depth, 0)


class FullStore(MemoryStore):
    """A store without room, for a while."""

    is_full = False

    def commit(self) -> None:
        if self.is_full:
            raise OSError("disk full")
        super().commit()


class ReceiptTests(SynchronousTestCase):
    """News of messages that could not be written."""

    def pass_time(self, daemon: Daemon, seconds: float) -> None:
        for _ in range(int(seconds)):
            daemon.clock.advance(1.0)

    def test_bounced(self) -> None:
        """A late error that comes while the disk is full is told to the sender when there is room again: no
        server sends an error twice (MSG-33)."""
        store = FullStore()
        daemon = Daemon(store)
        daemon.offer(from_ana())
        outlet = daemon.outlets[LANE_X]
        outlet.accept(outlet.items[0], "r")
        daemon.clock.advance(1)
        store.is_full = True
        daemon.offer(Receipt(LANE_X, "r", Outcome.FAILED, Failure(Reason.NOT_OFFERED)))
        self.pass_time(daemon, 20)
        self.assertEqual(daemon.take(TRUNK), [])
        store.is_full = False
        self.pass_time(daemon, 20)
        self.assertEqual([type(payload) for payload in daemon.take(TRUNK)], [Report])
        self.assertLess(len(self.flushLoggedErrors(OSError)), 10)

    def test_never(self) -> None:
        """A receipt that can never be written is not tried for ever, and none after the stop."""
        clock = Clock()
        tries: list[Receipt] = []

        def submit(receipt: Receipt) -> Deferred[Turn]:
            tries.append(receipt)
            return fail(ValueError("a fault of ours"))

        owed = Owed(clock, submit)
        owed.keep(Receipt(LANE_X, "r", Outcome.DELIVERED))
        for _ in range(2 * MOST_TRIES):
            clock.advance(5.0)
        self.assertEqual((len(tries), clock.getDelayedCalls()), (MOST_TRIES, []))
        owed.keep(Receipt(LANE_X, "r", Outcome.DELIVERED))
        owed.stop()
        owed.keep(Receipt(LANE_X, "r", Outcome.DELIVERED))
        self.assertEqual(clock.getDelayedCalls(), [])


class PresenceTests(SynchronousTestCase):
    """News of somebody that could not be written."""

    def setUp(self) -> None:
        self.store = FullStore()
        pair = watch(1)
        leg = Leg("d1", pair.watcher, pair.presentity, pair.tenant, TRUNK)
        self.store.apply(Turn(puts=(pair, leg)))
        self.daemon = Daemon(self.store)
        self.news = Presence(Party(BEN_PC, asserted_by=LANE_X), Address(XMPP, "w1*sip.example", X), (Device("pc"),),
                             whole=False, lane=LANE_X)
        self.pass_time(1.0)

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            self.daemon.clock.advance(0.1)

    def asked(self) -> int:
        return sum(isinstance(item.payload, WatchRenewed) for item in self.daemon.outlets[LANE_X].items)

    def test_asked_for_anew(self) -> None:
        """Presence that comes while the disk is full, and that its world does not repeat, is asked for
        when there is room again, so that every watcher sees what is so (PRES-30)."""
        self.assertEqual(self.asked(), 1)
        self.store.is_full = True
        (verdict,) = self.daemon.offer(self.news)
        self.assertIsInstance(verdict, Refused)
        self.pass_time(2 * LATER)
        self.assertEqual(self.asked(), 1)
        self.store.is_full = False
        self.pass_time(2 * LATER)
        self.assertEqual(self.asked(), 2)
        self.pass_time(5 * LATER)
        self.assertEqual(self.asked(), 2)
        self.assertLess(len(self.flushLoggedErrors(OSError)), 10)

    def test_full_at_the_stop(self) -> None:
        """An orderly stop while the disk is full leaves nothing behind."""
        self.store.is_full = True
        self.daemon.offer(self.news)
        self.pass_time(2 * LATER - 1)
        self.daemon.engine.intake.offer(self.news)
        self.daemon.engine.stop()
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])
        self.flushLoggedErrors(OSError)

    def test_written(self) -> None:
        """What could be written is not asked for again."""
        self.assertEqual(self.daemon.offer(self.news), [Taken("")])
        self.pass_time(3 * LATER)
        self.assertEqual(self.asked(), 1)
