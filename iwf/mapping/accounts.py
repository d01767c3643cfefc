"""Phones whose subscribers have accounts of their own in another world (the paper's Joe@A.com).

Such a phone has no image there: an edge is logged in as the user, and its connection is a connector
of its own.  What comes for the user goes to the phone under the number of whoever writes, and what
the phone writes to users of that world leaves as the user.
"""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.address import canonical, phone_of
from iwf.mapping.model import (
    TEL,
    Address,
    Enrolled,
    Failure,
    Item,
    Message,
    Party,
    Presence,
    Reason,
    Released,
    Taken,
    Withdrawn,
    address_of_key,
)
from iwf.mapping.presence.phones import published_by
from iwf.mapping.rows import Account, Lease, Query, Row, Rows, Subscriber, query
from iwf.mapping.turn import At, Decision, Turn, refuse
from iwf.mapping.way import Way

_NO_PHONE = Failure(Reason.MALFORMED_ADDRESS, text="this is no telephone number")
_NOT_OURS = Failure(Reason.FORBIDDEN, text="no subscriber of ours is this user",
                    detail="no account belongs to the connector")
_NOT_HIM = Failure(Reason.UNKNOWN_RECIPIENT, text="no such user here",
                   detail="the message is not for the user that the connector is logged in as")
_HIMSELF = Failure(Reason.LOOP, text="the sender is the recipient",
                   detail="LOOP-5: a user who writes to himself")
_TAKEN = Failure(Reason.CONFLICT, text="another phone has this account")
_NO_LEASE = Failure(Reason.UNKNOWN_RECIPIENT, text="the phone has no such number")


def subscriber_of(message: Message, at: At) -> Generator[tuple[Query, ...], Rows, Account | Failure]:
    """Whose message it is, that came in over the connection of an account."""
    rows = yield (query(Account, lane=message.lane),)
    account = rows.one(Account, lane=message.lane)
    origin = canonical(message.origin.address, at.gateway)
    if account is None or message.origin.asserted_by != message.lane:
        return _NOT_OURS
    user = address_of_key(account.user)
    if origin.scheme != user.scheme:
        return _NOT_OURS
    if canonical(message.target, at.gateway).key != account.user:
        return _NOT_HIM
    # LOOP-5 is about him alone: who writes from an alias domain of ours writes to a user of the other
    # world, who is a phone by his own wish.
    return _HIMSELF if origin.key == account.user else account


def as_user(origin: Party, contact: Address, rows: tuple[Row, ...], text: str | None,
            conversation: str) -> Generator[tuple[Query, ...], Rows, Way | None]:
    """The way of a text from a phone to a contact in whose world its subscriber has an account.

    :param rows: written with the message.
    :return: None when he has none there.
    """
    phone = origin.address.key
    found = (yield (query(Account, phone=phone),)).one(Account, phone=phone)
    if found is None:
        return None
    user = address_of_key(found.user)
    if user.scheme != contact.scheme:
        return None
    return Way(origin, contact, user, found.lane, rows=rows, text=text, conversation=conversation,
               rules=("ADDR-48", "SMS-60"))


def decide_enrolled(event: Enrolled, at: At) -> Decision:
    """The decision for a subscriber who has logged in to his account; repeated at every start."""
    phone, user = phone_of(event.phone.user, event.phone.domain), canonical(event.user.bare(), at.gateway)
    tenant = at.gateway.directory.tenant_of(event.by)
    note = f"{event.phone.key} as {user.key}"
    if phone is None or user.scheme == TEL or not user.user:
        return refuse(_NO_PHONE, note)
    if tenant is None or at.gateway.directory.tenant_of(event.lane) is not None:
        return refuse(_NOT_OURS, note)
    rows = yield (query(Account, lane=event.lane),)
    other = rows.one(Account, lane=event.lane)
    if other is not None and other.phone != phone.key:
        return refuse(_TAKEN, note)
    account = Account(phone.key, user.key, event.lane, tenant)
    rows = yield (query(Subscriber, phone=phone.key, tenant=tenant),)
    state = _state(account, rows.one(Subscriber, phone=phone.key, tenant=tenant), at)
    return Turn(Taken(""), puts=(account,), latest=(state,), note=f"{note} enrolled")


def seen_as_user(decision: Decision, at: At) -> Decision:
    """A decision about a phone, with what the account of its subscriber shows of it from now on: whether
    it is logged in, and its status (SMSP-2)."""
    turn = yield from decision
    for row in turn.puts:
        if isinstance(row, Subscriber):
            rows = yield (query(Account, phone=row.phone),)
            account = rows.one(Account, phone=row.phone)
            if account is not None and account.tenant == row.tenant:
                turn += Turn(latest=(_state(account, row, at),))
    return turn


def _state(account: Account, subscriber: Subscriber | None, at: At) -> Item:
    """What there is to see of the phone, for whoever is logged in as the user."""
    user = address_of_key(account.user)
    view = published_by(account.phone, account.tenant, subscriber, at.gateway)
    shown = Presence(Party(user), user, () if view is None else view.devices)
    return Item(f"{at.token}.s", account.lane, f"{account.user} state", shown, created=at.now)


def decide_withdrawn(event: Withdrawn, at: At) -> Decision:
    """The decision for a subscriber who wants to be no user any more."""
    phone = canonical(event.phone, at.gateway).key
    found = (yield (query(Account, phone=phone),)).all(Account, phone=phone)
    return Turn(Taken(""), drops=found, note=f"{phone} withdrawn")


def decide_released(event: Released, at: At) -> Decision:
    """The decision for an operator who ends a lease: the number rests, as after a long silence, before
    the phone may be given it for somebody else (ADDR-47)."""
    phone = canonical(event.phone, at.gateway).key
    found = (yield (query(Lease, phone=phone, number=event.number),)).one(
        Lease, phone=phone, number=event.number)
    if found is None:
        return refuse(_NO_LEASE, f"{phone} {event.number}")
    patience = at.gateway.patience
    resting = evolve(found, last_used=min(found.last_used, at.now - patience.lease_idle),
                     forget_at=min(found.forget_at, at.now + patience.quarantine))
    return Turn(Taken(""), puts=(resting,), rules=("ADDR-47",), note=f"{event.number} of {phone} released")
