"""Texts in parts across restarts and connections: a part that was said yes to is not lost (SMS-35)."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.intake import HIGH_WATER
from iwf.engine.store.base import IStore
from iwf.engine.store.memory import MemoryStore
from iwf.engine.store.sqlite import SqliteStore
from iwf.mapping.model import Message, Reason, Refused, Report, Taken
from iwf.mapping.rows import Fragments, Lease, Piece, query
from iwf.mapping.settings import Patience
from iwf.mapping.turn import Turn
from tests.engine.test_engine import CrashingStore, Daemon, _Crash
from tests.mapping.test_fragments import part
from tests.support.sample import GATEWAY, LANE_M, LINK, from_ben_to_phone, from_phone

WAIT = Patience().reassembly


def later(clock: Clock, seconds: float = 0.0) -> Clock:
    """Another clock, for another process."""
    found = Clock()
    found.rightNow = clock.seconds() + seconds
    return found


class RestartTests(SynchronousTestCase):
    """A daemon over SQLite that goes and comes back."""

    def setUp(self) -> None:
        self.path = str(Path(mkdtemp(dir=".")) / "iwf.db")
        self.clock = Clock()
        self.clock.rightNow = 1_790_000_000.0
        self.daemon = Daemon(SqliteStore(self.path), clock=self.clock)
        self.daemon.offer(from_ben_to_phone())

    def restart(self, after: float = 0.0) -> None:
        self.daemon.store.close()
        self.clock = later(self.clock, after)  # timers die with their process
        self.daemon = Daemon(SqliteStore(self.path), clock=self.clock)

    def delivered(self) -> list[str]:
        return [payload.text for payload in self.daemon.take(LANE_M) if isinstance(payload, Message)]

    def test_between_parts(self) -> None:
        """Parts that came before a restart and after it make one text, a repeated one included."""
        self.assertEqual(self.daemon.offer(part(3, "c", total=3)), [Taken("")])
        self.restart()
        self.assertEqual(self.daemon.offer(part(1, "a", total=3)), [Taken("")])
        self.restart()
        self.assertEqual(self.daemon.offer(part(3, "c", total=3)), [Taken("")])
        self.assertEqual(self.delivered(), [])
        self.daemon.offer(part(2, "b", total=3))
        self.assertEqual(self.delivered(), ["abc"])

    def test_repeated_after_a_restart(self) -> None:
        """A part that is repeated after the text was delivered and a restart is not another text."""
        self.daemon.offer(part(1, "a"))
        self.daemon.offer(part(2, "b"))
        for item in list(self.daemon.outlets[LANE_M].items):
            self.daemon.outlets[LANE_M].accept(item)
        self.clock.advance(1)
        self.restart()
        self.assertEqual(self.daemon.offer(part(2, "b")), [Taken("")])
        self.clock.advance(WAIT + 20)
        self.assertEqual(self.delivered(), [])

    def test_deadline(self) -> None:
        """The alarm rings ten minutes after the last part, for a daemon that was away as well."""
        self.daemon.offer(part(1, "a"))
        self.clock.advance(WAIT - 1)
        self.assertEqual(self.delivered(), [])
        self.clock.advance(2)
        self.assertEqual(self.delivered(), ["a[...]"])
        self.daemon.offer(part(2, "d", reference="s"))
        self.restart(after=WAIT + 1)
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(self.delivered()[-1:], ["[...]d"])

    def test_forgotten(self) -> None:
        """Nothing of a text is kept for ever."""
        self.daemon.offer(part(1, "a"))
        self.daemon.offer(part(2, "b"))
        for _ in range(4):
            self.clock.advance(WAIT / 2)
        asked = query(Fragments, reference="r")
        self.assertEqual(self.daemon.store.load((asked,)).all(Fragments, reference="r"), ())

    def test_references_go_on(self) -> None:
        """The count of long texts to a phone goes on after a restart (SMS-33)."""
        found = []
        for _ in range(3):
            self.daemon.offer(from_ben_to_phone("a" * 200))
            lease_of = query(Lease, number="X000000001")
            [lease] = self.daemon.store.load((lease_of,)).all(Lease, number="X000000001")
            found.append(lease.serial)
            self.restart()
        self.assertEqual(found, [1, 2, 3])

    def test_crash_at_every_step(self) -> None:
        """Whatever write a crash comes at: a part that was taken is in the text in the end, and the text
        comes out at least once."""
        for step in range(1, 14):
            path = str(Path(mkdtemp(dir=".")) / "iwf.db")
            store = CrashingStore(path)
            daemon = Daemon(store, clock=later(self.clock))
            daemon.offer(from_ben_to_phone())
            store.left = step
            taken: set[int] = set()
            delivered: list[str] = []
            for number in (2, 1, 3):
                try:
                    verdicts = daemon.offer(part(number, "abc"[number - 1], total=3))
                except _Crash:
                    break
                taken |= {number} if verdicts and isinstance(verdicts[0], Taken) else set()
            delivered += [payload.text for payload in daemon.take(LANE_M) if isinstance(payload, Message)]
            store.close()
            daemon = Daemon(SqliteStore(path), clock=later(self.clock))
            for number in {1, 2, 3} - taken:  # what got no answer the SMSC sends again
                daemon.offer(part(number, "abc"[number - 1], total=3))
            delivered += [payload.text for payload in daemon.take(LANE_M) if isinstance(payload, Message)]
            self.assertEqual(set(delivered), {"abc"}, step)

    def test_refused_late(self) -> None:
        """A text whose last part got no lease any more is told to the phone at the end (ERR-15)."""
        self.daemon.offer(part(1, "a"))
        outlet = self.daemon.outlets[LINK]
        outlet.accept(outlet.items[0])
        asked = query(Lease, number="X000000001")
        leases = self.daemon.store.load((asked,)).all(Lease, number="X000000001")
        self.daemon.store.begin()
        self.daemon.store.apply(Turn(drops=leases))
        self.daemon.store.commit()
        self.clock.advance(WAIT + 1)
        reports = [payload for payload in self.daemon.take(LINK) if isinstance(payload, Report)]
        self.assertEqual([report.recipient for report in reports], [from_phone("X").origin.address])


class CrowdTests(SynchronousTestCase):
    """More work than there is time for."""

    def test_refused_for_now(self) -> None:
        """When too many events wait, a part is refused for now, so that the SMSC sends it again."""
        daemon = Daemon()
        verdicts: list[object] = []
        for number in range(HIGH_WATER + 1):
            daemon.engine.intake.offer(part(1, "a", reference=str(number))).addCallback(verdicts.append)
        [verdict] = verdicts
        assert isinstance(verdict, Refused)
        self.assertEqual((verdict.failure.reason, verdict.failure.permanent), (Reason.CONGESTED, False))


    def test_too_fast(self) -> None:
        """Parts count like texts: who sends too many is refused for now, and the refused one is not lost (LOOP-6)."""
        daemon = Daemon(gateway=evolve(GATEWAY, max_rate=1.0, max_burst=2))
        daemon.offer(from_ben_to_phone())
        verdicts = [verdict for number, text in enumerate("abc", 1)
                    for verdict in daemon.offer(part(number, text, total=3))]
        self.assertEqual([type(verdict) for verdict in verdicts], [Taken, Taken, Refused])
        assert isinstance(verdicts[2], Refused)
        self.assertEqual((verdicts[2].failure.reason, verdicts[2].failure.permanent), (Reason.TOO_FAST, False))
        daemon.clock.advance(2)
        daemon.offer(part(3, "c", total=3))
        self.assertEqual([payload.text for payload in daemon.take(LANE_M) if isinstance(payload, Message)], ["abc"])


class StoreTests(SynchronousTestCase):
    """The row of a text in parts."""

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.builds(Piece, st.integers(1, 255), st.just("gsm"), st.binary(max_size=9).map(bytes.hex)),
                    max_size=5).map(tuple), st.none() | st.floats(0, 9e12))
    def test_round_trip(self, pieces: tuple[Piece, ...], due: float | None) -> None:
        """It comes back as it went in, from every store."""
        row = Fragments("a\tb", from_phone("X1"), 5, pieces, due, 9e12)
        stores: list[IStore] = [MemoryStore(), SqliteStore(":memory:")]
        for store in stores:
            store.begin()
            store.apply(Turn(puts=(row,)))
            store.commit()
            asked = query(Fragments, reference="a\tb")
            self.assertEqual(store.load((asked,)).all(Fragments, reference="a\tb"), (row,))
            self.assertEqual(store.next_due(), due)
            store.close()
