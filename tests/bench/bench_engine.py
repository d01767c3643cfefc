"""What one message costs in the engine: ``python -m tests.bench.bench_engine``.

CPU time of this process in microseconds per message, decision, commits and the peer's answer
included; edges that answer at once, time by hand.  The least of several repetitions, as other work
on the machine disturbs single ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from iwf.edge import IOutlet
from iwf.engine.engine import Engine
from iwf.engine.store.base import IStore
from iwf.engine.store.sqlite import SqliteStore
from iwf.ids import Ids
from iwf.mapping.model import Accepted, Item, Message, Rejected
from tests.support.sample import GATEWAY, LANE_M, LANE_X, LINK, TRUNK, from_ana, from_ben

MESSAGES, REPETITIONS, USERS = 3000, 5, 500


@implementer(IOutlet)
class Taker:
    """A peer that takes everything at once; a component stream gives references."""

    def deliver(self, item: Item) -> Deferred[Accepted | Rejected]:
        refs = (f"{item.id}|x",) if item.lane.startswith("xmpp:") else ()
        return succeed(Accepted(item, refs))


def to_sip(number: int) -> Message:
    """One from XMPP to SIP."""
    message = from_ben("hello there, my friend")
    return evolve(message, id=f"m{number}",
                  target=evolve(message.target, user=f"u{number % USERS}*sip.example"))


def to_xmpp(number: int) -> Message:
    """One from SIP to XMPP."""
    message = from_ana("hello there, my friend", id=f"z9hG4bK{number}", key=f"k{number}")
    return evolve(message, target=evolve(message.target, user=f"u{number % USERS}*xmpp.example"))


def cost(make: Callable[[int], Message], store: IStore, batch: int) -> float:
    """Microseconds of CPU per message, so many of them in a transaction."""
    clock = Clock()
    clock.rightNow = 1_790_000_000.0
    engine = Engine(store, GATEWAY, clock, Ids(), commit_every=0.0)
    for name in (LANE_X, LANE_M, TRUNK, LINK):
        engine.outbox.attach(name, Taker(), keeps_order=True).grant(1000)
    engine.start()
    messages = [make(number) for number in range(MESSAGES)]
    begin = time.process_time()
    for first in range(0, MESSAGES, batch):
        for message in messages[first:first + batch]:
            engine.intake.offer(message)
        clock.advance(0)
    spent = time.process_time() - begin
    engine.stop()
    return spent / MESSAGES * 1e6


def main() -> None:
    """Print the table."""
    print("microseconds per message   synchronous  1 a commit  10 a commit  50 a commit")
    with TemporaryDirectory() as folder:
        count = 0
        for name, make in (("XMPP to SIP", to_sip), ("SIP to XMPP", to_xmpp)):
            for synchronous in ("full", "normal"):
                costs = []
                for batch in (1, 10, 50):
                    least = float("inf")
                    for _ in range(REPETITIONS):
                        count += 1
                        store = SqliteStore(str(Path(folder) / f"{count}.db"), synchronous)
                        least = min(least, cost(make, store, batch))
                    costs.append(least)
                print(f"{name:26} {synchronous:11}" + "".join(f"{value:12.0f}" for value in costs))


if __name__ == "__main__":
    main()
