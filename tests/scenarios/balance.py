"""The balance of a play: was everything that was taken heard, or its sender told?"""

from __future__ import annotations

import re
from collections import Counter

from tests.scenarios.stage import XMPP, Failed, Incoming, Saying

_NOTICE = re.compile(r'Your message "(.*)" was not delivered', re.DOTALL)


class Balance:
    """Keeps account of what was said until it is struck.

    Texts have to be different; that is what messages are told apart by.
    """

    def __init__(self) -> None:
        self.said: list[Saying] = []
        self._spoken: list[str] = []
        self._heard: Counter[str] = Counter()
        self._told: set[tuple[str, str]] = set()

    def say(self, saying: Saying, text: str) -> None:
        """Somebody has written.

        :param text: what the other is to read, where the message holds more than that.
        """
        self.said.append(saying)
        self._spoken.append(text)

    def take(self, actor: str, incoming: Incoming) -> None:
        """An actor has received something."""
        if isinstance(incoming, Failed):
            self._told.add((actor, incoming.text))
            return
        self._heard[incoming.text] += 1
        # MSG-44: before the text for a phone may stand a name.
        self._heard[incoming.text.partition(": ")[2]] += 1
        if match := _NOTICE.match(incoming.text):
            self._told.add((actor, match[1]))

    def missing(self) -> list[Saying]:
        """What was neither refused, nor heard, nor told of."""
        return [saying for saying, text in zip(self.said, self._spoken, strict=True) if saying.taken is not False
                and not self._heard[text] and (saying.sender.name, saying.text) not in self._told]

    def lost(self) -> list[Saying]:
        """What is missing although it was taken; what was not answered was not taken.

        XMPP users get no answer: their server takes everything.
        """
        return [saying for saying in self.missing() if saying.taken or saying.sender.world == XMPP]

    def repeated(self) -> list[str]:
        """What was heard more than once."""
        return [text for text in self._spoken if self._heard[text] > 1]

    def __str__(self) -> str:
        """The counts, for people."""
        answers = Counter(saying.taken for saying in self.said)
        heard = sum(1 for text in self._spoken if self._heard[text])
        told = sum(1 for saying in self.said if (saying.sender.name, saying.text) in self._told)
        return (f"{len(self.said)} said: {answers[True]} were answered yes, {answers[False]} no, {answers[None]} "
                f"nothing; {heard} were heard, {len(self.repeated())} of them repeatedly; of {told} the sender "
                f"was told; {len(self.lost())} are lost")
