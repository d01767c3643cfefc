"""What is under way on a link, and what comes out of its window: values.  No IO."""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from iwf.mapping.model import Accepted, Item, Rejected
from iwf.smpp.session.states import Noted
from iwf.smpp.wire.pdu import ShortMessage, Sme

#: What tells one bind from another: the shell's connection, never looked into.
Bind = object


@frozen
class Credit:
    """Items that may be in flight from now on."""

    items: int


@frozen
class Awaited:
    """A part was taken whose receipt is to be asked for when it does not come (SMS-43)."""

    ref: str
    """Under which its receipt would come."""
    message_id: str
    """As the SMSC wrote it."""
    source: Sme
    expires_at: float | None
    """When its validity ends; None: nobody said."""


@frozen
class Rebind:
    """The SMSC takes this bind for none (ERR 8.3, statuses 04 to 0F): begin anew."""

    bind: Bind


Output = Accepted | Rejected | Credit | Awaited | Rebind | Noted


@define(eq=False)
class Delivery:
    """An item under way."""

    item: Item
    parts: tuple[ShortMessage, ...]
    begun: Begun
    waiting: deque[int] = field(factory=deque)
    """Numbers of the parts still to be sent, rising."""
    is_listed: bool = False
    """Whether it stands in a list of deliveries with parts to send."""
    avoids: Bind | None = None
    """A bind that was silent about it."""
    throttled_at: float | None = None
    is_done: bool = False


@frozen
class Part:
    """A part of an item; the tag of its submit_sm."""

    delivery: Delivery
    number: int
    bind: Bind

    @property
    def message(self) -> ShortMessage:
        """What to submit."""
        return self.delivery.parts[self.number]


@define
class Begun:
    """What is known of an item from this attempt to the next."""

    reference: int | None = None
    """That joins the parts; None while there was but one."""
    ucs2: bool = False
    """The SMSC refused another coding (ERR 8.3)."""
    refs: dict[int, str] = field(factory=dict)
    """Message ids of the parts that were taken."""
    doubtful: set[int] = field(factory=set)
    """Parts that were sent again already after an unknown outcome (SMS-18: once)."""
