"""What every store can do, and how values become columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, get_args, get_type_hints

from attrs import fields, frozen
from cattrs import Converter
from cattrs.strategies import configure_tagged_union
from zope.interface import Interface

from iwf.mapping.model import Message, Report
from iwf.mapping.rows import ROW_TYPES, Query, Queued, Row, Rows
from iwf.mapping.turn import Turn


class IStore(Interface):
    """Rows behind transactions.  One writer; all calls block."""

    def begin() -> None:
        """Start a transaction."""

    def commit() -> None:
        """Make everything since :meth:`begin` permanent."""

    def rollback() -> None:
        """Undo everything since :meth:`begin`."""

    def load(queries: tuple[Query, ...]) -> Rows:
        """The rows that answer the queries, inside or outside a transaction."""

    def apply(turn: Turn) -> None:
        """Write what a turn changes."""

    def queued() -> Iterable[Queued]:
        """The outbox in the order it was filled."""

    def next_due() -> float | None:
        """The nearest deadline of a delivery, if there is one."""

    def due(now: float, limit: int) -> list[str]:
        """Ids of deliveries whose deadline has come, at most ``limit``."""

    def sweep(now: float, limit: int) -> int:
        """Forget rows whose ``forget_at`` has come, at most ``limit`` a table; how many went."""

    def close() -> None:
        """Release the files."""


def written(turn: Turn) -> Iterable[Row]:
    """All rows a turn writes, outbox included."""
    yield from turn.puts
    for item in turn.sends + turn.retries:
        yield Queued.of(item)


Code = Callable[[Any], Any]


@frozen
class Column:
    """One field of a row type and how it is kept."""

    name: str
    encode: Code | None
    """None for values that SQL keeps as they are."""
    decode: Code | None


def _converter() -> Converter:
    converter = Converter(omit_if_default=True, forbid_extra_keys=False)
    configure_tagged_union(Message | Report, converter)
    return converter


def columns_of() -> dict[type[Row], tuple[Column, ...]]:
    """The columns of every row type: texts and numbers as they are, values as JSON."""
    converter = _converter()
    return {row: tuple(_column(converter, name, hint)
                       for name, hint in _hints(row)) for row in ROW_TYPES}


def _hints(row: type[Row]) -> list[tuple[str, Any]]:
    hints = get_type_hints(row)
    return [(attribute.name, hints[attribute.name]) for attribute in fields(row)]


_PLAIN = {str, int, float, type(None)}


def _column(converter: Converter, name: str, hint: Any) -> Column:
    if hint in _PLAIN or (get_args(hint) and set(get_args(hint)) <= _PLAIN):
        return Column(name, None, None)
    compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)

    def encode(value: Any) -> str | None:
        return None if value is None else compact.encode(converter.unstructure(value, hint))

    def decode(text: str | None) -> Any:
        return None if text is None else converter.structure(json.loads(text), hint)

    return Column(name, encode, decode)
