"""An authority that issues certificates for tests."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR = datetime.timedelta(hours=1)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@frozen
class Issued:
    """A certificate and its key, as PEM files."""

    certificate: str
    key: str


class Authority:
    """Writes certificates into a folder; its own is :attr:`ca`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.BasicConstraints(ca=True, path_length=0)
        certificate = _builder(self._name, self._name, self._key).add_extension(usage, critical=True)
        self.ca = self._write(f"{name}.pem", certificate.sign(self._key, hashes.SHA256()))

    def issue(self, file: str, names: Sequence[str] = (), uris: Sequence[str] = (),
              purposes: Sequence[x509.ObjectIdentifier] = (SERVER, CLIENT), age: datetime.timedelta = HOUR) -> Issued:
        """A certificate.

        :param names: DNS names in subjectAltName.
        :param uris: URIs there.
        :param age: how long ago it became valid; it is valid for ten hours.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(file), self._name, key, age)
        alternatives = [*map(x509.DNSName, names), *map(x509.UniformResourceIdentifier, uris)]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        certificate = self._write(f"{file}.pem", builder.sign(self._key, hashes.SHA256()))
        key_path = self._folder / f"{file}.key"
        key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        key_path.chmod(0o600)
        return Issued(certificate, str(key_path))

    def _write(self, file: str, certificate: x509.Certificate) -> str:
        path = self._folder / file
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey,
             age: datetime.timedelta = HOUR) -> x509.CertificateBuilder:
    begin = datetime.datetime.now(datetime.UTC) - age
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(begin + 10 * HOUR))
