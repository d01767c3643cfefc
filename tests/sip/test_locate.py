"""Finding the next hop by name: RFC 3263, RFC 2782, RFC 3403 (SIP-50 to SIP-52)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.records import Address, Alias, Answer, Naptr, Question, Srv, Type
from iwf.sip.settings import Hop, Target
from iwf.sip.syntax.uri import parse_uri
from iwf.sip.transport.locate import (
    FAMILIES,
    MAX_ALIASES,
    MAX_HOPS,
    MAX_RECORDS,
    MAX_SERVERS,
    MAX_SERVICES,
    TRANSPORTS,
    Located,
    locate,
    next_hop,
    ordered,
    target_of,
)
from iwf.sip.transport.locator import Locator, reachable
from tests.sip.samples import TRUNK
from tests.support.names import FakeNames, Zone, a, naptr, srv

PLAIN = ("tcp", "udp")
#: RFC 3263 section 4.1: the example domain, with the servers of section 4.2's kind.
EXAMPLE = Zone(
    naptr("example.com", 50, "SIPS+D2T", "_sips._tcp.example.com"),
    naptr("example.com", 90, "SIP+D2T", "_sip._tcp.example.com"),
    naptr("example.com", 100, "SIP+D2U", "_sip._udp.example.com"),
    srv("_sips._tcp.example.com", "server1.example.com", 5061),
    srv("_sip._tcp.example.com", "server1.example.com", 5060, 0, 1),
    srv("_sip._tcp.example.com", "server2.example.com", 5060, 1, 2),
    srv("_sip._udp.example.com", "server2.example.com", 5070),
    a("server1.example.com", "192.0.2.1"), a("server2.example.com", "192.0.2.2", "2001:db8::2"),
    a("example.com", "192.0.2.99"),
)


def lowest(most: int) -> int:
    """A draw that is never lucky."""
    return 0


def find(target: Target | str, zone: Zone = EXAMPLE, transports: Sequence[str] = TRANSPORTS,
         families: Sequence[Type] = FAMILIES, draw: Callable[[int], int] = lowest) -> Located:
    """Run a search over a zone.

    :param target: a URI in text, or the target itself.
    """
    if isinstance(target, str):
        target = target_of(parse_uri(target))
    search = locate(target, draw, transports, families)
    try:
        questions = next(search)
        while True:
            questions = search.send(tuple(zone.answer(question) for question in questions))
    except StopIteration as end:
        assert isinstance(end.value, Located)
        return end.value


def hops(*args: object, **options: object) -> list[str]:
    """The targets of a search as text."""
    return [f"{hop.transport} {hop.host} {hop.port}" for hop in find(*args, **options).hops]  # type: ignore[arg-type]


class TableTests(SynchronousTestCase):
    """The table of SIP-50, row by row."""

    def assert_silent(self, uri: str, *expected: str, transports: Sequence[str] = TRANSPORTS) -> None:
        """These targets, found without a question."""
        zone = Zone()
        self.assertEqual(hops(uri, zone, transports), list(expected), uri)
        self.assertEqual(zone.asked, [], uri)

    def test_numeric(self) -> None:
        """A numeric host is never asked for; transport and port are given, or UDP and the default port."""
        self.assert_silent("sip:a@192.0.2.9", "udp 192.0.2.9 5060")
        self.assert_silent("sip:a@192.0.2.9:5070", "udp 192.0.2.9 5070")
        self.assert_silent("sip:a@[2001:DB8:0::9]", "udp 2001:db8::9 5060")
        self.assert_silent("sip:a@192.0.2.9;transport=TCP", "tcp 192.0.2.9 5060")
        self.assert_silent("sip:a@192.0.2.9:5070;transport=tcp", "tcp 192.0.2.9 5070")
        self.assert_silent("sip:a@192.0.2.9;transport=tls", "tls 192.0.2.9 5061")
        self.assert_silent("sips:a@192.0.2.9", "tls 192.0.2.9 5061")
        self.assert_silent("sips:a@192.0.2.9:5071;transport=tcp", "tls 192.0.2.9 5071")

    def test_name_with_port(self) -> None:
        """A name with a port has addresses only: UDP (sips: TLS), or the given transport."""
        for uri, expected in (("sip:a@server1.example.com:5070", "udp 192.0.2.1 5070"),
                              ("sip:a@server1.example.com:5070;transport=tcp", "tcp 192.0.2.1 5070"),
                              ("sips:a@server1.example.com:5070", "tls 192.0.2.1 5070")):
            EXAMPLE.asked.clear()
            self.assertEqual(hops(uri), [expected])
            self.assertEqual({question.type for question in EXAMPLE.asked}, {Type.A, Type.AAAA})

    def test_name_with_transport(self) -> None:
        """A name with a transport: its SRV records, without NAPTR."""
        EXAMPLE.asked.clear()
        self.assertEqual(hops("sip:a@example.com;transport=udp"), ["udp 2001:db8::2 5070", "udp 192.0.2.2 5070"])
        self.assertEqual(EXAMPLE.asked[0], Question("_sip._udp.example.com", Type.SRV))
        self.assertNotIn(Type.NAPTR, {question.type for question in EXAMPLE.asked})
        self.assertEqual(hops("sip:a@example.com;transport=tls"), ["tls 192.0.2.1 5061"])
        self.assertEqual(hops("sips:a@example.com;transport=tcp"), ["tls 192.0.2.1 5061"])

    def test_name_with_transport_without_srv(self) -> None:
        """Without SRV records: the addresses of the name, with the default port of the transport."""
        self.assertEqual(hops("sip:a@server1.example.com;transport=tcp"), ["tcp 192.0.2.1 5060"])
        self.assertEqual(hops("sip:a@server1.example.com;transport=tls"), ["tls 192.0.2.1 5061"])
        self.assertEqual(hops("sips:a@server1.example.com;transport=tls"), ["tls 192.0.2.1 5061"])

    def test_name_only(self) -> None:
        """A name only: NAPTR says which transports it has, in which order."""
        self.assertEqual(hops("sip:a@example.com"),
                         ["tls 192.0.2.1 5061",
                          "tcp 192.0.2.1 5060", "tcp 2001:db8::2 5060", "tcp 192.0.2.2 5060",
                          "udp 2001:db8::2 5070", "udp 192.0.2.2 5070"])
        self.assertEqual(hops("sips:a@example.com"), ["tls 192.0.2.1 5061"])

    def test_name_only_without_naptr(self) -> None:
        """Without NAPTR: SRV of every transport that we have."""
        zone = Zone([each for each in EXAMPLE.records if not isinstance(each, Naptr)])
        self.assertEqual(hops("sip:a@example.com", zone), hops("sip:a@example.com"))
        self.assertEqual(hops("sips:a@example.com", zone), ["tls 192.0.2.1 5061"])
        self.assertEqual(hops("sip:a@example.com", zone, ("udp",)), ["udp 2001:db8::2 5070", "udp 192.0.2.2 5070"])

    def test_name_only_with_addresses_only(self) -> None:
        """With neither: UDP to port 5060 of the name, for sips TLS to 5061."""
        self.assertEqual(hops("sip:a@server1.example.com"), ["udp 192.0.2.1 5060"])
        self.assertEqual(hops("sips:a@server1.example.com"), ["tls 192.0.2.1 5061"])
        self.assertEqual(hops("sip:a@server1.example.com", transports=("tcp",)), ["tcp 192.0.2.1 5060"])

    def test_transports_we_lack(self) -> None:
        """A transport that we lack is never replaced by another one; sips is never sent in the clear (SIP-49)."""
        for uri in ("sip:a@example.com;transport=tls", "sips:a@example.com", "sips:a@192.0.2.1",
                    "sips:a@example.com;transport=udp", "sip:a@example.com;transport=sctp",
                    "sip:a@192.0.2.1;transport=ws"):
            found = find(uri, transports=PLAIN)
            self.assertEqual(found.hops, (), uri)
            self.assertIn("no transport", found.why)
        self.assertEqual(find("sips:a@example.com;transport=udp").hops, ())
        self.assertEqual(find("sip:a@192.0.2.1", transports=("tcp",)).hops, ())
        self.assertEqual(hops("sip:a@example.com", transports=PLAIN)[0], "tcp 192.0.2.1 5060")
        self.assertEqual(find("sip:a@example.com", transports=()).hops, ())


class TrunkTests(SynchronousTestCase):
    """What is looked for at all."""

    def test_proxy_first(self) -> None:
        """The trunk's proxy comes before the recipient's host (SIP-50)."""
        uri = parse_uri("sip:ana@sip.example:5070;transport=TCP")
        for proxy, expected in ((Hop("tcp", "proxy.example", 5062), Target("proxy.example", 5062, "tcp")),
                                (Hop("udp", "192.0.2.1", 5060), Target("192.0.2.1", 5060, "udp")),
                                (Target("proxy.example"), Target("proxy.example")),
                                (None, Target("sip.example", 5070, "tcp"))):
            self.assertEqual(next_hop(evolve(TRUNK, next_hop=proxy), uri), expected)

    def test_recipient(self) -> None:
        """Of a URI host, port, transport and scheme count."""
        for text, expected in (("sip:a@B.example.", Target("b.example")),
                               ("sips:a@[2001:db8::1]", Target("2001:db8::1", secure=True)),
                               ("sip:b.example;transport=", Target("b.example"))):
            self.assertEqual(target_of(parse_uri(text)), expected)

    def test_reachable(self) -> None:
        """UDP needs a listener, TCP none; IPv6 comes first where we listen on it (SIP-52)."""
        for listeners, expected in (
            ((Hop("udp", "0.0.0.0", 5060),), (("tcp", "udp"), (Type.A, Type.AAAA))),
            ((Hop("tcp", "192.0.2.1", 5060),), (("tcp",), (Type.A, Type.AAAA))),
            ((Hop("udp", "192.0.2.1", 5060), Hop("udp", "::", 5060)), (("tcp", "udp"), (Type.AAAA, Type.A))),
        ):
            self.assertEqual(reachable(listeners), expected)


class RecordTests(SynchronousTestCase):
    """What the records mean."""

    def test_what_a_certificate_must_prove(self) -> None:
        """A TLS server must prove the domain that was looked for, not what DNS led to (SIP-49, RFC 3263 4)."""
        self.assertEqual(find("sips:a@Example.COM.").domain, "example.com")

    def test_order_before_preference(self) -> None:
        """NAPTR: order counts before preference, equal ones stay as they came (RFC 3403 4.1)."""
        zone = Zone(naptr("d", 20, "SIP+D2T", "t.d", 1), naptr("d", 10, "SIP+D2U", "u2.d", 60),
                    naptr("d", 10, "sip+d2u", "u1.d", 50, "S"),
                    *(srv(f"{each}.d", "h.d", port) for each, port in (("t", 1), ("u1", 2), ("u2", 3))),
                    a("h.d", "192.0.2.1"))
        self.assertEqual(hops("sip:a@d", zone), ["udp 192.0.2.1 2", "udp 192.0.2.1 3", "tcp 192.0.2.1 1"])

    def test_naptr_of_no_use(self) -> None:
        """NAPTR records of other services, flags or with an expression are passed over, and then SRV is asked."""
        zone = Zone(naptr("d", 1, "E2U+sip", "x.d"), naptr("d", 1, "SIP+D2U", "x.d", flags="u"),
                    naptr("d", 1, "SIP+D2U", "x.d", regexp="!^.*$!sip:a@b!"), naptr("d", 1, "SIP+D2S", "x.d"),
                    naptr("d", 1, "SIP+D2U", ""), naptr("d", 1, "SIP+D2U", "bad name"),
                    srv("x.d", "h.d", 6000), srv("_sip._udp.d", "h.d", 5060), a("h.d", "192.0.2.1"))
        self.assertEqual(hops("sip:a@d", zone), ["udp 192.0.2.1 5060"])

    def test_replacement_elsewhere(self) -> None:
        """The services of a domain may lie in another one (ADDR-52)."""
        zone = Zone(naptr("d", 1, "SIP+D2U", "_sip._udp.hoster.example"),
                    srv("_sip._udp.hoster.example", "h.hoster.example"), a("h.hoster.example", "192.0.2.5"))
        self.assertEqual(hops("sip:a@d", zone), ["udp 192.0.2.5 5060"])

    def test_naptr_without_srv(self) -> None:
        """Without the SRV records that NAPTR promises: the name itself, by the transport that it likes best."""
        zone = Zone(naptr("d", 1, "SIP+D2T", "_sip._tcp.d"), naptr("d", 2, "SIP+D2U", "_sip._udp.d"),
                    a("d", "192.0.2.1"))
        self.assertEqual(hops("sip:a@d", zone), ["tcp 192.0.2.1 5060"])

    def test_decidedly_not_there(self) -> None:
        """An SRV target "." ends it: the domain has no SIP, whatever addresses it has (RFC 2782)."""
        zone = Zone(srv("_sip._udp.d", ""), a("d", "192.0.2.1"))
        found = find("sip:a@d", zone)
        self.assertEqual((found.hops, found.why), ((), "d says that it has no SIP by udp"))
        self.assertEqual(find("sip:a@d;transport=udp", zone).hops, ())
        self.assertEqual(hops("sip:a@d;transport=tcp", zone), ["tcp 192.0.2.1 5060"])

    def test_servers_without_address(self) -> None:
        """SRV servers without address are no reason to write to the domain itself."""
        zone = Zone(srv("_sip._udp.d", "gone.d"), a("d", "192.0.2.1"))
        found = find("sip:a@d", zone)
        self.assertEqual((found.hops, found.unsure, found.why), ((), False, "no address of gone.d"))

    def test_unknown_domain(self) -> None:
        """A name that does not exist is told from one that could not be asked for."""
        self.assertEqual(find("sip:a@nowhere.example", Zone()).unsure, False)
        for broken in ("nowhere.example", "_sip._tcp.nowhere.example"):
            self.assertEqual(find("sip:a@nowhere.example", Zone(broken=[broken])).unsure, True)

    def test_naptr_that_fails(self) -> None:
        """Where servers stumble over NAPTR, SRV still serves."""
        zone = Zone(srv("_sip._udp.d", "h.d"), a("h.d", "192.0.2.1"), broken=["d"])
        self.assertEqual(hops("sip:a@d", zone), ["udp 192.0.2.1 5060"])

    def test_families(self) -> None:
        """Addresses of a server stand in our order of families; a family that we lack is not asked for (SIP-52)."""
        self.assertEqual(hops("sip:a@server2.example.com:5060", families=(Type.A, Type.AAAA)),
                         ["udp 192.0.2.2 5060", "udp 2001:db8::2 5060"])
        EXAMPLE.asked.clear()
        self.assertEqual(hops("sip:a@server2.example.com:5060", families=(Type.A,)), ["udp 192.0.2.2 5060"])
        self.assertEqual(EXAMPLE.asked, [Question("server2.example.com", Type.A)])

    def test_address_in_srv(self) -> None:
        """An IP address as SRV target is forbidden and seen all the same: it is used, and not asked for."""
        zone = Zone(srv("_sip._udp.d", "192.0.2.7", 5070))
        self.assertEqual(hops("sip:a@d", zone), ["udp 192.0.2.7 5070"])
        self.assertNotIn("192.0.2.7", {question.name for question in zone.asked})

    def test_nobodys_addresses(self) -> None:
        """Addresses of nobody and of everybody are no targets."""
        zone = Zone(a("d", "0.0.0.0", "239.1.2.3", "::", "ff02::1", "192.0.2.1"))
        self.assertEqual(hops("sip:a@d:5060", zone), ["udp 192.0.2.1 5060"])

    def test_aliases(self) -> None:
        """Aliases are followed within an answer, and asked for when the answer stops at one."""
        zone = Zone(Alias("d", "e"), Alias("e", "f"), a("f", "192.0.2.1"))
        self.assertEqual(hops("sip:a@d:5060", zone), ["udp 192.0.2.1 5060"])

        class OneByOne(Zone):
            def answer(self, question: Question) -> Answer:
                whole = super().answer(question)
                return Answer(tuple(each for each in whole.records if each.name == question.name))

        self.assertEqual(hops("sip:a@d:5060", OneByOne(zone.records)), ["udp 192.0.2.1 5060"])
        long = OneByOne([Alias(f"n{number}", f"n{number + 1}") for number in range(100)])
        self.assertEqual(hops("sip:a@n0:5060", long), [])
        self.assertLessEqual(len(long.asked), 2 * MAX_ALIASES)

    def test_circle(self) -> None:
        """Aliases in a circle lead nowhere, in time."""
        zone = Zone(Alias("d", "e"), Alias("e", "d"))
        self.assertEqual(hops("sip:a@d:5060", zone), [])

    def test_no_host(self) -> None:
        """What has no host that could be asked for has no target."""
        for target in (Target(""), Target("a b"), Target("x" * 64), Target("a." * 130 + "a"), Target("é.example")):
            zone = Zone()
            self.assertEqual((find(target, zone).hops, zone.asked), ((), []))
        self.assertEqual(find("tel:+491234").hops, ())

    def test_maddr(self) -> None:
        """A user cannot send requests elsewhere by ``maddr``."""
        self.assertEqual(hops("sip:a@192.0.2.1;maddr=192.0.2.66"), ["udp 192.0.2.1 5060"])

    def test_bounds(self) -> None:
        """However much a domain publishes, the questions and targets stay few."""
        zone = Zone([srv("_sip._udp.d", f"h{n}.d") for n in range(500)],
                    [Address(f"h{n}.d", f"192.0.2.{m}") for n in range(500) for m in range(1, 100)])
        found = find("sip:a@d;transport=udp", zone)
        self.assertEqual(len(found.hops), MAX_HOPS)
        self.assertEqual(len(zone.asked), 1 + 2 * MAX_SERVERS)
        zone = Zone([naptr("d", n, "SIP+D2U", f"s{n}.d") for n in range(500)])
        find("sip:a@d", zone)
        self.assertEqual([question.type for question in zone.asked].count(Type.SRV), MAX_SERVICES)
        zone = Zone([srv("_sip._udp.d", "192.0.2.1", 5060, 2)] * MAX_RECORDS, srv("_sip._udp.d", "192.0.2.2", 5060, 1))
        self.assertEqual(hops("sip:a@d", zone), ["udp 192.0.2.1 5060"])


class WeightTests(SynchronousTestCase):
    """How the load is shared (RFC 2782)."""

    RECORDS = (srv("s", "a", 1, 1, 60), srv("s", "b", 1, 1, 30), srv("s", "c", 1, 1, 10), srv("s", "z", 1, 1, 0),
               srv("s", "first", 1, 0, 0), srv("s", "last", 1, 2, 99))

    def order(self, *draws: int) -> tuple[list[str], list[int]]:
        """The targets for these draws, and what each was drawn from."""
        rest, totals = list(draws), []

        def draw(most: int) -> int:
            totals.append(most)
            return rest.pop(0)

        return [each.target for each in ordered(self.RECORDS, draw)], totals

    def test_draws(self) -> None:
        """The first running sum that reaches the number wins, those without weight being first in line."""
        self.assertEqual(self.order(0, 0, 0), (["first", "z", "a", "b", "c", "last"], [100, 100, 40]))
        self.assertEqual(self.order(1, 1, 1), (["first", "a", "b", "c", "z", "last"], [100, 40, 10]))
        self.assertEqual(self.order(60, 30, 10), (["first", "a", "b", "c", "z", "last"], [100, 40, 10]))
        self.assertEqual(self.order(61, 61, 0), (["first", "b", "c", "z", "a", "last"], [100, 70, 60]))
        self.assertEqual(self.order(100, 90, 60), (["first", "c", "b", "a", "z", "last"], [100, 90, 60]))

    def test_shares(self) -> None:
        """Over many messages each server gets its share of the weight."""
        ids = Ids(7)
        locator = Locator(FakeNames(Zone(
            srv("_sip._udp.d", "192.0.2.1", weight=60), srv("_sip._udp.d", "192.0.2.2", weight=30),
            srv("_sip._udp.d", "192.0.2.3", weight=10))), ids)
        times = 3000
        first = Counter(self.successResultOf(locator.locate(Target("d"))).hops[0].host for _ in range(times))
        for host, share in (("192.0.2.1", 0.6), ("192.0.2.2", 0.3), ("192.0.2.3", 0.1)):
            self.assertLess(abs(first[host] / times - share), 0.04)

    def test_unusable(self) -> None:
        """Servers with an impossible port or name are passed over."""
        records = [srv("s", "a", 0), srv("s", "b", 65536), srv("s", "b c"), srv("s", ""), srv("s", "good")]
        self.assertEqual([each.target for each in ordered(records, lowest)], ["good"])


NAMES = st.sampled_from(["d", "e", "_sip._udp.d", "_sip._tcp.d", "", ".", "bad name", "x" * 300, "192.0.2.1", "::1"])
NUMBERS = st.integers(-5, 2**17)
RECORDS = st.one_of(
    st.builds(Address, NAMES, st.sampled_from(["192.0.2.1", "::1", "", "junk", "999.1.1.1", "fe80::1%eth0"])),
    st.builds(Srv, NAMES, NUMBERS, NUMBERS, NUMBERS, NAMES),
    st.builds(Naptr, NAMES, NUMBERS, NUMBERS, st.sampled_from(["s", "a", ""]),
              st.sampled_from(["SIP+D2U", "SIP+D2T", "SIPS+D2T", "junk", ""]), st.sampled_from(["", "!"]), NAMES),
    st.builds(Alias, NAMES, NAMES),
)
ANSWERS = st.builds(Answer, st.lists(RECORDS, max_size=12).map(tuple), st.booleans())
TARGETS = st.builds(Target, NAMES, st.none() | NUMBERS, st.sampled_from(["", "udp", "tcp", "tls", "junk"]),
                    st.booleans())


class HostileTests(SynchronousTestCase):
    """Answers of somebody who means ill."""

    @given(target=TARGETS, answers=st.lists(ANSWERS, min_size=1, max_size=6), number=st.integers(-3, 10**9),
           transports=st.sampled_from([TRANSPORTS, PLAIN, ("udp",), ()]))
    @settings(max_examples=300, deadline=None)
    def test_any_answers(self, target: Target, answers: list[Answer], number: int, transports: tuple[str, ...]) -> None:
        """Whatever comes back, the search ends soon with targets that can be sent to, and only by our transports."""
        turns = count()
        search = locate(target, lambda most: number, transports)
        asked = 0
        try:
            questions = next(search)
            while True:
                asked += len(questions)
                self.assertTrue(all(0 < len(question.name) < 300 for question in questions))
                questions = search.send(tuple(answers[next(turns) % len(answers)] for _ in questions))
        except StopIteration as end:
            found = end.value
        self.assertLess(asked, 300)
        self.assertLessEqual(len(found.hops), MAX_HOPS)
        self.assertEqual(len(set(found.hops)), len(found.hops))
        self.assertTrue(found.hops or found.why)
        for hop in found.hops:
            self.assertIn(hop.transport, transports)
            self.assertIn(hop.host, ("192.0.2.1", "::1", "fe80::1"))
            self.assertTrue(not target.secure or hop.transport == "tls")


class LocatorTests(SynchronousTestCase):
    """A search and those who answer it."""

    def test_questions_at_once(self) -> None:
        """Questions that do not depend on each other are asked at the same time."""
        names = FakeNames(EXAMPLE, at_once=False)
        EXAMPLE.asked.clear()
        located = Locator(names, Ids(1)).locate(Target("example.com"))
        rounds = []
        while not located.called:
            names.let_go()
            rounds.append([question.type.value for question in EXAMPLE.asked])
            EXAMPLE.asked.clear()
        self.assertEqual(rounds, [["NAPTR"], ["SRV"] * 3, ["AAAA", "A"] * 2])
        self.assertEqual(self.successResultOf(located), find("sip:a@example.com"))

    def test_known(self) -> None:
        """What is known is not asked for."""
        class Knowing(FakeNames):
            def known(self, question: Question) -> Answer | None:
                return EXAMPLE.answer(question)

        names = Knowing(Zone(broken=["example.com"]))
        self.assertEqual(self.successResultOf(Locator(names, Ids(1), PLAIN).locate(Target("example.com"))),
                         find("sip:a@example.com", transports=PLAIN))
        self.assertEqual(names.zone.asked, [])
