"""Receipts that are awaited, and those that are overdue (SMS-43).  No IO."""

from __future__ import annotations

import heapq
import json
from collections import OrderedDict

from iwf.smpp.session.delivery import Awaited
from iwf.smpp.session.states import Stopwatch
from iwf.smpp.wire.pdu import Sme

#: SMS-43: seconds after the end of the validity.
GRACE = 300.0

#: Validity of a text that states none, in seconds: what operators commonly take.
USUAL_VALIDITY = 86400.0

#: Receipts that are awaited at most; the oldest is forgotten first.
MOST = 100_000

#: Receipts for nothing that is awaited, which are remembered: they may have overtaken the answer (SMS-41).
MOST_EARLY = 1000


class Overdue:
    """What is awaited from one operator.

    :param now: seconds, as in all methods; it may go backwards (no time has passed then).
    """

    def __init__(self, now: float) -> None:
        self._clock = Stopwatch(now)
        self._awaited: OrderedDict[str, Awaited] = OrderedDict()
        self._deadlines: list[tuple[float, str]] = []
        """A heap; entries whose receipt has come stay until their time."""
        self._early: OrderedDict[str, None] = OrderedDict()

    def awaits(self, awaited: Awaited, now: float) -> float | None:
        """A text was taken, and a receipt was asked for.

        :return: the time of day from which on it is overdue; None when it has come already.
        """
        if awaited.ref in self._early:
            del self._early[awaited.ref]
            return None
        validity = USUAL_VALIDITY if awaited.expires_at is None else max(0.0, awaited.expires_at - now)
        self.postpone(awaited, validity + GRACE, now)
        return now + validity + GRACE

    def postpone(self, awaited: Awaited, delay: float, now: float) -> None:
        """Ask for it in so many seconds."""
        elapsed = self._clock.advance(now)
        self._awaited[awaited.ref] = awaited
        heapq.heappush(self._deadlines, (elapsed + delay, awaited.ref))
        if len(self._awaited) > MOST:
            self._awaited.popitem(last=False)

    def came(self, ref: str) -> bool:
        """A final receipt has come, on whatever bind.

        :return: whether it was awaited.
        """
        if self._awaited.pop(ref, None) is not None:
            return True
        self._early[ref] = None
        if len(self._early) > MOST_EARLY:
            self._early.popitem(last=False)
        return False

    def take(self, now: float) -> list[Awaited]:
        """What is overdue now; each is given once."""
        self._clock.advance(now)
        found = []
        while self._deadlines and self._clock.reached(self._deadlines[0][0]):
            awaited = self._awaited.pop(heapq.heappop(self._deadlines)[1], None)
            if awaited is not None:
                found.append(awaited)
        return found

    def next_timer(self) -> float | None:
        """The time of day at which :meth:`take` may have something."""
        while self._deadlines and self._deadlines[0][1] not in self._awaited:
            heapq.heappop(self._deadlines)
        return self._clock.time_of_day(self._deadlines[0][0]) if self._deadlines else None


def written(awaited: Awaited, due: float) -> str:
    """What is awaited as a text that outlives the process, without its ``ref``.

    :param due: UTC seconds from which on it is overdue.
    """
    source = awaited.source
    return json.dumps([due, awaited.message_id, source.ton, source.npi, source.number])


def read(ref: str, text: str) -> tuple[Awaited, float]:
    """What :func:`written` wrote, and from when on it is overdue."""
    due, message_id, ton, npi, number = json.loads(text)
    return Awaited(ref, message_id, Sme(ton, npi, number), expires_at=None), due
