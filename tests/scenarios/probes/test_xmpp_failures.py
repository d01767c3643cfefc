"""What becomes of an XMPP user's message when the SIP side says no, later, or nothing."""

from __future__ import annotations

from tests.scenarios.probes.base import JULIET, ROMEO, ProbeCase, X
from tests.support.world import World, configuration

TRANSMISSIONS = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
"""Seconds at which a request goes out that nobody answers (RFC 3261 17.1.2.2, timers E and F)."""


class AnswerProbes(ProbeCase):
    """Final and provisional answers (ERR 8.2)."""

    def assert_told(self, status: int, condition: str, type: str) -> str:
        """The sender of a message learns once what an answer means; the text of the error."""
        self.world.peer.status = status
        self.says("expect an error", settle=40)
        self.assertEqual(len(self.world.peer.arrivals), 1)
        return self.assert_error(condition, type)

    def test_302(self) -> None:
        """Moved: the sender learns that the recipient has another address."""
        self.world.peer.extra = (("Contact", "<sip:juliet@balcony.test>"),)
        self.assert_told(302, "redirect", "modify")

    def test_404(self) -> None:
        """Nobody there."""
        self.assert_told(404, "item-not-found", "cancel")

    def test_415(self) -> None:
        """The recipient's device cannot show text."""
        self.assert_told(415, "not-acceptable", "modify")

    def test_480(self) -> None:
        """Not there just now, with what the other side says about it (ERR-3)."""
        self.assertIn("Gone away", self.assert_told(480, "recipient-unavailable", "wait"))

    def test_503(self) -> None:
        """The other side's server has broken down."""
        self.assert_told(503, "internal-server-error", "cancel")

    def test_503_with_retry_after(self) -> None:
        """The same, but it says when it will be back (ERR-9)."""
        self.world.peer.extra = (("Retry-After", "7"),)
        self.world.peer.status = 503
        self.says("expect an error", settle=40)
        self.assert_error("internal-server-error", "wait")

    def test_603(self) -> None:
        """Declined."""
        self.assert_told(603, "recipient-unavailable", "wait")

    def test_unknown_code(self) -> None:
        """A code nobody knows counts as the general one of its class."""
        self.assert_told(499, "bad-request", "modify")

    def test_202(self) -> None:
        """Accepted for later: no error, and no receipt (MSG-34)."""
        self.world.peer.status = 202
        self.says("hi", settle=40)
        self.assertEqual(len(self.world.peer.arrivals), 1)
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_100_then_200(self) -> None:
        """A provisional answer makes repetitions rare, and the final one ends them (RFC 3261 17.1.2.2)."""
        self.world.peer.status = 100
        self.says("hi", settle=10)
        self.assertEqual(len(self.world.peer.arrivals), 4)  # 0, T1, then every T2
        self.world.peer.answer(self.request(), 200)
        self.world.settle(60)
        self.assertEqual(len(self.world.peer.arrivals), 4)
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_100_and_no_more(self) -> None:
        """Nothing behind a provisional answer is no answer (RFC 3261 17.1.2.2, timer F)."""
        self.world.peer.status = 100
        self.says("hi", settle=60)
        self.assert_error("remote-server-timeout", "wait")

    def test_answers_twice(self) -> None:
        """A second, contradicting answer changes nothing (RFC 3261 17.1.2)."""
        self.says("hi")
        self.world.peer.answer(self.request(), 404)
        self.world.peer.answer(self.request(), 480)
        self.world.settle(60)
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_stray_answer(self) -> None:
        """Answers to nothing we asked, and broken ones, are dropped (SIP-20, SIP-12)."""
        self.says("hi")
        head = self.request().to_bytes()
        for octets in (b"SIP/2.0 404 Not Found\r\n\r\n", b"SIP/2.0 99999 Huge\r\n\r\n", b"SIP/2.0",
                       b"\x00" * 50, head.replace(b"branch=z9", b"branch=zz")):
            self.world.peer.write(octets)
        self.world.settle(5)
        self.assertEqual(self.world.xmpp.inbox, [])
        self.assert_alive()


