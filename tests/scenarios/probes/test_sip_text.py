"""What SIP users write, as XMPP users get it: character for character."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.probes.base import JULIET, ProbeCase, X, dial_tcp
from tests.support.world import World, configuration


class TextProbes(ProbeCase):
    """The body."""

    def assert_text(self, body: str | bytes, text: str, content_type: str | None = "text/plain",
                    **options: Any) -> None:
        """A body arrives as this text."""
        self.assertEqual(self.asks(body, content_type=content_type, **options), [202])
        self.assert_only_text(text)

    def test_markup(self) -> None:
        """Characters of XML are text, entities are text too (MSG-12, MSG-13)."""
        text = "a <b> & \"c\" 'd' ]]> &amp; &#7; <!-- -->"
        self.assert_text(text, text)

    def test_utf8(self) -> None:
        """Letters of any script and emoji arrive as typed (MSG-9)."""
        text = "žluťoučký кит 漢字 \U0001F600 e\u0301"
        self.assert_text(text, text, "text/plain;charset=UTF-8")

    def test_utf8_without_charset(self) -> None:
        """UTF-8 is what a text is in, unless it says otherwise (MSG-9)."""
        self.assert_text("漢字", "漢字")

    def test_latin1(self) -> None:
        """A text in another charset is converted (MSG-9)."""
        self.assert_text("café".encode("latin-1"), "café", "text/plain;charset=ISO-8859-1")

    def test_other_charsets(self) -> None:
        """So is one in any common charset, however it is spelled (MSG-9)."""
        for charset in ("windows-1250", "Shift_JIS", "utf-16", '"gb18030"', "KOI8-R"):
            text = "кит" if charset == "KOI8-R" else "漢字" if charset[0] in '"S' else "žluť"
            self.world.xmpp.inbox.clear()
            self.assert_text(text.encode(charset.strip('"')), text, f"text/plain; charset={charset}")

    def test_line_ends(self) -> None:
        """SIP's line ends become those of XML (MSG-12)."""
        self.assert_text("one\r\ntwo\rthree\nfour\t", "one\ntwo\nthree\nfour\t")

    def test_white_space_around(self) -> None:
        """White space around a text is part of it (MSG-12)."""
        self.assert_text("  \n two lines \n\n", "  \n two lines \n\n")

    def test_html_in_plain_text(self) -> None:
        """Markup that claims to be text is text (MSG-13)."""
        self.assert_text("<b>bold</b>", "<b>bold</b>")

    def test_any_text(self) -> None:
        """Any text arrives character for character, save those that XML cannot hold (MSG-12)."""
        @settings(max_examples=60, deadline=None, database=None)
        @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"],
                                     exclude_characters="\ufffe\uffff"), min_size=1, max_size=80))
        def arrives(text: str) -> None:
            self.world.xmpp.inbox.clear()
            self.assert_text(text, text)
        arrives()

    def test_compact_and_folded(self) -> None:
        """Short header names and folded lines mean the same (SIP-2, SIP-3)."""
        self.assert_text("hi", "hi", None, extra="c: text/plain\r\n ;charset=utf-8\r\ns: sub\r\n ject\r\n")
        self.assertEqual(str(self.stanzas("message")[0].subject), "sub ject")


