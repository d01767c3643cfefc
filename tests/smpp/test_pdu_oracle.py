"""Our codec and the one of smpp.pdu3, both ways, for what both can express."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.pdu import (
    Alert,
    Bind,
    BindResp,
    Cancel,
    MessageResp,
    Nothing,
    Outbind,
    Pdu,
    Query,
    QueryResp,
    ShortMessage,
    Sme,
)

try:
    from smpp.pdu import operations, pdu_types  # type: ignore[import-untyped]
    from smpp.pdu.pdu_encoding import PDUEncoder  # type: ignore[import-untyped]
except ImportError:
    operations = None

digits = st.text("0123456789", min_size=1, max_size=15)
names = st.text("abcdefghijklmnopqrstuvwxyz", max_size=7)
sequences = st.integers(1, 0x7FFFFFFF)


class OracleTests(SynchronousTestCase):
    """smpp.pdu3 reads what we write as we meant it, and writes the same octets for the same values."""

    def setUp(self) -> None:
        if operations is None:
            raise SkipTest("smpp.pdu3 is not installed")

    def agree(self, ours: Pdu, theirs: Any, **params: Any) -> None:
        """Check a pair of PDUs that mean the same."""
        # A fresh encoder each time: one that has read a TLV checks later ones against its length.
        wire = encode(ours)
        self.assertEqual(PDUEncoder().encode(theirs), wire)
        self.assertEqual(decode(wire), ours)
        read = PDUEncoder().decode(BytesIO(wire))
        self.assertIs(type(read), type(theirs))
        self.assertEqual((read.seqNum, read.status), (theirs.seqNum, theirs.status))
        for name, value in params.items():
            self.assertEqual(read.params[name], value, name)

    def message_params(self, body: ShortMessage) -> dict[str, Any]:
        return {
            "service_type": body.service_type.encode(),
            "source_addr_ton": pdu_types.AddrTon.INTERNATIONAL, "source_addr_npi": pdu_types.AddrNpi.ISDN,
            "source_addr": body.source.number.encode(),
            "dest_addr_ton": pdu_types.AddrTon.ALPHANUMERIC, "dest_addr_npi": pdu_types.AddrNpi.UNKNOWN,
            "destination_addr": body.destination.number.encode(),
            "registered_delivery": pdu_types.RegisteredDelivery(
                pdu_types.RegisteredDeliveryReceipt.SMSC_DELIVERY_RECEIPT_REQUESTED),
            "data_coding": pdu_types.DataCoding(schemeData=pdu_types.DataCodingDefault.UCS2),
        }

    @settings(max_examples=50, deadline=None)
    @given(sequences, digits, digits, names.filter(lambda name: len(name) < 6), st.binary(max_size=254),
           st.sampled_from([c.SUBMIT_SM, c.DELIVER_SM]), st.integers(0, 0xFFFF))
    def test_short_messages(
        self, sequence: int, source: str, destination: str, service: str, text: bytes, command: int, reference: int,
    ) -> None:
        """submit_sm and deliver_sm agree."""
        body = ShortMessage(
            service, Sme(1, 1, source), Sme(5, 0, destination), esm_class=0x43 if command == c.SUBMIT_SM else 0x40,
            priority_flag=2, registered_delivery=1, data_coding=8, short_message=text,
            tlvs=((c.TLV_USER_MESSAGE_REFERENCE, reference.to_bytes(2, "big")),),
        )
        mode = (pdu_types.EsmClassMode.STORE_AND_FORWARD if command == c.SUBMIT_SM else pdu_types.EsmClassMode.DEFAULT)
        params = {
            **self.message_params(body),
            "esm_class": pdu_types.EsmClass(
                mode, pdu_types.EsmClassType.DEFAULT, [pdu_types.EsmClassGsmFeatures.UDHI_INDICATOR_SET]),
            "priority_flag": pdu_types.PriorityFlag.LEVEL_2,
            "short_message": text,
            "user_message_reference": reference,
        }
        kind = operations.SubmitSM if command == c.SUBMIT_SM else operations.DeliverSM
        self.agree(Pdu(command, sequence, body=body), kind(seqNum=sequence, **params), **params)

    @settings(max_examples=30, deadline=None)
    @given(sequences, digits, digits, st.binary(min_size=1, max_size=300))
    def test_data_sm(self, sequence: int, source: str, destination: str, text: bytes) -> None:
        """data_sm with its text in message_payload agrees."""
        body = ShortMessage(
            "", Sme(1, 1, source), Sme(5, 0, destination), registered_delivery=1, data_coding=8,
            tlvs=((c.TLV_MESSAGE_PAYLOAD, text),),
        )
        params = {**self.message_params(body), "message_payload": text}
        del params["service_type"]
        self.agree(Pdu(c.DATA_SM, sequence, body=body), operations.DataSM(seqNum=sequence, **params), **params)

    @settings(max_examples=30, deadline=None)
    @given(sequences, names, names)
    def test_binds(self, sequence: int, system_id: str, password: str) -> None:
        """All three binds, their answers and outbind agree."""
        for name, command in (("Transceiver", c.BIND_TRANSCEIVER), ("Transmitter", c.BIND_TRANSMITTER),
                              ("Receiver", c.BIND_RECEIVER)):
            params = {"system_id": system_id.encode(), "password": password.encode(), "system_type": b"iwf",
                      "interface_version": 0x34}
            self.agree(Pdu(command, sequence, body=Bind(system_id, password, "iwf")),
                       getattr(operations, f"Bind{name}")(seqNum=sequence, **params), **params)
            answer = {"system_id": system_id.encode(), "sc_interface_version": 0x34}
            version = ((c.TLV_SC_INTERFACE_VERSION, b"\x34"),)
            self.agree(Pdu(command | c.RESPONSE, sequence, body=BindResp(system_id, version)),
                       getattr(operations, f"Bind{name}Resp")(seqNum=sequence, **answer), **answer)
        login = {"system_id": system_id.encode(), "password": password.encode()}
        self.agree(Pdu(c.OUTBIND, sequence, body=Outbind(system_id, password)),
                   operations.Outbind(seqNum=sequence, **login), **login)

    def test_answers_to_messages(self) -> None:
        """submit_sm_resp and data_sm_resp with an id, deliver_sm_resp without, and errors agree."""
        status = pdu_types.CommandStatus
        self.agree(Pdu(c.SUBMIT_SM | c.RESPONSE, 3, body=MessageResp("0a1b2c")),
                   operations.SubmitSMResp(seqNum=3, message_id=b"0a1b2c"), message_id=b"0a1b2c")
        self.agree(Pdu(c.DATA_SM | c.RESPONSE, 3, body=MessageResp("0a1b2c")),
                   operations.DataSMResp(seqNum=3, message_id=b"0a1b2c"), message_id=b"0a1b2c")
        self.agree(Pdu(c.DELIVER_SM | c.RESPONSE, 3, body=MessageResp()),
                   operations.DeliverSMResp(seqNum=3, message_id=None), message_id=None)
        self.agree(Pdu(c.DELIVER_SM | c.RESPONSE, 3, c.RX_T_APPN, MessageResp()),
                   operations.DeliverSMResp(seqNum=3, status=status.ESME_RX_T_APPN, message_id=None), message_id=None)
        wire = encode(Pdu(c.SUBMIT_SM | c.RESPONSE, 3, c.RTHROTTLED))
        self.assertEqual(PDUEncoder().encode(operations.SubmitSMResp(seqNum=3, status=status.ESME_RTHROTTLED)), wire)

    def test_header_only(self) -> None:
        """unbind, enquire_link, their answers and generic_nack agree."""
        for name, command in (
            ("Unbind", c.UNBIND), ("UnbindResp", c.UNBIND | c.RESPONSE), ("EnquireLink", c.ENQUIRE_LINK),
            ("EnquireLinkResp", c.ENQUIRE_LINK | c.RESPONSE), ("GenericNack", c.GENERIC_NACK),
            ("CancelSMResp", c.CANCEL_SM | c.RESPONSE), ("ReplaceSMResp", c.REPLACE_SM | c.RESPONSE),
        ):
            self.agree(Pdu(command, 5, body=Nothing()), getattr(operations, name)(seqNum=5))

    def test_operations_on_messages(self) -> None:
        """query_sm, its answer, cancel_sm, replace_sm and alert_notification agree."""
        source, target = Sme(0, 0, "222"), Sme(0, 0, "49")
        for theirs, body in (
            (operations.QuerySM(seqNum=4, message_id=b"1", source_addr=b"222"), Query("1", source)),
            (operations.CancelSM(seqNum=4, message_id=b"1", source_addr=b"222", destination_addr=b"49"),
             Cancel("", "1", source, target)),
            (operations.AlertNotification(seqNum=4, source_addr=b"222", esme_addr=b"49"), Alert(source, target)),
            (operations.QuerySMResp(seqNum=4, message_id=b"1", final_date=None, error_code=0,
                                    message_state=pdu_types.MessageState.DELIVERED), QueryResp("1", "", 2, 0)),
        ):
            wire = PDUEncoder().encode(theirs)
            pdu = decode(wire)
            self.assertEqual(pdu.body, body)
            self.assertEqual(encode(pdu), wire)
