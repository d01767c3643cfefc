"""No id is used twice on the far side."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.transaction.branches import RecentIds


class RecentIdsTests(SynchronousTestCase):
    """MSG-5."""

    def test_repeats(self) -> None:
        """An id that came again within the hour is a repetition, later it is not."""
        ids = RecentIds()
        self.assertEqual([ids.repeats("z9hG4bK1", now) for now in (0.0, 3599.0, 3599.0 + 3600.0)],
                         [False, True, False])
        self.assertFalse(ids.repeats("z9hG4bK2", 1.0))

    def test_bounded(self) -> None:
        """However many come, only so many are remembered, the youngest ones."""
        ids = RecentIds(most=3)
        for number in range(10):
            ids.repeats(str(number), 0.0)
        self.assertEqual([ids.repeats(str(number), 0.0) for number in (9, 8, 7, 0)],
                         [True, True, True, False])
