"""submit_sm a second over loopback: ``python -m tests.bench.bench_smpp [--messages N] [--window N] [--runs N]``.

Our codec and session, smpp.twisted and node-smpp, each as server and client in processes of their own, run in turn so
that other work on the machine meets all alike; medians of the faster half of the runs, for other work can only make a
run slower, and ratios to ours.  Then our codec alone.  CPU is microseconds for one submit_sm with its answer, in the
client and in the server; "a core" is what both ends on one core could do by that, whatever else the machine was doing.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.pdu import MessageResp, Pdu, ShortMessage, Sme
from tests.peers.smsc import modules

HERE = Path(__file__).parent
PAIRS = (("iwf", "iwf"), ("twisted", "twisted"), ("node", "node"), ("iwf", "node"), ("node", "iwf"))
"""Client and server."""
REPETITIONS, CALLS = 5, 20_000


@frozen
class Run:
    """One run: submit_sm a second, CPU microseconds of each end."""

    rate: float
    client: float
    server: float


def command(kind: str, *arguments: object) -> list[str]:
    """How an end is started."""
    program = (["node", str(HERE / "smpp_ends.js")] if kind == "node"
               else [sys.executable, "-m", "tests.bench.smpp_ends", kind])
    return program + [str(argument) for argument in arguments]


def run(client: str, server: str, messages: int, window: int) -> Run:
    """One load."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "NODE_PATH": str(modules())}
    serving = subprocess.Popen(command(server, "server", port, messages, window), env=environment,
                               stdout=subprocess.PIPE, stderr=_quiet(server), text=True)
    try:
        assert serving.stdout is not None
        while serving.stdout.readline() != "ready\n":
            if serving.poll() is not None:
                raise SystemExit(f"{server}: the server did not start")
        before = _cpu_of(serving.pid)
        sent = subprocess.run(command(client, "client", port, messages, window), env=environment, check=True,
                              stdout=subprocess.PIPE, stderr=_quiet(client), text=True)
        served = _cpu_of(serving.pid) - before
    finally:
        serving.terminate()
        serving.communicate()
    seconds, cpu = map(float, sent.stdout.split())
    return Run(messages / seconds, cpu / messages * 1e6, served / messages * 1e6)


def _quiet(kind: str) -> int | None:
    """smpp.twisted logs every connection."""
    return subprocess.DEVNULL if kind == "twisted" else None


def _cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def medians(runs: list[Run]) -> Run:
    """The middle of each figure in the faster half of the runs."""
    runs = sorted(runs, key=lambda one: one.rate)[len(runs) // 2:]
    return Run(*(statistics.median(getattr(one, name) for one in runs) for name in ("rate", "client", "server")))


def codec() -> list[tuple[str, float]]:
    """Microseconds of our codec: least of several repetitions."""
    message = ShortMessage(source=Sme(5, 0, "X000000001"), destination=Sme(1, 1, "491701234567"),
                           validity_period="000001000000000R", registered_delivery=1, short_message=b"x" * 59)
    submit = Pdu(c.SUBMIT_SM, 7, body=message)
    answer = Pdu(c.SUBMIT_SM | c.RESPONSE, 7, body=MessageResp("0000012345"))
    submit_octets, answer_octets = encode(submit), encode(answer)
    calls: tuple[tuple[str, Callable[[], object]], ...] = (
        ("submit_sm, written", lambda: encode(submit)), ("submit_sm, read", lambda: decode(submit_octets)),
        ("its answer, written", lambda: encode(answer)), ("its answer, read", lambda: decode(answer_octets)),
    )
    return [(name, min(timeit.repeat(call, number=CALLS, repeat=REPETITIONS)) / CALLS * 1e6) for name, call in calls]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    found: dict[tuple[str, str], list[Run]] = {pair: [] for pair in PAIRS}
    for _ in range(chosen.runs):
        for client, server in PAIRS:
            # The slow one does not have to make everybody wait.
            messages = chosen.messages // 4 if "twisted" in (client, server) else chosen.messages
            found[client, server].append(run(client, server, messages, chosen.window))
    ours = medians(found["iwf", "iwf"]).rate
    print(f"window {chosen.window}, {chosen.runs} runs, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
          "client to server     submit_sm/s  to ours  CPU us client  server   a core")
    for (client, server), runs in found.items():
        middle = medians(runs)
        print(f"{client + ' to ' + server:20} {middle.rate:11.0f}  {middle.rate / ours:7.2f}"
              f"  {middle.client:13.1f}  {middle.server:6.1f}  {1e6 / (middle.client + middle.server):7.0f}")
    for name, microseconds in codec():
        print(f"{name:20} {microseconds:6.2f} us")


if __name__ == "__main__":
    main()
