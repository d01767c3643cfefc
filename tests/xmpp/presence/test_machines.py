"""The machines of presence that have timers or memory."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Device,
    Failure,
    Party,
    Presence,
    Reason,
    WatchEnded,
    WatchFetched,
    WatchRefused,
)
from iwf.xmpp.presence.fetches import MOST_FETCHES, SETTLE, WAIT, Fetches
from iwf.xmpp.presence.legs import leg_of
from iwf.xmpp.presence.looks import MOST_LEGS, MOST_LOOKS, RENEWAL, Looks
from iwf.xmpp.presence.partings import MOST, Partings
from iwf.xmpp.presence.subscribers import BUNDLE, MOST_SUBSCRIBERS, PACE, Subscribers
from tests.xmpp.kit import ANA, BEN, COMPONENT, LANE

USER = Party(BEN, asserted_by=LANE)


class FetchTests(SynchronousTestCase):
    """A state that is wanted once (PRES-28)."""

    def setUp(self) -> None:
        self.fetches = Fetches()
        self.fetches.asked(WatchFetched(Party(ANA), BEN, "s1"), LANE, 100.0)

    def hear(self, device: Device, now: float) -> bool:
        return self.fetches.takes(
            Presence(Party(evolve(BEN, instance=device.instance)), ANA, (device,), whole=False), now)

    def test_answer_in_pieces(self) -> None:
        """All resources that answer within a moment are one answer."""
        self.assertTrue(self.hear(Device("pc"), 100.3))
        self.assertTrue(self.hear(Device("phone"), 100.4))
        self.assertTrue(self.hear(Device("tv", False), 100.45))
        self.assertEqual(100.3 + SETTLE, self.fetches.next_timer())
        self.assertEqual([], self.fetches.handle_timer(100.49))
        devices = (Device("pc"), Device("phone"), Device("tv", False))
        self.assertEqual([Presence(USER, ANA, devices, whole=False, legs=("s1",), lane=LANE)],
                         self.fetches.handle_timer(100.51))
        self.assertFalse(self.hear(Device("pc"), 100.6))
        self.assertIsNone(self.fetches.next_timer())

    def test_not_there(self) -> None:
        """A user of whom every resource is gone is not there."""
        self.hear(Device("pc", False), 100.0)
        self.assertEqual([Presence(USER, ANA, (Device(open=False),), whole=False, legs=("s1",), lane=LANE)],
                         self.fetches.handle_timer(101.0))

    def test_no_answer(self) -> None:
        """Where nothing comes, nothing is known; two who asked share the answer."""
        self.fetches.asked(WatchFetched(Party(ANA), BEN, "s2"), LANE, 100.5)
        self.assertEqual(100.0 + WAIT, self.fetches.next_timer())
        self.assertEqual([Presence(USER, ANA, whole=False, legs=("s1", "s2"), known=False, lane=LANE)],
                         self.fetches.handle_timer(100.9))

    def test_refused(self) -> None:
        """A refusal is the answer; of others nobody hears."""
        no = Failure(Reason.FORBIDDEN)
        self.assertEqual(WatchRefused(USER, ANA, no, ("s1",), lane=LANE), self.fetches.refused(BEN, ANA, no))
        self.assertIsNone(self.fetches.refused(BEN, ANA, no))
        self.assertFalse(self.hear(Device("pc"), 100.1))
        self.assertEqual([], self.fetches.handle_timer(200.0))

    def test_clock_set_back(self) -> None:
        """A clock that goes backwards means that no time has passed."""
        self.hear(Device("pc"), 50.0)
        self.assertEqual([], self.fetches.handle_timer(10.0))
        self.assertEqual(1, len(self.fetches.handle_timer(100.3)))

    def test_bound(self) -> None:
        """More than so many are not waited for."""
        for n in range(MOST_FETCHES):
            self.fetches.asked(WatchFetched(Party(ANA), evolve(BEN, user=f"u{n}"), "x"), LANE, 100.0)
        self.assertEqual(MOST_FETCHES, len(self.fetches.handle_timer(200.0)))


class LookTests(SynchronousTestCase):
    """Who looks is told to the core once, and now and then (PRES-11)."""

    def setUp(self) -> None:
        self.looks = Looks()

    def wants(self, leg: str, now: float, user: str = "ben") -> bool:
        return self.looks.wants(evolve(BEN, user=user), ANA, leg, now)

    def test_renewal(self) -> None:
        """Once, again after a day, again after an end, again on a new stream."""
        self.assertEqual([True, False, True, False], [
            self.wants("a", now) for now in (0.0, RENEWAL - 1, RENEWAL, RENEWAL + 1)])
        self.looks.ended(BEN, ANA, "a")
        self.assertTrue(self.wants("a", RENEWAL + 2))
        self.looks.forget()
        self.assertTrue(self.wants("a", RENEWAL + 3))

    def test_end_of_all(self) -> None:
        """When a user may see an image no more, none of his legs is left, and all legs of others are."""
        for leg, user in (("a", "ben"), ("b", "ben"), ("c", "eve")):
            self.wants(leg, 0.0, user)
        self.looks.ended(evolve(BEN, instance="pc"), ANA)
        self.looks.ended(BEN, ANA)
        self.assertEqual((True, True, False), (
            self.wants("a", 1.0), self.wants("b", 1.0), self.wants("c", 1.0, "eve")))

    def test_bound(self) -> None:
        """The oldest are forgotten, and a user cannot have any number of legs; both cost no more than
        telling the core once more than needed."""
        for n in range(MOST_LOOKS + 1):
            self.wants("a", 0.0, f"u{n}")
        self.assertEqual((True, False), (self.wants("a", 0.0, "u0"), self.wants("a", 0.0, f"u{MOST_LOOKS}")))
        for n in range(MOST_LEGS + 1):
            self.wants(f"l{n}", 0.0)
        self.assertEqual((False, True), (self.wants("l0", 0.0), self.wants(f"l{MOST_LEGS}", 0.0)))


class SubscriberTests(SynchronousTestCase):
    """Who has the gateway in his roster (XMPP-21)."""

    def test_spread(self) -> None:
        """At a start all are told, some at a time."""
        known = Subscribers()
        for n in range(BUNDLE + 1):
            known.add(f"k{n}", f"u{n}")
        known.started(100.0)
        self.assertEqual([f"u{n}" for n in range(BUNDLE)], known.handle_timer(100.0))
        known.remove(f"k{BUNDLE}")
        self.assertEqual(([], 100.0 + PACE), (known.handle_timer(100.0), known.next_timer()))
        self.assertEqual(([], None), (known.handle_timer(100.0 + PACE), known.next_timer()))

    def test_ended(self) -> None:
        """Once the gateway has gone nobody is told that it is there."""
        known = Subscribers()
        known.add("k", "u")
        known.started(100.0)
        known.ended()
        self.assertEqual((None, []), (known.next_timer(), known.handle_timer(200.0)))

    def test_bound(self) -> None:
        """No more than so many are remembered; those who are may spell themselves anew."""
        known = Subscribers()
        for n in range(MOST_SUBSCRIBERS + 1):
            known.add(str(n), "u")
        known.add("0", "U")
        self.assertTrue(known.is_full)
        self.assertEqual((MOST_SUBSCRIBERS, "U", False),
                         (len(known.jids), known.jids[0], str(MOST_SUBSCRIBERS) in known))


class PartingTests(SynchronousTestCase):
    """Who leaves, and who only leaves somebody's sight."""

    def test_bound(self) -> None:
        """Many who leave, and many who take back what they allowed, cost no more than so much memory."""
        partings = Partings()
        for number in range(MOST + 100):
            ben = evolve(BEN, user=f"ben{number}", instance="pc")
            self.assertTrue(partings.left(WatchEnded(Party(ben), ANA, leg_of(ben, ANA, COMPONENT)), 100.0))
            partings.refused(evolve(BEN, user=f"tom{number}"), ANA, 100.0)
        self.assertEqual((MOST, MOST), (len(partings._left), len(partings._refused)))
