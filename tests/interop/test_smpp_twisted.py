"""Our SMPP against smpp.twisted, which others wrote: our ESME to its server, its client to our SMSC."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from iwf.edge import IIntake
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Address,
    Body,
    Event,
    Failure,
    Item,
    Message,
    Party,
    Reason,
    Refused,
    Rejected,
    Taken,
    Verdict,
)
from iwf.smpp.esme import SmppEdge
from iwf.smpp.settings import LinkSettings, SmppSettings
from iwf.smpp.simulator.handset import Handset
from iwf.smpp.simulator.smsc import SmscFactory
from iwf.smpp.wire.pdu import ShortMessage, Sme
from tests.interop.smpp_twisted import SmppTwisted, TwistedEsme, TwistedSmsc
from tests.peers.base import LOOPBACK, Port, launch, require, run
from tests.smpp.edge_case import Lanes

NOBODY = "nobody is bound to receive"
PHONE, NUMBER = "491701234567", "4915100000001"


@implementer(IIntake)
class Intake:
    """Gives every event the same verdict."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.verdict: Verdict = Taken("d")

    def offer(self, event: Event) -> Deferred[Verdict]:
        self.events.append(event)
        return succeed(self.verdict)

    def texts(self) -> list[tuple[str, str, str]]:
        """Who wrote what to whom."""
        return [(event.origin.address.user, event.target.user, event.text)
                for event in self.events if isinstance(event, Message)]


def item(name: str, text: str) -> Item:
    message = Message(name, Party(Address("tel", f"+{NUMBER}")), Address("tel", f"+{PHONE}"), (Body(text),))
    return Item(name, "smpp:op", "s", message)


class InteropCase(TestCase):
    """A real reactor and a program of others."""

    timeout = 30

    def setUp(self) -> None:
        require(self, SmppTwisted)
        from twisted.internet import reactor

        self.reactor: Any = reactor


class EsmeTests(InteropCase):
    """Our ESME bound to the server of smpp.twisted."""

    async def bound(self, bind: str) -> TwistedSmsc:
        """Both, connected."""
        smsc = await launch(self, TwistedSmsc(self.mktemp()))
        link = LinkSettings("op", "smpp:op", f"tcp:{LOOPBACK}:{smsc.port}", "iwf", "secret", bind)
        self.intake, self.lanes = Intake(), Lanes()
        edge = SmppEdge(SmppSettings((link,)), self.reactor, self.intake, self.lanes, Ids())
        edge.startService()
        self.addCleanup(edge.stopService)
        while not self.lanes.lane.credits:
            await smsc.sleep(0.01)
        return smsc

    async def submit(self, text: str) -> Accepted | Rejected:
        news: Accepted | Rejected = await self.lanes.outlet.deliver(item(text[:10], text))
        return news

    def test_submit(self) -> Deferred[None]:
        """Texts are submitted in the right alphabet, with its ids for receipts; long ones in parts."""

        async def steps() -> None:
            smsc = await self.bound("transceiver")
            for text, octets, coding in (("Hello @ €", b"Hello \0 \x1be", "SMSC_DEFAULT_ALPHABET"),
                                         ("爱情 🌹", "爱情 🌹".encode("utf-16-be"), "UCS2")):
                news = await self.submit(text)
                event = await smsc.event("submit_sm")
                self.assertEqual((event["from"], event["to"]), (NUMBER, PHONE))
                self.assertEqual((event["hex"], event["coding"]), (octets.hex(), coding))
                assert isinstance(news, Accepted)
                self.assertEqual(news.refs, (event["id"],))
            news = await self.submit("0123456789" * 30)
            assert isinstance(news, Accepted)
            self.assertEqual(news.refs, ("id-3", "id-4"))
            parts = [bytes.fromhex((await smsc.event("submit_sm"))["hex"]) for _ in range(2)]
            self.assertEqual([(part[:3], part[4:6]) for part in parts],
                             [(b"\5\0\3", b"\2\1"), (b"\5\0\3", b"\2\2")])
            self.assertEqual(b"".join(part[6:] for part in parts), b"0123456789" * 30)

        return run(steps())

    def test_refused(self) -> Deferred[None]:
        """A command_status comes back as the reason it stands for (ERR 8.3)."""

        async def steps() -> None:
            smsc = await self.bound("transceiver")
            for status, reason in (("ESME_RINVDSTADR", Reason.UNKNOWN_RECIPIENT),
                                   ("ESME_RX_R_APPN", Reason.REFUSED)):
                await smsc.answer(status)
                news = await self.submit(status)
                assert isinstance(news, Rejected)
                self.assertEqual(news.failure.reason, reason)

        return run(steps())

    def test_deliver(self) -> Deferred[None]:
        """Texts from phones are read and answered with the verdict's status, over both kinds of bind."""

        async def steps(bind: str) -> None:
            smsc = await self.bound(bind)
            while (answer := await smsc.send(PHONE, NUMBER, "Grüße 🌹"))["status"] == NOBODY:
                await smsc.sleep(0.05)  # the receiver of a pair may be the second to be bound
            self.assertEqual(answer["status"], "ESME_ROK")
            self.assertEqual(self.intake.texts()[-1], (f"+{PHONE}", f"+{NUMBER}", "Grüße 🌹"))
            self.intake.verdict = Refused(Failure(Reason.UNKNOWN_RECIPIENT))
            answer = await smsc.send(PHONE, NUMBER, "Again")
            self.assertIn("ESME_RX_P_APPN", answer["status"])

        async def both() -> None:
            await steps("transceiver")
            await steps("pair")

        return run(both())


