"""The torture messages of RFC 4475, each by its name: what the syntax makes of it, and what the daemon answers.

The octets in ``rfc4475`` are those of the RFC's appendix; ``baddn``, which lacks the empty line there, has it here.
The daemon is the gateway of example.com and example.org (:mod:`tests.standards.stand`).  It holds no calls: where the
RFC lets a user agent say more about an INVITE, ours says 405, and 405 to a REGISTER without registrar.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve, frozen
from twisted.trial.unittest import SynchronousTestCase

from iwf.sip.auth.digest import Credentials, algorithm_of, parse_challenges, sign
from iwf.sip.registration.registrar import Registered, Registrar
from iwf.sip.settings import Account, Hop, RegistrarSettings
from iwf.sip.syntax.checks import validate
from iwf.sip.syntax.framing import Broken, StreamFramer
from iwf.sip.syntax.grammar import SipSyntaxError
from iwf.sip.syntax.message import Request, Response, parse_message
from tests.standards.stand import Stand

FOLDER = Path(__file__).with_name("rfc4475")
NOW = 1_790_000_000.0


@frozen
class Case:
    """What becomes of one message."""

    section: str
    asks: str
    """What the RFC asks for."""
    read: str
    """What the syntax says: the method or status of what it takes, or the fault."""
    answers: int | None
    """What the daemon answers; None: nothing."""
    differs: str = ""
    """Why that is not the RFC's answer."""


_INTMETH = "!interesting-Method0123456789_*+`.%indeed'~"
_CALL = "no calls (SIP-31)"
_HOME = "no registrar here (SIP-81); see RegistrarTests"

CASES = {
    # 3.1.1 Valid messages
    "wsinv": Case("3.1.1.1", "valid", "INVITE", 405, _CALL),
    "intmeth": Case("3.1.1.2", "valid; 501 when the method is unknown", _INTMETH, 501),
    "esc01": Case("3.1.1.3", "valid", "INVITE", 405, _CALL),
    "escnull": Case("3.1.1.4", "valid", "REGISTER", 405, _HOME),
    "esc02": Case("3.1.1.5", "not a REGISTER; 501", "RE%47IST%45R", 501),
    "lwsdisp": Case("3.1.1.6", "valid", "OPTIONS", 200),
    "longreq": Case("3.1.1.7", "valid", "INVITE", 405, _CALL),
    "dblreq": Case("3.1.1.8", "valid; octets behind the end are dropped", "REGISTER", 405, _HOME),
    "semiuri": Case("3.1.1.9", "valid", "OPTIONS", 200),
    "transports": Case("3.1.1.10", "valid", "OPTIONS", 200),
    "mpart01": Case("3.1.1.11", "valid", "MESSAGE", 404, "kumiko names nobody in XMPP (ADDR-13); see MeaningTests"),
    "unreason": Case("3.1.1.12", "valid", "200", None),
    "noreason": Case("3.1.1.13", "valid", "100", None),
    # 3.1.2 Invalid messages
    "badinv01": Case("3.1.2.1", "400", "400 Malformed Via", 400),
    "clerr": Case("3.1.2.2", "400", "400 Content-Length Beyond Body", 400),
    "ncl": Case("3.1.2.3", "400", "400 Malformed Content-Length", 400),
    "scalar02": Case("3.1.2.4", "400", "400 Malformed CSeq", 400),
    "scalarlg": Case("3.1.2.5", "drop", "400 Malformed CSeq", None),
    "quotbal": Case("3.1.2.6", "400", "400 Malformed To", 400),
    "ltgtruri": Case("3.1.2.7", "400, or take it without the brackets", "400 Malformed Request-URI", 400),
    "lwsruri": Case("3.1.2.8", "400", "400 Malformed Request-Line", 400),
    "lwsstart": Case("3.1.2.9", "400, or take it", "400 Malformed Request-Line", 400),
    "trws": Case("3.1.2.10", "400, or take it", "400 Malformed Request-Line", 400),
    "escruri": Case("3.1.2.11", "400, or pass over the header", "INVITE", 405, f"{_CALL}; never applied (SIP-13)"),
    "baddate": Case("3.1.2.12", "400, or pass over Date", "INVITE", 405, f"{_CALL}; Date is ignored (SIP-13)"),
    "regbadct": Case("3.1.2.13", "400", "REGISTER", 405, _HOME),
    "badaspec": Case("3.1.2.14", "400, or take it without the blanks", "OPTIONS", 404, "watson names nobody (ADDR-13)"),
    "baddn": Case("3.1.2.15", "400, or take it as quoted", "400 Malformed From", 400),
    "badvers": Case("3.1.2.16", "505", "505 Version Not Supported", 505),
    "mismatch01": Case("3.1.2.17", "400", "400 CSeq Method Mismatch", 400),
    "mismatch02": Case("3.1.2.18", "501 or 400", "400 CSeq Method Mismatch", 400),
    "bigcode": Case("3.1.2.19", "drop", "400 Malformed Status-Line", None),
    # 3.2 Transaction layer
    "badbranch": Case("3.2.1", "take it as of RFC 2543", "OPTIONS", 200),
    # 3.3 Application layer
    "insuf": Case("3.3.1", "400", "400 Missing From", 400),
    "unkscm": Case("3.3.2", "416", "OPTIONS", 416),
    "novelsc": Case("3.3.3", "416", "OPTIONS", 416),
    "unksm2": Case("3.3.4", "refuse it as any other To that is not ours", "REGISTER", 405, _HOME),
    "bext01": Case("3.3.5", "420", "OPTIONS", 420),
    "invut": Case("3.3.6", "415", "INVITE", 405, f"{_CALL}; the method comes first (SIP-30)"),
    "regaut01": Case("3.3.7", "401", "REGISTER", 405, _HOME),
    "multi01": Case("3.3.8", "400", "400 Repeated To", 400),
    "mcl01": Case("3.3.9", "400", "400 Conflicting Content-Length", 400),
    "bcast": Case("3.3.10", "drop", "200", None),
    "zeromf": Case("3.3.11", "an endpoint takes it", "OPTIONS", 200),
    "cparam01": Case("3.3.12", "valid; the parameter is the header's", "REGISTER", 405, _HOME),
    "cparam02": Case("3.3.13", "valid; the parameter is the URI's", "REGISTER", 405, _HOME),
    "regescrt": Case("3.3.14", "valid; the binding has the route", "REGISTER", 405, _HOME),
    "sdp01": Case("3.3.15", "406", "INVITE", 405, f"{_CALL}; the method comes first (SIP-30)"),
    # 3.4 Backward compatibility
    "inv2543": Case("3.4.1", "valid", "INVITE", 405, _CALL),
}


