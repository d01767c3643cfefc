"""Where a message leaves, and who may speak for whom."""

from __future__ import annotations

from iwf.mapping.directory import domain_matches, host_of
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Party, Reason
from iwf.mapping.settings import Alias, Gateway

__all__ = ["domain_matches", "lane_for", "may_speak"]

_NO_ROUTE = Failure(Reason.UNKNOWN_DOMAIN, text="no way to this domain",
                    detail="no connector of the tenant serves the domain")
_OWN_DOMAIN = Failure(Reason.LOOP, text="the sender's address leads back here",
                      detail="LOOP-5: the sender is in an alias domain of ours")


def _forbidden(detail: str) -> Failure:
    return Failure(Reason.FORBIDDEN, text="this sender is not accepted from here", detail=detail)


_NOBODY_VOUCHES = _forbidden("SIP-63: nobody vouches for the sender")
_NOT_HIS_DOMAIN = _forbidden("SIP-63: the connector may not speak for this sender")
_OTHER_TENANT = _forbidden("ADDR-25: the connector belongs to another tenant")


def lane_for(native: Address, tenant: str, gateway: Gateway, alias: Alias | None) -> str | Failure:
    """The connector on which a message to an XMPP or SIP user leaves; for phones see
    :mod:`iwf.mapping.carriers`.

    :param alias: the alias under which the sender is seen there; None where it does not matter.
    """
    if alias is not None and alias.world == native.scheme and alias.lane:
        return alias.lane
    directory = gateway.directory
    if native.scheme == SIP:
        routes = directory.routes.get(tenant)
        trunk = routes.find(native.domain) if routes is not None else None
        return trunk.lane if trunk is not None else _NO_ROUTE
    return _NO_ROUTE


def may_speak(party: Party, gateway: Gateway, tenant: str | None = None) -> Failure | None:
    """Whether the connector that vouches for a sender may do so (SIP-63, LOOP-5).

    :param tenant: when given, the connector must belong to it as well (ADDR-25).
    :return: None for yes; FORBIDDEN, or LOOP for a sender in an alias domain of ours.
    """
    lane, address, directory = party.asserted_by, party.address, gateway.directory
    if not lane:
        return _NOBODY_VOUCHES
    if tenant is not None and directory.tenant_of(lane) != tenant:
        return _OTHER_TENANT
    if address.scheme != TEL and host_of(address.domain) in directory.own:
        return _OWN_DOMAIN
    if lane in directory.trunks:
        trunk, domains = directory.trunks[lane]
        allowed = trunk.phones if address.scheme == TEL else (
            address.scheme == SIP and domains.find(address.domain) is not None)
    elif lane in directory.components:
        allowed = address.scheme == XMPP
    else:
        allowed = lane in directory.links and address.scheme == TEL
    return None if allowed else _NOT_HIS_DOMAIN
