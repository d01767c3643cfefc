"""What Linphone does beside texts, with a user of Prosody: receipts in message/cpim, deflated ones, typing."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.bridge import ROMEO, Bridge
from tests.peers.base import LOOPBACK, Event, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient

JULIET, SIP_ROMEO = "juliet*sip.test@sip.xmpp.test", f"sip:{ROMEO}"
ACTIVE = "<active xmlns='http://jabber.org/protocol/chatstates'/>"
COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[sip.registrar]
domain = "sip.test"
algorithms = ["{algorithm}"]

[[sip.registrar.accounts]]
user = "juliet"
password = "secret"
"""


class LinphoneTests(TestCase):
    """One Linphone, registered at the gateway."""

    timeout = 60

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, Linphone)

    async def start(self, cpim: bool = False, algorithm: str = "MD5") -> None:
        self.bridge = Bridge(self)
        self.romeo = self.bridge.romeo
        port = self.bridge.gateway.port
        await self.bridge.start(SIP.format(host=LOOPBACK, port=port, algorithm=algorithm))
        self.juliet = await launch(self, Linphone(self.bridge.folder / "juliet", "juliet", "sip.test", port,
                                                  password="secret", cpim=cpim))

    async def happens(self, kind: str, **details: str) -> Event:
        """Wait for an event at Romeo."""
        return await self.romeo.wait_for(
            lambda event: event["event"] == kind and details.items() <= event.items())

    def test_sha256(self) -> Deferred[None]:
        """Linphone is content to be asked for SHA-256 and nothing else (RFC 8760)."""

        async def steps() -> None:
            await self.start(algorithm="SHA-256")
            self.assertEqual((await self.juliet.send_message(SIP_ROMEO, "Art thou not Romeo?"))["state"], "delivered")
            await self.bridge.heard("Art thou not Romeo?")

        return run(steps())

    def test_receipts(self) -> Deferred[None]:
        """Wrapped in message/cpim, texts are acknowledged both ways: Linphone's notifications, which it deflates,
        are receipts in XMPP, and receipts and markers are notifications to it (RCPT-3, RCPT-5, MSG-21)."""

        async def steps() -> None:
            await self.start(cpim=True)
            await self.juliet.send_message(SIP_ROMEO, "Art thou not Romeo?")
            heard = await self.bridge.heard("Art thou not Romeo?")
            await self.juliet.told("delivered to user")
            self.romeo.raw(f"<message to='{JULIET}' type='chat' id='seen'>"
                           f"<displayed xmlns='urn:xmpp:chat-markers:0' id='{heard['id']}'/></message>")
            await self.juliet.told("displayed")

            sent = self.romeo.send(JULIET, "Neither, fair saint.", receipt=True)
            await self.juliet.message("Neither, fair saint.")
            await self.happens("receipt", id=sent)

        return run(steps())

    def test_unasked_notifications(self) -> Deferred[None]:
        """Without message/cpim it acknowledges texts that nobody asked about, by our Call-ID: they are taken, and
        Romeo hears nothing of them (RCPT-3)."""

        async def steps() -> None:
            await self.start()
            self.romeo.send(JULIET, "Neither, fair saint.", receipt=True)
            await self.juliet.message("Neither, fair saint.")
            log = self.bridge.folder / "juliet" / "linphone.sip.log"
            while b"Content-Type: message/imdn+xml" not in log.read_bytes():
                await self.juliet.sleep(0.05)
            await self.juliet.send_message(SIP_ROMEO, "How camest thou hither?")
            await self.bridge.heard("How camest thou hither?")
            kinds = [event["event"] for event in self.romeo.events.history]
            self.assertEqual((kinds.count("message"), kinds.count("receipt"), kinds.count("error")), (1, 0, 0))

        return run(steps())

    def test_typing(self) -> Deferred[None]:
        """Each sees that the other types, once they have written to each other (COMP-2 to COMP-5)."""

        async def steps() -> None:
            await self.start()
            await self.juliet.send_message(SIP_ROMEO, "Art thou not Romeo?")
            await self.bridge.heard("Art thou not Romeo?")
            self.romeo.send(JULIET, "Neither, fair saint.", extensions=[ACTIVE])
            await self.juliet.message("Neither, fair saint.")
            # Typing never waits for a text that is still under way, so that one has to be at its end.
            await self.juliet.sleep(0.3)
            self.romeo.send(JULIET, None, extensions=[COMPOSING])
            await self.juliet.events.wait_for(lambda event: event["event"] == "composing" and event["active"])
            self.juliet.compose(SIP_ROMEO)
            await self.happens("chat_state", state="composing")

        return run(steps())
