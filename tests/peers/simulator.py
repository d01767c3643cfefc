"""Our own SMSC simulator, as people start it: ``python -m iwf.smpp.simulator``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred

from tests.peers.base import LOOPBACK, Event, Peer, PeerError
from tests.peers.http import call

ROOT = Path(__file__).parents[2]


class Simulator(Peer):
    """An SMSC whose phones are read and written over HTTP.

    :param accounts: system_id to password.
    :param tls: certificate and key, PEM files, for TLS.
    :param options: further ones of its command line.
    """

    name = "simulator"

    def __init__(
        self,
        directory: str | os.PathLike[str],
        accounts: Mapping[str, str] = {"iwf": "secret"},
        tls: tuple[str, str] | None = None,
        options: Iterable[str] = (),
        reactor: Any = None,
    ) -> None:
        super().__init__(directory, reactor)
        self.accounts = dict(accounts)
        self.port = self.new_port()
        self.control_port = self.new_port()
        self._tls = tls
        self._options = list(options)

    def command(self) -> list[str]:
        where = f"{self.port}:interface={LOOPBACK}"
        if self._tls is not None:
            certificate, key = self._tls
            listen = f"ssl:{where}:certKey={certificate}:privateKey={key}"
        else:
            listen = f"tcp:{where}"
        accounts = [part for pair in self.accounts.items() for part in ("--account", ":".join(pair))]
        control = f"tcp:{self.control_port}:interface={LOOPBACK}"
        return [sys.executable, "-m", "iwf.smpp.simulator", "--listen", listen, "--control", control, *accounts,
                *self._options]

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}

    def listening(self) -> Iterable[int]:
        return (self.port, self.control_port)

    def texts(self, phone: str, after: int = 0) -> Deferred[list[Event]]:
        """What a phone has got: ``number``, ``sender``, ``text``, ``parts``."""
        return self._ask("GET", f"/phones/{quote(phone)}?after={after}")

    async def text(self, phone: str, number: int = 1, patience: float = 10.0) -> Event:
        """The so-manieth text of a phone, when it has come."""
        for _ in range(int(patience / 0.05)):
            found = await self.texts(phone, number - 1)
            if found:
                return found[0]
            await self.sleep(0.05)
        raise PeerError(f"simulator: {phone} has got nothing\n{self.log_tail()}")

    def send(self, phone: str, to: str, text: str) -> Deferred[Event]:
        """A phone writes; ``statuses`` are the answers to its parts."""
        return self._ask("POST", f"/phones/{quote(phone)}", {"to": to, "text": text})

    def fate(self, phone: str, **fate: object) -> Deferred[Event]:
        """What becomes of texts to a phone."""
        return self._ask("PUT", f"/phones/{quote(phone)}", fate)

    def binds(self) -> Deferred[list[Event]]:
        """Who is bound: ``account`` and ``state``."""
        return self._ask("GET", "/binds")

    def rate(self, rate: int) -> Deferred[Event]:
        """Throttle above so many submits a second."""
        return self._ask("PUT", "/rate", {"rate": rate})

    def outbind(self, port: int, password: str) -> Deferred[Event]:
        """Call an ESME on this machine."""
        return self._ask("POST", "/outbind", {"connect": f"tcp:{LOOPBACK}:{port}", "password": password})

    def _ask(self, method: str, path: str, body: object = None) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._call(method, path, body))

    async def _call(self, method: str, path: str, body: object) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        status, answer = await call(self.reactor, self.control_port, method, path, content)
        if status != 200:
            raise PeerError(f"simulator: {method} {path}: {status} {answer.decode()}")
        return json.loads(answer)
