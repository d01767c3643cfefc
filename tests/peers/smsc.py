"""An SMSC on node's library ``smpp``, with behaviour to order (node/smsc.js)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.peers.base import LOOPBACK, Event, EventLog, Peer, PeerError

PROGRAM = Path(__file__).parent / "node" / "smsc.js"
MODULES = Path(__file__).parents[2] / ".cache" / "node" / "node_modules"
"""Where tools/install-python.sh puts the library; the variable ``IWF_NODE_MODULES`` overrides."""


class NodeSmsc(Peer):
    """An SMSC: binds with passwords, ids, receipts, throttling, errors, texts from phones.

    :param accounts: system_id to password.
    :param knobs: see the list at the top of node/smsc.js; they are set again at every start.
    """

    name = "smsc"
    programs = ("node",)
    reads_output = True

    def __init__(
        self,
        directory: str | os.PathLike[str],
        accounts: Mapping[str, str] = {"iwf": "secret"},
        reactor: Any = None,
        **knobs: Any,
    ) -> None:
        super().__init__(directory, reactor)
        self.accounts = dict(accounts)
        self.knobs = knobs
        self.port = self.new_port()
        self.control_port = self.new_port()
        """HTTP; see node/smsc.js for the calls."""
        self.events = EventLog(self)
        """What happened, as dictionaries with the key ``event``: ``bind``, ``submit_sm``, ``receipt``,
        ``receipt_answered``, ``mo_answered``, ``unbind``, ``closed``, ``session_error``."""

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        if not (modules() / "smpp").exists():
            return "smsc: node's library smpp not found; run tools/install-python.sh"
        return None

    def command(self) -> list[str]:
        return [
            "node",
            str(PROGRAM),
            str(self.port),
            str(self.control_port),
            json.dumps(self.accounts),
        ]

    def environment(self) -> dict[str, str]:
        return {"NODE_PATH": str(modules())}

    def listening(self) -> Iterable[int]:
        return (self.port, self.control_port)

    async def ready(self) -> None:
        await super().ready()
        if self.knobs:
            await self._call("/set", self.knobs)

    def line_received(self, line: str) -> None:
        if line.startswith("{"):
            self.events.add(json.loads(line))

    def log(self, event: str | None = None) -> list[Event]:
        """All events so far, or all of one kind."""
        return [entry for entry in self.events.history if event in (None, entry["event"])]

    def wait_for(self, event: str, timeout: float = 10.0, **values: Any) -> Deferred[Event]:
        """The next event of a kind, with these values."""
        wanted = {"event": event, **values}
        return self.events.wait_for(
            lambda entry: wanted.items() <= _hashable(entry).items(), timeout
        )

    def set(self, **knobs: Any) -> Deferred[dict[str, Any]]:
        """Change behaviour, also for later starts; fires with all knobs."""
        self.knobs.update(knobs)
        return Deferred.fromCoroutine(self._call("/set", knobs))

    def fail_next(self, status: int, count: int = 1) -> Deferred[dict[str, Any]]:
        """Answer the next submits with this command_status."""
        return Deferred.fromCoroutine(
            self._call("/set", {"fail_next": count, "fail_status": status})
        )

    def mo(self, sender: str, to: str, text: str, **more: Any) -> Deferred[dict[str, Any]]:
        """A text from a phone; ``mo_answered`` is logged when the ESME has answered.

        :param sender: digits, without ``+``.
        :param more: ``long="udh"`` cuts it into parts, ``long="payload"`` uses the TLV; more of them in node/smsc.js.
        """
        return Deferred.fromCoroutine(
            self._call("/mo", {"from": sender, "to": to, "text": text, **more})
        )

    def receipt(self, message_id: str, state: str = "DELIVRD") -> Deferred[Any]:
        """Send a receipt for a message, whether it had one or not."""
        return Deferred.fromCoroutine(self._call("/receipt", {"id": message_id, "state": state}))

    def drop(self, mode: str = "fin") -> Deferred[Any]:
        """Lose all sessions.

        :param mode: ``fin`` and ``reset`` close the connection; ``silent`` keeps it and says nothing more.
        """
        return Deferred.fromCoroutine(self._call("/drop", {"mode": mode}))

    def unbind(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._call("/unbind", {}))

    def sessions(self) -> Deferred[list[dict[str, Any]]]:
        """Who is bound: ``system_id``, ``kind`` (``transceiver``...), ``silent``."""
        return Deferred.fromCoroutine(self._call("/sessions", {}))

    async def _call(self, path: str, request: Mapping[str, Any]) -> Any:
        endpoint = TCP4ClientEndpoint(self.reactor, LOOPBACK, self.control_port, timeout=5)
        call = await endpoint.connect(Factory.forProtocol(_Call))
        assert isinstance(call, _Call)
        answer = await call.ask(path, json.dumps(request).encode())
        result = json.loads(answer)
        if isinstance(result, dict) and "error" in result:
            raise PeerError(f"smsc: {result['error']}")
        return result


class _Call(Protocol):
    """One HTTP/1.0 request on a connection of its own, which leaves nothing behind in the reactor."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: Deferred[bytes] = Deferred()

    def ask(self, path: str, body: bytes) -> Deferred[bytes]:
        assert self.transport is not None
        head = f"POST {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        return self._answer

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        _, found, body = self._received.partition(b"\r\n\r\n")
        if found:
            self._answer.callback(body)
        else:
            self._answer.errback(PeerError("smsc: no answer on its control port"))


def _hashable(entry: Event) -> Event:
    return {key: value for key, value in entry.items() if not isinstance(value, (list, dict))}


def modules() -> Path:
    return Path(os.environ.get("IWF_NODE_MODULES") or MODULES)
