"""The core between peers: a store, an outbox and the connectors, in the smallest form that can
lose, delay and repeat what the real ones can."""

from __future__ import annotations

from attrs import evolve

from iwf.engine.store.base import IStore
from iwf.engine.store.memory import MemoryStore
from iwf.engine.store.volatile import VolatileRows
from iwf.mapping.core import decide
from iwf.mapping.model import Due, Event, Item, Presence, superseding
from iwf.mapping.rows import DUE_TYPES, Leg, Row, Watch, due_key, query
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import At, LaneView, Turn, run

NOW = 1_790_000_000.0


class Desk:
    """Runs turns one by one and keeps their items until they are handed over."""

    def __init__(self, gateway: Gateway, *lanes: str, store: IStore | None = None) -> None:
        self.gateway, self.now, self._count = gateway, NOW, 0
        self._durable = store or MemoryStore()
        self.store = VolatileRows(self._durable)
        self.lanes = {lane: LaneView(True, NOW) for lane in lanes}
        self.latest: dict[tuple[str, str], Item] = {}
        self.in_flight: dict[str, Item] = {}

    def turn(self, event: Event) -> Turn:
        """Decide an event and keep what comes of it."""
        self._count += 1
        at = At(self.now, f"t{self._count}", self.gateway, self.lanes)
        turn = run(decide(event, at), self.store.load)
        self.store.begin()
        self.store.apply(turn)
        self.store.commit()
        for item in (*turn.done, *turn.retries):
            self.in_flight.pop(item.id, None)
        for item in turn.latest:
            self._keep(item)
        return turn

    def _keep(self, item: Item) -> None:
        place = item.lane, item.stream
        older = self.latest.get(place)
        if older is not None and isinstance(older.payload, Presence) and isinstance(item.payload, Presence):
            item = evolve(item, payload=superseding(older.payload, item.payload))
        self.latest[place] = item

    def ready(self) -> list[Item]:
        """Items that may be handed over now: the first of each stream, states last."""
        heads: dict[tuple[str, str], Item] = {}
        for row in self.store.queued():
            heads.setdefault((row.lane, row.stream), row.item())
        busy = {(item.lane, item.stream) for item in self.in_flight.values()}
        for place, item in self.latest.items():
            heads.setdefault(place, item)
        return [item for place, item in heads.items()
                if place not in busy and self.lanes[item.lane].up]

    def hand_over(self, item: Item) -> None:
        """An item is on its way."""
        self.in_flight[item.id] = item
        if self.latest.get((item.lane, item.stream)) is item:
            del self.latest[item.lane, item.stream]

    def switch(self, lane: str, up: bool) -> None:
        """A connector opens or closes."""
        if self.lanes[lane].up != up:
            self.now += 0.001
            self.lanes[lane] = LaneView(up, self.now)

    def due(self) -> list[Due]:
        """Deadlines that have come."""
        return self.store.due(self.now, 1000)

    def restart(self) -> None:
        """Everything that is not in durable rows is forgotten."""
        self.store = VolatileRows(self._durable)
        self.latest.clear()
        self.in_flight.clear()
        self.lanes = {lane: LaneView(True, self.now) for lane in self.lanes}

    def watch(self, watcher: str, presentity: str) -> Watch | None:
        key = {"watcher": watcher, "presentity": presentity, "tenant": "default"}
        return self.store.load((query(Watch, **key),)).one(Watch, **key)

    def legs(self, watcher: str, presentity: str) -> list[str]:
        key = {"watcher": watcher, "presentity": presentity, "tenant": "default"}
        return sorted(leg.id for leg in self.store.load((query(Leg, **key),)).all(Leg, **key))


def due_of(row: Row) -> Due:
    """The deadline of a row."""
    assert isinstance(row, DUE_TYPES)
    return Due(row.TABLE, due_key(row))
