"""Which resources of a user an image has seen available, so that the last one is known that leaves.
A machine without IO."""

from __future__ import annotations

from attrs import define, field

from iwf.mapping.model import Address, Presence

MOST_PAIRS = 50_000
"""Pairs of a user and an image; the one that was heard of longest ago is forgotten."""
MOST_RESOURCES = 50
"""Resources of one pair that are remembered."""

Pair = tuple[str, str]
"""The keys of a user and an image."""


@define
class Here:
    """The resources of the users of one component, as seen on one stream."""

    _resources: dict[Pair, set[str]] = field(factory=dict, init=False)

    def showed(self, event: Presence) -> None:
        """A user has shown an image some of his resources, or that they are gone."""
        pair = event.origin.address.key, event.target.key
        resources = self._resources.pop(pair, set())
        for device in event.devices:
            if device.open and len(resources) < MOST_RESOURCES:
                resources.add(device.instance)
            elif not device.open:
                resources.discard(device.instance)
                if not device.instance:  # RFC 6121 4.6.4: nothing is left of him
                    resources.clear()
        if resources:
            self._resources[pair] = resources
            if len(self._resources) > MOST_PAIRS:
                del self._resources[next(iter(self._resources))]

    def is_any(self, user: Address, image: Address) -> bool:
        """Whether a resource of the user is available to the image, as far as is known."""
        return (user.key, image.key) in self._resources

    def forget(self) -> None:
        """The stream has ended, and nobody knows what was missed meanwhile."""
        self._resources.clear()
