"""How a decision asks for rows, and how it gets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from attrs import frozen

R = TypeVar("R")


@frozen
class Query:
    """Rows of one table whose fields ``by`` equal ``values``."""

    row: type
    by: tuple[str, ...]
    values: tuple[object, ...]


class Rows:
    """The answers to a turn's queries."""

    __slots__ = ("_answers",)

    def __init__(self, answers: Mapping[Query, tuple[object, ...]]) -> None:
        self._answers = answers

    def joined(self, answers: Mapping[Query, tuple[object, ...]]) -> Rows:
        """These answers and others."""
        return Rows({**self._answers, **answers})

    def all(self, row: type[R], **values: object) -> tuple[R, ...]:
        """Every row of the answer to ``query(row, **values)``; the query must have been asked."""
        return self._answers[query(row, **values)]  # type: ignore[return-value]

    def one(self, row: type[R], **values: object) -> R | None:
        """The first row of the answer, or None."""
        found = self._answers[query(row, **values)]
        return found[0] if found else None  # type: ignore[return-value]


def query(row: type, **values: object) -> Query:
    """The query for rows whose fields have these values."""
    return Query(row, tuple(values), tuple(values.values()))
