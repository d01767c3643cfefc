"""Broken messages: what is answered, what is dropped, and that nothing ever fails."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.lines import MAX_HEADERS, MAX_LINE
from iwf.sip.syntax.message import Request, parse_message, response_to
from tests.sip.wire import MESSAGE, Refusals, with_line, with_start, without

QUICK = settings(max_examples=200, deadline=None)

POISON = [b'"', b"\\", b"<", b">", b";", b",", b":", b" ", b"\t", b"\r\n", b"\n", b"\0", b"\r", b"%", b"@",
          b"?", b"=", b"[", b"]",
          b"\xff", b"\xc3\xa9", b"9" * 30, b"\r\nVia: x\r\n", b"\r\n ", b"\r\n\r\n", b"SIP/2.0 200 OK\r\n"]


class BadRequestTests(Refusals):
    """Broken requests get the answer the rules name, or none."""

    def test_start_lines(self) -> None:
        """LWS in or round the Request-URI and brackets round it are answered 400 (SIP-13)."""
        for line in (
            "MESSAGE <sip:a@b> SIP/2.0", "MESSAGE sip:a@b; lr SIP/2.0", "MESSAGE  sip:a@b SIP/2.0",
            "MESSAGE sip:a@b  SIP/2.0",
            "MESSAGE sip:a@b SIP/2.0 ", "MESSAGE sip:a@b", "MESSAGE", " MESSAGE sip:a@b SIP/2.0",
            "MESS<AGE sip:a@b SIP/2.0",
            "MESSAGE sip:a\tb SIP/2.0", "MESSAGE sip:a@b HTTP/1.1", "MESSAGE sip:a@b SIP/2",
        ):
            error = self.refused(with_start(line))
            self.assertEqual(error.status, 400, line)
            assert error.request is not None
            self.assertTrue(error.reason.startswith("Malformed Request"), error.reason)

    def test_folded_start_line(self) -> None:
        """A start line is never folded."""
        self.assertEqual(self.refused(with_start("MESSAGE sip:a@b\r\n SIP/2.0")).status, 400)

    def test_version(self) -> None:
        """Another version of SIP gets 505 (SIP-1, RFC 4475 3.1.2.16)."""
        octets = with_start("OPTIONS sip:t.watson@example.org SIP/7.0").replace(b"Via: SIP/2.0",
                                                                                b"Via: SIP/7.0")
        self.assert_answered(octets, 505, "Version Not Supported")

    def test_request_uri(self) -> None:
        """A Request-URI that cannot be read gets 400, one that is too long 414 (SIP-14)."""
        for target in ("sip:a%zz@b", "sip:2001:db8::10", "romeo", "sip:"):
            self.assert_answered(with_start(f"MESSAGE {target} SIP/2.0"), 400, "Malformed Request-URI")
        self.assert_answered(with_start(f"MESSAGE sip:{'a' * MAX_LINE}@b SIP/2.0"), 414,
                             "Request-URI Too Long")

    def test_missing(self) -> None:
        """A mandatory header that is missing or empty is named in the 400 (SIP-11, SIP-12)."""
        for name in ("From", "To", "Call-ID", "CSeq"):
            self.assert_answered(without(name), 400, f"Missing {name}")
            self.assert_answered(with_line(f"{name}: ", name), 400, f"Missing {name}")

    def test_repeated(self) -> None:
        """A header that may stand once and stands twice is named in the 400 (SIP-9, RFC 4475 3.3.8)."""
        for name, value in (("From", "<sip:x@y>"), ("t", "<sip:x@y>"), ("Call-ID", "x"),
                            ("CSeq", "2 MESSAGE"), ("Max-Forwards", "5")):
            long_name = "To" if name == "t" else name
            self.assert_answered(with_line(f"{name}: {value}"), 400, f"Repeated {long_name}")
        self.assert_answered(with_line("Event: presence\r\no: dialog"), 400, "Repeated Event")

    def test_malformed(self) -> None:
        """A needed header that cannot be read is named in the 400 (SIP-12, SIP-13, RFC 4475 3.1.2)."""
        for line, name in (
            ('To: "Mr. J. User <sip:j.user@example.com>', "To"),
            ("To: sip:a@b?x=y", "To"),
            ('From: "A" <sip:a@x>, "B" <sip:b@y>', "From"),
            ("CSeq: 36893488147419103232 MESSAGE", "CSeq"),
            ("CSeq: one MESSAGE", "CSeq"),
        ):
            self.assert_answered(with_line(line, name), 400, f"Malformed {name}")
        self.assert_answered(with_line("CSeq: 1 INVITE", "CSeq"), 400, "CSeq Method Mismatch")
        self.assert_answered(with_line("CSeq: 1 message", "CSeq"), 400, "CSeq Method Mismatch")

    def test_content_length(self) -> None:
        """Lengths that lie, contradict each other or are none get 400 (SIP-8, SIP-10, RFC 4475 3.1.2.2,
        3.1.2.3, 3.3.9)."""
        for line, reason in (
            ("Content-Length: 20", "Content-Length Beyond Body"),
            ("Content-Length: 99999999999999999999", "Content-Length Beyond Body"),
            ("Content-Length: -999", "Malformed Content-Length"),
            ("Content-Length: +19", "Malformed Content-Length"),
            ("Content-Length: 1 9", "Malformed Content-Length"),
            ("Content-Length: ", "Malformed Content-Length"),
            ("Content-Length: \N{ARABIC-INDIC DIGIT ONE}", "Malformed Content-Length"),
            ("Content-Length: " + "1" * 5000, "Malformed Content-Length"),
            ("Content-Length: 19\r\nl: 18", "Conflicting Content-Length"),
        ):
            self.assert_answered(with_line(line, "Content-Length"), 400, reason)
        self.assert_answered(without("Content-Length"), 400, "Missing Content-Length", datagram=False)

    def test_broken_lines(self) -> None:
        """A line that is no header line gets 400, and the other lines still make the answer (SIP-12)."""
        for line in ("no colon", ": no name", "bad name: x", "b\x01d: x", "Subject: a\rb", "Subject: a\0b",
                     "\N{LATIN SMALL LETTER E WITH ACUTE}: x"):
            answer = self.assert_answered(with_line(line), 400, "Malformed Header Line")
            self.assertEqual(answer.call_id, "asd88asd77a@192.0.2.10")

    def test_no_end(self) -> None:
        """A datagram without the empty line is answered 400."""
        self.assert_answered(MESSAGE[: MESSAGE.index(b"\r\n\r\n")], 400, "Missing End Of Headers")

    def test_limits(self) -> None:
        """Too many lines, or one too long, get 513 (SIP-14)."""
        self.assert_answered(with_line("\r\n".join(["X: y"] * MAX_HEADERS)), 513, "Too Many Headers")
        self.assert_answered(with_line("X: " + "y" * MAX_LINE), 513, "Header Line Too Long")
        self.assert_answered(with_line("X: " + "\r\n y" * MAX_LINE), 513, "Header Line Too Long")

    def test_never_answered(self) -> None:
        """An ACK, a request whose answer cannot be routed, and noise are dropped (SIP-11, SIP-12)."""
        ack = with_start("ACK sip:a@b SIP/2.0")
        self.assert_dropped(ack)
        for octets in (
            ack.replace(b"1 MESSAGE", b"1 ACK").replace(b"Call-ID", b"X"),
            without("Via"),
            with_line("Via: nonsense", "Via"),
            ack.replace(b"1 MESSAGE", b"1 ACK").replace(b";branch", b";;branch"),
            with_line("Via: SIP/2.0/UDP a\rb", "Via"),
            b"", b"\r\n", b"\r\n\r\n", b"\0" * 20, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00", b"\x00\x01\x00\x08!\x12\xa4B",
        ):
            self.assert_dropped(octets)

    def test_fault_behind_the_way_back(self) -> None:
        """A Via with an error in its parameters still says where the 400 goes (SIP-13, RFC 4475 3.1.2.1)."""
        for value, back in (
            ("192.0.2.15;;,;,,", "192.0.2.15"),
            ("192.0.2.15:5070;branch=z9hG4bK1;=;x", "192.0.2.15:5070;branch=z9hG4bK1"),
        ):
            answer = self.assert_answered(with_line(f"Via: SIP/2.0/UDP {value}", "Via"), 400, "Malformed Via")
            self.assertEqual(answer.all("Via"), [f"SIP/2.0/UDP {back}"])

    def test_bad_responses_are_dropped(self) -> None:
        """A response with anything wrong in it is dropped (SIP-12, RFC 4475 3.1.2.5, 3.1.2.19)."""
        ok = with_start("SIP/2.0 200 OK")
        validate(parse_message(ok))
        for octets in (
            with_start("SIP/2.0 4294967301 better not break the receiver"), with_start("SIP/2.0 99 x"),
            with_start("SIP/2.0 700 x"),
            with_start("SIP/3.0 200 OK"), with_start("SIP/2.0  200 OK"), with_start("SIP/2.0 200OK"),
            with_start("SIP/2.0"),
            with_start("SIP/2.0 200 a\0b"), with_start("SIP/2.0 200 a\rb"),
            ok.replace(b"CSeq: 1", b"CSeq: 9292394834772304023312"), ok.replace(b"Via", b"X"),
            ok.replace(b"To:", b"X:"),
            ok.replace(b"length: 19", b"length: 20").replace(b"Length: 19", b"Length: 20"),
        ):
            self.assert_dropped(octets)


class HostileInputTests(SynchronousTestCase):
    """Whatever octets come in, the reader answers or drops; it never fails."""

    def check(self, octets: bytes) -> None:
        """Use all that a reader offers on some octets."""
        try:
            message = parse_message(octets)
            again = parse_message(message.to_bytes())
            self.assertEqual(again, message)
            validate(message)
            _ = message.vias, message.content_type, message.expires
            _ = message.listed("Allow"), message.addresses("Contact")
            if isinstance(message, Request):
                _ = message.max_forwards, message.uri.instance(), message.from_.instance(), message.to.uri.user_text()
                response_to(message, 200, to_tag="t").to_bytes()
        except SipSyntaxError as error:
            if error.request is not None:
                parse_message(response_to(error.request, error.status, error.reason, to_tag="t").to_bytes())

    @QUICK
    @given(st.lists(st.tuples(st.integers(0, len(MESSAGE)), st.integers(0, 4),
                              st.sampled_from(POISON) | st.binary(max_size=3)), max_size=5))
    def test_mutated(self, cuts: list[tuple[int, int, bytes]]) -> None:
        """A damaged message is read or refused by the documented error, and the answer can be sent."""
        octets = MESSAGE
        for at, size, new in cuts:
            octets = octets[:at] + new + octets[at + size:]
        self.check(octets)

    @QUICK
    @given(st.binary(max_size=80))
    def test_noise(self, octets: bytes) -> None:
        """Noise is refused by the documented error, alone and after a start line."""
        self.check(octets)
        self.check(b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" + octets)

    def test_every_prefix(self) -> None:
        """A message cut off anywhere is read or refused by the documented error."""
        for end in range(len(MESSAGE)):
            self.check(MESSAGE[:end])
