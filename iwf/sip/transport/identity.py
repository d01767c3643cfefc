"""The SIP domains that a certificate speaks for (RFC 5922).  Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from cryptography import x509

# Certificates, and names in them, that are none.
_UNREADABLE = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)

_sip_uri = re.compile(r"sip:([^@;?/:\[\]]+)(?::[0-9]+)?(?:[;?].*)?", re.IGNORECASE | re.DOTALL).fullmatch


def sip_domains(certificate: x509.Certificate) -> frozenset[str]:
    """The SIP identities of a certificate, in lower case (RFC 5922 7.1).

    They are the hosts of ``sip:`` URIs without a user in subjectAltName; only when there is none,
    its DNS names.  The common name counts for nothing: no authority has written names there alone
    for twenty years.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return frozenset()
    hosts = [found[1] for uri in names.get_values_for_type(x509.UniformResourceIdentifier)
             if (found := _sip_uri(uri))]
    return frozenset(map(_folded, hosts or names.get_values_for_type(x509.DNSName)))


def speaks_for(domains: Collection[str], wanted: Collection[str]) -> bool:
    """Whether one of the wanted domains is among those of a certificate.

    RFC 5922 7.2: names are compared in their entirety.  ``*.sip.example`` is the name of nothing else,
    but somebody who wants to believe such a certificate can want that very name.
    """
    return any(_folded(name) in domains for name in wanted)


def _folded(name: str) -> str:
    return name.lower().removesuffix(".")
