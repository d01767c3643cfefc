"""A phone, a contact of XMPP and one of SIP, and the core between them."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.config.catalogues import catalogues
from iwf.mapping.model import (
    SIP,
    XMPP,
    Address,
    Device,
    Event,
    Item,
    Message,
    Party,
    Presence,
    Refused,
    Taken,
    WatchGranted,
    WatchRefused,
    WatchRequested,
)
from iwf.mapping.service.settings import Guards, Service
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import Turn
from tests.mapping.presence.desk import Desk
from tests.support.sample import (
    ANA,
    BEN,
    GATEWAY,
    LANE_M,
    LANE_X,
    LINK,
    PHONE,
    TRUNK,
    M,
    P,
    from_ben_to_phone,
    from_phone,
)

#: The phone as each world sees it.
PHONE_IN_M, PHONE_IN_P = Address(XMPP, PHONE.user, M), Address(SIP, PHONE.user, P)

B, A = Party(BEN, asserted_by=LANE_M), Party(ANA, "Ana", asserted_by=TRUNK)

BEN_ASKS = WatchRequested(B, PHONE_IN_M, "b", lane=LANE_M)
ANA_ASKS = WatchRequested(A, PHONE_IN_P, "d1", lane=TRUNK)
BEN_GRANTS = WatchGranted(B, PHONE_IN_M, lane=LANE_M)

LANGUAGES = catalogues(None)


def of_ben(*devices: Device, **changes: Any) -> Presence:
    """What Ben's server says to the phone."""
    return evolve(Presence(B, PHONE_IN_M, devices, whole=False, lane=LANE_M), **changes)


def with_service(gateway: Gateway = GATEWAY, **changes: Any) -> Gateway:
    """The sample gateway with another service for phones, in all languages."""
    return evolve(gateway, service=evolve(Service(catalogues=LANGUAGES), **changes))


def with_guards(**guards: Any) -> Gateway:
    """The sample gateway with limits."""
    return evolve(with_service(), guards=Guards(**guards))


class PhoneCase(SynchronousTestCase):
    """Turns over rows in memory."""

    gateway: Gateway = with_service()

    def setUp(self) -> None:
        self.begin(self.gateway)

    def begin(self, gateway: Gateway) -> None:
        """Everything from the start, with this configuration."""
        self.desk = Desk(gateway, LANE_M, LANE_X, TRUNK, LINK)
        self.turn = Turn()

    def said(self, event: Event) -> Turn:
        """The turn of an event; nothing for a phone ever reaches the outbox as presence."""
        self.turn = self.desk.turn(event)
        assert not any(item.lane.startswith("phones") for item in self.items()), self.turn
        return self.turn

    def items(self) -> tuple[Item, ...]:
        return self.turn.sends + self.turn.latest

    def texts(self) -> list[tuple[str, str]]:
        """What the last turn sends to phones: from which number, and what."""
        return [(item.payload.origin.address.user, item.payload.text) for item in self.items()
                if item.lane == LINK and isinstance(item.payload, Message)]

    def told(self, event: Event) -> list[tuple[str, str]]:
        """What phones are told because of an event."""
        self.said(event)
        return self.texts()

    def command(self, text: str, phone: Address = PHONE, **changes: Any) -> str:
        """The one answer to a text to the service number."""
        party = Party(phone, asserted_by=LINK)
        (answer,) = self.told(from_phone("4455", text, origin=party, **changes))
        self.assertEqual((self.turn.verdict, answer[0]), (Taken(""), "4455"))
        return answer[1]

    def commands(self, *texts: str) -> None:
        for text in texts:
            self.said(from_phone("4455", text))

    def kinds(self) -> list[str]:
        """What the last turn sends beside texts, with the edge it goes to."""
        return [f"{item.lane.partition(':')[0]} {type(item.payload).__name__}" for item in self.items()
                if not isinstance(item.payload, Message)]

    def seen(self) -> list[bool]:
        """Whether the phone is shown as available, in each state of the last turn."""
        return [any(device.open for device in item.payload.devices) for item in self.items()
                if isinstance(item.payload, Presence)]

    def reason(self, event: Event) -> str:
        """Why an event is refused."""
        verdict = self.said(event).verdict
        assert isinstance(verdict, Refused), self.turn
        return verdict.failure.reason.value

    def due(self, seconds: float) -> list[tuple[str, str]]:
        """Time passes; what phones are told because something is due."""
        self.desk.now += seconds
        told: list[tuple[str, str]] = []
        turns = Turn()
        for due in self.desk.due():
            told += self.told(due)
            turns += self.turn
        self.turn = turns
        return told


__all__ = ["ANA_ASKS", "BEN_ASKS", "BEN_GRANTS", "LANGUAGES", "PHONE_IN_M", "PHONE_IN_P", "PhoneCase",
           "WatchRefused", "from_ben_to_phone", "from_phone", "of_ben", "with_guards", "with_service"]
