"""Long texts: choice of the coding, split into parts, user data headers (3GPP TS 23.040 9.2.3.24).

Sizes are those of SMS section 5: 140 octets of user data on the air, less the header.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable

from attrs import frozen

from iwf.smpp import text as alphabets
from iwf.smpp.settings import Profile

#: Bit of esm_class: the user data begins with a header (SMS-13).
UDHI = 0x40

DEFAULT_CODING = 0
LATIN1_CODING = 3
UCS2_CODING = 8

#: More parts than this cannot be numbered in one octet (SMS-30).
MOST_PARTS = 255

_ZWJ = "\u200d"

# Information elements by number (3GPP TS 23.040 9.2.3.24).
CONCATENATED_8 = 0x00
CONCATENATED_16 = 0x08
# SMS-23: ports, SMSC control, EMS objects and SIM toolkit security are not bridged.
_NOT_TEXT = frozenset({0x04, 0x05, 0x06, *range(0x0A, 0x20), *range(0x70, 0x80)})


@frozen
class Encoded:
    """A text ready for the air."""

    data_coding: int
    parts: tuple[bytes, ...]
    """Octets of each part without a user data header; one for an empty text."""
    units: int
    """Length in the units that are counted: septets, octets or UTF-16 units."""

    @property
    def udhi(self) -> bool:
        """Whether the parts need a header that joins them."""
        return len(self.parts) > 1

    def user_data(self, reference: int) -> tuple[bytes, ...]:
        """The parts with their headers, if they need any.

        :param reference: 0 to 255, the same for all parts and another for the next long text to
            the same phone (SMS-33).
        """
        total = len(self.parts)
        if total == 1:
            return self.parts
        # SMS-30: 8-bit reference
        return tuple(
            bytes((5, CONCATENATED_8, 3, reference, total, number)) + part
            for number, part in enumerate(self.parts, 1)
        )


@frozen
class _Coding:
    data_coding: int
    single: int
    """Units in a text of one part."""
    multiple: int
    """Units in each part of several, with a header of 6 octets."""
    cost: Callable[[str], int]
    """Units a piece of text takes."""
    write: Callable[[str], bytes]


class References:
    """Reference numbers of long texts, a counter for each (source, destination) (SMS-33).

    :param first: where counters begin, so that a restart does not repeat the last numbers.
    """

    #: Pairs that are remembered; the one longest unused is forgotten first.
    MOST = 10_000

    def __init__(self, first: int) -> None:
        self._first = first
        self._last: OrderedDict[object, int] = OrderedDict()

    def next(self, pair: object) -> int:
        """The next number for a pair, 0 to 255."""
        reference = (self._last.pop(pair, self._first) + 1) & 0xFF
        self._last[pair] = reference
        if len(self._last) > self.MOST:
            self._last.popitem(last=False)
        return reference


def _latin1(text: str) -> bytes:
    return text.encode("latin-1")


def _utf16_units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


_GSM = _Coding(DEFAULT_CODING, 160, 153, alphabets.gsm_septets, alphabets.gsm_octets)
# The SMSC turns these octets into septets, so septets are what must fit.
_OCTETS_AS_GSM = _Coding(DEFAULT_CODING, 160, 153, alphabets.gsm_septets, _latin1)
_LATIN1 = _Coding(LATIN1_CODING, 140, 134, len, _latin1)
_UCS2 = _Coding(UCS2_CODING, 70, 67, _utf16_units, alphabets.utf16_octets)


def _coding_of(text: str, profile: Profile) -> _Coding:
    """SMS-21: the default alphabet if every character is in it, else Latin-1 if liked, else UTF-16."""
    if alphabets.gsm_fits(text):
        if profile.default_alphabet == "gsm_unpacked":
            return _GSM
        # Only what both the octets and the septets can carry, else the SMSC would put in a "?".
        codec = "ascii" if profile.default_alphabet == "ascii" else "latin-1"
        if _fits(text, codec):
            return _OCTETS_AS_GSM
    if profile.prefer_latin1 and _fits(text, "latin-1"):
        return _LATIN1
    return _UCS2


def _fits(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def encode(text: str, profile: Profile) -> Encoded:
    """Choose a coding for a text and split it (SMS-21, 24, 26 ``auto``, 32).

    :param text: any text; line ends become LF, lone surrogates U+FFFD.
    :return: at least one part; whether they are too many is for the caller to say (SMS-37).
    """
    text = alphabets.lf_text(text)
    coding = _coding_of(text, profile)
    units = coding.cost(text)
    if units <= coding.single:
        return Encoded(coding.data_coding, (coding.write(text),), units)
    pieces = split(text, coding.multiple, coding.cost)
    return Encoded(coding.data_coding, tuple(map(coding.write, pieces)), units)


def split(text: str, room: int, cost: Callable[[str], int]) -> list[str]:
    """Cut a text into pieces that cost at most ``room`` each.

    Characters are never divided, so neither are ESC pairs nor surrogate pairs; sequences that
    show as one sign stay together unless one alone is larger than a piece (SMS-32).
    """
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = _room_ends(text, start, room, cost)
        if end < len(text):
            border = end
            while border > start and not _is_border(text, start, border):
                border -= 1
            end = border if border > start else end
        pieces.append(text[start:end])
        start = end
    return pieces


def _room_ends(text: str, start: int, room: int, cost: Callable[[str], int]) -> int:
    end = min(start + room, len(text))  # no character costs less than 1
    over = cost(text[start:end]) - room
    while over > 0:
        # Every character costs at most 2, so dropping this many never takes too many away.
        dropped = max(1, over // 2)
        over -= cost(text[end - dropped:end])
        end -= dropped
    return end


def _is_border(text: str, start: int, index: int) -> bool:
    """Whether a cut before ``index`` leaves signs whole that begin at ``start`` or later: an
    approximation of UAX #29."""
    before, after = text[index - 1], text[index]
    if after < "\u0300":  # nothing below continues what stands before it
        return before != _ZWJ
    if before == _ZWJ or after == _ZWJ or unicodedata.combining(after):
        return False
    if "\ufe00" <= after <= "\ufe0f" or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False  # variation selectors, skin tones
    if unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return False
    if _is_regional(before) and _is_regional(after):  # flags are pairs
        first = index
        while first > start and _is_regional(text[first - 1]):
            first -= 1
        return (index - first) % 2 == 0
    return True


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


