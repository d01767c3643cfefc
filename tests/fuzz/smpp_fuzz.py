"""Spoiled PDUs for both ends of SMPP: ``python -m tests.fuzz.smpp_fuzz --messages 1000000 --seed 1``.

Each PDU goes to the reader, and in pieces to a bound ESME or to an SMSC in memory.  What may never happen is a fault:
an exception that is no PduFault, one in the log, a PDU that reads otherwise when it is written again, a text from a
phone that is not answered, a text to a phone whose sender is told twice or nothing, an ESME that does not come back.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
from collections import Counter
from random import Random
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, globalLogPublisher

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Failure, Fragment, Message, Reason, Receipt, Refused, Rejected, Taken
from iwf.smpp.esme import SmppEdge
from iwf.smpp.settings import Profile, SmppSettings
from iwf.smpp.simulator.phones import Phones
from iwf.smpp.simulator.smsc import SmscFactory
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.pdu import Bind, BindResp, Pdu, PduFault
from tests.fuzz.smpp_mutate import Mutator
from tests.smpp.edge_case import LINK, Intake, Lanes, Transport, item

#: PDUs that one connection hears before it is cut.
LONGEST_SESSION = 60

_ANSWERS = (c.DELIVER_SM | c.RESPONSE, c.DATA_SM | c.RESPONSE)


class Run:
    """One run.

    :param messages: how many PDUs to make.
    """

    def __init__(self, messages: int, seed: int) -> None:
        self.messages = messages
        self.counts: Counter[str] = Counter()
        self.faults: list[tuple[str, bytes]] = []
        """What must not happen, and the octets after which it did."""
        self._random = Random(seed)
        self._mutator = Mutator(self._random)
        self._octets = b""

    def run(self, report: int = 0) -> None:
        """All of it.

        :param report: messages between two lines on standard output; 0: none.
        """
        globalLogPublisher.addObserver(self._logged)
        try:
            while sum(self.counts[name] for name in ("to the ESME", "to the SMSC")) < self.messages:
                before = self.counts["sessions"]
                try:
                    (_SmscUnderFire if self._random.random() < 0.3 else _EsmeUnderFire)(self).live()
                except Exception as error:
                    self.fault(f"{type(error).__name__}: {error}")
                self.counts["sessions"] = before + 1
                if report and self.counts["sessions"] % report == 0:
                    print(dict(self.counts), flush=True)
        finally:
            globalLogPublisher.removeObserver(self._logged)

    def fault(self, what: str) -> None:
        """Something happened that must not."""
        self.faults.append((what, self._octets))

    def check(self, good: bool, what: str) -> None:
        if not good:
            self.fault(what)

    def _logged(self, event: Any) -> None:
        if event.get("log_level") is LogLevel.critical:
            self.fault(f"logged: {event.get('log_failure') or event.get('log_format')}")

    def octets(self, waiting: list[int]) -> bytes:
        """The next PDU, often an answer to something that waits for one."""
        if waiting and self._random.random() < 0.5:
            octets = self._mutator.answer(self._random.choice(waiting))
        else:
            sequences = (0, 1, 7, 1000, 0x7FFFFFFF, self._random.randrange(1 << 32))
            octets = self._mutator.pdu(self._random.choice(sequences))
        self._octets = octets
        self._read(octets)
        return octets

    def _read(self, octets: bytes) -> None:
        try:
            pdu = decode(octets)
        except PduFault as fault:
            self.counts[f"refused {fault.status:#x}"] += 1
            return
        self.counts["read"] += 1
        self.check(decode(encode(pdu)) == pdu, "reads otherwise when it is written again")

    def feed(self, transport: Transport, octets: bytes) -> None:
        """To one end, in pieces."""
        for chunk in self._mutator.chunks(octets):
            if transport.protocol is not None and not transport.disconnecting:
                transport.protocol.dataReceived(chunk)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability


def heads(octets: bytes) -> list[tuple[int, int]]:
    """Command and sequence number of each PDU that one of our ends wrote."""
    found = []
    while octets:
        length, command, _, sequence = struct.unpack("!4L", octets[:16])
        found.append((command, sequence))
        octets = octets[length:]
    return found


class _EsmeUnderFire:
    """Our ESME, bound to something that says what it likes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reactor = MemoryReactorClock()
        self._intake, self._lanes = Intake(), Lanes()
        link = evolve(LINK, profile=Profile(query=True), retry_unknown=run.chance(0.5), rate=50.0 * run.chance(0.3))
        edge = SmppEdge(SmppSettings((link,)), self._reactor, self._intake, self._lanes, Ids(seed=1))
        edge.startService()
        self._results: list[Accepted | Rejected] = []
        self._delivered = 0
        self._asked: Counter[int] = Counter()

    def live(self) -> None:
        transport = self._connect(0)
        transport.protocol.dataReceived(encode(Pdu(c.BIND_TRANSCEIVER | c.RESPONSE, 1, body=BindResp("smsc"))))
        transport.clear()
        waiting: list[int] = []
        for _ in range(LONGEST_SESSION):
            if self._run.chance(0.3) and self._delivered - len(self._results) < 3:
                self._deliver()
            self._run.counts["to the ESME"] += 1
            self._run.feed(transport, self._run.octets(waiting))
            judged = self._judge()
            written = self._written(transport)
            answers = sum(command in _ANSWERS for command, _ in written)
            self._run.check(answers >= judged or transport.disconnecting, "a text from a phone was not answered")
            waiting += [sequence for command, sequence in written if command == c.SUBMIT_SM]
            self._reactor.advance(0.3)
            if transport.disconnecting or transport.protocol is None:
                break
        self._end(transport)

    def _connect(self, number: int) -> Transport:
        transport = Transport()
        transport.protocol = self._reactor.tcpClients[number][2].buildProtocol(None)
        transport.protocol.makeConnection(transport)
        return transport

    def _deliver(self) -> None:
        self._delivered += 1
        text = "hi" if self._run.chance(0.7) else "x" * 400
        result: Deferred[Any] = self._lanes.outlet.deliver(item(f"i{self._delivered}", text))
        result.addCallback(self._results.append)

    def _judge(self) -> int:
        """Give the verdicts; how many of them the SMSC waits for: an alert_notification has no answer."""
        events, self._intake.events = self._intake.events, []
        verdicts, self._intake.verdicts = self._intake.verdicts, []
        for verdict in verdicts:
            good = self._run.chance(0.8)
            verdict.callback(Taken("d") if good else Refused(Failure(Reason.UNKNOWN_RECIPIENT)))
            self._run.counts["offered"] += 1
        return sum(isinstance(event, Message | Fragment | Receipt) for event in events)

    def _written(self, transport: Transport) -> list[tuple[int, int]]:
        written = heads(transport.value())
        transport.clear()
        for command, _ in written:
            self._run.counts[f"wrote {Pdu(command).name}"] += 1
        return written

    def _end(self, transport: Transport) -> None:
        """The end of the session: everybody has been told, and we come back."""
        run = self._run
        run.counts["cost the session"] += transport.disconnecting
        transport.lose()
        run.check(len(self._results) == self._delivered, "a sender was told nothing, or twice")
        for result in self._results:
            run.counts[type(result).__name__] += 1
        before = len(self._reactor.tcpClients)
        self._reactor.advance(1.1)
        run.check(len(self._reactor.tcpClients) == before + 1, "the ESME does not come back")
        run.check(all(verdict.called for verdict in self._intake.verdicts), "an event was never judged")


