"""Decisions about a message, rule by rule, over rows in memory."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.store.memory import MemoryStore
from iwf.mapping.core import decide
from iwf.mapping.model import (
    SIP,
    TEL,
    XMPP,
    Address,
    Body,
    Event,
    Failure,
    Kind,
    Message,
    Party,
    Reason,
    Refused,
    Rejected,
    Report,
    Taken,
)
from iwf.mapping.rows import Spelling
from iwf.mapping.settings import Gateway
from iwf.mapping.turn import At, LaneView, Turn, run
from tests.support.sample import (
    GATEWAY,
    LANE_M,
    LANE_X,
    LINK,
    PHONE,
    TRUNK,
    from_ana,
    from_ben,
    from_ben_to_phone,
    from_phone,
)

NOW = 1_790_000_000.0


class Core:
    """The core over a store in memory."""

    def __init__(self, gateway: Gateway = GATEWAY) -> None:
        self.gateway, self.store, self.now, self._count = gateway, MemoryStore(), NOW, 0
        self.lanes: dict[str, LaneView] = {}

    def turn(self, event: Event) -> Turn:
        self._count += 1
        at = At(self.now, f"t{self._count}", self.gateway, self.lanes)
        turn = run(decide(event, at), self.store.load)
        self.store.apply(turn)
        return turn

    def sent(self, message: Message) -> Message:
        """What goes out for a message that is taken."""
        turn = self.turn(message)
        (item,) = turn.sends
        assert isinstance(item.payload, Message), turn
        return item.payload

    def reason(self, message: Message) -> Reason:
        """Why a message is refused."""
        turn = self.turn(message)
        assert isinstance(turn.verdict, Refused), turn
        assert not turn.sends and not turn.puts
        return turn.verdict.failure.reason


def addressed(message: Message, user: str, **changes: Any) -> Message:
    return evolve(message, target=evolve(message.target, user=user), **changes)


class FieldTests(SynchronousTestCase):
    """messages.md section 1."""

    def test_sample_sip_to_xmpp(self) -> None:
        """The sample of examples.md 1.1 becomes the stanza printed there (MSG-1..5)."""
        out = Core().sent(from_ana("Grüße\nAna", language="de"))
        self.assertEqual(out.origin.address.key, "xmpp:ana*sip.example@s.xmpp.example")
        self.assertEqual(out.target.key, "xmpp:ben@xmpp.example")
        self.assertEqual((out.id, out.conversation, out.language, out.origin.name),
                         ("z9hG4bK7f3a", "4b1f0c9d7e@192.0.2.10", "de", "Ana"))

    def test_resource_is_carried(self) -> None:
        """The sender's resource travels as instance (ADDR-33, MSG-1)."""
        self.assertEqual(Core().sent(from_ben()).origin.address.instance, "pc")
        plain = Core(evolve(GATEWAY, map_resource=False))
        self.assertEqual(plain.sent(from_ben()).origin.address.instance, "")

    def test_instance_of_the_target(self) -> None:
        """A request to a certain device goes to that device (ADDR-35)."""
        message = from_ana()
        out = Core().sent(evolve(message, target=evolve(message.target, instance="phone")))
        self.assertEqual(out.target.instance, "phone")

    def test_thread_is_kept_where_legal(self) -> None:
        """A long token-like thread is the conversation's name on the SIP side too (MSG-3)."""
        core = Core()
        thread = "e0ffe42b28561960c6b12b944a092794"
        self.assertEqual(core.sent(from_ben(conversation=thread)).conversation, thread)
        self.assertEqual(core.sent(from_ben(conversation=thread)).conversation, thread)

    def test_thread_of_another_pair(self) -> None:
        """The same thread of another pair gets a name of its own (MSG-3)."""
        core = Core()
        thread = "e0ffe42b28561960c6b12b944a092794"
        core.sent(from_ben(conversation=thread))
        other = core.sent(addressed(from_ben(conversation=thread), "eva*sip.example")).conversation
        self.assertNotEqual(other, thread)
        self.assertTrue(other.endswith("@iwf.example"))

    def test_short_or_odd_threads(self) -> None:
        """A thread such as 1 is not unique in the world and gets a keyed name, the same each time
        (MSG-3)."""
        core = Core()
        for thread in ("1", "a b c d e f g h i j", "x" * 300, "zażółć-gęślą-jaźń-x", "a\r\nEvil: 1" * 3):
            names = {core.sent(from_ben(conversation=thread)).conversation for _ in range(2)}
            self.assertEqual(len(names), 1, thread)
            self.assertNotEqual(names, {thread})

    def test_answer_finds_its_thread(self) -> None:
        """An answer in a conversation that XMPP named comes back under the thread (MSG-4)."""
        core = Core()
        token = core.sent(from_ben(conversation="1")).conversation
        self.assertEqual(core.sent(from_ana(conversation=token)).conversation, "1")

    def test_no_thread(self) -> None:
        """Without a thread each message is a conversation of its own (MSG-3)."""
        core = Core()
        names = {core.sent(from_ben()).conversation for _ in range(2)}
        self.assertEqual(len(names), 2)

    def test_id_of_the_origin(self) -> None:
        """The origin's id is used on the far side; without one, one of ours (MSG-5)."""
        core = Core()
        self.assertEqual(core.sent(from_ana(id="z9hG4bK1")).id, "z9hG4bK1")
        self.assertEqual(core.sent(from_ana(id="")).id, "t2")

    def test_headline_can_wait(self) -> None:
        """A headline is not urgent on the other side (MSG-7)."""
        self.assertEqual(Core().sent(from_ben(kind=Kind.HEADLINE)).urgency, -1)

    def test_kind_follows_the_user(self) -> None:
        """With ``s2x_type = follow`` a chatting user is answered in chat for an hour (MSG-8)."""
        for follow, minutes, kind in ((True, 59, Kind.CHAT), (True, 61, Kind.NORMAL),
                                      (False, 1, Kind.NORMAL)):
            core = Core(evolve(GATEWAY, follow_kind=follow))
            core.sent(from_ben())
            core.now += minutes * 60
            self.assertEqual(core.sent(from_ana()).kind, kind)

    def test_spelling_is_remembered(self) -> None:
        """A SIP user is written to as he spells himself (ADDR-22)."""
        core = Core()
        message = from_ana()
        core.sent(evolve(message, origin=evolve(message.origin, spelling="sip:Ana@sip.example")))
        self.assertEqual(core.sent(from_ben()).target_spelling, "sip:Ana@sip.example")

    def test_spelling_written_once(self) -> None:
        """Nothing is written when the spelling has not changed (ADDR-22)."""
        core = Core()
        message = from_ana()
        message = evolve(message, origin=evolve(message.origin, spelling="sip:Ana@sip.example"))
        written = [[row for row in core.turn(message).puts if isinstance(row, Spelling)]
                   for _ in range(2)]
        self.assertEqual([len(rows) for rows in written], [1, 0])


