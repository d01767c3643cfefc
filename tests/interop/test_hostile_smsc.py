"""An SMSC that misbehaves, in memory: whatever it says, the ESME lives on or comes back."""

from __future__ import annotations

import struct
from collections.abc import Callable

from iwf.mapping.model import Taken
from iwf.smpp.wire import constants as c
from tests.smpp.edge_case import EdgeCase, Transport, item

PROBE = 0x7FFF_FF00
"""The sequence number of the enquire_link that shows whether it lives."""
RECEIPT = b"id:%s sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:x"


def pdu(command: int, sequence: int = 11, body: bytes = b"", status: int = 0) -> bytes:
    return struct.pack("!4L", 16 + len(body), command, status, sequence) + body


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack("!2H", tag, len(value)) + value


def text(
    octets: bytes = b"hi", tlvs: bytes = b"", *, sequence: int = 11, source: bytes = b"491701234567",
    ton: int = 1, npi: int = 1, esm_class: int = 0, protocol: int = 0, priority: int = 0,
    schedule: bytes = b"", validity: bytes = b"", registered: int = 0, coding: int = 0,
) -> bytes:
    """A deliver_sm from a phone, with anything wrong that one likes."""
    head = (b"\0" + bytes((ton, npi)) + source + b"\0\x05\0X000000001\0" + bytes((esm_class, protocol, priority))
            + schedule + b"\0" + validity + b"\0" + bytes((registered, 0, coding, 0, len(octets))))
    return pdu(c.DELIVER_SM, sequence, head + octets + tlvs)


def udh(header: bytes, octets: bytes = b"hi", sequence: int = 11) -> bytes:
    return text(header + octets, esm_class=0x40, sequence=sequence)


def receipt(octets: bytes, tlvs: bytes = b"") -> bytes:
    return text(octets, tlvs, esm_class=c.ESM_RECEIPT)


