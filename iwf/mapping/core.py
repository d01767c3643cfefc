"""The one door to the core: an event and its circumstances in, a decision out."""

from __future__ import annotations

from iwf.mapping.activity import decide_composing
from iwf.mapping.message import decide_message
from iwf.mapping.model import Accepted, Composing, Due, Event, Message, Receipt, Rejected
from iwf.mapping.outcome import decide_accepted, decide_due, decide_receipt, decide_rejected
from iwf.mapping.turn import At, Decision


def decide(event: Event, at: At) -> Decision:
    """The decision for an event: a generator that asks for rows and returns a turn."""
    match event:
        case Message():
            return decide_message(event, at)
        case Accepted():
            return decide_accepted(event, at)
        case Rejected():
            return decide_rejected(event, at)
        case Receipt():
            return decide_receipt(event, at)
        case Composing():
            return decide_composing(event, at)
        case Due():
            return decide_due(event, at)
