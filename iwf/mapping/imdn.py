"""Disposition notifications: what became of a message (``message/imdn+xml``, RFC 5438)."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.model import Outcome
from iwf.mapping.xmldoc import XmlFault, escaped
from iwf.mapping.xmldoc import parse as parse_xml

TYPE = "message/imdn+xml"

#: The namespace of the CPIM headers that ask (RFC 5438 6).
HEADERS = "urn:ietf:params:imdn"

_NS = "{urn:ietf:params:xml:ns:imdn}"

#: Which notification carries which words (RFC 5438 11.1.1); each may also say forbidden or error.
_WORDS = {"delivery": (Outcome.DELIVERED, Outcome.FAILED),
          "display": (Outcome.DISPLAYED,),
          "processing": (Outcome.PROCESSED, Outcome.STORED)}
_ALWAYS = (Outcome.FORBIDDEN, Outcome.UNKNOWN)


class ImdnFault(ValueError):
    """Octets that are no disposition notification."""


@frozen
class Imdn:
    """One notification."""

    message_id: str
    """The ``imdn.Message-ID`` of the message it is about."""
    outcome: Outcome
    kind: str = "delivery"
    """``delivery``, ``display`` or ``processing``."""
    datetime: str = ""
    """The DateTime of that message, as it stood there."""
    recipient: str = ""
    """The URI of the message's recipient."""
    original_recipient: str = ""


def parse(octets: bytes) -> Imdn:
    """Read a notification.

    :raises ImdnFault: when it is none.
    """
    try:
        root = parse_xml(octets)
    except XmlFault as fault:
        raise ImdnFault(str(fault)) from None
    if root.name != f"{_NS}imdn":
        raise ImdnFault("not an imdn document")
    message_id = root.text_of(f"{_NS}message-id")
    if not message_id:
        raise ImdnFault("no message-id")
    for kind, words in _WORDS.items():
        notification = root.child(f"{_NS}{kind}-notification")
        status = notification.child(f"{_NS}status") if notification is not None else None
        if status is None:
            continue
        for outcome in words + _ALWAYS:
            if status.child(_NS + outcome.value) is not None:
                return Imdn(message_id, outcome, kind, root.text_of(f"{_NS}datetime"),
                            root.text_of(f"{_NS}recipient-uri"),
                            root.text_of(f"{_NS}original-recipient-uri"))
    raise ImdnFault("no status that is known")


def build(imdn: Imdn) -> bytes:
    """Write a notification.

    :raises ValueError: when that kind of notification has no such outcome.
    """
    if imdn.outcome not in _WORDS[imdn.kind] + _ALWAYS:
        raise ValueError(f"a {imdn.kind} notification cannot say {imdn.outcome.value}")
    original = (f"<original-recipient-uri>{escaped(imdn.original_recipient)}"
                "</original-recipient-uri>" if imdn.original_recipient else "")
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            '<imdn xmlns="urn:ietf:params:xml:ns:imdn">'
            f"<message-id>{escaped(imdn.message_id)}</message-id>"
            f"<datetime>{escaped(imdn.datetime)}</datetime>"
            f"<recipient-uri>{escaped(imdn.recipient)}</recipient-uri>{original}"
            f"<{imdn.kind}-notification><status><{imdn.outcome.value}/></status>"
            f"</{imdn.kind}-notification></imdn>").encode()
