"""The checks on what arrives, in their order (sip-core.md sections 3 and 4; SIP-30)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from iwf.edge import Answered, Ignored, IReach, Offered
from iwf.mapping.model import Address, Failure, Message, Reason, Refused, Taken
from iwf.sip.reasons import ACCEPT, Status
from iwf.sip.settings import Hop, RegistrarSettings
from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, parse_message
from iwf.sip.uas import MergedRequests, UserAgentServer, answer, receive
from tests.sip.samples import (
    BEN_AT_X,
    MESSAGE_1_1,
    NOW,
    PEER,
    SETTINGS,
    TRUNK,
    changed,
    octets,
    request,
)

URI = "MESSAGE sip:ben*xmpp.example@x.sip.example "


def options(target: str) -> Request:
    return request((URI, f"OPTIONS {target} "), ("CSeq: 5 MESSAGE", "CSeq: 5 OPTIONS"), body=b"")


def method(name: str) -> Request:
    return request((URI, f"{name} sip:ben*xmpp.example@x.sip.example "), ("5 MESSAGE", f"5 {name}"))


class Receiving(SynchronousTestCase):

    def answered(self, asked: Request, source: Hop = PEER) -> Response:
        reading = receive(asked, source, SETTINGS, NOW)
        self.assertIsInstance(reading, Answered)
        assert isinstance(reading, Answered)
        response = parse_message(reading.answer)
        assert isinstance(response, Response)
        self.assertEqual(reading.refused, response.status >= 300)
        return response

    def offered(self, asked: Request, source: Hop = PEER) -> Message:
        reading = receive(asked, source, SETTINGS, NOW)
        self.assertIsInstance(reading, Offered)
        assert isinstance(reading, Offered) and isinstance(reading.event, Message)
        return reading.event


class OrderTests(Receiving):
    """Each check by itself, and which comes first."""

    def test_message(self) -> None:
        """A MESSAGE to a user behind our host is for the core."""
        self.assertEqual(self.offered(request()).target, BEN_AT_X)

    def test_target_is_the_request_uri(self) -> None:
        """To plays no part in routing (MSG-2, SIP-33)."""
        asked = request(("To: <sip:ben*xmpp.example@", "To: <sip:eve*evil.example@"))
        self.assertEqual(self.offered(asked).target, BEN_AT_X)

    def test_unknown_peer(self) -> None:
        """Only configured peers are served (SIP-63), by address or network, IPv4 in IPv6 as well."""
        for host, known in (("192.0.2.10", True), ("198.51.100.77", True), ("::ffff:192.0.2.10", True),
                            ("2001:db8::7", True), ("192.0.2.11", False), ("2001:db8:1::7", False),
                            ("fe80::1%eth0", False)):
            source = Hop("udp", host, 5060)
            if known:
                self.offered(request(), source)
            else:
                self.assertEqual(self.answered(request(), source).status, 403)

    def test_shared_address(self) -> None:
        """Where two trunks share a proxy, the sender's domain tells them apart."""
        other = evolve(TRUNK, name="other", lane="sip:other", domains=("*.other.example",))
        uas = UserAgentServer(evolve(SETTINGS, trunks=(TRUNK, other)))
        for sender, lane in (("ana@sip.example", "sip:proxy"), ("ana@a.other.example", "sip:other"),
                             ("ana@third.example", "sip:proxy")):
            reading = uas.judge(request(("sip:ana@sip.example", f"sip:{sender}")), PEER, NOW)
            assert isinstance(reading, Offered) and isinstance(reading.event, Message)
            self.assertEqual(reading.event.lane, lane)

    def test_methods(self) -> None:
        """Methods that exist but are not taken get 405 with Allow, others 501 (SIP-30, 31)."""
        for name in ("INVITE", "REGISTER", "PUBLISH", "REFER", "PRACK", "INFO"):
            response = self.answered(method(name))
            self.assertEqual((response.status, response.get("Allow")),
                             (405, "MESSAGE, OPTIONS, SUBSCRIBE, NOTIFY"), name)
        for name in ("message", "FROBNICATE"):
            self.assertEqual(self.answered(method(name)).status, 501)

    def test_unknown_dialogs(self) -> None:
        """BYE and UPDATE are about a call that we do not know, so 481; MESSAGE and OPTIONS go on as if there were
        none, and a method that is not taken is 405 all the same (SIP-74, RFC 3261 15.1.2)."""
        tagged = ("To: <sip:ben*xmpp.example@x.sip.example>", "To: <sip:ben*xmpp.example@x.sip.example>;tag=gone")
        for name, status in (("BYE", 481), ("UPDATE", 481), ("INVITE", 405), ("PRACK", 405), ("INFO", 405)):
            asked = request((URI, f"{name} sip:ben*xmpp.example@x.sip.example "), ("5 MESSAGE", f"5 {name}"), tagged)
            self.assertEqual(self.answered(asked).status, status, name)
            self.assertEqual(self.answered(method(name)).status, status, name)
        self.offered(request(tagged))
        asked = request((URI, "OPTIONS sip:x.sip.example "), ("5 MESSAGE", "5 OPTIONS"), tagged)
        self.assertEqual(self.answered(asked).status, 200)
        self.assertEqual(self.answered(request((URI, "PUBLISH sip:x.sip.example "), ("5 MESSAGE", "5 PUBLISH"),
                                               tagged)).status, 405)

    def test_ack_and_cancel(self) -> None:
        """An ACK is never answered; a CANCEL finds nothing to cancel (SIP-12, SIP-24)."""
        self.assertIsInstance(receive(method("ACK"), PEER, SETTINGS, NOW), Ignored)
        self.assertIsInstance(receive(method("ACK"), Hop("udp", "203.0.113.1", 1), SETTINGS, NOW), Ignored)
        self.assertEqual(self.answered(method("CANCEL")).status, 481)

    def test_scheme(self) -> None:
        """An unknown scheme is 416 (SIP-13, SIP-30)."""
        self.assertEqual(self.answered(request((URI, "MESSAGE urn:service:sos "))).status, 416)

    def test_sips(self) -> None:
        """sips: in Request-URI or To is refused with Warning 380 (ADDR-56)."""
        for change in ((URI, URI.replace("sip:", "sips:", 1)), ("To: <sip:", "To: <sips:")):
            response = self.answered(request(change))
            self.assertEqual(response.status, 480)
            self.assertEqual(response.get("Warning"), '380 iwf.sip.example "SIPS Not Allowed"')

    def test_im_and_pres(self) -> None:
        """im: and pres: Request-URIs mean the sip: one (ADDR-30)."""
        for scheme in ("im", "pres"):
            self.assertEqual(self.offered(request((URI, URI.replace("sip:", f"{scheme}:", 1)))).target, BEN_AT_X)

    def test_tel(self) -> None:
        """A tel: Request-URI names a phone, wherever it was sent (ADDR-37)."""
        self.assertEqual(self.offered(request((URI, "MESSAGE tel:+1-555-0100 "))).target, Address("tel", "+15550100"))
        self.assertEqual(self.answered(request((URI, "MESSAGE tel:7042 "))).status, 404)

    def test_host(self) -> None:
        """A host that is not ours is 404: we are no proxy (SIP-30); ours is taken with port, dot and capitals."""
        self.assertEqual(self.answered(request((URI, "MESSAGE sip:ben@other.example "))).status, 404)
        for host in ("x.sip.example:5060", "X.SIP.example", "x.sip.example."):
            self.assertEqual(self.offered(request((URI, f"MESSAGE sip:ben*xmpp.example@{host} "))).target, BEN_AT_X)

    def test_target_without_image(self) -> None:
        """A target with broken octets is 404, a broken URI 400 (addressing.md 9)."""
        self.assertEqual(self.answered(request((URI, "MESSAGE sip:%FF@x.sip.example "))).status, 404)
        self.assertEqual(self.answered(request((URI, "MESSAGE sip:%20a@x.sip.example "))).status, 404)
        self.assertEqual(self.answered(request((URI, "MESSAGE sip:%zz@x.sip.example "))).status, 400)

    def test_require(self) -> None:
        """Any required extension is 420 with Unsupported, for OPTIONS too (SIP-38)."""
        response = self.answered(request(headers="Require: 100rel, x\nRequire: recipient-list-message\n"))
        self.assertEqual((response.status, response.get("Unsupported")), (420, "100rel, x, recipient-list-message"))
        asked = request((URI, "OPTIONS sip:x.sip.example "), ("5 MESSAGE", "5 OPTIONS"), headers="Require: x\n")
        self.assertEqual(self.answered(asked).status, 420)

    def test_gruu(self) -> None:
        """GRUUs are understood in addresses and not handed out, so that nobody may require them; who merely
        supports them is served (RFC 5627, SIP-38)."""
        refusal = self.answered(request(headers="Require: gruu\n"))
        self.assertEqual((refusal.status, refusal.get("Unsupported")), (420, "gruu"))
        taken = self.offered(request((URI, "MESSAGE sip:ben*xmpp.example@x.sip.example;gr=pc "),
                                     headers="Supported: gruu\n"))
        self.assertEqual(taken.target.instance, "pc")

    def test_strict_router(self) -> None:
        """A strict router in front of us has put our Route into the Request-URI; the target is the last Route
        (RFC 3261 16.4); another Route is of no meaning here."""
        routes = "Route: <sip:other.example;lr>, <sip:ben*xmpp.example@x.sip.example>\n"
        for station in ("iwf.sip.example", "192.0.2.20", "x.sip.example"):
            asked = request((URI, f"MESSAGE sip:{station};lr "), headers=routes)
            self.assertEqual(self.offered(asked).target, BEN_AT_X)
        self.assertEqual(self.offered(request(headers="Route: <sip:iwf.sip.example;lr>\n")).target, BEN_AT_X)
        self.assertEqual(self.answered(request((URI, "MESSAGE sip:other.example;lr "), headers=routes)).status, 404)
        self.assertEqual(self.answered(request((URI, "MESSAGE sip:iwf.sip.example;lr "),
                                               headers="Route: <sip:x\n")).status, 400)

    def test_merged(self) -> None:
        """A request that is in hand by another way is 482 (SIP-25)."""
        status = UserAgentServer(SETTINGS).judge(request(), PEER, NOW, merged=True)
        self.assertEqual(getattr(status, "code", None), 482)

    def test_order(self) -> None:
        """With every fault at once the earlier check answers; mending them one by one shows the next (SIP-30)."""
        text = changed(MESSAGE_1_1, (URI, "INVITE urn:x "), ("5 MESSAGE", "5 INVITE"), ("text/plain", "image/png"),
                       ("Max-Forwards: 69", "Max-Forwards: 0\nRequire: 100rel"),
                       ("sip:ana@sip.example", "sip:ana@anonymous.invalid"))
        source = Hop("udp", "203.0.113.1", 5060)
        for code, *repairs in (
            (403, ),
            (405, ("INVITE", "MESSAGE")),
            (416, ("urn:x", "sip:ben@other.example")),
            (404, ("other.example", "x.sip.example")),
            (420, ("Require: 100rel\n", "")),
            (483, ("Max-Forwards: 0", "Max-Forwards: 5")),
            (403, ("anonymous.invalid", "sip.example")),
            (415, ("image/png", "text/plain")),
        ):
            asked = parse_message(octets(text))
            assert isinstance(asked, Request)
            self.assertEqual(self.answered(asked, source).status, code)
            text, source = changed(text, *repairs), PEER
        asked = parse_message(octets(text))
        assert isinstance(asked, Request)
        self.offered(asked)


