"""Presence that users showed an image before it asked for it (PRES-36).  A machine without IO.

A user may direct presence to somebody who has not asked to see him (RFC 6121 4.6), and the core
keeps nothing for those who have not asked.  Once the image asks, it is told again what was shown not
long ago: the user's server would not repeat it, and says when it is over (RFC 6121 4.6.3).
"""

from __future__ import annotations

from attrs import define, field

from iwf.mapping.model import Address, Presence

LIFE = 3600.0
"""Seconds after which a state is not told again."""
MOST_PAIRS = 10_000
"""Pairs of a user and an image; the oldest are forgotten."""
MOST_DEVICES = 20
"""Devices of one pair."""

Pair = tuple[str, str]
"""The keys of a user and an image."""


@define
class Directed:
    """What one component's users have shown."""

    _shown: dict[Pair, dict[str, tuple[float, Presence]]] = field(factory=dict, init=False)

    def showed(self, presence: Presence, now: float) -> None:
        """A user shows or takes back one of his devices; without a name: all of them.

        :param now: UTC seconds.
        """
        pair = presence.origin.address.bare().key, presence.target.bare().key
        shown = self._shown.pop(pair, {})
        for device in presence.devices:
            shown.pop(device.instance, None)
            if device.open and len(shown) < MOST_DEVICES:
                shown[device.instance] = now, presence
            elif not device.open and not device.instance:
                shown.clear()
        if shown:
            self._shown[pair] = shown
            if len(self._shown) > MOST_PAIRS:
                del self._shown[next(iter(self._shown))]

    def shown_to(self, image: Address, user: Address, now: float) -> list[Presence]:
        """What a user has shown an image that asks for it now."""
        shown = self._shown.get((user.bare().key, image.bare().key), {})
        return [presence for at, presence in shown.values() if now - at < LIFE]

    def refused(self, image: Address, user: Address) -> None:
        """The user does not let it see him."""
        self._shown.pop((user.bare().key, image.bare().key), None)

    def forget(self) -> None:
        """The stream has ended, and nobody knows what was missed meanwhile."""
        self._shown.clear()
