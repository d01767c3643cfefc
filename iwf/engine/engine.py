"""The engine put together: one store, one ledger, one intake, one outbox, one alarm."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from iwf.edge import IMemory
from iwf.engine.alarm import Alarm
from iwf.engine.insight import Insight
from iwf.engine.intake import Intake
from iwf.engine.ledger import COMMIT_EVERY, Ledger
from iwf.engine.outbox import Outbox
from iwf.engine.owed import Owed
from iwf.engine.reach import Reach
from iwf.engine.rescue import Rescue
from iwf.engine.revisits import Revisits
from iwf.engine.store.base import IStore
from iwf.engine.store.volatile import VolatileRows
from iwf.ids import Ids
from iwf.mapping.model import Event, Presence, Receipt, WatchBroken, WatchGranted, WatchRefused
from iwf.mapping.policy import Policy
from iwf.mapping.presence.pairs import Pair, said_by_presentity
from iwf.mapping.rows import Remembered, query
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import Turn


@implementer(IMemory)
class Engine:
    """Takes events at :attr:`intake`, gives out items through :attr:`outbox`, remembers for edges.

    :param commit_every: see :data:`iwf.engine.ledger.COMMIT_EVERY`; 0 in tests that count turns.
    """

    def __init__(self, store: IStore, gateway: Gateway, clock: IReactorTime, ids: Ids,
                 commit_every: float = COMMIT_EVERY) -> None:
        self._gateway = gateway
        self._store = VolatileRows(store)
        self.outbox = Outbox(clock, self._submit, self._lane_changed)
        self._ledger = Ledger(self._store, gateway, clock, ids, self._released, self.outbox.views,
                              commit_every)
        self.reach = Reach(gateway, self.outbox.views, clock.seconds)
        self.insight = Insight(self._store, self.outbox.views, clock.seconds)
        self.intake = Intake(self._ledger, Policy(gateway), clock.seconds, self._lost)
        self._alarm = Alarm(self._store, clock, self._submit)
        self._owed = Owed(clock, self._submit)
        self._rescue = Rescue(clock, self.outbox.waiting, self._submit, gateway.patience.failover)
        self._revisits = Revisits(self._store, clock, self._submit, gateway.patience.presence_grace)

    def _submit(self, event: Event) -> Deferred[Turn]:
        return self._ledger.submit(event)

    def _released(self, turn: Turn) -> None:
        self.intake.released(turn)
        self.outbox.released(turn)
        self._alarm.released(turn)

    def _lane_changed(self, lane: str, up: bool) -> None:
        self._revisits.changed(lane, up)
        if lane in self._gateway.directory.links:
            self._rescue.changed(lane, up)

    def _lost(self, event: Event) -> None:
        """What XMPP has no answer to, by which its users would know to say it again (MSG-33, PRES-30)."""
        if isinstance(event, Receipt):
            self._owed.keep(event)
        elif isinstance(event, Presence | WatchGranted | WatchRefused | WatchBroken):
            pair = said_by_presentity(event.origin, event.target, self._gateway)
            if isinstance(pair, Pair):
                self._revisits.missed(pair.watcher.key, pair.presentity.key, pair.tenant)

    def recall(self, edge: str) -> Iterable[tuple[str, str]]:
        """See :class:`iwf.edge.IMemory`."""
        asked = query(Remembered, edge=edge)
        return [(row.key, row.text) for row in self._store.load((asked,)).all(Remembered, edge=edge)]

    def start(self) -> None:
        """Begin with what the store remembers."""
        self.outbox.start(row.item() for row in self._store.queued())
        self._alarm.start()

    def stop(self) -> None:
        """Commit what was offered, give out nothing more, release the store."""
        self.outbox.stop()
        self._alarm.stop()
        self._revisits.stop()
        self._rescue.stop()
        self._owed.stop()
        self._ledger.stop()
        self._store.close()
