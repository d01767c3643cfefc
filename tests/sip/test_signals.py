"""Receipts and typing as SIP requests, and what is remembered of users."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.edge import Offered
from iwf.mapping import cpim, imdn
from iwf.mapping.model import (
    Address,
    Composing,
    Kind,
    Message,
    Notification,
    Outcome,
    Party,
    Receipt,
    Want,
)
from iwf.sip.messaging.author import FORM_STEP, PAGE_LIMIT, ref_of_request, write
from iwf.sip.messaging.habits import MOST, Habits
from iwf.sip.messaging.pager import read_message
from iwf.sip.messaging.signals import message_id, routes_of
from iwf.sip.reasons import Status
from iwf.sip.settings import TrunkSettings
from iwf.sip.syntax.message import Request
from tests.sip.samples import ANA, BEN_AT_X, NOW, SETTINGS, TRUNK, VIA, item, message, request

ALWAYS = evolve(TRUNK, cpim="always")
ASKS = frozenset({Want.DELIVERED})
CPIM = "message/cpim"

# examples.md 1.2, 1.3 and 1.5
WRAPPED = """\
From: <sip:ben*xmpp.example@x.sip.example>
To: <sip:ana@sip.example>
NS: imdn <urn:ietf:params:imdn>
imdn.Message-ID: {id}
DateTime: 2026-03-01T10:15:00Z
imdn.Disposition-Notification: positive-delivery, negative-delivery

Content-Type: text/plain; charset=utf-8

hi"""
NOTIFICATION = """\
From: <sip:ben*xmpp.example@x.sip.example>
To: <sip:ana@sip.example>
NS: imdn <urn:ietf:params:imdn>
imdn.Message-ID: {id}

Content-Type: message/imdn+xml
Content-Disposition: notification
Content-Length: {length}

