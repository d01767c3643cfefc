"""A SIP client as it runs in web pages: JsSIP or SIP.js under node (node/webphone.js)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.peers.base import Event, EventLog, Peer, PeerError
from tests.peers.smsc import modules

PROGRAM = Path(__file__).parent / "node" / "webphone.js"
LIBRARIES = {"jssip": "jssip", "sipjs": "sip.js"}


class WebPhone(Peer):
    """Connects to a SIP server by WebSocket.

    :param library: ``jssip`` or ``sipjs``.
    :param url: of the server, ``ws:`` or ``wss:``.
    :param ca: path of the certificate of the authority that is believed.
    :param password: makes it register.
    """

    name = "webphone"
    programs = ("node",)
    reads_output = True

    def __init__(self, directory: str | os.PathLike[str], library: str, url: str, user: str, domain: str,
                 ca: str = "", password: str = "", reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self._ca = ca
        self._settings = {"library": library, "url": url, "user": user, "domain": domain, "password": password,
                          "register": bool(password)}
        self.events = EventLog(self)
        """What happened, as dictionaries with the key ``event``; see the top of node/webphone.js."""

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        missing = [name for name in (*LIBRARIES.values(), "ws") if not (modules() / name).exists()]
        return f"webphone: node's {', '.join(missing)} not found; run tools/install-python.sh" if missing else None

    def command(self) -> list[str]:
        return ["node", str(PROGRAM), json.dumps(self._settings)]

    def environment(self) -> dict[str, str]:
        return {"NODE_PATH": str(modules()), "NODE_EXTRA_CA_CERTS": self._ca}

    async def ready(self) -> None:
        wanted = "registered" if self._settings["register"] else "connected"
        event = await self.events.wait_for(lambda event: event["event"] in (wanted, "error"))
        if event["event"] == "error":
            raise PeerError(f"webphone: {event['why']}")

    def line_received(self, line: str) -> None:
        if line.startswith("{"):
            self.events.add(json.loads(line))

    def send_message(self, uri: str, text: str) -> Deferred[int]:
        """Send a text; fires with the code of the final response, 0 when there was none."""
        return Deferred.fromCoroutine(self._order({"do": "message", "to": uri, "text": text}))

    def options(self, uri: str) -> Deferred[int]:
        """Ask what somebody can; fires with the code of the final response, 0 when there was none."""
        return Deferred.fromCoroutine(self._order({"do": "options", "to": uri}))

    async def _order(self, order: dict[str, str]) -> int:
        self.write_input(json.dumps(order).encode() + b"\n")
        event = await self.events.wait_for(lambda event: event["event"] == "answered", 35.0)
        code: int = event["code"]
        return code

    def message(self, timeout: float = 10.0) -> Deferred[Event]:
        """The next text that came in."""
        return self.events.wait_for(lambda event: event["event"] == "message", timeout)
