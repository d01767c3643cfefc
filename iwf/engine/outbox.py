"""The outbox in memory: lanes with credit, streams in order, retries in time.

The rows are the truth; this is their cache, filled from committed turns and, at the start, from
the store.  An edge gets an item only within the credit it has granted.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault
from zope.interface import implementer

from iwf.edge import ILane, ILanes, IOutlet
from iwf.mapping.model import (
    Accepted,
    Composing,
    Due,
    Failure,
    Item,
    Presence,
    Reason,
    Rejected,
    superseding,
)
from iwf.mapping.turn import LaneView, Turn

#: How often queued items are looked through for those that have expired, in seconds.
EXPIRY_ROUND = 5.0

News = Accepted | Rejected | Due


@define(eq=False)
class _Stream:
    """Items that have to stay in order."""

    key: str
    waiting: list[tuple[int, Item]] = field(factory=list)
    """A heap by sequence number: a retried item comes before younger ones."""
    in_flight: int = 0
    listed: bool = False
    """Whether it stands in the lane's list of streams with work."""


@implementer(ILane)
@define(eq=False)
class Lane:
    """One connector's part of the outbox."""

    name: str
    _outbox: Outbox
    outlet: IOutlet | None = None
    keeps_order: bool = False
    credit: int = 0
    changed: float = 0.0
    streams: dict[str, _Stream] = field(factory=dict)
    ready: deque[_Stream] = field(factory=deque)
    in_flight: dict[str, tuple[int, Item]] = field(factory=dict)
    counts: dict[str, int] = field(factory=dict)
    """Items per stream, in flight included."""
    depth: int = 0
    volatile: dict[str, Item | None] = field(factory=dict)
    """Streams with a volatile item under way, and the one that follows it: the latest wins."""
    latest: dict[str, Item] = field(factory=dict)
    """Whole states that wait until nothing of their stream is before them (PRES-34)."""
    free: deque[str] = field(factory=deque)
    """Streams of those that may have become free."""

    def grant(self, credit: int) -> None:
        has_changed = (credit > 0) != (self.credit > 0)
        if has_changed:
            self.changed = self._outbox.now()
        self.credit = credit
        self._outbox.pump(self)
        if has_changed:
            self._outbox.changed(self.name, credit > 0)

    def put_latest(self, item: Item) -> None:
        """Take a whole state in place of the one that waits, if one does."""
        waiting = self.latest.get(item.stream)
        if waiting is not None and isinstance(waiting.payload, Presence) and isinstance(
                item.payload, Presence):
            item = evolve(item, payload=superseding(waiting.payload, item.payload))
        self.latest[item.stream] = item
        if waiting is None and item.stream not in self.counts:
            self.free.append(item.stream)

    def view(self) -> LaneView:
        """What decisions may know of it."""
        return LaneView(self.credit > 0, self.changed, self.depth, MappingProxyType(self.counts))

    def put(self, seq: int, item: Item) -> None:
        """Queue an item, new or retried."""
        stream = self.streams.get(item.stream)
        if stream is None:
            stream = self.streams[item.stream] = _Stream(item.stream)
        heapq.heappush(stream.waiting, (seq, item))
        self.list_stream(stream)

    def list_stream(self, stream: _Stream) -> None:
        if not stream.listed and stream.waiting and (self.keeps_order or not stream.in_flight):
            stream.listed = True
            self.ready.append(stream)

    def count(self, item: Item, change: int) -> None:
        self.depth += change
        left = self.counts.get(item.stream, 0) + change
        if left > 0:
            self.counts[item.stream] = left
        else:
            self.counts.pop(item.stream, None)
            self.streams.pop(item.stream, None)
            if item.stream in self.latest:
                self.free.append(item.stream)


class _Views(Mapping[str, LaneView]):
    """The lanes as decisions see them, made when looked at."""

    def __init__(self, lanes: dict[str, Lane]) -> None:
        self._lanes = lanes

    def __getitem__(self, name: str) -> LaneView:
        return self._lanes[name].view()

    def __iter__(self) -> Iterator[str]:
        return iter(self._lanes)

    def __len__(self) -> int:
        return len(self._lanes)


