"""Neutral presence as stanzas."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from iwf.edge import Offered
from iwf.mapping.model import (
    Activity,
    Address,
    Aspect,
    Device,
    Ending,
    Failure,
    Item,
    Mood,
    Note,
    Party,
    Payload,
    Place,
    Presence,
    Published,
    Reason,
    Show,
    Tune,
    WatchClosed,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.xmpp.disco import IMAGE_FEATURES, caps_of
from iwf.xmpp.elements import Component, octets_of
from iwf.xmpp.envelope import Unwritable
from iwf.xmpp.presence.shown import MOST_SHOWN, Shown
from iwf.xmpp.presence.writing import write_presence
from iwf.xmpp.stanzas import read
from tests.xmpp.kit import ANA, BEN, COMPONENT, DOMAIN, LANE, parse
from tests.xmpp.presence.test_reading import BARE_LEG, IMAGE, LEG

NOW = 1_772_360_400.0
PARTY = Party(ANA)
REFUSED = Failure(Reason.FORBIDDEN)


class Case(SynchronousTestCase):
    """A component that writes and remembers."""

    component: Component = COMPONENT

    def setUp(self) -> None:
        self.shown = Shown()

    def write(self, payload: Payload) -> list[Element]:
        item = Item("i1", LANE, "s", payload)
        return [parse(octets_of(one)) for one in write_presence(item, self.component, self.shown, NOW)]

    def state(self, *devices: Device, **fields: object) -> list[Element]:
        return self.write(Presence(PARTY, BEN, devices, **fields))  # type: ignore[arg-type]

    def told(self, stanzas: list[Element]) -> list[tuple[str, str, str]]:
        """The type, the sender and the recipient of each."""
        return [(one.getAttribute("type", ""), one["from"], one["to"]) for one in stanzas]


class PermissionTests(Case):
    """Who asks, grants, refuses and gives up."""

    def test_bare(self) -> None:
        """Permissions pass between users, not devices (RFC 6121 3.1)."""
        watcher, target = Party(evolve(ANA, instance="phone")), evolve(BEN, instance="pc")
        for payload, type in (
                (WatchRequested(watcher, target), "subscribe"),
                (WatchRenewed(watcher, target), "probe"),
                (WatchFetched(watcher, target, "s1"), "probe"),
                (WatchEnded(watcher, target), "unavailable"),
                (WatchEnded(watcher, target, forever=True), "unsubscribe"),
                (WatchGranted(watcher, target), "subscribed"),
                (WatchRefused(watcher, target, REFUSED), "unsubscribed")):
            self.assertEqual([(type, IMAGE, "ben@xmpp.example")], self.told(self.write(payload)))

    def test_request(self) -> None:
        """A request says who asks and what he says (PRES-22, XEP-0172)."""
        (asked,) = self.write(WatchRequested(Party(ANA, "Ana"), BEN, note="it is me"))
        self.assertEqual(["it is me", "Ana"], [str(one) for one in asked.elements()])
        self.assertEqual("i1", asked["id"])

    def test_refused(self) -> None:
        """What was shown is taken back before the permission is (PRES-8)."""
        self.state(Device("a"), Device("b"), legs=(LEG,))
        self.assertEqual([
            ("unavailable", f"{IMAGE}/c", "ben@xmpp.example"),
            ("unavailable", f"{IMAGE}/a", "ben@xmpp.example/pc"),
            ("unavailable", f"{IMAGE}/b", "ben@xmpp.example/pc"),
            ("unsubscribed", IMAGE, "ben@xmpp.example")],
            self.told(self.write(WatchRefused(PARTY, BEN, REFUSED, gone=("c",)))))

    def test_not_to_be_had(self) -> None:
        """Who cannot be asked just now is not refused: an error says why (PRES-16)."""
        failure = Failure(Reason.TIMEOUT, permanent=False)
        (error,) = self.write(WatchRefused(PARTY, BEN, failure))
        self.assertEqual("error", error["type"])
        self.assertIn("remote-server-timeout", error.toXml())

    def test_closed(self) -> None:
        """Legs that end for our own reasons leave nobody shown."""
        self.state(Device("a"))
        closed = WatchClosed(PARTY, BEN, (BARE_LEG,), Ending.NO_RESOURCE)
        self.assertEqual([("unavailable", f"{IMAGE}/a", "ben@xmpp.example")], self.told(self.write(closed)))
        self.assertEqual([], self.write(closed))

    def test_looks_no_more(self) -> None:
        """A SIP user who looks no more is not shown as gone to whom he is there (PRES-27)."""
        self.state(Device("a"))
        self.assertEqual([], self.write(WatchEnded(PARTY, BEN)))

    def test_that_have_no_words(self) -> None:
        """What XMPP cannot say, and what is not ours to say, is refused."""
        for payload in (Published(PARTY, BEN), WatchGranted(Party(BEN), BEN),
                        WatchGranted(Party(Address("xmpp", " ", DOMAIN)), BEN)):
            self.assertRaises(Unwritable, self.write, payload)


class StateTests(Case):
    """What there is to see."""

    def test_devices(self) -> None:
        """One stanza a device, with its name (PRES-35, XMPP-24); without one, from the bare JID."""
        self.assertEqual([("", f"{IMAGE}/a b", "ben@xmpp.example"), ("", IMAGE, "ben@xmpp.example")],
                         self.told(self.state(Device("a b"), Device())))

    def test_everything(self) -> None:
        """Show, texts, priority, since when, idle since when (PIDF-4, PIDF-10, RICH-5)."""
        (stanza,) = self.state(Device("a", True, Show.AWAY, (Note("<away>"), Note("weg", "de")), 7,
                                      NOW - 61, NOW - 90))
        ver = caps_of(("client", "pc", ""), IMAGE_FEATURES)
        self.assertEqual(parse(
            f"<presence from='{IMAGE}/a' to='ben@xmpp.example'><show>away</show><status>&lt;away&gt;</status>"
            "<status xml:lang='de'>weg</status><priority>7</priority>"
            f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='xmpp:{DOMAIN}' ver='{ver}'/>"
            f"<delay xmlns='urn:xmpp:delay' stamp='2026-03-01T10:18:59Z' from='{DOMAIN}'/>"
            "<idle xmlns='urn:xmpp:idle:1' since='2026-03-01T10:18:30Z'/></presence>").toXml(), stanza.toXml())

    def test_of_now(self) -> None:
        """What is so since a moment ago has no stamp (PIDF-10)."""
        (stanza,) = self.state(Device("a", at=NOW - 60))
        self.assertNotIn("delay", stanza.toXml())

    @settings(max_examples=60, deadline=None)
    @given(st.builds(
        Device, st.sampled_from(["", "pc"]), st.just(True), st.sampled_from(Show),
        st.lists(st.builds(Note, st.text(st.characters(categories=("L", "N", "S")), min_size=1),
                           st.sampled_from(["", "en", "de-AT"])), max_size=3,
                 unique_by=lambda one: one.language).map(tuple),
        st.integers(-128, 127) | st.none(), st.integers(10_000, 60_000).map(lambda ago: NOW - ago),
        st.none() | st.integers(0, 60_000).map(lambda ago: NOW - ago)))
    def test_round_trip(self, device: Device) -> None:
        """A user's server that sent back what we wrote would tell us the same."""
        (stanza,) = self.state(device)
        stanza["from"], stanza["to"] = stanza["to"] + "/" + (device.instance or "x"), stanza["from"]
        reading = read(stanza, COMPONENT, NOW)
        assert isinstance(reading, Offered) and isinstance(reading.more[0], Presence)
        self.assertEqual((evolve(device, instance=device.instance or "x"),), reading.more[0].devices)

    def test_two_texts_of_a_language(self) -> None:
        """There is one text a language (RFC 6121 4.7.2.2)."""
        (stanza,) = self.state(Device("a", notes=(Note("x", "en"), Note("y", "EN"), Note("z", "no tag"))))
        self.assertEqual(["x", "z"], [str(one) for one in stanza.elements() if one.name == "status"])

    def test_gone(self) -> None:
        """Devices shown before are taken back, with their last words (PRES-35)."""
        stanzas = self.state(Device("a"), Device("b", False, notes=(Note("bye"),)), gone=("b", "c"))
        self.assertEqual([("", f"{IMAGE}/a"), ("unavailable", f"{IMAGE}/b"), ("unavailable", f"{IMAGE}/c")],
                         [one[:2] for one in self.told(stanzas)])
        self.assertIn("<status>bye</status>", stanzas[1].toXml())

    def test_nothing(self) -> None:
        """Where no device was ever there, the user is not (PRES-35)."""
        for devices in ((), (Device("x", False, notes=(Note("bye"),)),)):
            (stanza,) = self.state(*devices)
            self.assertEqual([("unavailable", IMAGE, "ben@xmpp.example")], self.told([stanza]))
            self.assertEqual(bool(devices), "bye" in stanza.toXml())

    def test_not_known(self) -> None:
        """Of what is not known nothing is said (PRES-5), unless there is a reason to tell (draft 4.3)."""
        self.assertEqual([], self.state(known=False))
        for gone, sender in (((), IMAGE), (("a",), f"{IMAGE}/a")):
            (stanza,) = self.state(known=False, notice="the server is down", gone=gone)
            self.assertEqual([("unavailable", sender, "ben@xmpp.example")], self.told([stanza]))
            self.assertIn("the server is down", stanza.toXml())

    def test_to_those_who_asked(self) -> None:
        """A state for legs goes to the resources they name, and to none of another user (PRES-32)."""
        strange = f"x:{DOMAIN}|eve@xmpp.example/pc|ana*sip.example"
        self.assertEqual([("", IMAGE, "ben@xmpp.example/pc")],
                         self.told(self.state(Device(), legs=(LEG, strange))))
        self.assertEqual([("", IMAGE, "ben@xmpp.example")],
                         self.told(self.state(Device(), legs=(strange, "not ours"))))

    def test_device_without_a_possible_name(self) -> None:
        """A device whose name no resource can be is left out, and the others are not."""
        self.assertEqual([("", f"{IMAGE}/a", "ben@xmpp.example")],
                         self.told(self.state(Device("x" * 1024), Device("a"), Device("\x00"))))

    def test_one_resource(self) -> None:
        """Where users are to see one device, it is the most available one (PIDF-12)."""
        self.component = evolve(COMPONENT, one_resource=True)
        stanzas = self.state(Device("a", show=Show.AWAY), Device("b", priority=1), Device("c"), gone=("d",))
        self.assertEqual([("", IMAGE, "ben@xmpp.example")], self.told(stanzas))
        self.assertIn("<priority>1</priority>", stanzas[0].toXml())
        self.assertEqual([("unavailable", IMAGE, "ben@xmpp.example")],
                         self.told(self.state(gone=("b",))))


