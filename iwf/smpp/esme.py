"""The ESME: binds to SMSCs, keeps the binds up, carries messages both ways (shell)."""

from __future__ import annotations

from twisted.application.internet import ClientService
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from iwf.edge import Answered, IIntake, ILane, ILanes, IOutlet, Offered
from iwf.ids import Ids
from iwf.mapping.model import Accepted, Item, Refused, Rejected, Verdict
from iwf.smpp import constants as c
from iwf.smpp.connection import SmppConnection
from iwf.smpp.pdu import Bind, Pdu, PduFault
from iwf.smpp.reasons import status_of_failure
from iwf.smpp.segments import References
from iwf.smpp.settings import LinkSettings, SmppSettings
from iwf.smpp.states import Bound, Late, Resolved, Role, Timers
from iwf.smpp.translate import reading_of
from iwf.smpp.window import Credit, Window

#: Events of one connection that wait for their verdict before it stops reading; half of them
#: must be done before it reads again.
MOST_OFFERS = 1000

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


@implementer(IOutlet)
class Outlet:
    """Submits the items of one lane over whatever connection is bound for it.

    :param clock: for the time and the one delayed call of the window.
    """

    log = Logger()

    def __init__(self, settings: LinkSettings, clock: IReactorTime, ids: Ids) -> None:
        self._clock = clock
        # SMS-33: a restart begins elsewhere
        self._window = Window(settings, References(int(ids.jitter(0, 256))), clock.seconds())
        self._lane: ILane | None = None
        self._connection: SmppConnection | None = None
        self._results: dict[str, Deferred[Accepted | Rejected]] = {}
        self._timer: IDelayedCall | None = None

    def attach(self, lane: ILane) -> None:
        """Take the engine's side of the lane."""
        self._lane = lane

    def deliver(self, item: Item) -> Deferred[Accepted | Rejected]:
        """See :class:`iwf.edge.IOutlet`."""
        result: Deferred[Accepted | Rejected] = Deferred()
        self._results[item.id] = result
        self._window.put(item, self._clock.seconds())
        self.pump()
        return result

    def open(self, connection: SmppConnection) -> None:
        """A connection that may submit is bound."""
        self._connection = connection
        self._window.open()
        self.pump()

    def shut(self) -> None:
        """Submit nothing more; what was sent may still be answered."""
        self._connection = None
        self._window.shut()
        self.pump()

    def resolved(self, resolved: Resolved) -> None:
        """A submit_sm has ended."""
        self._window.resolved(resolved, self._clock.seconds())
        self.pump()

    def late(self, late: Late) -> None:
        """A submit_sm that was given up is answered."""
        answer = late.response
        self.log.info("{name} came late, status {status:#x}", name=answer.name, status=answer.status)
        self._window.late(late)

    def pump(self) -> None:
        """Tell the engine what happened, send what may be sent now."""
        self._tell()
        connection = self._connection
        while connection is not None and connection.takes_requests and connection.session.may_send(c.SUBMIT_SM):
            part = self._window.next_part(connection.session.outstanding)
            if part is None:
                break
            try:
                connection.request(c.SUBMIT_SM, part.message, part)
            except PduFault as fault:
                self._window.misfit(part, fault)
                self._tell()
        self._schedule()

    def _tell(self) -> None:
        for output in self._window.take():
            if not isinstance(output, Credit):
                self._results.pop(output.item.id).callback(output)
            elif self._lane is not None:
                self._lane.grant(output.items)

    def _schedule(self) -> None:
        due = self._window.next_timer()
        if due is None and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif due is not None and self._timer is None:
            self._timer = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._window.handle_timer(self._clock.seconds())
        self.pump()


class Esme(SmppConnection):
    """Our end of one bind."""

    log = Logger()

    def __init__(self, connector: Connector, clock: IReactorTime, intake: IIntake) -> None:
        settings = connector.settings
        timers = Timers(
            session_init=settings.session_init_timer,
            enquire_link=settings.enquire_link_timer,
            enquire_response=settings.enquire_response_timer,
            response=settings.response_timer,
        )
        super().__init__(clock, Role.ESME, timers)
        self._connector = connector
        self._settings = settings
        self._intake = intake
        self._offers = 0
        self._waits_for_verdicts = False
        self.gone: Deferred[None] = Deferred()

    def on_open(self) -> None:
        settings = self._settings
        self._connector.on_open(self)
        self.session.bind(
            self._connector.command, Bind(settings.system_id, settings.password, settings.system_type), self.now,
        )

    def on_bound(self, bound: Bound) -> None:
        self._connector.on_bound(self, bound)

    def on_bind_refused(self, status: int) -> None:
        self._connector.on_bind_refused(status)

    def on_resolved(self, resolved: Resolved) -> None:
        self._connector.outlet.resolved(resolved)

    def on_late(self, late: Late) -> None:
        self._connector.outlet.late(late)

    def on_room(self) -> None:
        self._connector.outlet.pump()

    def on_closed(self) -> None:
        self._connector.on_closed(self)

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        super().connectionLost(reason)
        gone, self.gone = self.gone, Deferred()
        gone.callback(None)

    # ------------------------------------------------------------ from the SMSC

    def on_request(self, pdu: Pdu) -> None:
        if pdu.command in c.WITHOUT_RESPONSE:
            # SMS-3: outbind is for the port we listen on; we have bound already.
            self.log.info("{link}: {name} not used", link=self._settings.name, name=pdu.name)
            return
        reading = reading_of(pdu, self._settings, self.now)
        if isinstance(reading, Offered):
            self._offer(pdu, reading)
        elif isinstance(reading, Answered):
            self.log.info("{link}: {why}", link=self._settings.name, why=reading.why)
            self.reply(pdu, reading.answer)

    def _offer(self, pdu: Pdu, reading: Offered) -> None:
        self._offers += 1
        if self._offers >= MOST_OFFERS and not self._waits_for_verdicts:
            self._waits_for_verdicts = True
            self.stop_reading()
        self._intake.offer(reading.event).addCallback(self._judged, pdu).addErrback(self._failed, pdu)

    def _judged(self, verdict: Verdict, pdu: Pdu) -> None:
        status = status_of_failure(verdict.failure) if isinstance(verdict, Refused) else c.ROK
        self._answer(pdu, status)

    def _failed(self, failure: TwistedFailure, pdu: Pdu) -> None:
        self.log.failure("fault of ours while a message was offered", failure)
        self._answer(pdu, c.RX_T_APPN)

    def _answer(self, pdu: Pdu, status: int) -> None:
        self._offers -= 1
        self.respond(pdu, status)
        if self._waits_for_verdicts and self._offers <= MOST_OFFERS // 2:
            self._waits_for_verdicts = False
            self.start_reading()


