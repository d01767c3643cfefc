"""Spoiled SIP messages for every layer: ``python -m tests.fuzz.sip_fuzz --messages 1000000 --seed 1``.

Each message goes to the reader and the checks, to a transaction table and, by UDP or TCP, to the whole daemon in
memory; every few of them through the framer in pieces.  What may never happen is counted as a fault: an exception that
is no SipSyntaxError, one in the log, an answer that cannot be read or says that we failed, octets that read otherwise
in other pieces, XML that the XMPP server cannot read, a message that takes long.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
import time
from collections import Counter
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogPublisher

from iwf.engine.store.sqlite import SqliteStore
from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.framing import Broken, Frame, StreamFramer
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from iwf.sip.transaction.table import Deliver, ServerTransaction, TransactionTable
from tests.fuzz.mutate import Mutator
from tests.standards.stand import PHONES, REGISTRAR, Stand, settings
from tests.support.world import SIP_PORT

#: Seconds of this machine that one message may take in all layers.
SLOW = 1.0
#: Seconds after which a message counts as one that never ends, and the run with it.
HANG = 60.0
#: Virtual seconds between two messages at the daemon; transactions live for 32.
PACE = 0.05
#: Messages between two looks at clock, memory and what peers have collected.
INTERVAL = 500

_JULIET = "juliet*example.net@sip.xmpp.test"


class Run:
    """One run.

    :param messages: how many messages to make.
    :param registrar: the daemon has a registrar, which challenges.
    """

    def __init__(self, messages: int, seed: int, registrar: bool = False) -> None:
        self.messages = messages
        self.counts: Counter[str] = Counter()
        self.faults: list[tuple[str, bytes]] = []
        """What must not happen, and the message after which it did."""
        self.slowest = 0.0
        """Seconds of the slowest message."""
        self._random = Random(seed)
        self._mutator = Mutator(self._random)
        self._table = TransactionTable()
        self._daemon = DaemonUnderFire(self, registrar)
        self._octets = b""

    def fault(self, what: str) -> None:
        """Something happened that must not."""
        self.faults.append((what, self._octets))
        self.counts["FAULT"] += 1

    def run(self, report: int = 0) -> None:
        """Do it all.

        :param report: say how things stand after so many messages; 0: never.
        """
        started = time.monotonic()
        globalLogPublisher.addObserver(self._logged)  # type: ignore[arg-type]
        try:
            for number in range(1, self.messages + 1):
                if number % INTERVAL == 1:
                    self._daemon.tidy()
                    if report:
                        faulthandler.dump_traceback_later(HANG, exit=True)
                self._one(number)
                if report and number % report == 0:
                    print(f"{number} messages, {time.monotonic() - started:.0f} s, {peak_memory():.0f} MiB, "
                          f"{len(self._table)} transactions, slowest {self.slowest * 1000:.0f} ms, "
                          f"{len(self.faults)} faults", flush=True)
        finally:
            self._daemon.stop()
            globalLogPublisher.removeObserver(self._logged)  # type: ignore[arg-type]
            if report:
                faulthandler.cancel_dump_traceback_later()

    def _logged(self, event: Any) -> None:
        if "log_failure" in event:
            self.fault(f"logged: {event['log_failure'].getTraceback()}")

    def _one(self, number: int) -> None:
        octets = self._octets = self._daemon.reply or self._mutator.message()
        self._daemon.reply = b""
        before = time.perf_counter()
        try:
            self._read(octets, number)
            if number % 4 == 0:
                self._frame(octets)
            self._daemon.tell(octets, number)
        except Exception as fault:  # noqa: BLE001 - that is what is looked for
            self.fault(f"raised: {fault!r}")
        took = time.perf_counter() - before
        self.slowest = max(self.slowest, took)
        if took > SLOW:
            self.fault(f"took {took:.1f} s")

    def _read(self, octets: bytes, number: int) -> None:
        """Reader, checks and transactions."""
        try:
            message = parse_message(octets, datagram=number % 2 == 0)
            validate(message)
        except SipSyntaxError as fault:
            self.counts["refused" if fault.request else "dropped"] += 1
            if fault.request is not None:
                _read_answer(response_to(fault.request, fault.status, fault.reason, to_tag="t").to_bytes())
            return
        self.counts["taken"] += 1
        if parse_message(message.to_bytes()) != message:
            self.fault("reads otherwise when it is written")
        now = number * PACE
        for output in [*self._table.handle_timer(now), *self._table.receive(message, None, False, now)]:
            transaction = output.transaction
            if isinstance(output, Deliver) and isinstance(transaction, ServerTransaction):
                assert isinstance(output.message, Request)
                for status in self._random.choice(((100, 200), (200,), (404, 200), (603,))):
                    self._table.respond(transaction, response_to(output.message, status, to_tag="t"), now)

    def _frame(self, octets: bytes) -> None:
        """The same frames for every way the octets are chopped."""
        stream = octets + self._mutator.message()
        whole, framer = StreamFramer(), StreamFramer()
        at_once = _shown(whole.feed(stream))
        in_pieces = _shown([frame for piece in self._mutator.chunks(stream) for frame in framer.feed(piece)])
        self.counts["frames"] += len(at_once)
        if at_once != in_pieces:
            self.fault("is framed otherwise in pieces")

    def spoiled_answer(self, request: Request) -> bytes:
        """What a peer that has lost its mind says to a request of ours."""
        status = self._random.choice((100, 200, 202, 302, 401, 407, 413, 415, 420, 480, 491, 503, 603))
        return self._mutator.spoil(response_to(request, status, to_tag="far").to_bytes())

    def chunks(self, octets: bytes) -> list[bytes]:
        """See :meth:`Mutator.chunks`."""
        return self._mutator.chunks(octets)


def _read_answer(octets: bytes) -> Request | Response | None:
    """What we wrote; None when it goes beyond our own limits, as an answer to what did so may (RFC 3261 8.2.6.2).

    :raises SipSyntaxError: when it cannot be read.
    """
    try:
        return parse_message(octets)
    except SipSyntaxError as fault:
        if fault.status != 513:
            raise
        return None


def _shown(frames: list[Frame]) -> list[object]:
    return [str(frame.error) if isinstance(frame, Broken) else frame for frame in frames]


class DaemonUnderFire:
    """The whole daemon in memory; its answers are looked at."""

    def __init__(self, run: Run, registrar: bool) -> None:
        self._run = run
        # Rows on disk, as ever, so that memory tells of the daemon alone.
        self._folder = TemporaryDirectory(prefix="iwf-fuzz-")
        store = SqliteStore(f"{self._folder.name}/iwf.db", "normal")
        used = settings(REGISTRAR if registrar else PHONES, "example.net")
        self._stand = Stand(used, store)
        self._world = self._stand.world
        self._network = self._world.network
        self._network.lose = self._hear
        self._stream: Client | None = None
        self.reply = b""
        """The answer to a request of the daemon's, to be told next."""

    def tell(self, octets: bytes, number: int) -> None:
        """Hand it a message, by TCP each tenth time."""
        if number % 10 == 0:
            if self._stream is None or self._stream.closed:
                self._stream = Client(self)
                self._network.connectTCP("127.0.0.1", SIP_PORT, self._stream.factory)
                self._network.advance(0)
            for piece in self._run.chunks(octets):
                self._stream.write(piece)
        else:
            port = 5060 + number % 3
            self._network.datagrams["127.0.0.1", SIP_PORT].protocol.datagramReceived(octets, ("192.0.2.9", port))
        if number % 20 == 0:
            self._world.xmpp.say("romeo@xmpp.test/pc", _JULIET, f"m{number}", id=f"m{number}", type="chat")
        self._network.advance(0)
        if number % 5 == 0:
            self._network.advance(5 * PACE)

    def tidy(self) -> None:
        """Forget what the peers have collected, so that memory tells of the daemon alone."""
        if self._world.xmpp.broken or self._world.xmpp.foreign:
            self._run.fault("the XMPP server got what it cannot take")
            self._world.xmpp.broken = self._world.xmpp.foreign = 0
        self._run.counts["to XMPP"] += len(self._world.xmpp.inbox)
        self._run.counts["to phones"] += len(self._world.handset.received)
        self._world.xmpp.inbox.clear()
        self._world.handset.received.clear()
        for pipe in self._network.pipes:
            pipe.written = b""

    def stop(self) -> None:
        """Stop it in an orderly way."""
        self.tidy()
        self._world.stop_daemon()
        self._folder.cleanup()

    def heard(self, octets: bytes) -> None:
        """What the daemon says."""
        message = _read_answer(octets)
        if isinstance(message, Response):
            self._run.counts[f"answered {message.status}"] += 1
            if message.status == 500:
                self._run.fault("answered 500")
        elif message is not None:
            self._run.counts["requests of ours"] += 1
            self.reply = self._run.spoiled_answer(message)

    def _hear(self, datagram: bytes) -> bool:
        try:
            self.heard(datagram)
        except SipSyntaxError:
            self._run.fault(f"answered what cannot be read: {datagram!r}")
        return True


