"""The Date header (RFC 3261 20.17).  Pure; the format of RFC 1123, always in GMT."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_split = re.compile(
    rf"\s*(?:{'|'.join(_DAYS)}),\s+([0-9]{{1,2}})\s+({'|'.join(_MONTHS)})\s+([0-9]{{4}})"
    r"\s+([0-9]{2}):([0-9]{2}):([0-9]{2})\s+GMT\s*",
    re.IGNORECASE | re.ASCII,
).fullmatch


def read_date(text: str) -> float | None:
    """UTC seconds; None for anything that is no such date, such as another zone (SIP-13, MSG-20)."""
    match = _split(text) if text else None
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    try:
        moment = datetime(int(year), _MONTHS.index(month.title()) + 1, int(day),
                          int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def write_date(at: float) -> str | None:
    """The header value for UTC seconds, rounded down; None when no date can say it."""
    try:
        moment = datetime.fromtimestamp(at // 1, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    # Not strftime: it speaks the language of the process.
    return (f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04} "
            f"{moment:%H:%M:%S} GMT")


def read_datetime(text: str) -> float | None:
    """UTC seconds of a DateTime in the form of RFC 3339, as CPIM and IMDN have it; None for anything else."""
    if len(text) > 40 or "T" not in text.upper():
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def write_datetime(at: float) -> str:
    """The DateTime for UTC seconds, rounded down; the epoch for what no date can say."""
    try:
        moment = datetime.fromtimestamp(at // 1, UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
