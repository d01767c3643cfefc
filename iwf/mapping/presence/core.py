"""The door to the presence half of the core."""

from __future__ import annotations

from iwf.mapping.model import (
    Presence,
    Published,
    Revisited,
    WatchBroken,
    WatchEnded,
    WatchersRequested,
    WatchFetched,
    WatchGranted,
    Watching,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.presence.again import decide_revisited
from iwf.mapping.presence.documents import decide_broken, decide_published, decide_shown
from iwf.mapping.presence.grants import (
    decide_acquainted,
    decide_given_back,
    decide_granted,
    decide_refused,
    decide_requested,
)
from iwf.mapping.presence.legs import decide_fetched, decide_left, decide_renewed
from iwf.mapping.presence.mutual import with_mutual
from iwf.mapping.presence.publishing import stands_for_gateway
from iwf.mapping.presence.watchers import decide_watchers_requested, with_watchers_told
from iwf.mapping.turn import At, Decision

_BY_WATCHER = (WatchRequested, WatchRenewed, WatchFetched, WatchEnded)


def decide_presence(event: Watching | Revisited, at: At) -> Decision:
    """The decision for an event of presence."""
    return with_watchers_told(with_mutual(_decide(event, at), at), at)


def _decide(event: Watching | Revisited, at: At) -> Decision:
    if isinstance(event, _BY_WATCHER) and stands_for_gateway(event.target):
        return decide_acquainted(event, at)
    match event:
        case WatchRequested():
            return decide_requested(event, at)
        case WatchRenewed():
            return decide_renewed(event, at)
        case WatchFetched():
            return decide_fetched(event, at)
        case WatchEnded(leg="", forever=True):
            return decide_given_back(event, at)
        case WatchEnded():
            return decide_left(event, at)
        case WatchGranted():
            return decide_granted(event, at)
        case WatchRefused():
            return decide_refused(event, at)
        case Presence():
            return decide_shown(event, at)
        case WatchBroken():
            return decide_broken(event, at)
        case Published():
            return decide_published(event, at)
        case WatchersRequested():
            return decide_watchers_requested(event, at)
        case Revisited():
            return decide_revisited(event, at)
