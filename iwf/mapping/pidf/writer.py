"""Writing presence documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from iwf.mapping.model import Aspect, Device, Mood, Note, Place, Show
from iwf.mapping.pidf.devices import (
    by_availability,
    fraction_of_priority,
    id_of_instance,
    stamp_of_seconds,
)
from iwf.mapping.pidf.names import MODEL, PIDF, RPID
from iwf.mapping.pidf.place import write_place
from iwf.mapping.pidf.rich import write_activities, write_mood
from iwf.mapping.xmldoc import escaped


def build(entity: str, devices: Iterable[Device], aspects: Sequence[Aspect] = (), *, now: float,
          contact_of: Callable[[Device], str] | None = None, number: int = 0,
          tune_as_note: bool = False) -> bytes:
    """Write a document: everything there is to see, in the order that RFC 3863 wants (PIDF-3).

    :param entity: the URI of the presentity, ``pres:user@host`` (PIDF-1).
    :param devices: each instance once; what is closed counts as well.
    :param aspects: of the person.  A place is written if it is among them: consent is the caller's
        matter (RICH-4).
    :param now: UTC seconds.
    :param contact_of: the URI at which a device is reached; empty or no function for none.  Devices
        that are closed or want no messages (negative priority, PIDF-9) have none anyway.
    :param number: of this document among those of its dialog.  It stands in the fractions of the
        timestamps, since RFC 3863 4.1.7 wants no timestamp in two successive documents.
    :param tune_as_note: tell what a person listens to in words (RICH-3).
    """
    shown = sorted(devices, key=lambda one: one.instance)
    place = next((one for one in aspects if isinstance(one, Place)), None)
    location = write_place(place, now) if place is not None else ""
    tuples = []
    for device in shown:
        contact = contact_of(device) if contact_of is not None else ""
        tuples.append(_tuple(device, contact, location if device.open else "", now, number))
        if device.open:
            location = ""  # one of the tuples is enough
    return _document(entity, "".join(tuples) + _person(shown, aspects, tune_as_note))


def neutral(entity: str, open: bool | None = None, note: str = "") -> bytes:
    """Write a document that says nothing (PIDF-11).

    :param open: None: no tuple, for what is not known yet; False: one that is closed, for a watcher
        who shall not know that he may see nothing.
    """
    element = "" if open is None else f'<tuple id="ID"><status>{_basic(open)}</status></tuple>'
    return _document(entity, element + _notes((Note(note),) if note else ()))


def _document(entity: str, inner: str) -> bytes:
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<presence xmlns="{PIDF}" xmlns:dm="{MODEL}" xmlns:rpid="{RPID}" entity="{escaped(entity)}">'
            f"{inner}</presence>").encode()


def _tuple(device: Device, contact: str, location: str, now: float, number: int) -> str:
    status = _basic(device.open)
    idle = ""
    if device.open and device.show is not Show.ONLINE:
        status += f'<show xmlns="jabber:client">{device.show.value}</show>'
    if device.open and device.idle_since is not None:
        stamp = stamp_of_seconds(device.idle_since)
        idle = f'<rpid:user-input last-input="{stamp}">idle</rpid:user-input>' if stamp else ""  # RICH-5
    stamp = stamp_of_seconds(now if device.at is None else device.at, number)
    told = f"<timestamp>{stamp}</timestamp>" if stamp else ""
    return (f'<tuple id="{id_of_instance(device.instance)}"><status>{status}{location}</status>{idle}'
            f"{_contact(device, contact)}{_notes(device.notes)}{told}</tuple>")


def _basic(open: bool) -> str:
    return f"<basic>{'open' if open else 'closed'}</basic>"


def _contact(device: Device, uri: str) -> str:
    if not uri or not device.open or (device.priority or 0) < 0:
        return ""
    priority = ("" if device.priority is None
                else f' priority="{fraction_of_priority(device.priority)}"')
    return f"<contact{priority}>{escaped(uri)}</contact>"


def _notes(notes: Iterable[Note]) -> str:
    """PIDF-7: one a language."""
    return "".join(
        (f'<note xml:lang="{escaped(note.language)}">' if note.language else "<note>")
        + f"{escaped(note.text)}</note>" for note in notes)


def _person(devices: Iterable[Device], aspects: Iterable[Aspect], tune_as_note: bool) -> str:
    # PIDF-6: of the person, what the device says that he would be reached at.
    available = [one for one in by_availability(devices) if one.open]
    show = max(available, key=lambda one: one.priority or 0).show if available else Show.ONLINE
    inner = write_activities(show, aspects, tune_as_note)
    inner += "".join(write_mood(one) for one in aspects if isinstance(one, Mood))
    if show is Show.LONG_AWAY:
        inner += "<rpid:user-input>idle</rpid:user-input>"
    return f'<dm:person id="p1">{inner}</dm:person>' if inner else ""
