"""Digest authentication: syntax and hashes (RFC 7616, RFC 8760; SIP-61)."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
from requests.auth import HTTPDigestAuth
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.auth.digest import (
    Algorithm,
    Challenge,
    Credentials,
    algorithm_of,
    choose,
    parse_challenges,
    parse_credentials,
)
from iwf.sip.auth.keyring import Login
from iwf.sip.auth.verifier import Secret, Verifier
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
