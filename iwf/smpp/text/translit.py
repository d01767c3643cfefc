"""Nearest likenesses in the default alphabet (SMS-26, ``charset = "translit"``).

A library that romanises whole scripts would do too much here: a name in Cyrillic is not to arrive
in other letters than it was written in.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import regex

from iwf.mapping.charset import gsm

# What compatibility decomposition (NFKD) does not find.
_LIKE: Mapping[str, str] = {
    **dict.fromkeys("‘’‚‛′´`ʻʼˈ", "'"), **dict.fromkeys("“”„‟″«»", '"'), "‹": "<", "›": ">",
    **dict.fromkeys("‐‑‒–—―−⁃", "-"), **dict.fromkeys("•·∙●▪", "*"), "⁄": "/", "∕": "/", "×": "x", "÷": ":",
    **dict.fromkeys("\u200b\u200c\u2060\ufeff\u00ad", ""), "\t": " ", "\u2028": "\n", "\u2029": "\n",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ħ": "h", "Ħ": "H", "ı": "i", "ł": "l", "Ł": "L", "ŋ": "n", "Ŋ": "N",
    "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ŧ": "t", "Ŧ": "T", "ẞ": "SS", "ƒ": "f", "©": "(c)", "®": "(R)",
}
_CLUSTERS = regex.compile(r"\X")


def translit(text: str) -> str | None:
    """The text in characters of the default alphabet.

    Quotes, dashes and accents become their nearest likeness, other signs (an emoji) a ``?``.

    :return: None when a letter or digit has no likeness: a text in another script stays as it is.
    """
    found = []
    for cluster in _CLUSTERS.findall(text):
        likeness = cluster if gsm.fits(cluster) else _likeness(cluster)
        if likeness is None:
            return None
        found.append(likeness)
    return "".join(found)


def _likeness(cluster: str) -> str | None:
    composed = unicodedata.normalize("NFC", cluster)
    if gsm.fits(composed):
        return composed
    pieces = []
    for character in unicodedata.normalize("NFKD", "".join(_LIKE.get(each, each) for each in composed)):
        piece = _LIKE.get(character, character)
        if gsm.fits(piece):
            pieces.append(piece)
        elif unicodedata.category(character)[0] in "LN":
            return None
        elif not unicodedata.combining(character):
            return "?"  # one for the whole sign, however many characters an emoji has
    return "".join(pieces)