"""
DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>9dK2vQ0mT7xY4bRe'
    "</message-id><datetime>2026-03-01T10:15:00Z</datetime><recipient-uri>sip:ben*xmpp.example@x.sip.example"
    "</recipient-uri><delivery-notification><status><{outcome}/></status></delivery-notification></imdn>")
TYPING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active'
    "</state><contenttype>text/plain</contenttype><refresh>90</refresh></isComposing>")

HINTS = (("imdn-id", "9dK2vQ0mT7xY4bRe"), ("imdn-date", "2026-03-01T10:15:00Z"),
         ("imdn-to", "sip:ben*xmpp.example@x.sip.example"))


class WriteTests(SynchronousTestCase):
    """What goes out."""

    def made(self, payload: object, trunk: TrunkSettings = TRUNK, habits: Habits | None = None,
             form: int = 0) -> Request:
        made = write(item(payload), trunk, SETTINGS, VIA, habits, form)
        assert isinstance(made, Request), made
        return made

    def test_wrapped_text(self) -> None:
        """A text whose sender wants a receipt is that of example 1.2 (RCPT-1)."""
        made = self.made(message(wants=ASKS), ALWAYS)
        expected = WRAPPED.format(id=message_id(item())).replace("\n", "\r\n")
        self.assertEqual((made.get("Content-Type"), made.body.decode()), (CPIM, expected))
        self.assertEqual(ref_of_request(item(message()), made), f"{message_id(item())}|sip:ana@sip.example")

    def test_wishes(self) -> None:
        """The far side is asked for what the sender wants, and for failures with it (RCPT-1)."""
        for wants, asked in ((ASKS | {Want.DISPLAYED}, "positive-delivery, negative-delivery, display"),
                             (frozenset({Want.DISPLAYED}), "negative-delivery, display")):
            body = self.made(message(wants=wants), ALWAYS).body
            self.assertEqual(cpim.parse(body).get("Disposition-Notification", imdn.HEADERS), asked)

    def test_when_wrapped(self) -> None:
        """Who is asked depends on the trunk, and first of all on what he has shown to take (RCPT-1, RCPT-2)."""
        knows, refuses, unknown = Habits(), Habits(), Habits()
        knows.wrote(ANA, "Message/CPIM", None)
        refuses.refused_cpim(ANA)
        for setting, habits, is_wrapped in (
            ("auto", unknown, False), ("auto", knows, True), ("auto", refuses, False),
            ("always", unknown, True), ("always", knows, True), ("always", refuses, False),
            ("never", unknown, False), ("never", knows, False), ("never", refuses, False),
        ):
            made = self.made(message(wants=ASKS), evolve(TRUNK, cpim=setting), habits)
            self.assertEqual(made.get("Content-Type") == CPIM, is_wrapped, setting)
            self.assertEqual(bool(ref_of_request(item(message()), made)), is_wrapped)
            self.assertNotEqual(self.made(message(), evolve(TRUNK, cpim=setting), habits).get("Content-Type"), CPIM)

    def test_no_room(self) -> None:
        """A text for which the wrapper is too much goes without it (MSG-27)."""
        made = self.made(message("x" * 900, wants=ASKS), ALWAYS)
        self.assertEqual(made.body, b"x" * 900)
        self.assertLessEqual(len(made.to_bytes()), PAGE_LIMIT)

    def test_second_form(self) -> None:
        """The second form of a refused request is another request to any agent (MSG-6a), in both profiles."""
        for profile, number in (("rfc7572", 1), ("draft", 7)):
            trunk = evolve(ALWAYS, profile=profile)
            first, second = (self.made(message(wants=ASKS, id="7"), trunk, form=form) for form in (0, 1))
            self.assertEqual((first.cseq.number, second.cseq.number), (number, number + FORM_STEP))
            self.assertEqual(first.call_id, second.call_id)

    def test_notification(self) -> None:
        """A notification names the message as its sender does, from whom he had written to (RCPT-5); it has no
        wish of its own (RCPT-4)."""
        for outcome in (Outcome.DELIVERED, Outcome.FAILED, Outcome.FORBIDDEN):
            made = self.made(Notification("z9", ANA, BEN_AT_X, outcome, Kind.NORMAL, "c1@h", hints=HINTS))
            document = DOCUMENT.format(outcome=outcome.value)
            head = NOTIFICATION.format(id=message_id(item()), length=len(document)).replace("\n", "\r\n")
            self.assertEqual(made.body.decode(), head + document)
            self.assertEqual((str(made.uri), str(made.from_.uri)),
                             ("sip:ana@sip.example", "sip:ben*xmpp.example@x.sip.example"))

    def test_route(self) -> None:
        """A notification goes back by the servers that asked for it, in order, the first one first (RCPT-6)."""
        hints = (*HINTS, ("imdn-route", "sip:store.example;lr"), ("imdn-route", "sip:relay.example"))
        told = Notification("z9", ANA, BEN_AT_X, Outcome.DELIVERED, hints=hints)
        made = self.made(told)
        self.assertEqual((str(made.uri), made.get("To")), ("sip:store.example;lr", "<sip:ana@sip.example>"))
        self.assertEqual([header.value for header in cpim.parse(made.body).all("IMDN-Route", imdn.HEADERS)],
                         ["<sip:store.example;lr>", "<sip:relay.example>"])
        self.assertEqual(str(self.made(told, evolve(TRUNK, next_hop=None)).uri), "sip:ana@sip.example")

    def test_displayed(self) -> None:
        """That it was shown is a display notification."""
        made = self.made(Notification("z9", ANA, BEN_AT_X, Outcome.DISPLAYED, hints=HINTS))
        self.assertEqual(imdn.parse(cpim.parse(made.body).content).kind, "display")

    def test_typing(self) -> None:
        """Typing is that of example 1.5 (COMP-1); idle says no more than that."""
        made = self.made(Composing(Party(BEN_AT_X), ANA, True, 90.0, "c-6f0e5e@iwf.sip.example"))
        self.assertEqual((made.get("Content-Type"), made.call_id),
                         ("application/im-iscomposing+xml", "c-6f0e5e@iwf.sip.example"))
        self.assertEqual(made.body.decode(), TYPING)
        self.assertNotIn(b"refresh", self.made(Composing(Party(BEN_AT_X), ANA, False)).body)


class ReadTests(SynchronousTestCase):
    """What comes in."""

    def read(self, kind: str, body: bytes, headers: str = "") -> object:
        asked = request(("Content-Type: text/plain", f"Content-Type: {kind}"), body=body, headers=headers)
        reading = read_message(asked, BEN_AT_X, TRUNK, (), NOW)
        return reading.event if isinstance(reading, Offered) else reading

    def test_wishes(self) -> None:
        """A wrapped text is a message with its sender's wishes, and what the answer needs (RCPT-5)."""
        body = WRAPPED.format(id="far-1").replace("\n", "\r\n").encode()
        taken = self.read(CPIM, body)
        assert isinstance(taken, Message)
        self.assertEqual((taken.text, taken.wants), ("hi", {Want.DELIVERED, Want.FAILED}))
        self.assertEqual(taken.sent_at, NOW)
        self.assertIn(("imdn-id", "far-1"), taken.hints)

    def test_route(self) -> None:
        """The servers by which a notification wants to go are kept, if they can be gone to (RCPT-6)."""
        for route, kept in (("<sip:store.example;lr>", ["sip:store.example;lr"]), ("<http://x/>", []), ("<sip:", []),
                            (f"<sip:{'x' * 600}>", [])):
            text = f"imdn.IMDN-Record-Route: {route}\n" + WRAPPED.format(id="1")
            taken = self.read(CPIM, text.replace("\n", "\r\n").encode())
            assert isinstance(taken, Message)
            self.assertEqual(routes_of(taken.hints), kept)

    def test_long_id(self) -> None:
        """An id that is too long to be kept is no id, so nothing is promised."""
        taken = self.read(CPIM, WRAPPED.format(id="x" * 600).replace("\n", "\r\n").encode())
        assert isinstance(taken, Message)
        self.assertEqual((taken.wants, taken.text), (frozenset(), "hi"))

    def test_receipt(self) -> None:
        """A notification about a message of ours is a receipt, from the user who sends it (RCPT-3)."""
        document = DOCUMENT.format(outcome="delivered").replace("9dK2vQ0mT7xY4bRe", "0123456789abcdef0123").encode()
        self.assertEqual(self.read("message/imdn+xml", document),
                         Receipt("sip:proxy", "0123456789abcdef0123|sip:ana@sip.example", Outcome.DELIVERED))

    def test_receipt_of_others(self) -> None:
        """What cannot be about a message of ours is taken and dropped (RCPT-3)."""
        reading = self.read("message/imdn+xml", DOCUMENT.format(outcome="delivered").encode())
        assert isinstance(reading, Status)
        self.assertEqual((reading.code, reading.rules), (202, ("RCPT-3",)))

    def test_typing(self) -> None:
        """Typing is taken though it says that it has expired, as one agent writes it (COMP-2)."""
        state = self.read("application/im-iscomposing+xml", TYPING.encode(), "Expires: 0\n")
        assert isinstance(state, Composing)
        self.assertEqual((state.origin.address, state.target, state.active, state.refresh, state.conversation),
                         (ANA, BEN_AT_X, True, 90.0, "4b1f0c9d7e@192.0.2.10"))


class HabitTests(SynchronousTestCase):
    """What is known of users."""

    def test_typing(self) -> None:
        """Typing is for who has written, until he refuses (COMP-4); capitals make no other user."""
        habits = Habits()
        self.assertFalse(habits.wants_typing(ANA))
        habits.wrote(Address("sip", "Ana", "sip.example"), "text/plain", None)
        self.assertTrue(habits.wants_typing(ANA))
        habits.refused_typing(ANA)
        habits.wrote(ANA, "text/plain", None)
        self.assertFalse(habits.wants_typing(ANA))

    def test_change_of_mind(self) -> None:
        """Who refused wrapped texts once and then sends some has another agent."""
        habits = Habits()
        habits.refused_cpim(ANA)
        habits.wrote(ANA, CPIM, None)
        self.assertTrue(habits.of(ANA).takes_cpim)

    def test_bounded(self) -> None:
        """Of any number of users the latest are remembered."""
        habits = Habits()
        habits.wrote(ANA, CPIM, None)
        for number in range(MOST):
            habits.wrote(Address("sip", f"u{number}", "h"), None, None)
        self.assertFalse(habits.of(ANA).has_written)
        self.assertTrue(habits.of(Address("sip", "u1", "h")).has_written)
