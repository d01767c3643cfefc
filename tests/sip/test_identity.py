"""The SIP domains of certificates (RFC 5922)."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.transport.identity import sip_domains, speaks_for
from tests.support.certificates import Authority


class IdentityTests(SynchronousTestCase):
    """Which names a certificate has."""

    def setUp(self) -> None:
        self.authority = Authority(Path(self.mktemp()))

    def domains(self, names: list[str], uris: list[str]) -> set[str]:
        issued = self.authority.issue("peer", names, uris)
        return set(sip_domains(x509.load_pem_x509_certificate(Path(issued.certificate).read_bytes())))

    def test_dns(self) -> None:
        """DNS names count where there is no SIP URI (RFC 5922 7.1)."""
        self.assertEqual(self.domains(["a.example", "B.Example"], []), {"a.example", "b.example"})
        self.assertEqual(self.domains(["a.example"], ["https://b.example"]), {"a.example"})

    def test_uri(self) -> None:
        """With a SIP URI only SIP URIs count (RFC 5922 7.1)."""
        self.assertEqual(self.domains(["a.example"], ["SIP:B.example", "sip:c.example"]), {"b.example", "c.example"})

    def test_not_a_domain(self) -> None:
        """A URI of a user or of another scheme is no domain (RFC 5922 7.1)."""
        for uri in ("sip:ana@b.example", "sips:b.example", "xmpp:b.example", "sip:", "sip:b.example/x@y",
                    "sip:@b.example", "sip:b.example@"):
            self.assertEqual(self.domains([], [uri]), set(), uri)

    def test_only_the_host(self) -> None:
        """Port and parameters are no part of the name (RFC 5922 7.2)."""
        self.assertEqual(self.domains([], ["sip:b.example:5061;transport=tls?x=y"]), {"b.example"})

    def test_no_names(self) -> None:
        """The common name counts for nothing (RFC 6125 6.4.4)."""
        self.assertEqual(self.domains([], []), set())

    def test_two_lists(self) -> None:
        """A certificate that says it twice says nothing: which one was meant is anybody's guess (RFC 5280 4.2)."""
        issued = self.authority.issue("peer", ["a.example"])
        good = x509.load_pem_x509_certificate(Path(issued.certificate).read_bytes())
        usage = bytes.fromhex("0603551d25")                  # the OID of extKeyUsage becomes that of subjectAltName
        octets = good.public_bytes(serialization.Encoding.DER).replace(usage, bytes.fromhex("0603551d11"))
        self.assertEqual(sip_domains(x509.load_der_x509_certificate(octets)), frozenset())
        self.assertEqual(sip_domains(good), {"a.example"})

    def test_comparison(self) -> None:
        """Names are compared as a whole, without regard to case; a wildcard is the name of nothing else
        (RFC 5922 7.2)."""
        domains = {"sip.example", "*.carrier.example"}
        for wanted, speaks in (("sip.example", True), ("SIP.Example.", True), ("a.sip.example", False),
                               ("example", False), ("a.carrier.example", False), ("*.carrier.example", True),
                               ("", False)):
            self.assertEqual(speaks_for(domains, [wanted]), speaks, wanted)
        self.assertTrue(speaks_for(domains, ["other.example", "sip.example"]))
        self.assertFalse(speaks_for(domains, []))
        self.assertFalse(speaks_for([], ["sip.example"]))
