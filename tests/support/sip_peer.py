"""A SIP peer in memory: answers requests as the test says, and sends its own."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol, Protocol

from iwf.sip.syntax.framing import StreamFramer
from iwf.sip.syntax.message import Request, Response, parse_message, response_to

NAMES = {100: "Trying", 200: "OK", 202: "Accepted", 302: "Moved Temporarily", 404: "Not Found",
         415: "Unsupported Media Type", 480: "Gone away", 503: "Service Unavailable"}


class SipPeer(DatagramProtocol):
    """One UDP socket with users behind it (or a connection, see :class:`SipStream`).

    :param gateway: where its requests go.
    :param clock: when given, arrivals are noted with their time.
    """

    transport: Any = None

    def __init__(self, gateway: tuple[str, int], clock: IReactorTime | None = None) -> None:
        self.gateway = gateway
        self._clock = clock
        self.arrivals: list[tuple[float, bytes]] = []
        """Every datagram, repetitions too: UTC seconds and octets."""
        self.requests: list[Request] = []
        self.responses: list[Response] = []
        self.status = 200
        """What requests are answered with; 0: nothing."""
        self.known: set[str] | None = None
        """When set, users that exist; others get 404."""
        self.statuses: dict[str, int] = {}
        """What requests for single users are answered with, by the user part as it is sent."""
        self.extra: tuple[tuple[str, str], ...] = ()
        """Header lines of its answers."""
        self.protocol = "UDP"
        self._count = 0

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if self._clock is not None:
            self.arrivals.append((self._clock.seconds(), datagram))
        message = parse_message(datagram)
        if isinstance(message, Response):
            self.responses.append(message)
            return
        repeated = any(old.top_via == message.top_via for old in self.requests)
        if not repeated:
            self.requests.append(message)
        status = self.statuses.get(message.uri.user or "", self.status)
        if self.known is not None and message.uri.user not in self.known:
            status = 404
        if status:
            self.answer(message, status, addr)

    def answer(self, request: Request, status: int, to: tuple[str, int] | None = None) -> None:
        """Answer a request."""
        phrase = NAMES.get(status, "Other")
        self.write(response_to(request, status, phrase, "far", self.extra).to_bytes(), to)

    def write(self, octets: bytes, to: tuple[str, int] | None = None) -> None:
        """Send octets as they are."""
        self.transport.write(octets, to or self.gateway)

    def message(self, to: str, body: str | bytes, sender: str = "sip:juliet@sip.test",
                method: str = "MESSAGE", content_type: str | None = "text/plain", extra: str = "",
                call_id: str = "", branch: str = "", name: str = "", tag: str = "") -> str:
        """Send a request; its Call-ID.

        :param name: the display name, as it stands in From.
        :param tag: of From; another one for each request unless given.
        """
        self._count += 1
        octets = body.encode() if isinstance(body, str) else body
        host, port = self.transport.getHost().host, self.transport.getHost().port
        call_id = call_id or f"call-{self._count}@{host}"
        head = (f"{method} {to} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.protocol} {host}:{port};branch={branch or f'z9hG4bKp{self._count}'};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: {name}<{sender}>;tag={tag or f'ft{self._count}'}\r\nTo: <{to}>\r\n"
                f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\n{extra}"
                + (f"Content-Type: {content_type}\r\n" if content_type else "")
                + f"Content-Length: {len(octets)}\r\n\r\n")
        self.write(head.encode() + octets)
        return call_id

    def bodies(self, user: str | None = None) -> list[str]:
        """The texts that came in."""
        return [request.body.decode() for request in self.requests
                if user is None or request.uri.user == user]

    def answers(self, call_id: str) -> list[int]:
        """The status codes that came back for a request."""
        return [response.status for response in self.responses if response.get("Call-ID") == call_id]


class SipStream(Protocol):
    """A connection that a peer uses in place of its socket."""

    transport: Any = None

    def __init__(self, peer: SipPeer) -> None:
        self._framer = StreamFramer()
        self._peer = peer
        self.closed = False

    def connectionMade(self) -> None:
        self._peer.transport, self._peer.protocol = self, "TCP"

    def dataReceived(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            if isinstance(frame, bytes):
                self._peer.datagramReceived(frame, self._peer.gateway)

    def connectionLost(self, reason: object = None) -> None:
        self.closed = True

    def write(self, octets: bytes, to: object = None) -> None:
        """What a peer calls in place of its socket's method."""
        self.transport.write(octets)

    def getHost(self) -> IPv4Address:
        """Our end."""
        host: IPv4Address = self.transport.getHost()
        return host
