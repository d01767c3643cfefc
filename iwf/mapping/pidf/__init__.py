"""Presence documents: PIDF (RFC 3863) with RPID (RFC 4480) and locations (RFC 4119).  Pure.

A document says everything there is to see of a presentity: a tuple for each device, and what is
known of the person (RFC 4479).  :func:`parse` and :func:`build` are a pair; what :func:`build` writes,
:func:`parse` reads as it was (PIDF-13).
"""

from __future__ import annotations

from iwf.mapping.pidf.devices import by_availability
from iwf.mapping.pidf.names import READ_TYPES, TYPE, Document, PidfFault
from iwf.mapping.pidf.reader import parse
from iwf.mapping.pidf.writer import build, neutral

__all__ = ["Document", "PidfFault", "READ_TYPES", "TYPE", "build", "by_availability", "neutral", "parse"]
