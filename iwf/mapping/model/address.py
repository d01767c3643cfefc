"""Who: users in their worlds, and what is known of a sender."""

from __future__ import annotations

from attrs import evolve, frozen

#: The three worlds, which are also the schemes of addresses.
XMPP = "xmpp"
SIP = "sip"
TEL = "tel"

@frozen
class Address:
    """A user in his world, decoded and free of wire escapes (no XEP-0106, no ``%HH``)."""

    scheme: str
    """``xmpp``, ``sip`` or ``tel``."""
    user: str
    """The user part as text; empty for a bare domain.  For ``tel``: ``+`` and digits (ADDR-36),
    a short code (digits only) or an alphanumeric sender."""
    domain: str = ""
    """Lower case, A-labels, no trailing dot; SIP only: ``:port`` when the native address carried
    one, IPv6 in brackets.  For ``tel``: empty, or the operator's name for a short code."""
    instance: str = ""
    """One device of the user: an XMPP resource, the value of ``gr`` (ADDR-31); usually empty."""

    def bare(self) -> Address:
        """The same user without the instance."""
        return evolve(self, instance="") if self.instance else self

    @property
    def key(self) -> str:
        """One text per bare address, for rows and order streams; inverse of :func:`address_of_key`."""
        return f"{self.scheme}:{self.user}@{self.domain}"


def address_of_key(key: str) -> Address:
    """The bare address that :attr:`Address.key` wrote.  A domain never contains ``@``."""
    scheme, _, rest = key.partition(":")
    user, _, domain = rest.rpartition("@")
    return Address(scheme, user, domain)


@frozen
class Party:
    """The sender of an event: what he claims, and what the edge can prove of it."""

    address: Address
    name: str = ""
    """Display name, nick; not part of the address."""
    asserted_by: str = ""
    """The connector that vouches for the address (a component, trunk or link by its lane name);
    empty when nobody does."""
    spelling: str = ""
    """The exact native spelling, opaque to the core (ADDR-22); only the edge that wrote it reads it."""
