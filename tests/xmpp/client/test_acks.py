"""Counting stanzas with a server (XEP-0198)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.xmpp.client.acks import LONGEST, NS_SM, PATIENCE, QUIET, RESUMABLE, WRAP, AckFault, Acks
from iwf.xmpp.elements import attribute, make

NOW = 1_790_000_000.0


def a(h: object) -> Element:
    return make("a", NS_SM, h=str(h))


def counting(**attributes: str) -> Acks[str]:
    """A session in which the server counts."""
    acks: Acks[str] = Acks()
    acks.enabled(make("enabled", NS_SM, **({"id": "s1", "resume": "true"} | attributes)), NOW)
    return acks


class OutTests(SynchronousTestCase):
    """What we have sent."""

    def test_in_order(self) -> None:
        """The server says how much it has; that is what is done, and the rest is kept."""
        acks = counting()
        for name in ("one", "two", "three"):
            acks.wrote(name.encode(), name)
        self.assertTrue(acks.wants_request())
        acks.request(NOW)
        self.assertFalse(acks.wants_request())  # one question at a time
        self.assertEqual(acks.acknowledged(a(2), NOW), ["one", "two"])
        self.assertTrue(acks.wants_request())
        self.assertEqual(acks.lost(), ["three"])

    def test_resumed(self) -> None:
        """After a break the server says what it has, and the rest goes out again, answers included."""
        acks = counting()
        for name in ("one", "two"):
            acks.wrote(name.encode(), name)
        acks.wrote(b"<iq/>", None)
        acks.handled(acks.seen())
        self.assertEqual((attribute(acks.resume(), "previd"), attribute(acks.resume(), "h")), ("s1", "1"))
        done, again = acks.resumed(make("resumed", NS_SM, previd="s1", h="1"), NOW)
        self.assertEqual((done, again), (["one"], [b"two", b"<iq/>"]))
        self.assertEqual(acks.acknowledged(a(3), NOW), ["two"])

    def test_false_counts(self) -> None:
        """A server that has more than it was sent, or does not count, is at fault."""
        for h in (2, WRAP - 1, -1, "", "x", "1" * 30, "١"):
            acks = counting()
            acks.wrote(b"one", "one")
            self.assertRaises(AckFault, acks.acknowledged, a(h), NOW)

    def test_wraps(self) -> None:
        """Behind 2^32 - 1 comes 0 (section 4)."""
        acks = counting()
        acks._acknowledged = WRAP - 1
        acks.wrote(b"one", "one")
        acks.wrote(b"two", "two")
        self.assertEqual(acks.acknowledged(a(1), NOW), ["one", "two"])

    def test_lifetime(self) -> None:
        """How long it can be resumed: as the server says, within reason, and not at all without its word."""
        for attributes, seconds in (({}, RESUMABLE), ({"max": "60"}, 60.0), ({"max": "99999999"}, LONGEST),
                                    ({"max": "soon"}, RESUMABLE), ({"resume": "false"}, 0.0), ({"id": ""}, 0.0)):
            self.assertEqual(counting(**attributes).lifetime, seconds, attributes)


class InTests(SynchronousTestCase):
    """What we have been sent."""

    @given(st.permutations(range(1, 8)), st.integers(0, 7))
    @settings(max_examples=60, deadline=None)
    def test_any_order(self, order: list[int], judged: int) -> None:
        """Only what is dealt with without a gap is acknowledged, in whatever order the core judges."""
        acks = counting()
        for _ in order:
            acks.seen()
        for number in order[:judged]:
            acks.handled(number)
        contiguous = next(n for n in range(9) if n + 1 not in order[:judged])
        self.assertEqual(attribute(acks.answer(), "h"), str(contiguous))

    def test_sent_again(self) -> None:
        """What was not dealt with before the break comes again, and is counted once."""
        acks = counting()
        first, _, third = acks.seen(), acks.seen(), acks.seen()
        acks.handled(first)
        acks.handled(third)
        acks.resumed(make("resumed", NS_SM, h="0"), NOW)
        self.assertEqual(acks.seen(), 2)
        acks.handled(2)
        self.assertEqual(attribute(acks.answer(), "h"), "2")


class TimerTests(SynchronousTestCase):
    """A server that is silent."""

    def test_dead(self) -> None:
        """It is asked after a while, and dead when it does not answer; a clock that goes back changes nothing."""
        acks = counting()
        self.assertEqual(acks.next_timer(), NOW + QUIET)
        self.assertIsNone(acks.handle_timer(NOW - 1000))
        self.assertIs(acks.handle_timer(NOW + QUIET), True)
        acks.request(NOW + QUIET)
        self.assertEqual(acks.next_timer(), NOW + QUIET + PATIENCE)
        acks.acknowledged(a(0), NOW + QUIET + 1)
        self.assertEqual(acks.next_timer(), NOW + QUIET + 1 + QUIET)
        acks.request(NOW + 300)
        self.assertIs(acks.handle_timer(NOW + 300 + PATIENCE), False)

    def test_not_counting(self) -> None:
        """Where the server does not count there is nothing to wait for."""
        acks: Acks[str] = Acks()
        self.assertEqual((acks.next_timer(), acks.lifetime, acks.wants_request()), (None, 0.0, False))
