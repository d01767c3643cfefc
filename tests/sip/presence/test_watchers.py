"""Who watches a SIP user, as he is told it: the package presence.winfo (RFC 3857, RFC 3858)."""

from __future__ import annotations

from xml.etree import ElementTree

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Address,
    Party,
    Remember,
    WatchEnded,
    Watcher,
    Watchers,
    WatchersRequested,
)
from iwf.sip.syntax.message import Request
from tests.sip.presence.test_edge import PLAIN, Watching
from tests.sip.presence.watched import Bench
from tests.sip.samples import ANA, BEN_AT_X, NOW, TRUNK, changed, octets

WINFO = {"Event": "presence.winfo", "To": "<sip:ana@sip.example>"}
OTHER = Address("sip", "zoe*xmpp.example", "x.sip.example")
NAMESPACE = "{urn:ietf:params:xml:ns:watcherinfo}"


def listed(request: Request) -> list[tuple[str, str, str]]:
    """What a document says: each watcher with state and event."""
    assert request.get("Content-Type") == "application/watcherinfo+xml", request
    root = ElementTree.fromstring(request.body)
    assert (root.tag, root.get("state")) == (f"{NAMESPACE}watcherinfo", "full")
    (watchers,) = root
    assert (watchers.get("resource"), watchers.get("package")) == ("sip:ana@sip.example", "presence")
    ids = [one.get("id") for one in watchers]
    assert len(set(ids)) == len(ids), ids
    return [(one.text or "", one.get("status", ""), one.get("event", "")) for one in watchers]


def version(request: Request) -> int:
    return int(ElementTree.fromstring(request.body).get("version", ""))


