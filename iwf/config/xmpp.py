"""Components in the configuration: what their keys mean to the XMPP edge."""

from __future__ import annotations

from iwf.config.read import Draft, Entry
from iwf.config.tables import ComponentTable
from iwf.mapping.model import SIP, TEL
from iwf.xmpp.settings import ComponentSettings, XmppSettings

_WORLDS = {"sip": SIP, "sms": TEL}


def xmpp_settings(draft: Draft) -> XmppSettings:
    """What the XMPP edge knows of the configuration."""
    return XmppSettings(tuple(_component(draft, entry) for entry in draft.components))


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
    )
