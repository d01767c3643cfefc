"""The one door to the core: an event and its circumstances in, a decision out."""

from __future__ import annotations

from iwf.mapping.activity import decide_composing
from iwf.mapping.carriers import decide_stranded
from iwf.mapping.fragments import decide_fragment, decide_fragments_due
from iwf.mapping.memory import decide_remember
from iwf.mapping.message import decide_message
from iwf.mapping.model import (
    Accepted,
    Composing,
    Due,
    Event,
    Fragment,
    Message,
    Receipt,
    Rejected,
    Remember,
    Stranded,
)
from iwf.mapping.order import paced
from iwf.mapping.outcome import decide_accepted, decide_due, decide_receipt, decide_rejected
from iwf.mapping.presence.core import decide_presence
from iwf.mapping.rows import Fragments
from iwf.mapping.turn import At, Decision


def decide(event: Event, at: At) -> Decision:
    """The decision for an event: a generator that asks for rows and returns a turn."""
    decision = _decide(event, at)
    return paced(decision, at) if at.gateway.is_ordered else decision


def _decide(event: Event, at: At) -> Decision:
    match event:
        case Message():
            return decide_message(event, at)
        case Fragment():
            return decide_fragment(event, at)
        case Accepted():
            return decide_accepted(event, at)
        case Rejected():
            return decide_rejected(event, at)
        case Receipt():
            return decide_receipt(event, at)
        case Composing():
            return decide_composing(event, at)
        case Due(table=Fragments.TABLE):
            return decide_fragments_due(event, at)
        case Due():
            return decide_due(event, at)
        case Stranded():
            return decide_stranded(event, at)
        case Remember():
            return decide_remember(event, at)
        case _:
            return decide_presence(event, at)
