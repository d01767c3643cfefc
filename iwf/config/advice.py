"""Warnings: what a file may say but hardly means."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from attrs import evolve

from iwf.config.certificates import open_keys, uncovered, unverified
from iwf.config.read import Draft
from iwf.config.rules import Rule, served, sip_domains, sources
from iwf.config.values import is_loopback
from iwf.errors import Problem
from iwf.mapping.route import domain_matches


def tcp_beside_udp(draft: Draft) -> Iterator[Problem]:
    """SIP-40: whoever listens on UDP should on TCP as well; peers send what is large that way."""
    listen = draft.sip.listen or [] if draft.sip else []
    for index, hop in enumerate(listen):
        if hop.transport == "udp" and evolve(hop, transport="tcp") not in listen:
            yield Problem(
                f"sip.listen[{index}]",
                "has no tcp listener at the same address and port (RFC 3261 18.2.1)",
            )


def open_network(draft: Draft) -> Iterator[Problem]:
    """XMPP-1: a component stream has no TLS of its own."""
    for entry in draft.components:
        if not is_loopback(entry.table.connect):
            yield Problem(f"{entry.path}.connect", "leaves this machine without TLS")


def open_websocket(draft: Draft) -> Iterator[Problem]:
    """RFC 7118 7: a browser's messages belong under TLS, ours or that of a web server in front."""
    for index, hop in enumerate((draft.sip.listen or []) if draft.sip else []):
        if hop.transport == "ws" and not ip_address(hop.host).is_loopback:
            yield Problem(f"sip.listen[{index}]", "carries messages without TLS; use wss")


def anybody(draft: Draft) -> Iterator[Problem]:
    """SIP-63: only configured peers should be served."""
    for entry in draft.trunks:
        if not entry.table.digest and any(
            "/" in source and ip_network(source).prefixlen == 0 for source in sources(entry.table)
        ):
            yield Problem(
                f"{entry.path}.allowed_sources", "lets anybody speak for the domains of this trunk"
            )


def unreachable_domains(draft: Draft) -> Iterator[Problem]:
    """A SIP domain that is listed but has no trunk can be addressed, but not reached."""
    for entry in draft.components if draft.complete("sip.trunk") else ():
        table = entry.table
        known = sip_domains(draft, table.tenant)
        for index, name in enumerate(table.serves or () if table.bridges == "sip" else ()):
            if "*" not in name and not any(domain_matches(pattern, name) for pattern in known):
                yield Problem(
                    f"{entry.path}.serves[{index}]",
                    f"no [[sip.trunk]] of tenant {table.tenant} has {name}",
                )


def ambiguous(draft: Draft) -> Iterator[Problem]:
    """Where two entries would do, the first is taken; the operator should know."""
    first: dict[tuple[str, ...], str] = {}
    for entry in draft.domains:
        table = entry.table
        world = type(table).__name__
        for name in served(draft, entry):
            before = first.setdefault((world, table.bridges, table.tenant, name), entry.path)
            if before != entry.path:
                yield Problem(f"{entry.path}.serves", f"{name} is seen behind {before} already")


def idle(draft: Draft) -> Iterator[Problem]:
    """A connector that nobody can reach."""
    if not draft.complete("xmpp.component", "sip.alias", "sip.trunk", "smpp.link"):
        return
    if not (draft.components or draft.aliases or draft.trunks or draft.links):
        yield Problem("", "nothing is bridged: there is no component, alias, trunk or link")
    bridged = {(e.table.tenant, e.table.bridges) for e in draft.domains}
    with_alias = {e.table.tenant for e in draft.aliases}
    for trunk in draft.trunks:
        if trunk.table.tenant not in with_alias:
            yield Problem(
                trunk.path, f"no [[sip.alias]] of tenant {trunk.table.tenant} could receive from it"
            )
    for link in draft.links:
        if (link.table.tenant, "sms") not in bridged:
            yield Problem(
                link.path, f'no component or alias of tenant {link.table.tenant} bridges "sms"'
            )


def receipts(draft: Draft) -> Iterator[Problem]:
    """RCPT-9, MSG-41: a receipt may come as late as the text may."""
    if draft.node:
        for entry in draft.links:
            if entry.table.validity > draft.node.patience.receipts:
                yield Problem(
                    f"{entry.path}.validity",
                    "is longer than node.patience.receipts: late receipts are lost",
                )


ADVICE: tuple[Rule, ...] = (
    tcp_beside_udp, open_network, open_websocket, anybody, unverified,
    uncovered, open_keys, unreachable_domains, ambiguous, idle, receipts,
)  # fmt: skip
