"""What becomes of a request that arrives: the checks of a user agent server, in their order.  Pure.

:func:`receive` needs nothing but the request, where it came from and the configuration, so that
``iwf explain`` can ask it too.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

from attrs import evolve, frozen

from iwf.edge import Answered, Ignored, IReach, Offered, Reading
from iwf.ids import Ids
from iwf.mapping.model import SIP, Address, Failure, Refused, Taken, Verdict
from iwf.sip.address import SCHEMES, NoImage, address_of_uri, without_own_port
from iwf.sip.auth.gate import Gate
from iwf.sip.messaging.content import ACCEPT_ENCODING
from iwf.sip.messaging.pager import read_message
from iwf.sip.presence.headers import ALLOW_EVENTS, PIDF, WINFO, event_of
from iwf.sip.reasons import ACCEPT, ALLOW, Status, status_of_failure
from iwf.sip.registration.registrar import EXTENSIONS, Registered, Registrar, unsupported
from iwf.sip.settings import Hop, SipSettings, TrunkSettings
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, response_to
from iwf.sip.syntax.phrases import PHRASES
from iwf.sip.syntax.routes import target_of_request
from iwf.sip.syntax.uri import Uri
from iwf.sip.transaction.loops import has_looped
from iwf.sip.transport.routing import SECURE, bracketed, is_address, marked

#: SIP-30: methods that exist but are not taken get 405, others 501.
KNOWN_METHODS = frozenset({
    "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "PRACK", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER",
    "MESSAGE", "PUBLISH",
})
#: SIP-90: who is turned away by the gateway as a whole is told to come back after that many seconds.
OVERLOADED = (5.0, 30.0)
#: SIP-24, SIP-74: methods that are about a call or dialog always, and those that are when To has a tag.
OF_DIALOGS = frozenset({"BYE", "CANCEL", "UPDATE"})
IN_DIALOGS = OF_DIALOGS | {"SUBSCRIBE", "NOTIFY"}


def receive(request: Request, source: Hop, settings: SipSettings, now: float, names: Collection[str] = ()) -> Reading:
    """What the edge does with a request that arrived; a message is offered to the core, all else is answered here.

    :param source: transport, address and port that it came from.
    :param now: UTC seconds.
    :param names: see :meth:`UserAgentServer.trunk_of`.
    """
    reading = UserAgentServer(settings).judge(request, source, now, names=names)
    if isinstance(reading, Handed):
        return Ignored("presence; what becomes of it depends on what is known of its dialog", ("SIP-30",))
    if isinstance(reading, Registered):
        reading = reading.status
    if not isinstance(reading, Status):
        return reading
    octets = respond(marked(request, source), reading).to_bytes()
    return Answered(octets, why=f"{reading.code} {reading.phrase}", rules=reading.rules, refused=reading.code >= 300)


def answer(request: Request, verdict: Verdict, trunk: TrunkSettings, host: str = "gateway") -> bytes:
    """The final answer to a MESSAGE whose fate the core has decided."""
    return respond(request, status_of_verdict(verdict, trunk, host)).to_bytes()


def staggered(verdict: Verdict, ids: Ids) -> Verdict:
    """The verdict; where the gateway as a whole turns somebody away, so that not all of those come back in the same
    second (SIP-90)."""
    if isinstance(verdict, Taken) or not verdict.failure.of_gateway:
        return verdict
    wait = max(ids.jitter(*OVERLOADED), verdict.failure.retry_after or 0.0)
    return Refused(evolve(verdict.failure, retry_after=wait))


def status_of_verdict(verdict: Verdict, trunk: TrunkSettings, host: str) -> Status:
    """2xx without body and Contact (MSG-30, MSG-34), or the mapped failure."""
    if isinstance(verdict, Taken):
        return Status(trunk.accept_code, PHRASES[trunk.accept_code])
    return status_of_failure(verdict.failure, host, of_gateway=_is_of_gateway(verdict.failure, trunk))


def _is_of_gateway(failure: Failure, trunk: TrunkSettings) -> bool:
    """ERR-12, XMPP-10, SIP-90: overload and connections that are down, told to a peer of our own; behind a
    shared proxy a 503 would close the way for everybody."""
    return failure.of_gateway and not trunk.shared


def respond(request: Request, status: Status, tag: str = "") -> Response:
    """The answer with our To tag, the same for every answer to one request (SIP-32).

    :param tag: that of the dialog that the answer makes.
    """
    return response_to(request, status.code, status.phrase, tag or _local_tag(request), status.headers)


def _local_tag(request: Request) -> str:
    # RFC 3261 8.2.7: computed from the request, so that even an answer without state repeats it.  The method is
    # left out, so that a CANCEL gets the tag of its INVITE (9.2).
    parts = [request.get(name) or "" for name in ("Via", "From", "Call-ID")]
    seed = "\0".join([*parts, (request.get("CSeq") or "").partition(" ")[0]])
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


@frozen
class Handed:
    """A request that has passed the checks of all methods, and goes on to the part of the edge that knows its own."""

    target: Address | None
    """Whom its Request-URI names; None within a dialog, where that is our Contact."""


class UserAgentServer:
    """The checks, with the configuration prepared for them."""

    def __init__(self, settings: SipSettings, key: str = "", reach: IReach | None = None) -> None:
        """
        :param key: keys what must not be guessed in challenges; empty: nobody can answer them.
        :param reach: what is behind the gateway; None: everything.
        """
        self._settings = settings
        self._reach = reach
        self._hosts = frozenset(alias.domain for alias in settings.aliases)
        self.host = settings.host or next(iter(sorted(self._hosts)), "gateway")
        """Our name in Warnings."""
        own = {settings.host} if settings.host else {bracketed(hop.host) for hop in settings.listen}
        self._via_hosts = frozenset(own)
        self._gate = Gate(settings, key)
        self.trunk_of = self._gate.trunk_of
        self.is_peer = self._gate.is_peer
        self.demanding = self._gate.demanding
        """Whether anybody is asked for credentials, which are good for one look only."""
        self.registrar = None if settings.registrar is None else Registrar(settings.registrar)
        self._presence = _presence_methods(settings)
        self.methods = ", ".join([ALLOW, *self._presence, *(["REGISTER"] if self.registrar is not None else [])])
        """Methods taken (SIP-31), as Allow has them."""
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
              names: Collection[str] = (), trunk: TrunkSettings | None = None
              ) -> Offered | Status | Ignored | Handed | Registered:
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

    def _register(self, request: Request, source: Hop, now: float, merged: bool) -> Status | Registered:
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
               trunk: TrunkSettings) -> Offered | Status | Handed:
        if request.method in self._presence and (request.method != "PUBLISH" or trunk.publish_in):
            return self._presented(request, source, merged, trunk)
        if request.method not in ("MESSAGE", "OPTIONS"):
            return self._not_taken(request)
        target = self._target(request, trunk, trunk.allow_sips and source.transport in SECURE)
        if isinstance(target, Status):
            return target
        if merged:
            return _MERGED
        if has_looped(request, self._via_hosts):
            return _LOOPED
        refusal = unsupported(request)
        if refusal is not None:
            return refusal
        if request.method == "OPTIONS":
            return self._capabilities(target)
        return read_message(request, target, trunk, self._hosts, now)

    def _presented(self, request: Request, source: Hop, merged: bool, trunk: TrunkSettings) -> Status | Handed:
        """Steps 5 to 7 for SUBSCRIBE, NOTIFY and PUBLISH."""
        target: Address | Status | None = None
        if request.method == "PUBLISH":
            # RFC 3903 6: it is for the publisher's own address, which is no image of ours.
            target = _named(request.uri)
        elif not request.to.tag and _is_about_watchers(request):
            target = _named(request.uri)                             # RFC 3857: the subscriber's own, too
        elif not request.to.tag:
            target = self._target(request, trunk, trunk.allow_sips and source.transport in SECURE)
        if isinstance(target, Status):
            return target
        if merged:
            return _MERGED
        if has_looped(request, self._via_hosts):
            return _LOOPED
        return unsupported(request) or Handed(target)

    def _not_taken(self, request: Request) -> Status:
        """What is none of our business: something about a dialog or call that we know nothing of, or a method
        that we lack."""
        method = request.method
        if method in (IN_DIALOGS if request.to.tag else OF_DIALOGS):
            return NO_SUCH_DIALOG
        if method in KNOWN_METHODS:
            return Status(405, "Method Not Allowed", (("Allow", self.methods),), ("SIP-30", "SIP-31"))
        return Status(501, "Not Implemented", rules=("SIP-30",))

    def _capabilities(self, target: Address) -> Status:
        """SIP-34: the answer to OPTIONS."""
        if self._reach is not None:
            if not target.user and not self._reach.is_up("sip"):
                return _NOBODY_HOME
            if target.user and not self._reach.maps(target):
                return Status(404, "Not Found", rules=("SIP-34",))
        supported = "" if self.registrar is None else ", ".join(sorted(EXTENSIONS))     # SIP-38
        headers = [("Accept", f"{ACCEPT}, {PIDF}" if self._presence else ACCEPT), ("Accept-Encoding", ACCEPT_ENCODING),
                   ("Supported", supported), ("Allow", self.methods)]
        if self._presence:
            headers.append(("Allow-Events", ALLOW_EVENTS))
        return Status(200, "OK", tuple(headers), ("SIP-34",))

    def _target(self, request: Request, trunk: TrunkSettings, secure: bool) -> Address | Status:
        """The user whom the Request-URI names; To carries no routing meaning (MSG-2, SIP-33).

        :param secure: sips is taken; the way back and the far side are in the hands of the operator.
        """
        uri = target_of_request(request, self._is_station)
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
        return method == "OPTIONS" and uri.user is None and self._is_station(uri)

    def _is_station(self, uri: Uri) -> bool:
        """SIP-34: peers call the gateway itself by whatever name or address they reach it."""
        return uri.host in self._hosts or uri.host == self._settings.host or is_address(uri.host)


def _presence_methods(settings: SipSettings) -> tuple[str, ...]:
    """What is taken of presence (SIP-31, PUB-4)."""
    if settings.presence is None:
        return ()
    home = settings.registrar
    publishing = any(trunk.publish_in for trunk in settings.trunks) or (home is not None and home.publish_in)
    return ("SUBSCRIBE", "NOTIFY", "PUBLISH") if publishing else ("SUBSCRIBE", "NOTIFY")


def _is_about_watchers(request: Request) -> bool:
    event = event_of(request)
    return event is not None and event.package == WINFO


def _named(uri: Uri) -> Address | Status:
    try:
        return address_of_uri(uri)
    except NoImage:
        return Status(404, "Not Found", rules=("PUB-4",))


_MERGED = Status(482, "Merged Request", rules=("SIP-25", "LOOP-4"))
_LOOPED = Status(482, "Loop Detected", rules=("LOOP-3",))
_NOBODY_HOME = Status(503, "Service Unavailable", (("Retry-After", "30"),), ("SIP-34",))
NO_SUCH_DIALOG = Status(481, "Call/Transaction Does Not Exist", rules=("SIP-24", "SIP-74"))
