"""The session, from either end: binds, requests, damage."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from iwf.smpp.session.session import LAST_SEQUENCE
from iwf.smpp.session.states import (
    BindRefused,
    Bound,
    Closing,
    Congested,
    Ending,
    Late,
    Noted,
    Received,
    Resolved,
    Role,
    State,
    Timers,
    Transmit,
)
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode
from iwf.smpp.wire.pdu import (
    Alert,
    Bind,
    BindResp,
    MessageResp,
    Nothing,
    OnlyTlvs,
    Opaque,
    Outbind,
    Pdu,
    Query,
    QueryResp,
)
from tests.smpp.session_peer import MESSAGE, START, Peer


class BindTests(SynchronousTestCase):
    """Getting bound."""

    def test_states(self) -> None:
        """Each bind leads to its state, at both ends (SMS section 1)."""
        for command, state in ((c.BIND_TRANSMITTER, State.BOUND_TX), (c.BIND_RECEIVER, State.BOUND_RX),
                               (c.BIND_TRANSCEIVER, State.BOUND_TRX)):
            for role in Role:
                self.assertIs(Peer(role).bind(command).session.state, state)

    def test_bound(self) -> None:
        """The peer's name and version come with the bind; a missing version is none (SMS-2)."""
        for tlvs, version in ((((c.TLV_SC_INTERFACE_VERSION, b"\x34"),), 0x34), ((), None)):
            peer = Peer()
            peer.session.bind(c.BIND_TRANSCEIVER, Bind("iwf", "secret"), peer.now)
            self.assertEqual(peer.sent(), [Pdu(c.BIND_TRANSCEIVER, 1, body=Bind("iwf", "secret"))])
            peer.hear(c.BIND_TRANSCEIVER | c.RESPONSE, 1, body=BindResp("smsc", tlvs))
            self.assertEqual(peer.outputs(), [Bound("smsc", version)])

    def test_refused(self) -> None:
        """A refused bind is told with its status, and the session closes."""
        for command, body in ((c.BIND_TRANSCEIVER | c.RESPONSE, Nothing()), (c.GENERIC_NACK, Nothing())):
            peer = Peer()
            peer.session.bind(c.BIND_TRANSCEIVER, Bind("iwf", "bad"), peer.now)
            peer.session.take()
            peer.hear(command, 1, c.RINVPASWD, body)
            refused, closing = peer.outputs()
            self.assertEqual(refused, BindRefused(c.RINVPASWD))
            self.assertIsInstance(closing, Closing)
            self.assertIs(peer.session.state, State.CLOSED)

    def test_no_answer(self) -> None:
        """Without an answer within session_init the session closes."""
        peer = Peer()
        peer.session.bind(c.BIND_TRANSCEIVER, Bind("iwf", "secret"), peer.now)
        peer.wait(4.9)
        self.assertEqual(len(peer.sent()), 1)
        peer.wait(0.2)
        self.assertEqual([type(output) for output in peer.outputs()], [Closing])

    def test_nobody_binds(self) -> None:
        """An SMSC closes a connection on which nobody binds."""
        peer = Peer(Role.SMSC)
        peer.wait(5.1)
        self.assertEqual([type(output) for output in peer.outputs()], [Closing])

    def test_second_bind(self) -> None:
        """A second bind is answered RALYBND, also while the first is being judged (SMS-4)."""
        peer = Peer(Role.SMSC)
        peer.hear(c.BIND_TRANSMITTER, 1, body=Bind("a"))
        [first] = peer.outputs()
        self.assertIsInstance(first, Received)
        peer.hear(c.BIND_RECEIVER, 2, body=Bind("a"))
        self.assertEqual(peer.sent(), [Pdu(c.BIND_RECEIVER | c.RESPONSE, 2, c.RALYBND, BindResp())])
        bound = Peer(Role.SMSC).bind()
        bound.hear(c.BIND_RECEIVER, 2, body=Bind("a"))
        self.assertEqual(bound.sent()[0].status, c.RALYBND)
        self.assertIs(bound.session.state, State.BOUND_TRX)

    def test_again_after_refusal(self) -> None:
        """After a refusal another bind may come on the same connection."""
        peer = Peer(Role.SMSC)
        peer.hear(c.BIND_TRANSMITTER, 1, body=Bind("a"))
        [received] = peer.outputs()
        assert isinstance(received, Received)
        peer.session.respond(received.pdu, c.RINVPASWD, peer.now)
        self.assertEqual(peer.sent()[0].status, c.RINVPASWD)
        peer.hear(c.BIND_TRANSMITTER, 2, body=Bind("a"))
        self.assertIsInstance(peer.outputs()[0], Received)


