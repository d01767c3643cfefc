"""Messages to and from telephones: leases of numbers, and the service number."""

from __future__ import annotations

import re
from collections.abc import Generator

from attrs import evolve

from iwf.mapping.address import canonical, image_of, phone_of
from iwf.mapping.carriers import allocated, best_of, carriers_for
from iwf.mapping.charset.coding import utf16_units
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Message, Party, Reason, Taken, address_of_key
from iwf.mapping.numbers import Allocation, in_pool, renewed
from iwf.mapping.route import domain_matches, lane_for, may_speak
from iwf.mapping.rows import Counter, Lease, Query, Rows, query
from iwf.mapping.settings import DAY, Gateway, Link
from iwf.mapping.turn import At, Turn
from iwf.mapping.way import Way

_NO_LINK = Failure(Reason.UNKNOWN_RECIPIENT, text="no way to this number",
                   detail="no link of the tenant serves the number and this sender")

Asking = Generator[tuple[Query, ...], Rows, Way | Failure]

#: UTF-16 units that fit into one short message, however they are written (SMS section 5); only longer
#: texts are counted, since only parts need to be told from those of another text.
SHORT = 70

#: ``TO romeo@example.net text`` at the service number (SMS-70, ADDR-50).
_COMMAND_TO = re.compile(r"\s*to\s+(\S+)\s+(\S.*)", re.IGNORECASE | re.DOTALL)


def link_of(lane: str, gateway: Gateway) -> Link | None:
    """The link behind a connector, if it is one."""
    return next((link for link in gateway.links if link.lane == lane), None)


def to_phone(message: Message, origin: Party, phone: Address, tenant: str, at: At) -> Asking:
    """The way of a message to a phone: its sender is given a number there (ADDR-47)."""
    if not _served(origin.address, tenant, at.gateway):
        return Failure(Reason.FORBIDDEN, text="this domain is not served here",
                       detail="ADDR-25: the tenant does not serve the sender's domain")
    link = best_of(carriers_for(phone, origin.address, tenant, at.gateway), at)
    if link is None:
        return _NO_LINK
    found = yield from allocated(phone.key, origin.address.key, link, at)
    if isinstance(found, Failure):
        return found
    text = _introduced(message, origin, found, at.gateway)
    return _over(link, origin, phone, found, text, message, ("ADDR-38", "ADDR-47", "SMS-72"))


def _over(link: Link, origin: Party, phone: Address, found: Allocation, text: str | None,
          message: Message, rules: tuple[str, ...]) -> Way:
    """The way over a link, under the number that was found."""
    is_long = utf16_units(message.text if text is None else text) > SHORT
    lease = evolve(found.lease, serial=found.lease.serial + is_long,
                   conversation=message.conversation or found.lease.conversation)
    counted = () if found.counter is None else (Counter(link.pool.name, found.counter),)
    return Way(origin, phone, Address(TEL, lease.number), link.lane, rows=(lease, *counted),
               drops=found.freed, text=text, serial=lease.serial if is_long else 0, rules=rules)


def _served(origin: Address, tenant: str, gateway: Gateway) -> bool:
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
    gateway = at.gateway
    failure = may_speak(message.origin, gateway, link.tenant)
    if failure is not None:
        return failure
    phone = canonical(message.origin.address, gateway)
    number = canonical(message.target, gateway)
    if phone.user == link.service_number or any(in_pool(phone.user, other.pool)
                                                for other in gateway.links):
        # LOOP-7: a text from one of our own numbers is a loop: yes, and dropped.
        return Turn(Taken(""), rules=("LOOP-7",), note=f"{phone.key} is a number of ours, dropped")
    origin = evolve(message.origin, address=phone)
    if link.service_number and number.user == link.service_number:
        return (yield from _commanded(message, origin, link, at))
    rows = yield (query(Lease, phone=phone.key, number=number.user),)
    lease = rows.one(Lease, phone=phone.key, number=number.user)
    if lease is None or at.now >= lease.forget_at:
        return (yield from _unleased(number.user, at))
    return (yield from _to_contact(message, origin, lease, link, None, at))


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
    image = image_of(origin.address, contact.scheme, link.tenant, at.gateway)
    if isinstance(image, Failure):
        return image
    lane = lane_for(contact, link.tenant, at.gateway, image.alias)
    if isinstance(lane, Failure):
        return lane
    fresh = lease.conversation if at.now - lease.last_used < DAY else ""
    return Way(origin, contact, image.address, lane, image.alias, rows=(used,), text=text,
               conversation=fresh, rules=("ADDR-48", "SMS-60", *image.rules))


def _to_other_phone(message: Message, origin: Party, phone: Address, lease: Lease, link: Link,
                    text: str | None, at: At) -> Asking:
    """From phone to phone, perhaps of another operator: each knows the other by a number of ours and
    by nothing else, so no name goes before the text (SMS-63, the paper's figure 13)."""
    carrier = best_of(carriers_for(phone, origin.address, link.tenant, at.gateway), at)
    if carrier is None:
        return _NO_LINK
    found = yield from allocated(phone.key, origin.address.key, carrier, at)
    if isinstance(found, Failure):
        return found
    way = _over(carrier, origin, phone, found, text, message, ("ADDR-48", "SMS-63"))
    return evolve(way, rows=(lease, *way.rows))


def _commanded(message: Message, origin: Party, link: Link, at: At) -> Asking:
    """A text to the service number: ``TO address text`` is the one command so far."""
    command = _COMMAND_TO.fullmatch(message.text)
    if command is None:
        return Failure(Reason.UNKNOWN_RECIPIENT, text="not a command")
    contact = named_contact(command.group(1), link.tenant, at.gateway)
    if contact is None:
        return Failure(Reason.UNKNOWN_RECIPIENT, text="not an address served here")
    found = yield from allocated(origin.address.key, contact.key, link, at)
    if isinstance(found, Failure):
        return found
    way = yield from _to_contact(message, origin, found.lease, link, command.group(2), at)
    if isinstance(way, Failure):
        return way
    counted = () if found.counter is None else (Counter(link.pool.name, found.counter),)
    return evolve(way, rows=(*way.rows, *counted), drops=(*way.drops, *found.freed),
                  reached_at=Address(TEL, found.lease.number),
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
