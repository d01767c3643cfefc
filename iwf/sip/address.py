"""SIP, tel, im and pres URIs to neutral addresses and back.  Pure.

An address holds the decoded user; the URI holds it escaped.  What the other worlds make of an
address (aliases, images) is the core's business.
"""

from __future__ import annotations

import re
from collections.abc import Container

from attrs import evolve

from iwf.mapping.model import SIP, TEL, Address
from iwf.sip.syntax.grammar import PARAM_ALLOWED, USER_ALLOWED, SipSyntaxError, escape
from iwf.sip.syntax.uri import Params, Uri, parse_uri

#: Schemes of a Request-URI that we read; ADDR-30 for the last two.
SCHEMES = frozenset({"sip", "sips", "tel", "im", "pres"})

_PHONE = re.compile(r"\+[0-9]{1,15}\Z")                    # ADDR-36
_LOCAL_NUMBER = re.compile(r"[0-9*#]{1,20}\Z")
_SEPARATORS = re.compile(r"[-.()]")                        # RFC 3966 section 3: visual-separator
_UNMAPPABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")   # ADDR-16
_DOMAIN = re.compile(r"([a-z0-9_.-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?\Z")
#: Parameters that say how to send, not who somebody is; RFC 3261 19.1.1 bars them from From and To.
_ROUTING = frozenset({"method", "maddr", "ttl", "lr"})


class NoImage(ValueError):
    """The URI or address cannot be expressed on the other side.

    The answer is 404 when it is the target of a request and 403 when it is its source
    (addressing.md section 9).
    """


def address_of_uri(uri: Uri) -> Address:
    """The user that a URI names.

    :raises NoImage: other schemes; a user or instance that is not UTF-8 or holds control
        characters; a user that begins with a space (ADDR-16); a local number without context.
    """
    if uri.scheme == "tel":
        return _address_of_tel(uri)
    if uri.scheme not in SCHEMES:
        raise NoImage(f"the scheme {uri.scheme} names nobody here")
    try:
        user, instance = uri.user_text(), uri.instance()
    except SipSyntaxError as error:
        raise NoImage(error.reason) from error
    phone = False
    if uri.params and (uri.param("user") or "").lower() == "phone":
        number = _SEPARATORS.sub("", user)                 # ADDR-36
        phone = (_PHONE.match(number) or _LOCAL_NUMBER.match(number)) is not None
        user = number if phone else user
    if _is_unmappable(user + instance) or user.startswith(" "):
        raise NoImage("the user part holds characters that no other world knows")
    domain = uri.host.removesuffix(".")                    # ADDR-14
    if uri.port is not None and not phone:
        domain = f"{domain}:{uri.port}"
    return Address(SIP, user, domain, instance)


def without_own_port(address: Address, hosts: Container[str]) -> Address:
    """The address as it is for other worlds: behind a host name of ours, a port tells nothing about the user."""
    host, _, port = address.domain.rpartition(":")
    return evolve(address, domain=host) if port and host in hosts else address


def _is_unmappable(text: str) -> bool:
    return not text.isprintable() and _UNMAPPABLE.search(text) is not None


def _address_of_tel(uri: Uri) -> Address:
    """ADDR-36, 37: a global number, or a local one within its context."""
    number = _SEPARATORS.sub("", uri.user or "")
    if _PHONE.match(number):
        return Address(TEL, number)
    context = (uri.param("phone-context") or "").lower()
    if context.startswith("+"):
        context = _SEPARATORS.sub("", context)
    if not _LOCAL_NUMBER.match(number) or not context or not _DOMAIN.match(context.lstrip("+")):
        raise NoImage("the telephone number is neither global nor in a known context")
    return Address(TEL, number, context)


def uri_of_address(address: Address, spelling: str = "", phone_hosts: Container[str] = ()) -> Uri:
    """The URI by which a user is known in SIP.

    :param spelling: the URI by which the same user was seen earlier (ADDR-22); used when it still
        names him.
    :param phone_hosts: host names of ours behind which phones are seen; a number there, or a short
        code, gets ``user=phone`` (ADDR-38).
    :raises NoImage: an address of another world, or one that no URI can carry.
    """
    remembered = _remembered(spelling, address) if spelling else None
    if remembered is not None:
        return remembered
    if address.scheme == TEL:
        return _tel_of_address(address)
    where = _DOMAIN.match(address.domain)
    if address.scheme != SIP or where is None or _is_unmappable(address.user + address.instance):
        raise NoImage("the address cannot be written as a SIP URI")
    host, port = where.groups()
    params: Params = ()
    if host in phone_hosts and (_PHONE.match(address.user) or _LOCAL_NUMBER.match(address.user)):
        params = (("user", "phone"),)
    if address.instance:
        params += (("gr", _escaped_instance(address)),)
    user = escape(address.user, USER_ALLOWED) or None      # ADDR-15: a domain has no user part
    return Uri("sip", user, host=host, port=None if port is None else int(port), params=params)


def _tel_of_address(address: Address) -> Uri:
    if _PHONE.match(address.user):
        return Uri("tel", address.user)
    if not _LOCAL_NUMBER.match(address.user) or not _DOMAIN.match(address.domain.lstrip("+")):
        raise NoImage("the address cannot be written as a telephone number")
    return Uri("tel", address.user, params=(("phone-context", address.domain),))


def _escaped_instance(address: Address) -> str:
    return escape(address.instance, PARAM_ALLOWED)         # ADDR-32


def _remembered(spelling: str, address: Address) -> Uri | None:
    """ADDR-22: the spelling, when it decodes and folds to the same address."""
    try:
        uri = parse_uri(spelling)
        seen = address_of_uri(uri)
    except (SipSyntaxError, NoImage):
        return None
    if (seen.scheme, seen.user.lower(), seen.domain) != (address.scheme, address.user.lower(), address.domain):
        return None
    if uri.scheme == "tel":
        return uri
    # ADDR-30 for im and pres; sips promises TLS on every hop, which a plain next hop does not keep.
    params = tuple(pair for pair in uri.params if pair[0].lower() not in _ROUTING)
    if seen.instance != address.instance:
        params = tuple(pair for pair in params if pair[0].lower() != "gr")
        if address.instance:
            params += (("gr", _escaped_instance(address)),)
    return evolve(uri, scheme="sip", password=None, params=params, headers=())

