"""``openssl s_client``: a TLS client that is nobody's SIP stack."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred

from tests.peers.base import LOOPBACK, Event, EventLog, Peer, PeerError


class OpensslClient(Peer):
    """One TLS connection, whose octets are lines.

    :param options: further arguments of ``openssl s_client``.
    """

    name = "openssl"
    programs = ("openssl",)
    reads_output = True

    def __init__(self, directory: str | os.PathLike[str], port: int, *options: str, reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self._port = port
        self._options = options
        self.lines = EventLog(self)
        """What it wrote, each line as ``{"line": text}``."""

    def command(self) -> list[str]:
        return ["openssl", "s_client", "-connect", f"{LOOPBACK}:{self._port}", "-crlf", *self._options]

    async def ready(self) -> None:
        """Wait for the end of the handshake."""
        event = await self.line("New, ")
        if "(NONE)" in event["line"]:
            raise PeerError(f"openssl: no handshake\n{self.log_tail()}")

    def line_received(self, line: str) -> None:
        self.lines.add({"line": line.rstrip("\r")})

    def line(self, begin: str, timeout: float = 10.0) -> Deferred[Event]:
        """The next line that begins so."""
        return self.lines.wait_for(lambda event: event["line"].lstrip().startswith(begin), timeout)
