"""SIP users of a play who show themselves and look at others, with a user agent of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall

from iwf.sip.syntax.message import parse_message
from tests.interop.people import Person
from tests.peers.base import LOOPBACK, PeerError
from tests.peers.sipp import register
from tests.scenarios.stage import NORMALLY, Actor, Saying
from tests.scenarios.watching import DEVICES, DONE
from tests.support.seen import OFFLINE, State, View
from tests.support.sip_watcher import SipWatcher


class WatchingPerson(Person, DatagramProtocol):
    """A SIP user with a user agent of ours, registered at a proxy that carries everything it says."""

    transport: Any

    def __init__(self, directory: Path, actor: Actor, proxy: int, reactor: Any) -> None:
        super().__init__()
        self._directory, self._actor, self._proxy, self._reactor = directory, actor, proxy, reactor
        self._port: Any = None
        self._tick = LoopingCall(lambda: self._user.handle_timer())
        self._tick.clock = reactor
        self._user: SipWatcher
        self.has_ties = False
        """Whether there is anything to forget."""

    async def start(self) -> None:
        self._port = self._reactor.listenUDP(0, self, interface=LOOPBACK)
        await self.forget()
        await register(self._directory / "register", self._proxy,
                       [(self._actor.native.removeprefix("sip:"), self._port.getHost().port)])
        self._tick.start(0.5)

    async def stop(self) -> None:
        if self._tick.running:
            self._tick.stop()
        await self._port.stopListening()

    async def forget(self) -> None:
        """Begin anew, with nobody to see and to be seen by."""
        self.has_ties = False
        port = self._port.getHost().port
        # Kamailio remembers the branches and Call-IDs of the plays before.
        prefix = f"w{port}x{round(self._reactor.seconds() * 1000) % 10**8}"
        self._user = SipWatcher(self._actor.native, f"{LOOPBACK}:{port}", self._write, self._reactor, prefix)
        self._before: set[str] = set()

    def _write(self, octets: bytes) -> None:
        self.transport.write(octets, (LOOPBACK, self._proxy))

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        message = parse_message(datagram)
        branch = f"{type(message).__name__} {message.top_via} {message.cseq}"
        self.has_ties = True
        if branch not in self._before:
            self._before.add(branch)
            self._user.take(message)

    def relate(self, verb: str, address: str) -> None:
        self.has_ties = True
        getattr(self._user, DONE[verb])(address)

    async def appear(self, state: State) -> None:
        if state.show == OFFLINE:
            self._user.leave(state.device)
        else:
            self._user.appear(state)

    @property
    def asking(self) -> set[str]:
        return self._user.asking

    def views(self, address: str) -> Mapping[str, View | None]:
        return {DEVICES[self._actor.world]: self._user.view(address)}

    @property
    def watchers(self) -> Sequence[str]:
        return self._user.dialogs

    def say(self, saying: Saying) -> None:
        raise PeerError(f"{self._actor.name} says nothing, he shows himself")

    async def behave(self, actor: Actor, answer: str) -> None:
        if answer != NORMALLY:
            raise PeerError(f"{actor.name} answers as he likes")

    def look(self) -> None:
        """There is nothing that he hears."""
