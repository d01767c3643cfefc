"""All sockets of the SIP edge: listeners, connections, name look-ups.  Shell.

A peer that refuses (ICMP, RST) is reported to the receiver by its hop.

UDP leaves by the listening port.  Twisted does not hear of ICMP errors on such a port, so each next
hop has a second socket, bound to the same port and connected to that peer: the system hands over
the peer's datagrams and refusals there, and the peer sees no difference.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import address, defer
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorSocket,
    IResolutionReceiver,
)
from zope.interface import implementer

from iwf.sip.connections import (
    ConnectedDatagrams,
    Datagrams,
    Inbound,
    Outbound,
    Receiver,
    Source,
    Stream,
)
from iwf.sip.routing import bracketed
from iwf.sip.settings import Hop, SipSettings

#: What :class:`Transports` can carry.
TRANSPORTS = ("udp", "tcp")
#: Room for bursts while the reactor is busy; the system may grant less.
RECEIVE_BUFFER = 4 * 1024 * 1024
#: Peers with a socket of their own; beyond that the eldest is given up.
MAX_CONNECTED = 64
#: A next hop that does not answer SYN in that many seconds is down; well below Timer F (32 s).
CONNECT_TIMEOUT = 10.0
#: SIP-52: an answer of the resolver is used this long, in seconds.
NAME_LIFETIME = 30.0
#: Next hops by the domains of targets: any number of names, so a bound is needed.
MAX_NAMES = 1000


class Transports:
    """All sockets of the edge.

    :param clock: IReactorTime.
    :param connected_socket: makes the second UDP socket of a next hop from the listening port and
        the hop; None or an OSError: do without.  Not used with a reactor that cannot adopt sockets.
    """

    def __init__(self, settings: SipSettings, reactor: Any, clock: Any, receiver: Receiver,
                 connected_socket: Callable[[Hop, Hop], socket.socket | None]) -> None:
        self._settings = settings
        self._reactor = reactor
        self._clock = clock
        self._receiver = receiver
        self._connected_socket = connected_socket
        self._ports: list[tuple[Hop, IListeningPort, Datagrams | None]] = []
        self._inbound = Inbound(self._stream)
        self._outbound: dict[Hop, Outbound] = {}
        self._connected: dict[Hop, tuple[ConnectedDatagrams, IListeningPort]] = {}
        self._stopping = False

    def start(self) -> None:
        """Open the listeners; raises twisted.internet.error.CannotListenError."""
        for hop in self._settings.listen:
            interface = "" if hop.host == "0.0.0.0" else hop.host
            if hop.transport == "udp":
                datagrams = Datagrams(self._receiver)
                port = self._reactor.listenUDP(hop.port, datagrams, interface, 65_536)   # SIP-14
                _enlarge(getattr(port, "socket", None))
            else:
                datagrams = None
                port = self._reactor.listenTCP(hop.port, self._inbound, interface=interface)
            self._ports.append((Hop(hop.transport, hop.host, port.getHost().port), port, datagrams))

    @property
    def listening(self) -> tuple[Hop, ...]:
        """The listeners, with the ports that they really have."""
        return tuple(hop for hop, _, _ in self._ports)

    def stop(self) -> defer.Deferred[Any]:
        """Close everything; fires when that is done."""
        self._stopping = True
        closing = [defer.maybeDeferred(port.stopListening) for _, port, _ in self._ports]
        closing += [defer.maybeDeferred(port.stopListening) for _, port in self._connected.values()]
        streams = list(self._inbound.streams)
        streams += [outbound.stream for outbound in self._outbound.values() if outbound.stream is not None]
        for stream in streams:
            stream.transport.loseConnection()
        self._ports.clear()
        self._connected.clear()
        return defer.DeferredList(closing, consumeErrors=True)

    def listener_for(self, hop: Hop) -> Hop | None:
        """Our listener that a request to that hop leaves by, or would be answered at; None when there is none."""
        for own, _, _ in self._ports:
            if own.transport == hop.transport and (":" in own.host) == (":" in hop.host):
                return own
        return None

    def send(self, octets: bytes, hop: Hop) -> None:
        """Send a request to a hop with a numeric address; failures come by ``unreachable``."""
        sent = self._send_stream(octets, hop) if hop.transport == "tcp" else self._send_datagram(octets, hop)
        if not sent:
            self._receiver.unreachable(hop)

    def answer(self, octets: bytes, source: Source, route: Hop) -> bool:
        """Send an answer: on the connection of its request, else by its route (SIP-42, SIP-44).

        :return: False when that is not possible.
        """
        if source.channel.send(octets, route):
            return True
        if route.transport == "tcp":
            return self._send_stream(octets, route)
        return any(datagrams.send(octets, route) for own, _, datagrams in self._ports
                   if datagrams is not None and (":" in own.host) == (":" in route.host))

    def _stream(self, opened: Callable[[Stream], object], closed: Callable[[Stream], object]) -> Stream:
        return Stream(self._receiver, self._settings.max_message, self._clock.callLater, opened, closed)

    def _send_stream(self, octets: bytes, hop: Hop) -> bool:
        outbound = self._outbound.get(hop)
        if outbound is None:
            if self._stopping:
                return False
            outbound = self._outbound[hop] = Outbound(hop, self._stream, self._stream_gone)
            self._reactor.connectTCP(hop.host, hop.port, outbound, timeout=CONNECT_TIMEOUT)
        return outbound.send(octets)

    def _stream_gone(self, outbound: Outbound) -> None:
        if self._outbound.get(outbound.hop) is outbound:
            del self._outbound[outbound.hop]
        self._receiver.unreachable(outbound.hop)

    def _send_datagram(self, octets: bytes, hop: Hop) -> bool:
        connected = self._connected.get(hop)
        if connected is not None:
            return connected[0].send(octets, hop)
        for own, _, datagrams in self._ports:
            if datagrams is not None and (":" in own.host) == (":" in hop.host):
                made = self._connect(own, hop)
                return made.send(octets, hop) if made is not None else datagrams.send(octets, hop)
        return False

    def _connect(self, own: Hop, hop: Hop) -> ConnectedDatagrams | None:
        if self._stopping or not IReactorSocket.providedBy(self._reactor):
            return None
        try:
            made = self._connected_socket(own, hop)
        except OSError:
            return None
        if made is None:
            return None
        if len(self._connected) >= MAX_CONNECTED:
            _, port = self._connected.pop(next(iter(self._connected)))
            port.stopListening()
        datagrams = ConnectedDatagrams(self._receiver, hop, self._datagrams_gone)
        with made:  # the reactor keeps a copy of the descriptor
            port = self._reactor.adoptDatagramPort(made.fileno(), made.family, datagrams, 65_536)
        assert datagrams.transport is not None
        datagrams.transport.connect(hop.host, hop.port)
        self._connected[hop] = (datagrams, port)
        return datagrams

    def _datagrams_gone(self, hop: Hop) -> None:
        if self._connected.pop(hop, None) is not None and not self._stopping:
            self._receiver.unreachable(hop)                  # SIP-46


def connected_udp_socket(own: Hop, hop: Hop) -> socket.socket:
    """A UDP socket on our listening port, connected to one peer.

    :raises OSError: when the system refuses, for example because there is no way to that peer.
    """
    made = socket.socket(socket.AF_INET6 if ":" in hop.host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _enlarge(made)
        made.bind((own.host, own.port))
        made.connect((hop.host, hop.port))
    except OSError:
        made.close()
        raise
    return made


def _enlarge(made: socket.socket | None) -> None:
    if made is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        # Set after bind, so that a second daemon on the same port still fails to start.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def local_address(hop: Hop) -> str:
    """Our address on the way to a hop, for a listener on all addresses; sends nothing.

    :raises OSError: when there is no way.
    """
    family = socket.AF_INET6 if ":" in hop.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((hop.host, hop.port))
        return bracketed(str(probe.getsockname()[0]))


class Names:
    """Addresses of hosts, by the reactor's resolver; A and AAAA only, RFC 3263 comes with another issue.

    :param reactor: provides IReactorPluggableNameResolver.
    :param clock: IReactorTime.
    """

    def __init__(self, reactor: Any, clock: Any) -> None:
        self._reactor = reactor
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}

    def resolve(self, hop: Hop) -> defer.Deferred[Hop | None]:
        """The hop with a numeric address; None when the name has none.  Never fails."""
        if isIPAddress(hop.host) or isIPv6Address(hop.host):
            return defer.succeed(hop)
        now = self._clock.seconds()
        known = self._known.get(hop.host)
        if known is not None and 0 <= now - known[1] < NAME_LIFETIME:
            return defer.succeed(Hop(hop.transport, known[0], hop.port))
        answer: defer.Deferred[str | None] = defer.Deferred()
        self._reactor.nameResolver.resolveHostName(_FirstAddress(answer), hop.host, hop.port,
                                                   [address.IPv4Address, address.IPv6Address])

        def resolved(found: str | None) -> Hop | None:
            if found is None:
                return None
            if len(self._known) >= MAX_NAMES:
                self._known.clear()
            self._known[hop.host] = (found, self._clock.seconds())
            return Hop(hop.transport, found, hop.port)

        return answer.addCallback(resolved)


@implementer(IResolutionReceiver)
class _FirstAddress:
    def __init__(self, answer: defer.Deferred[str | None]) -> None:
        self._answer = answer
        self._first: str | None = None

    def resolutionBegan(self, resolution: Any) -> None:
        pass

    def addressResolved(self, found: Any) -> None:
        if self._first is None:
            self._first = found.host

    def resolutionComplete(self) -> None:
        self._answer.callback(self._first)
