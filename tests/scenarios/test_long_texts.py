"""Long texts through the whole daemon, in virtual time."""

from __future__ import annotations

import random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.charset import gsm
from iwf.mapping.charset.coding import joined, utf16_octets
from iwf.smpp.reasons import MessageState
from iwf.smpp.simulator.handset import Fate, ScriptedHandset
from iwf.smpp.text.coding import coding_of
from iwf.smpp.text.header import Part, UserData, concatenation, read_user_data
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import ShortMessage, Sme
from tests.support.world import World, configuration

PHONE = "+491701234567"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


class Case(SynchronousTestCase):
    """Romeo has a number at the phone."""

    def world_of(self, link: str = "", node: str = "") -> World:
        world = self.world = World(configuration(link=link, node=node))
        self.say("hello")
        self.number = world.handset.received[-1].source
        world.handset.received.clear()
        return world

    def say(self, text: str) -> None:
        """Romeo writes to the phone."""
        self.world.xmpp.say("romeo@xmpp.test/pc", f"{PHONE}@sms.xmpp.test", text, type="chat", id="m")
        self.world.settle(1)

    def write(self, octets: bytes, esm_class: int = 0x40, data_coding: int = 0,
              tlvs: tuple[tuple[int, bytes], ...] = ()) -> int | None:
        """The SMSC delivers one part of what the phone wrote; its status."""
        status: list[int | None] = []
        message = ShortMessage(source=Sme(1, 1, PHONE[1:]), destination=self.number, esm_class=esm_class,
                               data_coding=data_coding, short_message=octets, tlvs=tlvs)
        self.world.smsc.deliver("iwf", message).addCallback(status.append)
        self.world.settle()
        return status[0] if status else None

    def heard(self) -> list[str]:
        """What Romeo has heard from the phone."""
        return self.world.xmpp.bodies("romeo@xmpp.test")


class FromPhoneTests(Case):
    """A phone writes."""

    def test_shuffled(self) -> None:
        """Parts in any order, some twice, are one message (SMS-35)."""
        self.world_of()
        text = "Grüße @ €! " * 60
        octets = gsm.write(text)
        pieces = [octets[start:start + 153] for start in range(0, len(octets), 153)]  # also inside an ESC pair
        parts = [concatenation(Part(7, len(pieces), number)) + piece for number, piece in enumerate(pieces, 1)]
        chance = random.Random(3)
        order = parts + chance.sample(parts, 2)
        chance.shuffle(order)
        self.assertEqual([self.write(part) for part in order], [0] * len(order))
        self.assertEqual(self.heard(), [text])

    def test_across_a_restart(self) -> None:
        """Half of an emoji before a restart, half after it; with a header and with TLVs."""
        world = self.world_of()
        octets = utf16_octets("a😀")
        tlvs = [((c.TLV_SAR_MSG_REF_NUM, b"\0\1"), (c.TLV_SAR_TOTAL_SEGMENTS, b"\2"),
                 (c.TLV_SAR_SEGMENT_SEQNUM, bytes((number,)))) for number in (1, 2)]
        self.write(concatenation(Part(300, 2, 2, "16")) + octets[4:], data_coding=8)
        self.write(octets[:4], 0, 8, tlvs[0])
        world.stop_daemon()
        world.start_daemon()
        self.write(octets[4:], 0, 8, tlvs[1])
        self.assertEqual(self.heard(), ["a😀"])
        self.write(concatenation(Part(300, 2, 1, "16")) + octets[:4], data_coding=8)
        self.assertEqual(self.heard(), ["a😀", "a😀"])

    def test_lost(self) -> None:
        """What is there of a text comes when the rest is not waited for any more."""
        world = self.world_of(node="[node.patience]\nreassembly = 60.0")
        self.write(concatenation(Part(7, 3, 2)) + b"middle")
        world.settle(59)
        self.assertEqual(self.heard(), [])
        world.settle(3)
        self.assertEqual(self.heard(), ["[...]middle[...]"])

    def test_nobody(self) -> None:
        """A part to a number of nobody is refused like a whole text (SMS-61)."""
        self.world_of()
        self.number = evolve(self.number, number="X000000999")
        self.assertEqual(self.write(concatenation(Part(7, 3, 2)) + b"x"), c.RX_P_APPN)


class ToPhoneTests(Case):
    """Romeo writes."""

    def received(self) -> list[UserData]:
        return [read_user_data(message.short_message, bool(message.esm_class & 0x40))
                for message in self.world.handset.received]

    def test_signs_stay_whole(self) -> None:
        """Each part shows whole signs, and together they are the text (SMS-32)."""
        self.world_of()
        self.say(FAMILY * 30)
        parts = self.received()
        self.assertGreater(len(parts), 1)
        for data in parts:
            self.assertEqual(joined([("utf-16-be", data.octets)]).replace(FAMILY, ""), "")
        self.assertEqual(joined(("utf-16-be", data.octets) for data in parts), FAMILY * 30)

    def test_references(self) -> None:
        """Texts to one phone have different references, across restarts (SMS-33)."""
        world = self.world_of()
        for _ in range(3):
            self.say("a" * 200)
            world.stop_daemon()
            world.start_daemon()
        references = [data.part.reference for data in self.received() if data.part]
        self.assertEqual(references, [1, 1, 2, 2, 3, 3])

    def test_profiles(self) -> None:
        """By TLVs, whole in message_payload, or packed, as the operator has it (SMS-21, SMS-34)."""
        text = "Grüße @ €! " * 30
        self.world_of('profile = { long_texts = "sar" }')
        self.say(text)
        self.assertEqual(b"".join(message.short_message for message in self.world.handset.received), gsm.write(text))
        self.world_of('profile = { long_texts = "payload" }')
        self.say(text)
        self.assertEqual([message.user_data for message in self.world.handset.received], [gsm.write(text)])
        self.world_of('profile = { default_alphabet = "gsm_packed" }')
        profile = self.world.settings.smpp.links[0].profile
        self.say(text)
        found = [(coding_of(0, profile), gsm.unpacked(data.octets, data.fill)) for data in self.received()]
        self.assertEqual(joined(found), text)

    def test_receipt_long_before_the_last_answer(self) -> None:
        """The first part has failed minutes before the last one is taken, for the SMSC throttles: Romeo is told
        (SMS-41, RCPT-12)."""
        world = self.world_of()
        fates = [Fate(state=MessageState.UNDELIVERABLE), *[Fate(status=c.RTHROTTLED)] * 200]
        world.handset = world.smsc.handset = ScriptedHandset(*fates)
        self.say("a" * 200)
        world.settle(60)
        self.assertEqual((len(self.received()), world.xmpp.errors()), (1, []))
        world.settle(1200)
        self.assertEqual((len(self.received()), len(world.xmpp.errors())), (2, 1))

    def test_too_long(self) -> None:
        """More parts than the operator's limit: nothing is sent, and Romeo is told (SMS-37)."""
        self.world_of("profile = { max_segments = 2 }")
        self.say("a" * 307)
        self.assertEqual((self.received(), self.world.xmpp.errors()), ([], ["policy-violation"]))
