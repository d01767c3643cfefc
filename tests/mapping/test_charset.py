"""Alphabets of short messages, apart from any protocol."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.charset import gsm
from iwf.mapping.charset.coding import decoded, gsm_coding, joined, utf16_octets, utf16_text, utf16_units

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
GSM_TEXTS = st.text(alphabet=sorted((set("".join(TABLE)) - {"\x1b"}) | set(EXTENSION.values())))


class DefaultAlphabetTests(SynchronousTestCase):
    """GSM 03.38, one septet per octet."""

    def test_table(self) -> None:
        """Every septet but ESC is the character of the standard, both ways (SMS-27)."""
        for septet in set(range(128)) - {0x1B}:
            character = TABLE[septet >> 4][septet & 15]
            self.assertEqual(gsm.read(bytes([septet])), character)
            self.assertEqual(gsm.write(character), bytes([septet]))

    def test_extension(self) -> None:
        """The ten extended characters take ESC and a septet, both ways."""
        for septet, character in EXTENSION.items():
            self.assertEqual(gsm.read(bytes([0x1B, septet])), character)
            self.assertEqual(gsm.write(character), bytes([0x1B, septet]))
            self.assertEqual(gsm.septets(character), 2)

    def test_nothing_else_fits(self) -> None:
        """127 characters and 10 extended ones are in the alphabet, and no other."""
        fitting = {chr(point) for point in range(0x3000) if gsm.fits(chr(point))}
        self.assertEqual(fitting, (set("".join(TABLE)) - {"\x1b"}) | set(EXTENSION.values()))

    def test_unlisted_escape(self) -> None:
        """ESC and a septet without extension reads as that septet's character (SMS-28)."""
        self.assertEqual(gsm.read(b"a\x1bbc"), "abc")
        self.assertEqual(gsm.read(b"\x1b\x00"), "@")

    def test_double_escape(self) -> None:
        """ESC ESC reads as a space (SMS-28)."""
        self.assertEqual(gsm.read(b"a\x1b\x1bb"), "a b")

    def test_escape_at_the_end(self) -> None:
        """A lone ESC at the end reads as nothing."""
        self.assertEqual(gsm.read(b"\x61\x62\x1b"), "ab")

    def test_no_septet(self) -> None:
        """Octets over 7F are no septets and read as U+FFFD, also after ESC."""
        self.assertEqual(gsm.read(b"\xc3a\x1b\xa9"), "\ufffda\ufffd")

    def test_look_alikes_do_not_fit(self) -> None:
        """Backtick, small c with cedilla, tab, Greek capitals like Latin ones and decomposed
        accents are not in the alphabet."""
        for text in ("`", "ç", "\t", "ΑΒ", "e\u0301", "’", "\x1b"):
            self.assertFalse(gsm.fits(text), ascii(text))

    @settings(max_examples=100, deadline=None)
    @given(GSM_TEXTS)
    def test_identity(self, text: str) -> None:
        """What is written is what is read, and costs what was counted."""
        octets = gsm.write(text)
        self.assertEqual(gsm.read(octets), text)
        self.assertEqual(len(octets), gsm.septets(text))


class NationalTests(SynchronousTestCase):
    """Tables of national languages (SMS-29)."""

    def test_samples(self) -> None:
        """Texts of Turkey, Spain, Portugal and India read as they were written (3GPP TS 23.038 annex A)."""
        for octets, locking, single, text in (
            ("1b671b691b731b631b491b471b53", 0, 1, "ğışçİĞŞ"),
            ("070b0c1c1d406004", 1, 0, "ıĞğŞşİç€"),
            ("1b7b1b7c1b051b0c1b091b0f", 0, 3, "ãõêôçá"),
            ("0915181b65", 3, 0, "ç∞€€"),
            ("1b411b651b09", 0, 2, "Á€ç"),
            ("4d2e", 6, 6, "ह."),
            ("155230", 6, 0, "की0"),
            ("1b1c1b41", 6, 6, "०A"),
            ("00", 13, 0, "ا"),
        ):
            self.assertEqual(gsm.read(bytes.fromhex(octets), locking, single), text, octets)

    def test_unlisted_escape(self) -> None:
        """ESC and a septet the single shift table lacks reads by the locking shift table (SMS-28)."""
        self.assertEqual(gsm.read(b"\x1b\x07", 1, 1), "ı")

    def test_no_table(self) -> None:
        """Spanish has no locking shift, and unknown languages have no table: the default holds (SMS-29)."""
        for locking, single in ((2, 0), (14, 14), (255, 255), (0, 0)):
            self.assertEqual(gsm.read(b"@\x1be\x09", locking, single), "¡€Ç")

    def test_hole(self) -> None:
        """A septet that a table leaves empty reads as U+FFFD."""
        self.assertEqual(gsm.read(b"\x00", 11), "\ufffd")

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
    def test_anything(self, octets: bytes, locking: int, single: int) -> None:
        """Any octets read as a text in any language, at most one character per octet."""
        self.assertLessEqual(len(gsm.read(octets, locking, single)), len(octets))


