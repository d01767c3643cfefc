"""What all drivers share: free ports, processes that always end, readiness, logs, events."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ProcessExitedAlready
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the range from which the system takes the ports of outgoing connections."""
TAIL = 20
"""Lines of a log that go into a failure."""

Event = dict[str, Any]
_T = TypeVar("_T")
_P = TypeVar("_P", bound="Peer")


class PeerError(Exception):
    """A program did not come up, ended by itself, or did not do what it was asked for."""


class Port:
    """A free port number on loopback, for UDP and TCP, reserved as long as this object lives.

    The reservation is a name in the abstract socket namespace, so it also holds between test
    runs that go on at the same time, and vanishes with the process.
    """

    def __init__(self) -> None:
        for number in random.SystemRandom().sample(PORTS, 200):
            mark = socket.socket(socket.AF_UNIX)
            try:
                mark.bind(f"\0iwf-test-port-{number}")
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((LOOPBACK, number))
            except OSError:
                mark.close()
                continue
            self.number = number
            self._mark = mark
            return
        raise PeerError("no free port found")

    def __del__(self) -> None:
        if hasattr(self, "_mark"):
            self._mark.close()


class EventLog:
    """Events in the order of their arrival, and those who wait for one of them.

    :param owner: named in failures.
    """

    def __init__(self, owner: Peer) -> None:
        self._owner = owner
        self.history: list[Event] = []
        """All events ever."""
        self._unread: list[Event] = []
        self._waiting: list[tuple[Callable[[Event], bool], Deferred[Event]]] = []

    def add(self, event: Event) -> None:
        self.history.append(event)
        for entry in self._waiting:
            predicate, waiter = entry
            if predicate(event):
                self._waiting.remove(entry)
                waiter.callback(event)
                return
        self._unread.append(event)

    def wait_for(
        self, predicate: Callable[[Event], bool], timeout: float | None = 10.0
    ) -> Deferred[Event]:
        """The first event that fits and was not handed out before; it may have come already.

        :param timeout: seconds; after them the Deferred fails with a :class:`PeerError` that
            tells the events that came instead.  None: no limit.
        """
        waiter: Deferred[Event] = Deferred()
        for event in self._unread:
            if predicate(event):
                self._unread.remove(event)
                waiter.callback(event)
                return waiter
        entry = (predicate, waiter)
        self._waiting.append(entry)
        if timeout is not None:
            waiter.addTimeout(timeout, self._owner.reactor)

        def give_up(failure: Failure) -> Failure:
            failure.trap(TimeoutError, CancelledError)
            if entry in self._waiting:
                self._waiting.remove(entry)
            seen = "\n  ".join(str(event)[:300] for event in self._unread[-TAIL:])
            raise PeerError(
                f"{self._owner.name}: not seen in {timeout} s; unread events:\n  {seen}"
            )

        return waiter.addErrback(give_up)


