"""Logging in by text: who is seen, for how long, and who is asked first."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import (
    TEL,
    Accepted,
    Address,
    Failure,
    Outcome,
    PhoneSeen,
    Presence,
    Reason,
    Receipt,
    WatchFetched,
    WatchRenewed,
)
from tests.mapping.service.case import (
    ANA_ASKS,
    BEN_ASKS,
    PHONE_IN_M,
    B,
    PhoneCase,
    from_ben_to_phone,
    from_phone,
    with_service,
)
from tests.support.sample import LINK, PHONE

HOUR = 3600.0


class PresenceOfPhonesTests(PhoneCase):
    """SMSP-2, SMSP-5, SMSP-7."""

    def allow(self) -> None:
        """The phone is logged in, and Ben may see it."""
        self.command("LOGIN Carol")
        self.said(BEN_ASKS)
        self.command("YES")

    def test_never_logged_in(self) -> None:
        """A phone that never logged in has no presence, and is not bothered: `unsubscribed` over XMPP,
        403 over SIP (SMSP-7)."""
        self.assertEqual(self.reason(ANA_ASKS), "not-allowed")
        self.assertEqual(self.items(), ())
        self.assertEqual(self.told(BEN_ASKS), [])
        self.assertEqual((self.kinds(), self.turn.puts), (["xmpp WatchRefused"], ()))

    def test_never_logged_in_by_choice(self) -> None:
        """An operator can let everybody see such a phone as never available (SMSP-5)."""
        self.begin(with_service(unregistered="grant"))
        self.said(BEN_ASKS)
        self.assertEqual((self.kinds(), self.seen()), (["xmpp WatchGranted", "xmpp Presence"], [False]))

    def test_asked(self) -> None:
        """A phone is asked by text; YES lets the watcher see it at once (SMSP-5)."""
        self.command("LOGIN")
        self.assertEqual(self.told(BEN_ASKS), [
            ("4455", "ben@xmpp.example wants to see when you are online. Answer YES or NO.")])
        self.assertEqual(self.kinds(), [])
        self.assertEqual(self.command("yes!"), "ben@xmpp.example can see you now.")
        self.assertEqual((self.kinds(), self.seen()), (["xmpp WatchGranted", "xmpp Presence"], [True]))

    def test_status(self) -> None:
        """What is shown is the status, at first "on SMS" (SMSP-2)."""
        self.allow()
        (state,) = [item.payload for item in self.items() if isinstance(item.payload, Presence)]
        self.assertEqual([note.text for note in state.devices[0].notes], ["on SMS"])
        self.assertEqual(self.command("STATUS  in the \n orchard"), "Your status: in the orchard")
        (state,) = [item.payload for item in self.items() if isinstance(item.payload, Presence)]
        self.assertEqual([note.text for note in state.devices[0].notes], ["in the orchard"])

    def test_asked_by_sip(self) -> None:
        """A SIP watcher waits as pending, and a second phone of his asks nothing new (SMSP-5, PRES-21)."""
        self.command("LOGIN")
        self.assertEqual([number for number, _ in self.told(ANA_ASKS)], ["4455"])
        self.assertEqual(self.told(evolve(ANA_ASKS, leg="d2")), [])
        self.command("YES")
        self.assertEqual(self.kinds(), ["sip WatchGranted", "sip Presence"])

    def test_no(self) -> None:
        """NO refuses, and who was refused is not put to the phone again at once (PRES-24)."""
        self.command("LOGIN")
        self.said(ANA_ASKS)
        self.assertEqual(self.command("NO"), "ana@sip.example cannot see you.")
        self.assertEqual(self.kinds(), ["sip WatchRefused"])
        self.assertEqual(self.reason(ANA_ASKS), "forbidden")

    def test_one_question_at_a_time(self) -> None:
        """YES and NO have one meaning: the next question comes when the first is answered (SMSP-5)."""
        self.command("LOGIN")
        self.said(BEN_ASKS)
        self.desk.now += 5
        self.assertEqual(self.told(ANA_ASKS), [])
        answers = self.told(from_phone("4455", "NO"))
        self.assertEqual([text[:7] for _, text in answers], ["ben@xmp", "ana@sip"])
        self.assertEqual(self.command("YES"), "ana@sip.example can see you now.")
        self.assertEqual(self.command("YES"), "There is no question to answer.")

    def test_no_answer(self) -> None:
        """Who is not answered in a day is refused, and the next in line is asked (SMSP-5)."""
        self.command("LOGIN")
        self.said(BEN_ASKS)
        self.desk.now += HOUR
        self.said(evolve(ANA_ASKS, until=None))
        told = self.due(23 * HOUR)
        self.assertIn("xmpp WatchRefused", self.kinds())
        self.assertEqual([text[:15] for _, text in told], ["ana@sip.example"])

    def test_asked_once(self) -> None:
        """A question is put once, also when the watcher's connector comes back (PRES-12)."""
        self.command("LOGIN")
        self.said(BEN_ASKS)
        for _ in range(3):
            self.assertEqual(self.told(BEN_ASKS), [])

    def test_logout(self) -> None:
        """LOGOUT shows the phone as gone to those who look (SMSP-2)."""
        self.allow()
        self.assertEqual(self.command("LOGOUT"), "You are logged out.")
        self.assertEqual(self.seen(), [False])
        self.command("LOGIN")
        self.assertEqual(self.seen(), [True])

    def test_idle(self) -> None:
        """After eight hours without a text the phone is shown as gone, without a text to it (SMSP-2)."""
        self.allow()
        self.assertEqual(self.due(8 * HOUR), [])
        self.assertEqual(self.seen(), [False])

    def test_kept_alive(self) -> None:
        """Every text that is taken keeps the session, to whomever it goes (SMSP-2)."""
        self.said(from_ben_to_phone())
        self.allow()
        self.desk.now += 7 * HOUR
        self.said(from_phone("X000000001", "hello"))
        self.due(7 * HOUR)
        self.assertEqual(self.seen(), [])
        self.due(HOUR)
        self.assertEqual(self.seen(), [False])

    def test_after_a_restart(self) -> None:
        """A session is durable: who looks after a restart sees the phone (house: durable)."""
        self.allow()
        self.desk.restart()
        self.said(WatchRenewed(B, PHONE_IN_M, "pc", lane="xmpp:sms.xmpp.example"))
        self.assertEqual(self.seen(), [True])

    def test_fetch(self) -> None:
        """Who looks once gets the state of now (PRES-28)."""
        self.allow()
        self.said(WatchFetched(B, PHONE_IN_M, "f", lane="xmpp:sms.xmpp.example"))
        self.assertEqual(self.seen(), [True])

    def test_added_is_not_asked(self) -> None:
        """Whom a phone wants to see may see it without a question (SMSP-2)."""
        self.commands("LOGIN", "ADD ben@xmpp.example")
        self.assertEqual(self.told(BEN_ASKS), [])
        self.assertEqual((self.kinds(), self.seen()), (["xmpp WatchGranted", "xmpp Presence"], [True]))

    def test_strangers_cost_little(self) -> None:
        """A phone is asked no more often a day than the budget says (SMSP-4)."""
        self.begin(with_service(presence_budget=2))
        self.command("LOGIN")
        asked = 0
        for number in range(5):
            origin = evolve(B, address=evolve(B.address, user=f"u{number}"))
            asked += len(self.told(evolve(BEN_ASKS, origin=origin, leg=f"b{number}")))
            asked += len(self.told(from_phone("4455", "NO"))) - 1
        self.assertEqual(asked, 2)

    def test_phones_see_each_other(self) -> None:
        """A phone can watch another, which is asked and called by its name (SMSP-5)."""
        other = Address(TEL, "+491709999999")
        self.command("LOGIN Carol")
        self.assertEqual(self.command("LOGIN", phone=other), "You are logged in. Send LOGOUT to leave.")
        told = self.told(from_phone("4455", f"ADD {other.user}"))
        self.assertEqual([text.partition(" ")[0] for _, text in told], ["Carol", other.user])
        told = self.told(from_phone("4455", "YES", origin=evolve(from_phone("").origin, address=other)))
        self.assertEqual(sorted(told), [("4455", "Carol can see you now."),
                                        ("X000000001", f"{other.user} is online")])

    def test_itself(self) -> None:
        """Nobody watches himself."""
        self.command("LOGIN")
        self.assertEqual(self.command(f"ADD {PHONE.user}"), f"{PHONE.user} is hidden from you")


