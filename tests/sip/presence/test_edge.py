"""Presence at the SIP edge as watchers, publishers and the engine see it, in virtual time."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure as Fault
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from iwf.edge import IMemory
from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Device,
    Failure,
    Note,
    Party,
    Presence,
    Published,
    Reason,
    Refused,
    Rejected,
    Remember,
    Taken,
    Tune,
    WatchEnded,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.settings import Account, Hop, PresenceSettings, RegistrarSettings, SipSettings
from iwf.sip.syntax.framing import StreamFramer
from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from tests.sip.fakes import Rig
from tests.sip.presence.test_compositor import document, publish
from tests.sip.presence.test_dialog import SUBSCRIBE
from tests.sip.samples import ANA, BEN_AT_X, SETTINGS, TRUNK, changed, item, octets

BEN = Party(BEN_AT_X)
PLAIN = changed(SUBSCRIBE, ("Record-Route: <sip:p2.sip.example;lr>\nRecord-Route: <sip:192.0.2.10;lr;ftag=w1>\n", ""))


@implementer(IMemory)
class Memory:
    """What was remembered by another edge."""

    def __init__(self, events: list[Any]) -> None:
        self.rows = {event.key: event.text for event in events if isinstance(event, Remember)}

    def recall(self, edge: str) -> list[tuple[str, str]]:
        return [row for row in self.rows.items() if row[1]]


class Watching(SynchronousTestCase):
    """An edge with one peer."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.offered = 0

    def decide(self, *verdicts: Any) -> list[Any]:
        """Verdicts on all new events, yes to what is not named; the events."""
        new = self.rig.intake.events[self.offered:]
        waiting = self.rig.intake.verdicts[self.offered:]
        self.offered = len(self.rig.intake.events)
        for one, verdict in zip(waiting, [*verdicts, *[Taken("")] * len(waiting)], strict=False):
            one.callback(verdict)
        return new

    def sent(self) -> list[Request | Response]:
        return [message for message, _ in self.rig.sent()]

    def deliver(self, payload: object) -> Any:
        return self.successResultOf(self.rig.edge.deliver(item(payload)))

    def subscribed(self, text: str = PLAIN) -> tuple[Response, Request]:
        """A subscription that was taken: its 200 and its first NOTIFY."""
        self.rig.receive(octets(text))
        self.decide()
        answer, notify = self.sent()
        assert isinstance(answer, Response) and isinstance(notify, Request)
        return answer, notify

    def answer(self, request: Request, status: int = 200) -> None:
        self.rig.receive(response_to(request, status).to_bytes())