class _SmscUnderFire:
    """Our SMSC, with an ESME that says what it likes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reactor = MemoryReactorClock()
        self._smsc = SmscFactory({"iwf": "secret"}, Phones(), self._reactor, Ids(seed=1))

    def live(self) -> None:
        run = self._run
        transport = Transport()
        transport.protocol = self._smsc.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        if run.chance(0.8):
            transport.protocol.dataReceived(encode(Pdu(c.BIND_TRANSCEIVER, 1, body=Bind("iwf", "secret"))))
        for _ in range(LONGEST_SESSION):
            run.counts["to the SMSC"] += 1
            run.feed(transport, run.octets([]))
            for command, _ in heads(transport.value()):
                run.counts[f"SMSC wrote {Pdu(command).name}"] += 1
            transport.clear()
            self._reactor.advance(0.3)
            if transport.disconnecting or transport.protocol is None:
                break
        transport.lose()
        run.check(self._smsc.connections == [], "a connection that is gone is still listed")


def main() -> int:
    """The command line; 1 when there were faults."""
    parser = argparse.ArgumentParser(prog="smpp_fuzz", description="Spoiled PDUs for both ends of SMPP.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    run = Run(arguments.messages, arguments.seed)
    started = time.monotonic()
    run.run(report=2000)
    print(f"{arguments.messages} PDUs in {time.monotonic() - started:.0f} s")
    for name, count in sorted(run.counts.items()):
        print(f"{count:9} {name}")
    for what, octets in run.faults[:20]:
        print(f"\n{what}\n{octets[:400].hex()}")
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(main())
