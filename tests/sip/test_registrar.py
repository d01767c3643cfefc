"""The registrar of a domain of ours: bindings and who may change them (RFC 3261 10.3; SIP-81, XMPP-60)."""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Remember
from iwf.sip.auth.digest import Credentials, algorithm_of, parse_challenges, sign
from iwf.sip.auth.gate import Gate
from iwf.sip.reasons import Status
from iwf.sip.registration.registrar import Registered, Registrar
from iwf.sip.settings import Account, Hop, RegistrarSettings, TrunkSettings
from iwf.sip.syntax.dates import read_date
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, parse_message
from tests.sip.samples import MESSAGE_1_1, NOW, PEER, SETTINGS, TRUNK, changed, octets

HOME = RegistrarSettings("home.example", (Account("ana", "pw"), Account("ben", "pw")), max_contacts=3)
PHONE = Hop("udp", "203.0.113.7", 5062)
CONTACT = "<sip:ana@203.0.113.7:5062>"


def register(*headers: tuple[str, str], cseq: int = 1, call_id: str = "c1", user: str = "ana",
             uri: str = "sip:home.example") -> Request:
    return Request("REGISTER", uri, [
        ("Via", "SIP/2.0/UDP 203.0.113.7:5062;branch=z9hG4bKr"), ("From", f"<sip:{user}@home.example>;tag=f"),
        ("To", f"<sip:{user}@home.example>"), ("Call-ID", call_id), ("CSeq", f"{cseq} REGISTER"), *headers])


def contact(value: str = CONTACT) -> tuple[str, str]:
    return "Contact", value


def status_of(answer: Status | Registered) -> Status:
    return answer.status if isinstance(answer, Registered) else answer


