"""PDUs and their octets."""

from __future__ import annotations

import struct

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.framing import PduFramer
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
    Pdu,
    PduFault,
    Query,
    QueryResp,
    Replace,
    ShortMessage,
    Sme,
    response,
    tlv,
    tlv_number,
)

BIND = "00000020 00000009 00000000 00000001 69776600 73656372657400 00 34 00 00 00"
SUBMIT = (
    "00000049 00000004 00000000 00000002 00 0500 58303030303030303031 00 0101 343931373031323334353637 00"
    "000000 00 3030303030303030303130303030305200 01 00 00 00 02 6869"
)
SUBMIT_RESP = "00000017 80000004 00000000 00000002 30613162326300"
RECEIPT = (
    "000000ab 00000005 00000000 0000004d 00 0101 343931373031323334353637 00 0500 58303030303030303031 00"
    "040000 00 00 00 00 00 00 64"
    "69643a306131623263207375623a30303120646c7672643a303031207375626d697420646174653a3236303330313130"
    "313520646f6e6520646174653a3236303330313130313520737461743a44454c49565244206572723a30303020746578"
    "743a6869 0427000102 001e0007 30613162326300"
)

MESSAGE = ShortMessage(source=Sme(1, 1, "15550001"), destination=Sme(1, 1, "15559999"), short_message=b"hi")


def deliver(body: bytes) -> bytes:
    return struct.pack("!LLLL", 16 + len(body), c.DELIVER_SM, 0, 11) + body


def deliver_body() -> bytes:
    """The body of MESSAGE, for damaging."""
    return encode(Pdu(c.DELIVER_SM, 11, body=MESSAGE))[16:]


