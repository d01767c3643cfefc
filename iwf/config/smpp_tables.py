"""Tables inside ``[[smpp.link]]``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from iwf.config.kinds import CertificateName, Listener, Seconds, Table, Text, matching
from iwf.mapping.settings import DAY

_TAG = re.compile(r"0[xX][0-9A-Fa-f]{1,4}|[0-9]{1,5}")
_MOST_TLV_OCTETS = 1000


class TimersTable(Table):
    """``[smpp.link.timers]``, in seconds."""

    session_init: Seconds = 5.0
    enquire_link: Seconds = 30.0
    enquire_response: Seconds = 10.0
    response: Seconds = 10.0
    inactivity: Annotated[float, Field(ge=0, le=DAY)] = 0.0


class LinkTlsTable(Table):
    """``[smpp.link.tls]``."""

    allowed_names: list[CertificateName] = []
    certificate: Text | None = None
    key: Text | None = None
    ca: Text | None = None
    verify: bool = True


class OutbindTable(Table):
    """``[smpp.link.outbind]`` (SMS-3)."""

    listen: Listener
    system_id: Annotated[str, matching(r"[!-~]{1,15}", "1 to 15 visible ASCII characters")]
    password: SecretStr | None = None
    password_file: Text | None = None
    password_env: Text | None = None


def _tlvs(value: object) -> tuple[tuple[int, bytes], ...]:
    """``{ "0x1400" = "text" }``; a value may be a list of octets."""
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "must be a table")
    return tuple((_tag(key), _octets(key, content)) for key, content in value.items())


def _tag(key: str) -> int:
    if not _TAG.fullmatch(key) or (tag := int(key, 0 if key[:2].lower() == "0x" else 10)) > 0xFFFF:
        raise ValueError(f'must have tags such as "0x1400" for keys, not "{key}"')
    return tag


def _octets(key: str, content: object) -> bytes:
    octets = b""
    if isinstance(content, str):
        octets = content.encode("utf-8", "replace")
    elif isinstance(content, list) and all(type(octet) is int and 0 <= octet <= 255 for octet in content):
        octets = bytes(content)
    else:
        raise ValueError(f'must have a text or a list of octets for "{key}"')
    if len(octets) > _MOST_TLV_OCTETS:
        raise ValueError(f'must have at most {_MOST_TLV_OCTETS} octets for "{key}"')
    return octets


TlvTable = Annotated[Any, BeforeValidator(_tlvs)]
"""TLVs that go with every text, as pairs of tag and octets."""