class RefusalTests(SynchronousTestCase):
    """addressing.md section 9, LOOP, MSG-29."""

    def test_reasons(self) -> None:
        """Each fault of an address is refused with its own reason."""
        ana, ben = from_ana(), from_ben()
        for message, reason in (
                (addressed(ana, "ben"), Reason.UNKNOWN_RECIPIENT),
                (addressed(ana, "ben*"), Reason.UNKNOWN_RECIPIENT),
                (addressed(ana, "ben*other.example"), Reason.FORBIDDEN),
                (addressed(ana, "a*s.xmpp.example"), Reason.LOOP),
                (addressed(ben, "x*x.sip.example"), Reason.LOOP),
                (addressed(ben, "\x00*sip.example"), Reason.UNKNOWN_RECIPIENT),
                (evolve(ana, target=Address(SIP, "ben*xmpp.example", "elsewhere.example")),
                 Reason.UNKNOWN_RECIPIENT),
                (evolve(ben, origin=Party(Address(XMPP, "x", "s.xmpp.example"),
                                          asserted_by=LANE_X)), Reason.LOOP),
                (evolve(ana, origin=Party(Address(SIP, "x", "evil.example"), asserted_by=TRUNK)),
                 Reason.FORBIDDEN),
                (evolve(ana, origin=Party(Address(TEL, "+420123456"), asserted_by=TRUNK)),
                 Reason.FORBIDDEN)):
            self.assertEqual(Core().reason(message), reason, message)

    def test_too_big(self) -> None:
        """A text that the XMPP server would refuse is refused at once, as octets in markup (MSG-29)."""
        self.assertIsInstance(Core().turn(from_ana("x" * 8000)).verdict, Taken)
        self.assertEqual(Core().reason(from_ana("x" * 10_001)), Reason.TOO_BIG)
        self.assertEqual(Core().reason(from_ana("&" * 2000)), Reason.TOO_BIG)
        self.assertEqual(Core().reason(from_ana("\u6f22" * 3100)), Reason.TOO_BIG)

    def test_markup_without_room(self) -> None:
        """Markup goes with a text as long as there is room for it at the server; the text goes without (MSG-29)."""
        for length, types in ((100, ["text/plain", "text/html"]), (6000, ["text/plain"])):
            bodies = (Body("x" * length), Body("<em>" + "x" * length + "</em>", type="text/html"))
            out = Core().sent(evolve(from_ana(), bodies=bodies))
            self.assertEqual([body.type for body in out.bodies], types)

    def test_expired_on_arrival(self) -> None:
        """What is too late on arrival is taken and dropped, never an error (MSG-40)."""
        turn = Core().turn(from_ana(expires_at=NOW - 1))
        self.assertEqual((turn.verdict, turn.sends), (Taken(""), ()))

    def test_other_tenant(self) -> None:
        """A connector of one tenant does not reach the users of another (ADDR-25)."""
        trunks = (*GATEWAY.trunks, evolve(GATEWAY.trunks[0], lane="sip:b", tenant="b",
                                          domains=("b.example",)))
        core = Core(evolve(GATEWAY, trunks=trunks))
        self.assertEqual(core.reason(from_ana(origin=Party(Address(SIP, "x", "b.example"),
                                                           asserted_by="sip:b"))), Reason.FORBIDDEN)

    def test_numbers_behind_a_trunk(self) -> None:
        """A trunk that may speak for numbers brings them in under their image (ADDR-37, 38)."""
        trunk = evolve(GATEWAY.trunks[0], phones=True)
        message = from_ana(origin=Party(Address(TEL, "+420123456"), asserted_by=TRUNK))
        out = Core(evolve(GATEWAY, trunks=(trunk,))).sent(message)
        self.assertEqual(out.origin.address.key, "xmpp:+420123456@sms.xmpp.example")

    def test_strangers_send_no_texts(self) -> None:
        """A federated user whose domain is not served cannot spend the operator's money (ADDR-25)."""
        message = from_ben_to_phone(origin=Party(Address(XMPP, "x", "far.example"),
                                                 asserted_by=LANE_M))
        self.assertEqual(Core().reason(message), Reason.FORBIDDEN)


