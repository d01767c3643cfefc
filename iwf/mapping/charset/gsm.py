"""Septets of 3GPP TS 23.038: the default alphabet, national tables, packing.

Octets here hold one septet each unless they are called packed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from iwf.mapping.charset.national import DEFAULT, EXTENSION, HOLE, LOCKING, SINGLE

ESC = 0x1B
_CR, _AT = b"\r", b"\0"

# Both directions go by way of strings in which each character stands for one octet, so that
# the loops run inside the interpreter.
_WRITE: Mapping[int, str] = {
    **{ord(character): chr(septet) for septet, character in enumerate(DEFAULT) if septet != ESC},
    **{ord(character): chr(ESC) + chr(septet) for septet, character in EXTENSION.items()},
}


def _reader(table: str) -> Mapping[int, str]:
    """The map by which octets become characters; octets over 7F are no septets."""
    return {octet: table[octet] if octet < 0x80 else HOLE for octet in range(0x100)}


_READ = _reader(DEFAULT)
_READ_LOCKED: Mapping[int, Mapping[int, str]] = {language: _reader(table) for language, table in LOCKING.items()}
_ESCAPED = re.compile("\x1b(.?)", re.DOTALL)
_NOT_GSM = re.compile(f"[^{re.escape(''.join(map(chr, _WRITE)))}]")
_EXTENDED = re.compile(f"[{re.escape(''.join(EXTENSION.values()))}]")


def fits(text: str) -> bool:
    """Whether every character is in the default alphabet or its extension table."""
    return _NOT_GSM.search(text) is None


def septets(text: str) -> int:
    """How many septets a text takes that :func:`fits`: extended characters take two."""
    return len(text) + len(_EXTENDED.findall(text))


def write(text: str) -> bytes:
    """A text that :func:`fits`, one septet per octet."""
    return text.translate(_WRITE).encode("latin-1")


def read(octets: bytes, locking: int = 0, single: int = 0) -> str:
    """The text of septets, one per octet.  Octets over 7F are no septets and read as U+FFFD.

    :param locking: the language whose locking shift table holds, 0 for the default alphabet; a
        language without such a table counts as 0 (SMS-29).
    :param single: the same for the table of septets after ESC.
    """
    text = octets.decode("latin-1")
    table = _READ_LOCKED.get(locking, _READ)
    if "\x1b" not in text:
        return text.translate(table)
    extension = SINGLE.get(single, EXTENSION)
    pieces = _ESCAPED.split(text)  # plain, escaped, plain, escaped, ... plain
    pieces[0::2] = [plain.translate(table) for plain in pieces[0::2]]
    pieces[1::2] = [_escaped(character, table, extension) for character in pieces[1::2]]
    return "".join(pieces)


def _escaped(character: str, table: Mapping[int, str], extension: Mapping[int, str]) -> str:
    # SMS-28: an unlisted septet reads as itself, ESC ESC as a space, a lone ESC as nothing.
    if character == "\x1b":
        return " "
    if not character:
        return ""
    return extension.get(ord(character)) or table[ord(character)]


def packed(octets: bytes, fill: int = 0) -> bytes:
    """Septets packed into octets, the first into the lowest bits (3GPP TS 23.038 6.1.2.1).

    :param fill: bits to leave before the first septet, 0 to 6 (SMS-31).
    """
    if (len(octets) * 7 + fill) % 8 == 1:
        octets += _CR  # 7 spare bits would read as one more "@" (3GPP TS 23.038 6.1.2.3.1)
    blocks = b"".join(_block(octets[start:start + 8]) for start in range(0, len(octets), 8))
    bits = int.from_bytes(blocks, "little") << fill
    return bits.to_bytes(len(blocks) + 1, "little")[:(len(octets) * 7 + fill + 7) // 8]


def _block(octets: bytes) -> bytes:
    """Up to 8 septets in 7 octets."""
    return sum(septet << 7 * index for index, septet in enumerate(octets)).to_bytes(7, "little")


def unpacked(octets: bytes, fill: int = 0, is_end: bool = True) -> bytes:
    """The septets in packed octets, one per octet.

    Over SMPP octets are counted, not septets, so where 7 bits are left they may be a septet or
    padding: a CR there is dropped, and at the end of a text so is an ``@``.

    :param fill: bits before the first septet.
    :param is_end: False for a part before the last, which mostly is full, so that the ``@`` is one.
    """
    aligned = (int.from_bytes(octets, "little") >> fill).to_bytes(len(octets), "little")
    blocks = [int.from_bytes(aligned[start:start + 7], "little") for start in range(0, len(aligned), 7)]
    count, spare = divmod(max(0, len(octets) * 8 - fill), 7)
    found = bytes(block >> shift & 0x7F for block in blocks for shift in range(0, 56, 7))[:count]
    return found[:-1] if not spare and found.endswith((_CR, _AT) if is_end else _CR) else found
