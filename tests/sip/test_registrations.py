"""Our registrations at peers that demand them (RFC 3261 10.2, RFC 5626 4.5; SIP-80)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.ids import Ids
from iwf.sip.auth.digest import Challenge, parse_credentials
from iwf.sip.auth.keyring import Keyring, Login
from iwf.sip.registration.registrations import FIRST_WAIT, WINDOW, Ask, Down, Output, Registrations, Stopped, Up
from iwf.sip.syntax.headers import Via
from iwf.sip.syntax.message import Request, Response
from iwf.sip.syntax.uri import parse_uri
from iwf.sip.transaction.table import new_branch
from tests.sip.samples import NOW

ONE = "sip:iwf@provider.example"


class Case(SynchronousTestCase):
    """A registrar that answers as told."""

    def setUp(self) -> None:
        self.begin([ONE])

    def begin(self, identities: list[str], login: Login | None = None) -> None:
        self.ids = Ids(3)
        self.now = NOW
        self.sent: list[Request] = []
        self.news: list[Output] = []
        keyring = Keyring(login, self.ids) if login else None
        self.registrations = Registrations([parse_uri(uri) for uri in identities], keyring, self.ids)
        self.waiting: list[str] = []
        self.do(self.registrations.start(self.now))

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Ask):
                via = Via("TCP", "gw.example", 5060, (("branch", new_branch(self.ids)),))
                self.sent.append(self.registrations.compose(output.identity, via))
                self.waiting.append(output.identity)
            else:
                self.news.append(output)

    def answer(self, status: int = 200, *headers: tuple[str, str]) -> None:
        identity = self.waiting.pop(0)
        self.do(self.registrations.answered(identity, Response(status, "", headers), self.now))

    def silence(self) -> None:
        self.do(self.registrations.failed(self.waiting.pop(0), self.now))

    def next_try(self) -> float:
        """Wait until something is due; the seconds it took."""
        due = self.registrations.next_timer()
        assert due is not None
        waited, self.now = due - self.now, due
        self.do(self.registrations.handle_timer(self.now))
        return waited


class RegistrationTests(Case):
    """One identity."""

    def test_request(self) -> None:
        """REGISTER names the domain, From and To the identity, Contact where we are (10.2, SIP-76)."""
        [request] = self.sent
        self.assertEqual((request.method, request.target), ("REGISTER", "sip:provider.example"))
        self.assertEqual(str(request.to), f"<{ONE}>")
        self.assertEqual(request.from_.uri, request.to.uri)
        self.assertTrue(request.from_.tag)
        self.assertEqual(request.all("Contact"), ["<sip:iwf@gw.example:5060;transport=tcp>"])
        self.assertEqual((request.expires, request.listed("Supported")), (3600, ["path"]))

    def test_refresh(self) -> None:
        """A binding is refreshed at 80 percent of the time that was granted, with the next CSeq (SIP-80)."""
        self.answer(200, ("Contact", "<sip:other@x>;expires=20, <sip:iwf@gw.example:5060;transport=tcp>;expires=1000"))
        self.assertEqual(self.news, [Up()])
        self.assertAlmostEqual(self.next_try(), 800)
        first, second = self.sent
        self.assertEqual((second.call_id, second.from_.tag), (first.call_id, first.from_.tag))
        self.assertEqual(second.cseq.number, first.cseq.number + 1)
        self.answer(200, ("Expires", "100"))
        self.assertAlmostEqual(self.next_try(), 80)
        self.answer()
        self.assertAlmostEqual(self.next_try(), 2880)
        self.assertEqual(self.news, [Up()])

    def test_too_brief(self) -> None:
        """423 is repaired at once with what the registrar wants, and never again for one try (10.2.8)."""
        self.answer(423, ("Min-Expires", "7200"))
        self.assertEqual(self.sent[1].expires, 7200)
        self.answer(423, ("Min-Expires", "9999"))
        self.assertEqual(len(self.sent), 2)
        self.next_try()
        self.answer()
        self.assertEqual((self.sent[-1].expires, self.news), (7200, [Up()]))
        for useless in ("60", "soon", "99999999999"):
            self.begin([ONE])
            self.answer(423, ("Min-Expires", useless))
            self.assertEqual(len(self.sent), 1)

    def challenge(self, nonce: str, stale: bool = False, status: int = 401) -> None:
        header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        self.answer(status, (header, str(Challenge("provider.example", nonce, "SHA-256", ("auth",), stale=stale))))

    def test_password(self) -> None:
        """A challenge is answered, the next REGISTER carries the proof ahead, and an old nonce is replaced (SIP-60)."""
        for status, header in ((401, "Authorization"), (407, "Proxy-Authorization")):
            self.begin([ONE], Login("iwf", "pw"))
            self.challenge("n", status=status)
            self.answer()
            self.next_try()
            self.challenge("m", stale=True, status=status)
            self.answer()
            found = [parse_credentials(request.get(header) or "x", header) for request in self.sent[1:]]
            self.assertEqual([(each.nonce, each.nc) for each in found if each],
                             [("n", "00000001"), ("n", "00000002"), ("m", "00000001")])
            self.assertEqual([request.cseq.number for request in self.sent], [1, 2, 3, 4])
            self.assertEqual(self.news, [Up()])

    def test_wrong_password(self) -> None:
        """A wrong password is a failure, tried again later and not at once."""
        self.begin([ONE], Login("iwf", "wrong"))
        self.challenge("n")
        self.challenge("m")
        self.assertEqual(len(self.sent), 2)
        self.assertGreaterEqual(self.next_try(), 15)

    def test_endless_challenges(self) -> None:
        """A registrar that calls every nonce stale gets two answers (SIP-60)."""
        self.begin([ONE], Login("iwf", "pw"))
        for number in range(3):
            self.challenge(str(number), stale=True)
        self.assertEqual((len(self.sent), self.waiting), (3, []))

    def test_without_account(self) -> None:
        """Without a password a challenge is a failure."""
        self.challenge("n")
        self.assertEqual((len(self.sent), self.waiting), (1, []))

    def test_waits(self) -> None:
        """After failures we wait longer each time, up to half an hour, and never less than we are asked to."""
        waits = []
        for _ in range(9):
            self.silence()
            waits.append(self.next_try())
        for wait, longest in zip(waits, (30, 60, 120, 240, 480, 960, 1800, 1800, 1800), strict=True):
            self.assertTrue(longest / 2 <= wait <= longest, (wait, longest))
        self.answer()
        self.next_try()
        self.answer(503, ("Retry-After", "500 (busy)"))
        self.assertAlmostEqual(self.next_try(), 500)

    def test_down_and_healed(self) -> None:
        """After three failures in a row the trunk is down, once; the next success heals it (SIP-80)."""
        self.answer()
        self.news.clear()
        for _ in range(5):
            self.next_try()
            self.silence()
        [down] = self.news
        assert isinstance(down, Down)
        self.assertIn(ONE, down.why)
        self.assertFalse(self.registrations.up)
        self.next_try()
        self.answer()
        self.assertEqual(self.news[1:], [Up()])

    def test_refused(self) -> None:
        """Any other final answer, and a grant of no time at all, is a failure."""
        for status, headers in ((403, []), (404, []), (302, [("Contact", "<sip:x@y>")]), (200, [("Expires", "0")])):
            self.begin([ONE])
            self.answer(status, *headers)
            self.assertEqual((self.news, len(self.sent)), ([], 1))
            self.assertIsNotNone(self.registrations.next_timer())

    def test_service_route(self) -> None:
        """The registrar's Service-Route is the way of our requests, as long as we are registered (RFC 3608)."""
        self.answer(200, ("Service-Route", "<sip:p1;lr>, <sip:p2;lr>"))
        self.assertEqual(self.registrations.service_route("iwf"), ("<sip:p1;lr>", "<sip:p2;lr>"))
        self.next_try()
        self.answer(200)
        self.assertEqual(self.registrations.service_route("iwf"), ())
        self.next_try()
        self.answer(200, ("Service-Route", "nonsense <"))
        self.assertEqual(self.registrations.service_route(None), ())

    def test_stop(self) -> None:
        """At the end the binding is taken back, with a password where one is asked for, and then it is over."""
        self.begin([ONE], Login("iwf", "pw"))
        self.answer()
        self.do(self.registrations.stop(self.now))
        self.assertEqual(self.sent[-1].expires, 0)
        self.challenge("n")
        self.assertEqual((self.sent[-1].expires, self.news), (0, [Up()]))
        self.answer()
        self.assertEqual(self.news, [Up(), Stopped()])
        self.assertIsNone(self.registrations.next_timer())

    def test_stop_while_asked(self) -> None:
        """What is under way is waited for before the goodbye (10.2), and silence ends it."""
        self.answer()
        self.next_try()
        self.do(self.registrations.stop(self.now))
        self.assertEqual(len(self.sent), 2)
        self.answer()
        self.assertEqual(self.sent[2].expires, 0)
        self.silence()
        self.assertEqual(self.news, [Up(), Stopped()])

    def test_stop_unregistered(self) -> None:
        """Who is not registered need not say goodbye."""
        self.silence()
        self.do(self.registrations.stop(self.now))
        self.assertEqual((len(self.sent), self.news), (1, [Stopped()]))

    def test_clock(self) -> None:
        """A clock that goes backwards delays nothing."""
        self.answer(200, ("Expires", "100"))
        self.now -= 10_000
        self.do(self.registrations.handle_timer(self.now))
        self.assertAlmostEqual(self.next_try(), 80)
        self.assertEqual(len(self.sent), 2)


