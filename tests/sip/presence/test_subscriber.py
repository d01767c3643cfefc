"""Watching users of SIP: the ways of a subscription that lives (presence.md section 1)."""

from __future__ import annotations

import gzip

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Address,
    Failure,
    Note,
    Party,
    Presence,
    Reason,
    Refused,
    Show,
    WatchGranted,
    WatchRequested,
)
from iwf.sip.address import NoImage
from iwf.sip.presence.subscriber import BURST
from iwf.sip.settings import RegistrarSettings
from tests.sip.presence.watching import DAY, LANE, Desk, document
from tests.sip.samples import ANA, BEN_AT_X, NOW, SETTINGS, TRUNK


class BeginningTests(SynchronousTestCase):
    """From the question to the first document."""

    def test_subscribe(self) -> None:
        """The first SUBSCRIBE is from the watcher's image to the presentity, for PIDF, in a dialog to be (PRES-1)."""
        desk = Desk()
        desk.deliver(WatchRequested(Party(evolve(BEN_AT_X, instance="pc")), ANA))
        [send] = desk.sends
        request = send.request
        self.assertEqual(("SUBSCRIBE", "sip:ana@sip.example"), (request.method, request.target))
        self.assertEqual("sip:ben*xmpp.example@x.sip.example", str(request.from_.uri))
        self.assertTrue(request.from_.tag)
        self.assertEqual(("sip:ana@sip.example", ""), (str(request.to.uri), request.to.tag))
        values = [request.get(name) for name in ("Event", "Accept", "Expires", "Max-Forwards")]
        self.assertEqual(["presence", "application/pidf+xml", "3600", "70"], values)
        self.assertEqual(b"", request.body)
        self.assertEqual((LANE, "sip:ana@sip.example"), (send.lane, str(send.uri)))
        self.assertEqual("sip:ben*xmpp.example@x.sip.example;gr=pc", str(send.image))

    def test_no_image(self) -> None:
        """An address that SIP cannot write is refused, and nothing is begun (ADDR-16)."""
        desk = Desk()
        self.assertRaises(NoImage, desk.ask, target=Address("sip", "ana", "no host"))
        self.assertEqual((0, []), (len(desk.subscriber), desk.sent()))

    def test_taken_says_nothing(self) -> None:
        """A 200, or a 202, only means that the question was taken (PRES-2)."""
        for status in (200, 202):
            desk = Desk()
            desk.ask()
            desk.accept(desk.subscribe(), status=status)
            self.assertEqual([], desk.told())

    def test_pending(self) -> None:
        """As long as the presentity has not decided, nobody is told anything (PRES-4)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.accept(request)
        self.assertEqual(200, desk.notify(request, "pending;expires=600", document()))
        self.assertEqual([], desk.told())

    def test_language(self) -> None:
        """Texts are in the language that the NOTIFY says, unless they say another one (RFC 8048 6)."""
        for said, language in (("de, en", "de"), (" ", ""), ("<>", "")):
            desk = Desk()
            desk.ask()
            request = desk.subscribe()
            body = document().replace(b"</status>", b"</status><note>da</note>")
            self.assertEqual(200, desk.notify(request, body=body, Content_Language=said))
            [device] = desk.told()[-1].devices
            self.assertEqual((Note("da", language),), device.notes)

    def test_granted(self) -> None:
        """The first active NOTIFY is the permission, then comes what there is to see (PRES-5)."""
        desk = Desk()
        desk.watched(document("away"))
        granted, seen = desk.told()
        self.assertEqual(WatchGranted(Party(ANA, asserted_by=LANE), BEN_AT_X, lane=LANE), granted)
        assert isinstance(seen, Presence)
        self.assertEqual((Party(ANA, asserted_by=LANE), BEN_AT_X, LANE, True),
                         (seen.origin, seen.target, seen.lane, seen.whole))
        [device] = seen.devices
        self.assertEqual(("phone", True, Show.AWAY), (device.instance, device.open, device.show))

    def test_granted_later(self) -> None:
        """The presentity decides after a while; the permission is told once (PRES-5)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.accept(request)
        desk.notify(request, "pending;expires=3600")
        desk.notify(request, "active;expires=3500", document())
        desk.notify(request, "active;expires=3400", document("dnd"))
        self.assertEqual(["WatchGranted", "Presence", "Presence"], [type(event).__name__ for event in desk.told()])

    def test_no_body(self) -> None:
        """Active without a document means that nothing is known; it takes back what was shown (PRES-5)."""
        desk = Desk()
        request = desk.watched()
        desk.told()
        desk.notify(request)
        desk.notify(request)
        [seen] = desk.told()
        self.assertEqual((False, ()), (seen.known, seen.devices))

    def test_notify_first(self) -> None:
        """The NOTIFY may overtake the answer to the SUBSCRIBE (PRES-3)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        self.assertEqual(200, desk.notify(request, body=document()))
        self.assertEqual(2, len(desk.told()))
        desk.accept(request)
        desk.wait(60)
        self.assertEqual(([], 1), (desk.sent(), len(desk.subscriber)))

    def test_fork(self) -> None:
        """Of several dialogs out of one SUBSCRIBE, the first counts; the others are told so (PRES-3)."""
        desk = Desk()
        request = desk.watched()
        self.assertEqual(481, desk.notify(request, body=document("dnd"), tag="n2"))
        self.assertEqual(200, desk.notify(request, body=document("away"), tag="n1"))
        self.assertEqual(Show.AWAY, desk.told()[-1].devices[0].show)

    def test_asked_again(self) -> None:
        """Asking again while the question is open begins nothing (PRES-12)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.ask()
        desk.accept(request)
        desk.ask()
        self.assertEqual([], desk.sent())

    def test_asked_when_granted(self) -> None:
        """Asking while granted is answered at once, with what there is to see, and no new dialog (PRES-12)."""
        desk = Desk()
        desk.watched()
        desk.told()
        desk.ask()
        self.assertEqual(["WatchGranted", "Presence"], [type(event).__name__ for event in desk.told()])
        self.assertEqual([], desk.sent())

    def test_home(self) -> None:
        """For users who are registered here, the gateway itself is the presence agent: nobody is asked (PUB-5)."""
        desk = Desk(evolve(SETTINGS, registrar=RegistrarSettings("home.example")))
        desk.deliver(WatchRequested(Party(BEN_AT_X), Address("sip", "ana", "home.example")), "sip:registrar")
        self.assertEqual(([], None), (desk.sent(), desk.subscriber.next_timer()))

    def test_two_watchers(self) -> None:
        """Each watcher has a subscription of his own: the presentity decides about each (PRES-32)."""
        desk = Desk()
        desk.ask()
        desk.ask(Address("sip", "eve*xmpp.example", "x.sip.example"))
        first, second = desk.sent()
        self.assertNotEqual(first.call_id, second.call_id)
        desk.notify(second, body=document())
        self.assertEqual({"eve*xmpp.example"}, {event.target.user for event in desk.told()})


