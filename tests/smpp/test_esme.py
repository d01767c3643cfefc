"""The ESME as Twisted protocols, with an SMSC played by hand."""

from __future__ import annotations

from attrs import evolve

from iwf.ids import Ids
from iwf.mapping.model import (
    Accepted,
    Failure,
    Message,
    Reason,
    Refused,
    Rejected,
    Taken,
)
from iwf.smpp.esme import SmppEdge
from iwf.smpp.links.client import MOST_OFFERS
from iwf.smpp.links.connection import LINGER
from iwf.smpp.links.connector import Backoff
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import (
    BindResp,
    MessageResp,
    Pdu,
    ShortMessage,
)
from tests.smpp.edge_case import LINK, TEXT, EdgeCase, item


class BindTests(EdgeCase):
    """Getting and staying bound."""

    def test_transceiver(self) -> None:
        """One transceiver, and credit once it is bound."""
        self.edge()
        transport = self.connect()
        [bind] = transport.take()
        self.assertEqual(bind.command, c.BIND_TRANSCEIVER)
        self.assertEqual(self.lanes.lane.credits, [])
        self.hear(transport, bind.command | c.RESPONSE, bind.sequence, body=BindResp("smsc"))
        self.assertEqual(self.lanes.lane.credits, [3])
        self.assertEqual((self.lanes.lane.name, self.lanes.keeps_order), ("smpp:op", False))

    def test_pair(self) -> None:
        """A transmitter and a receiver on two connections; the transmitter decides on credit (SMS-2)."""
        self.edge(evolve(LINK, bind="pair"))
        transmitter, receiver = self.connect(0), self.connect(1)
        self.assertEqual([transport.take()[0].command for transport in (transmitter, receiver)],
                         [c.BIND_TRANSMITTER, c.BIND_RECEIVER])
        self.hear(receiver, c.BIND_RECEIVER | c.RESPONSE, 1, body=BindResp("smsc"))
        self.assertEqual(self.lanes.lane.credits, [])
        self.hear(transmitter, c.BIND_TRANSMITTER | c.RESPONSE, 1, body=BindResp("smsc"))
        self.assertEqual(self.lanes.lane.credits, [3])
        receiver.lose()
        self.assertEqual(self.lanes.lane.credits, [3])
        transmitter.lose()
        self.assertEqual(self.lanes.lane.credits, [3, 0])

    def test_reconnect(self) -> None:
        """A lost connection closes the lane and comes back after about a second."""
        transport = self.bound()
        transport.lose()
        self.assertEqual(self.lanes.lane.credits, [3, 0])
        self.reactor.advance(0.7)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.reactor.advance(0.4)
        self.assertEqual(len(self.reactor.tcpClients), 2)
        self.bind(self.connect())
        self.assertEqual(self.lanes.lane.credits, [3, 0, 3])

    def test_refused(self) -> None:
        """After a wrong password nothing is tried for most of a minute: accounts get locked (SMS-6)."""
        self.edge()
        transport = self.connect()
        self.hear(transport, c.BIND_TRANSCEIVER | c.RESPONSE, 1, c.RINVPASWD)
        self.assertTrue(transport.disconnecting)
        transport.lose()
        self.reactor.advance(44)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.reactor.advance(17)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_backoff(self) -> None:
        """Delays double from one second to sixty, each shortened by chance by up to a quarter (SMS-6)."""
        backoff = Backoff(Ids(seed=3))
        for longest in (1, 2, 4, 8, 16, 32, 60, 60):
            delay = backoff.next()
            self.assertTrue(0.75 * longest <= delay <= longest, (longest, delay))
        backoff.succeeded()
        self.assertLessEqual(backoff.next(), 1)

    def test_not_bound_in_time(self) -> None:
        """Without an answer to the bind the connection is closed after session_init."""
        self.edge()
        transport = self.connect()
        self.reactor.advance(5.1)
        self.assertTrue(transport.disconnecting)
        self.assertIsNone(transport.producer)  # a TLS transport would wait for it

    def test_dead_peer(self) -> None:
        """A peer that answers no enquire_link loses the connection, if need be by force."""
        transport = self.bound()
        self.reactor.pump([1.0] * 31)
        self.assertEqual([pdu.command for pdu in transport.take()], [c.ENQUIRE_LINK])
        self.reactor.pump([1.0] * 11)
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.aborted)
        self.reactor.advance(LINGER)
        self.assertTrue(transport.aborted)
        self.assertEqual(self.lanes.lane.credits, [3, 0])


