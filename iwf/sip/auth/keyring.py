"""The client's side of digest authentication: answers to challenges, and credentials ahead of them.  Pure."""

from __future__ import annotations

from attrs import define, evolve, field, frozen

from iwf.ids import Ids
from iwf.sip.auth.digest import Challenge, Credentials, algorithm_of, choose, parse_credentials, sign
from iwf.sip.syntax.headers import CSeq, Via
from iwf.sip.syntax.message import Request, Response

#: SIP-60: how often one request is answered with credentials before its refusal counts.
ROUNDS = 2
#: Realms remembered for one peer: real ones have a proxy's and a registrar's.
MAX_REALMS = 8

#: RFC 3261 20.27, 20.44: the header of a challenge and the header of its answer.
_ANSWERS = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}

_Place = tuple[str, str]  # header of the answer, realm


@frozen
class Login:
    """An account of ours at a peer."""

    username: str
    password: str = field(repr=False)
    realm: str = ""
    """The only realm it is shown to; empty: to any that the peer names."""


@define
class _Session:
    """RFC 7616 3.6: a nonce that was accepted serves for further requests, each with a higher count."""

    challenge: Challenge
    secret: str
    uses: int = 0


class Keyring:
    """Proves who we are to one peer.

    :param ids: for client nonces.
    """

    def __init__(self, login: Login, ids: Ids) -> None:
        self._login = login
        self._ids = ids
        self._sessions: dict[_Place, _Session] = {}

    def sign(self, request: Request) -> Request:
        """The request with credentials for every realm that has challenged us before (pre-emptive use)."""
        if not self._sessions:
            return request
        lines = [line for line in request.headers if line[0] not in _ANSWERS.values()]
        for (header, _), session in self._sessions.items():
            lines.append((header, str(self._credentials(session, request))))
        return Request(request.method, request.target, lines, request.body)

    def learn(self, request: Request, refusal: Response) -> bool:
        """Take the challenges of a 401 or 407 (SIP-60).

        :param request: as it was sent.
        :return: whether to send it again (:meth:`repeated`).  False when the refusal stands: our credentials
            were looked at and found wrong (RFC 3261 22.1 forbids to show them again), or there is no
            challenge that we can answer.
        """
        if refusal.status not in (401, 407):
            return False
        shown = _shown(request)
        learnt = False
        # RFC 3261 22.3: a forking proxy may put both kinds into one response.
        for asking, header in _ANSWERS.items():
            for realm, challenge in choose(refusal.all(asking)).items():
                if self._login.realm not in ("", realm):
                    continue
                place = header, realm
                before = shown.get(place)
                if before is not None and not _may_repeat(before, challenge):
                    self._sessions.pop(place, None)
                    return False
                self._remember(place, challenge)
                learnt = True
        return learnt

    def repeated(self, request: Request, via: Via) -> Request:
        """The request once more, with credentials: CSeq + 1, new branch, all else the same (SIP-60).

        :param via: our hop with a fresh branch.
        """
        cseq = CSeq(request.cseq.number + 1, request.method)
        lines = [("Via", str(via))]
        lines += [(name, str(cseq) if name == "CSeq" else value) for name, value in request.headers if name != "Via"]
        return self.sign(Request(request.method, request.target, lines, request.body))

    def _remember(self, place: _Place, challenge: Challenge) -> None:
        algorithm = algorithm_of(challenge.algorithm)
        assert algorithm is not None  # choose() has seen to that
        secret = algorithm.secret(self._login.username, challenge.realm, self._login.password)
        self._sessions.pop(place, None)
        while len(self._sessions) >= MAX_REALMS:
            self._sessions.pop(next(iter(self._sessions)))
        self._sessions[place] = _Session(evolve(challenge, stale=False), secret)

    def _credentials(self, session: _Session, request: Request) -> Credentials:
        challenge = session.challenge
        session.uses += 1
        qop = challenge.chosen_qop
        return sign(Credentials(
            self._login.username, challenge.realm, challenge.nonce, request.target,
            algorithm=challenge.algorithm, qop=qop or "", opaque=challenge.opaque,
            nc=f"{session.uses:08x}" if qop else "", cnonce=self._ids.token() if qop else "",
        ), session.secret, request.method, request.body)


def _shown(request: Request) -> dict[_Place, Credentials]:
    """The credentials in a request of ours."""
    found = {}
    for header in _ANSWERS.values():
        for line in request.all(header):
            credentials = parse_credentials(line, header)
            if credentials is not None:
                found[header, credentials.realm] = credentials
    return found


def _may_repeat(shown: Credentials, challenge: Challenge) -> bool:
    """Whether the credentials were refused for their nonce, not for themselves.

    Servers that have forgotten a nonce do not all say ``stale``.  A count other than 1 belongs to credentials
    that may have been sent ahead of any challenge, so that a new nonce gets the benefit of the doubt.
    """
    return challenge.stale or (shown.count != 1 and challenge.nonce != shown.nonce)
