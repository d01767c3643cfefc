"""States that are wanted once (PRES-15, PRES-28).  A machine without IO.

A user's server answers a probe with a stanza for each of his resources, and says nowhere that it was
the last one; and who wants a state once takes the first that he gets.  So what comes within a moment
after the first stanza is held back, and told as one::

    state      event             told                           next
    waiting    presence          -                              gathering, for at most SETTLE
    waiting    WAIT is over      that nothing is known          -
    gathering  presence          -                              gathering
    gathering  time is up        what has come                  -
    any        refusal           the refusal                    -
"""

from __future__ import annotations

from attrs import define, evolve, field

from iwf.mapping.model import (
    Address,
    Device,
    Failure,
    Party,
    Presence,
    WatchFetched,
    WatchRefused,
)

WAIT = 0.8
"""Seconds; a SIP watcher is answered after one (PRES-28)."""
SETTLE = 0.2
"""Seconds between the first stanza of an answer and the answer."""
MOST_FETCHES = 1000
"""Pairs that are waited for at once; more get no answer, which their watchers are ready for."""

Pair = tuple[str, str]
"""The keys of the user's address and of the image's."""


@define
class _Fetch:
    image: Address
    user: Address
    lane: str
    until: float
    legs: dict[str, None] = field(factory=dict)
    devices: dict[str, Device] = field(factory=dict)


@define
class Fetches:
    """What one component has been asked to fetch."""

    _pending: dict[Pair, _Fetch] = field(factory=dict, init=False)
    _now: float = field(default=0.0, init=False)

    def asked(self, fetch: WatchFetched, lane: str, now: float) -> None:
        """A probe is written for a fetch.

        :param now: UTC seconds.
        """
        self._now = max(self._now, now)
        image, user = fetch.origin.address.bare(), fetch.target.bare()
        pair = user.key, image.key
        pending = self._pending.get(pair)
        if pending is None:
            if len(self._pending) >= MOST_FETCHES:
                return
            pending = self._pending[pair] = _Fetch(image, user, lane, self._now + WAIT)
        pending.legs[fetch.leg] = None

    def takes(self, presence: Presence, now: float) -> bool:
        """A user's stanza has come.

        :return: whether it is told with the answer, and not by itself.
        """
        self._now = max(self._now, now)
        pending = self._pending.get((presence.origin.address.key, presence.target.key))
        if pending is None or not presence.devices:
            return False
        pending.devices.update((one.instance, one) for one in presence.devices)
        pending.until = min(pending.until, self._now + SETTLE)
        return True

    def refused(self, user: Address, image: Address, failure: Failure) -> WatchRefused | None:
        """A user's server has refused to tell anything; gives the answer to those who wait."""
        pending = self._pending.pop((user.key, image.key), None)
        if pending is None:
            return None
        return WatchRefused(Party(pending.user, asserted_by=pending.lane), pending.image, failure,
                            tuple(pending.legs), lane=pending.lane)

    def next_timer(self) -> float | None:
        """UTC seconds of the next call of :meth:`handle_timer`."""
        return min((one.until for one in self._pending.values()), default=None)

    def handle_timer(self, now: float) -> list[Presence]:
        """The answers that are due."""
        self._now = max(self._now, now)
        due = [pair for pair, one in self._pending.items() if one.until <= self._now]
        return [_answer(self._pending.pop(pair)) for pair in due]


def _answer(fetch: _Fetch) -> Presence:
    devices = tuple(fetch.devices.values())
    if not any(one.open for one in devices):
        # Where nobody is there, the word of one resource is enough for all.
        devices = tuple(evolve(one, instance="") for one in devices[:1])
    return Presence(Party(fetch.user, asserted_by=fetch.lane), fetch.image, devices, whole=False,
                    legs=tuple(fetch.legs), known=bool(devices), lane=fetch.lane)
