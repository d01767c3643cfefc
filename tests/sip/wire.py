"""A sample request, ways to spoil it, and what every test of bad messages asks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, parse_message, response_to

MESSAGE = b"""\
MESSAGE sip:romeo*xmpp.example@sip.gw.example SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKdeadbeef0123456789;rport\r
Max-Forwards: 70\r
From: "Juliet C" <sip:juliet@sip.example>;tag=49583\r
To: <sip:romeo*xmpp.example@sip.gw.example>\r
Call-ID: asd88asd77a@192.0.2.10\r
CSeq: 1 MESSAGE\r
Subject: Greetings\r
Content-Type: text/plain;charset=utf-8\r
Content-Length: 19\r
\r
Wherefore art thou?"""


def with_line(line: str, instead_of: str = "Subject") -> bytes:
    """The sample with one header line in place of another."""
    lines = MESSAGE.split(b"\r\n")
    return b"\r\n".join(line.encode() if entry.startswith(instead_of.encode() + b":") else entry for entry in lines)


def without(name: str) -> bytes:
    """The sample without one header."""
    return b"\r\n".join(line for line in MESSAGE.split(b"\r\n") if not line.startswith(name.encode() + b":"))


def with_start(line: str) -> bytes:
    """The sample with another start line."""
    return line.encode() + MESSAGE[MESSAGE.index(b"\r\n"):]


def read_request(octets: bytes) -> Request:
    """Read and check a request."""
    message = parse_message(octets)
    validate(message)
    assert isinstance(message, Request)
    return message


class Refusals(SynchronousTestCase):
    """Common to the tests of bad messages."""

    def refused(self, octets: bytes, datagram: bool = True) -> SipSyntaxError:
        """The error that reading and checking end in."""
        try:
            validate(parse_message(octets, datagram))
        except SipSyntaxError as error:
            return error
        raise self.failureException("not refused")

    def assert_answered(self, octets: bytes, status: int, reason: str, datagram: bool = True) -> Response:
        """The message is refused, and the answer can be sent and read (SIP-12)."""
        error = self.refused(octets, datagram)
        self.assertEqual((error.status, error.reason), (status, reason))
        assert error.request is not None, octets
        answer = parse_message(response_to(error.request, error.status, error.reason,
                                           to_tag="ours").to_bytes())
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, answer.reason), (status, reason))
        return answer

    def assert_dropped(self, octets: bytes, datagram: bool = True) -> None:
        """The message is refused and nothing is answered (SIP-12)."""
        self.assertIsNone(self.refused(octets, datagram).request)
