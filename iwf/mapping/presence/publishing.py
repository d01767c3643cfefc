"""The gateway as a watcher of its own, for SIP presence servers that want to be told (PUB-1).

A user who subscribes to the gateway's own domain is asked back.  Once he lets it see him there is
a watch like any other: its watcher is the bare alias domain under which the user is seen, its
legs are the trunks that have ``publish``, and what a leg is told is :class:`Published`.
"""

from __future__ import annotations

from iwf.mapping.address import canonical, image_of
from iwf.mapping.directory import host_of
from iwf.mapping.model import SIP, Address, Failure, Party, Reason
from iwf.mapping.route import may_speak
from iwf.mapping.rows import Leg
from iwf.mapping.settings import Alias, Gateway, Scheme
from iwf.mapping.way import Way

_NOBODY = Failure(Reason.UNKNOWN_RECIPIENT, text="no such user here",
                  detail="PUB-1: nothing is published for this domain")


def stands_for_gateway(address: Address) -> bool:
    """Whether an address is a domain and nobody in it."""
    return not address.user and bool(address.domain)


def trunks_told(tenant: str, gateway: Gateway) -> tuple[str, ...]:
    """The connectors that want to be told."""
    return tuple(trunk.lane for trunk in gateway.trunks if trunk.publish and trunk.tenant == tenant)


def gateway_behind(origin: Party, target: Address, gateway: Gateway,
                   trusted: bool = False) -> tuple[Address, Address, str] | Failure:
    """A user who speaks to the gateway's own domain, the watcher that this stands for, the tenant.

    :param trusted: the words are our own, so nobody has to vouch for them.
    """
    owner = canonical(origin.address, gateway).bare()
    seen = gateway.directory.alias_at(target.scheme, target.domain)
    if seen is None or seen.bridges != SIP or seen is not _asking_as(owner, seen.tenant, gateway):
        return _NOBODY
    failure = None if trusted else may_speak(origin, gateway, seen.tenant)
    if failure is not None:
        return failure
    alias = gateway.directory.alias_for(SIP, owner.scheme, seen.tenant, host_of(owner.domain))
    if alias is None:
        return _NOBODY
    return owner, Address(SIP, "", host_of(alias.domain)), seen.tenant


def _asking_as(owner: Address, tenant: str, gateway: Gateway) -> Alias | None:
    """The domain that asks a user back: the first of his tenant that is the gateway's alone."""
    return next((alias for alias in gateway.aliases
                 if (alias.world, alias.bridges, alias.tenant) == (owner.scheme, SIP, tenant)
                 and alias.scheme is Scheme.ALIAS), None)


def way_to_owner(watcher: Address, owner: Address, tenant: str, gateway: Gateway) -> Way | Failure:
    """Where a user is asked whether the gateway may see him."""
    alias = _asking_as(owner, tenant, gateway)
    if alias is None:
        return _NOBODY
    return Way(Party(watcher), owner, Address(alias.world, "", host_of(alias.domain)), alias.lane, alias)


def way_to_servers(owner: Address, watcher: Address, tenant: str, gateway: Gateway) -> Way | Failure:
    """Where a user's state is published, and as whose; each leg has a connector of its own."""
    image = image_of(owner, SIP, tenant, gateway)
    if isinstance(image, Failure):
        return image
    lane = next(iter(trunks_told(tenant, gateway)), "")
    return Way(Party(owner), watcher, image.address, lane, image.alias)


def legs_of_publication(watcher: Address, owner: Address, tenant: str,
                        gateway: Gateway) -> tuple[Leg, ...]:
    """Its legs: they are configuration and no rows."""
    return tuple(Leg(f"{lane}|{owner.key}", watcher.key, owner.key, tenant, lane)
                 for lane in trunks_told(tenant, gateway))
