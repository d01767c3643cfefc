"""The server's side of a WebSocket: handshake, messages, limits (RFC 6455, RFC 7118)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from iwf.sip.transport.websocket import (
    GOING_AWAY,
    TOO_BIG,
    Closed,
    Heard,
    Opened,
    Output,
    Received,
    WebSocket,
    Write,
)

MOST = 1000
UPGRADE = (b"GET /sip HTTP/1.1\r\nHost: gw.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n")


class Client:
    """A client on wsproto, and the server that it talks to."""

    def __init__(self, subprotocols: tuple[str, ...] = ("sip",), origin: str = "",
                 origins: tuple[str, ...] = ()) -> None:
        self.server = WebSocket(MOST, origins)
        self.connection = WSConnection(ConnectionType.CLIENT)
        headers = [(b"Origin", origin.encode())] if origin else []
        self.outputs = self.server.feed(self.connection.send(
            Request("gw.example", "/", subprotocols=list(subprotocols), extra_headers=headers)))
        self.events = self.read(self.outputs)

    def read(self, outputs: list[Output]) -> list[object]:
        """What the client makes of what the server writes."""
        for output in outputs:
            if isinstance(output, Write):
                self.connection.receive_data(output.octets)
        return list(self.connection.events())

    def say(self, event: object) -> list[Output]:
        """What the server makes of what the client sends."""
        return self.server.feed(self.connection.send(event))  # type: ignore[arg-type]


def frame(payload: bytes, opcode: int = 1, final: bool = True) -> bytes:
    """A frame with a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([opcode | (0x80 if final else 0)]) + length + bytes(4) + payload


def opened() -> WebSocket:
    server = WebSocket(MOST)
    server.feed(UPGRADE + b"Sec-WebSocket-Protocol: sip\r\n\r\n")
    return server


class HandshakeTests(SynchronousTestCase):
    """Who is let in."""

    def test_accepted(self) -> None:
        """A client that offers sip is told that it is chosen (RFC 7118 4.1)."""
        client = Client(("xmpp", "sip"))
        self.assertIn(Opened(), client.outputs)
        self.assertTrue(client.server.open)
        (accepted,) = client.events
        assert isinstance(accepted, AcceptConnection)
        self.assertEqual(accepted.subprotocol, "sip")

    def test_other_subprotocol(self) -> None:
        """A client that does not speak SIP is turned away (RFC 7118 4.1)."""
        for subprotocols in ((), ("xmpp",)):
            client = Client(subprotocols)
            self.assertEqual(client.outputs[-1], Closed())
            refused = client.events[0]
            assert isinstance(refused, RejectConnection)
            self.assertEqual(refused.status_code, 400)
            self.assertFalse(client.server.open)

    def test_origins(self) -> None:
        """Scripts of other sites are turned away; programs without a site are not (RFC 6455 10.2)."""
        origins = ("https://chat.example",)
        for origin, code in (("https://chat.example", None), ("HTTPS://Chat.example", None), ("", None),
                             ("https://evil.example", 403), ("null", 403)):
            event = Client(origin=origin, origins=origins).events[0]
            self.assertEqual(getattr(event, "status_code", None), code, origin)
        self.assertIsInstance(Client(origin="https://any.example").events[0], AcceptConnection)

    def test_not_a_websocket(self) -> None:
        """Whatever else comes is answered with an HTTP error and closed."""
        for octets, code in (
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
            (UPGRADE.replace(b"13", b"8") + b"\r\n", b"426"),
            (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"400"),
            (b"MESSAGE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", b"400"),
            (UPGRADE + b"Sec-WebSocket-Protocol: \xff\r\n\r\n", b"400"),
            (UPGRADE.replace(b"gw.example", b"\xff") + b"\r\n", b"400"),
            (UPGRADE + b"X: " + b"x" * 100_000, b"400"),
        ):
            outputs = WebSocket(MOST).feed(octets)
            assert isinstance(outputs[0], Write)
            self.assertEqual(outputs[0].octets.split(b" ")[:2], [b"HTTP/1.1", code], octets)
            self.assertEqual(outputs[1:], [Closed()])

    @given(st.binary(max_size=300), st.binary(max_size=100))
    @settings(max_examples=100, deadline=None)
    def test_anything(self, before: bytes, after: bytes) -> None:
        """Nothing that a client sends raises."""
        server = WebSocket(MOST)
        server.feed(before)
        server.feed(UPGRADE + b"Sec-WebSocket-Protocol: sip\r\n\r\n" + after)
        server = opened()
        server.feed(before)
        server.feed(after)


