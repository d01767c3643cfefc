"""MESSAGE to neutral and back (messages.md sections 1 to 5, examples.md 1)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.edge import Offered
from iwf.mapping.model import Address, Body, Failure, Kind, Message, Party, Reason
from iwf.sip.messaging.author import PAGE_LIMIT, write
from iwf.sip.messaging.pager import read_message
from iwf.sip.reasons import ACCEPT, Status
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request, parse_message
from tests.sip.samples import (
    ANA,
    BEN_AT_X,
    NOW,
    SETTINGS,
    TRUNK,
    VIA,
    item,
    message,
    octets,
    request,
)

HOSTS = frozenset({"x.sip.example", "sms.sip.example"})


def read(asked: Request, **trunk: object) -> Offered | Status:
    return read_message(asked, BEN_AT_X, evolve(TRUNK, **trunk), HOSTS, NOW)  # type: ignore[arg-type]


class ReadTests(SynchronousTestCase):
    """What SIP users send."""

    def taken(self, asked: Request, **trunk: object) -> Message:
        reading = read(asked, **trunk)
        self.assertIsInstance(reading, Offered)
        assert isinstance(reading, Offered) and isinstance(reading.event, Message)
        return reading.event

    def refused(self, asked: Request, **trunk: object) -> Status:
        reading = read(asked, **trunk)
        self.assertIsInstance(reading, Status)
        assert isinstance(reading, Status)
        return reading

    def test_sample_1_1(self) -> None:
        """The MESSAGE of examples.md 1.1, field by field (MSG-1 to 9, 16)."""
        taken = self.taken(request())
        self.assertEqual(taken, Message(
            id="z9hG4bK7f3a",
            origin=Party(ANA, "Ana", asserted_by="sip:proxy"),
            target=BEN_AT_X,
            bodies=(Body("Grüße\nAna", "de"),),
            kind=Kind.NORMAL,
            conversation="4b1f0c9d7e@192.0.2.10",
            language="de",
            hops=68,
            key=taken.key,
            lane="sip:proxy",
        ))
        self.assertTrue(taken.key)

    def test_draft_profile(self) -> None:
        """In the profile of the draft the id is the CSeq number (MSG-6)."""
        self.assertEqual(self.taken(request(), profile="draft").id, "5")

    def test_branch_without_cookie(self) -> None:
        """A branch that is not unique is no id; the core makes one (MSG-5)."""
        for branch in ("z9hG4bK", "7f3a", "1"):
            self.assertEqual(self.taken(request(("z9hG4bK7f3a", branch))).id, "")

    def test_key(self) -> None:
        """The same message in another transaction has the same key; any other message has not (SIP-26)."""
        key = self.taken(request()).key
        self.assertEqual(self.taken(request(("z9hG4bK7f3a", "z9hG4bKother"))).key, key)
        for change in (("Grüße", "Hallo"), ("tag=a1", "tag=a2"), ("CSeq: 5", "CSeq: 6"), ("4b1f0c9d7e", "4b1f0c9d7f")):
            self.assertNotEqual(self.taken(request(change)).key, key)
        self.assertNotEqual(self.taken(request(), name="other").key, key)

    def test_instance_of_the_sender(self) -> None:
        """gr names the sender's device, inside the brackets or, as the RFCs print it, outside (ADDR-31, 34)."""
        for spelling in ("sip.example;gr=desk>;tag", "sip.example>;gr=desk;tag"):
            taken = self.taken(request(("sip.example>;tag", spelling)))
            self.assertEqual(taken.origin.address, evolve(ANA, instance="desk"))

    def test_spelling_is_kept(self) -> None:
        """The exact URI of the sender is remembered (ADDR-22), unless it is no text."""
        party = self.taken(request(("<sip:ana@", "<sip:A%6Ea@"))).origin
        self.assertEqual((party.address.user, party.spelling), ("Ana", "sip:A%6Ea@sip.example"))
        raw = request(("sip.example>;tag", "sip.example;x=QQ>;tag")).to_bytes()
        bad = parse_message(raw.replace(b"x=QQ", b"x=\xff\xfe"))
        assert isinstance(bad, Request)
        self.assertEqual(self.taken(bad).origin.spelling, "")

    def test_anonymous(self) -> None:
        """Anonymous senders are refused, unless a trusted trunk tells who they are (MSG-1, SIP-64)."""
        hidden = ('"Ana" <sip:ana@sip.example>', '"Anonymous" <sip:anonymous@anonymous.invalid>')
        asserted = 'P-Asserted-Identity: "Ana" <sip:ana@sip.example>\n'
        self.assertEqual(self.refused(request(hidden)).code, 403)
        self.assertEqual(self.refused(request(hidden, headers=asserted)).code, 403)
        self.assertEqual(self.refused(request(hidden), trusted_identity=True).code, 403)
        party = self.taken(request(hidden, headers=asserted), trusted_identity=True).origin
        self.assertEqual((party.address, party.name), (ANA, "Ana"))

    def test_asserted_identity_of_the_named(self) -> None:
        """P-Asserted-Identity replaces From only when From is anonymous (MSG-1)."""
        asserted = request(headers="P-Asserted-Identity: <sip:bob@sip.example>\n")
        self.assertEqual(self.taken(asserted, trusted_identity=True).origin.address, ANA)

    def test_sender_without_image(self) -> None:
        """A sender who has no address in other worlds is refused with 403 (addressing.md 9)."""
        for sender in ("sip:%FF@sip.example", "sip:a%00@sip.example", "tel:7042", "mailto:a@b", "sip:%20a@sip.example"):
            self.assertEqual(self.refused(request(("sip:ana@sip.example", sender))).code, 403, sender)

    def test_sender_is_a_phone(self) -> None:
        """A tel URI as sender is a phone (ADDR-37)."""
        taken = self.taken(request(("sip:ana@sip.example", "tel:+1-555-0100")))
        self.assertEqual(taken.origin.address, Address("tel", "+15550100"))

    def test_sender_behind_our_own_alias(self) -> None:
        """A sender at an alias of ours is seen there whatever the port, so that the loop is noticed (ADDR-23)."""
        taken = self.taken(request(("sip:ana@sip.example", "sip:a*b@x.sip.example:5060")))
        self.assertEqual(taken.origin.address.domain, "x.sip.example")

    def test_charsets(self) -> None:
        """Other charsets are converted (MSG-9)."""
        for charset, text, body in (
            ("iso-8859-1", "Grüße", b"Gr\xfc\xdfe"), ('"UTF-8"', "Grüße", "Grüße".encode()),
            ("utf-16", "Grüße", "Grüße".encode("utf-16")), ("Windows-1252", "Grüße", b"Gr\xfc\xdfe"),
            ("koi8-r", "да", b"\xc4\xc1"),
        ):
            asked = request(("text/plain", f"text/plain; charset={charset}"), body=body)
            self.assertEqual(self.taken(asked).text, text)

    def test_unknown_charset(self) -> None:
        """Unknown charsets are refused with 415, names of Python's that are no charsets too (MSG-9)."""
        for charset in ("klingon", "rot13", "hex", "idna", "unicode_escape", "utf-7", "iso-8859-12", "..", "undefined"):
            status = self.refused(request(("text/plain", f"text/plain;charset={charset}")))
            self.assertEqual((status.code, dict(status.headers)["Accept"]), (415, "text/plain;charset=utf-8"), charset)

    def test_not_in_its_charset(self) -> None:
        """Octets that are not in their charset are refused with 400 (MSG-12)."""
        self.assertEqual(self.refused(request(body=b"Gr\xfc\xdfe")).code, 400)
        self.assertEqual(self.refused(request(("text/plain", "text/plain;charset=us-ascii"))).code, 400)

    def test_other_content(self) -> None:
        """Any other content is refused with 415 and Accept (MSG-21)."""
        for kind in ("image/png", "application/pkcs7-mime", "x/y"):
            status = self.refused(request(("text/plain", kind)))
            self.assertEqual((status.code, status.headers), (415, (("Accept", ACCEPT),)), kind)

    def test_encoded_content(self) -> None:
        """An unknown encoding is refused with 415 and Accept-Encoding (MSG-21); identity is none."""
        status = self.refused(request(headers="Content-Encoding: br\n"))
        self.assertEqual((status.code, status.headers), (415, (("Accept-Encoding", "gzip, deflate, identity"),)))
        self.assertEqual(self.taken(request(headers="Content-Encoding: Identity\n")).text, "Grüße\nAna")

    def test_no_content_type(self) -> None:
        """A body without Content-Type is text."""
        self.assertEqual(self.taken(request(("Content-Type: text/plain\n", ""))).text, "Grüße\nAna")

    def test_empty(self) -> None:
        """A MESSAGE that says nothing is accepted and goes no further (MSG-11)."""
        self.assertEqual(self.refused(request(body=b"")).code, 202)

    def test_subject_only(self) -> None:
        """A subject alone is a message (MSG-15)."""
        taken = self.taken(request(headers="Subject: Mahlzeit\n", body=b""))
        self.assertEqual((taken.subject, taken.bodies), ("Mahlzeit", ()))

    def test_line_ends_and_illegal_characters(self) -> None:
        """Line ends become LF, what XML cannot hold U+FFFD, all else stays, white space too (MSG-12)."""
        taken = self.taken(request(body="  a\r\nb\rc\nd\te\x00f\x1b\ufffe <b>&\u0085 ".encode()))
        self.assertEqual(taken.text, "  a\nb\nc\nd\te\ufffdf\ufffd\ufffd <b>&\u0085 ")

    def test_language(self) -> None:
        """The first tag of Content-Language counts; what is no tag is dropped (MSG-16)."""
        for value, language in (("de, en", "de"), ("de-CH-1996", "de-CH-1996"), ("*", ""), ("de_DE", ""), (", de", "")):
            self.assertEqual(self.taken(request(("Language: de", f"Language: {value}"))).language, language)

    def test_date(self) -> None:
        """Date is when it was sent; one that cannot be read is ignored (MSG-20, SIP-13)."""
        self.assertEqual(self.taken(request(headers="Date: Sun, 01 Mar 2026 10:15:00 GMT\n")).sent_at, NOW)
        for value in ("Sun, 01 Mar 2026 10:15:00 CET", "Sun, 32 Mar 2026 10:15:00 GMT", "yesterday", ""):
            self.assertIsNone(self.taken(request(headers=f"Date: {value}\n")).sent_at)

    def test_expires(self) -> None:
        """Expires counts from Date, else from receipt (MSG-40)."""
        date = "Date: Sun, 01 Mar 2026 10:14:00 GMT\n"
        self.assertEqual(self.taken(request(headers="Expires: 90\n")).expires_at, NOW + 90)
        self.assertEqual(self.taken(request(headers=f"{date}Expires: 90\n")).expires_at, NOW + 30)
        self.assertIsNone(self.taken(request(headers="Expires: soon\n")).expires_at)

    def test_expired(self) -> None:
        """What has expired on arrival is accepted and dropped, never an error (MSG-40)."""
        date = "Date: Sun, 01 Mar 2026 10:14:00 GMT\n"
        self.assertEqual(self.refused(request(headers=f"{date}Expires: 60\n")).code, 202)

    def test_priority(self) -> None:
        """Priority is the urgency, in any case; unknown words are normal (MSG-43)."""
        for word, urgency in (("emergency", 2), ("Urgent", 1), ("normal", 0), ("non-urgent", -1), ("whenever", 0)):
            self.assertEqual(self.taken(request(headers=f"Priority: {word}\n")).urgency, urgency)

    def test_hops(self) -> None:
        """Max-Forwards falls by one, counts as 70 when absent, and nothing is bridged at 0 (LOOP-1)."""
        self.assertEqual(self.taken(request(("Max-Forwards: 69\n", ""))).hops, 69)
        self.assertEqual(self.taken(request(("Forwards: 69", "Forwards: 1"))).hops, 0)
        self.assertEqual(self.refused(request(("Forwards: 69", "Forwards: 0"))).code, 483)

    def test_display_name(self) -> None:
        """A display name is unquoted and shown on one line (MSG-1)."""
        taken = self.taken(request(('"Ana"', '"Ana \\"the\\" \u0001 boss"')))
        self.assertEqual(taken.origin.name, 'Ana "the" \ufffd boss')


