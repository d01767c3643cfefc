"""The event state compositor: SIP users publish what there is to see of them (RFC 3903 6; PUB-4, PUB-5).  Pure.

A user may publish from several devices; each publication is known by its entity tag, which is a new one after
every change.  What there is to see of the user is all of them together.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from math import inf

from attrs import define, evolve, field, frozen

from iwf.ids import Ids
from iwf.mapping.model import (
    Address,
    Aspect,
    Device,
    Failure,
    Party,
    Published,
    Reason,
    Verdict,
    address_of_key,
)
from iwf.mapping.pidf import Document, PidfFault, parse
from iwf.sip.messaging.pager import origin_of
from iwf.sip.presence.bodies import Body, read_body
from iwf.sip.presence.deadlines import Deadlines, Pace, next_due
from iwf.sip.presence.headers import PRESENCE, event_of
from iwf.sip.presence.outputs import RECALL_BURST, RECALL_RATE, Answer, Asked, Offer, Output, remember
from iwf.sip.presence.questions import Questions
from iwf.sip.presence.requested import interval_of, refusal
from iwf.sip.reasons import Status
from iwf.sip.settings import PresenceSettings
from iwf.sip.steady import RESOLUTION, Steady
from iwf.sip.syntax.grammar import SipSyntaxError, is_token
from iwf.sip.syntax.message import Response

#: Publications of one user; a device that comes back without its tag leaves one behind each time.
MAX_PUBLICATIONS = 10

_BAD_EVENT = Status(489, "Bad Event", (("Allow-Events", PRESENCE),), ("PUB-4",))
_NOT_OURS = Status(404, "Not Found", rules=("PUB-4",))
_NOT_HIS = Status(403, "Only One's Own Presence Is Taken", rules=("PUB-4",))
_NO_SUCH_TAG = Status(412, "Conditional Request Failed", rules=("PUB-4",))
_BAD_TAG = Status(400, "Malformed SIP-If-Match", rules=("PUB-4",))
_NO_BODY = Status(400, "Missing Body", rules=("PUB-4",))
_FULL = Failure(Reason.CONGESTED, False, retry_after=60.0, text="too many users publish")


@frozen
class _Publication:
    """What one device has published."""

    tag: str
    until: float
    """In the compositor's time."""
    body: Body


@define(eq=False)
class _User:
    """All that one user has published."""

    party: Party
    lane: str
    publications: dict[str, _Publication] = field(factory=dict)
    """By tag."""
    waiting: deque[Asked] = field(factory=deque)
    """Requests that come after the one the core is deciding about."""
    is_busy: bool = False
    due: float = inf
    """When the first of them ends."""


@frozen
class _Change:
    """A PUBLISH that the core decides about."""

    asked: Asked
    user: _User
    publications: dict[str, _Publication]
    """What there will be after it."""
    tag: str
    expires: int


