"""What the presentity's side is asked, and what is written.

The rule of the house: the presentity is asked *exactly while* a leg is alive or the question for
his permission is open; every change of that is one durable item to his connector.  It is worked
out here from how things stood and how they stand, so that no decision can forget it.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from iwf.mapping.model import (
    Failure,
    Item,
    Party,
    WatchEnded,
    WatchFetched,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.presence.pairs import Pair, way_to_presentity, way_to_watcher
from iwf.mapping.presence.phones import is_phone
from iwf.mapping.presence.standing import ASKED, GRANTED, REFUSED, Standing
from iwf.mapping.presence.views import is_fetching, without_document
from iwf.mapping.rows import Row, View, Watch
from iwf.mapping.turn import At, Turn


def settled(before: Standing, after: Standing, at: At, name: str = "", note: str = "") -> Turn:
    """The turn of a step: rows that changed, and the item to the presentity if one is needed.

    :param name: the watcher's display name, :param note: what he says, where a question goes out.
    """
    after = _tidied(before, after, at)
    items = _asked(before, after, at, name, note)
    puts: list[Row] = []
    drops: list[Row] = []
    if not after.pair.is_publication:  # whose legs are configuration
        alive = {leg.id for leg in after.legs}
        puts += [leg for leg in after.legs if leg not in before.legs]
        drops += [leg for leg in before.legs if leg.id not in alive]
    if after.watch is None and before.watch is not None:
        drops.append(before.watch)
    elif after.watch is not None and after.watch != before.watch:
        puts.append(after.watch)
    if after.view != before.view:
        empty = after.view == View(after.view.watcher, after.view.presentity, after.view.tenant)
        (drops if empty else puts).append(after.view)
    return Turn(puts=tuple(puts), drops=tuple(drops), sends=items)


def is_needed(standing: Standing) -> bool:
    """Whether the presentity's side has to keep us up to date."""
    if standing.state == ASKED:
        # PUB-5: whose presence agent we are is asked by us (iwf/mapping/presence/mutual.py).
        return standing.published is None or is_phone(standing.pair.presentity)
    # PUB-5: what he publishes is used in place of asking him.
    return standing.state == GRANTED and bool(standing.legs) and standing.published is None


def _tidied(before: Standing, after: Standing, at: At) -> Standing:
    """What follows from a new state: whether we ask, what is still known, when to look again."""
    asking = is_needed(after)
    view = after.view
    if not asking and not is_fetching(view, at.now):
        view = without_document(evolve(view, fetches=()))
    if not after.legs:
        view = evolve(view, ending=(), told_over=None)
    if after.watch is None:
        return evolve(after, view=view)
    watch = evolve(after.watch, asking=asking, due=_due(evolve(after, view=view), at),
                   shown=after.watch.shown if after.legs else ())
    if asking and not before.asking:
        watch = _with_lanes(watch, after.pair, at)
        view = evolve(view, asked_over=_changed_at(watch.presentity_lane, at),
                      told_over=_changed_at(watch.watcher_lane, at))
    return evolve(after, watch=watch, view=view)


def _due(standing: Standing, at: At) -> float | None:
    """When a watch has to be looked at again."""
    watch, patience = standing.watch, at.gateway.patience
    assert watch is not None
    if watch.state == REFUSED:
        return watch.changed + patience.ask_again  # PRES-24
    times = [standing.view.doubt] if standing.view.doubt is not None else []
    if watch.state == ASKED and gives_up(standing.pair):
        times.append(watch.changed + patience.pending_max)  # PRES-25
    if watch.state == ASKED and is_phone(standing.pair.presentity):
        times.append(watch.changed + at.gateway.service.yes_window)  # SMSP-5
    return min(times, default=None)


def gives_up(pair: Pair) -> bool:
    """Whether a question is given up in time.  An XMPP user has asked until he is answered
    (RFC 6121 3.1); a SIP watcher wants an answer to his dialog (PRES-25)."""
    return pair.told_per_leg and not pair.is_publication


def _with_lanes(watch: Watch, pair: Pair, at: At) -> Watch:
    """A watch with the connectors of today's configuration, by which it is found again."""
    up, down = way_to_presentity(pair, at.gateway), way_to_watcher(pair, at.gateway)
    return evolve(watch,
                  presentity_lane=watch.presentity_lane if isinstance(up, Failure) else up.lane,
                  watcher_lane=watch.watcher_lane if isinstance(down, Failure) else down.lane)


def _changed_at(lane: str, at: At) -> float:
    """Since when a connector is up or down."""
    view = at.lanes.get(lane)
    return view.changed if view is not None else 0.0


# --- the item ---------------------------------------------------------------------------------

def _asked(before: Standing, after: Standing, at: At, name: str, note: str) -> tuple[Item, ...]:
    """The one item that a change of our need is worth."""
    if after.watch is None:
        # What was refused, or never asked, needs no end.
        return ended(before, at, forever=True) if before.state in (ASKED, GRANTED) else ()
    if after.watch.asking and not before.asking:
        return asked(after, at, name, note)
    if before.asking and not after.watch.asking and after.state != REFUSED:
        return ended(after, at)
    return ()


def asked(standing: Standing, at: At, name: str = "", note: str = "") -> tuple[Item, ...]:
    """The item that asks for what is needed: the permission, or the present state and every change
    from now on."""
    if standing.state == ASKED:
        return _to_presentity(standing, WatchRequested, at, name, note=note)
    return _to_presentity(standing, WatchRenewed, at)


def ended(standing: Standing, at: At, forever: bool = False) -> tuple[Item, ...]:
    """The item that says that nobody looks any more, or that nobody wants to for ever."""
    return _to_presentity(standing, WatchEnded, at, forever=forever)


def fetched(standing: Standing, leg: str, at: At) -> tuple[Item, ...]:
    """The item that asks for the present state once."""
    return _to_presentity(standing, WatchFetched, at, leg=leg)


def _to_presentity(standing: Standing, kind: type[WatchRequested | WatchRenewed | WatchFetched | WatchEnded],
                   at: At, name: str = "", **fields: Any) -> tuple[Item, ...]:
    """An item for the presentity's connector; none when the configuration knows no way any more."""
    way = way_to_presentity(standing.pair, at.gateway)
    if isinstance(way, Failure):
        return ()
    payload = kind(origin=Party(way.seen_as, name), target=way.target,
                   target_spelling=standing.presentity_spelling, **fields)
    return (Item(f"{at.token}.u", way.lane, stream_of_pair(standing.pair), payload, "", at.now,
                 expires_at=at.now + at.gateway.patience.delivery),)


def stream_of_pair(pair: Pair) -> str:
    """What has to stay in order: what is said of one pair, to one connector."""
    return f"watch {pair.watcher.key} {pair.presentity.key}"