class WatcherTests(Watching):
    """SUBSCRIBEs over UDP."""

    def test_dialog(self) -> None:
        """The 200 comes after the verdicts, then the NOTIFY, both with our Contact (PRES-21, SIP-32, SIP-76)."""
        self.rig.receive(octets(SUBSCRIBE))
        self.rig.reactor.advance(1)
        self.assertEqual(self.sent(), [])
        remember, request = self.decide()
        assert isinstance(remember, Remember) and isinstance(request, WatchRequested)
        [(answer, to), (notify, there)] = self.rig.sent()
        assert isinstance(answer, Response) and isinstance(notify, Request)
        contact = "<sip:ben*xmpp.example@iwf.sip.example:5060>"
        self.assertEqual((answer.status, answer.get("Expires"), answer.get("Contact"), answer.all("Record-Route")),
                         (200, "3599", contact, ["<sip:p2.sip.example;lr>", "<sip:192.0.2.10;lr;ftag=w1>"]))
        self.assertEqual((answer.to.tag, answer.get("Allow-Events")), (request.leg, "presence, presence.winfo"))
        self.assertEqual((notify.method, notify.get("Subscription-State"), notify.get("Contact")),
                         ("NOTIFY", "pending;expires=3599", contact))
        self.assertEqual((to, there), (("192.0.2.10", 5060),) * 2)

    def test_first_notify_shows_him(self) -> None:
        """What the core tells in the same turn is in the first NOTIFY (PRES-21)."""
        self.rig.receive(octets(PLAIN))
        leg = self.rig.intake.events[1].leg
        self.assertIsInstance(self.deliver(WatchGranted(BEN, ANA, (leg,))), Accepted)
        self.deliver(Presence(BEN, ANA, (Device("pc", notes=(Note("here"),)),), legs=(leg,)))
        self.decide()
        _, notify = self.sent()
        assert isinstance(notify, Request)
        self.assertEqual(notify.get("Subscription-State"), "active;expires=3600")
        self.assertIn(b"<note>here</note>", notify.body)
        self.assertIn(b"sip:ben*xmpp.example@x.sip.example;gr=pc", notify.body)

    def test_tunes(self) -> None:
        """A song is told in words where that is wanted; else it is nothing new (RICH-3, PRES-34)."""
        song = (Tune("Yes", title="Heart of the Sunrise"),)
        for wanted, count in ((False, 0), (True, 1)):
            self.rig = Rig(evolve(SETTINGS, presence=PresenceSettings(tune_as_note=wanted, notify_min=0)))
            self.offered = 0
            self.rig.receive(octets(PLAIN))
            leg = self.rig.intake.events[1].leg
            self.deliver(WatchGranted(BEN, ANA, (leg,)))
            self.deliver(Presence(BEN, ANA, (Device("pc"),), legs=(leg,)))
            self.decide()
            _, first = self.sent()
            assert isinstance(first, Request)
            self.answer(first)
            self.deliver(Presence(BEN, ANA, (Device("pc"),), song, legs=(leg,)))
            more = self.sent()
            self.assertEqual([one.body.count(b"listening to Heart of the Sunrise - Yes") for one in more], [1] * count)

    def test_refusals(self) -> None:
        """The core's no, and faults in the request, are answered in SIP's words (PRES-20)."""
        self.rig.receive(octets(PLAIN))
        self.decide(Taken(""), Refused(Failure(Reason.UNKNOWN_RECIPIENT)))
        for number, change in enumerate((("Event: presence", "Event: dialog"), ("x.sip.example SIP", "y.example SIP"))):
            self.rig.receive(octets(changed(PLAIN, ("6a3c", f"{number}"), ("z9hG4bK77", f"z9hG4bK{number}"), change)))
        self.assertEqual([sent.status for sent in self.sent() if isinstance(sent, Response)], [404, 489, 404])

    def test_overload(self) -> None:
        """When the gateway has too much work a watcher is told 503, to come back after 5 to 30 s, each after another
        time, and 480 where he comes by a shared proxy (SIP-90, ERR-12)."""
        busy = Refused(Failure(Reason.CONGESTED, False, retry_after=5.0, of_gateway=True))
        for shared, status in ((False, 503), (True, 480)):
            self.rig, self.offered = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, shared=shared),))), 0
            waits = set()
            for number in range(12):
                self.rig.receive(octets(changed(PLAIN, ("6a3c", f"{number}"), ("z9hG4bK77", f"z9hG4bK{number}"))))
                self.decide(*[busy] * 4)  # what the one before left behind included
                [answer] = self.sent()
                assert isinstance(answer, Response)
                self.assertEqual(answer.status, status)
                waits.add(int(answer.get("Retry-After") or "0"))
            self.assertGreater(len(waits), 3)
            self.assertTrue(min(waits) >= 5 and max(waits) <= 30, waits)

    def test_stranger(self) -> None:
        """Who is no peer hears 403, never 407 (PRES-20, SIP-63)."""
        self.rig.receive(octets(PLAIN), Hop("udp", "203.0.113.9", 5060))
        [answer] = self.sent()
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, self.rig.intake.events), (403, []))

    def test_merged(self) -> None:
        """The same SUBSCRIBE by another way is 482 (SIP-25)."""
        self.rig.receive(octets(PLAIN))
        self.rig.receive(octets(changed(PLAIN, ("z9hG4bK77", "z9hG4bK78"))))
        [answer] = self.sent()
        assert isinstance(answer, Response)
        self.assertEqual(answer.status, 482)

    def test_retransmission(self) -> None:
        """A SUBSCRIBE that is sent again gets the same answer and no second dialog (SIP-23)."""
        answer, _ = self.subscribed()
        self.rig.receive(octets(PLAIN))
        self.assertEqual((self.sent(), len(self.rig.intake.events)), ([answer], 2))

    def test_refresh(self) -> None:
        """Within the dialog the Request-URI is our Contact, which need not be a host of ours otherwise (SIP-71)."""
        answer, notify = self.subscribed()
        self.answer(notify)
        refresh = changed(PLAIN, ("SUBSCRIBE sip:ben*xmpp.example@x.sip.example", "SUBSCRIBE sip:ben@192.0.2.20:5060"),
                          ("z9hG4bK77", "z9hG4bK80"), ("41 SUBSCRIBE", "42 SUBSCRIBE"),
                          ("To: <sip:ben*xmpp.example@x.sip.example>", f"To: {answer.get('To')}"))
        self.rig.receive(octets(refresh))
        _, renewed = self.decide()
        self.assertIsInstance(renewed, WatchRenewed)
        again, notify = self.sent()
        assert isinstance(again, Response) and isinstance(notify, Request)
        self.assertEqual((again.status, again.to.tag, notify.cseq.number), (200, answer.to.tag, 2))
        self.rig.receive(octets(changed(refresh, ("z9hG4bK80", "z9hG4bK81"), (f"tag={answer.to.tag}", "tag=other"))))
        [lost] = self.sent()
        assert isinstance(lost, Response)
        self.assertEqual(lost.status, 481)

    def test_notify_fails(self) -> None:
        """A watcher who has gone is dropped, and the core hears of it (SIP-75, PRES-29)."""
        _, notify = self.subscribed()
        self.answer(notify, 481)
        self.assertEqual([type(event) for event in self.decide()], [Remember, WatchEnded])

    def test_silence(self) -> None:
        """One who does not answer for 32 s is gone as well (PRES-29, timer F)."""
        self.subscribed()
        self.rig.reactor.pump([1] * 34)
        self.assertEqual([type(event) for event in self.decide()], [Remember, WatchEnded])

    def test_timers(self) -> None:
        """The edge's own timer ends what is not refreshed (PRES-25)."""
        _, notify = self.subscribed()
        self.answer(notify)
        self.rig.reactor.pump([1800, 1799])
        self.assertEqual(self.sent(), [])
        self.rig.reactor.pump([2])
        [last] = self.sent()
        self.assertEqual(last.get("Subscription-State"), "terminated;reason=timeout")

    def test_large(self) -> None:
        """A document that no datagram holds goes by TCP, and by UDP where nobody listens there (SIP-41)."""
        _, notify = self.subscribed()
        self.answer(notify)
        leg = notify.from_.tag
        self.deliver(WatchGranted(BEN, ANA, (leg,)))
        [small] = self.sent()
        assert isinstance(small, Request)
        self.answer(small)
        self.deliver(Presence(BEN, ANA, tuple(Device(f"device-{n}") for n in range(12)), legs=(leg,)))
        self.assertEqual(self.sent(), [])
        _, transport = self.rig.connect()
        large = parse_message(transport.value(), datagram=False)
        assert isinstance(large, Request)
        self.assertEqual((large.top_via.transport, large.get("Contact")),
                         ("TCP", "<sip:ben*xmpp.example@iwf.sip.example:5060;transport=tcp>"))
        self.rig.edge.unreachable(Hop("tcp", "192.0.2.10", 5060))
        [again] = self.sent()
        self.assertEqual((again.top_via.transport, again.body), ("UDP", large.body))

    def test_challenged(self) -> None:
        """A peer that wants credentials for NOTIFY gets them, and the numbers go on from there (SIP-60)."""
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, username="iwf", password="secret"),)))
        _, notify = self.subscribed()
        challenge = response_to(notify, 401, headers=[
            ("WWW-Authenticate", 'Digest realm="sip.example", nonce="n1", qop="auth", algorithm=MD5')])
        self.rig.receive(challenge.to_bytes())
        [second] = self.sent()
        assert isinstance(second, Request)
        self.assertEqual((second.cseq.number, "Authorization" in dict(second.headers)), (2, True))
        self.answer(second)
        self.deliver(WatchGranted(BEN, ANA, (notify.from_.tag,)))
        [third] = self.sent()
        self.assertEqual(third.cseq.number, 3)

    def test_refused_later(self) -> None:
        """The presentity's no ends it (PRES-24)."""
        _, notify = self.subscribed()
        self.answer(notify)
        self.deliver(WatchRefused(BEN, ANA, Failure(Reason.FORBIDDEN), (notify.from_.tag,)))
        [last] = self.sent()
        self.assertEqual(last.get("Subscription-State"), "terminated;reason=rejected")


