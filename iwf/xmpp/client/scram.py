"""Proving to a server that we know a password, and being shown that it does (RFC 5802, RFC 7677).  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scramp import ScramClient, ScramException

from iwf.errors import IwfError
from iwf.ids import Ids

#: The best first.  Nothing else is spoken: PLAIN and DIGEST-MD5 would show the password, or as good
#: as that, to whoever can pose as the server.
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1")

#: Rounds of the hash that a server may ask for: ours is to work them off, each costs half a
#: microsecond, and nothing else moves meanwhile.  Servers ask for 4096 to 10000.
MOST_ROUNDS = 200_000

_ROUNDS = re.compile(r"(?:^|,)i=([0-9]{1,9})(?:,|$)")


class ScramFault(IwfError):
    """A server that does not speak SCRAM as it should, or that does not know the password itself."""


class Scram:
    """One exchange with one server; the parameter names are those of RFC 5802.

    :param offered: names of mechanisms that the server takes.
    :param user: the local part of the account, prepared.
    :raises ScramFault: when the server takes none of ours, or the password cannot be prepared
        (RFC 4013).

    :ivar name: the mechanism.
    """

    def __init__(self, offered: Iterable[str], user: str, password: str, ids: Ids) -> None:
        known = frozenset(offered)
        chosen = next((name for name in MECHANISMS if name in known), None)
        if chosen is None:
            raise ScramFault("the server offers no SCRAM")
        self.name = chosen
        try:
            self._client = ScramClient([chosen], user, password, c_nonce=ids.token() + ids.token())
            self._first: str = self._client.get_client_first()
        except (ScramException, ValueError) as fault:
            raise ScramFault(f"the password cannot be used: {type(fault).__name__}") from None

    def first(self) -> bytes:
        """The initial response."""
        return self._first.encode()

    def answer(self, challenge: bytes) -> bytes:
        """The answer to a challenge of the server.

        :raises ScramFault: for a challenge that is none, comes twice or wants too much work.
        """
        try:
            text = challenge.decode()
            rounds = _ROUNDS.search(text)
            if rounds is None or int(rounds[1]) > MOST_ROUNDS:
                raise ScramFault("the server asks for too many rounds")
            self._client.set_server_first(text)
            answer: str = self._client.get_client_final()
        except ScramFault:
            raise
        except Exception as fault:  # the library lets pass what base64 and int raise
            raise ScramFault(f"a bad challenge: {type(fault).__name__}") from None
        return answer.encode()

    def check(self, last: bytes) -> None:
        """The server has let us in; here is the proof that it is the right one.

        :raises ScramFault: when it is not.
        """
        try:
            self._client.set_server_final(last.decode())
        except Exception as fault:
            raise ScramFault(f"the server does not prove itself: {type(fault).__name__}") from None
