"""WebSocket clients of the edge: answers, limits and time (RFC 7118, RFC 5626)."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure as Fault
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Taken
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Response, parse_message
from iwf.sip.transport.webstream import FIRST_MESSAGE, HANDSHAKE, IDLE, LOOK, PATIENCE, PING
from tests.sip.fakes import Connection, Rig
from tests.sip.samples import MESSAGE_1_1, SETTINGS, TRUNK, changed, octets
from tests.sip.test_websocket import UPGRADE, frame

CLIENT = Hop("ws", "203.0.113.5", 40000)
LISTEN = (Hop("udp", "192.0.2.20", 5060), Hop("ws", "192.0.2.20", 80))
WEB_SETTINGS = evolve(SETTINGS, listen=LISTEN, max_websockets=2,
                      trunks=(evolve(TRUNK, allowed_sources=(CLIENT.host,)),))
# As a script writes it: the host does not exist, and Content-Length is not needed (RFC 7118 5).
MESSAGE = octets(changed(MESSAGE_1_1, ("SIP/2.0/UDP 192.0.2.10:5060", "SIP/2.0/WS df7jal23ls0d.invalid"),
                         ("Content-Length: 11\n", ""), (";rport", "")))


class Web:
    """A client of a started edge; ``said`` takes what the server has written, without the frame heads."""

    def __init__(self, rig: Rig, upgrade: bool = True, client: Hop = CLIENT) -> None:
        address = IPv4Address("TCP", client.host, client.port)
        self.stream = rig.reactor.tcpServers[0][1].buildProtocol(address)
        self.transport = Connection(peerAddress=address)
        self.stream.makeConnection(self.transport)
        if upgrade:
            self.stream.dataReceived(UPGRADE + b"Sec-WebSocket-Protocol: sip\r\n\r\n")
            self.transport.clear()

    def say(self, message: bytes) -> None:
        self.stream.dataReceived(frame(message))

    def said(self) -> bytes:
        written: bytes = self.transport.value()
        self.transport.clear()
        start = {126: 4, 127: 10}.get(written[1] & 127, 2) if written else 0
        return written[start:]

    def lose(self) -> None:
        self.stream.connectionLost(Fault(ConnectionLost()))


class WebStreamTests(SynchronousTestCase):
    """Requests and answers."""

    def setUp(self) -> None:
        self.rig = Rig(WEB_SETTINGS)

    def test_answer(self) -> None:
        """A MESSAGE is answered on its connection, with its own Via (RFC 7118 5, RFC 3261 18.2.2)."""
        web = Web(self.rig)
        web.say(MESSAGE)
        self.assertEqual(self.rig.intake.events[0].bodies[0].text, "Grüße\nAna")
        self.rig.intake.verdicts[0].callback(Taken("d"))
        answer = parse_message(web.said())
        assert isinstance(answer, Response)
        self.assertEqual(answer.status, 202)
        self.assertEqual((answer.top_via.transport, answer.top_via.host), ("WS", "df7jal23ls0d.invalid"))
        self.assertEqual(answer.top_via.param("received"), CLIENT.host)

    def test_answer_nowhere_else(self) -> None:
        """When the connection is gone the answer has no way: nobody is asked for a name, nobody is
        connected to, and no datagram is sent (RFC 7118 5)."""
        web = Web(self.rig)
        web.say(MESSAGE)
        web.lose()
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual((self.rig.reactor.tcpClients, self.rig.sent(), self.rig.names.zone.asked), ([], [], []))

    def test_stranger(self) -> None:
        """Who is no peer is refused as on any transport (SIP-63)."""
        web = Web(self.rig, client=Hop("ws", "203.0.113.77", 1))
        web.say(MESSAGE)
        self.assertEqual(web.said().split()[1], b"403")

    def test_malformed(self) -> None:
        """A message that cannot be read is answered 400; the connection stays, as frames keep their
        bounds (SIP-12)."""
        web = Web(self.rig)
        web.say(MESSAGE.replace(b"CSeq: 5 MESSAGE", b"CSeq: x"))
        self.assertEqual(web.said().split()[1], b"400")
        self.assertFalse(web.transport.disconnecting)

    def test_crlf(self) -> None:
        """Keep-alive by line ends is answered in a message of its own (RFC 7118 6, RFC 5626 3.5.1)."""
        web = Web(self.rig)
        web.say(b"\r\n\r\n")
        self.assertEqual(web.said(), b"\r\n")
        web.say(b"\r\n")
        self.assertEqual(web.said(), b"")

    def test_listener_is_full(self) -> None:
        """One client more than there may be is turned away, until one has gone."""
        first, _ = Web(self.rig, upgrade=False), Web(self.rig)
        factory = self.rig.reactor.tcpServers[0][1]
        address = IPv4Address("TCP", CLIENT.host, 1)
        self.assertIsNone(factory.buildProtocol(address))
        first.lose()
        self.assertIsNotNone(factory.buildProtocol(address))

    def test_deaf_client(self) -> None:
        """Who does not read our answers is not listened to until he does."""
        web = Web(self.rig)
        web.transport.producer.pauseProducing()
        self.assertEqual(web.transport.producerState, "paused")
        web.transport.producer.resumeProducing()
        self.assertEqual(web.transport.producerState, "producing")

    def test_stop(self) -> None:
        """At the stop clients are told goodbye (RFC 6455 7.4.1: 1001)."""
        web = Web(self.rig)
        self.rig.edge.stopService()
        self.assertEqual(web.said(), b"\x03\xe9")
        self.assertTrue(web.transport.disconnecting)


class FlowTests(SynchronousTestCase):
    """What is sent to a client of whom only his connection is known."""

    def setUp(self) -> None:
        self.rig = Rig(WEB_SETTINGS)
        self.transports = self.rig.edge._transports

    def test_own_connection(self) -> None:
        """Each client is reached on his own connection, and only as long as it stands (RFC 5626 5.3)."""
        one, other = Web(self.rig), Web(self.rig, client=Hop("ws", CLIENT.host, 40001))
        hop = other.stream.source.hop
        self.transports.send(b"x", hop)
        self.assertEqual((one.said(), other.said()), (b"", b"x"))
        other.lose()
        self.transports.send(b"x", hop)
        self.assertEqual((one.said(), self.rig.reactor.tcpClients), (b"", []))

    def test_somebody_else(self) -> None:
        """Who comes from the same address and port later, as behind a web server, is somebody else."""
        one = Web(self.rig)
        hop = one.stream.source.hop
        one.lose()
        other = Web(self.rig)
        self.assertEqual((hop.host, hop.port), (other.stream.source.hop.host, other.stream.source.hop.port))
        self.transports.send(b"x", hop)
        self.assertEqual(other.said(), b"")

    def test_via(self) -> None:
        """Our Via names the listener and its transport (RFC 7118 5.2.1)."""
        via = self.rig.edge._sender.via(CLIENT)
        self.assertEqual((via.transport, via.host, via.port), ("WS", "iwf.sip.example", 80))


class TimeTests(SynchronousTestCase):
    """Clients that say nothing."""

    def setUp(self) -> None:
        self.rig = Rig(WEB_SETTINGS)

    def advance(self, seconds: float) -> None:
        self.rig.reactor.pump([LOOK] * round(seconds / LOOK))

    def test_handshake(self) -> None:
        """Who does not finish the handshake is cut off."""
        web = Web(self.rig, upgrade=False)
        web.stream.dataReceived(UPGRADE)
        self.advance(HANDSHAKE)
        self.assertTrue(web.transport.disconnected)

    def test_nothing_to_say(self) -> None:
        """Who opens a connection and sends no SIP message is told goodbye, though he answers pings."""
        web = Web(self.rig)
        for _ in range(round(FIRST_MESSAGE / LOOK)):
            self.assertFalse(web.transport.disconnecting)
            self.advance(LOOK)
            web.stream.dataReceived(frame(b"", 10))
        self.assertTrue(web.transport.disconnecting)

    def test_ping(self) -> None:
        """A silent client is asked whether it lives; with an answer the connection stays, for longer than
        a registration lasts (SIP-48)."""
        web = Web(self.rig)
        web.say(MESSAGE)
        for _ in range(90):
            self.advance(PING)
            self.assertEqual(web.transport.value()[-2:], b"\x89\x00")
            web.stream.dataReceived(frame(b"", 10))
        self.assertFalse(web.transport.disconnecting)

    def test_dead_client(self) -> None:
        """A client that does not answer a ping is gone (SIP-48)."""
        web = Web(self.rig)
        web.say(MESSAGE)
        self.advance(PING + PATIENCE - LOOK)
        self.assertFalse(web.transport.disconnected)
        self.advance(LOOK)
        self.assertTrue(web.transport.disconnected)

    def test_idle(self) -> None:
        """A client that has not used us for longer than any registration lasts is told goodbye."""
        web = Web(self.rig)
        web.say(MESSAGE)
        for _ in range(round(IDLE / PING) - 1):
            self.advance(PING)
            web.stream.dataReceived(frame(b"", 10))
        self.assertFalse(web.transport.disconnecting)
        self.advance(PING)
        self.assertTrue(web.transport.disconnecting)

    def test_registered(self) -> None:
        """A client that has registered for longer may be silent for longer."""
        web = Web(self.rig)
        web.say(MESSAGE)
        web.stream.keep(IDLE + 5 * PING)
        for quiet in range(round(IDLE / PING) + 5):
            self.assertFalse(web.transport.disconnecting, quiet)
            self.advance(PING)
            web.stream.dataReceived(frame(b"", 10))
        self.assertTrue(web.transport.disconnecting)

    def test_does_not_close(self) -> None:
        """A client that does not close after goodbye is cut off."""
        web = Web(self.rig)
        web.stream.dataReceived(frame(b"", 8))
        self.assertTrue(web.transport.disconnecting)
        self.advance(PATIENCE)
        self.assertTrue(web.transport.disconnected)

    def test_clock_set_back(self) -> None:
        """A clock that was set back cuts nobody off."""
        web = Web(self.rig)
        web.say(MESSAGE)
        self.rig.reactor.rightNow -= 100_000
        self.advance(LOOK)
        self.assertFalse(web.transport.disconnecting or web.transport.disconnected)

    def test_no_timer_is_left(self) -> None:
        """A connection that is gone leaves no timer behind."""
        web = Web(self.rig)
        web.lose()
        self.assertEqual(self.rig.reactor.getDelayedCalls(), [])
