"""The table of client sessions."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from iwf.config.kinds import DomainName, Patterns, Table, Text, typed
from iwf.config.values import host
from iwf.xmpp.settings import AccountsSettings, Place

_PORTS = {"starttls": 5222, "tls": 5223, "plain": 5222}
_PLACE = re.compile(r"(?P<kind>starttls|tls|plain):(?P<host>\[[^\[\]]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")


def place(text: str) -> Place:
    """Where the clients of a domain connect: ``starttls:host:port``, ``tls:...`` or ``plain:...``."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError('must be such as "starttls:xmpp.example.net:5222" or "tls:xmpp.example.net:5223"')
    name, kind = host(found["host"]), found["kind"]
    port = int(found["port"] or _PORTS[kind])
    if not 0 < port < 65536:
        raise ValueError("must have a port between 1 and 65535")
    if kind == "plain" and not _is_loopback(name):
        raise ValueError("must not be plain, but on this host: passwords and texts would go in the clear")
    return Place(kind, name, port)


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class AccountsTable(Table):
    """``[xmpp.accounts]``"""

    key_file: Text | None = None
    key_env: Text | None = None
    domains: Patterns = ["*"]
    ca: Text | None = None
    hosts: dict[DomainName, Annotated[Place, BeforeValidator(typed(place))]] = {}
    strangers: bool = AccountsSettings().strangers
    presence: Literal["always", "logged-in"] = "always"
    priority: Annotated[int, Field(ge=0, le=127)] = AccountsSettings().priority
