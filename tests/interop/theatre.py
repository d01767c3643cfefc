"""Plays on the stage of real programs, a test each.

Trial ends everything in its reactor after each test, but the programs of the stage take seconds to
come up.  So the stage has a process of its own, which plays what it is told:
``python -m tests.interop.theatre SERVER DIRECTORY``, with a path on each line of its input and the
outcome on a line of its output.  Its end, however it comes about, ends the programs.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.interop.real import RealStage, Server, programs
from tests.peers.base import require
from tests.peers.ejabberd import Ejabberd
from tests.peers.prosody import Prosody
from tests.scenarios.perform import perform
from tests.scenarios.play import PlayError, read_play

ROOT = Path(__file__).parents[2]
PLAYS = sorted((ROOT / "tests" / "scenarios" / "plays").glob("*.play"))
SERVERS: dict[str, type[Server]] = {kind.name: kind for kind in (Prosody, Ejabberd)}
LONGEST = 90.0
"""Seconds for one play, with the programs' first start."""
FAREWELL = 20.0
"""Seconds for all programs to end."""


class TheatreError(Exception):
    """The process of the stage does not answer."""


@frozen
class Outcome:
    """How a play went."""

    error: str
    """Empty when it went as it is written."""
    counts: list[str]
    """Of each ``nothing is lost``, up to the error."""


class Theatre:
    """The process, from outside; blocking, as trial is between tests.

    Trial knows no end of a class: a theatre ends when another class opens its own, or with the tests.
    """

    _open: ClassVar[dict[type, Theatre]] = {}

    @classmethod
    def of(cls, owner: type, server: type[Server], directory: Callable[[], Path]) -> Theatre:
        """The theatre of a class of tests, opened when it is not."""
        theatre = cls._open.get(owner)
        if theatre is None:
            for other in list(cls._open.values()):
                other.close()
            theatre = cls._open[owner] = cls(server, directory())
            atexit.register(theatre.close)
        return theatre

    def __init__(self, server: type[Server], directory: Path) -> None:
        directory.mkdir(parents=True)
        self._log = directory / "theatre.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.interop.theatre", server.name, str(directory)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
        self._buffer = b""

    def perform(self, play: Path) -> Outcome:
        """Play."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{play}\n".encode())
            self._process.stdin.flush()
        except OSError as error:
            raise TheatreError(self._why("has ended")) from error
        return Outcome(**json.loads(self._line(time.monotonic() + LONGEST)))

    def _line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TheatreError(self._why(f"says nothing for {LONGEST} s"))
            data = os.read(output, 65_536)
            if not data:
                raise TheatreError(self._why("has ended"))
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _why(self, what: str) -> str:
        return f"the theatre {what}\n{self._log.read_text('utf-8', 'replace')[-2000:]}"

    def close(self) -> None:
        """End all programs."""
        type(self)._open = {owner: each for owner, each in self._open.items() if each is not self}
        atexit.unregister(self.close)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class PlaysMixin:
    """One test for each play; to be mixed into a test case that names a server."""

    server: ClassVar[type[Server]]

    def perform(self, play: Path) -> list[str]:
        """The play goes as it is written; the counts of each ``nothing is lost``."""
        assert isinstance(self, SynchronousTestCase)
        require(self, *programs(self.server))
        theatre = Theatre.of(type(self), self.server, lambda: Path(self.mktemp()).absolute())
        try:
            outcome = theatre.perform(play)
        except TheatreError:
            theatre.close()
            raise
        if outcome.error:
            self.fail("\n".join([outcome.error, *outcome.counts]))
        return outcome.counts


def with_plays(case: type[PlaysMixin]) -> type[PlaysMixin]:
    """Give a test case its tests."""
    for path in PLAYS:
        test = _test(path)
        test.__doc__ = f"The play {path.name} goes as it is written with {case.server.name}."
        setattr(case, f"test_{path.stem.replace('-', '_')}", test)
    return case


def _test(path: Path) -> Callable[[PlaysMixin], None]:
    def test(self: PlaysMixin) -> None:
        self.perform(path)

    return test


# -- the process, from inside


class _Manager(LineReceiver):
    """Plays what it is told, one after the other."""

    delimiter = b"\n"

    def __init__(self, stage: RealStage) -> None:
        self._stage = stage
        self._turn: Deferred[None] = succeed(None)
        self.ended: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        path = Path(line.decode())
        self._turn.addCallback(lambda _: Deferred.fromCoroutine(self._play(path)))

    async def _play(self, path: Path) -> None:
        error, counts = "", []
        try:
            counts = await perform(read_play(path), self._stage)
            self._stage.clean = True
        except PlayError as failed:
            error = str(failed)
        except Exception:
            error = Failure().getTraceback()
        self.sendLine(json.dumps({"error": error, "counts": counts}).encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


async def _main(reactor: Any, server: str, directory: str) -> None:
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    stage = RealStage(Path(directory), SERVERS[server], [read_play(path) for path in PLAYS], reactor)
    manager = _Manager(stage)
    StandardIO(manager, reactor=reactor)
    try:
        await manager.ended
    finally:
        await stage.end()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(_main(reactor, *sys.argv[1:])))