@implementer(IReach)
class Reach:
    """A gateway with or without something behind it."""

    def __init__(self, up: bool, mapped: bool) -> None:
        self._up, self._mapped = up, mapped

    def is_up(self, edge: str) -> bool:
        return self._up and edge == "sip"

    def serves(self, world: str) -> bool:
        return self._up

    def maps(self, target: Address) -> bool:
        return self._mapped


class OptionsTests(Receiving):
    """Is anybody there? (SIP-34)"""

    def test_gateway(self) -> None:
        """OPTIONS to the gateway, by any of its names or by address, lists what it takes."""
        for target in ("sip:x.sip.example", "sip:iwf.sip.example:5060", "sip:192.0.2.20:5060", "sip:[2001:db8::20]"):
            response = self.answered(options(target))
            self.assertEqual(response.status, 200, target)
            self.assertEqual((response.get("Allow"), response.get("Accept"), response.get("Supported")),
                             ("MESSAGE, OPTIONS, SUBSCRIBE, NOTIFY", f"{ACCEPT}, application/pidf+xml", ""))
            self.assertEqual(response.get("Allow-Events"), "presence, presence.winfo")

    def test_user(self) -> None:
        """OPTIONS to a user is 200 when he can be mapped, else 404."""
        self.assertEqual(self.answered(options("sip:ben*xmpp.example@x.sip.example")).status, 200)
        self.assertEqual(self.answered(options("sip:%FF@x.sip.example")).status, 404)
        self.assertEqual(self.answered(options("sip:ben@192.0.2.20")).status, 404)

    def test_extensions(self) -> None:
        """Supported names what is implemented: with a registrar that is Path (SIP-38)."""
        home = RegistrarSettings("home.example")
        uas = UserAgentServer(evolve(SETTINGS, registrar=home))
        reading = uas.judge(options("sip:x.sip.example"), PEER, NOW)
        assert isinstance(reading, Status)
        self.assertEqual(dict(reading.headers)["Supported"], "path")

    def test_reach(self) -> None:
        """The gateway says 503 with Retry-After while nothing is up behind it; a user is 404 where his address
        means nobody (SIP-34)."""
        for up, maps, gateway, user in ((True, True, 200, 200), (False, True, 503, 200), (True, False, 200, 404)):
            uas = UserAgentServer(SETTINGS, reach=Reach(up, maps))
            for target, expected in (("sip:x.sip.example", gateway), ("sip:nobody@x.sip.example", user)):
                reading = uas.judge(options(target), PEER, NOW)
                assert isinstance(reading, Status)
                self.assertEqual(reading.code, expected, (up, maps, target))
                self.assertEqual("Retry-After" in dict(reading.headers), expected == 503)

    def test_max_forwards(self) -> None:
        """OPTIONS ends here, so Max-Forwards 0 is fine (SIP-13)."""
        asked = request((URI, "OPTIONS sip:x.sip.example "), ("5 MESSAGE", "5 OPTIONS"),
                        ("Forwards: 69", "Forwards: 0"))
        self.assertEqual(self.answered(asked).status, 200)


