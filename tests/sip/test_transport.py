"""Where messages come from and go to, and the sockets that carry them (sip-core.md section 4)."""

from __future__ import annotations

from errno import EAGAIN, EHOSTUNREACH
from typing import Any

from attrs import evolve
from twisted.internet.address import IPv4Address
from twisted.internet.error import (
    ConnectionDone,
    ConnectionRefusedError,
    MessageLengthError,
)
from twisted.python.failure import Failure as Fault
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Accepted, Address, Reason, Taken
from iwf.sip.settings import Hop
from iwf.sip.syntax.headers import parse_via
from iwf.sip.syntax.message import Request, parse_message, response_to
from iwf.sip.transport.connections import MAX_STREAMS
from iwf.sip.transport.routing import (
    bracketed,
    canonical_ip,
    is_address,
    marked,
    route_of_answer,
)
from iwf.sip.transport.sockets import MAX_CONNECTED
from tests.sip.fakes import Rig, Socket
from tests.sip.samples import (
    MESSAGE_1_1,
    PEER,
    SETTINGS,
    TRUNK,
    item,
    message,
    octets,
    request,
)

SAMPLE = octets(MESSAGE_1_1)
TCP_SETTINGS = evolve(SETTINGS, trunks=(evolve(TRUNK, next_hop=Hop("tcp", "192.0.2.10", 5060)),))
_ANYBODY = IPv4Address("TCP", "192.0.2.10", 40000)
OTHER_PORT = Hop("udp", "192.0.2.10", 7777)


class RoutingTests(SynchronousTestCase):
    """Marks in Via, routes of answers, next hops."""

    def test_marks(self) -> None:
        """received where the Via says another host or a name; both marks where rport is asked for (SIP-43)."""
        for host, mark in (
            ("192.0.2.10:5060;branch=z9hG4bK7f3a;rport", ";rport=7777;received=192.0.2.10"),
            ("192.0.2.10:5060;branch=z9hG4bK7f3a", ""),
            ("10.0.0.1;branch=z9hG4bK7f3a", ";received=192.0.2.10"),
            ("proxy.sip.example;branch=z9hG4bK7f3a;rport", ";rport=7777;received=192.0.2.10"),
        ):
            via = marked(request(("192.0.2.10:5060;branch=z9hG4bK7f3a;rport", host)), OTHER_PORT).get("Via") or ""
            self.assertEqual(via, f"SIP/2.0/UDP {host.removesuffix(';rport') if 'rport' in mark else host}{mark}")

    def test_marks_ipv6(self) -> None:
        """IPv6 addresses are compared and written without brackets (SIP-13)."""
        asked = request(("192.0.2.10:5060;branch=z9hG4bK7f3a;rport", "[2001:db8::9];branch=z9hG4bK7f3a"))
        self.assertEqual(marked(asked, Hop("udp", "2001:db8::9", 5060)), asked)
        self.assertIn(";received=2001:db8::7", marked(asked, Hop("udp", "2001:db8::7", 5060)).get("Via") or "")

    def test_other_hops_are_kept(self) -> None:
        """Only the top Via is marked (SIP-32)."""
        asked = marked(request(headers="Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKb\n"), OTHER_PORT)
        self.assertEqual(asked.all("Via")[1], "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKb")

    def test_routes_of_answers(self) -> None:
        """maddr first, then received and rport, then received and the Via's port; never a name (SIP-44)."""
        for text, source, route in (
            ("SIP/2.0/UDP a.example:5070;maddr=192.0.2.77", OTHER_PORT, Hop("udp", "192.0.2.77", 5070)),
            ("SIP/2.0/UDP a.example:5070;maddr=evil.example", OTHER_PORT, Hop("udp", "192.0.2.10", 5070)),
            ("SIP/2.0/UDP a.example:5070;rport=7777", OTHER_PORT, OTHER_PORT),
            ("SIP/2.0/UDP a.example:5070", OTHER_PORT, Hop("udp", "192.0.2.10", 5070)),
            ("SIP/2.0/UDP a.example", OTHER_PORT, Hop("udp", "192.0.2.10", 5060)),
            ("SIP/2.0/TCP a.example:5070;rport=7777;maddr=192.0.2.77", Hop("tcp", "192.0.2.10", 7777),
             Hop("tcp", "192.0.2.10", 5070)),
        ):
            self.assertEqual(route_of_answer(parse_via(text), source), route, text)

    def test_addresses(self) -> None:
        """Addresses are told from names and brought to one spelling."""
        self.assertTrue(is_address("192.0.2.1") and is_address("[::1]") and not is_address("a.example"))
        self.assertEqual([canonical_ip(host) for host in ("::ffff:192.0.2.1", "[2001:DB8:0::1]", "fe80::1%eth0")],
                         ["192.0.2.1", "2001:db8::1", "fe80::1"])
        self.assertEqual([bracketed(host) for host in ("::1", "[::1]", "a")], ["[::1]", "[::1]", "a"])


