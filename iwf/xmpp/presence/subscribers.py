"""Who has the gateway itself in his roster, and who is to be told that it is there.  A machine.

XMPP-21: the list lasts, and all of it is told at every start, spread over time.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

MOST_SUBSCRIBERS = 100_000
"""Users who are remembered; more are answered, and not told at a start."""
PACE = 0.1
"""Seconds between two bundles of stanzas."""
BUNDLE = 20
"""Users who are told at once."""


@define
class Subscribers:
    """The users who know one gateway.

    Users are given by the keys of their bare addresses and by their JIDs, as they spell them.
    """

    _jids: dict[str, str] = field(factory=dict, init=False)
    _to_tell: deque[str] = field(factory=deque, init=False)
    _next: float | None = field(default=None, init=False)
    _now: float = field(default=0.0, init=False)

    def __contains__(self, key: str) -> bool:
        return key in self._jids

    @property
    def is_full(self) -> bool:
        """Whether no more can be remembered."""
        return len(self._jids) >= MOST_SUBSCRIBERS

    @property
    def jids(self) -> list[str]:
        """All there are."""
        return list(self._jids.values())

    def add(self, key: str, jid: str) -> None:
        """A user wants to know."""
        if key in self._jids or not self.is_full:
            self._jids[key] = jid

    def remove(self, key: str) -> None:
        """A user does not want to know any more."""
        self._jids.pop(key, None)

    def started(self, now: float) -> None:
        """The gateway is there: everybody is to be told.

        :param now: UTC seconds.
        """
        self._now = max(self._now, now)
        self._to_tell = deque(self._jids)
        self._next = self._now if self._to_tell else None

    def ended(self) -> None:
        """The gateway is not there: nobody is to be told that it is."""
        self._to_tell.clear()
        self._next = None

    def next_timer(self) -> float | None:
        """UTC seconds of the next call of :meth:`handle_timer`."""
        return self._next

    def handle_timer(self, now: float) -> list[str]:
        """The JIDs of those who are to be told now."""
        self._now = max(self._now, now)
        if self._next is None or self._next > self._now:
            return []
        keys = [self._to_tell.popleft() for _ in range(min(BUNDLE, len(self._to_tell)))]
        self._next = self._now + PACE if self._to_tell else None
        return [self._jids[key] for key in keys if key in self._jids]
