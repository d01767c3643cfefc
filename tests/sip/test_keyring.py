"""The client's side of digest authentication (RFC 7616, RFC 8760; SIP-60)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.sip.auth.digest import (
    Challenge,
    Credentials,
)
from iwf.sip.auth.keyring import MAX_REALMS, Keyring, Login
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request
from tests.sip.test_digest import algorithm, challenged, request, shown

VIA = Via("UDP", "iwf.sip.example", 5060, (("branch", "z9hG4bKnew"),))


class KeyringTests(SynchronousTestCase):
    """What goes with our requests, and what is learnt from refusals."""

    def setUp(self) -> None:
        self.keyring = Keyring(Login("iwf", "pw"), Ids(1))

    def verify(self, credentials: Credentials, sent: Request) -> None:
        used = algorithm(credentials.algorithm)
        secret = used.secret("iwf", credentials.realm, "pw")
        self.assertEqual(credentials.expected(secret, sent.method, sent.body), credentials.response)

    def test_answer(self) -> None:
        """The request goes again with CSeq + 1 and a new branch, and all else as before (SIP-60)."""
        first = request(("Subject", "s"))
        self.assertTrue(self.keyring.learn(first, challenged(Challenge("r", "n", "SHA-256", ("auth",), "o"))))
        again = self.keyring.repeated(first, VIA)
        self.assertEqual((again.cseq.number, again.top_via, again.call_id, again.from_, again.body, again.target),
                         (8, VIA, first.call_id, first.from_, first.body, first.target))
        self.assertEqual(len(again.vias), 1)
        [credentials] = shown(again)
        self.assertEqual((credentials.nc, credentials.qop, credentials.opaque, credentials.uri),
                         ("00000001", "auth", "o", first.target))
        self.verify(credentials, again)

    def test_ahead(self) -> None:
        """Later requests carry credentials ahead of any challenge, with a rising count (RFC 7616 3.6)."""
        self.assertEqual(self.keyring.sign(request()), request())
        self.keyring.learn(request(), challenged(Challenge("r", "n", "", ("auth",)), status=407,
                                                 header="Proxy-Authenticate"))
        counts = []
        for _ in range(3):
            sent = self.keyring.sign(request())
            [credentials] = shown(sent, "Proxy-Authorization")
            self.verify(credentials, sent)
            counts.append(credentials.nc)
        self.assertEqual(counts, ["00000001", "00000002", "00000003"])

    def test_integrity(self) -> None:
        """auth-int is used where nothing else is offered, and covers the body."""
        self.keyring.learn(request(), challenged(Challenge("r", "n", "MD5-sess", ("auth-int",))))
        sent = self.keyring.sign(request())
        [credentials] = shown(sent)
        self.assertEqual(credentials.qop, "auth-int")
        self.verify(credentials, sent)
        secret = algorithm("MD5").secret("iwf", "r", "pw")
        self.assertNotEqual(credentials.expected(secret, "MESSAGE", b"other"), credentials.response)

    def test_wrong_password(self) -> None:
        """Credentials that were refused are not shown again, not even later (RFC 3261 22.1)."""
        challenge = Challenge("r", "n", "", ("auth",))
        self.keyring.learn(request(), challenged(challenge))
        sent = self.keyring.sign(request())
        self.assertFalse(self.keyring.learn(sent, challenged(evolve(challenge, nonce="m"))))
        self.assertEqual(self.keyring.sign(request()), request())

    def test_stale(self) -> None:
        """An old nonce is replaced; a server that forgets to say so is believed once (SIP-60)."""
        challenge = Challenge("r", "n", "", ("auth",))
        self.keyring.learn(request(), challenged(challenge))
        sent = self.keyring.sign(request())
        self.assertTrue(self.keyring.learn(sent, challenged(evolve(challenge, nonce="m", stale=True))))
        self.keyring.sign(request())
        ahead = self.keyring.sign(request())
        self.assertEqual(shown(ahead)[0].nc, "00000002")
        self.assertTrue(self.keyring.learn(ahead, challenged(evolve(challenge, nonce="o"))))
        again = self.keyring.repeated(ahead, VIA)
        self.assertEqual([(each.nonce, each.nc) for each in shown(again)], [("o", "00000001")])
        self.assertFalse(self.keyring.learn(again, challenged(evolve(challenge, nonce="p"))))

    def test_proxy_then_server(self) -> None:
        """A proxy's and a server's challenge are answered one after the other, and stay answered (RFC 3261 22.3)."""
        first = request()
        self.assertTrue(self.keyring.learn(first, challenged(
            Challenge("proxy", "n", "", ("auth",)), status=407, header="Proxy-Authenticate")))
        second = self.keyring.repeated(first, VIA)
        self.assertTrue(self.keyring.learn(second, challenged(Challenge("server", "m"))))
        third = self.keyring.repeated(second, VIA)
        self.assertEqual((third.cseq.number, shown(third)[0].realm, shown(third, "Proxy-Authorization")[0].realm),
                         (9, "server", "proxy"))

    def test_realm(self) -> None:
        """With a realm configured, no other gets the password's hash."""
        keyring = Keyring(Login("iwf", "pw", "mine"), Ids(1))
        self.assertFalse(keyring.learn(request(), challenged(Challenge("other", "n"))))
        self.assertTrue(keyring.learn(request(), challenged(Challenge("other", "n"), Challenge("mine", "n"))))
        self.assertEqual([each.realm for each in shown(keyring.sign(request()))], ["mine"])

    def test_no_challenge(self) -> None:
        """Other refusals, and challenges that nobody can answer, stand."""
        for refusal in (challenged(), challenged("Digest"), challenged('Basic realm="r"'),
                        challenged(Challenge("r", "n"), status=403)):
            self.assertFalse(self.keyring.learn(request(), refusal))

    def test_many_realms(self) -> None:
        """A peer that names ever new realms does not fill the memory."""
        for number in range(3 * MAX_REALMS):
            self.keyring.learn(request(), challenged(Challenge(f"r{number}", "n")))
        self.assertEqual(len(shown(self.keyring.sign(request()))), MAX_REALMS)
