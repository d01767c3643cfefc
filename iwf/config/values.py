"""The values of a configuration file that are more than text or a number: names, addresses, ports.

Every function here takes what the file says and returns the form that the rest of iwf works with;
what it cannot take is a ``ValueError`` whose text ends a sentence that begins with the key.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import idna

from iwf.sip.auth.digest import ALGORITHMS, algorithm_of
from iwf.sip.settings import Hop, Target
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.uri import Uri, parse_uri
from iwf.xmpp.jid import JidFault, address_of_jid, jid_of_address

SIP_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
"""Where a SIP address without a port is, by transport (RFC 3261 19.1.2, RFC 7118 5.2.1)."""
DNS_PORT = 53

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_HOST_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:;@]+)(?::(?P<port>[0-9]{1,5}))?")
_HOP = re.compile(
    r"(?:(?P<scheme>sips?|udp|tcp|tls|wss?):)?"
    rf"(?P<address>{_HOST_PORT.pattern})"
    r"(?P<params>(?:;[a-z]+(?:=[a-z]+)?)*)",
    re.IGNORECASE,
)
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\[\]]*\]|[^\[\]:;@/]+)(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE,
)
#: Kinds of Twisted client endpoints that have no ``name=value`` in their shortest form.
_ENDPOINT = re.compile(r"(?:tls|ssl|unix):.+|[a-z][a-z0-9]*:.*[a-z]=.+", re.DOTALL)


def domain_name(text: str) -> str:
    """A host name in lower case, as A-labels, without the trailing dot (ADDR-14)."""
    name = text.lower().removesuffix(".")
    if not name.isascii() or "xn--" in name:
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except UnicodeError:  # the base of idna.IDNAError
            raise ValueError("must be a host name") from None
    last = name.rpartition(".")[2]
    # RFC 1123 2.1: the last label of a name is not a number, so that no address looks like a name.
    if len(name) > 253 or last.isdigit() or not _NAME.fullmatch(name):
        raise ValueError("must be a host name")
    return name


def host(text: str) -> str:
    """An IP address (IPv6 without brackets) or a host name."""
    address = _ip(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    return domain_name(text) if address is None else str(address)


def domain_pattern(text: str) -> str:
    """A domain, ``*.example`` or ``*``; an IPv6 address as domain keeps its brackets (ADDR-14)."""
    if text == "*":
        return text
    if text.startswith("*."):
        return "*." + domain_name(text[2:])
    try:
        name = host(text)
    except ValueError:
        raise ValueError('must be a domain, "*.domain" or "*"') from None
    return f"[{name}]" if ":" in name else name


def endpoint(text: str) -> str:
    """A Twisted client endpoint description, from ``host:port``, ``tcp:host:port`` or one as it is."""
    found = _HOST_PORT.fullmatch(text.removeprefix("tcp:"))
    if found is None or found["port"] is None:
        if _ENDPOINT.fullmatch(text):
            return text
        raise ValueError('must be "host:port" (IPv6 in brackets) or a Twisted endpoint')
    name, port = host(found["host"]), _port(found["port"])
    return "tcp:host={}:port={}".format(name.replace(":", r"\:"), port)


def hop(text: str) -> Hop:
    """A SIP transport address: ``udp:host:port``, ``tcp:host``, ``tls:host``, ``host:port`` (UDP),
    ``sip:host:port;transport=tcp`` or ``sips:host``."""
    address = _target(text)
    transport = address.transport or "udp"
    return Hop(transport, address.host, address.port or SIP_PORTS[transport])


def next_hop(text: str) -> Hop | Target:
    """A SIP transport address, written as a :func:`hop`; without a port, a name is to be located
    (SIP-50)."""
    address = _target(text)
    if address.transport in ("ws", "wss"):
        raise ValueError("cannot be a WebSocket: only clients open those (RFC 7118)")
    if address.port is None and _ip(address.host) is None:
        return address
    return hop(text)


def _target(text: str) -> Target:
    found = _HOP.fullmatch(text)
    if found is None:
        raise ValueError('must be such as "udp:192.0.2.1:5060" or "sip:192.0.2.1;transport=tcp"')
    scheme = (found["scheme"] or "").lower()
    params = [param for param in found["params"].lower().split(";") if param]
    if scheme in ("sip", "sips"):
        scheme = _transport(params, scheme == "sips")
    elif params:
        raise ValueError('takes parameters only after "sip:"')
    port = None if found["port"] is None else _port(found["port"])
    return Target(host(found["host"]), port, scheme)


def listener(text: str) -> Hop:
    """Where to listen: a :func:`hop` whose host is an IP address of this machine."""
    address = hop(text)
    if _ip(address.host) is None:
        raise ValueError("must hold an IP address, not a name")
    return address


def dns_server(text: str) -> tuple[str, int]:
    """Address and port of a name server: ``192.0.2.53``, ``127.0.0.1:5353`` or ``[::1]:53``."""
    found = _HOST_PORT.fullmatch(text)
    address = None if found is None else _ip(found["host"].strip("[]"))
    if found is None or address is None:
        raise ValueError('must be an IP address, with a port or not, such as "127.0.0.1:5353"')
    return str(address), DNS_PORT if found["port"] is None else _port(found["port"])


def origin(text: str) -> str:
    """A web site as browsers name it in ``Origin`` (RFC 6454 6.1)."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError('must be such as "https://chat.example.com"')
    name = host(found["host"])
    port = f":{_port(found['port'])}" if found["port"] else ""
    return f"{found['scheme'].lower()}://{f'[{name}]' if ':' in name else name}{port}"


