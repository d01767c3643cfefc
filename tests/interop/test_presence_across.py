"""Romeo at Prosody is watched by a telephone: the whole gateway between two real clients."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.bridge import ROMEO, Bridge
from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient

JULIET = "juliet*sip.test@sip.xmpp.test"
"""Juliet as Romeo sees her."""

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[sip.presence]
notify_min = 0.2

[sip.registrar]
domain = "sip.test"
algorithms = ["MD5"]

[[sip.registrar.accounts]]
user = "juliet"
password = "pw"
"""


class AcrossTests(TestCase):
    """What a SIP user sees of an XMPP user (RFC 8048 section 6)."""

    timeout = 60

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, Baresip)
        self.bridge = Bridge(self)
        self.romeo = self.bridge.romeo

    async def until(self, phone: Baresip, word: str) -> None:
        """The telephone shows a word among its contacts."""
        for _ in range(100):
            shown = await phone.seen()
            if word in shown:
                return
            await deferLater(self.bridge.gateway.reactor, 0.1, lambda: None)
        self.fail(shown)

    async def watch(self) -> Baresip:
        """Juliet's telephone asks to see Romeo, and he lets it."""
        await self.bridge.start(SIP.format(host=LOOPBACK, port=self.bridge.gateway.port))
        phone = await launch(self, Baresip(self.bridge.folder / "phone", "juliet", "sip.test",
                                           self.bridge.gateway.port, password="pw", watches=(f"sip:{ROMEO}",)))
        await self.romeo.events.wait_for(
            lambda event: event["event"] == "presence" and event["type"] == "subscribe" and event["from"] == JULIET)
        await phone.notified("pending")
        self.romeo.presence(to=JULIET, type="subscribed")
        return phone

    def test_seen(self) -> Deferred[None]:
        """She is asked for, let in, and shown what he does: here, busy, gone (PRES-20 to PRES-23)."""
        async def steps() -> None:
            phone = await self.watch()
            await self.until(phone, "Online")
            self.romeo.presence(show="dnd", status="in a duel")
            await self.until(phone, "Busy")
            self.romeo.presence(type="unavailable")
            await self.until(phone, "Offline")

        return run(steps())

    def test_taken_back(self) -> Deferred[None]:
        """He takes it back: the subscription ends (PRES-24)."""
        async def steps() -> None:
            phone = await self.watch()
            await self.until(phone, "Online")
            self.romeo.presence(to=JULIET, type="unsubscribed")
            await phone.notified("rejected")

        return run(steps())

    def test_restart(self) -> Deferred[None]:
        """The gateway crashes and starts again: Juliet sees on in the dialog that she has (SIP-93, PRES-30)."""
        async def steps() -> None:
            phone = await self.watch()
            await self.until(phone, "Online")
            await self.bridge.gateway.kill()
            self.romeo.presence(show="dnd")
            await self.bridge.gateway.start()
            await self.until(phone, "Busy")

        return run(steps())
