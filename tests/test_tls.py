"""TLS contexts: what they accept, and new files (SIP-49)."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from iwf.tls import (
    RELOAD,
    SIP_DOMAIN,
    Client,
    Connection,
    Evidence,
    Files,
    Server,
    Source,
    TlsError,
    Verify,
    load_context,
)
from tests.support.certificates import CLIENT, SERVER, Authority, Issued

LOG = Logger(namespace="test")


def shake(client: SSL.Connection, server: Connection) -> None:
    """The handshake, in memory; raises what OpenSSL raises on either side."""
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(10):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(65536))
            except SSL.WantReadError:
                pass


class TlsCase(SynchronousTestCase):
    """An authority, and connections between a client and a server."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.authority = Authority(self.folder)
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.ours = self.authority.issue("ours", ["gw.example"])

    def files(self, issued: Issued | None = None, ca: str = "") -> Files:
        if issued is None:
            return Files(ca=ca or self.authority.ca)
        return Files(issued.certificate, issued.key, ca or self.authority.ca)

    def server(self, verify: Verify = Verify.OPTIONAL, named: Any = None) -> Server:
        return Server(self.files(self.ours), named or {}, verify, self.clock, LOG)

    def client(self, issued: Issued | None = None, name: str = "gw.example", ca: str = "",
               verify: Verify = Verify.REQUIRED) -> Connection:
        source = Source(self.files(issued, ca), verify, self.clock, LOG)
        return Client(source, name).clientConnectionForTLS(None)

    def meet(self, client: SSL.Connection, server: Server) -> Connection:
        """The server's side, after the handshake."""
        theirs = server.serverConnectionForTLS(None)
        shake(client, theirs)
        return theirs


class VerificationTests(TlsCase):
    """Whose certificate counts."""

    def test_both_sides(self) -> None:
        """Each side has the other's certificate once its chain is verified (SIP-49)."""
        client = self.client(self.authority.issue("peer", ["peer.example"]))
        server = self.meet(client, self.server())
        for side, subject in ((client, "CN=ours"), (server, "CN=peer")):
            certificate = side.verified_certificate()
            assert certificate is not None
            self.assertEqual(certificate.subject.rfc4514_string(), subject)
        self.assertIn(server.get_protocol_version_name(), ("TLSv1.2", "TLSv1.3"))

    def test_no_certificate(self) -> None:
        """A client without one is let in and proves nothing, unless one is required (SIP-49)."""
        self.assertIsNone(self.meet(self.client(), self.server()).verified_certificate())
        with self.assertRaises(SSL.Error):
            self.meet(self.client(), self.server(Verify.REQUIRED))

    def test_bad_certificate_of_a_client(self) -> None:
        """Of another authority, or too old: it proves nothing, and where one is required it is refused."""
        stranger = Authority(self.folder / "strange", "stranger").issue("peer", ["peer.example"])
        old = self.authority.issue("old", ["peer.example"], age=datetime.timedelta(days=2))
        for issued in (stranger, old):
            self.assertIsNone(self.meet(self.client(issued), self.server()).verified_certificate())
            with self.assertRaises(SSL.Error):
                self.meet(self.client(issued), self.server(Verify.REQUIRED))

    def test_bad_certificate_of_a_server(self) -> None:
        """We do not talk to a server whose certificate is of another authority, unless told not to look."""
        stranger = Authority(self.folder / "strange", "stranger")
        with self.assertRaises(SSL.Error):
            self.meet(self.client(ca=stranger.ca), self.server())
        client = self.client(verify=Verify.NO)
        self.meet(client, self.server())
        self.assertIsNone(client.verified_certificate())

    def test_purposes(self) -> None:
        """SIP servers are clients of each other: a certificate for servers or SIP domains is good for
        both, one for something else is not (RFC 5924)."""
        for purposes, good in (((SERVER,), True), ((SIP_DOMAIN,), True), ((CLIENT,), True), ((), True),
                               ((ExtendedKeyUsageOID.EMAIL_PROTECTION,), False)):
            issued = self.authority.issue("peer", ["peer.example"], purposes=purposes)
            found = self.meet(self.client(issued), self.server()).verified_certificate()
            self.assertEqual(found is not None, good, purposes)

    def test_nothing_verified_proves_nothing(self) -> None:
        """A certificate counts when its chain was found good, not when nothing bad was found."""
        evidence = Evidence()
        self.assertFalse(evidence.valid)
        evidence.note(0, 1, True)
        self.assertFalse(evidence.valid)
        evidence.note(0, 0, True)
        self.assertTrue(evidence.valid)
        evidence.note(10, 1, False)
        self.assertFalse(evidence.valid)

    def test_no_resumption(self) -> None:
        """A client cannot come back with an old session, in which nothing would be verified."""
        server = self.server()
        peer = self.authority.issue("peer", ["peer.example"])
        source = Source(self.files(peer), Verify.REQUIRED, self.clock, LOG)
        first = Client(source, "gw.example").clientConnectionForTLS(None)
        theirs = self.meet(first, server)
        theirs.send(b"x")
        first.bio_write(theirs.bio_read(65536))
        first.recv(1)
        again = Client(source, "gw.example").clientConnectionForTLS(None)
        session = first.get_session()
        if session is not None:
            again.set_session(session)
        self.assertIsNotNone(self.meet(again, server).verified_certificate())
        self.assertIsNotNone(again.verified_certificate())

    def test_old_protocol(self) -> None:
        """TLS 1.1 is not spoken (SIP-49)."""
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.set_max_proto_version(SSL.TLS1_1_VERSION)
        with self.assertRaises(SSL.Error):
            self.meet(SSL.Connection(context, None), self.server())


