"""The vocabulary of a session: roles, states, what is allowed in them, timers, outputs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Pdu


class Role(Enum):
    """Which end of the connection we are."""

    ESME = "esme"
    SMSC = "smsc"

    @property
    def peer(self) -> Role:
        return Role.SMSC if self is Role.ESME else Role.ESME


class State(Enum):
    """SMPP 3.4 section 2.2; UNBOUND is after unbind was sent."""

    OPEN = "open"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBOUND = "unbound"
    CLOSED = "closed"


BOUND = frozenset({State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX})
STATE_AFTER_BIND: Mapping[int, State] = {
    c.BIND_TRANSMITTER: State.BOUND_TX,
    c.BIND_RECEIVER: State.BOUND_RX,
    c.BIND_TRANSCEIVER: State.BOUND_TRX,
}

_ANY_BOUND = frozenset({c.ENQUIRE_LINK, c.UNBIND})
_FROM_ESME = _ANY_BOUND | {c.SUBMIT_SM, c.SUBMIT_MULTI, c.DATA_SM, c.QUERY_SM, c.CANCEL_SM, c.REPLACE_SM}
_FROM_SMSC = _ANY_BOUND | {c.DELIVER_SM, c.DATA_SM, c.ALERT_NOTIFICATION}

#: SMS section 1: the requests that each side may send in each state; none in the others.
ALLOWED: Mapping[tuple[Role, State], frozenset[int]] = {
    (Role.ESME, State.OPEN): c.BINDS,
    (Role.ESME, State.BOUND_TX): _FROM_ESME,
    (Role.ESME, State.BOUND_RX): _ANY_BOUND,
    (Role.ESME, State.BOUND_TRX): _FROM_ESME,
    (Role.ESME, State.UNBOUND): _ANY_BOUND,
    (Role.SMSC, State.OPEN): frozenset({c.OUTBIND}),
    (Role.SMSC, State.BOUND_TX): _ANY_BOUND,
    (Role.SMSC, State.BOUND_RX): _FROM_SMSC,
    (Role.SMSC, State.BOUND_TRX): _FROM_SMSC,
    (Role.SMSC, State.UNBOUND): _ANY_BOUND,
}


@frozen
class Timers:
    """Seconds (SMS section 1)."""

    session_init: float = 5.0
    enquire_link: float = 30.0
    enquire_response: float = 10.0
    response: float = 10.0
    late: float = 60.0
    """A response is matched this long after its timer ran out (SMS-18)."""
    partial: float = 60.0
    """Silence inside a PDU that ends the session (SMS-11)."""
    inactivity: float = 0.0
    """Time without a message, though enquire_link may be answered, after which we unbind; 0: never."""


# Outputs.

@frozen
class Transmit:
    """Octets for the peer."""

    octets: bytes


@frozen
class Bound:
    """The bind is done."""

    peer: str
    """The peer's system_id."""
    version: int | None = None
    """The interface_version the peer states, if it does."""


@frozen
class BindRefused:
    """Our bind was answered with an error; the session is closing."""

    status: int


@frozen
class Received:
    """A request of the peer, to be answered by :meth:`Session.respond` or :meth:`Session.reply`
    (outbind and alert_notification have no answer)."""

    pdu: Pdu


class Ending(Enum):
    """How a request of ours ended."""

    ANSWERED = "answered"
    TIMED_OUT = "timed out"
    LOST = "lost"


@frozen
class Resolved:
    """The end of a request of ours; every request gets exactly one."""

    tag: object
    ending: Ending
    response: Pdu | None = None
    """Set when answered; a generic_nack counts as an answer."""


@frozen
class Late:
    """A response after its request was resolved as timed out (SMS-18)."""

    tag: object
    response: Pdu


@frozen
class Congested:
    """An answer of the peer says how busy it is (congestion_state of version 5.0, SMS-9)."""

    state: int
    """0 to 100."""


@frozen
class Noted:
    """Something worth a line in the log."""

    what: str


@frozen
class Closing:
    """The session is over: send what is left, then close the connection."""

    why: str


Output = Transmit | Bound | BindRefused | Received | Resolved | Late | Congested | Noted | Closing


# Seconds; times of day in floats differ by about 0.2 microseconds at least.
_GRAIN = 0.001


class Stopwatch:
    """Time that only goes forward: a step back of ``now`` counts as no time at all."""

    def __init__(self, now: float) -> None:
        self.elapsed = 0.0
        self.running = True
        self._last = now

    def advance(self, now: float) -> float:
        """Take the time of day.

        :return: seconds since the start, without those while not running.
        """
        if self.running and now > self._last:
            self.elapsed += now - self._last
        self._last = now
        return self.elapsed

    def reached(self, deadline: float) -> bool:
        """Whether ``elapsed`` has come to the deadline, within what floats of the day can tell."""
        return self.elapsed + _GRAIN >= deadline

    def time_of_day(self, deadline: float) -> float:
        """When ``elapsed`` will reach the deadline."""
        return self._last + deadline - self.elapsed
