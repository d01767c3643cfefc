"""Alphabets of short messages: GSM 03.38 (3GPP TS 23.038), ISO-8859-1, UTF-16.

Octets here are user data alone: no user data header (see :mod:`iwf.smpp.segments`), one septet
per octet in the default alphabet, as nearly every SMSC wants it over SMPP (SMS-31).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from iwf.smpp.settings import Profile

ESC = 0x1B

# SMS-27, 28: 3GPP TS 23.038 6.2.1, septets 00 to 7F in order.
_DEFAULT_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

# 3GPP TS 23.038 6.2.1.1: the septet after ESC.
_EXTENSION: Mapping[int, str] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\",
    0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Both directions go by way of strings in which each character stands for one octet, so that
# the loops run inside the interpreter.
_WRITE: Mapping[int, str] = {
    **{ord(character): chr(septet) for septet, character in enumerate(_DEFAULT_ALPHABET) if septet != ESC},
    **{ord(character): chr(ESC) + chr(septet) for septet, character in _EXTENSION.items()},
}
_READ: Mapping[int, str] = {
    octet: _DEFAULT_ALPHABET[octet] if octet < 0x80 else _REPLACEMENT for octet in range(0x100)
}
_ESCAPED = re.compile("\x1b(.?)", re.DOTALL)
_NOT_GSM = re.compile(f"[^{re.escape(''.join(map(chr, _WRITE)))}]")
_EXTENDED = re.compile(f"[{re.escape(''.join(_EXTENSION.values()))}]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_OTHER_LINE_END = re.compile("\r\n?")

# SMS-22: what the values of SMPP 3.4 5.2.19 say; None is binary.  9, 11, 12 and 15 are reserved:
# 3GPP TS 23.038 4 tells the receiver to take reserved codings as the default alphabet.
_DEFAULT = "default"
_UCS2 = "ucs2"
_SMPP_CODINGS: tuple[str | None, ...] = (
    _DEFAULT, "ia5", None, "latin-1", None, "jis-x-0208", "iso8859_5", "iso8859_8",
    _UCS2, _DEFAULT, "iso2022_jp", _DEFAULT, _DEFAULT, "jis-x-0212", "euc_kr", _DEFAULT,
)

# ISO 2022 designations that turn bare codes of a 94x94 set into something a codec can read.
_DESIGNATIONS: Mapping[str, tuple[bytes, str]] = {
    "jis-x-0208": (b"\x1b$B", "iso2022_jp"),
    "jis-x-0212": (b"\x1b$(D", "iso2022_jp_1"),
}


class NotText(Exception):
    """The data coding says that the user data is no text (SMS-22, SMS-23)."""


def gsm_fits(text: str) -> bool:
    """Whether every character is in the default alphabet or its extension table."""
    return _NOT_GSM.search(text) is None


def gsm_septets(text: str) -> int:
    """How many septets a text takes that :func:`gsm_fits`: extended characters take two."""
    return len(text) + len(_EXTENDED.findall(text))


def gsm_octets(text: str) -> bytes:
    """A text that :func:`gsm_fits`, one septet per octet."""
    return text.translate(_WRITE).encode("latin-1")


def gsm_text(octets: bytes) -> str:
    """Read unpacked septets; octets over 7F are no septets and read as U+FFFD."""
    text = octets.decode("latin-1")
    if "\x1b" not in text:
        return text.translate(_READ)
    pieces = _ESCAPED.split(text)  # plain, escaped, plain, escaped, ... plain
    pieces[0::2] = [plain.translate(_READ) for plain in pieces[0::2]]
    pieces[1::2] = [_escaped(character) for character in pieces[1::2]]
    return "".join(pieces)


def _escaped(character: str) -> str:
    # SMS-28: an unlisted septet reads as itself, ESC ESC as a space, a lone ESC as nothing.
    if character == "\x1b":
        return " "
    if not character:
        return ""
    return _EXTENSION.get(ord(character)) or _READ[ord(character)]


def utf16_octets(text: str) -> bytes:
    """A text in UTF-16BE, code points of lone surrogates as U+FFFD (SMS-24)."""
    return _LONE_SURROGATE.sub(_REPLACEMENT, text).encode("utf-16-be")


def utf16_text(octets: bytes, order: str = "be") -> str:
    """Read UTF-16, a byte order mark winning over ``order`` (``be`` or ``le``)."""
    if len(octets) % 2:
        octets = octets[:-1]  # SMS-25
    if octets[:2] in (b"\xfe\xff", b"\xff\xfe"):
        order = "be" if octets[0] == 0xFE else "le"
        octets = octets[2:]
    return octets.decode(f"utf-16-{order}", "replace")  # SMS-24: lone surrogates


def lf_text(text: str) -> str:
    """The text with every line end as LF (SMS-27)."""
    return _OTHER_LINE_END.sub("\n", text) if "\r" in text else text


def coding_name(data_coding: int) -> str | None:
    """What a data_coding octet says about the user data: the name of a coding, None when binary.

    :param data_coding: 0 to 255; values of SMPP 3.4 first, then 3GPP TS 23.038 section 4 (SMS-22).
    """
    if data_coding < 0x10:
        return _SMPP_CODINGS[data_coding]
    if data_coding < 0x80:  # 00xx and 01xx: general groups
        if data_coding & 0x20:
            return None  # compressed
        return (_DEFAULT, None, _UCS2, _DEFAULT)[data_coding >> 2 & 3]
    if data_coding & 0xF0 == 0xE0:  # message waiting, UCS-2
        return _UCS2
    if data_coding & 0xF4 == 0xF4:  # class group, 8-bit data
        return None
    return _DEFAULT  # waiting indication, class group, reserved


def message_class(data_coding: int) -> int | None:
    """The class of 3GPP TS 23.038 4: 0 flash, 1 phone, 2 SIM, 3 terminal; None without one."""
    if data_coding & 0x90 == 0x10 or data_coding & 0xF0 == 0xF0:
        return data_coding & 3
    return None


def decode(octets: bytes, data_coding: int, profile: Profile) -> str:
    """The text in user data without its header; line ends become LF.

    :raises NotText: the coding is a binary one.  Nothing else is raised: what cannot be read in
        a text coding becomes U+FFFD.
    """
    name = coding_name(data_coding)
    if name is None:
        raise NotText(f"data_coding {data_coding:#04x}")
    return lf_text(_read(octets, name, profile))


def _read(octets: bytes, name: str, profile: Profile) -> str:
    if name == "ia5":
        name = "gsm_unpacked" if profile.ia5_is_gsm else "ascii"
    elif name == _DEFAULT:
        name = profile.default_alphabet
    if name == "gsm_unpacked":
        return gsm_text(octets)
    if name == _UCS2:
        return utf16_text(octets, profile.ucs2)
    if name in _DESIGNATIONS:
        designation, codec = _DESIGNATIONS[name]
        return (designation + octets).decode(codec, "replace")
    if name == "latin1":
        name = "latin-1"
    return octets.decode(name, "replace")
