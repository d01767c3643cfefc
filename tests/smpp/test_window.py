"""Items under way on one link."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import (
    Accepted,
    Address,
    Body,
    Item,
    Message,
    Party,
    Reason,
    Rejected,
)
from iwf.smpp.session.delivery import Awaited, Credit, Output, Part, Rebind
from iwf.smpp.session.states import Ending, Late, Noted, Resolved
from iwf.smpp.session.window import DOUBT, LONGEST_THROTTLED, Window
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.text.segments import References
from iwf.smpp.wire import constants as c
from iwf.smpp.wire.pdu import MessageResp, Nothing, Pdu, ShortMessage

NOW = 1_700_000_000.0
LINK = LinkSettings("op", "smpp:op", "tcp:127.0.0.1:2775", "iwf", "secret", window=3)


def item(name: str, text: str = "hi", attempts: int = 0, target: str = "+491701234567") -> Item:
    message = Message(name, Party(Address("tel", "X000000001")), Address("tel", target), (Body(text),))
    return Item(name, "smpp:op", "s", message, attempts=attempts)


class Link:
    """A window and the submits it has let out, over the binds A, B and so on."""

    def __init__(self, link: LinkSettings = LINK, binds: str = "A") -> None:
        self.now = NOW
        self.window = Window(link, References(0), NOW)
        self.sent: list[Part] = []
        self.binds = list(binds)
        for bind in binds:
            self.window.open(bind)
        assert self.window.take() == [Credit(link.window * count) for count in range(1, len(binds) + 1)]

    def shut(self, bind: str = "A") -> None:
        self.window.shut(bind)
        if bind in self.binds:
            self.binds.remove(bind)

    def put(self, *items: Item) -> Link:
        for one in items:
            self.window.put(one, self.now)
        self.pump()
        return self

    def pump(self) -> None:
        for bind in self.binds * 2:
            while (part := self.window.next_part(bind, len(self.over(bind)), self.now)) is not None:
                self.sent.append(part)

    def over(self, bind: str) -> list[Part]:
        """What has no answer yet over a bind."""
        return [part for part in self.sent if part.bind == bind]

    def wait(self, seconds: float) -> None:
        """Let time pass, with all timers on the way."""
        end = self.now + seconds
        while (due := self.window.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.window.handle_timer(self.now)
            self.pump()
        self.now = end

    def answer(
        self, index: int, status: int = 0, message_id: str = "id", command: int = c.SUBMIT_SM | c.RESPONSE,
    ) -> None:
        part = self.sent.pop(index)
        body = MessageResp(message_id) if status == 0 else Nothing()
        self.window.resolved(Resolved(part, Ending.ANSWERED, Pdu(command, 1, status, body)), self.now)
        self.pump()

    def end(self, index: int, ending: Ending) -> Part:
        part = self.sent.pop(index)
        self.window.resolved(Resolved(part, ending), self.now)
        self.pump()
        return part

    def messages(self) -> list[ShortMessage]:
        return [part.message for part in self.sent]

    def result(self) -> Accepted | Rejected:
        [output] = [output for output in self.window.take() if not isinstance(output, Noted)]
        assert isinstance(output, Accepted | Rejected), output
        return output


class DeliveryTests(SynchronousTestCase):
    """What becomes of items."""

    def test_accepted(self) -> None:
        """An accepted text has the canonical id of its answer (SMS-19)."""
        link = Link(evolve(LINK, profile=Profile(id_format="hex_resp_dec_dlr"))).put(item("a"))
        link.answer(0, message_id="38601FA")
        self.assertEqual(link.result(), Accepted(item("a"), ("59113978",), peer="smpp:op"))

    def test_empty_id(self) -> None:
        """An SMSC that gives no id accepts all the same."""
        link = Link().put(item("a"))
        link.answer(0, message_id="")
        self.assertEqual(link.result(), Accepted(item("a"), (), peer="smpp:op"))

    def test_window(self) -> None:
        """Never more unanswered submits than the window, whatever the items (SMS-7)."""
        link = Link().put(item("long", "x" * 700), *(item(f"i{number}") for number in range(5)))
        self.assertEqual(len(link.sent), 3)
        link.answer(1)
        self.assertEqual(len(link.sent), 3)

    def test_parts_in_order(self) -> None:
        """Parts go out in order, one item after the other (SMS-34)."""
        link = Link(evolve(LINK, window=10)).put(item("long", "a" * 153 + "b" * 153 + "c"), item("next"))
        self.assertEqual([message.short_message[-1:] for message in link.messages()], [b"a", b"b", b"c", b"i"])

    def test_accepted_when_all_parts_are(self) -> None:
        """A long text is accepted with its last part, its ids in the order of the parts."""
        link = Link().put(item("long", "x" * 400))
        link.answer(2, message_id="3")
        link.answer(0, message_id="1")
        self.assertEqual(link.window.take(), [])
        link.answer(0, message_id="2")
        self.assertEqual(link.result(), Accepted(item("long", "x" * 400), ("1", "2", "3"), peer="smpp:op"))

    def test_first_failure_counts(self) -> None:
        """A long text fails with its first failed part; the rest is not sent."""
        link = Link(evolve(LINK, window=2)).put(item("long", "x" * 400))
        link.answer(1, c.RX_P_APPN)
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNKNOWN_RECIPIENT, False))
        link.answer(0, c.RX_R_APPN)
        self.assertEqual((link.window.take(), link.sent), ([], []))

    def test_statuses(self) -> None:
        """What can pass is tried again, RSUBMITFAIL once only, all else is final (ERR 8.3)."""
        for status, attempts, reason, retry in (
            (c.RSYSERR, 5, Reason.UNAVAILABLE, True), (c.RINVBNDSTS, 5, Reason.UNREACHABLE, True),
            (c.RSUBMITFAIL, 0, Reason.UNAVAILABLE, True), (c.RSUBMITFAIL, 1, Reason.UNAVAILABLE, False),
            (c.RX_T_APPN, 0, Reason.UNAVAILABLE, False), (c.RINVDSTADR, 0, Reason.UNKNOWN_RECIPIENT, False),
            (0x400, 0, Reason.UNKNOWN_FAULT, False),
        ):
            link = Link().put(item("a", attempts=attempts))
            link.answer(0, status)
            result = next(output for output in link.window.take() if isinstance(output, Rejected))
            self.assertEqual((result.failure.reason, result.retry), (reason, retry), hex(status))

    def test_nack(self) -> None:
        """generic_nack is no acceptance, even with status 0."""
        link = Link().put(item("a"))
        link.answer(0, 0, command=c.GENERIC_NACK)
        self.assertIsInstance(link.result(), Rejected)

    def test_no_answer(self) -> None:
        """Sent and not answered: unknown, tried again only if the operator's settings say so (SMS-18)."""
        for ending in (Ending.TIMED_OUT, Ending.LOST):
            for retry in (False, True):
                link = Link(evolve(LINK, retry_unknown=retry)).put(item("a"))
                link.end(0, ending)
                result = link.result()
                assert isinstance(result, Rejected)
                self.assertEqual((result.failure.reason, result.retry), (Reason.TIMEOUT, retry))

    def test_refused_before_sending(self) -> None:
        """What cannot become a submit_sm is refused at once."""
        link = Link().put(item("a", target="Alice"))
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry), (Reason.NOT_ACCEPTABLE, False))

    def test_coding_not_understood(self) -> None:
        """RINVDCS: the text goes once more as UCS-2, and only once (ERR 8.3)."""
        link = Link().put(item("a", "x" * 200))
        link.answer(0, c.RINVDCS)
        self.assertEqual([message.data_coding for message in link.messages()], [0, 8, 8])
        link.answer(0, c.RINVDCS)
        for number in range(3):
            link.answer(0, message_id=str(number))
        self.assertEqual(link.result(), Accepted(item("a", "x" * 200), ("0", "1", "2"), peer="smpp:op"))
        link.put(item("b"))
        link.answer(0, c.RINVDCS)
        link.answer(0, c.RINVDCS)
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertIs(result.failure.reason, Reason.UNSUPPORTED_CONTENT)

    def test_coding_is_remembered(self) -> None:
        """The next attempt is in UCS-2 as well: parts of one coding and parts of another are no text."""
        link = Link().put(item("a", "x" * 200))
        link.answer(0, c.RINVDCS)
        link.answer(0, c.RINVDCS)
        link.answer(0, message_id="1")
        link.answer(0, c.RSYSERR)
        link.window.take()
        link.sent.clear()
        link.put(item("a", "x" * 200, attempts=1))
        self.assertEqual([(part.number, part.message.data_coding) for part in link.sent], [(1, 8), (2, 8)])

    def test_expiry_not_understood(self) -> None:
        """RINVEXPIRY: the same part goes again without validity, once (ERR 8.3)."""
        timed = evolve(item("a"), expires_at=NOW + 60)
        link = Link().put(timed)
        self.assertTrue(link.messages()[0].validity_period)
        link.answer(0, c.RINVEXPIRY)
        [again] = link.messages()
        self.assertEqual(again.validity_period, "")
        link.answer(0, c.RINVEXPIRY)
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertIs(result.failure.reason, Reason.INTERNAL)


