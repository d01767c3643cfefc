"""The stage in virtual time: a whole iwf between peers in memory."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from twisted.words.xish.domish import Element

from iwf.config import Settings, settings_of, with_secret
from iwf.ids import Ids
from iwf.service import Daemon
from iwf.sip.syntax.message import Request
from iwf.smpp.reasons import MessageState
from iwf.smpp.settings import Profile
from iwf.smpp.simulator.handset import Fate
from iwf.smpp.text.coding import decode
from iwf.smpp.wire.pdu import ShortMessage, Sme
from tests.scenarios.company import Phones, SipUsers, Watchers, uri_user
from tests.scenarios.host import Host
from tests.scenarios.stage import (
    NORMALLY,
    ONCE,
    SILENT,
    SIP,
    SMS,
    XMPP,
    XMPP_DOMAIN,
    Actor,
    Failed,
    Heard,
    Saying,
    Stage,
    StageError,
    configured,
    plain_uri,
)
from tests.support.seen import State, View
from tests.support.world import CONFIGURATION, PEER_PORT, SIP_PORT, SMSC_PORT, XMPP_PORT, World
from tests.support.xmpp_server import NS, condition_of, error_of

ESM_UDH = 0x40
PART = 134
"""Octets of user data beside a header of six."""
STATES = {"UNDELIV": MessageState.UNDELIVERABLE, "EXPIRED": MessageState.EXPIRED,
          "REJECTD": MessageState.REJECTED, "DELETED": MessageState.DELETED}
DOMAINS = (("xmpp.test", "xmppserver.com"), ("sip.test", "sipserver.com"))


def settings(options: Mapping[str, str]) -> Settings:
    """The settings of the stage."""
    text = CONFIGURATION.format(trunk="", link="")
    for old, new in DOMAINS:
        text = text.replace(old, new)
    return with_secret(settings_of(tomllib.loads(configured(text, options)), Path("."), {}), "for tests")


_T = TypeVar("_T")


class _World(World):
    """A world whose daemon can be killed."""

    def start_daemon(self) -> None:
        self.host = Host(self.network)
        self._seed += 1
        self.daemon = Daemon(self.settings, self.host, Ids(seed=self._seed), self.store,
                             connected_socket=lambda own, hop: None)
        self.daemon.startService()
        self.settle(3)


class MemoryStage(Stage):
    """Everybody in one process; a pause advances the clock.

    Without latency a message would be through before anything else can happen.  Those of a burst
    are therefore let in one event after the other, and so is a kill: it meets each at another step.

    :param moment: how many events after the last line a kill comes.
    """

    service_number = "4455"

    def __init__(self, moment: int = 0) -> None:
        super().__init__()
        self._moment = moment
        self._burst = 0
        """Messages that wait to be let in."""
        self._running = {XMPP, SIP, SMS, "iwf"}
        self._cast: Mapping[str, Actor] = {}
        self._answers: dict[str, str] = {}
        """What XMPP users answer: a condition."""
        self._seen = {"stanzas": 0, "requests": 0, "responses": 0, "texts": 0}
        self._stanzas: dict[str, Saying] = {}
        self._calls: dict[str, Saying] = {}
        self._parts: dict[tuple[str, str, int], dict[int, ShortMessage]] = {}
        self._references = 0
        self._world: _World

    def now(self) -> float:
        return self._world.network.seconds()

    async def pause(self, seconds: float) -> None:
        self._world.settle(seconds)
        self._burst = 0
        self._collect()

    def _after(self, events: int, function: Callable[..., object], *args: object) -> None:
        """Call a function when so many more rounds of events have gone by."""
        if events:
            self._world.network.later(self._after, events - 1, function, *args)
        else:
            function(*args)

    async def begin(self, cast: Mapping[str, Actor], options: Mapping[str, str]) -> None:
        self._cast = cast
        self._phones = Phones()
        self._world = world = _World(settings(options), handset=self._phones)
        world.xmpp.domain = XMPP_DOMAIN
        world.xmpp.users = {actor.user for actor in cast.values() if actor.world == XMPP and actor.exists}
        self._stop_sip()
        self._users = world.peer = SipUsers(("127.0.0.1", SIP_PORT))
        self._users.codes = {uri_user(actor): 200 for actor in cast.values()
                             if actor.world == SIP and actor.exists}
        world.start_peer()
        self._watchers = Watchers(cast, world.xmpp, self._users, world.network)
        world.settle(1)

    async def connected(self) -> None:
        deadline = self.now() + 60
        while len(self._world.xmpp.components) < 2 or not self._world.smsc.connections:
            if self.now() > deadline:
                raise StageError("iwf reaches not all of its peers")
            await self.pause(0.1)

    # -- what actors do

    async def say(self, saying: Saying) -> None:
        world = saying.sender.world
        if world not in self._running:
            raise StageError(f"{saying.sender.name} cannot write while {world} is away")
        self._burst += 1
        self._after(self._burst, self._let_in, saying)

    def _let_in(self, saying: Saying) -> None:
        world = saying.sender.world
        if world not in self._running:
            saying.taken = False  # there is nobody any more to take it
            return
        {XMPP: self._say_xmpp, SIP: self._say_sip, SMS: self._say_sms}[world](saying)

    def _say_xmpp(self, saying: Saying) -> None:
        message = Element((NS, "message"))
        message["from"], message["to"] = f"{saying.sender.native}/orchard", saying.to
        message["type"], message["id"] = "chat", f"m{len(self._stanzas) + 1}"
        self._stanzas[message["id"]] = saying
        for name, content in (("subject", saying.subject), ("body", saying.text), ("thread", saying.thread)):
            if content:
                message.addElement(name, content=content)
        self._world.xmpp.deliver(message)

    def _say_sip(self, saying: Saying) -> None:
        extra = f"Subject: {saying.subject}\r\n" if saying.subject else ""
        call_id = self._users.message(saying.to, saying.text, saying.sender.native, extra=extra,
                                      call_id=saying.thread)
        self._calls[call_id] = saying

    def _say_sms(self, saying: Saying) -> None:
        body = saying.text.encode("utf-16-be")
        parts = [body]
        if len(body) > 140:
            self._references += 1
            count = -(-len(body) // PART)
            parts = [bytes((5, 0, 3, self._references, count, n + 1)) + body[n * PART:(n + 1) * PART]
                     for n in range(count)]
        answers: list[int | None] = []
        for part in parts:
            message = ShortMessage(
                source=Sme(1, 1, saying.sender.user.lstrip("+")), destination=_sme(saying.to),
                esm_class=ESM_UDH if len(parts) > 1 else 0, data_coding=8, short_message=part)
            self._world.smsc.deliver("iwf", message).addCallback(
                self._deliver_answered, saying, answers, len(parts))

    def _deliver_answered(self, status: int | None, saying: Saying, answers: list[int | None],
                          count: int) -> None:
        answers.append(status)
        if status:
            saying.taken = False
            self.tell(saying.sender.name, Failed(f"0x{status:02X}", saying.to, saying.text))
        elif answers == [0] * count:
            saying.taken = True

    # -- presence

    async def relate(self, verb: str, actor: Actor, other: Actor) -> None:
        self._watchers.relate(verb, actor, other)

    async def appear(self, actor: Actor, state: State) -> None:
        self._watchers.appear(actor, state)

    def asking(self, actor: Actor) -> Collection[str]:
        return self._watchers.of(actor).asking

    def views(self, actor: Actor, other: Actor) -> Mapping[str, View | None]:
        return self._watchers.views(actor, other)

    def watchers(self, actor: Actor) -> Sequence[str]:
        return self._watchers.watchers(actor)

    # -- how actors answer

    async def behave(self, actor: Actor, answer: str) -> None:
        if actor.world == SIP:
            code = {NORMALLY: "200", SILENT: "0"}.get(answer, answer)
            self._users.codes[uri_user(actor)] = int(code)
        elif actor.world == XMPP:
            self._answers[actor.native] = "" if answer == NORMALLY else answer
        else:
            fates = self._phones.once if answer.endswith(ONCE) else self._phones.fates
            fates[actor.user.lstrip("+")] = _fate(answer.removesuffix(ONCE))

    async def change(self, verb: str, peer: str) -> None:
        if verb == "kill":
            self._after(self._moment, self._change, verb, peer)
            self._world.network.advance(0)
        else:
            self._world.settle()
            self._change(verb, peer)
        self._burst = 0
        self._collect()

    def _change(self, verb: str, peer: str) -> None:
        world = self._world
        if verb == "start":
            self._running.add(peer)
            {XMPP: world.start_xmpp, SIP: world.start_peer, SMS: world.start_smsc,
             "iwf": world.start_daemon}[peer]()
            if peer == XMPP:
                self._watchers.start_xmpp()
            self._watchers.is_sip_up = SIP in self._running
            return
        self._running.discard(peer)
        if peer == "iwf":
            (world.stop_daemon if verb == "stop" else world.host.cut)()
        elif peer == SIP:
            self._watchers.is_sip_up = False
            self._stop_sip()
        elif peer == XMPP:
            if verb == "stop":
                for domain in world.xmpp.components:
                    world.xmpp.raw(domain, b"</stream:stream>")
            self._stop_xmpp()
        else:
            self._stop_smsc()

    def _stop_sip(self) -> None:
        self._world.network.datagrams["127.0.0.1", PEER_PORT].stopListening()

    # As World does it, but without time going by: a kill may come amidst other events.

    def _stop_xmpp(self) -> None:
        self._watchers.stop_xmpp()
        self._world.network.listeners["127.0.0.1", XMPP_PORT].stopListening()
        self._abort(XMPP_PORT)

    def _stop_smsc(self) -> None:
        self._world.network.listeners["127.0.0.1", SMSC_PORT].stopListening()
        self._abort(SMSC_PORT)

    def _abort(self, port: int) -> None:
        for pipe in [pipe for pipe in self._world.network.pipes if pipe.getHost().port == port]:
            pipe.abortConnection()

    # -- what actors receive

    def _collect(self) -> None:
        for stanza in self._new("stanzas", self._world.xmpp.inbox):
            self._stanza(stanza)
        for request in self._new("requests", self._users.taken):
            self._request(request)
        for message in self._new("texts", self._phones.received):
            self._short_message(message)
        for response in self._new("responses", self._users.responses):
            saying = self._calls.get(response.call_id)
            if saying is not None and saying.taken is None and response.status >= 200:
                saying.taken = response.status < 300
                if not saying.taken:
                    self.tell(saying.sender.name, Failed(str(response.status), saying.to, saying.text))

    def _new(self, kind: str, everything: list[_T]) -> list[_T]:
        new = everything[self._seen[kind]:]
        self._seen[kind] = len(everything)
        return new

    def _named(self, world: str, address: str) -> str:
        return next(actor.name for actor in self._cast.values()
                    if actor.world == world and actor.native == address)

    def _stanza(self, stanza: Element) -> None:
        if stanza.name != "message":
            return
        name = self._named(XMPP, stanza["to"].partition("/")[0])
        sender = stanza["from"].partition("/")[0]
        if stanza.getAttribute("type") == "error":
            saying = self._stanzas.get(stanza.getAttribute("id", ""))
            self.tell(name, Failed(condition_of(stanza), sender, saying.text if saying else ""))
            return
        condition = self._answers.get(stanza["to"].partition("/")[0])
        if condition == SILENT:
            return
        if condition:
            self._world.xmpp.deliver(error_of(stanza, "cancel", condition))
            return
        text, thread, subject = (str(getattr(stanza, child) or "") for child in ("body", "thread", "subject"))
        self.tell(name, Heard(sender, text, thread, subject))

    def _request(self, request: Request) -> None:
        name = self._named(SIP, plain_uri(str(request.uri)))
        self.tell(name, Heard(plain_uri(str(request.from_.uri)), request.body.decode(), request.call_id,
                              request.get("Subject") or ""))

    def _short_message(self, message: ShortMessage) -> None:
        number = message.source.number
        source = f"+{number}" if message.source.ton == 1 else number
        if not message.esm_class & ESM_UDH:
            octets = message.short_message
        else:
            reference, count, part = message.short_message[3:6]
            key = (source, message.destination.number, reference)
            parts = self._parts.setdefault(key, {})
            parts[part] = message
            if len(parts) < count:
                return
            octets = b"".join(parts[n].short_message[6:] for n in sorted(self._parts.pop(key)))
        self.tell(self._named(SMS, f"+{message.destination.number}"),
                  Heard(source, decode(octets, message.data_coding, Profile())))


def _fate(answer: str) -> Fate:
    if answer == NORMALLY:
        return Fate()
    if answer == SILENT:
        return Fate(answers=False, state=None)
    if answer in STATES:
        return Fate(state=STATES[answer])
    return Fate(status=int(answer, 16))


def _sme(number: str) -> Sme:
    if number.startswith("+"):
        return Sme(1, 1, number[1:])
    return Sme(0 if number.isdigit() else 5, 0, number)

