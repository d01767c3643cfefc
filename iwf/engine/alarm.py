"""The one alarm for deadlines that are written in rows, and the broom for rows to be forgotten."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from iwf.engine.store.base import IStore
from iwf.mapping.model import Due
from iwf.mapping.rows import DUE_TYPES
from iwf.mapping.turn import Turn

#: Deadlines handled in one go, so that a crowd of them does not stall the reactor.
CROWD = 100

#: Seconds between sweeps, and rows a sweep forgets per table: some 5 ms of work.
SWEEP_EVERY = 10.0
SWEEP_MOST = 2000


class Alarm:
    """Turns deadlines in rows into events.

    :param submit: takes the events.
    """

    log = Logger()

    def __init__(self, store: IStore, clock: IReactorTime,
                 submit: Callable[[Due], Deferred[Turn]]) -> None:
        self._store = store
        self._clock = clock
        self._submit = submit
        self._call: IDelayedCall | None = None
        self._sweeping: IDelayedCall | None = None

    def start(self) -> None:
        """Look for deadlines that passed while we were away, and begin sweeping."""
        self._arm(self._store.next_due())
        self._sweeping = self._clock.callLater(SWEEP_EVERY, self._sweep)

    def stop(self) -> None:
        for call in (self._call, self._sweeping):
            if call is not None and call.active():
                call.cancel()

    def released(self, turn: Turn) -> None:
        """See whether a committed turn has set a nearer deadline."""
        for row in turn.puts:
            if isinstance(row, DUE_TYPES) and row.due is not None:
                self._arm(row.due)

    def _arm(self, due: float | None) -> None:
        if due is None:
            return
        if self._call is not None and self._call.active():
            if self._call.getTime() <= due:
                return
            self._call.cancel()
        self._call = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._ring)

    def _ring(self) -> None:
        # After the turns of these are committed: what is due then has come since, or could not be
        # written.  Armed first, so that a fault of the store does not silence the alarm.
        self._call = self._clock.callLater(0.05, self._rearm)
        for due in self._store.due(self._clock.seconds(), CROWD):
            self._submit(due).addErrback(lambda _: None)

    def _rearm(self) -> None:
        self._arm(self._store.next_due())

    def _sweep(self) -> None:
        try:
            gone = self._store.sweep(self._clock.seconds(), SWEEP_MOST)
        except Exception:
            gone = 0  # a full disk: what may be forgotten can wait
            self.log.failure("old rows could not be forgotten")
        # A full sweep means there is more: come back soon, but let others work first.
        delay = 0.2 if gone >= SWEEP_MOST else SWEEP_EVERY
        self._sweeping = self._clock.callLater(delay, self._sweep)
