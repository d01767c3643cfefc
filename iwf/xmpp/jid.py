"""JIDs and addresses: preparation (RFC 7622), local part escaping (XEP-0106), domains (IDNA).  Pure.

The neutral :class:`~iwf.mapping.model.Address` carries the user part unescaped and the domain as
A-labels; the wire carries the user part escaped and the domain as U-labels (RFC 7622 3.2.1).
"""

from __future__ import annotations

import re
import unicodedata

import idna
from twisted.words.protocols.jabber.xmpp_stringprep import nodeprep

from iwf.mapping.model import XMPP, Address

MAX_PART = 1023
"""Octets of UTF-8 in one part of a JID (RFC 7622 3.1; ADDR-21)."""


class JidFault(ValueError):
    """A JID or address that cannot be carried; its text may be shown to the peer."""


# ADDR-7: the ten characters and their codes, lower-case hex only.
_CODE_OF = {
    " ": "\\20", '"': "\\22", "&": "\\26", "'": "\\27", "/": "\\2f",
    ":": "\\3a", "<": "\\3c", ">": "\\3e", "@": "\\40", "\\": "\\5c",
}  # fmt: skip
_CHARACTER_OF = {code: character for character, code in _CODE_OF.items()}
_HEX = "(?:20|22|26|27|2f|3a|3c|3e|40|5c)"
_CODE = re.compile(r"\\" + _HEX)
# ADDR-8: a backslash is escaped only where it would otherwise read as a code.
_ESCAPABLE = re.compile(r"""[ "&'/:<>@]|\\(?=""" + _HEX + ")")

_PLAIN_LOCAL = re.compile(r"[!#$%()*+,\-.;=?\[\\\]^_`{|}~0-9a-z]+")
_PLAIN_RESOURCE = re.compile(r"[ -~]+")
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_PLAIN_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def escape(text: str) -> str:
    """Escape a user part for use as a local part (ADDR-7, 8); the inverse of :func:`unescape`."""
    return _ESCAPABLE.sub(lambda match: _CODE_OF[match[0]], text)


def unescape(local: str) -> str:
    """Undo the ten codes, once, from left to right (ADDR-8)."""
    return _CODE.sub(lambda match: _CHARACTER_OF[match[0]], local) if "\\" in local else local


def split_jid(text: str) -> tuple[str, str, str]:
    """Cut a JID at the first ``/``, then at the first ``@`` (RFC 7622 3.1); nothing is checked.

    :return: local part, domain and resource as written; parts that are absent are empty.
    """
    bare, _, resource = text.partition("/")
    local, at, domain = bare.partition("@")
    return (local, domain, resource) if at else ("", bare, resource)


def address_of_jid(text: str) -> Address:
    """Read a JID.

    :return: the prepared address, unescaped, its domain in lower case and as A-labels.
    :raise JidFault: for whatever is no JID, cannot be prepared (ADDR-1, 2) or has a local part
        that is not canonical (ADDR-12).
    """
    bare, slash, resource = text.partition("/")
    local, at, domain = bare.partition("@")
    if not at:
        local, domain = "", bare
    elif not local:
        raise JidFault("the local part is empty")
    if slash and not resource:
        raise JidFault("the resource is empty")
    user = ""
    if local:
        local = _prepared_local(local)
        user = unescape(local)
        # ADDR-12: two native JIDs must not share one image.
        if user is not local and escape(user) != local:
            raise JidFault("the local part has an escape that stands for nothing")
        _check_ends(user)
    return Address(XMPP, user, prepared_domain(domain), _prepared_resource(resource))


def jid_of_address(address: Address, domain: str = "") -> str:
    """Write an address as a JID, ready to stand in a stanza.

    :param domain: write this for the domain instead; for our own component, whose name must be
        spelled as the server's configuration has it (XMPP-5).
    :raise JidFault: when no JID stands for exactly this address.
    """
    text = domain or spelled_domain(address.domain)
    if address.user:
        # ADDR-11: fold before escaping, or a source "\2F" would become a live escape.
        user = address.user.lower()
        _check_ends(user)
        local = escape(user)
        # A preparation that changes more than case would name somebody else on the way back.
        if _prepared_local(local) != local:
            raise JidFault("the user part has characters that no JID can carry")
        text = f"{local}@{text}"
    if address.instance:
        text = f"{text}/{_prepared_resource(address.instance)}"
    return text


def prepared_domain(domain: str) -> str:
    """Lower case, A-labels, no trailing dot.

    :raise JidFault: when it is no domain name.
    """
    lowered = domain.lower().removesuffix(".")
    if not _PLAIN_DOMAIN.fullmatch(lowered):
        if lowered.isascii() or len(lowered) > MAX_PART:
            raise JidFault("the domain is not a domain name")
        try:
            lowered = idna.encode(lowered, uts46=True, std3_rules=False).decode("ascii")
        except UnicodeError:
            raise JidFault("the domain is not a domain name") from None
        lowered = lowered.removesuffix(".")
    return _within_limit(lowered)


def spelled_domain(domain: str) -> str:
    """U-labels for the wire (RFC 7622 3.2.1); a label that is no valid A-label stays as it is.

    :raise JidFault: when it is no domain name.
    """
    if not _PLAIN_DOMAIN.fullmatch(domain):
        raise JidFault("the domain is not a domain name")
    if "xn--" not in domain:
        return _within_limit(domain)
    try:
        spelled = idna.decode(domain)
        return _within_limit(spelled if prepared_domain(spelled) == domain else domain)
    except UnicodeError:
        return _within_limit(domain)


def _prepared_local(local: str) -> str:
    lowered = local.lower()
    if not _PLAIN_LOCAL.fullmatch(lowered):
        # ADDR-1: case mapping and NFC.  ADDR-2: Twisted has the older profile, which maps more
        # (sharp s to ss); where the two disagree two users would become one, so it is refused.
        lowered = unicodedata.normalize("NFC", lowered)
        try:
            again = nodeprep.prepare(lowered)
            agreed = bool(lowered) and again == lowered
        except UnicodeError:
            agreed = False
        if not agreed:
            raise JidFault("the local part has a character that is not allowed there")
    return _within_limit(lowered)


def _prepared_resource(resource: str) -> str:
    """The opaque profile of RFC 8265 4.2: spaces to U+0020, NFC, no controls (ADDR-1)."""
    if resource and not _PLAIN_RESOURCE.fullmatch(resource):
        spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in resource)
        resource = unicodedata.normalize("NFC", spaced)
        if any(_is_forbidden(c) for c in resource):
            raise JidFault("the resource has a character that is not allowed there")
    return _within_limit(resource)


def _is_forbidden(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or ord(character) & 0xFFFE == 0xFFFE
        or "\ufdd0" <= character <= "\ufdef"
    )


def _check_ends(user: str) -> None:
    # ADDR-9: an escaped space may be neither first nor last.
    if user[0] == " " or user[-1] == " ":
        raise JidFault("the user part begins or ends with a space")


def _within_limit(part: str) -> str:
    # One code point is at most four octets.
    if len(part) > MAX_PART // 4 and len(part.encode()) > MAX_PART:
        raise JidFault(f"a part is longer than {MAX_PART} octets")
    return part
