"""The neutral vocabulary: what an edge tells the core and what the core asks of an edge.

Frozen values, named after RFC 2778 (model for presence and instant messaging), RFC 3860
(common profile for instant messaging) and RFC 5438 (disposition notifications).  No word of
a single protocol (stanza, dialog, PDU) appears here.
"""

from __future__ import annotations

from enum import Enum

from attrs import evolve, frozen

#: The three worlds, which are also the schemes of addresses.
XMPP = "xmpp"
SIP = "sip"
TEL = "tel"

@frozen
class Address:
    """A user in his world, decoded and free of wire escapes (no XEP-0106, no ``%HH``)."""

    scheme: str
    """``xmpp``, ``sip`` or ``tel``."""
    user: str
    """The user part as text; empty for a bare domain.  For ``tel``: ``+`` and digits (ADDR-36),
    a short code (digits only) or an alphanumeric sender."""
    domain: str = ""
    """Lower case, A-labels, no trailing dot; SIP only: ``:port`` when the native address carried
    one, IPv6 in brackets.  For ``tel``: empty, or the operator's name for a short code."""
    instance: str = ""
    """One device of the user: an XMPP resource, the value of ``gr`` (ADDR-31); usually empty."""

    def bare(self) -> Address:
        """The same user without the instance."""
        return evolve(self, instance="") if self.instance else self

    @property
    def key(self) -> str:
        """One text per bare address, for rows and order streams; inverse of :func:`address_of_key`."""
        return f"{self.scheme}:{self.user}@{self.domain}"


def address_of_key(key: str) -> Address:
    """The bare address that :attr:`Address.key` wrote.  A domain never contains ``@``."""
    scheme, _, rest = key.partition(":")
    user, _, domain = rest.rpartition("@")
    return Address(scheme, user, domain)


@frozen
class Party:
    """The sender of an event: what he claims, and what the edge can prove of it."""

    address: Address
    name: str = ""
    """Display name, nick; not part of the address."""
    asserted_by: str = ""
    """The connector that vouches for the address (a component, trunk or link by its lane name);
    empty when nobody does."""
    spelling: str = ""
    """The exact native spelling, opaque to the core (ADDR-22); only the edge that wrote it reads it."""


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

    @property
    def text(self) -> str:
        """The text of the first body, or empty."""
        return self.bodies[0].text if self.bodies else ""


class Reason(Enum):
    """Why something was refused or failed.  Each edge has one table to and one from its codes;
    the pairwise tables of ERR 8.1-8.5 are tests of those."""

    MALFORMED = "malformed"                      # the request itself cannot be understood
    MALFORMED_ADDRESS = "malformed-address"
    UNSUPPORTED_ADDRESS = "unsupported-address"  # a scheme nobody here serves
    UNKNOWN_RECIPIENT = "unknown-recipient"
    GONE = "gone"
    REDIRECTED = "redirected"
    UNKNOWN_DOMAIN = "unknown-domain"            # the recipient's server cannot be found
    FORBIDDEN = "forbidden"                      # this sender may not (policy, tenancy)
    NOT_ALLOWED = "not-allowed"                  # nobody may do this to the recipient
    NOT_AUTHENTICATED = "not-authenticated"
    REGISTRATION_REQUIRED = "registration-required"
    SUBSCRIPTION_REQUIRED = "subscription-required"
    REFUSED = "refused"                          # the far side or the gateway rejects this message
    NOT_ACCEPTABLE = "not-acceptable"
    UNSUPPORTED_CONTENT = "unsupported-content"
    NOT_SUPPORTED = "not-supported"              # the operation is not implemented
    NOT_OFFERED = "not-offered"                  # the recipient's server does not take it
    POLICY = "policy"
    TOO_BIG = "too-big"
    UNAVAILABLE = "unavailable"                  # the recipient cannot be reached just now
    DELETED = "deleted"                          # withdrawn by the far side after it had said yes
    EXPIRED = "expired"
    TIMEOUT = "timeout"                          # no answer: the outcome is unknown
    UNREACHABLE = "unreachable"                  # the connection to the next hop failed
    CONGESTED = "congested"                      # come back later
    EXHAUSTED = "exhausted"                      # the recipient's server has no room
    LOOP = "loop"
    CONFLICT = "conflict"
    UNEXPECTED = "unexpected"
    INTERNAL = "internal"
    UNDEFINED = "undefined"
    UNKNOWN_FAULT = "unknown-fault"              # a code that only the far side's vendor knows


@frozen
class Failure:
    """Why a message was not delivered, as a value that travels between edges."""

    reason: Reason
    permanent: bool = True
    """False when the same request may succeed later (SMPP's 64 against 65 and 66, ERR-14)."""
    retry_after: float | None = None
    """Seconds to wait before another try, when known."""
    text: str = ""
    """May be shown to peers (ERR-3)."""
    detail: str = ""
    """For our log only; never leaves the house."""
    everywhere: bool = False
    """Holds for every device of the recipient, not only for one (ERR-5: the 6xx codes)."""
    elsewhere: str = ""
    """A new address in URI form, with GONE and REDIRECTED."""


@frozen
class Taken:
    """The verdict yes: the message is durable and will be delivered, or its sender told."""

    delivery: str
    """The id under which the ledger knows it."""


@frozen
class Refused:
    """The verdict no, with the reason for the peer."""

    failure: Failure


Verdict = Taken | Refused


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


Payload = Message | Report | Notification | Composing


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


Event = Message | Receipt | Composing | Accepted | Rejected | Due
