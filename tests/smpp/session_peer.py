"""A session whose other end and clock are in the test's hands."""

from __future__ import annotations

from iwf.smpp.session.session import Session
from iwf.smpp.session.states import (
    Noted,
    Output,
    Received,
    Role,
    Timers,
    Transmit,
)
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.pdu import Bind, BindResp, Body, Nothing, Pdu, ShortMessage

START = 1_700_000_000.0
TIMERS = Timers()
MESSAGE = ShortMessage(short_message=b"hi")


class Peer:
    """A session with the clock and the other end in the test's hands."""

    def __init__(self, role: Role = Role.ESME, timers: Timers = TIMERS) -> None:
        self.now = START
        self.session = Session(role, timers, self.now)

    def outputs(self) -> list[Output]:
        """All but log lines."""
        return [output for output in self.session.take() if not isinstance(output, Noted)]

    def sent(self) -> list[Pdu]:
        """The PDUs sent since the last look; other outputs must not be there."""
        outputs = self.outputs()
        assert all(isinstance(output, Transmit) for output in outputs), outputs
        return [decode(output.octets) for output in outputs if isinstance(output, Transmit)]

    def hear(self, command: int, sequence: int = 1, status: int = 0, body: Body | None = None) -> None:
        self.session.receive(encode(Pdu(command, sequence, status, body or Nothing())), self.now)

    def bind(self, command: int = c.BIND_TRANSCEIVER) -> Peer:
        """Get it bound."""
        if self.session.role is Role.ESME:
            self.session.bind(command, Bind("iwf", "secret"), self.now)
            self.hear(command | c.RESPONSE, 1, body=BindResp("smsc"))
        else:
            self.hear(command, 1, body=Bind("iwf", "secret"))
            [received] = self.outputs()
            assert isinstance(received, Received)
            self.session.respond(received.pdu, c.ROK, self.now, BindResp("smsc"))
        assert self.session.bound
        self.session.take()
        return self

    def submit(self, tag: object) -> int:
        return self.session.request(c.SUBMIT_SM, MESSAGE, tag, self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass, with all timers on the way."""
        end = self.now + seconds
        while (due := self.session.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
        self.now = end
