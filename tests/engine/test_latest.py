"""Whole states in the outbox: the newest counts, and what an older one was to end is ended."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.outbox import Lane, News, Outbox
from iwf.mapping.model import Accepted, Device, Item, Party, Presence, superseding
from iwf.mapping.turn import Turn
from tests.support.outlet import Outlet
from tests.support.sample import ANA, BEN, LANE_X


def state(name: str, *instances: str, gone: tuple[str, ...] = (), stream: str = "s") -> Item:
    """A document with open devices."""
    document = Presence(Party(ANA), BEN, tuple(Device(instance) for instance in instances), gone=gone)
    return Item(name, LANE_X, stream, document)


class SupersedingTests(SynchronousTestCase):
    """Two states of which one is told."""

    def test_gone_is_kept(self) -> None:
        """What the older was to show as gone is still shown as gone (PRES-35)."""
        older = Presence(Party(ANA), BEN, (Device("a"),), gone=("b",))
        newer = Presence(Party(ANA), BEN, (Device("c"),), gone=("a",))
        self.assertEqual(superseding(older, newer).gone, ("b", "a"))

    def test_back_again(self) -> None:
        """A device that is back was never gone."""
        older = Presence(Party(ANA), BEN, (), gone=("a",))
        newer = Presence(Party(ANA), BEN, (Device("a"),))
        self.assertEqual(superseding(older, newer).gone, ())


class LatestTests(SynchronousTestCase):
    """States behind each other and behind other items."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.outbox = Outbox(self.clock, self.news, lambda lane, up: None)
        self.outlet = Outlet()
        lane = self.outbox.attach(LANE_X, self.outlet, keeps_order=True)
        assert isinstance(lane, Lane)
        self.lane = lane

    def news(self, news: News) -> Deferred[Turn]:
        assert isinstance(news, Accepted)
        turn = Turn(done=(news.item,))
        self.outbox.released(turn)
        done: Deferred[Turn] = Deferred()
        done.callback(turn)
        return done

    def delivered(self) -> list[str]:
        return [item.id for item in self.outlet.items]

    def test_away_for_long(self) -> None:
        """However often a state changes while its connector is away, there is one place in the queue for it."""
        for number in range(50):
            self.lane.put_latest(state(f"s{number}"))
        self.assertEqual((len(self.lane.latest), len(self.lane.free)), (1, 1))
        self.lane.grant(1)
        self.assertEqual(self.delivered(), ["s49"])

    def test_at_once(self) -> None:
        """A state leaves at once when nothing is before it."""
        self.lane.grant(5)
        self.outbox.released(Turn(latest=(state("1", "pc"),)))
        self.assertEqual(self.delivered(), ["1"])

    def test_newest_of_those_that_wait(self) -> None:
        """While one is under way only the newest of the others waits."""
        self.lane.grant(5)
        for name in "123":
            self.outbox.released(Turn(latest=(state(name, "pc"),)))
        self.assertEqual(self.delivered(), ["1"])
        self.outlet.accept(self.outlet.items[0])
        self.assertEqual(self.delivered(), ["1", "3"])

    def test_what_was_skipped_is_ended(self) -> None:
        """The newest says what the skipped ones were to say as gone."""
        self.outbox.released(Turn(latest=(state("1", gone=("pc",)),)))
        self.outbox.released(Turn(latest=(state("2", "phone"),)))
        self.lane.grant(5)
        (item,) = self.outlet.items
        assert isinstance(item.payload, Presence)
        self.assertEqual((item.id, item.payload.gone), ("2", ("pc",)))

    def test_behind_what_must_come_first(self) -> None:
        """A state does not overtake an item of its stream that was queued before it."""
        self.lane.grant(1)
        granted = Item("g", LANE_X, "s", Presence(Party(ANA), BEN))
        self.outbox.released(Turn(sends=(granted,), latest=(state("1", "pc"),)))
        self.assertEqual(self.delivered(), ["g"])
        self.outlet.accept(granted)
        self.assertEqual(self.delivered(), ["g", "1"])

    def test_other_streams_do_not_wait(self) -> None:
        """States of different pairs have nothing to do with each other."""
        self.lane.grant(5)
        self.outbox.released(Turn(latest=(state("1", "pc"), state("2", "pc", stream="t"))))
        self.assertEqual(self.delivered(), ["1", "2"])

    def test_credit(self) -> None:
        """Many states leave within the credit, each once."""
        many = tuple(state(str(number), "pc", stream=str(number)) for number in range(50))
        self.outbox.released(Turn(latest=many))
        self.assertEqual(self.delivered(), [])
        self.lane.grant(7)
        self.assertEqual(len(self.outlet.items), 7)
        for item in self.outlet.items:
            self.outlet.accept(item)
        self.assertEqual(sorted(self.delivered(), key=int), [str(number) for number in range(50)])
