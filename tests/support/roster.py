"""What an XMPP server does about presence for its users (RFC 6121 sections 3 and 4, appendix A), in memory."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.words.xish.domish import Element

from tests.support.seen import ONLINE, State, View

NS = "jabber:component:accept"


def bare(jid: str) -> str:
    return jid.partition("/")[0]


def presence(sender: str, to: str, type: str = "") -> Element:
    """A stanza of presence."""
    element = Element((NS, "presence"))
    element["from"], element["to"] = sender, to
    if type:
        element["type"] = type
    return element


@define
class Contact:
    """An item of a roster; subscription ``both`` is when ``to`` and ``from_`` hold."""

    to: bool = False
    """The user sees the contact."""
    from_: bool = False
    """The contact sees the user."""
    asked: bool = False
    """The user has asked and has no answer ("pending out")."""
    asks: bool = False
    """The contact has asked and has no answer ("pending in")."""


@define(eq=False)
class Client:
    """A session of a user: what it shows, and what it was told of others."""

    state: State
    seen: dict[str, dict[str, State]] = field(factory=dict)
    """By contact and resource."""


class Account:
    """A user of the server with his devices.

    :param jid: bare.
    :param send: hands a stanza to the component it is for.
    """

    def __init__(self, jid: str, send: Callable[[Element], None]) -> None:
        self.jid, self._send = jid, send
        self.contacts: dict[str, Contact] = {}
        self.clients: dict[str, Client] = {}
        """Who is available, by resource."""

    def _contact(self, jid: str) -> Contact:
        return self.contacts.setdefault(jid, Contact())

    # -- what the user does

    def ask(self, jid: str) -> None:
        """RFC 6121 3.1.2."""
        self._contact(jid).asked = True
        self._send(presence(self.jid, jid, "subscribe"))

    def ask_no_more(self, jid: str) -> None:
        """RFC 6121 3.3.2."""
        contact = self._contact(jid)
        contact.to = contact.asked = False
        self._send(presence(self.jid, jid, "unsubscribe"))

    def allow(self, jid: str) -> None:
        """RFC 6121 3.1.5: the contact is told, and shown what there is to see."""
        contact = self._contact(jid)
        contact.from_, contact.asks = True, False
        self._send(presence(self.jid, jid, "subscribed"))
        self._show_all(jid)

    def refuse(self, jid: str) -> None:
        """RFC 6121 3.2.2: he sees the user go first."""
        contact = self._contact(jid)
        if contact.from_:
            for resource in self.clients:
                self._send(presence(f"{self.jid}/{resource}", jid, "unavailable"))
        contact.from_ = contact.asks = False
        self._send(presence(self.jid, jid, "unsubscribed"))

    def appear(self, state: State) -> None:
        """RFC 6121 4.2, 4.4: to who may see him; with the first one goes a probe to whom he sees (4.3)."""
        client = self.clients.get(state.device)
        if client is None:
            self.clients[state.device] = Client(state)
        else:
            client.state = state
        for jid, contact in self.contacts.items():
            if contact.from_:
                self._show(state, jid)
            if contact.to and client is None:
                self._send(presence(f"{self.jid}/{state.device}", jid, "probe"))
            if contact.asked and client is None:
                self._send(presence(self.jid, jid, "subscribe"))

    def leave(self, resource: str) -> None:
        """RFC 6121 4.5."""
        if self.clients.pop(resource, None) is not None:
            for jid, contact in self.contacts.items():
                if contact.from_:
                    self._send(presence(f"{self.jid}/{resource}", jid, "unavailable"))

    # -- what comes from a component

    def take(self, stanza: Element) -> None:
        """Presence for the user or one of his devices."""
        sender, type = stanza["from"], stanza.getAttribute("type", "")
        contact = self._contact(bare(sender))
        if type == "subscribe":
            if contact.from_:
                self._send(presence(self.jid, bare(sender), "subscribed"))
            else:
                contact.asks = True
        elif type == "unsubscribe":
            contact.from_ = contact.asks = False
        elif type == "subscribed":
            contact.to, contact.asked = contact.to or contact.asked, False
        elif type == "unsubscribed":
            contact.to = contact.asked = False
        elif type == "probe":
            if contact.from_:
                self._show_all(sender)
            else:
                self._send(presence(self.jid, bare(sender), "unsubscribed"))
        elif type in ("", "unavailable"):
            self._seen(stanza)

    def _seen(self, stanza: Element) -> None:
        jid, _, device = stanza["from"].partition("/")
        addressed = stanza["to"].partition("/")[2]
        for resource, client in self.clients.items():
            if addressed not in ("", resource):
                continue
            devices = client.seen.setdefault(jid, {})
            if stanza.getAttribute("type"):
                devices.pop(device, None)
                if not device:
                    devices.clear()
            else:
                show, status = str(stanza.show or ""), str(stanza.status or "")
                devices[device] = State(device, show or ONLINE, status)

    def _show_all(self, jid: str) -> None:
        for client in self.clients.values():
            self._show(client.state, jid)

    def _show(self, state: State, jid: str) -> None:
        element = presence(f"{self.jid}/{state.device}", jid)
        if state.show != ONLINE:
            element.addElement("show", content=state.show)
        if state.note:
            element.addElement("status", content=state.note)
        self._send(element)

    # -- what is to be seen

    @property
    def asking(self) -> set[str]:
        """Who has asked and has no answer."""
        return {jid for jid, contact in self.contacts.items() if contact.asks}

    def views(self, jid: str) -> dict[str, View | None]:
        """What each of his devices shows of a contact; None: he may not see him."""
        may = self.contacts.get(jid, Contact()).to
        return {resource: frozenset(client.seen.get(jid, {}).values()) if may or client.seen.get(jid) else None
                for resource, client in self.clients.items()}
