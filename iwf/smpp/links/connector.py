"""Keeps binds up: connects, binds, and again whenever a connection is lost (shell)."""

from __future__ import annotations

from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from iwf.ids import Ids
from iwf.smpp.links.client import Esme, EsmeFactory, Link
from iwf.smpp.session.states import Bound
from iwf.smpp.settings import LinkTls
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Outbind
from iwf.tls import Client, Files, Source, Verify

#: SMS-6, in seconds.
FIRST_DELAY = 1.0
LAST_DELAY = 60.0

#: SMS-6: accounts get locked when these are repeated fast.
_ACCOUNT_ERRORS = frozenset({c.RBINDFAIL, c.RINVPASWD, c.RINVSYSID})


class Backoff:
    """Delays between attempts to connect (SMS-6)."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._delay = FIRST_DELAY

    def succeeded(self) -> None:
        """A bind went well."""
        self._delay = FIRST_DELAY

    def refused(self, status: int) -> None:
        """A bind was answered with an error."""
        if status in _ACCOUNT_ERRORS:
            self._delay = LAST_DELAY

    def next(self) -> float:
        """Seconds to wait now: up to a quarter less than the doubling delay, by chance."""
        delay = self._delay
        self._delay = min(2 * delay, LAST_DELAY)
        return self._ids.jitter(0.75 * delay, delay)


@implementer(IStreamClientEndpoint)
class Turns:
    """Several endpoints, one after the other, a further one at each attempt.

    :param first: where to begin, so that the binds of a link spread over them.
    """

    def __init__(self, endpoints: list[IStreamClientEndpoint], first: int) -> None:
        self._endpoints = endpoints
        self._next = first

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See :class:`twisted.internet.interfaces.IStreamClientEndpoint`."""
        endpoint = self._endpoints[self._next % len(self._endpoints)]
        self._next += 1
        return endpoint.connect(protocolFactory)


@implementer(IStreamClientEndpoint)
class SecureEndpoint:
    """TLS over another endpoint.

    :raises TlsError: for files that cannot be used.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, tls: LinkTls, clock: Any, log: Logger) -> None:
        self._endpoint = endpoint
        self._clock = clock
        verify = Verify.REQUIRED if tls.verify else Verify.NO
        self._creator = Client(Source(Files(tls.certificate, tls.key, tls.ca), verify, clock, log), tls.server_name)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See :class:`twisted.internet.interfaces.IStreamClientEndpoint`."""
        factory = TLSMemoryBIOFactory(self._creator, True, protocolFactory, self._clock)
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda secured: secured.wrappedProtocol)


class Connector:
    """Keeps one bind up.

    :param command: the bind to send.
    :param number: which one of the link's binds it is.
    """

    log = Logger()

    def __init__(self, link: Link, command: int, number: int, ids: Ids) -> None:
        self._link = link
        self._command = command
        self._backoff = Backoff(ids)
        self._esme: Esme | None = None
        factory = EsmeFactory(link, self, secure=link.settings.tls is not None)
        self._service = ClientService(
            self._endpoint(number), factory, retryPolicy=self._next_attempt, clock=link.reactor,
        )

    def _endpoint(self, number: int) -> IStreamClientEndpoint:
        settings, reactor = self._link.settings, self._link.reactor
        endpoints = [clientFromString(reactor, text) for text in (settings.connect, *settings.also)]
        endpoint: IStreamClientEndpoint = endpoints[0] if len(endpoints) == 1 else Turns(endpoints, number)
        return endpoint if settings.tls is None else SecureEndpoint(endpoint, settings.tls, reactor, self.log)

    @property
    def submits(self) -> bool:
        """Whether items go out over this bind."""
        return self._command != c.BIND_RECEIVER

    def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._service.startService()

    def _next_attempt(self, attempts: int) -> float:
        wait = self._backoff.next()
        self.log.warn("{link} is not connected to {where}; connecting again in {wait:.0f} s",
                      link=self._link.settings.lane, where=self._link.settings.connect, wait=wait)
        return wait

    def on_open(self, esme: Esme) -> None:
        """There is a connection."""
        self._esme = esme
        esme.bind(self._command)

    def on_outbind(self, esme: Esme, outbind: Outbind) -> None:
        """SMS-3: outbind is for the port we listen on; we have bound already."""
        self.log.info("{link}: outbind not used", link=self._link.settings.name)

    def on_bound(self, esme: Esme, bound: Bound) -> None:
        """The bind is done."""
        self._backoff.succeeded()
        if self.submits:
            self._link.outlet.open(esme)

    def on_bind_refused(self, esme: Esme, status: int) -> None:
        """The SMSC does not want us."""
        self._backoff.refused(status)

    def on_closed(self, esme: Esme) -> None:
        """The session is over; the service connects again."""
        if self._esme is esme:
            self._esme = None
            self._link.outlet.shut(esme)

    def stop(self) -> Deferred[None]:
        """SMS-5: unbind, then stop; bounded by the session's timers."""
        esme = self._esme
        gone: Deferred[None] = succeed(None)
        if esme is not None:
            self._link.outlet.shut(esme)
            gone = esme.gone
            esme.unbind()
        return gone.addCallback(self._stop_service)

    def _stop_service(self, result: None) -> Deferred[None]:
        stopped: Deferred[None] = self._service.stopService()
        return stopped


def connectors_of(link: Link, ids: Ids) -> list[Connector]:
    """The binds of a link (SMS-2)."""
    pair = link.settings.bind == "pair"
    commands = (c.BIND_TRANSMITTER, c.BIND_RECEIVER) if pair else (c.BIND_TRANSCEIVER,)
    return [Connector(link, command, number, ids) for number in range(link.settings.binds) for command in commands]