class AnswerTests(Receiving):
    """What the peer reads after the verdict."""

    def test_sample_1_1(self) -> None:
        """The 202 of examples.md 1.1 (MSG-30, 34, SIP-32, SIP-43)."""
        from iwf.sip.transport.routing import marked

        response = parse_message(answer(marked(request(), PEER), Taken("d1"), TRUNK))
        tag = response.to.tag
        self.assertEqual(response.to_bytes(), octets(f"""\
SIP/2.0 202 Accepted
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK7f3a;rport=5060;received=192.0.2.10
From: "Ana" <sip:ana@sip.example>;tag=a1
To: <sip:ben*xmpp.example@x.sip.example>;tag={tag}
Call-ID: 4b1f0c9d7e@192.0.2.10
CSeq: 5 MESSAGE
Content-Length: 0

"""))
        self.assertTrue(tag)

    def test_literal_200(self) -> None:
        """The trunk may want 200 (MSG-30)."""
        self.assertIn(b"SIP/2.0 200 OK\r\n", answer(request(), Taken("d1"), evolve(TRUNK, accept_code=200)))

    def test_failure(self) -> None:
        """A refusal is the mapped failure."""
        self.assertTrue(answer(request(), Refused(Failure(Reason.UNKNOWN_RECIPIENT, detail="secret")), TRUNK)
                        .startswith(b"SIP/2.0 404 Not Found\r\n"))

    def test_fault_of_the_gateway(self) -> None:
        """A fault of the whole gateway is 503 with Retry-After on a trunk of our own, else 480; what concerns one
        sender or recipient is never 503 (ERR-12, XMPP-10, LOOP-6)."""
        down = Failure(Reason.UNREACHABLE, False, retry_after=30.0, of_gateway=True)
        busy = Failure(Reason.CONGESTED, False, retry_after=5.0, of_gateway=True)
        stream = Failure(Reason.CONGESTED, False, retry_after=10.0)
        flood = Failure(Reason.TOO_FAST, False, retry_after=5.0)
        no_number = Failure(Reason.CONGESTED, False)
        ours = evolve(TRUNK, shared=False)
        for failure, trunk, status, wait in (
            (down, ours, 503, "30"), (busy, ours, 503, "5"), (down, TRUNK, 480, "30"), (busy, TRUNK, 480, "5"),
            (no_number, ours, 480, None),                             # ADDR-49
            (stream, ours, 480, "10"), (flood, ours, 480, "5"),
            (evolve(down, of_gateway=False), evolve(ours, hold=3.0), 480, "30"),   # the recipient's own server
            (Failure(Reason.UNAVAILABLE, False, retry_after=9.0), ours, 480, "9"),
        ):
            response = parse_message(answer(request(), Refused(failure), trunk))
            assert isinstance(response, Response)
            self.assertEqual((response.status, response.get("Retry-After")), (status, wait))

    def test_same_tag(self) -> None:
        """Every answer to one request has the same To tag, another request another one (SIP-32)."""
        def tag(asked: Request) -> str:
            return parse_message(answer(asked, Taken("d"), TRUNK)).to.tag

        self.assertEqual(tag(request()), tag(request()))
        self.assertNotEqual(tag(request()), tag(request(("7f3a", "7f3b"))))
        self.assertEqual(tag(request(("To: <sip:ben*xmpp.example@x.sip.example>",
                                      "To: <sip:ben*xmpp.example@x.sip.example>;tag=theirs"))), "theirs")


