"""How users spell themselves, for presence as for messages (ADDR-22)."""

from __future__ import annotations

from iwf.mapping.model import Address, Party
from iwf.mapping.rows import Spelling
from iwf.mapping.turn import Turn


def spelled(party: Party, native: Address, known: str) -> Turn:
    """Remember a spelling that is new.  Unlike a message, an event without one changes nothing:
    much of presence is said by servers, who do not say how their users write themselves."""
    if not party.spelling or party.spelling == known:
        return Turn()
    return Turn(puts=(Spelling(native.key, party.spelling),), rules=("ADDR-22",))
