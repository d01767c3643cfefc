"""Joe's telephone is Joe@A.com: slixmpp registers it and enrols his account, node's SMSC is his operator."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.portforward import ProxyFactory, ProxyServer
from twisted.trial.unittest import TestCase

from tests.peers.base import LOOPBACK, Event, require, run
from tests.peers.ejabberd import Ejabberd
from tests.peers.gateway import COMPONENT, LINK, NODE, NUMBERS, Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.peers.smsc import NodeSmsc
from tests.support.certificates import Authority

PHONES, PHONE = "sms.xmpp.test", "+491701234567"
JOE, JULIET = "joe@xmpp.test", "juliet@xmpp.test"
USERS = {"joe": "correct horse", "juliet": "pw", "boss": "pw"}

ACCOUNTS = """
[xmpp.accounts]
key_file = "{key}"
ca = "{ca}"
hosts = {{ "xmpp.test" = "starttls:{host}:{port}" }}
"""


class SmsGateway(Gateway):
    """Without SIP."""

    def listening(self) -> tuple[int, ...]:
        return ()


class Wire(ProxyFactory):
    """Stands between the gateway and the server's port for clients, and can be cut."""

    class protocol(ProxyServer):  # noqa: N801 - the attribute that factories have
        factory: Wire

        def connectionMade(self) -> None:
            self.factory.connections.append(self)
            super().connectionMade()  # type: ignore[no-untyped-call]

    def __init__(self, port: int) -> None:
        super().__init__(LOOPBACK, port)  # type: ignore[no-untyped-call]
        self.connections: list[Any] = []

    def cut(self) -> None:
        """The connections break."""
        broken, self.connections = self.connections, []
        for connection in broken:
            connection.transport.abortConnection()


