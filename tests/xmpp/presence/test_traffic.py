"""Presence on a stream: the edge between a scripted server and a stub core."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred

from iwf.mapping.model import (
    Accepted,
    Device,
    Failure,
    Item,
    Party,
    Payload,
    Presence,
    Reason,
    Refused,
    Rejected,
    Remember,
    Taken,
    Verdict,
    WatchEnded,
    WatchFetched,
    WatchGranted,
    WatchRefused,
    WatchRenewed,
    WatchRequested,
)
from iwf.xmpp.presence.partings import TOGETHER
from tests.xmpp.kit import ANA, BEN, DOMAIN, LANE, Memory, parse
from tests.xmpp.presence.test_reading import IMAGE
from tests.xmpp.server import EdgeCase, Server

PARTY = Party(ANA)
KEY = "xmpp:ben@xmpp.example"


def presence(type: str = "", to: str = IMAGE, sender: str = "ben@xmpp.example/pc") -> str:
    given = f" type='{type}'" if type else ""
    return f"<presence from='{sender}' to='{to}'{given} id='p1'/>"


class Case(EdgeCase):
    """An edge and what it writes."""

    def write(self, payload: Payload) -> list[Accepted | Rejected]:
        return self.deliver(Item("i1", LANE, "s", payload))

    def told(self, server: Server) -> list[tuple[str, str, str]]:
        return [(one.getAttribute("type", ""), one["from"], one["to"]) for one in self.echo(server)]

    def told_last(self, server: Server) -> list[tuple[str, str, str]]:
        """The same of what stands before the end of the stream."""
        self.clock.advance(0)
        text = server.written().removesuffix("</stream:stream>")
        stanzas = parse(f"<x>{text}</x>").elements()
        return [(one.getAttribute("type", ""), one["from"], one["to"]) for one in stanzas
                if one.name == "presence"]

    def offered(self) -> list[type]:
        events, self.core.events[:] = [type(event) for event in self.core.events], []
        return events


class OutboundTests(Case):
    """Items of presence."""

    def test_several_stanzas(self) -> None:
        """All stanzas of an item are written together, and confirmed together."""
        server = self.connect()
        news = self.write(Presence(PARTY, BEN, (Device("a"), Device("b"))))
        self.assertEqual(["/a", "/b"], [sender.removeprefix(IMAGE) for _, sender, _ in self.told(server)])
        self.assertEqual([], news)
        self.echo(server)
        self.assertIsInstance(news[0], Accepted)

    def test_nothing_to_write(self) -> None:
        """An item that nobody is to be told of is done at once."""
        server = self.connect()
        (news,) = self.write(Presence(PARTY, BEN, known=False))
        self.assertIsInstance(news, Accepted)
        self.assertEqual([], self.told(server))

    def test_that_cannot_be_written(self) -> None:
        """What has no JID is refused, and the stream lives on."""
        server = self.connect()
        (news,) = self.write(WatchGranted(PARTY, evolve(BEN, domain="")))
        assert isinstance(news, Rejected)
        self.assertEqual((Reason.MALFORMED_ADDRESS, False), (news.failure.reason, news.retry))
        self.assertEqual([], self.told(server))

    def test_orderly_stop(self) -> None:
        """At a stop every image that was shown is taken back, and the gateway goes (XMPP-21)."""
        self.memory = Memory({KEY: "ben@xmpp.example"})
        self.start()
        server = self.connect()
        self.write(Presence(PARTY, BEN, (Device("a"),)))
        self.echo(server)
        self.echo(server)
        self.write(Presence(Party(evolve(ANA, user="ewa*sip.example")), BEN, (Device(),)))
        self.edge.stopService()
        self.assertEqual([
            ("", f"ewa*sip.example@{DOMAIN}", "ben@xmpp.example"),
            ("unavailable", f"{IMAGE}/a", "ben@xmpp.example"),
            ("unavailable", f"ewa*sip.example@{DOMAIN}", "ben@xmpp.example"),
            ("unavailable", DOMAIN, "ben@xmpp.example")], self.told_last(server))
        server.lose()
        self.assertEqual([], self.clock.getDelayedCalls())


class InboundTests(Case):
    """What users say."""

    def test_events_in_order(self) -> None:
        """A stanza that says several things is several events."""
        server = self.connect()
        server.send(presence("subscribe") + presence() + presence("unavailable"))
        self.assertEqual([WatchRequested, WatchRenewed, Presence, Presence, WatchEnded, WatchEnded],
                         self.offered())
        self.assertEqual([], self.told(server))

    def test_change_of_show(self) -> None:
        """Who only changes his show does not ask anew; who probes does (PRES-9, PRES-15)."""
        server = self.connect()
        server.send(presence() + presence())
        self.assertEqual([WatchRenewed, Presence, Presence], self.offered())
        server.send(presence("probe") + presence("unavailable") + presence())
        self.assertEqual(2, self.offered().count(WatchRenewed))
        server.send(presence("probe", sender="ben@xmpp.example/tv") + presence(sender="ben@xmpp.example/tv"))
        self.assertEqual(1, self.offered().count(WatchRenewed))

    def test_one_of_several_leaves(self) -> None:
        """Who asked, by one resource or another, is told until the last of his resources has left (PRES-10)."""
        server = self.connect()
        server.send(presence() + presence(sender="ben@xmpp.example/tv"))
        for type in ("unsubscribe", "subscribe"):
            server.send(presence(type, sender="ben@xmpp.example"))
        (asked,) = [event.leg for event in self.core.events if isinstance(event, WatchRequested)]
        self.offered()
        for resource, is_last in (("tv", False), ("pc", True)):
            server.send(presence("unavailable", sender=f"ben@xmpp.example/{resource}"))
            ended = [event.leg for event in self.core.events if isinstance(event, WatchEnded)]
            self.assertEqual(asked in ended, is_last, resource)
            self.offered()

    def test_permission_taken_back(self) -> None:
        """Who is let see an image once more looks anew."""
        server = self.connect()
        server.send(presence())
        self.write(WatchRefused(PARTY, BEN, Failure(Reason.FORBIDDEN)))
        self.offered()
        server.send(presence())
        self.assertEqual([WatchRenewed, Presence], self.offered())

    def test_taking_back_is_no_farewell(self) -> None:
        """Who does not let himself be seen any longer goes out of sight and looks on, whether his server says the
        one first or the other (RFC 6121 3.2.2)."""
        refused = presence("unsubscribed", sender="ben@xmpp.example")
        gone = presence("unavailable") + presence("unavailable", sender="ben@xmpp.example/tv")
        for said, expected in (
            (gone + refused, [Presence, WatchEnded, Presence, WatchEnded, WatchEnded, WatchRefused]
             + [WatchRenewed] * 2),
            (refused + gone, [WatchRefused, Presence, Presence]),
        ):
            server = self.connect()
            server.send(presence() + presence(sender="ben@xmpp.example/tv"))
            legs = {event.leg for event in self.core.events if isinstance(event, WatchRenewed)}
            self.offered()
            server.send(said)
            renewed = {event.leg for event in self.core.events if isinstance(event, WatchRenewed)}
            self.assertIn(renewed, (legs, set()))
            self.assertEqual(expected, self.offered())
            server.lose()
            self.clock.advance(10)

    def test_farewell_after_taking_back(self) -> None:
        """Who leaves a while before or after he takes back what he allowed, has left."""
        server = self.connect()
        server.send(presence() + presence("unavailable"))
        self.clock.advance(TOGETHER)
        self.offered()
        server.send(presence("unsubscribed", sender="ben@xmpp.example"))
        self.clock.advance(TOGETHER)
        server.send(presence("unavailable"))
        self.assertEqual([WatchRefused, Presence, WatchEnded, WatchEnded], self.offered())

    def test_new_stream(self) -> None:
        """After a break everybody who is heard of looks anew."""
        server = self.connect()
        server.send(presence())
        server.lose()
        self.clock.advance(2)
        self.offered()
        self.connect().send(presence())
        self.assertEqual([WatchRenewed, Presence], self.offered())

    def test_answer_after_the_verdict(self) -> None:
        """Nobody is answered before the core has judged."""
        server = self.connect()
        verdict: Deferred[Verdict] = Deferred()
        self.core.verdict = verdict
        server.send(presence("probe"))
        self.assertEqual([], self.told(server))
        verdict.callback(Refused(Failure(Reason.SUBSCRIPTION_REQUIRED)))
        self.assertEqual([("unsubscribed", IMAGE, "ben@xmpp.example")], self.told(server))

    def test_refused_look(self) -> None:
        """Who may not look is not told so when he only says that he is there, and may later."""
        server = self.connect()
        self.core.verdict = Refused(Failure(Reason.SUBSCRIPTION_REQUIRED))
        server.send(presence() + presence())
        self.assertEqual([], self.told(server))
        self.assertEqual([WatchRenewed, Presence] * 2, self.offered())

    def test_stop_waits_for_answers(self) -> None:
        """A stop waits for the answer to what was asked before it."""
        server = self.connect()
        verdict: Deferred[Verdict] = Deferred()
        self.core.verdict = verdict
        server.send(presence("subscribe", DOMAIN, "ben@xmpp.example"))
        self.edge.stopService()
        self.echo(server)
        self.assertFalse(server.transport.disconnecting)
        verdict.callback(Taken(""))
        self.assertEqual(["subscribed", ""], [type for type, _, _ in self.told_last(server)])
        self.assertTrue(server.transport.disconnecting)
        server.lose()


class FetchTests(Case):
    """A state that a SIP user wants once (PRES-28)."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.connect()
        self.write(WatchFetched(PARTY, BEN, "s1"))
        self.assertEqual([("probe", IMAGE, "ben@xmpp.example")], self.told(self.server))
        self.echo(self.server)

    def test_answer(self) -> None:
        """What the server says after the probe is one answer (PRES-28)."""
        self.server.send(presence() + presence(sender="ben@xmpp.example/phone"))
        self.assertEqual([WatchRenewed, WatchRenewed], self.offered())
        self.clock.advance(0.3)
        (answer,) = self.core.events
        assert isinstance(answer, Presence)
        self.assertEqual((("s1",), ["pc", "phone"]),
                         (answer.legs, [one.instance for one in answer.devices]))

    def test_refused(self) -> None:
        """A server that says no is believed at once."""
        self.server.send(presence("unsubscribed", sender="ben@xmpp.example"))
        answer, refusal = self.core.events
        assert isinstance(answer, WatchRefused) and isinstance(refusal, WatchRefused)
        self.assertEqual((("s1",), ()), (answer.legs, refusal.legs))

    def test_silence(self) -> None:
        """A server that says nothing is not waited for long."""
        self.clock.advance(1)
        (answer,) = self.core.events
        assert isinstance(answer, Presence)
        self.assertEqual((("s1",), False), (answer.legs, answer.known))

    def test_stop(self) -> None:
        """A stop leaves no timer behind, whether the server is there or not."""
        for is_there in (True, False):
            if not is_there:
                self.write(WatchFetched(PARTY, BEN, "s1"))
                self.server.lose()
            self.edge.stopService()
            if is_there:
                self.server.lose()
            self.assertEqual([], self.clock.getDelayedCalls())
            self.edge.startService()
            self.server = self.connect()


