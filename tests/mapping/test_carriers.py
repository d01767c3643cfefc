"""Which link takes a text: by prefix, sender, price and health; and phones that write to phones."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.carriers import carriers_for
from iwf.mapping.model import SIP, TEL, XMPP, Address, Item, Message, Party, Refused, Stranded, Taken
from iwf.mapping.rows import Lease, query
from iwf.mapping.settings import Gateway, Link, NumberPool
from iwf.mapping.turn import LaneView
from tests.mapping.places import GATEWAY as PLACES
from tests.mapping.test_message import NOW, Core
from tests.support.sample import GATEWAY, LANE_M, LINK, PHONE, from_ben_to_phone, from_phone

ROMEO = Address(XMPP, "romeo", "example.net")
NUMBERS = NumberPool("numbers", prefix="X", width=9)

OTHER = "smpp:other"
TWO = evolve(GATEWAY, links=(*GATEWAY.links,
                             Link(OTHER, ("+",), NumberPool("other", prefix="49900", width=4), cost=2.0)))


def lanes(number: str, *links: Link, sender: Address = ROMEO, tenant: str = "default") -> list[str]:
    """The lanes of the links that may take a text to a number, in order."""
    gateway = Gateway("g", "s", links=links)
    return [link.lane for link in carriers_for(Address(TEL, number), sender, tenant, gateway)]


class CarriersTests(SynchronousTestCase):
    """The order in which links are taken."""

    def lane(self, number: str, operator: str = "", tenant: str = "default") -> str | None:
        found = carriers_for(Address(TEL, number, operator), ROMEO, tenant, PLACES)
        return found[0].lane if found else None

    def test_longest_prefix(self) -> None:
        """A number goes to the link with the longest prefix of it, else to the default."""
        for number, link in (("+498912", "smpp:german"), ("+4930", "smpp:german"), ("+441", "smpp:world"),
                             ("12345", "smpp:codes"), ("555", "smpp:world")):
            self.assertEqual(self.lane(number), link)

    def test_operator_of_a_short_code(self) -> None:
        """A short code of an operator we have a link to goes to him (ADDR-39)."""
        self.assertEqual(self.lane("12345", "world"), "smpp:world")
        self.assertEqual(self.lane("12345", "somebody.else"), "smpp:codes")

    def test_links_of_one_operator(self) -> None:
        """A short code is the same at all links of its operator (ADDR-39)."""
        first = Link("smpp:a", ("123",), NUMBERS, operator="op")
        second = Link("smpp:b", ("123",), NUMBERS, operator="op", cost=1.0)
        other = Link("smpp:op", ("123",), NUMBERS, operator="somebody")
        gateway = Gateway("g", "s", links=(other, second, first))
        found = carriers_for(Address(TEL, "12345", "op"), ROMEO, "default", gateway)
        self.assertEqual([link.lane for link in found], ["smpp:a", "smpp:b"])

    def test_number_without_link(self) -> None:
        """A number that no link of the tenant serves is nobody's."""
        self.assertEqual(self.lane("+441", tenant="acme"), "smpp:british")
        self.assertIsNone(self.lane("+491", tenant="acme"))
        self.assertIsNone(self.lane("+491", tenant="nobody"))

    def test_alphanumeric_sender(self) -> None:
        """A name is no number, even where a link takes all numbers (ADDR-41)."""
        self.assertIsNone(self.lane("My Bank"))

    def test_price(self) -> None:
        """Among links with the same prefix the cheapest goes first, then the first; a longer prefix
        goes before any price."""
        dear = Link("smpp:dear", ("+49",), NUMBERS, cost=3.0)
        cheap = Link("smpp:cheap", ("+49",), NUMBERS, cost=1.0)
        same = Link("smpp:same", ("+49",), NUMBERS, cost=1.0)
        exact = Link("smpp:exact", ("+4989",), NUMBERS, cost=9.0)
        self.assertEqual(lanes("+4930", dear, cheap, same, exact), ["smpp:cheap", "smpp:same", "smpp:dear"])
        self.assertEqual(lanes("+4989", dear, cheap, same, exact)[0], "smpp:exact")

    def test_senders(self) -> None:
        """A link that names its senders is not there for others."""
        for pattern, sender, may in (
                ("example.net", ROMEO, True), ("other.net", ROMEO, False),
                ("*.net", ROMEO, True), ("*", ROMEO, True),
                ("romeo@example.net", ROMEO, True), ("juliet@example.net", ROMEO, False),
                ("example.net", Address(SIP, "juliet", "example.net:5070"), True),
                ("+49", Address(TEL, "+49170"), True), ("+44", Address(TEL, "+49170"), False),
                ("*", Address(TEL, "+49170"), False), ("+49", ROMEO, False)):
            found = lanes("+4930", Link("smpp:a", ("+",), NUMBERS, senders=(pattern,)), sender=sender)
            self.assertEqual(bool(found), may, (pattern, sender))