class AccountTests(TestCase):
    """With Prosody."""

    timeout = 120
    Server: type[Prosody] | type[Ejabberd] = Prosody

    def setUp(self) -> None:
        require(self, self.Server, NodeSmsc, SlixmppClient, Gateway)

    def _server(self, folder: Path, certified: str) -> Prosody | Ejabberd:
        """The server, with a certificate for a name."""
        issued = self.authority.issue("server", names=[certified])
        components = {PHONES: "secret"}
        if self.Server is Ejabberd:
            return Ejabberd(folder, "xmpp.test", components, USERS, certificates=(issued.certificate, issued.key))
        certificates = folder / "certificates"
        certificates.mkdir(parents=True)
        (certificates / "xmpp.test.crt").write_bytes(Path(issued.certificate).read_bytes())
        (certificates / "xmpp.test.key").write_bytes(Path(issued.key).read_bytes())
        return Prosody(folder, "xmpp.test", components, USERS, tls=True)

    async def begin(self, trusted: bool = True, certified: str = "xmpp.test", extra: str = "") -> None:
        """Everything is up, Joe and Juliet are there.

        :param trusted: the gateway knows the authority that has signed the certificate of the server.
        :param certified: the name in it.
        :param extra: further lines of ``[xmpp.accounts]``.
        """
        from twisted.internet import reactor

        self.reactor = reactor
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.authority = Authority(folder / "authority")
        ca = self.authority.ca if trusted else Authority(folder / "other").ca
        self.server = self._server(folder / "server", certified)
        self.wire = Wire(self.server.port)
        port: Any = reactor.listenTCP(0, self.wire, interface=LOOPBACK)  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        self.addCleanup(self.wire.cut)
        self.smsc = NodeSmsc(folder / "smsc")
        key = folder / "key"
        key.touch(mode=0o600)
        key.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
        self.gateway = SmsGateway(folder / "iwf")
        system_id, password = next(iter(self.smsc.accounts.items()))
        self.gateway.configuration = "".join((
            NODE, COMPONENT.format(domain=PHONES, host=LOOPBACK, secret="secret", bridges="sms",
                                   port=self.server.component_port(PHONES)),
            'admins = ["boss@xmpp.test"]\n',
            ACCOUNTS.format(key=key, ca=ca, host=LOOPBACK, port=port.getHost().port), extra,
            LINK.format(host=LOOPBACK, port=self.smsc.port, system_id=system_id, password=password,
                        bind="transceiver", numbers=NUMBERS)))
        self.joe = SlixmppClient(folder / "joe", f"{JOE}/desk", USERS["joe"], self.server.port)
        self.juliet = SlixmppClient(folder / "juliet", f"{JULIET}/balcony", "pw", self.server.port)
        for peer in (self.server, self.smsc, self.gateway, self.joe, self.juliet):
            self.addCleanup(peer.stop)
            await peer.start()
        await self.connected()

    async def connected(self) -> None:
        """The gateway has its peers."""
        for _ in range(100):
            answer = await self.joe.ping(PHONES, timeout=2)
            if answer["condition"] is None and await self.smsc.sessions():
                return
            await self.pause(0.1)
        self.fail("the gateway has not reached its peers")

    async def pause(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds, lambda: None)

    async def register(self) -> None:
        """Joe proves that the phone is his (XMPP-32)."""
        step = await self.joe.give(PHONES, "register-phone")
        self.assertEqual((step["status"], step["fields"]), ("executing", ["phone"]))
        step = await self.joe.give(PHONES, "register-phone", {"phone": PHONE}, step["session"], "next")
        text = await self.smsc.wait_for("submit_sm", to=PHONE.removeprefix("+"))
        found = re.search("[0-9]{6}", text["text"])
        assert found is not None, text
        step = await self.joe.give(PHONES, "register-phone", {"code": found[0]}, step["session"], "complete")
        self.assertEqual((step["status"], step["notes"]), ("completed", [["info", f"{PHONE} is your telephone."]]))

    async def enrol(self, password: str = USERS["joe"]) -> Event:
        """Joe enrols his account; what he is told."""
        step = await self.joe.give(PHONES, "enrol-account")
        return await self.joe.give(PHONES, "enrol-account", {"jid": JOE, "password": password}, step["session"],
                                      "complete")

    async def make_friends(self) -> None:
        """Juliet is in Joe's roster."""
        for one, jid, other, its in ((self.joe, JOE, self.juliet, JULIET), (self.juliet, JULIET, self.joe, JOE)):
            one.presence(to=its, type="subscribe")
            # A server lets a permission through to somebody who has asked, and to nobody else.
            await other.wait_for(lambda event: event["event"] == "presence" and event["type"] == "subscribe", 20.0)
            other.presence(to=jid, type="subscribed")
            await one.wait_for(lambda event: event["event"] == "presence" and event["type"] == "subscribed", 20.0)

    async def at_phone(self, text: str) -> Event:
        """The text at the phone; its ``from`` is where it can be answered."""
        return await self.smsc.events.wait_for(
            lambda event: event["event"] == "submit_sm" and event["text"].endswith(text), 20.0)

    def test_joe(self) -> Deferred[None]:
        """Joe's phone is written to as Joe, and answers as Joe; also after the connection broke, after the server
        was killed, after the gateway was stopped; no more after he has withdrawn."""

        async def steps() -> None:
            await self.begin()
            self.assertEqual((await self.joe.commands(PHONES))["nodes"], [
                "enrol-account", "list-contacts", "register-phone", "send-sms", "unregister-phone", "verify",
                "withdraw-account"])
            await self.make_friends()
            await self.register()
            done = await self.enrol()
            self.assertEqual(done["notes"], [["info", f"{PHONE} is {JOE} now."]])

            self.juliet.send(JOE, "are you there?")
            number = (await self.at_phone("are you there?"))["from"]
            await self.smsc.mo(PHONE[1:], number, "yes")
            answer = await self.juliet.message("yes")
            self.assertEqual(answer["from"].partition("/")[0], JOE)
            self.assertNotIn("horse", self.database())

            await self.break_the_wire(number)
            await self.kill_the_server(number)
            await self.gateway.stop()
            await self.gateway.start()
            await self.connected()
            await self.reaches(number, "after the gateway")

            contacts = await self.joe.give(PHONES, "list-contacts")
            self.assertIn(JULIET, contacts["xml"])
            gone = await self.joe.give(PHONES, "withdraw-account")
            self.assertEqual(gone["notes"], [["info", f"{PHONE} has no account any more."]])
            await self.smsc.mo(PHONE[1:], number, "as myself")
            answer = await self.juliet.message("as myself")
            self.assertEqual(answer["from"].partition("/")[0], f"{PHONE}@{PHONES}")

        return run(steps())

    def database(self) -> str:
        """All that the gateway has written."""
        state = self.gateway.directory / "state"
        return "".join(path.read_bytes().decode("latin-1") for path in state.iterdir() if path.is_file())

    async def break_the_wire(self, number: str) -> None:
        """The session goes on (XEP-0198), with what was written meanwhile."""
        before = self.gateway.log_path.read_text().count("goes on")
        self.wire.cut()
        self.juliet.send(JOE, "while it was cut")
        await self.at_phone("while it was cut")
        self.assertEqual(self.gateway.log_path.read_text().count("goes on"), before + 1)
        await self.reaches(number, "resumed")

    async def kill_the_server(self, number: str) -> None:
        for client in (self.joe, self.juliet):
            await client.stop()
        await self.server.kill()
        await self.server.start()
        for client in (self.joe, self.juliet):
            await client.start()
        await self.reaches(number, "after the kill")

    async def reaches(self, number: str, text: str) -> None:
        """Juliet hears from Joe's phone again."""
        for attempt in range(60):
            tried = await self.smsc.mo(PHONE[1:], number, f"{text} {attempt}")
            answered = await self.smsc.wait_for("mo_answered")
            if answered["status"] == 0:
                answer = await self.juliet.message(f"{text} {attempt}", 20.0)
                self.assertEqual(answer["from"].partition("/")[0], JOE, tried)
                return
            await self.pause(0.5)
        self.fail("the phone does not reach the contact")

    def test_logged_in(self) -> Deferred[None]:
        """Juliet sees Joe's phone from LOGIN to LOGOUT, with its status; meanwhile it gets what she writes to him."""

        async def steps() -> None:
            await self.begin(extra='presence = "logged-in"\n')
            await self.make_friends()
            await self.register()
            await self.enrol()
            await self.smsc.mo(PHONE[1:], "70001", "LOGIN", dest_ton=3, dest_npi=0)
            seen = await self.seen("available")
            self.assertEqual(seen["status"], "on SMS")
            self.joe.presence(type="unavailable")
            self.juliet.send(JOE, "at your phone")
            await self.at_phone("at your phone")
            await self.smsc.mo(PHONE[1:], "70001", "LOGOUT", dest_ton=3, dest_npi=0)
            await self.seen("unavailable")
            self.assertNotIn("Traceback", self.gateway.log_path.read_text())

        return run(steps())

    def seen(self, type: str) -> Deferred[Event]:
        """Presence of Joe that is not of his desk."""
        return self.juliet.wait_for(lambda event: (
            event["event"] == "presence" and event["type"] == type and event["from"].startswith(f"{JOE}/")
            and not event["from"].endswith("/desk")))

    def test_wrong_password(self) -> Deferred[None]:
        """Who gives a wrong password is told so, and his phone stays what it was; a stranger's text does not reach
        a phone, and its writer is told; administrators have their commands, others have not (XMPP-33)."""

        async def steps() -> None:
            await self.begin()
            await self.register()
            done = await self.enrol("wrong")
            self.assertEqual([kind for kind, _ in done["notes"]], ["error"])
            self.assertIn("password", done["notes"][0][1])
            self.assertEqual((await self.joe.give(PHONES, "links"))["condition"], "forbidden")
            self.assertEqual((await self.enrol())["notes"][0][0], "info")

            id = self.juliet.send(JOE, "you do not know me")
            self.assertEqual((await self.juliet.error(id))["condition"], "service-unavailable")
            boss = SlixmppClient(Path(self.mktemp()).absolute(), "boss@xmpp.test", "pw", self.server.port)
            self.addCleanup(boss.stop)
            await boss.start()
            links = await boss.give(PHONES, "links")
            self.assertIn(f"xmpp-client:{JOE}", links["xml"])
            self.assertEqual((await boss.give(PHONES, "links", session="none", action="next"))["condition"],
                             "bad-request")

        return run(steps())

    def test_false_certificate(self) -> Deferred[None]:
        """A server whose certificate no known authority has signed is shown no password."""
        return run(self.refused(trusted=False))

    def test_other_certificate(self) -> Deferred[None]:
        """Nor is one whose certificate is for somebody else (RFC 6120 13.7.2)."""
        return run(self.refused(certified="other.test"))

    async def refused(self, **how: Any) -> None:
        """Joe is told that his server cannot be trusted."""
        await self.begin(**how)
        await self.register()
        done = await self.enrol()
        self.assertEqual(done["notes"], [["error", "the certificate of the server cannot be trusted."]])


class EjabberdAccountTests(AccountTests):
    """With ejabberd."""

    Server = Ejabberd
