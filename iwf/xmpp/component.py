"""The XMPP edge: connects every component and keeps it connected (shell; XMPP-1..4, 6)."""

from __future__ import annotations

from attrs import define
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
from iwf.edge import IIntake, ILanes, IMemory
from iwf.ids import Ids
from iwf.xmpp.elements import Component, component_of
from iwf.xmpp.handler import ComponentHandler
from iwf.xmpp.settings import ComponentSettings, XmppSettings
from iwf.xmpp.stream import ComponentStream
from iwf.xmpp.wokkel_door import StreamManager, component_factory

HANDSHAKE_TIMEOUT = 30.0
CLOSE_TIMEOUT = 2.0

_ALARMING = frozenset({"conflict", "not-authorized"})


@define
class Backoff:
    """How long to wait before the next connection (XMPP-4)."""

    ids: Ids
    _attempts: int = 0

    def succeeded(self) -> None:
        """A stream has been authenticated."""
        self._attempts = 0

    def delay_after(self, condition: str) -> float:
        """Seconds to wait after a connection ended.

        :param condition: of the stream error; empty when there was none.
        """
        delay = min(60.0, 2.0**self._attempts)
        self._attempts = min(self._attempts + 1, 6)
        if condition in _ALARMING:
            # XMPP-4: another instance, or a wrong secret; hurry does not help.
            return max(30.0, delay) * self.ids.jitter(1.0, 1.25)
        return delay * self.ids.jitter(0.75, 1.25)


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
            component, settings, clock, intake, ids, memory, self._on_up, self._on_down
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
        report = self._log.critical if self._condition in _ALARMING else self._log.warn
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
    """All components of this gateway.

    :param reactor: for time and connections.
    :param memory: has what earlier runs had remembered.
    """

    def __init__(
        self,
        settings: XmppSettings,
        reactor: IReactorTime,
        intake: IIntake,
        lanes: ILanes,
        ids: Ids,
        memory: IMemory,
    ) -> None:
        self._connections: list[ComponentConnection] = []
        for one in settings.components:
            connection = ComponentConnection(
                component_of(one, settings, __version__, reactor.seconds()),
                one,
                reactor,
                clientFromString(reactor, one.connect),
                intake,
                ids,
                memory,
            )
            connection.handler.lane = lanes.attach(one.lane, connection.handler, keeps_order=True)
            self._connections.append(connection)

    def startService(self) -> None:
        """Begin to connect all components."""
        super().startService()  # type: ignore[no-untyped-call]
        for connection in self._connections:
            connection.start()

    def stopService(self) -> Deferred[None]:
        """Let what is under way finish, then close all streams."""
        super().stopService()  # type: ignore[no-untyped-call]
        stopping = DeferredList([connection.stop() for connection in self._connections])
        return stopping.addCallback(lambda _: None)
