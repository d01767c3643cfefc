"""Rates and repetitions: who writes too much, and what goes round (LOOP-5, LOOP-6)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping import policy
from iwf.mapping.model import Address, Body, Message, Party
from iwf.mapping.policy import Policy, Ruling
from iwf.mapping.settings import Gateway

BEN = Address("xmpp", "ben", "xmpp.example", "pc")
ANA = Address("xmpp", "ana*sip.example", "sip.xmpp.example")


def message(id: str = "", text: str = "hi", origin: Address = BEN, target: Address = ANA) -> Message:
    return Message(id, Party(origin), target, (Body(text),))


def gateway(rate: float = 20.0, burst: int = 100) -> Gateway:
    return Gateway("gw", "s", max_rate=rate, max_burst=burst)


class RateTests(SynchronousTestCase):
    """One pair's messages per second (LOOP-6)."""

    def passed(self, judge: Policy, times: list[float], **parts: Address) -> int:
        return [judge.judge(message(**parts), now) for now in times].count(Ruling.PASS)

    def test_burst(self) -> None:
        """A burst passes, the next message does not, and after a pause as many as the rate allows."""
        judge = Policy(gateway())
        self.assertEqual(self.passed(judge, [1000.0] * 150), 100)
        self.assertEqual(self.passed(judge, [1000.5] * 50), 10)
        self.assertEqual(self.passed(judge, [2000.0] * 150), 100)

    def test_steady(self) -> None:
        """Whoever keeps to the rate is never refused; whoever writes twice as fast gets every second through."""
        self.assertEqual(self.passed(Policy(gateway(burst=1)), [n / 19 for n in range(1000)]), 1000)
        self.assertEqual(self.passed(Policy(gateway(burst=1)), [n / 39 for n in range(1000)]), 500)

    def test_pairs(self) -> None:
        """One pair's zeal is not another's fault; the device does not make another pair."""
        judge = Policy(gateway(burst=1))
        self.assertEqual(self.passed(judge, [1.0, 1.0]), 1)
        self.assertEqual(self.passed(judge, [1.0], target=evolve(ANA, user="eve*sip.example")), 1)
        self.assertEqual(self.passed(judge, [1.0], origin=evolve(BEN, user="tom")), 1)
        self.assertEqual(self.passed(judge, [1.0], origin=evolve(BEN, instance="phone")), 0)

    def test_no_limit(self) -> None:
        """Without a rate all pass."""
        self.assertEqual(self.passed(Policy(gateway(rate=0)), [1.0] * 500), 500)

    def test_clock_set_back(self) -> None:
        """A clock that goes backwards neither opens nor closes the way for good."""
        judge = Policy(gateway(burst=2))
        self.assertEqual(self.passed(judge, [1000.0, 1000.0, 0.0, 0.0]), 2)
        self.assertEqual(self.passed(judge, [1001.0]), 1)

    def test_memory(self) -> None:
        """The pairs that were quiet for longest are forgotten first; the memory is bounded."""
        judge = Policy(gateway(burst=1))
        for number in range(policy.MOST_PAIRS + 10):
            self.passed(judge, [1.0], target=evolve(ANA, user=str(number)))
        self.assertLessEqual(len(judge._rests_at), policy.MOST_PAIRS)
        last = evolve(ANA, user=str(policy.MOST_PAIRS + 9))
        self.assertEqual(self.passed(judge, [1.0], target=last), 0)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5))
    def test_never_more(self, pauses: list[float], burst: int) -> None:
        """In no stretch of time more pass than the burst and the rate allow."""
        judge, now, times = Policy(gateway(rate=2.0, burst=burst)), 0.0, []
        for pause in pauses:
            now += pause
            if judge.judge(message(), now) is Ruling.PASS:
                times.append(now)
        for first in range(len(times)):
            for last in range(first, len(times)):
                self.assertLessEqual(last - first + 1, burst + 2.0 * (times[last] - times[first]) + 1e-6)


class CircleTests(SynchronousTestCase):
    """The same stanza again and again (LOOP-5)."""

    def rulings(self, judge: Policy, now: float, *messages: Message) -> list[bool]:
        """Which of the messages circle; all others are taken."""
        found = []
        for one in messages:
            found.append(judge.judge(one, now) is Ruling.CIRCLES)
            if not found[-1]:
                judge.taken(one, now)
        return found

    def test_refused(self) -> None:
        """Who tries again what was refused is told so each time."""
        judge = Policy(gateway())
        self.assertEqual([judge.judge(message("m1"), 1.0) for _ in range(9)], [Ruling.PASS] * 9)

    def test_fourth_time(self) -> None:
        """What was there more than twice within ten seconds is dropped, and each time after."""
        judge = Policy(gateway())
        self.assertEqual(self.rulings(judge, 1.0, *[message("m1")] * 5), [False, False, False, True, True])
        self.assertEqual(self.rulings(judge, 5.9, message("m1")), [True])

    def test_halves(self) -> None:
        """Times before the turn of a half round count, those of more than ten seconds ago do not."""
        judge = Policy(gateway())
        self.assertEqual(self.rulings(judge, 0.0, *[message("m1")] * 2), [False, False])
        self.assertEqual(self.rulings(judge, 5.1, message("m1")), [False])
        self.assertEqual(self.rulings(judge, 6.0, message("m1")), [True])
        judge = Policy(gateway())
        self.assertEqual(self.rulings(judge, 0.0, *[message("m1")] * 3), [False] * 3)
        self.assertEqual(self.rulings(judge, 10.1, message("m1")), [False])

    def test_differences(self) -> None:
        """Another text, another id, another pair or no id: another message."""
        judge = Policy(gateway())
        others = [message("m1", "other"), message("m2"), message("m1", target=evolve(ANA, user="x")), message()]
        self.assertEqual(self.rulings(judge, 1.0, *[message("m1")] * 3, *others * 3), [False] * 15)

    def test_other_worlds(self) -> None:
        """A SIP request has marks of its own against loops; a phone may send one text as often as it likes."""
        judge = Policy(gateway())
        sip = Address("sip", "ana", "sip.example")
        self.assertEqual(self.rulings(judge, 1.0, *[message("z9", origin=sip)] * 5), [False] * 5)

    def test_memory(self) -> None:
        """The memory of a round is bounded; what it holds still counts."""
        judge = Policy(gateway(rate=0))
        first = message("first")
        self.rulings(judge, 1.0, first, *(message(str(number)) for number in range(policy.MOST_MESSAGES + 5)))
        self.assertLessEqual(len(judge._seen), policy.MOST_MESSAGES)
        self.assertEqual(self.rulings(judge, 1.0, first, first, first), [False, False, True])
