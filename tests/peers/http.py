"""HTTP for tests: one request on a connection of its own, which leaves nothing behind in the reactor."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.peers.base import LOOPBACK, PeerError


class _Call(Protocol):
    """One HTTP/1.0 request."""

    def __init__(self) -> None:
        self._received = b""
        self.answer: Deferred[tuple[int, bytes]] = Deferred()

    def ask(self, method: str, path: str, body: bytes) -> Deferred[tuple[int, bytes]]:
        assert self.transport is not None
        head = f"{method} {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        return self.answer

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found:
            self.answer.callback((int(head.split()[1]), body))
        else:
            self.answer.errback(PeerError("no answer over HTTP"))


async def call(reactor: Any, port: int, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of what a server on loopback answers."""
    endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, port, timeout=5)
    made = await endpoint.connect(Factory.forProtocol(_Call))
    assert isinstance(made, _Call)
    return await made.ask(method, path, body)
