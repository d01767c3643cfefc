"""Reading presence documents, whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from iwf.mapping.model import Aspect, Device, Note, Show
from iwf.mapping.pidf.devices import (
    by_availability,
    instance_of_contact,
    instance_of_id,
    priority_of_fraction,
    seconds_of_stamp,
)
from iwf.mapping.pidf.names import (
    CLIENT,
    DRAFTS,
    IM,
    LANG,
    MODEL,
    PIDF,
    RPID,
    Document,
    PidfFault,
)
from iwf.mapping.pidf.place import place_of
from iwf.mapping.pidf.rich import activity_of, mood_of, show_of
from iwf.mapping.xmldoc import Node, XmlFault
from iwf.mapping.xmldoc import parse as parse_xml

#: PIDF-6: seconds after which somebody who is away and idle counts as long away.
LONG_IDLE = 900.0

_NS = f"{{{PIDF}}}"
_USER_INPUT = f"{{{RPID}}}user-input"
_DEVICE_ID = f"{{{MODEL}}}deviceID"

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}")

#: PIDF-5: contacts that are no devices of the kind a watcher could chat with.
_FOREIGN = ("mailto:", "tel:")


@frozen
class _Idle:
    """That nobody has touched something, and since when."""

    since: float | None


@frozen
class _Context:
    """What a document says for all its tuples."""

    persons: tuple[Node, ...]
    notes: tuple[Note, ...]
    """For tuples without notes of their own."""
    idle: _Idle | None
    idle_devices: dict[str, _Idle]
    """By device id (RFC 4479)."""
    says_shows: bool
    """Whether the show of a tuple stands in it or is none, since another gateway wrote the document."""
    now: float | None


def parse(octets: bytes, now: float | None = None, language: str = "") -> Document:
    """Read a document.

    :param now: UTC seconds, by which it is seen what is over and who has been idle for long; None:
        nothing is over, and the newest timestamp counts as the present.
    :param language: of what does not say its own.
    :raises PidfFault: when it is none.
    """
    try:
        root = parse_xml(octets)
    except XmlFault as fault:
        raise PidfFault(str(fault)) from None
    if root.name.removesuffix("}presence").removeprefix("{") in DRAFTS:
        _rename(root, root.name.removesuffix("presence"))
    if root.name != f"{_NS}presence":
        raise PidfFault("not a presence document")
    root.attributes.setdefault(LANG, language)
    notes = _notes(root, f"{_NS}note", "")
    context = _context(root, notes, now)
    devices: dict[str, Device] = {}
    for element in root.children:
        if element.name == f"{_NS}tuple" and not _is_foreign(element):
            device = _device(element, root, context)
            known = devices.get(device.instance, device)
            devices[device.instance] = by_availability((known, device))[0]
    return Document(root.attributes.get("entity", "").strip(), tuple(devices.values()),
                    _aspects(root, context.persons, now), notes)


def _rename(node: Node, namespace: str) -> None:
    """Put the elements of a draft's namespace into that of the standard."""
    if node.name.startswith(namespace):
        node.name = _NS + node.name.removeprefix(namespace)
    for child in node.children:
        _rename(child, namespace)


def _context(root: Node, notes: tuple[Note, ...], now: float | None) -> _Context:
    persons = tuple(one for one in root.children if one.name == f"{{{MODEL}}}person")
    # Some write what belongs into a person directly into the document.
    said = (*persons, root)
    of_persons = _one_a_language(
        note for person in persons
        for note in _notes(person, f"{{{MODEL}}}note", root.attributes.get(LANG, "")))
    idle_devices = {}
    for device in root.children:
        idle = _idle((device,))
        if device.name == f"{{{MODEL}}}device" and idle is not None:
            idle_devices[device.text_of(_DEVICE_ID)] = idle
    if now is None:
        stamps = (seconds_of_stamp(one.text_of(f"{_NS}timestamp")) for one in root.children)
        now = max((at for at in stamps if at is not None), default=None)
    says_shows = any(_said_show(one) for one in root.children)
    # PIDF-7, RFC 4479: notes of the document are about persons without notes of their own.
    return _Context(said, of_persons or notes, _idle(persons), idle_devices, says_shows,
                    now)


