"""Keeping a connection that we opened alive, and noticing when it is not (RFC 5626 4.4.1, RFC 6223; SIP-48).  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from math import inf

from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Response

#: RFC 5626 4.4.1: seconds between pings on a stream, where nobody says otherwise.
STREAM = (95.0, 120.0)
#: RFC 5626 4.4.2: on UDP, since translators of addresses forget early.
DATAGRAM = (24.0, 29.0)
#: How long a pong may take.
PONG = 10.0
#: No peer makes us ping more often than that.
SHORTEST = 10.0

PING = b"\r\n\r\n"

Draw = Callable[[float, float], float]
"""A random number between two others."""

_is_seconds = re.compile(r"[0-9]{1,9}").fullmatch


class Step(Enum):
    """What is to be done."""

    PING = "ping"
    FAIL = "fail"
    """The flow has failed: close the connection."""


class KeepAlive:
    """Pings on one connection.  A clock that goes backwards stands still.

    :param interval: bounds of the seconds from one ping to the next; they vary, so that not all connections of
        a peer ping at once.
    :param draw: chance.
    """

    def __init__(self, interval: tuple[float, float], draw: Draw, now: float) -> None:
        self._interval = interval
        self._draw = draw
        self._last = now
        self._ping_at = now + draw(*interval)
        self._fail_at = inf

    def next_timer(self) -> float:
        """When :meth:`handle_timer` wants to be called; UTC seconds."""
        return min(self._ping_at, self._fail_at)

    def handle_timer(self, now: float) -> Step | None:
        """Do what is due."""
        now = self._time(now)
        if now >= self._fail_at:
            return Step.FAIL
        if now < self._ping_at:
            return None
        self._fail_at = now + PONG
        self._ping_at = now + self._draw(*self._interval)
        return Step.PING

    def heard(self) -> None:
        """A pong has come in, or a message: the flow lives."""
        self._fail_at = inf

    def _time(self, now: float) -> float:
        if now < self._last:                             # set back: what is due keeps its distance
            back = self._last - now
            self._ping_at -= back
            self._fail_at -= back
        self._last = now
        return now


def agreed(response: Response) -> tuple[float, float] | None:
    """Bounds of the interval that a peer asks for in the answer to a request that offered ``keep``.

    By ``keep`` in our Via (RFC 6223 5.4) or by Flow-Timer (RFC 5626 4.4); None: he wants none.
    """
    try:
        text = response.top_via.param("keep") or (response.get("Flow-Timer") or "").strip()
    except SipSyntaxError:
        return None
    if not _is_seconds(text) or not int(text):
        return None
    most = max(float(text), SHORTEST)
    return 0.8 * most, most                              # RFC 5626 4.4.1: between 80 and 100 percent
