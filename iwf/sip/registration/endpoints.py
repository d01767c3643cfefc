"""Devices that are registered at the gateway itself: their bindings kept, items delivered to them.  Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks, maybeDeferred
from twisted.python.failure import Failure as Fault

from iwf.edge import IIntake, IMemory
from iwf.mapping.model import SIP, Accepted, Composing, Failure, Item, Reason, Refused, Rejected, Verdict
from iwf.sip.auth.accounts import limited
from iwf.sip.client import Answer, Unanswered, UserAgentClient
from iwf.sip.messaging.author import ref_of_request, target_uri, write
from iwf.sip.messaging.forms import has_other_form
from iwf.sip.messaging.habits import Habits
from iwf.sip.reasons import Status, failure_of_status
from iwf.sip.registration.binding import Binding
from iwf.sip.registration.registrar import Registered, Registrar, routed
from iwf.sip.settings import Hop, SipSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response

_End = tuple[Answer, str]
"""What a contact has answered at last, and the reference of receipts for what it got."""


class Endpoints:
    """Writes to the contacts of the registrar's users.

    The contacts of highest preference are tried at once, then the next ones; one that takes the message
    is enough (RFC 3261 16.6, RFC 3428 8).

    :param memory: what is known from before a restart; None: nothing.
    :param habits: what is known of users, shared with whoever else hears of them.
    :param seconds: UTC seconds.
    """

    def __init__(self, settings: SipSettings, registrar: Registrar, client: UserAgentClient, intake: IIntake,
                 memory: IMemory | None, via: Callable[[Hop], Via], seconds: Callable[[], float],
                 habits: Habits) -> None:
        assert settings.registrar is not None
        self._settings = settings
        self.trunk = settings.registrar.trunk
        self.longest = float(settings.registrar.max_expires)
        """Seconds for which a device may be silent on the connection that it is reached by."""
        self._registrar = registrar
        self._client = client
        self._intake = intake
        self._memory = memory
        self._via = via
        self._seconds = seconds
        self._habits = habits

    def start(self) -> None:
        """Take over the bindings that were remembered."""
        for key, text in self._memory.recall(SIP) if self._memory is not None else ():
            useless = self._registrar.recall(key, text, self._seconds())
            if useless is not None:
                self._intake.offer(useless)

    def register(self, registered: Registered) -> Deferred[Status | Refused]:
        """Have bindings remembered.

        :return: fires with the answer to the REGISTER, or why there are no such bindings.
        """
        verdict = maybeDeferred(self._intake.offer, registered.remember)
        return verdict.addCallbacks(self._remembered, self._undone, (registered,), errbackArgs=(registered,))

    def _remembered(self, verdict: Verdict, registered: Registered) -> Status | Refused:
        if isinstance(verdict, Refused):
            self._registrar.undo(registered)
            return verdict
        return registered.status

    def _undone(self, fault: Fault, registered: Registered) -> Fault:
        self._registrar.undo(registered)
        return fault

    @inlineCallbacks
    def deliver(self, item: Item) -> Any:
        """See :class:`iwf.edge.IOutlet`; may fail for an address that SIP cannot write."""
        target = target_uri(item, self._settings)
        user = target.user_text()
        groups = self._registrar.contacts(user, self._seconds())
        if not groups:
            return Rejected(item, self._absent(user))
        if isinstance(item.payload, Composing) and not self._habits.wants_typing(item.payload.target):
            return Accepted(item)                                    # COMP-4
        ends: list[_End] = []
        for group in groups:
            requests = [self._request(item, binding) for binding in group]
            for request in requests:
                if isinstance(request, Failure):
                    return Rejected(item, request)
            ends = yield gatherResults([
                self._ask(item, request, binding) for request, binding in zip(requests, group, strict=True)
                if isinstance(request, Request)])
            taken = [ref for answer, ref in ends if isinstance(answer, Response) and answer.status < 300]
            if taken:
                return Accepted(item, tuple({ref for ref in taken if ref}))
        return _outcome(min((answer for answer, _ in ends), key=_rank), item)

    @inlineCallbacks
    def _ask(self, item: Item, request: Request, binding: Binding) -> Any:
        """Send a request to a contact, and in other forms if that one is refused.

        :return: fires with an :data:`_End`.
        """
        answer, form = (yield self._client.ask(request, binding.hop)), 0
        while isinstance(answer, Response) and has_other_form(item, request, answer, self._habits):
            form += 1
            other = self._request(item, binding, form)
            if not isinstance(other, Request):
                break
            request = other
            answer = yield self._client.ask(request, binding.hop)
        return answer, ref_of_request(item, request)

    def _absent(self, user: str) -> Failure:
        if self._registrar.has(user):
            return Failure(Reason.UNAVAILABLE, False, text="the recipient is not registered")
        return Failure(Reason.UNKNOWN_RECIPIENT)

    def _request(self, item: Item, binding: Binding, form: int = 0) -> Request | Failure:
        """The MESSAGE to a user, sent on to one of his contacts (RFC 3261 16.6 (2), RFC 3327 5.4)."""
        request = write(item, self.trunk, self._settings, self._via(binding.hop), self._habits, form)
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
