"""Our ESME and our simulator as a process of its own: TLS, outbind, being a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Outcome, Receipt
from iwf.smpp.esme import SmppEdge
from iwf.smpp.settings import LinkSettings, LinkTls, OutbindSettings, SmppSettings
from tests.interop.test_smpp_twisted import NUMBER, PHONE, Intake, item
from tests.peers.base import LOOPBACK, Port, launch, run
from tests.peers.simulator import Simulator
from tests.smpp.edge_case import Lanes
from tests.support.certificates import Authority


class SimulatorTests(TestCase):
    """On the real reactor."""

    timeout = 30

    async def simulator(self, **options: Any) -> Simulator:
        return await launch(self, Simulator(self.mktemp(), **options))

    def edge(self, simulator: Simulator, **changes: Any) -> None:
        """Our ESME, with one link to the simulator."""
        from twisted.internet import reactor

        link = LinkSettings("op", "smpp:op", f"tcp:localhost:{simulator.port}", "iwf", "secret", **changes)
        self.intake, self.lanes = Intake(), Lanes()
        edge = SmppEdge(SmppSettings((link,)), reactor, self.intake, self.lanes, Ids())
        edge.startService()
        self.addCleanup(edge.stopService)

    async def bound(self, simulator: Simulator) -> None:
        while not self.lanes.lane.credits:
            await simulator.sleep(0.01)

    def test_be_a_phone(self) -> Deferred[None]:
        """A text is read over HTTP, the phone's answer reaches us, and so does the receipt."""

        async def steps() -> None:
            simulator = await self.simulator()
            self.edge(simulator)
            await self.bound(simulator)
            news = await self.lanes.outlet.deliver(item("a", "Grüße 🌹"))
            assert isinstance(news, Accepted)
            text = await simulator.text(f"+{PHONE}")
            self.assertEqual((text["sender"], text["text"]), (f"+{NUMBER}", "Grüße 🌹"))
            answer = await simulator.send(f"+{PHONE}", f"+{NUMBER}", "Danke €")
            self.assertEqual(answer["statuses"], [0])
            self.assertEqual(self.intake.texts(), [(f"+{PHONE}", f"+{NUMBER}", "Danke €")])
            [receipt] = [event for event in self.intake.events if isinstance(event, Receipt)]
            self.assertEqual((receipt.ref, receipt.outcome), (*news.refs, Outcome.DELIVERED))

        return run(steps())

    def test_tls(self) -> Deferred[None]:
        """Over TLS we bind where the certificate is the right one, and say nothing where it is not."""

        async def steps() -> None:
            authority = Authority(Path(self.mktemp()).absolute())
            issued = authority.issue("smsc", ["localhost"])
            stranger = Authority(Path(self.mktemp()).absolute(), "stranger")
            simulator = await self.simulator(tls=(issued.certificate, issued.key))
            good = LinkTls(("localhost",), "localhost", ca=authority.ca)
            for tls, welcome in (
                (good, True), (evolve(good, names=("smsc.example", "localhost")), True),
                (LinkTls(("smsc.example",), verify=False), True),
                (evolve(good, names=("smsc.example",)), False), (evolve(good, names=("127.0.0.1",)), False),
                (evolve(good, ca=stranger.ca), False), (None, False),
            ):
                before = len(await simulator.binds())
                self.edge(simulator, tls=tls)
                if welcome:
                    await self.bound(simulator)
                    self.assertIsInstance(await self.lanes.outlet.deliver(item("a", "Hello")), Accepted)
                else:
                    await simulator.sleep(0.5)
                    self.assertEqual(self.lanes.lane.credits, [])
                self.assertEqual(len(await simulator.binds()), before + welcome)
            self.assertEqual(len(await simulator.texts(f"+{PHONE}")), 3)

        return run(steps())

    def test_outbind(self) -> Deferred[None]:
        """Called by the SMSC we bind on that connection too; a caller with a wrong password is cut off (SMS-3)."""

        async def steps() -> None:
            simulator, port = await self.simulator(), Port()
            endpoint = f"tcp:{port.number}:interface={LOOPBACK}"
            self.edge(simulator, outbind=OutbindSettings(endpoint, "smsc", "pw"))
            await self.bound(simulator)
            await simulator.outbind(port.number, "wrong")
            await simulator.sleep(0.3)
            self.assertEqual(len(await simulator.binds()), 1)
            await simulator.outbind(port.number, "pw")
            for _ in range(100):
                if len(await simulator.binds()) == 2:
                    break
                await simulator.sleep(0.05)
            self.assertEqual([bind["state"] for bind in await simulator.binds()], ["bound_trx"] * 2)

        return run(steps())

    def test_throttled(self) -> Deferred[None]:
        """An SMSC that takes five in a second gets all of ten, and nobody hears of it (SMS-9)."""

        async def steps() -> None:
            simulator = await self.simulator(options=["--rate", "5"])
            self.edge(simulator)
            await self.bound(simulator)
            waiting = [self.lanes.outlet.deliver(item(f"i{number}", f"text {number}")) for number in range(10)]
            for result in waiting:
                self.assertIsInstance(await result, Accepted)
            texts = [text["text"] for text in await simulator.texts(f"+{PHONE}")]
            self.assertEqual(sorted(texts), [f"text {number}" for number in range(10)])

        return run(steps())