class OutboundTests(EdgeCase):
    """Items to the SMSC."""

    def test_accepted(self) -> None:
        """An item is submitted and accepted with its id."""
        transport = self.bound()
        results = self.deliver(item("a"))
        [submit] = transport.take()
        assert isinstance(submit.body, ShortMessage)
        self.assertEqual((submit.command, submit.body.short_message), (c.SUBMIT_SM, b"hi"))
        self.assertEqual(results, [])
        self.hear(transport, c.SUBMIT_SM | c.RESPONSE, submit.sequence, body=MessageResp("ID1"))
        self.assertEqual(results, [Accepted(item("a"), ("id1",), peer="smpp:op")])

    def test_before_the_bind(self) -> None:
        """Without a bind an item goes back at once, to be tried again."""
        self.edge()
        self.connect()
        [result] = self.deliver(item("a"))
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))

    def test_connection_lost(self) -> None:
        """Sent and unanswered is unknown; not yet sent is tried again (SMS-18)."""
        transport = self.bound(evolve(LINK, window=1))
        sent, waiting = self.deliver(item("a")), self.deliver(item("b"))
        transport.lose()
        results = [result for result in sent + waiting if isinstance(result, Rejected)]
        self.assertEqual([(result.item.id, result.failure.reason, result.retry) for result in results],
                         [("a", Reason.TIMEOUT, False), ("b", Reason.UNREACHABLE, True)])

    def test_no_answer(self) -> None:
        """Without an answer in ten seconds the outcome is unknown; the connection stays."""
        transport = self.bound()
        results = self.deliver(item("a"))
        self.reactor.pump([1.0] * 11)
        [result] = results
        assert isinstance(result, Rejected)
        self.assertIs(result.failure.reason, Reason.TIMEOUT)
        self.assertFalse(transport.disconnecting)

    def test_dead_connection(self) -> None:
        """When nothing is answered any more, no more than one window is sent into the void; what
        waits goes out when the peer wakes, or back when the connection is given up."""
        for wakes in (True, False):
            transport = self.bound(evolve(LINK, window=1))
            self.deliver(item("a"))
            transport.clear()
            self.reactor.pump([1.0] * 11)
            [enquiry] = transport.take()
            waiting = self.deliver(item("b"))
            self.assertEqual((enquiry.command, transport.take()), (c.ENQUIRE_LINK, []))
            if wakes:
                self.hear(transport, c.ENQUIRE_LINK | c.RESPONSE, enquiry.sequence)
                self.assertEqual([pdu.command for pdu in transport.take()], [c.SUBMIT_SM])
                continue
            self.reactor.pump([1.0] * 11)
            [result] = waiting
            assert isinstance(result, Rejected)
            self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))

    def test_throttled(self) -> None:
        """A throttled text goes again after a while, and its sender hears nothing of it (SMS-9)."""
        transport = self.bound()
        results = self.deliver(item("a"))
        [submit] = transport.take()
        self.hear(transport, c.SUBMIT_SM | c.RESPONSE, submit.sequence, c.RTHROTTLED)
        self.assertEqual((transport.take(), results), ([], []))
        self.reactor.pump([0.1] * 20)
        [again] = transport.take()
        self.assertEqual(again.body, submit.body)
        self.hear(transport, c.SUBMIT_SM | c.RESPONSE, again.sequence, body=MessageResp("id"))
        self.assertEqual(results, [Accepted(item("a"), ("id",), peer="smpp:op")])

    def test_parts_wait_for_the_window(self) -> None:
        """A text of more parts than the window is sent as answers come (SMS-7)."""
        transport = self.bound()
        results = self.deliver(item("long", "x" * 700))
        submits = transport.take()
        self.assertEqual(len(submits), 3)
        while submits:
            submit = submits.pop(0)
            self.hear(transport, c.SUBMIT_SM | c.RESPONSE, submit.sequence, body=MessageResp(f"id{submit.sequence}"))
            submits += transport.take()
        [result] = results
        assert isinstance(result, Accepted)
        self.assertEqual(len(result.refs), 5)

    def test_peer_does_not_read(self) -> None:
        """While the transport's buffer is full nothing is sent or read; then both go on."""
        transport = self.bound()
        transport.producer.pauseProducing()
        self.assertEqual(transport.producerState, "paused")
        results = self.deliver(item("a"))
        self.assertEqual(transport.take(), [])
        transport.producer.resumeProducing()
        self.assertEqual(transport.producerState, "producing")
        [submit] = transport.take()
        self.hear(transport, c.SUBMIT_SM | c.RESPONSE, submit.sequence, body=MessageResp("1"))
        self.assertEqual(len(results), 1)

    def test_misfit(self) -> None:
        """A profile that no PDU can hold fails the item, not the session."""
        transport = self.bound(evolve(LINK, profile=evolve(LINK.profile, service_type="too long")))
        [result] = self.deliver(item("a"))
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry), (Reason.INTERNAL, False))
        self.assertFalse(transport.disconnecting)


