"""The server half: an SMSC with accounts and handsets, as a peer for tests and a simulator (shell)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from iwf.ids import Ids
from iwf.smpp import constants as c
from iwf.smpp.connection import SmppConnection
from iwf.smpp.pdu import Bind, BindResp, MessageResp, Pdu, ShortMessage
from iwf.smpp.reasons import MessageState
from iwf.smpp.states import Bound, Ending, Resolved, Role, State, Timers

_STAT: Mapping[MessageState, str] = {
    MessageState.SCHEDULED: "SCHEDLD",
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
    MessageState.SKIPPED: "SKIPPED",
}

# registered_delivery, bits 1-0: final receipts wanted on success, on failure (SMS-14)
_WANTS_SUCCESS = frozenset({1, 3})
_WANTS_FAILURE = frozenset({1, 2})


@frozen
class Fate:
    """What becomes of a submitted message."""

    status: int = c.ROK
    """The command_status of the answer."""
    answers: bool = True
    """False: the SMSC stays silent."""
    state: MessageState | None = MessageState.DELIVERED
    """The state of the final receipt; None: no receipt ever."""
    after: float = 0.0
    """Seconds from the answer to the receipt."""
    error: str = "000"
    replies: tuple[bytes, ...] = ()
    """Texts the phone sends back, in the default alphabet."""


class Handset:
    """The phones of a network: says what becomes of each message, and keeps them.

    Subclasses override :meth:`fate_of`; the default phone takes everything.
    """

    def __init__(self) -> None:
        self.received: list[ShortMessage] = []

    def fate_of(self, message: ShortMessage) -> Fate:
        """Decide about a message; called once for each."""
        return Fate()

    def take(self, message: ShortMessage) -> Fate:
        """Decide, and keep what was accepted."""
        fate = self.fate_of(message)
        if fate.status == c.ROK:
            self.received.append(message)
        return fate


class ScriptedHandset(Handset):
    """Goes through a list of fates, then takes everything."""

    def __init__(self, *fates: Fate) -> None:
        super().__init__()
        self.fates = list(fates)

    def fate_of(self, message: ShortMessage) -> Fate:
        return self.fates.pop(0) if self.fates else Fate()


@frozen
class Submission:
    """A message the SMSC has taken."""

    account: str
    message_id: str
    message: ShortMessage
    at: float = 0.0


def receipt_message(submission: Submission, state: MessageState, error: str, now: float) -> ShortMessage:
    """A delivery receipt with text and TLVs (SMS-40)."""
    message = submission.message
    text = (
        f"id:{submission.message_id} sub:001 dlvrd:{'001' if state is MessageState.DELIVERED else '000'} "
        f"submit date:{_date(submission.at)} done date:{_date(now)} stat:{_STAT[state]} err:{error} text:"
    )
    return ShortMessage(
        source=message.destination,
        destination=message.source,
        esm_class=c.ESM_RECEIPT,
        short_message=text.encode("latin-1"),
        tlvs=(
            (c.TLV_MESSAGE_STATE, bytes([state])),
            (c.TLV_RECEIPTED_MESSAGE_ID, submission.message_id.encode("latin-1") + b"\0"),
        ),
    )


def _date(now: float) -> str:
    return f"{datetime.fromtimestamp(now, UTC):%y%m%d%H%M}"


class Smsc(SmppConnection):
    """The SMSC's end of one connection."""

    log = Logger()

    def __init__(self, factory: SmscFactory, clock: IReactorTime, timers: Timers) -> None:
        super().__init__(clock, Role.SMSC, timers)
        self._factory = factory
        self.account = ""

    @property
    def takes_messages(self) -> bool:
        """Whether deliver_sm may be sent here."""
        return self.session.state in (State.BOUND_RX, State.BOUND_TRX) and self.session.may_send(c.DELIVER_SM)

    def on_bound(self, bound: Bound) -> None:
        self.account = bound.peer
        self._factory.connections.append(self)

    def on_closed(self) -> None:
        if self in self._factory.connections:
            self._factory.connections.remove(self)

    def on_resolved(self, resolved: Resolved) -> None:
        assert isinstance(resolved.tag, Deferred)
        answered = resolved.ending is Ending.ANSWERED and resolved.response is not None
        resolved.tag.callback(resolved.response.status if answered and resolved.response else None)

    def on_request(self, pdu: Pdu) -> None:
        if isinstance(pdu.body, Bind):
            self._answer_bind(pdu, pdu.body)
        elif isinstance(pdu.body, ShortMessage):
            self._answer_submit(pdu, pdu.body)
        else:
            # query_sm, cancel_sm, replace_sm, submit_multi: not offered
            self.respond(pdu, c.RINVCMDID)

    def _answer_bind(self, pdu: Pdu, bind: Bind) -> None:
        status = self._factory.status_of_bind(bind)
        if status != c.ROK:
            self.respond(pdu, status)
            self.close(f"bind of {bind.system_id} refused with {status:#x}")
            return
        version = (c.TLV_SC_INTERFACE_VERSION, bytes([c.INTERFACE_VERSION]))
        self.respond(pdu, c.ROK, BindResp(self._factory.system_id, (version,)))

    def _answer_submit(self, pdu: Pdu, message: ShortMessage) -> None:
        fate = self._factory.handset.take(message)
        if fate.status != c.ROK:
            if fate.answers:
                self.respond(pdu, fate.status)
            return
        submission = Submission(self.account, self._factory.new_id(), message, self.now)
        if fate.answers:
            self.respond(pdu, c.ROK, MessageResp(submission.message_id))
        self._factory.carry_out(submission, fate)


