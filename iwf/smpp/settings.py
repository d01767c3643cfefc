"""What the SMPP edge knows of the configuration."""

from __future__ import annotations

from attrs import frozen


@frozen
class Profile:
    """The habits of one operator's SMSC, as data (SMS-21 ff., ADDR-39, 40, 45)."""

    name: str = "default"
    default_alphabet: str = "gsm_unpacked"
    """What data_coding 0 means: ``gsm_unpacked``, ``ascii`` or ``latin1`` (SMS-21)."""
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
    """Set registered_delivery 1 on every text, so that a failure comes back (SMS-17)."""
    max_segments: int = 10
    ucs2: str = "be"
    """Octet order read in data_coding 8: ``be`` or ``le`` (SMS-25); written is always ``be``."""
    prefer_latin1: bool = False
    """Write texts that fit ISO-8859-1 in data_coding 3 instead of UCS-2 (SMS-21)."""
    ia5_is_gsm: bool = False
    """data_coding 1 means the GSM default alphabet to this operator, not ASCII (SMS-22)."""
    normal_priority: int = 0
    """priority_flag of a text without urgency; 1 where the operator has four levels (MSG-43)."""
    unknown_subscriber_errors: tuple[str, ...] = ()
    """Values of ``err:`` in receipts with which this operator says that the number does not exist."""


@frozen
class LinkSettings:
    """One link to an operator's SMSC."""

    name: str
    lane: str
    """``smpp:<name>``."""
    connect: str
    """A Twisted client endpoint description."""
    system_id: str
    password: str
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


@frozen
class SmppSettings:
    """The whole SMPP section."""

    links: tuple[LinkSettings, ...] = ()
