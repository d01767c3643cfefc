"""Targets that failed rest for a while (SIP-51)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.settings import Hop
from iwf.sip.transaction.failover import LONGEST_REST, MAX_RESTING, REST, Resting

ONE, TWO, THREE = (Hop("udp", f"192.0.2.{number}", 5060) for number in (1, 2, 3))


class RestingTests(SynchronousTestCase):
    """Which of several targets is tried first."""

    def test_last(self) -> None:
        """A target that failed is tried last for 30 s, and then again in its place."""
        resting = Resting()
        resting.failed(ONE, 100.0)
        self.assertEqual(resting.ordered((ONE, TWO, THREE), 100.0 + REST - 1), (TWO, THREE, ONE))
        self.assertEqual(resting.ordered((ONE, TWO, THREE), 100.0 + REST), (ONE, TWO, THREE))
        self.assertEqual(len(resting), 0)

    def test_retry_after(self) -> None:
        """A target itself may say for how long; not for days, though."""
        resting = Resting()
        resting.failed(ONE, 0.0, 5.0)
        resting.failed(TWO, 0.0, 1e9)
        self.assertEqual(resting.ordered((ONE, TWO, THREE), 4.0), (THREE, ONE, TWO))
        self.assertEqual(resting.ordered((TWO, ONE), 6.0), (ONE, TWO))
        self.assertEqual(resting.ordered((TWO, ONE), LONGEST_REST), (TWO, ONE))
        resting.failed(ONE, 5000.0, 0.0)
        self.assertEqual(resting.ordered((ONE, TWO), 5000.0), (ONE, TWO))

    def test_all(self) -> None:
        """When all rest, they are tried all the same, the next to wake up first."""
        resting = Resting()
        for number, hop in enumerate((THREE, ONE, TWO)):
            resting.failed(hop, float(number))
        self.assertEqual(resting.ordered((ONE, TWO, THREE), 3.0), (THREE, ONE, TWO))

    def test_answered(self) -> None:
        """An answer wakes a target up."""
        resting = Resting()
        resting.failed(ONE, 0.0)
        resting.answered(ONE)
        resting.answered(TWO)
        self.assertEqual(resting.ordered((ONE, TWO), 1.0), (ONE, TWO))

    def test_clock_set_back(self) -> None:
        """A clock that is set back stands still: nobody rests longer for it."""
        resting = Resting()
        resting.failed(ONE, 1_000_000.0)
        self.assertEqual(resting.ordered((ONE, TWO), 10.0), (TWO, ONE))
        self.assertEqual(resting.ordered((ONE, TWO), 10.0 + REST), (ONE, TWO))

    def test_bound(self) -> None:
        """Only so many targets are remembered."""
        resting = Resting()
        for port in range(MAX_RESTING + 10):
            resting.failed(Hop("udp", "192.0.2.1", port), 0.0)
        self.assertEqual(len(resting), MAX_RESTING)

