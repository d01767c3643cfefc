"""What data_coding says about user data."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.smpp.settings import Profile
from iwf.smpp.text.coding import NotText, coding_name, coding_of, decode, is_packed, message_class

PLAIN = Profile()


class DecodeTests(SynchronousTestCase):
    """User data as its data_coding says (SMS-22)."""

    def test_samples(self) -> None:
        """Samples of every coding read as their text."""
        for data_coding, octets, text in (
            (0, "001b65", "@€"),
            (0, "61621b", "ab"),
            (1, "405f24", "@_$"),
            (3, "e9e7", "éç"),
            (6, "bfe0d8", "При"),
            (8, "d83dde00", "😀"),
            (8, "00680069", "hi"),
            (10, "1b2442467c4b5c1b2842", "日本"),
            (13, "3021", "丂"),
            (14, "c7d1", "한"),
            (0xC8, "6869", "hi"),
            (0xD0, "6869", "hi"),
            (0xE0, "00680069", "hi"),
            (0xF0, "6869", "hi"),
            (0x10, "6869", "hi"),
            (0x18, "00680069", "hi"),
        ):
            self.assertEqual(decode(bytes.fromhex(octets), data_coding, PLAIN), text, hex(data_coding))

    def test_bare_jis(self) -> None:
        """data_coding 5 is JIS X 0208 as bare pairs of seven bits."""
        pairs = "日本語".encode("iso2022_jp")[3:-3]
        self.assertEqual(decode(pairs, 5, PLAIN), "日本語")

    def test_hebrew(self) -> None:
        """data_coding 7 is ISO-8859-8."""
        self.assertEqual(decode("שלום".encode("iso8859_8"), 7, PLAIN), "שלום")

    def test_binary(self) -> None:
        """8-bit data and compressed text are no text (SMS-22, SMS-23)."""
        for data_coding in (2, 4, 0x14, 0x15, 0xF4, 0xF5, 0xF6, 0x20, 0x30):
            self.assertRaises(NotText, decode, b"hi", data_coding, PLAIN)

    def test_default_of_the_operator(self) -> None:
        """data_coding 0 means what the profile says (SMS-21)."""
        self.assertEqual(decode(b"\x00\xe9", 0, Profile(default_alphabet="latin1")), "\x00é")
        self.assertEqual(decode(b"@$", 0, Profile(default_alphabet="ascii")), "@$")
        self.assertEqual(decode(b"\x00\x02", 1, Profile(ia5_is_gsm=True)), "@$")

    def test_odd_ucs2(self) -> None:
        """An odd last octet of UCS-2 is dropped (SMS-25)."""
        self.assertEqual(decode(bytes.fromhex("00410042ff"), 8, PLAIN), "AB")

    def test_little_endian(self) -> None:
        """Little-endian UCS-2 is read by profile (SMS-25) or by its byte order mark."""
        self.assertEqual(decode(b"h\0i\0", 8, Profile(ucs2="le")), "hi")
        self.assertEqual(decode(bytes.fromhex("fffe41004200"), 8, PLAIN), "AB")
        self.assertEqual(decode(bytes.fromhex("feff00410042"), 8, Profile(ucs2="le")), "AB")

    def test_lone_surrogate(self) -> None:
        """Half a surrogate pair reads as U+FFFD (SMS-24)."""
        self.assertEqual(decode(bytes.fromhex("d83d"), 8, PLAIN), "\ufffd")
        self.assertEqual(decode(bytes.fromhex("de000041"), 8, PLAIN), "\ufffdA")

    def test_line_ends(self) -> None:
        """Line ends are LF (SMS-27)."""
        self.assertEqual(decode(b"a\r\nb\rc\nd", 0, PLAIN), "a\nb\nc\nd")

    def test_national(self) -> None:
        """The header's tables hold where the coding is septets, and nowhere else (SMS-29)."""
        for data_coding, profile, coding in (
            (0, PLAIN, "gsm:1:3"), (0xF1, PLAIN, "gsm:1:3"), (1, PLAIN, "ascii"),
            (1, Profile(ia5_is_gsm=True), "gsm:1:3"),
            (0, Profile(default_alphabet="gsm_packed"), "gsm:1:3"), (0, Profile(default_alphabet="latin1"), "latin-1"),
            (8, PLAIN, "utf-16-be"), (8, Profile(ucs2="le"), "utf-16-le"),
        ):
            self.assertEqual(coding_of(data_coding, profile, 1, 3), coding)

    def test_packed(self) -> None:
        """Septets are packed where the operator says so, in the default alphabet alone."""
        packed = Profile(default_alphabet="gsm_packed")
        self.assertEqual([is_packed(coding, packed) for coding in (0, 1, 3, 4, 8, 0x10, 0x18, 0xC8)],
                         [True, False, False, False, False, True, False, True])
        self.assertFalse(is_packed(0, PLAIN))

    def test_message_class(self) -> None:
        """Classes are read from both groups that have them (3GPP TS 23.038 4)."""
        self.assertEqual([message_class(coding) for coding in (0, 8, 0x10, 0x12, 0xF1, 0xF6, 0xC0)],
                         [None, None, 0, 2, 1, 2, None])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300), st.integers(0, 255),
           st.sampled_from(["gsm_unpacked", "gsm_packed", "ascii", "latin1"]))
    def test_any_octets(self, octets: bytes, data_coding: int, alphabet: str) -> None:
        """Any octets are a text without surrogates, or no text at all; nothing else happens."""
        if coding_name(data_coding) is None:
            self.assertRaises(NotText, decode, octets, data_coding, PLAIN)
        else:
            decode(octets, data_coding, Profile(default_alphabet=alphabet)).encode("utf-8")
