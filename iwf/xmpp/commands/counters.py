"""Where users of a component are served: commands, and registration of telephones (shell)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from iwf.ids import Ids
from iwf.mapping.model import TEL
from iwf.xmpp.commands.catalogue import commands_of
from iwf.xmpp.commands.clerk import Clerk
from iwf.xmpp.commands.dialogs import Dialogs
from iwf.xmpp.commands.office import Office
from iwf.xmpp.commands.registry import Registry
from iwf.xmpp.elements import Component


def counters_of(component: Component, office: Office, clock: IReactorTime, ids: Ids,
                write: Callable[[bytes], None]) -> tuple[Clerk | Registry, ...]:
    """Whoever may take an iq before all others; telephones are registered where they are.

    :param write: takes stanzas.
    """
    phones = component.bridges == TEL
    dialogs = Dialogs(commands_of(office, phones, office.takes_accounts), component.admins, ids)
    clerk = Clerk(component, dialogs, clock, write)
    return (clerk, Registry(component, office, write)) if phones else (clerk,)
