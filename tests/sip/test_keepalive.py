"""Keeping the way to a peer open, and noticing when it is closed (SIP-48, RFC 5626 4.4.1, RFC 6223)."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure as Fault
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Reason
from iwf.sip.settings import Hop, Identity, Target, TrunkSettings
from iwf.sip.syntax.framing import Ping, Pong, StreamFramer
from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from iwf.sip.transport.keepalive import PONG, STREAM, KeepAlive, Step, agreed
from tests.sip.fakes import Connection, Rig
from tests.sip.samples import SETTINGS, TRUNK, item, request
from tests.support.names import FakeNames, Zone, a, srv

PING = b"\r\n\r\n"
TCP = Hop("tcp", "192.0.2.10", 5060)


class MachineTests(SynchronousTestCase):
    """The pings of one connection."""

    def machine(self, interval: tuple[float, float] = STREAM, now: float = 1000.0) -> KeepAlive:
        return KeepAlive(interval, Ids(3).jitter, now)

    def test_life(self) -> None:
        """A ping after 95 to 120 s, and after the pong another one as much later."""
        machine, now = self.machine(), 1000.0
        pauses = []
        for _ in range(50):
            due = machine.next_timer()
            pauses.append(due - now)
            self.assertIsNone(machine.handle_timer(due - 0.01))
            self.assertIs(machine.handle_timer(due), Step.PING)
            machine.heard()
            now = due
        self.assertTrue(95 <= min(pauses) < 100 and 115 < max(pauses) <= 120, pauses)

    def test_failure(self) -> None:
        """Without a pong within 10 s the flow has failed."""
        machine = self.machine()
        pinged = machine.next_timer()
        machine.handle_timer(pinged)
        self.assertEqual(machine.next_timer(), pinged + PONG)
        self.assertIs(machine.handle_timer(pinged + PONG), Step.FAIL)

    def test_clock_set_back(self) -> None:
        """When the clock is set back what is due keeps its distance."""
        machine = self.machine()
        left = machine.next_timer() - 1000.0
        self.assertIsNone(machine.handle_timer(400.0))
        self.assertAlmostEqual(machine.next_timer() - 400.0, left)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), st.floats(-50, 200)), max_size=30))
    def test_any_order(self, path: list[tuple[bool, float]]) -> None:
        """Whatever time does, after something was heard the next step is a ping, and a failure follows a ping."""
        machine, now, pinged = self.machine(), 1000.0, False
        for is_heard, seconds in path:
            now += seconds
            if is_heard:
                machine.heard()
                pinged = False
            step = machine.handle_timer(now)
            if step is Step.FAIL:
                self.assertTrue(pinged)
                return
            pinged = pinged or step is Step.PING

    def test_agreed(self) -> None:
        """The peer's wish by keep in our Via or by Flow-Timer: between 80 and 100 percent of it, never a flood."""
        for keep, flow_timer, expected in (
            ("30", "", (24.0, 30.0)), ("", "120", (96.0, 120.0)), ("1", "", (8.0, 10.0)), ("", "", None),
            ("0", "", None), ("x", "", None), ("-5", "", None), ("9" * 30, "", None),
        ):
            answer = response_to(request(("7f3a;rport", f"7f3a;keep={keep}" if keep else "7f3a;keep")), 200,
                                 headers=[("Flow-Timer", flow_timer)] if flow_timer else ())
            self.assertEqual(agreed(answer), expected, (keep, flow_timer))
        self.assertIsNone(agreed(Response(200, "OK", [("Via", "broken")])))


class PongTests(SynchronousTestCase):
    """Empty lines on a stream on which we ping."""

    def test_pong(self) -> None:
        """The first empty line after our ping is its pong; two pongs are no ping (RFC 5626 4.4.1)."""
        framer = StreamFramer()
        for _ in range(3):
            framer.expect_pong()
            self.assertEqual(framer.feed(b"\r\n"), [Pong()])
        self.assertEqual(framer.feed(PING), [Ping()])

    def test_ping_and_pong(self) -> None:
        """Both sides may ping at the same time."""
        framer = StreamFramer()
        framer.expect_pong()
        self.assertEqual([*framer.feed(b"\r"), *framer.feed(b"\n\r\n"), *framer.feed(b"\r\n")], [Pong(), Ping()])


