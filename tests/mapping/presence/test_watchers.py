"""A SIP user may know who watches him (RFC 3857), and lets in whom he wants to see too (PUB-5)."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from iwf.mapping.model import (
    Event,
    Party,
    Published,
    Reason,
    Rejected,
    Taken,
    WatchEnded,
    Watcher,
    Watchers,
    WatchersRequested,
    WatchGranted,
)
from tests.mapping.presence.case import (
    ANA_ASKS,
    ANA_GRANTS,
    ANA_IN_X,
    ANA_REFUSES,
    BEN_ASKS,
    BEN_GIVES_BACK,
    BEN_GRANTS,
    BEN_IN_S,
    BEN_LOOKS,
    NO,
    PC,
    A,
    PresenceCase,
    of_ana,
)
from tests.support.sample import ANA, BEN, GATEWAY, TRUNK

ANA_WONDERS = WatchersRequested(A, "w1", lane=TRUNK)
ANA_WONDERS_ON = evolve(ANA_WONDERS, until=9e9)
ANA_PUBLISHES = Published(A, ANA, (PC,), lane=TRUNK)


class WatchersTests(PresenceCase):
    """Ana wants to know who watches her."""

    def wonder(self) -> None:
        self.assertTaken(evolve(ANA_WONDERS, until=self.desk.now + 3600))

    def listed(self) -> tuple[Watcher, ...]:
        told = self.told(Watchers)
        self.assertEqual((told.origin, told.target), (Party(ANA), ANA))
        return told.watchers

    def test_nobody(self) -> None:
        """Who is watched by nobody is told so at once (RFC 3857 4.4)."""
        self.wonder()
        self.assertEqual((self.listed(), self.told(Watchers).legs), ((), ("w1",)))

    def test_pending_and_active(self) -> None:
        """She learns that Ben asks, that he may see her, and that he gave it up (RFC 3857 4.7.1)."""
        self.wonder()
        self.said(BEN_ASKS)
        self.assertEqual(self.listed(), (Watcher(BEN_IN_S, False),))
        self.said(ANA_GRANTS)
        self.assertEqual(self.listed(), (Watcher(BEN_IN_S, True),))
        self.said(BEN_GIVES_BACK)
        self.assertEqual(self.listed(), ())

    def test_refused(self) -> None:
        """Whom she has refused is on the list no more."""
        self.said(BEN_ASKS)
        self.wonder()
        self.assertEqual(self.listed(), (Watcher(BEN_IN_S, False),))
        self.said(ANA_REFUSES)
        self.assertEqual(self.listed(), ())

    def test_not_handed_over(self) -> None:
        """A question that could not be put is on the list no more either (PRES-16)."""
        self.wonder()
        self.said(BEN_ASKS)
        (question,) = self.turn.sends
        self.said(Rejected(question, NO))
        self.assertEqual(self.listed(), ())

    def test_comings_and_goings(self) -> None:
        """When he looks, and when not, is told to nobody by this."""
        self.said(BEN_ASKS, ANA_GRANTS)
        self.wonder()
        for event in (BEN_LOOKS, WatchEnded(BEN_LOOKS.origin, ANA_IN_X)):
            self.said(event)
            for item in self.items():
                if isinstance(item.payload, Watchers):
                    self.assertEqual(item.payload.watchers, (Watcher(BEN_IN_S, True),))

    def test_once(self) -> None:
        """Who asks once is told once, and nothing is remembered of it."""
        self.said(BEN_ASKS)
        self.assertTaken(ANA_WONDERS)
        self.assertEqual((self.listed(), self.turn.puts), ((Watcher(BEN_IN_S, False),), ()))
        self.said(ANA_GRANTS)
        self.assertNotIn("sip Watchers", self.kinds())

    def test_ended(self) -> None:
        """Who does not want to know any more, or has gone, is told no more."""
        self.wonder()
        self.assertTaken(WatchEnded(A, ANA, "w1", lane=TRUNK))
        self.said(BEN_ASKS)
        self.assertNotIn("sip Watchers", self.kinds())
        self.wonder()
        self.due(3700)
        self.said(ANA_GRANTS)
        self.assertNotIn("sip Watchers", self.kinds())

    def test_somebody_else(self) -> None:
        """Only who speaks for her is told (SIP-63)."""
        self.assertRefused(evolve(ANA_WONDERS, origin=Party(ANA)), Reason.FORBIDDEN)

    def test_not_taken(self) -> None:
        """A list that cannot be handed over is dropped: it says nothing that the next one does not."""
        self.wonder()
        (item,) = self.turn.latest
        self.said(Rejected(item, NO, retry=True))
        self.assertEqual((self.turn.done, self.items()), ((item,), ()))


class AnyOrderTests(PresenceCase):
    """Whatever happens, Ana knows it."""

    gateway = evolve(GATEWAY, published_open=False)
    SAID: ClassVar[tuple[Event, ...]] = (
        BEN_ASKS, BEN_LOOKS, BEN_GIVES_BACK, WatchEnded(BEN_LOOKS.origin, ANA_IN_X), ANA_ASKS, ANA_GRANTS, ANA_REFUSES,
        BEN_GRANTS, ANA_PUBLISHES, evolve(ANA_PUBLISHES, devices=()), of_ana(PC))

    @settings(deadline=None, max_examples=40)
    @given(st.lists(st.sampled_from((*SAID, None)), max_size=20))
    def test_told(self, events: list[Event | None]) -> None:
        """The list that she was told last is that of all who ask and may see her, and of nobody else."""
        self.setUp()
        self.said(ANA_WONDERS_ON)
        told = self.told(Watchers)
        for event in events:
            if event is None:
                self.due(4000)
            else:
                self.said(event)
            told = next((item.payload for item in reversed(self.items()) if isinstance(item.payload, Watchers)), told)
            watch = self.desk.watch(BEN.key, ANA.key)
            state = watch.state if watch is not None else ""
            expected = (Watcher(BEN_IN_S, state == "granted"),) if state in ("asked", "granted") else ()
            self.assertEqual(told.watchers, expected)


class MutualTests(PresenceCase):
    """Ana publishes, and not for everybody (``published_open``)."""

    gateway = evolve(GATEWAY, published_open=False)

    def test_asked_here(self) -> None:
        """Whose presence agent we are is sent no question, and told of it if she wants to know."""
        self.said(ANA_PUBLISHES, evolve(ANA_WONDERS, until=self.desk.now + 3600), BEN_ASKS)
        self.assertEqual(self.kinds(), ["sip Watchers"])
        self.assertEqual(self.told(Watchers).watchers, (Watcher(BEN_IN_S, False),))

    def test_wants_to_see_him(self) -> None:
        """She says yes by wanting to see him too."""
        self.said(ANA_PUBLISHES, BEN_ASKS)
        self.assertTaken(evolve(ANA_ASKS, until=self.desk.now + 3600))
        self.assertEqual(self.kinds(), ["xmpp WatchRequested", "xmpp WatchGranted", "xmpp Presence"])

    def test_has_wanted_before(self) -> None:
        """Whom she watches already is let in when he asks, or when she begins to publish."""
        self.said(evolve(ANA_ASKS, until=self.desk.now + 3600), ANA_PUBLISHES, BEN_ASKS)
        self.assertEqual(self.kinds(), ["xmpp WatchGranted", "xmpp Presence"])

    def test_publishes_later(self) -> None:
        """A question that is open when she begins to publish is answered so as well."""
        self.said(evolve(ANA_ASKS, until=self.desk.now + 3600), BEN_ASKS)
        self.assertEqual(self.kinds(), ["sip WatchRequested"])
        self.said(ANA_PUBLISHES)
        self.assertEqual(self.kinds(), ["sip WatchEnded", "xmpp WatchGranted", "xmpp Presence"])

    def test_publishes_no_more(self) -> None:
        """When she publishes no more, the open question goes to her own side."""
        self.said(ANA_PUBLISHES, BEN_ASKS)
        self.assertTaken(evolve(ANA_PUBLISHES, devices=()))
        self.assertEqual(self.kinds(), ["sip WatchRequested"])

    def test_not_without_publishing(self) -> None:
        """Whose presence agent is elsewhere decides there, whomever she watches."""
        self.said(evolve(ANA_ASKS, until=self.desk.now + 3600))
        self.assertTaken(BEN_ASKS)
        self.assertEqual(self.kinds(), ["sip WatchRequested"])
        self.assertNotIn(WatchGranted, [type(item.payload) for item in self.items()])
        self.assertEqual(self.turn.verdict, Taken(""))
