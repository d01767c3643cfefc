"""Who watches a SIP user: told to himself, if he wants to know (RFC 3857).

XMPP users need none of it: their servers ask them.  A SIP user whose presence agent the gateway is
(PUB-5) learns here that somebody asks to see him, and says yes by wanting to see him too
(:mod:`iwf.mapping.presence.mutual`).

Who wants to know has a leg of the pair of himself with himself, which is no watch of anything else:
nobody is bridged to himself.  A watcher is listed as long as he may see the user, and not only while
he looks: when XMPP users come and go is theirs to tell.
"""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.address import canonical
from iwf.mapping.model import (
    SIP,
    Address,
    Failure,
    Item,
    Party,
    Taken,
    Watcher,
    Watchers,
    WatchersRequested,
    address_of_key,
)
from iwf.mapping.presence.legs import LATE
from iwf.mapping.presence.pairs import pair_of_row, way_to_presentity
from iwf.mapping.presence.standing import ASKED, GRANTED
from iwf.mapping.route import may_speak
from iwf.mapping.rows import Leg, Query, Rows, Watch, query
from iwf.mapping.turn import At, Decision, Turn, as_written, refuse

#: Watchers that one document lists; who has more is told of those who ask, and of some others.
MOST_WATCHERS = 200

_Telling = Generator[tuple[Query, ...], Rows, Turn]


def decide_watchers_requested(event: WatchersRequested, at: At) -> Decision:
    """A user wants to know who watches him."""
    tenant = at.gateway.directory.tenant_of(event.origin.asserted_by) or ""
    owner = canonical(event.origin.address, at.gateway).bare()
    note = f"{owner.key} looks who watches him"
    failure = may_speak(event.origin, at.gateway, tenant)
    if failure is not None:
        return refuse(failure, note)
    lane = event.lane or event.origin.asserted_by
    yes = Turn(Taken(""), note=note)
    leg = Leg(event.leg, owner.key, owner.key, tenant, lane,
              due=None if event.until is None else event.until + LATE)
    if event.until is None:
        rows = yield (query(Watch, presentity=owner.key),)
        return yes + _told(owner, (leg,), rows, tenant, at, f" {leg.id}")
    yes += Turn(puts=(leg,))
    return yes + (yield from as_written(yes, _told_to_all(owner, tenant, at)))


def with_watchers_told(decision: Decision, at: At) -> Decision:
    """A decision, after which the users who are watched otherwise than before are told, if they want
    to know."""
    turn = yield from decision
    seen = dict.fromkeys((row.presentity, row.tenant) for row in (*turn.puts, *turn.drops)
                         if isinstance(row, Watch))
    for number, (key, tenant) in enumerate(seen):
        owner = address_of_key(key)
        if owner.scheme == SIP:
            step = evolve(at, token=f"{at.token}.w{number}")
            turn += yield from as_written(turn, _told_to_all(owner, tenant, step))
    return turn


def _told_to_all(owner: Address, tenant: str, at: At) -> _Telling:
    """Tell a user wherever he wants to know; what he knows already his edge does not tell again."""
    key = {"watcher": owner.key, "presentity": owner.key, "tenant": tenant}
    rows = yield (query(Leg, **key),)
    legs = rows.all(Leg, **key)
    if not legs:
        return Turn()
    rows = yield (query(Watch, presentity=owner.key),)
    turn = Turn()
    for number, lane in enumerate(dict.fromkeys(leg.lane for leg in legs)):
        here = tuple(leg for leg in legs if leg.lane == lane)
        turn += _told(owner, here, rows, tenant, evolve(at, token=f"{at.token}.{number}"))
    return turn


def _told(owner: Address, legs: tuple[Leg, ...], rows: Rows, tenant: str, at: At, stream: str = "") -> Turn:
    watches = [watch for watch in rows.all(Watch, presentity=owner.key)
               if watch.tenant == tenant and watch.state in (ASKED, GRANTED)]
    watches.sort(key=lambda watch: (watch.state, watch.watcher))  # who asks comes first
    watchers = tuple(watcher for watch in watches[:MOST_WATCHERS]
                     if (watcher := _watcher(watch, at)) is not None)
    told = Watchers(Party(owner), owner, watchers, tuple(leg.id for leg in legs))
    return Turn(latest=(Item(f"{at.token}.watchers", legs[0].lane, f"watchers {owner.key}{stream}", told, "",
                             at.now),))


def _watcher(watch: Watch, at: At) -> Watcher | None:
    way = way_to_presentity(pair_of_row(watch), at.gateway)
    if isinstance(way, Failure):
        return None  # the configuration knows his way no more
    return Watcher(way.seen_as.bare(), watch.state == GRANTED)
