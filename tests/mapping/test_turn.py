"""Steps of one turn see what the steps before them write."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.store.memory import MemoryStore
from iwf.mapping.rows import OptOut, Quota, Row, query
from iwf.mapping.turn import Decision, Turn, as_written, run

QUOTAS = st.builds(Quota, st.sampled_from("ab"), st.integers(0, 3), st.just(9.0))
OPTED = st.builds(OptOut, st.sampled_from("pq"), st.just("t"), st.sampled_from(["", "c"]), st.sampled_from([1.0, 2.0]))
TURNS = st.builds(lambda puts, drops: Turn(puts=tuple(puts), drops=tuple(drops)),
                  st.lists(QUOTAS | OPTED, max_size=4), st.lists(QUOTAS | OPTED, max_size=3))
QUERIES = (query(Quota, name="a"), query(Quota, used=1), query(OptOut, phone="p", tenant="t"),
           query(OptOut, tenant="t", contact=""))


def written(*turns: Turn) -> MemoryStore:
    store = MemoryStore()
    for turn in turns:
        store.begin()
        store.apply(turn)
        store.commit()
    return store


def rows_of(store: MemoryStore) -> list[set[Row]]:
    rows = store.load(QUERIES)
    return [set(rows.all(one.row, **dict(zip(one.by, one.values, strict=True)))) for one in QUERIES]


def looking() -> Decision:
    """A decision that writes down what it sees."""
    seen = []
    for one in QUERIES:
        rows = yield (one,)
        seen.append(rows.all(one.row, **dict(zip(one.by, one.values, strict=True))))
    return Turn(note=repr([sorted(map(repr, rows)) for rows in seen]))


class TurnTests(SynchronousTestCase):
    """as_written and then."""

    @settings(max_examples=150, deadline=None)
    @given(TURNS, TURNS)
    def test_as_written(self, before: Turn, step: Turn) -> None:
        """A later step is decided as though the earlier one were written."""
        store = written(before)
        seen = run(as_written(step, looking()), store.load)
        self.assertEqual(seen, run(looking(), written(before, step).load))

    @settings(max_examples=150, deadline=None)
    @given(TURNS, TURNS, TURNS)
    def test_then(self, before: Turn, one: Turn, other: Turn) -> None:
        """Two steps as one turn write what they would write one after the other."""
        self.assertEqual(rows_of(written(before, one.then(other))), rows_of(written(before, one, other)))
