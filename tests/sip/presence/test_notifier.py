"""The notifier: RFC 6665 4.2 and the table of presence.md 2.1."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Device,
    Ending,
    Failure,
    Reason,
    Refused,
    Remember,
    Show,
    Taken,
    WatchClosed,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchRenewed,
    WatchRequested,
)
from iwf.sip.presence.headers import subscription_state_of
from iwf.sip.presence.outputs import Asked
from iwf.sip.presence.subscription import FIRST_AGAIN, MOST_AGAIN
from iwf.sip.settings import Hop, PresenceSettings
from iwf.sip.syntax.message import Response
from tests.sip.presence.test_dialog import subscribe
from tests.sip.presence.watched import BEN, REFUSED, Bench
from tests.sip.samples import ANA, BEN_AT_X, NOW, TRUNK

TAGGED = "<sip:ben*xmpp.example@x.sip.example>;tag={}"


class CheckTests(SynchronousTestCase):
    """What a SUBSCRIBE must be like (PRES-20)."""

    def setUp(self) -> None:
        self.bench = Bench()

    def refusal(self, **lines: str) -> tuple[int, dict[str, str]]:
        self.bench.ask(**lines)
        self.assertEqual(self.bench.offered, [])
        code, answer = self.bench.answers.pop()
        return code, dict(answer.status.headers)

    def test_event(self) -> None:
        """Another package, or none, is 489 with what there is (PRES-20, RFC 6665 7.2)."""
        for event in ("dialog", "presence.winfo.winfo", "PRESENCE", ""):
            self.assertEqual(self.refusal(Event=event), (489, {"Allow-Events": "presence, presence.winfo"}))

    def test_accept(self) -> None:
        """Who does not read our documents gets 406; who does not say reads them (PRES-20)."""
        for accept in ("application/xpidf+xml", "application/pidf+xml;q=0", "text/*"):
            self.assertEqual(self.refusal(Accept=accept), (406, {"Accept": "application/pidf+xml"}))
        for accept in ("", "application/xpidf+xml, application/PIDF+xml;q=0.3", "*/*", "application/*"):
            self.bench.ask(Accept=accept)
        self.assertEqual((self.bench.answers, len(self.bench.offered)), ([], 8))

    def test_interval(self) -> None:
        """Less than a minute is too brief, more than an hour is cut, nothing said is an hour (PRES-20)."""
        self.assertEqual(self.refusal(Expires="59"), (423, {"Min-Expires": "60"}))
        for said, given_ in (("60", "60"), ("3601", "3600"), ("", "3600"), ("rubbish", "3600")):
            bench = Bench()
            bench.ask(Expires=said)
            bench.decide()
            self.assertEqual(dict(bench.answers[0][1].status.headers)["Expires"], given_)

    def test_order(self) -> None:
        """Event is looked at before Accept, and Accept before Expires (PRES-20)."""
        self.assertEqual(self.refusal(Event="dialog", Accept="text/plain", Expires="1")[0], 489)
        self.assertEqual(self.refusal(Accept="text/plain", Expires="1")[0], 406)

    def test_malformed(self) -> None:
        """A header that cannot be read, or no Contact, is 400 (SIP-12, RFC 6665 8.2)."""
        for lines in ({"Event": ";;"}, {"Accept": "a/b,,"}, {"Contact": ""}, {"Contact": "<tel:+1>"}):
            self.assertEqual(self.refusal(**lines)[0], 400)

    def test_anonymous(self) -> None:
        """Who does not say who he is sees nobody (MSG-1)."""
        self.assertEqual(self.refusal(From="<sip:anonymous@anonymous.invalid>;tag=w1")[0], 403)

    def test_unknown_dialog(self) -> None:
        """Within a dialog that is not there: 481 (SIP-74)."""
        self.assertEqual(self.refusal(To=TAGGED.format("nobody"))[0], 481)

    def test_full(self) -> None:
        """So many subscriptions and no more; the watcher may come back later."""
        self.bench = Bench(PresenceSettings(max_watchers=1))
        self.bench.ask()
        self.bench.decide()
        code, headers = self.refusal()[0], self.bench.answers
        self.assertEqual((code, len(headers)), (480, 1))


class BeginningTests(SynchronousTestCase):
    """A subscription begins."""

    def setUp(self) -> None:
        self.bench = Bench()

    def test_question(self) -> None:
        """The core is asked, and the dialog remembered, before anything is said (PRES-22, SIP-93)."""
        self.bench.ask(Expires="600")
        remember, request = [offer.event for offer in self.bench.offered]
        assert isinstance(remember, Remember) and isinstance(request, WatchRequested)
        self.assertEqual((remember.edge, remember.until), ("sip", NOW + 600))
        self.assertEqual((request.origin.address, request.target, request.until, request.lane, request.leg != ""),
                         (ANA, BEN_AT_X, NOW + 600, "sip:proxy", True))
        self.assertEqual((self.bench.answers, self.bench.sent), ([], []))

    def test_not_granted_yet(self) -> None:
        """200, never 202, and at once a NOTIFY that says pending and shows nothing (PRES-21)."""
        self.bench.ask()
        self.bench.decide()
        self.assertEqual(self.bench.codes, [200])
        answer = self.bench.answers[0][1]
        self.assertEqual((answer.tag, str(answer.image)), (self.bench.leg, "sip:ben*xmpp.example@x.sip.example"))
        self.assertEqual(self.bench.last(), ("pending;expires=3600", "none"))
        notify = self.bench.notifies[0]
        self.assertEqual((notify.get("Event"), notify.get("Content-Type"), notify.from_.tag, notify.to.tag),
                         ("presence", None, answer.tag, "w1"))

    def test_granted_before(self) -> None:
        """Where the answer is known the first NOTIFY is active and has the document (PRES-21)."""
        self.bench.ask()
        self.bench.grant()
        self.bench.show(Device("pc"), Device("phone", show=Show.AWAY))
        self.assertEqual(self.bench.sent, [])
        self.bench.decide()
        self.assertEqual((self.bench.codes, self.bench.last()), ([200], ("active;expires=3600", "pc phone(away)")))
        self.assertEqual(self.bench.notifies[0].get("Content-Type"), "application/pidf+xml")
        self.assertIn(b'entity="pres:ben*xmpp.example@x.sip.example"', self.bench.notifies[0].body)

    def test_granted_unknown(self) -> None:
        """Granted, and nothing known of him: active without a body (PRES-23)."""
        self.bench.ask()
        self.bench.grant()
        self.bench.decide()
        self.assertEqual(self.bench.last(), ("active;expires=3600", "none"))

    def test_refused(self) -> None:
        """The core's no is the answer, and nothing is left behind (PRES-24)."""
        self.bench.ask()
        self.bench.decide(Taken(""), REFUSED)
        self.assertEqual((self.bench.codes, self.bench.sent, len(self.bench.notifier)), ([403], [], 0))
        self.assertIn("", [event.text for event in self.bench.events if isinstance(event, Remember)])

    def test_not_remembered(self) -> None:
        """A dialog that would not outlive a restart is not promised."""
        self.bench.ask()
        leg = self.bench.leg
        self.bench.decide(Refused(Failure(Reason.INTERNAL, False)))
        self.assertEqual((self.bench.codes, len(self.bench.notifier)), ([500], 0))
        self.assertIsInstance(self.bench.told[-1], WatchEnded)
        self.assertEqual(self.bench.told[-1].leg, leg)  # type: ignore[attr-defined]

    def test_refused_meanwhile(self) -> None:
        """A refusal that comes with the verdict is told after the 200 (PRES-24)."""
        self.bench.ask()
        self.bench.refuse(Reason.UNKNOWN_RECIPIENT)
        self.bench.decide()
        self.assertEqual((self.bench.codes, self.bench.last()), ([200], ("terminated;reason=noresource", "none")))

    def test_event_id(self) -> None:
        """The id of the event comes back in each NOTIFY (RFC 6665 8.2.1)."""
        self.bench.ask(Event="presence;id=7")
        self.bench.decide()
        self.assertEqual(self.bench.notifies[0].get("Event"), "presence;id=7")


