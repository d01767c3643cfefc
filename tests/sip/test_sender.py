"""One target after the other: failover of what is sent (SIP-50 to SIP-52)."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Accepted, Address, Reason
from iwf.records import Question, Type
from iwf.sip.settings import Hop, Target, TrunkSettings
from iwf.sip.syntax.message import Request, response_to
from iwf.sip.transaction.failover import REST
from tests.sip.fakes import Rig
from tests.sip.samples import SETTINGS, TRUNK, item, message
from tests.support.names import FakeNames, Zone, a, srv

FIRST, SECOND = ("192.0.2.31", 5060), ("192.0.2.32", 5070)


def zone() -> Zone:
    return Zone(srv("_sip._udp.proxy.example", "p1.example", 5060, 10),
                srv("_sip._udp.proxy.example", "p2.example", 5070, 20),
                a("p1.example", FIRST[0]), a("p2.example", SECOND[0]))


class FailoverCase(SynchronousTestCase):
    def begin(self, names: FakeNames | None = None, listen: tuple[Hop, ...] = SETTINGS.listen,
              host: str = SETTINGS.host, **trunk: Any) -> Rig:
        """An edge whose trunk has a proxy with two servers."""
        trunk.setdefault("next_hop", Target("proxy.example"))
        self.names = names or FakeNames(zone())
        settings = evolve(SETTINGS, trunks=(evolve(TRUNK, **trunk),), listen=listen, host=host)
        self.rig = Rig(settings, names=self.names)
        return self.rig

    def deliver(self, number: int = 1, **fields: Any) -> Deferred[Any]:
        return self.rig.edge.deliver(item(id=f"item-{number}", **fields))

    def sent(self) -> tuple[Request, tuple[str, int]]:
        """The only request sent since the last call, and where to."""
        [(asked, to)] = self.rig.sent()
        assert isinstance(asked, Request)
        return asked, to

    def answer(self, asked: Request, to: tuple[str, int], status: int, *headers: tuple[str, str]) -> None:
        self.rig.receive(response_to(asked, status, None, "peer", headers=headers).to_bytes(), Hop("udp", *to))

    def pass_time(self, seconds: float) -> None:
        self.rig.reactor.pump([0.5] * round(2 * seconds))


class FailoverTests(FailoverCase):
    """SIP-51."""

    def test_unavailable(self) -> None:
        """After 503 the message goes to the next server: the same request in a new transaction."""
        self.begin()
        done = self.deliver()
        first, to = self.sent()
        self.assertEqual(to, FIRST)
        self.answer(first, FIRST, 503)
        self.assertNoResult(done)
        second, to = self.sent()
        self.assertEqual(to, SECOND)
        self.assertNotEqual(second.top_via.branch, first.top_via.branch)
        self.assertEqual((second.headers[1:], second.body), (first.headers[1:], first.body))
        self.answer(second, SECOND, 200)
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_unreachable(self) -> None:
        """After a refusal by the system on the way (ICMP) the message goes to the next server."""
        self.begin()
        done = self.deliver()
        self.sent()
        self.rig.edge.unreachable(Hop("udp", *FIRST))
        self.assertNoResult(done)
        self.assertEqual(self.sent()[1], SECOND)

    def test_silence(self) -> None:
        """After 32 s without any answer the message goes to the next server."""
        self.begin()
        done = self.deliver()
        self.pass_time(33)
        self.assertNoResult(done)
        sent = [to for _, to in self.rig.sent()]
        self.assertEqual(sent, [FIRST] * (len(sent) - sent.count(SECOND)) + [SECOND] * sent.count(SECOND))
        self.assertGreater(sent.count(SECOND), 0)

    def test_silence_after_a_word(self) -> None:
        """A server that said 100 has the message: when it is silent then, nobody else gets it."""
        self.begin()
        done = self.deliver()
        self.answer(*self.sent(), 100)
        self.pass_time(33)
        result = self.successResultOf(done)
        self.assertEqual((result.failure.reason, result.stop_stream), (Reason.TIMEOUT, True))
        self.assertNotIn(SECOND, [to for _, to in self.rig.sent()])

    def test_last_failure(self) -> None:
        """When all were tried, the last failure is the sender's."""
        self.begin()
        done = self.deliver()
        self.sent()
        self.rig.edge.unreachable(Hop("udp", *FIRST))
        self.answer(*self.sent(), 503, ("Retry-After", "7"))
        failure = self.successResultOf(done).failure
        self.assertEqual((failure.reason, failure.retry_after), (Reason.INTERNAL, 7.0))
        self.assertEqual(self.rig.sent(), [])

    def test_other_answers(self) -> None:
        """Any other answer is an answer: 500 and 404 come from the server that was asked first."""
        self.begin()
        for status in (404, 500, 480):
            done = self.deliver(status)
            self.answer(*self.sent(), status)
            self.assertEqual(self.rig.sent(), [])
            self.assertIsNotNone(self.successResultOf(done).failure)

    def test_resting(self) -> None:
        """A server that failed is tried last for 30 s, and then again in its place."""
        self.begin()
        self.deliver(1)
        self.answer(*self.sent(), 503)
        self.answer(*self.sent(), 200)
        self.deliver(2)
        self.assertEqual(self.sent()[1], SECOND)
        self.pass_time(REST)
        self.rig.sent()
        self.deliver(3)
        self.assertIn(FIRST, [to for _, to in self.rig.sent()])

    def test_retry_after(self) -> None:
        """Retry-After says how long a server wants to be left alone."""
        self.begin()
        self.deliver(1)
        self.answer(*self.sent(), 503, ("Retry-After", "5"))
        self.answer(*self.sent(), 200)
        self.deliver(2)
        second = self.sent()
        self.assertEqual(second[1], SECOND)
        self.answer(*second, 200)
        self.pass_time(5.5)
        self.deliver(3)
        self.assertEqual(self.sent()[1], FIRST)

    def test_recovered(self) -> None:
        """A server that answers again has its place back at once."""
        self.begin()
        self.deliver(1)
        self.answer(*self.sent(), 503, ("Retry-After", "3600"))
        self.answer(*self.sent(), 503, ("Retry-After", "5"))
        self.deliver(2)
        sent = self.sent()
        self.assertEqual(sent[1], SECOND)
        self.answer(*sent, 503, ("Retry-After", "5"))
        self.answer(*self.sent(), 404)
        self.pass_time(5.5)
        self.deliver(3)
        self.assertEqual(self.sent()[1], FIRST)

    def test_no_way_known(self) -> None:
        """A server to which the system knows no way gives way to the next one, and the last one's fault is told."""
        two = Zone(srv("_sip._udp.proxy.example", "p0.example", 5060, 1), a("p0.example", "255.255.255.255"),
                   srv("_sip._udp.proxy.example", "p1.example", 5060, 2), a("p1.example", "127.0.0.1"))
        everywhere = (Hop("udp", "0.0.0.0", 5060),)
        self.begin(FakeNames(two), everywhere, "")
        self.deliver()
        self.assertEqual(self.sent()[1], ("127.0.0.1", 5060))
        self.begin(FakeNames(Zone(two.records[:2])), everywhere, "")
        result = self.successResultOf(self.deliver())
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))

    def test_no_request_fits(self) -> None:
        """What is too big for one server is too big for all."""
        self.begin()
        done = self.deliver(payload=message("x" * 2000))
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.TOO_BIG)

    def test_numeric_next_hop(self) -> None:
        """A numeric next hop is never looked up, and nobody stands in for it."""
        self.begin(next_hop=Hop("udp", *FIRST))
        done = self.deliver()
        self.answer(*self.sent(), 503)
        self.successResultOf(done)
        self.assertEqual((self.rig.sent(), self.names.zone.asked), ([], []))
        self.deliver(2)
        self.assertEqual(self.sent()[1], FIRST)

    def test_stopping(self) -> None:
        """While we stop nothing new is begun: neither after a failure nor after a look-up (SIP-92)."""
        self.begin()
        done = self.deliver()
        sent = self.sent()
        stopped = self.rig.edge.stopService()
        self.answer(*sent, 503)
        self.assertIsNotNone(self.successResultOf(done).failure)
        self.successResultOf(stopped)
        self.assertEqual(self.rig.sent(), [])

        late = FakeNames(zone(), at_once=False)
        self.begin(late)
        done = self.deliver()
        self.successResultOf(self.rig.edge.stopService())
        while not done.called:
            late.let_go()
        result = self.successResultOf(done)
        self.assertEqual((result.failure.detail, result.retry), ("we are stopping", True))

    def test_nothing_left_behind(self) -> None:
        """After all servers were silent no state and no timer remains."""
        self.begin()
        done = self.deliver()
        self.pass_time(70)
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.TIMEOUT)
        self.assertFalse(self.rig.edge._sender.busy)
        self.assertEqual(self.rig.reactor.getDelayedCalls(), [])


