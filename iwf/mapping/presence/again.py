"""Looking again: a deadline has come, or a connector has changed."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.model import Due, Failure, Reason, Revisited
from iwf.mapping.presence.grants import given_up, refused
from iwf.mapping.presence.legs import left
from iwf.mapping.presence.pairs import Pair, pair_of_row
from iwf.mapping.presence.phones import is_phone
from iwf.mapping.presence.standing import ASKED, GRANTED, REFUSED, Standing, standing_of
from iwf.mapping.presence.telling import Told, is_worth_telling, state_to_all, told_broken, told_gone
from iwf.mapping.presence.upstream import asked, gives_up, settled
from iwf.mapping.presence.views import asked_anew, broken, in_doubt_no_more
from iwf.mapping.rows import Leg, Query, Rows, Watch, query
from iwf.mapping.service.letters import question_to
from iwf.mapping.turn import At, Decision, LaneView, Turn, as_written

_AWAY = Failure(Reason.UNREACHABLE, permanent=False,
                text="the server of this user is not connected at the moment")

_NO_ANSWER = Failure(Reason.FORBIDDEN, text="this phone has not answered the question whether you may see it")

#: PRES-11: seconds after which it is asked again whether a silent watcher is known to be there.
SILENCE = 7 * 86_400.0


# --- deadlines --------------------------------------------------------------------------------

def decide_leg_due(due: Due, at: At) -> Decision:
    """A leg has ended although its edge has not said so."""
    rows = yield (query(Leg, id=due.key),)
    leg = rows.one(Leg, id=due.key)
    if leg is None or leg.due is None or at.now < leg.due:
        return Turn()
    before = yield from standing_of(pair_of_row(leg), at)
    if not before.pair.told_per_leg and (yield from _tells_when_he_goes(before.pair)):
        return Turn(puts=(evolve(leg, due=at.now + SILENCE),))
    turn = Turn(note=f"{leg.watcher} stopped looking at {leg.presentity}") + (yield from left(leg, at))
    if len(before.legs) > 1:
        return turn
    return turn + told_gone(before, at)  # PRES-11: he may still be there, and is not to see a ghost


def _tells_when_he_goes(pair: Pair) -> Generator[tuple[Query, ...], Rows, bool]:
    """Whether the watcher lets himself be seen by the other, so that his server tells us when he has
    gone (RFC 6121 4.5.2): then silence means that he is still there."""
    key = {"watcher": pair.presentity.key, "presentity": pair.watcher.key, "tenant": pair.tenant}
    rows = yield (query(Watch, **key),)
    back = rows.one(Watch, **key)
    return back is not None and back.state == GRANTED


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
    if (watch.state == ASKED and is_phone(before.pair.presentity)
            and at.now >= watch.changed + at.gateway.service.yes_window):
        turn = Turn(rules=("SMSP-5",)) + refused(before, _NO_ANSWER, at)
        return turn.then((yield from as_written(turn, question_to(before.pair.presentity, tenant, at))))
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
    elif before.asking and (event.missed or before.view.asked_over != lane.changed):
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
