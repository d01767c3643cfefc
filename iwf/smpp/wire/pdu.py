"""SMPP 3.4 PDUs as values (SMS section 2); :mod:`iwf.smpp.wire.codec` knows their octets.

Values are carried as they come: numbers outside the defined sets, unknown commands, statuses and
TLVs are no faults.  What breaks the structure is a :class:`PduFault`, which says how to answer.

C-octet strings are ``str`` with one character per octet (ISO-8859-1), so that any octets survive
reading and writing; :mod:`iwf.smpp.numbers` knows what they mean.
"""

from __future__ import annotations

from attrs import field, frozen

from iwf.smpp.wire import constants as c

Tlvs = tuple[tuple[int, bytes], ...]
"""Tags and values, in the order of the wire."""


class PduFault(Exception):
    """Octets that are no PDU, or a value that does not fit one.

    :ivar status: the command_status to answer with.
    :ivar framing_lost: the borders of PDUs are gone; nothing after this can be read (SMS-11).
    """

    def __init__(self, status: int, why: str = "", framing_lost: bool = False) -> None:
        super().__init__(f"{why} (status {status:#x})")
        self.status = status
        self.framing_lost = framing_lost


@frozen
class Sme:
    """An address of a short message entity."""

    ton: int = 0
    npi: int = 0
    number: str = ""


@frozen
class Nothing:
    """A body without octets."""


@frozen
class OnlyTlvs:
    """enquire_link_resp of version 5.0, which may have TLVs and nothing else."""

    tlvs: Tlvs = ()


@frozen
class Opaque:
    """A body that is carried unread."""

    octets: bytes = b""


@frozen
class Bind:
    """bind_transmitter, bind_receiver, bind_transceiver (section 4.1)."""

    system_id: str = ""
    password: str = field(default="", repr=False)
    system_type: str = ""
    interface_version: int = c.INTERFACE_VERSION
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@frozen
class BindResp:
    """The answers to them."""

    system_id: str = ""
    tlvs: Tlvs = ()


@frozen
class Outbind:
    """outbind (4.1.7)."""

    system_id: str = ""
    password: str = field(default="", repr=False)


@frozen
class ShortMessage:
    """submit_sm and deliver_sm (sections 4.4, 4.6), and data_sm (section 4.7), which has fewer
    fields and its text in a TLV."""

    service_type: str = ""
    source: Sme = Sme()
    destination: Sme = Sme()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()

    @property
    def user_data(self) -> bytes:
        """message_payload if there is one, else short_message (SMS-36)."""
        payload = tlv(self.tlvs, c.TLV_MESSAGE_PAYLOAD) if self.tlvs else None
        return self.short_message if payload is None else payload


@frozen
class MessageResp:
    """submit_sm_resp, deliver_sm_resp and data_sm_resp."""

    message_id: str = ""
    tlvs: Tlvs = ()


@frozen
class MultiMessage:
    """submit_multi (section 4.5): one text to several recipients."""

    destinations: tuple[Sme | str, ...] = ()
    """Addresses, and names of distribution lists that the SMSC keeps; at most 254."""
    message: ShortMessage = ShortMessage()
    """All other fields; its destination is not used."""


@frozen
class MultiResp:
    """submit_multi_resp."""

    message_id: str = ""
    failed: tuple[tuple[Sme, int], ...] = ()
    """Recipients who were not accepted, and the status of each."""
    tlvs: Tlvs = ()


@frozen
class Query:
    """query_sm (section 4.8)."""

    message_id: str = ""
    source: Sme = Sme()


@frozen
class QueryResp:
    """query_sm_resp."""

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0
    tlvs: Tlvs = ()
    """Version 5.0 alone."""


@frozen
class Cancel:
    """cancel_sm (section 4.9)."""

    service_type: str = ""
    message_id: str = ""
    source: Sme = Sme()
    destination: Sme = Sme()


@frozen
class Replace:
    """replace_sm (section 4.10)."""

    message_id: str = ""
    source: Sme = Sme()
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()
    """Version 5.0 alone."""


@frozen
class Alert:
    """alert_notification (section 4.12): a phone can be reached again."""

    source: Sme = Sme()
    esme: Sme = Sme()
    tlvs: Tlvs = ()


Body = (Nothing | OnlyTlvs | Opaque | Bind | BindResp | Outbind | ShortMessage | MessageResp | MultiMessage | MultiResp
        | Query | QueryResp | Cancel | Replace | Alert)


@frozen
class Pdu:
    """One PDU."""

    command: int
    sequence: int = 0
    status: int = 0
    body: Body = Nothing()

    @property
    def is_response(self) -> bool:
        return self.command >= c.RESPONSE

    @property
    def name(self) -> str:
        """The command in words, for logs."""
        return c.COMMAND_NAMES.get(self.command) or (
            f"{c.COMMAND_NAMES.get(self.command & 0x7FFFFFFF, hex(self.command & 0x7FFFFFFF))}"
            f"{'_resp' if self.is_response else ''}"
        )


def tlv(tlvs: Tlvs, tag: int) -> bytes | None:
    """The value of the first TLV with this tag, if there is one."""
    for each, value in tlvs:
        if each == tag:
            return value
    return None


def tlv_number(tlvs: Tlvs, tag: int) -> int | None:
    """The same as a number, whatever its width (SMS-12)."""
    value = tlv(tlvs, tag)
    return int.from_bytes(value, "big") if value else None


def tlvs_of(body: Body) -> Tlvs:
    """The TLVs of a body; none where it has no place for them."""
    tlvs: Tlvs = getattr(body, "tlvs", ())
    return tlvs


_ALWAYS_WITH_ID = frozenset({c.DELIVER_SM, c.DATA_SM})


def response(request: Pdu, status: int = c.ROK, body: Body | None = None) -> Pdu:
    """The answer to a request: its command and sequence number, and by default the body that
    goes with it (a deliver_sm_resp has an empty message_id, SMS section 2)."""
    if body is None:
        # SMPP 3.4 4.4.2: an error in answer to submit_sm has no body; 4.6.2, 4.7.2 do not say so.
        with_id = request.command in _ALWAYS_WITH_ID or (request.command == c.SUBMIT_SM and status == c.ROK)
        body = MessageResp() if with_id else Nothing()
    return Pdu(request.command | c.RESPONSE, request.sequence, status, body)
