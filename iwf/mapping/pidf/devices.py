"""Tuples and devices: their names, their priorities, their order, their times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil

from iwf.mapping.model import Device, Show

#: PIDF-12: from most to least available.
_RANK = (Show.CHAT, Show.ONLINE, Show.AWAY, Show.LONG_AWAY, Show.BUSY)

_UNFIT = re.compile("[^A-Za-z0-9.-]")
_ESCAPE = re.compile("_([0-9A-Fa-f]{4,6})_")
_GRUU = re.compile(r";gr=([^;?>\s]+)", re.IGNORECASE)
_DECIMAL = re.compile(r"[0-9]{0,3}(?:\.[0-9]{0,20})?")


def id_of_instance(instance: str) -> str:
    """The id of a device's tuple, which must be an XML name (PIDF-4)."""
    if not instance:
        return "ID"
    return "ID-" + _UNFIT.sub(lambda one: f"_{ord(one[0]):04X}_", instance)


def instance_of_id(id: str) -> str:
    """The device that a tuple is about; the inverse of :func:`id_of_instance` (PIDF-4)."""
    if id == "ID":
        return ""
    return _ESCAPE.sub(_unescaped, id.removeprefix("ID-"))


def _unescaped(escape: re.Match[str]) -> str:
    point = int(escape[1], 16)
    legal = 0x20 <= point <= 0xD7FF or 0xE000 <= point <= 0xFFFD or 0x10000 <= point <= 0x10FFFF
    return chr(point) if legal else escape[0]


def instance_of_contact(uri: str) -> str:
    """The device that a contact names as a GRUU, or empty (PIDF-12, ADDR-31)."""
    found = _GRUU.search(uri)
    return unquoted(found[1]) if found is not None else ""


def unquoted(text: str) -> str:
    """Text of a URI with its ``%HH`` decoded; as it stands where that is no UTF-8."""
    try:
        return re.sub(b"%([0-9A-Fa-f]{2})", lambda one: bytes.fromhex(one[1].decode()),
                      text.encode()).decode()
    except UnicodeError:
        return text


def fraction_of_priority(priority: int) -> str:
    """PIDF-8: the priority of a contact for 0 to 127."""
    if priority >= 127:
        return "1"
    thousandths = 1000 * priority // 127
    return f"0.{thousandths:03d}" if thousandths else "0"


def priority_of_fraction(text: str) -> int | None:
    """PIDF-8: the inverse; None for what is no priority."""
    text = text.strip()
    if not text.strip(".") or not _DECIMAL.fullmatch(text):
        return None
    fraction = float(text)
    if fraction > 1:
        return None
    # Rounded first: 0.063 times 127 must not end up above a whole number by a binary hair.
    return 127 if fraction == 1 else min(126, ceil(round(fraction * 127, 9)))


def by_availability(devices: Iterable[Device]) -> list[Device]:
    """Devices with the most available one first (PIDF-12)."""
    return sorted(devices, key=lambda one: (
        not one.open, _RANK.index(one.show), -(one.priority or 0), -(one.at or 0.0)))


def seconds_of_stamp(text: str) -> float | None:
    """UTC seconds of a timestamp (RFC 3339); None for what is none."""
    text = text.strip().upper()
    if not 19 < len(text) < 40 or text[10] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def stamp_of_seconds(seconds: float, number: int = 0) -> str:
    """The timestamp of a point in time, rounded down to seconds; empty for what no date can say.

    :param number: stands in its fraction, unless it is 0 (see :func:`iwf.mapping.pidf.build`).
    """
    try:
        moment = datetime.fromtimestamp(seconds // 1, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    fraction = f".{number % 1000:03d}" if number % 1000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z" if moment.year >= 1000 else ""