class SmscFactory(Factory):
    """An SMSC.

    :param accounts: passwords by system_id.
    :param handset: the phones behind it.
    :param clock: for sessions and for receipts that come later.
    """

    noisy = False

    def __init__(
        self, accounts: Mapping[str, str], handset: Handset, clock: IReactorTime, ids: Ids,
        timers: Timers | None = None,
    ) -> None:
        self.system_id = "smsc"
        self.handset = handset
        self.connections: list[Smsc] = []
        self._accounts = accounts
        self._clock = clock
        self._ids = ids
        self._timers = timers or Timers()

    def buildProtocol(self, addr: IAddress | None) -> Smsc:
        return Smsc(self, self._clock, self._timers)

    def status_of_bind(self, bind: Bind) -> int:
        """What to answer a bind."""
        password = self._accounts.get(bind.system_id)
        if password is None:
            return c.RINVSYSID
        return c.ROK if password == bind.password else c.RINVPASWD

    def new_id(self) -> str:
        """A message_id."""
        return self._ids.token()

    def deliver(self, account: str, message: ShortMessage) -> Deferred[int | None]:
        """Send a message or receipt to an account.

        :return: the command_status of the answer; None when there is no receiver or no answer.
        """
        result: Deferred[int | None] = Deferred()
        for connection in self.connections:
            if connection.account == account and connection.takes_messages:
                connection.request(c.DELIVER_SM, message, result)
                return result
        result.callback(None)
        return result

    def send_receipt(self, submission: Submission, state: MessageState, error: str = "000") -> Deferred[int | None]:
        """Send a receipt, whether one was asked for or not."""
        return self.deliver(submission.account, receipt_message(submission, state, error, self._clock.seconds()))

    def carry_out(self, submission: Submission, fate: Fate) -> None:
        """Let a message meet its fate: receipt and replies."""
        wanted = submission.message.registered_delivery & 3
        if fate.state is not None:
            wants = _WANTS_SUCCESS if fate.state is MessageState.DELIVERED else _WANTS_FAILURE
            if wanted in wants:
                self._clock.callLater(fate.after, self.send_receipt, submission, fate.state, fate.error)
        for text in fate.replies:
            reply = ShortMessage(
                source=submission.message.destination, destination=submission.message.source, short_message=text,
            )
            self._clock.callLater(fate.after, self.deliver, submission.account, reply)
