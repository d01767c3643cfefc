"""Documents: what is known of a presentity, and how news changes it.  Values in, values out."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import Aspect, Device, Failure, Presence
from iwf.mapping.rows import Fetch, View

#: Fetches of one pair that are remembered at once; more are a fault of the watcher.
MOST_FETCHES = 20


def merged(view: View, news: Presence) -> View:
    """A document after news: whole, or device by device (PRES-33).

    Devices that closed are in it no longer; one without a name that closed means the user as a
    whole (RFC 6121 4.5: unavailable from the bare address).
    """
    if not news.known:
        return evolve(view, known=False, devices=(), aspects=(), broken=None, unconfirmed=(),
                      doubt=None)
    aspects = _merged_aspects(() if news.whole else view.aspects, news.aspects)
    if not news.whole and not news.devices:
        return evolve(view, aspects=aspects)  # a mood alone does not say who is there
    everyone = news.whole or any(not device.open and not device.instance for device in news.devices)
    kept = {} if everyone else {device.instance: device for device in view.devices}
    for device in news.devices:
        if device.open:
            kept[device.instance] = device
        else:
            kept.pop(device.instance, None)
    named = {device.instance for device in news.devices}
    unconfirmed = () if everyone else tuple(name for name in view.unconfirmed if name not in named)
    return evolve(view, known=True, devices=tuple(kept.values()), aspects=aspects, broken=None,
                  unconfirmed=unconfirmed, doubt=view.doubt if unconfirmed else None)


def _merged_aspects(known: tuple[Aspect, ...], news: tuple[Aspect, ...]) -> tuple[Aspect, ...]:
    """One of each type; an empty one takes its predecessor away."""
    by_type: dict[type, Aspect] = {type(aspect): aspect for aspect in (*known, *news)}
    return tuple(aspect for kind, aspect in by_type.items() if aspect != kind())


def open_instances(devices: tuple[Device, ...]) -> tuple[str, ...]:
    """The names of devices that are open."""
    return tuple(device.instance for device in devices if device.open)


def asked_anew(view: View, shown: tuple[str, ...], doubt: float) -> View:
    """A document whose presentity is asked for everything again, since news may have been missed.

    What it says counts no longer, but what was shown is not taken back before its time, so that a
    connector that comes back makes nobody flicker (PRES-30).
    """
    names = dict.fromkeys((*shown, *open_instances(view.devices)))
    return evolve(view, known=False, devices=(), aspects=(), broken=None, doubt=doubt,
                  unconfirmed=tuple(name for name in names if name not in view.ending))


def broken(view: View, failure: Failure, doubt: float) -> View:
    """A document whose presentity cannot be watched: it counts until ``doubt`` (PRES-8)."""
    if view.broken is not None:
        return evolve(view, broken=failure)  # it has been so before, and its time runs
    return evolve(view, broken=failure, doubt=doubt)


def in_doubt_no_more(view: View) -> View:
    """A document after the time for doubts: what is not confirmed is gone, what is broken is not
    known."""
    if view.broken is None and view.known:
        return evolve(view, unconfirmed=(), doubt=None)
    return evolve(view, known=False, devices=(), aspects=(), unconfirmed=(), doubt=None)


def without_document(view: View) -> View:
    """Nobody keeps it up to date, so nothing is known."""
    return evolve(view, devices=(), aspects=(), known=False, broken=None, unconfirmed=(), doubt=None,
                  asked_over=None)


def is_fetching(view: View, now: float) -> bool:
    """Whether somebody waits for an answer to a fetch."""
    return any(now < fetch.until for fetch in view.fetches)


def with_fetch(view: View, fetch: Fetch, now: float) -> View:
    """A document with one more fetch that waits for it."""
    waiting = [other for other in view.fetches if now < other.until and other.leg != fetch.leg]
    return evolve(view, fetches=(*waiting[1 - MOST_FETCHES:], fetch))