class RegistrarTests(SynchronousTestCase):
    """What a REGISTER does."""

    def setUp(self) -> None:
        self.registrar = Registrar(HOME)

    def register(self, *headers: tuple[str, str], now: float = NOW, source: Hop = PHONE, cseq: int = 1,
                 call_id: str = "c1", user: str = "ana") -> Status:
        request = register(*headers, cseq=cseq, call_id=call_id, user=user)
        return status_of(self.registrar.register(request, source, now))

    def uris(self, now: float = NOW, user: str = "ana") -> list[list[str]]:
        return [[str(each.uri) for each in group] for group in self.registrar.contacts(user, now)]

    def listed(self, status: Status) -> list[str]:
        self.assertEqual(status.code, 200)
        return [value for name, value in status.headers if name == "Contact"]

    def test_binding(self) -> None:
        """A contact is bound for the time given, and told with what is left of it."""
        answer = self.register(contact(f"{CONTACT};expires=600"))
        self.assertEqual(self.listed(answer), [f"{CONTACT};expires=600"])
        date = dict(answer.headers)["Date"]
        self.assertEqual(read_date(date), NOW)
        self.assertEqual(self.listed(self.register(now=NOW + 200, cseq=2)), [f"{CONTACT};expires=400"])
        self.assertEqual(self.uris(NOW + 599), [["sip:ana@203.0.113.7:5062"]])
        self.assertEqual(self.uris(NOW + 600), [])

    def test_spelling_of_the_user(self) -> None:
        """Escapes and case of the user part make no difference to where he is (10.3 step 5, ADDR-20)."""
        self.registrar.register(register(contact(), user="%41n%61"), PHONE, NOW)
        self.assertEqual(self.uris(), [["sip:ana@203.0.113.7:5062"]])
        self.assertEqual(self.uris(user="ben"), [])

    def test_times(self) -> None:
        """The contact's own time comes first, then Expires, then ours; too long is cut, unreadable is an hour."""
        for headers, seconds in (
            ([contact(f"{CONTACT};expires=300"), ("Expires", "200")], 300),
            ([contact(), ("Expires", "200")], 200),
            ([contact()], 3600),
            ([contact(), ("Expires", "7200")], 3600),
            ([contact(f"{CONTACT};expires=soon")], 3600),
            ([contact(f"{CONTACT};expires=99999999999999")], 3600),
            ([contact(), ("Expires", "99999999999999999999999999")], 3600),
        ):
            self.registrar = Registrar(HOME)
            self.assertEqual(self.listed(self.register(*headers)), [f"{CONTACT};expires={seconds}"], headers)

    def test_too_brief(self) -> None:
        """Less than the minimum is 423 with Min-Expires, and nothing is bound (10.3 step 7)."""
        answer = self.register(contact(), contact(f"<sip:ana@203.0.113.8>;expires={HOME.min_expires - 1}"))
        self.assertEqual((answer.code, dict(answer.headers)), (423, {"Min-Expires": "60"}))
        self.assertEqual(self.uris(), [])
        self.assertEqual(self.register(contact(f"{CONTACT};expires=60")).code, 200)

    def test_several(self) -> None:
        """Contacts are used by preference, equal ones together; no q is 1 (RFC 3261 16.6)."""
        self.register(contact("<sip:a@x>;q=0.5, <sip:b@x>;q=1.0"), contact("<sip:c@x>;q=0.500"))
        self.assertEqual(self.uris(), [["sip:b@x"], ["sip:a@x", "sip:c@x"]])
        self.registrar = Registrar(HOME)
        answer = self.register(contact("<sip:a@x>;q=2, <sip:b@x>;q=0.25"))
        self.assertEqual(self.listed(answer), ["<sip:a@x>;expires=3600", "<sip:b@x>;q=0.250;expires=3600"])

    def test_removal(self) -> None:
        """Expires 0 takes one contact away, whoever put it there; * takes all (10.2.2)."""
        self.register(contact(), contact("<sip:other@x>"))
        answer = self.register(contact(f"{CONTACT};expires=0"), call_id="c2", cseq=9)
        self.assertEqual(self.listed(answer), ["<sip:other@x>;expires=3600"])
        self.register(contact(), cseq=2)
        self.assertEqual(self.listed(self.register(contact("*"), ("Expires", "0"), cseq=3)), [])
        self.assertEqual(self.uris(), [])

    def test_star_in_bad_company(self) -> None:
        """* with a time, without one, or beside a contact is 400 and changes nothing (10.3 step 6)."""
        self.register(contact())
        for headers in ([contact("*")], [contact("*"), ("Expires", "60")], [contact(f"*, {CONTACT}"), ("Expires", "0")],
                        [contact("*"), contact(), ("Expires", "0")]):
            self.assertEqual(self.register(*headers, cseq=2).code, 400)
        self.assertEqual(len(self.uris()), 1)

    def test_order(self) -> None:
        """A request that was overtaken by a later one of the same device fails as a whole (10.3 step 7)."""
        self.register(contact(), cseq=5)
        for headers in ([contact("<sip:new@x>"), contact(f"{CONTACT};expires=0")], [contact("*"), ("Expires", "0")]):
            for cseq in (4, 5):
                self.assertEqual(self.register(*headers, cseq=cseq).code, 500)
        self.assertEqual(self.uris(), [["sip:ana@203.0.113.7:5062"]])
        self.assertEqual(self.register(contact(), cseq=1, call_id="after-restart").code, 200)

    def test_equal_uris(self) -> None:
        """The same contact in another spelling is the same contact (19.1.4), also within one request."""
        self.register(contact("<sip:%61na@203.0.113.7:5062;x=y>, <sip:ana@203.0.113.7:5062>;q=0.1"))
        self.assertEqual(self.uris(), [["sip:ana@203.0.113.7:5062"]])

    def test_bounded(self) -> None:
        """A user has so many contacts at most: the one that would end first gives way, and more at once is 403."""
        for number in range(5):
            self.register(contact(f"<sip:{number}@x>;expires={3000 if number else 3600}"), cseq=number + 1)
        self.assertEqual(sorted(sum(self.uris(), [])), ["sip:0@x", "sip:3@x", "sip:4@x"])
        many = ", ".join(f"<sip:m{number}@x>" for number in range(4))
        self.assertEqual(self.register(contact(many), cseq=9).code, 403)

    def test_path(self) -> None:
        """A Path is kept, told, and the way of requests; without consent of the device it is 420 (RFC 3327 5.3)."""
        route = ("Path", "<sip:edge.example;lr>, <sip:p2.example;lr>")
        refusal = self.register(contact(), route)
        self.assertEqual((refusal.code, dict(refusal.headers)), (420, {"Unsupported": "path"}))
        answer = self.register(contact(), route, ("Supported", "gruu, Path"))
        self.assertEqual([value for name, value in answer.headers if name == "Path"],
                         ["<sip:edge.example;lr>", "<sip:p2.example;lr>"])
        [[binding]] = self.registrar.contacts("ana", NOW)
        self.assertEqual(binding.path, ("<sip:edge.example;lr>", "<sip:p2.example;lr>"))

    def test_hop(self) -> None:
        """Requests go to the contact where it names the host that registered it, else to where the REGISTER
        came from; on a stream, always (SIP-42)."""
        stream = Hop("tcp", "203.0.113.7", 40001)
        proxied = ("Path", "<sip:203.0.113.7:5090;lr>"), ("Supported", "path")
        for source, headers, hop in (
            (PHONE, [contact("<sip:ana@203.0.113.7:7000>")], Hop("udp", "203.0.113.7", 7000)),
            (PHONE, [contact("<sip:ana@203.0.113.7>")], Hop("udp", "203.0.113.7", 5060)),
            (PHONE, [contact("<sip:ana@203.0.113.7:7000;transport=tcp>")], Hop("tcp", "203.0.113.7", 7000)),
            (PHONE, [contact("<sip:ana@10.0.0.1:7000>")], PHONE),
            (PHONE, [contact("<sip:ana@203.0.113.7:7000;transport=tls>")], PHONE),
            (PHONE, [contact("<sip:ana@victim.example>")], PHONE),
            (PHONE, [contact("<sip:ana@10.0.0.1:7000>"), *proxied], Hop("udp", "203.0.113.7", 5090)),
            (stream, [contact("<sip:ana@203.0.113.7:7000;transport=tcp>")], stream),
            (Hop("udp", "::ffff:203.0.113.7", 5062), [contact("<sip:ana@203.0.113.7:7000>")],
             Hop("udp", "::ffff:203.0.113.7", 7000)),
        ):
            self.registrar = Registrar(HOME)
            self.assertEqual(self.register(*headers, source=source).code, 200)
            [[binding]] = self.registrar.contacts("ana", NOW)
            self.assertEqual(binding.hop, hop)

    def test_strange_contacts(self) -> None:
        """A contact that we cannot send to is refused at once, and one that cannot be read is 400."""
        for value in ("<tel:+123>", "<sips:ana@x>", "<mailto:a@b>"):
            self.assertEqual(self.register(contact(value)).code, 400)
        for value in ("<sip:ana@x", "sip:", ",", "<sip:a@x>;q=0.1;;"):
            self.assertRaises(SipSyntaxError, self.register, contact(value))
        self.register(contact("<sip:ana@x;method=INVITE?Route=y>"))
        self.assertEqual(self.uris(), [["sip:ana@x"]])

    def test_lost_connection(self) -> None:
        """With a connection go the contacts that registered by it, and no others (SIP-42)."""
        stream = Hop("tcp", "203.0.113.7", 40001, flow=3)
        self.register(contact("<sip:a@x>"), source=stream)
        self.register(contact("<sip:b@x>"), cseq=2)
        self.register(contact("<sip:c@x>"), source=stream, user="ben")
        self.registrar.lost(evolve(stream, flow=4))
        self.assertEqual(len(self.uris(user="ben")), 1)
        self.registrar.lost(stream)
        self.assertEqual((self.uris(), self.uris(user="ben")), ([["sip:b@x"]], []))
        self.registrar.lost(stream)

    def test_clock(self) -> None:
        """A clock that goes backwards brings nothing back."""
        self.register(contact(f"{CONTACT};expires=60"))
        self.assertEqual(self.uris(NOW + 61), [])
        self.assertEqual(self.uris(NOW), [])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(
        st.sampled_from(["sip:a@x", "sip:b@x", "sip:c@x", "sip:d@x", "*"]),
        st.sampled_from([None, 0, 30, 60, 600, 9999]),
        st.sampled_from(["c1", "c2"]), st.integers(1, 6), st.sampled_from([-100.0, 0.0, 50.0, 700.0])), max_size=14))
    def test_any_history(self, history: list[tuple[str, int | None, str, int, float]]) -> None:
        """Whatever is registered in whatever order: never too many contacts, never a dead one, never one twice,
        all told as they are, and a refusal changes nothing."""
        registrar, now, latest = Registrar(HOME), NOW, 0.0
        for uri, expires, call_id, cseq, step in history:
            now += step
            latest = max(now, latest)
            before = registrar.contacts("ana", now)
            headers = [contact(uri if uri == "*" else f"<{uri}>")]
            headers += [] if expires is None else [("Expires", str(expires))]
            answer = status_of(registrar.register(register(*headers, cseq=cseq, call_id=call_id), PHONE, now))
            after = registrar.contacts("ana", now)
            flat = [str(binding.uri) for group in after for binding in group]
            self.assertEqual(len(flat), len(set(flat)))
            self.assertLessEqual(len(flat), HOME.max_contacts)
            self.assertTrue(all(binding.expires_at > latest for group in after for binding in group))
            if answer.code == 200:
                told = [value for name, value in answer.headers if name == "Contact"]
                self.assertEqual(sorted(value.partition(">")[0][1:] for value in told), sorted(flat))
                self.assertEqual(uri in flat, expires != 0 and uri != "*")
            else:
                self.assertIn(answer.code, (400, 423, 500))
                self.assertEqual(after, before)


