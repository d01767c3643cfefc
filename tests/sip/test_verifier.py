"""The server's side of digest authentication (RFC 7616, RFC 8760; SIP-62)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.sip.auth.digest import (
    ALGORITHMS,
    Credentials,
    parse_challenges,
    sign,
)
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.auth.verifier import LIFETIME, WINDOW, Proof, Secret, Verifier
from iwf.sip.syntax.message import Request
from tests.sip.test_digest import ANY, NAMES, NOW, algorithm, challenged, request


class VerifierTests(SynchronousTestCase):
    """Challenges, and whether an answer is right."""

    def setUp(self) -> None:
        self.verifier = Verifier("sip.example", {"ana": Secret("pw")}, "key")

    def signed(self, nonce: str = "", nc: int = 1, password: str = "pw", user: str = "ana", name: str = "SHA-256",
               qop: str = "auth", uri: str = "sip:sip.example", sent: Request | None = None) -> Request:
        nonce = nonce or self.nonce()
        sent = sent or request(uri="sip:sip.example", method="REGISTER", body=b"")
        credentials = Credentials(user, "sip.example", nonce, uri, algorithm=name, qop=qop,
                                  nc=f"{nc:08x}" if qop else "", cnonce="c" if qop else "")
        secret = algorithm(name).secret(user, "sip.example", password)
        line = str(sign(credentials, secret, sent.method, sent.body))
        return Request(sent.method, sent.target, [*sent.headers, ("Authorization", line)], sent.body)

    def nonce(self, now: float = NOW) -> str:
        _, value = self.verifier.challenges(now)[0]
        return parse_challenges(value)[0].nonce

    def test_challenges(self) -> None:
        """One header for each algorithm, best first, with qop (SIP-62)."""
        lines = self.verifier.challenges(NOW, stale=True)
        found = [parse_challenges(value)[0] for _, value in lines]
        self.assertEqual([each.algorithm for each in found], [each.name for each in ALGORITHMS])
        self.assertEqual(found[-1].algorithm, "MD5")
        self.assertEqual({(each.realm, each.qop, each.stale) for each in found}, {("sip.example", ("auth",), True)})
        self.assertEqual(self.verifier.challenges(NOW, proxy=True)[0][0], "Proxy-Authenticate")

    def test_right(self) -> None:
        """Who knows the password is let in, by any algorithm."""
        for name in NAMES:
            self.assertEqual(self.verifier.check(self.signed(name=name), NOW), Proof("ana"), name)

    def test_wrong(self) -> None:
        """A wrong password, an unknown user, and a response for another request are no proof."""
        for wrong in (self.signed(password="PW"), self.signed(user="eve"), self.signed(uri="sip:other.example"),
                      self.signed(uri="sip:ben@sip.example"), self.signed(qop="")):
            self.assertEqual(self.verifier.check(wrong, NOW), Proof(failed=True))
        moved = self.signed()
        self.assertEqual(self.verifier.check(Request("MESSAGE", moved.target, moved.headers), NOW), Proof(failed=True))

    def test_nothing_shown(self) -> None:
        """No credentials, those of other realms and schemes, and empty ones, are just no proof (RFC 8760 2.7)."""
        other = self.signed().get("Authorization") or ""
        for line in ("Basic eA==", other.replace('realm="sip', 'realm="sap'),
                     'Digest username="ana", realm="sip.example", nonce="", uri="sip:sip.example", response=""'):
            self.assertEqual(self.verifier.check(request(("Authorization", line)), NOW), Proof())
        self.assertEqual(self.verifier.check(request(), NOW), Proof())

    def test_uri_spelling(self) -> None:
        """The signed uri may lack the port and the parameters of the Request-URI (RFC 8760 2.6)."""
        sent = request(uri="sip:sip.example:5060;transport=tcp", method="REGISTER", body=b"")
        self.assertEqual(self.verifier.check(self.signed(sent=sent), NOW), Proof("ana"))

    def test_replay(self) -> None:
        """The same count again is stale, a higher one is not, and datagrams may overtake each other (SIP-62)."""
        nonce = self.nonce()
        counts = [1, 2, 2, 5, 3, 3, 1, 5 + WINDOW, 6, 5, 2**32 - 1, 7]
        users = [self.verifier.check(self.signed(nonce, nc), NOW).user for nc in counts]
        self.assertEqual(users, ["ana", "ana", "", "ana", "ana", "", "", "ana", "ana", "", "ana", ""])
        self.assertEqual(self.verifier.check(self.signed(nonce, 1), NOW), Proof(stale=True))

    def test_old_nonce(self) -> None:
        """A nonce is good for five minutes, and does not come to life again when the clock goes back."""
        nonce = self.nonce()
        self.assertEqual(self.verifier.check(self.signed(nonce, 1), NOW + LIFETIME), Proof("ana"))
        self.assertEqual(self.verifier.check(self.signed(nonce, 2), NOW + LIFETIME + 1.1), Proof(stale=True))
        self.assertEqual(self.verifier.check(self.signed(nonce, 3), NOW), Proof(stale=True))

    def test_foreign_nonce(self) -> None:
        """A nonce of another key (of an earlier life) is stale, however right the password."""
        other = Verifier("sip.example", {}, "other key")
        nonce = parse_challenges(other.challenges(NOW)[0][1])[0].nonce
        self.assertEqual(self.verifier.check(self.signed(nonce), NOW), Proof(stale=True))
        for forged in ("", "x", "1.2", "..", "1.2.3", f"{int(NOW):x}.1.00", "\udcff.1.2"):
            self.assertFalse(self.verifier.check(self.signed(forged or "-"), NOW).user)

    def test_without_qop(self) -> None:
        """Old clients are let in on request only, and each nonce serves them once (SIP-62)."""
        self.verifier = Verifier("sip.example", {"ana": Secret("pw")}, "key", without_qop=True)
        nonce = self.nonce()
        self.assertEqual(self.verifier.check(self.signed(nonce, qop="", name="MD5"), NOW), Proof("ana"))
        self.assertEqual(self.verifier.check(self.signed(nonce, qop="", name="MD5"), NOW), Proof(stale=True))

    def test_hashes(self) -> None:
        """An account may be known by hashes only; asked is for what all accounts can answer."""
        hashed = algorithm("MD5").secret("ana", "sip.example", "pw").upper()
        accounts = {"ana": Secret(hashes=(("MD5", hashed),)), "ben": Secret("pw")}
        self.verifier = Verifier("sip.example", accounts, "key")
        self.assertEqual([each.name for each in self.verifier.offered], ["MD5"])
        self.assertEqual(self.verifier.check(self.signed(name="MD5"), NOW), Proof("ana"))
        self.assertEqual(self.verifier.check(self.signed(name="MD5-sess"), NOW), Proof("ana"))
        self.assertEqual(self.verifier.check(self.signed(name="SHA-256"), NOW), Proof(failed=True))

    def test_memory(self) -> None:
        """Challenges cost no memory, old nonces are forgotten, and a flood of them makes old ones stale."""
        for _ in range(100):
            self.verifier.challenges(NOW)
        self.assertEqual(len(self.verifier._used), 0)
        first = self.nonce()
        self.verifier.check(self.signed(first), NOW)
        self.verifier.check(self.signed(self.nonce(NOW + 301)), NOW + 301)
        self.assertEqual(len(self.verifier._used), 1)
        self.verifier = Verifier("sip.example", {"ana": Secret("pw")}, "key", most_nonces=3)
        nonces = [self.nonce(NOW + 302 + n) for n in range(6)]
        for nonce in nonces:
            self.verifier.check(self.signed(nonce, 1), NOW + 308)
        self.assertEqual(len(self.verifier._used), 3)
        self.assertEqual([self.verifier.check(self.signed(nonce, 1), NOW + 308).user for nonce in nonces], [""] * 6)

    @ANY
    @given(st.sampled_from(NAMES), st.text(max_size=12), st.text(min_size=1, max_size=12), st.text(max_size=12),
           st.binary(max_size=30), st.sampled_from([("auth",), ("auth-int",), ("auth", "auth-int"), ()]))
    def test_both_sides(self, name: str, user: str, password: str, realm: str, body: bytes,
                        qop: tuple[str, ...]) -> None:
        """What one side signs the other verifies, over the wire, for every algorithm and qop; a changed body is
        noticed with auth-int."""
        used = algorithm(name)
        assume(qop or not used.session)
        verifier = Verifier(realm, {user: Secret(password)}, "key", without_qop=True)
        _, value = verifier.challenges(NOW)[0]
        [challenge] = parse_challenges(value)
        keyring = Keyring(Login(user, password), Ids(1))
        self.assertTrue(keyring.learn(request(), challenged(evolve(challenge, algorithm=name, qop=qop))))
        sent = keyring.sign(request(body=body))
        if qop == ("auth-int",):
            changed = Request(sent.method, sent.target, sent.headers, body + b"!")
            self.assertEqual(verifier.check(changed, NOW), Proof(failed=True))
        self.assertEqual(verifier.check(sent, NOW).user or None, user or None)
        self.assertEqual(verifier.check(sent, NOW), Proof(stale=True))
