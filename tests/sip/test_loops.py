"""Marks in branches, by which a request that went in a circle is known (LOOP-3, RFC 5393)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.messaging.author import write
from iwf.sip.reasons import Status
from iwf.sip.settings import SipSettings
from iwf.sip.syntax.message import Request, parse_message
from iwf.sip.transaction.loops import OPEN, has_looped, marked, opened
from iwf.sip.uas import UserAgentServer
from tests.sip.fakes import Rig
from tests.sip.samples import NOW, PEER, SETTINGS, TRUNK, VIA, item, request

OPEN_VIA = VIA.with_param("branch", opened("z9hG4bKk3Jq0x9"))


def back(sent: Request, *changes: tuple[str, str]) -> Request:
    """A request of ours as it comes back from a proxy."""
    text = sent.to_bytes().decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    head, _, rest = text.partition("\r\n")
    hop = "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKproxy"
    again = parse_message(f"{head}\r\n{hop}\r\n{rest}".encode())
    assert isinstance(again, Request)
    return again


class MarkTests(SynchronousTestCase):
    """What we write."""

    def sent(self) -> Request:
        written = write(item(), TRUNK, SETTINGS, OPEN_VIA)
        assert isinstance(written, Request)
        return written

    def test_written(self) -> None:
        """A MESSAGE has its mark behind its branch, the same one however it was put there, and not twice."""
        sent = self.sent()
        branch, dot, mark = sent.top_via.branch.partition(OPEN)
        self.assertEqual((branch, dot), ("z9hG4bKk3Jq0x9", OPEN))
        self.assertRegex(mark, "^[0-9a-f]{12}$")
        self.assertIs(marked(sent), sent)
        plain = sent.with_top_via(VIA)
        self.assertEqual(marked(plain).top_via, sent.top_via)

    def test_every_request(self) -> None:
        """What the edge sends has random branches with marks, which come back in the answers (SIP-22)."""
        rig = Rig()
        rig.edge.deliver(item())
        (sent, _), = rig.sent()
        assert isinstance(sent, Request)
        self.assertRegex(sent.top_via.branch, r"^z9hG4bK[0-9a-f]{20}\.[0-9a-f]{12}$")
        self.assertIs(marked(sent), sent)

    def test_loop(self) -> None:
        """Back as it left, it went in a circle."""
        hosts = {"iwf.sip.example"}
        self.assertTrue(has_looped(back(self.sent()), hosts))
        self.assertTrue(has_looped(self.sent(), hosts))

    def test_spiral(self) -> None:
        """With another Request-URI, Call-ID, CSeq or tag somebody has made something else of it, which is legal."""
        sent, hosts = self.sent(), {"iwf.sip.example"}
        for change in (("MESSAGE sip:ana@sip.example ", "MESSAGE sip:ana@x.sip.example "),
                       ("Call-ID: ", "Call-ID: x"), ("CSeq: 1 ", "CSeq: 2 "), (";tag=", ";tag=x"),
                       ("To: <sip:ana@sip.example>", "To: <sip:ana@sip.example>;tag=1")):
            self.assertFalse(has_looped(back(sent, change), hosts), change)

    def test_others(self) -> None:
        """Via lines of others are not ours, whatever they look like; unreadable ones do no harm."""
        sent = self.sent()
        self.assertFalse(has_looped(back(sent), {"gw.other.example"}))
        self.assertFalse(has_looped(back(sent, ("iwf.sip.example:5060", "xiwf.sip.example:5060")), {"iwf.sip.example"}))
        self.assertFalse(has_looped(back(sent, ("Via: SIP", "Via: S P")), {"iwf.sip.example"}))
        self.assertFalse(has_looped(request(), {"iwf.sip.example"}))


class RefusalTests(SynchronousTestCase):
    """What arrives."""

    def judged(self, settings: SipSettings, asked: Request) -> object:
        reading = UserAgentServer(settings).judge(asked, PEER, NOW)
        return reading.code if isinstance(reading, Status) else "taken"

    def test_loop(self) -> None:
        """A request of ours that is sent back to us is 482, and one that was redirected to another user is taken
        (LOOP-3, RFC 5393 4.2)."""
        to_us = request(("Via: SIP/2.0/UDP 192.0.2.10:5060", "Via: SIP/2.0/UDP iwf.sip.example:5060"))
        sent = marked(to_us)
        self.assertEqual(self.judged(SETTINGS, back(sent)), 482)
        elsewhere = ("MESSAGE sip:ben*xmpp.example@", "MESSAGE sip:eve*xmpp.example@")
        self.assertEqual(self.judged(SETTINGS, back(sent, elsewhere)), "taken")
