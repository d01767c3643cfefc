"""Our end of one bind (shell)."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import Any, Protocol

from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from iwf.edge import Answered, IIntake, Offered
from iwf.mapping.model import Receipt, Refused, Verdict
from iwf.smpp.alerts import alert_of
from iwf.smpp.links.connection import SmppConnection
from iwf.smpp.links.inquirer import Inquirer
from iwf.smpp.links.outlet import Outlet
from iwf.smpp.reasons import status_of_failure
from iwf.smpp.session.delivery import Part
from iwf.smpp.session.states import Bound, Late, Resolved, Role, Timers
from iwf.smpp.settings import LinkSettings
from iwf.smpp.translate import reading_of
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Alert, Bind, Outbind, Pdu
from iwf.tls import Connection as TlsConnection

#: Events of one connection that wait for their verdict before it stops reading; half of them
#: must be done before it reads again.
MOST_OFFERS = 1000


class Link:
    """What all binds of one link share.

    :param intake: where messages and receipts are offered.
    """

    def __init__(self, settings: LinkSettings, reactor: Any, intake: IIntake, outlet: Outlet,
                 inquirer: Inquirer) -> None:
        self.settings = settings
        self.reactor = reactor
        self.intake = intake
        self.outlet = outlet
        self.inquirer = inquirer


class Owner(Protocol):
    """Who holds a connection: a connector, or the port for outbind."""

    def on_open(self, esme: Esme) -> None:
        """There is a connection."""

    def on_outbind(self, esme: Esme, outbind: Outbind) -> None:
        """The SMSC asks us to bind."""

    def on_bound(self, esme: Esme, bound: Bound) -> None:
        """The bind is done."""

    def on_bind_refused(self, esme: Esme, status: int) -> None:
        """The SMSC does not want us."""

    def on_closed(self, esme: Esme) -> None:
        """The session is over."""


class Esme(SmppConnection):
    """Our end of one connection."""

    log = Logger()

    def __init__(self, link: Link, owner: Owner) -> None:
        settings = link.settings
        timers = Timers(
            session_init=settings.session_init_timer,
            enquire_link=settings.enquire_link_timer,
            enquire_response=settings.enquire_response_timer,
            response=settings.response_timer,
            inactivity=settings.inactivity_timer,
        )
        super().__init__(link.reactor, Role.ESME, timers)
        self._link = link
        self._owner = owner
        self._settings = settings
        self._offers = 0
        self._waits_for_verdicts = False
        self.gone: Deferred[None] = Deferred()

    def bind(self, command: int) -> None:
        """Send our bind."""
        settings = self._settings
        self.session.bind(command, Bind(
            settings.system_id, settings.password, settings.system_type, settings.interface_version), self.now)
        self._flush()

    def on_open(self) -> None:
        self._owner.on_open(self)

    def on_bound(self, bound: Bound) -> None:
        self.log.info("{link}: bound to {peer}, version {version}", link=self._settings.name, peer=bound.peer,
                      version=bound.version)
        self._owner.on_bound(self, bound)

    def on_bind_refused(self, status: int) -> None:
        self.log.error("{link}: bind refused with status {status:#x}", link=self._settings.name, status=status)
        self._owner.on_bind_refused(self, status)

    def on_resolved(self, resolved: Resolved) -> None:
        if isinstance(resolved.tag, Part):
            self._link.outlet.resolved(resolved)
        else:
            self._link.inquirer.resolved(resolved)

    def on_late(self, late: Late) -> None:
        if isinstance(late.tag, Part):
            self._link.outlet.late(late)

    def on_congested(self, state: int) -> None:
        self._link.outlet.congested(state)

    def on_room(self) -> None:
        self._link.outlet.pump()

    def on_closed(self) -> None:
        self._owner.on_closed(self)

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        super().connectionLost(reason)
        gone, self.gone = self.gone, Deferred()
        gone.callback(None)

    # ------------------------------------------------------------ from the SMSC

    def on_request(self, pdu: Pdu) -> None:
        if isinstance(pdu.body, Outbind):
            self._owner.on_outbind(self, pdu.body)
            return
        if isinstance(pdu.body, Alert):
            alert = alert_of(pdu.body, self._settings)
            if alert is not None:  # there is nothing to answer
                self._link.intake.offer(alert).addErrback(self._not_heard)
            return
        reading = reading_of(pdu, self._settings, self.now)
        if isinstance(reading, Offered):
            if isinstance(reading.event, Receipt):
                self._link.inquirer.came(reading.event)
            self._offer(pdu, reading)
        elif isinstance(reading, Answered):
            self.log.info("{link}: {why}", link=self._settings.name, why=reading.why)
            self.reply(pdu, reading.answer)

    def _offer(self, pdu: Pdu, reading: Offered) -> None:
        self._offers += 1
        if self._offers >= MOST_OFFERS and not self._waits_for_verdicts:
            self._waits_for_verdicts = True
            self.stop_reading()
        self._link.intake.offer(reading.event).addCallback(self._judged, pdu).addErrback(self._failed, pdu)

    def _judged(self, verdict: Verdict, pdu: Pdu) -> None:
        status = status_of_failure(verdict.failure) if isinstance(verdict, Refused) else c.ROK
        self._answer(pdu, status)

    def _failed(self, failure: TwistedFailure, pdu: Pdu) -> None:
        self.log.failure("fault of ours while a message was offered", failure)
        self._answer(pdu, c.RX_T_APPN)

    def _not_heard(self, failure: TwistedFailure) -> None:
        self.log.failure("fault of ours while an alert was offered", failure)

    def _answer(self, pdu: Pdu, status: int) -> None:
        self._offers -= 1
        self.respond(pdu, status)
        if self._waits_for_verdicts and self._offers <= MOST_OFFERS // 2:
            self._waits_for_verdicts = False
            self.start_reading()


@implementer(IHandshakeListener)
class SecureEsme(Esme):
    """The same over TLS: it is open when the SMSC is known to be the right one."""

    _handshake: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Nothing is said, least of all the password, before the handshake is through."""
        self._handshake = self._link.reactor.callLater(self._settings.session_init_timer, self._abort)

    def handshakeCompleted(self) -> None:
        """See :class:`twisted.internet.interfaces.IHandshakeListener`."""
        self._forget_handshake()
        tls = self._settings.tls
        if tls is not None and tls.verify:
            connection = self._stream.getHandle()
            assert isinstance(connection, TlsConnection)
            certificate = connection.verified_certificate()
            if certificate is None or not _is_for(certificate, tls.names):
                self.log.error("{link}: the certificate of the message service is not for {names}",
                               link=self._settings.name, names=", ".join(tls.names))
                self._abort()
                return
        super().connectionMade()

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        self._forget_handshake()
        super().connectionLost(reason)

    def _forget_handshake(self) -> None:
        if self._handshake is not None and self._handshake.active():
            self._handshake.cancel()
        self._handshake = None


def _is_for(certificate: Any, names: Collection[str]) -> bool:
    """RFC 9525: whether a certificate names one of these hosts or addresses."""
    for name in names:
        try:
            if _is_address(name):
                verify_certificate_ip_address(certificate, name)
            else:
                verify_certificate_hostname(certificate, name)
        except (VerificationError, CertificateError, ValueError):
            continue
        return True
    return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class EsmeFactory(Factory):
    """Makes the protocols of one owner.

    :param secure: for connections over TLS that we open.
    """

    noisy = False

    def __init__(self, link: Link, owner: Owner, secure: bool) -> None:
        self._link = link
        self._owner = owner
        self._made = SecureEsme if secure else Esme

    def buildProtocol(self, addr: IAddress | None) -> Esme:
        return self._made(self._link, self._owner)
