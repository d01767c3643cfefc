"""Watching users of SIP: how subscriptions end, and what comes after (PRES-8, PRES-13 to PRES-16)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Failure, Presence, Reason, WatchBroken, WatchRefused
from tests.sip.presence.watching import DAY, Desk, document


def names(events: list[object]) -> list[str]:
    return [type(event).__name__ for event in events]


class TerminatedTests(SynchronousTestCase):
    """The notifier ends it: the table of PRES-8."""

    def ended(self, state: str, granted: bool = True, body: bytes = b"") -> Desk:
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.accept(request)
        desk.notify(request, "active;expires=3600" if granted else "pending;expires=3600", document())
        desk.wait(60)
        desk.told()
        self.old = request
        self.assertEqual(200, desk.notify(request, state, body))
        return desk

    def again_after(self, desk: Desk) -> float:
        """Seconds until the next SUBSCRIBE, in a new dialog."""
        start = desk.now
        while not desk.sends:
            due = desk.subscriber.next_timer()
            assert due is not None
            desk.wait(due - desk.now)
        again = self.again = desk.subscribe()
        self.assertNotEqual((self.old.call_id, self.old.from_.tag), (again.call_id, again.from_.tag))
        self.assertEqual("", again.to.tag)
        return desk.now - start

    def test_at_once(self) -> None:
        """Deactivated and timeout: a new dialog at once, and nobody is told anything."""
        for reason in ("deactivated", "timeout", "Timeout;retry-after=900"):
            desk = self.ended(f"terminated;reason={reason}")
            self.assertEqual((0.0, []), (self.again_after(desk), desk.told()))

    def test_later(self) -> None:
        """Probation, giveup and what nobody knows: after a while, which the notifier may choose."""
        for state, least in (("terminated;reason=probation", 60), ("terminated;reason=probation;retry-after=7", 7),
                             ("terminated;reason=giveup", 300), ("terminated;reason=giveup;retry-after=20", 20),
                             ("terminated", 60), ("terminated;reason=badfilter", 60),
                             ("terminated;reason=new;retry-after=90", 90)):
            waited = self.again_after(self.ended(state))
            self.assertTrue(least <= waited <= least * 1.25 + 0.1, (state, waited))

    def test_later_is_told(self) -> None:
        """As long as nothing can be known, the core knows that (PRES-8: presence_grace)."""
        desk = self.ended("terminated;reason=probation")
        [event] = desk.told()
        self.assertIsInstance(event, WatchBroken)

    def test_giveup_stays_asked(self) -> None:
        """A presentity that cannot be asked in time is asked again, and nobody is told."""
        desk = self.ended("terminated;reason=giveup", granted=False)
        self.assertEqual([], desk.told())
        self.again_after(desk)

    def test_rejected(self) -> None:
        """Rejected and noresource: the permission is gone, and nothing is tried any more."""
        for reason, why in (("rejected", Reason.FORBIDDEN), ("noresource", Reason.UNKNOWN_RECIPIENT)):
            for granted in (True, False):
                desk = self.ended(f"terminated;reason={reason}", granted)
                [event] = desk.told()
                assert isinstance(event, WatchRefused)
                self.assertEqual((why, ()), (event.failure.reason, event.legs))
                desk.wait(30 * DAY)
                self.assertEqual(([], [""]), (desk.sent(), list(desk.memory.values())))

    def test_invariant(self) -> None:
        """Invariant: the last document is final, and there is nothing more to ask."""
        desk = self.ended("terminated;reason=invariant", body=document("away"))
        [seen] = desk.told()
        self.assertEqual("away", seen.devices[0].show.value)
        desk.renew()
        desk.wait(30 * DAY)
        self.assertEqual([], desk.sent())

    def test_no_circle(self) -> None:
        """A notifier that ends every subscription at once is not asked in a circle."""
        desk = self.ended("terminated;reason=deactivated")
        for _ in range(20):
            for request in desk.sent():
                desk.notify(request, "terminated;reason=deactivated")
            desk.wait(10)
        self.assertLessEqual(len(desk.sent()), 1)
        self.assertEqual(1, names(desk.told()).count("WatchBroken"))

    def test_backoff(self) -> None:
        """The wait doubles, up to an hour."""
        desk = self.ended("terminated")
        waits = []
        for _ in range(8):
            due = desk.subscriber.next_timer()
            assert due is not None
            waits.append(due - desk.now)
            desk.wait(due - desk.now)
            desk.notify(desk.subscribe(), "terminated")
        for wait, least in zip(waits, (60, 120, 240, 480, 960, 1920, 3600, 3600), strict=True):
            self.assertTrue(least <= wait <= 1.25 * least + 0.1, waits)

    def test_back_to_normal(self) -> None:
        """When it works again, the state is told, and the next failure waits no longer than the first."""
        desk = self.ended("terminated")
        self.again_after(desk)
        self.assertEqual(["WatchBroken"], names(desk.told()))
        self.old = self.again
        desk.notify(self.old, body=document())
        self.assertEqual(["Presence"], names(desk.told()))
        desk.wait(60)
        desk.notify(self.old, "terminated")
        self.assertLess(self.again_after(desk), 76)

    def test_nobody_looks(self) -> None:
        """Where nobody looks, nothing is begun anew; the permission is kept (PRES-9, PRES-10)."""
        desk = Desk()
        request = desk.watched()
        desk.end()
        desk.told()
        desk.notify(request, "terminated;reason=timeout")
        desk.wait(DAY)
        self.assertEqual(([], [], 0), (desk.sent(), desk.told(), len(desk.subscriber)))
        desk.renew()
        desk.notify(desk.subscribe(), body=document())
        self.assertEqual(["Presence"], names(desk.told()))


class AnswerTests(SynchronousTestCase):
    """What the answers to a SUBSCRIBE mean: the table of PRES-16."""

    def asked(self) -> Desk:
        desk = Desk()
        desk.ask()
        self.request = desk.subscribe()
        return desk

    def refreshing(self) -> Desk:
        desk = Desk()
        desk.watched()
        desk.wait(3570)
        self.request = desk.subscribe()
        desk.told()
        return desk

    def test_permanent(self) -> None:
        """403, 489, 603 and 406 take the permission away, at the first question and at any refresh."""
        for status in (403, 489, 603, 406):
            for desk in (self.asked(), self.refreshing()):
                desk.answer(self.request, status)
                self.assertEqual(["WatchRefused"], names(desk.told()))
                desk.wait(30 * DAY)
                self.assertEqual(([], 0), (desk.sent(), len(desk.subscriber)))

    def test_too_brief(self) -> None:
        """423: asked for as long as the notifier wants it, at once; then no longer than that."""
        desk = self.asked()
        desk.answer(self.request, 423, ("Min-Expires", "7200"))
        again = desk.subscribe()
        self.assertEqual(("7200", 2, self.request.call_id), (again.get("Expires"), again.cseq.number, again.call_id))
        desk.answer(again, 423, ("Min-Expires", "7200"))
        self.assertEqual([], desk.sent())
        desk.wait(76)
        self.assertEqual(1, len(desk.sent()))

    def test_too_brief_without_reason(self) -> None:
        """423 without a better proposal is a failure that passes."""
        for headers in ((), (("Min-Expires", "60"),), (("Min-Expires", "x"),), (("Min-Expires", "999999999"),)):
            desk = self.asked()
            desk.answer(self.request, 423, *headers)
            self.assertEqual(([], ["WatchBroken"]), (desk.sent(), names(desk.told())))

    def test_unknown_dialog(self) -> None:
        """481 to a refresh: a new dialog at once, and nobody is told (RFC 8048)."""
        desk = self.refreshing()
        desk.answer(self.request, 481)
        again = desk.subscribe()
        self.assertNotEqual(self.request.call_id, again.call_id)
        self.assertEqual([], desk.told())

    def test_unknown_dialog_for_ever(self) -> None:
        """481 to everything is answered with patience, not with a flood."""
        desk = self.refreshing()
        count = 0
        for _ in range(30):
            desk.answer(self.request, 481)
            for self.request in desk.sent():
                count += 1
            desk.wait(10)
        self.assertLess(count, 6)

    def test_absent(self) -> None:
        """404, 604 and the like: refused if he has never been seen."""
        for status in (404, 604, 410, 405, 501, 484):
            desk = self.asked()
            desk.answer(self.request, status)
            [event] = desk.told()
            assert isinstance(event, WatchRefused)
            self.assertTrue(event.failure.permanent)

    def test_absent_for_a_while(self) -> None:
        """Who has been seen may come back within a week; then he is gone."""
        desk = self.refreshing()
        start = desk.now
        told: list[object] = []
        while not any(isinstance(event, WatchRefused) for event in told):
            desk.answer(self.request, 404)
            told += desk.told()
            due = desk.subscriber.next_timer()
            if due is not None:
                desk.wait(due - desk.now)
                self.request = desk.subscribe()
        self.assertEqual(["WatchBroken", "WatchRefused"], names(told))
        self.assertTrue(7 * DAY <= desk.now - start <= 7.1 * DAY)

    def test_transient(self) -> None:
        """Failures that pass are told once, and tried again until they are over (the core has the patience)."""
        for status in (408, 480, 486, 500, 503, 504, 401, 407):
            desk = self.asked()
            desk.answer(self.request, status)
            [event] = desk.told()
            assert isinstance(event, WatchBroken)
            self.assertFalse(event.failure.permanent)
            desk.wait(76)
            desk.answer(desk.subscribe(), status)
            self.assertEqual([], desk.told())
            desk.wait(151)
            desk.notify(desk.subscribe(), body=document())
            self.assertEqual(["WatchGranted", "Presence"], names(desk.told()))

    def test_question_is_put_at_last(self) -> None:
        """Pending after a failure says that the failure is over, and nothing else (PRES-4)."""
        desk = self.asked()
        desk.answer(self.request, 503)
        desk.told()
        desk.wait(76)
        request = desk.subscribe()
        desk.notify(request, "pending;expires=600", document())
        desk.notify(request, "pending;expires=500", document())
        self.assertEqual([False], [seen.known for seen in desk.told()])

    def test_retry_after(self) -> None:
        """The peer says when to come back (PRES-16)."""
        desk = self.asked()
        desk.answer(self.request, 503, ("Retry-After", "500"))
        desk.wait(499)
        self.assertEqual([], desk.sent())
        desk.wait(130)
        self.assertEqual(1, len(desk.sent()))

    def test_granted_is_told_at_once(self) -> None:
        """A watcher who could see learns in time that nothing can be known (PRES-8)."""
        desk = Desk()
        request = desk.watched()
        desk.wait(60)
        desk.notify(request, "terminated;reason=deactivated")
        desk.told()
        desk.answer(desk.subscribe(), 503)
        [event] = desk.told()
        self.assertIsInstance(event, WatchBroken)

    def test_login_shortens_the_wait(self) -> None:
        """Whoever looks again is served after a minute, not after an hour, and no sooner (PRES-9)."""
        desk = self.asked()
        for _ in range(6):
            desk.answer(self.request, 500)
            due = desk.subscriber.next_timer()
            assert due is not None
            desk.wait(due - desk.now)
            self.request = desk.subscribe()
        desk.answer(self.request, 500)
        for _ in range(10):
            desk.renew()
            self.assertEqual([], desk.sent())
            desk.wait(5)
        desk.wait(11)
        self.assertEqual(1, len(desk.sent()))

    def test_credentials(self) -> None:
        """Numbers that were used for credentials are not used again (SIP-60)."""
        desk = self.asked()
        desk.answer(self.request, 200, ("Expires", "3600"), cseq=3)
        desk.notify(self.request)
        desk.wait(3570)
        self.assertEqual(4, desk.subscribe().cseq.number)


class LeavingTests(SynchronousTestCase):
    """The watcher ends it: PRES-10, PRES-13, PRES-14."""

    def test_unsubscribe(self) -> None:
        """In the dialog, Expires 0, the next number; the last NOTIFY is answered 200, later ones 481 (PRES-13)."""
        desk = Desk()
        first = desk.watched()
        desk.told()
        desk.end(forever=True)
        request = desk.subscribe()
        self.assertEqual(("0", 2, first.call_id, "n1"),
                         (request.get("Expires"), request.cseq.number, request.call_id, request.to.tag))
        desk.accept(request, 0)
        self.assertEqual(200, desk.notify(first, "active;expires=0", document("dnd")))
        self.assertEqual(200, desk.notify(first, "terminated;reason=timeout", document(basic="closed")))
        self.assertEqual(481, desk.notify(first, "terminated;reason=timeout"))
        self.assertEqual(([], 0, [""]), (desk.told(), len(desk.subscriber), list(desk.memory.values())))

    def test_final_notify_is_due(self) -> None:
        """A final NOTIFY that does not come within 32 s is not waited for (PRES-14)."""
        desk = Desk()
        first = desk.watched()
        desk.end(forever=True)
        desk.accept(desk.subscribe(), 0)
        desk.wait(33)
        self.assertEqual(0, len(desk.subscriber))
        self.assertEqual(481, desk.notify(first, "terminated;reason=timeout"))

    def test_leave_refused(self) -> None:
        """Whatever the answer to the goodbye, it is over."""
        for status in (481, 500, 408, 403):
            desk = Desk()
            desk.watched()
            desk.told()
            desk.end(forever=True)
            desk.answer(desk.subscribe(), status)
            desk.wait(DAY)
            self.assertEqual((0, [], []), (len(desk.subscriber), desk.told(), desk.sent()))

    def test_unsubscribe_early(self) -> None:
        """Before the first NOTIFY there is no dialog to end: it is ended after that NOTIFY (table 2.1)."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.accept(request)
        desk.end(forever=True)
        self.assertEqual([], desk.sent())
        self.assertEqual(200, desk.notify(request, body=document()))
        self.assertEqual("0", desk.subscribe().get("Expires"))
        self.assertEqual([], desk.told())

    def test_unsubscribe_while_asked(self) -> None:
        """There is never more than one SUBSCRIBE on its way; the goodbye waits for the answer."""
        desk = Desk()
        desk.ask()
        request = desk.subscribe()
        desk.notify(request, body=document())
        desk.end(forever=True)
        self.assertEqual([], desk.sent())
        desk.accept(request)
        self.assertEqual("0", desk.subscribe().get("Expires"))

    def test_unsubscribe_without_notify(self) -> None:
        """Where no NOTIFY ever comes, there is nothing to end (table 2.1)."""
        desk = Desk()
        desk.ask()
        desk.accept(desk.subscribe())
        desk.end(forever=True)
        desk.wait(33)
        self.assertEqual((0, [], []), (len(desk.subscriber), desk.sent(), desk.told()))

    def test_no_dialog(self) -> None:
        """Without a dialog nothing is said to anybody (PRES-13)."""
        desk = Desk()
        desk.ask()
        desk.answer(desk.subscribe(), 500)
        desk.end(forever=True)
        desk.wait(DAY)
        self.assertEqual(([], 0), (desk.sent(), len(desk.subscriber)))

    def test_ask_after_leaving(self) -> None:
        """Asking again is a new subscription, while the old one still says goodbye."""
        desk = Desk()
        first = desk.watched()
        desk.end(forever=True)
        desk.told()
        desk.ask()
        goodbye, again = desk.sent()
        self.assertEqual((first.call_id, "0"), (goodbye.call_id, goodbye.get("Expires")))
        self.assertNotEqual(first.call_id, again.call_id)
        desk.notify(again, body=document(), tag="m1")
        self.assertEqual(200, desk.notify(first, "terminated;reason=timeout", cseq=99))
        self.assertEqual(["WatchGranted", "Presence"], names(desk.told()))

    def test_offline(self) -> None:
        """While the watcher is offline his dialog is left to expire (PRES-10)."""
        desk = Desk()
        desk.watched()
        desk.end()
        desk.wait(DAY)
        self.assertEqual((0, []), (len(desk.subscriber), desk.sent()))

    def test_offline_and_back(self) -> None:
        """Back in time, he is shown what is known, and the dialog goes on (PRES-15)."""
        desk = Desk()
        first = desk.watched()
        desk.end()
        desk.wait(3580)
        desk.told()
        desk.renew()
        [seen] = desk.told()
        self.assertEqual("phone", seen.devices[0].instance)
        self.assertEqual(first.call_id, desk.subscribe().call_id)

    def test_offline_ends(self) -> None:
        """With ``sub_idle`` = end the dialog is ended at once, and the permission stays (PRES-10)."""
        desk = Desk(sub_idle="end")
        first = desk.watched()
        desk.end()
        request = desk.subscribe()
        self.assertEqual(("0", first.call_id), (request.get("Expires"), request.call_id))
        desk.renew()
        self.assertNotEqual(first.call_id, desk.subscribe().call_id)

    def test_never_notifies(self) -> None:
        """The subscriber has nothing but SUBSCRIBE to say (PRES-14; against RFC 8048, example 10)."""
        desk = Desk()
        first = desk.watched()
        desk.end(forever=True)
        requests = desk.sent()
        desk.notify(first, "terminated;reason=timeout")
        self.assertEqual({"SUBSCRIBE"}, {request.method for request in (first, *requests, *desk.sent())})


