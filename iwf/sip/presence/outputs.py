"""What the presence machines ask their shell to do, and what it tells them.  Pure.

A machine takes what has come with the time as ``now`` and returns what is to be done, in order.  It has
``next_timer()`` and ``handle_timer(now)``; a clock that goes backwards stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from iwf.mapping.model import Event, Remember, Verdict
from iwf.sip.reasons import Status
from iwf.sip.settings import Hop, TrunkSettings
from iwf.sip.syntax.message import Request, Response
from iwf.sip.syntax.uri import Uri

#: SIP-93: so many of what a machine remembers are told to the core anew in a second after a restart (PRES-30),
#: and so many at once.
RECALL_RATE, RECALL_BURST = 400.0, 40


@frozen(eq=False)
class Asked:
    """A request of a peer that waits for its answer; the machine hands it back with the answer."""

    request: Request
    trunk: TrunkSettings
    way: Hop | None = None
    """The way back to a device that is known by nothing else: one that is registered here."""


@frozen
class Answer:
    """Answer a request of a peer."""

    asked: Asked
    status: Status
    tag: str = ""
    """Our tag in the dialog that the answer makes; empty: none is made, or the request has it."""
    image: Uri | None = None
    """The user of ours that the dialog is with: the answer gets a Contact for him and the request's Record-Route."""


@frozen
class Send:
    """Send a request of ours; its end is told to :meth:`Machine.answered`."""

    who: str
    """The machine's name for what the request is about."""
    request: Request
    """Without Via."""
    uri: Uri
    """Where it goes first, unless the trunk has a next hop of its own (SIP-50)."""
    lane: str
    """The trunk."""
    hop: Hop | None = None
    """The way, where it is known: back to where a device of ours came from."""
    image: Uri | None = None
    """The user of ours that the request is about: it gets a Contact for him, by which the peer can answer."""


@frozen
class Offer:
    """Tell the core."""

    event: Event
    ticket: str = ""
    """Where not empty, the verdict is told to :meth:`Machine.decided` under it."""


Output = Answer | Send | Offer
"""A :class:`~iwf.mapping.model.Remember` goes to the core as any other event."""


class Machine(Protocol):
    """What the shell asks of each of the four."""

    memory: str
    """The first part of the keys of all that it has remembered, before a colon."""

    def answered(self, who: str, response: Response, cseq: int, now: float) -> Sequence[Output]:
        """A request of :class:`Send` has come to its end.

        :param response: the final one.  As RFC 3261 8.1.3.1 has it, silence is a 408 and a target that cannot be
            reached a 503 of our own.
        :param cseq: the number under which the request was sent last (SIP-60).
        """

    def decided(self, ticket: str, verdict: Verdict, now: float) -> Sequence[Output]:
        """The verdict on an :class:`Offer` with that ticket."""

    def recall(self, key: str, text: str, now: float) -> Sequence[Output]:
        """Something that was remembered before the restart (SIP-93)."""

    def stop(self, now: float) -> Sequence[Output]:
        """The daemon stops in an orderly way (SIP-92)."""

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None: not at all."""

    def handle_timer(self, now: float) -> Sequence[Output]:
        """Do what is due."""


def remember(key: str, text: str, until: float) -> Offer:
    """The offer that has the core remember something of ours; an empty text forgets it."""
    return Offer(Remember("sip", key, text, until))
