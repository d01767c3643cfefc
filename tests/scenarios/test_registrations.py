"""Devices that register at the gateway itself, through the whole daemon, in virtual time (XMPP-60, SIP-93)."""

from __future__ import annotations

import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from iwf.config import settings_of, with_secret
from iwf.ids import Ids
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request
from tests.support.sip_peer import SipPeer
from tests.support.world import CONFIGURATION, SIP_PORT, World

PORT = 5090
ANA = "ana*home.test@sip.xmpp.test"
HOME = """
[sip.registrar]
domain = "home.test"
accounts = [{ user = "ana", password = "pw" }]
"""


class RestartTests(SynchronousTestCase):
    """Ana's telephone, and Romeo who writes to her."""

    def setUp(self) -> None:
        text = CONFIGURATION.format(trunk="", link="") + HOME
        self.world = World(with_secret(settings_of(tomllib.loads(text), Path("."), {}), "for tests"))
        self.phone = SipPeer(("127.0.0.1", SIP_PORT))
        self.world.network.listenUDP(PORT, self.phone)
        self.keyring = Keyring(Login("ana", "pw"), Ids(3))

    def register(self, expires: int, cseq: int = 1) -> int:
        """Register with the password; the last answer."""
        request = Request("REGISTER", "sip:home.test", [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{PORT};branch=z9hG4bKr{cseq};rport"), ("Max-Forwards", "70"),
            ("From", "<sip:ana@home.test>;tag=f"), ("To", "<sip:ana@home.test>"), ("Call-ID", "boot"),
            ("CSeq", f"{cseq} REGISTER"), ("Contact", f"<sip:ana@127.0.0.1:{PORT}>"), ("Expires", str(expires))])
        via = Via("UDP", "127.0.0.1", PORT, (("branch", f"z9hG4bKs{cseq}"), ("rport", None)))
        self.phone.write(request.to_bytes())
        self.world.settle()
        refusal = self.phone.responses[-1]
        self.assertTrue(self.keyring.learn(request, refusal), refusal)
        self.phone.write(self.keyring.repeated(request, via).to_bytes())
        self.world.settle()
        return self.phone.responses[-1].status

    def restart(self) -> None:
        self.world.stop_daemon()
        self.world.start_daemon()

    def write(self, text: str) -> list[str]:
        """Romeo writes; what Ana has heard."""
        self.world.xmpp.say("romeo@xmpp.test/pc", ANA, text)
        self.world.settle(2)
        return self.phone.bodies()

    def test_restart(self) -> None:
        """What Romeo writes after a restart comes to her, although she has said nothing since."""
        self.assertEqual(self.register(3600), 200)
        self.restart()
        self.assertEqual(self.write("Good morrow"), ["Good morrow"])

    def test_gone(self) -> None:
        """Who has gone, and whose time is over, is not found again: Romeo hears that she is not there."""
        self.register(3600)
        self.register(0, cseq=3)
        self.restart()
        self.assertEqual(self.write("Art thou there?"), [])
        self.register(60, cseq=5)
        self.world.stop_daemon()
        self.world.settle(60)
        self.world.start_daemon()
        self.assertEqual(self.write("And now?"), [])
        self.assertEqual(len(self.world.xmpp.errors()), 2)

    def test_overtaken(self) -> None:
        """A REGISTER that was overtaken by a later one before the restart is refused after it (RFC 3261 10.3)."""
        self.register(3600, cseq=7)
        self.restart()
        self.assertEqual(self.register(0, cseq=5), 500)
        self.assertEqual(self.write("Still there"), ["Still there"])
