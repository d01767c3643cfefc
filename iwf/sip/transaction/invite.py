"""The transaction machines of INVITE: RFC 3261 17.1.1 and 17.2.1 with RFC 6026 (sip-core section 2).  No IO.

A 2xx ends no INVITE transaction: both sides stay in the state Accepted for a while, in which the user
core repeats the 2xx (server) and acknowledges every one (client).
"""

from __future__ import annotations

from enum import Enum
from math import inf
from typing import Any

from iwf.sip.syntax.message import Request, Response
from iwf.sip.transaction.machines import (
    T1,
    T2,
    T4,
    TIMER_F,
    ClientTransaction,
    Deliver,
    Output,
    Send,
    ServerTransaction,
    State,
    TimedOut,
    TransportFailed,
)

# RFC 3261 17.1.1.2 and table 4, RFC 6026 8.4; seconds.
TIMER_D = 32.0
TIMER_H = TIMER_L = TIMER_M = 64 * T1
TIMER_I = T4
#: 17.2.1: a 100 to INVITE, unless an answer comes within 200 ms.
INVITE_TRYING = 0.2


class _Cancelling(Enum):
    """How far the user's wish to take an INVITE back has come."""

    NO = "no"
    WANTED = "wanted"
    SENT = "sent"


class InviteClientTransaction(ClientTransaction):
    """Sends one INVITE; acknowledges a refusal by itself, a 2xx is for the user to acknowledge (17.1.1).

    :raises SipSyntaxError: when the request cannot be written.
    """

    __slots__ = ("_cancelling",)

    def __init__(self, request: Request, peer: Any, reliable: bool, now: float) -> None:
        super().__init__(request, peer, reliable, now)
        self.state = State.CALLING
        self._cancelling = _Cancelling.NO

    def _check(self, request: Request) -> None:
        if request.method != "INVITE":
            raise ValueError(f"not for {request.method}")

    def receive(self, response: Response, now: float) -> list[Output]:
        if self.state in (State.CALLING, State.PROCEEDING):
            return self._answered(response, now)
        if self.state is State.ACCEPTED and 200 <= response.status < 300:
            return [Deliver(self, response)]         # RFC 6026 7.2: repetitions, and those of other branches
        if self.state is State.COMPLETED and response.status >= 300:
            return [Send(self, self._octets)]        # its ACK was lost
        return []

    def _answered(self, response: Response, now: float) -> list[Output]:
        if response.status < 200:
            if self.state is State.CALLING:
                self.state = State.PROCEEDING
                self._act_at = self._end_at = inf    # A and B; how long it may ring is the user's matter
            return [Deliver(self, response)]
        if response.status < 300:
            return [Deliver(self, response), *self._enter(State.ACCEPTED, now, TIMER_M)]
        sent = self._send(ack_of_refusal(self.request, response).to_bytes())
        return [Deliver(self, response), *sent, *self._enter(State.COMPLETED, now, 0 if self.reliable else TIMER_D)]

    def cancel(self) -> None:
        """The user wants the INVITE back; :meth:`due_cancel` says when that may be told.  No more than a wish:
        a final response may be on its way."""
        if self._cancelling is _Cancelling.NO:
            self._cancelling = _Cancelling.WANTED

    def due_cancel(self, now: float) -> Request | None:
        """The CANCEL that is to be sent now, to the same peer; once, and not before a 1xx (SIP-24)."""
        if self._cancelling is not _Cancelling.WANTED or self.state is not State.PROCEEDING:
            return None
        self._cancelling = _Cancelling.SENT
        self._end_at = now + TIMER_F                 # 9.1: who does not answer within 64*T1 is given up
        return cancel_of(self.request)

    def handle_timer(self, now: float) -> list[Output]:
        if now >= self._end_at:
            unanswered = self.state in (State.CALLING, State.PROCEEDING)
            return [*([TimedOut(self)] if unanswered else []), *self._terminate()]
        if now >= self._act_at:
            return self._repeat(now, 2 * self._interval)   # timer A: doubling without limit
        return []

    def transport_failed(self, now: float) -> list[Output]:
        # 17.1.1.2 and RFC 6026 7.2: in the states in which we send.  Once it rings the answer may come by
        # another connection (18.2.2).
        if self.state not in (State.CALLING, State.COMPLETED):
            return []
        told: list[Output] = [TransportFailed(self)] if self.state is State.CALLING else []
        return [*told, *self._terminate()]


def ack_of_refusal(invite: Request, response: Response) -> Request:
    """The ACK to a final response of 300 or more (17.1.1.3): same branch, same route, the To of the response."""
    to = response.get("To") or invite.get("To") or ""
    return _sibling(invite, "ACK", to)


def cancel_of(invite: Request) -> Request:
    """The CANCEL of an INVITE (9.1): same branch, same route, same everything (SIP-24)."""
    return _sibling(invite, "CANCEL", invite.get("To") or "")


def _sibling(invite: Request, method: str, to: str) -> Request:
    """A request of the same hop as an INVITE of ours."""
    lines = [("Via", str(invite.top_via)), *(("Route", value) for value in invite.all("Route")),
             ("Max-Forwards", "70"), ("From", invite.single("From")), ("To", to),
             ("Call-ID", invite.call_id), ("CSeq", f"{invite.cseq.number} {method}")]
    return Request(method, invite.target, lines)


class InviteServerTransaction(ServerTransaction):
    """Answers one INVITE (17.2.1, RFC 6026 7.1); a 2xx is repeated by the user, not by the machine."""

    __slots__ = ("to_tag",)

    def _begin(self, now: float) -> None:
        self.state = State.PROCEEDING
        self.to_tag = ""
        """The tag of our final response."""
        self._act_at = now + INVITE_TRYING

    def repeated(self, now: float) -> list[Output]:
        if self.state not in (State.PROCEEDING, State.COMPLETED) or not self._octets:
            return []
        return [Send(self, self._octets)]

    def acknowledged(self, ack: Request, now: float) -> list[Output]:
        """An ACK has come in."""
        if self.state is State.ACCEPTED:
            return [Deliver(self, ack)]
        if self.state is State.COMPLETED:
            return self._enter(State.CONFIRMED, now, 0 if self.reliable else TIMER_I)
        return []

    def respond(self, response: Response, now: float) -> list[Output]:
        success = 200 <= response.status < 300
        if self.state is State.ACCEPTED and success:
            return self._send(response.to_bytes())
        if self.state is not State.PROCEEDING:
            return []
        outputs = self._send(response.to_bytes())
        if response.status < 200:
            return outputs
        self.request = None
        self.to_tag = response.to.tag
        if success:
            return [*outputs, *self._enter(State.ACCEPTED, now, TIMER_L)]
        self._enter(State.COMPLETED, now, TIMER_H)
        if not self.reliable:
            self._act_at = now + T1  # timer G
        return outputs

    def handle_timer(self, now: float) -> list[Output]:
        if now >= self._end_at:
            unacknowledged = self.state is State.COMPLETED
            return [*([TimedOut(self)] if unacknowledged else []), *self._terminate()]
        if now >= self._act_at:
            if self.state is State.PROCEEDING:
                return self._say_trying()
            return self._repeat(now, min(2 * self._interval, T2))
        return []