class MatrixTests(SynchronousTestCase):
    """What may be asked in which state (SMS-4)."""

    ALWAYS = frozenset({c.ENQUIRE_LINK, c.UNBIND})
    FROM_ESME = ALWAYS | {c.SUBMIT_SM, c.SUBMIT_MULTI, c.DATA_SM, c.QUERY_SM, c.CANCEL_SM, c.REPLACE_SM}
    FROM_SMSC = ALWAYS | {c.DELIVER_SM, c.DATA_SM, c.ALERT_NOTIFICATION}

    def test_announce(self) -> None:
        """outbind before the bind, alert_notification after it: sent, and nothing is waited for."""
        peer = Peer(Role.SMSC)
        peer.session.announce(c.OUTBIND, Outbind("smsc", "pw"), START)
        self.assertEqual([pdu.body for pdu in peer.sent()], [Outbind("smsc", "pw")])
        peer.bind()
        peer.session.announce(c.ALERT_NOTIFICATION, Alert(), START)
        self.assertEqual([pdu.command for pdu in peer.sent()], [c.ALERT_NOTIFICATION])
        self.assertEqual(peer.session.outstanding, 0)
        for command in (c.OUTBIND, c.DELIVER_SM):
            self.assertRaises(ValueError, peer.session.announce, command, Nothing(), START)

    def test_from_us(self) -> None:
        """What we may send follows the table; anything else is a fault of the caller."""
        for role, command, allowed in (
            (Role.ESME, c.BIND_TRANSMITTER, self.FROM_ESME), (Role.ESME, c.BIND_RECEIVER, self.ALWAYS),
            (Role.ESME, c.BIND_TRANSCEIVER, self.FROM_ESME), (Role.SMSC, c.BIND_TRANSMITTER, self.ALWAYS),
            (Role.SMSC, c.BIND_RECEIVER, self.FROM_SMSC), (Role.SMSC, c.BIND_TRANSCEIVER, self.FROM_SMSC),
        ):
            session = Peer(role).bind(command).session
            self.assertEqual({request for request in c.REQUESTS if session.may_send(request)}, allowed)
            for request in c.REQUESTS - allowed:
                self.assertRaises(ValueError, session.request, request, Nothing(), None, START)

    def test_from_the_peer(self) -> None:
        """What the peer may not send is answered RINVBNDSTS, or RALYBND for binds, and the
        session lives on; what has no answer gets none."""
        for role, command, allowed in (
            (Role.ESME, c.BIND_TRANSMITTER, self.ALWAYS), (Role.ESME, c.BIND_RECEIVER, self.FROM_SMSC),
            (Role.ESME, c.BIND_TRANSCEIVER, self.FROM_SMSC), (Role.SMSC, c.BIND_TRANSMITTER, self.FROM_ESME),
            (Role.SMSC, c.BIND_RECEIVER, self.ALWAYS), (Role.SMSC, c.BIND_TRANSCEIVER, self.FROM_ESME),
        ):
            for request in c.REQUESTS - allowed:
                peer = Peer(role).bind(command)
                peer.hear(request, 9, body=Opaque(b"x"))
                status = c.RALYBND if request in c.BINDS else c.RINVBNDSTS
                expected = [] if request in c.WITHOUT_RESPONSE else [(request | c.RESPONSE, 9, status)]
                self.assertEqual([(pdu.command, pdu.sequence, pdu.status) for pdu in peer.sent()], expected)
                self.assertTrue(peer.session.bound)

    def test_before_the_bind(self) -> None:
        """Before the bind an ESME takes an outbind (SMS-3) and nothing else."""
        peer = Peer()
        peer.hear(c.DELIVER_SM, 3, body=MESSAGE)
        self.assertEqual(peer.sent()[0].status, c.RINVBNDSTS)
        wire = struct.pack("!LLLL", 18, c.OUTBIND, 0, 1) + b"\0\0"
        peer.session.receive(wire, peer.now)
        [output] = peer.outputs()
        assert isinstance(output, Received)
        self.assertEqual(output.pdu.command, c.OUTBIND)


