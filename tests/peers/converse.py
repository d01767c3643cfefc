"""Converse, an XMPP client of web pages, in headless Chromium (node/chat.html)."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import Deferred

from tests.peers.base import Event, EventLog, Peer, PeerError, which
from tests.peers.smsc import modules
from tests.peers.webphone import PAGE


class Converse(Peer):
    """An XMPP user at a web page, who lets everybody see him who asks.

    :param jid: bare or with a resource.
    :param url: of the server's WebSocket (RFC 7395).
    """

    name = "converse"
    programs = ("node", "chromium")
    reads_output = True
    start_timeout = 40.0

    def __init__(self, directory: str | os.PathLike[str], jid: str, password: str, url: str,
                 reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self._settings = {"browser": which("chromium"), "page": "chat.html", "library": "converse.js",
                          "jid": jid, "password": password, "url": url}
        self.events = EventLog(self)
        """What happened, as dictionaries with the key ``event``; see node/chat.html."""

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        missing = [name for name in ("converse.js", "ws") if not (modules() / name).exists()]
        return f"converse: node's {', '.join(missing)} not found; run tools/install-python.sh" if missing else None

    def command(self) -> list[str]:
        return ["node", str(PAGE), json.dumps(self._settings)]

    def environment(self) -> dict[str, str]:
        return {"NODE_PATH": str(modules())}

    async def ready(self) -> None:
        event = await self.events.wait_for(lambda event: event["event"] in ("online", "error"), self.start_timeout)
        if event["event"] == "error":
            raise PeerError(f"converse: {event['why']}")

    def line_received(self, line: str) -> None:
        if line.startswith("{"):
            self.events.add(json.loads(line))

    def add(self, jid: str) -> None:
        """Take somebody into the roster and ask to see him."""
        self._order("add", jid=jid)

    def status(self, show: str, text: str) -> None:
        """Tell everybody how the user is: ``online``, ``away``, ``dnd``..., and in words."""
        self._order("status", show=show, text=text)

    def sees(self, jid: str, timeout: float = 20.0, **what: Any) -> Deferred[Event]:
        """Fires when Converse knows this of a contact: ``show``, ``status``, ``subscription``, ``resources``."""
        return self.events.wait_for(
            lambda event: event["event"] == "contact" and event["jid"] == jid
            and what.items() <= event.items(), timeout)

    def _order(self, what: str, **details: str) -> None:
        self.write_input(json.dumps({"do": what, **details}).encode() + b"\n")
