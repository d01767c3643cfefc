"""The values of SIP headers against an independent reader, sipmessage: lists, numbers, types, challenges, credentials.

What :mod:`tests.sip.test_syntax_differential` does for URIs, addresses, Via and whole messages.
"""

from __future__ import annotations

import sipmessage
from hypothesis import given, settings
from hypothesis import strategies as st

from iwf.sip.auth.digest import Challenge, Credentials, parse_challenges, parse_credentials
from iwf.sip.syntax.headers import CSeq, NameAddr, parse_content_type, parse_cseq, parse_name_addrs
from tests.sip.test_syntax_differential import LETTERS, TOKEN, URI, WORD, Differences, params

METHOD = st.text("ABCXYZabc019-.!*_+`'~", min_size=1, max_size=8)
# Without names, for those see HeaderParameterTests there.
ADDRESSES = st.lists(st.builds(NameAddr, st.just(""), URI, params(TOKEN)), min_size=1, max_size=3)
KIND = st.builds("{}/{}".format, WORD, WORD)
PLAIN = st.text(LETTERS + "019!#$%&'()*+-./:;<>?@[]^_`{|}~ ", min_size=1, max_size=12).map(str.strip).filter(bool)
# Without commas: see test_lists_in_quotes.
TARGET = st.sampled_from(["sip:b.example", "sips:a*x.example@b.example:5070;transport=tcp", "sip:a%20b@[2001:db8::1]"])
CHALLENGE = st.builds(Challenge, PLAIN, PLAIN, st.sampled_from(["", "MD5", "SHA-256", "SHA-512-256", "other"]),
                      st.sampled_from([(), ("auth",)]), st.none() | PLAIN)
CREDENTIALS = st.builds(Credentials, PLAIN, PLAIN, PLAIN, TARGET,
                        st.text("0123456789abcdef", min_size=32, max_size=32), st.sampled_from(["", "MD5", "SHA-256"]),
                        st.just("auth"), st.just("0000000a"), PLAIN, st.none() | PLAIN)


class AgreementTests(Differences):
    """Both readers find the same in well-formed values."""

    @settings(max_examples=60, deadline=None)
    @given(ADDRESSES, st.sampled_from([",", ", "]))
    def test_lists(self, addresses: list[NameAddr], comma: str) -> None:
        """Lists of addresses, as in Contact and Route (RFC 3261 7.3.1, 20.10, 20.34)."""
        text = comma.join(map(str, addresses))
        ours, theirs = parse_name_addrs(text), sipmessage.Address.parse_many(text)
        self.assertEqual([(each.uri.host, each.uri.port, dict(each.params)) for each in ours],
                         [(each.uri.host, each.uri.port, dict(each.parameters)) for each in theirs])

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**31 - 1), METHOD, st.sampled_from([" ", "  ", "\t"]))
    def test_cseq(self, number: int, method: str, blank: str) -> None:
        """CSeq (RFC 3261 20.16)."""
        text = f"{number}{blank}{method}"
        theirs = sipmessage.CSeq.parse(text)
        self.assertEqual(parse_cseq(text), CSeq(theirs.sequence, theirs.method))

    @settings(max_examples=60, deadline=None)
    @given(KIND, params(TOKEN))
    def test_content_type(self, kind: str, pairs: tuple[tuple[str, str | None], ...]) -> None:
        """Content-Type (RFC 3261 20.15); a parameter without a value is none to us."""
        pairs = tuple(pair for pair in pairs if pair[1] is not None)
        text = kind + "".join(f";{name}={value}" for name, value in pairs)
        ours, theirs = parse_content_type(text), sipmessage.MediaType.parse(text)
        self.assertEqual((ours.type, dict(ours.params)), (theirs.mime_type.lower(), dict(theirs.parameters)))

    @settings(max_examples=60, deadline=None)
    @given(CHALLENGE)
    def test_challenges(self, challenge: Challenge) -> None:
        """Challenges, written by us and read by both, and what they have written read again (RFC 7616 3.3)."""
        theirs = sipmessage.AuthChallenge.parse(str(challenge))
        assert theirs.parameters is not None
        read = {name: theirs.parameters.get(name) for name in ("realm", "nonce", "opaque")}
        self.assertEqual(read, {"realm": challenge.realm, "nonce": challenge.nonce, "opaque": challenge.opaque})
        self.assertEqual(theirs.parameters.get("algorithm", ""), challenge.algorithm)
        self.assertEqual(parse_challenges(str(challenge)), (challenge,))
        self.assertEqual(parse_challenges(str(theirs)), (challenge,))

    @settings(max_examples=60, deadline=None)
    @given(CREDENTIALS)
    def test_credentials(self, credentials: Credentials) -> None:
        """Credentials likewise (RFC 7616 3.4)."""
        theirs = sipmessage.AuthCredentials.parse(str(credentials))
        assert theirs.parameters is not None
        for name in ("username", "realm", "nonce", "uri", "response", "cnonce", "nc", "qop"):
            self.assertEqual(theirs.parameters.get(name), getattr(credentials, name), name)
        self.assertEqual(parse_credentials(str(credentials)), credentials)
        self.assertEqual(parse_credentials(str(theirs)), credentials)


