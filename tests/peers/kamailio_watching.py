"""Kamailio as a watcher: its module pua subscribes to users elsewhere (RFC 3856)."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue

from tests.peers.base import LOOPBACK, Event, EventLog, PeerError, which
from tests.peers.kamailio import TABLES, Kamailio, module_folder

_SEEN = re.compile(r"(notified|sends) ([0-9a-f]*) ([0-9a-f]*) \.$")


class KamailioWatching(Kamailio):
    """Watches whom it is told to.

    :param gateway: the port on loopback where the users of ``served`` are.
    """

    name = "kamailio-watching"
    reads_output = True

    def __init__(self, directory: str | os.PathLike[str], gateway: int, domain: str = "sip.test",
                 served: str = "xmpp.sip.test", reactor: Any = None) -> None:
        super().__init__(directory, domain, reactor=reactor)
        self._gateway = gateway
        self._served = served
        self._control = self.new_port()
        self.events = EventLog(self)
        """``notified``, with ``state`` and ``document``; ``sends``, with ``method`` and ``expires``."""

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        modules = module_folder()
        if modules is None or not (modules / "pua_rpc.so").exists():
            return "kamailio: its presence modules not found"
        return None if which("kamcmd") else "kamailio: kamcmd not found"

    def prepare(self) -> None:
        words = {"PORT": str(self.port), "CONTROL": str(self._control), "DOMAIN": self.domain,
                 "DIRECTORY": str(self.directory), "MODULES": f"{module_folder()}/"}
        text = Path(__file__).with_suffix(".cfg").read_text()
        (self.directory / "kamailio.cfg").write_text(re.sub(r"@([A-Z_]+)@", lambda match: words[match[1]], text))
        database = sqlite3.connect(self.directory / "presence.sqlite")
        for part in ("standard", "presence"):
            database.executescript((TABLES / f"{part}-create.sql").read_text())
        database.close()

    def command(self) -> list[str]:
        # It tells what it sees where it tells what is wrong.
        return ["sh", "-c", 'exec "$@" 2>&1', "sh", *super().command()]

    def listening(self) -> Iterable[int]:
        return ()

    async def ready(self) -> None:
        await super().ready()
        # What a server of names would tell it.
        await self._order("dns.add_srv", f"_sip._udp.{self._served}", "3600", "1", "1", str(self._gateway),
                          f"gateway.{self._served}", "0")
        await self._order("dns.add_a", f"gateway.{self._served}", "3600", LOOPBACK, "0")

    def line_received(self, line: str) -> None:
        found = _SEEN.search(line)
        if found is not None:
            one, other = (bytes.fromhex(word).decode() for word in found.groups()[1:])
            names = ("state", "document") if found[1] == "notified" else ("method", "expires")
            self.events.add({"event": found[1], names[0]: one, names[1]: other})

    async def watch(self, user: str, watcher: str, seconds: int = 60, package: str = "presence") -> None:
        """Subscribe to a user.

        :param user: his URI, :param watcher: the URI of who watches.
        :param seconds: for how long; it asks for some more.
        """
        await self._order("pua.subscribe", user, watcher, package, str(seconds))

    async def _order(self, *words: str) -> None:
        arguments = ["-s", f"tcp:{LOOPBACK}:{self._control}", *words]
        out, err, code = await getProcessOutputAndValue(which("kamcmd"), arguments, reactor=self.reactor)
        if code or out.startswith(b"error"):
            raise PeerError(f"kamcmd {' '.join(words)}: {(out + err).decode()}")

    def notified(self, part: str, timeout: float = 20.0) -> Deferred[Event]:
        """The next NOTIFY with this in its Subscription-State or its document."""
        return self.events.wait_for(
            lambda event: event["event"] == "notified" and part in f"{event['state']} {event['document']}", timeout)