class AspectTests(Case):
    """Personal events of SIP users."""

    component = evolve(COMPONENT, rich=True)

    def aspects(self, *aspects: Aspect, **fields: object) -> list[Element]:
        written = self.state(Device("a"), aspects=aspects, **fields)
        return [one for one in written if one.name == "message"]

    def test_events(self) -> None:
        """Each is an event of its own node, as the user's contact would publish it (XEP-0163)."""
        mood, activity, tune = self.aspects(
            Mood("happy", "Yay!"), Activity("relaxing", "partying", "b-day"), Tune("Yes", 686, title="Heart"))
        start = (f"<message to='ben@xmpp.example' type='headline' from='{IMAGE}'>"
                 "<event xmlns='http://jabber.org/protocol/pubsub#event'>"
                 "<items node='http://jabber.org/protocol/{0}'><item id='current'>"
                 "<{0} xmlns='http://jabber.org/protocol/{0}'>{1}</{0}></item></items></event></message>")
        for stanza, node, inner in (
                (mood, "mood", "<happy/><text>Yay!</text>"),
                (activity, "activity", "<relaxing><partying/></relaxing><text>b-day</text>"),
                (tune, "tune", "<artist>Yes</artist><length>686</length><title>Heart</title>")):
            expected = parse(start.format(node, inner))
            self.assertEqual(next(expected.elements()).toXml(), next(stanza.elements()).toXml())
            self.assertEqual(expected.attributes, stanza.attributes)

    def test_changes(self) -> None:
        """What was told is not told again, and what is gone is told to be gone (RICH-1)."""
        self.assertEqual(1, len(self.aspects(Mood("happy"))))
        self.assertEqual([], self.aspects(Mood("happy")))
        (gone,) = self.aspects()
        self.assertIn("<mood xmlns='http://jabber.org/protocol/mood'/>", gone.toXml())
        self.assertEqual([], self.aspects())
        self.aspects(Mood("happy"))
        self.assertEqual(1, len(self.aspects(Mood("happy"), legs=(LEG,))))

    def test_consent(self) -> None:
        """A place is told of those alone who have consented (RICH-4); nothing where it is switched off."""
        place = Place((("lat", "45.44"), ("lon", "12.33"), ("timestamp", "x")))
        self.assertEqual([], self.aspects(place))
        self.component = evolve(self.component, locates=frozenset([ANA.key]))
        (told,) = self.aspects(place)
        self.assertIn("<lat>45.44</lat><lon>12.33</lon></geoloc>", told.toXml())
        self.component = COMPONENT
        self.assertEqual([], self.aspects(Mood("sad")))


class ShownTests(SynchronousTestCase):
    """What is remembered of what was shown."""

    def test_bound(self) -> None:
        """The memory has a bound; who was shown something last is remembered."""
        shown = Shown()
        for n in range(MOST_SHOWN + 10):
            shown.wrote("i/a", f"u{n}", True)
        shown.wrote("i/a", "u9", True)
        self.assertEqual(MOST_SHOWN, len(shown.withdraw_all()))
        self.assertEqual([], shown.withdraw_all())

    def test_taken_back(self) -> None:
        """What was taken back is not taken back again."""
        shown = Shown()
        shown.wrote("i/a", "u", True)
        shown.wrote("i/b", "u/pc", True)
        shown.wrote("i/c", "u/pc", True)
        shown.wrote("i/c", "u", True)
        shown.wrote("i/a", "u", False)
        self.assertTrue(shown.is_available("i", "u"))
        self.assertEqual([("i/b", "u/pc"), ("i/c", "u")], shown.withdraw("i", "u"))
        self.assertFalse(shown.is_available("i", "u"))
