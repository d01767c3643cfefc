"""Bodies of PDUs out of their octets (SMS section 2).  Pure.

Reading takes what is there: strings of the fixed lengths 1 or 17 (times) may have any length up to
the maximum, numbers any value, and bodies may be missing from responses.
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


def _string(octets: bytes, at: int, most: int, status: int) -> tuple[str, int]:
    """A C-octet string of at most ``most`` octets with its NUL, and where it ends (SMS-12)."""
    end = octets.find(0, at, at + most)
    if end == at:
        return "", at + 1
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


def _sme(octets: bytes, at: int, most: int, status: int) -> tuple[Sme, int]:
    ton, npi = _numbers(octets, at, 2)
    number, at = _string(octets, at + 2, most, status)
    return Sme(ton, npi, number), at


def _text(octets: bytes, at: int, length: int) -> tuple[bytes, int]:
    """short_message, of the length that sm_length gives."""
    end = at + length
    if end > len(octets):
        raise PduFault(c.RINVMSGLEN, f"sm_length {length} but {len(octets) - at} octets")
    return octets[at:end], end


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


def _read_short_message(octets: bytes) -> ShortMessage:
    service_type, at = _string(octets, 0, 6, c.RINVSERTYP)
    source, at = _sme(octets, at, 21, c.RINVSRCADR)
    destination, at = _sme(octets, at, 21, c.RINVDSTADR)
    return _rest_of_message(octets, at, service_type, source, destination)


def _rest_of_message(octets: bytes, at: int, service_type: str, source: Sme, destination: Sme) -> ShortMessage:
    esm_class, protocol_id, priority = _numbers(octets, at, 3)
    schedule, at = _string(octets, at + 3, 17, c.RINVSCHED)
    validity, at = _string(octets, at, 17, c.RINVEXPIRY)
    registered, replace, coding, default_message, length = _numbers(octets, at, 5)
    text, at = _text(octets, at + 5, length)
    return ShortMessage(
        service_type, source, destination, esm_class, protocol_id, priority, schedule, validity,
        registered, replace, coding, default_message, text, _tlvs(octets, at),
    )


def _read_multi(octets: bytes) -> MultiMessage:
    service_type, at = _string(octets, 0, 6, c.RINVSERTYP)
    source, at = _sme(octets, at, 21, c.RINVSRCADR)
    (count,) = _numbers(octets, at, 1)
    at += 1
    destinations: list[Sme | str] = []
    for _ in range(count):
        (flag,) = _numbers(octets, at, 1)
        destination: Sme | str
        if flag == c.TO_SME:
            destination, at = _sme(octets, at + 1, 21, c.RINVDSTADR)
        elif flag == c.TO_LIST:
            destination, at = _string(octets, at + 1, 21, c.RINVDLNAME)
        else:
            raise PduFault(c.RINVDESTFLAG, f"dest_flag {flag}")
        destinations.append(destination)
    return MultiMessage(tuple(destinations), _rest_of_message(octets, at, service_type, source, Sme()))


def _read_multi_resp(octets: bytes) -> MultiResp:
    if not octets:
        return MultiResp()
    message_id, at = _string(octets, 0, 65, c.RINVMSGID)
    (count,) = _numbers(octets, at, 1)
    at += 1
    failed = []
    for _ in range(count):
        sme, at = _sme(octets, at, 21, c.RINVDSTADR)
        (status,) = _STATUS.unpack(_numbers(octets, at, 4))
        at += 4
        failed.append((sme, status))
    return MultiResp(message_id, tuple(failed), _tlvs(octets, at))


def _read_data_sm(octets: bytes) -> ShortMessage:
    service_type, at = _string(octets, 0, 6, c.RINVSERTYP)
    source, at = _sme(octets, at, 65, c.RINVSRCADR)
    destination, at = _sme(octets, at, 65, c.RINVDSTADR)
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


def _read_query(octets: bytes) -> Query:
    message_id, at = _string(octets, 0, 65, c.RINVMSGID)
    source, at = _sme(octets, at, 21, c.RINVSRCADR)
    return Query(message_id, source)


def _read_query_resp(octets: bytes) -> QueryResp:
    if not octets:
        return QueryResp()
    message_id, at = _string(octets, 0, 65, c.RINVMSGID)
    final_date, at = _string(octets, at, 17, c.RINVEXPIRY)
    state, error = _numbers(octets, at, 2)
    return QueryResp(message_id, final_date, state, error, _tlvs(octets, at + 2))


def _read_cancel(octets: bytes) -> Cancel:
    service_type, at = _string(octets, 0, 6, c.RINVSERTYP)
    message_id, at = _string(octets, at, 65, c.RINVMSGID)
    source, at = _sme(octets, at, 21, c.RINVSRCADR)
    destination, at = _sme(octets, at, 21, c.RINVDSTADR)
    return Cancel(service_type, message_id, source, destination)


def _read_replace(octets: bytes) -> Replace:
    message_id, at = _string(octets, 0, 65, c.RINVMSGID)
    source, at = _sme(octets, at, 21, c.RINVSRCADR)
    schedule, at = _string(octets, at, 17, c.RINVSCHED)
    validity, at = _string(octets, at, 17, c.RINVEXPIRY)
    registered, default_message, length = _numbers(octets, at, 3)
    text, at = _text(octets, at + 3, length)
    return Replace(message_id, source, schedule, validity, registered, default_message, text, _tlvs(octets, at))


def _read_enquire_resp(octets: bytes) -> OnlyTlvs | Nothing:
    return OnlyTlvs(_tlvs(octets, 0)) if octets else Nothing()


def _read_alert(octets: bytes) -> Alert:
    source, at = _sme(octets, 0, 65, c.RINVSRCADR)
    esme, at = _sme(octets, at, 65, c.RINVDSTADR)
    return Alert(source, esme, _tlvs(octets, at))


#: By command; commands without a row have no body, or one that is carried unread.
READERS: Mapping[int, Callable[[bytes], Body]] = {
    **dict.fromkeys(c.BINDS, _read_bind),
    **{command | c.RESPONSE: _read_bind_resp for command in c.BINDS},
    c.OUTBIND: _read_outbind,
    c.SUBMIT_SM: _read_short_message,
    c.DELIVER_SM: _read_short_message,
    c.DATA_SM: _read_data_sm,
    c.SUBMIT_MULTI: _read_multi,
    c.QUERY_SM: _read_query,
    c.CANCEL_SM: _read_cancel,
    c.REPLACE_SM: _read_replace,
    c.ALERT_NOTIFICATION: _read_alert,
    c.SUBMIT_SM | c.RESPONSE: _read_message_resp,
    c.DELIVER_SM | c.RESPONSE: _read_message_resp,
    c.DATA_SM | c.RESPONSE: _read_message_resp,
    c.SUBMIT_MULTI | c.RESPONSE: _read_multi_resp,
    c.QUERY_SM | c.RESPONSE: _read_query_resp,
    c.ENQUIRE_LINK | c.RESPONSE: _read_enquire_resp,
}
