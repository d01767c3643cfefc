"""Presence documents in the bodies of NOTIFY and PUBLISH.  Pure."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.pidf import READ_TYPES, Document, PidfFault, parse
from iwf.sip.messaging.content import plain_body
from iwf.sip.presence.headers import PIDF
from iwf.sip.reasons import Status
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request

_BROKEN = Status(400, "Presence Document Cannot Be Read", rules=("PIDF-3",))
_OTHER_TYPE = Status(415, "Unsupported Media Type", (("Accept", PIDF),), ("PIDF-2",))


@frozen
class Body:
    """A body that is a document."""

    octets: bytes
    """As they can be read again: without Content-Encoding."""
    document: Document


def read_body(request: Request, now: float) -> Body | Status | None:
    """The document that a request carries, or why it is refused; None when it has no body.

    :param now: UTC seconds.
    """
    if not request.body:
        return None
    try:
        # Some leave the type out; a document of presence is all that it could be.
        kind = request.content_type
    except SipSyntaxError as fault:
        return Status(fault.status, fault.reason)
    if kind is not None and kind.type not in READ_TYPES:
        return _OTHER_TYPE
    octets = plain_body(request)
    if isinstance(octets, Status):
        return octets
    try:
        # RFC 8048 6: where XMPP says xml:lang of a whole stanza.
        language = (request.get("Content-Language") or "").partition(",")[0].strip()
        return Body(octets, parse(octets, now, language))
    except PidfFault:
        return _BROKEN
