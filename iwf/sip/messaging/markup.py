"""``text/html`` as plain text (MSG-22).  Pure; one pass, whatever the markup is worth."""

from __future__ import annotations

import re
from html import unescape

MARKUP = "text/html"
#: Elements whose content nobody sees.
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript"})
#: Elements that stand on lines of their own.
_BLOCKS = frozenset({"p", "div", "blockquote", "ul", "ol", "li", "tr", "table", "pre", "hr", "body",
                     "h1", "h2", "h3", "h4", "h5", "h6"})

_tag_name = re.compile(r"/?([A-Za-z][A-Za-z0-9:-]*)").match
_href = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE).search
_is_link = re.compile(r"(?:https?|xmpp|sips?|tel|mailto):[^\s]+", re.IGNORECASE).fullmatch
_blanks = re.compile(r" {2,}")
_spaces = re.compile(r"[ \t\r\n\f]+")
_around_breaks = re.compile(r" ?\n ?")
_many_breaks = re.compile(r"\n{3,}")


def plain_of_markup(markup: str) -> str:
    """The text that a reader of the markup sees; of links also where they lead, if that is not the text."""
    pieces: list[str] = []
    unseen = ""
    link, link_start = "", 0
    position = 0
    while position < len(markup):
        opening = markup.find("<", position)
        if opening < 0:
            opening = len(markup)
        if not unseen:
            pieces.append(unescape(_spaces.sub(" ", markup[position:opening])))
        tag, position = _tag_at(markup, opening)
        match = _tag_name(tag)
        if match is None:
            continue
        name, is_end = match[1].lower(), tag.startswith("/")
        if unseen:
            unseen = "" if is_end and name == unseen else unseen
        elif name in _UNSEEN and not is_end and not tag.endswith("/"):
            unseen = name
        elif name == "br" or name in _BLOCKS:
            pieces.append("\n")
        elif name == "a" and not is_end:
            link, link_start = _link_of(tag), len(pieces)
        elif name == "a" and link:
            if link not in "".join(pieces[link_start:]):
                pieces.append(f" <{link}>")
            link = ""
    # Spaces first, so that nothing has to be looked at more than once.
    text = _around_breaks.sub("\n", _blanks.sub(" ", "".join(pieces)))
    return _many_breaks.sub("\n\n", text).strip()


def _tag_at(markup: str, opening: int) -> tuple[str, int]:
    """What stands between the angle brackets, and where it goes on."""
    end = "-->" if markup.startswith("<!--", opening) else ">"
    closing = markup.find(end, opening + 1)
    if closing < 0:
        return "", len(markup)
    return markup[opening + 1:closing], closing + len(end)


def _link_of(tag: str) -> str:
    found = _href(tag)
    if found is None:
        return ""
    target = unescape(found[1] or found[2] or found[3] or "").strip()
    return target.removeprefix("mailto:") if _is_link(target) else ""
