"""ejabberd: the other widespread XMPP server."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.base import LOOPBACK, Peer, which
from tests.peers.prosody import COMPONENTS, USERS

LIBRARIES = (
    "/usr/lib/*/ejabberd-*/ebin",
    "/usr/lib/ejabberd/ebin",
    "/usr/lib/erlang/lib/ejabberd-*/ebin",
)

CONFIGURATION = """\
hosts: ["{domain}"]
{certificates}loglevel: warning
auth_method: internal
auth_password_format: scram
acl: {{local: {{user_regexp: ""}}}}
access_rules:
  local: {{allow: local}}
  c2s: {{allow: all}}
listen:
  - {{port: {c2s}, ip: "{host}", module: ejabberd_c2s, max_stanza_size: 262144{starttls}}}
{listeners}
modules:
  mod_roster: {{}}
  mod_disco: {{extra_domains: [{items}]}}
  mod_offline: {{}}
  mod_pubsub: {{plugins: [flat, pep]}}
  mod_ping: {{}}
  mod_version: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_stream_mgmt: {{}}
"""

# One listener per component: where several names share one, the first connection gets the stanzas of all.
LISTENER = """\
  - port: {port}
    ip: "{host}"
    module: ejabberd_service
    access: all
    hosts: {{"{domain}": {{password: "{secret}"}}}}"""


class Ejabberd(Peer):
    """An XMPP server with accounts and component ports.

    It runs as an Erlang node without a name: no distribution, no epmd, nothing else listens.

    :param components: component domain to secret.
    :param users: user name to password.
    :param certificates: files in PEM form, a certificate and its key among them; offers STARTTLS with them.
    """

    name = "ejabberd"
    programs = ("erl",)
    start_timeout = 60.0

    def __init__(
        self,
        directory: str | os.PathLike[str],
        domain: str = "xmpp.test",
        components: Mapping[str, str] = COMPONENTS,
        users: Mapping[str, str] = USERS,
        reactor: Any = None,
        certificates: Sequence[str] = (),
    ) -> None:
        super().__init__(directory, reactor)
        self.domain = domain
        self.components = dict(components)
        self.users = dict(users)
        self.certificates = tuple(certificates)
        self.port = self.new_port()
        """Where clients connect."""
        self._component_ports = {domain: self.new_port() for domain in self.components}

    @classmethod
    def find(cls) -> str | None:
        if which("erl") is None or library() is None:
            return "ejabberd: not found"
        return None

    def component_port(self, domain: str) -> int:
        """Where a component of this domain connects."""
        return self._component_ports[domain]

    def command(self) -> list[str]:
        beams = library()
        assert beams is not None
        return [
            "erl", "-noinput", "-boot", "start_clean",
            # Few threads: a test has few users, and many tests run at once.
            "+S", "2:2", "+A", "2",
            "-pa", beams,
            "-mnesia", "dir", f'"{self.directory / "database"}"',
            "-s", "ejabberd",
            "-eval", self._accounts(),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {
            "EJABBERD_CONFIG_PATH": str(self.directory / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.directory / "ejabberd-own.log"),
        }

    def prepare(self) -> None:
        (self.directory / "database").mkdir(exist_ok=True)
        self._ready_mark.unlink(missing_ok=True)
        (self.directory / "ejabberd.yml").write_text(
            CONFIGURATION.format(
                domain=self.domain,
                host=LOOPBACK,
                c2s=self.port,
                starttls=", starttls: true" if self.certificates else "",
                certificates=f"certfiles: {json.dumps(list(self.certificates))}\n" if self.certificates else "",
                items=", ".join(f'"{domain}"' for domain in self.components),
                listeners="\n".join(
                    LISTENER.format(
                        port=self._component_ports[domain],
                        host=LOOPBACK,
                        domain=domain,
                        secret=secret,
                    )
                    for domain, secret in self.components.items()
                ),
            )
        )

    def listening(self) -> Iterable[int]:
        return (self.port, *self._component_ports.values())

    async def ready(self) -> None:
        while not self._ready_mark.exists():
            await self.sleep(0.1)
        await super().ready()

    @property
    def _ready_mark(self) -> Path:
        return self.directory / "accounts-made"

    def _accounts(self) -> str:
        """Erlang that makes the accounts once the server is up; those of an earlier run stay."""
        calls = [
            f'ejabberd_auth:try_register(<<"{user}">>, <<"{self.domain}">>, <<"{password}">>)'
            for user, password in self.users.items()
        ]
        return ", ".join([*calls, f'file:write_file("{self._ready_mark}", <<>>)']) + "."


def library() -> str | None:
    """The folder of ejabberd's compiled code."""
    found = [folder for pattern in LIBRARIES for folder in glob.glob(pattern)]
    return found[0] if found else None
