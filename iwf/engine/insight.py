"""What subscribers and operators may look at: contacts of a phone, the state of connectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from zope.interface import implementer

from iwf.edge import IInsight
from iwf.engine.store.volatile import VolatileRows
from iwf.mapping.model import Address, address_of_key
from iwf.mapping.rows import Lease, query
from iwf.mapping.turn import LaneView


@implementer(IInsight)
class Insight:
    """Answers from the store and from the state of the lanes.

    :param lanes: all of them, as decisions see them.
    :param seconds: UTC seconds.
    """

    def __init__(self, store: VolatileRows, lanes: Mapping[str, LaneView], seconds: Callable[[], float]) -> None:
        self._store = store
        self._lanes = lanes
        self._seconds = seconds

    def contacts(self, phone: Address) -> Iterable[tuple[str, Address]]:
        asked = query(Lease, phone=phone.key)
        leases = self._store.load((asked,)).all(Lease, phone=phone.key)
        return [(lease.number, address_of_key(lease.contact)) for lease in sorted(leases, key=lambda one: one.number)
                if self._seconds() < lease.forget_at]

    def connectors(self) -> Iterable[tuple[str, bool, int]]:
        return [(name, view.up, view.depth) for name, view in sorted(self._lanes.items())]
