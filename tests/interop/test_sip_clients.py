"""SIP clients that others made, and a user of Prosody: texts both ways over UDP, TCP, TLS, WS and WSS, with nobody
in front of the gateway (the basic configuration of draft-ietf-stox-im) and with Kamailio (the advanced one)."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.trial.unittest import TestCase

from tests.interop.bridge import ROMEO, Bridge
from tests.interop.clients import DOMAIN, LIMIT, MATRIX, PASSWORD, PROGRAMS, TEXTS, USERS, Client, Server, user_of
from tests.peers.base import LOOPBACK, PeerError, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.kamailio import WebKamailio
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.peers.webphone import BrowserPhone
from tests.support.certificates import Authority

NOT_OURS = "sip:nobody@xmpp.sip.test"
NOBODY = "sip:nobody*xmpp.test@xmpp.sip.test"
CERT_AUTHORITY_INVALID = "net_error -202"
"""In the words of Chromium's log."""
TAKES = re.compile(r"the message takes (\d+) octets as a SIP request")

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}", "tls:{host}:{tls}", "ws:{host}:{ws}", "wss:{host}:{wss}"]
host = "gateway.test"

[sip.tls]
certificate = "{certificate}"
key = "{key}"
ca = "{ca}"
verify_clients = "no"
"""

# MD5 is the only algorithm that all these clients know.
REGISTRAR = f"""
[sip.registrar]
domain = "{DOMAIN}"
algorithms = ["MD5"]
""" + "".join(f"""
[[sip.registrar.accounts]]
user = "{user}"
password = "{PASSWORD}"
""" for user in USERS)

TRUNK = f"""
[[sip.trunk]]
name = "proxy"
domains = ["{DOMAIN}"]
next_hop = "udp:{{host}}:{{proxy}}"
allowed_sources = ["{{host}}"]
"""


class ClientTests(TestCase):
    """What each client does, one after the other; a failure of one says nothing of the next."""

    timeout = 60

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, *PROGRAMS)

    def prepare(self) -> None:
        """Everything but the programs."""
        self.bridge = Bridge(self)
        self.authority = Authority(self.bridge.folder / "certificates")

    async def start_gateway(self, peers: str, **words: object) -> Server:
        """The gateway and the XMPP side; where the gateway's own registrar is."""
        gateway = self.bridge.gateway
        issued = self.authority.issue("gateway", ["localhost", DOMAIN, "xmpp.sip.test"])
        ports = {kind: gateway.new_port() for kind in ("tls", "ws", "wss")}
        ports["udp"] = ports["tcp"] = gateway.port
        await self.bridge.start((SIP + peers).format(
            host=LOOPBACK, port=gateway.port, tls=ports["tls"], ws=ports["ws"], wss=ports["wss"],
            certificate=issued.certificate, key=issued.key, ca=self.authority.ca, **words))
        return Server(ports, self.authority)

    async def all_clients(self, server: Server) -> None:
        faults = {}
        clients = [kind(self.bridge.folder, server, transport, user_of(kind, transport),
                        (f"sip:{ROMEO}", NOT_OURS, NOBODY)) for kind, transport in MATRIX]
        starting = launch(self, clients[0].peer)
        for client, following in zip(clients, [*clients[1:], None], strict=True):
            started = starting
            if following is not None:
                starting = launch(self, following.peer)      # while this one is at work
            try:
                await started
                await self.texts(client)
                await self.errors(client)
                await self.long_texts(client)
            except (PeerError, AssertionError) as fault:
                faults[client.image] = fault
            finally:
                await client.peer.stop()
        if faults:
            self.fail("\n".join(f"{user}: {fault}\n" for user, fault in faults.items()))

    async def texts(self, client: Client) -> None:
        """Both ways, unchanged, from and to the right addresses (MSG-3)."""
        for text in TEXTS:
            self.assertIn(await client.send(f"sip:{ROMEO}", text), (200, 202), text)
            heard = await self.bridge.heard(text)
            self.assertEqual(heard["from"].partition("/")[0], client.image)
            # As an answer in the client's own thread, and as the beginning of another.
            for thread in (heard["thread"], None):
                self.bridge.romeo.send(client.image, text, thread=thread)
                self.assertEqual((await client.hear(text)).partition(";")[0], f"sip:{ROMEO}")

    async def errors(self, client: Client) -> None:
        """Whom there is not: the client says so at once, or shows why it turned out so; Romeo gets an error."""
        self.assertIn(await client.send(NOT_OURS, "Anybody?"), (400, 404))
        self.assertIn(await client.send(NOBODY, "Anybody?"), (200, 202))
        notice = 'Your message "Anybody?" was not delivered: the recipient\'s server does not take messages'
        self.assertEqual(await client.hear(notice), NOBODY)
        sent = self.bridge.romeo.send(f"nobody*{DOMAIN}@sip.xmpp.test", "Anybody?")
        error = await self.bridge.romeo.error(sent)
        self.assertIn("item-not-found", error["xml"])

    async def long_texts(self, client: Client) -> None:
        """To the gateway as long as it gets; from it up to the limit for a whole request, to the octet (MSG-27)."""
        text = self.long_text(client, client.longest)
        self.assertIn(await client.send(f"sip:{ROMEO}", text), (200, 202))
        await self.bridge.heard(text)
        octets = 999  # the text that fits has as many digits in Content-Length
        # What the way asks for comes on top of the first count, so one cut may not be enough.
        for _ in range(2):
            size = await self.refused(client, self.long_text(client, octets))
            octets -= max(size - LIMIT, 0)
        self.assertEqual(await self.refused(client, self.long_text(client, octets)), 0)
        self.assertEqual(await self.refused(client, self.long_text(client, octets + 1)), LIMIT + 1)

    async def refused(self, client: Client, text: str) -> int:
        """The size of the request that a text from Romeo would have been; 0: it came."""
        error = self.bridge.romeo.error(self.bridge.romeo.send(client.image, text))
        heard = Deferred.fromCoroutine(client.hear(text))
        either: list[Deferred[Any]] = [error, heard]
        event, which = await DeferredList(either, fireOnOneCallback=True, consumeErrors=True)
        either[1 - which].cancel()
        if which == 1:
            return 0
        size = TAKES.search(event["xml"])
        assert size is not None, event
        return int(size[1])

    def long_text(self, client: Client, octets: int) -> str:
        """One that was not sent before, of that many octets."""
        text = f"{client.image} " + "\N{GREEK SMALL LETTER OMEGA}" * 200
        return text + "." * (octets - len(text.encode()))


