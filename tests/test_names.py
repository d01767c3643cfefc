"""The resolver port: whom it asks, what it remembers, what it makes of answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns, error
from twisted.trial.unittest import SynchronousTestCase

from iwf.names import LONGEST, LONGEST_WAIT, MAX_KNOWN, MAX_RECORDS, NEGATIVE, Resolver, read
from iwf.records import Address, Alias, Answer, Naptr, Question, Srv, Type

FIRST, SECOND = ("192.0.2.53", 53), ("192.0.2.54", 5353)
WHO = Question("a.example", Type.A)


def header(payload: Any, name: str = "a.example", ttl: int = 60, cls: int = dns.IN) -> dns.RRHeader:
    return dns.RRHeader(name.encode(), payload.TYPE, cls, ttl, payload)


def address(host: str = "192.0.2.1", ttl: int = 60) -> dns.RRHeader:
    return header(dns.Record_A(host), ttl=ttl)


class Servers:
    """All servers of the net: each question waits until a test answers it."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, int], Question, int]] = []
        self.waiting: list[Deferred[Any]] = []

    def __call__(self, server: tuple[str, int], question: Question, seconds: int) -> Deferred[Any]:
        self.asked.append((server, question, seconds))
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def answer(self, *headers: dns.RRHeader) -> None:
        self.waiting.pop(0).callback(list(headers))

    def fail(self, fault: Exception) -> None:
        self.waiting.pop(0).errback(fault)


class ResolverCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.servers = Servers()

    def resolver(self, *servers: tuple[str, int], resolv_conf: str = "", hosts: str = "") -> Resolver:
        """With these servers, or with those of a file."""
        return Resolver(self.clock, servers, self.servers, resolv_conf or "/nonexistent", hosts or "/nonexistent")


class MemoryTests(ResolverCase):
    """What is remembered, and how long (SIP-52)."""

    def test_by_ttl(self) -> None:
        """An answer is used as long as its shortest TTL says, and then asked for again."""
        resolver = self.resolver(FIRST)
        asked = resolver.ask(WHO)
        self.servers.answer(address(ttl=100), address("192.0.2.2", ttl=20))
        answer = Answer((Address("a.example", "192.0.2.1", 100), Address("a.example", "192.0.2.2", 20)))
        self.assertEqual(self.successResultOf(asked), answer)
        self.clock.advance(19.9)
        self.assertEqual(resolver.known(WHO), answer)
        self.assertEqual(self.successResultOf(resolver.ask(WHO)), answer)
        self.clock.advance(0.1)
        self.assertIsNone(resolver.known(WHO))
        self.assertNoResult(resolver.ask(WHO))
        self.assertEqual(len(self.servers.asked), 2)

    def test_no_such_name(self) -> None:
        """That there is nothing is remembered for 30 s, whether the name is missing or its records are."""
        for nothing in (lambda: self.servers.fail(error.DNSNameError()), self.servers.answer):
            resolver = self.resolver(FIRST)
            asked = resolver.ask(WHO)
            nothing()
            self.assertEqual(self.successResultOf(asked), Answer())
            self.clock.advance(NEGATIVE - 0.1)
            self.assertEqual(resolver.known(WHO), Answer())
            self.clock.advance(0.1)
            self.assertIsNone(resolver.known(WHO))

    def test_not_too_long(self) -> None:
        """No TTL makes us miss a change for more than an hour; a TTL of 0 is not kept at all."""
        for ttl, kept in ((2**31 - 1, LONGEST), (2**31, 0), (0, 0)):
            resolver = self.resolver(FIRST)
            resolver.ask(WHO)
            self.servers.answer(address(ttl=ttl))
            self.assertEqual(resolver.known(WHO) is not None, kept > 0, ttl)
            self.clock.advance(kept)
            self.assertIsNone(resolver.known(WHO))

    def test_clock_set_back(self) -> None:
        """After the clock was set back answers are asked for again."""
        resolver = self.resolver(FIRST)
        self.clock.advance(1000)
        resolver.ask(WHO)
        self.servers.answer(address())
        self.clock.rightNow = 10.0
        self.assertIsNone(resolver.known(WHO))

    def test_bound(self) -> None:
        """Only so many answers are kept; the oldest makes room."""
        resolver = Resolver(self.clock, [FIRST], lambda *_: succeed([address()]))
        for number in range(MAX_KNOWN + 1):
            resolver.ask(Question(f"n{number}.example", Type.A))
        self.assertIsNone(resolver.known(Question("n0.example", Type.A)))
        self.assertIsNotNone(resolver.known(Question("n1.example", Type.A)))

    def test_asked_once(self) -> None:
        """Many who want to know the same at once are one question."""
        resolver = self.resolver(FIRST)
        asked = [resolver.ask(WHO) for _ in range(5)]
        self.assertEqual(len(self.servers.asked), 1)
        self.servers.answer(address())
        self.assertEqual({self.successResultOf(each) for each in asked}, {resolver.known(WHO)})

    def test_literals(self) -> None:
        """IP addresses, and what cannot be a name in DNS, are never asked for."""
        resolver = self.resolver(FIRST)
        for name in ("192.0.2.1", "2001:db8::1", "bücher.example"):
            self.assertEqual(self.successResultOf(resolver.ask(Question(name, Type.A))), Answer())
        self.assertEqual(self.servers.asked, [])