class GatewayTests(Case):
    """The gateway in rosters (XMPP-21..23)."""

    def test_start(self) -> None:
        """At a start those who know the gateway are told that it is there."""
        self.memory = Memory({KEY: "ben@xmpp.example"})
        self.start()
        server = self.accept_authenticated()
        self.assertEqual([("", DOMAIN, "ben@xmpp.example")], self.told(server))

    def test_comes_and_goes(self) -> None:
        """Who adds the gateway is told at every start, until he removes it."""
        server = self.connect()
        server.send(presence("subscribe", DOMAIN, "ben@xmpp.example"))
        self.assertEqual([("subscribed", DOMAIN, "ben@xmpp.example"), ("", DOMAIN, "ben@xmpp.example")],
                         self.told(server))
        server.lose()
        self.clock.advance(2)
        server = self.accept_authenticated()
        self.assertEqual([("", DOMAIN, "ben@xmpp.example")], self.told(server))
        server.send(presence("unsubscribe", DOMAIN, "ben@xmpp.example"))
        self.assertEqual([("unsubscribed", DOMAIN, "ben@xmpp.example")], self.told(server))
        self.assertEqual([Remember, WatchRequested, Remember, WatchEnded], self.offered())
        server.lose()
        self.clock.advance(2)
        self.assertEqual([], self.told(self.accept_authenticated()))

    def test_refused(self) -> None:
        """Where nothing can be remembered, nothing is promised."""
        server = self.connect()
        self.core.verdict = Refused(Failure(Reason.INTERNAL, permanent=False))
        server.send(presence("subscribe", DOMAIN, "ben@xmpp.example"))
        self.assertEqual([("error", DOMAIN, "ben@xmpp.example")], self.told(server))
