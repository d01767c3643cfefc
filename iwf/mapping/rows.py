"""What the gateway remembers: one frozen type per table.

A row type names its table, its key fields and the columns it can be looked up by; the store
turns that into SQL or into dictionaries and never knows why.  Every row that may be forgotten
has ``forget_at`` (UTC seconds): from then on the store may delete it without asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from attrs import frozen

from iwf.mapping.model import Failure, Item, Payload, Receipt, Sender

NEVER = 9e12  #: a ``forget_at`` beyond any clock


@frozen
class Query:
    """Rows of one table whose fields ``by`` equal ``values``."""

    row: type
    by: tuple[str, ...]
    values: tuple[object, ...]


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
    payload: Payload
    sender: Sender | None

    @classmethod
    def of(cls, item: Item) -> Queued:
        """The row of an item."""
        return cls(item.id, item.lane, item.stream, item.delivery, item.created, item.attempts,
                   item.not_before, item.expires_at, item.payload, item.sender)

    def item(self) -> Item:
        """The item of the row."""
        return Item(self.id, self.lane, self.stream, self.payload, self.delivery, self.created,
                    self.attempts, self.not_before, self.expires_at, self.sender)


@frozen
class Lease:
    """A number at which one phone reaches one contact (ADDR-47)."""

    TABLE: ClassVar[str] = "lease"
    KEY: ClassVar[tuple[str, ...]] = ("phone", "number")

    phone: str
    """Key of the phone's address: a short code is not the same at another operator."""
    number: str
    contact: str
    """Key of the contact's bare native address; unique per phone."""
    pool: str
    first_used: float
    last_used: float
    forget_at: float
    """End of the quarantine: from then on the number is free for this phone."""
    conversation: str = ""
    """The contact's last conversation with this phone, for a day (messages.md section 10)."""


@frozen
class Counter:
    """The last serial given out by a pool (ADDR-46)."""

    TABLE: ClassVar[str] = "counter"
    KEY: ClassVar[tuple[str, ...]] = ("pool",)

    pool: str
    value: int


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


Row = (Delivery | Part | Early | Queued | Lease | Counter | Spelling | Conversation | Habit
       | Noticed)

ROW_TYPES: tuple[type[Row], ...] = (Delivery, Part, Early, Queued, Lease, Counter, Spelling,
                                    Conversation, Habit, Noticed)

R = TypeVar("R")


class Rows:
    """The answers to a turn's queries."""

    __slots__ = ("_answers",)

    def __init__(self, answers: Mapping[Query, tuple[object, ...]]) -> None:
        self._answers = answers


    def all(self, row: type[R], **values: object) -> tuple[R, ...]:
        """Every row of the answer to ``query(row, **values)``; the query must have been asked."""
        return self._answers[query(row, **values)]  # type: ignore[return-value]

    def one(self, row: type[R], **values: object) -> R | None:
        """The first row of the answer, or None."""
        found = self._answers[query(row, **values)]
        return found[0] if found else None  # type: ignore[return-value]


def query(row: type, **values: object) -> Query:
    """The query for rows whose fields have these values."""
    return Query(row, tuple(values), tuple(values.values()))


def key_of(row: Row) -> tuple[object, ...]:
    """The values of a row's key fields."""
    return tuple(getattr(row, name) for name in row.KEY)
