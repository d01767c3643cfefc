"""Rows that need not survive, in front of a store for those that must.

What can be asked for again after a restart (presence documents) costs no disk this way, and is
still written and rolled back with the turn it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve
from zope.interface import implementer

from iwf.engine.store.base import IStore
from iwf.mapping.model import Due
from iwf.mapping.rows import ROW_TYPES, Query, Queued, Row, Rows, is_volatile, key_of
from iwf.mapping.turn import Turn

_VOLATILE = frozenset(row for row in ROW_TYPES if is_volatile(row))

_Place = tuple[type[Row], tuple[object, ...]]


@implementer(IStore)
class VolatileRows:
    """A store whose volatile rows are here and all others behind it.

    :param durable: the store for the others.
    """

    def __init__(self, durable: IStore) -> None:
        self._durable = durable
        self._rows: dict[_Place, Row] = {}
        self._before: dict[_Place, Row | None] = {}
        """What a transaction has changed, as it was."""

    def begin(self) -> None:
        self._before.clear()
        self._durable.begin()

    def commit(self) -> None:
        self._durable.commit()
        self._before.clear()

    def rollback(self) -> None:
        for place, row in self._before.items():
            self._write(place, row)
        self._before.clear()
        self._durable.rollback()

    def load(self, queries: tuple[Query, ...]) -> Rows:
        here = [query for query in queries if query.row in _VOLATILE]
        if not here:
            return self._durable.load(queries)
        rows = self._durable.load(tuple(query for query in queries if query.row not in _VOLATILE))
        return rows.joined({query: self._answer(query) for query in here})

    def _answer(self, query: Query) -> tuple[Row, ...]:
        assert query.by == query.row.KEY, "volatile rows are looked up by their key"  # type: ignore[attr-defined]
        row = self._rows.get((query.row, query.values))
        return () if row is None else (row,)

    def apply(self, turn: Turn) -> None:
        if any(type(row) in _VOLATILE for row in (*turn.drops, *turn.puts)):
            for row in turn.drops:
                if type(row) in _VOLATILE:
                    self._change((type(row), key_of(row)), None)
            for row in turn.puts:
                if type(row) in _VOLATILE:
                    self._change((type(row), key_of(row)), row)
            turn = evolve(turn, drops=tuple(row for row in turn.drops if type(row) not in _VOLATILE),
                          puts=tuple(row for row in turn.puts if type(row) not in _VOLATILE))
        self._durable.apply(turn)

    def _change(self, place: _Place, row: Row | None) -> None:
        self._before.setdefault(place, self._rows.get(place))
        self._write(place, row)

    def _write(self, place: _Place, row: Row | None) -> None:
        if row is None:
            self._rows.pop(place, None)
        else:
            self._rows[place] = row

    def queued(self) -> Iterable[Queued]:
        return self._durable.queued()

    def next_due(self) -> float | None:
        return self._durable.next_due()

    def due(self, now: float, limit: int) -> list[Due]:
        return self._durable.due(now, limit)

    def sweep(self, now: float, limit: int) -> int:
        return self._durable.sweep(now, limit)

    def close(self) -> None:
        self._rows.clear()
        self._durable.close()