class SilenceProbes(ProbeCase):
    """A SIP side that does not answer."""

    def test_transmissions(self) -> None:
        """A message is repeated as RFC 3261 says, then its sender is told that nobody answered (ERR-4)."""
        self.world.peer.status = 0
        self.says("expect timeout", settle=0)
        self.world.network.settle(31.9, 0.01)
        self.assertEqual(self.world.xmpp.inbox, [])
        start = self.world.peer.arrivals[0][0]
        at = [time - start for time, _ in self.world.peer.arrivals]
        self.assertEqual(len(at), len(TRANSMISSIONS))
        for seen, expected in zip(at, TRANSMISSIONS, strict=True):
            self.assertApproximates(seen, expected, 0.15)
        self.assertEqual(len({datagram for _, datagram in self.world.peer.arrivals}), 1)
        self.world.settle(30)
        self.assertEqual(len(self.world.peer.arrivals), len(TRANSMISSIONS))
        self.assert_error("remote-server-timeout", "wait")

    def test_lost_datagrams(self) -> None:
        """Losing the first three datagrams each way costs time, not the message (RFC 3261 17.1.2)."""
        lost: list[bytes] = []

        def lose(datagram: bytes) -> bool:
            lost.append(datagram)
            return len(lost) <= 3
        self.world.network.lose = lose
        self.says("hi", settle=40)
        self.assertEqual(self.world.peer.bodies(), ["hi"])
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_queue_fails_at_once(self) -> None:
        """Everything that waits for a silent target fails with the first, not 32 seconds each (MSG-36)."""
        self.world.peer.status = 0
        for number in range(5):
            self.says(f"text {number}", id=f"q{number}", settle=0)
        self.world.settle(31)
        self.assertEqual(len(self.world.peer.requests), 1)  # MSG-36: one at a time
        self.world.settle(3)
        for number in range(5):
            self.assert_error("remote-server-timeout", "wait", f"q{number}")
        self.assertEqual(len(self.world.peer.requests), 1)
        self.world.peer.status = 200
        self.says("later", id="later")
        self.assertEqual(self.world.peer.bodies()[-1], "later")

    def test_other_targets(self) -> None:
        """A silent target does not keep others from being served (MSG-36)."""
        self.world.peer.statuses = {"silent": 0}
        for number in range(20):
            self.says("void", to=f"silent*sip.test@{X}", id=f"v{number}", settle=0)
        for number in range(20):
            self.says(f"text {number}", id=f"t{number}", settle=0)
        self.world.settle(2)
        self.assertEqual(self.world.peer.bodies("juliet"), [f"text {n}" for n in range(20)])

    def test_queue_is_bounded(self) -> None:
        """Who writes faster than the other side answers is told to wait, in time (MSG-36)."""
        self.world.stop_daemon()
        self.world = World(configuration(node="max_rate = 0"))
        self.world.peer.status = 0
        for number in range(210):
            self.says("x", id=f"n{number}", settle=0)
        self.world.settle(1)
        self.assertEqual(self.world.xmpp.errors(), ["resource-constraint"] * 10)
        self.assert_error("resource-constraint", "wait", "n209")
        self.world.settle(40)
        self.assertEqual(self.world.xmpp.errors().count("remote-server-timeout"), 200)

    def test_many_silent_targets(self) -> None:
        """More silent targets than fit at a time: every sender is told, none is forgotten (ERR-4)."""
        self.world.peer.status = 0
        count = 450
        for number in range(count):
            self.world.xmpp.say(ROMEO, f"u{number}*sip.test@{X}", "x", id=f"s{number}")
        self.world.network.settle(130, 0.2)
        told = {element["id"]: element for element in self.world.xmpp.inbox}
        self.assertEqual(len(self.world.xmpp.inbox), count)
        self.assertEqual(len(told), count)
        self.assertEqual(set(self.world.xmpp.errors()), {"remote-server-timeout"})
        self.world.peer.status = 200
        self.assert_alive()

    def test_order_after_silence(self) -> None:
        """A slow target gets its messages in the order they were written (MSG-36)."""
        self.world.peer.status = 0
        for number in range(4):
            self.says(f"text {number}", id=f"o{number}", settle=1)
        self.world.peer.status = 200
        self.world.settle(20)
        self.assertEqual(self.world.peer.bodies(), [f"text {n}" for n in range(4)])
        self.assertEqual(self.world.xmpp.inbox, [])


class DraftProfileProbes(ProbeCase):
    """The older profile (MSG-6)."""

    def make_world(self) -> World:
        return World(configuration(trunk='profile = "draft"'))

    def test_ids(self) -> None:
        """The id is the CSeq and the CSeq the id (MSG-6)."""
        self.says("hi", id="42")
        self.assertEqual(self.request().cseq.number, 42)
        self.asks("back")
        self.assertEqual(self.stanzas("message")[0]["id"], "1")
        self.assertEqual(self.stanzas("message")[0]["from"], JULIET)
