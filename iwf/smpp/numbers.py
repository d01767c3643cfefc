"""Numbers: TON, NPI and digits on the wire, canonical addresses inside (ADDR-36..45)."""

from __future__ import annotations

import re

from iwf.mapping.model import TEL, Address
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import Sme

#: ADDR-40: octets of an address at most.
LONGEST = 20

_SEPARATORS = re.compile(r"[ ().-]")
_DIGITS = re.compile(r"\+?[0-9]+")
_E164 = re.compile(r"[0-9]{1,15}")
_PERHAPS_INTERNATIONAL = re.compile(r"[1-9][0-9]{7,14}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def address_of_sme(sme: Sme, link: LinkSettings) -> Address | None:
    """The canonical address (ADDR-39).

    :return: ``+`` numbers and alphanumeric addresses without a domain, local numbers in the
        domain that is named after the operator (the link, where none is named); None when nothing can be made of it.
    """
    digits = _SEPARATORS.sub("", sme.number)
    if not _DIGITS.fullmatch(digits):
        return _alphanumeric(sme.number)
    plus = digits.startswith("+")
    digits = digits.removeprefix("+")
    international = _international(digits, plus, sme, link.profile)
    if international is None:
        return Address(TEL, digits, link.operator or link.name)
    return Address(TEL, f"+{international}") if _E164.fullmatch(international) else None


def _international(digits: str, plus: bool, sme: Sme, profile: Profile) -> str | None:
    """The digits of an international number, or None for a local one."""
    if sme.npi not in (c.NPI_UNKNOWN, c.NPI_ISDN):
        return None
    if sme.ton == c.TON_INTERNATIONAL:
        return digits if plus else digits.removeprefix("00")
    if sme.ton == c.TON_NATIONAL and profile.country_code:
        return profile.country_code + digits.removeprefix(profile.national_prefix)
    may_be = plus or (profile.unknown_is_international and _PERHAPS_INTERNATIONAL.fullmatch(digits))
    if sme.ton == c.TON_UNKNOWN and may_be:
        return digits
    # ADDR-41: digits that come as alphanumeric are never taken for an international number
    return None


def _alphanumeric(number: str) -> Address | None:
    """A sender or virtual number with letters; its octets may be UTF-8."""
    try:
        text = number.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        text = number
    # ADDR-41: nothing that could pass for a number once control characters are gone
    text = _CONTROL.sub("", text).strip(" +")
    if _DIGITS.fullmatch(_SEPARATORS.sub("", text)) or not any(map(str.isalnum, text)):
        return None
    return Address(TEL, text)


def sme_of_target(address: Address, profile: Profile) -> Sme | None:
    """Where a text goes (ADDR-40).

    :return: None for an alphanumeric address, which nobody can answer (ADDR-41), and for one too long.
    """
    if address.user.startswith("+"):
        digits = address.user[1:]
        return Sme(c.TON_INTERNATIONAL, c.NPI_ISDN, digits) if _E164.fullmatch(digits) else None
    if address.user.isascii() and address.user.isdigit():
        return _fitting(profile.short_code_ton, profile.short_code_npi, address.user)
    return None


def sme_of_source(address: Address, profile: Profile) -> Sme | None:
    """Whom a text comes from: a virtual number or a service number (ADDR-40, ADDR-45).

    :return: None for one too long or empty.
    """
    number = address.user
    if number.startswith("+"):
        ton, npi = c.TON_INTERNATIONAL, c.NPI_ISDN
        number = number[1:]
    elif number.isascii() and number.isdigit():
        ton, npi = profile.short_code_ton, profile.short_code_npi
    else:
        ton, npi = c.TON_ALPHANUMERIC, c.NPI_UNKNOWN
    if profile.vnum_ton is not None:
        ton = profile.vnum_ton
    if profile.vnum_npi is not None:
        npi = profile.vnum_npi
    return _fitting(ton, npi, number)


def _fitting(ton: int, npi: int, number: str) -> Sme | None:
    number = number.encode("utf-8").decode("latin-1")  # one character per octet
    return Sme(ton, npi, number) if 0 < len(number) <= LONGEST else None
