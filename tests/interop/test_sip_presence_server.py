"""The SIP edge and a presence server (Kamailio): watching its users, and publishing ours.

The test stands in the place of the engine, so that it sees what the edge makes of the server, and nothing else; but
for :class:`WholeTests`, where the whole gateway runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from iwf.mapping.model import (
    Activity,
    Address,
    Device,
    Note,
    Presence,
    Show,
    WatchGranted,
    WatchRefused,
)
from tests.interop.bridge import Bridge
from tests.interop.watching import ALIAS, JULIET, ROMEO, WatchingDesk
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.kamailio_presence import KamailioPresence
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.support.sip_peer import SipPeer

ROMEO_URI = f"sip:romeo*xmpp.test@{ALIAS}"
MERCUTIO = Address("sip", "mercutio*xmpp.test", ALIAS)

JULIET_JID = "juliet*sip.test@sip.xmpp.test"
GATEWAY_JID = "sip.xmpp.test"

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[[sip.trunk]]
name = "server"
domains = ["sip.test"]
next_hop = "udp:{host}:{hop}"
allowed_sources = ["{host}"]
publish = true
"""

DOCUMENT = """\
<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:juliet@sip.test">
<tuple id="phone"><status><basic>{basic}</basic></status><note>{note}</note></tuple>
<dm:person id="p"><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>
</presence>
"""


class PresenceServerCase(TestCase):
    """A presence server, the edge, and Juliet's phone."""

    timeout = 60

    def setUp(self) -> None:
        require(self, KamailioPresence)

    async def start(self, desk: dict[str, Any] | None = None, **server: Any) -> None:
        folder = Path(self.mktemp()).absolute()
        self.server = await launch(self, KamailioPresence(folder, aliases=(ALIAS,), **server))
        self.desk = self.open_desk(**(desk or {}))
        self.phone = SipPeer((LOOPBACK, self.server.port))
        port = reactor.listenUDP(0, self.phone, interface=LOOPBACK)
        self.addCleanup(port.stopListening)
        self.etag = ""

    def open_desk(self, **settings: Any) -> WatchingDesk:
        desk = WatchingDesk(reactor, self.server.port, **settings)
        desk.start()
        self.addCleanup(desk.stop)
        return desk

    async def publish(self, basic: str = "open", note: str = "here", activity: str = "away") -> None:
        """Juliet's phone tells the server how she is."""
        headers = "Event: presence\r\nExpires: 600\r\n"
        if self.etag:
            headers += f"SIP-If-Match: {self.etag}\r\n"
        body = DOCUMENT.format(basic=basic, note=note, activity=activity)
        call_id = self.phone.message("sip:juliet@sip.test", body, "sip:juliet@sip.test", "PUBLISH",
                                     "application/pidf+xml", headers)
        while not self.phone.answers(call_id):
            await self.pause(0.02)
        self.assertEqual([200], self.phone.answers(call_id))
        self.etag = self.phone.responses[-1].get("SIP-ETag") or ""

    async def pause(self, seconds: float) -> None:
        await deferLater(reactor, seconds, lambda: None)

    async def until(self, what: Any, seconds: float = 10.0) -> None:
        """Wait until something holds."""
        for _ in range(int(seconds * 20)):
            if what():
                return
            await self.pause(0.05)
        self.fail(f"not within {seconds} s")

    async def seen(self, note: str, desk: WatchingDesk | None = None, seconds: float = 10.0) -> Presence:
        """Romeo sees a device of hers with that note."""
        return await (desk or self.desk).wait_for(
            Presence, lambda event: any(one.text == note for device in event.devices for one in device.notes), seconds)


