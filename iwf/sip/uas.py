"""What becomes of a request that arrives: the checks of a user agent server, in their order.  Pure.

:func:`receive` needs nothing but the request, where it came from and the configuration, so that
``iwf explain`` can ask it too.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

from attrs import evolve

from iwf.edge import Answered, Ignored, Offered, Reading
from iwf.mapping.model import SIP, Address, Failure, Reason, Taken, Verdict
from iwf.sip.address import SCHEMES, NoImage, address_of_uri, without_own_port
from iwf.sip.auth.gate import Gate
from iwf.sip.messaging.content import ACCEPT_ENCODING
from iwf.sip.messaging.pager import read_message
from iwf.sip.reasons import ACCEPT, ALLOW, Status, status_of_failure
from iwf.sip.registration.registrar import EXTENSIONS, Registrar, unsupported
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, response_to
from iwf.sip.syntax.phrases import PHRASES
from iwf.sip.syntax.uri import Uri
from iwf.sip.transport.routing import SECURE, is_address, marked

#: SIP-30: methods that exist but are not taken get 405, others 501.
KNOWN_METHODS = frozenset({
    "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "PRACK", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER",
    "MESSAGE", "PUBLISH",
})


def receive(request: Request, source: Hop, settings: SipSettings, now: float, names: Collection[str] = ()) -> Reading:
    """What the edge does with a request that arrived; a message is offered to the core, all else is answered here.

    :param source: transport, address and port that it came from.
    :param now: UTC seconds.
    :param names: see :meth:`UserAgentServer.trunk_of`.
    """
    reading = UserAgentServer(settings).judge(request, source, now, names=names)
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
    return status_of_failure(verdict.failure, host, of_gateway=_is_of_gateway(verdict.failure, trunk))


def _is_of_gateway(failure: Failure, trunk: TrunkSettings) -> bool:
    """ERR-12, XMPP-10, SIP-90: overload and connections that are down, told to a peer of our own.

    Behind a shared proxy a 503 would close the way for everybody.  A verdict that waited for the
    outcome may tell a failure of the recipient's.  Without a time to come back it is no
    passing fault of ours (ADDR-49).
    """
    return (
        failure.reason in (Reason.UNREACHABLE, Reason.CONGESTED)
        and failure.retry_after is not None
        and not trunk.shared
        and not trunk.hold
    )


def respond(request: Request, status: Status) -> Response:
    """The answer with our To tag, the same for every answer to one request (SIP-32)."""
    return response_to(request, status.code, status.phrase, _local_tag(request), status.headers)


def _local_tag(request: Request) -> str:
    # RFC 3261 8.2.7: computed from the request, so that even an answer without state repeats it.
    seed = "\0".join([request.get(name) or "" for name in ("Via", "From", "Call-ID", "CSeq")])
    return blake2b(seed.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


_Name = tuple[str, str, int, str]


class MergedRequests:
    """Requests that came in twice by different ways (SIP-25, LOOP-4), as long as the first has a transaction."""

    def __init__(self) -> None:
        self._first: dict[_Name, object] = {}
        self._names: dict[object, _Name] = {}

    def is_merged(self, request: Request, transaction: object) -> bool:
        """Whether another transaction than this new one holds the same request; if not, this one does from now on."""
        if request.to.tag:
            return False
        name = (request.call_id, request.from_.tag, request.cseq.number, request.cseq.method)
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

    def __init__(self, settings: SipSettings, key: str = "") -> None:
        """
        :param key: keys what must not be guessed in challenges; empty: nobody can answer them.
        """
        self._settings = settings
        self._hosts = frozenset(alias.domain for alias in settings.aliases)
        self.host = settings.host or next(iter(sorted(self._hosts)), "gateway")
        """Our name in Warnings."""
        self._gate = Gate(settings, key)
        self.trunk_of = self._gate.trunk_of
        self.demanding = self._gate.demanding
        """Whether anybody is asked for credentials, which are good for one look only."""
        self.registrar = None if settings.registrar is None else Registrar(settings.registrar)
        self._methods = ALLOW if self.registrar is None else f"{ALLOW}, REGISTER"
        # SIP-80: by the contact that we register, peers reach the user who has the identity.
        self._identities = {(trunk.lane, identity.user): identity.domain
                            for trunk in settings.trunks for identity in trunk.register}

    def admit(self, request: Request, source: Hop, now: float, names: Collection[str] = ()) -> TrunkSettings | Status:
        """SIP-30, step 3: the trunk of a request, or the answer to who is not let in.

        Once for each request: credentials are good for one look.

        :param names: the SIP domains for which the sender has a certificate.
        """
        try:
            return self._gate.admit(request, source, now, names)
        except SipSyntaxError as error:
            return Status(error.status, error.reason, rules=("SIP-12",))

    def judge(self, request: Request, source: Hop, now: float, merged: bool = False,
              names: Collection[str] = (), trunk: TrunkSettings | None = None) -> Offered | Status | Ignored:
        """SIP-30, steps 3 to 9; parsing and transactions come before.

        Never raises for a request that passed :func:`~iwf.sip.syntax.message.validate`.

        :param merged: it is in hand already, by another way.
        :param names: see :meth:`admit`.
        :param trunk: what :meth:`admit` has found; None: it was not asked yet.
        """
        if request.method == "ACK":
            return Ignored("an ACK is never answered", ("SIP-12",))
        try:
            admitted = self._gate.admit(request, source, now, names) if trunk is None else trunk
            if isinstance(admitted, Status):
                return admitted
            home = self._settings.registrar
            if request.method == "REGISTER" and home is not None and admitted.lane == home.lane:
                return self._register(request, source, now, merged)
            return self._judge(request, source, now, merged, admitted)
        except SipSyntaxError as error:
            return Status(error.status, error.reason, rules=("SIP-12",))

    def _register(self, request: Request, source: Hop, now: float, merged: bool) -> Status:
        """SIP-81, XMPP-60: RFC 3261 10.3; who he is has been settled."""
        home = self._settings.registrar
        assert home is not None and self.registrar is not None
        # Steps 1 and 5: the domain and the address must be ours.
        if request.uri.host != home.domain or request.uri.scheme != "sip" or request.to.uri.scheme != "sip":
            return Status(404, "Not Found", rules=("SIP-81",))
        refusal = unsupported(request, EXTENSIONS)
        if refusal is not None:
            return refusal
        return _MERGED if merged else self.registrar.register(request, source, now)

    def _judge(self, request: Request, source: Hop, now: float, merged: bool,
               trunk: TrunkSettings) -> Offered | Status:
        if request.method == "CANCEL":
            return Status(481, "Call/Transaction Does Not Exist", rules=("SIP-24",))
        if request.method not in ("MESSAGE", "OPTIONS"):
            if request.method in KNOWN_METHODS:
                return Status(405, "Method Not Allowed", (("Allow", self._methods),), ("SIP-30", "SIP-31"))
            return Status(501, "Not Implemented", rules=("SIP-30",))
        target = self._target(request, trunk, trunk.allow_sips and source.transport in SECURE)
        if isinstance(target, Status):
            return target
        if merged:
            return _MERGED
        refusal = unsupported(request)
        if refusal is not None:
            return refusal
        if request.method == "OPTIONS":
            return evolve(_CAPABILITIES, headers=(*_CAPABILITIES.headers, ("Allow", self._methods)))
        return read_message(request, target, trunk, self._hosts, now)

    def _target(self, request: Request, trunk: TrunkSettings, secure: bool) -> Address | Status:
        """The user whom the Request-URI names; To carries no routing meaning (MSG-2, SIP-33).

        :param secure: sips is taken; the way back and the far side are in the hands of the operator.
        """
        uri = request.uri
        if uri.scheme not in SCHEMES:
            return Status(416, "Unsupported URI Scheme", rules=("SIP-30",))
        if not secure and "sips" in (uri.scheme, request.to.uri.scheme):
            warning = ("Warning", f'380 {self.host} "SIPS Not Allowed"')
            return Status(480, "SIPS Not Allowed", (warning,), ("ADDR-56",))
        if not self._is_ours(uri, request.method):
            image = self._image_of(uri, trunk)
            if image is not None:
                return image
            return Status(404, "Not Found", rules=("SIP-30",))
        try:
            return without_own_port(address_of_uri(uri), self._hosts)
        except NoImage:
            return Status(404, "Not Found", rules=("ADDR-16",))

    def _image_of(self, uri: Uri, trunk: TrunkSettings) -> Address | None:
        """The user behind a contact that we have registered at that trunk."""
        if not trunk.register or uri.scheme != "sip" or not (uri.host == self._settings.host or is_address(uri.host)):
            return None
        user = uri.user_text()
        domain = self._identities.get((trunk.lane, user))
        return None if domain is None else Address(SIP, user, domain)

    def _is_ours(self, uri: Uri, method: str) -> bool:
        if uri.scheme == "tel" or uri.host.removesuffix(".") in self._hosts:
            return True
        # SIP-34: peers ask the gateway itself by whatever name or address they reach it.
        return method == "OPTIONS" and uri.user is None and (uri.host == self._settings.host or is_address(uri.host))


_MERGED = Status(482, "Merged Request", rules=("SIP-25", "LOOP-4"))
_CAPABILITIES = Status(
    200, "OK",
    (("Accept", ACCEPT), ("Accept-Encoding", ACCEPT_ENCODING), ("Supported", "")),
    ("SIP-34",),
)
