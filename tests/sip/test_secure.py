"""SIP over TLS: who the peer is, which connection is whose (SIP-49, SIP-63, ADDR-55, ADDR-56)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure as Fault
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Accepted, Rejected, Taken
from iwf.sip.settings import Hop, SipSettings, Target, TlsPeer, TlsSettings
from iwf.sip.syntax.message import Request, parse_message, response_to
from iwf.sip.transport.secure import HANDSHAKE
from iwf.tls import Client, Files, Server, Source, Verify
from tests.sip.fakes import Connection, Rig
from tests.sip.samples import MESSAGE_1_1, SETTINGS, TRUNK, changed, item, octets
from tests.sip.test_websocket import UPGRADE, frame
from tests.support.certificates import Authority, Issued
from tests.support.names import FakeNames, Zone, a, srv

PEER = Hop("tls", "203.0.113.5", 40000)
LOG = Logger(namespace="test")
OVER_TLS = ("SIP/2.0/UDP", "SIP/2.0/TLS")


class Other(Protocol):
    """The far end, inside TLS."""

    def __init__(self) -> None:
        self.received = b""
        self.gone = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Fault = Fault(ConnectionDone())) -> None:
        self.gone = True


class Pair:
    """Two TLS protocols, one of them ours, and what is between them.

    :param ours: with its transport, not yet connected.
    :param creator: makes the OpenSSL connection of the other side.
    """

    def __init__(self, ours: Any, ours_transport: Connection, creator: Any, client: bool, clock: Any) -> None:
        self.other = Other()
        factory = TLSMemoryBIOFactory(creator, client, Factory.forProtocol(lambda: self.other), clock)
        self._theirs = factory.buildProtocol(IPv4Address("TCP", "203.0.113.5", 40000))
        self._clock = clock
        self._gone = False
        self.ours, self.transport, self._back = ours, ours_transport, Connection()
        self._theirs.makeConnection(self._back)
        ours.makeConnection(ours_transport)
        self.run()

    def run(self) -> None:
        """Carry octets until nobody has more to say."""
        for _ in range(20):
            self._clock.advance(0)
            for one, other in ((self.transport, self._theirs), (self._back, self.ours)):
                data = one.value()
                one.clear()
                if data and not self.transport.disconnected:
                    other.dataReceived(data)
        if (self.transport.disconnecting or self.transport.disconnected) and not self._gone:
            self._gone = True
            self.ours.connectionLost(Fault(ConnectionLost()))
            self._theirs.connectionLost(Fault(ConnectionLost()))

    def send(self, data: bytes) -> None:
        """The other side writes."""
        assert self.other.transport is not None
        self.other.transport.write(data)
        self.run()

    def answer(self) -> int:
        """The status of what the other side received last."""
        return int(self.other.received.split()[1])


class SecureCase(SynchronousTestCase):
    """A gateway with a certificate, and peers with theirs."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.authority = Authority(self.folder)
        self.ours = self.authority.issue("ours", ["iwf.sip.example"])

    def settings(self, **trunk: Any) -> SipSettings:
        values: dict[str, Any] = {"allowed_sources": (), "allowed_names": ("sip.example",)}
        return evolve(
            SETTINGS, listen=(Hop("udp", "192.0.2.20", 5060), Hop("tls", "192.0.2.20", 5061)),
            tls=TlsSettings(self.ours.certificate, self.ours.key, self.authority.ca),
            trunks=(evolve(TRUNK, **(values | trunk)),))

    def accept(self, rig: Rig, shown: Issued | None, name: str = "iwf.sip.example", server: int = 0) -> Pair:
        """A client connects.

        :param name: of the server that it asks for.
        :param server: which of our listeners it connects to.
        """
        files = Files(ca=self.authority.ca) if shown is None else Files(shown.certificate, shown.key, self.authority.ca)
        creator = Client(Source(files, Verify.REQUIRED, rig.reactor, LOG), name)
        address = IPv4Address("TCP", PEER.host, PEER.port)
        ours = rig.reactor.tcpServers[server][1].buildProtocol(address)
        return Pair(ours, Connection(peerAddress=address), creator, True, rig.reactor)

    def connect(self, rig: Rig, shown: Issued) -> Pair:
        """Our attempt to connect succeeds."""
        host, port, factory, _, _ = rig.reactor.tcpClients[-1]
        creator = Server(Files(shown.certificate, shown.key, self.authority.ca), {}, Verify.OPTIONAL, rig.reactor, LOG)
        address = IPv4Address("TCP", host, port)
        return Pair(factory.buildProtocol(address), Connection(peerAddress=address), creator, False, rig.reactor)


