"""The legs: somebody begins to look, goes on, looks once, looks away."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.model import (
    Failure,
    Reason,
    Taken,
    WatchEnded,
    WatchFetched,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.presence.pairs import Pair, pair_of_row, said_by_watcher
from iwf.mapping.presence.phones import PHONES
from iwf.mapping.presence.spelling import spelled
from iwf.mapping.presence.standing import ASKED, GRANTED, Standing, standing_of, with_leg
from iwf.mapping.presence.telling import (
    neutral_to,
    state_to_fetches,
    state_to_leg,
    taken_back,
    told_granted,
)
from iwf.mapping.presence.upstream import fetched, settled
from iwf.mapping.presence.views import with_fetch, without_document
from iwf.mapping.rows import Fetch, Leg, Query, Rows, Subscriber, query
from iwf.mapping.turn import At, Decision, Turn, refuse

#: Seconds after which a leg has ended although its edge has not said so: the edge goes first.
LATE = 10.0

#: Seconds that somebody may wait for the answer to a fetch.  The edge decides when he waits no
#: longer (``poll_wait``); this is only the most.
FETCH = 10.0

_NO_GRANT = Failure(Reason.SUBSCRIPTION_REQUIRED, text="you have not been allowed to see this user")


def leg_of(event: WatchRequested | WatchRenewed, pair: Pair, at: At) -> Leg | None:
    """The leg that an event names; None when it names none, or one whose time is over."""
    if not event.leg or (event.until is not None and event.until <= at.now):
        return None
    due = None if event.until is None else event.until + LATE
    return Leg(event.leg, pair.watcher.key, pair.presentity.key, pair.tenant,
               event.lane or event.origin.asserted_by, event.origin.address.instance, due)


def leg_of_phone(pair: Pair) -> Leg:
    """What a phone that is logged in looks at somebody with."""
    lane = PHONES + pair.tenant
    return Leg(f"{lane}|{pair.watcher.key}|{pair.presentity.key}", pair.watcher.key, pair.presentity.key,
               pair.tenant, lane)


def with_leg_of_phone(standing: Standing) -> Generator[tuple[Query, ...], Rows, Standing]:
    """The same with the leg of a phone that watches, if it is logged in."""
    pair = standing.pair
    key = {"phone": pair.watcher.key, "tenant": pair.tenant}
    subscriber = (yield (query(Subscriber, **key),)).one(Subscriber, **key)
    if subscriber is None or not subscriber.online:
        return standing
    return with_leg(standing, leg_of_phone(pair))


def decide_renewed(event: WatchRenewed, at: At) -> Decision:
    """A leg goes on, or begins without a question: it is told the present state (PRES-9, PRES-26)."""
    pair = said_by_watcher(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} looks at {event.target.key}"
    if isinstance(pair, Failure):
        return refuse(pair, note, ("PRES-20",))
    before = yield from standing_of(pair, at)
    if before.state not in (ASKED, GRANTED):
        return refuse(_NO_GRANT, note, ("PRES-15",))
    leg = leg_of(event, pair, at)
    after, told = before, Turn()
    if leg is not None:
        after = with_leg(up_to_date(before), leg)
        if after.state == GRANTED:
            # The grant is part of every dialog; an XMPP user's server knows it by itself.
            told = told_granted(after, (leg,), at) if pair.told_per_leg else Turn()
            after, state = state_to_leg(after, leg, at)
            told += state
    return (Turn(Taken(""), rules=("PRES-9", "PRES-26"), note=note) + settled(before, after, at)
            + spelled(event.origin, pair.watcher, before.watcher_spelling) + told)


def decide_fetched(event: WatchFetched, at: At) -> Decision:
    """Somebody wants to see the state once (PRES-15, PRES-28)."""
    pair = said_by_watcher(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} looks once at {event.target.key}"
    if isinstance(pair, Failure):
        return refuse(pair, note, ("PRES-20",))
    before = yield from standing_of(pair, at)
    lane = event.lane or event.origin.asserted_by
    yes = (Turn(Taken(""), rules=("PRES-28",), note=note)
           + spelled(event.origin, pair.watcher, before.watcher_spelling))
    if before.state != GRANTED:
        return yes + neutral_to(event.leg, lane, before, at)
    fetch = Fetch(event.leg, lane, at.now + FETCH)
    current = up_to_date(before)
    if current.document.known:
        return yes + state_to_fetches(current, (fetch,), at)
    after = evolve(current, view=with_fetch(current.view, fetch, at.now))
    return yes + settled(before, after, at) + Turn(sends=fetched(before, event.leg, at))


def up_to_date(standing: Standing) -> Standing:
    """The same without a document that nobody keeps up to date, such as the answer to a fetch."""
    if standing.asking:
        return standing
    return evolve(standing, view=without_document(standing.view))


def decide_left(event: WatchEnded, at: At) -> Decision:
    """A leg is over, or nobody of this watcher looks any more; the permission stays (PRES-10, PRES-27)."""
    note = f"{event.origin.address.key} looks away from {event.target.key}"
    if not event.leg:
        pair = said_by_watcher(event.origin, event.target, at.gateway)
        if isinstance(pair, Failure):
            return refuse(pair, note)
        before = yield from standing_of(pair, at)
        return Turn(Taken(""), rules=("PRES-10",), note=note) + left_with(before, (), at)
    # By its id, since a leg has to end even where the configuration knows its way no more.
    rows = yield (query(Leg, id=event.leg),)
    leg = rows.one(Leg, id=event.leg)
    if leg is None:
        return Turn(Taken(""), note=note)
    return Turn(Taken(""), rules=("PRES-27",), note=note) + (yield from left(leg, at))


def left(leg: Leg, at: At) -> Decision:
    """The turn in which a leg ends."""
    before = yield from standing_of(pair_of_row(leg), at)
    return left_with(before, _remaining(before, leg), at)


def left_with(before: Standing, legs: tuple[Leg, ...], at: At) -> Turn:
    """The turn after which only these legs are left.  When nobody looks, a state that still waits to
    leave must not be told to who looks next: it is old by then.  (A leg with a name of its own can
    be told nothing when it is over.)"""
    ends = bool(before.legs) and not legs and not before.pair.told_per_leg
    unsaid = taken_back(before, at) if ends else Turn()
    return settled(before, evolve(before, legs=legs), at) + unsaid


def _remaining(standing: Standing, ended: Leg) -> tuple[Leg, ...]:
    """The legs without one.  An XMPP leg without a device's name stands for a user whose devices were
    not known; when the last that is known has left, nobody is there (PRES-10)."""
    others = tuple(leg for leg in standing.legs if leg.id != ended.id)
    if standing.pair.told_per_leg or not ended.instance or any(leg.instance for leg in others):
        return others
    return ()
