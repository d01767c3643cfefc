"""What clients of others do as watchers that a reader of the specifications would not expect; see
:mod:`tests.sip.test_client_quirks`."""

from __future__ import annotations

from iwf.mapping.model import (
    Device,
    Failure,
    Presence,
    Reason,
    Refused,
    Taken,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchRequested,
)
from iwf.sip.syntax.message import Request, Response
from tests.sip.presence.test_edge import BEN, Watching
from tests.sip.recorded import BARESIP_SUBSCRIBE
from tests.sip.samples import ANA, changed, octets

GRUU = "sip:ana@sip.example;gr=urn:uuid:a2ca67f8-baf3-0068-9088-7a2c99d9f14b"


class WatcherQuirks(Watching):
    """baresip, liblinphone and libpurple."""

    def test_no_accept(self) -> None:
        """baresip and liblinphone do not say what they read: it is application/pidf+xml, sent to the contact with the
        pointer (RFC 3856 6.7)."""
        self.rig.receive(octets(BARESIP_SUBSCRIBE))
        leg = self.rig.intake.events[1].leg
        self.deliver(WatchGranted(BEN, ANA, (leg,)))
        self.deliver(Presence(BEN, ANA, (Device("pc"),), legs=(leg,)))
        self.decide()
        answer, notify = self.sent()
        assert isinstance(answer, Response) and isinstance(notify, Request)
        self.assertEqual((answer.status, notify.target, notify.get("Content-Type")),
                         (200, "sip:ana-0x558efb334bb0@192.0.2.10:5060", "application/pidf+xml"))

    def test_contact_without_an_address(self) -> None:
        """liblinphone's contact is a GRUU where the registrar hands these out: what it names need not be found, as
        the NOTIFY goes by the proxy that has recorded itself (SIP-71).  Not recorded."""
        _, notify = self.subscribed(changed(
            BARESIP_SUBSCRIBE, ("sip:ana-0x558efb334bb0@192.0.2.10:5060", GRUU), ("Content-Length: 0\n", ""),
            ("Max-Forwards", "Record-Route: <sip:192.0.2.10;lr>\nMax-Forwards")))
        self.assertEqual((notify.target, notify.all("Route")), (GRUU, ["<sip:192.0.2.10;lr>"]))

    def test_vanished(self) -> None:
        """liblinphone leaves without a word and knows nothing of the dialog when it is told something: the watcher is
        forgotten (RFC 6665 4.2.2).  Not recorded."""
        _, notify = self.subscribed(BARESIP_SUBSCRIBE)
        self.answer(notify, 481)
        self.assertIn(WatchEnded, [type(event) for event in self.decide()])

    def test_farewell_that_begins(self) -> None:
        """liblinphone may say goodbye with a SUBSCRIBE of its own that begins nothing: a look at what there is
        (RFC 6665 4.4.3).  Not recorded."""
        self.rig.receive(octets(changed(BARESIP_SUBSCRIBE, ("Expires: 600", "Expires: 0"))))
        [fetched] = self.decide()
        assert isinstance(fetched, WatchFetched)
        self.deliver(Presence(BEN, ANA, (Device("pc"),), legs=(fetched.leg,)))
        self.rig.reactor.pump([0.2])
        answer, notify = self.sent()
        assert isinstance(answer, Response) and isinstance(notify, Request)
        self.assertEqual(answer.status, 200)
        self.assertEqual((notify.get("Subscription-State") or "").partition(";")[0], "terminated")

    def test_asked_again(self) -> None:
        """baresip asks again half a minute after a refusal, in a dialog of its own; that is a new question."""
        for call_id, branch in (("c588d9ee05218e8f", "13c8e1ff46aa2ae2"), ("c588d9ee05218e90", "13c8e1ff46aa2ae3")):
            self.rig.receive(octets(changed(BARESIP_SUBSCRIBE, ("c588d9ee05218e8f", call_id),
                                            ("13c8e1ff46aa2ae2", branch))))
            asked = [isinstance(event, WatchRequested) for event in self.rig.intake.events[self.offered:]]
            self.assertIn(True, asked)
            self.decide(*[Refused(Failure(Reason.UNKNOWN_RECIPIENT)) if one else Taken("") for one in asked])
            self.assertEqual([message.status for message in self.sent() if isinstance(message, Response)], [404])
            self.rig.reactor.advance(30)