class Client(Protocol):
    """A connection to the daemon."""

    transport: Any = None

    def __init__(self, daemon: DaemonUnderFire) -> None:
        self.factory = Factory.forProtocol(lambda: self)
        for name in ("startedConnecting", "clientConnectionLost", "clientConnectionFailed"):
            setattr(self.factory, name, lambda *args: None)
        self.closed = False
        self._daemon = daemon
        self._framer = StreamFramer()

    def write(self, octets: bytes) -> None:
        self.transport.write(octets)

    def dataReceived(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            if isinstance(frame, bytes):
                self._daemon.heard(frame)

    def connectionLost(self, reason: object = None) -> None:
        self.closed = True


def peak_memory() -> float:
    """The most memory that this process has had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """The command line; 1 when there were faults."""
    parser = argparse.ArgumentParser(prog="sip_fuzz", description="Spoiled SIP messages for every layer.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--registrar", action="store_true", help="with a registrar, which challenges")
    arguments = parser.parse_args()
    run = Run(arguments.messages, arguments.seed, arguments.registrar)
    started = time.monotonic()
    run.run(report=max(1, arguments.messages // 20))
    print(f"{run.messages} messages in {time.monotonic() - started:.0f} s, peak memory {peak_memory():.0f} MiB, "
          f"slowest {run.slowest * 1000:.0f} ms")
    for name, count in sorted(run.counts.items()):
        print(f"{count:9} {name}")
    for what, octets in run.faults[:20]:
        print(f"\n{what}\n{octets[:2000]!r}")
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(main())
