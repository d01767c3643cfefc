"""Receipts and typing in the engine: who hears what, once, in any order and across crashes."""

from __future__ import annotations

from itertools import permutations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.store.sqlite import SqliteStore
from iwf.mapping.model import (
    SIP,
    XMPP,
    Address,
    Composing,
    Failure,
    Item,
    Kind,
    Message,
    Notification,
    Outcome,
    Party,
    Reason,
    Receipt,
    Report,
    Taken,
    Want,
)
from tests.engine.test_engine import Daemon
from tests.support.sample import (
    ANA,
    BEN_PC,
    GATEWAY,
    LANE_M,
    LANE_X,
    LINK,
    TRUNK,
    S,
    X,
    from_ana,
    from_ben,
    from_ben_to_phone,
)

BOTH = frozenset({Want.DELIVERED, Want.DISPLAYED})
DELIVERED, DISPLAYED, FAILED = Outcome.DELIVERED, Outcome.DISPLAYED, Outcome.FAILED
LOST = Failure(Reason.UNAVAILABLE, permanent=False)


class Play(Daemon):
    """A daemon with one message on its way."""

    def start(self, message: Message, lane: str, *refs: str) -> None:
        """Offer a message and let its peer take it."""
        self.offer(message)
        self.take_it(lane, *refs)

    def take_it(self, lane: str, *refs: str) -> None:
        """The peer takes the last item."""
        outlet = self.outlets[lane]
        outlet.accept(outlet.items[-1], *refs)
        self.clock.advance(0)

    def news(self, lane: str, ref: str, outcome: Outcome) -> None:
        """A receipt comes in."""
        self.offer(Receipt(lane, ref, outcome, LOST if outcome is FAILED else None))

    def told(self, lane: str) -> list[Outcome | Failure]:
        """What the sender heard."""
        return [payload.outcome if isinstance(payload, Notification) else payload.failure
                for payload in self.take(lane) if isinstance(payload, Notification | Report)]