def vector(name: str) -> bytes:
    """The octets of a message."""
    return (FOLDER / f"{name}.dat").read_bytes()


def reading(octets: bytes) -> str:
    """What the syntax says of a message, in the words of the table."""
    try:
        message = parse_message(octets)
        validate(message)
    except SipSyntaxError as fault:
        return str(fault)
    return message.method if isinstance(message, Request) else str(message.status)


def request(name: str) -> Request:
    message = parse_message(vector(name))
    assert isinstance(message, Request)
    return message


class TableTests(SynchronousTestCase):
    """All messages, by the table."""

    def test_all_are_here(self) -> None:
        """The table names the 49 messages of the RFC and there are octets for each."""
        self.assertEqual(len(CASES), 49)
        self.assertEqual(sorted(CASES), sorted(path.stem for path in FOLDER.glob("*.dat")))
        self.assertEqual(len({case.section for case in CASES.values()}), 49)

    def test_what_is_read(self) -> None:
        """Each message is taken, or refused with the fault that the RFC has put into it (SIP-12, SIP-13)."""
        self.assertEqual({name: reading(vector(name)) for name in CASES},
                         {name: case.read for name, case in CASES.items()})

    def test_what_is_answered(self) -> None:
        """The daemon answers each message as it must, once, and reports no fault of its own (SIP-12, SIP-30)."""
        for name, case in CASES.items():
            stand = Stand.neighbour() if name == "mpart01" else Stand()
            codes = stand.codes(vector(name))
            # The answer to an INVITE comes again until it is acknowledged (timer G).
            self.assertEqual(set(codes), set() if case.answers is None else {case.answers}, name)
            if case.read != "INVITE":
                self.assertLessEqual(len(codes), 1, name)

    def test_written_again(self) -> None:
        """What was taken reads the same when it is written and read again."""
        for name, case in CASES.items():
            if not case.read[:1].isdigit() or len(case.read) == 3:
                message = parse_message(vector(name))
                self.assertEqual(parse_message(message.to_bytes()), message, name)

    def test_on_a_stream(self) -> None:
        """A connection is given up only over a length that is missing, wrong or contradicts itself (SIP-10)."""
        broken = set()
        for name in CASES:
            frames = StreamFramer().feed(vector(name))
            if any(isinstance(frame, Broken) for frame in frames):
                broken.add(name)
        # dblreq: its second message is longer than it says, and leaves some octets of SDP behind.
        self.assertEqual(broken, {"ncl", "mcl01", "inv2543", "dblreq"})