class FlowTests(Case):
    """The connection by which an identity was registered goes away (RFC 5626 4.5)."""

    def lose(self) -> None:
        self.do(self.registrations.flow_failed([ONE], self.now))

    def test_at_once(self) -> None:
        """It is registered again at once, and if that fails with the waits of any failure; the trunk stays up."""
        self.answer()
        self.now += 100
        self.lose()
        self.assertEqual(len(self.sent), 2)
        self.silence()
        self.assertGreaterEqual(self.next_try(), FIRST_WAIT / 2)
        self.answer()
        self.assertEqual(self.news, [Up()])

    def test_none_lasts(self) -> None:
        """A connection that fails as soon as it stands is not opened again and again without a pause."""
        self.answer()
        for number in range(3):
            self.lose()
            self.assertEqual(len(self.sent), number + 1)
            waited = self.next_try()
            self.assertTrue(FIRST_WAIT / 2 <= waited <= FIRST_WAIT, waited)
            self.answer()

    def test_not_registered(self) -> None:
        """Who waits after a failure, or for an answer, goes on waiting; nobody begins anew after the stop."""
        self.lose()
        self.silence()
        self.lose()
        self.assertEqual(len(self.sent), 1)
        self.next_try()
        self.answer()
        self.do(self.registrations.stop(self.now))
        self.answer()
        self.lose()
        self.assertEqual((len(self.sent), self.registrations.next_timer()), (3, None))


