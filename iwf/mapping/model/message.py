"""Texts, what becomes of them, and typing (RFC 3860, RFC 5438, RFC 3994)."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from iwf.mapping.model.address import Address, Party
from iwf.mapping.model.failure import Failure


class Want(Enum):
    """What a sender wants to hear of his message (RFC 5438 6.1)."""

    DELIVERED = "positive-delivery"
    FAILED = "negative-delivery"
    """By a notification; without it a failure is told in the way of the sender's world."""
    DISPLAYED = "display"


Wants = frozenset[Want]

NOTHING: Wants = frozenset()


class Kind(Enum):
    """How a message wants to be presented (RFC 6121 5.2.2; MSG-7, MSG-8)."""

    NORMAL = "normal"
    CHAT = "chat"
    HEADLINE = "headline"


@frozen
class Body:
    """One rendering of the content."""

    text: str
    language: str = ""
    """A language tag or empty."""
    type: str = "text/plain"


@frozen
class Message:
    """One instant message, on its way in (addresses as the origin wrote them) or out (addresses
    as the target will see them)."""

    id: str
    """The identifier the origin gave it; a failure carries it back.  May be empty."""
    origin: Party
    target: Address
    bodies: tuple[Body, ...] = ()
    kind: Kind = Kind.NORMAL
    conversation: str = ""
    """The origin's name for the conversation (thread, Call-ID); empty when it has none."""
    subject: str = ""
    language: str = ""
    sent_at: float | None = None
    """UTC seconds, when the origin says so."""
    expires_at: float | None = None
    urgency: int = 0
    """-1 can wait, 0 normal, 1 urgent, 2 emergency (MSG-43)."""
    hops: int = 70
    """Hops left, already lowered by one by the edge that read it (LOOP-1)."""
    key: str = ""
    """The edge's idempotency key; equal key within the dedupe window: same message.  Empty: never
    a repetition."""
    lane: str = ""
    """Inbound: the connector it came in on.  A report about it goes back there."""
    hold: float = 0.0
    """Seconds the edge is ready to wait for the outcome before it says yes (MSG-32, ERR-13)."""
    target_spelling: str = ""
    """Outbound: exact native spelling of the target, if one is remembered (ADDR-22)."""
    hints: tuple[tuple[str, str], ...] = ()
    """Names and values, opaque to the core; only the edge that wrote a hint reads it."""
    wants: Wants = NOTHING
    """What the sender wants to hear; outbound: what the far side is to be asked for."""
    serial: int = 0
    """Outbound to a phone: which of the longer messages of this sender to this target it is; 0 where
    they are not counted.  Parts of a text are known by it (SMS-33)."""

    @property
    def text(self) -> str:
        """The text of the first body, or empty."""
        return self.bodies[0].text if self.bodies else ""


@frozen
class Fragment:
    """One part of a message that its origin's network delivers in parts (SMS-35)."""

    message: Message
    """All but the text; the same for all parts."""
    reference: str
    """The same for all parts of one message, and for no other message at the same time."""
    total: int
    number: int
    """From 1 to ``total``."""
    coding: str
    """How the octets are read, as :mod:`iwf.mapping.charset.coding` names it."""
    octets: str
    """In hexadecimal.  A part need not be a text by itself: it may end inside a character."""


class Outcome(Enum):
    """What became of a message after its recipient's side took it (RFC 5438 status words)."""

    PROCESSED = "processed"
    STORED = "stored"
    DELIVERED = "delivered"
    DISPLAYED = "displayed"
    FAILED = "failed"
    FORBIDDEN = "forbidden"
    UNKNOWN = "error"


@frozen
class Receipt:
    """News from the far side about one part of a message it had taken."""

    peer: str
    """The namespace of the reference: the lane name (XMPP, SIP) or operator (SMPP)."""
    ref: str
    """The far side's reference of the part (a message id in canonical form, see the edge)."""
    outcome: Outcome
    failure: Failure | None = None
    """Set when the outcome is FAILED or FORBIDDEN."""
    at: float | None = None


@frozen
class Report:
    """What the gateway tells the sender of a message: that it failed, and why."""

    about: str
    """The id the sender gave his message (``Message.id``)."""
    recipient: Address
    """The sender of the failed message, as his own world knows him, with instance if known."""
    origin: Address
    """The target of the failed message, as its sender wrote it."""
    failure: Failure
    kind: Kind = Kind.NORMAL
    conversation: str = ""
    excerpt: str = ""
    """The beginning of the text, for senders who get the report as a text."""
    recipient_spelling: str = ""


@frozen
class Notification:
    """What the gateway tells a sender who wanted to know: what became of his message (RFC 5438)."""

    about: str
    """The id the sender gave his message (``Message.id``)."""
    recipient: Address
    """The sender of that message, as his own world knows him, with instance if known."""
    origin: Address
    """The target of that message, as its sender wrote it."""
    outcome: Outcome
    kind: Kind = Kind.NORMAL
    conversation: str = ""
    recipient_spelling: str = ""
    hints: tuple[tuple[str, str], ...] = ()
    """Those of the message it is about."""


@frozen
class Composing:
    """Somebody is typing, or has stopped (RFC 3994).  Worth something only now: never stored,
    never repeated, never an error (COMP-8)."""

    origin: Party
    target: Address
    active: bool
    refresh: float = 120.0
    """Seconds that an active state holds unless it comes again."""
    conversation: str = ""
    lane: str = ""
    """Inbound: the connector it came in on."""
    target_spelling: str = ""
