"""liblinphone: what the Linphone applications for telephones and desktops are made of."""

from __future__ import annotations

import glob
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.peers.base import LOOPBACK, Event, EventLog, Peer, PeerError

LIBRARIES = "/usr/lib/*/liblinphone.so.*", "/usr/lib/liblinphone.so.*"
"""Its number is 10 in Debian 12 and 12 in Debian 13."""
PROGRAM = Path(__file__).with_name("linphone_process.py")

CONFIGURATION = """\
[sip]
bind_address={host}
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
guess_hostname=0
use_ipv6=0
default_proxy=0
root_ca={ca}
verify_server_certs=1
verify_server_cn=1
keepalive_period=30000

[net]
mtu=0
firewall_policy=0

[rtp]
audio_rtp_port=-1
video_rtp_port=-1

[misc]
store_friends=0
hide_chat_rooms_from_removed_proxies=0

[storage]
uri={directory}/linphone.db

[proxy_0]
reg_proxy=<{scheme}:{server}:{port};transport={transport}>
reg_route=<{scheme}:{server}:{port};transport={transport};lr>
reg_identity="{user}" <sip:{user}@{domain}>
reg_expires=600
reg_sendregister=1
publish=0

[auth_info_0]
username={user}
passwd={password}
"""


class Linphone(Peer):
    """A user agent that registers, sends texts to anybody and shows what it receives.

    :param port: where the registrar is, on loopback.
    :param transport: ``udp``, ``tcp`` or ``tls``.
    :param server: the registrar's host: its address, or for TLS the name that its certificate is for.
    :param ca: path of the authority that the registrar's certificate must be from, for TLS.
    :param cpim: wrap texts in message/cpim, and ask for notifications by it.
    """

    name = "linphone"
    reads_output = True

    def __init__(self, directory: str | os.PathLike[str], user: str, domain: str, port: int, transport: str = "udp",
                 password: str = "", ca: str = "", server: str = LOOPBACK, cpim: bool = False,
                 reactor: Any = None) -> None:
        super().__init__(directory, reactor)
        self._words = {
            "user": user, "domain": domain, "port": port, "server": server, "transport": transport, "scheme": "sip",
            "password": password, "ca": ca, "host": LOOPBACK,
            **{kind: self.new_port() if kind == transport else 0 for kind in ("udp", "tcp", "tls")}}
        self._cpim = cpim
        self._numbers = itertools.count(1)
        self.number = 0
        """Of the last text that was sent."""
        self.events = EventLog(self)
        """What happened, as dictionaries with the key ``event``: ``progress``, ``registered``, ``cleared``,
        ``failed`` (of the registration, with ``why``); ``message`` with ``from`` and ``text``; ``composing``
        with ``from`` and ``active``; ``state`` of a message that was sent, with its ``number``, ``state``, ``code`` and
        ``phrase``."""

    @classmethod
    def find(cls) -> str | None:
        return None if library() else "linphone: liblinphone not found"

    def command(self) -> list[str]:
        return [sys.executable, str(PROGRAM), str(library()), str(self.directory / "linphonerc"),
                "cpim" if self._cpim else "plain"]

    def prepare(self) -> None:
        (self.directory / "linphonerc").write_text(CONFIGURATION.format(directory=self.directory, **self._words))

    async def ready(self) -> None:
        """Wait for the answer to its REGISTER."""
        event = await self.events.wait_for(lambda event: event["event"] in ("registered", "failed"))
        if event["event"] == "failed":
            raise PeerError(f"linphone: not registered: {event['why']}")

    def line_received(self, line: str) -> None:
        if line.startswith("{"):
            self.events.add(json.loads(line))

    def send_message(self, uri: str, text: str, timeout: float = 40.0) -> Deferred[Event]:
        """Send a text.

        :returns: what the application would show: the ``state``, ``delivered`` or ``not delivered``.
        """
        number = self.number = next(self._numbers)
        self._tell(do="message", to=uri, text=text, number=number)
        return self.events.wait_for(lambda event: event["event"] == "state" and event["number"] == number, timeout)

    def told(self, state: str, timeout: float = 10.0) -> Deferred[Event]:
        """That the other side notified of the last text: ``delivered to user`` or ``displayed``."""
        wanted = {"event": "state", "number": self.number, "state": state}
        return self.events.wait_for(lambda event: wanted.items() <= event.items(), timeout)

    def compose(self, uri: str) -> None:
        """Begin to type to somebody."""
        self._tell(do="compose", to=uri)

    def message(self, text: str | None = None, timeout: float = 10.0) -> Deferred[Event]:
        """The next text that came in, or the next with this very content."""
        return self.events.wait_for(
            lambda event: event["event"] == "message" and text in (None, event["text"]), timeout)

    def _tell(self, **order: Any) -> None:
        self.write_input(json.dumps(order).encode() + b"\n")


def library() -> Path | None:
    """Where the library is."""
    found = [path for pattern in LIBRARIES for path in glob.glob(pattern)]
    return Path(found[0]) if found else None
