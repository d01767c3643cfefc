"""One text at a time to a phone, paced by receipts (sms.md section 7, the paper's section 4)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.store.memory import MemoryStore
from iwf.mapping.model import (
    Accepted,
    Due,
    Failure,
    Item,
    Message,
    Outcome,
    Reason,
    Receipt,
    Refused,
    Rejected,
    Report,
)
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import Turn
from tests.mapping.test_message import Core
from tests.support.sample import GATEWAY, LINK, from_ben_to_phone


def gateway(**changes: object) -> Gateway:
    """The sample with one ordered link."""
    (link,) = GATEWAY.links
    return evolve(GATEWAY, links=(evolve(link, ordered=True, **changes),), prefix_sender="never")


EXPIRED = Failure(Reason.EXPIRED, permanent=False)
GONE = Failure(Reason.UNKNOWN_RECIPIENT)


class Phone(Core):
    """The core, and a phone's operator who is slow."""

    def __init__(self, **changes: object) -> None:
        super().__init__(gateway(**changes))
        self.items: list[Item] = []
        self.reports: list[Report] = []
        self.said = 0

    def see(self, turn: Turn) -> Turn:
        for item in turn.sends:
            if isinstance(item.payload, Message):
                self.items.append(item)
            elif isinstance(item.payload, Report):
                self.reports.append(item.payload)
        return turn

    def say(self, text: str, **changes: object) -> Turn:
        self.said += 1
        self.now += 1.0
        return self.see(self.turn(from_ben_to_phone(text, id=f"m{self.said}", **changes)))

    def texts(self) -> list[str]:
        return [item.payload.text for item in self.items if isinstance(item.payload, Message)]

    def take(self, item: Item, ref: str) -> None:
        self.see(self.turn(Accepted(item, (ref,))))

    def news(self, ref: str, outcome: Outcome, failure: Failure | None = None) -> None:
        self.see(self.turn(Receipt(LINK, ref, outcome, failure)))

    def wait(self, seconds: float) -> None:
        """Time passes, and deadlines with it."""
        self.now += seconds
        assert isinstance(self.store, MemoryStore)
        for due in self.store.due(self.now, 100):
            self.see(self.turn(due))


