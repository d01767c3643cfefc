"""Digest authentication: syntax, hashes, and both sides of it (RFC 7616, 8760; SIP-60 to SIP-62)."""

from __future__ import annotations

import hashlib

from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from requests.auth import HTTPDigestAuth
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.sip.auth.digest import (
    ALGORITHMS,
    Algorithm,
    Challenge,
    Credentials,
    algorithm_of,
    choose,
    parse_challenges,
    parse_credentials,
    sign,
)
from iwf.sip.auth.keyring import MAX_REALMS, Keyring, Login
from iwf.sip.auth.verifier import LIFETIME, WINDOW, Proof, Secret, Verifier
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
NOW = 1_772_360_100.0
VIA = Via("UDP", "iwf.sip.example", 5060, (("branch", "z9hG4bKnew"),))
ANY = settings(max_examples=60, deadline=None)
NAMES = ("SHA-512-256", "SHA-256", "MD5", "SHA-512-256-sess", "SHA-256-sess", "MD5-sess")


def algorithm(name: str) -> Algorithm:
    found = algorithm_of(name)
    assert found is not None, name
    return found


def request(*headers: tuple[str, str], body: bytes = b"hi", uri: str = "sip:ana@sip.example",
            method: str = "MESSAGE") -> Request:
    return Request(method, uri, [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKold"), ("From", "<sip:ben@x.example>;tag=f"),
        ("To", "<sip:ana@sip.example>"), ("Call-ID", "c@x"), ("CSeq", f"7 {method}"), *headers], body)


def challenged(*challenges: Challenge | str, status: int = 401, header: str = "WWW-Authenticate") -> Response:
    return Response(status, "", [(header, str(challenge)) for challenge in challenges])


def shown(sent: Request, header: str = "Authorization") -> list[Credentials]:
    found = [parse_credentials(line, header) for line in sent.all(header)]
    return [each for each in found if each is not None]


