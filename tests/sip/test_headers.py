"""Structured header values: addresses, Via, CSeq, Content-Type, and the lexical elements they share."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.grammar import QUOTED, SipSyntaxError, quote, readable, split_list, unquote
from iwf.sip.syntax.headers import (
    ContentType,
    CSeq,
    NameAddr,
    Via,
    parse_content_type,
    parse_cseq,
    parse_name_addr,
    parse_name_addrs,
    parse_via,
    parse_vias,
)
from iwf.sip.syntax.uri import Uri, parse_uri

QUICK = settings(max_examples=150, deadline=None)

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=20)
tokens = st.text("abzAZ09-.!%*_+`'~", min_size=1, max_size=8)
values = st.none() | tokens | names.map(quote)
params = st.lists(st.tuples(tokens, values), max_size=4).map(tuple)
addresses = st.builds(NameAddr, names,
                      st.sampled_from([parse_uri("sip:a;b@c;gr=x?d=e"), Uri("urn", opaque="x:y,z")]), params)
vias = st.builds(
    Via, tokens.map(str.upper), st.sampled_from(["a.example", "192.0.2.1", "[2001:db8::1]"]),
    st.none() | st.integers(1, 65535), params,
)
hostile = st.text('",;:<>@\\= \t/%[]sip()\udcff\x00a0', max_size=60)

PARSERS: tuple[Callable[[str], object], ...] = (
    parse_name_addr, parse_name_addrs, parse_via, parse_vias, parse_cseq, parse_content_type, split_list,
)


class AddressTests(SynchronousTestCase):
    """From, To, Contact and their kin (SIP-6)."""

    def test_forms(self) -> None:
        """All forms in which an address is written give the same address (SIP-6)."""
        for text, name in (
            ('"Bob" <sip:bob@b>;tag=x', "Bob"),
            ("Bob <sip:bob@b>;tag=x", "Bob"),
            ("Bob<sip:bob@b>;tag=x", "Bob"),                      # RFC 4475 3.1.1.6: no space
            ('"Bob"<sip:bob@b> ; tag = x', "Bob"),
            ("<sip:bob@b>;tag=x", ""),
            ("sip:bob@b;tag=x", ""),
            (" \t sip:bob@b ;\ttag\t=\tx\t", ""),
            ('"" < sip:bob@b >;tag="x"', ""),
        ):
            address = parse_name_addr(text)
            self.assertEqual((address.name, str(address.uri), address.tag), (name, "sip:bob@b", "x"), text)

    def test_parameters_without_brackets(self) -> None:
        """Without brackets everything after the semicolon belongs to the header (SIP-6)."""
        bare, bracketed = parse_name_addr("sip:bob@b;lr;tag=x"), parse_name_addr("<sip:bob@b;lr>;tag=x")
        self.assertEqual((bare.uri.params, bare.params), ((), (("lr", None), ("tag", "x"))))
        self.assertEqual((bracketed.uri.params, bracketed.params), ((("lr", None),), (("tag", "x"),)))

    def test_display_names(self) -> None:
        """Quoted pairs are undone when read and made when written (SIP-6, RFC 4475 3.1.1.1, 3.1.1.2)."""
        for text, name in (
            (r'"J Rosenberg \\\"" <sip:j@e>', 'J Rosenberg \\"'),
            ('"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:j@e>', "BEL:\x07 NUL:\x00 DEL:\x7f"),
            ('"<sip:mallory@evil>, \\"x" <sip:j@e>', '<sip:mallory@evil>, "x'),
        ):
            self.assertEqual(parse_name_addr(text).name, name)
        self.assertEqual(str(NameAddr('a "b" \\c', Uri("sip", host="h"))), r'"a \"b\" \\c" <sip:h>')

    def test_display_names_that_are_no_tokens(self) -> None:
        """A name beyond ASCII, or with brackets, is taken without quotes too, as many phones write it."""
        for name in ("J\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen M", "Bob (home)", "a/b"):
            self.assertEqual(parse_name_addr(f"{name} <sip:b@c>").name, name)

    def test_two_addresses_are_never_one(self) -> None:
        """What could hide a second address in the first is refused: a spoofed sender must not pass
        (SIP-6)."""
        for text in (
            '"A" <sip:a@x>, "B" <sip:b@y>',
            "sip:a@x, <sip:b@y>",
            "sip:a@x <sip:b@y>",
            "A, B <sip:b@y>",
            '"A" "B" <sip:b@y>',
            "<sip:a@x><sip:b@y>",
            "<sip:a@x> <sip:b@y>;tag=1",
            "<sip:a@x>;tag=1,<sip:b@y>",
            "sip:a@x,sip:b@y",
        ):
            self.assertRaises(SipSyntaxError, parse_name_addr, text)

    def test_lists(self) -> None:
        """Each address of a list is found; commas in quotes and brackets are text (SIP-4)."""
        found = parse_name_addrs('"A, \\"<sip:x@y>" <sip:a,1@h>;q=0.5 , <sip:b@h>,sip:c@h;x="1,2"')
        self.assertEqual([str(address) for address in found],
                         ['"A, \\"<sip:x@y>" <sip:a,1@h>;q=0.5', "<sip:b@h>", '<sip:c@h>;x="1,2"'])

    def test_malformed(self) -> None:
        """A broken address is refused with 400 and the name of its header (SIP-12, SIP-13)."""
        for text in (
            "", " ", "<>", "bob", "<bob>", "<sip:bob@b", "sip:bob@b>", '"Bob <sip:bob@b>', 'Bob" <sip:bob@b>',
            "sip:bob@b?x=y", "<sip:b@c>;;tag=x", "<sip:b@c>;", "<sip:b@c>tag=x", "<sip:b@c>;tag=",
            "<sip:b@c>;tag=x y",
            "<sip:b@c>;tag=\"x", "sip:b@c;tag=x;", "sip:b@c>;tag=x", "<sip:b@c>;=x", "<sip:b@c\r\n>",
            "a\r\nb <sip:b@c>",
        ):
            error = self.assertRaises(SipSyntaxError, parse_name_addr, text, "To")
            self.assertEqual((error.status, error.reason), (400, "Malformed To"), text)

    def test_instance(self) -> None:
        """A gr found as header parameter counts when the URI has none (ADDR-31)."""
        for text, instance in (
            ("<sip:a@b;gr=x%20y>", "x y"),
            ("<sip:a@b>;gr=x%20y", "x y"),
            ('<sip:a@b>;gr="x y"', "x y"),
            ("<sip:a@b;gr=1>;gr=2", "1"),
            ("<sip:a@b;gr>;gr=2", ""),       # ADDR-32: a temporary GRUU, no resource
            ("<sip:a@b>;gr", ""),
            ("<sip:a@b>", ""),
        ):
            self.assertEqual(parse_name_addr(text).instance(), instance, text)

    @QUICK
    @given(addresses)
    def test_round_trip(self, address: NameAddr) -> None:
        """Every address reads back as it was written, alone and in a list."""
        self.assertEqual(parse_name_addr(str(address)), address)
        self.assertEqual(parse_name_addrs(f"{address}, {address}"), (address, address))


class ViaTests(SynchronousTestCase):
    """One hop of a Via (RFC 3261 20.42)."""

    def test_parts(self) -> None:
        """Transport, sent-by and parameters are found, whatever the transport (SIP-40)."""
        via = parse_via("SIP/2.0/tls-SCTP Proxy.Example:5061;branch=z9hG4bKx;rport;received=192.0.2.1")
        self.assertEqual((via.transport, via.host, via.port), ("TLS-SCTP", "proxy.example", 5061))
        self.assertEqual((via.branch, via.param("rport"), via.received, via.param("maddr")),
                         ("z9hG4bKx", "", "192.0.2.1", None))

    def test_white_space(self) -> None:
        """White space round every separator is allowed (RFC 4475 3.1.1.1)."""
        via = parse_via("SIP  / 2.0  / TCP     spindle.example.com : 5070   ; branch  =   z9hG4bK9ikj8")
        self.assertEqual(via, Via("TCP", "spindle.example.com", 5070, (("branch", "z9hG4bK9ikj8"),)))

    def test_ipv6(self) -> None:
        """IPv6 needs brackets in sent-by, may have them in received, and loses them there (SIP-13)."""
        for text in ("received=[2001:db8::9:255]", "received=2001:db8::9:255"):
            self.assertEqual(parse_via(f"SIP/2.0/UDP [2001:db8::9:1];{text}").received, "2001:db8::9:255")
        self.assertRaises(SipSyntaxError, parse_via, "SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bKx")

    def test_lists(self) -> None:
        """Hops in one line come apart (SIP-4)."""
        hops = parse_vias('SIP/2.0/UDP a;x="1,2" ,SIP/2.0/TCP b')
        self.assertEqual([hop.host for hop in hops], ["a", "b"])

    def test_malformed(self) -> None:
        """A broken hop is refused with 400 naming Via, extra separators too (SIP-13)."""
        for text in (
            "", "SIP/2.0/UDP", "SIP/2.0 a", "HTTP/1.1/TCP a", "SIP/2.0/UDP ", "SIP/2.0/UDP a b",
            "SIP/2.0/UDP 192.0.2.15;;",
            "SIP/2.0/UDP a;", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:99999", "SIP/2.0/UDP a%41",
            "SIP/2.0/UDP a;branch=x y",
            "SIP/2.0/UDP a, SIP/2.0/UDP b", "SIP/2.0/UDP <a>", "SIP/2.0/UDPa",
        ):
            error = self.assertRaises(SipSyntaxError, parse_via, text)
            self.assertEqual((error.status, error.reason), (400, "Malformed Via"), text)
        self.assertRaises(SipSyntaxError, parse_vias, "SIP/2.0/UDP 192.0.2.15;;,;,,")

    @QUICK
    @given(vias)
    def test_round_trip(self, via: Via) -> None:
        """Every hop reads back as it was written."""
        self.assertEqual(parse_via(str(via)), via)

    def test_setting_parameters(self) -> None:
        """rport gets its value in place, received is added (SIP-43)."""
        via = parse_via("SIP/2.0/UDP a;rport;branch=z9hG4bKx")
        via = via.with_param("rport", "5070").with_param("received", "192.0.2.1")
        self.assertEqual(str(via), "SIP/2.0/UDP a;rport=5070;branch=z9hG4bKx;received=192.0.2.1")


class OtherHeaderTests(SynchronousTestCase):
    """CSeq and Content-Type."""

    def test_cseq(self) -> None:
        """Leading zeros and wide gaps are fine; the method keeps its case (SIP-8, RFC 4475 3.1.1.1)."""
        self.assertEqual(parse_cseq("0009   INVITE"), CSeq(9, "INVITE"))
        self.assertEqual(parse_cseq("4294967295 RE%47IST%45R"), CSeq(2**32 - 1, "RE%47IST%45R"))
        self.assertEqual(parse_cseq("0" * 50 + " invite").number, 0)
        self.assertEqual(str(CSeq(7, "MESSAGE")), "7 MESSAGE")

    def test_bad_cseq(self) -> None:
        """A number that does not fit, or none, is refused with 400 (SIP-8, RFC 4475 3.1.2.4)."""
        for text in ("", "1", "INVITE", "1INVITE", "-1 INVITE", "4294967296 INVITE", "9" * 5000 + " INVITE",
                     "1 IN VITE",
                     "\N{ARABIC-INDIC DIGIT ONE} INVITE", "1 <>"):
            self.assertEqual(self.assertRaises(SipSyntaxError, parse_cseq, text).reason, "Malformed CSeq")

    def test_content_type(self) -> None:
        """Media types are compared without case, parameters come without quotes."""
        media = parse_content_type('Text / Plain ; Charset="utf-8";x')
        self.assertEqual((media.type, media.param("charset"), media.param("x"), media.param("y")),
                         ("text/plain", "utf-8", "", None))
        self.assertEqual(str(ContentType("text/plain", (("charset", "utf-8"),))), "text/plain;charset=utf-8")

    def test_bad_content_type(self) -> None:
        """What is no media type is refused with 400."""
        for text in ("", "text", "text/", "/plain", "text/plain;", "text/plain charset=utf-8",
                     "text/plain, text/html"):
            self.assertEqual(self.assertRaises(SipSyntaxError, parse_content_type, text).reason,
                             "Malformed Content-Type")


class GrammarTests(SynchronousTestCase):
    """Lists, quotes, hostile text."""

    def test_lists(self) -> None:
        """Elements are what commas outside quotes and brackets part; empty ones are an error (SIP-4,
        SIP-13)."""
        self.assertEqual(split_list(' a , "b,\\"c" ,<d,e>;f '), ["a", '"b,\\"c"', "<d,e>;f"])
        for text in ("", ",", "a,", ",a", "a,,b", 'a,"b', "a,<b"):
            self.assertRaises(SipSyntaxError, split_list, text)

    @QUICK
    @given(names)
    def test_quoting(self, text: str) -> None:
        """Any text survives quoting."""
        self.assertRegex(quote(text), f"(?s)^{QUOTED}$")
        self.assertEqual(unquote(quote(text)), text)

    def test_readable(self) -> None:
        """Octets that are no UTF-8 are shown as U+FFFD, all else as it is."""
        self.assertEqual(readable(b"caf\xe9 \xc3\xa9".decode("utf-8", "surrogateescape")), "caf\ufffd \xe9")
        self.assertEqual(readable("plain"), "plain")

    @QUICK
    @given(hostile | st.text(max_size=30))
    def test_hostile_text(self, text: str) -> None:
        """Whatever the text, every parser reads it or raises the documented error."""
        for parse in PARSERS:
            for value in (text, "<sip:a@b>;" + text, "SIP/2.0/UDP a;" + text, '"' + text):
                try:
                    parse(value)
                except SipSyntaxError:
                    pass

    @QUICK
    @given(hostile)
    def test_what_is_read_can_be_written(self, text: str) -> None:
        """An address that was taken reads back the same after it was written."""
        try:
            address = parse_name_addr(text)
        except SipSyntaxError:
            address = parse_name_addr("<sip:a@b>")
        self.assertEqual(parse_name_addr(str(address)), address)

    def test_long_runs(self) -> None:
        """Runs of one character, the poison of careless patterns, are read or refused without getting
        stuck."""
        for character in '" \t;,<>\\a:@/=%':
            run = character * 50_000
            for parse in PARSERS:
                for value in (run, "<sip:a@b>" + run, '"' + run, "SIP/2.0/UDP a" + run, "1 " + run, run + "x",
                              "a;b=" + run):
                    try:
                        parse(value)
                    except SipSyntaxError:
                        pass


