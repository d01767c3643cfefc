"""Who is on the stage in memory: SIP users behind one socket, phones, XMPP users with their devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.task import LoopingCall

from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from iwf.smpp.simulator.handset import Fate, Handset
from iwf.smpp.wire.pdu import ShortMessage
from tests.scenarios.stage import SIP, XMPP, Actor, StageError
from tests.scenarios.watching import DEVICES, DONE
from tests.support.roster import Account
from tests.support.seen import OFFLINE, State, View
from tests.support.sip_peer import SipPeer
from tests.support.sip_watcher import SipWatcher
from tests.support.world import PEER_PORT
from tests.support.xmpp_server import XmppServer


class SipUsers(SipPeer):
    """Users behind one socket, each with an answer of his own."""

    def __init__(self, gateway: tuple[str, int]) -> None:
        super().__init__(gateway)
        self.codes: dict[str, int] = {}
        """By user; 0: no answer.  Others are not found."""
        self.taken: list[Request] = []
        """What was answered with 2xx, without repetitions."""
        self.watchers: dict[str, SipWatcher] = {}
        """By user."""
        self._before: set[str] = set()
        """The branches of requests of presence that were seen before."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        message = parse_message(datagram)
        if message.cseq.method in ("SUBSCRIBE", "NOTIFY"):
            self._watching(message)
            return
        if isinstance(message, Response):
            self.responses.append(message)
            return
        code = self.codes.get(message.uri.user or "", 404)
        repeated = any(old.top_via == message.top_via for old in self.requests)
        self.requests.append(message)
        if code and code < 300 and not repeated:
            self.taken.append(message)
        if code:
            self.write(response_to(message, code, "Answer", "far").to_bytes(), addr)

    def _watching(self, message: Request | Response) -> None:
        if isinstance(message, Response):
            for watcher in self.watchers.values():
                watcher.take(message)
        elif message.uri.user not in self.watchers:
            self.write(response_to(message, 404).to_bytes())
        elif str(message.top_via) not in self._before:
            self._before.add(str(message.top_via))
            self.watchers[message.uri.user].take(message)


class Phones(Handset):
    """Phones, each with a fate of its own for what comes to it."""

    def __init__(self) -> None:
        super().__init__()
        self.fates: dict[str, Fate] = {}
        self.once: dict[str, Fate] = {}
        """Of the next text alone."""

    def fate_of(self, message: ShortMessage) -> Fate:
        number = message.destination.number
        return self.once.pop(number, None) or self.fates.get(number, Fate())

    def take(self, message: ShortMessage) -> Fate:
        fate = self.fate_of(message)
        if fate == Fate():
            self.received.append(message)
        return fate


class Watchers:
    """The presence of everybody; XMPP users have one device from the start.

    :param clock: IReactorTime.
    """

    def __init__(self, cast: Mapping[str, Actor], server: XmppServer, users: SipUsers, clock: Any) -> None:
        self._server, self._users = server, users
        self._away: dict[str, list[State]] = {}
        """The devices that come back with the XMPP server, by user."""
        self.is_sip_up = True
        contact = f"127.0.0.1:{PEER_PORT}"
        for number, actor in enumerate(actor for actor in cast.values() if actor.exists):
            if actor.world == XMPP:
                server.accounts[actor.user] = Account(actor.native, server.deliver)
                server.accounts[actor.user].appear(State(DEVICES[XMPP]))
            elif actor.world == SIP:
                users.watchers[uri_user(actor)] = SipWatcher(actor.native, contact, self._send, clock, f"w{number}")
        tick = LoopingCall(self._tick)
        tick.clock = clock
        tick.start(1.0)

    def _send(self, octets: bytes) -> None:
        if self.is_sip_up:
            self._users.write(octets)

    def _tick(self) -> None:
        for watcher in self._users.watchers.values():
            watcher.handle_timer()

    def of(self, actor: Actor) -> Account | SipWatcher:
        if actor.world == XMPP:
            return self._server.accounts[actor.user]
        if actor.world == SIP:
            return self._users.watchers[uri_user(actor)]
        raise StageError(f"{actor.name} has a phone and writes what she wants")

    def relate(self, verb: str, actor: Actor, other: Actor) -> None:
        getattr(self.of(actor), DONE[verb])(other.seen_in(actor.world))

    def appear(self, actor: Actor, state: State) -> None:
        if state.show == OFFLINE:
            self.of(actor).leave(state.device)
        else:
            self.of(actor).appear(state)

    def views(self, actor: Actor, other: Actor) -> Mapping[str, View | None]:
        address, user = other.seen_in(actor.world), self.of(actor)
        return user.views(address) if isinstance(user, Account) else {DEVICES[SIP]: user.view(address)}

    def watchers(self, actor: Actor) -> Sequence[str]:
        user = self.of(actor)
        return user.dialogs if isinstance(user, SipWatcher) else []

    # -- the XMPP server goes and comes back

    def stop_xmpp(self) -> None:
        """All sessions end with the server, which tells nobody."""
        self._away = {name: [client.state for client in account.clients.values()]
                      for name, account in self._server.accounts.items()}
        for account in self._server.accounts.values():
            account.clients.clear()

    def start_xmpp(self) -> None:
        """Clients log in again by themselves."""
        for name, states in self._away.items():
            for state in states:
                self._server.accounts[name].appear(state)


def uri_user(actor: Actor) -> str:
    """The user part as it stands in a URI."""
    return actor.native.removeprefix("sip:").rpartition("@")[0]