class WatchingTests(PresenceServerCase):
    """SUBSCRIBE at the server."""

    def test_watched(self) -> Any:
        """Romeo sees Juliet as she is, and every change of her; in the end nobody watches her (PRES-1 to PRES-14)."""
        async def play() -> None:
            await self.start()
            await self.publish(note="in the garden")
            self.desk.ask()
            await self.desk.wait_for(WatchGranted)
            seen = await self.seen("in the garden")
            self.assertEqual((JULIET, ROMEO), (seen.origin.address, seen.target))
            [device] = seen.devices
            self.assertEqual(("phone", True, Show.AWAY), (device.instance, device.open, device.show))
            await self.publish(note="on the balcony", activity="on-the-phone")
            seen = await self.seen("on the balcony")
            self.assertEqual(Show.BUSY, seen.devices[0].show)
            self.assertIn(Activity("talking", "on_the_phone"), seen.aspects)
            await self.publish("closed", "asleep")
            self.assertFalse((await self.seen("asleep")).devices[0].open)
            self.assertEqual([("romeo*xmpp.test", 1)], self.server.watchers("juliet"))
            self.desk.end()
            await self.until(lambda: not self.server.watchers("juliet"))

        return run(play())

    def test_nothing_published(self) -> Any:
        """Of whom nothing is published, nothing is known; he may be seen all the same (PRES-5)."""
        async def play() -> None:
            await self.start()
            self.desk.ask()
            await self.desk.wait_for(WatchGranted)
            seen = await self.desk.wait_for(Presence)
            self.assertFalse(any(device.open for device in seen.devices))
            await self.publish(note="awake")
            await self.seen("awake")

        return run(play())

    def test_over_tcp(self) -> Any:
        """The same over TCP, where the server calls back by the contact that it was given (SIP-76)."""
        async def play() -> None:
            await self.start({"transport": "tcp"})
            self.desk.ask()
            await self.desk.wait_for(WatchGranted)
            await self.publish(note="by stream")
            await self.seen("by stream")

        return run(play())

    def test_decision(self) -> Any:
        """Juliet is asked, lets Romeo see her, and then changes her mind (PRES-4, PRES-5, PRES-8)."""
        async def play() -> None:
            await self.start(force_active=False)
            await self.publish(note="secret")
            self.desk.ask()
            await self.until(lambda: self.server.watchers("juliet"))
            await self.pause(0.5)
            self.assertEqual([], self.desk.events)
            await self.server.rule("juliet", ROMEO_URI, "allow")
            await self.desk.wait_for(WatchGranted)
            await self.seen("secret")
            await self.server.rule("juliet", ROMEO_URI, "block")
            refused = await self.desk.wait_for(WatchRefused)
            self.assertTrue(refused.failure.permanent)
            await self.pause(0.5)
            self.assertEqual({""}, set(self.desk.memory.values()))

        return run(play())

    def test_polite(self) -> Any:
        """Who is blocked in a polite way sees nothing of what there is (PIDF-11)."""
        async def play() -> None:
            await self.start(force_active=False)
            await self.publish(note="secret")
            self.desk.ask()
            await self.until(lambda: self.server.watchers("juliet"))
            await self.server.rule("juliet", ROMEO_URI, "polite-block")
            seen = await self.desk.wait_for(Presence)
            self.assertNotIn("secret", str(seen))
            self.assertFalse(any(device.open for device in seen.devices))

        return run(play())

    def test_each_for_himself(self) -> Any:
        """Juliet decides about each watcher; nobody sees by way of another (PRES-32)."""
        async def play() -> None:
            await self.start(force_active=False)
            await self.publish(note="for Romeo only")
            self.desk.ask()
            self.desk.ask(MERCUTIO)
            await self.until(lambda: len(self.server.watchers("juliet")) == 2)
            await self.server.rule("juliet", ROMEO_URI, "allow")
            self.assertEqual(ROMEO, (await self.seen("for Romeo only")).target)
            await self.pause(1)
            self.assertEqual([], [event for event in self.desk.events if "mercutio" in str(event)])

        return run(play())

    def test_refreshed(self) -> Any:
        """Short subscriptions are refreshed for as long as they are wanted (PRES-7)."""
        async def play() -> None:
            await self.start({"sub_expires": 4})
            self.desk.ask()
            await self.desk.wait_for(WatchGranted)
            await self.pause(9)
            await self.publish(note="still there")
            await self.seen("still there")
            self.assertEqual(1, len(self.server.watchers("juliet")))
            self.desk.end(forever=False)
            await self.until(lambda: not self.server.watchers("juliet"), 15)

        return run(play())

    def test_too_brief(self) -> Any:
        """The server wants longer subscriptions, and gets them (PRES-16: 423)."""
        async def play() -> None:
            await self.start({"sub_expires": 10}, min_expires=60)
            await self.publish(note="patience")
            self.desk.ask()
            await self.seen("patience")

        return run(play())

    def test_password(self) -> Any:
        """The server wants to know who asks (SIP-60, PRES-16: 401)."""
        async def play() -> None:
            await self.start({"trunk": {"username": "iwf", "password": "s3cret"}, "sub_expires": 4}, password="s3cret")
            self.desk.ask()
            await self.desk.wait_for(WatchGranted)
            self.desk.publish(Device("pc", notes=(Note("published"),)), user=MERCUTIO)
            self.desk.ask(ROMEO, MERCUTIO)
            await self.seen("published")
            await self.pause(6)
            self.assertEqual(1, len(self.server.watchers("juliet")))

        return run(play())

    def test_look_once(self) -> Any:
        """A look at the present state leaves no subscription behind (PRES-15)."""
        async def play() -> None:
            await self.start()
            await self.publish(note="at a glance")
            self.desk.fetch("leg-1")
            seen = await self.seen("at a glance")
            self.assertEqual(("leg-1",), seen.legs)
            await self.until(lambda: not self.server.watchers("juliet"))

        return run(play())