@frozen
class Part:
    """Which part of which long text this is."""

    reference: int
    total: int
    number: int
    wide: bool = False
    """The reference has 16 bits."""


@frozen
class UserData:
    """User data taken apart."""

    octets: bytes
    """What follows the header."""
    part: Part | None = None
    is_text: bool = True
    """False when the header addresses an application, the SIM or carries EMS (SMS-23)."""


class BadHeader(Exception):
    """The user data header is longer than the user data."""


def read_user_data(octets: bytes, has_header: bool) -> UserData:
    """Take the header off.

    :param has_header: bit ``UDHI`` of esm_class.
    :raises BadHeader: the only error.
    """
    if not has_header:
        return UserData(octets)
    if not octets or octets[0] >= len(octets):
        raise BadHeader(f"{len(octets)} octets of user data")
    end = octets[0] + 1
    part, is_text, index = None, True, 1
    while index + 2 <= end:
        element, length = octets[index], octets[index + 1]
        value = octets[index + 2:index + 2 + length]
        if index + 2 + length > end:
            raise BadHeader(f"element {element:02x} ends outside the header")
        part = _part_of(element, value) or part
        is_text = is_text and element not in _NOT_TEXT
        index += 2 + length
    return UserData(octets[end:], part, is_text)


def _part_of(element: int, value: bytes) -> Part | None:
    if element == CONCATENATED_8 and len(value) == 3:
        part = Part(value[0], value[1], value[2])
    elif element == CONCATENATED_16 and len(value) == 4:
        part = Part(value[0] << 8 | value[1], value[2], value[3], wide=True)
    else:
        return None
    # 3GPP TS 23.040 9.2.3.24.1: ignored when the numbers cannot be
    return part if 1 <= part.number <= part.total else None