@implementer(ILanes)
class Outbox:
    """All lanes.

    :param clock: time and delayed calls.
    :param news: takes what became of an item; the item stays in flight until a committed turn
        says it is done or to be retried.
    :param changed: called with the name of a connector that has opened (True) or closed.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, news: Callable[[News], Deferred[Turn]],
                 changed: Callable[[str, bool], None]) -> None:
        self._clock = clock
        self._news = news
        self.changed = changed
        self._lanes: dict[str, Lane] = {}
        self._seq = 0
        self._held_back: list[tuple[float, int, Lane, _Stream]] = []
        self._wake: IDelayedCall | None = None
        self._round: IDelayedCall | None = None
        self._stopped = False
        self.views: Mapping[str, LaneView] = _Views(self._lanes)

    def now(self) -> float:
        """UTC seconds."""
        return self._clock.seconds()

    @property
    def depth(self) -> int:
        """Items queued or in flight in all lanes."""
        return sum(lane.depth for lane in self._lanes.values())

    def waiting(self, lane: str, after: int, most: int) -> tuple[tuple[int, str], ...]:
        """The first items behind a place that wait for a connector and are not under way: place and id."""
        entries = (entry for stream in self._lane(lane).streams.values() for entry in stream.waiting
                   if entry[0] > after)
        return tuple((seq, item.id) for seq, item in heapq.nsmallest(most, entries, key=lambda entry: entry[0]))

    def attach(self, name: str, outlet: IOutlet, keeps_order: bool) -> ILane:
        lane = self._lane(name)
        lane.outlet, lane.keeps_order = outlet, keeps_order
        if not lane.credit:
            self.changed(name, False)  # away until it opens, which may be never
        return lane

    def _lane(self, name: str) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(name, self, changed=self.now())
        return lane

    def start(self, items: Iterable[Item]) -> None:
        """Take over what the store had queued, in order, and begin the rounds.

        What was in flight when the process ended is unknown to have arrived, and goes out again
        under the same identifiers (CPIM calls its state indeterminate).
        """
        for item in items:
            self._add(item)
        self._round = self._clock.callLater(EXPIRY_ROUND, self._expire)

    def stop(self) -> None:
        """Give out nothing more."""
        self._stopped = True
        for call in (self._wake, self._round):
            if call is not None and call.active():
                call.cancel()

    def released(self, turn: Turn) -> None:
        """Follow a committed turn."""
        touched: dict[str, Lane] = {}
        for item in turn.done:
            lane = self._lane(item.lane)
            self._remove(lane, item)
            touched[lane.name] = lane
            if lane.volatile:
                self._follow_up(lane, item)
        for item in turn.retries:
            lane = self._lane(item.lane)
            entry = lane.in_flight.pop(item.id, None)
            if entry is not None:
                self._land(lane, item)
                lane.put(entry[0], item)
                touched[lane.name] = lane
        for item in turn.sends:
            lane = self._add(item)
            touched[lane.name] = lane
        for item in turn.volatile:
            lane = self._lane(item.lane)
            self._pass(lane, item)
            touched[lane.name] = lane
        for item in turn.latest:
            lane = self._lane(item.lane)
            lane.put_latest(item)
            touched[lane.name] = lane
        for lane in touched.values():
            self.pump(lane)

    def _add(self, item: Item) -> Lane:
        lane = self._lane(item.lane)
        self._seq += 1
        lane.count(item, +1)
        lane.put(self._seq, item)
        return lane

    def _pass(self, lane: Lane, item: Item) -> None:
        """Send a volatile item at once, or behind another one, or never: not behind a text (COMP-8)."""
        if item.stream in lane.volatile:
            lane.volatile[item.stream] = item
        elif item.stream not in lane.counts and len(lane.in_flight) < lane.credit:
            lane.volatile[item.stream] = None
            self._add(item)

    def _follow_up(self, lane: Lane, done: Item) -> None:
        if isinstance(done.payload, Composing):
            item = lane.volatile.pop(done.stream, None)
            if item is not None:
                self._pass(lane, item)

    def _remove(self, lane: Lane, item: Item) -> None:
        if lane.in_flight.pop(item.id, None) is not None:
            self._land(lane, item)
        else:
            stream = lane.streams.get(item.stream)
            kept = [entry for entry in stream.waiting if entry[1].id != item.id] if stream else []
            if stream is None or len(kept) == len(stream.waiting):
                return
            stream.waiting = kept
            heapq.heapify(stream.waiting)
        lane.count(item, -1)

    @staticmethod
    def _land(lane: Lane, item: Item) -> None:
        stream = lane.streams[item.stream]
        stream.in_flight -= 1
        lane.list_stream(stream)

    def pump(self, lane: Lane) -> None:
        """Hand out what the lane's credit and the streams' order allow."""
        now = self.now()
        self._take_latest(lane)
        while (lane.ready and len(lane.in_flight) < lane.credit and lane.outlet is not None
               and not self._stopped):
            stream = lane.ready.popleft()
            if stream.waiting and stream.waiting[0][1].not_before > now:
                # It stays listed, so that younger items do not hold it back a second time.
                self._hold_back(stream.waiting[0][1].not_before, lane, stream)
                continue
            stream.listed = False
            if not stream.waiting or (stream.in_flight and not lane.keeps_order):
                continue
            seq, item = heapq.heappop(stream.waiting)
            lane.in_flight[item.id] = (seq, item)
            stream.in_flight += 1
            lane.list_stream(stream)
            if item.expires_at is not None and item.expires_at <= now:
                self._tell(Due("outbox", item.id), item)
            else:
                self._deliver(lane.outlet, item)

    def _take_latest(self, lane: Lane) -> None:
        """Queue the whole states that nothing of their stream is before; nothing while the connector
        is closed, so that a newer state can still take their place."""
        room = lane.credit - len(lane.in_flight)
        while lane.free and room > 0:
            stream = lane.free.popleft()
            if stream in lane.latest and stream not in lane.counts:
                self._add(lane.latest.pop(stream))
                room -= 1

    def _deliver(self, outlet: IOutlet, item: Item) -> None:
        try:
            delivered = outlet.deliver(item)
        except Exception:
            self._outlet_failed(Fault(), item)
            return
        delivered.addErrback(self._fault, item).addCallback(self._tell, item)

    def _outlet_failed(self, fault: Fault, item: Item) -> None:
        self._tell(self._fault(fault, item), item)

    def _fault(self, fault: Fault, item: Item) -> Rejected:
        self.log.failure("delivery of {id} to {lane} failed in our own code", fault, id=item.id,
                         lane=item.lane)
        return Rejected(item, Failure(Reason.INTERNAL, permanent=False,
                                      detail=fault.getErrorMessage()))

    def _tell(self, news: News, item: Item) -> None:
        self._news(news).addErrback(self._not_written, news, item)

    def _not_written(self, fault: Fault, news: News, item: Item) -> None:
        # The store could not be written (a full disk): what became of the item must not be lost.
        if not self._stopped:
            self._clock.callLater(1.0, self._tell, news, item)

    def _hold_back(self, until: float, lane: Lane, stream: _Stream) -> None:
        self._seq += 1
        heapq.heappush(self._held_back, (until, self._seq, lane, stream))
        if self._wake is None or not self._wake.active() or self._wake.getTime() > until:
            self._arm()

    def _arm(self) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        if self._held_back and not self._stopped:
            delay = max(0.0, self._held_back[0][0] - self.now())
            self._wake = self._clock.callLater(delay, self._woken)

    def _woken(self) -> None:
        now = self.now()
        lanes: dict[str, Lane] = {}
        while self._held_back and self._held_back[0][0] <= now:
            _, _, lane, stream = heapq.heappop(self._held_back)
            stream.listed = False
            lane.list_stream(stream)
            lanes[lane.name] = lane
        self._arm()
        for lane in lanes.values():
            self.pump(lane)

    def _expire(self) -> None:
        now = self.now()
        self._round = self._clock.callLater(EXPIRY_ROUND, self._expire)
        for lane in self._lanes.values():
            expired = [item for stream in lane.streams.values() for _, item in stream.waiting
                       if item.expires_at is not None and item.expires_at <= now]
            for item in expired:
                # What could not be written is found again by the next round.
                self._news(Due("outbox", item.id)).addErrback(lambda _: None)
