"""Asks the domain name system what a search for targets wants to know.  Shell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks

from iwf.ids import Ids
from iwf.records import Answer, Question, Type
from iwf.sip.settings import Hop, Target
from iwf.sip.transport.locate import FAMILIES, TRANSPORTS, Located, locate


class Names(Protocol):
    """The domain name system, as :class:`iwf.names.Resolver` provides it."""

    def known(self, question: Question) -> Answer | None:
        """The answer, if it is known without asking anybody."""

    def ask(self, question: Question) -> Deferred[Answer]:
        """The answer; never fails."""


class Locator:
    """Finds targets by RFC 3263.

    :param ids: chance, for servers that share the load.
    :param transports: those that we have, the best one first.
    :param families: the kinds of addresses that we can reach, in the order of trial.
    """

    def __init__(self, names: Names, ids: Ids, transports: Sequence[str] = TRANSPORTS,
                 families: Sequence[Type] = FAMILIES) -> None:
        self._names = names
        self._ids = ids
        self._transports = tuple(transports)
        self._families = tuple(families)

    @inlineCallbacks
    def locate(self, target: Target) -> Any:
        """A Deferred that fires with :class:`~iwf.sip.transport.locate.Located`; at once when all answers are known."""
        search = locate(target, self._draw, self._transports, self._families)
        try:
            questions = next(search)
            while True:
                answers = [self._names.known(question) for question in questions]
                if None in answers:
                    answers = yield gatherResults([self._names.ask(question) for question in questions])
                questions = search.send(tuple(answers))  # type: ignore[arg-type]
        except StopIteration as end:
            located: Located = end.value
            return located

    def _draw(self, most: int) -> int:
        return min(most, int(self._ids.jitter(0, most + 1)))


def reachable(listeners: Sequence[Hop], tls: bool = False) -> tuple[tuple[str, ...], tuple[Type, ...]]:
    """The transports and families of addresses by which requests can leave.

    UDP leaves by a listener; TCP and TLS need none.  IPv6 comes first where we are at home in it (SIP-52).

    :param tls: some peer is reached by TLS; else it takes a listener to show that TLS is wanted.
    """
    own = {listener.transport for listener in listeners} | ({"tcp", "tls"} if tls else {"tcp"})
    transports = tuple(transport for transport in TRANSPORTS if transport in own)
    ipv6 = any(":" in own.host for own in listeners)
    return transports, (Type.AAAA, Type.A) if ipv6 else (Type.A, Type.AAAA)
