"""When a connector comes or goes, the presence behind it is looked at again (PRES-30, draft 4.3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure as Fault

from iwf.engine.store.base import IStore
from iwf.mapping.model import Revisited
from iwf.mapping.rows import Watch, query
from iwf.mapping.turn import Turn

#: Pairs looked at in one go and seconds between: 400 a second, so that 10 000 subscriptions are right
#: again within half a minute and messages are not held up by them.
AT_ONCE = 20
PAUSE = 0.05

#: Seconds until a pair is looked at again that could not be: the store could not be written.
LATER = 5.0

#: Pairs of which it is known at the most that news of them were missed; they are caught up with when
#: their connector changes.
MOST_MISSED = 10_000

#: A connector that was closed for less than this has only been out of breath, in seconds.
BREATH = 0.5


class Revisits:
    """Submits the pairs behind connectors that have changed, spread over time.

    :param submit: takes the events.
    :param grace: seconds that a connector may be away before anybody is told.
    """

    def __init__(self, store: IStore, clock: IReactorTime,
                 submit: Callable[[Revisited], Deferred[Turn]], grace: float) -> None:
        self._store = store
        self._clock = clock
        self._submit = submit
        self._grace = grace
        self._closed: dict[str, float] = {}
        """Since when a connector is closed."""
        self._opened: set[str] = set()
        self._checks: dict[str, IDelayedCall] = {}
        self._pairs: deque[tuple[str, str, str]] = deque()
        self._queued: set[tuple[str, str, str]] = set()
        self._missed: set[tuple[str, str, str]] = set()
        self._call: IDelayedCall | None = None
        self._stopped = False

    def changed(self, lane: str, up: bool) -> None:
        """A connector has opened or closed."""
        now = self._clock.seconds()
        if not up:
            self._closed[lane] = now
            if lane not in self._checks and not self._stopped:
                self._checks[lane] = self._clock.callLater(self._grace, self._still_away, lane)
            return
        check = self._checks.pop(lane, None)
        if check is not None:
            check.cancel()
        since = self._closed.pop(lane, now)
        if lane not in self._opened or now - since >= BREATH:
            self._opened.add(lane)
            self._collect(lane)

    def missed(self, watcher: str, presentity: str, tenant: str) -> None:
        """News of a presentity could not be written, and his world may not repeat them: he is asked anew."""
        if len(self._missed) < MOST_MISSED:
            pair = watcher, presentity, tenant
            self._missed.add(pair)
            self._queue(pair)
            self._schedule(LATER)

    def _still_away(self, lane: str) -> None:
        del self._checks[lane]
        self._collect(lane)

    def _collect(self, lane: str) -> None:
        asked = query(Watch, presentity_lane=lane), query(Watch, watcher_lane=lane)
        rows = self._store.load(asked)
        for row in (*rows.all(Watch, presentity_lane=lane), *rows.all(Watch, watcher_lane=lane)):
            self._queue((row.watcher, row.presentity, row.tenant))
        self._schedule(PAUSE)

    def _queue(self, pair: tuple[str, str, str]) -> None:
        if pair not in self._queued:
            self._queued.add(pair)
            self._pairs.append(pair)

    def _schedule(self, wait: float) -> None:
        if self._pairs and self._call is None and not self._stopped:
            self._call = self._clock.callLater(wait, self._go)

    def _go(self) -> None:
        self._call = None
        for _ in range(min(AT_ONCE, len(self._pairs))):
            pair = self._pairs.popleft()
            self._queued.discard(pair)
            missed = pair in self._missed
            self._missed.discard(pair)
            self._submit(Revisited(*pair, missed)).addErrback(self._not_written, pair, missed)
        self._schedule(PAUSE)

    def _not_written(self, fault: Fault, pair: tuple[str, str, str], missed: bool) -> None:
        # The ledger has logged it.  Nothing else would look at the pair before its connector changes again.
        if self._stopped:
            return
        if missed:
            self._missed.add(pair)
        self._queue(pair)
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._schedule(LATER)

    def stop(self) -> None:
        """Look at nothing more."""
        self._stopped = True
        for call in (self._call, *self._checks.values()):
            if call is not None and call.active():
                call.cancel()