class ConnectionTests(SynchronousTestCase):
    """With and without a connection."""

    def test_closed(self) -> None:
        """Without a connection items go back at once, to be tried again."""
        link = Link(binds="").put(item("a"))
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))

    def test_shut(self) -> None:
        """When the connection goes, credit goes first, then what was not sent goes back."""
        link = Link(evolve(LINK, window=1)).put(item("sent"), item("waiting"))
        link.shut()
        credit, rejected = link.window.take()
        self.assertEqual(credit, Credit(0))
        assert isinstance(rejected, Rejected)
        self.assertEqual((rejected.item.id, rejected.failure.reason, rejected.retry),
                         ("waiting", Reason.UNREACHABLE, True))
        link.shut()
        self.assertEqual(link.window.take(), [])

    def test_answer_while_shutting(self) -> None:
        """What was sent before may still be accepted."""
        link = Link().put(item("a"))
        link.shut()
        link.window.take()
        link.answer(0)
        self.assertIsInstance(link.result(), Accepted)


class AgainTests(SynchronousTestCase):
    """The next attempt at a long text."""

    def test_only_what_is_missing(self) -> None:
        """Parts that were taken are not sent again, and the others keep the reference."""
        long = item("long", "a" * 153 + "b" * 153 + "c")
        link = Link().put(long)
        first = link.messages()
        link.answer(0, message_id="1")
        link.answer(0, c.RSYSERR)
        link.answer(0, message_id="3")
        link.window.take()
        link.put(item("other", "x" * 200))
        link.sent.clear()
        link.put(evolve(long, attempts=1))
        self.assertEqual(link.messages(), [first[1]])
        link.answer(0, message_id="2")
        self.assertEqual(link.result(), Accepted(evolve(long, attempts=1), ("1", "2", "3"), peer="smpp:op"))

    def test_answered_late(self) -> None:
        """What was answered late is not sent again either (SMS-18)."""
        link = Link(evolve(LINK, retry_unknown=True)).put(item("a"))
        part = link.end(0, Ending.TIMED_OUT)
        link.window.take()
        link.window.late(Late(part, Pdu(c.SUBMIT_SM | c.RESPONSE, 1, 0, MessageResp("id"))))
        link.put(item("a", attempts=1))
        self.assertEqual((link.sent, link.result()), ([], Accepted(item("a", attempts=1), ("id",), peer="smpp:op")))

    def test_late_refusal(self) -> None:
        """A late refusal changes nothing: the text is sent again."""
        link = Link(evolve(LINK, retry_unknown=True)).put(item("a"))
        part = link.end(0, Ending.TIMED_OUT)
        link.window.take()
        link.window.late(Late(part, Pdu(c.SUBMIT_SM | c.RESPONSE, 1, c.RSYSERR)))
        link.put(item("a", attempts=1))
        self.assertEqual(len(link.sent), 1)

    def test_different_texts(self) -> None:
        """Two long texts to one phone have different references (SMS-33)."""
        link = Link(evolve(LINK, window=10)).put(item("a", "x" * 200), item("b", "x" * 200))
        self.assertEqual([message.short_message[3] for message in link.messages()], [1, 1, 2, 2])


