"""Kamailio as the presence server of a SIP domain (RFC 3856, RFC 3903)."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue

from tests.peers.base import LOOPBACK, PeerError, which
from tests.peers.kamailio import TABLES, Kamailio, module_folder

#: How presence_xml names rules about watchers in its table.
PRES_RULES = 2

AUTHENTICATION = """\
    if (!pv_www_authenticate("{domain}", "{password}", "0")) {{
        www_challenge("{domain}", "1");
        exit;
    }}
    consume_credentials();"""

RULES = """\
<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">
  <rule id="r"><conditions><identity><one id="{watcher}"/></identity></conditions>
  <actions><pr:sub-handling>{handling}</pr:sub-handling></actions></rule>
</ruleset>
"""


class KamailioPresence(Kamailio):
    """Keeps what users publish, and shows it to those whom they let.

    :param force_active: everybody may see everybody; else who has no rule for a watcher is asked, and the
        subscription is pending.
    :param aliases: further domains that it serves.
    :param min_expires: shorter subscriptions are answered 423.
    :param password: what users have to prove that they know; empty: nobody is asked.
    """

    name = "kamailio-presence"

    def __init__(self, directory: str | os.PathLike[str], domain: str = "sip.test", aliases: Sequence[str] = (),
                 force_active: bool = True, min_expires: int = 0, password: str = "", reactor: Any = None) -> None:
        super().__init__(directory, domain, aliases=aliases, reactor=reactor)
        self.force_active = force_active
        self.min_expires = min_expires
        self.password = password
        self._control = self.new_port()

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        modules = module_folder()
        if modules is None or not (modules / "presence_xml.so").exists():
            return "kamailio: its presence modules not found"
        return None if which("kamcmd") else "kamailio: kamcmd not found"

    def prepare(self) -> None:
        words = {
            "PORT": str(self.port), "CONTROL": str(self._control), "DOMAIN": self.domain,
            "DIRECTORY": str(self.directory),
            "MODULES": f"{module_folder()}/", "FORCE_ACTIVE": str(int(self.force_active)),
            "MIN_EXPIRES": str(self.min_expires), "AUTHENTICATION": self._authentication(),
            "ALIASES": "\n".join(f'alias="{alias}"' for alias in self.aliases),
        }  # fmt: skip
        text = Path(__file__).with_suffix(".cfg").read_text()
        text = re.sub(r"@([A-Z_]+)@", lambda match: words[match[1]], text)
        (self.directory / "kamailio.cfg").write_text(text)
        self._make_tables()

    def _authentication(self) -> str:
        if not self.password:
            return ""
        return AUTHENTICATION.format(domain=self.domain, password=self.password)

    def _make_tables(self) -> None:
        if self._database.exists():
            return
        with sqlite3.connect(self._database) as database:
            database.execute("PRAGMA journal_mode=WAL")
            for part in ("standard", "presence"):
                database.executescript((TABLES / f"{part}-create.sql").read_text())
        database.close()

    def listening(self) -> Iterable[int]:
        return (self.port,)

    @property
    def _database(self) -> Path:
        return self.directory / "presence.sqlite"

    def forget(self) -> None:
        """Lose all subscriptions and publications, as a server does whose disk is new; while it is stopped."""
        self._database.unlink()

    async def rule(self, user: str, watcher: str, handling: str) -> None:
        """What a user thinks of a watcher, from now on.

        :param watcher: his URI.
        :param handling: ``allow``, ``block``, ``polite-block`` or ``confirm`` (RFC 5025 3.2.1).
        """
        body = RULES.format(watcher=watcher, handling=handling).encode()
        database = sqlite3.connect(self._database, timeout=5)
        try:
            with database:
                database.execute(
                    "INSERT OR REPLACE INTO xcap (username, domain, doc, doc_type, etag, source, doc_uri, port)"
                    " VALUES (?, ?, ?, ?, ?, 0, ?, 0)",
                    (user, self.domain, body, PRES_RULES, handling, f"rules-of-{user}"))
        finally:
            database.close()
        await self._order("presence.refreshWatchers", f"sip:{user}@{self.domain}", "presence", "0")

    async def _order(self, *words: str) -> None:
        arguments = ["-s", f"tcp:{LOOPBACK}:{self._control}", *words]
        out, err, code = await getProcessOutputAndValue(which("kamcmd"), arguments, reactor=self.reactor)
        if code:
            raise PeerError(f"kamcmd {' '.join(words)}: {err.decode()}")

    def published(self, user: str) -> list[str]:
        """The documents that are published of a user at the moment."""
        return [body.decode() if isinstance(body, bytes) else body for (body,) in self._rows(
            "SELECT body FROM presentity WHERE username = ? AND expires > strftime('%s', 'now')", user)]

    def watchers(self, user: str) -> list[tuple[str, int]]:
        """Who watches a user at the moment: the user parts of the watchers, and the state of each (1: active)."""
        return self._rows("SELECT watcher_username, status FROM active_watchers"
                          " WHERE to_user = ? AND expires > strftime('%s', 'now')", user)

    def _rows(self, select: str, user: str) -> list[Any]:
        """What is in the database; what has expired is thrown away when the server finds the time."""
        database = sqlite3.connect(self._database, timeout=5)
        try:
            return database.execute(select, (user,)).fetchall()
        finally:
            database.close()
