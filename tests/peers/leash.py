"""Run a program so that it cannot outlive its owner.

``leash.py PROGRAM ARGUMENT...`` with descriptor 3 as the read end of a pipe the owner keeps open.

The program gets a process group of its own.  Each octet on the pipe is an order: ``T`` asks the
program to end, ``K`` kills its whole group, ``S`` freezes and ``C`` thaws it.  The end of the pipe
means that the owner is gone, however that came about: the group is then ended, too.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

ROPE = 3
GRACE = 2.0
"""Seconds between asking and killing, when the owner is gone."""


PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans below us become our children."""


def signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        pass


def obey(order: int, program: subprocess.Popen[bytes]) -> None:
    """Carry out one order of the owner."""
    if order == ord("T"):
        # Only the program itself: Erlang's helpers, for one, must not be ended before it.
        program.terminate()
    elif order == ord("K"):
        signal_group(program.pid, signal.SIGKILL)
    elif order == ord("S"):
        signal_group(program.pid, signal.SIGSTOP)
    elif order == ord("C"):
        signal_group(program.pid, signal.SIGCONT)


def watch(program: subprocess.Popen[bytes]) -> int:
    """Wait for the program's end and obey the owner meanwhile."""
    ended = os.pidfd_open(program.pid)
    sources = [ROPE, ended]
    deadline: float | None = None
    while program.poll() is None:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(sources, [], [], patience)
        if ROPE in ready:
            orders = os.read(ROPE, 64)
            for order in orders:
                obey(order, program)
            if not orders:
                sources.remove(ROPE)
                signal_group(program.pid, signal.SIGCONT)
                program.terminate()
                deadline = time.monotonic() + GRACE
        elif not ready:
            signal_group(program.pid, signal.SIGKILL)
            deadline = None
    signal_group(program.pid, signal.SIGKILL)
    return program.returncode


def end_orphans() -> None:
    """End what the program left behind, also what has a group of its own (as Erlang's ports have)."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children") as listing:
            for child in listing.read().split():
                os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main(command: list[str]) -> int:
    # A session of our own: an interrupt typed at the terminal is for the owner alone.
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.set_inheritable(ROPE, False)
    try:
        program = subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    status = watch(program)
    end_orphans()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
