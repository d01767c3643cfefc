"""Requests of ours that come back: a mark in the branch that tells a loop from a spiral (LOOP-3, RFC 5393 4.2).  Pure.

The mark is a hash of what decides where a request goes: its Request-URI, tags, Call-ID and CSeq number.  A
request that comes back to us with the same hash went in a circle; with another hash somebody has sent it on
with good reason.  Route is not hashed: the first proxies take it off, so that no loop would be found.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

from iwf.sip.syntax.grammar import SipSyntaxError, encoded
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request

#: Ends a branch that is to be followed by its mark.
OPEN = "."
_OCTETS = 6


def mark_of(target: str, from_tag: str, to_tag: str, call_id: str, cseq: int) -> str:
    """The mark of a request with these parts; 12 hex digits."""
    parts = "\0".join((target, from_tag, to_tag, call_id, str(cseq)))
    return blake2b(encoded(parts), digest_size=_OCTETS, person=b"loop").hexdigest()


def opened(branch: str) -> str:
    """A branch that waits for its mark."""
    return branch + OPEN


def closed(via: Via, mark: str) -> Via:
    """Our hop with the mark in its branch, in place of what was its mark before."""
    branch = via.branch.partition(OPEN)[0] + OPEN + mark
    # As every message takes this way, without the search and checks of with_param.
    params = tuple([(name, branch if name == "branch" else value) for name, value in via.params])
    return Via(via.transport, via.host, via.port, params)


def marked(request: Request) -> Request:
    """A request of ours with its mark in the branch of its top Via; itself if that is there already.

    :raises SipSyntaxError: for one without readable Via, From, To, Call-ID or CSeq.
    """
    via, mark = request.top_via, _mark(request)
    return request if via.branch.endswith(OPEN + mark) else request.with_top_via(closed(via, mark))


def has_looped(request: Request, own_hosts: Collection[str]) -> bool:
    """Whether a request that arrived was here as it is now, and we had sent it on.

    :param own_hosts: what stands as host in our own Via lines.
    """
    if not any(host in line for line in request.all("Via") for host in own_hosts):
        return False
    try:
        mark = OPEN + _mark(request)
        return any(via.host in own_hosts and via.branch.endswith(mark) for via in request.vias)
    except SipSyntaxError:
        return False                                     # some hop that we need not understand


def _mark(request: Request) -> str:
    return mark_of(request.target, request.from_.tag, request.to.tag, request.call_id, request.cseq.number)


