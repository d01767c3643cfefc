"""A store in dictionaries: for tools that must leave nothing behind, and as the model of the others."""

from __future__ import annotations

from collections.abc import Iterable

from zope.interface import implementer

from iwf.engine.store.base import IStore, written
from iwf.mapping.model import Due
from iwf.mapping.rows import DUE_TYPES, ROW_TYPES, Query, Queued, Row, Rows, due_key, key_of
from iwf.mapping.turn import Turn

_Tables = dict[type, dict[tuple[object, ...], Row]]


@implementer(IStore)
class MemoryStore:
    """Nothing in it survives the process."""

    def __init__(self) -> None:
        self._tables: _Tables = {row: {} for row in ROW_TYPES}
        self._before: _Tables | None = None

    def begin(self) -> None:
        self._before = {row: dict(table) for row, table in self._tables.items()}

    def commit(self) -> None:
        self._before = None

    def rollback(self) -> None:
        if self._before is not None:
            self._tables, self._before = self._before, None

    def load(self, queries: tuple[Query, ...]) -> Rows:
        return Rows({query: tuple(
            row for row in self._tables[query.row].values()
            if tuple(getattr(row, name) for name in query.by) == query.values)
            for query in queries})

    def apply(self, turn: Turn) -> None:
        for row in turn.drops:
            self._tables[type(row)].pop(key_of(row), None)
        for row in written(turn):
            self._tables[type(row)][key_of(row)] = row
        for item in turn.done:
            self._tables[Queued].pop((item.id,), None)

    def queued(self) -> Iterable[Queued]:
        return [row for row in self._tables[Queued].values() if isinstance(row, Queued)]

    def _deadlines(self) -> list[tuple[float, Due]]:
        return [(row.due, Due(row.TABLE, due_key(row))) for kind in DUE_TYPES
                for row in self._tables[kind].values()
                if isinstance(row, DUE_TYPES) and row.due is not None]

    def next_due(self) -> float | None:
        return min((due for due, _ in self._deadlines()), default=None)

    def due(self, now: float, limit: int) -> list[Due]:
        found = sorted((deadline for deadline in self._deadlines() if deadline[0] <= now),
                       key=lambda deadline: deadline[0])
        return [due for _, due in found[:limit]]

    def sweep(self, now: float, limit: int) -> int:
        gone = 0
        for table in self._tables.values():
            old = [key for key, row in table.items() if getattr(row, "forget_at", now + 1) <= now]
            for key in old[:limit]:
                del table[key]
            gone += len(old[:limit])
        return gone

    def close(self) -> None:
        self._before = None
