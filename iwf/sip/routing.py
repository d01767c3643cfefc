"""Where messages come from and go to: Via marks, routes of answers, next hops.  Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address

from iwf.sip.grammar import set_param
from iwf.sip.headers import Via
from iwf.sip.message import Request
from iwf.sip.settings import Hop, TrunkSettings
from iwf.sip.uri import Uri

DEFAULT_PORT = 5060

_is_port = re.compile(r"[0-9]{1,5}").fullmatch


def is_address(host: str) -> bool:
    """Whether a host is an IP address, in brackets or not, and not a name."""
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
    maddr = via.param("maddr")
    if source.transport == "udp" and maddr and is_address(maddr):
        return Hop("udp", maddr.strip("[]"), via.port or DEFAULT_PORT)
    rport = via.param("rport")
    if source.transport == "udp" and rport and _is_port(rport):
        return Hop("udp", source.host, int(rport))
    return Hop(source.transport, source.host, via.port or DEFAULT_PORT)


def next_hop(trunk: TrunkSettings, target: Uri) -> Hop:
    """Where a request to that URI goes: to the trunk's proxy, or by the URI itself."""
    if trunk.next_hop is not None:
        return trunk.next_hop
    transport = (target.param("transport") or "udp").lower()
    return Hop(transport, target.host.strip("[]"), target.port or DEFAULT_PORT)
