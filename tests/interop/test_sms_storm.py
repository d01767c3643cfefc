"""The storm of :mod:`tests.scenarios.test_sms_storm` between Prosody, a process of iwf and an SMSC on node-smpp."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.peers.base import LOOPBACK, Event, require, run
from tests.peers.gateway import COMPONENT, LINK, NODE, NUMBERS, Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.peers.smsc import NodeSmsc
from tests.scenarios.storm import GAP, Balance, Handsets, PhonePart, as_heard, long_text, parts_of, shuffled

PHONES = [f"+4917012345{number:02}" for number in range(25)]
SMS = "sms.xmpp.test"
LIMITS = "max_rate = 0\n[node.patience]\nreassembly = 30.0\n"
HABITS = 'binds = 2\nprofile = { id_format = "hex_resp_dec_dlr" }\n'
SECONDS = 120.0
"""In which everything has to end."""
SECOND_LIFE = 50_000
"""Where the ids of the SMSC go on when it comes back."""


class SmsGateway(Gateway):
    """Without SIP."""

    def listening(self) -> Iterable[int]:
        return ()


class StormTests(TestCase):
    """Romeo and 25 phones."""

    timeout = 240

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, NodeSmsc)
        self.balance, self.chance = Balance(), random.Random(5)

    async def begin(self) -> None:
        folder = Path(self.mktemp()).absolute()
        self.server = Prosody(folder / "prosody", components={SMS: "secret"})
        self.romeo = SlixmppClient(folder / "romeo", "romeo@xmpp.test/orchard", "pw", self.server.port)
        self.smsc = NodeSmsc(folder / "smsc", id_format="hex_then_decimal")
        self.gateway = SmsGateway(folder / "iwf")
        self.gateway.configuration = (
            NODE + LIMITS
            + COMPONENT.format(domain=SMS, host=LOOPBACK, port=self.server.component_port(SMS), secret="secret",
                               bridges="sms")
            + LINK.format(host=LOOPBACK, port=self.smsc.port, system_id="iwf", password="secret", bind="transceiver",
                          numbers=NUMBERS) + HABITS)
        for peer in (self.server, self.smsc, self.gateway, self.romeo):
            self.addCleanup(peer.stop)
            await peer.start()
        await self.both_bound()
        while (await self.romeo.ping(SMS, timeout=2))["condition"] is not None:
            await self.smsc.sleep(0.1)

    async def both_bound(self) -> None:
        while len(await self.smsc.sessions()) < 2:
            await self.smsc.sleep(0.05)

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
        for _ in range(int(seconds * 20)):
            if condition():
                return
            await self.smsc.sleep(0.05)
        self.fail(f"not seen: {what}; {self.balance}; {self.balance.faults()[:10]}")

    async def meet(self) -> None:
        """Romeo greets every phone, which so learns his number."""
        for phone in PHONES:
            self.romeo.send(f"{phone}@{SMS}", "hello", id=f"hello {phone}")
        await self.until(lambda: len(self.smsc.log("submit_sm")) == len(PHONES), "greetings")
        self.numbers = {f"+{event['to']}": event["from"] for event in self.smsc.log("submit_sm")}

    def say(self, name: str) -> None:
        """Romeo writes a long text to every phone."""
        for number, phone in enumerate(PHONES):
            id, text = f"{name}-{number}", long_text(f"{name} {number}")
            self.balance.sent[id] = text
            self.romeo.send(f"{phone}@{SMS}", text, id=id, receipt=True)

    async def write(self, parts: Iterable[PhonePart]) -> None:
        """Phones send parts of texts, over both binds in turn."""
        for bind, part in enumerate(parts):
            await self.smsc.mo(part.phone[1:], self.numbers[part.phone], "", hex=part.octets.hex(), data_coding=8,
                               esm_class=0x40, bind=bind, tag=part.tag)

    def unanswered(self, parts: Iterable[PhonePart]) -> list[PhonePart]:
        """What an SMSC sends again."""
        answered = {event["tag"] for event in self.smsc.log("mo_answered")}
        return [part for part in parts if part.tag not in answered]

    async def send_receipts_again(self) -> None:
        """What the ESME has not answered comes again."""
        answered = {event["id"] for event in self.smsc.log("receipt_answered")}
        for event in self.smsc.log("submit_sm"):
            number = int(event["id"], 16)
            if number >= SECOND_LIFE and str(number) not in answered:
                await self.smsc.receipt(event["id"])

    def look(self) -> Balance:
        """The balance as it is now."""
        balance, handsets = self.balance, Handsets()
        for event in self.smsc.log("submit_sm"):
            if event["udh"] and not event["status"]:
                handsets.take(event["from"], event["to"], bytes.fromhex(event["hex"]))
        balance.shown = handsets.shown
        history: list[Event] = self.romeo.events.history
        balance.errors = [event["id"] for event in history if event["event"] == "error"]
        balance.received = [event["id"] for event in history if event["event"] == "receipt"]
        balance.read = {event["id"]: event["body"] for event in history
                        if event["event"] == "message" and event["body"]}
        balance.statuses = {event["tag"]: event["status"] for event in self.smsc.log("mo_answered") if "tag" in event}
        return balance

    def test_storm(self) -> Deferred[None]:
        """The SMSC is killed with submits outstanding, then iwf with others; phones write all the while, in parts that
        come in any order over two binds, twice or never; receipts come before their answers, under ids in another
        base: each text is delivered once, or its sender told."""

        async def steps() -> None:
            await self.begin()
            await self.meet()
            texts = [parts_of(phone, long_text(f"from {number}"), number) for number, phone in enumerate(PHONES)]
            parts = shuffled(texts, "0/2", self.chance)
            self.balance.written += [long_text(f"from {number}") for number in range(1, len(PHONES))]
            self.balance.written.append(as_heard(texts[0], lost=2))
            half = len(parts) // 2

            await self.smsc.set(response_delay=400, receipt_first=True)
            seen = len(self.smsc.log("submit_sm"))
            self.say("first")
            await self.write(parts[:half])
            await self.until(lambda: len(self.smsc.log("submit_sm")) >= seen + 10, "the first window")
            await self.smsc.set(id_base=SECOND_LIFE)
            await self.smsc.kill()
            await self.smsc.sleep(0.5)
            await self.smsc.start()
            await self.both_bound()

            seen = len(self.smsc.log("submit_sm"))
            self.say("second")
            await self.write([*self.unanswered(parts[:half]), *parts[half:-10]])
            await self.until(lambda: len(self.smsc.log("submit_sm")) >= seen + 10, "the second window")
            await self.write(parts[-10:])
            await self.gateway.kill()
            await self.gateway.start()
            await self.both_bound()
            await self.write(self.unanswered(parts))
            await self.send_receipts_again()
            await self.until(lambda: not self.look().faults(), "an even balance", SECONDS)
            await self.smsc.sleep(3)  # whether anything comes twice
            self.assertEqual(self.look().faults(), [])
            self.assertTrue(any(GAP in text for text in self.balance.read.values()))
            self.assertGreater(len(self.balance.received), 0)
            self.assertGreater(len(self.balance.errors), 0)

        return run(steps())
