"""What is awaited from an operator, and for how long (SMS-43)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.smpp.session.delivery import Awaited
from iwf.smpp.session.overdue import GRACE, MOST_EARLY, USUAL_VALIDITY, Overdue, read, written
from iwf.smpp.wire.pdu import Sme


def awaited(ref: str, expires_at: float | None = None) -> Awaited:
    return Awaited(ref, ref.upper(), Sme(5, 0, "X1"), expires_at)


class OverdueTests(SynchronousTestCase):
    """Receipts that come, and some that do not."""

    def test_due(self) -> None:
        """Five minutes after the validity, a day where nobody stated one."""
        overdue = Overdue(0.0)
        self.assertEqual(overdue.awaits(awaited("a", 100.0), 0.0), 100.0 + GRACE)
        self.assertEqual(overdue.awaits(awaited("b"), 0.0), USUAL_VALIDITY + GRACE)
        self.assertEqual([each.ref for each in overdue.take(100.0 + GRACE)], ["a"])
        self.assertEqual(overdue.next_timer(), USUAL_VALIDITY + GRACE)

    def test_before_the_answer(self) -> None:
        """A receipt that overtakes the answer is not asked for (SMS-41); another text under its id is."""
        overdue = Overdue(0.0)
        self.assertFalse(overdue.came("a"))
        self.assertIsNone(overdue.awaits(awaited("a"), 0.0))
        self.assertIsNotNone(overdue.awaits(awaited("a"), 0.0))
        self.assertTrue(overdue.came("a"))
        self.assertIsNone(overdue.next_timer())

    def test_receipts_for_nothing(self) -> None:
        """Receipts for nothing do not fill the memory."""
        overdue = Overdue(0.0)
        for number in range(MOST_EARLY + 1):
            overdue.came(str(number))
        self.assertIsNotNone(overdue.awaits(awaited("0"), 0.0))
        self.assertIsNone(overdue.awaits(awaited("1"), 0.0))

    @settings(max_examples=50, deadline=None)
    @given(st.text(), st.text(), st.integers(0, 255), st.text(), st.floats(0, 9e12))
    def test_round_trip(self, ref: str, message_id: str, number: int, source: str, due: float) -> None:
        """What is written comes back, whatever the SMSC calls its messages."""
        one = Awaited(ref, message_id, Sme(number, number, source), None)
        self.assertEqual(read(ref, written(one, due)), (one, due))
