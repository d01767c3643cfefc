"""Transaction machines: what is sent when, what is told to whom, what matches what."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.sip.syntax.message import Response, response_to
from iwf.sip.transaction.table import (
    COOKIE,
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    Send,
    State,
    Stray,
    new_branch,
)
from tests.sip.turns import World, request


class ClientTests(SynchronousTestCase):
    """Requests we send (RFC 3261 17.1.2)."""

    def setUp(self) -> None:
        self.world = World()
        self.message = request()

    def test_repetitions(self) -> None:
        """Without answer a request is repeated at doubling intervals up to T2 and given up after 32 s
        (timers E, F)."""
        self.world.start(self.message)
        log = self.world.run(100)
        times = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        self.assertEqual(log, [*[(t, "Send", "MESSAGE") for t in times], (32, "TimedOut", None), (32,
            "Terminated", None)])
        self.assertEqual(len(self.world.table), 0)

    def test_reliable(self) -> None:
        """On a reliable transport nothing is repeated, and the end comes with the final response (timers
        F, K)."""
        self.world.start(self.message, reliable=True)
        self.assertEqual(self.world.run(31.9), [(0, "Send", "MESSAGE")])
        self.world.receive(response_to(self.message, 202), reliable=True)
        self.assertEqual(self.world.take(), [(31.9, "Deliver", 202), (31.9, "Terminated", None)])
        self.world.start(request(branch=COOKIE + "2"), reliable=True)
        self.world.take()
        self.assertEqual(self.world.run(100), [(63.9, "TimedOut", None), (63.9, "Terminated", None)])

    def test_proceeding(self) -> None:
        """After a provisional response the interval is T2, and timer F still runs."""
        self.world.start(self.message)
        self.world.run(0.1)
        self.world.receive(response_to(self.message, 100))
        self.assertEqual(self.world.take(), [(0.1, "Deliver", 100)])
        self.assertEqual([entry[0] for entry in self.world.run(100)],
                         [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32, 32])

    def test_final_response(self) -> None:
        """One final response reaches the user; repetitions are absorbed for 5 s (timer K)."""
        self.world.start(self.message)
        self.world.run(1)
        for status in (202, 202, 404, 100):
            self.world.receive(response_to(self.message, status))
        self.assertEqual(self.world.take(), [(1, "Deliver", 202)])
        self.assertEqual(self.world.run(100), [(6, "Terminated", None)])
        self.assertEqual(self.world.receive(response_to(self.message, 202)), [])

    def test_transport_failure(self) -> None:
        """A request that cannot be sent ends at once; after a final response it does not matter (SIP-46)."""
        for answered in (False, True):
            transaction = self.world.start(self.message)
            if answered:
                self.world.receive(response_to(self.message, 200))
            self.world.take()
            self.world.note(self.world.table.transport_failed(transaction, self.world.now))
            self.assertEqual(self.world.take(),
                             [] if answered else [(0, "TransportFailed", None), (0, "Terminated", None)])
            self.assertEqual(self.world.table.transport_failed(transaction, self.world.now), [])

    def test_matching(self) -> None:
        """Only the branch, the sent-by and the CSeq method that we sent make a response ours (SIP-20)."""
        self.world.start(self.message)
        self.world.take()
        for other in (
            request(branch=COOKIE + "2"), request(sent_by="other.example"), request(sent_by="a.example"),
            request("OPTIONS"), request(branch=""),
        ):
            self.assertEqual(self.world.receive(response_to(other, 200)), [])
        self.world.receive(response_to(request(sent_by="A.Example:5060", cseq=99), 200))
        self.assertEqual(self.world.take(), [(0, "Deliver", 200)])

    def test_broken_responses(self) -> None:
        """A response without readable Via or CSeq is dropped (SIP-12)."""
        self.world.start(self.message)
        for headers in ([], [("Via", "x")], [("Via", str(self.message.top_via)), ("CSeq", "x")]):
            self.assertEqual(self.world.table.receive(Response(200, "OK", headers), None, True, 0), [])

    def test_misuse(self) -> None:
        """A branch in use, an ACK, and methods that a machine is not made for are refused to the caller."""
        self.world.start(self.message)
        self.assertRaises(ValueError, self.world.start, self.message)
        self.assertRaises(ValueError, self.world.start, request("ACK", COOKIE + "2"))
        self.assertRaises(ValueError, ClientTransaction, request("INVITE"), None, True, 0)
        self.assertRaises(ValueError, InviteClientTransaction, request("OPTIONS"), None, True, 0)

    def test_branches(self) -> None:
        """Branches have the cookie and at least 64 random bits, and differ (SIP-22)."""
        ids = Ids(1)
        branches = {new_branch(ids) for _ in range(100)}
        self.assertEqual(len(branches), 100)
        for branch in branches:
            self.assertRegex(branch, "^z9hG4bK[0-9a-f]{16,}$")


class ServerTests(SynchronousTestCase):
    """Requests other than INVITE that we answer (RFC 3261 17.2.2, RFC 4320)."""

    def setUp(self) -> None:
        self.world = World()
        self.message = request()

    def test_repetitions(self) -> None:
        """A repeated request is not delivered again; it gets the last answer again, for 32 s (timer J)."""
        transaction = self.world.open(self.message)
        self.world.receive(self.message)
        self.assertEqual(self.world.take(), [(0, "Deliver", "MESSAGE")])
        self.world.respond(transaction, self.message, 202)
        self.world.receive(self.message)
        self.assertEqual(self.world.take(), [(0, "Send", 202), (0, "Send", 202)])
        self.assertEqual(self.world.run(31.9), [])
        self.world.receive(self.message)
        self.assertEqual(self.world.run(100), [(31.9, "Send", 202), (32, "Terminated", None)])
        self.world.open(self.message)

    def test_reliable(self) -> None:
        """On a reliable transport the transaction ends with the answer (timer J is zero)."""
        transaction = self.world.open(self.message, reliable=True)
        self.world.respond(transaction, self.message, 202)
        self.assertEqual(self.world.take(),
                         [(0, "Deliver", "MESSAGE"), (0, "Send", 202), (0, "Terminated", None)])

    def test_trying(self) -> None:
        """Over UDP a slow user is covered by a 100 after 3.5 s, not before, repeated on demand (SIP-23,
        RFC 4320 4.1)."""
        transaction = self.world.open(self.message)
        self.assertEqual(self.world.run(3.4), [(0, "Deliver", "MESSAGE")])
        self.world.receive(self.message)
        self.assertEqual(self.world.run(4), [(3.5, "Send", 100)])
        self.world.receive(self.message)
        self.world.respond(transaction, self.message, 202)
        self.assertEqual(self.world.take(), [(4, "Send", 100), (4, "Send", 202)])

    def test_trying_on_reliable_transports(self) -> None:
        """Over TCP a 100 is due after 3.5 s as well, unless the user sent one earlier (RFC 4320 4.1)."""
        self.world.open(self.message, reliable=True)
        self.assertEqual(self.world.run(10), [(0, "Deliver", "MESSAGE"), (3.5, "Send", 100)])

    def test_early_trying_on_reliable_transports(self) -> None:
        """Over TCP the user may send a 100 at any time, and no second one follows (RFC 4320 4.1)."""
        transaction = self.world.open(self.message, reliable=True)
        self.world.run(1)
        self.world.respond(transaction, self.message, 100)
        self.assertEqual(self.world.run(10), [(1, "Send", 100)])

    def test_forbidden_answers(self) -> None:
        """Provisional responses but 100, an early 100 over UDP, and 408 are never sent (SIP-23)."""
        for reliable in (False, True):
            message = request(branch=COOKIE + str(reliable))
            transaction = self.world.open(message, reliable)
            for status in (180, 183, 408, *([] if reliable else [100])):
                self.assertEqual(self.world.respond(transaction, message, status), [])
            self.assertIsInstance(self.world.respond(transaction, message, 200)[0], Send)

    def test_second_final(self) -> None:
        """Only the first final response counts (17.2.2)."""
        transaction = self.world.open(self.message)
        self.world.respond(transaction, self.message, 202)
        self.assertEqual(self.world.respond(transaction, self.message, 500), [])
        self.world.take()
        self.world.receive(self.message)
        self.assertEqual(self.world.take(), [(0, "Send", 202)])

    def test_late_final(self) -> None:
        """When the sender has given up, 32 s after its request, nothing is sent any more (SIP-23, RFC 4320
        4.2)."""
        for reliable in (False, True):
            message = request(branch=COOKIE + str(reliable))
            transaction = self.world.open(message, reliable)
            self.assertEqual(self.world.run(self.world.now + 33)[-1][1:], ("Terminated", None))
            self.assertEqual(self.world.respond(transaction, message, 202), [])
            self.assertEqual(len(self.world.table), 0)

    def test_transport_failure(self) -> None:
        """The user is told of an answer that cannot be sent; repetitions are still absorbed (SIP-46)."""
        transaction = self.world.open(self.message)
        self.world.respond(transaction, self.message, 202)
        self.world.take()
        self.world.note(self.world.table.transport_failed(transaction, 0))
        self.world.receive(self.message)
        self.assertEqual(self.world.take(), [(0, "TransportFailed", None), (0, "Send", 202)])

    def test_memory(self) -> None:
        """An answered request is not held for the half minute that its answer is."""
        transaction = self.world.open(self.message)
        self.assertIsNotNone(transaction.request)
        self.world.respond(transaction, self.message, 202)
        self.assertIsNone(transaction.request)

    def test_matching(self) -> None:
        """Branch, sent-by without regard to case, and method make a request the same (SIP-21)."""
        self.world.open(self.message)
        self.assertEqual(self.world.receive(request(sent_by="A.EXAMPLE:5060")), [])
        for other in (request(branch=COOKIE + "2"), request(sent_by="a.example"),
                      request(sent_by="b.example:5060"), request("OPTIONS")):
            self.world.open(other)

    def test_matching_without_cookie(self) -> None:
        """Requests of RFC 2543's time, or with the cookie alone, match by what they are (SIP-21, RFC 4475
        3.2.1)."""
        for branch in ("", "old", COOKIE):
            self.world = World()
            first = request(branch=branch)
            self.world.open(first)
            self.assertEqual(self.world.receive(first), [])
            self.world.open(request(branch=branch, cseq=2))
            self.world.open(request(branch=branch, to_tag="x"))
            self.world.open(request(branch=branch, sent_by="b"))
            self.world.open(request("OPTIONS", branch=branch))


class InviteTests(SynchronousTestCase):
    """INVITEs that we answer (RFC 3261 17.2.1, RFC 6026 7.1)."""

    def setUp(self) -> None:
        self.world = World()
        self.message = request("INVITE")

    def test_refusal(self) -> None:
        """A refusal is repeated at doubling intervals until its ACK comes, which is absorbed for 5 s
        (timers G, I)."""
        transaction = self.world.open(self.message)
        self.world.respond(transaction, self.message, 488)
        times = [0, 0.5, 1.5, 3.5, 7.5]
        self.assertEqual(self.world.run(8), [(0, "Deliver", "INVITE"), *[(t, "Send", 488) for t in times]])
        self.world.receive(self.message)
        self.assertEqual(self.world.take(), [(8, "Send", 488)])
        for _ in range(2):
            self.assertEqual(self.world.receive(request("ACK", to_tag="t")), [])
        self.assertEqual(self.world.receive(self.message), [])
        self.assertEqual(self.world.run(100), [(13, "Terminated", None)])

    def test_missing_ack(self) -> None:
        """Without ACK the user is told after 32 s (timer H)."""
        transaction = self.world.open(self.message)
        self.world.respond(transaction, self.message, 488)
        self.assertEqual(self.world.run(100)[-2:], [(32, "TimedOut", None), (32, "Terminated", None)])

    def test_reliable(self) -> None:
        """On a reliable transport the refusal is sent once, and its ACK ends the transaction."""
        transaction = self.world.open(self.message, reliable=True)
        self.world.respond(transaction, self.message, 488)
        self.world.run(10)
        self.world.receive(request("ACK", to_tag="t"), reliable=True)
        self.assertEqual(self.world.take(), [(10, "Terminated", None)])

    def test_trying(self) -> None:
        """A slow user is covered by a 100 after 200 ms; one who rang is not (17.2.1)."""
        transaction = self.world.open(self.message)
        self.assertEqual(self.world.run(1), [(0, "Deliver", "INVITE"), (0.2, "Send", 100)])
        self.world.respond(transaction, self.message, 180)
        self.world.receive(self.message)
        self.assertEqual(self.world.run(100), [(1, "Send", 180), (1, "Send", 180)])
        early = request("INVITE", COOKIE + "2")
        self.world.respond(self.world.open(early), early, 180)
        self.assertEqual([entry[1:] for entry in self.world.run(200)], [("Deliver", "INVITE"), ("Send", 180)])

    def test_acceptance(self) -> None:
        """After a 2xx the user repeats it and sees the ACKs; repeated INVITEs are absorbed for 32 s (timer
        L)."""
        transaction = self.world.open(self.message)
        self.world.respond(transaction, self.message, 200)
        self.world.respond(transaction, self.message, 200)
        self.assertEqual(self.world.respond(transaction, self.message, 488), [])
        self.assertEqual(self.world.receive(self.message), [])
        self.world.receive(request("ACK", to_tag="t"))
        self.assertEqual([entry[1:] for entry in self.world.take()],
                         [("Deliver", "INVITE"), ("Send", 200), ("Send", 200), ("Deliver", "ACK")])
        self.assertEqual(self.world.run(100), [(32, "Terminated", None)])

    def test_stray_ack(self) -> None:
        """An ACK that belongs to no INVITE is passed on as such, one before the answer is dropped (RFC 3261
        13.2.2.4, SIP-12)."""
        for branch in ("1", "2"):
            ack = request("ACK", COOKIE + branch)
            self.assertEqual(self.world.receive(ack), [Stray(ack, "source")])
            self.world.open(request("OPTIONS", COOKIE + branch))
        self.world.open(self.message)
        self.assertEqual(self.world.receive(request("ACK")), [])

    def test_ack_without_cookie(self) -> None:
        """An old peer's ACK matches by the tag of our answer (17.2.3)."""
        for to_tag in ("", "dialog"):
            world, message = World(), request("INVITE", branch="", to_tag=to_tag)
            transaction = world.open(message)
            world.respond(transaction, message, 488, tag="t")
            world.receive(request("ACK", branch="", to_tag="wrong"))
            self.assertIs(transaction.state, State.COMPLETED)
            world.receive(request("ACK", branch="", to_tag=to_tag or "t"))
            self.assertIs(transaction.state, State.CONFIRMED)

    def test_cancel(self) -> None:
        """A CANCEL is a transaction of its own and names the INVITE it is about (SIP-24)."""
        transaction = self.world.open(self.message)
        self.assertIsInstance(transaction, InviteServerTransaction)
        cancel = request("CANCEL")
        self.assertIsNot(self.world.open(cancel), transaction)
        self.assertIs(self.world.table.invite_of(cancel), transaction)
        self.assertIsNone(self.world.table.invite_of(request("CANCEL", COOKIE + "2")))
