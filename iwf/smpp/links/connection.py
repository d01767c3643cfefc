"""A session on a Twisted transport: what both ends of SMPP share."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from iwf.smpp.session.session import Session
from iwf.smpp.session.states import (
    BindRefused,
    Bound,
    Closing,
    Congested,
    Late,
    Noted,
    Output,
    Received,
    Resolved,
    Role,
    Timers,
    Transmit,
)
from iwf.smpp.wire.framing import MAX_PDU
from iwf.smpp.wire.pdu import Body, Pdu

#: Seconds a closed connection may take to send what is left.
LINGER = 5.0


@implementer(IPushProducer)
class SmppConnection(Protocol):
    """Feeds a :class:`Session` and does what it puts out.

    :param clock: for the time and the one delayed call of the session.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, role: Role, timers: Timers, max_pdu: int = MAX_PDU) -> None:
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._linger: IDelayedCall | None = None
        self._busy = False
        self._deaf = False
        self._choked = False
        self._is_closed = False
        self._arguments = (role, timers, max_pdu)
        self.session = Session(role, timers, clock.seconds(), max_pdu)

    # ------------------------------------------------------------ for subclasses

    def on_open(self) -> None:
        """The connection is there, not yet bound."""

    def on_bound(self, bound: Bound) -> None:
        """The session is bound."""

    def on_bind_refused(self, status: int) -> None:
        """The peer refused our bind."""

    def on_request(self, pdu: Pdu) -> None:
        """The peer asks; answer with :meth:`respond` or :meth:`reply`, now or later."""

    def on_resolved(self, resolved: Resolved) -> None:
        """A request of ours has ended."""

    def on_late(self, late: Late) -> None:
        """An answer came after the end of its request."""

    def on_congested(self, state: int) -> None:
        """The peer says how busy it is, 0 to 100."""

    def on_room(self) -> None:
        """:attr:`takes_requests` has become true again."""

    def on_closed(self) -> None:
        """The session is over; comes once, before or with the end of the connection."""

    # ------------------------------------------------------------ for owners

    @property
    def now(self) -> float:
        return self._clock.seconds()

    def request(self, command: int, body: Body, tag: object) -> None:
        """Send a request; :meth:`on_resolved` gets the tag back.

        :raises PduFault: the body does not fit a PDU; nothing was sent.
        """
        self.session.request(command, body, tag, self.now)
        self._flush()

    def respond(self, request: Pdu, status: int, body: Body | None = None) -> None:
        """Answer a request; harmless when the session is over."""
        self.session.respond(request, status, self.now, body)
        self._flush()

    def reply(self, request: Pdu, octets: bytes) -> None:
        """Answer a request with octets."""
        self.session.reply(request, octets, self.now)
        self._flush()

    def unbind(self) -> None:
        """End the session politely (SMS-5)."""
        self.session.unbind(self.now)
        self._flush()

    def close(self, why: str) -> None:
        """End the session at once."""
        self.session.close(why, self.now)
        self._flush()

    def stop_reading(self) -> None:
        """Leave what the peer sends in the network until :meth:`start_reading`; the session's
        timers stand still, for it is not the peer's fault."""
        self.session.deafen(self.now)
        self._deaf = True
        self._read_or_not()

    def start_reading(self) -> None:
        """Read again."""
        self.session.hear(self.now)
        self._deaf = False
        self._read_or_not()
        self._schedule()

    @property
    def takes_requests(self) -> bool:
        """Whether the peer reads what we send, and answers."""
        return not self._choked and not self.session.is_silent

    # ------------------------------------------------------------ Twisted

    def pauseProducing(self) -> None:
        """The transport's buffer is full: take no more requests to answer."""
        self._choked = True
        self._read_or_not()

    def resumeProducing(self) -> None:
        """There is room again."""
        self._choked = False
        self._read_or_not()
        self.on_room()

    def stopProducing(self) -> None:
        """The connection goes away; :meth:`connectionLost` follows."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        # The session's time begins with the connection.
        role, timers, max_pdu = self._arguments
        self.session = Session(role, timers, self.now, max_pdu)
        self._stream.registerProducer(self, True)
        self.on_open()
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        was_silent = self.session.is_silent
        self.session.receive(data, self.now)
        self._flush()
        if was_silent:
            self.on_room()

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        open_before = not self._is_closed
        self.session.connection_lost(self.now)
        self._flush()
        for call in (self._timer, self._linger):
            if call is not None and call.active():
                call.cancel()
        self._timer = self._linger = None
        if open_before:
            self._is_closed = True
            self.on_closed()

    # ------------------------------------------------------------ inner parts

    def _read_or_not(self) -> None:
        if not self.connected:
            return
        if self._deaf or self._choked:
            self._stream.pauseProducing()
        else:
            self._stream.resumeProducing()

    @property
    def _stream(self) -> Any:
        # Every stream transport can pause and abort; no one interface says so.
        return self.transport

    def _flush(self) -> None:
        """Do the session's outputs in order; what they cause joins the same round."""
        if self._busy:
            return
        self._busy = True
        try:
            while outputs := self.session.take():
                self._do_all(outputs)
        finally:
            self._busy = False
        self._schedule()

    def _do_all(self, outputs: list[Output]) -> None:
        octets: list[bytes] = []
        for output in outputs:
            if isinstance(output, Transmit):
                octets.append(output.octets)
                continue
            if octets and isinstance(output, Closing):
                self._write(octets)
                octets = []
            self._do(output)
        if octets:
            self._write(octets)

    def _write(self, octets: list[bytes]) -> None:
        if self.connected and self.transport is not None:
            self.transport.write(b"".join(octets))

    def _do(self, output: Output) -> None:
        match output:
            case Received():
                self.on_request(output.pdu)
            case Resolved():
                self.on_resolved(output)
            case Bound():
                self.on_bound(output)
            case BindRefused():
                self.on_bind_refused(output.status)
            case Late():
                self.on_late(output)
            case Congested():
                self.on_congested(output.state)
            case Noted():
                self.log.info("{what}", what=output.what)
            case Closing():
                self._do_close(output.why)

    def _do_close(self, why: str) -> None:
        self.log.info("session closed: {why}", why=why)
        if not self._is_closed:
            self._is_closed = True
            self.on_closed()
        if self.connected and self.transport is not None:
            self._stream.unregisterProducer()  # else the transport waits for it
            self.transport.loseConnection()
            self._linger = self._clock.callLater(LINGER, self._abort)

    def _abort(self) -> None:
        self._linger = None
        self._stream.abortConnection()

    def _schedule(self) -> None:
        """Keep one delayed call, no later than the session's next deadline.

        A call that comes too early does no harm, so most changes need no other call.
        """
        due = self.session.next_timer()
        if due is None or not self.connected:
            return
        if self._timer is not None:
            if self._timer.getTime() <= due:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(max(0.0, due - self.now), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.session.handle_timer(self.now)
        self._flush()