class ServerTests(ResolverCase):
    """Whom it asks."""

    def test_silent_servers(self) -> None:
        """A server that is silent gives way to the next; in a second round each gets more time."""
        asked = self.resolver(FIRST, SECOND).ask(WHO)
        for _ in range(4):
            self.servers.fail(error.DNSQueryTimeoutError(1))
        self.assertEqual([(server, seconds) for server, _, seconds in self.servers.asked],
                         [(FIRST, 1), (SECOND, 1), (FIRST, 3), (SECOND, 3)])
        self.assertEqual(self.successResultOf(asked), Answer(failed=True))

    def test_broken_server(self) -> None:
        """A server with troubles of its own gives way to the next, and is not asked again."""
        for fault in (error.DNSServerError(), error.DNSQueryRefusedError(), OSError(), ValueError()):
            servers = self.servers = Servers()
            asked = self.resolver(FIRST, SECOND).ask(WHO)
            servers.fail(fault)
            servers.fail(TimeoutError())
            servers.answer(address())
            self.assertEqual([server for server, _, _ in servers.asked], [FIRST, SECOND, SECOND])
            self.assertEqual(len(self.successResultOf(asked).records), 1)

    def test_failure_is_remembered(self) -> None:
        """When nobody has an answer, nobody is asked again for 30 s."""
        resolver = self.resolver(FIRST)
        resolver.ask(WHO)
        self.servers.fail(error.DNSServerError())
        self.assertEqual(resolver.known(WHO), Answer(failed=True))
        self.clock.advance(NEGATIVE)
        self.assertIsNone(resolver.known(WHO))

    def test_never_for_ever(self) -> None:
        """No question waits longer than twelve seconds, and its late answer does no harm."""
        asked = self.resolver(FIRST).ask(WHO)
        self.clock.advance(LONGEST_WAIT)
        self.assertEqual(self.successResultOf(asked), Answer(failed=True))
        self.servers.answer(address())

    def test_lookup_that_raises(self) -> None:
        """A look-up that cannot even begin is a failed one."""
        resolver = Resolver(self.clock, [FIRST], lambda *_: fail(OSError("no socket")))
        self.assertEqual(self.successResultOf(resolver.ask(WHO)), Answer(failed=True))

    def test_system(self) -> None:
        """Without configured servers, those of resolv.conf, read again when it changes."""
        path = self.mktemp()
        Path(path).write_text("# comment\nsearch example\nnameserver 192.0.2.53\n nameserver\t2001:db8::53 \n"
                              "nameserver nonsense\nnameserver\n")
        resolver = self.resolver(resolv_conf=path)
        resolver.ask(Question("a.example", Type.SRV))
        self.servers.fail(TimeoutError())
        self.assertEqual([server for server, _, _ in self.servers.asked], [FIRST, ("2001:db8::53", 53)])
        Path(path).write_text("nameserver 192.0.2.99\n")
        os.utime(path, (1, 1))
        resolver.ask(Question("b.example", Type.SRV))
        self.assertEqual(self.servers.asked[-1][0], ("192.0.2.99", 53))
        Path(path).unlink()
        resolver.ask(Question("c.example", Type.SRV))
        self.assertEqual(self.servers.asked[-1][0], ("127.0.0.1", 53))

    def test_hosts(self) -> None:
        """The hosts file comes first, for addresses, unless servers are configured."""
        path = self.mktemp()
        Path(path).write_text("192.0.2.8 A.example other # a.example\n192.0.2.9 a.example\n")
        resolver = self.resolver(hosts=path)
        found = self.successResultOf(resolver.ask(WHO))
        self.assertEqual([each.host for each in found.records], ["192.0.2.8", "192.0.2.9"])
        self.assertEqual(resolver.known(WHO), found)
        self.assertEqual(self.successResultOf(resolver.ask(Question("a.example", Type.AAAA))), Answer())
        self.assertEqual(self.servers.asked, [])
        self.assertNoResult(resolver.ask(Question("a.example", Type.SRV)))
        self.assertNoResult(resolver.ask(Question("b.example", Type.A)))
        self.assertNoResult(self.resolver(FIRST, hosts=path).ask(WHO))


