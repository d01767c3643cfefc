"""Runs turns: loads, decides, writes, commits, and only then lets anything out.

All events of one reactor turn share one transaction, which is what makes a commit per message
affordable.  It is the only writer of state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from iwf.engine.ahead import Ahead
from iwf.engine.store.base import IStore
from iwf.ids import Ids
from iwf.mapping.core import decide
from iwf.mapping.model import Accepted, Event, Rejected
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import At, LaneView, Turn, run

#: Seconds between commits under load.  A commit costs as much as two or three turns, so events that
#: come thicker than this share one; an event that comes alone is committed at once.
COMMIT_EVERY = 0.004

#: Seconds that news of items may wait for company.  Nobody waits for their commit; should it never
#: come, the item goes out again.
NEWS_WAIT = 0.01

#: Seconds ahead at which no commit was ever planned: the clock has been set back since.
_FAR = 1.0

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
                 release: Callable[[Turn], None], lanes: Mapping[str, LaneView],
                 commit_every: float = COMMIT_EVERY) -> None:
        self.gateway = gateway
        self._store = store
        self._clock = clock
        self._ids = ids
        self._release = release
        self._lanes = lanes
        self._pending: deque[_Pending] = deque()
        self._commit_every = commit_every
        self._committed = 0.0
        self._call: IDelayedCall | None = None
        self._call_is_for_news = False

    @property
    def waiting(self) -> int:
        """Events that were submitted and not yet committed."""
        return len(self._pending)

    def submit(self, event: Event) -> Deferred[Turn]:
        """Run an event's turn.

        :return: fires with the turn after its commit; fails when it could not be decided or
            written, and then nothing of it has happened.
        """
        pending = _Pending(event, self._ids.ordered(self._clock.seconds()))
        self._pending.append(pending)
        self._schedule(news=isinstance(event, Accepted | Rejected))
        return pending.done

    def _schedule(self, news: bool) -> None:
        since = self._clock.seconds() - self._committed
        # A clock that was set back counts as no load.
        wait = self._commit_every - since if 0 <= since < self._commit_every else 0.0
        if news and self._commit_every:
            wait = max(wait, NEWS_WAIT)
        if self._call is None:
            self._call = self._clock.callLater(wait, self._flush)
        elif not news and self._call_is_for_news or self._call.getTime() - self._clock.seconds() > _FAR:
            self._call.reset(wait)
        else:
            return
        self._call_is_for_news = news

    def _flush(self) -> None:
        self._call = None
        self.flush()

    def stop(self) -> None:
        """Run all that is pending."""
        while self._pending:
            self.flush()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def flush(self) -> None:
        """Run what is pending, at most one batch."""
        batch = [self._pending.popleft()
                 for _ in range(min(LARGEST_BATCH, len(self._pending)))]
        if not batch:
            return
        self._committed = self._clock.seconds()
        if self._pending:
            self._schedule(news=False)
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
        lanes = Ahead(self._lanes)
        turns = []
        try:
            store.begin()
            for pending in batch:
                at = At(now, pending.token, self.gateway, lanes)
                turn = run(decide(pending.event, at), store.load)
                store.apply(turn)
                for item in turn.sends:
                    lanes.add(item)
                turns.append(turn)
            store.commit()
        except BaseException:
            store.rollback()
            raise
        return turns

    def _out(self, pending: _Pending, turn: Turn) -> None:
        try:
            self._release(turn)
        except Exception:
            # It is committed, so the verdict stands, and the rest of the batch must come out too.
            self.log.failure("a committed turn could not be released: {note}", note=turn.note)
        pending.done.callback(turn)
