"""Receipts and typing on the XMPP side."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.edge import Ignored, Offered
from iwf.mapping.model import (
    Accepted,
    Address,
    Composing,
    Item,
    Kind,
    Message,
    Notification,
    Outcome,
    Party,
    Receipt,
    Want,
)
from iwf.xmpp.disco import PHONE_FEATURES
from iwf.xmpp.elements import octets_of
from iwf.xmpp.envelope import Unwritable
from iwf.xmpp.stanzas import read, write
from iwf.xmpp.typing import MOST_HEARD, Heard, Shown
from tests.xmpp.kit import (
    ANA,
    BEN,
    COMPONENT,
    LANE,
    PHONE_COMPONENT,
    message,
    parse,
    text_to_ben,
)
from tests.xmpp.server import EdgeCase

NOW = 1_000.0
STATES = "http://jabber.org/protocol/chatstates"
BEN_PC = Address("xmpp", "ben", "xmpp.example", "pc")


def state_to_ben(active: bool = True, refresh: float = 90.0, id: str = "c1") -> Item:
    """An item that shows ana typing, or not."""
    return Item(id, LANE, "s", Composing(Party(ANA), BEN, active, refresh, "t1"))


def names(element: Element) -> list[str]:
    """The children of a stanza."""
    return [str(one.name) for one in element.elements()]


class ReadingTests(SynchronousTestCase):
    """What users send."""

    def offered(self, inner: str, **attributes: str) -> object:
        reading = read(message(inner, **attributes), COMPONENT, NOW)
        self.assertIsInstance(reading, Offered)
        assert isinstance(reading, Offered)
        return reading.event

    def test_requests(self) -> None:
        """A user who asks for a receipt or can be told of the display says so (RCPT-1)."""
        for inner, wants in (
            ("<request xmlns='urn:xmpp:receipts'/>", {Want.DELIVERED}),
            ("<markable xmlns='urn:xmpp:chat-markers:0'/>", {Want.DISPLAYED}),
            (
                "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>",
                {Want.DELIVERED, Want.DISPLAYED},
            ),
            ("<request xmlns='urn:xmpp:other'/>", set()),
        ):
            event = self.offered(f"<body>hi</body>{inner}")
            assert isinstance(event, Message)
            self.assertEqual(event.wants, wants)

    def test_request_without_id(self) -> None:
        """A message that has no id cannot be acknowledged, so nothing is asked for (RCPT-3)."""
        event = self.offered("<body>hi</body><request xmlns='urn:xmpp:receipts'/>", id="")
        assert isinstance(event, Message)
        self.assertEqual(event.wants, frozenset())

    def test_receipts(self) -> None:
        """Receipts and markers name a message of ours, in the words of every version (RCPT-10)."""
        for name, namespace, outcome in (
            ("received", "urn:xmpp:receipts", Outcome.DELIVERED),
            ("received", "urn:xmpp:chat-markers:0", Outcome.DELIVERED),
            ("displayed", "urn:xmpp:chat-markers:0", Outcome.DISPLAYED),
            ("acknowledged", "urn:xmpp:chat-markers:0", Outcome.DISPLAYED),
        ):
            event = self.offered(f"<{name} xmlns='{namespace}' id='m1'/>")
            self.assertEqual(event, Receipt(LANE, "m1|xmpp:ben@xmpp.example", outcome))

    def test_receipt_beside_a_text(self) -> None:
        """A text that carries a receipt is a text."""
        event = self.offered("<body>hi</body><received xmlns='urn:xmpp:receipts' id='m1'/>")
        self.assertIsInstance(event, Message)

    def test_states(self) -> None:
        """Who composes is active, who pauses, rests or just came is idle (COMP-3)."""
        for state in ("composing", "paused", "active", "inactive"):
            event = self.offered(f"<{state} xmlns='{STATES}'/><thread>t1</thread>", type="chat")
            self.assertEqual(
                event,
                Composing(
                    Party(BEN_PC, asserted_by=LANE),
                    ANA,
                    state == "composing",
                    90.0,
                    "t1",
                    LANE,
                ),
            )

    def test_typing_to_phone(self) -> None:
        """Typing does not go to phones (COMP-7)."""
        element = message(f"<composing xmlns='{STATES}'/>", to="+4917012345@sms.xmpp.example")
        reading = read(element, PHONE_COMPONENT, NOW)
        self.assertIsInstance(reading, Ignored)
        self.assertEqual(reading.rules, ("COMP-7",))
        self.assertNotIn(STATES, PHONE_FEATURES)

    def test_bounced_receipt(self) -> None:
        """An error for a receipt of ours is news of a message, never answered (ERR-1)."""
        event = self.offered("<received xmlns='urn:xmpp:receipts' id='m1'/>", type="error")
        assert isinstance(event, Receipt)
        self.assertIs(event.outcome, Outcome.FAILED)


class WritingTests(SynchronousTestCase):
    """What users get."""

    def test_acknowledgement(self) -> None:
        """The acknowledgement of example 1.3 comes from the contact and holds nothing else (RCPT-3)."""
        told = Notification("m42", BEN_PC, ANA, Outcome.DELIVERED, Kind.CHAT)
        stanza = write(Item("r-1", LANE, "s", told), COMPONENT)
        self.assertEqual(
            octets_of(stanza).decode(),
            "<message type='chat' from='ana*sip.example@s.xmpp.example' to='ben@xmpp.example/pc'"
            " id='r-1'><received xmlns='urn:xmpp:receipts' id='m42'/></message>",
        )

    def test_displayed(self) -> None:
        """That a message was shown is a marker (XEP-0333)."""
        told = Notification("m42", BEN_PC, ANA, Outcome.DISPLAYED)
        stanza = write(Item("r-1", LANE, "s", told), COMPONENT)
        self.assertIn("<displayed xmlns='urn:xmpp:chat-markers:0' id='m42'/>", stanza.toXml())

    def test_failure_is_no_receipt(self) -> None:
        """There is no receipt for a failure: errors say that."""
        told = Notification("m42", BEN_PC, ANA, Outcome.FAILED)
        self.assertRaises(Unwritable, write, Item("r-1", LANE, "s", told), COMPONENT)

    def test_requests(self) -> None:
        """A text whose sender wants to know asks its recipient (RCPT-5)."""
        for wants, expected in (
            ({Want.DELIVERED}, ["body", "request"]),
            ({Want.DISPLAYED}, ["body", "markable"]),
            ({Want.FAILED}, ["body"]),
            (set(Want), ["body", "request", "markable"]),
        ):
            stanza = write(text_to_ben(wants=frozenset(wants)), COMPONENT)
            self.assertEqual(names(stanza), expected)
            self.assertTrue(stanza["id"])

    def test_state(self) -> None:
        """A state of its own is of type chat, is not stored, and keeps the thread (COMP-6)."""
        self.assertEqual(
            octets_of(write(state_to_ben(), COMPONENT)).decode(),
            "<message type='chat' from='ana*sip.example@s.xmpp.example' to='ben@xmpp.example'>"
            f"<composing xmlns='{STATES}'/><no-store xmlns='urn:xmpp:hints'/><thread>t1</thread>"
            "</message>",
        )


class ShownTests(SynchronousTestCase):
    """The machine that decides which states users are shown."""

    def setUp(self) -> None:
        self.typing = Shown()

    def told(self, active: bool, now: float, refresh: float = 90.0) -> bool:
        payload = state_to_ben(active, refresh).payload
        assert isinstance(payload, Composing)
        return self.typing.told(payload, now)

    def test_only_to_those_who_know(self) -> None:
        """States go to a user only after he has sent one to that contact (COMP-5)."""
        self.assertFalse(self.told(True, 0))
        self.typing.heard(BEN, Address("xmpp", "other", "s.xmpp.example"))
        self.assertFalse(self.told(True, 0))
        self.typing.heard(BEN_PC, ANA)
        self.assertTrue(self.told(True, 0))

    def test_refresh(self) -> None:
        """Typing that is not repeated within its refresh is over; a repetition prolongs it (COMP-2)."""
        self.typing.heard(BEN, ANA)
        self.told(True, 0)
        self.assertFalse(self.told(True, 60))
        self.assertEqual(self.typing.next_timer(), 150)
        self.assertEqual(self.typing.handle_timer(149.9), [])
        (idle,) = self.typing.handle_timer(150)
        self.assertFalse(idle.active)
        self.assertIsNone(self.typing.next_timer())
        self.assertFalse(self.told(False, 151))

    def test_text_ends_typing(self) -> None:
        """A text says by itself that its sender has stopped typing (COMP-2)."""
        self.typing.heard(BEN, ANA)
        self.told(True, 0)
        payload = text_to_ben().payload
        assert isinstance(payload, Message)
        self.assertTrue(self.typing.written(payload))
        other = text_to_ben(target=Address("xmpp", "eva", "xmpp.example")).payload
        assert isinstance(other, Message)
        self.assertFalse(self.typing.written(other))
        self.assertIsNone(self.typing.next_timer())
        self.assertFalse(self.told(False, 1))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(["active", "idle", "text", "timer"]),
                              st.floats(-10, 200)), max_size=30))  # fmt: skip
    def test_never_twice(self, events: list[tuple[str, float]]) -> None:
        """Whatever happens in whatever order, no state is written twice in a row (COMP-5)."""
        self.typing = Shown()
        self.typing.heard(BEN, ANA)
        written = [False]
        now = 0.0
        text = text_to_ben().payload
        assert isinstance(text, Message)
        for event, passed in events:
            now += passed
            if event == "text":
                self.typing.written(text)
                written.append(False)
                continue
            if event == "timer":
                states = [idle.active for idle in self.typing.handle_timer(now)]
            else:
                is_active = event == "active"
                states = [is_active] if self.told(is_active, now) else []
            for state in states:
                self.assertNotEqual(state, written[-1])
                written.append(state)

    def test_memory_is_bounded(self) -> None:
        """Any number of pairs is remembered up to a limit, the latest ones."""
        self.typing.heard(BEN, ANA)
        for number in range(MOST_HEARD):
            self.typing.heard(BEN, Address("xmpp", f"u{number}", "s.xmpp.example"))
        self.assertFalse(self.told(True, 0))
        self.typing.heard(BEN, ANA)
        self.assertTrue(self.told(True, 0))


class HeardTests(SynchronousTestCase):
    """The machine that repeats what users say only once."""

    def setUp(self) -> None:
        self.heard = Heard()

    def said(self, active: bool, now: float) -> bool:
        return self.heard.said(Composing(Party(BEN), ANA, active), now)

    def due(self, now: float) -> list[bool]:
        return [state.active for state in self.heard.handle_timer(now)]

    def test_repeated(self) -> None:
        """Composing is told at once and every 60 s, and after 120 s in silence it is over (COMP-3)."""
        self.assertTrue(self.said(True, 0))
        self.assertEqual(self.heard.next_timer(), 60)
        self.assertEqual([self.due(now) for now in (59, 60, 61, 119)], [[], [True], [], []])
        self.assertEqual(self.due(120), [False])
        self.assertIsNone(self.heard.next_timer())

    def test_prolonged(self) -> None:
        """Who says again that he composes is not told of twice, but longer (COMP-3)."""
        self.said(True, 0)
        self.assertFalse(self.said(True, 50))
        self.assertEqual([self.due(now) for now in (60, 120, 169)], [[True], [True], []])
        self.assertEqual(self.due(170), [False])

    def test_paused(self) -> None:
        """A pause is told, and only if there was something to pause (COMP-3)."""
        self.assertFalse(self.said(False, 0))
        self.said(True, 1)
        self.assertTrue(self.said(False, 2))
        self.assertFalse(self.said(False, 3))
        self.assertIsNone(self.heard.next_timer())

    def test_text(self) -> None:
        """A text ends typing without a word (COMP-3)."""
        self.said(True, 0)
        self.heard.wrote(Message("m1", Party(BEN), ANA))
        self.assertEqual(self.due(500), [])

    def test_clock_goes_back(self) -> None:
        """A clock that goes backwards means that no time has passed."""
        self.said(True, 1000)
        self.assertEqual(self.due(10), [])
        self.assertEqual(self.heard.next_timer(), 1060)


class EdgeTests(EdgeCase):
    """Through the edge, with its timer."""

    def test_typing(self) -> None:
        """Ana is seen typing, and then not any more though nobody says so; texts say active."""
        server = self.connect()
        self.assertEqual(self.deliver(state_to_ben()), [Accepted(state_to_ben())])
        self.assertEqual(self.echo(server), [])
        server.send(octets_of(message(f"<body>hi</body><active xmlns='{STATES}'/>")))
        self.deliver(state_to_ben(id="c2"))
        (composing,) = self.echo(server)
        self.assertEqual(names(composing), ["composing", "no-store", "thread"])
        self.clock.advance(90)
        self.assertEqual([names(one) for one in self.echo(server)], [["active", "no-store", "thread"]])
        self.deliver(text_to_ben())
        (text,) = self.echo(server)
        self.assertEqual(names(text), ["body", "active"])

    def test_typing_reaches_the_core(self) -> None:
        """A state is offered to the core, and whatever comes of it, nobody is told (COMP-8)."""
        server = self.connect()
        server.send(octets_of(message(f"<composing xmlns='{STATES}'/>", type="chat")))
        self.clock.advance(60)
        self.clock.advance(60)
        states = [event.active for event in self.core.events if isinstance(event, Composing)]
        self.assertEqual(states, [True, True, False])
        self.assertEqual(self.echo(server), [])

    def test_receipt_before_the_echo(self) -> None:
        """A receipt may overtake the echo that confirms its message: both reach the core."""
        server = self.connect()
        news = self.deliver(text_to_ben(wants=frozenset({Want.DELIVERED})))
        self.clock.advance(0)
        server.send(octets_of(parse(
            "<message from='ben@xmpp.example/pc' to='ana*sip.example@s.xmpp.example'>"
            "<received xmlns='urn:xmpp:receipts' id='m1'/></message>")))
        self.assertEqual(self.core.events,
                         [Receipt(LANE, "m1|xmpp:ben@xmpp.example", Outcome.DELIVERED)])
        self.assertEqual(news, [])

    def test_stop_while_somebody_types(self) -> None:
        """No timer is left behind when the edge stops."""
        server = self.connect()
        server.send(octets_of(message(f"<active xmlns='{STATES}'/>")))
        self.deliver(state_to_ben())
        self.echo(server)
        self.echo(server)
        self.edge.stopService()
        self.clock.advance(3)
        server.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