class TellingTests(SynchronousTestCase):
    """The presentity answers and changes."""

    def setUp(self) -> None:
        self.bench = Bench()

    def test_granted(self) -> None:
        """His yes makes it active at once, with the document as soon as it comes (PRES-23, PRES-34)."""
        self.bench.pending()
        self.bench.grant()
        self.assertEqual(self.bench.last(), ("active;expires=3600", "none"))
        self.bench.reply()
        self.bench.show()
        self.assertEqual(self.bench.last(), ("active;expires=3600", "pc"))

    def test_not_shown_before_granted(self) -> None:
        """What there is to see is kept until it is granted (PRES-32)."""
        self.bench.pending()
        self.bench.show()
        self.assertEqual(len(self.bench.sent), 1)
        self.bench.grant()
        self.assertEqual(self.bench.last(), ("active;expires=3600", "pc"))

    def test_refused(self) -> None:
        """His no ends it with rejected and no document; a watcher gone is not told twice (PRES-24)."""
        for prepare in (Bench.pending, Bench.active):
            bench = Bench()
            prepare(bench)
            bench.refuse()
            self.assertEqual(bench.last(), ("terminated;reason=rejected", "none"))
            bench.refuse()
            self.assertEqual(len(bench.sent), 2)
            bench.reply()
            self.assertEqual(len(bench.notifier), 0)

    def test_closed(self) -> None:
        """The core gives up: its reason and when to come back (PRES-25, RFC 6665 4.2.2)."""
        self.bench.pending()
        closing = WatchClosed(BEN, ANA, (self.bench.leg,), Ending.GIVE_UP, 300.0)
        self.bench.take(self.bench.notifier.deliver(closing, self.bench.now))
        state = subscription_state_of(self.bench.notifies[-1])
        self.assertEqual((state.state, state.reason, state.retry_after), ("terminated", "giveup", 300))

    def test_throttle(self) -> None:
        """One NOTIFY in five seconds, and the latest state wins (PRES-34)."""
        self.bench.active()
        self.bench.wait(1)
        for show in (Show.AWAY, Show.BUSY, Show.CHAT):
            self.bench.show(Device("pc", show=show))
        self.assertEqual(len(self.bench.sent), 1)
        self.bench.wait(3.9)
        self.assertEqual(len(self.bench.sent), 1)
        self.bench.wait(0.2)
        self.assertEqual((len(self.bench.sent), self.bench.last()[1]), (2, "pc(chat)"))

    def test_same_again(self) -> None:
        """What was shown already is not shown again, nor what has changed and changed back (PRES-34)."""
        self.bench.active()
        self.bench.show()
        self.bench.wait(10)
        self.bench.show(Device("pc", show=Show.AWAY))
        self.bench.reply()
        self.bench.show(Device("pc", show=Show.BUSY))
        self.bench.show(Device("pc", show=Show.AWAY))
        self.bench.wait(10)
        self.assertEqual([request.cseq.number for request in self.bench.notifies], [1, 2])

    def test_leaving(self) -> None:
        """That the last device has left is told at once, and the subscription stays active (PRES-33, PRES-34)."""
        self.bench.active()
        self.bench.show(Device("pc", open=False))
        self.assertEqual(self.bench.last(), ("active;expires=3600", "-pc"))

    def test_one_at_a_time(self) -> None:
        """The next NOTIFY waits for the answer to the one before (PRES-34)."""
        self.bench.ask()
        self.bench.decide()
        self.bench.grant()
        self.bench.show()
        self.bench.wait(20)
        self.assertEqual(len(self.bench.sent), 1)
        self.bench.reply()
        self.assertEqual(self.bench.last(), ("active;expires=3580", "pc"))

    def test_other_watchers(self) -> None:
        """What is meant for one leg is told to no other (PRES-32)."""
        self.bench.active()
        self.bench.show(Device("phone"), legs=("somebody else",))
        self.bench.wait(10)
        self.assertEqual(len(self.bench.sent), 1)


