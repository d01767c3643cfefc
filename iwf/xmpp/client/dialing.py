"""Where the server of an account is, and a connection to it (shell; RFC 6120 3.2, XEP-0368)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import ssl
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.logger import Logger

from iwf.errors import IwfError
from iwf.ids import Ids
from iwf.records import Answer, Question, Srv, Type
from iwf.xmpp.settings import AccountsSettings, Place

PORT = 5222
MOST_PLACES = 5
"""Servers of a domain that are tried."""
CONNECT_TIMEOUT = 20.0

_SERVICES = (("_xmpps-client._tcp", "tls"), ("_xmpp-client._tcp", "starttls"))


class DialFault(IwfError):
    """There is no connection; the text may be shown to the user."""


class Names(Protocol):
    """The domain name system; see :class:`iwf.names.Resolver`."""

    def ask(self, question: Question) -> Deferred[Answer]: ...


MakeFactory = Callable[[IOpenSSLClientConnectionCreator | None], Any]
"""The factory of a connection, given how it has to go on under TLS, if it is not yet."""


class Dialer:
    """Connects to the servers of accounts.

    :param reactor: connects by name and by address.
    :param endpoint: makes an endpoint of a host and a port; by default over the network.
    """

    _log = Logger()

    def __init__(self, reactor: Any, names: Names, settings: AccountsSettings, ids: Ids,
                 endpoint: Callable[[str, int], IStreamClientEndpoint] | None = None) -> None:
        self._names = names
        self._places = dict(settings.places)
        self._ca = settings.ca
        self._ids = ids
        self._endpoint = endpoint or (lambda host, port: HostnameEndpoint(
            reactor, host, port, timeout=CONNECT_TIMEOUT))

    def connect(self, domain: str, make: MakeFactory) -> Deferred[Any]:
        """Connect to the first server of a domain that can be reached.

        :param domain: A-labels; the name that the server's certificate must have (RFC 6120 13.7.2).
        :return: fires with the protocol, or fails with :class:`DialFault`.
        """
        return Deferred.fromCoroutine(self._connect(domain, make))

    async def _connect(self, domain: str, make: MakeFactory) -> Any:
        for place in await self._found(domain):
            tls = None if place.kind == "plain" else self._options(domain)
            endpoint = self._endpoint(place.host, place.port)
            if place.kind == "tls" and tls is not None:
                endpoint, tls = wrapClientTLS(tls, endpoint), None
            try:
                return await endpoint.connect(make(tls))
            except CancelledError:
                raise
            except Exception as fault:  # noqa: BLE001 - whatever connecting may raise: the next one is tried
                self._log.info("{host} of {domain} cannot be reached: {fault}", host=place.host, domain=domain,
                               fault=fault)
        # No more than that to the user, who may have written the records himself to explore our network.
        raise DialFault("the server cannot be reached")

    async def _found(self, domain: str) -> list[Place]:
        """The servers of a domain in the order in which they are tried."""
        known = self._places.get(domain)
        if known is not None:
            return [known]
        found: list[tuple[float, float, Place]] = []
        has_records = False
        for service, kind in _SERVICES:
            answer = await self._names.ask(Question(f"{service}.{domain}", Type.SRV))
            for record in answer.records:
                if isinstance(record, Srv):
                    has_records = True
                    if record.target:
                        found.append((record.priority, self._drawn(record.weight),
                                      Place(kind, record.target, record.port)))
        if has_records and not found:
            raise DialFault("the domain has no accounts")  # RFC 2782: a target of "."
        found.sort(key=lambda one: one[:2])
        return [place for _, _, place in found[:MOST_PLACES]] or [Place("starttls", domain, PORT)]

    def _drawn(self, weight: int) -> float:
        """A number by which to sort servers of one priority, so that each comes first as often as its
        weight says (RFC 2782)."""
        drawn: float = self._ids.jitter(0.0, 1.0) ** (1.0 / max(weight, 0.01))
        return -drawn

    def _options(self, domain: str) -> IOpenSSLClientConnectionCreator:
        """TLS in which the server has a certificate for the domain, by an authority that counts."""
        trusted = None
        if self._ca:
            try:
                certificates = x509.load_pem_x509_certificates(Path(self._ca).read_bytes())
            except (OSError, ValueError) as fault:
                raise DialFault("the gateway cannot read its list of authorities") from fault
            trusted = ssl.trustRootFromCertificates([
                ssl.Certificate.loadPEM(one.public_bytes(Encoding.PEM)) for one in certificates])
        options: IOpenSSLClientConnectionCreator = ssl.optionsForClientTLS(domain, trusted)
        return options

