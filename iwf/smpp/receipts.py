"""Delivery receipts: their text and TLVs, and the forms of message ids (SMS section 6, SMS-19)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from iwf.mapping.charset.coding import utf16_text
from iwf.mapping.model import Outcome, Receipt
from iwf.smpp.reasons import MessageState, failure_of_state
from iwf.smpp.settings import Profile
from iwf.smpp.text.coding import coding_name
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import QueryResp, ShortMessage, tlv, tlv_number

# SMS-40: fields in any order and case, perhaps with spaces after the colon.  "text" is last
# wherever it occurs, for it may hold anything.
_TEXT = re.compile(r"(?:^|\s)text:.*", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r"\b(id|sub|dlvrd|submit date|done date|stat|err): *([^\s:]+)(?=\s|$)", re.IGNORECASE)

_STATES: Mapping[str, MessageState] = {
    "schedld": MessageState.SCHEDULED,
    "scheduled": MessageState.SCHEDULED,
    "enroute": MessageState.ENROUTE,
    "delivrd": MessageState.DELIVERED,
    "delivered": MessageState.DELIVERED,
    "expired": MessageState.EXPIRED,
    "deleted": MessageState.DELETED,
    "undeliv": MessageState.UNDELIVERABLE,
    "undeliverable": MessageState.UNDELIVERABLE,
    "acceptd": MessageState.ACCEPTED,
    "accepted": MessageState.ACCEPTED,
    "unknown": MessageState.UNKNOWN,
    "rejectd": MessageState.REJECTED,
    "rejected": MessageState.REJECTED,
    "skipped": MessageState.SKIPPED,
}

_OUTCOMES: Mapping[MessageState, Outcome] = {
    MessageState.SCHEDULED: Outcome.PROCESSED,
    MessageState.ENROUTE: Outcome.PROCESSED,
    MessageState.DELIVERED: Outcome.DELIVERED,
    MessageState.EXPIRED: Outcome.FAILED,
    MessageState.DELETED: Outcome.FAILED,
    MessageState.UNDELIVERABLE: Outcome.FAILED,
    MessageState.ACCEPTED: Outcome.STORED,
    MessageState.UNKNOWN: Outcome.UNKNOWN,
    MessageState.REJECTED: Outcome.FORBIDDEN,  # ERR 8.4
    MessageState.SKIPPED: Outcome.FAILED,
}

# network_error_code: the network that a GSM cause is of (SMPP 3.4 5.3.2.31)
_GSM_NETWORK = 3


@frozen
class ReceiptFields:
    """What a receipt says, as this operator says it."""

    id: str
    """In canonical form, see :func:`canonical_receipt_id`."""
    state: MessageState
    error: int | None = None
    """The GSM cause, if known."""


# ---------------------------------------------------------------- ids

_DECIMAL = re.compile(r"-?[0-9]+")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
#: SMPP 3.4 5.2.23: octets of a message_id; what is longer is no number of any SMSC.
_LONGEST_ID = 64


def _plain(text: str) -> str:
    # One operator's ids do not differ in case alone, but his systems may spell one id in two
    # cases (seen with UUIDs).
    return text.strip(" \0").lower()


def _number(text: str, base: int) -> str:
    """The id as a decimal number without leading zeros; as it is if it is no number."""
    text = _plain(text)
    pattern = _DECIMAL if base == 10 else _HEXADECIMAL
    if len(text) > _LONGEST_ID or not pattern.fullmatch(text):
        return text
    number = int(text, base)
    # Some count in 32 bits with a sign in one place and without in the other.
    return str(number & 0xFFFFFFFF if number < 0 else number)


#: SMS-19: bases of the response's and of the receipt's ids.
_BASES: Mapping[str, tuple[int, int]] = {
    "hex_resp_dec_dlr": (16, 10),
    "dec_resp_hex_dlr": (10, 16),
    "numeric": (10, 10),
}


def canonical_response_id(message_id: str, id_format: str) -> str:
    """The message_id of a submit_sm_resp in the form in which it equals the receipt's."""
    bases = _BASES.get(id_format)
    return _plain(message_id) if bases is None else _number(message_id, bases[0])