class Compositor:
    """All publications of SIP users.

    :param hosts: our own host names; who is behind them publishes elsewhere.
    """

    memory = "published"

    def __init__(self, settings: PresenceSettings, hosts: Collection[str], ids: Ids) -> None:
        self._settings = settings
        self._hosts = hosts
        self._ids = ids
        self._users: dict[str, _User] = {}
        self._questions: Questions[_Change] = Questions()
        self._deadlines: Deadlines[_User] = Deadlines()
        self._recalled: deque[_User] = deque()
        self._pace = Pace(RECALL_RATE, RECALL_BURST)
        self._clock = Steady()

    def __len__(self) -> int:
        """Users who have published something."""
        return len(self._users)

    # -- PUBLISH

    def published(self, asked: Asked, target: Address | None, now: float) -> list[Output]:
        """A PUBLISH has come, and passed the checks that are the same for all methods.

        :param target: whose presence it is, by the Request-URI.
        """
        now = self._clock.time(now)
        try:
            return self._published(asked, target, now)
        except SipSyntaxError as fault:
            return [Answer(asked, Status(fault.status, fault.reason, rules=("SIP-12",)))]

    def _published(self, asked: Asked, target: Address | None, now: float) -> list[Output]:
        if target is None or target.domain in self._hosts:
            return [Answer(asked, _NOT_OURS)]
        origin = origin_of(asked.request, asked.trunk, self._hosts)
        if isinstance(origin, Status):
            return [Answer(asked, origin)]
        if origin.address.key.lower() != target.key.lower():
            return [Answer(asked, _NOT_HIS)]
        event = event_of(asked.request)
        if event is None or event.package != PRESENCE:
            return [Answer(asked, _BAD_EVENT)]
        user = self._users.get(target.key)
        if user is None:
            if len(self._users) >= self._settings.max_watchers:
                return [refusal(asked, _FULL)]
            user = _User(evolve(origin, address=target.bare()), asked.trunk.lane)
        if user.is_busy:
            user.waiting.append(asked)                               # each is judged by what the one before left
            return []
        return self._judged(asked, user, now)

    def _judged(self, asked: Asked, user: _User, now: float) -> list[Output]:
        change = self._changed(asked, user, now)
        if isinstance(change, Status):
            return [Answer(asked, change)]
        user.is_busy = True
        self._users[user.party.address.key] = user
        return [*self._questions.ask(change, *self._offers(user, change.publications))]

    def _changed(self, asked: Asked, user: _User, now: float) -> _Change | Status:
        """What a PUBLISH comes to (RFC 3903 6, steps 4 to 6).

        :raises SipSyntaxError: 400, for a header that cannot be read.
        """
        request, after = asked.request, dict(user.publications)
        tags = request.all("SIP-If-Match")
        if len(tags) > 1 or (tags and not is_token(tags[0])):
            return _BAD_TAG
        old = after.pop(tags[0], None) if tags else None
        if tags and old is None:
            return _NO_SUCH_TAG
        expires = interval_of(request, self._settings)
        if isinstance(expires, Status):
            return expires
        body = read_body(request, self._clock.wall(now))
        if isinstance(body, Status):
            return body
        tag = self._ids.token()
        if expires:
            if body is None and old is None:
                return _NO_BODY
            new = _Publication(tag, now + expires, body) if body is not None else old
            assert new is not None
            while len(after) >= MAX_PUBLICATIONS:
                del after[min(after.values(), key=lambda one: one.until).tag]
            after[tag] = evolve(new, tag=tag, until=now + expires)
        return _Change(asked, user, after, tag, expires)

    def decided(self, ticket: str, verdict: Verdict, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        now = self._clock.time(now)
        decided = self._questions.decided(ticket, verdict)
        if decided is None:
            return []
        change, failure = decided
        user = change.user
        user.is_busy = False
        outputs: list[Output] = []
        if failure is not None:
            # Nothing has changed: what was remembered of the attempt is put right.
            outputs += [self._remembered(user, user.publications), refusal(change.asked, failure)]
        else:
            user.publications = change.publications
            headers = (("SIP-ETag", change.tag), ("Expires", str(change.expires)))
            outputs.append(Answer(change.asked, Status(200, "OK", headers, ("PUB-4",))))
        self._settle(user)
        while user.waiting and not user.is_busy:
            asked = user.waiting.popleft()
            try:
                outputs += self._judged(asked, user, now)
            except SipSyntaxError as fault:
                outputs.append(Answer(asked, Status(fault.status, fault.reason, rules=("SIP-12",))))
        return outputs

    def _settle(self, user: _User) -> None:
        """Bring table and deadlines up to date with a user."""
        self._deadlines.set(user, min((one.until for one in user.publications.values()), default=inf))
        if not user.publications and not user.is_busy:
            self._users.pop(user.party.address.key, None)

    # -- what the core is told

    def _offers(self, user: _User, publications: dict[str, _Publication]) -> tuple[Offer, Offer]:
        return self._remembered(user, publications), self._told(user, publications)

    def _told(self, user: _User, publications: dict[str, _Publication]) -> Offer:
        """PUB-5: all that he has published, as one."""
        documents = [one.body.document for one in publications.values()]
        devices = tuple(_devices(documents))
        if documents and not devices:
            devices = (Device(open=False),)                          # none at all would take everything back
        aspects: dict[type[Aspect], Aspect] = {type(each): each for one in documents for each in one.aspects}
        until = self._clock.wall(_end(publications)) if publications else None
        return Offer(Published(user.party, user.party.address, devices, tuple(aspects.values()), until, user.lane))

    def _remembered(self, user: _User, publications: dict[str, _Publication]) -> Offer:
        key = f"{self.memory}:{user.party.address.key}"
        if not publications:
            return remember(key, "", 0.0)
        rows = [[one.tag, self._clock.wall(one.until), one.body.octets.decode("utf-8", "surrogateescape")]
                for one in publications.values()]
        text = json.dumps([user.lane, user.party.spelling, rows], separators=(",", ":"))
        return remember(key, text, self._clock.wall(_end(publications)))

    def answered(self, who: str, response: Response, cseq: int, now: float) -> list[Output]:
        """It sends no requests."""
        return []

    # -- time and memory

    def next_timer(self) -> float | None:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        due = next_due(self._deadlines, self._pace if self._recalled else None)
        return None if due == inf else self._clock.wall(due)

    def handle_timer(self, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        now = self._clock.time(now)
        outputs: list[Output] = []
        while (user := self._deadlines.first_due(now)) is not None:
            user.publications = {tag: one for tag, one in user.publications.items() if one.until > now + RESOLUTION}
            outputs += self._offers(user, user.publications)
            self._settle(user)
        while self._recalled and self._pace.take(now):
            user = self._recalled.popleft()
            outputs.append(self._told(user, user.publications))
        return outputs

    def recall(self, key: str, text: str, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        shift = self._clock.time(now) - now
        try:
            lane, spelling, rows = json.loads(text)
            found = [_Publication(tag, until + shift, Body(octets, parse(octets, now)))
                     for tag, until, said in rows if until > now
                     for octets in (said.encode("utf-8", "surrogateescape"),)]
        except (ValueError, TypeError, AttributeError, PidfFault):
            found = []
        if not found:
            return [remember(f"{self.memory}:{key}", "", 0.0)]
        party = Party(address_of_key(key), "", lane, spelling)
        user = self._users[key] = _User(party, lane, {one.tag: one for one in found})
        self._recalled.append(user)
        self._settle(user)
        return []

    def stop(self, now: float) -> list[Output]:
        """Publications outlive an orderly stop as well."""
        return []


def _end(publications: dict[str, _Publication]) -> float:
    return max(one.until for one in publications.values())


def _devices(documents: list[Document]) -> Iterator[Device]:
    """The devices of all documents; where two have the same name, the later one gets another."""
    names: set[str] = set()
    for document in documents:
        for device in document.devices:
            name, number = device.instance, 1
            while name in names:
                number += 1
                name = f"{device.instance}~{number}"
            names.add(name)
            yield device if name == device.instance else evolve(device, instance=name)
