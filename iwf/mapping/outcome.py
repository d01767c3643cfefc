"""What became of a message: the far side's answer, receipts, deadlines; and telling the sender.

Answers and receipts may come in any order (a receipt before the answer that names its part, on
another connection, once per part); the fold does not care.
"""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import (
    TEL,
    XMPP,
    Accepted,
    Composing,
    Due,
    Failure,
    Item,
    Message,
    Outcome,
    Presence,
    Published,
    Reason,
    Receipt,
    Rejected,
    Taken,
    Watchers,
)
from iwf.mapping.model.presence import WatchNews
from iwf.mapping.order import decide_pace_due, decide_parked_due, released, resent
from iwf.mapping.presence.again import decide_leg_due, decide_watch_due
from iwf.mapping.presence.answers import (
    decide_state_accepted,
    decide_state_rejected,
    decide_undelivered,
)
from iwf.mapping.rows import Delivery, Early, Leg, Pace, Parked, Part, Queued, Row, Watch, query
from iwf.mapping.settings import DAY
from iwf.mapping.tell import Telling, failed, notified, reported
from iwf.mapping.turn import At, Decision, Turn

#: Outcomes after which nothing more is expected for a part (messages.md section 6).
FINAL = {Outcome.DELIVERED, Outcome.FAILED, Outcome.FORBIDDEN, Outcome.UNKNOWN}

#: Outcomes that change what is known of a part.
_NEWS = FINAL | {Outcome.DISPLAYED}

#: Waits between attempts double from the first to the second of these, in seconds.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0


def decide_accepted(event: Accepted, at: At) -> Decision:
    """A peer has taken an item."""
    item = event.item
    peer = event.peer or item.lane  # SMS-42: several links of one operator share his receipts
    peers = tuple(query(Early, peer=peer, ref=ref) for ref in event.refs)
    done = Turn(done=(item,))
    if not item.delivery:
        if isinstance(item.payload, Presence):
            return (yield from decide_state_accepted(event, at))
        return done
    rows = yield (query(Delivery, id=item.delivery), *peers)
    delivery = rows.one(Delivery, id=item.delivery)
    if delivery is None:
        return done
    patience = at.gateway.patience
    awaits_receipt = bool(event.refs) and _target_scheme(item) == TEL
    if not event.refs:
        keep = patience.dedupe  # nothing can come any more but a repetition of the message
    else:
        keep = patience.receipts if awaits_receipt else patience.retention
        if delivery.sender.wants:
            keep = max(keep, min(patience.receipts, DAY))  # RCPT-9
    forget_at = at.now + keep
    parts: tuple[Part, ...] = ()
    drops: tuple[Row, ...] = ()
    for ref in dict.fromkeys(event.refs):
        part = Part(peer, ref, delivery.id, forget_at)
        earlier = rows.all(Early, peer=peer, ref=ref)
        for early in sorted(earlier, key=lambda row: row.forget_at) if earlier else ():
            part = _with_receipt(part, early.receipt, at)
            drops += (early,)
        if event.outcome is not None:
            part = _with_receipt(part, Receipt(peer, ref, event.outcome), at)
        parts += (part,)
    sent = evolve(delivery, state="sent" if delivery.state == "queued" else delivery.state,
                  forget_at=forget_at)
    folded = yield from _fold(sent, parts, at,
                              # A stream of XMPP may still bounce what it took; the others have
                              # given their final answer.
                              final=_target_scheme(item) != XMPP, shown=bool(drops))
    return done + folded + Turn(puts=parts, drops=drops)


def _target_scheme(item: Item) -> str:
    return item.payload.target.scheme if isinstance(item.payload, Message) else ""


def _with_receipt(part: Part, receipt: Receipt, at: At) -> Part:
    """The part after a receipt; the first of each kind wins (SMS-42, RCPT-9)."""
    if receipt.outcome is Outcome.DISPLAYED:
        if part.displayed_at is not None or part.failure is not None:
            return part
        # What was displayed was delivered, and some agents say no more than that.
        return evolve(part, displayed_at=at.now, outcome=part.outcome or Outcome.DELIVERED.value)
    if part.outcome or receipt.outcome not in FINAL:
        return part
    return evolve(part, outcome=receipt.outcome.value, failure=receipt.failure)


