"""Markup from strangers, reduced to XHTML-IM (MSG-22, XEP-0071)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.xhtml import DEEPEST, LARGEST, clean
from iwf.mapping.xmldoc import Node, parse

ALLOWED = {
    "a": {"href", "style"}, "img": {"src", "alt", "height", "width"}, "br": set(),
    **{name: {"style"} for name in ("blockquote", "cite", "em", "li", "ol", "p", "span", "strong", "ul")},
}

pieces = st.lists(st.sampled_from([
    "<", ">", "/", "<b>", "</b>", "<p>", "</p>", "<ul>", "<li>", "</ul>", "</a>", "<script>", "</script>",
    '<a href="https://a.example/?x=1&amp;y">', "<a href='javascript:x()'>", "<x:a href='http://x'>",
    "<img src='http://a.example/b.png' alt='\"<'>", "<span style='", "color:red;", "x:url(y)", "'>", '"',
    "&lt;", "&amp", "&#0;", "&#x3c;script&#x3e;", "<!--", "-->", "<br>", "]]>", "\x00", "\ud800", "\uffff",
    "text", " ", "\n", "<svg onload=x>", "<EM STYLE=color:blue>",
]), max_size=30).map("".join)


class CleanTests(SynchronousTestCase):
    """What stays, what goes."""

    def test_kept(self) -> None:
        """Allowed elements stay, others that mean the same become those."""
        for markup, expected in (
            ("hello <b>world</b>", "hello <strong>world</strong>"),
            ("<em>a</em><br>b", "<em>a</em><br/>b"),
            ("<div>a <i>b</i></div>", "<p>a <em>b</em></p>"),
            ("<h1>T</h1><ul><li>a<li>b</ul>", "<p>T</p><ul><li>a</li><li>b</li></ul>"),
            ("<A HREF='https://a.example/?x=1&amp;y=2'>z</A>", '<a href="https://a.example/?x=1&amp;y=2">z</a>'),
            ("<p>one<blockquote>two</blockquote>", "<p>one</p><blockquote>two</blockquote>"),
            ("<b>a<i>b</b>c</i>", "<strong>a<em>b</em></strong>c"),
            ("<img src='https://a.example/b.png' alt='b' width='10' onerror='x'>",
             '<img src="https://a.example/b.png" alt="b" width="10"/>'),
        ):
            self.assertEqual(clean(markup), expected, markup)

    def test_plain(self) -> None:
        """Markup that says nothing is none: the text says it as well."""
        for markup in ("", "hello", "<p>a</p><p>b</p>", "a<br>b", "<span>a</span>", "<a>b</a>",
                       "<html><body>x</body></html>"):
            self.assertEqual(clean(markup), "", markup)

    def test_links(self) -> None:
        """Links lead to http, https, mailto, xmpp, sip and tel, whatever tricks are played; pictures come by http."""
        for target in ("http://a.example", "https://a.example", "mailto:a@b.example", "xmpp:a@b.example?message",
                       "sip:a@b.example", "sips:a@b.example", "tel:+4930"):
            self.assertIn("href", clean(f'<a href="{target}">x</a>'), target)
        for target in ("javascript:x()", "JaVaScRiPt:x()", "java\nscript:x()", "java&#10;script:x()",
                       "data:text/html,x", "&#106;avascript:x()", " javascript:x()", "vbscript:x",
                       "file:///etc", "//a.example", "/a", "ftp://a"):
            self.assertEqual(clean(f'<b><a href="{target}">x</a></b>'), "<strong>x</strong>", target)
        for source in ("data:image/png;base64,x", "cid:1", "javascript:x", "file:///a", "xmpp:a@b"):
            self.assertEqual(clean(f"<b><img src='{source}' alt='a &lt; b'></b>"), "<strong>a &lt; b</strong>", source)

    def test_unseen(self) -> None:
        """What nobody would see goes with its content, event handlers and unknown elements go alone."""
        self.assertEqual(clean("<script>x()</script><b onclick='x()' id=i>a</b><style>b{}</style><marquee>c</marquee>"),
                         "<strong>a</strong>c")
        self.assertEqual(clean("<b>a</b><script>never closed <b>x</b>"), "<strong>a</strong>")

    def test_styles(self) -> None:
        """Of styles the list of XEP-0071 stays, with values that fetch and run nothing."""
        for style, kept in (
            ("color: red", "color: red"), ("COLOR:RED;font-size:12pt", "color: RED; font-size: 12pt"),
            ("color: rgb(1, 2, 3)", "color: rgb(1, 2, 3)"), ("font-family: 'DejaVu Sans', serif",
                                                             "font-family: &#x27;DejaVu Sans&#x27;, serif"),
            ("background-color: url(http://a)", ""), ("color: expression(x())", ""), ("position: fixed", ""),
            ("color: red/**/", ""), ("color: \\72 ed", ""),
            ("background-color:red;behavior:url(x)", "background-color: red"),
        ):
            written = clean(f'<em style="{style}">x</em>')
            self.assertEqual(written, f'<em style="{kept}">x</em>' if kept else "<em>x</em>", style)

    def test_text(self) -> None:
        """Text stays text: references are read once, signs are escaped, what XML cannot hold is replaced (MSG-12)."""
        self.assertEqual(clean("<b>1 &lt; 2 &amp;&amp; x &quot;y&quot; &#128512; &amp;lt;</b>"),
                         "<strong>1 &lt; 2 &amp;&amp; x &quot;y&quot; \N{GRINNING FACE} &amp;lt;</strong>")
        self.assertEqual(clean("<b>\x01&#2;</b>"), "<strong>\ufffd</strong>")
        self.assertEqual(clean("<b>&lt;script&gt;</b>"), "<strong>&lt;script&gt;</strong>")

    def test_limits(self) -> None:
        """Too much markup is none, and too deep elements are passed over."""
        self.assertEqual(clean("<b>x</b>" + "x" * LARGEST), "")
        self.assertEqual(clean("<em>" * 1000 + "x").count("<em>"), DEEPEST)

    @settings(max_examples=300, deadline=None)
    @given(pieces)
    def test_hostile(self, markup: str) -> None:
        """Whatever comes in, what comes out is well formed, has nothing but what is allowed, and is its own
        clean form."""
        written = clean(markup)
        root = parse(f"<body>{written}</body>".encode())
        self._check(root)
        self.assertEqual(clean(written), written)

    def _check(self, node: Node) -> None:
        for one in node.children:
            self.assertIn(one.name, ALLOWED)
            self.assertLessEqual(set(one.attributes), ALLOWED[one.name])
            self.assertNotIn("script:", "".join(one.attributes.values()).lower())
            self._check(one)
