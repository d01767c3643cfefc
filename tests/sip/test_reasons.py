"""The failure tables of the SIP edge, row by row against messages.md 8.1, 8.2, 8.3 and 8.5."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Failure, Reason
from iwf.sip.reasons import failure_of_status, status_of_failure
from tests.sip.samples import response

# Reasons by the XMPP condition that stands for them (ERR 8.2), so that the rows read as in the table.
CONDITION = {
    "redirect": {Reason.REDIRECTED},
    "gone": {Reason.GONE},
    "not-acceptable": {Reason.NOT_ACCEPTABLE, Reason.UNSUPPORTED_CONTENT, Reason.UNSUPPORTED_ADDRESS, Reason.LOOP},
    "bad-request": {Reason.MALFORMED},
    "not-authorized": {Reason.NOT_AUTHENTICATED},
    "forbidden": {Reason.FORBIDDEN},
    "item-not-found": {Reason.UNKNOWN_RECIPIENT},
    "feature-not-implemented": {Reason.NOT_SUPPORTED},
    "registration-required": {Reason.REGISTRATION_REQUIRED},
    "remote-server-timeout": {Reason.TIMEOUT},
    "policy-violation": {Reason.POLICY, Reason.TOO_BIG},
    "resource-constraint": {Reason.EXHAUSTED},
    "recipient-unavailable": {Reason.UNAVAILABLE},
    "unexpected-request": {Reason.UNEXPECTED},
    "internal-server-error": {Reason.INTERNAL},
    "remote-server-not-found": {Reason.UNKNOWN_DOMAIN},
}

# ERR 8.2; 399, 499, 599, 699 stand for the codes nobody has defined.
TABLE_8_2 = [
    ((300, 302, 305, 399), "redirect"),
    ((301, 410), "gone"),
    ((380,), "not-acceptable"),
    ((400, 402, 493, 499), "bad-request"),
    ((401,), "not-authorized"),
    ((403,), "forbidden"),
    ((404,), "item-not-found"),
    ((405, 420, 501), "feature-not-implemented"),
    ((406, 415, 416, 421, 505), "not-acceptable"),
    ((407,), "registration-required"),
    ((408, 504), "remote-server-timeout"),
    ((413, 414), "policy-violation"),
    ((423,), "resource-constraint"),
    ((430,), "recipient-unavailable"),
    ((439,), "feature-not-implemented"),
    ((440,), "policy-violation"),
    ((480, 486, 487), "recipient-unavailable"),
    ((481, 484, 485, 604), "item-not-found"),
    ((482, 483), "not-acceptable"),
    ((488, 606), "not-acceptable"),
    ((489,), "policy-violation"),
    ((491,), "unexpected-request"),
    ((500, 503, 599), "internal-server-error"),
    ((502,), "remote-server-not-found"),
    ((513,), "policy-violation"),
    ((600, 603, 699), "recipient-unavailable"),
]

# ERR 8.5: what an SMSC is told; 64 try again, 65 no such number, 66 refused.
TABLE_8_5 = [
    (65, (404, 410, 416, 484, 485, 604)),
    (66, (400, 403, 405, 406, 413, 415, 420, 488, 501, 505, 513, 603, 606)),
    (64, (401, 407, 408, 423, 480, 481, 482, 483, 486, 487, 491, 500, 502, 503, 504, 599, 600)),
]

# ERR 8.1 as (reason of the condition, SIP for a full JID, SIP for a bare JID), ERR-6, ERR-7 and ERR-8 applied.
TABLE_8_1 = [
    (Reason.MALFORMED, 400, 400),               # bad-request
    (Reason.CONFLICT, 400, 400),                # conflict
    (Reason.NOT_SUPPORTED, 405, 501),           # feature-not-implemented
    (Reason.FORBIDDEN, 403, 603),               # forbidden
    (Reason.GONE, 410, 410),                    # gone without address
    (Reason.INTERNAL, 500, 500),                # internal-server-error
    (Reason.UNKNOWN_RECIPIENT, 404, 604),       # item-not-found
    (Reason.MALFORMED_ADDRESS, 400, 400),       # jid-malformed
    (Reason.NOT_ACCEPTABLE, 406, 606),          # not-acceptable
    (Reason.NOT_ALLOWED, 403, 403),             # not-allowed
    (Reason.NOT_AUTHENTICATED, 403, 403),       # not-authorized, no challenge to offer
    (Reason.POLICY, 403, 403),                  # policy-violation
    (Reason.UNAVAILABLE, 480, 600),             # recipient-unavailable
    (Reason.REDIRECTED, 480, 480),              # redirect, unusable address
    (Reason.REGISTRATION_REQUIRED, 403, 403),   # registration-required, no challenge to offer
    (Reason.UNKNOWN_DOMAIN, 404, 404),          # remote-server-not-found, absent
    (Reason.TIMEOUT, 480, 480),                 # remote-server-timeout
    (Reason.EXHAUSTED, 500, 500),               # resource-constraint
    (Reason.NOT_OFFERED, 403, 403),             # service-unavailable
    (Reason.SUBSCRIPTION_REQUIRED, 400, 400),   # subscription-required
    (Reason.UNDEFINED, 400, 400),               # undefined-condition
    (Reason.UNEXPECTED, 400, 400),              # unexpected-request
]

# ERR 8.3 and 8.4: what the phones' side reports.
TABLE_8_3 = [
    (Reason.TOO_BIG, 413),
    (Reason.INTERNAL, 500),
    (Reason.UNREACHABLE, 480),
    (Reason.FORBIDDEN, 403),
    (Reason.UNKNOWN_RECIPIENT, 404),
    (Reason.CONGESTED, 480),
    (Reason.UNAVAILABLE, 480),
    (Reason.REFUSED, 403),
    (Reason.UNKNOWN_FAULT, 500),
    (Reason.UNSUPPORTED_CONTENT, 415),
    (Reason.TIMEOUT, 480),
    (Reason.EXPIRED, 480),
    (Reason.DELETED, 480),
]


class FromStatusTests(SynchronousTestCase):
    """What a final answer from SIP says."""

    def test_table_8_2(self) -> None:
        """Every status code means what the XMPP condition in its row of ERR 8.2 means."""
        for codes, condition in TABLE_8_2:
            for code in codes:
                self.assertIn(failure_of_status(response(code)).reason, CONDITION[condition], code)

    def test_table_8_5(self) -> None:
        """A phone's SMSC tries again for what can pass and for nothing else (ERR 8.5, ERR-14)."""
        no_such_number = {Reason.UNKNOWN_RECIPIENT, Reason.GONE, Reason.UNSUPPORTED_ADDRESS}
        for answer, codes in TABLE_8_5:
            for code in codes:
                failure = failure_of_status(response(code))
                self.assertEqual(failure.permanent, answer != 64, code)
                if failure.permanent:
                    self.assertEqual(failure.reason in no_such_number, answer == 65, code)

    def test_every_code(self) -> None:
        """Any code from 300 to 699 has a meaning; only 6xx hold for all devices (ERR-5)."""
        for code in range(300, 700):
            self.assertEqual(failure_of_status(response(code)).everywhere, code >= 600)

    def test_phrase_is_shown(self) -> None:
        """The reason phrase reaches the sender: 404 Not Found of examples.md 1.4 (ERR-3)."""
        self.assertEqual(
            failure_of_status(response(404, "Not Found")),
            Failure(Reason.UNKNOWN_RECIPIENT, text="Not Found"),
        )

    def test_warning_is_appended(self) -> None:
        """The texts of Warnings 399 follow the phrase, those of other codes do not (ERR-3)."""
        answer = response(
            406, "Not Acceptable",
            ("Warning", '399 host "no \\"cats\\"", 370 host "Insufficient Bandwidth"'),
            ("Warning", '399 host:5060 "no dogs"'),
        )
        self.assertEqual(failure_of_status(answer).text, 'Not Acceptable; no "cats"; no dogs')

    def test_hostile_phrase(self) -> None:
        """Octets that are no text and endless phrases come out as short, printable text."""
        text = failure_of_status(response(400, "a\udcff\x07b" + "c" * 5000)).text
        self.assertTrue(text.isprintable())
        self.assertLessEqual(len(text), 500)

    def test_retry_after(self) -> None:
        """Retry-After is understood with comment and parameters; nonsense is ignored (ERR-9)."""
        for value, seconds in (("120", 120.0), ("18000;duration=3600", 18000.0), ("5 (lunch)", 5.0),
                               ("soon", None), ("-1", None), ("9" * 40, None)):
            self.assertEqual(failure_of_status(response(503, "", ("Retry-After", value))).retry_after, seconds, value)

    def test_new_address(self) -> None:
        """301 and 302 tell the new address, 410 has none, a broken Contact is no address."""
        contact = ("Contact", '"A" <sip:ana@new.example>;q=1, <sip:b@c>')
        self.assertEqual(failure_of_status(response(301, "", contact)).elsewhere, "sip:ana@new.example")
        self.assertEqual(failure_of_status(response(302, "", contact)).elsewhere, "sip:ana@new.example")
        self.assertEqual(failure_of_status(response(410, "", contact)).elsewhere, "")
        self.assertEqual(failure_of_status(response(302, "", ("Contact", "<<>"))).elsewhere, "")