class RequestTests(SynchronousTestCase):
    """Requests of ours and their answers."""

    def test_any_order(self) -> None:
        """Answers in any order find their requests by number (SMS-7)."""
        peer = Peer().bind()
        numbers = {tag: peer.submit(tag) for tag in "abc"}
        self.assertEqual(peer.session.outstanding, 3)
        peer.session.take()
        for tag in "cab":
            peer.hear(c.SUBMIT_SM | c.RESPONSE, numbers[tag], body=MessageResp(tag))
            [resolved] = peer.outputs()
            assert isinstance(resolved, Resolved) and resolved.response is not None
            self.assertEqual((resolved.tag, resolved.ending), (tag, Ending.ANSWERED))
            self.assertEqual(resolved.response.body, MessageResp(tag))
        self.assertEqual(peer.session.outstanding, 0)

    def test_nack_is_an_answer(self) -> None:
        """generic_nack with the number of a request answers it."""
        peer = Peer().bind()
        number = peer.submit("a")
        peer.session.take()
        peer.hear(c.GENERIC_NACK, number, c.RINVCMDID)
        [resolved] = peer.outputs()
        assert isinstance(resolved, Resolved) and resolved.response is not None
        self.assertEqual(resolved.response.status, c.RINVCMDID)

    def test_damaged_answer(self) -> None:
        """An answer whose body is damaged still answers, by its number and status."""
        peer = Peer().bind()
        number = peer.submit("a")
        peer.session.take()
        peer.session.receive(struct.pack("!LLLL", 18, c.SUBMIT_SM | c.RESPONSE, 0, number) + b"xx", peer.now)
        [resolved] = peer.outputs()
        assert isinstance(resolved, Resolved) and resolved.response is not None
        self.assertEqual((resolved.response.status, resolved.response.body), (0, Opaque(b"xx")))

    def test_stray_answers(self) -> None:
        """Answers to nothing, or to another command, are noted and nothing else."""
        peer = Peer().bind()
        number = peer.submit("a")
        peer.session.take()
        peer.hear(c.SUBMIT_SM | c.RESPONSE, 4242)
        peer.hear(c.ENQUIRE_LINK | c.RESPONSE, number)
        peer.hear(c.GENERIC_NACK, 0, 3)
        self.assertEqual([type(output) for output in peer.session.take()], [Noted] * 3)
        self.assertEqual(peer.session.outstanding, 1)

    def test_late_answer(self) -> None:
        """A request without answer times out once, and its answer is known for 60 s more (SMS-18)."""
        peer = Peer().bind()
        number, other = peer.submit("a"), peer.submit("b")
        peer.session.take()
        peer.wait(9.9)
        self.assertEqual(peer.outputs(), [])
        peer.wait(0.2)
        self.assertEqual(peer.outputs()[:2], [Resolved("a", Ending.TIMED_OUT), Resolved("b", Ending.TIMED_OUT)])
        peer.now += 55
        peer.hear(c.SUBMIT_SM | c.RESPONSE, number, body=MessageResp("id"))
        [late] = peer.outputs()
        assert isinstance(late, Late)
        self.assertEqual((late.tag, late.response.body), ("a", MessageResp("id")))
        peer.now += 10
        peer.session.handle_timer(peer.now)
        peer.session.take()
        peer.hear(c.SUBMIT_SM | c.RESPONSE, other, body=MessageResp("id"))
        self.assertEqual(peer.outputs(), [])

    def test_sequence_numbers(self) -> None:
        """Numbers rise by one, wrap from 7FFFFFFF to 1, and skip those still open (SMS-8)."""
        peer = Peer().bind()
        first = peer.submit("open")
        self.assertEqual(first, 2)
        peer.session._sequence = LAST_SEQUENCE - 1
        self.assertEqual([peer.submit(tag) for tag in "abc"], [LAST_SEQUENCE, 1, 3])

    def test_own_answers_echo(self) -> None:
        """Answers echo whatever number the peer used (SMS-8)."""
        peer = Peer().bind()
        for sequence in (0, 0xFFFFFFFF, 7, 7):
            peer.hear(c.ENQUIRE_LINK, sequence)
            self.assertEqual(peer.sent(), [Pdu(c.ENQUIRE_LINK | c.RESPONSE, sequence)])

    def test_connection_lost(self) -> None:
        """When the connection drops, every open request ends once, and nothing is sent any more."""
        peer = Peer().bind()
        peer.hear(c.DELIVER_SM, 5, body=MESSAGE)
        peer.submit("a")
        peer.submit("b")
        received = peer.outputs()[0]
        assert isinstance(received, Received)
        peer.session.connection_lost(peer.now)
        peer.session.connection_lost(peer.now)
        peer.session.respond(received.pdu, c.ROK, peer.now)
        self.assertEqual(peer.outputs(), [Resolved("a", Ending.LOST), Resolved("b", Ending.LOST)])
        self.assertIsNone(peer.session.next_timer())


