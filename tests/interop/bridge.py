"""An XMPP server with one user, and the gateway between it and SIP peers of whatever kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from tests.peers.base import LOOPBACK, Event, PeerError
from tests.peers.gateway import COMPONENT, NODE, Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient

ROMEO = "romeo*xmpp.test@xmpp.sip.test"
"""Romeo as SIP users write to him."""

ALIAS = """
[[sip.alias]]
domain = "xmpp.sip.test"
bridges = "xmpp"
serves = ["xmpp.test"]
"""


class Bridge:
    """Prosody, Romeo and the gateway.

    :param case: on which everything is cleaned up.
    :param web: the server takes web pages too.
    """

    def __init__(self, case: Any, web: bool = False) -> None:
        self._case = case
        self.folder = Path(case.mktemp()).absolute()
        self.folder.mkdir()
        self.server = Prosody(self.folder / "prosody", components={"sip.xmpp.test": "secret"}, web=web)
        self.romeo = SlixmppClient(self.folder / "romeo", "romeo@xmpp.test/orchard", "pw", self.server.port)
        self.gateway = Gateway(self.folder / "iwf")

    async def start(self, sip: str, node: str = "") -> None:
        """Start all three.

        :param sip: the tables ``[sip]`` and ``[[sip.trunk]]``; the alias is there already.
        :param node: further lines of the table ``[node]``.
        """
        component = COMPONENT.format(domain="sip.xmpp.test", host=LOOPBACK, secret="secret", bridges="sip",
                                     port=self.server.component_port("sip.xmpp.test"))
        self.gateway.configuration = NODE + node + component + sip + ALIAS
        for peer in (self.server, self.gateway, self.romeo):
            self._case.addCleanup(peer.stop)
            await peer.start()
        await self.reached()

    async def reached(self) -> None:
        """Wait until the gateway has the XMPP server."""
        for _ in range(100):
            answer = await self.romeo.ping("sip.xmpp.test", timeout=2)
            if answer["condition"] is None:
                return
            await self._pause(0.1)
        raise PeerError("the gateway has not reached the XMPP server")

    async def _pause(self, seconds: float) -> None:
        await deferLater(self.gateway.reactor, seconds, lambda: None)

    async def heard(self, text: str) -> Event:
        """The message with this text, when it has come to Romeo."""
        return await self.romeo.events.wait_for(
            lambda event: event["event"] == "message" and event["body"] == text, 15.0)
