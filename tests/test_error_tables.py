"""The pairwise error tables of messages.md 8.1 to 8.5, as compositions of the edges' own tables.

Each edge has one table to and one from its codes; what one edge reads and another writes has to
come out as the specification's pair.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.mapping.model import Failure, Reason
from iwf.sip.reasons import failure_of_status as failure_of_sip
from iwf.sip.reasons import status_of_failure as sip_of_failure
from iwf.sip.syntax.message import Response
from iwf.smpp.reasons import MessageState, failure_of_state
from iwf.smpp.reasons import failure_of_status as failure_of_smpp
from iwf.smpp.reasons import status_of_failure as smpp_of_failure
from iwf.xmpp.reasons import error_of_failure, failure_of_error

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS = "jabber:component:accept"

#: 8.1: condition, type, code towards a full JID, code towards a bare JID.  401 and 407 are 403 as
#: the gateway has no challenge to offer (ERR-6), 408 is 480 (ERR-7), 491 is 400 (ERR-8); redirect
#: and gone without a usable address are 480 and 410 (ERR-6).
XMPP_TO_SIP = (
    ("bad-request", "modify", 400, 400), ("conflict", "cancel", 400, 400),
    ("feature-not-implemented", "cancel", 405, 501), ("forbidden", "auth", 403, 603),
    ("gone", "cancel", 410, 410), ("internal-server-error", "cancel", 500, 500),
    ("item-not-found", "cancel", 404, 604), ("jid-malformed", "modify", 400, 400),
    ("not-acceptable", "modify", 406, 606), ("not-allowed", "cancel", 403, 403),
    ("not-authorized", "auth", 403, 403), ("policy-violation", "modify", 403, 403),
    ("recipient-unavailable", "wait", 480, 600), ("redirect", "modify", 480, 480),
    ("registration-required", "auth", 403, 403), ("remote-server-not-found", "cancel", 404, 404),
    ("remote-server-timeout", "wait", 480, 480), ("resource-constraint", "wait", 500, 500),
    ("service-unavailable", "cancel", 403, 403), ("subscription-required", "auth", 400, 400),
    ("undefined-condition", "cancel", 400, 400), ("unexpected-request", "wait", 400, 400))

#: 8.2.
SIP_TO_XMPP = (
    ((300, 302, 305, 399), "redirect", "modify"), ((301, 410), "gone", "cancel"),
    ((380, 406, 415, 416, 421, 482, 483, 488, 505, 606), "not-acceptable", "modify"),
    ((400, 402, 493, 499), "bad-request", "modify"), ((401,), "not-authorized", "auth"),
    ((403,), "forbidden", "auth"), ((404, 481, 484, 485, 604), "item-not-found", "cancel"),
    ((405, 420, 439, 501), "feature-not-implemented", "cancel"),
    ((407,), "registration-required", "auth"), ((408, 504), "remote-server-timeout", "wait"),
    ((413, 414, 440, 489, 513), "policy-violation", "modify"), ((423,), "resource-constraint", "wait"),
    ((430, 480, 486, 487, 600, 603, 699), "recipient-unavailable", "wait"),
    ((491,), "unexpected-request", "wait"), ((500, 503, 599), "internal-server-error", "cancel"),
    ((502,), "remote-server-not-found", "cancel"))

INTERNAL = (0x02, 0x03, 0x06, 0x07, 0x0C, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x53, 0x54, 0x55,
            0x61, 0x63, 0x67, 0x11, 0x13, 0x62, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xFF, 0x105, 0x112)

#: 8.3: statuses, SIP code, condition, type, Retry-After expected.
SMPP_TO_BOTH = (
    ((0x01,), 413, "policy-violation", "modify", False),
    (INTERNAL, 500, "internal-server-error", "cancel", False),
    ((0x04, 0x05, 0x0D, 0x0E, 0x0F), 480, "remote-server-timeout", "wait", True),
    ((0x08,), 480, "recipient-unavailable", "wait", True),
    ((0x0A, 0x48, 0x49), 403, "forbidden", "auth", False),
    ((0x0B, 0x50, 0x51), 404, "item-not-found", "cancel", False),
    ((0x14, 0x58), 480, "resource-constraint", "wait", True),
    ((0x45, 0x64, 0xFE, 0x102), 480, "recipient-unavailable", "wait", False),
    ((0x65,), 404, "item-not-found", "cancel", False),
    ((0x66,), 403, "not-acceptable", "modify", False),
    ((0x100, 0x101, 0x103), 403, "forbidden", "auth", False),
    ((0x104,), 415, "not-acceptable", "modify", False),
    ((0x400, 0x4FF, 0x7777), 500, "undefined-condition", "cancel", False))

#: 8.4.
RECEIPTS = (
    (MessageState.EXPIRED, None, "remote-server-timeout", "wait"),
    (MessageState.UNDELIVERABLE, None, "recipient-unavailable", "wait"),
    (MessageState.SKIPPED, None, "recipient-unavailable", "wait"),
    (MessageState.UNDELIVERABLE, 1, "item-not-found", "cancel"),
    (MessageState.DELETED, None, "recipient-unavailable", "cancel"),
    (MessageState.REJECTED, None, "not-allowed", "cancel"))

#: 8.5.
SIP_TO_SMPP = (
    ((404, 410, 416, 484, 485, 604), 0x65),
    ((400, 403, 405, 406, 413, 415, 420, 488, 501, 505, 513, 603, 606), 0x66),
    ((401, 407, 408, 423, 480, 481, 482, 483, 486, 487, 491, 500, 502, 503, 504, 599, 600), 0x64))
XMPP_TO_SMPP = (
    (("item-not-found", "cancel"), ("gone", "cancel"), ("jid-malformed", "modify"),
     ("remote-server-not-found", "cancel"), 0x65),
    (("bad-request", "modify"), ("forbidden", "auth"), ("not-allowed", "cancel"),
     ("not-acceptable", "modify"), ("policy-violation", "modify"),
     ("feature-not-implemented", "cancel"), ("service-unavailable", "cancel"),
     ("subscription-required", "auth"), ("registration-required", "auth"), 0x66),
    (("recipient-unavailable", "wait"), ("remote-server-timeout", "wait"),
     ("resource-constraint", "wait"), ("internal-server-error", "cancel"),
     ("unexpected-request", "wait"), ("undefined-condition", "wait"), ("not-authorized", "auth"),
     0x64))


def from_sip(code: int) -> Failure:
    return failure_of_sip(Response(code, "", [], b""))


def from_xmpp(condition: str, kind: str, sender: str = "ben@xmpp.example/pc") -> Failure:
    stanza = Element((NS, "message"), attribs={"type": "error", "from": sender, "to": "a@b"})
    error = stanza.addElement("error")
    error["type"] = kind
    error.addElement((STANZAS, condition))
    return failure_of_error(stanza)


def sip_code(failure: Failure) -> int:
    return sip_of_failure(failure, "gateway").code


class TableTests(SynchronousTestCase):
    """Every row of every table."""

    def test_xmpp_to_sip(self) -> None:
        """ERR 8.1: conditions of a full and of a bare JID become the codes of RFC 7247 table 2."""
        for condition, kind, full, bare in XMPP_TO_SIP:
            self.assertEqual(sip_code(from_xmpp(condition, kind)), full, condition)
            self.assertEqual(sip_code(from_xmpp(condition, kind, "ben@xmpp.example")), bare,
                             condition)

    def test_our_own_failures_are_never_global(self) -> None:
        """ERR-5: a 6xx is sent only for what a bare JID said, never for a fault we found."""
        for condition, kind, _, _ in XMPP_TO_SIP:
            ours = evolve(from_xmpp(condition, kind, "ben@xmpp.example"), everywhere=False)
            self.assertLess(sip_code(ours), 600, condition)

    def test_sip_to_xmpp(self) -> None:
        """ERR 8.2: codes become the conditions of RFC 7247 table 3 with the types of RFC 6120."""
        for codes, condition, kind in SIP_TO_XMPP:
            for code in codes:
                self.assertEqual(error_of_failure(from_sip(code)), (condition, kind), code)

    def test_smpp_to_both(self) -> None:
        """ERR 8.3: the SMSC's status reaches SIP and XMPP senders."""
        for statuses, code, condition, kind, retry in SMPP_TO_BOTH:
            for status in statuses:
                failure = failure_of_smpp(status)
                self.assertEqual((sip_code(failure), *error_of_failure(failure)),
                                 (code, condition, kind), hex(status))
                names = {name for name, _ in sip_of_failure(failure, "gateway").headers}
                self.assertEqual("Retry-After" in names, retry, hex(status))

    def test_too_fast(self) -> None:
        """LOOP-6: who writes too fast is told policy-violation, 480 or 58, as his world says it."""
        flood = Failure(Reason.TOO_FAST, permanent=False)
        self.assertEqual((error_of_failure(flood), sip_code(flood), smpp_of_failure(flood)),
                         (("policy-violation", "wait"), 480, 0x58))

    def test_no_answer_from_the_operator(self) -> None:
        """ERR 8.3, last row: the outcome is unknown, and both are told to try later."""
        failure = failure_of_smpp(0, has_answer=False)
        self.assertEqual((sip_code(failure), *error_of_failure(failure)),
                         (480, "remote-server-timeout", "wait"))

    def test_receipts(self) -> None:
        """ERR 8.4: a failed receipt becomes a stanza error."""
        for state, error, condition, kind in RECEIPTS:
            failure = failure_of_state(state, error)
            assert failure is not None
            self.assertEqual(error_of_failure(failure), (condition, kind), state)

    def test_sip_to_smpp(self) -> None:
        """ERR 8.5: what a SIP target answers becomes the SMSC's status."""
        for codes, status in SIP_TO_SMPP:
            for code in codes:
                self.assertEqual(smpp_of_failure(from_sip(code)), status, code)

    def test_xmpp_to_smpp(self) -> None:
        """ERR 8.5: what an XMPP target's server says becomes the SMSC's status."""
        for *conditions, status in XMPP_TO_SMPP:
            for condition, kind in conditions:
                self.assertEqual(smpp_of_failure(from_xmpp(condition, kind)), status, condition)
