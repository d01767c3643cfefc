"""Our alphabets and splits beside those of other people who read 3GPP TS 23.038."""

from __future__ import annotations

import codecs

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from iwf.mapping.charset import gsm, national
from iwf.smpp.settings import Profile
from iwf.smpp.text.segments import encode

try:
    import gsm0338  # type: ignore[import-not-found] # noqa: F401  registers its codec
    import gsmcodecs  # type: ignore[import-not-found] # noqa: F401
    import smsutil  # type: ignore[import-not-found]
except ImportError:
    smsutil = None

PLAIN = Profile(max_segments=255)
GSM_CHARACTERS = sorted(set(national.DEFAULT) - {"\x1b", "\r"} | set(national.EXTENSION.values()))

#: Where gsmcodecs has another character than the standard's later corrections and Android:
#: an apostrophe for the comma of the scripts of India, and PA twice in Kannada.
_THEIRS = {(language, 0x2C): "'" for language in range(4, 14)} | {(7, 0x24): "\u0caa"}


class OracleTests(SynchronousTestCase):
    """gsm0338, gsmcodecs and smsutil agree with us."""

    def setUp(self) -> None:
        if smsutil is None:
            raise SkipTest("gsm0338, gsmcodecs or smsutil is not installed")

    @settings(max_examples=100, deadline=None)
    @given(st.text(GSM_CHARACTERS, max_size=200))
    def test_default_alphabet(self, text: str) -> None:
        """The default alphabet, both ways."""
        self.assertEqual(gsm.write(text), text.encode("gsm03.38"))
        self.assertEqual(gsm.read(text.encode("gsm03.38")), text)
        self.assertEqual(gsm.write(text), codecs.encode(text, "gsm23.038"))

    @settings(max_examples=100, deadline=None)
    @given(st.text(st.characters(codec="utf-8"), max_size=5))
    def test_what_fits(self, text: str) -> None:
        """What the default alphabet has and what not."""
        try:
            text.encode("gsm03.38")
            fits = True
        except UnicodeEncodeError:
            fits = False
        self.assertEqual(gsm.fits(text), fits and "\x1b" not in text)

    def test_national(self) -> None:
        """Every septet of every national table, alone and after ESC (SMS-29)."""
        compared = 0
        for language in range(1, 14):
            for septet in set(range(128)) - {0x1B}:
                expected = self.theirs(bytes([septet]), f"gsm23.038-{language}-0")
                expected = _THEIRS.get((language, septet), expected)
                found = gsm.read(bytes([septet]), language)
                if (language, septet) in _THEIRS:
                    self.assertNotEqual(found, expected)
                    continue
                self.assertEqual(found, expected or national.HOLE, (language, septet))
                shifted = self.theirs(bytes([0x1B, septet]), f"gsm23.038-{language}-{language}")
                if shifted is not None:
                    compared += 1
                    self.assertEqual(gsm.read(bytes([0x1B, septet]), language, language), shifted, (language, septet))
        self.assertGreater(compared, 600)

    def theirs(self, octets: bytes, codec: str) -> str | None:
        """What gsmcodecs reads, None for a hole."""
        try:
            return codecs.decode(octets, codec)
        except UnicodeDecodeError:
            return None

    @settings(max_examples=100, deadline=None)
    @given(st.text(GSM_CHARACTERS, max_size=700))
    def test_split_septets(self, text: str) -> None:
        """Where texts in the default alphabet are cut."""
        self.assertEqual([gsm.read(part) for part in encode(text, PLAIN).parts],
                         [part.content for part in smsutil.split(text).parts] or [""])

    @settings(max_examples=100, deadline=None)
    @given(st.text("жя日本😀🐳𝄞", max_size=300))
    def test_split_utf16(self, text: str) -> None:
        """Where texts in UTF-16 are cut, as long as each sign is one character (SMS-24)."""
        self.assertEqual([part.decode("utf-16-be") for part in encode(text, PLAIN).parts],
                         [part.content for part in smsutil.split(text).parts] or [""])
