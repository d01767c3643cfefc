"""A network and a clock in memory: what the daemon knows as its reactor in tests.

Connections and datagrams cross it in virtual time, in order, without latency unless a test asks
for one.  Servers can be taken away and put back, links cut, datagrams lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IReactorTCP, IReactorTime, IReactorUDP, ITCPTransport, IUDPTransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(ITCPTransport)
class Pipe:
    """One end of a connection."""

    disconnecting = False
    disconnected = False
    connected = 1

    def __init__(self, network: Network, host: tuple[str, int], peer: tuple[str, int]) -> None:
        self._network = network
        self._host, self._peer = host, peer
        self.other: Pipe
        self.protocol: Any = None
        self.paused = False
        self._inbound: list[bytes] = []
        self.producer: Any = None
        self.written = b""
        """Everything that was ever written, for tests that look at the wire."""

    def write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError("octets only")
        if not self.disconnected and not self.disconnecting and data:
            self.written += data
            self._network.later(self.other.receive, data)

    def writeSequence(self, chunks: list[bytes]) -> None:
        self.write(b"".join(chunks))

    def receive(self, data: bytes) -> None:
        if self.disconnected:
            return
        if self.paused:
            self._inbound.append(data)
        else:
            self.protocol.dataReceived(data)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        waiting, self._inbound = self._inbound, []
        for data in waiting:
            self._network.later(self.receive, data)

    stopProducing = pauseProducing

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseConnection(self, reason: object = None) -> None:
        if not self.disconnected and not self.disconnecting:
            self.disconnecting = True
            self._network.later(self.end, ConnectionDone())
            self._network.later(self.other.end, ConnectionDone())

    def abortConnection(self) -> None:
        """Both ends lose the connection, without a goodbye."""
        self.disconnecting = True
        self._network.later(self.end, ConnectionLost())
        self._network.later(self.other.end, ConnectionLost())

    def end(self, why: Exception) -> None:
        if not self.disconnected:
            self.disconnected = True
            self.connected = 0
            self._network.pipes.discard(self)
            self.protocol.connectionLost(Failure(why))

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", *self._host)

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", *self._peer)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def getTcpNoDelay(self) -> bool:
        return getattr(self, "no_delay", False)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def getTcpKeepAlive(self) -> bool:
        return False

    def loseWriteConnection(self) -> None:
        self.loseConnection()

    def getHandle(self) -> None:
        return None


class Listener:
    """A listening TCP port."""

    def __init__(self, network: Network, address: tuple[str, int], factory: Any) -> None:
        self._network, self.address, self.factory = network, address, factory

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", *self.address)

    def stopListening(self) -> None:
        self._network.listeners.pop(self.address, None)
        self.factory.doStop()

    loseConnection = stopListening


class Connector:
    """A connection attempt."""

    def __init__(self, network: Network, to: tuple[str, int], factory: Any) -> None:
        self._network, self._to, self.factory = network, to, factory
        self.pipe: Pipe | None = None
        self.cancelled = False

    def connect(self) -> None:
        self.factory.doStart()
        self.factory.startedConnecting(self)
        self._network.later(self._arrive)

    def _arrive(self) -> None:
        if self.cancelled:
            return
        listener = self._network.listeners.get(self._to)
        inner = None
        if listener is not None:
            here = ("127.0.0.1", self._network.port())
            near, far = (Pipe(self._network, here, self._to), Pipe(self._network, self._to, here))
            near.other, far.other = far, near
            inner = listener.factory.buildProtocol(near.getHost())
        if listener is None or inner is None:
            self.factory.clientConnectionFailed(self, Failure(ConnectionRefusedError()))
            self.factory.doStop()
            return
        protocol = self.factory.buildProtocol(near.getPeer())
        self.pipe = near
        near.protocol, far.protocol = protocol, inner
        self._network.pipes.update((near, far))
        inner.makeConnection(far)
        protocol.makeConnection(near)

    def stopConnecting(self) -> None:
        self.cancelled = True
        self.factory.clientConnectionFailed(self, Failure(ConnectionRefusedError()))

    def disconnect(self) -> None:
        if self.pipe is None:
            self.stopConnecting()
        else:
            self.pipe.loseConnection()

    def getDestination(self) -> IPv4Address:
        return IPv4Address("TCP", *self._to)


@implementer(IUDPTransport)
class DatagramPort:
    """A bound UDP port."""

    def __init__(self, network: Network, address: tuple[str, int], protocol: Any) -> None:
        self._network, self.address, self.protocol = network, address, protocol
        self._connected: tuple[str, int] | None = None

    def start(self) -> DatagramPort:
        self._network.datagrams[self.address] = self
        self.protocol.makeConnection(self)
        return self

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        to = addr or self._connected
        assert to is not None
        self._network.later(self._network.carry, datagram, self.address, to)

    def connect(self, host: str, port: int) -> None:
        self._connected = (host, port)

    def getHost(self) -> IPv4Address:
        return IPv4Address("UDP", *self.address)

    def getHandle(self) -> None:
        return None

    def stopListening(self) -> None:
        self._network.datagrams.pop(self.address, None)
        self.protocol.doStop()

    loseConnection = stopListening


@implementer(IReactorTCP, IReactorUDP, IReactorTime)
class Network(Clock):
    """Everything a daemon needs of a reactor."""

    def __init__(self, start: float = 1_790_000_000.0) -> None:
        super().__init__()
        self.rightNow = start
        self.listeners: dict[tuple[str, int], Listener] = {}
        self.datagrams: dict[tuple[str, int], DatagramPort] = {}
        self.pipes: set[Pipe] = set()
        self.lose: Callable[[bytes], bool] = lambda datagram: False
        """Which datagrams get lost."""
        self._port = 40_000

    def port(self) -> int:
        self._port += 1
        return self._port

    def later(self, function: Callable[..., object], *args: object) -> None:
        self.callLater(0, function, *args)

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30,
                   bindAddress: object = None) -> Connector:
        connector = Connector(self, (host, port), factory)
        connector.connect()
        return connector

    def listenTCP(self, port: int, factory: Any, backlog: int = 50,
                  interface: str = "") -> Listener:
        address = (interface or "127.0.0.1", port or self.port())
        listener = self.listeners[address] = Listener(self, address, factory)
        factory.doStart()
        return listener

    def listenUDP(self, port: int, protocol: Any, interface: str = "",
                  maxPacketSize: int = 8192) -> DatagramPort:
        address = (interface or "127.0.0.1", port or self.port())
        return DatagramPort(self, address, protocol).start()

    def carry(self, datagram: bytes, source: tuple[str, int], to: tuple[str, int]) -> None:
        if self.lose(datagram):
            return
        target = self.datagrams.get(to)
        if target is not None:
            target.protocol.datagramReceived(datagram, source)
            return
        port = self.datagrams.get(source)  # as ICMP port unreachable would
        if port is not None and port._connected is not None:
            port.protocol.connectionRefused()

    def settle(self, seconds: float = 0.0, step: float = 0.05) -> None:
        """Let everything happen that happens within so many seconds."""
        self.advance(0)
        end = self.seconds() + seconds
        while self.seconds() < end:
            self.advance(min(step, end - self.seconds()))
