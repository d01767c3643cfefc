"""One text at a time: the next leaves when the phone has the one before (sms.md section 7, the paper's section 4).

Of each pair of number and phone one delivery has the floor (row Pace); what comes meanwhile is parked
until the outcome of that one is known, or has been waited for long enough.
"""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.model import Failure, Item, Message, Reason
from iwf.mapping.rows import Delivery, Pace, Parked, Part, Query, Rows, query
from iwf.mapping.settings import Link
from iwf.mapping.tell import failed
from iwf.mapping.turn import At, Decision, Turn

Releasing = Generator[tuple[Query, ...], Rows, Turn]

#: States of a delivery in which nothing more is waited for.
_ENDED = frozenset({"delivered", "failed", "refused"})

_FULL = Failure(Reason.CONGESTED, permanent=False, retry_after=30.0,
                text="too many messages wait for this phone")


def in_turn(turn: Turn, at: At) -> Generator[tuple[Query, ...], Rows, Turn | Failure]:
    """A turn that sends one text to a phone, as it is when texts wait for each other (SMS-50).

    :return: the turn, its text parked when another one has the floor; CONGESTED when too many are
        parked already.
    """
    (item,) = turn.sends
    link = at.gateway.directory.links.get(item.lane)
    if link is None or not link.ordered or not isinstance(item.payload, Message):
        return turn
    rows = yield (query(Pace, stream=item.stream), query(Parked, stream=item.stream))
    if rows.one(Pace, stream=item.stream) is None:
        return turn + Turn(puts=(_floor(item, item.payload, link, at),), rules=("SMS-50",))
    waiting = rows.all(Parked, stream=item.stream)
    if len(waiting) >= link.order_queue:
        return _FULL
    place = 1 + max((other.place for other in waiting), default=0)
    parked = Parked(item.id, item.lane, item.stream, item.delivery, item.created, item.payload,
                    item.expires_at, place)
    return evolve(turn, sends=(), puts=(*turn.puts, parked), rules=(*turn.rules, "SMS-50"))


def _floor(item: Item, text: Message, link: Link, at: At) -> Pace:
    """The row that says whose outcome is waited for, and until when."""
    validity = link.validity if text.expires_at is None else max(0.0, text.expires_at - at.now)
    return Pace(item.stream, item.delivery, at.now + validity + link.order_wait,
                text if link.resend else None, item.lane)


def paced(decision: Decision, at: At) -> Decision:
    """A decision about what became of messages, with the texts that may follow now."""
    turn = yield from decision
    for row in turn.puts:
        if isinstance(row, Delivery) and row.state in _ENDED:
            turn += yield from released(row.id, at, row.failure)
    return turn


def released(delivery: str, at: At, failure: Failure | None = None) -> Releasing:
    """Give the floor to the next text after a delivery has ended, or is with the phone's operator for
    good (ACCEPTD); nothing when that delivery did not have it.

    :param failure: why the delivery failed, if it did.
    """
    rows = yield (query(Pace, delivery=delivery),)
    pace = rows.one(Pace, delivery=delivery)
    if pace is None:
        return Turn()
    link = at.gateway.directory.links.get(pace.lane)
    rows = yield (query(Parked, stream=pace.stream),)
    waiting = sorted(rows.all(Parked, stream=pace.stream), key=lambda row: row.place)
    if failure is not None and link is not None and link.order_strict:
        # SMS-51: who wants strict order would rather lose the rest than have a gap.
        turn = Turn(drops=(pace,))
        for parked in waiting:
            turn += yield from _dropped(parked, failure, at)
        return turn
    return _followed(pace, waiting, link, at)


def _followed(pace: Pace, waiting: list[Parked], link: Link | None, at: At) -> Turn:
    following = next((parked for parked in waiting
                      if parked.due is None or at.now < parked.due), None)
    if following is None or link is None:
        return Turn(drops=(pace,))
    item = following.item()
    return Turn(drops=(following,), sends=(item,), puts=(_floor(item, following.payload, link, at),),
                rules=("SMS-50",))


def resent(delivery: Delivery, parts: tuple[Part, ...],
           at: At) -> Generator[tuple[Query, ...], Rows, Turn | None]:
    """Send a text once more that expired at the operator's while its sender still wants it (SMS-51,
    the paper's re-sending); None when it is not to be."""
    rows = yield (query(Pace, delivery=delivery.id),)
    pace = rows.one(Pace, delivery=delivery.id)
    if pace is None or pace.text is None or pace.text.expires_at is None or pace.text.expires_at <= at.now:
        return None
    item = Item(f"{at.token}.m", pace.lane, pace.stream, pace.text, delivery.id, at.now,
                expires_at=pace.text.expires_at)
    return Turn(puts=(evolve(delivery, state="queued"), evolve(pace, text=None)), drops=parts,
                sends=(item,), rules=("SMS-51",), note=f"{delivery.id} expired, sent once more")


def decide_parked_due(key: str, at: At) -> Releasing:
    """A parked text is no longer wanted (SMS-52)."""
    rows = yield (query(Parked, id=key),)
    parked = rows.one(Parked, id=key)
    if parked is None or parked.due is None or at.now < parked.due:
        return Turn()
    failure = Failure(Reason.EXPIRED, permanent=False, text="it could not be delivered in time")
    return (yield from _dropped(parked, failure, at))


def decide_pace_due(key: str, at: At) -> Releasing:
    """The outcome of a text has been waited for long enough."""
    rows = yield (query(Pace, stream=key),)
    pace = rows.one(Pace, stream=key)
    if pace is None or pace.due is None or at.now < pace.due:
        return Turn()
    return (yield from released(pace.delivery, at))


def _dropped(parked: Parked, failure: Failure, at: At) -> Releasing:
    rows = yield (query(Delivery, id=parked.delivery),)
    delivery = rows.one(Delivery, id=parked.delivery)
    told = Turn() if delivery is None else (yield from failed(
        evolve(delivery, forget_at=at.now + at.gateway.patience.retention), failure, at))
    return Turn(drops=(parked,), rules=("SMS-52",)) + told
