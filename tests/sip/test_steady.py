"""A clock that stands still where the wall clock goes backwards."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.steady import Steady


class SteadyTests(SynchronousTestCase):
    """Two clocks, one of which is set by people."""

    def test_set_back(self) -> None:
        """No time has passed while the wall clock went backwards; after that it goes on."""
        steady = Steady()
        self.assertEqual([steady.time(now) for now in (100.0, 40.0, 45.0, 200.0)], [100.0, 100.0, 105.0, 260.0])
        self.assertEqual(steady.wall(270.0), 210.0)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(-1000, 1000), min_size=1))
    def test_any_clock(self, moments: list[int]) -> None:
        """Time never goes back, and what the wall shows now is found again."""
        steady, last = Steady(), -2000.0
        for now in moments:
            time = steady.time(now)
            self.assertGreaterEqual(time, last)
            self.assertEqual(steady.wall(time), now)
            last = time
