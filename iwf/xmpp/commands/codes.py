"""Codes by which a user shows that a phone is his (XMPP-32).  Pure."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from enum import Enum

from attrs import define, frozen

from iwf.ids import Ids

DIGITS = 6
LIFETIME = 600.0
"""Seconds."""
TRIES = 3

HOUR = 3600.0
MOST_OF_USER = 5
"""Codes an hour that one user can have sent, each to any number."""
MOST_TO_PHONE = 3
"""Codes an hour that are sent to one phone, whoever asks."""
MOST = 10_000
"""Users and phones that are remembered."""


class Proof(Enum):
    """What comes of a code that a user enters."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"
    """None was sent, it is too old, or there were too many tries."""


@define
class _Sent:
    number: str
    code: str
    until: float
    tries: int = TRIES


@frozen
class Code:
    """A code that is to be sent."""

    number: str
    text: str


class Hourly:
    """How often things were done within the last hour."""

    def __init__(self) -> None:
        self._done: OrderedDict[str, list[float]] = OrderedDict()

    def may(self, key: str, most: int, now: float) -> bool:
        """Whether it was done less often."""
        return sum(at > now - HOUR for at in self._done.get(key, ())) < most

    def note(self, key: str, now: float) -> None:
        """It is done once more."""
        self._done[key] = [at for at in self._done.get(key, ()) if at > now - HOUR] + [now]
        self._done.move_to_end(key)
        if len(self._done) > MOST:
            self._done.popitem(last=False)


class Codes:
    """The codes that are valid, and how many were asked for."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._hourly = Hourly()

    def issue(self, user: str, number: str, now: float) -> Code | None:
        """A new code for a user and a phone, which makes the one before invalid.

        :param user: his bare address, as a key.
        :return: None when there were too many: texts cost money, and a phone is not to be flooded.
        """
        limits = {f"u {user}": MOST_OF_USER, f"p {number}": MOST_TO_PHONE}
        if not all(self._hourly.may(key, most, now) for key, most in limits.items()):
            return None
        for key in limits:
            self._hourly.note(key, now)
        text = f"{int(self._ids.token(), 16) % 10 ** DIGITS:0{DIGITS}d}"
        self._sent[user] = _Sent(number, text, now + LIFETIME)
        self._sent.move_to_end(user)
        if len(self._sent) > MOST:
            self._sent.popitem(last=False)
        return Code(number, text)

    def forget(self, user: str) -> None:
        """The code could not be sent."""
        self._sent.pop(user, None)

    def waiting(self, user: str, now: float) -> str:
        """The number to which a user has a valid code; empty: none."""
        sent = self._sent.get(user)
        return sent.number if sent is not None and now < sent.until else ""

    def prove(self, user: str, text: str, now: float) -> tuple[Proof, str]:
        """A user enters a code.

        :return: with the number that is his, when the code is right.
        """
        sent = self._sent.get(user)
        if sent is None or now >= sent.until:
            self._sent.pop(user, None)
            return Proof.NONE, ""
        if hmac.compare_digest(sent.code.encode(), text.strip().encode()):
            del self._sent[user]
            return Proof.RIGHT, sent.number
        sent.tries -= 1
        if sent.tries <= 0:
            del self._sent[user]
            return Proof.NONE, ""
        return Proof.WRONG, ""
