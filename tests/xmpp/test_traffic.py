"""Stanzas through the edge, both ways."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from iwf.mapping.model import (
    Accepted,
    Address,
    Body,
    Failure,
    Message,
    Party,
    Reason,
    Receipt,
    Refused,
    Rejected,
    Taken,
    Verdict,
)
from iwf.xmpp.offers import MOST_PENDING
from tests.xmpp.kit import DOMAIN, HEADER, LANE, SETTINGS, failure_to_ben, text_to_ben
from tests.xmpp.server import ERROR, TEXT, EdgeCase


class OutboundTests(EdgeCase):
    def test_confirmed(self) -> None:
        """An item is accepted when the server has processed and flushed it (XMPP-8)."""
        server = self.connect()
        item = text_to_ben()
        news = self.deliver(item)
        (stanza,) = self.echo(server)
        self.assertEqual((stanza["id"], stanza["to"]), ("m1", "ben@xmpp.example"))
        self.assertEqual(news, [])
        self.echo(server)
        self.assertEqual(news, [Accepted(item, ("m1|xmpp:ben@xmpp.example",))])

    def test_report(self) -> None:
        """A failure report goes out in the same way, without a reference."""
        server = self.connect()
        item = failure_to_ben()
        news = self.deliver(item)
        (stanza,) = self.echo(server)
        self.echo(server)
        self.assertEqual(stanza["type"], "error")
        self.assertEqual(news, [Accepted(item)])

    def test_batch(self) -> None:
        """The items of one turn leave in one write, in order, with few pings."""
        server = self.connect()
        for number in range(250):
            self.deliver(text_to_ben(id=str(number)))
        self.assertEqual(server.written(), "")
        self.clock.advance(0)
        stanzas = server.stanzas()
        self.assertEqual(
            [one["id"] for one in stanzas if one.name == "message"], [str(n) for n in range(250)]
        )
        self.assertEqual(len([one for one in stanzas if one.name == "iq"]), 2)

    def test_lost_stream(self) -> None:
        """What is not confirmed when the stream breaks is given back to be delivered again."""
        server = self.connect()
        items = [text_to_ben(id="1"), text_to_ben(id="2")]
        written = self.deliver(items[0])
        self.echo(server)
        queued = self.deliver(items[1])
        server.lose()
        self.assertEqual(self.lane.credit, 0)
        for news, item in ((written, items[0]), (queued, items[1])):
            (rejected,) = news
            assert isinstance(rejected, Rejected)
            self.assertEqual((rejected.item, rejected.retry), (item, True))
            self.assertIs(rejected.failure.reason, Reason.UNREACHABLE)
        self.clock.advance(1.3)
        server = self.connect()
        self.deliver(items[0])
        self.assertEqual([one["id"] for one in self.echo(server)], ["1"])

    def test_down(self) -> None:
        """While there is no stream nothing is taken and nothing is queued (XMPP-10)."""
        (news,) = self.deliver(text_to_ben())
        assert isinstance(news, Rejected)
        self.assertTrue(news.retry)
        self.assertEqual(self.echo(self.accept_authenticated()), [])

    def test_refused_at_once(self) -> None:
        """An error that comes before the confirmation means: not taken."""
        server = self.connect()
        item = text_to_ben()
        news = self.deliver(item)
        self.clock.advance(0)
        server.send(ERROR.format("m1"))
        self.assertEqual(news, [Rejected(item, Failure(Reason.NOT_OFFERED, everywhere=True))])
        self.echo(server)
        self.echo(server)
        self.assertEqual((len(news), self.core.events), (1, []))

    def test_refused_later(self) -> None:
        """An error that comes after the confirmation is news for the core (MSG-33)."""
        server = self.connect()
        (news,) = [self.deliver(text_to_ben())]
        self.echo(server)
        self.echo(server)
        server.send(ERROR.format("m1"))
        (accepted,), (receipt,) = news, self.core.events
        assert isinstance(accepted, Accepted)
        assert isinstance(receipt, Receipt)
        self.assertEqual((receipt.peer, receipt.ref), (LANE, accepted.refs[0]))

    def test_silent_server(self) -> None:
        """Where pings do not come back, what was written counts as delivered."""
        server = self.accept_authenticated()
        self.clock.advance(2)
        self.assertEqual(self.lane.credit, SETTINGS.window)
        news = self.deliver(text_to_ben())
        self.assertEqual(news, [])
        self.clock.advance(0)
        self.assertIsInstance(news[0], Accepted)
        server.transport.producer.pauseProducing()
        self.assertEqual(self.lane.credit, 0)
        news = self.deliver(text_to_ben(id="m2"))
        self.clock.pump([0, 0, 0])
        self.assertEqual(news, [])
        server.transport.producer.resumeProducing()
        self.assertIsInstance(news[0], Accepted)

    def test_full_socket(self) -> None:
        """A full socket closes the lane until it has drained (XMPP-9)."""
        server = self.connect()
        self.assertTrue(server.transport.streaming)
        server.transport.producer.pauseProducing()
        self.assertEqual(self.lane.credit, 0)
        server.transport.producer.resumeProducing()
        self.assertEqual(self.lane.credit, SETTINGS.window)

    def test_guards(self) -> None:
        """Neither a foreign sender nor a monster reaches the wire (XMPP-5, MSG-29)."""
        server = self.connect()
        foreign = Party(Address("xmpp", "a", "elsewhere.example"))
        for item, reason in (
            (text_to_ben(origin=foreign), Reason.INTERNAL),
            (text_to_ben("&" * 70_000), Reason.TOO_BIG),
        ):
            (news,) = self.deliver(item)
            assert isinstance(news, Rejected)
            self.assertEqual((news.failure.reason, news.retry), (reason, False))
        self.clock.advance(0)
        self.assertEqual(server.written(), "")

    def test_any_body(self) -> None:
        """No text breaks the stream (MSG-12, XMPP-12)."""
        server = self.connect()
        texts = ["a\x00b", "\ud800", "\ufffe", "]]>", "</message>", "<!--", "x" * 60_000, "\x0b"]
        news = [
            self.deliver(text_to_ben(id=str(number), bodies=(Body(text),)))
            for number, text in enumerate(texts)
        ]
        self.assertEqual(len(self.echo(server)), len(texts))
        self.echo(server)
        self.assertTrue(all(isinstance(one[0], Accepted) for one in news))


class InboundTests(EdgeCase):
    def test_taken(self) -> None:
        """A message goes to the core; when it is taken, the sender hears nothing."""
        server = self.connect()
        server.send(TEXT.format("m42"))
        (event,) = self.core.events
        assert isinstance(event, Message)
        self.assertEqual((event.id, event.text, event.lane), ("m42", "hi", LANE))
        self.assertEqual(self.echo(server), [])

    def test_refused(self) -> None:
        """Nothing is answered before the verdict; a refusal is an error stanza (ERR-2)."""
        server = self.connect()
        verdict: Deferred[Verdict] = Deferred()
        self.core.verdict = verdict
        server.send(TEXT.format("m42"))
        self.assertEqual(self.echo(server), [])
        verdict.callback(Refused(Failure(Reason.CONGESTED, text="Later")))
        (answer,) = self.echo(server)
        self.assertEqual(
            (answer["type"], answer["id"], answer["to"]), ("error", "m42", "ben@xmpp.example/pc")
        )
        self.assertIn("resource-constraint", answer.toXml())

    def test_refused_while_down(self) -> None:
        """A refusal that finds no stream, or loses it, is told on the next one."""
        server = self.connect()
        verdict: Deferred[Verdict] = Deferred()
        self.core.verdict = verdict
        server.send(TEXT.format("1"))
        self.core.verdict = Refused(Failure(Reason.CONGESTED))
        server.send(TEXT.format("2"))
        server.lose()
        verdict.callback(Refused(Failure(Reason.CONGESTED)))
        self.clock.advance(1.3)
        server = self.accept()
        server.send(HEADER)
        server.written()
        server.send("<handshake/>")
        self.assertEqual([one["id"] for one in self.echo(server)], ["2", "1"])

    def test_answers(self) -> None:
        """Queries are answered by the edge alone."""
        server = self.connect()
        server.send(
            f"<iq type='get' id='q' from='ben@xmpp.example/pc' to='{DOMAIN}'>"
            "<ping xmlns='urn:xmpp:ping'/></iq>"
        )
        (answer,) = self.echo(server)
        self.assertEqual((answer["type"], answer["id"], self.core.events), ("result", "q", []))

    def test_too_large(self) -> None:
        """Who sends a monster is told so, and nobody else notices (XMPP-11)."""
        server = self.connect()
        server.send(TEXT.format("1") + TEXT.format("2").replace("hi", "x" * 300_000))
        server.send(TEXT.format("3"))
        self.assertEqual([event.id for event in self.core.events], ["1", "3"])  # type: ignore[union-attr]
        (answer,) = self.echo(server)
        self.assertEqual(answer["id"], "2")
        self.assertIn("policy-violation", answer.toXml())

    def test_rubbish(self) -> None:
        """Odd stanzas do not end the stream."""
        server = self.connect()
        for text in (
            "<strange/>",
            "<iq/>",
            "<iq type='result' id='x-1' from='ben@xmpp.example'/>",
            "<message type='error'/>",
            f"<message from='a@b' to='&#13;&#10;x@{DOMAIN}'><body>x</body></message>",
            f"<iq type='get' from='{DOMAIN}' to='{DOMAIN}' id='old-1'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<presence/>",
            "<x xmlns='http://etherx.jabber.org/streams'/>",
        ):
            server.send(text)
        server.send(TEXT.format("m42"))
        self.assertEqual(len(self.core.events), 1)
        self.assertFalse(server.transport.disconnecting)

    def test_slow_core(self) -> None:
        """While the core is far behind, no more is read (XMPP-9)."""
        server = self.connect()
        verdicts: list[Deferred[Verdict]] = [Deferred() for _ in range(MOST_PENDING)]
        for number, verdict in enumerate(verdicts):
            self.assertEqual(server.transport.producerState, "producing")
            self.core.verdict = verdict
            server.send(TEXT.format(number))
        self.assertEqual(server.transport.producerState, "paused")
        for verdict in verdicts[: MOST_PENDING // 2]:
            self.assertEqual(server.transport.producerState, "paused")
            verdict.callback(Taken("d"))
        self.assertEqual(server.transport.producerState, "producing")
