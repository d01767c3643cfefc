"""A message comes in: is it taken, and what goes out for it?

The order of the checks is that of addressing.md section 9: is the target ours and does the
tenancy allow it, who is the target at home, how is the sender seen there, loops, policy, and
only then the translation.
"""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.accounts import subscriber_of
from iwf.mapping.address import canonical, image_of, native_of
from iwf.mapping.bodies import excerpt, size_in_markup
from iwf.mapping.conversation import name_for, pair_of
from iwf.mapping.model import (
    SIP,
    TEL,
    XMPP,
    Address,
    Body,
    Failure,
    Item,
    Kind,
    Message,
    Party,
    Reason,
    Refused,
    Sender,
    Taken,
    address_of_key,
)
from iwf.mapping.order import in_turn
from iwf.mapping.phone import from_phone, link_of, to_phone
from iwf.mapping.route import lane_for, may_speak
from iwf.mapping.rows import NEVER, Delivery, Habit, Query, Row, Rows, Spelling, query
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import At, Decision, Held, Turn, refuse
from iwf.mapping.way import Way

#: A user who wrote chat is answered in kind for this long (MSG-8).
HABIT = 3600.0


def decide_message(message: Message, at: At) -> Decision:
    """The decision for an inbound message."""
    if message.key:
        rows = yield (query(Delivery, key=message.key),)
        for known in rows.all(Delivery, key=message.key):
            if at.now < known.created + at.gateway.patience.dedupe:
                return _repeated(known)
    note = f"{message.origin.address.key} -> {message.target.key}"
    link = link_of(message.lane, at.gateway)
    if link is not None:
        way = yield from from_phone(message, link, at)
    elif message.lane and at.gateway.directory.tenant_of(message.lane) is None:
        way = yield from _from_account(message, at)
    else:
        way = yield from _from_user(message, at)
    if isinstance(way, Turn):
        return way
    if isinstance(way, Failure):
        return refuse(way, note, ("ADDR section 9",))
    return (yield from _deliver(message, way, at))


def _repeated(known: Delivery) -> Turn:
    """SIP-26: a message that came before is answered as before and not delivered again."""
    note = f"{known.sender.address.key} -> {known.sender.target.key} repeated ({known.id})"
    if known.due is not None:
        return Turn(Held(known.id, known.due), rules=("SIP-26",), note=note)
    if known.failure is not None and known.state == "refused":
        return Turn(Refused(known.failure), rules=("SIP-26",), note=note)
    return Turn(Taken(known.id), rules=("SIP-26",), note=note)


def _from_user(message: Message, at: At) -> Generator[tuple[Query, ...], Rows, Way | Failure]:
    """The way of a message from an XMPP or SIP user, or from a number that a trunk speaks for."""
    ends = ends_of(message.origin, message.target, at.gateway)
    if isinstance(ends, Failure):
        return ends
    origin, target, tenant, rules = ends
    if target.scheme == TEL:
        return (yield from to_phone(message, origin, target, tenant, at))
    return way_between(origin, target, tenant, rules, at.gateway)


def _from_account(message: Message, at: At) -> Generator[tuple[Query, ...], Rows, Way | Failure]:
    """The way of a message to a user who is a phone; of no connector that the configuration knows."""
    account = yield from subscriber_of(message, at)
    if isinstance(account, Failure):
        return account
    origin = evolve(message.origin, address=canonical(message.origin.address, at.gateway))
    return (yield from to_phone(message, origin, address_of_key(account.phone), account.tenant, at,
                                invited=True))


def ends_of(origin: Party, target: Address,
            gateway: Gateway) -> tuple[Party, Address, str, tuple[str, ...]] | Failure:
    """Who writes to whom at home, for which tenant, and by which rules."""
    address = canonical(origin.address, gateway)
    mapped = native_of(target, gateway)
    if isinstance(mapped, Failure):
        return mapped
    assert mapped.alias is not None  # native_of answers only for addresses in an alias
    tenant = mapped.alias.tenant
    failure = may_speak(origin, gateway, tenant)
    if failure is not None:
        return failure
    at_home = origin if address is origin.address else evolve(origin, address=address)
    return at_home, canonical(mapped.address, gateway), tenant, mapped.rules


