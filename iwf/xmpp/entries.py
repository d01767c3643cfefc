"""Items that were written to a stream and are not confirmed (shell)."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred

from iwf.mapping.model import Accepted, Item, Receipt, Rejected


@define(eq=False)
class Entry:
    """One item."""

    item: Item
    ref: str
    """By which news of it can come back; empty for none."""
    done: Deferred[Accepted | Rejected] = field(factory=Deferred)
    is_settled: bool = False


class Entries:
    """All items of one component that are under way."""

    def __init__(self) -> None:
        self._by_ref: dict[str, Entry] = {}

    def add(self, item: Item, ref: str) -> Entry:
        """An item is written."""
        entry = Entry(item, ref)
        if ref:
            self._by_ref.setdefault(ref, entry)
        return entry

    def confirm(self, entries: list[Entry]) -> None:
        """The server has taken these."""
        for entry in entries:
            self.settle(entry, Accepted(entry.item, (entry.ref,) if entry.ref else ()))

    def refuse(self, receipt: Receipt) -> bool:
        """An error has come; says whether it is about an item that is not confirmed yet, so that the
        server has not taken it."""
        entry = self._by_ref.get(receipt.ref)
        if entry is None or receipt.failure is None:
            return False
        self.settle(entry, Rejected(entry.item, receipt.failure))
        return True

    def settle(self, entry: Entry, news: Accepted | Rejected) -> None:
        """It is known what became of an item; the first news counts."""
        if entry.is_settled:
            return
        entry.is_settled = True
        if self._by_ref.get(entry.ref) is entry:
            del self._by_ref[entry.ref]
        entry.done.callback(news)
