"""Submits the items of one lane over whatever binds are up (shell)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from iwf.edge import ILane, IOutlet
from iwf.ids import Ids
from iwf.mapping.model import Accepted, Item, Rejected
from iwf.smpp.links.connection import SmppConnection
from iwf.smpp.links.inquirer import Inquirer
from iwf.smpp.session.delivery import Awaited, Credit, Output, Rebind
from iwf.smpp.session.states import Late, Noted, Resolved
from iwf.smpp.session.window import Window
from iwf.smpp.settings import LinkSettings
from iwf.smpp.text.segments import References
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import PduFault


@implementer(IOutlet)
class Outlet:
    """Submits the items of one lane over whatever connections are bound for it.

    :param clock: for the time and the one delayed call of the window.
    :param inquirer: told of texts whose receipts are awaited.
    """

    log = Logger()

    def __init__(self, settings: LinkSettings, clock: IReactorTime, ids: Ids, inquirer: Inquirer) -> None:
        self._clock = clock
        # SMS-33: a restart begins elsewhere
        self._window = Window(settings, References(int(ids.jitter(0, 256))), clock.seconds())
        self._inquirer = inquirer
        self._lane: ILane | None = None
        self._bound: list[SmppConnection] = []
        self._results: dict[str, Deferred[Accepted | Rejected]] = {}
        self._timer: IDelayedCall | None = None

    def attach(self, lane: ILane) -> None:
        """Take the engine's side of the lane."""
        self._lane = lane

    def deliver(self, item: Item) -> Deferred[Accepted | Rejected]:
        """See :class:`iwf.edge.IOutlet`."""
        result: Deferred[Accepted | Rejected] = Deferred()
        self._results[item.id] = result
        self._window.put(item, self._clock.seconds())
        self.pump()
        return result

    def open(self, connection: SmppConnection) -> None:
        """A connection that may submit is bound."""
        self._bound.append(connection)
        self._inquirer.open(connection)
        self._window.open(connection)
        self.pump()

    def shut(self, connection: SmppConnection) -> None:
        """Submit nothing more over a connection; what was sent may still be answered."""
        if connection in self._bound:
            self._bound.remove(connection)
            self._inquirer.shut(connection)
            self._window.shut(connection)
            self.pump()

    def resolved(self, resolved: Resolved) -> None:
        """A submit_sm has ended."""
        self._window.resolved(resolved, self._clock.seconds())
        self.pump()

    def late(self, late: Late) -> None:
        """A submit_sm that was given up is answered."""
        answer = late.response
        self.log.info("{name} came late, status {status:#x}", name=answer.name, status=answer.status)
        self._window.late(late)
        self.pump()

    def congested(self, state: int) -> None:
        """The SMSC says how busy it is."""
        self._window.congested(state, self._clock.seconds())
        self._schedule()

    def pump(self) -> None:
        """Tell the engine what happened, send what may be sent now."""
        self._tell()
        # The least busy bind that has something to send, again and again, so that binds share the work.
        while any(self._send_one(connection) for connection in sorted(self._bound, key=_busyness)):
            pass
        self._tell()
        self._schedule()

    def _send_one(self, connection: SmppConnection) -> bool:
        if not connection.takes_requests or not connection.session.may_send(c.SUBMIT_SM):
            return False
        part = self._window.next_part(connection, connection.session.outstanding, self._clock.seconds())
        if part is None:
            return False
        try:
            connection.request(c.SUBMIT_SM, part.message, part)
        except PduFault as fault:
            self._window.misfit(part, fault)
        return True

    def _tell(self) -> None:
        for output in self._window.take():
            self._tell_one(output)

    def _tell_one(self, output: Output) -> None:
        match output:
            case Accepted() | Rejected():
                self._results.pop(output.item.id).callback(output)
            case Credit():
                if self._lane is not None:
                    self._lane.grant(output.items)
            case Awaited():
                self._inquirer.awaits(output)
            case Noted():
                self.log.warn("{what}", what=output.what)
            case Rebind():
                for connection in self._bound:
                    if connection is output.bind:
                        self.log.warn("the message service takes us for unbound; binding again")
                        connection.unbind()

    def _schedule(self) -> None:
        due = self._window.next_timer()
        if self._timer is not None and (due is None or self._timer.getTime() > due):
            self._timer.cancel()
            self._timer = None
        if due is not None and self._timer is None:
            self._timer = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._window.handle_timer(self._clock.seconds())
        self.pump()


def _busyness(connection: SmppConnection) -> int:
    return connection.session.outstanding
