"""What the core has to decide before a machine goes on.  Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import define, evolve

from iwf.mapping.model import Failure, Refused, Verdict
from iwf.sip.presence.outputs import Offer

T = TypeVar("T")


@define(eq=False)
class _Question(Generic[T]):
    about: T
    undecided: int
    failure: Failure | None = None


class Questions(Generic[T]):
    """Offers that belong together: the answer is yes when the verdict on each is."""

    def __init__(self) -> None:
        self._open: dict[str, _Question[T]] = {}
        self._serial = 0

    def ask(self, about: T, *offers: Offer) -> list[Offer]:
        """The offers with their ticket.

        :param about: handed back by :meth:`decided`.
        """
        self._serial += 1
        ticket = str(self._serial)
        self._open[ticket] = _Question(about, len(offers))
        return [evolve(offer, ticket=ticket) for offer in offers]

    def decided(self, ticket: str, verdict: Verdict) -> tuple[T, Failure | None] | None:
        """What a question was about, and the first refusal; None while verdicts are missing."""
        question = self._open.get(ticket)
        if question is None:
            return None
        if isinstance(verdict, Refused) and question.failure is None:
            question.failure = verdict.failure
        question.undecided -= 1
        if question.undecided:
            return None
        del self._open[ticket]
        return question.about, question.failure
