"""Many timers as one, and how fast requests may leave."""

from __future__ import annotations

from math import inf

from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.presence.deadlines import Deadlines, Pace


@define(eq=False)
class One:
    name: int
    due: float = inf


class DeadlinesTests(SynchronousTestCase):
    """Who is next."""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 9), st.one_of(st.just(inf), st.integers(0, 50))), max_size=60))
    def test_any_order(self, moves: list[tuple[int, float]]) -> None:
        """However deadlines are moved, they come up in order, each once, and those who have none never."""
        deadlines: Deadlines[One] = Deadlines()
        ones = [One(number) for number in range(10)]
        wanted: dict[int, float] = {}
        for number, due in moves:
            deadlines.set(ones[number], due)
            wanted[number] = due
        wanted = {number: due for number, due in wanted.items() if due < inf}
        self.assertEqual(len(wanted), len(deadlines))
        found = []
        while (one := deadlines.first()) is not None:
            found.append((one.due, one.name))
            deadlines.set(one, inf)
        self.assertEqual(sorted(wanted.values()), [due for due, _ in found])
        self.assertEqual(wanted, {name: due for due, name in found})

    def test_due(self) -> None:
        """Nobody is due before his time."""
        deadlines: Deadlines[One] = Deadlines()
        one = One(1)
        deadlines.set(one, 10.0)
        self.assertIsNone(deadlines.first_due(9.9))
        self.assertIs(one, deadlines.first_due(10.0))

    def test_memory(self) -> None:
        """A deadline that moves a hundred thousand times takes no more room than a thousand do."""
        deadlines: Deadlines[One] = Deadlines()
        one = One(1)
        for number in range(100_000):
            deadlines.set(one, float(number))
        self.assertLess(len(deadlines._heap), 2000)
        self.assertIs(one, deadlines.first())


class PaceTests(SynchronousTestCase):
    """So many a second."""

    def test_burst_and_rate(self) -> None:
        """After a pause some leave at once, the others one by one."""
        pace = Pace(10.0, 5)
        self.assertEqual(5, sum(pace.take(100.0) for _ in range(20)))
        self.assertAlmostEqual(100.1, pace.ready_at())
        times, now = [], 100.0
        for _ in range(10):
            now = max(now, pace.ready_at())
            self.assertTrue(pace.take(now))
            times.append(now)
        self.assertAlmostEqual(101.0, times[-1])
        self.assertEqual(5, sum(pace.take(200.0) for _ in range(20)))
