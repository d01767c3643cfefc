"""URIs as SIP writes them: what is read, what is written, what is equal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.grammar import (
    PARAM_ALLOWED,
    USER_ALLOWED,
    Params,
    SipSyntaxError,
    escape,
    unescape,
    unescape_text,
)
from iwf.sip.syntax.uri import Uri, parse_uri, same_uri

QUICK = settings(max_examples=150, deadline=None)

user_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
hosts = st.from_regex(
    r"[a-z0-9]([a-z0-9\-]{0,8}[a-z0-9])?(\.[a-z]{2,6}[0-9]?){0,3}|\[2001:db8::[0-9a-f]{1,4}\]", fullmatch=True
)


def pairs(allowed: str) -> st.SearchStrategy[Params]:
    """Parameters or headers of a URI."""
    names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=6)
    values = st.none() | st.text(st.characters(exclude_categories=["Cs"]),
                                 max_size=10).map(lambda t: escape(t, allowed))
    return st.lists(st.tuples(names, values), max_size=4).map(tuple)


uris = st.builds(
    Uri,
    scheme=st.sampled_from(("sip", "sips", "im", "pres")),
    user=st.none() | user_texts.filter(bool).map(lambda text: escape(text, USER_ALLOWED)),
    host=hosts,
    port=st.none() | st.integers(1, 65535),
    params=pairs(PARAM_ALLOWED),
    headers=pairs(PARAM_ALLOWED.replace("&", "")),
)


class ReadingTests(SynchronousTestCase):
    """What comes out of the text of a URI."""

    def refused(self, text: str) -> SipSyntaxError:
        """The error that reading ends in."""
        try:
            parse_uri(text)
        except SipSyntaxError as error:
            return error
        raise self.failureException(f"not refused: {text}")

    def test_all_parts(self) -> None:
        """Every part of a SIP URI is found, and the escapes in it are left alone (SIP-7)."""
        uri = parse_uri("SIP:al%69ce:pa%3Ass@Atlanta.Example:5070;transport=TCP;lr?subject=a%20b&priority=urgent")
        self.assertEqual(
            uri,
            Uri(
                "sip", "al%69ce", "pa%3Ass", "atlanta.example", 5070,
                (("transport", "TCP"), ("lr", None)),
                (("subject", "a%20b"), ("priority", "urgent")),
            ),
        )
        self.assertEqual(uri.user_text(), "alice")
        self.assertEqual((uri.param("transport"), uri.param("lr"), uri.param("maddr")), ("TCP", "", None))

    def test_user_with_delimiters(self) -> None:
        """A user part may hold the delimiters of the parts behind it (RFC 4475 3.1.1.13)."""
        uri = parse_uri("sip:user;par=u%40example.net?x/1@example.com")
        self.assertEqual((uri.user_text(), uri.host, uri.params),
                         ("user;par=u@example.net?x/1", "example.com", ()))

    def test_a_uri_in_the_user_part(self) -> None:
        """An escaped URI as user part is a user part, not another URI (RFC 4475 3.1.1.3)."""
        uri = parse_uri("sip:sips%3Auser%40example.com@example.net")
        self.assertEqual((uri.scheme, uri.user_text(), uri.host),
                         ("sip", "sips:user@example.com", "example.net"))

    def test_a_user_with_nul(self) -> None:
        """An escaped NUL is decoded, not a terminator (RFC 4475 3.1.1.4)."""
        self.assertEqual(parse_uri("sip:null-%00-null@example.com").user_text(), "null-\0-null")

    def test_hosts(self) -> None:
        """Names that end in a digit, underscores, a root dot, addresses of both kinds are hosts (SIP-7)."""
        for host in (
            "kamailio1", "node2.lab", "sip_proxy.example", "example.com.", "192.0.2.1", "[2001:db8::9:1]",
            "[::ffff:192.0.2.10]", "[2001:db8:::192.0.2.1]",  # RFC 5118 4.10: three colons
        ):
            self.assertEqual(parse_uri(f"sip:bob@{host}:5061").host, host)
            self.assertEqual(parse_uri(f"sip:{host}").host, host)
            self.assertEqual(str(parse_uri(f"sip:bob@{host}")), f"sip:bob@{host}")

    def test_no_host(self) -> None:
        """What is no host is refused with 400; so is an IPv6 address without brackets (SIP-7, RFC 5118
        4.2)."""
        for host in (
            "", "2001:db8::9:1", "[2001:db8::9:1", "[2001:db8::9::1]", "[]", "a..b", ".a", "-a",
            "exa%6dple.com",
            "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "a b", "a,b", "a:", "a:0", "a:65536",
            "a:x", "a:5060:1",
        ):
            self.assertEqual(self.refused(f"sip:bob@{host}").status, 400, host)

    def test_malformed(self) -> None:
        """Text that no reading makes a URI is refused with a reason naming its place (SIP-12)."""
        for text in (
            "", "sip", "sip:", ":a", "1sip:a@b", "sip:@b", "sip:a@", "sip:a@b@c", "sip:a@b;", "sip:a@b;;x",
            "sip:a@b;=x",
            "sip:a@b?", "sip:a@b?=x", "sip:a@b?x=1&&y=2", "<sip:a@b>", "sip:a b@c", "sip:a@b;x=y z",
            'sip:"a"@b',
            "sip:a%4@b", "sip:a%zz@b", "sip:a@b;x=%", "sip:a\r\n@b", "sip:a\0@b", "tel:", "tel:alice",
            "tel:+1;", "urn: x",
        ):
            error = self.refused(text)
            self.assertEqual((error.status, error.reason), (400, "Malformed Request-URI"), text)

    def test_too_long(self) -> None:
        """A URI longer than a line may be is refused with 414 (SIP-14)."""
        self.assertEqual(self.refused("sip:" + "a" * 10_000 + "@b").status, 414)

    def test_raw_characters_peers_send(self) -> None:
        """Characters that should be escaped but can be misread for nothing are taken as they are."""
        for user in ("*31#", "a[1]", "a|b", "b\N{LATIN SMALL LETTER U WITH DIAERESIS}b"):
            self.assertEqual(parse_uri(f"sip:{user}@b").user_text(), user)

    def test_user_that_is_no_text(self) -> None:
        """A user part whose octets are no UTF-8 belongs to nobody: 404 (ADDR-16)."""
        uri = parse_uri("sip:%FF@h")
        self.assertEqual(self.assertRaises(SipSyntaxError, uri.user_text).status, 404)

    def test_tel(self) -> None:
        """A tel URI has a number and parameters (ADDR-37)."""
        uri = parse_uri("tel:+1-555-123-4567;ext=22")
        self.assertEqual(uri, Uri("tel", "+1-555-123-4567", params=(("ext", "22"),)))
        self.assertEqual(str(uri), "tel:+1-555-123-4567;ext=22")

    def test_other_schemes(self) -> None:
        """A scheme that nobody here serves is kept whole, for the 416 that is due (SIP-13)."""
        for text in ("nobodyKnowsThisScheme:totallyopaquecontent", "urn:service:sos",
                     "http://example.com/x?y=1"):
            uri = parse_uri(text)
            self.assertEqual(str(uri).lower(), text.lower())
            self.assertEqual(uri.host, "")

    def test_instance(self) -> None:
        """The instance of a GRUU is decoded; without value it names none (ADDR-31, ADDR-32)."""
        self.assertEqual(parse_uri("sip:a@b;gr=Psi+%20(home)%C3%BC").instance(),
                         "Psi+ (home)\N{LATIN SMALL LETTER U WITH DIAERESIS}")
        self.assertEqual(parse_uri("sip:a@b;gr").instance(), "")
        self.assertEqual(parse_uri("sip:a@b").instance(), "")

    @QUICK
    @given(st.text(max_size=60) | st.text("sip:@;?=&%[]<>\"\\ .0a\udcff", max_size=60).map("sip:{}".format))
    def test_any_text(self, text: str) -> None:
        """Whatever the text, it is read or refused, and what was read is written as it reads."""
        try:
            uri = parse_uri(text)
        except SipSyntaxError:
            return
        self.assertEqual(parse_uri(str(uri)), uri)


class WritingTests(SynchronousTestCase):
    """What is written can be read."""

    @QUICK
    @given(uris)
    def test_round_trip(self, uri: Uri) -> None:
        """Every URI reads back as it was written."""
        self.assertEqual(parse_uri(str(uri)), uri)

    @QUICK
    @given(user_texts)
    def test_users(self, text: str) -> None:
        """Any text can be a user part or an instance and comes back (ADDR-4, ADDR-5)."""
        uri = Uri("sip", escape(text, USER_ALLOWED) or None, None, "b").with_param("gr",
            escape(text, PARAM_ALLOWED))
        again = parse_uri(str(uri)) if text else uri
        self.assertEqual((again.user_text(), again.instance()), (text, text))

    def test_allowed_characters(self) -> None:
        """Exactly the characters of the two sets stay unescaped; hex is upper case (ADDR-4, ADDR-5)."""
        printable = "".join(map(chr, range(0x21, 0x7F)))
        kept = {allowed: "".join(c for c in printable if escape(c, allowed) == c and not c.isalnum())
                for allowed in (USER_ALLOWED, PARAM_ALLOWED)}
        self.assertEqual(kept[USER_ALLOWED], "!$&'()*+,-./;=?_~")
        self.assertEqual(kept[PARAM_ALLOWED], "!$&'()*+-./:[]_~")
        self.assertEqual(escape("\N{LATIN SMALL LETTER U WITH DIAERESIS}@ ", USER_ALLOWED), "%C3%BC%40%20")

    def test_text_that_has_no_octets(self) -> None:
        """A lone surrogate, which has no UTF-8, is refused by the module's own error."""
        self.assertRaises(SipSyntaxError, escape, "a\ud800", USER_ALLOWED)
        self.assertRaises(SipSyntaxError, unescape, "a\ud800")

    def test_unescape(self) -> None:
        """Escapes are undone once, in either case; a bad one is refused."""
        self.assertEqual(unescape("%2541%c3%BC"), b"%41\xc3\xbc")
        self.assertEqual(unescape_text("%2541"), "%41")
        self.assertRaises(SipSyntaxError, unescape, "100%")

    def test_replacing_a_parameter(self) -> None:
        """A replaced parameter keeps its place, a new one goes last."""
        uri = parse_uri("sip:a@b;GR=x;lr;gr=y")
        self.assertEqual(str(uri.with_param("gr", "z").with_param("ob", None)), "sip:a@b;gr=z;lr;ob")


