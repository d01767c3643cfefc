"""Users who leave the sight of an image without having left.  A machine without IO.

A user who takes back what he allowed an image is shown to it as unavailable by his server, resource by
resource, as if he had gone (RFC 6121 3.2.2); Prosody says so before ``unsubscribed``, ejabberd after it.  He is
still there and looks on, and his server will not say so again: the image does not see him any more.
"""

from __future__ import annotations

from attrs import define, field

from iwf.mapping.model import Address, WatchEnded, WatchRenewed
from iwf.xmpp.presence.legs import watcher_of_leg
from iwf.xmpp.presence.reading import LEG_LIFE

TOGETHER = 2.0
"""Seconds within which a server says both."""
MOST = 1000
"""Users of either kind that are remembered so long."""

Pair = tuple[str, str]
"""The keys of a user and an image."""


@define
class Partings:
    """What the users of one component have just said."""

    _left: dict[str, tuple[float, Pair, WatchEnded]] = field(factory=dict, init=False)
    """By leg, in the order of time."""
    _refused: dict[Pair, float] = field(factory=dict, init=False)

    def left(self, event: WatchEnded, now: float) -> bool:
        """A leg is over.

        :param now: UTC seconds.
        :return: whether it really is.
        """
        watcher = watcher_of_leg(event.leg)
        if watcher is None:
            return True
        pair = watcher.bare().key, event.target.key
        since = self._refused.get(pair)
        if since is not None and 0 <= now - since < TOGETHER:
            return False
        if watcher.instance:
            self._left.pop(event.leg, None)
            self._left[event.leg] = now, pair, event
            if len(self._left) > MOST:
                del self._left[next(iter(self._left))]
        return True

    def refused(self, user: Address, image: Address, now: float) -> tuple[WatchRenewed, ...]:
        """The image may not see the user any more.

        :return: the legs that have only seemed to end.
        """
        pair = user.bare().key, image.key
        self._refused.pop(pair, None)
        self._refused[pair] = now
        if len(self._refused) > MOST:
            del self._refused[next(iter(self._refused))]
        seeming = [entry for entry in self._left.values() if entry[1] == pair]
        for _, _, event in seeming:
            del self._left[event.leg]
        return tuple(WatchRenewed(event.origin, event.target, event.leg, now + LEG_LIFE, event.lane)
                     for at, _, event in seeming if 0 <= now - at < TOGETHER)
