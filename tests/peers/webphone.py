"""SIP clients as they run in web pages: JsSIP or SIP.js under node (node/webphone.js), SIP.js in Chromium."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.peers.base import Event, EventLog, Peer, PeerError, which
from tests.peers.smsc import modules

PROGRAM = Path(__file__).parent / "node" / "webphone.js"
PAGE = PROGRAM.with_name("browserpage.js")
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

    def watch(self, uri: str, package: str = "presence") -> None:
        """Ask to see somebody (SIP.js only); see :meth:`notified`."""
        self.write_input(json.dumps({"do": "watch", "to": uri, "text": package}).encode() + b"\n")

    def publish(self, uri: str, document: str) -> Deferred[Event]:
        """Tell what there is to see of this user (SIP.js only); fires with the ``code`` of the answer."""
        self.write_input(json.dumps({"do": "publish", "to": uri, "text": document}).encode() + b"\n")
        return self.events.wait_for(lambda event: event["event"] == "published")

    def unwatch(self) -> None:
        """Do not look any longer."""
        self.write_input(json.dumps({"do": "unwatch"}).encode() + b"\n")

    def notified(self, part: str, timeout: float = 10.0) -> Deferred[Event]:
        """The next NOTIFY with this in its Subscription-State or its document."""
        return self.events.wait_for(
            lambda event: event["event"] == "presence" and part in f"{event['state']} {event['document']}", timeout)

    async def _order(self, order: dict[str, str]) -> int:
        self.write_input(json.dumps(order).encode() + b"\n")
        event = await self.events.wait_for(lambda event: event["event"] == "answered", 35.0)
        code: int = event["code"]
        return code

    def message(self, timeout: float = 10.0) -> Deferred[Event]:
        """The next text that came in."""
        return self.events.wait_for(lambda event: event["event"] == "message", timeout)


class BrowserPhone(WebPhone):
    """SIP.js in a page that headless Chromium shows.

    A certificate is believed as a user would have it: its authority is among those of the browser's own store.
    """

    name = "browserphone"
    programs = ("node", "chromium", "certutil")
    start_timeout = 40.0

    def __init__(self, directory: str | os.PathLike[str], url: str, user: str, domain: str, ca: str = "",
                 password: str = "", reactor: Any = None) -> None:
        super().__init__(directory, "sipjs", url, user, domain, ca, password, reactor)
        self._settings |= {"browser": which("chromium"), "page": "page.html", "library": "sip.js"}

    def command(self) -> list[str]:
        return ["node", str(PAGE), json.dumps(self._settings)]

    def prepare(self) -> None:
        store = self.directory / ".pki" / "nssdb"
        if self._ca and not store.exists():
            store.mkdir(parents=True)
            for order in (["-N", "--empty-password"], ["-A", "-n", "authority", "-t", "C,,", "-i", self._ca]):
                subprocess.run(["certutil", "-d", f"sql:{store}", *order], check=True, capture_output=True, timeout=20)
