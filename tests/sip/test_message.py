"""Whole messages: reading, answering and writing."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import CSeq, Via, parse_name_addr
from iwf.sip.syntax.message import (
    Message,
    Request,
    Response,
    parse_message,
    response_to,
)
from iwf.sip.syntax.uri import parse_uri
from tests.sip.wire import (
    MESSAGE,
    Refusals,
    read_request,
    with_line,
    with_start,
    without,
)

QUICK = settings(max_examples=200, deadline=None)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=20)
lines = st.lists(
    st.tuples(st.sampled_from(["Via", "From", "to", "i", "CSeq", "X-Any", "l", "Subject", "accept"]),
              texts.map(str.strip)), max_size=6
)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Request, st.sampled_from(["MESSAGE", "a%+x"]), st.sampled_from(["sip:a@b", "urn:x"]), lines,
              st.binary(max_size=30)),
    st.builds(Response, st.integers(100, 699), texts, lines, st.binary(max_size=30)),
)


class ReadingTests(SynchronousTestCase):
    """What comes out of well-formed messages."""

    def test_request(self) -> None:
        """All parts of a request are found."""
        request = read_request(MESSAGE)
        self.assertEqual((request.method, request.target),
                         ("MESSAGE", "sip:romeo*xmpp.example@sip.gw.example"))
        self.assertEqual(request.uri, parse_uri(request.target))
        self.assertEqual(request.top_via.branch, "z9hG4bKdeadbeef0123456789")
        self.assertEqual(request.vias, (request.top_via,))
        self.assertEqual((request.from_.name, request.from_.tag, request.to.tag), ("Juliet C", "49583", ""))
        self.assertEqual((request.call_id, request.cseq), ("asd88asd77a@192.0.2.10", CSeq(1, "MESSAGE")))
        self.assertEqual((request.max_forwards, request.expires), (70, None))
        assert request.content_type is not None
        self.assertEqual(request.content_type.type, "text/plain")
        self.assertEqual(request.body, b"Wherefore art thou?")

    def test_values_are_kept(self) -> None:
        """A structured value is read once; asking again gives the same object."""
        request = read_request(MESSAGE)
        for name in ("top_via", "from_", "to", "cseq", "uri"):
            self.assertIs(getattr(request, name), getattr(request, name))

    def test_responses(self) -> None:
        """The reason phrase may hold UTF-8, be empty, or be missing with its space (SIP-1, RFC 4475
        3.1.1.12, 13)."""
        for line, status, reason in (
            ("SIP/2.0 200 = 2**3 * 5**2 \N{GREEK SMALL LETTER PI}", 200,
             "= 2**3 * 5**2 \N{GREEK SMALL LETTER PI}"),
            ("SIP/2.0 100 ", 100, ""),
            ("SIP/2.0 100", 100, ""),
            ("sip/2.0 699 x", 699, "x"),
        ):
            response = parse_message(with_start(line))
            assert isinstance(response, Response)
            self.assertEqual((response.status, response.reason), (status, reason))

    def test_compact_names(self) -> None:
        """Compact names, any case and blanks before the colon mean the same header (SIP-2)."""
        for spelling in ("Call-ID", "call-id", "CALL-ID", "i", "I", "Call-ID  \t"):
            request = read_request(with_line(f"{spelling}: abc", "Call-ID"))
            self.assertEqual(request.call_id, "abc")
            for asked in ("Call-ID", "call-id", "i", "CALL-id"):
                self.assertEqual(request.get(asked), "abc")
        compact = b"MESSAGE sip:a@b SIP/2.0\r\nv:SIP/2.0/TCP c;branch=z9hG4bKx\r\nf:<sip:d@e>;tag=1\r\n" \
                  b"t:<sip:a@b>\r\ni:x\r\nCSeq:1 MESSAGE\r\nc:text/plain\r\nl:2\r\n\r\nhi"
        self.assertEqual(read_request(compact).body, b"hi")

    def test_unknown_headers(self) -> None:
        """Unknown headers are kept, found in any case, and never read (SIP-9, RFC 4475 3.1.1.1)."""
        request = read_request(with_line("UnknownHeaderWithUnusualValue: ;;,,;;,;"))
        self.assertEqual(request.get("unknownheaderwithunusualvalue"), ";;,,;;,;")

    def test_folding(self) -> None:
        """A folded line is one value, each fold one space (SIP-3)."""
        for fold in ("\r\n ", "\r\n\t \t", "\n  "):
            request = read_request(with_line(f"Subject:{fold}folded{fold}text: x"))
            self.assertEqual(request.get("Subject"), "folded text: x")

    def test_lone_line_feeds(self) -> None:
        """LF alone ends a line too (SIP-3); the body is not touched."""
        request = read_request(MESSAGE.replace(b"\r\n", b"\n").replace(b"art thou", b"a\r\n\r\n uu"))
        self.assertEqual((request.call_id, request.body),
                         ("asd88asd77a@192.0.2.10", b"Wherefore a\r\n\r\n uu?"))

    def test_lists(self) -> None:
        """Elements in one line or in several are the same list, in order (SIP-4, SIP-5)."""
        one = read_request(with_line("Contact: <sip:a@b>, <sip:c@d>\r\nAllow: A, B\r\nAllow: C\r\nSupported:"))
        two = read_request(with_line("m: <sip:a@b>\r\nAllow: A\r\nContact: <sip:c@d>\r\nAllow: B,C"))
        self.assertEqual(one.addresses("Contact"), two.addresses("Contact"))
        self.assertEqual((one.listed("Allow"), two.listed("Allow"), one.listed("Supported")),
                         (["A", "B", "C"], ["A", "B", "C"], []))
        vias = read_request(with_line("Via: SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b\r\nv: SIP/2.0/TLS c",
                                      "Via"))
        self.assertEqual([via.host for via in vias.vias], ["a", "b", "c"])
        self.assertEqual(vias.top_via, vias.vias[0])

    def test_numbers(self) -> None:
        """Numbers out of range count as absent, leading zeros do not matter (SIP-8)."""
        for text, hops in (("0068", 68), ("0", 0), ("255", 255), ("256", 70), ("-1", 70), ("x", 70),
                           ("9" * 5000, 70)):
            self.assertEqual(read_request(with_line(f"Max-Forwards: {text}", "Max-Forwards")).max_forwards,
                             hops)
        for text, expires in (("3600", 3600), ("4294967295", 2**32 - 1), ("4294967296", None),
                              ("soon", None)):
            self.assertEqual(read_request(with_line(f"Expires: {text}")).expires, expires)
        self.assertEqual(read_request(without("Max-Forwards")).max_forwards, 70)

    def test_datagram_body(self) -> None:
        """What follows the body in a datagram is dropped; without length it goes to the end (SIP-10)."""
        self.assertEqual(read_request(MESSAGE + MESSAGE).body, b"Wherefore art thou?")
        self.assertEqual(read_request(without("Content-Length") + b"!").body, b"Wherefore art thou?!")
        self.assertEqual(read_request(with_line("Content-Length: 0019\r\nl: 19", "Content-Length")).body,
                         b"Wherefore art thou?")

    def test_leading_empty_lines(self) -> None:
        """Empty lines before the start line are skipped (RFC 3261 7.5)."""
        self.assertEqual(read_request(b"\r\n\r\n\n" + MESSAGE), read_request(MESSAGE))

    def test_octets_that_are_no_text(self) -> None:
        """Header octets that are no UTF-8 come out as they went in."""
        octets = MESSAGE.replace(b"Greetings", b"caf\xe9 \xff\xc3\xa9")
        self.assertEqual(read_request(octets).to_bytes(), octets)

    def test_odd_but_legal(self) -> None:
        """Messages of the kinds RFC 4475 3.1.1 and RFC 5118 call valid are taken."""
        for octets in (
            with_start("RE%47IST%45R sip:registrar.example.com SIP/2.0").replace(b"1 MESSAGE",
                b"1 RE%47IST%45R"),
            with_start("MESSAGE sip:user@example.com sip/2.0"),
            with_line("From: caller<sip:caller@example.com>;tag=323", "From"),
            with_line("From: sip:a@b;tag=1;lr", "From"),
            with_line("To: <nobodyKnowsThisScheme:totallyopaquecontent>", "To"),
            with_line("To: <tel:+1-555>", "To"),
            with_line("Date: Fri, 01 Jan 2010 16:00:00 EST"),
            with_line("Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"),     # not needed here
            with_line("Via: SIP/2.0/UNKNOWN t5.example.com;branch=z9hG4bK2", "Via"),
            with_line("Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
                      "Via"),
            with_line("From: " + '"' + "x" * 4000 + '" <sip:a@b>;tag=1', "From"),
            with_line("From: <sip:a@b>", "From"),                                           # RFC 2543: no tag
        ):
            read_request(octets)


class AnswerTests(Refusals):
    """Answers carry what they must (SIP-32)."""

    def test_copied_headers(self) -> None:
        """Via in order, From, To, Call-ID and CSeq are copied octet by octet; our tag goes on To."""
        vias = "Via: SIP/2.0/UDP a;branch=z9hG4bK1 ,SIP/2.0/TCP b\r\nv : SIP/2.0/TLS  c\r\nTimestamp: 54"
        octets = with_line(vias, "Via")
        answer = response_to(read_request(octets), 202, "Accepted", "ours", [("Warning", "x")], b"body")
        self.assertEqual(answer.to_bytes(), b"""\
