"""Each driver against its own program: a self check, before anything is judged by them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from tests.peers import leash
from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, Peer, PeerError, Port, launch, require, run
from tests.peers.ejabberd import Ejabberd
from tests.peers.kamailio import Kamailio
from tests.peers.minimal import (
    connect_component,
    processes,
    reply,
    wait_until,
)
from tests.peers.prosody import Prosody
from tests.peers.sipp import SILENT, SippServer, Text, register, send_texts
from tests.peers.slixmpp_client import SlixmppClient

# Starts a leashed program and ends without a chance to clean up when it is told so.
OWNER = """
import os, subprocess, sys
read, write = os.pipe()
os.dup2(read, 3)
subprocess.Popen([sys.executable, sys.argv[1], "sleep", "600"], pass_fds=[3])
os.close(3)
sys.stdin.read()
os.kill(os.getpid(), 9)
"""


class Sleeper(Peer):
    """A program that does nothing, with a child that does nothing."""

    name = "sleeper"
    programs = ("sh", "sleep")

    def command(self) -> list[str]:
        return ["sh", "-c", "echo begun >&2; setsid sleep 600 & exec sleep 601"]


class Failing(Peer):
    """A program that ends before it is ready."""

    name = "failing"
    start_timeout = 5.0

    def command(self) -> list[str]:
        return ["sh", "-c", "echo no such luck >&2; exit 3"]

    async def ready(self) -> None:
        await Deferred()


class Missing(Peer):
    """A program nobody has."""

    name = "missing"
    programs = ("no-such-program",)


class BaseTests(TestCase):
    """What all drivers share."""

    def test_ends_all_processes(self) -> Deferred[None]:
        """When a peer is stopped or killed, no process remains that it started, whatever its group."""

        async def steps() -> None:
            for end in ("stop", "kill"):
                peer = await launch(self, Sleeper(self.mktemp()))
                while len(processes("sleep", peer.directory)) < 2:
                    await peer.sleep(0.02)
                await getattr(peer, end)()
                self.assertEqual(processes("sleep", peer.directory), [])
                self.assertFalse(peer.running)

        return run(steps())

    def test_ends_with_its_owner(self) -> None:
        """When the owner of a peer dies, however suddenly, its program dies soon after."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        command = [sys.executable, "-c", OWNER, leash.__file__]
        with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=directory) as owner:
            wait_until(lambda: processes("sleep", directory))
            owner.communicate(timeout=5)
        wait_until(lambda: not processes("sleep", directory))

    def test_tells_why_it_did_not_start(self) -> Deferred[None]:
        """When a program ends instead of becoming ready, the failure shows the end of its log."""

        async def steps() -> None:
            with self.assertRaisesRegex(PeerError, "(?s)exit code 3.*no such luck"):
                await Failing(self.mktemp()).start()

        return run(steps())

    def test_ports_are_not_given_twice(self) -> None:
        """No two ports that are held at the same time are the same."""
        ports = [Port() for _ in range(50)]
        self.assertEqual(len({port.number for port in ports}), 50)


class RequireTests(SynchronousTestCase):
    """What happens where a program is not installed."""

    def setUp(self) -> None:
        self.addCleanup(os.environ.update, os.environ.copy())
        self.addCleanup(os.environ.pop, "CI", None)

    def test_skips_at_home(self) -> None:
        """At home a test without its peer is skipped, and says which program it wants."""
        os.environ.pop("CI", None)
        with self.assertRaisesRegex(SkipTest, "missing: no-such-program not found"):
            require(self, Missing)

    def test_fails_in_ci(self) -> None:
        """Where CI is set, a missing peer is a failure."""
        os.environ["CI"] = "true"
        with self.assertRaisesRegex(self.failureException, "no-such-program not found"):
            require(self, Sleeper, Missing)


