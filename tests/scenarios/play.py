"""Plays: who says what, who must hear what, and what goes wrong meanwhile; one step a line.

::

    # A comment.
    with s2x_hold = 2000                 a key of the configuration, at the head of the play
    actor paris on sip as "a*b"          somebody beside the cast, at the head
    stranger nobody on sip               an address without anybody behind it, at the head

    romeo -> juliet: hello               romeo writes to juliet
    juliet <- romeo: hello               ... and she hears it, from the address she would write to
    juliet <~ romeo: ell                 the same, for a part of the text
    romeo <! nobody: item-not-found      romeo is told an error; "a | b": one of several
    carol <! 0x65                        the same, where it does not matter whom it is about

    nurse answers 480                    what she answers from now on; also: nothing, normally
    carol answers EXPIRED once           what becomes of the next text to her
    stop xmpp                            also start, kill; xmpp, sip, sms, iwf
    wait 3 seconds
    wait for iwf                         until it is connected to all of its peers
    nothing is lost                      what was taken was heard, or its sender was told

    romeo asks to see juliet             also: asks no more for, allows, refuses
    juliet is asked by romeo             she has not answered
    romeo is away "at lunch" on pc       from now on; also: online, chat, xa, dnd, offline
    juliet sees romeo away "at lunch" on pc, online on phone
    juliet sees romeo offline            she may see him, and none of his devices is there
    juliet sees nothing of romeo         she may not
    juliet is watched once by romeo      with one dialog (SIP users); also: no more

What is seen is a state, which has come and stays, and not an event: each ``sees`` is about all devices of
the one who is seen, and about each device of the one who sees, and may have ``within``.

After the address may stand ``(thread t)``, ``(subject "Hi")``, ``* 20`` (twenty messages in which
``{n}`` is the number), ``as ADDRESS`` (what the receiver sees) and ``within 40 seconds``; after
``nothing is lost`` may stand ``repeats allowed`` and ``within``.  A thread that was heard under a name
is written under the same name again.  Instead of a name, an address may be written; ``service`` is the number
that phones give commands to.  A text is the rest of the line, or stands in double quotes, then perhaps with
``* 30`` to repeat it; ``\\n``, ``\\t``, ``\\"``, ``\\\\`` and ``\\u{1f339}`` are escapes.

What is heard without being expected makes a play fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from tests.scenarios.stage import CAST, ONCE, PEERS, SECTIONS, SERVICE, SIP, SMS, XMPP, Actor
from tests.scenarios.watching import LINES, Watching

PATIENCE = 10.0
"""Seconds that an expectation waits, where the play says nothing else."""


class PlayError(Exception):
    """A play cannot be read, or did not go as written; tells the file and the line."""


@frozen
class Talk:
    """What the four kinds of line with an arrow have in common."""

    actor: str
    verb: str
    """``->``, ``<-``, ``<~`` or ``<!``."""
    other: str = ""
    """An actor or an address; empty: anybody."""
    text: str = ""
    thread: str = ""
    subject: str = ""
    count: int = 1
    seen_as: str = ""
    within: float = PATIENCE

    def texts(self) -> list[str]:
        """The text of each message."""
        if self.count == 1:
            return [self.text]
        return [self.text.replace("{n}", str(number)) for number in range(1, self.count + 1)]


@frozen
class Behave:
    actor: str
    answer: str


@frozen
class Change:
    verb: str
    peer: str


@frozen
class Wait:
    seconds: float | None
    """None: until the daemon is connected."""


@frozen
class NothingLost:
    repeats: bool
    within: float


Step = Talk | Behave | Change | Wait | NothingLost | Watching


@frozen
class Play:
    """A play that was read."""

    path: Path
    cast: Mapping[str, Actor]
    options: Mapping[str, str] = field(factory=dict)
    steps: tuple[tuple[int, Step], ...] = ()
    """With their line numbers."""

    @property
    def name(self) -> str:
        return self.path.stem


ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r'\\(?:u\{([0-9a-fA-F]{1,6})\}|(.?))', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?: \* (\d+))?')
_NUMBER = r"\d+(?:\.\d+)?"
# An address ends before a colon that ends the head of the line, or before a space.
_ADDRESS = r"\S+?(?=:(?: |$)| |$)"
_TALK = re.compile(rf"(\S+) (->|<-|<~|<!) ({_ADDRESS})(.*)")
_MORE = re.compile(
    r" (?:\(thread (?P<thread>\S+)\)|\(subject \"(?P<subject>[^\"]*)\"\)|\* (?P<count>\d+)"
    rf"|as (?P<seen_as>{_ADDRESS})|within (?P<within>{_NUMBER}) seconds)"
)
_HEAD: Mapping[str, re.Pattern[str]] = {
    "with": re.compile(r"with (\S+) = (.+)"),
    "actor": re.compile(rf"actor (\S+) on ({XMPP}|{SIP}|{SMS}) as (.+)"),
    "stranger": re.compile(rf"stranger (\S+) on ({XMPP}|{SIP})"),
}
_BEHAVE = re.compile(rf"(\S+) answers (\S+(?:{ONCE})?)")
_CHANGE = re.compile(rf"(start|stop|kill) ({'|'.join(PEERS)})")
_WAIT = re.compile(rf"wait (?:for iwf|({_NUMBER}) seconds?)")
_LOST = re.compile(rf"nothing is lost(, repeats allowed)?(?: within ({_NUMBER}) seconds)?")


def read_play(path: Path) -> Play:
    """Read a play file.

    :raises PlayError: for a line that is not one, with file and line.
    """
    return parse_play(path.read_text("utf-8"), path)


def parse_play(text: str, path: Path = Path("play")) -> Play:
    """Read the text of a play.

    :param path: for messages.
    :raises PlayError: as :func:`read_play`.
    """
    reader = _Reader(path)
    for number, line in enumerate(text.split("\n"), 1):
        reader.read(number, line.strip())
    return Play(path, reader.cast, reader.options, tuple(reader.steps))


class _Reader:
    """Collects a play line by line."""

    def __init__(self, path: Path) -> None:
        self.cast = dict(CAST)
        self.options: dict[str, str] = {}
        self.steps: list[tuple[int, Step]] = []
        self._path, self._number = path, 0

    def read(self, number: int, line: str) -> None:
        self._number = number
        if not line or line.startswith("#"):
            return
        word = line.partition(" ")[0]
        if word in _HEAD and (match := _HEAD[word].fullmatch(line)):
            if self.steps:
                raise self._error(f"{word!r} stands at the head of a play")
            {"with": self._with, "actor": self._actor, "stranger": self._stranger}[word](match)
            return
        kinds: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Step]], ...] = (
            (_TALK, self._talk),
            (_BEHAVE, lambda match: Behave(self._known(match[1]), match[2])),
            (_CHANGE, lambda match: Change(match[1], match[2])),
            (_WAIT, lambda match: Wait(float(match[1]) if match[1] else None)),
            (_LOST, lambda match: NothingLost(bool(match[1]), float(match[2] or PATIENCE))),
            *((pattern, partial(make, known=self._actor_called)) for pattern, make in LINES),
        )
        for pattern, make in kinds:
            if match := pattern.fullmatch(line):
                self.steps.append((number, make(match)))
                return
        raise self._error(f"not a line of a play: {line}")

    def _error(self, what: str) -> PlayError:
        return PlayError(f"{self._path}:{self._number}: {what}")

    def _with(self, match: re.Match[str]) -> None:
        if match[1] not in SECTIONS:
            raise self._error(f"{match[1]} is not among {', '.join(SECTIONS)}")
        value = match[2]
        plain = re.fullmatch(rf"{_NUMBER}|true|false|\".*\"", value)
        self.options[match[1]] = value if plain else f'"{value}"'

    def _actor(self, match: re.Match[str]) -> None:
        self.cast[match[1]] = Actor(match[1], match[2], self._raw(match[3]))

    def _stranger(self, match: re.Match[str]) -> None:
        self.cast[match[1]] = Actor(match[1], match[2], match[1], exists=False)

    def _raw(self, text: str) -> str:
        # User parts are full of backslashes, so nothing is an escape here.
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text

    def _talk(self, match: re.Match[str]) -> Talk:
        actor, verb, other, rest = match.groups()
        talk = Talk(self._known(actor), verb)
        if not rest:
            if verb != "<!":
                raise self._error("a text is missing")
            return evolve(talk, text=other)
        talk = evolve(talk, other=self._other(other))
        while not re.match(":(?: |$)", rest):
            found = _MORE.match(rest)
            if found is None:
                raise self._error(f"not understood:{rest}")
            rest = rest[found.end() :]
            talk = evolve(talk, **self._modifier(found))
        if talk.seen_as and verb == "->":
            raise self._error("'as' goes with what is heard")
        return evolve(talk, text=self._text(rest[2:]))

    def _modifier(self, match: re.Match[str]) -> Mapping[str, Any]:
        kinds: Mapping[str, Callable[[str], object]] = {"count": int, "within": float}
        return {name: kinds.get(name, str)(value) for name, value in match.groupdict().items() if value is not None}

    def _known(self, name: str) -> str:
        if name not in self.cast or not self.cast[name].exists:
            raise self._error(f"nobody is called {name}")
        return name

    def _actor_called(self, name: str) -> Actor:
        return self.cast[self._known(name)]

    def _other(self, name: str) -> str:
        if name in self.cast or name == SERVICE or re.search(r"[@:]", name):
            return name
        raise self._error(f"neither an actor nor an address: {name}")

    def _text(self, text: str) -> str:
        times = 1
        if text.startswith('"'):
            match = _QUOTED.fullmatch(text)
            if match is None:
                raise self._error("a text in quotes must end with them")
            text, times = match[1], int(match[2] or 1)
        return _ESCAPE.sub(self._unescape, text) * times

    def _unescape(self, match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in ESCAPES:
            raise self._error(f"unknown escape \\{match[2]}")
        return ESCAPES[match[2]]
