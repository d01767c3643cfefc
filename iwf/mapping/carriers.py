"""Which operator's link takes a text to a phone, and which one when that is away."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.address import phone_of
from iwf.mapping.directory import domain_matches
from iwf.mapping.model import TEL, Address, Failure, Item, Message, Stranded, address_of_key
from iwf.mapping.numbers import Allocation, allocate, in_pool, renewed
from iwf.mapping.rows import Counter, Lease, Query, Queued, Rows, query
from iwf.mapping.service.settings import NumberRoute
from iwf.mapping.settings import Gateway, Link
from iwf.mapping.turn import At, Decision, Turn, as_written

#: Before the number, the pool of leases of a number that a contact has for good (SMS-60); no name of
#: a link holds a space.
STATIC = "static "

Allocating = Generator[tuple[Query, ...], Rows, Allocation | Failure]


def carriers_for(phone: Address, sender: Address, tenant: str, gateway: Gateway) -> tuple[Link, ...]:
    """The links that may take a text, the best first: the longest prefix, then the lowest cost, then
    the order of the configuration.

    An operator's own short code goes to him alone; an alphanumeric sender has no number (ADDR-41).

    :param phone: canonical.
    :param sender: the native address of whoever writes.
    """
    number = phone_of(phone.user, phone.domain)
    if number is None:
        return ()
    matching = dict.fromkeys(
        link for prefix, link in gateway.directory.prefixes.get(tenant, ())
        if number.user.startswith(prefix) and may_use(link, sender))
    own = tuple(link for link in matching if _operator(link) == number.domain)
    return own if number.domain and own else tuple(matching)


def _operator(link: Link) -> str:
    return link.operator or link.lane.partition(":")[2]


def may_use(link: Link, sender: Address) -> bool:
    """Whether a link is there for a sender: everybody, unless it names those that it is for."""
    return not link.senders or any(_is_meant(pattern, sender) for pattern in link.senders)


def _is_meant(pattern: str, sender: Address) -> bool:
    if sender.scheme == TEL:
        return pattern.startswith("+") and sender.user.startswith(pattern)
    user, at_sign, domain = pattern.rpartition("@")
    return (not at_sign or user == sender.user) and domain_matches(domain, sender.domain)


def best_of(links: tuple[Link, ...], at: At) -> Link | None:
    """The first that is connected, or has been away for a moment only; else the first of all, whose
    texts wait or are refused."""
    return next((link for link in links if is_healthy(link.lane, at)), links[0] if links else None)


def is_healthy(lane: str, at: At) -> bool:
    """Whether a connector is up, or away for less than the grace."""
    view = at.lanes.get(lane)
    return view is None or view.up or at.now - view.changed <= at.gateway.patience.grace


def allocated(phone: str, contact: str, link: Link, at: At) -> Allocating:
    """The number under which a contact writes to a phone over a link (ADDR-47).

    A number works on the links whose operator routes it back to us, so a contact may have one for
    each pool, and the same one over links that share their numbers.

    :param phone: key of the phone's address; ``contact`` likewise.
    """
    route = next((route for route in link.routes if route.contact == contact and not route.keyword), None)
    rows = yield (query(Lease, phone=phone, contact=contact),)
    if route is not None:  # ADDR-50: he always has this one
        known = next((lease for lease in rows.all(Lease, phone=phone, contact=contact)
                      if lease.number == route.number), None)
        return Allocation(static_lease(phone, route, known, at), new=known is None)
    pair = next((lease for lease in rows.all(Lease, phone=phone, contact=contact)
                 if in_pool(lease.number, link.pool)), None)
    if pair is not None and at.now < pair.forget_at:
        return Allocation(renewed(pair, at.now, at.gateway.patience), new=False)
    rows = yield (query(Lease, contact=contact), query(Lease, phone=phone),
                  query(Counter, pool=link.pool.name))
    counter = rows.one(Counter, pool=link.pool.name)
    return allocate(phone, contact, link.pool, of_pair=pair, of_contact=rows.all(Lease, contact=contact),
                    of_phone=rows.all(Lease, phone=phone), counter=counter.value if counter else 0,
                    now=at.now, patience=at.gateway.patience)


def route_of(number: str, text: str, link: Link) -> NumberRoute | None:
    """Whom a number stands for, whatever phone writes to it: by the first word of the text, else by
    itself (SMS-60)."""
    routes = [route for route in link.routes if route.number == number]
    if not routes:
        return None
    words = text.split(None, 1)
    first = words[0].rstrip(".,:!").casefold() if words else ""
    return next((route for keyword in (first, "") for route in routes if route.keyword == keyword), None)


def static_lease(phone: str, route: NumberRoute, known: Lease | None, at: At) -> Lease:
    """The lease of a number that nobody else can have: it only keeps what belongs to the two.

    :param phone: key of the phone's address.
    :param known: what there was between this phone and this number.
    """
    if known is None or known.contact != route.contact:
        known = Lease(phone, route.number, route.contact, STATIC + route.number, at.now, at.now, at.now)
    return renewed(known, at.now, at.gateway.patience)


def decide_stranded(event: Stranded, at: At) -> Decision:
    """The decision for texts whose link stays away: they leave by another one that may take them.

    What a link may have submitted already is not among them, since a text twice costs money.
    """
    turn = Turn()
    link = at.gateway.directory.links.get(event.lane)
    if link is None or is_healthy(event.lane, at):
        return turn
    moved = 0
    for id in event.items:
        rows = yield (query(Queued, id=id),)
        queued = rows.one(Queued, id=id)
        if queued is not None and isinstance(queued.payload, Message):
            # ADDR-47: a number that one text was given is not free for the next.
            one = yield from as_written(
                turn, _elsewhere(queued.item(), queued.payload, link, f"{at.token}.{moved}", at))
            moved += bool(one.sends)
            turn = turn.then(one)
    return turn + Turn(note=f"{moved} of {len(event.items)} texts leave {event.lane}, which is away"
                       if moved else "")


def _elsewhere(item: Item, text: Message, link: Link, id: str,
               at: At) -> Generator[tuple[Query, ...], Rows, Turn]:
    """Move one text to the best link that is there; nothing when there is none."""
    phone, number = text.target.key, text.origin.address.user
    rows = yield (query(Lease, phone=phone, number=number),)
    lease = rows.one(Lease, phone=phone, number=number)
    if lease is None:
        return Turn()
    others = tuple(other for other in
                   carriers_for(text.target, address_of_key(lease.contact), link.tenant, at.gateway)
                   if other.lane != link.lane and is_healthy(other.lane, at))
    if not others:
        return Turn()
    found = yield from allocated(phone, lease.contact, others[0], at)
    if isinstance(found, Failure):
        return Turn()
    origin = evolve(text.origin, address=Address(TEL, found.lease.number))
    again = evolve(item, id=id, lane=others[0].lane, payload=evolve(text, origin=origin), not_before=0.0)
    counted = () if found.counter is None else (Counter(others[0].pool.name, found.counter),)
    return Turn(done=(item,), sends=(again,), puts=(found.lease, *counted), drops=found.freed)
