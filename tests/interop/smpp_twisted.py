"""smpp.twisted, the SMPP library of others on Twisted, as SMSC and as ESME."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.peers.base import Event, EventLog, Peer

PROGRAM = Path(__file__).with_name("smpp_twisted_process.py")


class SmppTwisted(Peer):
    """One of its two sides (tests/interop/smpp_twisted_process.py)."""

    name = "smpp.twisted"
    reads_output = True
    side = ""

    def __init__(self, directory: str | os.PathLike[str], port: int = 0, reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self.port = port or self.new_port()
        self.events = EventLog(self)
        """Dictionaries with the key ``event``: ``submit_sm``, ``deliver_sm``, ``answered``, ``bound``..."""
        self._numbers = itertools.count(1)

    @classmethod
    def find(cls) -> str | None:
        try:
            found = importlib.util.find_spec("smpp.twisted")
        except ModuleNotFoundError:
            found = None
        return None if found else "smpp.twisted: not found; run tools/install-python.sh"

    def command(self) -> list[str]:
        return [sys.executable, str(PROGRAM), self.side, str(self.port)]

    def line_received(self, line: str) -> None:
        if line.startswith("{"):
            self.events.add(json.loads(line))

    def tell(self, what: str, **details: Any) -> None:
        """Give an order."""
        self.write_input(json.dumps({"do": what, **details}).encode() + b"\n")

    def event(self, kind: str, **values: Any) -> Deferred[Event]:
        """The next event of a kind with these values."""
        wanted = {"event": kind, **values}
        return self.events.wait_for(lambda event: wanted.items() <= event.items())

    async def send(self, sender: str, to: str, text: str, **more: Any) -> Event:
        """Send a message to the other side; how it was answered: ``status``, ``id``."""
        number = next(self._numbers)
        self.tell("send", number=number, text=text, to=to, **{"from": sender}, **more)
        return await self.event("answered", number=number)


class TwistedSmsc(SmppTwisted):
    """An SMSC with the account ``iwf``, password ``secret``."""

    side = "server"

    def listening(self) -> Iterable[int]:
        return (self.port,)

    async def answer(self, status: str) -> None:
        """Answer submits with this command_status from now on, such as ``ESME_RINVDSTADR``."""
        self.tell("answer", status=status)
        await self.event("done")


class TwistedEsme(SmppTwisted):
    """An ESME, bound as transceiver once started."""

    side = "client"

    async def ready(self) -> None:
        await self.event("bound")
