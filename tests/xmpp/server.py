"""A scripted XMPP server in memory, and the edge connected to it."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure as TwistedFailure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Item, Rejected
from iwf.xmpp.component import XmppEdge
from iwf.xmpp.settings import XmppSettings
from tests.xmpp.kit import (
    DOMAIN,
    HEADER,
    LANE,
    SETTINGS,
    Core,
    Lane,
    Lanes,
    Memory,
    Parser,
    parse,
)

TEXT = f"<message from='ben@xmpp.example/pc' to='ana*sip.example@{DOMAIN}' id='{{}}'><body>hi</body></message>"
ERROR = (
    f"<message type='error' from='ben@xmpp.example' to='ana*sip.example@{DOMAIN}' id='{{}}'>"
    "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    "</message>"
)


class Server:
    """One connection, seen from the server."""

    def __init__(self, protocol: object) -> None:
        self.protocol = protocol
        self.transport = StringTransport()
        protocol.makeConnection(self.transport)  # type: ignore[attr-defined]

    def send(self, text: str | bytes) -> None:
        octets = text.encode() if isinstance(text, str) else text
        self.protocol.dataReceived(octets)  # type: ignore[attr-defined]

    def written(self) -> str:
        """What came since the last call."""
        octets = self.transport.value()
        self.transport.clear()
        return octets.decode()

    def stanzas(self) -> list[Element]:
        parser = Parser()
        parser.feed(self.written())
        return parser.stanzas

    def authenticate(self) -> None:
        self.send(HEADER)
        self.send("<handshake/>")

    def lose(self) -> None:
        self.protocol.connectionLost(TwistedFailure(ConnectionDone()))  # type: ignore[attr-defined]


class EdgeCase(SynchronousTestCase):
    """An edge with one component, whose connections the test takes."""

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.core = Core()
        self.lanes = Lanes()
        self.memory = Memory()
        self.settings = evolve(SETTINGS, connect="unix:path=/run/component")
        self.start()
        self.addCleanup(self.assert_quiet)

    def start(self) -> None:
        """Start an edge, with the settings and the memory there are."""
        self.edge = XmppEdge(XmppSettings((self.settings,)), self.clock, self.core, self.lanes, Ids(1),
                             self.memory)
        self.edge.startService()

    def assert_quiet(self) -> None:
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.flushWarnings(), [])

    @property
    def lane(self) -> Lane:
        return self.lanes.lanes[LANE]

    def accept(self) -> Server:
        """Take the connection that the edge is opening."""
        _, factory, *_ = self.clock.unixClients.pop()
        return Server(factory.buildProtocol(None))

    def accept_authenticated(self) -> Server:
        """A connection whose first ping has not come back."""
        server = self.accept()
        server.authenticate()
        return server

    def connect(self) -> Server:
        """An open lane, and nothing unread."""
        server = self.accept_authenticated()
        self.echo(server)
        self.assertEqual(self.lane.credit, SETTINGS.window)
        server.written()
        return server

    def echo(self, server: Server) -> list[Element]:
        """Route every ping back; gives the other stanzas."""
        self.clock.advance(0)
        text = server.written()
        stanzas = parse(f"<x>{text[text.index('>') + 1 :] if '<handshake' in text else text}</x>")
        others = []
        for stanza in list(stanzas.elements()):
            if stanza.name == "iq" and stanza["to"] == stanza["from"] == DOMAIN:
                server.send(stanza.toXml())
            elif stanza.name != "handshake":
                others.append(stanza)
        return others

    def deliver(self, item: Item) -> list[Accepted | Rejected]:
        news: list[Accepted | Rejected] = []
        self.lane.outlet.deliver(item).addCallback(news.append)
        return news
