"""Laws of addresses that hold for every user, hostile ones above all (ADDR-19, 21, 24)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.address import (
    Mapped,
    canonical,
    domain_of,
    escaped_length,
    fits_local_part,
    fold,
    image_of,
    native_of,
)
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Reason
from iwf.mapping.route import lane_for
from iwf.sip.address import address_of_uri, uri_of_address
from iwf.sip.syntax.uri import parse_uri
from iwf.xmpp.jid import JidFault, address_of_jid, escape, jid_of_address
from tests.mapping.places import BOTH, GATEWAY, M, P, S, X

#: A busy machine is no reason to fail.
examples = settings(max_examples=120, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.too_slow])

#: What breaks naive gateways: separators of either world, escapes, half escapes, case, marks.
PIECES = ("*", "@", "/", ":", ";", "%", "%40", "%2", "\\", "\\20", "\\27", "\\2F", "\\5c", "\\5c27",
          "\\5", " ", "'", '"', "&", "<", ">", "A", "z", "a.b", "*h.example", ";gr=x", "?", "#", "[", "]",
          "ü", "Ü", "u\u0308", "ß", "ς", "Σ", "İ", "ﬁ", "א", "€", "😀", "\u00ad", "\u200d", "\u00a0", "\u2028",
          "\0", "\x1f", "\x7f", "\ufffe", "\ud800", "x" * 300, "'" * 300)

users = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(codec="ascii"), max_size=20),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(st.sampled_from("ab*\\27 5cC@%ü"), max_size=12))

hosts = st.one_of(
    st.sampled_from(("h.example", "x", "xn--bcher-kva.example", "192.0.2.1", "a-b.c_d.example", BOTH,
                     "b.com*alias.others", "special.example")),
    st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,3}", fullmatch=True))

sip_hosts = st.builds(
    "{}{}".format,
    st.one_of(hosts, st.sampled_from(("[2001:db8::1]", "[::1]", "[::ffff:192.0.2.1]"))),
    st.one_of(st.just(""), st.integers(1, 65535).map(":{}".format)))

instances = st.one_of(st.just(""), st.sampled_from(("Psi+ (home)", "é/ü", "a;b=c", "\u00a0")),
                      st.text(max_size=10))

sip_users = st.builds(Address, st.just(SIP), users, sip_hosts, instances)
xmpp_users = st.builds(Address, st.just(XMPP), users, hosts, instances)
natives = st.one_of(sip_users, xmpp_users)


@st.composite
def seen_addresses(draw: DrawFn) -> Address:
    """An address in a domain of ours that may or may not lead to somebody."""
    domains: SearchStrategy[str] = st.one_of(
        sip_hosts, st.sampled_from((X, S, M, P, "", "H.Example.", "bücher.example", "-", "a:b")))
    user = draw(st.one_of(users, st.builds("{}*{}".format, users, domains)))
    world, host = draw(st.sampled_from(((XMPP, X), (SIP, S), (XMPP, BOTH), (SIP, BOTH))))
    return Address(world, user, host, draw(instances))


phones = st.one_of(
    st.from_regex(r"\+[0-9]{1,15}", fullmatch=True).map(lambda text: Address(TEL, text)),
    st.from_regex("[0-9]{3,8}", fullmatch=True).map(lambda text: Address(TEL, text)),
    st.builds(Address, st.just(TEL), st.from_regex("[0-9*#]{1,20}", fullmatch=True),
              st.sampled_from(("op", "operator.example", "+49"))))


def other(world: str) -> str:
    return SIP if world == XMPP else XMPP


def image(native: Address) -> Address | None:
    found = image_of(native, other(native.scheme), "default", GATEWAY)
    return found.address if isinstance(found, Mapped) else None


def home(seen: Address) -> Address | None:
    found = native_of(seen, GATEWAY)
    return found.address if isinstance(found, Mapped) else None


def without_direct_port(address: Address) -> Address:
    """The direct scheme keeps user and domain only; a port is left to the spelling memory (ADDR-22)."""
    return evolve(address, domain=BOTH) if address.domain.startswith(f"{BOTH}:") else address


class RoundTrips(SynchronousTestCase):
    """ADDR-19, on decoded addresses."""

    @given(natives)
    @examples
    def test_native_to_image_and_back(self, user: Address) -> None:
        """Behind the image of a user stands that user."""
        user = without_direct_port(canonical(user, GATEWAY))
        seen = image(user)
        assume(seen is not None)
        assert seen is not None
        self.assertEqual(home(seen), evolve(user, instance=seen.instance))

    @given(seen_addresses())
    @examples
    def test_image_to_native_and_back(self, seen: Address) -> None:
        """The image of the user behind an image is that image, in its one spelling."""
        user = home(seen)
        assume(user is not None)
        assert user is not None
        again = image(user)
        self.assertIsNotNone(again)
        assert again is not None
        self.assertEqual(home(again), evolve(user, instance=again.instance))
        # Case, and U-labels in the domain, are the only things an image may be misspelled in.
        text, _, domain = fold(seen.user).rpartition("*")
        expected = domain_of(domain, user.scheme) if seen.domain in (X, S) else None
        self.assertEqual(again.user, fold(seen.user) if expected is None else f"{text}*{expected}")
        self.assertEqual(again.domain, seen.domain)

    @given(phones, st.sampled_from((XMPP, SIP)))
    @examples
    def test_phones(self, phone: Address, world: str) -> None:
        """Behind the image of a phone stands that phone, its operator included (ADDR-37, 38)."""
        phone = canonical(phone, GATEWAY)
        found = image_of(phone, world, "default", GATEWAY)
        assert isinstance(found, Mapped)
        self.assertEqual(home(found.address), phone)

    @given(st.one_of(natives, phones, st.builds(Address, st.just(TEL), users)))
    @examples
    def test_canonical_is_idempotent(self, address: Address) -> None:
        """The one spelling of the one spelling is itself (ADDR-20)."""
        once = canonical(address, GATEWAY)
        self.assertEqual(canonical(once, GATEWAY), once)

    @given(natives)
    @examples
    def test_spelling_does_not_change_the_image(self, user: Address) -> None:
        """Whoever spells a user differently still sees the same image of him (ADDR-20, 22)."""
        self.assertEqual(image(user), image(canonical(user, GATEWAY)))


class Injectivity(SynchronousTestCase):
    """Nobody can pose as somebody else."""

    @given(st.lists(natives, min_size=2, max_size=6), st.lists(users, min_size=2, max_size=4, unique=True))
    @examples
    def test_two_users_have_two_images(self, some: list[Address], names: list[str]) -> None:
        """Different users of a world have different images (ADDR-12, 13)."""
        # Neighbours above all: the same names, cut at other places.
        some += [Address(SIP, first, "h.example") for first in names]
        some += [Address(SIP, f"{first}*{second}", "h.example") for first in names for second in names]
        seen: dict[Address, Address] = {}
        for user in some:
            user = without_direct_port(canonical(user, GATEWAY)).bare()
            found = image(user)
            if found is not None:
                self.assertEqual(seen.setdefault(found, user), user)

    @given(users, hosts)
    @examples
    def test_foreign_aliases_nest(self, user: str, host: str) -> None:
        """The image of a user in the alias of another gateway nests freely (ADDR-24)."""
        assume("*" not in host and host not in (BOTH, "special.example"))
        foreign = canonical(Address(XMPP, f"{user}*{host}", "alias.of.others"), GATEWAY)
        seen = image(foreign)
        assume(seen is not None)
        assert seen is not None
        self.assertEqual(seen.user, f"{fold(user)}*{host}*alias.of.others")
        self.assertEqual(home(seen), foreign)

    @given(users, st.sampled_from((X, S, M, P)), st.sampled_from(("", ":5060")))
    @examples
    def test_own_aliases_never_nest(self, user: str, own: str, port: str) -> None:
        """No image leads to an image of ours, and no image of ours has one (ADDR-23)."""
        for world, host in ((XMPP, X), (SIP, S)):
            found = native_of(Address(world, f"{user}*{own}{port}", host), GATEWAY)
            assert isinstance(found, Failure)
            self.assertIn(found.reason, (Reason.LOOP, Reason.UNKNOWN_RECIPIENT))
            found = image_of(Address(world, user, own), other(world), "default", GATEWAY)
            assert isinstance(found, Failure)
            self.assertIs(found.reason, Reason.LOOP)


class Hostility(SynchronousTestCase):
    """Whatever comes in, something sensible comes out."""

    @given(st.builds(Address, st.sampled_from((XMPP, SIP, TEL, "mailto")), users,
                     st.one_of(users, hosts, st.sampled_from((X, S, M, P, BOTH))), users))
    @examples
    def test_nothing_raises(self, address: Address) -> None:
        """Every question about any address has an answer or a failure."""
        canonical(address, GATEWAY)
        self.assertIsInstance(native_of(address, GATEWAY), (Mapped, Failure))
        for world in (XMPP, SIP, TEL):
            self.assertIsInstance(image_of(address, world, "default", GATEWAY), (Mapped, Failure))
        self.assertIsInstance(lane_for(address, "default", GATEWAY, None), (str, Failure))

    @given(users)
    @examples
    @example("e\u0301Σ\u0301")
    def test_folding_is_idempotent(self, user: str) -> None:
        """Folding twice is folding once (ADDR-20)."""
        self.assertEqual(fold(fold(user)), fold(user))

    @given(users.filter(lambda user: "\ud800" not in user))
    @examples
    def test_escaped_length(self, user: str) -> None:
        """The length rule counts exactly what the XMPP edge will write (ADDR-21)."""
        self.assertEqual(escaped_length(user), len(escape(user).encode()))

    @given(st.text(max_size=30))
    @examples
    def test_domains(self, text: str) -> None:
        """A domain in its one spelling is a domain in its one spelling (ADDR-14)."""
        for world in (XMPP, SIP):
            domain = domain_of(text, world)
            if domain is not None:
                self.assertEqual(domain_of(domain, world), domain)
                self.assertNotIn("*", domain)


class OnTheWire(SynchronousTestCase):
    """ADDR-19 through the spellings of the wire: JID and SIP URI as text."""

    @given(users)
    @examples
    @example("ǰ")
    @example("א'ב")
    @example("א:ב")
    def test_whatever_fits_can_be_written(self, user: str) -> None:
        """The core lets into a local part exactly what the XMPP edge can write and read again, so
        that nothing is taken that cannot be delivered (ADDR-2, ADDR-21)."""
        user = fold(user)
        address = Address(XMPP, user, "h.example")
        try:
            readable = address_of_jid(jid_of_address(address)) == address
        except JidFault:
            readable = False
        self.assertEqual(fits_local_part(user), readable or not user)

    @given(sip_users)
    @examples
    def test_sip_user(self, user: Address) -> None:
        """SIP URI -> JID -> SIP URI."""
        user = without_direct_port(canonical(user, GATEWAY))
        seen = image(user)
        assume(seen is not None)
        assert seen is not None
        jid = jid_of_address(seen)
        back = home(address_of_jid(jid))
        assert back is not None
        uri = str(uri_of_address(back))
        self.assertEqual(address_of_uri(parse_uri(uri)), evolve(user, instance=seen.instance))
        self.assertEqual(image(address_of_uri(parse_uri(uri))), seen)

    @given(xmpp_users)
    @examples
    def test_xmpp_user(self, user: Address) -> None:
        """JID -> SIP URI -> JID."""
        try:
            jid = jid_of_address(user)
            user = address_of_jid(jid)
        except JidFault:
            assume(False)
        seen = image(user)
        assume(seen is not None)
        assert seen is not None
        uri = str(uri_of_address(seen))
        back = home(address_of_uri(parse_uri(uri)))
        assert back is not None
        self.assertEqual(jid_of_address(back), jid_of_address(user))
