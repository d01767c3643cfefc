"""The domain name system, asked by twisted.names.  Shell.

Answers are remembered as long as they may be.  IP addresses are never asked for, and addresses of
hosts come from the system's hosts file first, unless servers are configured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from itertools import islice
from operator import itemgetter
from typing import Any

from attrs import field, frozen
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.logger import Logger
from twisted.names import client, dns, error
from twisted.names.hosts import searchFileForAll
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from iwf.records import Address, Alias, Answer, Naptr, Question, Record, Srv, Type

#: SIP-52: what is not there, or could not be asked for, is not asked for again so soon; seconds.
NEGATIVE = 30.0
#: No answer is kept longer, in seconds, so that a change is seen some day whatever its TTL was.
LONGEST = 3600.0
#: Answers kept; the oldest is dropped beyond that.
MAX_KNOWN = 10_000
#: Seconds to wait for each server, round by round.
PATIENCE = (1, 3)
#: Servers that are tried; the system's own resolver takes three as well.
MAX_SERVERS = 3
#: No question takes longer, in seconds, whatever the servers do.
LONGEST_WAIT = 12.0
#: Records of one answer that are read.
MAX_RECORDS = 100

RESOLV_CONF = "/etc/resolv.conf"
HOSTS = "/etc/hosts"
PORT = 53

Lookup = Callable[[tuple[str, int], Question, int], Deferred[Any]]
"""Asks one server, with a time limit in seconds: fires with the headers of the answer section,
fails with TimeoutError, a :class:`~twisted.names.error.DomainError` or anything else."""

_TYPES = {Type.A: dns.A, Type.AAAA: dns.AAAA, Type.SRV: dns.SRV, Type.NAPTR: dns.NAPTR}


@frozen
class _Known:
    answer: Answer
    since: float
    lifetime: float


@frozen(eq=False)
class _Pending:
    """A question on its way, and those who wait for the answer."""

    waiting: list[Deferred[Answer]] = field(factory=list)


class Resolver:
    """Asks questions, each one only once at a time, and remembers the answers.

    :param reactor: IReactorTime, IReactorUDP and IReactorTCP.
    :param servers: address and port of each; empty: those of :data:`RESOLV_CONF`, which is read
        again when it changes.
    :param lookup: how a server is asked; by default over the network.
    """

    log = Logger()

    def __init__(self, reactor: Any, servers: Sequence[tuple[str, int]] = (), lookup: Lookup | None = None,
                 resolv_conf: str = RESOLV_CONF, hosts: str = HOSTS) -> None:
        self._clock = reactor
        self._servers = tuple(servers)
        self._lookup = lookup or _Network(reactor).lookup
        self._system = None if servers else _System(resolv_conf, hosts)
        self._known: dict[Question, _Known] = {}
        self._pending: dict[Question, _Pending] = {}

    def known(self, question: Question) -> Answer | None:
        """The answer, if it is known without asking anybody."""
        known = self._known.get(question)
        if known is None:
            return None
        # A clock that was set back makes the answer older, not younger.
        if 0 <= self._clock.seconds() - known.since < known.lifetime:
            return known.answer
        return None

    def ask(self, question: Question) -> Deferred[Answer]:
        """The answer, from memory or from the servers.  Never fails."""
        answer = self.known(question) or self._local(question)
        if answer is not None:
            return succeed(answer)
        waiter: Deferred[Answer] = Deferred()
        pending = self._pending.get(question)
        if pending is not None:
            pending.waiting.append(waiter)
            return waiter
        pending = self._pending[question] = _Pending([waiter])
        self._ask(question).addBoth(self._answered, question, pending)
        return waiter

    def _local(self, question: Question) -> Answer | None:
        """What can be told without any server."""
        if isIPAddress(question.name) or isIPv6Address(question.name) or not question.name.isascii():
            return Answer()
        if self._system is None or question.type not in (Type.A, Type.AAAA):
            return None
        answer = self._system.hosts(question)
        if answer is not None:
            self._remember(question, answer)
        return answer

    def _ask(self, question: Question) -> Deferred[Any]:
        servers = self._servers if self._system is None else self._system.servers()
        asked: Deferred[Any] = Deferred.fromCoroutine(self._in_turn(question, servers[:MAX_SERVERS]))
        return asked.addTimeout(LONGEST_WAIT, self._clock)

    async def _in_turn(self, question: Question, servers: Sequence[tuple[str, int]]) -> Answer:
        """Ask one server after the other, until one knows."""
        broken = set()
        for seconds in PATIENCE:
            for server in servers:
                if server in broken:
                    continue
                try:
                    return Answer(read(await self._lookup(server, question, seconds)))
                except error.DNSNameError:
                    return Answer()
                except TimeoutError:
                    continue                                 # may have been lost on the way
                except CancelledError:
                    raise
                except Exception as fault:
                    # It has its own troubles (server failure, refused); another one may know.
                    self.log.debug("{server} on {question}: {fault!r}", server=server, question=question, fault=fault)
                    broken.add(server)
        return Answer(failed=True)

    def _answered(self, result: Answer | Failure, question: Question, pending: _Pending) -> None:
        if isinstance(result, Failure):
            result.trap(TimeoutError, CancelledError)
            result = Answer(failed=True)
        if result.failed:
            self.log.info("No DNS server has an answer on {name} {type}", name=question.name, type=question.type.value)
        del self._pending[question]
        self._remember(question, result)
        for waiter in pending.waiting:
            waiter.callback(result)

    def _remember(self, question: Question, answer: Answer) -> None:
        self._known.pop(question, None)
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        lifetime = min((record.ttl for record in answer.records), default=NEGATIVE)
        self._known[question] = _Known(answer, self._clock.seconds(), min(lifetime, LONGEST))


class _System:
    """The files by which the system's own resolver is configured."""

    def __init__(self, resolv_conf: str, hosts: str) -> None:
        self._resolv_conf = resolv_conf
        self._hosts = FilePath(hosts)
        self._read: float | None = None
        self._servers: tuple[tuple[str, int], ...] = ()

    def servers(self) -> tuple[tuple[str, int], ...]:
        """The servers of resolv.conf; without any, one on this machine (resolv.conf(5))."""
        try:
            changed = os.stat(self._resolv_conf).st_mtime
            if changed != self._read:
                with open(self._resolv_conf, encoding="utf-8", errors="replace") as file:
                    self._servers = tuple(_servers_of(file))
                self._read = changed
        except OSError:
            self._servers, self._read = (), None
        return self._servers or (("127.0.0.1", PORT),)

    def hosts(self, question: Question) -> Answer | None:
        """The addresses of a name in the hosts file; None when it is not there."""
        found = searchFileForAll(self._hosts, question.name.encode("ascii"))
        if not found:
            return None
        mine = isIPv6Address if question.type is Type.AAAA else isIPAddress
        return Answer(tuple(Address(question.name, host, NEGATIVE) for host in found if mine(host)))


