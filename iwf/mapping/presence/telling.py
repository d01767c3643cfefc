"""What a watcher is told, and of what he has been told (PRES-32, 33, 35).

A SIP watcher has a dialog for each leg, and each gets the whole document.  An XMPP watcher is told
once, device by device, and has to be told which of those he knows are gone.
"""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import (
    Device,
    Ending,
    Failure,
    Item,
    Party,
    Payload,
    Presence,
    Published,
    WatchClosed,
    WatchGranted,
    WatchRefused,
)
from iwf.mapping.presence.pairs import way_to_watcher
from iwf.mapping.presence.phones import is_phone
from iwf.mapping.presence.standing import GRANTED, Standing
from iwf.mapping.presence.upstream import stream_of_pair
from iwf.mapping.presence.views import open_instances
from iwf.mapping.rows import Fetch, Leg, View
from iwf.mapping.turn import At, Turn
from iwf.mapping.way import Way

Told = tuple[Standing, Turn]

#: What is said where no reason is known (draft 4.3).
_NO_STATE = "the state of this user is not known at the moment"

#: PRES-28: for those who may not know, a document that says nothing.
_CLOSED = (Device(open=False),)


# --- the state --------------------------------------------------------------------------------

def is_worth_telling(view: View) -> bool:
    """Whether there is anything to say: something known, or that nothing can be known.  A state
    that has only not come yet is waited for (PRES-5)."""
    return view.known or (view.broken is not None and view.doubt is None)


def state_to_all(standing: Standing, at: At) -> Told:
    """Tell everybody of this watcher the present state."""
    way = way_to_watcher(standing.pair, at.gateway)
    if standing.state != GRANTED or not standing.legs or isinstance(way, Failure):
        return standing, Turn()
    if standing.pair.is_publication:
        return standing, _publications(standing, way, at)
    if standing.pair.told_per_leg:
        state = _state(standing, way)
        return standing, _to_legs(standing.legs, state, "s", at, standing, latest=True)
    if is_phone(standing.pair.watcher):
        return _to_phone(standing, way, at)
    return _by_device(standing, way, None, at)


def state_to_leg(standing: Standing, leg: Leg, at: At) -> Told:
    """Tell one leg the present state, if there is one to tell."""
    way = way_to_watcher(standing.pair, at.gateway)
    if (standing.state != GRANTED or not is_worth_telling(standing.document)
            or isinstance(way, Failure)):
        return standing, Turn()
    if standing.pair.told_per_leg:
        return standing, _to_legs((leg,), _state(standing, way), "s", at, standing, latest=True)
    if is_phone(standing.pair.watcher):
        return _to_phone(standing, way, at)
    return _by_device(standing, way, leg, at)


def _to_phone(standing: Standing, way: Way, at: At) -> Told:
    """SMSP-3: a phone is told one thing, that somebody has become available, and not again because
    we have been started again or a connector was away."""
    watch, view = standing.watch, standing.view
    assert watch is not None
    here = open_instances(standing.document.devices)
    shown = (*here, *(name for name in watch.shown if name in view.unconfirmed and name not in here))
    told = evolve(standing, watch=evolve(watch, shown=shown))
    if watch.shown or not here:
        return told, Turn()
    return told, Turn(latest=(_item(way.lane, _state(standing, way), "s", at, standing),))


def _by_device(standing: Standing, way: Way, leg: Leg | None, at: At) -> Told:
    """PRES-35: devices that were shown and are open no more are told as gone, once."""
    watch, view = standing.watch, standing.view
    assert watch is not None
    here = open_instances(standing.document.devices)
    settled = {*here, *view.ending, *view.unconfirmed}
    gone = tuple(name for name in watch.shown if name not in settled)
    state = _state(standing, way, gone)
    if leg is not None and not gone:
        state = evolve(state, target=evolve(way.target, instance=leg.instance), legs=(leg.id,))
    item = _item(way.lane, state, "s", at, standing)
    ending = tuple(name for name in (*view.ending, *gone) if name not in here)
    shown = tuple(dict.fromkeys((*watch.shown, *here)))
    told = evolve(standing, watch=evolve(watch, shown=shown),
                  view=evolve(view, ending=ending))
    return told, Turn(latest=(item,))


