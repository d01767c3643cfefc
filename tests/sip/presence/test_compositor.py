"""The compositor: RFC 3903 section 6 (PUB-4, PUB-5)."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import (
    Address,
    Device,
    Failure,
    Mood,
    Published,
    Reason,
    Refused,
    Remember,
    Show,
    Taken,
    Verdict,
)
from iwf.mapping.pidf import build
from iwf.sip.presence.compositor import MAX_PUBLICATIONS, Compositor
from iwf.sip.presence.outputs import Answer, Asked, Offer, Output
from iwf.sip.settings import PresenceSettings
from iwf.sip.syntax.message import Request, parse_message
from tests.sip.samples import ANA, NOW, TRUNK, octets

PUBLISH = """\
PUBLISH sip:ana@sip.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK652hsge
Max-Forwards: 70
To: <sip:ana@sip.example>
From: <sip:ana@sip.example>;tag=1234wxyz
Call-ID: 81818181@pua.sip.example
CSeq: 1 PUBLISH
Event: presence
Expires: 3600
"""


def document(*devices: Device, **fields: object) -> bytes:
    return build("pres:ana@sip.example", devices or (Device("desk"),), now=NOW, **fields)  # type: ignore[arg-type]


def publish(body: bytes = b"", **lines: str) -> Request:
    """A PUBLISH with other lines; an empty one is left out."""
    head = PUBLISH.splitlines()
    lines = {"Content-Type": "application/pidf+xml" if body else ""} | {
        name.replace("_", "-"): value for name, value in lines.items()}
    for name, value in lines.items():
        head = [line for line in head if not line.startswith(f"{name}:")] + ([f"{name}: {value}"] if value else [])
    parsed = parse_message(octets("\n".join([*head, f"Content-Length: {len(body)}"]) + "\n\n") + body)
    assert isinstance(parsed, Request)
    return parsed


class Bench:
    """A compositor and its time."""

    def __init__(self, settings: PresenceSettings = PresenceSettings()) -> None:
        self.now = NOW
        self.compositor = Compositor(settings, {"x.sip.example"}, Ids(3))
        self.offers: list[Offer] = []
        self.events: list[object] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    def take(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Answer):
                self.answers.append((output.status.code, dict(output.status.headers)))
            elif isinstance(output, Offer) and output.ticket:
                self.offers.append(output)
            elif isinstance(output, Offer):
                self.events.append(output.event)

    def ask(self, body: bytes = b"", target: Address | None = ANA, **lines: str) -> None:
        self.take(self.compositor.published(Asked(publish(body, **lines), TRUNK), target, self.now))

    def decide(self, verdict: Verdict = Taken("")) -> None:
        waiting, self.offers = self.offers, []
        for offer in waiting:
            self.events.append(offer.event)
            self.take(self.compositor.decided(offer.ticket, verdict, self.now))

    def put(self, body: bytes = b"", **lines: str) -> str:
        """A PUBLISH that is taken: its tag."""
        self.ask(body, **lines)
        self.decide()
        code, headers = self.answers[-1]
        assert code == 200, code
        return headers["SIP-ETag"]

    def code(self, body: bytes = b"", **lines: str) -> int:
        self.ask(body, **lines)
        self.decide()
        return self.answers[-1][0]

    def shown(self) -> list[str]:
        """The devices that the core was told of last."""
        published = [event for event in self.events if isinstance(event, Published)][-1]
        return [("" if one.open else "-") + one.instance + one.show.value for one in published.devices]

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.compositor.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.take(self.compositor.handle_timer(self.now))
        self.now = end


class CheckTests(SynchronousTestCase):
    """What a PUBLISH must be like."""

    def test_refusals(self) -> None:
        """Foreign users, other packages, brief intervals, other types, broken documents, missing bodies."""
        good = document()
        for status, body, lines in (
            (403, good, {"From": "<sip:eve@sip.example>;tag=1"}),
            (403, good, {"From": "<sip:anonymous@anonymous.invalid>;tag=1"}),
            (489, good, {"Event": "dialog"}), (489, good, {"Event": ""}),
            (423, good, {"Expires": "59"}),
            (415, good, {"Content-Type": "text/plain"}), (415, good, {"Content-Encoding": "zip"}),
            (400, b"<presence", {}), (400, b"", {}), (412, good, {"SIP-If-Match": "unknown"}),
            (400, good, {"SIP-If-Match": "a, b"}), (400, good, {"Event": ";"}),
        ):
            bench = Bench()
            bench.ask(body, **lines)
            self.assertEqual(([code for code, _ in bench.answers], bench.offers, len(bench.compositor)),
                             ([status], [], 0), lines)

    def test_not_ours(self) -> None:
        """An address behind the gateway is published elsewhere (PUB-4)."""
        bench = Bench()
        bench.ask(document(), Address("sip", "ben*xmpp.example", "x.sip.example"))
        self.assertEqual(bench.answers, [(404, {})])

    def test_two_tags(self) -> None:
        """More than one tag is 400 (RFC 3903 6)."""
        bench = Bench()
        request = publish(document())
        twice = Request("PUBLISH", request.target, [*request.headers, ("SIP-If-Match", "a"), ("SIP-If-Match", "b")])
        bench.take(bench.compositor.published(Asked(twice, TRUNK), ANA, NOW))
        self.assertEqual(bench.answers[0][0], 400)


class LifeTests(SynchronousTestCase):
    """A publication from its beginning to its end."""

    def setUp(self) -> None:
        self.bench = Bench()

    def test_begin(self) -> None:
        """The core is told and it is remembered, then the answer has a tag and the interval (PUB-4, PUB-5)."""
        self.bench.ask(document(Device("desk", show=Show.AWAY)))
        remember, told = [offer.event for offer in self.bench.offers]
        assert isinstance(remember, Remember) and isinstance(told, Published)
        self.assertEqual((told.origin.address, told.target, told.until, told.lane), (ANA, ANA, NOW + 3600, "sip:proxy"))
        self.assertEqual((remember.until, self.bench.answers), (NOW + 3600, []))
        self.bench.decide()
        [(code, headers)] = self.bench.answers
        self.assertEqual((code, headers["Expires"], self.bench.shown()), (200, "3600", ["deskaway"]))
        self.assertTrue(headers["SIP-ETag"])

    def test_change_and_refresh(self) -> None:
        """Each answer brings a new tag, and the old one is of no use any more (PUB-2)."""
        first = self.bench.put(document())
        second = self.bench.put(document(Device("desk", show=Show.BUSY)), SIP_If_Match=first)
        self.assertEqual(self.bench.shown(), ["deskdnd"])
        self.bench.now += 3000
        third = self.bench.put(SIP_If_Match=second)
        self.assertEqual((len({first, second, third}), self.bench.shown()), (3, ["deskdnd"]))
        self.assertEqual([self.bench.code(SIP_If_Match=tag) for tag in (first, second)], [412, 412])
        self.bench.wait(3000)
        self.assertEqual(self.bench.shown(), ["deskdnd"])

    def test_remove(self) -> None:
        """Expires 0 takes it back (RFC 3903 4.5)."""
        tag = self.bench.put(document())
        self.bench.put(SIP_If_Match=tag, Expires="0")
        self.assertEqual((self.bench.shown(), len(self.bench.compositor), self.bench.compositor.next_timer()),
                         ([], 0, None))
        self.assertEqual([event.text for event in self.bench.events if isinstance(event, Remember)][-1], "")

    def test_expiry(self) -> None:
        """Not refreshed, it is gone, and the core is told."""
        self.bench.put(document())
        self.bench.wait(3601)
        self.assertEqual((self.bench.shown(), len(self.bench.compositor)), ([], 0))

    def test_two_devices(self) -> None:
        """What two devices publish is shown together, also under the same name; one that goes leaves the other."""
        desk = self.bench.put(document(Device("x"), aspects=(Mood("happy"),)))
        self.bench.put(document(Device("x", show=Show.AWAY)), Expires="1800")
        self.assertEqual(self.bench.shown(), ["x", "x~2away"])
        told = [event for event in self.bench.events if isinstance(event, Published)][-1]
        self.assertEqual((told.aspects, told.until), ((Mood("happy"),), NOW + 3600))
        self.bench.wait(1801)
        self.assertEqual(self.bench.shown(), ["x"])
        self.bench.put(Expires="0", SIP_If_Match=desk)
        self.assertEqual(self.bench.shown(), [])

    def test_refused(self) -> None:
        """When the core says no, all is as it was, the tag included (RFC 3903 6: atomic)."""
        tag = self.bench.put(document())
        self.bench.ask(document(Device("desk", show=Show.BUSY)), SIP_If_Match=tag)
        self.bench.decide(Refused(Failure(Reason.FORBIDDEN)))
        self.assertEqual(self.bench.answers[-1][0], 403)
        memory = [event.text for event in self.bench.events if isinstance(event, Remember)]
        self.assertEqual(memory[-1], memory[0])
        self.bench.put(SIP_If_Match=tag)

    def test_one_after_the_other(self) -> None:
        """A PUBLISH that comes while the core decides about another waits, and is judged by what that leaves."""
        tag = self.bench.put(document())
        self.bench.ask(document(Device("a")), SIP_If_Match=tag)
        self.bench.ask(document(Device("b")), SIP_If_Match=tag)
        self.bench.ask(document(Device("c")))
        self.assertEqual(len(self.bench.offers), 2)
        self.bench.decide()
        self.bench.decide()
        self.assertEqual(([code for code, _ in self.bench.answers], self.bench.shown()), ([200, 200, 412, 200],
                                                                                          ["a", "c"]))

    def test_no_more_than_that(self) -> None:
        """A device that forgets its tag each time does not fill the memory."""
        for number in range(MAX_PUBLICATIONS + 5):
            self.bench.now += 1
            self.bench.put(document(Device(f"d{number}")))
        self.assertEqual(len(self.bench.shown()), MAX_PUBLICATIONS)
        self.bench = Bench(PresenceSettings(max_watchers=0))
        self.assertEqual(self.bench.code(document()), 480)

    def test_empty_document(self) -> None:
        """A document without any device is one that is closed, not nothing at all."""
        self.bench.put(build("pres:ana@sip.example", (), now=NOW))
        self.assertEqual(self.bench.shown(), ["-"])


class MemoryTests(SynchronousTestCase):
    """Publications outlive a restart (SIP-93)."""

    def test_goes_on(self) -> None:
        """The core is told again, and the tag is still good."""
        before = Bench()
        tag = before.put(document(Device("gr\u00fcn")))
        [row] = [event for event in before.events if isinstance(event, Remember)]
        after = Bench()
        after.now += 60
        after.take(after.compositor.recall(row.key.partition(":")[2], row.text, after.now))
        after.wait(0.1)
        self.assertEqual(after.shown(), ["gr\u00fcn"])
        after.put(SIP_If_Match=tag)
        after.now += 7200
        late = Bench()
        late.take(late.compositor.recall("sip:ana@sip.example", row.text, after.now))
        self.assertEqual((len(late.compositor), [type(event) for event in late.events]), (0, [Remember]))

    @given(st.text(max_size=30) | st.sampled_from(
        ["[]", "[1,2,3]", '["a","b",[[1,9e12,3]]]', '["a","b",[["t",9e12,"<"]]]']))
    @settings(max_examples=40, deadline=None)
    def test_rubbish(self, text: str) -> None:
        """What cannot be read is forgotten."""
        bench = Bench()
        bench.take(bench.compositor.recall("sip:ana@sip.example", text, NOW))
        self.assertEqual(len(bench.compositor), 0)


class AnyOrderTests(SynchronousTestCase):
    """Any PUBLISH after any other."""

    @given(st.lists(st.sampled_from(["new", "change", "refresh", "end", "stale", "yes", "no", "wait"]), max_size=30))
    @settings(max_examples=100, deadline=None)
    def test_any_order(self, steps: list[str]) -> None:
        """Every PUBLISH is answered once, the core knows what was taken last, and nothing is left in the end."""
        bench = Bench()
        asked = 0
        for step in steps:
            tags = [headers["SIP-ETag"] for code, headers in bench.answers if code == 200]
            match = {"SIP_If_Match": tags[-1] if tags else "none"}
            if step in ("yes", "no"):
                bench.decide(Taken("") if step == "yes" else Refused(Failure(Reason.FORBIDDEN)))
            elif step == "wait":
                bench.wait(50)
            else:
                asked += 1
                lines = {"new": {}, "change": match, "refresh": match, "end": match | {"Expires": "0"},
                         "stale": {"SIP_If_Match": "gone"}}[step]
                bench.ask(document() if step in ("new", "change") else b"", **({"Expires": "60"} | lines))
        while bench.offers:
            bench.decide()
        self.assertEqual(len(bench.answers), asked)
        bench.wait(200)
        self.assertEqual((len(bench.compositor), bench.compositor.next_timer()), (0, None))
        if any(isinstance(event, Published) for event in bench.events):
            self.assertEqual([event for event in bench.events if isinstance(event, Remember)][-1].text, "")
