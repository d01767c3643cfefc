"""Messages to and from telephones: leases of numbers, and the service number."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.accounts import as_user
from iwf.mapping.address import canonical, image_of, phone_of
from iwf.mapping.carriers import STATIC, allocated, best_of, carriers_for, route_of, static_lease
from iwf.mapping.charset.coding import utf16_units
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Message, Party, Reason, Taken, address_of_key
from iwf.mapping.numbers import Allocation, in_pool, renewed
from iwf.mapping.route import domain_matches, lane_for, may_speak
from iwf.mapping.rows import Counter, Lease, Query, Rows, query
from iwf.mapping.service.catalogue import Word
from iwf.mapping.service.commands import addressed, command_of
from iwf.mapping.service.guards import guarded
from iwf.mapping.settings import DAY, Gateway, Link
from iwf.mapping.turn import At, Turn
from iwf.mapping.way import Way

_NO_LINK = Failure(Reason.UNKNOWN_RECIPIENT, text="no way to this number",
                   detail="no link of the tenant serves the number and this sender")

Asking = Generator[tuple[Query, ...], Rows, Way | Failure]

#: UTF-16 units that fit into one short message, however they are written (SMS section 5); only longer
#: texts are counted, since only parts need to be told from those of another text.
SHORT = 70


def link_of(lane: str, gateway: Gateway) -> Link | None:
    """The link behind a connector, if it is one."""
    return next((link for link in gateway.links if link.lane == lane), None)


def to_phone(message: Message, origin: Party, phone: Address, tenant: str, at: At,
             invited: bool = False) -> Asking:
    """The way of a message to a phone: its sender is given a number there (ADDR-47).

    :param invited: it comes to an account of the phone's subscriber, who has asked for it.
    """
    if not invited and not may_text(origin.address, tenant, at.gateway):
        return Failure(Reason.FORBIDDEN, text="this domain is not served here",
                       detail="ADDR-25: the tenant does not serve the sender's domain")
    link = best_of(carriers_for(phone, origin.address, tenant, at.gateway), at)
    if link is None:
        return _NO_LINK
    counted = yield from guarded(phone, origin.address, tenant, at)
    if isinstance(counted, Failure):
        return counted
    found = yield from allocated(phone.key, origin.address.key, link, at)
    if isinstance(found, Failure):
        return found
    text = _introduced(message, origin, found, at.gateway)
    way = _over(link, origin, phone, found, text, message, ("ADDR-38", "ADDR-47", "SMS-72"))
    return evolve(way, rows=(*way.rows, *counted)) if counted else way


def _over(link: Link, origin: Party, phone: Address, found: Allocation, text: str | None,
          message: Message, rules: tuple[str, ...]) -> Way:
    """The way over a link, under the number that was found."""
    is_long = utf16_units(message.text if text is None else text) > SHORT
    lease = evolve(found.lease, serial=found.lease.serial + is_long,
                   conversation=message.conversation or found.lease.conversation)
    counted = () if found.counter is None else (Counter(link.pool.name, found.counter),)
    return Way(origin, phone, Address(TEL, lease.number), link.lane, rows=(lease, *counted),
               drops=found.freed, text=text, serial=lease.serial if is_long else 0, rules=rules)


def may_text(origin: Address, tenant: str, gateway: Gateway) -> bool:
    """ADDR-25: texts cost money, so who may not be seen on the other side may not send any.

    Where a tenant bridges nothing but phones, its own server decides who may write.
    """
    if origin.scheme != XMPP or not any(alias.bridges == XMPP and alias.tenant == tenant
                                        for alias in gateway.aliases):
        return True
    return gateway.directory.alias_for(SIP, XMPP, tenant, origin.domain) is not None


def _introduced(message: Message, origin: Party, found: Allocation,
                gateway: Gateway) -> str | None:
    """MSG-44: the sender's name before the text when the number is new to the phone."""
    if gateway.prefix_sender == "never" or (gateway.prefix_sender == "new" and not found.new):
        return None
    name = message.origin.name or origin.address.user or origin.address.domain
    return f"{name}: {message.text}"


def from_phone(message: Message, link: Link,
               at: At) -> Generator[tuple[Query, ...], Rows, Way | Turn | Failure]:
    """The way of a message from a phone: whom does the number stand for (SMS-60)?"""
    origin = writer_of(message, link, at)
    if not isinstance(origin, Party):
        return origin
    number = canonical(message.target, at.gateway)
    if is_service_number(number, link):
        return (yield from _commanded(message, origin, link, at))
    phone = origin.address.key
    rows = yield (query(Lease, phone=phone, number=number.user),)
    lease = rows.one(Lease, phone=phone, number=number.user)
    if lease is None or at.now >= lease.forget_at or lease.pool.startswith(STATIC):
        route = route_of(number.user, message.text, link)
        if route is None:
            return (yield from _unleased(number.user, at))
        lease = static_lease(phone, route, lease, at)
    return (yield from _to_contact(message, origin, lease, link, None, at))


