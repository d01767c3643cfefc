"""Repetitions, order and other methods, as SIP users meet them."""

from __future__ import annotations

from tests.scenarios.probes.base import SIP_ROMEO, ProbeCase, S, dial_tcp
from tests.support.sip_peer import SipPeer


class TransactionProbes(ProbeCase):
    """Repetitions and order."""

    def test_retransmission(self) -> None:
        """A request that comes three times is delivered once, and answered alike each time (SIP-21, 32)."""
        for _ in range(3):
            self.asks("once", call_id="same@lab", branch="z9hG4bKsame", tag="same")
        self.assertEqual(self.world.peer.answers("same@lab"), [202, 202, 202])
        self.assertEqual(len({octets for _, octets in self.world.peer.arrivals}), 1)
        self.assert_only_text("once")

    def test_retransmission_during_the_verdict(self) -> None:
        """Repetitions that come before the answer do no harm (SIP-21)."""
        for _ in range(3):
            self.world.peer.message(SIP_ROMEO, "once", call_id="same@lab", branch="z9hG4bKsame", tag="same")
        self.world.settle()
        self.assertEqual(set(self.world.peer.answers("same@lab")), {202})
        self.assert_only_text("once")

    def test_same_message_again(self) -> None:
        """A message sent again in another transaction is answered as before, not delivered again (SIP-26)."""
        for branch in ("z9hG4bKone", "z9hG4bKtwo"):
            self.asks("once", call_id="same@lab", branch=branch, tag="same")
            self.world.settle(34)
        self.assertEqual(self.world.peer.answers("same@lab"), [202, 202])
        self.assert_only_text("once")

    def test_merged(self) -> None:
        """The same request by another way while the first is in hand is a merged one (SIP-25)."""
        for branch in ("z9hG4bKone", "z9hG4bKtwo"):
            self.asks("once", call_id="same@lab", branch=branch, tag="same")
        self.assertEqual(self.world.peer.answers("same@lab"), [202, 482])
        self.assert_only_text("once")

    def test_order(self) -> None:
        """Twenty messages of one sender arrive in the order they were sent."""
        texts = [f"ord{number:02}" for number in range(20)]
        for text in texts:
            self.world.peer.message(SIP_ROMEO, text)
        self.world.settle()
        self.assertEqual(self.world.xmpp.bodies(), texts)

    def test_conversation(self) -> None:
        """Messages of one Call-ID with rising CSeq are all delivered (MSG-6a)."""
        for number in range(3):
            self.asks(f"text {number}", call_id="same-conversation@lab")
        self.assertEqual(self.world.xmpp.bodies(), ["text 0", "text 1", "text 2"])

    def test_answer_lost(self) -> None:
        """Who lost our answer repeats his request and gets it again (RFC 3261 17.2.2)."""
        self.world.network.lose = lambda datagram: datagram.startswith(b"SIP/2.0")
        self.assertEqual(self.asks("once", call_id="same@lab", branch="z9hG4bKsame", tag="same"), [])
        self.world.network.lose = lambda datagram: False
        self.assertEqual(self.asks("once", call_id="same@lab", branch="z9hG4bKsame", tag="same"), [202])
        self.assert_only_text("once")


class MethodProbes(ProbeCase):
    """Requests that are no MESSAGE."""

    def test_options(self) -> None:
        """Who asks what the gateway can do is told (SIP-34)."""
        for to in (f"sip:{S}", "sip:127.0.0.1:5060", SIP_ROMEO):
            self.assertEqual(self.asks("", to=to, method="OPTIONS", content_type=None), [200])
            self.assertIn("MESSAGE", self.answer().get("Allow") or "")
            self.assertIn("text/plain", self.answer().get("Accept") or "")

    def test_other_methods(self) -> None:
        """What is not taken is refused with what is taken (SIP-30, SIP-31); PUBLISH is off by default (PUB-4)."""
        for method in ("PUBLISH", "REGISTER", "INVITE", "REFER", "INFO"):
            answers = self.asks("", method=method, content_type=None, extra="Event: presence\r\n")
            self.assertEqual(answers[-1:], [405], method)
            self.assertIn("MESSAGE", self.answer().get("Allow") or "")
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_unknown_method(self) -> None:
        """A method nobody knows (SIP-30)."""
        self.assertEqual(self.asks("", method="TELEPORT", content_type=None), [501])

    def test_require(self) -> None:
        """An extension that must be understood and is not (SIP-38)."""
        self.assertEqual(self.asks("hi", extra="Require: recipient-list-message\r\n"), [420])
        self.assertEqual(self.answer().get("Unsupported"), "recipient-list-message")
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_max_forwards(self) -> None:
        """A message that may go no further does not (LOOP-1)."""
        self.world.peer.write(request(b"Max-Forwards: 0\r\n"))
        self.world.settle()
        self.assertEqual(self.answer().status, 483)
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_other_domain(self) -> None:
        """We are nobody's proxy (SIP-30)."""
        self.assertEqual(self.asks("hi", to="sip:romeo@elsewhere.test"), [404])

    def test_unknown_peer(self) -> None:
        """Who is not configured is not served (SIP-63)."""
        peer = SipPeer(self.world.peer.gateway)
        self.world.network.listenUDP(5099, peer, interface="192.0.2.66")
        call_id = peer.message(SIP_ROMEO, "spam")
        self.world.settle()
        self.assertEqual(peer.answers(call_id), [403])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_over_tcp(self) -> None:
        """The same over a connection, which the answer comes back on (SIP-42)."""
        peer, _ = dial_tcp(self.world)
        call_id = peer.message(SIP_ROMEO, "by stream")
        self.world.settle()
        self.assertEqual(peer.answers(call_id), [202])
        self.assert_only_text("by stream")


def request(lines: bytes, body: bytes = b"hi") -> bytes:
    """A MESSAGE with some lines of its own."""
    return (b"MESSAGE " + SIP_ROMEO.encode() + b" SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKraw;rport\r\n" + lines +
            b"From: <sip:juliet@sip.test>;tag=raw\r\nTo: <" + SIP_ROMEO.encode() + b">\r\n"
            b"Call-ID: raw@lab\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body)
