"""How fast a link may submit (SMS-9).  No IO.

A token bucket with the configured rate, slowed down for a while when the SMSC says that we are too
fast: by a status (RTHROTTLED, RMSGQFUL) or by congestion_state.
"""

from __future__ import annotations

from iwf.smpp.session.states import Stopwatch

#: SMS-9: seconds at half the rate after the SMSC said that we are too fast.
SLOW = 10.0

#: SMS-9, congestion_state: from here on slower, and from here on not at all.
NEARLY_CONGESTED = 80
CONGESTED = 100

#: The bucket holds what the rate gives in this time, in seconds: SMSCs count in whole seconds.
_DEPTH = 0.1

#: Submits a second below which nothing is slowed down any more.
_LEAST = 1.0

#: A rate is halved again after this time at the earliest: a whole window may be refused at once.
_AGAIN = 1.0


class Pace:
    """The submits of one link over time.

    :param rate: submits a second; 0: no limit.
    :param now: seconds, as in all methods; it may go backwards (no time has passed then).
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._clock = Stopwatch(now)
        self._limit = rate
        self._due = 0.0
        """When the bucket would be full of tokens for what has been sent."""
        self._stopped_until = 0.0
        self._slow_until: float | None = None
        self._halved_at = 0.0
        self._second = 0
        self._counts = (0, 0)
        """Submits in the last and in this second, for links without a rate."""

    def ready(self, now: float) -> bool:
        """Whether the next submit may go."""
        if self._slow_until is None and not self._limit:
            return True
        self._clock.advance(now)
        reached = self._clock.reached
        return reached(self._stopped_until) and (not self._limit or reached(self._due - _DEPTH))

    def sent(self, now: float) -> None:
        """A submit has gone."""
        elapsed = self._clock.advance(now)
        if self._limit:
            self._due = max(self._due, elapsed) + 1 / self._limit
        second = int(elapsed)
        if second != self._second:
            self._counts = (self._counts[1] if second == self._second + 1 else 0, 0)
            self._second = second
        self._counts = (self._counts[0], self._counts[1] + 1)

    def throttled(self, now: float) -> None:
        """The SMSC refused a submit because we are too fast: half the rate for a while, and half of
        that if it says so again."""
        elapsed = self._clock.advance(now)
        if self._slow_until is None or elapsed - self._halved_at >= _AGAIN:
            self._halve(elapsed)
        self._slow_until = elapsed + SLOW

    def congestion(self, state: int, now: float) -> None:
        """congestion_state of an answer, 0 to 100."""
        if state < NEARLY_CONGESTED:
            return
        elapsed = self._clock.advance(now)
        if self._slow_until is None:
            self._halve(elapsed)
        self._slow_until = elapsed + SLOW
        if state >= CONGESTED:
            self._stopped_until = elapsed + SLOW
            self._slow_until += SLOW

    def reset(self) -> None:
        """Everything is new: back to the configured rate."""
        self._limit, self._slow_until, self._stopped_until = self._rate, None, 0.0

    def _halve(self, elapsed: float) -> None:
        self._limit = max(_LEAST, (self._limit or max(self._counts)) / 2)
        self._halved_at = elapsed
        # The bucket is empty: the refused message waits for the next token (SMS-9: it goes first).
        self._due = elapsed + _DEPTH + 1 / self._limit

    def next_timer(self) -> float | None:
        """The time of day at which :meth:`handle_timer` is due: more may be sent, or the slow time
        is over."""
        ready_at = max(self._stopped_until, self._due - _DEPTH if self._limit else 0.0)
        if not self._clock.reached(ready_at):
            return self._clock.time_of_day(ready_at)
        return None if self._slow_until is None else self._clock.time_of_day(self._slow_until)

    def handle_timer(self, now: float) -> None:
        """Back to full speed when it is time."""
        self._clock.advance(now)
        if self._slow_until is not None and self._clock.reached(self._slow_until):
            self.reset()
