"""The SIP edge as its peers and the engine see it, in virtual time."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Accepted,
    Address,
    Failure,
    Item,
    Party,
    Reason,
    Refused,
    Rejected,
    Report,
    Taken,
)
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request, Response, response_to
from tests.sip.fakes import Rig
from tests.sip.samples import (
    ANA,
    BEN_AT_X,
    MESSAGE_1_1,
    PEER,
    SETTINGS,
    TRUNK,
    changed,
    item,
    message,
    octets,
    request,
)

SAMPLE = octets(MESSAGE_1_1)


class InboundTests(SynchronousTestCase):
    """MESSAGEs from peers over UDP."""

    def setUp(self) -> None:
        self.rig = Rig()

    def answers(self) -> list[int]:
        return [sent.status for sent, _ in self.rig.sent() if isinstance(sent, Response)]

    def test_answer_after_verdict(self) -> None:
        """The 202 leaves when the engine has committed, not before (MSG-31)."""
        self.rig.receive(SAMPLE)
        self.assertEqual(self.rig.intake.events[0].text, "Grüße\nAna")
        self.rig.reactor.advance(1)
        self.assertEqual(self.rig.sent(), [])
        self.rig.intake.verdicts[0].callback(Taken("d"))
        [(answer, to)] = self.rig.sent()
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, answer.reason, to), (202, "Accepted", ("192.0.2.10", 5060)))

    def test_refusal(self) -> None:
        """The engine's no is the mapped status (ERR 8.1)."""
        self.rig.receive(SAMPLE)
        self.rig.intake.verdicts[0].callback(Refused(Failure(Reason.UNKNOWN_RECIPIENT)))
        self.assertEqual(self.answers(), [404])

    def test_overload(self) -> None:
        """When the gateway has too much work peers of its own are told 503, to come back after 5 to 30 s, each after
        another time; one that comes by a shared proxy is told 480 (SIP-90, ERR-12)."""
        busy = Refused(Failure(Reason.CONGESTED, False, retry_after=5.0, of_gateway=True))
        for shared, status in ((False, 503), (True, 480)):
            self.rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, shared=shared),)))
            waits = set()
            for number in range(20):
                self.rig.receive(octets(changed(MESSAGE_1_1, ("7f3a", f"n{number}"), ("CSeq: 5", f"CSeq: {number}"))))
                self.rig.intake.verdicts[number].callback(busy)
                (answer, _), = self.rig.sent()
                assert isinstance(answer, Response)
                self.assertEqual(answer.status, status)
                waits.add(int(answer.get("Retry-After") or "0"))
            self.assertGreater(len(waits), 5)
            self.assertTrue(min(waits) >= 5 and max(waits) <= 30, waits)

    def test_repetitions(self) -> None:
        """A repeated request is offered once; its answer is repeated for 32 s and then forgotten (timer J)."""
        self.rig.receive(SAMPLE)
        self.rig.receive(SAMPLE)
        self.assertEqual(self.answers(), [])
        self.rig.intake.verdicts[0].callback(Taken("d"))
        [(first, _)] = self.rig.sent()
        self.rig.reactor.advance(31)
        self.rig.receive(SAMPLE)
        self.assertEqual(self.rig.sent(), [(first, ("192.0.2.10", 5060))])
        self.assertEqual(len(self.rig.intake.events), 1)
        self.rig.reactor.advance(2)
        self.rig.receive(SAMPLE)
        self.assertEqual(len(self.rig.intake.events), 2)
        self.assertEqual(self.rig.intake.events[0].key, self.rig.intake.events[1].key)  # SIP-26 is the engine's

    def test_slow_verdict(self) -> None:
        """A verdict that takes 3.5 s is announced by a 100, and repetitions get it again (SIP-23)."""
        self.rig.receive(SAMPLE)
        self.rig.reactor.pump([3.4])
        self.assertEqual(self.answers(), [])
        self.rig.reactor.pump([0.2])
        self.assertEqual(self.answers(), [100])
        self.rig.receive(SAMPLE)
        self.assertEqual(self.answers(), [100])
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(self.answers(), [202])

    def test_verdict_too_late(self) -> None:
        """After 32 s the sender has given up, and nothing is sent any more (SIP-23)."""
        self.rig.receive(SAMPLE)
        self.rig.reactor.pump([4, 29])
        self.answers()
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(self.answers(), [])

    def test_merged(self) -> None:
        """The same request by another way is 482 and not offered again (SIP-25)."""
        self.rig.receive(SAMPLE)
        self.rig.receive(octets(changed(MESSAGE_1_1, ("7f3a", "other"))))
        self.assertEqual((self.answers(), len(self.rig.intake.events)), ([482], 1))
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.rig.reactor.pump([33])
        self.rig.receive(octets(changed(MESSAGE_1_1, ("7f3a", "third"))))
        self.assertEqual(len(self.rig.intake.events), 2)

    def test_unknown_peer(self) -> None:
        """Strangers get 403, the same each time, the engine hears nothing, and nothing is remembered (SIP-63)."""
        stranger = Hop("udp", "203.0.113.1", 5060)
        self.rig.receive(SAMPLE, stranger)
        self.rig.receive(SAMPLE, stranger)
        (first, to), second = self.rig.sent()
        assert isinstance(first, Response)
        self.assertEqual((first.status, to, second), (403, ("203.0.113.1", 5060), (first, to)))
        self.rig.receive(SAMPLE.replace(b"MESSAGE", b"ACK"), stranger)
        self.assertEqual((self.rig.sent(), self.rig.intake.events, len(self.rig.edge._table)), ([], [], 0))

    def test_malformed(self) -> None:
        """What cannot be read is answered 400 where an answer has a way, and dropped where not (SIP-12)."""
        self.rig.receive(octets(changed(MESSAGE_1_1, ("CSeq: 5", "CSeq: five"))))
        [(answer, _)] = self.rig.sent()
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, answer.reason), (400, "Malformed CSeq"))
        for noise in (b"\r\n\r\n", b"\0" * 20, b"GET / HTTP/1.0\r\n\r\n", b"SIP/2.0 banana\r\n\r\n",
                      SAMPLE.replace(b"Via", b"Vla"), SAMPLE.replace(b"MESSAGE", b"ACK")[:60]):
            self.rig.receive(noise)
        self.assertEqual((self.rig.sent(), self.rig.intake.events), ([], []))

    def test_other_version(self) -> None:
        """A request of another SIP version is answered 505 (SIP-1)."""
        self.rig.receive(SAMPLE.replace(b"example SIP/2.0", b"example SIP/7.0"))
        self.assertEqual(self.answers(), [505])

    def test_route_of_answers(self) -> None:
        """Answers go to the source port with rport, to the port of the Via without (SIP-44, RFC 3581)."""
        for change, source, to in (
            ((";rport", ";rport"), Hop("udp", "192.0.2.10", 7777), ("192.0.2.10", 7777)),
            ((";rport", ""), Hop("udp", "192.0.2.10", 7777), ("192.0.2.10", 5060)),
            (("192.0.2.10:5060;branch=z9hG4bK7f3a;rport", "proxy.sip.example;branch=z9hG4bK7f3b"),
             Hop("udp", "192.0.2.10", 7777), ("192.0.2.10", 5060)),
        ):
            rig = Rig()
            rig.receive(octets(changed(MESSAGE_1_1, change)), source)
            rig.intake.verdicts[0].callback(Taken("d"))
            [(_, sent_to)] = rig.sent()
            self.assertEqual(sent_to, to)

    def test_fault_of_ours(self) -> None:
        """A fault behind the border is logged and answered 500."""
        self.rig.intake.fault = ZeroDivisionError()
        self.rig.receive(SAMPLE)
        self.assertEqual(self.answers(), [500])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stray_response(self) -> None:
        """A response to nothing is dropped (SIP-20)."""
        self.rig.receive(response_to(request(), 200).to_bytes())
        self.assertEqual(self.rig.sent(), [])

    def test_invite(self) -> None:
        """INVITE is refused with 405, repeated until the ACK comes, and the ACK is not answered."""
        invite = changed(MESSAGE_1_1, ("MESSAGE sip", "INVITE sip"), ("5 MESSAGE", "5 INVITE"))
        self.rig.receive(octets(invite))
        self.assertEqual(self.answers(), [405])
        self.rig.reactor.pump([0.5])
        [(answer, _)] = self.rig.sent()
        ack = changed(invite, ("INVITE sip", "ACK sip"), ("5 INVITE", "5 ACK"),
                      ("To: <sip:ben*xmpp.example@x.sip.example>", f"To: {answer.get('To')}"))
        self.rig.receive(octets(ack))
        self.rig.reactor.pump([1.0, 2.0, 4.0])
        self.assertEqual(self.rig.sent(), [])


