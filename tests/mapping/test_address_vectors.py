"""The worked vectors of addressing.md, in the spelling of the wire."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import SIP, TEL, XMPP, Address, Reason
from iwf.xmpp.jid import JidFault
from tests.mapping.places import BOTH, M, P, S, X, image, native, read, written

#: The worked vectors of addressing.md section 3: SIP users as XMPP users see them.
SIP_VECTORS = (
    ("sip:suser@sipserver.com", f"suser*sipserver.com@{X}"),
    ("sip:a*b@sipserver.com", f"a*b*sipserver.com@{X}"),
    ("sip:o'malley@sip.example", rf"o\27malley*sip.example@{X}"),
    ("sip:user;par=u%40example.net@example.com", rf"user;par=u\40example.net*example.com@{X}"),
    ("sip:bob@[2001:db8::1]", rf"bob*[2001\3adb8\3a\3a1]@{X}"),
    ("sip:bob@sip.example:5070", rf"bob*sip.example\3a5070@{X}"),
    ("sip:a%5C27b@sip.example", rf"a\5c27b*sip.example@{X}"),
    ("sip:tsch%C3%BCss@sip.example", f"tschüss*sip.example@{X}"),
    ("sip:sip.example", f"*sip.example@{X}"),
    ("sip:bob@sip.example;gr=urn:uuid:f81d", f"bob*sip.example@{X}/urn:uuid:f81d"),
)

#: The same for XMPP users as SIP users see them.
XMPP_VECTORS = (
    ("xuser@xmppserver.com", f"sip:xuser*xmppserver.com@{S}"),
    (r"d\27artagnan@musketeers.lit", f"sip:d'artagnan*musketeers.lit@{S}"),
    (r"treville\40musketeers.lit@smtp.gascon.fr",
     f"sip:treville%40musketeers.lit*smtp.gascon.fr@{S}"),
    ("a#b%c@x.example", f"sip:a%23b%25c*x.example@{S}"),
    ("conference.x.example", f"sip:*conference.x.example@{S}"),
    ("baz@x.example/Psi+ (home)", f"sip:baz*x.example@{S};gr=Psi+%20(home)"),
    ("a*b.com@alias.of.others", f"sip:a*b.com*alias.of.others@{S}"),
)

#: Section 4: one domain in both worlds.
DIRECT_VECTORS = (
    (f"fü@{BOTH}", f"sip:f%C3%BC@{BOTH}"),
    (rf"o\27malley@{BOTH}", f"sip:o'malley@{BOTH}"),
    (rf"m\26m@{BOTH}", f"sip:m&m@{BOTH}"),
    (f"tschüss@{BOTH}", f"sip:tsch%C3%BCss@{BOTH}"),
    (f"baz@{BOTH}/qux", f"sip:baz@{BOTH};gr=qux"),
)


class WorkedVectors(SynchronousTestCase):
    """The examples of the specification, in the spelling of the wire."""

    def test_sip_users(self) -> None:
        """A SIP user has the JID that the specification says, and it leads back to him (ADDR-16, 18)."""
        for uri, jid in SIP_VECTORS:
            self.assertEqual(written(image(read(uri), XMPP)), jid)
            self.assertEqual(written(native(read(jid))), uri)

    def test_xmpp_users(self) -> None:
        """A JID has the SIP URI that the specification says, and it leads back (ADDR-17, 18, 24)."""
        for jid, uri in XMPP_VECTORS:
            self.assertEqual(written(image(read(jid), SIP)), uri)
            self.assertEqual(written(native(read(uri))), jid)

    def test_direct_scheme_from_xmpp(self) -> None:
        """JIDs of a domain in both worlds keep their user and domain in SIP (ADDR-27, 28)."""
        for jid, uri in DIRECT_VECTORS:
            self.assertEqual(written(image(read(jid), SIP)), uri)
            self.assertEqual(written(native(read(uri))), jid)

    def test_direct_scheme_from_sip(self) -> None:
        """SIP users of a domain in both worlds keep theirs in XMPP (ADDR-26, 28)."""
        for jid, uri in DIRECT_VECTORS:
            self.assertEqual(written(image(read(uri), XMPP)), jid)
            self.assertEqual(written(native(read(jid))), uri)

    def test_sip_users_without_image(self) -> None:
        """A leading space and a control character have no JID (ADDR-9, 16)."""
        for user in (" x", "a\0b", "a\x7fb", "a\nb"):
            self.assertIs(image(Address(SIP, user, "sip.example"), XMPP), Reason.REFUSED)

    def test_jid_that_is_not_canonical(self) -> None:
        r"""The JID ``a\5cb``, which would share its image with ``a\b``, is refused when read (ADDR-12)."""
        with self.assertRaises(JidFault):
            read(r"a\5cb@x.example")
        self.assertEqual(written(image(read(r"a\b@x.example"), SIP)), f"sip:a%5Cb*x.example@{S}")

    def test_phone(self) -> None:
        """A phone is its number at the SMS domain of each world (ADDR-38)."""
        phone = read("tel:+1-555-123-4567")
        self.assertEqual(written(image(phone, XMPP)), f"+15551234567@{M}")
        self.assertEqual(written(image(phone, SIP)), f"sip:+15551234567@{P};user=phone")
        for seen in (f"+15551234567@{M}", f"sip:+1(555)123-4567@{P};user=phone",
                     f"sip:+1-555-123-4567@{P}"):
            self.assertEqual(written(native(read(seen))), "tel:+15551234567")

    def test_short_code_of_an_operator(self) -> None:
        """A short code keeps its operator through both worlds (ADDR-37, 39)."""
        code = read("tel:70-700;phone-context=operator.example")
        for world in (XMPP, SIP):
            seen = read(written(image(code, world)))
            self.assertEqual(native(seen), Address(TEL, "70700", "operator.example"))