class MeaningTests(SynchronousTestCase):
    """What valid messages mean."""

    def test_white_space(self) -> None:
        """wsinv: folded lines, blanks round all separators, an empty Subject, escapes in quotes (3.1.1.1)."""
        message = request("wsinv")
        self.assertEqual(message.to.tag, "1918181833n")
        self.assertEqual((message.from_.name, message.from_.tag), ('J Rosenberg \\"', "98asjd8"))
        self.assertEqual((message.max_forwards, message.cseq.number), (68, 9))
        self.assertEqual([(via.transport, via.host, via.branch) for via in message.vias], [
            ("UDP", "192.0.2.2", "390skdjuw"), ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239")])
        self.assertEqual(message.get("NewFangledHeader"), "newfangled value continued newfangled value")
        self.assertEqual(message.get("Subject"), "")
        [contact] = message.addresses("Contact")
        self.assertEqual((contact.name, contact.param("newparam"), contact.param("q")),
                         ('Quoted string ""', "newvalue", "0.33"))

    def test_unusual_characters(self) -> None:
        """intmeth: method, user part, display name and Call-ID of odd characters are kept (3.1.1.2)."""
        message = request("intmeth")
        self.assertEqual(message.uri.host, "example.com")
        self.assertEqual(message.uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
        self.assertEqual(message.uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
        self.assertEqual(message.to.name, "BEL:\a NUL:\0 DEL:\x7f")
        self.assertEqual(message.from_.name, "token1~` token2'+_ token3*%!.-")
        self.assertEqual(message.from_.tag, "_token~1'+`*%!-.")

    def test_escapes(self) -> None:
        """esc01, escnull, esc02: escapes count in user parts and nowhere else (3.1.1.3 to 3.1.1.5)."""
        escaped = request("esc01")
        self.assertEqual((escaped.uri.user_text(), escaped.uri.host), ("sips:user@example.com", "example.net"))
        self.assertEqual(escaped.to.uri.user_text(), "user")
        self.assertEqual(escaped.from_.uri.user_text(), "I have spaces")
        [contact] = escaped.addresses("Contact")
        self.assertEqual(contact.uri.user_text(), "caller")
        self.assertEqual(request("escnull").to.uri.user_text(), "null-\0-null")
        self.assertEqual([each.uri.user_text() for each in request("escnull").addresses("Contact")], ["\0", "\0\0"])
        self.assertEqual(request("esc02").to.name, "%Z%45")
        self.assertEqual(len(request("esc02").addresses("Contact")), 2)

    def test_long_values(self) -> None:
        """longreq: 34 Via lines in all spellings of the name, and the long values whole (3.1.1.7)."""
        message = request("longreq")
        self.assertEqual(len(message.vias), 34)
        self.assertEqual(message.vias[0].host, "sip33.example.com")
        self.assertEqual(message.uri.port, None)
        self.assertGreater(len(message.from_.tag), 150)
        self.assertGreater(len(message.call_id), 100)

    def test_octets_behind_the_end(self) -> None:
        """dblreq: on UDP nothing of the second request is looked at (3.1.1.8)."""
        self.assertEqual(request("dblreq").body, b"")
        [answer] = Stand().tell(vector("dblreq"))
        self.assertEqual(answer.cseq.method, "REGISTER")

    def test_semicolon_in_the_user(self) -> None:
        """semiuri: what stands before the @ is the user, no parameter (3.1.1.9)."""
        uri = request("semiuri").uri
        self.assertEqual((uri.user_text(), uri.params), ("user;par=u@example.net", ()))

    def test_transports(self) -> None:
        """transports: any transport may stand in Via, and all hops are in the answer, in order (3.1.1.10)."""
        [answer] = Stand().tell(vector("transports"))
        self.assertEqual([via.transport for via in answer.vias], ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"])

    def test_multipart(self) -> None:
        """mpart01: to a user of ours, the text reaches its reader and the signature is left out (3.1.1.11)."""
        stand = Stand.neighbour()
        octets = vector("mpart01").replace(b"kumiko@", b"romeo*xmpp.test@")
        self.assertEqual(stand.codes(octets), [202])
        self.assertEqual(stand.world.xmpp.bodies(), ["Hello"])

    def test_reason_phrases(self) -> None:
        """unreason, noreason: the phrase may be any text or none (3.1.1.12, 3.1.1.13)."""
        phrase, none = parse_message(vector("unreason")), parse_message(vector("noreason"))
        assert isinstance(phrase, Response) and isinstance(none, Response)
        self.assertTrue(phrase.reason.startswith("= 2**3 * 5**2 но сто девяносто девять - простое"))
        self.assertEqual(none.reason, "")

    def test_fault_in_via(self) -> None:
        """badinv01: the sender hears of it although his Via is the fault (3.1.2.1, SIP-13)."""
        [answer] = Stand().tell(vector("badinv01"), ("192.0.2.15", 5060))
        assert isinstance(answer, Response)
        self.assertEqual((answer.reason, answer.all("Via")), ("Malformed Via", ["SIP/2.0/UDP 192.0.2.15"]))

    def test_required_extensions(self) -> None:
        """bext01: the 420 names what is required of us, and not what is asked of proxies (3.3.5)."""
        [answer] = Stand().tell(vector("bext01"))
        self.assertEqual(answer.listed("Unsupported"), ["nothingSupportsThis", "nothingSupportsThisEither"])

    def test_repetition_without_branch(self) -> None:
        """badbranch: sent again it gets the same answer, and another request of the kind its own (3.2.1, SIP-21)."""
        stand = Stand()
        first = stand.tell(vector("badbranch"))
        self.assertEqual(stand.tell(vector("badbranch")), first)
        other = vector("badbranch").replace(b"CSeq: 8 ", b"CSeq: 9 ")
        [answer] = stand.tell(other)
        self.assertEqual(answer.cseq.number, 9)


class RegistrarTests(SynchronousTestCase):
    """The REGISTERs, where example.com is a domain of our own."""

    def outcome(self, name: str) -> tuple[int, list[str]]:
        """What the registrar says when the sender has proved who he is, without what is left of the time."""
        home = RegistrarSettings("example.com", (Account("user", "pw"),))
        try:
            answer = Registrar(home).register(request(name), Hop("udp", "192.0.2.9", 5060), NOW)
        except SipSyntaxError as fault:
            return fault.status, []
        status = answer.status if isinstance(answer, Registered) else answer
        return status.code, [value.partition(";expires")[0] for header, value in status.headers if header == "Contact"]

    def test_bindings(self) -> None:
        """Unknown parameters belong to where they stand, NULs are no end, headers in a contact are not applied
        (3.1.1.4, 3.3.12 to 3.3.14; SIP-13)."""
        gateway = "<sip:+19725552222@gw1.example.net"
        self.assertEqual(self.outcome("cparam01"), (200, [f"{gateway}>"]))
        self.assertEqual(self.outcome("cparam02"), (200, [f"{gateway};unknownparam>"]))
        self.assertEqual(self.outcome("escnull"),
                         (200, ["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"]))
        # RFC 3261 19.1.5 leaves it to us which headers of a contact to honour: none (SIP-13).
        self.assertEqual(self.outcome("regescrt"), (200, ["<sip:user@example.com>"]))

    def test_bad_contact(self) -> None:
        """regbadct: a contact with headers and without brackets is refused and binds nothing (3.1.2.13)."""
        self.assertEqual(self.outcome("regbadct"), (400, []))

    def test_challenged(self) -> None:
        """regaut01 and every other REGISTER of the domain is asked for credentials that we know (3.3.7, SIP-62)."""
        for name in ("regaut01", "escnull", "regbadct", "cparam01", "cparam02", "regescrt", "dblreq"):
            [answer] = Stand.registrar().tell(vector(name))
            assert isinstance(answer, Response)
            self.assertEqual(answer.status, 401, name)
            self.assertIn("Digest", answer.get("WWW-Authenticate") or "")

    def test_another_scheme(self) -> None:
        """unksm2: a sender that is no SIP address is no user of ours (3.3.4)."""
        [answer] = Stand.registrar().tell(vector("unksm2"))
        assert isinstance(answer, Response)
        self.assertEqual(answer.status, 405)

    def test_registered(self) -> None:
        """With credentials, the daemon binds cparam02 and refuses regbadct with 400 (3.3.13, 3.1.2.13)."""
        for name, user, status in (("cparam02", "watson", 200), ("regbadct", "user", 400)):
            stand = Stand.registrar()
            [challenge] = stand.tell(vector(name))
            [answer] = stand.tell(self.proven(request(name), challenge, user))
            assert isinstance(answer, Response)
            self.assertEqual(answer.status, status, name)

    def proven(self, asked: Request, challenge: Request | Response, user: str) -> bytes:
        """The request again, in a transaction of its own, with credentials."""
        known = parse_challenges(challenge.get("WWW-Authenticate") or "")[0]
        algorithm = algorithm_of("MD5")
        assert algorithm is not None
        credentials = Credentials(user, known.realm, known.nonce, asked.target, algorithm="MD5", qop="auth",
                                  nc="00000001", cnonce="c")
        signed = sign(credentials, algorithm.secret(user, known.realm, "pw"), asked.method)
        again = Request(asked.method, asked.target, [*asked.headers, ("Authorization", str(signed))])
        return again.with_top_via(evolve(again.top_via, params=(("branch", "z9hG4bKagain"),))).to_bytes()
