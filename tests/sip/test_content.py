"""Bodies: which content is taken, and what it says (messages.md section 2)."""

from __future__ import annotations

import gzip
import zlib
from binascii import b2a_base64

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.composing import IsComposing
from iwf.mapping.imdn import Imdn
from iwf.mapping.model import NOTHING, Outcome, Want
from iwf.sip.messaging.content import LARGEST, Content, read_content
from iwf.sip.messaging.markup import plain_of_markup
from iwf.sip.messaging.signals import hints_of
from iwf.sip.reasons import ACCEPT, Status
from iwf.sip.syntax.dates import read_datetime, write_datetime
from iwf.sip.syntax.grammar import SipSyntaxError
from tests.sip.samples import request

COMPOSING = (b'<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state>'
             b"<refresh>60</refresh></isComposing>")
IMDN = (b'<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>x1</message-id>'
        b"<datetime>2026-03-01T10:15:00Z</datetime><recipient-uri>sip:ana@sip.example</recipient-uri>"
        b"<delivery-notification><status><delivered/></status></delivery-notification></imdn>")
CPIM = (b"From: <sip:ana@sip.example>\r\nTo: \"Ben\" <sip:ben*xmpp.example@x.sip.example>\r\n"
        b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: Zq81\r\n"
        b"DateTime: 2026-03-01T10:15:00+01:00\r\nSubject:;lang=cs ahoj\r\n"
        b"imdn.Disposition-Notification: positive-delivery, display;x=1, unheard-of\r\n\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Language: de\r\n\r\nGr\xc3\xbc\xc3\x9fe")
MIXED = (b"preamble\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
         b"hello\r\n--b--\r\nepilogue")


class Case(SynchronousTestCase):
    """Reads bodies."""

    def reading(self, kind: str, body: bytes, headers: str = "") -> Content | Status:
        return read_content(request(("Content-Type: text/plain", f"Content-Type: {kind}"), body=body, headers=headers))

    def taken(self, kind: str, body: bytes, headers: str = "") -> Content:
        reading = self.reading(kind, body, headers)
        assert isinstance(reading, Content), reading
        return reading

    def refused(self, kind: str, body: bytes, headers: str = "") -> Status:
        reading = self.reading(kind, body, headers)
        assert isinstance(reading, Status), reading
        return reading


class ContentTypeTests(Case):
    """The table of section 2, row by row."""

    def test_plain(self) -> None:
        """Plain text is support's first must."""
        self.assertEqual(self.taken("text/plain", b"a\r\nb\rc"), Content("a\nb\nc"))

    def test_markup(self) -> None:
        """HTML becomes plain text (MSG-22)."""
        self.assertEqual(self.taken("text/html", b"<p>a &amp; <b>b</b></p>").text, "a & b")

    def test_wrapped(self) -> None:
        """A CPIM message says when it was sent, its subject, and what its sender wants to hear (RCPT-5)."""
        content = self.taken("message/cpim", CPIM)
        self.assertEqual((content.text, content.subject, content.language), ("Gr\u00fc\u00dfe", "ahoj", "de"))
        self.assertEqual(content.sent_at, 1_772_356_500.0)
        self.assertEqual(content.wants, {Want.DELIVERED, Want.DISPLAYED})
        assert content.wrapper is not None
        self.assertEqual(hints_of(content.wrapper), (
            ("imdn-id", "Zq81"), ("imdn-date", "2026-03-01T10:15:00+01:00"),
            ("imdn-to", "sip:ben*xmpp.example@x.sip.example")))

    def test_wish_without_id(self) -> None:
        """A wish to hear of a message without an id cannot be met (RCPT-5)."""
        self.assertEqual(self.taken("message/cpim", CPIM.replace(b"imdn.Message-ID", b"x")).wants, NOTHING)

    def test_required_header(self) -> None:
        """A CPIM message that requires what we do not know is refused, others are not (RFC 3862 4.6)."""
        self.assertEqual(self.refused("message/cpim", b"Require: x.Magic\r\n" + CPIM).code, 415)
        self.assertEqual(self.taken("message/cpim", b"Require: From, DateTime\r\n" + CPIM).subject, "ahoj")

    def test_notification(self) -> None:
        """A notification is read bare and wrapped, and never asks for another one (RCPT-4)."""
        expected = Imdn("x1", Outcome.DELIVERED, "delivery", "2026-03-01T10:15:00Z", "sip:ana@sip.example")
        self.assertEqual(self.taken("message/imdn+xml", IMDN).notification, expected)
        head = CPIM.partition(b"Content-Type")[0]
        wrapped = self.taken("message/cpim", head + b"Content-Type: message/imdn+xml\r\n\r\n" + IMDN)
        self.assertEqual((wrapped.notification, wrapped.wants), (expected, NOTHING))

    def test_typing(self) -> None:
        """Typing is read; what cannot be read of it says nothing, since typing is never refused (COMP-8)."""
        kind = "application/im-iscomposing+xml"
        self.assertEqual(self.taken(kind, COMPOSING).composing, IsComposing(True, 60))
        self.assertEqual(self.taken(kind, b"<!DOCTYPE x><x/>"), Content())

    def test_other(self) -> None:
        """Any other content is refused with 415, which says what is taken (MSG-21)."""
        for kind in ("image/png", "multipart/signed;boundary=b", "application/pkcs7-mime", "x/y"):
            status = self.refused(kind, b"x")
            self.assertEqual((status.code, status.headers), (415, (("Accept", ACCEPT),)))
        for kind in ("text/plain", "text/html", "message/cpim", "message/imdn+xml",
                     "application/im-iscomposing+xml", "multipart/mixed", "multipart/alternative"):
            self.assertIn(kind, ACCEPT)

    def test_broken(self) -> None:
        """A wrapper or a notification that cannot be read is a bad request."""
        for kind, body in (("message/cpim", b"no"), ("message/imdn+xml", b"<x/>"), ("multipart/mixed", b"x"),
                           ("multipart/mixed;boundary=b", b"x"), ("text/plain", b"\xff")):
            self.assertEqual(self.refused(kind, body).code, 400, kind)