class SampleTests(SynchronousTestCase):
    """Octets of the specification's samples and of real systems."""

    def check(self, octets: str, pdu: Pdu) -> None:
        wire = bytes.fromhex(octets)
        self.assertEqual(decode(wire), pdu)
        self.assertEqual(encode(pdu), wire)

    def test_bind(self) -> None:
        """A bind is read and written octet for octet."""
        self.check(BIND, Pdu(c.BIND_TRANSCEIVER, 1, body=Bind("iwf", "secret")))

    def test_submit(self) -> None:
        """A submit_sm from a virtual number with a validity of a minute."""
        self.check(SUBMIT, Pdu(c.SUBMIT_SM, 2, body=ShortMessage(
            source=Sme(5, 0, "X000000001"), destination=Sme(1, 1, "491701234567"),
            validity_period="000000000100000R", registered_delivery=1, short_message=b"hi",
        )))

    def test_submit_response(self) -> None:
        """Its answer with a message_id."""
        self.check(SUBMIT_RESP, Pdu(c.SUBMIT_SM | c.RESPONSE, 2, body=MessageResp("0a1b2c")))

    def test_receipt(self) -> None:
        """A receipt with its TLVs in the order they came."""
        pdu = decode(bytes.fromhex(RECEIPT))
        assert isinstance(pdu.body, ShortMessage)
        self.assertEqual(pdu.body.tlvs, ((c.TLV_MESSAGE_STATE, b"\x02"), (c.TLV_RECEIPTED_MESSAGE_ID, b"0a1b2c\0")))
        self.assertEqual(tlv_number(pdu.body.tlvs, c.TLV_MESSAGE_STATE), 2)
        self.assertEqual(encode(pdu), bytes.fromhex(RECEIPT))

    def test_operations_on_messages(self) -> None:
        """query_sm, its answer, cancel_sm, replace_sm and alert_notification, field by field."""
        phone, number = Sme(1, 1, "491701234567"), Sme(5, 0, "X1")
        phone_octets, number_octets = "0101 343931373031323334353637 00", "0500 583100"
        for command, octets, body in (
            (c.QUERY_SM, "613100" + number_octets, Query("a1", number)),
            (c.QUERY_SM | c.RESPONSE, "613100 00 05 01", QueryResp("a1", "", 5, 1)),
            (c.CANCEL_SM, "00 613100" + number_octets + phone_octets, Cancel("", "a1", number, phone)),
            (c.REPLACE_SM, "613100" + number_octets + "00 00 01 00 02 6869", Replace(
                "a1", number, registered_delivery=1, short_message=b"hi")),
            (c.ALERT_NOTIFICATION, phone_octets + number_octets + "04220001 00", Alert(
                phone, number, ((c.TLV_MS_AVAILABILITY_STATUS, b"\0"),))),
        ):
            wire = bytes.fromhex(octets)
            self.check((struct.pack("!LLLL", 16 + len(wire), command, 0, 7) + wire).hex(), Pdu(command, 7, body=body))

    def test_multi(self) -> None:
        """submit_multi to a phone and to a list, and the answer with the phone that failed."""
        phone = Sme(1, 1, "491701234567")
        body = "00 0500 583100 02 01 0101 343931373031323334353637 00 02 616c6c00 000000 00 00 00 00 00 00 02 6869"
        answer = "613100 01 0101 343931373031323334353637 00 0000000b"
        for command, octets, value in (
            (c.SUBMIT_MULTI, body, MultiMessage((phone, "all"), ShortMessage(
                source=Sme(5, 0, "X1"), short_message=b"hi"))),
            (c.SUBMIT_MULTI | c.RESPONSE, answer, MultiResp("a1", ((phone, c.RINVDSTADR),))),
        ):
            wire = bytes.fromhex(octets)
            self.check((struct.pack("!LLLL", 16 + len(wire), command, 0, 7) + wire).hex(), Pdu(command, 7, body=value))

    def test_multi_faults(self) -> None:
        """A destination that is neither phone nor list is refused, and so are more than 254 (SMPP 3.4 5.2.24)."""
        wire = bytes.fromhex("00 0500 583100 01 07")
        fault = self.assertRaises(PduFault, decode, struct.pack(
            "!LLLL", 16 + len(wire), c.SUBMIT_MULTI, 0, 7) + wire)
        self.assertEqual(fault.status, c.RINVDESTFLAG)
        fault = self.assertRaises(PduFault, encode, Pdu(c.SUBMIT_MULTI, 1, body=MultiMessage((Sme(),) * 255)))
        self.assertEqual(fault.status, c.RINVNUMDESTS)

    def test_odd_values(self) -> None:
        """Values outside the defined sets are carried, not refused."""
        wire = (
            "00000046000000040000000000001234434d5400010233313630303030303030300003043331363132333435363738000506"
            "0700000801090a0c48656c6c6f20576f726c6421"
        )
        self.check(wire, Pdu(c.SUBMIT_SM, 0x1234, body=ShortMessage(
            "CMT", Sme(1, 2, "31600000000"), Sme(3, 4, "31612345678"), 5, 6, 7, "", "", 8, 1, 9, 10, b"Hello World!",
        )))

    def test_real_receipt(self) -> None:
        """A receipt of a real SMSC with three TLVs not of the standard's list for deliver_sm."""
        wire = bytes.fromhex(
            "000000BA00000005000000000000000200010134343935313336313932300001013430343034000400000000000000006E69643A"
            "30303539313133393738207375623A30303120646C7672643A303031207375626D697420646174653A3130303231303137333020"
            "646F6E6520646174653A3130303231303137333120737461743A44454C49565244206572723A30303020746578743A4024232125"
            "262F3A000E0001010006000101001E000833383630316661000427000102"
        )
        pdu = decode(wire)
        assert isinstance(pdu.body, ShortMessage)
        self.assertEqual(pdu.body.tlvs, (
            (0x0E, b"\x01"), (0x06, b"\x01"),
            (c.TLV_RECEIPTED_MESSAGE_ID, b"38601fa\0"), (c.TLV_MESSAGE_STATE, b"\x02"),
        ))
        self.assertEqual(encode(pdu), wire)

    def test_deliver_response_with_id(self) -> None:
        """A deliver_sm_resp that carries a message_id is read."""
        self.check("00000022800000050000000000000067313639313537353033353237373235383600",
                   Pdu(c.DELIVER_SM | c.RESPONSE, 0x67, body=MessageResp("16915750352772586")))

    def test_responses_without_body(self) -> None:
        """Answers whose body is missing are read, with a good status too."""
        for command, body in ((c.SUBMIT_SM, MessageResp()), (c.BIND_TRANSCEIVER, BindResp()), (c.UNBIND, Nothing())):
            wire = struct.pack("!LLLL", 16, command | c.RESPONSE, 0, 7)
            self.assertEqual(decode(wire).body, body)

    def test_any_command_is_carried(self) -> None:
        """Commands without a body of their own, or not known, are carried with their octets and status."""
        for command in (0x111, 0x112, 0x113, 0x10201, c.CANCEL_SM | c.RESPONSE):
            pdu = Pdu(command, 9, 0x410, Opaque(b"anything"))
            self.assertEqual(decode(encode(pdu)), pdu)

    def test_password_is_not_shown(self) -> None:
        """Passwords do not appear when a PDU is logged."""
        self.assertNotIn("secret", repr(Pdu(c.BIND_TRANSCEIVER, 1, body=Bind("iwf", "secret"))))
        self.assertNotIn("secret", repr(Pdu(c.OUTBIND, 1, body=Outbind("iwf", "secret"))))

    def test_names(self) -> None:
        """Commands have their names in logs, unknown ones their numbers."""
        commands = (c.SUBMIT_SM, c.DELIVER_SM | c.RESPONSE, c.GENERIC_NACK, 0x111)
        self.assertEqual([Pdu(command).name for command in commands],
                         ["submit_sm", "deliver_sm_resp", "generic_nack", "0x111"])

    def test_payload_wins(self) -> None:
        """The text is in message_payload when there is one, else in short_message (SMS-36)."""
        payload = ((c.TLV_MESSAGE_PAYLOAD, b"long"),)
        self.assertEqual(ShortMessage(short_message=b"short").user_data, b"short")
        self.assertEqual(ShortMessage(tlvs=payload).user_data, b"long")
        self.assertEqual(ShortMessage(short_message=b"short", tlvs=payload).user_data, b"long")

    def test_repeated_tlv(self) -> None:
        """Of a repeated TLV the first counts, and both are kept."""
        tlvs = ((c.TLV_USER_MESSAGE_REFERENCE, b"\0\1"), (c.TLV_USER_MESSAGE_REFERENCE, b"\0\2"))
        self.assertEqual(tlv(tlvs, c.TLV_USER_MESSAGE_REFERENCE), b"\0\1")
        pdu = Pdu(c.DELIVER_SM, 1, body=ShortMessage(tlvs=tlvs))
        self.assertEqual(decode(encode(pdu)), pdu)


