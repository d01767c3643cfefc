"""Virtual numbers: who is behind which number, phone by phone (ADDR-44..51).

A phone can answer only to a number, so each contact that writes to it is given one.  The same
number may mean different contacts to different phones.  The state of a lease follows from the
time of its last use alone: leased, then (idle) in quarantine, then free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from iwf.mapping.model import Failure, Reason
from iwf.mapping.rows import Lease
from iwf.mapping.settings import NumberPool, Patience

#: An alphanumeric sender holds at most 11 characters, any other 20 (ADDR-44, SMPP 3.4 5.2.9).
LONGEST_WITH_LETTER = 11
LONGEST_NUMBER = 20


@frozen
class Allocation:
    """The number to use, and what is to be written with it."""

    lease: Lease
    new: bool
    """The phone has not seen this contact under this number before."""
    counter: int | None = None
    """The new value of the pool's counter, when a serial was taken."""
    freed: tuple[Lease, ...] = ()
    """Leases whose quarantine is over and whose number is taken now."""


def forget_at(used: float, patience: Patience) -> float:
    """When a lease last used at ``used`` becomes free (ADDR-47: idle time, then quarantine)."""
    return used + patience.lease_idle + patience.quarantine


def renewed(lease: Lease, now: float, patience: Patience) -> Lease:
    """The lease after a message either way; a quarantined one is leased again (ADDR-47)."""
    return evolve(lease, last_used=now, forget_at=forget_at(now, patience))


def in_pool(number: str, pool: NumberPool) -> bool:
    """Whether a number can be one of the pool's."""
    if pool.numbers:
        return number in pool.numbers
    if not pool.width or len(number) != len(pool.prefix) + pool.width:
        return False
    tail = number[len(pool.prefix):]
    return number.startswith(pool.prefix) and tail.isascii() and tail.isdigit()


def allocate(phone: str, contact: str, pool: NumberPool, *, of_pair: Lease | None,
             of_contact: Sequence[Lease], of_phone: Sequence[Lease], counter: int, now: float,
             patience: Patience) -> Allocation | Failure:
    """Choose the number under which a contact reaches a phone.

    :param of_pair: the lease of exactly this pair, if there is one.
    :param of_contact: all leases of the contact.
    :param of_phone: all leases of the phone.
    :param counter: the last serial the pool gave out, 0 at first (ADDR-46).
    :return: in this order (ADDR-47) the number he has with this phone, the number he has with
        other phones if it is free here, the next one of the pool; CONGESTED when there is none
        (ADDR-49).
    """
    if of_pair is not None and now < of_pair.forget_at:
        return Allocation(renewed(of_pair, now, patience), new=False)
    taken = {lease.number for lease in of_phone if now < lease.forget_at}
    # A row past its quarantine may not have been swept yet; its number and its pair are free.
    stale = {lease.number: lease for lease in of_phone if now >= lease.forget_at}

    def lease_of(number: str, value: int | None = None) -> Allocation:
        freed = tuple(row for row in (stale.get(number), of_pair) if row is not None)
        return Allocation(Lease(phone, number, contact, pool.name, now, now,
                                forget_at(now, patience)), True, value, tuple(dict.fromkeys(freed)))

    for lease in sorted(of_contact, key=lambda row: -row.last_used):
        if lease.number not in taken and in_pool(lease.number, pool):
            return lease_of(lease.number)
    for number, value in _candidates(pool, counter, len(taken)):
        if number not in taken:
            return lease_of(number, value)
    return Failure(Reason.CONGESTED, permanent=False, text="no free number for this phone")


def _candidates(pool: NumberPool, counter: int, taken: int) -> Iterator[tuple[str, int]]:
    """The pool's numbers from the counter on, once round at the most; one more than are taken
    is enough, since a phone has no more distinct leases than that."""
    size = len(pool.numbers) if pool.numbers else 10 ** pool.width - 1 if pool.width else 0
    for step in range(1, min(size, taken + 1) + 1):
        value = (counter + step - 1) % size + 1  # ADDR-46: cyclic 1..size
        if pool.numbers:
            yield pool.numbers[value - 1], value
        else:
            yield f"{pool.prefix}{value:0{pool.width}d}", value
