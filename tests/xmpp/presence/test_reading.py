"""Presence stanzas of users as neutral events."""

from __future__ import annotations

import builtins

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.edge import Answered, Ignored, Offered
from iwf.mapping.model import (
    Activity,
    Address,
    Device,
    Event,
    Failure,
    Mood,
    Note,
    Party,
    Place,
    Presence,
    Reason,
    Refused,
    Remember,
    Show,
    Taken,
    Tune,
    WatchBroken,
    WatchEnded,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.xmpp.elements import Component
from iwf.xmpp.presence.answers import answer_verdict
from iwf.xmpp.presence.legs import leg_of, watcher_of_leg
from iwf.xmpp.presence.reading import FOR_EVER, LEG_LIFE
from iwf.xmpp.stanzas import read
from tests.xmpp.kit import ANA, BEN, COMPONENT, DOMAIN, LANE, PHONE_COMPONENT, parse

IMAGE = f"ana*sip.example@{DOMAIN}"
PC = evolve(BEN, instance="pc")
PARTY, USER = Party(PC, asserted_by=LANE), Party(BEN, asserted_by=LANE)
BARE_LEG = f"x:{DOMAIN}|ben@xmpp.example|ana*sip.example"
LEG = f"x:{DOMAIN}|ben@xmpp.example/pc|ana*sip.example"
NOW = 1000.0


def stanza(type: str = "", inner: str = "", to: str = IMAGE, sender: str = "ben@xmpp.example/pc") -> Element:
    given = f" type='{type}'" if type else ""
    return parse(f"<presence from='{sender}' to='{to}'{given} id='p1'>{inner}</presence>")


def events(type: str = "", inner: str = "", to: str = IMAGE, sender: str = "ben@xmpp.example/pc",
           component: Component = COMPONENT) -> tuple[Event, ...]:
    """What the stanza tells the core."""
    reading = read(stanza(type, inner, to, sender), component, NOW)
    assert isinstance(reading, Offered), reading
    return reading.event, *reading.more


def device(inner: str, type: str = "") -> Device:
    """The device in what it tells."""
    seen = next(event for event in events(type, inner) if isinstance(event, Presence))
    return seen.devices[0]


class ReadingTests(SynchronousTestCase):
    """What each type of presence says."""

    def test_available(self) -> None:
        """Who is there looks, and is to be seen (PRES-9, PRES-33)."""
        self.assertEqual((
            WatchRenewed(PARTY, ANA, LEG, NOW + LEG_LIFE, LANE),
            Presence(PARTY, ANA, (Device("pc", at=NOW),), whole=False, lane=LANE)), events())

    def test_resource_of_an_image(self) -> None:
        """The device that was addressed is known to the core, the leg is the image's (RFC 6121 4.6)."""
        looks, seen = events(to=f"{IMAGE}/phone")
        assert isinstance(seen, Presence) and isinstance(looks, WatchRenewed)
        self.assertEqual((ANA, LEG, "phone"), (looks.target, looks.leg, seen.target.instance))

    def test_unavailable(self) -> None:
        """Who goes is no more to be seen, and neither this resource nor the user by himself looks
        (PRES-10)."""
        self.assertEqual((
            Presence(PARTY, ANA, (Device("pc", False, at=NOW),), whole=False, lane=LANE),
            WatchEnded(PARTY, ANA, LEG, lane=LANE), WatchEnded(PARTY, ANA, BARE_LEG, lane=LANE)),
            events("unavailable"))

    def test_unavailable_for_good(self) -> None:
        """A user without any resource is not there, and none of his looks."""
        self.assertEqual((
            Presence(USER, ANA, (Device(open=False, at=NOW),), whole=False, lane=LANE),
            WatchEnded(USER, ANA, lane=LANE)),
            events("unavailable", sender="ben@xmpp.example"))

    def test_probe(self) -> None:
        """A probe comes from a resource or from the user (PRES-15)."""
        self.assertEqual((WatchRenewed(PARTY, ANA, LEG, NOW + LEG_LIFE, LANE),), events("probe"))
        self.assertEqual((WatchRenewed(USER, ANA, BARE_LEG, NOW + LEG_LIFE, LANE),),
                         events("probe", sender="ben@xmpp.example"))

    def test_subscribe(self) -> None:
        """A request is the user's, with what he says (PRES-1)."""
        inner = "<status>it is me</status><nick xmlns='http://jabber.org/protocol/nick'> Ben </nick>"
        self.assertEqual(
            (WatchRequested(evolve(USER, name="Ben"), ANA, BARE_LEG, NOW + LEG_LIFE, "it is me", LANE),),
            events("subscribe", inner))

    def test_permissions(self) -> None:
        """Permission given, not given, given back (PRES-23, PRES-24, PRES-13)."""
        no = Failure(Reason.FORBIDDEN, everywhere=True)
        for type, expected in (
                ("subscribed", WatchGranted(USER, ANA, lane=LANE)),
                ("unsubscribed", WatchRefused(USER, ANA, no, lane=LANE)),
                ("unsubscribe", WatchEnded(USER, ANA, forever=True, lane=LANE))):
            self.assertEqual((expected,), events(type))

    def test_error(self) -> None:
        """Who is not there is not asked again nor told; who refuses is told; who cannot be reached is asked
        later (PRES-37)."""
        error = "<error type='{}'><{} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        refused, ended = events("error", error.format("cancel", "item-not-found"), sender="ben@xmpp.example")
        self.assertEqual(
            WatchRefused(USER, ANA, Failure(Reason.UNKNOWN_RECIPIENT, everywhere=True), lane=LANE), refused)
        self.assertEqual(WatchEnded(USER, ANA, forever=True, lane=LANE), ended)
        (refused,) = events("error", error.format("auth", "forbidden"), sender="ben@xmpp.example")
        self.assertIsInstance(refused, WatchRefused)
        (broken,) = events("error", error.format("cancel", "remote-server-not-found"))
        self.assertIsInstance(broken, WatchBroken)
        (broken,) = events("error", error.format("wait", "remote-server-timeout"), sender="ben@xmpp.example")
        self.assertEqual(
            WatchBroken(USER, ANA, Failure(Reason.TIMEOUT, False, everywhere=True), LANE), broken)

    def test_room(self) -> None:
        """Who takes an image for a room is told that it is none."""
        reading = read(stanza(inner="<x xmlns='http://jabber.org/protocol/muc'/>"), COMPONENT, NOW)
        assert isinstance(reading, Answered)
        self.assertIn(b"service-unavailable", reading.answer)

    def test_nobody(self) -> None:
        """Nobody's presence can be had from an address that is no image (XMPP-13)."""
        for local in ("ana", "a\\5cb"):
            for type in ("subscribe", "probe"):
                reading = read(stanza(type, to=f"{local}@{DOMAIN}"), COMPONENT, NOW)
                assert isinstance(reading, Answered)
                self.assertIn(b"type='unsubscribed'", reading.answer)
            for type in ("", "unavailable", "subscribed", "error"):
                self.assertIsInstance(read(stanza(type, to=f"{local}@{DOMAIN}"), COMPONENT, NOW), Ignored)
        self.assertIsInstance(read(stanza("invisible"), COMPONENT, NOW), Ignored)

    def test_direct_scheme(self) -> None:
        """Where the domain is one of SIP itself, its users have no star (ADDR-27)."""
        (asked,) = events("subscribe", to=f"ana@{DOMAIN}", component=evolve(COMPONENT, is_direct=True))
        assert isinstance(asked, WatchRequested)
        self.assertEqual(Address("xmpp", "ana", DOMAIN), asked.target)

    def test_phones(self) -> None:
        """What a phone is to be seen of is the core's matter (SMSP-5)."""
        (asked,) = events("subscribe", to="+4915100000001@sms.xmpp.example", component=PHONE_COMPONENT)
        self.assertIsInstance(asked, WatchRequested)


class DeviceTests(SynchronousTestCase):
    """What there is to see of a resource (PIDF-4)."""

    def test_everything(self) -> None:
        """Show, a text in each language, priority, since when, idle since when."""
        self.assertEqual(
            Device("pc", True, Show.LONG_AWAY, (Note("gone"), Note("weg", "de")), -5, 500.0, 400.0),
            device("<show> xa </show><status>gone</status><status xml:lang='de'>weg</status>"
                   "<status xml:lang='de'>fort</status><priority>-5</priority>"
                   "<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:08:20Z'/>"
                   "<idle xmlns='urn:xmpp:idle:1' since='1970-01-01T00:06:40Z'/>"))

    def test_rubbish(self) -> None:
        """What is no show, priority or time counts as nothing said."""
        for inner in ("<show>dancing</show><priority>high</priority><status> </status>",
                      "<show/><priority>128</priority><status/>",
                      "<priority>99999999999999999999</priority>",
                      "<delay xmlns='urn:xmpp:delay'/><idle xmlns='urn:xmpp:idle:1' since='now'/>",
                      "<show xmlns='x'>away</show><delay xmlns='urn:xmpp:delay' stamp='2999-01-01T00:00:00Z'/>"):
            self.assertEqual(Device("pc", at=NOW), device(inner))

    def test_many_texts(self) -> None:
        """A stanza full of languages does not fill the memory."""
        self.assertEqual(16, len(device("".join(
            f"<status xml:lang='x-{n}'>hi</status>" for n in range(100))).notes))

    def test_last_words(self) -> None:
        """Who goes may say why; he has no show."""
        self.assertEqual(Device("pc", False, notes=(Note("bye"),), at=NOW),
                         device("<show>away</show><priority>3</priority><status>bye</status>", "unavailable"))


class GatewayTests(SynchronousTestCase):
    """The gateway in a roster (XMPP-21..23)."""

    def answer(self, type: str, sender: str = "ben@xmpp.example") -> str:
        element = stanza(type, to=DOMAIN, sender=sender)
        reading = read(element, COMPONENT, NOW)
        assert isinstance(reading, Offered)
        return answer_verdict(element, reading.event, Taken(""), COMPONENT).decode()

    def test_subscribe(self) -> None:
        """Who adds the gateway is remembered for ever, told yes, and that it is there, with its
        capabilities (XMPP-18)."""
        self.assertEqual((
            Remember(LANE, "xmpp:ben@xmpp.example", "ben@xmpp.example", FOR_EVER),
            WatchRequested(USER, Address("xmpp", "", DOMAIN), f"x:{DOMAIN}|ben@xmpp.example|",
                           NOW + LEG_LIFE, "", LANE)), events("subscribe", to=DOMAIN))
        granted, there = parse(f"<x>{self.answer('subscribe')}</x>").elements()
        self.assertEqual(("subscribed", DOMAIN, "ben@xmpp.example"),
                         (granted["type"], granted["from"], granted["to"]))
        self.assertEqual((None, "ben@xmpp.example", "sha-1"),
                         (there.getAttribute("type"), there["to"], next(there.elements())["hash"]))

    def test_no_more(self) -> None:
        """Who removes it, or is not there any more, is forgotten (XMPP-23)."""
        error = "<error type='cancel'><{} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        for type, inner, more in (
                ("unsubscribe", "", [WatchEnded]), ("unsubscribed", "", [WatchRefused]),
                ("error", error.format("item-not-found"), [WatchRefused, WatchEnded])):
            remembered, *others = events(type, inner, to=DOMAIN)
            self.assertEqual(Remember(LANE, "xmpp:ben@xmpp.example", "", FOR_EVER), remembered)
            self.assertEqual(more, [builtins.type(other) for other in others])
        self.assertIn("type='unsubscribed'", self.answer("unsubscribe"))
        self.assertEqual("", self.answer("unsubscribed"))

    def test_not_to_be_reached(self) -> None:
        """Whose server does not answer for a while is not forgotten."""
        error = "<error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        self.assertEqual([WatchBroken], [type(event) for event in events("error", error, to=DOMAIN)])

    def test_probe(self) -> None:
        """Who probes it is told that it is there, at the resource that asked (XMPP-21)."""
        reading = read(stanza("probe", to=DOMAIN), COMPONENT, NOW)
        assert isinstance(reading, Answered)
        self.assertIn(b"to='ben@xmpp.example/pc'", reading.answer)
        self.assertIsInstance(read(stanza("invisible", to=DOMAIN), COMPONENT, NOW), Ignored)

    def test_watched(self) -> None:
        """What a user lets the gateway itself see is there to be published (PUB-1)."""
        gateway = Address("xmpp", "", DOMAIN)
        self.assertEqual((WatchGranted(USER, gateway, lane=LANE),), events("subscribed", to=DOMAIN))
        for type in ("", "unavailable"):
            self.assertEqual((Presence(PARTY, gateway, (Device("pc", not type, at=NOW),), whole=False,
                                       lane=LANE),), events(type, to=DOMAIN))


