"""The XML stream of a client, up to the end of SASL: Twisted's, with our SCRAM (shell; RFC 6120 4 to 6)."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.words.protocols.jabber import sasl, xmlstream
from twisted.words.xish.domish import Element

from iwf.ids import Ids
from iwf.xmpp.client.scram import Scram, ScramFault
from iwf.xmpp.client.stanzas import NS_CLIENT
from iwf.xmpp.elements import NS_STREAMS, text_of
from iwf.xmpp.stream import ComponentStream, Receive


class ClientStream(ComponentStream):
    """One connection to a server, as a client.

    Once the session has set ``is_authenticated``, everything but stream errors goes to it.
    """

    def onElement(self, element: Element) -> None:
        if self.is_authenticated and element.uri != NS_STREAMS:
            self._receive(element)
        else:
            self.dispatch(element)  # type: ignore[no-untyped-call]


class ClientAuthenticator(xmlstream.ConnectAuthenticator):
    """Says who we are.

    :param domain: of the server, as it spells itself.
    :param user: the local part of the account.
    :param starttls: how to go on under TLS; None: the connection is as it should be already.
    """

    namespace = NS_CLIENT

    def __init__(self, domain: str, user: str, password: str, ids: Ids,
                 starttls: IOpenSSLClientConnectionCreator | None) -> None:
        super().__init__(domain)  # type: ignore[no-untyped-call]
        self._user = user
        self._password = password
        self._ids = ids
        self._starttls = starttls

    def associateWithStream(self, stream: Any) -> None:
        super().associateWithStream(stream)  # type: ignore[no-untyped-call]
        steps: list[Any] = []
        if self._starttls is not None:
            # Without an offer of TLS there is no session: it could have been taken out on the way.
            steps.append(xmlstream.TLSInitiatingInitializer(stream, True, self._starttls))
        steps.append(ScramInitializer(stream, self._user, self._password, self._ids))
        stream.initializers = steps


class ScramInitializer(sasl.SASLInitiatingInitializer):
    """Twisted's exchange of SASL, with SCRAM, and with the server's proof looked at."""

    def __init__(self, stream: Any, user: str, password: str, ids: Ids) -> None:
        super().__init__(stream, required=True)  # type: ignore[no-untyped-call]
        self._user = user
        self._password = password
        self._ids = ids
        self._scram: Scram

    def setMechanism(self) -> None:
        """Choose; a server without SCRAM fails the step."""
        offered = sasl.get_mechanisms(self.xmlstream)
        self._scram = Scram(offered, self._user, self._password, self._ids)
        self.mechanism: Any = _Named(self._scram)

    def onChallenge(self, element: Element) -> None:
        try:
            self.sendResponse(self._scram.answer(_octets_in(element)))  # type: ignore[no-untyped-call]
        except ScramFault as fault:
            self._fail(fault)

    def onSuccess(self, element: Element) -> None:
        try:
            self._scram.check(_octets_in(element))
        except ScramFault as fault:
            self._fail(fault)
        else:
            super().onSuccess(element)  # type: ignore[no-untyped-call]

    def _fail(self, fault: ScramFault) -> None:
        deferred: Any = self._deferred
        if not deferred.called:
            deferred.errback(fault)


class _Named:
    """What Twisted asks of a mechanism."""

    def __init__(self, scram: Scram) -> None:
        self.name = scram.name
        self.getInitialResponse = scram.first


def _octets_in(element: Element) -> bytes:
    """What stands in a challenge, or in the word of success.

    :raises ScramFault: for what is not base64.
    """
    try:
        return b64decode(text_of(element).strip(), validate=True)
    except ValueError:
        raise ScramFault("not base64") from None


def client_factory(authenticator: ClientAuthenticator, max_stanza: int, receive: Receive,
                   receive_too_large: Receive) -> Any:
    """Makes the protocol of one connection.

    :param receive: gets everything once the stream is authenticated.
    :param receive_too_large: gets the start tag of a stanza whose content was thrown away.
    """
    factory: Any = xmlstream.XmlStreamFactory(authenticator)
    factory.noisy = False
    factory.protocol = ClientStream
    factory.kwargs = {"max_stanza": max_stanza, "receive": receive, "receive_too_large": receive_too_large}
    return factory
