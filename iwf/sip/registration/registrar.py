"""Where the users of a domain of ours are: bindings of addresses to contacts (RFC 3261 10.3).  Pure.

A registrar for the standalone case, where SIP devices register at the gateway itself (XMPP-60).  Who may
change which bindings has been decided before (:mod:`iwf.sip.auth.gate`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import groupby

from attrs import evolve, frozen

from iwf.mapping.model import SIP, Remember
from iwf.sip.reasons import Status
from iwf.sip.registration.binding import Binding, packed, unpacked
from iwf.sip.settings import Hop, RegistrarSettings
from iwf.sip.syntax.dates import write_date
from iwf.sip.syntax.grammar import readable
from iwf.sip.syntax.headers import NameAddr
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.uri import Uri, same_uri

#: RFC 3261 10.2: what an expiry that cannot be read stands for, and from where on 423 is not allowed any more.
HOUR = 3600
#: Begins the keys of all that is remembered.
MEMORY = "registrar"
#: Extensions that a REGISTER may require (RFC 3327).
EXTENSIONS = frozenset({"path"})

_is_seconds = re.compile(r"[0-9]{1,20}").fullmatch
_is_q = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)").fullmatch
#: Parts of a contact that say nothing about where it is (RFC 3261 19.1.1, table 1; 19.1.5).
_NOT_KEPT = frozenset({"method", "expires", "q"})

_RULES = ("SIP-81", "XMPP-60")


@frozen
class Registered:
    """A REGISTER that has changed bindings: it is answered when they are remembered, see :meth:`Registrar.undo`."""

    status: Status
    user: str
    before: tuple[Binding, ...]
    after: tuple[Binding, ...]
    remember: Remember
    """What the core has to take first."""


class Registrar:
    """The bindings of one domain; the core remembers them for us over a restart (XMPP-60).

    A clock that goes backwards stands still.
    """

    def __init__(self, settings: RegistrarSettings) -> None:
        self._settings = settings
        self._users = frozenset(account.user.lower() for account in settings.accounts)
        self._memory = f"{MEMORY}:{settings.domain}:"
        self._bindings: dict[str, list[Binding]] = {}
        self._registered_by: dict[int, set[str]] = {}
        """By the number of a connection: users who have registered by it, and may have left it."""
        self._last = 0.0

    def has(self, user: str) -> bool:
        """Whether somebody of that name may register."""
        return _folded(user) in self._users

    def contacts(self, user: str, now: float) -> list[list[Binding]]:
        """The live bindings of a user, the most preferred first, those of equal preference together."""
        bindings = sorted(self._live(_folded(user), self._time(now)), key=lambda binding: -binding.q)
        return [list(group) for _, group in groupby(bindings, key=lambda binding: binding.q)]

    def lost(self, hop: Hop) -> None:
        """A connection that somebody had opened is gone, and with it the contacts that were reached by it.

        Nothing of that is remembered: after a restart all connections are gone.
        """
        for user in self._registered_by.pop(hop.flow, ()):
            self._put(user, [binding for binding in self._bindings.get(user, ()) if binding.source.flow != hop.flow])

    def register(self, request: Request, source: Hop, now: float) -> Status | Registered:
        """Process a REGISTER whose sender may change the bindings of its To (10.3, steps 5 to 8).

        All of its changes are made, or none.

        :param now: UTC seconds.
        :return: a status alone when nothing has changed.
        :raises SipSyntaxError: for headers that cannot be read; nothing is changed then.
        """
        now = self._time(now)
        user = _folded(request.to.uri.user_text())
        before = sorted(self._live(user, now), key=lambda binding: binding.expires_at)
        try:
            path = _path(request)
            after = self._changed(request, list(before), source, path, now)
        except _Refused as refusal:
            return refusal.status
        status = _told(after, path, now)
        if after == before:
            return status
        self._put(user, after)
        if source.flow:
            self._registered_by.setdefault(source.flow, set()).add(user)
        until = max((binding.expires_at for binding in after), default=0.0)
        remember = Remember(SIP, self._memory + user, packed(after) if after else "", until)
        return Registered(status, user, tuple(before), tuple(after), remember)

    def undo(self, registered: Registered) -> None:
        """Take back changes that cannot be remembered (10.3: all are made, or none); what came later stays."""
        before, after = registered.before, registered.after
        kept = [binding for binding in self._bindings.get(registered.user, ())
                if binding not in after or binding in before]
        lost = [binding for binding in before
                if binding not in after and not any(same_uri(binding.uri, other.uri) for other in kept)]
        self._put(registered.user, lost + kept)

    def recall(self, key: str, text: str, now: float) -> Remember | None:
        """Take over what was remembered before a restart, if it can be reached without its connection.

        :return: what forgets it, where nothing of it is of use any more.
        """
        if not key.startswith(f"{MEMORY}:"):
            return None                                                      # another part's
        now = self._time(now)
        user = key.removeprefix(self._memory)
        try:
            bindings = unpacked(text) if self.has(user) else []              # an account may have been closed
        except ValueError:
            bindings = []
        found = [known for binding in bindings if (known := binding.without_connection()) is not None]
        self._put(user, [binding for binding in found if binding.expires_at > now])
        return None if user in self._bindings else Remember(SIP, key, "", 0.0)

    def _put(self, user: str, bindings: list[Binding]) -> None:
        if bindings:
            self._bindings[user] = bindings
        else:
            self._bindings.pop(user, None)

    def _time(self, now: float) -> float:
        self._last = max(now, self._last)
        return self._last

    def _live(self, user: str, now: float) -> list[Binding]:
        return [binding for binding in self._bindings.get(user, ()) if binding.expires_at > now]

    def _changed(self, request: Request, bindings: list[Binding], source: Hop, path: tuple[str, ...],
                 now: float) -> list[Binding]:
        """The bindings as they are after the request.

        :param bindings: as they are before, the one that ends first at the front.
        """
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


def _told(bindings: list[Binding], path: tuple[str, ...], now: float) -> Status:
    """The 200 to a REGISTER."""
    headers = [("Contact", binding.contact(now)) for binding in bindings]
    headers += [("Path", route) for route in path]                           # RFC 3327 5.3
    date = write_date(now)
    if date is not None:
        headers.append(("Date", date))                                       # 10.3, step 8
    return Status(200, "OK", tuple(headers), _RULES)


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