class VectorTests(SynchronousTestCase):
    """The examples of the RFCs."""

    def response(self, credentials: Credentials, password: str, method: str = "GET", user: str = "") -> str:
        used = algorithm(credentials.algorithm)
        secret = used.secret(user or credentials.username, credentials.realm, password)
        return credentials.expected(secret, method, b"")

    def test_rfc_2617(self) -> None:
        """RFC 2617 3.5: MD5 with qop."""
        credentials = Credentials("Mufasa", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                                  "/dir/index.html", qop="auth", nc="00000001", cnonce="0a4f113b")
        self.assertEqual(self.response(credentials, "Circle Of Life"), "6629fae49393a05397450978507c4ef1")

    def test_rfc_2069(self) -> None:
        """The form without qop, computed step by step from RFC 2617 3.2.2.1."""
        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()
        credentials = Credentials("Mufasa", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                                  "/dir/index.html")
        by_hand = md5(f"{md5('Mufasa:testrealm@host.com:CircleOfLife')}:{credentials.nonce}:"
                      f"{md5('GET:/dir/index.html')}")
        self.assertEqual(self.response(credentials, "CircleOfLife"), by_hand)

    def test_rfc_7616_first(self) -> None:
        """RFC 7616 3.9.1: MD5 and SHA-256."""
        for name, response in (
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ):
            credentials = Credentials("Mufasa", "http-auth@example.org", NONCE, "/dir/index.html",
                                      algorithm=name, qop="auth", nc="00000001", cnonce=CNONCE)
            self.assertEqual(self.response(credentials, "Circle of Life"), response)

    def test_rfc_7616_second(self) -> None:
        """RFC 7616 3.9.2: SHA-512-256.  The RFC prints what SHA-512 gives when cut to 256 bits, which is
        another function; these are the values of SHA-512/256 (FIPS 180-4), and the printed ones are
        shown to be the cut."""
        nonce = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"
        cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
        credentials = Credentials("J\xe4s\xf8n Doe", "api@example.org", nonce, "/doe.json",
                                  algorithm="SHA-512-256", qop="auth", nc="00000001", cnonce=cnonce)
        self.assertEqual(self.response(credentials, "Secret, or not?"),
                         "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")

        def cut(text: str) -> str:
            return hashlib.sha512(text.encode()).hexdigest()[:64]
        a1 = cut("J\xe4s\xf8n Doe:api@example.org:Secret, or not?")
        self.assertEqual(cut(f"{a1}:{nonce}:00000001:{cnonce}:auth:{cut('GET:/doe.json')}"),
                         "ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd")

    def test_empty_body(self) -> None:
        """auth-int over an empty body hashes the empty string (RFC 8760 2.6, SIP-61)."""
        self.assertEqual(algorithm("SHA-256").digest(b""),
                         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        self.assertEqual(algorithm("").digest(b""), "d41d8cd98f00b204e9800998ecf8427e")

    def test_independent(self) -> None:
        """The responses of another implementation (requests) are what we expect."""
        compared = 0
        for name in ("MD5", "MD5-sess", "SHA-256", None):
            for qop in ("auth", "auth,auth-int", None):
                if qop is None and name == "MD5-sess":
                    continue
                client = HTTPDigestAuth("J\xe4s\xf8n", "Circle, of Life")
                client.init_per_thread_state()
                challenge = {"realm": "sip.example", "nonce": NONCE, "opaque": OPAQUE}
                challenge.update({key: value for key, value in (("algorithm", name), ("qop", qop)) if value})
                client._thread_local.chal = challenge
                for _ in range(2):
                    line = client.build_digest_header("REGISTER", "http://sip.example/a/b?c=d")
                    credentials = parse_credentials(line)
                    assert credentials is not None
                    self.assertEqual(self.response(credentials, "Circle, of Life", "REGISTER"), credentials.response)
                    compared += 1
                self.assertEqual(credentials.nc, "00000002" if qop else "")
        self.assertEqual(compared, 22)


class SyntaxTests(SynchronousTestCase):
    """What stands in the headers."""

    def test_challenge(self) -> None:
        """Quoted strings with commas and escapes, and lists in them, are read (SIP-4)."""
        value = ('Digest realm="a, \\"b\\" c", domain="sip:x sip:y", nonce="n=", opaque="", stale=TRUE, '
                 'algorithm=sha-256, qop="auth, auth-int,token"')
        [challenge] = parse_challenges(value)
        self.assertEqual(challenge, Challenge('a, "b" c', "n=", "sha-256", ("auth", "auth-int", "token"), "", True))

    def test_several_in_a_line(self) -> None:
        """Several challenges in one line, as HTTP allows, with other schemes between them, are told apart."""
        found = parse_challenges('NTLM, Digest realm="a",nonce="1", Basic realm="b", Digest nonce=2 , realm=c,')
        self.assertEqual([(each.realm, each.nonce) for each in found], [("a", "1"), ("c", "2")])

    def test_credentials(self) -> None:
        """Credentials are read whatever is quoted and whatever its order."""
        found = parse_credentials('digest qop="auth",nc=0000000a,CNONCE="c",username="u,\\\\v",realm="r",'
                                  'uri="sip:a@b;x=y",nonce=abc/+=,response="00", algorithm="MD5"')
        self.assertEqual(found, Credentials("u,\\v", "r", "abc/+=", "sip:a@b;x=y", "00", "MD5", "auth",
                                            "0000000a", "c"))

    def test_extended_username(self) -> None:
        """username* is read, but not beside username (RFC 7616 3.4)."""
        rest = 'realm="r",nonce="n",uri="u",response="0"'
        found = parse_credentials(f"Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe,{rest}")
        assert found is not None
        self.assertEqual(found.username, "J\xe4s\xf8n Doe")
        for bad in ("username*=UTF-8''a,username=\"a\"", "username*=latin1''a", "username*=a"):
            self.assertRaises(SipSyntaxError, parse_credentials, f"Digest {bad},{rest}")

    def test_improper(self) -> None:
        """What is missing, doubled or unreadable is 400, naming the header (RFC 7616 3.4)."""
        good = 'Digest username="u",realm="r",nonce="n",uri="x",response="0"'
        self.assertIsNotNone(parse_credentials(good))
        for bad in ("", "Digest", "Digest ", good.replace('uri="x",', ""), good + ',realm="r"', good + ",qop=auth",
                    good + ',qop=auth,nc=1,cnonce="c"', good + ",qop=auth,nc=00000001", good + ",qop=none",
                    good + ',x="', good + ";x=y", '"u"', good + f", {good}"):
            fault = self.assertRaises(SipSyntaxError, parse_credentials, bad, "Proxy-Authorization")
            self.assertEqual((fault.status, fault.reason), (400, "Malformed Proxy-Authorization"))
        self.assertIsNone(parse_credentials("Basic QWxhZGRpbg=="))

    def test_quoting(self) -> None:
        """What must be quoted is, and what must not be is not (RFC 7616 3.3, 3.4)."""
        self.assertEqual(str(Challenge("r", "n", "MD5", ("auth",), "o", True)),
                         'Digest realm="r", nonce="n", opaque="o", algorithm=MD5, qop="auth", stale=true')
        self.assertEqual(
            str(Credentials("u", "r", "n", "sip:x", "0f", "MD5", "auth", "00000001", "c", "o")),
            'Digest username="u", realm="r", nonce="n", uri="sip:x", response="0f", algorithm=MD5, cnonce="c", '
            'qop=auth, nc=00000001, opaque="o"')

    def test_secrets_do_not_show(self) -> None:
        """Neither password nor response gets into a log by a repr."""
        self.assertNotIn("pass", repr(Login("u", "pass")) + repr(Secret("pass", (("MD5", "pass"),))))
        self.assertNotIn("0f0f", repr(Credentials("u", "r", "n", "x", "0f0f")))

    def test_choice(self) -> None:
        """For each realm the first challenge that we can answer; what we cannot read is passed over (SIP-60)."""
        chosen = choose([
            'Digest realm="a", nonce="1", algorithm=SHA-3', 'Basic realm="a"', "Digest nonsense", "",
            'Digest realm="a", nonce="2", qop="token"', 'Digest realm="a", nonce="3", algorithm=MD5-sess',
            'Digest realm="a", nonce="4", algorithm=sha-256, qop="auth-int"', 'Digest realm="a", nonce="5"',
            'Digest realm="b", nonce="6"', 'Digest realm="c", nonce=""',
        ])
        self.assertEqual({realm: each.nonce for realm, each in chosen.items()}, {"a": "4", "b": "6"})

    @ANY
    @given(st.text(alphabet=st.one_of(st.sampled_from('Digest realm="a",nonce\\ \t=uri,response'),
                                      st.characters(codec="utf-8"), st.sampled_from("\udc80\udcff\x00")), max_size=80))
    def test_any_text(self, text: str) -> None:
        """Any header text gives values or the documented error."""
        for value in (text, f"Digest {text}", f'Digest username="u",realm="r",nonce="n",uri="x",response="0",{text}'):
            for parse in (parse_challenges, parse_credentials):
                try:
                    parse(value)
                except SipSyntaxError as fault:
                    self.assertEqual(fault.status, 400)
            choose([value])
            verifier = Verifier("r", {"u": Secret("p")}, "key")
            try:
                self.assertEqual(verifier.check(request(("Authorization", value)), NOW).user, "")
            except SipSyntaxError:
                pass

    @ANY
    @given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.sampled_from(NAMES))
    def test_round_trip(self, realm: str, nonce: str, opaque: str, name: str) -> None:
        """What is written is read back as it was."""
        challenge = Challenge(realm, nonce, name, ("auth", "auth-int"), opaque)
        self.assertEqual(parse_challenges(str(challenge)), (challenge,))
        credentials = Credentials(realm, realm, nonce, opaque, "0f", name, "auth-int", "0000abcd", "c", opaque)
        self.assertEqual(parse_credentials(str(credentials)), credentials)


class KeyringTests(SynchronousTestCase):
    """The client's side."""

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


class VerifierTests(SynchronousTestCase):
    """The server's side."""

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