class Keeping(SynchronousTestCase):

    def begin(self, names: FakeNames | None = None, **trunk: Any) -> None:
        trunk.setdefault("next_hop", TCP)
        self.trunk: TrunkSettings = evolve(TRUNK, **trunk)
        self.rig = Rig(evolve(SETTINGS, trunks=(self.trunk,)), names=names)

    def asked(self, transport: Connection) -> Request:
        """The one request on a connection."""
        message = parse_message(transport.value(), datagram=False)
        transport.clear()
        assert isinstance(message, Request)
        return message

    def wait(self, seconds: float) -> None:
        self.rig.reactor.pump([0.5] * round(2 * seconds))


class StreamTests(Keeping):
    """Connections that we open."""

    def delivered(self) -> tuple[Any, Connection]:
        """A connection on which a message has passed."""
        done = self.rig.edge.deliver(item())
        stream, transport = self.rig.connect()
        stream.dataReceived(response_to(self.asked(transport), 200).to_bytes())
        self.assertIsInstance(self.successResultOf(done), Accepted)
        return stream, transport

    def pinged(self, transport: Connection) -> float:
        """Let time pass until there is a ping; how long that took."""
        for halves in range(1, 300):
            self.wait(0.5)
            if transport.value():
                self.assertEqual(transport.value(), PING)
                return halves / 2
        self.fail("no ping")

    def test_configured(self) -> None:
        """With keep_alive = crlf there is a ping after 95 to 120 s; with the pong the connection stays, long after
        an idle one would have been closed."""
        self.begin(keep_alive="crlf")
        stream, transport = self.delivered()
        for _ in range(5):
            self.assertTrue(94 <= self.pinged(transport) <= 121)
            transport.clear()
            stream.dataReceived(b"\r\n")
        self.wait(11)
        self.assertFalse(transport.disconnecting or transport.disconnected)
        self.assertEqual(transport.value(), b"")

    def test_failed_flow(self) -> None:
        """Without a pong the connection is closed, and what waits on it goes to the next server (SIP-51)."""
        zone = Zone(srv("_sip._tcp.proxy.example", "p1.example", 5060, 1),
                    srv("_sip._tcp.proxy.example", "p2.example", 5060, 2),
                    a("p1.example", "192.0.2.31"), a("p2.example", "192.0.2.32"))
        self.begin(FakeNames(zone), next_hop=Target("proxy.example", None, "tcp"), keep_alive="crlf")
        stream, transport = self.delivered()
        self.pinged(transport)
        done = self.rig.edge.deliver(item(id="item-2"))
        self.wait(9)
        self.assertFalse(transport.disconnected)
        self.wait(1.5)
        self.assertTrue(transport.disconnected)
        stream.connectionLost(Fault(ConnectionAborted()))
        self.assertEqual(self.rig.reactor.tcpClients[1][0], "192.0.2.32")
        second, way = self.rig.connect(1)
        second.dataReceived(response_to(self.asked(way), 200).to_bytes())
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_not_agreed(self) -> None:
        """Without agreement nobody is pinged; the idle connection is closed (RFC 6223 4.1, SIP-42)."""
        for setting in ("agreed", "off"):
            self.begin(keep_alive=setting)
            _, transport = self.delivered()
            self.wait(299)
            self.assertEqual((transport.value(), transport.disconnecting), (b"", False))
            self.wait(2)
            self.assertTrue(transport.disconnecting)


