"""Stanzas as elements: names, reading, building and serialising.  Pure; domish is the syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from attrs import frozen
from twisted.words.xish.domish import Element

from iwf.mapping.model import TEL
from iwf.xmpp.jid import address_of_jid, prepared_domain
from iwf.xmpp.settings import ComponentSettings, XmppSettings

NS_COMPONENT = "jabber:component:accept"
NS_STREAMS = "http://etherx.jabber.org/streams"
NS_XML = "http://www.w3.org/XML/1998/namespace"
NS_PING = "urn:xmpp:ping"

LANG = (NS_XML, "lang")

_ILLEGAL = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_LINE_END = re.compile("\\r\\n?")
_SPACE = re.compile("[\\t\\n\\r]")


@frozen
class Component:
    """What reading and writing know of the component they work for."""

    domain: str
    """Lower case, A-labels, as in addresses."""
    spelling: str
    """As the server's configuration has it; stands in every ``from`` we write (XMPP-5)."""
    lane: str
    bridges: str
    ours: frozenset[str]
    """The domains of all our components (LOOP-5)."""
    is_direct: bool = False
    """Whether its users are ``user@domain`` of the other world (RFC 7247), not images by alias."""
    tells_hops: bool = False
    """Whether messages say how often they may still be passed on (LOOP-2)."""
    markup: bool = False
    """Whether markup of texts is passed on (MSG-23)."""
    phones: str = ""
    """The component behind which phones are, for users who ask for the JID of a number (XMPP-15)."""
    rich: bool = False
    """Whether personal events cross (RICH-1..4)."""
    locates: frozenset[str] = frozenset()
    """The keys of users and images who have consented that their location crosses (RICH-4)."""
    one_resource: bool = False
    """Whether users see one device of an image, without a name (PIDF-12)."""
    is_user: bool = False
    """Whether it is no component, but one user of the domain (see :mod:`iwf.xmpp.client`)."""
    commands: bool = False
    """Whether there are commands to be given (XMPP-33)."""
    admins: frozenset[str] = frozenset()
    """The keys of those who may give the operator's."""
    version: str = ""
    started: float = 0.0
    """UTC seconds."""
    notice: str = ""
    """What is wrong behind the gateway at the moment, for people to read (XMPP-22)."""


def component_of(
    settings: ComponentSettings, every: XmppSettings, version: str, now: float
) -> Component:
    """The value that reading and writing need, from the configuration.

    :raise JidFault: when a configured domain is no domain, or who is to be located has no JID.
    """
    return Component(
        domain=prepared_domain(settings.domain),
        spelling=settings.domain,
        lane=settings.lane,
        bridges=settings.bridges,
        ours=frozenset(prepared_domain(one.domain) for one in every.components),
        is_direct=settings.is_direct,
        tells_hops=settings.tells_hops,
        markup=settings.markup,
        phones=settings.phones,
        rich=settings.rich,
        locates=frozenset(address_of_jid(jid).bare().key for jid in settings.location),
        one_resource=settings.one_resource,
        # Users' commands are about phones; where there are none, only an administrator finds any.
        commands=settings.commands and (settings.bridges == TEL or bool(settings.admins)),
        admins=frozenset(address_of_jid(jid).bare().key for jid in settings.admins),
        version=version,
        started=now,
    )


def make(name: str, /, uri: str = NS_COMPONENT, **attributes: str) -> Element:
    """A new element; attributes that are empty are left out."""
    element = Element((uri, name))
    element.attributes = {key: value for key, value in attributes.items() if value}
    return element


def add(
    parent: Element, name: str, /, text: str = "", uri: str = "", **attributes: str
) -> Element:
    """Append a child with text, in the parent's namespace unless another one is named."""
    new = make(name, uri or cast(str, parent.uri), **attributes)
    if text:
        new.children.append(text)
    new.parent = parent
    parent.children.append(new)
    return new


def attribute(element: Element, name: str) -> str:
    """The value of an attribute without namespace, or empty."""
    return cast(str, element.attributes.get(name, ""))


def children(element: Element) -> Iterator[Element]:
    """The child elements."""
    return (child for child in element.children if not isinstance(child, str))


def child(element: Element, name: str, uri: str) -> Element | None:
    """The first child of that name and namespace."""
    for one in children(element):
        if one.name == name and one.uri == uri:
            return one
    return None


def text_of(element: Element) -> str:
    """All text that stands directly in the element."""
    return "".join(part for part in element.children if isinstance(part, str))


def legal_text(text: str) -> str:
    """Text as XML 1.0 can carry it (MSG-12, XMPP-12): line ends as LF, illegal code points as
    U+FFFD."""
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    return _ILLEGAL.sub("\ufffd", text)


def legal_attribute(text: str) -> str:
    """The same for an attribute value, where a parser would turn line ends and tabs to spaces."""
    return _SPACE.sub(" ", legal_text(text))


def octets_of(element: Element) -> bytes:
    """Serialise a stanza as it goes to a component stream.

    The element must hold legal text only: see :func:`legal_text`.
    """
    text = element.toXml(defaultUri=NS_COMPONENT)
    return cast(str, text).encode()


def reply(element: Element, component: Component, type: str) -> Element:
    """The same kind of stanza back to its sender, with the same id (ERR-2)."""
    return make(
        element.name,
        type=type,
        **{"from": own_spelling(attribute(element, "to"), component)},
        to=legal_attribute(attribute(element, "from")),
        id=legal_attribute(attribute(element, "id")),
    )


def own_spelling(text: str, component: Component) -> str:
    """The address a stanza came to, if it can stand in a ``from`` (XMPP-5), else our domain."""
    return text if text and text.isprintable() else component.spelling