def canonical_receipt_id(from_tlv: str, from_text: str, id_format: str) -> str:
    """The id of a receipt in the same form.

    :param from_tlv: receipted_message_id, preferred, or empty.
    :param from_text: ``id:`` of the text, or empty.
    """
    bases = _BASES.get(id_format)
    if bases is None:
        return _plain(from_tlv or from_text)
    response, receipt = bases
    if not from_tlv:
        return _number(from_text, receipt)
    # Some write the TLV as the response was and the text in the other base, in one receipt.
    as_response = _number(from_tlv, response)
    if response == receipt:
        return as_response
    as_receipt = _number(from_tlv, receipt)
    in_text = _number(from_text, receipt) if from_text else ""
    if in_text in (as_response, as_receipt):
        return in_text
    is_number_of_receipt = as_receipt != _plain(from_tlv) or _plain(from_tlv).isdecimal()
    return as_receipt if not from_text and is_number_of_receipt else as_response


# ---------------------------------------------------------------- reading

def read_receipt(message: ShortMessage, profile: Profile) -> ReceiptFields | None:
    """Read a deliver_sm or data_sm whose esm_class says that it is a receipt.

    :return: None when it has no id or no state that can be read (SMS-44).
    """
    octets = message.user_data
    written = _fields(utf16_text(octets) if coding_name(message.data_coding) == "ucs2" else octets.decode("latin-1"))
    receipted = tlv(message.tlvs, c.TLV_RECEIPTED_MESSAGE_ID) or b""
    # The NUL at the end of this C-octet string is often left out.
    from_tlv = receipted.partition(b"\0")[0].decode("latin-1")
    id_ = canonical_receipt_id(from_tlv, written.get("id", ""), profile.id_format)
    state = _state(tlv_number(message.tlvs, c.TLV_MESSAGE_STATE), written.get("stat", ""))
    if not id_ or state is None:
        return None
    if message.esm_class & c.ESM_TYPE == c.ESM_INTERMEDIATE and state is not MessageState.DELIVERED:
        state = MessageState.ENROUTE  # SMPP 3.4 5.2.12: of one attempt; the SMSC will try again
    return ReceiptFields(id_, state, _error(message, written.get("err", ""), profile))


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(_TEXT.sub("", text.replace("\0", " "))):
        found.setdefault(name.lower(), value)
    return found


def _state(number: int | None, word: str) -> MessageState | None:
    # SMS-40: the TLV is preferred
    if number is None and word.isascii() and word.isdigit():
        number = int(word[:3])
    if number is not None and number in _OUTCOMES:
        return MessageState(number)
    return _STATES.get(word.lower())


def _error(message: ShortMessage, err: str, profile: Profile) -> int | None:
    code = tlv(message.tlvs, c.TLV_NETWORK_ERROR_CODE)
    if code is not None and len(code) == 3 and code[0] == _GSM_NETWORK:
        return int.from_bytes(code[1:], "big")
    # The text's codes are the operator's own; his list says which mean "no such number" (ERR 8.4).
    return 1 if err and err in profile.unknown_subscriber_errors else None


def receipt_of(fields: ReceiptFields, peer: str, now: float) -> Receipt:
    """The neutral receipt.

    :param peer: the operator's namespace (:attr:`LinkSettings.peer`).
    :param now: when it came; the dates in the text are local times of an unknown zone.
    """
    outcome = _OUTCOMES[fields.state]
    failure = failure_of_state(fields.state, fields.error)
    return Receipt(peer, fields.id, outcome, failure, now)


def receipt_of_query(awaited: str, answer: QueryResp | None, peer: str, now: float) -> Receipt:
    """What the one query for an overdue receipt comes to (SMS-43).

    :param awaited: the canonical id.
    :param answer: None when there was no answer, or an error.
    :return: the final state, or UNKNOWN.
    """
    state = MessageState.UNKNOWN
    if answer is not None and answer.message_state in _OUTCOMES:
        state = MessageState(answer.message_state)
    if _OUTCOMES[state] in (Outcome.PROCESSED, Outcome.STORED):
        state = MessageState.UNKNOWN
    return receipt_of(ReceiptFields(awaited, state), peer, now)
