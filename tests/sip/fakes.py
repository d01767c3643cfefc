"""A reactor, an engine and peers in memory for the shell of the SIP edge."""

from __future__ import annotations

import socket
from typing import Any, Self

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import (
    FakeDatagramTransport,
    MemoryReactorClock,
    StringTransport,
)
from twisted.logger import Logger
from zope.interface import implementer

from iwf.edge import IIntake, ILane, ILanes, IMemory, IOutlet
from iwf.ids import Ids
from iwf.mapping.model import Event, Remember, Taken, Verdict
from iwf.sip.edge import SipEdge
from iwf.sip.registration.registrar import MEMORY
from iwf.sip.settings import Hop, SipSettings
from iwf.sip.syntax.message import Request, Response, parse_message
from tests.sip.samples import NOW, PEER, SETTINGS
from tests.support.names import FakeNames


class Port:
    """A listening port."""

    def __init__(self, address: object, protocol: Any = None) -> None:
        self._address = address
        self._protocol = protocol
        self.listening = True

    def getHost(self) -> object:
        return self._address

    def stopListening(self) -> None:
        self.listening = False
        if self._protocol is not None:
            self._protocol.doStop()


class Datagrams(FakeDatagramTransport):
    """The transport of a UDP socket: ``written`` holds (datagram, address)."""

    fault: Exception | None = None
    unreachable = ""
    """A host to which the system knows no way."""
    connected: tuple[str, int] | None = None

    def write(self, packet: bytes, addr: object = None) -> None:
        if self.fault is not None:
            raise self.fault
        if self.unreachable and isinstance(addr, tuple) and addr[0] == self.unreachable:
            raise OSError(101, "Network is unreachable")
        super().write(packet, addr)

    def connect(self, host: str, port: int) -> None:
        self.connected = (host, port)


class Connection(StringTransport):
    """The transport of a TCP connection."""

    no_delay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass


class Reactor(MemoryReactorClock):
    """Sockets are lists; time stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = NOW
        self.udp: list[tuple[Hop, Any, Datagrams]] = []
        self.adopted: list[tuple[Any, Datagrams, Port]] = []
        self.free_port = 40000

    def _port(self, port: int) -> int:
        self.free_port += 1
        return port or self.free_port

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Port:
        hop = Hop("udp", interface, self._port(port))
        transport = Datagrams()
        self.udp.append((hop, protocol, transport))
        protocol.makeConnection(transport)
        kind = IPv6Address if ":" in interface else IPv4Address
        return Port(kind("UDP", interface, hop.port), protocol)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Port:
        port = self._port(port)
        super().listenTCP(port, factory, backlog, interface)
        return Port(IPv4Address("TCP", interface, port))

    def adoptDatagramPort(self, fileno: int, family: int, protocol: Any, maxPacketSize: int = 8192) -> Port:
        transport = Datagrams()
        port = Port(IPv4Address("UDP", "192.0.2.20", 5060), protocol)
        self.adopted.append((protocol, transport, port))
        protocol.makeConnection(transport)
        return port


class Socket:
    """As much of a socket as the transports touch before the reactor adopts it."""

    family = socket.AF_INET

    def fileno(self) -> int:
        return 7

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


@implementer(IMemory)
class Memory(dict[str, str]):
    """What is remembered of registrations."""

    def recall(self, edge: str) -> list[tuple[str, str]]:
        return list(self.items())

    def take(self, event: Remember) -> None:
        self[event.key] = event.text
        if not event.text:
            del self[event.key]


@implementer(IIntake)
class Intake:
    """Keeps what is offered; a test gives the verdict, but on registrations: those are remembered at once."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory
        self.events: list[Any] = []
        self.verdicts: list[Deferred[Verdict]] = []
        self.fault: Exception | None = None

    def offer(self, event: Event) -> Deferred[Verdict]:
        if self.fault is not None:
            raise self.fault
        if self.memory is not None and isinstance(event, Remember) and event.key.startswith(MEMORY):
            self.memory.take(event)
            return succeed(Taken(""))
        self.events.append(event)
        self.verdicts.append(Deferred())
        return self.verdicts[-1]


@implementer(ILane)
class Lane:
    def __init__(self, name: str) -> None:
        self.name = name
        self.grants: list[int] = []

    def grant(self, credit: int) -> None:
        self.grants.append(credit)


@implementer(ILanes)
class Lanes:
    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self.keeps_order: dict[str, bool] = {}

    def attach(self, name: str, outlet: IOutlet, keeps_order: bool) -> Lane:
        self.keeps_order[name] = keeps_order
        return self.lanes.setdefault(name, Lane(name))


class Rig:
    """A started edge with everything around it."""

    def __init__(self, settings: SipSettings = SETTINGS, connected_socket: Any = lambda own, hop: None,
                 names: FakeNames | None = None, memory: IMemory | None = None) -> None:
        self.reactor = Reactor()
        self.intake = Intake(memory if isinstance(memory, Memory) else None)
        self.lanes = Lanes()
        self.names = names or FakeNames()
        self.edge = SipEdge(settings, self.reactor, self.reactor, self.intake, self.lanes, Ids(1),
                            Logger(namespace="test"), self.names, connected_socket, memory=memory)
        self.edge.startService()

    def receive(self, octets: bytes, source: Hop = PEER) -> None:
        """A datagram arrives."""
        self.reactor.udp[0][1].datagramReceived(octets, (source.host, source.port))

    def sent(self) -> list[tuple[Request | Response, tuple[str, int]]]:
        """The datagrams sent since the last call, with their destinations."""
        transport = self.reactor.udp[0][2]
        written, transport.written = transport.written, []
        return [(parse_message(octets), to) for octets, to in written]

    def accept(self, peer: Hop = PEER) -> tuple[Any, Connection]:
        """A peer connects."""
        factory = self.reactor.tcpServers[0][1]
        address = IPv4Address("TCP", peer.host, peer.port)
        stream = factory.buildProtocol(address)
        transport = Connection(peerAddress=address)
        stream.makeConnection(transport)
        return stream, transport

    def connect(self, index: int = 0) -> tuple[Any, Connection]:
        """Our attempt to connect succeeds."""
        host, port, factory, _, _ = self.reactor.tcpClients[index]
        address = IPv4Address("TCP", host, port)
        stream = factory.buildProtocol(address)
        transport = Connection(peerAddress=address)
        stream.makeConnection(transport)
        return stream, transport
