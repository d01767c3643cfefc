"""Stanzas that are no messages, and streams that are no XML."""

from __future__ import annotations

from tests.scenarios.probes.base import JULIET, ROMEO, M, ProbeCase, X


class QueryProbes(ProbeCase):
    """Every query gets an answer, so that no client waits for one (XMPP-19)."""

    def ask(self, payload: str, to: str = JULIET, type: str = "get") -> str:
        """The answer to a query, as XML."""
        self.sends(payload, to=to, name="iq", attributes=f"type='{type}'")
        (answer,) = self.stanzas("iq")
        self.assertEqual((answer["to"], answer["from"], answer["id"]), (ROMEO, to, "id1"))
        self.assertEqual(self.world.peer.arrivals, [])
        self.world.xmpp.inbox.clear()
        return str(answer.toXml())

    def test_disco_of_the_gateway(self) -> None:
        """The gateway says what it is (XMPP-16)."""
        answer = self.ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", to=X)
        self.assertIn("type='result'", answer)
        self.assertIn("category='gateway'", answer)
        self.assertIn("http://jabber.org/protocol/disco#info", answer)

    def test_disco_of_a_user(self) -> None:
        """A SIP user is seen as a client (XMPP-17)."""
        answer = self.ask("<query xmlns='http://jabber.org/protocol/disco#info'/>")
        self.assertIn("type='result'", answer)
        self.assertIn("category='client'", answer)

    def test_disco_items(self) -> None:
        """Nothing stands below a user, and that is said."""
        self.assertIn("type='result'",
                      self.ask("<query xmlns='http://jabber.org/protocol/disco#items'/>"))

    def test_ping(self) -> None:
        """A ping is answered, by the gateway and by users behind it (XMPP-7)."""
        for to in (X, M, JULIET, f"{JULIET}/device", f"+491701@{M}"):
            self.assertIn("type='result'", self.ask("<ping xmlns='urn:xmpp:ping'/>", to=to))

    def test_vcard(self) -> None:
        """A SIP user has a vCard with his address (XMPP-34)."""
        answer = self.ask("<vCard xmlns='vcard-temp'/>")
        self.assertIn("type='result'", answer)
        self.assertIn("juliet", answer)

    def test_unknown(self) -> None:
        """What nobody knows is refused at once (XMPP-19)."""
        self.assertIn("service-unavailable", self.ask("<q xmlns='urn:example:unknown'/>"))
        self.assertIn("feature-not-implemented", self.ask("<q xmlns='urn:example:unknown'/>", to=X))
        self.assertIn("type='error'", self.ask("<q xmlns='urn:example:unknown'/>", type="set"))

    def test_unknown_address(self) -> None:
        """Nobody lives at an address without a domain (XMPP-13)."""
        self.assertIn("item-not-found", self.ask("<ping xmlns='urn:xmpp:ping'/>", to=f"juliet@{X}"))

    def test_strange_queries(self) -> None:
        """A query without content or of no type, and answers nobody waits for (XMPP-19, ERR-1)."""
        self.assertIn("bad-request", self.ask(""))
        for type in ("result", "error"):
            self.sends("", name="iq", attributes=f"type='{type}'")
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()


class PresenceProbes(ProbeCase):
    """Whoever asks for presence is answered, by the SIP user or by iwf."""

    def test_subscribe(self) -> None:
        """A request to see a SIP user is put to him; nobody answers for him (PRES-1, PRES-2)."""
        self.sends("", name="presence", attributes="type='subscribe'")
        self.assertEqual((self.request().method, self.request().uri.user), ("SUBSCRIBE", "juliet"))
        self.assertEqual(self.stanzas("presence"), [])

    def test_subscribe_to_who_does_not_exist(self) -> None:
        """A request to see somebody the SIP side does not know is refused (PRES-16)."""
        self.world.peer.known = set()
        self.sends("", name="presence", attributes="type='subscribe'")
        (answer,) = self.stanzas("presence")
        self.assertEqual((answer["type"], answer["from"], answer["to"]),
                         ("unsubscribed", JULIET, ROMEO.partition("/")[0]))

    def test_subscribe_to_nobody(self) -> None:
        """A request for somebody who cannot exist is refused (XMPP-13)."""
        self.sends("", to=f"juliet@{X}", name="presence", attributes="type='subscribe'")
        (answer,) = self.stanzas("presence")
        self.assertIn(answer["type"], ("error", "unsubscribed"))

    def test_probe(self) -> None:
        """Who asks for the presence of somebody he has not been let see gets ``unsubscribed``
        (RFC 6121 4.3.2, PRES-15)."""
        self.sends("", name="presence", attributes="type='probe'")
        self.assertIn([answer["type"] for answer in self.stanzas("presence")], (["error"], ["unsubscribed"]))

    def test_available(self) -> None:
        """Presence that somebody sends us is taken without an answer (XMPP-13)."""
        for type in ("", "type='unavailable'", "type='unsubscribed'", "type='error'"):
            self.sends("", name="presence", attributes=type)
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()