class FaultTests(SynchronousTestCase):
    """Damage costs an error answer, not the session (SMS-11, SMS-12)."""

    def test_damaged_request(self) -> None:
        """A damaged deliver_sm is answered with its fault, and the next one is taken."""
        peer = Peer().bind()
        peer.session.receive(struct.pack("!LLLL", 18, c.DELIVER_SM, 0, 11) + b"ab", peer.now)
        [answer] = peer.sent()
        self.assertEqual((answer.command, answer.sequence, answer.status),
                         (c.DELIVER_SM | c.RESPONSE, 11, c.RINVCMDLEN))
        peer.hear(c.DELIVER_SM, 12, body=MESSAGE)
        self.assertEqual(peer.outputs(), [Received(Pdu(c.DELIVER_SM, 12, 0, MESSAGE))])

    def test_unknown_command(self) -> None:
        """An unknown command gets generic_nack 03 with its number."""
        peer = Peer().bind()
        peer.hear(0x111, 11)
        self.assertEqual(peer.sent(), [Pdu(c.GENERIC_NACK, 11, c.RINVCMDID)])

    def test_lost_framing(self) -> None:
        """An impossible length gets generic_nack 02 and ends the session."""
        peer = Peer().bind()
        peer.submit("a")
        peer.session.take()
        peer.session.receive(b"GET / HTTP/1.1\r\n\r\n", peer.now)
        nack, lost, closing = peer.outputs()
        assert isinstance(nack, Transmit)
        self.assertEqual(decode(nack.octets), Pdu(c.GENERIC_NACK, 0, c.RINVCMDLEN))
        self.assertEqual(lost, Resolved("a", Ending.LOST))
        self.assertIsInstance(closing, Closing)
        peer.hear(c.ENQUIRE_LINK, 1)
        self.assertEqual(peer.outputs(), [])

    def test_congestion(self) -> None:
        """congestion_state is heard in whatever answer it comes, before the answer itself (SMS-9, version 5.0)."""
        congested = ((c.TLV_CONGESTION_STATE, b"\x5a"),)
        peer = Peer(timers=Timers(enquire_link=5)).bind()
        peer.hear(c.SUBMIT_SM | c.RESPONSE, peer.submit("a"), body=MessageResp("1", congested))
        self.assertEqual([type(output) for output in peer.outputs()], [Transmit, Congested, Resolved])
        sequence = peer.session.request(c.QUERY_SM, Query("1"), "b", peer.now)
        peer.hear(c.QUERY_SM | c.RESPONSE, sequence, body=QueryResp("1", tlvs=congested))
        self.assertEqual([type(output) for output in peer.outputs()], [Transmit, Congested, Resolved])
        peer.wait(6)
        [enquiry] = peer.sent()
        peer.hear(c.ENQUIRE_LINK | c.RESPONSE, enquiry.sequence, body=OnlyTlvs(congested))
        self.assertEqual(peer.outputs(), [Congested(90)])
        peer.wait(6)
        [enquiry] = peer.sent()
        peer.session.receive(bytes.fromhex("00000012 80000015 00000000") + enquiry.sequence.to_bytes(4, "big") + b"xx",
                             peer.now)
        self.assertEqual(peer.outputs(), [])

    def test_silence_inside_a_pdu(self) -> None:
        """Half a PDU and then silence for 60 s ends the session."""
        peer = Peer(timers=Timers(enquire_link=1000)).bind()
        peer.session.receive(b"\0\0\0\x20", peer.now)
        peer.wait(59)
        self.assertEqual(peer.outputs(), [])
        peer.wait(2)
        self.assertEqual([type(output) for output in peer.outputs()], [Closing])
