"""Connecting, staying connected and stopping."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from iwf.mapping.model import Accepted, Failure, Reason, Refused, Rejected, Verdict
from tests.xmpp.kit import DOMAIN, HEADER, SETTINGS, text_to_ben
from tests.xmpp.server import TEXT, EdgeCase


class ConnectingTests(EdgeCase):
    def test_handshake(self) -> None:
        """The stream is opened and authenticated as in example 5.1 (XMPP-2, 3)."""
        server = self.accept()
        self.assertEqual(
            server.written(),
            "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
            f"xmlns='jabber:component:accept' to='{DOMAIN}'>",
        )
        server.send(HEADER)
        self.assertEqual(
            server.written(), "<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>"
        )

    def test_opening(self) -> None:
        """The lane opens when the first ping has come back, not before."""
        server = self.accept()
        server.authenticate()
        self.clock.advance(1.9)
        self.assertEqual(self.lane.credit, 0)
        self.echo(server)
        self.assertEqual(self.lane.credit, SETTINGS.window)

    def test_backoff(self) -> None:
        """A server that is away is tried after 1 s, doubling to 60 s, with jitter (XMPP-4)."""
        for delay in (1, 2, 4, 8, 16, 32, 60, 60):
            self.accept().lose()
            self.clock.advance(delay * 0.74)
            self.assertEqual(self.clock.unixClients, [])
            self.clock.advance(delay * 0.52)
            self.assertEqual(len(self.clock.unixClients), 1)

    def test_backoff_ends(self) -> None:
        """After a stream that was authenticated the delay begins at 1 s again (XMPP-4)."""
        for _ in range(5):
            self.accept().lose()
            self.clock.advance(60)
        self.connect().lose()
        self.clock.advance(1.3)
        self.assertEqual(len(self.clock.unixClients), 1)

    def test_conflict(self) -> None:
        """After conflict or not-authorized nothing is tried for 30 s (XMPP-4)."""
        for condition in ("conflict", "not-authorized"):
            server = self.accept()
            server.send(HEADER)
            server.send(
                f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                "</stream:error>"
            )
            self.assertTrue(server.transport.disconnecting)
            server.lose()
            self.clock.advance(29.9)
            self.assertEqual(self.clock.unixClients, [])
            self.clock.advance(10)
            self.assertEqual(len(self.clock.unixClients), 1)

    def test_stuck_handshake(self) -> None:
        """A server that does not finish the handshake is left after 30 s."""
        server = self.accept()
        server.send(HEADER)
        self.clock.advance(31)
        self.assertTrue(server.transport.disconnecting)

    def test_strange_header(self) -> None:
        """A stream header that makes no sense costs the connection and no more."""
        server = self.accept()
        server.send(HEADER.replace(f"from='{DOMAIN}'", "from='a@@b'"))
        self.assertTrue(server.transport.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_dead_server(self) -> None:
        """A server that leaves a ping unanswered for 30 s is left (XMPP-7)."""
        server = self.connect()
        self.clock.pump([60.0] * 5)
        self.assertIn("urn:xmpp:ping", server.written())
        self.assertFalse(server.transport.disconnecting)
        self.clock.advance(30)
        self.assertTrue(server.transport.disconnecting)

    def test_keep_alive(self) -> None:
        """White space every idle minute (XMPP-7)."""
        server = self.connect()
        self.clock.advance(60)
        self.assertEqual(server.written(), " ")

    def test_broken_stream(self) -> None:
        """XML that cannot be read ends the stream, and the next one is opened (XMPP-11)."""
        for text in ("<message></iq>", "<!-- -->", "</stream:stream>", "<message>\x00</message>"):
            server = self.connect()
            server.send(text)
            self.assertTrue(server.transport.disconnecting, text)
            server.lose()
            self.assertEqual(self.lane.credit, 0)
            self.clock.advance(1.3)


class StoppingTests(EdgeCase):
    def test_clean(self) -> None:
        """A stop closes the lane, waits for what is under way and then closes the stream."""
        server = self.connect()
        news = self.deliver(text_to_ben())
        stopped = self.edge.stopService()
        self.assertEqual(self.lane.credit, 0)
        self.echo(server)
        self.assertFalse(server.transport.disconnecting)
        self.echo(server)
        self.assertIsInstance(news[0], Accepted)
        self.assertTrue(server.written().endswith("</stream:stream>"))
        self.assertTrue(server.transport.disconnecting)
        self.assertIsNone(server.transport.producer)
        self.assertNoResult(stopped)
        server.lose()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.clock.unixClients, [])

    def test_unwilling(self) -> None:
        """A server that confirms nothing and does not close is left after a while."""
        server = self.connect()
        news = self.deliver(text_to_ben())
        stopped = self.edge.stopService()
        self.clock.advance(2)
        self.assertTrue(server.transport.disconnecting)
        self.assertFalse(server.transport.disconnected)
        self.clock.advance(2)
        self.assertTrue(server.transport.disconnected)
        server.lose()
        self.successResultOf(stopped)
        self.assertIsInstance(news[0], Rejected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_between_attempts(self) -> None:
        """A stop while waiting to connect again is immediate, and nothing is tried any more."""
        self.accept().lose()
        self.successResultOf(self.edge.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_connecting(self) -> None:
        """A stop while connecting gives the attempt up."""
        self.successResultOf(self.edge.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_start_again(self) -> None:
        """After a stop the edge can be started again."""
        server = self.connect()
        stopped = self.edge.stopService()
        server.lose()
        self.successResultOf(stopped)
        self.edge.startService()
        server = self.connect()
        self.deliver(text_to_ben())
        self.assertEqual(len(self.echo(server)), 1)

    def test_verdict_under_way(self) -> None:
        """A refusal that is still to come is waited for."""
        server = self.connect()
        verdict: Deferred[Verdict] = Deferred()
        self.core.verdict = verdict
        server.send(TEXT.format("m42"))
        self.edge.stopService()
        self.assertFalse(server.transport.disconnecting)
        verdict.callback(Refused(Failure(Reason.CONGESTED)))
        self.clock.advance(0)
        self.assertIn("resource-constraint", server.written())
        self.assertTrue(server.transport.disconnecting)