class RegisteredTests(Keeping):
    """Peers that agree when we register (RFC 6223 4.2.2)."""

    def registered(self, keep: str, **trunk: Any) -> tuple[Request, Connection]:
        ben = Identity("sip:ben*xmpp.example@sip.example", "ben*xmpp.example", "x.sip.example")
        self.begin(register=(ben,), **trunk)
        stream, transport = self.rig.connect()
        asked = self.asked(transport)
        answer = response_to(asked, 200, headers=[("Contact", f"{asked.get('Contact')};expires=3600")]).to_bytes()
        stream.dataReceived(answer.replace(b";keep", b";keep" + keep.encode()))
        return asked, transport

    def test_agreed(self) -> None:
        """keep=40 in the answer: a ping every 32 to 40 s, and no pong is the end of the connection."""
        asked, transport = self.registered("=40")
        self.assertEqual(asked.top_via.param("keep"), "")
        self.wait(31)
        self.assertEqual(transport.value(), b"")
        self.wait(9.5)
        self.assertEqual(transport.value(), PING)
        self.wait(10.5)
        self.assertTrue(transport.disconnected)

    def test_declined(self) -> None:
        """An answer without a value is a no."""
        _, transport = self.registered("")
        self.wait(200)
        self.assertEqual(transport.value(), b"")

    def test_off(self) -> None:
        """With keep_alive = off it is not even offered."""
        asked, _ = self.registered("", keep_alive="off")
        self.assertIsNone(asked.top_via.param("keep"))

    def test_by_udp(self) -> None:
        """By UDP it is not offered: it would mean STUN."""
        self.begin(register=(Identity("sip:ben@sip.example", "ben", "x.sip.example"),), next_hop=TRUNK.next_hop)
        (asked, _), = self.rig.sent()
        assert isinstance(asked, Request)
        self.assertIsNone(asked.top_via.param("keep"))


class DatagramTests(Keeping):
    """Trunks by UDP."""

    def test_empty_datagrams(self) -> None:
        """With keep_alive = crlf an empty datagram leaves every 24 to 29 s."""
        self.begin(next_hop=TRUNK.next_hop, keep_alive="crlf")
        transport = self.rig.reactor.udp[0][2]
        self.wait(290)
        self.assertEqual(set(transport.written), {(PING, ("192.0.2.10", 5060))})
        self.assertTrue(10 <= len(transport.written) <= 13, len(transport.written))

    def test_options(self) -> None:
        """With keep_alive = options it is an OPTIONS to the next hop, one at a time."""
        self.begin(next_hop=TRUNK.next_hop, keep_alive="options")
        self.wait(0.5)
        (asked, to), = self.rig.sent()
        assert isinstance(asked, Request)
        self.assertEqual((asked.method, asked.target, to), ("OPTIONS", "sip:192.0.2.10:5060", ("192.0.2.10", 5060)))
        self.rig.receive(response_to(asked, 483).to_bytes())
        self.wait(23)
        self.assertEqual(self.rig.sent(), [])
        self.wait(6.5)
        (again, _), = {sent.top_via.branch: (sent, to) for sent, to in self.rig.sent()}.values()
        self.assertNotEqual(again.call_id, asked.call_id)

    def test_options_without_answer(self) -> None:
        """A server that does not answer OPTIONS is tried last, before a message has to wait for it (SIP-51)."""
        zone = Zone(srv("_sip._udp.proxy.example", "p1.example", 5060, 1),
                    srv("_sip._udp.proxy.example", "p2.example", 5060, 2),
                    a("p1.example", "192.0.2.31"), a("p2.example", "192.0.2.32"))
        self.begin(FakeNames(zone), next_hop=Target("proxy.example", None, "udp"), keep_alive="options")
        self.wait(33)
        self.rig.sent()
        self.rig.edge.deliver(item())
        self.assertEqual([to for sent, to in self.rig.sent() if isinstance(sent, Request) and sent.method == "MESSAGE"],
                         [("192.0.2.32", 5060)])

    def test_stop(self) -> None:
        """After the stop nothing is sent and no timer is left."""
        self.begin(next_hop=TRUNK.next_hop, keep_alive="crlf")
        self.wait(1)
        stopped = self.rig.edge.stopService()
        self.successResultOf(stopped)
        self.assertEqual(self.rig.reactor.getDelayedCalls(), [])


class OptionsStreamTests(Keeping):
    """OPTIONS on a connection."""

    def test_failure(self) -> None:
        """An OPTIONS without an answer closes the connection; what waits on it is told (SIP-48)."""
        self.begin(keep_alive="options")
        self.wait(0.5)
        stream, transport = self.rig.connect()
        self.assertEqual(self.asked(transport).method, "OPTIONS")
        self.wait(20)
        done = self.rig.edge.deliver(item())
        self.wait(12.5)
        self.assertTrue(transport.disconnected)
        stream.connectionLost(Fault(ConnectionAborted()))
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.UNREACHABLE)