class StreamProbes(ProbeCase):
    """What a server should never send."""

    def assert_reconnects(self, octets: bytes) -> None:
        """A stream that is no XML is closed and opened again, and later messages are fine (XMPP-11)."""
        before = self.world.xmpp.components[X]
        self.world.xmpp.raw(X, octets)
        self.world.settle(0.2)
        self.assertIsNot(self.world.xmpp.components.get(X), before)
        self.world.settle(5)
        self.assertIn(X, self.world.xmpp.components)
        self.assertEqual(self.world.peer.arrivals, [])
        self.assert_alive()

    def test_unclosed_element(self) -> None:
        """An element that is closed by another one's end."""
        self.assert_reconnects(f"<message from='{ROMEO}' to='{JULIET}'><body>unclosed</message>".encode())

    def test_no_xml(self) -> None:
        """Octets that are no XML at all."""
        self.assert_reconnects(b"\x00\xff\xfe not xml")

    def test_invalid_utf8(self) -> None:
        """Octets that are no UTF-8 in a text."""
        self.assert_reconnects(f"<message from='{ROMEO}' to='{JULIET}'><body>".encode()
                               + b"caf\xe9</body></message>")

    def test_control_character(self) -> None:
        """A control character by reference."""
        self.assert_reconnects(f"<message from='{ROMEO}' to='{JULIET}'><body>&#7;</body></message>".encode())

    def test_undeclared_prefix(self) -> None:
        """A prefix that nobody declared."""
        self.assert_reconnects(f"<message from='{ROMEO}' to='{JULIET}'><x:y/></message>".encode())

    def test_comment(self) -> None:
        """A comment (RFC 6120 11.1)."""
        self.assert_reconnects(b"<!-- hello -->")

    def test_processing_instruction(self) -> None:
        """A processing instruction (RFC 6120 11.1)."""
        self.assert_reconnects(b"<?php evil ?>")

    def test_stream_end(self) -> None:
        """The server says goodbye."""
        self.assert_reconnects(b"</stream:stream>")

    def test_stream_error(self) -> None:
        """The server gives a reason to close."""
        self.assert_reconnects(b"<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:"
                               b"xmpp-streams'/></stream:error></stream:stream>")

    def test_unknown_stanza(self) -> None:
        """An element that is no stanza is ignored; the stream goes on."""
        before = self.world.xmpp.components[X]
        for xml in (f"<weird from='{ROMEO}' to='{JULIET}'><x/></weird>", "<message/>", "<iq/>",
                    "<presence/>", "<message from='' to=''/>", "<message from='@' to='@@@'/>",
                    f"<message xmlns='jabber:client' from='{ROMEO}' to='{JULIET}'><body>x</body></message>"):
            self.world.xmpp.stanza(X, xml)
        self.world.settle()
        self.assertIs(self.world.xmpp.components[X], before)
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()

    def test_other_domain(self) -> None:
        """A stanza for a domain that is not this component's is dropped (XMPP-11)."""
        self.world.xmpp.stanza(X, f"<message from='{ROMEO}' to='+491701@{M}'><body>x</body></message>")
        self.world.settle()
        self.assertEqual((self.world.texts(), self.world.peer.arrivals), ([], []))
        self.assert_alive()

    def test_deep_element(self) -> None:
        """A stanza of absurd depth is refused, and the stream goes on (XMPP-11)."""
        self.sends("<x xmlns='urn:example:deep'>" * 5000 + "</x>" * 5000)
        self.assertEqual(self.world.xmpp.errors(), ["policy-violation"])
        self.assert_alive()

    def test_document_type(self) -> None:
        """Entities that grow without end are refused where they are declared (RFC 6120 11.1)."""
        self.world.xmpp.greeting = (b"<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY a 'lol'>"
                                    b"<!ENTITY b '&a;&a;&a;'>]>")
        self.world.stop_xmpp()
        self.world.start_xmpp()
        self.world.settle(5)
        self.assertEqual(self.world.xmpp.components, {})
        self.world.xmpp.greeting = b""
        self.world.settle(90)
        self.assert_alive()