class PollTests(SynchronousTestCase):
    """Looking once: PRES-15."""

    def polled(self) -> Desk:
        desk = Desk()
        desk.fetch()
        self.request = desk.subscribe()
        return desk

    def test_poll(self) -> None:
        """Expires 0 in a new dialog; its NOTIFY is the answer, and then the dialog is forgotten."""
        desk = self.polled()
        self.assertEqual(("0", ""), (self.request.get("Expires"), self.request.to.tag))
        desk.accept(self.request, 0)
        self.assertEqual(200, desk.notify(self.request, "terminated;reason=timeout", document("xa")))
        [seen] = desk.told()
        assert isinstance(seen, Presence)
        self.assertEqual((("leg",), "xa"), (seen.legs, seen.devices[0].show.value))
        self.assertEqual(0, len(desk.subscriber))
        self.assertEqual({}, desk.memory)

    def test_poll_says_nothing(self) -> None:
        """Pending, an empty NOTIFY, none at all, or a failure that passes: nothing is known."""
        for state in ("pending;expires=0", "terminated;reason=timeout", "terminated"):
            desk = self.polled()
            desk.notify(self.request, state)
            self.assertEqual([(False, ("leg",))], [(seen.known, seen.legs) for seen in desk.told()])
        desk = self.polled()
        desk.accept(self.request, 0)
        desk.wait(33)
        self.assertEqual([(False, ("leg",))], [(seen.known, seen.legs) for seen in desk.told()])
        desk = self.polled()
        desk.answer(self.request, 480)
        self.assertEqual([(False, ("leg",))], [(seen.known, seen.legs) for seen in desk.told()])
        self.assertEqual(0, len(desk.subscriber))

    def test_poll_refused(self) -> None:
        """A refusal names the leg that has asked."""
        desk = self.polled()
        desk.answer(self.request, 403)
        other = self.polled()
        other.notify(self.request, "terminated;reason=rejected")
        for told in (desk.told(), other.told()):
            [event] = told
            assert isinstance(event, WatchRefused)
            self.assertEqual(("leg",), event.legs)

    def test_known_already(self) -> None:
        """Where a dialog is active, its last document is the answer."""
        desk = Desk()
        desk.watched()
        desk.told()
        desk.fetch("other")
        [seen] = desk.told()
        self.assertEqual((("other",), "phone"), (seen.legs, seen.devices[0].instance))
        self.assertEqual([], desk.sent())

    def test_poll_that_stays(self) -> None:
        """A notifier that makes a lasting subscription of a poll is told that there is none."""
        desk = self.polled()
        self.assertEqual(200, desk.notify(self.request, "active;expires=3600", document()))
        self.assertEqual(481, desk.notify(self.request, "active;expires=3600", document()))
        self.assertTrue(desk.told()[0].known)


