"""SIP over TLS: who the peer is, and the contexts that the settings ask for.  Shell."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from twisted.internet import protocol
from twisted.internet.interfaces import IAddress, IHandshakeListener
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from iwf.sip.settings import Hop, SipSettings, TlsPeer
from iwf.sip.transport.connections import Receiver, Stream
from iwf.sip.transport.identity import sip_domains, speaks_for
from iwf.tls import Client, Connection, Files, Server, Verify
from iwf.tls import Source as Context

#: The handshake must be through by then, in seconds.
HANDSHAKE = 10.0


@implementer(IHandshakeListener)
class SecureStream(Stream):
    """One TLS connection.  It is open when the peer is known to be the right one (SIP-49).

    :param wanted: the peer's certificate must speak for one of these domains; None: for any or none.
    """

    def __init__(self, receiver: Receiver, max_message: int, call_later: Any,
                 opened: Callable[[Stream], object], closed: Callable[[Stream], object], log: Logger,
                 wanted: Collection[str] | None = None) -> None:
        super().__init__(receiver, max_message, call_later, opened, closed, "tls")
        self._log = log
        self._wanted = wanted
        self._proved: frozenset[str] = frozenset()

    def connectionMade(self) -> None:
        self.setTimeout(HANDSHAKE)  # type: ignore[no-untyped-call]

    def handshakeCompleted(self) -> None:
        """See :class:`twisted.internet.interfaces.IHandshakeListener`."""
        connection = self.transport.getHandle()
        assert isinstance(connection, Connection)
        certificate = connection.verified_certificate()
        names = frozenset() if certificate is None else sip_domains(certificate)
        if self._wanted is not None and not speaks_for(names, self._wanted):
            self._log.error("{peer} is not {wanted}: its certificate is for {names}", peer=self.transport.getPeer(),
                            wanted=", ".join(self._wanted), names=", ".join(sorted(names)) or "nobody")
            self.transport.abortConnection()
            return
        self._proved = names
        super().connectionMade()

    def _names(self) -> frozenset[str]:
        return self._proved

    def timeoutConnection(self) -> None:
        """A handshake that does not end cannot be closed politely."""
        if self.source is None:
            self.transport.abortConnection()
        else:
            super().timeoutConnection()  # type: ignore[no-untyped-call]


class Wrapping(TLSMemoryBIOFactory):
    """TLS around a factory that may refuse a connection."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Any:
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)


class Credentials:
    """The contexts of the edge, made when they are first needed.

    :param clock: IReactorTime.
    """

    def __init__(self, settings: SipSettings, clock: Any, log: Logger) -> None:
        self._tls = settings.tls
        self._clock = clock
        self._log = log
        self._contexts: dict[tuple[Files, Verify], Context] = {}

    def accepting(self, factory: protocol.Factory, clients: bool = True) -> Wrapping:
        """The factory for a listener.

        :param factory: makes the protocols inside.
        :param clients: whether clients are asked for certificates.
        :raises TlsError: for files that cannot be used.
        """
        tls = self._tls
        default = Files(tls.certificate, tls.key, tls.ca)
        named = {name: Files(certificate, key, tls.ca) for name, certificate, key in tls.named}
        verify = Verify(tls.verify_clients) if clients else Verify.NO
        return Wrapping(Server(default, named, verify, self._clock, self._log), False, factory, self._clock)

    def connecting(self, factory: protocol.Factory, peer: TlsPeer) -> Wrapping:
        """The factory for a connection that we open.

        :raises TlsError: for files that cannot be used.
        """
        verify = Verify.REQUIRED if peer.verify else Verify.NO
        files = Files(peer.certificate, peer.key, peer.ca)
        context = self._contexts.get((files, verify))
        if context is None:
            context = self._contexts[files, verify] = Context(files, verify, self._clock, self._log)
        return Wrapping(Client(context, peer.server_name), True, factory, self._clock)


def wanted_names(hop: Hop) -> tuple[str, ...] | None:
    """Which domains the certificate at a hop must speak for; None: it is not verified."""
    return hop.tls.names if hop.tls is not None and hop.tls.verify else None
