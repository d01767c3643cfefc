"""What one user sees of another, and the documents it stands in, written down a second time.

The daemon has its own reader and writer of presence documents; it is not judged by those.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from attrs import frozen

ONLINE, OFFLINE = "online", "offline"
SHOWS = (ONLINE, "chat", "away", "xa", "dnd")

PIDF = "urn:ietf:params:xml:ns:pidf"
CLIENT = "jabber:client"


@frozen(order=True)
class State:
    """One device, as its user shows it or as somebody else sees it."""

    device: str
    show: str = ONLINE
    """One of :data:`SHOWS`."""
    note: str = ""

    def __str__(self) -> str:
        note = f' "{self.note}"' if self.note else ""
        return f"{self.show}{note} on {self.device}"


View = frozenset[State]
"""The devices of somebody that are there; empty: he is offline."""


def described(view: View | None) -> str:
    """A view in the words of a play; None: nothing may be seen."""
    if view is None:
        return "nothing"
    return ", ".join(str(state) for state in sorted(view)) or OFFLINE


def written(entity: str, states: Iterable[State]) -> bytes:
    """A presence document (RFC 3863, RFC 8048 section 4)."""
    root = ElementTree.Element(f"{{{PIDF}}}presence", entity=entity)
    for state in sorted(states):
        part = ElementTree.SubElement(root, f"{{{PIDF}}}tuple", id=f"ID-{state.device}")
        status = ElementTree.SubElement(part, f"{{{PIDF}}}status")
        ElementTree.SubElement(status, f"{{{PIDF}}}basic").text = "open"
        if state.show != ONLINE:
            ElementTree.SubElement(status, f"{{{CLIENT}}}show").text = state.show
        if state.note:
            ElementTree.SubElement(part, f"{{{PIDF}}}note").text = state.note
    if not len(root):
        part = ElementTree.SubElement(root, f"{{{PIDF}}}tuple", id="ID")
        status = ElementTree.SubElement(part, f"{{{PIDF}}}status")
        ElementTree.SubElement(status, f"{{{PIDF}}}basic").text = "closed"
    octets: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return octets


def read(document: bytes) -> View:
    """The devices of a document that are there; an empty one has none."""
    if not document:
        return frozenset()
    parts = ElementTree.fromstring(document).iterfind(f"{{{PIDF}}}tuple")
    return frozenset(
        State(part.get("id", "").removeprefix("ID-"),
              part.findtext(f"{{{PIDF}}}status/{{{CLIENT}}}show") or ONLINE,
              part.findtext(f"{{{PIDF}}}note") or "")
        for part in parts if part.findtext(f"{{{PIDF}}}status/{{{PIDF}}}basic") == "open")