class OutboundTests(SynchronousTestCase):
    """Items of the engine over UDP."""

    def setUp(self) -> None:
        self.rig = Rig()

    def deliver(self, thing: Item | None = None, rig: Rig | None = None) -> Deferred[Any]:
        return (rig or self.rig).edge.deliver(thing or item())

    def answer(self, asked: Request | Response, status: int, reason: str = "", **more: Any) -> None:
        assert isinstance(asked, Request)
        self.rig.receive(response_to(asked, status, reason, "peer", **more).to_bytes())

    def one_request(self) -> Request:
        [(asked, to)] = self.rig.sent()
        self.assertEqual(to, ("192.0.2.10", 5060))
        assert isinstance(asked, Request)
        return asked

    def test_accepted(self) -> None:
        """A 200 or 202 means that the peer has the message (MSG-34)."""
        for status in (200, 202):
            done = self.deliver(item(id=f"item-{status}"))
            asked = self.one_request()
            self.assertTrue(str(asked.top_via).startswith("SIP/2.0/UDP iwf.sip.example:5060;branch=z9hG4bK"))
            self.assertEqual(asked.top_via.param("rport"), "")
            self.assertNoResult(done)
            self.answer(asked, 100)
            self.assertNoResult(done)
            self.answer(asked, status)
            self.assertEqual(self.successResultOf(done), Accepted(item(id=f"item-{status}")))

    def test_rejected(self) -> None:
        """The failure of examples.md 1.4: 404 Not Found."""
        done = self.deliver()
        self.answer(self.one_request(), 404, "Not Found")
        self.assertEqual(self.successResultOf(done),
                         Rejected(item(), Failure(Reason.UNKNOWN_RECIPIENT, text="Not Found")))

    def test_repetitions_and_timeout(self) -> None:
        """Without answer: sent at 0, .5, 1.5, 3.5, 7.5 ... 31.5 s, failed at 32 s (timers E, F; MSG-36)."""
        done = self.deliver()
        start, times = self.rig.reactor.seconds(), []
        for _ in range(132):
            times += [self.rig.reactor.seconds() - start] * len(self.rig.sent())
            self.rig.reactor.advance(0.25)
        self.assertEqual(times, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])
        self.assertEqual(self.successResultOf(done),
                         Rejected(item(), Failure(Reason.TIMEOUT, permanent=False), stop_stream=True))

    def test_repeated_answer(self) -> None:
        """A repeated answer is absorbed (timer K)."""
        done = self.deliver()
        asked = self.one_request()
        self.answer(asked, 200)
        self.answer(asked, 404)
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_same_item_again(self) -> None:
        """An item that is delivered again looks the same but for the branch (MSG-6a)."""
        self.deliver()
        first = self.one_request()
        self.deliver()
        second = self.one_request()
        self.assertEqual(first.headers[2:], second.headers[2:])
        self.assertNotEqual(first.top_via.branch, second.top_via.branch)

    def test_too_big(self) -> None:
        """What is too big does not leave (MSG-27)."""
        done = self.deliver(item(message("x" * 2000)))
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.TOO_BIG)
        self.assertEqual(self.rig.sent(), [])

    def test_report(self) -> None:
        """A report leaves as a MESSAGE (MSG-33)."""
        self.deliver(item(Report("id", ANA, BEN_AT_X, Failure(Reason.EXPIRED))))
        self.assertIn(b"was not delivered", self.one_request().body)

    def test_unwritable(self) -> None:
        """An address that SIP cannot carry fails the item and nothing else."""
        done = self.deliver(item(message(target=Address("sip", "a\n", "h"))))
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.MALFORMED_ADDRESS)

    def test_fault_of_ours(self) -> None:
        """An item for a lane we do not have is our fault, told as such."""
        done = self.deliver(item(lane="sip:nowhere"))
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.INTERNAL)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_way_by_the_target(self) -> None:
        """Without a proxy the target's own host and port are the way."""
        direct = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, next_hop=None),)))
        self.deliver(item(message(target=Address("sip", "ana", "203.0.113.5:5070"))), direct)
        self.assertEqual(direct.sent()[0][1], ("203.0.113.5", 5070))

    def test_no_way(self) -> None:
        """Without a socket of that kind the peer cannot be reached just now."""
        rig = Rig(evolve(SETTINGS, listen=(Hop("tcp", "192.0.2.20", 5060),)))
        result = self.successResultOf(self.deliver(rig=rig))
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))

    def test_no_such_transport(self) -> None:
        """A target that wants a transport we do not have is not written to by another one."""
        rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, next_hop=None),)))
        secret = message(target=Address("sip", "ana", "203.0.113.5"),
                         target_spelling="sip:ana@203.0.113.5;transport=tls")
        result = self.successResultOf(self.deliver(item(secret), rig))
        self.assertEqual((result.failure.reason, result.retry, rig.sent()), (Reason.UNREACHABLE, False, []))

    def test_unreachable(self) -> None:
        """When the peer's host refuses, all that waits for it may be tried again, and nothing else fails (SIP-46)."""
        other = evolve(TRUNK, lane="sip:b", next_hop=Hop("udp", "192.0.2.99", 5060))
        rig = Rig(evolve(SETTINGS, trunks=(TRUNK, other)))
        dead = [self.deliver(item(id=str(n)), rig) for n in range(3)]
        alive = self.deliver(item(lane="sip:b"), rig)
        rig.edge.unreachable(Hop("udp", "192.0.2.10", 5060))
        for done in dead:
            result = self.successResultOf(done)
            self.assertEqual((result.failure.reason, result.retry, result.stop_stream),
                             (Reason.UNREACHABLE, True, False))
        self.assertNoResult(alive)

    def test_nothing_left_behind(self) -> None:
        """After all is answered and timed out no state and no timer remains."""
        for number in range(5):
            self.deliver(item(id=str(number)))
        self.answer(self.rig.sent()[0][0], 200)
        self.rig.receive(SAMPLE)
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.rig.reactor.pump([0.5] * 140)
        edge = self.rig.edge
        self.assertEqual((len(edge._table), edge._sender.busy, len(edge._verdicts), len(edge._merged._first)),
                         (0, False, 0, 0))
        self.assertEqual(self.rig.reactor.getDelayedCalls(), [])

    def test_timers_under_load(self) -> None:
        """New messages that keep coming do not put off what is due for the old ones."""
        for number in range(900):
            self.rig.receive(SAMPLE.replace(b"7f3a", b"x%d" % number).replace(b"CSeq: 5", b"CSeq: %d" % number))
            self.rig.intake.verdicts[-1].callback(Taken("d"))
            self.rig.reactor.advance(0.04)
        self.assertIn(len(self.rig.edge._table), range(800, 803))  # those of the last 32 s


