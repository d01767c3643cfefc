"""SIP clients of several makers behind one interface, for what all of them must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from attrs import frozen

from tests.interop.people import SHOWN
from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, Peer
from tests.peers.linphone import Linphone
from tests.peers.webphone import BrowserPhone, WebPhone
from tests.support.certificates import Authority

DOMAIN = "sip.test"
PASSWORD = "secret"
LIMIT = 1300
"""Octets of a whole request from the gateway (MSG-27)."""
TEXTS = (
    # Beyond the basic plane, joined to one figure, with combining marks of their own order; right to left.
    "Gru\N{COMBINING DIAERESIS}\N{LATIN SMALL LETTER SHARP S}e \N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}"
    " q\N{COMBINING DOT BELOW}\N{COMBINING DOT ABOVE}",
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV}\N{HEBREW LETTER FINAL MEM} (abc) "
    "\N{RIGHT-TO-LEFT MARK}\N{ARABIC LETTER SEEN}\N{ARABIC LETTER LAM}!",
    "<b>no & markup</b> \"quoted\" \\n 100% &amp; 'single'\nsecond line",
)


@frozen
class Server:
    """Where clients register: on loopback, known as ``localhost`` where certificates count."""

    ports: dict[str, int]
    """By transport."""
    authority: Authority

    def url(self, transport: str) -> str:
        return f"{transport}://localhost:{self.ports[transport]}"


class Client(ABC):
    """One user at one program.

    :param contacts: the URIs that he writes to.
    """

    peer: Peer
    longest = LIMIT
    """Octets of a text that it can be made to send."""

    def __init__(self, folder: Path, server: Server, transport: str, user: str, contacts: tuple[str, ...]) -> None:
        self.image = f"{user}*{DOMAIN}@sip.xmpp.test"
        """As XMPP users write to him."""
        self.peer = self.make(folder, server, transport, user, contacts)

    @abstractmethod
    def make(self, folder: Path, server: Server, transport: str, user: str, contacts: tuple[str, ...]) -> Peer:
        """The program, not started."""

    @abstractmethod
    async def send(self, uri: str, text: str) -> int:
        """Write to somebody; the status that the program tells: of the answer, or 200 and 400 for yes and no."""

    @abstractmethod
    async def hear(self, text: str) -> str:
        """Wait for a text; the URI that it came from."""


class BaresipClient(Client):
    """baresip."""

    peer: Baresip
    longest = 900  # so much its control interface takes as one order

    def make(self, folder: Path, server: Server, transport: str, user: str, contacts: tuple[str, ...]) -> Baresip:
        together = folder / f"{user}.pem"
        issued = server.authority.issue(user, [f"{user}.test"])
        together.write_text(Path(issued.certificate).read_text() + Path(issued.key).read_text())
        return Baresip(folder / user, user, DOMAIN, server.ports[transport], contacts, transport, PASSWORD,
                       certificate=str(together) if transport == "tls" else "", ca=server.authority.ca)

    async def send(self, uri: str, text: str) -> int:
        return await self.peer.send_message(uri, text)

    async def hear(self, text: str) -> str:
        if len(text.encode()) <= SHOWN:
            event = await self.peer.message(text)
            return str(event["from"])
        event = await self.peer.events.wait_for(
            lambda event: event["type"] == "sip" and not event["own"] and event["body"] == text
            and event["start"].startswith("MESSAGE "))
        return str(event["headers"]["From"].partition("<")[2].partition(">")[0])


class LinphoneClient(Client):
    """liblinphone; it says of its texts whether they were delivered, and no more."""

    peer: Linphone

    def make(self, folder: Path, server: Server, transport: str, user: str, contacts: tuple[str, ...]) -> Linphone:
        host = "localhost" if transport == "tls" else LOOPBACK
        return Linphone(folder / user, user, DOMAIN, server.ports[transport], transport, PASSWORD,
                        server.authority.ca, host)

    async def send(self, uri: str, text: str) -> int:
        event = await self.peer.send_message(uri, text)
        return 200 if event["state"] == "delivered" else 400

    async def hear(self, text: str) -> str:
        event = await self.peer.message(text)
        return str(event["from"])


class _WebClient(Client):
    """A library for web pages."""

    peer: WebPhone
    library = ""

    def make(self, folder: Path, server: Server, transport: str, user: str, contacts: tuple[str, ...]) -> WebPhone:
        return WebPhone(folder / user, self.library, server.url(transport), user, DOMAIN, server.authority.ca, PASSWORD)

    async def send(self, uri: str, text: str) -> int:
        return await self.peer.send_message(uri, text)

    async def hear(self, text: str) -> str:
        event = await self.peer.events.wait_for(
            lambda event: event["event"] == "message" and event["text"].replace("\r\n", "\n") == text, 10.0)
        return str(event["from"])


class JssipClient(_WebClient):
    """JsSIP under node."""

    library = "jssip"


class SipjsClient(_WebClient):
    """SIP.js under node."""

    library = "sipjs"


class BrowserClient(_WebClient):
    """SIP.js in Chromium."""

    def make(self, folder: Path, server: Server, transport: str, user: str, contacts: tuple[str, ...]) -> WebPhone:
        return BrowserPhone(folder / user, server.url(transport), user, DOMAIN, server.authority.ca, PASSWORD)


MATRIX: tuple[tuple[type[Client], str], ...] = (
    *((BaresipClient, transport) for transport in ("udp", "tcp", "tls")),
    *((LinphoneClient, transport) for transport in ("udp", "tcp", "tls")),
    *((JssipClient, transport) for transport in ("ws", "wss")),
    *((SipjsClient, transport) for transport in ("ws", "wss")),
    (BrowserClient, "wss"),
)
PROGRAMS: tuple[type[Peer], ...] = (Baresip, Linphone, WebPhone, BrowserPhone)


def user_of(kind: type[Client], transport: str) -> str:
    """Everybody has an address of his own, and so no other device."""
    return f"{kind.__name__.removesuffix('Client').lower()}-{transport}"


USERS = tuple(user_of(*entry) for entry in MATRIX)