class LifeTests(Watching):
    """Start and stop."""

    def test_restart(self) -> None:
        """After a restart the core is asked again, and the watcher is told in his old dialog (SIP-93, PRES-30)."""
        answer, notify = self.subscribed()
        self.rig = Rig(memory=Memory(self.rig.intake.events))
        self.offered = 0
        self.rig.reactor.advance(0.1)
        [renewed] = self.rig.intake.events
        self.assertIsInstance(renewed, WatchRenewed)
        self.deliver(WatchGranted(BEN, ANA, (renewed.leg,)))
        self.deliver(Presence(BEN, ANA, (Device("pc"),), legs=(renewed.leg,)))
        self.decide()
        [again] = self.sent()
        assert isinstance(again, Request)
        self.assertEqual((again.from_.tag, again.call_id), (answer.to.tag, notify.call_id))
        self.assertGreater(again.cseq.number, notify.cseq.number)

    def test_trunk_is_gone(self) -> None:
        """What came by a trunk that is no longer configured is dropped, and the core hears of it."""
        self.subscribed()
        memory = Memory(self.rig.intake.events)
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, name="new", lane="sip:new"),)), memory=memory)
        self.offered = 0
        self.rig.reactor.advance(0.1)
        [renewed] = self.rig.intake.events
        self.deliver(WatchGranted(BEN, ANA, (renewed.leg,)))
        self.deliver(Presence(BEN, ANA, (Device("pc"),), legs=(renewed.leg,)))
        self.decide()
        self.assertEqual([type(event) for event in self.decide()], [Remember, WatchEnded])

    def test_stop(self) -> None:
        """An orderly stop tells each watcher to come back, and waits for his answer (SIP-92)."""
        _, notify = self.subscribed()
        self.answer(notify)
        stopped = self.rig.edge.stopService()
        [last] = self.sent()
        assert isinstance(last, Request)
        self.assertEqual(last.get("Subscription-State"), "terminated;reason=deactivated")
        self.assertNoResult(stopped)
        self.answer(last)
        self.successResultOf(stopped)
        self.assertEqual([type(event) for event in self.decide()], [Remember, WatchEnded])
        self.assertEqual(self.rig.reactor.getDelayedCalls(), [])

    def test_fault_of_ours(self) -> None:
        """An engine that fails costs the watcher his subscription, not us our life."""
        self.rig.intake.fault = ZeroDivisionError()
        self.rig.receive(octets(PLAIN))
        [answer] = self.sent()
        assert isinstance(answer, Response)
        self.assertEqual(answer.status, 500)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_unwritable(self) -> None:
        """A presentity that has no SIP address cannot be watched."""
        news = self.deliver(WatchRequested(BEN, evolve(ANA, user="\ud800"), "leg"))
        self.assertIsInstance(news, Rejected)