class DialogTests(SynchronousTestCase):
    """SUBSCRIBEs within a dialog."""

    def setUp(self) -> None:
        self.bench = Bench()

    def test_refresh(self) -> None:
        """A refresh is told to the core, answered 200, and followed by the full state (PRES-26)."""
        self.bench.active()
        self.bench.wait(3000)
        self.bench.again(Expires="1800")
        self.assertEqual((self.bench.codes, self.bench.last()), ([200, 200], ("active;expires=1800", "pc")))
        renewed = self.bench.told[-1]
        assert isinstance(renewed, WatchRenewed)
        self.assertEqual((renewed.leg, renewed.until), (self.bench.leg, NOW + 4800))
        self.bench.reply()
        self.bench.wait(1700)
        self.assertEqual(len(self.bench.notifier), 1)

    def test_refresh_pending(self) -> None:
        """A subscription may be refreshed for as long as nobody answers (PRES-25)."""
        self.bench.pending()
        self.bench.again()
        self.assertEqual(self.bench.last(), ("pending;expires=3600", "none"))

    def test_target_moves(self) -> None:
        """The Contact of a refresh is where the next NOTIFY goes (SIP-71)."""
        self.bench.pending()
        self.bench.again(Contact="<sip:ana@192.0.2.99:5070>")
        self.assertEqual(self.bench.notifies[-1].target, "sip:ana@192.0.2.99:5070")

    def test_end(self) -> None:
        """Expires 0 ends it: 200, a last NOTIFY that shows him closed, and the core hears of it (PRES-27)."""
        self.bench.active()
        leg = self.bench.leg
        self.bench.again(Expires="0")
        self.assertEqual((self.bench.codes, self.bench.last()), ([200, 200], ("terminated;reason=timeout", "-it")))
        self.assertEqual(dict(self.bench.answers[-1][1].status.headers)["Expires"], "0")
        self.assertEqual(self.bench.told[-1], WatchEnded(self.bench.told[-1].origin, BEN_AT_X, leg, lane="sip:proxy"))  # type: ignore[attr-defined]
        self.bench.again()
        self.assertEqual(self.bench.codes[-1], 481)
        self.bench.reply()
        self.assertEqual(len(self.bench.notifier), 0)

    def test_out_of_order(self) -> None:
        """An earlier CSeq is 500, the same one is answered again (SIP-73)."""
        self.bench.active()
        self.bench.again(CSeq="40 SUBSCRIBE")
        self.assertEqual(self.bench.codes, [200, 500])
        self.bench.again(CSeq="41 SUBSCRIBE")
        self.assertEqual(self.bench.codes, [200, 500, 200])

    def test_other_usage(self) -> None:
        """Another event id, tag or trunk is another subscription, which is not there (SIP-74)."""
        self.bench.active()
        for lines in ({"Event": "presence;id=2"}, {"From": "<sip:ana@sip.example>;tag=w2"}, {"Call-ID": "other"}):
            self.bench.again(**lines)
        self.bench.ask(evolve(TRUNK, lane="sip:other"), To=TAGGED.format(self.bench.leg), CSeq="99 SUBSCRIBE")
        self.assertEqual(self.bench.codes, [200, 481, 481, 481, 481])

    def test_permission_gone(self) -> None:
        """A refresh of what the core has forgotten is 481, upon which the watcher asks anew."""
        self.bench.active()
        self.bench.ask(To=TAGGED.format(self.bench.leg), CSeq="42 SUBSCRIBE")
        self.bench.decide(Taken(""), Refused(Failure(Reason.SUBSCRIPTION_REQUIRED)))
        self.assertEqual((self.bench.codes, len(self.bench.notifier)), ([200, 481], 0))

    def test_refresh_fails(self) -> None:
        """A refresh that cannot be taken now leaves the subscription as it was."""
        self.bench.active()
        self.bench.ask(To=TAGGED.format(self.bench.leg), CSeq="42 SUBSCRIBE")
        self.bench.decide(Refused(Failure(Reason.CONGESTED, False, retry_after=5.0)))
        self.assertEqual((self.bench.codes, len(self.bench.sent)), ([200, 480], 1))
        self.bench.wait(3599)
        self.assertEqual(len(self.bench.sent), 1)
        self.bench.wait(2)
        self.assertEqual(self.bench.last()[0], "terminated;reason=timeout")


