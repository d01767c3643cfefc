"""Moods, activities and places: the tables of XEP-0107, XEP-0108 and XEP-0080."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping import pidf
from iwf.mapping.model import Activity, Device, Mood, Place, Show
from iwf.mapping.pidf.tables import ACTIVITY_OF_RPID, GENERAL, OTHER_MOODS, SHARED_MOODS, SPECIFIC
from tests.mapping.pidf.test_pidf import ENTITY, OPEN, document
from tests.mapping.pidf.things import LOCATED, NOW


def aspects(kind: str, inner: str) -> tuple[object, ...]:
    person = f"<dm:person id='p'><rpid:{kind}>{inner}</rpid:{kind}></dm:person>"
    return pidf.parse(document(OPEN.format("") + person)).aspects


def written(aspect: Mood | Activity, show: Show = Show.ONLINE) -> str:
    """The person of a document."""
    octets = pidf.build(ENTITY, [Device("pc", show=show)], [aspect], now=NOW).decode()
    return octets[octets.index('<dm:person id="p1">') + 19:octets.index("</dm:person>")]


class MoodTests(SynchronousTestCase):
    """XEP-0107 and RFC 4480 3.5."""

    def test_lists(self) -> None:
        """Both have 59 moods in common, and XMPP has 24 more (RICH-1)."""
        self.assertEqual((59, 24, set()),
                         (len(SHARED_MOODS), len(OTHER_MOODS), SHARED_MOODS & OTHER_MOODS))

    def test_read(self) -> None:
        """The first mood counts, with its note; words of strangers become texts (RICH-1)."""
        for inner, expected in (
                ("<rpid:in_love/><rpid:sad/>", Mood("in_love")),
                ("<rpid:note>wow</rpid:note><rpid:happy/>", Mood("happy", "wow")),
                ("<rpid:unknown/>", Mood("undefined")),
                ("<rpid:other>amorous</rpid:other>", Mood("amorous")),
                ("<rpid:other>grumblish</rpid:other>", Mood("undefined", "grumblish")),
                ("<x xmlns='urn:x'/><rpid:nothing-known/><rpid:calm/>", Mood("calm"))):
            self.assertEqual((expected,), aspects("mood", inner))
        self.assertEqual((), aspects("mood", ""))

    def test_written(self) -> None:
        """Moods of XMPP alone go as other words (RICH-1)."""
        for mood, expected in (
                (Mood("happy", "a & b"), "<rpid:note>a &amp; b</rpid:note><rpid:happy/>"),
                (Mood("amorous", "oh"), "<rpid:note>oh</rpid:note><rpid:other>amorous</rpid:other>"),
                (Mood("undefined", "grumblish"), "<rpid:other>grumblish</rpid:other>"),
                (Mood("undefined"), "<rpid:unknown/>")):
            self.assertEqual(f"<rpid:mood>{expected}</rpid:mood>", written(mood))


class ActivityTests(SynchronousTestCase):
    """XEP-0108 section 4 and RFC 4480 3.2."""

    def test_lists(self) -> None:
        """What the table names are activities of XEP-0108."""
        for general, specific in ACTIVITY_OF_RPID.values():
            self.assertIn(general, GENERAL)
            self.assertIn(specific, SPECIFIC | {""})
        self.assertEqual((12, 67), (len(GENERAL), len(SPECIFIC)))

    def test_read(self) -> None:
        """The rows of the table, and words of strangers as texts (RICH-2)."""
        for inner, expected in (
                ("<rpid:in-transit/>", Activity("traveling")),
                ("<rpid:shopping/>", Activity("relaxing", "shopping")),
                ("<rpid:presentation/>", Activity("working", "in_a_meeting")),
                ("<rpid:away/><rpid:tv/>", Activity("relaxing", "watching_tv")),
                ("<rpid:note>zzz</rpid:note><rpid:sleeping/>", Activity("inactive", "sleeping", "zzz")),
                ("<rpid:spectator/>", Activity("undefined", "", "spectator")),
                ("<rpid:looking-for-work/>", Activity("undefined", "", "looking for work")),
                ("<rpid:other>working/coding</rpid:other>", Activity("working", "coding")),
                ("<rpid:other>working/hard</rpid:other>", Activity("undefined", "", "working/hard"))):
            self.assertEqual((expected,), aspects("activities", inner))
        for inner in ("<rpid:away/>", "<rpid:busy/><rpid:performance/>", "<rpid:unknown/>", "<rpid:other/>", ""):
            self.assertEqual((), aspects("activities", inner))

    def test_written(self) -> None:
        """Activities of XMPP alone go as other words, behind what the show says (RICH-2, PIDF-6)."""
        for activity, expected in (
                (Activity("eating", "having_lunch", "soup"), "<rpid:note>soup</rpid:note><rpid:lunch/>"),
                (Activity("working", "coding"), "<rpid:other>working/coding</rpid:other>"),
                (Activity("drinking"), "<rpid:other>drinking</rpid:other>"),
                (Activity("undefined", "", "napping"), "<rpid:other>napping</rpid:other>"),
                (Activity("undefined"), "<rpid:unknown/>")):
            self.assertEqual(f"<rpid:activities>{expected}</rpid:activities>", written(activity))
        self.assertEqual("<rpid:activities><rpid:busy/><rpid:meeting/></rpid:activities>",
                         written(Activity("working", "in_a_meeting"), Show.BUSY))
        self.assertEqual("<rpid:activities><rpid:away/></rpid:activities>",
                         written(Activity("undefined"), Show.AWAY))

    def test_idle_person(self) -> None:
        """Who is long away has also touched nothing (PIDF-6)."""
        self.assertIn("<rpid:away/></rpid:activities><rpid:mood><rpid:sad/></rpid:mood>"
                      "<rpid:user-input>idle</rpid:user-input>",
                      written(Mood("sad"), Show.LONG_AWAY))


class PlaceTests(SynchronousTestCase):
    """XEP-0080 section 6 and RFC 4119."""

    def test_sample(self) -> None:
        """The street is joined of its parts, degrees become decimal (RFC 4119 2.3, RICH-4)."""
        self.assertEqual((Place((
            ("country", "US"), ("region", "New York"), ("locality", "New York"),
            ("street", "123 Broadway"), ("text", "Suite 75"), ("postalcode", "10027-0401"),
            ("lat", "37.775000"), ("lon", "-122.419444"))),), pidf.parse(LOCATED).aspects)

    def test_retention(self) -> None:
        """A location that must not be kept any longer is not used (RFC 4119 2.2.2)."""
        self.assertEqual((), pidf.parse(LOCATED, NOW).aspects)

    def test_written(self) -> None:
        """A location says that it may not be passed on, nor kept for more than a day (RICH-4)."""
        place = Place((("lat", "45.44"), ("lon", "12.33"), ("room", "7"), ("locality", "Venice")))
        octets = pidf.build(ENTITY, [Device("a", open=False), Device("b"), Device("c")], [place], now=NOW)
        self.assertEqual(1, octets.count(b"<gp:geopriv"))
        self.assertIn(b'<Point xmlns="http://www.opengis.net/gml" srsName="urn:ogc:def:crs:EPSG::4326">'
                      b"<pos>45.44 12.33</pos></Point>", octets)
        self.assertIn(b"<gbp:retransmission-allowed>no</gbp:retransmission-allowed>"
                      b"<gbp:retention-expiry>2026-03-02T10:20:00Z</gbp:retention-expiry>", octets)
        self.assertEqual((Place((("locality", "Venice"), ("lat", "45.44"), ("lon", "12.33"))),),
                         pidf.parse(octets, NOW).aspects)

    def test_no_place_on_earth(self) -> None:
        """Coordinates that are none are left out, and a place without anything is none."""
        for fields in ((("lat", "91"), ("lon", "0")), (("lat", "nan"), ("lon", "0")), (("lat", "1"),),
                       (("room", "7"),), ()):
            octets = pidf.build(ENTITY, [Device("b")], [Place(fields)], now=NOW)
            self.assertNotIn(b"geopriv", octets)
