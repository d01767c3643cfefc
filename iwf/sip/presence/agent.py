"""Presence at the SIP edge: the machines, joined with the core, the wire and the clock.  Shell."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, get_args

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault

from iwf.edge import IIntake, IMemory
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Address,
    Failure,
    Item,
    Presence,
    Published,
    Reason,
    Refused,
    Rejected,
    Verdict,
    WatchClosed,
    WatchEnded,
    Watchers,
    WatchFetched,
    WatchGranted,
    WatchNews,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.sip.client import UserAgentClient
from iwf.sip.presence.compositor import Compositor
from iwf.sip.presence.document import document_of, without_tunes
from iwf.sip.presence.headers import ALLOW_EVENTS, contact
from iwf.sip.presence.notifier import Notifier
from iwf.sip.presence.outputs import Answer, Asked, Machine, Offer, Output, Send
from iwf.sip.presence.publisher import Publisher
from iwf.sip.presence.requests import Ended, Requests
from iwf.sip.presence.subscriber import Subscriber
from iwf.sip.reasons import OUR_FAULT
from iwf.sip.sender import Sender
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.message import Request, Response
from iwf.sip.uas import UserAgentServer, respond, staggered

#: Timers may come this much late, in seconds, so that many of them cost one wake-up.
TICK = 0.05
#: What our rows are remembered under.
MEMORY = "sip"

#: Payloads that :meth:`PresenceAgent.deliver` takes.
PRESENCE = frozenset((*get_args(WatchNews), Presence, Published, Watchers))



class PresenceAgent:
    """Watchers, presentities and publications of all trunks.

    :param trunks: by lane.
    :param memory: what is known from before the restart; None: nothing.
    :param clock: IReactorTime.
    :param sender: whose hops, ways and accounts are used.
    :param reply: sends the answer to a request that :meth:`take` was given.
    """

    def __init__(self, settings: SipSettings, trunks: Mapping[str, TrunkSettings], uas: UserAgentServer,
                 intake: IIntake, memory: IMemory | None, ids: Ids, clock: Any, log: Logger, client: UserAgentClient,
                 sender: Sender, reply: Callable[[Any, Response], None]) -> None:
        assert settings.presence is not None
        self._uas = uas
        self._ids = ids
        self._intake = intake
        self._memory = memory
        self._clock = clock
        self._log = log
        self._requests = Requests(trunks, sender.locator, sender.accounts, client, sender.via, log)
        self._via = sender.via
        self._reply = reply
        hosts = frozenset(alias.domain for alias in settings.aliases)
        self._tune_as_note = settings.presence.tune_as_note
        self._notifier = Notifier(settings.presence, hosts, ids, document_of)
        self._subscriber = Subscriber(settings, ids)
        self._publisher = Publisher(settings, ids)
        self._compositor = Compositor(settings.presence, hosts, ids)
        machines: Sequence[Machine] = (self._notifier, self._subscriber, self._publisher, self._compositor)
        self._machines: Mapping[str, Machine] = {machine.memory: machine for machine in machines}
        self._asked: dict[Asked, tuple[Any, Hop]] = {}
        self._queue: deque[tuple[Machine, Output]] = deque()
        self._performing = False
        self._timer: Any = None
        self._timer_for = inf
        self._stopped = False

    # -- life

    def start(self) -> None:
        """Take over what was remembered (SIP-93)."""
        now = self._clock.seconds()
        for key, text in self._memory.recall(MEMORY) if self._memory is not None else ():
            name, _, rest = key.partition(":")
            machine = self._machines.get(name)
            if machine is not None:
                self._perform(machine, machine.recall(rest, text, now))
        self._set_timer()

    def stop(self) -> None:
        """SIP-92: end in an orderly way; the requests that it takes are in flight when this returns."""
        now = self._clock.seconds()
        for machine in self._machines.values():
            self._perform(machine, machine.stop(now))

    def give_up(self) -> None:
        """Do nothing any more."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    # -- what comes in

    def take(self, transaction: Any, request: Request, target: Address | None, trunk: TrunkSettings,
             source: Hop) -> None:
        """A SUBSCRIBE, NOTIFY or PUBLISH that has passed the checks of all methods (SIP-30).

        :param transaction: handed back with the answer.
        :param target: whom its Request-URI names; None within a dialog.
        :param source: where it came from.
        """
        # A device that is registered here is known by nothing but the way it came (RFC 5626, RFC 3581).
        asked = Asked(request, trunk, source if trunk.digest and trunk.next_hop is None else None)
        self._asked[asked] = transaction, source
        now = self._clock.seconds()
        try:
            if request.method == "SUBSCRIBE":
                self._perform(self._notifier, self._notifier.subscribed(asked, target, now))
            elif request.method == "NOTIFY":
                self._perform(self._subscriber, self._subscriber.notified(asked, now))
            else:
                self._perform(self._compositor, self._compositor.published(asked, target, now))
        except Exception:  # noqa: BLE001 - the border: it costs this request and nothing else
            self._log.failure("Cannot take a {method}", method=request.method)
            self._answer(Answer(asked, OUR_FAULT))

    def deliver(self, item: Item) -> Deferred[Accepted | Rejected]:
        """An item with a payload of presence; see :class:`iwf.edge.IOutlet`.

        It is taken as soon as its machine has it, which then does what it takes.
        """
        now, payload = self._clock.seconds(), item.payload
        if isinstance(payload, Presence | Published) and not self._tune_as_note:
            payload = without_tunes(payload)
        try:
            match payload:
                case WatchGranted() | WatchRefused() | WatchClosed() | Presence() | Watchers() as told:
                    self._perform(self._notifier, self._notifier.deliver(told, now))
                case Published() as published:
                    self._perform(self._publisher, self._publisher.deliver(published, item.lane, now))
                case WatchRequested() | WatchRenewed() | WatchFetched() | WatchEnded() as wanted:
                    self._perform(self._subscriber, self._subscriber.deliver(wanted, item.lane, now))
        except ValueError as fault:                                  # an address that SIP cannot write
            return succeed(Rejected(item, Failure(Reason.MALFORMED_ADDRESS, detail=str(fault))))
        except Exception as fault:  # noqa: BLE001 - as above
            self._log.failure("Cannot deliver item {item}", item=item.id)
            return succeed(Rejected(item, Failure(Reason.INTERNAL, detail=str(fault))))
        return succeed(Accepted(item))

    # -- what the machines want

    def _perform(self, machine: Machine, outputs: Sequence[Output]) -> None:
        """Carry out what a machine wants, in order, also when one thing leads to another."""
        self._queue.extend((machine, output) for output in outputs)
        if self._performing:
            return
        self._performing = True
        try:
            while self._queue:
                self._perform_one(*self._queue.popleft())
        finally:
            self._performing = False
        self._set_timer()

    def _perform_one(self, machine: Machine, output: Output) -> None:
        match output:
            case Answer():
                self._answer(output)
            case Send():
                self._requests.send(output).addCallback(self._ended, machine, output.who).addErrback(self._fault)
            case Offer():
                verdict = maybeDeferred(self._intake.offer, output.event)
                verdict.addErrback(self._no_verdict)
                if output.ticket:
                    verdict.addCallback(self._decided, machine, output.ticket)
                verdict.addErrback(self._fault)

    def _answer(self, answer: Answer) -> None:
        asked = answer.asked
        found = self._asked.pop(asked, None)
        if found is None:
            return
        transaction, source = found
        try:
            response = respond(asked.request, answer.status, answer.tag)
            if answer.image is not None:
                response = self._with_dialog(response, asked.request, answer, source)
        except OSError:                                              # the system knows no way back
            response = respond(asked.request, OUR_FAULT)
        self._reply(transaction, response)

    def _with_dialog(self, response: Response, request: Request, answer: Answer, source: Hop) -> Response:
        """RFC 3261 12.1.1, SIP-32: what an answer says that makes a dialog, or goes on with one."""
        assert answer.image is not None
        via = self._via(source)
        own = contact(answer.image, via, source.transport, request.uri.scheme == "sips")
        lines = [*response.headers, *(("Record-Route", value) for value in request.all("Record-Route")),
                 ("Contact", own), ("Allow", self._uas.methods), ("Allow-Events", ALLOW_EVENTS)]
        return Response(response.status, response.reason, lines)

    def _ended(self, ended: Ended | None, machine: Machine, who: str) -> None:
        if ended is not None and not self._stopped:
            self._perform(machine, machine.answered(who, ended.response, ended.cseq, self._clock.seconds()))

    def _decided(self, verdict: Verdict, machine: Machine, ticket: str) -> None:
        verdict = staggered(verdict, self._ids)
        self._perform(machine, machine.decided(ticket, verdict, self._clock.seconds()))

    def _no_verdict(self, fault: Fault) -> Verdict:
        self._log.failure("No verdict on an event of presence", fault)
        return Refused(Failure(Reason.INTERNAL, False))

    def _fault(self, fault: Fault) -> None:
        self._log.failure("A fault of presence", fault)

    # -- time

    def _set_timer(self) -> None:
        if self._stopped:
            return
        dues = [due for machine in self._machines.values() if (due := machine.next_timer()) is not None]
        due = min(dues, default=inf)
        if due >= self._timer_for:
            return                                                   # it is set for that or something earlier
        self._timer_for = due
        delay = max(TICK, due - self._clock.seconds())
        if self._timer is not None and self._timer.active():
            self._timer.reset(delay)
        else:
            self._timer = self._clock.callLater(delay, self._timer_due)

    def _timer_due(self) -> None:
        self._timer_for = inf
        now = self._clock.seconds()
        for machine in self._machines.values():
            self._perform(machine, machine.handle_timer(now))
        self._set_timer()
