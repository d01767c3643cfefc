"""What became of a message: the far side's answer, receipts, deadlines; and telling the sender.

Answers and receipts may come in any order (a receipt before the answer that names its part, on
another connection, once per part); the fold does not care.
"""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.model import (TEL, XMPP, Accepted, Due, Failure, Item, Message, Outcome, Reason,
                               Receipt, Refused, Rejected, Report, Sender, Taken)
from iwf.mapping.phone import link_of
from iwf.mapping.rows import Delivery, Early, Noticed, Part, Query, Queued, Row, Rows, query
from iwf.mapping.turn import At, Decision, Turn

Asking = Generator[tuple[Query, ...], Rows, Turn]

#: Outcomes after which nothing more is expected for a part (messages.md section 6).
FINAL = {Outcome.DELIVERED, Outcome.FAILED, Outcome.FORBIDDEN, Outcome.UNKNOWN}

#: Waits between attempts double from the first to the second of these, in seconds.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0


def decide_accepted(event: Accepted, at: At) -> Decision:
    """A peer has taken an item."""
    item = event.item
    peers = tuple(query(Early, peer=item.lane, ref=ref) for ref in event.refs)
    done = Turn(done=(item,))
    if not item.delivery:
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
    forget_at = at.now + keep
    parts: tuple[Part, ...] = ()
    drops: tuple[Row, ...] = ()
    for ref in dict.fromkeys(event.refs):
        part = Part(item.lane, ref, delivery.id, forget_at)
        early = rows.one(Early, peer=item.lane, ref=ref)
        if early is not None:
            part = _with_receipt(part, early.receipt)
            drops += (early,)
        parts += (part,)
    sent = evolve(delivery, state="sent" if delivery.state == "queued" else delivery.state,
                  forget_at=forget_at)
    folded = yield from _fold(sent, parts, at,
                              # A stream of XMPP may still bounce what it took; the others have
                              # given their final answer.
                              final=_target_scheme(item) != XMPP)
    return done + folded + Turn(puts=parts, drops=drops)


def _target_scheme(item: Item) -> str:
    return item.payload.target.scheme if isinstance(item.payload, Message) else ""


def _with_receipt(part: Part, receipt: Receipt) -> Part:
    """The part after a receipt; the first final one wins (SMS-42, RCPT-9)."""
    if part.outcome or receipt.outcome not in FINAL:
        return part
    return evolve(part, outcome=receipt.outcome.value, failure=receipt.failure)


def decide_receipt(receipt: Receipt, at: At) -> Decision:
    """News about a part that the far side had taken."""
    # A repetition takes the same verdict; nobody is told twice.
    yes = Taken("")
    asked = query(Part, peer=receipt.peer, ref=receipt.ref)
    rows = yield (asked,)
    part = rows.one(Part, peer=receipt.peer, ref=receipt.ref)
    note = f"{receipt.peer} {receipt.ref}: {receipt.outcome.value}"
    if part is None:
        if receipt.outcome not in FINAL:
            return Turn(yes, note=note)
        early = Early(receipt.peer, receipt.ref, receipt,
                      at.now + at.gateway.patience.early_receipt)
        return Turn(yes, puts=(early,), rules=("SMS-41",), note=f"{note}, kept for its message")
    rows = yield (query(Delivery, id=part.delivery), query(Part, delivery=part.delivery))
    delivery = rows.one(Delivery, id=part.delivery)
    new = _with_receipt(part, receipt)
    if delivery is None or new == part:
        return Turn(yes, note=note)
    siblings = tuple(new if (row.peer, row.ref) == (part.peer, part.ref) else row
                     for row in rows.all(Part, delivery=part.delivery))
    folded = yield from _fold(delivery, siblings, at, final=True)
    return Turn(yes, puts=(new,), rules=("RCPT-12",), note=note) + folded


