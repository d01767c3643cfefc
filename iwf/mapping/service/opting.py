"""Opting out of texts, and in again (SMS-74)."""

from __future__ import annotations

from collections.abc import Generator

from iwf.mapping.carriers import route_of
from iwf.mapping.model import address_of_key
from iwf.mapping.rows import Lease, OptOut, Query, Rows, query
from iwf.mapping.service.caller import Caller
from iwf.mapping.service.texts import spelled_out
from iwf.mapping.turn import At, Turn

Opting = Generator[tuple[Query, ...], Rows, Turn]


def stopped(caller: Caller, contact: str, at: At) -> Opting:
    """No more texts to a phone.

    :param contact: the key of the contact it means; empty: from nobody.
    """
    row = OptOut(caller.phone.key, caller.link.tenant, contact, at.now)
    rows = yield (query(OptOut, phone=row.phone, tenant=row.tenant),)
    if any(known.contact in ("", contact) for known in rows.all(OptOut, phone=row.phone, tenant=row.tenant)):
        # Said again: honoured, and answered no more than once.
        return Turn(rules=("SMS-74",))
    if not contact:
        return Turn(puts=(row,), rules=("SMS-74",)) + caller.told("stopped", at)
    name = spelled_out(address_of_key(contact))
    return Turn(puts=(row,), rules=("SMS-74",)) + caller.told("stopped-one", at, name=name)


def started(caller: Caller, contact: str, at: At) -> Opting:
    """Texts to a phone again; for a contact that it means, from him and from all."""
    phone, tenant = caller.phone.key, caller.link.tenant
    rows = yield (query(OptOut, phone=phone, tenant=tenant),)
    known = rows.all(OptOut, phone=phone, tenant=tenant)
    # START alone takes everything back: who has forgotten whom he has stopped gets no text to tell him.
    lifted_rows = tuple(row for row in known if not contact or row.contact in ("", contact))
    return Turn(drops=lifted_rows, rules=("SMS-74",)) + caller.told("started", at)


def opted_out(caller: Caller, at: At) -> Opting:
    """STOP to any number: from whom it stands for; from all, where it stands for nobody."""
    contact = yield from _behind(caller)
    return (yield from stopped(caller, contact, at))


def lifted(caller: Caller, at: At) -> Opting:
    """START to any number."""
    contact = yield from _behind(caller)
    return (yield from started(caller, contact, at))


def _behind(caller: Caller) -> Generator[tuple[Query, ...], Rows, str]:
    """The key of the contact that the number stands for at this phone; empty for none."""
    both = {"phone": caller.phone.key, "number": caller.number}
    rows = yield (query(Lease, **both),)
    lease = rows.one(Lease, **both)
    if lease is not None:
        return lease.contact
    route = route_of(caller.number, "", caller.link)
    return route.contact if route is not None else ""
