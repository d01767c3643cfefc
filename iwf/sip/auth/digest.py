"""Digest authentication: challenges, credentials and the hashes that join them.  Pure.

RFC 7616 as RFC 8760 brings it to SIP, with RFC 2617's MD5 and the form without qop of RFC 2069 (SIP-60 to
SIP-62).  :mod:`iwf.sip.auth.keyring` answers challenges, :mod:`iwf.sip.auth.verifier` makes them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from attrs import evolve, field, frozen

from iwf.sip.syntax.grammar import QUOTED, TOKEN, SipSyntaxError, encoded, malformed, quote, unquote

__all__ = ["ALGORITHMS", "Algorithm", "Challenge", "Credentials", "algorithm_of", "algorithms_of", "choose",
           "parse_challenges", "parse_credentials", "sign"]

Params = dict[str, str]

# One auth-param.  Beyond RFC 3261's token an unquoted value may be any visible text without a comma.
_param = re.compile(rf'({TOKEN})[ \t]*=[ \t]*(?:({QUOTED})|([^\s",]*))[ \t]*(?=,|\Z)', re.DOTALL).match
_scheme = re.compile(rf"({TOKEN})(?:[ \t]+|(?=,)|\Z)").match
_separators = re.compile(r"[ \t,]*").match
_is_count = re.compile(r"[0-9A-Fa-f]{8}").fullmatch


@frozen
class Algorithm:
    """A hash function and how A1 is made with it."""

    name: str
    """As IANA has it: ``MD5``, ``SHA-256``, ``SHA-512-256``, each also with ``-sess``."""
    function: str
    """Python's name of the hash function."""
    session: bool = False

    def digest(self, *parts: str | bytes) -> str:
        """H of the parts with colons between them, in lower-case hex.

        :raises SipSyntaxError: for text that cannot be encoded.
        """
        octets = b":".join(part if isinstance(part, bytes) else encoded(part) for part in parts)
        return hashlib.new(self.function, octets, usedforsecurity=False).hexdigest()

    def secret(self, username: str, realm: str, password: str) -> str:
        """H(username:realm:password), what a registrar may store in place of a password; the same for ``-sess``."""
        return self.digest(username, realm, password)


def _known() -> Iterator[Algorithm]:
    for name, function in (("SHA-512-256", "sha512_256"), ("SHA-256", "sha256"), ("MD5", "md5")):
        if function in hashlib.algorithms_available:  # SHA-512/256 is OpenSSL's, and MD5 may be switched off
            yield Algorithm(name, function)
            yield Algorithm(f"{name}-sess", function, session=True)


_ALGORITHMS = {algorithm.name.lower(): algorithm for algorithm in _known()}
#: What we challenge with, best first (RFC 7616 3.7).
ALGORITHMS = tuple(algorithm for algorithm in _ALGORITHMS.values() if not algorithm.session)


def algorithm_of(name: str) -> Algorithm | None:
    """The algorithm of that name in any case, empty for MD5; None when we do not have it."""
    return _ALGORITHMS.get(name.lower() or "md5")


def algorithms_of(names: Iterable[str]) -> tuple[Algorithm, ...]:
    """The algorithms of those names that we have; of no names, all but the ``-sess`` ones."""
    return tuple([found for name in names if (found := algorithm_of(name)) is not None]) or ALGORITHMS


@frozen
class Challenge:
    """What a server asks for: one WWW-Authenticate or Proxy-Authenticate (RFC 7616 3.3)."""

    realm: str
    nonce: str = field(repr=False)
    algorithm: str = ""
    """As written; empty when absent, which means MD5."""
    qop: tuple[str, ...] = ()
    """What is offered, in lower case."""
    opaque: str | None = None
    stale: bool = False
    """The credentials were right but their nonce was old: no reason to ask anybody for a password."""

    def __str__(self) -> str:
        # RFC 7616 3.3: realm, nonce, opaque and qop quoted, stale and algorithm not.
        parts = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)

    @property
    def chosen_qop(self) -> str | None:
        """``auth`` where offered, as bodies may be touched on the way; None: none of those offered is known."""
        if not self.qop:
            return ""
        return next((known for known in ("auth", "auth-int") if known in self.qop), None)

    @property
    def answerable(self) -> bool:
        """Whether we know all that an answer needs."""
        algorithm = algorithm_of(self.algorithm)
        if algorithm is None or self.chosen_qop is None or not self.nonce:
            return False
        # RFC 3261 22.4 (8): -sess needs a cnonce, and that needs qop.
        return bool(self.qop) or not algorithm.session


