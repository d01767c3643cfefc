"""Answers whose connection is gone go back by the Via of the request (RFC 3261 18.2.2, RFC 3263 5).  Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iwf.sip.settings import Hop, Target, TrunkSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import parse_message
from iwf.sip.transport.locate import Located
from iwf.sip.transport.locator import Locator
from iwf.sip.transport.routing import is_address, secured
from iwf.sip.transport.sockets import TRANSPORTS, Transports


class Answers:
    """Sends answers to peers that have been let in; strangers are not worth a question to the name servers."""

    def __init__(self, transports: Transports, locator: Locator) -> None:
        self._transports = transports
        self._locator = locator

    def send(self, octets: bytes, route: Hop, trunk: TrunkSettings, failed: Callable[[], object]) -> None:
        """Send an answer that cannot go back the way that the request came: to the address of its sender and the
        port of its Via (``route``), else to the host that the Via names (SIP-42, SIP-44).

        :param trunk: whose request it was.
        :param failed: called when there is no way.
        """
        def lost() -> None:
            self._search(octets, route, trunk, failed)

        if not self._transports.answer_by(octets, route, lost):
            lost()

    def _search(self, octets: bytes, route: Hop, trunk: TrunkSettings, failed: Callable[[], object]) -> None:
        via = parse_message(octets).top_via
        host = _name_in(via)
        if route.transport not in TRANSPORTS or not host:
            failed()
            return
        located: Any = self._locator.locate(Target(host, via.port, route.transport))
        located.addCallback(self._located, octets, trunk, failed)

    def _located(self, located: Located, octets: bytes, trunk: TrunkSettings, failed: Callable[[], object]) -> None:
        self._try(secured(located.hops, trunk, located.domain), octets, failed)

    def _try(self, hops: tuple[Hop, ...], octets: bytes, failed: Callable[[], object]) -> None:
        """One after the other: of a datagram nobody knows whether it arrived."""
        if not hops:
            failed()
        elif not self._transports.answer_to(octets, hops[0], lambda: self._try(hops[1:], octets, failed)):
            self._try(hops[1:], octets, failed)


def _name_in(via: Via) -> str:
    """The host that a Via names, where that is a name; addresses have been tried before."""
    maddr = (via.param("maddr") or "").lower()
    host = maddr if via.transport == "UDP" and maddr else via.host
    return "" if is_address(host) else host
