"""What the SIP edge would do with a message, without doing it: for ``iwf explain``.  Pure."""

from __future__ import annotations

from iwf.edge import Answered, Ignored, Reading
from iwf.mapping.model import Failure, Item, Verdict
from iwf.sip.messaging.author import target_uri, write
from iwf.sip.settings import Hop, SipSettings, Target
from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, parse_message, response_to
from iwf.sip.transport.locate import next_hop
from iwf.sip.transport.routing import default_port, is_address, marked
from iwf.sip.uas import UserAgentServer, answer, receive

#: A branch that says it was never on a wire.
BRANCH = "z9hG4bK-explained"


class Explainer:
    """Reads, answers and writes as the edge does, from the configuration alone.

    :param peer: the address the input is said to come from; empty: one from which the first trunk
        may speak.
    """

    def __init__(self, settings: SipSettings, peer: str = "") -> None:
        self._settings = settings
        sources = [source for trunk in settings.trunks for source in trunk.allowed_sources]
        host = peer or (sources[0].partition("/")[0] if sources else "127.0.0.1")
        self._source = Hop("udp", host, 5060)
        # A trunk that is known by its certificate only is taken to have shown it.
        self._names = () if sources or peer else tuple(
            name for trunk in settings.trunks if not trunk.allowed_sources for name in trunk.allowed_names)

    def read(self, octets: bytes, now: float) -> Reading:
        """What a datagram with these octets is."""
        request = self._request(octets)
        if isinstance(request, Request):
            return receive(request, self._source, self._settings, now, self._names)
        return request

    def _request(self, octets: bytes) -> Request | Reading:
        try:
            parsed = parse_message(octets)
            validate(parsed)
        except SipSyntaxError as fault:
            broken = fault.request
            if broken is None:
                return Ignored(f"no SIP message: {fault.reason}", ("SIP-12",))
            return Answered(response_to(broken, fault.status, fault.reason).to_bytes(),
                            f"{fault.status} {fault.reason}", ("SIP-12",))
        return parsed if isinstance(parsed, Request) else Ignored("a response", ("SIP-20",))

    def answer(self, octets: bytes, verdict: Verdict) -> bytes:
        """The final answer to a message, after its verdict."""
        request = parse_message(octets)
        assert isinstance(request, Request)
        trunk = UserAgentServer(self._settings).trunk_of(self._source, request, self._names)
        assert trunk is not None
        return answer(marked(request, self._source), verdict, trunk)

    def write(self, item: Item, now: float) -> tuple[str, bytes] | Failure:
        """Where an item would go and as what."""
        home = self._settings.registrar
        trunks = (*self._settings.trunks, home.trunk) if home is not None else self._settings.trunks
        trunk = next(trunk for trunk in trunks if trunk.lane == item.lane)
        target = next_hop(trunk, target_uri(item, self._settings))
        hop = Hop(target.transport or "udp", target.host, target.port or default_port(target.transport))
        own = next((own for own in self._settings.listen if own.transport == hop.transport),
                   Hop(hop.transport, "0.0.0.0", 5060))
        via = Via(hop.transport.upper(), self._settings.host or own.host, own.port,
                  (("branch", BRANCH), ("rport", None)))
        request = write(item, trunk, self._settings, via)
        if isinstance(request, Failure):
            return request
        if home is not None and item.lane == home.lane:
            return "the contacts that the user has registered", request.to_bytes()
        return _written(target, hop), request.to_bytes()


def _written(target: Target, hop: Hop) -> str:
    if is_address(target.host):
        return f"{hop.transport}:{hop.host}:{hop.port}"
    port = "" if target.port is None else f":{target.port}"
    return f"{target.transport or 'sip'}:{target.host}{port}, by DNS"
