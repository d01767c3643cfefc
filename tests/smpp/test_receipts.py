"""Delivery receipts and message ids."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Outcome, Reason
from iwf.smpp.reasons import MessageState
from iwf.smpp.receipts import (
    ReceiptFields,
    canonical_receipt_id,
    canonical_response_id,
    read_receipt,
    receipt_of,
)
from iwf.smpp.settings import Profile
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import ShortMessage, Tlvs

PLAIN = Profile()
DELIVERED = MessageState.DELIVERED


#: Texts of real systems, and the ids and states they mean.
FORMS = (
    ("id:0123456789 sub:002 dlvrd:001 submit date:1005232039 done date:1005242339 stat:DELIVRD err:012 text:This",
     "0123456789", DELIVERED),
    ("id:74e02ee1-4e2f-4a6e-a78b-4b247d756a22 sub:001 done date:110206193110 stat:DELIVRD err:000 text:",
     "74e02ee1-4e2f-4a6e-a78b-4b247d756a22", DELIVERED),
    ("id:2E179B310EDE971B2760C72B7F026E1B submit date:20110314181534 done date:20110314181741 stat:DELIVRD err:0",
     "2e179b310ede971b2760c72b7f026e1b", DELIVERED),
    ("id:1526758174 submit date:1701240904 done date:1701240904 stat:DELIVRD err:000 text:hellow",
     "1526758174", DELIVERED),
    ("id:1D6A811 sub:001 dlvrd:001 submit date:1612021157 done date:1612021157 stat:DELIVRD err:nul text:Hi",
     "1d6a811", DELIVERED),
    ("id:0000436949 submit date:1504211508 done date:1504211508 stat:DELIVRD err:000\0", "0000436949", DELIVERED),
    ("id:55 sub:1 dlvrd:0 submit date:2605090348 done date:2605090348 stat:UNDELIV err:501 Text:x",
     "55", MessageState.UNDELIVERABLE),
    ("id:78 sub:001 dlvrd:001 submit date:2605090348 done date:2605090348 stat:DELIVRD err:000 text:price 5\x1b",
     "78", DELIVERED),
    ("id: 80 sub: 001 dlvrd: 001 submit date: 2605090348 done date: 2605090348 stat: DELIVRD err: 0 Text: x",
     "80", DELIVERED),
    ("stat:expired err:000 id:9 done date:2605090348 submit date:2605090348 dlvrd:001 sub:001 Text:x",
     "9", MessageState.EXPIRED),
    ("ID:9 STAT:5", "9", MessageState.UNDELIVERABLE),
    ("id:9 stat:REJECTD", "9", MessageState.REJECTED),
    ("id:9 stat:ACCEPTD", "9", MessageState.ACCEPTED),
    ("id:9 stat:UNKNOWN", "9", MessageState.UNKNOWN),
    ("id:9 stat:DELETED text:id:8 stat:DELIVRD", "9", MessageState.DELETED),
)


def read(text: str, tlvs: Tlvs = (), profile: Profile = PLAIN) -> ReceiptFields | None:
    message = ShortMessage(esm_class=c.ESM_RECEIPT, short_message=text.encode("latin-1"), tlvs=tlvs)
    return read_receipt(message, profile)


def receipted(message_id: bytes) -> tuple[int, bytes]:
    return (c.TLV_RECEIPTED_MESSAGE_ID, message_id)


def state(number: int) -> tuple[int, bytes]:
    return (c.TLV_MESSAGE_STATE, bytes([number]))


class TextTests(SynchronousTestCase):
    """Receipt texts as real systems write them (SMS-40)."""

    def test_forms(self) -> None:
        """Every form seen in the field gives its id and state."""
        for text, message_id, expected in FORMS:
            self.assertEqual(read(text), ReceiptFields(message_id, expected), text)

    def test_quoted_text(self) -> None:
        """A text that looks like fields does not count, wherever it stands."""
        self.assertIsNone(read("text:id:8 stat:DELIVRD"))
        self.assertEqual(read("id:9 stat:DELIVRD text:stat:EXPIRED id:7"), ReceiptFields("9", DELIVERED))

    def test_tlvs_win(self) -> None:
        """Id and state of the TLVs are preferred over the text's; either place is enough."""
        self.assertEqual(read("id:1 stat:UNDELIV", (receipted(b"2\0"), state(2))), ReceiptFields("2", DELIVERED))
        self.assertEqual(read("", (receipted(b"abc"), state(3))), ReceiptFields("abc", MessageState.EXPIRED))
        self.assertEqual(read("id:1", (state(8),)), ReceiptFields("1", MessageState.REJECTED))
        self.assertEqual(read("stat:DELIVRD", (receipted(b"2\0"),)), ReceiptFields("2", DELIVERED))

    def test_unreadable(self) -> None:
        """Without an id or a state it is no receipt (SMS-44)."""
        for text in ("", "garbage", "id:1", "stat:DELIVRD", "id:1 stat:NOSUCH", "id:1 stat:99", "id: stat:DELIVRD"):
            self.assertIsNone(read(text), text)
        self.assertIsNone(read("id:1", (state(77),)))

    def test_intermediate(self) -> None:
        """A failure in an intermediate notification is not the end; only a delivery is (SMS-40)."""
        for stat, expected in (("UNDELIV", MessageState.ENROUTE), ("EXPIRED", MessageState.ENROUTE),
                               ("ACCEPTD", MessageState.ENROUTE), ("DELIVRD", DELIVERED)):
            message = ShortMessage(esm_class=c.ESM_INTERMEDIATE, short_message=f"id:1 stat:{stat}".encode())
            self.assertEqual(read_receipt(message, PLAIN), ReceiptFields("1", expected))

    def test_unusual_state_tlv(self) -> None:
        """A state that no table knows leaves the word of the text."""
        self.assertEqual(read("id:1 stat:DELIVRD", (state(77),)), ReceiptFields("1", DELIVERED))

    def test_ucs2(self) -> None:
        """A receipt text in UCS-2 is read too."""
        message = ShortMessage(esm_class=4, data_coding=8, short_message="id:1 stat:DELIVRD".encode("utf-16-be"))
        self.assertEqual(read_receipt(message, PLAIN), ReceiptFields("1", DELIVERED))

    def test_error(self) -> None:
        """The cause comes from a GSM network_error_code, or from the operator's list of ``err:``."""
        cause = (c.TLV_NETWORK_ERROR_CODE, b"\x03\x00\x01")
        other_network = (c.TLV_NETWORK_ERROR_CODE, b"\x01\x00\x01")
        listing = Profile(unknown_subscriber_errors=("040",))
        for text, tlvs, profile, error in (
            ("id:1 stat:UNDELIV err:001", (cause,), PLAIN, 1),
            ("id:1 stat:UNDELIV err:001", (other_network,), PLAIN, None),
            ("id:1 stat:UNDELIV err:001", (), PLAIN, None), ("id:1 stat:UNDELIV err:040", (), listing, 1),
        ):
            fields = read(text, tlvs, profile)
            assert fields is not None
            self.assertEqual(fields.error, error)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=120), st.lists(st.tuples(
        st.sampled_from([c.TLV_RECEIPTED_MESSAGE_ID, c.TLV_MESSAGE_STATE, c.TLV_NETWORK_ERROR_CODE]),
        st.binary(max_size=5)), max_size=3), st.integers(0, 255),
        st.sampled_from(["as_is", "hex_resp_dec_dlr", "dec_resp_hex_dlr", "numeric"]))
    def test_any_octets(self, text: bytes, tlvs: list[tuple[int, bytes]], data_coding: int, id_format: str) -> None:
        """Any octets are a receipt with an id, or none."""
        message = ShortMessage(short_message=text, tlvs=tuple(tlvs), data_coding=data_coding)
        fields = read_receipt(message, Profile(id_format=id_format))
        self.assertTrue(fields is None or fields.id)


