"""Presence documents: what is written is read again, and what others write is understood."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping import pidf
from iwf.mapping.model import Activity, Aspect, Device, Mood, Note, Show, Tune
from iwf.mapping.pidf import PidfFault
from iwf.mapping.pidf.devices import (
    fraction_of_priority,
    id_of_instance,
    instance_of_id,
    priority_of_fraction,
)
from tests.mapping.pidf.things import (
    BRIDGED,
    EXTENDED,
    FIRST,
    NOW,
    RICH,
    SAMPLES,
    aspects,
    instances,
    states,
)

ENTITY = "pres:ben*xmpp.example@x.sip.example"
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("pidf.xsd")))

quick = settings(max_examples=60, deadline=None)


def contact_of(device: Device) -> str:
    return "sip:ben*xmpp.example@x.sip.example"


def document(inner: str, attributes: str = "") -> bytes:
    """A document of somebody who uses every namespace there is."""
    return (f"<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns='urn:ietf:params:xml:ns:pidf'"
            f" xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model'"
            f" xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' xmlns:im='urn:ietf:params:xml:ns:pidf:im'"
            f" entity='sip:ana@sip.example' {attributes}>{inner}</p:presence>").encode()


OPEN = "<tuple id='a'><status><basic>open</basic></status>{}</tuple>"


def one(inner: str, now: float | None = NOW) -> Device:
    """The only device of such a document."""
    (device,) = pidf.parse(document(inner), now).devices
    return device


class PairTests(SynchronousTestCase):
    """Writing and reading."""

    def test_document_of_the_examples(self) -> None:
        """The document of example 2.1 is written as there, octet for octet."""
        pc = Device("pc", show=Show.BUSY, notes=(Note("writing", "en"),), priority=5, at=NOW)
        phone = Device("phone", priority=0, at=NOW - 4800)
        octets = pidf.build(ENTITY, [phone, pc], now=NOW,
                            contact_of=lambda device: f"{contact_of(device)};gr={device.instance}")
        self.assertEqual(
            b'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
            b' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
            b' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:ben*xmpp.example@x.sip.example">'
            b'<tuple id="ID-pc"><status><basic>open</basic><show xmlns="jabber:client">dnd</show>'
            b'</status><contact priority="0.039">sip:ben*xmpp.example@x.sip.example;gr=pc</contact>'
            b'<note xml:lang="en">writing</note><timestamp>2026-03-01T10:20:00Z</timestamp></tuple>'
            b'<tuple id="ID-phone"><status><basic>open</basic></status><contact priority="0">'
            b"sip:ben*xmpp.example@x.sip.example;gr=phone</contact>"
            b"<timestamp>2026-03-01T09:00:00Z</timestamp></tuple>"
            b'<dm:person id="p1"><rpid:activities><rpid:busy/></rpid:activities></dm:person></presence>', octets)
        self.assertEqual({pc, phone}, set(pidf.parse(octets).devices))

    @settings(max_examples=200, deadline=None)
    @given(states)
    def test_round_trip(self, state: list[Device]) -> None:
        """Any set of devices comes back as it was (PIDF-13)."""
        read = pidf.parse(pidf.build(ENTITY, state, now=NOW, contact_of=contact_of), NOW)
        self.assertEqual(set(state), set(read.devices))
        self.assertEqual(ENTITY, read.entity)

    @quick
    @given(aspects)
    def test_round_trip_of_aspects(self, state: tuple[Aspect, ...]) -> None:
        """Moods, activities and places of XMPP come back as they were, but for those that are the
        same to the IETF (RICH-1, 2, 4)."""
        read = pidf.parse(pidf.build(ENTITY, [Device("pc")], state, now=NOW), NOW)
        self.assertEqual([_as_told(one) for one in state if _as_told(one)], list(read.aspects))

    @quick
    @given(states, aspects, st.integers(0, 2000))
    def test_schema(self, state: list[Device], rich: tuple[Aspect, ...], number: int) -> None:
        """Whatever is written is a document by the grammar of RFC 3863 (PIDF-3)."""
        octets = pidf.build(ENTITY, state, rich, now=NOW, contact_of=contact_of, number=number,
                            tune_as_note=True)
        SCHEMA.assertValid(etree.fromstring(octets))

    def test_schema_of_samples(self) -> None:
        """The grammar the tests use takes the samples of the standards and not just anything."""
        for octets in SAMPLES:
            SCHEMA.assertValid(etree.fromstring(octets))
        self.assertFalse(SCHEMA.validate(etree.fromstring(document("<note>a</note><tuple id='a'/>"))))

    def test_timestamps_of_two_documents(self) -> None:
        """Two documents of a dialog have no timestamp in common, though nothing has changed (PIDF-4)."""
        devices = [Device("pc", at=NOW - 5), Device("phone")]
        stamps = [
            {one.text for one in etree.fromstring(
                pidf.build(ENTITY, devices, now=NOW, number=number)).iter("{*}timestamp")}
            for number in (0, 1, 2)]
        self.assertEqual({"2026-03-01T10:19:55Z", "2026-03-01T10:20:00Z"}, stamps[0])
        self.assertEqual({"2026-03-01T10:19:55.001Z", "2026-03-01T10:20:00.001Z"}, stamps[1])
        self.assertEqual(set(), stamps[1] & stamps[2])

    def test_no_contact(self) -> None:
        """A device that is closed or wants no messages is shown without a contact (PIDF-9)."""
        octets = pidf.build(ENTITY, [Device("a", priority=-1), Device("b", open=False), Device("c")],
                            now=NOW, contact_of=contact_of)
        self.assertEqual(1, octets.count(b"<contact"))
        self.assertEqual([True, False, True], [one.open for one in pidf.parse(octets).devices])

    def test_neutral(self) -> None:
        """What nobody knows has no tuple, and polite blocking has a closed one (PIDF-11)."""
        pending, blocked = pidf.neutral(ENTITY, note="asked"), pidf.neutral(ENTITY, open=False)
        for octets in (pending, blocked):
            SCHEMA.assertValid(etree.fromstring(octets))
        self.assertEqual(((), (Note("asked"),)), (pidf.parse(pending).devices, pidf.parse(pending).notes))
        self.assertEqual((Device(open=False),), pidf.parse(blocked).devices)

    def test_language(self) -> None:
        """A note without a language is in that of its parents, or of the message (PIDF-7, RFC 8048 6)."""
        octets = (b"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:a@b.example'><tuple id='a'><status>"
                  b"<basic>open</basic></status><note>da</note><note xml:lang='en'>here</note></tuple></presence>")
        own = octets.replace(b"<tuple ", b"<tuple xml:lang='fr' ")
        for document, said, read in ((octets, "de", "de"), (octets, "", ""), (octets, "no language", ""),
                                     (own, "de", "fr")):
            [device] = pidf.parse(document, language=said).devices
            self.assertEqual((Note("da", read), Note("here", "en")), device.notes)

    def test_tune_in_words(self) -> None:
        """A tune is told in words where that is wanted, and not otherwise (RICH-3)."""
        tune = (Tune("Yes", title="Heart of the Sunrise"),)
        told = pidf.build(ENTITY, [Device()], tune, now=NOW, tune_as_note=True)
        self.assertIn(b"<rpid:other>listening to Heart of the Sunrise - Yes</rpid:other>", told)
        self.assertNotIn(b"Heart", pidf.build(ENTITY, [Device()], tune, now=NOW))


def _as_told(aspect: Aspect) -> Aspect | None:
    """An XMPP aspect after it has been an RPID one: several words are one there."""
    match aspect:
        case Activity("undefined", "", ""):
            return None  # an activity that is not known is none
        case Activity("doing_chores", "buying_groceries"):
            return evolve(aspect, general="relaxing", specific="shopping")
        case _:
            return aspect


class NamesTests(SynchronousTestCase):
    """Tuple ids and priorities."""

    @quick
    @given(instances)
    def test_ids(self, instance: str) -> None:
        """Any resource makes an XML name and comes back (PIDF-4)."""
        id = id_of_instance(instance)
        self.assertRegex(id, r"\A[A-Za-z_][A-Za-z0-9._-]*\Z")
        self.assertEqual(instance, instance_of_id(id))

    def test_ids_of_the_rule(self) -> None:
        """The forms of PIDF-4, and ids of strangers as they stand."""
        for instance, id in (("", "ID"), ("pc", "ID-pc"), ("a b_c", "ID-a_0020_b_005F_c"),
                             ("\U0001f4f1", "ID-_1F4F1_")):
            self.assertEqual(id, id_of_instance(instance))
        for id, instance in (("sg89ae", "sg89ae"), ("ID-dr4", "dr4"), ("_0000_", "_0000_"),
                             ("_D800_x", "_D800_x"), ("_20_", "_20_"), ("_FFFFFF_", "_FFFFFF_")):
            self.assertEqual(instance, instance_of_id(id))

    def test_priorities(self) -> None:
        """All priorities come back, and the values of the rule are these (PIDF-8)."""
        self.assertEqual(["0", "0.007", "0.015", "0.023"], [fraction_of_priority(p) for p in range(4)])
        self.assertEqual(("0.992", "1"), (fraction_of_priority(126), fraction_of_priority(127)))
        for priority in range(128):
            self.assertEqual(priority, priority_of_fraction(fraction_of_priority(priority)))

    def test_no_priorities(self) -> None:
        """What is out of range, or no number, is no priority (PIDF-8)."""
        for text in ("", "1.01", "2", "-0.5", "x", ".", "1e0", "0,5", "\u0661", "9" * 400):
            self.assertIsNone(priority_of_fraction(text))
        self.assertEqual((127, 64), (priority_of_fraction("1.000"), priority_of_fraction(" .5 ")))


class StrangerTests(SynchronousTestCase):
    """Documents of other people's software."""

    def test_phone(self) -> None:
        """A telephone number is no device to chat with (RFC 3863 4.3, PIDF-5)."""
        self.assertEqual((), pidf.parse(FIRST).devices)

    def test_notes_and_busy(self) -> None:
        """Notes in two languages, a busy messenger, no mail box (RFC 3863 4.3)."""
        read = pidf.parse(EXTENDED)
        self.assertEqual((Device(
            "bs35r9", True, Show.BUSY, (Note("Don't Disturb Please!", "en"),
                                        Note("Ne derangez pas, s'il vous plait", "fr")),
            102, 1004201369.0),), read.devices)
        self.assertEqual((Note("I'll be in Tokyo next week"),), read.notes)

    def test_person(self) -> None:
        """What a person does and feels holds for his devices; couriers are none (RFC 4479, RFC 4480)."""
        read = pidf.parse(RICH)
        mobile, home = read.devices
        self.assertEqual(Device("bs35r9", True, Show.LONG_AWAY, (Note("Scoring 120"),), 102, 1117490429.0,
                                1098382800.0), mobile)
        self.assertEqual(Device("c8dqui", False, notes=(Note("at home"),)), home)
        self.assertEqual((Mood("angry"),), read.aspects)

    def test_gateway(self) -> None:
        """A document of another gateway names the resource and its show (RFC 8048 5)."""
        self.assertEqual((Device("dr4hcr0st3lup4c", show=Show.AWAY),), pidf.parse(BRIDGED).devices)

    def test_draft(self) -> None:
        """The namespaces of the drafts, with and without colon, are read as the standard's (PIDF-2)."""
        for colon in ("", ":"):
            octets = document(OPEN.format("")).replace(b"xml:ns:pidf'", f"xml:ns:cpim-pidf{colon}'".encode())
            self.assertEqual((Device("a"),), pidf.parse(octets).devices)

    def test_order_of_evidence(self) -> None:
        """XMPP's own word counts before activities, those before idleness, that before im (PIDF-6)."""
        show = "<show xmlns='jabber:client'>chat</show>"
        activity = "<dm:person id='p'><rpid:activities><rpid:{}/></rpid:activities></dm:person>"
        idle = "<rpid:user-input>idle</rpid:user-input>"
        busy = "<tuple id='a'><status><basic>open</basic><im:im>busy</im:im></status>{}</tuple>"
        for inner, expected in (
                (busy.format(show + idle) + activity.format("away"), Show.CHAT),
                (busy.format(idle) + activity.format("meeting"), Show.BUSY),
                (busy.format(idle) + activity.format("vacation"), Show.LONG_AWAY),
                (busy.format(idle) + activity.format("lunch"), Show.AWAY),
                (busy.format(idle) + activity.format("unknown"), Show.AWAY),
                (busy.format(""), Show.BUSY),
                (busy.format("<rpid:user-input>active</rpid:user-input>"), Show.BUSY),
                (OPEN.format("") + activity.format("working"), Show.ONLINE)):
            self.assertEqual(expected, one(inner).show)

    def test_long_away(self) -> None:
        """Away and idle for more than a quarter of an hour is long away (PIDF-6)."""
        inner = OPEN + "<dm:person id='p'><rpid:activities><rpid:away/></rpid:activities></dm:person>"
        idle = "<rpid:user-input last-input='2026-03-01T{}:00Z'>idle</rpid:user-input>"
        for at, expected in (("10:04", Show.LONG_AWAY), ("10:05", Show.AWAY)):
            device = one(inner.format(idle.format(at)))
            self.assertEqual(expected, device.show)
            self.assertIsNotNone(device.idle_since)

    def test_show_of_one_device(self) -> None:
        """Where XMPP's word stands in one tuple, the person's activity says nothing of the others
        (PIDF-13)."""
        inner = ("<tuple id='a'><status><basic>open</basic><show xmlns='jabber:client'>dnd</show></status>"
                 "</tuple><tuple id='b'><status><basic>open</basic></status></tuple>"
                 "<dm:person id='p'><rpid:activities><rpid:busy/></rpid:activities></dm:person>")
        self.assertEqual([Show.BUSY, Show.ONLINE], [one.show for one in pidf.parse(document(inner)).devices])

    def test_notes(self) -> None:
        """The text of a tuple, else of the person, else of the document (PIDF-7, RFC 4479)."""
        person = "<dm:person id='p'><dm:note>person</dm:note></dm:person>"
        everyone = "<note xml:lang='cs'>all</note>"
        for inner, expected in (
                (OPEN.format("<note>mine</note><note> </note><note>twice</note>") + everyone + person,
                 Note("mine")),
                (OPEN.format("") + everyone + person, Note("person")),
                (OPEN.format("<note/>") + everyone, Note("all", "cs")),
                (OPEN.format("<note xml:lang='not a tag'>mine</note>"), Note("mine"))):
            self.assertEqual((expected,), one(inner).notes)
        self.assertEqual((Note("inherited", "de"),), pidf.parse(
            document(OPEN.format("<note>inherited</note>"), "xml:lang='de'")).devices[0].notes)

    def test_activity_makes_no_text(self) -> None:
        """Nobody is given words that he has not said (PIDF-7)."""
        person = "<dm:person id='p'><rpid:activities><rpid:vacation/></rpid:activities></dm:person>"
        self.assertEqual((), one(OPEN.format("") + person).notes)

    def test_status_of_another_kind(self) -> None:
        """A tuple without basic status is open if it has any other (PIDF-5)."""
        for status, expected in (("<im:im>open</im:im>", True), ("", False), ("<basic>no</basic>", False),
                                 ("<basic> OPEN </basic>", True)):
            self.assertEqual(expected, one(f"<tuple id='a'><status>{status}</status></tuple>").open)
        self.assertFalse(one("<tuple/>").open)

    def test_gruu(self) -> None:
        """A GRUU in the contact names the device, whatever the id (PIDF-12, ADDR-31)."""
        for uri, expected in (("sip:a@b;gr=pc%20home", "pc home"), ("sip:a@b;GR=pc;x", "pc"),
                              ("sip:a@b;gr", "a"), ("sip:a@b;gr=%FF", "%FF"), ("sip:a@b", "a")):
            self.assertEqual(expected, one(OPEN.format(f"<contact>{uri}</contact>")).instance)

    def test_same_device_twice(self) -> None:
        """Of two tuples of one device the more available one counts (PIDF-12)."""
        closed = "<tuple id='a'><status><basic>closed</basic></status></tuple>"
        for inner in (closed + OPEN.format(""), OPEN.format("") + closed):
            self.assertTrue(one(inner).open)

    def test_order_of_availability(self) -> None:
        """Open before closed, then show, then priority, then the newest (PIDF-12)."""
        ordered = [Device("a", show=Show.CHAT), Device("b", priority=9), Device("c", priority=3, at=2.0),
                   Device("d", priority=3, at=1.0), Device("e", show=Show.AWAY, priority=100),
                   Device("f", show=Show.LONG_AWAY), Device("g", show=Show.BUSY), Device("h", open=False)]
        self.assertEqual(ordered, pidf.by_availability(reversed(ordered)))


