"""PDUs and their octets (SMS section 2).  Pure."""

from __future__ import annotations

import struct

from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Body, Nothing, Opaque, Pdu, PduFault
from iwf.smpp.wire.reading import READERS
from iwf.smpp.wire.writing import write_body

HEADER = struct.Struct("!LLLL")


def decode_body(command: int, octets: bytes) -> Body:
    """Read the octets after the header.

    :raises PduFault: the only error; framing is never lost by it.
    """
    reader = READERS.get(command)
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


def encode(pdu: Pdu) -> bytes:
    """The octets of a PDU.

    :raises PduFault: a value does not fit its field; the status names the field.
    """
    body = write_body(pdu.command, pdu.body)
    return HEADER.pack(HEADER.size + len(body), pdu.command, pdu.status, pdu.sequence) + body
