"""The XMPP and SIP users of a play, with real programs."""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from tests.interop.sight import Sight
from tests.peers.baresip import Baresip
from tests.peers.base import Event, PeerError
from tests.peers.sipp import SILENT, SippClient, SippServer, register
from tests.peers.slixmpp_client import SlixmppClient
from tests.scenarios.stage import NORMALLY, SIP_DOMAIN, Actor, Failed, Heard, Incoming, Saying, plain_uri
from tests.scenarios.stage import SILENT as NOTHING
from tests.scenarios.watching import DEVICES
from tests.support.seen import OFFLINE, ONLINE, State, View

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
CONDITION = re.compile(rf"<([a-z-]+) xmlns=[\"']{STANZAS}[\"']")
SCENARIO = Path(__file__).with_name("message_with_subject.xml")
SHOWN = 400
"""Octets of a text up to which baresip shows it on its console; of longer ones it shows nothing, but
takes them, so they are read from its trace."""

Received = list[tuple[str, Incoming]]


class Person(ABC):
    """One or several actors behind one program."""

    log = Logger()

    def __init__(self) -> None:
        self._received: Received = []

    def background(self, done: Deferred[Any]) -> None:
        """Let something go on while the play continues, which notices by itself what is missing."""
        done.addErrback(lambda failure: self.log.info("{why}", why=failure.getErrorMessage()))

    @abstractmethod
    async def start(self) -> None:
        """Be there."""

    @abstractmethod
    async def stop(self) -> None:
        """Be gone."""

    @abstractmethod
    def say(self, saying: Saying) -> None:
        """Send a message in the background."""

    @abstractmethod
    async def behave(self, actor: Actor, answer: str) -> None:
        """See :meth:`tests.scenarios.stage.Stage.behave`."""

    @abstractmethod
    def look(self) -> None:
        """Put what the program has received into the list."""

    def received(self) -> Received:
        """What came in since the last call, with the names of the actors."""
        self.look()
        received, self._received = self._received, []
        return received


