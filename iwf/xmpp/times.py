"""Points in time as XMPP writes them (XEP-0082, XEP-0091).  Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_STAMP = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):(\d\d):([0-5]\d|60)(\.\d{1,9})?\d*(Z|[+-]\d\d:\d\d)?", re.ASCII
)


def seconds_of_stamp(stamp: str) -> float | None:
    """UTC seconds, or None for what is no date and time of XEP-0082 or XEP-0091."""
    match = _STAMP.fullmatch(stamp.strip()) if len(stamp) < 64 else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return moment + float(match[7] or 0) - _offset(match[8] or "Z")


def stamp_of_seconds(seconds: float) -> str:
    """The stamp of a point in time, in UTC and whole seconds; empty outside the years 1 to 9999."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year >= 1000 else ""


def _offset(zone: str) -> float:
    if zone == "Z":
        return 0.0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -60.0 * minutes if zone[0] == "-" else 60.0 * minutes
