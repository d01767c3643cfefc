"""URIs to addresses and back (addressing.md sections 1, 5, 6; ADDR-22)."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Address
from iwf.sip.address import NoImage, address_of_uri, uri_of_address, without_own_port
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.uri import parse_uri

PHONES = frozenset({"sms.sip.example"})

USERS = st.text(max_size=40)
HOSTS = st.sampled_from(["sip.example", "xn--bcher-kva.example", "192.0.2.1", "[2001:db8::1]", "a_b.example"])
PORTS = st.one_of(st.none(), st.integers(1, 65535))


def read(text: str) -> Address:
    return address_of_uri(parse_uri(text))


class ReadTests(SynchronousTestCase):
    """What a URI says about its user."""

    def test_plain(self) -> None:
        """A user and his domain, the domain in lower case without trailing dot (ADDR-14)."""
        self.assertEqual(read("sip:Ana@SIP.Example."), Address("sip", "Ana", "sip.example"))

    def test_escapes(self) -> None:
        """The worked vectors of addressing.md section 3, decoded."""
        for text, user in (
            ("sip:a*b@sipserver.com", "a*b"),
            ("sip:o'malley@sip.example", "o'malley"),
            ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net"),
            ("sip:a%5C27b@sip.example", "a\\27b"),
            ("sip:tsch%C3%BCss@sip.example", "tschüss"),
            ("sip:d'artagnan*musketeers.lit@S", "d'artagnan*musketeers.lit"),
        ):
            self.assertEqual(read(text).user, user)

    def test_no_image(self) -> None:
        """A leading space, control characters and octets that are no UTF-8 have no image (ADDR-16)."""
        for text in ("sip:%20x@sip.example", "sip:a%00b@h", "sip:%FF@h", "sip:a%0D%0Ab@h", "sip:a%7F@h",
                     "sip:a@h;gr=%00", "sip:a@h;gr=%FF", "mailto:a@b", "urn:service:sos"):
            self.assertRaises(NoImage, read, text)

    def test_port_and_ipv6(self) -> None:
        """The port is part of the domain only where the URI carried one (ADDR-14)."""
        self.assertEqual(read("sip:bob@sip.example:5070").domain, "sip.example:5070")
        self.assertEqual(read("sip:bob@[2001:DB8::1]").domain, "[2001:db8::1]")
        self.assertEqual(read("sip:bob@[2001:db8::1]:5061").domain, "[2001:db8::1]:5061")

    def test_instance(self) -> None:
        """The value of gr is the resource; a gr without value is none (ADDR-31, 32)."""
        self.assertEqual(read("sip:baz*x.example@S;gr=Psi+%20(home)").instance, "Psi+ (home)")
        self.assertEqual(read("sip:baz@h;gr").instance, "")

    def test_domain_only(self) -> None:
        """A URI without user names the domain itself (ADDR-15)."""
        self.assertEqual(read("sip:x.sip.example"), Address("sip", "", "x.sip.example"))

    def test_im_and_pres(self) -> None:
        """im: and pres: mean the same user as sip: (ADDR-30)."""
        for scheme in ("im", "pres", "sips"):
            self.assertEqual(read(f"{scheme}:ana@sip.example"), Address("sip", "ana", "sip.example"))

    def test_tel(self) -> None:
        """Separators carry no meaning in a number; parameters are no part of it (ADDR-36, 37)."""
        self.assertEqual(read("tel:+1-555-123.4567;ext=22"), Address("tel", "+15551234567"))

    def test_local_number(self) -> None:
        """A local number needs its context, in any case and with any separators (ADDR-37)."""
        self.assertEqual(read("tel:70-42;phone-context=Example.COM"), Address("tel", "7042", "example.com"))
        self.assertEqual(read("tel:7042;phone-context=+1-914"), Address("tel", "7042", "+1914"))
        for text in ("tel:7042", "tel:7042;phone-context=", "tel:+12345678901234567"):
            self.assertRaises(NoImage, read, text)

    def test_phone_in_sip(self) -> None:
        """sip:+digits;user=phone stays SIP; its separators and port say nothing about the phone (ADDR-37)."""
        self.assertEqual(read("sip:+1-555-0100@gw.example:5070;user=phone"), Address("sip", "+15550100", "gw.example"))
        self.assertEqual(read("sip:bob@gw.example:5070;user=phone"), Address("sip", "bob", "gw.example:5070"))
        self.assertEqual(read("sip:70-42@gw.example:5070;user=phone"), Address("sip", "7042", "gw.example"))

    def test_port_of_our_own_hosts(self) -> None:
        """An alias of ours with a port is still that alias."""
        self.assertEqual(without_own_port(Address("sip", "a", "x.sip.example:5060"), {"x.sip.example"}).domain,
                         "x.sip.example")
        for domain in ("sip.example:5060", "x.sip.example", "[::1]"):
            self.assertEqual(without_own_port(Address("sip", "a", domain), {"x.sip.example", "[:"}).domain,
                             domain if domain != "[::1]" else "[:")

    @settings(max_examples=300, deadline=None)
    @given(st.text(max_size=80))
    def test_hostile(self, text: str) -> None:
        """Any text is an address, has no image, or is no URI; nothing else happens."""
        for scheme in ("sip:", "tel:", ""):
            try:
                read(scheme + text)
            except (NoImage, SipSyntaxError):
                pass
            else:
                self.assertNotIn("\n", text)


class WriteTests(SynchronousTestCase):
    """How an address is written for SIP."""

    def test_vectors(self) -> None:
        """The worked vectors of addressing.md section 3, written (ADDR-4, 5, 17)."""
        for address, text in (
            (Address("sip", "d'artagnan*musketeers.lit", "s"), "sip:d'artagnan*musketeers.lit@s"),
            (Address("sip", "treville@musketeers.lit*smtp.gascon.fr", "s"),
             "sip:treville%40musketeers.lit*smtp.gascon.fr@s"),
            (Address("sip", "a#b%c*x.example", "s"), "sip:a%23b%25c*x.example@s"),
            (Address("sip", "*conference.x.example", "s"), "sip:*conference.x.example@s"),
            (Address("sip", "baz*x.example", "s", "Psi+ (home)"), "sip:baz*x.example@s;gr=Psi+%20(home)"),
            (Address("sip", "m&m", "h"), "sip:m&m@h"),
            (Address("sip", "fü", "sip.example:5070"), "sip:f%C3%BC@sip.example:5070"),
            (Address("sip", "", "x.sip.example"), "sip:x.sip.example"),
            (Address("tel", "+15550100"), "tel:+15550100"),
            (Address("tel", "7042", "example.com"), "tel:7042;phone-context=example.com"),
        ):
            self.assertEqual(str(uri_of_address(address)), text)

    def test_phone_image(self) -> None:
        """Only a number behind a host for phones carries user=phone (ADDR-38)."""
        for user, domain, params in (
            ("+15551234567", "sms.sip.example", ";user=phone"),
            ("7042", "sms.sip.example", ";user=phone"),
            ("7042", "x.sip.example", ""),
            ("bank", "sms.sip.example", ""),
            ("+15551234567", "x.sip.example", ""),
            ("+1234567890123456", "sms.sip.example", ""),
        ):
            uri = uri_of_address(Address("sip", user, domain), phone_hosts=PHONES)
            self.assertEqual(str(uri), f"sip:{user}@{domain}{params}")

    def test_unwritable(self) -> None:
        """Control characters, lone surrogates, broken domains and other worlds have no URI."""
        for address in (
            Address("sip", "a\r\nEvil: 1", "h"), Address("sip", "a\0", "h"), Address("sip", "\ud800", "h"),
            Address("sip", "a", "h\r\n"), Address("sip", "a", "h h"), Address("sip", "a", ""),
            Address("sip", "a", "h", "r\n"), Address("xmpp", "a", "b"), Address("tel", "abc"),
            Address("tel", "1", "a b"), Address("sip", "a", "h>"), Address("sip", "a", "h;lr"),
        ):
            self.assertRaises(NoImage, uri_of_address, address)

    def test_spelling(self) -> None:
        """A remembered spelling of the same user is used as it was (ADDR-22)."""
        for spelling in ("sip:Ana@sip.example", "sip:%61na@sip.example", "sip:ana@sip.example;transport=tcp",
                         "sip:ana@SIP.example"):
            uri = uri_of_address(Address("sip", "ana", "sip.example"), spelling)
            self.assertEqual(str(uri).lower(), spelling.lower())

    def test_wrong_spelling(self) -> None:
        """A spelling of anybody else, or one that cannot be read, never changes whom we write to (ADDR-22)."""
        for spelling in ("sip:bob@sip.example", "sip:ana@sip.example:5070", "sip:ana@evil.example", "tel:+1",
                         "sip:%FF@sip.example", "rubbish", "sip:ana@sip.example>\r\nEvil: 1"):
            uri = uri_of_address(Address("sip", "ana", "sip.example"), spelling)
            self.assertEqual(str(uri), "sip:ana@sip.example")

    def test_spelling_loses_routing(self) -> None:
        """What says how to send is not taken from a remembered spelling: method, maddr, headers, password, sips."""
        uri = uri_of_address(Address("sip", "ana", "sip.example"),
                             "sips:ana:pw@sip.example;maddr=192.0.2.66;method=BYE;lr;x=1?Subject=hi")
        self.assertEqual(str(uri), "sip:ana@sip.example;x=1")

    def test_spelling_and_instance(self) -> None:
        """The device is that of the address, whatever the spelling names; a temporary GRUU stays whole (ADDR-32)."""
        ana = Address("sip", "ana", "sip.example")
        self.assertEqual(str(uri_of_address(ana, "sip:Ana@sip.example;gr=old")), "sip:Ana@sip.example")
        self.assertEqual(str(uri_of_address(Address("sip", "ana", "sip.example", "new"), "sip:Ana@sip.example;gr=old")),
                         "sip:Ana@sip.example;gr=new")
        self.assertEqual(str(uri_of_address(ana, "sip:Ana@sip.example;gr")), "sip:Ana@sip.example;gr")


class RoundTripTests(SynchronousTestCase):
    """ADDR-19, on the part of it that is SIP's."""

    @settings(max_examples=300, deadline=None)
    @given(USERS, HOSTS, PORTS, st.text(max_size=20))
    def test_there_and_back(self, user: str, host: str, port: int | None, instance: str) -> None:
        """Any user that can be written is read back as himself, from legal text without control characters."""
        address = Address("sip", user, host if port is None else f"{host}:{port}", instance)
        try:
            text = str(uri_of_address(address))
        except NoImage:
            assume(False)
        self.assertTrue(text.isascii() and text.isprintable() and " " not in text)
        if user.startswith(" "):
            self.assertRaises(NoImage, read, text)
        else:
            self.assertEqual(read(text), address)

    @settings(max_examples=200, deadline=None)
    @given(USERS, st.text(max_size=60))
    def test_spelling_never_changes_the_user(self, user: str, spelling: str) -> None:
        """Whatever is remembered, the URI names the user we want, letter case aside (ADDR-22)."""
        address = Address("sip", user, "sip.example")
        try:
            plain = address_of_uri(uri_of_address(address))
        except NoImage:
            assume(False)
        for remembered in (spelling, f"sip:{spelling}@sip.example", f"sip:{user}@sip.example;{spelling}"):
            seen = address_of_uri(uri_of_address(address, remembered))
            self.assertEqual((seen.user.lower(), seen.domain, seen.instance), (plain.user.lower(), plain.domain, ""))
