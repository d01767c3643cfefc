"""Devices, aspects and documents as hypothesis makes them, and documents as others write them."""

from __future__ import annotations

from hypothesis import strategies as st

from iwf.mapping.model import Activity, Aspect, Device, Mood, Note, Place, Show
from iwf.mapping.pidf.tables import CIVIC_OF_FIELD, GENERAL, OTHER_MOODS, SHARED_MOODS, SPECIFIC

NOW = 1_772_360_400.0  # 2026-03-01T10:20:00Z

#: Text as XML can hold it, without the white space around it that nobody means.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).map(
    lambda text: text.strip().replace("\ufffe", "").replace("\uffff", "")).filter(
        lambda text: text == text.strip())

instances = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12).map(
    lambda text: text.replace("\ufffe", "").replace("\uffff", "")) | st.sampled_from(
        ["", "ID", "ID-ID-", "_0041_", "a b", "\U0001f4f1", "P@d/7", "pc"])

notes = st.lists(st.builds(Note, texts.filter(bool), st.sampled_from(["", "en", "de-AT", "cs"])),
                 max_size=3, unique_by=lambda one: one.language).map(tuple)

times = st.integers(0, 4_000_000_000).map(float)


def _device(instance: str, open: bool, show: Show, told: tuple[Note, ...], priority: int,
            at: float, idle: float | None) -> Device:
    # Who says he is there although nothing has been touched is read as away (PIDF-6).
    idle = idle if open and show is not Show.ONLINE else None
    return Device(instance, open, show if open else Show.ONLINE, told, priority if open else None, at,
                  idle)


devices = st.builds(_device, instances, st.booleans(), st.sampled_from(Show), notes,
                    st.integers(0, 127), times, st.none() | times)

#: Everything that is seen of somebody's devices.
states = st.lists(devices, max_size=5, unique_by=lambda one: one.instance)

words = SHARED_MOODS | OTHER_MOODS | GENERAL | SPECIFIC
#: Texts that are no words of a list, which another reader would take for the words themselves.
free = texts.filter(lambda text: text.partition("/")[0] not in words)

moods = st.builds(Mood, st.sampled_from(sorted(SHARED_MOODS | OTHER_MOODS | {"undefined"})), free)

activities = st.builds(Activity, st.sampled_from(sorted(GENERAL)),
                       st.sampled_from(["", *sorted(SPECIFIC)]), free)

places = st.dictionaries(st.sampled_from(sorted(CIVIC_OF_FIELD)), texts.filter(bool), min_size=1).map(
    lambda fields: Place(tuple((name, fields[name]) for name in CIVIC_OF_FIELD if name in fields)))

aspects = st.tuples(moods | st.none(), activities | st.none(), places | st.none()).map(
    lambda given: tuple(one for one in given if isinstance(one, Aspect)))

#: After the samples of RFC 3863 4.3.
FIRST = b"""<?xml version="1.0" encoding="UTF-8"?>
<impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf" entity="pres:someone@one.example">
  <impp:tuple id="sg89ae">
    <impp:status><impp:basic>open</impp:basic></impp:status>
    <impp:contact priority="0.8">tel:+09012345678</impp:contact>
  </impp:tuple>
</impp:presence>"""

EXTENDED = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im"
     xmlns:myex="http://id.one.example/presence/" entity="pres:someone@one.example">
  <tuple id="bs35r9">
    <status><basic>open</basic><im:im>busy</im:im><myex:location>home</myex:location></status>
    <contact priority="0.8">im:someone@mobile.example</contact>
    <note xml:lang="en">Don't Disturb Please!</note>
    <note xml:lang="fr">Ne derangez pas, s'il vous plait</note>
    <timestamp>2001-10-27T16:49:29Z</timestamp>
  </tuple>
  <tuple id="eg92n8">
    <status><basic>open</basic></status>
    <contact priority="1.0">mailto:someone@one.example</contact>
  </tuple>
  <note>I'll be in Tokyo next week</note>
</presence>"""

#: After the samples of RFC 4479 5 and RFC 4480 6.
RICH = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
     xmlns:lt="urn:ietf:params:xml:ns:location-type" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
     entity="pres:someone@one.example">
  <tuple id="bs35r9">
    <status><basic>open</basic></status>
    <dm:deviceID>urn:device:0003ba4811e3</dm:deviceID>
    <rpid:relationship><rpid:self/></rpid:relationship>
    <rpid:service-class><rpid:electronic/></rpid:service-class>
    <contact priority="0.8">im:someone@mobile.example</contact>
    <timestamp>2005-05-30T22:00:29Z</timestamp>
  </tuple>
  <tuple id="ty4658">
    <status><basic>open</basic></status>
    <rpid:service-class><rpid:courier/></rpid:service-class>
    <contact priority="1.0">mailto:secretary@one.example</contact>
  </tuple>
  <tuple id="c8dqui">
    <status><basic>closed</basic></status>
    <dm:deviceID>mac:8asd7d7d70</dm:deviceID>
    <contact>sip:someone@one.example</contact>
    <note>at home</note>
  </tuple>
  <note>I'll be in Tokyo next week</note>
  <dm:device id="pc147">
    <rpid:user-input idle-threshold="600" last-input="2004-10-21T13:20:00.000-05:00">idle</rpid:user-input>
    <dm:deviceID>urn:device:0003ba4811e3</dm:deviceID>
    <dm:note>PC</dm:note>
  </dm:device>
  <dm:person id="p1">
    <rpid:activities from="2005-05-30T12:00:00+05:00" until="2005-05-30T17:00:00+05:00">
      <rpid:note>Far away</rpid:note><rpid:away/></rpid:activities>
    <rpid:mood><rpid:angry/><rpid:ashamed/></rpid:mood>
    <rpid:place-type><lt:residence/></rpid:place-type>
    <dm:note>Scoring 120</dm:note>
  </dm:person>
</presence>"""

#: After the samples of RFC 8048 5.
BRIDGED = b"""<?xml version='1.0' encoding='UTF-8'?>
<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:romeo@one.example'>
  <tuple id='ID-dr4hcr0st3lup4c'>
    <status><basic>open</basic><show xmlns='jabber:client'>away</show></status>
    <contact>sip:romeo@one.example;gr=dr4hcr0st3lup4c</contact>
  </tuple>
</presence>"""

#: After the sample of RFC 4119 2.3.
LOCATED = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"
     xmlns:gml="http://www.opengis.net/gml" xmlns:cl="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"
     entity="pres:geotarget@one.example">
  <tuple id="sg89ae">
    <status>
      <gp:geopriv>
        <gp:location-info>
          <gml:location><gml:Point gml:id="point1" srsName="epsg:4326">
            <gml:coordinates>37:46:30N 122:25:10W</gml:coordinates></gml:Point></gml:location>
          <cl:civicAddress><cl:country>US</cl:country><cl:A1>New York</cl:A1><cl:A3>New York</cl:A3>
            <cl:A6>Broadway</cl:A6><cl:HNO>123</cl:HNO><cl:LOC>Suite 75</cl:LOC>
            <cl:PC>10027-0401</cl:PC></cl:civicAddress>
        </gp:location-info>
        <gp:usage-rules>
          <gp:retransmission-allowed>no</gp:retransmission-allowed>
          <gp:retention-expiry>2003-06-23T04:57:29Z</gp:retention-expiry>
        </gp:usage-rules>
      </gp:geopriv>
    </status>
    <timestamp>2003-06-22T20:57:29Z</timestamp>
  </tuple>
</presence>"""

SAMPLES = (FIRST, EXTENDED, RICH, BRIDGED, LOCATED)