def writer_of(message: Message, link: Link, at: At) -> Party | Turn | Failure:
    """The phone that writes, by its one spelling; or what becomes of what none may write."""
    gateway = at.gateway
    failure = may_speak(message.origin, gateway, link.tenant)
    if failure is not None:
        return failure
    phone = canonical(message.origin.address, gateway)
    if any(_is_ours(phone.user, other) for other in gateway.links):
        # LOOP-7: a text from one of our own numbers is a loop: yes, and dropped.
        return Turn(Taken(""), rules=("LOOP-7",), note=f"{phone.key} is a number of ours, dropped")
    return evolve(message.origin, address=phone)


def _is_ours(number: str, link: Link) -> bool:
    return (number == link.service_number or in_pool(number, link.pool)
            or any(number == route.number for route in link.routes))


def is_service_number(number: Address, link: Link) -> bool:
    """Whether texts to a number are commands (SMS-60)."""
    return bool(link.service_number) and number.user == link.service_number


def _unleased(number: str, at: At) -> Asking:
    """ADDR-48, SMS-61: never to whoever holds the number with another phone."""
    rows = yield (query(Lease, number=number),)
    if rows.all(Lease, number=number):
        return Failure(Reason.REFUSED, text="this number is not yours to write to")
    return Failure(Reason.UNKNOWN_RECIPIENT, text="nobody is behind this number")


def _to_contact(message: Message, origin: Party, lease: Lease, link: Link, text: str | None,
                at: At) -> Asking:
    """The way to whoever a number stands for."""
    contact = address_of_key(lease.contact)
    used = renewed(lease, at.now, at.gateway.patience)
    if contact.scheme == TEL:
        return (yield from _to_other_phone(message, origin, contact, used, link, text, at))
    fresh = lease.conversation if at.now - lease.last_used < DAY else ""
    as_himself = yield from as_user(origin, contact, (used,), text, fresh)
    if as_himself is not None:
        return as_himself
    image = image_of(origin.address, contact.scheme, link.tenant, at.gateway)
    if isinstance(image, Failure):
        return image
    lane = lane_for(contact, link.tenant, at.gateway, image.alias)
    if isinstance(lane, Failure):
        return lane
    return Way(origin, contact, image.address, lane, image.alias, rows=(used,), text=text,
               conversation=fresh, rules=("ADDR-48", "SMS-60", *image.rules))


def _to_other_phone(message: Message, origin: Party, phone: Address, lease: Lease, link: Link,
                    text: str | None, at: At) -> Asking:
    """From phone to phone, perhaps of another operator: each knows the other by a number of ours and
    by nothing else, so no name goes before the text (SMS-63, the paper's figure 13)."""
    carrier = best_of(carriers_for(phone, origin.address, link.tenant, at.gateway), at)
    if carrier is None:
        return _NO_LINK
    counted = yield from guarded(phone, origin.address, link.tenant, at)
    if isinstance(counted, Failure):
        return counted
    found = yield from allocated(phone.key, origin.address.key, carrier, at)
    if isinstance(found, Failure):
        return found
    way = _over(carrier, origin, phone, found, text, message, ("ADDR-48", "SMS-63"))
    return evolve(way, rows=(lease, *way.rows, *counted))


def _commanded(message: Message, origin: Party, link: Link, at: At) -> Asking:
    """``TO address text`` at the service number (SMS-70, ADDR-50); the other commands are answered
    by :mod:`iwf.mapping.service.door`."""
    command = command_of(message.text, at.gateway.service)
    found = addressed(command.rest) if command is not None and command.word is Word.TO else None
    if found is None:
        return Failure(Reason.UNKNOWN_RECIPIENT, text="not a command")
    contact, text = named_contact(found[0], link.tenant, at.gateway), found[1]
    if contact is None:
        return Failure(Reason.UNKNOWN_RECIPIENT, text="not an address served here")
    number = yield from allocated(origin.address.key, contact.key, link, at)
    if isinstance(number, Failure):
        return number
    way = yield from _to_contact(message, origin, number.lease, link, text, at)
    if isinstance(way, Failure):
        return way
    counted = () if number.counter is None else (Counter(link.pool.name, number.counter),)
    return evolve(way, rows=(*way.rows, *counted), drops=(*way.drops, *number.freed),
                  reached_at=Address(TEL, number.lease.number),
                  rules=(*way.rules, "ADDR-50", "SMS-70"))


def named_contact(text: str, tenant: str, gateway: Gateway) -> Address | None:
    """The native address a phone's user means: a number, ``sip:user@domain``, ``xmpp:user@domain`` or
    ``user@domain``, which is taken for whichever world the tenant knows the domain in."""
    number = phone_of(text.removeprefix("tel:"))
    if number is not None and number.user.startswith("+"):
        return number
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower() if colon else ""
    user, at_sign, domain = (rest if scheme in (XMPP, SIP) else text).rpartition("@")
    if not at_sign or not user or not domain:
        return None
    served = {SIP: [name for trunk in gateway.trunks if trunk.tenant == tenant
                    for name in trunk.domains],
              XMPP: [name for alias in gateway.aliases
                     if alias.tenant == tenant and alias.bridges == XMPP for name in alias.serves]}
    worlds = [scheme] if scheme in served else [
        world for wanted in (True, False) for world in (XMPP, SIP)
        # A domain that is named exactly wins over one that a wildcard lets in.
        if wanted is (domain.lower() in served[world])]
    for world in worlds:
        if any(domain_matches(pattern, domain.lower()) for pattern in served[world]):
            return canonical(Address(world, user, domain), gateway)
    return None
