"""SCRAM, by the examples of its RFCs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.xmpp.client.scram import Scram, ScramFault


class Nonce(Ids):
    """The nonce of an example."""

    def __init__(self, *halves: str) -> None:
        super().__init__(seed=1)
        self._halves = list(halves)

    def token(self) -> str:
        return self._halves.pop(0)


def sha1() -> Scram:
    """The client of RFC 5802 section 5."""
    return Scram(["SCRAM-SHA-1"], "user", "pencil", Nonce("fyko+d2lbbFgONRv", "9qkxdawL"))


SERVER_FIRST = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
SERVER_LAST = b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="


class ScramTests(SynchronousTestCase):
    """One exchange."""

    def test_sha1(self) -> None:
        """The exchange of RFC 5802 section 5, word by word."""
        scram = sha1()
        self.assertEqual(scram.first(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")
        self.assertEqual(scram.answer(SERVER_FIRST),
                         b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")
        scram.check(SERVER_LAST)

    def test_sha256(self) -> None:
        """The exchange of RFC 7677 section 3; the better mechanism is taken."""
        scram = Scram(["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"], "user", "pencil", Nonce("rOprNGfwEbeRWgbN", "EkqO"))
        self.assertEqual(scram.name, "SCRAM-SHA-256")
        answer = scram.answer(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        self.assertTrue(answer.endswith(b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), answer)
        scram.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")

    def test_false_server(self) -> None:
        """A server that does not know the password itself is none of ours, although it lets us in."""
        scram = sha1()
        scram.answer(SERVER_FIRST)
        self.assertRaises(ScramFault, scram.check, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        self.assertRaises(ScramFault, sha1().check, b"")

    def test_no_scram(self) -> None:
        """Nothing is said to a server that wants the password itself."""
        for offered in ([], ["PLAIN"], ["PLAIN", "DIGEST-MD5", "SCRAM-SHA-256-PLUS"]):
            self.assertRaises(ScramFault, Scram, offered, "user", "pencil", Ids(seed=1))

    def test_too_much_work(self) -> None:
        """A server cannot make us work for minutes, in which nothing else would move."""
        for rounds in (b"200001", b"999999999", b"9999999999999999"):
            self.assertRaises(ScramFault, sha1().answer, SERVER_FIRST.replace(b"4096", rounds))

    def test_bad_password(self) -> None:
        """A password that cannot be prepared (RFC 4013) is a fault that does not quote it."""
        fault = self.assertRaises(ScramFault, Scram, ["SCRAM-SHA-1"], "user", "pen\x00cil", Ids(seed=1))
        self.assertNotIn("cil", str(fault))

    @given(st.one_of(st.binary(max_size=60), st.text("rsiev=,0123456789+/", max_size=60).map(str.encode)))
    @settings(max_examples=150, deadline=None)
    def test_hostile(self, octets: bytes) -> None:
        """Whatever a server says, nothing but ScramFault comes of it."""
        for tried in (octets, SERVER_FIRST + octets, SERVER_FIRST[:60] + octets):
            scram = sha1()
            try:
                scram.answer(tried)
            except ScramFault:
                continue
            self.assertRaises(ScramFault, scram.check, octets)
