"""Where messages come from and answers go to: Via marks, routes, addresses.  Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address

from attrs import evolve

from iwf.sip.settings import Hop, TrunkSettings
from iwf.sip.syntax.grammar import set_param
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request

DEFAULT_PORT = 5060
#: Transports under which nobody listens in (SIP-49).
SECURE = ("tls", "wss")
#: Transports on which a message ends where its carrier ends, so that Content-Length may be absent (RFC 7118 5).
FRAMED = ("udp", "ws", "wss")

_PORTS = {"tls": 5061, "ws": 80, "wss": 443}

_is_port = re.compile(r"[0-9]{1,5}").fullmatch


def default_port(transport: str) -> int:
    """Where SIP is without a port (RFC 3261 19.1.2, RFC 7118 5.2.1)."""
    return _PORTS.get(transport, DEFAULT_PORT)


def is_address(host: str) -> bool:
    """Whether a host is an IP address, in brackets or not, and not a name."""
    if ":" not in host and not host[-1:].isdigit():          # quick for nearly all names
        return False
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def canonical_ip(host: str) -> str:
    """An IP address in its usual spelling; an IPv4 address mapped into IPv6 as itself."""
    address = ip_address(host.strip("[]").partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def bracketed(host: str) -> str:
    """A host as it stands in a Via or URI."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def marked(request: Request, source: Hop) -> Request:
    """The request with ``received`` and ``rport`` in its top Via (SIP-43, RFC 3581 4).

    :param source: where it came from, as the socket says.
    :raises SipSyntaxError: when the request has no readable Via.
    """
    via = request.top_via
    params = via.params
    if via.param("rport") is not None:
        params = set_param(params, "rport", str(source.port))
    elif via.host.strip("[]") == source.host:
        return request
    params = set_param(params, "received", source.host)
    return request.with_top_via(Via(via.transport, via.host, via.port, params))


def route_of_answer(via: Via, source: Hop) -> Hop:
    """Where the answer to a request goes that has no connection, or whose connection is gone (SIP-42, SIP-44).

    :param via: its top Via, marked.
    """
    host, port = source.host, via.port or default_port(source.transport)
    if source.transport == "udp":
        maddr = via.param("maddr")
        rport = via.param("rport")
        if maddr and is_address(maddr):
            host = maddr.strip("[]")
        elif rport and _is_port(rport):
            port = int(rport)
    # Most peers speak from where they listen: one value less for each transaction to hold.
    same = host == source.host and port == source.port and not source.flow
    return source if same else Hop(source.transport, host, port)


def outbound_route(trunk: TrunkSettings) -> tuple[str, ...]:
    """The Route lines of a request outside dialogs: the trunk's proxy as a loose route where that is wanted (SIP-50,
    RFC 3261 8.1.2)."""
    hop = trunk.next_hop
    if hop is None or not trunk.loose_route:
        return ()
    port = "" if hop.port is None else f":{hop.port}"
    transport = f";transport={hop.transport}" if hop.transport not in ("", "udp") else ""
    return (f"<sip:{bracketed(hop.host)}{port}{transport};lr>",)


def secured(hops: tuple[Hop, ...], trunk: TrunkSettings, domain: str) -> tuple[Hop, ...]:
    """The same hops, those by TLS with what their servers must prove: that they are the domain that was
    looked for (RFC 5922 7.3), or that they have a name that the operator has given.
    """
    if not any(hop.transport == "tls" for hop in hops):
        return hops
    server_name = "" if is_address(domain) else domain
    peer = evolve(trunk.tls, names=trunk.tls.names or (domain,), server_name=trunk.tls.server_name or server_name)
    return tuple(evolve(hop, tls=peer) if hop.transport == "tls" else hop for hop in hops)