class PhoneTests(SynchronousTestCase):
    """messages.md section 10, addressing.md section 7."""

    def test_sender_is_introduced_once(self) -> None:
        """The first text from a new number begins with the sender's name (MSG-44)."""
        core = Core()
        self.assertEqual([core.sent(from_ben_to_phone()).text for _ in range(2)],
                         ["ben: hi", "hi"])
        always = Core(evolve(GATEWAY, prefix_sender="always"))
        self.assertEqual([always.sent(from_ben_to_phone()).text for _ in range(2)], ["ben: hi"] * 2)
        self.assertEqual(Core(evolve(GATEWAY, prefix_sender="never"))
                         .sent(from_ben_to_phone()).text, "hi")

    def test_validity(self) -> None:
        """A text without an expiry is worth the link's validity (MSG-41)."""
        self.assertEqual(Core().sent(from_ben_to_phone()).expires_at, NOW + 86400)
        self.assertEqual(Core().sent(from_ben_to_phone(expires_at=NOW + 60)).expires_at, NOW + 60)

    def test_thread_of_the_pair(self) -> None:
        """A phone's answer continues the contact's conversation for a day (section 10)."""
        core = Core()
        core.sent(from_ben_to_phone(conversation="th"))
        self.assertEqual(core.sent(from_phone("X000000001")).conversation, "th")
        core.now += 2 * 86400
        self.assertEqual(core.sent(from_phone("X000000001")).conversation, "")

    def test_number_of_another_phone(self) -> None:
        """A number that another phone knows is refused, and never reaches its contact (ADDR-48)."""
        core = Core()
        core.sent(from_ben_to_phone())
        stranger = Party(Address(TEL, "+4917099"), asserted_by=LINK)
        self.assertEqual(core.reason(from_phone("X000000001", origin=stranger)), Reason.REFUSED)
        self.assertEqual(core.reason(from_phone("X000000002")), Reason.UNKNOWN_RECIPIENT)

    def test_own_number_as_sender(self) -> None:
        """A text from one of our own numbers is taken and dropped (LOOP-7)."""
        turn = Core().turn(from_phone("4455", origin=Party(Address(TEL, "X000000009"),
                                                           asserted_by=LINK)))
        self.assertEqual((turn.verdict, turn.sends), (Taken(""), ()))

    def test_commands(self) -> None:
        """TO finds the world of an address by what the tenant serves (ADDR-50, SMS-70)."""
        for text, key in (("TO ben@xmpp.example hello", "xmpp:ben@xmpp.example"),
                          ("to ana@sip.example hello", "sip:ana@sip.example"),
                          (" To sip:ana@sip.example hello", "sip:ana@sip.example"),
                          ("TO xmpp:ben@xmpp.example hello", "xmpp:ben@xmpp.example")):
            out = Core().sent(from_phone("4455", text))
            self.assertEqual((out.target.key, out.text), (key, "hello"))
        for text in ("hello", "TO ben@xmpp.example", "TO ben hello", "TO ben@far.example hi", ""):
            self.assertEqual(Core().sent(from_phone("4455", text)).target, PHONE, text)

    def test_answer_to_a_command(self) -> None:
        """Who was written to through the service number answers from the number that was leased
        for it (ADDR-50)."""
        core = Core()
        core.sent(from_phone("4455", "TO ben@xmpp.example hello"))
        out = core.sent(from_ben_to_phone("yes?"))
        self.assertEqual(out.origin.address.user, "X000000001")
        self.assertEqual(out.target, PHONE)

    def test_failure_of_a_command(self) -> None:
        """The report of a text sent through the service number comes from the number that now
        stands for the contact (ERR-15)."""
        core = Core()
        (item,) = core.turn(from_phone("4455", "TO ana@sip.example hello")).sends
        (report,) = core.turn(Rejected(item, Failure(Reason.UNAVAILABLE))).sends
        assert isinstance(report.payload, Report)
        self.assertEqual(report.payload.origin.user, "X000000001")

    def test_pool_is_out(self) -> None:
        """When no number is left the sender is told to come back (ADDR-49)."""
        link = evolve(GATEWAY.links[0], pool=evolve(GATEWAY.links[0].pool, numbers=("+49151",),
                                                    prefix="", width=0))
        core = Core(evolve(GATEWAY, links=(link,)))
        core.sent(from_ben_to_phone())
        eva = Party(Address(XMPP, "eva", "xmpp.example"), asserted_by=LANE_M)
        self.assertEqual(core.reason(from_ben_to_phone(origin=eva)), Reason.CONGESTED)

    def test_bodies_survive(self) -> None:
        """Languages of a body survive the introduction of its sender."""
        out = Core().sent(from_ben_to_phone(bodies=(Body("ahoj", "cs"),)))
        self.assertEqual(out.bodies, (Body("ben: ahoj", "cs"),))