class EsmeFactory(Factory):
    """Makes the protocols of one bind."""

    noisy = False

    def __init__(self, connector: Connector, clock: IReactorTime, intake: IIntake) -> None:
        self._connector = connector
        self._clock = clock
        self._intake = intake

    def buildProtocol(self, addr: IAddress | None) -> Esme:
        return Esme(self._connector, self._clock, self._intake)


class Connector:
    """Keeps one bind up.

    :param command: the bind to send.
    :param outlet: told of the connection if it may submit.
    """

    log = Logger()

    def __init__(
        self, settings: LinkSettings, command: int, outlet: Outlet, reactor: IReactorTime, intake: IIntake, ids: Ids,
    ) -> None:
        self.settings = settings
        self.command = command
        self.outlet = outlet
        self._backoff = Backoff(ids)
        self._esme: Esme | None = None
        self._service = ClientService(
            clientFromString(reactor, settings.connect),
            EsmeFactory(self, reactor, intake),
            retryPolicy=self._next_attempt,
            clock=reactor,
        )

    @property
    def submits(self) -> bool:
        """Whether items go out over this bind."""
        return self.command != c.BIND_RECEIVER

    def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._service.startService()

    def _next_attempt(self, attempts: int) -> float:
        wait = self._backoff.next()
        self.log.warn("{link} is not connected to {where}; connecting again in {wait:.0f} s",
                      link=self.settings.lane, where=self.settings.connect, wait=wait)
        return wait

    def on_open(self, esme: Esme) -> None:
        """There is a connection."""
        self._esme = esme

    def on_bound(self, esme: Esme, bound: Bound) -> None:
        """The bind is done."""
        self.log.info(
            "{link}: bound to {peer}, version {version}",
            link=self.settings.name, peer=bound.peer, version=bound.version,
        )
        self._backoff.succeeded()
        if self.submits:
            self.outlet.open(esme)

    def on_bind_refused(self, status: int) -> None:
        """The SMSC does not want us."""
        self.log.error(
            "{link}: bind refused with status {status:#x}", link=self.settings.name, status=status,
        )
        self._backoff.refused(status)

    def on_closed(self, esme: Esme) -> None:
        """The session is over; the service connects again."""
        if self._esme is esme:
            self._esme = None
            if self.submits:
                self.outlet.shut()

    def stop(self) -> Deferred[None]:
        """SMS-5: unbind, then stop; bounded by the session's timers."""
        esme = self._esme
        if self.submits:
            self.outlet.shut()
        gone: Deferred[None] = succeed(None)
        if esme is not None:
            gone = esme.gone
            esme.unbind()
        return gone.addCallback(self._stop_service)

    def _stop_service(self, result: None) -> Deferred[None]:
        stopped: Deferred[None] = self._service.stopService()
        return stopped


def connectors_of(
    settings: LinkSettings, outlet: Outlet, reactor: IReactorTime, intake: IIntake, ids: Ids,
) -> list[Connector]:
    """The binds of a link (SMS-2)."""
    commands = (
        (c.BIND_TRANSMITTER, c.BIND_RECEIVER) if settings.bind == "pair" else (c.BIND_TRANSCEIVER,)
    )
    return [Connector(settings, command, outlet, reactor, intake, ids) for command in commands]


class SmppEdge(Service):
    """All links.

    :param reactor: for connections and time.
    :param intake: where messages and receipts are offered.
    :param lanes: where each link attaches its outlet, under :attr:`LinkSettings.lane`.
    """

    name = "smpp"

    def __init__(self, settings: SmppSettings, reactor: IReactorTime, intake: IIntake, lanes: ILanes, ids: Ids) -> None:
        self._connectors: list[Connector] = []
        for link in settings.links:
            outlet = Outlet(link, reactor, ids)
            # SMS-20: a throttled text is tried again, and would be overtaken by the next
            outlet.attach(lanes.attach(link.lane, outlet, keeps_order=False))
            self._connectors += connectors_of(link, outlet, reactor, intake, ids)

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        for connector in self._connectors:
            connector.start()

    def stopService(self) -> Deferred[list[tuple[bool, None]]]:
        super().stopService()  # type: ignore[no-untyped-call]
        return DeferredList([connector.stop() for connector in self._connectors])
