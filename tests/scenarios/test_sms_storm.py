"""Texts under everything that goes wrong at once, in memory: each is delivered once or its sender told."""

from __future__ import annotations

import random

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.service import Daemon
from iwf.smpp.reasons import MessageState
from iwf.smpp.simulator.handset import Fate, Handset
from iwf.smpp.simulator.receipt import Submission
from iwf.smpp.simulator.smsc import SmscFactory
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import ShortMessage, Sme
from tests.scenarios.host import Host
from tests.scenarios.storm import Balance, Handsets, PhonePart, as_heard, long_text, parts_of, shuffled
from tests.support.world import World, configuration

ROMEO = "romeo@xmpp.test/orchard"
PHONES = [f"+4917012345{number:02}" for number in range(25)]
LINK = 'binds = 2\nwindow = 5\nprofile = { id_format = "hex_resp_dec_dlr" }'
NODE = "max_rate = 0\n[node.patience]\nreassembly = 60.0"
REQUEST = "<request xmlns='urn:xmpp:receipts'/>"


class Network(Handset):
    """Slow phones, of whose receipts some come before the answer, and of which some are switched off."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.handsets = Handsets()
        self.is_calm = True
        self._chance = chance

    def fate_of(self, message: ShortMessage) -> Fate:
        if self.is_calm:
            return Fate()
        state = MessageState.UNDELIVERABLE if self._chance.random() < 0.05 else MessageState.DELIVERED
        return Fate(state=state, delay=self._chance.uniform(0.05, 0.5), after=self._chance.uniform(-0.5, 1.0))

    def take(self, message: ShortMessage) -> Fate:
        fate = super().take(message)
        if message.esm_class & 0x40 and fate.state is MessageState.DELIVERED:
            self.handsets.take(message.source.number, message.destination.number, message.short_message)
        return fate


class Storage(SmscFactory):
    """An SMSC that writes ids in one base and reports them in the other, and keeps what is not answered."""

    def new_id(self) -> str:
        return f"{int(super().new_id(), 36) & 0xFFFFFFFF:X}"

    def send_receipt(self, submission: Submission, state: MessageState, error: str = "000") -> Deferred[int | None]:
        decimal = str(int(submission.message_id, 16))
        return super().send_receipt(evolve(submission, message_id=decimal), state, error)

    def deliver(self, account: str, message: ShortMessage) -> Deferred[int | None]:
        self.connections[:] = self.connections[1:] + self.connections[:1]  # over all binds in turn
        return super().deliver(account, message).addCallback(self._answered, account, message)

    def _answered(self, status: int | None, account: str, message: ShortMessage) -> int | None | Deferred[int | None]:
        if status not in (None, c.RX_T_APPN, c.RTHROTTLED):
            return status
        again: Deferred[int | None] = Deferred()
        self._clock.callLater(1.0, again.callback, None)
        return again.addCallback(lambda _: self.deliver(account, message))


class StormWorld(World):
    """A world with such an SMSC, whose daemon can be killed."""

    def start_smsc(self) -> None:
        if not isinstance(self.smsc, Storage):
            self.smsc = Storage({"iwf": "pw"}, self.handset, self.network, Ids(seed=7))
        super().start_smsc()

    def start_daemon(self) -> None:
        self.host = Host(self.network)
        self._seed += 1
        self.daemon = Daemon(self.settings, self.host, Ids(seed=self._seed), self.store,
                             connected_socket=lambda own, hop: None)
        self.daemon.startService()
        self.settle(3)


class StormTests(SynchronousTestCase):
    """Romeo and 25 phones."""

    def setUp(self) -> None:
        self.balance = Balance()

    def begin(self, seed: int, link: str = LINK) -> None:
        self.chance = random.Random(seed)
        self.phones = Network(self.chance)
        self.world = StormWorld(configuration(link=link, node=NODE), handset=self.phones)
        for phone in PHONES:
            self.world.xmpp.say(ROMEO, f"{phone}@sms.xmpp.test", "hello", type="chat", id=f"hello {phone}")
        self.world.settle(5)
        self.numbers = {f"+{message.destination.number}": message.source for message in self.phones.received}
        self.assertEqual(set(self.numbers), set(PHONES))
        self.phones.is_calm = False

    def say(self, name: str) -> None:
        """Romeo writes a long text to every phone."""
        for number, phone in enumerate(PHONES):
            id, text = f"{name}-{number}", long_text(f"{name} {number}")
            self.balance.sent[id] = text
            self.world.xmpp.stanza("sms.xmpp.test", f"<message from='{ROMEO}' to='{phone}@sms.xmpp.test' type='chat' "
                                   f"id='{id}'><body>{text}</body>{REQUEST}</message>")

    def write(self, part: PhonePart) -> None:
        """The SMSC delivers a part from a phone, again and again until it is answered."""
        message = ShortMessage(source=Sme(1, 1, part.phone[1:]), destination=self.numbers[part.phone], esm_class=0x40,
                               data_coding=8, short_message=part.octets)
        self.world.smsc.deliver("iwf", message).addCallback(self._answered, part)

    def _answered(self, status: int | None, part: PhonePart) -> None:
        assert status is not None
        self.balance.statuses = {**self.balance.statuses, part.tag: status}

    def everybody_writes(self) -> list[PhonePart]:
        """A text of each phone, in parts; of one a part is lost."""
        texts = [parts_of(phone, long_text(f"from {number}"), number) for number, phone in enumerate(PHONES)]
        self.balance.written += [long_text(f"from {number}") for number in range(1, len(PHONES))]
        self.balance.written.append(as_heard(texts[0], lost=2))
        return shuffled(texts, "0/2", self.chance)

    def outstanding(self) -> int:
        """Submits that the SMSC has not answered."""
        return sum(bind.session.unanswered for bind in self.world.smsc.connections)

    def strike(self) -> None:
        """Wait until nothing more can come, and look at the balance."""
        self.world.settle(180)
        balance = self.balance
        balance.shown = self.phones.handsets.shown
        errors, received, read = [], [], {}
        for stanza in self.world.xmpp.inbox:
            if stanza.getAttribute("type") == "error":
                errors.append(stanza["id"])
            elif stanza.body is not None:
                read[stanza["id"]] = str(stanza.body)
            elif stanza.received is not None:
                received.append(stanza.received["id"])
        balance.errors, balance.received, balance.read = errors, received, read
        self.assertEqual(balance.faults(), [], str(balance))

    def test_calm(self) -> None:
        """Nothing goes wrong but the order: each text is shown once and acknowledged, or its sender told (SMS-41)."""
        self.begin(1)
        self.say("first")
        for part in self.everybody_writes():
            self.write(part)
        self.strike()
        self.assertEqual(len(self.balance.received) + len(self.balance.errors), len(self.balance.sent))
        self.assertGreater(len(self.balance.received), len(self.balance.errors))

    def test_storm(self) -> None:
        """The SMSC dies in mid-window, iwf is killed in mid-window; phones write all the while, in parts that come in
        any order over two binds, twice or never; receipts come before their answers, under ids in another base."""
        for seed in range(4):
            for link in (LINK, f"{LINK}\nretry_unknown = true"):
                self.balance = Balance()
                self.begin(seed, link)
                self.say("first")
                self.world.settle(0.3)
                parts = self.everybody_writes()
                half = len(parts) // 2
                for part in parts[:half]:
                    self.write(part)
                self.world.settle(self.chance.uniform(0.1, 0.6))
                self.assertGreater(self.outstanding(), 0)
                self.world.stop_smsc()
                self.world.settle(2)
                self.world.start_smsc()
                self.world.settle(4)
                self.say("second")
                self.world.settle(0.3)
                for part in parts[half:]:
                    self.write(part)
                self.world.settle(self.chance.uniform(0.0, 0.02))
                self.assertGreater(self.outstanding(), 0)
                self.world.host.cut()
                self.world.settle(1)
                self.world.start_daemon()
                self.strike()
