"""Links to operators in the configuration: what their keys mean, and the rules about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from iwf.config.read import Draft, Entry
from iwf.config.smpp_tables import ProfileTable
from iwf.config.tables import PROFILES, LinkTable
from iwf.config.values import literal_address
from iwf.errors import Problem
from iwf.smpp.settings import LinkSettings, LinkTls, OutbindSettings, Profile

#: ERR-13: seconds that ``deliver_ack = "late"`` waits for the far side.
LATE_ACK = 5.0

_HOST_OF_ENDPOINT = re.compile(r"tcp:(?:host=)?((?:[^:\\]|\\.)+)")
_VERSIONS = {"3.4": 0x34, "5.0": 0x50}


def link_settings(draft: Draft, entry: Entry[LinkTable]) -> LinkSettings:
    """What the SMPP edge knows of a link."""
    table = entry.table
    return LinkSettings(
        name=table.label,
        lane=f"smpp:{table.label}",
        connect=table.connect,
        system_id=table.system_id,
        password=entry.secret,
        bind=table.bind,
        system_type=table.system_type,
        window=table.window,
        session_init_timer=table.timers.session_init,
        enquire_link_timer=table.timers.enquire_link,
        enquire_response_timer=table.timers.enquire_response,
        response_timer=table.timers.response,
        deliver_hold=LATE_ACK if table.deliver_ack == "late" else 0.0,
        retry_unknown=table.retry_unknown,
        profile=_profile(table),
        operator=table.operator or table.label,
        also=tuple(table.connect_also),
        binds=table.binds,
        rate=table.rate,
        inactivity_timer=table.timers.inactivity,
        interface_version=_VERSIONS[table.interface_version],
        tlvs=table.tlvs,
        tls=_tls(draft, table),
        outbind=_outbind(draft, entry),
    )


def _tls(draft: Draft, table: LinkTable) -> LinkTls | None:
    if table.tls is None:
        return None
    server_name = next((name for name in names_of(table) if literal_address(name) is None and "*" not in name), "")
    return LinkTls(names_of(table), server_name, table.tls.verify, _path(draft, table.tls.certificate),
                   _path(draft, table.tls.key), _path(draft, table.tls.ca))


def names_of(table: LinkTable) -> tuple[str, ...]:
    """The names of which the SMSC's certificate must have one: those configured, else its hosts."""
    if table.tls is not None and table.tls.allowed_names:
        return tuple(table.tls.allowed_names)
    found = (_HOST_OF_ENDPOINT.match(text) for text in (table.connect, *table.connect_also))
    return tuple(dict.fromkeys(host[1].replace("\\", "") for host in found if host))


def _outbind(draft: Draft, entry: Entry[LinkTable]) -> OutbindSettings | None:
    table = entry.table.outbind
    if table is None:
        return None
    host = table.listen.host.strip("[]").replace(":", r"\:")
    return OutbindSettings(f"tcp:{table.listen.port}:interface={host}", table.system_id,
                           draft.outbind_secrets[entry.path])


def _profile(table: LinkTable) -> Profile:
    if not isinstance(table.profile, ProfileTable):
        return PROFILES[table.profile]
    values = table.profile.model_dump()
    values["name"] = table.profile.name or table.label
    values["unknown_subscriber_errors"] = tuple(table.profile.unknown_subscriber_errors)
    return Profile(**values)


def _path(draft: Draft, path: str | None) -> str:
    return str(draft.folder / Path(path)) if path else ""


# --- rules ---------------------------------------------------------------------------------------


def links(draft: Draft) -> Iterator[Problem]:
    """Links of one operator read his ids alike; TLS has a name to look for; ports are not shared."""
    formats: dict[str, tuple[str, str]] = {}
    ports: dict[tuple[str, int], str] = {}
    for entry in draft.links:
        table = entry.table
        # SMS-42: or a receipt on one link would not be known by what another was told.
        mine = (_profile(table).id_format, entry.path)
        before = formats.setdefault(table.operator or table.label, mine)
        if before[0] != mine[0]:
            yield Problem(f"{entry.path}.operator", f"is that of {before[1]}, which has another id_format")
        if table.order != "fast" and not _profile(table).ask_receipts:
            yield Problem(f"{entry.path}.order", "waits for receipts, but ask_receipts is off")  # SMS-17
        if table.tls is not None and table.tls.verify and not names_of(table):
            yield Problem(f"{entry.path}.tls.allowed_names", "is required: connect holds no name that could be proved")
        if table.outbind is not None:
            port = (table.outbind.listen.host, table.outbind.listen.port)
            first = ports.setdefault(port, entry.path)
            if first != entry.path:
                yield Problem(f"{entry.path}.outbind.listen", f"is in use already, by {first}.outbind")
