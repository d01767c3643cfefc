"""XHTML-IM in stanzas (XEP-0071; MSG-22, MSG-23)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.edge import Offered
from iwf.mapping.model import Body, Message
from iwf.xmpp.elements import octets_of
from iwf.xmpp.stanzas import read, write
from tests.xmpp.kit import COMPONENT, message, parse, text_to_ben

RICH = evolve(COMPONENT, markup=True)
HTML = ("<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>{}</body>"
        "<body xmlns='http://www.w3.org/1999/xhtml'>second</body></html>")


class ReadTests(SynchronousTestCase):
    """From XMPP users."""

    def bodies(self, inner: str, markup: bool = True) -> tuple[Body, ...]:
        reading = read(message(inner), RICH if markup else COMPONENT, 0.0)
        assert isinstance(reading, Offered) and isinstance(reading.event, Message), reading
        return reading.event.bodies

    def test_passed_on(self) -> None:
        """Markup goes with the text where somebody takes it, cleaned; else it is discarded (MSG-17, MSG-23)."""
        inner = "<body>hi</body>" + HTML.format("<p style='color:red'><em>hi</em><script>x()</script></p>")
        self.assertEqual(self.bodies(inner), (
            Body("hi"), Body('<p style="color: red"><em>hi</em></p>', type="text/html")))
        self.assertEqual(self.bodies(inner, markup=False), (Body("hi"),))

    def test_nothing_to_say(self) -> None:
        """Markup that looks like plain text is none, and so is one that is no longer what the text says."""
        self.assertEqual(self.bodies("<body>hi</body>" + HTML.format("<p>hi</p>")), (Body("hi"),))
        empty = "<html xmlns='http://jabber.org/protocol/xhtml-im'/>"
        self.assertEqual(self.bodies(f"<body>hi</body>{empty}"), (Body("hi"),))
        corrected = "<body>hi</body><replace xmlns='urn:xmpp:message-correct:0' id='x'/>" + HTML.format("<em>hi</em>")
        self.assertEqual(self.bodies(corrected), (Body("* hi"),))

    def test_hostile(self) -> None:
        """Other namespaces and prefixes are no way around the list."""
        inner = "<body>hi</body>" + HTML.format(
            "<em xmlns:x='urn:x' x:href='a'><a href='java&#10;script:x()'>a</a><x:script>b</x:script>"
            "<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>c</svg></em>")
        self.assertEqual(self.bodies(inner)[1].text, "<em>ab</em>")


class WriteTests(SynchronousTestCase):
    """To XMPP users."""

    def written(self, *bodies: Body) -> bytes:
        item = text_to_ben("hi")
        assert isinstance(item.payload, Message)
        return octets_of(write(evolve(item, payload=evolve(item.payload, bodies=bodies)), COMPONENT))

    def test_both(self) -> None:
        """The text as body, and its markup beside it, well formed (MSG-22)."""
        octets = self.written(Body("hi <you>"), Body("<strong>hi</strong> &lt;you&gt;", type="text/html"))
        stanza = parse(octets)
        body, html = [one for one in stanza.elements() if one.name in ("body", "html")]
        self.assertEqual((str(body), html.uri), ("hi <you>", "http://jabber.org/protocol/xhtml-im"))
        inner = next(html.elements())
        self.assertEqual((inner.name, inner.uri), ("body", "http://www.w3.org/1999/xhtml"))
        strong = next(inner.elements())
        self.assertEqual((strong.name, strong.uri, str(strong)), ("strong", "http://www.w3.org/1999/xhtml", "hi"))

    def test_hostile(self) -> None:
        """What the other world let pass is cleaned here as well: it can break neither stanza nor stream."""
        octets = self.written(Body("x"), Body("<b>x</b></body></html></message><presence/><script>y()</script>\x00",
                                              type="text/html"))
        stanza = parse(octets)
        self.assertEqual(stanza.name, "message")
        self.assertNotIn(b"script", octets)
        self.assertNotIn(b"<presence", octets)

    def test_plain(self) -> None:
        """Without markup there is no html element."""
        self.assertNotIn(b"<html", self.written(Body("hi")))
        self.assertNotIn(b"<html", self.written(Body("hi"), Body("<p>hi</p>", type="text/html")))