class InboundTests(SecureCase):
    """Who connects to us."""

    def status(self, shown: Issued | None, message: str = MESSAGE_1_1, **trunk: Any) -> int:
        """What a MESSAGE from a client gets."""
        rig = Rig(self.settings(**trunk))
        pair = self.accept(rig, shown)
        pair.send(octets(changed(message, OVER_TLS)))
        if rig.intake.verdicts:
            rig.intake.verdicts[0].callback(Taken("d"))
            pair.run()
        return pair.answer()

    def test_by_name(self) -> None:
        """A certificate for a name of the trunk opens the door, whatever the address; a certificate for
        another name, or none, does not (SIP-63)."""
        right = self.authority.issue("right", ["a.example", "SIP.example"])
        by_uri = self.authority.issue("uri", ["other.example"], ["sip:sip.example"])
        wrong = self.authority.issue("wrong", ["sip.example"], ["sip:other.example"])
        stranger = Authority(self.folder / "s", "stranger").issue("right", ["sip.example"])
        for shown, status in ((right, 202), (by_uri, 202), (wrong, 403), (stranger, 403), (None, 403)):
            self.assertEqual(self.status(shown), status, shown)

    def test_by_address(self) -> None:
        """A peer that is known by its address needs no certificate over TLS either (SIP-63)."""
        self.assertEqual(self.status(None, allowed_sources=("203.0.113.5",)), 202)

    def test_name_before_address(self) -> None:
        """Who proves a name is that trunk, even from the address of another (SIP-63)."""
        other = evolve(TRUNK, name="other", lane="sip:other", allowed_sources=("203.0.113.5",), domains=("*",))
        settings = self.settings()
        rig = Rig(evolve(settings, trunks=(other, *settings.trunks)))
        pair = self.accept(rig, self.authority.issue("right", ["sip.example"]))
        pair.send(octets(changed(MESSAGE_1_1, OVER_TLS)))
        self.assertEqual(rig.intake.events[0].lane, "sip:proxy")

    def test_sips(self) -> None:
        """sips is refused, but for trunks where it is promised, and then over TLS only (ADDR-56)."""
        right = self.authority.issue("right", ["sip.example"])
        sips = MESSAGE_1_1.replace("MESSAGE sip:", "MESSAGE sips:").replace("To: <sip:", "To: <sips:")
        self.assertEqual(self.status(right, sips), 480)
        self.assertEqual(self.status(right, sips, allow_sips=True), 202)
        rig = Rig(self.settings(allow_sips=True, allowed_sources=("192.0.2.10",)))
        rig.receive(octets(sips))
        self.assertEqual(rig.sent()[0][0].status, 480)  # type: ignore[union-attr]

    def test_answer_on_its_connection(self) -> None:
        """The answer goes back on the connection of the request, and nowhere else once it is gone: who
        would be at that address now was never verified (SIP-42, SIP-49)."""
        rig = Rig(self.settings())
        pair = self.accept(rig, self.authority.issue("right", ["sip.example"]))
        pair.send(octets(changed(MESSAGE_1_1, OVER_TLS)))
        pair.ours.connectionLost(Fault(ConnectionLost()))
        rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(rig.reactor.tcpClients, [])
        self.assertEqual(rig.sent(), [])

    def test_handshake_that_does_not_end(self) -> None:
        """A client that connects and says nothing is cut off."""
        rig = Rig(self.settings())
        transport = Connection()
        ours = rig.reactor.tcpServers[0][1].buildProtocol(IPv4Address("TCP", PEER.host, PEER.port))
        ours.makeConnection(transport)
        rig.reactor.advance(HANDSHAKE - 1)
        self.assertFalse(transport.disconnected)
        rig.reactor.advance(1)
        self.assertTrue(transport.disconnected)

    def test_no_tls(self) -> None:
        """Plain SIP on the TLS port is not answered: there is no way back to plain (SIP-49)."""
        rig = Rig(self.settings())
        transport = Connection()
        ours = rig.reactor.tcpServers[0][1].buildProtocol(IPv4Address("TCP", PEER.host, PEER.port))
        ours.makeConnection(transport)
        ours.dataReceived(octets(MESSAGE_1_1))
        rig.reactor.advance(0)
        self.assertNotIn(b"SIP/2.0", transport.value())
        self.assertEqual(rig.intake.events, [])

    def test_certificate_by_name(self) -> None:
        """A client that asks for an alias with a certificate of its own is shown that (ADDR-55)."""
        other = self.authority.issue("other", ["x.sip.example"])
        settings = self.settings()
        named = (("x.sip.example", other.certificate, other.key),)
        rig = Rig(evolve(settings, tls=evolve(settings.tls, named=named)))
        for name, subject in (("x.sip.example", "CN=other"), ("iwf.sip.example", "CN=ours")):
            transport: Any = self.accept(rig, None, name).other.transport
            certificate = transport.getPeerCertificate().to_cryptography()
            self.assertEqual(certificate.subject.rfc4514_string(), subject)

    def test_required(self) -> None:
        """Where certificates are required, a client without one does not get in, but one by WebSocket does:
        browsers have none (RFC 7118 7)."""
        settings = self.settings(allowed_sources=(PEER.host,))
        rig = Rig(evolve(settings, listen=(*settings.listen, Hop("wss", "192.0.2.20", 443)),
                         tls=evolve(settings.tls, verify_clients="required")))
        pair = self.accept(rig, None)
        pair.send(octets(changed(MESSAGE_1_1, OVER_TLS)))
        self.assertEqual(pair.other.received, b"")
        self.assertTrue(pair.transport.disconnecting or pair.transport.disconnected)
        pair = self.accept(rig, None, server=1)
        pair.send(UPGRADE + b"Sec-WebSocket-Protocol: sip\r\n\r\n")
        self.assertEqual(pair.answer(), 101)
        pair.send(frame(octets(changed(MESSAGE_1_1, ("SIP/2.0/UDP", "SIP/2.0/WSS")))))
        rig.intake.verdicts[0].callback(Taken("d"))
        rig.edge.stopService()
        pair.run()
        self.assertTrue(pair.other.gone)

    def test_crlf(self) -> None:
        """Keep-alive works as over TCP (SIP-47, RFC 5626 3.5.1)."""
        rig = Rig(self.settings())
        pair = self.accept(rig, None)
        pair.send(b"\r\n\r\n")
        self.assertEqual(pair.other.received, b"\r\n")


