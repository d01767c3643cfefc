"""Answers and receipts in every order: what they say decides what the sender is told (SMS-41, SMS-42, RCPT-12)."""

from __future__ import annotations

from attrs import frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Accepted, Failure, Notification, Outcome, Reason, Receipt, Report, Want
from tests.mapping.test_message import Core
from tests.support.sample import from_ben_to_phone

CARRIER, OTHER = "smpp:carrier", "smpp:other"
DELIVERED, FAILED, UNKNOWN = Outcome.DELIVERED, Outcome.FAILED, Outcome.UNKNOWN
LOST = Failure(Reason.UNAVAILABLE, permanent=False)


@frozen
class News:
    """A receipt for a part."""

    part: int
    outcome: Outcome
    pause: float = 0.0
    """Seconds since the one before."""
    peer: str = CARRIER


news = st.builds(News, st.integers(0, 2), st.sampled_from(
    [DELIVERED, DELIVERED, FAILED, UNKNOWN, Outcome.PROCESSED, Outcome.STORED]),
    st.sampled_from([0.0, 0.0, 1.0]), st.sampled_from([CARRIER, CARRIER, CARRIER, OTHER]))


def told(parts: int, before: list[News], after: list[News]) -> list[str]:
    """What a sender hears who wanted to know.

    :param parts: of his text.
    :param before: what comes before the last part is answered.
    """
    core = Core()
    (item,) = core.turn(from_ben_to_phone(wants=frozenset({Want.DELIVERED}))).sends
    events: list[News | None] = [*before, None, *after]
    heard: list[str] = []
    for event in events:
        if event is None:
            turn = core.turn(Accepted(item, tuple(f"r{number}" for number in range(parts)), peer=CARRIER))
        else:
            core.now += event.pause
            turn = core.turn(Receipt(event.peer, f"r{event.part}", event.outcome,
                                     LOST if event.outcome is FAILED else None))
        for sent in turn.sends:
            assert isinstance(sent.payload, Notification | Report)
            heard.append("delivered" if isinstance(sent.payload, Notification) else "failed")
    return heard


def expected(parts: int, everything: list[News]) -> list[str]:
    """The same by the rules: the first final word on each part stands (SMS-42); one failed part fails all (RCPT-12)."""
    words: dict[int, Outcome] = {}
    for one in everything:
        if one.peer == CARRIER and one.outcome in (DELIVERED, FAILED, UNKNOWN):
            words.setdefault(one.part, one.outcome)
    final = [words.get(number) for number in range(parts)]
    return ["failed"] if FAILED in final else ["delivered"] if set(final) == {DELIVERED} else []


class OrderTests(SynchronousTestCase):
    """A text of up to three parts, over as many binds as there are: the core cannot tell them apart."""

    @settings(max_examples=300, deadline=None)
    @given(st.integers(1, 3), st.lists(news, max_size=6), st.lists(news, max_size=6))
    @example(1, [News(0, FAILED), News(0, DELIVERED)], [])
    @example(1, [News(0, DELIVERED), News(0, FAILED, 1.0), News(0, DELIVERED, 1.0)], [])
    def test_told_once(self, parts: int, before: list[News], after: list[News]) -> None:
        """Early, late, twice, contradicting, of another operator: the sender is told what the first final receipts
        of all parts come to, once."""
        self.assertEqual(told(parts, before, after), expected(parts, before + after))

    @settings(max_examples=100, deadline=None)
    @given(st.integers(1, 3), st.data())
    def test_same_outcome(self, parts: int, data: st.DataObject) -> None:
        """Where receipts do not contradict each other, their order and the moment of the answer do not matter."""
        words = data.draw(st.lists(st.sampled_from([DELIVERED, DELIVERED, FAILED]), min_size=parts, max_size=parts))
        receipts = [News(number, word) for number, word in enumerate(words)]
        receipts += data.draw(st.lists(st.sampled_from(receipts), max_size=3))
        order = data.draw(st.permutations(receipts))
        answered = data.draw(st.integers(0, len(order)))
        self.assertEqual(told(parts, list(order[:answered]), list(order[answered:])), told(parts, [], receipts))