class ManyTests(Case):
    """Several identities of one trunk."""

    def test_window(self) -> None:
        """Many identities register a few at a time, and all of them in the end."""
        self.begin([f"sip:u{number}@provider.example" for number in range(3 * WINDOW)])
        self.assertEqual(len(self.waiting), WINDOW)
        while self.waiting:
            self.assertLessEqual(len(self.waiting), WINDOW)
            self.answer()
        self.assertEqual(len({request.to.uri.user for request in self.sent}), 3 * WINDOW)
        self.assertEqual(self.news, [Up()])

    def test_one_lost(self) -> None:
        """The trunk is down when all identities are lost, not when one is."""
        self.begin([ONE, "sip:two@provider.example"])
        self.answer()
        self.silence()
        for _ in range(3):
            self.next_try()
            if self.waiting:
                self.silence()
        self.assertEqual(self.news, [Up()])
        self.assertTrue(self.registrations.up)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(["200", "0", "401", "stale", "407", "423", "503", "silence", "timer", "early",
                                     "back", "flow", "stop"]), max_size=40))
    def test_any_registrar(self, story: list[str]) -> None:
        """Whatever the registrar does: one REGISTER at a time for each identity, CSeq rising, news that alternate,
        something always due until the stop, and then an end."""
        self.begin([ONE, "sip:two@provider.example"], Login("iwf", "pw"))
        challenge = Challenge("provider.example", "n", "", ("auth",))
        answers = {
            "200": (200,), "0": (200, ("Expires", "0")), "401": (401, ("WWW-Authenticate", str(challenge))),
            "stale": (401, ("WWW-Authenticate", f"{challenge}, stale=true")), "423": (423, ("Min-Expires", "4000")),
            "407": (407, ("Proxy-Authenticate", str(challenge))), "503": (503, ("Retry-After", "7")),
        }
        for event in [*story, "stop", *["silence"] * 8]:
            if event == "stop":
                self.do(self.registrations.stop(self.now))
            elif event == "timer" and self.registrations.next_timer() is not None:
                self.next_try()
            elif event in ("early", "back"):
                self.now += 1 if event == "early" else -500
                self.do(self.registrations.handle_timer(self.now))
            elif event == "flow":
                self.do(self.registrations.flow_failed([ONE], self.now))
            elif event == "silence" and self.waiting:
                self.silence()
            elif event in answers and self.waiting:
                self.answer(*answers[event])  # type: ignore[arg-type]
            self.assertEqual(len(self.waiting), len(set(self.waiting)))
            stopped = self.news[-1:] == [Stopped()]
            self.assertTrue(stopped or self.waiting or self.registrations.next_timer() is not None)
        for identity in (ONE, "sip:two@provider.example"):
            numbers = [request.cseq.number for request in self.sent if str(request.to.uri) == identity]
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        kinds = [type(each) for each in self.news]
        self.assertEqual(kinds[-1], Stopped)
        self.assertEqual(kinds.count(Stopped), 1)
        self.assertTrue(all(one is not two for one, two in zip(kinds, kinds[1:], strict=False)))
