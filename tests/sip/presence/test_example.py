"""A whole subscription by TCP, line by line, as RFC 6665 has it."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Device,
    Failure,
    Note,
    Party,
    Presence,
    Reason,
    Show,
    Taken,
    WatchGranted,
    WatchRefused,
)
from iwf.mapping.pidf import parse
from iwf.sip.settings import Hop
from iwf.sip.syntax.framing import StreamFramer
from iwf.sip.syntax.message import Message, Request, Response, parse_message, response_to
from tests.sip.fakes import Rig
from tests.sip.samples import ANA, BEN_AT_X, NOW, SETTINGS, TRUNK, item, octets

SUBSCRIBE = """\
SUBSCRIBE sip:ben*xmpp.example@x.sip.example SIP/2.0
Via: SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bKs1;rport
Max-Forwards: 70
From: <sip:ana@sip.example>;tag=w1
To: <sip:ben*xmpp.example@x.sip.example>
Contact: <sip:ana@192.0.2.10:5060;transport=tcp>
Call-ID: sub1@192.0.2.10
CSeq: 1 SUBSCRIBE
Event: presence
Accept: application/pidf+xml
Expires: 1800
Content-Length: 0

"""
CONTACT = "<sip:ben*xmpp.example@iwf.sip.example:5060;transport=tcp>"


class ExampleTests(SynchronousTestCase):
    """Ana watches Ben."""

    def setUp(self) -> None:
        tcp = evolve(TRUNK, next_hop=Hop("tcp", "192.0.2.10", 5060))
        self.rig = Rig(evolve(SETTINGS, trunks=(tcp,)))
        self.theirs, self.asked_by = self.rig.accept(Hop("tcp", "192.0.2.10", 5060))

    def said(self, by: StringTransport) -> Message:
        """The one message that the gateway has sent by a connection."""
        octets_ = by.value()
        by.clear()
        [frame] = StreamFramer().feed(octets_)
        assert isinstance(frame, bytes)
        return parse_message(frame, datagram=False)

    def notify(self) -> Request:
        """The one NOTIFY that the gateway has sent by its own connection, answered."""
        request = self.said(self.told_by)
        assert isinstance(request, Request)
        self.ours.dataReceived(response_to(request, 200).to_bytes())
        return request

    def lines(self, message: Message, *but: str) -> dict[str, str]:
        """Its header lines, but for some."""
        return {name: value for name, value in message.headers if name not in ("Via", "Allow", "Allow-Events", *but)}

    def deliver(self, payload: object) -> None:
        self.successResultOf(self.rig.edge.deliver(item(payload)))

    def test_flow(self) -> None:
        """SUBSCRIBE, 200, NOTIFY pending; NOTIFY active with two devices; NOTIFY terminated (PRES-20 to PRES-24)."""
        self.theirs.dataReceived(octets(SUBSCRIBE))
        for verdict in self.rig.intake.verdicts:
            verdict.callback(Taken(""))
        answer = self.said(self.asked_by)
        assert isinstance(answer, Response)
        self.ours, self.told_by = self.rig.connect()
        pending = self.notify()
        tag = answer.to.tag
        self.assertEqual((answer.status, self.lines(answer)), (200, {
            "From": "<sip:ana@sip.example>;tag=w1", "To": f"<sip:ben*xmpp.example@x.sip.example>;tag={tag}",
            "Call-ID": "sub1@192.0.2.10", "CSeq": "1 SUBSCRIBE", "Contact": CONTACT, "Expires": "1800"}))
        common = {
            "Max-Forwards": "70", "From": f"<sip:ben*xmpp.example@x.sip.example>;tag={tag}",
            "To": "<sip:ana@sip.example>;tag=w1", "Contact": CONTACT, "Call-ID": "sub1@192.0.2.10", "Event": "presence"}
        self.assertEqual((pending.target, self.lines(pending)), ("sip:ana@192.0.2.10:5060;transport=tcp", common | {
            "CSeq": "1 NOTIFY", "Subscription-State": "pending;expires=1800"}))
        self.assertEqual((pending.top_via.transport, pending.top_via.host, pending.top_via.port, pending.body),
                         ("TCP", "iwf.sip.example", 5060, b""))

        self.rig.reactor.advance(60)
        devices = (Device("pc", show=Show.BUSY, notes=(Note("writing", "en"),), priority=5, at=NOW),
                   Device("phone", at=NOW - 4800, priority=0))
        self.deliver(WatchGranted(Party(BEN_AT_X), ANA, (tag,)))
        self.assertEqual(self.notify().cseq.number, 2)
        self.deliver(Presence(Party(BEN_AT_X), ANA, devices, legs=(tag,)))
        active = self.notify()
        self.assertEqual(self.lines(active), common | {
            "CSeq": "3 NOTIFY", "Subscription-State": "active;expires=1740", "Content-Type": "application/pidf+xml"})
        document = parse(active.body)
        self.assertEqual(document.entity, "pres:ben*xmpp.example@x.sip.example")
        self.assertEqual([(one.instance, one.open, one.show, one.priority) for one in document.devices],
                         [("pc", True, Show.BUSY, 5), ("phone", True, Show.ONLINE, 0)])
        self.assertIn(b"sip:ben*xmpp.example@x.sip.example;gr=pc</contact>", active.body)

        self.deliver(WatchRefused(Party(BEN_AT_X), ANA, Failure(Reason.FORBIDDEN), (tag,)))
        last = self.notify()
        self.assertEqual((self.lines(last), last.body), (common | {
            "CSeq": "4 NOTIFY", "Subscription-State": "terminated;reason=rejected"}, b""))