class MergedTests(SynchronousTestCase):
    """The same request by two ways (SIP-25, LOOP-4)."""

    def test_life(self) -> None:
        """The second way is noticed as long as the first transaction lives, and not for other requests."""
        merged = MergedRequests()
        self.assertFalse(merged.is_merged(request(), "one"))
        self.assertTrue(merged.is_merged(request(), "two"))
        self.assertFalse(merged.is_merged(request(("CSeq: 5", "CSeq: 6")), "three"))
        merged.forget("two")
        self.assertTrue(merged.is_merged(request(), "four"))
        merged.forget("one")
        self.assertFalse(merged.is_merged(request(), "five"))

    def test_within_a_dialog(self) -> None:
        """A request with a To tag is not merged (RFC 3261 8.2.2.2)."""
        tagged = request(("To: <sip:ben*xmpp.example@x.sip.example>", "To: <sip:ben*xmpp.example@x.sip.example>;tag=t"))
        merged = MergedRequests()
        self.assertFalse(merged.is_merged(tagged, "one"))
        self.assertFalse(merged.is_merged(tagged, "two"))


RICH = changed(MESSAGE_1_1, ("Content-Type: text/plain", """\
Subject: x
Date: Sun, 01 Mar 2026 10:15:00 GMT
Expires: 9
Require: x
Content-Type: text/plain;charset=utf-16"""))


