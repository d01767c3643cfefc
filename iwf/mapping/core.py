"""The one door to the core: an event and its circumstances in, a decision out."""

from __future__ import annotations

from iwf.mapping.accounts import decide_enrolled, decide_released, decide_withdrawn, seen_as_user
from iwf.mapping.activity import decide_composing
from iwf.mapping.carriers import decide_stranded
from iwf.mapping.fragments import decide_fragment, decide_fragments_due
from iwf.mapping.memory import decide_remember
from iwf.mapping.model import (
    TEL,
    Accepted,
    Composing,
    Due,
    Enrolled,
    Event,
    Fragment,
    Message,
    PhoneSeen,
    Receipt,
    Rejected,
    Released,
    Remember,
    Stranded,
    Told,
    Withdrawn,
)
from iwf.mapping.order import paced
from iwf.mapping.outcome import decide_accepted, decide_due, decide_receipt, decide_rejected
from iwf.mapping.presence.core import decide_presence
from iwf.mapping.presence.watchers import with_watchers_told
from iwf.mapping.rows import Fragments, Subscriber
from iwf.mapping.service.door import decide_text
from iwf.mapping.service.letters import in_texts
from iwf.mapping.service.reach import decide_phone_seen, decide_session_due, reached_by_receipts
from iwf.mapping.told import decide_told
from iwf.mapping.turn import At, Decision


def decide(event: Event, at: At) -> Decision:
    """The decision for an event: a generator that asks for rows and returns a turn."""
    decision = _decide(event, at)
    return paced(decision, at) if at.gateway.is_ordered else decision


def _decide(event: Event, at: At) -> Decision:
    match event:
        case Message():
            text = decide_text(event, at)
            return seen_as_user(text, at) if event.target.scheme == TEL else text
        case Fragment():
            return seen_as_user(decide_fragment(event, at), at)
        case Accepted():
            return decide_accepted(event, at)
        case Rejected():
            return in_texts(with_watchers_told(decide_rejected(event, at), at), at)
        case Receipt():
            receipt = decide_receipt(event, at)
            if not at.gateway.service.presence_from_receipts:
                return receipt
            return seen_as_user(reached_by_receipts(receipt, at), at)
        case Composing():
            return decide_composing(event, at)
        case Due(table=Fragments.TABLE):
            return seen_as_user(decide_fragments_due(event, at), at)
        case Due(table=Subscriber.TABLE):
            return seen_as_user(decide_session_due(event, at), at)
        case Due():
            return in_texts(with_watchers_told(decide_due(event, at), at), at)
        case Stranded():
            return decide_stranded(event, at)
        case Remember():
            return decide_remember(event, at)
        case Enrolled():
            return decide_enrolled(event, at)
        case Withdrawn():
            return decide_withdrawn(event, at)
        case Told():
            return decide_told(event, at)
        case Released():
            return decide_released(event, at)
        case PhoneSeen():
            return seen_as_user(decide_phone_seen(event, at), at)
        case _:
            return in_texts(decide_presence(event, at), at)