class LocatingTests(FailoverCase):
    """What is looked up, and what becomes of it when that leads nowhere (SIP-50, ERR-4)."""

    def test_by_the_recipient(self) -> None:
        """Without a proxy, the host of the recipient's address is looked up."""
        self.begin(next_hop=None)
        self.names.zone = Zone(srv("_sip._udp.sip.example", "h.example", 5090), a("h.example", "192.0.2.40"))
        self.deliver()
        self.assertEqual(self.sent()[1], ("192.0.2.40", 5090))

    def test_numeric_recipient(self) -> None:
        """A recipient at an IP address needs no look-up."""
        self.begin(next_hop=None)
        self.deliver(payload=message(target=Address("sip", "ana", "203.0.113.5:5070")))
        self.assertEqual((self.sent()[1], self.names.zone.asked), (("203.0.113.5", 5070), []))

    def test_name_with_port(self) -> None:
        """A proxy with a name and a port has addresses only, and all of them are tried."""
        self.begin(FakeNames(Zone(a("proxy.example", "192.0.2.41", "192.0.2.42"))),
                   next_hop=Hop("udp", "proxy.example", 5062))
        self.deliver()
        sent = self.sent()
        self.assertEqual(sent[1], ("192.0.2.41", 5062))
        self.answer(*sent, 503)
        self.assertEqual(self.sent()[1], ("192.0.2.42", 5062))
        self.assertEqual({question.type for question in self.names.zone.asked}, {Type.A, Type.AAAA})

    def test_over_tcp(self) -> None:
        """TCP is preferred where a domain has both; when nobody answers there, UDP gets its turn."""
        both = zone()
        both.records.append(srv("_sip._tcp.proxy.example", "p1.example"))
        self.begin(FakeNames(both))
        done = self.deliver()
        host, port, factory, _, _ = self.rig.reactor.tcpClients[0]
        self.assertEqual((host, port), FIRST)
        factory.clientConnectionFailed(None, None)
        self.assertNoResult(done)
        self.assertEqual(self.sent()[1], FIRST)

    def test_no_way(self) -> None:
        """A target of a family that we have no socket for gives way to the next one."""
        self.begin(FakeNames(Zone(srv("_sip._udp.proxy.example", "p6.example", 5060, 1), a("p6.example", "2001:db8::6"),
                                  zone().records)))
        self.deliver()
        self.assertEqual(self.sent()[1], FIRST)

    def assert_nowhere(self, reason: Reason, retry: bool, found: Zone, trunk: TrunkSettings = TRUNK,
                       spelling: str = "") -> None:
        self.begin(FakeNames(found), next_hop=trunk.next_hop)
        result = self.successResultOf(self.deliver(payload=message(target_spelling=spelling)))
        self.assertEqual((result.failure.reason, result.retry), (reason, retry))
        self.assertEqual(self.rig.sent(), [])

    def test_proxy_without_address(self) -> None:
        """Our own proxy without an address may come back."""
        self.assert_nowhere(Reason.UNREACHABLE, True, Zone(), evolve(TRUNK, next_hop=Target("proxy.example")))

    def test_domain_without_address(self) -> None:
        """A stranger's domain without an address is unknown; when DNS fails, nobody can know."""
        direct = evolve(TRUNK, next_hop=None)
        self.assert_nowhere(Reason.UNKNOWN_DOMAIN, False, Zone(), direct)
        self.assert_nowhere(Reason.UNREACHABLE, True, Zone(broken=["sip.example"]), direct)

    def test_transport_we_lack(self) -> None:
        """A recipient who wants a transport that we lack is not written to by another one."""
        self.assert_nowhere(Reason.UNREACHABLE, False, zone(), evolve(TRUNK, next_hop=None),
                            "sip:ana@sip.example;transport=tls")

    def test_without_udp(self) -> None:
        """Without a UDP listener nothing is looked up for UDP."""
        self.begin(listen=(Hop("tcp", "192.0.2.20", 5060),))
        self.deliver()
        self.assertNotIn(Question("_sip._udp.proxy.example", Type.SRV), self.names.zone.asked)
