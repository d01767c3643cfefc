"""The SIP syntax against an independent reader, sipmessage: well-formed input means the same to both.

Where the two differ on purpose, a test names the difference and shows both readings.  It holds as
well with a version of sipmessage in which the difference is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote as percent_decoded

import sipmessage
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.grammar import PARAM_ALLOWED, USER_ALLOWED, Params, escape, quote
from iwf.sip.syntax.headers import NameAddr, Via, parse_name_addr, parse_name_addrs, parse_via
from iwf.sip.syntax.message import Request, parse_message
from iwf.sip.syntax.uri import Uri, parse_uri

LETTERS = "abcxyzABCXYZ"
WORD = st.text(LETTERS + "019", min_size=1, max_size=6)
TOKEN = st.text(LETTERS + "019-.!*_+`'~", min_size=1, max_size=8)   # no "%": see HeaderParameterTests
TEXT = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), max_size=12)
HOST = st.sampled_from(["example.com", "a.b-c.example.", "192.0.2.10", "[2001:db8::9:1]",
                        "[::ffff:192.0.2.1]", "localhost"])
PORT = st.none() | st.integers(1, 65535)


def params(values: st.SearchStrategy[str]) -> st.SearchStrategy[Params]:
    """Parameters with names that differ."""
    return st.lists(st.tuples(WORD.map(str.lower), st.none() | values), max_size=3,
                    unique_by=lambda p: p[0]).map(tuple)


URI_VALUE = TEXT.filter(bool).map(lambda text: escape(text, PARAM_ALLOWED))
USER = TEXT.filter(bool).map(lambda text: escape(text, USER_ALLOWED))
URI = st.builds(Uri, st.sampled_from(["sip", "sips"]), st.none() | USER, st.none(), HOST, PORT,
                params(URI_VALUE))
# Quotes, backslashes and blanks other than single spaces: see HeaderParameterTests.
NAME_WORD = st.text(st.characters(min_codepoint=0x21, exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"],
                                  exclude_characters='"\\'), min_size=1)
ADDRESS = st.builds(NameAddr, st.lists(NAME_WORD, max_size=2).map(" ".join), URI, params(TOKEN))
VIA = st.builds(Via, st.sampled_from(["UDP", "TCP", "TLS", "WSS"]), HOST, PORT, params(TOKEN))
BLANK = st.sampled_from(["", " ", "  "])


class AgreementTests(SynchronousTestCase):
    """Both readers find the same in well-formed text."""

    def same_uri(self, ours: Uri, theirs: sipmessage.URI) -> None:
        """Part by part; sipmessage decodes escapes at once."""
        self.assertEqual(
            (ours.scheme, ours.user and ours.user_text(), ours.host, ours.port, self.decoded(ours.params)),
            (theirs.scheme, theirs.user, theirs.host, theirs.port, dict(theirs.parameters)),
        )

    def same_address(self, ours: NameAddr, theirs: sipmessage.Address) -> None:
        """Name, URI and parameters."""
        self.same_uri(ours.uri, theirs.uri)
        self.assertEqual((ours.name, dict(ours.params)), (theirs.name, dict(theirs.parameters)))

    def same_via(self, ours: Via, theirs: sipmessage.Via) -> None:
        """Transport, sent-by and parameters."""
        self.assertEqual(
            (ours.transport, ours.host, ours.port, dict(ours.params)),
            (theirs.transport, theirs.host, theirs.port, dict(theirs.parameters)),
        )

    def decoded(self, pairs: Params) -> dict[str, str | None]:
        """Parameters of a URI with their escapes undone."""
        return {name: value and percent_decoded(value) for name, value in pairs}

    @settings(max_examples=100, deadline=None)
    @given(URI)
    def test_uris(self, uri: Uri) -> None:
        """URIs (RFC 3261 19.1)."""
        self.same_uri(parse_uri(str(uri)), sipmessage.URI.parse(str(uri)))
        theirs = str(sipmessage.URI.parse(str(uri)))
        self.assertEqual(parse_uri(theirs).user_text(), uri.user_text())

    @settings(max_examples=100, deadline=None)
    @given(ADDRESS)
    def test_addresses(self, address: NameAddr) -> None:
        """Addresses with display name and parameters (RFC 3261 20.10)."""
        self.same_address(parse_name_addr(str(address)), sipmessage.Address.parse(str(address)))

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(["", "Bob", "Bob van Dyk", "a-b.c"]), URI, params(TOKEN), BLANK, BLANK)
    def test_address_spellings(self, name: str, uri: Uri, pairs: Params, before: str, around: str) -> None:
        """Token names, missing and extra blanks (RFC 4475 3.1.1.6)."""
        tail = "".join(f"{around};{around}{n}" + ("" if v is None else f"{around}={around}{v}") for n,
                       v in pairs)
        text = f"{name}{before}<{uri}>{tail}"
        self.same_address(parse_name_addr(text), sipmessage.Address.parse(text))

    @settings(max_examples=100, deadline=None)
    @given(VIA)
    def test_vias(self, via: Via) -> None:
        """Via (RFC 3261 20.42)."""
        self.same_via(parse_via(str(via)), sipmessage.Via.parse(str(via)))

    @settings(max_examples=100, deadline=None)
    @given(st.data(), st.binary(max_size=20))
    def test_messages(self, data: st.DataObject, body: bytes) -> None:
        """Whole requests, read by both and written by either (RFC 3261 7)."""
        draw = data.draw
        spelling = {name: draw(st.sampled_from(names), label=name) for name, names in (
            ("From", ["From", "f", "from"]), ("To", ["To", "t", "TO"]),
            ("Call-ID", ["Call-ID", "i", "call-id"]), ("Via", ["Via", "v"]),
        )}
        call_id, number = draw(TOKEN), draw(st.integers(0, 2**31 - 1))
        lines = [
            "MESSAGE sip:a@b.example SIP/2.0",
            *[f"{spelling['Via']}: {draw(VIA)}" for _ in range(draw(st.integers(1, 3)))],
            f"{spelling['From']}:{draw(ADDRESS)}", f"{spelling['To']}:  {draw(ADDRESS)}",
            f"{spelling['Call-ID']}: {call_id} ", f"CSeq: {number} MESSAGE", "c: text/plain;charset=utf-8",
            f"l: {len(body)}",
        ]
        octets = "\r\n".join([*lines, "", ""]).encode() + body
        theirs = sipmessage.Message.parse(octets)
        ours = parse_message(octets)
        again = parse_message(bytes(theirs))
        for message in (ours, again):
            validate(message)
            assert isinstance(message, Request) and isinstance(theirs, sipmessage.Request)
            self.assertEqual((message.method, message.body, message.call_id),
                             (theirs.method, theirs.body, theirs.call_id))
            self.same_uri(message.uri, theirs.uri)
            for via, their_via in zip(message.vias, theirs.via, strict=True):
                self.same_via(via, their_via)
            self.same_address(message.from_, theirs.from_address)
            self.same_address(message.to, theirs.to_address)
            self.assertEqual((message.cseq.number, message.cseq.method),
                             (theirs.cseq.sequence, theirs.cseq.method))
            assert message.content_type is not None and theirs.content_type is not None
            self.assertEqual(message.content_type.type, theirs.content_type.mime_type)
        self.assertEqual(sipmessage.Message.parse(ours.to_bytes()).call_id, call_id)


class Differences(SynchronousTestCase):
    """Common to the tests of differences."""

    def assert_known(self, right: object, misreading: object, read: Callable[[], object]) -> None:
        """What sipmessage makes of it is the misreading that we know, or right."""
        try:
            theirs = read()
        except (ValueError, KeyError) as error:
            theirs = type(error)
        self.assertIn(theirs, (misreading, right))


class HeaderParameterTests(Differences):
    """Differences in parameters and display names."""

    def test_several_quoted_names(self) -> None:
        """Two addresses with quoted names are two; sipmessage makes one of them, with the last URI."""
        text = '"A" <sip:a@x.example>, "B" <sip:b@y.example>'
        ours = [str(address.uri) for address in parse_name_addrs(text)]
        self.assertEqual(ours, ["sip:a@x.example", "sip:b@y.example"])
        self.assert_known(ours, ["sip:b@y.example"],
                          lambda: [str(a.uri) for a in sipmessage.Address.parse_many(text)])

    def test_quoted_values(self) -> None:
        """A semicolon in a quoted value is text; sipmessage begins a new parameter there."""
        text = '<sip:a@b.example>;x="1;2"'
        self.assertEqual(parse_name_addr(text).params, (("x", '"1;2"'),))
        self.assert_known({"x": '"1;2"'}, {"x": '"1', '2"': None},
                          lambda: dict(sipmessage.Address.parse(text).parameters))

    def test_percent_signs(self) -> None:
        """Header parameters have no escapes, a tag of ``%41`` is not ``A``; sipmessage decodes them (RFC
        3261 25.1)."""
        text = "<sip:a@b.example>;tag=%41"
        self.assertEqual(parse_name_addr(text).tag, "%41")
        self.assert_known("%41", "A", lambda: sipmessage.Address.parse(text).parameters["tag"])

    def test_backslashes_in_names(self) -> None:
        """Quoted pairs are undone from left to right; sipmessage undoes quotes first, then backslashes."""
        text = quote("a\\\\\"b") + " <sip:a@b.example>"
        self.assertEqual(parse_name_addr(text).name, 'a\\\\"b')
        text = r'"\a\\\b" <sip:a@b.example>'
        self.assertEqual(parse_name_addr(text).name, "a\\b")
        self.assert_known("a\\b", r"\a\\b", lambda: sipmessage.Address.parse(text).name)

    def test_blanks_in_names(self) -> None:
        """A quoted name keeps its blanks; sipmessage makes one space of every run of them, also of
        no-break spaces."""
        for name in ("a  b", "a\N{NO-BREAK SPACE}b"):
            text = f'"{name}" <sip:a@b.example>'
            self.assertEqual(parse_name_addr(text).name, name)
            self.assert_known(name, "a b",
                              lambda text=text: sipmessage.Address.parse(text).name)  # type: ignore[misc]

    def test_names_beyond_ascii(self) -> None:
        """A name beyond ASCII without quotes is taken; sipmessage refuses it."""
        text = "J\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen <sip:a@b.example>"
        ours = parse_name_addr(text).name
        self.assertEqual(ours, "J\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen")
        self.assert_known(ours, ValueError, lambda: sipmessage.Address.parse(text).name)

    def test_colons_in_values(self) -> None:
        """An IPv6 address without brackets is a value of received (SIP-13); sipmessage refuses it."""
        text = "SIP/2.0/UDP a.example;received=2001:db8::1"
        self.assertEqual(parse_via(text).received, "2001:db8::1")
        self.assert_known("2001:db8::1", ValueError,
                          lambda: sipmessage.Via.parse(text).parameters["received"])

    def test_white_space_in_via(self) -> None:
        """Blanks round the colon of sent-by are taken (RFC 4475 3.1.1.1); sipmessage refuses them."""
        text = "SIP / 2.0 / UDP a.example : 5070"
        self.assertEqual(parse_via(text).port, 5070)
        self.assert_known(5070, ValueError, lambda: sipmessage.Via.parse(text).port)

    def test_case(self) -> None:
        """Hosts and transports are brought to one case, as they are compared without; sipmessage keeps the
        spelling."""
        text = "SIP/2.0/udp A.Example"
        ours = parse_via(text)
        self.assertEqual((ours.transport, ours.host), ("UDP", "a.example"))
        self.assert_known(("UDP", "a.example"), ("udp", "A.Example"),
                          lambda: (sipmessage.Via.parse(text).transport, sipmessage.Via.parse(text).host))


class UriDifferenceTests(Differences):
    """Differences in URIs."""

    def test_refused_uris(self) -> None:
        """Hosts that end in a digit or hold an underscore, schemes in capitals, other schemes and headers
        are read;
        sipmessage refuses them."""
        for text in ("sip:a@kamailio1", "sip:a@sip_proxy.example", "SIP:a@b.example", "im:a@b.example",
                     "pres:a@b.example",
                     "urn:service:sos", "sip:a@b.example?subject=x", "sip:*31#@b.example"):
            ours = str(parse_uri(text))
            self.assertEqual(ours.lower(), text.lower())
            self.assert_known(ours, ValueError,
                              lambda text=text: str(sipmessage.URI.parse(text)))  # type: ignore[misc]

    def test_ports(self) -> None:
        """A port that no socket has is refused; sipmessage takes it."""
        self.assertRaises(ValueError, parse_uri, "sip:a@b.example:99999")
        self.assert_known(ValueError, 99999, lambda: sipmessage.URI.parse("sip:a@b.example:99999").port)

    def test_users_that_are_no_text(self) -> None:
        """A user part that is no UTF-8 is an error when asked for; sipmessage puts U+FFFD, so that two
        users become one."""
        uri = parse_uri("sip:%FF@b.example")
        self.assertRaises(ValueError, uri.user_text)
        self.assert_known(ValueError, "\ufffd", lambda: sipmessage.URI.parse("sip:%FF@b.example").user)


class MessageDifferenceTests(Differences):
    """Differences in whole messages."""

    HEAD = (b"MESSAGE sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/UDP c.example\r\n"
            b"Call-ID : x\r\nSubject: %b\r\nl: 2\r\n\r\n")

    def test_folding(self) -> None:
        """A folded line is one value; sipmessage refuses it, or makes a header of its second half (SIP-3)."""
        for fold, text, misreading in ((b"a\r\n b", "a b", ValueError), (b"a\r\n B: c", "a B: c", "a")):
            octets = self.HEAD % fold + b"hi"
            self.assertEqual(parse_message(octets).get("Subject"), text)
            self.assert_known(text, misreading,
                              lambda o=octets: sipmessage.Message.parse(o).headers.get("Subject"))  # type: ignore[misc]

    def test_blanks_before_the_colon(self) -> None:
        """Blanks before the colon are no part of the name; sipmessage does not find such a header (SIP-2)."""
        octets = self.HEAD % b"a" + b"hi"
        self.assertEqual(parse_message(octets).call_id, "x")
        self.assert_known("x", KeyError, lambda: sipmessage.Message.parse(octets).call_id)

    def test_octets_that_are_no_text(self) -> None:
        """One octet that is no UTF-8 does not cost the message; sipmessage refuses it."""
        octets = self.HEAD % b"caf\xe9" + b"hi"
        self.assertIn(b"Subject: caf\xe9\r\n", parse_message(octets).to_bytes())
        self.assert_known(b"hi", UnicodeDecodeError, lambda: sipmessage.Message.parse(octets).body)

    def test_content_length(self) -> None:
        """Content-Length ends the body; sipmessage takes all that follows (SIP-10)."""
        octets = self.HEAD % b"a" + b"hi and more"
        self.assertEqual(parse_message(octets).body, b"hi")
        self.assert_known(b"hi", b"hi and more", lambda: sipmessage.Message.parse(octets).body)

    def test_missing_headers(self) -> None:
        """A missing header is reported by the documented error; sipmessage lets KeyError through (SIP-12)."""
        octets = self.HEAD % b"a" + b"hi"
        self.assertRaises(ValueError, lambda: parse_message(octets).cseq)
        self.assert_known(ValueError, KeyError, lambda: sipmessage.Message.parse(octets).cseq)

    def test_header_injection(self) -> None:
        """A line end in a value is never written; sipmessage writes it."""
        ours = Request("MESSAGE", "sip:a@b.example", [("Subject", "x\r\nRoute: <sip:evil>")])
        self.assertRaises(ValueError, ours.to_bytes)

        def write() -> bool:
            message = sipmessage.Request(method="MESSAGE", uri=sipmessage.URI.parse("sip:a@b.example"))
            message.headers.set("Subject", "x\r\nRoute: <sip:evil>")
            return b"\r\nRoute:" in bytes(message)
        self.assert_known(ValueError, True, write)