def _servers_of(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for line in lines:
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1 and (isIPAddress(words[1]) or isIPv6Address(words[1])):
            yield words[1], PORT


class _Network:
    """Asks servers over UDP, and over TCP when an answer is too long for that."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def lookup(self, server: tuple[str, int], question: Question, seconds: int) -> Deferred[Any]:
        """See :data:`Lookup`."""
        resolver = client.Resolver(servers=[server], timeout=(seconds,), reactor=self._reactor)
        query = dns.Query(question.name.encode("ascii"), _TYPES[question.type], dns.IN)
        asked: Deferred[Any] = resolver.query(query, (seconds,))

        def hang_up(result: Any) -> Any:
            for connection in resolver.connections:
                connection.transport.loseConnection()
            return result

        return asked.addBoth(hang_up).addCallback(itemgetter(0))


def read(headers: Iterable[Any]) -> tuple[Record, ...]:
    """The records of an answer section, as far as they are of use.

    :param headers: of type :class:`twisted.names.dns.RRHeader`.
    """
    records = (_record(header) for header in islice(headers, MAX_RECORDS))
    return tuple(record for record in records if record is not None)


def _record(header: Any) -> Record | None:
    payload = header.payload
    name = _name(header.name)
    ttl = header.ttl if 0 <= header.ttl < 2**31 else 0       # RFC 2181 section 8
    if header.cls != dns.IN:
        return None
    if isinstance(payload, dns.Record_A | dns.Record_AAAA) and payload.address:
        return Address(name, str(ip_address(payload.address)), ttl)
    if isinstance(payload, dns.Record_SRV):
        return Srv(name, payload.priority, payload.weight, payload.port, _name(payload.target), ttl)
    if isinstance(payload, dns.Record_CNAME):
        return Alias(name, _name(payload.name), ttl)
    if isinstance(payload, dns.Record_NAPTR):
        return Naptr(name, payload.order, payload.preference, _text(payload.flags), _text(payload.service),
                     _text(payload.regexp), _name(payload.replacement), ttl)
    return None


def _name(name: Any) -> str:
    """Lower case, without the dot at the end; what is no ASCII fits no host name."""
    octets: bytes = name.name
    return octets.decode("ascii", "replace").lower().removesuffix(".")


def _text(text: Any) -> str:
    octets: bytes = text.string
    return octets.decode("ascii", "replace")
