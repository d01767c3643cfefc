"""Who writes too much, and what goes round and round (LOOP-5, LOOP-6).

Kept in memory, not in rows: it is asked before a message costs anything, and what is forgotten over a
restart lets a burst pass, no more.
"""

from __future__ import annotations

from enum import Enum
from math import inf

from iwf.mapping.model import XMPP, Message
from iwf.mapping.settings import Gateway

#: LOOP-5: a message that was there more than twice within ten seconds goes round; counted in halves of them.
ROUND = 5.0
MOST_TIMES = 2
#: Pairs whose pace is remembered, some 5 MB.
MOST_PAIRS = 20_000
#: Messages remembered for each of two rounds, some 5 MB.
MOST_MESSAGES = 50_000


class Ruling(Enum):
    """What is to become of a message."""

    PASS = "pass"
    TOO_FAST = "too-fast"
    """Refused: its sender shall slow down (LOOP-6)."""
    CIRCLES = "circles"
    """Dropped without a word, which would go round as well (LOOP-5)."""


class Policy:
    """Judges messages as they come in.  A clock that goes backwards stands still.

    :param gateway: gives ``max_rate``, the messages per second of one sender to one target, and
        ``max_burst``, how many of them may come at once; no rate: no limit.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._interval = 1 / gateway.max_rate if gateway.max_rate else 0.0
        self._ahead = self._interval * (gateway.max_burst - 1)
        # When a pair would be at rest had it kept to the rate; the virtual scheduling of ITU-T I.371.
        self._rests_at: dict[str, float] = {}
        self._seen: dict[str, int] = {}
        self._seen_before: dict[str, int] = {}
        self._round_ends = -inf
        self._last = -inf

    def judge(self, message: Message, now: float) -> Ruling:
        """Whether a message may go on.

        :param now: UTC seconds.
        """
        self._last = now = max(now, self._last)
        if _may_circle(message):
            self._turn(now)
            name = _name(message)
            if self._seen.get(name, 0) + self._seen_before.get(name, 0) > MOST_TIMES:
                self._count(name, now)
                return Ruling.CIRCLES
        return Ruling.TOO_FAST if self._interval and self._is_too_fast(_pair(message), now) else Ruling.PASS

    def taken(self, message: Message, now: float) -> None:
        """A message was taken; one that is refused goes nowhere, and so not round.

        :param now: UTC seconds.
        """
        if _may_circle(message):
            self._last = now = max(now, self._last)
            self._count(_name(message), now)

    def _is_too_fast(self, pair: str, now: float) -> bool:
        rests_at = max(self._rests_at.pop(pair, now), now)
        too_fast = rests_at - now > self._ahead
        self._rests_at[pair] = rests_at if too_fast else rests_at + self._interval
        if len(self._rests_at) > MOST_PAIRS:
            del self._rests_at[next(iter(self._rests_at))]   # the one that has been quiet for longest
        return too_fast

    def _turn(self, now: float) -> None:
        """Begin another round when one is over."""
        if now >= self._round_ends:
            self._seen_before = self._seen if now < self._round_ends + ROUND else {}
            self._seen, self._round_ends = {}, now + ROUND

    def _count(self, name: str, now: float) -> None:
        self._turn(now)
        times = self._seen.get(name, 0)
        if times or len(self._seen) < MOST_MESSAGES:
            self._seen[name] = times + 1


def _may_circle(message: Message) -> bool:
    """LOOP-5: in other worlds an id is made for each message anew, or the loop has marks of its own."""
    return bool(message.id) and message.origin.address.scheme == XMPP


def _pair(message: Message) -> str:
    return f"{message.origin.address.key} {message.target.key}"


def _name(message: Message) -> str:
    return f"{message.id} {_pair(message)} {hash(message.text)}"
