"""The SIP edge: sockets, transactions and translation joined together.  Shell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from socket import socket
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet import defer
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault
from zope.interface import implementer

from iwf.edge import IIntake, ILane, ILanes, IOutlet, Offered
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Failure,
    Item,
    Message,
    Reason,
    Rejected,
    Report,
    Verdict,
)
from iwf.sip.address import NoImage
from iwf.sip.connections import Source
from iwf.sip.grammar import SipSyntaxError
from iwf.sip.headers import Via
from iwf.sip.message import Request, Response, parse_message, validate
from iwf.sip.pager import target_uri, write_message, write_report
from iwf.sip.reasons import Status, failure_of_status
from iwf.sip.routing import DEFAULT_PORT, bracketed, marked, next_hop, route_of_answer
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.transaction import (
    ClientTransaction,
    Deliver,
    Output,
    Send,
    ServerTransaction,
    Terminated,
    TimedOut,
    TransactionTable,
    TransportFailed,
    new_branch,
)
from iwf.sip.transport import (
    TRANSPORTS,
    Names,
    Transports,
    connected_udp_socket,
    local_address,
)
from iwf.sip.uas import MergedRequests, UserAgentServer, respond, status_of_verdict

#: Timers may come this much late, in seconds, so that many of them cost one wake-up.
TICK = 0.02
#: SIP-92: open transactions are given this long to finish, in seconds; none lives longer (timer F).
DRAIN = 32.0

_UNAVAILABLE = Status(480, "Stopping", (("Retry-After", "10"),), ("SIP-92", "ERR-12"))
_OUR_FAULT = Status(500, "Server Internal Error")


@frozen(eq=False)
class _Asker:
    """The peer of a server transaction: where the request came from and where its answer goes."""

    source: Source
    route: Hop


@frozen(eq=False)
class _Delivery:
    """An item in flight."""

    item: Item
    done: defer.Deferred[Accepted | Rejected]


@implementer(IOutlet)
class SipEdge(Service):
    """All SIP trunks: takes MESSAGEs to the engine, delivers items as MESSAGEs.

    :param reactor: IReactorTCP, IReactorUDP, IReactorSocket, IReactorPluggableNameResolver.
    :param clock: IReactorTime.
    :param connected_socket: see :class:`~iwf.sip.transport.Transports`.
    """

    def __init__(self, settings: SipSettings, reactor: Any, clock: Any, intake: IIntake, lanes: ILanes, ids: Ids,
                 log: Logger, connected_socket: Callable[[Hop, Hop], socket | None] = connected_udp_socket) -> None:
        self._settings = settings
        self._clock = clock
        self._intake = intake
        self._lanes = lanes
        self._ids = ids
        self._log = log
        self._trunks = {trunk.lane: trunk for trunk in settings.trunks}
        self._uas = UserAgentServer(settings)
        self._table = TransactionTable()
        self._merged = MergedRequests()
        self._transports = Transports(settings, reactor, clock, self, connected_socket)
        self._names = Names(reactor, clock)
        self._open_lanes: list[ILane] = []
        self._deliveries: dict[ClientTransaction, _Delivery] = {}
        self._verdicts: set[ServerTransaction] = set()
        self._outputs: deque[Output] = deque()
        self._performing = False
        self._timer: Any = None
        self._drained: defer.Deferred[None] | None = None
        self._stopped = False

    # -- service ----------------------------------------------------------------------------

    def startService(self) -> None:
        """Open the listeners and the lanes; raises twisted.internet.error.CannotListenError."""
        self._transports.start()
        super().startService()  # type: ignore[no-untyped-call]
        for trunk in self._settings.trunks:
            lane = self._lanes.attach(trunk.lane, self, keeps_order=False)
            self._open_lanes.append(lane)
            lane.grant(self._settings.window if trunk.window is None else trunk.window)  # no connection to wait for

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """SIP-92: no new transactions; the open ones may finish.  Fires when all is closed."""
        yield defer.maybeDeferred(super().stopService)
        for lane in self._open_lanes:
            lane.grant(0)
        self._open_lanes.clear()
        if self._deliveries or self._verdicts:
            self._drained = defer.Deferred()
            self._drained.addTimeout(DRAIN, self._clock, onTimeoutCancel=lambda result, _: None)
            yield self._drained
            self._drained = None
        self._stopped = True
        for transaction in list(self._deliveries):
            self._reject(transaction, Failure(Reason.UNREACHABLE, False, detail="we are stopping"), retry=True)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        yield self._transports.stop()

    @property
    def listening(self) -> tuple[Hop, ...]:
        """The listeners, with the ports that they really have."""
        return self._transports.listening

    # -- outbound: items to requests --------------------------------------------------------

    def deliver(self, item: Item) -> defer.Deferred[Accepted | Rejected]:
        """See :class:`iwf.edge.IOutlet`."""
        sent: defer.Deferred[Any] = defer.maybeDeferred(self._deliver, item)
        return sent.addErrback(self._not_delivered, item)

    def _not_delivered(self, fault: Fault, item: Item) -> Rejected:
        if isinstance(fault.value, (NoImage, SipSyntaxError)):
            return Rejected(item, Failure(Reason.MALFORMED_ADDRESS, detail=fault.getErrorMessage()))
        if isinstance(fault.value, OSError):  # the system knows no way to that hop
            return Rejected(item, Failure(Reason.UNREACHABLE, False, detail=fault.getErrorMessage()), retry=True)
        self._log.failure("Cannot deliver item {item}", fault, item=item.id)
        return Rejected(item, Failure(Reason.INTERNAL, detail=fault.getErrorMessage()))

    def _deliver(self, item: Item) -> Accepted | Rejected | defer.Deferred[Accepted | Rejected]:
        trunk = self._trunks[item.lane]
        hop = trunk.next_hop or next_hop(trunk, target_uri(item, self._settings))
        if hop.transport not in TRANSPORTS:
            return Rejected(item, Failure(Reason.UNREACHABLE, detail=f"no transport {hop.transport} here"))
        resolved: Any = self._names.resolve(hop)
        return resolved.addCallback(self._send, item, trunk)  # type: ignore[no-any-return]

    def _send(self, hop: Hop | None, item: Item,
              trunk: TrunkSettings) -> Rejected | defer.Deferred[Accepted | Rejected]:
        if hop is None:
            return Rejected(item, _nowhere(trunk), retry=trunk.next_hop is not None)
        write = write_report if isinstance(item.payload, Report) else write_message
        request = write(item, trunk, self._settings, self._via(hop))
        if isinstance(request, Failure):
            return Rejected(item, request)
        transaction, outputs = self._table.start(request, hop, hop.transport != "udp", self._clock.seconds())
        done: defer.Deferred[Accepted | Rejected] = defer.Deferred()
        self._deliveries[transaction] = _Delivery(item, done)
        self._perform(outputs)
        return done

    def _via(self, hop: Hop) -> Via:
        """SIP-45: our hop, by the listener that the answer may come to."""
        own = self._transports.listener_for(hop)
        host = self._settings.host
        if not host:
            wildcard = own is None or own.host in ("", "0.0.0.0", "::")
            host = local_address(hop) if own is None or wildcard else own.host
        port = own.port if own is not None else DEFAULT_PORT
        params = (("branch", new_branch(self._ids)), ("rport", None))
        return Via(hop.transport.upper(), bracketed(host), port, params)

    def _responded(self, transaction: ClientTransaction, response: Response) -> None:
        if response.status < 200:
            return
        if response.status >= 300:
            self._reject(transaction, failure_of_status(response))
            return
        delivery = self._deliveries.pop(transaction, None)
        if delivery is not None:
            delivery.done.callback(Accepted(delivery.item))

    def _reject(self, transaction: ClientTransaction, failure: Failure, retry: bool = False,
                stop_stream: bool = False) -> None:
        delivery = self._deliveries.pop(transaction, None)
        if delivery is not None:
            delivery.done.callback(Rejected(delivery.item, failure, retry, stop_stream))

    # -- inbound: what the sockets hear -----------------------------------------------------

    def received(self, octets: bytes, source: Source) -> None:
        """One message; see :class:`iwf.sip.connections.Receiver`."""
        try:
            message = parse_message(octets, source.hop.transport == "udp")
            if isinstance(message, Request):
                message = marked(message, source.hop)
            validate(message)
        except SipSyntaxError as fault:
            self.broken(fault, source)
            return
        try:
            self._take(message, source)
        except Exception:
            self._log.failure("Cannot take a message from {host}", host=source.hop.host)
            if isinstance(message, Request) and message.method != "ACK":
                self.broken(SipSyntaxError(_OUR_FAULT.code, _OUR_FAULT.phrase, message), source)

    def _take(self, message: Request | Response, source: Source) -> None:
        peer = None
        if isinstance(message, Request):
            if self._uas.trunk_of(source.hop) is None:
                self._answer_stranger(message, source)
                return
            peer = _Asker(source, route_of_answer(message.top_via, source.hop))
        reliable = source.hop.transport != "udp"
        self._perform(self._table.receive(message, peer, reliable, self._clock.seconds()))

    def broken(self, fault: SipSyntaxError, source: Source) -> None:
        """SIP-12: what cannot be read is answered without state, where it can be answered."""
        if fault.request is not None:
            self._log.debug("Malformed request from {host}: {reason}", host=source.hop.host, reason=fault.reason)
            request = marked(fault.request, source.hop)
            self._answer_without_state(request, Status(fault.status, fault.reason), source)

    def _answer_stranger(self, request: Request, source: Source) -> None:
        """SIP-63: who is no peer of ours gets an answer, but no memory of ours to fill."""
        refusal = self._uas.judge(request, source.hop, self._clock.seconds())
        if isinstance(refusal, Status):
            self._answer_without_state(request, refusal, source)

    def _answer_without_state(self, request: Request, status: Status, source: Source) -> None:
        route = route_of_answer(request.top_via, source.hop)
        self._transports.answer(respond(request, status).to_bytes(), source, route)

    def unreachable(self, hop: Hop) -> None:
        """SIP-46: fail everything that waits for an answer from there."""
        now = self._clock.seconds()
        for transaction in [each for each in self._deliveries if each.peer == hop]:
            self._perform(self._table.transport_failed(transaction, now))

    def _requested(self, transaction: ServerTransaction, request: Request) -> None:
        try:
            merged = self._merged.is_merged(request, transaction)
            reading = self._uas.judge(request, transaction.peer.source.hop, self._clock.seconds(), merged)
            if not self.running and isinstance(reading, Offered):
                reading = _UNAVAILABLE
        except Exception:
            self._log.failure("Cannot judge a request from {host}", host=transaction.peer.source.hop.host)
            reading = _OUR_FAULT
        if isinstance(reading, Status):
            self._respond(transaction, request, reading)
        elif isinstance(reading, Offered) and isinstance(reading.event, Message):
            trunk = self._trunks[reading.event.lane]
            self._verdicts.add(transaction)
            verdict = defer.maybeDeferred(self._intake.offer, reading.event)
            verdict.addCallback(self._decided, transaction, request, trunk)
            verdict.addErrback(self._undecided, transaction, request)

    def _decided(self, verdict: Verdict, transaction: ServerTransaction, request: Request,
                 trunk: TrunkSettings) -> None:
        self._respond(transaction, request, status_of_verdict(verdict, trunk, self._uas.host))

    def _undecided(self, fault: Fault, transaction: ServerTransaction, request: Request) -> None:
        self._log.failure("No verdict on a request", fault)
        self._respond(transaction, request, _OUR_FAULT)

    def _respond(self, transaction: ServerTransaction, request: Request, status: Status) -> None:
        self._verdicts.discard(transaction)
        self._perform(self._table.respond(transaction, respond(request, status), self._clock.seconds()))

    # -- transactions -----------------------------------------------------------------------

    def _perform(self, outputs: list[Output]) -> None:
        """Carry out what the machines want, in order, also when one thing leads to another."""
        self._outputs.extend(outputs)
        if self._performing:
            return
        self._performing = True
        try:
            while self._outputs:
                self._perform_one(self._outputs.popleft())
        finally:
            self._performing = False
        self._set_timer()
        if self._drained is not None and not self._deliveries and not self._verdicts:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def _perform_one(self, output: Output) -> None:
        transaction = output.transaction
        if isinstance(output, Send):
            self._transmit(transaction, output.octets)
        elif isinstance(transaction, ClientTransaction):
            if isinstance(output, Deliver) and isinstance(output.message, Response):
                self._responded(transaction, output.message)
            elif isinstance(output, TimedOut):
                # MSG-36: what waits behind it for the same target fails as well.
                self._reject(transaction, Failure(Reason.TIMEOUT, False), stop_stream=True)
            elif isinstance(output, TransportFailed):
                self._reject(transaction, Failure(Reason.UNREACHABLE, False), retry=True)
        elif isinstance(transaction, ServerTransaction):
            if isinstance(output, Deliver) and isinstance(output.message, Request):
                self._requested(transaction, output.message)
            elif isinstance(output, Terminated):
                self._merged.forget(transaction)
                self._verdicts.discard(transaction)

    def _transmit(self, transaction: Any, octets: bytes) -> None:
        peer = transaction.peer
        if isinstance(peer, Hop):
            self._transports.send(octets, peer)
        elif not self._transports.answer(octets, peer.source, peer.route):
            self._perform(self._table.transport_failed(transaction, self._clock.seconds()))

    def _set_timer(self) -> None:
        due = self._table.next_timer()
        if due is None or self._stopped:
            return
        delay = max(TICK, due - self._clock.seconds())
        timer = self._timer
        if timer is None or not timer.active():
            self._timer = self._clock.callLater(delay, self._timer_due)
        elif timer.getTime() > self._clock.seconds() + delay:
            timer.reset(delay)

    def _timer_due(self) -> None:
        self._perform(self._table.handle_timer(self._clock.seconds()))


def _nowhere(trunk: TrunkSettings) -> Failure:
    """ERR-4: the name of the next hop has no address; our own proxy's may come back, a stranger's is unknown."""
    if trunk.next_hop is not None:
        return Failure(Reason.UNREACHABLE, False, detail=f"{trunk.next_hop.host} has no address")
    return Failure(Reason.UNKNOWN_DOMAIN)
