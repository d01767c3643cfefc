"""What a subscriber tells the core, as neutral events.  Pure."""

from __future__ import annotations

from iwf.mapping.model import Failure, Party, Presence, WatchBroken, WatchGranted, WatchRefused
from iwf.mapping.pidf import Document
from iwf.sip.presence.bodies import Body
from iwf.sip.presence.endings import Ending, Then, after_notify
from iwf.sip.presence.headers import SubscriptionState
from iwf.sip.presence.usage import Pair
from iwf.sip.reasons import Status


def granted(pair: Pair) -> WatchGranted:
    """He may see."""
    return WatchGranted(_presentity(pair), pair.watcher.bare(), lane=pair.lane)


def refused(pair: Pair, failure: Failure, leg: str = "") -> WatchRefused:
    """He may not see, or there is nobody to be seen.

    :param leg: the one that has fetched; empty: the whole permission is gone.
    """
    return WatchRefused(_presentity(pair), pair.watcher.bare(), failure, legs=(leg,) if leg else (), lane=pair.lane)


def broken(pair: Pair, failure: Failure) -> WatchBroken:
    """It cannot be known at the moment."""
    return WatchBroken(_presentity(pair), pair.watcher.bare(), failure, pair.lane)


def seen(pair: Pair, document: Document | None, leg: str = "") -> Presence:
    """What there is to see.

    :param document: None: nothing is known.
    :param leg: the one that has fetched it; empty: it is for everyone.
    """
    origin, target, legs = _presentity(pair), pair.watcher.bare(), (leg,) if leg else ()
    if document is None:
        return Presence(origin, target, known=False, legs=legs, lane=pair.lane)
    # PIDF-11: without any tuple it says no more than why.
    known = bool(document.devices or document.aspects)
    notice = document.notes[0].text if document.notes and not known else ""
    return Presence(origin, target, document.devices, document.aspects, known=known, notice=notice, legs=legs,
                    lane=pair.lane)


def fetched(pair: Pair, leg: str, said: SubscriptionState, body: Body | Status | None) -> Presence | WatchRefused:
    """What the NOTIFY of a poll says (PRES-15)."""
    ending = after_notify(said.reason, None)
    if said.state == "terminated" and ending.then is Then.REFUSED:
        return refused(pair, ending.failure, leg)
    return seen(pair, body.document if isinstance(body, Body) and said.state != "pending" else None, leg)


def not_fetched(pair: Pair, leg: str, ending: Ending) -> Presence | WatchRefused:
    """What the refusal of a poll says."""
    if ending.then in (Then.REFUSED, Then.ABSENT):
        return refused(pair, ending.failure, leg)
    return seen(pair, None, leg)


def _presentity(pair: Pair) -> Party:
    return Party(pair.presentity, asserted_by=pair.lane)
