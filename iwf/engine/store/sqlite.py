"""The embedded store: SQLite in WAL mode, one connection, one writer."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from shutil import copy2
from typing import Any

from attrs import fields, frozen
from zope.interface import implementer

from iwf.engine.store.base import Column, IStore, columns_of
from iwf.errors import IwfError
from iwf.mapping.model import Due
from iwf.mapping.rows import (
    DUE_TYPES,
    ROW_TYPES,
    Delivery,
    Part,
    Query,
    Queued,
    Row,
    Rows,
    is_volatile,
)
from iwf.mapping.turn import Turn

#: Rows that are swept by their age alone; deliveries take their parts with them.
_SWEPT = tuple(row for row in ROW_TYPES if row not in (Delivery, Part) and not is_volatile(row)
               and any(attribute.name == "forget_at" for attribute in fields(row)))

#: Deliveries kept in memory, so that the peer's answer, which mostly comes at once, needs no look-up.
KEPT = 10_000


class StoreError(IwfError):
    """The database cannot be used."""


@frozen
class _Table:
    """The statements of one row type."""

    columns: tuple[Column, ...]
    select: str
    put: str
    drop: str
    coded: bool
    """Some columns are not kept as they are."""


def _table(row: type[Row], columns: tuple[Column, ...]) -> _Table:
    names = [column.name for column in columns]
    listed = ", ".join(names)
    marks = ", ".join("?" * len(names))
    key = ", ".join(row.KEY)
    # An upsert, not a replace: columns that are not the row's own (the outbox's seq) stay.
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in row.KEY)
    return _Table(columns, f"SELECT {listed} FROM {row.TABLE} WHERE ",
                  f"INSERT INTO {row.TABLE} ({listed}) VALUES ({marks}) "
                  f"ON CONFLICT ({key}) DO UPDATE SET {updates}",
                  f"DELETE FROM {row.TABLE} WHERE " + " AND ".join(f"{k} = ?" for k in row.KEY),
                  any(column.encode for column in columns))


@implementer(IStore)
class SqliteStore:
    """Rows in one file.

    :param path: the database file; ``:memory:`` for none.
    :param synchronous: ``full`` (a committed turn survives a power cut) or ``normal`` (it
        survives a crash of the daemon).
    :raise StoreError: when the file is no database of ours or newer than this program.
    """

    def __init__(self, path: str, synchronous: str = "full") -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, cached_statements=256)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA synchronous = {'FULL' if synchronous == 'full' else 'NORMAL'}")
            self._upgrade()
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from error
        self._tables = {row: _table(row, columns) for row, columns in columns_of().items()}
        self._selects: dict[tuple[type, tuple[str, ...]], str] = {}
        queued = self._tables[Queued].columns
        self._enqueue = (f"INSERT INTO outbox ({', '.join(column.name for column in queued)}, seq) "
                         f"VALUES ({', '.join('?' * len(queued))}, ?)")
        self._kept: dict[str, Delivery] = {}
        # How often each key is there, by its hash: nearly every message asks for one nobody has.
        self._keys = Counter(hash(key) for (key,) in self._db.execute(
            "SELECT key FROM delivery WHERE key != ''"))
        self._empty = self._empty_tables()
        self._seq: int = self._db.execute("SELECT coalesce(max(seq), 0) FROM outbox").fetchone()[0]

    def _upgrade(self) -> None:
        """Bring the schema up to date, one numbered file a step, after a copy of the database."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        steps = sorted((int(entry.name[:-4]), entry) for entry
                       in files("iwf.engine.store").joinpath("schema").iterdir()
                       if entry.name.endswith(".sql"))
        if version > steps[-1][0]:
            raise StoreError(f"{self._path} was written by a newer iwf (schema {version})")
        pending = [(number, entry) for number, entry in steps if number > version]
        if pending and version and self._path != ":memory:":
            copy2(self._path, Path(self._path).with_suffix(f".schema-{version}.bak"))
        for number, entry in pending:
            self._db.executescript(f"BEGIN;\n{entry.read_text('utf-8')}\n"
                                   f"PRAGMA user_version = {number};\nCOMMIT;")

    def _empty_tables(self) -> set[type[Row]]:
        """Tables without rows, which need not be asked; most deployments leave several empty."""
        return {row for row in ROW_TYPES if not is_volatile(row)
                and self._db.execute(f"SELECT 1 FROM {row.TABLE} LIMIT 1").fetchone() is None}

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        self._kept.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def load(self, queries: tuple[Query, ...]) -> Rows:
        return Rows({query: self._answer(query) for query in queries})

    def _answer(self, query: Query) -> tuple[Row, ...]:
        if query.row in self._empty:
            return ()
        if query.row is Delivery:
            if query.by == Delivery.KEY:
                kept = self._kept.get(str(query.values[0]))
                if kept is not None:
                    return (kept,)
            elif query.by == ("key",) and hash(query.values[0]) not in self._keys:
                return ()
        table = self._tables[query.row]
        select = self._selects.get((query.row, query.by))
        if select is None:
            where = " AND ".join(f"{name} = ?" for name in query.by)
            if query.row is Delivery and query.by == ("key",):
                where += " AND key != ''"  # the condition of the partial index, so that it is used
            select = self._selects[query.row, query.by] = table.select + where
        return tuple(_row(query.row, table, values)
                     for values in self._db.execute(select, query.values))

    def apply(self, turn: Turn) -> None:
        execute = self._db.execute
        for row in turn.drops:
            execute(self._tables[type(row)].drop, tuple(getattr(row, name) for name in row.KEY))
            if isinstance(row, Delivery):
                self._kept.pop(row.id, None)
        for row in turn.puts:
            self._put(row)
        if turn.sends:
            self._empty.discard(Queued)
        for item in turn.sends:
            self._seq += 1
            execute(self._enqueue, (*_values(Queued.of(item), self._tables[Queued]), self._seq))
        for item in turn.retries:
            execute("UPDATE outbox SET attempts = ?, not_before = ? WHERE id = ?",
                    (item.attempts, item.not_before, item.id))
        for item in turn.done:
            execute("DELETE FROM outbox WHERE id = ?", (item.id,))

    def _put(self, row: Row) -> None:
        table = self._tables[type(row)]
        self._empty.discard(type(row))
        if isinstance(row, Delivery):
            known = self._kept.get(row.id)
            if row.key and known is None:
                self._keys[hash(row.key)] += 1  # too often only costs a look-up
            self._kept[row.id] = row
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
            if known is not None:
                self._change(known, row, table)
                return
        self._db.execute(table.put, _values(row, table))

    def _change(self, known: Delivery, row: Delivery, table: _Table) -> None:
        """Write the columns that changed, and so touch only the indexes that know them."""
        changed = [column for column in table.columns
                   if getattr(known, column.name) != getattr(row, column.name)]
        if changed:
            names = ", ".join(f"{column.name} = ?" for column in changed)
            self._db.execute(f"UPDATE delivery SET {names} WHERE id = ?",
                             (*_coded(row, changed), row.id))

    def queued(self) -> Iterable[Queued]:
        table = self._tables[Queued]
        rows = self._db.execute(table.select + "1 ORDER BY seq").fetchall()
        return [_row(Queued, table, values) for values in rows]

    def next_due(self) -> float | None:
        return min((due for row in DUE_TYPES if row not in self._empty
                    for (due,) in self._db.execute(
                        f"SELECT min(due) FROM {row.TABLE} WHERE due IS NOT NULL")
                    if due is not None), default=None)

    def due(self, now: float, limit: int) -> list[Due]:
        return [Due(row.TABLE, "\n".join(key)) for row in DUE_TYPES if row not in self._empty
                for key in self._db.execute(
                    f"SELECT {', '.join(row.KEY)} FROM {row.TABLE} "
                    "WHERE due IS NOT NULL AND due <= ? ORDER BY due LIMIT ?", (now, limit))]

    def sweep(self, now: float, limit: int) -> int:
        gone = self._sweep_deliveries(now, limit)
        for row in _SWEPT:
            if row not in self._empty:
                key = ", ".join(row.KEY)
                gone += self._db.execute(
                    f"DELETE FROM {row.TABLE} WHERE ({key}) IN (SELECT {key} FROM {row.TABLE} "
                    "WHERE forget_at <= ? LIMIT ?)", (now, limit)).rowcount
        if gone:
            self._empty = self._empty_tables()
        return gone

    def _sweep_deliveries(self, now: float, limit: int) -> int:
        """Deliveries go with their parts, which therefore need no index of their own age."""
        old = self._db.execute("SELECT id, key FROM delivery WHERE forget_at <= ? LIMIT ?",
                               (now, limit)).fetchall()
        if old:
            ids = [(id,) for id, _ in old]
            self.begin()
            try:
                self._db.executemany("DELETE FROM part WHERE delivery = ?", ids)
                self._db.executemany("DELETE FROM delivery WHERE id = ?", ids)
                self.commit()
            except sqlite3.Error:
                self.rollback()
                raise
            for id, key in old:
                self._kept.pop(id, None)
                self._keys[hash(key)] -= 1
                if self._keys[hash(key)] <= 0:
                    del self._keys[hash(key)]
        return len(old)

    def close(self) -> None:
        self._db.close()


def _values(row: Row, table: _Table) -> list[Any]:
    return _coded(row, table.columns)


def _coded(row: Row, columns: Iterable[Column]) -> list[Any]:
    return [getattr(row, column.name) if column.encode is None
            else column.encode(getattr(row, column.name)) for column in columns]


def _row(row: type, table: _Table, values: tuple[Any, ...]) -> Any:
    if not table.coded:
        return row(*values)
    return row(*[value if column.decode is None else column.decode(value)
                 for column, value in zip(table.columns, values, strict=True)])
