"""Presence stanzas of users as neutral events (PRES, XMPP-13, XMPP-21).  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import evolve, frozen
from twisted.words.xish.domish import Element

from iwf.edge import Answered, Ignored, Offered, Reading
from iwf.mapping.model import (
    Address,
    Device,
    Event,
    Failure,
    Note,
    Party,
    Presence,
    Reason,
    Remember,
    Show,
    WatchBroken,
    WatchEnded,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.xmpp.disco import is_image
from iwf.xmpp.elements import (
    NS_COMPONENT,
    Component,
    attribute,
    child,
    children,
    octets_of,
    text_of,
)
from iwf.xmpp.envelope import spelling_of
from iwf.xmpp.extensions import NS_DELAY, NS_IDLE, NS_LEGACY_DELAY, NS_NICK, language_of
from iwf.xmpp.jid import jid_of_address
from iwf.xmpp.presence.answers import available_gateway, bare_reply
from iwf.xmpp.presence.legs import leg_of
from iwf.xmpp.reasons import error_reply, failure_of_error
from iwf.xmpp.times import seconds_of_stamp

NS_MUC = "http://jabber.org/protocol/muc"

#: Seconds after which a leg ends of which nothing more was heard (PRES-11): a server tells us that a
#: user has gone only if the image is subscribed to him.  Until then his watch is refreshed; for why
#: he is not probed before each refresh see docs/decisions/0009.
LEG_LIFE = 7 * 86_400.0

FOR_EVER = 9e12
"""UTC seconds beyond any clock."""

MOST_NOTES = 16
"""Languages of one status."""

_SHOWS = {"chat": Show.CHAT, "away": Show.AWAY, "xa": Show.LONG_AWAY, "dnd": Show.BUSY}
_NOBODY = frozenset({Reason.UNKNOWN_RECIPIENT, Reason.GONE})
_REFUSING = frozenset({
    Reason.FORBIDDEN, Reason.NOT_ALLOWED, Reason.SUBSCRIPTION_REQUIRED, Reason.REGISTRATION_REQUIRED,
    Reason.NOT_ACCEPTABLE,
})  # fmt: skip
_INTEGER = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)


@frozen
class _Said:
    """A stanza of a user to an image."""

    element: Element
    component: Component
    origin: Address
    target: Address
    now: float

    @property
    def party(self) -> Party:
        nick = child(self.element, "nick", NS_NICK)
        name = "" if nick is None else " ".join(text_of(nick).split())[:256]
        return Party(self.origin, name, self.component.lane,
                     spelling_of(attribute(self.element, "from"), self.origin))

    @property
    def user(self) -> Party:
        """Who asks and allows: the user, whatever device he does it on (RFC 6121 3.1.2)."""
        return evolve(self.party, address=self.origin.bare())

    @property
    def image(self) -> Address:
        return self.target.bare()

    def leg(self, watcher: Address) -> str:
        return leg_of(watcher, self.image, self.component)


def read_presence(element: Element, component: Component, origin: Address, target: Address | None,
                  now: float) -> Reading:
    """What a presence stanza says.

    :param target: None when the address cannot be read.
    :param now: UTC seconds.
    """
    type = attribute(element, "type")
    if target is None or (target.user and not is_image(target, component)):
        if type in ("subscribe", "probe"):
            answer = octets_of(bare_reply(element, component, "unsubscribed"))
            return Answered(answer, "presence", ("XMPP-13",), refused=False)
        return Ignored("presence", ("XMPP-13",))
    said = _Said(element, component, origin, target, now)
    if not target.user:
        return _read_for_gateway(said, type)
    reader = _READERS.get(type)
    if reader is None:
        return Ignored("presence of no type that exists")
    if not type and child(element, "x", NS_MUC) is not None:
        failure = Failure(Reason.NOT_OFFERED, text="this is no room")
        return Answered(octets_of(error_reply(element, component, failure)), "a room", ("MSG-7",))
    events, rules = reader(said)
    return Offered(events[0], rules, events[1:])


def device_of(element: Element, instance: str, now: float) -> Device:
    """The device that an available or unavailable stanza tells of (PIDF-4)."""
    language = language_of(element)
    is_open = attribute(element, "type") != "unavailable"
    show, priority, notes = Show.ONLINE, None, dict[str, Note]()
    at, idle_since = now, None
    for one in children(element):
        if one.uri == NS_COMPONENT:
            if one.name == "show":
                show = _SHOWS.get(text_of(one).strip(), show)
            elif one.name == "priority":
                priority = _priority(text_of(one).strip())
            elif one.name == "status" and len(notes) < MOST_NOTES:
                note = Note(text_of(one).strip(), language_of(one) or language)
                if note.text:
                    notes.setdefault(note.language.lower(), note)
        elif (one.uri, one.name) in ((NS_DELAY, "delay"), (NS_LEGACY_DELAY, "x")):
            stamp = seconds_of_stamp(attribute(one, "stamp"))
            at = at if stamp is None else min(at, stamp)
        elif (one.uri, one.name) == (NS_IDLE, "idle"):
            idle_since = seconds_of_stamp(attribute(one, "since"))
    return Device(instance, is_open, show if is_open else Show.ONLINE, tuple(notes.values()),
                  priority if is_open else None, at, idle_since if is_open else None)


def _priority(text: str) -> int | None:
    number = int(text) if _INTEGER.fullmatch(text) else None
    return number if number is not None and -128 <= number <= 127 else None


# --- to images: one function a type --------------------------------------------------------------

_Events = tuple[tuple[Event, ...], tuple[str, ...]]


def _available(said: _Said) -> _Events:
    # PRES-9: he is there and looks; PRES-33: what there is to see of this resource.
    return (_looks(said, said.origin), _seen(said)), ("PRES-9", "PRES-33")


def _unavailable(said: _Said) -> _Events:
    lane = said.component.lane
    if not said.origin.instance:
        # RFC 6121 4.6.4: nothing is left of him.
        gone = Presence(said.party, said.target, (Device(open=False, at=said.now),), whole=False, lane=lane)
        return (gone, WatchEnded(said.user, said.image, lane=lane)), ("PRES-10",)
    legs = (said.leg(said.origin), said.leg(said.origin.bare()))
    # That of the user himself goes on while other resources are left (presence/here.py).
    ended = (WatchEnded(said.party, said.image, leg, lane=lane) for leg in legs)
    return (_seen(said), *ended), ("PRES-10", "PRES-33")


def _seen(said: _Said) -> Presence:
    device = device_of(said.element, said.origin.instance, said.now)
    return Presence(said.party, said.target, (device,), whole=False, lane=said.component.lane)


def _looks(said: _Said, watcher: Address) -> WatchRenewed:
    return WatchRenewed(said.party, said.image, said.leg(watcher), said.now + LEG_LIFE,
                        said.component.lane)


def _probe(said: _Said) -> _Events:
    return (_looks(said, said.origin),), ("PRES-9", "PRES-15")


def _subscribe(said: _Said) -> _Events:
    notes = device_of(said.element, "", said.now).notes
    return (WatchRequested(said.user, said.image, said.leg(said.origin.bare()), said.now + LEG_LIFE,
                           notes[0].text if notes else "", said.component.lane),), ("PRES-1",)


def _subscribed(said: _Said) -> _Events:
    return (WatchGranted(said.user, said.image, lane=said.component.lane),), ("PRES-23",)


def _unsubscribed(said: _Said) -> _Events:
    failure = Failure(Reason.FORBIDDEN, everywhere=True)
    return (WatchRefused(said.user, said.image, failure, lane=said.component.lane),), ("PRES-24",)


def _unsubscribe(said: _Said) -> _Events:
    return (WatchEnded(said.user, said.image, forever=True, lane=said.component.lane),), (
        "PRES-13", "PRES-31")


def _error(said: _Said) -> _Events:
    # PRES-37.  A server that cannot be found or does not answer says nothing about its users.
    failure, rules = failure_of_error(said.element), ("PRES-37", "ERR-1")
    lane = said.component.lane
    refused = WatchRefused(said.user, said.image, failure, lane=lane)
    if failure.reason in _NOBODY:
        return (refused, WatchEnded(said.user, said.image, forever=True, lane=lane)), rules
    if failure.reason in _REFUSING:
        return (refused,), rules
    return (WatchBroken(said.user, said.image, failure, lane),), rules


_READERS: dict[str, Callable[[_Said], _Events]] = {
    "": _available,
    "unavailable": _unavailable,
    "probe": _probe,
    "subscribe": _subscribe,
    "subscribed": _subscribed,
    "unsubscribe": _unsubscribe,
    "unsubscribed": _unsubscribed,
    "error": _error,
}


# --- to the gateway itself (XEP-0100) ------------------------------------------------------------


def _read_for_gateway(said: _Said, type: str) -> Reading:
    """XMPP-21..23; and where the state of users is published for them, the gateway watches them like
    anybody else (PUB-1)."""
    if type == "probe":
        answer = octets_of(available_gateway(attribute(said.element, "from"), said.component))
        return Answered(answer, "presence", ("XMPP-21",), refused=False)
    if type in ("", "unavailable"):
        return Offered(_seen(said), ("PUB-1",))
    if type == "subscribed":
        return Offered(_subscribed(said)[0][0], ("PUB-1",))
    if type not in ("subscribe", "unsubscribe", "unsubscribed", "error"):
        return Ignored("presence of no type that exists")
    events, rules = _READERS[type](said)
    if isinstance(events[0], WatchBroken):
        return Offered(events[0], rules)  # not to be reached just now
    user = said.user.address
    spelled = (said.user.spelling or jid_of_address(user)) if type == "subscribe" else ""
    # XMPP-23: whoever wants no more of it, or is not there any more, is forgotten.
    return Offered(Remember(said.component.lane, user.key, spelled, FOR_EVER),
                   ("XMPP-21",) if spelled else ("XMPP-23",), events)
