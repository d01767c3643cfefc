"""Texts with markup towards users who take it (MSG-23).  Pure."""

from __future__ import annotations

from iwf.mapping.model import Item, Message
from iwf.mapping.xhtml import clean
from iwf.sip.messaging.markup import MARKUP
from iwf.sip.messaging.signals import token

_TYPE = f"{MARKUP};charset=utf-8"


def markup_of(message: Message) -> str:
    """The markup that came with a message; empty when there is none."""
    return next((body.text for body in message.bodies if body.type == MARKUP), "")


def rich_content(item: Item, text: bytes, html: str) -> tuple[str, bytes] | None:
    """Content type and body of a message in its rich form: HTML alone, or the plain text and HTML as alternatives
    (RFC 2046 5.1.4).

    :param text: the plain text, in UTF-8.
    :param html: how the target takes it, see :attr:`~iwf.sip.settings.TrunkSettings.html`.
    :return: None where he does not, or the message has nothing that plain text has not.
    """
    assert isinstance(item.payload, Message)
    markup = clean(markup_of(item.payload)) if html != "never" else ""
    if not markup:
        return None
    document = f"<html><body>{markup}</body></html>".encode("utf-8", "replace")
    if html == "only":
        return _TYPE, document
    # Of the item alone, so that a repetition looks like one.
    boundary = token("boundary", item.id)
    while boundary.encode() in text or boundary.encode() in document:
        boundary = token("boundary", boundary)
    parts = (("text/plain;charset=utf-8", text), (_TYPE, document))
    written = b"".join(b"--%s\r\nContent-Type: %s\r\n\r\n%s\r\n" % (boundary.encode(), kind.encode(), content)
                       for kind, content in parts)
    return f"multipart/alternative;boundary={boundary}", written + f"--{boundary}--\r\n".encode()
