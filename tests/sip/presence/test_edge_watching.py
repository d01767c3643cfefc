"""Watching and publishing as a presence server sees it: the octets of the edge, in virtual time."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Accepted,
    Address,
    Device,
    Party,
    Presence,
    Published,
    Rejected,
    Remember,
    WatchGranted,
    WatchRequested,
)
from iwf.sip.settings import Hop, SipSettings
from iwf.sip.syntax.message import Request, Response, response_to
from tests.sip.fakes import Rig
from tests.sip.presence.watching import document
from tests.sip.samples import ANA, BEN_AT_X, PEER, SETTINGS, TRUNK, item, octets

NOTIFY = """\
NOTIFY {contact} SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKn{cseq};rport
Max-Forwards: 70
From: <sip:ana@sip.example>;tag=n1
To: <sip:ben*xmpp.example@x.sip.example>;tag={tag}
Call-ID: {call_id}
CSeq: {cseq} NOTIFY
Contact: <sip:pa@192.0.2.10:5060>
Event: presence
Subscription-State: active;expires=3600
Content-Type: application/pidf+xml

{body}"""

CHALLENGE = 'Digest realm="sip.example", nonce="n", qop="auth", algorithm=MD5'


class EdgeCase(SynchronousTestCase):
    """An edge and its server."""

    def start(self, settings: SipSettings = SETTINGS) -> None:
        self.rig = Rig(settings)

    def deliver(self, payload: object) -> Any:
        return self.successResultOf(self.rig.edge.deliver(item(payload)))

    def sent(self) -> list[Request | Response]:
        return [message for message, _ in self.rig.sent()]

    def request(self) -> Request:
        [request] = self.sent()
        assert isinstance(request, Request)
        return request

    def answer(self, request: Request, status: int, *headers: tuple[str, str], source: Hop = PEER) -> None:
        self.rig.receive(response_to(request, status, to_tag="n1", headers=headers).to_bytes(), source)

    def notify(self, subscribe: Request, cseq: int = 1) -> Response:
        text = NOTIFY.format(contact=str(subscribe.addresses("Contact")[0].uri), tag=subscribe.from_.tag,
                             call_id=subscribe.call_id, cseq=cseq, body=document().decode())
        self.rig.receive(octets(text))
        [answer] = self.sent()
        assert isinstance(answer, Response)
        return answer

    def told(self) -> list[Any]:
        return [event for event in self.rig.intake.events if not isinstance(event, Remember)]


class WatchingTests(EdgeCase):
    """SUBSCRIBE and NOTIFY on the wire."""

    def ask(self, watcher: Address = BEN_AT_X) -> Any:
        return self.deliver(WatchRequested(Party(watcher), ANA))

    def test_watched(self) -> None:
        """The question is taken at once; the NOTIFY comes by our contact, and is answered before the core has
        decided anything (PRES-1, PRES-18, SIP-76)."""
        self.start()
        self.assertIsInstance(self.ask(evolve(BEN_AT_X, instance="pc")), Accepted)
        subscribe = self.request()
        self.assertEqual(("SUBSCRIBE", "<sip:ben*xmpp.example@iwf.sip.example:5060;gr=pc>"),
                         (subscribe.method, subscribe.get("Contact")))
        self.answer(subscribe, 200, ("Expires", "3600"))
        self.assertEqual(200, self.notify(subscribe).status)
        granted, seen = self.told()
        self.assertIsInstance(granted, WatchGranted)
        self.assertIsInstance(seen, Presence)
        self.assertFalse(any(verdict.called for verdict in self.rig.intake.verdicts))

    def test_refreshed(self) -> None:
        """The refresh goes to the notifier's contact, in the dialog (PRES-7)."""
        self.start()
        self.ask()
        subscribe = self.request()
        self.answer(subscribe, 200, ("Expires", "3600"))
        self.notify(subscribe)
        self.rig.reactor.advance(3570)
        refresh = self.request()
        self.assertEqual(("sip:pa@192.0.2.10:5060", subscribe.call_id, "n1"),
                         (refresh.target, refresh.call_id, refresh.to.tag))

    def test_while_stopping(self) -> None:
        """What Ana's server tells us while we stop is taken as ever: a refusal would end the subscription, which is to
        go on after the start (SIP-92, RFC 6665 4.2.2)."""
        self.start()
        self.ask()
        subscribe = self.request()
        self.answer(subscribe, 200, ("Expires", "600"), ("Contact", "<sip:pa@192.0.2.10:5060>"))
        self.notify(subscribe)
        self.rig.edge.deliver(item())
        self.request()
        stopped = self.rig.edge.stopService()
        self.assertEqual(self.notify(subscribe, 2).status, 200)
        self.assertNoResult(stopped)

    def test_password(self) -> None:
        """A challenge is answered, and the dialog goes on counting from there (SIP-60, PRES-16)."""
        self.start(evolve(SETTINGS, trunks=(evolve(TRUNK, username="iwf", password="secret"),)))
        self.ask()
        self.answer(self.request(), 401, ("WWW-Authenticate", CHALLENGE))
        subscribe = self.request()
        self.assertIn('username="iwf"', subscribe.get("Authorization") or "")
        self.answer(subscribe, 200, ("Expires", "3600"))
        self.notify(subscribe)
        self.rig.reactor.advance(3570)
        self.assertEqual(subscribe.cseq.number + 1, self.request().cseq.number)

    def test_silence(self) -> None:
        """A server that does not answer is asked again in a new dialog, after a while (PRES-16)."""
        self.start()
        self.ask()
        first = self.request()
        self.rig.reactor.pump([0.5] * 66)
        self.sent()
        self.rig.reactor.pump([1.0] * 80)
        again = [request for request in self.sent() if isinstance(request, Request)]
        self.assertEqual(1, len({request.call_id for request in again} - {first.call_id}))

    def test_nowhere(self) -> None:
        """An address that SIP cannot write is given back."""
        self.start()
        refused = self.deliver(WatchRequested(Party(BEN_AT_X), Address("sip", "ana", "no host")))
        self.assertIsInstance(refused, Rejected)
        self.assertEqual([], self.sent())


class PublishingTests(EdgeCase):
    """PUBLISH on the wire."""

    def test_published(self) -> None:
        """The server is told the state of our user, and then every change by the tag that it gave (PUB-1, PUB-2)."""
        self.start(evolve(SETTINGS, trunks=(evolve(TRUNK, publish=True),)))
        self.deliver(Published(Party(BEN_AT_X), BEN_AT_X, (Device("pc"),)))
        first = self.request()
        self.assertEqual(("PUBLISH", "sip:ben*xmpp.example@x.sip.example", None),
                         (first.method, first.target, first.get("Contact")))
        self.answer(first, 200, ("SIP-ETag", "t1"), ("Expires", "3600"))
        self.deliver(Published(Party(BEN_AT_X), BEN_AT_X, (Device("phone"),)))
        self.assertEqual("t1", self.request().get("SIP-If-Match"))