def way_between(origin: Party, target: Address, tenant: str, rules: tuple[str, ...],
                gateway: Gateway) -> Way | Failure:
    """The way to a target that is no phone, from :func:`ends_of`."""
    image = image_of(origin.address, target.scheme, tenant, gateway)
    if isinstance(image, Failure):
        return image
    lane = lane_for(target, tenant, gateway, image.alias)
    if isinstance(lane, Failure):
        return lane
    return Way(origin, target, image.address, lane, image.alias, rules=rules + image.rules)


def _deliver(message: Message, way: Way, at: At) -> Decision:
    """Take the message: its delivery, its outbox item and whatever is remembered with it."""
    note = f"{way.origin.address.key} -> {way.target.key}"
    text = message.text if way.text is None else way.text
    stream = stream_of(way)
    failure = _too_big(text, message.subject, way) or admission(way.lane, stream, at)
    if failure is not None:
        return refuse(failure, note, way.rules)
    if message.expires_at is not None and message.expires_at <= at.now:
        # MSG-40: expired on arrival is yes and drop, never an error.
        return Turn(Taken(""), rules=way.rules + ("MSG-40",), note=f"{note} expired on arrival")
    spelling, remembered = yield from _spellings(message, way)
    conversation, named = yield from name_for(
        message.conversation if way.conversation is None else way.conversation,
        way.origin.address, way.target, at)
    kind, habit = yield from _kind(message, way, at)
    expires_at = _expiry(message, way, at)
    # Spelled out, since attrs' evolve would cost more than all the rest of this function.
    out = Message(
        message.id or at.token, Party(way.seen_as, message.origin.name),
        way.target, _fitting(message, way) if way.text is None else
        (evolve(message.bodies[0], text=text) if message.bodies else Body(text),), kind,
        conversation, message.subject, message.language, message.sent_at, expires_at,
        _urgency(message), message.hops, target_spelling=spelling, hints=message.hints,
        wants=message.wants, serial=way.serial)
    sender = Sender(message.origin.address, message.lane, way.reached_at or message.target,
                    message.id, message.kind, message.conversation, excerpt(message.text),
                    message.origin.spelling, message.wants, message.hints)
    rows = (*way.rows, *remembered, *named, *habit)
    delivery = _delivery(message, sender, way, at)
    item = Item(f"{at.token}.m", way.lane, stream, out, delivery.id if delivery else "", at.now,
                expires_at=_give_up(expires_at, at), sender=None if delivery else sender)
    verdict = Taken(at.token) if not message.hold else Held(at.token, at.now + message.hold)
    turn = Turn(verdict, puts=rows if delivery is None else (delivery, *rows), drops=way.drops,
                sends=(item,), rules=way.rules, note=f"{note} taken for {way.lane} ({at.token})")
    if way.target.scheme != TEL:
        return turn
    placed = yield from in_turn(turn, at)
    return refuse(placed, note, way.rules) if isinstance(placed, Failure) else placed


def stream_of(way: Way) -> str:
    """What has to stay in order.  To a SIP target one message at a time, whoever wrote it
    (MSG-36); elsewhere one pair at a time."""
    if way.target.scheme == SIP:
        return way.target.key
    return f"{way.seen_as.key}|{way.target.key}"


def _too_big(text: str, subject: str, way: Way) -> Failure | None:
    """MSG-29: what the target's server would refuse is refused before it is taken."""
    if way.target.scheme != XMPP or way.alias is None:
        return None
    limit = way.alias.max_size
    # Quick way out: no character costs more than five octets in markup or four in UTF-8.
    if len(text) * 5 + len(subject) * 5 + 1000 <= limit or size_in_markup(text, subject) <= limit:
        return None
    return Failure(Reason.TOO_BIG, text=f"the message is larger than {limit} octets")


