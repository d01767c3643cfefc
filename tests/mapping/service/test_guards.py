"""Who gets no texts, what costs too much, numbers that stand for one contact, and receipts."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import TEL, Accepted, Address, Kind, Message, Outcome, Party, Receipt, Taken, Want
from iwf.mapping.service.settings import DAY, NumberRoute
from tests.mapping.service.case import (
    ANA_ASKS,
    BEN_ASKS,
    LANGUAGES,
    PhoneCase,
    from_ben_to_phone,
    from_phone,
    with_guards,
    with_service,
)
from tests.support.sample import ANA, BEN, GATEWAY, LANE_M, LINK, PHONE, TRUNK

EVA = Party(evolve(BEN, user="eva"), asserted_by=LANE_M)


class OptOutTests(PhoneCase):
    """SMS-74."""

    def is_refused(self, **changes: object) -> bool:
        return not isinstance(self.said(from_ben_to_phone(**changes)).verdict, Taken)  # type: ignore[arg-type]

    def test_stop(self) -> None:
        """After STOP nobody writes to the phone, until START."""
        self.assertEqual(self.command("STOP"), "You will get no more texts. Send START to get them again.")
        self.assertEqual(self.reason(from_ben_to_phone()), "not-allowed")
        self.assertTrue(self.is_refused(origin=EVA))
        self.assertEqual(self.command("START"), "You get texts again.")
        self.assertFalse(self.is_refused())

    def test_stop_again(self) -> None:
        """STOP said again is not answered again."""
        self.commands("STOP")
        self.assertEqual(self.told(from_phone("4455", "Stop.")), [])

    def test_one_contact(self) -> None:
        """STOP with an address means that contact alone."""
        self.commands("STOP ben@xmpp.example")
        self.assertTrue(self.is_refused())
        self.assertFalse(self.is_refused(origin=EVA))
        self.commands("START ben@xmpp.example")
        self.assertFalse(self.is_refused())

    def test_stop_somebody_unknown(self) -> None:
        """STOP with anything behind it is honoured: then for everybody."""
        self.commands("STOP this now")
        self.assertTrue(self.is_refused())

    def test_at_a_number(self) -> None:
        """STOP to the number of a contact means him, and never reaches him (SMS-61)."""
        self.said(from_ben_to_phone())
        told = self.told(from_phone("X000000001", " stop "))
        self.assertEqual((self.turn.verdict, told), (Taken(""), [
            ("X000000001", "You will get no more texts from ben@xmpp.example. Send START ben@xmpp.example to get "
                           "them again.")]))
        self.assertTrue(self.is_refused())
        self.assertFalse(self.is_refused(origin=EVA))
        self.said(from_phone("X000000001", "START"))
        self.assertFalse(self.is_refused())

    def test_at_nobodys_number(self) -> None:
        """STOP to a number that stands for nobody means everybody (SMSP-1: always honoured)."""
        self.said(from_phone("X000000007", "STOP"))
        self.assertTrue(self.is_refused())

    def test_without_a_service_number(self) -> None:
        """It is honoured on links that have no service number, and answered from where it was sent to."""
        self.begin(with_service(evolve(GATEWAY, links=(evolve(GATEWAY.links[0], service_number=""),))))
        self.assertEqual([number for number, _ in self.told(from_phone("X000000007", "STOP"))], ["X000000007"])
        self.assertTrue(self.is_refused())

    def test_start_in_a_talk(self) -> None:
        """START is a word like others for a phone that has stopped nothing."""
        self.said(from_ben_to_phone())
        (item,) = self.said(from_phone("X000000001", "start")).sends
        self.assertEqual(item.lane, LANE_M)

    def test_no_questions(self) -> None:
        """Who wants no texts is not asked by text whether he may be seen."""
        self.commands("LOGIN", "STOP")
        self.assertEqual(self.reason(ANA_ASKS), "not-allowed")

    def test_watchers_stay(self) -> None:
        """Who may see the phone already still may: that costs it nothing."""
        self.commands("LOGIN")
        self.said(BEN_ASKS)
        self.commands("YES", "STOP")
        self.said(BEN_ASKS)
        self.assertEqual(self.seen(), [True])

    def test_phone_to_phone(self) -> None:
        """It holds for other phones as well (SMS-63)."""
        other = Address(TEL, "+491709999999")
        self.said(from_phone("4455", "STOP", origin=Party(other, asserted_by=LINK)))
        self.assertEqual(self.reason(from_phone("4455", f"TO {other.user} hello")), "not-allowed")

    def test_after_a_restart(self) -> None:
        """It is persistent."""
        self.commands("STOP")
        self.desk.restart()
        self.assertTrue(self.is_refused())


class LimitTests(PhoneCase):
    """SMS-73."""

    def test_prefixes(self) -> None:
        """Premium numbers and other countries get no texts, also from other phones."""
        for guards in ({"blocked": ("+49170",)}, {"countries": ("+44", "+48")}):
            self.begin(with_guards(**guards))
            self.assertEqual(self.reason(from_ben_to_phone()), "policy")
            self.assertEqual(self.reason(from_phone("4455", "TO +491709999999 x")), "policy")
        self.begin(with_guards(countries=("+49",), blocked=("+49900",)))
        self.assertIsInstance(self.said(from_ben_to_phone()).verdict, Taken)

    def test_sender_limit(self) -> None:
        """So many texts of one sender a day, whomever he writes to."""
        self.begin(with_guards(sender_limit=2))
        other = evolve(from_ben_to_phone().target, user="+491709999999")
        self.said(from_ben_to_phone())
        self.said(from_ben_to_phone(target=other))
        self.assertEqual(self.reason(from_ben_to_phone()), "policy")
        self.assertIsInstance(self.said(from_ben_to_phone(origin=EVA)).verdict, Taken)
        self.desk.now += DAY
        self.assertIsInstance(self.said(from_ben_to_phone()).verdict, Taken)

    def test_phone_limit(self) -> None:
        """So many texts to one phone a day, whoever writes."""
        self.begin(with_guards(phone_limit=1))
        self.said(from_ben_to_phone())
        self.assertEqual(self.reason(from_ben_to_phone(origin=EVA)), "policy")
        other = evolve(from_ben_to_phone().target, user="+491709999999")
        self.assertIsInstance(self.said(from_ben_to_phone(target=other)).verdict, Taken)

    def test_what_is_refused_does_not_count(self) -> None:
        """A text that is refused uses up nothing."""
        self.begin(with_guards(phone_limit=1))
        self.commands("STOP")
        self.reason(from_ben_to_phone())
        self.commands("START")
        self.assertIsInstance(self.said(from_ben_to_phone()).verdict, Taken)


class RouteTests(PhoneCase):
    """SMS-60, ADDR-50."""

    gateway = with_service(evolve(GATEWAY, links=(evolve(GATEWAY.links[0], routes=(
        NumberRoute("+4930111", BEN.key), NumberRoute("70700", ANA.key, "weather"),
        NumberRoute("70700", BEN.key))),)))

    def reached(self, number: str, text: str) -> str:
        (item,) = self.said(from_phone(number, text)).sends
        assert isinstance(item.payload, Message)
        self.assertEqual(item.payload.text, text)
        return item.payload.target.key

    def test_static(self) -> None:
        """A number that stands for one contact reaches him from any phone, who never wrote."""
        self.assertEqual(self.reached("+4930111", "hello"), BEN.key)

    def test_answer(self) -> None:
        """He writes to phones from this number, and from no other."""
        for _ in range(2):
            (item,) = self.said(from_ben_to_phone()).sends
            self.assertEqual(item.payload.origin.address.user, "+4930111")
        self.assertEqual(self.reached("+4930111", "hello"), BEN.key)

    def test_introduced_once(self) -> None:
        """The name stands before the first text from the number alone (MSG-44)."""
        self.said(from_ben_to_phone("one"))
        self.assertEqual(self.texts(), [("+4930111", "ben: one")])
        self.said(from_ben_to_phone("two"))
        self.assertEqual(self.texts(), [("+4930111", "two")])

    def test_keyword(self) -> None:
        """On a short code the first word decides, else the route without one; the text stays whole."""
        for text, key in (("WEATHER Verona", ANA.key), ("weather", ANA.key), ("weather: Verona", ANA.key),
                          ("weatherman", BEN.key), ("news", BEN.key)):
            self.assertEqual(self.reached("70700", text), key, text)

    def test_long_lasting(self) -> None:
        """A static number never rests and never stands for somebody else (ADDR-47)."""
        self.reached("+4930111", "hello")
        self.desk.now += 400 * DAY
        self.assertEqual(self.reached("+4930111", "hello"), BEN.key)

    def test_our_own_number(self) -> None:
        """A text from a static number of ours is a loop (LOOP-7)."""
        turn = self.said(from_phone("4455", "HELP", origin=Party(Address(TEL, "+4930111"), asserted_by=LINK)))
        self.assertEqual((turn.verdict, turn.sends), (Taken(""), ()))

    def test_no_route(self) -> None:
        """Any other number is nobody's (SMS-60)."""
        self.assertEqual(self.reason(from_phone("+4930112", "hello")), "unknown-recipient")