class HostileTests(SynchronousTestCase):
    """No octets do more than earn a refusal."""

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=60) | st.tuples(
        st.sampled_from(SAMPLES), st.integers(0, 2500), st.integers(0, 12),
        st.binary(max_size=6) | st.sampled_from([b"<", b"'", b"</status>", b"&x;", b"</", b"99999999999"])
    ).map(lambda cut: cut[0][:cut[1]] + cut[3] + cut[0][cut[1] + cut[2]:]))
    @example(b"<!DOCTYPE a [<!ENTITY b 'c'>]><presence xmlns='urn:ietf:params:xml:ns:pidf'>&b;</presence>")
    @example(document("<tuple id=''><status/><timestamp>9999-99-99T99:99:99Z</timestamp></tuple>"))
    @example(document("<tuple id='a'><status/><timestamp>0001-01-01T00:00:00+14:00</timestamp></tuple>"))
    def test_any_octets(self, octets: bytes) -> None:
        """Any octets are read or refused by the documented error, and what is read can be written."""
        try:
            read = pidf.parse(octets, NOW)
        except PidfFault:
            return
        again = pidf.build(read.entity, read.devices, read.aspects, now=NOW, contact_of=contact_of)
        self.assertEqual({one.instance for one in read.devices},
                         {one.instance for one in pidf.parse(again).devices})

    def test_refused(self) -> None:
        """Other documents, entities, depth and size are refused."""
        for octets in (b"", b"<presence/>", b"<x xmlns='urn:ietf:params:xml:ns:pidf'/>",
                       b"<a>" * 100 + b"</a>" * 100, document("<note>" + "x" * 70_000 + "</note>"),
                       b"<!DOCTYPE p><presence xmlns='urn:ietf:params:xml:ns:pidf'/>"):
            self.assertRaises(PidfFault, pidf.parse, octets)
