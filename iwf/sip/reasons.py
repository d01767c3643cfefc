"""Why a message failed: SIP status codes to neutral reasons and back.  Pure.

One table each way.  The pairwise tables of ERR 8.1 to 8.5 are tests of these, joined with the
tables of the other edges.
"""

from __future__ import annotations

import math
import re

from attrs import frozen

from iwf.mapping.model import Failure, Reason
from iwf.sip.syntax.grammar import QUOTED, SipSyntaxError, quote, readable, unquote
from iwf.sip.syntax.headers import NameAddr
from iwf.sip.syntax.message import Response
from iwf.sip.syntax.phrases import PHRASES
from iwf.sip.syntax.uri import parse_uri

#: Methods taken (SIP-31); grows with the methods.
ALLOW = "MESSAGE, OPTIONS"
#: Content taken (MSG-21); grows with the content types.
ACCEPT = ("text/plain, text/html, message/cpim, message/imdn+xml, application/im-iscomposing+xml, "
          "multipart/alternative, multipart/mixed")


@frozen
class Status:
    """An answer in SIP's own words, without the parts that are copied from the request."""

    code: int
    phrase: str
    headers: tuple[tuple[str, str], ...] = ()
    """Extra header lines: name and value."""
    rules: tuple[str, ...] = ()
    """Numbers of the rules behind it, for ``iwf explain``."""
    suspicious: bool = False
    """Nobody who is known here gets such an answer; too many of them, and there are none (SIP-91)."""


OUR_FAULT = Status(500, "Server Internal Error")


@frozen
class _Meaning:
    """What a status code says, in neutral words."""

    reason: Reason
    permanent: bool = True


_PASSING = False  # the same request may succeed later: 64, not 65 or 66, over SMPP (ERR-14)

#: ERR 8.2, and 8.5 for what is permanent.
FAILURE_OF_STATUS = {
    300: _Meaning(Reason.REDIRECTED),
    301: _Meaning(Reason.GONE),
    380: _Meaning(Reason.NOT_ACCEPTABLE),
    400: _Meaning(Reason.MALFORMED),
    401: _Meaning(Reason.NOT_AUTHENTICATED, _PASSING),
    403: _Meaning(Reason.FORBIDDEN),
    404: _Meaning(Reason.UNKNOWN_RECIPIENT),
    405: _Meaning(Reason.NOT_SUPPORTED),
    406: _Meaning(Reason.NOT_ACCEPTABLE),
    407: _Meaning(Reason.REGISTRATION_REQUIRED, _PASSING),
    408: _Meaning(Reason.TIMEOUT, _PASSING),
    410: _Meaning(Reason.GONE),
    413: _Meaning(Reason.TOO_BIG),
    414: _Meaning(Reason.POLICY),
    415: _Meaning(Reason.UNSUPPORTED_CONTENT),
    416: _Meaning(Reason.UNSUPPORTED_ADDRESS),
    420: _Meaning(Reason.NOT_SUPPORTED),
    421: _Meaning(Reason.NOT_ACCEPTABLE),
    423: _Meaning(Reason.EXHAUSTED, _PASSING),
    430: _Meaning(Reason.UNAVAILABLE, _PASSING),
    439: _Meaning(Reason.NOT_SUPPORTED),
    440: _Meaning(Reason.POLICY),
    480: _Meaning(Reason.UNAVAILABLE, _PASSING),
    481: _Meaning(Reason.UNKNOWN_RECIPIENT, _PASSING),
    482: _Meaning(Reason.LOOP, _PASSING),
    483: _Meaning(Reason.LOOP, _PASSING),
    484: _Meaning(Reason.UNKNOWN_RECIPIENT),
    485: _Meaning(Reason.UNKNOWN_RECIPIENT),
    486: _Meaning(Reason.UNAVAILABLE, _PASSING),
    487: _Meaning(Reason.UNAVAILABLE, _PASSING),
    488: _Meaning(Reason.NOT_ACCEPTABLE),
    489: _Meaning(Reason.POLICY),
    491: _Meaning(Reason.UNEXPECTED, _PASSING),
    500: _Meaning(Reason.INTERNAL, _PASSING),
    501: _Meaning(Reason.NOT_SUPPORTED),
    502: _Meaning(Reason.UNKNOWN_DOMAIN, _PASSING),
    504: _Meaning(Reason.TIMEOUT, _PASSING),
    505: _Meaning(Reason.NOT_ACCEPTABLE),
    513: _Meaning(Reason.TOO_BIG),
    600: _Meaning(Reason.UNAVAILABLE, _PASSING),
    603: _Meaning(Reason.UNAVAILABLE),
    604: _Meaning(Reason.UNKNOWN_RECIPIENT),
    606: _Meaning(Reason.NOT_ACCEPTABLE),
}

