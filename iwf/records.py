"""Questions to the domain name system and their answers, as values.

All names are in lower case and without the dot at the end; the root is the empty name.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Type(Enum):
    """The kinds of records that are asked for."""

    A = "A"
    AAAA = "AAAA"
    SRV = "SRV"
    NAPTR = "NAPTR"


@frozen
class Question:
    """What is asked: the records of one kind that a name has."""

    name: str
    type: Type


@frozen
class Address:
    """An A or AAAA record."""

    name: str
    host: str
    """The IP address, IPv6 without brackets."""
    ttl: float = 0.0
    """Seconds."""


@frozen
class Srv:
    """Where a service is (RFC 2782)."""

    name: str
    priority: int
    weight: int
    port: int
    target: str
    """A host name; empty: the service is decidedly not there."""
    ttl: float = 0.0


@frozen
class Naptr:
    """A way to go on with a name (RFC 3403)."""

    name: str
    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str
    ttl: float = 0.0


@frozen
class Alias:
    """A CNAME record: the name is another name for ``target``."""

    name: str
    target: str
    ttl: float = 0.0


Record = Address | Srv | Naptr | Alias


@frozen
class Answer:
    """What came back: records of the asked kind, and the aliases that lead to them."""

    records: tuple[Record, ...] = ()
    failed: bool = False
    """Nobody could tell; without it, no records means that there are none."""
