"""JIDs and addresses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Address
from iwf.xmpp.jid import JidFault, address_of_jid, escape, jid_of_address, unescape

quick = settings(max_examples=150, deadline=None)

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("\\20257cefa@/:&<>'\" *+.\r\n\x00ßẞＡΣ\u00ad\u2028\ud800"), max_size=20),
)
PARTS = st.text(st.sampled_from("ab1.*+;=\\25c7 @/:&<>'\"üж"), min_size=1, max_size=20)


class EscapingTests(SynchronousTestCase):
    """XEP-0106."""

    def test_vectors(self) -> None:
        """The ten characters and the backslash are written as ADDR-7 and ADDR-8 say."""
        for plain, escaped in {
            "o'malley": "o\\27malley",
            "d'artagnan": "d\\27artagnan",
            "m&m": "m\\26m",
            "a\\27b": "a\\5c27b",
            "\\bar": "\\bar",
            "\\5c": "\\5c5c",
            "\\2F": "\\2F",
            'a "b"/c:d<e>f@g': "a\\20\\22b\\22\\2fc\\3ad\\3ce\\3ef\\40g",
            "bob*[2001:db8::1]": "bob*[2001\\3adb8\\3a\\3a1]",
        }.items():
            self.assertEqual(escape(plain), escaped)
            self.assertEqual(unescape(escaped), plain)

    def test_unescaping_is_not_recursive(self) -> None:
        """An escaped escape is undone once only (ADDR-8)."""
        self.assertEqual(unescape("a\\5c27b"), "a\\27b")

    @quick
    @given(HOSTILE)
    def test_escape_can_be_undone(self, text: str) -> None:
        """Whatever a user part holds, unescaping gives it back (ADDR-8)."""
        self.assertEqual(unescape(escape(text)), text)
        self.assertFalse(set(escape(text)) & set(" \"&'/:<>@"))


class ReadingTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A JID is split, folded and unescaped (ADDR-1, ADDR-7)."""
        for text, address in {
            "Ben@XMPP.example./Psi+ (home)": Address("xmpp", "ben", "xmpp.example", "Psi+ (home)"),
            "d\\27artagnan@musketeers.lit": Address("xmpp", "d'artagnan", "musketeers.lit"),
            "treville\\40musketeers.lit@smtp.gascon.fr": Address(
                "xmpp", "treville@musketeers.lit", "smtp.gascon.fr"
            ),
            "conference.x.example": Address("xmpp", "", "conference.x.example"),
            "x.example/a@b/c": Address("xmpp", "", "x.example", "a@b/c"),
            "a#b%c@x.example": Address("xmpp", "a#b%c", "x.example"),
            "tschüss@bücher.example": Address("xmpp", "tschüss", "xn--bcher-kva.example"),
            "TSCHÜSS@BÜCHER.example": Address("xmpp", "tschüss", "xn--bcher-kva.example"),
            "a@xn--bcher-kva.example": Address("xmpp", "a", "xn--bcher-kva.example"),
            "a@x/\N{GRINNING FACE}": Address("xmpp", "a", "x", "\N{GRINNING FACE}"),
        }.items():
            self.assertEqual(address_of_jid(text), address)

    def test_refused(self) -> None:
        """What is no JID, or cannot be prepared, is an error value (ADDR-1, 2, 3, 9, 12, 21)."""
        for text in (
            "", "@x", "a@", "x/", "/r", "a@b@c", "a b@x", "a\r\nb@x", "a\x00b@x", "a@x\r\ny",
            "a@x/b\r\nc", "a@x/\x7f", "a@x/\ufffe", "a@..", "a@x..y", "a@-x", "a@x:1", "a@[::1]",
            "a\\5cb@x", "a\\20@x", "\\20a@x", "a&b@x", "a<b@x", "\u00ad@x", "\u2028@x",
            "a" * 1024 + "@x", "ü" * 512 + "@x", "a@x/" + "r" * 1024, "a@" + "x" * 64,
            "a@" + "x." * 600 + "x", "a@\N{GRINNING FACE}.example", "\ud800@x", "a@x/\ud800",
        ):  # fmt: skip
            self.assertRaises(JidFault, address_of_jid, text)

    def test_profiles_that_disagree(self) -> None:
        """A local part that the older profile would turn into another user is refused (ADDR-2)."""
        for text in ("straße@x", "ﬁsh@x", "Ａna@x"):
            self.assertRaises(JidFault, address_of_jid, text)

    @quick
    @given(HOSTILE)
    def test_nothing_else_is_raised(self, text: str) -> None:
        """No text that a peer sends as a JID does more than be refused (ADDR-2)."""
        try:
            address = address_of_jid(text)
        except JidFault:
            return
        self.assertEqual(address_of_jid(jid_of_address(address)), address)


