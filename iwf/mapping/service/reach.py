"""Whether phones can be reached, and when their sessions end (SMSP-2, SMSP-6)."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.address import Mapped, canonical, native_of
from iwf.mapping.model import TEL, Address, Due, Outcome, PhoneSeen, Reason, Taken
from iwf.mapping.rows import Delivery, Part, Query, Rows, Subscriber, query
from iwf.mapping.service.contacts import seen_anew, went_offline
from iwf.mapping.service.desk import offline
from iwf.mapping.service.texts import subscriber_of
from iwf.mapping.turn import At, Decision, Turn, as_written

#: Failures that say that a phone is switched off or away from its network.
_ABSENT = frozenset({Reason.UNAVAILABLE, Reason.EXPIRED})


def decide_session_due(due: Due, at: At) -> Decision:
    """A phone has been quiet for too long; it is not told, since that would cost a text."""
    phone, tenant = due.key.split("\n")
    rows = yield (query(Subscriber, phone=phone, tenant=tenant),)
    row = rows.one(Subscriber, phone=phone, tenant=tenant)
    if row is None or row.due is None or at.now < row.due:
        return Turn()
    note = f"{phone} has been quiet, its session is over"
    return Turn(rules=("SMSP-2",), note=note) + (yield from went_offline(offline(row, at), at))


def decide_phone_seen(event: PhoneSeen, at: At) -> Decision:
    """An operator says that a phone can be reached, or cannot (SMPP 3.4 4.12)."""
    tenant = at.gateway.directory.tenant_of(event.lane)
    phone = canonical(event.phone, at.gateway)
    note = f"{phone.key} can{'' if event.available else 'not'} be reached"
    if tenant is None:
        return Turn(Taken(""), note=note)
    return Turn(Taken(""), rules=("SMSP-6",), note=note) + (yield from _reached(phone, tenant, event.available, at))


def _reached(phone: Address, tenant: str, available: bool, at: At) -> Generator[tuple[Query, ...], Rows, Turn]:
    row = yield from subscriber_of(phone, tenant)
    if row is None or row.reachable == available:
        return Turn()
    turn = Turn(puts=(evolve(row, reachable=available, changed=at.now),))
    if not row.online:
        return turn
    return turn.then((yield from as_written(turn, seen_anew(evolve(row, reachable=available, changed=at.now), at))))


def reached_by_receipts(decision: Decision, at: At) -> Decision:
    """A decision about a receipt, with what it says about the phone (SMSP-6)."""
    turn = yield from decision
    parts = [row for row in turn.puts if isinstance(row, Part)]
    if not parts:
        return turn
    delivery = next((row for row in turn.puts if isinstance(row, Delivery)), None)
    available = _says(parts[-1])
    found = native_of(delivery.sender.target, at.gateway) if delivery is not None else None
    if available is None or not isinstance(found, Mapped) or found.address.scheme != TEL or found.alias is None:
        return turn  # of phones that write to each other nothing is known to be seen by anybody
    step = evolve(at, token=f"{at.token}.r")
    return turn.then((yield from as_written(
        turn, _reached(canonical(found.address, at.gateway), found.alias.tenant, available, step))))


def _says(part: Part) -> bool | None:
    if part.failure is not None:
        return False if part.failure.reason in _ABSENT else None
    return True if part.outcome == Outcome.DELIVERED.value else None