def _state(standing: Standing, way: Way, gone: tuple[str, ...] = ()) -> Presence:
    document = standing.document
    notice = "" if document.known else _notice(document)
    return Presence(Party(way.seen_as), way.target, document.devices, document.aspects, gone=gone,
                    known=document.known, notice=notice, target_spelling=standing.watcher_spelling)


def _notice(document: View) -> str:
    if document.broken is None:
        return ""
    return document.broken.text or _NO_STATE


def neutral_to(leg: str, lane: str, standing: Standing, at: At) -> Turn:
    """PRES-28: what a fetch shows to those who may not see (polite blocking)."""
    way = way_to_watcher(standing.pair, at.gateway)
    if isinstance(way, Failure):
        return Turn()
    state = Presence(Party(way.seen_as), way.target, _CLOSED, legs=(leg,), known=False,
                     target_spelling=standing.watcher_spelling)
    return Turn(latest=(_item(lane or way.lane, state, "n", at, standing),), rules=("PRES-28",))


def state_to_fetches(standing: Standing, fetches: tuple[Fetch, ...], at: At) -> Turn:
    """Answer those who asked once."""
    way = way_to_watcher(standing.pair, at.gateway)
    if isinstance(way, Failure):
        return Turn()
    legs = tuple(Leg(fetch.leg, "", "", "", fetch.lane or way.lane) for fetch in fetches)
    return _to_legs(legs, _state(standing, way), "f", at, standing, latest=True)


def _publications(standing: Standing, way: Way, at: At) -> Turn:
    """PUB-1: the state of a user, to the address by which he is seen there."""
    document = standing.document
    payload = Published(Party(way.seen_as), way.seen_as, document.devices, document.aspects)
    return Turn(latest=tuple(_item(leg.lane, payload, f"s{number}", at, standing)
                             for number, leg in enumerate(standing.legs)), rules=("PUB-1",))


# --- the grant --------------------------------------------------------------------------------

def told_granted(standing: Standing, legs: tuple[Leg, ...], at: At) -> Turn:
    """The watcher is let in: told once, or at each of these legs (PRES-5, PRES-23)."""
    way = way_to_watcher(standing.pair, at.gateway)
    if isinstance(way, Failure) or standing.pair.is_publication:
        return Turn()
    granted = WatchGranted(Party(way.seen_as), way.target, tuple(leg.id for leg in legs),
                           target_spelling=standing.watcher_spelling)
    if standing.pair.told_per_leg:
        return _to_legs(legs, granted, "g", at, standing)
    return Turn(sends=(_item(way.lane, granted, "g", at, standing),))


def told_refused(standing: Standing, failure: Failure, at: At) -> Turn:
    """The watcher sees nothing any more, and his legs end (PRES-8, PRES-13, PRES-24).

    :param standing: how things stood before.
    """
    way = way_to_watcher(standing.pair, at.gateway)
    if isinstance(way, Failure):
        return Turn()
    if standing.pair.is_publication:
        return _publications(evolve(standing, view=_nothing_of(standing), published=None), way, at)
    legs = tuple(leg.id for leg in standing.legs)
    shown = standing.watch.shown if standing.watch is not None else ()
    refused = WatchRefused(Party(way.seen_as), way.target, failure, legs,
                           gone=tuple(name for name in shown if name not in standing.view.ending),
                           target_spelling=standing.watcher_spelling)
    if standing.pair.told_per_leg:
        told = _to_legs(standing.legs, refused, "r", at, standing)
    else:
        told = Turn(sends=(_item(way.lane, refused, "r", at, standing),))
    return told + taken_back(standing, at)


