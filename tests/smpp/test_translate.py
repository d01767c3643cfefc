"""PDUs and neutral values."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.edge import Answered, Offered
from iwf.mapping.model import (
    Address,
    Body,
    Failure,
    Fragment,
    Item,
    Kind,
    Message,
    Outcome,
    Party,
    Reason,
    Receipt,
    Report,
    Want,
)
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.translate import Submission, reading_of, submission_of, validity_period
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.pdu import Pdu, ShortMessage, Sme

NOW = 1_772_359_500.0  # 2026-03-01T10:05:00Z
LINK = LinkSettings("op", "smpp:op", "tcp:127.0.0.1:2775", "iwf", "secret", deliver_hold=2.0)
PLAIN = Profile()
TEXT = ShortMessage(source=Sme(1, 1, "491701234567"), destination=Sme(5, 0, "X000000001"), short_message=b"hi")


def read(message: ShortMessage, command: int = c.DELIVER_SM, link: LinkSettings = LINK) -> Offered | Answered:
    reading = reading_of(Pdu(command, 7, 0, message), link, NOW)
    assert isinstance(reading, Offered | Answered)
    return reading


class InboundTests(SynchronousTestCase):
    """From the SMSC."""

    def message(self, pdu: ShortMessage, command: int = c.DELIVER_SM) -> Message:
        reading = read(pdu, command)
        assert isinstance(reading, Offered) and isinstance(reading.event, Message), reading
        return reading.event

    def status(self, pdu: ShortMessage) -> int:
        reading = read(pdu)
        assert isinstance(reading, Answered), reading
        answer = decode(reading.answer)
        self.assertEqual((answer.command, answer.sequence), (c.DELIVER_SM | c.RESPONSE, 7))
        self.assertEqual(reading.refused, answer.status != 0)
        return answer.status

    def test_text(self) -> None:
        """A text becomes a chat message that the link vouches for (SMS-62)."""
        self.assertEqual(self.message(TEXT), Message(
            id="", origin=Party(Address("tel", "+491701234567"), asserted_by="smpp:op", spelling="1/1/491701234567"),
            target=Address("tel", "X000000001"), bodies=(Body("hi"),), kind=Kind.CHAT, lane="smpp:op", hold=2.0,
        ))

    def test_data_sm(self) -> None:
        """data_sm is the same with its text in message_payload."""
        message = evolve(TEXT, short_message=b"", tlvs=((c.TLV_MESSAGE_PAYLOAD, b"hi"),))
        self.assertEqual(self.message(message, c.DATA_SM), self.message(TEXT))

    def test_codings(self) -> None:
        """The text is read by data_coding, payload first (SMS-36)."""
        for changes, text in (
            ({"data_coding": 8, "short_message": bytes.fromhex("d83dde00")}, "😀"),
            ({"short_message": b"one", "tlvs": ((c.TLV_MESSAGE_PAYLOAD, b"two"),)}, "two"),
            ({"short_message": b"a\r\nb"}, "a\nb"), ({"data_coding": 0x10}, "hi"),  # flash, SMS-64
            ({"esm_class": 0x80}, "hi"),  # reply path, SMS-64
        ):
            self.assertEqual(self.message(evolve(TEXT, **changes)).text, text)

    def test_local_target(self) -> None:
        """A short code is in the domain of its operator (ADDR-39)."""
        self.assertEqual(self.message(evolve(TEXT, destination=Sme(3, 0, "4455"))).target, Address("tel", "4455", "op"))

    def fragment(self, pdu: ShortMessage, link: LinkSettings = LINK) -> Fragment:
        reading = read(pdu, link=link)
        assert isinstance(reading, Offered) and isinstance(reading.event, Fragment), reading
        return reading.event

    def test_part(self) -> None:
        """A part of a long text is a fragment: what the message is without its text, the octets without
        their header, and how they are read (SMS-35)."""
        first = self.fragment(evolve(TEXT, esm_class=0x40, short_message=bytes.fromhex("050003070201") + b"Hello "))
        self.assertEqual((first.total, first.number, first.coding), (2, 1, "gsm"))
        self.assertEqual(bytes.fromhex(first.octets), b"Hello ")
        self.assertEqual(first.message, evolve(self.message(TEXT), bodies=()))

    def test_part_codings(self) -> None:
        """The coding of a part names national tables; packed septets are unpacked (SMS-29, SMS-31)."""
        packed = evolve(LINK, profile=Profile(default_alphabet="gsm_packed"))
        for changes, link, coding, octets in (
            ({"short_message": bytes.fromhex("0b 240103 250101 0003070201") + b"\x07"}, LINK, "gsm:1:3", b"\x07"),
            ({"short_message": bytes.fromhex("050003070201 d83d"), "data_coding": 8}, LINK, "utf-16-be", b"\xd8\x3d"),
            ({"short_message": bytes.fromhex("050003070201 c2")}, packed, "gsm", b"a"),
            ({"short_message": bytes.fromhex("06080400070201 61")}, packed, "gsm", b"a"),
        ):
            found = self.fragment(evolve(TEXT, esm_class=0x40, **changes), link)
            self.assertEqual((found.coding, bytes.fromhex(found.octets)), (coding, octets))

    def test_part_by_tlvs(self) -> None:
        """sar_ TLVs say the same as a header; without all three of them they say nothing (SMS-35)."""
        tlvs = ((c.TLV_SAR_MSG_REF_NUM, b"\0\7"), (c.TLV_SAR_TOTAL_SEGMENTS, b"\2"), (c.TLV_SAR_SEGMENT_SEQNUM, b"\2"))
        found = self.fragment(evolve(TEXT, tlvs=tlvs))
        self.assertEqual((found.total, found.number, found.octets), (2, 2, b"hi".hex()))
        for some in (tlvs[:2], tlvs[1:], (*tlvs[:2], (c.TLV_SAR_SEGMENT_SEQNUM, b"\3")), (
                tlvs[0], (c.TLV_SAR_TOTAL_SEGMENTS, b"\1\1"), tlvs[2])):
            self.assertEqual(self.message(evolve(TEXT, tlvs=some)).text, "hi")

    def test_references(self) -> None:
        """Parts belong together by operator, phone, number, reference, its width and the total, on
        whatever link they come (SMS-35)."""
        def part(octets: str, link: LinkSettings = LINK, **changes: Any) -> str:
            return self.fragment(evolve(TEXT, esm_class=0x40, short_message=bytes.fromhex(octets), **changes),
                                 link).reference

        same = part("050003070201 61")
        twin = LinkSettings("op2", "smpp:op2", "tcp:127.0.0.1:2775", "iwf", "secret", operator="op")
        self.assertEqual(part("050003070202 62", twin), same)
        others = {part("050003080201 61"), part("050003070301 61"), part("06080400070201 61"),
                  part("050003070201 61", source=Sme(1, 1, "491701234568")),
                  part("050003070201 61", destination=Sme(5, 0, "X000000002")),
                  part("050003070201 61", evolve(LINK, name="else"))}
        self.assertEqual(len(others | {same}), 7)

    def test_the_only_part(self) -> None:
        """A text of one part is a text, header or not."""
        only = evolve(TEXT, esm_class=0x40, short_message=bytes.fromhex("050003070101") + b"hi")
        self.assertEqual(self.message(only), self.message(TEXT))

    def test_binary_dropped(self) -> None:
        """Where the operator would repeat it, what is no text is taken and dropped (SMS-23)."""
        link = evolve(LINK, profile=Profile(binary="drop"))
        for changes in ({"data_coding": 4}, {"protocol_id": 0x7F}):
            reading = read(evolve(TEXT, **changes), link=link)
            assert isinstance(reading, Answered)
            self.assertEqual((decode(reading.answer).status, reading.refused), (0, False))

    def test_keys(self) -> None:
        """Texts that the SMSC numbers are known when they come again; others have no key, since a
        phone may well send the same words twice."""
        self.assertEqual(self.message(TEXT).key, "")
        referenced = evolve(TEXT, tlvs=((c.TLV_USER_MESSAGE_REFERENCE, b"\0\1"),))
        self.assertTrue(self.message(referenced).key)
        self.assertNotEqual(self.message(referenced).key,
                            self.message(evolve(TEXT, tlvs=((c.TLV_USER_MESSAGE_REFERENCE, b"\0\2"),))).key)

    def test_not_bridged(self) -> None:
        """Binary, ports, SIM and EMS are refused with 66 (SMS-23)."""
        for changes in (
            {"data_coding": 4}, {"data_coding": 0xF5}, {"protocol_id": 0x7F}, {"data_coding": 0xF2},
            {"esm_class": 0x40, "short_message": bytes.fromhex("0605040b8423f0") + b"push"},
            {"esm_class": 0x40, "short_message": bytes.fromhex("030a0100") + b"ems"},
        ):
            self.assertEqual(self.status(evolve(TEXT, **changes)), c.RX_R_APPN, changes)

    def test_damaged_header(self) -> None:
        """User data that is shorter than its header is refused with 43 (ERR 8.5)."""
        for octets in (b"", bytes.fromhex("ff0003010201") + b"hi"):
            self.assertEqual(self.status(evolve(TEXT, esm_class=0x40, short_message=octets)), c.RINVESMCLASS)

    def test_unusable_addresses(self) -> None:
        """A sender without a number is refused with 66, a target without one with 65 (ADDR section 9)."""
        self.assertEqual(self.status(evolve(TEXT, source=Sme(1, 1, ""))), c.RX_R_APPN)
        self.assertEqual(self.status(evolve(TEXT, destination=Sme(1, 1, ""))), c.RX_P_APPN)

    def test_nothing_said(self) -> None:
        """An empty text is taken and goes nowhere (MSG-11)."""
        self.assertEqual(self.status(evolve(TEXT, short_message=b"")), c.ROK)

    def test_acknowledgements(self) -> None:
        """A phone asks for what it wants to hear in bits 3 and 2 of registered_delivery (SMPP 3.4 5.2.17);
        the bits of an SMSC's own receipts mean nothing here."""
        for bits, wants in ((0, set()), (1, set()), (4, {Want.DELIVERED}), (8, {Want.DISPLAYED}),
                            (0b1101, {Want.DELIVERED, Want.DISPLAYED}), (0x10, set())):
            self.assertEqual(self.message(evolve(TEXT, registered_delivery=bits)).wants, wants, bits)

    def test_receipt(self) -> None:
        """A receipt names the message by the lane and its id; data_sm carries it as well (SMS-40)."""
        message = evolve(TEXT, esm_class=c.ESM_RECEIPT, short_message=b"id:0A1B stat:UNDELIV")
        for command in (c.DELIVER_SM, c.DATA_SM):
            reading = read(message, command)
            assert isinstance(reading, Offered) and isinstance(reading.event, Receipt)
            receipt = reading.event
            self.assertEqual((receipt.peer, receipt.ref, receipt.outcome, receipt.at),
                             ("smpp:op", "0a1b", Outcome.FAILED, NOW))

    def test_intermediate(self) -> None:
        """An intermediate notification is news as well."""
        reading = read(evolve(TEXT, esm_class=c.ESM_INTERMEDIATE, short_message=b"id:1 stat:ENROUTE"))
        assert isinstance(reading, Offered) and isinstance(reading.event, Receipt)
        self.assertIs(reading.event.outcome, Outcome.PROCESSED)

    def test_acknowledged_by_hand(self) -> None:
        """A user's acknowledgement says that the message was displayed (MSG section 6)."""
        reading = read(evolve(TEXT, esm_class=c.ESM_SME_USER_ACK, short_message=b"id:1 stat:DELIVRD"))
        assert isinstance(reading, Offered) and isinstance(reading.event, Receipt)
        self.assertIs(reading.event.outcome, Outcome.DISPLAYED)

    def test_unreadable_receipt(self) -> None:
        """A receipt that cannot be read is answered 00 and never passed on as a text (SMS-44)."""
        for esm_class in (0x04, 0x08, 0x10, 0x20, 0x3C):
            self.assertEqual(self.status(evolve(TEXT, esm_class=esm_class, short_message=b"garbage")), c.ROK)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40),
           st.text(st.characters(max_codepoint=255), max_size=20),
           st.text(st.characters(max_codepoint=255), max_size=20))
    def test_anything(
        self, esm_class: int, data_coding: int, ton: int, text: bytes, source: str, destination: str,
    ) -> None:
        """Whatever a deliver_sm holds, it is an event or an answer."""
        read(ShortMessage(
            source=Sme(ton, 1, source), destination=Sme(ton, 1, destination), esm_class=esm_class,
            data_coding=data_coding, short_message=text,
        ))


