"""Limits on what comes in over a component stream (XMPP-11)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import ParserError

from iwf.xmpp.elements import text_of
from iwf.xmpp.stream import HARD_LIMIT, MAX_DEPTH
from tests.xmpp.kit import Parser


class LimitTests(SynchronousTestCase):
    def test_size(self) -> None:
        """A stanza over the limit is thrown away, its neighbours are not."""
        for size, is_kept in ((900, True), (1100, False), (500_000, False)):
            parser = Parser(max_stanza=1000)
            for text in ("x", "y" * size, "z"):
                parser.feed(f"<message id='{text[0]}'><a/><body>{text}</body><b/></message>")
            kept = [one["id"] for one in parser.stanzas]
            self.assertEqual(kept, ["x", "y", "z"] if is_kept else ["x", "z"])
            self.assertEqual([one["id"] for one in parser.too_large], [] if is_kept else ["y"])

    def test_thrown_away(self) -> None:
        """Nothing of a large stanza is kept but its start tag."""
        parser = Parser(max_stanza=1000)
        parser.feed("<message to='a'>" + "<x><y>text</y></x>" * 100)
        parser.feed("<p:z xmlns:p='q'/></message><message/>")
        (large,) = parser.too_large
        self.assertEqual((large["to"], large.children), ("a", []))
        self.assertEqual(parser.stanzas[0].localPrefixes, {})

    def test_large_at_once(self) -> None:
        """Many small stanzas in one segment are no large one."""
        parser = Parser(max_stanza=1000)
        parser.feed("<message><body>hello</body></message>" * 1000)
        self.assertEqual((len(parser.stanzas), parser.too_large), (1000, []))

    def test_white_space_between(self) -> None:
        """Keep-alives of the server count for nothing."""
        parser = Parser(max_stanza=1000)
        parser.feed(" \n" * 5000 + "<message/>")
        self.assertEqual((len(parser.stanzas), parser.too_large), (1, []))

    def test_depth(self) -> None:
        """A stanza with too many levels is thrown away."""
        for levels, is_kept in ((MAX_DEPTH - 1, True), (MAX_DEPTH, False), (20_000, False)):
            parser = Parser()
            parser.feed("<message>" + "<a>" * levels + "</a>" * levels + "</message><iq/>")
            self.assertEqual(len(parser.stanzas), 2 if is_kept else 1)
            self.assertEqual(len(parser.too_large), 0 if is_kept else 1)

    def test_refused(self) -> None:
        """Comments, processing instructions, entities and bad XML end the stream."""
        for text in (
            "<!-- x -->",
            "<message><!-- x --></message>",
            "<?php x ?>",
            "<!DOCTYPE a>",
            "<message>&bomb;</message>",
            "<message>&#0;</message>",
            "<message>\x00</message>",
            b"<message>\xff</message>",
            "<message></iq>",
            "<a b='1' b='2'/>",
            "<p:a/>",
        ):
            self.assertRaises(ParserError, Parser().feed, text)

    def test_flood(self) -> None:
        """What goes on without end is cut off, whether it is one tag or many."""
        for piece in ("<a>" + "x" * 10_000 + "</a>", "x" * 10_000, "<b c='" + "x" * 10_000):
            parser = Parser(max_stanza=1000)
            parser.feed("<message>")
            with self.assertRaises(ParserError):
                for _ in range(HARD_LIMIT // 10_000 + 2):
                    parser.feed(piece)

    def test_quiet_stream(self) -> None:
        """A stanza whose end comes in two segments is there at once, not with the next one."""
        parser = Parser()
        parser.feed("<message><body>hi</body></mess")
        parser.feed("age>")
        self.assertEqual(len(parser.stanzas), 1)

    def test_tags_are_handed_over_whole(self) -> None:
        """A stanza in two segments is there with the second one, also where expat waits for more
        after an incomplete tag."""
        parser = Parser(max_stanza=1000)
        for tag in ("<message id='ab'>", "<body>", "</body>", "</message>"):
            before = parser.stream.parser.CurrentByteIndex
            for octet in tag[:-1]:
                parser.feed(octet)
            self.assertEqual(parser.stream.parser.CurrentByteIndex, before)
            parser.feed(tag[-1])
        self.assertEqual(len(parser.stanzas), 1)

    def test_long_texts_are_not_held(self) -> None:
        """A text does not wait for the tag behind it."""
        parser = Parser(max_stanza=100_000)
        parser.feed("<message><body>")
        parser.feed("x" * 20_000)
        self.assertGreater(parser.stream.parser.CurrentByteIndex, 15_000)

    def test_end(self) -> None:
        """The end of the stream is noticed, also after a large stanza."""
        parser = Parser(max_stanza=10)
        parser.feed("<message>" + "x" * 100 + "</message></stream:stream>")
        self.assertTrue(parser.is_ended)

    @settings(max_examples=100, deadline=None)
    @given(
        st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60),
        st.integers(1, 7),
        st.integers(0, 120),
    )
    def test_segments(self, text: str, cut: int, limit: int) -> None:
        """However the octets are cut, a text arrives whole or its stanza is too large."""
        text = text.replace("\ufffe", "").replace("\uffff", "")
        written = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        octets = f"<message><body>{written}</body></message>".encode()
        parser = Parser(max_stanza=limit)
        for begin in range(0, len(octets), cut):
            parser.feed(octets[begin : begin + cut])
        bodies = [text_of(next(one.elements())) for one in parser.stanzas]
        is_large = len(octets) - len("</message>") > limit
        self.assertEqual(bodies, [] if is_large else [text])
        self.assertEqual(len(parser.too_large), 1 if is_large else 0)
