"""The table of transactions: one timer for all, and every machine in every state with every input."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.message import Request, Response, response_to
from iwf.sip.transaction.table import (
    COOKIE,
    ClientTransaction,
    Deliver,
    InviteClientTransaction,
    InviteServerTransaction,
    Output,
    ServerTransaction,
    State,
    Terminated,
    TimedOut,
    Transaction,
    TransactionTable,
    TransportFailed,
)
from tests.sip.turns import World, request


class TableTests(SynchronousTestCase):
    """Many transactions, one timer."""

    def test_next_timer(self) -> None:
        """The next timer is that of the transaction with the nearest deadline, without stale alarms."""
        world = World()
        self.assertIsNone(world.table.next_timer())
        transaction = world.open(request())
        self.assertEqual(world.table.next_timer(), 3.5)
        world.start(request(branch=COOKIE + "mine"))
        self.assertEqual(world.table.next_timer(), 0.5)
        world.receive(response_to(request(branch=COOKIE + "mine"), 200))
        self.assertEqual(world.table.next_timer(), 3.5)
        world.respond(transaction, request(), 200)
        self.assertEqual(world.table.next_timer(), 5)
        world.run(6)
        self.assertEqual(world.table.next_timer(), 32)
        world.run(32)
        self.assertIsNone(world.table.next_timer())

    def test_clock_set_back(self) -> None:
        """When the clock is set back no time has passed, and then it goes on."""
        world = World()
        world.now = 1000.0
        world.start(request())
        self.assertEqual(world.table.handle_timer(0.0), [])
        self.assertEqual(world.table.next_timer(), 0.5)
        world.now = 0.0
        self.assertEqual([entry[0] for entry in world.run(2)], [1000, 0.5, 1.5])

    def test_wall_clock(self) -> None:
        """With the large numbers of a wall clock every alarm still does something."""
        world = World()
        world.now = 1.7e9 + 0.123
        world.start(request())
        alarms = 0
        while (due := world.table.next_timer()) is not None:
            self.assertNotEqual(world.table.handle_timer(due), [])
            alarms += 1
        self.assertEqual(alarms, 11)  # ten repetitions and the end

    def test_sleep(self) -> None:
        """After a long sleep of the process a request is repeated once, not once for every missed
        interval."""
        world = World()
        world.start(request())
        world.take()
        world.now = 20.0
        world.note(world.table.handle_timer(20.0))
        self.assertEqual(world.take(), [(20, "Send", "MESSAGE")])

    def test_heap_is_tidied(self) -> None:
        """Ended transactions leave next to nothing behind, however many they were, and the living keep
        their timers."""
        world = World()
        world.start(request(branch=COOKIE + "kept"))
        for number in range(5000):
            message = request(branch=f"{COOKIE}n{number}")
            world.table.start(message, None, True, 0)
            world.table.receive(response_to(message, 200), None, True, 0)
        self.assertEqual(len(world.table), 1)
        self.assertLess(len(world.table._heap), 1100)
        self.assertEqual(world.table.next_timer(), 0.5)


LEGAL = {
    ClientTransaction: {
        State.TRYING: {State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED},
        State.PROCEEDING: {State.PROCEEDING, State.COMPLETED, State.TERMINATED},
        State.COMPLETED: {State.COMPLETED, State.TERMINATED},
        State.TERMINATED: {State.TERMINATED},
    },
    ServerTransaction: {
        State.TRYING: {State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED},
        State.PROCEEDING: {State.PROCEEDING, State.COMPLETED, State.TERMINATED},
        State.COMPLETED: {State.COMPLETED, State.TERMINATED},
        State.TERMINATED: {State.TERMINATED},
    },
    InviteClientTransaction: {
        State.CALLING: {State.CALLING, State.PROCEEDING, State.ACCEPTED, State.COMPLETED, State.TERMINATED},
        State.PROCEEDING: {State.PROCEEDING, State.ACCEPTED, State.COMPLETED, State.TERMINATED},
        State.ACCEPTED: {State.ACCEPTED, State.TERMINATED},
        State.COMPLETED: {State.COMPLETED, State.TERMINATED},
        State.TERMINATED: {State.TERMINATED},
    },
    InviteServerTransaction: {
        State.PROCEEDING: {State.PROCEEDING, State.ACCEPTED, State.COMPLETED},
        State.ACCEPTED: {State.ACCEPTED, State.TERMINATED},
        State.COMPLETED: {State.COMPLETED, State.CONFIRMED, State.TERMINATED},
        State.CONFIRMED: {State.CONFIRMED, State.TERMINATED},
        State.TERMINATED: {State.TERMINATED},
    },
}

steps = st.lists(
    st.tuples(st.sampled_from(["repeat", "ack", "answer", "wait", "fail", "cancel"]),
              st.sampled_from([100, 180, 200, 408, 486]),
              st.sampled_from([0.0, 0.1, 0.5, 3.5, 5.0, 32.0, -7.0])),
    max_size=12,
)


class EveryStateTests(SynchronousTestCase):
    """Any state with any input."""

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(["client OPTIONS", "client INVITE", "MESSAGE", "INVITE"]), st.booleans(), steps)
    def test_legal(self, kind: str, reliable: bool, path: list[tuple[str, int, float]]) -> None:
        """Whatever comes in whatever order, states follow the tables, every transaction ends once, and
        nothing follows its end."""
        table, now, outputs = TransactionTable(), 50.0, list[Output]()
        message = request(kind.split()[-1])
        if kind.startswith("client"):
            transaction, outputs = table.start(message, None, reliable, now)
        else:
            outputs = table.receive(message, None, reliable, now)
            transaction = outputs[0].transaction  # type: ignore[assignment]
        for what, status, seconds in path:
            before, ended = transaction.state, transaction.ended
            answer = response_to(message, status, to_tag="t")
            now += seconds
            if what == "wait":
                new = table.handle_timer(now)
            elif what == "fail":
                new = table.transport_failed(transaction, now)
            elif what == "ack":
                new = table.receive(request("ACK", to_tag="t"), None, reliable, now)
            elif what == "cancel":
                is_ours = isinstance(transaction, InviteClientTransaction)
                new = table.cancel(transaction, now) if is_ours else []  # type: ignore[arg-type]
            elif isinstance(transaction, ClientTransaction):
                new = table.receive(answer, None, reliable, now)
            elif what == "answer":
                new = table.respond(transaction, answer, now)
            else:
                new = [] if ended else table.receive(message, None, reliable, now)
            self.assertIn(transaction.state, LEGAL[type(transaction)][before])
            new = [output for output in new if output.transaction is transaction]  # a CANCEL has its own
            self.assertTrue(not ended or not new, (what, new))
            outputs += new
        self._ends(table, transaction, message, outputs, now)

    def _ends(self, table: TransactionTable, transaction: Transaction, message: Request, outputs: list[Output],
              now: float) -> None:
        """With time it ends, once, and its user heard of it once."""
        final = isinstance(transaction, InviteServerTransaction | InviteClientTransaction)
        if final and transaction.state is State.PROCEEDING:
            answer = response_to(message, 486, to_tag="t")
            outputs += (table.receive(answer, None, True, now) if isinstance(transaction, ClientTransaction)
                        else table.respond(transaction, answer, now))  # type: ignore[arg-type]
        while (due := table.next_timer()) is not None:
            outputs += [output for output in table.handle_timer(due) if output.transaction is transaction]
        self.assertEqual(len(table), 0)
        self.assertEqual([type(o) for o in outputs].count(Terminated), 1)
        self.assertIsInstance(outputs[-1], Terminated)
        finals = [o.message.status for o in outputs if isinstance(o, Deliver) and isinstance(o.message, Response)
                  and o.message.status >= 200]
        told = [type(o) for o in outputs if isinstance(o, (TimedOut, TransportFailed))]
        if isinstance(transaction, ClientTransaction):
            if isinstance(transaction, InviteClientTransaction) and finals[:1] == [200]:
                finals = list(set(finals))            # every 2xx is told, and nothing but 2xx
            self.assertEqual(len(finals) + len(told), 1)  # the user hears of the end exactly once
