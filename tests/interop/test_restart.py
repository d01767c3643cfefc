"""Programs are killed under traffic and come back: nothing is lost of what was said yes to."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.interop.bridge import ROMEO, Bridge
from tests.interop.theatre import PlaysMixin
from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient

EACH = 300
"""Messages in each direction."""

HEAD = """
with stream_limit = 1000
with max_rate = 0

romeo -> carol: Good morrow
carol <~ romeo: Good morrow
juliet -> carol: God ye good morrow
carol <~ juliet: God ye good morrow
"""
KILL = """
wait 0.5 seconds
kill {peer}
wait 1 second
start {peer}
nothing is lost, repeats allowed within 60 seconds
"""
# In no direction a message comes from the users of the program that is killed: they would be silent.
XMPP = """
juliet -> romeo * {each}: juliet to romeo {{n}}
carol -> romeo * {each}: carol to romeo {{n}}
juliet -> carol * {each}: juliet to carol {{n}}.
"""
SIP = """
romeo -> juliet * {each}: romeo to juliet {{n}}
carol -> juliet * {each}: carol to juliet {{n}}
carol -> romeo * {each}: carol to romeo {{n}}
"""
SMS = """
romeo -> carol * {each}: romeo to carol {{n}}.
juliet -> carol * {each}: juliet to carol {{n}}.
juliet -> romeo * {each}: juliet to romeo {{n}}
"""
# What XMPP users write while it is away, their server sends back; what is in the stream then, nobody knows.
IWF = """
juliet -> romeo * {each}: juliet to romeo {{n}}
juliet -> carol * {each}: juliet to carol {{n}}.
carol -> romeo * {each}: carol to romeo {{n}}
carol -> juliet * {each}: carol to juliet {{n}}
"""


class RestartTests(PlaysMixin, SynchronousTestCase):
    """With Prosody, Kamailio, baresip, the SMSC and a process of iwf."""

    server = Prosody

    def kill(self, peer: str, traffic: str) -> None:
        path = Path(self.mktemp()).absolute()
        path.write_text(HEAD + traffic.format(each=EACH) + KILL.format(peer=peer))
        for line in self.perform(path):
            print(f"\n    {peer} killed: {line}")

    def test_xmpp_server(self) -> None:
        """The XMPP server dies: everything taken for its users arrives after its restart (XMPP-9)."""
        self.kill("xmpp", XMPP)

    def test_sip_server(self) -> None:
        """The SIP proxy dies: everything taken for its users arrives, or the sender is told (SIP-46)."""
        self.kill("sip", SIP)

    def test_smsc(self) -> None:
        """The SMSC dies: everything taken for phones arrives, or the sender is told (SMS-18)."""
        self.kill("sms", SMS)

    def test_iwf(self) -> None:
        """The daemon is killed: everything answered with 202 or command_status 0 arrives (MSG-31)."""
        self.kill("iwf", IWF)


SIP_DEVICES = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}"]

[sip.registrar]
domain = "sip.test"
algorithms = ["MD5"]
accounts = [{{ user = "udp", password = "secret" }}, {{ user = "tcp", password = "secret" }}]
"""


class DeviceTests(TestCase):
    """With Prosody and telephones that are registered at the gateway itself."""

    timeout = 60

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, Baresip)

    def test_registrations(self) -> Deferred[None]:
        """The daemon is killed: who was registered is written to after its start.  By UDP he has not noticed anything
        and so has not registered again (XMPP-60, SIP-93)."""

        def asked(phone: Baresip) -> int:
            return len([event for event in phone.events.history
                        if event["type"] == "sip" and event["own"] and event["start"].startswith("REGISTER")])

        async def steps() -> None:
            bridge = Bridge(self)
            port = bridge.gateway.port
            await bridge.start(SIP_DEVICES.format(host=LOOPBACK, port=port))
            phones = {kind: await launch(self, Baresip(bridge.folder / kind, kind, "sip.test", port, transport=kind,
                                                       password="secret")) for kind in ("udp", "tcp")}
            before = asked(phones["udp"])
            await bridge.gateway.kill()
            await bridge.gateway.start()
            await bridge.reached()
            for kind, phone in phones.items():
                bridge.romeo.send(f"{kind}*sip.test@sip.xmpp.test", f"Good morrow, {kind}")
                self.assertTrue((await phone.message(f"Good morrow, {kind}"))["from"].startswith(f"sip:{ROMEO}"))
            self.assertEqual(asked(phones["udp"]), before)
            self.assertGreater(before, 0)

        return run(steps())
