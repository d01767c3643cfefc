"""The port at which an SMSC asks us to bind (shell; SMS-3)."""

from __future__ import annotations

from hmac import compare_digest

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure as TwistedFailure

from iwf.smpp.links.client import Esme, EsmeFactory, Link
from iwf.smpp.session.states import Bound
from iwf.smpp.settings import OutbindSettings
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Outbind

#: Connections at a time: whoever reaches the port shall not fill our memory.
MOST = 20


class OutbindPort:
    """Listens for the SMSC of one link, and holds the binds that come of it."""

    log = Logger()

    def __init__(self, link: Link, settings: OutbindSettings) -> None:
        self._link = link
        self._settings = settings
        # SMS-3: for what waits at the SMSC; a transceiver may submit as well.
        self._command = c.BIND_RECEIVER if link.settings.bind == "pair" else c.BIND_TRANSCEIVER
        self._esmes: list[Esme] = []
        self._port: IListeningPort | None = None
        self._stopped = False

    def start(self) -> None:
        """Listen."""
        endpoint = serverFromString(self._link.reactor, self._settings.listen)
        endpoint.listen(EsmeFactory(self._link, self, secure=False)).addCallbacks(self._listening, self._deaf)

    def _listening(self, port: IListeningPort) -> None:
        self._port = port
        if self._stopped:
            port.stopListening()

    def _deaf(self, failure: TwistedFailure) -> None:
        self.log.error("{link}: cannot listen for outbind: {why}", link=self._link.settings.name,
                       why=failure.getErrorMessage())

    def on_open(self, esme: Esme) -> None:
        """Somebody has connected; he has the time of session_init to say who he is."""
        self._esmes.append(esme)
        if len(self._esmes) > MOST:
            esme.close("too many connections for outbind")

    def on_outbind(self, esme: Esme, outbind: Outbind) -> None:
        """SMS-3: bind on this connection, or close it."""
        expected = self._settings
        known = compare_digest(outbind.system_id.encode(), expected.system_id.encode())
        if not compare_digest(outbind.password.encode(), expected.password.encode()) or not known:
            self.log.error("{link}: outbind with wrong credentials", link=self._link.settings.name)
            esme.close("outbind with wrong credentials")
        elif esme.session.may_send(self._command):
            esme.bind(self._command)

    def on_bound(self, esme: Esme, bound: Bound) -> None:
        """The bind is done."""
        if self._command != c.BIND_RECEIVER:
            self._link.outlet.open(esme)

    def on_bind_refused(self, esme: Esme, status: int) -> None:
        """The session closes; the SMSC may ask again."""

    def on_closed(self, esme: Esme) -> None:
        """The session is over."""
        if esme in self._esmes:
            self._esmes.remove(esme)
            self._link.outlet.shut(esme)

    def stop(self) -> Deferred[None]:
        """SMS-5: unbind, close the port."""
        self._stopped = True
        waits = []
        for esme in tuple(self._esmes):
            self._link.outlet.shut(esme)
            waits.append(esme.gone)
            esme.unbind()
        if self._port is not None:
            stopped = self._port.stopListening()
            if isinstance(stopped, Deferred):
                waits.append(stopped)
        return DeferredList(waits).addCallback(lambda results: None)
