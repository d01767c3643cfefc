"""The state of users who let the gateway see them, for presence servers (PUB-1)."""

from __future__ import annotations

from attrs import evolve

from iwf.mapping.model import (
    SIP,
    XMPP,
    Address,
    Party,
    Published,
    Rejected,
    Revisited,
    WatchEnded,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.presence.answers import FIRST_RETRY
from tests.mapping.presence.case import BEN_IN_S, MOBILE, NO, PC, B, PresenceCase, of_ben
from tests.support.sample import BEN, GATEWAY, LANE_X, TRUNK, S, X

GATE = Address(XMPP, "", X)
BEN_JOINS = WatchRequested(B, GATE, "b", lane=LANE_X)
BEN_SHOWS = WatchGranted(B, GATE, lane=LANE_X)


class PublishingTests(PresenceCase):
    gateway = evolve(GATEWAY, trunks=tuple(evolve(trunk, publish=True) for trunk in GATEWAY.trunks))

    def join(self) -> None:
        self.assertTaken(BEN_JOINS, BEN_SHOWS)

    def test_asked_back(self) -> None:
        """Who subscribes to the gateway is asked whether it may see him."""
        self.assertTaken(BEN_JOINS)
        self.assertEqual(self.kinds(), ["xmpp WatchRequested"])
        self.assertEqual(self.told(WatchRequested), WatchRequested(Party(GATE), BEN))
        self.assertTaken(BEN_JOINS)
        self.assertEqual(self.kinds(), [])

    def test_only_where_wanted(self) -> None:
        """Without a server that wants to know nobody is asked back (XMPP-21)."""
        self.desk.gateway = GATEWAY
        self.assertTaken(BEN_JOINS)
        self.assertEqual((self.kinds(), self.turn.puts), ([], ()))

    def test_published(self) -> None:
        """What the gateway sees is published to the user's image, with all resources."""
        self.join()
        self.said(of_ben(PC, target=GATE), of_ben(MOBILE, target=GATE))
        (item,) = self.turn.latest
        self.assertEqual(item.lane, TRUNK)
        self.assertEqual(item.payload, Published(Party(BEN_IN_S), BEN_IN_S, (PC, MOBILE)))

    def test_refused(self) -> None:
        """When he lets it see him no more what was published is taken back."""
        self.join()
        self.said(of_ben(PC, target=GATE), WatchRefused(B, GATE, NO))
        self.assertEqual((self.kinds(), self.told(Published).devices), (["sip Published"], ()))

    def test_leaves(self) -> None:
        """Who subscribes to the gateway no more is published no more, and it looks at him no more."""
        self.join()
        self.said(of_ben(PC, target=GATE), WatchEnded(B, GATE, forever=True))
        self.assertEqual(self.kinds(), ["xmpp WatchEnded", "sip Published"])
        self.assertEqual(self.told(WatchEnded).origin.address, GATE)

    def test_comings_and_goings(self) -> None:
        """That he looks at the gateway, or away from it, changes nothing."""
        self.join()
        for event in (WatchRenewed(B, GATE, "x"), WatchEnded(B, GATE, "x"), WatchEnded(B, GATE)):
            self.assertTaken(event)
            self.assertEqual((self.kinds(), self.turn.puts, self.turn.drops), ([], (), ()))

    def test_reconnect(self) -> None:
        """After a reconnect he is asked for his state, and it is published again."""
        self.join()
        self.said(of_ben(PC, target=GATE))
        self.desk.switch(LANE_X, False)
        self.desk.switch(LANE_X, True)
        self.said(Revisited(Address(SIP, "", S).key, BEN.key, "default"))
        self.assertEqual(self.kinds(), ["xmpp WatchRenewed"])
        self.said(of_ben(PC, target=GATE))
        self.assertEqual(self.kinds(), ["sip Published"])

    def test_not_handed_over(self) -> None:
        """A state that could not be published is tried again."""
        self.join()
        self.said(of_ben(PC, target=GATE))
        (item,) = self.turn.latest
        self.said(Rejected(item, NO, retry=True))
        self.assertEqual([(again.payload, again.not_before) for again in self.turn.latest],
                         [(item.payload, self.desk.now + FIRST_RETRY)])

    def test_strangers(self) -> None:
        """Nobody makes the gateway publish for others (SIP-63)."""
        self.assertTaken(evolve(BEN_JOINS, origin=Party(BEN)))
        self.assertEqual(self.kinds(), [])
        self.assertTaken(evolve(BEN_JOINS, target=Address(XMPP, "", "elsewhere.example")))
        self.assertEqual(self.kinds(), [])
