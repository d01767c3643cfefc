"""Which texts to phones are not sent: who has opted out, and what would cost too much (SMS-73, SMS-74)."""

from __future__ import annotations

from collections.abc import Generator

from iwf.mapping.model import Address, Failure, Reason
from iwf.mapping.rows import OptOut, Query, Quota, Rows, query
from iwf.mapping.service.quotas import spent
from iwf.mapping.service.settings import DAY
from iwf.mapping.turn import At

_OPTED_OUT = Failure(Reason.NOT_ALLOWED, text="this phone does not want texts",
                     detail="SMS-74: it has opted out")
_NOT_THERE = Failure(Reason.POLICY, text="no texts are sent to this number",
                     detail="SMS-73: its prefix is blocked, or of no country that is allowed")
_ENOUGH_BY_SENDER = Failure(Reason.POLICY, permanent=False, text="you have sent too many texts today",
                            detail="SMS-73: sender_limit")
_ENOUGH_FOR_PHONE = Failure(Reason.POLICY, permanent=False, text="this phone was sent too many texts today",
                            detail="SMS-73: phone_limit")

Guarding = Generator[tuple[Query, ...], Rows, tuple[Quota, ...] | Failure]


def guarded(phone: Address, sender: Address, tenant: str, at: At) -> Guarding:
    """Whether a text may go to a phone.

    :param phone: canonical; ``sender`` likewise.
    :return: what is counted with it, or why it may not.
    """
    guards = at.gateway.guards
    if not may_be_reached(phone, at):
        return _NOT_THERE
    if (yield from has_opted_out(phone.key, sender.key, tenant)):
        return _OPTED_OUT
    counted: tuple[Quota, ...] = ()
    for name, most, failure in ((f"from {sender.key}", guards.sender_limit, _ENOUGH_BY_SENDER),
                                (f"to {phone.key}", guards.phone_limit, _ENOUGH_FOR_PHONE)):
        if most:
            quota = yield from spent(f"{name} {tenant}", most, DAY, at)
            if quota is None:
                return failure
            counted += (quota,)
    return counted


def may_be_reached(phone: Address, at: At) -> bool:
    """Whether texts may go to this number at all; short codes are of no country."""
    guards = at.gateway.guards
    if phone.user.startswith(guards.blocked):
        return False
    return not guards.countries or not phone.user.startswith("+") or phone.user.startswith(guards.countries)


def has_opted_out(phone: str, contact: str, tenant: str) -> Generator[tuple[Query, ...], Rows, bool]:
    """Whether a phone wants nothing from a contact, or nothing at all; both by their keys."""
    rows = yield (query(OptOut, phone=phone, tenant=tenant),)
    return any(row.contact in ("", contact) for row in rows.all(OptOut, phone=phone, tenant=tenant))