def _fitting(message: Message, way: Way) -> tuple[Body, ...]:
    """MSG-29: markup goes with a text as far as there is room for it."""
    bodies = message.bodies
    if len(bodies) < 2 or way.target.scheme != XMPP or way.alias is None:
        return bodies
    if size_in_markup(message.subject, *(body.text for body in bodies)) <= way.alias.max_size:
        return bodies
    return tuple(body for body in bodies if body.type == "text/plain")


def admission(lane: str, stream: str, at: At) -> Failure | None:
    """Whether a connector can take more work (XMPP-9, XMPP-10, MSG-36)."""
    view = at.lanes.get(lane)
    if view is None:
        return None
    if not view.up and at.now - view.changed > at.gateway.patience.grace:
        return Failure(Reason.UNREACHABLE, permanent=False, retry_after=30.0,
                       text="the server of the recipient is not connected", of_gateway=True)
    if view.depth >= at.gateway.lane_limit:
        return Failure(Reason.CONGESTED, permanent=False, retry_after=10.0,
                       text="too many messages are waiting", of_gateway=True)
    if view.streams.get(stream, 0) >= at.gateway.stream_limit:
        # ERR-12: a matter of this recipient, who may be the only one that is slow.
        return Failure(Reason.CONGESTED, permanent=False, retry_after=10.0,
                       text="too many messages are waiting for this recipient")
    return None


def _spellings(message: Message, way: Way) -> Generator[tuple[Query, ...], Rows,
                                                        tuple[str, tuple[Row, ...]]]:
    """ADDR-22: how the target spells himself, and how the sender does from now on; an empty
    spelling is the computed one."""
    origin, target = way.origin.address.key, way.target.key
    rows = yield (query(Spelling, address=target), query(Spelling, address=origin))
    known, spelled = rows.one(Spelling, address=origin), rows.one(Spelling, address=target)
    new = message.origin.spelling
    remembered: tuple[Row, ...] = ()
    if new != (known.text if known is not None else ""):
        remembered = (Spelling(origin, new),)
    return spelled.text if spelled is not None else "", remembered


def _kind(message: Message, way: Way, at: At) -> Generator[tuple[Query, ...], Rows,
                                                           tuple[Kind, tuple[Row, ...]]]:
    """MSG-8: presented as normal, unless the user is known to write chat to this contact."""
    if not at.gateway.follow_kind:
        return message.kind, ()
    pair = pair_of(way.origin.address, way.target)
    if way.origin.address.scheme == XMPP and message.kind is Kind.CHAT:
        return message.kind, (Habit(pair, at.now + HABIT),)
    if way.target.scheme == XMPP and message.kind is Kind.NORMAL:
        rows = yield (query(Habit, pair=pair),)
        habit = rows.one(Habit, pair=pair)
        if habit is not None and at.now < habit.forget_at:
            return Kind.CHAT, ()
    return message.kind, ()


def _urgency(message: Message) -> int:
    """MSG-7: a headline can wait."""
    return -1 if message.kind is Kind.HEADLINE and not message.urgency else message.urgency


def _expiry(message: Message, way: Way, at: At) -> float | None:
    """MSG-41: a text to a phone always has a validity."""
    if message.expires_at is not None or way.target.scheme != TEL:
        return message.expires_at
    link = next((link for link in at.gateway.links if link.lane == way.lane), None)
    if link is None:
        return None
    # SMS-52: what is said in a talk soon gets old.
    soon = link.chat_validity if message.kind is Kind.CHAT else None
    return at.now + (link.validity if soon is None else soon)


def _give_up(expires_at: float | None, at: At) -> float:
    """When a queued item is given up: when it is no longer wanted, or our patience ends."""
    longest = at.now + at.gateway.patience.delivery
    return longest if expires_at is None else min(longest, expires_at)


def _delivery(message: Message, sender: Sender, way: Way, at: At) -> Delivery | None:
    """The row for what may come back; to a SIP target the final answer is the last word unless the
    sender wants more, and a sender who never repeats himself needs none."""
    if (way.target.scheme == SIP and not message.key and not message.hold
            and not message.wants):
        return None
    due = at.now + message.hold if message.hold else None
    return Delivery(at.token, message.key, message.lane, "queued", at.now, NEVER, sender,
                    due)
