"""What the SMPP edge knows of the configuration."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Profile:
    """The habits of one operator's SMSC, as data (SMS-21 ff., ADDR-39, 40, 45)."""

    name: str = "default"
    default_alphabet: str = "gsm_unpacked"
    """What data_coding 0 means: ``gsm_unpacked``, ``gsm_packed``, ``ascii`` or ``latin1`` (SMS-21)."""
    id_format: str = "as_is"
    """``as_is``, ``hex_resp_dec_dlr``, ``dec_resp_hex_dlr`` or ``numeric`` (SMS-19)."""
    service_type: str = ""
    short_code_ton: int = 3
    short_code_npi: int = 0
    vnum_ton: int | None = None
    """TON of virtual numbers; None: 5 with a letter, 1 for ``+`` numbers (ADDR-45)."""
    vnum_npi: int | None = None
    country_code: str = ""
    national_prefix: str = ""
    unknown_is_international: bool = False
    """TON 0 with 8 to 15 digits is read as international (ADDR-39)."""
    ask_receipts: bool = True
    """Set registered_delivery 1 on every text, so that a failure comes back; otherwise on those whose
    senders want to hear of them (SMS-17)."""
    max_segments: int = 10
    long_texts: str = "udh"
    """How a text of several parts is sent: ``udh``, ``sar`` or ``payload`` (SMS-34)."""
    reference_bits: int = 8
    """Of the number that joins the parts: 8 or 16 (SMS-30)."""
    more_messages: bool = False
    """Tell with each part of a text whether another one follows (more_messages_to_send)."""
    charset: str = "auto"
    """``auto`` or ``translit``: likenesses of the default alphabet where that saves parts (SMS-26)."""
    binary: str = "refuse"
    """``refuse`` or ``drop`` what is no text (SMS-23)."""
    ucs2: str = "be"
    """Octet order read in data_coding 8: ``be`` or ``le`` (SMS-25); written is always ``be``."""
    prefer_latin1: bool = False
    """Write texts that fit ISO-8859-1 in data_coding 3 instead of UCS-2 (SMS-21)."""
    ia5_is_gsm: bool = False
    """data_coding 1 means the GSM default alphabet to this operator, not ASCII (SMS-22)."""
    normal_priority: int = 0
    """priority_flag of a text without urgency; 1 where the operator has four levels (MSG-43)."""
    unknown_subscriber_errors: tuple[str, ...] = ()
    """``err:`` values of receipts that say that the number does not exist (ERR 8.4)."""
    query: bool = False
    """The SMSC answers query_sm, with which overdue receipts are asked for (SMS-43)."""


@frozen
class LinkTls:
    """How the SMSC is known, and what we show it; files are PEM."""

    names: tuple[str, ...] = ()
    """Its certificate must be for one of these hosts or addresses."""
    server_name: str = ""
    """Sent to it (SNI); empty for one that is known by its address."""
    verify: bool = True
    certificate: str = ""
    key: str = ""
    ca: str = ""
    """Empty: the authorities of the system."""


@frozen
class OutbindSettings:
    """A port at which the SMSC asks us to bind (SMS-3)."""

    listen: str
    """A Twisted server endpoint description."""
    system_id: str
    """Of the SMSC, as its password."""
    password: str = field(repr=False)


@frozen
class LinkSettings:
    """One link to an operator's SMSC."""

    name: str
    lane: str
    """``smpp:<name>``."""
    connect: str
    """A Twisted client endpoint description."""
    system_id: str
    password: str = field(repr=False)
    bind: str = "transceiver"
    """``transceiver`` or ``pair`` (transmitter and receiver)."""
    system_type: str = ""
    window: int = 10
    """Unanswered submits per connection (SMS-7)."""
    session_init_timer: float = 5.0
    enquire_link_timer: float = 30.0
    enquire_response_timer: float = 10.0
    response_timer: float = 10.0
    deliver_hold: float = 0.0
    """Seconds to wait for the outcome before deliver_sm is answered, 0 to 5 (ERR-13)."""
    retry_unknown: bool = False
    """Send again when no answer came, at the risk of a duplicate (SMS-18)."""
    profile: Profile = Profile()
    operator: str = ""
    """Whose link it is: links of one operator share his receipts (SMS-42); empty: the link's name."""
    also: tuple[str, ...] = ()
    """Further endpoints, tried in turn."""
    binds: int = 1
    """Connections, or pairs of them, at a time."""
    rate: float = 0.0
    """Submits a second over all binds (SMS-9); 0: no limit."""
    inactivity_timer: float = 0.0
    """Seconds without a message after which a bind begins anew; 0: never."""
    interface_version: int = 0x34
    """0x50 on switch (SMS-2)."""
    tlvs: tuple[tuple[int, bytes], ...] = ()
    """Sent with every text, as regulators ask for."""
    tls: LinkTls | None = None
    outbind: OutbindSettings | None = None

    @property
    def peer(self) -> str:
        """The namespace of message ids: the same for all links of the operator."""
        return f"smpp:{self.operator or self.name}"


@frozen
class SmppSettings:
    """The whole SMPP section."""

    links: tuple[LinkSettings, ...] = ()
