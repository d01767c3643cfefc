"""Looking again: a deadline has come, or a connector has changed."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import Due, Failure, Reason, Revisited
from iwf.mapping.presence.grants import given_up
from iwf.mapping.presence.legs import left
from iwf.mapping.presence.pairs import pair_of_row
from iwf.mapping.presence.standing import ASKED, GRANTED, REFUSED, Standing, standing_of
from iwf.mapping.presence.telling import Told, is_worth_telling, state_to_all, told_broken
from iwf.mapping.presence.upstream import asked, gives_up, settled
from iwf.mapping.presence.views import asked_anew, broken, in_doubt_no_more
from iwf.mapping.rows import Leg, Watch, query
from iwf.mapping.turn import At, Decision, LaneView, Turn

_AWAY = Failure(Reason.UNREACHABLE, permanent=False,
                text="the server of this user is not connected at the moment")


# --- deadlines --------------------------------------------------------------------------------

def decide_leg_due(due: Due, at: At) -> Decision:
    """A leg has ended although its edge has not said so."""
    rows = yield (query(Leg, id=due.key),)
    leg = rows.one(Leg, id=due.key)
    if leg is None or leg.due is None or at.now < leg.due:
        return Turn()
    return Turn(note=f"{leg.watcher} stopped looking at {leg.presentity}") + (yield from left(leg, at))


def decide_watch_due(due: Due, at: At) -> Decision:
    """The time of a watch has come: to give up, to forget, or to doubt no more."""
    watcher, presentity, tenant = due.key.split("\n")
    key = {"watcher": watcher, "presentity": presentity, "tenant": tenant}
    rows = yield (query(Watch, **key),)
    watch = rows.one(Watch, **key)
    if watch is None or watch.due is None or at.now < watch.due:
        return Turn()
    before = yield from standing_of(pair_of_row(watch), at)
    if watch.state == REFUSED:  # PRES-24: from now on he may be asked again
        return settled(before, evolve(before, watch=None), at)
    if (watch.state == ASKED and gives_up(before.pair)
            and at.now >= watch.changed + at.gateway.patience.pending_max):
        return given_up(before, at)
    return _doubts_over(before, at)


def _doubts_over(before: Standing, at: At) -> Turn:
    """PRES-8, PRES-16, draft 4.3: it has lasted, so it is told."""
    if before.view.doubt is None or at.now < before.view.doubt:
        return settled(before, before, at)  # a document of before a restart
    failure = before.view.broken
    after = evolve(before, view=in_doubt_no_more(before.view))
    told = Turn()
    if after.state == ASKED and failure is not None:
        told = told_broken(after, failure, at)
    elif after.state == GRANTED and (not after.view.known or before.view.unconfirmed):
        after, told = state_to_all(after, at)
    return Turn(rules=("PRES-8",)) + settled(before, after, at) + told


# --- connectors -------------------------------------------------------------------------------

def decide_revisited(event: Revisited, at: At) -> Decision:
    """A connector of a pair has come up or gone down (PRES-30, draft 4.3)."""
    key = {"watcher": event.watcher, "presentity": event.presentity, "tenant": event.tenant}
    rows = yield (query(Watch, **key),)
    watch = rows.one(Watch, **key)
    if watch is None:
        return Turn()
    before = yield from standing_of(pair_of_row(watch), at)
    after, turn = before, Turn()
    lane = at.lanes.get(watch.presentity_lane, LaneView())
    if before.asking and not lane.up:
        after = _lost(before, lane, at)
    elif before.asking and before.view.asked_over != lane.changed:
        after, turn = _found(before, lane, at)
    lane = at.lanes.get(watch.watcher_lane, LaneView())
    if after.legs and lane.up and after.view.told_over != lane.changed:
        after = evolve(after, view=evolve(after.view, told_over=lane.changed))
        if is_worth_telling(after.document):
            after, told = state_to_all(after, at)
            turn += told
    return Turn(rules=("PRES-30",)) + settled(before, after, at) + turn


def _lost(standing: Standing, lane: LaneView, at: At) -> Standing:
    """The presentity's connector is down: no news can come."""
    patience = at.gateway.patience
    wait = patience.presence_grace if standing.state == GRANTED else patience.question_grace
    return evolve(standing, view=broken(standing.view, _AWAY, lane.changed + wait))


def _found(standing: Standing, lane: LaneView, at: At) -> Told:
    """It is up again, or we are: what may have been missed is asked for anew, be it the state or
    the answer to the question."""
    watch, view = standing.watch, evolve(standing.view, asked_over=lane.changed)
    assert watch is not None
    if standing.state == GRANTED:
        view = asked_anew(view, watch.shown, at.now + at.gateway.patience.presence_grace)
    else:
        view = evolve(view, broken=None, doubt=None)
    return evolve(standing, view=view), Turn(sends=asked(standing, at))