class WriteTests(SynchronousTestCase):
    """What SIP users get."""

    def written(self, payload: Message | None = None, **trunk: object) -> Request:
        made = write(item(payload), evolve(TRUNK, **trunk), SETTINGS, VIA)  # type: ignore[arg-type]
        self.assertIsInstance(made, Request)
        assert isinstance(made, Request)
        return made

    def test_sample_1_2(self) -> None:
        """The MESSAGE of examples.md 1.2, as plain text (MSG-1, 2, 9)."""
        written = self.written()
        tag = written.from_.tag
        self.assertEqual(written.to_bytes(), octets(f"""\
MESSAGE sip:ana@sip.example SIP/2.0
Via: SIP/2.0/UDP iwf.sip.example:5060;branch=z9hG4bKk3Jq0x9;rport
Max-Forwards: 70
From: <sip:ben*xmpp.example@x.sip.example;gr=pc>;tag={tag}
To: <sip:ana@sip.example>
Call-ID: c-6f0e5d@iwf.sip.example
CSeq: 1 MESSAGE
Content-Type: text/plain;charset=utf-8
Content-Length: 2

hi"""))
        self.assertGreaterEqual(len(tag), 16)

    def test_repetition_looks_like_one(self) -> None:
        """The same item leaves with the same Call-ID, From tag and CSeq; another one with another tag (MSG-6a)."""
        def identity(name: str) -> tuple[str, str, str]:
            made = write(item(message(conversation=""), id=name), TRUNK, SETTINGS, VIA)
            assert isinstance(made, Request)
            return made.call_id, made.from_.tag, str(made.cseq)

        self.assertEqual(identity("one"), identity("one"))
        self.assertNotEqual(identity("one")[:2], identity("two")[:2])
        self.assertTrue(identity("one")[0].endswith("@iwf.sip.example"))

    def test_conversation(self) -> None:
        """The conversation is the Call-ID, or stands for one when it cannot be written there (MSG-3)."""
        self.assertEqual(self.written(message(conversation="abc@def")).call_id, "abc@def")
        for token in ("a b", "a@b@c", "ü", "x\r\nEvil: 1", "x" * 300):
            call_id = self.written(message(conversation=token)).call_id
            self.assertEqual(call_id, self.written(message("other", conversation=token)).call_id)
            self.assertTrue(call_id.endswith("@iwf.sip.example"))

    def test_draft_profile(self) -> None:
        """In the profile of the draft a decimal id is the CSeq number (MSG-6)."""
        for name, number in (("4711", 4711), ("2147483648", 1), ("m42", 1), ("", 1), ("²", 1)):
            self.assertEqual(self.written(message(id=name), profile="draft").cseq.number, number)

    def test_display_name(self) -> None:
        """A nick is the display name, quoted and without line ends (MSG-1, SIP-6)."""
        origin = Party(Address("sip", "b", "x.sip.example"), 'Ben "B"\r\nEvil: 1')
        self.assertTrue((self.written(message(origin=origin)).get("From") or "").startswith(
            '"Ben \\"B\\" Evil: 1" <sip:b@x.sip.example>;tag='))

    def test_phone_as_sender(self) -> None:
        """A phone writes from its image with user=phone (ADDR-38)."""
        origin = Party(Address("sip", "+15550100", "sms.sip.example"))
        written = self.written(message(origin=origin))
        self.assertEqual(str(written.from_.uri), "sip:+15550100@sms.sip.example;user=phone")

    def test_short_code_as_sender(self) -> None:
        """So does a short code (ADDR-38)."""
        origin = Party(Address("sip", "7042", "sms.sip.example"))
        written = self.written(message(origin=origin))
        self.assertEqual(str(written.from_.uri), "sip:7042@sms.sip.example;user=phone")

    def test_asserted_identity(self) -> None:
        """A trusted trunk, and no other, is told who the sender is, without his device (SIP-64, RFC 3325)."""
        self.assertIsNone(self.written(message()).get("P-Asserted-Identity"))
        written = self.written(message(), trusted_identity=True)
        self.assertEqual(written.from_.uri.instance(), "pc")
        self.assertEqual(written.get("P-Asserted-Identity"), "<sip:ben*xmpp.example@x.sip.example>")

    def test_spelling(self) -> None:
        """The target is spelled as remembered, in Request-URI and To (ADDR-22, MSG-2)."""
        written = self.written(message(target_spelling="sip:Ana@sip.example"))
        self.assertEqual((written.target, written.get("To")), ("sip:Ana@sip.example", "<sip:Ana@sip.example>"))

    def test_optional_fields(self) -> None:
        """Subject on one line, language, urgency, Date and Expires (MSG-7, 15, 16, 20, 40, 43)."""
        written = self.written(message(
            "hi", subject="one\r\n\ttwo", language="de", urgency=1, sent_at=NOW - 60, expires_at=NOW + 30.5))
        self.assertEqual(
            [(name, value) for name, value in written.headers[6:-1]],
            [("Subject", "one two"), ("Content-Language", "de"), ("Priority", "urgent"),
             ("Date", "Sun, 01 Mar 2026 10:14:00 GMT"), ("Expires", "91")],
        )

    def test_expires_comes_with_date(self) -> None:
        """Expires without a time of sending counts from the moment the item was made (MSG-40)."""
        written = self.written(message(expires_at=NOW + 30))
        self.assertEqual((written.get("Date"), written.get("Expires")), ("Sun, 01 Mar 2026 10:15:00 GMT", "30"))

    def test_headline(self) -> None:
        """A headline can wait (MSG-7)."""
        self.assertEqual(self.written(message(kind=Kind.HEADLINE)).get("Priority"), "non-urgent")

    def test_broken_language(self) -> None:
        """What is no language tag is not written (MSG-16)."""
        self.assertIsNone(self.written(message(language="de\r\nEvil: 1")).get("Content-Language"))

    def test_choice_of_body(self) -> None:
        """The body in the message's language, else the one without, else the first (MSG-10)."""
        de, plain, cs = Body("de", "de"), Body("plain"), Body("cs", "cs")
        for language, bodies, text in (("cs", (de, plain, cs), b"cs"), ("fr", (de, plain, cs), b"plain"),
                                       ("fr", (de, cs), b"de"), ("", (de, cs), b"de")):
            self.assertEqual(self.written(message(bodies=bodies, language=language)).body, text)

    def test_subject_without_body(self) -> None:
        """A subject alone is a MESSAGE without body (MSG-15)."""
        written = self.written(message("", subject="lunch"))
        self.assertEqual((written.get("Subject"), written.get("Content-Type"), written.body), ("lunch", None, b""))

    def test_without_charset_parameter(self) -> None:
        """Old agents get text/plain without parameter (MSG-9)."""
        self.assertEqual(self.written(charset_parameter=False).get("Content-Type"), "text/plain")

    def test_content_is_not_altered(self) -> None:
        """Text leaves as it is, LF stays LF (MSG-12), and no Contact is written (MSG-2)."""
        written = self.written(message("  Grüße\n<b>&amp;\n"))
        self.assertEqual(written.body, "  Grüße\n<b>&amp;\n".encode())
        self.assertIsNone(written.get("Contact"))

    def test_hops(self) -> None:
        """The hops left are written (LOOP-1)."""
        self.assertEqual(self.written(message(hops=12)).max_forwards, 12)

    def test_size(self) -> None:
        """1300 octets of request may leave and 1301 may not; the sender is told the limit (MSG-27)."""
        room = PAGE_LIMIT - len(self.written(message("x" * 100)).to_bytes()) - 1
        full = self.written(message("x" * (100 + room)))
        self.assertEqual(len(full.to_bytes()), 1299)
        self.written(message("x" * (101 + room)))
        failure = write(item(message("x" * (102 + room))), TRUNK, SETTINGS, VIA)
        assert isinstance(failure, Failure)
        self.assertEqual(failure.reason, Reason.TOO_BIG)
        self.assertIn("1300", failure.text)

    def test_size_on_a_trusted_stream(self) -> None:
        """Only trust and a stream together lift the limit (MSG-28)."""
        large = item(message("x" * 5000))
        tcp = Hop("tcp", "192.0.2.10", 5060)
        for trusted, hop, fits in ((True, tcp, True), (False, tcp, False), (True, TRUNK.next_hop, False),
                                   (True, None, False)):
            made = write(large, evolve(TRUNK, trusted_large=trusted, next_hop=hop), SETTINGS, VIA)
            self.assertEqual(isinstance(made, Request), fits, (trusted, hop))

    def test_unwritable_address(self) -> None:
        """An address that SIP cannot carry is a failure, not an exception."""
        made = write(item(message(target=Address("sip", "a\r\nb", "h"))), TRUNK, SETTINGS, VIA)
        assert isinstance(made, Failure)
        self.assertEqual(made.reason, Reason.MALFORMED_ADDRESS)

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=20), st.text(max_size=20),
           st.text(max_size=20), st.text(max_size=20))
    def test_hostile_fields(self, text: str, subject: str, name: str, conversation: str,
                            user: str, language: str) -> None:
        """Whatever the fields hold, the request can be read again and has no line that we did not write."""
        origin = Party(Address("sip", user, "x.sip.example", name), name)
        made = write(item(message(text, subject=subject, origin=origin, conversation=conversation,
                                          language=language)), TRUNK, SETTINGS, VIA)
        if isinstance(made, Failure):
            self.assertEqual(made.reason, Reason.MALFORMED_ADDRESS)
            return
        back = parse_message(made.to_bytes())
        self.assertLessEqual({name for name, _ in back.headers}, {
            "Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Subject", "Content-Language", "Content-Type"})
        self.assertEqual(back.body, text.encode("utf-8", "replace"))
        self.assertEqual(back.from_.uri.user_text(), user)


class BothWaysTests(SynchronousTestCase):
    """What leaves by SIP and comes back is the same message."""

    @settings(max_examples=100, deadline=None)
    @given(st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
                   min_size=1, max_size=100))
    def test_text(self, text: str) -> None:
        """Text survives the way through a MESSAGE."""
        made = write(item(message(text)), TRUNK, SETTINGS, VIA)
        assert isinstance(made, Request)
        reading = read(made)
        assert isinstance(reading, Offered) and isinstance(reading.event, Message)
        self.assertEqual(reading.event.text, text)
        self.assertEqual(reading.event.conversation, "c-6f0e5d@iwf.sip.example")