class DatagramTests(SynchronousTestCase):
    """UDP sockets."""

    def rig(self) -> Rig:
        return Rig(connected_socket=lambda own, hop: Socket())

    def deliver(self, rig: Rig) -> Any:
        return rig.edge.deliver(item())

    def test_keep_alive(self) -> None:
        """Datagrams of line ends keep a binding alive and mean nothing (SIP-48)."""
        rig = Rig()
        for noise in (b"\r\n\r\n", b"\0", b"", b"\r\n"):
            rig.receive(noise)
        self.assertEqual(rig.sent(), [])

    def test_socket_of_the_next_hop(self) -> None:
        """A next hop has a socket of its own that hears answers, requests and refusals of that peer (SIP-46)."""
        rig = self.rig()
        done = self.deliver(rig)
        protocol, transport, _ = rig.reactor.adopted[0]
        self.assertEqual(transport.connected, ("192.0.2.10", 5060))
        self.assertEqual([to for _, to in transport.written], [None])
        protocol.datagramReceived(octets(MESSAGE_1_1), ("192.0.2.10", 5060))
        self.assertEqual(len(rig.intake.events), 1)
        protocol.connectionRefused()
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.UNREACHABLE)
        self.deliver(rig)
        self.assertEqual(len(rig.reactor.adopted), 1)

    def test_socket_closed_by_a_refusal(self) -> None:
        """A reactor that closes the socket on a refusal fails what was under way, and a new socket is made (SIP-46)."""
        rig = self.rig()
        done = self.deliver(rig)
        rig.reactor.adopted[0][0].doStop()
        result = self.successResultOf(done)
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))
        self.assertNoResult(self.deliver(rig))
        self.assertEqual(len(rig.reactor.adopted), 2)

    def test_answer_elsewhere(self) -> None:
        """An answer that is due at another port leaves by the listener, from the same port of ours (SIP-44)."""
        rig = self.rig()
        self.deliver(rig)
        protocol, transport, _ = rig.reactor.adopted[0]
        transport.written.clear()
        protocol.datagramReceived(octets(MESSAGE_1_1), ("192.0.2.10", 5060))
        protocol.datagramReceived(octets(MESSAGE_1_1.replace("5060;branch=z9hG4bK7f3a;rport", "5099;branch=z9hG4bKx")
                                         .replace("CSeq: 5", "CSeq: 6")), ("192.0.2.10", 5060))
        for verdict in rig.intake.verdicts:
            verdict.callback(Taken("d"))
        self.assertEqual(len(transport.written), 1)
        self.assertEqual([to for _, to in rig.sent()], [("192.0.2.10", 5099)])

    def test_no_socket(self) -> None:
        """When the system gives no second socket, the listener sends."""
        def refuse(own: Hop, hop: Hop) -> None:
            raise OSError(EHOSTUNREACH, "no route")

        rig = Rig(connected_socket=refuse)
        self.deliver(rig)
        self.assertEqual([to for _, to in rig.sent()], [("192.0.2.10", 5060)])

    def test_many_next_hops(self) -> None:
        """Sockets of their own are for the latest next hops only; the eldest is closed and fails nothing."""
        rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, next_hop=None),)), lambda own, hop: Socket())
        waiting = [
            rig.edge.deliver(item(message(target=Address("sip", "ana", f"203.0.113.{number}")), id=str(number)))
            for number in range(MAX_CONNECTED + 1)
        ]
        self.assertEqual([port.listening for _, _, port in rig.reactor.adopted], [False] + [True] * MAX_CONNECTED)
        self.assertNoResult(waiting[0])

    def test_send_errors(self) -> None:
        """A full queue is loss, mended by repetition; a system that refuses is an unreachable peer."""
        for fault, failed in ((OSError(EAGAIN, "later"), False), (OSError(EHOSTUNREACH, "no"), True),
                              (MessageLengthError("too long"), True)):
            rig = Rig()
            rig.reactor.udp[0][2].fault = fault
            done = self.deliver(rig)
            if failed:
                self.assertEqual(self.successResultOf(done).failure.reason, Reason.UNREACHABLE)
            else:
                self.assertNoResult(done)

    def test_answer_cannot_be_sent(self) -> None:
        """An answer that cannot be sent is no fault of ours; the peer repeats its request."""
        rig = Rig()
        rig.receive(octets(MESSAGE_1_1))
        rig.reactor.udp[0][2].fault = OSError(EHOSTUNREACH, "no")
        rig.intake.verdicts[0].callback(Taken("d"))
        rig.reactor.udp[0][2].fault = None
        rig.receive(octets(MESSAGE_1_1))
        self.assertEqual(len(rig.sent()), 1)

    def test_ipv6(self) -> None:
        """IPv6 hops are reached from IPv6 listeners, with brackets in Via."""
        rig = Rig(evolve(SETTINGS, host="", listen=(Hop("udp", "192.0.2.20", 5060), Hop("udp", "2001:db8::20", 5061)),
                         trunks=(evolve(TRUNK, next_hop=Hop("udp", "2001:db8::10", 5060)),)))
        rig.edge.deliver(item())
        [(datagram, to)] = rig.reactor.udp[1][2].written
        self.assertEqual(to, ("2001:db8::10", 5060))
        self.assertIn(b"Via: SIP/2.0/UDP [2001:db8::20]:5061;branch=", datagram)


