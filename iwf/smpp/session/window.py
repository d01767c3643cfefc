"""Items under way on one link: parts of long texts, binds, pace, what became of them.  No IO.

Items go in, submit_sm come out one by one as the binds' windows and the pace allow; outputs are
collected and taken by the shell with :meth:`Window.take`.  Items are independent of each other: what
must stay in order the engine delivers one by one.  The parts of one text leave in order on one bind.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict, deque

from attrs import evolve

from iwf.mapping.model import Accepted, Failure, Item, Reason, Rejected
from iwf.smpp.reasons import (
    NOT_BOUND,
    RETRY,
    RETRY_ONCE,
    THROTTLED,
    TLV_FAULTS,
    failure_of_answer,
    failure_of_status,
)
from iwf.smpp.receipts import canonical_response_id
from iwf.smpp.session.delivery import Awaited, Begun, Bind, Credit, Delivery, Output, Part, Rebind
from iwf.smpp.session.pace import Pace
from iwf.smpp.session.states import Ending, Late, Noted, Resolved, Stopwatch
from iwf.smpp.settings import LinkSettings
from iwf.smpp.text.segments import References
from iwf.smpp.translate import submission_of
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import MessageResp, Pdu, PduFault, ShortMessage

#: Half delivered items that are remembered for their next attempt.
MOST_BEGUN = 1000

#: Seconds before a text without an answer goes over another bind: often all binds of an SMSC are lost in
#: one moment, and a text is sent again only once.
DOUBT = 1.0

#: Seconds a throttled text is tried again here before it goes back to the engine.
LONGEST_THROTTLED = 60.0

NOT_CONNECTED = Failure(Reason.UNREACHABLE, permanent=False, text="the message service cannot be reached")
EXPIRED = Failure(Reason.EXPIRED, permanent=False, text="expired before it could be sent")

#: TLVs without which a text would not be the same; the others may be left out (ERR 8.3, C0 to C4).
_OF_THE_TEXT = frozenset({
    c.TLV_MESSAGE_PAYLOAD, c.TLV_SAR_MSG_REF_NUM, c.TLV_SAR_TOTAL_SEGMENTS, c.TLV_SAR_SEGMENT_SEQNUM,
})


class Window:
    """The items of one lane.

    :param references: numbers for long texts.
    :param now: seconds, as in all methods; it may go backwards (no time has passed then).
    """

    def __init__(self, settings: LinkSettings, references: References, now: float) -> None:
        self._settings = settings
        self._references = references
        self._pace = Pace(settings.rate, now)
        self._queue: deque[Delivery] = deque()
        """Not yet begun."""
        self._binds: dict[Bind, deque[Delivery]] = {}
        """Live binds, and what has begun on each."""
        self._doubtful: deque[tuple[float, Delivery]] = deque()
        """To go again over another bind, with the time from which on."""
        self._clock = Stopwatch(now)
        self._outputs: list[Output] = []
        self._begun: OrderedDict[str, Begun] = OrderedDict()

    def take(self) -> list[Output]:
        """The outputs since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # ------------------------------------------------------------ binds

    def open(self, bind: Bind) -> None:
        """A bind that may submit is there."""
        self._binds[bind] = deque()
        self._outputs.append(Credit(self._settings.window * len(self._binds)))

    def shut(self, bind: Bind) -> None:
        """Submit nothing more over a bind: what has begun on it goes on with another; without another
        all that is not yet sent goes back.  What is sent may still be answered."""
        begun = self._binds.pop(bind, None)
        if begun is None:
            return
        self._outputs.append(Credit(self._settings.window * len(self._binds)))
        for delivery in reversed(begun):
            delivery.is_listed = bool(delivery.waiting)
            if delivery.is_listed:
                self._queue.appendleft(delivery)
        if not self._binds:
            self._pace.reset()
            queue = [*self._queue, *(delivery for _, delivery in self._doubtful)]
            self._queue.clear()
            self._doubtful.clear()
            for delivery in queue:
                self._reject(delivery, NOT_CONNECTED, retry=True)

    # ------------------------------------------------------------ items

    def put(self, item: Item, now: float) -> None:
        """Take an item; one :class:`Accepted` or :class:`Rejected` comes out for it."""
        if not self._binds:
            self._outputs.append(Rejected(item, NOT_CONNECTED, retry=True))
            return
        delivery = self._begin(item, now)
        if isinstance(delivery, Failure):
            self._outputs.append(Rejected(item, delivery))
        elif delivery.waiting:
            self._queue.append(delivery)
        else:  # all that was missing was answered late
            self._accept(delivery)

    def _begin(self, item: Item, now: float) -> Delivery | Failure:
        # The same coding and reference as at the last attempt, so that a phone that has a part knows it again.
        begun = self._begun.pop(item.id, None) or Begun()
        submission = submission_of(item, self._settings, now, begun.ucs2)
        if isinstance(submission, Failure):
            return submission
        if begun.reference is None and len(submission.text.parts) > 1:
            begun.reference = self._references.next((submission.source, submission.destination))
        parts = submission.parts(begun.reference or 0)
        if self._settings.tlvs:  # SMS-2: no TLVs but those of the text and those that the operator lists
            parts = tuple(evolve(part, tlvs=part.tlvs + self._settings.tlvs) for part in parts)
        waiting = deque(number for number in range(len(parts)) if number not in begun.refs)
        return Delivery(item, parts, begun, waiting, is_listed=bool(waiting))

    def next_part(self, bind: Bind, outstanding: int, now: float) -> Part | None:
        """The next part to submit over a bind, in order (SMS-34).

        :param outstanding: its unanswered submits; nothing comes out when its window is full (SMS-7).
        """
        if outstanding >= self._settings.window or bind not in self._binds or not self._pace.ready(now):
            return None
        while (delivery := self._next_delivery(bind)) is not None:
            if delivery.item.expires_at is not None and delivery.item.expires_at <= now:
                self._reject(delivery, EXPIRED)  # SMS-52
                continue
            self._pace.sent(now)
            return Part(delivery, delivery.waiting.popleft(), bind)
        return None

    def _next_delivery(self, bind: Bind) -> Delivery | None:
        """The next one with something to send: first what has begun here, then what has begun nowhere."""
        begun = self._binds[bind]
        while begun:
            if begun[0].waiting:
                return begun[0]
            begun.popleft().is_listed = False  # all is sent, or it was rejected meanwhile
        for place, delivery in enumerate(self._queue):
            if delivery.avoids is not bind or len(self._binds) == 1:
                del self._queue[place]
                begun.append(delivery)
                return delivery if delivery.waiting else self._next_delivery(bind)
        return None

    def misfit(self, part: Part, fault: PduFault) -> None:
        """A part could not be written as a PDU."""
        self._reject(part.delivery, Failure(Reason.INTERNAL, detail=str(fault)))

    # ------------------------------------------------------------ answers

    def congested(self, state: int, now: float) -> None:
        """congestion_state of an answer, whatever it was the answer to (SMS-9)."""
        self._pace.congestion(state, now)

    def resolved(self, resolved: Resolved, now: float) -> None:
        """The submit_sm of a part has ended."""
        assert isinstance(resolved.tag, Part)
        if resolved.ending is Ending.ANSWERED and resolved.response is not None:
            self._answered(resolved.tag, resolved.response, now)
        elif not resolved.tag.delivery.is_done:
            self._unknown(resolved.tag, resolved.ending, now)

    def late(self, late: Late) -> None:
        """An answer to a submit_sm that was given up (SMS-18): known to the item's next attempt,
        if there is one."""
        assert isinstance(late.tag, Part)
        if _is_taken(late.response):
            self._taken(late.tag, late.response)

    def _answered(self, part: Part, answer: Pdu, now: float) -> None:
        if _is_taken(answer):
            self._taken(part, answer)
        elif not part.delivery.is_done:
            self._refused(part, answer, now)

    def _taken(self, part: Part, answer: Pdu) -> None:
        delivery, settings = part.delivery, self._settings
        message_id = answer.body.message_id if isinstance(answer.body, MessageResp) else ""
        # SMS-19
        ref = canonical_response_id(message_id, settings.profile.id_format)
        delivery.begun.refs.setdefault(part.number, ref)
        if part.number in delivery.waiting:  # it was to go once more, and the first one arrived late
            delivery.waiting.remove(part.number)
        if settings.profile.query and ref and part.message.registered_delivery & 1:
            self._outputs.append(Awaited(ref, message_id, part.message.source, delivery.item.expires_at))
        if len(delivery.begun.refs) == len(delivery.parts) and not delivery.is_done:
            self._accept(delivery)

    def _refused(self, part: Part, answer: Pdu, now: float) -> None:
        delivery, status = part.delivery, answer.status
        if status in THROTTLED and answer.command != c.GENERIC_NACK:
            self._throttled(part, answer, now)
            return
        simpler = _without_what_is_refused(part.message, status)
        if simpler is not None and part.bind in self._binds:
            # ERR 8.3: once more without the validity, or without TLVs
            delivery.parts = tuple(_without_what_is_refused(each, status) or each for each in delivery.parts)
            self._again(part)
            return
        if status == c.RINVDCS and self._as_ucs2(part, now):
            return
        if status in NOT_BOUND:
            self._outputs.append(Rebind(part.bind))
        retry = status in RETRY or (status in RETRY_ONCE and delivery.item.attempts == 0)
        self._reject(delivery, failure_of_answer(answer), retry)

    def _as_ucs2(self, part: Part, now: float) -> bool:
        """ERR 8.3: the whole text once more in UCS-2, if it was something else and no part is taken yet."""
        delivery = part.delivery
        if part.message.data_coding == c.UCS2 or delivery.begun.refs or part.bind not in self._binds:
            return False
        self._begun[delivery.item.id] = Begun(delivery.begun.reference, ucs2=True)
        again = self._begin(delivery.item, now)
        if isinstance(again, Failure):
            return False
        delivery.is_done = True
        delivery.waiting.clear()
        self._binds[part.bind].appendleft(again)
        return True

    def _throttled(self, part: Part, answer: Pdu, now: float) -> None:
        """SMS-9: slower, and the same message first; for a while, then the engine has it back."""
        delivery = part.delivery
        self._pace.throttled(now)
        if delivery.throttled_at is None or delivery.throttled_at > now:
            delivery.throttled_at = now
        if now - delivery.throttled_at >= LONGEST_THROTTLED or not self._binds:
            self._reject(delivery, failure_of_answer(answer), retry=True)
        else:
            self._again(part)

    def _unknown(self, part: Part, ending: Ending, now: float) -> None:
        """SMS-18: sent, and nobody knows; once more if the operator's settings say so."""
        delivery, failure = part.delivery, failure_of_status(c.ROK, has_answer=False)
        if not self._settings.retry_unknown or part.number in delivery.begun.doubtful:
            self._reject(delivery, failure)
            return
        delivery.begun.doubtful.add(part.number)
        delivery.avoids = part.bind
        self._outputs.append(Noted(f"{delivery.item.id}: {ending.value}, sent again: there may be two"))
        if any(bind is not part.bind for bind in self._binds):
            self._again(part)
            self._put_aside(delivery, now)
        else:
            self._reject(delivery, failure, retry=True)

    def _put_aside(self, delivery: Delivery, now: float) -> None:
        if any(delivery is other for _, other in self._doubtful):
            return
        for listed in (self._queue, *self._binds.values()):
            if delivery in listed:
                listed.remove(delivery)
        self._doubtful.append((self._clock.advance(now) + DOUBT, delivery))

    def _again(self, part: Part) -> None:
        """Send a part once more, before all others; on its bind if that is live."""
        delivery = part.delivery
        insort(delivery.waiting, part.number)
        if delivery.is_listed:
            return
        delivery.is_listed = True
        self._binds.get(part.bind, self._queue).appendleft(delivery)

    def _accept(self, delivery: Delivery) -> None:
        delivery.is_done = True
        delivery.waiting.clear()
        # An SMSC without receipts may give empty ids, under which nothing can come back.
        refs = delivery.begun.refs
        self._outputs.append(Accepted(delivery.item, tuple(refs[number] for number in sorted(refs) if refs[number]),
                                      peer=self._settings.peer))

    def _reject(self, delivery: Delivery, failure: Failure, retry: bool = False) -> None:
        """The first failure of a part is the item's; the other parts are not sent any more."""
        if delivery.is_done:
            return
        delivery.is_done = True
        delivery.waiting.clear()
        if retry:
            self._begun[delivery.item.id] = delivery.begun
            if len(self._begun) > MOST_BEGUN:
                self._begun.popitem(last=False)
        self._outputs.append(Rejected(delivery.item, failure, retry))

    # ------------------------------------------------------------ time

    def next_timer(self) -> float | None:
        """The time of day at which :meth:`handle_timer` is due, if it is."""
        if not self._binds:
            return None
        dues = [self._clock.time_of_day(self._doubtful[0][0])] if self._doubtful else []
        paced = self._pace.next_timer()
        return min(dues if paced is None else [*dues, paced], default=None)

    def handle_timer(self, now: float) -> None:
        """More may be sent."""
        self._pace.handle_timer(now)
        self._clock.advance(now)
        while self._doubtful and self._clock.reached(self._doubtful[0][0]):
            self._queue.appendleft(self._doubtful.popleft()[1])


def _is_taken(answer: Pdu) -> bool:
    return answer.status == c.ROK and answer.command != c.GENERIC_NACK


def _without_what_is_refused(message: ShortMessage, status: int) -> ShortMessage | None:
    """The message without the part that a status complains of, if it has such (ERR 8.3)."""
    if status == c.RINVEXPIRY and message.validity_period:
        return evolve(message, validity_period="")
    if status in TLV_FAULTS:
        kept = tuple(each for each in message.tlvs if each[0] in _OF_THE_TEXT)
        return evolve(message, tlvs=kept) if len(kept) < len(message.tlvs) else None
    return None