class XmppPerson(Person):
    """One user, with slixmpp: one process for each of his devices.

    What he says, and what is said to him, goes through the first one.
    """

    def __init__(self, directory: Path, actor: Actor, port: int) -> None:
        super().__init__()
        self._directory, self._actor, self._port = directory, actor, port
        self._first = DEVICES[actor.world]
        self._clients: dict[str, SlixmppClient] = {}
        self._client = self._add(self._first)
        self._states = {self._first: State(self._first)}
        """What the devices show that are there."""
        self._sights: dict[str, Sight] = {}
        self._answer = NORMALLY
        self._seen = 0
        self._sayings: dict[str, Saying] = {}

    def _add(self, resource: str) -> SlixmppClient:
        client = SlixmppClient(self._directory / resource, f"{self._actor.native}/{resource}", "pw", self._port)
        self._clients[resource] = client
        return client

    async def start(self) -> None:
        for resource, client in self._clients.items():
            if not client.running:
                self._sights[resource] = Sight(len(client.events.history))
                await client.start()
                if resource not in self._states:
                    client.presence(type="unavailable")
                elif self._states[resource] != State(resource):
                    self._show(self._states[resource])

    async def stop(self) -> None:
        for client in self._clients.values():
            await client.kill()

    # -- presence

    @property
    def has_ties(self) -> bool:
        """Whether there is anything to forget."""
        return len(self._states) != 1 or any(sight.contacts for sight in self._looked().values())

    async def forget(self) -> None:
        """Begin anew, with an empty roster and one device."""
        for jid in self._looked()[self._first].contacts:
            self._client.raw(f"<iq type='set' id='remove'><query xmlns='jabber:iq:roster'>"
                             f"<item jid={quoteattr(jid)} subscription='remove'/></query></iq>")
        await self.reaches(self._actor.native.partition("@")[2])  # after which that is done
        for client in self._clients.values():
            await client.stop()
        self._clients, self._sights = {self._first: self._client}, {}
        self._states = {self._first: State(self._first)}
        await self.start()

    def relate(self, verb: str, address: str) -> None:
        types = {"asks to see": "subscribe", "asks no more for": "unsubscribe", "allows": "subscribed",
                 "refuses": "unsubscribed"}
        for sight in self._looked().values():
            if verb in ("allows", "refuses"):
                sight.asking.discard(address)
        self._client.presence(to=address, type=types[verb])

    async def appear(self, state: State) -> None:
        if state.show == OFFLINE:
            self._states.pop(state.device, None)
            self._clients[state.device].presence(type="unavailable")
            self._looked()[state.device].seen.clear()
            return
        if state.device not in self._clients:
            self._add(state.device)
        self._states[state.device] = state
        if self._clients[state.device].running:
            self._show(state)
        else:
            await self.start()

    def _show(self, state: State) -> None:
        show = None if state.show == ONLINE else state.show
        self._clients[state.device].presence(show=show, status=state.note or None)

    def _looked(self) -> dict[str, Sight]:
        for resource, client in self._clients.items():
            self._sights[resource].look(client.events.history)
        return self._sights

    @property
    def asking(self) -> set[str]:
        return {jid for sight in self._looked().values() for jid in sight.asking}

    def views(self, address: str) -> Mapping[str, View | None]:
        return {resource: sight.view(address) for resource, sight in self._looked().items()
                if resource in self._states}

    @property
    def watchers(self) -> Sequence[str]:
        return []

    # -- messages

    async def reaches(self, domain: str) -> bool:
        """Whether a component answers."""
        answer = await self._client.ping(domain, timeout=2)
        return answer["condition"] is None

    def say(self, saying: Saying) -> None:
        message_id = self._client.send(saying.to, saying.text or None, thread=saying.thread or None,
                                       subject=saying.subject or None)
        self._sayings[message_id] = saying

    async def behave(self, actor: Actor, answer: str) -> None:
        self._answer = answer

    def look(self) -> None:
        events = self._client.events.history[self._seen:]
        self._seen += len(events)
        for event in events:
            incoming = self._incoming(event)
            if incoming is not None:
                self._received.append((self._actor.name, incoming))

    def _incoming(self, event: Event) -> Incoming | None:
        sender = str(event.get("from", "")).partition("/")[0]
        if event["event"] == "error":
            saying = self._sayings.get(event["id"])
            # slixmpp itself does not know all conditions.
            condition = CONDITION.search(event["xml"])
            return Failed(condition[1] if condition else "", sender, saying.text if saying else "")
        if event["event"] != "message" or self._answer == NOTHING:
            return None
        if self._answer != NORMALLY:
            self._refuse(event)
            return None
        return Heard(sender, event["body"] or "", event["thread"] or "", event["subject"] or "")

    def _refuse(self, event: Event) -> None:
        self._client.raw(
            f"<message type='error' to={quoteattr(event['from'])} id={quoteattr(event['id'])}>"
            f"<error type='cancel'><{self._answer} xmlns='{STANZAS}'/></error></message>")


class _SipPerson(Person):
    """What SIP users have in common."""

    def answered(self, code: int, saying: Saying) -> None:
        """The final response to a message; 0: there was none."""
        saying.taken = 200 <= code < 300
        if code >= 300:
            self._received.append((saying.sender.name, Failed(str(code), saying.to, saying.text)))


