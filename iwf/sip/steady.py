"""A clock that stands still where the wall clock goes backwards.  Pure."""

from __future__ import annotations

from math import inf

#: Deadlines nearer than this, in seconds, are due: far below any timer, above the rounding of a wall clock.
RESOLUTION = 1e-6


class Steady:
    """Between the time that a machine is told and the time that it reckons with."""

    def __init__(self) -> None:
        self._last = -inf
        self._shift = 0.0

    def time(self, now: float) -> float:
        """The machine's time at a moment of the wall clock; never less than before."""
        if now < self._last:
            self._shift += self._last - now
        self._last = now
        return now + self._shift

    def wall(self, time: float) -> float:
        """What the wall clock shows at a time of the machine, as far as is known."""
        return time - self._shift
