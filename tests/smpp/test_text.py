"""Alphabets of short messages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.smpp.settings import Profile
from iwf.smpp.text import (
    NotText,
    coding_name,
    decode,
    gsm_fits,
    gsm_octets,
    gsm_septets,
    gsm_text,
    message_class,
)

PLAIN = Profile()

#: 3GPP TS 23.038 6.2.1 as rows of sixteen; ESC stands at 1B.
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
)
EXTENSION = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}


class DefaultAlphabetTests(SynchronousTestCase):
    """GSM 03.38, one septet per octet."""

    def test_table(self) -> None:
        """Every septet but ESC is the character of the standard, both ways (SMS-27)."""
        for septet in set(range(128)) - {0x1B}:
            character = TABLE[septet >> 4][septet & 15]
            self.assertEqual(gsm_text(bytes([septet])), character)
            self.assertEqual(gsm_octets(character), bytes([septet]))

    def test_extension(self) -> None:
        """The ten extended characters take ESC and a septet, both ways."""
        for septet, character in EXTENSION.items():
            self.assertEqual(gsm_text(bytes([0x1B, septet])), character)
            self.assertEqual(gsm_octets(character), bytes([0x1B, septet]))
            self.assertEqual(gsm_septets(character), 2)

    def test_nothing_else_fits(self) -> None:
        """127 characters and 10 extended ones are in the alphabet, and no other."""
        fitting = {chr(point) for point in range(0x3000) if gsm_fits(chr(point))}
        self.assertEqual(fitting, (set("".join(TABLE)) - {"\x1b"}) | set(EXTENSION.values()))

    def test_unlisted_escape(self) -> None:
        """ESC and a septet without extension reads as that septet's character (SMS-28)."""
        self.assertEqual(gsm_text(b"a\x1bbc"), "abc")
        self.assertEqual(gsm_text(b"\x1b\x00"), "@")

    def test_double_escape(self) -> None:
        """ESC ESC reads as a space (SMS-28)."""
        self.assertEqual(gsm_text(b"a\x1b\x1bb"), "a b")

    def test_escape_at_the_end(self) -> None:
        """A lone ESC at the end reads as nothing."""
        self.assertEqual(gsm_text(b"\x61\x62\x1b"), "ab")

    def test_no_septet(self) -> None:
        """Octets over 7F are no septets and read as U+FFFD, also after ESC."""
        self.assertEqual(gsm_text(b"\xc3a\x1b\xa9"), "\ufffda\ufffd")

    def test_look_alikes_do_not_fit(self) -> None:
        """Backtick, small c with cedilla, tab, Greek capitals like Latin ones and decomposed
        accents are not in the alphabet."""
        for text in ("`", "ç", "\t", "ΑΒ", "e\u0301", "’", "\x1b"):
            self.assertFalse(gsm_fits(text), ascii(text))

    @settings(max_examples=100, deadline=None)
    @given(st.text(alphabet=sorted((set("".join(TABLE)) - {"\x1b"}) | set(EXTENSION.values()))))
    def test_identity(self, text: str) -> None:
        """What is written is what is read, and costs what was counted."""
        octets = gsm_octets(text)
        self.assertEqual(gsm_text(octets), text)
        self.assertEqual(len(octets), gsm_septets(text))


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

    def test_message_class(self) -> None:
        """Classes are read from both groups that have them (3GPP TS 23.038 4)."""
        self.assertEqual([message_class(coding) for coding in (0, 8, 0x10, 0x12, 0xF1, 0xF6, 0xC0)],
                         [None, None, 0, 2, 1, 2, None])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300), st.integers(0, 255), st.sampled_from(["gsm_unpacked", "ascii", "latin1"]))
    def test_any_octets(self, octets: bytes, data_coding: int, alphabet: str) -> None:
        """Any octets are a text without surrogates, or no text at all; nothing else happens."""
        if coding_name(data_coding) is None:
            self.assertRaises(NotText, decode, octets, data_coding, PLAIN)
        else:
            decode(octets, data_coding, Profile(default_alphabet=alphabet)).encode("utf-8")
