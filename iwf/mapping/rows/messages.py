"""Messages on their way, and what is remembered of conversations and users."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from iwf.mapping.model import Durable, Failure, Item, Momentary, Receipt, Sender


@frozen
class Delivery:
    """A message we said yes to, until its outcome is known and late news can no longer come.

    Only messages to which something can come back have one: a repetition, a receipt, a late error,
    a verdict that is held.  For all others the outbox item knows the sender.
    """

    TABLE: ClassVar[str] = "delivery"
    KEY: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    key: str
    """The edge's idempotency key, or empty."""
    lane: str
    """The connector it came in on."""
    state: str
    """``held``: the sender still waits for the verdict; ``queued``; ``sent``: the far side took it;
    ``delivered``, ``failed``: final."""
    created: float
    forget_at: float
    sender: Sender
    due: float | None = None
    """When the verdict must be given, while ``held``."""
    failure: Failure | None = None


@frozen
class Part:
    """One part of a delivery under the reference of the far side that took it."""

    TABLE: ClassVar[str] = "part"
    KEY: ClassVar[tuple[str, ...]] = ("peer", "ref")

    peer: str
    ref: str
    delivery: str
    forget_at: float
    outcome: str = ""
    """Empty until a final receipt came; the first one stays (SMS-42, RCPT-9)."""
    failure: Failure | None = None
    displayed_at: float | None = None
    """When its recipient saw it, as far as is known."""


@frozen
class Early:
    """A receipt that came before its part was known (SMS-41)."""

    TABLE: ClassVar[str] = "early"
    KEY: ClassVar[tuple[str, ...]] = ("peer", "ref", "outcome")

    peer: str
    ref: str
    outcome: str
    receipt: Receipt
    forget_at: float


@frozen
class Queued:
    """The outbox: an item that has to leave."""

    TABLE: ClassVar[str] = "outbox"
    KEY: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    lane: str
    stream: str
    delivery: str
    created: float
    attempts: int
    not_before: float
    expires_at: float | None
    payload: Durable
    sender: Sender | None

    @classmethod
    def of(cls, item: Item) -> Queued:
        """The row of an item."""
        assert not isinstance(item.payload, Momentary)
        return cls(item.id, item.lane, item.stream, item.delivery, item.created, item.attempts,
                   item.not_before, item.expires_at, item.payload, item.sender)

    def item(self) -> Item:
        """The item of the row."""
        return Item(self.id, self.lane, self.stream, self.payload, self.delivery, self.created,
                    self.attempts, self.not_before, self.expires_at, self.sender)


@frozen
class Spelling:
    """The exact spelling last used for a native address (ADDR-22)."""

    TABLE: ClassVar[str] = "spelling"
    KEY: ClassVar[tuple[str, ...]] = ("address",)

    address: str
    text: str


@frozen
class Conversation:
    """A globally unique conversation token and what it stands for (MSG-3, MSG-4)."""

    TABLE: ClassVar[str] = "conversation"
    KEY: ClassVar[tuple[str, ...]] = ("token",)

    token: str
    pair: str
    name: str
    forget_at: float


@frozen
class Habit:
    """A user wrote chat to a contact not long ago (MSG-8, ``s2x_type = follow``)."""

    TABLE: ClassVar[str] = "habit"
    KEY: ClassVar[tuple[str, ...]] = ("pair",)

    pair: str
    forget_at: float


@frozen
class Noticed:
    """A phone was told of a failure not long ago (ERR-15)."""

    TABLE: ClassVar[str] = "noticed"
    KEY: ClassVar[tuple[str, ...]] = ("phone", "contact")

    phone: str
    contact: str
    forget_at: float


@frozen
class Remembered:
    """A text that an edge wants back when it starts again; nobody else reads it."""

    TABLE: ClassVar[str] = "remembered"
    KEY: ClassVar[tuple[str, ...]] = ("edge", "key")

    edge: str
    key: str
    text: str
    forget_at: float
