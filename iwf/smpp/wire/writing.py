"""Octets of the bodies of PDUs (SMS section 2).  Pure.

Every value is held to the size of its field; a :class:`PduFault` names the field that it does not fit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import (
    Alert,
    Bind,
    BindResp,
    Body,
    Cancel,
    MessageResp,
    MultiMessage,
    MultiResp,
    Nothing,
    OnlyTlvs,
    Opaque,
    Outbind,
    PduFault,
    Query,
    QueryResp,
    Replace,
    ShortMessage,
    Sme,
    Tlvs,
)

_TLV = struct.Struct("!HH")
_STATUS = struct.Struct("!L")

# SMPP 3.4 5.2.24
_MOST_DESTINATIONS = 254


def _write_string(text: str, most: int, status: int) -> bytes:
    if not text:
        return b"\0"
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        raise PduFault(status, "not one octet per character") from None
    if len(octets) >= most or 0 in octets:
        raise PduFault(status, f"{len(octets)} octets where {most - 1} without NUL fit")
    return octets + b"\0"


def _write_numbers(*numbers: int) -> bytes:
    try:
        return bytes(numbers)
    except ValueError:
        raise PduFault(c.RSYSERR, f"not octets: {numbers}") from None


def _write_tlvs(tlvs: Tlvs) -> bytes:
    if not tlvs:
        return b""
    try:
        return b"".join(_TLV.pack(tag, len(value)) + value for tag, value in tlvs)
    except struct.error:
        raise PduFault(c.RINVPARLEN, "a TLV is too large") from None


def _write_sme(sme: Sme, most: int, status: int) -> bytes:
    return _write_numbers(sme.ton, sme.npi) + _write_string(sme.number, most, status)


def _write_bind(body: Bind) -> bytes:
    return b"".join((
        _write_string(body.system_id, 16, c.RINVSYSID),
        _write_string(body.password, 9, c.RINVPASWD),
        _write_string(body.system_type, 13, c.RINVSYSTYP),
        _write_numbers(body.interface_version, body.addr_ton, body.addr_npi),
        _write_string(body.address_range, 41, c.RBINDFAIL),
    ))


def _write_short_message(body: ShortMessage) -> bytes:
    destination = _write_sme(body.destination, 21, c.RINVDSTADR)
    return _write_message_to(destination, body)


def _write_message_to(destination: bytes, body: ShortMessage) -> bytes:
    length = len(body.short_message)
    if length > 255:
        raise PduFault(c.RINVMSGLEN, f"{length} octets of short_message")
    return b"".join((
        _write_string(body.service_type, 6, c.RINVSERTYP),
        _write_sme(body.source, 21, c.RINVSRCADR),
        destination,
        _write_numbers(body.esm_class, body.protocol_id, body.priority_flag),
        _write_string(body.schedule_delivery_time, 17, c.RINVSCHED),
        _write_string(body.validity_period, 17, c.RINVEXPIRY),
        _write_numbers(
            body.registered_delivery, body.replace_if_present_flag, body.data_coding, body.sm_default_msg_id, length,
        ),
        body.short_message,
        _write_tlvs(body.tlvs),
    ))


def _write_multi(body: MultiMessage) -> bytes:
    if len(body.destinations) > _MOST_DESTINATIONS:
        raise PduFault(c.RINVNUMDESTS, f"{len(body.destinations)} destinations")
    destinations = [_write_numbers(len(body.destinations))]
    for destination in body.destinations:
        if isinstance(destination, Sme):
            destinations += bytes([c.TO_SME]), _write_sme(destination, 21, c.RINVDSTADR)
        else:
            destinations += bytes([c.TO_LIST]), _write_string(destination, 21, c.RINVDLNAME)
    return _write_message_to(b"".join(destinations), body.message)


def _write_multi_resp(body: MultiResp) -> bytes:
    failed = (_write_sme(sme, 21, c.RINVDSTADR) + _STATUS.pack(status) for sme, status in body.failed)
    return b"".join((_write_string(body.message_id, 65, c.RINVMSGID), _write_numbers(len(body.failed)), *failed,
                     _write_tlvs(body.tlvs)))


def _write_data_sm(body: ShortMessage) -> bytes:
    return b"".join((
        _write_string(body.service_type, 6, c.RINVSERTYP),
        _write_sme(body.source, 65, c.RINVSRCADR),
        _write_sme(body.destination, 65, c.RINVDSTADR),
        _write_numbers(body.esm_class, body.registered_delivery, body.data_coding),
        _write_tlvs(body.tlvs),
    ))


def _write_query_resp(body: QueryResp) -> bytes:
    return (_write_string(body.message_id, 65, c.RINVMSGID) + _write_string(body.final_date, 17, c.RINVEXPIRY)
            + _write_numbers(body.message_state, body.error_code) + _write_tlvs(body.tlvs))


def _write_cancel(body: Cancel) -> bytes:
    return (_write_string(body.service_type, 6, c.RINVSERTYP) + _write_string(body.message_id, 65, c.RINVMSGID)
            + _write_sme(body.source, 21, c.RINVSRCADR) + _write_sme(body.destination, 21, c.RINVDSTADR))


def _write_replace(body: Replace) -> bytes:
    length = len(body.short_message)
    if length > 255:
        raise PduFault(c.RINVMSGLEN, f"{length} octets of short_message")
    return b"".join((
        _write_string(body.message_id, 65, c.RINVMSGID),
        _write_sme(body.source, 21, c.RINVSRCADR),
        _write_string(body.schedule_delivery_time, 17, c.RINVSCHED),
        _write_string(body.validity_period, 17, c.RINVEXPIRY),
        _write_numbers(body.registered_delivery, body.sm_default_msg_id, length),
        body.short_message,
        _write_tlvs(body.tlvs),
    ))


_WRITERS: Mapping[type[Body], Callable[..., bytes]] = {
    Nothing: lambda body: b"",
    OnlyTlvs: lambda body: _write_tlvs(body.tlvs),
    Opaque: lambda body: body.octets,
    ShortMessage: _write_short_message,
    MessageResp: lambda body: _write_string(body.message_id, 65, c.RINVMSGID) + _write_tlvs(body.tlvs),
    Bind: _write_bind,
    BindResp: lambda body: _write_string(body.system_id, 16, c.RINVSYSID) + _write_tlvs(body.tlvs),
    Outbind: lambda body: (_write_string(body.system_id, 16, c.RINVSYSID)
                           + _write_string(body.password, 9, c.RINVPASWD)),
    MultiMessage: _write_multi,
    MultiResp: _write_multi_resp,
    Query: lambda body: (_write_string(body.message_id, 65, c.RINVMSGID)
                         + _write_sme(body.source, 21, c.RINVSRCADR)),
    QueryResp: _write_query_resp,
    Cancel: _write_cancel,
    Replace: _write_replace,
    Alert: lambda body: (_write_sme(body.source, 65, c.RINVSRCADR) + _write_sme(body.esme, 65, c.RINVDSTADR)
                         + _write_tlvs(body.tlvs)),
}


def write_body(command: int, body: Body) -> bytes:
    """The octets after the header.

    :param command: tells data_sm from submit_sm and deliver_sm, which have the same type.
    :raises PduFault: a value does not fit its field.
    """
    if command == c.DATA_SM and isinstance(body, ShortMessage):
        return _write_data_sm(body)
    return _WRITERS[type(body)](body)
