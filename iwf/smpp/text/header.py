"""The user data header: parts of long texts, national tables (3GPP TS 23.040 9.2.3.24)."""

from __future__ import annotations

from attrs import frozen

from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Tlvs, tlv_number

#: Bit of esm_class: the user data begins with a header (SMS-13).
UDHI = 0x40

# Information elements by number (3GPP TS 23.040 9.2.3.24).
_CONCATENATED_8 = 0x00
_CONCATENATED_16 = 0x08
_SINGLE_SHIFT = 0x24
_LOCKING_SHIFT = 0x25
# SMS-23: ports, SMSC control, EMS objects and SIM toolkit security are not bridged.
_NOT_TEXT = frozenset({0x04, 0x05, 0x06, *range(0x0A, 0x20), *range(0x70, 0x80)})

_BITS_OF_SEPTET = 7

#: More parts than this cannot be numbered in one octet (SMS-30).
MOST_PARTS = 255


@frozen
class Part:
    """Which part of which long text this is."""

    reference: int
    total: int
    number: int
    width: str = "8"
    """Where the reference stands: ``8`` or ``16`` bits in the header, or ``sar`` (TLVs)."""


@frozen
class UserData:
    """User data taken apart."""

    octets: bytes
    """What follows the header."""
    part: Part | None = None
    is_text: bool = True
    """False when the header addresses an application, the SIM or carries EMS (SMS-23)."""
    locking: int = 0
    """Language of the locking shift table, 0 for none (SMS-29)."""
    single: int = 0
    """Language of the single shift table, 0 for none."""
    fill: int = 0
    """Bits before the first septet, where septets are packed (SMS-31)."""


class BadHeader(Exception):
    """The user data header is longer than the user data."""


def concatenation(part: Part) -> bytes:
    """The header of one part (SMS-30)."""
    if part.width == "16":
        high, low = divmod(part.reference & 0xFFFF, 0x100)
        return bytes((6, _CONCATENATED_16, 4, high, low, part.total, part.number))
    return bytes((5, _CONCATENATED_8, 3, part.reference & 0xFF, part.total, part.number))


def fill_bits(header_octets: int) -> int:
    """Bits after a header until the next septet begins (SMS-31)."""
    return -header_octets * 8 % _BITS_OF_SEPTET


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
    shifts = {_SINGLE_SHIFT: 0, _LOCKING_SHIFT: 0}
    while index + 2 <= end:
        element, length = octets[index], octets[index + 1]
        value = octets[index + 2:index + 2 + length]
        if index + 2 + length > end:
            raise BadHeader(f"element {element:02x} ends outside the header")
        part = _part_of(element, value) or part
        is_text = is_text and element not in _NOT_TEXT
        if element in shifts and len(value) == 1:
            shifts[element] = value[0]
        index += 2 + length
    return UserData(octets[end:], part, is_text, shifts[_LOCKING_SHIFT], shifts[_SINGLE_SHIFT], fill_bits(end))


def _part_of(element: int, value: bytes) -> Part | None:
    if element == _CONCATENATED_8 and len(value) == 3:
        return valid(Part(value[0], value[1], value[2]))
    if element == _CONCATENATED_16 and len(value) == 4:
        return valid(Part(value[0] << 8 | value[1], value[2], value[3], "16"))
    return None


def valid(part: Part) -> Part | None:
    """The part, or None when its numbers cannot be: then it is an ordinary message (3GPP TS 23.040
    9.2.3.24.1)."""
    return part if 1 <= part.number <= part.total else None


def sar_part(tlvs: Tlvs) -> Part | None:
    """Which part this is by TLVs (SMS-35); None without all three of them."""
    if not tlvs:
        return None
    reference, total, number = (tlv_number(tlvs, tag) for tag in (
        c.TLV_SAR_MSG_REF_NUM, c.TLV_SAR_TOTAL_SEGMENTS, c.TLV_SAR_SEGMENT_SEQNUM))
    if reference is None or total is None or number is None or total > MOST_PARTS:
        return None
    return valid(Part(reference, total, number, "sar"))
