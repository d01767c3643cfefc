"""What the gateway answers by itself."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.edge import Answered, Ignored, Reading
from iwf.xmpp.disco import GATEWAY_FEATURES, IMAGE_FEATURES, caps_of
from iwf.xmpp.elements import Component
from iwf.xmpp.stanzas import read
from iwf.xmpp.xhtml import NS_XHTML_IM
from tests.xmpp.kit import COMPONENT, DOMAIN, PHONE_COMPONENT, parse

IMAGE = f"ana*sip.example@{DOMAIN}"
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"


def stanza(kind: str, to: str, type: str, inner: str = "") -> Element:
    return parse(
        f"<{kind} from='ben@xmpp.example/pc' to='{to}' type='{type}' id='q1'>{inner}</{kind}>"
    )


def ask(to: str, inner: str, type: str = "get", component: Component = COMPONENT) -> Reading:
    return read(stanza("iq", to, type, inner), component, 100.0)


class Case(SynchronousTestCase):
    """A query and its answer."""

    def result(self, reading: Reading) -> Element:
        assert isinstance(reading, Answered), reading
        self.assertFalse(reading.refused)
        answer = parse(reading.answer)
        self.assertEqual((answer["type"], answer["id"]), ("result", "q1"))
        self.assertEqual(answer["to"], "ben@xmpp.example/pc")
        return answer

    def assert_refused(self, reading: Reading, condition: str, type: str) -> None:
        assert isinstance(reading, Answered), reading
        self.assertTrue(reading.refused)
        answer = parse(reading.answer)
        error = next(answer.elements())
        self.assertEqual((error["type"], next(error.elements()).name), (type, condition))


class QueryTests(Case):
    """XMPP-13, 16..19, 34, 35."""

    def info(self, reading: Reading) -> tuple[list[tuple[str, str]], list[str]]:
        query = next(self.result(reading).elements())
        parts = list(query.elements())
        identities = [(one["category"], one["type"]) for one in parts if one.name == "identity"]
        return identities, [one["var"] for one in parts if one.name == "feature"]

    def test_gateway_info(self) -> None:
        """The gateway says what it is and what it can do (XMPP-14, 16)."""
        identities, features = self.info(ask(DOMAIN, INFO))
        self.assertEqual(identities, [("gateway", "simple")])
        self.assertEqual(features, list(GATEWAY_FEATURES))
        self.assertIn("jid\\20escaping", features)
        identities, _ = self.info(ask("sms.xmpp.example", INFO, component=PHONE_COMPONENT))
        self.assertEqual(identities, [("gateway", "sms")])

    def test_image_info(self) -> None:
        """An image is a client with the features that really work (XMPP-17)."""
        for to in (IMAGE, IMAGE + "/x"):
            identities, features = self.info(ask(to, INFO))
            self.assertEqual(identities, [("client", "pc")])
            self.assertEqual(features, list(IMAGE_FEATURES))
        phone = ask("+15551234567@sms.xmpp.example", INFO, component=PHONE_COMPONENT)
        self.assertEqual(self.info(phone)[0], [("client", "sms")])

    def test_markup(self) -> None:
        """Images announce XHTML-IM where a trunk takes markup, phones never (XMPP-17)."""
        markup = evolve(COMPONENT, markup=True)
        self.assertEqual(self.info(ask(IMAGE, INFO, component=markup))[1], [*IMAGE_FEATURES, NS_XHTML_IM])
        phones = evolve(PHONE_COMPONENT, markup=True)
        self.assertNotIn(NS_XHTML_IM, self.info(ask("+15551234567@sms.xmpp.example", INFO, component=phones))[1])

    def test_node(self) -> None:
        """The node of our capabilities has the same answer, others have none (section 3)."""
        ver = caps_of(("gateway", "simple", "SIP gateway"), GATEWAY_FEATURES)
        query = INFO.replace("/>", " node='{}'/>")
        answer = self.result(ask(DOMAIN, query.format(f"xmpp:{DOMAIN}#{ver}")))
        self.assertIn(ver, next(answer.elements())["node"])
        self.assert_refused(ask(DOMAIN, query.format("x")), "item-not-found", "cancel")
        # XMPP-18: that of images is the same for all, or every one would have to be asked.
        ver = caps_of(("client", "pc", ""), IMAGE_FEATURES)
        for to in (IMAGE, f"ewa*sip.example@{DOMAIN}/phone"):
            self.info(ask(to, query.format(f"xmpp:{DOMAIN}#{ver}")))

    def test_personal_events(self) -> None:
        """Images announce the personal events that cross, and no others (XMPP-17, RICH-4)."""
        rich = evolve(COMPONENT, rich=True)
        located = evolve(rich, locates=frozenset(["xmpp:ben@xmpp.example"]))
        for component, nodes in ((COMPONENT, []), (rich, ["activity", "mood", "tune"]),
                                 (located, ["activity", "mood", "tune", "geoloc"])):
            _, features = self.info(ask(IMAGE, INFO, component=component))
            self.assertEqual([f"http://jabber.org/protocol/{node}+notify" for node in nodes],
                             features[len(IMAGE_FEATURES):])

    def test_items(self) -> None:
        """There is nothing to list."""
        items = "<query xmlns='http://jabber.org/protocol/disco#items'{}/>"
        self.assertEqual(next(self.result(ask(DOMAIN, items.format(""))).elements()).children, [])
        self.assert_refused(ask(DOMAIN, items.format(" node='n'")), "item-not-found", "cancel")

    def test_ping(self) -> None:
        """The gateway and images answer pings (XMPP-7)."""
        for to in (DOMAIN, IMAGE):
            answer = self.result(ask(to, "<ping xmlns='urn:xmpp:ping'/>"))
            self.assertEqual((answer["from"], answer.children), (to, []))

    def test_vcard(self) -> None:
        """An image has a vCard that names it; nobody may set one (XMPP-34)."""
        card = "<vCard xmlns='vcard-temp'/>"
        self.assertIn("<FN>ana@sip.example</FN>", self.result(ask(IMAGE, card)).toXml())
        self.assertIn("<URL>sip:ana@sip.example</URL>", self.result(ask(IMAGE, card)).toXml())
        phone = ask("+15551234567@sms.xmpp.example", card, component=PHONE_COMPONENT)
        self.assertIn("<NUMBER>+15551234567</NUMBER>", self.result(phone).toXml())
        self.assert_refused(ask(IMAGE, card, "set"), "not-allowed", "cancel")

    def test_prompt(self) -> None:
        """A client learns what to ask its user for, and the JID of what he typed (XMPP-15)."""
        asked = self.result(ask(DOMAIN, "<query xmlns='jabber:iq:gateway'/>")).toXml()
        self.assertIn("<prompt>SIP address or telephone number</prompt>", asked)
        both = evolve(COMPONENT, phones="sms.xmpp.example")
        direct = evolve(COMPONENT, is_direct=True)
        for text, component, expected in (
            ("romeo@example.net", COMPONENT, f"romeo*example.net@{DOMAIN}"),
            (" sip:Romeo%20M@Example.NET;transport=tcp?x=y ", COMPONENT, f"romeo\\20m*example.net@{DOMAIN}"),
            ("&lt;sips:romeo:secret@example.net:5070&gt;", COMPONENT, f"romeo*example.net\\3a5070@{DOMAIN}"),
            ("tel:+49-151-0000-0001;x=y", both, "+4915100000001@sms.xmpp.example"),
            ("+49 (151) 00000001", PHONE_COMPONENT, "+4915100000001@sms.xmpp.example"),
            (f"romeo@{DOMAIN}", direct, f"romeo@{DOMAIN}"),
        ):
            inner = f"<query xmlns='jabber:iq:gateway'><prompt>{text}</prompt></query>"
            answer = self.result(ask(component.spelling, inner, "set", component))
            self.assertIn(f"<jid>{expected}</jid>", answer.toXml())

    def test_prompt_that_is_no_address(self) -> None:
        """What nobody can be reached at is not acceptable (XMPP-15)."""
        for text, component in (
            ("", COMPONENT), ("romeo", COMPONENT), ("@example.net", COMPONENT), ("romeo@", COMPONENT),
            ("+49151", COMPONENT), ("tel:911", COMPONENT), ("romeo@example.net", PHONE_COMPONENT),
            ("romeo@elsewhere.example", evolve(COMPONENT, is_direct=True)), ("%20a@b", COMPONENT),
            ("a" * 2000 + "@b", COMPONENT),
        ):  # fmt: skip
            inner = f"<query xmlns='jabber:iq:gateway'><prompt>{text}</prompt></query>"
            reading = ask(component.spelling, inner, "set", component)
            self.assert_refused(reading, "not-acceptable", "modify")
        reading = ask(DOMAIN, "<query xmlns='jabber:iq:gateway'/>", "set")
        self.assert_refused(reading, "not-acceptable", "modify")

    def test_version_time_uptime(self) -> None:
        """The gateway tells its version, the time and how long it has been up (XMPP-35)."""
        for inner, expected in (
            ("<query xmlns='jabber:iq:version'/>", "<version>0.1.0</version>"),
            ("<time xmlns='urn:xmpp:time'/>", "<utc>1970-01-01T00:01:40Z</utc>"),
            ("<query xmlns='jabber:iq:last'/>", "seconds='100'"),
        ):
            self.assertIn(expected, self.result(ask(DOMAIN, inner)).toXml())
            self.assert_refused(ask(IMAGE, inner), "service-unavailable", "cancel")

    def test_unknown(self) -> None:
        """What nobody here knows is refused, each in its way (XMPP-13, 19)."""
        odd = "<query xmlns='odd'/>"
        for type in ("get", "set"):
            self.assert_refused(ask(IMAGE, odd, type), "service-unavailable", "cancel")
            self.assert_refused(ask(DOMAIN, odd, type), "feature-not-implemented", "cancel")
            for local in ("ana", "*", "ana*"):
                reading = ask(f"{local}@{DOMAIN}", INFO, type)
                self.assert_refused(reading, "item-not-found", "cancel")
        self.assert_refused(ask(IMAGE, ""), "bad-request", "modify")
        self.assert_refused(ask(f"a\\5cb@{DOMAIN}", INFO), "jid-malformed", "modify")

    def test_results(self) -> None:
        """Results and errors of nothing we asked are dropped (XMPP-19, ERR-1)."""
        for type in ("result", "error", ""):
            self.assertIsInstance(ask(DOMAIN, INFO, type), Ignored)


class CapsTests(SynchronousTestCase):
    def test_vector(self) -> None:
        """The verification string is that of XEP-0115 5.2 (XMPP-18)."""
        features = (
            "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc", "http://jabber.org/protocol/caps",
        )  # fmt: skip
        self.assertEqual(
            caps_of(("client", "pc", "Exodus 0.9.1"), features), "QgayPKawpkPSDYmwT/WM94uAlu0="
        )
