"""Tables inside ``[[smpp.link]]``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from iwf.config.kinds import CertificateName, Label, Listener, Npi, Seconds, Table, Text, Ton, matching, octets
from iwf.mapping.settings import DAY
from iwf.smpp.settings import Profile

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


class ProfileTable(Table):
    """``[smpp.link.profile]``: the habits of one SMSC (SMS-19, SMS-21, ADDR-39, 40, 45)."""

    name: Label | None = None
    default_alphabet: Literal["gsm_unpacked", "gsm_packed", "ascii", "latin1"] = "gsm_unpacked"
    id_format: Literal["as_is", "hex_resp_dec_dlr", "dec_resp_hex_dlr", "numeric"] = "as_is"
    service_type: Annotated[str, octets(5)] = ""
    short_code_ton: Ton = Profile().short_code_ton
    short_code_npi: Npi = Profile().short_code_npi
    vnum_ton: Ton | None = None
    vnum_npi: Npi | None = None
    country_code: Annotated[str, matching(r"|[1-9][0-9]{0,2}", 'such as "49", without +')] = ""
    national_prefix: Annotated[str, matching(r"[0-9]{0,4}", "at most 4 digits")] = ""
    unknown_is_international: bool = False
    ask_receipts: bool = True
    max_segments: Annotated[int, Field(ge=1, le=255)] = Profile().max_segments
    long_texts: Literal["udh", "sar", "payload"] = "udh"
    reference_bits: Literal[8, 16] = 8
    more_messages: bool = False
    charset: Literal["auto", "translit"] = "auto"
    binary: Literal["refuse", "drop"] = "refuse"
    ucs2: Literal["be", "le"] = "be"
    prefer_latin1: bool = False
    ia5_is_gsm: bool = False
    normal_priority: Annotated[int, Field(ge=0, le=3)] = 0
    query: bool = False  # SMS-43
    unknown_subscriber_errors: list[
        Annotated[str, matching(r"[!-~]{1,8}", "an error code as receipts write it")]
    ] = []
