"""Finding the next hop by name: RFC 3263, RFC 2782 and RFC 3403 (SIP-50 to SIP-52).  Pure.

The search is a generator: it yields the questions whose answers it needs, all at once where they do
not depend on each other, is sent the answers in the same order, and returns the targets to try.
Whatever the answers hold, the search ends after a bounded number of questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from ipaddress import ip_address
from typing import TypeVar

from attrs import frozen

from iwf.records import Address, Alias, Answer, Naptr, Question, Record, Srv, Type
from iwf.sip.settings import Hop, Target, TrunkSettings
from iwf.sip.syntax.uri import Uri
from iwf.sip.transport.routing import default_port, is_address

#: Records of one answer that are looked at; real ones hold a handful.
MAX_RECORDS = 64
#: Aliases that are followed one after another; DNS servers give up at 8 to 16.
MAX_ALIASES = 8
#: SRV names asked for one target: three transports, with room for spare domains.
MAX_SERVICES = 6
#: Servers whose addresses are asked for.
MAX_SERVERS = 8
#: Targets of one request.  A silent one costs 32 s (timer F), so nobody gets through more than that.
MAX_HOPS = 16

#: What this module can name in SRV; in the order that is best for a MESSAGE (RFC 3428 section 8
#: prefers transports that control congestion).
TRANSPORTS = ("tls", "tcp", "udp")
FAMILIES = (Type.AAAA, Type.A)

_SRV = {"tls": "_sips._tcp.", "tcp": "_sip._tcp.", "udp": "_sip._udp."}
_NAPTR_SERVICES = {"sips+d2t": "tls", "sip+d2t": "tcp", "sip+d2u": "udp"}
# RFC 3261 26.2.2: sips means TLS on each hop; transport=tcp then says what TLS runs over.
_SECURED = {"tcp": "tls", "tls": "tls"}

_CLASSES = {Type.A: Address, Type.AAAA: Address, Type.SRV: Srv, Type.NAPTR: Naptr}

_is_name = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*").fullmatch

Draw = Callable[[int], int]
"""A random whole number from 0 to the argument, both included."""


@frozen
class Located:
    """Where to send, in order; there may be nowhere."""

    hops: tuple[Hop, ...]
    """With numeric addresses."""
    domain: str
    """The name that a TLS server must prove: the target's own, not what DNS made of it (SIP-49)."""
    unsure: bool = False
    """Some question found no answer, so it may be otherwise later."""
    why: str = ""
    """For operators: why there is nowhere to send."""
    unable: bool = False
    """It is us who lack the transport."""


@frozen
class _Service:
    """A name that may have SRV records."""

    transport: str
    name: str


@frozen
class _Server:
    """A host to which requests could go, once it has an address."""

    transport: str
    host: str
    port: int


_T = TypeVar("_T")
_Asking = Generator[tuple[Question, ...], tuple[Answer, ...], _T]
Locating = _Asking[Located]


def next_hop(trunk: TrunkSettings, uri: Uri) -> Target:
    """What a request to that URI looks for: the trunk's proxy first (SIP-50), else the host of the URI."""
    given = trunk.next_hop
    if given is None:
        return target_of(uri)
    return Target(given.host, given.port, given.transport) if isinstance(given, Hop) else given


def target_of(uri: Uri) -> Target:
    """What a request to that URI looks for.

    ``maddr`` is not obeyed, against RFC 3263 section 4: it would send requests for a domain of a
    trunk to any host that a user likes.
    """
    host = uri.host.strip("[]").lower().removesuffix(".")
    return Target(host, uri.port, (uri.param("transport") or "").lower(), uri.scheme == "sips")


def locate(target: Target, draw: Draw, transports: Sequence[str] = TRANSPORTS,
           families: Sequence[Type] = FAMILIES) -> Locating:
    """Find where requests for a target go (the table of SIP-50).

    :param draw: chance, for servers that share the load.
    :param transports: those that we have, the best one first.
    :param families: A, AAAA or both, in the order in which addresses are tried (SIP-52).
    """
    search = _Search(target, draw, families)
    return search.run([one for one in transports if one in _SRV])