class OutboundTests(SecureCase):
    """To whom we connect."""

    def rig(self, **tls: Any) -> Rig:
        peer = TlsPeer(("sip.example",), "sip.example", ca=self.authority.ca, certificate=self.ours.certificate,
                       key=self.ours.key)
        return Rig(self.settings(next_hop=Hop("tls", "192.0.2.10", 5061, evolve(peer, **tls))))

    def deliver(self, rig: Rig, shown: Issued) -> tuple[Pair, list[Any]]:
        results: list[Any] = []
        rig.edge.deliver(item()).addCallback(results.append)
        return self.connect(rig, shown), results

    def test_message(self) -> None:
        """A text goes to the server whose certificate has the right name, with TLS in the Via; the next
        one takes the same connection (SIP-42, SIP-45, SIP-49)."""
        rig = self.rig()
        pair, results = self.deliver(rig, self.authority.issue("proxy", ["sip.example"]))
        sent = parse_message(pair.other.received)
        assert isinstance(sent, Request)
        self.assertEqual((sent.top_via.transport, sent.top_via.port), ("TLS", 5061))
        pair.send(response_to(sent, 200, to_tag="t").to_bytes())
        self.assertIsInstance(results[0], Accepted)
        rig.edge.deliver(item(id="item-2"))
        self.assertEqual(len(rig.reactor.tcpClients), 1)

    def test_wrong_server(self) -> None:
        """Another name, another authority: nothing is sent, and the item is tried again later (SIP-49)."""
        stranger = Authority(self.folder / "s", "stranger").issue("proxy", ["sip.example"])
        for shown in (self.authority.issue("wrong", ["other.example"]), stranger):
            pair, results = self.deliver(self.rig(), shown)
            self.assertEqual(pair.other.received, b"")
            self.assertIsInstance(results[0], Rejected)
            self.assertTrue(results[0].retry)

    def test_unverified(self) -> None:
        """Where the operator wants no verification, any server will do."""
        pair, _ = self.deliver(self.rig(verify=False), self.authority.issue("wrong", ["other.example"]))
        self.assertTrue(pair.other.received.startswith(b"MESSAGE "))

    def test_refused(self) -> None:
        """A server that refuses the connection is reported at once, as over TCP (SIP-51)."""
        rig = self.rig()
        results: list[Any] = []
        rig.edge.deliver(item()).addCallback(results.append)
        factory = rig.reactor.tcpClients[0][2]
        factory.clientConnectionFailed(None, Fault(ConnectionLost()))
        self.assertIsInstance(results[0], Rejected)

    def test_unusable_files(self) -> None:
        """Without its certificate the gateway sends nothing (SIP-49)."""
        rig = self.rig(certificate=str(self.folder / "missing.pem"))
        result = self.successResultOf(rig.edge.deliver(item()))
        self.assertIsInstance(result, Rejected)
        self.assertEqual(rig.reactor.tcpClients, [])

    def test_by_name(self) -> None:
        """A next hop found by SRV must be the domain that the operator wrote, whatever the host is called
        to which DNS leads (RFC 5922 7.3, SIP-50)."""
        zone = Zone(srv("_sips._tcp.proxy.example", "sbc.carrier.example", 5081), a("sbc.carrier.example", "192.0.2.7"))
        for name, sent in (("proxy.example", True), ("sbc.carrier.example", False)):
            rig = Rig(self.settings(next_hop=Target("proxy.example", None, "tls"), tls=TlsPeer(ca=self.authority.ca)),
                      names=FakeNames(zone))
            pair, results = self.deliver(rig, self.authority.issue("proxy", [name]))
            self.assertEqual(rig.reactor.tcpClients[0][:2], ("192.0.2.7", 5081))
            self.assertEqual(pair.other.received.startswith(b"MESSAGE "), sent)
            self.assertEqual([isinstance(result, Rejected) for result in results], [] if sent else [True])

    def test_by_the_target(self) -> None:
        """Without a next hop the domain of the address must be in the certificate (RFC 5922 7.3)."""
        rig = Rig(self.settings(next_hop=None, tls=TlsPeer(ca=self.authority.ca)),
                  names=FakeNames(Zone(a("sip.example", "192.0.2.10"))))
        secure = evolve(item().payload, target=evolve(item().payload.target, domain="sip.example"),
                        target_spelling="sip:ana@sip.example;transport=tls")
        rig.edge.deliver(item(secure))
        pair = self.connect(rig, self.authority.issue("proxy", ["sip.example"]))
        self.assertTrue(pair.other.received.startswith(b"MESSAGE "))
        self.assertEqual(rig.reactor.tcpClients[0][1], 5061)
