"""Rules that look at more than one key: what the tables of a file must be to each other.

Each rule is a function from a draft to problems, so that all of them are found in one go.  A rule
about something missing keeps silent when a table of that kind could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from iwf.config.read import Draft, Entry
from iwf.config.service import phone_service
from iwf.config.smpp import links
from iwf.config.tables import (
    AliasTable,
    ComponentTable,
    LinkTable,
    PatienceTable,
    PoolTable,
    TrunkTable,
)
from iwf.config.values import is_wildcard, literal_address
from iwf.config.xmpp import accounts
from iwf.errors import Problem
from iwf.mapping.route import domain_matches
from iwf.sip.auth.digest import algorithms_of
from iwf.sip.auth.verifier import Secret

REGISTRAR = "registrar"
"""The name of the registrar among the trunks."""
Rule = Callable[[Draft], Iterator[Problem]]
DomainTable = ComponentTable | AliasTable


def served(draft: Draft, entry: Entry[ComponentTable] | Entry[AliasTable]) -> tuple[str, ...]:
    """The native domains seen behind an alias domain (ADDR-25), given or by default."""
    table = entry.table
    if table.scheme == "direct":
        return (table.domain,)
    if table.serves is not None:
        return tuple(table.serves)
    if table.bridges == "sip":
        # ADDR-29: what is reached directly is not reached by alias as well.
        direct = {
            other.table.domain for other in draft.components if other.table.scheme == "direct"
        }
        domains = sip_domains(draft, table.tenant)
        return tuple(dict.fromkeys(name for name in domains if name not in direct))
    return ("*",)


def sources(trunk: TrunkTable) -> tuple[str, ...]:
    """From where a trunk may speak (SIP-63); by default the address it is sent to, and none when it
    is known by its certificate."""
    if trunk.allowed_sources is not None:
        return tuple(trunk.allowed_sources)
    if trunk.allowed_names is not None:
        return ()
    own = literal_address(trunk.next_hop.host) if trunk.next_hop else None
    return () if own is None else (own,)


def sip_domains(draft: Draft, tenant: str) -> list[str]:
    """The native SIP domains of a tenant: of its trunks, and of the registrar."""
    domains = [name for trunk in _trunks(draft, tenant) for name in trunk.table.domains]
    if draft.registrar is not None and draft.registrar.tenant == tenant:
        domains.append(draft.registrar.domain)
    return domains


def _trunks(draft: Draft, tenant: str) -> list[Entry[TrunkTable]]:
    return [trunk for trunk in draft.trunks if trunk.table.tenant == tenant]


def _links(draft: Draft, tenant: str) -> list[Entry[LinkTable]]:
    return [link for link in draft.links if link.table.tenant == tenant]


def _repeated(named: Iterable[tuple[str, object]], text: str) -> Iterator[Problem]:
    """A problem for each (path, name) whose name has been seen before."""
    first: dict[object, str] = {}
    for path, name in named:
        if name in first:
            yield Problem(path, f"{text} {first[name]}")
        else:
            first[name] = path


def unique_names(draft: Draft) -> Iterator[Problem]:
    """Everything that is looked up by name has one of its own."""
    same = "is the same as"
    yield from _repeated(((f"{e.path}.domain", e.table.domain) for e in draft.components), same)
    yield from _repeated(((f"{e.path}.domain", e.table.domain) for e in draft.aliases), same)
    yield from _repeated(
        ((f"{e.path}.name", e.table.label) for e in draft.trunks), "gives the same name as"
    )
    yield from _repeated(
        ((f"{e.path}.name", e.table.label) for e in draft.links), "gives the same name as"
    )
    for index, hop in enumerate(draft.sip.listen or () if draft.sip else ()):
        if draft.sip and draft.sip.listen and hop in draft.sip.listen[:index]:
            yield Problem(f"sip.listen[{index}]", "is listed twice")


def unique_lists(draft: Draft) -> Iterator[Problem]:
    """No value occurs twice in a list; a SIP domain of a tenant has one trunk."""
    yield from _repeated(
        (
            (f"{e.path}.domains[{index}]", (e.table.tenant, name))
            for e in draft.trunks
            for index, name in enumerate(e.table.domains)
        ),
        "is the same as",
    )
    for entry in draft.domains:
        yield from _repeated(
            _elements(f"{entry.path}.serves", entry.table.serves or ()), "is the same as"
        )
    for link in draft.links:
        yield from _repeated(
            _elements(f"{link.path}.prefixes", link.table.prefixes), "is the same as"
        )
        if isinstance(link.table.number_pool, list):
            numbers = _elements(f"{link.path}.number_pool", link.table.number_pool)
            yield from _repeated(numbers, "is the same as")


def _elements(path: str, values: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((f"{path}[{index}]", value) for index, value in enumerate(values))


def own_domains_are_not_native(draft: Draft) -> Iterator[Problem]:
    """ADDR-23: a domain of ours has no users of its own; only the direct scheme has one name for both."""
    direct_last = sorted(draft.domains, key=lambda e: e.table.scheme == "direct")
    own = {e.table.domain: e for e in direct_last}
    native = [
        (f"{e.path}.serves[{index}]", name, e.table.domain)
        for e in draft.domains
        for index, name in enumerate(e.table.serves or ())
    ]
    native += [
        (f"{e.path}.domains[{i}]", name, "")
        for e in draft.trunks
        for i, name in enumerate(e.table.domains)
    ]
    if draft.registrar is not None:
        native.append(("sip.registrar.domain", draft.registrar.domain, ""))
    for path, name, holder in native:
        owner = own.get(name)
        if owner is None:
            continue
        direct = owner.table.scheme == "direct"
        if direct and (holder == name or not holder and isinstance(owner.table, ComponentTable)):
            continue
        if direct:
            # ADDR-29: a domain belongs to exactly one scheme.
            yield Problem(
                path, f"{name} is reached by the direct scheme already, at {owner.path}.domain"
            )
        else:
            yield Problem(path, f"{name} is a domain of the gateway itself, at {owner.path}.domain")


def direct_scheme(draft: Draft) -> Iterator[Problem]:
    """ADDR-26, 27, 29: the direct scheme joins two worlds under one name."""
    for entry in draft.domains:
        table: DomainTable = entry.table
        if table.scheme != "direct":
            continue
        if table.bridges == "sms":
            text = 'must be "alias" for sms: a phone is always +number@domain'
            yield Problem(f"{entry.path}.scheme", text)
        if table.serves is not None and table.serves != [table.domain]:
            yield Problem(f"{entry.path}.serves", f'must be absent or ["{table.domain}"]')
        for other in draft.domains:
            if other.table.domain == table.domain and type(other.table) is not type(table):
                text = f"is also {other.path}.domain: its users would meet themselves"
                yield Problem(f"{entry.path}.domain", text)
        if table.bridges == "sip" and draft.complete("sip.trunk"):
            patterns = sip_domains(draft, table.tenant)
            if not any(domain_matches(pattern, table.domain) for pattern in patterns):
                text = f"no [[sip.trunk]] of tenant {table.tenant} has {table.domain}"
                yield Problem(f"{entry.path}.scheme", text)


def counterparts(draft: Draft) -> Iterator[Problem]:
    """A bridge needs something on its other side, and a way back, in its own tenant."""
    for entry in draft.components:
        tenant = entry.table.tenant
        if entry.table.bridges == "sip":
            if not sip_domains(draft, tenant):
                yield from _missing(draft, entry.path, tenant, "sip.trunk", "[[sip.trunk]]")
            if not _aliases(draft, tenant, "xmpp"):
                # Without it a SIP user would see no sender whom he could answer.
                yield from _missing(
                    draft, entry.path, tenant, "sip.alias", '[[sip.alias]] that bridges "xmpp"'
                )
        elif not _links(draft, tenant):
            yield from _missing(draft, entry.path, tenant, "smpp.link", "[[smpp.link]]")
    for alias in draft.aliases:
        tenant = alias.table.tenant
        if not sip_domains(draft, tenant):
            yield from _missing(draft, alias.path, tenant, "sip.trunk", "[[sip.trunk]]")
        if alias.table.bridges == "xmpp":
            if not _components(draft, tenant, "sip"):
                what = '[[xmpp.component]] that bridges "sip"'
                yield from _missing(draft, alias.path, tenant, "xmpp.component", what)
        elif not _links(draft, tenant):
            yield from _missing(draft, alias.path, tenant, "smpp.link", "[[smpp.link]]")


def _components(draft: Draft, tenant: str, bridges: str) -> list[Entry[ComponentTable]]:
    return [e for e in draft.components if (e.table.tenant, e.table.bridges) == (tenant, bridges)]


def _aliases(draft: Draft, tenant: str, bridges: str) -> list[Entry[AliasTable]]:
    return [e for e in draft.aliases if (e.table.tenant, e.table.bridges) == (tenant, bridges)]


def _missing(draft: Draft, path: str, tenant: str, kind: str, what: str) -> Iterator[Problem]:
    if draft.complete(kind):
        yield Problem(f"{path}.bridges", f"needs a {what} in tenant {tenant}")


def serves_somebody(draft: Draft) -> Iterator[Problem]:
    """ADDR-25: a gateway that served everybody by accident would be an open relay."""
    for alias in draft.aliases:
        table = alias.table
        if table.bridges == "xmpp" and table.scheme == "alias" and table.serves is None:
            yield Problem(f"{alias.path}.serves", "is required: the XMPP domains seen behind it")
    for entry in draft.components:
        if (
            draft.complete("sip.trunk")
            and sip_domains(draft, entry.table.tenant)
            and not served(draft, entry)
        ):
            yield Problem(
                f"{entry.path}.serves", "is empty: every domain of its trunks is reached directly"
            )


def sip_section(draft: Draft) -> Iterator[Problem]:
    """With SIP peers there must be a place to listen, and a name to be answered at."""
    if draft.sip is None:
        return
    if not draft.sip.listen and (draft.sip.alias or draft.sip.trunk or draft.sip.registrar):
        yield Problem("sip.listen", "is required: SIP peers must reach the gateway somewhere")
    if not draft.sip.host and any(is_wildcard(hop.host) for hop in draft.sip.listen or ()):
        # SIP-45: sent-by names the listener, and the wildcard address names nothing.
        yield Problem("sip.host", "is required when the gateway listens on every interface")


def trunks(draft: Draft) -> Iterator[Problem]:
    """SIP-63: only known peers may speak. MSG-28: large requests only where a stream is sure."""
    for entry in draft.trunks:
        if not sources(entry.table) and not entry.table.allowed_names:
            text = "is required: next_hop holds no IP address that could be the default"
            yield Problem(f"{entry.path}.allowed_sources", text)
        hop = entry.table.next_hop
        if entry.table.trusted_large and (hop is None or hop.transport == "udp"):
            yield Problem(f"{entry.path}.trusted_large", "needs a next_hop by tcp or tls")
        if hop is None and entry.table.loose_route:
            yield Problem(f"{entry.path}.loose_route", "needs a next_hop")
        if hop is None and entry.table.keep_alive in ("crlf", "options"):
            yield Problem(f"{entry.path}.keep_alive", "needs a next_hop")
        if entry.table.digest and not entry.table.username:
            yield Problem(f"{entry.path}.digest", "needs a username and a password")
        if entry.secret and not entry.table.username:
            yield Problem(f"{entry.path}.username", "is required with a password")
        if entry.table.identities and not _aliases_of(draft, entry.table.tenant):
            text = f"needs a [[sip.alias]] in tenant {entry.table.tenant}"
            yield Problem(f"{entry.path}.register", text)
        yield from _repeated(_elements(f"{entry.path}.register", entry.table.identities), "is the same as")


def _aliases_of(draft: Draft, tenant: str) -> list[Entry[AliasTable]]:
    return [e for e in draft.aliases if e.table.tenant == tenant]


def registrar(draft: Draft) -> Iterator[Problem]:
    """The users of the registrar's domain can be told from everybody else, and can all be asked."""
    table = draft.registrar
    if table is None:
        return
    for entry in draft.trunks:
        if table.domain in entry.table.domains:
            yield Problem("sip.registrar.domain", f"{table.domain} is reached by {entry.path} already")
        if entry.table.label == REGISTRAR:
            yield Problem(f"{entry.path}.name", f"must not be {REGISTRAR}, as there is a registrar")
    if table.min_expires > table.max_expires:
        yield Problem("sip.registrar.min_expires", f"must not be longer than max_expires ({table.max_expires})")
    # ADDR-20: names that differ in case alone are one user.
    users = ((f"{e.path}.user", e.table.user.lower()) for e in draft.accounts)
    yield from _repeated(users, "is the same as")
    secrets = [Secret(entry.secret, tuple(entry.table.ha1.items())) for entry in draft.accounts]
    asked = algorithms_of(table.algorithms)
    if not any(all(secret.knows(algorithm) for secret in secrets) for algorithm in asked):
        # SIP-62: who will answer a challenge is not known when it is made.
        yield Problem("sip.registrar.accounts", "have no algorithm in common: give all a hash of the same kind")


