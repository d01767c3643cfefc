"""What one message costs in the SIP edge: ``python -m tests.bench.bench_sip``.

CPU time of this process in microseconds per message; the median and the least of several
repetitions, as other work on the machine disturbs single ones.  The engine is a fake that says
yes at once.  First sockets are lists and time moves by hand, which gives the costs of the edge
alone, the end of old transactions included; then the edge speaks UDP to a peer on loopback, which
adds the system calls and Twisted's reactor.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import Clock
from twisted.logger import Logger
from zope.interface import implementer

from iwf.edge import IIntake
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Address,
    Body,
    Event,
    Item,
    Kind,
    Message,
    Party,
    Taken,
    Verdict,
)
from iwf.sip.edge import SipEdge
from iwf.sip.messaging.author import write
from iwf.sip.settings import Hop
from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, parse_message, response_to
from iwf.sip.transaction.table import Deliver, ServerTransaction, TransactionTable
from iwf.sip.transport.routing import marked
from iwf.sip.uas import UserAgentServer, answer
from tests.sip.fakes import Lanes, Port
from tests.sip.samples import NOW, PEER, SETTINGS, TRUNK
from tests.support.names import FakeNames

MESSAGES = 1000
REPETITIONS = 15
#: Messages per second; low enough that transactions end while others begin (timers J and K).
RATE = 200.0
#: Items in flight at a time.
WINDOW = 50

TEMPLATE = """\
MESSAGE sip:ben*xmpp.example@x.sip.example SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK7f3a{0};rport\r
Max-Forwards: 69\r
From: "Ana" <sip:ana@sip.example>;tag=a1{0}\r
To: <sip:ben*xmpp.example@x.sip.example>\r
Call-ID: 4b1f0c9d7e{0}@192.0.2.10\r
CSeq: 5 MESSAGE\r
Content-Type: text/plain;charset=utf-8\r
User-Agent: softphone 1.2\r
Content-Length: 24\r
\r
Wherefore art thou Romeo"""


@implementer(IIntake)
class Intake:
    """Says yes at once."""

    def offer(self, event: Event) -> Deferred[Verdict]:
        return succeed(Taken("d"))


class Datagrams:
    """The transport of a UDP socket; keeps what was written last."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, octets: bytes, to: object) -> None:
        self.written.append(octets)


class Reactor(Clock):
    """Sockets are lists; time moves by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = NOW
        self.transport = Datagrams()

    def listenUDP(self, port: int, protocol: Any, interface: str = "", size: int = 0) -> Port:
        self.protocol = protocol
        protocol.makeConnection(self.transport)
        return Port(Hop("udp", interface, port), protocol)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Port:
        return Port(Hop("tcp", interface, port))


class Rig:
    """An edge whose peer and engine are this program."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.edge = SipEdge(SETTINGS, self.reactor, self.reactor, Intake(), Lanes(), Ids(),
                            Logger(namespace="bench"), FakeNames(), lambda own, hop: None)
        self.edge.startService()
        self.serial = 0

    def requests(self) -> list[bytes]:
        """Octets of requests that differ."""
        self.serial += MESSAGES
        return [TEMPLATE.format(number).encode() for number in range(self.serial, self.serial + MESSAGES)]

    def receive(self, octets: bytes) -> None:
        """A datagram arrives, a little after the one before it."""
        self.reactor.advance(1 / RATE)
        self.reactor.protocol.datagramReceived(octets, (PEER.host, PEER.port))

    def deliver(self, item: Item) -> None:
        """The engine hands an item over."""
        self.reactor.advance(1 / RATE)
        self.edge.deliver(item)

    def answers(self) -> list[bytes]:
        """The answers to all requests sent since the last call."""
        written, self.reactor.transport.written = self.reactor.transport.written, []
        return [answer_of_peer(octets) for octets in written]


class SocketRig:
    """An edge with a UDP socket, and its peer."""

    def __init__(self) -> None:
        self.reactor = EPollReactor()
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(5)
        hop = Hop("udp", *self.peer.getsockname())
        settings = evolve(SETTINGS, listen=(Hop("udp", "127.0.0.1", 0),),
                          trunks=(evolve(TRUNK, next_hop=hop, allowed_sources=(hop.host,)),))
        self.edge = SipEdge(settings, self.reactor, self.reactor, Intake(), Lanes(), Ids(), Logger(namespace="bench"),
                            FakeNames())
        self.edge.startService()
        [own] = self.edge.listening
        self.address = (own.host, own.port)
        self.accepted = 0

    def timed(self, octets: list[bytes]) -> float:
        """Send datagrams to the edge, and see how long it works on them."""
        for each in octets:
            self.peer.sendto(each, self.address)
        begin = time.process_time()
        for _ in range(3):  # the sockets are drained in the first, the others find nothing
            self.reactor.iterate(0)
        return time.process_time() - begin

    def deliver(self, items: list[Item]) -> float:
        """Deliver items, and see how long that takes."""
        begin = time.process_time()
        for item in items:
            self.edge.deliver(item).addCallback(self._count)
        return time.process_time() - begin

    def _count(self, news: object) -> None:
        assert isinstance(news, Accepted)
        self.accepted += 1

    def heard(self) -> list[bytes]:
        """What the edge sent."""
        return [self.peer.recv(65536) for _ in range(WINDOW)]


