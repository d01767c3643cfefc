"""Texts of the gateway's own to phones, and the language in which they are written."""

from __future__ import annotations

from collections.abc import Generator

from iwf.mapping.model import TEL, Address, Body, Item, Kind, Message, Party
from iwf.mapping.rows import Query, Rows, Subscriber, query
from iwf.mapping.service.catalogue import Catalogue
from iwf.mapping.settings import Link
from iwf.mapping.turn import At

#: Seconds that an answer or a notice is worth delivering: later it would only puzzle.
WORTH = 1800.0


def text_item(id: str, link: Link, number: str, phone: Address, text: str, at: At) -> Item:
    """A text of the gateway's own to a phone; nobody is told when it fails.

    :param id: of the item.
    :param number: from where it comes.
    """
    origin = Address(TEL, number)
    expires_at = at.now + min(link.validity, WORTH)
    message = Message(id, Party(origin), phone, (Body(text),), Kind.CHAT, expires_at=expires_at)
    return Item(id, link.lane, f"{origin.key}|{phone.key}", message, "", at.now,
                expires_at=expires_at)


def spelled_out(contact: Address) -> str:
    """How a contact is written to phones, and how their users can write him."""
    return contact.user if contact.scheme == TEL else f"{contact.user}@{contact.domain}"


def subscriber_of(phone: Address, tenant: str) -> Generator[tuple[Query, ...], Rows, Subscriber | None]:
    """The row of a phone, if it ever spoke to the service number."""
    rows = yield (query(Subscriber, phone=phone.key, tenant=tenant),)
    return rows.one(Subscriber, phone=phone.key, tenant=tenant)


def catalogue_of(subscriber: Subscriber | None, link: Link, at: At) -> Catalogue:
    """The language that a phone is spoken to in."""
    chosen = subscriber.language if subscriber is not None else ""
    return at.gateway.service.catalogue(*(tag for tag in (chosen, link.language) if tag))
