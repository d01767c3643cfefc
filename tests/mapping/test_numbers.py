"""Virtual numbers: whoever answers a number reaches the one who wrote from it, and nobody else."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.mapping.model import Failure, Reason
from iwf.mapping.numbers import Allocation, allocate, in_pool
from iwf.mapping.rows import Lease
from iwf.mapping.settings import DAY, NumberPool, Patience

PATIENCE = Patience()
SERIALS = NumberPool("p", prefix="X", width=9)
TWO = NumberPool("p", numbers=("+491510000001", "+491510000002"))


class Book:
    """Leases as the ledger would keep them."""

    def __init__(self, pool: NumberPool) -> None:
        self.pool, self.counter = pool, 0
        self.leases: dict[tuple[str, str], Lease] = {}

    def write(self, phone: str, contact: str, now: float) -> str | Failure:
        rows = list(self.leases.values())
        result = allocate(
            phone, contact, self.pool, now=now, counter=self.counter, patience=PATIENCE,
            of_pair=next((r for r in rows if (r.phone, r.contact) == (phone, contact)), None),
            of_contact=[r for r in rows if r.contact == contact],
            of_phone=[r for r in rows if r.phone == phone])
        if isinstance(result, Failure):
            return result
        for freed in result.freed:
            del self.leases[freed.phone, freed.number]
        self.counter = self.counter if result.counter is None else result.counter
        self.leases[phone, result.lease.number] = result.lease
        pairs = [(row.phone, row.contact) for row in self.leases.values()]
        assert len(pairs) == len(set(pairs)), "two numbers for one pair"
        return result.lease.number

    def read(self, phone: str, number: str, now: float) -> str | None:
        lease = self.leases.get((phone, number))
        return lease.contact if lease is not None and now < lease.forget_at else None


class NumberTests(SynchronousTestCase):
    """ADDR-44..49."""

    def test_paper_format(self) -> None:
        """The first serial of the paper is X000000001 (ADDR-44)."""
        self.assertEqual(Book(SERIALS).write("+1", "a", 0), "X000000001")

    def test_same_number_again(self) -> None:
        """A contact keeps his number with a phone, also out of quarantine (ADDR-47)."""
        book = Book(SERIALS)
        first = book.write("+1", "a", 0)
        self.assertEqual(book.write("+1", "a", 33 * DAY), first)

    def test_one_face(self) -> None:
        """A contact has the same number with every phone where it is free (ADDR-47)."""
        book = Book(SERIALS)
        self.assertEqual(book.write("+1", "a", 0), book.write("+2", "a", 0))

    def test_small_pool_many_phones(self) -> None:
        """Two numbers serve any count of phones; a third contact of one phone has to wait (ADDR-49)."""
        book = Book(TWO)
        for phone in range(50):
            numbers = {book.write(f"+{phone}", contact, 0) for contact in ("a", "b")}
            self.assertEqual(numbers, set(TWO.numbers))
        failure = book.write("+1", "c", 1)
        assert isinstance(failure, Failure)
        self.assertEqual(failure.reason, Reason.CONGESTED)
        self.assertFalse(failure.permanent)

    def test_quarantine(self) -> None:
        """A number that rests is not given to another; after the rest it is (ADDR-47)."""
        book = Book(TWO)
        book.write("+1", "a", 0)
        book.write("+1", "b", 0)
        self.assertIsInstance(book.write("+1", "c", 36.9 * DAY), Failure)
        self.assertEqual(book.read("+1", TWO.numbers[0], 36.9 * DAY), "a")
        self.assertIsNone(book.read("+1", TWO.numbers[0], 37 * DAY))
        self.assertIn(book.write("+1", "c", 37.1 * DAY), TWO.numbers)

    def test_counter_wraps(self) -> None:
        """The serial counts round and skips what is leased (ADDR-46)."""
        book = Book(NumberPool("p", prefix="X", width=1))
        for contact in "abcdefgh":
            book.write("+1", contact, 0)
        book.counter = 8
        self.assertEqual(book.write("+1", "i", 0), "X9")
        self.assertEqual(book.write("+2", "z", 0), "X1")

    def test_membership(self) -> None:
        """A number is one of ours by its form (LOOP-7)."""
        for number, ours in (("X000000001", True), ("X00000001", False), ("Y000000001", False),
                             ("X00000000a", False), ("X00000000٣", False)):
            self.assertEqual(in_pool(number, SERIALS), ours, number)
        self.assertTrue(in_pool("+491510000002", TWO))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("abcde"),
                              st.floats(0, 20 * DAY)), max_size=60))
    def test_never_a_stranger(self, steps: list[tuple[int, str, float]]) -> None:
        """Whatever happens, a number a phone has seen stands for the same contact until its rest
        is over (ADDR-48)."""
        book, now = Book(NumberPool("p", prefix="", width=1)), 0.0
        seen: dict[tuple[str, str], tuple[str, float]] = {}
        for phone, contact, wait in steps:
            now += wait
            number = book.write(f"+{phone}", contact, now)
            if isinstance(number, Failure):
                continue
            before = seen.get((f"+{phone}", number))
            if before is not None and before[0] != contact:
                self.assertGreaterEqual(now, before[1] + 37 * DAY)
            seen[f"+{phone}", number] = (contact, now)
            self.assertEqual(book.read(f"+{phone}", number, now), contact)

    def test_new_only_once(self) -> None:
        """The first text introduces its sender, later ones need not (MSG-44)."""
        first = allocate("+1", "a", SERIALS, of_pair=None, of_contact=(), of_phone=(), counter=0,
                         now=0, patience=PATIENCE)
        assert isinstance(first, Allocation)
        again = allocate("+1", "a", SERIALS, of_pair=first.lease, of_contact=(first.lease,),
                         of_phone=(first.lease,), counter=1, now=5, patience=PATIENCE)
        assert isinstance(again, Allocation)
        self.assertEqual((first.new, again.new), (True, False))
        self.assertEqual(again.lease, evolve(first.lease, last_used=5.0,
                                             forget_at=5.0 + 37 * DAY))
