"""An SMPP edge whose reactor, engine and SMSC are in the test's hands."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure as TwistedFailure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from iwf.edge import IIntake, ILane, ILanes, IMemory, IOutlet
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Address,
    Body,
    Event,
    Item,
    Message,
    Party,
    Rejected,
    Verdict,
)
from iwf.smpp.esme import SmppEdge
from iwf.smpp.settings import LinkSettings, SmppSettings
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.pdu import BindResp, Nothing, Pdu, ShortMessage, Sme
from iwf.smpp.wire.pdu import Body as PduBody

LINK = LinkSettings("op", "smpp:op", "tcp:127.0.0.1:2775", "iwf", "secret", window=3)
TEXT = ShortMessage(source=Sme(1, 1, "491701234567"), destination=Sme(5, 0, "X000000001"), short_message=b"hi")


@implementer(IIntake)
class Intake:
    """Keeps what is offered; the test gives the verdicts."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.verdicts: list[Deferred[Verdict]] = []

    def offer(self, event: Event) -> Deferred[Verdict]:
        self.events.append(event)
        verdict: Deferred[Verdict] = Deferred()
        self.verdicts.append(verdict)
        return verdict


@implementer(ILane)
class Lane:
    """Keeps the credit it is granted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.credits: list[int] = []

    def grant(self, credit: int) -> None:
        self.credits.append(credit)


@implementer(ILanes)
class Lanes:
    """One lane."""

    def attach(self, name: str, outlet: IOutlet, keeps_order: bool) -> ILane:
        self.outlet, self.keeps_order, self.lane = outlet, keeps_order, Lane(name)
        return self.lane


class Transport(StringTransport):
    """A transport that says goodbye to its protocol."""

    protocol: Any = None
    producer: Any
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.lose(ConnectionLost())

    def lose(self, why: Exception | None = None) -> None:
        """The end of the connection."""
        if self.protocol is not None:
            protocol, self.protocol = self.protocol, None
            protocol.connectionLost(TwistedFailure(why or ConnectionDone()))

    def take(self) -> list[Pdu]:
        """The PDUs written since the last look."""
        octets, found = self.value(), []
        self.clear()
        while octets:
            length = int.from_bytes(octets[:4], "big")
            found.append(decode(octets[:length]))
            octets = octets[length:]
        return found


def item(name: str, text: str = "hi") -> Item:
    message = Message(name, Party(Address("tel", "X000000001")), Address("tel", "+491701234567"), (Body(text),))
    return Item(name, "smpp:op", "s", message)


class EdgeCase(SynchronousTestCase):
    """An edge with one link, whose SMSC the test plays by hand."""

    memory: IMemory | None = None

    def edge(self, link: LinkSettings = LINK) -> SmppEdge:
        self.reactor = MemoryReactorClock()
        self.intake, self.lanes = Intake(), Lanes()
        edge = SmppEdge(SmppSettings((link,)), self.reactor, self.intake, self.lanes, Ids(seed=1), self.memory)
        edge.startService()
        return edge

    def connect(self, number: int = -1) -> Transport:
        """Let a connection come up."""
        host, port, factory, *_ = self.reactor.tcpClients[number]
        self.assertEqual((host, port), ("127.0.0.1", 2775))
        transport = Transport()
        transport.protocol = factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        return transport

    def hear(
        self, transport: Transport, command: int, sequence: int, status: int = 0, body: PduBody | None = None,
    ) -> None:
        transport.protocol.dataReceived(encode(Pdu(command, sequence, status, body or Nothing())))

    def bound(self, link: LinkSettings = LINK) -> Transport:
        """An edge whose bind has been taken."""
        self.edge(link)
        return self.bind(self.connect())

    def bind(self, transport: Transport) -> Transport:
        [bind] = transport.take()
        self.hear(transport, bind.command | c.RESPONSE, bind.sequence, body=BindResp("smsc"))
        return transport

    def deliver(self, one: Item) -> list[Accepted | Rejected]:
        results: list[Accepted | Rejected] = []
        self.lanes.outlet.deliver(one).addCallback(results.append)
        return results
