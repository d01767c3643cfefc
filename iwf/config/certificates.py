"""TLS in the configuration: what its keys mean, and the rules about them (SIP-49)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from attrs import evolve
from cryptography.x509 import load_pem_x509_certificates

from iwf.config.read import Draft, readable_by_all
from iwf.config.tables import SipTable, TlsTable, TrunkTable
from iwf.config.values import literal_address
from iwf.errors import Problem
from iwf.sip.settings import Hop, Target, TlsPeer, TlsSettings
from iwf.sip.transport.identity import sip_domains
from iwf.tls import Files, TlsError, Verify, load_context

SECURE = ("tls", "wss")


def tls_settings(draft: Draft, sip: SipTable) -> TlsSettings:
    """What the listeners show and ask for."""
    named = (
        (e.table.domain, _path(draft, e.table.certificate), _path(draft, e.table.key))
        for e in draft.aliases
        if e.table.certificate
    )
    files = _files(draft, sip.tls)
    return TlsSettings(
        files.certificate, files.key, files.ca, sip.tls.verify_clients, tuple(named)
    )


def tls_peer(draft: Draft, sip: SipTable, trunk: TrunkTable) -> TlsPeer:
    """How connections to a trunk are made; without names, those are looked for that lead there."""
    own = trunk.tls
    shown = own if own.certificate else sip.tls
    names = tuple(trunk.allowed_names or ())
    # RFC 6066 3: never an address; a name with a star asks for nothing.
    server_name = next((name for name in names if not name.startswith("*")), "")
    if trunk.next_hop is not None and literal_address(trunk.next_hop.host) is None:
        server_name = trunk.next_hop.host
    ca = _path(draft, own.ca or sip.tls.ca)
    return TlsPeer(
        names, server_name, own.verify, _path(draft, shown.certificate), _path(draft, shown.key), ca
    )


def with_tls(trunk: TrunkTable, peer: TlsPeer) -> Hop | Target | None:
    """The next hop of a trunk; one that is an address, with the names that it may have."""
    hop = trunk.next_hop
    if not isinstance(hop, Hop) or hop.transport != "tls" or literal_address(hop.host) is None:
        return hop
    names = peer_names(trunk)
    server_name = peer.server_name or next((n for n in names if not n.startswith("*")), "")
    return evolve(hop, tls=evolve(peer, names=names, server_name=server_name))


def peer_names(trunk: TrunkTable) -> tuple[str, ...]:
    """The names of which the certificate of a trunk's next hop must have one: those configured,
    else the one it is found by, else the domains that it serves (RFC 5922 7.3)."""
    if trunk.allowed_names:
        return tuple(trunk.allowed_names)
    if trunk.next_hop is not None and literal_address(trunk.next_hop.host) is None:
        return (trunk.next_hop.host,)
    return tuple(name for name in trunk.domains if "*" not in name and not name.startswith("["))


def _path(draft: Draft, path: str | None) -> str:
    return str(draft.folder / Path(path)) if path else ""


def _files(draft: Draft, table: TlsTable) -> Files:
    return Files(_path(draft, table.certificate), _path(draft, table.key), _path(draft, table.ca))


# --- rules ---------------------------------------------------------------------------------------


def tls_listeners(draft: Draft) -> Iterator[Problem]:
    """Who listens for TLS has a certificate; two stream listeners have not the same address."""
    listen = (draft.sip.listen or []) if draft.sip else []
    first: dict[tuple[str, int], int] = {}
    for index, hop in enumerate(listen):
        if hop.transport != "udp":
            before = first.setdefault((hop.host, hop.port), index)
            if before != index and listen[before] != hop:
                yield Problem(f"sip.listen[{index}]", f"is in use already, by sip.listen[{before}]")
    if draft.sip and not draft.sip.tls.certificate and any(h.transport in SECURE for h in listen):
        yield Problem("sip.tls.certificate", "is required with listeners by tls or wss")


def tls_trunks(draft: Draft) -> Iterator[Problem]:
    """Peers that are known by certificates can be known by them."""
    for entry in draft.trunks:
        table = entry.table
        hop = table.next_hop
        by_tls = hop is not None and hop.transport == "tls"
        if by_tls and table.tls.verify and not peer_names(table):
            text = "is required: neither next_hop nor domains hold a name that it could prove"
            yield Problem(f"{entry.path}.allowed_names", text)
        if table.allow_sips and not by_tls:
            # ADDR-56: only where TLS goes on behind us.
            yield Problem(f"{entry.path}.allow_sips", "needs a next_hop by tls")
        if table.allowed_names and draft.sip and draft.sip.tls.verify_clients == "no":
            text = f"must not be no: {entry.path}.allowed_names could not be proved"
            yield Problem("sip.tls.verify_clients", text)


def certificate_files(draft: Draft) -> Iterator[Problem]:
    """Every certificate can be read, and its key belongs to it."""
    for path, certificate, key, ca in _tables(draft):
        if key and not certificate:
            yield Problem(f"{path}.key", "needs a certificate beside it")
        elif certificate:
            files = Files(_path(draft, certificate), _path(draft, key))
            yield from _unusable(f"{path}.certificate", files, Verify.NO)
        if ca:
            yield from _unusable(f"{path}.ca", Files(ca=_path(draft, ca)), Verify.REQUIRED)


def _tables(draft: Draft) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    """Path, certificate, key and authorities of every table that has such."""
    if draft.sip is not None:
        own = draft.sip.tls
        yield "sip.tls", own.certificate, own.key, own.ca
    for alias in draft.aliases:
        yield alias.path, alias.table.certificate, alias.table.key, None
    for trunk in draft.trunks:
        tls = trunk.table.tls
        yield f"{trunk.path}.tls", tls.certificate, tls.key, tls.ca
    for link in draft.links:
        if link.table.tls is not None:
            yield f"{link.path}.tls", link.table.tls.certificate, link.table.tls.key, link.table.tls.ca


def _unusable(path: str, files: Files, verify: Verify) -> Iterator[Problem]:
    try:
        load_context(files, verify)
    except TlsError as error:
        yield Problem(path, str(error))


# --- advice --------------------------------------------------------------------------------------


def unverified(draft: Draft) -> Iterator[Problem]:
    """TLS with nobody in particular keeps out those who only listen."""
    for entry in draft.trunks:
        hop = entry.table.next_hop
        if (hop is None or hop.transport == "tls") and not entry.table.tls.verify:
            yield Problem(f"{entry.path}.tls.verify", "lets anybody pass himself off as this peer")
    for link in draft.links:
        if link.table.tls is not None and not link.table.tls.verify:
            yield Problem(f"{link.path}.tls.verify", "lets anybody pass himself off as this peer")


def uncovered(draft: Draft) -> Iterator[Problem]:
    """ADDR-55: peers expect the alias in the certificate that they are shown."""
    sip = draft.sip
    if sip is None or not any(hop.transport in SECURE for hop in sip.listen or ()):
        return
    for entry in draft.aliases:
        own = entry.table.certificate
        names = _names_in(_path(draft, own or sip.tls.certificate))
        if names and not _names_cover(names, entry.table.domain):
            where = f"{entry.path}.certificate" if own else "sip.tls.certificate"
            yield Problem(where, f"does not name {entry.table.domain}, at {entry.path}.domain")


def open_keys(draft: Draft) -> Iterator[Problem]:
    """A private key is a secret like any other."""
    for path, certificate, key, _ in _tables(draft):
        file = key or certificate
        if file and readable_by_all(draft.folder / file):
            where = f"{path}.key" if key else f"{path}.certificate"
            yield Problem(where, "everybody on this machine can read the private key")


def _names_in(certificate: str) -> Collection[str]:
    """The SIP domains of a certificate; none when it cannot be read, which a rule has told."""
    try:
        found = load_pem_x509_certificates(Path(certificate).read_bytes())
    except (OSError, ValueError):
        return ()
    return sip_domains(found[0])


def _names_cover(names: Collection[str], domain: str) -> bool:
    # Browsers take wildcards, though SIP peers should not (RFC 5922 7.2).
    return domain in names or "*." + domain.partition(".")[2] in names
