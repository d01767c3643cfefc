"""What the XMPP edge would do with a stanza, without doing it: for ``iwf explain``.  Pure."""

from __future__ import annotations

from twisted.words.xish.domish import Element, elementStream

from iwf.edge import Ignored, Offered, Reading
from iwf.mapping.model import (
    Composing,
    Failure,
    Item,
    Message,
    Notification,
    Refused,
    Report,
    Verdict,
)
from iwf.xmpp.disco import NS_COMMANDS, NS_REGISTER
from iwf.xmpp.elements import NS_COMPONENT, attribute, children, component_of, octets_of
from iwf.xmpp.envelope import Unwritable
from iwf.xmpp.jid import JidFault, address_of_jid
from iwf.xmpp.presence.answers import answer_verdict
from iwf.xmpp.presence.shown import Shown
from iwf.xmpp.presence.writing import write_presence
from iwf.xmpp.reasons import error_reply
from iwf.xmpp.settings import XmppSettings
from iwf.xmpp.stanzas import read, write


class Explainer:
    """Reads, answers and writes as the edge does, from the configuration alone."""

    def __init__(self, settings: XmppSettings, version: str) -> None:
        self._settings = settings
        self._components = [component_of(one, settings, version, 0.0)
                            for one in settings.components]

    def read(self, octets: bytes, now: float) -> Reading:
        """What a stanza with these octets is, on the stream of the component it is addressed to."""
        if not self._components:
            return Ignored("no component is configured")
        element = parse_stanza(octets)
        if element is None:
            # XMPP-11: broken XML ends the stream; there is nobody to answer.
            return Ignored("no well-formed stanza", ("XMPP-11",))
        try:
            domain = address_of_jid(attribute(element, "to")).domain
        except JidFault:
            domain = attribute(element, "to").partition("/")[0].rpartition("@")[2].lower()
        component = next((one for one in self._components if one.domain == domain),
                         self._components[0])
        if component.commands and any(one.uri in (NS_COMMANDS, NS_REGISTER) for one in children(element)):
            return Ignored("a command or a registration: what it does is known to the daemon alone", ("XMPP-33",))
        return read(element, component, now)

    def answer(self, octets: bytes, verdict: Verdict) -> bytes:
        """The answer to what was refused; nothing to what was taken."""
        element = parse_stanza(octets)
        if element is None or not isinstance(verdict, Refused):
            return b""
        domain = address_of_jid(attribute(element, "to")).domain
        component = next(one for one in self._components if one.domain == domain)
        if element.name == "presence":
            reading = read(element, component, 0.0)
            return (answer_verdict(element, reading.event, verdict, component)
                    if isinstance(reading, Offered) else b"")
        return octets_of(error_reply(element, component, verdict.failure))

    def write(self, item: Item, now: float) -> tuple[str, bytes] | Failure:
        """On which component's stream an item would go, and as what."""
        component = next(one for one in self._components if one.lane == item.lane)
        try:
            if isinstance(item.payload, Message | Report | Notification | Composing):
                return component.domain, octets_of(write(item, component))
            stanzas = write_presence(item, component, Shown(), now)
            return component.domain, b"".join(map(octets_of, stanzas))
        except Unwritable as fault:
            return fault.failure


def parse_stanza(octets: bytes) -> Element | None:
    """One stanza as it stands on a component stream; None when it is not well-formed.

    :param octets: with or without a namespace of its own.
    """
    found: list[Element] = []
    stream = elementStream()
    stream.DocumentStartEvent = lambda root: None
    stream.ElementEvent = found.append
    stream.DocumentEndEvent = lambda: None
    try:
        stream.parse(b"<stream xmlns='" + NS_COMPONENT.encode() + b"'>")
        stream.parse(octets)
    except Exception:  # domish passes on whatever its parser raises
        return None
    return found[0] if found else None