def over_sockets() -> None:
    """The same over UDP."""
    rig = SocketRig()
    inbound, there, back = [], [], []
    serial = 0
    for _ in range(REPETITIONS):
        spent = [0.0, 0.0, 0.0]
        waiting = items()
        while waiting:
            serial += WINDOW
            spent[0] += rig.timed([TEMPLATE.format(number).encode() for number in range(serial, serial + WINDOW)])
            rig.heard()
            spent[1] += rig.deliver([waiting.pop() for _ in range(WINDOW)])
            spent[2] += rig.timed([answer_of_peer(octets) for octets in rig.heard()])
        for costs, each in zip((inbound, there, back), spent, strict=True):
            costs.append(each / MESSAGES * 1e6)
    assert rig.accepted == REPETITIONS * MESSAGES
    show("loopback inbound: request to answer", inbound)
    show("loopback outbound: item to request", there)
    show("loopback outbound: response to news", back)


def answer_of_peer(octets: bytes) -> bytes:
    """The 202 to a request of the edge."""
    asked = parse_message(octets)
    assert isinstance(asked, Request)
    return response_to(asked, 202, "Accepted", "peer").to_bytes()


def items() -> list[Item]:
    """Items with messages that differ."""
    message = Message(
        id="m42", origin=Party(Address("sip", "ben*xmpp.example", "x.sip.example", "pc")),
        target=Address("sip", "ana", "sip.example"), bodies=(Body("Neither, fair saint"),), kind=Kind.CHAT,
        conversation="c-6f0e5d@iwf.sip.example",
    )
    return [Item(f"item-{number}", TRUNK.lane, "s", message, created=NOW) for number in range(MESSAGES)]


def measured(name: str, prepare: Callable[[], list[Any]], work: Callable[[Any], object]) -> None:
    """Print what ``work`` costs for each thing that ``prepare`` gives."""
    costs = []
    for _ in range(REPETITIONS):
        things = prepare()
        begin = time.process_time()
        for thing in things:
            work(thing)
        costs.append((time.process_time() - begin) / len(things) * 1e6)
    show(name, costs)


def show(name: str, costs: list[float]) -> None:
    """Print one line."""
    print(f"{name:42} {median(costs):7.1f} {min(costs):7.1f}")


def outbound(rig: Rig) -> None:
    """Items and the answers to their requests, by turns, so that nothing has to be sent again."""
    there, back = [], []
    for _ in range(REPETITIONS):
        waiting, spent_there, spent_back = items(), 0.0, 0.0
        while waiting:
            turn = [waiting.pop() for _ in range(WINDOW)]
            begin = time.process_time()
            for item in turn:
                rig.deliver(item)
            spent_there += time.process_time() - begin
            answers = rig.answers()
            begin = time.process_time()
            for octets in answers:
                rig.receive(octets)
            spent_back += time.process_time() - begin
        there.append(spent_there / MESSAGES * 1e6)
        back.append(spent_back / MESSAGES * 1e6)
    show("edge outbound: item to request", there)
    show("edge outbound: response to news", back)


def parts(rig: Rig) -> None:
    """The pure parts, one by one."""

    def parsed() -> list[Request]:
        return [request for octets in rig.requests() if isinstance(request := parse_message(octets), Request)]

    def checked() -> list[Request]:
        requests = [marked(request, PEER) for request in parsed()]
        for request in requests:
            validate(request)
        return requests

    uas = UserAgentServer(SETTINGS)
    via = Via("UDP", "iwf.sip.example", 5060, (("branch", "z9hG4bKk3Jq0x9"), ("rport", None)))

    def through_the_table(request: Request) -> None:
        table = TransactionTable()
        output = table.receive(request, None, False, NOW)[0]
        assert isinstance(output, Deliver) and isinstance(output.transaction, ServerTransaction)

    measured("parse", rig.requests, parse_message)
    measured("validate", parsed, validate)
    measured("mark the Via", parsed, lambda request: marked(request, PEER))
    measured("transaction table", checked, through_the_table)
    measured("uas.judge", checked, lambda request: uas.judge(request, PEER, NOW))
    measured("answer", checked, lambda request: answer(request, Taken("d"), TRUNK))
    measured("write", items, lambda item: write(item, TRUNK, SETTINGS, via))
    requests = [write(item, TRUNK, SETTINGS, via) for item in items()]
    measured("to_bytes", lambda: requests, lambda request: request.to_bytes())


def main() -> None:
    """Measure and print."""
    print(f"{'microseconds per message':42} {'median':>7} {'least':>7}")
    rig = Rig()
    parts(rig)
    measured("edge inbound: request to answer", rig.requests, rig.receive)
    outbound(Rig())
    over_sockets()


if __name__ == "__main__":
    main()
