"""The SIP edge with real sockets, and a test in the place of the engine: who watches whom, and what is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from iwf.edge import IIntake, ILane, ILanes, IMemory, IOutlet
from iwf.ids import Ids
from iwf.mapping.model import (
    Address,
    Device,
    Event,
    Item,
    Party,
    Published,
    Remember,
    Taken,
    Verdict,
    WatchEnded,
    WatchFetched,
    WatchRequested,
)
from iwf.sip.edge import SipEdge
from iwf.sip.settings import Hop, PresenceSettings, RegistrarSettings, SipAlias, SipSettings, TrunkSettings
from tests.peers.base import LOOPBACK, PeerError, Port
from tests.support.names import FakeNames

ALIAS = "xmpp.sip.test"
ROMEO = Address("sip", "romeo*xmpp.test", ALIAS)
JULIET = Address("sip", "juliet", "sip.test")
LANE = "sip:server"

T = TypeVar("T")


@implementer(ILane)
class _Lane:
    def __init__(self, name: str) -> None:
        self.name = name

    def grant(self, credit: int) -> None:
        """Items are delivered whenever a test wants it."""


@implementer(IIntake, ILanes, IMemory)
class WatchingDesk:
    """One edge with one trunk to a server; says yes to all that it is offered.

    :param server: the port of the server on loopback.
    :param trunk: further settings of the trunk.
    :param registrar: for devices that register at the edge itself.
    :param web: where it listens for WebSocket clients.
    """

    def __init__(self, reactor: Any, server: int, memory: dict[str, str] | None = None, port: Port | None = None,
                 trunk: dict[str, Any] | None = None, transport: str = "udp",
                 registrar: RegistrarSettings | None = None, web: Port | None = None, **presence: Any) -> None:
        self._reactor = reactor
        self.port = port or Port()
        self.memory = {} if memory is None else memory
        self.events: list[Event] = []
        """What nobody has waited for yet."""
        self._waiting: list[tuple[Callable[[Event], bool], Deferred[Event]]] = []
        self._count = 0
        hop = Hop(transport, LOOPBACK, server)
        self._settings = SipSettings(
            listen=(Hop("udp", LOOPBACK, self.port.number), Hop("tcp", LOOPBACK, self.port.number),
                    *([Hop("ws", LOOPBACK, web.number)] if web is not None else [])),
            aliases=(SipAlias(ALIAS, "xmpp"),),
            trunks=(TrunkSettings("server", LANE, ("sip.test",), hop, (LOOPBACK,), publish=True, **(trunk or {})),),
            registrar=registrar, presence=PresenceSettings(**presence),
        )
        self.edge = SipEdge(self._settings, reactor, reactor, self, self, Ids(), Logger(namespace="test"),
                            FakeNames(), memory=self)

    def start(self) -> None:
        self.edge.startService()

    def stop(self) -> Deferred[None]:
        """In an orderly way; at once where it runs no more."""
        stopped: Deferred[None] = self.edge.stopService() if self.edge.running else succeed(None)
        return stopped

    # -- the engine

    def offer(self, event: Event) -> Deferred[Verdict]:
        if isinstance(event, Remember):
            self.memory[event.key] = event.text
        else:
            self._offered(event)
        return succeed(Taken(""))

    def _offered(self, event: Event) -> None:
        for entry in self._waiting:
            if entry[0](event):
                self._waiting.remove(entry)
                entry[1].callback(event)
                return
        self.events.append(event)

    def attach(self, name: str, outlet: IOutlet, keeps_order: bool) -> ILane:
        return _Lane(name)

    def recall(self, edge: str) -> Iterable[tuple[str, str]]:
        return [(key, text) for key, text in self.memory.items() if text]

    # -- the test

    def wait_for(self, kind: type[T], fits: Callable[[T], bool] = lambda event: True,
                 timeout: float = 10.0) -> Deferred[T]:
        """The first event of that kind that fits; it may have come already."""
        def is_it(event: object) -> bool:
            return isinstance(event, kind) and fits(event)

        waiter: Deferred[Any] = Deferred()
        for event in self.events:
            if is_it(event):
                self.events.remove(event)
                waiter.callback(event)
                return waiter
        self._waiting.append((is_it, waiter))
        waiter.addTimeout(timeout, self._reactor)
        return waiter.addErrback(self._not_seen, kind)

    def _not_seen(self, fault: Any, kind: type) -> None:
        raise PeerError(f"no {kind.__name__}; unread: {self.events}")

    def _deliver(self, payload: Any) -> None:
        self._count += 1
        self.edge.deliver(Item(f"item-{self._count}", LANE, "stream", payload))

    def ask(self, watcher: Address = ROMEO, target: Address = JULIET) -> None:
        """Somebody asks to see a user."""
        self._deliver(WatchRequested(Party(watcher), target))

    def end(self, forever: bool = True, watcher: Address = ROMEO, target: Address = JULIET) -> None:
        """He does not look any more."""
        self._deliver(WatchEnded(Party(watcher), target, forever=forever))

    def fetch(self, leg: str, watcher: Address = ROMEO, target: Address = JULIET) -> None:
        """Somebody looks once."""
        self._deliver(WatchFetched(Party(watcher), target, leg))

    def publish(self, *devices: Device, user: Address = ROMEO) -> None:
        """A user of ours has these devices."""
        self._deliver(Published(Party(user), user, devices))
