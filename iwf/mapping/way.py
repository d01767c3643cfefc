"""Where a message goes and how its sender is seen there."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.model import Address, Party
from iwf.mapping.rows import Row
from iwf.mapping.settings import Alias


@frozen
class Way:
    """Where a message goes and how its sender is seen there."""

    origin: Party
    """The sender's native address."""
    target: Address
    """The target's native address."""
    seen_as: Address
    """The sender's image in the target's world, or the number he has there."""
    lane: str
    alias: Alias | None = None
    """The alias under which the sender is seen."""
    rows: tuple[Row, ...] = ()
    """What is written with the message (a lease)."""
    drops: tuple[Row, ...] = ()
    """What is forgotten with it."""
    text: str | None = None
    """The text, when it is not that of the message."""
    conversation: str | None = None
    """The conversation, when it is not that of the message."""
    reached_at: Address | None = None
    """Where the sender reaches the target from now on, when it is not where he wrote to: a report
    comes from there."""
    serial: int = 0
    """Of a longer text to a phone, see :attr:`~iwf.mapping.model.Message.serial`."""
    rules: tuple[str, ...] = ()
