"""Messages of SIP users that the XMPP server refuses after they were taken, or while we wait."""

from __future__ import annotations

from tests.scenarios.probes.base import SIP_ROMEO, ProbeCase, S
from tests.support.world import World, configuration
from tests.support.xmpp_server import STANZAS, error_of


class BounceProbes(ProbeCase):
    """An XMPP server that refuses what SIP was told had been taken (MSG-33)."""

    NOBODY = f"sip:nobody*xmpp.test@{S}"

    def test_notice(self) -> None:
        """The SIP user is told by a text, from the address he had written to."""
        self.assertEqual(self.asks("will bounce", to=self.NOBODY, settle=5), [202])
        notice = self.request()
        self.assertEqual(str(notice.uri), "sip:juliet@sip.test")
        self.assertEqual(str(notice.from_.uri), self.NOBODY)
        self.assertIn("will bounce", notice.body.decode())
        self.assertIn("not delivered", notice.body.decode())

    def test_late(self) -> None:
        """The same when the server's refusal comes minutes later."""
        self.assertEqual(self.asks("will bounce"), [202])
        self.world.settle(300)
        stanza = self.assert_only_text("will bounce")
        self.world.xmpp.deliver(error_of(stanza, "cancel", "item-not-found"))
        self.world.settle(5)
        self.assertIn("will bounce", self.request().body.decode())

    def test_once(self) -> None:
        """A refusal that comes three times is told once (RCPT-9)."""
        self.asks("will bounce")
        stanza = self.assert_only_text("will bounce")
        for _ in range(3):
            self.world.xmpp.deliver(error_of(stanza, "cancel", "item-not-found"))
            self.world.settle(5)
        self.assertEqual(len(self.world.peer.requests), 1)

    def test_notice_fails(self) -> None:
        """A notice that cannot be delivered causes no other notice (LOOP-6)."""
        self.world.peer.status = 404
        self.asks("will bounce", to=self.NOBODY, settle=100)
        self.assertEqual(len(self.world.peer.requests), 1)
        self.assertEqual(self.world.xmpp.inbox, [])

    def test_forged(self) -> None:
        """An error about nothing that was sent, or from somebody else, is told to nobody (ERR-1)."""
        self.asks("fine")
        stanza = self.assert_only_text("fine")
        self.sends("", sender="benvolio@xmpp.test", id=stanza["id"], attributes="type='error'")
        self.sends("", sender="romeo@xmpp.test", id="unheard-of", attributes="type='error'")
        self.world.settle(70)
        self.assertEqual(self.world.peer.requests, [])


class HoldProbes(ProbeCase):
    """A trunk that waits for the XMPP server's word (MSG-32)."""

    NOBODY = f"sip:nobody*xmpp.test@{S}"

    def make_world(self) -> World:
        return World(configuration(trunk="s2x_hold = 2000"))

    def test_refused_in_time(self) -> None:
        """The code itself says it, and no notice follows (ERR 8.1: service-unavailable is 403)."""
        self.assertEqual(self.asks("will bounce", to=self.NOBODY, settle=10), [403])
        self.assertEqual(self.world.peer.requests, [])

    def test_item_not_found(self) -> None:
        """Nobody of that name on any device: 604 (ERR-5)."""
        call_id = self.world.peer.message(SIP_ROMEO, "will bounce")
        self.world.settle(0.2)
        self.world.xmpp.deliver(error_of(self.stanzas("message")[0], "cancel", "item-not-found"))
        self.world.settle(10)
        self.assertEqual(self.world.peer.answers(call_id), [604])
        self.assertEqual(self.world.peer.requests, [])

    def test_taken(self) -> None:
        """Without a refusal the answer comes when the time is over, at the latest (MSG-32)."""
        self.assertEqual(self.asks("fine", settle=2.5), [202])
        self.assert_only_text("fine")

    def test_repetitions_while_held(self) -> None:
        """Repetitions before the answer are delivered once (SIP-21)."""
        for _ in range(3):
            self.asks("once", call_id="same@lab", branch="z9hG4bKsame", tag="same", settle=0.5)
        self.world.settle(5)
        self.assertEqual(set(self.world.peer.answers("same@lab")), {202})
        self.assert_only_text("once")

    def test_refused_too_late(self) -> None:
        """A refusal after the time is told by a text (MSG-33)."""
        self.assertEqual(self.asks("will bounce", settle=5), [202])
        self.world.xmpp.deliver(error_of(self.stanzas("message")[0], "cancel", "item-not-found"))
        self.world.settle(5)
        self.assertIn("will bounce", self.request().body.decode())

    def test_text_of_the_refusal(self) -> None:
        """What the XMPP side says of it comes along, and cannot write headers (ERR-3)."""
        call_id = self.world.peer.message(SIP_ROMEO, "will bounce")
        self.world.settle(0.2)
        refusal = error_of(self.stanzas("message")[0], "cancel", "item-not-found")
        refusal.firstChildElement().addElement((STANZAS, "text"), content="no\r\nX-Evil: 1\u2028<é>")
        self.world.xmpp.deliver(refusal)
        self.world.settle(1)
        self.assertEqual(self.world.peer.answers(call_id), [604])
        self.assertIsNone(self.answer().get("X-Evil"))
        self.assertIn("X-Evil: 1 <é>", self.answer().reason + (self.answer().get("Warning") or ""))
