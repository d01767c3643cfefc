"""Addresses that XMPP users write to and from, and what SIP sees of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.probes.base import JULIET, ROMEO, ProbeCase, S, X


class AddressProbes(ProbeCase):
    """Images back to SIP addresses, JIDs to images."""

    def assert_addresses(self, to: str, uri: str, sender: str = ROMEO,
                         seen_as: str = f"sip:romeo*xmpp.test@{S};gr=orchard") -> None:
        """A message to a JID reaches a URI, once, from a URI."""
        self.sends("<body>hi</body>", to=to, sender=sender)
        request = self.request()
        self.assertEqual((str(request.uri), str(request.to.uri)), (uri, uri))
        self.assertEqual(str(request.from_.uri), seen_as)
        self.world.settle(40)
        # The answer was understood: nothing was sent twice, and nobody was told of a failure.
        self.assertEqual(len(self.world.peer.arrivals), 1)
        self.assertEqual(self.world.xmpp.inbox, [])

    def assert_refused(self, condition: str, type: str, **addresses: str) -> None:
        """A message is refused, and nothing of it reaches SIP."""
        self.sends("<body>hi</body>", **addresses)
        self.assertEqual(self.world.peer.arrivals, [])
        self.assert_error(condition, type)
        self.assert_alive()

    def test_no_separator(self) -> None:
        """An address that names no SIP domain is nobody's (addressing.md section 9)."""
        self.assert_refused("item-not-found", "cancel", to=f"juliet@{X}")

    def test_empty_domain(self) -> None:
        """Nor is one that ends with the star (ADDR-15)."""
        self.assert_refused("item-not-found", "cancel", to=f"juliet*@{X}")

    def test_gateway_itself(self) -> None:
        """A message to the bare component has no recipient, and its sender is told (XMPP-13)."""
        self.assert_refused("item-not-found", "cancel", to=X)

    def test_unserved_domain(self) -> None:
        """A SIP domain that is not served here is no way to everywhere (ADDR-25)."""
        self.assert_refused("forbidden", "auth", to=f"juliet*elsewhere.test@{X}")

    def test_own_alias(self) -> None:
        """An image of an image can only come of a loop (ADDR-23)."""
        self.assert_refused("not-acceptable", "modify", to=f"romeo*xmpp.test*{S}@{X}")

    def test_two_stars(self) -> None:
        """The last star divides; the others belong to the users (ADDR-13)."""
        self.assert_addresses(f"a*b*sip.test@{X}", "sip:a*b@sip.test", "r*m@xmpp.test/x",
                              f"sip:r*m*xmpp.test@{S};gr=x")

    def test_star_alone(self) -> None:
        """A user part that is nothing but a star (ADDR-13)."""
        self.assert_addresses(f"**sip.test@{X}", "sip:*@sip.test")

    def test_escapes(self) -> None:
        """XEP-0106 escapes are undone, and written as SIP does (ADDR-7, ADDR-17, ADDR-18)."""
        self.assert_addresses(f"jul\\40iet*sip.test@{X}", "sip:jul%40iet@sip.test",
                              "ro\\20meo@xmpp.test/x", f"sip:ro%20meo*xmpp.test@{S};gr=x")

    def test_all_escapes(self) -> None:
        """Each of the ten escapes (ADDR-4, ADDR-7)."""
        self.assert_addresses(
            "a\\20\\22\\26\\27\\2f\\3a\\3c\\3e\\40\\5c20z*sip.test@" + X,
            "sip:a%20%22&'/%3A%3C%3E%40%5C20z@sip.test")

    def test_utf8(self) -> None:
        """Local parts of any script are percent-encoded, so that everybody can parse them (ADDR-4)."""
        self.assert_addresses(f"žofie*sip.test@{X}", "sip:%C5%BEofie@sip.test", "řím@xmpp.test",
                              f"sip:%C5%99%C3%ADm*xmpp.test@{S}")

    def test_percent(self) -> None:
        """A percent sign in a JID is a percent sign, not the begin of a SIP escape (ADDR-4)."""
        self.assert_addresses(f"ju%0d%0aX*sip.test@{X}", "sip:ju%250d%250aX@sip.test".lower())

    def test_port(self) -> None:
        """A port of the native address stays with it (ADDR-14, ADDR-16)."""
        self.assert_addresses(f"bob*sip.test\\3a5070@{X}", "sip:bob@sip.test:5070")

    def test_resource(self) -> None:
        """A resource of any kind is a parameter value that SIP can parse (ADDR-5, ADDR-32)."""
        self.assert_addresses(JULIET, "sip:juliet@sip.test", "romeo@xmpp.test/Psi+ (home);é",
                              f"sip:romeo*xmpp.test@{S};gr=Psi+%20(home)%3B%C3%A9")

    def test_not_canonical(self) -> None:
        """A JID that would share its image with another one has none (ADDR-12)."""
        self.world.xmpp.users.add("a\\5cb")
        self.assert_refused("jid-malformed", "modify", sender="a\\5cb@xmpp.test")

    def test_fold(self) -> None:
        """Upper and lower case are one user, to the server of XMPP as to us (ADDR-1)."""
        self.assert_addresses(f"JuLiEt*SIP.test@{X}", "sip:juliet@sip.test", "RoMeO@XMPP.test/X",
                              f"sip:romeo*xmpp.test@{S};gr=X")


