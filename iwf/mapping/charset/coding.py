"""Codings by name, and texts that came in parts.

A coding is named by one word, such that a row can keep it beside the octets: ``gsm`` (septets, one
per octet), ``gsm:1:3`` (with the locking shift table of language 1 and the single shift table of
language 3), ``utf-16-be``, ``utf-16-le``, ``jis-x-0208``, ``jis-x-0212``, or a codec of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby

from iwf.mapping.charset import gsm

GSM = "gsm"
UTF_16 = "utf-16-"

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_OTHER_LINE_END = re.compile("\r\n?")

# ISO 2022 designations that turn bare codes of a 94x94 set into something a codec can read.
_DESIGNATIONS: Mapping[str, tuple[bytes, str]] = {
    "jis-x-0208": (b"\x1b$B", "iso2022_jp"),
    "jis-x-0212": (b"\x1b$(D", "iso2022_jp_1"),
}


def gsm_coding(locking: int = 0, single: int = 0) -> str:
    """The name of the coding of septets with national tables (SMS-29)."""
    return f"{GSM}:{locking}:{single}" if locking or single else GSM


def decoded(octets: bytes, coding: str) -> str:
    """The text of octets; what cannot be read becomes U+FFFD.

    :param coding: a name as in the head of this module.
    :raises LookupError: there is no coding of this name.
    """
    if coding.startswith(GSM):
        _, *languages = coding.split(":")
        return gsm.read(octets, *map(int, languages))
    if coding.startswith(UTF_16):
        return utf16_text(octets, coding.removeprefix(UTF_16))
    if coding in _DESIGNATIONS:
        designation, codec = _DESIGNATIONS[coding]
        return (designation + octets).decode(codec, "replace")
    return octets.decode(coding, "replace")


def joined(parts: Iterable[tuple[str, bytes]]) -> str:
    """The text of parts in their order, each a coding and octets; line ends become LF.

    Octets of neighbours in one coding are joined before they are read, since a sender may have cut
    inside a character (SMS-35).
    """
    return lf_text("".join(
        decoded(b"".join(octets for _, octets in run), coding)
        for coding, run in groupby(parts, lambda part: part[0])
    ))


def utf16_octets(text: str) -> bytes:
    """A text in UTF-16BE, code points of lone surrogates as U+FFFD (SMS-24)."""
    return _LONE_SURROGATE.sub(_REPLACEMENT, text).encode("utf-16-be")


def utf16_units(text: str) -> int:
    """How many UTF-16 units a text takes."""
    return len(text) + sum(character > "\uffff" for character in text)


def utf16_text(octets: bytes, order: str = "be") -> str:
    """Read UTF-16, a byte order mark winning over ``order`` (``be`` or ``le``)."""
    if len(octets) % 2:
        octets = octets[:-1]  # SMS-25
    if octets[:2] in (b"\xfe\xff", b"\xff\xfe"):
        order = "be" if octets[0] == 0xFE else "le"
        octets = octets[2:]
    return octets.decode(f"{UTF_16}{order}", "replace")  # SMS-24: lone surrogates


def lf_text(text: str) -> str:
    """The text with every line end as LF (SMS-27)."""
    return _OTHER_LINE_END.sub("\n", text) if "\r" in text else text
