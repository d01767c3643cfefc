"""UDP sockets and TCP connections, one by one.  Shell.

Nothing here knows requests from responses; octets go in and out with the hop they came from or
go to.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from attrs import frozen
from twisted.internet import error, protocol
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from iwf.sip.settings import Hop
from iwf.sip.syntax.framing import Broken, Ping, StreamFramer
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.transport.keepalive import PING, KeepAlive
from iwf.sip.transport.pinger import Pinger

#: SIP-42: a stream without traffic is kept this long, in seconds; at least 64*T1.
IDLE = 300.0
#: Streams that peers may hold open at once; real peers hold one or two each.
MAX_STREAMS = 1000

# A full send queue is loss as any other on the way: retransmissions mend it.
_LOST = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
_KEEP_ALIVE = b"\r\n\0 "


class Receiver(Protocol):
    """Who is told what the sockets hear."""

    def received(self, octets: bytes, source: Source) -> None:
        """One whole message."""

    def broken(self, fault: SipSyntaxError, source: Source) -> None:
        """A stream that cannot be read on; it is closed after this call."""

    def unreachable(self, hop: Hop) -> None:
        """What was sent to that hop and is not answered yet may be lost."""


class Channel(Protocol):
    """A socket that an answer can go back on."""

    def send(self, octets: bytes, hop: Hop) -> bool:
        """False when the socket is gone or the system refuses."""


@frozen(eq=False)
class Source:
    """Where a message came from."""

    hop: Hop
    channel: Channel
    names: frozenset[str] = frozenset()
    """The SIP domains that a verified certificate of the sender is for."""


class Datagrams(protocol.DatagramProtocol):
    """A listening UDP socket."""

    noisy = False

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if datagram.strip(_KEEP_ALIVE):                      # SIP-48: CRLF keeps a binding alive, no more
            self._receiver.received(datagram, Source(Hop("udp", addr[0], addr[1]), self))

    def send(self, octets: bytes, hop: Hop) -> bool:
        return self._write(octets, (hop.host, hop.port))

    def _write(self, octets: bytes, to: tuple[str, int] | None) -> bool:
        if self.transport is None:
            return False
        try:
            self.transport.write(octets, to)
        except OSError as fault:
            return fault.errno in _LOST
        except (error.MessageLengthError, error.InvalidAddressError):
            return False
        return True


class ConnectedDatagrams(Datagrams):
    """A UDP socket that shares the listener's port and hears one peer only, refusals included."""

    def __init__(self, receiver: Receiver, hop: Hop, gone: Callable[[Hop], None]) -> None:
        super().__init__(receiver)
        self._hop = hop
        self._gone = gone

    def send(self, octets: bytes, hop: Hop) -> bool:
        # An answer may be due elsewhere (rport, maddr); this socket reaches its peer only.
        return hop == self._hop and self._write(octets, None)

    def connectionRefused(self) -> None:                     # SIP-46
        self._receiver.unreachable(self._hop)

    def stopProtocol(self) -> None:
        # The epoll reactor closes a connected port on an ICMP error instead of reporting it.
        self._gone(self._hop)


