"""All sockets of the SIP edge: listeners and connections.  Shell.

A peer that refuses (ICMP, RST) is reported to the receiver by its hop.

UDP leaves by the listening port.  Twisted does not hear of ICMP errors on such a port, so each next
hop has a second socket, bound to the same port and connected to that peer: the system hands over
the peer's datagrams and refusals there, and the peer sees no difference.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.interfaces import IListeningPort, IReactorSocket

from iwf.sip.settings import Hop, SipSettings
from iwf.sip.transport.connections import (
    ConnectedDatagrams,
    Datagrams,
    Receiver,
    Source,
)
from iwf.sip.transport.keepalive import PING, Draw
from iwf.sip.transport.routing import bracketed
from iwf.sip.transport.streams import DIALLED, Streams

#: By which we can reach who has not connected to us.
TRANSPORTS = ("udp", *DIALLED)
#: Room for bursts while the reactor is busy; the system may grant less.
RECEIVE_BUFFER = 4 * 1024 * 1024
#: Peers with a socket of their own; beyond that the eldest is given up.
MAX_CONNECTED = 64
#: Our address on the way to a host is asked of the system again after that many seconds.
WAY_LIFETIME = 30.0
#: Hosts whose way is remembered; any number may be written to, so a bound is needed.
MAX_WAYS = 1000


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
        self._streams = Streams(settings, reactor, clock, receiver)
        self._connected: dict[Hop, tuple[ConnectedDatagrams, IListeningPort]] = {}
        self._own_hosts: dict[str, tuple[str, float]] = {}
        self._stopping = False

    def start(self) -> None:
        """Open the listeners.

        :raises twisted.internet.error.CannotListenError: when the system refuses.
        :raises iwf.tls.TlsError: for a certificate that cannot be used.
        """
        for hop in self._settings.listen:
            if hop.transport == "udp":
                datagrams = Datagrams(self._receiver)
                interface = "" if hop.host == "0.0.0.0" else hop.host
                port = self._reactor.listenUDP(hop.port, datagrams, interface, 65_536)   # SIP-14
                _enlarge(getattr(port, "socket", None))
            else:
                datagrams = None
                port = self._streams.listen(hop)
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
        self._streams.stop()
        self._ports.clear()
        self._connected.clear()
        return defer.DeferredList(closing, consumeErrors=True)

    def listener_for(self, hop: Hop) -> Hop | None:
        """Our listener that a request to that hop leaves by, or would be answered at; None when there is none."""
        for own, _, _ in self._ports:
            if own.transport == hop.transport and (":" in own.host) == (":" in hop.host):
                return own
        return None

    def own_host(self, hop: Hop, own: Hop | None) -> str:
        """Our host towards a hop: the address of that listener, or of the way there if it listens on all.

        :raises OSError: when there is no way.
        """
        if own is not None and own.host not in ("", "0.0.0.0", "::"):
            return own.host
        now = self._clock.seconds()
        host, since = self._own_hosts.get(hop.host, ("", 0.0))
        if not host or not 0 <= now - since < WAY_LIFETIME:  # interfaces come and go
            host = local_address(hop)
            if len(self._own_hosts) >= MAX_WAYS:
                self._own_hosts.clear()
            self._own_hosts[hop.host] = (host, now)
        return host

    def send(self, octets: bytes, hop: Hop) -> None:
        """Send a request to a hop with a numeric address; failures come by ``unreachable``."""
        if not (self._send_datagram if hop.transport == "udp" else self._streams.send)(octets, hop):
            self._receiver.unreachable(hop)

    def keep_alive(self, hop: Hop, interval: tuple[float, float], draw: Draw) -> None:
        """See :meth:`iwf.sip.transport.streams.Streams.keep_alive`; without effect on UDP."""
        if hop.transport in DIALLED:
            self._streams.keep_alive(hop, interval, draw)

    def hold(self, hop: Hop, seconds: float) -> None:
        """See :meth:`iwf.sip.transport.streams.Streams.hold`."""
        self._streams.hold(hop, seconds)

    def ping(self, hop: Hop) -> None:
        """Send an empty datagram, which keeps translators of addresses from forgetting us (SIP-48)."""
        self._send_datagram(PING, hop)

    def drop(self, hop: Hop) -> None:
        """See :meth:`iwf.sip.transport.streams.Streams.drop`."""
        self._streams.drop(hop)

    def answer(self, octets: bytes, source: Source, route: Hop) -> bool:
        """Send an answer: on the connection of its request, else by its route (SIP-42, SIP-44).

        :return: False when that is not possible.
        """
        return source.channel.send(octets, route) or self.answer_by(octets, route)

    def answer_by(self, octets: bytes, route: Hop, lost: Callable[[], object] | None = None) -> bool:
        """Send an answer by its route alone.

        :param lost: called when a connection for it cannot be opened.
        :return: False when that is not possible.
        """
        # Whose certificate to expect behind an address is not known, and nobody connects to a web client.
        return route.transport in ("udp", "tcp") and self.answer_to(octets, route, lost)

    def answer_to(self, octets: bytes, route: Hop, lost: Callable[[], object] | None = None) -> bool:
        """Send an answer to an address that is known to be right; see :meth:`answer_by`."""
        if route.transport != "udp":
            return self._streams.send(octets, route, lost)
        return any(datagrams.send(octets, route) for own, _, datagrams in self._ports
                   if datagrams is not None and (":" in own.host) == (":" in route.host))

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
