"""The lines of a play that are about presence; see :mod:`tests.scenarios.play`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from attrs import frozen

from tests.scenarios.stage import SIP, XMPP, Actor
from tests.support.seen import OFFLINE, SHOWS, State, View

SIGHT = 10.0
"""Seconds within which an actor sees what is so, where the play says nothing else."""
DEVICES = {XMPP: "orchard", SIP: "phone"}
"""The device of who has only one."""


@frozen
class Ask:
    """Something between two actors."""

    actor: str
    verb: str
    """One of :data:`DONE`."""
    other: str


@frozen
class Asked:
    """The actor is asked by the other one and has not answered."""

    actor: str
    other: str
    within: float = SIGHT


@frozen
class Appear:
    actor: str
    state: State


@frozen
class Sees:
    """What the actor sees of the other one: this and nothing else, on each of his devices."""

    actor: str
    other: str
    view: View | None
    within: float = SIGHT


@frozen
class Watched:
    """How many dialogs a SIP user has with us for one who sees him (SIP-93)."""

    actor: str
    other: str
    count: int
    within: float = SIGHT


Watching = Ask | Asked | Appear | Sees | Watched

DONE = {"asks to see": "ask", "asks no more for": "ask_no_more", "allows": "allow", "refuses": "refuse"}
"""The verbs between two actors, and the method of who does it."""

_STATE = rf"({'|'.join((*SHOWS, OFFLINE))})(?: \"([^\"]*)\")?(?: on (\S+?))?"
_WITHIN = r"(?: within (\d+(?:\.\d+)?) seconds?)?"
_NEXT = re.compile(rf"{_STATE}(?:, |$)")

Known = Callable[[str], Actor]
"""The actor of a name; raises where there is none."""


def _ask(match: re.Match[str], known: Known) -> Ask:
    return Ask(known(match[1]).name, match[2], known(match[3]).name)


def _asked(match: re.Match[str], known: Known) -> Asked:
    return Asked(known(match[1]).name, known(match[2]).name, _seconds(match[3]))


def _appear(match: re.Match[str], known: Known) -> Appear:
    actor = known(match[1])
    return Appear(actor.name, _state(match[2], match[3], match[4], actor))


def _sees(match: re.Match[str], known: Known) -> Sees:
    other = known(match[2])
    states = [_state(*found.groups(), other) for found in _NEXT.finditer(match[3])]
    return Sees(known(match[1]).name, other.name, frozenset(one for one in states if one.show != OFFLINE),
                _seconds(match[match.re.groups]))


def _sees_nothing(match: re.Match[str], known: Known) -> Sees:
    return Sees(known(match[1]).name, known(match[2]).name, None, _seconds(match[3]))


def _watched(match: re.Match[str], known: Known) -> Watched:
    count = {"once": 1, "no more": 0}[match[2]]
    return Watched(known(match[1]).name, known(match[3]).name, count, _seconds(match[4]))


LINES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Known], Watching]], ...] = (
    (re.compile(rf"(\S+) ({'|'.join(DONE)}) (\S+)"), _ask),
    (re.compile(rf"(\S+) is asked by (\S+){_WITHIN}"), _asked),
    (re.compile(rf"(\S+) is {_STATE}"), _appear),
    (re.compile(rf"(\S+) sees nothing of (\S+){_WITHIN}"), _sees_nothing),
    (re.compile(rf"(\S+) sees (\S+) ({_STATE}(?:, {_STATE})*){_WITHIN}"), _sees),
    (re.compile(rf"(\S+) is watched (once|no more) by (\S+){_WITHIN}"), _watched),
)


def _seconds(text: str | None) -> float:
    return float(text or SIGHT)


def _state(show: str, note: str | None, device: str | None, actor: Actor,
           devices: Mapping[str, str] = DEVICES) -> State:
    return State(devices.get(actor.world, "") if device is None else device, show, note or "")
