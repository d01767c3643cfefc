"""Receipts as SMSCs write them.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import frozen

from iwf.smpp.reasons import MessageState
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import ShortMessage

#: ``stat:`` of the text of receipts (SMS-40).
STAT: Mapping[MessageState, str] = {
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
        f"submit date:{_date(submission.at)} done date:{_date(now)} stat:{STAT[state]} err:{error} text:"
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
