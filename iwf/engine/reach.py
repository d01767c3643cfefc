"""What is behind the gateway: whether anything is up there, and who can be named."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zope.interface import implementer

from iwf.edge import IReach
from iwf.mapping.address import Mapped, native_of
from iwf.mapping.model import Address
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import LaneView


@implementer(IReach)
class Reach:
    """Answers from the configuration and from the state of the lanes.

    :param lanes: all of them, as decisions see them.
    :param seconds: UTC seconds.
    """

    def __init__(self, gateway: Gateway, lanes: Mapping[str, LaneView], seconds: Callable[[], float]) -> None:
        self._gateway = gateway
        self._lanes = lanes
        self._seconds = seconds

    def is_up(self, edge: str) -> bool:
        now = self._seconds()
        return any(view.up or now - view.changed <= self._gateway.patience.grace       # XMPP-10
                   for name, view in self._lanes.items() if name.partition(":")[0] != edge)

    def maps(self, target: Address) -> bool:
        return isinstance(native_of(target, self._gateway), Mapped)
