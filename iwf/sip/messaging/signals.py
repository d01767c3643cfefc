"""Receipts and typing as SIP bodies have them: IMDN in message/cpim, isComposing.  Pure."""

from __future__ import annotations

import re
from hashlib import blake2b

from iwf.mapping import composing, cpim, imdn
from iwf.mapping.composing import IsComposing
from iwf.mapping.cpim import Cpim, Header
from iwf.mapping.imdn import Imdn
from iwf.mapping.model import (
    Address,
    Composing,
    Failure,
    Item,
    Notification,
    Outcome,
    Reason,
    Receipt,
    Want,
    Wants,
)
from iwf.sip.syntax.dates import write_datetime
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.uri import Uri, parse_uri

Hints = tuple[tuple[str, str], ...]

_is_message_id = re.compile(r"[0-9a-f]{20}").fullmatch
_in_brackets = re.compile(r"<([^<>]*)>").search

#: What of a wrapped message comes back with a notification about it (RCPT-5).
_ID, _DATE, _TO, _ORIGINAL = "imdn-id", "imdn-date", "imdn-to", "imdn-original-to"
_ROUTE = "imdn-route"
_LONGEST_HINT = 512
_MOST_ROUTES = 8

_FAILED = Failure(Reason.UNAVAILABLE, permanent=False, text="the recipient's network could not deliver it")


def token(purpose: str, seed: str) -> str:
    """Twenty hexadecimal digits that depend on the arguments alone, as unguessable as the seed."""
    return blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=10, person=purpose.encode()).hexdigest()


def message_id(item: Item) -> str:
    """The ``imdn.Message-ID`` of an item's request, the same for a repetition (RCPT-1: 64 bits or more)."""
    return token("imdn", item.id)


def ref_of(id: str, peer: Address) -> str:
    """The reference of a wrapped message, by which a notification is matched to it.

    ``<message id>|<key of the bare address>`` of the user it went to, who alone can tell (RCPT-3);
    in lower case, since users spell themselves in several ways.
    """
    return f"{id}|{peer.key.casefold()}"


# -- SIP to neutral -----------------------------------------------------------------------------


def receipt_of(told: Imdn, origin: Address, lane: str) -> Receipt | None:
    """The news in a notification, if it is news of a message of ours.

    That a recipient does not want to tell, or an agent could not, says nothing about the message.
    """
    if not _is_message_id(told.message_id):
        return None                                                  # RCPT-3: unknown, dropped
    if told.outcome in (Outcome.DELIVERED, Outcome.DISPLAYED):
        return Receipt(lane, ref_of(told.message_id, origin), told.outcome)
    if told.outcome is Outcome.FAILED:
        return Receipt(lane, ref_of(told.message_id, origin), told.outcome, _FAILED)
    return None


def hints_of(wrapper: Cpim) -> Hints:
    """What is kept of a wrapped message for the notifications about it."""
    to = _in_brackets(wrapper.get("To"))
    hints = ((_ID, wrapper.get("Message-ID", imdn.HEADERS)),
             (_DATE, wrapper.get("DateTime")),
             (_TO, to[1] if to else ""),
             (_ORIGINAL, wrapper.get("Original-To", imdn.HEADERS)),
             *((_ROUTE, uri) for uri in _routes(wrapper)))
    return tuple((name, value) for name, value in hints if value and len(value) <= _LONGEST_HINT)


def _routes(wrapper: Cpim) -> list[str]:
    """RCPT-6: the URIs by which notifications want to go, if all of them are such."""
    found = []
    for header in wrapper.all("IMDN-Record-Route", imdn.HEADERS)[:_MOST_ROUTES]:
        bracketed = _in_brackets(header.value)
        try:
            uri = parse_uri(bracketed[1] if bracketed else header.value)
        except SipSyntaxError:
            return []
        if uri.scheme != "sip" or len(str(uri)) > _LONGEST_HINT:
            return []
        found.append(str(uri))
    return found


def routes_of(hints: Hints) -> list[str]:
    """RCPT-6: the URIs by which a notification goes, the first one first."""
    return [value for name, value in hints if name == _ROUTE]


def has_id(hints: Hints) -> bool:
    """Whether a notification can name its message."""
    return any(name == _ID for name, _ in hints)


# -- neutral to SIP -----------------------------------------------------------------------------


def wrapped_text(item: Item, sent_at: float | None, wants: Wants, sender: Uri, target: Uri,
                 content_type: str, text: bytes) -> bytes:
    """A text with the request to hear of it (RCPT-1), in message/cpim."""
    asked = ["positive-delivery", "negative-delivery"]
    if Want.DELIVERED not in wants:
        asked.remove("positive-delivery")
    if Want.DISPLAYED in wants:
        asked.append("display")
    return cpim.build(Cpim((
        Header("From", f"<{sender}>"),
        Header("To", f"<{target}>"),
        Header("Message-ID", message_id(item), imdn.HEADERS),
        Header("DateTime", write_datetime(item.created if sent_at is None else sent_at)),
        Header("Disposition-Notification", ", ".join(asked), imdn.HEADERS),
    ), (("Content-Type", content_type),), text))


def notification_body(item: Item, told: Notification, sender: Uri, target: Uri) -> bytes:
    """A notification in message/cpim (RCPT-5): it asks for nothing (RCPT-4)."""
    hints = dict(told.hints)
    kind = "display" if told.outcome is Outcome.DISPLAYED else "delivery"
    document = imdn.build(Imdn(
        hints.get(_ID, ""), told.outcome, kind, hints.get(_DATE) or write_datetime(item.created),
        hints.get(_TO) or str(sender), hints.get(_ORIGINAL, "")))
    return cpim.build(Cpim((
        Header("From", f"<{sender}>"),
        Header("To", f"<{target}>"),
        Header("Message-ID", message_id(item), imdn.HEADERS),
        *(Header("IMDN-Route", f"<{uri}>", imdn.HEADERS) for uri in routes_of(told.hints)),
    ), (("Content-Type", imdn.TYPE), ("Content-Disposition", "notification"),
        ("Content-Length", str(len(document)))), document))


def composing_body(told: Composing) -> bytes:
    """A typing indication (COMP-1); idle needs no refresh."""
    return composing.build(IsComposing(told.active, int(told.refresh) if told.active else None, "text/plain"))