class _Program(ProcessProtocol):
    """One run of a peer's program."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._buffer = b""
        self._waiting: list[Deferred[None]] = []
        self.running = True
        self.reason = ""
        self.status: int | None = None

    def order(self, what: bytes) -> None:
        """Tell the leash what to do (see :mod:`tests.peers.leash`)."""
        if self.running and self.transport is not None:
            try:
                self.transport.writeToChild(3, what)
            except (ProcessExitedAlready, KeyError):
                pass

    def when_ended(self) -> Deferred[None]:
        waiter: Deferred[None] = Deferred()
        if self.running:
            self._waiting.append(waiter)
        else:
            waiter.callback(None)
        return waiter

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._peer.write_log(data)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._peer.line_received(line.decode("utf-8", "replace").rstrip("\r"))

    def processEnded(self, reason: Failure) -> None:
        self.running = False
        self.reason = str(reason.value)
        self.status = getattr(reason.value, "exitCode", None)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)


class _Probe(Protocol):
    """Connects and goes away again."""

    def __init__(self) -> None:
        self.lost: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class Peer:
    """A program of others, on loopback, with all its files in one directory.

    Ports are chosen at construction and stay the same over restarts, and so does the data.

    :param directory: made when missing.
    :param reactor: the running reactor by default.
    """

    name: ClassVar[str] = "peer"
    programs: ClassVar[tuple[str, ...]] = ()
    """What must be found for :meth:`find` to be content."""
    reads_output: ClassVar[bool] = False
    """Whether standard output comes to :meth:`line_received`, besides the log."""
    start_timeout: float = 20.0
    stop_timeout: float = 5.0

    def __init__(self, directory: str | os.PathLike[str], reactor: Any = None) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.reactor: Any = reactor
        self.directory = Path(directory).absolute()
        self.log_path = self.directory / f"{self.name}.log"
        self._ports: list[Port] = []
        self._program: _Program | None = None

    # What a driver says about its program.

    @classmethod
    def find(cls) -> str | None:
        """None when the program is there, else the reason why it cannot be used."""
        missing = [program for program in cls.programs if which(program) is None]
        return f"{cls.name}: {', '.join(missing)} not found" if missing else None

    def command(self) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Variables beyond PATH, HOME and LANG."""
        return {}

    def prepare(self) -> None:
        """Write files before a start; data of an earlier run must survive this."""

    def listening(self) -> Iterable[int]:
        """TCP ports that answer when the program is ready."""
        return ()

    async def ready(self) -> None:
        """Return when the program can be used; cancelled after :attr:`start_timeout`."""
        for port in self.listening():
            while not await tcp_answers(self.reactor, port):
                await self.sleep(0.05)

    def line_received(self, line: str) -> None:
        """A line of its output, where :attr:`reads_output` is set."""

    # What a test does with it.

    @property
    def running(self) -> bool:
        return self._program is not None and self._program.running

    def start(self) -> Deferred[None]:
        """Fires when the program is usable, else fails with the end of its log."""
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> Deferred[None]:
        """Ask it to end, kill it when it does not; fires when it is gone, at once if it was not there."""
        return Deferred.fromCoroutine(self._end(b"T"))

    def kill(self) -> Deferred[None]:
        """End it without a chance to say goodbye."""
        return Deferred.fromCoroutine(self._end(b"K"))

    def freeze(self) -> None:
        """Make it silent with its connections open, until :meth:`thaw`."""
        self._order(b"S")

    def thaw(self) -> None:
        self._order(b"C")

    def log_tail(self, lines: int = TAIL) -> str:
        if not self.log_path.exists():
            return "(no log)"
        text = self.log_path.read_text("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    # For drivers.

    def new_port(self) -> int:
        """A port for this peer, reserved for as long as the peer exists."""
        port = Port()
        self._ports.append(port)
        return port.number

    def sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self.reactor, seconds, lambda: None)

    def write_log(self, data: bytes) -> None:
        with self.log_path.open("ab") as log:
            log.write(data)

    def write_input(self, data: bytes) -> None:
        """Write to the program's standard input."""
        if not self.running:
            raise PeerError(f"{self.name} does not run")
        assert self._program is not None and self._program.transport is not None
        self._program.transport.writeToChild(0, data)

    def _order(self, what: bytes) -> None:
        if self._program is not None:
            self._program.order(what)

    async def _start(self) -> None:
        if self.running:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        self.prepare()
        program = self._program = self._spawn()
        ready = Deferred.fromCoroutine(self.ready())
        program.when_ended().addCallback(lambda _: ready.cancel())
        ready.addTimeout(self.start_timeout, self.reactor)
        try:
            await ready
        except (CancelledError, TimeoutError) as error:
            why = f"not ready after {self.start_timeout} s" if program.running else program.reason
            await self._end(b"K")
            raise PeerError(f"{self.name} did not come up: {why}\n{self.log_tail()}") from error
        except BaseException:
            await self._end(b"K")
            raise

    def _spawn(self) -> _Program:
        program = _Program(self)
        environment = {
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            **self.environment(),
        }
        leash = [sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py"))]
        with self.log_path.open("ab") as log:
            output: Any = "r" if self.reads_output else log.fileno()
            self.reactor.spawnProcess(
                program,
                leash[0],
                [*leash, *self.command()],
                env=environment,
                path=str(self.directory),
                childFDs={0: "w", 1: output, 2: log.fileno(), 3: "w"},
            )
        return program

    async def _end(self, order: bytes) -> None:
        program = self._program
        if program is None or not program.running:
            return
        # A frozen program hears a request to end only after it was thawed.
        program.order(b"C" + order)
        alarm = self.reactor.callLater(self.stop_timeout, program.order, b"K")
        await program.when_ended()
        if alarm.active():
            alarm.cancel()


def which(program: str) -> str | None:
    """Where a program is; system administration folders count, whatever PATH says."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin")


async def tcp_answers(reactor: Any, port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    try:
        endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, port, timeout=1)
        probe = await endpoint.connect(Factory.forProtocol(_Probe))
    except ConnectError:
        return False
    assert isinstance(probe, _Probe) and probe.transport is not None
    probe.transport.loseConnection()
    await probe.lost
    return True


def require(testcase: SynchronousTestCase, *peers: type[Peer]) -> None:
    """Skip a test whose peers are not installed; where ``CI`` is set, let it fail."""
    reasons = [reason for peer in peers if (reason := peer.find()) is not None]
    if not reasons:
        return
    if os.environ.get("CI"):
        testcase.fail("; ".join(reasons))
    raise SkipTest("; ".join(reasons))


def launch(testcase: SynchronousTestCase, peer: _P) -> Deferred[_P]:
    """Start a peer that ends with the test, whatever becomes of the test."""
    testcase.addCleanup(peer.stop)
    return peer.start().addCallback(lambda _: peer)


def run(steps: Coroutine[Any, Any, _T]) -> Deferred[_T]:
    """A coroutine as the Deferred that trial wants."""
    return Deferred.fromCoroutine(steps)
