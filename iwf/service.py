"""Puts the daemon together: the engine in the middle, one edge per world that is configured."""

from __future__ import annotations

from collections.abc import Callable
from socket import socket
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.lockfile import FilesystemLock

from iwf import __version__
from iwf.config import Settings
from iwf.engine.engine import Engine
from iwf.engine.store.base import IStore
from iwf.engine.store.sqlite import SqliteStore
from iwf.errors import IwfError
from iwf.ids import Ids
from iwf.names import Resolver
from iwf.sip.edge import SipEdge
from iwf.sip.settings import Hop
from iwf.sip.transport.sockets import connected_udp_socket
from iwf.smpp.esme import SmppEdge
from iwf.xmpp.component import XmppEdge

#: The database in the state directory.
DATABASE = "iwf.db"


class Busy(IwfError):
    """Another daemon works in the same state directory."""


class Daemon(MultiService):
    """The whole daemon.

    :param settings: with the node's secret filled in.
    :param reactor: gives time, connections and listeners.
    :param ids: source of identifiers and jitter.
    :param store: tests hand in their own; otherwise the database in the state directory is opened
        when the service starts.
    :param connected_socket: how the SIP edge gets sockets that hear of refused datagrams; tests
        without sockets give None for each.
    """

    log = Logger()

    def __init__(self, settings: Settings, reactor: Any, ids: Ids,
                 store: IStore | None = None,
                 connected_socket: Callable[[Hop, Hop], socket | None] = connected_udp_socket
                 ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.settings = settings
        self._reactor = reactor
        self._ids = ids
        self._store = store
        self._connected_socket = connected_socket
        self._lock: FilesystemLock | None = None
        self._engine: Engine | None = None

    def startService(self) -> None:
        """Open the store, take over what it remembers, then let the edges in."""
        settings, reactor, ids = self.settings, self._reactor, self._ids
        engine = self._engine = Engine(self._store or self._open(), settings.gateway, reactor, ids)
        engine.start()
        intake, lanes = engine.intake, engine.outbox
        edges: list[Service] = []
        if settings.sip.listen:
            edges.append(SipEdge(settings.sip, reactor, reactor, intake, lanes, ids,
                                 Logger(namespace="iwf.sip"), Resolver(reactor, settings.sip.dns_servers),
                                 self._connected_socket, engine.reach, engine))
        if settings.xmpp.components:
            edges.append(XmppEdge(settings.xmpp, reactor, intake, lanes, ids, engine, engine.insight,
                                  Resolver(reactor, settings.sip.dns_servers), engine.reach))
        if settings.smpp.links:
            edges.append(SmppEdge(settings.smpp, reactor, intake, lanes, ids, engine))
        for edge in edges:
            edge.setServiceParent(self)
        for warning in settings.warnings:
            self.log.warn("{warning}", warning=warning)
        self.log.info("iwf {version} is {name}", version=__version__, name=settings.node.name)
        super().startService()  # type: ignore[no-untyped-call]

    def _open(self) -> IStore:
        directory = self.settings.node.state_directory
        directory.mkdir(parents=True, exist_ok=True)
        lock = FilesystemLock(str(directory / "iwf.lock"))
        if not lock.lock():
            raise Busy(f"{directory}: another iwf works here")
        self._lock = lock
        return SqliteStore(str(directory / DATABASE), self.settings.node.synchronous)

    def stopService(self) -> Deferred[None]:
        """Let the edges end politely, commit what was offered, close the store."""
        stopped: Deferred[Any] = maybeDeferred(super().stopService)
        return stopped.addBoth(self._stopped)

    def _stopped(self, result: object) -> object:
        if self._engine is not None:
            self._engine.stop()
            self._engine = None
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None
        return result
