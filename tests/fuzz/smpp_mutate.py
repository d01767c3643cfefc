"""SMPP PDUs to begin with, and ways to spoil them.  Everything follows from one seed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from iwf.smpp.reasons import MessageState
from iwf.smpp.simulator.phones import text_from
from iwf.smpp.simulator.receipt import Submission, receipt_message
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import HEADER, encode
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
    Outbind,
    Pdu,
    Query,
    QueryResp,
    Replace,
    ShortMessage,
    Sme,
)

_PHONE, _NUMBER = "+491701234567", "X000000001"
_TEXT = ShortMessage(source=Sme(1, 1, "491701234567"), destination=Sme(5, 0, _NUMBER), short_message=b"hi")
_DATA = ShortMessage(source=_TEXT.source, destination=_TEXT.destination, tlvs=((c.TLV_MESSAGE_PAYLOAD, b"long"),))
_NUMBERS = (0, 1, 15, 16, 0x40, 0x7F, 0x80, 0xFE, 0xFF)
_WORDS = (0, 1, 15, 16, 17, 0xFFFF, 0x10000, 0x10001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def bodies() -> list[tuple[int, Body]]:
    """One of each kind, and the texts and receipts that mutations should know best."""
    receipts = [(c.DELIVER_SM, receipt_message(Submission("iwf", f"id{number}", _TEXT), state, "000", 1e9))
                for number, state in enumerate(MessageState)]
    texts = [(c.DELIVER_SM, part) for text in ("Hi", "x" * 200, "爱情🌹" * 40) for part in text_from(
        _PHONE, _NUMBER, text, 7)]
    return [
        *receipts, *texts, (c.DATA_SM, _DATA), (c.ALERT_NOTIFICATION, Alert(_TEXT.source, _TEXT.destination)),
        (c.SUBMIT_SM, _TEXT), (c.SUBMIT_MULTI, MultiMessage((_TEXT.source, "all"), _TEXT)),
        (c.QUERY_SM, Query("a1", _TEXT.source)), (c.CANCEL_SM, Cancel("", "a1", _TEXT.source, _TEXT.destination)),
        (c.REPLACE_SM, Replace("a1", _TEXT.source, short_message=b"new")), (c.OUTBIND, Outbind("smsc", "pw")),
        (c.BIND_TRANSCEIVER, Bind("iwf", "secret")), (c.ENQUIRE_LINK, Nothing()),
        (c.SUBMIT_MULTI | c.RESPONSE, MultiResp("a1", ((_TEXT.source, 11),))),
        (c.QUERY_SM | c.RESPONSE, QueryResp("a1", "", 2, 0)), (c.BIND_TRANSCEIVER | c.RESPONSE, BindResp("smsc")),
        (c.ENQUIRE_LINK | c.RESPONSE, Nothing()), (c.GENERIC_NACK, Nothing()), (0x111, Nothing()),
    ]


class Mutator:
    """Makes PDUs out of others."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._bodies = bodies()
        self._ways: tuple[Callable[[bytearray], None], ...] = (
            self._flip, self._number, self._word, self._cut, self._insert, self._repeat, self._nothing, self._tlv,
        )

    def pdu(self, sequence: int) -> bytes:
        """Any PDU, spoiled or not."""
        command, body = self._random.choice(self._bodies)
        status = self._random.choice((0, 0, 0, c.RTHROTTLED, 0x400))
        return self.spoil(encode(Pdu(command, sequence, status if command & c.RESPONSE else 0, body)))

    def answer(self, sequence: int) -> bytes:
        """An answer to a submit_sm, spoiled or not."""
        status = self._random.choice((0, 0, 0, 0, c.RTHROTTLED, c.RINVDSTADR, c.RINVDCS, c.RINVEXPIRY, 0xC0, 0x400))
        tlvs = self._random.choice(((), (), ((c.TLV_CONGESTION_STATE, b"\x55"),), ((0x1D, b"because\0"),)))
        body = MessageResp(f"id{sequence}", tlvs)
        return self.spoil(encode(Pdu(c.SUBMIT_SM | c.RESPONSE, sequence, status, body)))

    def spoil(self, octets: bytes) -> bytes:
        """Those octets, spoiled in up to five ways; the length is mostly made to fit."""
        changed = bytearray(octets)
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 5))):
            self._random.choice(self._ways)(changed)
        if self._random.random() < 0.97 and len(changed) >= HEADER.size:
            changed[:4] = struct.pack("!L", len(changed))
        return bytes(changed)

    def chunks(self, octets: bytes) -> list[bytes]:
        """The octets in pieces of any size."""
        pieces, position = [], 0
        while position < len(octets):
            size = self._random.choice((1, 2, 3, 16, 50, 70_000))
            pieces.append(octets[position:position + size])
            position += size
        return pieces

    def _at(self, octets: bytearray) -> int:
        # The body more often than the header, whose damage is soon told.
        return self._random.randrange(16 if self._random.random() < 0.9 and len(octets) > 16 else 0, len(octets) + 1)

    def _flip(self, octets: bytearray) -> None:
        for _ in range(self._random.randrange(1, 5)):
            at = self._at(octets)
            if at < len(octets):
                octets[at] ^= 1 << self._random.randrange(8)

    def _number(self, octets: bytearray) -> None:
        at = self._at(octets)
        octets[at:at + 1] = bytes([self._random.choice(_NUMBERS)])

    def _word(self, octets: bytearray) -> None:
        at = self._random.choice((0, 4, 8, 12, self._at(octets)))
        octets[at:at + 4] = struct.pack("!L", self._random.choice(_WORDS))

    def _cut(self, octets: bytearray) -> None:
        at = self._at(octets)
        del octets[at:at + self._random.choice((1, 2, 10, 1000))]

    def _insert(self, octets: bytearray) -> None:
        at = self._at(octets)
        octets[at:at] = self._random.randbytes(self._random.choice((1, 2, 10, 300)))

    def _repeat(self, octets: bytearray) -> None:
        at = self._at(octets)
        octets[at:at] = octets[at:at + self._random.choice((1, 4, 30))] * self._random.choice((1, 2, 50))

    def _tlv(self, octets: bytearray) -> None:
        value = self._random.randbytes(self._random.choice((0, 1, 2, 3, 65)))
        tag = self._random.choice((0x1E, 0x427, 0x424, 0x423, 0x20C, 0x20E, 0x20F, 0x204, 0x428, 0x1400))
        octets += struct.pack("!HH", tag, len(value) + self._random.choice((0, 0, 0, 1, 70))) + value

    def _nothing(self, octets: bytearray) -> None:
        return
