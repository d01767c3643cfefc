"""Identifiers and jitter: the one place where chance comes in, seedable in tests."""

from __future__ import annotations

import random

#: Random octets taken from the operating system at a time; each call costs a microsecond.
STOCK = 1000
#: Octets of a token: 80 bits, where SIP-22 and RCPT-1 ask for at least 64.
TOKEN = 10


class Ids:
    """Makes unguessable tokens; with a seed, the same ones every time.

    :param seed: for tests only; without it the operating system's generator is used.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.SystemRandom() if seed is None else random.Random(seed)
        self._stock = ""

    def token(self) -> str:
        """20 lower-case hex digits, 80 random bits."""
        if not self._stock:
            self._stock = self._random.randbytes(STOCK).hex()
        token, self._stock = self._stock[:2 * TOKEN], self._stock[2 * TOKEN:]
        return token

    def ordered(self, now: float) -> str:
        """A token that sorts by time, so that rows of one moment lie together on disk.

        :param now: UTC seconds.
        :return: 11 hex digits of milliseconds and 20 random ones.
        """
        return f"{int(now * 1000):011x}{self.token()}"

    def jitter(self, low: float, high: float) -> float:
        """A number between ``low`` and ``high``."""
        return self._random.uniform(low, high)