class ReachTests(PhoneCase):
    """SMSP-6."""

    gateway = with_service(presence_from_receipts=True)

    def setUp(self) -> None:
        super().setUp()
        self.commands("LOGIN")
        self.said(BEN_ASKS)
        self.commands("YES")

    def test_alert(self) -> None:
        """What the operator says about the phone is shown, once."""
        self.said(PhoneSeen(PHONE, False, LINK))
        self.assertEqual(self.seen(), [False])
        self.said(PhoneSeen(PHONE, False, LINK))
        self.assertEqual(self.seen(), [])
        self.said(PhoneSeen(PHONE, True, LINK))
        self.assertEqual(self.seen(), [True])

    def test_unknown_phone(self) -> None:
        """Of a phone that never logged in nothing is kept."""
        self.said(PhoneSeen(Address(TEL, "+1"), False, LINK))
        self.assertEqual((self.turn.puts, self.items()), ((), ()))

    def receipt(self, outcome: Outcome, failure: Failure | None = None) -> None:
        self.desk.now += 1
        (item,) = self.said(from_ben_to_phone(id=f"m{self.desk.now}")).sends
        ref = f"r{self.desk.now}"
        self.said(Accepted(item, (ref,), peer=LINK))
        self.said(Receipt(LINK, ref, outcome, failure))

    def test_receipts(self) -> None:
        """An absent subscriber is not available; a delivery says that he is back."""
        self.receipt(Outcome.FAILED, Failure(Reason.UNAVAILABLE, permanent=False))
        self.assertEqual(self.seen(), [False])
        self.receipt(Outcome.DELIVERED)
        self.assertEqual(self.seen(), [True])
        self.receipt(Outcome.DELIVERED)
        self.assertEqual(self.seen(), [])

    def test_other_failures(self) -> None:
        """A text that the operator rejects says nothing about the phone."""
        self.receipt(Outcome.FAILED, Failure(Reason.REFUSED))
        self.assertEqual(self.seen(), [])

    def test_off(self) -> None:
        """Receipts say nothing unless the switch is on."""
        self.begin(with_service())
        self.commands("LOGIN")
        self.said(BEN_ASKS)
        self.commands("YES")
        self.receipt(Outcome.FAILED, Failure(Reason.UNAVAILABLE))
        self.assertEqual(self.seen(), [])
