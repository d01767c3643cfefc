"""One subscription of ours: its dialog, its state and its times (RFC 6665 4.1.2; table 2.1 of PRES).  Pure."""

from __future__ import annotations

from enum import Enum
from math import inf

from attrs import define, frozen

from iwf.ids import Ids
from iwf.mapping.model import Address
from iwf.sip.presence.dialog import Dialog, dialog_of_request
from iwf.sip.presence.headers import PIDF, PRESENCE, SubscriptionState
from iwf.sip.syntax.message import Request

#: PRES-2, RFC 6665 4.1.2.4: seconds to wait for the NOTIFY that a SUBSCRIBE brings: 64*T1.
TIMER_N = 32.0
#: A new expiry this near to the old one, in seconds, is the same: every NOTIFY says what is left.
SAME = 5.0
#: Refreshes are at least this far apart, in seconds, whatever a notifier says.
LEAST_REFRESH = 2.0


class State(Enum):
    """What has been heard of a subscription."""

    NOTIFY_WAIT = "notify-wait"
    PENDING = "pending"
    ACTIVE = "active"
    ENDING = "ending"


@frozen
class Pair:
    """Who watches whom, and on which trunk."""

    lane: str
    watcher: Address
    """His image in SIP; with the device that asked, where it is known."""
    presentity: Address
    spelling: str = ""
    """The URI by which the presentity is known (ADDR-22)."""

    @property
    def key(self) -> str:
        """The same for all devices of the watcher; no part of it can hold a line feed (ADDR-16)."""
        return f"{self.lane}\n{self.watcher.key}\n{self.presentity.key}"


@define(eq=False)
class Usage:
    """A subscription in its dialog; before the first NOTIFY in what will become one."""

    pair: Pair
    dialog: Dialog
    """Before the first NOTIFY without the peer's tag."""
    expires: int
    """Seconds that it asks for; 0: a poll."""
    leg: str = ""
    """Of a poll: the leg that fetches."""
    state: State = State.NOTIFY_WAIT
    is_left: bool = False
    """Nobody wants it any more; it is only brought to an end in good form (PRES-13)."""
    is_asked: bool = False
    """A SUBSCRIBE is on its way; there is never more than one."""
    is_told: bool = False
    """A NOTIFY since the last SUBSCRIBE has said how long the subscription lasts."""
    since: float = inf
    """When the first NOTIFY came."""
    send_at: float = inf
    """When the next SUBSCRIBE is to be sent."""
    notify_by: float = inf
    """When timer N fires."""
    expires_at: float = inf
    due: float = inf
    """Kept by :class:`~iwf.sip.presence.deadlines.Deadlines`."""

    @property
    def is_made(self) -> bool:
        """Whether there is a dialog."""
        return self.state is not State.NOTIFY_WAIT

    def next_due(self) -> float:
        """When there is something to do."""
        due = self.expires_at if self.state in (State.PENDING, State.ACTIVE) else inf
        # As long as a SUBSCRIBE is on its way, its transaction has the word.
        return due if self.is_asked else min(due, self.send_at, self.notify_by)

    @property
    def is_sending(self) -> bool:
        """Whether what is due next is a SUBSCRIBE, and not the end of a time."""
        return not self.is_asked and self.send_at <= self.due

    # -- what goes out

    def compose(self, now: float) -> Request:
        """The next SUBSCRIBE (PRES-1, PRES-7; PRES-13 once it is left)."""
        ending = self.is_left and self.is_made
        expires = 0 if ending else self.expires
        self.dialog, request = self.dialog.compose("SUBSCRIBE", (
            ("Event", PRESENCE),
            ("Accept", PIDF),
            ("Expires", str(expires)),
        ))
        if ending:
            self.state = State.ENDING
        self.is_asked, self.is_told = True, False
        self.send_at, self.notify_by = inf, now + TIMER_N
        return request

    def leave(self, now: float) -> bool:
        """Nobody wants it any more.

        :return: whether it must be brought to an end; False: it can be forgotten at once.
        """
        self.is_left = True
        if self.is_made:
            self.send_at = now
        elif self.dialog.local_cseq:
            # Table 2.1: the first NOTIFY makes the dialog in which it can be ended.
            self.send_at = inf
        return self.is_made or self.dialog.local_cseq > 0

    # -- what comes in

    def accepted(self, seconds: int | None, now: float, ids: Ids) -> None:
        """A 2xx has come.

        :param seconds: its Expires, which counts where no NOTIFY says better (PRES-6).
        """
        self.is_asked = False
        if self.expires and not self.is_told and self.state is not State.ENDING:
            self.lasts(self.expires if seconds is None else seconds, now, ids)

    def fits(self, request: Request, lane: str) -> bool:
        """Whether a NOTIFY with this Call-ID belongs to it (PRES-3).

        A second dialog out of one SUBSCRIBE does not (RFC 3856 6.9).
        """
        return (request.to.tag == self.dialog.local_tag and lane == self.pair.lane
                and (not self.is_made or request.from_.tag == self.dialog.remote_tag))

    def heard(self, request: Request, said: SubscriptionState, now: float, ids: Ids) -> None:
        """A NOTIFY that fits has come, and says that the subscription is alive or over.

        :raises SipSyntaxError: 400, for a Contact or Record-Route that cannot be used; nothing has changed then.
        """
        if self.is_made:
            self.dialog = self.dialog.heard(request)
        else:
            self.dialog = dialog_of_request(request, local_cseq=self.dialog.local_cseq)
            self.since = now
        if self.state is State.ENDING:
            return                                                   # it waits for the last one
        self.notify_by = inf
        if said.state == "active":
            self.state = State.ACTIVE
        elif said.state == "pending" or not self.is_made:
            self.state = State.PENDING
        if said.expires is not None:
            self.is_told = True
            self.lasts(said.expires, now, ids)                       # PRES-6
        elif self.expires_at == inf:
            self.lasts(self.expires, now, ids)
        if self.is_left:
            self.send_at = now

    def lasts(self, seconds: int, now: float, ids: Ids) -> None:
        """It ends in so many seconds, unless it is refreshed."""
        seconds = min(seconds, self.expires)                         # RFC 6665 4.2.1.1: never longer than asked
        before, self.expires_at = self.expires_at, now + seconds
        # Whoever sends many changes must not push the refresh away before him.
        if not self.is_left and (self.send_at == inf or abs(before - self.expires_at) > SAME):
            self.send_at = now + refresh_delay(seconds, ids)


def refresh_delay(seconds: float, ids: Ids) -> float:
    """PRES-7: how long to wait before a refresh of something that lasts so long, in seconds."""
    latest = max(seconds - 32, seconds * 0.75)
    wanted = min(latest - latest * ids.jitter(0, 0.1), seconds - 5)
    return max(wanted, seconds / 2, LEAST_REFRESH)
