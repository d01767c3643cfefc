"""From a file to settings: parsing, reading and judging joined, and the values that come of it."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from iwf.config.advice import ADVICE
from iwf.config.certificates import certificate_files, tls_listeners, tls_trunks
from iwf.config.read import Draft, Hidden, read_document, readable_by_all
from iwf.config.rules import RULES, served
from iwf.config.service import guards_of, phone_contacts, routes_of, service_of, zone_of
from iwf.config.sip import registrar_settings, sip_settings
from iwf.config.smpp import link_settings
from iwf.config.tables import LinkTable, NodeTable, PoolTable, SipTable
from iwf.config.xmpp import xmpp_settings
from iwf.errors import ConfigError, Problem
from iwf.mapping.model import SIP, TEL, XMPP
from iwf.mapping.settings import Alias, Gateway, Link, NumberPool, Patience, Scheme, Trunk
from iwf.sip.settings import SipSettings
from iwf.smpp.settings import SmppSettings
from iwf.xmpp.settings import XmppSettings

__all__ = [
    "NodeSettings",
    "Report",
    "Settings",
    "check",
    "load",
    "node_secret",
    "report",
    "settings_of",
    "with_secret",
]

_WORLDS = {"xmpp": XMPP, "sip": SIP, "sms": TEL}
_SYNTAX = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)


@frozen
class NodeSettings:
    """What belongs to this process alone."""

    name: str
    state_directory: Path
    """Absolute if the path of the configuration file was."""
    synchronous: str = "full"
    """``full`` or ``normal``: whether a commit waits for the disk."""


@frozen
class Settings:
    """All settings, the same for the life of the process (or until the next load)."""

    node: NodeSettings
    gateway: Gateway = field(repr=False)
    """Its ``secret`` is empty until :func:`with_secret`."""
    xmpp: XmppSettings = field(repr=False)
    sip: SipSettings = field(repr=False)
    smpp: SmppSettings = field(repr=False)
    warnings: tuple[str, ...] = ()


@frozen
class Report:
    """What there is to say about a file."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the file can be used."""
        return not self.errors

    def lines(self) -> list[str]:
        """One line for each problem, to be read by people."""
        return [f"error: {problem}" for problem in self.errors] + [
            f"warning: {problem}" for problem in self.warnings
        ]

    def as_dict(self) -> dict[str, Any]:
        """The same for programs: ``ok``, ``errors`` and ``warnings``, each with path and message."""
        as_dicts = [
            [{"path": p.path, "message": p.message} for p in some]
            for some in (self.errors, self.warnings)
        ]
        return {"ok": self.ok, "errors": as_dicts[0], "warnings": as_dicts[1]}


def load(path: str | os.PathLike[str], environ: Mapping[str, str]) -> Settings:
    """Read a configuration file.

    :param environ: where ``secret_env`` and ``password_env`` are looked up.
    :raises ConfigError: with every error of the file.
    """
    return _settings(_draft(Path(path), environ))


def report(path: str | os.PathLike[str], environ: Mapping[str, str]) -> Report:
    """Every error and every warning of a configuration file; never raises for a bad one."""
    try:
        draft = _draft(Path(path), environ)
    except ConfigError as error:
        return Report(error.problems, ())
    return Report(tuple(draft.problems), tuple(draft.warnings))


