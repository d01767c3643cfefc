"""What a decision gets, how it asks for rows, and what it comes to.

A decision is a generator: it yields the queries whose rows it needs, is sent the
:class:`~iwf.mapping.rows.Rows` and returns a :class:`Turn`.  It does no IO itself, so the same
decision runs over dictionaries, over SQLite, and again from the start when a transaction has to
be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import TypeVar

from attrs import evolve, field, frozen

from iwf.mapping.model import Failure, Item, Refused, Verdict
from iwf.mapping.rows import Query, Row, Rows, key_of
from iwf.mapping.settings import Gateway


@frozen
class LaneView:
    """The state of a connector at the time of the turn."""

    up: bool = True
    changed: float = 0.0
    """Since when it is up or down."""
    depth: int = 0
    """Items queued or in flight."""
    streams: Mapping[str, int] = field(default=MappingProxyType({}))
    """The same per stream; streams without items are missing."""


@frozen
class At:
    """The circumstances of a turn; a rerun gets the same ones."""

    now: float
    """UTC seconds."""
    token: str
    """Unguessable and unique to the event; identifiers are made from it."""
    gateway: Gateway
    lanes: Mapping[str, LaneView] = field(default=MappingProxyType({}))
    """Connectors that are not in it count as up and empty."""


@frozen
class Held:
    """No verdict yet: it comes when the outcome is known, at the latest when ``until`` has come."""

    delivery: str
    until: float


@frozen
class Turn:
    """What a decision comes to: all effects of an event, as values."""

    verdict: Verdict | Held | None = None
    """For the offered event; None for news that nobody waits for."""
    puts: tuple[Row, ...] = ()
    drops: tuple[Row, ...] = ()
    sends: tuple[Item, ...] = ()
    """New items of the outbox."""
    retries: tuple[Item, ...] = ()
    """Items of the outbox with new attempts and not_before."""
    done: tuple[Item, ...] = ()
    """Items that leave the outbox."""
    settles: tuple[tuple[str, Verdict], ...] = ()
    """Verdicts for deliveries that were held."""
    rules: tuple[str, ...] = ()
    note: str = ""
    """One line for the traffic log; no message text in it."""
    volatile: tuple[Item, ...] = ()
    """Items that are worth something only now: sent if nothing is in their way, never stored."""
    latest: tuple[Item, ...] = ()
    """Items with a whole state, of which the newest counts: kept in memory until they can leave, where
    a newer one of the same stream takes an older one's place (:func:`iwf.mapping.model.superseding`)."""

    def __add__(self, other: Turn) -> Turn:
        """Both, with the verdict of the first that has one."""
        return Turn(self.verdict or other.verdict, self.puts + other.puts, self.drops + other.drops,
                    self.sends + other.sends, self.retries + other.retries, self.done + other.done,
                    self.settles + other.settles, self.rules + other.rules,
                    "; ".join(note for note in (self.note, other.note) if note),
                    self.volatile + other.volatile, self.latest + other.latest)

    def then(self, later: Turn) -> Turn:
        """Both, of which the other was decided when this one was as good as written: what it drops
        is not written any more."""
        gone = {(type(row), key_of(row)) for row in later.drops}
        if not gone:
            return self + later
        kept = tuple(row for row in self.puts if (type(row), key_of(row)) not in gone)
        return evolve(self, puts=kept) + later


Decision = Generator[tuple[Query, ...], Rows, Turn]

T = TypeVar("T")


def as_written(turn: Turn,
               decision: Generator[tuple[Query, ...], Rows, T]) -> Generator[tuple[Query, ...], Rows, T]:
    """A decision that is made as though the rows of a turn were written already; join the two turns
    with :meth:`Turn.then`."""
    try:
        queries = next(decision)
        while True:
            rows = yield queries
            queries = decision.send(rows.joined({query: _with(turn, query, rows) for query in queries}))
    except StopIteration as stop:
        result: T = stop.value
        return result


def _with(turn: Turn, query: Query, rows: Rows) -> tuple[Row, ...]:
    """The answer to a query once a turn is written."""
    stored: tuple[Row, ...] = rows.all(query.row, **dict(zip(query.by, query.values, strict=True)))
    found = {key_of(row): row for row in stored}
    for row in turn.drops:
        if type(row) is query.row:
            found.pop(key_of(row), None)
    for row in turn.puts:
        if type(row) is query.row:
            found.pop(key_of(row), None)
            if all(getattr(row, name) == value for name, value in zip(query.by, query.values, strict=True)):
                found[key_of(row)] = row
    return tuple(found.values())


Load = Callable[[tuple[Query, ...]], Rows]


def run(decision: Decision, load: Load) -> Turn:
    """Drive a decision to its end with rows from ``load``."""
    try:
        queries = next(decision)
        while True:
            queries = decision.send(load(queries))
    except StopIteration as stop:
        turn: Turn = stop.value
        return turn


def refuse(failure: Failure, note: str, rules: tuple[str, ...] = ()) -> Turn:
    """The turn that says no and changes nothing."""
    return Turn(Refused(failure), rules=rules,
                note=f"{note} refused: {failure.reason.value}"
                     + (f" ({failure.text})" if failure.text else ""))
