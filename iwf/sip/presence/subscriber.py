"""The subscriber: watches users of SIP for those of other worlds (RFC 6665 4.1, RFC 3856; PRES-1 to 18).  Pure.

A :class:`~iwf.sip.presence.watch.Watch` is a wish, and lasts; a :class:`~iwf.sip.presence.usage.Usage` is a
subscription that serves it, and ends.  Whatever a notifier does to a subscription, the wish finds its way to the
next one by the tables of :mod:`iwf.sip.presence.endings`.
"""

from __future__ import annotations

from math import inf

from iwf.ids import Ids
from iwf.mapping.model import Refused, Verdict, WatchEnded, WatchFetched, WatchNews, WatchRenewed, WatchRequested
from iwf.mapping.pidf import parse
from iwf.sip.presence import news
from iwf.sip.presence.bodies import Body, read_body
from iwf.sip.presence.deadlines import Deadlines, Pace
from iwf.sip.presence.endings import (
    DIALOG_ENDING,
    EXPIRED,
    FIRST_WAIT,
    SILENT,
    Ending,
    Then,
    after_answer,
    after_notify,
    longer_interval,
)
from iwf.sip.presence.headers import PRESENCE, SubscriptionState, event_of, subscription_state_of
from iwf.sip.presence.outputs import Answer, Asked, Offer, Output, remember
from iwf.sip.presence.usage import Pair, State, Usage
from iwf.sip.presence.usages import Usages
from iwf.sip.presence.watch import Watch, unpacked
from iwf.sip.reasons import Status
from iwf.sip.settings import SipSettings
from iwf.sip.steady import Steady
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Response

#: SUBSCRIBEs in a second, and at once after a pause: ten thousand of them are refreshed within a minute.
RATE, BURST = 200.0, 200
#: SIP-93: seconds that a watch is remembered about which nothing is said.
KEPT = 30 * 86400.0

_OK = Status(200, "OK")
_NO_DIALOG = Status(481, "Subscription Does Not Exist", rules=("PRES-17",))
_LATE = Status(500, "Request Came Too Late", rules=("SIP-73",))
_BAD_EVENT = Status(489, "Bad Event", (("Allow-Events", PRESENCE),), ("PRES-17",))