def _aspects(root: Node, persons: tuple[Node, ...], now: float | None) -> tuple[Aspect, ...]:
    found = (mood_of(persons), activity_of(persons), place_of(root, now))
    return tuple(aspect for aspect in found if aspect is not None)


# --- one tuple -----------------------------------------------------------------------------------


def _is_foreign(element: Node) -> bool:
    """Whether a tuple is about something else than a device or service of ours (PIDF-5)."""
    if element.text_of(f"{_NS}contact").lower().startswith(_FOREIGN):
        return True
    service = element.child(f"{{{RPID}}}service-class")
    if service is None or not service.children:
        return False
    named = {one.name.rpartition("}")[2] for one in service.children} - {"note"}
    return bool(named) and named.isdisjoint({"electronic", "unknown"})


def _device(element: Node, root: Node, context: _Context) -> Device:
    contact = element.child(f"{_NS}contact")
    uri = "" if contact is None else contact.text.strip()
    status = element.child(f"{_NS}status") or Node("")
    idle = (_idle((element, status)) or context.idle_devices.get(element.text_of(_DEVICE_ID))
            or context.idle)
    is_open = _is_open(status)
    language = element.attributes.get(LANG) or root.attributes.get(LANG, "")
    return Device(
        # PIDF-12: a GRUU names the device better than an id, which may be of the moment.
        instance=instance_of_contact(uri) or instance_of_id(element.attributes.get("id", "").strip()),
        open=is_open,
        show=_show(element, status, idle, context) if is_open else Show.ONLINE,
        notes=_notes(element, f"{_NS}note", language) or context.notes,
        priority=None if contact is None else priority_of_fraction(contact.attributes.get("priority", "")),
        at=seconds_of_stamp(element.text_of(f"{_NS}timestamp")),
        idle_since=idle.since if idle is not None and is_open else None,
    )


def _is_open(status: Node) -> bool:
    basic = status.child(f"{_NS}basic")
    # PIDF-5: a status of another kind than basic still is one.
    return bool(status.children) if basic is None else basic.text.strip().lower() == "open"


def _show(element: Node, status: Node, idle: _Idle | None, context: _Context) -> Show:
    """PIDF-6: the evidence in this order."""
    if context.says_shows:
        return Show(_said_show(element))
    show = show_of((status, element)) or show_of(context.persons)
    if show is Show.AWAY and _is_long(idle, context.now):
        return Show.LONG_AWAY
    if show is not None:
        return show
    if idle is not None:
        return Show.AWAY
    return Show.BUSY if status.text_of(f"{{{IM}}}im").lower() == "busy" else Show.ONLINE


def _said_show(element: Node) -> str:
    """What the tuple says in XMPP's own word, if any (RFC 8048)."""
    for node in (element.child(f"{_NS}status"), element):
        said = node.text_of(f"{{{CLIENT}}}show").lower() if node is not None else ""
        if said in ("chat", "away", "xa", "dnd"):
            return said
    return ""


def _is_long(idle: _Idle | None, now: float | None) -> bool:
    return (idle is not None and idle.since is not None and now is not None
            and now - idle.since > LONG_IDLE)


def _idle(nodes: Iterable[Node]) -> _Idle | None:
    """RICH-5: the first word of user input, if it says that there is none."""
    for node in nodes:
        found = node.child(_USER_INPUT)
        if found is not None:
            if found.text.strip().lower() != "idle":
                return None
            return _Idle(seconds_of_stamp(found.attributes.get("last-input", "")))
    return None


def _notes(node: Node, name: str, inherited: str) -> tuple[Note, ...]:
    inherited = node.attributes.get(LANG) or inherited
    return _one_a_language(
        Note(one.text.strip(), _language(one.attributes.get(LANG) or inherited))
        for one in node.children if one.name == name and one.text.strip())


def _language(tag: str) -> str:
    return tag if _LANGUAGE.fullmatch(tag) else ""


def _one_a_language(notes: Iterable[Note]) -> tuple[Note, ...]:
    first: dict[str, Note] = {}
    for note in notes:
        first.setdefault(note.language.lower(), note)
    return tuple(first.values())
