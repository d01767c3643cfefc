"""A short run of the fuzzer; the long one is ``python -m tests.fuzz.smpp_fuzz``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.smpp_fuzz import Run


class SmppFuzzTests(SynchronousTestCase):
    """Spoiled PDUs by the thousand."""

    def test_short_run(self) -> None:
        """Both ends cope with 4 000 PDUs: none costs more than its session, and no sender is left without word
        (SMS-11, SMS-12); and enough of them come through to tell."""
        run = Run(4000, seed=34)
        run.run()
        self.assertEqual(run.faults, [])
        for outcome in ("read", "refused 0x2", "offered", "Accepted", "Rejected", "cost the session",
                        "wrote deliver_sm_resp", "wrote generic_nack", "SMSC wrote submit_sm_resp"):
            self.assertGreater(run.counts[outcome], 0, outcome)

    def test_repeatable(self) -> None:
        """The same seed gives the same PDUs and the same outcome."""
        first, second = Run(300, seed=7), Run(300, seed=7)
        first.run()
        second.run()
        self.assertEqual(first.counts, second.counts)
        self.assertGreater(first.counts["read"], 0)
