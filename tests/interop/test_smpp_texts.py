"""Long texts to and from an SMSC on node's library ``smpp``, which reads and writes alphabets by itself."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from iwf.ids import Ids
from iwf.mapping.charset.coding import joined
from iwf.mapping.model import Accepted, Fragment
from iwf.smpp.esme import SmppEdge
from iwf.smpp.settings import LinkSettings, Profile, SmppSettings
from tests.interop.test_smpp_twisted import NUMBER, PHONE, Intake, item
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.smsc import NodeSmsc
from tests.smpp.edge_case import Lanes

PLAIN = "Grüße @ €{}! " * 40
RICH = "Žluťoučký 🌹 " * 30


class TextTests(TestCase):
    """Our ESME bound to it, with one profile or another."""

    timeout = 30

    def setUp(self) -> None:
        require(self, NodeSmsc)
        from twisted.internet import reactor

        self.reactor: Any = reactor

    async def bound(self, profile: Profile) -> NodeSmsc:
        smsc = await launch(self, NodeSmsc(self.mktemp(), receipt_state=""))
        link = LinkSettings("op", "smpp:op", f"tcp:{LOOPBACK}:{smsc.port}", "iwf", "secret",
                            profile=evolve(profile, max_segments=255))
        self.intake, self.lanes = Intake(), Lanes()
        edge = SmppEdge(SmppSettings((link,)), self.reactor, self.intake, self.lanes, Ids())
        edge.startService()
        self.addCleanup(edge.stopService)
        while not self.lanes.lane.credits:
            await smsc.sleep(0.01)
        return smsc

    async def submitted(self, smsc: NodeSmsc, text: str, serial: int) -> list[dict[str, Any]]:
        """What the SMSC saw of one text."""
        one = item(f"i{serial}", text)
        seen = len(smsc.log("submit_sm"))
        news = await self.lanes.outlet.deliver(evolve(one, payload=evolve(one.payload, serial=serial)))
        assert isinstance(news, Accepted)
        while len(smsc.log("submit_sm")) - seen < len(news.refs):
            await smsc.sleep(0.01)
        return smsc.log("submit_sm")[seen:]

    def test_headers(self) -> Deferred[None]:
        """Parts with references of 8 and of 16 bits are read as we meant them (SMS-30)."""

        async def steps() -> None:
            for bits, header in ((8, "05000307"), (16, "0608040107")):
                smsc = await self.bound(Profile(reference_bits=bits))
                for text in (PLAIN, RICH):
                    parts = await self.submitted(smsc, text, 0x107)
                    self.assertGreater(len(parts), 2)
                    self.assertEqual({part["udh"][:len(header)] for part in parts}, {header})
                    self.assertEqual("".join(part["text"] for part in parts), text)

        return run(steps())

    def test_tlvs(self) -> Deferred[None]:
        """The same by sar_ TLVs (SMS-34)."""

        async def steps() -> None:
            smsc = await self.bound(Profile(long_texts="sar"))
            for text in (PLAIN, RICH):
                parts = await self.submitted(smsc, text, 0x107)
                self.assertEqual([part["sar"] for part in parts],
                                 [[7, number, len(parts)] for number in range(1, len(parts) + 1)])
                self.assertEqual("".join(part["text"] for part in parts), text)

        return run(steps())

    def test_payload(self) -> Deferred[None]:
        """A long text whole in message_payload (SMS-34)."""

        async def steps() -> None:
            smsc = await self.bound(Profile(long_texts="payload"))
            for serial, text in enumerate((PLAIN, RICH), 1):
                self.assertEqual([part["text"] for part in await self.submitted(smsc, text, serial)], [text])

        return run(steps())

    def test_from_phone(self) -> Deferred[None]:
        """Its parts, which it cuts wherever an octet ends, make the text; so does its payload (SMS-35, SMS-36)."""

        async def steps() -> None:
            smsc = await self.bound(Profile())
            for text in (PLAIN, RICH):
                answer = await smsc.mo(PHONE, NUMBER, text, long="udh")
                while len(self.intake.events) < answer["parts"]:
                    await smsc.sleep(0.01)
                parts = [event for event in self.intake.events if isinstance(event, Fragment)]
                self.assertEqual({part.total for part in parts}, {len(parts)})
                parts.sort(key=lambda part: part.number)
                self.assertEqual(joined((part.coding, bytes.fromhex(part.octets)) for part in parts), text)
                self.intake.events.clear()
                await smsc.mo(PHONE, NUMBER, text, long="payload")
                while not self.intake.events:
                    await smsc.sleep(0.01)
                self.assertEqual(self.intake.texts(), [(f"+{PHONE}", f"+{NUMBER}", text)])
                self.intake.events.clear()

        return run(steps())
