"""SIP transaction machines: RFC 3261 section 17 with RFC 4320 and RFC 6026 (sip-core section 2).

No IO: every entry takes ``now`` and returns what is to be done as values, to be carried out in
order.  :class:`iwf.sip.transaction.table.TransactionTable` finds the machine for a message.

Those for INVITE are in :mod:`iwf.sip.transaction.invite`.
"""

from __future__ import annotations

from enum import Enum
from math import inf
from typing import Any

from attrs import frozen

from iwf.sip.syntax.message import Request, Response, response_to

# RFC 3261 17.1.1.1, table 4; seconds.
T1 = 0.5
"""Round trip estimate."""
T2 = 4.0
"""Longest interval between repetitions."""
T4 = 5.0
"""How long a message may stay in the network."""
TIMER_F = TIMER_J = 64 * T1
TIMER_K = T4
#: RFC 4320 4.1: when the peer's timer E has reached T2: repetitions after 0.5, 1.5 and 3.5 s.
NON_INVITE_TRYING = T1 + 2 * T1 + 4 * T1


class State(Enum):
    """The states of RFC 3261 17.1.1, 17.1.2, 17.2.1, 17.2.2 and RFC 6026 7.1, 7.2."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


@frozen
class Send:
    """Hand these octets to the transport, for the transaction's peer."""

    transaction: Transaction
    octets: bytes


@frozen
class Deliver:
    """News for the user: a request that opened a server transaction, a response, or the ACK to a 2xx."""

    transaction: Transaction
    message: Request | Response


@frozen
class TimedOut:
    """No final response came (client), or no ACK (INVITE server)."""

    transaction: Transaction


@frozen
class TransportFailed:
    """The message could not be sent."""

    transaction: Transaction


@frozen
class Terminated:
    """The last output of every transaction."""

    transaction: Transaction


@frozen
class Stray:
    """An ACK that belongs to no INVITE transaction: that to a 2xx is one of its own (13.2.2.4), and what it
    belongs to is known by its dialog."""

    message: Request
    source: Any
    """As handed in."""
    transaction: None = None


Output = Send | Deliver | TimedOut | TransportFailed | Terminated | Stray


Key = tuple[str | int | None, ...]


