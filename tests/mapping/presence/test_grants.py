"""Who may see whom: asking, granting, refusing, giving back."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import (
    SIP,
    TEL,
    XMPP,
    Accepted,
    Address,
    Ending,
    Failure,
    Party,
    Presence,
    Reason,
    Rejected,
    WatchBroken,
    WatchClosed,
    WatchEnded,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.rows import Spelling
from iwf.mapping.settings import Alias, Trunk
from iwf.mapping.turn import LaneView
from tests.mapping.presence.case import (
    ANA_ASKS,
    ANA_GRANTS,
    ANA_IN_X,
    ANA_REFUSES,
    BEN_ASKS,
    BEN_GIVES_BACK,
    BEN_GRANTS,
    BEN_IN_S,
    BEN_REFUSES,
    MOBILE,
    NO,
    PC,
    A,
    B,
    PresenceCase,
    of_ana,
    of_ben,
)
from tests.support.sample import ANA, BEN, GATEWAY, LANE_X, PHONE, TRUNK, P


class AskingTests(PresenceCase):
    def test_question(self) -> None:
        """A SUBSCRIBE of an unknown pair asks the contact, bare to bare, once (PRES-22)."""
        self.assertTaken(evolve(ANA_ASKS, until=self.desk.now + 3600, note="hello"))
        self.assertEqual(self.kinds(), ["xmpp WatchRequested"])
        asked = self.told(WatchRequested)
        self.assertEqual((asked.origin, asked.target, asked.note),
                         (Party(ANA_IN_X, "Ana"), BEN, "hello"))
        self.assertEqual(self.watch(ANA, BEN).state, "asked")

    def test_other_direction(self) -> None:
        """An XMPP `subscribe` asks the SIP user (PRES-1)."""
        self.assertTaken(BEN_ASKS)
        self.assertEqual(self.kinds(), ["sip WatchRequested"])
        self.assertEqual(self.told(WatchRequested).target, ANA)

    def test_asked_again_while_pending(self) -> None:
        """Asking again while there is no answer asks nobody anew (PRES-12, PRES-25)."""
        self.assertTaken(BEN_ASKS, BEN_ASKS)
        self.assertEqual(self.kinds(), [])
        self.ask()
        self.assertTaken(evolve(ANA_ASKS, leg="d2", until=self.desk.now + 3600))
        self.assertEqual(self.kinds(), [])
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), ["d1", "d2"])

    def test_asked_again_while_granted(self) -> None:
        """`subscribe` while granted is answered by `subscribed` and the present state at once (PRES-12)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC))
        self.assertTaken(BEN_ASKS)
        self.assertEqual(self.kinds(), ["xmpp WatchGranted", "xmpp Presence"])
        self.assertEqual(self.told(Presence).devices, (PC,))

    def test_second_dialog_while_granted(self) -> None:
        """A second SUBSCRIBE of a watcher is active at once with the document, alone (PRES-21)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC))
        self.assertTaken(evolve(ANA_ASKS, leg="d2", until=self.desk.now + 3600))
        self.assertEqual(self.kinds(), ["sip WatchGranted", "sip Presence"])
        self.assertEqual((self.told(WatchGranted).legs, self.told(Presence).legs), (("d2",), ("d2",)))

    def test_state_is_not_behind_the_grant(self) -> None:
        """The grant and the first document of a dialog reach the edge together (PRES-21)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC), evolve(ANA_ASKS, leg="d2", until=self.desk.now + 3600))
        self.assertEqual(len({item.stream for item in self.items()}), 2)

    def test_grant_precedes_the_state(self) -> None:
        """To XMPP `subscribed` goes before the presence, which a server would drop (PRES-5)."""
        self.said(BEN_ASKS, of_ana(PC), ANA_GRANTS)
        self.assertEqual(self.kinds(), ["xmpp WatchGranted", "xmpp Presence"])
        self.assertEqual(len({item.stream for item in self.items()}), 1)

    def test_nobody_vouches(self) -> None:
        """Presence has the same policy as messages (PRES-20, SIP-63)."""
        self.assertRefused(evolve(ANA_ASKS, origin=Party(ANA)), Reason.FORBIDDEN)
        self.assertRefused(evolve(ANA_ASKS, origin=Party(Address(SIP, "eve", "evil.example"),
                                                         asserted_by=TRUNK)), Reason.FORBIDDEN)

    def test_target_that_does_not_map(self) -> None:
        """A presentity that is nobody's image is not found (PRES-20)."""
        self.assertRefused(evolve(ANA_ASKS, target=evolve(BEN_IN_S, user="ben")),
                           Reason.UNKNOWN_RECIPIENT)

    def test_loop(self) -> None:
        """Who lives behind our own domain cannot be watched (ADDR-23)."""
        self.assertRefused(evolve(ANA_ASKS, target=evolve(BEN_IN_S, user=f"ana*sip.example*{ANA_IN_X.domain}")),
                           Reason.LOOP)

    def test_connector_down(self) -> None:
        """While the far server is away nothing new is asked (XMPP-10)."""
        self.desk.lanes[LANE_X] = LaneView(False, self.desk.now - 60)
        self.assertRefused(ANA_ASKS, Reason.UNREACHABLE)

    def test_too_much_waits(self) -> None:
        """A connector with a full queue takes no questions (XMPP-9)."""
        self.desk.lanes[LANE_X] = LaneView(depth=10_000)
        self.assertRefused(ANA_ASKS, Reason.CONGESTED)

    def test_phones(self) -> None:
        """A phone shows no presence and watches nobody (SMSP-7)."""
        self.assertRefused(evolve(ANA_ASKS, target=Address(SIP, PHONE.user, P)), Reason.NOT_ALLOWED)
        self.assertEqual(PHONE.scheme, TEL)

    def test_spellings(self) -> None:
        """Users are asked and told under the spelling they use themselves (ADDR-22)."""
        party = evolve(A, spelling="sip:Ana@SIP.example")
        self.assertTaken(evolve(ANA_ASKS, origin=party, until=self.desk.now + 3600))
        self.assertIn(Spelling(ANA.key, party.spelling), self.turn.puts)
        self.said(evolve(BEN_GRANTS, origin=evolve(B, spelling="Ben@xmpp.example")))
        self.assertEqual(self.told(WatchGranted).target_spelling, party.spelling)
        self.said(WatchEnded(A, BEN_IN_S, "d1"))
        self.assertEqual(self.told(WatchEnded).target_spelling, "Ben@xmpp.example")

    def test_unspelled_events_change_nothing(self) -> None:
        """What a server says without a spelling does not undo the one that is known (ADDR-22)."""
        self.said(evolve(ANA_ASKS, origin=evolve(A, spelling="sip:Ana@SIP.example"), until=None), BEN_GRANTS)
        self.assertEqual(self.told(WatchGranted).target_spelling, "sip:Ana@SIP.example")
        self.said(ANA_ASKS)
        self.assertEqual(self.told(WatchGranted).target_spelling, "sip:Ana@SIP.example")


