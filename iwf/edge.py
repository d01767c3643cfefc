"""The contract between an edge and the engine.

An edge turns octets into neutral events and neutral payloads into octets, and runs its own
wire protocol to the end.  It knows no other edge and no policy.  A new edge is one folder with
four kinds of file: syntax, machines, translation (all pure) and a thin shell.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from iwf.mapping.model import Accepted, Address, Event, Item, Rejected, Verdict


@frozen
class Offered:
    """Wire input that is an event for the core; the peer is answered after the verdict."""

    event: Event
    rules: tuple[str, ...] = ()
    """Numbers of the rules that were applied, for ``iwf explain``."""
    more: tuple[Event, ...] = ()
    """What else the same input says, to be offered after it."""


@frozen
class Answered:
    """Wire input that the edge answers by itself (a fault, a protocol matter)."""

    answer: bytes
    why: str = ""
    rules: tuple[str, ...] = ()
    refused: bool = True
    """False for answers that are no refusal (a ping, OPTIONS, a keep-alive)."""


@frozen
class Ignored:
    """Wire input that gets neither an answer nor an event."""

    why: str
    rules: tuple[str, ...] = ()


Reading = Offered | Answered | Ignored


class IIntake(Interface):
    """The door of the engine for events from edges."""

    def offer(event: Event) -> Deferred[Verdict]:
        """Take an event.

        :return: fires with the verdict after the commit (for a message with ``hold``: after the
            outcome is known or the hold is over).  For receipts the verdict is always
            :class:`~iwf.mapping.model.Taken`.  Never fails: a fault of ours is a ``Refused``.
        """


class IOutlet(Interface):
    """One edge's side of a lane: delivers items to one peer."""

    def deliver(item: Item) -> Deferred[Accepted | Rejected]:
        """Deliver an item; called only within the credit granted to the lane.  Never fails."""


class ILane(Interface):
    """The engine's side of a lane, handed to the edge when it attaches an outlet."""

    name = Attribute("``<edge>:<name>``, as in :attr:`iwf.mapping.model.Item.lane`.")

    def grant(credit: int) -> None:
        """Allow at most this many items in flight from now on; 0 closes the lane (peer away)."""


class IReach(Interface):
    """What is behind the gateway, for peers that ask before they send."""

    def is_up(edge: str) -> bool:
        """Whether a connector of some other edge can take work, or has been away for a moment only.

        :param edge: the one that asks: ``sip``, ``xmpp``, ``smpp``.
        """

    def serves(world: str) -> bool:
        """Whether a connector to users of a world can take work, or has been away for a moment only.

        :param world: the scheme of their addresses.
        """

    def maps(target: Address) -> bool:
        """Whether an address, as peers of its world write it, names a user of another world.  That there is such
        a user nobody knows before something is sent to him."""


class IInsight(Interface):
    """What subscribers and operators may look at."""

    def contacts(phone: Address) -> Iterable[tuple[str, Address]]:
        """The numbers that a phone writes to, each with the native address behind it."""

    def connectors() -> Iterable[tuple[str, bool, int]]:
        """Every connector by its lane name, whether it is up, and how much is queued for it."""


class IMemory(Interface):
    """What an edge had the core remember by :class:`~iwf.mapping.model.Remember`."""

    def recall(edge: str) -> Iterable[tuple[str, str]]:
        """Every key that is remembered for an edge, with its text."""


class ILanes(Interface):
    """Where edges attach their outlets."""

    def attach(name: str, outlet: IOutlet, keeps_order: bool) -> ILane:
        """Attach the outlet of one lane, closed at first.

        :param keeps_order: the peer handles items in the order they were delivered, so several
            items of one stream may be in flight at once.
        """
