"""Our own registrations at a peer that demands them (RFC 3261 10.2; SIP-80).  Pure.

Each identity of a trunk has a :class:`Registration`; :class:`Registrations` keeps them going together and
knows whether the trunk is up.  Nothing here sends: an output asks for a REGISTER to be composed and sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from math import inf

from attrs import frozen

from iwf.ids import Ids
from iwf.sip.auth.keyring import ROUNDS, Keyring
from iwf.sip.steady import Steady
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import NameAddr, Via
from iwf.sip.syntax.message import Request, Response
from iwf.sip.syntax.uri import Uri, same_uri

#: What we ask for, in seconds (SIP-80).
EXPIRES = 3600
#: SIP-80: refreshed when this part of the granted time is over.
REFRESH = 0.8
#: SIP-80: failures in a row after which an identity counts as gone.
FAILURES = 3
#: RFC 5626 4.5: first and longest wait after a failure, in seconds; doubled each time, half of it by chance.
FIRST_WAIT, LONGEST_WAIT = 30.0, 1800.0
#: REGISTERs in flight, however many identities there are.
WINDOW = 20

_is_seconds = re.compile(r"[0-9]{1,10}").fullmatch


@frozen
class Ask:
    """Compose a REGISTER (:meth:`Registrations.compose`), send it and report what became of it."""

    identity: str


@frozen
class Up:
    """The trunk can be used."""


@frozen
class Down:
    """The trunk cannot be used: no identity is registered."""

    why: str
    """For the log."""


@frozen
class Stopped:
    """All identities have said goodbye."""


Output = Ask | Up | Down | Stopped


class _State(Enum):
    RESTING = "resting"      # until the time to act
    QUEUED = "queued"        # waits for room in the window
    ASKED = "asked"          # an answer is due
    ENDED = "ended"


class Registration:
    """One identity at its registrar."""

    def __init__(self, aor: Uri, ids: Ids) -> None:
        self.aor = aor
        self.state = _State.QUEUED
        self.act_at = inf
        self.failures = 0
        self.valid_until = -inf
        """Until when the registrar sends us what is for this identity."""
        self._granted_at = -inf
        self.service_route: tuple[str, ...] = ()
        """Route of requests in its name (RFC 3608)."""
        self._ids = ids
        self._call_id = ids.token()      # 10.2.4: the same for a boot cycle
        self._tag = ids.token()[:10]
        self._cseq = 0
        self._expires = EXPIRES
        self._rounds = 0
        self._repaired = False
        self._leaving = False
        self._contact: Uri | None = None
        self._sent: Request | None = None

    @property
    def alive(self) -> bool:
        """Whether it counts as registered: it was, and has not failed too often since."""
        return self.valid_until > -inf and self.failures < FAILURES

    def compose(self, via: Via, keyring: Keyring | None, leaving: bool) -> Request:
        """The REGISTER to send now.

        :param via: our hop with a fresh branch; the contact is at its address.
        """
        self._cseq += 1
        aor = self.aor
        params = (("transport", via.transport.lower()),) if via.transport != "UDP" else ()
        contact = self._contact = Uri("sip", aor.user, host=via.host, port=via.port, params=params)   # SIP-76
        identity = NameAddr("", Uri("sip", aor.user, host=aor.host, port=aor.port))
        self._leaving = leaving
        request = self._sent = Request("REGISTER", Uri("sip", host=aor.host, port=aor.port), [
            ("Via", str(via)),
            ("Max-Forwards", "70"),
            ("From", str(identity.with_param("tag", self._tag))),
            ("To", str(identity)),
            ("Call-ID", f"{self._call_id}@{via.host}"),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", f"<{contact}>"),
            ("Expires", "0" if leaving else str(self._expires)),
            ("Supported", "path"),                                    # RFC 3327 5.1
        ])
        if keyring is not None:
            request = self._sent = keyring.sign(request)
        self.state = _State.ASKED
        return request

    def answered(self, response: Response, keyring: Keyring | None, now: float) -> bool:
        """Take a final answer.

        :return: whether to ask again at once.
        """
        sent = self._sent
        assert sent is not None
        if response.status < 300:
            self._granted(response, now)
            return False
        if self._leaving and response.status not in (401, 407):
            self.end()
            return False
        if keyring is not None and self._rounds < ROUNDS and keyring.learn(sent, response):
            self._rounds += 1                                         # SIP-60
            return True
        if response.status == 423 and not self._repaired and self._longer(response.get("Min-Expires")):
            self._repaired = True                                     # 10.2.8, once for each try
            return True
        self.failed(now, _seconds(response.get("Retry-After")))
        return False

    def failed(self, now: float, least: float = 0.0) -> None:
        """No registration came of it; wait, longer each time.

        :param least: seconds that the registrar wants to be left alone.
        """
        if self._leaving:
            self.end()
            return
        self.failures += 1
        self.service_route = ()                                       # RFC 3608 6.1
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self.failures - 1, 10))
        self._rest(now + max(min(least, LONGEST_WAIT), self._ids.jitter(longest / 2, longest)))

    def flow_failed(self, now: float) -> None:
        """RFC 5626 4.5: the connection that it was registered by is gone; again at once, unless none lasts there."""
        if self.state is _State.RESTING and self.alive and not self.failures:
            lasted = now - self._granted_at >= FIRST_WAIT
            self.act_at = min(self.act_at, now if lasted else now + self._ids.jitter(FIRST_WAIT / 2, FIRST_WAIT))

    def _granted(self, response: Response, now: float) -> None:
        if self._leaving:
            self.end()
            return
        seconds = self._time_given(response)
        if seconds <= 0:
            self.failed(now)
            return
        self.failures = 0
        self._granted_at = now
        self.valid_until = now + seconds
        self.service_route = _routes(response)
        self._rest(now + REFRESH * seconds)

    def _rest(self, until: float) -> None:
        self.state = _State.RESTING
        self.act_at = until
        self._rounds, self._repaired, self._sent = 0, False, None

    def end(self) -> None:
        """Nothing more is done for it."""
        self.state = _State.ENDED
        self.act_at = inf
        self.valid_until = -inf
        self._sent = None

    def _time_given(self, response: Response) -> int:
        """10.2.4: by the expires of our contact, else by Expires, else what we asked for."""
        try:
            contacts = response.addresses("Contact")
        except SipSyntaxError:
            contacts = ()
        for contact in contacts:
            if self._contact is not None and same_uri(contact.uri, self._contact):
                text = contact.param("expires")
                if text and _is_seconds(text):
                    return int(text)
        return self._expires if response.expires is None else response.expires

    def _longer(self, least: str | None) -> bool:
        seconds = _seconds(least)
        if not self._expires < seconds < 2**32:
            return False
        self._expires = int(seconds)
        return True


class Registrations:
    """All identities that a trunk has at its registrar.

    A clock that goes backwards stands still.  The outputs of any call are to be carried out in order.

    :param identities: addresses of record.
    :param keyring: answers challenges; None: without an account.
    """

    def __init__(self, identities: Sequence[Uri], keyring: Keyring | None, ids: Ids) -> None:
        self._all = {str(uri): Registration(uri, ids) for uri in identities}
        self._keyring = keyring
        self._up = False
        self._told_down = False
        self._stopping = False
        self._stopped = False
        self._clock = Steady()

    @property
    def up(self) -> bool:
        """Whether the trunk can be used: an identity is registered."""
        return self._up

    def start(self, now: float) -> list[Output]:
        """Register everything, a few at a time."""
        self._clock.time(now)
        return self._fill()

    def compose(self, identity: str, via: Via) -> Request:
        """The REGISTER that an :class:`Ask` wants.

        :param via: our hop with a fresh branch; its address is where the registrar will reach us.
        """
        return self._all[identity].compose(via, self._keyring, self._stopping)

    def answered(self, identity: str, response: Response, now: float) -> list[Output]:
        """The final answer to the REGISTER of an identity."""
        now = self._clock.time(now)
        registration = self._all[identity]
        if registration.state is not _State.ASKED:
            return []
        if registration.answered(response, self._keyring, now):
            return [Ask(identity)]
        return self._settled(registration, f"{identity}: {response.status} {response.reason}")

    def failed(self, identity: str, now: float, why: str = "no answer") -> list[Output]:
        """The REGISTER of an identity could not be sent, or nobody answered."""
        now = self._clock.time(now)
        registration = self._all[identity]
        if registration.state is not _State.ASKED:
            return []
        if self._stopping:
            registration.end()
        else:
            registration.failed(now)
        return self._settled(registration, f"{identity}: {why}")

    def flow_failed(self, identities: Iterable[str], now: float) -> list[Output]:
        """The connection is gone by which these were registered."""
        now = self._clock.time(now)
        for identity in identities:
            self._all[identity].flow_failed(now)
        return self._act(now)

    def stop(self, now: float) -> list[Output]:
        """Take all bindings back; :class:`Stopped` follows when that is done."""
        self._clock.time(now)
        self._stopping = True
        for registration in self._all.values():
            if registration.state is not _State.ASKED:
                registered = registration.valid_until > -inf
                registration.state = _State.QUEUED if registered else _State.ENDED
        return self._fill()

    def service_route(self, user: str | None) -> tuple[str, ...]:
        """The Route of requests in the name of an identity (RFC 3608 6.1).

        :param user: its user part as written; who has no identity goes the way of the first.
        """
        for registration in self._all.values():
            if registration.aor.user == user:
                return registration.service_route
        return next(iter(self._all.values())).service_route if self._all else ()

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None: not at all."""
        due = min((each.act_at for each in self._all.values() if each.state is _State.RESTING), default=inf)
        return None if due == inf or self._stopping else self._clock.wall(due)

    def handle_timer(self, now: float) -> list[Output]:
        """Refresh, or try again."""
        return self._act(self._clock.time(now))

    def _act(self, now: float) -> list[Output]:
        if self._stopping:
            return []
        for registration in self._all.values():
            if registration.state is _State.RESTING and registration.act_at <= now + 1e-6:
                registration.state = _State.QUEUED
        return self._fill()

    def _settled(self, registration: Registration, why: str) -> list[Output]:
        if self._stopping and registration.state is _State.RESTING:
            # 10.2: not before the answer to the one before; now it is time.
            registered = registration.valid_until > -inf
            registration.state = _State.QUEUED if registered else _State.ENDED
        return [*self._changed(why), *self._fill()]

    def _changed(self, why: str) -> list[Output]:
        """Tell when the trunk comes or goes."""
        if self._stopping:
            return []
        alive = any(each.alive for each in self._all.values())
        if alive:
            was, self._up, self._told_down = self._up, True, False
            return [] if was else [Up()]
        lost = all(each.failures >= FAILURES for each in self._all.values())
        if not lost or self._told_down:
            return []
        self._up, self._told_down = False, True
        return [Down(why)]

    def _fill(self) -> list[Output]:
        """Let as many act as the window has room for."""
        asked = sum(each.state is _State.ASKED for each in self._all.values())
        outputs: list[Output] = []
        for identity, registration in self._all.items():
            if asked >= WINDOW:
                break
            if registration.state is _State.QUEUED:
                registration.state = _State.ASKED
                asked += 1
                outputs.append(Ask(identity))
        if self._stopping and not self._stopped and all(each.state is _State.ENDED for each in self._all.values()):
            self._stopped = True
            outputs.append(Stopped())
        return outputs


def _seconds(text: str | None) -> float:
    """The number that a header value begins with, such as ``30 (busy);duration=60``; 0 when there is none."""
    match = re.match(r"[ \t]*([0-9]{1,10})(?![0-9])", text or "")
    return float(match[1]) if match else 0.0


def _routes(response: Response) -> tuple[str, ...]:
    try:
        return tuple(str(route) for route in response.addresses("Service-Route"))
    except SipSyntaxError:
        return ()
