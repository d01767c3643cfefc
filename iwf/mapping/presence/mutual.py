"""Users who want to see each other, where nobody can be asked (PUB-5).

A SIP user who publishes here has no way to answer a question: SIP has none (RFC 3857 tells him that
somebody asks, and leaves the answer to what is out of band).  Where publishing alone does not open
him to everybody (``published_open``), he lets see him whom he wants to see himself.
"""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import SIP
from iwf.mapping.presence.grants import granted
from iwf.mapping.presence.pairs import Pair, pair_of_row
from iwf.mapping.presence.standing import ASKED, GRANTED, standing_of
from iwf.mapping.rows import Watch, query
from iwf.mapping.turn import At, Decision, Turn, as_written


def with_mutual(decision: Decision, at: At) -> Decision:
    """A decision, and what follows from it for those who now want to see each other."""
    turn = yield from decision
    if at.gateway.published_open:
        return turn
    for number, row in enumerate(row for row in turn.puts if isinstance(row, Watch)):
        pair = pair_of_row(row)
        if pair.watcher.scheme == SIP:  # he may have been asked before
            pair = Pair(pair.presentity, pair.watcher, pair.tenant)
        if pair.presentity.scheme == SIP:
            turn += yield from as_written(turn, _let_in(pair, evolve(at, token=f"{at.token}.m{number}")))
    return turn


def _let_in(pair: Pair, at: At) -> Decision:
    before = yield from standing_of(pair, at)
    if before.state != ASKED or before.published is None:
        return Turn()
    key = {"watcher": pair.presentity.key, "presentity": pair.watcher.key, "tenant": pair.tenant}
    rows = yield (query(Watch, **key),)
    wanted = rows.one(Watch, **key)
    if wanted is None or wanted.state not in (ASKED, GRANTED):
        return Turn()
    note = f"{pair.presentity.key} wants to see {pair.watcher.key} too"
    return Turn(rules=("PUB-5",), note=note) + granted(before, before, at)
