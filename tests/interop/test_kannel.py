"""Kannel, the reference ESME, at our SMSC."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from iwf.ids import Ids
from iwf.smpp.reasons import MessageState
from iwf.smpp.simulator.handset import Fate
from iwf.smpp.simulator.phones import Phones, Text, text_from
from iwf.smpp.simulator.smsc import SmscFactory
from tests.peers.base import LOOPBACK, Port, launch, require, run
from tests.peers.kannel import Bearerbox, Kannel, Smsbox

PHONE = "+491701234567"
#: What Kannel calls the outcomes that its users are told.
DELIVERED, FAILED = "1", "2"


class Hook(Resource):
    """What Kannel reports to."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, dict[str, str]]] = []

    def render_GET(self, request: Request) -> bytes:
        args = {name.decode(): values[0].decode("utf-8", "replace") for name, values in (request.args or {}).items()}
        self.calls.append((request.path.decode(), args))
        return b""


class KannelTests(TestCase):
    """Kannel bound to our SMSC."""

    timeout = 60

    def setUp(self) -> None:
        require(self, Bearerbox, Smsbox)
        from twisted.internet import reactor

        self.reactor: Any = reactor

    async def bound(self) -> Kannel:
        """Everything, connected."""
        self.phones, self.hook, ports = Phones(), Hook(), (Port(), Port())
        self.ports = ports
        self.smsc = SmscFactory({"iwf": "secret"}, self.phones, self.reactor, Ids())
        for port, factory in zip(ports, (self.smsc, Site(self.hook)), strict=True):
            listening = self.reactor.listenTCP(port.number, factory, interface=LOOPBACK)
            self.addCleanup(listening.stopListening)
        kannel = Kannel(self.mktemp(), ports[0].number, ports[1].number)
        await launch(self, kannel.bearerbox)
        await launch(self, kannel.smsbox)
        await self.until(lambda: self.smsc.connections, "a bind")
        return kannel

    async def until(self, condition: Any, what: str) -> None:
        for _ in range(400):
            if condition():
                return
            await deferLater(self.reactor, 0.05, lambda: None)
        raise AssertionError(f"not seen: {what}")

    async def texts(self, count: int) -> list[Text]:
        await self.until(lambda: len(self.phones.texts(PHONE)) >= count, f"{count} texts")
        return self.phones.texts(PHONE)

    def test_texts(self) -> Deferred[None]:
        """Texts in both alphabets, short and long, are at the phone as they were written."""
        wanted = ["Hello @ {you}", "Grüße für 5 €", "x" * 400, "爱情" * 60]

        async def steps() -> None:
            kannel = await self.bound()
            for number, text in enumerate(wanted, 1):
                await kannel.send(PHONE, text)
                found = await self.texts(number)
                self.assertEqual(found[-1].text, text)
            self.assertEqual([text.parts for text in found], [1, 1, 3, 2])

        return run(steps())

    def test_receipts(self) -> Deferred[None]:
        """It understands our receipts, good and bad, and finds the texts they are about (SMS-40)."""

        async def steps() -> None:
            kannel = await self.bound()
            for state, outcome in ((MessageState.DELIVERED, DELIVERED), (MessageState.UNDELIVERABLE, FAILED)):
                self.phones.set_fate(PHONE, Fate(state=state, after=0.2))
                await kannel.send(PHONE, "Hello", receipt=True)
                await self.until(lambda outcome=outcome: outcome in self.outcomes(), state.name)

        return run(steps())

    def outcomes(self) -> list[str]:
        return [args["type"] for path, args in self.hook.calls if path == "/dlr"]

    def test_from_phones(self) -> Deferred[None]:
        """What a phone writes, short and long, is answered with a yes and reaches its users."""

        async def steps() -> None:
            await self.bound()
            for text in ("Hello @ €", "爱情"):
                for part in text_from(PHONE, "15550001", text, 1):
                    self.assertEqual(await self.smsc.deliver("iwf", part), 0)
                await self.until(lambda text=text: text in self.heard(), text)
            for part in text_from(PHONE, "15550001", "y" * 300, 2):
                self.assertEqual(await self.smsc.deliver("iwf", part), 0)

        return run(steps())

    def heard(self) -> list[str]:
        return [args["text"] for path, args in self.hook.calls if path == "/mo"]

    def test_throttled(self) -> Deferred[None]:
        """Throttled by us it slows down, and everything arrives (SMS-9)."""

        async def steps() -> None:
            kannel = await self.bound()
            self.smsc.rate = 4
            for number in range(10):
                await kannel.send(PHONE, f"text {number}")
            found = await self.texts(10)
            self.assertEqual(sorted(text.text for text in found), [f"text {number}" for number in range(10)])

        return run(steps())
