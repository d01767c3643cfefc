"""Texts with markup from and to SIP (MSG-22, MSG-23)."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.edge import Offered
from iwf.mapping.model import Body, Message, Want
from iwf.sip.messaging.author import write
from iwf.sip.messaging.forms import has_other_form
from iwf.sip.messaging.habits import Habits
from iwf.sip.messaging.pager import read_message
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request, Response
from tests.sip.samples import BEN_AT_X, NOW, SETTINGS, TRUNK, VIA, item, message, request

HTML = ("Content-Type: text/plain", "Content-Type: text/html;charset=utf-8")
LINKED = message("see https://a.example", bodies=(
    Body("see https://a.example"), Body('see <a href="https://a.example">here</a>', type="text/html")))


class ReadTests(SynchronousTestCase):
    """What comes in."""

    def bodies(self, asked: Request, **trunk: Any) -> tuple[Body, ...]:
        reading = read_message(asked, BEN_AT_X, evolve(TRUNK, **trunk), (), NOW)
        assert isinstance(reading, Offered) and isinstance(reading.event, Message), reading
        return reading.event.bodies

    def test_switch(self) -> None:
        """HTML becomes its plain text, and with a trunk that is trusted with markup what is harmless of it as well;
        text/plain never becomes markup (MSG-13, MSG-22)."""
        body = b"<b onclick='x()'>Hi</b> <script>x()</script><a href='javascript:x()'>you</a>"
        plain = Body("Hi you", "de")
        self.assertEqual(self.bodies(request(HTML, body=body)), (plain,))
        rich = Body("<strong>Hi</strong> you", "de", "text/html")
        for html in ("alternative", "only"):
            self.assertEqual(self.bodies(request(HTML, body=body), html=html), (plain, rich))
            self.assertEqual(self.bodies(request(body=b"<b>Hi</b>"), html=html), (Body("<b>Hi</b>", "de"),))
            self.assertEqual(self.bodies(request(HTML, body=b"<p>Hi</p>"), html=html), (Body("Hi", "de"),))

    def test_alternative(self) -> None:
        """Of alternatives the last is taken, with its markup."""
        body = b"--b\r\n\r\n*Hi*\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>Hi</b>\r\n--b--"
        asked = request(("Content-Type: text/plain", "Content-Type: multipart/alternative;boundary=b"), body=body)
        self.assertEqual([body.text for body in self.bodies(asked, html="only")], ["Hi", "<strong>Hi</strong>"])


class WriteTests(SynchronousTestCase):
    """What goes out."""

    def written(self, payload: Message = LINKED, **trunk: Any) -> Request:
        made = write(item(payload), evolve(TRUNK, **trunk), SETTINGS, VIA)
        assert isinstance(made, Request), made
        return made

    def test_never(self) -> None:
        """By default the text goes plain (MSG-23)."""
        written = self.written()
        self.assertEqual((written.get("Content-Type"), written.body), ("text/plain;charset=utf-8", b"see https://a.example"))

    def test_shown_by_a_refusal(self) -> None:
        """Who says in a 415 that he takes HTML gets it from then on, the refused text included; who refuses that as
        well gets plain text, and nothing is sent a third time in the same form (MSG-23)."""
        for html, told in (
            ("never", [("text/plain", "text/html", True), ("text/html", "text/plain", True),
                       ("text/plain", "text/html", False)]),
            ("alternative", [("multipart/alternative", "text/plain, text/html", True), ("text/html", "x/y", True),
                             ("text/plain", "", False)]),
            ("alternative", [("multipart/alternative", "text/plain", True), ("text/plain", "text/html", False)]),
            ("only", [("text/html", "", True), ("text/plain", "", False)]),
        ):
            habits = Habits()
            for sent, accept, again in told:
                made = write(item(LINKED), evolve(TRUNK, html=html), SETTINGS, VIA, habits)
                assert isinstance(made, Request) and made.content_type is not None
                self.assertEqual(made.content_type.type, sent)
                refusal = Response(415, "", [("Accept", accept)])
                self.assertEqual(has_other_form(item(LINKED), made, refusal, habits), again, told)

    def test_refused_by_two_devices(self) -> None:
        """Each of a user's devices that refuses a form is tried with the next, whoever was quicker."""
        habits = Habits()
        made = write(item(LINKED), evolve(TRUNK, html="alternative"), SETTINGS, VIA, habits)
        assert isinstance(made, Request)
        for accept in ("text/plain, text/html", "text/plain, text/html", "text/plain"):
            self.assertTrue(has_other_form(item(LINKED), made, Response(415, "", [("Accept", accept)]), habits))

    def test_shown_for_later(self) -> None:
        """A refused text without markup has no other form; the next one with markup has."""
        habits = Habits()
        made = write(item(), TRUNK, SETTINGS, VIA, habits)
        assert isinstance(made, Request)
        self.assertFalse(has_other_form(item(), made, Response(415, "", [("Accept", "text/html")]), habits))
        made = write(item(LINKED), TRUNK, SETTINGS, VIA, habits)
        assert isinstance(made, Request)
        self.assertEqual(made.get("Content-Type"), "text/html;charset=utf-8")

    def test_only(self) -> None:
        """As HTML alone, where the trunk says so."""
        written = self.written(html="only")
        self.assertEqual(written.get("Content-Type"), "text/html;charset=utf-8")
        self.assertEqual(written.body, b'<html><body>see <a href="https://a.example">here</a></body></html>')

    def test_alternative(self) -> None:
        """As both, the plain one first; what we write we read again, and a repetition is the same (RFC 2046 5.1.4)."""
        written = self.written(html="alternative")
        self.assertEqual(written, self.written(html="alternative"))
        kind = written.content_type
        assert kind is not None
        self.assertEqual(kind.type, "multipart/alternative")
        self.assertEqual(written.body.count(b"Content-Type: text/"), 2)
        self.assertLess(written.body.index(b"text/plain"), written.body.index(b"text/html"))
        back = read_message(written, BEN_AT_X, evolve(TRUNK, html="only"), (), NOW)
        assert isinstance(back, Offered) and isinstance(back.event, Message)
        self.assertEqual(back.event.bodies[1].text, 'see <a href="https://a.example">here</a>')

    def test_boundary(self) -> None:
        """The boundary does not occur in the text."""
        kind = self.written(html="alternative").content_type
        assert kind is not None
        boundary = kind.param("boundary") or ""
        clash = evolve(LINKED, bodies=(Body(f"--{boundary}"), LINKED.bodies[1]))
        other = self.written(clash, html="alternative").content_type
        assert other is not None
        self.assertNotEqual(other.param("boundary"), boundary)

    def test_hostile(self) -> None:
        """What the other world let pass is cleaned here as well."""
        hostile = evolve(LINKED, bodies=(Body("x"), Body("<b>x</b><script>y()</script>", type="text/html")))
        self.assertEqual(self.written(hostile, html="only").body, b"<html><body><strong>x</strong></body></html>")
        nothing = evolve(LINKED, bodies=(Body("x"), Body("<script>y()</script>", type="text/html")))
        self.assertEqual(self.written(nothing, html="only").get("Content-Type"), "text/plain;charset=utf-8")

    def test_no_room(self) -> None:
        """Where there is no room for markup within 1300 octets the text goes plain (MSG-27)."""
        long = "x" * 500
        payload = evolve(LINKED, bodies=(Body(long), Body(f"<b>{long}</b>", type="text/html")))
        self.assertEqual(self.written(payload, html="alternative").body, long.encode())
        self.assertEqual(self.written(payload, html="only").get("Content-Type"), "text/html;charset=utf-8")

    def test_receipts(self) -> None:
        """With a wish for a receipt the markup is in the wrapper; if one of both must go, it is the markup (RCPT-1)."""
        asked = evolve(LINKED, wants=frozenset({Want.DELIVERED}))
        written = self.written(asked, html="only", cpim="always")
        self.assertIn(b"Content-Type: text/html;charset=utf-8\r\n\r\n<html>", written.body)
        long = "x" * 300
        payload = evolve(asked, bodies=(Body(long), Body(f"<b>{long}</b>" * 4, type="text/html")))
        written = self.written(payload, html="only", cpim="always")
        self.assertEqual(written.get("Content-Type"), "message/cpim")
        self.assertTrue(written.body.endswith(long.encode()))

    def test_large(self) -> None:
        """The limit is lifted on streams of trusted trunks, by TLS as by TCP (MSG-28)."""
        large = message("x" * 5000)
        for transport in ("tcp", "tls"):
            self.written(large, trusted_large=True, next_hop=Hop(transport, "192.0.2.10", 5061))