class ThrottleTests(SynchronousTestCase):
    """When the SMSC says that we are too fast (SMS-9)."""

    def test_same_message_first(self) -> None:
        """A throttled text goes again before those that came after it, and its sender hears of nothing."""
        for status in (c.RTHROTTLED, c.RMSGQFUL):
            link = Link(evolve(LINK, window=1)).put(item("a"), item("b"))
            link.answer(0, status)
            self.assertEqual(link.sent, [])
            link.wait(2)
            self.assertEqual([part.delivery.item.id for part in link.sent], ["a"])
            link.answer(0)
            self.assertEqual(link.result(), Accepted(item("a"), ("id",), peer="smpp:op"))

    def test_parts_stay_in_order(self) -> None:
        """Of a long text the throttled part goes before the later ones."""
        link = Link(evolve(LINK, window=1)).put(item("long", "x" * 400))
        link.answer(0, message_id="1")
        link.answer(0, c.RTHROTTLED)
        link.wait(2)
        self.assertEqual([part.number for part in link.sent], [1])

    def test_not_for_ever(self) -> None:
        """After a minute of it the engine has the text back, to be tried again later."""
        link = Link(evolve(LINK, window=1)).put(item("a"))
        while link.now < NOW + LONGEST_THROTTLED + 30 and link.sent:
            link.answer(0, c.RTHROTTLED)
            link.wait(5)
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry), (Reason.CONGESTED, True))
        self.assertGreaterEqual(link.now, NOW + LONGEST_THROTTLED)

    def test_not_beyond_its_expiry(self) -> None:
        """A text that expires meanwhile is not sent any more (SMS-52)."""
        link = Link(evolve(LINK, window=1)).put(evolve(item("a"), expires_at=NOW + 1))
        link.answer(0, c.RTHROTTLED)
        link.wait(5)
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry, link.sent), (Reason.EXPIRED, False, []))

    def test_congestion_state(self) -> None:
        """An SMSC that says "congested" is given nothing more for a while (5.0)."""
        link = Link(evolve(LINK, window=1)).put(item("a"), item("b"))
        link.window.congested(100, NOW)
        link.answer(0)
        self.assertIsInstance(link.result(), Accepted)
        link.wait(9)
        self.assertEqual(link.sent, [])
        link.wait(3)
        self.assertEqual(len(link.sent), 1)

    def test_rate(self) -> None:
        """With a rate, that many leave in a second and no more (SMS-9)."""
        link = Link(evolve(LINK, window=100, rate=20)).put(*(item(f"i{number}") for number in range(60)))
        link.wait(1)
        self.assertIn(len(link.sent), range(20, 24))
        link.wait(1)
        self.assertIn(len(link.sent), range(40, 44))


