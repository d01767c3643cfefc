"""Errors that iwf raises on purpose."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen


class IwfError(Exception):
    """Base of every error that iwf raises on purpose."""


@frozen
class Problem:
    """One thing that is wrong in a configuration, or one thing that deserves a warning."""

    path: str
    """The key it is about, such as ``smpp.link[0].window``; empty when it is about the whole file."""
    message: str
    """For the operator; never holds a secret."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(IwfError):
    """The configuration cannot be used.

    :param problems: everything that is wrong with it, at least one entry.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
