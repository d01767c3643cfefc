"""The sending half of the SIP edge: items to requests, over one target after the other.  Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import Factory, define
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Composing, Failure, Item, Message, Outcome, Reason, Rejected, Want
from iwf.sip.address import NoImage
from iwf.sip.auth.accounts import Accounts
from iwf.sip.auth.keyring import ROUNDS
from iwf.sip.client import UserAgentClient
from iwf.sip.keeper import Keeper
from iwf.sip.messaging.author import ref_of_item, ref_of_request, target_uri, write
from iwf.sip.messaging.forms import has_other_form
from iwf.sip.messaging.habits import Habits
from iwf.sip.reasons import failure_of_status
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response
from iwf.sip.transaction.failover import Resting
from iwf.sip.transaction.loops import opened
from iwf.sip.transaction.table import ClientTransaction, Output, TransactionTable, new_branch
from iwf.sip.transport.keepalive import STREAM
from iwf.sip.transport.locate import Located, next_hop
from iwf.sip.transport.locator import Locator, Names, reachable
from iwf.sip.transport.routing import bracketed, default_port, is_address, secured
from iwf.sip.transport.sockets import TRANSPORTS, Transports

_STOPPING = Failure(Reason.UNREACHABLE, False, detail="we are stopping")

News = Accepted | Rejected


@define(eq=False)
class _Delivery:
    """An item in flight."""

    item: Item
    trunk: TrunkSettings
    rest: tuple[Hop, ...]
    """Targets that were not tried yet."""
    located: bool = False
    """They were found by name, so that one may stand in for another (SIP-51)."""
    answered: bool = False
    """The target that is tried now has said something."""
    ref: str = ""
    """The reference of receipts for the request; empty where none were asked for."""
    form: int = 0
    """How many forms of it were refused (RCPT-2, MSG-23)."""
    request: Request | None = None
    """As it was sent last."""
    rounds: int = 0
    """How often it was sent again with credentials (SIP-60)."""
    done: Deferred[News] = Factory(Deferred)


class Sender:
    """Delivers items, each in as many client transactions as there are targets to try.

    :param names: where names of next hops are looked up.
    :param clock: IReactorTime.
    :param table: where the transactions live.
    :param perform: carries out what they want.
    :param client: sends what is no item.
    """

    def __init__(self, settings: SipSettings, names: Names, clock: Any, ids: Ids, log: Logger,
                 transports: Transports, table: TransactionTable, perform: Callable[[list[Output]], None],
                 client: UserAgentClient) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._log = log
        self._transports = transports
        self._table = table
        self._perform = perform
        self._trunks = {trunk.lane: trunk for trunk in settings.trunks}
        # Most trunks have a numeric next hop: nothing to be found, and nobody to stand in for it.
        self._fixed = {trunk.lane: (trunk.next_hop,) for trunk in settings.trunks
                       if isinstance(trunk.next_hop, Hop) and trunk.next_hop.transport in TRANSPORTS
                       and is_address(trunk.next_hop.host)}
        tls = any(trunk.next_hop is not None and trunk.next_hop.transport == "tls" for trunk in settings.trunks)
        self.locator = Locator(names, ids, *reachable(settings.listen, tls))
        self.accounts = Accounts(settings, client, self.locator, ids, clock, self.via, transports.hold, log)
        self._resting = Resting()
        self.keeper = Keeper(settings, transports, client, self.locator, self.via, self._resting, ids, clock, log)
        self.habits = Habits()
        """What is known of users; the receiving half tells it what they send."""
        self._deliveries: dict[ClientTransaction, _Delivery] = {}
        self._stopping = False

    @property
    def busy(self) -> bool:
        """Whether something is in flight."""
        return bool(self._deliveries)

    def stop(self) -> None:
        """SIP-92: begin no more transactions."""
        self._stopping = True

    def give_up(self) -> None:
        """Give everything back that is still in flight."""
        for transaction in list(self._deliveries):
            self._reject(transaction, _STOPPING, retry=True)

    def deliver(self, item: Item) -> Deferred[News]:
        """See :class:`iwf.edge.IOutlet`."""
        try:
            return self._deliver(item)
        except Exception:  # noqa: BLE001 - the border: it costs this item and nothing else
            return succeed(self.not_delivered(Fault(), item))

    def not_delivered(self, fault: Fault, item: Item) -> Rejected:
        """What an error means for an item."""
        if isinstance(fault.value, (NoImage, SipSyntaxError)):
            return Rejected(item, Failure(Reason.MALFORMED_ADDRESS, detail=fault.getErrorMessage()))
        if isinstance(fault.value, OSError):  # the system knows no way to that hop
            return Rejected(item, Failure(Reason.UNREACHABLE, False, detail=fault.getErrorMessage()), retry=True)
        self._log.failure("Cannot deliver item {item}", fault, item=item.id)
        return Rejected(item, Failure(Reason.INTERNAL, detail=fault.getErrorMessage()))

    def _deliver(self, item: Item) -> Deferred[News]:
        trunk = self._trunks[item.lane]
        if isinstance(item.payload, Composing) and not self.habits.wants_typing(item.payload.target):
            return succeed(Accepted(item))
        hops = self._fixed.get(item.lane)
        if hops is not None:
            return self._attempt(_Delivery(item, trunk, hops))
        located: Any = self.locator.locate(next_hop(trunk, target_uri(item, self._settings)))
        located.addCallback(self._located, item, trunk)
        return located.addErrback(self.not_delivered, item)  # type: ignore[no-any-return]

    def _located(self, located: Located, item: Item, trunk: TrunkSettings) -> Rejected | Deferred[News]:
        if self._stopping:
            return Rejected(item, _STOPPING, retry=True)
        if not located.hops:
            return _nowhere(located, item, trunk)
        hops = secured(located.hops, trunk, located.domain)
        hops = self._resting.ordered(hops, self._clock.seconds())
        return self._attempt(_Delivery(item, trunk, hops, located=True))

    def _attempt(self, delivery: _Delivery) -> Deferred[News]:
        """Send an item to its next target, in a transaction of its own (SIP-51)."""
        hop, delivery.rest, delivery.answered = delivery.rest[0], delivery.rest[1:], False
        try:
            via = self.via(hop)
        except OSError:                                      # the system knows no way there
            if not delivery.rest:
                raise
            return self._attempt(delivery)
        item = delivery.item
        request = write(item, delivery.trunk, self._settings, via, self.habits, delivery.form)
        if not isinstance(request, Failure):
            delivery.ref = ref_of_request(item, request)
            request = self.accounts.introduced(request, delivery.trunk)
        if isinstance(request, Failure):
            delivery.done.callback(Rejected(item, request))
        else:
            self._start(delivery, request, hop)
        return delivery.done

    def _start(self, delivery: _Delivery, request: Request, hop: Hop) -> None:
        delivery.request = request
        transaction, outputs = self._table.start(request, hop, hop.transport != "udp", self._clock.seconds())
        self._deliveries[transaction] = delivery
        self._perform(outputs)
        if delivery.trunk.keep_alive == "crlf":
            self._transports.keep_alive(hop, STREAM, self._ids.jitter)   # SIP-48

    def via(self, hop: Hop) -> Via:
        """SIP-45: our hop, by the listener that the answer may come to; its branch waits for its mark (LOOP-3).

        :raises OSError: when the system knows no way to the hop.
        """
        own = self._transports.listener_for(hop)
        host = self._settings.host or self._transports.own_host(hop, own)
        port = own.port if own is not None else default_port(hop.transport)
        params = (("branch", opened(new_branch(self._ids))), ("rport", None))
        return Via(hop.transport.upper(), bracketed(host), port, params)

    # -- what becomes of it -----------------------------------------------------------------

    def responded(self, transaction: ClientTransaction, response: Response) -> None:
        """A response, provisional or final."""
        delivery = self._deliveries.get(transaction)
        if delivery is None:
            return
        if response.status < 200:
            delivery.answered = True
            return
        if response.status == 503:
            self._failed(transaction, failure_of_status(response))
            return
        self._resting.answered(transaction.peer)
        if response.status in (401, 407) and self._again(transaction, delivery, response):
            return
        if delivery.request is not None and has_other_form(delivery.item, delivery.request, response, self.habits):
            delivery.rest, delivery.form = (transaction.peer, *delivery.rest), delivery.form + 1
            self._attempt_again(transaction, delivery)
            return
        if response.status >= 300:
            self._reject(transaction, failure_of_status(response))
            return
        del self._deliveries[transaction]
        delivery.done.callback(_accepted(delivery, response.status))

    def _again(self, transaction: ClientTransaction, delivery: _Delivery, refusal: Response) -> bool:
        """ERR-9: a challenge is answered, and only a second refusal counts."""
        hop: Hop = transaction.peer
        if delivery.request is None or delivery.rounds >= ROUNDS or self._stopping:
            return False
        request = self.accounts.answered(delivery.request, refusal, delivery.trunk, lambda: self.via(hop))
        if request is None:
            return False
        if isinstance(request, Failure):
            self._reject(transaction, request)
            return True
        del self._deliveries[transaction]
        delivery.rounds += 1
        self._start(delivery, request, hop)
        return True

    def timed_out(self, transaction: ClientTransaction) -> None:
        """There was no final response (timer F)."""
        delivery = self._deliveries.get(transaction)
        # SIP-51: a target that said 100 has the request, and may still be at it.
        fail = self._reject if delivery is not None and delivery.answered else self._failed
        # MSG-36: what waits behind it for the same target fails as well.
        fail(transaction, Failure(Reason.TIMEOUT, False), stop_stream=True)

    def transport_failed(self, transaction: ClientTransaction) -> None:
        """The request could not be sent."""
        self._failed(transaction, Failure(Reason.UNREACHABLE, False), retry=True)

    def waiting_for(self, hop: Hop) -> list[ClientTransaction]:
        """The transactions that wait for an answer from there."""
        return [transaction for transaction in self._deliveries if transaction.peer == hop]

    def _failed(self, transaction: ClientTransaction, failure: Failure, retry: bool = False,
                stop_stream: bool = False) -> None:
        """SIP-51: a target failed; go on with the next one, if there is one."""
        delivery = self._deliveries.get(transaction)
        if delivery is None or not delivery.located:
            self._reject(transaction, failure, retry, stop_stream)
            return
        hop: Hop = transaction.peer
        self._resting.failed(hop, self._clock.seconds(), failure.retry_after)
        if not delivery.rest or self._stopping:
            self._reject(transaction, failure, retry, stop_stream)
            return
        self._log.info("{transport}:{host}:{port} failed ({reason}), item {item} goes to the next server",
                       transport=hop.transport, host=hop.host, port=hop.port, reason=failure.reason.value,
                       item=delivery.item.id)
        self._attempt_again(transaction, delivery)

    def _attempt_again(self, transaction: ClientTransaction, delivery: _Delivery) -> None:
        del self._deliveries[transaction]
        try:
            self._attempt(delivery)
        except Exception:  # noqa: BLE001 - as above
            delivery.done.callback(self.not_delivered(Fault(), delivery.item))

    def _reject(self, transaction: ClientTransaction, failure: Failure, retry: bool = False,
                stop_stream: bool = False) -> None:
        delivery = self._deliveries.pop(transaction, None)
        if delivery is not None:
            delivery.done.callback(Rejected(delivery.item, failure, retry, stop_stream))


def _accepted(delivery: _Delivery, status: int) -> Accepted:
    """What a success means: as a rule that it was taken, and no more (RCPT-7)."""
    item = delivery.item
    if (status == 200 and delivery.trunk.receipt_on_200 and isinstance(item.payload, Message)
            and Want.DELIVERED in item.payload.wants):
        return Accepted(item, (delivery.ref or ref_of_item(item),), Outcome.DELIVERED)
    return Accepted(item, (delivery.ref,) if delivery.ref else ())


def _nowhere(located: Located, item: Item, trunk: TrunkSettings) -> Rejected:
    """ERR-4: our own proxy may come back; a stranger's domain is unknown, if DNS works."""
    if located.unable:
        return Rejected(item, Failure(Reason.UNREACHABLE, detail=located.why))
    if trunk.next_hop is not None or located.unsure:
        return Rejected(item, Failure(Reason.UNREACHABLE, False, detail=located.why), retry=True)
    return Rejected(item, Failure(Reason.UNKNOWN_DOMAIN, detail=located.why))