def _fold(delivery: Delivery, parts: tuple[Part, ...], at: At, final: bool) -> Asking:
    """RCPT-12: failed when any part is, delivered when all are; a final state stays.

    :param final: what is known now settles a verdict that is still held.
    """
    if delivery.state in ("failed", "refused", "delivered"):
        return Turn(puts=(delivery,))
    failures = [part.failure for part in parts if part.failure is not None]
    if failures:
        return (yield from failed(delivery, failures[0], at))
    if (delivery.state == "sent" and parts
            and all(part.outcome == Outcome.DELIVERED.value for part in parts)):
        delivery = evolve(delivery, state="delivered")
    if final and delivery.due is not None:
        return Turn(puts=(evolve(delivery, due=None),),
                    settles=((delivery.id, Taken(delivery.id)),))
    return Turn(puts=(delivery,))


def failed(delivery: Delivery, failure: Failure, at: At) -> Asking:
    """The message failed: its sender is told, by the verdict he still waits for or by a report."""
    patience = at.gateway.patience
    note = f"{delivery.sender.address.key} -> {delivery.sender.target.key} failed: " \
           f"{failure.reason.value} ({delivery.id})"
    forget_at = min(delivery.forget_at, at.now + patience.retention)
    if delivery.due is not None:
        refused = evolve(delivery, state="refused", failure=failure, due=None, forget_at=forget_at)
        return Turn(puts=(refused,), settles=((delivery.id, Refused(failure)),), note=note)
    ended = evolve(delivery, state="failed", failure=failure, forget_at=forget_at)
    told = yield from _report(delivery.id, delivery.sender, failure, at)
    return Turn(puts=(ended,), note=note) + told


def _report(about: str, sender: Sender, failure: Failure, at: At) -> Asking:
    """Tell a sender, in the way his world has for it."""
    link = link_of(sender.lane, at.gateway)
    noticed: tuple[Row, ...] = ()
    if link is not None:
        if not link.notify_phone:
            return Turn(rules=("ERR-15",))
        phone, contact = sender.address.key, sender.target.key
        rows = yield (query(Noticed, phone=phone, contact=contact),)
        earlier = rows.one(Noticed, phone=phone, contact=contact)
        if earlier is not None and at.now < earlier.forget_at:
            return Turn(rules=("ERR-15",))
        noticed = (Noticed(phone, contact, at.now + at.gateway.patience.notice),)
    elif sender.address.scheme != XMPP and not at.gateway.late_error_notice:
        return Turn(rules=("MSG-33",))
    report = Report(sender.about, sender.address, sender.target, failure, sender.kind,
                    sender.conversation, sender.excerpt, sender.spelling)
    stream = (sender.address.key if sender.lane in at.gateway.directory.trunks
              else f"{sender.target.key}|{sender.address.key}")
    item = Item(f"{about}.r", sender.lane, stream, report, "", at.now,
                expires_at=at.now + at.gateway.patience.delivery)
    return Turn(puts=noticed, sends=(item,), rules=("MSG-33", "ERR-2", "ERR-15"))


def decide_rejected(event: Rejected, at: At) -> Decision:
    """A peer has not taken an item: try again, or tell the sender."""
    item = event.item
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
    longest = item.created + (patience.next_hop if item.lane.startswith("sip:")
                              else patience.delivery)
    return longest if item.expires_at is None else min(longest, item.expires_at)


def _ended(item: Item, failure: Failure, at: At) -> Asking:
    """An item leaves the outbox undelivered; a report that fails causes no other (LOOP-6)."""
    done = Turn(done=(item,), note=f"{item.id} not taken by {item.lane}: {failure.reason.value}"
                                   + (f" ({failure.detail})" if failure.detail else ""))
    if item.sender is not None:
        return done + (yield from _report(item.id, item.sender, failure, at))
    if not item.delivery:
        return done
    rows = yield (query(Delivery, id=item.delivery),)
    delivery = rows.one(Delivery, id=item.delivery)
    if delivery is None or delivery.state in ("failed", "refused"):
        return done
    return done + (yield from failed(evolve(delivery, forget_at=at.now + at.gateway.patience.retention),
                                     failure, at))


def decide_due(due: Due, at: At) -> Decision:
    """A deadline has come: of a held verdict, or of an item that waited too long."""
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
