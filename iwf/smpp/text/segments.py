"""Long texts: choice of the coding, split into parts.

Sizes are those of SMS section 5: 140 octets of user data on the air, less the header.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import regex
from attrs import frozen

from iwf.mapping.charset import gsm
from iwf.mapping.charset.coding import lf_text, utf16_octets, utf16_units
from iwf.smpp.settings import Profile
from iwf.smpp.text.coding import DEFAULT_CODING, LATIN1_CODING, UCS2_CODING
from iwf.smpp.text.header import MOST_PARTS, Part, concatenation, fill_bits
from iwf.smpp.text.translit import translit

#: Octets of the header by the bits of its reference (SMS-30).
_HEADER_OCTETS = {8: 6, 16: 7}

# What shows as one sign (UAX #29); Unicode adds to it every year, so this is left to a library.
_SIGNS = regex.compile(r"\X")


class TooLong(Exception):
    """A text needs more parts than are allowed (SMS-37).

    :ivar parts: how many it needs at the least.
    """

    def __init__(self, parts: int) -> None:
        super().__init__(f"{parts} parts")
        self.parts = parts


@frozen
class Encoded:
    """A text ready for the air."""

    alphabet: str
    """``gsm_unpacked``, ``gsm_packed``, ``ascii``, ``latin1`` or ``ucs2``."""
    data_coding: int
    parts: tuple[bytes, ...]
    """Octets of each part without a user data header; one for an empty text."""
    units: int
    """Length in the units that are counted: septets, octets or UTF-16 units."""
    method: str = "udh"
    """How the parts are told to belong together: ``udh``, ``sar`` or ``payload`` (SMS-34)."""
    width: str = "8"
    """Bits of the reference, ``8`` or ``16``."""
    is_long: bool = False
    """More than one short message on the air, even where it is one here (``payload``)."""

    @property
    def udhi(self) -> bool:
        """Whether the parts begin with a header that joins them."""
        return len(self.parts) > 1 and self.method == "udh"

    def places(self, reference: int) -> tuple[Part, ...]:
        """The place of each part in the text."""
        total = len(self.parts)
        mask = (1 << int(self.width)) - 1
        return tuple(Part(reference & mask, total, number, self.width) for number in range(1, total + 1))

    def user_data(self, reference: int) -> tuple[bytes, ...]:
        """The parts with their headers, if they need any.

        :param reference: the same for all parts and another for the next long text to the same
            phone (SMS-33); its low bits are used.
        """
        if not self.udhi:
            return self.parts
        return tuple(concatenation(place) + part
                     for place, part in zip(self.places(reference), self.parts, strict=True))


@frozen
class _Coding:
    alphabet: str
    data_coding: int
    single: int
    """Units in a text of one part."""
    unit_bits: int
    """Bits of a unit on the air."""
    cost: Callable[[str], int]
    """Units a piece of text takes."""
    write: Callable[[str], bytes]

    def multiple(self, header_octets: int) -> int:
        """Units in each part of several."""
        return (140 - header_octets) * 8 // self.unit_bits


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


_GSM = _Coding("gsm_unpacked", DEFAULT_CODING, 160, 7, gsm.septets, gsm.write)
_PACKED = _Coding("gsm_packed", DEFAULT_CODING, 160, 7, gsm.septets, gsm.write)
# The SMSC turns these octets into septets, so septets are what must fit.
_ASCII = _Coding("ascii", DEFAULT_CODING, 160, 7, gsm.septets, _latin1)
_LATIN1_AS_GSM = _Coding("latin1", DEFAULT_CODING, 160, 7, gsm.septets, _latin1)
_LATIN1 = _Coding("latin1", LATIN1_CODING, 140, 8, len, _latin1)
_UCS2 = _Coding("ucs2", UCS2_CODING, 70, 16, utf16_units, utf16_octets)

_DEFAULTS = {"gsm_unpacked": (_GSM, ""), "gsm_packed": (_PACKED, ""), "ascii": (_ASCII, "ascii"),
             "latin1": (_LATIN1_AS_GSM, "latin-1")}


def _coding_of(text: str, profile: Profile) -> _Coding:
    """SMS-21: the default alphabet if every character is in it, else Latin-1 if liked, else UTF-16."""
    if gsm.fits(text):
        coding, codec = _DEFAULTS[profile.default_alphabet]
        # Only what both the octets and the septets can carry, else the SMSC would put in a "?".
        if not codec or _fits(text, codec):
            return coding
    if profile.prefer_latin1 and _fits(text, "latin-1"):
        return _LATIN1
    return _UCS2


def _fits(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def encode(text: str, profile: Profile, ucs2: bool = False) -> Encoded:
    """Choose a coding for a text and split it (SMS-21, 24, 26, 32, 34).

    :param text: any text; line ends become LF, lone surrogates U+FFFD.
    :param ucs2: write UTF-16 whatever the text is, for a peer that refused another coding (ERR 8.3).
    :return: at least one part.
    :raises TooLong: it needs more parts than the profile or the numbering allows (SMS-37).
    """
    text = lf_text(text)
    coding = _UCS2 if ucs2 else _coding_of(text, profile)
    header = _HEADER_OCTETS[profile.reference_bits]
    if profile.charset == "translit" and coding is _UCS2 and not ucs2:
        text, coding = _cheaper(text, profile, header)
    units = coding.cost(text)
    count = 1 if units <= coding.single else -(-units // coding.multiple(header))
    most = min(profile.max_segments, MOST_PARTS)
    if count > most:  # before anything is split, so that giant texts cost little
        raise TooLong(count)
    pieces = [text] if count == 1 or profile.long_texts == "payload" else split(
        text, coding.multiple(header), coding.cost)
    if len(pieces) > most:
        raise TooLong(len(pieces))
    return Encoded(coding.alphabet, coding.data_coding, _written(pieces, coding, profile), units,
                   profile.long_texts, str(profile.reference_bits), count > 1)


def _cheaper(text: str, profile: Profile, header: int) -> tuple[str, _Coding]:
    """SMS-26: the text in likenesses of the default alphabet, if that saves parts."""
    units = utf16_units(text)
    if units <= _UCS2.single or units > MOST_PARTS * _UCS2.single * 3:  # one part anyway, or far too long
        return text, _UCS2
    plain = translit(text)
    if plain is None:
        return text, _UCS2
    coding = _coding_of(plain, profile)
    cost = coding.cost(plain)
    parts = 1 if cost <= coding.single else -(-cost // coding.multiple(header))
    return (plain, coding) if parts < -(-units // _UCS2.multiple(header)) else (text, _UCS2)


def _written(pieces: list[str], coding: _Coding, profile: Profile) -> tuple[bytes, ...]:
    octets = map(coding.write, pieces)
    if coding is not _PACKED:
        return tuple(octets)
    # SMS-31: in the message itself septets begin at a septet after the header
    has_header = len(pieces) > 1 and profile.long_texts == "udh"
    fill = fill_bits(_HEADER_OCTETS[profile.reference_bits]) if has_header else 0
    return tuple(gsm.packed(septets, fill) for septets in octets)


def split(text: str, room: int, cost: Callable[[str], int]) -> list[str]:
    """Cut a text into pieces that cost at most ``room`` each.

    Characters are never divided, so neither are ESC pairs nor surrogate pairs; what shows as one
    sign stays together unless it alone is larger than a piece (SMS-32).
    """
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = _room_ends(text, start, room, cost)
        if end < len(text):
            end = _last_border(text, start, end)
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


def _last_border(text: str, start: int, end: int) -> int:
    """The last border between signs up to ``end``, which is inside the text; ``start`` is one."""
    window = text[start:end + 1]  # whether a sign ends depends on the next character
    borders = [sign.end() for sign in _SIGNS.finditer(window) if sign.end() < len(window)]
    return start + borders[-1] if borders else end
