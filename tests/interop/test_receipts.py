"""slixmpp asks for receipts and gives them; node's SMSC tells what became of a text."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from iwf.mapping import composing, cpim, imdn
from iwf.mapping.composing import IsComposing
from iwf.mapping.cpim import Cpim, Header
from iwf.mapping.imdn import HEADERS, Imdn
from iwf.mapping.model import Outcome
from iwf.sip.syntax.message import Request
from tests.interop.bridge import ROMEO, Bridge
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.gateway import COMPONENT, LINK, NODE, NUMBERS, Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.peers.smsc import NodeSmsc
from tests.support.sip_peer import SipPeer

JULIET, SIP_JULIET, SIP_ROMEO = "juliet*sip.test@sip.xmpp.test", "sip:juliet@sip.test", f"sip:{ROMEO}"
STATES = "http://jabber.org/protocol/chatstates"

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]
host = "gateway.test"

[[sip.trunk]]
name = "juliet"
domains = ["sip.test"]
next_hop = "udp:{host}:{hop}"
allowed_sources = ["{host}"]
"""


async def until(condition: object, what: str) -> None:
    """Wait until something has happened."""
    assert callable(condition)
    for _ in range(150):
        if condition():
            return
        await deferLater(reactor, 0.05, lambda: None)
    raise AssertionError(f"not seen: {what}")


class SipReceiptTests(TestCase):
    """slixmpp at Prosody, and a SIP agent that speaks CPIM."""

    timeout = 90

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway)

    async def bridge(self) -> Bridge:
        bridge = Bridge(self)
        self.juliet = SipPeer((LOOPBACK, bridge.gateway.port))
        port = reactor.listenUDP(0, self.juliet, LOOPBACK)
        self.addCleanup(port.stopListening)
        await bridge.start(SIP.format(host=LOOPBACK, port=bridge.gateway.port, hop=port.getHost().port))
        return bridge

    def wrapped(self, kind: str) -> list[Request]:
        """The requests to Juliet whose wrapper holds content of a kind."""
        return [request for request in self.juliet.requests if request.get("Content-Type") == cpim.TYPE
                and cpim.parse(request.body).content_header("Content-Type").startswith(kind)]

    def test_both_ways(self) -> Deferred[None]:
        """slixmpp acknowledges a text that asks for it; and is acknowledged what it asks for (RCPT-3, RCPT-5)."""

        async def steps() -> None:
            bridge = await self.bridge()
            headers = (Header("From", f"<{SIP_JULIET}>"), Header("To", f"<{SIP_ROMEO}>"),
                       Header("Message-ID", "far-1", HEADERS), Header("DateTime", "2026-03-01T10:15:00Z"),
                       Header("Disposition-Notification", "positive-delivery", HEADERS))
            self.juliet.message(SIP_ROMEO, cpim.build(Cpim(headers, (("Content-Type", "text/plain"),), b"hello")),
                                content_type=cpim.TYPE)
            await bridge.heard("hello")
            await until(lambda: self.wrapped(imdn.TYPE), "the notification for Juliet")
            told = imdn.parse(cpim.parse(self.wrapped(imdn.TYPE)[0].body).content)
            self.assertEqual((told.message_id, told.outcome), ("far-1", Outcome.DELIVERED))

            id = bridge.romeo.send(JULIET, "hi", receipt=True)
            await until(lambda: self.wrapped("text/plain"), "the text for Juliet")
            known_as = cpim.parse(self.wrapped("text/plain")[0].body).get("Message-ID", HEADERS)
            self.juliet.message(SIP_ROMEO, imdn.build(Imdn(known_as, Outcome.DELIVERED)), content_type=imdn.TYPE)
            receipt = await bridge.romeo.wait_for(lambda event: event["event"] == "receipt")
            self.assertEqual((receipt["id"], receipt["from"]), (id, JULIET))

        return run(steps())

    def test_typing(self) -> Deferred[None]:
        """Typing is seen on both sides, once both are known to understand it (COMP-2..5)."""

        async def steps() -> None:
            bridge = await self.bridge()
            self.juliet.message(SIP_ROMEO, "hello")
            await bridge.heard("hello")
            bridge.romeo.send(JULIET, None, extensions=[f"<composing xmlns='{STATES}'/>"])
            await until(lambda: self.juliet.requests, "typing for Juliet")
            self.assertTrue(composing.parse(self.juliet.requests[0].body).active)
            self.juliet.message(SIP_ROMEO, composing.build(IsComposing(True, 60)), content_type=composing.TYPE)
            state = await bridge.romeo.wait_for(lambda event: event["event"] == "chat_state")
            self.assertEqual((state["from"], state["state"]), (JULIET, "composing"))

        return run(steps())


class SmsReceiptTests(TestCase):
    """slixmpp at Prosody, and node's SMSC."""

    timeout = 90

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, NodeSmsc)

    def test_delivered(self) -> Deferred[None]:
        """DELIVRD from the SMSC is a receipt for the user who asked for it, in however many parts his text
        went (RCPT-12)."""

        async def steps() -> None:
            folder = Path(self.mktemp()).absolute()
            folder.mkdir()
            server = await launch(self, Prosody(folder / "prosody", components={"sms.xmpp.test": "secret"}))
            smsc = await launch(self, NodeSmsc(folder / "smsc"))
            gateway = Gateway(folder / "iwf")
            (system_id, password), = smsc.accounts.items()
            gateway.configuration = NODE + COMPONENT.format(
                domain="sms.xmpp.test", host=LOOPBACK, port=server.component_port("sms.xmpp.test"),
                secret="secret", bridges="sms") + LINK.format(
                    host=LOOPBACK, port=smsc.port, system_id=system_id, password=password, bind="transceiver",
                    numbers=NUMBERS)
            gateway.listening = lambda: ()  # type: ignore[method-assign]  # no SIP here
            await launch(self, gateway)
            romeo = await launch(self, SlixmppClient(folder / "romeo", "romeo@xmpp.test/orchard", "pw", server.port))
            for _ in range(100):
                if (await romeo.ping("sms.xmpp.test", timeout=2))["condition"] is None and await smsc.sessions():
                    break
                await deferLater(reactor, 0.1, lambda: None)
            for text in ("short", "long " * 100):
                id = romeo.send("+491701234567@sms.xmpp.test", text, receipt=True)
                receipt = await romeo.wait_for(lambda event, id=id: event["event"] == "receipt" and event["id"] == id)
                self.assertEqual(receipt["from"], "+491701234567@sms.xmpp.test")

        return run(steps())
