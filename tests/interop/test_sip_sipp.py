"""SIPp against the gateway: passwords, lost datagrams, many connections, repetitions, and answers in disorder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.bridge import ROMEO, Bridge
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.sipp import SippResult, SippServer, Text, send_texts
from tests.peers.slixmpp_client import SlixmppClient
from tests.support.sip_peer import SipPeer, SipStream

LOSING = ("-lost", "15")
"""Throw a seventh of all messages away, in and out."""
AUTH_URI = ("-auth_uri", ROMEO)
"""SIPp would name the address of the gateway in its credentials."""
HOLLOW = ("-nr", "-default_behaviors", "all,-bye,-abortunexp")
"""Do not take a repeated answer for a reason to send something."""
ESTABLISHED = "01"
"""In the table of the kernel's connections."""

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[[sip.trunk]]
name = "sipp"
domains = ["sip.test"]
next_hop = "{transport}:{host}:{hop}"
allowed_sources = ["{host}"]
"""

# SIPp before 3.7 knows MD5 only.
ASKING = """
[[sip.trunk]]
name = "asked"
domains = ["asked.test"]
allowed_sources = ["{host}"]
digest = true
username = "sipp"
password = "s3cret"
algorithms = ["MD5"]
"""


class SippCase(TestCase):
    """The gateway, Romeo, and SIPp on the other side."""

    timeout = 40

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, SippServer)
        self.bridge = Bridge(self)
        self.romeo, self.port = self.bridge.romeo, self.bridge.gateway.port

    async def start(self, hop: int = 9, transport: str = "udp", more: str = "") -> None:
        await self.bridge.start((SIP + more).format(host=LOOPBACK, port=self.port, hop=hop, transport=transport))

    def texts(self, count: int, domain: str = "sip.test") -> list[Text]:
        """To Romeo, each from another user."""
        return [Text(ROMEO, f"user{number}@{domain}", f"text {number} from {domain}") for number in range(count)]

    async def send(self, texts: list[Text], name: str = "client", **options: Any) -> SippResult:
        return await send_texts(self.bridge.folder / name, self.port, texts, **options)

    async def heard_once(self, texts: list[Text]) -> None:
        """Romeo has got every text once, and no others."""
        for text in texts:
            await self.bridge.heard(text.body)
        bodies = Counter(event["body"] for event in self.romeo.events.history if event["event"] == "message")
        self.assertEqual(bodies, Counter(text.body for text in texts))


class InboundTests(SippCase):
    """Texts from SIPp to Romeo."""

    def test_digest(self) -> Deferred[None]:
        """SIPp answers the challenge and its texts are taken; with a wrong password none is (SIP-62)."""

        async def steps() -> None:
            await self.start(more=ASKING)
            texts = self.texts(5, "asked.test")
            right = ("[authentication username=sipp password=s3cret]",)
            result = await self.send(texts, scenario="message_digest.xml", options=AUTH_URI, extra=right)
            self.assertEqual((result.succeeded, result.failed, result.statuses[401]), (5, 0, 5))
            wrong = ("[authentication username=sipp password=guess]",)
            result = await self.send(texts, "wrong", scenario="message_digest.xml", options=AUTH_URI, extra=wrong)
            self.assertEqual((result.succeeded, result.failed), (0, 5))
            await self.heard_once(texts)

        return run(steps())

    def test_lost_datagrams(self) -> Deferred[None]:
        """When a seventh of all datagrams is lost, both ways, every text arrives and none arrives twice (RFC 3261
        17.1.2, 17.2.2)."""

        async def steps() -> None:
            await self.start()
            texts = self.texts(20)
            result = await self.send(texts, options=LOSING, rate=200)
            self.assertEqual((result.succeeded, result.failed), (20, 0))
            self.assertGreater(result.retransmitted, 0)
            await self.heard_once(texts)

        return run(steps())

    def test_many_connections(self) -> Deferred[None]:
        """A hundred peers are connected by TCP at a time, and each gets its answer on its connection (SIP-42)."""

        async def steps() -> None:
            await self.start()
            texts = self.texts(100)
            done = Deferred.fromCoroutine(
                self.send(texts, transport="tcp-each", scenario="message_held.xml", rate=500, limit=100))
            most = 0
            while not done.called:
                most = max(most, connections_to(self.port))
                await deferLater(reactor, 0.05, lambda: None)
            result = await done
            self.assertEqual((result.succeeded, result.failed), (100, 0))
            self.assertGreaterEqual(most, 100)  # SIPp opens one or two beside those of its calls
            await self.heard_once(texts)

        return run(steps())

    def test_repetitions(self) -> Deferred[None]:
        """A request that comes four times is one text, and is answered the same after its end (SIP-26)."""

        async def steps() -> None:
            await self.start()
            texts = self.texts(20)
            result = await self.send(texts, scenario="message_repeated.xml", options=HOLLOW)
            self.assertEqual((result.succeeded, result.failed, set(result.statuses)), (20, 0, {202}))
            self.assertGreaterEqual(result.statuses[202], 40)
            await self.heard_once(texts)

        return run(steps())


class OutboundTests(SippCase):
    """Texts from Romeo to users at SIPp."""

    async def server(self, **options: Any) -> SippServer:
        return await launch(self, SippServer(self.bridge.folder / "server", **options))

    async def told(self, server: SippServer, count: int, each: int = 1) -> None:
        """Romeo writes to that many users, some texts to each; all of it arrives once, and no error comes."""
        expected: Counter[str] = Counter()
        for number in range(count * each):
            text = f"text {number}"
            self.romeo.send(f"user{number % count}*sip.test@sip.xmpp.test", text)
            expected[text] += 1
        calls: dict[str, str] = {}
        while len(calls) < len(expected):
            await server.sleep(0.1)
            for request in server.requests():
                head, _, body = request.partition("\n\n")
                call_id = next(line for line in head.splitlines() if line.startswith("Call-ID:"))
                calls[call_id] = body.strip()
        self.assertEqual(Counter(calls.values()), expected)
        await server.sleep(0.5)
        self.assertEqual([event for event in self.romeo.events.history if event["event"] == "error"], [])

    def test_lost_datagrams(self) -> Deferred[None]:
        """When a seventh of all datagrams is lost, every text arrives, as one request, and no error is told."""

        async def steps() -> None:
            server = await self.server(template="message_uas_patient.xml", options=LOSING)
            await self.start(server.port)
            await self.told(server, 15)

        return run(steps())

    def test_disorder(self) -> Deferred[None]:
        """Answers come in another order than the requests went out, come twice, and contradict themselves later: the
        first final one counts (RFC 3261 17.1.2.2)."""

        async def steps() -> None:
            for transport in ("udp", "tcp"):
                self.bridge = Bridge(self)
                self.romeo, self.port = self.bridge.romeo, self.bridge.gateway.port
                server = await self.server(template="message_unordered.xml", transport=transport)
                await self.start(server.port, transport)
                await self.told(server, 20, each=2)
                for peer in (self.romeo, self.bridge.gateway, self.bridge.server, server):
                    await peer.stop()

        return run(steps())


class OctetTests(SippCase):
    """A connection on which every octet comes for itself, which SIPp cannot do."""

    def test_octet_by_octet(self) -> Deferred[None]:
        """Requests are put together from single octets, a keep-alive before them too, and answered (SIP-47)."""

        async def steps() -> None:
            await self.start()
            peer = SipPeer((LOOPBACK, self.port))
            stream = await connectProtocol(TCP4ClientEndpoint(reactor, LOOPBACK, self.port), SipStream(peer))
            stream.transport.setTcpNoDelay(True)
            queue: list[bytes] = []
            peer.write = lambda octets, to=None: queue.append(octets)  # type: ignore[method-assign]
            texts = ["one \N{GRINNING FACE}", "two"]
            calls = [peer.message(f"sip:{ROMEO}", text) for text in texts]
            for octet in b"\r\n\r\n" + b"".join(queue):
                stream.transport.write(bytes([octet]))
                await deferLater(reactor, 0, lambda: None)
            for text, call in zip(texts, calls, strict=True):
                await self.bridge.heard(text)
                while peer.answers(call) != [202]:
                    await deferLater(reactor, 0.02, lambda: None)
            stream.transport.loseConnection()

        return run(steps())


def connections_to(port: int) -> int:
    """How many connections from elsewhere a port of this machine has."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows)
