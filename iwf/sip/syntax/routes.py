"""The way of a request by proxies: Route lines we write, and those that led a request to us.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from iwf.sip.syntax.message import Request
from iwf.sip.syntax.uri import Uri, parse_uri


def request_uri_and_routes(target: str, route_set: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """How a request to a target by a route set begins (RFC 3261 8.1.2, 12.2.1.1; SIP-71).

    :param target: the URI that the request is for.
    :param route_set: URIs of the proxies on the way, the nearest first.
    :return: its Request-URI, and the URIs of its Route lines.
    :raises SipSyntaxError: 400, when the first of the route set is no URI.
    """
    if not route_set or parse_uri(route_set[0], "Route").param("lr") is not None:
        return target, tuple(route_set)
    # A strict router looks for itself in the Request-URI, and for the target behind all others.
    return route_set[0], (*route_set[1:], target)


def target_of_request(request: Request, is_ours: Callable[[Uri], bool]) -> Uri:
    """Whom a request that arrived is for: its Request-URI, but for one that came through a strict router.

    That one has put the last Route, which is us, into the Request-URI, and the target behind all others
    (RFC 3261 16.4).  Other Route lines are of no meaning at the end of a way.

    :param is_ours: whether a URI is one by which we are named as a station on the way.
    :raises SipSyntaxError: 400, for a Request-URI or Route that cannot be read.
    """
    uri = request.uri
    if uri.user is not None or request.get("Route") is None or uri.param("lr") is None or not is_ours(uri):
        return uri
    routes = request.addresses("Route")
    return routes[-1].uri if routes else uri
