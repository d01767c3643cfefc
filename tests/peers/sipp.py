"""SIPp: SIP messages by script, for load and for answers a user agent would not give."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred

from tests.peers.base import LOOPBACK, Peer, PeerError

SCENARIOS = Path(__file__).with_name("sipp")
SILENT = 0
"""As the code of a :class:`SippServer`: never answer."""
TRANSPORTS = {"udp": "u1", "tcp": "t1", "tcp-each": "tn"}
"""``tcp-each``: a connection for every call."""
BANNER = re.compile(
    r"^(?:UDP message .*lost.*\.)?-{5,} .*\n(?:UDP|TCP|TLS) message (sent|received)[^\n]*\n\n", re.MULTILINE)
STATUS = re.compile(r"SIP/2\.0 (\d{3}) ")
# Calls that failed make SIPp exit with 1, which is a result and no fault.
FAILED_CALLS = 1


@frozen
class SippResult:
    """What became of the calls of one run."""

    succeeded: int
    failed: int
    retransmitted: int
    statuses: Counter[int] = field(factory=Counter)
    """Responses by status code, provisional ones and repetitions included; empty without a trace."""


@frozen
class Text:
    """One message to send."""

    target: str
    """``user@domain``; the user part as it stands in a SIP URI."""
    sender: str
    body: str
    """One line."""


class _Sipp(Peer):
    """One run of SIPp.

    :param options: further arguments of the program.
    """

    name = "sipp"
    programs = ("sipp",)

    def __init__(
        self,
        directory: str | os.PathLike[str],
        scenario: Path,
        transport: str = "udp",
        trace: bool = True,
        reactor: Any = None,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(directory, reactor)
        self.scenario = scenario
        self.options = tuple(options)
        self.transport = transport
        self.trace = trace
        self.port = self.new_port()

    def command(self) -> list[str]:
        tracing = ["-trace_msg", "-message_file", str(self._messages)] if self.trace else []
        return [
            "sipp", "-sf", str(self.scenario), "-t", TRANSPORTS[self.transport],
            "-i", LOOPBACK, "-p", str(self.port), "-nostdin",
            # No BYE or CANCEL of its own for a call that failed.
            "-default_behaviors", "all,-bye",
            "-trace_stat", "-stf", str(self._statistics), "-fd", "1",
            "-trace_err", "-error_file", str(self.directory / "errors.log"), *tracing,
            "-max_socket", "500", *self.options,
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"TERM": "dumb"}

    def prepare(self) -> None:
        for path in (self._messages, self._statistics):
            path.unlink(missing_ok=True)

    @property
    def _messages(self) -> Path:
        return self.directory / "messages.log"

    @property
    def _statistics(self) -> Path:
        return self.directory / "statistics.csv"

    def result(self) -> SippResult:
        """The counts as of now; SIPp writes them each second and at its end."""
        with self._statistics.open() as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        if not rows:
            raise PeerError(f"sipp wrote no statistics\n{self.log_tail()}")
        last = rows[-1]
        codes = (STATUS.match(message) for message in self.messages("received"))
        return SippResult(
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmitted=int(last["Retransmissions(C)"]),
            statuses=Counter(int(match[1]) for match in codes if match),
        )

    def messages(self, direction: str) -> list[str]:
        """Every message ``sent`` or ``received`` so far, head and body, with plain line feeds."""
        if not self.trace or not self._messages.exists():
            return []
        text = self._messages.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        parts = BANNER.split(text)
        return [message for kind, message in zip(parts[1::2], parts[2::2], strict=False) if kind == direction]


class SippServer(_Sipp):
    """A SIP peer that gives every MESSAGE the same answer, or none.

    :param code: the status code of every answer; :data:`SILENT` for none.
    :param template: the scenario, with ``200 OK`` in place of the answer.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        code: int = 200,
        reason: str = "Answer",
        transport: str = "udp",
        trace: bool = True,
        reactor: Any = None,
        template: str = "message_uas.xml",
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(
            directory, Path(directory).absolute() / "scenario.xml", transport, trace, reactor, options
        )
        self.template = template
        self.code = code
        self.reason = reason

    def prepare(self) -> None:
        super().prepare()
        # SIPp checks the code when it reads the scenario, so a keyword will not do.
        template = SCENARIOS / ("message_silent.xml" if self.code == SILENT else self.template)
        text = template.read_text().replace("200 OK", f"{self.code} {self.reason}")
        self.scenario.write_text(text)

    def listening(self) -> Iterable[int]:
        return (self.port,) if self.transport == "tcp" else ()

    async def ready(self) -> None:
        await super().ready()
        # The statistics file is made after the socket is bound.
        while not self._statistics.exists():
            await self.sleep(0.02)

    def requests(self) -> list[str]:
        """All requests it got, retransmissions included."""
        return [
            message for message in self.messages("received") if not message.startswith("SIP/2.0 ")
        ]