class XmppServerTests:
    """The same for each XMPP server."""

    kind: type[Prosody | Ejabberd]

    def test_users_and_components(self: Any) -> Deferred[None]:
        """A user and a component can log in and exchange a message, also after the server was killed."""
        require(self, self.kind, SlixmppClient)

        async def steps() -> None:
            server = await launch(self, self.kind(self.mktemp()))
            for _ in range(2):
                component = await connect_component(self, server, "sip.xmpp.test")
                romeo = await launch(
                    self, SlixmppClient(self.mktemp(), "romeo@xmpp.test/orchard", "pw", server.port)
                )
                romeo.send("juliet@sip.xmpp.test", "Ay me!", id="a1", thread="t1")
                message = await component.messages.get()
                self.assertEqual(
                    (message["from"], message["id"]), ("romeo@xmpp.test/orchard", "a1")
                )
                self.assertEqual(str(message.body), "Ay me!")
                component.send(reply(message, "Who's there?"))
                answer = await romeo.message("Who's there?")
                self.assertEqual((answer["from"], answer["thread"]), ("juliet@sip.xmpp.test", "t1"))
                await server.kill()
                await component.lost
                await romeo.stop()
                await server.start()

        return run(steps())

    def test_absent_component(self: Any) -> Deferred[None]:
        """The sender of a message for a component that is not there gets an error."""
        require(self, self.kind, SlixmppClient)

        async def steps() -> None:
            server = await launch(self, self.kind(self.mktemp()))
            romeo = await launch(
                self, SlixmppClient(self.mktemp(), "romeo@xmpp.test", "pw", server.port)
            )
            message_id = romeo.send("juliet@sip.xmpp.test", "Ay me!")
            error = await romeo.error(message_id)
            self.assertIn(
                error["condition"],
                ("remote-server-timeout", "remote-server-not-found", "service-unavailable"),
            )

        return run(steps())


class ProsodyTests(XmppServerTests, TestCase):
    kind = Prosody
    timeout = 60


class EjabberdTests(XmppServerTests, TestCase):
    kind = Ejabberd
    timeout = 120


class SlixmppTests(TestCase):
    """The XMPP user."""

    timeout = 60

    def test_wrong_password(self) -> Deferred[None]:
        """A user with a wrong password is not let in, and start() says so."""
        require(self, Prosody, SlixmppClient)

        async def steps() -> None:
            server = await launch(self, Prosody(self.mktemp()))
            with self.assertRaisesRegex(PeerError, "not let in"):
                await launch(
                    self, SlixmppClient(self.mktemp(), "romeo@xmpp.test", "wrong", server.port)
                )

        return run(steps())

    def test_receipts_and_presence(self) -> Deferred[None]:
        """Two users see each other's messages, receipts, presence, and answers to queries."""
        require(self, Prosody, SlixmppClient)

        async def steps() -> None:
            server = await launch(
                self, Prosody(self.mktemp(), users={"romeo": "pw", "juliet": "pw"})
            )
            romeo = await launch(
                self, SlixmppClient(self.mktemp(), "romeo@xmpp.test/a", "pw", server.port)
            )
            juliet = await launch(
                self, SlixmppClient(self.mktemp(), "juliet@xmpp.test/b", "pw", server.port)
            )
            romeo.send(juliet.full_jid, "hé", id="r1", subject="s", type="normal", receipt=True)
            message = await juliet.message("hé")
            self.assertEqual((message["subject"], message["type"]), ("s", "normal"))
            receipt = await romeo.wait_for(lambda event: event["event"] == "receipt")
            self.assertEqual(receipt["id"], "r1")
            romeo.presence(to=juliet.full_jid, show="dnd", status="busy")
            presence = await juliet.wait_for(
                lambda event: event["event"] == "presence" and event["type"] == "dnd"
            )
            self.assertEqual(presence["status"], "busy")
            self.assertIn("jabber.org/protocol/disco", (await romeo.disco_info("xmpp.test"))["xml"])
            self.assertEqual(
                (await romeo.ping("sms.xmpp.test"))["condition"], "remote-server-timeout"
            )

        return run(steps())


