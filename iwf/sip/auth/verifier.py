"""The server's side of digest authentication: challenges, and whether an answer is right.  Pure.

A challenge leaves nothing behind here: a nonce carries its time and a keyed hash, so that anybody may ask
for any number of them.  Only nonces that were answered rightly are remembered, for as long as they live.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from attrs import field, frozen

from iwf.sip.auth.digest import (
    ALGORITHMS,
    Algorithm,
    Challenge,
    Credentials,
    algorithm_of,
    parse_credentials,
)
from iwf.sip.syntax.grammar import SipSyntaxError, encoded, unescape_text
from iwf.sip.syntax.message import Request
from iwf.sip.syntax.uri import parse_uri

#: SIP-62: seconds that a nonce lives.
LIFETIME = 300.0
#: How far counts of one nonce may come out of order (datagrams overtake each other).
WINDOW = 64
MAX_NONCES = 10_000

_ONE_TIME = 2**32  # above any count: a nonce used without qop, which has no count


@frozen
class Secret:
    """What we know of an account: the password, or hashes of it."""

    password: str = field(default="", repr=False)
    hashes: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Pairs of algorithm name and H(user:realm:password) in hex; looked at before the password."""

    def of(self, algorithm: Algorithm, username: str, realm: str) -> str | None:
        """H(user:realm:password); None when it is not known for that algorithm."""
        for name, digest in self.hashes:
            known = algorithm_of(name)
            if known is not None and known.function == algorithm.function:
                return digest.lower()
        return algorithm.secret(username, realm, self.password) if self.password else None

    def knows(self, algorithm: Algorithm) -> bool:
        """Whether an answer by that algorithm can be checked."""
        return self.of(algorithm, "", "") is not None


@frozen
class Proof:
    """What a request proves."""

    user: str = ""
    """Who sent it; empty: not proven, to be challenged."""
    stale: bool = False
    """The password was right, the nonce was not."""
    failed: bool = False
    """Credentials were shown and were wrong."""


