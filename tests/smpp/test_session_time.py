"""The session over time, and under any input."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.smpp.session.states import (
    Closing,
    Ending,
    Received,
    Resolved,
    Role,
    State,
    Transmit,
)
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.codec import decode, encode
from iwf.smpp.wire.pdu import MessageResp, Pdu
from tests.smpp.session_peer import MESSAGE, Peer


class EnquireTests(SynchronousTestCase):
    """Whether the peer is still there."""

    def test_idle(self) -> None:
        """After 30 s without a sign of the peer we ask; an answer is a sign."""
        peer = Peer().bind()
        peer.wait(29)
        self.assertEqual(peer.sent(), [])
        peer.wait(2)
        [enquiry] = peer.sent()
        self.assertEqual(enquiry.command, c.ENQUIRE_LINK)
        peer.hear(c.ENQUIRE_LINK | c.RESPONSE, enquiry.sequence)
        peer.wait(29)
        self.assertEqual(peer.sent(), [])

    def test_no_answer(self) -> None:
        """Without an answer within 10 s the session closes."""
        peer = Peer().bind()
        peer.wait(41)
        _, closing = peer.outputs()
        self.assertIsInstance(closing, Closing)

    def test_after_a_timeout(self) -> None:
        """When a request times out and nothing else was heard, we ask at once; any octets of the
        peer say that he is there."""
        peer = Peer().bind()
        peer.submit("a")
        peer.session.take()
        peer.wait(10.1)
        _, enquiry = peer.outputs()
        assert isinstance(enquiry, Transmit)
        self.assertEqual(decode(enquiry.octets).command, c.ENQUIRE_LINK)
        self.assertTrue(peer.session.is_silent)
        peer.hear(c.ENQUIRE_LINK | c.RESPONSE, decode(enquiry.octets).sequence)
        self.assertFalse(peer.session.is_silent)

    def test_one_of_many_unanswered(self) -> None:
        """A request that times out while the peer answers others is no reason to ask."""
        peer = Peer().bind()
        peer.submit("a")
        peer.wait(5)
        peer.hear(c.ENQUIRE_LINK, 9)
        peer.session.take()
        peer.wait(6)
        self.assertEqual(peer.outputs(), [Resolved("a", Ending.TIMED_OUT)])
        self.assertFalse(peer.session.is_silent)

    def test_busy(self) -> None:
        """While the peer sends, nobody asks."""
        peer = Peer().bind()
        for _ in range(10):
            peer.wait(20)
            peer.hear(c.ENQUIRE_LINK, 1)
        self.assertEqual([pdu.command for pdu in peer.sent()], [c.ENQUIRE_LINK | c.RESPONSE] * 10)

    def test_deaf(self) -> None:
        """While we do not read, silence is not the peer's fault: no timer runs."""
        peer = Peer().bind()
        peer.submit("a")
        peer.session.take()
        peer.session.deafen(peer.now)
        self.assertIsNone(peer.session.next_timer())
        peer.now += 1000
        peer.session.handle_timer(peer.now)
        peer.session.hear(peer.now)
        peer.wait(9)
        self.assertEqual(peer.outputs(), [])
        peer.wait(2)
        self.assertEqual(peer.outputs()[0], Resolved("a", Ending.TIMED_OUT))

    def test_clock_set_back(self) -> None:
        """A clock that is set back an hour delays nothing by an hour."""
        peer = Peer().bind()
        peer.submit("a")
        peer.wait(5)
        peer.session.handle_timer(peer.now)
        peer.now -= 3600
        peer.session.handle_timer(peer.now)
        peer.session.take()
        peer.wait(4.9)
        self.assertEqual(peer.outputs(), [])
        peer.wait(0.2)
        self.assertEqual(peer.outputs()[0], Resolved("a", Ending.TIMED_OUT))


