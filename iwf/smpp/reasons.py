"""Reasons of the gateway and numbers of SMPP: the tables ERR 8.3, 8.4 and 8.5."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from attrs import evolve

from iwf.mapping.model import Failure, Reason
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Pdu, tlv, tlv_number, tlvs_of


class MessageState(IntEnum):
    """message_state (SMPP 3.4 5.2.28, SMS-40; 0 and 9 are of 5.0)."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9


#: Seconds after which a refusal that can pass is worth another try.
SOON = 5.0
LATER = 60.0

_CONFIGURATION = Failure(Reason.INTERNAL, text="the message service does not accept our request")
_LINK_DOWN = Failure(Reason.UNREACHABLE, permanent=False, retry_after=LATER, text="the message service is not ready")
_NOT_THIS_SENDER = Failure(Reason.FORBIDDEN, text="the message service does not accept this sender")
_NO_SUCH_NUMBER = Failure(Reason.UNKNOWN_RECIPIENT, text="no such number")
_CONGESTED = Failure(Reason.CONGESTED, permanent=False, retry_after=SOON, text="the message service is busy")
_SERVICE_FAILED = Failure(Reason.UNAVAILABLE, permanent=False, retry_after=SOON, text="the message service failed")
_NOT_NOW = Failure(Reason.UNAVAILABLE, permanent=False, text="the phone cannot be reached now")
_NO_ANSWER = Failure(
    Reason.TIMEOUT, permanent=False, retry_after=LATER,
    text="the message service did not answer, the outcome is unknown",
)


def _rows(failure: Failure, *statuses: int) -> dict[int, Failure]:
    return dict.fromkeys(statuses, failure)


#: ERR 8.3.
FAILURE_OF_STATUS: Mapping[int, Failure] = {
    **_rows(Failure(Reason.TOO_BIG, text="the text is too long"), c.RINVMSGLEN),
    **_rows(
        _CONFIGURATION,
        0x02, 0x03, 0x06, 0x07, 0x0C, 0x11, 0x13, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x53, 0x54, 0x55, 0x61,
        0x62, 0x63, 0x67, *range(0xC0, 0xC5), c.RUNKNOWNERR, *range(0x105, 0x113),
    ),
    **_rows(_LINK_DOWN, c.RINVBNDSTS, c.RALYBND, c.RBINDFAIL, c.RINVPASWD, c.RINVSYSID),
    **_rows(_SERVICE_FAILED, c.RSYSERR),
    **_rows(_NOT_THIS_SENDER, c.RINVSRCADR, 0x48, 0x49, 0x100, 0x101, 0x103),
    **_rows(_NO_SUCH_NUMBER, c.RINVDSTADR, 0x50, 0x51, c.RX_P_APPN),
    **_rows(_CONGESTED, c.RMSGQFUL, c.RTHROTTLED),
    **_rows(_NOT_NOW, c.RSUBMITFAIL, c.RX_T_APPN, c.RDELIVERYFAILURE, 0x102),
    **_rows(Failure(Reason.REFUSED, text="the message service rejects this message"), c.RX_R_APPN),
    **_rows(Failure(Reason.UNSUPPORTED_CONTENT, text="the phone does not take this text"), c.RINVDCS),
}

#: ERR 8.3, last column: worth another try, which the core times; and those worth one only.
RETRY = frozenset({c.RINVBNDSTS, c.RALYBND, c.RBINDFAIL, c.RINVPASWD, c.RINVSYSID, c.RSYSERR, c.RMSGQFUL, c.RTHROTTLED})
RETRY_ONCE = frozenset({c.RSUBMITFAIL})
THROTTLED = frozenset({c.RMSGQFUL, c.RTHROTTLED})  # SMS-9
#: The SMSC takes the session for none: bind again.
NOT_BOUND = frozenset({c.RINVBNDSTS, c.RALYBND, c.RBINDFAIL, c.RINVPASWD, c.RINVSYSID})
#: It complains of TLVs: once more without those that can be left out.
TLV_FAULTS = frozenset({
    c.RINVOPTPARSTREAM, c.ROPTPARNOTALLWD, c.RINVPARLEN, c.RMISSINGOPTPARAM, c.RINVOPTPARAMVAL,
})


# Statuses behind which the reason may say more.
_SAY_LITTLE = frozenset({c.RSYSERR, c.RSUBMITFAIL, c.RDELIVERYFAILURE, c.RUNKNOWNERR})


def failure_of_status(status: int, has_answer: bool = True) -> Failure:
    """Why a submit_sm failed.

    :param status: the command_status of the answer, not 0.
    :param has_answer: False when the response timer ran out; the status does not matter then.
    """
    if not has_answer:
        return _NO_ANSWER
    return FAILURE_OF_STATUS.get(status) or Failure(Reason.UNKNOWN_FAULT, text=f"SMPP status {status:#x}")


#: delivery_failure_reason (SMPP 3.4 5.3.2.33): in the answer to data_sm, and to submit_sm in transaction mode.
_FAILURE_OF_REASON: Mapping[int, Failure] = {
    0: _NOT_NOW,
    1: _NO_SUCH_NUMBER,
    2: Failure(Reason.REFUSED, text="the network rejects this message"),
    3: _NOT_NOW,
}