class NotifyTests(SynchronousTestCase):
    """What a NOTIFY must be, to be taken."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.request = self.desk.watched()
        self.desk.told()

    def test_unknown_dialog(self) -> None:
        """A NOTIFY that belongs to nothing is answered 481 (PRES-17)."""
        self.assertEqual(481, self.desk.notify(self.request, Call_ID="another"))
        self.assertEqual(481, self.desk.notify(self.request, To="<sip:ben@x.sip.example>;tag=another"))
        self.assertEqual(481, self.desk.notify(self.request, trunk=evolve(TRUNK, lane="sip:other")))
        self.assertEqual(481, self.desk.notify(self.request, Event="presence;id=7"))
        self.assertEqual([], self.desk.told())

    def test_event(self) -> None:
        """An event that nobody asked for, or none, is answered 489 (PRES-17)."""
        for event in ("dialog", "presence.winfo", "Presence", ""):
            self.assertEqual(489, self.desk.notify(self.request, Event=event))
        self.assertIn(("Allow-Events", "presence"), self.desk.answers[-1].status.headers)

    def test_no_state(self) -> None:
        """Without a Subscription-State that can be read, it is malformed (PRES-17)."""
        self.assertEqual(400, self.desk.notify(self.request, None))
        self.assertEqual(400, self.desk.notify(self.request, ";expires=1"))

    def test_late(self) -> None:
        """What was overtaken in the network is refused; the latest document counts (PRES-18)."""
        self.assertEqual(200, self.desk.notify(self.request, body=document("away"), cseq=9))
        self.assertEqual(500, self.desk.notify(self.request, body=document("dnd"), cseq=8))
        self.assertEqual(200, self.desk.notify(self.request, body=document("chat"), cseq=30))
        self.assertEqual([Show.AWAY, Show.CHAT], [event.devices[0].show for event in self.desk.told()])

    def test_broken_document(self) -> None:
        """A document that cannot be read is answered 400, and what was seen stays (PIDF-3)."""
        self.assertEqual(400, self.desk.notify(self.request, body=b"<presence"))
        self.assertEqual(400, self.desk.notify(self.request, body=b"<a xmlns='urn:other'/>"))
        self.assertEqual([], self.desk.told())
        self.desk.renew()
        self.assertTrue(self.desk.told()[0].devices[0].open)

    def test_broken_first(self) -> None:
        """The permission counts, although the document with it cannot be read (PRES-5, PIDF-3)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        self.assertEqual(400, desk.notify(request, body=b"nothing"))
        self.assertEqual(["WatchGranted"], [type(event).__name__ for event in desk.told()])
        self.assertEqual(200, desk.notify(request, body=document()))
        self.assertEqual(["Presence"], [type(event).__name__ for event in desk.told()])

    def test_types(self) -> None:
        """The draft's type and plain XML are read as well, anything else is 415 (PIDF-2)."""
        shows = ("away", "xa", "dnd")
        for show, kind in zip(shows, ("application/cpim-pidf+xml", "text/xml", ""), strict=True):
            self.assertEqual(200, self.desk.notify(self.request, body=document(show), kind=kind))
        self.assertEqual(list(shows), [event.devices[0].show.value for event in self.desk.told()])
        self.assertEqual(415, self.desk.notify(self.request, body=document(), kind="application/pidf-diff+xml"))
        self.assertIn(("Accept", "application/pidf+xml"), self.desk.answers[-1].status.headers)

    def test_encoding(self) -> None:
        """A compressed document is read; an unknown encoding is answered 415 (MSG-21)."""
        packed = gzip.compress(document("away"))
        self.assertEqual(200, self.desk.notify(self.request, body=packed, Content_Encoding="gzip"))
        self.assertEqual(Show.AWAY, self.desk.told()[0].devices[0].show)
        self.assertEqual(415, self.desk.notify(self.request, body=packed, Content_Encoding="br"))
        self.assertEqual(400, self.desk.notify(self.request, body=b"no zip", Content_Encoding="gzip"))

    def test_same_document(self) -> None:
        """A document that says nothing new is not told again."""
        self.desk.notify(self.request, body=document())
        self.assertEqual([], self.desk.told())

    def test_tuple_gone(self) -> None:
        """Each document is the whole state: a tuple that is missing now is gone (PRES-35)."""
        self.desk.notify(self.request, body=document(id="other"))
        [seen] = self.desk.told()
        self.assertEqual((True, ["other"]), (seen.whole, [device.instance for device in seen.devices]))

    def test_neutral(self) -> None:
        """A document without tuples says that nothing is known, and maybe why (PIDF-11)."""
        body = b"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:a@b.example'><note>at sea</note></presence>"
        self.desk.notify(self.request, body=body)
        [seen] = self.desk.told()
        self.assertEqual((False, (), "at sea"), (seen.known, seen.devices, seen.notice))

    def test_pending_again(self) -> None:
        """Pending after active keeps the permission (table 2.1)."""
        self.desk.notify(self.request, "pending;expires=100")
        self.desk.notify(self.request, body=document("away"))
        self.assertEqual(["Presence"], [type(event).__name__ for event in self.desk.told()])

    def test_core_knows_nothing(self) -> None:
        """Where the core knows of no such wish, the subscription is ended in good form."""
        self.desk.refusing = Refused(Failure(Reason.SUBSCRIPTION_REQUIRED))
        self.desk.notify(self.request, body=document("away"))
        self.assertEqual("0", self.desk.subscribe().get("Expires"))

    def test_core_was_busy(self) -> None:
        """News that the core could not take are asked for again."""
        self.desk.refusing = Refused(Failure(Reason.INTERNAL, False))
        self.desk.notify(self.request, body=document("away"))
        self.desk.refusing = None
        self.desk.told()
        self.desk.wait(61)
        again = self.desk.subscribe()
        self.desk.notify(again, body=document("away"))
        self.assertEqual(["WatchGranted", "Presence"], [type(event).__name__ for event in self.desk.told()])


