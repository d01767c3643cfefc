"""Runs turns: loads, decides, writes, commits, and only then lets anything out.

All events of one reactor turn share one transaction, which is what makes a commit per message
affordable.  It is the only writer of state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from iwf.engine.store.base import IStore
from iwf.ids import Ids
from iwf.mapping.core import decide
from iwf.mapping.model import Event
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import At, LaneView, Turn, run

#: Events that share a transaction at the most: some 10 ms of work, so that timers stay punctual.
LARGEST_BATCH = 200


@define
class _Pending:
    event: Event
    token: str
    done: Deferred[Turn] = field(factory=Deferred)


class Ledger:
    """Turns events into committed state.

    :param release: called with every turn after its commit, in order, before the Deferred of
        :meth:`submit` fires.
    :param lanes: the state of the connectors, read at the time of each turn.
    """

    log = Logger()

    def __init__(self, store: IStore, gateway: Gateway, clock: IReactorTime, ids: Ids,
                 release: Callable[[Turn], None], lanes: Mapping[str, LaneView]) -> None:
        self.gateway = gateway
        self._store = store
        self._clock = clock
        self._ids = ids
        self._release = release
        self._lanes = lanes
        self._pending: deque[_Pending] = deque()
        self._scheduled = False

    @property
    def waiting(self) -> int:
        """Events that were submitted and not yet committed."""
        return len(self._pending)

    def submit(self, event: Event) -> Deferred[Turn]:
        """Run an event's turn.

        :return: fires with the turn after its commit; fails when it could not be decided or
            written, and then nothing of it has happened.
        """
        pending = _Pending(event, self._ids.token())
        self._pending.append(pending)
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self.flush)
        return pending.done

    def flush(self) -> None:
        """Run what is pending, at most one batch."""
        self._scheduled = False
        batch = [self._pending.popleft()
                 for _ in range(min(LARGEST_BATCH, len(self._pending)))]
        if self._pending:
            self._scheduled = True
            self._clock.callLater(0, self.flush)
        if not batch:
            return
        try:
            turns = self._commit(batch)
        except Exception:
            if len(batch) > 1:
                # A turn can be rerun: one that fails must not take the others with it.
                self.log.failure("a batch of {n} turns failed, running them one by one",
                                 n=len(batch))
            for pending in batch:
                self._alone(pending)
            return
        self._note(turns)
        for pending, turn in zip(batch, turns, strict=True):
            self._out(pending, turn)

    def _note(self, turns: list[Turn]) -> None:
        """The traffic log: a line a turn, one event a batch, since an event costs more than a turn."""
        notes = [turn.note for turn in turns if turn.note]
        if notes:
            self.log.info("{notes}", notes="\n    ".join(notes))

    def _alone(self, pending: _Pending) -> None:
        try:
            (turn,) = self._commit([pending])
        except Exception as error:
            self.log.failure("the turn of {event} failed", event=type(pending.event).__name__)
            pending.done.errback(error)
            return
        self._note([turn])
        self._out(pending, turn)

    def _commit(self, batch: list[_Pending]) -> list[Turn]:
        store = self._store
        now = self._clock.seconds()
        turns = []
        store.begin()
        try:
            for pending in batch:
                at = At(now, pending.token, self.gateway, self._lanes)
                turn = run(decide(pending.event, at), store.load)
                store.apply(turn)
                turns.append(turn)
            store.commit()
        except BaseException:
            store.rollback()
            raise
        return turns

    def _out(self, pending: _Pending, turn: Turn) -> None:
        self._release(turn)
        pending.done.callback(turn)