class DifferenceTests(Differences):
    """Where the readers differ on purpose."""

    def test_numbers(self) -> None:
        """A CSeq beyond 32 bits is refused (SIP-8); sipmessage takes it."""
        self.assertRaises(ValueError, parse_cseq, "36893488147419103232 REGISTER")
        self.assert_known(ValueError, 2**65, lambda: sipmessage.CSeq.parse(f"{2**65} REGISTER").sequence)

    def test_case_of_types(self) -> None:
        """Types are compared without case, so we bring them to one (RFC 2045 5.1); sipmessage keeps the spelling."""
        self.assertEqual(parse_content_type("Text/Plain").type, "text/plain")
        self.assert_known("text/plain", "Text/Plain", lambda: sipmessage.MediaType.parse("Text/Plain").mime_type)

    def test_quoted_parameters(self) -> None:
        """A semicolon in a quoted boundary is part of it (RFC 3261 25.1); sipmessage ends the parameter there."""
        text = 'multipart/mixed;boundary="a;b"'
        self.assertEqual(parse_content_type(text).param("boundary"), "a;b")
        self.assert_known("a;b", '"a', lambda: sipmessage.MediaType.parse(text).parameters["boundary"])

    def test_blanks_before_commas(self) -> None:
        """A blank may stand on both sides of a comma (RFC 3261 25.1); sipmessage refuses one before it."""
        text = "<sip:a@x.example> , <sip:b@y.example>"
        self.assertEqual(len(parse_name_addrs(text)), 2)
        self.assert_known(2, ValueError, lambda: len(sipmessage.Address.parse_many(text)))

    def test_lists_in_quotes(self) -> None:
        """What is offered as qop is one value with commas in quotes (RFC 7616 3.3); sipmessage cuts it."""
        text = 'Digest realm="a", nonce="1", qop="auth,auth-int"'
        self.assertEqual(parse_challenges(text)[0].qop, ("auth", "auth-int"))
        self.assert_known("auth,auth-int", ValueError, lambda: sipmessage.AuthChallenge.parse(text).parameters["qop"])

    def test_several_challenges(self) -> None:
        """Two challenges on a line, as HTTP has them, are two (RFC 7235 4.1); sipmessage makes one of them."""
        text = 'Digest realm="a", nonce="1", Digest realm="b", nonce="2"'
        ours = [challenge.realm for challenge in parse_challenges(text)]
        self.assertEqual(ours, ["a", "b"])
        self.assert_known(ours, ["a"], lambda: [sipmessage.AuthChallenge.parse(text).parameters["realm"]])