class ReceiptTests(PhoneCase):
    """A phone hears that its text has arrived, if it asks."""

    def sent(self, text: str, **changes: object) -> Message:
        """What goes to the contact; then he has it."""
        (item,) = self.said(from_phone("X000000001", text, **changes)).sends  # type: ignore[arg-type]
        assert isinstance(item.payload, Message)
        self.said(Accepted(item, ("r1",), peer=LANE_M))
        return item.payload

    def setUp(self) -> None:
        super().setUp()
        self.said(from_ben_to_phone())

    def test_by_prefix(self) -> None:
        """A text that begins with *R# is delivered without it, and its receipt comes as a text."""
        text = self.sent("*r# Are you there?")
        self.assertEqual((text.text, text.wants), ("Are you there?", {Want.DELIVERED}))
        self.assertEqual(self.told(Receipt(LANE_M, "r1", Outcome.DELIVERED)),
                         [("X000000001", "Delivered: Are you there?")])
        self.assertEqual(self.told(Receipt(LANE_M, "r1", Outcome.DELIVERED)), [])

    def test_by_the_network(self) -> None:
        """An acknowledgement that the phone asks for in its own way is one, also of reading."""
        self.sent("hello", wants=frozenset({Want.DELIVERED, Want.DISPLAYED}))
        self.assertEqual(self.told(Receipt(LANE_M, "r1", Outcome.DELIVERED)), [("X000000001", "Delivered: hello")])
        self.assertEqual(self.told(Receipt(LANE_M, "r1", Outcome.DISPLAYED)), [("X000000001", "Read: hello")])

    def test_not_asked(self) -> None:
        """Who does not ask is not told, and pays nothing."""
        self.assertEqual(self.sent("hello").wants, frozenset())
        self.assertEqual(self.told(Receipt(LANE_M, "r1", Outcome.DELIVERED)), [])

    def test_command(self) -> None:
        """It stands before commands as well."""
        (item,) = self.said(from_phone("4455", "*R#TO ana@sip.example hello")).sends
        self.assertEqual((item.lane, item.payload.wants), (TRUNK, {Want.DELIVERED}))

    def test_language(self) -> None:
        """It is written in the language of the phone."""
        self.commands("LANGUAGE de")
        self.sent("*R# hallo")
        self.assertEqual(self.told(Receipt(LANE_M, "r1", Outcome.DELIVERED)), [("X000000001", "Zugestellt: hallo")])
        self.assertIn("de", [catalogue.language for catalogue in LANGUAGES])


class ValidityTests(PhoneCase):
    """SMS-52."""

    gateway = with_service(evolve(GATEWAY, links=(evolve(GATEWAY.links[0], chat_validity=60.0),)))

    def test_chat(self) -> None:
        """Chat gets old sooner than other texts, unless the sender says when."""
        for changes, seconds in (({}, 60.0), ({"kind": Kind.NORMAL}, DAY)):
            (item,) = self.said(from_ben_to_phone(**changes)).sends
            self.assertEqual(item.payload.expires_at, self.desk.now + seconds)
        (item,) = self.said(from_ben_to_phone(expires_at=self.desk.now + 5)).sends
        self.assertEqual(item.payload.expires_at, self.desk.now + 5)
        self.assertEqual(item.payload.target, PHONE)
