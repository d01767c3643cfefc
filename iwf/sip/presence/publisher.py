"""The publisher: tells presence servers the state of users of other worlds (RFC 3903; PUB-1 to PUB-3).  Pure."""

from __future__ import annotations

import json
from math import inf

from attrs import define

from iwf.ids import Ids
from iwf.mapping.model import Aspect, Device, Party, Presence, Published, Verdict, address_of_key
from iwf.sip.address import uri_of_address
from iwf.sip.presence.deadlines import Deadlines, Pace
from iwf.sip.presence.document import document_of
from iwf.sip.presence.endings import LONGEST_RETRY, backoff, longer_interval
from iwf.sip.presence.headers import PIDF, PRESENCE
from iwf.sip.presence.outputs import Offer, Output, Send, remember
from iwf.sip.presence.usage import refresh_delay
from iwf.sip.reasons import failure_of_status
from iwf.sip.settings import SipSettings
from iwf.sip.steady import Steady
from iwf.sip.syntax.message import Request, Response
from iwf.sip.syntax.uri import parse_uri

#: Seconds that a publication is asked to last (PUB-1).
EXPIRES = 3600
#: PUBLISHes in a second, and at once after a pause.
RATE, BURST = 200.0, 200
#: SIP-93: what was sent after the last time that something was remembered, at most.
CSEQ_MARGIN = 20

_FORMAT = 1

_Shown = tuple[tuple[Device, ...], tuple[Aspect, ...]]
_NOTHING: _Shown = ((), ())


@define(eq=False)
class Publication:
    """The state of one user at one presence server."""

    lane: str
    origin: Party
    target: str
    """The URI that it is published for: From and To as well."""
    call_id: str
    tag: str
    cseq: int = 0
    etag: str = ""
    """The server's name for what it has; empty: it has nothing."""
    expires: int = EXPIRES
    expires_at: float = inf
    wanted: _Shown | None = None
    """What is to be seen there; None: not known since the restart."""
    sent: _Shown | None = None
    """What is on its way; never more than one (PUB-3)."""
    there: _Shown | None = None
    """What the server has last said yes to."""
    is_asked: bool = False
    is_stopped: bool = False
    """The server wants nothing of him."""
    is_repaired: bool = False
    """It was begun anew since the server had forgotten it."""
    failures: int = 0
    send_at: float = inf
    due: float = inf
    """Kept by :class:`~iwf.sip.presence.deadlines.Deadlines`."""

    @property
    def key(self) -> str:
        """The same for the same user at the same server."""
        return f"{self.lane}\n{self.target}"

    def next_due(self) -> float:
        """When there is something to do."""
        return inf if self.is_asked else min(self.send_at, self.expires_at)

    def compose(self, now: float) -> Request:
        """The next PUBLISH: first one, change, refresh or removal (RFC 3903 4.2 to 4.5; PUB-2).

        :param now: UTC seconds, for the document.
        """
        assert self.wanted is not None
        self.cseq += 1
        is_removal = self.wanted == _NOTHING
        lines = [
            ("Max-Forwards", "70"),
            ("From", f"<{self.target}>;tag={self.tag}"),
            ("To", f"<{self.target}>"),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} PUBLISH"),
            ("Event", PRESENCE),
            ("Expires", "0" if is_removal else str(self.expires)),
        ]
        if self.etag:
            lines.append(("SIP-If-Match", self.etag))
        body = b""
        if not is_removal and (not self.etag or self.wanted != self.there):
            lines.append(("Content-Type", PIDF))
            devices, aspects = self.wanted
            shown = Presence(self.origin, self.origin.address, devices, aspects)
            body = document_of(shown, parse_uri(self.target), now, self.cseq)
        self.sent, self.is_asked, self.send_at = self.wanted, True, inf
        return Request("PUBLISH", self.target, lines, body)

    def packed(self, shift: float) -> str:
        """As text (SIP-93); what the server has is not remembered, since the next state changes it anyway.

        :param shift: what to add to our times for those of the wall clock.
        """
        return json.dumps([_FORMAT, self.lane, self.origin.address.key, self.target, self.call_id, self.tag, self.cseq,
                           self.etag, self.expires, self.expires_at + shift], separators=(",", ":"))


def unpacked(text: str) -> Publication:
    """The publication that :meth:`Publication.packed` wrote.

    :raises ValueError: when it is none.
    """
    match json.loads(text):
        case [1, str(lane), str(origin), str(target), str(call_id), str(tag), int(cseq), str(etag), int(expires),
              int() | float() as expires_at]:
            return Publication(lane, Party(address_of_key(origin)), target, call_id, tag, cseq + CSEQ_MARGIN, etag,
                               expires, expires_at)
    raise ValueError("no publication")


