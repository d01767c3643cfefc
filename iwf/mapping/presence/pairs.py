"""Who watches whom: the two ends of an event of presence, at home, and the ways between them."""

from __future__ import annotations

from attrs import frozen

from iwf.mapping.address import native_of
from iwf.mapping.directory import host_of
from iwf.mapping.message import ends_of, way_between
from iwf.mapping.model import (
    SIP,
    Address,
    Failure,
    Party,
    WatchEnded,
    WatchFetched,
    WatchRenewed,
    WatchRequested,
    address_of_key,
)
from iwf.mapping.model.presence import Presence, Published, WatchNews
from iwf.mapping.presence.phones import PHONES, is_phone
from iwf.mapping.presence.publishing import gateway_behind, stands_for_gateway, way_to_owner, way_to_servers
from iwf.mapping.rows import Leg, Watch
from iwf.mapping.settings import Gateway
from iwf.mapping.way import Way


@frozen
class Pair:
    """A watcher and a presentity, both by their bare native addresses, and the tenant that
    connects them."""

    watcher: Address
    presentity: Address
    tenant: str

    @property
    def told_per_leg(self) -> bool:
        """Whether the watcher's world has a dialog for each leg, with a whole document in it; else
        he is told once and of each device by itself."""
        return self.watcher.scheme == SIP

    @property
    def is_publication(self) -> bool:
        """Whether the watcher is the gateway itself, for presence servers (PUB-1)."""
        return stands_for_gateway(self.watcher)


def said_by_watcher(origin: Party, target: Address, gateway: Gateway) -> Pair | Failure:
    """The pair of an event that its watcher caused.

    :param origin: the watcher and who vouches for him.
    :param target: the presentity, as the watcher's world sees him.
    """
    ends = ends_of(origin, target, gateway)
    if isinstance(ends, Failure):
        return ends
    watcher, presentity, tenant, _ = ends
    return _between(watcher.address, presentity, tenant)


def said_by_presentity(origin: Party, target: Address, gateway: Gateway) -> Pair | Failure:
    """The pair of an event that its presentity caused; ``target`` is the watcher as he sees him."""
    if stands_for_gateway(target):
        behind = gateway_behind(origin, target, gateway)
        if isinstance(behind, Failure):
            return behind
        presentity, watcher, tenant = behind
        return Pair(watcher, presentity, tenant)
    ends = ends_of(origin, target, gateway)
    if isinstance(ends, Failure):
        return ends
    said_by, watcher, tenant, _ = ends
    return _between(watcher, said_by.address, tenant)


def _between(watcher: Address, presentity: Address, tenant: str) -> Pair:
    return Pair(watcher.bare(), presentity.bare(), tenant)


def pair_of_row(row: Watch | Leg) -> Pair:
    """The pair that a row is about."""
    return Pair(address_of_key(row.watcher), address_of_key(row.presentity), row.tenant)


def pair_of_payload(payload: WatchNews | Presence | Published, gateway: Gateway) -> Pair | Failure:
    """The pair that something outbound is about: its origin is an image, its target at home."""
    image, target = payload.origin.address, payload.target
    if stands_for_gateway(image):
        found = gateway_behind(Party(target), image, gateway, trusted=True)
        return found if isinstance(found, Failure) else Pair(found[1], target.bare(), found[2])
    native = native_of(image, gateway)
    if isinstance(native, Failure):
        return native
    assert native.alias is not None  # native_of answers only for addresses in an alias
    if isinstance(payload, Published):
        watcher = Address(image.scheme, "", host_of(image.domain))
        return Pair(watcher, native.address.bare(), native.alias.tenant)
    one, other = native.address.bare(), target.bare()
    if isinstance(payload, WatchRequested | WatchRenewed | WatchFetched | WatchEnded):
        return Pair(one, other, native.alias.tenant)
    return Pair(other, one, native.alias.tenant)


def way_to_presentity(pair: Pair, gateway: Gateway) -> Way | Failure:
    """Where the presentity is asked, and who he sees asking."""
    if pair.is_publication:
        return way_to_owner(pair.watcher, pair.presentity, pair.tenant, gateway)
    if is_phone(pair.presentity):
        return Way(Party(pair.watcher), pair.presentity, pair.watcher, PHONES + pair.tenant)
    return way_between(Party(pair.watcher), pair.presentity, pair.tenant, (), gateway)


def way_to_watcher(pair: Pair, gateway: Gateway) -> Way | Failure:
    """Where the watcher is told, and whom he sees."""
    if pair.is_publication:
        return way_to_servers(pair.presentity, pair.watcher, pair.tenant, gateway)
    if is_phone(pair.watcher):
        return Way(Party(pair.presentity), pair.watcher, pair.presentity, PHONES + pair.tenant)
    return way_between(Party(pair.presentity), pair.watcher, pair.tenant, (), gateway)