class SmscTests(InteropCase):
    """The client of smpp.twisted bound to our SMSC."""

    async def bound(self) -> TwistedEsme:
        """Both, connected."""
        self.handset, port = Handset(), Port()
        self.smsc = SmscFactory({"iwf": "secret"}, self.handset, self.reactor, Ids())
        listening = self.reactor.listenTCP(port.number, self.smsc, interface=LOOPBACK)
        self.addCleanup(listening.stopListening)
        return await launch(self, TwistedEsme(self.mktemp(), port.number))

    async def end(self, esme: TwistedEsme) -> None:
        """An orderly end."""
        esme.tell("unbind")
        await esme.event("unbound")
        self.assertEqual(self.smsc.connections, [])

    def test_submit_and_receipt(self) -> Deferred[None]:
        """It submits, gets an id, and then a receipt under the same id (SMS-40)."""

        async def steps() -> None:
            esme = await self.bound()
            answer = await esme.send(NUMBER, PHONE, "Grüße 🌹", receipt=True)
            self.assertEqual(answer["status"], "ESME_ROK")
            [message] = self.handset.received
            self.assertEqual((message.source.number, message.destination.number), (NUMBER, PHONE))
            self.assertEqual(message.short_message.decode("utf-16-be"), "Grüße 🌹")
            event = await esme.event("deliver_sm")
            self.assertEqual((event["from"], event["to"]), (PHONE, NUMBER))
            self.assertEqual((event["type"], event["state"]), ("SMSC_DELIVERY_RECEIPT", "DELIVERED"))
            self.assertEqual(event["receipted"], answer["id"])
            await self.end(esme)

        return run(steps())

    def test_deliver(self) -> Deferred[None]:
        """Our texts reach it, and its answer is a yes."""

        async def steps() -> None:
            esme = await self.bound()
            message = ShortMessage(source=Sme(1, 1, PHONE), destination=Sme(1, 1, NUMBER),
                                   data_coding=8, short_message="爱情".encode("utf-16-be"))
            self.assertEqual(await self.smsc.deliver("iwf", message), 0)
            event = await esme.event("deliver_sm")
            self.assertEqual((event["from"], event["to"], event["coding"]), (PHONE, NUMBER, "UCS2"))
            self.assertEqual(bytes.fromhex(event["hex"]).decode("utf-16-be"), "爱情")
            await self.end(esme)

        return run(steps())