def numbers(draft: Draft) -> Iterator[Problem]:
    """ADDR-44, 60: virtual numbers fit the protocol and are no service number."""
    for entry in draft.links:
        pool, service = entry.table.number_pool, entry.table.service_number
        if isinstance(pool, PoolTable):
            yield from _pool(f"{entry.path}.number_pool", pool)
            form = rf"{re.escape(pool.prefix)}[0-9]{{{pool.width}}}"
            taken = re.fullmatch(form, service) is not None
        else:
            taken = service in pool
        if taken:
            yield Problem(f"{entry.path}.service_number", "must not be one of the number_pool")


def _pool(path: str, pool: PoolTable) -> Iterator[Problem]:
    length = len(pool.prefix.removeprefix("+")) + pool.width
    letters = re.search("[A-Za-z]", pool.prefix) is not None
    if letters and pool.prefix.startswith("+"):
        yield Problem(f"{path}.prefix", "must not have both + and letters")
    # ADDR-44: 20 characters, 11 with a letter (TON 5); ADDR-36: 15 digits after a +.
    most = 11 if letters else 15 if pool.prefix.startswith("+") else 20
    if length > most:
        yield Problem(
            f"{path}.width", f"makes numbers of {length} characters, at most {most} are possible"
        )


def patience(draft: Draft) -> Iterator[Problem]:
    """Short waits are not longer than the long ones they are part of."""
    times = draft.node.patience if draft.node else PatienceTable()
    for short, long in (
        ("grace", "delivery"),
        ("next_hop", "delivery"),
        ("early_receipt", "receipts"),
    ):
        if getattr(times, short) > getattr(times, long):
            yield Problem(
                f"node.patience.{short}",
                f"must not be longer than {long} ({getattr(times, long):g})",
            )


RULES: tuple[Rule, ...] = (
    unique_names, unique_lists, own_domains_are_not_native, direct_scheme, counterparts,
    serves_somebody, sip_section, trunks, registrar, numbers, patience, links, phone_service, accounts,
)  # fmt: skip