class Stream(protocol.Protocol, TimeoutMixin):
    """One TCP connection, whoever opened it.

    :param opened: called when messages can pass.
    :param closed: called when it is gone, whether it was opened or not.
    :param name: of the transport.
    """

    transport: Any
    flow = 0
    """Its number among the connections of others; see :class:`~iwf.sip.settings.Hop`."""

    def __init__(self, receiver: Receiver, max_message: int, call_later: Any,
                 opened: Callable[[Stream], object], closed: Callable[[Stream], object],
                 name: str = "tcp") -> None:
        self._receiver = receiver
        self._framer = StreamFramer(max_message)
        self.callLater = call_later  # type: ignore[method-assign]
        self._opened = opened
        self._closed = closed
        self._name = name
        self._pinger: Pinger | None = None
        self.source: Source | None = None
        """Where its messages come from, known when it is open."""

    def connectionMade(self) -> None:
        peer = self.transport.getPeer()
        self.source = Source(Hop(self._name, peer.host, peer.port, flow=self.flow), self, self._names())
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)
        self.setTimeout(IDLE)  # type: ignore[no-untyped-call]
        self._opened(self)

    def _names(self) -> frozenset[str]:
        """The SIP domains that the peer has proved to be."""
        return frozenset()

    def dataReceived(self, data: bytes) -> None:
        self.resetTimeout()  # type: ignore[no-untyped-call]
        source = self.source
        assert source is not None
        if self._pinger is not None:
            self._pinger.heard()
        for frame in self._framer.feed(data):
            if isinstance(frame, bytes):
                self._receiver.received(frame, source)
            elif isinstance(frame, Ping):
                self.transport.write(b"\r\n")                # SIP-47
            elif isinstance(frame, Broken):
                self._receiver.broken(frame.error, source)
                self.transport.loseConnection()

    def keep(self, seconds: float) -> None:
        """Stay open that long without traffic: somebody is reached by this connection."""
        self.setTimeout(max(IDLE, seconds))  # type: ignore[no-untyped-call]

    def keep_alive(self, machine: KeepAlive, clock: Any) -> None:
        """Ping from now on; the connection is closed when it fails (SIP-48)."""
        self.stop_pings()
        self._pinger = Pinger(machine, clock, self._ping, self.transport.abortConnection)

    def stop_pings(self) -> None:
        """Ping no more."""
        if self._pinger is not None:
            self._pinger.stop()
            self._pinger = None

    def _ping(self) -> None:
        self._framer.expect_pong()
        self.transport.write(PING)

    def send(self, octets: bytes, hop: Hop | None = None) -> bool:
        if not self.connected or self.transport.disconnecting:
            return False
        self.resetTimeout()  # type: ignore[no-untyped-call]
        self.transport.write(octets)
        return True

    def close(self) -> None:
        """Close when all is written."""
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.connected = 0  # Twisted leaves that to us
        self.stop_pings()
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        self._closed(self)


class Inbound(protocol.Factory):
    """Accepts streams.

    :param make: makes the protocol, given whom to tell when it is open and when it is gone.
    :param opened: is told too.
    :param closed: is told too.
    :param numbers: for the connections.
    :param limit: of streams at the same time, counted from their first octet.
    """

    noisy = False

    def __init__(self, make: Callable[..., Any], opened: Callable[[Any], object],
                 closed: Callable[[Any], object], numbers: Iterator[int], limit: int = MAX_STREAMS) -> None:
        self._make = make
        self._opened = opened
        self._closed = closed
        self._numbers = numbers
        self._limit = limit
        self.streams: set[Any] = set()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if len(self.streams) >= self._limit:
            return None
        stream = self._make(self._opened, self._gone)
        stream.flow = next(self._numbers)
        self.streams.add(stream)
        return stream

    def _gone(self, stream: Any) -> None:
        self.streams.discard(stream)
        self._closed(stream)


_Lost = Callable[[], object] | None


class Outbound(protocol.ClientFactory):
    """One connection to a next hop; what is sent before it stands waits."""

    noisy = False

    def __init__(self, hop: Hop, make: Callable[..., Stream], gone: Callable[[Outbound], None]) -> None:
        self.hop = hop
        self._make = make
        self._gone = gone
        self.stream: Stream | None = None
        self._interval: tuple[float, float] | None = None
        self._keep: Callable[[Stream], None] | None = None
        self._waiting: list[tuple[bytes, _Lost]] = []

    def send(self, octets: bytes, lost: _Lost = None) -> bool:
        """Send now, or when the connection stands.

        :param lost: called when it does not come to that.
        """
        if self.stream is None:
            self._waiting.append((octets, lost))
            return True
        return self.stream.send(octets)

    def keep_alive(self, interval: tuple[float, float], keep: Callable[[Stream], None]) -> None:
        """Ping at that interval, now or when it stands.

        :param keep: begins to ping on the connection.
        """
        if self._interval == interval:
            return
        self._interval, self._keep = interval, keep
        if self.stream is not None:
            keep(self.stream)

    def buildProtocol(self, addr: IAddress | None) -> Stream:
        return self._make(self._connected, self._lost)

    def _connected(self, stream: Stream) -> None:
        self.stream = stream
        for octets, _ in self._waiting:
            stream.send(octets)
        self._waiting.clear()
        if self._keep is not None:
            self._keep(stream)

    def _lost(self, stream: Stream) -> None:
        self._end()

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._end()

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._gone(self)
        for _, lost in waiting:
            if lost is not None:
                lost()
