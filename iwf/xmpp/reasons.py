"""Stanza errors and failures: one table each way (RFC 6120 8.3; ERR-3, ERR-5).  Pure.

The pairwise tables of ERR 8.1 to 8.5 are tests of these tables and of those of the other edges.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from twisted.words.xish.domish import Element

from iwf.mapping.model import Failure, Reason
from iwf.xmpp.elements import (
    LANG,
    Component,
    add,
    attribute,
    child,
    children,
    legal_text,
    reply,
    text_of,
)

NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"

MAX_TEXT = 1000
"""Characters of a peer's error text that are carried over."""

REASON_OF_CONDITION = {
    "bad-request": Reason.MALFORMED,
    "conflict": Reason.CONFLICT,
    "feature-not-implemented": Reason.NOT_SUPPORTED,
    "forbidden": Reason.FORBIDDEN,
    "gone": Reason.GONE,
    "internal-server-error": Reason.INTERNAL,
    "item-not-found": Reason.UNKNOWN_RECIPIENT,
    "jid-malformed": Reason.MALFORMED_ADDRESS,
    "not-acceptable": Reason.NOT_ACCEPTABLE,
    "not-allowed": Reason.NOT_ALLOWED,
    "not-authorized": Reason.NOT_AUTHENTICATED,
    "policy-violation": Reason.POLICY,
    "recipient-unavailable": Reason.UNAVAILABLE,
    "redirect": Reason.REDIRECTED,
    "registration-required": Reason.REGISTRATION_REQUIRED,
    "remote-server-not-found": Reason.UNKNOWN_DOMAIN,
    "remote-server-timeout": Reason.TIMEOUT,
    "resource-constraint": Reason.EXHAUSTED,
    "service-unavailable": Reason.NOT_OFFERED,
    "subscription-required": Reason.SUBSCRIPTION_REQUIRED,
    "undefined-condition": Reason.UNDEFINED,
    "unexpected-request": Reason.UNEXPECTED,
}

# ERR 8.5: the rows that SMPP answers with 64, which makes an SMSC try again.
_PASSING = frozenset({
    Reason.UNAVAILABLE, Reason.TIMEOUT, Reason.EXHAUSTED, Reason.INTERNAL, Reason.UNEXPECTED,
    Reason.NOT_AUTHENTICATED,
})  # fmt: skip

ERROR_OF_REASON = {
    Reason.MALFORMED: ("bad-request", "modify"),
    Reason.MALFORMED_ADDRESS: ("jid-malformed", "modify"),
    Reason.UNSUPPORTED_ADDRESS: ("not-acceptable", "modify"),
    Reason.UNKNOWN_RECIPIENT: ("item-not-found", "cancel"),
    Reason.GONE: ("gone", "cancel"),
    Reason.REDIRECTED: ("redirect", "modify"),
    Reason.UNKNOWN_DOMAIN: ("remote-server-not-found", "cancel"),
    Reason.FORBIDDEN: ("forbidden", "auth"),
    Reason.NOT_ALLOWED: ("not-allowed", "cancel"),
    Reason.NOT_AUTHENTICATED: ("not-authorized", "auth"),
    Reason.REGISTRATION_REQUIRED: ("registration-required", "auth"),
    Reason.SUBSCRIPTION_REQUIRED: ("subscription-required", "auth"),
    Reason.REFUSED: ("not-acceptable", "modify"),
    Reason.NOT_ACCEPTABLE: ("not-acceptable", "modify"),
    Reason.UNSUPPORTED_CONTENT: ("not-acceptable", "modify"),
    Reason.NOT_SUPPORTED: ("feature-not-implemented", "cancel"),
    Reason.NOT_OFFERED: ("service-unavailable", "cancel"),
    Reason.POLICY: ("policy-violation", "modify"),
    Reason.TOO_BIG: ("policy-violation", "modify"),
    Reason.UNAVAILABLE: ("recipient-unavailable", "wait"),
    Reason.DELETED: ("recipient-unavailable", "cancel"),
    Reason.EXPIRED: ("remote-server-timeout", "wait"),
    Reason.TIMEOUT: ("remote-server-timeout", "wait"),
    Reason.UNREACHABLE: ("remote-server-timeout", "wait"),
    Reason.CONGESTED: ("resource-constraint", "wait"),
    Reason.TOO_FAST: ("policy-violation", "wait"),  # LOOP-6
    Reason.EXHAUSTED: ("resource-constraint", "wait"),
    Reason.LOOP: ("not-acceptable", "modify"),
    Reason.CONFLICT: ("conflict", "cancel"),
    Reason.UNEXPECTED: ("unexpected-request", "wait"),
    Reason.INTERNAL: ("internal-server-error", "cancel"),
    Reason.UNDEFINED: ("undefined-condition", "cancel"),
    Reason.UNKNOWN_FAULT: ("undefined-condition", "cancel"),
}

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def error_of_failure(failure: Failure) -> tuple[str, str]:
    """The condition and the type of the error that tells of a failure (RFC 6120 8.3.3)."""
    condition, type = ERROR_OF_REASON[failure.reason]
    # ERR 8.2, rows 500 and 503: worth waiting for when the far side says until when.
    if failure.reason is Reason.INTERNAL and failure.retry_after is not None:
        type = "wait"
    return condition, type


