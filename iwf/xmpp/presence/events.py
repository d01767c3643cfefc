"""Personal events (XEP-0163): moods, activities, tunes and places, both ways.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.words.xish.domish import Element

from iwf.mapping.model import Activity, Aspect, Mood, Place, Tune
from iwf.mapping.pidf.tables import GENERAL, OTHER_MOODS, SHARED_MOODS, SPECIFIC
from iwf.xmpp.elements import (
    Component,
    add,
    attribute,
    child,
    children,
    legal_text,
    make,
    text_of,
)
from iwf.xmpp.extensions import NS_ACTIVITY, NS_MOOD, NS_PLACE, NS_TUNE

NS_EVENT = "http://jabber.org/protocol/pubsub#event"

NODE_OF_ASPECT: dict[type[Aspect], str] = {
    Mood: NS_MOOD, Activity: NS_ACTIVITY, Tune: NS_TUNE, Place: NS_PLACE,
}  # fmt: skip

#: The elements of a place (XEP-0080) that mean the same tomorrow and to somebody else.
_PLACES = ("accuracy", "alt", "area", "building", "country", "countrycode", "description", "floor",
           "lat", "locality", "lon", "postalcode", "region", "room", "street", "text", "uri")
_LONGEST = 1000
_MOODS = SHARED_MOODS | OTHER_MOODS | {"undefined"}
_NUMBER = re.compile("[0-9]{1,9}", re.ASCII)


def event_of(message: Element) -> Aspect | None:
    """What a message says of a person; None when it is no personal event we know.

    An aspect without content: he says nothing of it any more.
    """
    event = child(message, "event", NS_EVENT)
    items = child(event, "items", NS_EVENT) if event is not None else None
    if items is None:
        return None
    reader = _READERS.get(attribute(items, "node"))
    if reader is None:
        return None
    item = child(items, "item", NS_EVENT)
    payload = next(children(item), None) if item is not None else None
    if payload is None or payload.uri != attribute(items, "node"):
        payload = make("nothing")  # retracted, or not what the node is for
    return reader(payload)


def write_event(aspect: Aspect, sender: str, to: str) -> Element:
    """The message that tells of an aspect; of an empty one, that there is nothing to tell."""
    node = NODE_OF_ASPECT[type(aspect)]
    message = make("message", type="headline", **{"from": sender}, to=to)
    items = add(add(message, "event", uri=NS_EVENT), "items", node=node)
    # XEP-0163: of an event only the present one counts.
    item = add(items, "item", id="current")
    payload = add(item, node.rpartition("/")[2], uri=node)
    match aspect:
        case Mood():
            _add_words(payload, (aspect.name,), aspect.text)
        case Activity():
            _add_words(payload, (aspect.general, aspect.specific), aspect.text)
        case Tune():
            for name in ("artist", "length", "rating", "source", "title", "track", "uri"):
                value = getattr(aspect, name)
                if value:
                    add(payload, name, legal_text(str(value)))
        case Place():
            for name, text in aspect.fields:
                if name in _PLACES and text:
                    add(payload, name, legal_text(text))
    return message


def may_tell(aspect: type[Aspect], person: str, component: Component) -> bool:
    """Whether an aspect of a person may cross the gateway (RICH-4).

    :param person: the key of his bare address, as this component sees it.
    """
    return component.rich and (aspect is not Place or person in component.locates)


# --- reading -------------------------------------------------------------------------------------


def _mood(payload: Element) -> Aspect:
    names = [one.name for one in children(payload) if one.name in _MOODS]
    return Mood(names[0] if names else "", _text(payload))


def _activity(payload: Element) -> Aspect:
    for general in children(payload):
        if general.name in GENERAL:
            specific = next((one.name for one in children(general) if one.name in SPECIFIC), "")
            return Activity(general.name, specific, _text(payload))
    return Activity()


def _tune(payload: Element) -> Aspect:
    said = _fields(payload)
    rating = _integer(said.get("rating", ""))
    return Tune(said.get("artist", ""), _integer(said.get("length", "")),
                rating if rating is not None and 1 <= rating <= 10 else None, said.get("source", ""),
                said.get("title", ""), said.get("track", ""), said.get("uri", ""))


def _place(payload: Element) -> Aspect:
    said = _fields(payload)
    return Place(tuple((name, said[name]) for name in _PLACES if said.get(name)))


def _fields(payload: Element) -> dict[str, str]:
    said: dict[str, str] = {}
    for one in children(payload):
        said.setdefault(one.name, text_of(one).strip()[:_LONGEST])
    return said


def _text(payload: Element) -> str:
    return _fields(payload).get("text", "")


def _integer(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


_READERS: dict[str, Callable[[Element], Aspect]] = {
    NS_MOOD: _mood, NS_ACTIVITY: _activity, NS_TUNE: _tune, NS_PLACE: _place,
}  # fmt: skip


# --- writing -------------------------------------------------------------------------------------


def _add_words(payload: Element, names: tuple[str, ...], text: str) -> None:
    """Names within names, and a text beside the first one."""
    inner = payload
    for name in names:
        if name:
            inner = add(inner, name)
    if inner is not payload and text:
        add(payload, "text", legal_text(text))
