"""The engine as a whole: what is taken is delivered or its sender told, whatever crashes."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import mkdtemp

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.alarm import SWEEP_EVERY
from iwf.engine.engine import Engine
from iwf.engine.ledger import Ledger
from iwf.engine.store.base import IStore
from iwf.engine.store.memory import MemoryStore
from iwf.engine.store.sqlite import SqliteStore
from iwf.ids import Ids
from iwf.mapping.model import Event, Failure, Message, Outcome, Reason, Receipt, Refused, Report, Taken, Verdict
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import Turn
from tests.support.outlet import Outlet
from tests.support.sample import (
    BEN_PC,
    GATEWAY,
    LANE_M,
    LANE_X,
    LINK,
    PHONE,
    TRUNK,
    from_ana,
    from_ben,
    from_ben_to_phone,
    from_phone,
)

LANES = (LANE_X, LANE_M, TRUNK, LINK)


class Daemon:
    """An engine whose edges are played by the test; it can crash and come back."""

    def __init__(self, store: IStore | None = None, gateway: Gateway = GATEWAY,
                 clock: Clock | None = None, up: bool = True) -> None:
        if clock is None:
            clock = Clock()
            clock.rightNow = 1_790_000_000.0
        self.clock = clock
        self.store = store if store is not None else MemoryStore()
        self.engine = Engine(self.store, gateway, clock, Ids(), commit_every=0.0)
        self.outlets = {name: Outlet() for name in LANES}
        self.lanes = {name: self.engine.outbox.attach(name, self.outlets[name],
                                                      keeps_order=name.startswith("xmpp:"))
                      for name in LANES}
        self.engine.start()
        if up:
            for lane in self.lanes.values():
                lane.grant(10)

    def offer(self, event: Event) -> list[Verdict]:
        """The verdicts given so far; one at the most."""
        verdicts: list[Verdict] = []
        self.engine.intake.offer(event).addCallback(verdicts.append)
        self.clock.advance(0)
        return verdicts

    def take(self, lane: str) -> list[Message | Report]:
        return [item.payload for item in self.outlets[lane].items]


class EngineTests(SynchronousTestCase):
    """One event at a time."""

    def test_delivered(self) -> None:
        """A message from XMPP is taken, goes out on the trunk, and leaves the outbox when the
        peer has taken it."""
        daemon = Daemon()
        (verdict,) = daemon.offer(from_ben("hello"))
        self.assertIsInstance(verdict, Taken)
        (item,) = daemon.outlets[TRUNK].items
        assert isinstance(item.payload, Message)
        self.assertEqual(item.payload.text, "hello")
        self.assertEqual(item.payload.origin.address.key, "sip:ben*xmpp.example@x.sip.example")
        self.assertEqual(item.payload.target.key, "sip:ana@sip.example")
        daemon.outlets[TRUNK].accept(item)
        daemon.clock.advance(0)
        self.assertEqual(list(daemon.store.queued()), [])
        self.assertEqual(daemon.engine.outbox.depth, 0)

    def test_refused_by_the_peer(self) -> None:
        """A message that the SIP side refuses comes back to its sender with the reason (ERR-2)."""
        daemon = Daemon()
        daemon.offer(from_ben())
        daemon.outlets[TRUNK].reject(daemon.outlets[TRUNK].items[0])
        daemon.clock.advance(0)
        (report,) = daemon.take(LANE_X)
        assert isinstance(report, Report)
        self.assertEqual(report.about, "m42")
        self.assertEqual(report.recipient, BEN_PC)
        self.assertEqual(report.failure.reason, Reason.UNKNOWN_RECIPIENT)

    def test_stranger(self) -> None:
        """A sender for whom nobody vouches is refused, and nothing is kept (SIP-63)."""
        daemon = Daemon()
        message = from_ana()
        (verdict,) = daemon.offer(evolve(message, origin=evolve(message.origin, asserted_by="")))
        assert isinstance(verdict, Refused)
        self.assertEqual(verdict.failure.reason, Reason.FORBIDDEN)
        self.assertEqual(daemon.engine.outbox.depth, 0)

    def test_repeated(self) -> None:
        """The same request again is answered as before and delivered once (SIP-26)."""
        daemon = Daemon()
        (first,) = daemon.offer(from_ana(key="k1"))
        (second,) = daemon.offer(from_ana(key="k1"))
        self.assertEqual(first, second)
        self.assertEqual(len(daemon.outlets[LANE_X].items), 1)

    def test_repeated_later(self) -> None:
        """After a minute the same identifiers are a new message: some clients start over (SIP-26)."""
        daemon = Daemon()
        daemon.offer(from_ana(key="k1"))
        daemon.clock.advance(61)
        daemon.offer(from_ana(key="k1"))
        self.assertEqual(len(daemon.outlets[LANE_X].items), 2)

    def test_server_away(self) -> None:
        """A short break is bridged; after the grace new messages are refused, and what was taken
        is delivered when the server is back (XMPP-10)."""
        daemon = Daemon()
        daemon.lanes[LANE_X].grant(0)
        self.assertIsInstance(daemon.offer(from_ana("one", key="1"))[0], Taken)
        daemon.clock.advance(6)
        (verdict,) = daemon.offer(from_ana("two", key="2"))
        assert isinstance(verdict, Refused)
        self.assertEqual(verdict.failure.reason, Reason.UNREACHABLE)
        self.assertEqual(verdict.failure.retry_after, 30.0)
        self.assertEqual(daemon.outlets[LANE_X].items, [])
        daemon.lanes[LANE_X].grant(10)
        self.assertEqual([item.payload.text for item in daemon.outlets[LANE_X].items
                          if isinstance(item.payload, Message)], ["one"])

    def test_full(self) -> None:
        """A lane holds so much and no more; who comes later is told to come back (XMPP-9)."""
        daemon = Daemon(gateway=evolve(GATEWAY, lane_limit=3))
        verdicts = [daemon.offer(from_ben(str(n), target=evolve(from_ben().target,
                                                                user=f"u{n}*sip.example")))[0]
                    for n in range(4)]
        self.assertEqual([type(verdict) for verdict in verdicts], [Taken] * 3 + [Refused])

    def test_whose_fault(self) -> None:
        """A connector that is away or full is the gateway's fault, a queue of one recipient is not (ERR-12)."""
        away, full = Daemon(), Daemon(gateway=evolve(GATEWAY, lane_limit=0))
        away.lanes[LANE_X].grant(0)
        away.clock.advance(GATEWAY.patience.grace + 1)
        one = Daemon(gateway=evolve(GATEWAY, stream_limit=0))
        for daemon, of_gateway in ((away, True), (full, True), (one, False)):
            verdict = daemon.offer(from_ana("hi"))[0]
            assert isinstance(verdict, Refused)
            self.assertIs(verdict.failure.of_gateway, of_gateway)

    def test_flood(self) -> None:
        """Who writes too much to one recipient is refused without a turn, others are not (LOOP-6)."""
        daemon = Daemon(gateway=evolve(GATEWAY, max_rate=1.0, max_burst=2))
        verdicts = [daemon.offer(from_ben(str(number)))[0] for number in range(3)]
        self.assertEqual([type(verdict) for verdict in verdicts], [Taken, Taken, Refused])
        assert isinstance(verdicts[2], Refused)
        self.assertEqual(verdicts[2].failure.reason, Reason.TOO_FAST)
        self.assertIsInstance(daemon.offer(from_ana("hi"))[0], Taken)

    def test_circle(self) -> None:
        """What goes round is dropped without an error, which would go round as well (LOOP-5)."""
        daemon = Daemon()
        verdicts = [daemon.offer(from_ben("same", id="m1"))[0] for _ in range(5)]
        self.assertEqual([type(verdict) for verdict in verdicts], [Taken] * 5)
        self.assertNotIn(Taken(""), verdicts[:3])
        self.assertEqual(verdicts[3:], [Taken("")] * 2)

    def test_full_within_a_batch(self) -> None:
        """A crowd that is decided in one transaction cannot pass the limit either (MSG-36)."""
        daemon = Daemon(gateway=evolve(GATEWAY, stream_limit=3))
        verdicts: list[Verdict] = []
        for number in range(5):
            daemon.engine.intake.offer(from_ben(id=f"m{number}")).addCallback(verdicts.append)
        daemon.clock.advance(0)
        self.assertEqual([type(verdict) for verdict in verdicts], [Taken] * 3 + [Refused] * 2)

    def test_order(self) -> None:
        """Texts to one SIP user leave one at a time and in order, others do not wait (MSG-36)."""
        daemon = Daemon()
        for text in ("one", "two"):
            daemon.offer(from_ben(text))
        daemon.offer(from_ben("other", target=evolve(from_ben().target, user="eva*sip.example")))
        outlet = daemon.outlets[TRUNK]
        self.assertEqual([item.payload.text for item in outlet.items], ["one", "other"])
        outlet.accept(outlet.items[0])
        daemon.clock.advance(0)
        self.assertEqual(outlet.items[-1].payload.text, "two")

    def test_retry_keeps_order(self) -> None:
        """A text that has to be tried again is not overtaken by a younger one."""
        daemon = Daemon()
        outlet = daemon.outlets[TRUNK]
        daemon.offer(from_ben("one"))
        daemon.offer(from_ben("two"))
        outlet.reject(outlet.items[0], Reason.UNREACHABLE, retry=True)
        daemon.clock.advance(0)
        daemon.clock.advance(0.9)
        self.assertEqual(len(outlet.items), 1)
        daemon.clock.advance(0.1)
        self.assertEqual([item.payload.text for item in outlet.items], ["one", "one"])
        self.assertEqual(outlet.items[0].id, outlet.items[1].id)
        outlet.accept(outlet.items[1])
        daemon.clock.advance(0)
        self.assertEqual(outlet.items[-1].payload.text, "two")

    def test_next_hop_away(self) -> None:
        """When the next hop stays away, the sender is told within the patience for it (ERR-4)."""
        daemon = Daemon()
        outlet = daemon.outlets[TRUNK]
        daemon.offer(from_ben("one"))
        for _ in range(40):
            while outlet.items and outlet.items[-1].id in outlet._answers:
                outlet.reject(outlet.items[-1], Reason.UNREACHABLE, retry=True)
            daemon.clock.advance(1)
        (report,) = daemon.take(LANE_X)
        assert isinstance(report, Report)
        self.assertEqual(report.failure.reason, Reason.UNREACHABLE)
        self.assertGreater(len(outlet.items), 3)

    def test_timeout_fails_the_queue(self) -> None:
        """When a target does not answer, all that wait for it are told at once (MSG-36)."""
        daemon = Daemon()
        outlet = daemon.outlets[TRUNK]
        for text in ("one", "two", "three"):
            daemon.offer(from_ben(text, id=text))
        outlet.reject(outlet.items[0], Reason.TIMEOUT, stop_stream=True)
        daemon.clock.advance(0)
        reports = daemon.take(LANE_X)
        self.assertEqual([report.about for report in reports if isinstance(report, Report)],
                         ["one", "two", "three"])
        self.assertEqual(len(outlet.items), 1)

    def test_late_error(self) -> None:
        """An error that comes back after the 202 reaches the SIP sender as a notice (MSG-33)."""
        daemon = Daemon()
        daemon.offer(from_ana())
        outlet = daemon.outlets[LANE_X]
        outlet.accept(outlet.items[0], "z9hG4bK7f3a|ben")
        daemon.clock.advance(1)
        daemon.offer(Receipt(LANE_X, "z9hG4bK7f3a|ben", Outcome.FAILED,
                             Failure(Reason.NOT_OFFERED)))
        (report,) = daemon.take(TRUNK)
        assert isinstance(report, Report)
        self.assertEqual(report.failure.reason, Reason.NOT_OFFERED)

    def test_held_verdict(self) -> None:
        """With ``s2x_hold`` an error in time becomes the answer itself, and no notice follows (MSG-32)."""
        daemon = Daemon()
        verdicts = daemon.offer(from_ana(hold=2.0))
        outlet = daemon.outlets[LANE_X]
        # The error comes in before the server has confirmed the message.
        daemon.offer(Receipt(LANE_X, "r", Outcome.FAILED, Failure(Reason.NOT_OFFERED)))
        self.assertEqual(verdicts, [])
        outlet.accept(outlet.items[0], "r")
        daemon.clock.advance(0)
        (verdict,) = verdicts
        assert isinstance(verdict, Refused)
        self.assertEqual(verdict.failure.reason, Reason.NOT_OFFERED)
        self.assertEqual(daemon.take(TRUNK), [])

    def test_held_verdict_in_silence(self) -> None:
        """Without an error in time the held answer is yes (MSG-32)."""
        daemon = Daemon()
        verdicts = daemon.offer(from_ana(hold=2.0))
        outlet = daemon.outlets[LANE_X]
        outlet.accept(outlet.items[0], "r")
        daemon.clock.pump([0.5] * 3)
        self.assertEqual(verdicts, [])
        daemon.clock.pump([0.5] * 3)
        self.assertIsInstance(verdicts[0], Taken)

    def test_phone_and_back(self) -> None:
        """A phone sees a number for each contact and its answer finds the contact (ADDR-47, 48)."""
        daemon = Daemon()
        daemon.offer(from_ben_to_phone("hello"))
        (message,) = daemon.take(LINK)
        assert isinstance(message, Message)
        self.assertEqual(message.origin.address.user, "X000000001")
        self.assertEqual(message.text, "ben: hello")  # MSG-44
        daemon.offer(from_phone("X000000001", "and you?"))
        (answer,) = daemon.take(LANE_M)
        assert isinstance(answer, Message)
        self.assertEqual(answer.target.key, "xmpp:ben@xmpp.example")
        self.assertEqual(answer.origin.address.key, f"xmpp:{PHONE.user}@sms.xmpp.example")

    def test_number_of_nobody(self) -> None:
        """A text to a number that stands for nobody is refused for good (ADDR-48)."""
        (verdict,) = Daemon().offer(from_phone("X000000007"))
        assert isinstance(verdict, Refused)
        self.assertEqual(verdict.failure.reason, Reason.UNKNOWN_RECIPIENT)

    def test_service_number(self) -> None:
        """A phone reaches a user who never wrote through the service number (ADDR-50, SMS-70)."""
        daemon = Daemon()
        daemon.offer(from_phone("4455", "TO ana@sip.example good morning"))
        (message,) = daemon.take(TRUNK)
        assert isinstance(message, Message)
        self.assertEqual(message.text, "good morning")
        self.assertEqual(message.origin.address.key, f"sip:{PHONE.user}@sms.sip.example")

    def test_failure_told_to_the_phone_once(self) -> None:
        """A phone is told of a failure, once an hour per contact (ERR-15)."""
        daemon = Daemon()
        daemon.offer(from_ben_to_phone())
        daemon.outlets[LINK].accept(daemon.outlets[LINK].items[0])
        for _ in range(2):
            daemon.offer(from_phone("X000000001", "x"))
            item = daemon.outlets[LANE_M].items[-1]
            daemon.outlets[LANE_M].reject(item)
            daemon.clock.advance(0)
        reports = [entry for entry in daemon.take(LINK) if isinstance(entry, Report)]
        self.assertEqual(len(reports), 1)

    def test_receipt_of_failure(self) -> None:
        """A text that the operator took and could not deliver comes back as an error (ERR 8.4)."""
        daemon = Daemon()
        daemon.offer(from_ben_to_phone())
        outlet = daemon.outlets[LINK]
        outlet.accept(outlet.items[0], "0a1b2c")
        daemon.clock.advance(0)
        daemon.offer(Receipt(LINK, "0a1b2c", Outcome.FAILED, Failure(Reason.EXPIRED)))
        (report,) = daemon.take(LANE_M)
        assert isinstance(report, Report)
        self.assertEqual(report.failure.reason, Reason.EXPIRED)


