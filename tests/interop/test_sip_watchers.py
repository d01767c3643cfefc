"""Watchers that others made, and the SIP edge as their notifier: baresip with a proxy between and without one,
and SIPp for what no telephone does.

The test stands in the place of the engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from iwf.mapping.model import (
    Device,
    Event,
    Note,
    Party,
    Presence,
    Published,
    Reason,
    Show,
    WatchEnded,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.model import Failure as Why
from iwf.sip.settings import Account, RegistrarSettings
from tests.interop.watching import ALIAS, ROMEO, WatchingDesk
from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, Port, launch, require, run
from tests.peers.kamailio import Kamailio
from tests.peers.sipp import SCENARIOS, SippClient
from tests.peers.webphone import WebPhone

ROMEO_URI = f"sip:romeo*xmpp.test@{ALIAS}"
HOME = RegistrarSettings("sip.test", (Account("juliet", "pw"),), algorithms=("MD5",))


class GenerousDesk(WatchingDesk):
    """Lets everybody see Romeo at once, as a core does that knows the answer already."""

    def _offered(self, event: Event) -> None:
        super()._offered(event)
        if isinstance(event, WatchRequested):
            watcher, legs = event.origin.address, (event.leg,)
            self._deliver(WatchGranted(Party(ROMEO), watcher, legs))
            self._deliver(Presence(Party(ROMEO), watcher, (Device("orchard"),), legs=legs))


class WatcherCase(TestCase):
    """The edge, and who watches Romeo."""

    timeout = 60

    def folder(self, name: str) -> Path:
        folder = Path(self.mktemp()).absolute() / name
        folder.mkdir(parents=True)
        return folder

    def open_desk(self, server: int, kind: type[WatchingDesk] = WatchingDesk, **settings: Any) -> WatchingDesk:
        desk = kind(reactor, server, **settings)
        self.addCleanup(desk.stop)
        desk.start()
        return desk

    def pause(self, seconds: float) -> Deferred[None]:
        return deferLater(reactor, seconds, lambda: None)

    def grant(self, desk: WatchingDesk, request: WatchRequested) -> None:
        desk._deliver(WatchGranted(Party(ROMEO), request.origin.address, (request.leg,)))

    def show(self, desk: WatchingDesk, request: WatchRequested, *devices: Device) -> None:
        desk._deliver(Presence(Party(ROMEO), request.origin.address, devices, legs=(request.leg,)))

    async def until(self, phone: Baresip, word: str) -> str:
        """What the phone shows of its contacts, as soon as that has a word in it."""
        for _ in range(100):
            shown = await phone.seen()
            if word in shown:
                return shown
            await self.pause(0.1)
        raise AssertionError(shown)


class BaresipTests(WatcherCase):
    """A telephone that shows who is there."""

    def setUp(self) -> None:
        require(self, Baresip, Kamailio)

    async def watch(self, phone: Baresip, desk: WatchingDesk) -> WatchRequested:
        """Romeo lets the telephone see him, comes, is busy, goes; the telephone shows that."""
        request = await desk.wait_for(WatchRequested)
        self.assertEqual((request.origin.address.user, request.target), ("juliet", ROMEO))
        await phone.notified("pending")
        self.grant(desk, request)
        await phone.notified("active")
        self.show(desk, request, Device("orchard", notes=(Note("in the orchard"),)))
        await self.until(phone, "Online")
        self.show(desk, request, Device("orchard", show=Show.BUSY))
        await self.until(phone, "Busy")
        self.show(desk, request, Device("orchard", open=False))
        await self.until(phone, "Offline")
        return request

    def test_registered_here(self) -> Deferred[None]:
        """It is registered at the gateway, and its NOTIFYs go the way it came; a refusal ends it (PRES-21 to 24)."""
        async def steps() -> None:
            desk = self.open_desk(9, registrar=HOME, notify_min=0.2)
            phone = await launch(self, Baresip(self.folder("phone"), "juliet", "sip.test", desk.port.number,
                                               password="pw", watches=(ROMEO_URI,)))
            request = await self.watch(phone, desk)
            desk._deliver(WatchRefused(Party(ROMEO), request.origin.address, Why(Reason.FORBIDDEN), (request.leg,)))
            await phone.notified("terminated;reason=rejected")

        return run(steps())

    def test_behind_a_proxy(self) -> Deferred[None]:
        """NOTIFYs go back by the proxies that wanted to stay in between (SIP-71), by UDP and TCP."""
        async def steps() -> None:
            for transport in ("udp", "tcp"):
                port = Port()
                proxy = await launch(self, Kamailio(self.folder("proxy"), gateway=(LOOPBACK, port.number, transport)))
                desk = self.open_desk(proxy.port, port=port, transport=transport, notify_min=0.2)
                phone = await launch(self, Baresip(self.folder("phone"), "juliet", "sip.test", proxy.port,
                                                   transport=transport, watches=(ROMEO_URI,)))
                await self.watch(phone, desk)
                await phone.stop()
                await desk.stop()

        return run(steps())

    def test_restart(self) -> Deferred[None]:
        """A gateway that starts again goes on in the same dialog, and one that stops says so (SIP-92, SIP-93)."""
        async def steps() -> None:
            port = Port()
            proxy = await launch(self, Kamailio(self.folder("proxy"), gateway=(LOOPBACK, port.number, "udp")))
            first = self.open_desk(proxy.port, port=port, notify_min=0.2)
            phone = await launch(self, Baresip(self.folder("phone"), "juliet", "sip.test", proxy.port,
                                               watches=(ROMEO_URI,)))
            request = await self.watch(phone, first)
            memory = dict(first.memory)
            await first.edge._transports.stop()                      # as if it had crashed: no word to anybody
            second = self.open_desk(proxy.port, port=port, memory=memory, notify_min=0.2)
            renewed = await second.wait_for(WatchRenewed)
            self.assertEqual(renewed.leg, request.leg)
            self.grant(second, request)
            self.show(second, request, Device("orchard"))
            await self.until(phone, "Online")
            await second.stop()
            await phone.notified("deactivated")

        return run(steps())


class WebTests(WatcherCase):
    """A web page that shows who is there."""

    def setUp(self) -> None:
        require(self, WebPhone)

    def test_watches(self) -> Deferred[None]:
        """NOTIFYs come by the one connection that there is, and refreshes and the end go to our Contact (RFC 7118)."""
        async def steps() -> None:
            web = Port()
            desk = self.open_desk(9, registrar=HOME, web=web, notify_min=0.2)
            phone = await launch(self, WebPhone(self.folder("phone"), "sipjs", f"ws://{LOOPBACK}:{web.number}",
                                                "juliet", "sip.test", password="pw"))
            phone.watch(ROMEO_URI)
            request = await desk.wait_for(WatchRequested)
            await phone.notified("pending")
            self.grant(desk, request)
            self.show(desk, request, Device("orchard", notes=(Note("in the orchard"),)))
            await phone.notified("in the orchard")
            phone.unwatch()
            ended = await desk.wait_for(WatchEnded)
            self.assertEqual(ended.leg, request.leg)

        return run(steps())


class PublisherTests(WatcherCase):
    """A telephone that says how it is."""

    def setUp(self) -> None:
        require(self, Baresip)

    def test_published(self) -> Deferred[None]:
        """What it says comes to the core; refreshes and changes are taken under the tag of the one before; and when
        it is switched off all is taken back (PUB-4, PUB-5)."""
        async def steps() -> None:
            desk = self.open_desk(9, registrar=evolve(HOME, publish_in=True))
            phone = await launch(self, Baresip(self.folder("phone"), "juliet", "sip.test", desk.port.number,
                                               password="pw", publishes=True))
            published = await desk.wait_for(Published)
            self.assertEqual((published.origin.address.user, published.devices[0].open), ("juliet", True))
            await phone.order("presence_offline")
            await desk.wait_for(Published, lambda event: not any(device.open for device in event.devices))
            await phone.order("presence_online")
            await desk.wait_for(Published, lambda event: any(device.open for device in event.devices))
            statuses = [event["start"] for event in phone.events.history if event["type"] == "sip"
                        and event["headers"].get("CSeq", "").endswith("PUBLISH")]
            self.assertNotIn("SIP/2.0 412 Conditional Request Failed", statuses)

        return run(steps())


class SippTests(WatcherCase):
    """Watchers that do what no telephone does."""

    def setUp(self) -> None:
        require(self, SippClient)

    def test_many(self) -> Deferred[None]:
        """Faults, refreshes in and out of order and the end, two hundred times at once (PRES-20 to 27, SIP-73)."""
        async def steps() -> None:
            count = 200
            port = Port()
            lines = [("romeo*xmpp.test", ALIAS, f"user{number}", "sip.test") for number in range(count)]
            sipp = SippClient(self.folder("sipp"), port.number, SCENARIOS / "subscribe.xml", lines, rate=100,
                              limit=count)
            desk = self.open_desk(sipp.port, port=port, kind=GenerousDesk)
            result = await sipp.run()
            self.assertEqual((result.succeeded, result.failed), (count, 0), sipp.log_tail())
            self.assertEqual(sum(isinstance(event, WatchEnded) for event in desk.events), count)
            self.assertEqual(len(desk.edge._presence._notifier), 0)  # type: ignore[union-attr]

        return run(steps())
