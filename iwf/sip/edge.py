"""The SIP edge: sockets, transactions and translation joined together.  Shell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from socket import socket
from typing import Any

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet import defer
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault
from zope.interface import implementer

from iwf.edge import Ignored, IIntake, ILane, ILanes, IMemory, IOutlet, IReach, Offered
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Composing,
    Item,
    Message,
    Receipt,
    Refused,
    Rejected,
    Verdict,
)
from iwf.sip.auth.strangers import Strangers
from iwf.sip.client import UserAgentClient
from iwf.sip.presence.agent import PRESENCE, PresenceAgent
from iwf.sip.reasons import OUR_FAULT, Status
from iwf.sip.registration.endpoints import Endpoints
from iwf.sip.registration.registrar import Registered
from iwf.sip.sender import Sender
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, parse_message
from iwf.sip.transaction.branches import RecentIds
from iwf.sip.transaction.table import (
    ClientTransaction,
    Deliver,
    Output,
    Send,
    ServerTransaction,
    Terminated,
    TimedOut,
    TransactionTable,
    TransportFailed,
)
from iwf.sip.transport.answers import Answers
from iwf.sip.transport.connections import Source, Stream
from iwf.sip.transport.locator import Names
from iwf.sip.transport.routing import FRAMED, marked, route_of_answer
from iwf.sip.transport.sockets import Transports, connected_udp_socket
from iwf.sip.transport.webstream import WebStream
from iwf.sip.uas import Handed, MergedRequests, UserAgentServer, respond, staggered, status_of_verdict

#: Timers may come this much late, in seconds, so that many of them cost one wake-up.
TICK = 0.05
#: SIP-92: open transactions are given this long to finish, in seconds; none lives longer (timer F).
DRAIN = 32.0

_UNAVAILABLE = Status(480, "Stopping", (("Retry-After", "10"),), ("SIP-92", "ERR-12"))
#: RFC 3261 9.2: a CANCEL that finds its INVITE is successful, also when that is answered already.
_CANCELLED = Status(200, "OK", rules=("SIP-24",))

_Judgement = Status | Offered | Handed | Registered | Ignored


@frozen(eq=False)
class _Asker:
    """The peer of a server transaction: where the request came from, where its answer goes, on which trunk."""

    source: Source
    route: Hop
    trunk: TrunkSettings


@implementer(IOutlet)
class SipEdge(Service):
    """All SIP trunks: takes MESSAGEs to the engine, delivers items as MESSAGEs.

    :param reactor: IReactorTCP, IReactorUDP, IReactorSocket, IReactorPluggableNameResolver.
    :param clock: IReactorTime.
    :param names: where names of next hops are looked up.
    :param connected_socket: see :class:`~iwf.sip.transport.sockets.Transports`.
    :param reach: what is behind the gateway; None: everything.
    :param memory: what was remembered before the daemon started; None: nothing.
    """

    def __init__(self, settings: SipSettings, reactor: Any, clock: Any, intake: IIntake, lanes: ILanes, ids: Ids,
                 log: Logger, names: Names,
                 connected_socket: Callable[[Hop, Hop], socket | None] = connected_udp_socket,
                 reach: IReach | None = None, memory: IMemory | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._intake = intake
        self._lanes = lanes
        self._ids = ids
        self._log = log
        self._trunks = {trunk.lane: trunk for trunk in settings.trunks}
        self._uas = UserAgentServer(settings, ids.token() + ids.token(), reach)
        self._strangers = Strangers(settings.max_refusals, settings.stranger_rate)
        self._table = TransactionTable()
        self._merged = MergedRequests()
        self._ids_seen = RecentIds()
        self._transports = Transports(settings, reactor, clock, self, connected_socket)
        self._client = UserAgentClient(
            self._table, self._perform, clock.seconds,
            lambda hop, interval: self._transports.keep_alive(hop, interval, ids.jitter))
        self._sender = Sender(settings, names, clock, ids, log, self._transports, self._table, self._perform,
                              self._client)
        self._answers = Answers(self._transports, self._sender.locator)
        self._endpoints: Endpoints | None = None
        if settings.registrar is not None and self._uas.registrar is not None:
            self._trunks[settings.registrar.lane] = settings.registrar.trunk
            self._endpoints = Endpoints(settings, self._uas.registrar, self._client, intake, memory, self._sender.via,
                                        clock.seconds, self._sender.habits)
        self._presence: PresenceAgent | None = None
        if settings.presence is not None:
            self._presence = PresenceAgent(
                settings, self._trunks, self._uas, intake, memory, ids, clock, log, self._client, self._sender,
                self._reply)
        self._open_lanes: list[ILane] = []
        self._verdicts: set[ServerTransaction] = set()
        self._outputs: deque[Output] = deque()
        self._performing = False
        self._timer: Any = None
        self._timer_for = inf
        """The deadline that the timer is set for; it may come up to a tick later."""
        self._drained: defer.Deferred[None] | None = None
        self._stopped = False

    # -- service ----------------------------------------------------------------------------

    def startService(self) -> None:
        """Open the listeners and the lanes; raises twisted.internet.error.CannotListenError."""
        self._transports.start()
        super().startService()  # type: ignore[no-untyped-call]
        if self._endpoints is not None:
            self._endpoints.start()
        if self._presence is not None:
            self._presence.start()
        for trunk in self._trunks.values():
            lane = self._lanes.attach(trunk.lane, self, keeps_order=False)
            self._open_lanes.append(lane)
            window = self._settings.window if trunk.window is None else trunk.window
            if trunk.register:
                self._sender.accounts.register(trunk, lane, window)
            else:
                lane.grant(window)  # no connection to wait for
        self._sender.keeper.start()

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """SIP-92: no new transactions; the open ones may finish.  Fires when all is closed."""
        yield defer.maybeDeferred(super().stopService)
        if self._presence is not None:
            self._presence.stop()
        self._sender.stop()
        for lane in self._open_lanes:
            lane.grant(0)
        self._open_lanes.clear()
        self._sender.accounts.stop()
        self._sender.keeper.stop()
        if self._busy:
            self._drained = defer.Deferred()
            self._drained.addTimeout(DRAIN, self._clock, onTimeoutCancel=lambda result, _: None)
            yield self._drained
            self._drained = None
        self._stopped = True
        self._sender.give_up()
        self._client.give_up()
        if self._presence is not None:
            self._presence.give_up()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        yield self._transports.stop()

    @property
    def listening(self) -> tuple[Hop, ...]:
        """The listeners, with the ports that they really have."""
        return self._transports.listening

    def deliver(self, item: Item) -> defer.Deferred[Accepted | Rejected]:
        """See :class:`iwf.edge.IOutlet`."""
        if self._presence is not None and type(item.payload) in PRESENCE:
            return self._presence.deliver(item)
        if self._endpoints is not None and item.lane == self._endpoints.trunk.lane:
            sent: defer.Deferred[Accepted | Rejected] = self._endpoints.deliver(item)
            return sent.addErrback(self._sender.not_delivered, item)
        return self._sender.deliver(item)

    @property
    def _busy(self) -> bool:
        return self._sender.busy or bool(self._verdicts) or len(self._client) > 0

    # -- inbound: what the sockets hear -----------------------------------------------------

    def received(self, octets: bytes, source: Source) -> None:
        """One message; see :class:`iwf.sip.transport.connections.Receiver`."""
        try:
            message = parse_message(octets, source.hop.transport in FRAMED)
            if isinstance(message, Request):
                message = marked(message, source.hop)
            validate(message)
        except SipSyntaxError as fault:
            self.broken(fault, source)
            return
        try:
            self._take(message, source)
        except Exception:  # noqa: BLE001 - the border: logged, told to the peer as our fault
            self._log.failure("Cannot take a message from {host}", host=source.hop.host)
            if isinstance(message, Request) and message.method != "ACK":
                self.broken(SipSyntaxError(OUR_FAULT.code, OUR_FAULT.phrase, message), source)

    def _take(self, message: Request | Response, source: Source) -> None:
        peer = None
        if isinstance(message, Request) and message.method != "ACK" and not (
                self._uas.demanding and self._table.knows(message)):
            if self._strangers.is_silent(source.hop.host, self._clock.seconds()):
                return                                               # SIP-91
            trunk = (self._canceller(message, source)
                     or self._uas.admit(message, source.hop, self._clock.seconds(), source.names))
            if isinstance(trunk, Status):
                # SIP-63: who has not proven himself gets an answer, but no memory of ours to fill.
                self._answer_without_state(message, trunk, source)
                return
            peer = _Asker(source, route_of_answer(message.top_via, source.hop), trunk)
        reliable = source.hop.transport != "udp"
        self._perform(self._table.receive(message, peer, reliable, self._clock.seconds()))

    def _canceller(self, request: Request, source: Source) -> TrunkSettings | None:
        """RFC 3261 22.1: a CANCEL shows no credentials; it counts as its INVITE when it comes from the same place."""
        invite = self._table.invite_of(request) if request.method == "CANCEL" else None
        if invite is None or invite.peer.source.hop.host != source.hop.host:
            return None
        trunk: TrunkSettings = invite.peer.trunk
        return trunk

    def broken(self, fault: SipSyntaxError, source: Source) -> None:
        """SIP-12: what cannot be read is answered without state, where it can be answered."""
        if fault.request is not None:
            self._log.debug("Malformed request from {host}: {reason}", host=source.hop.host, reason=fault.reason)
            request = marked(fault.request, source.hop)
            suspicious = self._uas.trunk_of(source.hop, names=source.names) is None
            self._answer_without_state(request, Status(fault.status, fault.reason, suspicious=suspicious), source)

    def _answer_without_state(self, request: Request, status: Status, source: Source) -> None:
        host = source.hop.host
        if not self._uas.is_peer(host) and not self._strangers.may_be_told(
                host, self._clock.seconds(), status.suspicious):
            return                                                   # SIP-91
        route = route_of_answer(request.top_via, source.hop)
        self._transports.answer(respond(request, status).to_bytes(), source, route)

    def unreachable(self, hop: Hop) -> None:
        """SIP-46: fail everything that waits for an answer from there."""
        now = self._clock.seconds()
        if self._uas.registrar is not None and hop.flow:
            self._uas.registrar.lost(hop)
        self._sender.accounts.flow_failed(hop)
        for transaction in self._sender.waiting_for(hop) + self._client.waiting_for(hop):
            self._perform(self._table.transport_failed(transaction, now))

    def _requested(self, transaction: ServerTransaction, request: Request) -> None:
        source, trunk = transaction.peer.source, transaction.peer.trunk
        try:
            reading = self._judge(transaction, request)
        except Exception:  # noqa: BLE001 - as above
            self._log.failure("Cannot judge a request from {host}", host=source.hop.host)
            reading = OUR_FAULT
        if isinstance(reading, Status):
            self._respond(transaction, request, reading)
        elif isinstance(reading, Handed) and self._presence is not None:
            self._verdicts.add(transaction)
            self._presence.take(transaction, request, reading.target, trunk, source.hop)
        elif isinstance(reading, Registered) and self._endpoints is not None:
            if isinstance(source.channel, Stream | WebStream):
                source.channel.keep(self._endpoints.longest)
            self._await(self._endpoints.register(reading), transaction, request, trunk)
        elif isinstance(reading, Offered) and isinstance(reading.event, Message | Composing | Receipt):
            self._offer(reading.event, transaction, request)

    def _judge(self, transaction: ServerTransaction, request: Request) -> _Judgement:
        merged = self._merged.is_merged(request, transaction)
        if request.method == "CANCEL" and self._table.invite_of(request) is not None:
            return _CANCELLED
        peer = transaction.peer
        reading = self._uas.judge(request, peer.source.hop, self._clock.seconds(), merged, trunk=peer.trunk)
        # SIP-92: nothing new is begun.  What presence still has to hear (a NOTIFY, whose refusal would end its
        # subscription) and whoever registers are no work for later.
        return _UNAVAILABLE if isinstance(reading, Offered) and not self.running else reading

    def _offer(self, event: Message | Composing | Receipt, transaction: ServerTransaction, request: Request) -> None:
        if isinstance(event, Message) and event.id and self._ids_seen.repeats(event.id, self._clock.seconds()):
            event = evolve(event, id="")  # MSG-5: the core makes one of its own
        trunk = self._trunks[event.peer if isinstance(event, Receipt) else event.lane]
        if not isinstance(event, Receipt):
            self._sender.habits.wrote(event.origin.address, request.get("Content-Type"), request.get("Accept"))
        self._await(defer.maybeDeferred(self._intake.offer, event), transaction, request, trunk)

    def _await(self, verdict: defer.Deferred[Verdict] | defer.Deferred[Status | Refused],
               transaction: ServerTransaction, request: Request, trunk: TrunkSettings) -> None:
        """Answer a request when its fate is known."""
        self._verdicts.add(transaction)
        verdict.addCallback(self._decided, transaction, request, trunk)
        verdict.addErrback(self._undecided, transaction, request)

    def _decided(self, verdict: Verdict | Status, transaction: ServerTransaction, request: Request,
                 trunk: TrunkSettings) -> None:
        if not isinstance(verdict, Status):
            verdict = status_of_verdict(staggered(verdict, self._ids), trunk, self._uas.host)
        self._respond(transaction, request, verdict)

    def _undecided(self, fault: Fault, transaction: ServerTransaction, request: Request) -> None:
        self._log.failure("No verdict on a request", fault)
        self._respond(transaction, request, OUR_FAULT)

    def _respond(self, transaction: ServerTransaction, request: Request, status: Status) -> None:
        self._reply(transaction, respond(request, status))

    def _reply(self, transaction: ServerTransaction, response: Response) -> None:
        self._verdicts.discard(transaction)
        self._perform(self._table.respond(transaction, response, self._clock.seconds()))

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
        if self._drained is not None and not self._busy:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def _perform_one(self, output: Output) -> None:
        transaction = output.transaction
        if isinstance(output, Send):
            self._transmit(transaction, output.octets)
        elif isinstance(transaction, ClientTransaction):
            if transaction in self._client:
                self._client.take(transaction, output)
            elif isinstance(output, Deliver) and isinstance(output.message, Response):
                self._sender.responded(transaction, output.message)
            elif isinstance(output, TimedOut):
                self._sender.timed_out(transaction)
            elif isinstance(output, TransportFailed):
                self._sender.transport_failed(transaction)
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
        elif not peer.source.channel.send(octets, peer.route):
            self._answers.send(octets, peer.route, peer.trunk, lambda: self._unanswerable(transaction))

    def _unanswerable(self, transaction: ServerTransaction) -> None:
        self._perform(self._table.transport_failed(transaction, self._clock.seconds()))

    def _set_timer(self) -> None:
        if self._table.soonest >= self._timer_for or self._stopped:
            return  # the timer is set for that or for something earlier
        due = self._table.next_timer()
        if due is None or due >= self._timer_for:
            return
        self._timer_for = due
        delay = max(TICK, due - self._clock.seconds())
        if self._timer is None or not self._timer.active():
            self._timer = self._clock.callLater(delay, self._timer_due)
        elif self._timer.getTime() > self._clock.seconds() + delay:
            self._timer.reset(delay)

    def _timer_due(self) -> None:
        self._timer_for = inf
        self._perform(self._table.handle_timer(self._clock.seconds()))