class PollTests(SynchronousTestCase):
    """SUBSCRIBE with Expires 0 outside a dialog (PRES-28)."""

    def setUp(self) -> None:
        self.bench = Bench()
        self.bench.ask(Expires="0")

    def test_known(self) -> None:
        """What is known is in the one NOTIFY, and nothing is remembered."""
        [fetch] = [offer.event for offer in self.bench.offered]
        self.assertEqual(fetch, WatchFetched(fetch.origin, BEN_AT_X, self.bench.leg, "sip:proxy"))  # type: ignore[union-attr]
        self.bench.show()
        self.bench.decide()
        self.assertEqual((self.bench.codes, self.bench.last()), ([200], ("terminated;reason=timeout", "pc")))
        self.assertEqual(dict(self.bench.answers[0][1].status.headers)["Expires"], "0")
        self.bench.reply()
        self.assertEqual((len(self.bench.notifier), self.bench.told), (0, [fetch]))

    def test_comes_later(self) -> None:
        """What is not known is waited for, a second at most; the answers of other devices come soon after the first."""
        self.bench.decide()
        self.assertEqual((self.bench.codes, self.bench.sent), ([200], []))
        self.bench.wait(0.5)
        self.bench.show(Device("phone"))
        self.bench.wait(0.05)
        self.bench.show(Device("phone"), Device("pc"))
        self.assertEqual(self.bench.sent, [])
        self.bench.wait(0.06)
        self.assertEqual(self.bench.last()[1], "pc phone")

    def test_never_comes(self) -> None:
        """After that the document says that nothing can be seen."""
        self.bench.decide()
        self.bench.wait(0.9)
        self.assertEqual(self.bench.sent, [])
        self.bench.wait(0.2)
        self.assertEqual(self.bench.last(), ("terminated;reason=timeout", "-it"))
        self.bench.wait(100)
        self.assertEqual(len(self.bench.sent), 1)

    def test_refused(self) -> None:
        """A no is told as a no."""
        self.bench.refuse()
        self.bench.decide()
        self.assertEqual(self.bench.last()[0], "terminated;reason=rejected")

    def test_no_dialog(self) -> None:
        """A poll cannot be refreshed (SIP-74)."""
        self.bench.decide()
        self.bench.again()
        self.assertEqual(self.bench.codes, [200, 481])


