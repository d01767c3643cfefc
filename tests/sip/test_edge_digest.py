"""The SIP edge with passwords: challenges answered and made, registrations of ours and of devices (ERR-9, SIP-60
to SIP-63, SIP-80, SIP-81)."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Address, Failure, Message, Reason, Rejected, Taken
from iwf.sip.auth.digest import Challenge, parse_credentials
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.settings import Account, Hop, Identity, RegistrarSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from iwf.sip.transaction.loops import marked
from tests.sip.fakes import Rig
from tests.sip.samples import MESSAGE_1_1, PEER, SETTINGS, TRUNK, changed, item, message, octets
from tests.sip.test_webstream import WEB_SETTINGS, Web

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


REGISTER = """\
REGISTER sip:home.example SIP/2.0
Via: SIP/2.0/UDP 203.0.113.7:5062;branch=z9hG4bKr1;rport
From: <sip:ana@home.example>;tag=a
To: <sip:ana@home.example>
Call-ID: r1
CSeq: 1 REGISTER
Contact: <sip:ana@203.0.113.7:5062>
Content-Length: 0

"""


class HomeTests(Case):
    """Devices that register at the gateway itself (XMPP-60)."""

    def setUp(self) -> None:
        self.rig = Rig(evolve(SETTINGS, registrar=HOME))
        self.keyring = Keyring(Login("ana", "pw"), Ids(5))
        self._branch = 0

    def via(self, transport: str) -> Via:
        self._branch += 1
        return Via(transport, "203.0.113.7", 5062, (("branch", f"z9hG4bKs{self._branch}"), ("rport", None)))

    def signed(self, text: str, transport: str = "UDP") -> bytes:
        """The request with credentials; the challenge for it is fetched over UDP."""
        asked = parse_message(octets(text))
        assert isinstance(asked, Request)
        open_before = len(self.rig.edge._table)
        self.rig.receive(octets(text), PHONE)
        refusal = self.response()
        self.assertEqual((refusal.status, len(self.rig.edge._table)), (401, open_before))
        self.keyring = Keyring(Login("ana", "pw"), Ids(5))
        self.assertTrue(self.keyring.learn(asked, refusal))
        return self.keyring.repeated(asked, self.via(transport)).to_bytes()

    def register(self, text: str = REGISTER) -> Response:
        self.rig.receive(self.signed(text), PHONE)
        return self.response()

    def deliver(self, target: Address = ANA_AT_HOME, **more: Any) -> Any:
        return self.rig.edge.deliver(item(message(target=target), lane="sip:registrar", **more))

    def test_register_and_receive(self) -> None:
        """A device registers with its password, and what Ana is sent reaches it at its contact."""
        answer = self.register()
        self.assertEqual((answer.status, answer.get("Contact")), (200, "<sip:ana@203.0.113.7:5062>;expires=3600"))
        done = self.deliver()
        [(sent, to)] = self.rig.sent()
        assert isinstance(sent, Request)
        self.assertEqual((sent.target, str(sent.to), to),
                         ("sip:ana@203.0.113.7:5062", "<sip:ana@home.example>", ("203.0.113.7", 5062)))
        self.rig.receive(response_to(sent, 200).to_bytes(), PHONE)
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_write(self) -> None:
        """Ana writes from anywhere with her password, as herself and nobody else."""
        text = changed(MESSAGE_1_1, ("ana@sip.example", "ana@home.example"))
        self.rig.receive(self.signed(text), PHONE)
        [event] = self.rig.intake.events
        assert isinstance(event, Message)
        self.assertEqual((event.origin.address, event.lane), (ANA_AT_HOME, "sip:registrar"))
        self.rig.intake.verdicts[0].callback(Taken("d"))
        self.assertEqual(self.response().status, 202)
        self.rig.receive(self.signed(changed(text, ("ana@home", "eve@home"))), PHONE)
        self.assertEqual(self.response().status, 403)
        self.assertEqual(len(self.rig.intake.events), 1)

    def test_nobody_there(self) -> None:
        """Who is not registered cannot be reached just now; who has no account does not exist."""
        for user, reason, permanent in (("ana", Reason.UNAVAILABLE, False), ("nobody", Reason.UNKNOWN_RECIPIENT, True)):
            failure = self.successResultOf(self.deliver(Address("sip", user, "home.example"))).failure
            self.assertEqual((failure.reason, failure.permanent), (reason, permanent))

    def test_forking(self) -> None:
        """Contacts of equal preference are tried at once, the others when these fail; one yes is enough, and the
        best no is told (RFC 3261 16.6, 16.7)."""
        contacts = ", ".join(f"<sip:{name}@203.0.113.7:{port}>;q={q}"
                             for name, port, q in (("a", 7001, 1), ("b", 7002, 1), ("c", 7003, 0.5)))
        self.register(changed(REGISTER, ("<sip:ana@203.0.113.7:5062>", contacts)))
        for answers, expected in (([[486, 200]], None), ([[480, 486], [200]], None), ([[603, 404], [480]], 480),
                                  ([[404, 600], [503]], 503)):
            done = self.deliver()
            for statuses in answers:
                requests = [sent for sent, _ in self.rig.sent() if isinstance(sent, Request)]
                self.assertEqual(len(requests), len(statuses))
                for sent, status in zip(requests, statuses, strict=True):
                    self.rig.receive(response_to(sent, status).to_bytes(), PHONE)
            result = self.successResultOf(done)
            self.assertEqual(isinstance(result, Accepted), expected is None, answers)

    def test_connection(self) -> None:
        """A device that registered over TCP is reached by that connection, as long as it stands (SIP-42)."""
        peer = Hop("tcp", "203.0.113.7", 40_002)
        stream, transport = self.rig.accept(peer)
        stream.dataReceived(self.signed(changed(REGISTER, (":5062>", ":5062;transport=tcp>")), "TCP"))
        answer = parse_message(transport.value(), False)
        assert isinstance(answer, Response)
        self.assertEqual(answer.status, 200)
        transport.clear()
        self.rig.reactor.advance(1000)  # no traffic for longer than other connections are kept
        self.assertFalse(transport.disconnecting)
        done = self.deliver()
        sent = parse_message(transport.value(), False)
        assert isinstance(sent, Request)
        self.assertEqual((sent.target, sent.top_via.transport), ("sip:ana@203.0.113.7:5062;transport=tcp", "TCP"))
        stream.dataReceived(response_to(sent, 200).to_bytes())
        self.assertIsInstance(self.successResultOf(done), Accepted)
        waiting = self.deliver()
        stream.connectionLost()
        self.assertEqual(self.successResultOf(waiting).failure.reason, Reason.UNREACHABLE)
        self.assertEqual(self.successResultOf(self.deliver()).failure.reason, Reason.UNAVAILABLE)
        self.assertEqual(self.rig.reactor.tcpClients, [])

    def test_websocket(self) -> None:
        """A browser registers on its WebSocket, and is reached there, whatever host its contact names (RFC 7118 6)."""
        self.rig = Rig(evolve(WEB_SETTINGS, registrar=HOME))
        web = Web(self.rig)
        text = changed(REGISTER, ("SIP/2.0/UDP 203.0.113.7:5062", "SIP/2.0/WS df7jal23ls0d.invalid"),
                       ("<sip:ana@203.0.113.7:5062>", "<sip:q1@df7jal23ls0d.invalid;transport=ws>"))
        web.say(octets(text))
        asked, refusal = parse_message(octets(text)), parse_message(web.said())
        assert isinstance(asked, Request) and isinstance(refusal, Response)
        self.assertEqual(refusal.status, 401)
        self.assertTrue(self.keyring.learn(asked, refusal))
        web.say(self.keyring.repeated(asked, self.via("WS")).to_bytes())
        answer = parse_message(web.said())
        assert isinstance(answer, Response)
        self.assertEqual(answer.status, 200)
        done = self.deliver()
        sent = parse_message(web.said())
        assert isinstance(sent, Request)
        self.assertEqual(sent.target, "sip:q1@df7jal23ls0d.invalid;transport=ws")
        web.say(response_to(sent, 200).to_bytes())
        self.assertIsInstance(self.successResultOf(done), Accepted)

    def test_path(self) -> None:
        """A device behind a proxy is reached by the Path of its REGISTER (RFC 3327)."""
        path = "Path: <sip:203.0.113.7:5062;lr>\nSupported: path\nContact: <sip:ana@10.0.0.1>"
        self.register(changed(REGISTER, ("Contact: <sip:ana@203.0.113.7:5062>", path)))
        self.deliver()
        [(sent, to)] = self.rig.sent()
        self.assertEqual((sent.all("Route"), to), (["<sip:203.0.113.7:5062;lr>"], ("203.0.113.7", 5062)))

    def test_refusals(self) -> None:
        """Another domain is 404, an extension that we lack 420 (10.3 steps 1, 2)."""
        elsewhere = changed(REGISTER, ("sip:home.example SIP", "sip:other.example SIP"))
        self.assertEqual(self.register(elsewhere).status, 404)
        answer = self.register(changed(REGISTER, ("Contact", "Require: outbound, path\nContact")))
        self.assertEqual((answer.status, answer.get("Unsupported")), (420, "outbound"))

    def test_off(self) -> None:
        """Without a registrar REGISTER is 405 with Allow for peers, and 403 for strangers (XMPP-60, SIP-81)."""
        self.rig = Rig()
        text = changed(REGISTER, ("home.example", "sip.example"))
        for source, status in ((PEER, 405), (PHONE, 403)):
            self.rig.receive(octets(text), source)
            self.assertEqual(self.response().status, status)

    def test_methods(self) -> None:
        """With a registrar REGISTER is in Allow (SIP-31)."""
        self.rig.receive(octets(changed(MESSAGE_1_1, ("MESSAGE sip", "PUBLISH sip"), ("5 MESSAGE", "5 PUBLISH"))))
        self.assertEqual(self.response().get("Allow"), "MESSAGE, OPTIONS, SUBSCRIBE, NOTIFY, REGISTER")
