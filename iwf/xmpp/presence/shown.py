"""What users have been shown of images, so that it can be taken back.  A machine without IO.

The core knows it too, and for good; this is for what an orderly stop has to take back at once, and
for personal events, which are told only when they change.
"""

from __future__ import annotations

from attrs import define, field

from iwf.mapping.model import Aspect

MOST_SHOWN = 50_000
"""Pairs of a user and an image; the oldest are forgotten."""

Pair = tuple[str, str]
"""The bare JIDs of an image and of a user, as they stand in stanzas."""


@define
class _Seen:
    available: dict[Pair, None] = field(factory=dict)
    """From where to where, as full as it was written."""
    aspects: dict[type[Aspect], Aspect] = field(factory=dict)


@define
class Shown:
    """What one component has shown."""

    _pairs: dict[Pair, _Seen] = field(factory=dict, init=False)

    def wrote(self, sender: str, to: str, is_available: bool) -> None:
        """An available or an unavailable stanza is written."""
        pair = _bare(sender), _bare(to)
        seen = self._pairs.pop(pair, None) or _Seen()
        if is_available:
            seen.available[sender, to] = None
        else:
            seen.available.pop((sender, to), None)
        self._keep(pair, seen)

    def is_available(self, image: str, user: str) -> bool:
        """Whether a user sees an image as available, as far as is known."""
        seen = self._pairs.get((image, user))
        return seen is not None and bool(seen.available)

    def withdraw(self, image: str, user: str) -> list[Pair]:
        """Forget what a user has seen of an image.

        :return: from where and to where unavailable has to be said.
        """
        seen = self._pairs.pop((image, user), None)
        return [] if seen is None else _to_take_back(seen)

    def withdraw_all(self) -> list[Pair]:
        """The same for everybody."""
        withdrawn = [pair for seen in self._pairs.values() for pair in _to_take_back(seen)]
        self._pairs.clear()
        return withdrawn

    def news(self, image: str, user: str, aspects: tuple[Aspect, ...]) -> list[Aspect]:
        """Which aspects of a person a user has to be told.

        :param aspects: all there are now.
        :return: those that are others than he was told, and empty ones for those that are gone.
        """
        seen = self._pairs.get((image, user))
        told = {} if seen is None else seen.aspects
        now = {type(aspect): aspect for aspect in aspects}
        news = [aspect for kind, aspect in now.items() if told.get(kind) != aspect]
        news += [kind() for kind in told if kind not in now]
        if news:
            seen = self._pairs.pop((image, user), None) or _Seen()
            seen.aspects = now
            self._keep((image, user), seen)
        return news

    def _keep(self, pair: Pair, seen: _Seen) -> None:
        if seen.available or seen.aspects:
            self._pairs[pair] = seen
            if len(self._pairs) > MOST_SHOWN:
                del self._pairs[next(iter(self._pairs))]


def _to_take_back(seen: _Seen) -> list[Pair]:
    """What a user is told reaches all his resources, so they need not be told as well."""
    return [(sender, to) for sender, to in seen.available
            if to == _bare(to) or (sender, _bare(to)) not in seen.available]


def _bare(jid: str) -> str:
    return jid.partition("/")[0]