class AnswerTests(PresenceCase):
    def test_granted(self) -> None:
        """`subscribed` makes all dialogs of the pair active (PRES-23)."""
        self.ask()
        self.said(evolve(ANA_ASKS, leg="d2", until=self.desk.now + 3600))
        self.assertTaken(BEN_GRANTS)
        self.assertEqual(self.kinds(), ["sip WatchGranted"])
        self.assertEqual(self.told(WatchGranted).legs, ("d1", "d2"))

    def test_granted_twice(self) -> None:
        """Nobody is told twice (PRES-5)."""
        self.said(BEN_ASKS, ANA_GRANTS, ANA_GRANTS)
        self.assertEqual(self.kinds(), [])

    def test_granted_unasked(self) -> None:
        """A permission that nobody asked for, or wants any more, is given back and changes nothing
        (RFC 6121 3.1.6)."""
        self.assertTaken(BEN_GRANTS)
        self.assertEqual((self.kinds(), self.turn.puts), (["xmpp WatchEnded"], ()))
        self.assertTrue(self.told(WatchEnded).forever)

    def test_granted_to_nobody(self) -> None:
        """When no dialog is left the permission is kept and nobody is asked for more (PRES-23, PRES-10)."""
        self.ask()
        self.said(WatchEnded(A, BEN_IN_S, "d1"))
        self.assertEqual(self.kinds(), [])  # the question stays open
        self.said(BEN_GRANTS)
        self.assertEqual(self.kinds(), ["xmpp WatchEnded"])
        self.assertFalse(self.told(WatchEnded).forever)
        self.assertEqual(self.watch(ANA, BEN).state, "granted")

    def test_refused(self) -> None:
        """`unsubscribed` ends all dialogs, and the contact's side is asked nothing more (PRES-24)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC))
        self.assertTaken(BEN_REFUSES)
        self.assertEqual(self.kinds(), ["sip WatchRefused", "sip Presence"])
        self.assertEqual(self.told(WatchRefused).legs, ("d1",))
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), [])

    def test_refused_state_that_waits(self) -> None:
        """A state that still waited to leave says nothing after a refusal (PRES-32)."""
        self.ask()
        self.said(BEN_GRANTS, of_ben(PC), BEN_REFUSES)
        states = [item.payload for item in self.desk.latest.values()]
        self.assertEqual([(state.known, state.devices) for state in states
                          if isinstance(state, Presence)], [(False, ())])

    def test_refused_to_xmpp(self) -> None:
        """A SIP user who withdraws takes back what was shown of him (PRES-8, noresource or rejected)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC, MOBILE))
        self.assertTaken(ANA_REFUSES)
        refused = self.told(WatchRefused)
        self.assertEqual((refused.gone, refused.failure), (("pc", "mobile"), NO))

    def test_asked_too_soon(self) -> None:
        """Who was refused asks in vain for an hour, and then again (PRES-24)."""
        self.ask()
        self.said(BEN_REFUSES)
        self.desk.now += 600
        failure = self.assertRefused(ANA_ASKS, Reason.FORBIDDEN)
        self.assertEqual(failure.retry_after, 3000)
        self.due(3001)
        self.assertEqual(self.kinds(), [])  # what was refused needs no end
        self.ask()
        self.assertEqual(self.kinds(), ["xmpp WatchRequested"])

    def test_asked_late(self) -> None:
        """He may ask after that time although the deadline has not been looked at (PRES-24)."""
        self.ask()
        self.said(BEN_REFUSES)
        self.desk.now += 3600
        self.ask()
        self.assertEqual(self.kinds(), ["xmpp WatchRequested"])

    def test_last_word_counts(self) -> None:
        """A contact who refused and then grants has granted; the watcher's next SUBSCRIBE is active (PRES-24)."""
        self.ask()
        self.said(BEN_REFUSES, BEN_GRANTS)
        self.assertEqual(self.kinds(), ["xmpp WatchEnded"])
        self.ask()
        self.assertEqual(self.kinds(), ["xmpp WatchRenewed", "sip WatchGranted"])

    def test_refused_unasked(self) -> None:
        """`unsubscribed` without a question changes nothing."""
        self.assertTaken(BEN_REFUSES)
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))

    def test_given_up(self) -> None:
        """A question without an answer is given up after a day: giveup to SIP, and the contact is
        asked no longer (PRES-25)."""
        self.ask()
        for _ in range(23):
            self.desk.now += 3600
            self.said(WatchRenewed(A, BEN_IN_S, "d1", self.desk.now + 3600, TRUNK))
        self.due(3601)
        self.assertEqual(self.kinds(), ["xmpp WatchEnded", "sip WatchClosed"])
        self.assertTrue(self.told(WatchEnded).forever)
        self.assertEqual((self.told(WatchClosed).ending, self.told(WatchClosed).legs),
                         (Ending.GIVE_UP, ("d1",)))
        self.assertIsNone(self.desk.watch(ANA.key, BEN.key))

    def test_xmpp_question_stays(self) -> None:
        """An XMPP user has asked until he is answered (RFC 6121 3.1)."""
        self.said(BEN_ASKS)
        self.due(30 * 86400)
        self.assertEqual((self.kinds(), self.watch(BEN, ANA).state), ([], "asked"))

    def test_given_back(self) -> None:
        """`unsubscribe` is told once, ends the question for good and takes back what was shown (PRES-13)."""
        self.said(BEN_ASKS, ANA_GRANTS, of_ana(PC))
        self.assertTaken(BEN_GIVES_BACK)
        self.assertEqual(self.kinds(), ["sip WatchEnded", "xmpp WatchRefused", "xmpp Presence"])
        self.assertTrue(self.told(WatchEnded).forever)
        self.assertEqual(self.told(WatchRefused).gone, ("pc",))
        self.assertTaken(BEN_GIVES_BACK)
        self.assertEqual(self.kinds(), [])

    def test_given_back_while_away(self) -> None:
        """It is told to the SIP side although nobody was looking (PRES-13)."""
        self.said(BEN_ASKS, ANA_GRANTS, WatchEnded(B, ANA_IN_X))
        self.said(BEN_GIVES_BACK)
        self.assertEqual(self.kinds(), ["sip WatchEnded", "xmpp WatchRefused"])

    def test_the_other_way_stays(self) -> None:
        """Giving back touches the reverse direction in nothing (PRES-13, PRES-31)."""
        self.ask()
        self.said(BEN_GRANTS, BEN_ASKS, ANA_GRANTS, BEN_GIVES_BACK)
        self.assertEqual(self.watch(ANA, BEN).state, "granted")
        self.assertEqual(self.desk.legs(ANA.key, BEN.key), ["d1"])


