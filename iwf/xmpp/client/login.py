"""Why a login failed, in words for the subscriber (shell: reads what Twisted fails with)."""

from __future__ import annotations

from attrs import frozen
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.python.failure import Failure as Fault
from twisted.words.protocols.jabber.sasl import SASLAuthError, SASLNoAcceptableMechanism
from twisted.words.protocols.jabber.xmlstream import FeatureNotAdvertized, TLSError

from iwf.mapping.model import Failure, Reason
from iwf.xmpp.client.binding import BindingFault
from iwf.xmpp.client.dialing import DialFault
from iwf.xmpp.client.scram import ScramFault

#: RFC 6120 6.5: conditions under which the same words will fail again.
_DENIED = frozenset({"account-disabled", "credentials-expired", "invalid-authzid", "not-authorized"})


@frozen
class LoginFailure:
    """A login that did not come about."""

    failure: Failure
    is_denied: bool = False
    """The server does not want the subscriber, or his password; to hurry would lock him out."""


def login_failure(fault: Fault) -> LoginFailure:
    """What a fault before the session, or the end of the connection, means."""
    value = fault.value
    if isinstance(value, SASLAuthError):
        condition = str(value.condition or "")
        denied = condition in _DENIED
        return LoginFailure(_failure(
            Reason.NOT_AUTHENTICATED, "the server does not accept the user name or the password"
            if denied else f"the server does not let you in now ({condition or 'no reason given'})", denied), denied)
    if isinstance(value, ScramFault):
        return LoginFailure(_failure(Reason.NOT_AUTHENTICATED, str(value), True), True)
    if isinstance(value, FeatureNotAdvertized | TLSError | SASLNoAcceptableMechanism):
        return LoginFailure(_failure(Reason.UNREACHABLE, "the server offers no TLS, or no login by SCRAM", True))
    if isinstance(value, VerificationError | SSL.Error):
        return LoginFailure(_failure(Reason.UNREACHABLE, "the certificate of the server cannot be trusted", True))
    if isinstance(value, DialFault | BindingFault):
        return LoginFailure(_failure(Reason.UNREACHABLE, str(value), False))
    return LoginFailure(_failure(Reason.UNREACHABLE, "the server has ended the connection", False))


def _failure(reason: Reason, text: str, permanent: bool) -> Failure:
    return Failure(reason, permanent=permanent, text=text)
