"""Moods and activities of a person: RPID (RFC 4480) there, XEP-0107 and XEP-0108 here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iwf.mapping.model import Activity, Aspect, Mood, Show, Tune
from iwf.mapping.pidf.names import RPID
from iwf.mapping.pidf.tables import (
    ACTIVITY_OF_RPID,
    GENERAL,
    OTHER_MOODS,
    RPID_OF_ACTIVITY,
    RPID_OF_SHOW,
    SHARED_MOODS,
    SHOW_OF_RPID,
    SPECIFIC,
    TEXT_OF_RPID,
)
from iwf.mapping.xmldoc import Node, escaped

_NS = f"{{{RPID}}}"
_UNKNOWN = "<rpid:unknown/>"


# --- reading -------------------------------------------------------------------------------------


def mood_of(persons: Iterable[Node]) -> Mood | None:
    """The first mood that persons are said to be in (RICH-1)."""
    for element, name, value in _values(persons, "mood"):
        note = element.text_of(f"{_NS}note")
        if name in SHARED_MOODS:
            return Mood(name, note)
        if name == "unknown":
            return Mood("undefined", note)
        if name == "other":
            return Mood(value, note) if value in OTHER_MOODS else Mood("undefined", value or note)
    return None


def activity_of(persons: Iterable[Node]) -> Activity | None:
    """The first activity that XMPP has a word for, or else a text (RICH-2)."""
    for element, name, value in _values(persons, "activities"):
        note = element.text_of(f"{_NS}note")
        if name in ACTIVITY_OF_RPID:
            return Activity(*ACTIVITY_OF_RPID[name], note)
        if name in TEXT_OF_RPID:
            return Activity("undefined", "", note or TEXT_OF_RPID[name])
        if name == "other":
            general, _, specific = value.partition("/")
            if general in GENERAL and (not specific or specific in SPECIFIC):
                return Activity(general, specific, note)
            if value or note:
                return Activity("undefined", "", value or note)
    return None


def show_of(nodes: Iterable[Node]) -> Show | None:
    """What activities say of how much somebody wants to be disturbed; the strongest word of several
    (PIDF-6)."""
    said = {SHOW_OF_RPID[name] for _, name, _ in _values(nodes, "activities") if name in SHOW_OF_RPID}
    return next((show for show in (Show.BUSY, Show.LONG_AWAY, Show.AWAY) if show in said), None)


def _values(nodes: Iterable[Node], name: str) -> Iterator[tuple[Node, str, str]]:
    """Every value in the elements of that name: the element, the value's name, its text."""
    for node in nodes:
        for element in node.children:
            if element.name == _NS + name:
                for value in element.children:
                    if value.name.startswith(_NS):
                        yield element, value.name.removeprefix(_NS), value.text.strip()


# --- writing -------------------------------------------------------------------------------------


def write_activities(show: Show, aspects: Iterable[Aspect], tune_as_note: bool) -> str:
    """The activities of a person; empty when there are none (PIDF-6, RICH-2).

    :param tune_as_note: whether a tune is told as an activity in words (RICH-3).
    """
    values, note = [], ""
    if show in RPID_OF_SHOW:
        values.append(f"<rpid:{RPID_OF_SHOW[show]}/>")
    for aspect in aspects:
        if isinstance(aspect, Activity) and aspect.general:
            value, note = _activity(aspect)
            values.append(value)
        elif isinstance(aspect, Tune) and tune_as_note and (aspect.title or aspect.artist):
            what = " - ".join(filter(None, (aspect.title, aspect.artist)))
            values.append(_other(f"listening to {what}"))
    # RFC 4480 3.2: who is said to do something does nothing that is unknown.
    known = [value for value in dict.fromkeys(values) if value != _UNKNOWN]
    return _element("activities", note, known or values)


def write_mood(mood: Mood) -> str:
    """The mood of a person; empty when there is none (RICH-1)."""
    if not mood.name:
        return ""
    if mood.name in SHARED_MOODS:
        return _element("mood", mood.text, [f"<rpid:{mood.name}/>"])
    if mood.name == "undefined":
        return _element("mood", "", [_other(mood.text) if mood.text else _UNKNOWN])
    return _element("mood", mood.text, [_other(mood.name)])


def _activity(activity: Activity) -> tuple[str, str]:
    """The value and the note."""
    name = RPID_OF_ACTIVITY.get((activity.general, activity.specific))
    if name is not None:
        return f"<rpid:{name}/>", activity.text
    if activity.general == "undefined" and not activity.specific:
        return (_other(activity.text) if activity.text else _UNKNOWN), ""
    return _other("/".join(filter(None, (activity.general, activity.specific)))), activity.text


def _other(text: str) -> str:
    return f"<rpid:other>{escaped(text)}</rpid:other>"


def _element(name: str, note: str, values: Iterable[str]) -> str:
    inner = "".join(values)
    if not inner:
        return ""
    told = f"<rpid:note>{escaped(note)}</rpid:note>" if note else ""
    return f"<rpid:{name}>{told}{inner}</rpid:{name}>"
