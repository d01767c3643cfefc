"""What ten thousand subscriptions cost: ``python -m tests.bench.bench_presence [COUNT]``.

The daemon is a process of its own with its store on disk; half of the subscriptions are those of SIP users who
watch XMPP users, half the other way round, each of another pair.  This process is both peers, over loopback.
Figures are CPU time and resident memory of the daemon, as the system counts them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater, react
from twisted.words.xish.domish import Element

from tests.peers.base import LOOPBACK
from tests.peers.gateway import ALIAS, COMPONENT, NODE, SIP, Gateway
from tests.support.seen import State, written
from tests.support.xmpp_server import XmppServer

X, S = "sip.xmpp.test", "xmpp.sip.test"
SETTINGS = """
[sip.presence]
notify_min = 0.2
"""
AT_ONCE = 100
"""Questions without an answer at a time."""
AFTERMATH = 40.0
"""Seconds until the transactions of SIP are forgotten (64*T1)."""
SAMPLE = 1000
"""Subscriptions that are refreshed, or changed, to see what one costs."""
SOON = 60
"""Seconds that a subscription lasts whose refresh is awaited."""
IDLE = 10.0
PATIENCE = 300.0

_FROM = re.compile(rb"^From: (.*)\r$", re.MULTILINE)
_TO = re.compile(rb"^To: (.*)\r$", re.MULTILINE)
_CALL_ID = re.compile(rb"^Call-ID: (.*)\r$", re.MULTILINE)
_CONTACT = re.compile(rb"^Contact: <([^>]*)>", re.MULTILINE)
_VIAS = re.compile(rb"^Via: .*\r\n", re.MULTILINE)
_CSEQ = re.compile(rb"^CSeq: .*\r\n", re.MULTILINE)


def _only(pattern: re.Pattern[bytes], octets: bytes) -> str:
    match = pattern.search(octets)
    assert match is not None, octets
    return match[1].decode()


@frozen
class Usage:
    """What the daemon has used."""

    cpu: float
    """Seconds."""
    resident: int
    """Octets."""


@define(eq=False)
class Half:
    """A dialog as its SIP user knows it."""

    call_id: str
    own: str
    far: str
    target: str
    cseq: int = 0


class SipUsers(DatagramProtocol):
    """All SIP users, behind one socket."""

    transport: Any

    def __init__(self, gateway: int) -> None:
        self._gateway = gateway
        self.seen: dict[str, Half] = {}
        """Dialogs in which they are seen."""
        self.looking: dict[str, Half] = {}
        """Dialogs in which they look, by Call-ID."""
        self.refreshes = self.told = 0
        """SUBSCRIBEs, and NOTIFYs that are active and say something."""
        self.ended: set[str] = set()
        """The Call-IDs of those who were told that it is over."""
        self._branches = 0

    def write(self, octets: bytes) -> None:
        self.transport.write(octets, (LOOPBACK, self._gateway))

    def request(self, method: str, half: Half, extra: str, body: bytes = b"") -> None:
        """Send a request within a dialog, or one that begins it."""
        half.cseq += 1
        self._branches += 1
        port = self.transport.getHost().port
        self.write((f"{method} {half.target} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {LOOPBACK}:{port};branch=z9hG4bKb{self._branches};rport\r\nMax-Forwards: 70\r\n"
                    f"From: {half.own}\r\nTo: {half.far}\r\nCall-ID: {half.call_id}\r\nCSeq: {half.cseq} {method}\r\n"
                    f"Contact: <sip:user@{LOOPBACK}:{port}>\r\nEvent: presence\r\n{extra}"
                    f"Content-Length: {len(body)}\r\n\r\n").encode() + body)

    def look(self, number: int) -> None:
        """A user asks to see one of XMPP."""
        half = Half(f"look{number}", f"<sip:s{number}@sip.test>;tag=o{number}",
                    f"<sip:u{number}*xmpp.test@{S}>", f"sip:u{number}*xmpp.test@{S}")
        self.looking[half.call_id] = half
        self.refresh(half)

    def refresh(self, half: Half) -> None:
        """SUBSCRIBE, for the first time or once more."""
        self.request("SUBSCRIBE", half, "Accept: application/pidf+xml\r\nExpires: 3600\r\n")

    def show(self, half: Half, state: State, expires: int = 3600) -> None:
        """Tell a watcher."""
        body = written("pres:s@sip.test", [state])
        self.request("NOTIFY", half, f"Subscription-State: active;expires={expires}\r\n"
                                     "Content-Type: application/pidf+xml\r\n", body)

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        if datagram.startswith(b"SIP/2.0"):
            return
        call_id = _only(_CALL_ID, datagram)
        half = self.seen.get(call_id)
        is_new = half is None and datagram.startswith(b"SUBSCRIBE")
        to = _only(_TO, datagram) + (";tag=far" if is_new else "")
        head = (f"SIP/2.0 200 OK\r\nFrom: {_only(_FROM, datagram)}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
                f"Expires: 3600\r\nContact: <sip:user@{LOOPBACK}:{self.transport.getHost().port}>\r\n"
                "Content-Length: 0\r\n\r\n")
        start, _, rest = head.partition("\r\n")
        cseq = _CSEQ.search(datagram)
        assert cseq is not None
        self.write(start.encode() + b"\r\n" + b"".join(_VIAS.findall(datagram)) + cseq[0] + rest.encode())
        if datagram.startswith(b"SUBSCRIBE"):
            self.refreshes += 1
            if half is None:
                half = self.seen[call_id] = Half(call_id, to, _only(_FROM, datagram), _only(_CONTACT, datagram))
            self.show(half, State("phone"))
        elif b"State: terminated" in datagram:
            self.ended.add(call_id)
        elif b"active" in datagram and b"<tuple" in datagram:
            self.told += 1
            self._fix(self.looking[call_id], datagram)

    def _fix(self, half: Half, notify: bytes) -> None:
        half.far, half.target = _only(_FROM, notify), _only(_CONTACT, notify)


class Server(XmppServer):
    """An XMPP server whose users let everybody see them."""

    def __init__(self) -> None:
        super().__init__("xmpp.test", set(), "secret")
        self.told = 0
        """Presence that users were shown."""

    def to_user(self, element: Element, to: str) -> None:
        user, type = to.partition("/")[0], element.getAttribute("type", "")
        if element.name != "presence":
            return
        if type == "subscribe":
            self.presence(user, element["from"], "subscribed")
        if type in ("subscribe", "probe"):
            self.presence(f"{user}/pc", element["from"])
        elif not type:
            self.told += 1

    def presence(self, sender: str, to: str, type: str = "", show: str = "") -> None:
        """A user, or the server for him, sends presence."""
        type, show = f" type='{type}'" if type else "", f"<show>{show}</show>" if show else ""
        self.raw(X, f"<presence from='{sender}' to='{to.partition('/')[0]}'{type}>{show}</presence>".encode())


def image(number: int) -> str:
    """A SIP user as XMPP users see him."""
    return f"s{number}*sip.test@{X}"


class Bench:
    """The daemon between the peers."""

    def __init__(self, reactor: Any, folder: Path, count: int) -> None:
        self._reactor, self._count = reactor, count
        self.gateway = Gateway(folder, reactor)
        self._server = Server()
        self._users = SipUsers(self.gateway.port)

    async def run(self) -> None:
        """Print the table."""
        listener = self._reactor.listenTCP(0, self._server, interface=LOOPBACK)
        datagrams = self._reactor.listenUDP(0, self._users, interface=LOOPBACK, maxPacketSize=65536)
        component = COMPONENT.format(domain=X, host=LOOPBACK, port=listener.getHost().port, secret="secret",
                                     bridges="sip")
        sip = SIP.format(host=LOOPBACK, port=self.gateway.port, domain="sip.test", transport="udp",
                         proxy=datagrams.getHost().port)
        alias = ALIAS.format(domain=S, bridges="xmpp", serves='serves = ["xmpp.test"]\n')
        self.gateway.configuration = NODE + component + sip + alias + SETTINGS
        try:
            await self._up()
            await self._steps()
        finally:
            await self.gateway.stop()
            listener.stopListening()
            datagrams.stopListening()

    async def _up(self) -> None:
        await self.gateway.start()
        await self._until(lambda: X in self._server.components)

    async def _steps(self) -> None:
        half, first = self._count // 2, self._usage()
        await self._measure("a SIP user begins to watch", half, self._in_turn(
            range(half), self._users.look, lambda: self._users.told))
        await self._measure("an XMPP user begins to watch", half, self._in_turn(
            range(half, self._count), self._ask, lambda: self._server.told))
        await self._pause(AFTERMATH)
        held = self._usage()
        print(f"{self._count} subscriptions: {(held.resident - first.resident) / self._count / 1024:.1f} KiB each, "
              f"{first.resident >> 20} MiB without and {held.resident >> 20} MiB with them")
        await self._measure("ten seconds of holding them", 1, self._pause(IDLE))
        sample = min(SAMPLE, half)
        await self._measure("a SIP watcher refreshes", sample, self._in_turn(
            [*self._users.looking.values()][:sample], self._users.refresh, lambda: self._users.told))
        await self._measure("an XMPP user's change is told", sample, self._in_turn(
            range(sample), lambda number: self._server.presence(f"u{number}@xmpp.test/pc", image(number), show="away"),
            lambda: self._users.told))
        await self._measure("a SIP user's change is told", sample, self._in_turn(
            [*self._users.seen.values()][:sample], lambda one: self._users.show(one, State("phone", "away")),
            lambda: self._server.told))
        await self._refreshes(sample)
        await self._restart()
        await self._stop()

    def _ask(self, number: int) -> None:
        self._server.presence(f"u{number}@xmpp.test", image(number), "subscribe")

    async def _refreshes(self, sample: int) -> None:
        await self._pause(1.0)
        for one in [*self._users.seen.values()][:sample]:
            self._users.show(one, State("phone", "away"), SOON)
            await self._pause(0.002)
        await self._pause(1.0)
        begin = self._users.refreshes
        await self._measure("we refresh", sample, self._until(lambda: self._users.refreshes >= begin + sample))

    async def _restart(self) -> None:
        """Killed and started: how long until everybody has been told again?"""
        await self.gateway.kill()
        users, server = self._users.told, self._server.told
        began = self._reactor.seconds()
        await self._up()
        half = self._count // 2
        await self._until(lambda: self._users.told >= users + half and self._server.told >= server + half)
        seconds, used = self._reactor.seconds() - began, self._usage()
        print(f"killed and started: all told again after {seconds:.0f} s and {used.cpu:.1f} s of CPU; "
              f"{len(self._users.seen) - half} dialogs too many, {used.resident >> 20} MiB")

    async def _stop(self) -> None:
        """Stopped in good order: is everybody told?"""
        self.gateway.stop_timeout = PATIENCE
        began = self._reactor.seconds()
        await self.gateway.stop()
        print(f"stopped in good order within {self._reactor.seconds() - began:.0f} s: "
              f"{len(self._users.ended)} of {self._count // 2} SIP watchers were told")

    # -- measuring

    async def _measure(self, what: str, times: int, step: Any) -> None:
        before = self._usage()
        await step
        after = self._usage()
        cost = (after.cpu - before.cpu) / times * 1e3
        print(f"{what:32} {cost:8.2f} ms of CPU, {after.resident >> 20} MiB", flush=True)

    async def _in_turn(self, everything: Iterable[Any], do: Callable[[Any], None], done: Callable[[], int]) -> None:
        """Do something for each, so many at a time, until all is done."""
        awaited = done()
        for one in everything:
            await self._reached(done, awaited + 1 - AT_ONCE)
            do(one)
            awaited += 1
        await self._reached(done, awaited)

    async def _reached(self, count: Callable[[], int], least: int) -> None:
        await self._until(lambda: count() >= least)

    async def _until(self, holds: Callable[[], bool]) -> None:
        deadline = self._reactor.seconds() + PATIENCE
        while not holds():
            if self._reactor.seconds() > deadline:
                raise TimeoutError(f"told: {self._users.told} and {self._server.told}\n{self.gateway.log_tail()}")
            await self._pause(0.005)

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._reactor, seconds, lambda: None)

    def _usage(self) -> Usage:
        process = Path("/proc") / (self.gateway.directory / "iwf.pid").read_text().strip()
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        pages = int((process / "statm").read_text().split()[1])
        ticks = int(fields[11]) + int(fields[12])
        return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))


async def _main(reactor: Any) -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with TemporaryDirectory() as folder:
        await Bench(reactor, Path(folder), count).run()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(_main(reactor)))