#: RFC 3261 8.1.3.2: an unknown code is treated as x00 of its class; 6xx as a refusal.
_CLASS = {3: 300, 4: 400, 5: 500, 6: 603}

#: ERR 8.1 and 8.3, with ERR-6, ERR-7 and ERR-8 applied; 503 is for faults of the whole gateway only (ERR-12).
STATUS_OF_FAILURE = {
    Reason.MALFORMED: 400,
    Reason.MALFORMED_ADDRESS: 400,
    Reason.UNSUPPORTED_ADDRESS: 416,
    Reason.UNKNOWN_RECIPIENT: 404,
    Reason.GONE: 410,
    Reason.REDIRECTED: 480,              # ERR-6: without an address that can be used
    Reason.UNKNOWN_DOMAIN: 404,
    Reason.FORBIDDEN: 403,
    Reason.NOT_ALLOWED: 403,
    Reason.NOT_AUTHENTICATED: 403,       # ERR-6: 401 would need a challenge
    Reason.REGISTRATION_REQUIRED: 403,   # ERR-6: so would 407
    Reason.SUBSCRIPTION_REQUIRED: 400,
    Reason.REFUSED: 403,
    Reason.NOT_ACCEPTABLE: 406,
    Reason.UNSUPPORTED_CONTENT: 415,
    Reason.NOT_SUPPORTED: 405,
    Reason.NOT_OFFERED: 403,
    Reason.POLICY: 403,
    Reason.TOO_BIG: 413,
    Reason.UNAVAILABLE: 480,
    Reason.DELETED: 480,
    Reason.EXPIRED: 480,
    Reason.TIMEOUT: 480,                 # ERR-7: 408 is not for us to send
    Reason.UNREACHABLE: 480,
    Reason.CONGESTED: 480,               # ERR-12: 503 would close the whole trunk
    Reason.TOO_FAST: 480,                # LOOP-6
    Reason.EXHAUSTED: 500,
    Reason.LOOP: 482,
    Reason.CONFLICT: 400,
    Reason.UNEXPECTED: 400,              # ERR-8: 491 is for INVITE only
    Reason.INTERNAL: 500,
    Reason.UNDEFINED: 400,
    Reason.UNKNOWN_FAULT: 500,
}

#: ERR-5: what holds for all devices of the recipient stops the search at forking proxies.
_EVERYWHERE = {
    Reason.UNAVAILABLE: 600,
    Reason.FORBIDDEN: 603,
    Reason.UNKNOWN_RECIPIENT: 604,
    Reason.NOT_ACCEPTABLE: 606,
    Reason.NOT_SUPPORTED: 501,
}

#: ERR-6: with a new address.
_MOVED = {Reason.GONE: 301, Reason.REDIRECTED: 302}

#: RFC 3261 20.33: where Retry-After has a meaning.
_MAY_RETRY = frozenset({404, 413, 480, 486, 500, 503, 600, 603})

#: Longest text that is shown to anybody.
_LONGEST_TEXT = 500

