"""What the subscriber of a phone arranges for himself, and what the gateway has to say to him."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.model.address import Address


@frozen
class Enrolled:
    """A phone is a user of another world from now on: there it writes and is written to as that user.

    Offered by the edge that is logged in as him.  The verdict is CONFLICT when another phone is that
    user already.
    """

    phone: Address
    user: Address
    """His bare address."""
    lane: str
    """The connector that is logged in."""
    by: str
    """The connector over which he asked for it; says whose subscriber he is."""


@frozen
class Withdrawn:
    """A phone is nobody but itself again."""

    phone: Address


@frozen
class Told:
    """The gateway itself has a short text for a phone, such as a code; from its service number."""

    phone: Address
    text: str
    on_behalf: Address
    """Who has caused it; he must be one who may write to phones (ADDR-25)."""
    by: str
    """The connector over which he asked for it."""
    expires_at: float


@frozen
class Released:
    """An operator takes a number from a pair of phone and contact."""

    phone: Address
    number: str
    """In canonical form."""
