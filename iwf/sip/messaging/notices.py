"""What a SIP user reads when his message failed after we had said yes (MSG-33).  Pure."""

from __future__ import annotations

from iwf.mapping.model import Reason, Report
from iwf.sip.reasons import one_line

PLAIN_WORDS = {
    Reason.MALFORMED: "it could not be understood",
    Reason.MALFORMED_ADDRESS: "the address is not valid",
    Reason.UNSUPPORTED_ADDRESS: "this kind of address cannot be reached",
    Reason.UNKNOWN_RECIPIENT: "there is no such recipient",
    Reason.GONE: "the recipient is no longer at this address",
    Reason.REDIRECTED: "the recipient has another address",
    Reason.UNKNOWN_DOMAIN: "the recipient's server could not be found",
    Reason.FORBIDDEN: "you may not write to this recipient",
    Reason.NOT_ALLOWED: "this is not allowed",
    Reason.NOT_AUTHENTICATED: "the recipient's server asked for proof of identity",
    Reason.REGISTRATION_REQUIRED: "the recipient's server asked for a registration",
    Reason.SUBSCRIPTION_REQUIRED: "the recipient takes messages from his contacts only",
    Reason.REFUSED: "it was refused",
    Reason.NOT_ACCEPTABLE: "the recipient cannot take it",
    Reason.UNSUPPORTED_CONTENT: "the recipient cannot show this kind of content",
    Reason.NOT_SUPPORTED: "the recipient's server cannot do this",
    Reason.NOT_OFFERED: "the recipient's server does not take messages",
    Reason.POLICY: "a rule of the recipient's server forbids it",
    Reason.TOO_BIG: "it is too long",
    Reason.UNAVAILABLE: "the recipient cannot be reached at the moment",
    Reason.DELETED: "it was withdrawn on the way",
    Reason.EXPIRED: "it could not be delivered in time",
    Reason.TIMEOUT: "the recipient's server did not answer",
    Reason.UNREACHABLE: "the recipient's server could not be reached",
    Reason.CONGESTED: "there is too much traffic at the moment",
    Reason.TOO_FAST: "you write too much at once",
    Reason.EXHAUSTED: "the recipient's server has no room for it",
    Reason.LOOP: "it went in a circle",
    Reason.CONFLICT: "it is in conflict with another request",
    Reason.UNEXPECTED: "the recipient's server did not expect it",
    Reason.INTERNAL: "something went wrong on the way",
    Reason.UNDEFINED: "the recipient's server gave no known reason",
    Reason.UNKNOWN_FAULT: "the recipient's network gave no known reason",
}


def notice(report: Report) -> str:
    """The text of the notice: which message, and why; short enough for MSG-27 in any script."""
    which = f' "{one_line(report.excerpt)[:60]}"' if report.excerpt else ""
    why = one_line(report.failure.text)[:120] or PLAIN_WORDS[report.failure.reason]
    return f"Your message{which} was not delivered: {why}"
