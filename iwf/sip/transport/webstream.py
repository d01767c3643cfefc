"""SIP over WebSocket: one connection of a client such as a browser (RFC 7118).  Shell."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from twisted.internet import protocol
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from iwf.sip.settings import Hop
from iwf.sip.transport.connections import Receiver, Source
from iwf.sip.transport.websocket import (
    GOING_AWAY,
    POLICY_VIOLATION,
    Closed,
    Opened,
    Received,
    WebSocket,
    Write,
)

# All in seconds.
#: TLS and HTTP must be through by then.
HANDSHAKE = 10.0
#: Who has opened a connection has something to say.
FIRST_MESSAGE = 60.0
#: SIP-48: silence after which the client is asked whether it lives; web proxies cut after 60 s.
PING = 45.0
#: How long it may take to answer, and the peer may take to close.
PATIENCE = 10.0
#: A client that lives and has said nothing for longer than registrations last is not using us.
IDLE = 2 * 3600.0
#: How often the clocks above are looked at.
LOOK = 5.0

_PING = b"\r\n\r\n"
_PONG = b"\r\n"


@implementer(IPushProducer)
class WebStream(protocol.Protocol):
    """One WebSocket.  What comes in with it is answered on it, and nowhere else (RFC 7118 5, RFC 5626 4.3).

    :param name: ``ws`` or ``wss``.
    :param origins: see :class:`~iwf.sip.transport.websocket.WebSocket`.
    :param clock: IReactorTime.
    :param opened: called when messages can pass.
    :param closed: called when the connection is gone, whether it was opened or not.
    """

    transport: Any
    flow = 0
    """Its number among the connections of others; see :class:`~iwf.sip.settings.Hop`."""

    def __init__(self, receiver: Receiver, name: str, max_message: int, origins: Collection[str], clock: Any,
                 opened: Callable[[WebStream], object], closed: Callable[[WebStream], object]) -> None:
        self._receiver = receiver
        self._name = name
        self._socket = WebSocket(max_message, origins)
        self._clock = clock
        self._opened = opened
        self._closed = closed
        self._look: Any = None
        self._began = self._heard = self._spoke = clock.seconds()
        self._idle = IDLE
        self._spoken = False
        self._pinged = False
        self.source: Source | None = None

    # -- the connection ---------------------------------------------------------------------

    def connectionMade(self) -> None:
        peer = self.transport.getPeer()
        self.source = Source(Hop(self._name, peer.host, peer.port, flow=self.flow), self)
        self.transport.setTcpNoDelay(True)
        # Who does not read our answers is not listened to, so that they do not pile up here.
        self.transport.registerProducer(self, True)
        self._began = self._heard = self._spoke = self._clock.seconds()
        self._look = self._clock.callLater(LOOK, self._check)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.connected = 0  # Twisted leaves that to us
        if self._look is not None and self._look.active():
            self._look.cancel()
        self._closed(self)

    def keep(self, seconds: float) -> None:
        """Stay open that long without messages, as long as pings are answered."""
        self._idle = max(IDLE, seconds)

    def close(self, code: int = GOING_AWAY) -> None:
        """Say goodbye and close."""
        self.transport.write(self._socket.close(code))
        self._lose()

    def _lose(self) -> None:
        self.transport.unregisterProducer()  # TLS waits for that
        self.transport.resumeProducing()     # paused, it would not hear the other side close
        self.transport.loseConnection()
        self._heard = self._clock.seconds()

    def pauseProducing(self) -> None:
        """See :class:`twisted.internet.interfaces.IPushProducer`."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """See :class:`twisted.internet.interfaces.IPushProducer`."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """See :class:`twisted.internet.interfaces.IPushProducer`; connectionLost does the rest."""

    # -- messages ---------------------------------------------------------------------------

    def send(self, octets: bytes, hop: Hop | None = None) -> bool:
        """One message; see :class:`iwf.sip.transport.connections.Channel`."""
        if not self.connected or not self._socket.open:
            return False
        self.transport.write(self._socket.message(octets))
        return True

    def dataReceived(self, data: bytes) -> None:
        self._heard = self._clock.seconds()
        self._pinged = False
        for output in self._socket.feed(data):
            if isinstance(output, Received):
                self._received(output.octets)
            elif isinstance(output, Write):
                self.transport.write(output.octets)
            elif isinstance(output, Opened):
                self._spoke = self._heard
                self._opened(self)
            elif isinstance(output, Closed):
                self._lose()

    def _received(self, octets: bytes) -> None:
        assert self.source is not None
        if octets.strip(b"\r\n"):
            self._spoken = True
            self._spoke = self._heard
            self._receiver.received(octets, self.source)
        elif octets == _PING and self._socket.open:
            self.transport.write(self._socket.message(_PONG))        # RFC 7118 6, RFC 5626 3.5.1

    # -- time -------------------------------------------------------------------------------

    def _check(self) -> None:
        self._look = self._clock.callLater(LOOK, self._check)
        now = self._clock.seconds()
        silent = now - self._heard
        if self._socket.open:
            if now - self._spoke >= (self._idle if self._spoken else FIRST_MESSAGE):
                self.close(POLICY_VIOLATION)
            elif self._pinged and silent >= PING + PATIENCE:
                self.transport.abortConnection()                     # SIP-48: the flow has failed
            elif not self._pinged and silent >= PING:
                self._pinged = True
                self.transport.write(self._socket.ping())
        elif silent >= PATIENCE or now - self._began >= HANDSHAKE:
            self.transport.abortConnection()
