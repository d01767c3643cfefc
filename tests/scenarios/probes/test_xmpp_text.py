"""What XMPP users write, as SIP users get it: octet for octet."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.probes.base import ROMEO, ProbeCase, S, X, listen_tcp, over_tcp
from tests.support.world import World

LEGAL = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"],
                      exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n")


class TextProbes(ProbeCase):
    """The body."""

    def assert_body(self, xml: str, octets: bytes) -> None:
        """Content as it stands on the XMPP stream arrives as these octets."""
        self.sends(f"<body>{xml}</body>")
        request = self.request()
        self.assertEqual(request.body, octets)
        wire = request.to_bytes()
        head, _, body = wire.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Length: %d" % len(octets), head)  # MSG-14
        self.assertIn(b"Content-Type: text/plain;charset=utf-8", head)  # MSG-9
        self.assertEqual(body, octets)
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_entities_cdata_and_quotes(self) -> None:
        """A text with markup characters, however they were written, is read as typed (MSG-12, MSG-13)."""
        self.assert_body("a &lt;b&gt; &amp; &quot;c&quot; 'd' &#233; <![CDATA[<raw>&]]>",
                         'a <b> & "c" \'d\' é <raw>&'.encode())

    def test_unicode(self) -> None:
        """Letters of any script, emoji and combining marks arrive as typed, not normalised (MSG-12)."""
        text = "žluťoučký кит 漢字 \U0001F600 e\u0301"
        self.assert_body(text, text.encode())

    def test_newline_and_tab(self) -> None:
        """Line ends and tabs arrive as they are (MSG-12)."""
        self.assert_body("line1\nline2\ttab", b"line1\nline2\ttab")

    def test_white_space_around(self) -> None:
        """White space around a text is part of it (MSG-12)."""
        self.assert_body("  \n two lines \n\n", b"  \n two lines \n\n")

    def test_looks_like_headers(self) -> None:
        """A text that looks like SIP stays a text (MSG-14)."""
        text = "\n\nMESSAGE sip:eve@sip.test SIP/2.0\nVia: SIP/2.0/UDP evil"
        self.assert_body(text, text.encode())

    def test_any_text(self) -> None:
        """Any text that fits arrives octet for octet (MSG-12)."""
        @settings(max_examples=60, deadline=None, database=None)
        @given(st.text(LEGAL, min_size=1, max_size=60))
        def arrives(text: str) -> None:
            self.world.peer.requests.clear()
            self.says(text)
            self.assertEqual([request.body for request in self.world.peer.requests],
                             [text.encode()])
        arrives()

    def test_chunks_of_one_octet(self) -> None:
        """A stanza that the network cuts into single octets is one message (XMPP-11)."""
        stanza = (f"<message from='{ROMEO}' to='juliet*sip.test@{X}' type='chat'>"
                  "<body>žluťoučký &amp; \U0001F600</body></message>").encode()
        for at in range(len(stanza)):
            self.world.xmpp.raw(X, stanza[at:at + 1])
        self.world.settle()
        self.assertEqual(self.request().body, "žluťoučký & \U0001F600".encode())


class NothingToSay(ProbeCase):
    """Stanzas without a text: no MESSAGE, and no error either (MSG-11)."""

    def assert_nothing(self, inner: str) -> None:
        """A stanza causes nothing on either side, and the next message is fine."""
        self.sends(inner)
        self.assertEqual(self.world.peer.requests, [])
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_empty_body(self) -> None:
        """An empty text is not sent (MSG-11)."""
        self.assert_nothing("<body></body>")

    def test_no_body(self) -> None:
        """A message without a text is not sent (MSG-11)."""
        self.assert_nothing("")

    def test_chat_state(self) -> None:
        """Typing is not a message, and nobody is bothered with an error about it (COMP-8)."""
        self.assert_nothing("<composing xmlns='http://jabber.org/protocol/chatstates'/>")

    def test_carbon(self) -> None:
        """A carbon copy of somebody else's message is not sent on (MSG-17)."""
        self.assert_nothing("<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
                            "<message xmlns='jabber:client'><body>c</body></message></forwarded>"
                            "</sent>")

    def test_receipt(self) -> None:
        """A receipt for nothing we know is dropped (MSG-11)."""
        self.assert_nothing("<received xmlns='urn:xmpp:receipts' id='x'/>")


