"""What the service number understands and says, in each language.

English is the source and stands here; the other languages are read from files when the gateway
starts, as is what an operator wants to say differently (``docs/sms.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from string import Formatter
from types import MappingProxyType

from attrs import field, frozen


class Word(Enum):
    """A command (SMSP-1)."""

    LOGIN = "login"
    LOGOUT = "logout"
    STATUS = "status"
    ADD = "add"
    DEL = "del"
    LIST = "list"
    WHO = "who"
    TO = "to"
    HELP = "help"
    STOP = "stop"
    START = "start"
    YES = "yes"
    NO = "no"
    LANGUAGE = "language"


_WORDS: Mapping[Word, tuple[str, ...]] = MappingProxyType({
    word: (word.value, *also) for word, also in {
        **dict.fromkeys(Word, ()),
        Word.LOGIN: ("on",), Word.LOGOUT: ("off",), Word.DEL: ("remove",), Word.HELP: ("info", "?"),
        Word.START: ("unstop",), Word.YES: ("y", "ok"), Word.NO: ("n",), Word.LANGUAGE: ("lang",),
    }.items()})

_TEXTS: Mapping[str, str] = MappingProxyType({
    "help": "LOGIN, LOGOUT, STATUS text, ADD DEL WHO address, LIST, TO address text, LANGUAGE xx, STOP, START. "
            "Addresses: name@domain or +number",
    "logged-in": "You are logged in. Send LOGOUT to leave.",
    "logged-out": "You are logged out.",
    "status-set": "Your status: {status}",
    "asked": "{name} is asked whether you may see when he or she is online.",
    "added": "{name} is on your list.",
    "deleted": "{name} is off your list.",
    "not-listed": "{name} is not on your list.",
    "list": "Your list: {entries}",
    "list-empty": "Your list is empty. Send ADD address.",
    "state": "{name} is {state}",
    "online": "online",
    "away": "away",
    "busy": "busy",
    "offline": "offline",
    "waiting": "not decided yet",
    "refused": "hidden from you",
    "unknown": "unknown, LOGIN first",
    "came-online": "{name} is online",
    "question": "{name} wants to see when you are online. Answer YES or NO.",
    "allowed": "{name} can see you now.",
    "denied": "{name} cannot see you.",
    "no-question": "There is no question to answer.",
    "stopped": "You will get no more texts. Send START to get them again.",
    "stopped-one": "You will get no more texts from {name}. Send START {name} to get them again.",
    "started": "You get texts again.",
    "language-set": "From now on you get answers in English.",
    "language-unknown": "Languages: {languages}",
    "bad-address": "{address} cannot be reached here.",
    "delivered": "Delivered: {text}",
    "displayed": "Read: {text}",
})


@frozen(eq=False)
class Catalogue:
    """The words and texts of one language."""

    language: str
    """A language tag, lower case."""
    texts: Mapping[str, str] = field(default=_TEXTS)
    words: Mapping[Word, tuple[str, ...]] = field(default=_WORDS)
    """The words of each command, the first of them is the one to teach."""

    def text(self, name: str, /, **values: str) -> str:
        """A text with its places filled."""
        return self.texts[name].format_map(values)


ENGLISH = Catalogue("en")


def places_of(text: str) -> frozenset[str] | None:
    """The names of the places in a text; None when it cannot be filled."""
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        return None
    if any(spec or conversion for _, _, spec, conversion in pieces):
        return None
    return frozenset(name for _, name, _, _ in pieces if name is not None)


def faults_of(catalogue: Catalogue) -> list[str]:
    """What is wrong with a catalogue, held against the English one: a line each."""
    faults = [f"{name} is missing" for name in _TEXTS if name not in catalogue.texts]
    faults += [f"{word.value} has no word" for word in Word if not catalogue.words.get(word)]
    for name, text in catalogue.texts.items():
        if name not in _TEXTS:
            faults.append(f"{name} is not a known text")
        elif places_of(text) != places_of(_TEXTS[name]):
            wanted = ", ".join(f"{{{place}}}" for place in sorted(places_of(_TEXTS[name]) or ())) or "no places"
            faults.append(f"{name} must have {wanted}")
    for word, spellings in catalogue.words.items():
        faults += [f"{word.value}: {spelling!r} is not one word" for spelling in spellings
                   if spelling.split() != [spelling] or spelling.casefold() != spelling]
    return faults
