"""The service for phones in the configuration: its tables, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from iwf.config.catalogues import catalogues, problems_of
from iwf.config.kinds import Number, Seconds, Table, Text, matching
from iwf.errors import Problem
from iwf.mapping.model import Address
from iwf.mapping.phone import named_contact
from iwf.mapping.service.settings import Guards, NumberRoute, Service
from iwf.mapping.settings import Gateway

if TYPE_CHECKING:
    from iwf.config.read import Draft
    from iwf.config.tables import LinkTable

_DEFAULT = Service()
_TIMES = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")

Limit = Annotated[int, Field(ge=0, le=1_000_000)]


def zone_of(name: str) -> tzinfo:
    """A time zone by its name; UTC is there also on machines that know no others.

    :raises OSError, ValueError, LookupError: there is none of the name.
    """
    return UTC if name == "UTC" else ZoneInfo(name)


def _zone(name: str) -> str:
    try:
        zone_of(name)
    except (OSError, ValueError, LookupError):
        raise ValueError('must be a time zone such as "Europe/Berlin"') from None
    return name


TimeZone = Annotated[str, AfterValidator(_zone)]
Language = Annotated[str, matching(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", 'a language tag such as "de"')]
WordOf = Annotated[str, matching(r"\S{1,40}", "one word")]


class ServiceTable(Table):
    """``[smpp.service]``"""

    session_idle: Seconds = _DEFAULT.session_idle  # SMSP-2
    yes_window: Seconds = _DEFAULT.yes_window  # SMSP-5
    notice_gap: Seconds = _DEFAULT.notice_gap  # SMSP-4
    presence_budget: Limit = _DEFAULT.presence_budget  # SMSP-4
    quiet_hours: Annotated[str, matching(rf"|{_TIMES.pattern}", 'such as "22:00-07:30"')] = ""  # SMSP-4
    unregistered: Literal["refuse", "grant"] = "refuse"  # SMSP-5
    presence_from_dlr: bool = False  # SMSP-6
    stop_words: list[WordOf] = sorted(_DEFAULT.stop_words)  # SMSP-1
    receipt_prefix: Annotated[str, matching(r"\S{0,10}", "at most 10 characters without space")] = "*R#"
    catalogues: Text | None = None


class GuardsTable(Table):
    """``[smpp.guards]`` (SMS-73)."""

    blocked_prefixes: list[Annotated[str, matching(r"\+?[0-9]{1,15}", 'such as "+49900"')]] = []
    countries: list[Annotated[str, matching(r"\+[0-9]{1,15}", 'such as "+49"')]] = []
    sender_limit: Limit = 0
    phone_limit: Limit = 0


class RouteTable(Table):
    """An entry of ``routes`` of a link (SMS-60)."""

    number: Number
    to: Text
    keyword: Annotated[str, matching(r"\S{0,40}", "one word")] = ""


def service_of(draft: Draft) -> Service:
    """What the core knows of the service for phones."""
    table = draft.smpp.service if draft.smpp else ServiceTable()
    return Service(
        catalogues=catalogues(draft.folder / Path(table.catalogues) if table.catalogues else None),
        session_idle=table.session_idle,
        yes_window=table.yes_window,
        notice_gap=table.notice_gap,
        presence_budget=table.presence_budget,
        quiet=_minutes(table.quiet_hours),
        unregistered=table.unregistered,
        presence_from_receipts=table.presence_from_dlr,
        stop_words=frozenset(word.casefold() for word in table.stop_words),
        receipt_prefix=table.receipt_prefix.casefold(),
    )


def guards_of(draft: Draft) -> Guards:
    """What keeps the bill small."""
    table = draft.smpp.guards if draft.smpp else GuardsTable()
    return Guards(tuple(table.blocked_prefixes), tuple(table.countries), table.sender_limit, table.phone_limit)


def _minutes(text: str) -> tuple[int, int] | None:
    found = _TIMES.fullmatch(text)
    if found is None:
        return None
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    return from_hour * 60 + from_minute, to_hour * 60 + to_minute


def routes_of(table: LinkTable, gateway: Gateway) -> tuple[NumberRoute, ...]:
    """The numbers of a link that stand for one contact each.

    :param gateway: with the domains of the tenant, by which a contact's world is known.
    """
    return tuple(NumberRoute(route.number, contact.key, route.keyword.casefold()) for route in table.routes
                 if (contact := _contact(route, table, gateway)) is not None)


def _contact(route: RouteTable, table: LinkTable, gateway: Gateway) -> Address | None:
    return named_contact(route.to, table.tenant, gateway)


def phone_service(draft: Draft) -> Iterator[Problem]:
    """Catalogues can be used; no number is two things (SMS-60)."""
    if draft.smpp is not None and draft.smpp.service.catalogues:
        yield from problems_of(draft.folder / Path(draft.smpp.service.catalogues))
    for entry in draft.links:
        table = entry.table
        seen: set[tuple[str, str]] = set()
        for index, route in enumerate(table.routes):
            path = f"{entry.path}.routes[{index}]"
            if route.number == table.service_number:
                yield Problem(f"{path}.number", "must not be the service_number")
            if isinstance(table.number_pool, list) and route.number in table.number_pool:
                yield Problem(f"{path}.number", "must not be one of the number_pool")
            if (route.number, route.keyword.casefold()) in seen:
                yield Problem(path, "has the number and the keyword of another route")
            seen.add((route.number, route.keyword.casefold()))


def phone_contacts(draft: Draft, gateway: Gateway) -> Iterator[Problem]:
    """Routes lead to somebody, and there are texts in the language of each link.

    :param gateway: what is made of the rest of the file.
    """
    for entry in draft.links:
        for index, route in enumerate(entry.table.routes):
            if _contact(route, entry.table, gateway) is None:
                yield Problem(f"{entry.path}.routes[{index}].to",
                              f'names nobody whom the tenant serves (got "{route.to}")')
        if entry.table.language.partition("-")[0] not in {
                tag.partition("-")[0] for tag in gateway.service.languages}:
            known = ", ".join(gateway.service.languages)
            yield Problem(f"{entry.path}.language", f"must be one of {known}, or have a catalogue")
