"""Programs are killed under traffic and come back: nothing is lost of what was said yes to."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.theatre import PlaysMixin
from tests.peers.prosody import Prosody

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