def check(path: str | os.PathLike[str], environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The errors and the warnings of a configuration file, one line each."""
    found = report(path, environ)
    return [str(problem) for problem in found.errors], [str(problem) for problem in found.warnings]


def settings_of(raw: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Settings:
    """The settings that a parsed TOML document means.

    :param folder: where relative paths in it start.
    :raises ConfigError: with every error of the document.
    """
    return _settings(_judged(raw, folder, environ))


def with_secret(settings: Settings, secret: str) -> Settings:
    """The same settings with the secret of this installation in ``gateway.secret`` (MSG-3)."""
    return evolve(settings, gateway=evolve(settings.gateway, secret=Hidden(secret)))


def node_secret(state_directory: Path, make: Callable[[], str]) -> str:
    """The secret of this installation: read from ``secret`` in the state directory, or made and
    written there (mode 0600, whole or not at all; of two processes that make it, one wins).

    :param make: returns a fresh secret, such as two :meth:`iwf.ids.Ids.token`.
    :raises ConfigError: the file can neither be read nor be written, or is empty.
    """
    file = state_directory / "secret"
    try:
        state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _write_once(file, make())
        secret = file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError([Problem("node.state_directory", f"{file}: {why}")]) from None
    if not secret:
        raise ConfigError([Problem("node.state_directory", f"{file}: is empty")])
    return Hidden(secret)


def _write_once(file: Path, text: str) -> None:
    """Give a file its content in one step, unless somebody else was faster."""
    handle, name = tempfile.mkstemp(prefix=".secret-", dir=file.parent)  # mode 0600
    try:
        with open(handle, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(name, file)  # unlike a rename, never replaces a secret already in use
        except FileExistsError:
            return
    finally:
        os.unlink(name)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft(path: Path, environ: Mapping[str, str]) -> Draft:
    raw = _parse(path)
    draft = _judged(raw, path.parent, environ)
    if readable_by_all(path) and _holds_secret(raw):
        draft.warnings.insert(
            0, Problem("", "the file holds secrets, and everybody on this machine can read it")
        )
    return draft


def _holds_secret(raw: Mapping[str, Any]) -> bool:
    """Whether a secret is written in the file itself."""
    for path, keys in (("xmpp component", ("secret",)), ("smpp link", ("password",)), ("sip trunk", ("password",)),
                       ("sip registrar accounts", ("password", "ha1"))):
        found: Any = raw
        for part in path.split():
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, list) and any(
            isinstance(entry, dict) and key in entry for entry in found for key in keys
        ):
            return True
    return False


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        problem = f"cannot read the file: {error.strerror}"
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 text at octet {error.start + 1}"
    except ValueError as error:  # the base of TOMLDecodeError, and what a giant number raises
        problem = _syntax_problem(str(error))
    except RecursionError:
        problem = "nested too deeply"
    raise ConfigError([Problem("", problem)])


def _syntax_problem(text: str) -> str:
    found = _SYNTAX.fullmatch(text)
    if found is None:
        return text
    where = (
        f"line {found['line']}, column {found['column']}" if found["line"] else "end of the file"
    )
    return f"{where}: {found['what']}"


def _judged(raw: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Draft:
    """A document read and held against all rules."""
    draft = read_document(raw, folder, environ)
    for rule in (*RULES, tls_listeners, tls_trunks, certificate_files):
        draft.problems.extend(rule(draft))
    if not draft.problems and draft.node is not None:
        # These need to know what the rest of the file comes to.
        draft.problems.extend(phone_contacts(draft, _gateway(draft, draft.node, draft.sip or SipTable())))
    for rule in ADVICE:
        draft.warnings.extend(rule(draft))
    return draft


# --- from tables to settings ---------------------------------------------------------------------


def _settings(draft: Draft) -> Settings:
    if draft.problems or draft.node is None:
        raise ConfigError(draft.problems)
    sip = draft.sip or SipTable()
    return Settings(
        NodeSettings(
            draft.node.name, draft.folder / draft.node.state_directory, draft.node.synchronous
        ),
        _gateway(draft, draft.node, sip),
        xmpp_settings(draft),
        sip_settings(draft, sip),
        SmppSettings(tuple(link_settings(draft, entry) for entry in draft.links)),
        tuple(str(problem) for problem in draft.warnings),
    )


def _gateway(draft: Draft, node: NodeTable, sip: SipTable) -> Gateway:
    xmpp_aliases = (
        Alias(
            e.table.domain, XMPP, _WORLDS[e.table.bridges], f"xmpp:{e.table.domain}", served(draft, e),
            Scheme(e.table.scheme), e.table.tenant, e.table.max_stanza,
        )
        for e in draft.components
    )  # fmt: skip
    sip_aliases = (
        Alias(
            e.table.domain, SIP, _WORLDS[e.table.bridges], "", served(draft, e),
            # MSG-27, 28: what one peer takes depends on his trunk, and the edge knows; this is the most.
            Scheme(e.table.scheme), e.table.tenant, sip.max_message,
        )
        for e in draft.aliases
    )  # fmt: skip
    gateway = Gateway(
        name=node.name,
        secret="",
        aliases=(*xmpp_aliases, *sip_aliases),
        trunks=tuple(
            Trunk(f"sip:{e.table.label}", tuple(e.table.domains), e.table.tenant, e.table.phones,
                  e.table.publish)
            for e in draft.trunks
        ) + _home(draft),
        links=tuple(_link(e.table) for e in draft.links),
        patience=Patience(**node.patience.model_dump()),
        fold_sip_user=node.fold_sip_user,
        map_resource=node.map_resource,
        follow_kind=node.s2x_type == "follow",
        late_error_notice=node.late_error_notice,
        lane_limit=node.lane_limit,
        stream_limit=node.stream_limit,
        max_rate=node.max_rate,
        max_burst=node.max_burst,
        prefix_sender=node.prefix_sender,
        published_open=node.published_open,
        service=service_of(draft),
        guards=guards_of(draft),
    )
    return evolve(gateway, links=tuple(
        evolve(link, routes=routes_of(entry.table, gateway))
        for link, entry in zip(gateway.links, draft.links, strict=True)))


def _home(draft: Draft) -> tuple[Trunk, ...]:
    """The registrar's users, who are reached like those of a trunk."""
    home = registrar_settings(draft)
    if home is None or draft.registrar is None:
        return ()
    return (Trunk(home.lane, (home.domain,), draft.registrar.tenant),)


def _link(table: LinkTable) -> Link:
    pool = table.number_pool
    return Link(
        lane=f"smpp:{table.label}",
        prefixes=tuple(table.prefixes),
        pool=NumberPool(table.label, prefix=pool.prefix, width=pool.width)
        if isinstance(pool, PoolTable)
        else NumberPool(table.label, tuple(pool)),
        service_number=table.service_number,
        tenant=table.tenant,
        operator=table.operator or "",
        senders=tuple(table.senders),
        cost=table.cost,
        ordered=table.order != "fast",
        order_strict=table.order == "strict",
        resend=table.resend,
        validity=table.validity,
        chat_validity=table.chat_validity,
        language=table.language,
        time_zone=zone_of(table.time_zone),
        notify_phone=table.notify_phone,
        incomplete=table.incomplete,
    )