class MessageTests(SynchronousTestCase):
    """What is carried."""

    def test_both_kinds(self) -> None:
        """Text and binary frames mean the same (RFC 7118 5)."""
        client = Client()
        self.assertEqual(client.say(TextMessage("Grüße")), [Received("Grüße".encode())])
        self.assertEqual(client.say(BytesMessage(b"\xff\x00")), [Received(b"\xff\x00")])

    def test_sent(self) -> None:
        """What is text goes as text, which scripts read at once; the rest as it is (RFC 7118 5)."""
        client = Client()
        for octets, event in (("Grüße".encode(), TextMessage("Grüße")), (b"\xff", BytesMessage(bytearray(b"\xff")))):
            self.assertEqual(client.read([Write(client.server.message(octets))]), [event])

    @given(st.lists(st.text(max_size=60), max_size=4), st.data())
    @settings(max_examples=100, deadline=None)
    def test_chopped(self, texts: list[str], data: st.DataObject) -> None:
        """Messages are the same however the octets are cut, also those of several frames."""
        octets = b""
        for text in texts:
            payload = text.encode()
            cut = data.draw(st.integers(0, len(payload)))
            octets += frame(payload[:cut], final=False) + frame(b"?", 9) + frame(payload[cut:], 0)
        server, outputs = opened(), []
        while octets:
            size = data.draw(st.integers(1, len(octets)))
            outputs += server.feed(octets[:size])
            octets = octets[size:]
        self.assertEqual([output.octets.decode() for output in outputs if isinstance(output, Received)], texts)
        self.assertEqual(sum(isinstance(output, Write) for output in outputs), len(texts))  # the pongs

    def test_limit(self) -> None:
        """A message of the largest size is taken; one octet more closes the connection, before all of it
        has come (SIP-14)."""
        server = opened()
        self.assertEqual(server.feed(frame(b"x" * MOST)), [Received(b"x" * MOST)])
        for octets in (frame(b"x" * (MOST + 1)), frame(b"x" * 600, final=False) + frame(b"x" * 600, 0, False),
                       b"\x81\xff" + (2**40).to_bytes(8, "big") + bytes(4) + b"x" * (MOST + 1)):
            client = Client()
            outputs = client.server.feed(octets)
            self.assertEqual(outputs[-1], Closed())
            self.assertEqual(client.read(outputs), [CloseConnection(TOO_BIG, "")])
            self.assertEqual(client.server.feed(frame(b"x")), [])

    def test_broken_frames(self) -> None:
        """A frame against the rules closes the connection with the code for it (RFC 6455 7.4.1)."""
        for octets, code in ((b"\x81\x01x", 1002), (frame(b"\xff"), 1007), (frame(b"x", 0), 1002), (b"\xf1\x80", 1002),
                             (frame(b"x", 3), 1002), (frame(b"x" * 5, 9, False), 1002)):
            client = Client()
            outputs = client.server.feed(octets)
            self.assertEqual(outputs[-1], Closed(), octets)
            (event,) = client.read(outputs)
            assert isinstance(event, CloseConnection)
            self.assertEqual(event.code, code, octets)


class ControlTests(SynchronousTestCase):
    """Pings and goodbyes."""

    def test_pings(self) -> None:
        """A ping is answered with its own octets; the answer to ours is told (RFC 6455 5.5.2)."""
        client = Client()
        self.assertEqual(client.read(client.say(Ping(b"x"))), [Pong(bytearray(b"x"))])
        (ping,) = client.read([Write(client.server.ping())])
        assert isinstance(ping, Ping)
        self.assertEqual(client.say(ping.response()), [Heard()])

    def test_their_goodbye(self) -> None:
        """A goodbye is answered, and nothing is sent any more (RFC 6455 5.5.1)."""
        client = Client()
        outputs = client.say(CloseConnection(1000))
        self.assertEqual(outputs[-1], Closed())
        self.assertEqual([getattr(event, "code", None) for event in client.read(outputs)], [1000])
        self.assertFalse(client.server.open)
        self.assertEqual(client.server.close(), b"")

    def test_our_goodbye(self) -> None:
        """We say that we go away, and do not listen to the answer."""
        client = Client()
        self.assertEqual(client.read([Write(client.server.close())]), [CloseConnection(GOING_AWAY, "")])
        self.assertEqual(client.server.feed(frame(b"x")), [])
