"""Octets that break others, from SIP users: controls, NUL, invalid UTF-8, injected line ends."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.probes.base import SIP_ROMEO, ProbeCase, X, dial_tcp
from tests.support.xmpp_server import domain_of

RELAXED = settings(max_examples=100, deadline=None, database=None,
                   suppress_health_check=[HealthCheck.too_slow])


class SipBodyPoison(ProbeCase):
    """Texts of SIP users that no XML can hold; the XMPP stream survives each (MSG-12, XMPP-12)."""

    def assert_read(self, body: bytes, text: str) -> None:
        """A body arrives as this text, on the same stream as everything before."""
        stream = self.world.xmpp.components[X]
        self.world.xmpp.inbox.clear()
        self.assertEqual(self.asks(body), [202])
        self.assert_only_text(text)
        self.assertIs(self.world.xmpp.components[X], stream)

    def assert_refused(self, body: bytes, content_type: str = "text/plain") -> None:
        """A body that is no text is refused with 400, and nobody else notices."""
        self.assertEqual(self.asks(body, content_type=content_type), [400])
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_control_characters(self) -> None:
        """Bell and escape are shown as the sign for what cannot be shown."""
        self.assert_read(b"bell \x07 nul? esc \x1b end", "bell \ufffd nul? esc \ufffd end")

    def test_nul(self) -> None:
        """A text with a NUL is neither cut there nor lost."""
        self.assert_read(b"before\x00after", "before\ufffdafter")

    def test_each_control_character(self) -> None:
        """Every octet below space: kept where XML can hold it, replaced where not."""
        for code in range(32):
            char = chr(code)
            kept = {"\t": "\t", "\n": "\n", "\r": "\n"}.get(char, "\ufffd")
            self.assert_read(b"a" + char.encode() + b"b", f"a{kept}b")

    def test_non_characters(self) -> None:
        """The code points that XML leaves out are replaced, those it allows are not."""
        self.assert_read("a\ufffe\uffffb".encode(), "a\ufffd\ufffdb")
        self.assert_read("\x7f\x85\ufdd0\U0001fffe".encode(), "\x7f\x85\ufdd0\U0001fffe")

    def test_right_to_left_override(self) -> None:
        """Characters that change the direction are content (draft 7d)."""
        self.assert_read("\u202eevil\u2066".encode(), "\u202eevil\u2066")

    def test_invalid_utf8(self) -> None:
        """Octets that are no UTF-8: Latin-1 without saying so, lone surrogates, overlong forms."""
        for body in (b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"ends in \xe2\x82"):
            self.world.xmpp.inbox.clear()
            self.assert_refused(body)

    def test_not_in_its_charset(self) -> None:
        """Octets that are not in the charset they claim."""
        self.assert_refused(b"caf\xe9", "text/plain;charset=us-ascii")
        self.world.xmpp.inbox.clear()
        self.assert_refused(b"\xd8\x00x", "text/plain;charset=utf-16be")

    def test_controls_in_another_charset(self) -> None:
        """A converted text is looked at as well."""
        self.assertEqual(self.asks("a\x07b".encode("utf-16"), content_type="text/plain;charset=utf-16"), [202])
        self.assert_only_text("a\ufffdb")

    def test_any_octets(self) -> None:
        """Whatever octets a body has: text or a clear refusal, and the streams stay."""
        streams = dict(self.world.xmpp.components)
        @RELAXED
        @given(st.binary(max_size=60), st.sampled_from(["utf-8", "utf-16", "iso-2022-jp", "gb18030"]))
        def is_answered(body: bytes, charset: str) -> None:
            self.world.xmpp.inbox.clear()
            (status,) = self.asks(body, content_type=f"text/plain;charset={charset}")
            self.assertIn(status, (202, 400))
            self.assertLessEqual(len(self.world.xmpp.bodies()), status == 202)
        is_answered()
        self.assertEqual(self.world.xmpp.components, streams)
        self.assert_alive()


class SipHeaderPoison(ProbeCase):
    """Headers that end up in stanzas."""

    def assert_survives(self, **options: Any) -> None:
        """A request with a strange header is answered, and the stream it may reach survives."""
        stream = self.world.xmpp.components[X]
        answers = self.asks("hi", **options)
        self.assertEqual(len(answers), 1, options)
        self.assertIn(answers[0], (202, 400, 403))
        self.assertEqual(len(self.world.xmpp.bodies()), answers[0] == 202)
        self.assertIs(self.world.xmpp.components[X], stream)
        self.world.xmpp.inbox.clear()

    def test_controls(self) -> None:
        """Controls, markup and invalid UTF-8 in subject, names, languages and identifiers."""
        for poison in ("a\x07b", "a\x01b", "a\x7fb", "a\x85b", "<x/>", "'\"&", "]]>", "\ufffe", "\u2028"):
            self.assert_survives(extra=f"Subject: {poison}\r\n")
            self.assert_survives(name=f'"{poison.translate({34: None})}" ')
            self.assert_survives(extra=f"Content-Language: {poison}\r\n")
            self.assert_survives(call_id=f"{poison}@lab")
            self.assert_survives(extra=f"X-Unknown: {poison}\r\n")

    def test_unreadable_via(self) -> None:
        """A request whose way back cannot be read is dropped or answered, but no message (SIP-11)."""
        for poison in ("a\x07b", "<x/>", "'\"&", "a b", "]]>;branch="):
            self.assertLessEqual(len(self.asks("hi", branch=f"z9hG4bK{poison}")), 1)
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_invalid_utf8(self) -> None:
        """Octets that are no UTF-8 in any header are no reason to lose a stream."""
        head = (f"MESSAGE {SIP_ROMEO} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK%d;rport\r\n"
                'From: "J" <sip:juliet@sip.test>;tag=a%d\r\nTo: <sip:x@y>\r\nCall-ID: c@lab\r\n'
                "Subject: sub\r\nContent-Language: cs\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n"
                "Content-Length: 2\r\n\r\nhi")
        places = ('"J', "juliet", "tag=", "x@", "Call-ID: c", "sub", "cs", "text/plain")
        for number, place in enumerate(places):
            octets = (head % (number, number)).encode()
            self.world.peer.write(octets.replace(place.encode(), place.encode() + b"\xff\xc3", 1))
            self.world.settle()
        self.assertEqual(len(self.world.peer.responses), len(places))
        self.assert_alive()

    def test_star_and_markup_in_the_user(self) -> None:
        """Stars and markup in the user part stay parts of an address (ADDR-13, ADDR-7)."""
        self.assertEqual(self.asks("hi", sender="sip:*@sip.test"), [202])
        self.assertEqual(self.assert_only_text("hi")["from"], f"**sip.test@{X}")
        self.world.xmpp.inbox.clear()
        self.assertEqual(self.asks("hi", sender="sip:%3Cx/%3E'%20or%20'1'='1@sip.test"), [202])
        self.assertEqual(self.world.xmpp.inbox[0]["from"],
                         f"\\3cx\\2f\\3e\\27\\20or\\20\\271\\27=\\271*sip.test@{X}")

    def test_attribute_injection(self) -> None:
        """A From that tries to end an attribute speaks for its own address only (XMPP-5)."""
        for user in ("a'b&c", "x%27%20to=%27benvolio@xmpp.test", "x%22%3E%3C/message%3E"):
            self.asks("inj", sender=f"sip:{user}@sip.test")
        for element in self.world.xmpp.inbox:
            self.assertEqual(domain_of(element["from"]), X)
            self.assertEqual(element["to"], "romeo@xmpp.test")
        self.assertEqual(self.world.xmpp.bodies(), ["inj"] * len(self.world.xmpp.inbox))

    def test_any_header(self) -> None:
        """Whatever a subject and a display name hold, a stanza can carry what is made of it."""
        text = st.text(st.characters(codec="utf-8", exclude_characters='\r\n\0"\\'), max_size=20)
        @RELAXED
        @given(text, text)
        def survives(subject: str, name: str) -> None:
            self.assert_survives(extra=f"Subject: {subject}\r\n", name=f'"{name}" ')
        survives()


class SipWirePoison(ProbeCase):
    """Datagrams and connections that carry no SIP."""

    def test_any_datagram(self) -> None:
        """No datagram, whatever is in it, does any harm (SIP-12)."""
        @RELAXED
        @given(st.binary(max_size=200))
        def is_survived(octets: bytes) -> None:
            self.world.peer.write(octets)
            self.world.settle()
        is_survived()
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_mutated_requests(self) -> None:
        """A request with some octets changed is read, refused or dropped, never more than one message."""
        self.asks("hi", branch="z9hG4bKmutated")
        self.world.xmpp.inbox.clear()
        request = (f"MESSAGE {SIP_ROMEO} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKm;rport\r\n"
                   "From: <sip:juliet@sip.test>;tag=m\r\nTo: <sip:x@y>\r\nCall-ID: m@lab\r\nCSeq: 1 MESSAGE\r\n"
                   "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi").encode()
        @RELAXED
        @given(st.lists(st.tuples(st.integers(0, len(request) - 1), st.binary(max_size=3)), max_size=4))
        def is_survived(changes: list[tuple[int, bytes]]) -> None:
            octets = request
            for at, new in changes:
                octets = octets[:at] + new + octets[at + 1:]
            before = len(self.world.xmpp.inbox)
            self.world.peer.write(octets)
            self.world.settle()
            self.assertLessEqual(len(self.world.xmpp.inbox), before + 1)
        is_survived()
        self.assert_alive()

    def test_keep_alives(self) -> None:
        """Empty datagrams and pings are no requests (SIP-47, SIP-48)."""
        for octets in (b"", b"\r\n\r\n", b"\r\n", b"\x00\x00\x00\x00"):
            self.world.peer.write(octets)
        self.world.settle()
        self.assertEqual(self.world.peer.responses, [])
        self.assert_alive()

    def test_lying_content_length(self) -> None:
        """A body shorter than it claims is refused; what stands behind one is not read (SIP-10)."""
        for length, answers in ((5, [400]), (1, [202])):
            call_id = f"lying-{length}@lab"
            self.world.peer.write((
                f"MESSAGE {SIP_ROMEO} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{length};rport\r\n"
                f"From: <sip:juliet@sip.test>;tag=l\r\nTo: <sip:x@y>\r\nCall-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\n"
                f"Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\nhi").encode())
            self.world.settle()
            self.assertEqual(self.world.peer.answers(call_id), answers)
        self.assertEqual(self.world.xmpp.bodies(), ["h"])

    def test_garbage_on_a_connection(self) -> None:
        """A connection with garbage is closed; others do not notice (SIP-47)."""
        for octets in (b"\x00" * 70_000, b"GET / HTTP/1.1\r\n\r\n", b"x" * 70_000,
                       b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n"):
            _, stream = dial_tcp(self.world)
            stream.write(octets)
            self.world.settle(1)
            self.assertTrue(stream.closed, octets[:20])
        self.assert_alive()

    def test_half_a_message(self) -> None:
        """A connection that stops in the middle of a message holds up nobody (SIP-47)."""
        peers = [dial_tcp(self.world) for _ in range(50)]
        for _, stream in peers:
            stream.write(b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 1000\r\n\r\nhalf")
        self.world.settle(60)
        self.assert_alive()

    def test_gone_before_the_answer(self) -> None:
        """Who closes before his answer comes costs nothing but the answer (SIP-42)."""
        peer, stream = dial_tcp(self.world)
        peer.message(SIP_ROMEO, "gone")
        stream.transport.abortConnection()
        self.world.settle(1)
        self.assertLessEqual(len(self.world.xmpp.bodies()), 1)
        self.assert_alive()
