"""SIP clients of web pages, JsSIP and SIP.js, write to a user of Prosody (RFC 7118)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.bridge import ROMEO, Bridge
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.peers.webphone import LIBRARIES, WebPhone
from tests.support.certificates import Authority

TEXT = "Grüße von unterwegs \N{GRINNING FACE}\nzweite Zeile"

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}", "ws:{host}:{ws}", "wss:{host}:{wss}"]
host = "gateway.test"

[sip.tls]
certificate = "{certificate}"
key = "{key}"

"""

TRUNK = """
[[sip.trunk]]
name = "web"
domains = ["sip.test"]
allowed_sources = ["{host}"]
"""

# Both libraries know no algorithm but MD5.
REGISTRAR = """
[sip.registrar]
domain = "sip.test"
algorithms = ["MD5"]

[[sip.registrar.accounts]]
user = "juliet"
password = "secret"
"""


class WebSocketTests(TestCase):
    """Texts and OPTIONS from web clients."""

    timeout = 90

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, WebPhone)

    async def bridge(self, peers: str = TRUNK) -> Bridge:
        bridge = Bridge(self)
        authority = Authority(bridge.folder / "certificates")
        issued = authority.issue("gateway", ["localhost"])
        self.ca = authority.ca
        self.ws, self.wss = bridge.gateway.new_port(), bridge.gateway.new_port()
        await bridge.start((SIP + peers).format(host=LOOPBACK, port=bridge.gateway.port, ws=self.ws, wss=self.wss,
                                      certificate=issued.certificate, key=issued.key))
        return bridge

    async def phone(self, bridge: Bridge, library: str, url: str, password: str = "") -> WebPhone:
        name = f"{library}-{url.partition(':')[0]}"
        return await launch(self, WebPhone(bridge.folder / name, library, url, "juliet", "sip.test", self.ca, password))

    def test_message(self) -> Deferred[None]:
        """Both libraries, with and without TLS: the text arrives as it was written, and the answer comes
        back on the connection, though the client has no address (RFC 7118 5)."""

        async def steps() -> None:
            bridge = await self.bridge()
            for library in LIBRARIES:
                for url in (f"ws://localhost:{self.ws}", f"wss://localhost:{self.wss}/sip"):
                    phone = await self.phone(bridge, library, url)
                    text = f"{TEXT} {library} {url}"
                    self.assertEqual(await phone.send_message(f"sip:{ROMEO}", text), 202)
                    event = await bridge.heard(text)
                    self.assertEqual(event["from"].partition("/")[0], "juliet*sip.test@sip.xmpp.test")
                    self.assertEqual(await phone.options(f"sip:{ROMEO}"), 200)
                    await phone.stop()

        return run(steps())

    def test_registered(self) -> Deferred[None]:
        """A registered client gets what is written to him, over the connection that he opened, though his
        contact names a host that does not exist (RFC 7118 5, RFC 5626)."""

        async def steps() -> None:
            bridge = await self.bridge(REGISTRAR)
            for library in LIBRARIES:
                for url in (f"ws://localhost:{self.ws}", f"wss://localhost:{self.wss}"):
                    phone = await self.phone(bridge, library, url, "secret")
                    text = f"{TEXT} {library} {url}"
                    bridge.romeo.send("juliet*sip.test@sip.xmpp.test", text)
                    event = await phone.message()
                    self.assertEqual(event["text"].replace("\r\n", "\n"), text)
                    self.assertEqual(event["from"].partition(";")[0], f"sip:{ROMEO}")
                    self.assertEqual(await phone.send_message(f"sip:{ROMEO}", text), 202)
                    await bridge.heard(text)
                    await phone.stop()

        return run(steps())

    def test_unknown_authority(self) -> Deferred[None]:
        """A web client that does not know our authority does not get through (RFC 7118 7)."""

        async def steps() -> None:
            bridge = await self.bridge()
            self.ca = ""
            phone = WebPhone(bridge.folder / "stranger", "jssip", f"wss://localhost:{self.wss}", "juliet", "sip.test")
            self.addCleanup(phone.stop)
            phone.start_timeout = 2.0
            await self.assertFailure(phone.start(), Exception)

        return run(steps())
