"""What the SIP edge knows of the configuration."""

from __future__ import annotations

from functools import cached_property

from attrs import field, frozen


@frozen(cache_hash=True)
class TlsPeer:
    """What a TLS connection that we open demands of the server, and shows it (SIP-49)."""

    names: tuple[str, ...] = ()
    """The server's certificate must speak for one of these SIP domains (RFC 5922)."""
    server_name: str = ""
    """The name that it is asked for (SNI); empty: none, it is known by its address."""
    verify: bool = True
    """Whether its certificate is verified at all."""
    certificate: str = ""
    """Path of the certificate that we show, with the intermediate ones; empty: none."""
    key: str = ""
    """Path of its private key; empty: in the same file."""
    ca: str = ""
    """Path of the authorities that count; empty: those of the system."""


@frozen
class Hop:
    """A transport address."""

    transport: str
    """``udp``, ``tcp`` or ``tls``, lower case; ``ws`` and ``wss`` for the connections of clients."""
    host: str
    """An IP address or a name; IPv6 without brackets."""
    port: int
    tls: TlsPeer | None = None
    """Where we open a TLS connection."""
    flow: int = 0
    """The number of a connection that the other side has opened: it is reached by that one and no other, as
    somebody else may come from the same address and port later (RFC 5626).  0: none in particular."""


@frozen
class Target:
    """What is to be found by RFC 3263, as a URI or an operator names it."""

    host: str
    """A name or an IP address; lower case, IPv6 without brackets."""
    port: int | None = None
    transport: str = ""
    """``udp``, ``tcp``, ``tls`` or another one in lower case; empty: it is found, too."""
    secure: bool = False
    """The scheme is ``sips``."""


@frozen
class Identity:
    """An address of record at a peer that is one of our users there (SIP-80)."""

    aor: str
    """``sip:user@domain``, as it is registered and as it stands in From."""
    user: str
    """Its user part, decoded: the user part of his image as well."""
    domain: str
    """Our alias domain that his image is in."""


@frozen
class TrunkSettings:
    """A SIP peer: where requests for its domains go and from where it may speak."""

    name: str
    lane: str
    """``sip:<name>``."""
    domains: tuple[str, ...]
    """Exact names, ``*.example`` or ``*``."""
    next_hop: Hop | Target | None
    """A name in it is found by RFC 3263; None: by the URI of the recipient (SIP-50)."""
    allowed_sources: tuple[str, ...]
    """IP addresses or networks in CIDR form (SIP-63)."""
    allowed_names: tuple[str, ...] = ()
    """SIP domains; whoever has a verified certificate for one of them is this peer, wherever he speaks
    from (SIP-63)."""
    profile: str = "rfc7572"
    """``rfc7572`` or ``draft`` (MSG-5, MSG-6)."""
    accept_code: int = 202
    """200 or 202 (MSG-30)."""
    hold: float = 0.0
    """Seconds, 0 to 4 (MSG-32)."""
    trusted_large: bool = False
    """Lifts the 1300-octet limit to ``max_message`` (MSG-28)."""
    charset_parameter: bool = True
    """Write ``;charset=utf-8`` (MSG-9)."""
    html: str = "never"
    """Markup: ``never``, as an ``alternative`` to the plain text, or ``only`` (MSG-23).  What comes in with
    markup is passed on with it unless it is ``never``."""
    cpim: str = "auto"
    """Ask for receipts, which takes message/cpim: ``always``, ``never``, or ``auto``: of users who
    were seen to take it (RCPT-1)."""
    receipt_on_200: bool = False
    """200 to a text comes from the user's own agent, and so says that it was delivered (RCPT-7)."""
    trusted_identity: bool = False
    """P-Asserted-Identity from it replaces an anonymous From (MSG-1), and is written to it (SIP-64)."""
    loose_route: bool = False
    """Requests name ``next_hop``, a proxy, in a Route (SIP-50, RFC 3261 8.1.2)."""
    keep_alive: str = "agreed"
    """On connections that we open: pings where the peer agrees when we register (``agreed``), always
    (``crlf``), OPTIONS in place of them (``options``), or ``off``.  By UDP ``crlf`` is a datagram (SIP-48)."""
    shared: bool = True
    """Behind a proxy that serves others too: overload is 480, never 503 (ERR-12)."""
    window: int | None = None
    """Client transactions in flight for this trunk; None: ``SipSettings.window``."""
    username: str = ""
    """Our account there (SIP-60), and the peer's here with ``digest``."""
    password: str = field(default="", repr=False)
    realm: str = ""
    """The only realm that is given our credentials, and the realm of our challenges; empty: any, and our host."""
    digest: bool = False
    """The peer must prove that it knows the password as well (SIP-62)."""
    algorithms: tuple[str, ...] = ()
    """What it is asked for with ``digest``, best first; empty: all that we know."""
    register: tuple[Identity, ...] = ()
    """Who is registered there (SIP-80)."""
    registrar: Hop | Target | None = None
    """Where REGISTER goes; None: to the next hop."""
    tls: TlsPeer = TlsPeer()
    """For connections to the hosts of users' own addresses; their name is filled in."""
    allow_sips: bool = False
    """Take requests to ``sips:`` that came over TLS (ADDR-56)."""
    publish_in: bool = False
    """Take PUBLISH from its users: the gateway is their presence agent (PUB-4)."""
    publish: bool = False
    """It is a presence server that is told the state of our users (PUB-1)."""