def failure_of_answer(answer: Pdu) -> Failure:
    """Why a submit_sm or data_sm failed: its status, and what the TLVs of the answer add to that.

    :param answer: a response that says no; a generic_nack with status 0 is one.
    """
    failure = failure_of_status(answer.status or c.RUNKNOWNERR)
    tlvs = tlvs_of(answer.body)
    if not tlvs:
        return failure
    reason = tlv_number(tlvs, c.TLV_DELIVERY_FAILURE_REASON)
    if reason is not None and answer.status in _SAY_LITTLE:
        failure = _FAILURE_OF_REASON.get(reason, failure)
    words = (tlv(tlvs, c.TLV_ADDITIONAL_STATUS_INFO_TEXT) or b"").partition(b"\0")[0].decode("latin-1")
    words = "".join(filter(str.isprintable, words))
    return evolve(failure, text=f"{failure.text} ({words})") if words else failure


#: GSM causes that say that the number does not exist: unassigned, unidentified subscriber (ERR 8.4).
_NO_SUBSCRIBER = frozenset({1, 5})

_FAILURE_OF_STATE: Mapping[int, Failure] = {
    MessageState.EXPIRED: Failure(Reason.EXPIRED, permanent=False, text="validity passed"),
    MessageState.DELETED: Failure(Reason.DELETED, text="deleted by the message service"),
    MessageState.UNDELIVERABLE: Failure(Reason.UNAVAILABLE, permanent=False, text="the phone cannot be reached"),
    MessageState.SKIPPED: Failure(Reason.UNAVAILABLE, permanent=False, text="the phone cannot be reached"),
    MessageState.REJECTED: Failure(Reason.NOT_ALLOWED, text="rejected by the message service"),
}


def failure_of_state(message_state: int, error: int | None = None) -> Failure | None:
    """What a receipt says of a message that was taken (ERR 8.4).

    :param error: the GSM cause, if the receipt states one.
    :return: None for states that are no failure.
    """
    failure = _FAILURE_OF_STATE.get(message_state)
    if failure is not None and failure.reason is Reason.UNAVAILABLE and error in _NO_SUBSCRIBER:
        return _NO_SUCH_NUMBER
    return failure


_NOBODY_THERE = frozenset({
    Reason.UNKNOWN_RECIPIENT, Reason.GONE, Reason.MALFORMED_ADDRESS, Reason.UNSUPPORTED_ADDRESS, Reason.UNKNOWN_DOMAIN,
})


def status_of_failure(failure: Failure) -> int:
    """The command_status of a deliver_sm_resp that says no (ERR 8.5)."""
    if failure.reason is Reason.TOO_FAST:
        return c.RTHROTTLED  # LOOP-6; ERR 8.5, last row
    if not failure.permanent:
        return c.RX_T_APPN  # ERR-14: makes the SMSC try again
    if failure.reason in _NOBODY_THERE:
        return c.RX_P_APPN  # ERR-14: only for numbers that do not exist
    return c.RX_R_APPN


#: What a phone is told of each reason, in a few words (ERR-15).
WORDS: Mapping[Reason, str] = {
    Reason.MALFORMED: "message not understood",
    Reason.MALFORMED_ADDRESS: "bad address",
    Reason.UNSUPPORTED_ADDRESS: "address not supported",
    Reason.UNKNOWN_RECIPIENT: "unknown recipient",
    Reason.GONE: "recipient has gone",
    Reason.REDIRECTED: "recipient has moved",
    Reason.UNKNOWN_DOMAIN: "unknown domain",
    Reason.FORBIDDEN: "not permitted",
    Reason.NOT_ALLOWED: "not allowed",
    Reason.NOT_AUTHENTICATED: "not authenticated",
    Reason.REGISTRATION_REQUIRED: "registration required",
    Reason.SUBSCRIPTION_REQUIRED: "subscription required",
    Reason.REFUSED: "refused",
    Reason.NOT_ACCEPTABLE: "not acceptable",
    Reason.UNSUPPORTED_CONTENT: "content not supported",
    Reason.NOT_SUPPORTED: "not supported",
    Reason.NOT_OFFERED: "recipient takes no messages",
    Reason.POLICY: "not permitted by policy",
    Reason.TOO_BIG: "too long",
    Reason.UNAVAILABLE: "recipient not available",
    Reason.DELETED: "deleted",
    Reason.EXPIRED: "expired",
    Reason.TIMEOUT: "no answer",
    Reason.UNREACHABLE: "service not reachable",
    Reason.CONGESTED: "service busy, try later",
    Reason.TOO_FAST: "too many messages",
    Reason.EXHAUSTED: "no room at the recipient",
    Reason.LOOP: "addresses form a loop",
    Reason.CONFLICT: "conflict",
    Reason.UNEXPECTED: "not expected now",
    Reason.INTERNAL: "service error",
    Reason.UNDEFINED: "unknown error",
    Reason.UNKNOWN_FAULT: "unknown error",
}
