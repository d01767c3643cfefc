"""The values of a configuration file that are more than text or a number: names, addresses, ports.

Every function here takes what the file says and returns the form that the rest of iwf works with;
what it cannot take is a ``ValueError`` whose text ends a sentence that begins with the key.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import idna

from iwf.sip.settings import Hop

SIP_PORT = 5060
"""Where a SIP address without a port is (RFC 3261 19.1.2)."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_HOST_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:;@]+)(?::(?P<port>[0-9]{1,5}))?")
_HOP = re.compile(
    r"(?:(?P<scheme>sip|udp|tcp):)?"
    rf"(?P<address>{_HOST_PORT.pattern})"
    r"(?P<params>(?:;[a-z]+(?:=[a-z]+)?)*)",
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
    """A SIP transport address: ``udp:host:port``, ``tcp:host``, ``host:port`` (UDP) or
    ``sip:host:port;transport=tcp``."""
    found = _HOP.fullmatch(text)
    if found is None:
        raise ValueError('must be such as "udp:192.0.2.1:5060" or "sip:192.0.2.1;transport=tcp"')
    scheme = (found["scheme"] or "udp").lower()
    params = [param for param in found["params"].lower().split(";") if param]
    if scheme == "sip":
        scheme = _transport(params)
    elif params:
        raise ValueError('takes parameters only after "sip:"')
    port = SIP_PORT if found["port"] is None else _port(found["port"])
    return Hop(scheme, host(found["host"]), port)


def listener(text: str) -> Hop:
    """Where to listen: a :func:`hop` whose host is an IP address of this machine."""
    address = hop(text)
    if _ip(address.host) is None:
        raise ValueError("must hold an IP address, not a name")
    return address


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


def _transport(params: list[str]) -> str:
    """The transport that the parameters of a SIP URI ask for; UDP unless they say otherwise."""
    chosen = "udp"
    for param in params:
        name, _, value = param.partition("=")
        if name == "transport" and value in ("udp", "tcp"):
            chosen = value
        elif param != "lr":  # SIP-71: loose routing is what we do anyway
            raise ValueError("takes only ;transport=udp, ;transport=tcp and ;lr")
    return chosen
