"""From tables to the settings of the SIP edge."""

from __future__ import annotations

from collections.abc import Iterator

from iwf.config.certificates import tls_peer, tls_settings, with_tls
from iwf.config.read import Draft
from iwf.config.rules import sources
from iwf.config.tables import AliasTable, SipTable, TrunkTable
from iwf.mapping.model import TEL, XMPP
from iwf.sip.settings import (
    Account,
    Identity,
    RegistrarSettings,
    SipAlias,
    SipSettings,
    TrunkSettings,
)
from iwf.sip.syntax.uri import parse_uri

_WORLDS = {"xmpp": XMPP, "sms": TEL}


def sip_settings(draft: Draft, sip: SipTable) -> SipSettings:
    """What the SIP edge is told."""
    trunks = (
        TrunkSettings(
            name=e.table.label,
            lane=f"sip:{e.table.label}",
            domains=tuple(e.table.domains),
            next_hop=with_tls(e.table, tls_peer(draft, sip, e.table)),
            allowed_sources=sources(e.table),
            allowed_names=tuple(e.table.allowed_names or ()),
            profile=e.table.profile,
            accept_code=e.table.s2x_accept,
            hold=e.table.s2x_hold / 1000,
            trusted_large=e.table.trusted_large,
            charset_parameter=e.table.charset_parameter,
            html=e.table.html,
            cpim=e.table.cpim,
            receipt_on_200=e.table.receipt_on_200,
            trusted_identity=e.table.trusted_identity,
            loose_route=e.table.loose_route,
            keep_alive=e.table.keep_alive,
            shared=e.table.shared,
            window=e.table.window,
            username=e.table.username,
            password=e.secret,
            realm=e.table.realm,
            digest=e.table.digest,
            algorithms=tuple(e.table.algorithms),
            register=tuple(_identities(draft, e.table)),
            registrar=e.table.registrar,
            tls=tls_peer(draft, sip, e.table),
            allow_sips=e.table.allow_sips,
            publish_in=e.table.publish_in,
            publish=e.table.publish,
        )
        for e in draft.trunks
    )
    aliases = (SipAlias(e.table.domain, _WORLDS[e.table.bridges]) for e in draft.aliases)
    return SipSettings(
        tuple(sip.listen or ()), tuple(aliases), tuple(trunks), sip.host, sip.max_message,
        max_refusals=sip.max_refusals, stranger_rate=sip.stranger_rate, dns_servers=tuple(sip.dns_servers),
        tls=tls_settings(draft, sip), origins=frozenset(sip.websocket.origins),
        max_websockets=sip.websocket.max_connections, registrar=registrar_settings(draft),
        presence=sip.presence.settings(),
    )  # fmt: skip


def _identities(draft: Draft, table: TrunkTable) -> Iterator[Identity]:
    """The addresses that a trunk registers, each with the image that it stands for (SIP-80)."""
    aliases = [e.table for e in draft.aliases if e.table.tenant == table.tenant]
    for aor in table.identities:
        user = parse_uri(aor).user_text()
        yield Identity(aor, user, _alias_of(user, aliases).domain)


def _alias_of(user: str, aliases: list[AliasTable]) -> AliasTable:
    """Where an image is: numbers among phones, if there are any, all others in XMPP."""
    wanted = "sms" if user.startswith("+") else "xmpp"
    return next((alias for alias in aliases if alias.bridges == wanted), aliases[0])


def registrar_settings(draft: Draft) -> RegistrarSettings | None:
    """The registrar, if there is one."""
    table = draft.registrar
    if table is None:
        return None
    accounts = (Account(e.table.user, e.secret, tuple(e.table.ha1.items())) for e in draft.accounts)
    return RegistrarSettings(
        table.domain, tuple(accounts), min_expires=table.min_expires, max_expires=table.max_expires,
        max_contacts=table.max_contacts, algorithms=tuple(table.algorithms), without_qop=table.without_qop,
        publish_in=table.publish_in,
    )  # fmt: skip
