"""Logged in as one user: his texts in and out (shell).

A session (XEP-0198) may outlive several connections.  What the server has not acknowledged goes out
again when the session is resumed; when it is over, the core has it back and hands it out anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure as Fault
from twisted.words.xish.domish import Element
from zope.interface import implementer

from iwf.edge import IIntake, ILane, IOutlet
from iwf.ids import Ids
from iwf.mapping.model import Accepted, Failure, Item, Message, Notification, Presence, Reason, Rejected, Report
from iwf.xmpp import stanzas
from iwf.xmpp.client.acks import NS_SM, QUIET, AckFault, Acks
from iwf.xmpp.client.binding import Binding, BindingFault, Stage
from iwf.xmpp.client.connection import ClientConnection
from iwf.xmpp.client.correspondence import Correspondence
from iwf.xmpp.client.dialing import Dialer
from iwf.xmpp.client.login import LoginFailure
from iwf.xmpp.client.stanzas import NS_CLIENT, STANZAS, adopt, roster_request
from iwf.xmpp.client.stream import ClientStream
from iwf.xmpp.elements import Component, add, attribute, legal_text, make, octets_of
from iwf.xmpp.entries import Entries, Entry
from iwf.xmpp.envelope import Unwritable
from iwf.xmpp.settings import AccountsSettings

WINDOW = 50
"""Texts of one user in flight."""
MAX_OUTBOUND = 65_536
"""Octets of one outbound stanza, as public servers take it (MSG-29)."""

_AWAY = Failure(Reason.UNREACHABLE, permanent=False, text="the XMPP server of the account cannot be reached")
_TOO_BIG = Failure(Reason.TOO_BIG, text="the message is too large")


@implementer(IOutlet)
class ClientSession:
    """One user.

    :param account: reads and writes for him: his domain, his lane.
    :param jid: his bare JID.
    :param told: called once, with what came of the first login: None for a session, or why there is none.
    """

    _log = Logger()

    def __init__(self, account: Component, jid: str, password: str, settings: AccountsSettings, dialer: Dialer,
                 clock: IReactorTime, intake: IIntake, ids: Ids,
                 told: Callable[[LoginFailure | None], None]) -> None:
        self._account = account
        self._jid = jid
        self._clock = clock
        self._ids = ids
        self._priority = settings.priority
        self._is_always_there = settings.presence == "always"
        self._shown: Presence | None = None  # what was last told of the phone
        self._is_announced = False
        self._lane: ILane | None = None
        self._acks: Acks[Entry] = Acks()
        self._entries = Entries()
        self._correspondence = Correspondence(account, clock, intake, settings.strangers, self._write, self._hold)
        self._connection = ClientConnection(jid, account.domain, password, account.lane, self, dialer, clock, ids, told)
        self._stream: ClientStream | None = None
        self._binding: Binding | None = None
        self._streams = 0
        self._is_open = False
        self._asking: IDelayedCall | None = None
        self._quiet: IDelayedCall | None = None
        self._over: IDelayedCall | None = None  # when it cannot be resumed any more

    def start(self) -> None:
        """Begin to log in."""
        self._connection.start()

    def stop(self) -> Deferred[None]:
        """Log out; fires when there is no connection any more."""
        if self._is_open:
            self._write(octets_of(make("presence", type="unavailable")))
        self._is_open = False
        self._grant()
        return self._connection.stop().addCallback(lambda _: self._end())

    def enrolled(self, lane: ILane) -> None:
        """The core knows the user: texts may flow."""
        self._lane = lane
        self._grant()

    def _grant(self) -> None:
        if self._lane is not None:
            self._lane.grant(WINDOW if self._is_open else 0)

    # --- a connection comes and goes ---------------------------------------------------------------

    def authenticated(self, stream: ClientStream) -> None:
        """See :class:`~iwf.xmpp.client.connection.Session`."""
        self._stream = stream
        self._streams += 1
        resume = self._acks.resume() if self._acks.id else None
        self._binding = Binding(frozenset(stream.features), resume, self._ids.token())
        stream.is_authenticated = True
        try:
            self._say(self._binding.begin())
        except BindingFault as fault:
            self._connection.fail(Fault(fault))

    def ended(self) -> None:
        """See :class:`~iwf.xmpp.client.connection.Session`."""
        self._stream = self._binding = None
        self._is_open = False
        for call in (self._asking, self._quiet):
            if call is not None and call.active():
                call.cancel()
        self._grant()
        if self._acks.lifetime and self._connection.is_running:
            if self._over is None:
                self._over = self._clock.callLater(self._acks.lifetime, self._end)
        else:
            self._end()

    def _end(self) -> None:
        """The session is over: what is not acknowledged is the core's again."""
        self._resumable()
        for entry in self._acks.lost():
            self._entries.settle(entry, Rejected(entry.item, _AWAY, retry=True))

    def _resumable(self) -> None:
        if self._over is not None and self._over.active():
            self._over.cancel()
        self._over = None

    def _bind(self, binding: Binding, element: Element) -> None:
        try:
            following = binding.receive(element)
            if following is not None:
                self._say(following)
            if binding.stage is Stage.RESUMED:
                self._resumed(binding)
            elif binding.stage is Stage.BEGUN:
                self._begun(binding)
        except (BindingFault, AckFault) as fault:
            self._acks.id = ""
            self._connection.fail(Fault(fault))

    def _resumed(self, binding: Binding) -> None:
        assert binding.answer is not None and self._stream is not None
        done, again = self._acks.resumed(binding.answer, self._clock.seconds())
        self._entries.confirm(done)
        self._log.info("{lane} goes on", lane=self._account.lane)
        self._opened()
        if again:
            self._stream.transport.write(b"".join(again))  # type: ignore[union-attr]
            self._ask_soon()

    def _begun(self, binding: Binding) -> None:
        now = self._clock.seconds()
        if binding.refusal is not None and attribute(binding.refusal, "h"):
            # XEP-0198 section 5: the old session is over, and this much of it had arrived.
            self._entries.confirm(self._acks.acknowledged(binding.refusal, now))
        self._end()
        if binding.answer is not None:
            self._acks.enabled(binding.answer, now)
        self._log.info("{lane} is logged in", lane=self._account.lane)
        self._correspondence.resource = binding.jid
        self._is_announced = False
        self._opened()
        self._write(octets_of(roster_request(self._correspondence.roster_id(self._ids.token()))))
        self._announce()

    def _announce(self) -> None:
        """Say whether he is there: without presence the server sends the session no texts (RFC 6121 8.5)."""
        devices = self._shown.devices if self._shown is not None else ()
        if not devices and not self._is_always_there:
            if self._is_announced:
                self._write(octets_of(make("presence", type="unavailable")))
            self._is_announced = False
            return
        presence = make("presence")
        if devices and devices[0].notes:
            add(presence, "status", legal_text(devices[0].notes[0].text))
        if self._priority:
            add(presence, "priority", str(self._priority))
        self._is_announced = True
        self._write(octets_of(presence))

    def _opened(self) -> None:
        self._resumable()
        self._is_open = True
        self._correspondence.began()
        self._arm()
        self._grant()
        self._connection.established()

    # --- out ----------------------------------------------------------------------------------------

    def deliver(self, item: Item) -> Deferred[Accepted | Rejected]:
        """Write an item; fires when the server has it (IOutlet)."""
        if not self._is_open:
            return succeed(Rejected(item, _AWAY, retry=True))
        if isinstance(item.payload, Presence):
            # Of the phone itself; a change of the clock that nobody sees is none.
            is_news = self._shown is None or item.payload.devices != self._shown.devices
            self._shown = item.payload
            if is_news:
                self._announce()
            return succeed(Accepted(item))
        if not isinstance(item.payload, Message | Report | Notification):
            return succeed(Accepted(item))
        try:
            octets = octets_of(stanzas.write(item, self._account))
        except Unwritable as fault:
            self._log.error("Item {id} cannot be written: {why}", id=item.id, why=str(fault))
            return succeed(Rejected(item, fault.failure))
        if len(octets) > MAX_OUTBOUND:
            return succeed(Rejected(item, _TOO_BIG))
        entry = self._entries.add(item, stanzas.ref_of_item(item))
        self._correspondence.wrote_to(item.payload)
        self._write(octets, entry)
        if not self._acks.is_on:
            # Nobody will say more: what is written counts as handed over (XMPP-8).
            self._clock.callLater(0, self._entries.confirm, [entry])
        return entry.done

    def _write(self, octets: bytes, entry: Entry | None = None) -> None:
        """Write a stanza; one that belongs to no item is dropped when there is no connection."""
        if self._stream is None or not self._is_open:
            return
        self._stream.transport.write(octets)  # type: ignore[union-attr]
        if self._acks.is_on:
            self._acks.wrote(octets, entry)
            self._ask_soon()

    def _say(self, element: Element) -> None:
        """Write what is no stanza, or none that counts."""
        if self._stream is not None:
            text: str = element.toXml(defaultUri=NS_CLIENT)
            self._stream.transport.write(text.encode())  # type: ignore[union-attr]

    def _ask_soon(self) -> None:
        """One question follows all that is written in this turn."""
        if self._asking is None or not self._asking.active():
            self._asking = self._clock.callLater(0, self._ask)

    def _ask(self) -> None:
        if self._acks.wants_request():
            self._say(self._acks.request(self._clock.seconds()))
            self._arm()

    # --- in -----------------------------------------------------------------------------------------

    def receive(self, element: Element) -> None:
        """Take what comes after SASL.  Never raises: one bad stanza is not the end of the session."""
        try:
            self._acks.heard(self._clock.seconds())
            if self._binding is not None and not self._binding.is_done:
                self._bind(self._binding, element)
            elif element.uri == NS_SM:
                self._take_count(element)
            elif element.uri == NS_CLIENT and element.name in STANZAS:
                self._correspondence.take(self._adopted(element), self._next())
        except Exception:  # noqa: BLE001 - the border
            self._log.failure("A stanza could not be handled")

    def receive_too_large(self, element: Element) -> None:
        """Take the start tag of a stanza whose content was thrown away."""
        self._correspondence.take_too_large(self._adopted(element), self._next())

    def _adopted(self, element: Element) -> Element:
        return adopt(element, self._jid, self._correspondence.resource)

    def _next(self) -> Callable[[], None]:
        """What is called when the stanza that has just come in is dealt with."""
        return partial(self._handled, self._streams, self._acks.seen())

    def _handled(self, stream: int, number: int) -> None:
        if stream == self._streams:
            self._acks.handled(number)

    def _take_count(self, element: Element) -> None:
        if element.name == "r":
            self._say(self._acks.answer())
        elif element.name == "a":
            try:
                self._entries.confirm(self._acks.acknowledged(element, self._clock.seconds()))
            except AckFault as fault:
                self._log.warn("{lane}: {fault}", lane=self._account.lane, fault=fault)
                self._acks.id = ""  # nothing can be resumed with such a count
                self._connection.drop()
                return
            self._ask()
            self._arm()

    def _hold(self, is_holding: bool) -> None:
        """Read no more while the core is far behind (XMPP-9)."""
        if self._stream is not None:
            transport: Any = self._stream.transport
            (transport.pauseProducing if is_holding else transport.resumeProducing)()

    # --- timer --------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._quiet is not None and self._quiet.active():
            self._quiet.cancel()
        self._quiet = None
        if not self._is_open:
            return
        now = self._clock.seconds()
        when = self._acks.next_timer()
        delay = QUIET if when is None else max(0.0, when - now)
        self._quiet = self._clock.callLater(delay, self._on_quiet)

    def _on_quiet(self) -> None:
        self._quiet = None
        if not self._acks.is_on and self._stream is not None:
            # Nobody counts: white space at least finds a broken connection (RFC 6120 4.6.1).
            self._stream.transport.write(b" ")  # type: ignore[union-attr]
        verdict = self._acks.handle_timer(self._clock.seconds())
        if verdict is True:
            self._say(self._acks.request(self._clock.seconds()))
        elif verdict is False:
            self._log.warn("{lane} does not answer; connecting again", lane=self._account.lane)
            self._connection.drop()
            return
        self._arm()