class Verifier:
    """Asks for the accounts of one realm.

    :param accounts: by user name.
    :param key: keys the hash in nonces; unguessable, and best new with every start.
    :param algorithms: what may be asked for, best first.
    :param without_qop: take clients of RFC 2069's time as well (SIP-62); each nonce is then good for one request.
    :param most_nonces: remembered; beyond that the eldest are declared stale.
    """

    def __init__(self, realm: str, accounts: Mapping[str, Secret], key: str,
                 algorithms: Iterable[Algorithm] = ALGORITHMS, without_qop: bool = False,
                 most_nonces: int = MAX_NONCES) -> None:
        self.realm = realm
        self._accounts = dict(accounts)
        self._key = key.encode()
        # Whoever will answer is not known yet, so only what can be checked for everybody is offered.
        self._offered = tuple(algorithm for algorithm in algorithms
                              if all(secret.knows(algorithm) for secret in self._accounts.values()))
        self._without_qop = without_qop
        self._most_nonces = most_nonces
        self._serial = 0
        self._used: dict[str, tuple[int, int]] = {}  # nonce: highest count, bits of the counts below it
        self._floor = -1
        self._last = 0.0
        # An unknown user costs as much time as a wrong password.
        self._nobody = Secret(blake2b(self._key, person=b"nobody").hexdigest())

    @property
    def offered(self) -> tuple[Algorithm, ...]:
        """What is asked for, best first; empty when the accounts have no algorithm in common."""
        return self._offered

    def challenges(self, now: float, stale: bool = False, proxy: bool = False) -> tuple[tuple[str, str], ...]:
        """Header lines for a 401 (or 407): one for each algorithm, best first (SIP-62, RFC 8760 2.3).

        :param now: UTC seconds.
        """
        header = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        nonce = self._new_nonce(now)
        return tuple((header, str(Challenge(self.realm, nonce, algorithm.name, ("auth",), stale=stale)))
                     for algorithm in self._offered)

    def check(self, request: Request, now: float, proxy: bool = False) -> Proof:
        """Whether the request holds the credentials of an account.

        :param now: UTC seconds.
        :raises SipSyntaxError: 400, for credentials of our realm that cannot be read.
        """
        header = "Proxy-Authorization" if proxy else "Authorization"
        for line in request.all(header):
            credentials = parse_credentials(line, header)
            # RFC 8760 2.7: an empty response says that no challenge was seen yet.
            if credentials is not None and credentials.realm == self.realm and credentials.response:
                return self._check(credentials, request, now)
        return Proof()

    def _check(self, credentials: Credentials, request: Request, now: float) -> Proof:
        if not self._is_right(credentials, request):
            return Proof(failed=True)
        self._last = now = max(now, self._last)  # a clock that goes backwards revives no nonce
        if not (self._lives(credentials.nonce, now) and self._is_fresh(credentials, now)):
            return Proof(stale=True)
        return Proof(credentials.username)

    def _is_right(self, credentials: Credentials, request: Request) -> bool:
        algorithm = algorithm_of(credentials.algorithm)
        if algorithm is None or not any(algorithm.function == offered.function for offered in self._offered):
            return False
        if not credentials.qop and (algorithm.session or not self._without_qop):
            return False
        account = self._accounts.get(credentials.username)
        secret = (account or self._nobody).of(algorithm, credentials.username, self.realm)
        assert secret is not None
        expected = credentials.expected(secret, request.method, request.body)
        given = credentials.response.lower().encode("utf-8", "surrogatepass")
        equal = hmac.compare_digest(expected.encode(), given)
        return equal and account is not None and _same_target(credentials.uri, request)

    # -- nonces

    def _new_nonce(self, now: float) -> str:
        self._serial += 1
        return self._nonce(f"{max(0, int(now)):x}.{self._serial:x}")

    def _nonce(self, text: str) -> str:
        digest = blake2b(encoded(f"{text} {self.realm}"), key=self._key[:64], digest_size=12, person=b"nonce")
        return f"{text}.{digest.hexdigest()}"

    def _lives(self, nonce: str, now: float) -> bool:
        """Whether we made that nonce, not too long ago."""
        text, _, _ = nonce.rpartition(".")
        ours = hmac.compare_digest(encoded(self._nonce(text)), encoded(nonce))
        return ours and now - _made(nonce) <= LIFETIME

    def _is_fresh(self, credentials: Credentials, now: float) -> bool:
        """Whether that count of that nonce was not there before; it has been from now on (RFC 7616 3.4: nc)."""
        nonce, count = credentials.nonce, credentials.count
        used = self._used.get(nonce)
        if used is None:
            if _made(nonce) <= self._floor:
                return False
            self._used[nonce] = (count or _ONE_TIME, 1)
            self._forget(now)
            return True
        highest, bits = used
        ahead = count - highest
        if ahead > 0:
            bits = (bits << min(ahead, WINDOW) | 1) & (1 << WINDOW) - 1
            self._used[nonce] = (count, bits)
            return True
        if -ahead >= WINDOW or not count or bits >> -ahead & 1:
            return False
        self._used[nonce] = (highest, bits | 1 << -ahead)
        return True

    def _forget(self, now: float) -> None:
        """Drop nonces that are too old to be taken, and the eldest when there are too many."""
        while self._used:
            eldest = next(iter(self._used))
            if len(self._used) > self._most_nonces:
                self._floor = max(self._floor, _made(eldest))
            elif now - _made(eldest) <= LIFETIME:
                break
            del self._used[eldest]


def _made(nonce: str) -> int:
    """When a nonce of ours was made."""
    return int(nonce.partition(".")[0], 16)


def _same_target(uri: str, request: Request) -> bool:
    """RFC 8760 2.6 (6): the uri that was signed must be one that we would take the request for.

    Some clients sign it without the port or the parameters that they put into the Request-URI.
    """
    if uri == request.target:
        return True
    try:
        signed = parse_uri(uri)
        return (unescape_text(signed.user or ""), signed.host) == (request.uri.user_text(), request.uri.host)
    except SipSyntaxError:
        return False
