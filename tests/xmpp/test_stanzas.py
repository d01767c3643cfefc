"""Message stanzas and the neutral model."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.edge import Answered, Ignored, Offered, Reading
from iwf.mapping.model import (
    Address,
    Body,
    Failure,
    Kind,
    Message,
    Outcome,
    Party,
    Reason,
    Receipt,
    Want,
)
from iwf.xmpp.elements import octets_of
from iwf.xmpp.envelope import Unwritable
from iwf.xmpp.stanzas import read, ref_of, too_large, wire_id, write
from tests.xmpp.kit import (
    ANA,
    BEN,
    COMPONENT,
    DOMAIN,
    LANE,
    failure_to_ben,
    message,
    parse,
    text_to_ben,
)

NOW = 1_800_000_000.0


class Case(SynchronousTestCase):
    def offered(self, element: Element) -> Message:
        reading = read(element, COMPONENT, NOW)
        assert isinstance(reading, Offered), reading
        assert isinstance(reading.event, Message), reading
        return reading.event

    def assert_error(self, reading: Reading, condition: str, type: str) -> Element:
        assert isinstance(reading, Answered), reading
        answer = parse(reading.answer)
        self.assertEqual(answer["type"], "error")
        error = next(answer.elements())
        self.assertEqual(error["type"], type)
        self.assertEqual(next(error.elements()).name, condition)
        return answer

    def assert_ignored(self, element: Element) -> None:
        self.assertIsInstance(read(element, COMPONENT, NOW), Ignored)


class ReadingTests(Case):
    def test_example(self) -> None:
        """The message of example 1.2 arrives with everything the other side needs."""
        element = message(
            "<body>hi</body><thread>t1</thread><subject>s</subject>"
            "<nick xmlns='http://jabber.org/protocol/nick'> Ben\n B. </nick>"
            "<request xmlns='urn:xmpp:receipts'/>",
            type="chat",
        )
        self.assertEqual(
            self.offered(element),
            Message(
                id="m42",
                origin=Party(Address("xmpp", "ben", "xmpp.example", "pc"), "Ben B.", LANE),
                target=ANA,
                bodies=(Body("hi"),),
                kind=Kind.CHAT,
                conversation="t1",
                subject="s",
                hops=70,
                lane=LANE,
                wants=frozenset({Want.DELIVERED}),
            ),
        )

    def test_kinds(self) -> None:
        """Each type keeps its meaning; a headline can wait (MSG-7)."""
        for type, kind, urgency in (
            ("", Kind.NORMAL, 0),
            ("normal", Kind.NORMAL, 0),
            ("unheard-of", Kind.NORMAL, 0),
            ("chat", Kind.CHAT, 0),
            ("headline", Kind.HEADLINE, -1),
        ):
            offered = self.offered(message(type=type))
            self.assertEqual((offered.kind, offered.urgency), (kind, urgency))

    def test_groupchat(self) -> None:
        """Group chat to a user is refused (MSG-7; section 6)."""
        reading = read(message(type="groupchat"), COMPONENT, NOW)
        self.assert_error(reading, "service-unavailable", "cancel")

    def test_content_as_written(self) -> None:
        """Entities, CDATA, white space and astral characters arrive as the user meant them (MSG-12)."""
        inner = "<body> &lt;b&gt; <![CDATA[&amp;]]>&#9;\n\N{GRINNING FACE}&apos; </body>"
        self.assertEqual(self.offered(message(inner)).text, " <b> &amp;\t\n\N{GRINNING FACE}' ")

    def test_nothing_to_map(self) -> None:
        """Nameless receipts, carbons, goodbyes and empty bodies give nothing and no error (MSG-11)."""
        for inner in (
            "",
            "<body/>",
            "<body></body><gone xmlns='http://jabber.org/protocol/chatstates'/>",
            "<received xmlns='urn:xmpp:receipts'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0'/>",
            "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
            "<message xmlns='jabber:client'><body>x</body></message></forwarded></received>",
            "<body xmlns='other'>x</body>",
            "<x xmlns='jabber:x:oob'/><x xmlns='jabber:x:oob'><url/></x>",
            "<thread>t</thread>",
        ):
            self.assert_ignored(message(inner))

    def test_subject_alone(self) -> None:
        """A subject without body crosses as a subject (MSG-15)."""
        offered = self.offered(message("<subject>news</subject>"))
        self.assertEqual((offered.subject, offered.bodies), ("news", ()))

    def test_languages(self) -> None:
        """The body in the language of the stanza comes first, else the one without (MSG-10, 16)."""
        both = "<body xml:lang='fr'>oui</body><body xml:lang='de'>ja</body><body>yes</body>"
        for lang, texts, language in (
            ("de", ["ja", "yes", "oui"], "de"),
            ("", ["yes", "oui", "ja"], ""),
            ("*", ["yes", "oui", "ja"], ""),
            ("en", ["yes", "oui", "ja"], "en"),
        ):
            attributes = {"xml:lang": lang}
            offered = self.offered(message(both, **attributes))
            self.assertEqual(offered.text, texts[0])
            self.assertEqual({body.text for body in offered.bodies}, set(texts))
            self.assertEqual(offered.language, language)

    def test_sent_at(self) -> None:
        """A delay says when the text was written, in either format (MSG-20)."""
        for delay, seconds in {
            "<delay xmlns='urn:xmpp:delay' stamp='2026-03-01T10:15:00Z'/>": 1772360100.0,
            "<delay xmlns='urn:xmpp:delay' stamp='2026-03-01T11:15:00.500+01:00'/>": 1772360100.5,
            "<x xmlns='jabber:x:delay' stamp='20260301T10:15:00'/>": 1772360100.0,
            "<delay xmlns='urn:xmpp:delay' stamp='yesterday'/>": None,
            "<delay xmlns='urn:xmpp:delay' stamp='9999-99-99T99:99:59Z'/>": None,
            "<delay xmlns='urn:xmpp:delay'/>": None,
        }.items():
            self.assertEqual(self.offered(message(f"<body>x</body>{delay}")).sent_at, seconds)

    def test_expiry(self) -> None:
        """AMP and the older extension say until when a text is worth delivering (section 5)."""
        amp = "<amp xmlns='http://jabber.org/protocol/amp'><rule condition='{}' action='{}' value='{}'/></amp>"
        old = "<x xmlns='jabber:x:expire' seconds='{}'/>"
        for inner, seconds in {
            amp.format("expire-at", "drop", "2026-03-01T10:15:00Z"): 1772360100.0,
            amp.format("expire-at", "notify", "2026-03-01T10:15:00Z"): None,
            amp.format("deliver", "drop", "stored"): None,
            amp.format("expire-at", "drop", "soon"): None,
            old.format(60): NOW + 60,
            old.format(-1): None,
            old.format("x"): None,
            "<delay xmlns='urn:xmpp:delay' stamp='2026-03-01T10:15:00Z'/>"
            + old.format(60): 1772360160.0,
        }.items():
            self.assertEqual(self.offered(message(f"<body>x</body>{inner}")).expires_at, seconds)

    def test_hops(self) -> None:
        """Max-Forwards travels in a SHIM header, less one; none left is a loop (LOOP-2)."""
        shim = (
            "<body>x</body><headers xmlns='http://jabber.org/protocol/shim'><header/>"
            "<header name='Max-Forwards'>{}</header></headers>"
        )
        for value, hops in (("69", 68), ("1", 0), ("x", 70), ("-1", 70), ("9" * 99, 70)):
            self.assertEqual(self.offered(message(shim.format(value))).hops, hops)
        reading = read(message(shim.format("0")), COMPONENT, NOW)
        self.assert_error(reading, "not-acceptable", "modify")

    def test_urgency(self) -> None:
        """The Urgency header is kept (MSG-43)."""
        shim = (
            "<body>x</body><headers xmlns='http://jabber.org/protocol/shim'>"
            "<header name='Urgency'>{}</header></headers>"
        )
        for word, urgency in (("high", 1), ("low", -1), ("medium", 0), ("very", 0)):
            self.assertEqual(self.offered(message(shim.format(word))).urgency, urgency)

    def test_file_address(self) -> None:
        """The address of a shared file is sent once, or goes behind the text (MSG-24)."""
        oob = "<x xmlns='jabber:x:oob'><url>https://x.example/f</url></x>"
        for body, text in (
            ("<body>https://x.example/f</body>", "https://x.example/f"),
            ("<body>look</body>", "look\nhttps://x.example/f"),
            ("", "https://x.example/f"),
        ):
            self.assertEqual(self.offered(message(body + oob)).text, text)

    def test_encrypted(self) -> None:
        """What only the other end could read is refused, with a text (MSG-18)."""
        for inner in (
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>",
            "<x xmlns='jabber:x:encrypted'>x</x>",
        ):
            reading = read(message(f"<body>stand-in</body>{inner}"), COMPONENT, NOW)
            answer = self.assert_error(reading, "not-acceptable", "modify")
            self.assertIn("encrypted messages cannot cross the gateway", answer.toXml())
        self.assert_ignored(message("<encrypted xmlns='urn:xmpp:omemo:2'/>"))

    def test_correction(self) -> None:
        """A corrected text is sent again, marked (MSG-19)."""
        inner = "<body>hi!</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"
        self.assertEqual(self.offered(message(inner)).text, "* hi!")

    def test_repetition(self) -> None:
        """Only an origin-id with the same text names the same message; plain ids repeat."""
        keys = [
            self.offered(message(f"<body>{text}</body>{id}")).key
            for text, id in (
                ("a", "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"),
                ("a", "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"),
                ("b", "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"),
                ("a", ""),
            )
        ]
        self.assertEqual(keys[0], keys[1])
        self.assertNotEqual(keys[0], keys[2])
        self.assertEqual(keys[3], "")

    def test_remembered_spelling(self) -> None:
        """A server that is known by A-labels is answered by A-labels (ADDR-22)."""
        for sender, spelling in (
            ("ben@xn--bcher-kva.example/pc", "ben@xn--bcher-kva.example"),
            ("ben@bücher.example/pc", ""),
            ("ben@xmpp.example/pc", ""),
        ):
            self.assertEqual(self.offered(message(from_=sender)).origin.spelling, spelling)


class AddressTests(Case):
    def test_malformed(self) -> None:
        """Who writes to an address that nobody can have is told so (ADDR-2, 9, 12)."""
        for to in ("a\\5cb*x@", "a\\20@", "&#13;&#10;Via: x@", "a b@"):
            answer = self.assert_error(
                read(message(to=to + DOMAIN), COMPONENT, NOW), "jid-malformed", "modify"
            )
            self.assertEqual(answer["to"], "ben@xmpp.example/pc")
            self.assertTrue(answer["from"].endswith(DOMAIN))
            self.assertNotIn("\n", answer.toXml())

    def test_malformed_sender(self) -> None:
        """A sender we cannot read is told so, under the name his server gave him (ADDR-1)."""
        reading = read(message(from_="\N{GRINNING FACE}@xmpp.example"), COMPONENT, NOW)
        answer = self.assert_error(reading, "jid-malformed", "modify")
        self.assertEqual(answer["to"], "\N{GRINNING FACE}@xmpp.example")

    def test_not_for_us(self) -> None:
        """A stanza that is not to our domain, or from or to nobody, is dropped (XMPP-11)."""
        for attributes in ({"to": ""}, {"to": "a@x.example"}, {"to": "a@@b"}):
            self.assert_ignored(message(**attributes))

    def test_own_domains(self) -> None:
        """A stanza from one of our own domains is dropped: it can only be a loop (LOOP-5)."""
        for domain in (DOMAIN, "sms.xmpp.example", "SMS.xmpp.example."):
            self.assert_ignored(message(from_=f"x*y@{domain}"))

    def test_not_a_stanza(self) -> None:
        """Unknown elements are no reason for anything."""
        for text in ("<message xmlns='jabber:client'><body>x</body></message>", "<strange/>"):
            self.assert_ignored(parse(text))

    def test_too_large(self) -> None:
        """Who sends too much is told so, unless it was an error (XMPP-11, ERR-1)."""
        self.assert_error(too_large(message(), COMPONENT), "policy-violation", "modify")
        self.assertIsInstance(too_large(message(type="error"), COMPONENT), Ignored)


class ErrorTests(Case):
    INNER = (
        "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    )

    def test_matched(self) -> None:
        """An error stanza is news about the stanza we wrote to that address (ERR-1, MSG-33)."""
        item = text_to_ben(id="m42")
        for sender, everywhere in (("ben@xmpp.example", True), ("ben@xmpp.example/pc", False)):
            reading = read(message(self.INNER, type="error", from_=sender), COMPONENT, NOW)
            assert isinstance(reading, Offered)
            self.assertEqual(
                reading.event,
                Receipt(
                    LANE,
                    ref_of(wire_id(item), item.payload.target),  # type: ignore[union-attr]
                    Outcome.FAILED,
                    Failure(Reason.UNKNOWN_RECIPIENT, everywhere=everywhere),
                ),
            )

    def test_reference(self) -> None:
        """The reference of a stanza is its id and the bare address it went to."""
        self.assertEqual(ref_of("m42", BEN), "m42|xmpp:ben@xmpp.example")

    def test_never_answered(self) -> None:
        """Whatever is wrong with an error, it is not answered (ERR-1)."""
        for attributes in ({"id": ""}, {"to": f"a\\5cb@{DOMAIN}"}, {"from_": "\r\n@x"}):
            self.assert_ignored(message(self.INNER, type="error", **attributes))


class WritingTests(Case):
    def wire(self, **fields: object) -> str:
        return octets_of(write(text_to_ben(**fields), COMPONENT)).decode()  # type: ignore[arg-type]

    def test_example(self) -> None:
        """The stanza is that of example 1.1 (MSG-1..9)."""
        text = self.wire(
            text="Grüße\r\nAna",
            id="z9hG4bK7f3a",
            origin=Party(ANA, "Ana"),
            language="de",
            conversation="4b1f0c9d7e@192.0.2.10",
        )
        self.assertEqual(
            text,
            "<message from='ana*sip.example@s.xmpp.example' to='ben@xmpp.example' id='z9hG4bK7f3a'"
            " xml:lang='de'><body>Grüße\nAna</body><thread>4b1f0c9d7e@192.0.2.10</thread>"
            "<nick xmlns='http://jabber.org/protocol/nick'>Ana</nick></message>",
        )

    def test_kinds(self) -> None:
        """The type is absent, or chat where the user chats (MSG-8)."""
        self.assertNotIn("type=", self.wire())
        self.assertNotIn("type=", self.wire(kind=Kind.HEADLINE))
        self.assertIn(" type='chat' ", self.wire(kind=Kind.CHAT))

    def test_no_id(self) -> None:
        """A message without id goes out under that of its item, the same at every attempt."""
        self.assertIn(" id='item-'", self.wire(id=""))

    def test_languages(self) -> None:
        """Each language is written once, the first one on the stanza (MSG-16)."""
        bodies = (Body("ja", "de"), Body("oui", "fr"), Body("si", "fr"), Body("x", "not a tag"))
        self.assertIn(
            " xml:lang='de'><body>ja</body><body xml:lang='fr'>oui</body></message>",
            self.wire(bodies=bodies),
        )

    def test_delay(self) -> None:
        """A text older than a minute says when it was sent (MSG-20)."""
        self.assertIn(
            "<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:15:39Z' from='s.xmpp.example'/>",
            self.wire(sent_at=939.9),
        )
        self.assertNotIn("<delay", self.wire(sent_at=941.0))
        self.assertNotIn("<delay", self.wire(sent_at=-1e30))

    def test_tells_hops(self) -> None:
        """Where it is wanted a message says how often it may be passed on; what we write we read (LOOP-2)."""
        self.assertNotIn("Max-Forwards", self.wire())
        telling = evolve(COMPONENT, tells_hops=True)
        for urgency in (0, 1):
            stanza = parse(octets_of(write(text_to_ben(hops=17, urgency=urgency), telling)))
            stanza["from"], stanza["to"] = "ben@xmpp.example/pc", f"ana*sip.example@{DOMAIN}"
            self.assertEqual((self.offered(stanza).hops, self.offered(stanza).urgency), (16, urgency))

    def test_urgency(self) -> None:
        """Urgency is a SHIM header (MSG-43)."""
        header = "<headers xmlns='http://jabber.org/protocol/shim'><header name='Urgency'>{}<"
        self.assertIn(header.format("high"), self.wire(urgency=2))
        self.assertIn(header.format("low"), self.wire(urgency=-1))

    def test_remembered_spelling(self) -> None:
        """A remembered spelling is used if it still names the target (ADDR-22)."""
        target = Address("xmpp", "ben", "xn--bcher-kva.example", "pc")
        for spelling, to in (
            ("ben@xn--bcher-kva.example", "ben@xn--bcher-kva.example/pc"),
            ("", "ben@bücher.example/pc"),
            ("eve@evil.example", "ben@bücher.example/pc"),
            ("\r\n", "ben@bücher.example/pc"),
        ):
            self.assertIn(f" to='{to}' ", self.wire(target=target, target_spelling=spelling))

    def test_unwritable(self) -> None:
        """What would cost us the stream is refused before it is written (XMPP-5, ADDR-16)."""
        for fields, reason in (
            ({"origin": Party(Address("xmpp", "a", "elsewhere.example"))}, Reason.INTERNAL),
            ({"origin": Party(Address("xmpp", "a\x00b", DOMAIN))}, Reason.MALFORMED_ADDRESS),
            ({"target": Address("xmpp", "ben", "x\r\ny")}, Reason.MALFORMED_ADDRESS),
            ({"target": Address("xmpp", "ben", "x", "\x01")}, Reason.MALFORMED_ADDRESS),
            ({"bodies": (Body("<b>", type="text/html"),)}, Reason.UNSUPPORTED_CONTENT),
        ):
            with self.assertRaises(Unwritable) as caught:
                write(text_to_ben(**fields), COMPONENT)  # type: ignore[arg-type]
            self.assertIs(caught.exception.failure.reason, reason)

    def test_report(self) -> None:
        """A failure report is the error stanza of example 1.4 (ERR-2)."""
        item = failure_to_ben(Failure(Reason.UNKNOWN_RECIPIENT, text="Not Found"))
        self.assertEqual(
            octets_of(write(item, COMPONENT)).decode(),
            "<message type='error' from='ana*sip.example@s.xmpp.example' to='ben@xmpp.example/pc' "
            "id='m42'><error type='cancel' by='s.xmpp.example'>"
            "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Not Found</text>"
            "</error></message>",
        )
