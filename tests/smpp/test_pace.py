"""How fast a link submits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.smpp.session.pace import CONGESTED, NEARLY_CONGESTED, SLOW, Pace

NOW = 1_700_000_000.0


class Sender:
    """Sends whenever the pace allows."""

    def __init__(self, rate: float = 0.0) -> None:
        self.pace = Pace(rate, NOW)
        self.now = NOW

    def burst(self, most: int = 1000) -> int:
        """How many go at once."""
        count = 0
        while count < most and self.pace.ready(self.now):
            self.pace.sent(self.now)
            count += 1
        return count

    def run(self, seconds: float, most: int = 1000) -> int:
        """How many go in a time, waking up when the pace says so."""
        end, count = self.now + seconds, self.burst(most)
        while (due := self.pace.next_timer()) is not None and due < end:
            self.now = max(self.now + 0.0001, due)
            self.pace.handle_timer(self.now)
            count += self.burst(most)
        self.now = end
        self.pace.handle_timer(end)
        return count


class RateTests(SynchronousTestCase):
    """The token bucket (SMS-9)."""

    def test_no_limit(self) -> None:
        """Without a rate everything may go at once, and there is nothing to wake up for."""
        sender = Sender()
        self.assertEqual((sender.burst(), sender.pace.next_timer()), (1000, None))

    def test_rates(self) -> None:
        """So many a second, in bursts of a tenth of a second at most."""
        for rate in (0.5, 1, 7, 100):
            sender = Sender(rate)
            self.assertLessEqual(sender.burst(), rate / 10 + 1)
            sender = Sender(rate)
            sent = sender.run(10)
            self.assertTrue(10 * rate - 1 <= sent <= 10.1 * rate + 2, (rate, sent))

    def test_nothing_saved_up(self) -> None:
        """After a quiet time no more goes at once than in a busy one."""
        sender = Sender(20)
        sender.now += 100
        self.assertLessEqual(sender.burst(), 3)

    @settings(max_examples=100, deadline=None)
    @given(st.floats(0.5, 5000), st.floats(0, 2e9), st.lists(st.floats(0, 0.3), min_size=1, max_size=20),
           st.booleans())
    def test_never_due_at_once(self, rate: float, start: float, steps: list[float], slow: bool) -> None:
        """A timer that has just been handled is not due again at the same time: a shell would spin."""
        pace, now = Pace(rate, start), start
        for step in steps:
            while pace.ready(now):
                pace.sent(now)
            if slow:
                pace.throttled(now)
            now += step
            pace.handle_timer(now)
            for _ in range(5):
                due = pace.next_timer()
                if due is None:
                    break
                self.assertGreater(due, now + 1e-4)
                now = due
                pace.handle_timer(now)

    def test_clock_steps_back(self) -> None:
        """A step back of the clock is no time: nothing more goes, and nothing hangs."""
        sender = Sender(10)
        sender.burst()
        sender.now -= 3600
        self.assertEqual(sender.burst(), 0)
        sender.now += 0.2
        self.assertGreater(sender.burst(), 0)


class SlowTests(SynchronousTestCase):
    """After RTHROTTLED, RMSGQFUL or congestion_state."""

    def test_half(self) -> None:
        """Half the rate for ten seconds, then all of it."""
        sender = Sender(20)
        sender.pace.throttled(sender.now)
        sent = sender.run(SLOW)
        self.assertTrue(90 <= sent <= 102, sent)
        sent = sender.run(10)
        self.assertTrue(195 <= sent <= 203, sent)

    def test_once_a_second(self) -> None:
        """A window full of refusals halves the rate once; further ones, later, halve it again."""
        sender = Sender(80)
        for _ in range(10):
            sender.pace.throttled(sender.now)
        first = sender.run(2)
        sender.pace.throttled(sender.now)
        second = sender.run(2)
        self.assertTrue(70 <= first <= 84 and 35 <= second <= 42, (first, second))

    def test_without_a_rate(self) -> None:
        """Without a configured rate it is half of what went in the last second."""
        sender = Sender()
        sender.burst(100)
        sender.pace.throttled(sender.now)
        sent = sender.run(4)
        self.assertTrue(190 <= sent <= 206, sent)
        sender.now += SLOW
        sender.pace.handle_timer(sender.now)
        self.assertEqual(sender.burst(500), 500)

    def test_never_none(self) -> None:
        """However often it is said, one a second still goes."""
        sender = Sender(4)
        for _ in range(10):
            sender.pace.throttled(sender.now)
            sender.now += 2
        self.assertGreaterEqual(sender.run(5), 4)

    def test_congestion(self) -> None:
        """Below 80 nothing changes, from 80 half the rate, at 100 nothing for ten seconds (5.0)."""
        for state, least, most in ((NEARLY_CONGESTED - 1, 98, 103), (NEARLY_CONGESTED, 48, 53), (CONGESTED, 0, 0)):
            sender = Sender(20)
            sender.pace.congestion(state, sender.now)
            sent = sender.run(5)
            self.assertTrue(least <= sent <= most, (state, sent))

    @settings(max_examples=60, deadline=None)
    @given(st.floats(0, 100), st.lists(st.tuples(
        st.sampled_from(["throttled", "congested", "wait", "reset", "back"]), st.floats(0, 30)), max_size=20))
    def test_always_goes_on(self, rate: float, script: list[tuple[str, float]]) -> None:
        """Whatever was said, in the end something goes again."""
        sender = Sender(0 if rate < 0.5 else rate)
        for what, value in script:
            if what == "throttled":
                sender.pace.throttled(sender.now)
            elif what == "congested":
                sender.pace.congestion(int(value * 4), sender.now)
            elif what == "reset":
                sender.pace.reset()
            elif what == "back":
                sender.now -= value
                sender.pace.handle_timer(sender.now)
            else:
                sender.run(value, 50)
        self.assertGreater(sender.run(2 * SLOW + 5, 5), 0)
