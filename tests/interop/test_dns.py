"""Next hops by name, found in a real name server."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from iwf.ids import Ids
from iwf.names import Resolver
from iwf.records import Answer, Question, Type
from iwf.sip.settings import Hop, Target
from iwf.sip.transport.locator import Locator
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.dnsmasq import READY, Dnsmasq, Record, cname, host, naptr, no_service, srv
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.sipp import SippServer
from tests.peers.slixmpp_client import SlixmppClient

ZONE = (
    naptr("sip.test", 10, "SIPS+D2T", "_sips._tcp.sip.test"),
    naptr("sip.test", 20, "SIP+D2T", "_sip._tcp.sip.test"),
    naptr("sip.test", 30, "SIP+D2U", "_sip._udp.sip.test"),
    srv("_sips._tcp.sip.test", "p1.sip.test", 5061),
    srv("_sip._tcp.sip.test", "p2.sip.test", 5060, 20),
    srv("_sip._tcp.sip.test", "p1.sip.test", 5060, 10),
    srv("_sip._udp.sip.test", "p2.sip.test", 5070),
    host("p1.sip.test", "127.0.0.1", "::1"),
    host("p2.sip.test", "127.0.0.2"),
    host("plain.test", "127.0.0.3"),
    cname("alias.test", "plain.test"),
    no_service("_sip._udp.refused.test"),
    host("refused.test", "127.0.0.4"),
)

CONFIGURATION = """\
[node]
name = "iwf.test"
state_directory = "state"

[[xmpp.component]]
domain = "sip.xmpp.test"
connect = "{host}:{component}"
secret = "{secret}"
bridges = "sip"

[sip]
listen = ["udp:{host}:{sip}", "tcp:{host}:{sip}"]
dns_servers = ["{host}:{dns}"]

[[sip.alias]]
domain = "xmpp.sip.test"
bridges = "xmpp"
serves = ["xmpp.test"]

[[sip.trunk]]
domains = ["sip.test"]
allowed_sources = ["{host}"]
{next_hop}
"""
P1, P1_V6, P2 = "127.0.0.1", "::1", "127.0.0.2"


class ResolverTests(TestCase):
    """The resolver port and the search against dnsmasq."""

    def setUp(self) -> None:
        require(self, Dnsmasq)

    async def start(self, *zone: Record) -> tuple[Dnsmasq, Resolver]:
        server = await launch(self, Dnsmasq(self.mktemp(), zone or ZONE))
        return server, Resolver(reactor, [(LOOPBACK, server.port)])

    def test_next_hops(self) -> Deferred[None]:
        """NAPTR, SRV, addresses and aliases of a real zone lead to the next hops of RFC 3263."""

        async def steps() -> None:
            server, resolver = await self.start()
            locator = Locator(resolver, Ids(1), ("tcp", "udp"))
            tcp = [Hop("tcp", P1_V6, 5060), Hop("tcp", P1, 5060), Hop("tcp", P2, 5060)]
            for target, hops in (
                (Target("sip.test"), [*tcp, Hop("udp", P2, 5070)]),
                (Target("sip.test", transport="tcp"), tcp),
                (Target("sip.test", transport="udp"), [Hop("udp", P2, 5070)]),
                (Target("p2.sip.test", 5080), [Hop("udp", P2, 5080)]),
                (Target("alias.test"), [Hop("udp", "127.0.0.3", 5060)]),
                (Target("refused.test"), []),
                (Target("nowhere.test"), []),
            ):
                located = await locator.locate(target)
                self.assertEqual((list(located.hops), located.unsure), (hops, False), target)
            secure = await Locator(resolver, Ids(1)).locate(Target("sip.test", secure=True))
            self.assertEqual(list(secure.hops), [Hop("tls", P1_V6, 5061), Hop("tls", P1, 5061)])
            self.assertEqual(server.questions().count(("NAPTR", "sip.test")), 1)

        return run(steps())

    def test_long_answer(self) -> Deferred[None]:
        """An answer that is too long for a datagram is fetched over TCP."""

        async def steps() -> None:
            _, resolver = await self.start(*(srv("_sip._udp.big.test", f"server-{n}.with-a-long-name.big.test", 5060)
                                             for n in range(40)))
            answer = await resolver.ask(Question("_sip._udp.big.test", Type.SRV))
            self.assertEqual(len(answer.records), 40)

        return run(steps())

    def test_server_away(self) -> Deferred[None]:
        """A server that is away gives way to the next one."""

        async def steps() -> None:
            server, _ = await self.start()
            resolver = Resolver(reactor, [(LOOPBACK, server.new_port()), (LOOPBACK, server.port)])
            answer = await resolver.ask(Question(READY, Type.A))
            self.assertNotEqual(answer, Answer(failed=True))

        return run(steps())


class FailoverTests(TestCase):
    """The whole gateway, between an XMPP server and a SIP domain with two servers, of which one dies (SIP-51)."""

    timeout = 90

    def setUp(self) -> None:
        require(self, Dnsmasq, Prosody, SlixmppClient, SippServer, Gateway)

    def test_by_the_recipient(self) -> Deferred[None]:
        """Without a next hop: the recipient's own domain names its servers."""
        return run(self.play("", "udp"))

    def test_by_the_proxy(self) -> Deferred[None]:
        """With the name of a proxy, over TCP, where a dead server refuses the connection."""
        return run(self.play('next_hop = "proxy.test"', "tcp"))

    async def play(self, next_hop: str, transport: str) -> None:
        """Two texts: one while both servers live, one after the first has died."""
        directory = Path(self.mktemp())
        first = await launch(self, SippServer(directory / "first", transport=transport))
        second = await launch(self, SippServer(directory / "second", transport=transport))
        service = f"_sip._{transport}.sip.test"
        domain = "proxy.test" if next_hop else "sip.test"
        names = await launch(self, Dnsmasq(directory / "dns", [
            naptr(domain, 10, "SIP+D2T" if transport == "tcp" else "SIP+D2U", service),
            srv(service, "p1.sip.test", first.port, 10),
            srv(service, "p2.sip.test", second.port, 20),
            host("p1.sip.test", LOOPBACK), host("p2.sip.test", LOOPBACK),
        ]))
        server = await launch(self, Prosody(directory / "prosody", "xmpp.test", {"sip.xmpp.test": "secret"},
                                            {"romeo": "pw"}))
        gateway = Gateway(directory / "iwf")
        gateway.configuration = CONFIGURATION.format(
            host=LOOPBACK, component=server.component_port("sip.xmpp.test"), secret="secret", sip=gateway.port,
            dns=names.port, next_hop=next_hop)
        await launch(self, gateway)
        romeo = await launch(self, SlixmppClient(directory / "romeo", "romeo@xmpp.test/a", "pw", server.port))

        while (await romeo.disco_info("sip.xmpp.test"))["condition"] is not None:
            await gateway.sleep(0.1)
        romeo.send("juliet*sip.test@sip.xmpp.test", "to the first")
        await self.arrives(first, "to the first")
        await first.kill()
        romeo.send("juliet*sip.test@sip.xmpp.test", "to the second")
        await self.arrives(second, "to the second")
        self.assertFalse([request for request in second.requests() if "to the first" in request])
        self.assertIn(("NAPTR", domain), names.questions())

    async def arrives(self, server: SippServer, text: str, timeout: float = 20.0) -> None:
        """Wait until a server has got a text."""
        for _ in range(round(timeout / 0.1)):
            if any(request.rstrip().endswith(text) for request in server.requests()):
                return
            await server.sleep(0.1)
        self.fail(f"{text!r} did not arrive")