class IdTests(SynchronousTestCase):
    """The id of the answer and that of the receipt (SMS-19)."""

    def test_same(self) -> None:
        """Pairs of one message become equal with the operator's format."""
        for id_format, in_response, from_tlv, in_text in (
            ("as_is", "0a1b2c", "", "0a1b2c"), ("as_is", "0a1b2c", "0a1b2c", ""),
            ("as_is", "0e999f21-81ef-4974-a414-3de98174e3c7", "", "0E999F21-81EF-4974-A414-3DE98174E3C7"),
            ("hex_resp_dec_dlr", "38601fa", "", "0059113978"), ("hex_resp_dec_dlr", "38601FA", "38601fa", "0059113978"),
            ("hex_resp_dec_dlr", "38601fa", "59113978", "59113978"), ("hex_resp_dec_dlr", "38601fa", "59113978", ""),
            ("hex_resp_dec_dlr", "6aad5", "6aad5", "0000436949"), ("hex_resp_dec_dlr", "38601fa", "38601fa", ""),
            ("dec_resp_hex_dlr", "281605133", "", "10C8F40D"), ("dec_resp_hex_dlr", "281605133", "10C8F40D", ""),
            ("dec_resp_hex_dlr", "281605133", "281605133", "10C8F40D"),
            ("numeric", "1000", "", "0000001000"), ("numeric", "0001000", "1000", ""),
            ("numeric", "3000000000", "", "-1294967296"), ("numeric", "not-a-number", "", "NOT-A-NUMBER"),
        ):
            self.assertEqual(canonical_response_id(in_response, id_format),
                             canonical_receipt_id(from_tlv, in_text, id_format), (id_format, in_response))

    def test_never_a_guess(self) -> None:
        """Without the operator's word hexadecimal and decimal stay different, and so do leading zeros."""
        for in_response, in_text in (("10", "16"), ("1000", "0001000")):
            self.assertNotEqual(canonical_response_id(in_response, "as_is"), canonical_receipt_id("", in_text, "as_is"))

    def test_giant(self) -> None:
        """Digits without end are an id like any other, and no number."""
        giant = "9" * 5000
        for id_format in ("as_is", "hex_resp_dec_dlr", "dec_resp_hex_dlr", "numeric"):
            self.assertEqual(canonical_response_id(giant, id_format), giant)
            self.assertEqual(canonical_receipt_id(giant, giant, id_format), giant)

    def test_only_ascii_digits(self) -> None:
        """What only looks like a number to a programming language is none."""
        for text in ("1_0", "\u0661\u0662", "0x10", "+10", ""):
            self.assertEqual(canonical_response_id(text, "numeric"), text.lower())

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 2**64 - 1), st.integers(0, 12))
    def test_every_format(self, number: int, zeros: int) -> None:
        """For every number the two forms meet."""
        decimal, hexadecimal = "0" * zeros + str(number), "0" * zeros + f"{number:x}"
        for id_format, response, receipt in (("hex_resp_dec_dlr", hexadecimal, decimal),
                                             ("dec_resp_hex_dlr", decimal, hexadecimal), ("numeric", decimal, decimal)):
            canonical = canonical_response_id(response, id_format)
            self.assertEqual(canonical, str(number))
            self.assertEqual(canonical_receipt_id("", receipt, id_format), canonical)
            self.assertEqual(canonical_receipt_id(receipt, receipt, id_format), canonical)
            self.assertEqual(canonical_receipt_id(response, receipt, id_format), canonical)


