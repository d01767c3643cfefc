"""What every message must have before anything is done with it (SIP-9, SIP-11)."""

from __future__ import annotations

from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import check_name_addr
from iwf.sip.syntax.message import Request, Response, answerable

# SIP-9: a second one makes the request malformed.
_SINGLE = ("To", "From", "Call-ID", "CSeq", "Max-Forwards", "Event")


def validate(message: Request | Response) -> None:
    """Check Via, From, To, Call-ID, CSeq and the Request-URI.

    :raises SipSyntaxError: with the request in it when it can be answered; for a response: drop it.
    """
    try:
        repeated = message.repeated(_SINGLE)
        if repeated:
            raise SipSyntaxError(400, f"Repeated {repeated}")
        if isinstance(message, Request):
            _ = message.top_via, message.from_, message.to, message.call_id, message.cseq, message.uri
            if message.cseq.method != message.method:
                raise SipSyntaxError(400, "CSeq Method Mismatch")
        else:
            _ = message.top_via, message.call_id, message.cseq
            for name in ("From", "To"):  # they repeat ours, so nobody asks what they say
                check_name_addr(message.single(name), name)
    except SipSyntaxError as error:
        error.request = answerable(message) if isinstance(message, Request) else None
        raise
