"""The tables of ``[sip.registrar]``: devices that register at the gateway itself."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from iwf.config.kinds import Algorithms, Count, DomainName, Label, Table, Text
from iwf.config.values import account_hashes, user_part
from iwf.sip.settings import RegistrarSettings

DEFAULTS = RegistrarSettings("")

Expiry = Annotated[int, Field(ge=10, le=86_400 * 30)]


class AccountTable(Table):
    """``[[sip.registrar.accounts]]``"""

    related: ClassVar[frozenset[str]] = frozenset({"user", "ha1"})

    user: Annotated[str, AfterValidator(user_part)]
    password: SecretStr | None = None
    password_file: Text | None = None
    password_env: Text | None = None
    ha1: Annotated[dict[str, str], AfterValidator(account_hashes)] = {}


class RegistrarTable(Table):
    """``[sip.registrar]``"""

    related: ClassVar[frozenset[str]] = frozenset({"domain", "tenant", "min_expires", "max_expires", "algorithms"})

    domain: DomainName
    accounts: Annotated[list[dict[str, Any]], Field(min_length=1)]
    tenant: Label = "default"
    min_expires: Expiry = DEFAULTS.min_expires
    max_expires: Expiry = DEFAULTS.max_expires
    max_contacts: Count = DEFAULTS.max_contacts
    algorithms: Algorithms = []
    without_qop: bool = DEFAULTS.without_qop  # SIP-62
    publish_in: bool = DEFAULTS.publish_in  # PUB-4