class OffTests(Watching):
    """What is not configured."""

    def status(self, settings: SipSettings, octets_: bytes) -> tuple[int, str | None]:
        self.rig = Rig(settings)
        self.rig.receive(octets_)
        [answer] = self.sent()
        assert isinstance(answer, Response)
        return answer.status, answer.get("Allow")

    def test_presence_off(self) -> None:
        """Without presence its methods are 405 (SIP-30)."""
        off = evolve(SETTINGS, presence=None)
        for method in ("SUBSCRIBE", "NOTIFY", "PUBLISH"):
            text = changed(PLAIN, ("SUBSCRIBE sip", f"{method} sip"), ("41 SUBSCRIBE", f"41 {method}"))
            self.assertEqual(self.status(off, octets(text)), (405, "MESSAGE, OPTIONS"))

    def test_publish_off(self) -> None:
        """PUBLISH is off by default (PUB-4)."""
        self.assertEqual(self.status(SETTINGS, publish(document()).to_bytes()),
                         (405, "MESSAGE, OPTIONS, SUBSCRIBE, NOTIFY"))

    def test_stray_notify(self) -> None:
        """A NOTIFY that belongs to nothing is 481 (PRES-17)."""
        text = changed(PLAIN, ("SUBSCRIBE sip", "NOTIFY sip"), ("41 SUBSCRIBE", "41 NOTIFY"),
                       ("Event: presence", "Event: presence\nSubscription-State: active"))
        self.assertEqual(self.status(SETTINGS, octets(text))[0], 481)