class HandedOverTests(PresenceCase):
    def test_question_refused_by_the_edge(self) -> None:
        """A question that cannot be put is answered like one that was refused (PRES-16)."""
        self.said(BEN_ASKS)
        (item,) = self.turn.sends
        self.said(Rejected(item, NO))
        self.assertEqual(self.kinds(), ["xmpp WatchRefused"])
        self.assertEqual(self.watch(BEN, ANA).state, "refused")
        self.assertEqual(self.turn.done, (item,))

    def test_question_tried_again(self) -> None:
        """A question waits for its connector longer than a message waits for a next hop."""
        self.said(BEN_ASKS)
        (item,) = self.turn.sends
        self.desk.now += 600
        self.said(Rejected(item, NO, retry=True))
        self.assertEqual([again.attempts for again in self.turn.retries], [1])

    def test_question_expired(self) -> None:
        """After a day in the queue it is given up, and the watcher told."""
        self.said(BEN_ASKS)
        (item,) = self.turn.sends
        self.desk.now += 86400
        self.said(Rejected(item, NO, retry=True))
        self.assertEqual(self.kinds(), ["xmpp WatchRefused"])

    def test_renewal_refused_by_the_edge(self) -> None:
        """When the state cannot be asked for it is not known, after a while (PRES-8)."""
        self.ask()
        self.said(BEN_GRANTS, WatchEnded(A, BEN_IN_S, "d1"),
                  WatchRenewed(A, BEN_IN_S, "d2", self.desk.now + 3600, TRUNK))
        item = self.turn.sends[0]
        self.assertIsInstance(item.payload, WatchRenewed)
        self.said(Rejected(item, NO))
        self.due(120)
        self.assertEqual((self.told(Presence).known, self.told(Presence).legs), (False, ("d2",)))

    def test_news_of_the_rest(self) -> None:
        """A grant that cannot be handed over is dropped; nothing else changes."""
        self.ask()
        self.said(BEN_GRANTS)
        (item,) = self.turn.sends
        self.said(Rejected(item, NO))
        self.assertEqual((self.kinds(), self.turn.puts, self.turn.done), ([], (), (item,)))
        self.said(Accepted(item))
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))

    def test_the_question_cannot_be_put(self) -> None:
        """An XMPP user is told by an error when it lasts over a minute, once, and goes on asking (PRES-16)."""
        broken = WatchBroken(A, BEN_IN_S, Failure(Reason.TIMEOUT, text="no answer"))
        self.said(BEN_ASKS, broken)
        self.assertEqual(self.kinds(), [])
        self.due(59)
        self.assertEqual(self.kinds(), [])
        self.due(1)
        self.assertEqual(self.kinds(), ["xmpp WatchRefused"])
        self.assertFalse(self.told(WatchRefused).failure.permanent)
        self.assertEqual(self.watch(BEN, ANA).state, "asked")
        self.said(broken)
        self.due(86400)
        self.assertEqual(self.kinds(), [])

    def test_the_question_cannot_be_put_for_sip(self) -> None:
        """A SIP watcher's dialog just stays pending (PRES-25)."""
        self.ask()
        self.said(WatchBroken(B, ANA_IN_X, Failure(Reason.TIMEOUT)))
        self.due(60)
        self.assertEqual((self.kinds(), self.desk.legs(ANA.key, BEN.key)), ([], ["d1"]))


