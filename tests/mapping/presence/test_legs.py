"""Somebody begins to look, goes on, looks once, looks away."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import (
    Device,
    Presence,
    Reason,
    Taken,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
)
from iwf.mapping.presence.legs import FETCH, LATE
from iwf.mapping.presence.views import MOST_FETCHES
from tests.mapping.presence.case import (
    ANA_ASKS,
    ANA_FETCHES,
    ANA_GRANTS,
    ANA_IN_X,
    B_PC,
    BEN_ASKS,
    BEN_GRANTS,
    BEN_IN_S,
    BEN_LOOKS,
    MOBILE,
    NO,
    PC,
    A,
    B,
    PresenceCase,
    of_ana,
    of_ben,
)
from tests.support.sample import ANA, BEN, BEN_PC, LANE_X, TRUNK

CLOSED = Device(open=False)


class RenewedTests(PresenceCase):
    def test_refresh(self) -> None:
        """A refresh is told the whole document, by itself (PRES-26)."""
        self.ask()
        self.said(evolve(ANA_ASKS, leg="d2", until=self.desk.now + 3600), BEN_GRANTS, of_ben(PC))
        self.assertTaken(WatchRenewed(A, BEN_IN_S, "d1", self.desk.now + 3600, TRUNK))
        self.assertEqual(self.kinds(), ["sip WatchGranted", "sip Presence"])
        self.assertEqual((self.told(Presence).legs, self.told(Presence).devices), (("d1",), (PC,)))

    def test_refresh_lasts(self) -> None:
        """A refreshed dialog ends when its new time is over (PRES-26)."""
        self.ask()
        self.desk.now += 3000
        self.said(WatchRenewed(A, BEN_IN_S, "d1", self.desk.now + 3600, TRUNK))
        self.due(3600)
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), ["d1"])
        self.due(LATE)
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), [])

    def test_refresh_while_pending(self) -> None:
        """A refresh of a pending dialog is taken and told nothing (PRES-25)."""
        self.ask()
        self.assertTaken(WatchRenewed(A, BEN_IN_S, "d1", self.desk.now + 3600, TRUNK))
        self.assertEqual(self.kinds(), [])

    def test_without_a_grant(self) -> None:
        """Who never asked, or was refused, sees nothing (PRES-15)."""
        self.assertRefused(BEN_LOOKS, Reason.SUBSCRIPTION_REQUIRED)
        self.said(BEN_ASKS, WatchRefused(A, BEN_IN_S, NO))
        self.assertRefused(BEN_LOOKS, Reason.SUBSCRIPTION_REQUIRED)

    def test_login(self) -> None:
        """An XMPP user who comes online makes us look; his own resource is told first (PRES-9, PRES-35)."""
        self.said(BEN_ASKS, ANA_GRANTS, WatchEnded(B, ANA_IN_X))
        self.assertEqual(self.kinds(), ["sip WatchEnded", "xmpp Presence"])
        self.assertTaken(BEN_LOOKS)
        self.assertEqual(self.kinds(), ["sip WatchRenewed"])
        self.said(of_ana(PC))
        self.assertEqual((self.told(Presence).target, self.told(Presence).legs), (BEN, ()))
        self.assertTaken(WatchRenewed(evolve(B, address=evolve(BEN, instance="bus")), ANA_IN_X, "bus"))
        self.assertEqual(self.kinds(), ["xmpp Presence"])
        self.assertEqual((self.told(Presence).target.instance, self.told(Presence).legs), ("bus", ("bus",)))

    def test_two_at_once(self) -> None:
        """Two resources that are to be told before either was are told as one (superseding)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC))
        self.desk.latest.clear()
        self.said(BEN_LOOKS, WatchRenewed(evolve(B, address=evolve(BEN, instance="bus")), ANA_IN_X, "bus"))
        (item,) = self.desk.latest.values()
        assert isinstance(item.payload, Presence)
        self.assertEqual((item.payload.target, item.payload.legs), (BEN, ()))

    def test_one_leg_costs_one_watch(self) -> None:
        """Three phones and two resources cost one subscription each way (PRES-9, PRES-12)."""
        self.said(BEN_ASKS, ANA_GRANTS, BEN_LOOKS)
        self.assertNotIn("sip WatchRenewed", self.kinds())
        self.said(WatchEnded(B_PC, ANA_IN_X, "pc"))
        self.assertEqual(self.kinds(), ["sip WatchEnded", "xmpp Presence"])

    def test_stale_state_of_an_earlier_look(self) -> None:
        """What was known when nobody looked is not told to who looks next (PRES-8)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC), WatchEnded(B, ANA_IN_X), of_ana(MOBILE), BEN_LOOKS)
        self.assertEqual(self.kinds(), ["sip WatchRenewed"])

    def test_a_leg_that_is_over(self) -> None:
        """A leg whose time has passed on the way is none."""
        self.ask()
        self.assertTaken(evolve(ANA_ASKS, leg="d2", until=self.desk.now))
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), ["d1"])


class EndedTests(PresenceCase):
    def test_last_leg(self) -> None:
        """Expires 0 on the last dialog tells the contact so, and the authorisation stays (PRES-27)."""
        self.ask()
        self.said(evolve(ANA_ASKS, leg="d2", until=self.desk.now + 3600), BEN_GRANTS, WatchEnded(A, BEN_IN_S, "d2"))
        self.assertEqual(self.kinds(), [])
        self.said(WatchEnded(A, BEN_IN_S, "d1"))
        self.assertEqual(self.kinds(), ["xmpp WatchEnded"])
        self.assertFalse(self.told(WatchEnded).forever)
        self.assertEqual(self.watch(ANA, BEN).state, "granted")

    def test_expiry(self) -> None:
        """A dialog of which nobody says that it has expired ends by itself (PRES-25)."""
        self.ask()
        self.said(BEN_GRANTS)
        self.due(3600)
        self.assertEqual(self.kinds(), [])  # its edge goes first
        self.due(LATE)
        self.assertEqual(self.kinds(), ["xmpp WatchEnded"])

    def test_unknown_leg(self) -> None:
        """The end of a leg that is none is taken, also for a second time."""
        self.assertTaken(WatchEnded(A, BEN_IN_S, "d9"))
        self.assertEqual((self.kinds(), self.turn.drops), ([], ()))

    def test_all_resources(self) -> None:
        """Unavailable from the bare address ends all; the authorisation stays (PRES-10)."""
        self.said(BEN_ASKS, ANA_GRANTS, BEN_LOOKS, of_ana(PC), WatchEnded(B, ANA_IN_X))
        self.assertEqual(self.kinds(), ["sip WatchEnded", "xmpp Presence"])
        self.assertEqual(self.told(Presence).devices, ())
        self.assertEqual(self.watch(BEN, ANA).shown, ())  # his clients start from nothing

    def test_last_known_resource(self) -> None:
        """When the last resource that is known leaves, so does the leg of the bare address (PRES-10)."""
        bus = evolve(BEN_LOOKS, origin=evolve(B, address=evolve(BEN, instance="bus")), leg="bus")
        self.said(BEN_ASKS, ANA_GRANTS, BEN_LOOKS, bus, WatchEnded(B_PC, ANA_IN_X, "pc"))
        self.assertEqual(self.desk.legs(BEN.key, ANA.key), ["b", "bus"])
        self.said(WatchEnded(B, ANA_IN_X, "bus"))
        self.assertEqual(self.desk.legs(BEN.key, ANA.key), [])

    def test_dialogs_with_devices(self) -> None:
        """A SIP dialog without a device's name ends only by itself."""
        self.ask()
        phone = evolve(A, address=evolve(ANA, instance="phone"))
        self.said(evolve(ANA_ASKS, origin=phone, leg="d2", until=self.desk.now + 60))
        self.said(WatchEnded(phone, BEN_IN_S, "d2"))
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), ["d1"])

    def test_by_nobody(self) -> None:
        """Who may not speak for a watcher cannot end everything of his (SIP-63)."""
        self.said(BEN_ASKS)
        self.assertRefused(WatchEnded(evolve(B, asserted_by=""), ANA_IN_X), Reason.FORBIDDEN)


