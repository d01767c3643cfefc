"""Keeps the way to trunks open that ask for nothing by themselves: CRLF or OPTIONS at intervals (SIP-48).  Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.logger import Logger

from iwf.ids import Ids
from iwf.sip.client import Unanswered, UserAgentClient
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.uri import Uri
from iwf.sip.transaction.failover import Resting
from iwf.sip.transport.keepalive import DATAGRAM, STREAM
from iwf.sip.transport.locate import next_hop
from iwf.sip.transport.locator import Locator
from iwf.sip.transport.routing import bracketed, secured
from iwf.sip.transport.sockets import Transports


class Keeper:
    """Trunks with ``keep_alive`` of ``options``, and of ``crlf`` by UDP; on streams that is the connection's matter.

    :param clock: IReactorTime.
    :param via: our hop on the way to another.
    :param resting: is told which targets answer.
    """

    def __init__(self, settings: SipSettings, transports: Transports, client: UserAgentClient, locator: Locator,
                 via: Callable[[Hop], Via], resting: Resting, ids: Ids, clock: Any, log: Logger) -> None:
        self._settings = settings
        self._transports = transports
        self._client = client
        self._locator = locator
        self._via = via
        self._resting = resting
        self._ids = ids
        self._clock = clock
        self._log = log
        self._calls: dict[str, Any] = {}
        self._silent: set[str] = set()

    def start(self) -> None:
        """Begin to keep."""
        for trunk in self._settings.trunks:
            if trunk.keep_alive in ("crlf", "options") and trunk.next_hop is not None:
                self._plan(trunk, 0.0)

    def stop(self) -> None:
        """Let go."""
        for call in self._calls.values():
            if call.active():
                call.cancel()
        self._calls.clear()

    def _plan(self, trunk: TrunkSettings, delay: float) -> None:
        self._calls[trunk.lane] = self._clock.callLater(delay, self._round, trunk)

    @inlineCallbacks
    def _round(self, trunk: TrunkSettings) -> Any:
        assert trunk.next_hop is not None
        interval = STREAM if trunk.next_hop.transport in ("tcp", "tls") else DATAGRAM
        self._plan(trunk, self._ids.jitter(*interval))
        located = yield self._locator.locate(next_hop(trunk, Uri("sip", host=trunk.next_hop.host)))
        if not located.hops or trunk.lane not in self._calls:
            return
        hop = self._resting.ordered(secured(located.hops, trunk, located.domain), self._clock.seconds())[0]
        try:
            if trunk.keep_alive == "options":
                yield self._ask(trunk, hop)
            elif hop.transport == "udp":
                self._transports.ping(hop)
        except OSError as fault:                             # the system knows no way there
            self._log.debug("No way to {trunk}: {fault}", trunk=trunk.name, fault=fault)

    @inlineCallbacks
    def _ask(self, trunk: TrunkSettings, hop: Hop) -> Any:
        answer = yield self._client.ask(self._options(hop), hop)
        if answer is Unanswered.STOPPED:
            return
        if isinstance(answer, Unanswered):
            self._resting.failed(hop, self._clock.seconds())
            self._transports.drop(hop)                       # a flow that has failed is closed
            if trunk.lane not in self._silent:
                self._log.warn("{trunk} does not answer at {transport}:{host}:{port}", trunk=trunk.name,
                               transport=hop.transport, host=hop.host, port=hop.port)
            self._silent.add(trunk.lane)
        else:
            self._resting.answered(hop)                      # by any answer: somebody is there
            self._silent.discard(trunk.lane)

    def _options(self, hop: Hop) -> Request:
        """RFC 3261 11.1; to the next hop itself."""
        via = self._via(hop)
        uri = Uri("sip", host=bracketed(hop.host), port=hop.port)
        return Request.composed("OPTIONS", uri, via, (
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self._settings.host or via.host}>;tag={self._ids.token()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{self._ids.token()}@{via.host}"),
            ("CSeq", "1 OPTIONS"),
        ))
