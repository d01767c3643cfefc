"""Long texts: coding, parts, headers."""

from __future__ import annotations

import re

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.charset.gsm import unpacked
from iwf.smpp.settings import Profile
from iwf.smpp.text.coding import decode, is_packed
from iwf.smpp.text.header import BadHeader, Part, fill_bits, read_user_data
from iwf.smpp.text.segments import Encoded, References, TooLong, encode

PLAIN = Profile(max_segments=255)
ASCII = evolve(PLAIN, default_alphabet="ascii")
LATIN1 = evolve(PLAIN, default_alphabet="latin1")
PREFERS_LATIN1 = evolve(PLAIN, prefer_latin1=True)
PACKED = evolve(PLAIN, default_alphabet="gsm_packed")
WIDE = evolve(PLAIN, reference_bits=16)
EVERY_PROFILE = (PLAIN, ASCII, LATIN1, PREFERS_LATIN1, PACKED, WIDE, evolve(PACKED, reference_bits=16),
                 evolve(PACKED, long_texts="sar"), evolve(PLAIN, long_texts="payload"))


def lengths(text: str, profile: Profile = PLAIN) -> list[int]:
    return [len(part) for part in encode(text, profile).parts]


def _unpacked(encoded: Encoded, profile: Profile) -> list[bytes]:
    """The parts with a septet per octet."""
    if not is_packed(encoded.data_coding, profile):
        return list(encoded.parts)
    fill = fill_bits(profile.reference_bits // 8 + 5) if encoded.udhi else 0
    last = len(encoded.parts) - 1
    return [unpacked(part, fill, is_end=number == last) for number, part in enumerate(encoded.parts)]


class CodingTests(SynchronousTestCase):
    """Which coding a text gets (SMS-21)."""

    def test_samples(self) -> None:
        """Texts in the default alphabet are septets, all others UTF-16BE."""
        for text, data_coding, octets in (
            ("Hello world", 0, "48656c6c6f20776f726c64"),
            ("a@b", 0, "610062"),
            ("$", 0, "02"),
            ("§", 0, "5f"),
            ("`", 8, "0060"),
            ("ç", 8, "00e7"),
            ("ΑΒ", 8, "03910392"),
            ("\f", 0, "1b0a"),
            ("\t", 8, "0009"),
            ("it’s", 8, "0069007420190073"),
            ("Привет", 8, "041f04400438043204350442"),
            ("e\u0301", 8, "00650301"),
            ("", 0, ""),
        ):
            encoded = encode(text, PLAIN)
            self.assertEqual((encoded.data_coding, [part.hex() for part in encoded.parts]), (data_coding, [octets]))
            self.assertFalse(encoded.udhi)

    def test_ascii_operator(self) -> None:
        """Where data_coding 0 is ASCII, what both ASCII and the air can carry goes as ASCII."""
        self.assertEqual(encode("a@$", ASCII).parts, (b"a@$",))
        self.assertEqual(encode("é", ASCII).data_coding, 8)
        self.assertEqual(encode("`", ASCII).data_coding, 8)
        self.assertEqual(lengths("[" * 81, ASCII), [76, 5])

    def test_latin1(self) -> None:
        """ISO-8859-1 is used where the operator says that it is the default, or liked."""
        self.assertEqual((encode("é", LATIN1).data_coding, encode("é", LATIN1).parts), (0, (b"\xe9",)))
        self.assertEqual((encode("ç", PREFERS_LATIN1).data_coding, encode("ç", PREFERS_LATIN1).parts), (3, (b"\xe7",)))
        self.assertEqual(lengths("ç" * 141, PREFERS_LATIN1), [134, 7])

    def test_lone_surrogate(self) -> None:
        """A lone surrogate is written as U+FFFD (SMS-24)."""
        self.assertEqual(encode("\ud83d!", PLAIN).parts, (bytes.fromhex("fffd0021"),))

    def test_line_ends(self) -> None:
        """CR LF is written as LF (SMS-27)."""
        self.assertEqual(encode("a\r\nb", PLAIN).parts, (b"a\nb",))


class SplitTests(SynchronousTestCase):
    """Where a long text is cut (SMS section 5)."""

    def test_sizes(self) -> None:
        """One part holds 160 septets or 70 units, each of several 153 or 67."""
        for text, expected in (
            ("a" * 160, [160]),
            ("a" * 161, [153, 8]),
            ("a" * 307, [153, 153, 1]),
            ("a" * 158 + "€", [160]),
            ("€" * 80, [160]),
            ("\u2603" * 70, [140]),
            ("\u2603" * 71, [134, 8]),
            ("\u2603" * 135, [134, 134, 2]),
        ):
            self.assertEqual(lengths(text), expected, text[:3])

    def test_escape_pair_moves_whole(self) -> None:
        """ESC and its septet are not divided (SMS-32)."""
        parts = encode("a" * 152 + "€" + "b" * 10, PLAIN).parts
        self.assertEqual(parts, (b"a" * 152, b"\x1be" + b"b" * 10))
        self.assertEqual(lengths("€" * 153), [152, 152, 2])

    def test_surrogate_pair_moves_whole(self) -> None:
        """A surrogate pair is not divided (SMS-24, SMS-32)."""
        self.assertEqual(lengths("\U0001f433" * 36), [132, 12])
        parts = encode("\u2603" * 66 + "\U0001f433" + "\u2603" * 3, PLAIN).parts
        self.assertEqual(parts[1].hex(), "d83ddc33260326032603")

    def test_signs_stay_whole(self) -> None:
        """Accents, joined emoji, skin tones and flags are not cut while they fit (SMS-32)."""
        family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
        for sign in ("e\u0301", family, "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\U0001f1f1\U0001f1f7"):
            for offset in range(4):
                text = "\u2603" * offset + sign * 40
                for part in encode(text, PLAIN).parts:
                    piece = part.decode("utf-16-be").lstrip("\u2603")
                    self.assertEqual(piece.replace(sign, ""), "", ascii(sign))

    def test_a_sign_larger_than_a_part(self) -> None:
        """A sign that no part can hold is cut all the same."""
        self.assertEqual(lengths("e" + "\u0301" * 150), [134, 134, 34])

    def test_scripts_stay_whole(self) -> None:
        """Syllables of Korean and of Indian scripts, keycaps and the flag of Wales are one sign each (SMS-32)."""
        wales = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
        for sign in ("\u1112\u1161\u11ab", "\u0915\u094d\u0937\u093f", "1\ufe0f\u20e3", wales):
            for offset in range(3):
                for part in encode("\u2603" * offset + sign * 60, PLAIN).parts:
                    piece = part.decode("utf-16-be").lstrip("\u2603")
                    self.assertEqual(piece.replace(sign, ""), "", ascii(sign))

    def test_wide_reference(self) -> None:
        """A reference of 16 bits leaves room for a septet, an octet or a unit less (SMS section 5)."""
        self.assertEqual(lengths("a" * 153 * 2, WIDE), [152, 152, 2])
        self.assertEqual(lengths("\u2603" * 71, WIDE), [132, 10])
        self.assertEqual(lengths("\u00e7" * 141, evolve(WIDE, prefer_latin1=True)), [133, 8])

    def test_packed(self) -> None:
        """Packed septets fill 140 octets, the header and its fill bits included (SMS-31)."""
        self.assertEqual(lengths("a" * 160, PACKED), [140])
        self.assertEqual([len(part) for part in encode("a" * 161, PACKED).user_data(1)], [140, 6 + 8])
        self.assertEqual([len(part) for part in encode("a" * 161, evolve(PACKED, reference_bits=16)).user_data(1)],
                         [140, 7 + 8])
        # Septets 61 61: behind a header they begin at the second bit, without one at the first.
        self.assertEqual(encode("a" * 161, PACKED).parts[0][:1].hex(), "c2")
        self.assertEqual(encode("a" * 161, evolve(PACKED, long_texts="sar")).parts[0][:1].hex(), "e1")

    def test_payload(self) -> None:
        """Where the SMSC splits, there is one part without a header (SMS-34)."""
        encoded = encode("a" * 161, evolve(PLAIN, long_texts="payload"))
        self.assertEqual((encoded.user_data(1), encoded.udhi, encoded.is_long), ((b"a" * 161,), False, True))
        self.assertFalse(encode("a" * 160, evolve(PLAIN, long_texts="payload")).is_long)

    def test_too_long(self) -> None:
        """More parts than allowed are an error that says how many, before anything is split (SMS-37)."""
        for text, profile, parts in (
            ("a" * 1531, Profile(), 11), ("a" * 153 * 256, PLAIN, 256), ("\U0001f1f1" * 200_000, PLAIN, 5971),
            # Fits by its length, but ESC pairs are not divided.
            ("€" * 153, Profile(max_segments=2), 3), ("a" * 161, Profile(max_segments=1, long_texts="payload"), 2),
        ):
            error = self.assertRaises(TooLong, encode, text, profile)
            self.assertEqual(error.parts, parts)

    def test_forced(self) -> None:
        """A text may be had in UTF-16 although it fits another alphabet (ERR 8.3)."""
        encoded = encode("a" * 71, PLAIN, ucs2=True)
        self.assertEqual((encoded.data_coding, [len(part) for part in encoded.parts]), (8, [134, 8]))
        self.assertRaises(TooLong, encode, "a" * 71, Profile(max_segments=1), ucs2=True)

    def test_many_flags(self) -> None:
        """A very long row of flags is split without looking back to its beginning each time."""
        encoded = encode("\U0001f1f1\U0001f1f7" * 2500, PLAIN)
        self.assertEqual(b"".join(encoded.parts).decode("utf-16-be"), "\U0001f1f1\U0001f1f7" * 2500)

    @settings(max_examples=150, deadline=None)
    @given(
        st.text(alphabet=st.one_of(st.sampled_from("ab€[é\n \u0301\u200d\U0001f1f1\U0001f44d"), st.characters()),
                max_size=600),
        st.sampled_from(EVERY_PROFILE),
    )
    def test_identity(self, text: str, profile: Profile) -> None:
        """Parts joined and read are the text, every part fits, and no part is empty."""
        encoded = encode(text, profile)
        joined = b"".join(_unpacked(encoded, profile))
        if encoded.alphabet == "gsm_packed" and text.endswith("@"):
            return  # where it could be padding it is not read (SMS-31)
        expected = re.sub("[\ud800-\udfff]", "\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
        if not expected.startswith(("\ufeff", "\ufffe")):  # else it reads as a byte order mark
            self.assertEqual(decode(joined, encoded.data_coding, profile), expected)
        if encoded.method == "payload" and encoded.is_long:
            return
        most = 140 if encoded.data_coding or encoded.alphabet == "gsm_packed" else 160
        for data in encoded.user_data(7):
            self.assertLessEqual(len(data), most)
        if encoded.udhi:
            self.assertTrue(all(encoded.parts))
            self.assertGreater(encoded.units, 67)

    @settings(max_examples=100, deadline=None)
    @given(st.text(alphabet=st.characters(min_codepoint=0x80, codec="utf-8"), min_size=71, max_size=300))
    def test_parts_read_alone(self, text: str) -> None:
        """Every part of a UTF-16 text reads by itself: no character is divided."""
        encoded = encode(text, PLAIN)
        if encoded.data_coding == 8:
            self.assertEqual("".join(part.decode("utf-16-be") for part in encoded.parts), text)


class HeaderTests(SynchronousTestCase):
    """User data headers."""

    def test_written(self) -> None:
        """Parts carry an 8-bit reference, the total and their number from 1 (SMS-30)."""
        first, second = encode("a" * 161, PLAIN).user_data(0x2A)
        self.assertEqual(first, bytes.fromhex("0500032a0201") + b"a" * 153)
        self.assertEqual(second, bytes.fromhex("0500032a0202") + b"a" * 8)

    def test_written_wide(self) -> None:
        """References of 16 bits, of which the low ones of any number are used (SMS-30)."""
        first, second = encode("a" * 161, WIDE).user_data(0x12345)
        self.assertEqual((first[:7].hex(), second[:7].hex()), ("06080423450201", "06080423450202"))
        self.assertEqual(encode("a" * 161, PLAIN).user_data(0x12345)[0][3], 0x45)

    def test_national(self) -> None:
        """The languages of shift tables are read, whichever comes first (SMS-29)."""
        for octets, locking, single in (("03240103 48", 0, 3), ("03250101 48", 1, 0), ("06250101240103 48", 1, 3),
                                        ("0b 240106 250106 0003070201 48", 6, 6), ("02 2400 48", 0, 0)):
            data = read_user_data(bytes.fromhex(octets), True)
            self.assertEqual((data.octets, data.locking, data.single), (b"H", locking, single), octets)

    def test_fill(self) -> None:
        """Bits until the next septet, by the octets of the header (SMS-31)."""
        self.assertEqual([fill_bits(octets) for octets in (0, 4, 6, 7, 12)], [0, 3, 1, 0, 2])
        self.assertEqual(read_user_data(bytes.fromhex("05000307020148"), True).fill, 1)

    def test_single_part_has_none(self) -> None:
        """A text of one part has no header."""
        self.assertEqual(encode("hi", PLAIN).user_data(7), (b"hi",))

    def test_read(self) -> None:
        """Headers with 8-bit and 16-bit references are read and taken off, in any place."""
        for octets, part in (
            ("05000307020148", Part(7, 2, 1)),
            ("06080401070201 48", Part(0x107, 2, 1, "16")),
            ("0824010100030702 01 48", Part(7, 2, 1)),
            ("05000307020048", None),  # number 0: the element is ignored
            ("05000307020348", None),  # number over the total
            ("05000301000048", None),  # total 0
            ("0048", None),
        ):
            data = read_user_data(bytes.fromhex(octets), True)
            self.assertEqual((data.octets, data.part, data.is_text), (b"H", part, True), octets)

    def test_without_header(self) -> None:
        """Without the bit in esm_class nothing is taken off."""
        octets = bytes.fromhex("050003070201")
        self.assertEqual(read_user_data(octets, False).octets, octets)

    def test_not_text(self) -> None:
        """Ports, EMS and SIM headers say that it is no text (SMS-23)."""
        for octets in ("06050415820000 48", "0b0504158200000003070201 48", "030a0100 48", "027000 48"):
            self.assertFalse(read_user_data(bytes.fromhex(octets), True).is_text, octets)

    def test_damaged(self) -> None:
        """A header longer than the data, or an element longer than the header, is an error."""
        for octets in ("", "ff0003010201", "0500ff010203", "05"):
            self.assertRaises(BadHeader, read_user_data, bytes.fromhex(octets), True)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60))
    def test_any_octets(self, octets: bytes) -> None:
        """Any octets are user data with a header or a bad header; nothing else happens."""
        try:
            data = read_user_data(octets, True)
        except BadHeader:
            return
        self.assertTrue(octets.endswith(data.octets))
        self.assertEqual(len(data.octets), len(octets) - octets[0] - 1)

    def test_references(self) -> None:
        """Long texts to one phone get 256 different references in a row, whatever goes to
        others (SMS-33)."""
        references = References(first=250)
        mine = []
        for _ in range(256):
            mine.append(references.next("a"))
            references.next("b")
        self.assertEqual(sorted(mine), list(range(256)))
