"""The document: what the presentity's side says there is to see, and that it cannot say anything."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.address import canonical
from iwf.mapping.model import Failure, Presence, Published, Taken, WatchBroken
from iwf.mapping.presence.grants import granted
from iwf.mapping.presence.pairs import pair_of_row, said_by_presentity
from iwf.mapping.presence.spelling import spelled
from iwf.mapping.presence.standing import ASKED, GRANTED, Standing, standing_of
from iwf.mapping.presence.telling import state_to_all, state_to_fetches
from iwf.mapping.presence.upstream import settled
from iwf.mapping.presence.views import broken, merged
from iwf.mapping.route import may_speak
from iwf.mapping.rows import View, Watch, query
from iwf.mapping.turn import At, Decision, Turn, refuse


def decide_shown(event: Presence, at: At) -> Decision:
    """There is something new to see of a presentity (PRES-32, PRES-33)."""
    pair = said_by_presentity(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} is seen by {event.target.key}"
    if isinstance(pair, Failure):
        return refuse(pair, note)
    before = yield from standing_of(pair, at)
    new = spelled(event.origin, pair.presentity, before.presentity_spelling)
    if before.state not in (ASKED, GRANTED):
        return Turn(Taken(""), note=f"{note}, who has not asked") + new
    after = evolve(before, view=merged(before.view, event))
    told = Turn()
    if after.state == GRANTED:
        after, told = _answered(after, event.legs, at)
        if after.asking:
            after, state = _told_if_new(before.view, after, at)
            told += state
    return Turn(Taken(""), rules=("PRES-32", "PRES-33")) + settled(before, after, at) + new + told


def _answered(standing: Standing, legs: tuple[str, ...], at: At) -> tuple[Standing, Turn]:
    """PRES-28: tell those who wait for the answer to a fetch.  An answer that names no fetch may be
    one of several, a device each."""
    view = standing.view
    fetches = tuple(fetch for fetch in view.fetches
                    if at.now < fetch.until and (not legs or fetch.leg in legs))
    if not fetches:
        return standing, Turn()
    left = tuple(fetch for fetch in view.fetches if fetch.leg not in legs)
    told = state_to_fetches(standing, fetches, at)
    return evolve(standing, view=evolve(view, fetches=left)), told


def _told_if_new(before: View, after: Standing, at: At) -> tuple[Standing, Turn]:
    """Tell everybody what is known now, unless it is what was known before.  That nothing is known
    is told each time: it may take back what was said before everything was asked for anew."""
    now = after.view
    told = (before.known, before.devices, before.aspects, before.unconfirmed)
    if now.known and told == (True, now.devices, now.aspects, now.unconfirmed):
        return after, Turn()
    return state_to_all(after, at)


def decide_broken(event: WatchBroken, at: At) -> Decision:
    """The presentity cannot be watched at the moment, and his edge keeps trying (PRES-8, PRES-16)."""
    pair = said_by_presentity(event.origin, event.target, at.gateway)
    note = f"{event.origin.address.key} cannot be seen: {event.failure.reason.value}"
    if isinstance(pair, Failure):
        return refuse(pair, note)
    before = yield from standing_of(pair, at)
    return Turn(Taken(""), rules=("PRES-8", "PRES-16"), note=note) + became_broken(before, event.failure, at)


def became_broken(before: Standing, failure: Failure, at: At) -> Turn:
    """The turn in which watching has failed: nobody is told before it has lasted."""
    if not before.asking:
        return Turn()
    patience = at.gateway.patience
    wait = patience.presence_grace if before.state == GRANTED else patience.question_grace
    return settled(before, evolve(before, view=broken(before.view, failure, at.now + wait)), at)


# --- published --------------------------------------------------------------------------------

def decide_published(event: Published, at: At) -> Decision:
    """A user tells us what there is to see of him: his watchers are served from it (PUB-5)."""
    tenant = at.gateway.directory.tenant_of(event.origin.asserted_by) or ""
    failure = may_speak(event.origin, at.gateway, tenant)
    owner = canonical(event.origin.address, at.gateway).bare()
    note = f"{owner.key} publishes"
    if failure is not None:
        return refuse(failure, note)
    devices = tuple(device for device in event.devices if device.open)
    ends = not event.devices or (event.until is not None and event.until <= at.now)
    view = View("", owner.key, tenant, devices, event.aspects, not ends, until=event.until)
    turn = Turn(Taken(""), rules=("PUB-5",), note=note)
    turn += Turn(drops=(view,)) if ends else Turn(puts=(view,))
    return turn + (yield from served_to_all(owner.key, tenant, None if ends else view, at))


def served_to_all(owner: str, tenant: str, published: View | None, at: At) -> Decision:
    """Show all watchers of a presentity what he publishes from now on; None: he has ended it."""
    turn = Turn()
    rows = yield (query(Watch, presentity=owner),)
    for number, watch in enumerate(rows.all(Watch, presentity=owner)):
        if watch.tenant == tenant:
            step = evolve(at, token=f"{at.token}.{number}")
            before = yield from standing_of(pair_of_row(watch), step)
            turn += _served(before, evolve(before, published=published), step)
    return turn


def _served(before: Standing, after: Standing, at: At) -> Turn:
    """One watcher is served from what is published, from now on or no longer."""
    if before.state == ASKED and after.is_seen_by_all(at.gateway):
        return granted(before, after, at)
    after, told = state_to_all(after, at)
    return settled(before, after, at) + told