def certificate_name(text: str) -> str:
    """A name as certificates hold it; ``*.example`` is a name like any other there (RFC 5922 7.2)."""
    return "*." + domain_name(text[2:]) if text.startswith("*.") else domain_name(text)


def address_of_record(text: str) -> str:
    """A SIP URI with a user and a host and nothing else (RFC 3261 6)."""
    try:
        uri = parse_uri(text)
        uri.user_text()
    except SipSyntaxError:
        raise ValueError('must be a SIP address such as "sip:user@example.net"') from None
    plain = Uri("sip", uri.user, host=uri.host, port=uri.port)
    if not uri.user or uri != plain:
        raise ValueError('must be a SIP address such as "sip:user@example.net"')
    return str(plain)


def bare_jid(text: str) -> str:
    """A JID with a local part and no resource."""
    try:
        address = address_of_jid(text)
    except JidFault as fault:
        raise ValueError(f'must be a JID such as "user@example.net": {fault}') from None
    if not address.user or address.instance:
        raise ValueError('must be a JID such as "user@example.net", without a resource')
    return jid_of_address(address)


def user_part(text: str) -> str:
    """The user part of a SIP address, not escaped."""
    if not text or len(text) > 255 or not text.isprintable() or set(text) & set('"\\: @'):
        raise ValueError('must be a user name without blanks, quotes, ":" and "@"')
    return text


def algorithm(text: str) -> str:
    """The name of a hash algorithm for challenges, as IANA has it."""
    found = algorithm_of(text)
    if found is None or found.session or not text:
        names = ", ".join(f'"{known.name}"' for known in ALGORITHMS)
        raise ValueError(f"must be one of {names}")
    return found.name


def account_hashes(table: dict[str, str]) -> dict[str, str]:
    """Hashes of user:domain:password in hex, by the name of the algorithm."""
    for name, digest in table.items():
        try:
            known = algorithm_of(algorithm(name))
        except ValueError as fault:
            raise ValueError(f"has a key that {fault}") from None
        if known is None or not re.fullmatch(r"[0-9A-Fa-f]+", digest) or len(digest) != len(known.digest("")):
            raise ValueError(f"must have a hash in hex for {name}")
    return table


def source(text: str) -> str:
    """An IP address, or a network in CIDR form (SIP-63)."""
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError('must be an IP address or a network such as "192.0.2.0/24"') from None
    return str(network) if "/" in text else str(network.network_address)


def is_loopback(connect: str) -> bool:
    """Whether an :func:`endpoint` surely stays on this machine or under TLS (XMPP-1)."""
    found = re.match(r"tcp:host=((?:[^:\\]|\\.)+):", connect)
    if found is None:
        return True  # a unix socket, TLS, or an endpoint that the operator has thought about
    name = found[1].replace("\\", "")
    address = _ip(name)
    return name == "localhost" if address is None else address.is_loopback


def literal_address(host: str) -> str | None:
    """The host itself when it is an IP address, else None."""
    return None if _ip(host) is None else host


def is_wildcard(host: str) -> bool:
    """Whether a host is the address that means every interface."""
    address = _ip(host)
    return address is not None and address.is_unspecified


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    if "%" in text:  # a zone id has no place in SIP hosts and endpoint descriptions
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def _port(digits: str) -> int:
    port = int(digits)
    if not 1 <= port <= 65535:
        raise ValueError("must have a port between 1 and 65535")
    return port


def _transport(params: list[str], secure: bool) -> str:
    """The transport that the parameters of a SIP URI ask for; empty when they do not.

    :param secure: it is a SIPS URI: TLS, whatever they say (RFC 5630 3.1.3).
    """
    chosen = "tls" if secure else ""
    for param in params:
        name, _, value = param.partition("=")
        if name == "transport" and value in ("tcp", "tls") + (() if secure else ("udp",)):
            chosen = chosen if secure else value
        elif param != "lr":  # SIP-71: loose routing is what we do anyway
            raise ValueError("takes only ;transport=udp, ;transport=tcp, ;transport=tls and ;lr")
    return chosen
