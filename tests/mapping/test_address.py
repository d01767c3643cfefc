"""Who somebody is at home and how he is seen elsewhere: examples, one by one."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.address import (
    Mapped,
    canonical,
    domain_of,
    escaped_length,
    fits_local_part,
    image_of,
    native_of,
    phone_of,
)
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Reason
from iwf.mapping.settings import Alias, Gateway, Scheme
from iwf.xmpp.jid import escape
from tests.mapping.places import BOTH, GATEWAY, M, P, S, X, image, native, written


class NativeBehindImage(SynchronousTestCase):
    """From an image to the native address."""

    def test_splits_at_the_last_star(self) -> None:
        """A star in the user part is harmless (ADDR-13)."""
        self.assertEqual(native(Address(XMPP, "*a**b*h.example", X)),
                         Address(SIP, "*a**b", "h.example"))

    def test_host_that_is_not_ours(self) -> None:
        """A target in nobody's alias domain, or in one of another world, is unknown (section 9)."""
        for world, host in ((XMPP, "xmppserver.com"), (XMPP, S), (SIP, X), (SIP, f"a.{S}")):
            self.assertIs(native(Address(world, "a*b.example", host)), Reason.UNKNOWN_RECIPIENT)

    def test_host_with_port_case_and_dot(self) -> None:
        """The host of a request is ours however it is spelled (ADDR-6, ADDR-14)."""
        for host in (f"{S}:5060", S.upper(), f"{S}.", f"{S}.:5060"):
            self.assertEqual(native(Address(SIP, "a*b.example", host)), Address(XMPP, "a", "b.example"))

    def test_no_star_or_no_domain(self) -> None:
        """A target without ``*`` or with nothing after it is unknown (ADDR-15, section 9)."""
        for user in ("", "nostar", "a*", "*", "a*."):
            self.assertIs(native(Address(SIP, user, S)), Reason.UNKNOWN_RECIPIENT)

    def test_no_domain_after_the_star(self) -> None:
        """What follows the last star has to be a domain of the world behind (ADDR-14)."""
        for domain in ("-a.example", "a..example", "a b.example", "a/b", "[::1", "a" * 64, "x.example." * 26,
                       "a.example:", "a.example:x", "a.example:0", "a.example:65536", "[zz]", "ü%"):
            self.assertIs(native(Address(SIP, f"a*{domain}", S)), Reason.UNKNOWN_RECIPIENT, domain)
            self.assertIs(native(Address(XMPP, f"a*{domain}", X)), Reason.UNKNOWN_RECIPIENT, domain)

    def test_port_and_ipv6_belong_to_sip(self) -> None:
        """An XMPP domain has no port and is no IPv6 address; a SIP host may be both (ADDR-14)."""
        for domain in ("b.example:5070", "[2001:db8::1]", "[2001:db8::1]:5070"):
            self.assertEqual(native(Address(XMPP, f"a*{domain}", X)), Address(SIP, "a", domain))
            self.assertIs(native(Address(SIP, f"a*{domain}", S)), Reason.UNKNOWN_RECIPIENT)

    def test_domain_is_normalised(self) -> None:
        """Case, trailing dot and U-labels of the domain behind lead to one address (ADDR-14)."""
        for domain in ("bücher.example", "BÜCHER.Example.", "xn--bcher-kva.example",
                       "bu\u0308cher.example"):
            self.assertEqual(native(Address(SIP, f"a*{domain}", S)),
                             Address(XMPP, "a", "xn--bcher-kva.example"))

    def test_own_alias_behind_an_image(self) -> None:
        """An image of an image of ours is a loop, whatever its port and case (ADDR-23, LOOP-5)."""
        for world, host in ((XMPP, X), (SIP, S)):
            for behind in (X, S, M, P, S.upper(), f"{X}."):
                self.assertIs(native(Address(world, f"a*b.example*{behind}", host)), Reason.LOOP)
        self.assertIs(native(Address(XMPP, f"a*b.example*{S}:5060", X)), Reason.LOOP)

    def test_own_alias_of_another_tenant(self) -> None:
        """It is a loop as well, before anybody asks whom the tenant serves (ADDR-23)."""
        self.assertIs(native(Address(XMPP, f"a*{S}", "sip.acme.example")), Reason.LOOP)

    def test_domain_that_is_not_served(self) -> None:
        """An alias leads only to the domains listed for it (ADDR-25)."""
        acme = "xmpp.acme.example"
        self.assertEqual(native(Address(SIP, "a*acme-xmpp.example", acme)),
                         Address(XMPP, "a", "acme-xmpp.example"))
        self.assertEqual(native(Address(SIP, "a*deep.in.acme-xmpp.example", acme)),
                         Address(XMPP, "a", "deep.in.acme-xmpp.example"))
        for domain in ("b.example", "notacme-xmpp.example", "example"):
            self.assertIs(native(Address(SIP, f"a*{domain}", acme)), Reason.FORBIDDEN)

    def test_domain_seen_under_another_alias(self) -> None:
        """A domain is seen under one alias of a tenant only, or an answer would come from a
        stranger (ADDR-19, ADDR-29)."""
        self.assertEqual(native(Address(XMPP, "a*special.example", "sip2.xmppserver.com")),
                         Address(SIP, "a", "special.example"))
        self.assertIs(native(Address(XMPP, "a*special.example", X)), Reason.FORBIDDEN)
        self.assertIs(native(Address(XMPP, f"a*{BOTH}", X)), Reason.FORBIDDEN)

    def test_phones_seen_under_another_alias(self) -> None:
        """Phones, too, are seen under one alias of a tenant in each world (ADDR-19)."""
        gateway = evolve(GATEWAY, aliases=(*GATEWAY.aliases, Alias("two.example", XMPP, TEL, "")))
        self.assertIs(native(Address(XMPP, "+1555", "two.example"), gateway), Reason.FORBIDDEN)

    def test_alias_of_phones_serves_all_of_them(self) -> None:
        """Numbers have no domain, so no list of domains keeps them out (ADDR-25, 38)."""
        gateway = evolve(GATEWAY, aliases=(Alias(M, XMPP, TEL, "", ("b.example",)),))
        self.assertEqual(native(Address(XMPP, "+1555", M), gateway), Address(TEL, "+1555"))

    def test_direct_domain_serves_itself(self) -> None:
        """A domain of the direct scheme shows nobody else, whatever its list says (ADDR-29)."""
        gateway = evolve(GATEWAY, aliases=(Alias(BOTH, XMPP, SIP, "", scheme=Scheme.DIRECT),))
        self.assertIs(image(Address(SIP, "u", "b.example"), XMPP, gateway=gateway), Reason.FORBIDDEN)
        self.assertEqual(image(Address(SIP, "u", BOTH), XMPP, gateway=gateway), Address(XMPP, "u", BOTH))

    def test_instance_carries_over(self) -> None:
        """A request to one device goes to that device (ADDR-35)."""
        self.assertEqual(native(Address(SIP, "a*b.example", S, "Home")),
                         Address(XMPP, "a", "b.example", "Home"))

    def test_instance_that_is_no_resource(self) -> None:
        """A device name that no resource can carry is nobody (ADDR-32)."""
        for instance in ("a\0", "\ufffe", "\u2028", "é" * 512):
            self.assertIs(native(Address(SIP, "a*b.example", S, instance)), Reason.UNKNOWN_RECIPIENT)

    def test_text_that_no_jid_can_carry(self) -> None:
        """A SIP target that cannot be the local part of a JID is nobody (ADDR-9, 21)."""
        for user in (" a", "a ", "a\0", "a\u00adb", "a\u00a0b", "ﬁ", "straße", "x" * 1024, "'" * 342):
            self.assertIs(native(Address(SIP, f"{user}*b.example", S)), Reason.UNKNOWN_RECIPIENT, user)

    def test_alphanumeric_sender_cannot_be_answered(self) -> None:
        """An answer to a sender made of letters is not acceptable to XMPP, 404 to SIP (ADDR-41)."""
        self.assertIs(native(Address(XMPP, "my bank", M)), Reason.NOT_ACCEPTABLE)
        self.assertIs(native(Address(SIP, "my bank", P)), Reason.UNKNOWN_RECIPIENT)

    def test_neither_number_nor_short_code(self) -> None:
        """Digits that are no number, and texts that no sender has, are nobody (ADDR-36, 41)."""
        for user in ("", "12", "123456789", "+", "+1234567890123456", "a" * 12, "a\0", "+12a45678901234"):
            self.assertIs(native(Address(XMPP, user, M)), Reason.UNKNOWN_RECIPIENT, user)

    def test_short_code(self) -> None:
        """Three to eight digits are a short code (ADDR-39)."""
        for user in ("123", "12345678"):
            self.assertEqual(native(Address(XMPP, user, M)), Address(TEL, user))

    def test_rules_are_told(self) -> None:
        """What was applied is named for whoever asks why."""
        found = native_of(Address(SIP, "a*b.example", S, "r"), GATEWAY)
        assert isinstance(found, Mapped)
        self.assertEqual(found.rules, ("ADDR-13", "ADDR-18", "ADDR-35"))