# What SMPP 3.4 lets or tells an ESME survive.
BEARABLE: dict[str, bytes] = {
    "vendor's TLV": text(tlvs=tlv(0x1401, b"abc")),
    "TLV of another command": text(tlvs=tlv(0x17, b"\0\0\0\1")),
    "TLV of later versions": text(tlvs=tlv(0x428, b"\1")),
    "TLV with a value too short": text(tlvs=tlv(0x204, b"\1")),
    "the same TLV twice": text(tlvs=tlv(0x204, b"\0\1") * 2),
    "TLV longer than the PDU": text(tlvs=b"\x04\x24\x00\x10abc"),
    "a stray octet after the body": text(tlvs=b"\0"),
    "message_state 0": receipt(RECEIPT % b"1", tlv(0x427, b"\0")),
    "message_state out of range": receipt(RECEIPT % b"1", tlv(0x427, b"\x63")),
    "receipted_message_id without NUL": receipt(RECEIPT % b"1", tlv(0x1E, b"abc")),
    "receipt for nothing": receipt(RECEIPT % b"999999"),
    "receipt without fields": receipt(b"what?"),
    "receipt without text": receipt(b""),
    "unknown TON and NPI": text(ton=200, npi=99),
    "priority out of range": text(priority=255),
    "every receipt flag": text(registered=255),
    "every esm_class": b"".join(text(esm_class=n, sequence=100 + n) for n in range(256)),
    "every data_coding": b"".join(text(b"\0a\0b", coding=n, sequence=100 + n) for n in range(256)),
    "every protocol_id": b"".join(text(protocol=n, sequence=100 + n) for n in range(256)),
    "source too long": text(source=b"1" * 200),
    "source empty": text(source=b""),
    "source not ASCII": text(source="Caf\u00e9".encode(), ton=5, npi=0),
    "times that are none": text(validity=b"tomorrow", schedule=b"yesterday"),
    "sm_length longer than the body": text(b"hi")[:-3] + b"\xf0hi",
    "half a body": pdu(c.DELIVER_SM, 11, text()[16:25]),
    "no body": pdu(c.DELIVER_SM),
    "header longer than the text": udh(b"\xff\0\3\1\2\1"),
    "header announced and missing": text(b"", esm_class=0x40),
    "part 1 of 0": udh(b"\5\0\3\1\0\1"),
    "part 3 of 2": udh(b"\5\0\3\1\2\3"),
    "part 0 of 2": udh(b"\5\0\3\1\2\0"),
    "a flood of first parts": b"".join(
        udh(b"\5\0\3" + bytes((n & 255, 255, 1)), b"x" * 100, 1000 + n) for n in range(500)),
    "UCS-2 with half a character": text(b"\0A\xd8", coding=8) + text(b"\xd8\x3d", coding=8, sequence=12),
    "control characters": text(bytes(range(128))) + text(b"\0\1\xff\xff", coding=8, sequence=12),
    "60,000 octets of payload": text(b"", tlv(0x424, b"A" * 60_000)),
    "text and payload": text(b"one", tlv(0x424, b"two")),
    "one sequence number twice": text() * 2,
    "sequence numbers 0 and FFFFFFFF": pdu(c.ENQUIRE_LINK, 0) + pdu(c.ENQUIRE_LINK, 0xFFFF_FFFF),
    "data_sm": pdu(0x103, 11, b"\0\1\x01491\0\1\x01492\0\0\0\0" + tlv(0x424, b"hello")),
    "alert_notification": pdu(0x102, 11, b"\1\x01491\0\1\x01492\0"),
    "outbind when bound": pdu(0x0B, 11, b"smsc\0pw\0"),
    "commands that nobody knows": pdu(0x111) + pdu(0x10201, 12, b"xyz") + pdu(0x7FFF_FFFF, 13),
    "commands for an SMSC": pdu(c.BIND_TRANSCEIVER, 11, b"s\0p\0\0\x34\0\0\0") + pdu(c.SUBMIT_SM, 12, text()[16:]),
    "answers to nothing": pdu(0x80000004, 4242, b"x\0") + pdu(0x80000004, 4243, b"", 0x58) + pdu(0x80000015, 4244),
    "answers without a body": pdu(0x80000004, 4242) + pdu(0x80000009, 4243),
    "answers with statuses unknown": b"".join(
        pdu(0x80000004, 5000, b"", status) for status in (0x10, 0x400, 0xFFFF_FFFF)),
    "generic_nack for nothing": pdu(c.GENERIC_NACK, 4245, b"", 3) + pdu(c.GENERIC_NACK, 0, b"", 1),
    "a flood of enquire_link": b"".join(pdu(c.ENQUIRE_LINK, n) for n in range(1, 2000)),
}
OTHERS = pdu(c.QUERY_SM, 21, b"1\0\1\x01491\0") + pdu(c.REPLACE_SM, 22, b"1") + pdu(c.SUBMIT_MULTI, 23, b"\0\0\0\0\xff")
BEARABLE |= {
    "commands for an SMSC that are damaged": OTHERS + pdu(c.CANCEL_SM, 24) + pdu(c.QUERY_SM, 25),
    "alert_notification cut": pdu(0x102, 11, b"\1\x01491"),
    "outbind cut": pdu(0x0B, 11, b"smsc"),
    "message_payload that is empty": text(b"", tlv(0x424, b"")),
    "short_message of 255 octets": text(b"x" * 255),
    "SAR without its total": text(tlvs=tlv(0x20C, b"\0\1") + tlv(0x20F, b"\1")),
    "SAR numbers of no octets": text(tlvs=tlv(0x20C, b"") + tlv(0x20E, b"") + tlv(0x20F, b"")),
    "message_state of no octets": receipt(RECEIPT % b"1", tlv(0x427, b"")),
    "receipt of 60 000 octets": receipt(b"", tlv(0x424, b"id:1 " * 12_000)),
    "ids that are huge numbers": receipt(b"id:" + b"9" * 200 + b" stat:DELIVRD"),
    "texts for a number with letters and NUL": text(source=b"\xff\xfe", ton=5),
    "ten thousand TLVs": text(tlvs=tlv(0x1401, b"") * 10_000),
}
# Answers to the one submit_sm that waits, with %d for its number: good, bad or none at all.
ANSWERS: dict[str, bytes] = {
    "without an id": pdu(0x80000004, 0),
    "an id without end": pdu(0x80000004, 0, b"x" * 10),
    "an id too long": pdu(0x80000004, 0, b"x" * 100 + b"\0"),
    "an id that is not ASCII": pdu(0x80000004, 0, b"\xff\xfe\0"),
    "an id and damaged TLVs": pdu(0x80000004, 0, b"id\0\x04"),
    "congestion_state of no octets": pdu(0x80000004, 0, b"id\0" + tlv(0x428, b"")),
    "congestion_state out of range": pdu(0x80000004, 0, b"id\0" + tlv(0x428, b"\xff" * 9)),
    "a status of a vendor": pdu(0x80000004, 0, b"", 0x0000_0499),
    "a status and a body": pdu(0x80000004, 0, b"id\0" + tlv(0x1D, b"\xff" * 300), 0xFE),
    "a generic_nack": pdu(c.GENERIC_NACK, 0, b"", 3),
    "a generic_nack that says all is well": pdu(c.GENERIC_NACK),
    "an answer to something else": pdu(0x80000103, 0, b"id\0"),
    "a request of that number": pdu(c.ENQUIRE_LINK, 0),
    "nothing": b"",
}
# After these nobody knows where the next PDU begins (SMS-11).
FATAL: dict[str, bytes] = {
    "length 0": struct.pack("!4L", 0, c.DELIVER_SM, 0, 11),
    "length 15": struct.pack("!4L", 15, c.DELIVER_SM, 0, 11),
    "length of 2 GiB": struct.pack("!4L", 0x7FFF_FFFF, c.DELIVER_SM, 0, 11),
    "another protocol": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


class HostileTests(EdgeCase):
    """One link, bound to an SMSC that says what it likes."""

    def hear_all(self, transport: Transport, octets: bytes) -> None:
        """Let it read, and the engine say yes to everything."""
        transport.protocol.dataReceived(octets)
        verdicts, self.intake.verdicts = self.intake.verdicts, []
        for verdict in verdicts:
            verdict.callback(Taken("d"))
        self.reactor.advance(0)

    def survives(self, transport: Transport) -> bool:
        """Whether an enquire_link is answered."""
        if transport.protocol is None or transport.disconnecting:
            return False
        self.hear_all(transport, pdu(c.ENQUIRE_LINK, PROBE))
        octets: bytes = transport.value()
        transport.clear()
        return octets.endswith(pdu(c.ENQUIRE_LINK | c.RESPONSE, PROBE))

    def each(self, cases: dict[str, bytes], feed: Callable[[Transport, bytes], None]) -> list[str]:
        """The cases that cost the session."""
        lost = []
        for name, octets in cases.items():
            transport = self.bound()
            feed(transport, octets)
            if not self.survives(transport):
                lost.append(name)
        return lost

    def test_bearable(self) -> None:
        """What the ESME need not understand does not cost the session, and raises nothing (SMS-11, SMS-12)."""
        self.assertEqual(self.each(BEARABLE, self.hear_all), [])

    def test_octet_by_octet(self) -> None:
        """The same when every octet comes by itself."""

        def feed(transport: Transport, octets: bytes) -> None:
            for at in range(len(octets)):
                self.hear_all(transport, octets[at:at + 1])

        short = {name: octets for name, octets in BEARABLE.items() if len(octets) < 1000}
        self.assertEqual(self.each(short, feed), [])

    def test_every_text_is_answered(self) -> None:
        """Each deliver_sm gets exactly one answer with its sequence number, good or bad."""
        for name, octets in BEARABLE.items():
            asked = [sequence for command, sequence in self.heads(octets) if command == c.DELIVER_SM]
            transport = self.bound()
            self.hear_all(transport, octets)
            answered = [sequence for command, sequence in self.heads(transport.value())
                        if command == c.DELIVER_SM | c.RESPONSE]
            self.assertEqual(sorted(answered), sorted(asked), name)

    def test_answers(self) -> None:
        """Whatever comes back for a text, its sender is told once, and the session lives on (SMS-18)."""
        for name, octets in ANSWERS.items():
            transport = self.bound()
            results = self.deliver(item("a"))
            [(_, sequence)] = self.heads(transport.value())
            transport.clear()
            for _ in range(3):
                self.hear_all(transport, octets and octets[:12] + struct.pack("!L", sequence) + octets[16:])
            self.assertTrue(self.survives(transport), name)
            self.reactor.advance(11)
            self.assertEqual(len(results), 1, name)

    def test_fatal(self) -> None:
        """Where the border between PDUs is lost the session ends, and the ESME comes back (SMS-6, SMS-11)."""
        for name, octets in FATAL.items():
            transport = self.bound()
            self.hear_all(transport, octets)
            self.assertFalse(self.survives(transport), name)
            transport.lose()
            before = len(self.reactor.tcpClients)
            self.reactor.advance(2)
            self.assertEqual(len(self.reactor.tcpClients), before + 1, name)

    @staticmethod
    def heads(octets: bytes) -> list[tuple[int, int]]:
        """Command and sequence number of each PDU."""
        found = []
        while len(octets) >= 16:
            length, command, _, sequence = struct.unpack("!4L", octets[:16])
            found.append((command, sequence))
            octets = octets[length:]
        return found
