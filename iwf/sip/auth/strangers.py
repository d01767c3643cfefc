"""Who has proven nothing and asks a lot: scanners and guessers get silence (SIP-91).  Pure.

What is counted is kept by address, of IPv6 by network, since anybody has billions of those addresses.
"""

from __future__ import annotations

from ipaddress import ip_network
from math import inf

from attrs import define

#: Seconds in which refusals are counted, and for which there is silence at the most.
MINUTE = 60.0
#: Refusals that may come at once at a place; a whole office may start its telephones together.
BURST = 100
#: Places remembered; the one that was quiet for longest is forgotten first.
MOST = 10_000


@define
class _Place:
    """Where requests come from."""

    since: float
    """The begin of its minute."""
    refusals: int = 0
    """In that minute."""
    rests_at: float = -inf
    """When it would be at rest had it kept to the rate."""


class Strangers:
    """Counts what is told to places that are no peer's.  A clock that goes backwards stands still.

    :param refusals: how many in a minute are told; then there is silence for the rest of it.
    :param rate: answers per second of any kind to who has not proven himself yet.
    """

    def __init__(self, refusals: int, rate: float) -> None:
        self._refusals = refusals
        self._interval = 1 / rate
        self._places: dict[str, _Place] = {}
        self._last = -inf

    def is_silent(self, host: str, now: float) -> bool:
        """Whether nothing that comes from there is looked at.

        :param host: an IP address.
        :param now: UTC seconds.
        """
        if not self._places:
            return False
        self._last = now = max(now, self._last)
        place = self._places.get(place_of(host))
        return place is not None and place.refusals >= self._refusals and now < place.since + MINUTE

    def may_be_told(self, host: str, now: float, suspicious: bool) -> bool:
        """Whether a place may have an answer to a request that nobody vouches for.

        :param suspicious: it is one that a known user does not get (unknown peer, wrong password); counted.
        """
        self._last = now = max(now, self._last)
        name = place_of(host)
        place = self._places.pop(name, None) or _Place(now)
        self._places[name] = place
        if len(self._places) > MOST:
            del self._places[next(iter(self._places))]
        if now >= place.since + MINUTE:
            place.since, place.refusals = now, 0
        place.refusals += suspicious
        if place.refusals > self._refusals or place.rests_at > now + BURST * self._interval:
            return False
        place.rests_at = max(place.rests_at, now) + self._interval
        return True


def place_of(host: str) -> str:
    """The name under which an IP address is counted."""
    return str(ip_network(f"{host.partition('%')[0]}/64", strict=False)) if ":" in host else host
