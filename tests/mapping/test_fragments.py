"""Texts that come in parts: any order, repetitions, losses (SMS-35)."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.charset import gsm
from iwf.mapping.fragments import GAP, MOST_OCTETS
from iwf.mapping.model import (
    Body,
    Due,
    Fragment,
    Message,
    Reason,
    Refused,
    Report,
    Taken,
)
from iwf.mapping.rows import NEVER, Fragments, query
from iwf.mapping.settings import Gateway, Patience
from iwf.mapping.turn import Held, LaneView, Turn
from tests.mapping.test_message import NOW, Core
from tests.support.sample import GATEWAY, LANE_X, LINK, PHONE, from_ben_to_phone, from_phone

WAIT = Patience().reassembly

DROPPING = evolve(GATEWAY, links=(evolve(GATEWAY.links[0], incomplete="drop"),))


def part(number: int, text: str, total: int = 2, reference: str = "r", to: str = "X000000001",
         hold: float = 0.0) -> Fragment:
    """A part of a text from the phone."""
    message = evolve(from_phone(to), bodies=(), hold=hold)
    return Fragment(message, reference, total, number, "gsm", gsm.write(text).hex())


class Case(SynchronousTestCase):
    """A core in which Ben has written to the phone, so that it can answer him."""

    def setUp(self) -> None:
        self.core = self.new()

    def new(self, gateway: Gateway = GATEWAY) -> Core:
        core = Core(gateway)
        core.turn(from_ben_to_phone())
        return core

    def texts(self, turn: Turn) -> list[str]:
        return [item.payload.text for item in turn.sends if isinstance(item.payload, Message)]

    def row(self, reference: str = "r") -> Fragments | None:
        asked = query(Fragments, reference=reference)
        return self.core.store.load((asked,)).one(Fragments, reference=reference)

    def due(self, reference: str = "r") -> Turn:
        """The deadline of a text comes, as the alarm would tell."""
        due = [due for due in self.core.store.due(self.core.now, 10) if due.table == Fragments.TABLE]
        self.assertEqual(due, [Due(Fragments.TABLE, reference)])
        return self.core.turn(due[0])


class WholeTests(Case):
    """All parts come."""

    def test_in_order(self) -> None:
        """Each part is taken when it is stored; with the last one the text goes on as one message."""
        first = self.core.turn(part(1, "Hello "))
        self.assertEqual((first.verdict, first.sends), (Taken(""), ()))
        last = self.core.turn(part(2, "Ben"))
        self.assertIsInstance(last.verdict, Taken)
        [item] = last.sends
        assert isinstance(item.payload, Message)
        self.assertEqual((item.payload.text, item.payload.target.key), ("Hello Ben", "xmpp:ben@xmpp.example"))

    @settings(max_examples=60, deadline=None)
    @given(st.integers(2, 8).flatmap(lambda total: st.tuples(
        st.permutations(range(1, total + 1)), st.lists(st.integers(1, total), max_size=6))), st.randoms())
    def test_any_order(self, plan: tuple[list[int], list[int]], chance: object) -> None:
        """Parts in any order with any repetitions, before and after it is whole, make the text once."""
        order, again = plan
        core = self.new()
        pieces = {number: chr(96 + number) * number for number in order}
        sent: list[str] = []
        for number in [*order[:-1], *(n for n in again if n != order[-1]), order[-1], *again]:
            turn = core.turn(part(number, pieces[number], len(order)))
            self.assertIsInstance(turn.verdict, Taken)
            sent += self.texts(turn)
        self.assertEqual(sent, ["".join(pieces[number] for number in sorted(order))])

    def test_cut_inside_a_character(self) -> None:
        """Octets are joined before they are read."""
        message = evolve(from_phone("X000000001"), bodies=())
        self.core.turn(Fragment(message, "r", 2, 2, "utf-16-be", "de00"))
        self.assertEqual(self.texts(self.core.turn(Fragment(message, "r", 2, 1, "utf-16-be", "d83d"))), ["😀"])

    def test_texts_apart(self) -> None:
        """Parts of texts with other references do not mix, whatever comes between."""
        self.core.turn(part(1, "a"))
        self.core.turn(part(1, "c", reference="s"))
        self.assertEqual(self.texts(self.core.turn(part(2, "d", reference="s"))), ["cd"])
        self.assertEqual(self.texts(self.core.turn(part(2, "b"))), ["ab"])

    def test_reference_again(self) -> None:
        """Another text under the reference of one that is whole is a text of its own."""
        self.core.turn(part(1, "a"))
        self.core.turn(part(2, "b"))
        self.assertEqual(self.core.turn(part(1, "c")).verdict, Taken(""))
        self.assertEqual(self.texts(self.core.turn(part(2, "d"))), ["cd"])

    def test_reference_too_early(self) -> None:
        """Another text under the reference of one that is not whole: that one is given up now."""
        self.core.turn(part(1, "a"))
        self.assertEqual(self.texts(self.core.turn(part(1, "c"))), ["a" + GAP])
        self.assertEqual(self.texts(self.core.turn(part(2, "d"))), ["cd"])

    def test_forgotten(self) -> None:
        """A text that is whole is remembered while parts may be repeated, and then forgotten."""
        self.core.turn(part(1, "a"))
        row = self.row()
        assert row is not None
        self.assertEqual((row.due, row.forget_at), (NOW + WAIT, NEVER))
        self.core.turn(part(2, "b"))
        row = self.row()
        assert row is not None
        self.assertEqual((row.due, row.forget_at), (None, NOW + WAIT))

    def test_held(self) -> None:
        """With a late answer only the last part waits for the outcome (ERR-13)."""
        self.assertEqual(self.core.turn(part(1, "a", hold=5.0)).verdict, Taken(""))
        self.assertIsInstance(self.core.turn(part(2, "b", hold=5.0)).verdict, Held)

    def test_command(self) -> None:
        """A long text to the service number is a command when it is whole (SMS-70)."""
        self.assertEqual(self.core.turn(part(1, "TO ben@xmpp.", to="4455")).verdict, Taken(""))
        self.assertEqual(self.texts(self.core.turn(part(2, "example good morning", to="4455"))), ["good morning"])


class RefusedTests(Case):
    """The text cannot be delivered."""

    def test_nobody(self) -> None:
        """A part to a number that stands for nobody is refused at once and not kept (SMS-61)."""
        turn = self.core.turn(part(1, "a", to="X000000009"))
        assert isinstance(turn.verdict, Refused)
        self.assertIs(turn.verdict.failure.reason, Reason.UNKNOWN_RECIPIENT)
        self.assertIsNone(self.row())

    def test_own_number(self) -> None:
        """A part from a number of ours is dropped (LOOP-7)."""
        fragment = part(1, "a")
        ours = evolve(fragment.message.origin.address, user="X000000001")
        message = evolve(fragment.message, origin=evolve(fragment.message.origin, address=ours))
        self.assertEqual(self.core.turn(evolve(fragment, message=message)).verdict, Taken(""))
        self.assertIsNone(self.row())

    def test_no_link(self) -> None:
        """Parts come from links of phones alone."""
        fragment = part(1, "a")
        turn = self.core.turn(evolve(fragment, message=evolve(fragment.message, lane=LANE_X)))
        self.assertIsInstance(turn.verdict, Refused)

    def test_giant(self) -> None:
        """Parts that together are more than a phone can write are refused; what was taken stays."""
        self.core.turn(part(1, "a" * MOST_OCTETS, total=3))
        turn = self.core.turn(part(2, "b", total=3))
        assert isinstance(turn.verdict, Refused)
        self.assertIs(turn.verdict.failure.reason, Reason.TOO_BIG)
        row = self.row()
        assert row is not None
        self.assertEqual(len(row.pieces), 1)

    def test_cannot_now(self) -> None:
        """When the contact's server is away, the last part is refused for now; the others are kept, and
        it completes the text when it comes again."""
        self.core.turn(part(1, "a"))
        self.core.lanes[LANE_X] = LaneView(up=False, changed=NOW - 60)
        self.core.lanes["xmpp:sms.xmpp.example"] = LaneView(up=False, changed=NOW - 60)
        turn = self.core.turn(part(2, "b"))
        assert isinstance(turn.verdict, Refused)
        self.assertFalse(turn.verdict.failure.permanent)
        self.assertEqual(turn.sends, ())
        self.core.lanes.clear()
        self.assertEqual(self.texts(self.core.turn(part(2, "b"))), ["ab"])

    def test_never(self) -> None:
        """When the text is refused for good, the last part is too, and the phone is told, since the
        other parts were taken (ERR-15)."""
        core = self.core = Core(evolve(GATEWAY, aliases=tuple(
            evolve(alias, max_size=1100) for alias in GATEWAY.aliases)))
        core.turn(from_ben_to_phone())
        core.turn(part(1, "a" * 1000))
        turn = core.turn(part(2, "b" * 1000))
        assert isinstance(turn.verdict, Refused)
        self.assertIs(turn.verdict.failure.reason, Reason.TOO_BIG)
        [item] = turn.sends
        assert isinstance(item.payload, Report)
        self.assertEqual((item.lane, item.payload.recipient, item.payload.origin.user), (LINK, PHONE, "X000000001"))
        self.assertEqual(core.turn(part(2, "b" * 1000)).verdict, Taken(""))


class LostTests(Case):
    """Parts that never come."""

    def test_holes(self) -> None:
        """Ten minutes after the last part what is there is delivered, with marks for what is not."""
        self.core.turn(part(2, "b", total=5))
        self.core.now = NOW + 60
        self.core.turn(part(3, "c", total=5))
        self.assertEqual(self.core.store.next_due(), NOW + 60 + WAIT)
        self.core.now = NOW + 60 + WAIT
        turn = self.due()
        self.assertEqual((self.texts(turn), turn.verdict), ([f"{GAP}bc{GAP}"], None))
        self.assertIsNone(self.core.store.next_due())

    def test_too_late(self) -> None:
        """A part that comes after that is delivered as well, and repeated ones are not."""
        self.core.turn(part(1, "a"))
        self.core.now += WAIT
        self.due()
        self.assertEqual(self.core.turn(part(1, "a")).sends, ())
        self.core.turn(part(2, "b"))
        self.core.now += WAIT
        self.assertEqual(self.texts(self.due()), [f"{GAP}b"])

    def test_not_yet(self) -> None:
        """A deadline that has moved meanwhile is none."""
        self.core.turn(part(1, "a"))
        self.assertEqual(self.core.turn(Due(Fragments.TABLE, "r")), Turn())
        self.assertEqual(self.core.turn(Due(Fragments.TABLE, "unknown")), Turn())

    def test_dropped(self) -> None:
        """By configuration the phone is told instead."""
        self.core = self.new(DROPPING)
        self.core.turn(part(1, "a"))
        self.core.now += WAIT
        [item] = self.due().sends
        assert isinstance(item.payload, Report)
        self.assertEqual((item.payload.recipient, item.payload.failure.reason), (PHONE, Reason.EXPIRED))

    def test_refused_at_the_end(self) -> None:
        """What cannot be delivered when the time is up is told to the phone (ERR-15)."""
        self.core.turn(part(1, "a"))
        self.core.now += WAIT
        self.core.lanes[LANE_X] = LaneView(up=False, changed=NOW)
        self.core.lanes["xmpp:sms.xmpp.example"] = LaneView(up=False, changed=NOW)
        turn = self.due()
        self.assertEqual([type(item.payload) for item in turn.sends], [Report])
        self.assertIsNone(turn.verdict)

    def test_nobody_to_tell(self) -> None:
        """Where phones are not to be told, nothing goes out."""
        self.core = self.new(evolve(DROPPING, links=(evolve(DROPPING.links[0], notify_phone=False),)))
        self.core.turn(part(1, "a"))
        self.core.now += WAIT
        self.assertEqual(self.due().sends, ())


class SerialTests(Case):
    """References of long texts to phones (SMS-33)."""

    def serials(self, *texts: str) -> list[int]:
        found = []
        for text in texts:
            [item] = self.core.turn(from_ben_to_phone(text)).sends
            assert isinstance(item.payload, Message)
            found.append(item.payload.serial)
        return found

    def test_counted(self) -> None:
        """Longer texts from one number to one phone are counted, short ones are not."""
        self.assertEqual(self.serials("a" * 71, "short", "b" * 71, "😀" * 36, "😀" * 35, "c" * 700), [1, 0, 2, 3, 0, 4])

    def test_each_phone(self) -> None:
        """Each phone has its own count."""
        self.serials("a" * 71)
        other = from_ben_to_phone("a" * 71)
        other = evolve(other, target=evolve(other.target, user="+491701234568"))
        [item] = self.core.turn(other).sends
        assert isinstance(item.payload, Message)
        self.assertEqual(item.payload.serial, 1)

    def test_introduced(self) -> None:
        """The name before a first text counts (MSG-44)."""
        self.core = Core()
        message = from_ben_to_phone("a" * 70)
        [item] = self.core.turn(evolve(message, bodies=(Body("a" * 70),))).sends
        assert isinstance(item.payload, Message)
        self.assertEqual(item.payload.serial, 1)