class FaultTests(SynchronousTestCase):
    """Faults of ours cost what they touch, and no more."""

    def test_sweep_goes_on(self) -> None:
        """A sweep that fails is logged and tried again; messages are taken meanwhile."""
        daemon = Daemon(FailingSweep())
        daemon.clock.advance(SWEEP_EVERY)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertIsInstance(daemon.offer(from_ben())[0], Taken)
        daemon.clock.advance(SWEEP_EVERY)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_one_release_that_fails(self) -> None:
        """When letting one turn out fails, the others of its batch still have their verdict."""
        clock, faults = Clock(), [ValueError("a fault of ours")]

        def release(turn: Turn) -> None:
            if faults:
                raise faults.pop()

        ledger = Ledger(MemoryStore(), GATEWAY, clock, Ids(), release, {})
        turns: list[Turn] = []
        for number in range(3):
            ledger.submit(from_ben(id=str(number))).addCallback(turns.append)
        clock.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual([type(turn.verdict) for turn in turns], [Taken] * 3)


    def test_clock_set_back(self) -> None:
        """A clock that is set back by an hour does not make messages wait for an hour."""
        clock = Clock()
        clock.rightNow = 7200.0
        ledger = Ledger(MemoryStore(), GATEWAY, clock, Ids(), lambda turn: None, {})
        turns: list[Turn] = []
        for number in range(2):
            ledger.submit(from_ben(id=str(number))).addCallback(turns.append)
            clock.rightNow -= 1800.0
        ledger.submit(from_ben(id="last")).addCallback(turns.append)
        clock.advance(0.05)
        self.assertEqual([type(turn.verdict) for turn in turns], [Taken] * 3)


