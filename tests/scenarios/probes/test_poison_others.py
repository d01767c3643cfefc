"""Octets that break others, from XMPP users, from answers of the SIP side, from phones and SMSCs."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iwf.sip.syntax.message import response_to
from iwf.smpp.wire.pdu import ShortMessage, Sme
from tests.scenarios.probes.base import ROMEO, M, ProbeCase, S, X

RELAXED = settings(max_examples=100, deadline=None, database=None,
                   suppress_health_check=[HealthCheck.too_slow])


class XmppPoison(ProbeCase):
    """Stanzas that try to be something else on the far side."""

    def test_controls_to_a_phone(self) -> None:
        """Characters that the alphabet of phones has not are sent as they are in another (SMS-26, SMS-27)."""
        self.says("@ \x7f\x85\u2028 {€} \U0001F600", to=f"+491701@{M}")
        self.assertTrue(self.world.texts()[0][2].endswith("@ \x7f\x85\u2028 {€} \U0001F600"))

    def test_star_in_a_number(self) -> None:
        """An address on the phones' side that is no number reaches no phone (ADDR-36)."""
        for user in ("*", "+49*1701", "+", "+49%0d", "&lt;x&gt;".replace("&lt;", "\\3c").replace("&gt;", "\\3e"),
                     "+" + "1" * 40):
            self.sends("<body>hi</body>", to=f"{user}@{M}", id=f"n{user}".replace("&", ""))
        self.assertEqual(self.world.texts(), [])
        self.assertEqual(len(self.world.xmpp.errors()), 6)

    def test_many_attributes_and_children(self) -> None:
        """A stanza with thousands of attributes and children is one message."""
        attributes = " ".join(f"a{n}='{n}'" for n in range(2000))
        children = "".join(f"<x xmlns='urn:example:{n}'/>" for n in range(2000))
        self.sends(f"{children}<body>hi</body>", attributes=attributes)
        self.assertEqual(self.world.peer.bodies(), ["hi"])

    def test_namespace_with_a_space(self) -> None:
        """A namespace name that is no URI is no reason to lose a stream: any user can write one (XMPP-11)."""
        stream = self.world.xmpp.components[X]
        for inner in ("<x xmlns='urn:example:&#9;'/>", "<x xmlns='a b'/>", "<p:x xmlns:p='urn:example: b'/>"):
            self.sends(f"<body>hi</body>{inner}")
            self.assertIs(self.world.xmpp.components.get(X), stream)
        self.assertEqual(self.world.peer.bodies(), ["hi"] * 3)

    def test_any_stanza(self) -> None:
        """Whatever attributes a message has, the stream goes on and at most one error comes back."""
        attributes = st.sampled_from(["type", "id", "xml:lang", "to2", "by"])
        values = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"],
                                       exclude_characters="\ufffe\uffff<>&'\""), max_size=10)
        streams = dict(self.world.xmpp.components)
        @RELAXED
        @given(st.dictionaries(attributes, values, max_size=3))
        def is_survived(given: dict[str, str]) -> None:
            self.world.xmpp.inbox.clear()
            text = " ".join(f"{name}='{value}'" for name, value in given.items())
            self.world.xmpp.stanza(X, f"<message from='{ROMEO}' to='nobody@{X}' {text}><body>x</body></message>")
            self.world.settle()
            self.assertEqual(len(self.world.xmpp.inbox), given.get("type") != "error")
        is_survived()
        self.assertEqual(self.world.xmpp.components, streams)


    def test_long_fields(self) -> None:
        """Absurdly long identifiers, names and addresses: a message or one clear error, never silence."""
        for number, inner in enumerate((f"<thread>{'t' * 70_000}</thread>", f"<subject>{'s' * 70_000}</subject>",
                                        f"<nick xmlns='http://jabber.org/protocol/nick'>{'n' * 70_000}</nick>")):
            self.sends(f"<body>hi</body>{inner}", id=f"long{number}")
        self.assertEqual(self.world.peer.bodies(), ["hi", "hi"])
        self.assert_error("policy-violation", "modify", "long1")
        self.world.xmpp.inbox.clear()
        self.sends("<body>hi</body>", sender="romeo@xmpp.test/" + "r" * 1023)
        self.assert_error("policy-violation", "modify")
        self.world.xmpp.inbox.clear()
        self.sends("<body>hi</body>", to=f"{'u' * 1100}*sip.test@{X}")
        self.assert_error("jid-malformed", "modify")
        self.assert_alive()


