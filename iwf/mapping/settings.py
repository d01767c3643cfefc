"""What the core knows of the configuration: frozen values, the same for a whole turn."""

from __future__ import annotations

from datetime import UTC, tzinfo
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import frozen

from iwf.mapping.service.settings import Guards, NumberRoute, Service

if TYPE_CHECKING:
    from iwf.mapping.directory import Directory

DAY = 86400.0


class Scheme(Enum):
    """How addresses of the far world are written under an alias domain."""

    ALIAS = "alias"    # user*domain@alias, founding draft 9.2 (ADDR-13)
    DIRECT = "direct"  # user@domain, RFC 7247 section 6 (ADDR-26)


@frozen
class Alias:
    """A domain of ours in one world, behind which users of another world are seen."""

    domain: str
    world: str
    """Where the domain lives: ``xmpp`` or ``sip``."""
    bridges: str
    """The world that is seen there: ``sip``, ``xmpp`` or ``tel`` (written ``sms`` in files)."""
    lane: str
    """The connector for items that go out under this alias; empty where the target's domain
    decides (SIP: the trunk)."""
    serves: tuple[str, ...] = ("*",)
    """Native domains seen behind it (ADDR-25): exact names, ``*.example`` or ``*``.  For the
    direct scheme it is the alias domain itself."""
    scheme: Scheme = Scheme.ALIAS
    tenant: str = "default"
    max_size: int = 10_000
    """Octets of one message as the peers behind this connector take it (MSG-29)."""


@frozen
class Trunk:
    """A SIP peer, as far as the core cares."""

    lane: str
    domains: tuple[str, ...]
    """Native SIP domains it serves, and so may speak for (SIP-63); patterns as in ``serves``."""
    tenant: str = "default"
    phones: bool = False
    """May speak for telephone numbers (ADDR-37)."""
    publish: bool = False
    """Wants to be told the state of users who let the gateway itself see them (PUB-1)."""


@frozen
class NumberPool:
    """Where the numbers come from that phones answer to (ADDR-44, 45)."""

    name: str
    numbers: tuple[str, ...] = ()
    """Real numbers in canonical form; when given, ``prefix`` and ``width`` are not used."""
    prefix: str = ""
    width: int = 0


@frozen
class Link:
    """A way to an operator's phones, as far as the core cares."""

    lane: str
    prefixes: tuple[str, ...]
    """Canonical number prefixes it serves, longest match wins; ``""`` or ``+`` is a default."""
    pool: NumberPool
    service_number: str = ""
    tenant: str = "default"
    operator: str = ""
    """Whose link it is; empty: the link's name stands for him."""
    senders: tuple[str, ...] = ()
    """Who may write over it: ``user@domain``, a domain as in ``serves``, a prefix of numbers; empty:
    everybody."""
    cost: float = 0.0
    """Of a text, in any unit; among links with the same prefix the cheapest goes first."""
    ordered: bool = False
    """One text at a time between a contact and a phone: the next leaves when the outcome of the one
    before is known (SMS-50)."""
    order_queue: int = 20
    """Texts that may wait for their turn, for each contact and phone."""
    order_wait: float = 30.0
    """Seconds that an outcome is waited for beyond the validity of its text."""
    order_strict: bool = False
    """When a text fails, those behind it fail as well (SMS-51)."""
    resend: bool = False
    """Send a text once more that expired at the operator's although its sender still wants it (SMS-51)."""
    validity: float = DAY
    """Seconds a text without an expiry is worth delivering (MSG-41)."""
    notify_phone: bool = True
    """Tell a phone by text when its message failed after it was taken (ERR-15)."""
    chat_validity: float | None = None
    """The same for chat (SMS-52: what is said in a talk soon gets old); None: no different."""
    language: str = "en"
    """Of the service number, to phones that have not chosen one."""
    time_zone: tzinfo = UTC
    """Of its phones, for quiet hours."""
    routes: tuple[NumberRoute, ...] = ()
    """Numbers that stand for one contact each (SMS-60)."""
    incomplete: str = "deliver"
    """``deliver`` or ``drop`` a text of which parts are missing in the end (SMS-35)."""


@frozen
class Patience:
    """How long things are waited for, in seconds."""

    grace: float = 5.0
    """A connector may be away this long before new messages for it are refused (XMPP-10)."""
    delivery: float = DAY
    """A message we said yes to is tried this long before its sender is told that it failed."""
    next_hop: float = 30.0
    """The same, where the next hop refuses connections but the sender can still be told quickly."""
    dedupe: float = 60.0
    """A message with an equal key within this time is the same message (SIP-26)."""
    retention: float = 600.0
    """A finished delivery is remembered this long, for late errors (MSG-33)."""
    receipts: float = 3 * DAY
    """The same, where a receipt is awaited (RCPT-9)."""
    early_receipt: float = 3600.0
    """A receipt for nothing we know waits this long for its message (SMS-41), which is known by its last part."""
    lease_idle: float = 30 * DAY
    quarantine: float = 7 * DAY
    reassembly: float = 600.0
    """The missing parts of a text are waited for this long after the last that came (SMS-35)."""
    notice: float = 3600.0
    """A phone is told of failures once in this time per contact (ERR-15)."""
    failover: float = 30.0
    """A link may be away this long before its texts leave by another one."""
    presence_grace: float = 120.0
    """A presentity may be out of reach this long before his watchers are told (PRES-8)."""
    question_grace: float = 60.0
    """The same, before somebody who has only asked to see him is told (PRES-16)."""
    ask_again: float = 3600.0
    """A presentity who refused is not asked again for the same watcher within this time (PRES-24)."""
    pending_max: float = DAY
    """A question of a watcher whose legs expire is given up after this long (PRES-25)."""


@frozen
class Gateway:
    """All of it."""

    name: str
    """The host name of this gateway, right-hand side of identifiers it makes."""
    secret: str
    """Keys the hashes that must not be guessed (MSG-3)."""
    aliases: tuple[Alias, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    links: tuple[Link, ...] = ()
    patience: Patience = Patience()
    fold_sip_user: bool = True
    map_resource: bool = True
    follow_kind: bool = False
    """``s2x_type = follow``: present texts as chat for an hour after the peer wrote chat (MSG-8)."""
    late_error_notice: bool = True
    """Tell SIP senders by a text when a message failed after its 202 (MSG-33)."""
    max_rate: float = 0.0
    """Messages per second from one sender to one target; 0: no limit (LOOP-6)."""
    max_burst: int = 100
    """How many of them may come at once."""
    lane_limit: int = 10_000
    """Items queued for one connector before new messages are refused (XMPP-9)."""
    stream_limit: int = 200
    """Items queued for one pair of sender and target before the same (MSG-36)."""
    published_open: bool = True
    """Who publishes his state is seen by everybody of his tenant who asks (PUB-5); otherwise he is
    asked for each."""
    prefix_sender: str = "new"
    """Put the sender's name before a text to a phone: ``new`` number only, ``always``, ``never`` (MSG-44)."""

    service: Service = Service()
    guards: Guards = Guards()

    @cached_property
    def is_ordered(self) -> bool:
        """Whether texts wait for each other anywhere."""
        return any(link.ordered for link in self.links)

    @cached_property
    def directory(self) -> Directory:
        """Look-ups over aliases, trunks and links, made at the first use."""
        from iwf.mapping.directory import directory_of  # which is built of the types above
        return directory_of(self.aliases, self.trunks, self.links)
