"""A SIP user who shows himself and looks at others (RFC 3856, RFC 6665): both sides of a subscription.

He is the same in memory and behind a real proxy; only what carries his datagrams differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field

from iwf.sip.syntax.message import Message, Request, Response, response_to
from tests.support.seen import State, View, read, written

PIDF_TYPE = "application/pidf+xml"
EXPIRES = 600
AGAIN = 2.0
"""Seconds after which a SUBSCRIBE that failed, or was not answered, is sent once more."""
SOON = ("deactivated", "timeout")
REFUSED = ("rejected", "noresource")


def plain(address: object) -> str:
    """A URI without parameters."""
    return str(address).partition(";")[0]


def _routes(message: Message) -> list[str]:
    return [str(address) for address in message.addresses("Record-Route")]


@define(eq=False)
class _Dialog:
    """What both sides of a subscription need to write to the other one."""

    call_id: str
    tag: str
    """Ours."""
    far: str
    """The other's From or To, as it is written."""
    target: str
    """Where requests go (RFC 3261 12.1)."""
    routes: list[str] = field(factory=list)
    cseq: int = 0


@define(eq=False)
class _Watcher:
    """Somebody who looks at him."""

    who: str
    dialog: _Dialog
    expires_at: float


@define(eq=False)
class _Looking:
    """Somebody he looks at."""

    who: str
    dialog: _Dialog
    expires: int = EXPIRES
    made: bool = False
    """A NOTIFY has fixed the dialog."""
    next_at: float = 0.0
    """When a SUBSCRIBE is due."""
    view: View | None = None


