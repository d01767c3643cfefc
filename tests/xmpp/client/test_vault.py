"""Passwords as they are kept."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.xmpp.client.vault import Vault, VaultFault, keys_of

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


class VaultTests(SynchronousTestCase):
    """Seal and open."""

    def setUp(self) -> None:
        self.vault = Vault((OLD,), Ids(seed=1))

    @given(st.text(st.characters(exclude_categories=("Cs",)), max_size=50), st.text(max_size=20))
    @settings(max_examples=50, deadline=None)
    def test_round_trip(self, secret: str, about: str) -> None:
        """What was sealed for something comes back for it, and stands in the text nowhere."""
        about = about.encode(errors="replace").decode()
        sealed = Vault((OLD,), Ids(seed=1)).seal(secret, about)
        self.assertEqual(Vault((OLD,), Ids()).open(sealed, about), secret)
        if len(secret) > 3:
            self.assertNotIn(secret, sealed)

    def test_never_the_same(self) -> None:
        """Two subscribers with one password cannot be told from two with different ones."""
        self.assertNotEqual(self.vault.seal("x", "a"), self.vault.seal("x", "a"))

    def test_for_somebody_else(self) -> None:
        """Moved to another subscriber's row, it does not open."""
        self.assertRaises(VaultFault, self.vault.open, self.vault.seal("x", "+491 joe@a.com"), "+492 joe@a.com")

    def test_rotation(self) -> None:
        """A new key on top seals, the old one still opens what it has sealed; without it nothing does."""
        sealed = self.vault.seal("x", "a")
        both = Vault((NEW, OLD), Ids(seed=2))
        self.assertEqual(both.open(sealed, "a"), "x")
        self.assertRaises(VaultFault, self.vault.open, both.seal("x", "a"), "a")

    @given(st.one_of(st.text(max_size=60), st.text("0123456789abcdef:=+/", max_size=80)))
    @settings(max_examples=100, deadline=None)
    def test_hostile(self, text: str) -> None:
        """Whatever somebody writes into the database is a VaultFault."""
        vault = Vault((OLD,), Ids(seed=1))
        name = vault.seal("x", "a").split(":")[1]
        for tried in (text, f"1:{name}:{text}"):
            self.assertRaises(VaultFault, vault.open, tried, "a")

    def test_keys(self) -> None:
        """A file holds one key a line; faults name the line and quote nothing."""
        line = b64encode(OLD).decode()
        self.assertEqual(keys_of(f"{line}\n\n{b64encode(NEW).decode()}\n"), (OLD, NEW))
        for text in ("", "\n", f"{line}\nsecret", b64encode(b"short").decode(), "ä" * 44):
            fault = self.assertRaises(ValueError, keys_of, text)
            self.assertNotIn("secret", str(fault))

    def test_not_shown(self) -> None:
        """A vault shows no key when it is logged."""
        self.assertNotIn(repr(OLD)[2:10], repr(self.vault))
