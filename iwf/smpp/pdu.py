"""SMPP 3.4 PDUs and their octets (SMS section 2).

Values are carried as they come: numbers outside the defined sets, unknown commands, statuses and
TLVs are no faults.  What breaks the structure is a :class:`PduFault`, which says how to answer.

C-octet strings are ``str`` with one character per octet (ISO-8859-1), so that any octets survive
reading and writing; :mod:`iwf.smpp.numbers` knows what they mean.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from attrs import field, frozen

from iwf.smpp import constants as c

Tlvs = tuple[tuple[int, bytes], ...]

HEADER = struct.Struct("!LLLL")
_TLV = struct.Struct("!HH")


class PduFault(Exception):
    """Octets that are no PDU, or a value that does not fit one.

    :ivar status: the command_status to answer with.
    :ivar framing_lost: the borders of PDUs are gone; nothing after this can be read (SMS-11).
    """

    def __init__(self, status: int, why: str = "", framing_lost: bool = False) -> None:
        super().__init__(f"{why} (status {status:#x})")
        self.status = status
        self.framing_lost = framing_lost


@frozen
class Sme:
    """An address of a short message entity."""

    ton: int = 0
    npi: int = 0
    number: str = ""


@frozen
class Nothing:
    """A body without octets."""


@frozen
class Opaque:
    """A body that is carried unread."""

    octets: bytes = b""


@frozen
class Bind:
    """bind_transmitter, bind_receiver, bind_transceiver (section 4.1)."""

    system_id: str = ""
    password: str = field(default="", repr=False)
    system_type: str = ""
    interface_version: int = c.INTERFACE_VERSION
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@frozen
class BindResp:
    """The answers to them."""

    system_id: str = ""
    tlvs: Tlvs = ()


@frozen
class Outbind:
    """outbind (4.1.7)."""

    system_id: str = ""
    password: str = field(default="", repr=False)


@frozen
class ShortMessage:
    """submit_sm and deliver_sm (sections 4.4, 4.6), and data_sm (section 4.7), which has fewer
    fields and its text in a TLV."""

    service_type: str = ""
    source: Sme = Sme()
    destination: Sme = Sme()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()

    @property
    def user_data(self) -> bytes:
        """message_payload if there is one, else short_message (SMS-36)."""
        payload = tlv(self.tlvs, c.TLV_MESSAGE_PAYLOAD) if self.tlvs else None
        return self.short_message if payload is None else payload


@frozen
class MessageResp:
    """submit_sm_resp, deliver_sm_resp and data_sm_resp."""

    message_id: str = ""
    tlvs: Tlvs = ()


Body = Nothing | Opaque | Bind | BindResp | Outbind | ShortMessage | MessageResp


@frozen
class Pdu:
    """One PDU."""

    command: int
    sequence: int = 0
    status: int = 0
    body: Body = Nothing()

    @property
    def is_response(self) -> bool:
        return self.command >= c.RESPONSE

    @property
    def name(self) -> str:
        """The command in words, for logs."""
        return c.COMMAND_NAMES.get(self.command) or (
            f"{c.COMMAND_NAMES.get(self.command & 0x7FFFFFFF, hex(self.command & 0x7FFFFFFF))}"
            f"{'_resp' if self.is_response else ''}"
        )


def tlv(tlvs: Tlvs, tag: int) -> bytes | None:
    """The value of the first TLV with this tag, if there is one."""
    for each, value in tlvs:
        if each == tag:
            return value
    return None


def tlv_number(tlvs: Tlvs, tag: int) -> int | None:
    """The same as a number, whatever its width (SMS-12)."""
    value = tlv(tlvs, tag)
    return int.from_bytes(value, "big") if value else None


def _string(octets: bytes, at: int, most: int, status: int) -> tuple[str, int]:
    """A C-octet string of at most ``most`` octets with its NUL, and where it ends (SMS-12)."""
    end = octets.find(b"\0", at, at + most)
    if end < 0:
        cut = len(octets) < at + most
        raise PduFault(c.RINVCMDLEN if cut else status, f"string at octet {at} has no end")
    return octets[at:end].decode("latin-1"), end + 1


def _tlvs(octets: bytes, at: int) -> Tlvs:
    end = len(octets)
    if at == end:
        return ()
    found = []
    while at < end:
        if end - at < 4:
            raise PduFault(c.RINVOPTPARSTREAM, f"{end - at} stray octets")  # SMS-12
        tag, length = _TLV.unpack_from(octets, at)
        at += 4 + length
        if at > end:
            raise PduFault(c.RINVPARLEN, f"TLV {tag:04x} ends outside the PDU")
        found.append((tag, octets[at - length:at]))
    return tuple(found)


def _numbers(octets: bytes, at: int, count: int) -> bytes:
    """``count`` octets that are a number each."""
    numbers = octets[at:at + count]
    if len(numbers) < count:
        raise PduFault(c.RINVCMDLEN, "the PDU ends early")
    return numbers


def _read_bind(octets: bytes) -> Bind:
    system_id, at = _string(octets, 0, 16, c.RINVSYSID)
    password, at = _string(octets, at, 9, c.RINVPASWD)
    system_type, at = _string(octets, at, 13, c.RINVSYSTYP)
    version, ton, npi = _numbers(octets, at, 3)
    address_range, at = _string(octets, at + 3, 41, c.RBINDFAIL)
    return Bind(system_id, password, system_type, version, ton, npi, address_range)


def _read_bind_resp(octets: bytes) -> BindResp:
    if not octets:  # a body may be missing when the status is not 0
        return BindResp()
    system_id, at = _string(octets, 0, 16, c.RINVSYSID)
    return BindResp(system_id, _tlvs(octets, at))


def _read_outbind(octets: bytes) -> Outbind:
    system_id, at = _string(octets, 0, 16, c.RINVSYSID)
    password, at = _string(octets, at, 9, c.RINVPASWD)
    return Outbind(system_id, password)


def _read_sme(octets: bytes, at: int, most: int, status: int) -> tuple[Sme, int]:
    ton, npi = _numbers(octets, at, 2)
    number, at = _string(octets, at + 2, most, status)
    return Sme(ton, npi, number), at


def _read_short_message(octets: bytes) -> ShortMessage:
    service_type, at = _string(octets, 0, 6, c.RINVSERTYP)
    source, at = _read_sme(octets, at, 21, c.RINVSRCADR)
    destination, at = _read_sme(octets, at, 21, c.RINVDSTADR)
    esm_class, protocol_id, priority = _numbers(octets, at, 3)
    schedule, at = _string(octets, at + 3, 17, c.RINVSCHED)
    validity, at = _string(octets, at, 17, c.RINVEXPIRY)
    registered, replace, coding, default_message, length = _numbers(octets, at, 5)
    at += 5
    end = at + length
    if end > len(octets):
        raise PduFault(c.RINVMSGLEN, f"sm_length {length} but {len(octets) - at} octets")
    return ShortMessage(
        service_type, source, destination, esm_class, protocol_id, priority, schedule, validity,
        registered, replace, coding, default_message, octets[at:end], _tlvs(octets, end),
    )


def _read_data_sm(octets: bytes) -> ShortMessage:
    service_type, at = _string(octets, 0, 6, c.RINVSERTYP)
    source, at = _read_sme(octets, at, 65, c.RINVSRCADR)
    destination, at = _read_sme(octets, at, 65, c.RINVDSTADR)
    esm_class, registered, coding = _numbers(octets, at, 3)
    return ShortMessage(
        service_type, source, destination, esm_class, registered_delivery=registered,
        data_coding=coding, tlvs=_tlvs(octets, at + 3),
    )


def _read_message_resp(octets: bytes) -> MessageResp:
    if not octets:
        return MessageResp()
    message_id, at = _string(octets, 0, 65, c.RINVMSGID)
    return MessageResp(message_id, _tlvs(octets, at))


_READERS: Mapping[int, Callable[[bytes], Body]] = {
    **dict.fromkeys(c.BINDS, _read_bind),
    **{command | c.RESPONSE: _read_bind_resp for command in c.BINDS},
    c.OUTBIND: _read_outbind,
    c.SUBMIT_SM: _read_short_message,
    c.DELIVER_SM: _read_short_message,
    c.DATA_SM: _read_data_sm,
    c.SUBMIT_SM | c.RESPONSE: _read_message_resp,
    c.DELIVER_SM | c.RESPONSE: _read_message_resp,
    c.DATA_SM | c.RESPONSE: _read_message_resp,
}


def decode_body(command: int, octets: bytes) -> Body:
    """Read the octets after the header.

    :raises PduFault: the only error; framing is never lost by it.
    """
    reader = _READERS.get(command)
    if reader is not None:
        return reader(octets)
    return Opaque(octets) if octets else Nothing()


def decode(octets: bytes) -> Pdu:
    """Read one whole PDU.

    :raises PduFault: the only error.
    """
    if len(octets) < HEADER.size:
        raise PduFault(c.RINVCMDLEN, "no header")
    length, command, status, sequence = HEADER.unpack_from(octets)
    if length != len(octets):
        raise PduFault(c.RINVCMDLEN, f"command_length {length} of {len(octets)} octets")
    return Pdu(command, sequence, status, decode_body(command, octets[HEADER.size:]))


def _write_string(text: str, most: int, status: int) -> bytes:
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        raise PduFault(status, "not one octet per character") from None
    if len(octets) >= most or b"\0" in octets:
        raise PduFault(status, f"{len(octets)} octets where {most - 1} without NUL fit")
    return octets + b"\0"


def _write_numbers(*numbers: int) -> bytes:
    try:
        return bytes(numbers)
    except ValueError:
        raise PduFault(c.RSYSERR, f"not octets: {numbers}") from None


def _write_tlvs(tlvs: Tlvs) -> bytes:
    try:
        return b"".join(_TLV.pack(tag, len(value)) + value for tag, value in tlvs)
    except struct.error:
        raise PduFault(c.RINVPARLEN, "a TLV is too large") from None


def _write_bind(body: Bind) -> bytes:
    return b"".join((
        _write_string(body.system_id, 16, c.RINVSYSID),
        _write_string(body.password, 9, c.RINVPASWD),
        _write_string(body.system_type, 13, c.RINVSYSTYP),
        _write_numbers(body.interface_version, body.addr_ton, body.addr_npi),
        _write_string(body.address_range, 41, c.RBINDFAIL),
    ))


def _write_sme(sme: Sme, most: int, status: int) -> bytes:
    return _write_numbers(sme.ton, sme.npi) + _write_string(sme.number, most, status)


def _write_short_message(body: ShortMessage) -> bytes:
    length = len(body.short_message)
    if length > 255:
        raise PduFault(c.RINVMSGLEN, f"{length} octets of short_message")
    return b"".join((
        _write_string(body.service_type, 6, c.RINVSERTYP),
        _write_sme(body.source, 21, c.RINVSRCADR),
        _write_sme(body.destination, 21, c.RINVDSTADR),
        _write_numbers(body.esm_class, body.protocol_id, body.priority_flag),
        _write_string(body.schedule_delivery_time, 17, c.RINVSCHED),
        _write_string(body.validity_period, 17, c.RINVEXPIRY),
        _write_numbers(
            body.registered_delivery, body.replace_if_present_flag, body.data_coding, body.sm_default_msg_id, length,
        ),
        body.short_message,
        _write_tlvs(body.tlvs),
    ))


def _write_data_sm(body: ShortMessage) -> bytes:
    return b"".join((
        _write_string(body.service_type, 6, c.RINVSERTYP),
        _write_sme(body.source, 65, c.RINVSRCADR),
        _write_sme(body.destination, 65, c.RINVDSTADR),
        _write_numbers(body.esm_class, body.registered_delivery, body.data_coding),
        _write_tlvs(body.tlvs),
    ))


def _write_body(command: int, body: Body) -> bytes:
    match body:
        case Nothing():
            return b""
        case ShortMessage():
            return _write_data_sm(body) if command == c.DATA_SM else _write_short_message(body)
        case MessageResp():
            return _write_string(body.message_id, 65, c.RINVMSGID) + _write_tlvs(body.tlvs)
        case Bind():
            return _write_bind(body)
        case BindResp():
            return _write_string(body.system_id, 16, c.RINVSYSID) + _write_tlvs(body.tlvs)
        case Outbind():
            return _write_string(body.system_id, 16, c.RINVSYSID) + _write_string(body.password, 9, c.RINVPASWD)
        case Opaque():
            return body.octets


def encode(pdu: Pdu) -> bytes:
    """The octets of a PDU.

    :raises PduFault: a value does not fit its field; the status names the field.
    """
    body = _write_body(pdu.command, pdu.body)
    return HEADER.pack(HEADER.size + len(body), pdu.command, pdu.status, pdu.sequence) + body


_ALWAYS_WITH_ID = frozenset({c.DELIVER_SM, c.DATA_SM})


def response(request: Pdu, status: int = c.ROK, body: Body | None = None) -> Pdu:
    """The answer to a request: its command and sequence number, and by default the body that
    goes with it (a deliver_sm_resp has an empty message_id, SMS section 2)."""
    if body is None:
        # SMPP 3.4 4.4.2: an error in answer to submit_sm has no body; 4.6.2, 4.7.2 do not say so.
        with_id = request.command in _ALWAYS_WITH_ID or (request.command == c.SUBMIT_SM and status == c.ROK)
        body = MessageResp() if with_id else Nothing()
    return Pdu(request.command | c.RESPONSE, request.sequence, status, body)
