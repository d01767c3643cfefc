"""The notifier: SIP users watch users of other worlds, and their own watchers (RFC 6665 4.2, RFC 3856, RFC 3857;
PRES-20 to PRES-34).  Pure.

The state table is that of presence.md 2.1.  Whether a watcher may see somebody, and what there is to see, is
known by the core; this machine runs the dialogs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from math import inf

from attrs import frozen

from iwf.ids import Ids
from iwf.mapping.model import (
    Address,
    Failure,
    Reason,
    Verdict,
    WatchClosed,
    Watchers,
    WatchGranted,
    WatchRefused,
)
from iwf.sip.messaging.pager import origin_of
from iwf.sip.presence.deadlines import Deadlines, Pace, next_due
from iwf.sip.presence.dialog import dialog_of_request, id_of_request
from iwf.sip.presence.endings import DIALOG_ENDING
from iwf.sip.presence.headers import WINFO, SubscriptionState, terminated
from iwf.sip.presence.outputs import RECALL_BURST, RECALL_RATE, Answer, Asked, Offer, Output, Send, remember
from iwf.sip.presence.questions import Questions
from iwf.sip.presence.requested import NO_SUBSCRIPTION, Wish, read_subscribe, refusal
from iwf.sip.presence.subscription import MEMORY, State, Subscription, unpacked
from iwf.sip.presence.told import Shown, Told, Writer, ending_of, is_closed
from iwf.sip.reasons import Status
from iwf.sip.settings import PresenceSettings
from iwf.sip.steady import RESOLUTION, Steady
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Response
from iwf.sip.syntax.uri import parse_uri

#: The end of the whole subscription (PRES-29).  A 408 stands for timer F too, which should end it (RFC 6665 4.2.2).
_ENDING = DIALOG_ENDING | {408}
#: PRES-28: seconds for further answers after the first one to a poll.
SETTLING = 0.1

_LATE = Status(500, "Request Out Of Order", rules=("SIP-73",))
_STOPPING = Status(480, "Stopping", (("Retry-After", "10"),), ("SIP-92",))
_FULL = Failure(Reason.CONGESTED, False, retry_after=60.0, text="too many subscriptions")
_NOT_HIS = Status(403, "Only One's Own Watchers Are Told", rules=("SIP-90",))


@frozen
class _Pending:
    """What the core decides about.

    :param asked: the SUBSCRIBE that waits for its answer; None: the subscription was found again after a restart.
    :param until: when the subscription will end.
    """

    subscription: Subscription
    asked: Asked | None
    until: float


class Notifier:
    """All subscriptions of SIP watchers.

    :param hosts: our own host names.
    :param document: writes what there is to see, see :func:`iwf.sip.presence.document.document_of`.
    """

    memory = MEMORY

    def __init__(self, settings: PresenceSettings, hosts: Collection[str], ids: Ids, document: Writer) -> None:
        self._settings = settings
        self._hosts = hosts
        self._ids = ids
        self._document = document
        self._subscriptions: dict[str, Subscription] = {}
        self._questions: Questions[_Pending] = Questions()
        self._deadlines: Deadlines[Subscription] = Deadlines()
        self._recalled: deque[Subscription] = deque()
        self._pace = Pace(RECALL_RATE, RECALL_BURST)
        self._clock = Steady()
        self._stopping = False

    def __len__(self) -> int:
        """Subscriptions, those included of which only the last NOTIFY is left."""
        return len(self._subscriptions)

    # -- SUBSCRIBE

    def subscribed(self, asked: Asked, target: Address | None, now: float) -> list[Output]:
        """A SUBSCRIBE has come, and passed the checks that are the same for all methods.

        :param target: whom its Request-URI names; None within a dialog.
        """
        now = self._clock.time(now)
        try:
            wish = read_subscribe(asked.request, self._settings)
            if isinstance(wish, Status):
                return [Answer(asked, wish)]
            if target is None or asked.request.to.tag:
                return self._within(asked, wish, now)
            return self._begin(asked, wish, target.bare(), now)
        except SipSyntaxError as fault:
            return [Answer(asked, Status(fault.status, fault.reason, rules=("SIP-12",)))]

    def _begin(self, asked: Asked, wish: Wish, presentity: Address, now: float) -> list[Output]:
        watcher = origin_of(asked.request, asked.trunk, self._hosts)
        if isinstance(watcher, Status):
            return [Answer(asked, watcher)]
        if wish.event.package == WINFO and watcher.address.key.lower() != presentity.key.lower():
            return [Answer(asked, _NOT_HIS)]
        if self._stopping:
            return [Answer(asked, _STOPPING)]
        if len(self._subscriptions) >= self._settings.max_watchers:
            return [refusal(asked, _FULL)]
        leg = self._ids.token()
        subscription = Subscription(
            leg, dialog_of_request(asked.request, leg), asked.trunk.lane, watcher, presentity, now + wish.expires,
            wish.event, asked.way, is_poll=wish.expires == 0)
        self._subscriptions[leg] = subscription
        if subscription.is_poll:
            return self._ask(subscription, asked, now, subscription.fetched())
        wall = self._clock.wall(subscription.until)
        return self._ask(subscription, asked, subscription.until, subscription.remembered(wall),
                         subscription.requested(wall))

    def _within(self, asked: Asked, wish: Wish, now: float) -> list[Output]:
        name = id_of_request(asked.request)
        subscription = self._subscriptions.get(name[1])
        if (subscription is None or subscription.dialog.id != name or subscription.event != wish.event
                or subscription.lane != asked.trunk.lane or subscription.is_poll or subscription.state is State.OVER):
            return [Answer(asked, NO_SUBSCRIPTION)]
        if subscription.dialog.is_late(asked.request):
            return [Answer(asked, _LATE)]
        subscription.dialog = subscription.dialog.heard(asked.request)
        subscription.hop = asked.way
        if wish.expires == 0:                                        # PRES-27
            return self._ask(subscription, asked, now, subscription.forgotten(), subscription.ended())
        until = now + wish.expires                                   # PRES-25, PRES-26
        wall = self._clock.wall(until)
        return self._ask(subscription, asked, until, subscription.remembered(wall), subscription.renewed(wall))

    # -- what the core decides

    def _ask(self, subscription: Subscription, asked: Asked | None, until: float, *offers: Offer) -> list[Output]:
        """Have the core decide; :meth:`decided` goes on."""
        return [*self._questions.ask(_Pending(subscription, asked, until), *offers)]

    def decided(self, ticket: str, verdict: Verdict, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        decided = self._questions.decided(ticket, verdict)
        if decided is None:
            return []
        pending, failure = decided
        now = self._clock.time(now)
        if pending.asked is None:
            return self._found_again(pending.subscription, failure, now)
        if pending.subscription.state is State.ASKED:
            return self._begun(pending.subscription, pending.asked, pending.until, failure, now)
        return self._gone_on(pending.subscription, pending.asked, pending.until, failure, now)

    def _begun(self, subscription: Subscription, asked: Asked, until: float, failure: Failure | None,
               now: float) -> list[Output]:
        """The core has decided about a new subscription or a poll."""
        if failure is not None or self._stopping:
            answer = Answer(asked, _STOPPING) if failure is None else refusal(asked, failure)
            return [answer, *self._removed(subscription)]
        # PRES-21: 200 and never 202, then a NOTIFY at once.
        outputs: list[Output] = [self._taken(asked, subscription, until - now)]
        if subscription.is_poll:
            subscription.state, subscription.until = State.PENDING, now + self._settings.poll_wait
            if subscription.shown is not None or subscription.ending is not None:
                return outputs + self._over(subscription, terminated("timeout"), now)
            self._schedule(subscription)
            return outputs
        subscription.state = State.ACTIVE if subscription.is_granted else State.PENDING
        if subscription.ending is not None:
            return [*outputs, subscription.forgotten(), *self._over(subscription, subscription.ending, now)]
        return outputs + self._due(subscription, now, at_once=True)

    def _gone_on(self, subscription: Subscription, asked: Asked, until: float, failure: Failure | None,
                 now: float) -> list[Output]:
        """The core has decided about a SUBSCRIBE within a dialog."""
        if subscription.state is State.OVER:
            return [Answer(asked, NO_SUBSCRIPTION)]
        if asked.request.expires == 0:
            return [self._taken(asked, subscription, 0), *self._over(subscription, terminated("timeout"), now)]
        if failure is not None and failure.reason is Reason.SUBSCRIPTION_REQUIRED:
            # Nobody knows of it any more, and a new one will be asked for.
            return [Answer(asked, NO_SUBSCRIPTION), *self._removed(subscription)]
        if failure is not None:
            return [refusal(asked, failure)]
        self._settle(subscription)
        subscription.until = until
        # PRES-26: with the full state, whatever was told before.
        return [self._taken(asked, subscription, until - now), *self._due(subscription, now, at_once=True)]

    def _found_again(self, subscription: Subscription, failure: Failure | None, now: float) -> list[Output]:
        """The core has been told of a subscription from before the restart."""
        if subscription.state is not State.RECALLED:
            return []
        if failure is not None and failure.reason is Reason.SUBSCRIPTION_REQUIRED:
            return [subscription.forgotten(), *self._over(subscription, terminated("deactivated"), now)]
        if failure is not None:
            return []                                                # its next refresh finds it again
        self._settle(subscription)
        if subscription.shown is None:
            return []                                                # what was shown before may still be true
        return self._due(subscription, now)

    def _settle(self, subscription: Subscription) -> None:
        if subscription.state is State.RECALLED:
            subscription.state = State.ACTIVE if subscription.is_granted else State.PENDING

    def _taken(self, asked: Asked, subscription: Subscription, expires: float) -> Answer:
        status = Status(200, "OK", (("Expires", str(max(0, round(expires)))),), ("PRES-21",))
        return Answer(asked, status, subscription.leg, parse_uri(subscription.dialog.local))

    # -- what the core tells

    def deliver(self, told: Told, now: float) -> list[Output]:
        """Something that watchers are to be told; those that are gone are passed over."""
        now = self._clock.time(now)
        outputs: list[Output] = []
        for leg in told.legs:
            subscription = self._subscriptions.get(leg)
            if subscription is not None and subscription.state is not State.OVER:
                outputs += self._tell(subscription, told, now)
        return outputs

    def _tell(self, subscription: Subscription, told: Told, now: float) -> list[Output]:
        match told:
            case WatchGranted():
                subscription.is_granted = True
                if subscription.state is State.PENDING and not subscription.is_poll:
                    subscription.state = State.ACTIVE                # PRES-23
                    return self._due(subscription, now, at_once=True)
                return []
            case WatchRefused() | WatchClosed():
                return self._closed(subscription, ending_of(told), now)
            case Watchers():
                subscription.is_granted = True
                if subscription.state is State.PENDING and not subscription.is_poll:
                    subscription.state = State.ACTIVE
        return self._seen(subscription, told, now)

    def _seen(self, subscription: Subscription, shown: Shown, now: float) -> list[Output]:
        subscription.shown = shown
        if subscription.is_poll and subscription.state is State.PENDING:
            # PRES-28: the answers of several devices come one after the other.
            subscription.until = min(subscription.until, now + SETTLING)
            self._schedule(subscription)
            return []
        if subscription.state is not State.ACTIVE or not subscription.is_news():
            return []
        # PRES-34: the first document, and that somebody has left, go at once.
        leaves = is_closed(shown) and not is_closed(subscription.told)
        return self._due(subscription, now, at_once=subscription.told is None or leaves)

    def _closed(self, subscription: Subscription, ending: SubscriptionState, now: float) -> list[Output]:
        if subscription.state is State.ASKED:
            subscription.ending = ending                             # its 200 comes first
            return []
        return [subscription.forgotten(), *self._over(subscription, ending, now)]

    # -- NOTIFY

    def _over(self, subscription: Subscription, ending: SubscriptionState, now: float) -> list[Output]:
        """The subscription ends with one more NOTIFY."""
        subscription.state = State.OVER
        subscription.ending = subscription.ending or ending
        return self._due(subscription, now, at_once=True)

    def _due(self, subscription: Subscription, now: float, at_once: bool = False) -> list[Output]:
        """There is something to tell; it is told as soon as that may be (PRES-34)."""
        subscription.is_due = True
        subscription.is_urgent = subscription.is_urgent or at_once
        return self._flush(subscription, now)

    def _flush(self, subscription: Subscription, now: float) -> list[Output]:
        outputs: list[Output] = []
        is_due = subscription.is_due or subscription.again_at <= now + RESOLUTION
        if is_due and not subscription.is_waiting:
            if not subscription.is_urgent and not subscription.is_news():
                subscription.is_due = False                          # it is as it was when they were told last
            elif subscription.is_urgent or subscription.not_before <= now + RESOLUTION:
                outputs = self._notify(subscription, now)
        self._schedule(subscription)
        return outputs

    def _notify(self, subscription: Subscription, now: float) -> list[Output]:
        shown, image = subscription.shows(), parse_uri(subscription.dialog.local)
        wall, number = self._clock.wall(now), subscription.dialog.local_cseq + 1
        try:
            document = None if shown is None else self._document(shown, image, wall, number)
            request, uri = subscription.notify(now, document), subscription.dialog.next_uri
        except SipSyntaxError:
            return self._removed(subscription)                       # nothing can be told to such a target
        subscription.told = shown
        subscription.is_due = subscription.is_urgent = subscription.is_missed = False
        subscription.is_waiting, subscription.not_before = True, now + self._settings.notify_min
        return [Send(subscription.leg, request, uri, subscription.lane, subscription.hop, image)]

    def answered(self, who: str, response: Response, cseq: int, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        now = self._clock.time(now)
        subscription = self._subscriptions.get(who)
        if subscription is None:
            return []
        subscription.is_waiting = False
        subscription.dialog = subscription.dialog.sent(cseq)
        is_last = subscription.state is State.OVER and not subscription.is_due
        if is_last or response.status in _ENDING:
            return self._removed(subscription)                       # PRES-29
        subscription.answered(response.status, now, self._ids)
        return self._flush(subscription, now)

    def _removed(self, subscription: Subscription) -> list[Output]:
        """Without a further word to the watcher."""
        was, subscription.state = subscription.state, State.OVER
        subscription.is_due = False
        del self._subscriptions[subscription.leg]
        self._schedule(subscription)
        return [] if was is State.OVER or subscription.is_poll else [
            subscription.forgotten(), subscription.ended()]

    # -- time

    def next_timer(self) -> float | None:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        due = next_due(self._deadlines, self._pace if self._recalled else None)
        return None if due == inf else self._clock.wall(due)

    def handle_timer(self, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        now = self._clock.time(now)
        outputs: list[Output] = []
        while (subscription := self._deadlines.first_due(now)) is not None:
            self._deadlines.set(subscription, inf)
            if subscription.until > now + RESOLUTION:
                outputs += self._flush(subscription, now)
            elif subscription.is_poll:
                outputs += self._over(subscription, terminated("timeout"), now)
            else:                                                    # PRES-25
                outputs += [subscription.forgotten(), subscription.ended(),
                            *self._over(subscription, terminated("timeout"), now)]
        while self._recalled and self._pace.take(now):
            subscription = self._recalled.popleft()
            if subscription.state is State.RECALLED:
                wall = self._clock.wall(subscription.until)
                outputs += self._ask(subscription, None, subscription.until, subscription.renewed(wall))
        return outputs

    def _schedule(self, subscription: Subscription) -> None:
        self._deadlines.set(subscription, subscription.deadline)

    def stop(self, now: float) -> list[Output]:
        """SIP-92: watchers subscribe anew, elsewhere or later."""
        now = self._clock.time(now)
        self._stopping = True
        self._recalled.clear()
        outputs: list[Output] = []
        for subscription in list(self._subscriptions.values()):
            if subscription.state in (State.ASKED, State.OVER):
                continue
            if not subscription.is_poll:
                outputs += [subscription.forgotten(), subscription.ended()]
            outputs += self._over(subscription, terminated("deactivated"), now)
        return outputs

    # -- memory

    def recall(self, key: str, text: str, now: float) -> list[Output]:
        """See :class:`~iwf.sip.presence.outputs.Machine`."""
        time = self._clock.time(now)
        try:
            subscription = unpacked(key, text)
        except ValueError:
            return [remember(f"{self.memory}:{key}", "", now)]
        subscription.until += time - now
        if subscription.until <= time:
            return [subscription.forgotten(), subscription.ended()]
        self._subscriptions[key] = subscription
        self._recalled.append(subscription)
        self._schedule(subscription)
        return []