OUTBOUND = Message(
    id="m1", origin=Party(Address("tel", "X000000001")), target=Address("tel", "+491701234567"), bodies=(Body("hi"),),
    expires_at=NOW + 60,
)


def item(payload: Message | Report, expires_at: float | None = None) -> Item:
    return Item("i1", "smpp:op", "s", payload, expires_at=expires_at)


class OutboundTests(SynchronousTestCase):
    """To the SMSC."""

    def submission(
        self, message: Message | Report, profile: Profile = PLAIN, expires_at: float | None = None,
    ) -> Submission:
        submission = submission_of(item(message, expires_at), evolve(LINK, profile=profile), NOW)
        assert isinstance(submission, Submission), submission
        return submission

    def failure(self, message: Message, profile: Profile = PLAIN) -> Failure:
        failure = submission_of(item(message), evolve(LINK, profile=profile), NOW)
        assert isinstance(failure, Failure), failure
        return failure

    def test_sample(self) -> None:
        """The specification's sample, octet for octet (examples 4.1)."""
        [part] = self.submission(OUTBOUND).parts(7)
        self.assertEqual(encode(Pdu(c.SUBMIT_SM, 2, body=part)), bytes.fromhex(
            "00000049000000040000000000000002000500583030303030303030310001013439313730313233343536370000000000303030"
            "30303030303031303030303052000100000002 6869"
        ))

    def test_long_text(self) -> None:
        """A long text is several messages that differ in their user data alone (SMS-34)."""
        submission = self.submission(evolve(OUTBOUND, bodies=(Body("a" * 161),)))
        first, second = evolve(submission, reference=0x2A).parts()
        self.assertEqual(first.short_message, bytes.fromhex("0500032a0201") + b"a" * 153)
        self.assertEqual(second.short_message, bytes.fromhex("0500032a0202") + b"a" * 8)
        self.assertEqual(first.esm_class, 0x40)
        self.assertEqual(evolve(first, short_message=b""), evolve(second, short_message=b""))

    def test_reference(self) -> None:
        """The parts of a text carry the number the core gave it, at every attempt (SMS-33)."""
        for serial, octet in ((1, 1), (256, 0), (511, 255)):
            message = evolve(OUTBOUND, bodies=(Body("a" * 161),), serial=serial)
            self.assertEqual([part.short_message[3] for part in self.submission(message).parts()], [octet, octet])

    def test_sar(self) -> None:
        """With TLVs there is no header and no bit in esm_class (SMS-34)."""
        message = evolve(OUTBOUND, bodies=(Body("a" * 161),), serial=0x107)
        first, second = self.submission(message, Profile(long_texts="sar", reference_bits=16)).parts()
        self.assertEqual((first.esm_class, first.short_message, second.short_message), (0, b"a" * 152, b"a" * 9))
        self.assertEqual(second.tlvs, ((c.TLV_SAR_MSG_REF_NUM, b"\1\7"), (c.TLV_SAR_TOTAL_SEGMENTS, b"\2"),
                                       (c.TLV_SAR_SEGMENT_SEQNUM, b"\2")))
        [only] = self.submission(OUTBOUND, Profile(long_texts="sar")).parts()
        self.assertEqual((only.tlvs, only.short_message), ((), b"hi"))

    def test_more_messages(self) -> None:
        """Where the operator wants to know, each part says whether another one follows."""
        message = evolve(OUTBOUND, bodies=(Body("a" * 307),), serial=1)
        for method, others in (("udh", 0), ("sar", 3)):
            parts = self.submission(message, Profile(long_texts=method, more_messages=True)).parts()
            self.assertEqual([part.tlvs[others:] for part in parts],
                             [((c.TLV_MORE_MESSAGES_TO_SEND, more),) for more in (b"\1", b"\1", b"\0")])
        [only] = self.submission(OUTBOUND, Profile(more_messages=True)).parts()
        self.assertEqual(only.tlvs, ())

    def test_payload(self) -> None:
        """A long text goes whole in message_payload, a short one as ever (SMS-34)."""
        profile = Profile(long_texts="payload")
        [long] = self.submission(evolve(OUTBOUND, bodies=(Body("a" * 161),)), profile).parts()
        self.assertEqual((long.short_message, long.esm_class, long.tlvs),
                         (b"", 0, ((c.TLV_MESSAGE_PAYLOAD, b"a" * 161),)))
        [short] = self.submission(OUTBOUND, profile).parts()
        self.assertEqual((short.short_message, short.tlvs), (b"hi", ()))

    def test_again_in_utf16(self) -> None:
        """For an SMSC that refuses the coding the same text is had in UTF-16 (ERR 8.3, status 104)."""
        submission = submission_of(item(OUTBOUND), LINK, NOW, ucs2=True)
        assert isinstance(submission, Submission)
        self.assertEqual([(part.data_coding, part.short_message) for part in submission.parts()], [(8, b"\0h\0i")])

    def test_too_long(self) -> None:
        """More parts than the operator allows: nothing is sent (SMS-37)."""
        profile = Profile(max_segments=2)
        self.assertEqual(len(self.submission(evolve(OUTBOUND, bodies=(Body("a" * 306),)), profile).text.parts), 2)
        self.assertIs(self.failure(evolve(OUTBOUND, bodies=(Body("a" * 307),)), profile).reason, Reason.TOO_BIG)
        self.assertIs(self.failure(evolve(OUTBOUND, bodies=(Body("a" * 153 * 256),)), Profile(max_segments=999)).reason,
                      Reason.TOO_BIG)

    def test_priority(self) -> None:
        """Urgency becomes priority_flag (MSG-43)."""
        for profile, normal in ((Profile(), 0), (Profile(normal_priority=1), 1)):
            for urgency, flag in ((-1, 0), (0, normal), (1, 2), (2, 3)):
                self.assertEqual(self.submission(evolve(OUTBOUND, urgency=urgency), profile).priority_flag, flag)

    def test_receipts_and_service_type(self) -> None:
        """Receipts are asked for with every text, or where the sender wants to hear of it; the service type is the
        operator's (SMS-17)."""
        self.assertEqual(self.submission(OUTBOUND).registered_delivery, 1)
        wanted = evolve(OUTBOUND, wants=frozenset({Want.DELIVERED}))
        self.assertEqual(self.submission(wanted, Profile(ask_receipts=False)).registered_delivery, 1)
        [part] = self.submission(OUTBOUND, Profile(ask_receipts=False, service_type="CMT")).parts(0)
        self.assertEqual((part.registered_delivery, part.service_type), (0, "CMT"))

    def test_expiry(self) -> None:
        """The message's own expiry counts before the queue's; what has expired is not sent (SMS-52)."""
        endless = evolve(OUTBOUND, expires_at=None)
        self.assertEqual(self.submission(OUTBOUND, expires_at=NOW + 120).validity_period, "000000000100000R")
        self.assertEqual(self.submission(endless, expires_at=NOW + 120).validity_period, "000000000200000R")
        self.assertEqual(self.submission(endless).validity_period, "")
        self.assertIs(self.failure(evolve(OUTBOUND, expires_at=NOW)).reason, Reason.EXPIRED)

    def test_refusals(self) -> None:
        """A sender with letters cannot be answered (ADDR-41); nothing is not sent."""
        self.assertIs(self.failure(evolve(OUTBOUND, target=Address("tel", "Alice"))).reason, Reason.NOT_ACCEPTABLE)
        self.assertIs(self.failure(evolve(OUTBOUND, bodies=())).reason, Reason.NOT_ACCEPTABLE)
        self.assertIs(self.failure(evolve(OUTBOUND, origin=Party(Address("tel", "")))).reason, Reason.INTERNAL)

    def test_report(self) -> None:
        """A phone is told of a failure by one short text from the number it had written to (ERR-15)."""
        for reason in Reason:
            report = Report("m1", Address("tel", "+491701234567"), Address("tel", "X" + "0" * 19), Failure(reason))
            [part] = self.submission(report).parts(0)
            self.assertEqual((part.source.number, part.destination.number), ("X" + "0" * 19, "491701234567"))
            self.assertTrue(part.short_message.startswith(b"Not delivered to X"))
            self.assertEqual(part.registered_delivery, 0)
        report = evolve(report, origin=Address("tel", "X000000001"), failure=Failure(Reason.UNKNOWN_RECIPIENT))
        self.assertEqual(self.submission(report).parts(0)[0].short_message,
                         b"Not delivered to X000000001: unknown recipient")


class ValidityTests(SynchronousTestCase):
    """validity_period (SMS-15, SMS-16)."""

    def test_samples(self) -> None:
        """Relative up to 30 days, absolute in UTC beyond, at least a second, at most 63 weeks."""
        day = 86400
        for seconds, expected in (
            (60, "000000000100000R"), (7 * day, "000007000000000R"), (0.2, "000000000001000R"),
            (day - 1, "000000235959000R"), (30 * day, "000030000000000R"), (30 * day + 1, "260331100501000+"),
            (1e12, "270516100500000+"),
        ):
            self.assertEqual(validity_period(NOW + seconds, NOW), expected)
        self.assertEqual(validity_period(None, NOW), "")

    @settings(max_examples=100, deadline=None)
    @given(st.floats(0.001, 1e15))
    def test_form(self, seconds: float) -> None:
        """Always sixteen characters of the defined form."""
        self.assertRegex(validity_period(NOW + seconds, NOW), r"\A[0-9]{12}000[R+]\Z")
