"""Rows that live in memory alone: part of a turn like all others, and gone after a restart."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.store.memory import MemoryStore
from iwf.engine.store.volatile import VolatileRows
from iwf.mapping.model import Device
from iwf.mapping.rows import Counter, View, query
from iwf.mapping.turn import Turn

VIEW = View("sip:ana@sip.example", "xmpp:ben@xmpp.example", "default", (Device("pc"),), known=True)


class VolatileRowsTests(SynchronousTestCase):
    """What a turn does to them."""

    def setUp(self) -> None:
        self.durable = MemoryStore()
        self.store = VolatileRows(self.durable)

    def run_turn(self, turn: Turn, commit: bool = True) -> None:
        self.store.begin()
        self.store.apply(turn)
        if commit:
            self.store.commit()
        else:
            self.store.rollback()

    def views(self, store: VolatileRows | MemoryStore | None = None) -> tuple[View, ...]:
        pair = {"watcher": VIEW.watcher, "presentity": VIEW.presentity, "tenant": VIEW.tenant}
        return (store or self.store).load((query(View, **pair),)).all(View, **pair)

    def test_written_and_dropped(self) -> None:
        """A volatile row is found after the turn that wrote it, and no more after one that drops it."""
        self.run_turn(Turn(puts=(VIEW,)))
        self.assertEqual(self.views(), (VIEW,))
        self.run_turn(Turn(drops=(VIEW,)))
        self.assertEqual(self.views(), ())

    def test_durable_store_does_not_see_them(self) -> None:
        """Only the other rows of a turn reach the disk."""
        self.run_turn(Turn(puts=(VIEW, Counter("pool", 4))))
        self.assertEqual(self.views(self.durable), ())
        asked = query(Counter, pool="pool")
        for store in (self.store, self.durable):
            self.assertEqual(store.load((asked,)).one(Counter, pool="pool"), Counter("pool", 4))

    def test_asked_together(self) -> None:
        """One question may name rows of both kinds."""
        self.run_turn(Turn(puts=(VIEW, Counter("pool", 4))))
        pair = {"watcher": VIEW.watcher, "presentity": VIEW.presentity, "tenant": VIEW.tenant}
        rows = self.store.load((query(View, **pair), query(Counter, pool="pool")))
        self.assertEqual((rows.one(View, **pair), rows.one(Counter, pool="pool")),
                         (VIEW, Counter("pool", 4)))

    def test_rolled_back(self) -> None:
        """A batch that fails leaves them as they were before it, however often it wrote them."""
        self.run_turn(Turn(puts=(VIEW,)))
        self.store.begin()
        self.store.apply(Turn(puts=(evolve(VIEW, devices=()),)))
        self.store.apply(Turn(drops=(VIEW,)))
        self.store.apply(Turn(puts=(evolve(VIEW, known=False),)))
        self.store.rollback()
        self.assertEqual(self.views(), (VIEW,))
        self.run_turn(Turn(drops=(VIEW,)), commit=False)
        self.assertEqual(self.views(), (VIEW,))

    def test_new_ones_rolled_back(self) -> None:
        """What was not there before a failed batch is not there after it."""
        self.run_turn(Turn(puts=(VIEW,)), commit=False)
        self.assertEqual(self.views(), ())

    def test_restart(self) -> None:
        """A restart forgets them and nothing else."""
        self.run_turn(Turn(puts=(VIEW, Counter("pool", 4))))
        again = VolatileRows(self.durable)
        self.assertEqual(self.views(again), ())
        self.assertEqual(again.load((query(Counter, pool="pool"),)).one(Counter, pool="pool"),
                         Counter("pool", 4))