@frozen
class Credentials:
    """The proof that a client knows the password: one Authorization or Proxy-Authorization (RFC 7616 3.4)."""

    username: str
    realm: str
    nonce: str = field(repr=False)
    uri: str
    response: str = field(default="", repr=False)
    algorithm: str = ""
    """As written; empty when absent, which means MD5."""
    qop: str = ""
    """``auth``, ``auth-int`` or empty, in lower case."""
    nc: str = ""
    """Eight hex digits as written; empty without qop."""
    cnonce: str = ""
    opaque: str | None = None
    userhash: bool = False

    def __str__(self) -> str:
        # RFC 7616 3.4: what is quoted and what is not; RFC 8760 2.6 (2): the uri is.
        parts = [f"{name}={quote(value)}" for name, value in (
            ("username", self.username), ("realm", self.realm), ("nonce", self.nonce), ("uri", self.uri),
            ("response", self.response))]
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts += [f"cnonce={quote(self.cnonce)}", f"qop={self.qop}", f"nc={self.nc}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.userhash:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts)

    @property
    def count(self) -> int:
        """The nonce count; 0 without qop."""
        return int(self.nc, 16) if self.nc else 0

    def expected(self, secret: str, method: str, body: bytes) -> str:
        """The response that somebody who knows the secret gives (SIP-61).

        :param secret: :meth:`Algorithm.secret`.
        :raises SipSyntaxError: for an unknown algorithm, and for text that cannot be encoded.
        """
        algorithm = algorithm_of(self.algorithm)
        if algorithm is None:
            raise SipSyntaxError(400, "Unknown Algorithm")
        if algorithm.session:
            secret = algorithm.digest(secret, self.nonce, self.cnonce)
        if self.qop == "auth-int":
            a2 = algorithm.digest(method, self.uri, algorithm.digest(body))
        else:
            a2 = algorithm.digest(method, self.uri)
        if not self.qop:
            return algorithm.digest(secret, self.nonce, a2)             # RFC 2069
        return algorithm.digest(secret, self.nonce, self.nc, self.cnonce, self.qop, a2)


def sign(credentials: Credentials, secret: str, method: str, body: bytes = b"") -> Credentials:
    """The credentials with their response.

    :param secret: :meth:`Algorithm.secret`.
    :raises SipSyntaxError: as :meth:`Credentials.expected`.
    """
    return evolve(credentials, response=credentials.expected(secret, method, body))


def choose(lines: Iterable[str]) -> dict[str, Challenge]:
    """For each realm the first challenge that we can answer (SIP-60, RFC 8760 2.4).

    :param lines: the values of all WWW-Authenticate (or Proxy-Authenticate) lines; what cannot be read
        is ignored.
    """
    chosen: dict[str, Challenge] = {}
    for line in lines:
        try:
            challenges = parse_challenges(line)
        except SipSyntaxError:
            continue
        for challenge in challenges:
            if challenge.answerable:
                chosen.setdefault(challenge.realm, challenge)
    return chosen


def parse_challenges(value: str, header: str = "WWW-Authenticate") -> tuple[Challenge, ...]:
    """The Digest challenges of one header line: one in SIP, several by HTTP's grammar; other schemes are left out.

    :raises SipSyntaxError: 400, naming the header.
    """
    return tuple([_challenge(params, header) for scheme, params in _schemes(value, header) if scheme == "digest"])


def _challenge(params: Params, header: str) -> Challenge:
    if "realm" not in params or "nonce" not in params:
        raise malformed(header)
    return Challenge(
        params["realm"], params["nonce"], params.get("algorithm", ""),
        tuple([word for word in re.split(r"[ \t,]+", params.get("qop", "").lower()) if word]),
        params.get("opaque"), params.get("stale", "").lower() == "true",
    )


def parse_credentials(value: str, header: str = "Authorization") -> Credentials | None:
    """The Digest credentials of one header line; None for another scheme.

    :raises SipSyntaxError: 400, naming the header, when something is improper or missing (RFC 7616 3.4).
    """
    found = list(_schemes(value, header))
    if len(found) != 1:
        raise malformed(header)
    scheme, params = found[0]
    if scheme != "digest":
        return None
    qop, nc = params.get("qop", "").lower(), params.get("nc", "")
    if qop not in ("", "auth", "auth-int") or (qop and not (_is_count(nc) and params.get("cnonce"))):
        raise malformed(header)
    try:
        return Credentials(
            _username(params, header), params["realm"], params["nonce"], params["uri"], params["response"],
            params.get("algorithm", ""), qop, nc if qop else "", params.get("cnonce", "") if qop else "",
            params.get("opaque"), params.get("userhash", "").lower() == "true",
        )
    except KeyError:
        raise malformed(header) from None


def _username(params: Params, header: str) -> str:
    if "username*" not in params:
        return params["username"]
    charset, _, rest = params["username*"].partition("'")
    _, apostrophe, text = rest.partition("'")                         # RFC 5987: charset'language'value
    if "username" in params or charset.lower() != "utf-8" or not apostrophe:
        raise malformed(header)                                       # RFC 7616 3.4: both are an error
    return unquote_to_bytes(encoded(text)).decode("utf-8", "surrogateescape")


def _schemes(value: str, header: str) -> Iterator[tuple[str, Params]]:
    """The schemes in a header value, in lower case, each with its parameters (names in lower case)."""
    current: tuple[str, Params] | None = None
    position = 0
    while position < len(value):
        separators = _separators(value, position)
        assert separators is not None  # the pattern matches the empty text
        position = separators.end()
        if position == len(value):
            break
        match = _param(value, position)
        if match is not None and current is not None:
            name = match[1].lower()
            if name in current[1]:
                raise malformed(header)
            current[1][name] = unquote(match[2]) if match[2] is not None else match[3]
        else:
            match = _scheme(value, position)
            if match is None:
                raise malformed(header)
            if current is not None:
                yield current
            current = match[1].lower(), {}
        position = match.end()
    if current is None:
        raise malformed(header)
    yield current
