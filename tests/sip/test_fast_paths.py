"""Values in their usual spelling are read at once: with the same result as part by part, whatever comes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.messaging.pager import read_message
from iwf.sip.syntax.grammar import PLAIN_PARAMS, SipSyntaxError, parse_params, plain_params
from iwf.sip.syntax.headers import (
    check_name_addr,
    parse_content_type,
    parse_name_addr,
    parse_via,
    strict_content_type,
    strict_name_addr,
    strict_via,
)
from iwf.sip.syntax.lines import Headers, read_request_line, strict_request_line
from iwf.sip.syntax.message import Request, parse_message, response_to
from iwf.sip.syntax.uri import MAX_URI, parse_uri, strict_uri
from tests.sip.samples import BEN_AT_X, NOW, TRUNK, request

QUICK = settings(max_examples=250, deadline=None)



def one_of(*texts: str) -> st.SearchStrategy[str]:
    """A usual spelling first, then its neighbours: most of a value is usual, so that each oddity counts."""
    return st.just(texts[0]) | st.sampled_from(texts)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


HOST_PORT = joined(
    one_of("x.example", "192.0.2.10", "localhost", "X.Example", "x.example.", "[2001:db8::1]", "a_b", "-a", "a-",
           "a..b", ".a", ""),
    one_of("", ":5060", ":1", ":0", ":05060", ":65535", ":65536", ":", " : 5060", ":5060x"),
)
PARAMS = st.lists(one_of(
    ";tag=a1", ";lr", ";rport", ";rport=5060", ";branch=z9hG4bK7f3a", ";TAG=b", ";gr=pc", ";x=", ";", "; y = z",
    ";x=a@b", ";x=a:b", ';x="a;b"', ";x=<", ";x=%41", ";x=%zz", ";x=a,b", ";x_y", ";x?y=z",
    ";x=\N{LATIN SMALL LETTER U WITH DIAERESIS}", ";x\n", "=",
), max_size=3).map("".join)
URI = joined(
    one_of("sip:", "SIP:", "sips:", "im:", "tel:", "urn:", "", ":"),
    one_of("ana@", "", "ben*xmpp.example@", "+15550100@", "a%40b@", "%zz@", "a:secret@", "a b@", "a;b@", "a?b@",
           "@", "a@b@", "<@", "\N{LATIN SMALL LETTER U WITH DIAERESIS}@", "\udce9@", "a\0@"),
    HOST_PORT, PARAMS, one_of("", "?subject=x", "?", " ", "\n"),
)
ADDRESS = joined(
    one_of('"Ana" ', "", '"Ana"', "Ana ", '"A\\\\"', '"A\\\\" ', '"A\\""', '"A\\\\"b" ',
           '"" ', '"A"  ', "A, B ", "\t", '"\n" ', '"'),
    one_of("<", "", "< "), URI, one_of(">", "", " >", ">>"), PARAMS, one_of("", " ", ",", "\n"),
)
VIA = joined(
    one_of("SIP/2.0/UDP ", "SIP/2.0/TCP ", "SIP/2.0/udp ", "sip/2.0/TLS ", "SIP/3.0/UDP ", "SIP / 2.0 / UDP ",
           "SIP/2.0/WSS  ", "SIP/2.0 "),
    HOST_PORT, PARAMS, one_of("", " ", ",", "\n"),
)
CONTENT_TYPE = joined(
    one_of("text/plain", "Text/Plain", "text / html", "text", "text/plain/x", ""), PARAMS, one_of("", " ", ",", "\n"),
)
REQUEST_LINE = joined(
    one_of("MESSAGE", "message", "M@", ""), one_of(" ", "  ", ""), URI, one_of(" ", "  ", ""),
    one_of("SIP/2.0", "sip/2.0", "SIP/7.0", "SIP/2x0", "SIP/2.0 ", "HTTP/1.0", "SIP/2.0\n", ""),
)


def outcome(read: Callable[..., Any], *given: Any) -> Any:
    """The value, or the error as it would be told to the peer."""
    try:
        return read(*given)
    except SipSyntaxError as error:
        return error.status, error.reason


class SameReadingTests(SynchronousTestCase):
    """Each fast reader against the strict one behind it."""

    @QUICK
    @given(URI)
    def test_uris(self, text: str) -> None:
        """URIs."""
        self.assertEqual(outcome(parse_uri, text, "X"), outcome(strict_uri, text, "X"))

    @QUICK
    @given(ADDRESS | URI)
    def test_addresses(self, text: str) -> None:
        """From, To and their kin; what is only checked passes when it can be read."""
        strict = outcome(strict_name_addr, text, "From")
        self.assertEqual(outcome(parse_name_addr, text, "From"), strict)
        refused = isinstance(strict, tuple)
        self.assertEqual(outcome(check_name_addr, text, "From"), strict if refused else None)

    @QUICK
    @given(VIA)
    def test_vias(self, text: str) -> None:
        """Via."""
        self.assertEqual(outcome(parse_via, text), outcome(strict_via, text))

    @QUICK
    @given(CONTENT_TYPE)
    def test_content_types(self, text: str) -> None:
        """Content-Type."""
        self.assertEqual(outcome(parse_content_type, text), outcome(strict_content_type, text))

    @QUICK
    @given(REQUEST_LINE)
    def test_request_lines(self, text: str) -> None:
        """Request lines, with their error."""
        def told(read: Callable[[str], tuple[str, str, SipSyntaxError | None]]) -> tuple[str, str, str]:
            method, target, error = read(text)
            return method, target, str(error)
        self.assertEqual(told(read_request_line), told(strict_request_line))

    @QUICK
    @given(st.from_regex(PLAIN_PARAMS, fullmatch=True))
    def test_parameters(self, text: str) -> None:
        """Parameters."""
        self.assertEqual(plain_params(text), parse_params(text, "X"))

    def test_long_values(self) -> None:
        """The limit on the length of a URI holds for usual spellings (SIP-14)."""
        long = f"sip:{'a' * MAX_URI}@x.example"
        self.assertEqual(outcome(parse_uri, long), (414, "Request-URI Too Long"))
        self.assertEqual(outcome(parse_name_addr, f"<{long}>", "To"), (414, "To Too Long"))
        self.assertEqual(outcome(check_name_addr, f"<{long}>", "To"), (414, "To Too Long"))
        self.assertEqual(str(read_request_line(f"MESSAGE {long} SIP/2.0")[2]), "414 Request-URI Too Long")

    @QUICK
    @given(st.text(max_size=20))
    def test_texts(self, text: str) -> None:
        """Bodies that need no cleaning are taken as they are, others are cleaned, under every spelling of the type."""
        texts = set()
        for spelling in ("text/plain", "text/plain;charset=utf-8", "Text/Plain ; charset=\"utf-8\""):
            asked = request(("text/plain", spelling), body=text.encode("utf-8", "replace"))
            texts.add(getattr(getattr(read_message(asked, BEN_AT_X, TRUNK, (), NOW), "event", None), "text", None))
        self.assertEqual(len(texts), 1)
        [taken] = texts
        self.assertFalse({*(taken or "")} & {"\0", "\x1f", "\r", "\ufffe", "\ud800"})


class LookUpTests(SynchronousTestCase):
    """Header lines are found by a table of their first values."""

    @QUICK
    @given(st.lists(st.tuples(st.sampled_from(["From", "f", "FROM", "X-Y", "x-y", "Via", "v", "Subject"]),
                              st.sampled_from("abc")), max_size=6),
           st.sampled_from(["From", "from", "f", "X-Y", "x-Y", "Via", "VIA", "Event"]))
    def test_as_by_a_search(self, lines: list[tuple[str, str]], name: str) -> None:
        """First value, all values and repetition are those that a search through the lines finds."""
        long = {"f": "from", "v": "via"}
        made = Request("MESSAGE", "sip:a@b", lines)
        wanted = long.get(name.lower(), name.lower())
        found = [value for written, value in lines if long.get(written.lower(), written.lower()) == wanted]
        self.assertIsInstance(made, Headers)
        self.assertEqual(made.all(name), found)
        self.assertEqual(made.get(name), found[0] if found else None)
        if name in ("From", "Via", "Event"):
            self.assertEqual(made.repeated((name,)), name if len(found) > 1 else "")


class ComposedTests(SynchronousTestCase):
    """Messages of our own, made with less checking."""

    def test_same_octets(self) -> None:
        """A composed request is the one that the checking constructor makes."""
        asked = request()
        lines = tuple(line for line in asked.headers if line[0] != "Via")
        composed = Request.composed("MESSAGE", asked.uri, asked.top_via, lines, asked.body)
        self.assertEqual(composed, asked)
        self.assertEqual(composed.to_bytes(), Request("MESSAGE", asked.target, asked.headers, asked.body).to_bytes())
        self.assertEqual(composed.top_via, asked.top_via)

    def test_injection(self) -> None:
        """A line end in a value is never written."""
        asked = request()
        composed = Request.composed("MESSAGE", asked.uri, asked.top_via, (("Subject", "x\r\nRoute: <sip:evil>"),))
        self.assertRaises(SipSyntaxError, composed.to_bytes)

    def test_answers(self) -> None:
        """An answer without further lines is the same as one with, but for these."""
        asked = request()
        plain = response_to(asked, 202, "Accepted", "t")
        more = response_to(asked, 202, "Accepted", "t", (("warning", " x "),))
        self.assertEqual((*plain.headers, ("Warning", "x")), more.headers)
        self.assertEqual(parse_message(plain.to_bytes()), plain)
