"""One suite for every store: rows come back as they went in, and transactions hold."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.store.base import IStore
from iwf.engine.store.memory import MemoryStore
from iwf.engine.store.sqlite import SqliteStore, StoreError
from iwf.mapping.model import (
    Address,
    Body,
    Due,
    Failure,
    Item,
    Kind,
    Message,
    Notification,
    Outcome,
    Party,
    Reason,
    Receipt,
    Report,
    Sender,
    Want,
)
from iwf.mapping.rows import (
    Conversation,
    Counter,
    Delivery,
    Early,
    Habit,
    Lease,
    Leg,
    Noticed,
    Part,
    Queued,
    Row,
    Spelling,
    Watch,
    key_of,
    query,
)
from iwf.mapping.turn import Turn

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.floats(min_value=0, max_value=9e12)
ADDRESS = st.builds(Address, st.sampled_from(["xmpp", "sip", "tel"]), TEXT, TEXT, TEXT)
FAILURE = st.builds(Failure, st.sampled_from(Reason), st.booleans(), st.none() | NUMBER, TEXT, TEXT,
                    st.booleans(), TEXT)
MESSAGE = st.builds(
    Message, TEXT, st.builds(Party, ADDRESS, TEXT, TEXT, TEXT), ADDRESS,
    st.lists(st.builds(Body, TEXT, TEXT), max_size=2).map(tuple), st.sampled_from(Kind), TEXT, TEXT,
    TEXT, st.none() | NUMBER, st.none() | NUMBER, st.integers(-1, 2), st.integers(0, 70), TEXT, TEXT,
    hints=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    wants=st.frozensets(st.sampled_from(Want)))
NOTIFICATION = st.builds(Notification, TEXT, ADDRESS, ADDRESS, st.sampled_from(Outcome),
                         st.sampled_from(Kind), TEXT, TEXT,
                         st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple))
REPORT = st.builds(Report, TEXT, ADDRESS, ADDRESS, FAILURE, st.sampled_from(Kind), TEXT, TEXT, TEXT)
RECEIPT = st.builds(Receipt, TEXT, TEXT, st.sampled_from(Outcome), st.none() | FAILURE,
                    st.none() | NUMBER)
SENDER = st.builds(Sender, ADDRESS, TEXT, ADDRESS, TEXT, st.sampled_from(Kind), TEXT, TEXT, TEXT,
                   st.frozensets(st.sampled_from(Want)),
                   st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple))
ROW = st.one_of(
    st.builds(Delivery, TEXT, TEXT, TEXT, TEXT, NUMBER, NUMBER, SENDER, st.none() | NUMBER,
              st.none() | FAILURE),
    st.builds(Part, TEXT, TEXT, TEXT, NUMBER, TEXT, st.none() | FAILURE, st.none() | NUMBER),
    st.builds(Early, TEXT, TEXT, TEXT, RECEIPT, NUMBER),
    st.builds(Lease, TEXT, TEXT, TEXT, TEXT, NUMBER, NUMBER, NUMBER, TEXT),
    st.builds(Counter, TEXT, st.integers(0, 10 ** 9)), st.builds(Spelling, TEXT, TEXT),
    st.builds(Conversation, TEXT, TEXT, TEXT, NUMBER), st.builds(Habit, TEXT, NUMBER),
    st.builds(Noticed, TEXT, TEXT, NUMBER))

ITEM = Item("i1", "sip:t", "s", Message("m", Party(Address("xmpp", "a", "b")),
                                        Address("sip", "c", "d")), "d1", 5.0)
DELIVERY = Delivery("d1", "k", "xmpp:x", "queued", 1.0, 100.0,
                    Sender(Address("xmpp", "a", "b"), "xmpp:x", Address("xmpp", "c*d", "x"), "m"))


ITEMS = st.builds(Item, TEXT, TEXT, TEXT, MESSAGE | REPORT | NOTIFICATION, TEXT, NUMBER, st.integers(0, 99), NUMBER,
                  st.none() | NUMBER, st.none() | SENDER)


class StoreTests:
    """What holds for every store."""

    def make(self) -> IStore:
        raise NotImplementedError

    def written(self, *turns: Turn) -> IStore:
        store = self.make()
        for turn in turns:
            store.begin()
            store.apply(turn)
            store.commit()
        return store

    def check_round_trip(self, row: Row) -> None:
        store = self.written(Turn(puts=(row,)))
        asked = query(type(row), **dict(zip(row.KEY, key_of(row), strict=True)))
        self.assertEqual(store.load((asked,)).all(type(row), **dict(
            zip(row.KEY, key_of(row), strict=True))), (row,))
        store.begin()
        store.apply(Turn(drops=(row,)))
        store.commit()
        self.assertEqual(store.load((asked,)).all(type(row), **dict(
            zip(row.KEY, key_of(row), strict=True))), ())
        store.close()

    def check_items(self, item: Item) -> None:
        store = self.written(Turn(sends=(item,)))
        self.assertEqual([row.item() for row in store.queued()], [item])
        store.close()

    def test_rollback(self) -> None:
        """A turn that is rolled back leaves nothing."""
        store = self.make()
        store.begin()
        store.apply(Turn(puts=(DELIVERY,), sends=(ITEM,)))
        store.rollback()
        self.assertEqual(list(store.queued()), [])
        self.assertIsNone(store.load((query(Delivery, id="d1"),)).one(Delivery, id="d1"))

    def test_outbox_keeps_its_order(self) -> None:
        """A retried item keeps its place before younger ones; a finished one is gone."""
        second = evolve(ITEM, id="i2")
        store = self.written(Turn(sends=(ITEM, second, evolve(ITEM, id="i3"))),
                             Turn(retries=(evolve(ITEM, attempts=1),)), Turn(done=(second,)))
        self.assertEqual([(row.id, row.attempts) for row in store.queued()], [("i1", 1), ("i3", 0)])

    def test_look_up_by_column(self) -> None:
        """Rows are found by the columns that decisions ask for."""
        other = evolve(DELIVERY, id="d2", key="")
        store = self.written(Turn(puts=(DELIVERY, other)))
        rows = store.load((query(Delivery, key="k"), query(Delivery, lane="xmpp:x")))
        self.assertEqual(rows.all(Delivery, key="k"), (DELIVERY,))
        self.assertEqual(set(rows.all(Delivery, lane="xmpp:x")), {DELIVERY, other})

    def test_look_up_of_what_is_queued(self) -> None:
        """What a turn sends is found in the outbox, also when that was empty before (MSG-36)."""
        store = self.written(Turn(sends=(ITEM,)))
        self.assertEqual(store.load((query(Queued, id=ITEM.id),)).all(Queued, id=ITEM.id),
                         (Queued.of(ITEM),))

    def test_deadlines(self) -> None:
        """The nearest deadline is known, and those that have come are listed in order."""
        store = self.written(Turn(puts=(evolve(DELIVERY, id="b", due=7.0),
                                        evolve(DELIVERY, id="a", due=9.0), DELIVERY)))
        self.assertEqual(store.next_due(), 7.0)
        self.assertEqual(store.due(9.0, 10), [Due("delivery", "b"), Due("delivery", "a")])
        self.assertEqual(store.due(9.0, 1), [Due("delivery", "b")])
        self.assertEqual(store.due(6.0, 10), [])

    def test_deadlines_of_several_columns(self) -> None:
        """The key of a deadline is all the columns of the row's key."""
        watch = Watch("sip:a@x", "xmpp:b@y", "t", "asked", 1.0, "sip:t", "xmpp:c", True, due=3.0)
        store = self.written(Turn(puts=(watch, Leg("l1", "sip:a@x", "xmpp:b@y", "t", "sip:t", due=4.0))))
        self.assertEqual(store.next_due(), 3.0)
        self.assertEqual(store.due(5.0, 10), [Due("watch", "sip:a@x\nxmpp:b@y\nt"),
                                               Due("leg", "l1")])
        rows = store.load((query(Watch, watcher="sip:a@x", presentity="xmpp:b@y"),))
        self.assertEqual(rows.one(Watch, watcher="sip:a@x", presentity="xmpp:b@y"), watch)

    def test_sweep(self) -> None:
        """What may be forgotten is, at most so much at a time; the outbox never."""
        store = self.written(Turn(puts=(evolve(DELIVERY, id="a"), evolve(DELIVERY, id="b"),
                                        evolve(DELIVERY, id="c", forget_at=500.0)), sends=(ITEM,)))
        self.assertEqual(store.sweep(100.0, 1), 1)
        self.assertEqual(store.sweep(100.0, 10), 1)
        self.assertEqual(store.sweep(100.0, 10), 0)
        self.assertEqual(len(list(store.queued())), 1)