class ReceiptTests(SynchronousTestCase):
    """messages.md section 6."""

    def test_delivered(self) -> None:
        """Who asked hears that his message arrived, by its id, from whom he had written to (RCPT-3)."""
        play = Play()
        play.start(from_ben(wants=BOTH), TRUNK, "r1")
        self.assertEqual(play.told(LANE_X), [])  # RCPT-7: that the peer took it says nothing
        play.news(TRUNK, "r1", DELIVERED)
        (told,) = play.take(LANE_X)
        self.assertEqual(told, Notification("m42", BEN_PC, Address(XMPP, "ana*sip.example", X),
                                            DELIVERED, Kind.CHAT))
        play.take_it(LANE_X)
        self.assertEqual(play.engine.outbox.depth, 0)

    def test_first_of_each_kind(self) -> None:
        """In whatever order and however often receipts come, each kind is told once (RCPT-9)."""
        for order in set(permutations([DELIVERED, DELIVERED, DISPLAYED, DISPLAYED])):
            play = Play()
            play.start(from_ben(wants=BOTH), TRUNK, "r1")
            for outcome in order:
                play.news(TRUNK, "r1", outcome)
            self.assertEqual(sorted(play.told(LANE_X), key=str), [DELIVERED, DISPLAYED], order)

    def test_displayed_was_delivered(self) -> None:
        """What was displayed has been delivered: who asked for that alone hears it, and only once,
        although the far side says no more than that it was displayed (RFC 5438 7.2.1)."""
        for wants, told in ((frozenset({Want.DELIVERED}), [DELIVERED]), (BOTH, [DELIVERED, DISPLAYED])):
            for later in ([], [DELIVERED], [DISPLAYED], [FAILED]):
                play = Play()
                play.start(from_ben(wants=wants), TRUNK, "r1")
                for outcome in [DISPLAYED, *later]:
                    play.news(TRUNK, "r1", outcome)
                play.take_it(LANE_X)
                self.assertEqual(play.told(LANE_X), told, later)

    def test_receipts_before_the_answer(self) -> None:
        """Receipts that overtake the answer to their message are told when it comes (SMS-41)."""
        for order in ([DELIVERED, DISPLAYED], [DISPLAYED, DELIVERED], [DELIVERED, DELIVERED]):
            play = Play()
            play.offer(from_ben(wants=BOTH))
            for outcome in order:
                play.news(TRUNK, "r1", outcome)
            self.assertEqual(play.told(LANE_X), [])
            play.take_it(TRUNK, "r1")
            self.assertEqual(set(play.told(LANE_X)), set(order))
            self.assertEqual(len(play.told(LANE_X)), len(set(order)))

    def test_only_what_was_asked(self) -> None:
        """Nobody hears what he did not ask for."""
        for wants, expected in ((frozenset[Want](), []), (frozenset({Want.DELIVERED}), [DELIVERED]),
                                (frozenset({Want.DISPLAYED}), [DISPLAYED])):
            play = Play()
            play.start(from_ben(wants=wants, key="k"), TRUNK, "r1")
            play.news(TRUNK, "r1", DELIVERED)
            play.news(TRUNK, "r1", DISPLAYED)
            self.assertEqual(play.told(LANE_X), expected)

    def test_of_a_stranger(self) -> None:
        """A receipt with another reference or from another peer is dropped (RCPT-3)."""
        play = Play()
        play.start(from_ben(wants=BOTH), TRUNK, "r1")
        play.news(TRUNK, "r2", DELIVERED)
        play.news(LANE_X, "r1", DELIVERED)
        self.assertEqual(play.told(LANE_X), [])

    def test_failure_after_delivery(self) -> None:
        """The first final word stands: no failure after a delivery, no display after a failure."""
        play = Play()
        play.start(from_ben(wants=BOTH), TRUNK, "r1")
        play.news(TRUNK, "r1", DELIVERED)
        play.news(TRUNK, "r1", FAILED)
        self.assertEqual(play.told(LANE_X), [DELIVERED])
        play = Play()
        play.start(from_ben(wants=BOTH), TRUNK, "r1")
        play.news(TRUNK, "r1", FAILED)
        play.news(TRUNK, "r1", DISPLAYED)
        self.assertEqual(play.told(LANE_X), [LOST])

    def test_text_in_parts(self) -> None:
        """A text in several parts has arrived when all of them have, and then once (RCPT-12)."""
        for order in permutations(["1", "2", "3"]):
            play = Play()
            play.start(from_ben_to_phone(wants=BOTH), LINK, "1", "2", "3")
            for number, ref in enumerate(order):
                self.assertEqual(play.told(LANE_M), [], order)
                play.news(LINK, ref, DELIVERED)
                self.assertEqual(bool(play.told(LANE_M)), number == 2)
            self.assertEqual(play.told(LANE_M), [DELIVERED])

    def test_failure_to_sip(self) -> None:
        """A SIP sender who asked for it hears of a late failure by a notification, not by a text, with
        what his message is known by (MSG-33)."""
        hints = (("imdn-id", "x1"),)
        play = Play()
        play.start(from_ana(wants=frozenset({Want.FAILED}), hints=hints, key="k"), LANE_X, "r1")
        play.news(LANE_X, "r1", FAILED)
        (told,) = play.take(TRUNK)
        assert isinstance(told, Notification)
        self.assertEqual((told.outcome, told.hints, told.recipient), (FAILED, hints, ANA))

    def test_failure_notice_switched_off(self) -> None:
        """Without the notice, those who asked for a notification hear of failures still (MSG-33)."""
        gateway = evolve(GATEWAY, late_error_notice=False)
        for wants, expected in ((frozenset[Want](), []), (frozenset({Want.FAILED}), [FAILED])):
            play = Play(gateway=gateway)
            play.start(from_ana(wants=wants, key="k"), LANE_X, "r1")
            play.news(LANE_X, "r1", FAILED)
            self.assertEqual(play.told(TRUNK), expected)

    def test_refused_by_the_peer(self) -> None:
        """A message that the peer refuses comes back as an error, whatever its sender wanted to hear (ERR-2)."""
        play = Play()
        play.offer(from_ben(wants=BOTH))
        play.outlets[TRUNK].reject(play.outlets[TRUNK].items[0])
        play.clock.advance(0)
        (report,) = play.take(LANE_X)
        assert isinstance(report, Report)
        self.assertEqual((report.about, report.failure.reason), ("m42", Reason.UNKNOWN_RECIPIENT))

    def test_refused_at_once(self) -> None:
        """A refusal is the answer itself: no notification beside it (RCPT-8)."""
        play = Play()
        play.offer(from_ana(wants=frozenset(Want), key="k", hold=2.0))
        outlet = play.outlets[LANE_X]
        outlet.reject(outlet.items[0])
        play.clock.advance(0)
        self.assertEqual(play.told(TRUNK), [])

    def test_across_a_crash(self) -> None:
        """Who asked before a crash hears after it (RCPT-9)."""
        play = Play(SqliteStore(":memory:"))
        play.start(from_ben(wants=BOTH), TRUNK, "r1")
        again = Play(play.store, clock=play.clock)
        again.news(TRUNK, "r1", DELIVERED)
        third = Play(play.store, clock=play.clock)  # what was not taken goes out again
        third.news(TRUNK, "r1", DELIVERED)
        third.news(TRUNK, "r1", DISPLAYED)
        self.assertEqual(third.told(LANE_X), [DELIVERED, DISPLAYED])

    def test_after_a_day(self) -> None:
        """A receipt counts within a day and is forgotten after it (RCPT-9)."""
        play = Play()
        play.start(from_ben(wants=BOTH), TRUNK, "r1")
        play.clock.advance(23 * 3600)
        play.news(TRUNK, "r1", DELIVERED)
        self.assertEqual(play.told(LANE_X), [DELIVERED])
        play.clock.advance(2 * 3600)
        play.news(TRUNK, "r1", DISPLAYED)
        self.assertEqual(play.told(LANE_X), [DELIVERED])

    def test_undeliverable_notification(self) -> None:
        """A notification that is not taken causes nothing more (LOOP-6)."""
        play = Play()
        play.start(from_ben(wants=BOTH), TRUNK, "r1")
        play.news(TRUNK, "r1", DELIVERED)
        play.outlets[LANE_X].reject(play.outlets[LANE_X].items[0])
        play.clock.advance(0)
        self.assertEqual(play.engine.outbox.depth, 0)
        self.assertEqual(len(play.told(LANE_X)) + len(play.told(TRUNK)), 1)