class BindsTests(SynchronousTestCase):
    """Several binds of one link."""

    def test_credit(self) -> None:
        """Every bind has its window; the engine hears of the sum (SMS-7)."""
        link = Link(binds="AB").put(*(item(f"i{number}") for number in range(10)))
        self.assertEqual((len(link.over("A")), len(link.over("B"))), (3, 3))
        link.shut("B")
        self.assertEqual(link.window.take(), [Credit(3)])

    def test_one_text_one_bind(self) -> None:
        """The parts of one text stay on one bind, while others use the free one (SMS-34)."""
        link = Link(evolve(LINK, window=2), binds="AB").put(item("long", "x" * 700), item("b"))
        self.assertEqual({part.bind for part in link.sent if part.delivery.item.id == "long"}, {"A"})
        self.assertEqual([part.delivery.item.id for part in link.over("B")], ["b"])
        link.answer(0, message_id="1")
        self.assertEqual([part.number for part in link.over("A")], [1, 2])

    def test_goes_on_elsewhere(self) -> None:
        """When a bind goes, what it had not sent leaves on the other one, and nothing comes back."""
        link = Link(evolve(LINK, window=1), binds="AB").put(item("long", "x" * 400), item("b"))
        link.shut("A")
        self.assertEqual(link.window.take(), [Credit(1)])
        link.answer(0, message_id="1")  # sent over A before
        link.answer(0)
        for number in (1, 2):
            [part] = link.sent
            self.assertEqual((part.bind, part.number), ("B", number))
            link.answer(0, message_id=str(number + 1))
        self.assertEqual([output.refs for output in link.window.take() if isinstance(output, Accepted)],
                         [("id",), ("1", "2", "3")])

    def test_unknown_goes_elsewhere_once(self) -> None:
        """SMS-18: without an answer a text goes once more, over another bind, and then no more."""
        for ending in (Ending.TIMED_OUT, Ending.LOST):
            link = Link(evolve(LINK, retry_unknown=True), binds="AB").put(item("a"))
            [first] = link.sent
            link.end(0, ending)
            self.assertEqual(link.sent, [])
            link.wait(DOUBT)
            [second] = link.sent
            self.assertEqual((first.bind, second.bind), ("A", "B"))
            link.end(0, ending)
            result = link.result()
            assert isinstance(result, Rejected)
            self.assertEqual((result.failure.reason, result.retry), (Reason.TIMEOUT, False))

    def test_all_parts_unknown(self) -> None:
        """The parts of a long text that a lost bind had go once more, all of them, in order."""
        link = Link(evolve(LINK, retry_unknown=True), binds="AB").put(item("long", "x" * 400))
        for _ in range(3):
            link.end(0, Ending.LOST)
        link.shut("A")
        link.wait(DOUBT)
        self.assertEqual([(part.bind, part.number) for part in link.sent], [("B", 0), ("B", 1), ("B", 2)])

    def test_all_binds_lost(self) -> None:
        """When the other bind is lost in the same moment the engine has the text back, to be sent when there is
        a bind again: nothing was spent on the second one."""
        link = Link(evolve(LINK, retry_unknown=True), binds="AB").put(item("a"))
        link.end(0, Ending.LOST)
        link.shut("A")
        link.shut("B")
        [result] = [output for output in link.window.take() if isinstance(output, Rejected)]
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))

    def test_late_answer_to_the_first(self) -> None:
        """An answer to the first copy that comes before the second is sent makes the second needless."""
        link = Link(evolve(LINK, retry_unknown=True, window=1), binds="AB").put(item("a"), item("b"))
        part = link.end(0, Ending.TIMED_OUT)  # B is busy: the copy has to wait
        self.assertEqual([part.delivery.item.id for part in link.sent], ["b"])
        link.window.late(Late(part, Pdu(c.SUBMIT_SM | c.RESPONSE, 1, 0, MessageResp("id"))))
        self.assertEqual(link.result(), Accepted(item("a"), ("id",), peer="smpp:op"))
        link.answer(0)
        self.assertEqual(link.sent, [])

    def test_rebind(self) -> None:
        """A status that says "you are not bound" makes that bind begin anew (ERR 8.3)."""
        link = Link(binds="AB").put(item("a"))
        link.answer(0, c.RINVBNDSTS)
        rebind, rejected = link.window.take()
        self.assertEqual(rebind, Rebind("A"))
        assert isinstance(rejected, Rejected)
        self.assertTrue(rejected.retry)


