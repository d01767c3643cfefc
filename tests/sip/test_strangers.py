"""Silence for scanners and for who guesses passwords (SIP-91)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.auth import strangers
from iwf.sip.auth.strangers import Strangers
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Response
from tests.sip.fakes import Rig
from tests.sip.samples import MESSAGE_1_1, PEER, SETTINGS, TRUNK, changed, octets

HOST = "203.0.113.1"


class CountingTests(SynchronousTestCase):
    """The machine."""

    def told(self, counted: Strangers, now: float, times: int, suspicious: bool = True, host: str = HOST) -> int:
        return [counted.may_be_told(host, now, suspicious) for _ in range(times)].count(True)

    def test_refusals(self) -> None:
        """Ten refusals a minute are told, then nothing is looked at until the minute is over."""
        counted = Strangers(10, 20.0)
        self.assertFalse(counted.is_silent(HOST, 100.0))
        self.assertEqual(self.told(counted, 100.0, 9), 9)
        self.assertFalse(counted.is_silent(HOST, 100.0))
        self.assertEqual(self.told(counted, 110.0, 20), 1)
        self.assertTrue(counted.is_silent(HOST, 159.9))
        self.assertFalse(counted.is_silent("203.0.113.2", 110.0))
        self.assertFalse(counted.is_silent(HOST, 160.0))
        self.assertEqual(self.told(counted, 160.0, 20), 10)

    def test_rate(self) -> None:
        """What is asked of everybody (401) is told as often as the rate allows, after a burst."""
        counted = Strangers(10, 20.0)
        self.assertEqual(self.told(counted, 0.0, 500, suspicious=False), strangers.BURST + 1)
        self.assertEqual(self.told(counted, 1.0, 500, suspicious=False), 20)
        self.assertFalse(counted.is_silent(HOST, 1.0))

    def test_networks(self) -> None:
        """Addresses of one IPv6 network are one place."""
        counted = Strangers(2, 20.0)
        self.assertEqual(sum(self.told(counted, 0.0, 1, host=f"2001:db8::{number:x}") for number in range(5)), 2)
        self.assertTrue(counted.is_silent("2001:db8::ffff%eth0", 0.0))
        self.assertFalse(counted.is_silent("2001:db8:0:1::1", 0.0))

    def test_memory(self) -> None:
        """Places are bounded; those that are active are not forgotten."""
        counted = Strangers(2, 20.0)
        for number in range(strangers.MOST + 5):
            self.told(counted, 0.0, 1, host=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
            self.told(counted, 0.0, 1)
        self.assertEqual(len(counted._places), strangers.MOST)
        self.assertTrue(counted.is_silent(HOST, 0.0))

    def test_clock_set_back(self) -> None:
        """A clock that goes backwards prolongs nothing."""
        counted = Strangers(2, 20.0)
        self.told(counted, 1000.0, 5)
        self.assertTrue(counted.is_silent(HOST, 0.0))
        self.assertFalse(counted.is_silent(HOST, 1060.0))


class EdgeTests(SynchronousTestCase):
    """The edge in front of strangers."""

    def setUp(self) -> None:
        self.rig = Rig()

    def statuses(self) -> list[int]:
        return [sent.status for sent, _ in self.rig.sent() if isinstance(sent, Response)]

    def probe(self, number: int, source: Hop) -> None:
        text = changed(MESSAGE_1_1, ("MESSAGE sip:ben*xmpp.example@x.sip.example ", "OPTIONS sip:100@192.0.2.20 "),
                       ("5 MESSAGE", "5 OPTIONS"), ("7f3a", f"n{number}"))
        self.rig.receive(octets(text), source)

    def test_scanner(self) -> None:
        """A scanner is refused ten times and then hears nothing for the rest of the minute (SIP-91)."""
        for number in range(30):
            self.probe(number, Hop("udp", HOST, 5060 + number))
        self.assertEqual(self.statuses(), [403] * 10)
        self.rig.reactor.advance(61)
        self.probe(99, Hop("udp", HOST, 5060))
        self.assertEqual(self.statuses(), [403])

    def test_malformed(self) -> None:
        """Requests of strangers that cannot be read count as well; those of peers are always answered."""
        broken = octets(changed(MESSAGE_1_1, ("CSeq: 5 MESSAGE", "CSeq: x")))
        for _ in range(30):
            self.rig.receive(broken, Hop("udp", HOST, 5060))
            self.rig.receive(broken, PEER)
        self.assertEqual(len(self.statuses()), 40)

    def test_peers(self) -> None:
        """A peer that is refused often is no stranger, even with a wrong password from his own address."""
        for number in range(30):
            self.probe(number, PEER)
        self.assertEqual(self.statuses(), [404] * 30)
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, username="a", password="b", digest=True),)))
        wrong = ('CSeq', 'Authorization: Digest username="a",realm="iwf.sip.example",nonce="0.1.2",uri="sip:x",'
                 'qop=auth,nc=00000001,cnonce="c",response="0"\nCSeq')
        for number in range(30):
            self.rig.receive(octets(changed(MESSAGE_1_1, ("7f3a", f"n{number}"), wrong)))
        self.assertEqual(self.statuses(), [401] * 30)

    def test_guesser(self) -> None:
        """Who guesses a password from anywhere has ten guesses a minute; the question itself is no guess."""
        anywhere = evolve(TRUNK, username="a", password="b", digest=True, allowed_sources=("0.0.0.0/0",))
        self.rig = Rig(evolve(SETTINGS, trunks=(anywhere,)))
        source = Hop("udp", HOST, 5060)
        for number in range(30):
            self.rig.receive(octets(changed(MESSAGE_1_1, ("7f3a", f"q{number}"))), source)
        self.assertEqual(self.statuses(), [401] * 30)
        wrong = ('CSeq', 'Authorization: Digest username="a",realm="iwf.sip.example",nonce="0.1.2",uri="sip:x",'
                 'qop=auth,nc=00000001,cnonce="c",response="0"\nCSeq')
        for number in range(30):
            self.rig.receive(octets(changed(MESSAGE_1_1, ("7f3a", f"n{number}"), wrong)), source)
        self.assertEqual(self.statuses(), [401] * 10)
