"""Small XML documents from strangers, as trees.

Only what the documents of the IETF need: elements, attributes, text.  A document type
declaration is refused, and with it every entity of the sender's own making; so are documents that
are too large or too deep.
"""

from __future__ import annotations

import re
from xml.parsers.expat import ExpatError, ParserCreate

from attrs import define, field

#: Octets, and levels of elements, of a document of one message.
LARGEST, DEEPEST = 65_536, 32

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XmlFault(ValueError):
    """Octets that are no document we read."""


@define
class Node:
    """One element."""

    name: str
    """``{namespace}local``; only ``local`` where there is no namespace."""
    attributes: dict[str, str] = field(factory=dict)
    children: list[Node] = field(factory=list)
    text: str = ""
    """All text that stands directly in it."""

    def child(self, name: str) -> Node | None:
        """The first child of that name."""
        return next((one for one in self.children if one.name == name), None)

    def text_of(self, name: str) -> str:
        """The text of the first child of that name without the white space around it, or empty."""
        found = self.child(name)
        return found.text.strip() if found is not None else ""


def parse(octets: bytes, largest: int = LARGEST) -> Node:
    """The root of a document in UTF-8.

    :raises XmlFault: when it is not well-formed, has a document type declaration, or passes a limit.
    """
    if len(octets) > largest:
        raise XmlFault("too large")
    # The encoding is given, not found out: what a declaration says of it is not followed.
    parser = ParserCreate("utf-8", "}")
    parser.buffer_text = True
    builder = _Builder()
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(octets, True)
    except ExpatError as error:
        raise XmlFault(str(error)) from None
    return builder.open[0].children[0]


class _Builder:
    """Follows the parser's events."""

    def __init__(self) -> None:
        self.open = [Node("")]

    def doctype(self, *_: object) -> None:
        raise XmlFault("a document type declaration")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.open) > DEEPEST:
            raise XmlFault("too deep")
        node = Node(_clark(name), {_clark(key): value for key, value in attributes.items()})
        self.open[-1].children.append(node)
        self.open.append(node)

    def end(self, name: str) -> None:
        self.open.pop()

    def characters(self, text: str) -> None:
        self.open[-1].text += text


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name


def escaped(text: str) -> str:
    """Text as it can stand in an element or between double quotes; what XML cannot hold becomes
    U+FFFD."""
    text = _ILLEGAL.sub("\ufffd", text).replace("&", "&amp;").replace("<", "&lt;")
    # A parser would make the lone CR a line end.
    return text.replace(">", "&gt;").replace('"', "&quot;").replace("\r", "&#13;")