class VerdictTests(SynchronousTestCase):
    """What is answered when the core says no (XMPP section 6)."""

    def answer(self, type: str, reason: Reason) -> str:
        element = stanza(type)
        reading = read(element, COMPONENT, NOW)
        assert isinstance(reading, Offered)
        return "".join(answer_verdict(element, event, Refused(Failure(reason)), COMPONENT).decode()
                       for event in (reading.event, *reading.more))

    def test_request(self) -> None:
        """Who asks for what cannot be is told by an error: no such user, another tenant."""
        for reason, condition in ((Reason.UNKNOWN_RECIPIENT, "item-not-found"),
                                  (Reason.FORBIDDEN, "forbidden")):
            answer = parse(self.answer("subscribe", reason))
            self.assertEqual(("error", "p1", IMAGE), (answer["type"], answer["id"], answer["from"]))
            self.assertIn(condition, answer.toXml())

    def test_probe(self) -> None:
        """Who may not see is told that he is not subscribed, under the id of his probe (PRES-15)."""
        answer = parse(self.answer("probe", Reason.SUBSCRIPTION_REQUIRED))
        self.assertEqual(("unsubscribed", "p1"), (answer["type"], answer["id"]))

    def test_probe_that_cannot_be_answered_now(self) -> None:
        """Trouble of ours ends no subscription: who may see is not told that he may not (RFC 6121 4.3.2)."""
        element = parse(f"<presence from='ben@xmpp.example' to='{IMAGE}' type='probe' id='p1'/>")
        event = WatchRenewed(Party(USER), ANA, "leg", 1.0)
        for reason in (Reason.INTERNAL, Reason.CONGESTED):
            verdict = Refused(Failure(reason, permanent=False))
            self.assertEqual(b"", answer_verdict(element, event, verdict, COMPONENT))

    def test_others(self) -> None:
        """All other presence is refused in silence."""
        for type in ("", "unavailable", "subscribed", "unsubscribed", "unsubscribe", "error"):
            self.assertEqual("", self.answer(type, Reason.FORBIDDEN))


