"""Receipts that do not come, through the whole daemon, in virtual time (SMS-43)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.rows import Remembered, query
from iwf.smpp.reasons import MessageState
from iwf.smpp.simulator.handset import Fate, ScriptedHandset
from iwf.smpp.wire import constants as c
from tests.support.world import World, configuration

ROMEO = "romeo@xmpp.test/pc"
TO = "+491701234567@sms.xmpp.test"
OVERDUE = 86400 + 300
"""Seconds after which a receipt is overdue where nobody stated a validity."""


class OverdueTests(SynchronousTestCase):
    """Romeo asks for a receipt; the network sends none."""

    def setUp(self) -> None:
        self.world = World(configuration(link="profile = { query = true }\ntimers = { enquire_link = 100000 }"),
                           handset=ScriptedHandset(Fate(state=None)))
        self.world.xmpp.stanza("sms.xmpp.test", f"<message from='{ROMEO}' to='{TO}' type='chat' id='m1'>"
                                                "<body>hi</body><request xmlns='urn:xmpp:receipts'/></message>")
        self.world.settle(1)
        self.assertEqual(len(self.world.handset.received), 1)

    def remembered(self) -> int:
        asked = query(Remembered, edge="smpp:operator")
        return len(self.world.store.load((asked,)).all(Remembered, edge="smpp:operator"))

    def queries(self) -> int:
        """How often the SMSC was asked, by what we wrote to it."""
        found = 0
        for pipe in self.pipes:
            octets = pipe.written
            while octets:
                length = int.from_bytes(octets[:4], "big")
                found += int.from_bytes(octets[4:8], "big") == c.QUERY_SM
                octets = octets[length:]
        return found

    def restarted(self, after: Callable[[], None]) -> None:
        """The daemon is restarted, something happens, and the receipt is overdue."""
        self.world.stop_daemon()
        self.world.start_daemon()
        self.pipes = [pipe.other for pipe in self.world.network.pipes if pipe.getHost().port == 2775]
        after()
        self.world.settle(OVERDUE)

    def news(self) -> list[str]:
        """What Romeo has heard of his text."""
        return [element.received["id"] for element in self.world.xmpp.inbox if element.received is not None]

    def test_after_a_restart(self) -> None:
        """What was sent before a restart is asked for after it, once, and Romeo hears the answer."""

        def delivered() -> None:
            [message_id] = self.world.smsc.kept_ids()
            kept = self.world.smsc.kept("iwf", message_id)
            assert kept is not None
            kept.state = MessageState.DELIVERED

        self.restarted(delivered)
        self.assertEqual((self.news(), self.queries(), self.remembered()), (["m1"], 1, 0))
        self.world.settle(OVERDUE)
        self.assertEqual(self.queries(), 1)

    def test_in_time_after_a_restart(self) -> None:
        """What has its receipt is not asked for, and no longer remembered."""

        def came() -> None:
            [message_id] = self.world.smsc.kept_ids()
            kept = self.world.smsc.kept("iwf", message_id)
            assert kept is not None
            self.world.smsc.send_receipt(kept.submission, MessageState.DELIVERED)

        self.assertEqual(self.remembered(), 1)
        self.restarted(came)
        self.assertEqual((self.news(), self.queries(), self.remembered()), (["m1"], 0, 0))
