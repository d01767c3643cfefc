"""Phones whose subscribers have XMPP accounts of their own, and texts of the gateway's own."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    TEL,
    XMPP,
    Accepted,
    Address,
    Body,
    Enrolled,
    Event,
    Failure,
    Message,
    Outcome,
    Party,
    PhoneSeen,
    Presence,
    Reason,
    Receipt,
    Refused,
    Released,
    Report,
    Taken,
    Told,
    Verdict,
    Withdrawn,
)
from iwf.mapping.model import Rejected as RejectedNews
from iwf.mapping.turn import LaneView, Turn
from tests.mapping.test_fragments import part
from tests.mapping.test_message import Core
from tests.support.sample import GATEWAY, LANE_M, LANE_X, LINK, PHONE, from_ben_to_phone, from_phone

JOE = Address(XMPP, "joe", "a.com")
EVE = Address(XMPP, "eve", "elsewhere.example")
LANE = "xmpp-client:joe@a.com"
OTHER_PHONE = Address(TEL, "+491709999999")
ENROLLED = Enrolled(PHONE, JOE, LANE, LANE_M)


def to_joe(text: str = "hi", **changes: object) -> Message:
    """A message that has come in over Joe's own connection."""
    message = Message("m1", Party(Address(XMPP, "eve", "elsewhere.example", "pc"), asserted_by=LANE), JOE,
                      (Body(text),), lane=LANE)
    return evolve(message, **changes)


class AccountCase(SynchronousTestCase):
    """The core, and what it answers."""

    def setUp(self) -> None:
        self.core = Core()

    def reason(self, event: Event) -> Reason:
        verdict = self.core.turn(event).verdict
        assert isinstance(verdict, Refused), verdict
        return verdict.failure.reason

    def number_of_eve(self) -> str:
        """Eve has written to Joe's phone; the number that she has there."""
        item, = self.core.turn(to_joe()).sends
        assert isinstance(item.payload, Message)
        return item.payload.origin.address.user

    def answer(self, number: str, text: str = "hello") -> Turn:
        return self.core.turn(Message("", Party(PHONE, asserted_by=LINK), Address(TEL, number), (Body(text),),
                                      lane=LINK))


class EnrolmentTests(AccountCase):
    """Who is whom."""

    def test_repeated(self) -> None:
        """Enrolled again at every start, which changes nothing."""
        for _ in range(2):
            self.assertEqual(self.core.turn(ENROLLED).verdict, Taken(""))
        self.assertEqual(len(self.core.turn(to_joe()).sends), 1)

    def test_one_phone(self) -> None:
        """An account is one phone's; the other is told that it is taken."""
        self.core.turn(ENROLLED)
        self.assertEqual(self.reason(evolve(ENROLLED, phone=OTHER_PHONE)), Reason.CONFLICT)
        self.core.turn(Withdrawn(PHONE))
        self.assertEqual(self.core.turn(evolve(ENROLLED, phone=OTHER_PHONE)).verdict, Taken(""))

    def test_refused(self) -> None:
        """What is no phone, no user, or asked over no connector of ours is not enrolled; nor does an account
        take the place of a connector."""
        for wrong, reason in (({"phone": Address(TEL, "joe")}, Reason.MALFORMED_ADDRESS),
                              ({"user": Address(XMPP, "", "a.com")}, Reason.MALFORMED_ADDRESS),
                              ({"by": "xmpp:other"}, Reason.FORBIDDEN), ({"lane": LANE_X}, Reason.FORBIDDEN)):
            self.assertEqual(self.reason(evolve(ENROLLED, **wrong)), reason, wrong)


