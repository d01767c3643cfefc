"""PDUs and neutral values (SMS sections 3, 6 and 8; MSG section 10)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from attrs import evolve, frozen

from iwf.edge import Answered, Offered, Reading
from iwf.mapping.charset.coding import decoded, lf_text
from iwf.mapping.charset.gsm import unpacked
from iwf.mapping.model import (
    NOTHING,
    Address,
    Body,
    Composing,
    Failure,
    Fragment,
    Item,
    Kind,
    Message,
    Notification,
    Outcome,
    Party,
    Reason,
    Report,
    Want,
)
from iwf.smpp.numbers import address_of_sme, sme_of_source, sme_of_target
from iwf.smpp.reasons import WORDS
from iwf.smpp.receipts import read_receipt, receipt_of
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.text.coding import NotText, coding_of, is_packed, message_class
from iwf.smpp.text.header import MOST_PARTS, UDHI, BadHeader, Part, UserData, read_user_data, sar_part
from iwf.smpp.text.segments import Encoded, TooLong
from iwf.smpp.text.segments import encode as encode_text
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import encode
from iwf.smpp.wire.pdu import Pdu, ShortMessage, Sme, Tlvs, response, tlv

_DAY = 86400
# SMS-16: more days than this carry over badly in some SMSCs.
_MOST_RELATIVE_DAYS = 30
# 3GPP TS 23.040 9.2.3.12.1 can say no more than 63 weeks.
_LONGEST_VALIDITY = 63 * 7 * _DAY

# protocol_id of SIM data download (3GPP TS 23.040 9.2.3.9, SMS-23)
_SIM_DATA_DOWNLOAD = 0x7F
_SIM_CLASS = 2

# Bits 3 and 2 of registered_delivery: the acknowledgements that the phone's user asks for (5.2.17).
_WANTED = (NOTHING, frozenset({Want.DELIVERED}), frozenset({Want.DISPLAYED}),
           frozenset({Want.DELIVERED, Want.DISPLAYED}))


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
        return _binary_reading(pdu, "not a text", link.profile)
    try:
        coding = coding_of(message.data_coding, link.profile, data.locking, data.single)
    except NotText as fault:
        return _binary_reading(pdu, str(fault), link.profile)
    return _text_reading(pdu, message, data, coding, link)


def _binary_reading(pdu: Pdu, why: str, profile: Profile) -> Reading:
    """SMS-23"""
    if profile.binary == "drop":
        return _answer(pdu, c.ROK, f"{why}, dropped", "SMS-23", refused=False)
    return _answer(pdu, c.RX_R_APPN, why, "SMS-23")


def _text_reading(pdu: Pdu, message: ShortMessage, data: UserData, coding: str, link: LinkSettings) -> Reading:
    origin = address_of_sme(message.source, link)
    target = address_of_sme(message.destination, link)
    if origin is None:
        return _answer(pdu, c.RX_R_APPN, "no usable source address", "ADDR-39")  # ADDR section 9
    if target is None:
        return _answer(pdu, c.RX_P_APPN, "no usable destination address", "ADDR-39")
    part = data.part or sar_part(message.tlvs)
    octets = data.octets
    if is_packed(message.data_coding, link.profile):
        octets = unpacked(octets, data.fill, is_end=part is None or part.number == part.total)
    if part is not None and part.total > 1:
        # SMS-35
        reference = (link.peer, origin.user, target.user, part.width, str(part.reference), str(part.total))
        frame = _message_of(message, origin, target, link)
        fragment = Fragment(frame, "\t".join(reference), part.total, part.number, coding, octets.hex())
        return Offered(fragment, ("SMS-35", "ADDR-39"))
    text = lf_text(decoded(octets, coding))
    if not text:
        return _answer(pdu, c.ROK, "no text", "MSG-11", refused=False)
    found = _message_of(message, origin, target, link, (Body(text),), _key(message, data))
    return Offered(found, ("SMS-62", "ADDR-39"))


def _message_of(
    message: ShortMessage, origin: Address, target: Address, link: LinkSettings, bodies: tuple[Body, ...] = (),
    key: str = "",
) -> Message:
    return Message(
        id="",
        origin=Party(origin, asserted_by=link.lane, spelling=_spelling(message.source)),
        target=target,
        bodies=bodies,
        kind=Kind.CHAT,
        key=key,
        lane=link.lane,
        hold=link.deliver_hold,
        wants=_WANTED[message.registered_delivery >> 2 & 0b11],
    )


def _is_for_the_sim(message: ShortMessage) -> bool:
    return message.protocol_id == _SIM_DATA_DOWNLOAD or message_class(message.data_coding) == _SIM_CLASS


def _spelling(sme: Sme) -> str:
    return f"{sme.ton}/{sme.npi}/{sme.number}"


def _key(message: ShortMessage, data: UserData) -> str:
    """What repeats when the SMSC sends a message again, and does not when a phone sends the same
    words again; empty when there is no such thing, for a text twice is better than a text lost."""
    reference = tlv(message.tlvs, c.TLV_USER_MESSAGE_REFERENCE)
    if reference is None:
        return ""
    digest = hashlib.sha256()
    for piece in (repr((message.source, message.destination)).encode(), reference, data.octets):
        digest.update(len(piece).to_bytes(4, "big") + piece)
    return digest.hexdigest()[:32]


def _receipt_reading(pdu: Pdu, message: ShortMessage, link: LinkSettings, now: float) -> Reading:
    fields = read_receipt(message, link.profile)
    if fields is None:
        return _answer(pdu, c.ROK, "a receipt that cannot be read", "SMS-44", refused=False)
    receipt = receipt_of(fields, link.peer, now)
    if message.esm_class & c.ESM_TYPE == c.ESM_SME_USER_ACK and receipt.outcome is Outcome.DELIVERED:
        receipt = evolve(receipt, outcome=Outcome.DISPLAYED)  # MSG section 6
    return Offered(receipt, ("SMS-40",))


def _answer(pdu: Pdu, status: int, why: str, rule: str, refused: bool = True) -> Answered:
    return Answered(encode(response(pdu, status)), why, (rule,), refused)


# ---------------------------------------------------------------- to the SMSC

@frozen
class Submission:
    """One item as the submit_sm that carry it."""

    source: Sme
    destination: Sme
    text: Encoded
    validity_period: str
    priority_flag: int
    registered_delivery: int
    service_type: str
    reference: int = 0
    """By which the parts of a long text are known; see :meth:`Encoded.user_data`."""
    tells_more: bool = False
    """Say with each part whether another one follows."""

    def parts(self, fallback: int = 0) -> tuple[ShortMessage, ...]:
        """The messages to submit, in order (SMS-34).

        :param fallback: the reference where the core has given none.
        """
        text, reference = self.text, self.reference or fallback
        if text.is_long and text.method == "payload":
            return (self._part(b"", ((c.TLV_MESSAGE_PAYLOAD, text.parts[0]),)),)
        if len(text.parts) == 1:
            return (self._part(text.parts[0]),)
        return tuple(
            self._part(octets, (_sar_tlvs(place) if text.method == "sar" else ()) + self._more_tlvs(place))
            for place, octets in zip(text.places(reference), text.user_data(reference), strict=True)
        )

    def _more_tlvs(self, place: Part) -> Tlvs:
        return ((c.TLV_MORE_MESSAGES_TO_SEND, bytes((place.number < place.total,))),) if self.tells_more else ()

    def _part(self, octets: bytes, tlvs: Tlvs = ()) -> ShortMessage:
        # SMS-17
        return ShortMessage(
            service_type=self.service_type,
            source=self.source,
            destination=self.destination,
            esm_class=UDHI if self.text.udhi else 0,
            priority_flag=self.priority_flag,
            validity_period=self.validity_period,
            registered_delivery=self.registered_delivery,
            data_coding=self.text.data_coding,
            short_message=octets,
            tlvs=tlvs,
        )


def _sar_tlvs(place: Part) -> Tlvs:
    return ((c.TLV_SAR_MSG_REF_NUM, place.reference.to_bytes(2, "big")),
            (c.TLV_SAR_TOTAL_SEGMENTS, bytes((place.total,))),
            (c.TLV_SAR_SEGMENT_SEQNUM, bytes((place.number,))))


def submission_of(item: Item, link: LinkSettings, now: float, ucs2: bool = False) -> Submission | Failure:
    """What to submit for an item, or why nothing can be.

    :param now: UTC seconds.
    :param ucs2: write the text in UTF-16 whatever it is, since the SMSC refused another coding
        (ERR 8.3, status 104).
    """
    match item.payload:
        case Message():
            return _submission_of_message(item, item.payload, link.profile, now, ucs2)
        case Report():
            return _submission_of_report(item.payload, link.profile, ucs2)
        case Notification() | Composing():
            # COMP-7; phones hear of failures alone.
            return Failure(Reason.NOT_SUPPORTED, detail="neither receipts nor typing go to phones")
        case _:
            # Phones hear of presence by texts, which the core writes (SMSP-3).
            return Failure(Reason.NOT_SUPPORTED, detail="no presence goes to phones as such")


def _submission_of_message(
    item: Item, message: Message, profile: Profile, now: float, ucs2: bool,
) -> Submission | Failure:
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
    try:
        text = encode_text(message.text, profile, ucs2)
    except TooLong as fault:  # SMS-37
        most = min(profile.max_segments, MOST_PARTS)
        return Failure(Reason.TOO_BIG, text=f"the text needs {fault.parts} short messages, at most {most} are sent")
    return Submission(
        source, destination, text,
        validity_period=validity_period(expires_at, now),
        priority_flag=_priority(message.urgency, profile),
        registered_delivery=int(profile.ask_receipts or bool(message.wants)),
        service_type=profile.service_type,
        reference=message.serial,
        tells_more=profile.more_messages,
    )


def _submission_of_report(report: Report, profile: Profile, ucs2: bool) -> Submission | Failure:
    """ERR-15: one short text from the number the phone had written to."""
    source = sme_of_source(report.origin, profile)
    destination = sme_of_target(report.recipient, profile)
    if source is None or destination is None:
        return Failure(Reason.NOT_ACCEPTABLE, detail="no number to send a report from or to")
    text = f"Not delivered to {report.origin.user}: {WORDS[report.failure.reason]}"
    # A report is never reported on, so it asks for no receipt.
    return Submission(
        source, destination, encode_text(text, profile, ucs2),
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
