"""Numbers on the wire and canonical addresses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Address
from iwf.smpp.numbers import address_of_sme, sme_of_source, sme_of_target
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.wire.pdu import Sme

GERMAN = Profile(country_code="49", national_prefix="0")


def link(profile: Profile = GERMAN) -> LinkSettings:
    return LinkSettings("op", "smpp:op", "tcp:127.0.0.1:2775", "iwf", "secret", profile=profile)


class ReadTests(SynchronousTestCase):
    """TON, NPI and digits become canonical (ADDR-39)."""

    def test_table(self) -> None:
        """Every row of the table."""
        for sme, user, domain in (
            (Sme(1, 1, "491701234567"), "+491701234567", ""), (Sme(1, 0, "491701234567"), "+491701234567", ""),
            (Sme(1, 1, "+491701234567"), "+491701234567", ""), (Sme(1, 1, "00491701234567"), "+491701234567", ""),
            (Sme(1, 1, "49 (170) 123-45.67"), "+491701234567", ""),
            (Sme(2, 1, "01701234567"), "+491701234567", ""), (Sme(2, 1, "1701234567"), "+491701234567", ""),
            (Sme(0, 1, "491701234567"), "491701234567", "op"), (Sme(0, 0, "+491701234567"), "+491701234567", ""),
            (Sme(3, 0, "4711"), "4711", "op"), (Sme(6, 1, "4711"), "4711", "op"), (Sme(3, 0, "1" * 20), "1" * 20, "op"),
            (Sme(4, 1, "1234567"), "1234567", "op"), (Sme(7, 5, "15550001"), "15550001", "op"),
            (Sme(5, 0, "Alice"), "Alice", ""), (Sme(5, 0, "X000000001"), "X000000001", ""),
            (Sme(0, 0, "X000000001"), "X000000001", ""), (Sme(1, 1, "X000000001"), "X000000001", ""),
        ):
            self.assertEqual(address_of_sme(sme, link()), Address("tel", user, domain), sme)

    def test_unknown_as_international(self) -> None:
        """TON 0 is international only where the operator says so, and only if it can be."""
        says_so = link(Profile(unknown_is_international=True))
        for digits, expected in (
            ("491701234567", "+491701234567"), ("1234567", "1234567"), ("01701234567", "01701234567"),
        ):
            address = address_of_sme(Sme(0, 1, digits), says_so)
            assert address is not None
            self.assertEqual(address.user, expected)

    def test_national_without_country(self) -> None:
        """Without the country's code a national number stays local."""
        self.assertEqual(address_of_sme(Sme(2, 1, "01701234567"), link(Profile())), Address("tel", "01701234567", "op"))

    def test_a_number_in_letters(self) -> None:
        """Digits that come as alphanumeric never pass for an international number (ADDR-41)."""
        for number in ("491701234567", "+491701234567"):
            self.assertEqual(address_of_sme(Sme(5, 0, number), link()), Address("tel", "491701234567", "op"))

    def test_nothing_usable(self) -> None:
        """Empty addresses, control characters alone and international numbers over 15 digits are none."""
        for sme in (
            Sme(1, 1, ""), Sme(5, 0, "\x01\x02"), Sme(5, 0, " "), Sme(1, 1, "1" * 16), Sme(1, 1, "+"), Sme(1, 1, "00"),
        ):
            self.assertIsNone(address_of_sme(sme, link()), sme)

    def test_hidden_number(self) -> None:
        """Control characters do not smuggle a number past the rule for letters."""
        self.assertIsNone(address_of_sme(Sme(5, 0, "+49170\x01123"), link()))

    def test_plus_and_letters(self) -> None:
        """Letters behind a ``+`` are an alphanumeric sender without it."""
        self.assertEqual(address_of_sme(Sme(5, 0, "+49 Alice"), link()), Address("tel", "49 Alice"))

    def test_utf8(self) -> None:
        """An alphanumeric sender in UTF-8 or Latin-1 is read."""
        for octets in ("Café".encode(), "Café".encode("latin-1")):
            self.assertEqual(address_of_sme(Sme(5, 0, octets.decode("latin-1")), link()), Address("tel", "Café"))

    @settings(max_examples=200, deadline=None)
    @given(st.builds(
        Sme, st.integers(0, 255), st.integers(0, 255), st.text(st.characters(max_codepoint=255), max_size=20),
    ))
    def test_anything(self, sme: Sme) -> None:
        """Whatever comes, a result that starts with ``+`` is E.164, and local numbers have a domain."""
        address = address_of_sme(sme, link())
        if address is None:
            return
        if address.user.startswith("+"):
            self.assertRegex(address.user, r"\A\+[0-9]{1,15}\Z")
            self.assertEqual(address.domain, "")
        elif address.user.isdecimal() and address.user.isascii():
            self.assertEqual(address.domain, "op")


class WriteTests(SynchronousTestCase):
    """Canonical addresses become TON, NPI and digits (ADDR-40, ADDR-45)."""

    def test_targets(self) -> None:
        """Numbers are international without ``+``, short codes as the operator wants them."""
        special = Profile(short_code_ton=6, short_code_npi=9)
        self.assertEqual(sme_of_target(Address("tel", "+491701234567"), GERMAN), Sme(1, 1, "491701234567"))
        self.assertEqual(sme_of_target(Address("tel", "4711", "op"), GERMAN), Sme(3, 0, "4711"))
        self.assertEqual(sme_of_target(Address("tel", "4711", "op"), special), Sme(6, 9, "4711"))

    def test_unanswerable(self) -> None:
        """An alphanumeric sender cannot be a target (ADDR-41)."""
        self.assertIsNone(sme_of_target(Address("tel", "Alice"), GERMAN))

    def test_sources(self) -> None:
        """Letters are TON 5, numbers 1/1, service numbers as short codes; a profile may say otherwise."""
        special = Profile(vnum_ton=0, vnum_npi=1)
        for user, profile, sme in (
            ("X000000001", GERMAN, Sme(5, 0, "X000000001")), ("+4915100000001", GERMAN, Sme(1, 1, "4915100000001")),
            ("4455", GERMAN, Sme(3, 0, "4455")), ("+4915100000001", special, Sme(0, 1, "4915100000001")),
            ("X000000001", special, Sme(0, 1, "X000000001")),
        ):
            self.assertEqual(sme_of_source(Address("tel", user), profile), sme)

    def test_too_long(self) -> None:
        """More than 20 octets do not fit."""
        self.assertIsNone(sme_of_source(Address("tel", "X" * 21), GERMAN))
        self.assertIsNone(sme_of_target(Address("tel", "1" * 21), GERMAN))
        self.assertIsNone(sme_of_source(Address("tel", ""), GERMAN))

    @settings(max_examples=100, deadline=None)
    @given(st.text("0123456789", min_size=1, max_size=15).filter(lambda digits: not digits.startswith("00")))
    def test_round_trip(self, digits: str) -> None:
        """A phone that is answered is the phone that wrote."""
        address = Address("tel", f"+{digits}")
        sme = sme_of_target(address, GERMAN)
        assert sme is not None
        self.assertEqual(address_of_sme(sme, link()), address)
