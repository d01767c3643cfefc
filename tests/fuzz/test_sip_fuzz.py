"""A short run of the fuzzer; the long one is ``python -m tests.fuzz.sip_fuzz``."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.sip_fuzz import Run


class SipFuzzTests(SynchronousTestCase):
    """Spoiled messages by the thousand."""

    def test_short_run(self) -> None:
        """Every layer copes with whatever 3 000 messages hold, and enough of them come through to tell (SIP-12)."""
        run = Run(3000, seed=4475)
        run.run()
        self.assertEqual(run.faults, [])
        for outcome in ("taken", "refused", "dropped", "frames", "answered 202", "answered 400", "answered 415",
                        "requests of ours", "to XMPP", "to phones"):
            self.assertGreater(run.counts[outcome], 0, outcome)

    def test_registrar(self) -> None:
        """The same for a daemon that challenges the devices of a domain (SIP-62, SIP-81)."""
        run = Run(1500, seed=3261, registrar=True)
        run.run()
        self.assertEqual(run.faults, [])
        self.assertGreater(run.counts["answered 401"], 0)

    def test_repeatable(self) -> None:
        """The same seed gives the same messages and the same outcome, so that what is found can be found again."""
        first, second = Run(300, seed=7), Run(300, seed=7)
        first.run()
        second.run()
        self.assertEqual(first.counts, second.counts)
        self.assertNotEqual(first.counts, Counter())
