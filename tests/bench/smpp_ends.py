"""One end of a load of submit_sm, in a process of its own: ``smpp_ends.py KIND server|client PORT MESSAGES WINDOW``.

A server says ``ready`` and serves until it is ended; a client sends so many texts and prints seconds and CPU seconds.
Kinds: ``iwf`` (our codec and session, everything checked) and ``twisted`` (smpp.twisted).
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory

from iwf.smpp.links.connection import SmppConnection
from iwf.smpp.session.states import Bound, Ending, Resolved, Role, Timers
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Bind, BindResp, MessageResp, Pdu, ShortMessage, Sme

reactor: Any = _reactor
HOST = "127.0.0.1"
TEXT = b"What is in a name? That which we call a rose by any other name"[:59]


def finished(seconds: float, cpu: float) -> None:
    print(seconds, cpu, flush=True)
    reactor.stop()


class OurServer(SmppConnection):
    """Says yes to everything, with ids that count."""

    def __init__(self) -> None:
        super().__init__(reactor, Role.SMSC, Timers())
        self.count = 0

    def on_request(self, pdu: Pdu) -> None:
        if isinstance(pdu.body, Bind):
            self.respond(pdu, c.ROK, BindResp("smsc"))
        else:
            self.count += 1
            self.respond(pdu, c.ROK, MessageResp(f"{self.count:010}"))


class OurClient(SmppConnection):
    """Keeps the window full."""

    def __init__(self, messages: int, window: int) -> None:
        super().__init__(reactor, Role.ESME, Timers())
        self.left, self.waiting, self.window = messages, messages, window

    def on_open(self) -> None:
        self.session.bind(c.BIND_TRANSCEIVER, Bind("iwf", "secret"), self.now)

    def on_bound(self, bound: Bound) -> None:
        self.began, self.cpu = time.perf_counter(), time.process_time()
        for _ in range(self.window):
            self.send()

    def send(self) -> None:
        if self.left:
            self.left -= 1
            self.request(c.SUBMIT_SM, ShortMessage(
                source=Sme(5, 0, "X000000001"), destination=Sme(1, 1, f"49170{self.left:07}"),
                validity_period="000001000000000R", registered_delivery=1, short_message=TEXT), self.left)

    def on_resolved(self, resolved: Resolved) -> None:
        assert resolved.ending is Ending.ANSWERED and resolved.response is not None and not resolved.response.status
        self.waiting -= 1
        if self.waiting:
            self.send()
        else:
            finished(time.perf_counter() - self.began, time.process_time() - self.cpu)


def theirs(side: str, port: int, messages: int, window: int) -> None:
    """smpp.twisted."""
    from smpp.pdu.operations import SubmitSM  # type: ignore[import-untyped]
    from smpp.pdu.pdu_types import AddrNpi, AddrTon, CommandStatus  # type: ignore[import-untyped]
    from smpp.twisted.client import SMPPClientTransceiver  # type: ignore[import-untyped]
    from smpp.twisted.config import SMPPClientConfig  # type: ignore[import-untyped]
    from smpp.twisted.protocol import DataHandlerResponse  # type: ignore[import-untyped]

    from tests.interop.smpp_twisted_process import Server

    if side == "server":
        server = Server(port)

        def submitted(system_id: str, protocol: Any, pdu: Any) -> Any:
            return DataHandlerResponse(CommandStatus.ESME_ROK, message_id=f"{next(server.numbers):010}")

        server.factory.config.msgHandler = submitted
        return
    state = {"left": messages, "waiting": messages, "began": 0.0, "cpu": 0.0}

    def send(protocol: Any) -> None:
        if state["left"]:
            state["left"] -= 1
            protocol.sendDataRequest(SubmitSM(
                source_addr_ton=AddrTon.ALPHANUMERIC, source_addr_npi=AddrNpi.UNKNOWN, source_addr=b"X000000001",
                dest_addr_ton=AddrTon.INTERNATIONAL, dest_addr_npi=AddrNpi.ISDN,
                destination_addr=f"49170{int(state['left']):07}".encode(), short_message=TEXT,
            )).addCallback(answered, protocol)

    def answered(result: object, protocol: Any) -> None:
        state["waiting"] -= 1
        if state["waiting"]:
            send(protocol)
        else:
            finished(time.perf_counter() - state["began"], time.process_time() - state["cpu"])

    def bound(protocol: Any) -> None:
        state["began"], state["cpu"] = time.perf_counter(), time.process_time()
        for _ in range(window):
            send(protocol)

    config = SMPPClientConfig(host=HOST, port=port, username="iwf", password="secret")
    SMPPClientTransceiver(config, lambda protocol, pdu: None).connectAndBind().addCallback(bound)


def ours(side: str, port: int, messages: int, window: int) -> None:
    """Our own."""
    factory = Factory()
    factory.noisy = False
    made = OurServer if side == "server" else lambda: OurClient(messages, window)
    factory.buildProtocol = lambda addr: made()  # type: ignore[method-assign]
    if side == "server":
        reactor.listenTCP(port, factory, interface=HOST)
    else:
        from twisted.internet.endpoints import TCP4ClientEndpoint
        TCP4ClientEndpoint(reactor, HOST, port).connect(factory)


def main(kind: str, side: str, port: str, messages: str, window: str) -> None:
    start = {"iwf": ours, "twisted": theirs}[kind]
    start(side, int(port), int(messages), int(window))
    if side == "server":
        reactor.callWhenRunning(print, "ready", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