def told_broken(standing: Standing, failure: Failure, at: At) -> Turn:
    """PRES-16: the question could not be put yet; only who is told once is told of it, since a
    dialog simply stays pending."""
    way = way_to_watcher(standing.pair, at.gateway)
    if isinstance(way, Failure) or standing.pair.told_per_leg:
        return Turn()
    refused = WatchRefused(Party(way.seen_as), way.target, evolve(failure, permanent=False),
                           target_spelling=standing.watcher_spelling)
    return Turn(sends=(_item(way.lane, refused, "r", at, standing),), rules=("PRES-16",))


def told_closed(standing: Standing, ending: Ending, at: At) -> Turn:
    """Legs end for another reason than a refusal."""
    way = way_to_watcher(standing.pair, at.gateway)
    if isinstance(way, Failure):
        return Turn()
    legs = tuple(leg.id for leg in standing.legs)
    closed = WatchClosed(Party(way.seen_as), way.target, legs, ending,
                         target_spelling=standing.watcher_spelling)
    return _to_legs(standing.legs, closed, "c", at, standing)


def taken_back(standing: Standing, at: At) -> Turn:
    """An empty state in place of one that may still wait to leave, be it the answer to a fetch."""
    way = way_to_watcher(standing.pair, at.gateway)
    has_ended = not standing.legs and not standing.pair.told_per_leg  # and was taken back then
    if standing.state != GRANTED or has_ended or isinstance(way, Failure):
        return Turn()
    state = _state(evolve(standing, view=_nothing_of(standing), published=None), way)
    if standing.pair.told_per_leg and standing.legs:
        return _to_legs(standing.legs, state, "s", at, standing, latest=True)
    return Turn(latest=(_item(way.lane, state, "s", at, standing),))


def told_gone(standing: Standing, at: At) -> Turn:
    """Nobody keeps up to date any more what is told device by device, so nothing of it is to stay."""
    way = way_to_watcher(standing.pair, at.gateway)
    shown = standing.watch.shown if standing.watch is not None else ()
    if standing.state != GRANTED or standing.pair.told_per_leg or not shown or isinstance(way, Failure):
        return Turn()
    state = Presence(Party(way.seen_as), way.target, gone=shown, target_spelling=standing.watcher_spelling)
    return Turn(latest=(_item(way.lane, state, "g", at, standing),))


def _nothing_of(standing: Standing) -> View:
    return View(standing.view.watcher, standing.view.presentity, standing.view.tenant)


# --- items ------------------------------------------------------------------------------------

_PerLeg = Presence | WatchGranted | WatchRefused | WatchClosed


def _to_legs(legs: tuple[Leg, ...], payload: _PerLeg, name: str, at: At, standing: Standing,
             latest: bool = False) -> Turn:
    """The same for several legs: an item for each of their connectors."""
    by_lane: dict[str, tuple[str, ...]] = {}
    for leg in legs:
        by_lane[leg.lane] = (*by_lane.get(leg.lane, ()), leg.id)
    items = tuple(_item(lane, evolve(payload, legs=ids), f"{name}{number}", at, standing)
                  for number, (lane, ids) in enumerate(by_lane.items()))
    return Turn(latest=items) if latest else Turn(sends=items)


def _item(lane: str, payload: Payload, name: str, at: At, standing: Standing) -> Item:
    stream = stream_of_pair(standing.pair)
    if isinstance(payload, Presence) and standing.pair.told_per_leg:
        # A dialog has its own order.  Beside the grant, not behind its answer, the state makes it
        # into the first document that the watcher is sent (PRES-21).
        stream += " state"
    return Item(f"{at.token}.{name}", lane, stream, payload, "", at.now,
                expires_at=None if isinstance(payload, Presence | Published)
                else at.now + at.gateway.patience.delivery)