class MemoryTests(SynchronousTestCase):
    """After a restart: SIP-93."""

    def test_refreshed(self) -> None:
        """A living dialog is refreshed at once, with a number that was not used, and goes on."""
        desk = Desk()
        desk.ask()
        first = desk.subscribe()
        desk.accept(first)
        desk.notify(first, body=document(), Record_Route="<sip:p1.example;lr>")
        desk.wait(100)
        after = desk.restarted()
        after.wait(1)
        request = after.subscribe()
        self.assertEqual((first.call_id, first.from_.tag, "n1", ["<sip:p1.example;lr>"]),
                         (request.call_id, request.from_.tag, request.to.tag, request.all("Route")))
        self.assertGreater(request.cseq.number, 1)
        self.assertEqual(200, after.notify(first, "active;expires=3600", document("away")))
        self.assertEqual(["Presence"], names(after.told()))

    def test_notify_before_refresh(self) -> None:
        """A NOTIFY is known by its dialog as soon as we are back."""
        desk = Desk()
        first = desk.watched()
        after = desk.restarted()
        self.assertEqual(200, after.notify(first, body=document("dnd")))

    def test_lost(self) -> None:
        """A dialog that the peer has lost is replaced."""
        desk = Desk()
        first = desk.watched()
        after = desk.restarted()
        after.wait(1)
        after.answer(after.subscribe(), 481)
        self.assertNotEqual(first.call_id, after.subscribe().call_id)

    def test_expired(self) -> None:
        """What has expired while we were away is begun anew; the permission is remembered."""
        desk = Desk()
        first = desk.watched()
        desk.now += 2 * DAY
        after = desk.restarted()
        after.wait(1)
        request = after.subscribe()
        self.assertNotEqual(first.call_id, request.call_id)
        after.notify(request, body=document())
        self.assertEqual(["Presence"], names(after.told()))
        self.assertEqual(481, after.notify(first))

    def test_asked(self) -> None:
        """An open question is put again."""
        desk = Desk()
        desk.ask()
        desk.sent()
        after = desk.restarted()
        after.wait(1)
        after.notify(after.subscribe(), body=document())
        self.assertEqual(["WatchGranted", "Presence"], names(after.told()))

    def test_nobody_looked(self) -> None:
        """For a watcher who was offline nothing is begun, until he looks."""
        desk = Desk()
        desk.watched()
        desk.end()
        after = desk.restarted()
        after.wait(2 * DAY)
        self.assertEqual([], after.sent())
        after.renew()
        self.assertEqual(1, len(after.sent()))

    def test_unreadable(self) -> None:
        """What cannot be read is forgotten, and does no harm."""
        for text in ("", "{", "[]", '[1,"a"]', '[1,"l","sip:a@b","","sip:c@d","",true,true,[["x"],1,9e99]]',
                     '[1,"l","xmpp:a@b","","sip:c@no host","",true,true,null]'):
            desk = Desk()
            desk.take(desk.subscriber.recall("key", text, desk.now))
            self.assertEqual({"sub:key": ""}, desk.memory)

    def test_few_writes(self) -> None:
        """Changes of the presentity's state are not written to disk; what is needed for a restart is."""
        desk = Desk()
        request = desk.watched()
        before = dict(desk.memory)
        for left in range(3590, 3400, -10):
            desk.wait(10)
            desk.notify(request, f"active;expires={left}", document(("away", "dnd")[left // 10 % 2]))
        self.assertEqual(before, desk.memory)

    def test_failure_values(self) -> None:
        """A refusal is told with the reason of its answer (ERR 8.2)."""
        desk = Desk()
        desk.ask()
        desk.answer(desk.subscribe(), 403)
        self.assertEqual(Failure(Reason.FORBIDDEN), desk.told()[0].failure)