class TlvTests(SynchronousTestCase):
    """TLVs that the operator wants with every text."""

    DLT = evolve(LINK, tlvs=((0x1400, b"entity\0"), (0x1401, b"template\0")))

    def test_every_part(self) -> None:
        """Each part of a text has them."""
        link = Link(self.DLT).put(item("long", "x" * 200))
        self.assertEqual([message.tlvs[-2:] for message in link.messages()], [self.DLT.tlvs] * 2)

    def test_refused(self) -> None:
        """An SMSC that refuses TLVs gets the text once more without them (ERR 8.3)."""
        for status in (0xC0, 0xC1, 0xC2, 0xC3, 0xC4):
            link = Link(self.DLT).put(item("a"))
            link.answer(0, status)
            self.assertEqual([message.tlvs for message in link.messages()], [()])
            link.answer(0, status)
            result = link.result()
            assert isinstance(result, Rejected)
            self.assertIs(result.failure.reason, Reason.INTERNAL)

    def test_words_of_the_answer(self) -> None:
        """What the SMSC adds to its status reaches the sender; a reason says more than "it failed"."""
        link = Link().put(item("a"))
        part = link.sent.pop()
        body = MessageResp("", ((c.TLV_ADDITIONAL_STATUS_INFO_TEXT, b"no such\x07 subscriber\0"),
                                (c.TLV_DELIVERY_FAILURE_REASON, b"\1")))
        answer = Pdu(c.SUBMIT_SM | c.RESPONSE, 1, c.RDELIVERYFAILURE, body)
        link.window.resolved(Resolved(part, Ending.ANSWERED, answer), NOW)
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.failure.text),
                         (Reason.UNKNOWN_RECIPIENT, "no such number (no such subscriber)"))

    def test_awaited(self) -> None:
        """Where the operator answers query_sm, each part's receipt is awaited until its expiry (SMS-43)."""
        link = Link(evolve(LINK, profile=Profile(query=True, id_format="hex_resp_dec_dlr")))
        link.put(evolve(item("a"), expires_at=NOW + 60))
        source = link.messages()[0].source
        link.answer(0, message_id="FF")
        awaited, _ = link.window.take()
        self.assertEqual(awaited, Awaited("255", "FF", source, NOW + 60))


