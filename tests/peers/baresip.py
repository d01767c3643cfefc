"""baresip: a SIP user agent as people have it on their phones."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.basic import NetstringReceiver
from twisted.python.failure import Failure

from tests.peers.base import LOOPBACK, Event, EventLog, Peer, PeerError

MODULES = "/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules"
COLOURS = re.compile(r"\x1b\[[0-9;]*[mKJ]")
RESET = "\x1b[;m"
CHALLENGES = (401, 407)
INCOMING = re.compile(r'(sips?:\S+): "(.*)"\Z', re.DOTALL)

CONFIGURATION = """\
sip_listen {host}:{port}
module_path {modules}
module uuid.so
module cons.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
cons_listen {host}:{console}
"""
ACCOUNT = (
    '"{user}" <sip:{user}@{domain};transport={transport}>;regint=600;'
    'outbound="sip:{host}:{proxy};transport={transport}"{credentials}\n'
)


class Baresip(Peer):
    """A user agent that registers at a proxy, writes to its contacts and shows what it receives.

    :param proxy_port: the proxy's port on loopback.
    :param contacts: URIs it may write to; baresip knows no other recipients.
    :param transport: ``udp``, ``tcp`` or ``tls``.
    :param password: for digest authentication; none by default.
    :param certificate: path of its certificate and key in one file, for TLS.
    :param ca: path of the authority that the proxy's certificate must be from, for TLS.
    :param watches: URIs whose presence it asks for from the beginning; see :meth:`seen`.
    :param publishes: whether it publishes its own.
    """

    name = "baresip"
    programs = ("baresip",)
    reads_output = True

    def __init__(
        self,
        directory: str | os.PathLike[str],
        user: str,
        domain: str,
        proxy_port: int,
        contacts: Sequence[str] = (),
        transport: str = "udp",
        password: str = "",
        reactor: Any = None,
        certificate: str = "",
        ca: str = "",
        watches: Sequence[str] = (),
        publishes: bool = False,
    ) -> None:
        super().__init__(directory, reactor)
        self.watches = list(watches)
        self.publishes = publishes
        self.user = user
        self.domain = domain
        self.proxy_port = proxy_port
        self.contacts = list(contacts)
        self.transport = transport
        self.password = password
        self._tls = {"sip_certificate": certificate, "sip_cafile": ca} if certificate else {}
        self.port = self.new_port()
        self._control_port = self.new_port()
        self._console_port = self.new_port()
        self._control: _Control | None = None
        self._console: _Console | None = None
        self.events = EventLog(self)
        """``{"type": "message", "from": uri, "text": text}`` for each text shown to the user,
        ``{"type": "sip", "own": bool, "start": line, "headers": {...}, "body": text}`` for each SIP message
        in and out (own: of a transaction that began here), and the events of baresip's control
        interface, such as ``{"type": "REGISTER_OK"}``."""
        self._trace: list[str] | None = None
        self._call_ids: set[str] = set()

    def command(self) -> list[str]:
        return ["baresip", "-s", "-f", str(self.directory)]

    def prepare(self) -> None:
        host = LOOPBACK
        credentials = f";auth_user={self.user};auth_pass={self.password}" if self.password else ""
        files = {
            "config": CONFIGURATION.format(
                host=host,
                port=self.port,
                modules=module_folder(),
                control=self._control_port,
                console=self._console_port,
            )
            + ("module_app presence.so\n" if self.watches or self.publishes else "")
            + "".join(f"{key} {path}\n" for key, path in self._tls.items()),
            "accounts": (ACCOUNT.replace(";regint", ";pubint=60;regint") if self.publishes else ACCOUNT).format(
                user=self.user,
                domain=self.domain,
                transport=self.transport,
                host=host,
                proxy=self.proxy_port,
                credentials=credentials,
            ),
            "contacts": "".join(f'"{index}" <{uri}>\n' for index, uri in enumerate(self.contacts))
            + "".join(f'"watched" <{uri}>;presence=p2p\n' for uri in self.watches),
            # Without a line feed, which would end up in the +sip.instance parameter.
            "uuid": f"00000000-0000-4000-8000-{self.port:012d}",
        }
        if self.contacts:
            files["current_contact"] = self.contacts[0]
        for name, text in files.items():
            (self.directory / name).write_text(text)

    async def ready(self) -> None:
        """Wait for both of its interfaces and for the answer to its REGISTER."""
        self._control = await self._connect(self._control_port, _Control)
        # Incoming texts are shown on a user interface only, of which the console over TCP is one.
        self._console = await self._connect(self._console_port, _Console)
        self._control.events = self._console.events = self.events
        while "OK" not in (answer := await self.order("reginfo")):
            if re.search(r"ERR|FAIL", answer):
                raise PeerError(f"baresip: not registered: {answer}")
            await self.sleep(0.05)

    async def _connect(self, port: int, kind: type[Any]) -> Any:
        endpoint = TCP4ClientEndpoint(self.reactor, LOOPBACK, port, timeout=2)
        while True:
            try:
                return await endpoint.connect(Factory.forProtocol(kind))
            except ConnectError:
                await self.sleep(0.05)

    def line_received(self, line: str) -> None:
        """Collect the SIP trace: a line with ``#``, one with the addresses, the message, a colour reset."""
        plain = COLOURS.sub("", line)
        if plain == "#" and plain != line:
            self._trace = []
        elif self._trace is not None:
            self._trace.append(plain)
            if line.endswith(RESET):
                self.events.add(self._traced(self._trace))
                self._trace = None

    def _traced(self, lines: Sequence[str]) -> Event:
        _, start, *rest = lines
        blank = rest.index("") if "" in rest else len(rest)
        headers: dict[str, str] = {}
        for line in rest[:blank]:
            name, _, value = line.partition(": ")
            headers.setdefault(name, value)
        port = self.port + 1 if self.transport == "tls" else self.port  # it has one port for all but TLS
        own = f":{port};" in headers.get("Via", "")
        body = "\n".join(rest[blank + 1 :])
        return {"type": "sip", "own": own, "start": start, "headers": headers, "body": body}

    def order(self, command: str, parameters: str = "") -> Deferred[str]:
        """Run one of baresip's own commands.

        :returns: what it answers, without colours.
        """
        if self._control is None:
            raise PeerError("baresip does not run")
        return self._control.order(command, parameters)

    def notified(self, part: str, timeout: float = 10.0) -> Deferred[Event]:
        """The next NOTIFY that came in with this in its Subscription-State or body."""
        return self.events.wait_for(
            lambda event: event["type"] == "sip" and event["start"].startswith("NOTIFY ")
            and (part in event["headers"].get("Subscription-State", "") or part in event["body"]),
            timeout,
        )

    async def seen(self) -> str:
        """What it shows of its contacts."""
        return COLOURS.sub("", await self.order("contacts"))

    def send_message(self, uri: str, text: str, timeout: float = 40.0) -> Deferred[int]:
        """Send a text to one of its contacts.

        :param timeout: seconds; by itself baresip gives up after 32 without a word.
        :returns: the status code of the final response.
        """
        return Deferred.fromCoroutine(self._send_message(uri, text, timeout))

    async def _send_message(self, uri: str, text: str, timeout: float) -> int:
        await self._select(uri)
        await self.order("message", text)
        request = await self.events.wait_for(
            lambda event: (
                event["type"] == "sip"
                and event["own"]
                and event["start"].startswith("MESSAGE ")
                and event["headers"]["Call-ID"] not in self._call_ids
            ),
            timeout,
        )
        call_id = request["headers"]["Call-ID"]
        self._call_ids.add(call_id)
        response = await self.events.wait_for(
            lambda event: (
                event["type"] == "sip"
                and event["headers"].get("Call-ID") == call_id
                and (code := status_code(event)) is not None
                and code >= 200
                and not (code in CHALLENGES and self.password)
            ),
            timeout,
        )
        code = status_code(response)
        assert code is not None
        return code

    async def _select(self, uri: str) -> None:
        """Make a contact the current one: the list can only be walked, and does not wrap around."""
        for step in ("contact_prev", "contact_next"):
            for _ in self.contacts:
                if f"<{uri}>" in await self.order(step):
                    return
        raise PeerError(f"baresip: {uri} is not among its contacts")

    def message(self, text: str | None = None, timeout: float = 10.0) -> Deferred[Event]:
        """The next text that came in, or the next with this very content."""
        return self.events.wait_for(
            lambda event: event["type"] == "message" and text in (None, event["text"]), timeout
        )

    async def _end(self, order: bytes) -> None:
        for connection in (self._control, self._console):
            if (
                connection is not None
                and connection.transport is not None
                and not connection.lost.called
            ):
                connection.transport.loseConnection()
                await connection.lost
        self._control = self._console = None
        await super()._end(order)