def error_reply(stanza: Element, component: Component, failure: Failure) -> Element:
    """The error stanza that answers a stanza (ERR-2)."""
    answer = reply(stanza, component, "error")
    add_error(answer, component, failure)
    return answer


def add_error(stanza: Element, component: Component, failure: Failure) -> None:
    """Put ``<error/>`` into a stanza of type error (ERR-2, ERR-3)."""
    condition, type = error_of_failure(failure)
    # RFC 6120 8.3.1: whoever has found the error; a user is known by the "from" alone.
    error = add(stanza, "error", type=type, by="" if component.is_user else component.spelling)
    moved = failure.reason in (Reason.GONE, Reason.REDIRECTED)
    add(error, condition, legal_text(failure.elsewhere) if moved else "", NS_STANZAS)
    text = failure.text
    if failure.retry_after is not None:
        # ERR-9: Retry-After goes into the text.
        text = f"{text} (retry after {max(1, round(failure.retry_after))} s)".lstrip()
    if text:
        add(error, "text", legal_text(text), NS_STANZAS).attributes[LANG] = "en"


def failure_of_error(stanza: Element) -> Failure:
    """What a stanza of type error says.  Never raises: what cannot be read is undefined.

    :param stanza: the whole stanza; its ``from`` tells whether the failure holds for one device
        of the recipient or for all of them (ERR-5).
    """
    everywhere = "/" not in attribute(stanza, "from")
    error = next((one for one in children(stanza) if one.name == "error"), None)
    if error is None:
        return Failure(Reason.UNDEFINED, everywhere=everywhere)
    reason, elsewhere = Reason.UNDEFINED, ""
    for one in children(error):
        if one.uri == NS_STANZAS and one.name in REASON_OF_CONDITION:
            reason = REASON_OF_CONDITION[one.name]
            if reason in (Reason.GONE, Reason.REDIRECTED):
                elsewhere = _uri_of(text_of(one))
            break
    waiting = attribute(error, "type") == "wait"
    text = child(error, "text", NS_STANZAS)
    return Failure(
        reason,
        permanent=reason not in _PASSING and not (reason is Reason.UNDEFINED and waiting),
        text="" if text is None else _UNFIT.sub(" ", text_of(text)).strip()[:MAX_TEXT],
        everywhere=everywhere,
        elsewhere=elsewhere,
    )


def _uri_of(text: str) -> str:
    """A URI from the text of ``<gone/>`` or ``<redirect/>``: a URI, or a plain JID (ERR-6)."""
    address = text.strip()
    if not address or len(address) > MAX_TEXT or _UNFIT.search(address):
        return ""
    if _SCHEME.match(address):
        return "" if " " in address else address
    return "xmpp:" + quote(address, safe="@/!$*()+,;=")  # RFC 5122
