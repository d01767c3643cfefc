"""Who writes to the service, over which link, and in which language he is answered."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve, frozen

from iwf.mapping.address import canonical
from iwf.mapping.model import Address, Item, Message, Refused
from iwf.mapping.rows import Query, Rows, Subscriber, query
from iwf.mapping.service.catalogue import Catalogue
from iwf.mapping.service.texts import catalogue_of, subscriber_of, text_item
from iwf.mapping.settings import Link
from iwf.mapping.turn import At, Turn

#: Seconds by which the end of a session moves at once, so that not every text writes a row.
STEP = 300.0


@frozen
class Caller:
    """A phone that writes to the service."""

    phone: Address
    link: Link
    number: str
    """The one it wrote to, from which it is answered."""
    subscriber: Subscriber
    """Its row, or the one it would have."""
    catalogue: Catalogue

    def told(self, name: str, at: At, /, **values: str) -> Turn:
        """The turn that answers with a text of the catalogue."""
        return self.told_text(self.catalogue.text(name, **values), at)

    def told_text(self, text: str, at: At) -> Turn:
        """The turn that answers with a text."""
        return Turn(sends=(self._item(text, at),))

    def _item(self, text: str, at: At) -> Item:
        return text_item(f"{at.token}.a", self.link, self.number, self.phone, text, at)


def caller_of(phone: Address, link: Link, number: str, at: At) -> Generator[tuple[Query, ...], Rows, Caller]:
    """What is known of a phone that writes.

    :param phone: canonical.
    :param number: that it wrote to.
    """
    known = yield from subscriber_of(phone, link.tenant)
    subscriber = known or Subscriber(phone.key, link.tenant, link.lane)
    return Caller(phone, link, number, evolve(subscriber, lane=link.lane), catalogue_of(known, link, at))


def kept_alive(message: Message, link: Link, turn: Turn, at: At) -> Generator[tuple[Query, ...], Rows, Turn]:
    """SMSP-2: a session goes on with every text of the phone that was taken."""
    if isinstance(turn.verdict, Refused) or any(isinstance(row, Subscriber) for row in turn.puts):
        return Turn()
    phone = canonical(message.origin.address, at.gateway).key
    rows = yield (query(Subscriber, phone=phone, tenant=link.tenant),)
    row = rows.one(Subscriber, phone=phone, tenant=link.tenant)
    due = at.now + at.gateway.service.session_idle
    if row is None or not row.online or row.due is None or due - row.due < STEP:
        return Turn()
    return Turn(puts=(evolve(row, due=due),))
