"""PDUs out of a stream of octets (SMS-11)."""

from __future__ import annotations

import struct

from iwf.smpp.wire.codec import HEADER
from iwf.smpp.wire.constants import RINVCMDLEN
from iwf.smpp.wire.pdu import PduFault

_LENGTH = struct.Struct("!L")

#: The longest PDU that is read, in octets, unless said otherwise.
MAX_PDU = 65536


class PduFramer:
    """Cuts a stream of octets into PDUs.

    :param max_pdu: the longest PDU that is read, in octets.
    """

    def __init__(self, max_pdu: int = MAX_PDU) -> None:
        self._max_pdu = max_pdu
        self._buffer = bytearray()
        self._at = 0

    @property
    def in_pdu(self) -> bool:
        """Whether the beginning of a PDU waits for its rest."""
        return len(self._buffer) > self._at

    def feed(self, octets: bytes) -> None:
        """Take octets as they came from the peer."""
        if self._at:
            del self._buffer[:self._at]
            self._at = 0
        self._buffer += octets

    def next(self) -> bytes | None:
        """The next whole PDU, or None when more octets are needed.

        :raises PduFault: command_length cannot be (SMS-11), again at every further call.
        """
        left = len(self._buffer) - self._at
        if left < 4:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, self._at)
        if not HEADER.size <= length <= self._max_pdu:
            raise PduFault(RINVCMDLEN, f"command_length {length}", framing_lost=True)
        if left < length:
            return None
        start = self._at
        self._at = start + length
        return bytes(self._buffer[start:self._at])
