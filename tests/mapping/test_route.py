"""Where messages leave, and who may speak for whom."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.directory import patterns_of
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Party, Reason
from iwf.mapping.route import domain_matches, lane_for, may_speak
from iwf.mapping.settings import Alias, Gateway
from tests.mapping.places import ALIASES, BOTH, GATEWAY, M, P, S, X


def lane(native: Address, tenant: str = "default") -> str | Reason:
    """The lane to a native user to whom nobody is seen under an alias, or why there is none."""
    found = lane_for(native, tenant, GATEWAY, None)
    return found.reason if isinstance(found, Failure) else found


def objection(address: Address, lane: str, tenant: str | None = None) -> Reason | None:
    """What is said against a sender who comes in on a lane."""
    failure = may_speak(Party(address, asserted_by=lane), GATEWAY, tenant)
    return failure.reason if failure is not None else None


class Patterns(SynchronousTestCase):
    """Domain patterns of the configuration (ADDR-25)."""

    def test_exact(self) -> None:
        """A name means itself, in any case and with any port."""
        for domain in ("h.example", "H.Example", "h.example.", "h.example:5060", "H.EXAMPLE.:5060"):
            self.assertTrue(domain_matches("h.example", domain), domain)
        for domain in ("a.h.example", "h.example.org", "xh.example", "", "h"):
            self.assertFalse(domain_matches("h.example", domain), domain)

    def test_below(self) -> None:
        """``*.name`` means what is below the name, at any depth, and not the name."""
        for domain in ("a.h.example", "b.a.h.example:5070", "A.H.Example"):
            self.assertTrue(domain_matches("*.h.example", domain), domain)
        for domain in ("h.example", ".h.example", "ah.example", "a.h.example.org", ""):
            self.assertFalse(domain_matches("*.h.example", domain), domain)

    def test_any(self) -> None:
        """``*`` means every domain, IPv6 addresses with it; only nothing is not a domain."""
        for domain in ("h", "[2001:db8::1]", "[2001:db8::1]:5060"):
            self.assertTrue(domain_matches("*", domain))
        self.assertFalse(domain_matches("*", ""))

    def test_ipv6(self) -> None:
        """The last group of an IPv6 address is no port."""
        self.assertTrue(domain_matches("[2001:db8::1]", "[2001:DB8::1]:5060"))
        self.assertFalse(domain_matches("[2001:db8::1]", "[2001:db8::2]"))

    def test_the_index_agrees(self) -> None:
        """The prebuilt index finds what the single match finds, the most special pattern first."""
        names = ("*", "*.example", "*.b.example", "a.b.example", "*.b.example")
        index = patterns_of((name, number) for number, name in enumerate(names))
        for domain, number in (("a.b.example:5060", 3), ("c.b.example", 2), ("b.example", 1),
                               ("example", 0), ("org", 0), ("A.B.EXAMPLE.", 3)):
            self.assertEqual(index.find(domain), number, domain)
            self.assertTrue(domain_matches(names[number], domain))
        for domain in ("example", ".example", ""):
            self.assertIsNone(patterns_of([("*.example", 1)]).find(domain), domain)


class Lanes(SynchronousTestCase):
    """The connector a message leaves on."""

    def test_xmpp(self) -> None:
        """An XMPP user is reached through the component under which the sender is seen (XMPP-6)."""
        alias = ALIASES[0]
        self.assertEqual(lane_for(Address(XMPP, "u", "h.example"), "default", GATEWAY, alias), f"xmpp:{X}")

    def test_xmpp_without_alias(self) -> None:
        """Without one there is no way to XMPP."""
        self.assertIs(lane(Address(XMPP, "u", "h.example")), Reason.UNKNOWN_DOMAIN)

    def test_sip_trunk(self) -> None:
        """A trunk named exactly goes before a wildcard, and that before the rest; ports do not count."""
        for domain, trunk in (("sipserver.com", "sip:exact"), ("sipserver.com:5070", "sip:exact"),
                              ("eu.sipserver.com", "sip:exact"), ("us.sipserver.com", "sip:below"),
                              ("h.example", "sip:rest"), ("[2001:db8::1]:5060", "sip:rest")):
            self.assertEqual(lane(Address(SIP, "u", domain)), trunk)

    def test_sip_trunk_ignores_the_alias_of_another_world(self) -> None:
        """Only an alias of the target's own world can choose the connector."""
        self.assertEqual(lane_for(Address(SIP, "u", "sipserver.com"), "default", GATEWAY, ALIASES[0]),
                         "sip:exact")

    def test_sip_domain_without_trunk(self) -> None:
        """A domain that no trunk of the tenant serves is unknown; those of other tenants do not help."""
        self.assertIs(lane(Address(SIP, "u", "h.example"), "acme"), Reason.UNKNOWN_DOMAIN)
        self.assertEqual(lane(Address(SIP, "u", "acme-sip.example"), "acme"), "sip:acme")
        self.assertIs(lane(Address(SIP, "u", "h.example"), "nobody"), Reason.UNKNOWN_DOMAIN)