@frozen
class SipAlias:
    """A host name of ours on the SIP side."""

    domain: str
    bridges: str
    """``xmpp`` or ``tel``."""


@frozen
class TlsSettings:
    """What the TLS and WSS listeners show and ask for.  Paths of PEM files."""

    certificate: str = ""
    """With the intermediate ones."""
    key: str = ""
    """Empty: in the same file."""
    ca: str = ""
    """The authorities whose certificates of clients count; empty: those of the system."""
    verify_clients: str = "optional"
    """``no``, ``optional`` or ``required``; TLS listeners only, browsers are never asked."""
    named: tuple[tuple[str, str, str], ...] = ()
    """Name that the client asks for (SNI), certificate, key."""


@frozen
class Account:
    """Somebody who may register here."""

    user: str
    """The user part of his address and his name in credentials."""
    password: str = field(default="", repr=False)
    hashes: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """In place of the password: algorithm and H(user:domain:password) in hex."""


@frozen
class RegistrarSettings:
    """A domain whose devices register at the gateway itself (XMPP-60)."""

    domain: str
    """Also the realm."""
    accounts: tuple[Account, ...] = ()
    lane: str = "sip:registrar"
    min_expires: int = 60
    """Seconds; less is answered 423."""
    max_expires: int = 3600
    """Seconds; more is cut, and it is what nobody asked for gets."""
    max_contacts: int = 10
    """For each user."""
    algorithms: tuple[str, ...] = ()
    """What is asked for, best first; empty: all that we know."""
    without_qop: bool = False
    """Take clients of RFC 2069's time (SIP-62)."""
    publish_in: bool = False
    """Take PUBLISH from the users (PUB-4)."""

    @cached_property
    def trunk(self) -> TrunkSettings:
        """Its users as a peer that may be anywhere."""
        return TrunkSettings(
            name=self.lane.partition(":")[2], lane=self.lane, domains=(self.domain,), next_hop=None,
            allowed_sources=(), shared=False, digest=True, publish_in=self.publish_in,
        )


@frozen
class PresenceSettings:
    """How long and how often presence is asked for and told (RFC 3856).  Times in seconds."""

    sub_expires: int = 3600
    """What a subscription of ours asks for (PRES-1)."""
    sub_idle: str = "expire"
    """What becomes of it while its watcher is offline: ``expire``, or ``end`` at once (PRES-10)."""
    dead_after: float = 7 * 86400.0
    """After which a presentity that let itself be seen, and cannot be found since, is gone (PRES-16)."""
    min_expires: int = 60
    """Subscriptions and publications of peers that are shorter are answered 423 (PRES-20)."""
    max_expires: int = 3600
    """Longer ones are cut."""
    notify_min: float = 5.0
    """Between two NOTIFYs to one watcher (PRES-34)."""
    poll_wait: float = 1.0
    """How long the answer to a question for the present state may take (PRES-28)."""
    max_watchers: int = 20_000
    """Dialogs of SIP watchers at the same time."""
    tune_as_note: bool = False
    """Whether SIP users are told in words what somebody listens to (RICH-3)."""


@frozen
class SipSettings:
    """The whole SIP section."""

    listen: tuple[Hop, ...] = ()
    aliases: tuple[SipAlias, ...] = ()
    trunks: tuple[TrunkSettings, ...] = ()
    host: str = ""
    """Our name or address in Via and Call-ID; empty: the listener's address."""
    max_message: int = 262_144
    """Octets of one message on a stream (SIP-14)."""
    window: int = 200
    """Client transactions in flight per trunk."""
    max_refusals: int = 10
    """What a place that is no peer's is told in a minute, before there is silence (SIP-91)."""
    stranger_rate: float = 20.0
    """Answers per second to such a place."""
    registrar: RegistrarSettings | None = None
    dns_servers: tuple[tuple[str, int], ...] = ()
    """Address and port; empty: as the system is configured."""
    tls: TlsSettings = TlsSettings()
    origins: frozenset[str] = frozenset()
    """Web sites whose scripts may connect by WebSocket, in lower case; empty: all."""
    max_websockets: int = 1000
    """Connections of WebSocket clients at the same time."""
    presence: PresenceSettings | None = PresenceSettings()
    """None: no presence; SUBSCRIBE, NOTIFY and PUBLISH are answered 405."""

    @cached_property
    def phone_hosts(self) -> frozenset[str]:
        """Our host names behind which phones are seen (ADDR-38)."""
        return frozenset(alias.domain for alias in self.aliases if alias.bridges == "tel")
