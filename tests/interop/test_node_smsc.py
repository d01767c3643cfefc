"""Our ESME at an SMSC on node-smpp that throttles, drops connections and writes its ids as it likes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Outcome, Receipt, Rejected
from iwf.smpp.esme import SmppEdge
from iwf.smpp.settings import LinkSettings, Profile, SmppSettings
from tests.interop.test_smpp_twisted import Intake, item
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.smsc import NodeSmsc
from tests.smpp.edge_case import Lanes


class NodeSmscTests(TestCase):
    """Forty texts, whatever the SMSC does."""

    timeout = 40

    def setUp(self) -> None:
        require(self, NodeSmsc)

    async def bound(self, profile: Profile = Profile(), binds: int = 1, knobs: Any = None, **changes: Any) -> NodeSmsc:
        """Both, connected."""
        from twisted.internet import reactor

        smsc = await launch(self, NodeSmsc(self.mktemp(), **(knobs or {})))
        link = LinkSettings("op", "smpp:op", f"tcp:{LOOPBACK}:{smsc.port}", "iwf", "secret", profile=profile,
                            binds=binds, response_timer=1.5, **changes)
        self.intake, self.lanes = Intake(), Lanes()
        edge = SmppEdge(SmppSettings((link,)), reactor, self.intake, self.lanes, Ids())
        edge.startService()
        self.addCleanup(edge.stopService)
        while self.lanes.lane.credits[-1:] != [10 * binds]:
            await smsc.sleep(0.01)
        return smsc

    def submit(self, count: int = 40) -> list[Deferred[Accepted | Rejected]]:
        """Texts, each in a stream of its own."""
        return [self.lanes.outlet.deliver(item(f"i{number}", f"text {number}")) for number in range(count)]

    async def refs(self, results: Sequence[Deferred[Accepted | Rejected]]) -> set[str]:
        """Under which receipts may come; every text must have been taken."""
        found: set[str] = set()
        for result in results:
            news = await result
            assert isinstance(news, Accepted), news
            found.update(news.refs)
        self.assertEqual(len(found), len(results))
        return found

    def receipts(self) -> set[str]:
        return {event.ref for event in self.intake.events
                if isinstance(event, Receipt) and event.outcome is Outcome.DELIVERED}

    def test_ids(self) -> Deferred[None]:
        """Receipts are known by their ids, in any base, before or after the answer (SMS-19, SMS-41)."""

        async def steps() -> None:
            for knobs, id_format in (
                ({"id_format": "decimal"}, "as_is"), ({"id_format": "uuid", "receipt_first": True}, "as_is"),
                ({"id_format": "hex_then_decimal", "receipt_tlvs": False}, "hex_resp_dec_dlr"),
            ):
                smsc = await self.bound(Profile(id_format=id_format), knobs=knobs)
                refs = await self.refs(self.submit())
                while self.receipts() < refs:
                    await smsc.sleep(0.05)
                self.assertEqual(self.receipts(), refs)

        return run(steps())

    def test_throttled(self) -> Deferred[None]:
        """Throttled, every text arrives all the same, and none twice (SMS-9)."""

        async def steps() -> None:
            smsc = await self.bound(knobs={"throttle": 15})
            await self.refs(self.submit())

            def taken() -> list[str]:
                return sorted(event["text"] for event in smsc.log("submit_sm") if not event["status"])

            while len(taken()) < 40:  # its report may come after its answer
                await smsc.sleep(0.05)
            self.assertEqual(taken(), sorted(f"text {number}" for number in range(40)))
            self.assertGreater(len(smsc.log("submit_sm")), 40)  # it did throttle

        return run(steps())

    def test_all_binds_are_dropped(self) -> Deferred[None]:
        """When all binds are lost with texts on the way, those go out again once they are back (SMS-18)."""

        async def steps() -> None:
            smsc = await self.bound(binds=2, knobs={"response_delay": 1000}, retry_unknown=True)
            waiting = self.submit(10)
            while len(smsc.log("submit_sm")) < 10:
                await smsc.sleep(0.01)
            await smsc.drop("reset")
            back: list[Accepted | Rejected] = [await result for result in waiting]
            again = [news.item for news in back if isinstance(news, Rejected) and news.retry]
            self.assertEqual(len(again), 10)
            while self.lanes.lane.credits[-1] == 0:
                await smsc.sleep(0.05)
            await self.refs([self.lanes.outlet.deliver(one) for one in again])

        return run(steps())

    def test_silence(self) -> Deferred[None]:
        """An SMSC that answers nothing is one whose texts have an unknown outcome, told once (SMS-18)."""

        async def steps() -> None:
            await self.bound(knobs={"respond": False})
            for news in [await result for result in self.submit(3)]:
                assert isinstance(news, Rejected)
                self.assertEqual((news.failure.reason.name, news.retry), ("TIMEOUT", False))

        return run(steps())
