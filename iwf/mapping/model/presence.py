"""Presence: who wants to see whom, who may, and what there is to see (RFC 2778, RFC 3859).

Three things are kept apart.  The *grant*: may this watcher see this presentity?  It lasts for
ever (XMPP's subscription, the decision of a presence server).  The *leg*: somebody is being told
right now (a SIP dialog until it expires, an XMPP user while he is online).  The *document*: what
there is to see.

Every type goes both ways.  Inbound it is what a peer said, outbound what a peer is to be told;
``origin`` is whoever speaks, ``target`` whoever is spoken to.
"""

from __future__ import annotations

from enum import Enum

from attrs import evolve, frozen

from iwf.mapping.model.address import Address, Party
from iwf.mapping.model.failure import Failure


class Show(Enum):
    """How much a device wants to be disturbed, from most to least."""

    CHAT = "chat"
    ONLINE = ""
    AWAY = "away"
    LONG_AWAY = "xa"
    BUSY = "dnd"


@frozen
class Note:
    """A text about a device or a person."""

    text: str
    language: str = ""
    """A language tag or empty."""


@frozen
class Device:
    """One device or service of a presentity: an XMPP resource, a tuple of a presence document."""

    instance: str = ""
    """Its name; empty for the user as a whole."""
    open: bool = True
    """Ready for messages (RFC 3863: basic open)."""
    show: Show = Show.ONLINE
    notes: tuple[Note, ...] = ()
    """One a language."""
    priority: int | None = None
    """-128 to 127 as RFC 6121 4.7.2.3 has it; None when nothing was said."""
    at: float | None = None
    """UTC seconds of the change, when known."""
    idle_since: float | None = None
    """UTC seconds of the last activity of its user, when he has been idle."""


@frozen
class Mood:
    """How a person feels: a name of XEP-0107, which has them all; empty for none."""

    name: str = ""
    text: str = ""


@frozen
class Activity:
    """What a person does: names of XEP-0108; empty for nothing."""

    general: str = ""
    specific: str = ""
    text: str = ""


@frozen
class Tune:
    """What a person listens to (XEP-0118); all empty for nothing."""

    artist: str = ""
    length: int | None = None
    """Seconds."""
    rating: int | None = None
    """1 to 10."""
    source: str = ""
    title: str = ""
    track: str = ""
    uri: str = ""


@frozen
class Place:
    """Where a person is: fields of XEP-0080 with their values as text; none for nowhere."""

    fields: tuple[tuple[str, str], ...] = ()


Aspect = Mood | Activity | Tune | Place
"""What is known of a person rather than of his devices."""


@frozen
class Presence:
    """What there is to see of a presentity."""

    origin: Party
    """The presentity.  Inbound, an instance here is only where it came from."""
    target: Address
    """The watcher; inbound with the instance that was addressed, if any."""
    devices: tuple[Device, ...] = ()
    aspects: tuple[Aspect, ...] = ()
    """At most one of each type."""
    whole: bool = True
    """False: these devices and aspects changed, all others stay as they are."""
    gone: tuple[str, ...] = ()
    """Outbound: instances that this watcher was shown before and that are no more."""
    legs: tuple[str, ...] = ()
    """Outbound: who is told; empty for everyone of this watcher.  Inbound: the leg that a
    :class:`WatchFetched` named, when this is its answer."""
    known: bool = True
    """False when nothing is known (yet): a neutral document (PIDF-11)."""
    notice: str = ""
    """Why the state is not known, for people to read (draft 4.3)."""
    lane: str = ""
    """Inbound: the connector it came in on."""
    target_spelling: str = ""
    origin_spelling: str = ""
    """Outbound: exact native spelling, opaque to the core (ADDR-22)."""


def superseding(older: Presence, newer: Presence) -> Presence:
    """The newer of two whole states that nobody has been told, for all who were to be told either,
    with what the older was to end and the newer does not show (PRES-35)."""
    here = {device.instance for device in newer.devices}
    gone = dict.fromkeys((*older.gone, *newer.gone))
    told = newer
    if older.target != newer.target:  # two devices of the watcher: then all of them
        told = evolve(newer, target=newer.target.bare(), legs=())
    elif older.legs and newer.legs:
        told = evolve(newer, legs=tuple(dict.fromkeys((*older.legs, *newer.legs))))
    elif newer.legs:
        told = evolve(newer, legs=())
    return evolve(told, gone=tuple(instance for instance in gone if instance not in here))


@frozen
class WatchRequested:
    """A watcher asks to see a presentity, from now on and for ever.

    Inbound the verdict says whether the question was taken; the presentity's answer comes later
    as :class:`WatchGranted` or :class:`WatchRefused`.  Outbound: ask the presentity, keep asking in
    the ways of its world, and report what it says.
    """

    origin: Party
    """The watcher."""
    target: Address
    """The presentity."""
    leg: str = ""
    """The leg that begins with the question, unique for ever; empty when nobody is told yet."""
    until: float | None = None
    """UTC seconds at which that leg ends unless renewed; None: when it is ended."""
    note: str = ""
    """What the watcher says with it."""
    lane: str = ""
    target_spelling: str = ""


