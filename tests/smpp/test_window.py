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
from iwf.smpp import constants as c
from iwf.smpp.pdu import MessageResp, Nothing, Pdu, ShortMessage
from iwf.smpp.segments import References
from iwf.smpp.settings import LinkSettings, Profile
from iwf.smpp.states import Ending, Late, Resolved
from iwf.smpp.window import SLOW, Credit, Output, Part, Window

NOW = 1_700_000_000.0
LINK = LinkSettings("op", "smpp:op", "tcp:127.0.0.1:2775", "iwf", "secret", window=3)


def item(name: str, text: str = "hi", attempts: int = 0, target: str = "+491701234567") -> Item:
    message = Message(name, Party(Address("tel", "X000000001")), Address("tel", target), (Body(text),))
    return Item(name, "smpp:op", "s", message, attempts=attempts)


class Link:
    """A window and the submits it has let out."""

    def __init__(self, link: LinkSettings = LINK, is_open: bool = True) -> None:
        self.now = NOW
        self.window = Window(link, References(0), NOW)
        self.sent: list[Part] = []
        if is_open:
            self.window.open()
            assert self.window.take() == [Credit(link.window)]

    def put(self, *items: Item) -> Link:
        for one in items:
            self.window.put(one, self.now)
        self.pump()
        return self

    def pump(self) -> None:
        while (part := self.window.next_part(len(self.sent))) is not None:
            self.sent.append(part)

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
        [output] = self.window.take()
        assert isinstance(output, Accepted | Rejected), output
        return output


class DeliveryTests(SynchronousTestCase):
    """What becomes of items."""

    def test_accepted(self) -> None:
        """An accepted text has the canonical id of its answer (SMS-19)."""
        link = Link(evolve(LINK, profile=Profile(id_format="hex_resp_dec_dlr"))).put(item("a"))
        link.answer(0, message_id="38601FA")
        self.assertEqual(link.result(), Accepted(item("a"), ("59113978",)))

    def test_empty_id(self) -> None:
        """An SMSC that gives no id accepts all the same."""
        link = Link().put(item("a"))
        link.answer(0, message_id="")
        self.assertEqual(link.result(), Accepted(item("a"), ()))

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
        self.assertEqual(link.result(), Accepted(item("long", "x" * 400), ("1", "2", "3")))

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
            (c.RTHROTTLED, 5, Reason.CONGESTED, True), (c.RMSGQFUL, 5, Reason.CONGESTED, True),
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
        link = Link(is_open=False).put(item("a"))
        result = link.result()
        assert isinstance(result, Rejected)
        self.assertEqual((result.failure.reason, result.retry), (Reason.UNREACHABLE, True))

    def test_shut(self) -> None:
        """When the connection goes, credit goes first, then what was not sent goes back."""
        link = Link(evolve(LINK, window=1)).put(item("sent"), item("waiting"))
        link.window.shut()
        credit, rejected = link.window.take()
        self.assertEqual(credit, Credit(0))
        assert isinstance(rejected, Rejected)
        self.assertEqual((rejected.item.id, rejected.failure.reason, rejected.retry),
                         ("waiting", Reason.UNREACHABLE, True))
        link.window.shut()
        self.assertEqual(link.window.take(), [])

    def test_answer_while_shutting(self) -> None:
        """What was sent before may still be accepted."""
        link = Link().put(item("a"))
        link.window.shut()
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
        link.answer(0, c.RTHROTTLED)
        link.answer(0, message_id="3")
        link.window.take()
        link.put(item("other", "x" * 200))
        link.sent.clear()
        link.put(evolve(long, attempts=1))
        self.assertEqual(link.messages(), [first[1]])
        link.answer(0, message_id="2")
        self.assertEqual(link.result(), Accepted(evolve(long, attempts=1), ("1", "2", "3")))

    def test_answered_late(self) -> None:
        """What was answered late is not sent again either (SMS-18)."""
        link = Link(evolve(LINK, retry_unknown=True)).put(item("a"))
        part = link.end(0, Ending.TIMED_OUT)
        link.window.take()
        link.window.late(Late(part, Pdu(c.SUBMIT_SM | c.RESPONSE, 1, 0, MessageResp("id"))))
        link.put(item("a", attempts=1))
        self.assertEqual((link.sent, link.result()), ([], Accepted(item("a", attempts=1), ("id",))))

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

    def test_half(self) -> None:
        """Credit is halved for ten seconds, once however often it is said."""
        link = Link(evolve(LINK, window=10)).put(*(item(f"i{number}") for number in range(3)))
        link.answer(0, c.RTHROTTLED)
        link.answer(0, c.RMSGQFUL)
        credits = [output for output in link.window.take() if isinstance(output, Credit)]
        self.assertEqual(credits, [Credit(5)])
        self.assertEqual(link.window.next_timer(), NOW + SLOW)
        link.window.handle_timer(NOW + SLOW - 1)
        self.assertEqual(link.window.take(), [])
        link.window.handle_timer(NOW + SLOW)
        self.assertEqual((link.window.take(), link.window.next_timer()), ([Credit(10)], None))

    def test_never_none(self) -> None:
        """A window of one stays one."""
        link = Link(evolve(LINK, window=1)).put(item("a"))
        link.answer(0, c.RTHROTTLED)
        self.assertIn(Credit(1), link.window.take())

    def test_shut_ends_it(self) -> None:
        """A new connection begins at full speed."""
        link = Link().put(item("a"))
        link.answer(0, c.RTHROTTLED)
        link.window.shut()
        self.assertIsNone(link.window.next_timer())


steps = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 4)),
    st.tuples(st.just("answer"), st.integers(0, 20),
              st.sampled_from([0, 0, 0, c.RTHROTTLED, c.RX_P_APPN, c.RINVEXPIRY])),
    st.tuples(st.sampled_from(["time out", "lose"]), st.integers(0, 20)),
    st.tuples(st.sampled_from(["open", "shut", "again"])),
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
                    one = evolve(item(f"i{len(put)}", "x" * 150 * parts), expires_at=NOW + 60)
                    put.append(one)
                    link.put(one)
                case ("answer", int(index), int(status)) if link.sent:
                    link.answer(index % len(link.sent), status)
                case ("time out", int(index)) if link.sent:
                    link.end(index % len(link.sent), Ending.TIMED_OUT)
                case ("lose", int(index)) if link.sent:
                    link.end(index % len(link.sent), Ending.LOST)
                case ("open",):
                    link.window.open()
                case ("shut",):
                    link.window.shut()
                case ("again",) if again:
                    one = again.pop()
                    put.append(one)
                    link.put(one)
            self.assertLessEqual(len(link.sent), LINK.window)
            outputs = [output for output in link.window.take() if not isinstance(output, Credit)]
            again += [output.item for output in outputs if isinstance(output, Rejected) and output.retry]
            back += outputs
        link.window.shut()
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