class _Control(NetstringReceiver):
    """The control interface: JSON in netstrings; answers come in the order of the orders."""

    MAX_LENGTH = 1 << 20

    def __init__(self) -> None:
        self.events: EventLog | None = None
        self.lost: Deferred[None] = Deferred()
        self._waiting: list[Deferred[str]] = []

    def order(self, command: str, parameters: str) -> Deferred[str]:
        answer: Deferred[str] = Deferred()
        self._waiting.append(answer)
        self.sendString(
            json.dumps({"command": command, "params": parameters, "token": ""}).encode()
        )
        return answer

    def stringReceived(self, string: bytes) -> None:
        event = json.loads(string.decode("utf-8", "replace"))
        if event.get("response"):
            self._waiting.pop(0).callback(COLOURS.sub("", event.get("data", "")))
        elif self.events is not None:
            # Newer releases also report texts here, without a type.
            self.events.add({"type": "other", **event})

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer.errback(PeerError("baresip closed its control interface"))
        self.lost.callback(None)


class _Console(Protocol):
    """The console, where a text is one quoted string over as many lines as it has."""

    def __init__(self) -> None:
        self.events: EventLog | None = None
        self.lost: Deferred[None] = Deferred()
        self._buffer = b""

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        text = COLOURS.sub("", self._buffer.decode("utf-8", "ignore")).replace("\r", "")
        while "\n" in text:
            start = re.search(r'^sips?:\S+: "', text, re.MULTILINE)
            if start is None:
                text = text[text.rindex("\n") + 1 :]
                break
            end = text.find('"\n', start.end())
            if end < 0:
                text = text[start.start() :]
                break
            match = INCOMING.match(text[start.start() : end + 1])
            if match is not None and self.events is not None:
                self.events.add({"type": "message", "from": match[1], "text": match[2]})
            text = text[end + 2 :]
        self._buffer = text.encode()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


def status_code(event: Event) -> int | None:
    """The code of a traced response, None for a request."""
    version, _, rest = str(event["start"]).partition(" ")
    return int(rest[:3]) if version == "SIP/2.0" else None


def module_folder() -> Path | None:
    found = [folder for pattern in MODULES for folder in glob.glob(pattern)]
    return Path(found[0]) if found else None
