"""What becomes of a request that arrives: the checks of a user agent server, in their order.  Pure.

:func:`receive` needs nothing but the request, where it came from and the configuration, so that
``iwf explain`` can ask it too.
"""

from __future__ import annotations

from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from iwf.edge import Answered, Ignored, Offered, Reading
from iwf.mapping.model import Address, Taken, Verdict
from iwf.sip.address import SCHEMES, NoImage, address_of_uri, without_own_port
from iwf.sip.grammar import SipSyntaxError, readable
from iwf.sip.message import Request, Response, response_to
from iwf.sip.pager import read_message
from iwf.sip.reasons import ACCEPT, ALLOW, PHRASES, Status, status_of_failure
from iwf.sip.routing import canonical_ip, is_address, marked
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.uri import Uri

#: SIP-30: methods that exist but are not taken get 405, others 501.
KNOWN_METHODS = frozenset(
    "INVITE ACK BYE CANCEL REGISTER OPTIONS INFO PRACK UPDATE SUBSCRIBE NOTIFY REFER MESSAGE PUBLISH".split()
)


def receive(request: Request, source: Hop, settings: SipSettings, now: float) -> Reading:
    """What the edge does with a request that arrived; a message is offered to the core, all else is answered here.

    :param source: transport, address and port that it came from.
    :param now: UTC seconds.
    """
    reading = UserAgentServer(settings).judge(request, source, now)
    if not isinstance(reading, Status):
        return reading
    octets = respond(marked(request, source), reading).to_bytes()
    return Answered(octets, why=f"{reading.code} {reading.phrase}", rules=reading.rules, refused=reading.code >= 300)


def answer(request: Request, verdict: Verdict, trunk: TrunkSettings, host: str = "gateway") -> bytes:
    """The final answer to a MESSAGE whose fate the core has decided."""
    return respond(request, status_of_verdict(verdict, trunk, host)).to_bytes()


def status_of_verdict(verdict: Verdict, trunk: TrunkSettings, host: str) -> Status:
    """2xx without body and Contact (MSG-30, MSG-34), or the mapped failure."""
    if isinstance(verdict, Taken):
        return Status(trunk.accept_code, PHRASES[trunk.accept_code])
    return status_of_failure(verdict.failure, host)


def respond(request: Request, status: Status) -> Response:
    """The answer with our To tag, the same for every answer to one request (SIP-32)."""
    return response_to(request, status.code, status.phrase, _local_tag(request), status.headers)


