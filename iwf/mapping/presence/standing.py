"""How things stand between a watcher and a presentity: the rows of a pair as one value.

A decision about presence is a step from one :class:`Standing` to the next; what is written and
what the presentity's side is asked follows from the two (:func:`iwf.mapping.presence.upstream.settled`).
"""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve, frozen

from iwf.mapping.presence.pairs import Pair
from iwf.mapping.presence.phones import is_phone, published_by
from iwf.mapping.presence.publishing import legs_of_publication
from iwf.mapping.rows import Leg, Query, Rows, Spelling, Subscriber, View, Watch, query
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import At

#: States of a :class:`~iwf.mapping.rows.Watch`.
ASKED, GRANTED, REFUSED = "asked", "granted", "refused"


@frozen
class Standing:
    """The grant, the legs and the document of a pair."""

    pair: Pair
    watch: Watch | None
    legs: tuple[Leg, ...]
    view: View
    published: View | None = None
    """What the presentity has published for all, while that lasts (PUB-5)."""
    watcher_spelling: str = ""
    presentity_spelling: str = ""

    @property
    def state(self) -> str:
        """``asked``, ``granted``, ``refused``, or empty when nobody ever asked."""
        return self.watch.state if self.watch is not None else ""

    @property
    def asking(self) -> bool:
        """Whether the presentity's side has been asked to keep us up to date."""
        return self.watch is not None and self.watch.asking

    @property
    def document(self) -> View:
        """What there is to see: what he publishes goes before what is asked for (PUB-5)."""
        return self.published or self.view

    def is_seen_by_all(self, gateway: Gateway) -> bool:
        """Whether the presentity is shown to whoever asks (PUB-5); a phone is asked first (SMSP-5)."""
        return self.published is not None and gateway.published_open and not is_phone(self.pair.presentity)


def standing_of(pair: Pair, at: At) -> Generator[tuple[Query, ...], Rows, Standing]:
    """How things stand for a pair."""
    watcher, presentity, tenant = pair.watcher.key, pair.presentity.key, pair.tenant
    key = {"watcher": watcher, "presentity": presentity, "tenant": tenant}
    public = {**key, "watcher": ""}
    rows = yield (query(Watch, **key), query(Leg, **key), query(View, **key), query(View, **public),
                  query(Spelling, address=watcher), query(Spelling, address=presentity))
    legs = rows.all(Leg, **key)
    if pair.is_publication:
        legs = legs_of_publication(pair.watcher, pair.presentity, tenant, at.gateway)
    published = lasting(rows.one(View, **public), at)
    if is_phone(pair.presentity):
        row = yield (query(Subscriber, phone=presentity, tenant=tenant),)
        subscriber = row.one(Subscriber, phone=presentity, tenant=tenant)
        published = published_by(presentity, tenant, subscriber, at.gateway)
    return Standing(pair, rows.one(Watch, **key), legs,
                    rows.one(View, **key) or View(watcher, presentity, tenant), published,
                    _text(rows.one(Spelling, address=watcher)),
                    _text(rows.one(Spelling, address=presentity)))


def lasting(published: View | None, at: At) -> View | None:
    """A published state until its time is over."""
    if published is None or (published.until is not None and published.until <= at.now):
        return None
    return published


def _text(spelling: Spelling | None) -> str:
    return spelling.text if spelling is not None else ""


def in_state(standing: Standing, state: str, at: At) -> Standing:
    """The same with the watch in another state; from then on its time counts."""
    assert standing.watch is not None
    watch = evolve(standing.watch, state=state, changed=at.now, failure=None)
    return evolve(standing, watch=watch)


def with_leg(standing: Standing, leg: Leg) -> Standing:
    """The same with a leg that begins or goes on."""
    others = tuple(other for other in standing.legs if other.id != leg.id)
    return evolve(standing, legs=(*others, leg))
