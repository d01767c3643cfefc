"""The JID by which somebody of the other world is known here, from what a user typed (XMPP-15).  Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote

from iwf.mapping.model import TEL, XMPP, Address
from iwf.xmpp.elements import Component
from iwf.xmpp.jid import JidFault, jid_of_address

_LONGEST = 2000

_SCHEME = re.compile(r"(sips?|tel|im|pres):", re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", " -.()/")
_NUMBER = re.compile(r"\+[1-9][0-9]{2,14}", re.ASCII)
#: What ends the user and the host of a SIP URI.
_END = re.compile(r"[;?>]")


def jid_of_prompt(text: str, component: Component) -> str:
    """The JID of the person that an address or a number stands for; empty for neither."""
    text = text.strip().lstrip("<")
    scheme = _SCHEME.match(text)
    rest = text[scheme.end():] if scheme is not None else text
    number = _END.split(rest, maxsplit=1)[0].translate(_SEPARATORS)
    if len(text) > _LONGEST:
        return ""
    if _NUMBER.fullmatch(number):
        domain = component.spelling if component.bridges == TEL else component.phones
        return f"{number}@{domain}" if domain else ""
    if component.bridges == TEL or (scheme is not None and scheme[1].lower() == "tel"):
        return ""
    user, at, host = rest.rpartition("@")
    host = _END.split(host, maxsplit=1)[0].lower().removesuffix(".")
    if not (user and at and host):
        return ""
    return _image(unquote(user.partition(":")[0]), host, component)


def _image(user: str, host: str, component: Component) -> str:
    if component.is_direct and host != component.domain:
        return ""
    local = user if component.is_direct else f"{user}*{host}"
    try:
        return jid_of_address(Address(XMPP, local, component.domain), component.spelling)
    except JidFault:
        return ""
