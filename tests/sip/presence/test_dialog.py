"""Dialogs as RFC 3261 section 12 has them."""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.presence.dialog import Dialog, dialog_of_request, dialog_of_response, id_of_request
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, parse_message
from tests.sip.samples import octets

SUBSCRIBE = """\
SUBSCRIBE sip:ben*xmpp.example@x.sip.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK77;rport
Record-Route: <sip:p2.sip.example;lr>
Record-Route: <sip:192.0.2.10;lr;ftag=w1>
Max-Forwards: 69
From: "Ana" <sip:ana@sip.example>;tag=w1
To: <sip:ben*xmpp.example@x.sip.example>
Call-ID: 6a3c@192.0.2.77
CSeq: 41 SUBSCRIBE
Contact: <sip:ana@192.0.2.77:5080;transport=tcp?Subject=x>;expires=3600
Event: presence
Content-Length: 0

"""


def subscribe(**lines: str) -> Request:
    """The SUBSCRIBE above with other lines; an empty one is left out."""
    head = [line for line in SUBSCRIBE.splitlines() if line]
    for name, value in lines.items():
        name = name.replace("_", "-")
        head = [line for line in head if not line.startswith(f"{name}:")] + ([f"{name}: {value}"] if value else [])
    parsed = parse_message(octets("\n".join(head) + "\n\n"))
    assert isinstance(parsed, Request)
    return parsed


class MakingTests(SynchronousTestCase):
    """Who begins a dialog, and what of."""

    def test_of_request(self) -> None:
        """A request makes a dialog with its routes as they stand and its Contact as target (SIP-70, SIP-71)."""
        dialog = dialog_of_request(subscribe(), "n1")
        self.assertEqual(dialog, Dialog(
            "6a3c@192.0.2.77", "n1", "w1", "sip:ben*xmpp.example@x.sip.example", "sip:ana@sip.example",
            "sip:ana@192.0.2.77:5080;transport=tcp", ("sip:p2.sip.example;lr", "sip:192.0.2.10;lr;ftag=w1"), 0, 41))
        self.assertEqual(dialog.id, id_of_request(subscribe(To="<sip:ben*xmpp.example@x.sip.example>;tag=n1")))

    def test_of_response(self) -> None:
        """A 2xx makes the other end's dialog, whose routes are reversed (RFC 3261 12.1.2)."""
        ours = subscribe()
        answer = Response(200, "OK", [
            *[line for line in ours.headers if line[0] in ("Via", "Record-Route", "From", "Call-ID", "CSeq")],
            ("To", "<sip:ben*xmpp.example@x.sip.example>;tag=n1"), ("Contact", "<sip:ben@192.0.2.20>")])
        dialog = dialog_of_response(ours, answer)
        self.assertEqual((dialog.id, dialog.target, dialog.route_set, dialog.local_cseq, dialog.remote_cseq),
                         (("6a3c@192.0.2.77", "w1", "n1"), "sip:ben@192.0.2.20",
                          ("sip:192.0.2.10;lr;ftag=w1", "sip:p2.sip.example;lr"), 41, None))

    def test_without_contact(self) -> None:
        """Without a Contact that can be called there is no dialog, and the peer hears why (RFC 6665 8.2)."""
        for contact, reason in (("", "Missing Contact"), ("<tel:+4930123>", "Malformed Contact"),
                                ("<sip:a@b c>", "Malformed Contact")):
            with self.assertRaises(SipSyntaxError) as caught:
                dialog_of_request(subscribe(Contact=contact), "n1")
            self.assertEqual((caught.exception.status, caught.exception.reason), (400, reason))

    def test_bad_route(self) -> None:
        """A Record-Route that is no SIP URI is refused, since no request could follow it."""
        with self.assertRaises(SipSyntaxError):
            dialog_of_request(subscribe(Record_Route="<http://example>"), "n1")


