"""Look-ups over the configuration, indexed once so that a message costs a few of them only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from attrs import frozen

from iwf.mapping.model import TEL, XMPP
from iwf.mapping.settings import Alias, Link, Scheme, Trunk

T = TypeVar("T")


def host_of(domain: str) -> str:
    """A domain in lower case, without port and trailing dot; an IPv6 address keeps its brackets."""
    host, colon, port = domain.rpartition(":")
    if colon and (not port or port.isdecimal()):
        domain = host
    return domain.lower().removesuffix(".")


def domain_matches(pattern: str, domain: str) -> bool:
    """Whether a domain, its port ignored, is meant by ``name``, ``*.name`` (below it) or ``*``."""
    host = host_of(domain)
    pattern = host_of(pattern)
    if pattern == "*":
        return bool(host)
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    return host == pattern


@frozen
class Patterns(Generic[T]):
    """Values under domain patterns; an exact name goes before a wildcard, a longer wildcard
    before a shorter one, and what was configured first before what came later."""

    exact: Mapping[str, T]
    below: tuple[tuple[str, T], ...]
    """``.example`` for ``*.example``, the longest first."""
    rest: T | None
    """The value of ``*``."""

    def find(self, domain: str) -> T | None:
        """The value for a domain, its port ignored."""
        host = host_of(domain)
        found = self.exact.get(host)
        if found is not None:
            return found
        for suffix, value in self.below:
            if host.endswith(suffix) and len(host) > len(suffix):
                return value
        return self.rest


def patterns_of(pairs: Iterable[tuple[str, T]]) -> Patterns[T]:
    """An index of (pattern, value) pairs."""
    exact: dict[str, T] = {}
    below: dict[str, T] = {}
    rest: T | None = None
    for pattern, value in pairs:
        pattern = host_of(pattern)
        if pattern == "*":
            rest = value if rest is None else rest
        elif pattern.startswith("*."):
            below.setdefault(pattern[1:], value)
        else:
            exact.setdefault(pattern, value)
    return Patterns(exact, tuple(sorted(below.items(), key=lambda item: -len(item[0]))), rest)


@frozen
class Directory:
    """Who is who in one configuration."""

    aliases: Mapping[tuple[str, str], Alias]
    """By the world an alias domain lives in and its name."""
    own: frozenset[str]
    """Names dedicated to us in any world: no native user lives there (ADDR-23, LOOP-5).  Domains
    of the direct scheme are not among them, since natives live in those (ADDR-29)."""
    pairs: Mapping[tuple[str, str, str], Patterns[Alias]]
    """By world, bridged world and tenant: the alias under which a native domain is seen."""
    routes: Mapping[str, Patterns[Trunk]]
    """By tenant: the trunk of a native SIP domain."""
    prefixes: Mapping[str, tuple[tuple[str, Link], ...]]
    """By tenant: number prefixes with their links, the longest first, then the cheapest; a default
    has the prefix ``""``."""
    trunks: Mapping[str, tuple[Trunk, Patterns[Trunk]]]
    """By lane: the trunk and the domains it may speak for."""
    components: Mapping[str, Alias]
    """By lane: an XMPP alias."""
    links: Mapping[str, Link]
    """By lane."""
    tenants: tuple[str, ...]
    """In the order of the configuration."""

    def alias_at(self, world: str, domain: str) -> Alias | None:
        """The alias that a domain of a world is, if it is one of ours."""
        return self.aliases.get((world, host_of(domain)))

    def alias_for(self, world: str, bridges: str, tenant: str, domain: str) -> Alias | None:
        """The alias of a tenant under which users of a native domain are seen in a world; at most
        one, so that a user has one image there (ADDR-19, ADDR-25)."""
        patterns = self.pairs.get((world, bridges, tenant))
        return patterns.find(domain) if patterns is not None else None

    def tenant_of(self, lane: str) -> str | None:
        """Whose connector a lane is; None for a lane that is not configured."""
        if lane in self.trunks:
            return self.trunks[lane][0].tenant
        if lane in self.components:
            return self.components[lane].tenant
        return self.links[lane].tenant if lane in self.links else None


def directory_of(aliases: tuple[Alias, ...], trunks: tuple[Trunk, ...],
                 links: tuple[Link, ...]) -> Directory:
    """The indexes of one configuration."""
    by_name: dict[tuple[str, str], Alias] = {}
    by_pair: dict[tuple[str, str, str], list[tuple[str, Alias]]] = {}
    components: dict[str, Alias] = {}
    for alias in aliases:
        by_name.setdefault((alias.world, host_of(alias.domain)), alias)
        pair = by_pair.setdefault((alias.world, alias.bridges, alias.tenant), [])
        pair += [(pattern, alias) for pattern in _served(alias)]
        if alias.lane and alias.world == XMPP:
            components.setdefault(alias.lane, alias)
    by_tenant: dict[str, list[tuple[str, Trunk]]] = {}
    for trunk in trunks:
        domains = [(pattern, trunk) for pattern in trunk.domains]
        by_tenant.setdefault(trunk.tenant, []).extend(domains)
    tenants = [*(alias.tenant for alias in aliases), *(trunk.tenant for trunk in trunks),
               *(link.tenant for link in links)]
    return Directory(
        aliases=by_name,
        own=frozenset(name for (_, name), alias in by_name.items()
                      if alias.scheme is not Scheme.DIRECT),
        pairs={key: patterns_of(pairs) for key, pairs in by_pair.items()},
        routes={tenant: patterns_of(pairs) for tenant, pairs in by_tenant.items()},
        prefixes=_prefixes(links),
        trunks={trunk.lane: (trunk, patterns_of((pattern, trunk) for pattern in trunk.domains))
                for trunk in trunks},
        components=components,
        links={link.lane: link for link in links},
        tenants=tuple(dict.fromkeys(tenants)))


def _served(alias: Alias) -> tuple[str, ...]:
    if alias.bridges == TEL:
        return ("*",)  # numbers have no domain
    if alias.scheme is Scheme.DIRECT:
        return (alias.domain,)
    return alias.serves


def _prefixes(links: tuple[Link, ...]) -> dict[str, tuple[tuple[str, Link], ...]]:
    found: dict[str, list[tuple[str, Link]]] = {}
    for link in links:
        for prefix in link.prefixes:
            found.setdefault(link.tenant, []).append(("" if prefix == "+" else prefix, link))
    return {tenant: tuple(sorted(prefixes, key=lambda item: (-len(item[0]), item[1].cost)))
            for tenant, prefixes in found.items()}
