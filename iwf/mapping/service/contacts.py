"""A phone's list: whom it watches, and who may see it (SMSP-2, SMSP-3, SMSP-5).

What comes in over a connector for others is said here by commands; the steps are those of
:mod:`iwf.mapping.presence`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from attrs import evolve, frozen

from iwf.mapping.model import Address, Failure, Reason, address_of_key
from iwf.mapping.presence.documents import served_to_all
from iwf.mapping.presence.grants import granted, refused, requested
from iwf.mapping.presence.legs import FETCH, left_with, leg_of_phone, up_to_date
from iwf.mapping.presence.pairs import Pair, pair_of_row
from iwf.mapping.presence.phones import PHONES, published_by
from iwf.mapping.presence.standing import ASKED, GRANTED, REFUSED, Standing, standing_of, with_leg
from iwf.mapping.presence.telling import state_to_fetches, state_to_leg
from iwf.mapping.presence.upstream import fetched, settled
from iwf.mapping.presence.views import with_fetch
from iwf.mapping.rows import Fetch, Query, Rows, Subscriber, Watch, query
from iwf.mapping.service.letters import in_texts, questions_to, state_word
from iwf.mapping.turn import At, Decision, Turn, as_written

Stepping = Generator[tuple[Query, ...], Rows, Turn]

_REFUSED = Failure(Reason.FORBIDDEN, text="this phone does not let you see it")


def watched_by(phone: str, tenant: str) -> Generator[tuple[Query, ...], Rows, list[Watch]]:
    """A phone's list, in the order of names."""
    rows = yield (query(Watch, watcher=phone),)
    return sorted((watch for watch in rows.all(Watch, watcher=phone) if watch.tenant == tenant),
                  key=lambda watch: watch.presentity)


# --- the list ---------------------------------------------------------------------------------

@frozen
class Added:
    """What became of ADD."""

    turn: Turn
    state: str
    """``asked``, ``granted`` or ``refused``."""


def added(phone: Address, contact: Address, tenant: str, is_online: bool,
          at: At) -> Generator[tuple[Query, ...], Rows, Added | Failure]:
    """A phone wants to see a contact."""
    pair = Pair(phone, contact, tenant)
    before = yield from standing_of(pair, at)
    asked = yield from requested(before, leg_of_phone(pair) if is_online else None, at)
    if isinstance(asked, Failure):
        return asked
    watch = next((row for row in asked.puts if isinstance(row, Watch)), before.watch)
    turn = yield from in_texts(_made(asked), at)
    return Added(turn, watch.state if watch is not None else ASKED)


def deleted(phone: Address, contact: Address, tenant: str,
            at: At) -> Generator[tuple[Query, ...], Rows, Turn | None]:
    """A phone does not want to see a contact any more; None when it never did."""
    before = yield from standing_of(Pair(phone, contact, tenant), at)
    if before.watch is None:
        return None
    return (yield from in_texts(_made(settled(before, evolve(before, watch=None, legs=()), at)), at))


def listed(phone: str, tenant: str, at: At) -> Generator[tuple[Query, ...], Rows, list[tuple[Address, str]]]:
    """Whom a phone watches, each with the name of the text for what it may know of him."""
    entries: list[tuple[Address, str]] = []
    for watch in (yield from watched_by(phone, tenant)):
        standing = yield from standing_of(pair_of_row(watch), at)
        entries.append((standing.pair.presentity, _word(standing)))
    return entries


def _word(standing: Standing) -> str:
    if standing.state != GRANTED:
        return "waiting" if standing.state == ASKED else "refused"
    document = up_to_date(standing).document
    return state_word(document.devices) if document.known else "unknown"


def looked_up(phone: Address, contact: Address, tenant: str, lane: str,
              at: At) -> Generator[tuple[Query, ...], Rows, Turn | str]:
    """A phone wants to know about a contact now.

    :param lane: the link over which the answer goes.
    :return: the turn that asks, whose answer is a text; or the name of the text to answer with.
    """
    before = yield from standing_of(Pair(phone, contact, tenant), at)
    if before.watch is None:
        return "not-listed"
    if before.state in (ASKED, REFUSED):
        return _word(before)
    current = up_to_date(before)
    leg = f"{lane}|{at.token}"
    fetch = Fetch(leg, PHONES + tenant, at.now + FETCH)
    if current.document.known:
        return (yield from in_texts(_made(state_to_fetches(current, (fetch,), at)), at))
    after = evolve(current, view=with_fetch(current.view, fetch, at.now))
    return settled(before, after, at) + Turn(sends=fetched(before, leg, at))


# --- the session ------------------------------------------------------------------------------

def came_online(subscriber: Subscriber, at: At) -> Stepping:
    """A phone has logged in: it is seen, and it looks."""
    return _changed(subscriber, _looking, at)


def went_offline(subscriber: Subscriber, at: At) -> Stepping:
    """A phone has logged out, or its session is over: it is not seen, and does not look."""
    return _changed(subscriber, _looking_away, at)


def _changed(subscriber: Subscriber, step: Callable[[Watch, At], Decision], at: At) -> Stepping:
    turn = Turn(puts=(subscriber,))
    turn = turn.then((yield from as_written(turn, seen_anew(subscriber, at))))
    for number, watch in enumerate((yield from watched_by(subscriber.phone, subscriber.tenant))):
        decision = step(watch, evolve(at, token=f"{at.token}.l{number}"))
        turn = turn.then((yield from as_written(turn, decision)))
    return turn


def _looking(watch: Watch, at: At) -> Decision:
    before = yield from standing_of(pair_of_row(watch), at)
    if before.state not in (ASKED, GRANTED):
        return Turn()
    leg = leg_of_phone(before.pair)
    after, told = state_to_leg(with_leg(up_to_date(before), leg), leg, at)
    return (yield from in_texts(_made(settled(before, after, at) + told), at))


def _looking_away(watch: Watch, at: At) -> Decision:
    before = yield from standing_of(pair_of_row(watch), at)
    return (yield from in_texts(_made(left_with(before, (), at)), at))


def seen_anew(subscriber: Subscriber, at: At) -> Decision:
    """There is something new to see of a phone."""
    view = published_by(subscriber.phone, subscriber.tenant, subscriber, at.gateway)
    return (yield from in_texts(served_to_all(subscriber.phone, subscriber.tenant, view, at), at))


# --- questions --------------------------------------------------------------------------------

def answered(phone: str, tenant: str, yes: bool,
             at: At) -> Generator[tuple[Query, ...], Rows, tuple[Address, Turn] | None]:
    """A phone answers the question that stands first; None when there is none."""
    waiting = yield from questions_to(phone, tenant)
    if not waiting:
        return None
    before = yield from standing_of(pair_of_row(waiting[0]), at)
    step = granted(before, before, at) if yes else refused(before, _REFUSED, at)
    turn = yield from in_texts(_made(step), at)
    return address_of_key(waiting[0].watcher), turn


def _made(turn: Turn) -> Decision:
    """A decision that is made already."""
    return turn
    yield ()