class RouteTests(AccountCase):
    """Texts to and from Joe, who is a phone."""

    def setUp(self) -> None:
        super().setUp()
        self.core.turn(ENROLLED)

    def test_to_the_phone(self) -> None:
        """Who writes to Joe reaches his phone, from wherever he is: Joe has asked for it (ADDR-25)."""
        item, = self.core.turn(to_joe()).sends
        assert isinstance(item.payload, Message)
        self.assertEqual((item.lane, item.payload.target), (LINK, PHONE))
        self.assertEqual(item.payload.text, "eve: hi")  # MSG-44: her number is new to him

    def test_as_himself(self) -> None:
        """What the phone answers leaves as Joe over his own connection, not as an image."""
        number = self.number_of_eve()
        item, = self.answer(number).sends
        assert isinstance(item.payload, Message)
        self.assertEqual((item.lane, item.payload.origin.address, item.payload.target), (LANE, JOE, EVE))

    def test_failure(self) -> None:
        """A text that the operator refuses later is told to its writer, over Joe's connection and as Joe."""
        item, = self.core.turn(to_joe(wants=frozenset())).sends
        told, = self.core.turn(RejectedNews(item, Failure(Reason.UNKNOWN_RECIPIENT))).sends
        assert isinstance(told.payload, Report)
        self.assertEqual((told.lane, told.payload.origin.bare(), told.payload.recipient.user), (LANE, JOE, "eve"))

    def test_after_withdrawal(self) -> None:
        """Joe's phone is nobody but itself again; nobody else is Joe."""
        number = self.number_of_eve()
        self.core.turn(Withdrawn(PHONE))
        self.assertEqual(self.reason(to_joe()), Reason.FORBIDDEN)
        for item in self.answer(number).sends:
            assert isinstance(item.payload, Message)
            self.assertNotEqual(item.payload.origin.address, JOE)

    def test_only_for_joe(self) -> None:
        """Joe's connection brings what is for Joe, said by the connection itself, and not by Joe (LOOP-5)."""
        for changes, reason in (
            ({"target": Address(XMPP, "romeo", "a.com")}, Reason.UNKNOWN_RECIPIENT),
            ({"lane": "xmpp-client:romeo@a.com"}, Reason.FORBIDDEN),
            ({"origin": Party(EVE, asserted_by=LANE_M)}, Reason.FORBIDDEN),
            ({"origin": Party(OTHER_PHONE, asserted_by=LANE)}, Reason.FORBIDDEN),
            ({"origin": Party(JOE, asserted_by=LANE)}, Reason.LOOP),
        ):
            self.assertEqual(self.reason(to_joe(**changes)), reason, changes)

    def test_session_is_down(self) -> None:
        """While Joe's server is away his phone is refused, since as another it must not write (XMPP-10)."""
        number = self.number_of_eve()
        self.core.lanes[LANE] = LaneView(up=False, changed=self.core.now - 60)
        verdict: Verdict | object = self.answer(number).verdict
        assert isinstance(verdict, Refused)
        self.assertEqual((verdict.failure.reason, verdict.failure.permanent), (Reason.UNREACHABLE, False))


