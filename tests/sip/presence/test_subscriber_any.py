"""Watching users of SIP: whatever happens in whatever order (table 2.1), the examples of RFC 8048, many at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Address, Presence, WatchGranted, WatchRefused
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, parse_message
from tests.sip.presence.watching import DAY, Desk, document
from tests.sip.samples import BEN_AT_X, octets

EVE = Address("sip", "eve*xmpp.example", "x.sip.example")

_STATES = ["active;expires=3600", "active", "active;expires=0", "active;expires=1", "pending;expires=60", "pending",
           "waiting;expires=60", None, "terminated"]
_STATES += [f"terminated;reason={reason}" for reason in
            ("deactivated", "probation;retry-after=1", "rejected", "timeout", "giveup", "noresource", "invariant", "x")]
_BODIES = [b"", document(), document("away"), document(basic="closed"), b"<broken"]
_STATUSES = [200, 202, 400, 401, 403, 404, 406, 408, 423, 480, 481, 489, 500, 503, 603, 604]

_steps = st.lists(st.one_of(
    st.tuples(st.sampled_from(["ask", "renew", "fetch", "end", "forget"]), st.sampled_from([BEN_AT_X, EVE])),
    st.tuples(st.just("answer"), st.sampled_from(_STATUSES)),
    st.tuples(st.just("notify"), st.integers(0, 9), st.sampled_from(_STATES), st.sampled_from(_BODIES),
              st.sampled_from(["n1", "n2"]), st.integers(-1, 1)),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1, 5, 33, 75, 600, 3590, 4000, 90000])),
    st.tuples(st.just("restart")),
), max_size=40)


class Play:
    """A subscriber to which anything may happen."""

    def __init__(self, test: SynchronousTestCase, sub_idle: str) -> None:
        self.test = test
        self.desk = Desk(sub_idle=sub_idle)
        self.open: list[Request] = []
        """SUBSCRIBEs without an answer."""
        self.seen: list[Request] = []

    def step(self, step: tuple[Any, ...]) -> None:
        desk = self.desk
        match step:
            case "ask", who:
                desk.ask(who)
            case "renew", who:
                desk.renew(who)
            case "fetch", who:
                desk.fetch("leg", who)
            case "end", who:
                desk.end(False, who)
            case "forget", who:
                desk.end(True, who)
            case "answer", status:
                if self.open:
                    desk.answer(self.open.pop(0), status, ("Expires", "600"), ("Min-Expires", "7200"))
            case "notify", which, state, body, tag, ahead:
                if self.seen:
                    code = desk.notify(self.seen[which % len(self.seen)], state, body, tag, desk.cseq + ahead)
                    self.test.assertIn(code, (200, 400, 481, 500))
            case "wait", seconds:
                desk.wait(seconds)
            case ("restart",):
                self.collect()
                self.desk, self.open = desk.restarted(), []
        self.collect()

    def collect(self) -> None:
        for request in self.desk.sent():
            self.test.assertEqual("SUBSCRIBE", request.method)
            open_ones = [one.call_id for one in self.open]
            self.test.assertNotIn(request.call_id, open_ones, "two at once in one dialog")
            self.open.append(request)
            self.seen.append(request)

    def finish(self) -> None:
        """Nobody wants anything any more, and the peers say no more than they must."""
        for who in (BEN_AT_X, EVE):
            self.step(("forget", who))
        while self.open:
            self.step(("answer", 408))
            self.step(("wait", 33))
        self.step(("wait", DAY))


class AnyOrderTests(SynchronousTestCase):
    """Any input in any state."""

    @settings(max_examples=150, deadline=None)
    @given(_steps, st.sampled_from(["expire", "end"]))
    def test_nothing_is_left_behind(self, steps: list[tuple[Any, ...]], sub_idle: str) -> None:
        """Whatever has happened: every NOTIFY is answered, one SUBSCRIBE at a time, and no dialog stays (2.1)."""
        play = Play(self, sub_idle)
        for step in steps:
            play.step(step)
        play.finish()
        desk = play.desk
        self.assertEqual((0, None), (len(desk.subscriber), desk.subscriber.next_timer()))
        self.assertEqual(set(), {text for text in desk.memory.values() if text})

    @settings(max_examples=100, deadline=None)
    @given(_steps)
    def test_permission_comes_first(self, steps: list[tuple[Any, ...]]) -> None:
        """Nobody is shown anything before he has been told that he may see; nor after that is over (PRES-5)."""
        play = Play(self, "expire")
        allowed: set[str] = set()
        for step in steps:
            if step[0] in ("ask", "forget"):
                allowed.discard(step[1].key)
            if step[0] == "renew":
                allowed.add(step[1].key)  # as the core says
            if step[0] == "restart":
                continue  # what he may is known to the core; here it would be told again
            play.step(step)
            for event in play.desk.told():
                watcher = event.target.key
                if isinstance(event, WatchGranted):
                    allowed.add(watcher)
                elif isinstance(event, WatchRefused) and not event.legs:
                    allowed.discard(watcher)
                elif isinstance(event, Presence) and not event.legs and event.known:
                    self.assertIn(watcher, allowed)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300), st.text("0123456789;=, activepndgrmts\"", max_size=30))
    def test_hostile(self, body: bytes, state: str) -> None:
        """Octets of any kind in a NOTIFY are answered, and break nothing."""
        desk = Desk()
        request = desk.watched()
        try:
            code = desk.notify(request, state, body)
        except SipSyntaxError:
            return  # the request itself cannot be written
        self.assertIn(code, (200, 400))
        self.assertIn(desk.notify(request, "active;expires=9", document("away")), (200, 481))

    def test_thousands(self) -> None:
        """Of thousands of subscriptions each is begun, notified and refreshed in time."""
        desk = Desk()
        users = [Address("sip", f"u{number}", "sip.example") for number in range(3000)]
        for user in users:
            desk.ask(target=user)
        desk.wait(60)
        requests = desk.sent()
        self.assertEqual(len(users), len(requests))
        for request in requests:
            desk.accept(request)
            desk.notify(request, body=document())
        start = desk.now
        desk.wait(3590)
        self.assertEqual(len(users), len(desk.sent()))
        self.assertEqual(start + 3590, desk.now)


#: RFC 8048, example 4 and the NOTIFYs that follow it, in the names of our deployment.  Where the printed examples
#: break rules of SIP (From and To of a NOTIFY are those of the SUBSCRIBE; no Subscription-State; no Contact) they
#: are corrected, as SIP-72, PRES-17 and RFC 3856 have it.
_NOTIFY = """\
NOTIFY sip:ben*xmpp.example@192.0.2.20:5060 SIP/2.0
Via: SIP/2.0/UDP simple.example.net;branch=z9hG4bKna998sk
From: <sip:ana@sip.example>;tag=yt66
To: <sip:ben*xmpp.example@x.sip.example>;tag={tag}
Call-ID: {call_id}
Event: presence
Subscription-State: active;expires=499
CSeq: {cseq} NOTIFY
Contact: <sip:simple.example.net>
Content-Type: application/pidf+xml
Content-Length: {length}