def _local_tag(request: Request) -> str:
    # RFC 3261 8.2.7: computed from the request, so that even an answer without state repeats it.
    digest = blake2b(digest_size=8)
    for name in ("Via", "From", "Call-ID", "CSeq"):
        digest.update((request.get(name) or "").encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


class MergedRequests:
    """Requests that came in twice by different ways (SIP-25, LOOP-4), as long as the first has a transaction."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, ...], object] = {}
        self._names: dict[object, tuple[str, ...]] = {}

    def is_merged(self, request: Request, transaction: object) -> bool:
        """Whether another transaction than this new one holds the same request; if not, this one does from now on."""
        if request.to.tag:
            return False
        name = (request.call_id, request.from_.tag, str(request.cseq))
        if self._first.setdefault(name, transaction) is not transaction:
            return True
        self._names[transaction] = name
        return False

    def forget(self, transaction: object) -> None:
        """The transaction is over."""
        name = self._names.pop(transaction, None)
        if name is not None:
            del self._first[name]


class UserAgentServer:
    """The checks, with the configuration prepared for them."""

    def __init__(self, settings: SipSettings) -> None:
        self._settings = settings
        self._hosts = frozenset(alias.domain for alias in settings.aliases)
        self.host = settings.host or next(iter(sorted(self._hosts)), "gateway")
        """Our name in Warnings."""
        self._networks = [
            (ip_network(text, strict=False), trunk) for trunk in settings.trunks for text in trunk.allowed_sources
        ]
        # Peers are configured by address as a rule: those are found without a search.
        self._peers = {
            str(network.network_address): self._speakers(network.network_address)
            for network, _ in self._networks if network.num_addresses == 1
        }

    def _speakers(self, address: IPv4Address | IPv6Address) -> list[TrunkSettings]:
        return [trunk for network, trunk in self._networks
                if network.version == address.version and address in network]

    def trunk_of(self, source: Hop, request: Request | None = None) -> TrunkSettings | None:
        """SIP-63: the peer that may speak from that address.

        Where several share an address (a proxy serving many), the one whose domain the sender of
        the request is of.
        """
        trunks = self._peers.get(source.host)
        if trunks is None:
            trunks = self._speakers(ip_address(canonical_ip(source.host)))
        if len(trunks) > 1 and request is not None:
            sender = request.from_.uri.host
            return next((trunk for trunk in trunks if _serves(trunk, sender)), trunks[0])
        return trunks[0] if trunks else None

    def judge(self, request: Request, source: Hop, now: float, merged: bool = False) -> Offered | Status | Ignored:
        """SIP-30, steps 3 to 9; parsing and transactions come before.

        Never raises for a request that passed :func:`~iwf.sip.message.validate`.

        :param merged: it is in hand already, by another way.
        """
        if request.method == "ACK":
            return Ignored("an ACK is never answered", ("SIP-12",))
        try:
            return self._judge(request, source, now, merged)
        except SipSyntaxError as error:
            return Status(error.status, error.reason, rules=("SIP-12",))

    def _judge(self, request: Request, source: Hop, now: float, merged: bool) -> Offered | Status:
        trunk = self.trunk_of(source, request)
        if trunk is None:
            return Status(403, "Unknown Peer", rules=("SIP-63",))
        if request.method == "CANCEL":
            return Status(481, "Call/Transaction Does Not Exist", rules=("SIP-24",))
        if request.method not in ("MESSAGE", "OPTIONS"):
            if request.method in KNOWN_METHODS:
                return Status(405, "Method Not Allowed", (("Allow", ALLOW),), ("SIP-30", "SIP-31"))
            return Status(501, "Not Implemented", rules=("SIP-30",))
        target = self._target(request)
        if isinstance(target, Status):
            return target
        if merged:
            return Status(482, "Merged Request", rules=("SIP-25", "LOOP-4"))
        required = request.listed("Require")
        if required:
            unsupported = ", ".join(readable(option) for option in required)
            return Status(420, "Bad Extension", (("Unsupported", unsupported),), ("SIP-38",))
        if request.method == "OPTIONS":
            return _CAPABILITIES
        return read_message(request, target, trunk, self._hosts, now)

    def _target(self, request: Request) -> Address | Status:
        """The user whom the Request-URI names; To carries no routing meaning (MSG-2, SIP-33)."""
        uri = request.uri
        if uri.scheme not in SCHEMES:
            return Status(416, "Unsupported URI Scheme", rules=("SIP-30",))
        if uri.scheme == "sips" or request.to.uri.scheme == "sips":
            warning = ("Warning", f'380 {self.host} "SIPS Not Allowed"')
            return Status(480, "SIPS Not Allowed", (warning,), ("ADDR-56",))
        if not self._is_ours(uri, request.method):
            return Status(404, "Not Found", rules=("SIP-30",))
        try:
            return without_own_port(address_of_uri(uri), self._hosts)
        except NoImage:
            return Status(404, "Not Found", rules=("ADDR-16",))

    def _is_ours(self, uri: Uri, method: str) -> bool:
        if uri.scheme == "tel" or uri.host.removesuffix(".") in self._hosts:
            return True
        # SIP-34: peers ask the gateway itself by whatever name or address they reach it.
        return method == "OPTIONS" and uri.user is None and (uri.host == self._settings.host or is_address(uri.host))


_CAPABILITIES = Status(
    200, "OK",
    (("Accept", ACCEPT), ("Accept-Encoding", "identity"), ("Allow", ALLOW), ("Supported", "")),
    ("SIP-34",),
)


def _serves(trunk: TrunkSettings, domain: str) -> bool:
    return any(
        pattern == "*" or pattern == domain or (pattern.startswith("*.") and domain.endswith(pattern[1:]))
        for pattern in trunk.domains
    )