class EndingTests(SynchronousTestCase):
    """Subscriptions end by themselves."""

    def setUp(self) -> None:
        self.bench = Bench()

    def test_expiry(self) -> None:
        """Not refreshed, it ends with a NOTIFY, and the core hears of it (PRES-25)."""
        for prepare, shows in ((Bench.pending, "none"), (Bench.active, "-it")):
            bench = Bench()
            prepare(bench)
            bench.wait(3600)
            self.assertEqual(bench.last(), ("terminated;reason=timeout", shows))
            self.assertIsInstance(bench.told[-1], WatchEnded)
            bench.reply()
            self.assertEqual((len(bench.notifier), bench.notifier.next_timer()), (0, None))

    def test_failing_notify(self) -> None:
        """An answer that says that he is gone, or silence, ends it without a word more (PRES-29)."""
        for status in (404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604):
            bench = Bench()
            bench.active()
            bench.wait(10)
            bench.show(Device("phone"))
            bench.reply(status)
            self.assertEqual((len(bench.sent), len(bench.notifier)), (2, 0))
            self.assertIsInstance(bench.told[-1], WatchEnded)

    def test_passing_failure(self) -> None:
        """After any other failure the next change is told, also one that goes back (PRES-29)."""
        for status in (400, 401, 403, 500, 503, 603):
            bench = Bench()
            bench.active()
            bench.wait(10)
            bench.show(Device("phone"))
            bench.reply(status)
            self.assertEqual(len(bench.notifier), 1)
            bench.wait(10)
            bench.show(Device("phone"))
            self.assertEqual((len(bench.sent), bench.last()[1]), (3, "phone"))

    def test_told_once_more(self) -> None:
        """Where no change comes, what a watcher has missed is told again after a while, less and less often, until he
        takes it (PRES-29)."""
        self.bench.active()
        self.bench.wait(10)
        self.bench.show(Device("phone"))
        times = []
        for _ in range(10):
            self.bench.reply(503)
            count, begun = len(self.bench.sent), self.bench.now
            while len(self.bench.sent) == count:
                self.bench.wait(0.5)
            times.append(self.bench.now - begun)
            self.assertEqual(self.bench.last()[1], "phone")
        self.assertTrue(all(FIRST_AGAIN / 2 <= time <= MOST_AGAIN + 1 for time in times), times)
        self.assertTrue(times[0] < times[2] < times[4] < times[6], times)
        self.bench.reply()
        count = len(self.bench.sent)
        self.bench.wait(MOST_AGAIN * 2)
        self.assertEqual(len(self.bench.sent), count)
        self.bench.show(Device("tower"))
        self.bench.reply(503)
        self.bench.wait(FIRST_AGAIN * 1.1)
        self.assertEqual(len(self.bench.sent), count + 2)

    def test_end_waits(self) -> None:
        """The last NOTIFY waits for the answer to the one before as well (PRES-34)."""
        self.bench.ask()
        self.bench.decide()
        self.bench.refuse()
        self.assertEqual(len(self.bench.sent), 1)
        self.bench.reply()
        self.assertEqual(self.bench.last()[0], "terminated;reason=rejected")
        self.bench.reply()
        self.assertEqual(len(self.bench.notifier), 0)

    def test_credentials(self) -> None:
        """A NOTIFY that was sent again with credentials leaves no number to be used twice (SIP-60)."""
        self.bench.ask()
        self.bench.decide()
        self.bench.reply(cseq=2)
        self.bench.grant()
        self.assertEqual(self.bench.notifies[-1].cseq.number, 3)

    def test_stop(self) -> None:
        """An orderly stop tells every watcher to subscribe anew (SIP-92)."""
        self.bench.active()
        self.bench.ask(**{"Call_ID": "2"})
        self.bench.take(self.bench.notifier.stop(self.bench.now))
        self.assertEqual(self.bench.last()[0], "terminated;reason=deactivated")
        self.bench.decide()
        self.assertEqual(self.bench.codes, [200, 480])
        self.assertEqual([type(event) for event in self.bench.told if isinstance(event, WatchEnded)], [WatchEnded] * 2)
        self.bench.ask(**{"Call_ID": "3"})
        self.assertEqual(self.bench.codes[-1], 480)