class FailingSweep(MemoryStore):
    """A store that cannot forget."""

    def sweep(self, now: float, limit: int) -> int:
        raise OSError("disk full")


class OrderTests(SynchronousTestCase):
    """Answers and receipts in any order."""

    def test_every_order(self) -> None:
        """Two answers' parts and two receipts end in the same outcome, told once, in all orders."""
        events = ("accepted", "first", "second", "second again")
        for order in itertools.permutations(events):
            daemon = Daemon()
            daemon.offer(from_ben_to_phone())
            outlet = daemon.outlets[LINK]
            for event in order:
                if event == "accepted":
                    outlet.accept(outlet.items[0], "a", "b")
                    daemon.clock.advance(0)
                elif event == "first":
                    daemon.offer(Receipt(LINK, "a", Outcome.DELIVERED))
                else:
                    daemon.offer(Receipt(LINK, "b", Outcome.FAILED, Failure(Reason.UNAVAILABLE)))
            self.assertEqual([type(entry) for entry in daemon.take(LANE_M)], [Report], order)


class _Crash(BaseException):
    """The process ends here."""


class CrashingStore(SqliteStore):
    """Ends the process at the n-th of its effects."""

    left = 10 ** 9

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _Crash

    def begin(self) -> None:
        self._step()
        super().begin()

    def apply(self, turn: object) -> None:
        self._step()
        super().apply(turn)  # type: ignore[arg-type]

    def commit(self) -> None:
        self._step()
        super().commit()
        self._step()


