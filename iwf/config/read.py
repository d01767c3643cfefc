"""From a parsed TOML document to typed tables, with every fault of the document collected.

Each table is checked by itself, so that one that cannot be read hides no fault of another.
"""

from __future__ import annotations

import difflib
import json
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from iwf.config.kinds import Table
from iwf.config.registrar import AccountTable, RegistrarTable
from iwf.config.tables import (
    ALTERNATIVES,
    LIST,
    NAME,
    TABLE,
    AliasTable,
    ComponentTable,
    FileTable,
    LinkTable,
    NodeTable,
    SipTable,
    SmppTable,
    TrunkTable,
    XmppTable,
)
from iwf.errors import Problem

T = TypeVar("T", bound=Table)
KeyPath = tuple[int | str, ...]

MOST_SECRET_OCTETS = 4096
PASSWORD_OCTETS = 8  # SMPP 3.4 5.2.2: a C-octet string of 9 with the closing NUL
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SECRET_KEY = re.compile(r"(secret|password)(_file|_env)?|ha1")

_TEXTS = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}


class Hidden(str):
    """A text that does not show in a ``repr``, and so in no log of a settings value.  (The
    settings of the edges hold plain texts.)"""

    def __repr__(self) -> str:
        return "'***'"


@frozen
class Entry(Generic[T]):
    """One table of a kind that may occur several times."""

    path: str
    """``xmpp.component[0]``."""
    table: T
    secret: Hidden
    """Empty for tables that have none."""


@define
class Draft:
    """A document as far as it could be read."""

    folder: Path
    """Relative paths in the file start here."""
    environ: Mapping[str, str] = field(repr=False)
    node: NodeTable | None = None
    sip: SipTable | None = None
    xmpp: XmppTable | None = None
    account_keys: Hidden = field(factory=Hidden)
    """The text of the file with the keys of accounts."""
    smpp: SmppTable | None = None
    components: list[Entry[ComponentTable]] = field(factory=list)
    aliases: list[Entry[AliasTable]] = field(factory=list)
    trunks: list[Entry[TrunkTable]] = field(factory=list)
    links: list[Entry[LinkTable]] = field(factory=list)
    registrar: RegistrarTable | None = None
    accounts: list[Entry[AccountTable]] = field(factory=list)
    """Of the registrar."""
    outbind_secrets: dict[str, Hidden] = field(factory=dict)
    """By the path of a link."""
    broken: set[str] = field(factory=set)
    """Kinds of tables (``sip.trunk``) of which at least one could not be read: nothing may be said
    to be missing among them."""
    problems: list[Problem] = field(factory=list)
    warnings: list[Problem] = field(factory=list)

    @property
    def domains(self) -> list[Entry[ComponentTable] | Entry[AliasTable]]:
        """The tables that give the gateway a domain, of both worlds."""
        return [*self.components, *self.aliases]

    def complete(self, *kinds: str) -> bool:
        """Whether all tables of these kinds could be read."""
        return self.broken.isdisjoint(kinds)


def read_document(raw: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Draft:
    """Read every table of a document.

    :param raw: as :mod:`tomllib` returns it.
    :return: what could be read, and in its ``problems`` why the rest could not.
    """
    draft = Draft(folder, environ)
    _read(draft, FileTable, raw, ())
    if isinstance(raw.get("xmpp"), dict):
        draft.xmpp = _read(draft, XmppTable, raw["xmpp"], ("xmpp",))
        accounts = raw["xmpp"].get("accounts")
        if isinstance(accounts, dict) and not {"key_file", "key_env"}.isdisjoint(accounts):
            draft.account_keys = _secret(draft, "xmpp.accounts", accounts, "key", MOST_SECRET_OCTETS)
    if isinstance(raw.get("smpp"), dict):
        draft.smpp = _read(draft, SmppTable, raw["smpp"], ("smpp",))
    if isinstance(raw.get("node"), dict):
        draft.node = _read(draft, NodeTable, raw["node"], ("node",))
    if isinstance(raw.get("sip"), dict):
        draft.sip = _read(draft, SipTable, raw["sip"], ("sip",))
    draft.components = list(_entries(draft, raw, "xmpp.component", ComponentTable))
    draft.aliases = list(_entries(draft, raw, "sip.alias", AliasTable))
    draft.trunks = list(_entries(draft, raw, "sip.trunk", TrunkTable))
    draft.links = list(_entries(draft, raw, "smpp.link", LinkTable))
    sip = raw.get("sip")
    if isinstance(sip, dict) and isinstance(sip.get("registrar"), dict):
        draft.registrar = _read(draft, RegistrarTable, sip["registrar"], ("sip", "registrar"))
        accounts = sip["registrar"].get("accounts", [])
        draft.accounts = list(_tables(draft, accounts, ("sip", "registrar", "accounts"), AccountTable))
    return draft


def _entries(draft: Draft, raw: Mapping[str, Any], kind: str, table: type[T]) -> Iterator[Entry[T]]:
    section, key = kind.split(".")
    found = raw.get(section, {})
    items = found.get(key, []) if isinstance(found, dict) else None
    yield from _tables(draft, items, (section, key), table)


def _tables(draft: Draft, items: object, at: tuple[str, ...], table: type[T]) -> Iterator[Entry[T]]:
    kind = ".".join(at)
    if not isinstance(items, list):
        draft.broken.add(kind)
        return
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            draft.broken.add(kind)
            continue
        loc: KeyPath = (*at, index)
        value = _read(draft, table, item, loc)
        secret = Hidden()
        for name in ("secret", "password"):
            if name in table.model_fields and _wants_secret(table, item):
                most = PASSWORD_OCTETS if table is LinkTable else MOST_SECRET_OCTETS
                secret = _secret(draft, path_text(loc), item, name, most)
        if table is LinkTable and isinstance(item.get("outbind"), dict):
            path = path_text(loc)
            draft.outbind_secrets[path] = _secret(
                draft, f"{path}.outbind", item["outbind"], "password", PASSWORD_OCTETS)
        if value is not None:
            yield Entry(path_text(loc), value, secret)


def _read(draft: Draft, table: type[T], raw: Mapping[str, Any], at: KeyPath) -> T | None:
    """One table; None when it has faults that leave nothing to be held against the rules.

    Where the faults are in keys that no rule looks at, it is read without those keys, so that
    one fault hides no other.
    """
    try:
        return table.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False)
    draft.problems += [_problem(table, details, at) for details in found]
    faulty = {details["loc"][0] for details in found}
    if faulty.isdisjoint(table.related):
        try:
            return table.model_validate({k: v for k, v in raw.items() if k not in faulty})
        except ValidationError:
            pass  # a required key is among them
    draft.broken.add(".".join(part for part in at if isinstance(part, str)))
    return None


