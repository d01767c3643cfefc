"""The least of an XMPP component, of an SMPP client and of ps(1), to check drivers without the gateway."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.component import componentFactory
from twisted.words.protocols.jabber.xmlstream import (
    STREAM_AUTHD_EVENT,
    STREAM_END_EVENT,
    XmlStream,
)
from twisted.words.xish.domish import Element

from tests.peers.base import LOOPBACK
from tests.peers.ejabberd import Ejabberd
from tests.peers.prosody import Prosody

BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, RESPONSE = 0x09, 0x04, 0x05, 0x80000000


class Component:
    """An external component that keeps the messages it gets."""

    def __init__(self, stream: XmlStream) -> None:
        self._stream = stream
        self.messages: DeferredQueue[Element] = DeferredQueue()
        self.lost: Deferred[None] = Deferred()
        stream.addObserver("/message", self.messages.put)
        stream.addObserver(STREAM_END_EVENT, lambda _: self.lost.callback(None))

    def send(self, stanza: Element) -> None:
        self._stream.send(stanza)

    def close(self) -> Deferred[None]:
        if not self.lost.called:
            assert self._stream.transport is not None
            self._stream.transport.loseConnection()
        return self.lost


async def connect_component(
    testcase: SynchronousTestCase, server: Prosody | Ejabberd, domain: str
) -> Component:
    """Log a component in; it leaves when the test ends."""
    factory = componentFactory(domain, server.components[domain])
    ready: Deferred[XmlStream] = Deferred()
    factory.addBootstrap(STREAM_AUTHD_EVENT, ready.callback)
    endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, server.component_port(domain))
    stream = await endpoint.connect(factory)
    assert isinstance(stream, XmlStream)
    component = Component(stream)
    testcase.addCleanup(component.close)
    await ready
    return component


def reply(message: Element, text: str) -> Element:
    """An answer in the same thread."""
    answer = Element(("jabber:component:accept", "message"))
    answer["to"], answer["from"], answer["type"] = message["from"], message["to"], "chat"
    if message.thread is not None:
        answer.addElement("thread", content=str(message.thread))
    answer.addElement("body", content=text)
    return answer


class Esme(Protocol):
    """An SMPP client that takes everything it is given."""

    def __init__(self) -> None:
        self.delivered: list[bytes] = []
        """Bodies of deliver_sm."""
        self.lost: Deferred[None] = Deferred()
        self._buffer = b""
        self._sequence = 0
        self._waiting: dict[int, Deferred[tuple[int, bytes]]] = {}

    def bind(self, system_id: str, password: str) -> Deferred[tuple[int, bytes]]:
        """Fires with command_status and body."""
        names = b"".join(text.encode() + b"\0" for text in (system_id, password, ""))
        return self._ask(BIND_TRANSCEIVER, names + b"\x34\0\0\0")

    def submit(self, source: str, target: str, text: bytes) -> Deferred[tuple[int, bytes]]:
        """Fires with command_status and body; asks for a receipt."""
        addresses = b"".join(b"\x01\x01" + number.encode() + b"\0" for number in (source, target))
        rest = b"\0\0\0\0\0\x01\0\0\0"
        return self._ask(SUBMIT_SM, b"\0" + addresses + rest + bytes([len(text)]) + text)

    def _ask(self, command: int, body: bytes) -> Deferred[tuple[int, bytes]]:
        self._sequence += 1
        answer = self._waiting[self._sequence] = Deferred()
        self._write(command, self._sequence, body)
        return answer

    def _write(self, command: int, sequence: int, body: bytes) -> None:
        assert self.transport is not None
        self.transport.write(struct.pack(">IIII", 16 + len(body), command, 0, sequence) + body)

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 16:
            length, command, status, sequence = struct.unpack(">IIII", self._buffer[:16])
            if len(self._buffer) < length:
                return
            body, self._buffer = self._buffer[16:length], self._buffer[length:]
            if command & RESPONSE:
                self._waiting.pop(sequence).callback((status, body))
            elif command == DELIVER_SM:
                self.delivered.append(body)
                self._write(DELIVER_SM | RESPONSE, sequence, b"\0")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    def close(self) -> Deferred[None]:
        if not self.lost.called and self.transport is not None:
            self.transport.loseConnection()
        return self.lost


async def connect_esme(testcase: SynchronousTestCase, port: int) -> Esme:
    """Connect, without a bind; the connection ends with the test."""
    esme = await TCP4ClientEndpoint(reactor, LOOPBACK, port).connect(Factory.forProtocol(Esme))
    assert isinstance(esme, Esme)
    testcase.addCleanup(esme.close)
    return esme


def processes(program: str, directory: Path) -> list[int]:
    """Ids of the processes of a program that have this working directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            same_place = entry.name.isdigit() and os.readlink(entry / "cwd") == str(directory)
            if same_place and (entry / "comm").read_text().strip() == program:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    """Block until something is so, which it must be within some seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about in time")
        time.sleep(0.02)