class RestartTests(PresenceServerCase):
    """One of the two goes away and comes back."""

    def test_server_restarts(self) -> Any:
        """A server that remembers its subscriptions goes on with them."""
        async def play() -> None:
            await self.start({"sub_expires": 8})
            self.desk.ask()
            await self.desk.wait_for(WatchGranted)
            await self.server.kill()
            await self.server.start()
            await self.publish(note="back again")
            await self.seen("back again", seconds=15)

        return run(play())

    def test_server_forgets(self) -> Any:
        """A server that has lost them is asked anew, in a new dialog, and nobody is told (PRES-8, PRES-16: 481)."""
        async def play() -> None:
            await self.start({"sub_expires": 8})
            self.desk.ask()
            await self.desk.wait_for(WatchGranted)
            self.desk.publish(Device("pc"), user=MERCUTIO)
            await self.pause(1)
            await self.server.kill()
            self.server.forget()
            await self.server.start()
            self.etag = ""
            await self.publish(note="a new disk")
            await self.seen("a new disk", seconds=20)
            self.assertEqual([], [event for event in self.desk.events if not isinstance(event, Presence)])

        return run(play())

    def test_gateway_restarts(self) -> Any:
        """After our restart the dialog goes on, and what has happened meanwhile is seen (SIP-93)."""
        async def play() -> None:
            await self.start()
            await self.publish(note="before")
            self.desk.ask()
            await self.seen("before")
            await self.desk.stop()
            await self.publish(note="meanwhile")
            after = self.open_desk(memory=self.desk.memory, port=self.desk.port)
            await self.seen("meanwhile", after)
            await self.publish(note="after")
            await self.seen("after", after)
            self.assertEqual(1, len(self.server.watchers("juliet")))
            self.assertEqual([], [event for event in after.events if not isinstance(event, Presence)])

        return run(play())


