"""The door for events from edges: admits them, and gives the verdict after the commit."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Fault
from zope.interface import implementer

from iwf.edge import IIntake
from iwf.engine.ledger import Ledger
from iwf.mapping.model import Composing, Event, Failure, Message, Reason, Refused, Taken, Verdict
from iwf.mapping.turn import Held, Turn

#: Events not yet committed before new messages are refused: half a second of work at the budget
#: of 150 microseconds a message, so that no peer's timer runs out over the queue (SIP-90).
HIGH_WATER = 3000

_BUSY = Refused(Failure(Reason.CONGESTED, permanent=False, retry_after=5.0,
                        text="too much work, try again later"))
_BROKEN = Refused(Failure(Reason.INTERNAL, permanent=False, retry_after=30.0))


@implementer(IIntake)
class Intake:
    """Gives each offered event its verdict.

    :param ledger: runs the turns; its released turns have to be shown to :meth:`released`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[str, list[Deferred[Verdict]]] = {}

    def offer(self, event: Event) -> Deferred[Verdict]:
        verdict: Deferred[Verdict] = Deferred()
        # Receipts are never refused for lack of room: they shrink the queue.
        if self._ledger.waiting >= HIGH_WATER and isinstance(event, Message | Composing):
            # COMP-8: that somebody is typing is dropped without a word.
            verdict.callback(_BUSY if isinstance(event, Message) else Taken(""))
            return verdict
        self._ledger.submit(event).addCallbacks(self._decided, self._failed,
                                                callbackArgs=(verdict,), errbackArgs=(verdict,))
        return verdict

    def _decided(self, turn: Turn, verdict: Deferred[Verdict]) -> None:
        if isinstance(turn.verdict, Held):
            self._held.setdefault(turn.verdict.delivery, []).append(verdict)
        else:
            verdict.callback(turn.verdict or Taken(""))

    def _failed(self, fault: Fault, verdict: Deferred[Verdict]) -> None:
        # The ledger has logged it; nothing was written, so nothing was promised.
        verdict.callback(_BROKEN)

    def released(self, turn: Turn) -> None:
        """Give the verdicts that a committed turn settles."""
        for delivery, verdict in turn.settles:
            for waiting in self._held.pop(delivery, ()):
                waiting.callback(verdict)