class MemoryTests(SynchronousTestCase):
    """What the core remembers of registrations, and what is found again after a restart (XMPP-60)."""

    def setUp(self) -> None:
        self.registrar = Registrar(HOME)

    def registered(self, *headers: tuple[str, str], source: Hop = PHONE, cseq: int = 1) -> Registered:
        answer = self.registrar.register(register(*headers, cseq=cseq), source, NOW)
        assert isinstance(answer, Registered)
        return answer

    def uris(self, registrar: Registrar, now: float = NOW) -> list[str]:
        return [str(each.uri) for group in registrar.contacts("ana", now) for each in group]

    def found(self, remember: Remember, now: float = NOW, settings: RegistrarSettings = HOME) -> Registrar:
        registrar = Registrar(settings)
        self.assertIsNone(registrar.recall(remember.key, remember.text, now))
        return registrar

    def test_round_trip(self) -> None:
        """All that is known of a contact is known after a restart as well, the order of its REGISTERs included."""
        path = ("Path", "<sip:203.0.113.7:5090;lr>, <sip:p2.example;lr>"), ("Supported", "path")
        remember = self.registered(contact("<sip:ana@203.0.113.7:7000;ob>;q=0.5;expires=600"), *path, cseq=7).remember
        self.assertEqual((remember.edge, remember.until), ("sip", NOW + 600))
        registrar = self.found(remember)
        self.assertEqual(registrar.contacts("ana", NOW), self.registrar.contacts("ana", NOW))
        late = registrar.register(register(contact("<sip:ana@203.0.113.7:7000;ob>"), cseq=7), PHONE, NOW)
        self.assertEqual(status_of(late).code, 500)
        self.assertEqual(self.uris(registrar, NOW + 600), [])

    def test_only_changes(self) -> None:
        """A question for the contacts is not written down, a refused request neither; the end of all is."""
        self.registered(contact("<sip:b@x>;expires=900, <sip:a@x>;expires=600"))
        for headers in ((), (contact("<sip:c@x>;expires=0"),), (contact("<sip:c@x>;expires=1"),)):
            self.assertIsInstance(self.registrar.register(register(*headers, cseq=2), PHONE, NOW), Status)
        gone = self.registered(contact("*"), ("Expires", "0"), cseq=3)
        self.assertEqual((gone.remember.text, gone.status.code), ("", 200))

    def test_connections(self) -> None:
        """A restart ends all connections: who registered by TCP is called at the address that he has given, if it is
        his own; who cannot be called has to register again (RFC 3261 18.1.1, RFC 7118 5)."""
        by_path = "<sip:ana@10.0.0.1>", ("Path", "<sip:203.0.113.7:5090;transport=tcp;lr>"), ("Supported", "path")
        for transport, value, *more, hop in (
            ("tcp", "<sip:ana@203.0.113.7:7000;transport=tcp>", Hop("tcp", "203.0.113.7", 7000)),
            ("tcp", "<sip:ana@203.0.113.7>", Hop("udp", "203.0.113.7", 5060)),
            ("tcp", *by_path, Hop("tcp", "203.0.113.7", 5090)),
            ("tcp", "<sip:ana@10.0.0.1:7000;transport=tcp>", None),
            ("tcp", "<sip:ana@phone.example;transport=tcp>", None),
            ("tcp", "<sip:ana@203.0.113.7;transport=tls>", None),
            ("tls", "<sip:ana@203.0.113.7:5061;transport=tls>", None),
            ("wss", "<sip:q@df7jal23ls0d.invalid;transport=ws>", None),
            ("udp", "<sip:ana@10.0.0.1:7000>", Hop("udp", "203.0.113.7", 40001)),
        ):
            self.registrar = Registrar(HOME)
            source = Hop(transport, "203.0.113.7", 40001, flow=0 if transport == "udp" else 9)
            remember = self.registered(contact(str(value)), *more, source=source).remember  # type: ignore[arg-type]
            registrar = Registrar(HOME)
            useless = registrar.recall(remember.key, remember.text, NOW)
            self.assertEqual([each.hop for group in registrar.contacts("ana", NOW) for each in group],
                             [] if hop is None else [hop], value)
            self.assertEqual(useless, None if hop else Remember("sip", remember.key, "", 0.0))

    def test_of_no_use(self) -> None:
        """What is too old, of an account that is closed, of another domain or cannot be read is forgotten; what
        others remember is left alone."""
        remember = self.registered(contact(f"{CONTACT};expires=60")).remember
        other = evolve(HOME, domain="other.example")
        closed = evolve(HOME, accounts=HOME.accounts[1:])
        for home, text, now in ((HOME, remember.text, NOW + 60), (other, remember.text, NOW),
                                (closed, remember.text, NOW), (HOME, "{", NOW), (HOME, "[[]]", NOW), (HOME, "7", NOW),
                                (HOME, remember.text.replace("sip:ana", "sip:@"), NOW),
                                (HOME, remember.text.replace("[]]", '["x y"]]'), NOW)):
            registrar = Registrar(home)
            self.assertEqual(registrar.recall(remember.key, text, now), Remember("sip", remember.key, "", 0.0), text)
            self.assertEqual(self.uris(registrar, now), [])
        self.assertIsNone(Registrar(HOME).recall("watcher:leg", "[]", NOW))

    def test_undone(self) -> None:
        """What could not be remembered is as it was; what came later stays (10.3: all changes are made, or none)."""
        self.registered(contact("<sip:a@x>;q=0.5"))
        first = self.registered(contact("<sip:a@x>;expires=0, <sip:b@x>"), cseq=2)
        second = self.registered(contact("<sip:c@x>"), cseq=3)
        self.registrar.undo(first)
        self.assertEqual(self.uris(self.registrar), ["sip:c@x", "sip:a@x"])
        self.registrar.undo(second)
        self.assertEqual(self.uris(self.registrar), ["sip:a@x"])
        third = self.registered(contact("<sip:d@x>"), cseq=4)
        self.registered(contact("<sip:a@x>;expires=0"), cseq=5)
        self.registrar.undo(third)
        self.assertEqual(self.uris(self.registrar), [])

    @settings(max_examples=60, deadline=None)
    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                        lambda inner: st.lists(inner, max_size=8), max_leaves=12))
    def test_any_text(self, text: object) -> None:
        """Whatever stands in the store: it is of no use, or a contact."""
        registrar = Registrar(HOME)
        registrar.recall("registrar:home.example:ana", json.dumps(text), NOW)
        self.assertEqual(registrar.contacts("ana", NOW), [])


