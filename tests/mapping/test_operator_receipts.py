"""Receipts are an operator's, whatever link they come on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Accepted, Failure, Outcome, Reason, Receipt, Report
from tests.mapping.test_message import Core
from tests.support.sample import from_ben_to_phone

FAILED = Failure(Reason.UNAVAILABLE, permanent=False)


class OperatorReceiptTests(SynchronousTestCase):
    """A link that says of which operator its references are (SMS-42)."""

    def told(self, *, early: bool, accepted: str, receipt: str) -> int:
        """How many reports the sender gets of a text that fails.

        :param early: the receipt comes before the answer (SMS-41).
        :param accepted: the namespace that the answer's references are of.
        :param receipt: the one of the receipt's.
        """
        core = Core()
        (item,) = core.turn(from_ben_to_phone()).sends
        events = [Accepted(item, ("a1",), peer=accepted), Receipt(receipt, "a1", Outcome.FAILED, FAILED)]
        turns = [core.turn(event) for event in (reversed(events) if early else events)]
        return sum(isinstance(sent.payload, Report) for turn in turns for sent in turn.sends)

    def test_same_operator(self) -> None:
        """The receipt is known by operator and id, before the answer and after it."""
        for early in (False, True):
            self.assertEqual(self.told(early=early, accepted="smpp:carrier", receipt="smpp:carrier"), 1)

    def test_other_operator(self) -> None:
        """The same id of another operator is another message."""
        for early in (False, True):
            self.assertEqual(self.told(early=early, accepted="smpp:carrier", receipt="smpp:other"), 0)

    def test_lane_by_default(self) -> None:
        """Without a namespace the references are those of the lane."""
        core = Core()
        (item,) = core.turn(from_ben_to_phone()).sends
        for early in (False, True):
            self.assertEqual(self.told(early=early, accepted="", receipt=item.lane), 1)