class LegTests(SynchronousTestCase):
    """The names of those who are told."""

    parts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=10)

    @settings(max_examples=100, deadline=None)
    @given(parts, parts | st.just(""), parts)
    def test_round_trip(self, user: str, resource: str, image: str) -> None:
        """A leg names its watcher, whatever characters his JID has, and is one line of text."""
        watcher = Address("xmpp", user, "xmpp.example", resource)
        leg = leg_of(watcher, Address("xmpp", image, DOMAIN), COMPONENT)
        self.assertEqual(watcher, watcher_of_leg(leg))
        self.assertTrue(leg.isprintable())

    def test_strangers(self) -> None:
        """The legs of other worlds are none of XMPP's."""
        for leg in ("", "x:", "x:a|b", "a90c", "|||", "s:a|b|c"):
            self.assertIsNone(watcher_of_leg(leg))


class EventTests(SynchronousTestCase):
    """Personal events (RICH-1..4)."""

    RICH = evolve(COMPONENT, rich=True, locates=frozenset([BEN.key]))

    def read(self, node: str, payload: str, component: Component = RICH,
             sender: str = "ben@xmpp.example") -> object:
        return read(parse(
            f"<message from='{sender}' to='{IMAGE}' type='headline'>"
            f"<event xmlns='http://jabber.org/protocol/pubsub#event'>"
            f"<items node='http://jabber.org/protocol/{node}'>{payload}</items></event></message>"),
            component, NOW)

    def aspect(self, node: str, inner: str) -> object:
        payload = f"<item id='1'><{node} xmlns='http://jabber.org/protocol/{node}'>{inner}</{node}></item>"
        reading = self.read(node, payload)
        assert isinstance(reading, Offered) and isinstance(reading.event, Presence)
        self.assertEqual((USER, ANA, False, ()), (
            reading.event.origin, reading.event.target, reading.event.whole, reading.event.devices))
        return reading.event.aspects[0]

    def test_aspects(self) -> None:
        """Mood, activity, tune and place, as their standards have them (XEP-0107, 0108, 0118, 0080)."""
        for node, inner, expected in (
                ("mood", "<happy/><text>Yay!</text>", Mood("happy", "Yay!")),
                ("mood", "<grumblish/><sad/>", Mood("sad")),
                ("activity", "<relaxing><partying/></relaxing><text>b-day</text>",
                 Activity("relaxing", "partying", "b-day")),
                ("activity", "<working><x xmlns='urn:x'/></working>", Activity("working")),
                ("tune", "<artist>Yes</artist><length>686</length><rating>8</rating><title>Heart</title>",
                 Tune("Yes", 686, 8, title="Heart")),
                ("tune", "<length>long</length><rating>11</rating>", Tune()),
                ("geoloc", "<country>Italy</country><lat>45.44</lat><lon>12.33</lon><odd>x</odd>",
                 Place((("country", "Italy"), ("lat", "45.44"), ("lon", "12.33"))))):
            self.assertEqual(expected, self.aspect(node, inner))

    def test_no_more(self) -> None:
        """An empty event, and one that takes an item back, say that there is nothing (XEP-0107 2.2)."""
        self.assertEqual([Mood(), Activity(), Tune(), Place()],
                         [self.aspect(node, "") for node in ("mood", "activity", "tune", "geoloc")])
        for payload in ("<retract id='1'/>", "<item/>", "<item><x xmlns='urn:x'/></item>", ""):
            reading = self.read("mood", payload)
            assert isinstance(reading, Offered) and isinstance(reading.event, Presence)
            self.assertEqual((Mood(),), reading.event.aspects)

    def test_that_do_not_cross(self) -> None:
        """Nothing crosses unless it is switched on, a place only by consent (RICH-4), other nodes never."""
        item = "<item><{0} xmlns='http://jabber.org/protocol/{0}'/></item>"
        for node, component in (("mood", COMPONENT), ("geoloc", evolve(COMPONENT, rich=True)),
                                ("nick", self.RICH)):
            self.assertIsInstance(self.read(node, item.format(node), component), Ignored)