class PlaceTests(PresenceCase):
    gateway = evolve(
        GATEWAY,
        aliases=(*GATEWAY.aliases, Alias("s.acme.example", XMPP, SIP, "xmpp:s.acme.example", tenant="acme"),
                 Alias("x.acme.example", SIP, XMPP, "", tenant="acme")),
        trunks=(*GATEWAY.trunks, Trunk("sip:acme", ("*",), tenant="acme"), Trunk("sip:eu", ("eu.example",))))

    def test_tenants_are_apart(self) -> None:
        """The same two users under another tenant are another pair: images, grants and legs (ADDR-25)."""
        self.said(BEN_ASKS, ANA_GRANTS)
        acme = Party(BEN, asserted_by="xmpp:s.acme.example")
        self.assertTaken(WatchRequested(acme, Address(XMPP, "ana*sip.example", "s.acme.example"), "b2"))
        (item,) = self.turn.sends
        self.assertEqual((item.lane, item.payload.origin.address.domain),  # type: ignore[union-attr]
                         ("sip:acme", "x.acme.example"))

    def test_other_tenants_connector(self) -> None:
        """A connector speaks for its own tenant only (ADDR-25)."""
        self.assertRefused(evolve(BEN_ASKS, origin=Party(BEN, asserted_by="xmpp:s.acme.example")),
                           Reason.FORBIDDEN)

    def test_each_leg_by_its_connector(self) -> None:
        """A dialog that came in on one trunk is told through it, whatever the route would be."""
        trunks = tuple(evolve(trunk, domains=("sip.example", "*")) if trunk.lane == "sip:eu" else trunk
                       for trunk in self.gateway.trunks)
        self.desk.gateway = evolve(self.gateway, trunks=trunks)
        self.ask()
        party = evolve(A, asserted_by="sip:eu")
        self.said(evolve(ANA_ASKS, origin=party, lane="sip:eu", leg="d2", until=self.desk.now + 60))
        self.said(BEN_GRANTS, of_ben(PC))
        self.assertEqual({item.lane: item.payload.legs for item in self.items()  # type: ignore[union-attr]
                          if isinstance(item.payload, Presence)}, {TRUNK: ("d1",), "sip:eu": ("d2",)})

    def test_configuration_changed(self) -> None:
        """A pair that the configuration connects no more is told nothing, and its legs still end."""
        self.ask()
        self.said(BEN_GRANTS)
        self.desk.gateway = evolve(self.gateway, aliases=())
        self.assertTaken(WatchEnded(A, BEN_IN_S, "d1"))
        self.assertEqual((self.kinds(), self.desk.legs(ANA.key, BEN.key)), ([], []))
