"""The XMPP edge: connects every component and keeps it connected (shell; XMPP-1..4, 6)."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure as TwistedFailure
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.protocols.jabber.xmlstream import STREAM_ERROR_EVENT

from iwf import __version__
from iwf.edge import IInsight, IIntake, ILanes, IMemory, IReach
from iwf.ids import Ids
from iwf.xmpp.backoff import ALARMING, Backoff
from iwf.xmpp.client.accounts import Accounts
from iwf.xmpp.client.dialing import Dialer, Names
from iwf.xmpp.commands.office import Office
from iwf.xmpp.elements import Component, component_of
from iwf.xmpp.handler import ComponentHandler
from iwf.xmpp.settings import ComponentSettings, XmppSettings
from iwf.xmpp.stream import ComponentStream
from iwf.xmpp.wokkel_door import StreamManager, component_factory

HANDSHAKE_TIMEOUT = 30.0
CLOSE_TIMEOUT = 2.0

class ComponentConnection:
    """Connects one component, again and again.

    :ivar handler: its traffic.
    """

    _log = Logger()

    def __init__(
        self,
        component: Component,
        settings: ComponentSettings,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        intake: IIntake,
        ids: Ids,
        memory: IMemory,
        office: Office | None = None,
    ) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self._lane = settings.lane
        self._backoff = Backoff(ids)
        self._condition = ""
        self._is_running = False
        self._dialing: Deferred[IProtocol] | None = None
        self._stream: ComponentStream | None = None
        self._closed: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self.handler = ComponentHandler(
            component, settings, clock, intake, ids, memory, self._on_up, self._on_down, office
        )
        self._factory = component_factory(
            settings.domain, settings.secret
        )
        self._factory.noisy = False
        self._factory.protocol = ComponentStream
        self._factory.kwargs = {
            "max_stanza": settings.max_stanza,
            "receive": self.handler.receive,
            "receive_too_large": self.handler.receive_too_large,
        }
        self._factory.addBootstrap(STREAM_ERROR_EVENT, self._on_stream_error)
        self.handler.setHandlerParent(StreamManager(self._factory, reactor=clock))

    def start(self) -> None:
        """Begin to connect."""
        self._is_running = True
        self.handler.resume()
        self._dial()

    def stop(self) -> Deferred[None]:
        """Stop connecting; let what is under way finish, then close the stream.

        :return: fires when there is no connection any more.
        """
        self._is_running = False
        self._set_timer(None)
        if self._dialing is not None:
            self._dialing.cancel()
        return self.handler.drain().addCallback(lambda _: self._close())

    def _close(self) -> Deferred[None]:
        stream = self._stream
        if stream is None or stream.transport is None:
            return succeed(None)
        self._closed = Deferred()
        transport = stream.transport
        transport.unregisterProducer()  # type: ignore[attr-defined]  # or the transport waits for more
        stream.sendFooter()  # type: ignore[no-untyped-call]
        transport.loseConnection()
        self._set_timer(self._clock.callLater(CLOSE_TIMEOUT, stream.drop))
        return self._closed

    def _dial(self) -> None:
        self._timer = None
        self._condition = ""
        self._dialing = self._endpoint.connect(self._factory)
        self._dialing.addCallbacks(self._on_connected, self._on_refused)

    def _on_connected(self, protocol: IProtocol) -> None:
        self._dialing = None
        assert isinstance(protocol, ComponentStream)
        self._stream = protocol
        self._set_timer(self._clock.callLater(HANDSHAKE_TIMEOUT, protocol.drop))

    def _on_refused(self, failure: TwistedFailure) -> None:
        self._dialing = None
        if self._is_running:
            self._retry(failure.getErrorMessage())

    def _on_up(self) -> None:
        self._set_timer(None)
        self._backoff.succeeded()
        self._log.info("{lane} is connected", lane=self._lane)

    def _on_down(self) -> None:
        self._stream = None
        self._set_timer(None)
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed.callback(None)
        if self._is_running:
            self._retry(self._condition or "the connection has ended")

    def _on_stream_error(self, failure: TwistedFailure) -> None:
        error = failure.value
        self._condition = error.condition if isinstance(error, StreamError) else "bad XML"
        if self._stream is not None:
            self._stream.drop()

    def _retry(self, why: str) -> None:
        delay = self._backoff.delay_after(self._condition)
        report = self._log.critical if self._condition in ALARMING else self._log.warn
        report(
            "{lane} is down ({why}); connecting again in {delay:.0f} s",
            lane=self._lane, why=why, delay=delay,
        )  # fmt: skip
        self._set_timer(self._clock.callLater(delay, self._dial))

    def _set_timer(self, call: IDelayedCall | None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = call


class XmppEdge(Service):
    """All components of this gateway, and the users that it is logged in as.

    :param reactor: for time and connections.
    :param memory: has what earlier runs had remembered.
    :param insight: what commands show; without it there are none.
    :param names: the domain name system, by which servers of accounts are found; without it nobody can
        enrol.
    :param reach: what is behind the gateway; None: everything, always.
    """

    def __init__(
        self,
        settings: XmppSettings,
        reactor: IReactorTime,
        intake: IIntake,
        lanes: ILanes,
        ids: Ids,
        memory: IMemory,
        insight: IInsight | None = None,
        names: Names | None = None,
        reach: IReach | None = None,
    ) -> None:
        self._connections: list[ComponentConnection] = []
        self._accounts: Accounts | None = None
        if names is not None:
            dialer = Dialer(reactor, names, settings.accounts, ids)
            self._accounts = Accounts(settings.accounts, __version__, dialer, reactor, intake, lanes, ids, memory)
        for one in settings.components:
            component = component_of(one, settings, __version__, reactor.seconds())
            office = None
            if component.commands and insight is not None:
                office = Office(component, reactor, intake, ids, memory, insight, self._accounts)
            endpoint = clientFromString(reactor, one.connect)
            connection = ComponentConnection(component, one, reactor, endpoint, intake, ids, memory, office)
            connection.handler.lane = lanes.attach(one.lane, connection.handler, keeps_order=True)
            if reach is not None:
                connection.handler.watch(reach)
            self._connections.append(connection)

    def startService(self) -> None:
        """Begin to connect all components, and log everybody in."""
        super().startService()  # type: ignore[no-untyped-call]
        for connection in self._connections:
            connection.start()
        if self._accounts is not None:
            self._accounts.start()

    def stopService(self) -> Deferred[None]:
        """Let what is under way finish, then close all streams."""
        super().stopService()  # type: ignore[no-untyped-call]
        stopping = [connection.stop() for connection in self._connections]
        if self._accounts is not None:
            stopping.append(self._accounts.stop())
        return DeferredList(stopping).addCallback(lambda _: None)
