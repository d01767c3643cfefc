"""What users say on its way to the core: offered, counted, and held back when it is too much (shell)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from iwf.edge import IIntake
from iwf.mapping.model import Event, Verdict

MOST_PENDING = 2000
"""Events the core has not judged yet, above which no more are read."""


def _let_be(_: Verdict) -> None:
    """Nobody waits for the verdict."""


class Offers:
    """Offers events and counts those without a verdict (XMPP-9).

    :param hold: told to read no more (True) or to go on (False).
    :param judged: called after each verdict has been dealt with.
    """

    _log = Logger()

    def __init__(self, intake: IIntake, hold: Callable[[bool], None],
                 judged: Callable[[], None]) -> None:
        self._intake = intake
        self._hold = hold
        self._judged = judged
        self._is_holding = False
        self.pending = 0

    def offer(self, event: Event, then: Callable[[Verdict], None] | None = None) -> None:
        """Offer an event.

        :param then: is given the verdict.
        """
        self.pending += 1
        self._limit()
        verdict = self._intake.offer(event).addCallback(then or _let_be)
        verdict.addErrback(lambda failure: self._log.failure("No verdict", failure))
        verdict.addBoth(self._done)

    def began(self) -> None:
        """There is a new stream, which nobody has held yet."""
        self._is_holding = False
        self._limit()

    def _done(self, _: object) -> None:
        self.pending -= 1
        self._limit()
        self._judged()

    def _limit(self) -> None:
        if not self._is_holding and self.pending >= MOST_PENDING:
            self._is_holding = True
            self._hold(True)
        elif self._is_holding and self.pending <= MOST_PENDING // 2:
            self._is_holding = False
            self._hold(False)