class _Search:
    """One search; remembers whether some question found no answer."""

    def __init__(self, target: Target, draw: Draw, families: Sequence[Type]) -> None:
        self._target = target
        self._draw = draw
        self._families = families
        self._unsure = False

    def run(self, transports: Sequence[str]) -> Locating:
        target = self._target
        numeric = is_address(target.host)
        if not numeric and not _is_name(target.host):
            return self._nowhere("no host to look for")
        if target.secure:
            transports = [one for one in transports if one == "tls"]
        transport = _transport_of(target)
        direct = numeric or target.port is not None
        if direct and not transport:
            transport = _default_transport(target)           # SIP-50: numeric host or port, no transport
        if not transports or (transport and transport not in transports):
            return self._nowhere(f"no transport {transport or _default_transport(target)} here", unable=True)
        if direct:
            return (yield from self._addresses([_server(transport, target)]))
        if transport:
            return (yield from self._served([_Service(transport, _SRV[transport] + target.host)], transport))
        (records,) = yield from self._ask([Question(target.host, Type.NAPTR)])
        services = _services_named(records, transports)
        if services:
            return (yield from self._served(services, services[0].transport))
        services = [_Service(transport, _SRV[transport] + target.host) for transport in transports]
        custom = _default_transport(target)
        return (yield from self._served(services, custom if custom in transports else transports[0]))

    def _nowhere(self, why: str, unable: bool = False) -> Located:
        return Located((), self._target.host, self._unsure, why, unable)

    def _served(self, services: Sequence[_Service], otherwise: str) -> Locating:
        """The addresses of the servers of these services.

        :param otherwise: the transport to the host itself, when there are no SRV records.
        """
        answers = yield from self._ask([Question(service.name, Type.SRV) for service in services])
        servers: list[_Server] = []
        closed = set()
        for service, records in zip(services, answers, strict=True):
            if any(isinstance(srv, Srv) and not srv.target for srv in records):
                closed.add(service.transport)                # RFC 2782: the target "." says: not here
            servers += [_Server(service.transport, srv.target, srv.port) for srv in ordered(records, self._draw)]
        if not servers:
            if otherwise in closed:
                return self._nowhere(f"{self._target.host} says that it has no SIP by {otherwise}")
            servers = [_server(otherwise, self._target)]
        return (yield from self._addresses(servers))

    def _addresses(self, servers: Iterable[_Server]) -> Locating:
        """The end of every search: the servers' addresses, in the order of the servers."""
        chosen = list(dict.fromkeys(servers))[:MAX_SERVERS]
        # Each host with its addresses; one that is an address is its own.
        found = {server.host: [server.host] if is_address(server.host) else [] for server in chosen}
        names = [host for host, addresses in found.items() if not addresses]
        questions = [Question(name, family) for name in names for family in self._families]
        answers = yield from self._ask(questions)
        for question, records in zip(questions, answers, strict=True):
            found[question.name] += [each.host for each in records if isinstance(each, Address)]
        hops = dict.fromkeys(Hop(server.transport, address, server.port) for server in chosen
                             for host in found[server.host] if (address := _address_of_somebody(host)))
        if not hops:
            return self._nowhere(f"no address of {', '.join(names) or self._target.host}")
        return Located(tuple(hops)[:MAX_HOPS], self._target.host, self._unsure)

    def _ask(self, questions: Sequence[Question]) -> _Asking[list[list[Record]]]:
        """The records for each question, by way of aliases."""
        found: list[list[Record]] = [[] for _ in questions]
        asked = dict(enumerate(questions))
        for _ in range(MAX_ALIASES):
            if not asked:
                break
            answers = yield tuple(asked.values())
            again: dict[int, Question] = {}
            for (index, question), answer in zip(asked.items(), answers, strict=True):
                self._unsure = self._unsure or answer.failed
                name, found[index] = _followed(question, answer.records[:MAX_RECORDS])
                if name != question.name and not found[index] and _is_name(name):
                    again[index] = Question(name, question.type)
            asked = again
        return found


def _transport_of(target: Target) -> str:
    """The transport that the target asks for; empty when it does not."""
    if target.secure and target.transport:
        return _SECURED.get(target.transport, "dtls")
    return target.transport


def _default_transport(target: Target) -> str:
    return "tls" if target.secure else "udp"


def _server(transport: str, target: Target) -> _Server:
    return _Server(transport, target.host, default_port(transport) if target.port is None else target.port)


def _services_named(records: Iterable[Record], transports: Sequence[str]) -> list[_Service]:
    """The services of NAPTR records that we can use, the domain's favourite first (RFC 3263 4.1)."""
    found = []
    usable = [each for each in records if isinstance(each, Naptr) and each.flags.lower() == "s" and not each.regexp
              and _is_name(each.replacement)]
    for record in sorted(usable, key=lambda each: (each.order, each.preference)):
        transport = _NAPTR_SERVICES.get(record.service.lower(), "")
        if transport in transports:
            found.append(_Service(transport, record.replacement))
    # RFC 3403 would stop at the lowest order; those after it are tried when all of its servers fail.
    return list(dict.fromkeys(found))[:MAX_SERVICES]


def ordered(records: Iterable[Record], draw: Draw) -> list[Srv]:
    """The usable SRV records in the order in which they are to be tried (RFC 2782)."""
    usable = [each for each in records if isinstance(each, Srv) and 0 < each.port < 65536
              and (_is_name(each.target) or is_address(each.target))]
    result = []
    for priority in sorted({srv.priority for srv in usable}):
        group = [srv for srv in usable if srv.priority == priority]
        group.sort(key=lambda srv: srv.weight > 0)           # those without weight come first
        while group:
            result.append(group.pop(_drawn([max(0, srv.weight) for srv in group], draw)))
    return result


def _drawn(weights: Sequence[int], draw: Draw) -> int:
    """The index of the first weight at which the running sum reaches a random number."""
    number = draw(sum(weights)) if len(weights) > 1 else 0
    running = 0
    for index, weight in enumerate(weights):
        running += weight
        if running >= number:
            return index
    return len(weights) - 1


def _followed(question: Question, records: Iterable[Record]) -> tuple[str, list[Record]]:
    """The records of a name within one answer, and the name at which its aliases end."""
    wanted: dict[str, list[Record]] = {}
    aliases: dict[str, str] = {}
    for record in records:
        if isinstance(record, Alias):
            aliases[record.name] = record.target
        elif isinstance(record, _CLASSES[question.type]):
            wanted.setdefault(record.name, []).append(record)
    name = question.name
    for _ in range(MAX_ALIASES):
        if name in wanted or name not in aliases:
            break
        name = aliases[name]
    return name, wanted.get(name, [])


def _address_of_somebody(host: str) -> str:
    """An IP address in its usual spelling; empty when it is none, or that of nobody or of many."""
    try:
        parsed = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    address = getattr(parsed, "ipv4_mapped", None) or parsed
    return "" if address.is_unspecified or address.is_multicast else str(address)
