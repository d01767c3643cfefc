"""An edge of a few lines, whose peer a test plays by hand."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import implementer

from iwf.edge import IOutlet
from iwf.mapping.model import Accepted, Failure, Item, Reason, Rejected


@implementer(IOutlet)
class Outlet:
    """Keeps what it is asked to deliver."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._answers: dict[str, Deferred[Accepted | Rejected]] = {}

    def deliver(self, item: Item) -> Deferred[Accepted | Rejected]:
        self.items.append(item)
        answer = self._answers[item.id] = Deferred()
        return answer

    def accept(self, item: Item, *refs: str) -> None:
        self._answers.pop(item.id).callback(Accepted(item, refs))

    def reject(self, item: Item, reason: Reason = Reason.UNKNOWN_RECIPIENT, *, retry: bool = False,
               stop_stream: bool = False, retry_after: float | None = None) -> None:
        self._answers.pop(item.id).callback(Rejected(
            item, Failure(reason, retry_after=retry_after), retry, stop_stream))