SIP/2.0 202 Accepted\r
Via: SIP/2.0/UDP a;branch=z9hG4bK1 ,SIP/2.0/TCP b\r
Via: SIP/2.0/TLS  c\r
From: "Juliet C" <sip:juliet@sip.example>;tag=49583\r
To: <sip:romeo*xmpp.example@sip.gw.example>;tag=ours\r
Call-ID: asd88asd77a@192.0.2.10\r
CSeq: 1 MESSAGE\r
Warning: x\r
Content-Length: 4\r
\r
body""")

    def test_trying(self) -> None:
        """A 100 has no tag of ours and carries the Timestamp (SIP-32)."""
        answer = response_to(read_request(with_line("Timestamp: 54")), 100, to_tag="ours")
        self.assertEqual((answer.reason, answer.to.tag, answer.get("Timestamp")), ("Trying", "", "54"))

    def test_tag_in_dialog(self) -> None:
        """A tag that is there already stays the only one, and a bare URI takes the tag as header
        parameter."""
        request = read_request(with_line("To: sip:a@b;TAG=theirs", "To"))
        self.assertEqual(response_to(request, 200, to_tag="ours").to, parse_name_addr("sip:a@b;TAG=theirs"))
        bare = response_to(read_request(with_line("To: sip:a@b", "To")), 200, to_tag="ours").to
        self.assertEqual((bare.uri, bare.tag), (parse_uri("sip:a@b"), "ours"))

    def test_half_a_request(self) -> None:
        """What a broken request lacks, its answer lacks too; nothing is made up (SIP-12)."""
        octets = b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nTo: \"open <sip:x@y>\r\n\r\n"
        answer = self.assert_answered(octets, 400, "Missing From")
        self.assertEqual(answer.headers,
                         (("Via", "SIP/2.0/UDP a;branch=z9hG4bKx"), ("To", '"open <sip:x@y>')))

    def test_unwritable_parts(self) -> None:
        """A broken header that must not be written is left out of the answer."""
        answer = self.assert_answered(with_line("From: <sip:a@b>;tag=\0x", "From"), 400,
                                      "Malformed Header Line")
        self.assertIsNone(answer.get("From"))

    def test_nul_in_a_quoted_pair(self) -> None:
        """The one legal NUL of SIP, in a quoted pair, is copied (RFC 4475 3.1.1.2)."""
        line = 'From: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)@example.com>;tag=1'
        answer = response_to(read_request(with_line(line, "From")), 200)
        self.assertIn(line.encode() + b"\r\n", answer.to_bytes())


class WritingTests(SynchronousTestCase):
    """What is written is legal, and only what was meant."""

    def test_names_and_order(self) -> None:
        """Via comes first, names are long, Content-Length is ours whatever was handed in (SIP-5, MSG-14)."""
        request = Request(
            "MESSAGE", parse_uri("sip:a@b"),
            [("f", "<sip:c@d>;tag=1"), ("content-length", "99"), ("v", "SIP/2.0/TCP x"), ("X-Own", "1")],
            "\N{LATIN SMALL LETTER U WITH DIAERESIS}".encode(),
        )
        self.assertEqual(request.to_bytes(),
                         b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP x\r\nFrom: <sip:c@d>;tag=1\r\n"
                                             b"X-Own: 1\r\nContent-Length: 2\r\n\r\n\xc3\xbc")

    def test_via(self) -> None:
        """A received hop is replaced alone, even when its line holds more (SIP-43)."""
        request = read_request(with_line("Via: SIP/2.0/UDP a, SIP/2.0/TCP b", "Via"))
        ours = Via("TLS", "gw.example", None, (("branch", "z9hG4bKours"),))
        self.assertEqual([via.host for via in request.with_top_via(ours).vias], ["gw.example", "b"])
        self.assertEqual(request.with_top_via(ours).to_bytes().count(b"z9hG4bKours"), 1)
        self.assertEqual([via.host for via in request.vias], ["a", "b"])
        self.assertRaises(SipSyntaxError, Request("MESSAGE", "sip:a@b").with_top_via, ours)

    def test_header_injection(self) -> None:
        """No value, name, phrase, method or URI can smuggle a line, a message or a NUL into what is sent."""
        writers: tuple[Callable[[str], bytes], ...] = (
            lambda bad: Request("MESSAGE", "sip:a@b", [("Subject", f"a{bad}z")]).to_bytes(),
            lambda bad: Request("MESSAGE", "sip:a@b", [("Via", f"a{bad}z")]).to_bytes(),
            lambda bad: Request("MESSAGE", "sip:a@b", [(f"Sub{bad}", "x")]).to_bytes(),
            lambda bad: Request("MESSAGE", f"sip:a{bad}@b").to_bytes(),
            lambda bad: Request("MESSAGE", parse_uri("sip:a@b").with_param("gr", bad)).to_bytes(),
            lambda bad: Request(f"MESS{bad}", "sip:a@b").to_bytes(),
            lambda bad: Response(200, f"a{bad}z").to_bytes(),
            lambda bad: Response(200, "OK", [("To", f"a{bad}z")]).to_bytes(),
            lambda bad: response_to(read_request(MESSAGE), 200, to_tag=f"a{bad}z").to_bytes(),
            lambda bad: response_to(read_request(MESSAGE), 200, f"a{bad}z").to_bytes(),
        )
        for bad in ("x\r\nRoute: <sip:evil>", "x\nRoute: y", "x\ry", "x\r\n\r\nMESSAGE sip:a@b SIP/2.0",
                    "x\0", "\r\n", "x\r\n y", "\ud800"):
            for write in writers:
                self.assertRaises(SipSyntaxError, write, bad)
        for name in ("", "a b", "a:b", " a", "a\t"):
            self.assertRaises(SipSyntaxError, Request, "MESSAGE", "sip:a@b", [(name, "x")])
        for target in ("", "sip:a b", "<sip:a@b>", "sip:a\tb"):
            self.assertRaises(SipSyntaxError, Request, "MESSAGE", target)
        for status in (99, 700):
            self.assertRaises(SipSyntaxError, Response, status)

    @QUICK
    @given(st.data())
    def test_round_trip(self, data: st.DataObject) -> None:
        """Every message that can be written reads back equal, on streams and in datagrams."""
        message = data.draw(messages)
        octets = message.to_bytes()
        self.assertEqual(parse_message(octets), message)
        self.assertEqual(parse_message(octets, datagram=False).to_bytes(), octets)

    def test_equality(self) -> None:
        """Messages are equal when all of start line, headers and body are."""
        request = read_request(MESSAGE)
        self.assertEqual(request, parse_message(MESSAGE))
        for other in (with_line("Subject: x"), with_start("MESSAGE sip:x@y SIP/2.0"),
                      MESSAGE.replace(b"thou?", b"thou!"), None):
            self.assertNotEqual(request, parse_message(other) if other else other)
        self.assertIn("MESSAGE sip:romeo", repr(request))