class SipWatcher:
    """One user.

    :param address: such as ``sip:bob@sip.test``.
    :param contact: host and port at which he is reached.
    :param send: sends octets to the server that he uses for everything.
    :param clock: IReactorTime.
    :param prefix: of his Call-IDs and branches, unlike those of others.
    """

    def __init__(self, address: str, contact: str, send: Callable[[bytes], None], clock: Any, prefix: str) -> None:
        self.address = address
        self._contact, self._send, self._clock, self._prefix = contact, send, clock, prefix
        self._numbers = itertools.count(1)
        self._states: dict[str, State] = {}
        self._allowed: set[str] = set()
        self._watchers: dict[str, _Watcher] = {}
        self._looking: dict[str, _Looking] = {}

    # -- whom others see

    @property
    def asking(self) -> set[str]:
        """Who wants to see him and has no answer."""
        return {watcher.who for watcher in self._alive()} - self._allowed

    @property
    def dialogs(self) -> list[str]:
        """Who looks at him, once for each dialog."""
        return [watcher.who for watcher in self._alive()]

    def _alive(self) -> list[_Watcher]:
        return [watcher for watcher in self._watchers.values() if watcher.expires_at > self._clock.seconds()]

    def allow(self, who: str) -> None:
        self._allowed.add(who)
        self._tell(who)

    def refuse(self, who: str) -> None:
        """He may not, or not any longer; he may ask again."""
        self._allowed.discard(who)
        for watcher in self._alive():
            if watcher.who == who:
                self._end(watcher, "rejected")

    def appear(self, state: State) -> None:
        self._states[state.device] = state
        self._tell()

    def leave(self, device: str) -> None:
        self._states.pop(device, None)
        self._tell()

    def _tell(self, who: str = "") -> None:
        for watcher in self._alive():
            if who in ("", watcher.who):
                self._notify(watcher)

    def _notify(self, watcher: _Watcher) -> None:
        left = max(0, round(watcher.expires_at - self._clock.seconds()))
        if watcher.who not in self._allowed:
            self._write_notify(watcher, f"pending;expires={left}")
        elif left:
            self._write_notify(watcher, f"active;expires={left}", self._document())
        else:
            self._end(watcher, "timeout", self._document())

    def _document(self) -> bytes:
        return written(self.address.replace("sip:", "pres:"), self._states.values())

    def _end(self, watcher: _Watcher, reason: str, body: bytes = b"") -> None:
        self._watchers.pop(watcher.dialog.call_id, None)
        self._write_notify(watcher, f"terminated;reason={reason}", body)

    def _write_notify(self, watcher: _Watcher, state: str, body: bytes = b"") -> None:
        lines = ["Event: presence", f"Subscription-State: {state}"]
        self._request("NOTIFY", watcher.dialog, [*lines, f"Content-Type: {PIDF_TYPE}"] if body else lines, body)

    def _subscribed(self, request: Request) -> None:
        watcher = self._watchers.get(request.call_id)
        expires = EXPIRES if request.expires is None else request.expires
        if watcher is None:
            if request.to.tag:
                self._answer(request, 481)
                return
            (target,) = request.addresses("Contact")
            dialog = _Dialog(request.call_id, f"t{next(self._numbers)}", request.single("From"), str(target.uri),
                             _routes(request))
            watcher = _Watcher(plain(request.from_.uri), dialog, 0.0)
            if expires:
                self._watchers[request.call_id] = watcher
        watcher.expires_at = self._clock.seconds() + expires
        self._answer(request, 200, watcher.dialog.tag, [("Expires", str(expires))])
        self._notify(watcher)

    # -- whom he sees

    def ask(self, who: str) -> None:
        self._looking[who] = _Looking(who, self._fresh(who), next_at=self._clock.seconds())
        self.handle_timer()

    def ask_no_more(self, who: str) -> None:
        looking = self._looking.pop(who, None)
        if looking is not None and looking.made:
            looking.expires = 0
            self._subscribe(looking)

    def view(self, who: str) -> View | None:
        """What he sees of somebody; None: nothing."""
        looking = self._looking.get(who)
        return None if looking is None else looking.view

    def handle_timer(self) -> None:
        """Send the SUBSCRIBEs that are due; to be called every second or so."""
        now = self._clock.seconds()
        for looking in self._looking.values():
            if looking.next_at <= now:
                if not looking.made:
                    looking.dialog = self._fresh(looking.who)
                looking.next_at = now + AGAIN
                self._subscribe(looking)

    def _fresh(self, who: str) -> _Dialog:
        number = next(self._numbers)
        return _Dialog(f"{self._prefix}-{number}", f"f{number}", f"<{who}>", who)

    def _subscribe(self, looking: _Looking) -> None:
        self._request("SUBSCRIBE", looking.dialog,
                      ["Event: presence", f"Accept: {PIDF_TYPE}", f"Expires: {looking.expires}"])

    def _answered(self, response: Response) -> None:
        looking = next((one for one in self._looking.values() if one.dialog.call_id == response.call_id), None)
        if looking is None or response.cseq.method != "SUBSCRIBE" or response.status < 200:
            return
        if response.status < 300:
            looking.next_at = self._clock.seconds() + (response.expires or EXPIRES) * 0.8
        elif response.status == 403:
            looking.view, looking.next_at = None, float("inf")
        elif response.status == 481:
            looking.made, looking.next_at = False, self._clock.seconds()

    def _notified(self, request: Request) -> None:
        looking = next((one for one in self._looking.values() if one.dialog.call_id == request.call_id), None)
        if looking is None:
            self._answer(request, 481)
            return
        self._answer(request, 200)
        if not looking.made:
            (target,) = request.addresses("Contact")
            looking.dialog.target, looking.dialog.far = str(target.uri), request.single("From")
            looking.dialog.routes, looking.made = _routes(request), True
        state, _, rest = request.single("Subscription-State").partition(";")
        if state == "active":
            looking.view = read(request.body)
        elif state == "terminated":
            self._over(looking, rest)

    def _over(self, looking: _Looking, rest: str) -> None:
        reason = rest.partition("reason=")[2].partition(";")[0]
        looking.made, now = False, self._clock.seconds()
        if reason in REFUSED:
            looking.view, looking.next_at = None, float("inf")
        else:
            # RFC 6665 4.1.3; what he saw is not known any more.
            looking.view = None if looking.view is None else frozenset()
            looking.next_at = now if reason in SOON else now + AGAIN

    # -- messages

    def take(self, message: Message) -> bool:
        """A message has come.

        :return: whether it was one of presence.
        """
        if isinstance(message, Response):
            if message.status in (480, 481) and message.cseq.method == "NOTIFY":
                self._watchers.pop(message.call_id, None)  # RFC 6665 4.2.2
            self._answered(message)
            return message.cseq.method in ("SUBSCRIBE", "NOTIFY")
        assert isinstance(message, Request)
        if message.method not in ("SUBSCRIBE", "NOTIFY"):
            return False
        (self._subscribed if message.method == "SUBSCRIBE" else self._notified)(message)
        return True

    def _answer(self, request: Request, status: int, tag: str = "", more: Iterable[tuple[str, str]] = ()) -> None:
        lines = [("Contact", f"<{self._own_contact}>"), *more,
                 *(("Record-Route", value) for value in request.all("Record-Route"))]
        self._send(response_to(request, status, None, tag, lines).to_bytes())

    @property
    def _own_contact(self) -> str:
        return f"{self.address.partition('@')[0]}@{self._contact}"

    def _request(self, method: str, dialog: _Dialog, more: Iterable[str], body: bytes = b"") -> None:
        dialog.cseq += 1
        lines = [f"{method} {dialog.target} SIP/2.0",
                 f"Via: SIP/2.0/UDP {self._contact};branch=z9hG4bK{self._prefix}{next(self._numbers)};rport",
                 "Max-Forwards: 70", f"From: <{self.address}>;tag={dialog.tag}", f"To: {dialog.far}",
                 f"Call-ID: {dialog.call_id}", f"CSeq: {dialog.cseq} {method}", f"Contact: <{self._own_contact}>",
                 *(f"Route: {route}" for route in dialog.routes), *more, f"Content-Length: {len(body)}", "", ""]
        self._send("\r\n".join(lines).encode() + body)