class UnbindTests(SynchronousTestCase):
    """Ending politely (SMS-5)."""

    def test_idle(self) -> None:
        """With nothing open, unbind goes out at once, and its answer closes."""
        peer = Peer().bind()
        peer.session.unbind(peer.now)
        [unbind] = peer.sent()
        self.assertEqual(unbind.command, c.UNBIND)
        self.assertFalse(peer.session.may_send(c.SUBMIT_SM))
        peer.hear(c.UNBIND | c.RESPONSE, unbind.sequence)
        self.assertEqual([type(output) for output in peer.outputs()], [Closing])

    def test_waits_for_open_requests(self) -> None:
        """Open requests of both sides are finished first, and no new one begins."""
        peer = Peer().bind()
        number = peer.submit("a")
        peer.hear(c.DELIVER_SM, 5, body=MESSAGE)
        received = peer.outputs()[1]
        assert isinstance(received, Received)
        peer.session.unbind(peer.now)
        self.assertRaises(ValueError, peer.submit, "b")
        self.assertEqual(peer.outputs(), [])
        peer.hear(c.SUBMIT_SM | c.RESPONSE, number, body=MessageResp("id"))
        self.assertEqual(len(peer.outputs()), 1)
        peer.session.respond(received.pdu, c.ROK, peer.now)
        self.assertEqual([pdu.command for pdu in peer.sent()], [c.DELIVER_SM | c.RESPONSE, c.UNBIND])

    def test_bounded(self) -> None:
        """A peer that answers nothing delays the end by two response timers at most."""
        peer = Peer().bind()
        peer.hear(c.DELIVER_SM, 5, body=MESSAGE)  # whose verdict never comes
        peer.submit("a")
        peer.session.unbind(peer.now)
        peer.session.take()
        peer.wait(10.1)
        resolved, unbind = peer.outputs()
        self.assertEqual(resolved, Resolved("a", Ending.TIMED_OUT))
        assert isinstance(unbind, Transmit)
        self.assertEqual(decode(unbind.octets).command, c.UNBIND)
        peer.wait(10.1)
        self.assertEqual([type(output) for output in peer.outputs()], [Closing])

    def test_before_the_bind(self) -> None:
        """Before the bind there is nothing to unbind."""
        peer = Peer()
        peer.session.unbind(peer.now)
        self.assertEqual([type(output) for output in peer.outputs()], [Closing])

    def test_by_the_peer(self) -> None:
        """The peer's unbind is answered, then the session closes."""
        for role in Role:
            peer = Peer(role).bind()
            peer.hear(c.UNBIND, 9)
            answer, closing = peer.outputs()
            assert isinstance(answer, Transmit)
            self.assertEqual(decode(answer.octets), Pdu(c.UNBIND | c.RESPONSE, 9))
            self.assertIsInstance(closing, Closing)

    def test_crossing(self) -> None:
        """When both unbind at once, both get their answer."""
        peer = Peer().bind()
        peer.session.unbind(peer.now)
        peer.session.take()
        peer.hear(c.UNBIND, 9)
        answer, closing = peer.outputs()
        self.assertIsInstance(answer, Transmit)
        self.assertIsInstance(closing, Closing)


COMMANDS = sorted(c.REQUESTS) + [command | c.RESPONSE for command in sorted(c.REQUESTS)] + [c.GENERIC_NACK, 0x111]
steps = st.one_of(
    st.tuples(st.just("hear"), st.sampled_from(COMMANDS), st.integers(0, 6), st.sampled_from([0, 4, 0x58, 0xFFFFFFFF]),
              st.sampled_from([b"", b"\0", encode(Pdu(c.DELIVER_SM, 1, body=MESSAGE))[16:], b"s\0p\0\0\x34\0\0\0",
                               b"junk"])),
    st.tuples(st.just("octets"), st.binary(max_size=20)),
    st.tuples(st.just("submit")),
    st.tuples(st.just("answer")),
    st.tuples(st.just("wait"), st.floats(-100, 100)),
    st.tuples(st.sampled_from(["unbind", "lost", "deafen", "undeafen"])),
)


class AnyInputTests(SynchronousTestCase):
    """Whatever happens, in whatever order."""

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(Role), st.booleans(), st.lists(steps, max_size=25))
    def test_legal(self, role: Role, bound: bool, script: list[tuple[object, ...]]) -> None:
        """The session stays in a legal state, every request ends exactly once, everything sent is
        a PDU, and nothing is sent after the end."""
        peer = Peer(role)
        if bound:
            peer.bind()
        submitted, closed = 0, False
        ended: list[object] = []
        received: list[Pdu] = []
        for step in script:
            submitted += self.step(peer, step, submitted, received)
            for output in peer.session.take():
                if isinstance(output, Transmit):
                    self.assertFalse(closed)
                    decode(output.octets)
                elif isinstance(output, Resolved):
                    ended.append(output.tag)
                elif isinstance(output, Received):
                    received.append(output.pdu)
                elif isinstance(output, Closing):
                    self.assertFalse(closed)
                    closed = True
            due = peer.session.next_timer()
            self.assertTrue(peer.session.state is State.CLOSED or due is not None or not peer.session._clock.running)
        peer.session.connection_lost(peer.now)
        ended += [output.tag for output in peer.session.take() if isinstance(output, Resolved)]
        self.assertEqual(sorted(map(str, ended)), sorted(map(str, range(submitted))))
        self.assertIs(peer.session.state, State.CLOSED)

    def step(self, peer: Peer, step: tuple[object, ...], tag: int, received: list[Pdu]) -> int:
        """Do one step.

        :return: how many requests it began.
        """
        session = peer.session
        match step:
            case ("hear", int(command), int(sequence), int(status), bytes(body)):
                session.receive(struct.pack("!LLLL", 16 + len(body), command, status, sequence) + body, peer.now)
            case ("octets", bytes(octets)):
                session.receive(octets, peer.now)
            case ("submit",):
                command = c.SUBMIT_SM if session.role is Role.ESME else c.DELIVER_SM
                if session.may_send(command):
                    session.request(command, MESSAGE, tag, peer.now)
                    return 1
            case ("answer",):
                if received:
                    session.respond(received.pop(0), 0, peer.now)
            case ("wait", float(seconds)):
                peer.now += seconds
                session.handle_timer(peer.now)
            case ("unbind",):
                session.unbind(peer.now)
            case ("lost",):
                session.connection_lost(peer.now)
            case ("deafen",):
                session.deafen(peer.now)
            case ("undeafen",):
                session.hear(peer.now)
        return 0
