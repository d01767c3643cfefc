"""The SIP edge with passwords: challenges answered and made, registrations of ours and of devices (ERR-9, SIP-60
to SIP-63, SIP-80, SIP-81)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Address, Failure, Reason, Rejected, Taken
from iwf.sip.auth.digest import Challenge, parse_credentials
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.settings import Account, Hop, Identity, RegistrarSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from iwf.sip.transaction.loops import marked
from tests.sip.fakes import Rig
from tests.sip.samples import MESSAGE_1_1, SETTINGS, TRUNK, changed, item, message, octets

LOGIN = evolve(TRUNK, username="iwf", password="secret")
BEN = Identity("sip:ben*xmpp.example@sip.example", "ben*xmpp.example", "x.sip.example")
HOME = RegistrarSettings("home.example", (Account("ana", "pw"), Account("eve", "pw")))
PHONE = Hop("udp", "203.0.113.7", 5062)
ANA_AT_HOME = Address("sip", "ana", "home.example")


class Case(SynchronousTestCase):
    """One rig, and short words for what peers say."""

    rig: Rig

    def request(self) -> Request:
        [(sent, _)] = self.rig.sent()
        assert isinstance(sent, Request)
        return sent

    def response(self) -> Response:
        [(sent, _)] = self.rig.sent()
        assert isinstance(sent, Response)
        return sent

    def answer(self, asked: Request, status: int, *headers: tuple[str, str]) -> None:
        self.rig.receive(response_to(asked, status, "", "peer", headers).to_bytes())

    def challenge(self, asked: Request, status: int = 407, nonce: str = "n", realm: str = "sip.example") -> None:
        header = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
        self.answer(asked, status, (header, str(Challenge(realm, nonce, "SHA-256", ("auth",)))))


class OutboundTests(Case):
    """Items to a trunk that asks for a password."""

    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, trunks=(LOGIN,)))

    def test_answered(self) -> None:
        """A 401 or 407 is answered by digest: CSeq + 1, new branch, all else the same; the sender hears nothing of
        it (ERR-9, SIP-60)."""
        for status, header in ((407, "Proxy-Authorization"), (401, "Authorization")):
            self.rig = Rig(evolve(SETTINGS, trunks=(LOGIN,)))
            done = self.rig.edge.deliver(item())
            first = self.request()
            self.assertIsNone(first.get(header))
            self.challenge(first, status)
            second = self.request()
            self.assertNoResult(done)
            credentials = parse_credentials(second.get(header) or "", header)
            assert credentials is not None
            self.assertEqual((credentials.username, credentials.uri, credentials.algorithm),
                             ("iwf", first.target, "SHA-256"))
            self.assertEqual((second.call_id, second.from_, second.to, second.body, second.cseq.number),
                             (first.call_id, first.from_, first.to, first.body, first.cseq.number + 1))
            self.assertNotEqual(second.top_via.branch, first.top_via.branch)
            self.answer(second, 202)
            self.assertEqual(self.successResultOf(done), Accepted(item()))

    def test_ahead(self) -> None:
        """The next message carries credentials at once."""
        self.rig.edge.deliver(item())
        self.challenge(self.request())
        self.answer(self.request(), 200)
        self.rig.edge.deliver(item(id="item-2"))
        credentials = parse_credentials(self.request().get("Proxy-Authorization") or "")
        assert credentials is not None
        self.assertEqual(credentials.nc, "00000002")

    def test_second_refusal(self) -> None:
        """Only a second refusal is mapped (ERR-9, ERR 8.2)."""
        done = self.rig.edge.deliver(item())
        self.challenge(self.request())
        self.challenge(self.request(), nonce="other")
        result = self.successResultOf(done)
        self.assertEqual((result.failure.reason, result.failure.permanent), (Reason.REGISTRATION_REQUIRED, False))
        self.assertEqual(self.rig.sent(), [])

    def test_without_account(self) -> None:
        """Without an account a challenge is a refusal."""
        self.rig = Rig()
        done = self.rig.edge.deliver(item())
        self.challenge(self.request(), 401)
        self.assertEqual(self.successResultOf(done).failure.reason, Reason.NOT_AUTHENTICATED)

    def test_limit(self) -> None:
        """A message that is too large with its credentials fails, as the limit is for the whole request (MSG-27)."""
        self.rig.edge.deliver(item())
        first = self.request()
        room = 1300 - len(first.to_bytes())
        done = self.rig.edge.deliver(item(message("x" * (room - 20)), id="item-2"))
        self.challenge(self.request())
        result = self.successResultOf(done)
        self.assertEqual(result.failure.reason, Reason.TOO_BIG)
        self.assertIn("the limit is 1300", result.failure.text)
        again = self.rig.edge.deliver(item(message("x" * (room - 20)), id="item-3"))
        self.assertEqual(self.successResultOf(again).failure.reason, Reason.TOO_BIG)
        self.assertEqual(self.rig.sent(), [])

    def test_silence_after_the_challenge(self) -> None:
        """Who asks for a password and then falls silent counts as silent, 32 s after the answer."""
        done = self.rig.edge.deliver(item())
        self.challenge(self.request())
        self.rig.reactor.pump([0.5] * 66)
        self.assertEqual(self.successResultOf(done),
                         Rejected(item(), Failure(Reason.TIMEOUT, permanent=False), stop_stream=True))
        self.assertEqual(len(self.rig.edge._client), 0)


class InboundTests(Case):
    """A trunk that has to prove itself."""

    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(LOGIN, digest=True, realm="iwf.example"),)))

    def signed(self, text: str, password: str = "secret", refusal: Response | None = None) -> bytes:
        asked = parse_message(octets(text))
        assert isinstance(asked, Request)
        if refusal is None:
            self.rig.receive(octets(text))
            refusal = self.response()
        self.assertEqual(refusal.status, 401)
        keyring = Keyring(Login("iwf", password), Ids(5))
        self.assertTrue(keyring.learn(asked, refusal))
        return keyring.repeated(asked, Via("UDP", "192.0.2.10", 5060, (("branch", f"z9hG4bK{password}"),))).to_bytes()

    def test_proven(self) -> None:
        """Without proof a message gets a challenge, costs no memory and reaches nobody; with proof it is taken, once
        however often it comes (SIP-62)."""
        request = self.signed(MESSAGE_1_1)
        self.assertEqual((len(self.rig.edge._table), self.rig.intake.events), (0, []))
        self.rig.receive(request)
        self.rig.receive(request)
        self.assertEqual(len(self.rig.intake.events), 1)
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.rig.receive(request)
        self.assertEqual([sent.status for sent, _ in self.rig.sent() if isinstance(sent, Response)], [202, 202])

    def test_wrong(self) -> None:
        """A wrong password gets a challenge again."""
        self.rig.receive(self.signed(MESSAGE_1_1, "guess"))
        self.assertEqual((self.response().status, self.rig.intake.events), (401, []))

    def test_improper(self) -> None:
        """Credentials that cannot be read are 400."""
        self.rig.receive(octets(changed(MESSAGE_1_1, ("CSeq", "Authorization: Digest realm=\nCSeq"))))
        self.assertEqual((self.response().status, len(self.rig.edge._table)), (400, 0))

    def test_identity(self) -> None:
        """P-Asserted-Identity is believed from a trusted trunk that has proven itself (SIP-64)."""
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(LOGIN, digest=True, trusted_identity=True),)))
        text = changed(MESSAGE_1_1, ('"Ana" <sip:ana@sip.example>', "<sip:anonymous@anonymous.invalid>"),
                       ("CSeq", "P-Asserted-Identity: <sip:ana@sip.example>\nCSeq"))
        self.rig.receive(self.signed(text))
        [event] = self.rig.intake.events
        self.assertEqual(event.origin.address, Address("sip", "ana", "sip.example"))

    def test_ack(self) -> None:
        """An ACK is never challenged (RFC 3261 22.1)."""
        self.rig.receive(octets(changed(MESSAGE_1_1, ("MESSAGE sip", "ACK sip"), ("5 MESSAGE", "5 ACK"))))
        self.assertEqual(self.rig.sent(), [])


class RegisteringTests(Case):
    """A trunk that wants us to register."""

    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(LOGIN, register=(BEN,), trusted_identity=True),)))
        self.first = self.request()
        self.grants = self.rig.lanes.lanes["sip:proxy"].grants

    def registered(self, *headers: tuple[str, str]) -> None:
        self.challenge(self.first, 401)
        self.answer(self.request(), 200, ("Contact", f"{self.first.get('Contact')};expires=600"), *headers)

    def awaited(self, most: float) -> Request:
        """The next request, which comes in so many seconds at most."""
        for _ in range(int(most * 4)):
            self.rig.reactor.advance(0.25)
            sent = self.rig.sent()
            if sent:
                assert isinstance(sent[0][0], Request)
                return sent[0][0]
        self.fail("no request")

    def test_lane(self) -> None:
        """The lane opens with the registration, closes after three failures and opens again (SIP-80)."""
        self.assertEqual((self.first.method, self.first.target, self.grants), ("REGISTER", "sip:sip.example", []))
        self.assertEqual(self.first.get("Contact"), "<sip:ben*xmpp.example@iwf.sip.example:5060>")
        self.registered()
        self.assertEqual(self.grants, [200])
        self.rig.reactor.advance(479)
        self.assertEqual(self.rig.sent(), [])
        self.rig.reactor.advance(2)
        refresh = self.request()
        self.assertEqual((refresh.method, refresh.cseq.number), ("REGISTER", 3))
        self.assertIn("nc=00000002", refresh.get("Authorization") or "")
        self.answer(refresh, 500)
        for _ in range(2):
            self.assertEqual(self.grants, [200])
            self.answer(self.awaited(61), 500)
        self.assertEqual(self.grants, [200, 0])
        self.answer(self.awaited(121), 200)
        self.assertEqual(self.grants, [200, 0, 200])

    def test_names(self) -> None:
        """Ben's messages leave under his address there, by the way that the registrar names (RFC 3608)."""
        self.registered(("Service-Route", "<sip:sr.sip.example;lr>"))
        self.rig.edge.deliver(item())
        sent = self.request()
        self.assertEqual(str(sent.from_.uri), "sip:ben*xmpp.example@sip.example")
        self.assertEqual(sent.get("P-Asserted-Identity"), "<sip:ben*xmpp.example@sip.example>")   # SIP-64
        self.assertIs(marked(sent), sent)                                                         # LOOP-3
        self.assertEqual(sent.all("Route"), ["<sip:sr.sip.example;lr>"])
        self.answer(sent, 200)

    def test_reached(self) -> None:
        """What comes for the registered contact goes to Ben's image, and for other users of that address to nobody."""
        self.registered()
        to_contact = ("ben*xmpp.example@x.sip.example SIP", "ben*xmpp.example@192.0.2.20:5060 SIP")
        self.rig.receive(octets(changed(MESSAGE_1_1, to_contact)))
        [event] = self.rig.intake.events
        self.assertEqual(event.target, Address("sip", "ben*xmpp.example", "x.sip.example"))
        self.rig.receive(octets(changed(MESSAGE_1_1, (to_contact[0], "eve@192.0.2.20:5060 SIP"), ("7f3a", "7f3b"),
                                        ("CSeq: 5", "CSeq: 6"))))
        self.assertEqual(self.response().status, 404)

    def test_silence(self) -> None:
        """A registrar that does not answer is asked again later."""
        self.rig.reactor.pump([0.5] * 66)
        self.rig.sent()
        self.rig.reactor.pump([0.5] * 61)
        self.assertEqual({sent.cseq.number for sent, _ in self.rig.sent()}, {2})

    def test_flow(self) -> None:
        """The connection that Ben is registered by may be silent as long as he is registered; when it is lost, he is
        registered again by another one at once (RFC 5626 4.5)."""
        hop = Hop("tcp", "192.0.2.10", 5060)
        self.rig = Rig(evolve(SETTINGS, trunks=(evolve(TRUNK, next_hop=hop, register=(BEN,), keep_alive="off"),)))
        stream, transport = self.rig.connect()
        first = parse_message(transport.value(), False)
        assert isinstance(first, Request)
        stream.dataReceived(response_to(first, 200, "", "peer", (("Expires", "3600"),)).to_bytes())
        self.rig.reactor.advance(2000)
        self.assertFalse(transport.disconnecting)
        stream.connectionLost()
        _, transport = self.rig.connect(1)
        again = parse_message(transport.value(), False)
        assert isinstance(again, Request)
        self.assertEqual((again.method, again.call_id, again.cseq.number), ("REGISTER", first.call_id, 2))
        self.assertEqual(self.rig.lanes.lanes["sip:proxy"].grants, [200])

    def test_stop(self) -> None:
        """The registration is taken back at the stop, which waits for it."""
        self.registered()
        stopped = self.rig.edge.stopService()
        goodbye = self.request()
        self.assertEqual((goodbye.method, goodbye.expires), ("REGISTER", 0))
        self.assertNoResult(stopped)
        self.answer(goodbye, 200)
        self.successResultOf(stopped)
        self.assertEqual(self.rig.reactor.getDelayedCalls(), [])
