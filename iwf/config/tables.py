"""What a configuration file may say: one class per table, one field per key.

The reference for operators is ``docs/configuration.md``; a test holds the two together.  Types are
strict (``"5"`` is no number) and unknown keys are errors.  Rules that look at more than one
table are in :mod:`iwf.config.rules`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    SecretStr,
    Tag,
)

from iwf.config.kinds import (
    NUMBER,
    AddressOfRecord,
    Algorithms,
    BareJid,
    CertificateName,
    Count,
    DnsServer,
    DomainName,
    Endpoint,
    Host,
    Label,
    Listener,
    NextHop,
    Number,
    Origin,
    Patterns,
    Prefix,
    Seconds,
    SenderPattern,
    Source,
    Table,
    Text,
    matching,
    octets,
)
from iwf.config.presence import PresenceTable
from iwf.config.service import GuardsTable, Language, RouteTable, ServiceTable, TimeZone
from iwf.config.smpp_tables import LinkTlsTable, OutbindTable, ProfileTable, TimersTable, TlvTable
from iwf.config.xmpp_tables import AccountsTable
from iwf.mapping.settings import DAY, Patience
from iwf.sip.settings import SipSettings
from iwf.smpp.settings import Profile

PROFILES = {
    "default": Profile(),
    "ascii": Profile(name="ascii", default_alphabet="ascii"),
    "latin1": Profile(name="latin1", default_alphabet="latin1"),
    "hex_ids": Profile(name="hex_ids", id_format="hex_resp_dec_dlr"),
}
"""SMSC profiles that can be named instead of being written out (SMS-19, SMS-21)."""

#: Marks of the alternatives of a key that takes more than one type, and those keys.  In the paths
#: that pydantic gives, a mark follows the key; it is no part of the path in the file.
LIST, TABLE, NAME = "<list>", "<table>", "<name>"
ALTERNATIVES = frozenset({"number_pool", "profile"})


class PatienceTable(Table):
    """``[node.patience]``, in seconds."""

    grace: Seconds = Patience().grace
    delivery: Seconds = Patience().delivery
    next_hop: Seconds = Patience().next_hop
    dedupe: Seconds = Patience().dedupe
    retention: Seconds = Patience().retention
    receipts: Seconds = Patience().receipts
    early_receipt: Seconds = Patience().early_receipt
    lease_idle: Seconds = Patience().lease_idle
    quarantine: Seconds = Patience().quarantine
    reassembly: Seconds = Patience().reassembly
    notice: Seconds = Patience().notice
    failover: Seconds = Patience().failover
    presence_grace: Seconds = Patience().presence_grace
    question_grace: Seconds = Patience().question_grace
    ask_again: Seconds = Patience().ask_again
    pending_max: Seconds = Patience().pending_max


class NodeTable(Table):
    """``[node]``"""

    nested = {"patience": PatienceTable}
    related = frozenset({"patience"})

    name: DomainName
    state_directory: Text
    synchronous: Literal["full", "normal"] = "full"
    lane_limit: Count = 10_000  # XMPP-9
    stream_limit: Count = 200  # MSG-36
    max_rate: Annotated[float, Field(ge=0, le=100_000)] = 20.0  # LOOP-6
    max_burst: Count = 100  # LOOP-6
    late_error_notice: bool = True  # MSG-33
    map_resource: bool = True  # ADDR-33
    fold_sip_user: bool = True  # ADDR-20
    s2x_type: Literal["plain", "follow"] = "plain"  # MSG-8
    prefix_sender: Literal["new", "always", "never"] = "new"  # MSG-44
    published_open: bool = True  # PUB-5
    patience: PatienceTable = PatienceTable()


class ComponentTable(Table):
    """``[[xmpp.component]]``"""

    related = frozenset({"domain", "connect", "bridges", "serves", "scheme", "tenant"})

    domain: DomainName
    connect: Endpoint
    secret: SecretStr | None = None
    secret_file: Text | None = None
    secret_env: Text | None = None
    bridges: Literal["sip", "sms"]
    serves: Patterns | None = None
    scheme: Literal["alias", "direct"] = "alias"
    tenant: Label = "default"
    window: Count = 1000
    max_forwards: bool = False  # LOOP-2
    max_stanza: Annotated[int, Field(ge=10_000, le=16_777_216)] = (
        10_000  # MSG-29: never below 10 000
    )
    rich: bool = False  # RICH-1..4
    location: list[BareJid] = []  # RICH-4
    one_resource: bool = False  # PIDF-12
    commands: bool = True  # XMPP-33
    admins: list[BareJid] = []  # XMPP-33


class AliasTable(Table):
    """``[[sip.alias]]``"""

    related = frozenset(
        {"domain", "bridges", "serves", "scheme", "tenant", "certificate", "key"}
    )

    domain: DomainName
    bridges: Literal["xmpp", "sms"]
    serves: Patterns | None = None
    scheme: Literal["alias", "direct"] = "alias"
    tenant: Label = "default"
    certificate: Text | None = None
    key: Text | None = None


class TrunkTlsTable(Table):
    """``[sip.trunk.tls]`` (SIP-49)."""

    certificate: Text | None = None
    key: Text | None = None
    ca: Text | None = None
    verify: bool = True


class TlsTable(Table):
    """``[sip.tls]`` (SIP-49)."""

    certificate: Text | None = None
    key: Text | None = None
    ca: Text | None = None
    verify_clients: Literal["no", "optional", "required"] = "optional"


class WebSocketTable(Table):
    """``[sip.websocket]`` (RFC 7118)."""

    origins: list[Origin] = []
    max_connections: Count = SipSettings().max_websockets


class TrunkTable(Table):
    """``[[sip.trunk]]``"""

    related = frozenset(
        {
            "name", "domains", "next_hop", "allowed_sources", "allowed_names", "tenant",
            "trusted_large", "allow_sips", "tls", "username", "digest", "register",
        }
    )  # fmt: skip
    nested = {"tls": TrunkTlsTable}

    name: Label | None = None
    domains: Patterns
    next_hop: NextHop | None = None
    allowed_sources: Annotated[list[Source], Field(min_length=1)] | None = None
    allowed_names: Annotated[list[CertificateName], Field(min_length=1)] | None = None
    tenant: Label = "default"
    phones: bool = False  # ADDR-37
    profile: Literal["rfc7572", "draft"] = "rfc7572"  # MSG-5, MSG-6
    s2x_accept: Literal[200, 202] = 202  # MSG-30
    s2x_hold: Annotated[int, Field(ge=0, le=4000)] = 0  # MSG-32, milliseconds
    trusted_large: bool = False  # MSG-28
    charset_parameter: bool = True  # MSG-9
    html: Literal["never", "alternative", "only"] = "never"  # MSG-23
    cpim: Literal["auto", "always", "never"] = "auto"  # RCPT-1
    receipt_on_200: bool = False  # RCPT-7
    trusted_identity: bool = False  # MSG-1, SIP-64
    loose_route: bool = False  # SIP-50
    keep_alive: Literal["agreed", "crlf", "options", "off"] = "agreed"  # SIP-48
    shared: bool = True  # ERR-12
    allow_sips: bool = False  # ADDR-56
    publish: bool = False  # PUB-1
    publish_in: bool = False  # PUB-4
    window: Count = SipSettings().window
    username: Annotated[str, matching(r"[^\x00-\x1f\x7f]{0,255}", "free of control characters")] = ""  # SIP-60
    password: SecretStr | None = None
    password_file: Text | None = None
    password_env: Text | None = None
    realm: Annotated[str, matching(r"[^\x00-\x1f\x7f]{0,255}", "free of control characters")] = ""
    digest: bool = False  # SIP-62
    algorithms: Algorithms = []
    # SIP-80; every model has a method of the name that the key has in the file.
    identities: list[AddressOfRecord] = Field([], alias="register")
    registrar: NextHop | None = None
    tls: TrunkTlsTable = TrunkTlsTable()

    @property
    def label(self) -> str:
        """Its name; without one, the first domain."""
        return self.name or self.domains[0]


class SipTable(Table):
    """``[sip]``"""

    related = frozenset({"listen", "host", "alias", "trunk", "tls", "registrar"})
    nested = {"tls": TlsTable, "websocket": WebSocketTable, "presence": PresenceTable}

    listen: Annotated[list[Listener], Field(min_length=1)] | None = None
    host: Host = ""
    max_message: Annotated[int, Field(ge=1300, le=16_777_216)] = SipSettings().max_message  # SIP-14
    max_refusals: Count = SipSettings().max_refusals  # SIP-91
    stranger_rate: Annotated[float, Field(ge=0.1, le=100_000)] = SipSettings().stranger_rate  # SIP-91
    dns_servers: list[DnsServer] = []
    tls: TlsTable = TlsTable()
    websocket: WebSocketTable = WebSocketTable()
    presence: PresenceTable = PresenceTable()
    alias: list[dict[str, Any]] = []
    trunk: list[dict[str, Any]] = []
    registrar: dict[str, Any] = {}


class PoolTable(Table):
    """``number_pool = { prefix = ..., width = ... }`` (ADDR-44)."""

    prefix: Annotated[
        str, matching(r"\+?[A-Za-z0-9]{1,8}", "1 to 8 letters or digits, with a + in front or not")
    ]
    width: Annotated[int, Field(ge=1, le=12)]


def _shape(value: object) -> str | None:
    for kind, mark in ((list, LIST), (dict, TABLE), (str, NAME)):
        if isinstance(value, kind):
            return mark
    return None


NumberPool = Annotated[
    Annotated[Annotated[list[Number], Field(min_length=1)], Tag(LIST)]
    | Annotated[PoolTable, Tag(TABLE)],
    Discriminator(
        _shape,
        custom_error_type="shape",
        custom_error_message="must be a list of numbers or a table with prefix and width",
    ),
]
SmscProfile = Annotated[
    Annotated[Literal["default", "ascii", "latin1", "hex_ids"], Tag(NAME)]
    | Annotated[ProfileTable, Tag(TABLE)],
    Discriminator(
        _shape,
        custom_error_type="shape",
        custom_error_message="must be the name of a profile or a table",
    ),
]


class LinkTable(Table):
    """``[[smpp.link]]``"""

    nested = {
        "number_pool": PoolTable, "profile": ProfileTable, "timers": TimersTable, "tls": LinkTlsTable,
        "outbind": OutbindTable, "routes": RouteTable,
    }  # fmt: skip
    related = frozenset(
        {
            "name", "system_id", "prefixes", "number_pool", "service_number", "tenant", "validity",
            "operator", "profile", "connect", "connect_also", "tls", "outbind",
        }
    )  # fmt: skip

    name: Label | None = None
    operator: Label | None = None  # SMS-42
    connect: Endpoint
    connect_also: list[Endpoint] = []
    binds: Annotated[int, Field(ge=1, le=100)] = 1
    system_id: Annotated[str, matching(r"[!-~]{1,15}", "1 to 15 visible ASCII characters")]
    password: SecretStr | None = None
    password_file: Text | None = None
    password_env: Text | None = None
    bind: Literal["transceiver", "pair"] = "transceiver"  # SMS-2
    system_type: Annotated[str, octets(12)] = ""
    interface_version: Literal["3.4", "5.0"] = "3.4"  # SMS-2
    window: Count = 10  # SMS-7
    rate: Annotated[float, Field(ge=0, le=100_000)] = 0.0  # SMS-9
    tlvs: TlvTable = ()
    prefixes: Annotated[list[Prefix], Field(min_length=1)]
    number_pool: NumberPool
    senders: list[SenderPattern] = []
    cost: Annotated[float, Field(ge=0)] = 0.0
    order: Literal["fast", "receipts", "strict"] = "fast"  # SMS-50
    resend: bool = False  # SMS-51
    service_number: Annotated[
        str, matching(rf"|{NUMBER}", "a telephone number or a short code")
    ] = ""
    profile: SmscProfile = "default"
    tenant: Label = "default"
    validity: Seconds = DAY  # MSG-41
    chat_validity: Seconds | None = None  # SMS-52
    routes: list[RouteTable] = []  # SMS-60
    language: Language = "en"
    time_zone: TimeZone = "UTC"  # SMSP-4
    deliver_ack: Literal["early", "late"] = "early"  # ERR-13
    retry_unknown: bool = False  # SMS-18
    notify_phone: bool = True  # ERR-15
    incomplete: Literal["deliver", "drop"] = "deliver"  # SMS-35
    timers: TimersTable = TimersTable()
    tls: LinkTlsTable | None = None
    outbind: OutbindTable | None = None

    @property
    def label(self) -> str:
        """Its name; without one, the account."""
        return self.name or self.system_id


class XmppTable(Table):
    """``[xmpp]``"""

    nested = {"accounts": AccountsTable}

    accounts: AccountsTable = AccountsTable()
    component: list[dict[str, Any]] = []


class SmppTable(Table):
    """``[smpp]``"""

    nested = {"service": ServiceTable, "guards": GuardsTable}

    service: ServiceTable = ServiceTable()
    guards: GuardsTable = GuardsTable()
    link: list[dict[str, Any]] = []


class FileTable(Table):
    """The whole file; what is inside its tables is checked table by table."""

    node: dict[str, Any]
    xmpp: dict[str, Any] = {}
    sip: dict[str, Any] = {}
    smpp: dict[str, Any] = {}


ENTRIES: dict[str, type[Table]] = {
    "xmpp.component": ComponentTable,
    "sip.alias": AliasTable,
    "sip.trunk": TrunkTable,
    "smpp.link": LinkTable,
}
"""The tables that may occur several times, in the order they are checked."""
