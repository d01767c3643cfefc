"""Prosody: an XMPP server that takes external components (XEP-0114)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from tests.peers.base import LOOPBACK, Peer
from tests.peers.certificate import write_self_signed

COMPONENTS = {"sip.xmpp.test": "secret", "sms.xmpp.test": "secret"}
USERS = {"romeo": "pw"}

CONFIGURATION = """\
run_as_root = true
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}/certificates"
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{directory}/prosody.log" }} }}

interfaces = {{ "{host}" }}
local_interfaces = {{ "{host}" }}
c2s_ports = {{ {c2s} }}
component_interfaces = {{ "{host}" }}
component_ports = {{ {component} }}
http_interfaces = {{ "{host}" }}
http_ports = {{ {web} }}
https_ports = {{}}
consider_websocket_secure = true
s2s_ports = {{}}

modules_enabled = {{
    "roster"; "saslauth"; "disco"; "ping"; "version"; "carbons"; "blocklist"; "offline"; "pep"; "smacks";
    {tls_module} {web_module}
}}
modules_disabled = {{ "s2s" }}

-- Loopback only: no need to hide what is said here.
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"

VirtualHost "{domain}"
    disco_items = {{ {items} }}
{blocks}
"""

COMPONENT = """
Component "{domain}"
    component_secret = "{secret}"
"""


class Prosody(Peer):
    """An XMPP server with accounts and component ports.

    :param components: component domain to secret.
    :param users: user name to password.
    :param tls: offer STARTTLS with a certificate made here, as most desktop clients insist on it.
    :param web: take web pages.
    """

    name = "prosody"
    programs = ("prosody",)

    def __init__(
        self,
        directory: str | os.PathLike[str],
        domain: str = "xmpp.test",
        components: Mapping[str, str] = COMPONENTS,
        users: Mapping[str, str] = USERS,
        tls: bool = False,
        web: bool = False,
        reactor: Any = None,
    ) -> None:
        super().__init__(directory, reactor)
        self.domain = domain
        self.components = dict(components)
        self.users = dict(users)
        self.tls = tls
        self.web_port = self.new_port() if web else None
        """Where web pages connect (RFC 7395)."""
        self.port = self.new_port()
        """Where clients connect."""
        self._component_port = self.new_port()

    def component_port(self, domain: str) -> int:
        """Where a component of this domain connects."""
        if domain not in self.components:
            raise KeyError(domain)
        return self._component_port

    def command(self) -> list[str]:
        return ["prosody", "--config", str(self.directory / "prosody.cfg.lua"), "-F"]

    def listening(self) -> Iterable[int]:
        return (self.port, self._component_port, *([] if self.web_port is None else [self.web_port]))

    def prepare(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)
        (self.directory / "certificates").mkdir(exist_ok=True)
        if self.tls:
            stem = self.directory / "certificates" / self.domain
            write_self_signed(f"{stem}.crt", f"{stem}.key", self.domain)
        (self.directory / "prosody.cfg.lua").write_text(
            CONFIGURATION.format(
                directory=self.directory,
                host=LOOPBACK,
                c2s=self.port,
                component=self._component_port,
                domain=self.domain,
                web="" if self.web_port is None else self.web_port,
                web_module="" if self.web_port is None else '"websocket";',
                tls_module='"tls";' if self.tls else "",
                items=" ".join(f'{{ "{domain}", "gateway" }};' for domain in self.components),
                blocks="".join(
                    COMPONENT.format(domain=domain, secret=secret)
                    for domain, secret in self.components.items()
                ),
            )
        )
        for user, password in self.users.items():
            self.add_user(user, password)

    def add_user(self, user: str, password: str) -> None:
        """Make an account, at any time; the server reads the file at each login."""
        self.users[user] = password
        folder = self.directory / "data" / file_name(self.domain) / "accounts"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{file_name(user)}.dat").write_text(
            f'return {{ ["password"] = "{password}"; }};\n'
        )


def file_name(text: str) -> str:
    """How Prosody's internal storage spells a name in the file system."""
    return "".join(
        c if c.isascii() and c.isalnum() else "".join(f"%{o:02x}" for o in c.encode()) for c in text
    )
