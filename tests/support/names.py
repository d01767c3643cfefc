"""A domain name system in memory."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, succeed

from iwf.records import Address, Alias, Answer, Naptr, Question, Record, Srv, Type

_CLASSES = {Type.A: Address, Type.AAAA: Address, Type.SRV: Srv, Type.NAPTR: Naptr}


def a(name: str, *hosts: str) -> tuple[Address, ...]:
    """A or AAAA records."""
    return tuple(Address(name, host, 60) for host in hosts)


def srv(name: str, target: str, port: int = 5060, priority: int = 10, weight: int = 0) -> Srv:
    return Srv(name, priority, weight, port, target, 60)


def naptr(name: str, order: int, service: str, replacement: str, preference: int = 50, flags: str = "s",
          regexp: str = "") -> Naptr:
    return Naptr(name, order, preference, flags, service, regexp, replacement, 60)


class Zone:
    """Records that anybody may ask for.

    :param broken: names for which there is no answer but a failure.
    """

    def __init__(self, *records: Record | Iterable[Record], broken: Iterable[str] = ()) -> None:
        self.records: list[Record] = []
        for each in records:
            self.records += [each] if isinstance(each, Record) else each
        self.broken = set(broken)
        self.asked: list[Question] = []
        """Every question so far."""

    def answer(self, question: Question) -> Answer:
        """As a server does it: aliases come with what they lead to."""
        self.asked.append(question)
        if question.name in self.broken:
            return Answer(failed=True)
        found: list[Record] = []
        names = [question.name]
        for name in names:
            for record in self.records:
                if record.name != name:
                    continue
                if isinstance(record, Alias) and record not in found:
                    found.append(record)
                    names.append(record.target)
                elif isinstance(record, _CLASSES[question.type]) and _fits(record, question.type):
                    found.append(record)
        return Answer(tuple(found))


def _fits(record: Record, kind: Type) -> bool:
    return not isinstance(record, Address) or (":" in record.host) == (kind is Type.AAAA)


class FakeNames:
    """:class:`iwf.sip.transport.locator.Names` over a zone; answers come at once, or when a test lets them.

    :param at_once: False: questions wait for :meth:`let_go`.
    """

    def __init__(self, zone: Zone | None = None, at_once: bool = True) -> None:
        self.zone = zone or Zone()
        self.at_once = at_once
        self._waiting: list[tuple[Question, Deferred[Answer]]] = []

    def known(self, question: Question) -> Answer | None:
        """Nothing is remembered."""

    def ask(self, question: Question) -> Deferred[Answer]:
        if self.at_once:
            return succeed(self.zone.answer(question))
        self._waiting.append((question, Deferred()))
        return self._waiting[-1][1]

    def let_go(self) -> None:
        """Answer all that was asked so far."""
        waiting, self._waiting = self._waiting, []
        for question, waiter in waiting:
            waiter.callback(self.zone.answer(question))