class ResponseTests(SynchronousTestCase):
    """The answer that goes with a request."""

    def test_bodies(self) -> None:
        """deliver_sm_resp has an empty message_id with any status; an error to submit_sm has no body."""
        for command, status, body in (
            (c.DELIVER_SM, 0, MessageResp()), (c.DELIVER_SM, 0x64, MessageResp()), (c.DATA_SM, 0x64, MessageResp()),
            (c.SUBMIT_SM, 0x64, Nothing()), (c.ENQUIRE_LINK, 0, Nothing()), (c.QUERY_SM, 3, Nothing()),
        ):
            self.assertEqual(response(Pdu(command, 77), status), Pdu(command | c.RESPONSE, 77, status, body))


class FaultTests(SynchronousTestCase):
    """Damaged PDUs say how to answer (SMS-12, ERR 8.5)."""

    def fault(self, octets: bytes) -> int:
        fault = self.assertRaises(PduFault, decode, octets)
        self.assertFalse(fault.framing_lost)
        return int(fault.status)

    def test_lengths(self) -> None:
        """A body that ends early, or that sm_length does not fit, is named."""
        whole = deliver_body()
        self.assertEqual(self.fault(deliver(b"")), c.RINVCMDLEN)
        self.assertEqual(self.fault(deliver(whole[:9])), c.RINVCMDLEN)
        self.assertEqual(self.fault(deliver(whole[:30])), c.RINVCMDLEN)
        self.assertEqual(self.fault(deliver(whole[:-3] + b"\xf0hi")), c.RINVMSGLEN)

    def test_strings_too_long(self) -> None:
        """A string over its maximum names its field."""
        for field, value, status in (
            (b"15550001", b"1" * 40, c.RINVSRCADR), (b"15559999", b"1" * 40, c.RINVDSTADR),
            (b"\0\1\1" + b"15550001", b"toolong\0\1\1" + b"15550001", c.RINVSERTYP),
        ):
            self.assertEqual(self.fault(deliver(deliver_body().replace(field, value))), status)

    def test_longest_strings(self) -> None:
        """The maximum counts the NUL: 20 digits fit an address of at most 21 octets."""
        pdu = Pdu(c.DELIVER_SM, 1, body=ShortMessage(source=Sme(1, 1, "1" * 20), service_type="abcde"))
        self.assertEqual(decode(encode(pdu)), pdu)

    def test_tlvs(self) -> None:
        """Stray octets behind the last TLV are C0, a TLV that ends outside is C2."""
        whole = deliver_body()
        for stray in (b"\0", b"\0\1", b"\0\1\0"):
            self.assertEqual(self.fault(deliver(whole + stray)), c.RINVOPTPARSTREAM)
        self.assertEqual(self.fault(deliver(whole + b"\x04\x24\x00\x10abc")), c.RINVPARLEN)

    def test_writing_what_does_not_fit(self) -> None:
        """Values that do not fit their field are not written."""
        for body, status in (
            (Bind("x" * 16), c.RINVSYSID), (Bind(password="x" * 9), c.RINVPASWD), (Bind(system_type="x" * 13), 0x53),
            (ShortMessage(source=Sme(1, 1, "1" * 21)), c.RINVSRCADR),
            (ShortMessage(destination=Sme(1, 1, "1\x002")), c.RINVDSTADR),
            (ShortMessage(source=Sme(5, 0, "\u20ac")), c.RINVSRCADR),
            (ShortMessage(source=Sme(256, 0, "1")), c.RSYSERR),
            (ShortMessage(short_message=b"x" * 256), c.RINVMSGLEN),
            (ShortMessage(tlvs=((c.TLV_MESSAGE_PAYLOAD, b"x" * 65536),)), c.RINVPARLEN),
        ):
            fault = self.assertRaises(PduFault, encode, Pdu(c.SUBMIT_SM, 1, body=body))
            self.assertEqual(fault.status, status)

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(sorted(c.REQUESTS) + [command | c.RESPONSE for command in sorted(c.REQUESTS)]),
           st.one_of(st.binary(max_size=80), st.binary(max_size=6).map(lambda junk: deliver_body() + junk),
                     st.integers(0, 40).map(lambda cut: deliver_body()[:cut])))
    def test_any_octets(self, command: int, body: bytes) -> None:
        """Any octets are a PDU or a PduFault, and a PDU that was read is written so that it
        reads the same."""
        wire = struct.pack("!LLLL", 16 + len(body), command, 0, 1) + body
        try:
            pdu = decode(wire)
        except PduFault as fault:
            self.assertFalse(fault.framing_lost)
            return
        self.assertEqual(decode(encode(pdu)), pdu)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=40))
    def test_any_octets_as_whole(self, octets: bytes) -> None:
        """Octets with a wrong length in front are a PduFault."""
        if octets[:4] != struct.pack("!L", len(octets)) or len(octets) < 16:
            self.assertRaises(PduFault, decode, octets)