class RequestTests(SynchronousTestCase):
    """What goes out and comes in, within a dialog."""

    def setUp(self) -> None:
        self.dialog = dialog_of_request(subscribe(), "n1")

    def test_loose_routes(self) -> None:
        """From is ours and To the peer's whoever began; the target is asked for by way of all proxies (SIP-72)."""
        dialog, notify = self.dialog.compose("NOTIFY", [("Event", "presence")], b"x")
        self.assertEqual(notify.target, "sip:ana@192.0.2.77:5080;transport=tcp")
        self.assertEqual(list(notify.headers), [
            ("Route", "<sip:p2.sip.example;lr>"), ("Route", "<sip:192.0.2.10;lr;ftag=w1>"), ("Max-Forwards", "70"),
            ("From", "<sip:ben*xmpp.example@x.sip.example>;tag=n1"), ("To", "<sip:ana@sip.example>;tag=w1"),
            ("Call-ID", "6a3c@192.0.2.77"), ("CSeq", "1 NOTIFY"), ("Event", "presence")])
        self.assertEqual((str(dialog.next_uri), dialog.local_cseq), ("sip:p2.sip.example;lr", 1))
        self.assertEqual(dialog.compose("NOTIFY")[1].cseq.number, 2)

    def test_strict_router(self) -> None:
        """A first proxy without lr gets the request as if for him, with the target behind (RFC 3261 12.2.1.1)."""
        dialog = dialog_of_request(subscribe(Record_Route="<sip:old.example>, <sip:192.0.2.10;lr>"), "n1")
        notify = dialog.compose("NOTIFY")[1]
        self.assertEqual((notify.target, notify.all("Route"), str(dialog.next_uri)), (
            "sip:old.example", ["<sip:192.0.2.10;lr>", "<sip:ana@192.0.2.77:5080;transport=tcp>"], "sip:old.example"))

    def test_no_routes(self) -> None:
        """Without proxies the request goes to the target."""
        dialog = dialog_of_request(subscribe(Record_Route=""), "n1")
        self.assertEqual((str(dialog.next_uri), dialog.compose("NOTIFY")[1].all("Route")), (dialog.target, []))

    def test_order(self) -> None:
        """An earlier request than the last one is late, an equal one was sent again, gaps are fine (SIP-73)."""
        at_41 = self.dialog
        self.assertEqual([at_41.is_late(subscribe(CSeq=f"{number} SUBSCRIBE")) for number in (40, 41, 42, 99)],
                         [True, False, False, False])
        self.assertTrue(at_41.heard(subscribe(CSeq="99 SUBSCRIBE")).is_late(subscribe(CSeq="98 SUBSCRIBE")))

    def test_target_refresh(self) -> None:
        """A later Contact is the new target, and none leaves the old one; the routes stay (SIP-71)."""
        moved = self.dialog.heard(subscribe(Contact="<sip:ana@192.0.2.99>", Record_Route="", CSeq="42 SUBSCRIBE"))
        self.assertEqual((moved.target, moved.route_set, moved.remote_cseq),
                         ("sip:ana@192.0.2.99", self.dialog.route_set, 42))
        self.assertEqual(moved.heard(subscribe(Contact="", CSeq="43 SUBSCRIBE")).target, "sip:ana@192.0.2.99")

    def test_sent_with_credentials(self) -> None:
        """A request that had to be sent again took another number, which is not used twice (SIP-60)."""
        dialog, _ = self.dialog.compose("NOTIFY")
        self.assertEqual(dialog.sent(2).compose("NOTIFY")[1].cseq.number, 3)
        self.assertEqual(dialog.sent(1), dialog)


class MemoryTests(SynchronousTestCase):
    """Dialogs outlive the daemon (SIP-93)."""

    def test_round_trip(self) -> None:
        """What was written comes back, also octets that are no text."""
        plain = dialog_of_request(subscribe(), "n1")
        odd = evolve(plain, target="sip:a%80\udc80@192.0.2.77", remote_cseq=None)
        for dialog in (plain, odd):
            self.assertEqual(Dialog.unpacked(json.loads(json.dumps(dialog.packed()))), dialog)

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                        lambda inner: st.lists(inner, max_size=9), max_leaves=20))
    @settings(max_examples=50, deadline=None)
    def test_rubbish(self, fields: object) -> None:
        """What is no dialog is refused with the error that is documented."""
        try:
            Dialog.unpacked(fields)
        except ValueError:
            return
        self.assertIsInstance(fields, list)
