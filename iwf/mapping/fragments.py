"""Texts that come in parts: kept until they are whole, then decided like any other (SMS-35).

A part that was said yes to is our responsibility.  So what cannot be delivered in the end is told
to its sender, although only the answer to the last part could still say no.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import groupby

from attrs import evolve

from iwf.mapping.bodies import excerpt
from iwf.mapping.charset.coding import joined
from iwf.mapping.model import Body, Due, Failure, Fragment, Message, Reason, Refused, Sender, Taken
from iwf.mapping.phone import from_phone, link_of
from iwf.mapping.rows import NEVER, Fragments, Piece, Query, Rows, query
from iwf.mapping.service.door import decide_text
from iwf.mapping.tell import Telling, reported
from iwf.mapping.turn import At, Decision, Turn, refuse

#: Stands where parts are missing (SMS-35).
GAP = "[...]"

#: Octets of all parts of a text: more than a phone can write in the 255 parts there can be.
MOST_OCTETS = 255 * 160


def decide_fragment(fragment: Fragment, at: At) -> Decision:
    """The decision for one part of a text."""
    rows = yield (query(Fragments, reference=fragment.reference),)
    known = rows.one(Fragments, reference=fragment.reference)
    piece = Piece(fragment.number, fragment.coding, fragment.octets)
    if known is not None and piece in known.pieces:
        return Turn(Taken(""), rules=("SMS-35",), note=f"{_who(known)} part {piece.number} repeated")
    early = yield from _refused_early(fragment, at)
    if early is not None:
        return early
    before = Turn()
    if known is not None and (known.due is None or any(piece.number == other.number for other in known.pieces)):
        # The sender counts from the start again: another text under the reference of the last.
        if known.due is not None:
            before = yield from _given_up(known, at)
        known = None
    wait = at.gateway.patience.reassembly
    fragments = Fragments(
        fragment.reference, known.message if known else fragment.message, fragment.total,
        (*known.pieces, piece) if known else (piece,), at.now + wait, NEVER)
    if sum(len(piece.octets) for piece in fragments.pieces) > 2 * MOST_OCTETS:  # hexadecimal
        return refuse(Failure(Reason.TOO_BIG, text="the text is too long"), f"{_who(fragments)} part") + before
    if len(fragments.pieces) < fragments.total:
        note = f"{_who(fragments)} part {piece.number} of {fragments.total}"
        return Turn(Taken(""), puts=(fragments,), rules=("SMS-35",), note=note) + before
    return (yield from _whole(fragments, fragment.message.hold, before, at))


def _refused_early(fragment: Fragment, at: At) -> Generator[tuple[Query, ...], Rows, Turn | None]:
    """What a part shows by itself: a number that stands for nobody is not waited for."""
    link = link_of(fragment.message.lane, at.gateway)
    if link is None:
        failure = Failure(Reason.FORBIDDEN, text="no texts in parts from here")
        return refuse(failure, f"{fragment.message.lane} part")
    number = fragment.message.target.user
    if number == link.service_number or any(route.number == number for route in link.routes):
        return None  # a command, or a keyword, is known when the text is whole
    way = yield from from_phone(fragment.message, link, at)
    if isinstance(way, Failure):
        return refuse(way, f"{fragment.message.origin.address.key} part", ("ADDR section 9", "SMS-35"))
    return way if isinstance(way, Turn) else None


def _whole(fragments: Fragments, hold: float, before: Turn, at: At) -> Decision:
    """The last part has come."""
    message = evolve(_joined(fragments), hold=hold)
    turn = yield from decide_text(message, at)
    if isinstance(turn.verdict, Refused):
        if not turn.verdict.failure.permanent:
            # The last part comes again, and the others are still there.
            waiting = evolve(fragments, pieces=fragments.pieces[:-1])
            return turn + before + Turn(puts=(waiting,), rules=("SMS-35",))
        turn += yield from _told(message, turn.verdict.failure, at)
    return turn + before + Turn(puts=(_done(fragments, at),), rules=("SMS-35",))


def decide_fragments_due(due: Due, at: At) -> Decision:
    """The missing parts of a text are no longer waited for."""
    rows = yield (query(Fragments, reference=due.key),)
    fragments = rows.one(Fragments, reference=due.key)
    if fragments is None or fragments.due is None or at.now < fragments.due:
        return Turn()
    turn = yield from _given_up(fragments, at)
    return turn + Turn(puts=(_done(fragments, at),))


def _given_up(fragments: Fragments, at: At) -> Telling:
    """Deliver what is there of a text, or tell its sender."""
    message = _joined(fragments)
    note = f"{_who(fragments)} has {len(fragments.pieces)} of {fragments.total} parts"
    link = link_of(message.lane, at.gateway)
    if link is not None and link.incomplete == "drop":
        failure = Failure(Reason.EXPIRED, text="a part of the text is missing")
        told = yield from _told(message, failure, at)
        return Turn(rules=("SMS-35",), note=f"{note}, dropped") + told
    turn = yield from decide_text(message, at)
    if isinstance(turn.verdict, Refused):
        turn += yield from _told(message, turn.verdict.failure, at)
    # Nobody waits for the verdict: each part was answered when it was stored.
    return Turn(rules=("SMS-35",), note=note) + evolve(turn, verdict=None)


def _told(message: Message, failure: Failure, at: At) -> Telling:
    """ERR-15: the parts before were said yes to."""
    origin = message.origin
    sender = Sender(origin.address, message.lane, message.target, message.id, message.kind,
                    message.conversation, excerpt(message.text), origin.spelling, message.wants, message.hints)
    return (yield from reported(at.token, sender, failure, at))


def _joined(fragments: Fragments) -> Message:
    """The message with all its text, a gap where parts are missing."""
    pieces = {piece.number: piece for piece in fragments.pieces}
    places = [pieces.get(number) for number in range(1, fragments.total + 1)]
    text = "".join(
        joined((piece.coding, bytes.fromhex(piece.octets)) for piece in run if piece) if is_there else GAP
        for is_there, run in groupby(places, bool)
    )
    return evolve(fragments.message, bodies=(Body(text),), hold=0.0)


def _done(fragments: Fragments, at: At) -> Fragments:
    return evolve(fragments, due=None, forget_at=at.now + at.gateway.patience.reassembly)


def _who(fragments: Fragments) -> str:
    message = fragments.message
    return f"{message.origin.address.key} -> {message.target.key}"
