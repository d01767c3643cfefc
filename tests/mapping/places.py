"""A gateway with every sort of alias, and the questions that tests of addresses ask it."""

from __future__ import annotations

from iwf.mapping.address import Mapped, image_of, native_of
from iwf.mapping.model import XMPP, Address, Reason
from iwf.mapping.settings import Alias, Gateway, Link, NumberPool, Scheme, Trunk
from iwf.sip.address import address_of_uri, uri_of_address
from iwf.sip.syntax.uri import parse_uri
from iwf.xmpp.jid import address_of_jid, jid_of_address

#: The names of the founding draft: where SIP users see XMPP users, and the reverse.
S = "xmpp.sipserver.com"
X = "sip.xmppserver.com"
#: Where phones are seen.
M = "sms.xmppserver.com"
P = "sms.sipserver.com"
#: A domain reachable in both worlds (RFC 7247).
BOTH = "both.example"

POOL = NumberPool("pool", prefix="X", width=9)

ALIASES = (
    Alias(X, "xmpp", "sip", f"xmpp:{X}"),
    Alias(S, "sip", "xmpp", ""),
    Alias(M, "xmpp", "tel", f"xmpp:{M}"),
    Alias(P, "sip", "tel", ""),
    Alias(BOTH, "xmpp", "sip", f"xmpp:{BOTH}", (BOTH,), Scheme.DIRECT),
    Alias(BOTH, "sip", "xmpp", "", (BOTH,), Scheme.DIRECT),
    # A second tenant, which serves few.
    Alias("sip.acme.example", "xmpp", "sip", "xmpp:sip.acme.example", ("acme-sip.example",),
          tenant="acme"),
    Alias("xmpp.acme.example", "sip", "xmpp", "", ("acme-xmpp.example", "*.acme-xmpp.example"),
          tenant="acme"),
    # And a second pair of the first tenant, for one domain.
    Alias("sip2.xmppserver.com", "xmpp", "sip", "xmpp:sip2.xmppserver.com", ("special.example",)),
)

GATEWAY = Gateway(
    "iwf.example", "secret", ALIASES,
    trunks=(
        Trunk("sip:rest", ("*",)),
        Trunk("sip:below", ("*.sipserver.com",)),
        Trunk("sip:exact", ("sipserver.com", "eu.sipserver.com"), phones=True),
        Trunk("sip:acme", ("acme-sip.example",), tenant="acme"),
    ),
    links=(
        Link("smpp:world", ("+",), POOL),
        Link("smpp:german", ("+49", "+4989"), POOL),
        Link("smpp:codes", ("123",), POOL),
        Link("smpp:british", ("+44",), POOL, tenant="acme"),
    ))


def native(seen: Address, gateway: Gateway = GATEWAY) -> Address | Reason:
    """The native address behind an image, or the reason why there is none."""
    found = native_of(seen, gateway)
    return found.address if isinstance(found, Mapped) else found.reason


def image(user: Address, world: str, tenant: str = "default",
          gateway: Gateway = GATEWAY) -> Address | Reason:
    """The image of a native user, or the reason why there is none."""
    found = image_of(user, world, tenant, gateway)
    return found.address if isinstance(found, Mapped) else found.reason


def read(text: str) -> Address:
    """An address from its wire form: a URI or a JID."""
    if text.startswith(("sip:", "tel:")):
        return address_of_uri(parse_uri(text))
    return address_of_jid(text)


def written(address: Address | Reason) -> str:
    """The wire form of an address."""
    assert isinstance(address, Address), address
    if address.scheme == XMPP:
        return jid_of_address(address)
    return str(uri_of_address(address, phone_hosts=(P,)))
