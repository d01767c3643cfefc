"""Deliveries to devices that are registered at the gateway itself.  Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import gatherResults, inlineCallbacks

from iwf.mapping.model import Accepted, Failure, Item, Reason, Rejected
from iwf.sip.auth.accounts import limited
from iwf.sip.client import Answer, Unanswered, UserAgentClient
from iwf.sip.messaging.author import target_uri, write
from iwf.sip.reasons import failure_of_status
from iwf.sip.registration.registrar import Binding, Registrar, routed
from iwf.sip.settings import Hop, SipSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response


class Endpoints:
    """Writes to the contacts of the registrar's users.

    The contacts of highest preference are tried at once, then the next ones; one that takes the message
    is enough (RFC 3261 16.6, RFC 3428 8).
    """

    def __init__(self, settings: SipSettings, registrar: Registrar, client: UserAgentClient,
                 via: Callable[[Hop], Via], seconds: Callable[[], float]) -> None:
        assert settings.registrar is not None
        self._settings = settings
        self.trunk = settings.registrar.trunk
        self._users = frozenset(account.user.lower() for account in settings.registrar.accounts)
        self._registrar = registrar
        self._client = client
        self._via = via
        self._seconds = seconds

    @inlineCallbacks
    def deliver(self, item: Item) -> Any:
        """See :class:`iwf.edge.IOutlet`; may fail for an address that SIP cannot write."""
        target = target_uri(item, self._settings)
        user = target.user_text()
        groups = self._registrar.contacts(user, self._seconds())
        if not groups:
            return Rejected(item, self._absent(user))
        answers: list[Answer] = []
        for group in groups:
            requests = [(self._request(item, binding), binding.hop) for binding in group]
            for request, _ in requests:
                if isinstance(request, Failure):
                    return Rejected(item, request)
            answers = yield gatherResults([
                self._client.ask(request, hop) for request, hop in requests if isinstance(request, Request)])
            if any(isinstance(answer, Response) and answer.status < 300 for answer in answers):
                return Accepted(item)
        return _outcome(min(answers, key=_rank), item)

    def _absent(self, user: str) -> Failure:
        if user.lower() in self._users:
            return Failure(Reason.UNAVAILABLE, False, text="the recipient is not registered")
        return Failure(Reason.UNKNOWN_RECIPIENT)

    def _request(self, item: Item, binding: Binding) -> Request | Failure:
        """The MESSAGE to a user, sent on to one of his contacts (RFC 3261 16.6 (2), RFC 3327 5.4)."""
        request = write(item, self.trunk, self._settings, self._via(binding.hop))
        if isinstance(request, Failure):
            return request
        return limited(routed(request, binding.uri, binding.path), self.trunk, self._settings)


def _outcome(answer: Answer, item: Item) -> Rejected:
    if isinstance(answer, Response):
        return Rejected(item, failure_of_status(answer))
    if answer is Unanswered.SILENCE:
        return Rejected(item, Failure(Reason.TIMEOUT, False), stop_stream=True)        # MSG-36
    return Rejected(item, Failure(Reason.UNREACHABLE, False), retry=True)


def _rank(answer: Answer) -> int:
    """RFC 3261 16.7 (6): a 6xx counts most, else the lowest class; silence is 408, no way 503."""
    if isinstance(answer, Response):
        return 0 if answer.status >= 600 else answer.status
    return 408 if answer is Unanswered.SILENCE else 503
