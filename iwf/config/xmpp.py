"""Components in the configuration: what their keys mean to the XMPP edge."""

from __future__ import annotations

from collections.abc import Iterator

from iwf.config.read import Draft, Entry
from iwf.config.tables import ComponentTable
from iwf.config.xmpp_tables import AccountsTable
from iwf.errors import Problem
from iwf.mapping.model import SIP, TEL
from iwf.tls import Files, TlsError, Verify, load_context
from iwf.xmpp.client.vault import keys_of
from iwf.xmpp.settings import AccountsSettings, ComponentSettings, XmppSettings

_WORLDS = {"sip": SIP, "sms": TEL}


def xmpp_settings(draft: Draft) -> XmppSettings:
    """What the XMPP edge knows of the configuration."""
    return XmppSettings(tuple(_component(draft, entry) for entry in draft.components), _accounts(draft))


def _accounts(draft: Draft) -> AccountsSettings:
    table = draft.xmpp.accounts if draft.xmpp else AccountsTable()
    return AccountsSettings(
        keys_of(draft.account_keys) if draft.account_keys else (),
        tuple(table.domains), str(draft.folder / table.ca) if table.ca else "",
        tuple(table.hosts.items()), table.strangers, table.presence, table.priority)


def accounts(draft: Draft) -> Iterator[Problem]:
    """Whoever can enrol has a phone's component to do so at, a key that is one, and authorities."""
    if draft.account_keys:
        try:
            keys_of(draft.account_keys)
        except ValueError as fault:
            yield Problem("xmpp.accounts.key_file", str(fault))
        if draft.complete("xmpp.component") and not any(
                entry.table.bridges == "sms" and entry.table.commands for entry in draft.components):
            text = 'needs a [[xmpp.component]] that bridges "sms" and takes commands'
            yield Problem("xmpp.accounts", text)
    if draft.xmpp is not None and draft.xmpp.accounts.ca:
        try:
            load_context(Files(ca=str(draft.folder / draft.xmpp.accounts.ca)), Verify.REQUIRED)
        except TlsError as fault:
            yield Problem("xmpp.accounts.ca", str(fault))


def _component(draft: Draft, entry: Entry[ComponentTable]) -> ComponentSettings:
    table = entry.table
    return ComponentSettings(
        domain=table.domain,
        connect=table.connect,
        secret=entry.secret,
        bridges=_WORLDS[table.bridges],
        lane=f"xmpp:{table.domain}",
        window=table.window,
        tells_hops=table.max_forwards,
        markup=table.bridges == "sip" and any(
            trunk.table.html != "never" and trunk.table.tenant == table.tenant for trunk in draft.trunks),
        is_direct=table.scheme == "direct",
        phones=next((other.table.domain for other in draft.components
                     if (other.table.bridges, other.table.tenant) == ("sms", table.tenant)), ""),
        rich=table.rich,
        location=tuple(table.location),
        one_resource=table.one_resource,
        commands=table.commands,
        admins=tuple(table.admins),
    )
