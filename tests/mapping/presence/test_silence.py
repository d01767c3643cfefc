"""Watchers of whom nothing more is heard (PRES-11)."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import Presence, WatchEnded
from iwf.mapping.presence.legs import LATE
from tests.mapping.presence.case import ANA_GRANTS, BEN_ASKS, BEN_GRANTS, BEN_LOOKS, MOBILE, PC, PresenceCase, of_ana
from tests.support.sample import ANA, BEN

WEEK = 7 * 86_400.0


class SilenceTests(PresenceCase):
    """Ben sees Ana, and is heard of no more."""

    def setUp(self) -> None:
        super().setUp()
        self.said(evolve(BEN_ASKS, until=self.desk.now + WEEK), ANA_GRANTS, of_ana(PC, MOBILE))

    def test_gone(self) -> None:
        """After a while nobody looks for him any more, and he sees nobody who is not looked for."""
        self.due(WEEK + LATE + 1)
        self.assertIn("sip WatchEnded", self.kinds())
        shown = self.turn.latest[-1].payload
        assert isinstance(shown, Presence)
        self.assertEqual((shown.gone, shown.known), (("pc", "mobile"), True))
        self.assertEqual((self.watch(BEN, ANA).state, self.watch(BEN, ANA).asking), ("granted", False))

    def test_heard_of_again(self) -> None:
        """When he is heard of again it goes on as before (PRES-9)."""
        self.due(WEEK + LATE + 1)
        self.assertTaken(BEN_LOOKS)
        self.assertEqual(self.kinds(), ["sip WatchRenewed"])

    def test_another_device(self) -> None:
        """As long as one device of his is heard of he sees all that there is."""
        self.said(evolve(BEN_LOOKS, until=self.desk.now + 2 * WEEK))
        self.due(WEEK + LATE + 1)
        self.assertEqual(self.kinds(), [])

    def test_seen_himself(self) -> None:
        """Of whom Ana may see in turn we would be told if he had gone: he sees her on (RFC 6121 4.5.2)."""
        self.ask()
        self.said(BEN_GRANTS)
        for _ in range(3):
            self.due(WEEK + LATE + 1)
            self.assertNotIn("xmpp Presence", self.kinds())
        self.said(of_ana(PC))
        self.assertEqual(self.kinds(), ["xmpp Presence"])

    def test_left(self) -> None:
        """Who says that he has gone himself is told nothing more."""
        self.said(WatchEnded(BEN_LOOKS.origin, BEN_LOOKS.target))
        self.due(WEEK + LATE + 1)
        self.assertEqual(self.items(), ())
