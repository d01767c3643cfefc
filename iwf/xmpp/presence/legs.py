"""The names of those who are told: a user or one of his resources, and whom he sees.  Pure.

A leg is named by what it is, so that the same one has the same name after a restart::

    x:s.xmpp.example|ben@xmpp.example/pc|ana*sip.example
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from iwf.mapping.model import XMPP, Address
from iwf.xmpp.elements import Component

_PREFIX = "x:"
_SAFE = "*+@=;,!~'() "


def leg_of(watcher: Address, image: Address, component: Component) -> str:
    """The leg of a user (without instance) or of one of his resources, who is told of an image."""
    jid = f"{_quoted(watcher.user)}@{watcher.domain}"
    if watcher.instance:
        jid += f"/{_quoted(watcher.instance)}"
    return f"{_PREFIX}{component.domain}|{jid}|{_quoted(image.user)}"


def watcher_of_leg(leg: str) -> Address | None:
    """Who is told; None for what is no leg of XMPP."""
    parts = leg.removeprefix(_PREFIX).split("|")
    if not leg.startswith(_PREFIX) or len(parts) != 3:
        return None
    bare, _, resource = parts[1].partition("/")
    user, _, domain = bare.rpartition("@")
    return Address(XMPP, unquote(user), domain, unquote(resource))


def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE)
