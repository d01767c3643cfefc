"""PDUs and neutral values (SMS sections 3, 6 and 8; MSG section 10)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from attrs import evolve, frozen

from iwf.edge import Answered, Offered, Reading
from iwf.mapping.model import (
    Body,
    Composing,
    Failure,
    Item,
    Kind,
    Message,
    Notification,
    Outcome,
    Party,
    Reason,
    Report,
)
from iwf.smpp import constants as c
from iwf.smpp.numbers import address_of_sme, sme_of_source, sme_of_target
from iwf.smpp.pdu import Pdu, ShortMessage, Sme, encode, response, tlv
from iwf.smpp.reasons import WORDS
from iwf.smpp.receipts import read_receipt, receipt_of
from iwf.smpp.segments import (
    MOST_PARTS,
    UDHI,
    BadHeader,
    Encoded,
    UserData,
    read_user_data,
)
from iwf.smpp.segments import encode as encode_text
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.text import NotText, decode, message_class

_DAY = 86400
# SMS-16: more days than this carry over badly in some SMSCs.
_MOST_RELATIVE_DAYS = 30
# 3GPP TS 23.040 9.2.3.12.1 can say no more than 63 weeks.
_LONGEST_VALIDITY = 63 * 7 * _DAY

# protocol_id of SIM data download (3GPP TS 23.040 9.2.3.9, SMS-23)
_SIM_DATA_DOWNLOAD = 0x7F
_SIM_CLASS = 2


# ---------------------------------------------------------------- from the SMSC

def reading_of(pdu: Pdu, link: LinkSettings, now: float) -> Reading:
    """Read a deliver_sm or data_sm.

    :return: an event for the core, to be answered after the verdict, or the answer.
    """
    message = pdu.body
    if not isinstance(message, ShortMessage):
        return _answer(pdu, c.RINVCMDID, "not a message", "SMS-4")
    if message.esm_class & c.ESM_TYPE:
        return _receipt_reading(pdu, message, link, now)
    try:
        data = read_user_data(message.user_data, bool(message.esm_class & UDHI))
    except BadHeader as fault:
        return _answer(pdu, c.RINVESMCLASS, str(fault), "ERR-14")
    if not data.is_text or _is_for_the_sim(message):
        return _answer(pdu, c.RX_R_APPN, "not a text", "SMS-23")
    try:
        text = decode(data.octets, message.data_coding, link.profile)
    except NotText as fault:
        return _answer(pdu, c.RX_R_APPN, str(fault), "SMS-23")
    return _message_reading(pdu, message, data, text, link)


def _message_reading(pdu: Pdu, message: ShortMessage, data: UserData, text: str, link: LinkSettings) -> Reading:
    origin = address_of_sme(message.source, link)
    target = address_of_sme(message.destination, link)
    if origin is None:
        return _answer(pdu, c.RX_R_APPN, "no usable source address", "ADDR-39")  # ADDR section 9
    if target is None:
        return _answer(pdu, c.RX_P_APPN, "no usable destination address", "ADDR-39")
    if not text:
        return _answer(pdu, c.ROK, "no text", "MSG-11", refused=False)
    return Offered(
        Message(
            id="",
            origin=Party(origin, asserted_by=link.lane, spelling=_spelling(message.source)),
            target=target,
            bodies=(Body(text),),
            kind=Kind.CHAT,
            key=_key(message, data),
            lane=link.lane,
            hold=link.deliver_hold,
        ),
        ("SMS-62", "ADDR-39"),
    )


def _is_for_the_sim(message: ShortMessage) -> bool:
    return message.protocol_id == _SIM_DATA_DOWNLOAD or message_class(message.data_coding) == _SIM_CLASS


def _spelling(sme: Sme) -> str:
    return f"{sme.ton}/{sme.npi}/{sme.number}"


def _key(message: ShortMessage, data: UserData) -> str:
    """What repeats when the SMSC sends a message again, and does not when a phone sends the same
    words again; empty when there is no such thing, for a text twice is better than a text lost."""
    reference = tlv(message.tlvs, c.TLV_USER_MESSAGE_REFERENCE)
    sar = [value for tag, value in message.tlvs if c.TLV_SAR_MSG_REF_NUM <= tag <= c.TLV_SAR_SEGMENT_SEQNUM]
    if reference is None and data.part is None and not sar:
        return ""
    digest = hashlib.sha256()
    for piece in (
        repr((message.source, message.destination, data.part, sar)).encode(), reference or b"", data.octets,
    ):
        digest.update(len(piece).to_bytes(4, "big") + piece)
    return digest.hexdigest()[:32]


def _receipt_reading(pdu: Pdu, message: ShortMessage, link: LinkSettings, now: float) -> Reading:
    fields = read_receipt(message, link.profile)
    if fields is None:
        return _answer(pdu, c.ROK, "a receipt that cannot be read", "SMS-44", refused=False)
    receipt = receipt_of(fields, link.lane, now)
    if message.esm_class & c.ESM_TYPE == c.ESM_SME_USER_ACK and receipt.outcome is Outcome.DELIVERED:
        receipt = evolve(receipt, outcome=Outcome.DISPLAYED)  # MSG section 6
    return Offered(receipt, ("SMS-40",))


def _answer(pdu: Pdu, status: int, why: str, rule: str, refused: bool = True) -> Answered:
    return Answered(encode(response(pdu, status)), why, (rule,), refused)


# ---------------------------------------------------------------- to the SMSC

@frozen
class Submission:
    """One item as the submit_sm that carry it, still without the reference of a long text."""

    source: Sme
    destination: Sme
    text: Encoded
    validity_period: str
    priority_flag: int
    registered_delivery: int
    service_type: str

    def parts(self, reference: int) -> tuple[ShortMessage, ...]:
        """The messages to submit, in order (SMS-34).

        :param reference: see :meth:`Encoded.user_data`; not used for a single part.
        """
        # SMS-17
        return tuple(
            ShortMessage(
                service_type=self.service_type,
                source=self.source,
                destination=self.destination,
                esm_class=UDHI if self.text.udhi else 0,
                priority_flag=self.priority_flag,
                validity_period=self.validity_period,
                registered_delivery=self.registered_delivery,
                data_coding=self.text.data_coding,
                short_message=octets,
            )
            for octets in self.text.user_data(reference)
        )


def submission_of(item: Item, link: LinkSettings, now: float) -> Submission | Failure:
    """What to submit for an item, or why nothing can be.

    :param now: UTC seconds.
    """
    match item.payload:
        case Message():
            return _submission_of_message(item, item.payload, link.profile, now)
        case Report():
            return _submission_of_report(item.payload, link.profile)
        case Notification() | Composing():
            # COMP-7; phones hear of failures alone.
            return Failure(Reason.NOT_SUPPORTED, detail="neither receipts nor typing go to phones")


def _submission_of_message(item: Item, message: Message, profile: Profile, now: float) -> Submission | Failure:
    source = sme_of_source(message.origin.address, profile)
    destination = sme_of_target(message.target, profile)
    if source is None:
        return Failure(Reason.INTERNAL, detail=f"no number for {message.origin.address.key}")
    if destination is None:
        # ADDR-41: a sender with letters cannot be answered
        return Failure(Reason.NOT_ACCEPTABLE, text="this sender of a text message cannot be answered")
    if not message.text:
        return Failure(Reason.NOT_ACCEPTABLE, text="no text")
    expires_at = item.expires_at if message.expires_at is None else message.expires_at
    if expires_at is not None and expires_at <= now:
        return Failure(Reason.EXPIRED, permanent=False, text="expired before it could be sent")  # SMS-52
    text = encode_text(message.text, profile)
    most = min(profile.max_segments, MOST_PARTS)
    if len(text.parts) > most:  # SMS-37
        return Failure(Reason.TOO_BIG, text=f"the text needs {len(text.parts)} short messages, at most {most} are sent")
    return Submission(
        source, destination, text,
        validity_period=validity_period(expires_at, now),
        priority_flag=_priority(message.urgency, profile),
        registered_delivery=int(profile.ask_receipts),
        service_type=profile.service_type,
    )


def _submission_of_report(report: Report, profile: Profile) -> Submission | Failure:
    """ERR-15: one short text from the number the phone had written to."""
    source = sme_of_source(report.origin, profile)
    destination = sme_of_target(report.recipient, profile)
    if source is None or destination is None:
        return Failure(Reason.NOT_ACCEPTABLE, detail="no number to send a report from or to")
    text = f"Not delivered to {report.origin.user}: {WORDS[report.failure.reason]}"
    # A report is never reported on, so it asks for no receipt.
    return Submission(
        source, destination, encode_text(text, profile),
        validity_period="",
        priority_flag=profile.normal_priority,
        registered_delivery=0,
        service_type=profile.service_type,
    )


def _priority(urgency: int, profile: Profile) -> int:
    """priority_flag (MSG-43)."""
    if urgency < 0:
        return 0
    return (profile.normal_priority, 2, 3)[min(urgency, 2)]


def validity_period(expires_at: float | None, now: float) -> str:
    """How long the SMSC is to try (SMS-15, MSG-41).

    :param expires_at: UTC seconds, later than ``now``; None leaves it to the SMSC.
    :return: relative to the second, at least one; absolute in UTC beyond 30 days (SMS-16).
    """
    if expires_at is None:
        return ""
    seconds_left = max(1, round(min(expires_at - now, _LONGEST_VALIDITY)))
    days, rest = divmod(seconds_left, _DAY)
    if days > _MOST_RELATIVE_DAYS or (days == _MOST_RELATIVE_DAYS and rest):
        return f"{datetime.fromtimestamp(now + seconds_left, UTC):%y%m%d%H%M%S}000+"
    minutes, seconds = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"
