"""Presence between users of real XMPP servers and a SIP user, with iwf as a process between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from iwf.mapping.model import Activity, Device, Mood, Note, Show
from tests.interop.bridge import ALIAS, ROMEO
from tests.interop.juliet import Juliet, named
from tests.peers.base import LOOPBACK, Event, Peer, PeerError, require, run
from tests.peers.ejabberd import Ejabberd
from tests.peers.gateway import COMPONENT, NODE, SIP, Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient

X = "sip.xmpp.test"
IMAGE = f"juliet*sip.test@{X}"
USERS = {"romeo": "pw"}


class PresenceCase(TestCase):
    """An XMPP server with Romeo, a process of iwf, and Juliet."""

    timeout = 120
    server_class: ClassVar[type[Prosody] | type[Ejabberd]] = Prosody

    def setUp(self) -> None:
        require(self, self.server_class, Gateway, SlixmppClient)

    async def start(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.server = self.server_class(self.folder / "server", components={X: "secret"}, users=USERS)
        self.gateway = Gateway(self.folder / "iwf")
        self.juliet = Juliet(self.gateway.port, reactor)
        port = reactor.listenUDP(0, self.juliet, interface=LOOPBACK)
        self.addCleanup(port.stopListening)
        self.gateway.configuration = NODE + COMPONENT.format(
            domain=X, host=LOOPBACK, port=self.server.component_port(X), secret="secret", bridges="sip",
        ) + "rich = true\n" + SIP.format(
            host=LOOPBACK, port=self.gateway.port, domain="sip.test", transport="udp",
            proxy=self.juliet.port) + ALIAS + "\n[sip.presence]\nnotify_min = 0.2\n"
        for peer in (self.server, self.gateway):
            await self.begin(peer)
        self.romeo = await self.login()
        await self.reach()

    async def begin(self, peer: Peer) -> None:
        self.addCleanup(peer.stop)
        await peer.start()

    async def login(self, resource: str = "orchard") -> SlixmppClient:
        """Romeo logs in once more."""
        romeo = SlixmppClient(self.folder / resource, f"romeo@xmpp.test/{resource}", "pw", self.server.port)
        await self.begin(romeo)
        return romeo

    async def reach(self) -> None:
        """The gateway can be spoken to."""
        for _ in range(100):
            if (await self.romeo.ping(X, timeout=2))["condition"] is None:
                return
            await self.pause(0.1)
        raise PeerError("the gateway has not reached the XMPP server")

    async def pause(self, seconds: float) -> None:
        await deferLater(reactor, seconds, lambda: None)

    async def sees(self, type: str, sender: str, romeo: SlixmppClient | None = None) -> Event:
        """Romeo gets presence of that type, or with that show, from somebody."""
        return await (romeo or self.romeo).wait_for(
            lambda event: (event["event"], event.get("type"), event.get("from")) == ("presence", type, sender),
            15.0)

    async def befriended(self) -> Any:
        """Romeo has asked to see Juliet, and she let him; her side of it."""
        self.romeo.presence(to=IMAGE, type="subscribe")
        asked = await self.juliet.asked()
        self.juliet.shows(asked, Device("phone", show=Show.AWAY, notes=(Note("in the garden"),)))
        await self.sees("subscribed", IMAGE)
        seen = await self.sees("away", f"{IMAGE}/phone")
        self.assertEqual("in the garden", seen["status"])
        return asked

    async def watched(self) -> None:
        """Juliet has asked to see Romeo, and he let her."""
        self.juliet.looks(ROMEO)
        await self.juliet.told("pending")
        await self.sees("subscribe", IMAGE)
        self.romeo.presence(to=IMAGE, type="subscribed")
        await self.juliet.told("active", lambda one: "orchard" in named(one.devices))


class ServerTests(PresenceCase):
    """Both ways, with Prosody."""

    def test_xmpp_user_watches(self) -> Any:
        """Romeo sees Juliet, every change of her, and her devices come and go (PRES-1 to PRES-13)."""
        async def play() -> None:
            await self.start()
            asked = await self.befriended()
            self.juliet.shows(asked, Device("pc", notes=(Note("on the balcony"),)))
            await self.sees("available", f"{IMAGE}/pc")
            await self.sees("unavailable", f"{IMAGE}/phone")
            self.romeo.presence(to=IMAGE, type="unsubscribe")
            ended = await self.juliet.asked(expires="0")
            self.assertEqual(asked.get("Call-ID"), ended.get("Call-ID"))
            await self.sees("unavailable", f"{IMAGE}/pc")

        return run(play())

    def test_login(self) -> Any:
        """Who logs in once more is shown at once what there is to see (PRES-9, PRES-15)."""
        async def play() -> None:
            await self.start()
            await self.befriended()
            tower = await self.login("tower")
            seen = await self.sees("away", f"{IMAGE}/phone", tower)
            self.assertEqual("in the garden", seen["status"])

        return run(play())

    def test_refused(self) -> Any:
        """Whom Juliet does not let see her is told so (PRES-8)."""
        async def play() -> None:
            await self.start()
            self.romeo.presence(to=IMAGE, type="subscribe")
            self.juliet.ends(await self.juliet.asked(), "rejected")
            await self.sees("unsubscribed", IMAGE)

        return run(play())

    def test_sip_user_watches(self) -> Any:
        """Juliet sees Romeo's devices as they come, change and go, until he lets her no more (PRES-20 to
        PRES-33)."""
        async def play() -> None:
            await self.start()
            await self.watched()
            self.romeo.presence(show="dnd", status="writing")
            seen = await self.juliet.told("active", lambda one: any(d.show is Show.BUSY for d in one.devices))
            self.assertEqual((Note("writing"),), tuple(
                Note(note.text) for note in named(seen.devices)["orchard"].notes))
            tower = await self.login("tower")
            await self.juliet.told("active", lambda one: {"orchard", "tower"} <= set(named(one.devices)))
            await tower.stop()
            await self.juliet.told("active", lambda one: set(named(one.devices)) == {"orchard"})
            self.juliet.looks(ROMEO, expires=0, call_id="glance")
            seen = await self.juliet.told("terminated", call_id="glance")
            self.assertEqual({"orchard"}, set(named(seen.devices)))
            self.romeo.presence(to=IMAGE, type="unsubscribed")
            await self.juliet.told("terminated;reason=rejected")

        return run(play())

    def test_away_and_back(self) -> Any:
        """Juliet sees that Romeo has logged out, and that he is there again."""
        async def play() -> None:
            await self.start()
            await self.watched()
            await self.romeo.stop()
            await self.juliet.told("active", lambda one: bool(one.devices) and not any(
                device.open for device in one.devices))
            self.romeo = await self.login()
            await self.juliet.told("active", lambda one: any(device.open for device in one.devices))

        return run(play())

    def test_restart(self) -> Any:
        """When iwf stops in good order Romeo sees Juliet go, and the gateway; when it starts, both are
        there again (XMPP-21, PRES-30)."""
        async def play() -> None:
            await self.start()
            self.romeo.presence(to=X, type="subscribe")
            await self.sees("subscribed", X)
            await self.sees("available", X)
            asked = await self.befriended()
            await self.gateway.stop()
            await self.sees("unavailable", f"{IMAGE}/phone")
            await self.sees("unavailable", X)
            await self.gateway.start()
            await self.sees("available", X)
            again = await self.juliet.asked()
            self.juliet.shows(again, Device("phone", show=Show.BUSY))
            await self.sees("dnd", f"{IMAGE}/phone")
            self.assertEqual(asked.uri.user, again.uri.user)

        return run(play())

    def test_crash(self) -> Any:
        """After iwf was killed, Romeo sees in the end what there is to see and nothing of before (PRES-30,
        PRES-35)."""
        async def play() -> None:
            await self.start()
            await self.befriended()
            await self.gateway.kill()
            await self.gateway.start()
            self.juliet.shows(await self.juliet.asked(), Device("pc"))
            await self.sees("available", f"{IMAGE}/pc")
            await self.sees("unavailable", f"{IMAGE}/phone")

        return run(play())

    def test_capabilities(self) -> Any:
        """Whoever is shown an image can ask for what it can do (XMPP-18)."""
        async def play() -> None:
            await self.start()
            self.romeo.presence(to=X, type="subscribe")
            event = await self.sees("available", X)
            self.assertIn("http://jabber.org/protocol/caps", event["xml"])
            await self.befriended()
            info = await self.romeo.disco_info(f"{IMAGE}/phone")
            self.assertIn("http://jabber.org/protocol/mood+notify", info["xml"])

        return run(play())

    def test_moods(self) -> Any:
        """Users who see each other are told each other's moods and what they do (RICH-1, RICH-2)."""
        async def play() -> None:
            await self.start()
            asked = await self.befriended()
            await self.watched()
            self.romeo.raw(
                "<iq type='set' id='mood'><pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                "<publish node='http://jabber.org/protocol/mood'><item>"
                "<mood xmlns='http://jabber.org/protocol/mood'><in_love/><text>sighs</text></mood>"
                "</item></publish></pubsub></iq>")
            await self.juliet.told("active", lambda one: Mood("in_love", "sighs") in one.aspects)
            self.juliet.shows(asked, Device("phone"), aspects=(Activity("relaxing", "watching_tv"),))
            heard = await self.romeo.wait_for(
                lambda event: event["event"] == "personal_event" and "watching_tv" in event["xml"], 10.0)
            self.assertEqual(IMAGE, heard["from"])

        return run(play())


class EjabberdTests(ServerTests):
    """Both ways, with ejabberd."""

    server_class = Ejabberd
