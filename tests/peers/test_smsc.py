"""The SMSC driver against its own program."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.peers.base import PeerError, launch, require, run
from tests.peers.minimal import Esme, connect_esme
from tests.peers.smsc import NodeSmsc


class SmscTests(TestCase):
    """The SMSC, against an ESME of a few lines."""

    timeout = 30

    def setUp(self) -> None:
        require(self, NodeSmsc)

    def test_text_to_phone_and_receipt(self) -> Deferred[None]:
        """A submitted text gets an id and then a receipt with the outcome that was ordered."""

        async def steps() -> None:
            smsc = await launch(
                self, NodeSmsc(self.mktemp(), receipt_state="UNDELIV", id_format="hex")
            )
            esme = await self.bound(smsc)
            status, body = await esme.submit("491511", "491522", b"Hello")
            message_id = body.rstrip(b"\0").decode()
            self.assertEqual(status, 0)
            logged = await smsc.wait_for("submit_sm", id=message_id)
            self.assertEqual(
                (logged["from"], logged["to"], logged["text"]), ("491511", "491522", "Hello")
            )
            receipt = await smsc.wait_for("receipt_answered")
            self.assertEqual(receipt["status"], 0)
            self.assertIn(f"id:{message_id} ".encode(), esme.delivered[0])
            self.assertIn(b"stat:UNDELIV", esme.delivered[0])

        return run(steps())

    def test_receipt_before_response(self) -> Deferred[None]:
        """On order, the receipt overtakes the response that tells the id."""

        async def steps() -> None:
            smsc = await launch(self, NodeSmsc(self.mktemp(), receipt_first=True))
            esme = await self.bound(smsc)
            await esme.submit("491511", "491522", b"Hello")
            self.assertEqual(len(esme.delivered), 1)

        return run(steps())

    def test_refusals(self) -> Deferred[None]:
        """Wrong passwords, ordered statuses and too many texts a second are refused with their codes."""

        async def steps() -> None:
            smsc = await launch(self, NodeSmsc(self.mktemp()))
            esme = await connect_esme(self, smsc.port)
            self.assertEqual((await esme.bind("iwf", "wrong"))[0], 0x0E)
            esme = await connect_esme(self, smsc.port)
            self.assertEqual((await esme.bind("nobody", "secret"))[0], 0x0F)
            esme = await self.bound(smsc)
            await smsc.fail_next(0x14, count=2)
            statuses = [(await esme.submit("491511", "491522", b"x"))[0] for _ in range(3)]
            self.assertEqual(statuses, [0x14, 0x14, 0])
            await smsc.set(throttle=1)
            statuses = [(await esme.submit("491511", "491522", b"x"))[0] for _ in range(10)]
            self.assertIn(0x58, statuses)
            with self.assertRaisesRegex(PeerError, "no knob nonsense"):
                await smsc.set(nonsense=1)

        return run(steps())

    def test_texts_from_phones(self) -> Deferred[None]:
        """A text from a phone reaches the ESME, in parts when ordered, and its answer is logged."""

        async def steps() -> None:
            smsc = await launch(self, NodeSmsc(self.mktemp()))
            with self.assertRaisesRegex(PeerError, "nobody is bound"):
                await smsc.mo("491522", "X000000001", "early")
            esme = await self.bound(smsc)
            self.assertEqual((await smsc.mo("491522", "X000000001", "Grüße @ 5$"))["parts"], 1)
            self.assertEqual((await smsc.wait_for("mo_answered"))["status"], 0)
            self.assertIn(b"\x05\x00X000000001\x00", esme.delivered[0])
            # GSM 03.38: ü 7e, ß 1e, @ 00, $ 02.
            self.assertTrue(
                esme.delivered[0].endswith(b"Gr\x7e\x1ee \x00 5\x02"), esme.delivered[0]
            )
            self.assertEqual((await smsc.mo("491522", "491511", "я" * 100, long="udh"))["parts"], 2)
            for _ in range(2):
                await smsc.wait_for("mo_answered")
            self.assertIn(
                b"\x05\x00\x03\x01\x02\x01" + "я".encode("utf-16-be") * 67, esme.delivered[1]
            )

        return run(steps())

    def test_drops(self) -> Deferred[None]:
        """Sessions can be lost, fall silent, and the SMSC can be killed and come back with its behaviour."""

        async def steps() -> None:
            smsc = await launch(self, NodeSmsc(self.mktemp(), receipt_state=""))
            esme = await self.bound(smsc)
            self.assertEqual(
                await smsc.sessions(),
                [{"system_id": "iwf", "kind": "transceiver", "silent": False}],
            )
            await smsc.drop()
            await esme.lost
            esme = await self.bound(smsc)
            await smsc.drop("silent")
            unanswered = esme.submit("491511", "491522", b"Hello")
            self.assertTrue((await smsc.sessions())[0]["silent"])
            self.assertFalse(unanswered.called)
            await smsc.kill()
            await esme.lost
            await smsc.start()
            self.assertEqual((await smsc.set())["receipt_state"], "")
            await self.bound(smsc)

        return run(steps())

    def test_freeze(self) -> Deferred[None]:
        """A frozen peer keeps its connections and says nothing, goes on when thawed, and can be stopped."""

        async def steps() -> None:
            smsc = await launch(self, NodeSmsc(self.mktemp()))
            esme = await self.bound(smsc)
            smsc.freeze()
            answer = esme.submit("491511", "491522", b"Hello")
            await smsc.sleep(0.3)
            self.assertFalse(answer.called)
            smsc.thaw()
            self.assertEqual((await answer)[0], 0)
            smsc.freeze()
            await smsc.stop()
            self.assertFalse(smsc.running)

        return run(steps())

    async def bound(self, smsc: NodeSmsc) -> Esme:
        esme = await connect_esme(self, smsc.port)
        status, _ = await esme.bind("iwf", "secret")
        self.assertEqual(status, 0)
        return esme
