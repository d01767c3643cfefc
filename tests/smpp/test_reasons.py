"""The tables ERR 8.3, 8.4 and 8.5."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Failure, Reason
from iwf.smpp.reasons import (
    WORDS,
    MessageState,
    failure_of_state,
    failure_of_status,
    status_of_failure,
)

#: ERR 8.3: statuses, reason, permanent, whether a time for another try is given.
STATUSES: tuple[tuple[tuple[int, ...], Reason, bool, bool], ...] = (
    ((0x01,), Reason.TOO_BIG, True, False),
    ((0x02, 0x03, 0x06, 0x07, 0x0C, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x53, 0x54, 0x55, 0x61, 0x63, 0x67, 0x11,
      0x13), Reason.INTERNAL, True, False),
    ((0x04, 0x05, 0x0D, 0x0E, 0x0F), Reason.UNREACHABLE, False, True),
    ((0x08,), Reason.UNAVAILABLE, False, True),
    ((0x0A, 0x48, 0x49), Reason.FORBIDDEN, True, False),
    ((0x0B, 0x50, 0x51), Reason.UNKNOWN_RECIPIENT, True, False),
    ((0x14, 0x58), Reason.CONGESTED, False, True),
    ((0x45,), Reason.UNAVAILABLE, False, False),
    ((0x62,), Reason.INTERNAL, True, False),
    ((0x64,), Reason.UNAVAILABLE, False, False),
    ((0x65,), Reason.UNKNOWN_RECIPIENT, True, False),
    ((0x66,), Reason.REFUSED, True, False),
    ((0xC0, 0xC1, 0xC2, 0xC3, 0xC4), Reason.INTERNAL, True, False),
    ((0xFE,), Reason.UNAVAILABLE, False, False),
    ((0xFF,), Reason.INTERNAL, True, False),
    ((0x100, 0x101, 0x103), Reason.FORBIDDEN, True, False),
    ((0x102,), Reason.UNAVAILABLE, False, False),
    ((0x104,), Reason.UNSUPPORTED_CONTENT, True, False),
    (tuple(range(0x105, 0x113)), Reason.INTERNAL, True, False),
)


class StatusTests(SynchronousTestCase):
    """After submit_sm."""

    def test_table(self) -> None:
        """Every row of ERR 8.3."""
        for statuses, reason, permanent, later in STATUSES:
            for status in statuses:
                failure = failure_of_status(status)
                self.assertEqual((failure.reason, failure.permanent, failure.retry_after is not None),
                                 (reason, permanent, later), hex(status))
                self.assertTrue(failure.text)

    def test_vendor(self) -> None:
        """A status without a row is unknown, and the text has its number."""
        rows = {status for statuses, *_ in STATUSES for status in statuses}
        for status in (0x10, 0x12, 0x41, 0x46, 0x400, 0x4FF, 0x500, 0xFFFFFFFF):
            self.assertNotIn(status, rows)
            failure = failure_of_status(status)
            self.assertIs(failure.reason, Reason.UNKNOWN_FAULT)
            self.assertIn(hex(status), failure.text)

    def test_no_answer(self) -> None:
        """No answer is a timeout that can pass."""
        failure = failure_of_status(0, has_answer=False)
        self.assertEqual((failure.reason, failure.permanent), (Reason.TIMEOUT, False))
        self.assertIsNotNone(failure.retry_after)


class StateTests(SynchronousTestCase):
    """In receipts."""

    def test_table(self) -> None:
        """Every row of ERR 8.4."""
        for state, reason, permanent in (
            (MessageState.EXPIRED, Reason.EXPIRED, False), (MessageState.UNDELIVERABLE, Reason.UNAVAILABLE, False),
            (MessageState.SKIPPED, Reason.UNAVAILABLE, False), (MessageState.DELETED, Reason.DELETED, True),
            (MessageState.REJECTED, Reason.NOT_ALLOWED, True),
        ):
            failure = failure_of_state(state)
            assert failure is not None
            self.assertEqual((failure.reason, failure.permanent), (reason, permanent), state)
        expired = failure_of_state(MessageState.EXPIRED)
        assert expired is not None
        self.assertEqual(expired.text, "validity passed")

    def test_no_failure(self) -> None:
        """The other states are no failure."""
        for state in (MessageState.SCHEDULED, MessageState.ENROUTE, MessageState.DELIVERED, MessageState.ACCEPTED,
                      MessageState.UNKNOWN):
            self.assertIsNone(failure_of_state(state, 1))

    def test_unknown_subscriber(self) -> None:
        """GSM causes 1 and 5 say that there is no such number, others do not."""
        for state in (MessageState.UNDELIVERABLE, MessageState.SKIPPED):
            reasons = {error: failure.reason for error in range(10)
                       if (failure := failure_of_state(state, error)) is not None}
            self.assertEqual({error for error, reason in reasons.items() if reason is Reason.UNKNOWN_RECIPIENT}, {1, 5})
        expired = failure_of_state(MessageState.EXPIRED, 1)
        assert expired is not None
        self.assertIs(expired.reason, Reason.EXPIRED)


NOBODY = {Reason.UNKNOWN_RECIPIENT, Reason.GONE, Reason.MALFORMED_ADDRESS, Reason.UNSUPPORTED_ADDRESS,
          Reason.UNKNOWN_DOMAIN}


class AnswerTests(SynchronousTestCase):
    """In deliver_sm_resp."""

    def test_table(self) -> None:
        """ERR 8.5: what can pass is 64, a recipient that does not exist 65, any other refusal 66; "too fast" 58."""
        self.assertEqual(status_of_failure(Failure(Reason.TOO_FAST, permanent=False)), 0x58)
        for reason in set(Reason) - {Reason.TOO_FAST}:
            self.assertEqual(status_of_failure(Failure(reason, permanent=False)), 0x64)
            self.assertEqual(status_of_failure(Failure(reason)), 0x65 if reason in NOBODY else 0x66, reason)

    def test_words(self) -> None:
        """Every reason has words for a phone."""
        self.assertEqual(set(WORDS), set(Reason))
        self.assertTrue(all(WORDS.values()))
