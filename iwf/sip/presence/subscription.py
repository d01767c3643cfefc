"""One SIP watcher's subscription: his dialog, how long it lasts, and what he has been told (RFC 6665 4.2).  Pure."""

from __future__ import annotations

import json
from enum import Enum
from math import inf

from attrs import define, evolve

from iwf.ids import Ids
from iwf.mapping.model import (
    Address,
    Device,
    Party,
    Presence,
    WatchEnded,
    WatchersRequested,
    WatchFetched,
    WatchRenewed,
    WatchRequested,
    address_of_key,
)
from iwf.sip.presence.dialog import Dialog
from iwf.sip.presence.headers import PRESENCE, TYPE_OF_PACKAGE, WINFO, Event, SubscriptionState
from iwf.sip.presence.outputs import Offer, remember
from iwf.sip.presence.told import Shown, content
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request

#: Begins the keys of all that is remembered of subscriptions.
MEMORY = "watcher"
#: SIP-93: after a restart our sequence numbers go on this much higher, so that a NOTIFY needs no writing to disk.
CSEQ_LEAP = 1_000_000
#: PRES-29: seconds after which a watcher who has not taken a NOTIFY is told again, at first and at most.  His
#: server may just be starting, and what he sees is wrong until then.
FIRST_AGAIN, MOST_AGAIN = 8.0, 300.0
#: The number of no connection.  A device's own ended with the process, and another one may have its number now.
GONE = -1


class State(Enum):
    """How far a subscription is."""

    ASKED = "asked"          # the core has not decided; the watcher has no answer yet
    RECALLED = "recalled"    # found after a restart; whether it is granted is about to be heard
    PENDING = "pending"
    ACTIVE = "active"
    OVER = "over"            # only its last NOTIFY is left


