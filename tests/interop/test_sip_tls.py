"""SIP over TLS with programs that others wrote: baresip and Kamailio, ``openssl s_client``."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from iwf.tls import RELOAD
from tests.interop.bridge import ROMEO, Bridge
from tests.peers.baresip import Baresip
from tests.peers.base import LOOPBACK, PeerError, launch, require, run
from tests.peers.gateway import Gateway
from tests.peers.kamailio import SecureKamailio
from tests.peers.openssl import OpensslClient
from tests.peers.prosody import Prosody
from tests.peers.slixmpp_client import SlixmppClient
from tests.support.certificates import Authority

SIP = """
[sip]
listen = ["udp:{host}:{port}", "tcp:{host}:{port}", "tls:{host}:{tls}"]
host = "gateway.test"

[sip.tls]
certificate = "{certificate}"
key = "{key}"
ca = "{ca}"

"""

TRUNK = """
[[sip.trunk]]
name = "proxy"
domains = ["sip.test"]
next_hop = "tls:{host}:{proxy}"
allowed_names = ["{name}"]
"""

# baresip gives up when it is asked for an algorithm besides MD5.
REGISTRAR = """
[sip.registrar]
domain = "sip.test"
algorithms = ["MD5"]

[[sip.registrar.accounts]]
user = "juliet"
password = "secret"
"""

OPTIONS = """\
OPTIONS sip:gateway.test SIP/2.0
Via: SIP/2.0/TLS client.test;branch=z9hG4bK1
Max-Forwards: 1
From: <sip:a@sip.test>;tag=1
To: <sip:gateway.test>
Call-ID: 1
CSeq: 1 OPTIONS
Content-Length: 0

