"""Presence that was shown before anybody asked for it (PRES-36)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Device,
    Failure,
    Party,
    Presence,
    Reason,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.xmpp.presence.directed import LIFE, MOST_DEVICES, MOST_PAIRS, Directed
from tests.xmpp.kit import ANA, BEN
from tests.xmpp.presence.test_traffic import PARTY, Case, presence


def shown(device: Device, user: str = "ben") -> Presence:
    return Presence(Party(evolve(BEN, user=user, instance=device.instance)), ANA, (device,), whole=False)


class DirectedTests(SynchronousTestCase):
    """What is kept of it."""

    def setUp(self) -> None:
        self.directed = Directed()

    def kept(self, now: float = 100.0, user: str = "ben") -> list[str]:
        return [device.instance for one in self.directed.shown_to(ANA, evolve(BEN, user=user), now)
                for device in one.devices]

    def test_kept(self) -> None:
        """The latest state of each device, for an hour."""
        for device in (Device("pc"), Device("phone"), Device("pc", priority=3)):
            self.directed.showed(shown(device), 100.0)
        self.assertEqual(["phone", "pc"], self.kept())
        self.assertEqual(["phone", "pc"], self.kept(100.0 + LIFE - 1))
        self.assertEqual([], self.kept(100.0 + LIFE))

    def test_taken_back(self) -> None:
        """A device that has left is forgotten; so are all when the user has, or does not want to be seen."""
        for device in (Device("pc"), Device("phone"), Device("pc", open=False)):
            self.directed.showed(shown(device), 100.0)
        self.assertEqual(["phone"], self.kept())
        self.directed.showed(shown(Device(open=False)), 100.0)
        self.assertEqual([], self.kept())
        self.directed.showed(shown(Device("pc")), 100.0)
        self.directed.refused(ANA, BEN)
        self.assertEqual([], self.kept())

    def test_bounded(self) -> None:
        """Whoever shows much makes nothing grow without end; the oldest goes first."""
        for number in range(MOST_DEVICES + 5):
            self.directed.showed(shown(Device(f"d{number}")), 100.0)
        self.assertEqual(MOST_DEVICES, len(self.kept()))
        for number in range(MOST_PAIRS):
            self.directed.showed(shown(Device("pc"), f"u{number}"), 100.0)
        self.assertEqual(([], ["pc"]), (self.kept(), self.kept(user="u0")))


class TrafficTests(Case):
    """On a stream."""

    def test_asked_later(self) -> None:
        """What a user directed to an image is told to the core again when the image asks for it."""
        server = self.connect()
        server.send(presence())
        self.assertIn(Presence, self.offered())
        self.write(WatchRequested(PARTY, BEN))
        self.assertEqual([Presence], self.offered())
        server.send(presence("unavailable"))
        self.offered()
        self.write(WatchRenewed(PARTY, BEN))
        self.assertEqual([], self.offered())

    def test_not_once_refused(self) -> None:
        """Who takes his word back is not shown from memory."""
        server = self.connect()
        for stanza in (presence(), presence("unsubscribed", sender="ben@xmpp.example")):
            server.send(stanza)
        self.offered()
        self.write(WatchRequested(PARTY, BEN))
        self.assertEqual([], self.offered())

    def test_nobody_asks(self) -> None:
        """An answer to somebody else's question brings nothing up."""
        server = self.connect()
        server.send(presence())
        self.offered()
        self.write(WatchGranted(PARTY, BEN))
        self.write(WatchRefused(PARTY, BEN, Failure(Reason.FORBIDDEN)))
        self.assertEqual([], self.offered())