class NameTests(TlsCase):
    """One address, several names."""

    def shown(self, name: str) -> str:
        other = self.authority.issue("other", ["other.example"])
        server = self.server(named={"other.example": self.files(other)})
        client = self.client(name=name)
        self.meet(client, server)
        certificate = client.get_peer_certificate()
        assert certificate is not None
        return str(certificate.to_cryptography().subject.rfc4514_string())

    def test_by_name(self) -> None:
        """The certificate is that of the name asked for, and the first one for all others (ADDR-55)."""
        for name, subject in (("other.example", "CN=other"), ("OTHER.example", "CN=other"), ("gw.example", "CN=ours"),
                              ("unknown.example", "CN=ours"), ("", "CN=ours")):
            self.assertEqual(self.shown(name), subject, name)


class FileTests(TlsCase):
    """Files that change, and files that are no good."""

    def subject(self, source: Source) -> str:
        client = self.client()
        server = Connection(source.context())
        shake(client, server)
        certificate = client.get_peer_certificate()
        assert certificate is not None
        return str(certificate.to_cryptography().subject.rfc4514_string())

    def source(self) -> Source:
        return Source(self.files(self.ours), Verify.OPTIONAL, self.clock, self.log)

    def setUp(self) -> None:
        super().setUp()
        self.told: list[dict[str, Any]] = []
        self.log = Logger(namespace="test", observer=self.told.append)

    def replace(self, issued: Issued) -> None:
        os.replace(issued.certificate, self.ours.certificate)
        os.replace(issued.key, self.ours.key)

    def test_new_files(self) -> None:
        """A replaced certificate is shown to new clients within seconds, without a restart."""
        source = self.source()
        self.replace(self.authority.issue("new", ["gw.example"]))
        self.assertEqual(self.subject(source), "CN=ours")
        self.clock.advance(RELOAD)
        self.assertEqual(self.subject(source), "CN=new")

    def test_half_replaced(self) -> None:
        """Between the new certificate and its key the old pair serves, and the log says why, once."""
        source = self.source()
        new = self.authority.issue("new", ["gw.example"])
        os.replace(new.certificate, self.ours.certificate)
        for _ in range(3):
            self.clock.advance(RELOAD)
            self.assertEqual(self.subject(source), "CN=ours")
        self.assertEqual([event["log_level"] for event in self.told], [LogLevel.error])
        self.assertIn("does not belong", str(self.told[0]["fault"]))
        os.replace(new.key, self.ours.key)
        self.clock.advance(RELOAD)
        self.assertEqual(self.subject(source), "CN=new")

    def test_lost_files(self) -> None:
        """A certificate that is removed or overwritten with nonsense serves on."""
        source = self.source()
        Path(self.ours.certificate).write_text("no certificate")
        self.clock.advance(RELOAD)
        self.assertEqual(self.subject(source), "CN=ours")
        os.unlink(self.ours.key)
        self.clock.advance(RELOAD)
        self.assertEqual(self.subject(source), "CN=ours")
        self.assertEqual(len(self.told), 2)

    def test_clock_set_back(self) -> None:
        """A clock that was set back does not keep new files from being seen."""
        source = self.source()
        self.replace(self.authority.issue("new", ["gw.example"]))
        self.clock.rightNow -= 10_000
        self.assertEqual(self.subject(source), "CN=new")

    def test_unusable(self) -> None:
        """What is wrong with a file is said with its name."""
        other = self.authority.issue("other")
        nothing = self.folder / "nothing.pem"
        nothing.write_text("")
        encrypted = self.folder / "encrypted.key"
        encrypted.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret")))
        missing = str(self.folder / "missing.pem")
        for files, text in (
            (Files(missing, self.ours.key), f"{missing}: No such file or directory"),
            (Files(str(nothing), self.ours.key), f"{nothing}: holds no certificate in PEM form"),
            (Files(self.ours.certificate, str(nothing)), f"{nothing}: holds no private key in PEM form"),
            (Files(self.ours.certificate), f"{self.ours.certificate}: holds no private key in PEM form"),
            (Files(self.ours.certificate, str(encrypted)), f"{encrypted}: the key is encrypted"),
            (Files(self.ours.certificate, other.key), f"{other.key}: the key does not belong to the first certificate "
             f"of {self.ours.certificate}, or is too weak"),
            (Files(ca=str(nothing)), f"{nothing}: cannot be read, or holds no certificates in PEM form"),
            (Files(ca=missing), f"{missing}: cannot be read, or holds no certificates in PEM form"),
        ):
            fault = self.assertRaises(TlsError, load_context, files, Verify.REQUIRED)
            self.assertEqual(str(fault), text)

    def test_one_file(self) -> None:
        """Certificate and key may be in one file, and the authorities in a folder or those of the system."""
        together = self.folder / "together.pem"
        together.write_bytes(Path(self.ours.key).read_bytes() + Path(self.ours.certificate).read_bytes())
        for ca in (str(self.folder), ""):
            load_context(Files(str(together), ca=ca), Verify.REQUIRED)

