"""A phone and a contact do what they like, and time passes: the rules hold in any order."""

from __future__ import annotations

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from iwf.engine.store.sqlite import SqliteStore
from iwf.mapping.model import (
    Device,
    Event,
    Failure,
    Message,
    PhoneSeen,
    Presence,
    Reason,
    Refused,
    Show,
    WatchEnded,
    WatchRefused,
)
from iwf.mapping.rows import Subscriber, query
from tests.mapping.presence.desk import Desk
from tests.mapping.service.case import BEN_ASKS, BEN_GRANTS, PHONE_IN_M, B, from_phone, of_ben, with_service
from tests.support.sample import BEN, LANE_M, LANE_X, LINK, PHONE, TRUNK

HOUR, IDLE, BUDGET = 3600.0, 8 * 3600.0, 3
MINE = {"phone": PHONE.key, "tenant": "default"}


class PhoneAndContact(RuleBasedStateMachine):
    """Ben and the phone, with rows in SQLite as in earnest."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(with_service(presence_budget=BUDGET, presence_from_receipts=True),
                         LANE_M, LANE_X, TRUNK, LINK, store=SqliteStore(":memory:"))
        self.notices: list[float] = []
        self.wants_texts, self.online = True, False
        self.last_text = 0.0
        self.shown: bool | None = None
        """What Ben has been shown of the phone; None: nothing that holds."""

    # --- what is said -------------------------------------------------------------------------

    def said(self, event: Event) -> None:
        turn = self.desk.turn(event)
        for item in (*turn.sends, *turn.latest):
            assert not item.lane.startswith("phones"), item
            payload = item.payload
            if isinstance(payload, Message) and payload.text.endswith("is online") and item.lane == LINK \
                    and payload.origin.address.user.startswith("X"):
                self.noticed()
            if isinstance(payload, Presence) and item.lane == LANE_M:
                assert payload.target.bare() == BEN
                self.shown = any(device.open for device in payload.devices)
            if isinstance(payload, WatchRefused) and item.lane == LANE_M:
                self.shown = None
        if isinstance(event, Message):
            assert not isinstance(turn.verdict, Refused), turn
            self.last_text = self.desk.now

    def noticed(self) -> None:
        now = self.desk.now
        assert self.online and self.wants_texts  # SMSP-4, SMS-74
        assert not self.notices or now - self.notices[-1] >= HOUR  # SMSP-4
        self.notices.append(now)
        # A day begins with its first notice, so two of them touch any 24 hours.
        assert len([at for at in self.notices if at > now - 24 * HOUR]) <= 2 * BUDGET

    @rule(text=st.sampled_from(["STATUS here", "LIST", "WHO ben@xmpp.example", "ADD ben@xmpp.example",
                                "DEL ben@xmpp.example", "YES", "NO", "HELP", "hello", "LANGUAGE en"]))
    def command(self, text: str) -> None:
        self.said(from_phone("4455", text))

    @rule(name=st.sampled_from(["", "Carol"]))
    def login(self, name: str) -> None:
        self.online = True
        self.said(from_phone("4455", f"LOGIN {name}"))

    @rule()
    def logout(self) -> None:
        self.online = False
        self.said(from_phone("4455", "LOGOUT"))

    @rule(text=st.sampled_from(["STOP", "START", "STOP ben@xmpp.example", "START ben@xmpp.example"]))
    def opt(self, text: str) -> None:
        self.wants_texts = text.startswith("START")
        self.said(from_phone("4455", text))

    @rule(show=st.sampled_from(list(Show)), name=st.sampled_from(["pc", "pda"]), is_open=st.booleans())
    def ben_is_seen(self, show: Show, name: str, is_open: bool) -> None:
        self.said(of_ben(Device(name, open=is_open, show=show)))

    @rule(yes=st.booleans())
    def ben_decides(self, yes: bool) -> None:
        refuses = WatchRefused(B, PHONE_IN_M, Failure(Reason.FORBIDDEN), lane=LANE_M)
        self.said(BEN_GRANTS if yes else refuses)

    @rule(leg=st.sampled_from(["b", "c"]))
    def ben_asks(self, leg: str) -> None:
        self.said(evolve(BEN_ASKS, leg=leg))

    @rule(forever=st.booleans())
    def ben_looks_away(self, forever: bool) -> None:
        self.said(WatchEnded(B, PHONE_IN_M, forever=forever, lane=LANE_M))
        self.shown = None

    @rule(available=st.booleans())
    def operator_says(self, available: bool) -> None:
        self.said(PhoneSeen(PHONE, available, LINK))

    @rule(hours=st.sampled_from([0.1, 1.0, 5.0, 9.0, 25.0]))
    def wait(self, hours: float) -> None:
        self.desk.now += hours * HOUR
        for due in self.desk.due():
            self.said(due)
        if self.desk.now - self.last_text >= IDLE:
            self.online = False

    @precondition(lambda self: self.online)
    @rule()
    def restart(self) -> None:
        self.desk.restart()

    # --- what holds ---------------------------------------------------------------------------

    @invariant()
    def session_is_known(self) -> None:
        """The row says what the phone knows, to the five minutes in which no row is written."""
        row = self.desk.store.load((query(Subscriber, **MINE),)).one(Subscriber, **MINE)
        if row is None or not row.online:
            assert not self.online or self.desk.now - self.last_text >= IDLE - 300
            self.online = False
        else:
            assert self.online

    @invariant()
    def ben_sees_what_is_so(self) -> None:
        """Who is shown something is shown what is so (SMSP-2)."""
        row = self.desk.store.load((query(Subscriber, **MINE),)).one(Subscriber, **MINE)
        watch = self.desk.watch(BEN.key, PHONE.key)
        if watch is not None and watch.state == "granted" and self.desk.legs(BEN.key, PHONE.key):
            assert self.shown is (row is not None and row.online and row.reachable), (self.shown, row)

    @invariant()
    def one_presentity(self) -> None:
        """Ben is asked for the phone exactly while it looks, or waits for his permission."""
        watch = self.desk.watch(PHONE.key, BEN.key)
        if watch is not None:
            legs = self.desk.legs(PHONE.key, BEN.key)
            assert watch.asking == (watch.state == "asked" or (watch.state == "granted" and bool(legs)))
            assert bool(legs) == (self.online and watch.state in ("asked", "granted")), (legs, watch)


class MachineTests(SynchronousTestCase):
    """The rules in any order."""

    def test_phone_and_contact(self) -> None:
        """Whatever a phone and a contact do: what is shown is what is so, and notices stay within their
        limits (SMSP-2, SMSP-4)."""
        run_state_machine_as_test(PhoneAndContact, settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None))
