"""The gateway tells what is wrong behind it (XMPP-22)."""

from __future__ import annotations

from zope.interface import implementer

from iwf.edge import IReach
from iwf.ids import Ids
from iwf.mapping.model import Address
from iwf.xmpp.component import XmppEdge
from iwf.xmpp.presence.attendant import LOOK
from iwf.xmpp.settings import XmppSettings
from tests.xmpp.kit import DOMAIN, Memory
from tests.xmpp.presence.test_traffic import KEY, Case, presence
from tests.xmpp.server import Server

DOWN = "SIP side down"


@implementer(IReach)
class Reach:
    """What is behind the gateway."""

    def __init__(self) -> None:
        self.worlds = {"sip"}

    def is_up(self, edge: str) -> bool:
        return bool(self.worlds)

    def serves(self, world: str) -> bool:
        return world in self.worlds

    def maps(self, target: Address) -> bool:
        return True


class FarSideTests(Case):
    """Ben has the gateway in his roster."""

    def start(self) -> None:
        self.reach = Reach()
        self.memory = Memory({KEY: "ben@xmpp.example"})
        self.edge = XmppEdge(XmppSettings((self.settings,)), self.clock, self.core, self.lanes, Ids(1), self.memory,
                             reach=self.reach)
        self.edge.startService()

    def statuses(self, server: Server) -> list[str]:
        """What the gateway says of itself, stanza by stanza."""
        return ["".join(str(part) for one in stanza.elements() if one.name == "status" for part in one.children)
                for stanza in self.echo(server) if stanza["from"] == DOMAIN and stanza.name == "presence"]

    def test_down_and_up(self) -> None:
        """He sees that the SIP side is down, and that it is up again; without news he is told nothing."""
        server = self.accept_authenticated()
        self.assertEqual([""], self.statuses(server))
        self.reach.worlds.clear()
        self.clock.pump([LOOK, 1.0])
        self.assertEqual([DOWN], self.statuses(server))
        self.clock.pump([LOOK, LOOK])
        self.assertEqual([], self.statuses(server))
        self.reach.worlds.add("sip")
        self.clock.pump([LOOK, 1.0])
        self.assertEqual([""], self.statuses(server))

    def test_asked(self) -> None:
        """Who asks for the gateway, or comes to know it, is told the same."""
        self.reach.worlds.clear()
        server = self.accept_authenticated()
        self.assertEqual([DOWN], self.statuses(server))
        server.send(presence("probe", DOMAIN, "ben@xmpp.example"))
        self.assertEqual([DOWN], self.statuses(server))
        server.send(presence("subscribe", DOMAIN, "zoe@xmpp.example"))
        self.assertEqual(["", DOWN], self.statuses(server))

    def test_other_world(self) -> None:
        """What else is behind the gateway does not count."""
        self.reach.worlds = {"tel"}
        server = self.accept_authenticated()
        self.assertEqual([DOWN], self.statuses(server))

    def test_stopped(self) -> None:
        """A gateway that has stopped looks no more."""
        server = self.accept_authenticated()
        self.edge.stopService()
        server.lose()
        self.clock.pump([1.0] * 10)
        self.assertEqual([], [call for call in self.clock.getDelayedCalls() if call.active()])
