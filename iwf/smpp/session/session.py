"""The session of SMPP 3.4 section 2, for either side, without IO.

Octets and the time go in; outputs are collected and taken by the shell with :meth:`Session.take`.
"""

from __future__ import annotations

from attrs import define

from iwf.smpp.session.states import (
    ALLOWED,
    BOUND,
    STATE_AFTER_BIND,
    BindRefused,
    Bound,
    Closing,
    Congested,
    Ending,
    Late,
    Noted,
    Output,
    Received,
    Resolved,
    Role,
    State,
    Stopwatch,
    Timers,
    Transmit,
)
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import HEADER, decode_body, encode
from iwf.smpp.wire.framing import MAX_PDU, PduFramer
from iwf.smpp.wire.pdu import Bind, BindResp, Body, Nothing, Opaque, Pdu, PduFault, response, tlv_number, tlvs_of

#: SMS-8: the largest sequence_number we write.
LAST_SEQUENCE = 0x7FFFFFFF


@define
class _Request:
    command: int
    tag: object
    deadline: float


class Session:
    """One connection's session.

    :param now: seconds, as in all methods; it may go backwards (no time has passed then).
    :param max_pdu: longest PDU read, in octets.
    """

    def __init__(self, role: Role, timers: Timers, now: float, max_pdu: int = MAX_PDU) -> None:
        self.role = role
        self._enter(State.OPEN)
        self.unanswered = 0
        self._timers = timers
        self._clock = Stopwatch(now)
        self._framer = PduFramer(max_pdu)
        self._outputs: list[Output] = []
        self._sequence = 0
        self._open: dict[int, _Request] = {}  # in the order of their deadlines
        self._own: dict[int, _Request] = {}  # enquire_link, bind, unbind
        self._late: dict[int, _Request] = {}  # in the order of their deadlines
        self._heard = 0.0
        self._active = 0.0
        self._init_deadline = timers.session_init
        self._drain_deadline: float | None = None
        self._bind_in_hand = False
        self.is_silent = False
        """A request went unanswered and nothing else was heard since: wait with new ones."""

    # ------------------------------------------------------------ for the shell

    @property
    def bound(self) -> bool:
        return self.state in BOUND

    @property
    def outstanding(self) -> int:
        """Requests of the owner that wait for an answer (SMS-7)."""
        return len(self._open)

    def may_send(self, command: int) -> bool:
        """Whether the state allows this request from us now."""
        return self._drain_deadline is None and command in self._allowed_to_us

    def take(self) -> list[Output]:
        """The outputs since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def bind(self, command: int, body: Bind, now: float) -> None:
        """Send a bind; :class:`Bound` or :class:`BindRefused` comes back, or the session closes."""
        self._require(command in c.BINDS and self.may_send(command), command)
        elapsed = self._clock.advance(now)
        self._send_own(command, body, elapsed + self._timers.session_init)

    def request(self, command: int, body: Body, tag: object, now: float) -> int:
        """Send a request; one :class:`Resolved` with this tag comes back.

        :return: its sequence_number.
        :raises PduFault: the body does not fit a PDU; nothing was sent.
        """
        self._require(self.may_send(command), command)
        elapsed = self._active = self._clock.advance(now)
        if self._late:
            self._forget_late(elapsed)
        sequence = self._next_sequence()
        octets = encode(Pdu(command, sequence, c.ROK, body))
        self._open[sequence] = _Request(command, tag, elapsed + self._timers.response)
        self._outputs.append(Transmit(octets))
        return sequence

    def announce(self, command: int, body: Body, now: float) -> None:
        """Send what has no answer: outbind, alert_notification.

        :raises PduFault: the body does not fit a PDU; nothing was sent.
        """
        self._require(command in c.WITHOUT_RESPONSE and self.may_send(command), command)
        self._active = self._clock.advance(now)
        self._outputs.append(Transmit(encode(Pdu(command, self._next_sequence(), c.ROK, body))))

    def respond(self, request: Pdu, status: int, now: float, body: Body | None = None) -> None:
        """Answer a :class:`Received` request; nothing happens when the session is over.

        A good answer to a bind makes the session bound.
        """
        self.reply(request, encode(response(request, status, body)), now)
        if request.command not in c.BINDS or self.state is not State.OPEN:
            return
        self._bind_in_hand = False
        if status == c.ROK and isinstance(request.body, Bind):
            self._enter(STATE_AFTER_BIND[request.command])
            self._active = self._clock.elapsed
            self._outputs.append(Bound(request.body.system_id, request.body.interface_version))

    def reply(self, request: Pdu, octets: bytes, now: float) -> None:
        """The same with an answer that is written already."""
        self._clock.advance(now)
        if request.command not in c.BINDS:
            self.unanswered -= 1
        if self.state is State.CLOSED:
            return
        self._outputs.append(Transmit(octets))
        self._settle()

    def unbind(self, now: float) -> None:
        """SMS-5: no more requests, wait for open ones up to the response timer, unbind, close."""
        elapsed = self._clock.advance(now)
        if self.state is State.OPEN:
            self._close("stopped before the bind")
        elif self.bound and self._drain_deadline is None:
            self._drain_deadline = elapsed + self._timers.response
            self._settle()

    def close(self, why: str, now: float) -> None:
        """End the session without more words."""
        self._clock.advance(now)
        self._close(why)

    def connection_lost(self, now: float) -> None:
        """The connection is gone; open requests resolve as lost."""
        self._clock.advance(now)
        if self.state is not State.CLOSED:
            self._end()

    def deafen(self, now: float) -> None:
        """The shell stops reading: the peer's answers cannot arrive, so no timer runs."""
        self._clock.advance(now)
        self._clock.running = False

    def hear(self, now: float) -> None:
        """The shell reads again."""
        self._clock.advance(now)
        self._clock.running = True

    # ------------------------------------------------------------ input

    def receive(self, octets: bytes, now: float) -> None:
        """Octets of the peer."""
        self._heard = self._clock.advance(now)
        self.is_silent = False
        self._framer.feed(octets)
        while self.state is not State.CLOSED:
            try:
                pdu = self._framer.next()
            except PduFault as fault:
                # SMS-11: framing is lost
                self._nack(fault.status, 0)
                self._close(str(fault))
                return
            if pdu is None:
                return
            self._take_pdu(pdu)

    def _take_pdu(self, octets: bytes) -> None:
        _, command, status, sequence = HEADER.unpack_from(octets)
        if command >= c.RESPONSE:
            try:
                body = decode_body(command, octets[HEADER.size:])
            except PduFault:
                body = Opaque(octets[HEADER.size:])  # the number and the status still count
            self._take_response(Pdu(command, sequence, status, body))
            return
        if command not in c.REQUESTS:
            self._nack(c.RINVCMDID, sequence)  # SMS-11
            return
        if command not in self._allowed_to_peer or (self._bind_in_hand and command in c.BINDS):
            self._refuse(Pdu(command, sequence))
            return
        try:
            body = decode_body(command, octets[HEADER.size:])
        except PduFault as fault:
            self._refuse(Pdu(command, sequence), fault)
            return
        self._take_request(Pdu(command, sequence, status, body))

    def _take_request(self, pdu: Pdu) -> None:
        if pdu.command == c.ENQUIRE_LINK:
            self._outputs.append(Transmit(encode(response(pdu))))
            return
        if pdu.command == c.UNBIND:  # SMS-5
            self._outputs.append(Transmit(encode(response(pdu))))
            self._close("unbound by the peer")
            return
        if pdu.command in c.BINDS:
            self._bind_in_hand = True
        elif pdu.command not in c.WITHOUT_RESPONSE:
            self.unanswered += 1
        self._active = self._clock.elapsed
        self._outputs.append(Received(pdu))

    def _refuse(self, pdu: Pdu, fault: PduFault | None = None) -> None:
        if fault is not None:
            status, why = fault.status, str(fault)
        else:  # SMS-4
            again = pdu.command in c.BINDS and (self.bound or self._bind_in_hand)
            status = c.RALYBND if again else c.RINVBNDSTS
            why = f"not in state {self.state.value}"
        self._outputs.append(Noted(f"{pdu.name} refused: {why}"))
        if pdu.command not in c.WITHOUT_RESPONSE:
            self._outputs.append(Transmit(encode(response(pdu, status))))

    def _nack(self, status: int, sequence: int) -> None:
        self._outputs.append(Noted(f"generic_nack {status:#x} sent"))
        self._outputs.append(Transmit(encode(Pdu(c.GENERIC_NACK, sequence, status))))

    def _take_response(self, pdu: Pdu) -> None:
        for requests in (self._open, self._own, self._late):
            request = requests.get(pdu.sequence)
            # SMS-7: by number alone, but an answer to something else is no answer
            if request is not None and pdu.command in (request.command | c.RESPONSE, c.GENERIC_NACK):
                del requests[pdu.sequence]
                break
        else:
            self._outputs.append(Noted(f"{pdu.name} for nothing open, status {pdu.status:#x}"))
            return
        if (tlvs := tlvs_of(pdu.body)) and (state := tlv_number(tlvs, c.TLV_CONGESTION_STATE)) is not None:
            self._outputs.append(Congested(state))
        if requests is self._open:
            self._active = self._clock.elapsed
            self._outputs.append(Resolved(request.tag, Ending.ANSWERED, pdu))
        elif requests is self._late:
            self._outputs.append(Late(request.tag, pdu))
        elif request.command == c.UNBIND:
            self._close("unbound")
        elif request.command in c.BINDS:
            self._bind_answered(request.command, pdu)
        self._settle()

    def _bind_answered(self, command: int, pdu: Pdu) -> None:
        if pdu.status != c.ROK or pdu.command == c.GENERIC_NACK:
            self._outputs.append(BindRefused(pdu.status or c.RBINDFAIL))
            self._close(f"bind refused with status {pdu.status:#x}")
            return
        body = pdu.body if isinstance(pdu.body, BindResp) else BindResp()
        self._enter(STATE_AFTER_BIND[command])
        self._active = self._clock.elapsed
        self._outputs.append(Bound(body.system_id, tlv_number(body.tlvs, c.TLV_SC_INTERFACE_VERSION)))

    # ------------------------------------------------------------ timers

    def next_timer(self) -> float | None:
        """The time of day at which :meth:`handle_timer` is due, if it is."""
        if self.state is State.CLOSED or not self._clock.running:
            return None
        return self._clock.time_of_day(min(self._deadlines()))

    def _deadlines(self) -> list[float]:
        deadlines = [request.deadline for request in self._own.values()]
        if self.state is State.OPEN:
            deadlines.append(self._init_deadline)
        elif not self._own and self._drain_deadline is None:
            deadlines.append(self._heard + self._timers.enquire_link)
        if self._timers.inactivity and self.bound and self._drain_deadline is None and not self._open:
            deadlines.append(self._active + self._timers.inactivity)
        if self._open:
            deadlines.append(next(iter(self._open.values())).deadline)
        if self._framer.in_pdu:
            deadlines.append(self._heard + self._timers.partial)
        if self._drain_deadline is not None and self.bound:
            deadlines.append(self._drain_deadline)
        return deadlines

    def handle_timer(self, now: float) -> None:
        """Do what is due; harmless when nothing is."""
        elapsed = self._clock.advance(now)
        if self.state is State.CLOSED or not self._clock.running:
            return
        self._forget_late(elapsed)
        self._expire_requests(elapsed)
        reached = self._clock.reached
        if self.state is State.OPEN and reached(self._init_deadline):
            self._close("not bound in time")
        elif any(reached(request.deadline) for request in self._own.values()):
            self._close("no answer to enquire_link or unbind")
        elif self._framer.in_pdu and reached(self._heard + self._timers.partial):
            self._close("silence inside a PDU")
        elif self._is_inactive():
            self._outputs.append(Noted("nothing but enquire_link for a long time"))
            self._drain_deadline = elapsed + self._timers.response
        elif self._should_enquire():
            self._send_own(c.ENQUIRE_LINK, Nothing(), elapsed + self._timers.enquire_response)
        self._settle()

    def _is_inactive(self) -> bool:
        counts = self._timers.inactivity and self.bound and self._drain_deadline is None and not self._open
        return bool(counts) and self._clock.reached(self._active + self._timers.inactivity)

    def _should_enquire(self) -> bool:
        may = self.bound and not self._own and self._drain_deadline is None
        return may and (self.is_silent or self._clock.reached(self._heard + self._timers.enquire_link))

    def _expire_requests(self, elapsed: float) -> None:
        while self._open:
            sequence, request = next(iter(self._open.items()))
            if not self._clock.reached(request.deadline):
                return
            del self._open[sequence]
            request.deadline = elapsed + self._timers.late
            self._late[sequence] = request
            # Ask at once whether the peer is there, so that a dead connection costs one window.
            self.is_silent = self._clock.reached(self._heard + self._timers.response)
            self._outputs.append(Resolved(request.tag, Ending.TIMED_OUT))

    def _forget_late(self, elapsed: float) -> None:
        while self._late:
            sequence, request = next(iter(self._late.items()))
            if request.deadline > elapsed:
                return
            del self._late[sequence]

    # ------------------------------------------------------------ inner parts

    def _enter(self, state: State) -> None:
        self.state = state
        # Looked up for each state, not for each PDU: Python hashes an Enum slowly.
        self._allowed_to_us = ALLOWED.get((self.role, state), frozenset())
        self._allowed_to_peer = ALLOWED.get((self.role.peer, state), frozenset())

    def _require(self, allowed: bool, command: int) -> None:
        if not allowed:
            raise ValueError(f"{c.COMMAND_NAMES.get(command, command)} not allowed in {self.state.value}")

    def _next_sequence(self) -> int:
        # SMS-8
        while True:
            sequence = self._sequence = self._sequence % LAST_SEQUENCE + 1
            if sequence not in self._open and sequence not in self._own and sequence not in self._late:
                return sequence

    def _send_own(self, command: int, body: Body, deadline: float) -> None:
        sequence = self._next_sequence()
        self._own[sequence] = _Request(command, None, deadline)
        self._outputs.append(Transmit(encode(Pdu(command, sequence, c.ROK, body))))

    def _settle(self) -> None:
        """SMS-5: send the unbind once nothing is open, or when waiting has lasted long enough."""
        if self._drain_deadline is None or not self.bound:
            return
        elapsed = self._clock.elapsed
        if not self._clock.reached(self._drain_deadline) and (self._open or self.unanswered > 0):
            return
        self._enter(State.UNBOUND)
        self._own.clear()  # an enquire_link in flight no longer matters
        self._send_own(c.UNBIND, Nothing(), elapsed + self._timers.response)

    def _close(self, why: str) -> None:
        if self.state is State.CLOSED:
            return
        self._end()
        self._outputs.append(Closing(why))

    def _end(self) -> None:
        self._enter(State.CLOSED)
        requests, self._open = self._open, {}
        self._own.clear()
        self._late.clear()
        self._outputs.extend(Resolved(request.tag, Ending.LOST) for request in requests.values())
