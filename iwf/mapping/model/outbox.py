"""What is queued for an edge, what becomes of it, and the two unions that pass between edge and core."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.model.address import Address
from iwf.mapping.model.failure import Failure
from iwf.mapping.model.message import (
    NOTHING,
    Composing,
    Fragment,
    Kind,
    Message,
    Notification,
    Outcome,
    Receipt,
    Report,
    Wants,
)
from iwf.mapping.model.presence import PhoneSeen, Presence, Published, Watchers, Watching, WatchNews
from iwf.mapping.model.subscriber import Enrolled, Released, Told, Withdrawn

Durable = Message | Report | Notification | WatchNews
"""What is kept until a peer has taken it."""

Momentary = Composing | Presence | Published | Watchers
"""What is worth something only until there is something newer; never on disk."""

Payload = Durable | Momentary


@frozen
class Sender:
    """All that is needed to tell a sender what became of his message."""

    address: Address
    """As his own world knows him, with instance."""
    lane: str
    """The connector his message came in on."""
    target: Address
    """Whom he had written to, as he wrote it."""
    about: str
    """The id he gave the message."""
    kind: Kind = Kind.NORMAL
    conversation: str = ""
    excerpt: str = ""
    spelling: str = ""
    wants: Wants = NOTHING
    hints: tuple[tuple[str, str], ...] = ()
    """Those of his message."""


@frozen
class Item:
    """One entry of the outbox: something an edge is to deliver to a peer."""

    id: str
    """Unique and stable over retries and restarts; edges derive wire identifiers from it, so that
    a repetition looks like one."""
    lane: str
    """The connector, ``<edge>:<name>``: ``xmpp:<component domain>``, ``sip:<trunk>``, ``smpp:<link>``."""
    stream: str
    """Items of one stream are delivered one after the other, in order."""
    payload: Payload
    delivery: str = ""
    """The delivery row it belongs to; empty when there is none."""
    created: float = 0.0
    attempts: int = 0
    not_before: float = 0.0
    expires_at: float | None = None
    sender: Sender | None = None
    """Who is told when it fails, where no delivery row says so; None for reports."""


@frozen
class Accepted:
    """An edge's news of an item: the peer has taken it."""

    item: Item
    refs: tuple[str, ...] = ()
    """References under which the peer may later send receipts, one per part; may be empty."""
    outcome: Outcome | None = None
    """What the answer says of every part by itself, where it says more than that it was taken."""
    peer: str = ""
    """The namespace of the references, as in :attr:`Receipt.peer`; empty: the item's lane."""


@frozen
class Rejected:
    """An edge's news of an item: the peer has not taken it."""

    item: Item
    failure: Failure
    retry: bool = False
    """True when nothing was handed over and the edge advises to try again (connection lost before
    sending, throttled); the core decides until when."""
    stop_stream: bool = False
    """True when everything queued behind it to that target should fail as well (MSG-36)."""


@frozen
class Due:
    """A deadline written in a row has come."""

    table: str
    key: str
    """The values of the row's key, joined by line feeds."""


@frozen
class Revisited:
    """A connector has come up or gone down, and this pair of watcher and presentity is behind it:
    what was told or asked through it may have to be told or asked again (PRES-30, draft 4.3)."""

    watcher: str
    presentity: str
    """Keys of the native addresses."""
    tenant: str
    missed: bool = False
    """No connector has changed, but news of the presentity could not be written."""


@frozen
class Stranded:
    """A connector has been away for a while: these items, which it has not begun to deliver, may
    leave by another one."""

    lane: str
    items: tuple[str, ...]
    """Their ids, in order."""


@frozen
class Remember:
    """An edge's own memory: a text that it gets back when it starts again (SIP-93).

    The core never looks into it.
    """

    edge: str
    """Whose it is: a lane name, or the name of an edge."""
    key: str
    text: str
    """Empty: forget it."""
    until: float
    """UTC seconds from which on it need not be kept."""


Event = (Message | Fragment | Receipt | Composing | Accepted | Rejected | Due | Watching | Revisited
         | Stranded | Remember | Enrolled | Withdrawn | Told | Released
         | PhoneSeen)