class NeutralTests(SynchronousTestCase):
    """What the core hears."""

    def test_outcomes(self) -> None:
        """Every state has its outcome, and a failure exactly when it failed or was forbidden (ERR 8.4)."""
        for message_state, outcome, reason in (
            (MessageState.SCHEDULED, Outcome.PROCESSED, None), (MessageState.ENROUTE, Outcome.PROCESSED, None),
            (MessageState.DELIVERED, Outcome.DELIVERED, None), (MessageState.EXPIRED, Outcome.FAILED, Reason.EXPIRED),
            (MessageState.DELETED, Outcome.FAILED, Reason.DELETED),
            (MessageState.UNDELIVERABLE, Outcome.FAILED, Reason.UNAVAILABLE),
            (MessageState.ACCEPTED, Outcome.STORED, None), (MessageState.UNKNOWN, Outcome.UNKNOWN, None),
            (MessageState.REJECTED, Outcome.FORBIDDEN, Reason.NOT_ALLOWED),
            (MessageState.SKIPPED, Outcome.FAILED, Reason.UNAVAILABLE),
        ):
            receipt = receipt_of(ReceiptFields("1", message_state), "smpp:op", 5.0)
            self.assertEqual((receipt.peer, receipt.ref, receipt.outcome, receipt.at), ("smpp:op", "1", outcome, 5.0))
            self.assertEqual(receipt.failure.reason if receipt.failure else None, reason)
