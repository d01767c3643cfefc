"""The grant: who asks to see whom, and what the presentity says to it.

asked --granted--> granted --refused--> refused --ask_again--> forgotten
asked --refused--> refused;  asked --pending_max--> forgotten;  any --unsubscribed--> forgotten
"""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.message import admission
from iwf.mapping.model import (
    Ending,
    Failure,
    Reason,
    Taken,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.phone import may_text
from iwf.mapping.presence.legs import leg_of, up_to_date, with_leg_of_phone
from iwf.mapping.presence.pairs import (
    Pair,
    said_by_presentity,
    said_by_watcher,
    way_to_presentity,
    way_to_watcher,
)
from iwf.mapping.presence.phones import is_phone
from iwf.mapping.presence.publishing import gateway_behind, trunks_told
from iwf.mapping.presence.spelling import spelled
from iwf.mapping.presence.standing import ASKED, GRANTED, REFUSED, Standing, in_state, standing_of, with_leg
from iwf.mapping.presence.telling import (
    is_worth_telling,
    neutral_to,
    state_to_all,
    state_to_leg,
    told_closed,
    told_granted,
    told_refused,
)
from iwf.mapping.presence.upstream import ended, settled, stream_of_pair
from iwf.mapping.rows import Leg, Query, Rows, Subscriber, Watch, query
from iwf.mapping.service.guards import has_opted_out
from iwf.mapping.turn import At, Decision, Turn, refuse

#: PRES-24: a presentity who has refused is left in peace for a while.
_ASKED_NOT_LONG_AGO = Failure(Reason.FORBIDDEN, text="this user does not let you see him",
                              detail="PRES-24: refused not long ago")

_HIMSELF = Failure(Reason.NOT_ALLOWED, text="this phone is your own")
_NOT_SERVED = Failure(Reason.FORBIDDEN, text="this domain is not served here",
                      detail="ADDR-25: the tenant does not serve the watcher's domain")
_NO_PRESENCE = Failure(Reason.NOT_ALLOWED, text="this phone shows no presence",
                       detail="SMSP-7: it never logged in, or SMS-74: it has opted out")

#: PRES-13: what the watcher himself wanted.
_GIVEN_BACK = Failure(Reason.GONE, text="the subscription has ended")


def decide_requested(event: WatchRequested, at: At) -> Decision:
    """A watcher asks to see a presentity."""
    pair = said_by_watcher(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} asks to see {event.target.key}"
    if isinstance(pair, Failure):
        return refuse(pair, note, ("PRES-20",))
    before = yield from standing_of(pair, at)
    asked = yield from requested(before, leg_of(event, pair, at), at, event.origin.name, event.note)
    if isinstance(asked, Failure) and is_phone(pair.presentity) and not pair.told_per_leg:
        # SMSP-7: whose world knows more than yes and no is told so in its own way.
        return Turn(Taken(""), rules=("SMSP-7",), note=f"{note}: no") + told_refused(before, asked, at)
    if isinstance(asked, Failure):
        return refuse(asked, note, ("PRES-24",))
    return (Turn(Taken(""), rules=("PRES-1", "PRES-22"), note=note)
            + spelled(event.origin, pair.watcher, before.watcher_spelling) + asked)


def requested(before: Standing, leg: Leg | None, at: At, name: str = "",
              note: str = "") -> Generator[tuple[Query, ...], Rows, Turn | Failure]:
    """The turn in which a watcher asks to see a presentity, or why he cannot.

    :param leg: the one that begins with it.
    :param name: the watcher's display name, :param note: what he says.
    """
    after = (yield from _open_at_phone(before, at)) if is_phone(before.pair.presentity) else _open(before, at)
    if isinstance(after, Failure):
        return after
    after = with_leg(up_to_date(after), leg) if leg is not None else after
    told = Turn()
    if after.state == GRANTED:  # PRES-12: answered at once
        told = told_granted(after, (leg,) if leg is not None else after.legs, at)
        after, state = state_to_leg(after, leg, at) if leg is not None else state_to_all(after, at)
        told += state
    return settled(before, after, at, name, note) + told


def _open_at_phone(before: Standing, at: At) -> Generator[tuple[Query, ...], Rows, Standing | Failure]:
    """The same where the presentity is a phone, which costs texts to ask (SMSP-5)."""
    watcher, phone, tenant = before.pair.watcher, before.pair.presentity, before.pair.tenant
    if before.state in (ASKED, GRANTED):
        return before  # PRES-12: it has been put, or is answered
    if watcher == phone:
        return _HIMSELF
    if not may_text(watcher, tenant, at.gateway):
        return _NOT_SERVED
    if before.published is None:
        return _NO_PRESENCE
    if (yield from has_opted_out(phone.key, watcher.key, tenant)):
        return _NO_PRESENCE
    after = _open(before, at)
    if isinstance(after, Failure):
        return after
    both = {"phone": phone.key, "tenant": tenant}
    other = {"watcher": phone.key, "presentity": watcher.key, "tenant": tenant}
    rows = yield (query(Subscriber, **both), query(Watch, **other))
    subscriber = rows.one(Subscriber, **both)
    if subscriber is None or not subscriber.registered or rows.one(Watch, **other) is not None:
        # Nothing is to be seen of it, or it wants to see him as well: it need not be asked.
        return in_state(after, GRANTED, at)
    return after


def _open(before: Standing, at: At) -> Standing | Failure:
    """How things stand once the question is put, or why it cannot be."""
    watch, pair = before.watch, before.pair
    if watch is not None and watch.state != REFUSED:
        return before  # PRES-12, PRES-25: it has been put, or is answered
    if watch is not None and watch.due is not None and at.now < watch.due:
        return evolve(_ASKED_NOT_LONG_AGO, retry_after=watch.due - at.now)
    up, down = way_to_presentity(pair, at.gateway), way_to_watcher(pair, at.gateway)
    if isinstance(up, Failure):
        return up
    if isinstance(down, Failure):
        return down
    seen_by_all = before.is_seen_by_all(at.gateway)
    full = None if seen_by_all else admission(up.lane, stream_of_pair(pair), at)
    if full is not None:
        return full
    new = Watch(pair.watcher.key, pair.presentity.key, pair.tenant,
                GRANTED if seen_by_all else ASKED, at.now, down.lane, up.lane, False)
    return evolve(before, watch=new)


def decide_acquainted(event: WatchRequested | WatchRenewed | WatchFetched | WatchEnded, at: At) -> Decision:
    """A user has to do with the gateway itself.  Where his state is to be published, who wants to
    see the gateway is asked whether it may see him (PUB-1); the rest is his edge's business."""
    behind = gateway_behind(event.origin, event.target, at.gateway)
    yes = Turn(Taken(""), rules=("PUB-1",))
    if isinstance(behind, Failure) or not trunks_told(behind[2], at.gateway):
        return yes
    owner, watcher, tenant = behind
    before = yield from standing_of(Pair(watcher, owner, tenant), at)
    if isinstance(event, WatchRequested):
        after = _open(before, at)
        return yes if isinstance(after, Failure) else yes + settled(before, after, at)
    if isinstance(event, WatchEnded) and event.forever and before.watch is not None:
        return yes + settled(before, evolve(before, watch=None), at) + told_refused(before, _GIVEN_BACK, at)
    return yes


def decide_granted(event: WatchGranted, at: At) -> Decision:
    """The presentity lets a watcher see him."""
    pair = said_by_presentity(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} may be seen by {event.target.key}"
    if isinstance(pair, Failure):
        return refuse(pair, note)
    before = yield from standing_of(pair, at)
    new = spelled(event.origin, pair.presentity, before.presentity_spelling)
    if before.state == GRANTED:  # said again
        return Turn(Taken(""), note=note) + new
    if not before.state:
        # Nobody wants it (any more); his side must not go on telling us for ever.
        return Turn(Taken(""), sends=ended(before, at, forever=True), note=f"{note}, who has not asked")
    after = (yield from with_leg_of_phone(before)) if is_phone(pair.watcher) else before
    turn = granted(before, after, at)
    if before.state == REFUSED and not after.legs:
        # He was asked twice, and his last word counts; nobody looks any more.
        turn += Turn(sends=ended(before, at))
    return Turn(Taken(""), rules=("PRES-5", "PRES-23"), note=note) + turn + new


def granted(before: Standing, after: Standing, at: At) -> Turn:
    """The turn in which a question is answered by yes."""
    after = in_state(after, GRANTED, at)
    told = told_granted(after, after.legs, at)
    if is_worth_telling(after.document):
        after, state = state_to_all(after, at)
        told += state
    return settled(before, after, at) + told


def decide_refused(event: WatchRefused, at: At) -> Decision:
    """The presentity does not let a watcher see him, or no longer."""
    pair = said_by_presentity(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} must not be seen by {event.target.key}: {event.failure.reason.value}"
    if isinstance(pair, Failure):
        return refuse(pair, note)
    before = yield from standing_of(pair, at)
    if event.legs:  # the answer to a fetch, and to nothing else
        return Turn(Taken(""), note=note) + _fetches_refused(before, event.legs, at)
    if before.state not in (ASKED, GRANTED):
        return Turn(Taken(""), note=note)
    return Turn(Taken(""), rules=("PRES-8", "PRES-24"), note=note) + refused(before, event.failure, at)


def refused(before: Standing, failure: Failure, at: At) -> Turn:
    """The turn in which a grant is taken back, or a question answered by no."""
    after = in_state(before, REFUSED, at)
    assert after.watch is not None
    after = evolve(after, watch=evolve(after.watch, failure=failure), legs=())
    return settled(before, after, at) + told_refused(before, failure, at)


def _fetches_refused(before: Standing, legs: tuple[str, ...], at: At) -> Turn:
    """PRES-28: who only fetched is shown nothing, politely."""
    answered = [fetch for fetch in before.view.fetches if fetch.leg in legs]
    left = tuple(fetch for fetch in before.view.fetches if fetch.leg not in legs)
    turn = settled(before, evolve(before, view=evolve(before.view, fetches=left)), at)
    for number, fetch in enumerate(answered):
        turn += neutral_to(fetch.leg, fetch.lane, before, evolve(at, token=f"{at.token}.{number}"))
    return turn


def decide_given_back(event: WatchEnded, at: At) -> Decision:
    """PRES-13: the watcher does not want to see the presentity any more, and is told so once."""
    pair = said_by_watcher(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} gives up seeing {event.target.key}"
    if isinstance(pair, Failure):
        return refuse(pair, note)
    before = yield from standing_of(pair, at)
    if before.watch is None:
        return Turn(Taken(""), note=note)
    turn = settled(before, evolve(before, watch=None, legs=()), at)
    return Turn(Taken(""), rules=("PRES-13",), note=note) + turn + told_refused(before, _GIVEN_BACK, at)


def given_up(before: Standing, at: At) -> Turn:
    """PRES-25: nobody has answered for too long."""
    after = evolve(before, watch=None, legs=())
    return (Turn(rules=("PRES-25",), note=f"{before.pair.presentity.key} never answered")
            + settled(before, after, at) + told_closed(before, Ending.GIVE_UP, at))
