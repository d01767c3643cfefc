"""Hostile and odd stanzas, in both directions."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.edge import Answered
from iwf.mapping.model import Party
from iwf.xmpp.elements import NS_COMPONENT, octets_of
from iwf.xmpp.stanzas import read, wire_id, write
from tests.xmpp.kit import ANA, COMPONENT, DOMAIN, parse, text_to_ben

NOW = 1_800_000_000.0

ANYTHING = st.text(max_size=30)
NAMES = st.sampled_from((
    "message", "presence", "iq", "body", "subject", "thread", "error", "x", "delay", "headers",
    "header", "amp", "rule", "query", "ping", "url", "nick", "encrypted", "text", "gone", "vCard",
    "show", "status", "priority", "idle", "event", "items", "item", "mood", "activity", "tune", "geoloc",
    "prompt", "lat", "length",
))  # fmt: skip
SPACES = st.sampled_from((
    NS_COMPONENT, "urn:ietf:params:xml:ns:xmpp-stanzas", "urn:xmpp:delay", "jabber:x:oob",
    "http://jabber.org/protocol/shim", "http://jabber.org/protocol/amp", "jabber:x:expire",
    "http://jabber.org/protocol/disco#info", "urn:xmpp:ping", "vcard-temp", "", "other",
    "urn:xmpp:idle:1", "http://jabber.org/protocol/pubsub#event", "http://jabber.org/protocol/mood",
    "http://jabber.org/protocol/geoloc", "jabber:iq:gateway",
))  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.sampled_from(("from", "to", "id", "type", "stamp", "seconds", "name", "node", "condition",
                     "action", "value", "since", ("http://www.w3.org/XML/1998/namespace", "lang"))),
    st.one_of(ANYTHING, st.sampled_from((f"ana*sip.example@{DOMAIN}", DOMAIN, "ben@xmpp.example/pc",
              "error", "get", "set", "subscribe", "probe", "unavailable",
              "http://jabber.org/protocol/mood", "http://jabber.org/protocol/geoloc", "expire-at", "drop",
              "Max-Forwards"))),
    max_size=5,
)  # fmt: skip


@st.composite
def elements(draw: st.DrawFn, depth: int = 2) -> Element:
    element = Element((draw(SPACES), draw(NAMES)))
    element.attributes = draw(ATTRIBUTES)
    if depth:
        element.children = draw(st.lists(st.one_of(ANYTHING, elements(depth - 1)), max_size=4))
    return element


class HostileTests(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @given(elements(), st.booleans())
    def test_any_element(self, element: Element, is_addressed: bool) -> None:
        """No well-formed element makes the reader raise, and no answer leaves our domain."""
        if is_addressed:
            element.uri = NS_COMPONENT
            element.attributes |= {"from": "ben@xmpp.example/pc", "to": f"a*b@{DOMAIN}"}
        reading = read(element, evolve(COMPONENT, rich=True), NOW)
        if isinstance(reading, Answered):
            answer = parse(b"<x>" + reading.answer + b"</x>")
            for stanza in answer.elements():
                self.assertTrue(stanza["from"].partition("/")[0].endswith(DOMAIN))

    @settings(max_examples=200, deadline=None)
    @given(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING)
    def test_any_text(self, text: str, subject: str, name: str, id: str, thread: str) -> None:
        """Whatever the other side wrote, our stanza is well-formed XML (MSG-12, XMPP-12)."""
        item = text_to_ben(
            text, id, subject=subject, conversation=thread, origin=Party(ANA, name), language=name
        )
        element = parse(octets_of(write(item, COMPONENT)))
        self.assertEqual(element.name, "message")
        self.assertEqual(element["id"], wire_id(item))

    @settings(max_examples=100, deadline=None)
    @given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1))
    def test_there_and_back(self, text: str) -> None:
        """A text that XML can carry arrives unchanged (MSG-12)."""
        wanted = text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
        element = parse(octets_of(write(text_to_ben(text), COMPONENT)))
        self.assertEqual("".join(next(element.elements()).children), wanted)

    def test_poison(self) -> None:
        """Line ends, NUL and control characters become what XML allows (MSG-12)."""
        for text, written in (
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a\x00b\x08c", "a\ufffdb\ufffdc"),
            ("\ud83d", "\ufffd"),
            ("x" * 70_000, "x" * 70_000),
        ):
            octets = octets_of(write(text_to_ben(text), COMPONENT))
            self.assertIn(f"<body>{written}</body>".encode(), octets)

    def test_stars(self) -> None:
        """A star in a user part is a character like others (ADDR-13)."""
        origin = Party(evolve(ANA, user="a*b*sip.example"))
        octets = octets_of(write(text_to_ben(origin=origin), COMPONENT))
        self.assertIn(b" from='a*b*sip.example@s.xmpp.example' ", octets)