class FieldProbes(ProbeCase):
    """Everything but the text."""

    def test_whole_request(self) -> None:
        """The MESSAGE names its sender with his device and the target, and has no Contact (MSG-1, MSG-2)."""
        self.says("hello")
        request = self.request()
        self.assertEqual(str(request.uri), "sip:juliet@sip.test")
        self.assertEqual(str(request.to.uri), "sip:juliet@sip.test")
        self.assertEqual(str(request.from_.uri), f"sip:romeo*xmpp.test@{S};gr=orchard")
        self.assertTrue(request.from_.tag)
        self.assertIsNone(request.get("Contact"))
        self.assertEqual(request.max_forwards, 70)  # LOOP-1
        self.assertEqual(self.world.xmpp.inbox, [])  # MSG-34: success needs no stanza

    def test_subject(self) -> None:
        """The subject goes along (MSG-15)."""
        self.sends("<subject>sub &amp; ject</subject><body>hi</body>")
        self.assertEqual(self.request().get("Subject"), "sub & ject")

    def test_subject_alone(self) -> None:
        """A subject without a text is a MESSAGE with a subject and no body (MSG-15)."""
        self.sends("<subject>sub</subject>")
        self.assertEqual((self.request().get("Subject"), self.request().body), ("sub", b""))
        self.assertIsNone(self.request().content_type)

    def test_short_thread(self) -> None:
        """A thread too short to be unique becomes a Call-ID of its own, the same each time (MSG-3)."""
        for _ in range(2):
            self.sends("<body>hi</body><thread>th-77</thread>")
        self.sends("<body>hi</body><thread>th-77</thread>", sender="benvolio@xmpp.test/x")
        one, two, other = (request.call_id for request in self.world.peer.requests)
        self.assertEqual(one, two)
        self.assertNotEqual(one, other)
        self.assertNotIn("th-77", one)

    def test_long_thread(self) -> None:
        """A thread that can be a Call-ID is taken as it is, so that the answer finds it (MSG-3, MSG-4)."""
        thread = "e0ffe42b28561960c6b12b944a092794b9683a38"
        self.sends(f"<body>hi</body><thread>{thread}</thread>")
        self.assertEqual(self.request().call_id, thread)
        self.asks("back", call_id=thread)
        self.assertEqual(str(self.stanzas("message")[0].thread), thread)

    def test_same_thread_same_sequence(self) -> None:
        """Two messages of a thread never look like one that came twice (MSG-6a)."""
        thread = "e0ffe42b28561960c6b12b944a092794b9683a38"
        for text in ("one", "two"):
            self.sends(f"<body>{text}</body><thread>{thread}</thread>")
        seen = {(request.from_.tag, request.cseq.number) for request in self.world.peer.requests}
        self.assertEqual(len(seen), 2)

    def test_id_comes_back(self) -> None:
        """A failure carries the id that the sender gave his message, whatever it holds (MSG-5, ERR-2)."""
        self.world.peer.status = 404
        self.says("hi", id="<a'b\"&>")
        self.assert_error("item-not-found", "cancel", "<a'b\"&>")

    def test_receipt_request(self) -> None:
        """A 200 of the SIP side is not turned into a receipt (RCPT-7)."""
        self.sends("<body>hi</body><request xmlns='urn:xmpp:receipts'/>")
        self.assertEqual(self.world.peer.bodies(), ["hi"])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_xhtml(self) -> None:
        """Of a message with formatting the plain text is sent (MSG-23)."""
        self.sends("<body>plain</body><html xmlns='http://jabber.org/protocol/xhtml-im'>"
                   "<body xmlns='http://www.w3.org/1999/xhtml'><b>rich</b></body></html>")
        self.assertEqual(self.world.peer.bodies(), ["plain"])

    def test_nick(self) -> None:
        """A nickname is the display name, quoted as SIP wants it (MSG-1)."""
        self.sends("<body>hi</body><nick xmlns='http://jabber.org/protocol/nick'>R \"M\" \\ é</nick>")
        self.assertEqual(self.request().from_.name, 'R "M" \\ é')

    def test_headline(self) -> None:
        """A headline is a message that can wait (MSG-7)."""
        self.says("news", type="headline")
        self.assertEqual(self.request().get("Priority"), "non-urgent")

    def test_groupchat(self) -> None:
        """Group chat does not cross to a single user, and its sender is told (MSG-7)."""
        self.says("muc", type="groupchat")
        self.assertEqual(self.world.peer.requests, [])
        self.assert_error("service-unavailable", "cancel")

    def test_error_stanza(self) -> None:
        """An error is never sent on as a message and never answered (ERR-1)."""
        self.sends("<body>orig</body><error type='cancel'><service-unavailable "
                   "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", attributes="type='error'")
        self.assertEqual((self.world.peer.requests, self.world.xmpp.inbox), ([], []))

    def test_encrypted(self) -> None:
        """An encrypted message is refused, not sent as its stand-in (MSG-18)."""
        self.sends("<body>I sent you an OMEMO encrypted message</body>"
                   "<encrypted xmlns='eu.siacs.conversations.axolotl'/>")
        self.assertEqual(self.world.peer.requests, [])
        self.assert_error("not-acceptable", "modify")