class ImageOfNative(SynchronousTestCase):
    """From a native user to his image."""

    def test_folds_the_sip_user(self) -> None:
        """One SIP user has one JID, however his user part is cased (ADDR-20)."""
        self.assertEqual(image(Address(SIP, "BöB", "h.example"), XMPP),
                         Address(XMPP, "böb*h.example", X))

    def test_folds_before_escaping(self) -> None:
        r"""A source ``\2F`` does not become the live escape ``\2f`` (ADDR-11)."""
        self.assertEqual(written(image(Address(SIP, r"a\2Fb", "h.example"), XMPP)),
                         rf"a\5c2fb*h.example@{X}")

    def test_jid_is_prepared_without_folding(self) -> None:
        """With folding off the native address keeps its case, but a JID never has any (ADDR-1, 20)."""
        gateway = evolve(GATEWAY, fold_sip_user=False)
        bob = Address(SIP, "Bob", "h.example")
        self.assertEqual(canonical(bob, gateway), bob)
        self.assertEqual(image(bob, XMPP, gateway=gateway), Address(XMPP, "bob*h.example", X))

    def test_longest_local_part(self) -> None:
        """1023 octets after escaping fit, one more does not (ADDR-21)."""
        domain = "h.example"
        for char, octets in (("x", 1), ("é", 2), ("'", 3), ("\\27", 5)):
            room = 1023 - len(domain) - 1
            user = char * (room // octets)
            user += "x" * (room - octets * len(user) // len(char))
            self.assertEqual(len(escape(f"{user}*{domain}").encode()), 1023)
            self.assertIsInstance(image(Address(SIP, user, domain), XMPP), Address, char)
            self.assertIs(image(Address(SIP, user + "x", domain), XMPP), Reason.REFUSED, char)

    def test_what_servers_would_change(self) -> None:
        """A user whose JID a server would rewrite to somebody else's has none (ADDR-2)."""
        for user in ("straße", "σας", "ﬁ", "２", "a\u00adb", "a\u200db", "²", "a\ue000", "א", "😀", "\ufffd"):
            self.assertIs(image(Address(SIP, user, "h.example"), XMPP), Reason.REFUSED, user)

    def test_trailing_space(self) -> None:
        """A space before the star is inside the local part and harmless (ADDR-9, 16)."""
        self.assertEqual(written(image(Address(SIP, "x ", "h.example"), XMPP)), rf"x\20*h.example@{X}")

    def test_user_in_an_alias_domain(self) -> None:
        """Nobody lives in a domain of ours; who says so makes a loop (ADDR-23)."""
        for world, other in ((XMPP, SIP), (SIP, XMPP)):
            for domain in (X, S, M, P, S.upper()):
                self.assertIs(image(Address(world, "a*b.example", domain), other), Reason.LOOP)
        self.assertIs(image(Address(SIP, "a", f"{S}:5060"), XMPP), Reason.LOOP)

    def test_native_domain_that_is_no_domain(self) -> None:
        """A star in a domain is refused, and so is any other nonsense (ADDR-14)."""
        for domain in ("", "a*b.example", "a b", "."):
            self.assertIs(image(Address(SIP, "u", domain), XMPP), Reason.REFUSED)

    def test_tenant_that_does_not_serve_him(self) -> None:
        """A tenant shows only users of its domains (ADDR-25)."""
        self.assertIs(image(Address(XMPP, "u", "b.example"), SIP, "acme"), Reason.FORBIDDEN)
        self.assertEqual(image(Address(XMPP, "u", "acme-xmpp.example"), SIP, "acme"),
                         Address(SIP, "u*acme-xmpp.example", "xmpp.acme.example"))

    def test_tenant_without_phones_or_unknown(self) -> None:
        """A tenant without an SMS domain has no phones, and an unknown one nobody (ADDR-25)."""
        self.assertIs(image(Address(TEL, "+1555"), XMPP, "acme"), Reason.FORBIDDEN)
        self.assertIs(image(Address(XMPP, "u", "b.example"), SIP, "nobody"), Reason.FORBIDDEN)

    def test_served_with_a_port(self) -> None:
        """A port does not take a domain out of its tenancy (ADDR-25)."""
        self.assertEqual(image(Address(SIP, "u", "acme-sip.example:5070"), XMPP, "acme"),
                         Address(XMPP, "u*acme-sip.example:5070", "sip.acme.example"))

    def test_instance(self) -> None:
        """The device goes along (ADDR-33, 34) unless the operator does not want it."""
        user = Address(XMPP, "u", "b.example", "Home")
        seen = Address(SIP, "u*b.example", S, "Home")
        self.assertEqual(image(user, SIP), seen)
        self.assertEqual(image(user, SIP, gateway=evolve(GATEWAY, map_resource=False)), seen.bare())

    def test_instance_that_is_no_resource(self) -> None:
        """A sender whose device no resource can name is seen without it (ADDR-34)."""
        self.assertEqual(image(Address(SIP, "u", "b.example", "a\0"), XMPP),
                         Address(XMPP, "u*b.example", X))

    def test_phones_see_numbers(self) -> None:
        """Phones see leased numbers, not images; other phones they see as they are (ADDR-47)."""
        self.assertIs(image(Address(XMPP, "u", "b.example"), TEL), Reason.NOT_SUPPORTED)
        phone = Address(TEL, "+1555")
        self.assertEqual(image_of(phone, TEL, "default", GATEWAY), Mapped(phone, None))

    def test_alphanumeric_sender(self) -> None:
        """A sender made of letters is folded and escaped to a JID (ADDR-41)."""
        self.assertEqual(written(image(Address(TEL, "My Bank"), XMPP)), rf"my\20bank@{M}")

    def test_numeric_pattern_is_no_alphanumeric_sender(self) -> None:
        """Digits that are no number never pose as a sender's name (ADDR-41)."""
        for user in ("12", "123456789", "1-2", "*100#", "+12345678901234567", ""):
            self.assertIs(image(Address(TEL, user), XMPP), Reason.REFUSED, user)


class Canonical(SynchronousTestCase):
    """The one spelling by which an address is known."""

    def test_sip(self) -> None:
        """A SIP user is folded and composed, his host lowered, its port kept (ADDR-14, 20)."""
        self.assertEqual(canonical(Address(SIP, "BO\u0308B", "H.Example.:5070", "I"), GATEWAY),
                         Address(SIP, "böb", "h.example:5070", "I"))

    def test_unchanged(self) -> None:
        """An address in its one spelling comes back as the same value."""
        for address in (Address(XMPP, "bob", "h.example", "Home"), Address(SIP, "böb", "[::1]:5060")):
            self.assertIs(canonical(address, GATEWAY), address)

    def test_xmpp(self) -> None:
        """A JID is prepared: user and domain lowered, spaces in the resource plain (ADDR-1)."""
        self.assertEqual(canonical(Address(XMPP, "Bob", "BÜCHER.example", "My\u00a0O\u0308"), GATEWAY),
                         Address(XMPP, "bob", "xn--bcher-kva.example", "My Ö"))

    def test_tel(self) -> None:
        """A number loses its separators, and its context where it is complete (ADDR-36, 37)."""
        self.assertEqual(canonical(Address(TEL, "+1-555.123(4)", "op"), GATEWAY),
                         Address(TEL, "+15551234"))
        self.assertEqual(canonical(Address(TEL, "7-00", "OP"), GATEWAY), Address(TEL, "700", "op"))

    def test_not_understood(self) -> None:
        """What cannot be understood stays: a sender's name, a serial number."""
        for user in ("My Bank", "X000000001"):
            self.assertEqual(canonical(Address(TEL, user), GATEWAY), Address(TEL, user))


class Parts(SynchronousTestCase):
    """Texts, domains and numbers by themselves."""

    def test_escaped_length(self) -> None:
        """The length is that of the text as the XMPP edge escapes it (ADDR-7, 8, 21)."""
        for text in ("", "plain", r"""a b"c&d'e/f:g<h>i@j\k\20\5c\5C\\27""", "é€😀", "\\" * 3 + "3a"):
            self.assertEqual(escaped_length(text), len(escape(text).encode()), text)

    def test_right_to_left(self) -> None:
        """Hebrew is a local part by itself, not beside Latin letters, even those of an escape (ADDR-1)."""
        self.assertTrue(fits_local_part("שלום"))
        self.assertTrue(fits_local_part("של'ום"))
        for text in ("שa", "aש", "ש1", "של:ום"):
            self.assertFalse(fits_local_part(text), text)

    def test_domain_with_two_spellings_of_ipv6(self) -> None:
        """An IPv6 host is lowered and otherwise kept; a zone has no place in it (ADDR-14)."""
        self.assertEqual(domain_of("[2001:DB8::1]:5060", SIP), "[2001:db8::1]:5060")
        self.assertIsNone(domain_of("[fe80::1%eth0]", SIP))

    def test_labels(self) -> None:
        """A label that no domain name can hold makes no domain (ADDR-14)."""
        for domain in ("bü_cher*.example", "ﬁ.example", "☃.example", "ü" * 64 + ".example",
                       "ü" * 300, "a.example..", "x\u3002example"):
            self.assertIsNone(domain_of(domain, XMPP), domain)

    def test_phone_context(self) -> None:
        """A local number is somebody only within its context (ADDR-37)."""
        self.assertEqual(phone_of("123-4;phone-context=+1-914"), Address(TEL, "1234", "+1-914"))
        self.assertIsNone(phone_of("1234567890"))
        self.assertIsNone(phone_of("12345;phone-context="))
        self.assertIsNone(phone_of("12345;ext=1"))

    def test_failures_say_which_rule(self) -> None:
        """A failure names its rule to the log, not to the peer (ERR-3)."""
        failure = native_of(Address(SIP, "nostar", S), GATEWAY)
        assert isinstance(failure, Failure)
        self.assertIn("ADDR-13", failure.detail)
        self.assertNotIn("ADDR", failure.text)

    def test_two_tenants_claim_one_alias(self) -> None:
        """The alias that is configured first has the name."""
        gateway = Gateway("g", "s", (Alias(X, XMPP, SIP, "", tenant="one"),
                                     Alias(X, XMPP, SIP, "", tenant="two")))
        found = native_of(Address(XMPP, "a*b.example", X), gateway)
        assert isinstance(found, Mapped) and found.alias is not None
        self.assertEqual(found.alias.tenant, "one")
