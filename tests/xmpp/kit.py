"""What the tests of the XMPP edge share: a component, stanzas from text, items, a stub core."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.words.xish.domish import Element
from zope.interface import implementer

from iwf.edge import IIntake, ILane, ILanes, IMemory, IOutlet
from iwf.mapping.model import (
    Address,
    Body,
    Event,
    Failure,
    Item,
    Message,
    Party,
    Reason,
    Report,
    Taken,
    Verdict,
)
from iwf.xmpp.elements import Component, component_of
from iwf.xmpp.settings import ComponentSettings, XmppSettings
from iwf.xmpp.stream import LimitedElementStream

DOMAIN = "s.xmpp.example"
LANE = "xmpp:s.xmpp.example"
HEADER = (
    "<stream:stream xmlns='jabber:component:accept' from='s.xmpp.example' id='3BF96D32'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)

SETTINGS = ComponentSettings(
    domain=DOMAIN, connect="tcp:host=127.0.0.1:port=5347", secret="test", bridges="sip", lane=LANE
)
PHONES = ComponentSettings(
    domain="sms.xmpp.example", connect="tcp:host=127.0.0.1:port=5347", secret="test",
    bridges="tel", lane="xmpp:sms.xmpp.example",
)  # fmt: skip
BOTH = XmppSettings((SETTINGS, PHONES))
COMPONENT: Component = component_of(SETTINGS, BOTH, "0.1.0", 0.0)
PHONE_COMPONENT: Component = component_of(PHONES, BOTH, "0.1.0", 0.0)

ANA = Address("xmpp", "ana*sip.example", DOMAIN)
BEN = Address("xmpp", "ben", "xmpp.example")


class Parser:
    """Parses what goes over a component stream."""

    def __init__(self, max_stanza: int = 262_144) -> None:
        self.stanzas: list[Element] = []
        self.too_large: list[Element] = []
        self.is_ended = False
        self.stream = LimitedElementStream(max_stanza)
        self.stream.DocumentStartEvent = lambda root: None
        self.stream.ElementEvent = self.stanzas.append
        self.stream.TooLargeEvent = self.too_large.append
        self.stream.DocumentEndEvent = self._end
        self.feed(HEADER)

    def _end(self) -> None:
        self.is_ended = True

    def feed(self, text: str | bytes) -> None:
        self.stream.parse(text.encode() if isinstance(text, str) else text)


def parse(text: str | bytes) -> Element:
    """The one stanza in a text."""
    parser = Parser(max_stanza=10_000_000)
    parser.feed(text)
    (element,) = parser.stanzas
    return element


def message(inner: str = "<body>hi</body>", **attributes: str) -> Element:
    """A message from ben to ana's image, unless the attributes say otherwise."""
    given = {"from": "ben@xmpp.example/pc", "to": f"ana*sip.example@{DOMAIN}", "id": "m42"}
    given |= {key.rstrip("_"): value for key, value in attributes.items()}
    written = "".join(f' {key}="{value}"' for key, value in given.items() if value)
    return parse(f"<message{written}>{inner}</message>")


def text_to_ben(text: str = "hi", id: str = "m1", **fields: object) -> Item:
    """An item for the XMPP side."""
    given = {"origin": Party(ANA), "target": BEN, "bodies": (Body(text),)} | fields
    return Item(f"item-{id}", LANE, "s", Message(id, **given), created=1000.0)  # type: ignore[arg-type]


def failure_to_ben(failure: Failure = Failure(Reason.UNKNOWN_RECIPIENT), id: str = "m42") -> Item:
    """A report for the XMPP side."""
    recipient = Address("xmpp", "ben", "xmpp.example", "pc")
    return Item(f"report-{id}", LANE, "s", Report(id, recipient, ANA, failure), created=1000.0)


@implementer(IIntake)
@define
class Core:
    """Takes every event, unless told otherwise."""

    verdict: Verdict | Deferred[Verdict] = Taken("d1")
    events: list[Event] = field(factory=list)

    def offer(self, event: Event) -> Deferred[Verdict]:
        self.events.append(event)
        return self.verdict if isinstance(self.verdict, Deferred) else succeed(self.verdict)


@implementer(IMemory)
@define
class Memory:
    """Remembers what it was made with."""

    texts: dict[str, str] = field(factory=dict)

    def recall(self, edge: str) -> list[tuple[str, str]]:
        assert edge == LANE
        return list(self.texts.items())


@implementer(ILane)
@define
class Lane:
    """Remembers the credit it was given."""

    name: str
    outlet: IOutlet
    grants: list[int] = field(factory=list)

    def grant(self, credit: int) -> None:
        self.grants.append(credit)

    @property
    def credit(self) -> int:
        return self.grants[-1] if self.grants else 0


@implementer(ILanes)
@define
class Lanes:
    """Keeps the attached outlets."""

    lanes: dict[str, Lane] = field(factory=dict)

    def attach(self, name: str, outlet: IOutlet, keeps_order: bool) -> Lane:
        assert keeps_order, "a component stream keeps order"
        self.lanes[name] = Lane(name, outlet)
        return self.lanes[name]