class CrashTests(SynchronousTestCase):
    """The promise: what was said yes to is delivered, whatever crashes in between."""

    def test_at_every_step(self) -> None:
        """A crash before or after any write loses no message that was taken, and a message that
        was not taken is not half there."""
        for step in range(12):
            path = str(Path(mkdtemp(dir=".")) / "iwf.db")
            store = CrashingStore(path)
            daemon = Daemon(store)
            store.left = step
            verdicts: list[Verdict] = []
            delivered: list[str] = []
            try:
                verdicts += daemon.offer(from_ana("x", key="k"))
                outlet = daemon.outlets[LANE_X]
                if outlet.items:
                    delivered.append(outlet.items[0].id)
                    outlet.accept(outlet.items[0], "r")
                    daemon.clock.advance(0)
            except _Crash:
                pass
            store.close()
            again = Daemon(SqliteStore(path), clock=daemon.clock)
            delivered += [item.id for item in again.outlets[LANE_X].items]
            if verdicts:
                self.assertIsInstance(verdicts[0], Taken)
                self.assertTrue(delivered, f"crash at step {step}: taken and lost")
            # A repetition is the same item, so that the far side can tell.
            self.assertLessEqual(len(set(delivered)), 1)
            again.engine.stop()
            for call in daemon.clock.getDelayedCalls():
                call.cancel()
