"""Clients that others made see each other through the gateway: Converse in a browser, SIP.js, Kamailio."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.bridge import ROMEO, Bridge
from tests.peers.base import LOOPBACK, Port, launch, require, run
from tests.peers.converse import Converse
from tests.peers.gateway import Gateway
from tests.peers.kamailio import Kamailio
from tests.peers.kamailio_watching import KamailioWatching
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.peers.webphone import WebPhone

JULIET = "juliet*sip.test@sip.xmpp.test"
"""Juliet as XMPP users see her."""
TYBALT = "sip:tybalt*xmpp.test@xmpp.sip.test"
"""Tybalt as SIP users see him."""

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}", "ws:{host}:{ws}"]

[sip.presence]
notify_min = 0.2

# SIP.js knows no algorithm but MD5.
[sip.registrar]
domain = "sip.test"
algorithms = ["MD5"]
publish_in = true

[[sip.registrar.accounts]]
user = "juliet"
password = "secret"
"""

DOCUMENT = """\
<?xml version='1.0' encoding='UTF-8'?>
<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model'
  xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='pres:juliet@sip.test'>
 <tuple id='balcony'><status><basic>{basic}</basic></status><note>{note}</note></tuple>
 <dm:person id='p'><rpid:activities>{activity}</rpid:activities></dm:person>
</presence>"""


class WebTests(TestCase):
    """Tybalt at a web page with Converse, behind Prosody; Juliet at a web page with SIP.js."""

    timeout = 90

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, WebPhone, Converse)

    async def start(self, node: str = "") -> None:
        self.bridge = Bridge(self, web=True)
        web = Port()
        await self.bridge.start(SIP.format(host=LOOPBACK, port=self.bridge.gateway.port, ws=web.number), node)
        self.bridge.server.add_user("tybalt", "pw")
        self.juliet = await launch(self, WebPhone(self.bridge.folder / "phone", "sipjs",
                                                  f"ws://{LOOPBACK}:{web.number}", "juliet", "sip.test",
                                                  password="secret"))
        self.tybalt = await launch(self, Converse(
            self.bridge.folder / "page", "tybalt@xmpp.test/square", "pw",
            f"ws://{LOOPBACK}:{self.bridge.server.web_port}/xmpp-websocket"))

    async def publish(self, note: str, activity: str = "", basic: str = "open") -> None:
        document = DOCUMENT.format(note=note, activity=activity, basic=basic)
        answer = await self.juliet.publish("sip:juliet@sip.test", document)
        self.assertEqual(answer["code"], 200)

    def test_both_ways(self) -> Deferred[None]:
        """He adds her and sees what she publishes, as it changes and until it ends; she watches him and sees what he
        says of himself (PUB-4, PUB-5, PRES-21 to PRES-23, PRES-35)."""
        async def steps() -> None:
            await self.start()
            await self.publish("at the window")
            self.tybalt.add(JULIET)
            await self.tybalt.sees(JULIET, show="online", status="at the window", subscription="to",
                                   resources=["balcony"])
            await self.publish("hush", "<rpid:away/>")
            await self.tybalt.sees(JULIET, show="away", status="hush")

            self.juliet.watch(TYBALT)
            await self.juliet.notified("active")
            self.tybalt.status("dnd", "looking for a fight")
            seen = await self.juliet.notified("looking for a fight")
            self.assertIn("<rpid:busy/>", seen["document"])
            await self.tybalt.sees(JULIET, subscription="both")

            await self.publish("", basic="closed")
            await self.tybalt.sees(JULIET, show="offline", resources=[])

        return run(steps())

    def test_who_watches(self) -> Deferred[None]:
        """Where not everybody may see her, she learns that he asks, and lets him in by watching him too (RFC 3857,
        RFC 3858, PUB-5)."""
        async def steps() -> None:
            await self.start(node="published_open = false\n")
            await self.publish("at the window")
            self.juliet.watch("sip:juliet@sip.test", "presence.winfo")
            await self.juliet.notified('version="0" state="full"')
            self.tybalt.add(JULIET)
            seen = await self.juliet.notified('status="pending"')
            self.assertIn(f">{TYBALT}</watcher>", seen["document"])
            self.juliet.watch(TYBALT)
            await self.juliet.notified('status="active"')
            await self.tybalt.sees(JULIET, show="online", status="at the window", subscription="both")

        return run(steps())


TRUNK = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[sip.presence]
notify_min = 0.2

[[sip.trunk]]
name = "server"
domains = ["sip.test"]
next_hop = "{transport}:{host}:{server}"
allowed_sources = ["{host}"]
"""


class KamailioTests(TestCase):
    """Kamailio watches Romeo for Juliet, on a trunk."""

    timeout = 60

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, KamailioWatching)

    def test_watches(self) -> Deferred[None]:
        """It is notified at once, as he lets it see him, as he changes, and when he takes it back (PRES-20 to
        PRES-24)."""
        async def steps() -> None:
            bridge = Bridge(self)
            kamailio = KamailioWatching(bridge.folder / "kamailio", bridge.gateway.port)
            await bridge.start(TRUNK.format(host=LOOPBACK, port=bridge.gateway.port, transport="udp",
                                            server=kamailio.port))
            await launch(self, kamailio)
            await kamailio.watch(f"sip:{ROMEO}", "sip:juliet@sip.test")
            await bridge.romeo.events.wait_for(
                lambda event: event["event"] == "presence" and event["type"] == "subscribe")
            await kamailio.notified("pending")
            bridge.romeo.presence(to=JULIET, type="subscribed")
            await kamailio.notified("orchard")
            bridge.romeo.presence(show="dnd", status="in a duel")
            seen = await kamailio.notified("in a duel")
            self.assertIn("<rpid:busy/>", seen["document"])
            bridge.romeo.presence(to=JULIET, type="unsubscribed")
            await kamailio.notified("terminated;reason=rejected")

        return run(steps())


PROVIDER = TRUNK + """
register = ["sip:romeo*xmpp.test@sip.test"]
"""


class GatewayTests(TestCase):
    """Romeo has the gateway itself in his roster; its trunk has to register at a server."""

    timeout = 60

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, Kamailio)

    async def start(self, *, registered: bool) -> Bridge:
        bridge = Bridge(self)
        kamailio = Kamailio(bridge.folder / "kamailio", gateway=(LOOPBACK, bridge.gateway.port, "tcp"),
                            users={"romeo*xmpp.test": ""})
        if registered:
            await launch(self, kamailio)
        await bridge.start(PROVIDER.format(host=LOOPBACK, port=bridge.gateway.port, transport="tcp",
                                           server=kamailio.port), "[node.patience]\ngrace = 0.5\n")
        bridge.romeo.presence(to="sip.xmpp.test", type="subscribe")
        return bridge

    async def told(self, bridge: Bridge, status: str) -> None:
        await bridge.romeo.events.wait_for(
            lambda event: event["event"] == "presence" and event["from"] == "sip.xmpp.test"
            and event["type"] == "available" and event["status"] == status, 20.0)

    def test_side_up(self) -> Deferred[None]:
        """He sees that it is there (XMPP-21)."""
        async def steps() -> None:
            await self.told(await self.start(registered=True), "")

        return run(steps())

    def test_side_down(self) -> Deferred[None]:
        """He sees that what is behind it is not (XMPP-22)."""
        async def steps() -> None:
            await self.told(await self.start(registered=False), "SIP side down")

        return run(steps())
