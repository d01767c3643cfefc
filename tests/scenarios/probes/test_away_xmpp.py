"""An XMPP server that is away, silent or half there, for minutes."""

from __future__ import annotations

from collections.abc import Iterable

from iwf.engine.store.sqlite import SqliteStore
from tests.scenarios.probes.base import SIP_ROMEO, M, P, ProbeCase, S
from tests.support.world import XMPP_PORT, World, configuration


class XmppAway(ProbeCase):
    """An XMPP server that is away (XMPP-8..10)."""

    LIMIT = 1_000

    def make_world(self) -> World:
        return World(configuration(node=f"lane_limit = {self.LIMIT}"), SqliteStore(":memory:"))

    def offer(self, numbers: Iterable[int]) -> dict[str, str]:
        """Many SIP users write at once; Call-ID and text of each message."""
        offered = {}
        for number in numbers:
            text = f"text {number}"
            offered[self.world.peer.message(SIP_ROMEO, text, sender=f"sip:u{number % 50}@sip.test")] = text
            if number % 50 == 49:
                self.world.settle(0.05)
        self.world.settle()
        return offered

    def test_ten_minutes(self) -> None:
        """Ten minutes and 10 000 messages: a bounded queue, clear refusals, nothing lost that was
        taken, nothing hangs (XMPP-9, XMPP-10, MSG-30)."""
        self.world.stop_xmpp()
        offered = self.offer(range(2_500))  # within the grace
        self.assertLessEqual(len(list(self.world.store.queued())), self.LIMIT)
        self.world.settle(6)
        for minute in range(10):
            offered |= self.offer(range(2_500 + minute * 750, 3_250 + minute * 750))
            self.assertEqual(self.asks("", to=f"sip:{S}", method="OPTIONS", content_type=None), [200])
            self.world.network.settle(60, 1)
        self.assertEqual(len(offered), 10_000)
        answers = {answer.call_id: answer for answer in self.world.peer.responses}
        statuses = [answers[call_id].status for call_id in offered]
        self.assertEqual({status: statuses.count(status) for status in set(statuses)},
                         {202: self.LIMIT, 480: 10_000 - self.LIMIT})
        for answer in answers.values():
            if answer.status == 480:  # ERR-12: not 503, the gateway is fine
                self.assertGreater(int(answer.get("Retry-After") or 0), 0)
        self.world.start_xmpp()
        self.world.network.settle(120, 0.5)
        taken = [text for call_id, text in offered.items() if answers[call_id].status == 202]
        self.assertEqual(sorted(self.world.xmpp.bodies()), sorted(taken))
        self.assertEqual(list(self.world.store.queued()), [])
        self.assert_alive()

    def test_grace(self) -> None:
        """A short break is not noticed: what comes meanwhile is taken and delivered (XMPP-10)."""
        self.world.stop_xmpp()
        self.assertEqual(self.asks("meanwhile"), [202])
        self.world.start_xmpp()
        self.world.settle(15)
        self.assert_only_text("meanwhile")

    def test_order(self) -> None:
        """What was taken while the server was away arrives in the order it was sent."""
        self.world.stop_xmpp()
        for number in range(20):
            self.asks(f"text {number}", settle=0.05)
        self.world.network.settle(300, 1)
        self.world.start_xmpp()
        self.world.settle(90)
        self.assertEqual(self.world.xmpp.bodies(), [f"text {number}" for number in range(20)])

    def test_phones_meanwhile(self) -> None:
        """A phone's text is given back to the SMSC to be tried again (XMPP-10: 64)."""
        self.says("hi", to=f"+491701@{M}")
        number = self.world.texts()[0][1]
        self.world.stop_xmpp()
        self.world.settle(10)
        status: list[int | None] = []
        self.world.text("+491701", number, "hello", status)
        self.assertEqual(status, [0x64])

    def test_others_meanwhile(self) -> None:
        """SIP users and phones reach each other as ever."""
        self.world.stop_xmpp()
        self.world.settle(60)
        self.assertEqual(self.asks("hi", to=f"sip:+491701@{P}"), [202])
        ((_, number, _),) = self.world.texts()
        self.world.text("+491701", number, "hello")
        self.assertEqual(self.world.peer.bodies(), ["hello"])

    def test_half_open(self) -> None:
        """A server that stops reading without a word is found out, and nothing taken is lost (XMPP-7)."""
        self.world.freeze(XMPP_PORT)
        self.assertEqual(self.asks("into the void"), [202])
        self.world.settle(90)
        self.assertEqual(self.world.xmpp.bodies(), ["into the void"])
        self.assert_alive()

    def test_mute(self) -> None:
        """A server that takes connections and says nothing is tried again (XMPP-4)."""
        self.world.stop_xmpp()
        self.world.start_mute(XMPP_PORT)
        self.world.settle(100)
        self.assertEqual(self.asks("too long"), [480])
        self.world.network.listeners.pop(("127.0.0.1", XMPP_PORT))
        self.world.start_xmpp()
        self.world.network.settle(120, 0.5)
        self.assert_alive()

    def test_flapping(self) -> None:
        """A server that goes at the worst moment, again and again, loses nothing of what was taken (XMPP-8)."""
        texts = [f"text {number}" for number in range(10)]
        for text in texts:
            self.world.peer.message(SIP_ROMEO, text)
            self.world.network.advance(0)
            self.world.stop_xmpp()
            self.world.settle(1)
            self.world.start_xmpp()
            self.world.settle(8)
        self.world.network.settle(120, 0.5)
        self.assertEqual([answer.status for answer in self.world.peer.responses], [202] * len(texts))
        self.assertEqual(set(self.world.xmpp.bodies()), set(texts))
