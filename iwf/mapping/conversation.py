"""How a conversation keeps its identity between worlds (MSG-3, MSG-4).

In some worlds a conversation's name has to be globally unique and of a certain form (a Call-ID),
in others it is any text between two users (a thread).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator

from iwf.mapping.model import SIP, XMPP, Address
from iwf.mapping.rows import Conversation, Query, Row, Rows, query
from iwf.mapping.settings import DAY
from iwf.mapping.turn import At

#: ``word ["@" word]`` of RFC 3261 25.1.
_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_TOKEN = re.compile(rf"{_WORD}(?:@{_WORD})?")

#: Shorter names such as ``1`` are used by many pairs; longer ones do not fit everywhere.
SHORTEST, LONGEST = 16, 255

#: Conversations rest longer than this at times, but then a new name does no harm.
REMEMBERED = 30 * DAY

Named = tuple[str, tuple[Row, ...]]


def pair_of(one: Address, other: Address) -> str:
    """The same text for two users whoever writes to whom."""
    low, high = sorted((one.key, other.key))
    return f"{low}|{high}"


def name_for(conversation: str, origin: Address, target: Address,
             at: At) -> Generator[tuple[Query, ...], Rows, Named]:
    """What a conversation is called on the target's side, and the rows that keep it so."""
    if target.scheme == SIP and origin.scheme != SIP:
        if not conversation:
            return at.token + _made_here(at), ()
        return (yield from _token_for(conversation, pair_of(origin, target), at))
    if target.scheme == XMPP and origin.scheme == SIP and conversation.endswith(_made_here(at)):
        rows = yield (query(Conversation, token=conversation),)
        known = rows.one(Conversation, token=conversation)
        if known is not None and known.pair == pair_of(origin, target):
            return known.name, ()  # MSG-4: it was one of ours
    return conversation, ()


def _made_here(at: At) -> str:
    """How the names end that are ours; all others stand for themselves and need no look-up."""
    return f"@{at.gateway.name}"


def _token_for(name: str, pair: str, at: At) -> Generator[tuple[Query, ...], Rows, Named]:
    """MSG-3: literally where that is legal and free, else a keyed hash."""
    made = hashlib.sha256("\0".join((at.gateway.secret, pair, name)).encode()).hexdigest()[:32]
    hashed = made + _made_here(at)
    legal = SHORTEST <= len(name) <= LONGEST and _TOKEN.fullmatch(name) is not None
    token = name if legal else hashed
    rows = yield (query(Conversation, token=token),)
    known = rows.one(Conversation, token=token)
    if known is not None and known.pair != pair:
        token = hashed
        rows = yield (query(Conversation, token=token),)
        known = rows.one(Conversation, token=token)
    if known is not None and known.forget_at > at.now + REMEMBERED / 2:
        return token, ()
    return token, (Conversation(token, pair, name, at.now + REMEMBERED),)