class MultipartTests(Case):
    """Several parts."""

    def test_mixed(self) -> None:
        """Of mixed parts the first text is taken."""
        self.assertEqual(self.taken("multipart/mixed;boundary=b", MIXED).text, "hello")
        self.assertEqual(self.taken('multipart/mixed; boundary="b"', MIXED.replace(b"\r\n", b"\n")).text, "hello")

    def test_required_part(self) -> None:
        """A part that must not be lost and cannot be taken is refused."""
        body = MIXED.replace(b"image/png", b"image/png\r\nContent-Disposition: attachment; handling = required")
        self.assertEqual(self.refused("multipart/mixed;boundary=b", body).code, 415)

    def test_list(self) -> None:
        """A list of recipients is refused as such, whatever its type and whether Require says so or not (MSG-26,
        RFC 5365)."""
        for kind in (b"image/png", b"text/plain", b"application/resource-lists+xml"):
            body = MIXED.replace(b"image/png", kind + b"\r\nContent-Disposition: Recipient-List; handling=optional")
            refusal = self.refused("multipart/mixed;boundary=b", body)
            self.assertEqual((refusal.code, refusal.headers), (420, (("Unsupported", "recipient-list-message"),)))
        whole = request(("Content-Type: text/plain", "Content-Type: application/resource-lists+xml\n"
                         "Content-Disposition: recipient-list"))
        refusal = read_content(whole)
        assert isinstance(refusal, Status)
        self.assertEqual(refusal.code, 420)

    def test_alternative(self) -> None:
        """Of alternatives the last that can be read is taken, for it is the best one."""
        body = (b"--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n<i>two</i>\r\n"
                b"--b\r\nContent-Type: x/y\r\n\r\nthree\r\n--b--")
        self.assertEqual(self.taken("multipart/alternative;boundary=b", body).text, "two")

    def test_none(self) -> None:
        """Parts of which none can be read are refused with 415."""
        body = b"--b\r\nContent-Type: x/y\r\n\r\nthree\r\n--b--"
        for kind in ("mixed", "alternative"):
            self.assertEqual(self.refused(f"multipart/{kind};boundary=b", body).code, 415)

    def test_encoded_part(self) -> None:
        """A part may come in an encoding of mail."""
        for name, content in ((b"base64", b2a_base64(b"h\xc3\xa9llo")), (b"quoted-printable", b"h=C3=A9llo")):
            body = b"--b\r\nContent-Transfer-Encoding: " + name + b"\r\n\r\n" + content + b"\r\n--b--"
            self.assertEqual(self.taken("multipart/mixed;boundary=b", body).text.strip(), "h\u00e9llo")

    def test_too_deep(self) -> None:
        """Bodies inside of bodies are read to a depth, not without end."""
        for depth, expected in ((4, Content), (5, Status)):
            body = b"deep"
            kind = "text/plain"
            for number in range(depth):
                body = f"--b{number}\r\nContent-Type: {kind}\r\n\r\n".encode() + body + f"\r\n--b{number}--".encode()
                kind = f"multipart/mixed;boundary=b{number}"
            self.assertIsInstance(self.reading(kind, body), expected)


