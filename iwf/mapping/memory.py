"""What an edge wants to find again after a restart."""

from __future__ import annotations

from iwf.mapping.model import Remember, Taken
from iwf.mapping.rows import Remembered
from iwf.mapping.turn import At, Decision, Turn


def decide_remember(event: Remember, at: At) -> Decision:
    """The decision for an edge's memory: kept as it is, until it is too old or forgotten."""
    row = Remembered(event.edge, event.key, event.text, event.until)
    if not event.text or event.until <= at.now:
        return Turn(Taken(""), drops=(row,))
    return Turn(Taken(""), puts=(row,))
    yield ()  # a decision is a generator, also one that asks for nothing