class Transaction:
    """What the machines share.  ``now`` must not go backwards; the table sees to that."""

    __slots__ = ("_act_at", "_end_at", "_interval", "_octets", "key", "peer", "queued", "reliable", "state")

    def __init__(self, peer: Any, reliable: bool) -> None:
        self.peer = peer
        """Where to send, as handed in; the machines never look at it."""
        self.reliable = reliable
        """Whether the transport repeats lost octets itself (TCP, TLS)."""
        self.state = State.TRYING
        self.key: Key = ()
        """The table's name for it."""
        self.queued = inf
        """The table's note of when it will look at the timers."""
        self._octets = b""
        self._act_at = inf   # repeat the last message, or say that we are at it
        self._end_at = inf   # leave the state
        self._interval = T1

    @property
    def ended(self) -> bool:
        """Whether it is over; it neither takes nor gives anything any more."""
        return self.state is State.TERMINATED

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None: not at all."""
        due = min(self._act_at, self._end_at)
        return None if due == inf else due

    def handle_timer(self, now: float) -> list[Output]:
        """Do what is due."""
        raise NotImplementedError

    def transport_failed(self, now: float) -> list[Output]:
        """The transport could not send."""
        raise NotImplementedError

    def _send(self, octets: bytes) -> list[Output]:
        self._octets = octets
        return [Send(self, octets)]

    def _enter(self, state: State, now: float, stay: float) -> list[Output]:
        """Enter a state that a timer ends, repeating nothing; after 0 s it is over at once."""
        self._act_at = inf
        if stay <= 0:
            return self._terminate()
        self.state = state
        self._end_at = now + stay
        return []

    def _terminate(self) -> list[Output]:
        self.state = State.TERMINATED
        self._act_at = self._end_at = inf
        self._octets = b""
        return [Terminated(self)]

    def _repeat(self, now: float, interval: float) -> list[Output]:
        self._interval = interval
        self._act_at = now + interval
        return [Send(self, self._octets)]


class ClientTransaction(Transaction):
    """Sends one request other than INVITE and ACK and waits for its final response (17.1.2).

    :raises SipSyntaxError: when the request cannot be written.
    """

    __slots__ = ("request",)

    def __init__(self, request: Request, peer: Any, reliable: bool, now: float) -> None:
        super().__init__(peer, reliable)
        self._check(request)
        self.request = request
        self._octets = request.to_bytes()
        self._act_at = inf if reliable else now + T1  # timer E, for INVITE A
        self._end_at = now + TIMER_F                  # for INVITE B

    def _check(self, request: Request) -> None:
        if request.method in ("INVITE", "ACK"):
            raise ValueError(f"not for {request.method}")

    def start(self) -> list[Output]:
        """The first output: the request is to be sent."""
        return [Send(self, self._octets)]

    def receive(self, response: Response, now: float) -> list[Output]:
        """A response that matches (SIP-20)."""
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        if response.status < 200:
            self.state = State.PROCEEDING
            return [Deliver(self, response)]
        return [Deliver(self, response), *self._enter(State.COMPLETED, now, 0 if self.reliable else TIMER_K)]

    def handle_timer(self, now: float) -> list[Output]:
        if now >= self._end_at:
            unanswered = self.state is not State.COMPLETED
            return [*([TimedOut(self)] if unanswered else []), *self._terminate()]
        if now >= self._act_at:
            # 17.1.2.2: doubling up to T2; at T2 once there was a provisional response.
            return self._repeat(now, T2 if self.state is State.PROCEEDING else min(2 * self._interval, T2))
        return []

    def transport_failed(self, now: float) -> list[Output]:
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        return [TransportFailed(self), *self._terminate()]


class ServerTransaction(Transaction):
    """Answers one request other than INVITE (17.2.2, RFC 4320)."""

    __slots__ = ("request",)

    def __init__(self, request: Request, peer: Any, reliable: bool, now: float) -> None:
        super().__init__(peer, reliable)
        self.request: Request | None = request
        """None once a final response was sent, which frees the memory half a minute earlier."""
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._act_at = now + NON_INVITE_TRYING  # RFC 4320 4.1: over any transport
        # RFC 4320 4.2: 64*T1 after the request its sender has given up; nothing may be sent then.
        self._end_at = now + TIMER_F

    def repeated(self, now: float) -> list[Output]:
        """The request has come in again."""
        return [Send(self, self._octets)] if self._octets else []

    def respond(self, response: Response, now: float) -> list[Output]:
        """The user answers.  What may not be sent any more, or not at all (SIP-23), gives no output.

        :raises SipSyntaxError: when the response cannot be written; the state is as before.
        """
        if self.state not in (State.TRYING, State.PROCEEDING) or response.status == 408:
            return []
        if response.status < 200:
            # RFC 4320 4.1: 100 only; the machine sends it in due time, a reliable transport bears it earlier.
            if response.status != 100 or not self.reliable:
                return []
            self.state = State.PROCEEDING
            return self._send(response.to_bytes())
        outputs = self._send(response.to_bytes())
        self.request = None
        return [*outputs, *self._enter(State.COMPLETED, now, 0 if self.reliable else TIMER_J)]

    def handle_timer(self, now: float) -> list[Output]:
        if now >= self._end_at:
            return self._terminate()
        if now >= self._act_at:
            return self._say_trying()
        return []

    def _say_trying(self) -> list[Output]:
        self._act_at = inf
        self.state = State.PROCEEDING
        return self._send(response_to(self.request, 100).to_bytes()) if self.request and not self._octets else []

    def transport_failed(self, now: float) -> list[Output]:
        # 17.2.4 would end it at once; like RFC 6026 8.5 for INVITE it stays, so that a repeated
        # request is not taken for a new one.
        return [] if self.ended else [TransportFailed(self)]

    def _terminate(self) -> list[Output]:
        self.request = None
        return super()._terminate()