texts = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
octet = st.integers(0, 255)
smes = st.builds(Sme, octet, octet, texts)
tlvs = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=10)), max_size=4).map(tuple)
short_texts = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=5)
times = st.one_of(st.just(""), st.just("000000000100000R"))
message_bodies = st.builds(
    ShortMessage, short_texts, smes, smes, octet, octet, octet, times, times, octet, octet, octet, octet,
    st.binary(max_size=254), tlvs,
)
bodies: st.SearchStrategy[tuple[int, Body]] = st.one_of(
    st.tuples(st.sampled_from([c.SUBMIT_SM, c.DELIVER_SM]), message_bodies),
    st.tuples(st.just(c.DATA_SM), st.builds(
        ShortMessage, short_texts, smes, smes, octet, registered_delivery=octet, data_coding=octet, tlvs=tlvs)),
    st.tuples(st.just(c.SUBMIT_SM | c.RESPONSE), st.builds(MessageResp, texts, tlvs)),
    st.tuples(st.just(c.BIND_RECEIVER), st.builds(
        Bind, short_texts, short_texts, short_texts, octet, octet, octet, texts)),
    st.tuples(st.just(c.BIND_RECEIVER | c.RESPONSE), st.builds(BindResp, short_texts, tlvs)),
    st.tuples(st.just(c.OUTBIND), st.builds(Outbind, short_texts, short_texts)),
    st.tuples(st.just(c.SUBMIT_MULTI), st.builds(
        MultiMessage, st.lists(st.one_of(smes, texts), max_size=5).map(tuple),
        message_bodies.map(lambda body: evolve(body, destination=Sme())))),
    st.tuples(st.just(c.SUBMIT_MULTI | c.RESPONSE), st.builds(
        MultiResp, texts, st.lists(st.tuples(smes, st.integers(0, 0xFFFFFFFF)), max_size=5).map(tuple), tlvs)),
    st.tuples(st.just(c.QUERY_SM), st.builds(Query, texts, smes)),
    st.tuples(st.just(c.QUERY_SM | c.RESPONSE), st.builds(QueryResp, texts, times, octet, octet, tlvs)),
    st.tuples(st.just(c.ENQUIRE_LINK | c.RESPONSE), st.builds(OnlyTlvs, tlvs.filter(bool))),
    st.tuples(st.just(c.CANCEL_SM), st.builds(Cancel, short_texts, texts, smes, smes)),
    st.tuples(st.just(c.REPLACE_SM), st.builds(
        Replace, texts, smes, times, times, octet, octet, st.binary(max_size=255), tlvs)),
    st.tuples(st.just(c.ALERT_NOTIFICATION), st.builds(Alert, smes, smes, tlvs)),
)
pdus = st.builds(
    lambda pair, sequence, status: Pdu(pair[0], sequence, status, pair[1]),
    bodies, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF),
)