def _problem(table: type[Table], details: ErrorDetails, at: KeyPath) -> Problem:
    inside = list(details["loc"])
    if inside[0] in ALTERNATIVES and inside[1:2] and inside[1] in (LIST, TABLE, NAME):
        del inside[1]
    kind, value = details["type"], details["input"]
    path = path_text((*at, *inside))
    if kind == "extra_forbidden":
        return Problem(path, "is not a known key" + _did_you_mean(table, inside))
    if kind == "list_type" and isinstance(value, dict):
        return Problem(
            path, f"must be a list; if it is a table, write [[{path}]] with two brackets"
        )
    context = {key: _plain(limit) for key, limit in details.get("ctx", {}).items()}
    text = _TEXTS.get(kind, details["msg"]).format_map({"error": "", **context})
    secret = any(_SECRET_KEY.fullmatch(str(part)) is not None for part in inside)
    return Problem(path, text.replace("'", '"') + ("" if secret else _got(value)))


def _plain(limit: object) -> object:
    """A limit without the ``.0`` that types of seconds give to it."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _did_you_mean(table: type[Table], inside: list[int | str]) -> str:
    for part in inside[:-1]:
        table = table.nested.get(str(part), table)
    near = difflib.get_close_matches(str(inside[-1]), table.keys(), n=1)
    return f' (did you mean "{near[0]}"?)' if near else ""


def _got(value: object) -> str:
    """What the file says, where it is short enough to help."""
    if isinstance(value, bool):
        return f" (got {str(value).lower()})"
    if isinstance(value, int) and value.bit_length() > 64:
        return ""
    if isinstance(value, int | float):
        return f" (got {value})"
    if isinstance(value, str) and len(value) <= 80:
        return f" (got {json.dumps(value, ensure_ascii=False)})"
    return ""


def path_text(path: KeyPath) -> str:
    """A key path as TOML would write it, with indices: ``smpp.link[0].window``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def _wants_secret(table: type[Table], item: Mapping[str, Any]) -> bool:
    """Whether a table must have its secret: a trunk has one with an account, a user may have hashes instead."""
    if table is TrunkTable:
        return any(key == "username" or key.startswith("password") for key in item)
    return table is not AccountTable or "ha1" not in item or any(key.startswith("password") for key in item)


def _secret(draft: Draft, path: str, raw: Mapping[str, Any], name: str, most: int) -> Hidden:
    """The secret of a table, from exactly one of its three places; the texts of its problems
    quote neither it nor where it was looked for (someone may have put it there by mistake)."""
    ways = (name, f"{name}_file", f"{name}_env")
    given = [way for way in ways if way in raw]
    if len(given) != 1:
        fault = "give only one of" if given else "is required: give one of"
        draft.problems.append(
            Problem(f"{path}.{given[-1] if given else name}", f"{fault} {', '.join(ways)}")
        )
        return Hidden()
    value = raw[given[0]]
    if not isinstance(value, str) or given[0] != name and (not value or "\0" in value):
        return Hidden()  # the table's own check has said so
    try:
        secret = _SOURCES[given[0].removeprefix(name)](draft, f"{path}.{given[0]}", value)
        _check_secret(secret, most)
    except (OSError, ValueError) as error:
        text = (
            f"cannot read the file: {error.strerror}" if isinstance(error, OSError) else str(error)
        )
        draft.problems.append(Problem(f"{path}.{given[0]}", text))
        return Hidden()
    return Hidden(secret)


def _literal(draft: Draft, path: str, value: str) -> str:
    return value


def _from_file(draft: Draft, path: str, value: str) -> str:
    file = draft.folder / value
    with file.open("rb") as stream:
        octets = stream.read(MOST_SECRET_OCTETS + 3)
    if readable_by_all(file):
        draft.warnings.append(Problem(path, "everybody on this machine can read the file"))
    try:
        return octets.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None


def _from_environment(draft: Draft, path: str, value: str) -> str:
    if value not in draft.environ:
        raise ValueError("the environment variable is not set")
    return draft.environ[value]


_SOURCES = {"": _literal, "_file": _from_file, "_env": _from_environment}


def _check_secret(secret: str, most: int) -> None:
    if not secret:
        raise ValueError("the secret is empty")
    octets = secret.encode(errors="replace")  # an environment may hold what is no text
    if (
        octets.decode() != secret
        or "\0" in secret
        or most == PASSWORD_OCTETS
        and not secret.isascii()
    ):
        raise ValueError("the secret holds characters that cannot be sent")
    if len(octets) > most:
        raise ValueError(f"the secret must be at most {most} octets long")


def readable_by_all(file: Path) -> bool:
    """Whether every user of this machine may read a file."""
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