def ana_types(active: bool = True) -> Composing:
    return Composing(Party(ANA, asserted_by=TRUNK), Address(SIP, "ben*xmpp.example", S), active, 60.0,
                     "call-1@sip.example", TRUNK)


def ben_types(active: bool = True, user: str = "ana*sip.example") -> Composing:
    return Composing(Party(BEN_PC, asserted_by=LANE_X), Address(XMPP, user, X), active, 90.0,
                     "thread-of-sixteen-or-more", LANE_X)


class TypingTests(SynchronousTestCase):
    """messages.md section 7."""

    def say(self, play: Play, state: Composing) -> None:
        verdicts: list[object] = []
        play.engine.intake.offer(state).addCallback(verdicts.append)
        play.clock.advance(0)
        self.assertEqual(verdicts, [Taken("")])

    def states(self, play: Play, lane: str) -> list[bool]:
        return [payload.active for payload in play.take(lane) if isinstance(payload, Composing)]

    def items(self, play: Play, lane: str) -> list[Item]:
        return play.outlets[lane].items

    def test_addresses(self) -> None:
        """Typing arrives from whom the texts come from, in the same conversation (COMP-6)."""
        play = Play()
        self.say(play, ana_types())
        (state,) = play.take(LANE_X)
        self.assertEqual(state, Composing(
            Party(Address(XMPP, "ana*sip.example", X)), Address(XMPP, "ben", "xmpp.example"), True,
            60.0, "call-1@sip.example"))
        self.say(play, ben_types())
        play.offer(from_ben(conversation="thread-of-sixteen-or-more"))
        (state,) = play.take(TRUNK)
        assert isinstance(state, Composing)
        play.take_it(TRUNK)
        self.assertEqual(state.conversation, play.take(TRUNK)[1].conversation)

    def test_nothing_is_written(self) -> None:
        """Typing leaves no row behind, and nothing of it survives (COMP-8)."""
        play = Play(up=False)
        self.say(play, ana_types())
        self.say(play, ben_types())
        self.assertEqual((list(play.store.queued()), play.engine.outbox.depth), ([], 0))

    def test_never_an_error(self) -> None:
        """Whatever is wrong with it, nobody hears of it (COMP-7, COMP-8)."""
        play = Play()
        self.say(play, ben_types(user="no image"))
        self.say(play, evolve(ben_types(), origin=Party(BEN_PC)))
        self.say(play, Composing(Party(BEN_PC, asserted_by=LANE_M), Address(
            XMPP, "+491701234567", "sms.xmpp.example"), True, lane=LANE_M))
        self.say(play, ana_types())
        play.outlets[LANE_X].reject(self.items(play, LANE_X)[0], retry=True)
        play.clock.advance(100)
        self.assertEqual([len(self.items(play, lane)) for lane in (LANE_X, TRUNK, LINK)], [1, 0, 0])
        self.assertEqual(play.engine.outbox.depth, 0)

    def test_not_behind_texts(self) -> None:
        """While a text is on its way, typing is dropped (COMP-8, MSG-36)."""
        play = Play()
        play.offer(from_ben())
        self.say(play, ben_types())
        play.take_it(TRUNK)
        self.assertEqual(self.states(play, TRUNK), [])

    def test_text_after_typing(self) -> None:
        """A text waits for the one state that is on its way, and no other comes before it (MSG-36)."""
        play = Play()
        self.say(play, ben_types(True))
        self.say(play, ben_types(False))
        play.offer(from_ben())
        self.say(play, ben_types(True))
        self.assertEqual(len(self.items(play, TRUNK)), 1)
        play.take_it(TRUNK)
        play.take_it(TRUNK)
        self.assertEqual([type(payload) for payload in play.take(TRUNK)], [Composing, Message])
        self.assertEqual(play.engine.outbox.depth, 0)

    def test_last_state_wins(self) -> None:
        """Of the states that come while one is on its way, the last one follows it."""
        play = Play()
        for active in (True, False, True, False):
            self.say(play, ben_types(active))
        self.assertEqual(self.states(play, TRUNK), [True])
        play.take_it(TRUNK)
        self.assertEqual(self.states(play, TRUNK), [True, False])
        play.take_it(TRUNK)
        self.say(play, ben_types(True))
        self.assertEqual(self.states(play, TRUNK), [True, False, True])