class MemoryTests(SynchronousTestCase):
    """Subscriptions outlive a restart (SIP-93, PRES-30)."""

    def restarted(self, bench: Bench, seconds: float) -> Bench:
        rows = {event.key: event for event in bench.events if isinstance(event, Remember)}
        after = Bench()
        after.now = bench.now + seconds
        for row in rows.values():
            if row.text:
                after.take(after.notifier.recall(row.key.partition(":")[2], row.text, after.now))
        return after

    def test_goes_on(self) -> None:
        """The core is asked to tell the state again, and the next NOTIFY has a higher number."""
        before = Bench()
        before.active()
        before.show(Device("pc", open=False))
        leg = before.leg
        after = self.restarted(before, 60)
        after.wait(0.1)
        [renewed] = [offer.event for offer in after.offered]
        assert isinstance(renewed, WatchRenewed)
        self.assertEqual((renewed.leg, renewed.until, renewed.origin.address), (leg, NOW + 3600, ANA))
        after.grant()
        after.show()
        after.decide()
        self.assertEqual(after.last(), ("active;expires=3540", "pc"))
        self.assertGreater(after.notifies[0].cseq.number, before.notifies[-1].cseq.number)
        self.assertEqual(after.notifies[0].to.tag, "w1")

    def test_still_pending(self) -> None:
        """A question that is still open is not told again; the answer is told when it comes."""
        before = Bench()
        before.pending()
        after = self.restarted(before, 60)
        after.wait(0.1)
        after.decide()
        self.assertEqual(after.sent, [])
        after.grant()
        self.assertEqual(after.last()[0], "active;expires=3540")

    def test_refresh_first(self) -> None:
        """A watcher may refresh before the core was asked."""
        before = Bench()
        before.active()
        after = self.restarted(before, 60)
        after.ask(To=TAGGED.format(before.leg), CSeq="42 SUBSCRIBE")
        after.grant()
        after.show()
        after.decide()
        self.assertEqual((after.codes, after.last()), ([200], ("active;expires=3600", "pc")))

    def test_expired(self) -> None:
        """What has ended meanwhile is told to the core and forgotten."""
        before = Bench()
        before.active()
        after = self.restarted(before, 3601)
        self.assertEqual([type(event) for event in after.events], [Remember, WatchEnded])
        self.assertEqual((len(after.notifier), after.sent), (0, []))

    def test_spread(self) -> None:
        """Ten thousand come back four hundred a second, and not at once (PRES-30)."""
        before = Bench()
        before.active()
        [row] = {event.key: event for event in before.events if isinstance(event, Remember)}.values()
        after = Bench()
        for number in range(1000):
            after.take(after.notifier.recall(f"leg{number}", row.text, after.now))
        after.wait(1)
        self.assertTrue(400 <= len(after.offered) <= 450, len(after.offered))
        after.wait(2)
        self.assertEqual(len(after.offered), 1000)

    def test_connections_are_gone(self) -> None:
        """A device that was reached by its connection is reached by no other one that has its number now."""
        before = Bench()
        for hop in (Hop("ws", "203.0.113.5", 40123, flow=7), Hop("udp", "203.0.113.5", 40123)):
            before.take(before.notifier.subscribed(Asked(subscribe(Call_ID=hop.transport), TRUNK, hop), BEN_AT_X, NOW))
            before.decide()
        self.assertEqual([send.hop.flow for send in before.sent if send.hop], [7, 0])
        after = self.restarted(before, 60)
        after.take(after.notifier.stop(after.now))
        self.assertEqual([(send.hop.transport, send.hop.flow) for send in after.sent if send.hop],
                         [("ws", -1), ("udp", 0)])

    def test_not_found_again_yet(self) -> None:
        """When the core cannot be asked, the next refresh does."""
        before = Bench()
        before.active()
        after = self.restarted(before, 60)
        after.wait(0.1)
        after.decide(Refused(Failure(Reason.INTERNAL, False)))
        after.show()
        self.assertEqual(after.sent, [])
        after.ask(To=TAGGED.format(before.leg), CSeq="42 SUBSCRIBE")
        after.grant()
        after.decide()
        self.assertEqual(after.last(), ("active;expires=3600", "pc"))

    def test_unknown_after_all(self) -> None:
        """What the core does not know any more is ended so that the watcher asks anew."""
        before = Bench()
        before.active()
        after = self.restarted(before, 60)
        after.wait(0.1)
        after.decide(Refused(Failure(Reason.SUBSCRIPTION_REQUIRED)))
        self.assertEqual(after.last(), ("terminated;reason=deactivated", "none"))

    @given(st.text(max_size=40) | st.sampled_from(["[]", "[[],1,2,3,4,5,6,7]", "{}", "null", "[" * 50]))
    @settings(max_examples=40, deadline=None)
    def test_rubbish(self, text: str) -> None:
        """What cannot be read is forgotten, and stops nobody from starting."""
        bench = Bench()
        bench.take(bench.notifier.recall("x", text, NOW))
        self.assertEqual((len(bench.notifier), [event.text for event in bench.events]), (0, [""]))  # type: ignore[attr-defined]

    def test_clock_goes_back(self) -> None:
        """A clock that is set back stands still: nothing ends early or late by the machine's own time."""
        bench = Bench()
        bench.active()
        bench.now -= 1000
        bench.take(bench.notifier.handle_timer(bench.now))
        bench.wait(3599)
        self.assertEqual(len(bench.sent), 1)
        bench.wait(2)
        self.assertEqual(bench.last()[0], "terminated;reason=timeout")