class FailoverTests(SynchronousTestCase):
    """What happens when the first link is away."""

    def setUp(self) -> None:
        self.core = Core(TWO)

    def taken(self, **changes: object) -> Item:
        (item,) = self.core.turn(from_ben_to_phone("hello", **changes)).sends
        return item

    def away(self, lane: str, since: float = 100.0) -> None:
        self.core.lanes[lane] = LaneView(up=False, changed=self.core.now - since)

    def test_new_texts(self) -> None:
        """A text leaves by the next link while the first is away, under a number that works there."""
        self.assertEqual(self.taken().lane, LINK)
        self.away(LINK)
        item = self.taken()
        assert isinstance(item.payload, Message)
        self.assertEqual((item.lane, item.payload.origin.address.user), (OTHER, "499000001"))

    def test_a_moment(self) -> None:
        """A moment of absence changes nothing."""
        self.away(LINK, since=1.0)
        self.assertEqual(self.taken().lane, LINK)

    def test_all_away(self) -> None:
        """When no link is there the best one is waited for, and its refusal is the answer."""
        self.away(LINK)
        self.away(OTHER)
        verdict = self.core.turn(from_ben_to_phone()).verdict
        assert isinstance(verdict, Refused)
        self.assertFalse(verdict.failure.permanent)

    def test_both_numbers_stand_for_him(self) -> None:
        """A contact keeps the number of each link: answers to either reach him (ADDR-47)."""
        first = self.taken().payload
        self.away(LINK)
        second = self.taken().payload
        assert isinstance(first, Message) and isinstance(second, Message)
        for text in (first, second):
            (answer,) = self.core.turn(from_phone(text.origin.address.user)).sends
            assert isinstance(answer.payload, Message)
            self.assertEqual(answer.payload.target, Address(XMPP, "ben", "xmpp.example"))

    def test_waiting_texts(self) -> None:
        """Texts that wait for a link that stays away leave by another one, each once, for the same
        delivery, so that their senders hear what becomes of them."""
        items = [self.taken(id=f"m{n}") for n in range(3)]
        self.away(LINK)
        turn = self.core.turn(Stranded(LINK, tuple(item.id for item in items)))
        self.assertEqual([item.id for item in turn.done], [item.id for item in items])
        self.assertEqual([item.lane for item in turn.sends], [OTHER] * 3)
        self.assertEqual([item.delivery for item in turn.sends], [item.delivery for item in items])
        self.assertEqual(len({item.id for item in (*items, *turn.sends)}), 6)
        self.assertEqual(self.core.turn(Stranded(LINK, tuple(item.id for item in items))).sends, ())

    def test_two_contacts_of_one_phone(self) -> None:
        """Two contacts whose texts leave by another link together are two numbers there, so that each is
        answered by what is written to him (ADDR-47)."""
        eve = Party(Address(XMPP, "eve", "xmpp.example"), asserted_by=LANE_M)
        items = (self.taken(), self.taken(origin=eve))
        self.away(LINK)
        sends = self.core.turn(Stranded(LINK, tuple(item.id for item in items))).sends
        texts = [item.payload for item in sends if isinstance(item.payload, Message)]
        users = []
        for text in texts:
            (answer,) = self.core.turn(from_phone(text.origin.address.user, lane=OTHER, origin=Party(
                PHONE, asserted_by=OTHER))).sends
            assert isinstance(answer.payload, Message)
            users.append(answer.payload.target.user)
        self.assertEqual(users, ["ben", "eve"])

    def test_nowhere_to_go(self) -> None:
        """Without another link that is there, texts stay where they are."""
        item = self.taken()
        self.away(LINK)
        self.away(OTHER)
        turn = self.core.turn(Stranded(LINK, (item.id, "unknown")))
        self.assertEqual((turn.done, turn.sends, turn.note), ((), (), ""))

    def test_back_meanwhile(self) -> None:
        """A link that is back keeps its texts."""
        item = self.taken()
        self.assertEqual(self.core.turn(Stranded(LINK, (item.id,))).sends, ())


class PhoneToPhoneTests(SynchronousTestCase):
    """A subscriber of one operator chats with one of another (SMS-63, the paper's figure 13)."""

    def setUp(self) -> None:
        german = Link("smpp:german", ("+49",), NumberPool("g", prefix="4990", width=4),
                      service_number="4455")
        british = Link("smpp:british", ("+44",), NumberPool("b", prefix="4490", width=4),
                       service_number="4455")
        self.core = Core(evolve(GATEWAY, links=(german, british)))
        self.other = Address(TEL, "+447700900123")

    def text(self, sender: Address, lane: str, number: str, text: str) -> Message:
        message = from_phone(number, text, lane=lane, origin=Party(sender, asserted_by=lane))
        turn = self.core.turn(message)
        self.assertIsInstance(turn.verdict, Taken)
        (item,) = turn.sends
        assert isinstance(item.payload, Message)
        return item.payload

    def test_chat(self) -> None:
        """Each side sees a number of ours that it can answer to, and never the other's own."""
        asked = self.text(PHONE, "smpp:german", "4455", f"TO {self.other.user} hello there")
        self.assertEqual((asked.target, asked.text), (self.other, "hello there"))
        seen = asked.origin.address.user
        self.assertTrue(seen.startswith("4490"))
        answer = self.text(self.other, "smpp:british", seen, "hi")
        self.assertEqual((answer.target, answer.text), (PHONE, "hi"))
        self.assertTrue(answer.origin.address.user.startswith("4990"))
        again = self.text(PHONE, "smpp:german", answer.origin.address.user, "how are you?")
        self.assertEqual((again.target, again.origin.address.user), (self.other, seen))

    def test_both_leases_are_used(self) -> None:
        """A chat keeps the numbers of both sides from being given to others (ADDR-47)."""
        seen = self.text(PHONE, "smpp:german", "4455", f"TO {self.other.user} hello").origin.address.user
        self.core.now = NOW + 1000.0
        self.text(self.other, "smpp:british", seen, "hi")
        for phone in (PHONE, self.other):
            (lease,) = self.core.store.load((query(Lease, phone=phone.key),)).all(Lease, phone=phone.key)
            self.assertEqual(lease.last_used, self.core.now)

    def test_number_without_link(self) -> None:
        """A number that no link serves is refused."""
        verdict = self.core.turn(from_phone("4455", "TO +1555123456 hello", lane="smpp:german",
                                            origin=Party(PHONE, asserted_by="smpp:german"))).verdict
        self.assertIsInstance(verdict, Refused)
