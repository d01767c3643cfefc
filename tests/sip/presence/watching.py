"""A subscriber in virtual time, with a peer that answers and notifies as a test wants it to."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from iwf.ids import Ids
from iwf.mapping.model import (
    Address,
    Party,
    Remember,
    WatchEnded,
    WatchFetched,
    WatchRenewed,
    WatchRequested,
)
from iwf.sip.presence.outputs import Answer, Asked, Offer, Output, Send
from iwf.sip.presence.subscriber import Subscriber
from iwf.sip.settings import PresenceSettings, SipSettings
from iwf.sip.syntax.message import Request, Response
from tests.sip.samples import ANA, BEN_AT_X, NOW, PEER, SETTINGS, TRUNK

LANE = TRUNK.lane
#: Nothing takes longer than a test waits for, whatever jitter does.
DAY = 86400.0


def document(show: str = "", basic: str = "open", id: str = "phone") -> bytes:
    """What a phone says of its user."""
    shown = f"<show xmlns='jabber:client'>{show}</show>" if show else ""
    return (f"<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf'"
            f" entity='pres:ana@sip.example'><tuple id='{id}'><status><basic>{basic}</basic>{shown}</status>"
            f"</tuple></presence>").encode()


class Desk:
    """A subscriber, its time, and what it has said."""

    def __init__(self, settings: SipSettings = SETTINGS, seed: int = 1, **presence: Any) -> None:
        self.settings = evolve(settings, presence=PresenceSettings(**presence))
        self.seed = seed
        self.now = NOW
        self.subscriber = Subscriber(self.settings, Ids(seed))
        self.sends: list[Send] = []
        self.events: list[Any] = []
        self.answers: list[Answer] = []
        self.memory: dict[str, str] = {}
        self.cseq = 0
        self.refusing: Any = None
        """A verdict for what has a ticket."""

    def take(self, outputs: list[Output]) -> None:
        """Keep what it wants, as its shell would carry it out."""
        for output in outputs:
            if isinstance(output, Send):
                self.sends.append(output)
            elif isinstance(output, Answer):
                self.answers.append(output)
            elif isinstance(output, Offer) and isinstance(output.event, Remember):
                self.memory[output.event.key] = output.event.text
            elif isinstance(output, Offer):
                self.events.append(output.event)
                if output.ticket and self.refusing is not None:
                    self.take(self.subscriber.decided(output.ticket, self.refusing, self.now))

    # -- the core

    def deliver(self, payload: Any, lane: str = LANE) -> None:
        self.take(self.subscriber.deliver(payload, lane, self.now))

    def ask(self, watcher: Address = BEN_AT_X, target: Address = ANA) -> None:
        """Somebody asks to see Ana."""
        self.deliver(WatchRequested(Party(watcher), target))

    def renew(self, watcher: Address = BEN_AT_X, target: Address = ANA) -> None:
        """Somebody looks again."""
        self.deliver(WatchRenewed(Party(watcher), target))

    def fetch(self, leg: str = "leg", watcher: Address = BEN_AT_X, target: Address = ANA) -> None:
        """Somebody wants to see her once."""
        self.deliver(WatchFetched(Party(watcher), target, leg))

    def end(self, forever: bool = False, watcher: Address = BEN_AT_X, target: Address = ANA) -> None:
        """Nobody looks any more, or ever again."""
        self.deliver(WatchEnded(Party(watcher), target, forever=forever))

    # -- the peer

    def sent(self) -> list[Request]:
        """The SUBSCRIBEs since the last call."""
        sends, self.sends = self.sends, []
        return [send.request for send in sends]

    def subscribe(self) -> Request:
        """The only SUBSCRIBE since the last call."""
        [request] = self.sent()
        return request

    def answer(self, request: Request, status: int, *headers: tuple[str, str], cseq: int | None = None) -> None:
        """The peer's final answer."""
        self.take(self.subscriber.answered(
            request.call_id, Response(status, "", headers), request.cseq.number if cseq is None else cseq, self.now))

    def accept(self, request: Request, expires: int = 3600, status: int = 200) -> None:
        """The peer takes it."""
        self.answer(request, status, ("Expires", str(expires)))

    def notify(self, request: Request, state: str | None = "active;expires=3600", body: bytes = b"", tag: str = "n1",
               cseq: int | None = None, kind: str = "application/pidf+xml", trunk: Any = TRUNK,
               **headers: str) -> int:
        """The peer notifies in the dialog of a SUBSCRIBE.

        :param headers: other values, ``_`` for ``-``; empty: leave it out.
        :return: the status of the answer.
        """
        self.cseq = self.cseq + 1 if cseq is None else cseq
        lines = {
            "Via": "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKn", "Max-Forwards": "70",
            "From": f"<{request.to.uri}>;tag={tag}", "To": f"<{request.from_.uri}>;tag={request.from_.tag}",
            "Call-ID": request.call_id, "CSeq": f"{self.cseq} NOTIFY", "Contact": "<sip:pa@192.0.2.10:5060>",
            "Event": "presence",
        }
        if state is not None:
            lines["Subscription-State"] = state
        if body:
            lines["Content-Type"] = kind
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        notify = Request("NOTIFY", "sip:ben*xmpp.example@192.0.2.20:5060",
                         [line for line in lines.items() if line[1]], body)
        asked = Asked(notify, trunk, PEER)
        before = len(self.answers)
        self.take(self.subscriber.notified(asked, self.now))
        [answer] = self.answers[before:]
        assert answer.asked is asked
        return answer.status.code

    def watched(self, body: bytes = b"", **settings: Any) -> Request:
        """Ana is being watched; the SUBSCRIBE that began it."""
        self.ask()
        request = self.subscribe()
        self.accept(request)
        assert self.notify(request, "active;expires=3600", body or document()) == 200
        return request

    # -- time

    def wait(self, seconds: float) -> None:
        """Time passes, with all timers on the way."""
        until = self.now + seconds
        while (due := self.subscriber.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.take(self.subscriber.handle_timer(self.now))
        self.now = until

    def told(self) -> list[Any]:
        """What the core has been told since the last call."""
        events, self.events = self.events, []
        return events

    def restarted(self) -> Desk:
        """The same after a crash, with what was remembered."""
        presence = self.settings.presence
        assert presence is not None
        other = Desk(self.settings, self.seed + 1, sub_idle=presence.sub_idle)
        other.now, other.memory, other.cseq = self.now, dict(self.memory), self.cseq
        for key, text in self.memory.items():
            name, _, rest = key.partition(":")
            assert name == Subscriber.memory
            if text:
                other.take(other.subscriber.recall(rest, text, other.now))
        return other
