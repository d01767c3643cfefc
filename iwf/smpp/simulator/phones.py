"""Phones that people read and write with: what arrived, what becomes of it.  Pure."""

from __future__ import annotations

from collections import OrderedDict, deque

from attrs import define, evolve, field, frozen

from iwf.smpp.settings import Profile
from iwf.smpp.simulator.handset import Fate, Handset
from iwf.smpp.text.coding import NotText, decode
from iwf.smpp.text.header import UDHI, BadHeader, read_user_data, sar_part
from iwf.smpp.text.segments import encode
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import ShortMessage, Sme

#: Texts that one phone keeps, phones that are kept, parts that wait for others.
MOST_TEXTS, MOST_PHONES, MOST_PARTS = 1000, 10_000, 1000

_PLAIN = Profile(max_segments=255)


@frozen
class Text:
    """A text as the phone shows it."""

    number: int
    """Counts the texts of one phone, from 1."""
    sender: str
    text: str
    parts: int = 1


@define
class _Phone:
    texts: deque[Text] = field(factory=lambda: deque(maxlen=MOST_TEXTS))
    count: int = 0
    fate: Fate = Fate()


class Phones(Handset):
    """Every number is a phone; each may have a fate of its own.

    :param echo: phones answer every text with this in front of it; empty: they do not.
    """

    def __init__(self, echo: str = "") -> None:
        super().__init__()
        self.echo = echo
        self._phones: OrderedDict[str, _Phone] = OrderedDict()
        self._parts: OrderedDict[tuple[str, str, int, int], dict[int, bytes]] = OrderedDict()

    @property
    def numbers(self) -> list[str]:
        """The phones that have been heard of."""
        return list(self._phones)

    def texts(self, phone: str, after: int = 0) -> list[Text]:
        """What a phone has got.

        :param after: only texts of higher numbers.
        """
        kept = self._phones.get(phone)
        return [] if kept is None else [text for text in kept.texts if text.number > after]

    def set_fate(self, phone: str, fate: Fate) -> None:
        """From now on this becomes of texts to a phone."""
        self._phone(phone).fate = fate

    def _phone(self, number: str) -> _Phone:
        phone = self._phones.setdefault(number, _Phone())
        if len(self._phones) > MOST_PHONES:
            self._phones.popitem(last=False)
        return phone

    def take(self, message: ShortMessage) -> Fate:
        """See :meth:`Handset.take`."""
        phone = self._phone(shown(message.destination))
        fate = phone.fate
        if fate.status != c.ROK or not fate.answers:
            return fate
        text = self._whole(message)
        if text is None:
            return fate
        phone.count += 1
        words, parts = text
        phone.texts.append(Text(phone.count, shown(message.source), words, parts))
        # What is an answer already is not answered, or two echoes would go on for ever.
        if self.echo and self.echo not in words:
            fate = evolve(fate, replies=(*fate.replies, f"{self.echo}{words}"[:160].encode("ascii", "replace")))
        return fate

    def _whole(self, message: ShortMessage) -> tuple[str, int] | None:
        """The text and the number of its parts, once all are there."""
        try:
            data = read_user_data(message.user_data, bool(message.esm_class & UDHI))
        except BadHeader:
            return "(damaged header)", 1
        part = data.part or sar_part(message.tlvs)
        if part is None:
            return _words(data.octets, message.data_coding), 1
        key = (shown(message.source), shown(message.destination), part.reference, part.total)
        parts = self._parts.setdefault(key, {})
        parts[part.number] = data.octets
        if len(self._parts) > MOST_PARTS:
            self._parts.popitem(last=False)
        if len(parts) < part.total:
            return None
        del self._parts[key]
        # Joined before they are read: some cut a sign in two.
        return _words(b"".join(parts[number] for number in sorted(parts)), message.data_coding), part.total


def _words(octets: bytes, data_coding: int) -> str:
    try:
        return decode(octets, data_coding, _PLAIN)
    except NotText:
        return f"(not a text: {octets.hex()})"


def shown(sme: Sme) -> str:
    """An address as a phone shows it."""
    return f"+{sme.number}" if sme.ton == c.TON_INTERNATIONAL else sme.number


def sme_of(number: str) -> Sme:
    """The address of a number as people write it."""
    if number.startswith("+"):
        return Sme(c.TON_INTERNATIONAL, c.NPI_ISDN, number[1:])
    if number.isascii() and number.isdigit():
        return Sme(c.TON_UNKNOWN, c.NPI_ISDN, number)
    return Sme(c.TON_ALPHANUMERIC, c.NPI_UNKNOWN, number)


def text_from(phone: str, to: str, text: str, reference: int) -> list[ShortMessage]:
    """A text that a phone sends, in as many parts as it takes."""
    encoded = encode(text, _PLAIN)
    return [
        ShortMessage(source=sme_of(phone), destination=sme_of(to), esm_class=UDHI if encoded.udhi else 0,
                     data_coding=encoded.data_coding, short_message=octets)
        for octets in encoded.user_data(reference)
    ]
