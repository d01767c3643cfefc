"""Passwords between real programs and a process of iwf: Kamailio asks the gateway, the gateway asks baresip
(SIP-60 to SIP-62, SIP-80, XMPP-60)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, Peer, PeerError, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.kamailio_asking import AskingKamailio
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient

ROMEO_THERE = "sip:romeo*xmpp.test@sip.test"

CONFIGURATION = """\
[node]
name = "iwf.test"
state_directory = "state"

[[xmpp.component]]
domain = "sip.xmpp.test"
connect = "{host}:{component}"
secret = "secret"
bridges = "sip"

[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[[sip.alias]]
domain = "xmpp.sip.test"
bridges = "xmpp"
serves = ["xmpp.test"]
"""

PROVIDER = """
[[sip.trunk]]
name = "provider"
domains = ["sip.test"]
next_hop = "{transport}:{host}:{proxy}"
username = "iwf"
password = "{password}"
register = ["{identity}"]
"""

HOME = """
[sip.registrar]
domain = "home.test"
algorithms = ["MD5"]

[[sip.registrar.accounts]]
user = "juliet"
password = "{password}"
"""


class DigestCase(TestCase):
    """Prosody with Romeo, and a gateway."""

    timeout = 90

    def needs(self, *peers: type[Peer]) -> None:
        require(self, Prosody, SlixmppClient, Gateway, Baresip, *peers)
        self.directory = Path(self.mktemp())
        self.gateway = Gateway(self.directory / "iwf")
        self.addCleanup(self.gateway.stop)

    async def xmpp(self) -> tuple[Prosody, SlixmppClient]:
        server = await launch(self, Prosody(self.directory / "prosody", components={"sip.xmpp.test": "secret"}))
        romeo = SlixmppClient(self.directory / "romeo", "romeo@xmpp.test/orchard", "pw", server.port)
        return server, await launch(self, romeo)

    def configure(self, server: Prosody, extra: str, **words: Any) -> None:
        self.gateway.configuration = (CONFIGURATION + extra).format(
            host=LOOPBACK, port=self.gateway.port, component=server.component_port("sip.xmpp.test"), **words)

    async def component(self, romeo: SlixmppClient) -> None:
        """Wait until the gateway is the component."""
        while (await romeo.ping("sip.xmpp.test", timeout=2))["condition"] is not None:
            await self.gateway.sleep(0.1)

    def juliet(self, domain: str, port: int, contact: str, **options: Any) -> Baresip:
        return Baresip(self.directory / "juliet", "juliet", domain, port, [contact], **options)

    async def both_ways(self, romeo: SlixmppClient, juliet: Baresip, image: str, contact: str) -> None:
        """Texts cross, several of them, as later ones carry credentials ahead of any challenge."""
        for number in range(3):
            romeo.send(image, f"What lady is that? ({number})")
            heard = await juliet.message(f"What lady is that? ({number})")
            self.assertIn("romeo*xmpp.test", heard["from"])
            self.assertIn(await juliet.send_message(contact, f"O Romeo, Romeo! ({number})"), (200, 202))
            event = await romeo.message(f"O Romeo, Romeo! ({number})")
            self.assertEqual(event["from"].partition("/")[0], image)


class ProviderTests(DigestCase):
    """Kamailio wants a password for every request of the gateway."""

    def provider(self, transport: str = "udp", password: str = "s3cret, \\\\ really") -> AskingKamailio:
        return AskingKamailio(
            self.directory / "kamailio", gateway=(LOOPBACK, self.gateway.port, transport),
            users={"juliet": "pw", "romeo*xmpp.test": "s3cret"})

    def test_register_and_write(self) -> Deferred[None]:
        """The gateway registers Romeo at the provider and his messages are let through; Juliet reaches him at his
        address there, and answers (SIP-60, SIP-80)."""
        self.needs(AskingKamailio)

        async def steps() -> None:
            for transport in ("udp", "tcp"):
                server, romeo = await self.xmpp()
                proxy = await launch(self, self.provider(transport))
                self.configure(server, PROVIDER, proxy=proxy.port, password="s3cret", identity=ROMEO_THERE,
                               transport=transport)
                await launch(self, self.gateway)
                await self.component(romeo)
                while not proxy.contacts("romeo*xmpp.test"):
                    await proxy.sleep(0.1)
                juliet = await launch(self, self.juliet("sip.test", proxy.port, ROMEO_THERE, password="pw"))
                await self.both_ways(romeo, juliet, "juliet*sip.test@sip.xmpp.test", ROMEO_THERE)
                await self.gateway.stop()
                self.assertEqual(proxy.contacts("romeo*xmpp.test"), [])
                for peer in (juliet, proxy, romeo, server):
                    await peer.stop()

        return run(steps())

    def test_wrong_password(self) -> Deferred[None]:
        """With a wrong password the trunk does not come up, and Romeo hears that Juliet cannot be reached."""
        self.needs(AskingKamailio)

        async def steps() -> None:
            server, romeo = await self.xmpp()
            proxy = await launch(self, self.provider())
            self.configure(server, PROVIDER, proxy=proxy.port, password="guess", identity=ROMEO_THERE, transport="udp")
            self.gateway.configuration += "\n[node.patience]\ngrace = 1.0\n"
            await launch(self, self.gateway)
            await self.component(romeo)
            await self.gateway.sleep(1.5)  # longer than the grace
            sent = romeo.send("juliet*sip.test@sip.xmpp.test", "Hist!")
            error = await romeo.error(sent)
            self.assertEqual(error["event"], "error")
            self.assertEqual(proxy.contacts("romeo*xmpp.test"), [])

        return run(steps())


class HomeTests(DigestCase):
    """baresip registers at the gateway itself; of this age it knows MD5 only, and no more than one challenge."""

    def test_register_and_write(self) -> Deferred[None]:
        """Juliet's device registers with her password, over UDP and TCP, and texts go both ways (XMPP-60)."""
        self.needs()

        async def steps() -> None:
            server, romeo = await self.xmpp()
            self.configure(server, HOME, password="pw")
            await launch(self, self.gateway)
            await self.component(romeo)
            contact = "sip:romeo*xmpp.test@xmpp.sip.test"
            for transport in ("udp", "tcp"):
                juliet = await launch(self, self.juliet("home.test", self.gateway.port, contact, transport=transport,
                                                        password="pw"))
                await self.both_ways(romeo, juliet, "juliet*home.test@sip.xmpp.test", contact)
                await juliet.stop()
            sent = romeo.send("juliet*home.test@sip.xmpp.test", "Art thou gone?")
            self.assertEqual((await romeo.error(sent, timeout=40))["event"], "error")

        return run(steps())

    def test_wrong_password(self) -> Deferred[None]:
        """With a wrong password the device is not registered."""
        self.needs()

        async def steps() -> None:
            server, _ = await self.xmpp()
            self.configure(server, HOME, password="other")
            await launch(self, self.gateway)
            juliet = self.juliet("home.test", self.gateway.port, "sip:a@b", password="pw")
            juliet.start_timeout = 8.0
            self.addCleanup(juliet.stop)
            with self.assertRaises(PeerError):
                await juliet.start()

        return run(steps())