class SippClient(_Sipp):
    """A SIP peer that carries out a script once per line of a list.

    :param port: the port on loopback that everything is sent to.
    :param rate: calls per second.
    :param limit: calls that may be open at once.
    :param patience: seconds for the whole run.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        port: int,
        scenario: Path,
        lines: Sequence[Sequence[str]],
        transport: str = "udp",
        rate: int = 50,
        limit: int = 100,
        calls: int | None = None,
        patience: float = 60.0,
        trace: bool = True,
        reactor: Any = None,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(directory, scenario, transport, trace, reactor, options)
        self.target_port = port
        self.lines = lines
        self.calls = len(lines) if calls is None else calls
        self.rate = rate
        self.limit = limit
        self.patience = patience

    def command(self) -> list[str]:
        return [
            *super().command(), "-inf", str(self.directory / "lines.csv"),
            "-m", str(self.calls), "-r", str(self.rate), "-l", str(self.limit),
            "-timeout", f"{round(self.patience)}s", f"{LOOPBACK}:{self.target_port}",
        ]  # fmt: skip

    def prepare(self) -> None:
        super().prepare()
        rows = [";".join((*line, "")) for line in self.lines]
        if any(
            len(row.split(";")) != len(line) + 1 or "\n" in row
            for row, line in zip(rows, self.lines, strict=False)
        ):
            raise ValueError("a semicolon or line feed cannot be part of SIPp's list")
        (self.directory / "lines.csv").write_text("\n".join(["SEQUENTIAL", *rows, ""]))

    def run(self) -> Deferred[SippResult]:
        """Carry it all out; fires when the last call has ended."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> SippResult:
        await self.start()
        assert self._program is not None
        await self._program.when_ended()
        if self._program.status not in (0, FAILED_CALLS):
            raise PeerError(f"sipp: {self._program.reason}\n{self.log_tail()}")
        return self.result()


def send_texts(
    directory: str | os.PathLike[str],
    port: int,
    texts: Sequence[Text],
    scenario: str = "message_uac.xml",
    extra: Sequence[str] = (),
    **options: Any,
) -> Deferred[SippResult]:
    """Send each text once and count the answers: 200 and 202 are successes.

    :param extra: further fields that the scenario takes, the same for each text.
    :param options: see :class:`SippClient`; with ``calls`` the list is gone through repeatedly.
    """
    lines = [
        (*text.target.rsplit("@", 1), *text.sender.rsplit("@", 1), text.body, *extra) for text in texts
    ]
    return SippClient(directory, port, SCENARIOS / scenario, lines, **options).run()


def register(
    directory: str | os.PathLike[str],
    port: int,
    contacts: Sequence[tuple[str, int]],
    **options: Any,
) -> Deferred[SippResult]:
    """Register users at a registrar that asks for no password.

    :param contacts: pairs of ``user@domain`` and the port on loopback where he is reached, by the same
        transport.
    """
    lines = [(*address.rsplit("@", 1), str(contact)) for address, contact in contacts]
    return SippClient(directory, port, SCENARIOS / "register.xml", lines, **options).run()
