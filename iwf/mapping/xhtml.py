"""Markup from strangers reduced to what a message may hold: XHTML-IM (XEP-0071; MSG-22).

What comes out is well formed whatever goes in, since it is written from scratch: allowed elements with
allowed attributes, and text.  One pass over the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape, unescape

#: Characters of markup that are read, and elements inside of elements.
LARGEST, DEEPEST = 65_536, 20
#: Characters of one tag; no honest one is longer.
_LONGEST_TAG = 4096

#: MSG-22, and what stands for them elsewhere.
_NAMES = {name: name for name in (
    "a", "blockquote", "br", "cite", "em", "img", "li", "ol", "p", "span", "strong", "ul")}
_NAMES |= {"b": "strong", "i": "em", "div": "p", "q": "cite", "address": "p", "pre": "p"}
_NAMES |= {f"h{level}": "p" for level in range(1, 7)}
#: Of these the content goes as well.
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg", "math"})
_EMPTY = frozenset({"br", "img"})
#: What may not stand inside a paragraph ends it.
_BLOCKS = frozenset({"p", "blockquote", "ol", "ul", "li"})
#: Elements that say nothing which plain text does not.
_MUTE = frozenset({"p", "br"})
#: Elements that are nothing without an attribute.
_NOTHING_ALONE = frozenset({"a", "span"})

_STYLES = frozenset({
    "background-color", "color", "font-family", "font-size", "font-style", "font-weight", "margin-left",
    "margin-right", "text-align", "text-decoration",
})

_tag_name = re.compile(r"/?([A-Za-z][A-Za-z0-9]*)(?![A-Za-z0-9:-])").match
_attributes = re.compile(
    r"""(?<![A-Za-z-])([A-Za-z-]{1,20})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""").findall
_spaces = re.compile(r"[ \t\r\n\f]+")
_controls = re.compile("[\x00-\x20\x7f-\xa0\u2028\u2029]+")
_illegal = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# MSG-22: nothing that a reader's program would fetch or run by itself, but pictures by http.
_is_link = re.compile(r"(?:https?://|xmpp:|sips?:|tel:|mailto:)[^\s<>\"]{1,2000}", re.IGNORECASE).fullmatch
_is_picture = re.compile(r"https?://[^\s<>\"]{1,2000}", re.IGNORECASE).fullmatch
_is_length = re.compile(r"[0-9]{1,4}(?:px|%)?").fullmatch
# No url(), no expression(), no escapes, no comments.
_is_style_value = re.compile(r"(?:[A-Za-z0-9 #%.,'-]|rgba?\([0-9 .,%]{1,40}\)){1,100}").fullmatch


def tokens(markup: str) -> Iterator[tuple[bool, str]]:
    """The markup in pieces: whether it is a tag, and its text, of a tag what stands between the brackets."""
    position = 0
    while position < len(markup):
        opening = markup.find("<", position)
        if opening < 0:
            opening = len(markup)
        if opening > position:
            yield False, markup[position:opening]
        end = "-->" if markup.startswith("<!--", opening) else ">"
        closing = markup.find(end, opening + 1)
        if closing < 0:
            return
        yield True, markup[opening + 1:closing]
        position = closing + len(end)


def clean(markup: str) -> str:
    """XHTML-IM that says the same, for a ``body``; empty where plain text says it as well, and where there is too
    much of it."""
    if len(markup) > LARGEST:
        return ""
    writer = _Writer()
    for is_tag, text in tokens(markup):
        if is_tag:
            writer.tag(text)
        else:
            writer.text(text)
    return writer.result()


class _Writer:
    """Writes elements so that each is closed."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._text: list[str] = []
        self._open: list[str] = []
        self._unseen = ""
        self._tells = False

    def result(self) -> str:
        while self._open:
            self._close(self._open[-1])
        self._settle()
        return "".join(self._pieces).strip() if self._tells else ""

    def text(self, text: str) -> None:
        if not self._unseen:
            self._text.append(unescape(text))

    def _settle(self) -> None:
        """Write the text between two elements."""
        if self._text:
            self._pieces.append(_escaped(_spaces.sub(" ", "".join(self._text))))
            self._text.clear()

    def _write(self, piece: str) -> None:
        self._settle()
        self._pieces.append(piece)

    def tag(self, tag: str) -> None:
        match = _tag_name(tag)
        if match is None or len(tag) > _LONGEST_TAG:
            return
        name, is_end = match[1].lower(), tag.startswith("/")
        if self._unseen:
            self._unseen = "" if is_end and name == self._unseen else self._unseen
        elif name in _UNSEEN:
            self._unseen = "" if is_end or tag.endswith("/") else name
        elif name in _NAMES:
            if is_end:
                self._close(_NAMES[name])
            else:
                self._begin(_NAMES[name], tag)

    def _begin(self, name: str, tag: str) -> None:
        if name in _BLOCKS and "p" in self._open:
            self._close("p")
        if name == "li" and self._open[-1:] == ["li"]:
            self._close("li")
        if len(self._open) >= DEEPEST:
            return
        given = {key.lower(): unescape(first or second or third) for key, first, second, third in _attributes(tag)}
        attributes = _allowed(name, given)
        if name == "img" and "src" not in attributes:
            self._text.append(given.get("alt", ""))
            return
        if name in _NOTHING_ALONE and not attributes:
            return
        self._tells = self._tells or bool(attributes) or name not in _MUTE
        written = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
        if name in _EMPTY:
            self._write(f"<{name}{written}/>")
        else:
            self._write(f"<{name}{written}>")
            self._open.append(name)
            if tag.endswith("/"):
                self._close(name)

    def _close(self, name: str) -> None:
        """Close the innermost element of that name, and all that is open in it."""
        if name not in self._open:
            return
        while True:
            last = self._open.pop()
            self._write(f"</{last}>")
            if last == name:
                return


def _allowed(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The attributes of an element that may stay (MSG-22)."""
    kept = {}
    for key, is_fine in _CHECKS.get(name, {}).items():
        value = given.get(key, "")
        if key in ("href", "src"):
            value = _controls.sub("", value)
        if value and is_fine(value):
            kept[key] = value
    style = _style(given.get("style", ""))
    if style and name not in _EMPTY:
        kept["style"] = style
    return kept


def _style(text: str) -> str:
    kept = []
    for declaration in text[:_LONGEST_TAG].split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in _STYLES and _is_style_value(value):
            kept.append(f"{name}: {value}")
    return "; ".join(kept)


def _escaped(text: str) -> str:
    return escape(_illegal.sub("\N{REPLACEMENT CHARACTER}", text))


_CHECKS: dict[str, dict[str, Callable[[str], object]]] = {
    "a": {"href": _is_link},
    "img": {"src": _is_picture, "alt": lambda text: len(text) <= 200, "height": _is_length, "width": _is_length},
}