def _are_of_a_kind(one: Receipt, other: Receipt) -> bool:
    """Whether only the first of the two counts."""
    return (one.outcome is Outcome.DISPLAYED) is (other.outcome is Outcome.DISPLAYED)


def decide_receipt(receipt: Receipt, at: At) -> Decision:
    """News about a part that the far side had taken."""
    # A repetition takes the same verdict; nobody is told twice.
    yes = Taken("")
    asked = query(Part, peer=receipt.peer, ref=receipt.ref)
    rows = yield (asked,)
    part = rows.one(Part, peer=receipt.peer, ref=receipt.ref)
    note = f"{receipt.peer} {receipt.ref}: {receipt.outcome.value}"
    if part is None:
        if receipt.outcome not in _NEWS:
            return Turn(yes, note=note)
        rows = yield (query(Early, peer=receipt.peer, ref=receipt.ref),)
        if any(_are_of_a_kind(row.receipt, receipt) for row in rows.all(Early, peer=receipt.peer, ref=receipt.ref)):
            return Turn(yes, rules=("SMS-42",), note=note)
        early = Early(receipt.peer, receipt.ref, receipt.outcome.value, receipt,
                      at.now + at.gateway.patience.early_receipt)
        return Turn(yes, puts=(early,), rules=("SMS-41",), note=f"{note}, kept for its message")
    rows = yield (query(Delivery, id=part.delivery), query(Part, delivery=part.delivery))
    delivery = rows.one(Delivery, id=part.delivery)
    new = _with_receipt(part, receipt, at)
    if delivery is None:
        return Turn(yes, note=note)
    if new == part:
        # SMS-50: what the operator calls accepted ends the waiting, whatever the user is told.
        return Turn(yes, note=note) + ((yield from released(delivery.id, at))
                                       if receipt.outcome is Outcome.STORED else Turn())
    if receipt.outcome is Outcome.DISPLAYED and not delivery.sender.wants:
        return Turn(yes, note=note)
    if new.failure is not None and new.failure.reason is Reason.EXPIRED:
        again = yield from resent(delivery, rows.all(Part, delivery=part.delivery), at)
        if again is not None:
            return Turn(yes, note=note) + again
    siblings = tuple(new if (row.peer, row.ref) == (part.peer, part.ref) else row
                     for row in rows.all(Part, delivery=part.delivery))
    folded = yield from _fold(delivery, siblings, at, final=True,
                              shown=receipt.outcome is Outcome.DISPLAYED)
    return Turn(yes, puts=(new,), rules=("RCPT-12",), note=note) + folded


def _fold(delivery: Delivery, parts: tuple[Part, ...], at: At, final: bool,
          shown: bool) -> Telling:
    """RCPT-12: failed when any part is, delivered when all are; a final state stays.

    :param final: what is known now settles a verdict that is still held.
    :param shown: there is news of parts that were displayed.
    """
    if delivery.state in ("failed", "refused"):
        return Turn(puts=(delivery,))
    told: tuple[Item, ...] = ()
    if shown and all(part.displayed_at is not None for part in parts):
        told = yield from notified(delivery, Outcome.DISPLAYED, at)
    if delivery.state == "delivered":
        return Turn(puts=(delivery,), sends=told)
    bad = next((part for part in parts if part.failure is not None), None)
    if bad is not None and bad.failure is not None:
        return (yield from failed(delivery, bad.failure, at, Outcome(bad.outcome)))
    if (delivery.state == "sent" and parts
            and all(part.outcome == Outcome.DELIVERED.value for part in parts)):
        delivery = evolve(delivery, state="delivered")
        told = (yield from notified(delivery, Outcome.DELIVERED, at)) + told
    turn = Turn(puts=(delivery,), sends=told)
    if final and delivery.due is not None:
        turn = Turn(puts=(evolve(delivery, due=None),), sends=told,
                    settles=((delivery.id, Taken(delivery.id)),))
    if delivery.state == "sent" and parts and all(part.outcome for part in parts):
        # SMS-50: final as well is that the operator does not know.
        turn += yield from released(delivery.id, at)
    return turn


