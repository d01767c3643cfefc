"""Which legs the core knows to be alive, so that it is not told again with every change of show.
A machine without IO."""

from __future__ import annotations

from attrs import define, field

from iwf.mapping.model import Address

MOST_LOOKS = 50_000
"""Pairs of a user and an image; of the oldest the core is told once more than it needs."""
MOST_LEGS = 50
"""Legs of one pair that are remembered."""
RENEWAL = 86_400.0
"""Seconds after which a leg is told again, so that it does not end (PRES-11)."""

Pair = tuple[str, str]
"""The keys of a user and an image."""


@define
class Looks:
    """The legs of one component."""

    _told: dict[Pair, dict[str, float]] = field(factory=dict, init=False)
    _now: float = field(default=0.0, init=False)

    def wants(self, user: Address, image: Address, leg: str, now: float) -> bool:
        """A resource says that it is there.

        :param now: UTC seconds.
        :return: whether the core is to be told that it looks.
        """
        self._now = max(self._now, now)
        pair = user.key, image.key
        legs = self._told.pop(pair, {})
        self._told[pair] = legs
        if len(self._told) > MOST_LOOKS:
            del self._told[next(iter(self._told))]
        told = legs.get(leg)
        if told is not None and self._now - told < RENEWAL:
            return False
        if len(legs) < MOST_LEGS or told is not None:
            legs[leg] = self._now
        return True

    def ended(self, user: Address, image: Address, leg: str = "") -> None:
        """A leg is over or the core does not know it; without one: all legs of the pair."""
        pair = user.key, image.key
        legs = self._told.get(pair)
        if legs is not None:
            legs.pop(leg, None)
            if not leg or not legs:
                del self._told[pair]

    def forget(self) -> None:
        """The stream has ended, and nobody knows what was missed meanwhile."""
        self._told.clear()