class EncodingTests(Case):
    """Compressed bodies (MSG-21)."""

    def test_compressed(self) -> None:
        """gzip and both readings of deflate are expanded."""
        bare = zlib.compressobj(wbits=-15)
        for name, body in (("gzip", gzip.compress(b"hello")), ("deflate", zlib.compress(b"hello")),
                           ("Deflate", bare.compress(b"hello") + bare.flush()), ("identity", b"hello")):
            self.assertEqual(self.taken("text/plain", body, f"Content-Encoding: {name}\n").text, "hello")

    def test_unknown(self) -> None:
        """Any other encoding is refused with 415, which says which are taken."""
        status = self.refused("text/plain", b"x", "Content-Encoding: br\n")
        self.assertEqual((status.code, status.headers), (415, (("Accept-Encoding", "gzip, deflate, identity"),)))

    def test_broken(self) -> None:
        """What is not in its encoding, or not all of it, is a bad request."""
        for body in (b"x", zlib.compress(b"hello" * 100)[:-3]):
            self.assertEqual(self.refused("text/plain", body, "Content-Encoding: deflate\n").code, 400)

    def test_bomb(self) -> None:
        """A small body that would become huge is refused before it does."""
        body = zlib.compress(b"\0" * (LARGEST + 1))
        self.assertLess(len(body), 1000)
        self.assertEqual(self.refused("text/plain", body, "Content-Encoding: deflate\n").code, 413)


class MarkupTests(SynchronousTestCase):
    """HTML as plain text (MSG-22)."""

    def test_what_is_seen(self) -> None:
        """The text is what a reader sees: no scripts, no styles, lines where lines are, links in full."""
        for markup, text in (
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<p>a</p>\n\n<p>b\n c</p>", "a\n\nb c"),
            ("<script>alert(1)</script>a<style>b{}</style><SCRIPT src=x>y</script >c", "ac"),
            ("<!-- <b> -->a", "a"),
            ("a &lt;b&gt; &#228;&nbsp;c", "a <b> \u00e4\xa0c"),
            ('<a href="https://x.example/?a=1&amp;b=2">here</a>', "here <https://x.example/?a=1&b=2>"),
            ("<a href='https://x.example/'>https://x.example/</a>", "https://x.example/"),
            ('<a href="javascript:alert(1)">here</a>', "here"),
            ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
            ("a < b", "a"),
            ("<b", ""),
        ):
            self.assertEqual(plain_of_markup(markup), text, markup)

    @settings(max_examples=100, deadline=None)
    @given(st.text("<>a /!-&;=\"'\n", max_size=60))
    def test_any_markup(self, markup: str) -> None:
        """Any characters become some text."""
        self.assertIsInstance(plain_of_markup(markup), str)

    def test_long_markup(self) -> None:
        """Hostile markup of the largest size is read in one pass (it would not end otherwise)."""
        for piece in ("<b> ", "<a href='", "<!--", "<script>", "<a>", '<a href="http://x">', " ", "<p>", "&"):
            plain_of_markup(piece * (LARGEST // len(piece)))


class HostileTests(Case):
    """No body does more than earn a refusal."""

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(["text/plain", "text/html", "message/cpim", "message/imdn+xml",
                            "application/im-iscomposing+xml", "multipart/mixed;boundary=b",
                            "multipart/alternative;boundary=b", "multipart/mixed;boundary"]),
           st.one_of(st.binary(max_size=60), st.tuples(st.sampled_from([CPIM, MIXED, IMDN]), st.integers(0, 400),
                                                       st.binary(max_size=5)).map(
                         lambda cut: cut[0][:cut[1]] + cut[2] + cut[0][cut[1]:])),
           st.sampled_from(["", "Content-Encoding: gzip\n", "Content-Encoding: deflate\n"]))
    @example("multipart/mixed;boundary=b", b"--b\r\nContent-Type: text\r\n\r\nx", "")
    def test_any_body(self, kind: str, body: bytes, headers: str) -> None:
        """Any octets under any type are read, refused, or called malformed."""
        try:
            self.assertIsInstance(self.reading(kind, body, headers), Content | Status)
        except SipSyntaxError:
            pass


class DateTimeTests(SynchronousTestCase):
    """Dates in CPIM and IMDN."""

    @given(st.integers(0, 4_000_000_000))
    def test_round_trip(self, at: int) -> None:
        """A time is read as it was written."""
        self.assertEqual(read_datetime(write_datetime(at)), at)

    def test_others(self) -> None:
        """Zones are minded, fractions too; what has no zone or is no date is none."""
        self.assertEqual(read_datetime("1970-01-01t01:00:00.5+01:00"), 0.5)
        for text in ("", "1970-01-01", "1970-01-01T00:00:00", "T", "9999-99-99T00:00:00Z"):
            self.assertIsNone(read_datetime(text), text)