class StreamTests(SynchronousTestCase):
    """TCP sockets."""

    def test_one_octet_at_a_time(self) -> None:
        """A request that trickles in is read and answered on its connection, a ping gets its pong (SIP-47)."""
        rig = Rig()
        stream, transport = rig.accept(Hop("tcp", "192.0.2.10", 33333))
        self.assertTrue(transport.no_delay)
        for octet in b"\r\n\r\n" + SAMPLE.replace(b"/UDP", b"/TCP"):
            stream.dataReceived(bytes([octet]))
        self.assertEqual(transport.value(), b"\r\n")
        rig.intake.verdicts[0].callback(Taken("d"))
        self.assertIn(b"SIP/2.0 202 Accepted\r\n", transport.value())
        self.assertIn(b";rport=33333;received=192.0.2.10", transport.value())

    def test_slow_verdict(self) -> None:
        """A verdict that takes 3.5 s is announced by a 100, as over UDP (RFC 4320 4.1)."""
        rig = Rig()
        stream, transport = rig.accept()
        stream.dataReceived(SAMPLE.replace(b"/UDP", b"/TCP"))
        rig.reactor.pump([3.4])
        self.assertEqual(transport.value(), b"")
        rig.reactor.pump([0.2])
        self.assertTrue(transport.value().startswith(b"SIP/2.0 100 Trying\r\n"))
        transport.clear()
        rig.intake.verdicts[0].callback(Taken("d"))
        self.assertTrue(transport.value().startswith(b"SIP/2.0 202 Accepted\r\n"))

    def test_unreadable_stream(self) -> None:
        """A stream that cannot be read on gets 400 and is closed (SIP-10)."""
        rig = Rig()
        stream, transport = rig.accept()
        stream.dataReceived(SAMPLE.replace(b"Content-Length: 11\r\n", b""))
        self.assertTrue(transport.value().startswith(b"SIP/2.0 400 "))
        self.assertTrue(transport.disconnecting)

    def test_asker_is_gone(self) -> None:
        """When the connection of the request is gone, the answer goes to the port of its Via (SIP-42)."""
        rig = Rig()
        stream, _ = rig.accept(Hop("tcp", "192.0.2.10", 33333))
        stream.dataReceived(SAMPLE.replace(b"/UDP", b"/TCP"))
        stream.connectionLost(Fault(ConnectionDone()))
        rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(rig.reactor.tcpClients[0][:2], ("192.0.2.10", 5060))
        _, back = rig.connect()
        self.assertTrue(back.value().startswith(b"SIP/2.0 202 Accepted\r\n"))

    def test_delivery(self) -> None:
        """Requests wait for the connection, share it, and are answered on it, octet by octet if need be (SIP-42)."""
        rig = Rig(TCP_SETTINGS)
        first, second = rig.edge.deliver(item(id="1")), rig.edge.deliver(item(id="2"))
        self.assertEqual(len(rig.reactor.tcpClients), 1)
        stream, transport = rig.connect()
        asked = transport.value().split(b"MESSAGE sip:")[1:]
        self.assertEqual(len(asked), 2)
        self.assertIn(b"Via: SIP/2.0/TCP iwf.sip.example:5060;branch=", asked[0])
        for raw, status in zip(asked, (200, 404), strict=True):
            sent = parse_message(b"MESSAGE sip:" + raw)
            assert isinstance(sent, Request)
            for octet in response_to(sent, status, "x", "tag").to_bytes():
                stream.dataReceived(bytes([octet]))
        self.assertIsInstance(self.successResultOf(first), Accepted)
        self.assertEqual(self.successResultOf(second).failure.reason, Reason.UNKNOWN_RECIPIENT)
        rig.edge.deliver(item(id="3"))
        self.assertEqual(len(rig.reactor.tcpClients), 1)

    def test_no_repetition(self) -> None:
        """Over TCP nothing is repeated, and silence fails at 32 s all the same (timer F)."""
        rig = Rig(TCP_SETTINGS)
        done = rig.edge.deliver(item())
        _, transport = rig.connect()
        rig.reactor.pump([0.5] * 63)
        self.assertNoResult(done)
        self.assertEqual(transport.value().count(b"MESSAGE sip:"), 1)
        rig.reactor.pump([0.6])
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.TIMEOUT)

    def test_peer_closes(self) -> None:
        """A connection that ends before the answer fails what it carried, to be tried again on a new one."""
        rig = Rig(TCP_SETTINGS)
        done = rig.edge.deliver(item())
        stream, _ = rig.connect()
        stream.connectionLost(Fault(ConnectionDone()))
        result = self.successResultOf(done)
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))
        rig.edge.deliver(item())
        self.assertEqual(len(rig.reactor.tcpClients), 2)

    def test_peer_refuses(self) -> None:
        """A refused connection is an unreachable peer."""
        rig = Rig(TCP_SETTINGS)
        done = rig.edge.deliver(item())
        factory = rig.reactor.tcpClients[0][2]
        factory.clientConnectionFailed(rig.reactor.connectors[0], Fault(ConnectionRefusedError()))
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.UNREACHABLE)

    def test_idle(self) -> None:
        """A connection without traffic is closed after five minutes, not before (SIP-42)."""
        rig = Rig()
        stream, transport = rig.accept()
        rig.reactor.pump([200])
        stream.dataReceived(b"\r\n\r\n")
        rig.reactor.pump([299])
        self.assertFalse(transport.disconnecting)
        rig.reactor.pump([2])
        self.assertTrue(transport.disconnecting)

    def test_limit(self) -> None:
        """So many streams and no more; one that closes makes room."""
        rig = Rig()
        streams = [rig.accept()[0] for _ in range(MAX_STREAMS)]
        factory = rig.reactor.tcpServers[0][1]
        self.assertIsNone(factory.buildProtocol(_ANYBODY))
        streams[0].connectionLost()
        self.assertIsNotNone(factory.buildProtocol(_ANYBODY))
        for stream in streams:
            stream.setTimeout(None)

    def test_stop(self) -> None:
        """At the stop all streams are closed."""
        rig = Rig()
        _, transport = rig.accept(PEER)
        self.successResultOf(rig.edge.stopService())
        self.assertTrue(transport.disconnecting)
