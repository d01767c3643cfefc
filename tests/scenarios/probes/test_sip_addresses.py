"""Addresses that SIP users write to and from, and what XMPP sees of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.probes.base import JULIET, SIP_ROMEO, M, P, ProbeCase, S, X
from tests.support.world import World, configuration


class AddressProbes(ProbeCase):
    """SIP addresses and their images."""

    def setUp(self) -> None:
        super().setUp()
        self.world.xmpp.users |= {"r*m", "ro\\26meo", "řím", "a\\20b"}

    def assert_from(self, sender: str, jid: str) -> None:
        """A SIP user is seen under a JID."""
        self.assertEqual(self.asks("hi", sender=sender), [202])
        self.assertEqual(self.assert_only_text("hi")["from"], jid)

    def assert_to(self, uri: str, jid: str) -> None:
        """A SIP URI reaches an XMPP user."""
        self.assertEqual(self.asks("hi", to=uri), [202])
        self.assertEqual(self.assert_only_text("hi")["to"], jid)

    def test_port_and_parameters(self) -> None:
        """A port is part of the address, other parameters are not (ADDR-14, ADDR-16)."""
        self.assert_from("sip:juliet@sip.test:5070;transport=udp", f"juliet*sip.test\\3a5070@{X}")

    def test_parameters_of_the_target(self) -> None:
        """Parameters of the Request-URI do no harm."""
        self.assert_to(f"{SIP_ROMEO};x=y;lr", "romeo@xmpp.test")

    def test_percent_escapes(self) -> None:
        """Escapes are undone, and written as XMPP does (ADDR-16, ADDR-18)."""
        self.assert_to(f"sip:ro%26meo*xmpp.test@{S}", "ro\\26meo@xmpp.test")
        self.world.xmpp.inbox.clear()
        self.assert_from("sip:ju%20liet@sip.test", f"ju\\20liet*sip.test@{X}")

    def test_utf8(self) -> None:
        """Escapes are UTF-8 (ADDR-16)."""
        self.assert_to(f"sip:%C5%99%C3%ADm*xmpp.test@{S}", "řím@xmpp.test")

    def test_stars(self) -> None:
        """The last star divides; the others belong to the users (ADDR-13)."""
        self.assert_to(f"sip:r*m*xmpp.test@{S}", "r*m@xmpp.test")
        self.world.xmpp.inbox.clear()
        self.assert_from("sip:a*b@sip.test", f"a*b*sip.test@{X}")

    def test_escaped_star(self) -> None:
        """A star may come escaped (ADDR-6)."""
        self.assert_to(f"sip:romeo%2Axmpp.test@{S}", "romeo@xmpp.test")

    def test_fold(self) -> None:
        """Users are told apart as XMPP does, whose servers know no upper case (ADDR-20)."""
        self.assert_from("sip:JuLiEt@SIP.Test", JULIET)

    def test_instance(self) -> None:
        """A device of a SIP user is a resource, and back (ADDR-34, ADDR-35)."""
        self.assert_from("sip:juliet@sip.test;gr=urn:uuid:f81d", f"{JULIET}/urn:uuid:f81d")
        self.world.xmpp.inbox.clear()
        self.assert_to(f"{SIP_ROMEO};gr=Psi%2b%20home", "romeo@xmpp.test/Psi+ home")

    def test_quotes_in_the_address(self) -> None:
        """Characters that could end an XML attribute are escaped as XEP-0106 says (ADDR-7)."""
        self.assert_from("sip:a'b&c@sip.test", f"a\\27b\\26c*sip.test@{X}")
        self.world.xmpp.inbox.clear()
        self.assert_from("sip:a%22%3E%3Cx%20y='@sip.test", f"a\\22\\3e\\3cx\\20y=\\27*sip.test@{X}")

    def test_no_separator(self) -> None:
        """An address that names no XMPP domain is nobody's (addressing.md section 9)."""
        for user in ("romeo", "romeo*", ""):
            self.assertEqual(self.asks("hi", to=f"sip:{user}{'@' if user else ''}{S}"), [404])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_unmappable_target(self) -> None:
        """Targets that no JID can be (ADDR-16)."""
        for user in ("%20x", "a%00b", "%FF", "x%0Ay", "x%7F"):
            self.assertIn(self.asks("hi", to=f"sip:{user}*xmpp.test@{S}"), ([404], [400]))
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_unmappable_sender(self) -> None:
        """Senders that no JID can be are refused (addressing.md section 9)."""
        for user in ("%20x", "a%00b", "%FF", "x%0Ay", "x%7F"):
            self.assertEqual(self.asks("hi", sender=f"sip:{user}@sip.test"), [403])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_foreign_sender(self) -> None:
        """Nobody speaks for a domain that is not his, least of all for ours (SIP-63, LOOP-5)."""
        for sender in ("sip:eve@elsewhere.test", "sip:eve@xmpp.test"):
            self.assertEqual(self.asks("hi", sender=sender), [403])
        self.assertIn(self.asks("hi", sender=f"sip:romeo*xmpp.test@{S}"), ([403], [482]))
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_anonymous(self) -> None:
        """Nobody can be answered who is nobody (MSG-1)."""
        self.assertEqual(self.asks("hi", sender="sip:anonymous@anonymous.invalid"), [403])

    def test_telephone_without_right(self) -> None:
        """A peer that may not speak for telephone numbers is refused, not half understood (ADDR-37)."""
        self.assertEqual(self.asks("hi", sender="tel:+420123456"), [403])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_scheme(self) -> None:
        """A scheme nobody serves is told (SIP-30)."""
        self.assertEqual(self.asks("hi", to="http://xmpp.sip.test/"), [416])

    def test_sips(self) -> None:
        """What must be secure all the way cannot cross (ADDR-56)."""
        self.assertEqual(self.asks("hi", to=SIP_ROMEO.replace("sip:", "sips:")), [480])
        self.assertIn("380", self.answer().get("Warning") or "")

    def test_any_user(self) -> None:
        """Whatever stands in a user part: one stanza or one clear refusal."""
        characters = st.characters(codec="ascii", exclude_characters="@<>?;/ \"\\,\r\n")
        @settings(max_examples=80, deadline=None, database=None)
        @given(st.text(characters, min_size=1, max_size=12), st.booleans())
        def is_answered(user: str, sends: bool) -> None:
            self.world.xmpp.inbox.clear()
            if sends:
                (status,) = self.asks("hi", sender=f"sip:{user}@sip.test")
            else:
                (status,) = self.asks("hi", to=f"sip:{user}*xmpp.test@{S}")
            if sends:
                self.assertEqual(len(self.world.xmpp.inbox), status == 202, user)
            self.assertIn(status, (202, 400, 403, 404), user)
        is_answered()
        self.assert_alive()


class TelephoneProbes(ProbeCase):
    """A peer that speaks for telephone numbers (ADDR-37)."""

    def make_world(self) -> World:
        return World(configuration(trunk="phones = true"))

    def test_tel_sender(self) -> None:
        """A sender with a tel URI is a phone, seen where phones are seen (ADDR-38)."""
        self.assertEqual(self.asks("hi", sender="tel:+420-123-456"), [202])
        self.assertEqual(self.assert_only_text("hi")["from"], f"+420123456@{M}")


class SmsProbes(ProbeCase):
    """SIP users and phones."""

    def test_to_a_phone(self) -> None:
        """A SIP user writes to a phone, which can answer (SMS-72)."""
        self.assertEqual(self.asks("hi", to=f"sip:+491701@{P};user=phone"), [202])
        ((phone, number, text),) = self.world.texts()
        self.assertEqual(phone, "491701")
        self.assertTrue(text.endswith("hi"))
        status: list[int | None] = []
        self.world.text("+491701", number, "hello", status)
        self.assertEqual((status, self.world.peer.bodies()), ([0], ["hello"]))
        self.assertEqual(str(self.request().from_.uri), f"sip:+491701@{P};user=phone")
