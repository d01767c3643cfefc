"""Which of the stanzas written to a component stream the server has processed.  Pure.

Component streams have no acknowledgements (XMPP-8).  A server handles what comes in on a stream in
order, so we send a ping (XEP-0199) *to ourselves* behind a batch: when the server has routed it
back to us, it has processed everything before it.  Processed is not yet written: Prosody, killed
right after an echo, took with it what it had not flushed to its clients.  So a stanza is confirmed
by the echo of a ping that was sent after the first echo, one more turn of the server's loop.
A server that does not route pings back is taken at its TCP word: stanzas count as handed over
when the write buffer has drained.

::

    state     event                 next
    PROBING   echo                  ECHOING
    PROBING   2 s                   SILENT
    SILENT    echo                  ECHOING
    ECHOING   no echo within 30 s   the stream is dead (XMPP-7)
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Generic, TypeVar

from attrs import define, field, frozen

PROBE_TIMEOUT = 2.0
ECHO_TIMEOUT = 30.0  # XMPP-7
PING_INTERVAL = 300.0  # XMPP-7
SPACE_INTERVAL = 60.0  # XMPP-7
MOST_UNMARKED = 100
"""Stanzas written behind the last ping before another one follows, though that one is still out."""

T = TypeVar("T")


class State(Enum):
    """What is known of the server's echoes on this stream."""

    PROBING = "probing"
    ECHOING = "echoing"
    SILENT = "silent"


class Outcome(Enum):
    """What a timer asks the shell to do."""

    GAVE_UP_PROBING = "gave-up-probing"
    """Now open, in the weaker mode."""
    PING = "ping"
    SPACE = "space"
    DEAD = "dead"


@frozen
class _Section(Generic[T]):
    """What was written between the ping before and this one."""

    number: int
    entries: list[T]
    sent: float
    processed: int
    """The last ping that had come back when this one was sent."""


@define
class Barrier(Generic[T]):
    """The machine of one stream, from its authentication to its end.

    :ivar prefix: begins the id of every ping; unguessable, so that nobody else can confirm.
    :ivar now: UTC seconds when the stream was authenticated.
    """

    prefix: str
    now: float
    state: State = State.PROBING
    _elapsed: float = field(default=0.0, init=False)
    _sections: deque[_Section[T]] = field(factory=deque, init=False)
    _processed: deque[_Section[T]] = field(factory=deque, init=False)
    _tail: list[T] = field(factory=list, init=False)
    _pings: int = field(default=0, init=False)
    _last_echo: int = field(default=0, init=False)
    _last_write: float = field(default=0.0, init=False)
    _last_ping: float = field(default=0.0, init=False)
    _last_progress: float = field(default=0.0, init=False)

    @property
    def is_open(self) -> bool:
        """Whether it is known how stanzas are confirmed here."""
        return self.state is not State.PROBING

    @property
    def is_clear(self) -> bool:
        """Whether nothing waits for confirmation."""
        return not (
            self._tail
            or any(section.entries for section in self._sections)
            or any(section.entries for section in self._processed)
        )

    def written(self, entry: T) -> None:
        """Note something that was written and is to be confirmed."""
        self._tail.append(entry)

    def wants_ping(self) -> bool:
        """Whether a ping should follow what has been written so far."""
        if self.state is State.SILENT:
            return False
        return self.is_long or (not self._sections and not self.is_clear)

    @property
    def is_long(self) -> bool:
        """Whether so much was written since the last ping that one is needed in its midst."""
        return len(self._tail) >= MOST_UNMARKED and self.state is not State.SILENT

    def ping(self, now: float) -> str:
        """Mark this point of the stream.

        :return: the id of the ping to write here.
        """
        self._advance(now)
        if self.state is State.SILENT:
            self._tail = self.lost()
            self._sections.clear()
        self._pings += 1
        self._sections.append(_Section(self._pings, self._tail, self._elapsed, self._last_echo))
        self._tail = []
        self._last_write = self._last_ping = self._elapsed
        return f"{self.prefix}-{self._pings}"

    def wrote(self, now: float) -> None:
        """Note that octets left, so that no white space is needed."""
        self._advance(now)
        self._last_write = self._elapsed

    def echoed(self, id: str, now: float) -> list[T] | None:
        """A ping came back.

        :return: what is confirmed by it, in the order written; None when it is no ping of ours.
        """
        prefix, _, digits = id.rpartition("-")
        number = int(digits) if prefix == self.prefix and digits.isdecimal() else 0
        if not self._sections or not self._sections[0].number <= number <= self._pings:
            return None
        self._advance(now)
        self._last_progress = self._elapsed
        self.state = State.ECHOING
        while self._sections and self._sections[0].number <= number:
            section = self._sections.popleft()
            self._processed.append(section)
        self._last_echo = number
        confirmed: list[T] = []
        while self._processed and self._processed[0].number <= section.processed:
            confirmed += self._processed.popleft().entries
        return confirmed

    def drained(self) -> list[T]:
        """The write buffer is empty.

        :return: what counts as handed over by that: everything, if the server does not echo.
        """
        return self.lost() if self.state is State.SILENT else []

    def lost(self) -> list[T]:
        """The stream is gone, or nothing will come back on it.

        :return: what was never confirmed, in the order written; nothing waits any more.
        """
        unconfirmed: list[T] = []
        for section in (*self._processed, *self._sections):
            unconfirmed += section.entries
            section.entries.clear()
        unconfirmed += self._tail
        self._tail = []
        return unconfirmed

    def next_timer(self) -> float:
        """UTC seconds of the next call of :meth:`handle_timer`."""
        return self.now + max(0.0, min(when for when, _ in self._deadlines()) - self._elapsed)

    def handle_timer(self, now: float) -> tuple[Outcome, ...]:
        """Say what is due.  A clock that goes backwards means that no time has passed."""
        self._advance(now)
        due = tuple(outcome for when, outcome in self._deadlines() if when <= self._elapsed)
        if Outcome.DEAD in due:
            return (Outcome.DEAD,)
        if Outcome.GAVE_UP_PROBING in due:
            self.state = State.SILENT
        if Outcome.SPACE in due:
            self._last_write = self._elapsed
        return due

    def _deadlines(self) -> list[tuple[float, Outcome]]:
        deadlines = [
            (self._last_write + SPACE_INTERVAL, Outcome.SPACE),
            (self._last_ping + PING_INTERVAL, Outcome.PING),
        ]
        if self.state is State.PROBING:
            deadlines.append((PROBE_TIMEOUT, Outcome.GAVE_UP_PROBING))
        elif self.state is State.ECHOING and self._sections:
            # A server that is slow but gets on is not dead.
            since = max(self._sections[0].sent, self._last_progress)
            deadlines.append((since + ECHO_TIMEOUT, Outcome.DEAD))
        return deadlines

    def _advance(self, now: float) -> None:
        if now > self.now:
            self._elapsed += now - self.now
        self.now = now
