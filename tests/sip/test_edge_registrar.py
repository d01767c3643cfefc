"""Devices that register at the gateway itself: what the SIP edge tells them, and how it reaches them (SIP-81,
XMPP-60)."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.python.failure import Failure as Fault

from iwf.ids import Ids
from iwf.mapping.model import Accepted, Address, Body, Failure, Message, Reason, Refused, Taken, Want
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.settings import Account, Hop, RegistrarSettings
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response, parse_message, response_to
from tests.sip.fakes import Memory, Rig
from tests.sip.samples import MESSAGE_1_1, PEER, SETTINGS, changed, item, message, octets
from tests.sip.test_edge_digest import Case
from tests.sip.test_webstream import WEB_SETTINGS, Web

HOME = RegistrarSettings("home.example", (Account("ana", "pw"), Account("eve", "pw")))
PHONE = Hop("udp", "203.0.113.7", 5062)
ASKED = frozenset({Want.DELIVERED})
ANA_AT_HOME = Address("sip", "ana", "home.example")
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
        self.memory = Memory()
        self.rig = Rig(evolve(SETTINGS, registrar=HOME), memory=self.memory)
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

    def test_refused_forms(self) -> None:
        """A device that refuses a text in one form is sent it in the next, each a request of its own (RCPT-2,
        MSG-23)."""
        self.register()
        self.rig.edge._sender.habits.wrote(ANA_AT_HOME, "message/cpim", None)
        rich = message(target=ANA_AT_HOME, wants=ASKED, bodies=(Body("hi"), Body("<b>hi</b>", type="text/html")))
        done = self.rig.edge.deliver(item(rich, lane="sip:registrar"))
        seen = []
        for accept in ("text/html", "text/html", "text/plain", ""):
            sent = self.request()
            seen.append((sent.get("Content-Type"), sent.cseq.number))
            status, headers = (415, [("Accept", accept)]) if accept else (200, [])
            self.rig.receive(response_to(sent, status, "", "", headers).to_bytes(), PHONE)
        self.assertEqual(seen, [("message/cpim", 1), ("text/plain;charset=utf-8", 11), ("text/html;charset=utf-8", 21),
                                ("text/plain;charset=utf-8", 31)])
        self.assertIsInstance(self.successResultOf(done), Accepted)

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
        self.rig = Rig(evolve(WEB_SETTINGS, registrar=HOME), memory=Memory())
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

    def test_answer_after_the_store(self) -> None:
        """A device hears 200 when its contact is remembered, not before; a contact that is not is not used."""
        self.rig = Rig(evolve(SETTINGS, registrar=HOME))
        for number, verdict, status in ((1, Refused(Failure(Reason.INTERNAL, False)), 500), (2, Taken(""), 200)):
            text = changed(REGISTER, ("z9hG4bKr1", f"z9hG4bKr{number}"), (": r1", f": r{number}"))
            self.rig.receive(self.signed(text), PHONE)
            self.rig.reactor.advance(1)
            self.assertEqual(self.rig.sent(), [])
            self.rig.intake.verdicts.pop().callback(verdict)
            self.assertEqual(self.response().status, status)
            done = self.deliver()
            self.assertEqual(len(self.rig.sent()), 1 if status == 200 else 0)
            self.assertEqual(bool(done.called), status != 200)

    def test_restart(self) -> None:
        """After a restart Ana is reached where she was, before she has registered again."""
        self.register()
        self.rig = Rig(evolve(SETTINGS, registrar=HOME), memory=self.memory)
        self.deliver()
        self.assertEqual((self.request().target), "sip:ana@203.0.113.7:5062")

    def test_restart_of_connections(self) -> None:
        """After a restart who was on a connection is called at the address that he has given, also when a first
        call is in vain: he may be starting as well."""
        peer = Hop("tcp", "203.0.113.7", 40_002)
        stream, transport = self.rig.accept(peer)
        stream.dataReceived(self.signed(changed(REGISTER, (":5062>", ":5062;transport=tcp>")), "TCP"))
        self.rig = Rig(evolve(SETTINGS, registrar=HOME), memory=self.memory)
        for number in range(2):
            waiting = self.deliver(id=f"i{number}")
            host, port, factory, _, _ = self.rig.reactor.tcpClients[number]
            self.assertEqual((host, port), ("203.0.113.7", 5062))
            factory.clientConnectionFailed(None, Fault(ConnectionRefusedError()))
            failed = self.successResultOf(waiting)
            self.assertEqual((failed.failure.reason, failed.retry), (Reason.UNREACHABLE, True))

    def test_register_while_stopping(self) -> None:
        """Who registers while we stop is not turned away: it is us who will look for him after the start (SIP-92)."""
        self.deliver_slowly()
        stopped = self.rig.edge.stopService()
        self.assertNoResult(stopped)
        self.assertEqual(self.register(changed(REGISTER, (": r1", ": r2"), ("z9hG4bKr1", "z9hG4bKr2"))).status, 200)

    def deliver_slowly(self) -> None:
        """An item that is in flight for as long as there is no answer."""
        self.register()
        self.deliver()
        self.request()
