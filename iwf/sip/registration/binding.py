"""A contact of a user, where requests to it go, and what of it outlives a restart.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from attrs import evolve, frozen

from iwf.sip.settings import Hop
from iwf.sip.syntax.headers import parse_name_addr
from iwf.sip.syntax.uri import Uri, parse_uri
from iwf.sip.transport.routing import DEFAULT_PORT, canonical_ip, is_address


@frozen
class Binding:
    """One contact of a user."""

    uri: Uri
    """As registered; the Request-URI of what is sent to it."""
    q: int
    """Preference in thousandths, 0 to 1000."""
    expires_at: float
    """UTC seconds."""
    call_id: str
    cseq: int
    source: Hop
    """Where the REGISTER came from; for a stream, this names the connection."""
    path: tuple[str, ...] = ()
    """Route of requests to it (RFC 3327)."""

    @property
    def hop(self) -> Hop:
        """Where to send; by a stream, on the connection that it registered on (SIP-42)."""
        by_address = self._by_address() if self.source.transport == "udp" else None
        return by_address or self.source

    def _by_address(self) -> Hop | None:
        """Where the contact, or the first proxy of its Path, says that it is; None: that is of no use.

        Never at a third party: one that names another host than the one that registered it is behind a
        translator of addresses, or meant to harm; both are reached where the REGISTER came from.
        """
        first = parse_name_addr(self.path[0]).uri if self.path else self.uri
        if not is_address(first.host) or canonical_ip(first.host) != canonical_ip(self.source.host):
            return None
        transport = (first.param("transport") or "udp").lower()
        if transport not in ("udp", "tcp"):
            return None                                              # whom a device's certificate is for, nobody knows
        return Hop(transport, self.source.host, first.port or DEFAULT_PORT)

    def contact(self, now: float) -> str:
        """The value in the answer to a REGISTER."""
        q = "" if self.q == 1000 else f";q=0.{self.q:03d}"
        return f"<{self.uri}>{q};expires={max(1, round(self.expires_at - now))}"

    def without_connection(self) -> Binding | None:
        """The binding after a restart, which has ended all connections; None: it cannot be reached any more.

        By TCP the contact or its proxy may be called at the address that it has given (RFC 3261 18.1.1).  Who came
        by TLS or from a browser, to which nobody can connect (RFC 7118 5), registers again.
        """
        if self.source.transport == "udp":
            return self
        hop = self._by_address() if self.source.transport == "tcp" else None
        return None if hop is None else evolve(self, source=hop)


def packed(bindings: Iterable[Binding]) -> str:
    """Bindings as a text for :func:`unpacked`."""
    return json.dumps([
        [str(each.uri), each.q, each.expires_at, each.call_id, each.cseq,
         [each.source.transport, each.source.host, each.source.port], list(each.path)] for each in bindings
    ], separators=(",", ":"))


def unpacked(text: str) -> list[Binding]:
    """The bindings that :func:`packed` wrote; connections have lost their numbers.

    :raises ValueError: when it did not.
    """
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("no bindings")
    return [_unpacked(row) for row in rows]


def _unpacked(row: object) -> Binding:
    match row:
        case [str(uri), int(q), int() | float() as expires_at, str(call_id), int(cseq),
              [str(transport), str(host), int(port)], [*path]] if all(isinstance(each, str) for each in path):
            # SipSyntaxError is a ValueError.
            route = tuple([str(parse_name_addr(str(each))) for each in path])
            return Binding(parse_uri(uri), q, expires_at, call_id, cseq, Hop(transport, host, port), route)
    raise ValueError("no binding")
