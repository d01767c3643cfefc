"""The two users of the samples, one at either side, and turns about them."""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    SIP,
    XMPP,
    Address,
    Device,
    Event,
    Failure,
    Item,
    Party,
    Payload,
    Presence,
    Reason,
    Refused,
    Taken,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.mapping.rows import Watch
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import Turn
from tests.mapping.presence.desk import Desk
from tests.support.sample import ANA, BEN, BEN_PC, GATEWAY, LANE_X, TRUNK, S, X

A, B = Party(ANA, "Ana", asserted_by=TRUNK), Party(BEN, asserted_by=LANE_X)
B_PC = evolve(B, address=BEN_PC)
ANA_IN_X, BEN_IN_S = Address(XMPP, "ana*sip.example", X), Address(SIP, "ben*xmpp.example", S)

PC, MOBILE = Device("pc"), Device("mobile")
NO = Failure(Reason.FORBIDDEN, text="not you")

#: What is said, by whom: Ana of SIP watches Ben of XMPP, and the reverse.
ANA_ASKS = WatchRequested(A, BEN_IN_S, "d1", lane=TRUNK)
ANA_FETCHES = WatchFetched(A, BEN_IN_S, "f1", lane=TRUNK)
BEN_GRANTS = WatchGranted(B, ANA_IN_X, lane=LANE_X)
BEN_REFUSES = WatchRefused(B, ANA_IN_X, NO, lane=LANE_X)
BEN_ASKS = WatchRequested(B, ANA_IN_X, "b", lane=LANE_X)
BEN_LOOKS = WatchRenewed(B_PC, ANA_IN_X, "pc", lane=LANE_X)
BEN_GIVES_BACK = WatchEnded(B, ANA_IN_X, forever=True, lane=LANE_X)
ANA_GRANTS = WatchGranted(A, BEN_IN_S, lane=TRUNK)
ANA_REFUSES = WatchRefused(A, BEN_IN_S, NO, lane=TRUNK)

P = TypeVar("P", bound=Payload)


def of_ben(*devices: Device, **changes: Any) -> Presence:
    """What a stanza of Ben says to Ana's image."""
    return evolve(Presence(B, ANA_IN_X, devices, whole=False, lane=LANE_X), **changes)


def of_ana(*devices: Device, **changes: Any) -> Presence:
    """What a document of Ana says to Ben's image."""
    return evolve(Presence(A, BEN_IN_S, devices, lane=TRUNK), **changes)


class PresenceCase(SynchronousTestCase):
    """Turns over rows in memory; ``told`` are the payloads of the last one, in order."""

    gateway: Gateway = GATEWAY

    def setUp(self) -> None:
        self.desk = Desk(self.gateway, LANE_X, TRUNK)
        self.turn = Turn()

    def said(self, *events: Event) -> Turn:
        """The turn of the last of these events."""
        for event in events:
            self.turn = self.desk.turn(event)
        return self.turn

    def ask(self) -> None:
        """Ana asks, for an hour."""
        self.assertTaken(evolve(ANA_ASKS, until=self.desk.now + 3600))

    def assertTaken(self, *events: Event) -> None:
        self.said(*events)
        self.assertEqual(self.turn.verdict, Taken(""))

    def assertRefused(self, event: Event, reason: Reason) -> Failure:
        """An event is refused and changes nothing."""
        self.said(event)
        assert isinstance(self.turn.verdict, Refused), self.turn
        self.assertEqual(self.turn.verdict.failure.reason, reason)
        self.assertEqual((self.items(), self.turn.puts, self.turn.drops), ((), (), ()))
        return self.turn.verdict.failure

    def items(self) -> tuple[Item, ...]:
        return self.turn.sends + self.turn.latest

    def kinds(self) -> list[str]:
        """What the last turn sends, by name, each with the edge it goes to."""
        return [f"{item.lane.partition(':')[0]} {type(item.payload).__name__}" for item in self.items()]

    def told(self, kind: type[P]) -> P:
        """The one payload of a type that the last turn sends."""
        (found,) = [item.payload for item in self.items() if isinstance(item.payload, kind)]
        return found

    def watch(self, watcher: Address, presentity: Address) -> Watch:
        watch = self.desk.watch(watcher.key, presentity.key)
        assert watch is not None
        return watch

    def due(self, seconds: float) -> None:
        """Time passes, and what is due is decided."""
        self.desk.now += seconds
        self.turn = Turn()
        for due in self.desk.due():
            self.turn += self.desk.turn(due)