{body}"""

_BODY = """\
<?xml version='1.0' encoding='UTF-8'?>
<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:ana@sip.example'>
  <tuple id='ID-orchard'>
    <status>
      <basic>{basic}</basic>
      <show xmlns='jabber:client'>away</show>
    </status>
  </tuple>
</presence>
"""


class Rfc8048Tests(SynchronousTestCase):
    """The examples of RFC 8048 for an XMPP user who watches a SIP user (5.1, 6.1)."""

    def notified(self, desk: Desk, subscribe: Request, basic: str, cseq: int) -> Presence:
        body = _BODY.format(basic=basic)
        text = _NOTIFY.format(tag=subscribe.from_.tag, call_id=subscribe.call_id, cseq=cseq, length=len(body),
                              body=body)
        notify = parse_message(octets(text))
        assert isinstance(notify, Request)
        self.assertEqual(200, desk.notify(subscribe, **{
            name.replace("-", "_"): value for name, value in notify.headers}, body=notify.body))
        presence = desk.told()[-1]
        assert isinstance(presence, Presence)
        return presence

    def test_examples(self) -> None:
        """Subscribe, granted with presence, presence gone: as the figures have it."""
        desk = Desk()
        desk.ask()
        subscribe = desk.subscribe()
        for name, value in (("Event", "presence"), ("Accept", "application/pidf+xml"), ("Max-Forwards", "70")):
            self.assertEqual(value, subscribe.get(name))
        desk.accept(subscribe)
        [device] = self.notified(desk, subscribe, "open", 1).devices
        self.assertEqual(("orchard", True, "away"), (device.instance, device.open, device.show.value))
        [device] = self.notified(desk, subscribe, "closed", 2).devices
        self.assertEqual(("orchard", False), (device.instance, device.open))

    def test_without_state(self) -> None:
        """As printed, without Subscription-State, a NOTIFY is refused: RFC 6665 demands it (PRES-17)."""
        desk = Desk()
        subscribe = desk.watched()
        self.assertEqual(400, desk.notify(subscribe, None, document()))
