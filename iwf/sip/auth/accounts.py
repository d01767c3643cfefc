"""Our accounts at the trunks: passwords, registrations, and what requests look like because of them.  Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from iwf.edge import ILane
from iwf.ids import Ids
from iwf.mapping.model import Failure, Reason
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.client import UserAgentClient
from iwf.sip.messaging.author import PAGE_LIMIT, asserted_identity
from iwf.sip.registration.registering import Registering
from iwf.sip.registration.registrar import routed
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response
from iwf.sip.syntax.uri import parse_uri
from iwf.sip.transaction.loops import marked
from iwf.sip.transport.locator import Locator


class Accounts:
    """Answers for us at every trunk that wants to know who we are.

    :param clock: IReactorTime.
    :param via: our hop on the way to another, with a fresh branch.
    :param hold: keeps a connection of ours open for so many seconds without traffic.
    """

    def __init__(self, settings: SipSettings, client: UserAgentClient, locator: Locator, ids: Ids, clock: Any,
                 via: Callable[[Hop], Via], hold: Callable[[Hop, float], object], log: Logger) -> None:
        self._settings = settings
        self._client = client
        self._locator = locator
        self._ids = ids
        self._clock = clock
        self._via = via
        self._hold = hold
        self._log = log
        self._keyrings = {trunk.lane: Keyring(Login(trunk.username, trunk.password, trunk.realm), ids)
                          for trunk in settings.trunks if trunk.username}
        self._registering: dict[str, Registering] = {}

    # -- registrations

    def register(self, trunk: TrunkSettings, lane: ILane, window: int) -> None:
        """SIP-80: keep a trunk registered that demands it; its lane is open as long as it is."""
        registering = self._registering[trunk.lane] = Registering(
            trunk, self._client, self._keyrings.get(trunk.lane), self._ids, self._clock, self._locator, self._via,
            self._hold, lambda up: lane.grant(window if up else 0), self._log)
        registering.start()

    def stop(self) -> Deferred[Any]:
        """Take all registrations back; fires when that is done or has failed."""
        return DeferredList([registering.stop() for registering in self._registering.values()])

    def flow_failed(self, hop: Hop) -> None:
        """A connection of ours is gone, and with it perhaps the only way to us."""
        for registering in self._registering.values():
            registering.flow_failed(hop)

    # -- requests

    def introduced(self, request: Request, trunk: TrunkSettings) -> Request | Failure:
        """A request as that trunk wants it: in the name and by the way of a registered identity, and with
        credentials where it has asked for some before (SIP-60)."""
        registering = self._registering.get(trunk.lane)
        if registering is not None:
            request = _named(request, trunk)
            request = routed(request, request.target, registering.service_route(request.from_.uri.user))
        keyring = self._keyrings.get(trunk.lane)
        if keyring is not None:
            request = keyring.sign(request)
        elif registering is None:
            return request
        return limited(request, trunk, self._settings)

    def answered(self, request: Request, refusal: Response, trunk: TrunkSettings,
                 via: Callable[[], Via]) -> Request | Failure | None:
        """ERR-9: the request to send after a challenge, or None when the refusal stands.

        :param request: as it was sent.
        """
        keyring = self._keyrings.get(trunk.lane)
        if keyring is None or not keyring.learn(request, refusal):
            return None
        return limited(marked(keyring.repeated(request, via())), trunk, self._settings)


def limited(request: Request, trunk: TrunkSettings, settings: SipSettings) -> Request | Failure:
    """The request, unless it has become too large on its way to the wire: MSG-27 and 28 limit the whole of it."""
    size = len(request.to_bytes())
    limit = settings.max_message if trunk.trusted_large else PAGE_LIMIT
    if size <= limit:
        return request
    text = f"the message takes {size} octets as a SIP request with all that its way asks for, the limit is {limit}"
    return Failure(Reason.TOO_BIG, text=text)


def _named(request: Request, trunk: TrunkSettings) -> Request:
    """SIP-80: by his address there a registered user is known, and can be answered."""
    sender = request.from_
    user, domain = sender.uri.user_text(), sender.uri.host
    for identity in trunk.register:
        if (identity.user, identity.domain) == (user, domain):
            name = str(evolve(sender, uri=parse_uri(identity.aor)))
            changed = dict([("From", name), asserted_identity(parse_uri(identity.aor))])
            lines = [(header, changed.get(header, value)) for header, value in request.headers]
            return Request(request.method, request.target, lines, request.body)
    return request