class BaresipPerson(_SipPerson):
    """One user, with baresip, who takes everything."""

    def __init__(self, directory: Path, actor: Actor, proxy: int, contacts: Sequence[str]) -> None:
        super().__init__()
        self._actor = actor
        self._phone = Baresip(directory, actor.user, SIP_DOMAIN, proxy, contacts)
        self._lock = DeferredLock()
        self._seen = 0
        self._requests: list[Event] = []
        self._long: set[str] = set()

    async def start(self) -> None:
        await self._phone.start()

    async def stop(self) -> None:
        await self._phone.stop()

    def say(self, saying: Saying) -> None:
        sent: Deferred[int] = self._lock.run(self._phone.send_message, saying.to, saying.text)
        self.background(sent.addCallbacks(self.answered, self._failed, (saying,), errbackArgs=(saying,)))

    def _failed(self, failure: Failure, saying: Saying) -> Failure:
        self.answered(0, saying)
        return failure

    async def behave(self, actor: Actor, answer: str) -> None:
        if answer != NORMALLY:
            raise PeerError(f"{actor.name} takes everything; let somebody else answer {answer}")

    def look(self) -> None:
        events = self._phone.events.history[self._seen:]
        self._seen += len(events)
        for event in events:
            if event["type"] == "sip" and not event["own"] and event["start"].startswith("MESSAGE "):
                self._requested(event)
            elif event["type"] == "message" and len(event["text"].encode()) <= SHOWN:
                self._received.append((self._actor.name, self._heard(event)))

    def _requested(self, event: Event) -> None:
        self._requests.append(event)
        headers = event["headers"]
        if len(event["body"].encode()) > SHOWN and headers["Via"] not in self._long:
            self._long.add(headers["Via"])
            sender = headers["From"].partition("<")[2].partition(">")[0]
            self._received.append((self._actor.name, Heard(plain_uri(sender), event["body"], headers["Call-ID"],
                                                           headers.get("Subject", ""))))

    def _heard(self, event: Event) -> Heard:
        """A text as the user saw it, with what its request said beside it."""
        headers: Mapping[str, str] = {}
        for request in reversed(self._requests):
            if request["body"].strip() == event["text"].strip():
                headers = request["headers"]
                break
        return Heard(plain_uri(event["from"]), event["text"], headers.get("Call-ID", ""),
                     headers.get("Subject", ""))


class SippPerson(_SipPerson):
    """One user, with SIPp, who answers as he is told."""

    def __init__(self, directory: Path, actor: Actor, proxy: int) -> None:
        super().__init__()
        self._actor = actor
        self._directory, self._proxy = directory, proxy
        self._server = SippServer(directory / "server")
        self._lock = DeferredLock()
        self._numbers = itertools.count(1)
        self._seen = 0
        self._known: set[str] = set()

    @property
    def _address(self) -> str:
        return self._actor.native.removeprefix("sip:")

    async def start(self) -> None:
        self._seen = 0
        await self._server.start()
        await register(self._directory / "register", self._proxy, [(self._address, self._server.port)])

    async def stop(self) -> None:
        await self._server.stop()

    async def behave(self, actor: Actor, answer: str) -> None:
        code = {NORMALLY: 200, NOTHING: SILENT}.get(answer) or (SILENT if answer == NOTHING else int(answer))
        if code != self._server.code:
            # The scenario of a run is fixed; the port stays, and with it the registration.
            self.look()
            await self._server.stop()
            self._server.code, self._seen = code, 0
            await self._server.start()

    def say(self, saying: Saying) -> None:
        self.background(self._lock.run(lambda: Deferred.fromCoroutine(self._send(saying))))

    async def _send(self, saying: Saying) -> None:
        line = (*saying.to.removeprefix("sip:").rsplit("@", 1), *self._address.rsplit("@", 1), saying.subject,
                saying.text)
        client = SippClient(self._directory / f"client-{next(self._numbers)}", self._proxy, SCENARIO, [line])
        result = await client.run()
        final = [code for code in result.statuses if code >= 200]
        self.answered(final[0] if final else 0, saying)

    def look(self) -> None:
        requests = self._server.requests()
        new, self._seen = requests[self._seen:], len(requests)
        if 200 <= self._server.code < 300:
            for request in new:
                head, _, rest = request.partition("\n\n")
                headers = dict(re.findall(r"^([\w-]+): *(.*)$", head, re.MULTILINE)[::-1])
                if headers["Via"] not in self._known:
                    self._known.add(headers["Via"])
                    self._received.append((self._actor.name, _heard(headers, rest)))


def _heard(headers: Mapping[str, str], rest: str) -> Heard:
    body = rest.encode()[: int(headers["Content-Length"])].decode()
    sender = headers["From"].partition("<")[2].partition(">")[0]
    return Heard(plain_uri(sender), body, headers["Call-ID"], headers.get("Subject", ""))