"""


class TlsTests(TestCase):
    """A user agent and a proxy, all of it under TLS."""

    timeout = 90

    def setUp(self) -> None:
        require(self, Prosody, SlixmppClient, Gateway, SecureKamailio, Baresip, OpensslClient)

    async def bridge(self, name: str = "sip.test") -> tuple[Bridge, SecureKamailio, int]:
        """The gateway and a proxy whose certificate is for ``sip.test``.

        :param name: what the gateway expects there.
        """
        bridge = Bridge(self)
        self.authority = Authority(bridge.folder / "certificates")
        self.gateway = self.authority.issue("gateway", ["gateway.test"], ["sip:xmpp.sip.test"])
        proxy = self.authority.issue("proxy", [], ["sip:sip.test"])
        port = bridge.gateway.new_port()
        kamailio = SecureKamailio(
            bridge.folder / "kamailio", gateway=(LOOPBACK, port, "tls"), aliases=("xmpp.sip.test",),
            tls=(proxy.certificate, proxy.key, self.authority.ca))
        await launch(self, kamailio)
        await bridge.start((SIP + TRUNK).format(
            host=LOOPBACK, port=bridge.gateway.port, tls=port, proxy=kamailio.tls_port, name=name,
            certificate=self.gateway.certificate, key=self.gateway.key, ca=self.authority.ca))
        return bridge, kamailio, port

    async def baresip(self, bridge: Bridge, port: int, password: str = "") -> Baresip:
        phone = self.authority.issue("phone", ["phone.test"])
        together = bridge.folder / "phone.pem"
        together.write_text(Path(phone.certificate).read_text() + Path(phone.key).read_text())
        return await launch(self, Baresip(
            bridge.folder / "juliet", "juliet", "sip.test", port, [f"sip:{ROMEO}"], "tls", password,
            certificate=str(together), ca=self.authority.ca))

    def test_both_ways(self) -> Deferred[None]:
        """baresip and a user of Prosody write to each other; each hop verifies the next (SIP-49), and the
        gateway knows the proxy by its certificate alone (SIP-63)."""

        async def steps() -> None:
            bridge, kamailio, _ = await self.bridge()
            juliet = await self.baresip(bridge, kamailio.tls_port)
            self.assertEqual(await juliet.send_message(f"sip:{ROMEO}", "Grüße"), 202)
            await bridge.heard("Grüße")
            bridge.romeo.send("juliet*sip.test@sip.xmpp.test", "zurück")
            event = await juliet.message("zurück")
            self.assertEqual(event["from"].partition(";")[0], f"sip:{ROMEO}")

        return run(steps())

    def test_registered(self) -> Deferred[None]:
        """baresip registers at the gateway itself by TLS, and is reached on the connection that it opened."""

        async def steps() -> None:
            bridge = Bridge(self)
            self.authority = Authority(bridge.folder / "certificates")
            issued = self.authority.issue("gateway", ["sip.test", "xmpp.sip.test"])
            port = bridge.gateway.new_port()
            await bridge.start((SIP + REGISTRAR).format(
                host=LOOPBACK, port=bridge.gateway.port, tls=port, certificate=issued.certificate, key=issued.key,
                ca=self.authority.ca))
            juliet = await self.baresip(bridge, port, "secret")
            self.assertEqual(await juliet.send_message(f"sip:{ROMEO}", "Grüße"), 202)
            await bridge.heard("Grüße")
            bridge.romeo.send("juliet*sip.test@sip.xmpp.test", "zurück")
            await juliet.message("zurück")

        return run(steps())

    def test_wrong_name(self) -> Deferred[None]:
        """A proxy with a good certificate for another domain gets nothing from us, and nothing from him is
        taken (SIP-49, SIP-63)."""

        async def steps() -> None:
            bridge, kamailio, _ = await self.bridge("other.test")
            juliet = await self.baresip(bridge, kamailio.tls_port)
            self.assertEqual(await juliet.send_message(f"sip:{ROMEO}", "Grüße"), 403)
            bridge.romeo.send("juliet*sip.test@sip.xmpp.test", "geheim")
            log = bridge.gateway.log_path
            while "is not other.test" not in log.read_text():
                await bridge.gateway.sleep(0.1)
            self.assertEqual([event for event in juliet.events.history if event.get("text")], [])

        return run(steps())

    def test_new_certificate(self) -> Deferred[None]:
        """New certificate files are shown to the next client without a restart; broken ones are not."""

        async def steps() -> None:
            bridge, _, port = await self.bridge()
            for number, (file, subject) in enumerate((("gateway", "gateway"), ("new", "new"), ("", "new"))):
                if file and file != "gateway":
                    issued = self.authority.issue(file, ["gateway.test"])
                    Path(issued.certificate).replace(self.gateway.certificate)
                    Path(issued.key).replace(self.gateway.key)
                elif not file:
                    Path(self.gateway.certificate).write_text("nothing")
                await bridge.gateway.sleep(RELOAD if number else 0)
                client = await launch(self, OpensslClient(bridge.folder / f"openssl{number}", port, "-showcerts"))
                shown = [event["line"] for event in client.lines.history if event["line"].startswith("subject=")]
                self.assertEqual(shown, [f"subject=CN = {subject}"])
                await client.stop()
            self.assertIn("The certificate is not replaced", bridge.gateway.log_path.read_text())

        return run(steps())

    def test_openssl(self) -> Deferred[None]:
        """The certificate is good for the name asked for, TLS 1.1 is not spoken, OPTIONS is answered when the
        client shows a certificate for the trunk and refused when it shows none (SIP-49, SIP-63)."""

        async def steps() -> None:
            bridge, _, port = await self.bridge("friend.test")
            friend = self.authority.issue("friend", ["friend.test"])
            believing = ("-CAfile", self.authority.ca, "-verify_return_error", "-verify_hostname", "gateway.test",
                         "-servername", "gateway.test")
            shown = ("-cert", friend.certificate, "-key", friend.key)
            for options, code in (((*believing, *shown), "200"), (believing, "403"),
                                  ((*believing, *shown, "-tls1_2"), "200")):
                client = await launch(self, OpensslClient(bridge.folder / f"openssl{code}", port, *options))
                client.write_input(OPTIONS.encode())
                event = await client.line("SIP/2.0 ")
                self.assertEqual(event["line"].split()[1], code)
                await client.stop()
            old = OpensslClient(bridge.folder / "old", port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
            self.addCleanup(old.stop)
            await self.assertFailure(old.start(), PeerError)
            self.assertIn("alert protocol version", old.log_path.read_text())

        return run(steps())
