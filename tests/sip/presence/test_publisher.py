"""Publishing the state of our users at a presence server: RFC 3903, PUB-1 to PUB-3."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import Device, Party, Published, Remember, Show
from iwf.mapping.pidf import parse
from iwf.sip.presence.outputs import Offer, Output, Send
from iwf.sip.presence.publisher import Publisher
from iwf.sip.syntax.message import Request, Response
from tests.sip.samples import BEN_AT_X, NOW, SETTINGS, TRUNK

DAY = 86400.0
PUBLISHING = evolve(SETTINGS, trunks=(evolve(TRUNK, publish=True),))


class Desk:
    """A publisher in virtual time, and a server that answers as a test wants it to."""

    def __init__(self, settings: Any = PUBLISHING) -> None:
        self.now = NOW
        self.publisher = Publisher(settings, Ids(1))
        self.memory: dict[str, str] = {}
        self.sends: list[Send] = []
        self.tags = 0

    def take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self.sends.append(output)
            else:
                assert isinstance(output, Offer) and isinstance(output.event, Remember)
                self.memory[output.event.key] = output.event.text

    def publish(self, *shows: str) -> None:
        """Ben has so many devices, with these shows."""
        devices = tuple(Device(f"d{number}", show=Show(show)) for number, show in enumerate(shows))
        self.take(self.publisher.deliver(Published(Party(BEN_AT_X), BEN_AT_X, devices), TRUNK.lane, self.now))

    def sent(self) -> list[Request]:
        sends, self.sends = self.sends, []
        return [send.request for send in sends]

    def request(self) -> Request:
        [send] = self.sends
        self.sends = []
        self.who = send.who
        return send.request

    def answer(self, request: Request, status: int, *headers: tuple[str, str]) -> None:
        self.take(self.publisher.answered(self.who, Response(status, "", headers), request.cseq.number, self.now))

    def accept(self, request: Request, expires: int = 3600) -> str:
        """The server takes it; the tag that it gives."""
        self.tags += 1
        self.answer(request, 200, ("SIP-ETag", f"tag{self.tags}"), ("Expires", str(expires)))
        return f"tag{self.tags}"

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.publisher.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.take(self.publisher.handle_timer(self.now))
        self.now = until

    def restarted(self) -> Desk:
        other = Desk()
        other.now, other.tags = self.now, self.tags
        for key, text in self.memory.items():
            if text:
                other.take(other.publisher.recall(key.partition(":")[2], text, other.now))
        return other


def shows(request: Request) -> list[str]:
    return [device.show.value for device in parse(request.body).devices]


class PublisherTests(SynchronousTestCase):
    """One user at one server."""

    def setUp(self) -> None:
        self.desk = Desk()

    def published(self, *shows: str) -> str:
        self.desk.publish(*(shows or ("",)))
        return self.desk.accept(self.desk.request())

    def test_first(self) -> None:
        """The first PUBLISH has the whole state and no tag, from and to the user's image (PUB-1, PUB-2)."""
        self.desk.publish("away", "dnd")
        [send] = self.desk.sends
        request = self.desk.request()
        self.assertEqual(("PUBLISH", "sip:ben*xmpp.example@x.sip.example"), (request.method, request.target))
        self.assertEqual((request.target, request.target), (str(request.from_.uri), str(request.to.uri)))
        self.assertEqual(("presence", "3600", "application/pidf+xml", None, None), tuple(map(request.get, (
            "Event", "Expires", "Content-Type", "SIP-If-Match", "Contact"))))
        self.assertEqual(["away", "dnd"], shows(request))
        self.assertIsNone(send.image)

    def test_not_wanted(self) -> None:
        """A trunk without ``publish`` is told nothing (PUB-1)."""
        desk = Desk(SETTINGS)
        desk.publish("")
        self.assertEqual(([], 0), (desk.sent(), len(desk.publisher)))

    def test_change(self) -> None:
        """A change names the tag of what it replaces; every answer brings another one (PUB-2)."""
        tag = self.published()
        for show in ("away", "dnd"):
            self.desk.publish(show)
            request = self.desk.request()
            self.assertEqual((tag, [show]), (request.get("SIP-If-Match"), shows(request)))
            tag = self.desk.accept(request)

    def test_same(self) -> None:
        """The state that is there already is not told again."""
        self.published("away")
        self.desk.publish("away")
        self.assertEqual([], self.desk.sent())

    def test_refresh(self) -> None:
        """Before it runs out it is refreshed, by the tag and without a body (PUB-2)."""
        tag = self.published()
        for _ in range(3):
            self.desk.wait(3570)
            request = self.desk.request()
            self.assertEqual((tag, b"", None, "3600"), (request.get("SIP-If-Match"), request.body,
                                                       request.get("Content-Type"), request.get("Expires")))
            tag = self.desk.accept(request)

    def test_shorter(self) -> None:
        """The server says how long it lasts (PUB-2)."""
        self.desk.publish("")
        self.desk.accept(self.desk.request(), 60)
        self.desk.wait(46)
        self.assertEqual(1, len(self.desk.sent()))

    def test_removal(self) -> None:
        """Without any device it is taken back, and forgotten (PUB-2)."""
        tag = self.published()
        self.desk.publish()
        request = self.desk.request()
        self.assertEqual((tag, "0", b""), (request.get("SIP-If-Match"), request.get("Expires"), request.body))
        self.desk.answer(request, 200, ("Expires", "0"))
        self.desk.wait(DAY)
        self.assertEqual((0, [], [""]), (len(self.desk.publisher), self.desk.sent(), list(self.desk.memory.values())))

    def test_removal_fails(self) -> None:
        """What cannot be taken back runs out by itself."""
        for status in (408, 412, 500):
            self.published()
            self.desk.publish()
            self.desk.answer(self.desk.request(), status)
            self.assertEqual((0, []), (len(self.desk.publisher), self.desk.sent()))

    def test_nothing_to_remove(self) -> None:
        """Who was never there need not be taken back."""
        self.desk.publish()
        self.assertEqual(([], 0), (self.desk.sent(), len(self.desk.publisher)))

    def test_one_at_a_time(self) -> None:
        """While a PUBLISH is on its way no other is sent; then the latest state is (PUB-3)."""
        self.desk.publish("away")
        first = self.desk.request()
        for show in ("dnd", "xa", "chat"):
            self.desk.publish(show)
        self.assertEqual([], self.desk.sent())
        tag = self.desk.accept(first)
        second = self.desk.request()
        self.assertEqual((["chat"], tag, 2), (shows(second), second.get("SIP-If-Match"), second.cseq.number))

    def test_back_while_leaving(self) -> None:
        """Who comes back while he is being taken away is published anew."""
        self.published()
        self.desk.publish()
        removal = self.desk.request()
        self.desk.publish("away")
        self.desk.answer(removal, 200)
        request = self.desk.request()
        self.assertEqual((None, ["away"]), (request.get("SIP-If-Match"), shows(request)))

    def test_forgotten(self) -> None:
        """412: the server does not know the tag any more, so it is told everything again, once (PUB-3)."""
        self.published("away")
        self.desk.wait(3570)
        self.desk.answer(self.desk.request(), 412)
        request = self.desk.request()
        self.assertEqual((None, ["away"]), (request.get("SIP-If-Match"), shows(request)))
        self.desk.answer(request, 412)
        self.assertEqual([], self.desk.sent())

    def test_too_brief(self) -> None:
        """423: as long as the server wants it (PUB-3)."""
        self.desk.publish("")
        self.desk.answer(self.desk.request(), 423, ("Min-Expires", "7200"))
        self.assertEqual("7200", self.desk.request().get("Expires"))

    def test_stop(self) -> None:
        """404, 405, 489, 501: the server wants nothing of this user, now or later (PUB-3)."""
        for status in (404, 405, 489, 501, 403):
            desk = self.desk = Desk()
            desk.publish("")
            desk.answer(desk.request(), status)
            desk.publish("away")
            desk.wait(DAY)
            self.assertEqual([], desk.sent())

    def test_again(self) -> None:
        """Faults that pass: tried again later, longer each time, with the latest state."""
        self.desk.publish("")
        start = self.desk.now
        waits = []
        for status in (408, 503, 500):
            self.desk.answer(self.desk.request(), status)
            self.desk.publish("dnd")
            self.assertEqual([], self.desk.sends)
            due = self.desk.publisher.next_timer()
            assert due is not None
            self.desk.wait(due - self.desk.now)
            waits.append(self.desk.now - start)
            start = self.desk.now
        self.assertEqual(["dnd"], shows(self.desk.request()))
        for wait, least in zip(waits, (60, 120, 240), strict=True):
            self.assertTrue(least <= wait <= 1.25 * least + 0.1, waits)

    def test_runs_out_unrefreshed(self) -> None:
        """What could not be refreshed in time is begun anew, without the tag (PUB-2)."""
        self.published("away")
        self.desk.wait(3570)
        self.desk.answer(self.desk.request(), 503)
        self.desk.wait(200)
        request = self.desk.request()
        self.assertEqual((None, ["away"]), (request.get("SIP-If-Match"), shows(request)))

    def test_restart(self) -> None:
        """After a restart the next state replaces what is there; nothing is refreshed before (SIP-93)."""
        tag = self.published("away")
        after = self.desk.restarted()
        after.wait(10)
        self.assertEqual([], after.sent())
        after.publish("away")
        request = after.request()
        self.assertEqual((tag, ["away"]), (request.get("SIP-If-Match"), shows(request)))
        self.assertGreater(request.cseq.number, 1)

    def test_restart_and_silence(self) -> None:
        """Of whom nothing is heard any more, nothing is published any more."""
        self.published()
        after = self.desk.restarted()
        after.wait(DAY)
        self.assertEqual(([], 0, None), (after.sent(), len(after.publisher), after.publisher.next_timer()))

    def test_unreadable(self) -> None:
        """What cannot be read is forgotten, and does no harm."""
        for text in ("", "{", "[]", '[1,"a"]'):
            desk = Desk()
            desk.take(desk.publisher.recall("key", text, desk.now))
            self.assertEqual({"pub:key": ""}, desk.memory)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.one_of(
        st.tuples(st.just("publish"), st.lists(st.sampled_from(["", "away", "dnd"]), max_size=2)),
        st.tuples(st.just("answer"), st.sampled_from([200, 404, 408, 412, 423, 500, 503])),
        st.tuples(st.just("wait"), st.sampled_from([1, 70, 3570, 4000]))), max_size=30))
    def test_any_order(self, steps: list[tuple[str, Any]]) -> None:
        """In any order: one PUBLISH at a time, the latest state arrives, and nothing is left behind (PUB-3)."""
        desk = Desk()
        open_ones: list[Request] = []
        there: list[str] = []
        until = 0.0
        latest: list[str] = []
        stopped = False

        def answer(status: int) -> None:
            nonlocal there, until, stopped
            request = open_ones.pop()
            is_removal = request.get("Expires") == "0"
            stopped = stopped or status == 404 and not is_removal
            desk.tags += 1
            if is_removal or status == 412:
                there = []  # where its removal failed, it runs out
            elif status == 200:
                there, until = shows(request) if request.body else there, desk.now + 3600
            desk.answer(request, status, ("SIP-ETag", f"t{desk.tags}"), ("Expires", "3600"), ("Min-Expires", "7200"))

        def collect() -> None:
            while desk.sends:
                self.assertEqual([], open_ones)
                open_ones.append(desk.request())

        for name, value in steps:
            if name == "publish":
                latest = value
                desk.publish(*value)
            elif name == "wait":
                desk.wait(value)
            elif open_ones:
                answer(value)
            collect()
        for _ in range(6):
            while open_ones:
                answer(200)
                collect()
            desk.wait(1200)
            collect()
        while open_ones:
            answer(200)
            collect()
        if stopped:
            return
        self.assertEqual(latest, there if desk.now < until else [])
        self.assertEqual(len(desk.publisher), 1 if latest else 0)
