"""An XMPP server in memory: components on one side, users in a dictionary on the other."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.words.xish.domish import Element, elementStream

from tests.support.roster import Account

NS = "jabber:component:accept"
STREAMS = "http://etherx.jabber.org/streams"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


class ComponentStream(Protocol):
    """The server's end of one component's stream (XEP-0114)."""

    def __init__(self, server: XmppServer) -> None:
        self.server = server
        self.domain = ""
        self.authenticated = False
        self.stream = elementStream()
        self.stream.DocumentStartEvent = self.opened
        self.stream.ElementEvent = self.element
        self.stream.DocumentEndEvent = lambda: self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        try:
            self.stream.parse(data)
        except Exception:
            # As Prosody does: one octet that is no XML costs the stream.
            self.server.broken += 1
            self.transport.loseConnection()

    def opened(self, root: Element) -> None:
        self.domain = root["to"]
        self.transport.write(self.server.greeting + f"<stream:stream xmlns='{NS}' xmlns:stream='{STREAMS}' "
                             f"from='{self.domain}' id='s1'>".encode())

    def element(self, element: Element) -> None:
        if element.name == "handshake":
            good = hashlib.sha1(b"s1" + self.server.secret.encode()).hexdigest()
            if str(element) != good:
                self.transport.write(b"<stream:error><not-authorized xmlns="
                                     b"'urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
                self.transport.loseConnection()
                return
            self.authenticated = True
            self.server.components[self.domain] = self
            self.transport.write(b"<handshake/>")
        elif self.authenticated:
            self.server.route(element, self)

    def connectionLost(self, reason: object = None) -> None:
        if self.server.components.get(self.domain) is self:
            del self.server.components[self.domain]


class XmppServer(Factory):
    """Routes between components and the users of one domain.

    :param echoes: whether a stanza from a component to itself comes back, as in real servers.
    """

    def __init__(self, domain: str, users: set[str], secret: str, echoes: bool = True) -> None:
        self.domain, self.users, self.secret, self.echoes = domain, users, secret, echoes
        self.components: dict[str, ComponentStream] = {}
        self.accounts: dict[str, Account] = {}
        """Users who have a roster, by name; what comes to others stays in the inbox."""
        self.inbox: list[Element] = []
        """What users of the domain received."""
        self.broken = 0
        """Streams that were closed over something that is no XML."""
        self.foreign = 0
        """Stanzas whose ``from`` was not the component's."""
        self.greeting = b""
        """Octets that stand before the header of each stream."""

    def buildProtocol(self, addr: object) -> ComponentStream:
        return ComponentStream(self)

    def route(self, element: Element, stream: ComponentStream) -> None:
        sender, to = element.getAttribute("from", ""), element.getAttribute("to", "")
        if domain_of(sender) != stream.domain:
            self.foreign += 1
            stream.transport.loseConnection()  # as Prosody does
        elif domain_of(to) in self.components:
            if self.echoes:
                self.deliver(element)
        elif domain_of(to) == self.domain:
            self.to_user(element, to)

    def to_user(self, element: Element, to: str) -> None:
        user = to.partition("/")[0].rpartition("@")[0]
        if element.name == "presence" and user in self.accounts:
            self.accounts[user].take(element)
        elif user in self.users:
            self.inbox.append(element)
        elif element.name == "message" and element.getAttribute("type") != "error":
            self.deliver(error_of(element, "cancel", "service-unavailable"))

    def deliver(self, element: Element) -> None:
        """Send a stanza to the component it is for."""
        stream = self.components.get(domain_of(element["to"]))
        if stream is not None:
            stream.transport.write(element.toXml(defaultUri=NS).encode())
        elif element.getAttribute("type") != "error":
            # As Prosody does for a component that is away.
            self.inbox.append(error_of(element, "wait", "remote-server-timeout"))

    def say(self, sender: str, to: str, body: str | None, **attributes: str) -> None:
        """A user of the domain writes a message."""
        message = Element((NS, "message"))
        message["from"], message["to"] = sender, to
        for name, value in attributes.items():
            message[name] = value
        if body is not None:
            message.addElement("body", content=body)
        self.deliver(message)

    def stanza(self, to: str, xml: str) -> None:
        """A user of the domain sends a stanza, written as it shall stand on the stream.

        :param to: the component's domain.
        """
        self.raw(to, xml.encode())

    def raw(self, to: str, octets: bytes) -> None:
        """Put octets on a component's stream as they are."""
        self.components[to].transport.write(octets)

    def bodies(self, user: str | None = None) -> list[str]:
        """The texts that users received."""
        return [str(element.body) for element in self.inbox
                if element.name == "message" and element.body is not None
                and element.getAttribute("type") != "error"
                and (user is None or element["to"].partition("/")[0] == user)]

    def errors(self) -> list[str]:
        """The conditions of the errors that users received."""
        return [condition_of(element) for element in self.inbox
                if element.getAttribute("type") == "error"]


def domain_of(jid: str) -> str:
    """The domain of a JID, whose local part may hold anything but ``@`` and ``/``."""
    return jid.partition("/")[0].rpartition("@")[2]


def error_of(element: Element, kind: str, condition: str) -> Element:
    """The error stanza a server returns."""
    error = Element((NS, element.name))
    error["type"], error["from"], error["to"] = "error", element["to"], element["from"]
    if element.hasAttribute("id"):
        error["id"] = element["id"]
    child = error.addElement("error")
    child["type"] = kind
    child.addElement((STANZAS, condition))
    return error


def condition_of(element: Any) -> str:
    """The defined condition of an error stanza."""
    return next((str(child.name) for error in element.elements() if error.name == "error"
                 for child in error.elements() if child.uri == STANZAS and child.name != "text"), "")