class InjectionProbes(ProbeCase):
    """Line ends in places where SIP would take them for the end of a header."""

    CRLF = "&#13;&#10;X-Evil: 1"

    def assert_no_injection(self) -> None:
        """No header that a user made up has reached SIP, in whatever was sent."""
        for _, datagram in self.world.peer.arrivals:
            head = datagram.partition(b"\r\n\r\n")[0]
            self.assertNotIn(b"X-Evil", [line.partition(b":")[0] for line in head.splitlines()])
        for request in self.world.peer.requests:
            self.assertIsNone(request.get("X-Evil"))
        self.assert_alive()

    def test_in_the_target(self) -> None:
        """A line end in the target makes the JID malformed; nothing is sent (ADDR-3)."""
        self.sends("<body>inj</body>", to=f"juliet*sip.test{self.CRLF}@{X}")
        self.assertEqual(self.world.peer.arrivals, [])
        self.assert_error("jid-malformed", "modify")
        self.assert_no_injection()

    def test_in_the_sender(self) -> None:
        """The same in the sender."""
        self.sends("<body>inj</body>", sender=f"ro{self.CRLF}meo@xmpp.test")
        self.assertEqual(self.world.peer.arrivals, [])
        self.assert_no_injection()

    def test_in_the_resource(self) -> None:
        """The same in the resource, which goes into From (ADDR-33)."""
        self.sends("<body>inj</body>", sender=f"romeo@xmpp.test/x{self.CRLF}")
        self.assert_no_injection()

    def test_in_the_id(self) -> None:
        """A line end in the id reaches nobody as one, and its sender still gets an error stanza (ERR-2)."""
        self.world.peer.status = 404
        self.sends("<body>inj</body>", id=f"a{self.CRLF}")
        self.world.peer.status = 200
        self.assertEqual(self.world.xmpp.errors(), ["item-not-found"])
        self.assert_no_injection()

    def test_in_subject_thread_nick_and_language(self) -> None:
        """Line ends in the subject fold to one space, elsewhere they do no harm (MSG-15)."""
        self.sends(f"<subject>sub{self.CRLF}</subject><thread>t0123456789abcdef{self.CRLF}</thread>"
                   f"<nick xmlns='http://jabber.org/protocol/nick'>Ro{self.CRLF}</nick>"
                   f"<body xml:lang='en{self.CRLF}'>inj</body>")
        self.assertEqual(self.request().get("Subject"), "sub X-Evil: 1")
        self.assertEqual(self.request().body, b"inj")
        self.assert_no_injection()

    def test_in_the_body(self) -> None:
        """Line ends in a text are text; none of it becomes a second request (MSG-14)."""
        self.sends("<body>a&#13;&#10;&#13;&#10;MESSAGE sip:eve@sip.test SIP/2.0</body>")
        self.assertEqual(len(self.world.peer.arrivals), 1)
        self.assertTrue(self.request().body.endswith(b"MESSAGE sip:eve@sip.test SIP/2.0"))

    def test_other_line_ends(self) -> None:
        """Nor do other characters that some take for line ends (ADDR-3)."""
        for mark in ("&#x85;", "&#x2028;", "&#x2029;", "&#9;"):
            self.sends("<body>inj</body>", to=f"ju{mark}X-Evil: 1*sip.test@{X}")
        self.assert_no_injection()

    def test_any_local_part(self) -> None:
        """Whatever stands in an address: SIP gets one well-formed request, or the sender one error."""
        @settings(max_examples=80, deadline=None, database=None)
        @given(st.text(min_size=1, max_size=12), st.text(max_size=8))
        def is_answered(user: str, resource: str) -> None:
            self.world.peer.requests.clear()
            self.world.xmpp.inbox.clear()
            user = legal(user).replace("@", "").replace("/", "")
            self.world.xmpp.say(f"romeo@xmpp.test/{legal(resource)}", f"{user}*sip.test@{X}", "hi",
                                id="id1", type="chat")
            self.world.settle()
            errors = len(self.world.xmpp.errors())
            self.assertEqual(len(self.world.peer.requests) + errors, 1, user)
        is_answered()
        self.assert_no_injection()


def legal(text: str) -> str:
    """What of a text may stand in XML."""
    return "".join(char for char in text if char in "\t\n\r" or " " <= char < "\ud800"
                   or "\ue000" <= char <= "\ufffd" or char > "\uffff")