class Publisher:
    """All publications of one node, on the trunks that want them (PUB-1)."""

    memory = "pub"

    def __init__(self, settings: SipSettings, ids: Ids) -> None:
        self._host = settings.host or "gateway.invalid"
        self._phone_hosts = settings.phone_hosts
        self._lanes = frozenset(trunk.lane for trunk in settings.trunks if trunk.publish)
        self._ids = ids
        self._publications: dict[str, Publication] = {}
        self._deadlines: Deadlines[Publication] = Deadlines()
        self._steady = Steady()
        self._pace = Pace(RATE, BURST)
        self._stopped = False

    def __len__(self) -> int:
        """Publications, those included that a server does not want."""
        return len(self._publications)

    def deliver(self, payload: Published, lane: str, now: float) -> list[Output]:
        """Take the state of a user; the latest one wins.

        :raises NoImage: when an address cannot be written in SIP; nothing has changed then.
        """
        if lane not in self._lanes:
            return []
        now = self._steady.time(now)
        target = str(uri_of_address(payload.target.bare(), payload.target_spelling, self._phone_hosts))
        shown = payload.devices, payload.aspects
        publication = self._publications.get(f"{lane}\n{target}")
        if publication is None:
            if shown == _NOTHING:
                return []
            publication = Publication(lane, payload.origin, target, f"{self._ids.token()}@{self._host}",
                                      self._ids.token())
            self._publications[publication.key] = publication
        publication.wanted, publication.origin = shown, payload.origin
        return [*self._wish(publication, now), *self._act(now)]

    def _wish(self, publication: Publication, now: float) -> list[Output]:
        """Have the server told what it does not know yet."""
        if publication.is_stopped or publication.is_asked:
            return []                                                # PUB-3: one outstanding
        if publication.wanted == _NOTHING and not publication.etag:
            return self._drop(publication)
        if not publication.failures and publication.wanted != publication.there:
            publication.send_at = now
        self._plan(publication)
        return []

    def answered(self, who: str, response: Response, cseq: int, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        now = self._steady.time(now)
        publication = self._publications.get(who)
        if publication is None or not publication.is_asked:
            return []
        publication.is_asked, publication.cseq = False, max(publication.cseq, cseq)
        outputs: list[Output] = []
        if publication.sent == _NOTHING:
            # Removed; or it runs out by itself.  Meanwhile he may have come back, which makes a new one.
            publication.etag, publication.there, publication.failures = "", None, 0
            publication.send_at = publication.expires_at = inf
        elif response.status < 300:
            self._taken(publication, response, now)
            outputs.append(self._remembered(publication, now))
        else:
            self._failed(publication, response, now)
        return [*outputs, *self._wish(publication, now), *self._act(now)]

    def _taken(self, publication: Publication, response: Response, now: float) -> None:
        publication.etag = response.get("SIP-ETag") or ""            # PUB-2: a new one each time
        publication.there = publication.sent
        seconds = publication.expires if response.expires is None else min(response.expires, publication.expires)
        publication.expires_at = now + seconds
        publication.send_at = now + refresh_delay(seconds, self._ids)
        publication.failures, publication.is_repaired = 0, False

    def _failed(self, publication: Publication, response: Response, now: float) -> None:
        """PUB-3."""
        longer = longer_interval(response, publication.expires)
        failure = failure_of_status(response)
        if response.status == 412 and publication.etag and not publication.is_repaired:
            publication.etag, publication.there, publication.is_repaired = "", None, True
            publication.expires_at, publication.send_at = inf, now
        elif longer is not None:
            publication.expires, publication.send_at = longer, now
        elif failure.permanent and response.status != 412:
            publication.is_stopped = True
            publication.send_at = publication.expires_at = inf
        else:
            wait = None if failure.retry_after is None else min(failure.retry_after, LONGEST_RETRY)
            publication.send_at = now + backoff(publication.failures, self._ids, wait)
            publication.failures += 1

    def decided(self, ticket: str, verdict: Verdict, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`; it asks for no verdicts."""
        return []

    # -- memory and time

    def recall(self, key: str, text: str, now: float) -> list[Output]:
        """SIP-93: the tag is used for the next state; until that is known, nothing is refreshed."""
        try:
            publication = unpacked(text)
        except ValueError:
            return [remember(f"{self.memory}:{key}", "", 0.0)]
        if publication.expires_at > self._steady.time(now):
            self._publications[publication.key] = publication
            self._plan(publication)
        return []

    def stop(self, now: float) -> list[Output]:
        """SIP-92: publications stay, since there is somebody to come back to them."""
        self._stopped = True
        return []

    def next_timer(self) -> float | None:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        first = None if self._stopped else self._deadlines.first()
        if first is None:
            return None
        is_sending = first.send_at <= first.expires_at
        return self._steady.wall(max(first.due, self._pace.ready_at()) if is_sending else first.due)

    def handle_timer(self, now: float) -> list[Output]:
        """Do what is due."""
        return self._act(self._steady.time(now))

    def _act(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        while not self._stopped and (one := self._deadlines.first_due(now)) is not None:
            if one.send_at > one.expires_at:
                outputs += self._run_out(one, now)
            elif self._pace.take(now):
                request = one.compose(self._steady.wall(now))
                self._plan(one)
                outputs.append(Send(one.key, request, parse_uri(one.target), one.lane))
            else:
                break
        return outputs

    def _run_out(self, publication: Publication, now: float) -> list[Output]:
        """The server has forgotten it by now."""
        publication.etag, publication.there, publication.expires_at = "", None, inf
        if publication.wanted is None:
            return self._drop(publication)
        self._plan(publication)
        return []

    def _plan(self, publication: Publication) -> None:
        self._deadlines.set(publication, publication.next_due())

    def _drop(self, publication: Publication) -> list[Output]:
        del self._publications[publication.key]
        self._deadlines.set(publication, inf)
        return [remember(f"{self.memory}:{publication.key}", "", 0.0)]

    def _remembered(self, publication: Publication, now: float) -> Offer:
        wall = self._steady.wall(now)
        until = self._steady.wall(publication.expires_at)
        return remember(f"{self.memory}:{publication.key}", publication.packed(wall - now), until)
