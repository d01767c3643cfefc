"""Stanzas of a client stream, so that they read like those of a component, and the roster.  Pure.

The two kinds of stream differ in the namespace and in what may be left out; all else is read and
written by the files that do so for components.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from iwf.mapping.model import Address
from iwf.xmpp.elements import NS_COMPONENT, add, attribute, children, make
from iwf.xmpp.jid import JidFault, address_of_jid

NS_CLIENT = "jabber:client"
NS_ROSTER = "jabber:iq:roster"

STANZAS = ("message", "presence", "iq")
"""All else is no stanza, and not counted (XEP-0198 section 4)."""

#: Contacts of one account that are remembered.
MOST_CONTACTS = 10_000


def adopt(element: Element, account: str, resource: str) -> Element:
    """A stanza as it would have come over a component stream; the element itself is changed.

    :param account: the bare JID, which stands for the server's own when there is no ``from``
        (RFC 6120 8.1.2.1).
    :param resource: our full JID, whom it is for when there is no ``to``.
    """
    for one in (element, *children(element)):
        if one.uri == NS_CLIENT:
            one.uri = NS_COMPONENT
        if one.defaultUri == NS_CLIENT:
            one.defaultUri = NS_COMPONENT
    element.attributes.setdefault("from", account)
    element.attributes.setdefault("to", resource)
    return element


def roster_request(id: str) -> Element:
    """The question who is in the roster (RFC 6121 2.1.3)."""
    iq = make("iq", type="get", id=id)
    add(iq, "query", uri=NS_ROSTER)
    return iq


class Roster:
    """Who a user knows: the contacts that he sees or that see him."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __contains__(self, address: Address) -> bool:
        return address.key in self._known

    def replace(self, query: Element) -> None:
        """The whole roster, as the server answers."""
        self._known.clear()
        self.change(query)

    def change(self, query: Element) -> None:
        """Some contacts, as the server pushes them (RFC 6121 2.1.6)."""
        for item in children(query):
            try:
                key = address_of_jid(attribute(item, "jid")).bare().key
            except JidFault:
                continue
            if attribute(item, "subscription") in ("both", "from", "to"):
                if len(self._known) < MOST_CONTACTS:
                    self._known.add(key)
            else:
                self._known.discard(key)