class GateTests(SynchronousTestCase):
    """Who is let in, and as whom (SIP-62, SIP-63)."""

    def setUp(self) -> None:
        trunk = evolve(TRUNK, digest=True, username="peer", password="secret", realm="trunk.example")
        self.settings = evolve(SETTINGS, trunks=(trunk,), registrar=HOME)
        self.gate = Gate(self.settings, "key")

    def ask(self, request: Request, source: Hop = PEER) -> TrunkSettings | Status:
        return self.gate.admit(request, source, NOW)

    def message(self, *changes: tuple[str, str]) -> Request:
        parsed = parse_message(octets(changed(MESSAGE_1_1, *changes)))
        assert isinstance(parsed, Request)
        return parsed

    def proven(self, request: Request, challenge: TrunkSettings | Status, user: str, password: str,
               name: str = "MD5") -> Request:
        assert isinstance(challenge, Status) and challenge.code == 401, challenge
        used = algorithm_of(name)
        assert used is not None
        lines = [parse_challenges(value)[0] for header, value in challenge.headers if header == "WWW-Authenticate"]
        [asked] = [line for line in lines if line.algorithm == name]
        credentials = Credentials(user, asked.realm, asked.nonce, request.target, algorithm=name, qop="auth",
                                  nc="00000001", cnonce="c")
        secret = used.secret(user, asked.realm, password)
        return Request(request.method, request.target, [*request.headers, (
            "Authorization", str(sign(credentials, secret, request.method, request.body)))], request.body)

    def test_trunk_with_digest(self) -> None:
        """A trunk that must prove itself is challenged and let in with its password, each proof once."""
        first = self.message()
        challenge = self.ask(first)
        again = self.proven(first, challenge, "peer", "secret", "SHA-256")
        self.assertEqual(self.ask(again), self.settings.trunks[0])
        replayed = self.ask(again)
        assert isinstance(replayed, Status)
        self.assertEqual(replayed.code, 401)
        self.assertIn("stale=true", replayed.headers[0][1])
        wrong = self.ask(self.proven(first, challenge, "peer", "guess"))
        assert isinstance(wrong, Status)
        self.assertEqual(wrong.code, 401)
        self.assertNotIn("stale", wrong.headers[0][1])

    def test_trunk_without_digest(self) -> None:
        """Other trunks are known by their address alone."""
        gate = Gate(SETTINGS, "key")
        self.assertEqual(gate.admit(self.message(), PEER, NOW), TRUNK)

    def test_stranger(self) -> None:
        """An unknown address gets 403, whatever it shows (SIP-63)."""
        refusal = self.ask(self.message(), PHONE)
        assert isinstance(refusal, Status)
        self.assertEqual(refusal.code, 403)

    def test_home_user(self) -> None:
        """A user of the registrar's domain may speak from anywhere, for himself only (10.3 step 4)."""
        first = self.message(("ana@sip.example", "ana@home.example"))
        for source in (PHONE, PEER):
            self.assertEqual(self.ask(self.proven(first, self.ask(first, source), "ana", "pw"), source), HOME.trunk)
        forged = self.ask(self.proven(first, self.ask(first, PHONE), "ben", "pw"), PHONE)
        assert isinstance(forged, Status)
        self.assertEqual(forged.code, 403)

    def test_register(self) -> None:
        """A REGISTER is about its To: nobody registers for somebody else."""
        first = register(contact())
        self.assertEqual(self.ask(self.proven(first, self.ask(first, PHONE), "ana", "pw"), PHONE), HOME.trunk)
        forged = self.ask(self.proven(first, self.ask(first, PHONE), "ben", "pw"), PHONE)
        assert isinstance(forged, Status)
        self.assertEqual(forged.code, 403)

    def test_cancel(self) -> None:
        """CANCEL is never challenged (RFC 3261 22.1)."""
        refusal = self.ask(self.message(("MESSAGE sip", "CANCEL sip"), ("5 MESSAGE", "5 CANCEL")))
        assert isinstance(refusal, Status)
        self.assertEqual(refusal.code, 481)
