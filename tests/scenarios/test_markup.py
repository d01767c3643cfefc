"""Texts with markup through a whole iwf, between peers in memory (MSG-22, MSG-23)."""

from __future__ import annotations

from iwf.sip.syntax.message import Request
from tests.scenarios.probes.base import SIP_ROMEO, M, ProbeCase
from tests.support.world import World, configuration

HTML = ("<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
        "see <a href='https://a.example' onclick='x()'>here</a></body></html>")


class MarkupTests(ProbeCase):
    """Romeo writes XMPP, Juliet SIP by a trunk that takes HTML."""

    def make_world(self) -> World:
        return World(configuration(trunk='html = "alternative"'))

    def test_to_sip(self) -> None:
        """Romeo's link reaches Juliet as HTML beside the plain text."""
        self.sends(f"<body>see https://a.example</body>{HTML}")
        asked, = [sent for sent in self.world.peer.requests if isinstance(sent, Request)]
        self.assertTrue((asked.get("Content-Type") or "").startswith("multipart/alternative;boundary="))
        self.assertIn(b"\r\n\r\nsee https://a.example\r\n", asked.body)
        self.assertIn(b'<html><body>see <a href="https://a.example">here</a></body></html>', asked.body)

    def test_to_xmpp(self) -> None:
        """Juliet's HTML reaches Romeo as text and as XHTML-IM, without what could harm him."""
        self.world.peer.message(SIP_ROMEO, "<b>now</b><img src=x onerror=alert(1)>", content_type="text/html")
        self.world.settle()
        stanza = self.world.xmpp.inbox[-1]
        body, html = [one for one in stanza.elements() if one.name in ("body", "html")]
        self.assertEqual(str(body), "now")
        self.assertEqual(html.toXml(), "<html xmlns='http://jabber.org/protocol/xhtml-im'>"
                                       "<body xmlns='http://www.w3.org/1999/xhtml'><strong>now</strong></body></html>")

    def test_to_a_phone(self) -> None:
        """A phone gets the text alone."""
        self.sends(f"<body>see https://a.example</body>{HTML}", to=f"+491700000001@{M}")
        self.assertIn("see https://a.example", self.world.texts()[-1][2])
        self.assertNotIn("<a", self.world.texts()[-1][2])
