"""Juliet: a SIP user with a socket, who shows herself and looks at others (RFC 3856)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.task import deferLater

from iwf.mapping import pidf
from iwf.mapping.model import Aspect, Device
from iwf.sip.syntax.message import Request
from tests.peers.base import LOOPBACK, PeerError
from tests.support.sip_peer import SipPeer


class Juliet(SipPeer):
    """Answers every request with 200; a test tells her when to say what.

    :param gateway: its port on loopback.
    """

    def __init__(self, gateway: int, reactor: Any) -> None:
        super().__init__((LOOPBACK, gateway))
        self._reactor = reactor
        self._numbers: dict[str, int] = {}

    @property
    def port(self) -> int:
        return int(self.transport.getHost().port)

    def startProtocol(self) -> None:
        """Say in every answer how she is reached."""
        self.extra = (("Contact", f"<sip:juliet@{LOOPBACK}:{self.port}>"), ("Expires", "3600"))

    # -- whom others see

    async def asked(self, expires: str = "3600", seconds: float = 10.0) -> Request:
        """Somebody has subscribed to her, and it is the latest who did."""
        return await self._request(
            lambda one: one.method == "SUBSCRIBE" and one.get("Expires") == expires, seconds)

    def shows(self, asked: Request, *devices: Device, aspects: tuple[Aspect, ...] = (),
              state: str = "active;expires=3600") -> None:
        """Tell a subscriber what there is to see of her."""
        body = pidf.build("pres:juliet@sip.test", devices, aspects, now=self._reactor.seconds())
        self._notify(asked, state, body)

    def ends(self, asked: Request, reason: str) -> None:
        """Tell a subscriber that it is over."""
        self._notify(asked, f"terminated;reason={reason}", b"")

    def _notify(self, asked: Request, state: str, body: bytes) -> None:
        call_id = asked.get("Call-ID") or ""
        number = self._numbers[call_id] = self._numbers.get(call_id, 0) + 1
        contact = (asked.get("Contact") or "").partition("<")[2].partition(">")[0]
        # She is the one who was called: what she answered with "far" is hers.
        lines = [f"NOTIFY {contact} SIP/2.0",
                 f"Via: SIP/2.0/UDP {LOOPBACK}:{self.port};branch=z9hG4bK{call_id[:8]}{number};rport",
                 "Max-Forwards: 70", f"From: {(asked.get('To') or '').partition(';tag')[0]};tag=far",
                 f"To: {asked.get('From')}", f"Call-ID: {call_id}", f"CSeq: {number} NOTIFY",
                 "Event: presence", f"Subscription-State: {state}",
                 f"Contact: <sip:juliet@{LOOPBACK}:{self.port}>"]
        if body:
            lines.append(f"Content-Type: {pidf.TYPE}")
        head = "\r\n".join((*lines, f"Content-Length: {len(body)}", "", ""))
        self.write(head.encode() + body)

    # -- whom she sees

    def looks(self, to: str, expires: int = 600, call_id: str = "looking") -> None:
        """Subscribe to somebody, outside a dialog."""
        self.message(f"sip:{to}", b"", method="SUBSCRIBE", content_type=None, call_id=call_id, tag="juliet",
                     extra=f"Event: presence\r\nAccept: {pidf.TYPE}\r\nExpires: {expires}\r\n"
                           f"Contact: <sip:juliet@{LOOPBACK}:{self.port}>\r\n")

    async def told(self, state: str, fits: Callable[[pidf.Document], bool] = lambda _: True,
                   call_id: str = "looking", seconds: float = 15.0) -> pidf.Document:
        """A NOTIFY has come whose Subscription-State begins so and whose document fits."""
        def is_it(one: Request) -> bool:
            return (one.method == "NOTIFY" and one.get("Call-ID") == call_id
                    and (one.get("Subscription-State") or "").startswith(state) and fits(_document(one)))

        return _document(await self._request(is_it, seconds))

    async def _request(self, fits: Callable[[Request], bool], seconds: float) -> Request:
        for _ in range(int(seconds * 20)):
            found = next((one for one in self.requests if fits(one)), None)
            if found is not None:
                # What came before it has been seen or has had its time.
                del self.requests[:self.requests.index(found) + 1]
                return found
            await deferLater(self._reactor, 0.05, lambda: None)
        raise PeerError(f"not within {seconds} s; came: "
                        + "; ".join(f"{one.method} {one.get('Subscription-State')} {one.body!r}"
                                    for one in self.requests))


def _document(notify: Request) -> pidf.Document:
    return pidf.parse(notify.body) if notify.body else pidf.Document("")


def named(devices: Iterable[Device]) -> dict[str, Device]:
    """Devices by their names."""
    return {one.instance: one for one in devices}
