"""Sends requests about presence: finds the way, shows credentials, tries the next target.  Shell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger

from iwf.mapping.model import Failure
from iwf.sip.auth.accounts import Accounts
from iwf.sip.auth.keyring import ROUNDS
from iwf.sip.client import Answer, Unanswered, UserAgentClient
from iwf.sip.messaging.author import asserted_identity
from iwf.sip.presence.headers import contact
from iwf.sip.presence.outputs import Send
from iwf.sip.settings import Hop, TrunkSettings
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response
from iwf.sip.transaction.loops import marked
from iwf.sip.transport.locate import Located, next_hop
from iwf.sip.transport.locator import Locator
from iwf.sip.transport.routing import outbound_route, secured

#: SIP-41: what is larger, in octets, does not go by UDP if that can be helped.
LARGEST_DATAGRAM = 1300


@frozen
class Ended:
    """What became of a request."""

    response: Response
    """The final one, or one of ours for none (RFC 3261 8.1.3.1): 408 for silence, 503 for no way."""
    cseq: int
    """The number that it was sent with last."""


class Requests:
    """Sends what the machines write, each request in as many transactions as it takes.

    :param trunks: by lane.
    :param via: our hop on the way to another, with a fresh branch.
    """

    def __init__(self, trunks: Mapping[str, TrunkSettings], locator: Locator, accounts: Accounts,
                 client: UserAgentClient, via: Callable[[Hop], Via], log: Logger) -> None:
        # The limit on the size of a request is one for MESSAGE alone (RFC 3428 8).
        self._trunks = {lane: evolve(trunk, trusted_large=True) for lane, trunk in trunks.items()}
        self._locator = locator
        self._accounts = accounts
        self._client = client
        self._via = via
        self._log = log

    def send(self, what: Send) -> Deferred[Ended | None]:
        """Send a request.

        :return: fires when it has come to its end; with None when we do not wait any longer.  Never fails.
        """
        sent: Deferred[Ended | None] = self._send(what)
        return sent.addErrback(self._fault, what)

    @inlineCallbacks
    def _send(self, what: Send) -> Any:
        trunk = self._trunks.get(what.lane)
        if trunk is None:                                            # remembered, and no longer configured
            return Ended(Response(404, "Not Found"), what.request.cseq.number)
        if what.hop is None:
            located: Located = yield self._locator.locate(next_hop(trunk, what.uri))
            hops = secured(located.hops, trunk, located.domain)
        else:
            hops = (what.hop,)
        answer: Answer = Unanswered.UNREACHED
        cseq = what.request.cseq.number
        for hop in hops:
            try:
                answer, cseq = yield self._attempt(what, cseq, hop, trunk)
            except OSError as fault:                                 # the system knows no way there
                self._log.debug("No way to {host}: {fault}", host=hop.host, fault=fault)
                continue
            # SIP-51: the next target, if this one is away.
            if answer is Unanswered.STOPPED or (isinstance(answer, Response) and answer.status != 503):
                break
        return _ended(answer, cseq)

    @inlineCallbacks
    def _attempt(self, what: Send, cseq: int, hop: Hop, trunk: TrunkSettings) -> Any:
        """Send it to one target, with credentials if he wants them (SIP-60).

        :return: the answer, and the number that the request was sent with last.
        :raises OSError: when the system knows no way there.
        """
        request, answer = self._ready(what, cseq, hop, trunk), Unanswered.UNREACHED
        if hop.transport == "udp" and len(request.to_bytes()) > LARGEST_DATAGRAM:
            # SIP-41: by a stream, and only where nobody listens there in a large datagram after all.
            stream = evolve(hop, transport="tcp")
            by_stream = self._ready(what, cseq, stream, trunk)
            answer = yield self._client.ask(by_stream, stream)
            if answer is not Unanswered.UNREACHED:
                request, hop = by_stream, stream
        if answer is Unanswered.UNREACHED:
            answer = yield self._client.ask(request, hop)
        for _ in range(ROUNDS):
            if not isinstance(answer, Response) or answer.status not in (401, 407):
                break
            again = self._accounts.answered(request, answer, trunk, partial(self._via, hop))
            if again is None or isinstance(again, Failure):
                break
            request = again
            answer = yield self._client.ask(request, hop)
        return answer, request.cseq.number

    def _ready(self, what: Send, cseq: int, hop: Hop, trunk: TrunkSettings) -> Request:
        """The request with all that depends on the way it takes.

        :raises OSError: when the system knows no way to the hop.
        """
        via, request = self._via(hop), what.request
        lines = [(name, f"{cseq} {request.method}" if name == "CSeq" else value) for name, value in request.headers]
        if what.image is not None:                                   # SIP-76
            secure = what.uri.scheme == "sips"
            lines.append(("Contact", contact(what.image, via, hop.transport, secure, what.image.instance())))
        if trunk.trusted_identity:                                   # SIP-64
            lines.append(asserted_identity(request.from_.uri))
        if not request.to.tag:                                       # a dialog has a route set of its own
            lines += [("Route", route) for route in outbound_route(trunk)]
        introduced = self._accounts.introduced(
            Request.composed(request.method, request.uri, via, tuple(lines), request.body), trunk)
        if isinstance(introduced, Failure):
            raise SipSyntaxError(513, introduced.text)
        return marked(introduced)

    def _fault(self, fault: Any, what: Send) -> Ended:
        self._log.failure("Cannot send a {method}", fault, method=what.request.method)
        return Ended(Response(500, "Cannot Be Sent"), what.request.cseq.number)


def _ended(answer: Answer, cseq: int) -> Ended | None:
    """RFC 3261 8.1.3.1."""
    if isinstance(answer, Response):
        return Ended(answer, cseq)
    if answer is Unanswered.STOPPED:
        return None
    silent = answer is Unanswered.SILENCE
    return Ended(Response(408, "Request Timeout") if silent else Response(503, "Service Unavailable"), cseq)