class PublishTests(Watching):
    """PUBLISH, where a trunk may."""

    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, publish_in=True),)))
        self.offered = 0

    def test_taken(self) -> None:
        """The core is told, then there is a tag (PUB-4, PUB-5)."""
        self.rig.receive(publish(document()).to_bytes())
        self.assertEqual(self.sent(), [])
        _, published = self.decide()
        assert isinstance(published, Published)
        [answer] = self.sent()
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, answer.get("Expires"), published.origin.address), (200, "3600", ANA))
        self.assertTrue(answer.get("SIP-ETag"))

    def test_not_read(self) -> None:
        """A broken document changes nothing (PIDF-3)."""
        self.rig.receive(publish(b"<presence>").to_bytes())
        [answer] = self.sent()
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, self.rig.intake.events), (400, []))


class DeviceTests(Watching):
    """Watchers that are registered here."""

    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, registrar=RegistrarSettings("home.example", (Account("ana", "pw"),))))
        self.offered = 0
        self.keyring = Keyring(Login("ana", "pw"), Ids(5))
        asked = parse_message(octets(changed(PLAIN, ("sip:ana@sip.example", "sip:ana@home.example"),
                                             ("192.0.2.77:5080;transport=tcp?Subject=x", "a1b2.invalid;transport=ws"))))
        assert isinstance(asked, Request)
        self.asked = asked

    def signed(self, challenge: Request | Response) -> bytes:
        assert isinstance(challenge, Response) and self.keyring.learn(self.asked, challenge)
        return self.keyring.repeated(self.asked, self.asked.top_via.with_param("branch", "z9hG4bKs2")).to_bytes()

    def test_way_back(self) -> None:
        """Their NOTIFYs go where the SUBSCRIBE came from, whatever their Contact says (RFC 3581)."""
        phone = Hop("udp", "203.0.113.5", 40123)
        self.rig.receive(self.asked.to_bytes(), phone)
        self.rig.receive(self.signed(self.sent()[0]), phone)
        self.decide()
        _, (notify, to) = self.rig.sent()
        self.assertEqual((notify.to.tag, to), ("w1", ("203.0.113.5", 40123)))

    def test_connection(self) -> None:
        """By the connection of the SUBSCRIBE, and by no other (RFC 5626)."""
        stream, transport = self.rig.accept(Hop("tcp", "203.0.113.5", 40123))
        stream.dataReceived(self.asked.to_bytes())
        challenge = parse_message(transport.value(), datagram=False)
        assert isinstance(challenge, Response)
        transport.clear()
        stream.dataReceived(self.signed(challenge))
        self.decide()
        answer, notify = [parse_message(frame, datagram=False) for frame in StreamFramer().feed(transport.value())
                          if isinstance(frame, bytes)]
        assert isinstance(answer, Response) and isinstance(notify, Request)
        self.assertEqual((answer.status, notify.method, notify.target),
                         (200, "NOTIFY", "sip:ana@a1b2.invalid;transport=ws"))
        self.assertEqual(self.rig.reactor.tcpClients, [])
        stream.connectionLost(Fault(ConnectionDone()))
        self.rig.reactor.advance(0.1)
        other, _ = self.rig.accept(Hop("tcp", "203.0.113.5", 40123))
        self.deliver(WatchGranted(BEN, ANA, (notify.from_.tag,)))
        self.assertEqual((self.rig.reactor.tcpClients, other.transport.value()), ([], b""))
