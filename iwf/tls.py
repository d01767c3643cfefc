"""TLS contexts from certificate files, taken anew when the files change.  Shell.

Nothing here knows which names a peer should have: it says whether the certificate of a peer is
valid, and its user reads the names in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.logger import Logger
from zope.interface import implementer

from iwf.errors import IwfError

#: The files are looked at this often, at most, in seconds.
RELOAD = 5.0
#: Forward secrecy and authenticated encryption first; CBC for phones of the last decade.  TLS 1.3 has its own list.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:!aNULL:!eNULL"
#: RFC 5924 3: a certificate for a SIP domain.
SIP_DOMAIN = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.20")

#: What certificates raise that OpenSSL could read and cryptography cannot.
UNREADABLE = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)

# X509_V_ERR_INVALID_PURPOSE of OpenSSL.
_INVALID_PURPOSE = 26
_SERVER_PURPOSES = {ExtendedKeyUsageOID.SERVER_AUTH, SIP_DOMAIN}


class TlsError(IwfError):
    """Files that no context can be made from; the text names the file and what is wrong with it."""


class Verify(Enum):
    """What becomes of the peer's certificate."""

    NO = "no"
    """It is not asked for (from a client), or not looked at (from a server)."""
    OPTIONAL = "optional"
    """It is asked for; without a valid one the connection stands, but proves nothing."""
    REQUIRED = "required"
    """Without a valid one the handshake fails."""


@frozen
class Files:
    """Where certificates are, as paths.  All files are PEM."""

    certificate: str = ""
    """Ours, followed by the intermediate ones; empty: none."""
    key: str = ""
    """Its private key, unencrypted; empty: in the file of the certificate."""
    ca: str = ""
    """The authorities whose certificates count: a file, or a folder as ``openssl rehash`` leaves it;
    empty: those of the system."""


class Evidence:
    """What OpenSSL found out about the certificate of one peer."""

    __slots__ = ("_faults", "_leaf")

    def __init__(self) -> None:
        self._leaf = False
        self._faults: list[int] = []

    def note(self, error: int, depth: int, ok: bool) -> None:
        """One step of the verification."""
        if not ok:
            self._faults.append(error)
        elif depth == 0:
            self._leaf = True

    @property
    def valid(self) -> bool:
        """Whether there is a certificate and its whole chain is in order.  Asks for positive evidence: a
        handshake in which nothing was verified proves nothing."""
        return self._leaf and not self._faults


class Connection(SSL.Connection):
    """A connection of OpenSSL that remembers what was found out about its peer."""

    def __init__(self, context: SSL.Context) -> None:
        super().__init__(context, None)
        self.evidence = Evidence()

    def verified_certificate(self) -> x509.Certificate | None:
        """The peer's certificate, when it is valid; after the handshake."""
        certificate = self.get_peer_certificate() if self.evidence.valid else None
        try:
            return None if certificate is None else certificate.to_cryptography()
        except UNREADABLE:
            return None


def load_context(files: Files, verify: Verify,
                 choose: Callable[[SSL.Connection], None] | None = None) -> SSL.Context:
    """A context for either side, TLS 1.2 or newer (SIP-49).

    :param choose: called with a connection whose client has named a server (SNI).
    :raises TlsError: for files that cannot be used.
    """
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    # A resumed session would skip the verification of the peer: there are none.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET
                        | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_cipher_list(CIPHERS)
    if files.certificate:
        _use_certificate(context, files)
    if verify is not Verify.NO:
        _use_authorities(context, files.ca)
    context.set_verify(*_VERIFY[verify])
    if choose is not None:
        context.set_tlsext_servername_callback(choose)
    return context


def _use_certificate(context: SSL.Context, files: Files) -> None:
    chain = _load(files.certificate, x509.load_pem_x509_certificates, "holds no certificate")
    key_file = files.key or files.certificate
    key: Any = _load(key_file, lambda octets: load_pem_private_key(octets, None), "holds no private key")
    try:
        context.use_certificate(chain[0])
        for certificate in chain[1:]:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(key)
        context.check_privatekey()
    except (SSL.Error, ValueError, TypeError):
        raise TlsError(f"{key_file}: the key does not belong to the first certificate of "
                       f"{files.certificate}, or is too weak") from None


def _load(path: str, read: Any, nothing: str) -> Any:
    try:
        return read(Path(path).read_bytes())
    except OSError as fault:
        raise TlsError(f"{path}: {fault.strerror}") from None
    except TypeError:  # load_pem_private_key wants a password
        raise TlsError(f"{path}: the key is encrypted") from None
    except ValueError:
        raise TlsError(f"{path}: {nothing} in PEM form") from None


