"""XHTML-IM: the markup that may come with a text (XEP-0071; MSG-22, MSG-23).  Pure.

Both ways it is reduced to what is harmless: what comes in is passed to other worlds, and what goes out
came from there.
"""

from __future__ import annotations

from typing import cast

from twisted.words.xish.domish import Element

from iwf.mapping.xhtml import clean
from iwf.xmpp.elements import add, child

NS_XHTML_IM = "http://jabber.org/protocol/xhtml-im"
NS_XHTML = "http://www.w3.org/1999/xhtml"


def read_markup(html: Element) -> str:
    """The content of the first body, cleaned; empty where plain text says as much."""
    body = child(html, "body", NS_XHTML)
    return "" if body is None else clean(cast(str, body.toXml()))


def add_markup(stanza: Element, markup: str) -> None:
    """Append the markup, cleaned; nothing where plain text says as much."""
    content = clean(markup)
    if content:
        html = add(stanza, "html", uri=NS_XHTML_IM)
        html.addRawXml(f"<body xmlns='{NS_XHTML}'>{content}</body>")
