"""Identifiers and jitter: the one place where chance comes in, seedable in tests."""

from __future__ import annotations

import random


class Ids:
    """Makes unguessable tokens; with a seed, the same ones every time.

    :param seed: for tests only; without it the operating system's generator is used.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.SystemRandom() if seed is None else random.Random(seed)

    def token(self) -> str:
        """20 lower-case hex digits, 80 random bits (SIP-22 and RCPT-1 ask for at least 64)."""
        return f"{self._random.getrandbits(80):020x}"

    def jitter(self, low: float, high: float) -> float:
        """A number between ``low`` and ``high``."""
        return self._random.uniform(low, high)
