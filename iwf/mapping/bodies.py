"""What may be said about a text without knowing a wire format."""

from __future__ import annotations

#: Octets that a character costs in markup beyond itself: ``&amp;`` ``&lt;`` ``&gt;``.
_MARKUP = {"&": 4, "<": 3, ">": 3}

#: What the rest of a message (addresses, identifiers, framing) takes at the most in practice.
ENVELOPE = 1000

EXCERPT = 40


def size_in_markup(*texts: str) -> int:
    """Octets of the texts once escaped for XML and encoded as UTF-8, envelope included (MSG-29)."""
    return ENVELOPE + sum(len(text.encode("utf-8", "replace"))
                          + sum(text.count(sign) * extra for sign, extra in _MARKUP.items())
                          for text in texts)


def excerpt(text: str) -> str:
    """The beginning of a text on one line, for a report to its sender."""
    line = " ".join(text[:EXCERPT * 4].split())
    return line if len(line) <= EXCERPT else line[:EXCERPT - 1] + "…"