# RFC 3261 25.1: Reason-Phrase.  Other texts, and long ones, go into a Warning.
_is_phrase = re.compile("[A-Za-z0-9 ;/?:@&=+$,_.!~*'()\x80-\U0010ffff-]{1,100}").fullmatch
_find_warnings = re.compile(rf'399[ \t]+[^ \t",]+[ \t]+({QUOTED})').findall
_read_seconds = re.compile(r"[ \t]*([0-9]{1,9})(?![0-9])").match
_controls = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str) -> str:
    """Text fit for a header value: controls and line ends folded to one space, no lone surrogates."""
    return (text if text.isprintable() else _controls.sub(" ", text)).strip()


def failure_of_status(response: Response) -> Failure:
    """What a final answer of 300 or more says (ERR 8.2)."""
    meaning = FAILURE_OF_STATUS.get(response.status)
    if meaning is None:
        # RFC 3261 8.1.3.2: an unknown code is treated as x00 of its class; 6xx as a refusal.
        meaning = FAILURE_OF_STATUS[_CLASS[response.status // 100]]
    return Failure(
        meaning.reason,
        meaning.permanent,
        retry_after=_retry_after(response),
        text=_text(response),
        everywhere=response.status >= 600,
        elsewhere=_contact(response) if response.status < 400 else "",
    )


def _text(response: Response) -> str:
    """ERR-3: the reason phrase, then the texts of all Warnings 399."""
    texts = [response.reason]
    for warning in response.all("Warning"):
        texts.extend(unquote(text) for text in _find_warnings(warning))
    return "; ".join(filter(None, (one_line(readable(text)) for text in texts)))[:_LONGEST_TEXT]


def _retry_after(response: Response) -> float | None:
    match = _read_seconds(response.get("Retry-After") or "")
    return None if match is None else float(match[1])


def _contact(response: Response) -> str:
    try:
        contacts = response.addresses("Contact")
    except SipSyntaxError:
        return ""
    return str(contacts[0].uri) if contacts else ""


def status_of_failure(failure: Failure, host: str = "gateway", of_gateway: bool = False) -> Status:
    """The final answer that says it (ERR 8.1, 8.3).  ``failure.detail`` never gets into it (ERR-3).

    :param host: our name, the agent of a Warning.
    :param of_gateway: the whole gateway is at fault and the peer may go elsewhere for a while (ERR-12).
    """
    code = STATUS_OF_FAILURE[failure.reason]
    if failure.everywhere:
        code = _EVERYWHERE.get(failure.reason, code)       # ERR-5
    if failure.reason is Reason.UNKNOWN_DOMAIN and not failure.permanent:
        code = 480                                         # ERR-7: 408 in the table
    if of_gateway and code == 480:
        code = 503                                         # ERR-12
    headers: list[tuple[str, str]] = []
    moved = _MOVED.get(failure.reason)
    contact = _usable_contact(failure.elsewhere) if moved else ""
    if moved and contact:
        code = moved
        headers.append(("Contact", contact))               # ERR-6
    if code == 405:
        headers.append(("Allow", ALLOW))                   # ERR-6
    elif code == 415:
        headers.append(("Accept", ACCEPT))                 # MSG-21
    if failure.retry_after is not None and code in _MAY_RETRY:
        headers.append(("Retry-After", str(max(1, math.ceil(min(failure.retry_after, 2.0**31))))))
    text = one_line(failure.text)[:_LONGEST_TEXT]
    if _is_phrase(text):
        return Status(code, text, tuple(headers))
    if text:
        headers.append(("Warning", f"399 {host} {quote(text)}"))
    return Status(code, PHRASES[code], tuple(headers))


def _usable_contact(text: str) -> str:
    """ERR-6: a new address that SIP can use, as a Contact; empty when it is none."""
    try:
        uri = parse_uri(text)
    except SipSyntaxError:
        return ""
    return str(NameAddr("", uri)) if uri.scheme in ("sip", "sips", "tel") else ""
