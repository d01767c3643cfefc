"""Who somebody is at home, and how he is seen elsewhere (addressing.md, sections 3 to 6).

*Native*: the address of a user in his own world.  *Image*: the address by which he is seen in
another one, in a domain of ours.  Everything here works on decoded text; the escapes of a world
(XEP-0106, ``%HH``) are the business of its edge.

The laws (ADDR-19), which hold for canonical addresses: the native behind the image of ``a`` is
``a``, and the image of the native behind ``i`` is ``i``.
"""

from __future__ import annotations

import re
import stringprep
from ipaddress import AddressValueError, IPv6Address
from unicodedata import category, normalize

from attrs import frozen

from iwf.mapping.directory import Directory, host_of
from iwf.mapping.model import SIP, TEL, XMPP, Address, Failure, Reason
from iwf.mapping.settings import Alias, Gateway, Scheme

#: A part of a JID holds at most this many octets of UTF-8 (RFC 7622 3.1, ADDR-21).
LONGEST_PART = 1023

#: A domain name in text form (RFC 1035 2.3.4).
LONGEST_DOMAIN = 253


@frozen
class Mapped:
    """An address on the other side."""

    address: Address
    alias: Alias | None
    """The alias under which the image lives; None for an address that needs no image."""
    rules: tuple[str, ...] = ()


# --- failures (section 9) ---------------------------------------------------------------------

def _nobody(detail: str) -> Failure:
    return Failure(Reason.UNKNOWN_RECIPIENT, text="no such user here", detail=detail)


def _loop(detail: str) -> Failure:
    return Failure(Reason.LOOP, text="the address leads back here", detail=detail)


_NOT_OURS = _nobody("ADDR-25: the domain is none of our aliases")
_NO_STAR = _nobody("ADDR-13: no * in the user part")
_BAD_DOMAIN = _nobody("ADDR-14, ADDR-15: what follows the last * is no domain")
_BAD_TEXT = _nobody("ADDR-9, ADDR-16, ADDR-21: the text cannot be the local part of a JID")
_BAD_INSTANCE = _nobody("ADDR-32: the instance cannot be a resource")
_BAD_NUMBER = _nobody("ADDR-36: neither a number nor a short code")
_ALIAS_BEHIND = _loop("ADDR-23: the address behind the image is in a domain of ours")
_ALIAS_AS_SOURCE = _loop("ADDR-23: a user cannot live in an alias domain of ours")
_NOT_SERVED = Failure(Reason.FORBIDDEN, text="this domain is not served here",
                      detail="ADDR-25: the domain is not served by this alias or tenant")
_UNMAPPABLE = Failure(Reason.REFUSED, text="your address cannot be shown to this recipient",
                      detail="ADDR-16, ADDR-21: his address cannot be written in that world")
_NO_NUMBER = Failure(Reason.NOT_SUPPORTED, detail="ADDR-47: seen by phones under a leased number")
_NO_ANSWER = Failure(Reason.NOT_ACCEPTABLE, text="this sender cannot be answered",
                     detail="ADDR-41: an alphanumeric sender")


# --- text -------------------------------------------------------------------------------------

def fold(text: str) -> str:
    """A user part as the case-mapped user name profile has it (ADDR-1, ADDR-20); idempotent."""
    return text.lower() if text.isascii() else normalize("NFC", text.lower())


#: What grows by two octets when XEP-0106 is applied: nine characters, and a backslash where it
#: would start one of the ten codes (ADDR-7, ADDR-8).
_ESCAPED = re.compile(r"""[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)""")

#: The same where the code holds a letter, which is read from left to right.
_ESCAPED_WITH_LETTER = re.compile(r"[/:<>]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)")