class LanguageProbes(ProbeCase):
    """Texts in several languages (MSG-10, MSG-16)."""

    BODIES = "<body xml:lang='cs'>ahoj</body><body>hi</body>"

    def test_two_bodies(self) -> None:
        """Of two texts the one without a language goes, when the stanza names none (MSG-10)."""
        self.sends(self.BODIES)
        self.assertEqual(self.world.peer.bodies(), ["hi"])
        self.assertIsNone(self.request().get("Content-Language"))

    def test_stanza_language(self) -> None:
        """Of two texts the one in the stanza's language goes, with its name (MSG-10, MSG-16)."""
        self.sends("<body xml:lang='de'>hallo</body><body xml:lang='cs'>ahoj</body>",
                   attributes="xml:lang='cs'")
        self.assertEqual(self.world.peer.bodies(), ["ahoj"])
        self.assertEqual(self.request().get("Content-Language"), "cs")

    def test_no_match(self) -> None:
        """Of texts in other languages the first goes (MSG-10)."""
        self.sends("<body xml:lang='de'>hallo</body><body xml:lang='cs'>ahoj</body>")
        self.assertEqual(self.world.peer.bodies(), ["hallo"])
        self.assertEqual(self.request().get("Content-Language"), "de")

    def test_malformed_language(self) -> None:
        """What is no language tag is left out (MSG-16)."""
        self.sends("<body xml:lang='*'>hi</body>")
        self.assertEqual(self.world.peer.bodies(), ["hi"])
        self.assertIsNone(self.request().get("Content-Language"))


class SizeProbes(ProbeCase):
    """Long texts over UDP (MSG-27)."""

    def test_exactly_the_limit(self) -> None:
        """A request of 1300 octets goes, one of 1301 does not, and its sender learns the limit (MSG-27)."""
        self.says("x" * 500)
        room = 1300 - (len(self.request().to_bytes()) - 500)
        self.says("x" * room, id="fits")
        self.assertEqual(len(self.world.peer.requests[-1].to_bytes()), 1300)
        self.says("x" * (room + 1), id="not")
        self.assertEqual(len(self.world.peer.requests), 2)
        self.assertIn("1300", self.assert_error("policy-violation", "modify", "not"))

    def refused(self, size: int) -> None:
        self.says("K" * size + "END")
        self.assertEqual(self.world.peer.requests, [])
        self.assertIn("1300", self.assert_error("policy-violation", "modify"))
        self.assert_alive()

    def test_1000(self) -> None:
        """A text of 1 kB makes a request of more than 1300 octets and is refused too (MSG-27)."""
        self.refused(1000)

    def test_1400(self) -> None:
        """A text of 1.4 kB is refused with the limit named, not sent in one large datagram (MSG-27)."""
        self.refused(1400)

    def test_10k(self) -> None:
        """The same at 10 kB."""
        self.refused(10_000)

    def test_70k(self) -> None:
        """The same at 70 kB, which no datagram could hold: its sender is told."""
        self.refused(70_000)

    def test_beyond_the_stanza_limit(self) -> None:
        """A stanza beyond any limit is thrown away, its sender told, and the stream goes on (XMPP-11)."""
        self.says("K" * 300_000)
        self.assertEqual(self.world.peer.requests, [])
        self.assert_error("policy-violation", "modify")
        self.assert_alive()


class LargeTrunkProbes(ProbeCase):
    """Long texts to a peer that is known to take them (MSG-28)."""

    def make_world(self) -> World:
        world = World(over_tcp())
        listen_tcp(world)
        return world

    def test_sizes(self) -> None:
        """Texts of 1, 10 and 70 kB arrive whole over TCP (MSG-28)."""
        for size in (1_000, 10_000, 70_000):
            self.says("K" * size + "END")
            self.assertEqual(self.world.peer.bodies()[-1], "K" * size + "END")
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_in_chunks(self) -> None:
        """A large stanza that comes in many pieces is one message (XMPP-11)."""
        stanza = (f"<message from='{ROMEO}' to='juliet*sip.test@{X}' type='chat'><body>"
                  f"{'Q' * 9_000}END</body></message>").encode()
        for at in range(0, len(stanza), 1_000):
            self.world.xmpp.raw(X, stanza[at:at + 1_000])
            self.world.settle(0.05)
        self.assertEqual(self.world.peer.bodies(), ["Q" * 9_000 + "END"])
