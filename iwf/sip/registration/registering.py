"""Keeps a trunk registered where it demands that, and opens and closes its lane accordingly.  Shell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from iwf.ids import Ids
from iwf.sip.auth.keyring import Keyring
from iwf.sip.client import Answer, UserAgentClient
from iwf.sip.registration.registrations import EXPIRES, Ask, Down, Output, Registrations, Stopped, Up
from iwf.sip.settings import Hop, TrunkSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Response
from iwf.sip.syntax.uri import parse_uri
from iwf.sip.transport.locate import Located, next_hop
from iwf.sip.transport.locator import Locator
from iwf.sip.transport.routing import secured


class Registering:
    """The registrations of one trunk (SIP-80).

    :param clock: IReactorTime.
    :param via: our hop on the way to another, with a fresh branch.
    :param hold: keeps a connection of ours open for so many seconds without traffic.
    :param turned: told whether the trunk can be used, when that changes.
    """

    def __init__(self, trunk: TrunkSettings, client: UserAgentClient, keyring: Keyring | None, ids: Ids, clock: Any,
                 locator: Locator, via: Callable[[Hop], Via], hold: Callable[[Hop, float], object],
                 turned: Callable[[bool], None], log: Logger) -> None:
        self._trunk = trunk
        self._client = client
        self._clock = clock
        self._locator = locator
        self._via = via
        self._hold = hold
        self._turned = turned
        self._log = log
        self._machine = Registrations([parse_uri(identity.aor) for identity in trunk.register], keyring, ids)
        self._flows: dict[str, Hop] = {}
        """Where each identity was registered last."""
        self._failures = 0
        self._timer: Any = None
        self._stopped: Deferred[None] | None = None

    def start(self) -> None:
        """Begin to register."""
        self._perform(self._machine.start(self._clock.seconds()))

    def stop(self) -> Deferred[None]:
        """Take the registrations back; fires when that is done or has failed."""
        stopped = self._stopped = Deferred()
        self._perform(self._machine.stop(self._clock.seconds()))
        return stopped

    def flow_failed(self, hop: Hop) -> None:
        """The connection to a hop is gone; the registrar may have no other way to us (RFC 5626 4.5)."""
        lost = [identity for identity, flow in self._flows.items() if flow == hop]
        for identity in lost:
            del self._flows[identity]
        if lost:
            self._perform(self._machine.flow_failed(lost, self._clock.seconds()))

    def service_route(self, user: str | None) -> Sequence[str]:
        """See :meth:`~iwf.sip.registration.registrations.Registrations.service_route`."""
        return self._machine.service_route(user)

    def _perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Ask):
                self._ask(output.identity)
            elif isinstance(output, Up):
                self._log.info("Registered at {trunk}", trunk=self._trunk.name)
                self._turned(True)
            elif isinstance(output, Down):
                self._log.warn("{trunk} is down, no registration: {why}", trunk=self._trunk.name, why=output.why)
                self._turned(False)
            elif isinstance(output, Stopped) and self._stopped is not None:
                self._stopped.callback(None)
        self._set_timer()

    def _ask(self, identity: str) -> None:
        # RFC 3261 10.2.6: by configuration, else by the host of the address of record.
        target = next_hop(evolve(self._trunk, next_hop=self._trunk.registrar or self._trunk.next_hop),
                          parse_uri(identity))
        located: Any = self._locator.locate(target)
        located.addCallback(self._send, identity).addErrback(self._fault, identity)

    def _send(self, located: Located, identity: str) -> None:
        if not located.hops:
            self._failed(identity, f"the registrar has no address: {located.why}")
            return
        hops = secured(located.hops, self._trunk, located.domain)
        hop = hops[self._failures % len(hops)]                        # SIP-51: the next one after a failure
        via = self._via(hop)
        if hop.transport != "udp" and self._trunk.keep_alive != "off":
            via = via.with_param("keep", None)                        # SIP-45, RFC 6223 4.2.2; by UDP it would be STUN
        answer = self._client.ask(self._machine.compose(identity, via), hop)
        answer.addCallback(self._answered, identity, hop)

    def _answered(self, answer: Answer, identity: str, hop: Hop) -> None:
        if isinstance(answer, Response):
            if answer.status < 300 and hop.transport != "udp":
                self._flows[identity] = hop
                self._hold(hop, EXPIRES)
            self._perform(self._machine.answered(identity, answer, self._clock.seconds()))
        else:
            self._failed(identity, answer.value)

    def _failed(self, identity: str, why: str) -> None:
        self._failures += 1
        self._perform(self._machine.failed(identity, self._clock.seconds(), why))

    def _fault(self, fault: Any, identity: str) -> None:
        if not fault.check(OSError):  # the system knows no way there
            self._log.failure("Cannot register {identity}", fault, identity=identity)
        self._failed(identity, fault.getErrorMessage())

    def _set_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        due = self._machine.next_timer()
        self._timer = None
        if due is not None:
            self._timer = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._due)

    def _due(self) -> None:
        self._perform(self._machine.handle_timer(self._clock.seconds()))