class EqualityTests(SynchronousTestCase):
    """Which URIs name the same thing (RFC 3261 19.1.4)."""

    def test_equal(self) -> None:
        """The pairs that RFC 3261 19.1.4 prints as equal are equal, and some that follow from its rules."""
        for a, b in (
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            ("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
             "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"),
            ("sip:alice@atlanta.com?subject=project%20x&priority=urgent",
             "sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
            ("sip:b%c3%bc@a", "sip:b%C3%BC@a"),
            ("tel:+1-555-123", "tel:+1(555)123"),
            ("tel:+1555;b=2;a=1", "tel:+1555;a=1;b=2"),
            ("urn:a", "URN:a"),
        ):
            self.assertTrue(same_uri(parse_uri(a), parse_uri(b)), (a, b))
            self.assertTrue(same_uri(parse_uri(b), parse_uri(a)), (b, a))

    def test_different(self) -> None:
        """The pairs that RFC 3261 19.1.4 prints as different are different, and some that follow from its
        rules."""
        for a, b in (
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
            ("sip:a@b", "sips:a@b"),
            ("sip:a@b", "sip:b"),
            ("sip:a:x@b", "sip:a:y@b"),
            ("sip:a%3Bb@c", "sip:a;b@c"),   # ADDR-6: escapes of reserved characters are distinct
            ("sip:a@b", "sip:a@b;user=phone"),
            ("sip:a@b", "sip:a@b;ttl=1"),
            ("tel:+1555", "tel:+1555;ext=1"),
            ("urn:a", "urn:A"),
        ):
            self.assertFalse(same_uri(parse_uri(a), parse_uri(b)), (a, b))

    @QUICK
    @given(uris)
    def test_same_as_itself(self, uri: Uri) -> None:
        """Every URI equals itself after a trip over the wire."""
        self.assertTrue(same_uri(uri, parse_uri(str(uri))))