steps = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 4)),
    st.tuples(st.just("answer"), st.integers(0, 20),
              st.sampled_from([0, 0, 0, c.RTHROTTLED, c.RX_P_APPN, c.RINVEXPIRY])),
    st.tuples(st.sampled_from(["time out", "lose"]), st.integers(0, 20)),
    st.tuples(st.sampled_from(["open", "shut"]), st.sampled_from("AB")),
    st.tuples(st.sampled_from(["again", "wait"])),
)


class AnyOrderTests(SynchronousTestCase):
    """Whatever happens, in whatever order."""

    @settings(max_examples=150, deadline=None)
    @given(st.lists(steps, max_size=30))
    def test_every_item_ends_once(self, script: list[tuple[object, ...]]) -> None:
        """Every item comes back exactly once for each time it was put, accepted only when every part
        was taken, and the window is never exceeded."""
        link = Link(evolve(LINK, retry_unknown=True))
        put: list[Item] = []
        back: list[Output] = []
        again: list[Item] = []
        for step in script:
            match step:
                case ("put", int(parts)):
                    one = evolve(item(f"i{len(put)}", "x" * 150 * parts), expires_at=NOW + 600)
                    put.append(one)
                    link.put(one)
                case ("answer", int(index), int(status)) if link.sent:
                    link.answer(index % len(link.sent), status)
                case ("time out", int(index)) if link.sent:
                    link.end(index % len(link.sent), Ending.TIMED_OUT)
                case ("lose", int(index)) if link.sent:
                    link.end(index % len(link.sent), Ending.LOST)
                case ("open", str(bind)) if bind not in link.binds:
                    link.window.open(bind)
                    link.binds.append(bind)
                    link.pump()
                case ("shut", str(bind)):
                    link.shut(bind)
                    link.pump()
                case ("wait",):
                    link.wait(15)
                case ("again",) if again:
                    one = again.pop()
                    put.append(one)
                    link.put(one)
            for bind in "AB":
                self.assertLessEqual(len(link.over(bind)), LINK.window)
            outputs = link.window.take()
            again += [output.item for output in outputs if isinstance(output, Rejected) and output.retry]
            back += outputs
        link.shut("A")
        link.shut("B")
        while link.sent:
            link.end(0, Ending.LOST)
        back += link.window.take()
        ended = [output for output in back if isinstance(output, Accepted | Rejected)]
        self.assertEqual(sorted(output.item.id for output in ended), sorted(one.id for one in put))
        for output in ended:
            if isinstance(output, Accepted):
                self.assertEqual(len(output.refs), parts_of(output.item))


def parts_of(one: Item) -> int:
    """How many parts one of the items above has."""
    assert isinstance(one.payload, Message)
    length = len(one.payload.text)
    return 1 if length <= 160 else -(-length // 153)
