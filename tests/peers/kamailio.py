"""Kamailio: the registrar and proxy of a SIP domain, with a route to the gateway."""

from __future__ import annotations

import glob
import os
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from tests.peers.base import LOOPBACK, Peer

MODULES = "/usr/lib/*/kamailio/modules"
TABLES = Path("/usr/share/kamailio/db_sqlite")
ALIASES = ("xmpp.sip.test", "sms.sip.test")
USERS = {"juliet": ""}

OPTIONS = """\
OPTIONS sip:{domain} SIP/2.0
Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKprobe;rport
Max-Forwards: 1
From: <sip:probe@{domain}>;tag=probe
To: <sip:{domain}>
Call-ID: probe
CSeq: 1 OPTIONS
Content-Length: 0

"""


TLS = """\
enable_tls=yes
listen=tls:{host}:{port}
loadmodule "tls.so"
modparam("tls", "config", "{directory}/tls.cfg")
"""
TLS_PROFILES = """\
[server:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}

[client:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}

[client:{gateway_host}:{gateway_port}]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
ca_list = {ca}
verify_certificate = yes
require_certificate = yes
"""
WEB = """\
loadmodule "xhttp.so"
loadmodule "websocket.so"
event_route[xhttp:request] {
    if ($hdr(Upgrade) =~ "websocket") {
        ws_handle_handshake();
    } else {
        xhttp_reply("404", "Not Found", "", "");
    }
}
"""


class Kamailio(Peer):
    """A SIP server over UDP and TCP on one port number, and over TLS on another.

    Requests for an alias domain go to the gateway, requests for a user of its domain to all his
    registered contacts, 404 when there is none.

    :param gateway: host, port and transport (``udp``, ``tcp`` or ``tls``) of the gateway.
    :param aliases: the gateway's host names on the SIP side.
    :param users: user name to password; without a password nothing is asked for.
    :param patience: seconds until an unanswered request is answered 408.
    :param tls: paths of its certificate, of the key, and of the authority that the gateway's certificate
        must be from; without them there is no TLS.
    """

    name = "kamailio"
    programs = ("kamailio",)
    template = "kamailio.cfg"
    web = False
    """Whether it takes SIP by WebSocket as well, on the ports of TCP and TLS."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        domain: str = "sip.test",
        gateway: tuple[str, int, str] = (LOOPBACK, 5060, "udp"),
        aliases: Sequence[str] = ALIASES,
        users: Mapping[str, str] = USERS,
        patience: float = 5.0,
        reactor: Any = None,
        tls: tuple[str, str, str] | None = None,
    ) -> None:
        super().__init__(directory, reactor)
        self.domain = domain
        self.gateway = gateway
        self.aliases = tuple(aliases)
        self.users = dict(users)
        self.patience = patience
        self.port = self.new_port()
        self.tls_port = self.new_port()
        self._tls = tls

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        modules = module_folder()
        if modules is None or not (modules / "db_sqlite.so").exists() or not TABLES.exists():
            return "kamailio: its sqlite module not found"
        return None

    def command(self) -> list[str]:
        return [
            "kamailio", "-DD", "-E", "-f", str(self.directory / "kamailio.cfg"),
            "-P", str(self.directory / "kamailio.pid"), "-Y", str(self.directory), "-m", "64", "-M", "8",
        ]  # fmt: skip

    def prepare(self) -> None:
        host, port, transport = self.gateway
        words = {
            "PORT": str(self.port),
            "DOMAIN": self.domain,
            "DIRECTORY": str(self.directory),
            "MODULES": f"{module_folder()}/",
            "PATIENCE": str(round(self.patience * 1000)),
            "GATEWAY_HOST": host,
            "GATEWAY_PORT": str(port),
            "GATEWAY_TRANSPORT": transport,
            "TLS": self._prepare_tls(),
            "WEB": WEB if self.web else "",
            "ALIASES": "^({})$".format("|".join(re.escape(alias) for alias in self.aliases)),
            "ACCOUNTS": "\n".join(
                f'    $sht(password=>{user}) = "{password}";'
                for user, password in self.users.items()
            ),
        }
        template = Path(__file__).with_name(self.template).read_text()
        text = re.sub(r"@([A-Z_]+)@", lambda match: words[match[1]], template)
        (self.directory / "kamailio.cfg").write_text(text)
        self._make_tables()

    def _prepare_tls(self) -> str:
        if self._tls is None:
            return ""
        host, port, _ = self.gateway
        certificate, key, ca = self._tls
        profiles = TLS_PROFILES.format(
            certificate=certificate, key=key, ca=ca, gateway_host=host, gateway_port=port
        )
        (self.directory / "tls.cfg").write_text(profiles)
        return TLS.format(host=LOOPBACK, port=self.tls_port, directory=self.directory)

    def _make_tables(self) -> None:
        path = self.directory / "location.sqlite"
        if path.exists():
            return
        with sqlite3.connect(path) as database:
            # Several processes write; the default journal would answer "database is locked".
            database.execute("PRAGMA journal_mode=WAL")
            for part in ("standard", "usrloc"):
                database.executescript((TABLES / f"{part}-create.sql").read_text())
        database.close()

    def listening(self) -> Iterable[int]:
        return (self.port,) if self._tls is None else (self.port, self.tls_port)

    async def ready(self) -> None:
        await super().ready()
        await self._options_answered()

    async def _options_answered(self) -> None:
        """Wait for a worker process to answer over UDP, which is when requests are not lost any more."""
        probe = _OptionsProbe()
        port = self.reactor.listenUDP(0, probe, interface=LOOPBACK)
        text = OPTIONS.format(domain=self.domain, host=LOOPBACK, port=port.getHost().port)
        request = text.replace("\n", "\r\n").encode()
        try:
            while not probe.answered:
                port.write(request, (LOOPBACK, self.port))
                await self.sleep(0.05)
        finally:
            stopped = port.stopListening()
            if isinstance(stopped, Deferred):
                await stopped

    def contacts(self, user: str) -> list[str]:
        """The contact URIs registered for a user, as stored."""
        database = sqlite3.connect(self.directory / "location.sqlite", timeout=5)
        try:
            rows = database.execute(
                "SELECT contact FROM location WHERE username = ?", (user,)
            ).fetchall()
        finally:
            database.close()
        return [contact for (contact,) in rows]


class SecureKamailio(Kamailio):
    """One that needs its TLS module."""

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        modules = module_folder()
        return None if modules and (modules / "tls.so").exists() else "kamailio: its tls module not found"


class WebKamailio(SecureKamailio):
    """One that needs its WebSocket module as well."""

    web = True

    @classmethod
    def find(cls) -> str | None:
        if (reason := super().find()) is not None:
            return reason
        modules = module_folder()
        return None if modules and (modules / "websocket.so").exists() else "kamailio: its websocket module not found"


class _OptionsProbe(DatagramProtocol):
    answered = False

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.answered = True


def module_folder() -> Path | None:
    found = glob.glob(MODULES)
    return Path(found[0]) if found else None
