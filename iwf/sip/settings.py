"""What the SIP edge knows of the configuration."""

from __future__ import annotations

from attrs import frozen


@frozen
class Hop:
    """A transport address."""

    transport: str
    """``udp`` or ``tcp``, lower case."""
    host: str
    """An IP address or a name; IPv6 without brackets."""
    port: int


@frozen
class TrunkSettings:
    """A SIP peer: where requests for its domains go and from where it may speak."""

    name: str
    lane: str
    """``sip:<name>``."""
    domains: tuple[str, ...]
    """Exact names, ``*.example`` or ``*``."""
    next_hop: Hop | None
    """None: by the target's own address (host and port of its URI)."""
    allowed_sources: tuple[str, ...]
    """IP addresses or networks in CIDR form (SIP-63)."""
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
    trusted_identity: bool = False
    """P-Asserted-Identity from it replaces an anonymous From (MSG-1)."""
    shared: bool = True
    """Behind a proxy that serves others too: overload is 480, never 503 (ERR-12)."""
    window: int | None = None
    """Client transactions in flight for this trunk; None: ``SipSettings.window``."""


@frozen
class SipAlias:
    """A host name of ours on the SIP side."""

    domain: str
    bridges: str
    """``xmpp`` or ``tel``."""


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
