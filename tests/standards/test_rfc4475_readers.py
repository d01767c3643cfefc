"""The torture messages of RFC 4475 as an independent reader, sipmessage, has them, beside our reading.

It refuses less than we do: what it does not ask for, it does not look at.  The table explains every difference.
"""

from __future__ import annotations

import sipmessage
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.message import Request, parse_message
from tests.standards.test_rfc4475 import CASES, vector

TAKEN, REFUSED = "taken", "refused"

NEEDED = ("via", "from_address", "to_address", "call_id", "cseq", "max_forwards", "contact", "content_type")

#: Messages that one reader takes and the other does not: what sipmessage does, and why.
DIFFERENT = {
    "wsinv": (REFUSED, "no folded lines (SIP-3)"),
    "semiuri": (REFUSED, "no folded lines (SIP-3)"),
    "escruri": (REFUSED, "no headers in URIs (SIP-7)"),
    "unkscm": (REFUSED, "no scheme but sip and sips; with us it is 416, not 400 (SIP-30)"),
    "novelsc": (REFUSED, "likewise"),
    "unksm2": (REFUSED, "likewise, in From, To and Contact, where it is no fault (3.3.4)"),
    "badaspec": (REFUSED, "blanks in the URI of To; the RFC leaves it open (3.1.2.14)"),
    "regbadct": (REFUSED, "a Contact that cannot be read: 400 when it is needed, by the registrar (SIP-9)"),
    "regescrt": (REFUSED, "no headers in URIs (SIP-7)"),
    "clerr": (TAKEN, "Content-Length is not compared with the body (SIP-10)"),
    "ncl": (TAKEN, "likewise"),
    "mcl01": (TAKEN, "likewise, and of two it takes one"),
    "multi01": (TAKEN, "of two headers it takes one (SIP-9)"),
    "mismatch01": (TAKEN, "the method of CSeq is not compared with that of the request (SIP-11)"),
    "mismatch02": (TAKEN, "likewise"),
    "scalarlg": (TAKEN, "numbers have no limit (SIP-8)"),
    "bigcode": (TAKEN, "codes have no limit (SIP-12)"),
}
#: Of their Via lines sipmessage loses some, those whose name has blanks behind it (SIP-2).
LOST_VIAS = {"longreq"}


def theirs(name: str) -> sipmessage.Message | None:
    """What sipmessage reads, with all the headers that a server looks at; None: it refuses."""
    try:
        message = sipmessage.Message.parse(vector(name))
        for header in NEEDED:
            getattr(message, header)
    except (ValueError, KeyError):
        return None
    return message


def is_taken(name: str) -> bool:
    """By us."""
    read = CASES[name].read
    return not read[:1].isdigit() or len(read) == 3


class ReaderTests(SynchronousTestCase):
    """Two readers."""

    def test_verdicts(self) -> None:
        """sipmessage takes what we take and refuses what we refuse, but for what the table explains."""
        for name in CASES:
            verdict = REFUSED if theirs(name) is None else TAKEN
            ours = TAKEN if is_taken(name) else REFUSED
            if verdict != ours:
                self.assertEqual(verdict, DIFFERENT.get(name, ("", ""))[0], name)
        self.assertEqual([name for name, (verdict, _) in DIFFERENT.items()
                          if (verdict == TAKEN) == is_taken(name)], [], "no difference")

    def test_same_meaning(self) -> None:
        """What both take means the same to both: who, to whom, which one, by which way, and what is in it."""
        compared = 0
        for name in CASES:
            other = theirs(name)
            if other is None or not is_taken(name):
                continue
            compared += 1
            message = parse_message(vector(name))
            if isinstance(message, Request):
                assert isinstance(other, sipmessage.Request)
                self.assertEqual((message.method, message.uri.host), (other.method, other.uri.host), name)
            else:
                assert isinstance(other, sipmessage.Response)
                self.assertEqual((message.status, message.reason), (other.code, other.phrase), name)
            self.assertEqual((message.call_id, message.cseq.number, message.cseq.method),
                             (other.call_id, other.cseq.sequence, other.cseq.method), name)
            for ours, its in ((message.from_, other.from_address), (message.to, other.to_address)):
                self.assertEqual((ours.uri.host, ours.uri.port, ours.tag or None),
                                 (its.uri.host, its.uri.port, its.parameters.get("tag")), name)
            if name not in LOST_VIAS:
                self.assertEqual([(via.transport, via.host, via.port) for via in message.vias],
                                 [(via.transport, via.host, via.port) for via in other.via], name)
            # SIP-10: what follows the end is no part of it; sipmessage keeps it.
            self.assertTrue(other.body.startswith(message.body), name)
        self.assertGreater(compared, 20)