@define(eq=False)
class Subscription:
    """A subscription; the notifier alone changes it."""

    leg: str
    """Its name in the core, and our tag: unique for ever and not to be guessed."""
    dialog: Dialog
    lane: str
    watcher: Party
    presentity: Address
    until: float
    """When it ends unless renewed, in the notifier's time."""
    event: Event = Event(PRESENCE)
    """Its package, and its id within the dialog."""
    hop: Hop | None = None
    """The way back, for devices that are known by nothing else."""
    is_poll: bool = False
    """It wants to know the state once (PRES-28)."""
    state: State = State.ASKED
    is_granted: bool = False
    """The presentity has agreed."""
    shown: Shown | None = None
    """The latest that there is to see."""
    ending: SubscriptionState | None = None
    """What the last NOTIFY says."""

    told: Shown | None = None
    """What the latest NOTIFY showed."""
    is_missed: bool = False
    """He has not taken it."""
    is_due: bool = False
    """A NOTIFY is to be sent..."""
    is_urgent: bool = False
    """... and does not wait for its turn."""
    is_waiting: bool = False
    """One is out and not answered (PRES-34)."""
    not_before: float = -inf
    failures: int = 0
    """NOTIFYs in a row that he has not taken."""
    again_at: float = inf
    """When he is told again what he has missed."""
    due: float = inf
    """When the notifier looks at it again."""

    def is_news(self) -> bool:
        """Whether what there is to see is not what was shown last (PRES-34)."""
        new, old = self.shown, self.told
        if self.is_missed:
            return True
        if new is None or old is None:
            return new is not old
        return content(new) != content(old)

    @property
    def deadline(self) -> float:
        """When something is to be done for it, in the notifier's time."""
        if self.state in (State.ASKED, State.OVER):
            return inf
        if self.is_waiting:
            return self.until
        return min(self.until, self.again_at, self.not_before if self.is_due else inf)

    def shows(self) -> Shown | None:
        """What the next NOTIFY shows; None: it has no body."""
        if self.state is State.ACTIVE:
            return self.shown
        if self.state is not State.OVER:
            return None                                              # PRES-21: nothing while it is not granted
        if self.event.package == WINFO:
            return self.shown if self.is_poll else None
        if self.is_poll:
            return self.shown or self._closed(known=False)           # PRES-28
        # PRES-27: whoever looks only at documents sees that it is over.  PRES-24: not when it was refused.
        refused = self.ending is not None and self.ending.reason in ("rejected", "noresource")
        return None if self.told is None or refused else self._closed(known=True)

    def _closed(self, known: bool) -> Presence:
        """By which the presentity is not there (PIDF-11)."""
        return Presence(Party(self.presentity), self.watcher.address, (Device(open=False),), known=known)

    def notify(self, now: float, document: bytes | None) -> Request:
        """The next NOTIFY; the dialog moves on (RFC 6665 4.2.2).

        :param now: in the notifier's time.
        :param document: see :meth:`shows`.
        :raises SipSyntaxError: when it cannot be written.
        """
        self.again_at = inf
        state = self.ending or SubscriptionState(self.state.value, max(0, round(self.until - now)))
        lines = [("Event", str(self.event)), ("Subscription-State", str(state))]
        if document is not None:
            lines.append(("Content-Type", TYPE_OF_PACKAGE[self.event.package]))
        self.dialog, request = self.dialog.compose("NOTIFY", lines, document or b"")
        return request

    def answered(self, status: int, now: float, ids: Ids) -> None:
        """He has answered a NOTIFY, and goes on.

        :param now: as above.
        """
        self.is_missed = status >= 300
        self.failures = self.failures + 1 if self.is_missed else 0
        if self.is_missed:                                           # PRES-29: the next change tries again, or time
            wait = min(MOST_AGAIN, FIRST_AGAIN * 2.0 ** min(self.failures - 1, 10))
            self.again_at = max(now + wait * ids.jitter(0.75, 1.0), self.not_before)

    # -- what the core is told

    def requested(self, until: float) -> Offer:
        """The question that it begins with.

        :param until: here and below: when it ends, in UTC seconds.
        """
        if self.event.package == WINFO:
            return Offer(WatchersRequested(self.watcher, self.leg, until, self.lane))
        return Offer(WatchRequested(self.watcher, self.presentity, self.leg, until, lane=self.lane))

    def renewed(self, until: float) -> Offer:
        """It goes on."""
        if self.event.package == WINFO:
            return self.requested(until)
        return Offer(WatchRenewed(self.watcher, self.presentity, self.leg, until, self.lane))

    def fetched(self) -> Offer:
        """The question of a poll."""
        if self.event.package == WINFO:
            return Offer(WatchersRequested(self.watcher, self.leg, None, self.lane))
        return Offer(WatchFetched(self.watcher, self.presentity, self.leg, self.lane))

    def ended(self) -> Offer:
        """It is over."""
        return Offer(WatchEnded(self.watcher, self.presentity, self.leg, lane=self.lane))

    def remembered(self, until: float) -> Offer:
        """What has to outlive a restart, for :func:`unpacked` (SIP-93)."""
        hop = self.hop
        way = None if hop is None else [hop.transport, hop.host, hop.port, hop.flow != 0]
        text = json.dumps([self.dialog.packed(), self.lane, self.watcher.address.key, self.watcher.spelling,
                           self.presentity.key, until, self.event.package, self.event.id, way], separators=(",", ":"))
        return remember(f"{MEMORY}:{self.leg}", text, until)

    def forgotten(self) -> Offer:
        """Nothing of it has to."""
        return remember(f"{MEMORY}:{self.leg}", "", 0.0)


def unpacked(leg: str, text: str) -> Subscription:
    """The subscription that :meth:`Subscription.remembered` wrote; its ``until`` in UTC seconds.

    :raises ValueError: when it is none.
    """
    match json.loads(text):
        case [dialog, str(lane), str(watcher), str(spelling), str(presentity), int() | float() as until,
              str(package), str(event_id), way]:
            known = Dialog.unpacked(dialog)
            known = evolve(known, local_cseq=known.local_cseq + CSEQ_LEAP)
            return Subscription(
                leg, known, lane, Party(address_of_key(watcher), "", lane, spelling),
                address_of_key(presentity), until, Event(package, event_id), _hop(way), state=State.RECALLED)
    raise ValueError("no subscription")


def _hop(way: object) -> Hop | None:
    match way:
        case None:
            return None
        case [str(transport), str(host), int(port), bool(by_flow)]:
            return Hop(transport, host, port, flow=GONE if by_flow else 0)
    raise ValueError("no hop")
