"""The XML stream of a component: Twisted's, with limits on what comes in (XMPP-11).

A stanza that is too large or too deep is thrown away while it comes in and answered; only what
is no acceptable XML stream at all ends the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from twisted.internet.interfaces import ITCPTransport
from twisted.logger import Logger
from twisted.words.protocols.jabber import xmlstream
from twisted.words.protocols.jabber.component import ConnectComponentAuthenticator
from twisted.words.xish.domish import Element, ExpatElementStream, ParserError

from iwf.xmpp.elements import NS_COMPONENT

MAX_DEPTH = 64
"""Levels of elements in one stanza."""

HARD_LIMIT = 1_048_576
"""Octets of one inbound stanza, at least, that end the stream."""

MOST_HELD = 4096
"""Octets of a tag that are held back until it is whole; a longer one goes in pieces."""

SEPARATOR = "\x01"
"""Stands between namespace and name in what expat reports.  Since 2.4.5 it refuses a namespace that
contains the separator (CVE-2022-25236), and Twisted's is a space: any user could end the stream of
all by a namespace with a space in it.  No XML can contain this one."""

Receive = Callable[[Element], None]


class LimitedElementStream(ExpatElementStream):
    """A parser of stanzas that keeps no more of one than it may.

    :ivar TooLargeEvent: called in place of ``ElementEvent`` with the bare start tag of a stanza
        that passed a limit.
    """

    TooLargeEvent: Receive

    def __init__(self, max_stanza: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._max_stanza = max_stanza
        self._depth = 0
        self._begin = 0
        self._skipped: Element | None = None
        self._held = b""
        # A stanza between the two limits is skipped and answered; beyond, the stream ends.
        self.maxStanzaSize = max(4 * max_stanza, HARD_LIMIT)
        parser: Any = expat.ParserCreate("UTF-8", SEPARATOR)
        self.parser = parser
        parser.StartNamespaceDeclHandler = self._onStartNamespace
        parser.EndNamespaceDeclHandler = self._onEndNamespace
        if hasattr(parser, "SetReparseDeferralEnabled"):
            # What expat protects from by it is bounded by the limit above; see also parse().
            parser.SetReparseDeferralEnabled(False)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        # XMPP-11, RFC 6120 11.1: none of these in a stream.
        parser.StartDoctypeDeclHandler = self._refuse
        parser.ProcessingInstructionHandler = self._refuse
        parser.CommentHandler = self._refuse

    def parse(self, octets: bytes) -> None:
        """Take what came in.

        Expat since 2.6, and where the change was carried back (Debian's 2.5), keeps a tag that came
        in two segments until twice as much has come in, which on a quiet stream is never; and the
        Pythons beside it cannot always switch that off.  So a tag is handed over whole.
        """
        octets = self._held + octets
        tag = octets.find(b"<", octets.rfind(b">") + 1)
        whole = len(octets) if tag < 0 or len(octets) - tag > MOST_HELD else tag
        self._held = octets[whole:]
        if whole:
            super().parse(octets[:whole])  # type: ignore[no-untyped-call]

    def _start(self, name: str, attributes: dict[Any, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._begin = self.parser.CurrentByteIndex
        if self._skipped is None:
            name = name.replace(SEPARATOR, " ")
            attributes = {key.replace(SEPARATOR, " "): value for key, value in attributes.items()}
            self._onStartElement(name, attributes)  # type: ignore[no-untyped-call]
            self._check()

    def _text(self, text: str) -> None:
        if self._skipped is None and self._depth > 1:
            self._onCdata(text)  # type: ignore[no-untyped-call]
            self._check()

    def _end(self, name: str) -> None:
        if self._depth == 2:
            self._check()
        self._depth -= 1
        if self._skipped is None:
            self._onEndElement(name)  # type: ignore[no-untyped-call]
        elif self._depth == 1:
            stanza, self._skipped = self._skipped, None
            # The state in which the parent class leaves a stanza.
            self.currElem = None
            self.elementCount = self.stanzaSize = 0
            self.localPrefixes = {}
            self.TooLargeEvent(stanza)

    def _check(self) -> None:
        size = self.parser.CurrentByteIndex - self._begin
        if self._depth > 1 and (size > self._max_stanza or self._depth > MAX_DEPTH + 1):
            stanza: Any = self.currElem
            while stanza.parent is not None:
                stanza = stanza.parent
            stanza.children = []
            self._skipped = stanza

    def _refuse(self, *what: object) -> None:
        raise ParserError("a comment, processing instruction or document type in the stream")


class ComponentStream(xmlstream.XmlStream):
    """One connection to a server, as a component (XEP-0114).

    :param max_stanza: octets of one inbound stanza.
    :param receive: gets every stanza, once the stream is authenticated.
    :param receive_too_large: gets the start tag of a stanza that was thrown away.
    """

    _log = Logger()
    is_authenticated = False

    def __init__(
        self,
        authenticator: ConnectComponentAuthenticator,
        max_stanza: int,
        receive: Receive,
        receive_too_large: Receive,
    ) -> None:
        self._max_stanza = max_stanza
        self._receive = receive
        self._receive_too_large = receive_too_large
        super().__init__(authenticator)  # type: ignore[no-untyped-call]

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)  # batches are ours; no waiting for acknowledgements
        super().connectionMade()  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        try:
            super().dataReceived(data)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - the border; a header that nobody should send
            self._log.failure("The XMPP server sent what cannot be handled")
            self.drop()

    def onElement(self, element: Element) -> None:
        if self.is_authenticated and element.uri == NS_COMPONENT:
            self._receive(element)
        else:
            self.dispatch(element)  # type: ignore[no-untyped-call]

    def onDocumentEnd(self) -> None:
        self.drop()

    def drop(self) -> None:
        """End the connection now, without waiting for what is still to be written."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def _initializeStream(self) -> None:
        stream = LimitedElementStream(self._max_stanza)
        stream.DocumentStartEvent = self.onDocumentStart
        stream.ElementEvent = self.onElement
        stream.TooLargeEvent = self._on_too_large
        stream.DocumentEndEvent = self.onDocumentEnd
        self.stream = stream

    def _on_too_large(self, element: Element) -> None:
        if self.is_authenticated:
            self._receive_too_large(element)