class InboundTests(EdgeCase):
    """Texts from the SMSC."""

    def test_only_after_the_verdict(self) -> None:
        """A deliver_sm is answered after the verdict, with the status of ERR 8.5."""
        for verdict, status in (
            (Taken("d"), c.ROK), (Refused(Failure(Reason.UNKNOWN_RECIPIENT)), c.RX_P_APPN),
            (Refused(Failure(Reason.FORBIDDEN)), c.RX_R_APPN),
            (Refused(Failure(Reason.CONGESTED, permanent=False)), c.RX_T_APPN),
        ):
            transport = self.bound()
            self.hear(transport, c.DELIVER_SM, 7, body=TEXT)
            [event] = self.intake.events
            assert isinstance(event, Message)
            self.assertEqual(event.text, "hi")
            self.reactor.advance(4)
            self.assertEqual(transport.take(), [])
            self.intake.verdicts[0].callback(verdict)
            self.assertEqual(transport.take(), [Pdu(c.DELIVER_SM | c.RESPONSE, 7, status, MessageResp())])

    def test_any_order(self) -> None:
        """Verdicts come in any order, and each answers its own message."""
        transport = self.bound()
        for sequence in (7, 8, 9):
            self.hear(transport, c.DELIVER_SM, sequence, body=TEXT)
        for index in (2, 0, 1):
            self.intake.verdicts[index].callback(Taken("d"))
        self.assertEqual([pdu.sequence for pdu in transport.take()], [9, 7, 8])

    def test_our_fault(self) -> None:
        """A fault of ours makes the SMSC try again, and is logged."""
        transport = self.bound()
        self.hear(transport, c.DELIVER_SM, 7, body=TEXT)
        self.intake.verdicts[0].errback(ZeroDivisionError())
        self.assertEqual([pdu.status for pdu in transport.take()], [c.RX_T_APPN])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_verdict_after_the_end(self) -> None:
        """A verdict for a connection that is gone is nobody's business."""
        transport = self.bound()
        self.hear(transport, c.DELIVER_SM, 7, body=TEXT)
        transport.lose()
        transport.clear()
        self.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(transport.take(), [])

    def test_answered_by_the_edge(self) -> None:
        """What is no text is answered without the core (SMS-23)."""
        transport = self.bound()
        self.hear(transport, c.DELIVER_SM, 7, body=evolve(TEXT, data_coding=4))
        self.assertEqual((self.intake.events, transport.take()[0].status), ([], c.RX_R_APPN))

    def test_no_answer_to_notifications(self) -> None:
        """alert_notification has no answer and no consequence."""
        transport = self.bound()
        self.hear(transport, c.ALERT_NOTIFICATION, 7)
        self.assertEqual((self.intake.events, transport.take()), ([], []))

    def test_flood(self) -> None:
        """Above a limit of open verdicts the connection is not read, its timers stand still, and
        below half of it it is read again."""
        transport = self.bound()
        for sequence in range(MOST_OFFERS):
            self.assertEqual(transport.producerState, "producing")
            self.hear(transport, c.DELIVER_SM, sequence, body=TEXT)
        self.assertEqual(transport.producerState, "paused")
        self.reactor.pump([10.0] * 10)
        self.assertFalse(transport.disconnecting)
        self.assertEqual(transport.take(), [])
        for verdict in self.intake.verdicts[:MOST_OFFERS // 2 - 1]:
            verdict.callback(Taken("d"))
        self.assertEqual(transport.producerState, "paused")
        self.intake.verdicts[MOST_OFFERS // 2 - 1].callback(Taken("d"))
        self.assertEqual(transport.producerState, "producing")
        self.reactor.pump([1.0] * 31)
        self.assertEqual(transport.take()[-1].command, c.ENQUIRE_LINK)


class StopTests(EdgeCase):
    """Stopping (SMS-5)."""

    def stop(self, edge: SmppEdge) -> list[object]:
        stopped: list[object] = []
        edge.stopService().addCallback(stopped.append)
        return stopped

    def test_polite(self) -> None:
        """No new items, open ones are waited for, then unbind, then close, then no more."""
        edge = self.edge()
        transport = self.bind(self.connect())
        results = self.deliver(item("a"))
        [submit] = transport.take()
        stopped = self.stop(edge)
        self.assertEqual(self.lanes.lane.credits, [3, 0])
        self.assertEqual(transport.take(), [])
        self.hear(transport, c.SUBMIT_SM | c.RESPONSE, submit.sequence, body=MessageResp("1"))
        self.assertEqual(results, [Accepted(item("a"), ("1",), peer="smpp:op")])
        [unbind] = transport.take()
        self.hear(transport, c.UNBIND | c.RESPONSE, unbind.sequence)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(stopped, [])
        transport.lose()
        self.assertEqual(len(stopped), 1)
        self.reactor.advance(100)
        self.assertEqual((len(self.reactor.tcpClients), self.reactor.getDelayedCalls()), (1, []))

    def test_bounded(self) -> None:
        """A peer that answers nothing delays the end by seconds, not for ever."""
        edge = self.edge()
        transport = self.bind(self.connect())
        self.deliver(item("a"))
        stopped = self.stop(edge)
        self.reactor.pump([1.0] * 27)
        self.assertTrue(transport.aborted)
        self.assertEqual(len(stopped), 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_before_the_bind(self) -> None:
        """A connection that is not bound is just closed."""
        edge = self.edge()
        transport = self.connect()
        transport.clear()
        stopped = self.stop(edge)
        self.assertTrue(transport.disconnecting)
        transport.lose()
        self.assertEqual((len(stopped), transport.take()), (1, []))

    def test_between_connections(self) -> None:
        """Nothing is connected: nothing to wait for, and no further attempt."""
        edge = self.edge()
        self.bind(self.connect()).lose()
        self.assertEqual(len(self.stop(edge)), 1)
        self.reactor.advance(100)
        self.assertEqual((len(self.reactor.tcpClients), self.reactor.getDelayedCalls()), (1, []))
