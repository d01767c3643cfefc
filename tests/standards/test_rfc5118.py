"""The torture messages of RFC 5118 (IPv6), by section: what is read, and what the daemon answers."""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request, parse_message
from iwf.sip.transport.routing import marked, route_of_answer
from tests.standards.stand import V6_SOURCE, Stand
from tests.standards.test_rfc4475 import reading

_LAB = "SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111"
_VIA = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"
_CALLER = '"Caller" <sip:caller@[2001:db8::1]>'


def _message(method: str, uri: str, vias: tuple[str, ...], to: str, *lines: str, sdp: tuple[str, ...] = ()) -> bytes:
    """One message: the lines of the RFC, with the length of the body as it is."""
    body = "".join(f"{line}\r\n" for line in sdp)
    head = [f"{method} {uri} SIP/2.0", f"To: {to}", *(f"Via: {via}" for via in vias),
            "From: sip:user@example.com;tag=81x2", "Call-ID: SSG9559905523997077@hlau_4100", "Max-Forwards: 70",
            f"CSeq: 98176 {method}", *lines, *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(head).encode()


def _register(uri: str) -> bytes:
    return _message("REGISTER", uri, (_VIA,), "sip:user@example.com", f"Contact: {_CALLER}")


_SDP6 = ("v=0", "o=assistant 971731711378798081 0 IN IP6 2001:db8::20", "s=Live video feed for today's meeting",
         "c=IN IP6 2001:db8::20", "t=3338481189 3370017201", "m=audio 6000 RTP/AVP 2", "a=rtpmap:2 G726-32/8000",
         "m=video 6024 RTP/AVP 107", "a=rtpmap:107 H263-1998/90000")
_SDP46 = ("v=0", "o=bob 280744730 28977631 IN IP4 host.example.com", "s=", "t=0 0", "m=audio 22334 RTP/AVP 0",
          "c=IN IP4 192.0.2.1", "m=video 6024 RTP/AVP 107", "c=IN IP6 2001:db8::1", "a=rtpmap:107 H263-1998/90000")


@frozen
class Case:
    """What becomes of one message."""

    octets: bytes
    asks: str
    """What the RFC asks for."""
    read: str
    answers: int


CASES = {
    "4.1 ipv6-good": Case(_register("sip:[2001:db8::10]"), "valid", "REGISTER", 405),
    "4.2 ipv6-bad": Case(_register("sip:2001:db8::10"), "400", "400 Malformed Request-URI", 400),
    "4.3 port-ambiguous": Case(_register("sip:[2001:db8::10:5070]"), "valid, no port", "REGISTER", 405),
    "4.4 port-unambiguous": Case(_register("sip:[2001:db8::10]:5070"), "valid, port 5070", "REGISTER", 405),
    "4.5 via-received-param-with-delim": Case(
        _message("BYE", "sip:[2001:db8::10]", (_VIA.replace(";", ";received=[2001:db8::9:255];", 1),),
                 "sip:user@example.com;tag=bd76ya"), "take it", "BYE", 481),
    "4.5 via-received-param-no-delim": Case(
        _message("OPTIONS", "sip:[2001:db8::10]", (_VIA.replace(";", ";received=2001:db8::9:255;", 1),),
                 "sip:user@example.com", 'Contact: "Caller" <sip:caller@[2001:db8::9:1]>'), "valid", "OPTIONS", 200),
    "4.6 ipv6-in-sdp": Case(
        _message("INVITE", "sip:user@[2001:db8::10]", ("SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111",),
                 "sip:user@[2001:db8::10]", 'Contact: "Caller" <sip:caller@[2001:db8::20]>', sdp=_SDP6),
        "valid", "INVITE", 405),
    "4.7 mult-ip-in-header": Case(
        _message("BYE", "sip:user@host.example.net",
                 ("SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111",
                  "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
                  "SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200"),
                 "sip:user@example.net;tag=9817--94"), "valid", "BYE", 481),
    "4.8 mult-ip-in-sdp": Case(
        _message("INVITE", "sip:user@[2001:db8::10]", (_VIA,), "sip:user@[2001:db8::10]",
                 'Contact: "Caller" <sip:caller@[2001:db8::9:1]>', sdp=_SDP46), "valid", "INVITE", 405),
    "4.9 ipv4-mapped-ipv6": Case(
        _message("INVITE", "sip:user@example.com",
                 ("SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
                  "SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111"), "sip:user@example.com",
                 'Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>', sdp=_SDP6), "valid", "INVITE", 405),
    # The host is not ours, so the right answer to a well-formed one is 404.
    "4.10 ipv6-bug-abnf-3-colons": Case(
        _message("OPTIONS", "sip:user@[2001:db8:::192.0.2.1]", (_LAB,), "sip:user@[2001:db8:::192.0.2.1]"),
        "take it", "OPTIONS", 404),
    "4.10 ipv6-correct-abnf-2-colons": Case(
        _message("OPTIONS", "sip:user@[2001:db8::192.0.2.1]", (_LAB,), "sip:user@[2001:db8::192.0.2.1]"),
        "valid", "OPTIONS", 404),
}


def request(name: str) -> Request:
    message = parse_message(CASES[name].octets)
    assert isinstance(message, Request)
    return message


class Rfc5118Tests(SynchronousTestCase):
    """IPv6 wherever SIP has addresses."""

    def test_what_is_read(self) -> None:
        """All are read but the Request-URI without brackets (SIP-7, SIP-13)."""
        self.assertEqual({name: reading(case.octets) for name, case in CASES.items()},
                         {name: case.read for name, case in CASES.items()})

    def test_what_is_answered(self) -> None:
        """The daemon answers each, to the address that it came from; it takes no calls (SIP-30, SIP-31)."""
        for name, case in CASES.items():
            self.assertEqual(set(Stand().codes(case.octets, V6_SOURCE)), {case.answers}, name)

    def test_ports(self) -> None:
        """What stands inside the brackets is address, what stands behind them is port (4.3, 4.4)."""
        ambiguous, plain = request("4.3 port-ambiguous").uri, request("4.4 port-unambiguous").uri
        self.assertEqual((ambiguous.host, ambiguous.port), ("[2001:db8::10:5070]", None))
        self.assertEqual((plain.host, plain.port), ("[2001:db8::10]", 5070))

    def test_received(self) -> None:
        """received is read with and without brackets and written without (4.5, SIP-13)."""
        for name in ("4.5 via-received-param-with-delim", "4.5 via-received-param-no-delim"):
            self.assertEqual(request(name).top_via.received, "2001:db8::9:255")
            source = Hop("udp", "2001:db8::77", 5060)
            again = marked(request(name), source)
            self.assertEqual(again.top_via.param("received"), "2001:db8::77")
            self.assertEqual(route_of_answer(again.top_via, source), source)

    def test_hops(self) -> None:
        """Hops of both families stand side by side; the answer has them all, in order (4.7)."""
        [answer] = Stand().tell(CASES["4.7 mult-ip-in-header"].octets, V6_SOURCE)
        self.assertEqual([(via.host, via.port) for via in answer.vias],
                         [("[2001:db8::9:1]", 6050), ("192.0.2.1", None), ("[2001:db8::9:255]", None)])

    def test_mapped(self) -> None:
        """An IPv4 address in an IPv6 one is kept as written (4.9)."""
        message = request("4.9 ipv4-mapped-ipv6")
        self.assertEqual([(via.host, via.port) for via in message.vias],
                         [("[::ffff:192.0.2.10]", 19823), ("[::ffff:192.0.2.2]", None)])
        self.assertEqual([each.uri.host for each in message.addresses("Contact")], ["[::ffff:192.0.2.2]"])
