"""Receipts that could not be written: worlds that have no answer to them do not repeat them (MSG-33)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure as Fault

from iwf.mapping.model import Receipt
from iwf.mapping.turn import Turn

#: Seconds between attempts, how many receipts are tried in one, and how many wait at the most.
LATER = 5.0
AT_ONCE = 100
MOST = 10_000

#: Attempts for one receipt, an hour's: a fault of ours, unlike a full disk, does not go away.
MOST_TRIES = 720


class Owed:
    """Submits receipts again until they are written.

    :param submit: takes them.
    """

    def __init__(self, clock: IReactorTime, submit: Callable[[Receipt], Deferred[Turn]]) -> None:
        self._clock = clock
        self._submit = submit
        self._receipts: deque[tuple[Receipt, int]] = deque()
        self._call: IDelayedCall | None = None
        self._stopped = False

    def keep(self, receipt: Receipt, tries: int = 0) -> None:
        """Take a receipt that could not be written."""
        if tries >= MOST_TRIES or len(self._receipts) >= MOST or self._stopped:
            return
        self._receipts.append((receipt, tries))
        if self._call is None:
            self._call = self._clock.callLater(LATER, self._go)

    def _go(self) -> None:
        self._call = None
        batch = [self._receipts.popleft() for _ in range(min(AT_ONCE, len(self._receipts)))]
        if self._receipts:
            self._call = self._clock.callLater(LATER, self._go)
        for receipt, tries in batch:
            self._submit(receipt).addErrback(self._not_written, receipt, tries + 1)

    def _not_written(self, fault: Fault, receipt: Receipt, tries: int) -> None:
        self.keep(receipt, tries)  # the ledger has logged it

    def stop(self) -> None:
        """Try no more."""
        self._stopped = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
