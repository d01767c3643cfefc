"""When a link stays away, what waits for it may leave by another one."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from iwf.mapping.model import Stranded
from iwf.mapping.turn import Turn

#: Items offered in one go, and seconds until the next are: some 20 ms of work a second at the most.
AT_ONCE = 100
PAUSE = 1.0


class Rescue:
    """Offers the waiting items of connectors that have been away for long, again and again, until they
    are back: another way may open only later.

    :param waiting: see :meth:`iwf.engine.outbox.Outbox.waiting`.
    :param submit: takes the events.
    :param patience: seconds that a connector may be away before.
    """

    def __init__(self, clock: IReactorTime, waiting: Callable[[str, int, int], tuple[tuple[int, str], ...]],
                 submit: Callable[[Stranded], Deferred[Turn]], patience: float) -> None:
        self._clock = clock
        self._waiting = waiting
        self._submit = submit
        self._patience = patience
        self._calls: dict[str, IDelayedCall] = {}
        self._places: dict[str, int] = {}
        """How far a connector's items were offered: for those at the front there may be no other way."""
        self._stopped = False

    def changed(self, lane: str, up: bool) -> None:
        """A connector has opened or closed."""
        call = self._calls.pop(lane, None)
        if call is not None:
            call.cancel()
        if not up and not self._stopped:
            self._calls[lane] = self._clock.callLater(self._patience, self._offer, lane)

    def _offer(self, lane: str) -> None:
        self._calls[lane] = self._clock.callLater(PAUSE, self._offer, lane)
        found = self._waiting(lane, self._places.get(lane, 0), AT_ONCE)
        self._places[lane] = found[-1][0] if len(found) == AT_ONCE else 0
        if found:
            self._submit(Stranded(lane, tuple(id for _, id in found))).addErrback(lambda _: None)

    def stop(self) -> None:
        """Offer nothing more."""
        self._stopped = True
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
