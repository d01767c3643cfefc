"""The gateway itself, as its operators start it, between the peers of this package."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.peers.base import LOOPBACK, Peer
from tests.peers.ejabberd import Ejabberd
from tests.peers.kamailio import Kamailio
from tests.peers.prosody import Prosody
from tests.peers.simulator import Simulator
from tests.peers.smsc import NodeSmsc

ROOT = Path(__file__).parents[2]
NUMBERS = 'prefix = "+4915100", width = 6'

NODE = """\
[node]
name = "iwf.test"
state_directory = "state"
"""

COMPONENT = """
[[xmpp.component]]
domain = "{domain}"
connect = "{host}:{port}"
secret = "{secret}"
bridges = "{bridges}"
"""

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[[sip.trunk]]
name = "proxy"
domains = ["{domain}"]
next_hop = "{transport}:{host}:{proxy}"
allowed_sources = ["{host}"]
"""

ALIAS = """
[[sip.alias]]
domain = "{domain}"
bridges = "{bridges}"
{serves}"""

LINK = """
[[smpp.link]]
name = "operator"
connect = "{host}:{port}"
system_id = "{system_id}"
password = "{password}"
bind = "{bind}"
window = 10
prefixes = ["+"]
number_pool = {{ {numbers} }}
service_number = "70001"
"""


class Gateway(Peer):
    """``twistd -n iwf --config FILE``, with the state kept in its directory over restarts.

    The SIP port is known from the construction on, so that Kamailio can be told; the other peers
    are given by :meth:`between` before the start.
    """

    name = "iwf"
    stop_timeout = 15.0

    def __init__(self, directory: str | os.PathLike[str], reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self.port = self.new_port()
        """Where it takes SIP over UDP and TCP."""
        self.configuration = ""

    @classmethod
    def find(cls) -> str | None:
        return None if twistd().exists() else f"{twistd()} not found"

    def between(
        self,
        xmpp: Prosody | Ejabberd,
        sip: Kamailio,
        smsc: NodeSmsc | Simulator,
        transport: str = "udp",
        bind: str = "transceiver",
        extra: str = "",
    ) -> None:
        """Write the configuration for these peers.

        :param transport: for SIP to the proxy.
        :param bind: ``transceiver`` or ``pair``.
        :param extra: further lines of ``[node]`` and its tables.
        """
        system_id, password = next(iter(smsc.accounts.items()))
        parts = [NODE, extra]
        for domain, secret in xmpp.components.items():
            parts.append(
                COMPONENT.format(
                    domain=domain,
                    host=LOOPBACK,
                    port=xmpp.component_port(domain),
                    secret=secret,
                    bridges="sms" if domain.startswith("sms.") else "sip",
                )
            )
        parts.append(
            SIP.format(
                host=LOOPBACK,
                port=self.port,
                domain=sip.domain,
                transport=transport,
                proxy=sip.port,
            )
        )
        for alias in sip.aliases:
            phones = alias.startswith("sms.")
            serves = "" if phones else f'serves = ["{xmpp.domain}"]\n'
            parts.append(
                ALIAS.format(domain=alias, bridges="sms" if phones else "xmpp", serves=serves)
            )
        parts.append(
            LINK.format(
                host=LOOPBACK,
                port=smsc.port,
                system_id=system_id,
                password=password,
                bind=bind,
                numbers=NUMBERS,
            )
        )
        self.configuration = "".join(parts)

    @property
    def configuration_path(self) -> Path:
        return self.directory / "iwf.toml"

    def command(self) -> list[str]:
        return [
            str(twistd()), "-n", "--pidfile", str(self.directory / "iwf.pid"),
            "iwf", "--config", str(self.configuration_path),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}

    def prepare(self) -> None:
        self.configuration_path.touch(mode=0o600)
        self.configuration_path.write_text(self.configuration)

    def listening(self) -> Iterable[int]:
        return (self.port,)


def twistd() -> Path:
    """The script of the environment that runs this."""
    return Path(sys.executable).with_name("twistd")