@frozen
class WatchRenewed:
    """A leg goes on, or begins without a question.

    Inbound: tell the present state to this leg, and every change until it ends.  Outbound:
    somebody looks (again), so tell us the present state and every change from now on.
    """

    origin: Party
    target: Address
    leg: str = ""
    until: float | None = None
    lane: str = ""
    target_spelling: str = ""


@frozen
class WatchFetched:
    """A watcher wants to see the state once (RFC 3857: a fetcher; PRES-15, PRES-28).

    Answered by a :class:`Presence`, or a :class:`WatchRefused`, that names the same leg.
    """

    origin: Party
    target: Address
    leg: str
    lane: str = ""
    target_spelling: str = ""


@frozen
class WatchEnded:
    """The watcher's side ends something.

    With a leg: that leg is over.  Without: nobody of this watcher looks any more; and where
    ``forever``, the permission is given back too (XMPP's ``unsubscribe``).
    """

    origin: Party
    target: Address
    leg: str = ""
    forever: bool = False
    lane: str = ""
    target_spelling: str = ""


@frozen
class WatchGranted:
    """The presentity lets a watcher see him."""

    origin: Party
    """The presentity."""
    target: Address
    """The watcher."""
    legs: tuple[str, ...] = ()
    """Outbound: the legs that are alive."""
    lane: str = ""
    target_spelling: str = ""


@frozen
class WatchRefused:
    """The presentity does not let a watcher see him, or not any longer, or is not there to be seen.

    Outbound with a failure that is not permanent: the question could not be put yet and stays
    open (PRES-16: a presence error and no more).
    """

    origin: Party
    target: Address
    failure: Failure
    legs: tuple[str, ...] = ()
    """Outbound: the legs that end with it.  Inbound: the leg of the :class:`WatchFetched` that it answers."""
    gone: tuple[str, ...] = ()
    """Outbound: instances that the watcher was shown and is to see no more."""
    lane: str = ""
    target_spelling: str = ""


@frozen
class WatchBroken:
    """The presentity cannot be watched at the moment; the edge that says so keeps trying.

    Inbound only: watchers are shown that nothing is known, with the reason (PRES-8, PRES-16).
    """

    origin: Party
    target: Address
    failure: Failure
    lane: str = ""


class Ending(Enum):
    """Why a leg is ended by us (RFC 6665 4.2.2)."""

    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    TIMEOUT = "timeout"
    GIVE_UP = "giveup"
    NO_RESOURCE = "noresource"


@frozen
class WatchClosed:
    """Outbound only: legs that end for a reason that is no refusal by the presentity."""

    origin: Party
    """The presentity."""
    target: Address
    """The watcher."""
    legs: tuple[str, ...]
    ending: Ending
    retry_after: float | None = None
    """Seconds."""
    target_spelling: str = ""


@frozen
class Published:
    """A user tells us what there is to see of him (RFC 3903), as a whole.

    Inbound: he is our presentity until ``until``; no devices: he takes it back.  Outbound: tell a
    presence server that wants to know the state of our users (PUB-1).
    """

    origin: Party
    """The presentity."""
    target: Address
    """Where it is published."""
    devices: tuple[Device, ...] = ()
    aspects: tuple[Aspect, ...] = ()
    until: float | None = None
    lane: str = ""
    target_spelling: str = ""


# --- watchers ---------------------------------------------------------------------------------

@frozen
class Watcher:
    """Somebody who watches a user, or asks to (RFC 3857)."""

    address: Address
    """As the user knows him, bare."""
    is_granted: bool
    """False: the question is open (RFC 3857 4.7.1: pending)."""


@frozen
class WatchersRequested:
    """A user wants to know who watches him, or still wants to.  Inbound only; answered by
    :class:`Watchers`, and ended by a :class:`WatchEnded` of the leg with himself as the target."""

    origin: Party
    """The user."""
    leg: str
    """Unique for ever."""
    until: float | None = None
    """UTC seconds at which the leg ends unless renewed; None: he wants to know once."""
    lane: str = ""


@frozen
class Watchers:
    """Outbound only: who watches a user, all of them."""

    origin: Party
    """The user, and whom it is told."""
    target: Address
    watchers: tuple[Watcher, ...]
    """In an order that does not change."""
    legs: tuple[str, ...]
    target_spelling: str = ""


@frozen
class PhoneSeen:
    """Inbound only: an operator has heard of a phone, or of its absence."""

    phone: Address
    available: bool
    lane: str
    """The connector it came in on."""


Watching = (WatchRequested | WatchRenewed | WatchFetched | WatchEnded | WatchGranted | WatchRefused
            | WatchBroken | Presence | Published | WatchersRequested)
"""What an edge may offer of presence."""

WatchNews = (WatchRequested | WatchRenewed | WatchFetched | WatchEnded | WatchGranted | WatchRefused
             | WatchClosed)
"""What an edge may be given to deliver of presence and must not be lost."""