class FetchedTests(PresenceCase):
    def test_known(self) -> None:
        """A poll is answered with what is known (PRES-28)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC))
        self.assertTaken(ANA_FETCHES)
        self.assertEqual(self.kinds(), ["sip Presence"])
        self.assertEqual((self.told(Presence).devices, self.told(Presence).legs), ((PC,), ("f1",)))

    def granted_once(self) -> None:
        """Ana may see Ben, and does not look."""
        self.ask()
        self.said(BEN_GRANTS, WatchEnded(A, BEN_IN_S, "d1"))

    def test_unknown(self) -> None:
        """A poll of an unknown state asks the contact, and his answers are told as they come (PRES-28)."""
        self.granted_once()
        self.assertTaken(ANA_FETCHES)
        self.assertEqual(self.kinds(), ["xmpp WatchFetched"])
        self.said(of_ben(PC))
        self.assertEqual((self.told(Presence).devices, self.told(Presence).legs), ((PC,), ("f1",)))
        self.said(of_ben(MOBILE))
        self.assertEqual((self.told(Presence).devices, self.told(Presence).legs), ((PC, MOBILE), ("f1",)))
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), [])
        self.assertFalse(self.watch(ANA, BEN).asking)

    def test_too_late(self) -> None:
        """When nobody waits for the answer any more it is told to nobody and forgotten (PRES-28)."""
        self.granted_once()
        self.said(ANA_FETCHES)
        self.desk.now += FETCH
        self.said(of_ben(PC))
        self.assertEqual(self.kinds(), [])
        self.said(ANA_FETCHES)
        self.assertEqual(self.kinds(), ["xmpp WatchFetched"])

    def test_answer_that_names_the_fetch(self) -> None:
        """An answer for one fetch is told to that fetch only, once (PRES-15)."""
        self.said(BEN_ASKS, ANA_GRANTS, WatchEnded(B, ANA_IN_X))
        self.assertTaken(WatchFetched(B_PC, ANA_IN_X, "f1", LANE_X))
        self.assertEqual(self.told(WatchFetched).leg, "f1")
        self.assertTaken(WatchFetched(B_PC, ANA_IN_X, "f2", LANE_X))
        self.said(of_ana(PC, legs=("f1",)))
        self.assertEqual(self.told(Presence).legs, ("f1",))
        self.said(of_ana(PC, legs=("f1",)))
        self.assertEqual(self.kinds(), [])

    def test_refused_answer(self) -> None:
        """A fetch that the presentity refuses is shown a closed document; the grant stays (PRES-28)."""
        self.granted_once()
        self.said(ANA_FETCHES, WatchRefused(B, ANA_IN_X, NO, ("f1",), lane=LANE_X))
        self.assertEqual((self.told(Presence).devices, self.told(Presence).known), ((CLOSED,), False))
        self.assertEqual(self.watch(ANA, BEN).state, "granted")

    def test_without_a_grant(self) -> None:
        """A poll without authorisation shows one closed device, and asks nobody (PRES-28)."""
        for before in ((), (ANA_ASKS,), (ANA_ASKS, WatchRefused(B, ANA_IN_X, NO))):
            self.setUp()
            self.said(*before)
            self.assertTaken(ANA_FETCHES)
            self.assertEqual(self.kinds(), ["sip Presence"])
            state = self.told(Presence)
            self.assertEqual((state.devices, state.known, state.legs), ((CLOSED,), False, ("f1",)))

    def test_without_policy(self) -> None:
        """Who may not speak may not poll (PRES-20)."""
        self.assertRefused(evolve(ANA_FETCHES, origin=evolve(A, asserted_by="")), Reason.FORBIDDEN)

    def test_many(self) -> None:
        """A watcher who polls and polls is not remembered without end."""
        self.granted_once()
        for number in range(MOST_FETCHES + 5):
            self.said(evolve(ANA_FETCHES, leg=f"f{number}"))
        self.said(of_ben(PC))
        self.assertEqual(len(self.told(Presence).legs), MOST_FETCHES)

    def test_then_looked(self) -> None:
        """A dialog that begins after a poll does not begin with the answer to it."""
        self.granted_once()
        self.said(ANA_FETCHES, of_ben(PC), evolve(ANA_ASKS, until=self.desk.now + 60))
        self.assertEqual(self.turn.verdict, Taken(""))
        self.assertEqual(self.kinds(), ["xmpp WatchRenewed", "sip WatchGranted"])
        self.assertEqual(self.told(WatchGranted).legs, ("d1",))
        self.assertEqual(BEN_PC.bare(), BEN)
