"""Neutral presence as stanzas (PRES, PIDF-10, RICH).  Pure but for what has been shown."""

from __future__ import annotations

from attrs import evolve
from twisted.words.xish.domish import Element

from iwf.mapping.model import (
    Address,
    Device,
    Item,
    Note,
    Presence,
    Reason,
    WatchClosed,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchNews,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.pidf import by_availability
from iwf.xmpp.disco import add_caps
from iwf.xmpp.elements import LANG, Component, add, legal_attribute, legal_text, make
from iwf.xmpp.envelope import Unwritable, native_jid, own_jid
from iwf.xmpp.extensions import NS_DELAY, NS_IDLE, NS_NICK, valid_language
from iwf.xmpp.jid import JidFault
from iwf.xmpp.presence.events import may_tell, write_event
from iwf.xmpp.presence.legs import watcher_of_leg
from iwf.xmpp.presence.shown import Shown
from iwf.xmpp.reasons import add_error
from iwf.xmpp.times import stamp_of_seconds

_STALE = 60.0
"""PIDF-10: seconds after which a state says since when it is so."""


def write_presence(item: Item, component: Component, shown: Shown, now: float) -> list[Element]:
    """The stanzas that a payload of presence becomes, in order; none where nothing is to be said.

    :param shown: follows what is written.
    :param now: UTC seconds.
    :raise Unwritable: when it cannot be said in XMPP, by this component.
    """
    try:
        return _stanzas(item, component, shown, now)
    except JidFault as fault:
        raise Unwritable(Reason.MALFORMED_ADDRESS, str(fault)) from None


def _stanzas(item: Item, component: Component, shown: Shown, now: float) -> list[Element]:
    payload = item.payload
    match payload:
        case Presence():
            return _state(payload, component, shown, now)
        case WatchRequested():
            return [_subscribe(item, payload, component)]
        case WatchRenewed() | WatchFetched():
            return [_stanza(item, payload, component, "probe")]
        case WatchEnded():
            return _ended(item, payload, component, shown)
        case WatchGranted():
            return [_stanza(item, payload, component, "subscribed")]
        case WatchRefused():
            return _refused(item, payload, component, shown)
        case WatchClosed():
            return _withdrawn(payload, component, shown)
        case _:
            raise Unwritable(Reason.NOT_SUPPORTED, "nothing is published in XMPP")


def unavailable(sender: str, to: str, notes: tuple[Note, ...] = ()) -> Element:
    """That something of an image is not there (any more)."""
    stanza = make("presence", type="unavailable", **{"from": sender}, to=to)
    _add_notes(stanza, notes)
    return stanza


# --- permissions ---------------------------------------------------------------------------------


def _stanza(item: Item, payload: WatchNews, component: Component, type: str) -> Element:
    sender, to = _ends(payload, component)
    return make("presence", type=type, **{"from": sender}, to=to, id=legal_attribute(item.id))


def _ends(payload: WatchNews, component: Component) -> tuple[str, str]:
    """The bare JIDs: a permission is nobody's in particular (RFC 6121 3.1.1)."""
    return (own_jid(payload.origin.address.bare(), component),
            native_jid(payload.target.bare(), payload.target_spelling))


def _subscribe(item: Item, payload: WatchRequested, component: Component) -> Element:
    stanza = _stanza(item, payload, component, "subscribe")
    if payload.note:
        add(stanza, "status", legal_text(payload.note))
    if payload.origin.name:
        add(stanza, "nick", legal_text(payload.origin.name), NS_NICK)
    return stanza


def _ended(item: Item, payload: WatchEnded, component: Component, shown: Shown) -> list[Element]:
    if payload.forever:
        return [_stanza(item, payload, component, "unsubscribe")]
    sender, to = _ends(payload, component)
    # PRES-27; but who sees this user would take it for him.
    return [] if shown.is_available(sender, to) else [unavailable(sender, to)]


def _refused(item: Item, payload: WatchRefused, component: Component, shown: Shown) -> list[Element]:
    withdrawn = _withdrawn(payload, component, shown, payload.gone)
    if payload.failure.permanent:
        return [*withdrawn, _stanza(item, payload, component, "unsubscribed")]  # PRES-8, PRES-16
    # PRES-16: not refused, only not to be had, and he may ask again.
    stanza = _stanza(item, payload, component, "error")
    add_error(stanza, component, payload.failure)
    return [*withdrawn, stanza]


def _withdrawn(payload: WatchRefused | WatchClosed, component: Component, shown: Shown,
               gone: tuple[str, ...] = ()) -> list[Element]:
    image, to = _ends(payload, component)
    senders = (_resource(image, instance, payload.origin.address, component) for instance in gone)
    pairs = [(sender, to) for sender in senders if sender] + shown.withdraw(image, to)
    return [unavailable(*pair) for pair in dict.fromkeys(pairs)]


# --- states --------------------------------------------------------------------------------------


def _state(payload: Presence, component: Component, shown: Shown, now: float) -> list[Element]:
    image = own_jid(payload.origin.address.bare(), component)
    user = payload.target.bare()
    named = (watcher_of_leg(leg) for leg in payload.legs)
    # PRES-35: to the user, or to the resources that have asked.
    told = dict.fromkeys(one for one in named if one is not None and one.bare() == user) or {user: None}
    if component.one_resource:
        payload = _as_one(payload)
    written = []
    for watcher in told:
        to = native_jid(watcher, payload.target_spelling)
        written += _devices(payload, image, to, component, now)
        if component.rich and payload.known:
            written += _aspects(payload, image, to, component, shown)
    for stanza in written:
        if stanza.name == "presence":
            shown.wrote(stanza["from"], stanza["to"], not stanza.getAttribute("type"))
    return written


def _as_one(payload: Presence) -> Presence:
    """The user as one device without a name: the most available one (PIDF-12)."""
    devices = tuple(evolve(one, instance="") for one in by_availability(payload.devices)[:1])
    there = any(one.open for one in devices)
    return evolve(payload, devices=devices, gone=("",) if payload.gone and not there else ())


def _devices(payload: Presence, image: str, to: str, component: Component, now: float) -> list[Element]:
    written = [_available(one, sender, to, component, now) for one in payload.devices
               if one.open and (sender := _resource(image, one.instance, payload.origin.address, component))]
    closed = {one.instance: one.notes for one in payload.devices if not one.open}
    notice = (Note(payload.notice, "en"),) if payload.notice else ()
    for instance in payload.gone:
        sender = _resource(image, instance, payload.origin.address, component)
        if sender:
            written.append(unavailable(sender, to, notice or closed.get(instance, ())))
    # PRES-35: where there is nothing, that much is said; where nothing is known, nothing (PRES-5).
    if not written and (notice or payload.known):
        written.append(unavailable(image, to, notice or next(iter(closed.values()), ())))
    return written


def _resource(image: str, instance: str, user: Address, component: Component) -> str:
    """The JID of a device; empty where no resource can name it."""
    if not instance:
        return image
    try:
        return own_jid(evolve(user, instance=instance), component)
    except JidFault:
        return ""


def _available(device: Device, sender: str, to: str, component: Component, now: float) -> Element:
    stanza = make("presence", **{"from": sender}, to=to)
    if device.show.value:
        add(stanza, "show", device.show.value)
    _add_notes(stanza, device.notes)
    if device.priority is not None:
        add(stanza, "priority", str(device.priority))
    add_caps(stanza, component, of_image=True)  # XMPP-18
    stamp = stamp_of_seconds(device.at) if device.at is not None and now - device.at > _STALE else ""
    if stamp:
        add(stanza, "delay", uri=NS_DELAY, stamp=stamp, **{"from": component.spelling})
    since = stamp_of_seconds(device.idle_since) if device.idle_since is not None else ""
    if since:
        add(stanza, "idle", uri=NS_IDLE, since=since)  # RICH-5
    return stanza


def _add_notes(stanza: Element, notes: tuple[Note, ...]) -> None:
    languages = set()
    for note in notes:
        language = valid_language(note.language)
        # RFC 6121 4.7.2.2: not two of one language.
        if language.lower() not in languages:
            languages.add(language.lower())
            status = add(stanza, "status", legal_text(note.text))
            if language:
                status.attributes[LANG] = language


def _aspects(payload: Presence, image: str, to: str, component: Component,
             shown: Shown) -> list[Element]:
    person = payload.origin.address.key
    aspects = tuple(one for one in payload.aspects if may_tell(type(one), person, component))
    # Who has just come knows nothing yet.
    news = list(aspects) if payload.legs else shown.news(image, to, aspects)
    return [write_event(aspect, image, to) for aspect in news]