def decide_rejected(event: Rejected, at: At) -> Decision:
    """A peer has not taken an item: try again, or tell the sender."""
    item = event.item
    if isinstance(item.payload, Composing | Watchers):  # COMP-8; and a leg asks again when it is renewed
        return Turn(done=(item,))
    if isinstance(item.payload, Presence | Published):
        return (yield from decide_state_rejected(event, at))
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(item.attempts, 10))
    if event.failure.reason is Reason.CONGESTED:
        # The peer's own wish; what a lost connection says of waiting is meant for senders.
        wait = max(wait, event.failure.retry_after or 0.0)
    if event.retry and at.now + wait < _deadline(item, at):
        again = evolve(item, attempts=item.attempts + 1, not_before=at.now + wait)
        return Turn(retries=(again,), note=f"{item.id} waits {wait:g} s for {item.lane}: "
                                           f"{event.failure.reason.value}")
    turn = yield from _ended(item, event.failure, at)
    if event.stop_stream:
        # MSG-36: everybody who waits for the same target fails at once, not 32 s each.
        rows = yield (query(Queued, lane=item.lane, stream=item.stream),)
        for queued in rows.all(Queued, lane=item.lane, stream=item.stream):
            if queued.id != item.id:
                turn += yield from _ended(queued.item(), event.failure, at)
    return turn


def _deadline(item: Item, at: At) -> float:
    """Until when an item is tried again."""
    patience = at.gateway.patience
    quickly = item.lane in at.gateway.directory.trunks and not isinstance(item.payload, WatchNews)
    longest = item.created + (patience.next_hop if quickly else patience.delivery)
    return longest if item.expires_at is None else min(longest, item.expires_at)


def _ended(item: Item, failure: Failure, at: At) -> Telling:
    """An item leaves the outbox undelivered; a report that fails causes no other (LOOP-6)."""
    if isinstance(item.payload, WatchNews):
        return (yield from decide_undelivered(item, failure, at))
    done = Turn(done=(item,), note=f"{item.id} not taken by {item.lane}: {failure.reason.value}"
                                   + (f" ({failure.detail})" if failure.detail else ""))
    if item.sender is not None:
        return done + (yield from reported(item.id, item.sender, failure, at))
    if not item.delivery:
        return done
    rows = yield (query(Delivery, id=item.delivery),)
    delivery = rows.one(Delivery, id=item.delivery)
    if delivery is None or delivery.state in ("failed", "refused"):
        return done
    return done + (yield from failed(evolve(delivery, forget_at=at.now + at.gateway.patience.retention),
                                     failure, at))


def decide_due(due: Due, at: At) -> Decision:
    """A deadline has come: of a held verdict, of an item that waited too long, of a text in its turn,
    of presence."""
    if due.table == Pace.TABLE:
        return (yield from decide_pace_due(due.key, at))
    if due.table == Parked.TABLE:
        return (yield from decide_parked_due(due.key, at))
    if due.table == Watch.TABLE:
        return (yield from decide_watch_due(due, at))
    if due.table == Leg.TABLE:
        return (yield from decide_leg_due(due, at))
    if due.table == Delivery.TABLE:
        rows = yield (query(Delivery, id=due.key),)
        delivery = rows.one(Delivery, id=due.key)
        if delivery is None or delivery.due is None or at.now < delivery.due:
            return Turn()
        return Turn(puts=(evolve(delivery, due=None),),
                    settles=((delivery.id, Taken(delivery.id)),), rules=("MSG-32", "ERR-13"))
    rows = yield (query(Queued, id=due.key),)
    queued = rows.one(Queued, id=due.key)
    if queued is None or queued.expires_at is None or at.now < queued.expires_at:
        return Turn()
    failure = Failure(Reason.EXPIRED, permanent=False, text="it could not be delivered in time")
    return (yield from _ended(queued.item(), failure, at))