class HostileTests(SynchronousTestCase):
    """Peers may send anything."""

    @settings(max_examples=400, deadline=None)
    @given(st.integers(0, 600), st.integers(0, 12), st.binary(max_size=12), st.sampled_from([MESSAGE_1_1, RICH]))
    def test_mutations(self, at: int, length: int, junk: bytes, sample: str) -> None:
        """A message with some octets changed is offered, answered or ignored; never an exception."""
        raw = octets(sample)
        raw = raw[:at] + junk + raw[at + length:]
        try:
            parsed = parse_message(raw)
            validate(parsed)
        except SipSyntaxError:
            return
        if isinstance(parsed, Request):
            reading = receive(parsed, PEER, SETTINGS, NOW)
            self.assertIsInstance(reading, (Offered, Answered, Ignored))
            if isinstance(reading, Answered):
                self.assertIsInstance(parse_message(reading.answer), Response)
            elif isinstance(reading, Offered) and isinstance(reading.event, Message):
                str(reading.event).encode()  # rows and other worlds take text, not surrogates

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(["From", "To", "Subject", "Content-Type", "Content-Language", "Date", "Expires", "Priority",
                            "Require", "Content-Encoding", "P-Asserted-Identity", "Max-Forwards", "Call-ID"]),
           st.binary(max_size=40).filter(lambda value: b"\n" not in value and b"\r" not in value))
    def test_header_values(self, name: str, value: bytes) -> None:
        """Any value of any header that we read is borne."""
        lines = [line for line in octets(MESSAGE_1_1).split(b"\r\n") if not line.startswith(name.encode() + b":")]
        lines.insert(2, name.encode() + b": " + value)
        try:
            parsed = parse_message(b"\r\n".join(lines))
            validate(parsed)
        except SipSyntaxError:
            return
        assert isinstance(parsed, Request)
        trusting = evolve(SETTINGS, trunks=(evolve(TRUNK, trusted_identity=True),))
        reading = receive(parsed, PEER, trusting, NOW)
        if isinstance(reading, Offered):
            str(reading.event).encode()