class PackingTests(SynchronousTestCase):
    """Eight septets in seven octets (SMS-31)."""

    def test_samples(self) -> None:
        """Samples as a switch of a real network packed them."""
        for octets, packed in (("68656c6c6f68656c6c6f", "e8329bfd4697d9ec37"), ("3132333435363738", "31d98c56b3dd70")):
            self.assertEqual(gsm.packed(bytes.fromhex(octets)).hex(), packed)
            self.assertEqual(gsm.unpacked(bytes.fromhex(packed)).hex(), octets)

    def test_padding(self) -> None:
        """Seven spare bits are filled with CR, which is not read; neither is an @ there, for that is
        how others fill them."""
        self.assertEqual(gsm.packed(b"abcdefg").hex(), gsm.packed(b"abcdefg\r").hex())
        self.assertEqual(gsm.unpacked(gsm.packed(b"abcdefg")), b"abcdefg")
        self.assertEqual(gsm.unpacked(gsm.packed(b"abcdefg\0")), b"abcdefg")
        self.assertEqual(gsm.unpacked(gsm.packed(b"abcdef\0")), b"abcdef\0")
        self.assertEqual(gsm.unpacked(gsm.packed(b"abcdefg\0"), is_end=False), b"abcdefg\0")
        self.assertEqual(gsm.unpacked(gsm.packed(b"abcdefg"), is_end=False), b"abcdefg")

    def test_fill(self) -> None:
        """Behind a header of six octets one bit is left out, behind one of seven none."""
        self.assertEqual(gsm.packed(b"a", 1).hex(), "c2")
        self.assertEqual(gsm.unpacked(bytes.fromhex("c2"), 1), b"a")
        self.assertEqual(len(gsm.packed(b"a" * 153, 1)), 134)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.integers(0, 127), max_size=170).map(bytes), st.integers(0, 6))
    def test_identity(self, octets: bytes, fill: int) -> None:
        """What is packed is unpacked, but for an @ or CR that could be padding."""
        found = gsm.unpacked(gsm.packed(octets, fill), fill)
        if (len(octets) * 7 + fill) % 8 == 0 and octets[-1:] in (b"\r", b"\0"):
            octets = octets[:-1]
        self.assertEqual(found, octets)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=200), st.integers(0, 6))
    def test_anything(self, octets: bytes, fill: int) -> None:
        """Any octets are septets."""
        self.assertTrue(all(septet < 128 for septet in gsm.unpacked(octets, fill)))


class CodingTests(SynchronousTestCase):
    """Codings by name, and parts."""

    def test_names(self) -> None:
        """The name of a coding is enough to read octets later."""
        self.assertEqual((gsm_coding(), gsm_coding(1, 3)), ("gsm", "gsm:1:3"))
        for octets, coding, text in (
            (b"\x07\x1b\x05", gsm_coding(1, 3), "ıê"), (b"\0@", "utf-16-be", "@"), (b"@\0", "utf-16-le", "@"),
            (b"\xe9", "latin-1", "é"), (b"\xe9", "ascii", "\ufffd"), (b"F|", "jis-x-0208", "日"),
            (b"0!", "jis-x-0212", "丂"),
        ):
            self.assertEqual(decoded(octets, coding), text, coding)
        self.assertRaises(LookupError, decoded, b"x", "no such coding")

    def test_joined_before_they_are_read(self) -> None:
        """Parts may end inside a surrogate pair, an ESC pair, a pair of octets or a line end (SMS-35)."""
        self.assertEqual(joined([("utf-16-be", b"\xd8\x3d"), ("utf-16-be", b"\xde\x00")]), "😀")
        self.assertEqual(joined([("utf-16-be", b"\0a\0"), ("utf-16-be", b"b")]), "ab")
        self.assertEqual(joined([("gsm", b"a\x1b"), ("gsm", b"eb")]), "a€b")
        self.assertEqual(joined([("gsm", b"a\r"), ("gsm", b"\nb")]), "a\nb")
        self.assertEqual(joined([("euc_kr", b"\xc7"), ("euc_kr", b"\xd1")]), "한")

    def test_mixed(self) -> None:
        """Parts in different codings are read each in its own."""
        parts = [("gsm", b"Hi "), ("utf-16-be", b"\xd8\x3d\xde\x00"), ("gsm:0:3", b"\x1b\x05")]
        self.assertEqual(joined(parts), "Hi 😀ê")

    def test_units(self) -> None:
        """Units of UTF-16: two for characters beyond U+FFFF."""
        self.assertEqual(utf16_units("a€😀"), 4)

    @settings(max_examples=100, deadline=None)
    @given(st.text(), st.integers(0, 400))
    def test_cut_anywhere(self, text: str, place: int) -> None:
        """Wherever octets are cut, joined they are the text."""
        octets = utf16_octets(text)
        if not text.startswith(("\ufeff", "\ufffe")):  # else it reads as a byte order mark
            self.assertEqual(joined([("utf-16-be", octets[:place]), ("utf-16-be", octets[place:])]),
                             text.replace("\r\n", "\n").replace("\r", "\n"))

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=100))
    def test_any_utf16(self, octets: bytes) -> None:
        """Any octets are UTF-16 of a kind, without surrogates."""
        utf16_text(octets).encode("utf-8")
