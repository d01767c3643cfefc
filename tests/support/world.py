"""A whole iwf in one process, between peers in memory, in virtual time."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from iwf.config import Settings, settings_of, with_secret
from iwf.engine.store.base import IStore
from iwf.engine.store.memory import MemoryStore
from iwf.ids import Ids
from iwf.service import Daemon
from iwf.smpp.settings import Profile
from iwf.smpp.simulator.handset import Handset
from iwf.smpp.simulator.smsc import SmscFactory
from iwf.smpp.text.coding import decode
from iwf.smpp.wire.pdu import ShortMessage, Sme
from tests.support.network import Network
from tests.support.sip_peer import SipPeer
from tests.support.xmpp_server import XmppServer

XMPP_PORT, SIP_PORT, PEER_PORT, SMSC_PORT = 5347, 5060, 5080, 2775

CONFIGURATION = """
[node]
name = "iwf.test"
state_directory = "state"

[[xmpp.component]]
domain = "sip.xmpp.test"
connect = "127.0.0.1:5347"
secret = "s3cret"
bridges = "sip"

[[xmpp.component]]
domain = "sms.xmpp.test"
connect = "127.0.0.1:5347"
secret = "s3cret"
bridges = "sms"

[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]

[[sip.alias]]
domain = "xmpp.sip.test"
bridges = "xmpp"
serves = ["xmpp.test"]

[[sip.alias]]
domain = "sms.sip.test"
bridges = "sms"

[[sip.trunk]]
name = "peer"
domains = ["sip.test"]
next_hop = "udp:127.0.0.1:5080"
allowed_sources = ["127.0.0.1"]
{trunk}

[[smpp.link]]
name = "operator"
connect = "127.0.0.1:2775"
system_id = "iwf"
password = "pw"
prefixes = ["+"]
number_pool = {{ prefix = "X", width = 9 }}
service_number = "4455"
{link}
"""


def configuration(trunk: str = "", link: str = "", node: str = "") -> Settings:
    """The settings of the world, with additional lines for a section."""
    text = CONFIGURATION.format(trunk=trunk, link=link)
    if node:
        text = text.replace('state_directory = "state"', f'state_directory = "state"\n{node}')
    return with_secret(settings_of(tomllib.loads(text), Path("."), {}), "for tests")


class World:
    """The daemon and everybody around it.

    :param echoes: whether the XMPP server confirms by echo, as real servers do.
    """

    def __init__(self, settings: Settings | None = None, store: IStore | None = None,
                 handset: Handset | None = None, echoes: bool = True) -> None:
        self.network = Network()
        self.settings = settings or configuration()
        self.store = store or MemoryStore()
        self.xmpp = XmppServer("xmpp.test", {"romeo", "benvolio"}, "s3cret", echoes)
        self.handset = handset or Handset()
        self.smsc = SmscFactory({"iwf": "pw"}, self.handset, self.network, Ids(seed=7))
        self.peer = SipPeer(("127.0.0.1", SIP_PORT), self.network)
        self.start_xmpp()
        self.start_smsc()
        self.start_peer()
        self.daemon: Daemon
        self._seed = 0
        self.start_daemon()

    # -- the daemon

    def start_daemon(self) -> None:
        """Start iwf, with what its store remembers."""
        self._seed += 1
        self.daemon = Daemon(self.settings, self.network, Ids(seed=self._seed), self.store,
                             connected_socket=lambda own, hop: None)
        self.daemon.startService()
        self.settle(3)

    def stop_daemon(self) -> None:
        """Stop iwf in an orderly way."""
        stopped: list[object] = []
        done: Deferred[Any] = self.daemon.stopService()
        done.addBoth(stopped.append)
        self.settle(40)
        assert stopped, "iwf does not stop"

    # -- the peers

    def start_xmpp(self) -> None:
        self.network.listenTCP(XMPP_PORT, self.xmpp)

    def stop_xmpp(self) -> None:
        """The XMPP server goes away without a goodbye."""
        self.network.listeners.pop(("127.0.0.1", XMPP_PORT)).factory.doStop()
        for stream in list(self.xmpp.components.values()):
            stream.transport.abortConnection()
        self.settle()

    def start_smsc(self) -> None:
        self.network.listenTCP(SMSC_PORT, self.smsc)

    def stop_smsc(self) -> None:
        """The SMSC goes away without a goodbye."""
        self.network.listeners.pop(("127.0.0.1", SMSC_PORT)).factory.doStop()
        for pipe in list(self.network.pipes):
            if pipe.getHost().port == SMSC_PORT:
                pipe.abortConnection()
        self.settle()

    def start_peer(self) -> None:
        self.network.listenUDP(PEER_PORT, self.peer)

    def stop_peer(self) -> None:
        self.network.datagrams.pop(("127.0.0.1", PEER_PORT))

    def start_mute(self, port: int) -> None:
        """Somebody listens at a port in a peer's place, takes connections and never says a word."""
        self.network.listenTCP(port, Factory.forProtocol(Protocol))

    def freeze(self, port: int) -> None:
        """The peer at a port keeps its connections open, but reads and writes nothing any more."""
        for pipe in list(self.network.pipes):
            if pipe.getHost().port == port:
                pipe.pauseProducing()
                pipe.other.pauseProducing()

    # -- time

    def settle(self, seconds: float = 0.2) -> None:
        """Let so much time pass."""
        self.network.settle(seconds)

    # -- phones

    def text(self, number: str, to: str, body: str, status: list[int | None] | None = None) -> None:
        """A phone writes to a number."""
        international = to.startswith("+")
        letters = not to.lstrip("+").isdigit()
        destination = Sme(1 if international else 5 if letters else 0, 1 if international else 0,
                          to.lstrip("+"))
        message = ShortMessage(source=Sme(1, 1, number.lstrip("+")), destination=destination,
                               data_coding=8, short_message=body.encode("utf-16-be"))
        done = self.smsc.deliver("iwf", message)
        if status is not None:
            done.addCallback(status.append)
        self.settle()

    def texts(self) -> list[tuple[str, str, str]]:
        """What phones received: number, sender's number, text."""
        return [(message.destination.number, message.source.number,
                 decode(message.short_message, message.data_coding, Profile()))
                for message in self.handset.received]