class MemoryStoreTests(StoreTests, SynchronousTestCase):
    """The dictionaries."""

    def make(self) -> IStore:
        return MemoryStore()

    @settings(max_examples=150, deadline=None)
    @given(ROW)
    def test_round_trip(self, row: Row) -> None:
        """Every row comes back equal, whatever text is in it."""
        self.check_round_trip(row)

    @settings(max_examples=100, deadline=None)
    @given(ITEMS)
    def test_items(self, item: Item) -> None:
        """Every item comes back equal, whatever it carries."""
        self.check_items(item)


class SqliteStoreTests(StoreTests, SynchronousTestCase):
    """The embedded database."""

    def make(self) -> IStore:
        return SqliteStore(":memory:")

    @settings(max_examples=150, deadline=None)
    @given(ROW)
    def test_round_trip(self, row: Row) -> None:
        """Every row comes back equal, whatever text is in it."""
        self.check_round_trip(row)

    @settings(max_examples=100, deadline=None)
    @given(ITEMS)
    def test_items(self, item: Item) -> None:
        """Every item comes back equal, whatever it carries."""
        self.check_items(item)

    def test_reopened(self) -> None:
        """What was committed is there when the file is opened again."""
        path = str(Path(self.mktemp()))
        store = SqliteStore(path)
        store.begin()
        store.apply(Turn(puts=(DELIVERY,), sends=(ITEM,)))
        store.commit()
        store.close()
        again = SqliteStore(path)
        self.addCleanup(again.close)
        self.assertEqual([row.item() for row in again.queued()], [ITEM])

    def test_one_number_one_contact(self) -> None:
        """The schema itself refuses a second number for the same pair (ADDR-47)."""
        store = self.make()
        lease = Lease("+1", "X1", "xmpp:a@b", "p", 1.0, 1.0, 9.0)
        store.begin()
        store.apply(Turn(puts=(lease,)))
        self.assertRaises(sqlite3.IntegrityError, store.apply,
                          Turn(puts=(evolve(lease, number="X2"),)))

    def test_parts_go_with_their_delivery(self) -> None:
        """A delivery that is forgotten takes its parts along, others stay."""
        store = self.make()
        store.begin()
        store.apply(Turn(puts=(DELIVERY, evolve(DELIVERY, id="d2", forget_at=900.0),
                               Part("p", "1", "d1", 900.0), Part("p", "2", "d2", 100.0))))
        store.commit()
        store.sweep(200.0, 10)
        rows = store.load((query(Part, delivery="d1"), query(Part, delivery="d2")))
        self.assertEqual((len(rows.all(Part, delivery="d1")), len(rows.all(Part, delivery="d2"))),
                         (0, 1))

    def test_failed_sweep(self) -> None:
        """A sweep that fails (a full disk) leaves no transaction open behind it."""
        store = self.written(Turn(puts=(DELIVERY,)))
        store._db.execute("CREATE TRIGGER full BEFORE DELETE ON delivery "
                          "BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        self.assertRaises(sqlite3.Error, store.sweep, 200.0, 10)
        store.begin()
        store.commit()

    def test_keys_are_found_again(self) -> None:
        """A key is found in what was written before the start, and no more once it is forgotten;
        the same key of a younger row stays known as long as that row."""
        path = str(Path(self.mktemp()))
        store = SqliteStore(path)
        store.begin()
        store.apply(Turn(puts=(DELIVERY,)))
        store.commit()
        store.close()
        again = SqliteStore(path)
        self.addCleanup(again.close)
        asked = query(Delivery, key="k")
        self.assertEqual(again.load((asked,)).all(Delivery, key="k"), (DELIVERY,))
        young = evolve(DELIVERY, id="d2", forget_at=900.0)
        again.begin()
        again.apply(Turn(puts=(young,)))
        again.commit()
        again.sweep(200.0, 10)
        self.assertEqual(again.load((asked,)).all(Delivery, key="k"), (young,))
        again.sweep(1000.0, 10)
        self.assertEqual(again.load((asked,)).all(Delivery, key="k"), ())

    def test_rows_changed_after_a_rollback(self) -> None:
        """What was only tried is not remembered: the next turn sees and changes the real row."""
        store = self.make()
        store.begin()
        store.apply(Turn(puts=(DELIVERY,)))
        store.commit()
        store.begin()
        store.apply(Turn(puts=(evolve(DELIVERY, state="failed"),)))
        store.rollback()
        store.begin()
        store.apply(Turn(puts=(evolve(DELIVERY, state="sent", due=5.0),)))
        store.commit()
        self.assertEqual(store.load((query(Delivery, id="d1"),)).one(Delivery, id="d1"),
                         evolve(DELIVERY, state="sent", due=5.0))
        self.assertEqual(store.due(6.0, 5), [Due("delivery", "d1")])

    def test_no_database(self) -> None:
        """A file that is no database is refused with its name."""
        path = Path(self.mktemp())
        path.write_bytes(b"this is not a database, it is a text of some length" * 100)
        error = self.assertRaises(StoreError, SqliteStore, str(path))
        self.assertIn(str(path), str(error))

    def test_newer_database(self) -> None:
        """A database of a newer version is left alone."""
        path = str(Path(self.mktemp()))
        store = SqliteStore(path)
        store._db.execute("PRAGMA user_version = 999")
        store.close()
        self.assertRaises(StoreError, SqliteStore, path)

    def test_queries_use_indexes(self) -> None:
        """No look-up of the hot path walks a whole table."""
        store = SqliteStore(":memory:")
        self.addCleanup(store.close)
        store._empty.clear()
        store._keys[hash("k")] = 1
        for asked in (query(Delivery, key="k"), query(Part, delivery="d"), query(Lease, phone="p", contact="c"),
                      query(Lease, number="n"), query(Queued, id="i")):
            store.load((asked,))
            select = store._selects[asked.row, asked.by]
            plan = " ".join(str(row[3]) for row in store._db.execute(
                f"EXPLAIN QUERY PLAN {select}", asked.values))
            self.assertNotIn("SCAN", plan, select)
