"""The server's side of a WebSocket that carries SIP (RFC 6455, RFC 7118).  No IO.

HTTP and frames are wsproto's; what is ours is which connections and which messages are taken.
"""

from __future__ import annotations

from collections.abc import Collection

from attrs import frozen
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError, RemoteProtocolError

SUBPROTOCOL = "sip"
"""RFC 7118 4.1."""

#: RFC 6455 7.4.1.
GOING_AWAY, POLICY_VIOLATION, TOO_BIG = 1001, 1008, 1009


@frozen
class Write:
    """Octets for the peer."""

    octets: bytes


@frozen
class Opened:
    """The handshake is done."""


@frozen
class Received:
    """One message: all of its frames joined."""

    octets: bytes


@frozen
class Heard:
    """The peer answered a ping."""


@frozen
class Closed:
    """Nothing comes any more: close the connection when all is written."""


Output = Write | Opened | Received | Heard | Closed


class WebSocket:
    """One connection, from its HTTP request on.

    :param max_message: octets of the longest message taken; a longer one closes the connection (SIP-14).
    :param origins: web sites whose scripts may connect, as browsers name them (``https://chat.example``);
        empty: all.  Other programs than browsers send no origin and are taken.
    """

    def __init__(self, max_message: int, origins: Collection[str] = ()) -> None:
        self._connection = WSConnection(ConnectionType.SERVER)
        self._max_message = max_message
        self._origins = origins
        self._parts: list[bytes] = []
        self._size = 0
        self._closed = False

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return not self._closed and self._connection.state is ConnectionState.OPEN

    def feed(self, octets: bytes) -> list[Output]:
        """Take octets as they come in; never raises."""
        outputs: list[Output] = []
        if self._closed or not octets:  # to wsproto no octets are the end
            return outputs
        try:
            self._connection.receive_data(octets)
            for event in self._connection.events():
                self._handle(event, outputs)
                if self._closed:
                    break
        except RemoteProtocolError as fault:
            self._refuse(fault.event_hint, outputs)
        except (ProtocolError, ValueError):  # ValueError: header values that are no ASCII
            self._refuse(None, outputs)
        return outputs

    def message(self, octets: bytes) -> bytes:
        """The frame for a message, only while :attr:`open`.  A text frame where it is text, since that
        is what scripts expect; both kinds mean the same (RFC 7118 5)."""
        try:
            event: Event = TextMessage(octets.decode())
        except UnicodeDecodeError:
            event = BytesMessage(octets)
        return self._connection.send(event)

    def ping(self) -> bytes:
        """A ping, only while :attr:`open`."""
        return self._connection.send(Ping())

    def close(self, code: int = GOING_AWAY) -> bytes:
        """Say goodbye; what still comes in is not read."""
        goodbye = self._connection.send(CloseConnection(code)) if self.open else b""
        self._closed = True
        return goodbye

    def _handle(self, event: Event, outputs: list[Output]) -> None:
        if isinstance(event, (TextMessage, BytesMessage)):
            self._part(event, outputs)
        elif isinstance(event, Ping):
            outputs.append(Write(self._connection.send(event.response())))
        elif isinstance(event, Pong):
            outputs.append(Heard())
        elif isinstance(event, Request):
            self._requested(event, outputs)
        elif isinstance(event, CloseConnection):
            # Theirs, or what wsproto wants to say about a broken frame; both are answered alike.
            if self._connection.state is not ConnectionState.CLOSED:
                outputs.append(Write(self._connection.send(event.response())))
            self._end(outputs)

    def _part(self, event: TextMessage | BytesMessage, outputs: list[Output]) -> None:
        data = event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
        self._size += len(data)
        if self._size > self._max_message:
            outputs.append(Write(self.close(TOO_BIG)))
            self._end(outputs)
            return
        if data:
            self._parts.append(data)
        if event.message_finished:
            outputs.append(Received(b"".join(self._parts)))
            self._parts.clear()
            self._size = 0

    def _requested(self, request: Request, outputs: list[Output]) -> None:
        """RFC 7118 4.1: a client that does not speak SIP has come to the wrong place."""
        origin = next((value for name, value in request.extra_headers if name == b"origin"), None)
        if self._origins and origin is not None and origin.decode("latin-1").lower() not in self._origins:
            self._refuse(RejectConnection(status_code=403), outputs)
        elif SUBPROTOCOL not in request.subprotocols:
            self._refuse(RejectConnection(status_code=400), outputs)
        else:
            outputs.append(Write(self._connection.send(AcceptConnection(subprotocol=SUBPROTOCOL))))
            outputs.append(Opened())

    def _refuse(self, event: Event | None, outputs: list[Output]) -> None:
        """Answer an HTTP request that opens no WebSocket, where an answer is possible."""
        hint = event if isinstance(event, RejectConnection) else RejectConnection(status_code=400)
        text = f"This is a WebSocket for the subprotocol {SUBPROTOCOL}.\n".encode()
        headers = [*hint.headers, (b"Content-Type", b"text/plain"), (b"Content-Length", b"%d" % len(text)),
                   (b"Connection", b"close")]
        answer = RejectConnection(status_code=hint.status_code, headers=headers, has_body=True)
        try:
            octets = self._connection.send(answer) + self._connection.send(RejectData(text))
        except ProtocolError:
            octets = _BAD_REQUEST
        outputs.append(Write(octets))
        self._end(outputs)

    def _end(self, outputs: list[Output]) -> None:
        self._closed = True
        self._parts.clear()
        outputs.append(Closed())


# For requests of which wsproto could not read enough to answer them.
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
