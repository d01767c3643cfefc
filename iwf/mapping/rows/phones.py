"""Phones: their numbers, parts and order of texts, and what they have told the service number."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from iwf.mapping.model import Item, Message


@frozen
class Lease:
    """A number at which one phone reaches one contact (ADDR-47)."""

    TABLE: ClassVar[str] = "lease"
    KEY: ClassVar[tuple[str, ...]] = ("phone", "number")

    phone: str
    """Key of the phone's address: a short code is not the same at another operator."""
    number: str
    contact: str
    """Key of the contact's bare native address; unique per phone and pool."""
    pool: str
    first_used: float
    last_used: float
    forget_at: float
    """End of the quarantine: from then on the number is free for this phone."""
    conversation: str = ""
    """The contact's last conversation with this phone, for a day (messages.md section 10)."""
    serial: int = 0
    """How many of the longer texts went from this number to this phone (SMS-33)."""


@frozen
class Account:
    """A phone whose subscriber has an account of his own in another world: to that world the phone is
    that user, and nobody's image."""

    TABLE: ClassVar[str] = "account"
    KEY: ClassVar[tuple[str, ...]] = ("phone",)

    phone: str
    """Key of the phone's address."""
    user: str
    """Key of the account's bare address."""
    lane: str
    """The connector that is logged in as the user; unique, as an account is one phone's only."""
    tenant: str


@frozen
class Counter:
    """The last serial given out by a pool (ADDR-46)."""

    TABLE: ClassVar[str] = "counter"
    KEY: ClassVar[tuple[str, ...]] = ("pool",)

    pool: str
    value: int


@frozen
class Piece:
    """One part of a text that has come, as :class:`~iwf.mapping.model.Fragment` has it."""

    number: int
    coding: str
    octets: str


@frozen
class Fragments:
    """The parts of a text that have come so far; kept for a while when it is whole, to know
    repetitions (SMS-35)."""

    TABLE: ClassVar[str] = "fragment"
    KEY: ClassVar[tuple[str, ...]] = ("reference",)

    reference: str
    message: Message
    """All but the text, of the part that came first."""
    total: int
    pieces: tuple[Piece, ...]
    """In the order they came."""
    due: float | None
    """When the missing parts are no longer waited for; None when the text has been passed on."""
    forget_at: float


@frozen
class Pace:
    """The text that has the floor between a number and a phone: the next one leaves when its outcome
    is known (SMS-50)."""

    TABLE: ClassVar[str] = "pace"
    KEY: ClassVar[tuple[str, ...]] = ("stream",)

    stream: str
    delivery: str
    due: float | None
    """When its outcome is no longer waited for."""
    text: Message | None = None
    """What to send once more when it expires (SMS-51); None when that is not wanted, or was done."""
    lane: str = ""


@frozen
class Parked:
    """A text that waits for the floor."""

    TABLE: ClassVar[str] = "parked"
    KEY: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    """Of the item that it is going to be."""
    lane: str
    stream: str
    delivery: str
    created: float
    payload: Message
    due: float | None
    """When it is no longer wanted."""
    place: int = 0
    """In the queue; several may be parked at the same moment."""

    def item(self) -> Item:
        """The item, now that it may leave."""
        return Item(self.id, self.lane, self.stream, self.payload, self.delivery, self.created,
                    expires_at=self.due)


@frozen
class Subscriber:
    """A phone that has spoken to the service number (sms.md, SMS-71)."""

    TABLE: ClassVar[str] = "subscriber"
    KEY: ClassVar[tuple[str, ...]] = ("phone", "tenant")

    phone: str
    tenant: str
    lane: str
    """The link it last wrote over."""
    name: str = ""
    """How it wants to be called."""
    language: str = ""
    """A language tag; empty: that of its link."""
    registered: bool = False
    """It has logged in once: from then on there is a presence to ask for (SMSP-7)."""
    online: bool = False
    reachable: bool = True
    """Its operator has not said the contrary (SMSP-6)."""
    status: str = ""
    """What it says about itself."""
    changed: float = 0.0
    """Since when the state is as it is."""
    due: float | None = None
    """When the session ends unless there is a text from the phone before (SMSP-2)."""


@frozen
class OptOut:
    """A phone wants no more texts (SMS-74)."""

    TABLE: ClassVar[str] = "optout"
    KEY: ClassVar[tuple[str, ...]] = ("phone", "tenant", "contact")

    phone: str
    tenant: str
    contact: str
    """From this contact; empty: from nobody at all."""
    since: float


@frozen
class Quota:
    """How often something was done of what may not be done more often for a while."""

    TABLE: ClassVar[str] = "quota"
    KEY: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    used: int
    forget_at: float
    """End of the while: from then on it is counted anew."""
