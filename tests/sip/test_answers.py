"""The way back of answers whose connection is gone (RFC 3261 18.2.2, RFC 3263 5; SIP-42, SIP-44)."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.python.failure import Failure as Fault
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Taken
from iwf.sip.settings import Hop
from tests.sip.fakes import Rig
from tests.sip.samples import MESSAGE_1_1, PEER, SETTINGS, changed, octets
from tests.sip.test_secure import SecureCase
from tests.support.names import FakeNames, Zone, a, srv

ACCEPTED = b"SIP/2.0 202 Accepted\r\n"


class AnswerCase(SynchronousTestCase):

    def begin(self, *records: Any, sent_by: str = "client.sip.example", transport: str = "TCP") -> Rig:
        """A request came in on a connection that is gone."""
        self.names = FakeNames(Zone(*records))
        self.rig = Rig(SETTINGS, names=self.names)
        stream, _ = self.rig.accept(Hop("tcp", "192.0.2.10", 33333))
        stream.dataReceived(octets(changed(MESSAGE_1_1, ("UDP 192.0.2.10:5060", f"{transport} {sent_by}"))))
        stream.connectionLost(Fault(ConnectionDone()))
        self.rig.intake.verdicts[0].callback(Taken("d"))
        return self.rig

    def targets(self) -> list[tuple[str, int]]:
        return [client[:2] for client in self.rig.reactor.tcpClients]

    def refuse(self, index: int) -> None:
        self.rig.reactor.tcpClients[index][2].clientConnectionFailed(None, Fault(ConnectionRefusedError()))


class StreamTests(AnswerCase):
    """Over TCP."""

    def test_received(self) -> None:
        """First a connection to the address that the request came from, at the port of the Via (18.2.2)."""
        self.begin(sent_by="client.sip.example:5070")
        self.assertEqual(self.targets(), [("192.0.2.10", 5070)])
        _, transport = self.rig.connect()
        self.assertTrue(transport.value().startswith(ACCEPTED))
        self.assertEqual(self.names.zone.asked, [])

    def test_servers(self) -> None:
        """When that fails, the servers of the host in the Via, one after the other (RFC 3263 5)."""
        self.begin(srv("_sip._tcp.client.sip.example", "s1.sip.example", 5071, 1),
                   srv("_sip._tcp.client.sip.example", "s2.sip.example", 5072, 2),
                   a("s1.sip.example", "192.0.2.41"), a("s2.sip.example", "192.0.2.42"))
        self.assertEqual(self.targets(), [("192.0.2.10", 5060)])
        self.refuse(0)
        self.refuse(1)
        self.assertEqual(self.targets()[1:], [("192.0.2.41", 5071), ("192.0.2.42", 5072)])
        _, transport = self.rig.connect(2)
        self.assertTrue(transport.value().startswith(ACCEPTED))

    def test_port(self) -> None:
        """With a port the host itself is meant (RFC 3263 5)."""
        self.begin(srv("_sip._tcp.client.sip.example", "s1.sip.example", 5071, 1),
                   a("client.sip.example", "192.0.2.43"),
                   sent_by="client.sip.example:5070")
        self.refuse(0)
        self.assertEqual(self.targets()[1:], [("192.0.2.43", 5070)])

    def test_no_way(self) -> None:
        """Without a name, or with one that leads nowhere, the answer is lost, and nothing is left of it."""
        for sent_by in ("192.0.2.77:5070", "client.sip.example"):
            self.begin(sent_by=sent_by)
            self.refuse(0)
            self.assertEqual(len(self.targets()), 1)
            self.rig.reactor.advance(40)
            self.assertEqual(len(self.rig.edge._table), 0)

    def test_strangers(self) -> None:
        """For strangers nobody asks the name servers."""
        self.begin()
        self.rig.intake.verdicts.clear()
        stream, transport = self.rig.accept(Hop("tcp", "203.0.113.9", 33333))
        stream.dataReceived(octets(changed(MESSAGE_1_1, ("UDP 192.0.2.10:5060", "TCP evil.example"))))
        self.assertTrue(transport.value().startswith(b"SIP/2.0 403 "))
        self.assertEqual(self.names.zone.asked, [])


class SecureTests(SecureCase):
    """Over TLS."""

    def test_name(self) -> None:
        """An address has no certificate, so that the host in the Via is looked for at once, and must prove that it
        is the one (SIP-49)."""
        names = FakeNames(Zone(srv("_sips._tcp.client.sip.example", "s1.sip.example", 5071),
                               a("s1.sip.example", "192.0.2.41")))
        rig = Rig(self.settings(), names=names)
        peer = self.accept(rig, self.authority.issue("peer", ["sip.example"]))
        peer.send(octets(changed(MESSAGE_1_1, ("UDP 192.0.2.10:5060", "TLS client.sip.example"))))
        peer.ours.connectionLost(Fault(ConnectionDone()))
        rig.intake.verdicts[0].callback(Taken("d"))
        host, port, factory = rig.reactor.tcpClients[0][:3]
        self.assertEqual((host, port), ("192.0.2.41", 5071))
        wanted = factory.wrappedFactory.hop.tls
        self.assertEqual((wanted.names, wanted.server_name), (("client.sip.example",), "client.sip.example"))


class DatagramTests(SynchronousTestCase):
    """Over UDP."""

    def answered(self, via: str, *records: Any) -> list[tuple[str, int]]:
        """Where the answer goes when the system refuses to send it where it should."""
        rig = Rig(names=FakeNames(Zone(*records)))
        rig.receive(octets(changed(MESSAGE_1_1, ("192.0.2.10:5060;branch=z9hG4bK7f3a;rport", via))), PEER)
        rig.reactor.udp[0][2].unreachable = PEER.host
        rig.intake.verdicts[0].callback(Taken("d"))
        return [to for _, to in rig.sent()]

    def test_host(self) -> None:
        """When it cannot be sent to where the request came from, the host in the Via is looked for (RFC 3263 5)."""
        written = self.answered("client.sip.example;branch=z9hG4bK7f3a;rport",
                                srv("_sip._udp.client.sip.example", "s1.sip.example", 5071),
                                a("s1.sip.example", "192.0.2.41"))
        self.assertEqual(written, [("192.0.2.41", 5071)])

    def test_maddr(self) -> None:
        """A maddr that is a name goes before the host (SIP-44)."""
        written = self.answered("client.sip.example;branch=z9hG4bK7f3a;maddr=other.sip.example",
                                a("other.sip.example", "192.0.2.42"), a("client.sip.example", "192.0.2.41"))
        self.assertEqual(written, [("192.0.2.42", 5060)])
