"""Reports of failure to SIP users (MSG-33)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Failure, Reason, Report
from iwf.sip.messaging.author import write
from iwf.sip.messaging.notices import PLAIN_WORDS, notice
from iwf.sip.syntax.message import Request
from tests.sip.samples import ANA, BEN_AT_X, SETTINGS, TRUNK, VIA, item


class ReportTests(SynchronousTestCase):
    """What a SIP user is told when his message failed after its 202 (MSG-33)."""

    REPORT = Report("z9hG4bK7f3a", ANA, BEN_AT_X, Failure(Reason.UNKNOWN_RECIPIENT, detail="secret"),
                    conversation="4b1f0c9d7e@192.0.2.10", excerpt="Grüße Ana", recipient_spelling="sip:Ana@sip.example")

    def test_notice(self) -> None:
        """A MESSAGE from whom he had written to, in his conversation, with the reason in plain words."""
        made = write(item(self.REPORT), TRUNK, SETTINGS, VIA)
        assert isinstance(made, Request)
        self.assertEqual(made.target, "sip:Ana@sip.example")
        self.assertEqual(str(made.from_.uri), "sip:ben*xmpp.example@x.sip.example")
        self.assertEqual(made.call_id, "4b1f0c9d7e@192.0.2.10")
        self.assertTrue(made.from_.tag)
        self.assertEqual(made.body.decode(),
                         'Your message "Grüße Ana" was not delivered: there is no such recipient')

    def test_text_of_the_failure(self) -> None:
        """The text of the far side is shown instead of our words, our own detail never (ERR-3)."""
        report = evolve(self.REPORT, failure=Failure(Reason.POLICY, text="no\nads", detail="secret"), excerpt="")
        self.assertEqual(notice(report), "Your message was not delivered: no ads")

    def test_words_for_all(self) -> None:
        """There are words for every reason."""
        self.assertEqual(set(PLAIN_WORDS), set(Reason))

    def test_size(self) -> None:
        """However long excerpt and text, the notice fits (MSG-27)."""
        report = evolve(self.REPORT, failure=Failure(Reason.POLICY, text="😀" * 9000), excerpt="😀" * 9000)
        self.assertIsInstance(write(item(report), TRUNK, SETTINGS, VIA), Request)
