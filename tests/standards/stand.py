"""The whole daemon in memory, as the gateway of the domains that the torture messages speak of."""

from __future__ import annotations

import tomllib
from pathlib import Path

from iwf.config import Settings, settings_of, with_secret
from iwf.engine.store.base import IStore
from iwf.sip.syntax.message import Request, Response, parse_message
from tests.support.world import CONFIGURATION, SIP_PORT, World

#: Where the messages come from, and what they want to be answered to.
SOURCE = ("192.0.2.9", 5060)
V6_SOURCE = ("2001:db8::9:1", 5060)

_ALIASES = """\
[[sip.alias]]
domain = "example.org"
bridges = "xmpp"
serves = ["xmpp.test"]
"""
_OURS = """\
[[sip.alias]]
domain = "example.com"
bridges = "xmpp"
scheme = "direct"
"""
#: In place of the default for ``own``: example.com is where phones are.
PHONES = """\
[[sip.alias]]
domain = "example.com"
bridges = "sms"
"""
#: The same: the users of example.com register here.
REGISTRAR = """\
[sip.registrar]
domain = "example.com"
algorithms = ["MD5"]
accounts = [{ user = "user", password = "pw" }, { user = "watson", password = "pw" }]
"""


def settings(own: str = _OURS, senders: str = "*.example.net") -> Settings:
    """The settings of the world, with other domains.

    :param own: one more table of a domain of ours.
    :param senders: the domain whose users write to us.
    """
    text = CONFIGURATION.format(trunk="", link="")
    before, _, rest = text.partition("[[sip.alias]]")
    _, _, trunk = rest.partition("[[sip.trunk]]")
    text = f"{before}{_ALIASES}{own}\n[[sip.trunk]]{trunk}"
    text = text.replace('"sip.test"', f'"{senders}"')
    text = text.replace('["127.0.0.1"]', '["127.0.0.1", "192.0.2.0/24", "2001:db8::/32"]')
    return with_secret(settings_of(tomllib.loads(text), Path("."), {}), "for tests")


class Stand:
    """Sends octets to the daemon and hears what it answers."""

    def __init__(self, used: Settings | None = None, store: IStore | None = None) -> None:
        self.world = World(used or settings(), store)
        self.world.network.lose = self._hear
        self._heard: list[bytes] = []

    @classmethod
    def registrar(cls) -> Stand:
        """One where devices of example.com register."""
        return cls(settings(REGISTRAR))

    @classmethod
    def neighbour(cls) -> Stand:
        """One where users of example.com are on the other side of the trunk."""
        return cls(settings("", "example.com"))

    def _hear(self, datagram: bytes) -> bool:
        self._heard.append(datagram)
        return True

    def tell(self, octets: bytes, source: tuple[str, int] = SOURCE) -> list[Request | Response]:
        """Hand one datagram to the daemon; what it sends within a second."""
        self._heard.clear()
        self.world.network.datagrams["127.0.0.1", SIP_PORT].protocol.datagramReceived(octets, source)
        self.world.settle(1)
        return [parse_message(datagram) for datagram in self._heard]

    def codes(self, octets: bytes, source: tuple[str, int] = SOURCE) -> list[int]:
        """The status codes of the answers to one datagram; nothing else may be sent."""
        heard = self.tell(octets, source)
        assert all(isinstance(message, Response) for message in heard), heard
        return [message.status for message in heard if isinstance(message, Response)]
