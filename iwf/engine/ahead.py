"""The connectors as they will be once the turns of this batch are released."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from iwf.mapping.model import Item
from iwf.mapping.turn import LaneView


class _Sum(Mapping[str, int]):
    """Items per stream: those queued and those of this batch."""

    def __init__(self, queued: Mapping[str, int], batch: Mapping[str, int]) -> None:
        self._queued, self._batch = queued, batch

    def __getitem__(self, stream: str) -> int:
        return self._queued.get(stream, 0) + self._batch.get(stream, 0)

    def __iter__(self) -> Iterator[str]:
        return iter({*self._queued, *self._batch})

    def __len__(self) -> int:
        return len({*self._queued, *self._batch})


class Ahead(Mapping[str, LaneView]):
    """Views of the lanes that count what was decided and not yet released, so that a batch cannot
    pass a limit that each of its turns keeps.

    :param lanes: the lanes as they are.
    """

    def __init__(self, lanes: Mapping[str, LaneView]) -> None:
        self._lanes = lanes
        self._decided: dict[str, Counter[str]] = {}

    def __getitem__(self, name: str) -> LaneView:
        view = self._lanes[name]
        decided = self._decided.get(name)
        if decided is None:
            return view
        return LaneView(view.up, view.changed, view.depth + decided.total(),
                        _Sum(view.streams, decided))

    def __iter__(self) -> Iterator[str]:
        return iter(self._lanes)

    def __len__(self) -> int:
        return len(self._lanes)

    def add(self, item: Item) -> None:
        """Count an item that a turn of this batch sends."""
        self._decided.setdefault(item.lane, Counter())[item.stream] += 1