class WatchersTests(SynchronousTestCase):
    """Ana wants to know who watches her."""

    def setUp(self) -> None:
        self.bench = Bench()

    def tell(self, *watchers: Watcher) -> None:
        told = Watchers(Party(ANA), ANA, watchers, (self.bench.leg,))
        self.bench.take(self.bench.notifier.deliver(told, self.bench.now))

    def begin(self, *watchers: Watcher, **lines: str) -> None:
        self.bench.ask(target=ANA, **(WINFO | lines))
        self.tell(*watchers)
        self.bench.decide()
        self.bench.reply()

    def test_asked(self) -> None:
        """The core is asked for her watchers, and she is told all of them at once (RFC 3857 4.4, RFC 3858)."""
        self.begin(Watcher(OTHER, False), Watcher(BEN_AT_X, True))
        [asked] = self.bench.told
        assert isinstance(asked, WatchersRequested)
        self.assertEqual((asked.origin.address, asked.leg, asked.until, asked.lane),
                         (ANA, self.bench.leg, NOW + 3600, TRUNK.lane))
        [notify] = self.bench.notifies
        self.assertEqual((notify.get("Event"), notify.get("Subscription-State")),
                         ("presence.winfo", "active;expires=3600"))
        self.assertEqual(listed(notify), [("sip:zoe*xmpp.example@x.sip.example", "pending", "subscribe"),
                                          ("sip:ben*xmpp.example@x.sip.example", "active", "approved")])

    def test_versions(self) -> None:
        """Documents are numbered from 0, and one that says nothing new is not sent (RFC 3858 4.1)."""
        self.begin()
        self.tell()
        for watcher in (Watcher(BEN_AT_X, False), Watcher(BEN_AT_X, True)):
            self.bench.wait(5)
            self.tell(watcher)
            self.bench.reply()
        self.assertEqual([version(one) for one in self.bench.notifies], [0, 1, 2])
        self.assertEqual([listed(one) for one in self.bench.notifies][0], [])

    def test_late(self) -> None:
        """What comes only after the answer goes out as soon as it is there."""
        self.bench.ask(target=ANA, **WINFO)
        self.bench.decide()
        self.bench.reply()
        self.assertEqual(self.bench.last(), ("pending;expires=3600", "none"))
        self.tell(Watcher(BEN_AT_X, False))
        self.assertEqual(len(listed(self.bench.notifies[-1])), 1)

    def test_refreshed(self) -> None:
        """A refresh brings the list again, in full (RFC 3857 4.4)."""
        self.begin(Watcher(BEN_AT_X, True))
        self.bench.again(**WINFO | {"To": f"<sip:ana@sip.example>;tag={self.bench.leg}"})
        self.assertEqual(self.bench.codes[-1], 200)
        self.assertEqual([version(one) for one in self.bench.notifies], [0, 1])

    def test_ended(self) -> None:
        """It ends with one more NOTIFY without a document, and the core is told."""
        self.begin(Watcher(BEN_AT_X, True))
        self.bench.again(**WINFO | {"To": f"<sip:ana@sip.example>;tag={self.bench.leg}", "Expires": "0"})
        self.assertEqual(self.bench.last(), ("terminated;reason=timeout", "none"))
        ended = self.bench.told[-1]
        assert isinstance(ended, WatchEnded)
        self.assertEqual((ended.target, ended.leg), (ANA, self.bench.leg))

    def test_once(self) -> None:
        """Who wants to know once is told once (RFC 6665 4.4.3)."""
        self.bench.ask(target=ANA, **WINFO, Expires="0")
        self.tell(Watcher(BEN_AT_X, False))
        self.bench.decide()
        [asked] = self.bench.told
        assert isinstance(asked, WatchersRequested)
        self.assertIsNone(asked.until)
        [notify] = self.bench.notifies
        self.assertEqual((len(listed(notify)), notify.get("Subscription-State")), (1, "terminated;reason=timeout"))

    def test_not_hers(self) -> None:
        """Nobody is told of another's watchers, least of all of an XMPP user's (RFC 3857 4.6)."""
        for target in (BEN_AT_X, evolve(ANA, user="eve")):
            self.bench.ask(target=target, **WINFO)
            self.assertEqual((self.bench.codes.pop(), self.bench.offered), (403, []))

    def test_accept(self) -> None:
        """Who does not read such lists gets 406 (RFC 3857 4.5)."""
        self.bench.ask(target=ANA, **WINFO, Accept="application/pidf+xml")
        code, answer = self.bench.answers.pop()
        self.assertEqual((code, dict(answer.status.headers)), (406, {"Accept": "application/watcherinfo+xml"}))

    def test_other_package(self) -> None:
        """A dialog is of one package (RFC 6665 4.5.2)."""
        self.begin()
        self.bench.again(Event="presence", To=f"<sip:ana@sip.example>;tag={self.bench.leg}")
        self.assertEqual(self.bench.codes[-1], 481)

    def test_restart(self) -> None:
        """After a restart it goes on, with higher numbers (SIP-93)."""
        self.begin(Watcher(BEN_AT_X, False))
        leg = self.bench.leg
        [memory] = [event for event in self.bench.events if isinstance(event, Remember)]
        self.bench.notifier = self.bench.fresh()
        self.bench.take(self.bench.notifier.recall(leg, memory.text, self.bench.now))
        self.bench.wait(1)
        self.tell(Watcher(BEN_AT_X, True))
        self.bench.decide()
        asked = self.bench.told[-1]
        assert isinstance(asked, WatchersRequested)
        self.assertEqual((asked.leg, asked.until), (leg, NOW + 3600))
        self.assertEqual(listed(self.bench.notifies[-1])[0][1], "active")
        self.assertGreater(version(self.bench.notifies[-1]), 0)


class EdgeTests(Watching):
    """The octets."""

    def test_on_the_wire(self) -> None:
        """It is asked for at her own address, which is no image, and her answers find us (RFC 3857 4, SIP-76)."""
        self.rig.receive(octets(changed(PLAIN, (f"sip:{BEN_AT_X.user}@x.sip.example", "sip:ana@sip.example"),
                                        ("Event: presence", "Event: presence.winfo"))))
        leg = self.rig.intake.events[1].leg
        self.deliver(Watchers(Party(ANA), ANA, (Watcher(BEN_AT_X, False),), (leg,)))
        self.decide()
        answer, notify = self.sent()
        assert isinstance(notify, Request)
        self.assertEqual((answer.get("Contact"), notify.get("Contact"), answer.get("Allow-Events")),
                         (*["<sip:ana@iwf.sip.example:5060>"] * 2, "presence, presence.winfo"))
        self.assertEqual(listed(notify), [("sip:ben*xmpp.example@x.sip.example", "pending", "subscribe")])
