"""Connectors that come and go, and restarts (PRES-30, draft 4.3)."""

from __future__ import annotations

from iwf.mapping.model import Due, Presence, Revisited, WatchEnded, WatchRenewed, WatchRequested
from tests.mapping.presence.case import (
    ANA_GRANTS,
    ANA_IN_X,
    BEN_ASKS,
    BEN_GRANTS,
    MOBILE,
    PC,
    B,
    PresenceCase,
    of_ana,
    of_ben,
)
from tests.support.sample import ANA, BEN, LANE_X, TRUNK

BEN_AND_ANA = Revisited(BEN.key, ANA.key, "default")
ANA_AND_BEN = Revisited(ANA.key, BEN.key, "default")


class RevisitedTests(PresenceCase):
    def flap(self, lane: str, seconds: float) -> None:
        self.desk.switch(lane, False)
        self.desk.now += seconds
        self.desk.switch(lane, True)

    def test_presentitys_side_is_back(self) -> None:
        """After a reconnect the state is asked for anew, and what it was is not taken back (PRES-30)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC))
        self.flap(LANE_X, 5)
        self.said(ANA_AND_BEN)
        self.assertEqual(self.kinds(), ["xmpp WatchRenewed"])
        self.said(of_ben(PC))
        self.assertEqual(self.told(Presence).devices, (PC,))

    def test_who_left_meanwhile(self) -> None:
        """A device that is not named again is gone after a while, not at once: others answer first."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE))
        self.flap(TRUNK, 5)
        self.said(BEN_AND_ANA, of_ana(PC, whole=False))
        self.assertEqual((self.told(Presence).devices, self.told(Presence).gone), ((PC,), ()))
        self.due(120)
        self.assertEqual((self.told(Presence).devices, self.told(Presence).gone), ((PC,), ("mobile",)))

    def test_whole_document_settles_it(self) -> None:
        """A whole document says at once who left (PRES-35)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE))
        self.flap(TRUNK, 5)
        self.said(BEN_AND_ANA, of_ana(PC))
        self.assertEqual((self.told(Presence).devices, self.told(Presence).gone), ((PC,), ("mobile",)))
        self.assertIsNone(self.watch(BEN, ANA).due)

    def test_no_answer(self) -> None:
        """When nobody answers the state is not known after two minutes (PRES-8)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC))
        self.flap(TRUNK, 5)
        self.said(BEN_AND_ANA)
        self.due(120)
        self.assertEqual((self.told(Presence).known, self.told(Presence).gone), (False, ("pc",)))

    def test_presentitys_side_stays_away(self) -> None:
        """A connector that stays away is told as not known, with the reason (draft 4.3)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC))
        self.desk.switch(TRUNK, False)
        self.desk.now += 120
        self.said(BEN_AND_ANA)
        self.due(0)
        state = self.told(Presence)
        self.assertEqual((state.known, state.gone, bool(state.notice)), (False, ("pc",), True))
        self.desk.switch(TRUNK, True)
        self.said(BEN_AND_ANA)
        self.assertEqual(self.kinds(), ["sip WatchRenewed"])

    def test_watchers_side_is_back(self) -> None:
        """A watcher whose server was away is told the state again, and nobody is asked (PRES-30)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC))
        self.flap(LANE_X, 5)
        self.said(BEN_AND_ANA)
        self.assertEqual((self.kinds(), self.told(Presence).devices), (["xmpp Presence"], (PC,)))
        self.said(BEN_AND_ANA)
        self.assertEqual(self.kinds(), [])

    def test_open_question(self) -> None:
        """A question is put again, since the answer may have been lost (PRES-30)."""
        self.said(BEN_ASKS)
        self.flap(TRUNK, 5)
        self.said(BEN_AND_ANA)
        self.assertIsInstance(self.turn.sends[0].payload, WatchRequested)

    def test_nobody_looks(self) -> None:
        """A pair of which nobody looks costs nothing."""
        self.said(BEN_ASKS, ANA_GRANTS, WatchEnded(B, ANA_IN_X))
        self.flap(TRUNK, 5)
        self.said(BEN_AND_ANA)
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))
        self.said(Revisited("sip:x@y", "xmpp:y@z", "default"))
        self.assertEqual(self.kinds(), [])


class RestartTests(PresenceCase):
    def test_all_as_before(self) -> None:
        """After a restart the state is asked for and told, and who is gone since is told as gone (PRES-30)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE))
        self.desk.restart()
        self.said(BEN_AND_ANA)
        self.assertIsInstance(self.turn.sends[0].payload, WatchRenewed)
        self.said(of_ana(PC))
        self.assertEqual((self.told(Presence).devices, self.told(Presence).gone), ((PC,), ("mobile",)))

    def test_end_that_was_not_confirmed(self) -> None:
        """An end that was on its way at the restart is told again (PRES-35)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE), of_ana(PC))
        self.desk.restart()
        self.said(BEN_AND_ANA, of_ana(PC))
        self.assertEqual(self.told(Presence).gone, ("mobile",))

    def test_old_deadlines(self) -> None:
        """A deadline of a document that is forgotten does nothing and does not come back."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC))
        self.desk.switch(TRUNK, False)
        self.said(BEN_AND_ANA)
        self.desk.restart()
        self.due(121)
        self.assertEqual((self.kinds(), self.watch(BEN, ANA).due), ([], None))

    def test_deadlines_of_nothing(self) -> None:
        """A deadline whose row is gone or has moved does nothing."""
        self.said(BEN_ASKS, Due("watch", "a\nb\nc"))
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))
        self.said(Due("leg", "b"), Due("leg", "x"), Due("watch", f"{BEN.key}\n{ANA.key}\ndefault"))
        self.assertEqual((self.kinds(), self.desk.legs(BEN.key, ANA.key)), ([], ["b"]))