class SipTests(TestCase):
    """Kamailio with user agents, and in front of a gateway."""

    timeout = 60

    def test_users_write_to_each_other(self) -> Deferred[None]:
        """Two phones exchange texts over UDP and TCP; a restart of the proxy loses no registration."""
        require(self, Kamailio, Baresip)

        async def steps(transport: str) -> None:
            proxy = await launch(self, Kamailio(self.mktemp(), users={"juliet": "", "nurse": "pw"}))
            juliet = Baresip(
                self.mktemp(),
                "juliet",
                "sip.test",
                proxy.port,
                ["sip:x@y.test", "sip:nurse@sip.test"],
                transport,
            )
            nurse = Baresip(
                self.mktemp(), "nurse", "sip.test", proxy.port,
                ["sip:juliet@sip.test", "sip:nobody@sip.test"], transport, password="pw",
            )  # fmt: skip
            await launch(self, juliet)
            await launch(self, nurse)
            self.assertEqual(await nurse.send_message("sip:juliet@sip.test", 'hällo "w" €'), 200)
            self.assertEqual((await juliet.message())["text"], 'hällo "w" €')
            self.assertEqual(await nurse.send_message("sip:nobody@sip.test", "x"), 404)
            await proxy.kill()
            await proxy.start()
            self.assertEqual(len(proxy.contacts("nurse")), 1)
            self.assertEqual(await juliet.send_message("sip:nurse@sip.test", "two\nlines"), 200)
            message = await nurse.message()
            self.assertEqual(
                (message["text"], message["from"]), ("two\nlines", "sip:juliet@sip.test")
            )
            with self.assertRaisesRegex(PeerError, "not among its contacts"):
                await juliet.send_message("sip:nobody@sip.test", "x")

        async def both() -> None:
            await steps("udp")
            await steps("tcp")

        return run(both())

    def test_wrong_password(self) -> Deferred[None]:
        """A phone with a wrong password does not come up."""
        require(self, Kamailio, Baresip)

        async def steps() -> None:
            proxy = await launch(self, Kamailio(self.mktemp(), users={"nurse": "pw"}))
            phone = Baresip(self.mktemp(), "nurse", "sip.test", proxy.port, password="wrong")
            with self.assertRaisesRegex(PeerError, "not registered"):
                await launch(self, phone)

        return run(steps())

    def test_alias_domains_go_to_the_gateway(self) -> Deferred[None]:
        """Texts of users for an alias domain reach the gateway, and texts of the gateway reach users."""
        require(self, Kamailio, Baresip, SippServer)

        async def steps(transport: str) -> None:
            gateway = await launch(self, SippServer(self.mktemp(), 202, "Accepted", transport))
            proxy = Kamailio(
                self.mktemp(), gateway=(LOOPBACK, gateway.port, transport), users={"juliet": "pw"}
            )
            await launch(self, proxy)
            romeo, phone = (
                "sip:romeo*xmpp.test@xmpp.sip.test",
                "sip:+491555@sms.sip.test;user=phone",
            )
            juliet = await launch(
                self,
                Baresip(
                    self.mktemp(), "juliet", "sip.test", proxy.port, [romeo, phone], password="pw"
                ),
            )
            self.assertEqual(await juliet.send_message(romeo, "to xmpp"), 202)
            self.assertEqual(await juliet.send_message(phone, "to a phone"), 202)
            first, second = gateway.requests()
            self.assertTrue(first.startswith(f"MESSAGE {romeo} SIP/2.0\n"), first)
            # baresip leaves out the parameter user=phone.
            self.assertTrue(second.startswith("MESSAGE sip:+491555@sms.sip.test SIP/2.0\n"), second)
            # No password is asked of the gateway, but of one who only calls himself juliet.
            text = Text("juliet@sip.test", "romeo*xmpp.test@xmpp.sip.test", "from xmpp")
            result = await send_texts(self.mktemp(), proxy.port, [text], transport=transport)
            self.assertEqual((result.succeeded, result.failed), (1, 0))
            await juliet.message("from xmpp")
            forged = Text("juliet@sip.test", "juliet@sip.test", "from me")
            result = await send_texts(self.mktemp(), proxy.port, [forged], transport=transport)
            self.assertEqual((result.failed, dict(result.statuses)), (1, {407: 1}))

        async def both() -> None:
            await steps("udp")
            await steps("tcp")

        return run(both())

    def test_sipp_answers(self) -> Deferred[None]:
        """SIPp answers with the code it was told, or keeps silent, and counts what happened."""
        require(self, Kamailio, SippServer)
        texts = [
            Text("juliet@sip.test", "juliet@sip.test", f"tëxt {number}") for number in range(10)
        ]

        async def steps(transport: str) -> None:
            proxy = await launch(self, Kamailio(self.mktemp(), users={"juliet": ""}, patience=1.0))
            for code, expected in ((200, 200), (486, 486), (SILENT, 408)):
                server = SippServer(self.mktemp(), code, "Answer", transport)
                # Its place is taken by the next one.
                await launch(self, server)
                await register(
                    self.mktemp(),
                    proxy.port,
                    [("juliet@sip.test", server.port)],
                    transport=transport,
                )
                result = await send_texts(
                    self.mktemp(), proxy.port, texts, transport=transport, rate=500, patience=10.0
                )
                await server.stop()
                self.assertEqual(result.succeeded, 10 if code == 200 else 0)
                self.assertEqual(result.failed, 0 if code == 200 else 10)
                self.assertEqual(set(result.statuses), {expected})
                bodies = {request.partition("\n\n")[2].strip() for request in server.requests()}
                self.assertEqual(bodies, {text.body for text in texts})
                await proxy.kill()
                (proxy.directory / "location.sqlite").unlink()
                await proxy.start()

        async def both() -> None:
            await steps("udp")
            await steps("tcp")

        return run(both())
