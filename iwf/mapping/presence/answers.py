"""What became of the items that were sent for presence."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from iwf.mapping.model import (
    Accepted,
    Failure,
    Item,
    Presence,
    Rejected,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.model.presence import Published, WatchNews
from iwf.mapping.presence.documents import became_broken
from iwf.mapping.presence.grants import refused
from iwf.mapping.presence.pairs import pair_of_payload
from iwf.mapping.presence.standing import ASKED, Standing, standing_of
from iwf.mapping.presence.telling import is_worth_telling, state_to_all
from iwf.mapping.presence.upstream import settled
from iwf.mapping.presence.views import open_instances
from iwf.mapping.rows import Query, Rows
from iwf.mapping.turn import At, Decision, Turn

#: Waits between attempts double from the first to the second of these, in seconds.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0


def decide_state_accepted(event: Accepted, at: At) -> Decision:
    """A peer has taken a state: what it ended need not be ended again (PRES-35)."""
    item = event.item
    done = Turn(done=(item,))
    if not isinstance(item.payload, Presence) or not item.payload.gone:
        return done
    pair = pair_of_payload(item.payload, at.gateway)
    if isinstance(pair, Failure):
        return done
    before = yield from standing_of(pair, at)
    if before.watch is None:
        return done
    back = open_instances(before.document.devices)
    gone = tuple(name for name in item.payload.gone if name not in back)
    watch = evolve(before.watch, shown=_without(before.watch.shown, gone))
    view = evolve(before.view, ending=_without(before.view.ending, gone))
    return done + settled(before, evolve(before, watch=watch, view=view), at)


def _without(names: tuple[str, ...], some: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in some)


def decide_state_rejected(event: Rejected, at: At) -> Decision:
    """A peer has not taken a state: not that one is tried again but the one of now."""
    item, payload = event.item, event.item.payload
    done = Turn(done=(item,), note=f"{item.id} not taken by {item.lane}: {event.failure.reason.value}")
    standing = yield from _standing_of_item(item, at)
    if standing is None:
        return done
    gone = payload.gone if isinstance(payload, Presence) else ()
    before = standing
    after = evolve(before, view=evolve(before.view, ending=_without(before.view.ending, gone)))
    told = Turn()
    if event.retry and is_worth_telling(after.document):
        after, told = state_to_all(after, at)
        wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(item.attempts, 10))
        told = Turn(latest=tuple(evolve(other, attempts=item.attempts + 1, not_before=at.now + wait)
                                 for other in told.latest if other.lane == item.lane))
    return done + settled(before, after, at) + told


def decide_undelivered(item: Item, failure: Failure, at: At) -> Decision:
    """Something else of presence could not be handed over, for good.  Whoever asked is told; all
    else is dropped, since a later state or question says it again."""
    done = Turn(done=(item,), note=f"{item.id} not taken by {item.lane}: {failure.reason.value}"
                                   + (f" ({failure.detail})" if failure.detail else ""))
    standing = yield from _standing_of_item(item, at)
    if standing is None:
        return done
    if isinstance(item.payload, WatchRequested) and standing.state == ASKED:
        return done + refused(standing, failure, at)
    if isinstance(item.payload, WatchRenewed):
        return done + became_broken(standing, failure, at)
    return done


def _standing_of_item(item: Item, at: At) -> Generator[tuple[Query, ...], Rows, Standing | None]:
    assert isinstance(item.payload, WatchNews | Presence | Published)
    pair = pair_of_payload(item.payload, at.gateway)
    if isinstance(pair, Failure):
        return None  # the configuration has changed
    return (yield from standing_of(pair, at))
