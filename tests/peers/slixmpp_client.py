"""slixmpp: an XMPP user, run in a process of its own (tests/peers/slixmpp_process.py)."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.peers.base import Event, EventLog, Peer, PeerError

PROGRAM = Path(__file__).with_name("slixmpp_process.py")


class SlixmppClient(Peer):
    """An XMPP user; :meth:`start` fires when he is logged in, available and has his roster.

    :param jid: with a resource, or without.
    :param port: the server's port for clients, on loopback.
    """

    name = "slixmpp"
    reads_output = True

    def __init__(
        self,
        directory: str | os.PathLike[str],
        jid: str,
        password: str,
        port: int,
        reactor: Any = None,
    ) -> None:
        super().__init__(directory, reactor)
        self.jid = jid
        self.password = password
        self.port = port
        self.full_jid = ""
        """With the resource the server gave, once started."""
        self.events = EventLog(self)
        """What came in, as dictionaries with the key ``event``: ``message``, ``error``, ``presence``,
        ``receipt``, ``chat_state``, ``personal_event`` (XEP-0163), ``roster``, ``disconnected``...  The ``type``
        of presence is its show value where it has one, and ``available`` where it has neither."""
        self._numbers = itertools.count(1)

    @classmethod
    def find(cls) -> str | None:
        return None if importlib.util.find_spec("slixmpp") else "slixmpp: not found"

    def command(self) -> list[str]:
        return [sys.executable, str(PROGRAM), str(self.port), self.jid]

    async def ready(self) -> None:
        self.write_input(self.password.encode() + b"\n")
        event = await self.events.wait_for(
            lambda event: event["event"] in ("session", "failed_auth"), self.start_timeout
        )
        if event["event"] == "failed_auth":
            raise PeerError(f"slixmpp: {self.jid} was not let in")
        self.full_jid = event["jid"]

    def line_received(self, line: str) -> None:
        if line.startswith("{"):
            self.events.add(json.loads(line))

    def send(
        self,
        to: str,
        body: str | None,
        id: str | None = None,
        type: str = "chat",
        thread: str | None = None,
        subject: str | None = None,
        receipt: bool = False,
        extensions: Sequence[str] = (),
    ) -> str:
        """Send a message.

        :param receipt: ask for a delivery receipt (XEP-0184).
        :param extensions: further child elements, as XML with their namespaces.
        :returns: its id.
        """
        message_id = id or f"m{next(self._numbers)}"
        self._tell(
            "send",
            to=to,
            body=body,
            id=message_id,
            type=type,
            thread=thread,
            subject=subject,
            receipt=receipt,
            extensions=list(extensions),
        )
        return message_id

    def presence(
        self,
        to: str | None = None,
        type: str | None = None,
        show: str | None = None,
        status: str | None = None,
    ) -> None:
        """Send presence: to all, or directed, or a subscription request."""
        self._tell("presence", to=to, type=type, show=show, status=status)

    def raw(self, xml: str) -> None:
        """Send a stanza as it is."""
        self._tell("raw", xml=xml)

    def disco_info(self, jid: str, timeout: float = 5.0) -> Deferred[Event]:
        """Ask for service discovery information.

        :returns: ``condition`` (None for a result, else the error's or ``timeout``) and ``xml``.
        """
        return self._ask("disco_info", jid, timeout)

    def ping(self, jid: str, timeout: float = 5.0) -> Deferred[Event]:
        """XEP-0199; the answer is as in :meth:`disco_info`."""
        return self._ask("ping", jid, timeout)

    def commands(self, jid: str, timeout: float = 5.0) -> Deferred[Event]:
        """The commands that somebody takes (XEP-0050): ``nodes``."""
        return self._ask("commands", jid, timeout)

    def give(
        self,
        jid: str,
        node: str,
        values: Mapping[str, str] | None = None,
        session: str | None = None,
        action: str = "execute",
        timeout: float = 20.0,
    ) -> Deferred[Event]:
        """One step of a command: ``condition``, ``session``, ``status``, ``notes`` (kind and text), ``fields``.

        :param values: what is filled into the form.
        """
        return self._ask("command", jid, timeout, node=node, values=values, session=session, action=action)

    def wait_for(
        self, predicate: Callable[[Event], bool], timeout: float = 10.0
    ) -> Deferred[Event]:
        """The next event that fits; see :meth:`tests.peers.base.EventLog.wait_for`."""
        return self.events.wait_for(predicate, timeout)

    def message(self, body: str | None = None, timeout: float = 10.0) -> Deferred[Event]:
        """The next message with a body, or with this very body."""
        return self.wait_for(
            lambda event: (
                event["event"] == "message"
                and event["body"] is not None
                and body in (None, event["body"])
            ),
            timeout,
        )

    def error(self, id: str | None = None, timeout: float = 10.0) -> Deferred[Event]:
        """The next error that came back for a message, or for the one with this id."""
        return self.wait_for(
            lambda event: event["event"] == "error" and id in (None, event["id"]), timeout
        )

    def _ask(self, what: str, jid: str, timeout: float, **more: Any) -> Deferred[Event]:
        number = next(self._numbers)
        self._tell(what, jid=jid, timeout=timeout, number=number, **more)
        return self.wait_for(
            lambda event: event["event"] == "answer" and event["number"] == number, timeout + 2
        )

    def _tell(self, what: str, **details: Any) -> None:
        self.write_input(json.dumps({"do": what, **details}).encode() + b"\n")