def _use_authorities(context: SSL.Context, ca: str) -> None:
    if not ca:
        context.set_default_verify_paths()
        return
    try:
        if os.path.isdir(ca):
            context.load_verify_locations(None, ca)
        else:
            context.load_verify_locations(ca)
    except SSL.Error:
        raise TlsError(f"{ca}: cannot be read, or holds no certificates in PEM form") from None


def _note(connection: SSL.Connection, certificate: Any, error: int, depth: int, ok: int) -> bool:
    """A step of OpenSSL's verification: written down, and good where only the purpose is not."""
    good = bool(ok) or error == _INVALID_PURPOSE and depth == 0 and _is_server(certificate)
    if isinstance(connection, Connection):
        connection.evidence.note(error, depth, good)
    return good


def _note_only(connection: SSL.Connection, certificate: Any, error: int, depth: int, ok: int) -> bool:
    _note(connection, certificate, error, depth, ok)
    return True


def _is_server(certificate: Any) -> bool:
    """Whether a certificate is for servers.  SIP servers speak to each other as clients too, and public
    authorities issue no certificates for clients any more (RFC 5924 gives them a purpose of their own)."""
    try:
        usage = certificate.to_cryptography().extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return not _SERVER_PURPOSES.isdisjoint(usage)


def _unverified(connection: SSL.Connection, certificate: Any, error: int, depth: int, ok: int) -> bool:
    return True


_VERIFY = {
    Verify.NO: (SSL.VERIFY_NONE, _unverified),
    Verify.OPTIONAL: (SSL.VERIFY_PEER, _note_only),
    Verify.REQUIRED: (SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _note),
}


class Source:
    """The context of some files, newly made when they have changed.

    Files that became unusable are logged, and the context from before serves on.

    :param clock: IReactorTime.
    :param choose: see :func:`load_context`.
    :raises TlsError: for files that cannot be used.
    """

    def __init__(self, files: Files, verify: Verify, clock: Any, log: Logger,
                 choose: Callable[[SSL.Connection], None] | None = None) -> None:
        self._files = files
        self._verify = verify
        self._choose = choose
        self._clock = clock
        self._log = log
        self._state = self._look()
        self._looked = clock.seconds()
        self._context = load_context(files, verify, choose)

    def context(self) -> SSL.Context:
        """The context for a new connection."""
        now = self._clock.seconds()
        if not 0 <= now - self._looked < RELOAD:
            self._looked = now
            self._refresh()
        return self._context

    def _refresh(self) -> None:
        state = self._look()
        if state == self._state:
            return
        self._state = state
        try:
            self._context = load_context(self._files, self._verify, self._choose)
        except TlsError as fault:
            self._log.error("The certificate is not replaced: {fault}", fault=fault)
        else:
            self._log.info("Took the new files of the certificate {certificate}", certificate=self._files.certificate)

    def _look(self) -> list[tuple[int, ...] | None]:
        return [_state(path) for path in (self._files.certificate, self._files.key, self._files.ca)]


def _state(path: str) -> tuple[int, ...] | None:
    """What changes when a file is replaced or written; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@implementer(IOpenSSLServerConnectionCreator)
class Server:
    """Accepts TLS connections.

    :param default: for clients that name no server, or one that is not in ``named``.
    :param named: files by the name that the client asks for (SNI), lower case.
    :param clock: IReactorTime.
    :raises TlsError: for files that cannot be used.
    """

    def __init__(self, default: Files, named: Mapping[str, Files], verify: Verify, clock: Any, log: Logger) -> None:
        self._default = Source(default, verify, clock, log, self._choose if named else None)
        self._named = {name: Source(files, verify, clock, log) for name, files in named.items()}

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Connection:
        """See :class:`twisted.internet.interfaces.IOpenSSLServerConnectionCreator`."""
        return Connection(self._default.context())

    def _choose(self, connection: SSL.Connection) -> None:
        name = (connection.get_servername() or b"").decode("ascii", "replace").lower().removesuffix(".")
        source = self._named.get(name)
        if source is not None:
            # The verification goes on as the first context wants it, with the authorities of this one.
            connection.set_context(source.context())


@implementer(IOpenSSLClientConnectionCreator)
class Client:
    """Opens one kind of TLS connection.

    :param server_name: sent to the server (SNI), an A-label name; empty for a server known by its address.
    """

    def __init__(self, source: Source, server_name: str) -> None:
        self._source = source
        self._server_name = server_name.encode("ascii", "ignore")

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Connection:
        """See :class:`twisted.internet.interfaces.IOpenSSLClientConnectionCreator`."""
        connection = Connection(self._source.context())
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        return connection