class FieldProbes(ProbeCase):
    """Everything but the text."""

    def test_whole_stanza(self) -> None:
        """Sender, target, id, thread and subject are those of the request; no type (MSG-1..8, MSG-15)."""
        self.assertEqual(self.asks("hello", call_id="callid-abc@h", branch="z9hG4bKabc",
                                   extra="Subject: the <subject>\r\n"), [202])
        stanza = self.assert_only_text("hello")
        self.assertEqual((stanza["from"], stanza["to"]), (JULIET, "romeo@xmpp.test"))
        self.assertEqual(stanza["id"], "z9hG4bKabc")
        self.assertFalse(stanza.hasAttribute("type"))
        self.assertEqual(str(stanza.thread), "callid-abc@h")
        self.assertEqual(str(stanza.subject), "the <subject>")

    def test_answer(self) -> None:
        """The answer has neither body nor Contact (MSG-34, MSG-2)."""
        self.asks("hello")
        self.assertEqual((self.answer().status, self.answer().body), (202, b""))
        self.assertIsNone(self.answer().get("Contact"))
        self.assertTrue(self.answer().to.tag)

    def test_branch_without_cookie(self) -> None:
        """An old branch is no id: it is not unique (MSG-5)."""
        self.asks("hello", branch="1")
        self.assertNotEqual(self.assert_only_text("hello")["id"], "1")

    def test_quotes_in_display_name(self) -> None:
        """A display name with quotes and markup is the nickname, as it is read (MSG-1, SIP-6)."""
        self.asks("hello", name='"Juliet \\"Jules\\" <C> & \\\\ Söhne" ')
        self.assertEqual(str(self.assert_only_text("hello").nick), 'Juliet "Jules" <C> & \\ Söhne')

    def test_language(self) -> None:
        """The first language of a text is told, a malformed one is not (MSG-16)."""
        self.asks("ahoj", extra="Content-Language: cs, de\r\n")
        self.assertEqual(self.assert_only_text("ahoj")["http://www.w3.org/XML/1998/namespace", "lang"], "cs")
        self.world.xmpp.inbox.clear()
        self.asks("ahoj", extra="Content-Language: *\r\n")
        self.assertFalse(self.assert_only_text("ahoj").hasAttribute(
            ("http://www.w3.org/XML/1998/namespace", "lang")))

    def test_old_date(self) -> None:
        """A message that was long on its way says when it was sent (MSG-20)."""
        self.asks("late", extra="Date: Mon, 21 Sep 2026 10:00:00 GMT\r\n")
        self.assertIn("stamp='2026-09-21T10:00:00Z'", self.assert_only_text("late").toXml())

    def test_unreadable_date(self) -> None:
        """A Date that nobody can read is no reason to refuse a message (MSG-20)."""
        for date in ("yesterday", "Mon, 99 Xyz 2026 10:00:00 GMT", "\x01", ""):
            self.assertEqual(self.asks("hi", extra=f"Date: {date}\r\n"), [202])

    def test_expired(self) -> None:
        """A message that has expired on its way is taken and dropped (MSG-40)."""
        self.assertEqual(self.asks("late", extra="Expires: 0\r\n"), [202])
        self.assertEqual(self.world.xmpp.inbox, [])


