"""The SMPP edge: an ESME with links to operators (shell)."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList

from iwf.edge import IIntake, ILanes, IMemory
from iwf.ids import Ids
from iwf.smpp.links.client import Link
from iwf.smpp.links.connector import Connector, connectors_of
from iwf.smpp.links.inquirer import Inquirer
from iwf.smpp.links.outbind import OutbindPort
from iwf.smpp.links.outlet import Outlet
from iwf.smpp.settings import SmppSettings


class SmppEdge(Service):
    """All links.

    :param reactor: for connections and time.
    :param intake: where messages and receipts are offered.
    :param lanes: where each link attaches its outlet, under :attr:`LinkSettings.lane`.
    :param memory: which receipts are awaited since before the restart.
    :raises TlsError: for certificate files that cannot be used.
    """

    name = "smpp"

    def __init__(self, settings: SmppSettings, reactor: Any, intake: IIntake, lanes: ILanes, ids: Ids,
                 memory: IMemory | None = None) -> None:
        self._binds: list[Connector | OutbindPort] = []
        # SMS-42: receipts are the operator's, whatever link they come on.
        self._inquirers: dict[str, Inquirer] = {}
        for link_settings in settings.links:
            peer = link_settings.peer
            inquirer = self._inquirers.setdefault(peer, Inquirer(reactor, intake, peer, memory))
            outlet = Outlet(link_settings, reactor, ids, inquirer)
            # SMS-20: a throttled text is tried again, and would be overtaken by the next
            outlet.attach(lanes.attach(link_settings.lane, outlet, keeps_order=False))
            link = Link(link_settings, reactor, intake, outlet, inquirer)
            self._binds += connectors_of(link, ids)
            if link_settings.outbind is not None:
                self._binds.append(OutbindPort(link, link_settings.outbind))

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        for inquirer in self._inquirers.values():
            inquirer.start()
        for bind in self._binds:
            bind.start()

    def stopService(self) -> Deferred[list[tuple[bool, None]]]:
        super().stopService()  # type: ignore[no-untyped-call]
        for inquirer in self._inquirers.values():
            inquirer.stop()
        return DeferredList([bind.stop() for bind in self._binds])
