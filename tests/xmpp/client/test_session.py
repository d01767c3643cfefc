"""Joe's session: login, texts both ways, breaks of the connection, other people."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import (
    TEL,
    XMPP,
    Accepted,
    Address,
    Body,
    Device,
    Failure,
    Item,
    Message,
    Note,
    Outcome,
    Party,
    Presence,
    Reason,
    Receipt,
    Refused,
    Rejected,
    Taken,
)
from iwf.xmpp.client.acks import PATIENCE, QUIET
from iwf.xmpp.client.connection import DENIED_DELAY
from iwf.xmpp.client.login import LoginFailure
from iwf.xmpp.client.session import WINDOW, ClientSession
from iwf.xmpp.elements import Component
from iwf.xmpp.settings import AccountsSettings
from tests.xmpp.client.server import BOUND, Server
from tests.xmpp.kit import Core

LANE = "xmpp-client:joe@a.com"
JOE, EVE = Address(XMPP, "joe", "a.com"), Address(XMPP, "eve", "b.com")
ACCOUNT = Component("a.com", "a.com", LANE, TEL, frozenset(), is_user=True)


class Lane:
    """What was granted."""

    name = LANE

    def __init__(self) -> None:
        self.credit = 0

    def grant(self, credit: int) -> None:
        self.credit = credit


def text(id: str = "m1", target: Address = EVE) -> Item:
    """A text of the phone."""
    return Item(f"item-{id}", LANE, "s", Message(id, Party(JOE), target, (Body(f"text {id}"),)), created=1000.0)


class SessionCase(SynchronousTestCase):
    """Joe, logged in."""

    counts = True
    password = "pencil"
    strangers = False
    presence = "always"

    def setUp(self) -> None:
        self.clock, self.core, self.lane = Clock(), Core(), Lane()
        self.server = Server(self.clock, counts=self.counts)
        self.outcomes: list[LoginFailure | None] = []
        self.begin()

    def begin(self) -> None:
        server: Any = self.server
        settings = AccountsSettings(strangers=self.strangers, presence=self.presence)
        self.session = ClientSession(ACCOUNT, "joe@a.com", self.password, settings, server, self.clock, self.core,
                                     Ids(seed=9), self.outcomes.append)
        self.session.enrolled(self.lane)
        self.session.start()
        self.server.settle()

    def deliver(self, *ids: str) -> list[Any]:
        """Texts are delivered; what has become of each, as it comes."""
        news: list[Any] = []
        for id in ids:
            self.session.deliver(text(id)).addCallback(news.append)
        return news

    def from_eve(self, body: str = "hi", sender: str = "eve@b.com/pc", more: str = "", type: str = "chat") -> None:
        self.server.say(f"<message type='{type}' id='e1' from='{sender}' to='{BOUND}'>"
                        f"<body>{body}</body>{more}</message>")
        self.server.settle()

    def messages(self) -> list[str]:
        return [str(one.body) for one in self.server.stanzas if one.name == "message" and one.body]


class LoginTests(SessionCase):
    """Before the session."""

    def test_logged_in(self) -> None:
        """After SASL a resource, counting, the roster, presence; then texts may flow (RFC 6121 2.2, 4.2)."""
        self.assertEqual(self.outcomes, [None])
        self.assertEqual(self.lane.credit, WINDOW)
        self.assertEqual([one for one in self.server.heard if one not in ("r", "h=0")],
                         ["auth", "response", "iq", "enable", "iq", "presence"])

    def test_logged_out(self) -> None:
        """Unavailable, then the end of the stream; no timer is left."""
        done: list[None] = []
        self.session.stop().addCallback(done.append)
        self.server.settle(3)
        self.assertEqual((done, self.lane.credit), ([None], 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unreachable(self) -> None:
        """A server that is away is tried again, slower and slower."""
        self.server.is_there = False
        self.server.cut()
        dials = self.server.dials
        self.server.settle(10)
        first = self.server.dials - dials
        self.server.settle(200)
        self.assertGreater(first, 0)
        self.assertLess(self.server.dials - dials, 20)
        self.server.is_there = True
        self.server.settle(90)
        self.assertEqual(self.lane.credit, WINDOW)


class WrongPasswordTests(SessionCase):
    password = "pen"

    def test_told(self) -> None:
        """The subscriber is told, once; the server is left in peace for an hour, or it would lock him out."""
        outcome, = self.outcomes
        assert outcome is not None
        self.assertEqual((outcome.failure.reason, outcome.is_denied), (Reason.NOT_AUTHENTICATED, True))
        self.server.settle(DENIED_DELAY - 60)
        self.assertEqual(self.server.dials, 1)
        self.server.settle(120)
        self.assertEqual((self.server.dials, len(self.outcomes)), (2, 1))


class NoScramTests(SessionCase):
    def begin(self) -> None:
        self.server.mechanisms = ["PLAIN", "DIGEST-MD5"]
        super().begin()

    def test_password_is_kept(self) -> None:
        """A server that wants the password itself gets nothing (RFC 6120 13.8)."""
        outcome, = self.outcomes
        assert outcome is not None
        self.assertEqual(self.server.heard, [])


class OutTests(SessionCase):
    """Texts of the phone."""

    def test_delivered(self) -> None:
        """A text is handed over when the server has counted it, not before."""
        self.server.acknowledges = False
        news = self.deliver("m1")
        self.server.settle()
        self.assertEqual((self.messages(), news), (["text m1"], []))
        self.server.say(f"<a xmlns='urn:xmpp:sm:3' h='{self.server.counted}'/>")
        item = text("m1")
        self.assertEqual(news, [Accepted(item, ("m1|xmpp:eve@b.com",))])

    def test_as_joe(self) -> None:
        """It says that it is from Joe; the server adds the resource."""
        self.deliver("m1")
        self.server.settle()
        self.assertEqual(self.server.stanzas[-1]["from"], "joe@a.com")

    def test_resumed(self) -> None:
        """What the server had not got before a break goes out again, and nothing else, and in order."""
        self.server.acknowledges = False
        news = self.deliver("m1")
        self.server.settle()
        self.deliver("m2")
        self.server.cut()
        self.assertEqual((self.lane.credit, news), (0, []))
        self.server.acknowledges = True
        self.server.settle(2)
        self.assertEqual(self.messages(), ["text m1", "text m2"])
        self.assertEqual((self.lane.credit, len(news)), (WINDOW, 1))
        self.assertEqual(self.server.heard.count("presence"), 1)  # the session is the same

    def test_not_resumed(self) -> None:
        """A server that has forgotten the session: what it says it had is done, the core has the rest back."""
        self.server.acknowledges = False
        news = self.deliver("m1", "m2")
        self.server.settle()
        self.server.resumes, self.server.failed_h = False, str(self.server.counted - 1)
        self.server.cut()
        self.server.settle(2)
        self.assertEqual([type(one) for one in news], [Accepted, Rejected])
        self.assertTrue(news[1].retry)
        self.assertEqual((self.lane.credit, self.messages()), (WINDOW, ["text m1", "text m2"]))

    def test_away_for_long(self) -> None:
        """When nothing can be resumed any more the core has its texts back, to tell their senders in time."""
        self.server.acknowledges = False
        news = self.deliver("m1")
        self.server.settle()
        self.server.is_there = False
        self.server.cut()
        self.server.settle(299)
        self.assertEqual(news, [])
        self.server.settle(2)
        self.assertEqual([one.retry for one in news], [True])

    def test_silent_server(self) -> None:
        """A server that counts no more is dead, and connected to anew."""
        self.server.acknowledges = False
        self.server.settle(QUIET)
        self.server.settle(PATIENCE)
        self.server.settle(2)
        self.assertEqual(self.server.dials, 2)

    def test_false_count(self) -> None:
        """A server that has more than it was sent is not believed: a new session begins."""
        self.server.say("<a xmlns='urn:xmpp:sm:3' h='77'/>")
        self.server.settle(2)
        self.assertEqual((self.server.dials, self.lane.credit), (2, WINDOW))
        self.assertNotIn("resume", self.server.heard)

    def test_while_away(self) -> None:
        """Nothing is taken for a server that is away."""
        self.server.is_there = False
        self.server.cut()
        news = self.deliver("m1")
        self.assertEqual([(type(one), one.retry) for one in news], [(Rejected, True)])

    def test_error(self) -> None:
        """An error that comes back before the server has counted is the answer to the text (ERR-1)."""
        self.server.acknowledges = False
        news = self.deliver("m1")
        self.server.say("<message type='error' id='m1' from='eve@b.com' to='joe@a.com/iwf7'><error type='cancel'>"
                        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        self.server.settle()
        receipt, = self.core.events
        assert isinstance(receipt, Receipt) and receipt.failure is not None
        self.assertEqual((receipt.outcome, receipt.ref, receipt.failure.reason),
                         (Outcome.FAILED, "m1|xmpp:eve@b.com", Reason.UNKNOWN_RECIPIENT))
        self.assertEqual(news, [])


class PresenceTests(SessionCase):
    """Joe is there while his phone is logged in (SMSP-2)."""

    presence = "logged-in"

    def show(self, *devices: Device) -> list[str]:
        """The phone has come or gone; what the server has been told since the beginning."""
        told: list[object] = []
        self.session.deliver(Item("s", LANE, "s", Presence(Party(JOE), JOE, devices))).addCallback(told.append)
        self.assertEqual(len(told), 1)
        self.server.settle()
        return [f"{one.getAttribute('type', '')}{one.status or ''}" for one in self.server.stanzas]

    def test_comes_and_goes(self) -> None:
        """Nothing before the phone is logged in; then available with its status, each change once."""
        self.assertEqual(self.show(), [])
        here = Device("sms", notes=(Note("on SMS"),))
        self.show(here)
        self.assertEqual(self.show(here), ["on SMS"])
        self.assertEqual(self.show(), ["on SMS", "unavailable"])
        self.assertEqual(self.show(), ["on SMS", "unavailable"])

    def test_new_session(self) -> None:
        """A new session says what was so before."""
        self.show(Device("sms"))
        self.server.resumes = False
        self.server.cut()
        self.server.settle(2)
        self.assertEqual([one.name for one in self.server.stanzas], ["presence", "presence"])


class UncountedTests(SessionCase):
    counts = False

    def test_no_stream_management(self) -> None:
        """Without XEP-0198 a text counts as handed over once it is written; a break begins a new session."""
        news = self.deliver("m1")
        self.server.settle()
        self.assertEqual([type(one) for one in news], [Accepted])
        self.server.settle(QUIET + 1)
        self.server.cut()
        self.server.settle(2)
        self.assertEqual((self.server.dials, self.lane.credit), (2, WINDOW))


class InTests(SessionCase):
    """What comes for Joe."""

    def test_offered(self) -> None:
        """A text is offered as Joe's, and counts as handled when the core has given its verdict (XEP-0198)."""
        verdict: Deferred[Any] = Deferred()
        self.core.verdict = verdict
        handled = self.acknowledged()
        self.from_eve()
        message, = self.core.events
        assert isinstance(message, Message)
        self.assertEqual((message.origin.address.key, message.target, message.text, message.lane),
                         (EVE.key, Address(XMPP, "joe", "a.com", "iwf7"), "hi", LANE))
        self.assertEqual(self.acknowledged(), handled)
        verdict.callback(Taken("d"))
        self.assertEqual(self.acknowledged(), handled + 1)

    def acknowledged(self) -> int:
        """How much the gateway says it has dealt with."""
        self.server.say("<r xmlns='urn:xmpp:sm:3'/>")
        self.server.settle()
        return int(next(one for one in reversed(self.server.heard) if one.startswith("h="))[2:])

    def test_refused(self) -> None:
        """What the core refuses is told to its writer by an error."""
        self.core.verdict = Refused(Failure(Reason.UNREACHABLE, permanent=False))
        self.from_eve()
        error = self.server.stanzas[-1]
        self.assertEqual((error["type"], error["to"], error["id"]), ("error", "eve@b.com/pc", "e1"))
        self.assertNotIn("by=", error.toXml())  # we speak for Joe, not for his server

    def test_strangers(self) -> None:
        """Who is not in the roster does not cost Joe a text, and is told no more than that he is not there;
        who was written to may answer."""
        self.from_eve(sender="mallory@b.com/x")
        self.assertEqual(self.core.events, [])
        self.assertIn("service-unavailable", self.server.stanzas[-1].toXml())
        self.session.deliver(text("m1", Address(XMPP, "mallory", "b.com")))
        self.from_eve(sender="mallory@b.com/x")
        self.assertEqual(len(self.core.events), 1)

    def test_roster(self) -> None:
        """The roster changes by the server's word alone (RFC 6121 2.1.6)."""
        push = ("<iq type='set' id='p1'{}><query xmlns='jabber:iq:roster'>"
                "<item jid='{}' subscription='{}'/></query></iq>")
        self.server.say(push.format("", "ben@b.com", "to"))
        self.server.say(push.format(" from='mallory@b.com/x'", "mallory@b.com", "both"))
        self.server.say(push.format("", "eve@b.com", "remove"))
        for sender in ("ben", "mallory", "eve"):
            self.from_eve(sender=f"{sender}@b.com/x")
        self.assertEqual([event.origin.address.user for event in self.core.events  # type: ignore[union-attr]
                          ], ["ben"])

    def test_for_other_clients(self) -> None:
        """Notes to himself, headlines of his server and presence are nothing for a phone (LOOP-5)."""
        self.from_eve(sender="joe@a.com/desk")
        self.from_eve(sender="a.com", type="headline")
        self.server.say("<presence from='eve@b.com/pc' type='subscribe'/>")
        self.server.settle()
        self.assertEqual((self.core.events, self.messages()), ([], []))
        self.assertEqual(len(self.server.stanzas), 1)  # our own presence

    def test_questions(self) -> None:
        """A ping is answered, what is not known refused (RFC 6120 8.2.3)."""
        for inner in ("<ping xmlns='urn:xmpp:ping'/>", "<odd xmlns='odd'/>"):
            self.server.say(f"<iq type='get' id='q' from='eve@b.com/pc' to='{BOUND}'>{inner}</iq>")
            self.server.settle()
        self.assertEqual(self.server.heard.count("iq"), 4)  # bind, roster, and two answers

    def test_hostile(self) -> None:
        """Stanzas without sense do no harm, and are counted like all others."""
        before = self.acknowledged()
        odd = ("<message/>", "<message from='@@' id='1'><body>x</body></message>", "<iq/>", "<iq type='set'/>",
               "<iq type='result' id='x' from='b.com'/>", "<presence type='odd' from='x@y@z'/>", "<other/>",
               "<message from='eve@b.com' to='else@b.com'><body>x</body></message>")
        for stanza in odd:
            self.server.say(stanza)
        self.server.say("<odd xmlns='urn:xmpp:sm:3'/>")
        self.assertEqual(self.acknowledged(), before + len(odd) - 1)  # <other/> is no stanza
        self.assertEqual((self.flushLoggedErrors(), self.core.events), ([], []))