class WritingTests(SynchronousTestCase):
    def test_written(self) -> None:
        """An address is escaped, its domain spelled in U-labels (ADDR-7, 10)."""
        for address, text in {
            Address("xmpp", "o'malley*sip.example", "x"): "o\\27malley*sip.example@x",
            Address("xmpp", "bob*sip.example:5070", "x"): "bob*sip.example\\3a5070@x",
            Address("xmpp", "a\\27b*sip.example", "x"): "a\\5c27b*sip.example@x",
            Address("xmpp", "+15551234567", "m.example"): "+15551234567@m.example",
            Address("xmpp", "ben", "xn--bcher-kva.example", "a b/c"): "ben@bücher.example/a b/c",
            Address("xmpp", "", "x.example"): "x.example",
            Address("xmpp", "Ana", "x"): "ana@x",
            Address("xmpp", "a\\2Fb", "x"): "a\\5c2fb@x",
            Address("xmpp", "a", "xn--zz.example"): "a@xn--zz.example",
        }.items():
            self.assertEqual(jid_of_address(address), text)

    def test_no_jid(self) -> None:
        """A user that no JID stands for is refused, never bent into another one (ADDR-9, 16, 21)."""
        for user in (" a", "a ", "a\r\nb", "a\x00b", "straße", "ﬁ", "x" * 1024, "@" * 400, "\ud800"):
            self.assertRaises(JidFault, jid_of_address, Address("xmpp", user, "x"))
        for domain in ("", "x y", "x'y", "x\r\n", "bücher"):
            self.assertRaises(JidFault, jid_of_address, Address("xmpp", "a", domain))
        self.assertRaises(JidFault, jid_of_address, Address("xmpp", "a", "x", "r\n"))

    def test_own_domain_as_configured(self) -> None:
        """Our own domain is spelled as the server knows it (XMPP-5)."""
        address = Address("xmpp", "ana*sip.example", "xn--bcher-kva.example")
        self.assertEqual(
            jid_of_address(address, "xn--bcher-kva.example"),
            "ana*sip.example@xn--bcher-kva.example",
        )

    @quick
    @given(PARTS, st.text(max_size=10))
    def test_round_trip(self, user: str, instance: str) -> None:
        """Whoever has a JID is found again behind it (ADDR-19)."""
        address = Address("xmpp", user, "x.example", instance)
        try:
            text = jid_of_address(address)
        except JidFault:
            self.assertTrue(
                user[0] == " " or user[-1] == " " or not instance.isprintable(), (user, instance)
            )
            return
        again = address_of_jid(text)
        self.assertEqual(again.user, user)
        self.assertEqual(jid_of_address(again), text)

    @quick
    @given(HOSTILE, HOSTILE, HOSTILE)
    def test_hostile_addresses(self, user: str, domain: str, instance: str) -> None:
        """No address does more than be refused, and none leaves with a control character."""
        try:
            text = jid_of_address(Address("xmpp", user, domain, instance))
        except JidFault:
            return
        self.assertNotRegex(text, "[\x00-\x1f\x7f\ud800-\udfff]")
