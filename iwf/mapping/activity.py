"""Somebody is typing: told to whom he writes, if that can be done at once (COMP-8)."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.conversation import name_for
from iwf.mapping.message import ends_of, stream_of, way_between
from iwf.mapping.model import TEL, Composing, Failure, Item, Party, Taken
from iwf.mapping.phone import link_of
from iwf.mapping.rows import Spelling, query
from iwf.mapping.turn import At, Decision, Turn


def decide_composing(event: Composing, at: At) -> Decision:
    """The decision for a typing state: one volatile item or nothing; never an error and no row."""
    yes = Taken("")
    ends = ends_of(event.origin, event.target, at.gateway)
    if isinstance(ends, Failure) or link_of(event.lane, at.gateway) is not None:
        return Turn(yes, rules=("COMP-8",))
    origin, target, tenant, rules = ends
    if target.scheme == TEL:
        return Turn(yes, rules=("COMP-7",))
    way = way_between(origin, target, tenant, rules, at.gateway)
    if isinstance(way, Failure):
        return Turn(yes, rules=("COMP-8",))
    rows = yield (query(Spelling, address=target.key),)
    spelling = rows.one(Spelling, address=target.key)
    # The name is the one that a text has or would get; only a text makes it last.
    conversation, _ = yield from name_for(event.conversation, origin.address, target, at)
    told = evolve(event, origin=Party(way.seen_as, origin.name), target=target,
                  conversation=conversation, lane="",
                  target_spelling=spelling.text if spelling else "")
    item = Item(f"{at.token}.c", way.lane, stream_of(way), told, "", at.now)
    return Turn(yes, rules=("COMP-8", *way.rules), volatile=(item,))