class SipAnswerPoison(ProbeCase):
    """Answers of the SIP side that end up in error stanzas (ERR-3)."""

    def answered(self, response: bytes, id: str) -> None:
        """A message gets this answer, whose ``*`` stands for the lines that have to be copied."""
        self.world.peer.status = 0
        self.world.peer.requests.clear()
        self.says("hi", id=id)
        (request,) = self.world.peer.requests
        copied = response_to(request, 200, "OK", "far").to_bytes().partition(b"\r\n")[2]
        self.world.peer.write(response.replace(b"*", copied.partition(b"Content-Length")[0]))
        self.world.settle()
        self.world.peer.status = 200

    def test_reason_phrase(self) -> None:
        """Controls and markup in a reason phrase: the sender gets a text that XML can hold."""
        phrases = ("evil \x07 <x/> ]]>", "é\ufffe\u2028", "'\"&", "x" * 5_000, "")
        for number, phrase in enumerate((*(text.encode() for text in phrases), b"\xff\xc3 caf\xe9")):
            self.answered(b"SIP/2.0 480 " + phrase + b"\r\n*Content-Length: 0\r\n\r\n", f"r{number}")
            self.assert_error("recipient-unavailable", "wait", f"r{number}")
        self.assert_alive()

    def test_headers(self) -> None:
        """Strange header lines in an answer (ERR-9, ERR-6)."""
        lines = (b"Retry-After: 99999999999999999999", b"Retry-After: -1", b"Retry-After: \x07",
                 b"Contact: <sip:a'b&<c>@d>", b"Contact: \x07<", b"Contact: \xff", b"Contact: <tel:+1'2>",
                 b'Warning: 399 h "a\x07 <x/>\xff"', b"Warning: 399", b"Contact: <sip:%b@b>" % (b"a" * 7_000))
        for number, line in enumerate(lines):
            self.answered(b"SIP/2.0 302 Moved\r\n*" + line + b"\r\nContent-Length: 0\r\n\r\n", f"h{number}")
            self.assert_error("redirect", "modify", f"h{number}")
        self.assert_alive()

    def test_any_answer(self) -> None:
        """Whatever octets come back, the sender is told in the end and the stream stays (SIP-12)."""
        streams = dict(self.world.xmpp.components)
        self.world.peer.status = 0
        @settings(RELAXED, max_examples=30)
        @given(st.binary(max_size=30), st.integers(0, 6))
        def is_survived(junk: bytes, line: int) -> None:
            self.world.peer.requests.clear()
            self.world.xmpp.inbox.clear()
            self.says("hi")
            (request,) = self.world.peer.requests
            lines = response_to(request, 404, "No", "far").to_bytes().split(b"\r\n")
            lines.insert(line, junk)
            self.world.peer.write(b"\r\n".join(lines))
            self.world.settle(35)
            self.assertEqual(len(self.world.xmpp.errors()), 1)
        is_survived()
        self.world.peer.status = 200
        self.assertEqual(self.world.xmpp.components, streams)
        self.assert_alive()


class SmsPoison(ProbeCase):
    """Texts of phones that no XML and no SIP header can hold."""

    def test_controls_to_xmpp(self) -> None:
        """Controls from a phone are replaced; the XMPP stream survives (MSG-12)."""
        self.says("hi", to=f"+491701@{M}")
        number = self.world.texts()[0][1]
        status: list[int | None] = []
        self.world.text("+491701", number, "a\x00b\x07c\x1bd\uffffe", status)
        self.assertEqual(status, [0])
        self.assert_only_text("a\ufffdb\ufffdc\ufffdd\ufffde")

    def test_controls_to_sip(self) -> None:
        """The same to a SIP user arrives as one well-formed request."""
        status: list[int | None] = []
        self.world.text("+491701", "4455", "TO sip:juliet@sip.test a\x00b\r\n\r\nX-Evil: 1", status)
        self.assertEqual(status, [0])
        self.assertIsNone(self.request().get("X-Evil"))
        self.assertIn("X-Evil: 1", self.request().body.decode())

    def test_injection_by_command(self) -> None:
        """A phone cannot write headers by way of the address in a command (SMS-70)."""
        for target in ("sip:juliet@sip.test\r\nX-Evil:1", f"sip:ju\r\nX@{S}", "a\x00b@xmpp.test", "*", "<>", "@"):
            self.world.text("+491701", "4455", f"TO {target} hello")
        for _, datagram in self.world.peer.arrivals:
            self.assertNotIn(b"\nX-Evil", datagram.partition(b"\r\n\r\n")[0])
        self.assert_alive()

    def test_any_text(self) -> None:
        """Whatever octets, coding and kind a deliver_sm has, the SMSC gets an answer (SMS-22, SMS-44)."""
        self.says("hi", to=f"+491701@{M}")
        contact = Sme(5, 0, self.world.texts()[0][1])
        @RELAXED
        @given(st.binary(max_size=140), st.integers(0, 255), st.sampled_from([0, 4, 0x20, 0x40, 0x44, 0x80]))
        def is_answered(octets: bytes, coding: int, kind: int) -> None:
            message = ShortMessage(source=Sme(1, 1, "491701"), destination=contact, esm_class=kind,
                                   data_coding=coding, short_message=octets)
            status: list[int | None] = []
            self.world.smsc.deliver("iwf", message).addCallback(status.append)
            self.world.settle()
            self.assertEqual(len(status), 1)
            self.assertIsNotNone(status[0])
        is_answered()
        self.assert_alive()

    def test_garbage_from_the_smsc(self) -> None:
        """An SMSC whose octets are no PDU is left and bound again (SMS-11)."""
        for octets in (b"\x00" * 16, b"\xff" * 40, b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x05abcdefgh"):
            (connection,) = self.world.smsc.connections
            assert connection.transport is not None
            connection.transport.write(octets)
            self.world.settle(90)
        self.says("hi", to=f"+491701@{M}")
        self.assertEqual(len(self.world.texts()), 1)
