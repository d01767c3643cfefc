"""What every store can do, and how values become columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from attrs import fields, frozen
from msgspec.json import Decoder, Encoder
from zope.interface import Interface

from iwf.mapping.model import Due
from iwf.mapping.rows import ROW_TYPES, Query, Queued, Row, Rows, is_volatile
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
        """The nearest deadline of a row, if there is one."""

    def due(now: float, limit: int) -> list[Due]:
        """Rows whose deadline has come, at most ``limit`` a table."""

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


def columns_of() -> dict[type[Row], tuple[Column, ...]]:
    """The columns of every row type: texts and numbers as they are, values as JSON."""
    return {row: tuple(_column(name, hint) for name, hint in _hints(row)) for row in ROW_TYPES
            if not is_volatile(row)}


def _hints(row: type[Row]) -> list[tuple[str, Any]]:
    hints = get_type_hints(row)
    return [(attribute.name, hints[attribute.name]) for attribute in fields(row)]


_PLAIN = {str, int, float, type(None)}


def _column(name: str, hint: Any) -> Column:
    types = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if set(types) <= _PLAIN:
        return Column(name, None, None)
    values = [kind for kind in types if kind is not type(None)]
    return Column(name, *(_one_of(values) if len(values) > 1 else _json(values[0])))


def _json(kind: type) -> tuple[Code, Code]:
    """Code for one type, None as NULL."""
    write, read = Encoder().encode, cast(Code, Decoder(kind).decode)
    return (lambda value: None if value is None else write(value).decode(),
            lambda text: None if text is None else read(text))


def _one_of(kinds: list[type]) -> tuple[Code, Code]:
    """Code for values of several types: the name of the type, a space, the value."""
    write = Encoder().encode
    readers: dict[str, Code] = {kind.__name__: Decoder(kind).decode for kind in kinds}

    def decode(text: str) -> Any:
        name, _, value = text.partition(" ")
        return readers[name](value)

    return lambda value: f"{type(value).__name__} {write(value).decode()}", decode