def escaped_length(text: str) -> int:
    """The octets of a local part once it is escaped by XEP-0106 and encoded in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass")) + 2 * len(_ESCAPED.findall(text))


def fits_local_part(text: str) -> bool:
    """Whether text, already folded, can be escaped to the local part of a JID that every server
    leaves as it is: one that changed it would name somebody else on the way back.

    Out are controls, invisible and unassigned characters, any space but U+0020 (that is what
    :meth:`str.isprintable` says; ADDR-3, ADDR-16) and one at either end (ADDR-9), what either
    profile of local parts changes or refuses (ADDR-2), and what is too long (ADDR-21).
    """
    if not text.isprintable() or text.startswith(" ") or text.endswith(" "):
        return False
    if not text.isascii() and not _survives_preparation(text):
        return False
    # Quick way out: no character costs more than four octets.
    return len(text) * 4 <= LONGEST_PART or escaped_length(text) <= LONGEST_PART


def _survives_preparation(text: str) -> bool:
    """Whether both nodeprep (RFC 6122 appendix A) and the newer user name profile (RFC 8265 3.3,
    whose extra refusals are the compatibility characters) take text and leave it as it is."""
    if normalize("NFKC", "".join(map(stringprep.map_table_b2, text))) != text:
        return False
    if any(map(_prohibited, text)):
        return False
    if any(map(stringprep.in_table_d1, text)):  # right to left: RFC 3454 6
        if _ESCAPED_WITH_LETTER.search(text):
            return False
        ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
        return ends and not any(map(stringprep.in_table_d2, text))
    return True


def _prohibited(char: str) -> bool:
    """What nodeprep drops or prohibits (RFC 6122 A.3, A.5) of what is printable."""
    return (stringprep.in_table_a1(char) or stringprep.in_table_b1(char)
            or stringprep.in_table_c5(char) or stringprep.in_table_c6(char)
            or stringprep.in_table_c7(char) or stringprep.in_table_c8(char)
            or stringprep.in_table_c9(char))


def _prepared_resource(text: str) -> str:
    """A resource as the opaque profile has it (RFC 8265 4.2, ADDR-1)."""
    if text.isascii():
        return text
    return normalize("NFC", "".join(" " if category(c) == "Zs" else c for c in text))


def _fits_resource(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return len(text) <= LONGEST_PART
    return not any(map(_never_text, text)) and len(text.encode()) <= LONGEST_PART


def _never_text(char: str) -> bool:
    """Controls, surrogates, line and paragraph ends, noncharacters: XML has no place for them."""
    return (category(char) in ("Cc", "Cs", "Zl", "Zp") or ord(char) & 0xfffe == 0xfffe
            or "\ufdd0" <= char <= "\ufdef")


# --- domains ----------------------------------------------------------------------------------

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT = re.compile("[1-9][0-9]{0,4}")


def domain_of(text: str, world: str) -> str | None:
    """A native domain in its one spelling (ADDR-14): lower case, A-labels, no trailing dot; only
    SIP has ``:port`` and IPv6 in brackets.  None when the text is no domain of that world."""
    if len(text) <= LONGEST_DOMAIN and _NAME.fullmatch(text):
        return text
    host, colon, port = text, "", ""
    if ":" in text and not text.endswith("]"):
        host, colon, port = text.rpartition(":")
        if world != SIP or not _PORT.fullmatch(port) or int(port) > 65535:
            return None
    if host.startswith("["):
        return f"{host.lower()}{colon}{port}" if world == SIP and _is_ipv6(host) else None
    name = _a_labels(host.removesuffix("."))
    if name is None or len(name) > LONGEST_DOMAIN or not _NAME.fullmatch(name):
        return None
    return f"{name}{colon}{port}"


def _is_ipv6(text: str) -> bool:
    """Whether text is an IPv6 address in brackets, without a zone."""
    if not text.endswith("]") or "%" in text:
        return False
    try:
        IPv6Address(text[1:-1])
    except AddressValueError:
        return False
    return True


def _a_labels(host: str) -> str | None:
    """A host name in lower case with A-labels (RFC 5891 4.4), None where a label cannot be one."""
    if host.isascii():
        return host.lower()
    if len(host) > LONGEST_DOMAIN:
        return None
    labels = []
    for label in normalize("NFC", host.lower()).split("."):
        if not label.isascii():
            if normalize("NFKC", label) != label or not all(map(_in_u_label, label)):
                return None
            label = "xn--" + label.encode("punycode").decode("ascii")
        labels.append(label)
    return ".".join(labels)


def _in_u_label(char: str) -> bool:
    """Letters, digits, marks and the hyphen (RFC 5892 2.1, LetterDigits)."""
    return char == "-" or category(char) in ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd")


# --- numbers (section 6) ----------------------------------------------------------------------

_GLOBAL = re.compile(r"\+[0-9]{1,15}")
_SHORT = re.compile("[0-9]{3,8}")
_LOCAL = re.compile("[0-9*#]{1,20}")
_CONTEXT = re.compile(r"[a-z0-9+](?:[a-z0-9._-]*[a-z0-9])?")
_NUMERIC = re.compile(r"\+?[0-9*#]+")
_SEPARATORS = str.maketrans("", "", "-.()")

_CONTEXT_PARAM = ";phone-context="

#: SMPP gives alphanumeric senders 11 characters of the GSM alphabet (ADDR-39).
_LONGEST_ALPHANUMERIC = 11


def phone_of(text: str, context: str = "") -> Address | None:
    """The phone that a text means (ADDR-36, ADDR-37): ``+`` and 1 to 15 digits, a short code of
    3 to 8 digits, or any local number where an operator is named, by ``context`` or by
    ``;phone-context=`` in the text.  Separators carry no meaning.  None for all else."""
    number, found, rest = text.partition(_CONTEXT_PARAM)
    context = (rest if found else context).lower()
    number = number.translate(_SEPARATORS)
    if _GLOBAL.fullmatch(number):
        return Address(TEL, number)  # is complete; a context adds nothing
    if not context and not found:
        return Address(TEL, number) if _SHORT.fullmatch(number) else None
    if _LOCAL.fullmatch(number) and _CONTEXT.fullmatch(context):
        return Address(TEL, number, context)
    return None


def _phone_behind(seen: Address, alias: Alias, directory: Directory) -> Mapped | Failure:
    """The phone behind ``number@alias`` (ADDR-38)."""
    if directory.alias_for(alias.world, TEL, alias.tenant, "") is not alias:
        return _NOT_SERVED  # phones of this tenant are seen under another alias
    phone = phone_of(seen.user)
    if phone is not None:
        return Mapped(phone, alias, ("ADDR-36", "ADDR-38"))
    text = seen.user
    if (len(text) <= _LONGEST_ALPHANUMERIC and fits_local_part(text)
            and any(map(str.isalpha, text))):
        # ADDR-41: not-acceptable to XMPP, 404 to SIP.
        return _NO_ANSWER if seen.scheme == XMPP else _BAD_NUMBER
    return _BAD_NUMBER


def _image_of_phone(native: Address, alias: Alias) -> Mapped | Failure:
    """How a phone, or an alphanumeric sender, is seen in a world of users."""
    phone = phone_of(native.user, native.domain)
    if phone is not None:
        # ADDR-37: the context of a local number goes along, or the answer would not find back.
        user = f"{phone.user}{_CONTEXT_PARAM}{phone.domain}" if phone.domain else phone.user
        return Mapped(Address(alias.world, user, alias.domain), alias, ("ADDR-38",))
    text = fold(native.user)
    # ADDR-41: a numeric pattern never appears as an alphanumeric sender.
    if not text or not fits_local_part(text) or _NUMERIC.fullmatch(text.translate(_SEPARATORS)):
        return _UNMAPPABLE
    return Mapped(Address(alias.world, text, alias.domain), alias, ("ADDR-41",))


# --- the three questions ----------------------------------------------------------------------

def canonical(address: Address, gateway: Gateway) -> Address:
    """The one spelling of an address, by which rows and streams know it; idempotent.

    JIDs are prepared (ADDR-1), SIP users are folded unless ``fold_sip_user`` is off (ADDR-20),
    numbers lose their separators (ADDR-36).  What cannot be understood stays as it is.
    """
    if address.scheme == TEL:
        return phone_of(address.user, address.domain) or address
    user = address.user
    if address.scheme == XMPP or gateway.fold_sip_user:
        user = fold(user)
    domain = domain_of(address.domain, address.scheme) or address.domain.lower()
    instance = address.instance
    if address.scheme == XMPP:
        instance = _prepared_resource(instance)
    if (user, domain, instance) == (address.user, address.domain, address.instance):
        return address
    return Address(address.scheme, user, domain, instance)


def native_of(seen: Address, gateway: Gateway) -> Mapped | Failure:
    """The native address behind an address in one of our alias domains.

    :param seen: an address as peers of its world write it; its instance carries over (ADDR-35).
    :return: a canonical address and the alias it was seen under, or why there is none:
        UNKNOWN_RECIPIENT, LOOP (ADDR-23), FORBIDDEN (ADDR-25), NOT_ACCEPTABLE (ADDR-41, XMPP).
    """
    directory = gateway.directory
    alias = directory.alias_at(seen.scheme, seen.domain)
    if alias is None:
        return _NOT_OURS
    if alias.bridges == TEL:
        return _phone_behind(seen, alias, directory)
    if seen.scheme == XMPP and not fits_local_part(seen.user):
        return _BAD_TEXT  # no image of ours looks like this
    if alias.scheme is Scheme.DIRECT:
        user, domain = seen.user, host_of(alias.domain)
        rules: tuple[str, ...] = ("ADDR-26",) if seen.scheme == SIP else ("ADDR-27",)
    else:
        user, star, text = seen.user.rpartition("*")  # ADDR-13: the last one
        if not star:
            return _NO_STAR
        found = domain_of(text, alias.bridges)
        if found is None:
            return _BAD_DOMAIN
        if host_of(found) in directory.own:
            return _ALIAS_BEHIND  # ADDR-23, before tenancy: it is never anybody's domain
        domain, rules = found, ("ADDR-13", "ADDR-18")
    if directory.alias_for(alias.world, alias.bridges, alias.tenant, domain) is not alias:
        return _NOT_SERVED
    return _settled(Address(alias.bridges, user, domain, seen.instance), alias, rules, gateway)


def _settled(native: Address, alias: Alias, rules: tuple[str, ...],
             gateway: Gateway) -> Mapped | Failure:
    """The last checks of a native address found behind an image."""
    native = canonical(native, gateway)
    if native.scheme == XMPP:
        if not fits_local_part(native.user):
            return _BAD_TEXT
        if not _fits_resource(native.instance):
            return _BAD_INSTANCE
    if native.instance:
        rules += ("ADDR-35",)
    return Mapped(native, alias, rules)


def image_of(native: Address, world: str, tenant: str, gateway: Gateway) -> Mapped | Failure:
    """How a native user of one world is seen in another world by the peers of a tenant.

    :return: his image and the alias it lives under; himself where he needs none.  REFUSED when
        his address cannot be written there, LOOP when it is in an alias domain of ours, FORBIDDEN
        when the tenant does not serve his domain (ADDR-25), NOT_SUPPORTED for phones as the
        audience: they see leased numbers (ADDR-47).
    """
    if native.scheme == world:
        return Mapped(native, None)
    if world == TEL:
        return _NO_NUMBER
    directory = gateway.directory
    if native.scheme == TEL:
        alias = directory.alias_for(world, TEL, tenant, "")
        return _image_of_phone(native, alias) if alias is not None else _NOT_SERVED
    domain = domain_of(native.domain, native.scheme)
    if domain is None:
        return _UNMAPPABLE
    host = host_of(domain)
    if host in directory.own:
        return _ALIAS_AS_SOURCE
    alias = directory.alias_for(world, native.scheme, tenant, host)
    if alias is None:
        return _NOT_SERVED
    user = fold(native.user)  # a JID is always prepared, whatever fold_sip_user says (ADDR-1)
    if native.scheme == XMPP and not fits_local_part(user):
        return _UNMAPPABLE
    text = user if alias.scheme is Scheme.DIRECT else f"{user}*{domain}"  # ADDR-13, ADDR-27
    if world == XMPP and not fits_local_part(text):
        return _UNMAPPABLE
    instance = _instance_of(native, gateway)
    return Mapped(Address(world, text, host_of(alias.domain), instance), alias,
                  _image_rules(alias, instance))


def _instance_of(native: Address, gateway: Gateway) -> str:
    """The device of a sender as the other world sees it: ADDR-33, ADDR-34.  One that cannot be a
    resource is left out: who he is stays the same without it."""
    if not native.instance or not gateway.map_resource:
        return ""
    instance = _prepared_resource(native.instance)
    return instance if _fits_resource(instance) else ""


def _image_rules(alias: Alias, instance: str) -> tuple[str, ...]:
    if alias.world == XMPP:
        rules: tuple[str, ...] = ("ADDR-26",) if alias.scheme is Scheme.DIRECT else ("ADDR-16",)
        return (*rules, "ADDR-34") if instance else rules
    rules = ("ADDR-27",) if alias.scheme is Scheme.DIRECT else ("ADDR-17",)
    return (*rules, "ADDR-33") if instance else rules