class SeenTests(AccountCase):
    """What Joe's account shows of his phone (SMSP-2)."""

    def says(self, text: str) -> list[Presence]:
        """The phone writes to the service number; what Joe's connector is to show."""
        turn = self.core.turn(from_phone("4455", text))
        return [item.payload for item in turn.latest if item.lane == LANE and isinstance(item.payload, Presence)]

    def test_logged_in(self) -> None:
        """Nothing at first; a device from LOGIN to LOGOUT, also when he enrols between them."""
        state, = self.core.turn(ENROLLED).latest
        assert isinstance(state.payload, Presence)
        self.assertEqual((state.lane, state.payload.devices), (LANE, ()))
        self.assertEqual(len(self.says("LOGIN")[-1].devices), 1)
        again, = self.core.turn(ENROLLED).latest
        assert isinstance(again.payload, Presence)
        self.assertEqual(len(again.payload.devices), 1)
        self.assertEqual(self.says("LOGOUT")[-1].devices, ())

    def test_status_in_parts(self) -> None:
        """A long status, which comes in parts, is shown like a short one (SMSP-2, SMS-35)."""
        self.core.turn(ENROLLED)
        self.says("LOGIN")
        self.core.turn(part(1, "STATUS at the ", to="4455"))
        turn = self.core.turn(part(2, "seaside", to="4455"))
        (shown,) = [item.payload for item in turn.latest if isinstance(item.payload, Presence)]
        self.assertEqual(shown.devices[0].notes[0].text, "at the seaside")

    def test_switched_off(self) -> None:
        """Joe is not shown as available while his phone is known to be off the network (SMSP-6)."""
        self.core.gateway = evolve(self.core.gateway, service=evolve(
            self.core.gateway.service, presence_from_receipts=True))
        self.core.turn(ENROLLED)
        self.says("LOGIN")
        for available in (False, True):
            (state,) = self.core.turn(PhoneSeen(PHONE, available, LINK)).latest
            assert isinstance(state.payload, Presence)
            self.assertEqual((state.lane, bool(state.payload.devices)), (LANE, available))
        (item,) = self.core.turn(from_ben_to_phone()).sends
        self.core.turn(Accepted(item, ("r1",)))
        found = Receipt(LINK, "r1", Outcome.FAILED, Failure(Reason.UNAVAILABLE))
        shown = [item.payload for item in self.core.turn(found).latest if item.lane == LANE]
        self.assertEqual([state.devices for state in shown if isinstance(state, Presence)], [()])

    def test_without_account(self) -> None:
        """A phone without an account shows nothing to such a connector."""
        self.assertEqual(self.says("LOGIN"), [])


class ToldTests(AccountCase):
    """The gateway itself writes to a phone."""

    def setUp(self) -> None:
        links = tuple(evolve(link, service_number="70001") for link in GATEWAY.links)
        self.core = Core(evolve(GATEWAY, links=links))
        served = next(alias for alias in GATEWAY.aliases if alias.world != XMPP and alias.bridges == XMPP)
        self.user = Address(XMPP, "joe", served.serves[0] if served.serves != ("*",) else "a.com")
        self.told = Told(PHONE, "123456", self.user, LANE_M, self.core.now + 600)

    def test_from_the_service_number(self) -> None:
        """The text comes from the service number and is worth nothing after its time."""
        item, = self.core.turn(self.told).sends
        assert isinstance(item.payload, Message)
        self.assertEqual((item.lane, item.payload.origin.address.user, item.payload.text), (LINK, "70001", "123456"))
        self.assertEqual((item.expires_at, item.payload.expires_at), (self.told.expires_at,) * 2)

    def test_not_told(self) -> None:
        """Not to what is no phone, nor over no connector of ours, nor without a number to send it from."""
        self.assertEqual(self.reason(evolve(self.told, phone=Address(TEL, "joe"))), Reason.MALFORMED_ADDRESS)
        self.assertEqual(self.reason(evolve(self.told, by="nothing")), Reason.FORBIDDEN)
        links = tuple(evolve(link, service_number="") for link in GATEWAY.links)
        self.core = Core(evolve(GATEWAY, links=links))
        self.assertEqual(self.reason(self.told), Reason.UNKNOWN_RECIPIENT)


class ReleaseTests(AccountCase):
    """An operator takes a number back."""

    def test_released(self) -> None:
        """A released number rests before it is free: a late answer of the phone still reaches the contact,
        and never a stranger (ADDR-47); then it reaches nobody."""
        patience = self.core.gateway.patience
        for late, verdict in ((patience.quarantine - 1, Taken), (patience.quarantine + 1, Refused)):
            self.setUp()
            self.core.turn(ENROLLED)
            number = self.number_of_eve()
            self.assertEqual(self.core.turn(Released(PHONE, number)).verdict, Taken(""))
            self.core.now += late
            self.assertIsInstance(self.answer(number).verdict, verdict)

    def test_never_leased(self) -> None:
        """What was never leased cannot be released."""
        self.assertEqual(self.reason(Released(PHONE, "X000000099")), Reason.UNKNOWN_RECIPIENT)
