"""Several binds, several links of one operator, outbind, further addresses."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from iwf.ids import Ids
from iwf.mapping.model import TEL, Accepted, Address, PhoneSeen, Receipt, Rejected
from iwf.smpp.esme import SmppEdge
from iwf.smpp.reasons import MessageState
from iwf.smpp.settings import LinkSettings, OutbindSettings, SmppSettings
from iwf.smpp.simulator.receipt import Submission, receipt_message
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Alert, Bind, BindResp, MessageResp, Outbind, ShortMessage, Sme, Tlvs
from tests.smpp.edge_case import LINK, EdgeCase, Transport, item

OUTBIND = OutbindSettings("tcp:2776:interface=127.0.0.1", "SMSC", "pw")


class BindsTests(EdgeCase):
    """Several connections of one link."""

    def two(self, link: LinkSettings = LINK) -> list[Transport]:
        self.edge(evolve(link, binds=2))
        return [self.bind(self.connect(number)) for number in (0, 1)]

    def test_share_the_work(self) -> None:
        """Each bind has its window, and the least busy one gets the next text (SMS-7)."""
        binds = self.two()
        self.assertEqual(self.lanes.lane.credits, [3, 6])
        for number in range(4):
            self.deliver(item(f"i{number}"))
        self.assertEqual([len(bind.take()) for bind in binds], [2, 2])

    def test_one_goes(self) -> None:
        """What was sent on a lost bind is unknown; all else leaves on the other one (SMS-18)."""
        one, other = self.two(evolve(LINK, window=1))
        results = [self.deliver(item(f"i{number}")) for number in range(3)]
        one.take()
        [first] = other.take()
        one.lose()
        self.assertEqual(self.lanes.lane.credits, [1, 2, 1])
        self.hear(other, c.SUBMIT_SM | c.RESPONSE, first.sequence, body=MessageResp("1"))
        [second] = other.take()
        self.hear(other, c.SUBMIT_SM | c.RESPONSE, second.sequence, body=MessageResp("2"))
        self.assertEqual([type(result) for [result] in results], [Rejected, Accepted, Accepted])

    def test_retry_on_the_other(self) -> None:
        """With retry_unknown a text without an answer goes once more, over the other bind (SMS-18)."""
        for ending in ("silence", "loss"):
            one, other = self.two(evolve(LINK, retry_unknown=True))
            results = self.deliver(item("a"))
            self.assertEqual(len(one.take()), 1)
            if ending == "loss":
                one.lose()
            else:
                self.reactor.pump([1.0] * 11)
            self.reactor.pump([0.5] * 3)
            [again] = [pdu for pdu in other.take() if pdu.command == c.SUBMIT_SM]
            self.assertEqual(results, [])
            self.hear(other, c.SUBMIT_SM | c.RESPONSE, again.sequence, body=MessageResp("1"))
            self.assertEqual([type(result) for result in results], [Accepted])

    def test_not_bound_says_the_smsc(self) -> None:
        """A bind that the SMSC does not know any more is ended and comes back (ERR 8.3)."""
        transport = self.bound()
        self.deliver(item("a"))
        [submit] = transport.take()
        self.hear(transport, c.SUBMIT_SM | c.RESPONSE, submit.sequence, c.RINVBNDSTS)
        [unbind] = transport.take()
        self.assertEqual(unbind.command, c.UNBIND)
        self.hear(transport, c.UNBIND | c.RESPONSE, unbind.sequence)
        transport.lose()
        self.reactor.advance(2)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_further_addresses(self) -> None:
        """Attempts take the addresses in turn, and binds begin at different ones."""
        self.edge(evolve(LINK, also=("tcp:127.0.0.2:2775",), binds=2))
        hosts = [host for host, *_ in self.reactor.tcpClients]
        self.assertEqual(hosts, ["127.0.0.1", "127.0.0.2"])
        transport = Transport()
        transport.protocol = self.reactor.tcpClients[0][2].buildProtocol(None)
        transport.protocol.makeConnection(transport)
        transport.lose()
        self.reactor.advance(1.1)
        self.assertEqual(self.reactor.tcpClients[2][0], "127.0.0.2")

    def test_inactivity(self) -> None:
        """A bind over which nothing but enquire_link goes is ended and begun anew."""
        transport = self.bound(evolve(LINK, inactivity_timer=100.0))
        commands = []
        for _ in range(105):
            self.reactor.advance(1)
            for pdu in transport.take():
                commands.append(pdu.command)
                if pdu.command == c.ENQUIRE_LINK:
                    self.hear(transport, c.ENQUIRE_LINK | c.RESPONSE, pdu.sequence)
        self.assertEqual(commands, [c.ENQUIRE_LINK] * 3 + [c.UNBIND])

    def test_activity(self) -> None:
        """A text in that time makes it begin again."""
        transport = self.bound(evolve(LINK, inactivity_timer=100.0, enquire_link_timer=1e6))
        self.reactor.advance(60)
        self.deliver(item("a"))
        [submit] = transport.take()
        self.hear(transport, c.SUBMIT_SM | c.RESPONSE, submit.sequence, body=MessageResp("1"))
        self.reactor.advance(60)
        self.assertEqual(transport.take(), [])

    def test_version(self) -> None:
        """The bind says 5.0 where that is switched on (SMS-2)."""
        self.edge(evolve(LINK, interface_version=0x50))
        [bind] = self.connect().take()
        assert isinstance(bind.body, Bind)
        self.assertEqual(bind.body.interface_version, 0x50)


class OperatorTests(EdgeCase):
    """Two links of one operator."""

    def test_receipt_on_the_other_link(self) -> None:
        """A receipt is known by operator and id, whatever link it comes on (SMS-42)."""
        self.edge(evolve(LINK, operator="carrier"))
        second = evolve(LINK, name="b", lane="smpp:b", operator="carrier", connect="tcp:127.0.0.1:2775")
        lanes = self.lanes
        edge = SmppEdge(SmppSettings((evolve(LINK, operator="carrier"), second)), self.reactor, self.intake, lanes,
                        Ids(seed=1))
        edge.startService()
        first_bind, second_bind = self.bind(self.connect(1)), self.bind(self.connect(2))
        results = self.deliver(evolve(item("a"), lane="smpp:b"))  # the lane attached last
        [submit] = second_bind.take()
        self.hear(second_bind, c.SUBMIT_SM | c.RESPONSE, submit.sequence, body=MessageResp("A1"))
        receipt = receipt_message(Submission("iwf", "A1", ShortMessage()), MessageState.DELIVERED, "000", 0)
        self.hear(first_bind, c.DELIVER_SM, 9, body=receipt)
        [accepted], [event] = results, self.intake.events
        assert isinstance(accepted, Accepted) and isinstance(event, Receipt)
        self.assertEqual((accepted.peer, accepted.refs), (event.peer, (event.ref,)))
        self.assertEqual(event.peer, "smpp:carrier")


class OutbindTests(EdgeCase):
    """The SMSC connects to us (SMS-3)."""

    def called(self, **changes: Any) -> Transport:
        """A connection to our port."""
        self.edge(evolve(LINK, outbind=OUTBIND, **changes))
        port, factory, _, interface = self.reactor.tcpServers[0]
        self.assertEqual((port, interface), (2776, "127.0.0.1"))
        transport = Transport()
        transport.protocol = factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        self.assertEqual(transport.take(), [])
        return transport

    def test_bind_on_it(self) -> None:
        """With the right credentials we bind on that connection, and use it."""
        transport = self.called()
        self.hear(transport, c.OUTBIND, 1, body=Outbind("SMSC", "pw"))
        [bind] = transport.take()
        self.assertEqual((bind.command, bind.body), (c.BIND_TRANSCEIVER, Bind("iwf", "secret")))
        self.hear(transport, bind.command | c.RESPONSE, bind.sequence, body=BindResp("SMSC"))
        self.deliver(item("a"))
        self.assertEqual([pdu.command for pdu in transport.take()], [c.SUBMIT_SM])
        transport.lose()
        self.assertEqual(self.lanes.lane.credits, [3, 0])

    def test_receiver(self) -> None:
        """Links with a pair of binds bind as receiver there, and submit nothing over it."""
        transport = self.called(bind="pair")
        self.hear(transport, c.OUTBIND, 1, body=Outbind("SMSC", "pw"))
        [bind] = transport.take()
        self.hear(transport, c.BIND_RECEIVER | c.RESPONSE, bind.sequence, body=BindResp("SMSC"))
        self.assertEqual((bind.command, self.lanes.lane.credits), (c.BIND_RECEIVER, []))

    def test_wrong_credentials(self) -> None:
        """With wrong ones the connection is closed, and our password is not sent."""
        for outbind in (Outbind("SMSC", "no"), Outbind("other", "pw"), Outbind()):
            transport = self.called()
            self.hear(transport, c.OUTBIND, 1, body=outbind)
            self.assertEqual((transport.take(), transport.disconnecting), ([], True))

    def test_silence(self) -> None:
        """Who says nothing has five seconds."""
        transport = self.called()
        self.reactor.advance(5.1)
        self.assertTrue(transport.disconnecting)

    def test_something_else(self) -> None:
        """A text before outbind is refused, and nobody reads it (SMS-4)."""
        transport = self.called()
        self.hear(transport, c.DELIVER_SM, 1, body=ShortMessage(short_message=b"hi"))
        [answer] = transport.take()
        self.assertEqual((answer.status, self.intake.events), (c.RINVBNDSTS, []))

    def test_too_many(self) -> None:
        """The port holds twenty connections and no more."""
        self.edge(evolve(LINK, outbind=OUTBIND))
        _, factory, *_ = self.reactor.tcpServers[0]
        transports = [Transport() for _ in range(21)]
        for transport in transports:
            transport.protocol = factory.buildProtocol(None)
            transport.protocol.makeConnection(transport)
        self.assertEqual([transport.disconnecting for transport in transports], [False] * 20 + [True])

    def test_off(self) -> None:
        """Without the table there is no port."""
        self.edge()
        self.assertEqual(self.reactor.tcpServers, [])


class AlertTests(EdgeCase):
    """alert_notification."""

    def test_no_answer(self) -> None:
        """It has no answer, whatever it says, and the session goes on."""
        transport = self.bound()
        status = c.TLV_MS_AVAILABILITY_STATUS
        several: tuple[Tlvs, ...] = ((), ((status, b"\2"),), ((status, b""),))
        for tlvs in several:
            self.hear(transport, c.ALERT_NOTIFICATION, 7, body=Alert(Sme(1, 1, "491701234567"), Sme(), tlvs))
        self.hear(transport, c.ALERT_NOTIFICATION, 8, body=Alert())
        self.assertEqual(transport.take(), [])
        phone = Address(TEL, "+491701234567")
        self.assertEqual(self.intake.events,
                         [PhoneSeen(phone, available, "smpp:op") for available in (True, False, True)])
        self.hear(transport, c.ENQUIRE_LINK, 9)
        self.assertEqual(len(transport.take()), 1)