class TimeTests(SynchronousTestCase):
    """Refreshing, and what happens when nobody answers."""

    def refreshed_after(self, seconds: int, desk: Desk) -> float:
        desk.ask()
        request = desk.subscribe()
        desk.accept(request, 3600)
        desk.notify(request, f"active;expires={seconds}")
        due = desk.subscriber.next_timer()
        assert due is not None
        desk.wait(due - desk.now)
        self.assertEqual(2, desk.subscribe().cseq.number)
        return due - NOW

    def test_refresh_time(self) -> None:
        """A refresh leaves early enough, and not at the same time for all (PRES-7)."""
        for seconds, earliest, latest in ((3600, 3211.2, 3568), (600, 511.2, 568), (100, 67.5, 75), (20, 13.5, 15)):
            times = {self.refreshed_after(seconds, Desk(seed=seed)) for seed in range(5)}
            self.assertTrue(earliest - 0.1 <= min(times) and max(times) <= latest + 0.1, (seconds, times))
            self.assertGreater(len(times), 1)

    def test_refresh(self) -> None:
        """The refresh goes on in the dialog, by its route, to the notifier's contact (SIP-71, PRES-7)."""
        desk = Desk()
        desk.ask()
        first = desk.subscribe()
        desk.notify(first, body=document(), Record_Route="<sip:p2.example;lr>, <sip:p1.example;lr>")
        desk.accept(first)
        desk.wait(3570)
        [send] = desk.sends
        request = desk.subscribe()
        self.assertEqual("sip:pa@192.0.2.10:5060", request.target)
        self.assertEqual(["<sip:p2.example;lr>", "<sip:p1.example;lr>"], request.all("Route"))
        self.assertEqual("sip:p2.example;lr", str(send.uri))
        self.assertEqual((first.call_id, first.from_.tag, "n1", 2),
                         (request.call_id, request.from_.tag, request.to.tag, request.cseq.number))
        self.assertEqual("3600", request.get("Expires"))

    def test_expiry_of_the_answer(self) -> None:
        """Where the NOTIFY does not say how long, the answer to the SUBSCRIBE does (PRES-6)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.accept(request, 100)
        desk.notify(request, "active")
        desk.wait(80)
        self.assertEqual(1, len(desk.sent()))

    def test_expiry_of_the_notify(self) -> None:
        """Where both say how long, the NOTIFY does, whichever comes first (PRES-6)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.notify(request, "active;expires=100")
        desk.accept(request, 3600)
        desk.wait(80)
        self.assertEqual(1, len(desk.sent()))

    def test_not_longer_than_asked(self) -> None:
        """A notifier that promises eternity is asked again all the same (RFC 6665 4.2.1.1)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.notify(request, "active;expires=4294967295")
        desk.accept(request, 2**32 - 1)
        desk.wait(3570)
        self.assertEqual(1, len(desk.sent()))

    def test_many_changes(self) -> None:
        """Whoever changes his state all the time is refreshed in time as well."""
        desk = Desk()
        request = desk.watched()
        for left in range(3590, 0, -10):
            desk.wait(10)
            desk.notify(request, f"active;expires={left}", document(("away", "dnd")[left // 10 % 2]))
            if desk.sends:
                break
        self.assertGreater(left, 20)

    def test_timer_n(self) -> None:
        """Without a NOTIFY within 32 s the subscription has failed, and is tried again later (PRES-17)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.accept(request)
        desk.wait(31.9)
        self.assertEqual(1, len(desk.subscriber))
        desk.wait(0.2)
        self.assertEqual((0, []), (len(desk.subscriber), desk.sent()))
        self.assertEqual(481, desk.notify(request))
        desk.wait(76)
        again = desk.subscribe()
        self.assertNotEqual((request.call_id, request.from_.tag), (again.call_id, again.from_.tag))

    def test_no_notify_after_refresh(self) -> None:
        """A refresh that brings no NOTIFY ends the dialog; a new one begins at once (PRES-7, table 2.1)."""
        desk = Desk()
        first = desk.watched()
        desk.wait(3570)
        desk.accept(desk.subscribe())
        desk.wait(33)
        again = desk.subscribe()
        self.assertNotEqual(first.call_id, again.call_id)

    def test_refresh_without_answer(self) -> None:
        """A refresh that nobody answers leaves the dialog until it expires (PRES-7)."""
        for status in (408, 500, 503):
            desk = Desk()
            first = desk.watched()
            desk.wait(3570)
            request = desk.subscribe()
            desk.answer(request, status)
            self.assertEqual(200, desk.notify(first, "active;expires=20", document("away")))
            desk.wait(40)
            self.assertNotEqual(first.call_id, desk.sent()[-1].call_id)

    def test_spread(self) -> None:
        """Thousands of questions leave one after the other (SIP-93)."""
        desk = Desk()
        for number in range(BURST + 300):
            desk.ask(target=Address("sip", f"user{number}", "sip.example"))
        self.assertEqual(BURST, len(desk.sent()))
        desk.wait(1)
        self.assertTrue(190 <= len(desk.sent()) <= 210)
        desk.wait(2)
        self.assertTrue(90 <= len(desk.sent()) <= 110)

    def test_clock_goes_back(self) -> None:
        """A clock that is set back stands still, and what is due comes when that time has passed again."""
        desk = Desk()
        desk.watched()
        desk.now -= 10 * DAY
        desk.take(desk.subscriber.handle_timer(desk.now))
        self.assertEqual([], desk.sent())
        desk.wait(3590)
        self.assertEqual(1, len(desk.sent()))
