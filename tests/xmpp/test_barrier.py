"""Confirmation by pings to ourselves."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.xmpp.barrier import MOST_UNMARKED, Barrier, Outcome, State


def opened(now: float = 0.0) -> Barrier[str]:
    """A barrier whose first ping has come back."""
    barrier: Barrier[str] = Barrier("p", now)
    barrier.echoed(barrier.ping(now), now)
    return barrier


class EchoTests(SynchronousTestCase):
    def test_opening(self) -> None:
        """The lane opens when the first ping has come back."""
        barrier: Barrier[str] = Barrier("p", 0.0)
        ping = barrier.ping(0.0)
        self.assertFalse(barrier.is_open)
        self.assertEqual(barrier.echoed(ping, 0.1), [])
        self.assertTrue(barrier.is_open)
        self.assertIs(barrier.state, State.ECHOING)

    def test_two_echoes(self) -> None:
        """A stanza is confirmed by a ping sent after its first echo: processed and flushed."""
        barrier = opened()
        barrier.written("a")
        self.assertTrue(barrier.wants_ping())
        first = barrier.ping(1.0)
        self.assertFalse(barrier.wants_ping())
        barrier.written("b")
        self.assertEqual(barrier.echoed(first, 1.0), [])
        self.assertTrue(barrier.wants_ping())
        second = barrier.ping(1.0)
        self.assertEqual(barrier.echoed(second, 1.0), ["a"])
        self.assertEqual(barrier.echoed(barrier.ping(1.0), 1.0), ["b"])
        self.assertTrue(barrier.is_clear)
        self.assertFalse(barrier.wants_ping())

    def test_pings_in_flight(self) -> None:
        """A ping sent before the echo of another one does not count as the second."""
        barrier = opened()
        barrier.written("a")
        first = barrier.ping(1.0)
        barrier.written("b")
        second = barrier.ping(1.0)
        self.assertEqual(barrier.echoed(first, 1.0), [])
        self.assertEqual(barrier.echoed(second, 1.0), [])
        self.assertEqual(barrier.echoed(barrier.ping(1.0), 1.0), ["a", "b"])

    def test_long_batches(self) -> None:
        """Behind many stanzas another ping follows, though one is still out."""
        barrier = opened()
        barrier.written("x")
        barrier.ping(1.0)
        for _ in range(MOST_UNMARKED - 1):
            barrier.written("x")
        self.assertFalse(barrier.wants_ping())
        barrier.written("x")
        self.assertTrue(barrier.wants_ping())

    def test_foreign_ids(self) -> None:
        """Only our pings confirm, and each once."""
        barrier = opened()
        ping = barrier.ping(1.0)
        for id in ("", "p", "p-", "p-0", "p-1", "p-3", "p-x", "q-2", "p-\u00b2", "-2"):
            self.assertIsNone(barrier.echoed(id, 1.0), id)
        self.assertEqual(barrier.echoed(ping, 1.0), [])
        self.assertIsNone(barrier.echoed(ping, 1.0))

    def test_loss(self) -> None:
        """When the stream breaks, everything unconfirmed is given back in order (XMPP-8)."""
        barrier = opened()
        for text in "abc":
            barrier.written(text)
            ping = barrier.ping(1.0)
            if text == "a":
                barrier.echoed(ping, 1.0)
        barrier.written("d")
        self.assertEqual(barrier.lost(), ["a", "b", "c", "d"])
        self.assertTrue(barrier.is_clear)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.sampled_from(("write", "ping", "echo", "skip")), max_size=40))
    def test_order(self, steps: list[str]) -> None:
        """In whatever order things happen, each stanza is confirmed once and in order."""
        barrier = opened()
        out: list[str] = []
        confirmed: list[str] = []
        count = 0
        for step in steps:
            if step == "write":
                count += 1
                barrier.written(str(count))
            elif step == "ping":
                out.append(barrier.ping(1.0))
            elif step == "echo" and out:
                confirmed += barrier.echoed(out.pop(0), 1.0) or []
            elif out:
                confirmed += barrier.echoed(out.pop(), 1.0) or []
                out.clear()
        self.assertEqual(confirmed + barrier.lost(), [str(n + 1) for n in range(count)])


class SilentTests(SynchronousTestCase):
    """A server that does not route pings back."""

    def silent(self) -> Barrier[str]:
        barrier: Barrier[str] = Barrier("p", 0.0)
        barrier.ping(0.0)
        barrier.written("a")
        self.assertEqual(barrier.next_timer(), 2.0)
        self.assertEqual(barrier.handle_timer(1.9), ())
        self.assertEqual(barrier.drained(), [])
        self.assertEqual(barrier.handle_timer(2.0), (Outcome.GAVE_UP_PROBING,))
        return barrier

    def test_drained(self) -> None:
        """After two seconds without echo, a drained buffer has to do."""
        barrier = self.silent()
        self.assertTrue(barrier.is_open)
        self.assertFalse(barrier.wants_ping())
        barrier.written("b")
        self.assertEqual(barrier.drained(), ["a", "b"])
        self.assertEqual(barrier.drained(), [])

    def test_late_echo(self) -> None:
        """An echo that comes late after all brings the stronger mode."""
        barrier = self.silent()
        self.assertEqual(barrier.echoed("p-1", 5.0), [])
        self.assertEqual(barrier.drained(), [])
        self.assertTrue(barrier.wants_ping())

    def test_later_pings(self) -> None:
        """The server is asked again every five minutes, and never taken for dead."""
        barrier = self.silent()
        for minute in range(1, 60):
            for outcome in barrier.handle_timer(60.0 * minute):
                self.assertIn(outcome, (Outcome.PING, Outcome.SPACE))
                if outcome is Outcome.PING:
                    barrier.ping(60.0 * minute)
        self.assertEqual(barrier.drained(), ["a"])


class TimerTests(SynchronousTestCase):
    """XMPP-7."""

    def test_dead(self) -> None:
        """A ping without answer for 30 s means that the stream is dead."""
        barrier = opened()
        barrier.ping(10.0)
        self.assertEqual(barrier.next_timer(), 40.0)
        self.assertEqual(barrier.handle_timer(39.0), ())
        self.assertEqual(barrier.handle_timer(40.0), (Outcome.DEAD,))

    def test_slow(self) -> None:
        """A server that is slow but gets on is not dead."""
        barrier = opened()
        first, _ = barrier.ping(10.0), barrier.ping(10.0)
        barrier.echoed(first, 35.0)
        self.assertEqual(barrier.handle_timer(50.0), ())
        self.assertEqual(barrier.handle_timer(65.0), (Outcome.DEAD,))

    def test_idle(self) -> None:
        """White space every idle minute, a ping every five minutes."""
        barrier = opened()
        seen = []
        for second in range(1, 301):
            for outcome in barrier.handle_timer(float(second)):
                seen.append((second, outcome))
                if outcome is Outcome.PING:
                    barrier.ping(float(second))
        spaces = [(60 * n, Outcome.SPACE) for n in range(1, 6)]
        self.assertEqual(sorted(seen, key=str), sorted([*spaces, (300, Outcome.PING)], key=str))

    def test_busy(self) -> None:
        """No white space is sent while there is traffic."""
        barrier = opened()
        barrier.wrote(30.0)
        self.assertEqual(barrier.handle_timer(60.0), ())
        self.assertEqual(barrier.next_timer(), 90.0)

    def test_clock_backwards(self) -> None:
        """A clock that is set back means that no time has passed."""
        barrier = opened(1000.0)
        barrier.ping(1010.0)
        self.assertEqual(barrier.handle_timer(500.0), ())
        self.assertEqual(barrier.next_timer(), 530.0)
        self.assertEqual(barrier.handle_timer(530.0), (Outcome.DEAD,))
