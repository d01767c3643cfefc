"""A transaction table in virtual time, with a log of all it puts out."""

from __future__ import annotations

from typing import Any

from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from iwf.sip.transaction.table import (
    COOKIE,
    ClientTransaction,
    Deliver,
    Output,
    Send,
    ServerTransaction,
    Stray,
    TransactionTable,
)


def request(
    method: str = "MESSAGE", branch: str = COOKIE + "1", sent_by: str = "a.example:5060", to_tag: str = "",
    cseq: int = 1
) -> Request:
    """A request as it is on the wire."""
    return Request(
        method,
        "sip:a@b",
        [
            ("Via", f"SIP/2.0/UDP {sent_by};branch={branch}" if branch else f"SIP/2.0/UDP {sent_by}"),
            ("From", "<sip:c@d>;tag=1"),
            ("To", f"<sip:a@b>;tag={to_tag}" if to_tag else "<sip:a@b>"),
            ("Call-ID", "x"),
            ("CSeq", f"{cseq} {method}"),
        ],
    )


class World:
    """A table with its time, and a list of all it put out as (time, what, detail)."""

    def __init__(self) -> None:
        self.table = TransactionTable()
        self.now = 0.0
        self.log: list[tuple[float, str, Any]] = []

    def note(self, outputs: list[Output]) -> list[Output]:
        """Write outputs down."""
        for output in outputs:
            detail: Any = None
            if isinstance(output, Send):
                message = parse_message(output.octets)
                detail = message.method if isinstance(message, Request) else message.status
            elif isinstance(output, Deliver | Stray):
                detail = output.message.method if isinstance(output.message,
                                                             Request) else output.message.status
            self.log.append((round(self.now, 3), type(output).__name__, detail))
        return outputs

    def start(self, message: Request, reliable: bool = False) -> ClientTransaction:
        """Send a request."""
        transaction, outputs = self.table.start(message, "peer", reliable, self.now)
        self.note(outputs)
        return transaction

    def receive(self, message: Request | Response, reliable: bool = False) -> list[Output]:
        """A message comes in, by way of its octets."""
        return self.note(self.table.receive(parse_message(message.to_bytes()), "source", reliable, self.now))

    def open(self, message: Request, reliable: bool = False) -> ServerTransaction:
        """A new request comes in."""
        output, = self.receive(message, reliable)
        assert isinstance(output, Deliver) and isinstance(output.transaction, ServerTransaction)
        return output.transaction

    def respond(self, transaction: ServerTransaction, message: Request, status: int,
                tag: str = "t") -> list[Output]:
        """The user answers."""
        return self.note(self.table.respond(transaction, response_to(message, status, to_tag=tag), self.now))

    def run(self, until: float) -> list[tuple[float, str, Any]]:
        """Let time pass, timer by timer, and take what was put out."""
        while (due := self.table.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.note(self.table.handle_timer(self.now))
        self.now = until
        return self.take()

    def take(self) -> list[tuple[float, str, Any]]:
        """What was put out since the last look."""
        log, self.log = self.log, []
        return log
