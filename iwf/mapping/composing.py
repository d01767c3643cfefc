"""Typing indications: ``application/im-iscomposing+xml`` (RFC 3994, COMP-1)."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.xmldoc import XmlFault, escaped
from iwf.mapping.xmldoc import parse as parse_xml

TYPE = "application/im-iscomposing+xml"

#: A state without a refresh holds so many seconds (RFC 3994 3.3).
DEFAULT_REFRESH = 120

#: Longer than anybody types; a larger number in a document is taken as this one.
LONGEST_REFRESH = 3600

_NS = "{urn:ietf:params:xml:ns:im-iscomposing}"


class IsComposingFault(ValueError):
    """Octets that are no typing indication."""


@frozen
class IsComposing:
    """One indication."""

    active: bool
    """Whether he is typing; a state with an unknown name counts as idle."""
    refresh: int | None = None
    """Seconds that an active state holds unless it is repeated; None where the document does not say."""
    content_type: str = ""
    """What is being written; empty where the document does not say."""
    last_active: str = ""
    """When he last typed (RFC 3339); empty where the document does not say."""


def parse(octets: bytes) -> IsComposing:
    """Read an indication.

    :raises IsComposingFault: when it is none.
    """
    try:
        root = parse_xml(octets)
    except XmlFault as fault:
        raise IsComposingFault(str(fault)) from None
    if root.name != f"{_NS}isComposing":
        raise IsComposingFault("not an isComposing document")
    state = root.text_of(f"{_NS}state")
    if not state:
        raise IsComposingFault("no state")
    digits = root.text_of(f"{_NS}refresh")
    refresh = None
    if digits.isascii() and digits.isdigit():
        refresh = min(int(digits[:10]), LONGEST_REFRESH)
    return IsComposing(state == "active", refresh, root.text_of(f"{_NS}contenttype"),
                       root.text_of(f"{_NS}lastactive"))


def build(indication: IsComposing) -> bytes:
    """Write an indication."""
    parts = [("state", "active" if indication.active else "idle"),
             ("lastactive", indication.last_active), ("contenttype", indication.content_type),
             ("refresh", "" if indication.refresh is None else str(indication.refresh))]
    inner = "".join(f"<{name}>{escaped(text)}</{name}>" for name, text in parts if text)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">{inner}</isComposing>'
            ).encode()
