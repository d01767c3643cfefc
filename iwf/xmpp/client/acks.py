"""What a server and its client have of each other's stanzas (XEP-0198 sections 3 to 5).  Pure.

Outbound, a stanza is kept until the server has acknowledged it; when the connection breaks and the
session is resumed, what is still kept goes out again.  Inbound, a stanza counts as handled when the
core has given its verdict on it, and not before: what a crash takes with it, the server has still.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from attrs import frozen
from twisted.words.xish.domish import Element

from iwf.errors import IwfError
from iwf.xmpp.elements import attribute, make

NS_SM = "urn:xmpp:sm:3"

#: Both counters are unsigned 32-bit numbers that wrap around (XEP-0198 section 4).
WRAP = 2**32

#: Seconds without an answer to ``<r/>`` after which the connection is dead.
PATIENCE = 30.0
#: Seconds of silence after which the server is asked whether it is there.
QUIET = 120.0
#: Seconds a session may be resumed in, where the server does not say.
RESUMABLE = 300.0
#: The longest that is waited for, whatever the server says: its sender should hear one day.
LONGEST = 3600.0

T = TypeVar("T")


class AckFault(IwfError):
    """A server that acknowledges what it was not sent, or does not count as it should."""


@frozen
class _Kept(Generic[T]):
    octets: bytes
    what: T | None


class Acks(Generic[T]):
    """The counters of one session, over all its connections.

    :ivar id: by which the session can be resumed; empty: it cannot.
    :ivar is_on: whether the server counts with us.
    """

    def __init__(self) -> None:
        self.is_on = False
        self.id = ""
        self._lifetime = RESUMABLE
        self._kept: deque[_Kept[T]] = deque()
        self._acknowledged = 0
        self._seen = 0
        self._handled = 0
        self._early: set[int] = set()
        self._asked_at: float | None = None
        self._heard_at = 0.0

    # --- the beginning of a session ----------------------------------------------------------------

    def enabled(self, element: Element, now: float) -> None:
        """The server counts from now on (``<enabled/>``)."""
        self.__init__()  # type: ignore[misc]  # all begins anew
        self.is_on = True
        self._heard_at = now
        if attribute(element, "resume") in ("true", "1"):
            self.id = attribute(element, "id")
            lifetime = attribute(element, "max")
            if lifetime.isascii() and lifetime.isdigit() and len(lifetime) < 9:
                self._lifetime = min(float(lifetime), LONGEST)

    def resume(self) -> Element:
        """The question whether the session goes on."""
        return make("resume", NS_SM, previd=self.id, h=str(self._handled % WRAP))

    def resumed(self, element: Element, now: float) -> tuple[list[T], list[bytes]]:
        """The session goes on.

        :return: what the server had got before the connection broke, and what has to go out again.
        :raises AckFault: for an answer that does not fit.
        """
        # What it sends again was on its way to the core and is counted anew.
        self._seen = self._handled
        self._early.clear()
        self._asked_at = None
        self._heard_at = now
        done = self.acknowledged(element, now)
        return done, [kept.octets for kept in self._kept]

    def lost(self) -> list[T]:
        """The session is over: what nobody knows of whether the server has got it."""
        lost = [kept.what for kept in self._kept if kept.what is not None]
        self.__init__()  # type: ignore[misc]
        return lost

    @property
    def lifetime(self) -> float:
        """Seconds that a broken session may be resumed in."""
        return self._lifetime if self.id else 0.0

    # --- out ----------------------------------------------------------------------------------------

    def wrote(self, octets: bytes, what: T | None) -> None:
        """A stanza has been written."""
        self._kept.append(_Kept(octets, what))

    def wants_request(self) -> bool:
        """Whether the server should be asked what it has."""
        return self.is_on and bool(self._kept) and self._asked_at is None

    def request(self, now: float) -> Element:
        """The question (``<r/>``)."""
        self._asked_at = now
        return make("r", NS_SM)

    def acknowledged(self, element: Element, now: float) -> list[T]:
        """The server says what it has (``<a/>``).

        :return: what it has of that which was kept, in order.
        :raises AckFault: when it says more than it was sent, or nothing.
        """
        text = attribute(element, "h")
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise AckFault("no number of stanzas")
        new = (int(text) - self._acknowledged) % WRAP
        if new > len(self._kept):
            raise AckFault("more stanzas than were sent")
        self._acknowledged = int(text) % WRAP
        self._asked_at = None
        self._heard_at = now
        done = (self._kept.popleft() for _ in range(new))
        return [kept.what for kept in done if kept.what is not None]

    # --- in -----------------------------------------------------------------------------------------

    def seen(self) -> int:
        """A stanza has come in; its number, for :meth:`handled`."""
        self._seen += 1
        return self._seen

    def handled(self, number: int) -> None:
        """The stanza of this number has been dealt with; those before it may still be on their way."""
        if self._handled < number <= self._seen:
            self._early.add(number)
            while self._handled + 1 in self._early:
                self._handled += 1
                self._early.remove(self._handled)

    def answer(self) -> Element:
        """How much has been dealt with (``<a/>``)."""
        return make("a", NS_SM, h=str(self._handled % WRAP))

    # --- timers -------------------------------------------------------------------------------------

    def heard(self, now: float) -> None:
        """Something has come in."""
        self._heard_at = max(now, self._heard_at)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has to be called, in UTC seconds."""
        if not self.is_on:
            return None
        return self._heard_at + QUIET if self._asked_at is None else self._asked_at + PATIENCE

    def handle_timer(self, now: float) -> bool | None:
        """The time has come.

        :return: True: the server has to be asked; False: it is dead; None: nothing.
        """
        when = self.next_timer()
        if when is None or now < when:
            return None
        return self._asked_at is None
