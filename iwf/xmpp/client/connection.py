"""A connection to the server of an account, logged in, again and again (shell)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.protocols.jabber.xmlstream import (
    INIT_FAILED_EVENT,
    STREAM_AUTHD_EVENT,
    STREAM_END_EVENT,
    STREAM_ERROR_EVENT,
)
from twisted.words.xish.domish import Element

from iwf.ids import Ids
from iwf.xmpp.backoff import Backoff
from iwf.xmpp.client.dialing import Dialer
from iwf.xmpp.client.login import LoginFailure, login_failure
from iwf.xmpp.client.stream import ClientAuthenticator, ClientStream, client_factory
from iwf.xmpp.jid import split_jid

MAX_STANZA = 262_144
"""Octets of one inbound stanza (XMPP-11)."""
LOGIN_TIMEOUT = 30.0
CLOSE_TIMEOUT = 2.0
DENIED_DELAY = 3600.0
"""Seconds until a password that was not accepted is tried once more."""


class Session(Protocol):
    """What goes over the connection."""

    def authenticated(self, stream: ClientStream) -> None:
        """The server knows who we are."""

    def ended(self) -> None:
        """The connection is gone, whatever state it was in."""

    def receive(self, element: Element) -> None:
        """Something has come in since then."""

    def receive_too_large(self, element: Element) -> None:
        """The start tag of a stanza whose content was thrown away."""


class ClientConnection:
    """Connects as one user.

    :param jid: bare; the domain's A-labels are given as ``domain``.
    :param name: for the log.
    :param told: called once, with what came of the first login: None for a session, or why there is none.
    """

    _log = Logger()

    def __init__(self, jid: str, domain: str, password: str, name: str, session: Session, dialer: Dialer,
                 clock: IReactorTime, ids: Ids, told: Callable[[LoginFailure | None], None]) -> None:
        self._jid = jid
        self._domain = domain
        self._password = password
        self._name = name
        self._session = session
        self._dialer = dialer
        self._clock = clock
        self._ids = ids
        self._told: Callable[[LoginFailure | None], None] | None = told
        self._backoff = Backoff(ids)
        self._stream: ClientStream | None = None
        self._dialing: Deferred[Any] | None = None
        self._why: LoginFailure | None = None
        self._closed: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None  # to dial, to log in, to close: one at a time
        self.is_running = False

    def start(self) -> None:
        """Begin to connect."""
        self.is_running = True
        self._dial()

    def stop(self) -> Deferred[None]:
        """Connect no more, and close the stream in good order.

        :return: fires when there is no connection any more.
        """
        self.is_running = False
        self._set_timer(None)
        if self._dialing is not None:
            self._dialing.cancel()
        stream = self._stream
        if stream is None or stream.transport is None:
            return succeed(None)
        closed = self._closed = Deferred()
        self._set_timer(self._clock.callLater(CLOSE_TIMEOUT, stream.drop))
        stream.sendFooter()  # type: ignore[no-untyped-call]
        stream.transport.loseConnection()
        return closed

    def established(self) -> None:
        """There is a session."""
        self._set_timer(None)
        self._backoff.succeeded()
        self._tell(None)

    def fail(self, fault: Fault) -> None:
        """No session comes about on this connection."""
        self._why = login_failure(fault)
        self.drop()

    def drop(self) -> None:
        """End the connection now; another one follows."""
        if self._stream is not None:
            self._stream.drop()

    def _dial(self) -> None:
        self._timer, self._why = None, None
        dialing = self._dialing = self._dialer.connect(self._domain, self._factory)
        dialing.addCallbacks(self._on_connected, self._on_refused)
        dialing.addErrback(lambda fault: self._log.failure("A login went wrong", fault))

    def _factory(self, starttls: Any) -> Any:
        user, domain, _ = split_jid(self._jid)
        authenticator = ClientAuthenticator(domain, user, self._password, self._ids, starttls)
        factory = client_factory(authenticator, MAX_STANZA, self._session.receive, self._session.receive_too_large)
        factory.addBootstrap(STREAM_AUTHD_EVENT, self._session.authenticated)
        factory.addBootstrap(INIT_FAILED_EVENT, self.fail)
        factory.addBootstrap(STREAM_ERROR_EVENT, self._on_stream_error)
        factory.addBootstrap(STREAM_END_EVENT, self._on_end)
        return factory

    def _on_connected(self, stream: ClientStream) -> None:
        self._dialing = None
        self._stream = stream
        self._set_timer(self._clock.callLater(LOGIN_TIMEOUT, stream.drop))

    def _on_refused(self, fault: Fault) -> None:
        self._dialing = None
        if self.is_running:
            self._why = login_failure(fault)
            self._again()

    def _on_stream_error(self, fault: Fault) -> None:
        error = fault.value
        condition = error.condition if isinstance(error, StreamError) else "bad XML"
        self._log.info("{name}: stream error {condition}", name=self._name, condition=condition)
        self.drop()

    def _on_end(self, fault: Fault) -> None:
        self._stream = None
        self._set_timer(None)
        if self._why is None and self._told is not None:
            self._why = login_failure(fault)
        self._session.ended()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed.callback(None)
        if self.is_running:
            self._again()

    def _again(self) -> None:
        why = self._why
        if why is not None:
            self._tell(why)
        if not self.is_running:
            return  # whoever was told does not want to go on
        is_denied = why is not None and why.is_denied
        delay = DENIED_DELAY if is_denied else self._backoff.delay_after("")
        report = self._log.critical if is_denied else self._log.warn
        report("{name} is down ({why}); logging in again in {delay:.0f} s", name=self._name, delay=delay,
               why="the connection has ended" if why is None else why.failure.text)
        self._set_timer(self._clock.callLater(delay, self._dial))

    def _tell(self, outcome: LoginFailure | None) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(outcome)

    def _set_timer(self, call: IDelayedCall | None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = call
