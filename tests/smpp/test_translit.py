"""Likenesses in the default alphabet (SMS-26)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.charset import gsm
from iwf.smpp.settings import Profile
from iwf.smpp.text.segments import encode
from iwf.smpp.text.translit import translit

TRANSLIT = Profile(charset="translit")


class LikenessTests(SynchronousTestCase):
    """What a text becomes."""

    def test_samples(self) -> None:
        """Quotes, dashes, accents and ligatures become their nearest likeness."""
        for text, likeness in (
            ("it’s “so” – well…", "it's \"so\" - well..."), ("crème brûlée", "crème brulée"), ("Łódź", "Lodz"),
            ("naïve ﬁancé", "naive fiancé"), ("e\u0301", "é"), ("çoğ", "cog"), ("Œuvre", "OEuvre"),
            ("1\u00a0000", "1 000"), ("½ ™ ©", "1/2 TM (c)"),
            ("tab\there", "tab here"), ("€ [x]", "€ [x]"), ("zero\u200bwidth", "zerowidth"),
        ):
            self.assertEqual(translit(text), likeness)

    def test_signs_without_likeness(self) -> None:
        """An emoji becomes one question mark, however many characters it has."""
        self.assertEqual(translit("hi \U0001f468\u200d\U0001f469\u200d\U0001f467!"), "hi ?!")
        self.assertEqual(translit("\U0001f1f1\U0001f1f7\u2603\ufe0f"), "??")

    def test_other_scripts(self) -> None:
        """A text with letters that have no likeness stays as it is."""
        for text in ("Привет", "日本", "שלום", "Hi Ω Ж", "٣"):
            self.assertIsNone(translit(text), text)

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=40))
    def test_fits(self, text: str) -> None:
        """Whatever comes out fits the default alphabet."""
        likeness = translit(text)
        if likeness is not None:
            self.assertTrue(gsm.fits(likeness))


class ChoiceTests(SynchronousTestCase):
    """When it is done."""

    def test_saves_parts(self) -> None:
        """Only where parts are saved; a short text is not touched."""
        self.assertEqual(encode("it’s", TRANSLIT).data_coding, 8)
        long = "it’s " * 30
        self.assertEqual((encode(long, TRANSLIT).data_coding, len(encode(long, TRANSLIT).parts)), (0, 1))
        self.assertEqual((encode(long, Profile()).data_coding, len(encode(long, Profile()).parts)), (8, 3))
        self.assertEqual(encode("Привет! " * 30, TRANSLIT).data_coding, 8)
        self.assertEqual(encode("…" * 71, TRANSLIT).data_coding, 8)  # two parts as dots as well

    def test_forced(self) -> None:
        """A peer that wants UTF-16 gets the text itself."""
        self.assertEqual(encode("it’s " * 30, TRANSLIT, ucs2=True).data_coding, 8)

    def test_ascii_operator(self) -> None:
        """What ASCII cannot carry is not sent as ASCII."""
        encoded = encode("“crème” " * 20, evolve(TRANSLIT, default_alphabet="ascii"))
        self.assertEqual(encoded.data_coding, 8)
