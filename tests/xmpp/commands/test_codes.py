"""Codes that prove whose a phone is (XMPP-32)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.xmpp.commands.codes import HOUR, LIFETIME, MOST_OF_USER, MOST_TO_PHONE, TRIES, Code, Codes, Proof

NOW = 1_790_000_000.0
JOE, EVE, PHONE = "xmpp:joe@a.com", "xmpp:eve@b.com", "+491701234567"


class CodeTests(SynchronousTestCase):
    """Joe and his phone."""

    def setUp(self) -> None:
        self.codes = Codes(Ids(seed=3))

    def issue(self, user: str = JOE, number: str = PHONE, now: float = NOW) -> Code:
        code = self.codes.issue(user, number, now)
        assert code is not None
        return code

    def wrong(self, code: Code) -> str:
        return f"{(int(code.text) + 1) % 10 ** 6:06d}"

    def test_right(self) -> None:
        """Six digits, once."""
        code = self.issue()
        self.assertRegex(code.text, r"\A[0-9]{6}\Z")
        self.assertEqual(self.codes.prove(JOE, f" {code.text} ", NOW), (Proof.RIGHT, PHONE))
        self.assertEqual(self.codes.prove(JOE, code.text, NOW), (Proof.NONE, ""))

    def test_tries(self) -> None:
        """After three wrong ones the right one is of no use either."""
        code = self.issue()
        for _ in range(TRIES - 1):
            self.assertEqual(self.codes.prove(JOE, self.wrong(code), NOW)[0], Proof.WRONG)
        self.assertEqual(self.codes.prove(JOE, self.wrong(code), NOW)[0], Proof.NONE)
        self.assertEqual(self.codes.prove(JOE, code.text, NOW)[0], Proof.NONE)

    def test_late(self) -> None:
        """Ten minutes."""
        code = self.issue()
        self.assertEqual(self.codes.waiting(JOE, NOW + LIFETIME - 1), PHONE)
        self.assertEqual(self.codes.prove(JOE, code.text, NOW + LIFETIME)[0], Proof.NONE)

    def test_not_his(self) -> None:
        """A code is his who asked for it, whoever else reads it."""
        code = self.issue()
        self.assertEqual(self.codes.prove(EVE, code.text, NOW)[0], Proof.NONE)
        self.assertEqual(self.codes.prove(JOE, "ä", NOW)[0], Proof.WRONG)

    def test_newest(self) -> None:
        """A new code makes the old one invalid, and is for its own phone."""
        old, new = self.issue(), self.issue(number="+4930111111")
        self.assertEqual(self.codes.prove(JOE, old.text, NOW)[0], Proof.WRONG)
        self.assertEqual(self.codes.prove(JOE, new.text, NOW), (Proof.RIGHT, "+4930111111"))

    def test_flood(self) -> None:
        """Neither is a phone flooded with codes by many users, nor does one user have many phones sent codes."""
        for index in range(MOST_TO_PHONE):
            self.issue(f"xmpp:user{index}@a.com")
        self.assertIsNone(self.codes.issue(EVE, PHONE, NOW + HOUR - 1))
        self.assertIsNotNone(self.codes.issue(EVE, PHONE, NOW + HOUR + 1))
        for index in range(MOST_OF_USER):
            self.issue(JOE, f"+4930000{index}")
        self.assertIsNone(self.codes.issue(JOE, "+49309999", NOW))
