"""A notifier on a bench: SUBSCRIBEs go in, what it wants comes out as lists."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from iwf.ids import Ids
from iwf.mapping.model import (
    Address,
    Device,
    Failure,
    Party,
    Presence,
    Reason,
    Refused,
    Remember,
    Show,
    Taken,
    Verdict,
    WatchGranted,
    WatchRefused,
)
from iwf.mapping.pidf import parse
from iwf.sip.presence.document import document_of
from iwf.sip.presence.notifier import Notifier
from iwf.sip.presence.outputs import Answer, Asked, Offer, Output, Send
from iwf.sip.settings import PresenceSettings, TrunkSettings
from iwf.sip.syntax.message import Request, Response
from tests.sip.presence.test_dialog import subscribe
from tests.sip.samples import ANA, BEN_AT_X, NOW, TRUNK

BEN = Party(BEN_AT_X)
REFUSED = Refused(Failure(Reason.FORBIDDEN))


def presence(*devices: Device, **fields: object) -> Presence:
    """What there is to see of ben; one device, if none is given."""
    return evolve(Presence(BEN, ANA, devices or (Device("pc"),)), **fields)


class Bench:
    """A notifier and its time."""

    def __init__(self, settings: PresenceSettings = PresenceSettings()) -> None:
        self.settings = settings
        self.now = NOW
        self.notifier = self.fresh()
        self.offered: list[Offer] = []
        self.answers: list[tuple[int, Answer]] = []
        self.sent: list[Send] = []
        self.cseq = 41
        self._events: list[object] = []

    def fresh(self) -> Notifier:
        """Another notifier, as after a restart."""
        return Notifier(self.settings, {"x.sip.example"}, Ids(7), document_of)

    def take(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Answer):
                self.answers.append((output.status.code, output))
            elif isinstance(output, Send):
                self.sent.append(output)
            else:
                self.offered.append(output)

    # -- the watcher

    def ask(self, trunk: TrunkSettings = TRUNK, target: Address | None = BEN_AT_X, **lines: str) -> Asked:
        """A SUBSCRIBE comes; :meth:`decide` has the core decide about it."""
        asked = Asked(subscribe(**lines), trunk)
        self.take(self.notifier.subscribed(asked, None if asked.request.to.tag else target, self.now))
        return asked

    def again(self, **lines: str) -> None:
        """A SUBSCRIBE within the dialog of the latest 200, decided about."""
        self.cseq += 1
        tag = next(answer.tag for code, answer in reversed(self.answers) if code == 200)
        self.ask(**({"To": f"<sip:ben*xmpp.example@x.sip.example>;tag={tag}",
                     "CSeq": f"{self.cseq} SUBSCRIBE"} | lines))
        self.decide()

    def reply(self, status: int = 200, cseq: int | None = None) -> None:
        """The watcher answers the latest NOTIFY."""
        send = self.sent[-1]
        self.take(self.notifier.answered(send.who, Response(status), cseq or send.request.cseq.number, self.now))

    # -- the core

    def decide(self, *verdicts: Verdict) -> None:
        """The verdicts on all that waits for one; yes to what is not named."""
        waiting = [offer for offer in self.offered if offer.ticket]
        self.offered = [offer for offer in self.offered if not offer.ticket]
        given = [*verdicts, *[Taken("")] * len(waiting)]
        for offer, verdict in zip(waiting, given, strict=False):
            self.events.append(offer.event)
            self.take(self.notifier.decided(offer.ticket, verdict, self.now))

    @property
    def events(self) -> list[object]:
        """What the core was told, decided about or not."""
        self._events += [offer.event for offer in self.offered if not offer.ticket]
        self.offered = [offer for offer in self.offered if offer.ticket]
        return self._events

    @property
    def told(self) -> list[object]:
        """Events but for memory."""
        return [event for event in self.events if not isinstance(event, Remember)]

    @property
    def leg(self) -> str:
        """The latest leg."""
        return list(self.notifier._subscriptions)[-1]

    def grant(self) -> None:
        self.take(self.notifier.deliver(WatchGranted(BEN, ANA, (self.leg,)), self.now))

    def refuse(self, reason: Reason = Reason.FORBIDDEN) -> None:
        self.take(self.notifier.deliver(WatchRefused(BEN, ANA, Failure(reason), (self.leg,)), self.now))

    def show(self, *devices: Device, **fields: object) -> None:
        self.take(self.notifier.deliver(presence(*devices, **({"legs": (self.leg,)} | fields)), self.now))

    # -- time and sight

    def wait(self, seconds: float) -> None:
        """Time passes, timer by timer."""
        end = self.now + seconds
        for _ in range(1000):
            due = self.notifier.next_timer()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.take(self.notifier.handle_timer(self.now))
        self.now = end

    def pending(self) -> None:
        """A subscription that is taken and not granted, its first NOTIFY answered."""
        self.ask()
        self.decide()
        self.reply()

    def active(self) -> None:
        """A subscription that shows a device."""
        self.ask()
        self.grant()
        self.show()
        self.decide()
        self.reply()

    @property
    def notifies(self) -> list[Request]:
        return [send.request for send in self.sent]

    def last(self) -> tuple[str, str]:
        """The latest NOTIFY: its state, and what it shows."""
        request = self.notifies[-1]
        return request.get("Subscription-State") or "", seen(request)

    @property
    def codes(self) -> list[int]:
        return [code for code, _ in self.answers]


def seen(request: Request) -> str:
    """What a document shows, in short: ``pc``, ``-`` for closed devices; ``none`` without a body."""
    if not request.body:
        return "none"
    devices = parse(request.body).devices
    return " ".join(("" if one.open else "-") + (one.instance or "it")
                    + (f"({one.show.value})" if one.show is not Show.ONLINE else "") for one in devices) or "empty"
