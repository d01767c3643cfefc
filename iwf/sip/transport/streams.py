"""The connections of the SIP edge: TCP, TLS and WebSocket, those that we open and those of others.  Shell."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from iwf.sip.settings import Hop, SipSettings, TlsPeer
from iwf.sip.transport.connections import MAX_STREAMS, Inbound, Outbound, Receiver, Stream
from iwf.sip.transport.keepalive import Draw, KeepAlive
from iwf.sip.transport.secure import Credentials, SecureStream, wanted_names
from iwf.sip.transport.webstream import WebStream
from iwf.tls import TlsError

#: Transports by which we connect to others; WebSocket servers are always the other side (RFC 7118 5).
DIALLED = ("tcp", "tls")
#: A next hop that does not answer SYN in that many seconds is down; well below Timer F (32 s).
CONNECT_TIMEOUT = 10.0

_Told = Callable[[Any], object]


class Streams:
    """All connections.  Those that others have opened have numbers, so that what is meant for the other
    end goes back on them and nowhere else (SIP-42, RFC 5626).

    :param clock: IReactorTime.
    """

    log = Logger(namespace="iwf.sip")

    def __init__(self, settings: SipSettings, reactor: Any, clock: Any, receiver: Receiver) -> None:
        self._settings = settings
        self._reactor = reactor
        self._clock = clock
        self._receiver = receiver
        self._credentials = Credentials(settings, clock, self.log)
        self._inbound: list[Inbound] = []
        self._flows: dict[int, Stream | WebStream] = {}
        self._numbers = count(1)
        self._outbound: dict[Hop, Outbound] = {}
        self._stopping = False

    def listen(self, hop: Hop) -> IListeningPort:
        """Open a listener.

        :raises TlsError: for a certificate that cannot be used.
        :raises twisted.internet.error.CannotListenError: when the system refuses.
        """
        limit = self._settings.max_websockets if hop.transport in ("ws", "wss") else MAX_STREAMS
        factory = Inbound(self._maker(hop.transport), self._opened, self._closed, self._numbers, limit)
        listening: Any = factory
        if hop.transport in ("tls", "wss"):
            # RFC 7118 7 knows no certificates of browsers, and asking for one puzzles their users.
            listening = self._credentials.accepting(factory, clients=hop.transport == "tls")
        interface = "" if hop.host == "0.0.0.0" else hop.host
        port: IListeningPort = self._reactor.listenTCP(hop.port, listening, interface=interface)
        self._inbound.append(factory)
        return port

    def stop(self) -> None:
        """Close all connections, and open no more."""
        self._stopping = True
        streams = [stream for factory in self._inbound for stream in factory.streams]
        streams += [outbound.stream for outbound in self._outbound.values() if outbound.stream is not None]
        for stream in streams:
            stream.close()

    def send(self, octets: bytes, hop: Hop, lost: Callable[[], object] | None = None) -> bool:
        """Send on the connection to a hop, which is opened if need be and possible.

        :param lost: called when it cannot be opened.
        :return: False when that is not possible; later failures come by ``unreachable``.
        """
        if hop.flow:
            flow = self._flows.get(hop.flow)
            return flow is not None and flow.send(octets, hop)
        outbound = self._outbound.get(hop)
        if outbound is not None:
            return outbound.send(octets, lost)
        if self._stopping or hop.transport not in DIALLED:
            return False
        return self._dial(hop, octets, lost)

    def keep_alive(self, hop: Hop, interval: tuple[float, float], draw: Draw) -> None:
        """Ping on the connection that we have opened to a hop, as long as it stands (SIP-48).

        :param interval: see :class:`~iwf.sip.transport.keepalive.KeepAlive`.
        """
        def keep(stream: Stream) -> None:
            stream.keep_alive(KeepAlive(interval, draw, self._clock.seconds()), self._clock)

        outbound = self._outbound.get(hop)
        if outbound is not None:
            outbound.keep_alive(interval, keep)

    def hold(self, hop: Hop, seconds: float) -> None:
        """Let the connection that we have opened to a hop be silent for so long: we are reached by it."""
        outbound = self._outbound.get(hop)
        if outbound is not None and outbound.stream is not None:
            outbound.stream.keep(seconds)

    def drop(self, hop: Hop) -> None:
        """Close the connection that we have opened to a hop: it has failed."""
        outbound = self._outbound.get(hop)
        if outbound is not None and outbound.stream is not None:
            outbound.stream.transport.abortConnection()

    def _dial(self, hop: Hop, octets: bytes, lost: Callable[[], object] | None) -> bool:
        if hop.transport == "tls":
            outbound = Outbound(hop, self._secure(wanted_names(hop)), self._outbound_gone)
            try:
                factory: Any = self._credentials.connecting(outbound, hop.tls or TlsPeer())
            except TlsError as fault:
                self.log.error("Cannot connect to {host} by TLS: {fault}", host=hop.host, fault=fault)
                return False
        else:
            factory = outbound = Outbound(hop, self._plain, self._outbound_gone)
        self._outbound[hop] = outbound
        self._reactor.connectTCP(hop.host, hop.port, factory, timeout=CONNECT_TIMEOUT)
        return outbound.send(octets, lost)

    # -- what happens to connections --------------------------------------------------------

    def _opened(self, stream: Stream | WebStream) -> None:
        self._flows[stream.flow] = stream

    def _closed(self, stream: Stream | WebStream) -> None:
        if self._flows.pop(stream.flow, None) is not None and stream.source is not None:
            self._receiver.unreachable(stream.source.hop)

    def _outbound_gone(self, outbound: Outbound) -> None:
        if self._outbound.get(outbound.hop) is outbound:
            del self._outbound[outbound.hop]
        self._receiver.unreachable(outbound.hop)

    # -- their protocols --------------------------------------------------------------------

    def _maker(self, transport: str) -> Callable[[_Told, _Told], Stream | WebStream]:
        """What makes the protocols of a listener."""
        if transport in ("ws", "wss"):
            return self._web(transport)
        return self._secure(None) if transport == "tls" else self._plain

    def _plain(self, opened: _Told, closed: _Told) -> Stream:
        return Stream(self._receiver, self._settings.max_message, self._clock.callLater, opened, closed)

    def _secure(self, wanted: tuple[str, ...] | None) -> Callable[[_Told, _Told], Stream]:
        def make(opened: _Told, closed: _Told) -> Stream:
            return SecureStream(self._receiver, self._settings.max_message, self._clock.callLater, opened, closed,
                                self.log, wanted)
        return make

    def _web(self, name: str) -> Callable[[_Told, _Told], WebStream]:
        def make(opened: _Told, closed: _Told) -> WebStream:
            settings = self._settings
            return WebStream(self._receiver, name, settings.max_message, settings.origins, self._clock, opened, closed)
        return make