class ServiceTests(SynchronousTestCase):
    """Start and stop."""

    def test_lanes(self) -> None:
        """Every trunk is a lane, open at once with its window."""
        other = evolve(TRUNK, name="b", lane="sip:b", window=7)
        rig = Rig(evolve(SETTINGS, trunks=(TRUNK, other)))
        grants = {name: lane.grants for name, lane in rig.lanes.lanes.items()}
        self.assertEqual(grants, {"sip:proxy": [200], "sip:b": [7]})
        self.assertEqual(set(rig.lanes.keeps_order.values()), {False})

    def test_free_ports(self) -> None:
        """Port 0 is any free port, and the real one is known."""
        rig = Rig(evolve(SETTINGS, listen=(Hop("udp", "127.0.0.1", 0), Hop("tcp", "127.0.0.1", 0))))
        self.assertEqual(rig.edge.listening, (Hop("udp", "127.0.0.1", 40001), Hop("tcp", "127.0.0.1", 40002)))

    def test_stop_when_idle(self) -> None:
        """With nothing open the stop is immediate and leaves nothing running."""
        rig = Rig()
        self.successResultOf(rig.edge.stopService())
        self.assertEqual(rig.lanes.lanes["sip:proxy"].grants, [200, 0])
        self.assertEqual(rig.reactor.getDelayedCalls(), [])

    def test_stop_waits(self) -> None:
        """Open transactions may finish; new messages are sent elsewhere meanwhile (SIP-92)."""
        rig = Rig()
        done = rig.edge.deliver(item())
        rig.receive(SAMPLE)
        stopped = rig.edge.stopService()
        [(asked, _)] = rig.sent()
        rig.receive(octets(changed(MESSAGE_1_1, ("7f3a", "new"), ("CSeq: 5", "CSeq: 6"))))
        [(refusal, _)] = rig.sent()
        assert isinstance(refusal, Response) and isinstance(asked, Request)
        self.assertEqual((refusal.status, refusal.get("Retry-After")), (480, "10"))
        rig.intake.verdicts[0].callback(Taken("d"))
        self.assertNoResult(stopped)
        rig.receive(response_to(asked, 200, None, "peer").to_bytes())
        self.assertIsInstance(self.successResultOf(done), Accepted)
        self.successResultOf(stopped)
        self.assertEqual(rig.reactor.getDelayedCalls(), [])

    def test_stop_does_not_wait_for_ever(self) -> None:
        """A verdict that never comes holds the stop up for 32 s at most, and open items go back (SIP-92)."""
        rig = Rig()
        rig.receive(SAMPLE)
        rig.reactor.pump([1.0])
        stopped = rig.edge.stopService()
        rig.reactor.pump([1.0] * 32)
        self.successResultOf(stopped)
        rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(rig.reactor.getDelayedCalls(), [])

    def test_address_of_the_listener(self) -> None:
        """Where no name of ours is configured, Via names the listener's address (SIP-45)."""
        rig = Rig(evolve(SETTINGS, host=""))
        rig.edge.deliver(item(message(origin=Party(BEN_AT_X))))
        [(asked, _)] = rig.sent()
        self.assertEqual((asked.top_via.host, asked.top_via.port), (PEER.host.replace("10", "20"), 5060))
