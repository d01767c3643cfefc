"""INVITE and what belongs to it, as peers of the edge see it: there are no calls here (SIP-24, SIP-31)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.settings import Hop
from iwf.sip.syntax.message import Request, Response, parse_message
from iwf.sip.transaction.invite import cancel_of
from tests.sip.fakes import Rig
from tests.sip.samples import MESSAGE_1_1, PEER, SETTINGS, TRUNK, changed, octets

URI = "MESSAGE sip:ben*xmpp.example@x.sip.example "


def call(method: str, *changes: tuple[str, str]) -> bytes:
    """A request about a call; INVITE, ACK and CANCEL have one branch and number."""
    return octets(changed(MESSAGE_1_1, (URI, f"{method} sip:ben*xmpp.example@x.sip.example "),
                          ("5 MESSAGE", f"5 {method}"), *changes))


class CallTests(SynchronousTestCase):
    """Over UDP."""

    def setUp(self) -> None:
        self.rig = Rig()

    def answers(self) -> list[Response]:
        return [sent for sent, _ in self.rig.sent() if isinstance(sent, Response)]

    def test_refused(self) -> None:
        """An INVITE is refused with 405 and Allow at once, again and again until its ACK comes (timer G)."""
        self.rig.receive(call("INVITE"))
        refusal, = self.answers()
        self.assertEqual((refusal.status, refusal.get("Allow")), (405, "MESSAGE, OPTIONS, SUBSCRIBE, NOTIFY"))
        self.rig.reactor.pump([0.6, 1.0])
        self.assertEqual(self.answers(), [refusal, refusal])
        self.rig.receive(call("INVITE"))
        self.assertEqual(self.answers(), [refusal])
        self.rig.receive(call("ACK"))
        self.rig.reactor.pump([4, 10, 30])
        self.assertEqual(self.answers(), [])
        self.assertEqual(self.rig.intake.events, [])

    def test_no_ack(self) -> None:
        """Without ACK it is repeated for 32 s and then let go (timer H)."""
        self.rig.receive(call("INVITE"))
        self.rig.reactor.pump([0.5] * 80)
        self.assertEqual([answer.status for answer in self.answers()], [405] * 11)
        self.rig.receive(call("INVITE"))
        self.assertEqual([answer.status for answer in self.answers()], [405])

    def test_stray_ack(self) -> None:
        """An ACK that belongs to nothing is answered by nothing, whoever sends it (SIP-12)."""
        self.rig.receive(call("ACK"))
        self.rig.receive(call("ACK"), Hop("udp", "203.0.113.9", 5060))
        self.assertEqual(self.answers(), [])

    def test_cancel(self) -> None:
        """A CANCEL is 481 when there is nothing to cancel; when it finds its INVITE it is 200 with the same To
        tag, and changes nothing about what is answered (SIP-24, RFC 3261 9.2)."""
        self.rig.receive(call("CANCEL"))
        self.assertEqual([answer.status for answer in self.answers()], [481])
        self.rig = Rig()
        self.rig.receive(call("INVITE"))
        self.rig.receive(call("CANCEL"))
        refusal, success = self.answers()
        self.assertEqual((refusal.status, success.status, str(success.cseq)), (405, 200, "5 CANCEL"))
        self.assertEqual(refusal.to.tag, success.to.tag)
        self.rig.reactor.pump([0.6])
        self.assertEqual(self.answers(), [refusal])

    def test_cancel_of_another_request(self) -> None:
        """A MESSAGE cannot be cancelled (SIP-24)."""
        self.rig.receive(octets(MESSAGE_1_1))
        self.rig.receive(call("CANCEL"))
        self.assertEqual([answer.status for answer in self.answers()], [481])

    def test_cancel_without_credentials(self) -> None:
        """Where credentials are asked for, a CANCEL needs none: it is believed when it comes from where its INVITE
        came from (RFC 3261 22.1)."""
        login = evolve(TRUNK, username="proxy", password="secret", digest=True)
        settings = evolve(SETTINGS, trunks=(login,))
        self.rig = Rig(settings)
        self.rig.receive(call("INVITE"))
        self.rig.receive(call("CANCEL"))
        challenge, cancelled = self.answers()
        self.assertEqual((challenge.status, cancelled.status), (401, 481))
        keyring = Keyring(Login("proxy", "secret"), Ids(2))
        invite = parse_message(call("INVITE"))
        assert isinstance(invite, Request) and keyring.learn(invite, challenge)
        for source, status in ((PEER, 200), (evolve(PEER, port=5099), 200), (evolve(PEER, host="198.51.100.9"), 481)):
            again = keyring.repeated(invite, invite.top_via.with_param("branch", f"z9hG4bK{source.host}{source.port}"))
            self.rig.receive(again.to_bytes())
            cancel = cancel_of(again)
            self.rig.receive(cancel.to_bytes(), source)
            self.assertEqual([answer.status for answer in self.answers()], [405, status])

    def test_bye(self) -> None:
        """A BYE for a call that we know nothing of is 481, so that the peer ends it (SIP-74)."""
        self.rig.receive(call("BYE", ("To: <sip:ben*xmpp.example@x.sip.example>",
                                      "To: <sip:ben*xmpp.example@x.sip.example>;tag=old")))
        self.assertEqual([answer.status for answer in self.answers()], [481])
