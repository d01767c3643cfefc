"""What the gateway remembers: one frozen type per table.

A row type names its table, its key fields and the columns it can be looked up by; the store
turns that into SQL or into dictionaries and never knows why.  Every row that may be forgotten
has ``forget_at`` (UTC seconds): from then on the store may delete it without asking.  A row that
has to be looked at again has ``due`` (UTC seconds, or None): when it has come, a
:class:`~iwf.mapping.model.Due` with the table and the key is decided.
"""

from __future__ import annotations

from iwf.mapping.rows.asking import Query, Rows, query
from iwf.mapping.rows.messages import (
    Conversation,
    Delivery,
    Early,
    Habit,
    Noticed,
    Part,
    Queued,
    Remembered,
    Spelling,
)
from iwf.mapping.rows.phones import (
    Account,
    Counter,
    Fragments,
    Lease,
    OptOut,
    Pace,
    Parked,
    Piece,
    Quota,
    Subscriber,
)
from iwf.mapping.rows.presence import Fetch, Leg, View, Watch

__all__ = [
    "DUE_TYPES", "NEVER", "ROW_TYPES", "Account", "Conversation", "Counter", "Delivery", "Early", "Fetch",
    "Fragments", "Habit", "Lease", "Leg", "Noticed", "OptOut", "Pace", "Parked", "Part", "Piece", "Query",
    "Queued", "Quota", "Remembered", "Row", "Rows", "Spelling", "Subscriber", "View", "Watch", "due_key",
    "is_volatile", "key_of", "query",
]

NEVER = 9e12  #: a ``forget_at`` beyond any clock

Row = (Delivery | Part | Early | Queued | Lease | Counter | Spelling | Conversation | Habit | Noticed
       | Remembered | Fragments | Pace | Parked | Watch | Leg | View | Account
       | Subscriber | OptOut | Quota)

ROW_TYPES: tuple[type[Row], ...] = (
    Delivery, Part, Early, Queued, Lease, Counter, Spelling, Conversation, Habit, Noticed, Remembered,
    Fragments, Pace, Parked, Watch, Leg, View, Account, Subscriber, OptOut, Quota)

#: Row types with a deadline.
DUE_TYPES = (Delivery, Fragments, Pace, Parked, Subscriber, Watch, Leg)


def is_volatile(row: type[Row]) -> bool:
    """Whether rows of a type live in memory alone; such rows are looked up by their key only."""
    return getattr(row, "VOLATILE", False)


def key_of(row: Row) -> tuple[object, ...]:
    """The values of a row's key fields."""
    return tuple(getattr(row, name) for name in row.KEY)


def due_key(row: Row) -> str:
    """The key of a row as :class:`~iwf.mapping.model.Due` has it."""
    return "\n".join(str(value) for value in key_of(row))
