"""Which of several targets to try first: those that failed come last for a while (SIP-51).  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from iwf.sip.settings import Hop
from iwf.sip.steady import Steady

#: SIP-51: a target that failed rests so long, in seconds, when it does not say for how long.
REST = 30.0
#: No Retry-After is believed beyond this; a misconfigured peer shall not be shunned for days.
LONGEST_REST = 3600.0
#: Targets remembered; as only their order depends on it, forgetting one costs an attempt at most.
MAX_RESTING = 1000


class Resting:
    """Targets that failed by a transport error, by silence or by 503.

    A clock that goes backwards stands still.
    """

    def __init__(self) -> None:
        self._until: dict[Hop, float] = {}
        self._clock = Steady()

    def __len__(self) -> int:
        return len(self._until)

    def failed(self, hop: Hop, now: float, retry_after: float | None = None) -> None:
        """Let a target rest.

        :param retry_after: seconds, as the target itself said; 0: it may be tried at once.
        """
        now = self._clock.time(now)
        self._until.pop(hop, None)
        if len(self._until) >= MAX_RESTING:
            del self._until[next(iter(self._until))]
        self._until[hop] = now + (REST if retry_after is None else min(max(retry_after, 0.0), LONGEST_REST))

    def answered(self, hop: Hop) -> None:
        """A target that gives answers other than 503 rests no more."""
        self._until.pop(hop, None)

    def ordered(self, hops: Iterable[Hop], now: float) -> tuple[Hop, ...]:
        """The same targets, those that rest behind all others, the next one to wake up first."""
        if not self._until:
            return tuple(hops)
        now = self._clock.time(now)
        return tuple(sorted(hops, key=lambda hop: self._wakes(hop, now)))

    def _wakes(self, hop: Hop, now: float) -> float:
        until = self._until.get(hop)
        if until is None:
            return -inf
        if until <= now:
            del self._until[hop]
            return -inf
        return until
