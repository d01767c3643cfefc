"""Where the users of a domain of ours are: bindings of addresses to contacts (RFC 3261 10.3).  Pure.

A registrar for the standalone case, where SIP devices register at the gateway itself (XMPP-60).  Who may
change which bindings has been decided before (:mod:`iwf.sip.auth.gate`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import groupby

from attrs import evolve, frozen

from iwf.sip.reasons import Status
from iwf.sip.settings import Hop, RegistrarSettings
from iwf.sip.syntax.dates import write_date
from iwf.sip.syntax.grammar import readable
from iwf.sip.syntax.headers import NameAddr, parse_name_addr
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.uri import Uri, same_uri
from iwf.sip.transport.routing import DEFAULT_PORT, canonical_ip, is_address

#: RFC 3261 10.2: what an expiry that cannot be read stands for, and from where on 423 is not allowed any more.
HOUR = 3600
#: Extensions that a REGISTER may require (RFC 3327).
EXTENSIONS = frozenset({"path"})

_is_seconds = re.compile(r"[0-9]{1,20}").fullmatch
_is_q = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)").fullmatch
#: Parts of a contact that say nothing about where it is (RFC 3261 19.1.1, table 1; 19.1.5).
_NOT_KEPT = frozenset({"method", "expires", "q"})

_RULES = ("SIP-81", "XMPP-60")


@frozen
class Binding:
    """One contact of a user."""

    uri: Uri
    """As registered; the Request-URI of what is sent to it."""
    q: int
    """Preference in thousandths, 0 to 1000."""
    expires_at: float
    call_id: str
    cseq: int
    source: Hop
    """Where the REGISTER came from; for a stream, this names the connection."""
    path: tuple[str, ...] = ()
    """Route of requests to it (RFC 3327)."""

    @property
    def hop(self) -> Hop:
        """Where to send; by a stream, on the connection that it registered on (SIP-42).

        Never to a third party: a contact (or first Path element) that names another host than the one
        that registered it is behind a translator of addresses, or meant to harm; both are reached where
        the REGISTER came from.
        """
        source = self.source
        if source.transport != "udp":
            return source
        first = parse_name_addr(self.path[0]).uri if self.path else self.uri
        if not is_address(first.host) or canonical_ip(first.host) != canonical_ip(source.host):
            return source
        transport = (first.param("transport") or "udp").lower()
        return Hop(transport, source.host, first.port or DEFAULT_PORT)

    def contact(self, now: float) -> str:
        """The value in the answer to a REGISTER."""
        q = "" if self.q == 1000 else f";q=0.{self.q:03d}"
        return f"<{self.uri}>{q};expires={max(1, round(self.expires_at - now))}"


class Registrar:
    """The bindings of one domain, kept in memory: devices register again after a restart.

    A clock that goes backwards stands still.
    """

    def __init__(self, settings: RegistrarSettings) -> None:
        self._settings = settings
        self._bindings: dict[str, list[Binding]] = {}
        self._last = 0.0

    def contacts(self, user: str, now: float) -> list[list[Binding]]:
        """The live bindings of a user, the most preferred first, those of equal preference together."""
        bindings = sorted(self._live(_folded(user), self._time(now)), key=lambda binding: -binding.q)
        return [list(group) for _, group in groupby(bindings, key=lambda binding: binding.q)]

    def lost(self, hop: Hop) -> None:
        """A connection is gone, and with it the contacts that were reached by it."""
        for user, bindings in list(self._bindings.items()):
            left = [binding for binding in bindings if binding.source != hop]
            if not left:
                del self._bindings[user]
            elif len(left) < len(bindings):
                self._bindings[user] = left

    def register(self, request: Request, source: Hop, now: float) -> Status:
        """Process a REGISTER whose sender may change the bindings of its To (10.3, steps 5 to 8).

        All of its changes are made, or none.

        :param now: UTC seconds.
        :raises SipSyntaxError: for headers that cannot be read; nothing is changed then.
        """
        now = self._time(now)
        user = _folded(request.to.uri.user_text())
        try:
            path = _path(request)
            changed = self._changed(request, user, source, path, now)
        except _Refused as refusal:
            return refusal.status
        if changed:
            self._bindings[user] = changed
        else:
            self._bindings.pop(user, None)
        headers = [("Contact", binding.contact(now)) for binding in changed]
        headers += [("Path", route) for route in path]                       # RFC 3327 5.3
        date = write_date(now)
        if date is not None:
            headers.append(("Date", date))                                   # 10.3, step 8
        return Status(200, "OK", tuple(headers), _RULES)

    def _time(self, now: float) -> float:
        self._last = max(now, self._last)
        return self._last

    def _live(self, user: str, now: float) -> list[Binding]:
        return [binding for binding in self._bindings.get(user, ()) if binding.expires_at > now]

    def _changed(self, request: Request, user: str, source: Hop, path: tuple[str, ...], now: float) -> list[Binding]:
        """The bindings as they are after the request."""
        bindings = self._live(user, now)
        values = request.listed("Contact")
        if "*" in values:
            return _without_all(bindings, request, len(values))
        new = [self._binding(contact, request, source, path, now) for contact in request.addresses("Contact")]
        if len(new) > self._settings.max_contacts:
            raise _Refused(403, "Too Many Contacts")
        touched: list[Binding] = []
        for binding in new:
            for old in [old for old in bindings if same_uri(old.uri, binding.uri)]:
                _check_order(old, request)
                bindings.remove(old)
            touched = [other for other in touched if not same_uri(other.uri, binding.uri)]
            if binding.expires_at > now:
                touched.append(binding)
        # A device that takes a new contact at every start must not lock its user out: the eldest gives way.
        room = self._settings.max_contacts - len(touched)
        bindings.sort(key=lambda binding: binding.expires_at)
        return [*bindings[max(0, len(bindings) - room):], *touched]

    def _binding(self, contact: NameAddr, request: Request, source: Hop, path: tuple[str, ...],
                 now: float) -> Binding:
        uri = contact.uri
        if uri.scheme != "sip":
            raise _Refused(400, "Contact Cannot Be Reached From Here")
        params = tuple(pair for pair in uri.params if pair[0].lower() not in _NOT_KEPT)
        return Binding(
            evolve(uri, params=params, headers=()), _preference(contact), now + self._seconds(contact, request),
            request.call_id, request.cseq.number, source, path,
        )

    def _seconds(self, contact: NameAddr, request: Request) -> int:
        """How long a binding will last (10.3, step 7)."""
        text = contact.param("expires")
        if text is None:
            text = request.get("Expires")
        settings = self._settings
        if text is None:
            return settings.max_expires
        wanted = min(int(text), 2**32 - 1) if _is_seconds(text) else HOUR    # 10.2
        if 0 < wanted < min(HOUR, settings.min_expires):
            raise _Refused(423, "Interval Too Brief", (("Min-Expires", str(settings.min_expires)),))
        return min(wanted, settings.max_expires)


class _Refused(Exception):
    """The REGISTER changes nothing."""

    def __init__(self, code: int, phrase: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(phrase)
        self.status = Status(code, phrase, headers, _RULES)


def routed(request: Request, target: Uri | str, route: Sequence[str]) -> Request:
    """A request on its way to another target by a preloaded route (RFC 3327 5.4, RFC 3608 6.1)."""
    lines = [*request.headers, *(("Route", each) for each in route)]
    return Request(request.method, target, lines, request.body)


def _folded(user: str) -> str:
    """ADDR-20: other worlds write it in lower case."""
    return user.lower()


def unsupported(request: Request, known: Collection[str] = ()) -> Status | None:
    """The 420 to what a request requires and we lack (SIP-38; 10.3, step 2)."""
    missing = [option for option in request.listed("Require") if option.lower() not in known]
    if not missing:
        return None
    return Status(420, "Bad Extension", (("Unsupported", ", ".join(readable(option) for option in missing)),),
                  ("SIP-38",))


def _path(request: Request) -> tuple[str, ...]:
    """The route that proxies have put into the request (RFC 3327 5.3)."""
    path = tuple(str(address) for address in request.addresses("Path"))
    if path and "path" not in (option.lower() for option in request.listed("Supported") + request.listed("Require")):
        # The recommended policy: the device shall know that somebody has put himself on its way.
        raise _Refused(420, "Bad Extension", (("Unsupported", "path"),))
    return path


def _without_all(bindings: list[Binding], request: Request, contacts: int) -> list[Binding]:
    """``Contact: *`` (10.3, step 6)."""
    if contacts > 1 or request.expires != 0:
        raise _Refused(400, "Invalid Request")
    for binding in bindings:
        _check_order(binding, request)
    return []


def _check_order(old: Binding, request: Request) -> None:
    """A request that was overtaken by a later one of the same device is not carried out."""
    if old.call_id == request.call_id and request.cseq.number <= old.cseq:
        raise _Refused(500, "CSeq Out Of Order")


def _preference(contact: NameAddr) -> int:
    text = contact.param("q")
    return 1000 if text is None or not _is_q(text) else round(float(text) * 1000)
