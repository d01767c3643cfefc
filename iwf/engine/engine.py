"""The engine put together: one store, one ledger, one intake, one outbox, one alarm."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from iwf.engine.alarm import Alarm
from iwf.engine.intake import Intake
from iwf.engine.ledger import COMMIT_EVERY, Ledger
from iwf.engine.outbox import Outbox
from iwf.engine.store.base import IStore
from iwf.ids import Ids
from iwf.mapping.model import Event
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import Turn


class Engine:
    """Takes events at :attr:`intake` and gives out items through :attr:`outbox`.

    :param commit_every: see :data:`iwf.engine.ledger.COMMIT_EVERY`; 0 in tests that count turns.
    """

    def __init__(self, store: IStore, gateway: Gateway, clock: IReactorTime, ids: Ids,
                 commit_every: float = COMMIT_EVERY) -> None:
        self._store = store
        self.outbox = Outbox(clock, self._submit)
        self._ledger = Ledger(store, gateway, clock, ids, self._released, self.outbox.views,
                              commit_every)
        self.intake = Intake(self._ledger)
        self._alarm = Alarm(store, clock, self._submit)

    def _submit(self, event: Event) -> Deferred[Turn]:
        return self._ledger.submit(event)

    def _released(self, turn: Turn) -> None:
        self.intake.released(turn)
        self.outbox.released(turn)
        self._alarm.released(turn)

    def start(self) -> None:
        """Begin with what the store remembers."""
        self.outbox.start(row.item() for row in self._store.queued())
        self._alarm.start()

    def stop(self) -> None:
        """Commit what was offered, give out nothing more, release the store."""
        self.outbox.stop()
        self._alarm.stop()
        self._ledger.stop()
        self._store.close()