class BasicConfigurationTests(ClientTests):
    """The clients register at the gateway itself (XMPP-60)."""

    def test_clients(self) -> Deferred[None]:
        """All clients register with their passwords and write and read, and errors are shown to their users."""

        async def steps() -> None:
            self.prepare()
            await self.all_clients(await self.start_gateway(REGISTRAR))

        return run(steps())

    def test_browser_of_a_stranger(self) -> Deferred[None]:
        """A browser that does not know our authority does not get through (RFC 7118 7)."""

        async def steps() -> None:
            self.prepare()
            server = await self.start_gateway(REGISTRAR)
            phone = BrowserPhone(self.bridge.folder / "stranger", server.url("wss"), "browser-wss", DOMAIN,
                                 password=PASSWORD)
            self.addCleanup(phone.stop)
            try:
                await phone.start()
            except PeerError as error:
                self.assertIn("1006", str(error))
            else:
                self.fail("it connects")
            self.assertIn(CERT_AUTHORITY_INVALID, phone.log_path.read_text())

        return run(steps())


class AdvancedConfigurationTests(ClientTests):
    """The clients register at a proxy that stands in front of the gateway."""

    def setUp(self) -> None:
        super().setUp()
        require(self, WebKamailio)

    def test_clients(self) -> Deferred[None]:
        """All clients write and read through Kamailio, and errors are shown to their users."""

        async def steps() -> None:
            self.prepare()
            proxy = self.authority.issue("proxy", ["localhost", DOMAIN])
            kamailio = WebKamailio(
                self.bridge.folder / "kamailio", DOMAIN, (LOOPBACK, self.bridge.gateway.port, "udp"),
                ("xmpp.sip.test",), dict.fromkeys(USERS, PASSWORD),
                tls=(proxy.certificate, proxy.key, self.authority.ca))
            await launch(self, kamailio)
            await self.start_gateway(TRUNK, proxy=kamailio.port)
            plain, secure = kamailio.port, kamailio.tls_port
            ports = {"udp": plain, "tcp": plain, "tls": secure, "ws": plain, "wss": secure}
            await self.all_clients(Server(ports, self.authority))

        return run(steps())
