"""Which message ids came in lately, so that none is used twice on the far side (MSG-5).  Pure."""

from __future__ import annotations

#: Seconds that an id is remembered.
REMEMBERED = 3600.0
#: Ids remembered at the most, some 2 MB; the oldest go first.
MOST = 20_000


class RecentIds:
    """Ids in the order they came.

    A peer that repeats one breaks RFC 3261 8.1.1.7, so forgetting them over a restart does no harm.
    """

    def __init__(self, remembered: float = REMEMBERED, most: int = MOST) -> None:
        self._remembered, self._most = remembered, most
        self._came: dict[str, float] = {}

    def repeats(self, id: str, now: float) -> bool:
        """Whether the id came within the last hour; it is remembered from now on.

        :param now: UTC seconds.
        """
        before = self._came.pop(id, None)
        self._came[id] = now
        if len(self._came) > self._most:
            del self._came[next(iter(self._came))]
        return before is not None and now < before + self._remembered
