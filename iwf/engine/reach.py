"""What is behind the gateway: whether anything is up there, and who can be named."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zope.interface import implementer

from iwf.edge import IReach
from iwf.mapping.address import Mapped, native_of
from iwf.mapping.model import SIP, TEL, XMPP, Address
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import LaneView

#: Which connectors lead to users of a world; phones may be behind SIP trunks too.
_EDGES = {XMPP: ("xmpp",), SIP: ("sip",), TEL: ("smpp", "sip")}


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
        # The session of one user (see iwf.mapping.accounts) leads to nobody else: those are not in the configuration.
        return any(self._is_there(view) for name, view in self._lanes.items()
                   if name.partition(":")[0] != edge and self._gateway.directory.tenant_of(name) is not None)

    def serves(self, world: str) -> bool:
        edges = _EDGES[world]
        return any(self._is_there(view) for name, view in self._lanes.items() if name.partition(":")[0] in edges)

    def _is_there(self, view: LaneView) -> bool:
        return view.up or self._seconds() - view.changed <= self._gateway.patience.grace   # XMPP-10

    def maps(self, target: Address) -> bool:
        return isinstance(native_of(target, self._gateway), Mapped)
