"""What the XMPP edge knows of the configuration."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class ComponentSettings:
    """One external component (XEP-0114), which is one stream and one alias domain (XMPP-6)."""

    domain: str
    connect: str
    """A Twisted client endpoint description, such as ``tcp:host=127.0.0.1:port=5347``."""
    secret: str
    bridges: str
    """``sip`` or ``tel``: who is seen behind it, for service discovery."""
    lane: str
    """``xmpp:<domain>``."""
    window: int = 1000
    """Stanzas in flight before the server has confirmed any of them."""
    max_stanza: int = 262_144
    """Octets of one inbound stanza (XMPP-11)."""
    max_outbound: int = 65_536
    """Octets of one outbound stanza; servers end the stream on what is too large for them."""
    is_direct: bool = False
    """``scheme = "direct"`` of the configuration."""
    tells_hops: bool = False
    """Say in each message how often it may still be passed on (LOOP-2)."""
    markup: bool = False
    """Somebody on the far side takes texts with markup (MSG-23)."""
    phones: str = ""
    """The domain of the tenant's component for phones, if there is one."""
    rich: bool = False
    location: tuple[str, ...] = ()
    """Bare JIDs."""
    one_resource: bool = False
    commands: bool = False
    """Users may give commands (XEP-0050)."""
    admins: tuple[str, ...] = ()
    """Bare JIDs of those who may give the operator's commands."""


@frozen
class Place:
    """Where the clients of a domain connect."""

    kind: str
    """``starttls``, ``tls`` (from the first octet, XEP-0368) or ``plain`` (loopback only)."""
    host: str
    port: int


@frozen
class AccountsSettings:
    """Client sessions for subscribers of phones."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Seal passwords, the newest first; without one nobody can enrol."""
    domains: tuple[str, ...] = ("*",)
    """Whose accounts may be enrolled: names, ``*.example`` or ``*``."""
    ca: str = ""
    """A file with the authorities that count, in PEM form; empty: those of the system."""
    places: tuple[tuple[str, Place], ...] = ()
    """By domain, where the domain name system is not to be asked."""
    strangers: bool = False
    """Texts of those who are not in the roster go to the phone as well."""
    presence: str = "always"
    """``always`` available, or only while the phone is ``logged-in`` at the service number."""
    priority: int = 0
    """Of the presence that is sent (RFC 6121 4.7.2.3)."""


@frozen
class XmppSettings:
    """The whole XMPP section."""

    components: tuple[ComponentSettings, ...] = ()
    accounts: AccountsSettings = AccountsSettings()
