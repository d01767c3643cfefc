"""INVITEs that we send (RFC 3261 17.1.1, RFC 6026 7.2): timers A, B, D, M, the ACK to a refusal, CANCEL."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.syntax.message import Request, parse_message, response_to
from iwf.sip.transaction.table import (
    COOKIE,
    InviteClientTransaction,
    Send,
    State,
)
from tests.sip.turns import World, request


class Inviting(SynchronousTestCase):

    def setUp(self) -> None:
        self.world = World()
        self.message = request("INVITE")

    def start(self, reliable: bool = False) -> InviteClientTransaction:
        transaction = self.world.start(self.message, reliable)
        assert isinstance(transaction, InviteClientTransaction)
        return transaction

    def answer(self, status: int, tag: str = "t") -> None:
        self.world.receive(response_to(self.message, status, to_tag=tag))

    def sent(self, outputs: object) -> Request:
        """The one message among outputs."""
        assert isinstance(outputs, list)
        message, = [parse_message(output.octets) for output in outputs if isinstance(output, Send)]
        assert isinstance(message, Request)
        return message


class InviteClientTests(Inviting):
    """The machine of the client."""

    def test_repetitions(self) -> None:
        """Without answer an INVITE is repeated at doubling intervals, without limit, and given up after 32 s
        (timers A, B)."""
        self.start()
        times = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
        self.assertEqual(self.world.run(100), [*[(t, "Send", "INVITE") for t in times], (32, "TimedOut", None),
                                               (32, "Terminated", None)])

    def test_reliable(self) -> None:
        """On a reliable transport nothing is repeated, and a refusal ends it with its ACK (timer D is zero)."""
        self.start(reliable=True)
        self.assertEqual(self.world.run(10), [(0, "Send", "INVITE")])
        self.answer(486)
        self.assertEqual(self.world.take(), [(10, "Deliver", 486), (10, "Send", "ACK"), (10, "Terminated", None)])

    def test_ringing(self) -> None:
        """A provisional response ends repetitions and the patience of timer B; it may ring as long as it likes."""
        self.start()
        self.world.run(0.1)
        for status in (100, 180, 183):
            self.answer(status)
        self.assertEqual(self.world.run(1000), [(0.1, "Deliver", status) for status in (100, 180, 183)])
        self.assertIsNone(self.world.table.next_timer())

    def test_refusal(self) -> None:
        """A refusal reaches the user once; every repetition of it gets the ACK again, for 32 s (timer D)."""
        self.start()
        self.world.run(1)
        for status in (486, 486, 180, 200):
            self.answer(status)
        self.assertEqual(self.world.take(), [(1, "Deliver", 486), (1, "Send", "ACK"), (1, "Send", "ACK")])
        self.world.run(32.9)
        self.answer(486)
        self.assertEqual(self.world.run(100), [(32.9, "Send", "ACK"), (33, "Terminated", None)])

    def test_ack(self) -> None:
        """The ACK to a refusal has the branch, Route, From, Call-ID and number of the INVITE, and the To of the
        response (17.1.1.3)."""
        self.message = Request("INVITE", "sip:a@b", [*self.message.headers, ("Route", "<sip:p1;lr>"),
                                                     ("Route", "<sip:p2;lr>"), ("Contact", "<sip:c@d>")], b"offer")
        self.start()
        ack = self.sent(self.world.receive(response_to(self.message, 488, to_tag="their;x=y")))
        self.assertEqual((ack.method, ack.target, ack.body), ("ACK", "sip:a@b", b""))
        self.assertEqual(ack.vias, (self.message.top_via,))
        self.assertEqual(ack.all("Route"), ["<sip:p1;lr>", "<sip:p2;lr>"])
        self.assertEqual((ack.get("To"), ack.get("From")), ("<sip:a@b>;tag=their;x=y", self.message.get("From")))
        self.assertEqual((ack.call_id, str(ack.cseq), ack.get("Contact")), ("x", "1 ACK", None))
        self.assertEqual(ack.max_forwards, 70)

    def test_acceptance(self) -> None:
        """Every 2xx reaches the user, that of another branch as well, for 32 s; all else is absorbed, and the
        machine acknowledges nothing (RFC 6026 7.2, timer M)."""
        for reliable in (False, True):
            self.world = World()
            self.start(reliable)
            self.world.run(1)
            for status, tag in ((180, "a"), (200, "a"), (200, "a"), (200, "b"), (486, "c"), (180, "b")):
                self.answer(status, tag)
            self.assertEqual([entry[2] for entry in self.world.take()], [180, 200, 200, 200])
            self.world.run(32.9)
            self.answer(200)
            self.assertEqual(self.world.run(100), [(32.9, "Deliver", 200), (33, "Terminated", None)])
            self.assertEqual(self.world.receive(response_to(self.message, 200)), [])

    def test_transport_failure(self) -> None:
        """An INVITE that cannot be sent ends at once; what rings or was accepted goes on, since answers may come
        by another way (17.1.1.2, 18.2.2, SIP-46)."""
        for status, told, state in (
            (0, ["TransportFailed", "Terminated"], State.TERMINATED), (180, [], State.PROCEEDING),
            (200, [], State.ACCEPTED), (486, ["Terminated"], State.TERMINATED),
        ):
            self.world = World()
            transaction = self.start()
            if status:
                self.answer(status)
            self.world.take()
            self.world.note(self.world.table.transport_failed(transaction, 0))
            self.assertEqual(([entry[1] for entry in self.world.take()], transaction.state), (told, state))


class CancelTests(Inviting):
    """Taking an INVITE back (SIP-24)."""

    def test_waits_for_a_provisional_response(self) -> None:
        """The CANCEL leaves with the first 1xx, once, in a transaction of its own."""
        transaction = self.start()
        self.world.take()
        self.assertEqual(self.world.table.cancel(transaction, 0), [])
        cancel = self.sent(self.world.receive(response_to(self.message, 100)))
        self.answer(180)
        self.assertEqual(self.world.table.cancel(transaction, 0), [])
        self.assertEqual(self.world.take(), [(0, "Deliver", 100), (0, "Send", "CANCEL"), (0, "Deliver", 180)])
        self.world.receive(response_to(cancel, 200, to_tag="t"))
        self.answer(487)
        self.assertEqual(self.world.take(), [(0, "Deliver", 200), (0, "Deliver", 487), (0, "Send", "ACK")])
        self.world.run(100)
        self.assertEqual(len(self.world.table), 0)

    def test_request(self) -> None:
        """A CANCEL has the Request-URI, Call-ID, From, To, number, branch and Route of the INVITE (9.1)."""
        self.message = Request("INVITE", "sip:a@b", [*self.message.headers, ("Route", "<sip:p1;lr>"),
                                                     ("Require", "x")], b"offer")
        transaction = self.start()
        self.answer(100)
        cancel = self.sent(self.world.table.cancel(transaction, 0))
        self.assertEqual((cancel.method, cancel.target, cancel.body), ("CANCEL", "sip:a@b", b""))
        self.assertEqual(cancel.vias, (self.message.top_via,))
        for name in ("From", "To", "Call-ID", "Route"):
            self.assertEqual(cancel.all(name), self.message.all(name), name)
        self.assertEqual((str(cancel.cseq), cancel.get("Require")), ("1 CANCEL", None))

    def test_too_late(self) -> None:
        """What is answered is not cancelled."""
        for status in (200, 486):
            self.world = World()
            transaction = self.start()
            self.answer(status)
            self.assertEqual(self.world.table.cancel(transaction, 0), [])
            self.answer(180)
            self.assertNotIn((0, "Send", "CANCEL"), self.world.take())

    def test_unheard(self) -> None:
        """Without a final response within 32 s of the CANCEL the INVITE is given up (9.1)."""
        transaction = self.start()
        self.answer(180)
        self.world.run(50)
        self.world.note(self.world.table.cancel(transaction, 50))
        log = self.world.run(200)
        self.assertEqual([entry for entry in log if entry[1] == "TimedOut"], [(82, "TimedOut", None)] * 2)
        self.assertEqual(len(self.world.table), 0)

    def test_no_answer_at_all(self) -> None:
        """Without any 1xx nothing is cancelled, and timer B ends it."""
        transaction = self.start()
        self.world.table.cancel(transaction, 0)
        log = self.world.run(100)
        self.assertEqual(log[-2:], [(32, "TimedOut", None), (32, "Terminated", None)])
        self.assertNotIn("CANCEL", [entry[2] for entry in log])

    def test_same_branch(self) -> None:
        """The branch that INVITE and CANCEL share does not confuse their answers (SIP-20, SIP-22)."""
        transaction = self.start()
        self.answer(100)
        cancel = self.sent(self.world.note(self.world.table.cancel(transaction, 0)))
        self.assertEqual(cancel.top_via.branch, COOKIE + "1")
        self.world.receive(response_to(cancel, 481))
        self.assertIs(transaction.state, State.PROCEEDING)