class ReadTests(SynchronousTestCase):
    """What is made of the records of twisted.names."""

    def test_kinds(self) -> None:
        """Every kind that is asked for, with names in lower case and without the last dot."""
        self.assertEqual(read([
            header(dns.Record_A("192.0.2.1"), "A.Example."),
            header(dns.Record_AAAA("2001:DB8::1")),
            header(dns.Record_SRV(1, 2, 5060, b"Sip.Example")),
            header(dns.Record_SRV(0, 0, 0, b".")),
            header(dns.Record_NAPTR(1, 2, b"S", b"SIP+D2U", b"!a!B!", b"_sip._udp.Example")),
            header(dns.Record_CNAME(b"B.example")),
        ]), (
            Address("a.example", "192.0.2.1", 60),
            Address("a.example", "2001:db8::1", 60),
            Srv("a.example", 1, 2, 5060, "sip.example", 60),
            Srv("a.example", 0, 0, 0, "", 60),
            Naptr("a.example", 1, 2, "S", "SIP+D2U", "!a!B!", "_sip._udp.example", 60),
            Alias("a.example", "b.example", 60),
        ))

    def test_of_no_use(self) -> None:
        """Other kinds, other classes and what is too much are passed over."""
        self.assertEqual(read([header(dns.Record_TXT(b"x")), header(dns.Record_A("192.0.2.1"), cls=dns.CH)]), ())
        self.assertEqual(len(read([address()] * 1000)), MAX_RECORDS)

    @given(st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=6))
    @settings(max_examples=300, deadline=None)
    def test_any_octets(self, changes: list[tuple[int, int]]) -> None:
        """Of an answer with any octets spoilt, either nothing can be decoded, or it can be read."""
        message = dns.Message(1, answer=1)
        message.answers = [address(), header(dns.Record_SRV(1, 2, 5060, b"sip.example")),
                           header(dns.Record_NAPTR(1, 2, b"S", b"SIP+D2U", b"", b"_sip._udp.example")),
                           header(dns.Record_AAAA("2001:db8::1")), header(dns.Record_CNAME(b"b.example"))]
        octets = bytearray(message.toStr())
        for position, octet in changes:
            octets[position % len(octets)] = octet
        spoilt = dns.Message()
        try:
            spoilt.fromStr(bytes(octets))
        except Exception:
            return  # twisted.names drops such a datagram
        self.assertLessEqual(len(read(spoilt.answers)), len(spoilt.answers))

    @given(st.lists(st.binary(min_size=1, max_size=60).filter(lambda name: b"\xc0" > name[:1]), max_size=5))
    @settings(max_examples=100, deadline=None)
    def test_any_names(self, names: list[bytes]) -> None:
        """Names of any octets can be read; those that are no ASCII fit no host."""
        headers = [header(dns.Record_SRV(1, 1, 1, name)) for name in names]
        self.assertEqual([each.target.isascii() for each in read(headers) if isinstance(each, Srv)],
                         [name.isascii() for name in names])
