"""The door for events from edges: admits them, and gives the verdict after the commit."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Fault
from zope.interface import implementer

from iwf.edge import IIntake
from iwf.engine.ledger import Ledger
from iwf.mapping.model import Composing, Event, Failure, Fragment, Message, Reason, Refused, Taken, Verdict
from iwf.mapping.policy import Policy, Ruling
from iwf.mapping.turn import Held, Turn

#: Events not yet committed before new messages are refused: half a second of work at the budget
#: of 150 microseconds a message, so that no peer's timer runs out over the queue (SIP-90).
HIGH_WATER = 3000

_BUSY = Refused(Failure(Reason.CONGESTED, permanent=False, retry_after=5.0,
                        text="too much work, try again later", of_gateway=True))
_TOO_FAST = Refused(Failure(Reason.TOO_FAST, permanent=False, retry_after=5.0,
                            text="too many messages in too short a time"))
_BROKEN = Refused(Failure(Reason.INTERNAL, permanent=False, retry_after=30.0))


@implementer(IIntake)
class Intake:
    """Gives each offered event its verdict.

    :param ledger: runs the turns; its released turns have to be shown to :meth:`released`.
    :param policy: what it rules out costs no turn.
    :param seconds: UTC seconds.
    :param lost: told of events that could not be decided or written, after their verdict.
    """

    def __init__(self, ledger: Ledger, policy: Policy, seconds: Callable[[], float],
                 lost: Callable[[Event], None]) -> None:
        self._ledger = ledger
        self._policy = policy
        self._seconds = seconds
        self._lost = lost
        self._held: dict[str, list[Deferred[Verdict]]] = {}

    def offer(self, event: Event) -> Deferred[Verdict]:
        verdict: Deferred[Verdict] = Deferred()
        # Receipts are never refused for lack of room: they shrink the queue.
        if self._ledger.waiting >= HIGH_WATER and isinstance(event, Message | Fragment | Composing):
            # COMP-8: that somebody is typing is dropped without a word.
            verdict.callback(Taken("") if isinstance(event, Composing) else _BUSY)
            return verdict
        # LOOP-6: a part of a text counts like a text, for it costs as much; the joined text is not counted again.
        message = event.message if isinstance(event, Fragment) else event
        if isinstance(message, Message):
            ruling = self._policy.judge(message, self._seconds())
            if ruling is not Ruling.PASS:
                verdict.callback(_TOO_FAST if ruling is Ruling.TOO_FAST else Taken(""))
                return verdict
        self._ledger.submit(event).addCallbacks(self._decided, self._failed,
                                                callbackArgs=(event, verdict), errbackArgs=(event, verdict))
        return verdict

    def _decided(self, turn: Turn, event: Event, verdict: Deferred[Verdict]) -> None:
        if isinstance(event, Message) and not isinstance(turn.verdict, Refused):
            self._policy.taken(event, self._seconds())
        if isinstance(turn.verdict, Held):
            self._held.setdefault(turn.verdict.delivery, []).append(verdict)
        else:
            verdict.callback(turn.verdict or Taken(""))

    def _failed(self, fault: Fault, event: Event, verdict: Deferred[Verdict]) -> None:
        # The ledger has logged it; nothing was written, so nothing was promised.
        verdict.callback(_BROKEN)
        self._lost(event)

    def released(self, turn: Turn) -> None:
        """Give the verdicts that a committed turn settles."""
        for delivery, verdict in turn.settles:
            for waiting in self._held.pop(delivery, ()):
                waiting.callback(verdict)