class ContentProbes(ProbeCase):
    """Content that is no plain text (MSG-21)."""

    def refused(self, body: str, content_type: str, **options: Any) -> None:
        """Content is refused with a word on what would be taken, and nothing of it is delivered."""
        self.assertEqual(self.asks(body, content_type=content_type, **options), [415])
        self.assertIn("text/plain", self.answer().get("Accept") or "")
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_other(self) -> None:
        """Content that is no text, and signed or encrypted content, is refused."""
        for content_type in ("image/png", "application/pkcs7-mime", "multipart/signed;boundary=b"):
            self.refused("x", content_type)
            self.world.xmpp.inbox.clear()

    def taken(self, body: str, content_type: str, **options: Any) -> list[str]:
        """Content is taken; the texts that were delivered."""
        self.assertEqual(self.asks(body, content_type=content_type, **options), [202])
        return self.world.xmpp.bodies()

    def test_html(self) -> None:
        """HTML arrives as the text that a reader sees, never as markup (MSG-22)."""
        self.assertEqual(self.taken("<p>x &lt;b&gt;</p><script>y</script>", "text/html"), ["x <b>"])

    def test_multipart(self) -> None:
        """Of several parts the first text arrives."""
        self.assertEqual(self.taken("--b\r\nContent-Type: text/plain\r\n\r\npart\r\n--b--\r\n",
                                    "multipart/mixed;boundary=b"), ["part"])

    def test_cpim(self) -> None:
        """The headers of CPIM are never shown as text."""
        self.assertEqual(self.taken("From: <im:a@b>\r\nTo: <im:c@d>\r\n\r\nContent-Type: text/plain\r\n\r\ntext",
                                    "message/cpim"), ["text"])

    def test_is_composing(self) -> None:
        """Typing is never shown as text."""
        self.assertEqual(self.taken("<?xml version='1.0'?><isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'>"
                                    "<state>active</state></isComposing>", "application/im-iscomposing+xml"), [])

    def test_entity_bomb(self) -> None:
        """A document with entities of its own costs nothing and says nothing."""
        bomb = ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
            f'<!ENTITY {chr(letter)} "{f"&{chr(letter - 1)};" * 10}">' for letter in range(98, 107))
            + "]><x>&j;</x>")
        self.assertEqual(self.asks(bomb, content_type="message/imdn+xml"), [400])
        self.assertEqual(self.asks(bomb, content_type="application/im-iscomposing+xml"), [202])
        self.assert_alive()

    def test_content_encoding(self) -> None:
        """An encoding nobody knows is refused with those that are taken (MSG-21)."""
        self.assertEqual(self.asks("x", extra="Content-Encoding: br\r\n"), [415])
        self.assertIn("gzip", self.answer().get("Accept-Encoding") or "")
        self.assertEqual(self.asks("x", extra="Content-Encoding: gzip\r\n"), [400])

    def test_unknown_charset(self) -> None:
        """A charset nobody knows is refused, codecs of ours that are no charsets too (MSG-9)."""
        for charset in ("klingon", "rot13", "idna", "hex", "zip", "../../etc"):
            self.assertEqual(self.asks("x", content_type=f'text/plain;charset="{charset}"'), [415])

    def test_empty(self) -> None:
        """A message without text is taken and says nothing (MSG-11)."""
        self.assertEqual(self.asks(""), [202])
        self.assertEqual(self.asks("", content_type=None), [202])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_no_content_type(self) -> None:
        """A text without a type is read as text (MSG-9)."""
        self.assertEqual(self.asks("hi", content_type=None), [202])
        self.assert_only_text("hi")


class SizeProbes(ProbeCase):
    """Long texts (MSG-29)."""

    def test_what_servers_take(self) -> None:
        """Texts that every XMPP server takes arrive whole, also in one UDP datagram (MSG-29)."""
        for size in (1_000, 8_500):
            self.assertEqual(self.asks("K" * size + "END"), [202])
            self.assertEqual(self.world.xmpp.bodies()[-1], "K" * size + "END")

    def test_more_than_servers_take(self) -> None:
        """What servers may refuse is refused at once: 413, not an ended stream (MSG-29)."""
        for body in ("K" * 10_000 + "END", "&" * 3_000, "K" * 60_000):
            self.assertEqual(self.asks(body), [413])
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_70k(self) -> None:
        """70 kB, which only a connection can carry: the same answer there (MSG-29)."""
        peer, _ = dial_tcp(self.world)
        call_id = peer.message("sip:romeo*xmpp.test@xmpp.sip.test", "K" * 70_000)
        self.world.settle()
        self.assertEqual(peer.answers(call_id), [413])
        self.assert_alive()

    def test_beyond_any_limit(self) -> None:
        """A message beyond what we read is refused and ends its connection only (SIP-14)."""
        peer, stream = dial_tcp(self.world)
        peer.message("sip:romeo*xmpp.test@xmpp.sip.test", "K" * 300_000)
        self.world.settle(2)
        self.assertEqual([answer.status for answer in peer.responses], [513])
        self.assertTrue(stream.closed)
        self.assert_alive()


class LargeServerProbes(ProbeCase):
    """A server that is known to take more."""

    def make_world(self) -> World:
        settings = configuration()
        gateway = settings.gateway
        aliases = tuple(evolve(alias, max_size=60_000) if alias.domain == X else alias
                        for alias in gateway.aliases)
        return World(evolve(settings, gateway=evolve(gateway, aliases=aliases)))

    def test_sizes(self) -> None:
        """Texts of 10 and 50 kB arrive whole over UDP (MSG-29)."""
        for size in (10_000, 50_000):
            self.assertEqual(self.asks("K" * size + "END"), [202])
            self.assertEqual(self.world.xmpp.bodies()[-1], "K" * size + "END")
