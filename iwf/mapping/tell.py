"""Telling a sender what became of his message, in the way of his world and as he asked for."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.model import XMPP, Failure, Item, Notification, Outcome, Payload, Refused, Report, Sender, Want
from iwf.mapping.phone import link_of
from iwf.mapping.rows import Delivery, Noticed, Query, Row, Rows, query
from iwf.mapping.service.texts import catalogue_of, subscriber_of, text_item
from iwf.mapping.turn import At, Turn

Telling = Generator[tuple[Query, ...], Rows, Turn]

#: Who hears of an outcome: those who asked for this.
_ASKED_BY = {Outcome.DELIVERED: Want.DELIVERED, Outcome.DISPLAYED: Want.DISPLAYED}

#: Characters of a text by which a phone knows it again.
EXCERPT = 40

#: What an item's id ends in, so that a message has one item of each kind and no more (RCPT-4).
_SUFFIX = {Outcome.DELIVERED: "d", Outcome.DISPLAYED: "s", Outcome.FAILED: "f",
           Outcome.FORBIDDEN: "f"}


def notified(delivery: Delivery, outcome: Outcome,
             at: At) -> Generator[tuple[Query, ...], Rows, tuple[Item, ...]]:
    """The item that tells a good outcome to a sender who wanted to hear of it (RCPT-3, RCPT-5)."""
    sender = delivery.sender
    if _ASKED_BY[outcome] not in sender.wants:
        return ()
    link = link_of(sender.lane, at.gateway)
    if link is None:
        return (_notification(delivery.id, sender, outcome, at),)
    # A phone is told by a text from the number it wrote to.
    subscriber = yield from subscriber_of(sender.address, link.tenant)
    text = catalogue_of(subscriber, link, at).text(outcome.value, text=sender.excerpt[:EXCERPT])
    return (text_item(f"{delivery.id}.{_SUFFIX[outcome]}", link, sender.target.user, sender.address, text, at),)


def reported(about: str, sender: Sender, failure: Failure, at: At,
             outcome: Outcome = Outcome.FAILED) -> Telling:
    """Tell a sender that his message failed.

    :param about: the id of the delivery or the item, from which that of the report is made.
    """
    link = link_of(sender.lane, at.gateway)
    noticed: tuple[Row, ...] = ()
    if Want.FAILED in sender.wants:
        return Turn(sends=(_notification(about, sender, outcome, at),), rules=("MSG-33",))
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
    return Turn(puts=noticed, sends=(_item(f"{about}.r", sender, report, at),),
                rules=("MSG-33", "ERR-2", "ERR-15"))


def failed(delivery: Delivery, failure: Failure, at: At,
           outcome: Outcome = Outcome.FAILED) -> Telling:
    """The message failed: its sender is told, by the verdict he still waits for or by a report."""
    patience = at.gateway.patience
    note = f"{delivery.sender.address.key} -> {delivery.sender.target.key} failed: " \
           f"{failure.reason.value} ({delivery.id})"
    forget_at = min(delivery.forget_at, at.now + patience.retention)
    if delivery.due is not None:
        refused = evolve(delivery, state="refused", failure=failure, due=None, forget_at=forget_at)
        return Turn(puts=(refused,), settles=((delivery.id, Refused(failure)),), note=note)
    ended = evolve(delivery, state="failed", failure=failure, forget_at=forget_at)
    told = yield from reported(delivery.id, delivery.sender, failure, at, outcome)
    return Turn(puts=(ended,), note=note) + told


def _notification(about: str, sender: Sender, outcome: Outcome, at: At) -> Item:
    told = Notification(sender.about, sender.address, sender.target, outcome, sender.kind,
                        sender.conversation, sender.spelling, sender.hints)
    return _item(f"{about}.{_SUFFIX[outcome]}", sender, told, at)


def _item(id: str, sender: Sender, payload: Payload, at: At) -> Item:
    stream = (sender.address.key if sender.lane in at.gateway.directory.trunks
              else f"{sender.target.key}|{sender.address.key}")
    return Item(id, sender.lane, stream, payload, "", at.now,
                expires_at=at.now + at.gateway.patience.delivery)