class Senders(SynchronousTestCase):
    """Who may speak for whom (SIP-63, LOOP-5)."""

    def test_nobody_vouches(self) -> None:
        """A sender for whom no connector vouches, or one we do not know, is forbidden."""
        for connector in ("", "sip:unknown", "xmpp:unknown"):
            for user in (Address(SIP, "u", "sipserver.com"), Address(TEL, "+1")):
                self.assertIs(objection(user, connector), Reason.FORBIDDEN)

    def test_trunk_speaks_for_its_domains(self) -> None:
        """A trunk speaks for users of its own domains only, whatever port they write."""
        self.assertIsNone(objection(Address(SIP, "u", "sipserver.com"), "sip:exact"))
        self.assertIsNone(objection(Address(SIP, "u", "SipServer.com:5070"), "sip:exact"))
        self.assertIsNone(objection(Address(SIP, "u", "us.sipserver.com"), "sip:below"))
        for domain in ("h.example", "us.sipserver.com", ""):
            self.assertIs(objection(Address(SIP, "u", domain), "sip:exact"), Reason.FORBIDDEN)

    def test_trunk_and_phones(self) -> None:
        """A trunk speaks for numbers only when it is marked so (ADDR-37)."""
        self.assertIsNone(objection(Address(TEL, "+1555"), "sip:exact"))
        self.assertIs(objection(Address(TEL, "+1555"), "sip:rest"), Reason.FORBIDDEN)

    def test_trunk_never_speaks_for_xmpp(self) -> None:
        """A trunk does not speak for users of another world, even where it serves every domain."""
        self.assertIs(objection(Address(XMPP, "u", "h.example"), "sip:rest"), Reason.FORBIDDEN)

    def test_component_speaks_for_all_domains(self) -> None:
        """An XMPP server vouches for every domain it hears from, and for XMPP only."""
        self.assertIsNone(objection(Address(XMPP, "u", "h.example"), f"xmpp:{X}"))
        self.assertIs(objection(Address(SIP, "u", "h.example"), f"xmpp:{X}"), Reason.FORBIDDEN)
        self.assertIs(objection(Address(TEL, "+1555"), f"xmpp:{X}"), Reason.FORBIDDEN)

    def test_alias_in_sip_is_no_component(self) -> None:
        """A connector named by an alias in the SIP world vouches for no XMPP user."""
        gateway = Gateway("g", "s", (Alias(S, SIP, XMPP, "sip:some"),))
        party = Party(Address(XMPP, "u", "h.example"), asserted_by="sip:some")
        self.assertIsNotNone(may_speak(party, gateway))

    def test_own_domains_are_loops(self) -> None:
        """A sender in an alias domain of ours can only be a loop or forged (LOOP-5)."""
        for domain in (X, S, M, P, S.upper(), f"{S}:5060"):
            self.assertIs(objection(Address(XMPP, "a*b.example", domain), f"xmpp:{X}"), Reason.LOOP)
            self.assertIs(objection(Address(SIP, "a*b.example", domain), "sip:rest"), Reason.LOOP)

    def test_direct_domain_is_nobodys_loop(self) -> None:
        """In a domain of the direct scheme natives live (ADDR-29)."""
        self.assertIsNone(objection(Address(XMPP, "u", BOTH), f"xmpp:{BOTH}"))
        self.assertIsNone(objection(Address(SIP, "u", BOTH), "sip:rest"))

    def test_link_speaks_for_phones(self) -> None:
        """A link speaks for phones and their like, for nobody else."""
        for number in ("+1555", "12345", "My Bank"):
            self.assertIsNone(objection(Address(TEL, number), "smpp:world"))
            # The operator of a short code is no domain, even where he is called like one.
            self.assertIsNone(objection(Address(TEL, number, S), "smpp:world"))
        self.assertIs(objection(Address(SIP, "+1555", "h.example"), "smpp:world"), Reason.FORBIDDEN)

    def test_tenant(self) -> None:
        """A connector of one tenant is not heard by another (ADDR-25)."""
        for user, connector in ((Address(SIP, "u", "acme-sip.example"), "sip:acme"),
                                (Address(XMPP, "u", "h.example"), "xmpp:sip.acme.example"),
                                (Address(TEL, "+44"), "smpp:british")):
            self.assertIsNone(objection(user, connector, "acme"))
            self.assertIs(objection(user, connector, "default"), Reason.FORBIDDEN)

    def test_empty_gateway(self) -> None:
        """A gateway without connectors hears nobody and reaches nobody."""
        gateway = Gateway("g", "s")
        self.assertIsNotNone(may_speak(Party(Address(TEL, "+1"), asserted_by="smpp:x"), gateway))
        self.assertIsInstance(lane_for(Address(TEL, "+1"), "default", gateway, None), Failure)