STEPS = ("ask", "refresh", "end", "late", "grant", "refuse", "show", "away", "closed", "decide", "deny", "ok", "gone",
         "fail", "wait", "long", "poll", "giveup")


class AnyOrderTests(SynchronousTestCase):
    """Any event in any state is legal."""

    def step(self, bench: Bench, step: str) -> None:
        legs = list(bench.notifier._subscriptions)
        tag = legs[-1] if legs else "none"
        bench.cseq += 1
        within = {"To": TAGGED.format(tag), "CSeq": f"{bench.cseq} SUBSCRIBE"}
        match step:
            case "ask" | "poll":
                bench.ask(Expires="0" if step == "poll" else "60", Call_ID=f"call{bench.cseq}")
            case "refresh" | "end" | "late":
                calls = [one.dialog.call_id for one in bench.notifier._subscriptions.values()]
                number = "1 SUBSCRIBE" if step == "late" else within["CSeq"]
                bench.ask(To=within["To"], CSeq=number, Expires="0" if step == "end" else "60",
                          Call_ID=calls[-1] if calls else "x")
            case "grant" if legs:
                bench.grant()
            case "refuse" if legs:
                bench.refuse()
            case "show" | "away" | "closed" if legs:
                bench.show(Device("pc", open=step != "closed", show=Show.AWAY if step == "away" else Show.ONLINE))
            case "giveup" if legs:
                bench.take(bench.notifier.deliver(WatchClosed(BEN, ANA, tuple(legs), Ending.GIVE_UP), bench.now))
            case "decide" | "deny":
                bench.decide(*[REFUSED] * (step == "deny"))
            case "ok" | "gone" | "fail" if bench.sent:
                bench.reply({"ok": 200, "gone": 481, "fail": 500}[step])
            case "wait" | "long":
                bench.wait(3 if step == "wait" else 100)

    @given(st.lists(st.sampled_from(STEPS), max_size=40))
    @settings(max_examples=150, deadline=None)
    def test_any_order(self, steps: list[str]) -> None:
        """Every SUBSCRIBE is answered once, one NOTIFY is out for each dialog, none follows the last, and
        nothing is left in the end."""
        bench = Bench()
        for step in steps:
            waiting = {send.who for send in bench.sent}
            self.step(bench, step)
            self.assertGreaterEqual(len({send.who for send in bench.sent}), len(waiting))
        for _ in range(4):
            bench.decide()
            for who in list(bench.notifier._subscriptions):
                bench.take(bench.notifier.answered(who, Response(200), 0, bench.now))
            bench.wait(100)
        self.assertEqual((len(bench.notifier), bench.notifier.next_timer()), (0, None))
        asked = [answer.asked for _, answer in bench.answers]
        self.assertEqual(len(asked), len(set(map(id, asked))))
        by_dialog: dict[str, list[str]] = {}
        for send in bench.sent:
            by_dialog.setdefault(send.who, []).append(subscription_state_of(send.request).state)
        for states in by_dialog.values():
            self.assertEqual(states.count("terminated"), int(states[-1] == "terminated"))
        self.assertEqual([offer for offer in bench.offered if offer.ticket], [])
        live = {event.key for event in bench.events if isinstance(event, Remember) and event.text}
        done = {event.key for event in bench.events if isinstance(event, Remember) and not event.text}
        self.assertEqual(live - done, set())


class GrantTests(SynchronousTestCase):
    """What does not concern a state changes nothing."""

    def test_granted_twice(self) -> None:
        """A second yes is no news."""
        bench = Bench()
        bench.active()
        bench.take(bench.notifier.deliver(WatchGranted(BEN, ANA, (bench.leg, "unknown")), bench.now))
        self.assertEqual(len(bench.sent), 1)
