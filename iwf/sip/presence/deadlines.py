"""Many timers kept as one: who is next, and has his time come?  Pure."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Generic, Protocol, TypeVar

from iwf.sip.steady import RESOLUTION

#: As much of a request as counts for one, by the rounding of a wall clock.
_WHOLE = 0.999


class Timed(Protocol):
    """Something that has a time to act."""

    due: float
    """Set by :meth:`Deadlines.set` alone; :data:`math.inf` while there is nothing to do."""


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    """The deadlines of many, in a heap.

    A deadline that moves leaves its entry behind, which is dropped when it comes up.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._serial = count()
        self._alive = 0

    def __len__(self) -> int:
        """How many have a deadline."""
        return self._alive

    def set(self, one: T, due: float) -> None:
        """Move the deadline of somebody; :data:`math.inf`: he has none."""
        if due == one.due:
            return
        self._alive += (due < inf) - (one.due < inf)
        one.due = due
        if due < inf:
            heappush(self._heap, (due, next(self._serial), one))
        if len(self._heap) > 2 * self._alive + 1024:
            self._tidy()

    def first(self) -> T | None:
        """Who is next."""
        heap = self._heap
        while heap and heap[0][2].due != heap[0][0]:
            heappop(heap)
        return heap[0][2] if heap else None

    def first_due(self, now: float) -> T | None:
        """Who is next, if his time has come."""
        one = self.first()
        return one if one is not None and one.due <= now + RESOLUTION else None

    def _tidy(self) -> None:
        """Drop the entries left behind; seldom enough to cost next to nothing for each of them."""
        entries = {id(entry[2]): entry for entry in self._heap if entry[2].due == entry[0]}
        self._heap = list(entries.values())
        heapify(self._heap)


class Pace:
    """How fast requests may leave: so many a second, and so many at once after a pause.

    After a restart, or when a server is back, thousands of subscriptions want to be refreshed at the same time.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = self._left = float(burst)
        self._at = -inf

    def ready_at(self) -> float:
        """From when on :meth:`take` says yes."""
        return self._at + max(0.0, 1.0 - self._left) / self._rate

    def take(self, now: float) -> bool:
        """Whether one more may leave; counts it if so."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < _WHOLE:
            return False
        self._left -= 1.0
        return True


def next_due(deadlines: Deadlines[T], pace: Pace | None) -> float:
    """When there is something to do next; :data:`math.inf`: never.

    :param pace: how fast those leave that wait besides, such as what was recalled; None: nobody waits.
    """
    first = deadlines.first()
    due = inf if first is None else first.due
    return due if pace is None else min(due, pace.ready_at())