class OrderTests(SynchronousTestCase):
    """When the next text leaves."""

    def test_one_at_a_time(self) -> None:
        """The second text leaves when the first is with the phone, not when the operator took it (SMS-50)."""
        phone = Phone()
        phone.say("one")
        phone.say("two")
        self.assertEqual(phone.texts(), ["one"])
        phone.take(phone.items[0], "r1")
        self.assertEqual(phone.texts(), ["one"])
        phone.news("r1", Outcome.DELIVERED)
        self.assertEqual(phone.texts(), ["one", "two"])

    def test_at_one_moment(self) -> None:
        """Texts that come at the same moment leave in the order in which they came (SMS-50)."""
        phone = Phone()
        texts = [f"number {n}" for n in range(12)]
        for text in texts:
            phone.see(phone.turn(from_ben_to_phone(text, id=text)))
        for n in range(len(texts)):
            phone.take(phone.items[n], f"r{n}")
            phone.news(f"r{n}", Outcome.DELIVERED)
        self.assertEqual(phone.texts(), texts)

    def test_receipt_first(self) -> None:
        """It also leaves when the receipt overtakes the operator's answer (SMS-41)."""
        phone = Phone()
        phone.say("one")
        phone.say("two")
        phone.news("r1", Outcome.DELIVERED)
        phone.take(phone.items[0], "r1")
        self.assertEqual(phone.texts(), ["one", "two"])

    def test_accepted_by_the_operator(self) -> None:
        """What an operator calls accepted ends the waiting, whatever comes of it (SMS-50)."""
        phone = Phone()
        phone.say("one")
        phone.say("two")
        phone.take(phone.items[0], "r1")
        phone.news("r1", Outcome.STORED)
        self.assertEqual(phone.texts(), ["one", "two"])

    def test_never_to_be_known(self) -> None:
        """When the operator says that he will never know, nothing more is waited for (SMS-50, SMS-43)."""
        phone = Phone()
        phone.say("one")
        phone.say("two")
        phone.say("three")
        phone.see(phone.turn(Accepted(phone.items[0], ("a", "b"))))
        phone.news("a", Outcome.UNKNOWN)
        self.assertEqual(phone.texts(), ["one"])
        phone.news("b", Outcome.DELIVERED)
        self.assertEqual(phone.texts(), ["one", "two"])
        phone.news("r2", Outcome.UNKNOWN)
        phone.take(phone.items[1], "r2")
        self.assertEqual(phone.texts(), ["one", "two", "three"])

    def test_not_taken(self) -> None:
        """A text that the operator refuses gives way to the next, and its sender is told."""
        phone = Phone()
        phone.say("one")
        phone.say("two")
        phone.see(phone.turn(Rejected(phone.items[0], GONE)))
        self.assertEqual((phone.texts(), [report.about for report in phone.reports]),
                         (["one", "two"], ["m1"]))

    def test_no_receipt(self) -> None:
        """An outcome that never comes is waited for until the validity is over, and a little longer."""
        phone = Phone(validity=600.0)
        phone.say("one")
        phone.say("two", expires_at=phone.now + 7200.0)
        phone.take(phone.items[0], "r1")
        phone.wait(620.0)
        self.assertEqual(phone.texts(), ["one"])
        phone.wait(15.0)
        self.assertEqual(phone.texts(), ["one", "two"])

    def test_other_phones_do_not_wait(self) -> None:
        """A slow phone holds up nobody but itself."""
        phone = Phone()
        phone.say("one")
        target = from_ben_to_phone().target
        phone.say("other", target=evolve(target, user="+491709999999"))
        self.assertEqual(phone.texts(), ["one", "other"])

    def test_queue(self) -> None:
        """Who writes on and on is told to wait when twenty texts are parked (SMS-50)."""
        phone = Phone()
        verdicts = [phone.say(f"{number}").verdict for number in range(22)]
        self.assertEqual([isinstance(verdict, Refused) for verdict in verdicts], [False] * 21 + [True])
        (refused,) = [verdict for verdict in verdicts if isinstance(verdict, Refused)]
        self.assertEqual((refused.failure.reason, refused.failure.permanent), (Reason.CONGESTED, False))

    def test_expired_while_parked(self) -> None:
        """A text that is no longer wanted is not submitted, and its sender is told (SMS-52)."""
        phone = Phone()
        phone.say("one")
        phone.say("two", expires_at=phone.now + 60.0)
        phone.say("three")
        phone.wait(61.0)
        self.assertEqual([report.about for report in phone.reports], ["m2"])
        phone.take(phone.items[0], "r1")
        phone.news("r1", Outcome.DELIVERED)
        self.assertEqual(phone.texts(), ["one", "three"])

    def test_failure_lets_the_next_go(self) -> None:
        """After a failure the next text leaves (SMS-51)."""
        phone = Phone()
        phone.say("one")
        phone.say("two")
        phone.take(phone.items[0], "r1")
        phone.news("r1", Outcome.FAILED, EXPIRED)
        self.assertEqual((phone.texts(), [report.about for report in phone.reports]),
                         (["one", "two"], ["m1"]))

    def test_strict(self) -> None:
        """In strict order everything behind a failure fails, and all senders are told (SMS-51)."""
        phone = Phone(order_strict=True)
        for text in ("one", "two", "three"):
            phone.say(text)
        phone.take(phone.items[0], "r1")
        phone.news("r1", Outcome.FAILED, GONE)
        self.assertEqual(phone.texts(), ["one"])
        self.assertEqual(sorted(report.about for report in phone.reports), ["m1", "m2", "m3"])
        phone.say("four")
        self.assertEqual(phone.texts(), ["one", "four"])

    def test_sent_once_more(self) -> None:
        """A text that expired although its sender still wants it is sent once more, and only once; those
        behind it wait (SMS-51)."""
        phone = Phone(resend=True)
        phone.say("one", expires_at=phone.now + 3600.0)
        phone.say("two")
        phone.take(phone.items[0], "r1")
        phone.news("r1", Outcome.FAILED, EXPIRED)
        self.assertEqual((phone.texts(), phone.reports), (["one", "one"], []))
        self.assertNotEqual(phone.items[0].id, phone.items[1].id)
        phone.take(phone.items[1], "r2")
        phone.news("r2", Outcome.FAILED, EXPIRED)
        self.assertEqual((phone.texts(), [report.about for report in phone.reports]),
                         (["one", "one", "two"], ["m1"]))

    def test_sent_once_more_and_delivered(self) -> None:
        """The second try counts: nobody hears of the first."""
        phone = Phone(resend=True)
        phone.say("one", expires_at=phone.now + 3600.0)
        phone.take(phone.items[0], "r1")
        phone.news("r1", Outcome.FAILED, EXPIRED)
        phone.take(phone.items[1], "r2")
        phone.news("r2", Outcome.DELIVERED)
        phone.say("two")
        self.assertEqual((phone.texts(), phone.reports), (["one", "one", "two"], []))

    def test_not_after_its_time(self) -> None:
        """What its sender no longer wants is not sent again."""
        phone = Phone(resend=True)
        phone.say("one", expires_at=phone.now + 10.0)
        phone.take(phone.items[0], "r1")
        phone.now += 20.0
        phone.news("r1", Outcome.FAILED, EXPIRED)
        self.assertEqual((phone.texts(), len(phone.reports)), (["one"], 1))

    @given(st.lists(st.sampled_from(["say", "take", "good", "bad", "stored", "refuse", "wait"]), max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_any_order_of_events(self, steps: list[str]) -> None:
        """Whatever happens, texts leave in the order they were written, never two without an outcome
        between them, and in the end each was sent or its sender told."""
        phone = Phone()
        ended: set[str] = set()
        taken: dict[str, str] = {}

        def open_items() -> list[Item]:
            return [item for item in phone.items if item.id not in ended]

        def step(kind: str) -> None:
            if kind == "say":
                phone.say(f"{phone.said}")
            elif kind == "wait":
                phone.wait(100.0)
            for item in open_items()[:1]:
                ref = taken.get(item.id)
                if kind == "take" and ref is None:
                    taken[item.id] = ref = f"r{item.id}"
                    phone.take(item, ref)
                elif kind == "refuse" and ref is None:
                    ended.add(item.id)
                    phone.see(phone.turn(Rejected(item, GONE)))
                elif ref is not None and kind in ("good", "bad", "stored"):
                    ended.add(item.id)
                    outcome = {"good": Outcome.DELIVERED, "bad": Outcome.FAILED, "stored": Outcome.STORED}[kind]
                    phone.news(ref, outcome, GONE if kind == "bad" else None)

        for kind in steps:
            step(kind)
            self.assertLessEqual(len(open_items()), 1)
        for _ in range(2 * phone.said):
            step("take")
            step("good")
        self.assertEqual(phone.texts(), [f"{number}" for number in range(phone.said)])
        self.assertEqual(phone.store.next_due(), None)

    def test_deadline_of_nothing(self) -> None:
        """A deadline that has been overtaken does nothing."""
        phone = Phone()
        for table in ("pace", "parked"):
            self.assertEqual(phone.turn(Due(table, "nothing")), Turn())
