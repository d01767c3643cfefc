"""What peers are told of the world behind the gateway before they send anything (SIP-34)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Address
from tests.engine.test_engine import LANES, Daemon
from tests.support.sample import GATEWAY


class ReachTests(SynchronousTestCase):
    """An engine with lanes of all edges."""

    def test_up(self) -> None:
        """The gateway is up for one edge as long as a connector of another is, or has been a moment ago (XMPP-10)."""
        daemon = Daemon()
        others = [name for name in LANES if not name.startswith("sip:")]
        for name in others[1:]:
            daemon.lanes[name].grant(0)
        daemon.clock.advance(100)
        self.assertTrue(daemon.engine.reach.is_up("sip"))
        daemon.lanes[others[0]].grant(0)
        daemon.clock.advance(GATEWAY.patience.grace - 0.1)
        self.assertTrue(daemon.engine.reach.is_up("sip"))
        daemon.clock.advance(0.2)
        self.assertFalse(daemon.engine.reach.is_up("sip"))
        self.assertTrue(daemon.engine.reach.is_up("xmpp"))

    def test_accounts_lead_nowhere(self) -> None:
        """The session of one subscriber who is logged in as himself does not make the XMPP side reachable."""
        daemon = Daemon()
        for name in LANES:
            daemon.lanes[name].grant(0)
        daemon.engine.outbox.attach("xmpp-client:joe@a.com", daemon, keeps_order=True).grant(50)
        daemon.clock.advance(100)
        self.assertFalse(daemon.engine.reach.is_up("sip"))
        self.assertIn(("xmpp-client:joe@a.com", True, 0), list(daemon.engine.insight.connectors()))

    def test_serves(self) -> None:
        """A world is there as long as a connector to it is, or has been a moment ago; phones may be behind trunks."""
        daemon = Daemon()
        reach = daemon.engine.reach
        for name in LANES:
            if name.startswith("sip:"):
                daemon.lanes[name].grant(0)
        daemon.clock.advance(GATEWAY.patience.grace - 0.1)
        self.assertTrue(reach.serves("sip"))
        daemon.clock.advance(0.2)
        self.assertEqual([reach.serves(world) for world in ("sip", "xmpp", "tel")], [False, True, True])

    def test_maps(self) -> None:
        """An address means somebody when it can be taken apart by the rules of its alias (ADDR-13)."""
        reach = Daemon().engine.reach
        alias = next(alias.domain for alias in GATEWAY.aliases if alias.world == "sip" and alias.bridges == "xmpp")
        self.assertTrue(reach.maps(Address("sip", "ben*xmpp.example", alias)))
        for user in ("ben", "ben*", f"ben*{alias}"):
            self.assertFalse(reach.maps(Address("sip", user, alias)), user)
