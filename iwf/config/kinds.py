"""Kinds of values in a configuration file, and the base of its tables."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from iwf.config import values
from iwf.mapping.settings import DAY
from iwf.sip.settings import Hop, Target

NUMBER = r"\+[1-9][0-9]{0,14}|[0-9]{3,8}"
"""A canonical telephone number (ADDR-36) or a short code."""


def typed(convert: Any) -> Any:
    """Type check first, then ``convert``, whose result need not be a text."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "must be a text")
        return convert(value)

    return check


def matching(pattern: str, what: str) -> Any:
    """A text of a given form; ``what`` is the text of the error."""
    form = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(f"must be {what}")
        return value

    return AfterValidator(check)


Seconds = Annotated[float, Field(ge=0.1, le=3660 * DAY)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=4096), matching(r"[^\x00]+", "free of NUL")
]
DomainName = Annotated[str, AfterValidator(values.domain_name)]
Host = Annotated[str, AfterValidator(values.host)]
Patterns = Annotated[
    list[Annotated[str, AfterValidator(values.domain_pattern)]], Field(min_length=1)
]
Endpoint = Annotated[str, AfterValidator(values.endpoint)]
NextHop = Annotated[Hop | Target, BeforeValidator(typed(values.next_hop))]
DnsServer = Annotated[tuple[str, int], BeforeValidator(typed(values.dns_server))]
Listener = Annotated[Hop, BeforeValidator(typed(values.listener))]
Source = Annotated[str, AfterValidator(values.source)]
Algorithms = list[Annotated[str, AfterValidator(values.algorithm)]]
AddressOfRecord = Annotated[str, AfterValidator(values.address_of_record)]
BareJid = Annotated[str, AfterValidator(values.bare_jid)]
Origin = Annotated[str, AfterValidator(values.origin)]
CertificateName = Annotated[str, AfterValidator(values.certificate_name)]
Label = Annotated[str, matching(r"[!-~]{1,64}", "1 to 64 visible ASCII characters")]
"""A name that ends up in lane names, rows and logs."""
Number = Annotated[str, matching(NUMBER, 'a number such as "+4915100000001" or a short code')]
Prefix = Annotated[str, matching(r"|\+[0-9]{0,15}", 'such as "+49"; "+" or "" for any number')]
SenderPattern = Annotated[str, matching(
    r"\+[0-9]{1,15}|(?:[^@\s]+@)?(?:\*|(?:\*\.)?[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?)",
    'such as "example.net", "*.example.net", "romeo@example.net" or "+49"')]
Ton = Annotated[int, Field(ge=0, le=7)]
Npi = Annotated[int, Field(ge=0, le=18)]


def octets(most: int) -> Any:
    """An SMPP C-octet string of up to ``most`` octets without the closing NUL."""
    return matching(rf"[ -~]{{0,{most}}}", f"at most {most} printable ASCII characters")


class Table(BaseModel):
    """Base of all tables."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, arbitrary_types_allowed=True,
        allow_inf_nan=False, hide_input_in_errors=True,
    )  # fmt: skip
    nested: ClassVar[dict[str, type[Table]]] = {}
    """The tables inside this one, by key."""
    related: ClassVar[frozenset[str]] = frozenset()
    """The keys that rules look at; with a fault in another one, the rules can still be applied."""

    @classmethod
    def keys(cls) -> dict[str, FieldInfo]:
        """The fields by their names in a file."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}
