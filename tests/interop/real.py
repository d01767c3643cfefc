"""The stage of real programs: an XMPP server, a SIP proxy, an SMSC, users, and a process of iwf."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

from tests.interop.people import BaresipPerson, Person, SippPerson, XmppPerson
from tests.interop.phones import Phones
from tests.interop.watchers import WatchingPerson
from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, Peer
from tests.peers.ejabberd import Ejabberd
from tests.peers.gateway import Gateway
from tests.peers.kamailio import Kamailio
from tests.peers.prosody import Prosody
from tests.peers.sipp import SippServer
from tests.peers.slixmpp_client import SlixmppClient
from tests.peers.smsc import NodeSmsc
from tests.scenarios.play import Play, Talk
from tests.scenarios.stage import (
    CAST,
    IWF,
    NORMALLY,
    SIP,
    SIP_DOMAIN,
    SIP_ON_XMPP,
    SMS,
    SMS_ON_SIP,
    SMS_ON_XMPP,
    XMPP,
    XMPP_DOMAIN,
    XMPP_ON_SIP,
    Actor,
    Saying,
    Stage,
    StageError,
    configured,
)
from tests.scenarios.watching import Appear, Ask, Asked, Sees, Watched
from tests.support.seen import State, View

Server = Prosody | Ejabberd
ON_BARESIP = "juliet"
PATIENCE_OF_PROXY = 2.0
"""Seconds until the proxy gives up a user agent that does not answer."""
AMIDST = 0.15
"""Seconds from the last line to a kill, so that it meets messages on their way."""
CONNECTED = 20.0
"""Seconds for the gateway to reach all of its peers."""


def programs(server: type[Server]) -> tuple[type[Peer], ...]:
    """What has to be installed."""
    return server, Kamailio, NodeSmsc, Gateway, SlixmppClient, Baresip, SippServer


class RealStage(Stage):
    """Programs on loopback, started once and used by one play after the other.

    :param directory: for all files.
    :param server: the kind of XMPP server.
    :param plays: what will be played, so that all accounts and contacts exist from the start.
    """

    def __init__(self, directory: Path, server: type[Server], plays: Sequence[Play], reactor: Any) -> None:
        super().__init__()
        self._directory, self._reactor = directory, reactor
        actors = {actor.native: actor for play in plays for actor in play.cast.values() if actor.exists}
        self.gateway = Gateway(directory / "iwf", reactor)
        self.server = _server(server, directory, actors.values(), reactor)
        self.proxy = Kamailio(
            directory / "kamailio", SIP_DOMAIN, (LOOPBACK, self.gateway.port, "udp"), (XMPP_ON_SIP, SMS_ON_SIP),
            {_user(actor): "" for actor in actors.values() if actor.world == SIP}, PATIENCE_OF_PROXY, reactor)
        self.smsc = NodeSmsc(directory / "smsc", reactor=reactor)
        self.gateway.between(self.server, self.proxy, self.smsc)
        self._configuration = self.gateway.configuration
        self._contacts = _contacts(plays)
        self._watchers = _watchers(plays)
        self._phones = Phones(self.smsc)
        self._people: dict[str, Person] = {}
        """By native address, as users of different plays may have the same name."""
        self._cast: Mapping[str, Actor] = {}
        self._options: Mapping[str, str] = {}
        self.clean = True
        """Whether the last play ended well, so that nothing of it can come yet."""

    # -- time

    def now(self) -> float:
        seconds: float = self._reactor.seconds()
        return seconds

    async def pause(self, seconds: float) -> None:
        await deferLater(self._reactor, seconds, lambda: None)
        self._collect()

    def _collect(self) -> None:
        for person in (self._phones, *self._people.values()):
            for name, incoming in person.received():
                self.tell(name, incoming)

    # -- the beginning and the end

    async def begin(self, cast: Mapping[str, Actor], options: Mapping[str, str]) -> None:
        self._cast = cast
        await gatherResults([self.server.start(), self.proxy.start(), self.smsc.start()])
        tied = [person for person in self._of_presence() if person.has_ties]
        if tied or options != self._options or not self.clean:
            await self._begin_anew(options)
        for person in tied:
            await person.forget()
        await self.gateway.start()
        self.clean = False
        for actor in cast.values():
            if actor.exists:
                await self._bring(actor)
        await self.connected()
        self._phones.give_up()
        self._collect()
        self.clear()

    def _of_presence(self) -> list[XmppPerson | WatchingPerson]:
        return [one for one in self._people.values() if isinstance(one, XmppPerson | WatchingPerson)]

    async def _begin_anew(self, options: Mapping[str, str]) -> None:
        """Nothing of the plays before is left in the gateway, which is down then."""
        await self.gateway.stop()
        shutil.rmtree(self.gateway.directory / "state", ignore_errors=True)
        self._options = dict(options)
        self.gateway.configuration = configured(self._configuration, options)

    async def _bring(self, actor: Actor) -> None:
        if actor.world == SMS:
            self._phones.know(actor)
            await self._phones.behave(actor, NORMALLY)
            return
        person = self._people.get(actor.native)
        if person is None:
            person = self._people[actor.native] = self._person(actor)
            await person.start()
        await person.behave(actor, NORMALLY)

    def _person(self, actor: Actor) -> Person:
        directory = self._directory / f"actor-{len(self._people)}"
        if actor.world == XMPP:
            return XmppPerson(directory, actor, self.server.port)
        if actor.native in self._watchers:
            return WatchingPerson(directory, actor, self.proxy.port, self._reactor)
        if actor.name == ON_BARESIP:
            return BaresipPerson(directory, actor, self.proxy.port, self._contacts)
        return SippPerson(directory, actor, self.proxy.port)

    async def connected(self) -> None:
        romeo = self._people[CAST["romeo"].native]
        assert isinstance(romeo, XmppPerson)
        deadline = self.now() + CONNECTED
        while self.now() < deadline:
            if (await self.smsc.sessions() and await romeo.reaches(SIP_ON_XMPP)
                    and await romeo.reaches(SMS_ON_XMPP)):
                return
            await deferLater(self._reactor, 0.05, lambda: None)
        raise StageError(f"the gateway reached not all of its peers\n{self.gateway.log_tail()}")

    async def end(self) -> None:
        """End every program."""
        for person in self._people.values():
            await person.stop()
        await gatherResults([peer.stop() for peer in (self.gateway, self.server, self.proxy, self.smsc)])

    # -- what actors do

    async def say(self, saying: Saying) -> None:
        running = {XMPP: self.server, SIP: self.proxy, SMS: self.smsc}[saying.sender.world].running
        if not running:
            raise StageError(f"{saying.sender.name} cannot write while {saying.sender.world} is away")
        self._of(saying.sender).say(saying)

    async def behave(self, actor: Actor, answer: str) -> None:
        await self._of(actor).behave(actor, answer)

    # -- presence

    async def relate(self, verb: str, actor: Actor, other: Actor) -> None:
        self._watching(actor).relate(verb, other.seen_in(actor.world))

    async def appear(self, actor: Actor, state: State) -> None:
        await self._watching(actor).appear(state)

    def asking(self, actor: Actor) -> Collection[str]:
        return self._watching(actor).asking

    def views(self, actor: Actor, other: Actor) -> Mapping[str, View | None]:
        return self._watching(actor).views(other.seen_in(actor.world))

    def watchers(self, actor: Actor) -> Sequence[str]:
        return self._watching(actor).watchers

    def _watching(self, actor: Actor) -> XmppPerson | WatchingPerson:
        person = self._of(actor)
        if isinstance(person, XmppPerson | WatchingPerson):
            return person
        raise StageError(f"{actor.name} has a phone and writes what she wants")

    # -- programs

    def _of(self, actor: Actor) -> Person:
        return self._phones if actor.world == SMS else self._people[actor.native]

    async def change(self, verb: str, peer: str) -> None:
        program: Peer = {XMPP: self.server, SIP: self.proxy, SMS: self.smsc, IWF: self.gateway}[peer]
        if verb == "kill":
            await self.pause(AMIDST)
            await program.kill()
        elif verb == "stop":
            await program.stop()
        else:
            await program.start()
        if peer == XMPP:
            await self._clients(verb)
        elif peer == SMS and verb != "start":
            self._collect()
            self._phones.give_up()

    async def _clients(self, verb: str) -> None:
        """XMPP clients come and go with their server."""
        clients = [one for one in self._people.values() if isinstance(one, XmppPerson)]
        for client in clients:
            if verb == "start":
                await client.start()
            else:
                self._collect()
                await client.stop()


def _user(actor: Actor) -> str:
    """The user part as it stands in a URI."""
    return actor.native.removeprefix("sip:").rpartition("@")[0]


def _server(kind: type[Server], directory: Path, actors: Iterable[Actor], reactor: Any) -> Server:
    users = {actor.user: "pw" for actor in actors if actor.world == XMPP}
    if kind is Ejabberd:
        # They become strings in Erlang source.
        users = {user.replace("\\", "\\\\"): password for user, password in users.items()}
    components = {SIP_ON_XMPP: "secret", SMS_ON_XMPP: "secret"}
    return kind(directory / kind.name, XMPP_DOMAIN, components, users, reactor=reactor)


def _contacts(plays: Sequence[Play]) -> list[str]:
    """Whom baresip writes to in these plays."""
    addresses: dict[str, None] = {}
    for play in plays:
        for _, step in play.steps:
            if isinstance(step, Talk) and step.verb == "->" and step.actor == ON_BARESIP:
                actor = play.cast.get(step.other)
                addresses[step.other if actor is None else actor.seen_in(SIP)] = None
    return list(addresses)


def _watchers(plays: Sequence[Play]) -> set[str]:
    """The SIP users who take part in presence, by their addresses."""
    found = set()
    for play in plays:
        for _, step in play.steps:
            names = [step.actor] if isinstance(step, Appear) else []
            if isinstance(step, Ask | Asked | Sees | Watched):
                names = [step.actor, step.other]
            found |= {play.cast[name].native for name in names if play.cast[name].world == SIP}
    return found
