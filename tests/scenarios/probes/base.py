"""What all probes share: a whole iwf between peers in memory, and what must hold after each."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.protocol import ClientFactory, Factory
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.config import Settings
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request, Response
from tests.support.sip_peer import SipPeer, SipStream
from tests.support.world import PEER_PORT, SIP_PORT, World, configuration
from tests.support.xmpp_server import condition_of

ROMEO = "romeo@xmpp.test/orchard"
X, M = "sip.xmpp.test", "sms.xmpp.test"
S, P = "xmpp.sip.test", "sms.sip.test"
JULIET = f"juliet*sip.test@{X}"
SIP_ROMEO = f"sip:romeo*xmpp.test@{S}"


class ProbeCase(SynchronousTestCase):
    """One daemon per test; whatever it was fed, it has kept its streams and spoken only for itself."""

    def setUp(self) -> None:
        self.world = self.make_world()

    def make_world(self) -> World:
        """The daemon and its peers; some cases need other settings."""
        return World()

    def tearDown(self) -> None:
        # XMPP-5, XMPP-12: neither a foreign sender nor an illegal octet ever reached the server.
        self.assertEqual((self.world.xmpp.foreign, self.world.xmpp.broken), (0, 0))
        self.world.stop_daemon()
        self.assertEqual(self.flushLoggedErrors(), [])

    # -- XMPP users

    def says(self, body: str | None, to: str = JULIET, sender: str = ROMEO, id: str = "id1",
             type: str = "chat", settle: float = 0.2, **attributes: str) -> None:
        """An XMPP user writes a message, and a moment passes."""
        self.world.xmpp.say(sender, to, body, id=id, type=type, **attributes)
        self.world.settle(settle)

    def sends(self, inner: str, to: str = JULIET, sender: str = ROMEO, id: str = "id1",
              attributes: str = "type='chat'", name: str = "message") -> None:
        """An XMPP user sends a stanza written by hand (addresses as they stand in XML)."""
        domain = to.partition("/")[0].rpartition("@")[2]
        self.world.xmpp.stanza(
            domain, f"<{name} from='{sender}' to='{to}' id='{id}' {attributes}>{inner}</{name}>")
        self.world.settle()

    def error(self, id: str = "id1") -> Element:
        """The one error that an XMPP user got about his message."""
        found = [element for element in self.world.xmpp.inbox
                 if element.getAttribute("type") == "error" and element.getAttribute("id") == id]
        self.assertEqual(len(found), 1, f"{len(found)} errors about {id}")
        return found[0]

    def assert_error(self, condition: str, type: str, id: str = "id1") -> str:
        """An XMPP user got one error, of that condition and type; its text."""
        stanza = self.error(id)
        error = next(child for child in stanza.elements() if child.name == "error")
        self.assertEqual((condition_of(stanza), error["type"]), (condition, type))
        return "".join(str(child) for child in error.elements() if child.name == "text")

    def stanzas(self, name: str) -> list[Element]:
        """What users of the XMPP server received, of one kind."""
        return [element for element in self.world.xmpp.inbox if element.name == name]

    def assert_only_text(self, text: str) -> Element:
        """Exactly one text and no error has come to XMPP users; its stanza."""
        self.assertEqual(self.world.xmpp.bodies(), [text])
        self.assertEqual(self.world.xmpp.errors(), [])
        return self.stanzas("message")[0]

    # -- SIP users

    def request(self) -> Request:
        """The one request that has come to the SIP peer."""
        self.assertEqual(len(self.world.peer.requests), 1)
        return self.world.peer.requests[0]

    def asks(self, body: str | bytes, to: str = SIP_ROMEO, settle: float = 0.2,
             **options: Any) -> list[int]:
        """A SIP user sends a request; the answers that came.

        :param options: see :meth:`tests.support.sip_peer.SipPeer.message`.
        """
        call_id = self.world.peer.message(to, body, **options)
        self.world.settle(settle)
        return self.world.peer.answers(call_id)

    def answer(self) -> Response:
        """The last response that came to the SIP peer."""
        return self.world.peer.responses[-1]

    # -- everybody

    def assert_alive(self) -> None:
        """A message still gets through each way."""
        heard, read = len(self.world.peer.bodies()), len(self.world.xmpp.bodies())
        self.says("still there?", to=f"lifesign*sip.test@{X}", id=f"alive{heard}")
        self.assertEqual(self.world.peer.bodies()[heard:], ["still there?"])
        self.assertEqual(self.asks("still here", sender="sip:lifesign@sip.test"), [202])
        self.assertEqual(self.world.xmpp.bodies()[read:], ["still here"])


def over_tcp(settings: Settings | None = None, large: bool = True) -> Settings:
    """The same settings with the SIP peer behind TCP, and known to take large messages (MSG-28)."""
    settings = settings or configuration()
    (trunk,) = settings.sip.trunks
    hop = Hop("tcp", "127.0.0.1", PEER_PORT)
    return evolve(settings, sip=evolve(
        settings.sip, trunks=(evolve(trunk, next_hop=hop, trusted_large=large),)))


def listen_tcp(world: World) -> None:
    """Let the SIP peer of a world take connections in place of datagrams."""
    factory = Factory()
    factory.buildProtocol = lambda addr: SipStream(world.peer)  # type: ignore[method-assign]
    world.network.listenTCP(PEER_PORT, factory)


def dial_tcp(world: World) -> tuple[SipPeer, SipStream]:
    """Another SIP peer, connected to the gateway's TCP port."""
    peer = SipPeer(("127.0.0.1", SIP_PORT), world.network)
    stream = SipStream(peer)
    factory = ClientFactory()
    factory.buildProtocol = lambda addr: stream  # type: ignore[method-assign]
    world.network.connectTCP("127.0.0.1", SIP_PORT, factory)
    world.settle()
    return peer, stream