class RoundTripTests(SynchronousTestCase):
    """Writing, then reading."""

    @settings(max_examples=200, deadline=None)
    @given(pdus)
    def test_identity(self, pdu: Pdu) -> None:
        """What is written reads the same."""
        self.assertEqual(decode(encode(pdu)), pdu)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(pdus, max_size=6), st.lists(st.integers(1, 50), min_size=1, max_size=20))
    def test_chunks(self, sent: list[Pdu], sizes: list[int]) -> None:
        """However the network cuts the stream, the same PDUs come out."""
        stream = b"".join(map(encode, sent))
        framer, found, at, turn = PduFramer(), [], 0, 0
        while at < len(stream):
            size = sizes[turn % len(sizes)]
            framer.feed(stream[at:at + size])
            at, turn = at + size, turn + 1
            while (octets := framer.next()) is not None:
                found.append(decode(octets))
        self.assertEqual(found, sent)
        self.assertFalse(framer.in_pdu)


class FramerTests(SynchronousTestCase):
    """The borders of PDUs (SMS-11)."""

    def test_impossible_lengths(self) -> None:
        """A length below a header or above the limit loses the framing, for good."""
        for length in (0, 15, 65537, 0x7FFFFFFF, 0x47455420):
            framer = PduFramer()
            framer.feed(struct.pack("!L", length))
            for _ in range(2):
                self.assertTrue(self.assertRaises(PduFault, framer.next).framing_lost)

    def test_good_before_bad(self) -> None:
        """Whole PDUs before the bad length are still read."""
        framer = PduFramer()
        framer.feed(bytes.fromhex(BIND) + struct.pack("!L", 3))
        self.assertEqual(framer.next(), bytes.fromhex(BIND))
        self.assertRaises(PduFault, framer.next)

    def test_largest(self) -> None:
        """A PDU of exactly the limit is read."""
        wire = encode(Pdu(c.DELIVER_SM, 1, body=Opaque(bytes(65536 - 16))))
        framer = PduFramer()
        framer.feed(wire[:-1])
        self.assertIsNone(framer.next())
        self.assertTrue(framer.in_pdu)
        framer.feed(wire[-1:])
        self.assertEqual(framer.next(), wire)