class Subscriber:
    """All subscriptions of one node."""

    memory = "sub"

    def __init__(self, settings: SipSettings, ids: Ids) -> None:
        assert settings.presence is not None
        self._settings = settings.presence
        # We are the presence agent of who registers here: he publishes, or nothing is known of him (PUB-5).
        self._home = None if settings.registrar is None else settings.registrar.lane
        self._ids = ids
        self._watches: dict[str, Watch] = {}
        self._deadlines: Deadlines[Watch | Usage] = Deadlines()
        self._usages = Usages(settings, self._deadlines, ids)
        self._steady = Steady()
        self._pace = Pace(RATE, BURST)
        self._stopped = False

    def __len__(self) -> int:
        """Subscriptions, those included that are about to end."""
        return len(self._usages)

    # -- what the core wants

    def deliver(self, payload: WatchNews, lane: str, now: float) -> list[Output]:
        """Take a :class:`WatchRequested`, :class:`WatchRenewed`, :class:`WatchFetched` or :class:`WatchEnded`.

        :raises NoImage: when an address cannot be written in SIP; nothing has changed then.
        """
        outputs: list[Output] = []
        if lane == self._home:
            return outputs
        now = self._steady.time(now)
        match payload:
            case WatchRequested() | WatchRenewed():
                pair = self._pair(payload, lane)
                outputs = self._look(pair, isinstance(payload, WatchRequested), now)
            case WatchFetched():
                outputs = self._fetch(self._pair(payload, lane), payload.leg, now)
            case WatchEnded():
                watch = self._watches.get(Pair(lane, payload.origin.address, payload.target).key)
                if watch is not None:
                    outputs = self._forget(watch, now) if payload.forever else self._rest(watch, now)
        return [*outputs, *self._act(now)]

    def _pair(self, payload: WatchRequested | WatchRenewed | WatchFetched, lane: str) -> Pair:
        pair = Pair(lane, payload.origin.address, payload.target.bare(), payload.target_spelling)
        self._usages.uris(pair)
        return pair

    def _look(self, pair: Pair, is_question: bool, now: float) -> list[Output]:
        """Somebody wants to see: now, or from now on."""
        watch = self._watches.get(pair.key)
        if watch is None:
            watch = self._watches[pair.key] = Watch(pair)
        watch.wanted = True
        # The core knows best; our own memory of it is for what nobody has asked about since a restart.
        watch.granted = not is_question
        watch.is_final = watch.is_final and watch.granted
        usage = watch.usage
        if usage is not None and usage.state is State.ACTIVE:
            return [*self._repeat(watch, usage, now), *self._remember(watch, now)]
        if usage is None and not watch.is_final:                     # PRES-12: else there is nothing new
            # PRES-9, but whoever logs in again and again does not outrun the backoff.
            soonest = watch.tried_at + FIRST_WAIT if watch.failures else now
            self._try_at(watch, max(now, min(watch.retry_at, soonest)))
        return self._remember(watch, now)

    def _repeat(self, watch: Watch, usage: Usage, now: float) -> list[Output]:
        """PRES-12, PRES-15: what is known, at once."""
        outputs: list[Output] = []
        if not watch.granted:
            watch.granted = True
            outputs.append(Offer(news.granted(watch.pair), watch.pair.key))
        if watch.document:
            outputs.append(Offer(news.seen(watch.pair, parse(watch.document, now)), watch.pair.key))
        if not watch.document or usage.send_at == inf and not usage.is_asked:
            # It knows no more than we do, or was about to be left to its end.
            usage.send_at = now
            self._usages.plan(usage)
        return outputs

    def _rest(self, watch: Watch, now: float) -> list[Output]:
        """PRES-10: nobody looks; the permission stays."""
        watch.wanted, usage = False, watch.usage
        self._try_at(watch, inf)
        if usage is not None and (not usage.is_made or self._settings.sub_idle == "end"):
            watch.lost(usage, now)
            self._usages.leave(usage, now)
        return self._remember(watch, now)

    def _forget(self, watch: Watch, now: float) -> list[Output]:
        """PRES-13: the permission is given back, or gone."""
        del self._watches[watch.pair.key]
        self._deadlines.set(watch, inf)
        if watch.usage is not None:
            self._usages.leave(watch.usage, now)
        return [remember(f"{self.memory}:{watch.pair.key}", "", 0.0)]

    def _fetch(self, pair: Pair, leg: str, now: float) -> list[Output]:
        """PRES-15: the last document, or a poll in a dialog of its own."""
        watch = self._watches.get(pair.key)
        if watch is not None and watch.document and watch.usage is not None and watch.usage.state is State.ACTIVE:
            return [Offer(news.seen(pair, parse(watch.document, now), leg))]
        self._usages.open(pair, 0, now, leg)
        return []

    # -- what goes out

    def answered(self, who: str, response: Response, cseq: int, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        now = self._steady.time(now)
        usage = self._usages.get(who)
        if usage is None or not usage.is_asked:
            return []
        usage.dialog = usage.dialog.sent(cseq)
        outputs: list[Output] = []
        if response.status < 300:
            usage.accepted(response.expires, now, self._ids)
            watch = self._watch_of(usage)
            if watch is not None:
                outputs = self._remember(watch, now)
        else:
            outputs = self._refused(usage, response, now)
        if self._usages.get(who) is usage:
            self._usages.plan(usage)
        return [*outputs, *self._act(now)]

    def _refused(self, usage: Usage, response: Response, now: float) -> list[Output]:
        usage.is_asked = False
        longer = longer_interval(response, usage.expires)
        if longer is not None and usage.expires and not usage.is_left:
            usage.expires, usage.send_at = longer, now               # PRES-16: once more, at once
            return []
        ending, watch = after_answer(response), self._watch_of(usage)
        if watch is None or not usage.is_made:
            self._usages.drop(usage)
            if usage.leg:
                return [Offer(news.not_fetched(usage.pair, usage.leg, ending))]
            return [] if watch is None else self._lost(watch, usage, ending, now, is_answer=True)
        if response.status in DIALOG_ENDING or ending.then is Then.REFUSED:
            self._usages.drop(usage)
            return self._lost(watch, usage, ending, now, is_answer=True)
        # PRES-7: it lives until it expires; one or two more tries are no harm.
        usage.notify_by = inf
        again = now + max(ending.wait or 0.0, (usage.expires_at - now) / 2)
        usage.send_at = again if again < usage.expires_at - 5 else inf
        return []

    # -- what comes in

    def notified(self, asked: Asked, now: float) -> list[Output]:
        """A NOTIFY; answered at once, whatever the core makes of it (PRES-18)."""
        wall, now = now, self._steady.time(now)
        request = asked.request
        try:
            event = event_of(request)
            if event is None or event.package != PRESENCE:
                return [Answer(asked, _BAD_EVENT)]
            usage = self._usages.get(request.call_id)
            if usage is None or event.id or not usage.fits(request, asked.trunk.lane):
                return [Answer(asked, _NO_DIALOG)]                   # PRES-3, PRES-17, SIP-93
            said = subscription_state_of(request)
            if usage.dialog.is_late(request):
                return [Answer(asked, _LATE)]                        # PRES-18
            was = usage.state
            usage.heard(request, said, now, self._ids)
        except SipSyntaxError as fault:
            return [Answer(asked, Status(fault.status, fault.reason, rules=("PRES-17",)))]
        body = None if usage.is_left else read_body(request, wall)
        answer = Answer(asked, body if isinstance(body, Status) else _OK)
        return [answer, *self._heard(usage, was, said, body, now), *self._act(now)]

    def _heard(self, usage: Usage, was: State, said: SubscriptionState, body: Body | Status | None,
               now: float) -> list[Output]:
        watch, is_over = self._watch_of(usage), said.state == "terminated"
        if is_over or usage.leg:
            self._usages.drop(usage)
        else:
            self._usages.plan(usage)
        if usage.leg:
            return [Offer(news.fetched(usage.pair, usage.leg, said, body))]
        if watch is None:
            return []                                                # PRES-14: its end, and nobody's news
        outputs: list[Output] = []
        if is_over:
            ending = after_notify(said.reason, said.retry_after)
            if ending.then is Then.FINAL and isinstance(body, Body):
                outputs = self._active(watch, body, is_first=False)  # PRES-8: the final document
            return [*outputs, *self._lost(watch, usage, ending, now)]
        if said.state == "active":
            outputs = self._active(watch, body, was is not State.ACTIVE or watch.is_broken)
        elif watch.is_broken and not watch.granted:
            # PRES-4: pending is told to nobody, but that the question could be put ends the failure.
            outputs = [Offer(news.seen(watch.pair, None), watch.pair.key)]
        watch.works()
        return [*outputs, *self._remember(watch, now)]

    def _active(self, watch: Watch, body: Body | Status | None, is_first: bool) -> list[Output]:
        """PRES-5: he may see, and this is what there is to see.

        :param is_first: tell it even where it is nothing new.
        """
        pair, outputs = watch.pair, list[Output]()
        if not watch.granted:
            watch.granted = True
            outputs.append(Offer(news.granted(watch.pair), pair.key))
        if isinstance(body, Status):
            return outputs                                           # PIDF-3: the old state stays
        octets = b"" if body is None else body.octets
        if is_first or octets != watch.document:
            watch.document = octets
            outputs.append(Offer(news.seen(pair, None if body is None else body.document), pair.key))
        return outputs

    def _lost(self, watch: Watch, usage: Usage, ending: Ending, now: float, is_answer: bool = False) -> list[Output]:
        """PRES-8, PRES-16: the subscription is over; what becomes of the wish?

        :param is_answer: the answer to a SUBSCRIBE of ours was the end of it.
        """
        watch.lost(usage, now)
        then = ending.then
        if then is Then.ABSENT:
            gone_for = 0.0 if watch.failing_since is None else now - watch.failing_since
            then = Then.LATER if watch.granted and gone_for < self._settings.dead_after else Then.REFUSED
        if then is Then.REFUSED:
            return [Offer(news.refused(watch.pair, ending.failure)), *self._forget(watch, now)]
        if then is Then.FINAL:
            watch.is_final = True
            return self._remember(watch, now)
        if not watch.wanted:
            return self._remember(watch, now)
        wait = watch.fail(ending, now, self._ids)
        self._try_at(watch, now + wait)
        outputs = self._remember(watch, now)
        # The core waits a while before it tells anybody (PRES-8, PRES-16).
        if wait and (watch.granted or is_answer) and not watch.is_broken:
            watch.is_broken = True
            outputs.append(Offer(news.broken(watch.pair, ending.failure)))
        return outputs

    def decided(self, ticket: str, verdict: Verdict, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        watch = self._watches.get(ticket)
        if watch is None or not isinstance(verdict, Refused):
            return []
        now = self._steady.time(now)
        if verdict.failure.permanent:
            return [*self._forget(watch, now), *self._act(now)]      # the core knows of no such wish
        # It was not heard: ask the peer to say it again, after a while.
        watch.granted, watch.document, watch.is_broken = False, b"", True
        if watch.usage is not None:
            watch.usage.send_at = min(watch.usage.send_at, now + FIRST_WAIT)
            self._usages.plan(watch.usage)
        return []

    # -- memory and time

    def recall(self, key: str, text: str, now: float) -> list[Output]:
        """SIP-93: dialogs are refreshed, one after the other; what is not alive any more is begun anew."""
        try:
            watch = unpacked(text, now)
            self._usages.uris(watch.pair)
        except ValueError:                                           # NoImage is one, too
            return [remember(f"{self.memory}:{key}", "", 0.0)]
        now = self._steady.time(now)
        usage = watch.usage
        self._watches[watch.pair.key] = watch
        if usage is not None:
            self._usages.add(usage)
            usage.send_at = now if watch.wanted else inf
            self._usages.plan(usage)
        elif watch.wanted:
            self._try_at(watch, now)
        return []

    def stop(self, now: float) -> list[Output]:
        """SIP-92: dialogs stay, since there is somebody to come back to them."""
        self._stopped = True
        return []

    def next_timer(self) -> float | None:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        first = None if self._stopped else self._deadlines.first()
        if first is None:
            return None
        is_sending = isinstance(first, Usage) and first.is_sending
        return self._steady.wall(max(first.due, self._pace.ready_at()) if is_sending else first.due)

    def handle_timer(self, now: float) -> list[Output]:
        """Do what is due."""
        return self._act(self._steady.time(now))

    def _act(self, now: float) -> list[Output]:
        """Everything whose time has come, in order, as fast as requests may leave."""
        outputs: list[Output] = []
        while not self._stopped and (one := self._deadlines.first_due(now)) is not None:
            if isinstance(one, Watch):
                self._try(one, now)
            elif not one.is_sending:
                outputs += self._run_out(one, now)
            elif one.leg or one.is_left or (watch := self._watch_of(one)) is not None and watch.wanted:
                if not self._pace.take(now):
                    break
                outputs.append(self._usages.send(one, now))
            else:
                one.send_at = inf                                    # PRES-10: left to its end
                self._usages.plan(one)
        return outputs

    def _try(self, watch: Watch, now: float) -> None:
        self._try_at(watch, inf)
        watch.tried_at = now
        watch.usage = self._usages.open(watch.pair, self._settings.sub_expires, now)

    def _run_out(self, usage: Usage, now: float) -> list[Output]:
        """Timer N, or the end of its time (PRES-17; table 2.1)."""
        self._usages.drop(usage)
        if usage.leg:
            return [Offer(news.seen(usage.pair, None, usage.leg))]
        watch = self._watch_of(usage)
        if watch is None:
            return []
        return self._lost(watch, usage, EXPIRED if usage.state is State.ACTIVE else SILENT, now,
                          is_answer=not usage.is_made)

    def _watch_of(self, usage: Usage) -> Watch | None:
        """Who wants it; None when nobody does any more."""
        watch = None if usage.is_left or usage.leg else self._watches.get(usage.pair.key)
        return watch if watch is not None and watch.usage is usage else None

    def _try_at(self, watch: Watch, when: float) -> None:
        watch.retry_at = when
        self._deadlines.set(watch, when)

    def _remember(self, watch: Watch, now: float) -> list[Output]:
        signature = watch.signature()
        if signature == watch.saved:
            return []
        watch.saved = signature
        wall = self._steady.wall(now)
        return [remember(f"{self.memory}:{watch.pair.key}", watch.packed(wall - now), wall + KEPT)]