class ToStatusTests(SynchronousTestCase):
    """What a SIP peer is told."""

    def test_table_8_1(self) -> None:
        """Every XMPP condition gives the code of ERR 8.1, for full and for bare JIDs (ERR-5 to ERR-8)."""
        for reason, full, bare in TABLE_8_1:
            self.assertEqual(status_of_failure(Failure(reason)).code, full, reason)
            self.assertEqual(status_of_failure(Failure(reason, everywhere=True)).code, bare, reason)

    def test_table_8_3(self) -> None:
        """What an SMSC says gives the code of ERR 8.3."""
        for reason, code in TABLE_8_3:
            self.assertEqual(status_of_failure(Failure(reason)).code, code, reason)

    def test_total(self) -> None:
        """Every reason has an answer, and never 401, 407, 408, 491 or 503 (ERR-6 to ERR-8, ERR-12)."""
        for reason in Reason:
            for everywhere in (False, True):
                for permanent in (False, True):
                    status = status_of_failure(Failure(reason, permanent, 5.0, "text", "secret", everywhere))
                    self.assertTrue(300 <= status.code <= 699)
                    self.assertNotIn(status.code, (401, 407, 408, 491, 503))
                    self.assertNotIn("secret", str(status))

    def test_unresolvable_domain(self) -> None:
        """A server that cannot be found just now is 480, where the table says 408 (ERR-7)."""
        self.assertEqual(status_of_failure(Failure(Reason.UNKNOWN_DOMAIN, permanent=False)).code, 480)

    def test_moved(self) -> None:
        """A usable new address makes 301 or 302 with Contact; any other 410 or 480 (ERR-6)."""
        for reason, with_address, without in ((Reason.GONE, 301, 410), (Reason.REDIRECTED, 302, 480)):
            status = status_of_failure(Failure(reason, elsewhere="sip:c*d.example@x.sip.example"))
            self.assertEqual((status.code, dict(status.headers)["Contact"]),
                             (with_address, "<sip:c*d.example@x.sip.example>"))
            for text in ("", "xmpp:c@d.example", "no uri", "sip:a@b>\r\nEvil: 1"):
                status = status_of_failure(Failure(reason, elsewhere=text))
                self.assertEqual((status.code, status.headers), (without, ()))

    def test_required_headers(self) -> None:
        """405 carries Allow (ERR-6), 415 carries Accept (MSG-21)."""
        self.assertIn("Allow", dict(status_of_failure(Failure(Reason.NOT_SUPPORTED)).headers))
        self.assertIn("Accept", dict(status_of_failure(Failure(Reason.UNSUPPORTED_CONTENT)).headers))

    def test_retry_after(self) -> None:
        """Retry-After is written in whole seconds, at least one, and only where it has a meaning."""
        status = status_of_failure(Failure(Reason.CONGESTED, retry_after=0.2))
        self.assertEqual((status.code, status.headers), (480, (("Retry-After", "1"),)))
        self.assertEqual(status_of_failure(Failure(Reason.FORBIDDEN, retry_after=9.0)).headers, ())

    def test_text_as_phrase(self) -> None:
        """A short text is the reason phrase (ERR-3)."""
        self.assertEqual(status_of_failure(Failure(Reason.FORBIDDEN, text="go away")).phrase, "go away")

    def test_text_as_warning(self) -> None:
        """A text that cannot be a phrase goes into a Warning 399 beside the default phrase (ERR-3)."""
        status = status_of_failure(Failure(Reason.FORBIDDEN, text='say "please"\r\nfirst'), "gw.example")
        self.assertEqual((status.code, status.phrase), (403, "Forbidden"))
        self.assertEqual(status.headers, (("Warning", '399 gw.example "say \\"please\\" first"'),))

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=200))
    def test_any_text_can_be_sent(self, text: str) -> None:
        """Whatever the text, the answer is one that can be written, and the text survives but for controls."""
        status = status_of_failure(Failure(Reason.POLICY, text=text))
        written = response(status.code, status.phrase, *status.headers)
        written.to_bytes()
        shown = failure_of_status(written).text
        self.assertIn("".join(filter(str.isalnum, text))[:100], "".join(filter(str.isalnum, shown)))
