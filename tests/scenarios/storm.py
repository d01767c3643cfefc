"""What a storm of texts is made of, and the balance that is struck when it is over.

Used in memory (:mod:`tests.scenarios.test_sms_storm`) and between the programs of others
(:mod:`tests.interop.test_sms_storm`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import define, field, frozen

from iwf.mapping.charset.coding import joined, utf16_octets
from iwf.smpp.text.header import Part, concatenation, read_user_data

GAP = "[...]"
EMOJI = "\U0001f339\U0001f468\u200d\U0001f469\u200d\U0001f467"
ROOM = 134
"""Octets of a part beside its header."""


def long_text(name: str) -> str:
    """A text of three parts that is told from all others by its name."""
    return f"{name} {EMOJI * 15}."


@frozen
class PhonePart:
    """A part of a text that a phone sends."""

    phone: str
    text: int
    """Which text of all."""
    number: int
    octets: bytes
    """With their header."""
    total: int

    @property
    def tag(self) -> str:
        return f"{self.text}/{self.number}"


def parts_of(phone: str, text: str, number: int) -> list[PhonePart]:
    """The parts as a phone cuts them: wherever 134 octets end, also inside a sign.

    :param number: of the text; its low octet is the reference.
    """
    octets = utf16_octets(text)
    pieces = [octets[start:start + ROOM] for start in range(0, len(octets), ROOM)]
    return [PhonePart(phone, number, place, concatenation(Part(number & 0xFF, len(pieces), place)) + piece, len(pieces))
            for place, piece in enumerate(pieces, 1)]


def as_heard(parts: Iterable[PhonePart], lost: int) -> str:
    """A text of which one part never came (SMS-35)."""
    before, after = [], []
    for part in parts:
        (before if part.number < lost else after if part.number > lost else []).append(part.octets[6:])
    return GAP.join(joined(("utf-16-be", octets) for octets in run) for run in (before, after))


class Handsets:
    """Phones that put texts together, and know a repeated part for what it is."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._parts: dict[tuple[str, str, int, int], dict[int, bytes]] = {}

    def take(self, source: str, phone: str, octets: bytes) -> None:
        """The network delivers a part of a text in UTF-16."""
        data = read_user_data(octets, True)
        assert data.part is not None, "the storm has long texts alone"
        parts = self._parts.setdefault((source, phone, data.part.reference, data.part.total), {})
        if parts.get(data.part.number) == data.octets:
            return
        parts[data.part.number] = data.octets
        if len(parts) == data.part.total:
            self.shown.append(joined(("utf-16-be", parts[number]) for number in sorted(parts)))


@define
class Balance:
    """Every text that was taken, and what became of it."""

    sent: dict[str, str] = field(factory=dict)
    """From Romeo: id to text."""
    written: list[str] = field(factory=list)
    """From phones: what he is to read."""
    shown: list[str] = field(factory=list)
    """By phones."""
    errors: list[str] = field(factory=list)
    """Ids that errors came for."""
    received: list[str] = field(factory=list)
    """Ids that receipts came for (XEP-0184)."""
    read: Mapping[str, str] = field(factory=dict)
    """By Romeo, under their stanza ids: a stanza that is repeated under its id is known by it."""
    statuses: Mapping[str, int] = field(factory=dict)
    """How each part of a text from a phone was answered in the end."""

    def faults(self) -> list[str]:
        """Everything that is not as it should be; empty when the balance is even."""
        shown, read = Counter(self.shown), Counter(self.read.values())
        errors, received = Counter(self.errors), Counter(self.received)
        found = [f"shown {count} times: {text[:12]}" for text, count in shown.items() if count > 1]
        found += [f"{id} told {count} times" for news in (errors, received) for id, count in news.items() if count > 1]
        found += [f"{id}: delivered and failed" for id in errors.keys() & received.keys()]
        found += [f"{id}: neither shown nor told of" for id, text in self.sent.items()
                  if not shown[text] and not errors[id]]
        found += [f"{id}: a receipt, and not shown" for id in received if not shown[self.sent[id]]]
        found += [f"read {read[text]} times: {text[:12]}" for text in self.written if read[text] != 1]
        found += [f"read, and written by nobody: {text[:12]}" for text in read.keys() - set(self.written)]
        return found + [f"{tag} answered {status}" for tag, status in self.statuses.items() if status]

    def __str__(self) -> str:
        shown = set(self.shown)
        return (f"{len(self.sent)} texts to phones: {sum(text in shown for text in self.sent.values())} shown once, "
                f"{len(self.received)} with a receipt, {len(self.errors)} told to have failed; "
                f"{len(self.written)} from phones in {len(self.statuses)} parts: {len(self.read)} read once")


def shuffled(texts: Iterable[list[PhonePart]], lost: str, chance: random.Random) -> list[PhonePart]:
    """The parts of all texts in any order, some of them twice, one not at all.

    :param lost: the tag of the one that is lost.
    """
    parts = [part for text in texts for part in text if part.tag != lost]
    parts += chance.sample(parts, len(parts) // 4)
    chance.shuffle(parts)
    return parts