class WholeTests(PresenceServerCase):
    """The whole gateway between the presence server and an XMPP server."""

    def setUp(self) -> None:
        require(self, KamailioPresence, Prosody, SlixmppClient, Gateway)

    async def start(self, desk: dict[str, Any] | None = None, **server: Any) -> None:
        await super().start(desk, **server)
        await self.desk.stop()
        self.bridge = Bridge(self)
        self.romeo = self.bridge.romeo
        await self.bridge.start(SIP.format(host=LOOPBACK, port=self.bridge.gateway.port, hop=self.server.port))

    async def shown(self, status: str) -> dict[str, Any]:
        """Romeo's client is shown somebody with that text."""
        return await self.romeo.wait_for(
            lambda event: event["event"] == "presence" and event["status"] == status, 20)

    def test_roster(self) -> Any:
        """Juliet comes into Romeo's roster, is seen there through a crash of the gateway, and leaves it again."""
        async def play() -> None:
            await self.start()
            await self.publish(note="in the garden")
            self.romeo.presence(JULIET_JID, "subscribe")
            await self.romeo.wait_for(lambda event: event["event"] == "presence" and event["type"] == "subscribed")
            seen = await self.shown("in the garden")
            self.assertEqual((f"{JULIET_JID}/phone", "away"), (seen["from"], seen["type"]))
            await self.bridge.gateway.kill()
            await self.publish(note="meanwhile", activity="busy")
            await self.bridge.gateway.start()
            self.assertEqual("dnd", (await self.shown("meanwhile"))["type"])
            await self.publish(note="afterwards")
            await self.shown("afterwards")
            self.assertEqual(1, len(self.server.watchers("juliet")))
            self.romeo.presence(JULIET_JID, "unsubscribe")
            await self.until(lambda: not self.server.watchers("juliet"))

        return run(play())

    def test_publish(self) -> Any:
        """Romeo lets the gateway see him, and so is to be seen at the presence server, until he leaves (PUB-1)."""
        async def play() -> None:
            await self.start()
            self.romeo.presence(GATEWAY_JID, "subscribe")
            await self.romeo.wait_for(
                lambda event: event["event"] == "presence" and event["type"] == "subscribe"
                and event["from"] == GATEWAY_JID)
            self.romeo.presence(GATEWAY_JID, "subscribed")
            await self.until(lambda: "orchard" in str(self.server.published("romeo*xmpp.test")))
            self.romeo.presence(show="dnd", status="fencing")
            await self.until(lambda: "fencing" in str(self.server.published("romeo*xmpp.test")))
            self.assertEqual(1, len(self.server.published("romeo*xmpp.test")))
            await self.romeo.stop()
            await self.until(lambda: "open" not in str(self.server.published("romeo*xmpp.test")))

        return run(play())


class PublishingTests(PresenceServerCase):
    """PUBLISH at the server, for its own users to see."""

    def test_published(self) -> Any:
        """Romeo's devices are seen as he has them, change by change, until he is gone (PUB-1, PUB-2)."""
        async def play() -> None:
            await self.start()
            pc = Device("pc", show=Show.AWAY, notes=(Note("tea"),), priority=5)
            phone = Device("phone", show=Show.CHAT, notes=(Note("talk to me"),), priority=1)
            self.desk.publish(pc, phone)
            self.desk.ask(MERCUTIO, ROMEO)
            seen = await self.seen("tea")
            self.assertEqual({"pc": Show.AWAY, "phone": Show.CHAT},
                             {device.instance: device.show for device in seen.devices})
            self.assertEqual({"pc": 5, "phone": 1}, {device.instance: device.priority for device in seen.devices})
            self.desk.publish(Device("pc", notes=(Note("back"),)))
            self.assertEqual(["pc"], [device.instance for device in (await self.seen("back")).devices])
            self.desk.publish()
            seen = await self.desk.wait_for(Presence)
            self.assertFalse(any(device.open for device in seen.devices))

        return run(play())

    def test_republished(self) -> Any:
        """A server that has lost what was published gets it again with the next change (PUB-3: 412)."""
        async def play() -> None:
            await self.start()
            self.desk.publish(Device("pc", notes=(Note("first"),)))
            self.desk.ask(MERCUTIO, ROMEO)
            await self.seen("first")
            await self.server.kill()
            self.server.forget()
            await self.server.start()
            self.desk.publish(Device("pc", notes=(Note("second"),)))
            later = self.open_desk()
            later.ask(MERCUTIO, ROMEO)
            await self.seen("second", later)

        return run(play())

    def test_gateway_restarts(self) -> Any:
        """After our restart the next state replaces the old one; there are no two of him (SIP-93)."""
        async def play() -> None:
            await self.start()
            self.desk.publish(Device("pc", notes=(Note("old"),)))
            self.desk.ask(MERCUTIO, ROMEO)
            await self.seen("old")
            await self.desk.stop()
            after = self.open_desk(memory=self.desk.memory, port=self.desk.port)
            after.publish(Device("tablet", notes=(Note("new"),)))
            self.assertEqual(["tablet"], [device.instance for device in (await self.seen("new", after)).devices])

        return run(play())
