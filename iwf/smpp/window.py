"""Items under way on one link: parts of long texts, window, throttling, what became of them.  No IO.

Items go in, submit_sm come out one by one as the window allows; outputs are collected and taken
by the shell with :meth:`Window.take`.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from attrs import define, evolve, field, frozen

from iwf.mapping.model import Accepted, Failure, Item, Reason, Rejected
from iwf.smpp import constants as c
from iwf.smpp.pdu import MessageResp, Pdu, PduFault, ShortMessage
from iwf.smpp.reasons import RETRY, RETRY_ONCE, THROTTLED, failure_of_status
from iwf.smpp.receipts import canonical_response_id
from iwf.smpp.segments import References
from iwf.smpp.settings import LinkSettings
from iwf.smpp.states import Ending, Late, Resolved, Stopwatch
from iwf.smpp.translate import submission_of

#: SMS-9: seconds at half the window after the SMSC said that we are too fast.
SLOW = 10.0

#: Half delivered items that are remembered for their next attempt.
MOST_BEGUN = 1000

NOT_CONNECTED = Failure(Reason.UNREACHABLE, permanent=False, text="the message service cannot be reached")


@frozen
class Credit:
    """Items that may be in flight from now on."""

    items: int


Output = Accepted | Rejected | Credit


@define(eq=False)
class _Delivery:
    """An item under way."""

    item: Item
    parts: tuple[ShortMessage, ...]
    reference: int
    refs: dict[int, str]
    """Message ids of the parts that were taken."""
    waiting: deque[int] = field(factory=deque)
    """Numbers of the parts still to be sent."""
    is_done: bool = False


@frozen
class Part:
    """A part of an item; the tag of its submit_sm."""

    delivery: _Delivery
    number: int

    @property
    def message(self) -> ShortMessage:
        """What to submit."""
        return self.delivery.parts[self.number]


@define
class _Begun:
    """What is known of an item that was not delivered whole."""

    reference: int
    refs: dict[int, str]


class Window:
    """The items of one lane.

    :param references: numbers for long texts.
    :param now: seconds, as in all methods; it may go backwards (no time has passed then).
    """

    def __init__(self, settings: LinkSettings, references: References, now: float) -> None:
        self._settings = settings
        self._references = references
        self._clock = Stopwatch(now)
        self._is_open = False
        self._queue: deque[_Delivery] = deque()
        self._outputs: list[Output] = []
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._slow_until: float | None = None

    def take(self) -> list[Output]:
        """The outputs since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # ------------------------------------------------------------ the connection

    def open(self) -> None:
        """A connection that may submit is bound."""
        self._is_open = True
        self._outputs.append(Credit(self._settings.window))

    def shut(self) -> None:
        """Submit nothing more: what is not yet sent goes back, what is sent may still be answered."""
        if not self._is_open:
            return
        self._is_open = False
        self._slow_until = None
        self._outputs.append(Credit(0))
        queue, self._queue = self._queue, deque()
        for delivery in queue:
            self._reject(delivery, NOT_CONNECTED, retry=True)

    # ------------------------------------------------------------ items

    def put(self, item: Item, now: float) -> None:
        """Take an item; one :class:`Accepted` or :class:`Rejected` comes out for it."""
        if not self._is_open:
            self._outputs.append(Rejected(item, NOT_CONNECTED, retry=True))
            return
        submission = submission_of(item, self._settings, now)
        if isinstance(submission, Failure):
            self._outputs.append(Rejected(item, submission))
            return
        # The same reference as at the last attempt, so that a phone that has a part knows it again.
        begun = self._begun.pop(item.id, None)
        if begun is None:
            pair = (submission.source, submission.destination)
            begun = _Begun(self._references.next(pair) if submission.text.udhi else 0, {})
        parts = submission.parts(begun.reference)
        waiting = deque(number for number in range(len(parts)) if number not in begun.refs)
        delivery = _Delivery(item, parts, begun.reference, begun.refs, waiting)
        if waiting:
            self._queue.append(delivery)
        else:  # all that was missing was answered late
            self._accept(delivery)

    def next_part(self, outstanding: int) -> Part | None:
        """The next part to submit, in order (SMS-34).

        :param outstanding: unanswered submits; nothing comes out when the window is full (SMS-7).
        """
        if outstanding >= self._settings.window:
            return None
        while self._queue:
            delivery = self._queue[0]
            number = delivery.waiting.popleft() if delivery.waiting else None
            if not delivery.waiting:
                self._queue.popleft()  # all is sent, or it was rejected meanwhile
            if number is not None:
                return Part(delivery, number)
        return None

    def misfit(self, part: Part, fault: PduFault) -> None:
        """A part could not be written as a PDU."""
        self._reject(part.delivery, Failure(Reason.INTERNAL, detail=str(fault)))

    # ------------------------------------------------------------ answers

    def resolved(self, resolved: Resolved, now: float) -> None:
        """The submit_sm of a part has ended."""
        assert isinstance(resolved.tag, Part)
        if resolved.ending is Ending.ANSWERED and resolved.response is not None:
            self._answered(resolved.tag, resolved.response, now)
        else:  # SMS-18: sent, and nobody knows
            failure = failure_of_status(c.ROK, has_answer=False)
            self._reject(resolved.tag.delivery, failure, retry=self._settings.retry_unknown)

    def late(self, late: Late) -> None:
        """An answer to a submit_sm that was given up (SMS-18): known to the item's next attempt,
        if there is one."""
        assert isinstance(late.tag, Part)
        if _is_taken(late.response):
            self._remember(late.tag, late.response)

    def _answered(self, part: Part, answer: Pdu, now: float) -> None:
        delivery, status = part.delivery, answer.status
        if _is_taken(answer):
            self._remember(part, answer)
            if len(delivery.refs) == len(delivery.parts) and not delivery.is_done:
                self._accept(delivery)
            return
        if status == c.RINVEXPIRY and part.message.validity_period and self._is_open and not delivery.is_done:
            # ERR 8.3: once more without validity
            delivery.parts = tuple(evolve(each, validity_period="") for each in delivery.parts)
            delivery.waiting.appendleft(part.number)
            self._queue.appendleft(delivery)
            return
        if status in THROTTLED:
            self._slow_down(now)
        retry = status in RETRY or (status in RETRY_ONCE and delivery.item.attempts == 0)
        self._reject(delivery, failure_of_status(status or c.RUNKNOWNERR), retry)

    def _remember(self, part: Part, answer: Pdu) -> None:
        message_id = answer.body.message_id if isinstance(answer.body, MessageResp) else ""
        # SMS-19
        part.delivery.refs[part.number] = canonical_response_id(message_id, self._settings.profile.id_format)

    def _accept(self, delivery: _Delivery) -> None:
        delivery.is_done = True
        # An SMSC without receipts may give empty ids, under which nothing can come back.
        refs = tuple(delivery.refs[number] for number in sorted(delivery.refs) if delivery.refs[number])
        self._outputs.append(Accepted(delivery.item, refs))

    def _reject(self, delivery: _Delivery, failure: Failure, retry: bool = False) -> None:
        """The first failure of a part is the item's; the other parts are not sent any more."""
        if delivery.is_done:
            return
        delivery.is_done = True
        delivery.waiting.clear()
        if retry:
            self._begun[delivery.item.id] = _Begun(delivery.reference, delivery.refs)
            if len(self._begun) > MOST_BEGUN:
                self._begun.popitem(last=False)
        self._outputs.append(Rejected(delivery.item, failure, retry))

    # ------------------------------------------------------------ throttling

    def _slow_down(self, now: float) -> None:
        """SMS-9"""
        elapsed = self._clock.advance(now)
        if self._is_open and self._slow_until is None:
            self._slow_until = elapsed + SLOW
            self._outputs.append(Credit(max(1, self._settings.window // 2)))

    def next_timer(self) -> float | None:
        """The time of day at which :meth:`handle_timer` is due, if it is."""
        return None if self._slow_until is None else self._clock.time_of_day(self._slow_until)

    def handle_timer(self, now: float) -> None:
        """Back to full speed when it is time."""
        self._clock.advance(now)
        if self._slow_until is not None and self._clock.reached(self._slow_until):
            self._slow_until = None
            self._outputs.append(Credit(self._settings.window))


def _is_taken(answer: Pdu) -> bool:
    return answer.status == c.ROK and answer.command != c.GENERIC_NACK
